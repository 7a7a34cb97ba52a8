import { describe, expect, test } from "vitest";
import { advance } from "../../src/core/advance.js";
import type { Balance } from "../../src/core/balances.js";
import { amountOf, openPeriods } from "../../src/core/charges.js";
import { changeGrants } from "../../src/core/plans.js";
import { APR_30, DAY, FEB_28, grant, JAN_31, MAR_31, messages, monthly, usageBased } from "./fixtures.js";

const calls = (used: number, fields: Parameters<typeof grant>[1] = {}) =>
  grant("calls", { used, reset: monthly, overage: usageBased, planId: "metered", ...fields });

describe("the open period of a usage-based grant", () => {
  test("owes what is used beyond what is granted, at its price", () => {
    expect(openPeriods(messages(calls(130)), JAN_31)).toEqual([
      {
        grantId: "calls",
        source: "plan",
        planId: "metered",
        featureId: "messages",
        from: JAN_31,
        to: FEB_28,
        granted: 100,
        overage: 30,
        amount: 30,
      },
    ]);
  });

  test("is what its close will charge, to the last digit", () => {
    const price = { tiers: [{ to: "inf" as const, amount: 0.1 }], tierBehavior: "graduated" as const };
    const balance = messages(calls(100.3, { overage: { price: { ...price, billingUnits: 0.1 } } }));
    const [open] = openPeriods(balance, JAN_31);
    expect(open).toMatchObject({ overage: 0.3, amount: 0.3 });
    expect(advance(balance, FEB_28).closed).toEqual([open]);
  });

  test("is shown though it owes nothing yet", () => {
    expect(openPeriods(messages(calls(100)), JAN_31)).toMatchObject([{ overage: 0, amount: 0 }]);
  });

  test("owes nothing of what was set below zero by hand, not even a negative amount", () => {
    const priced = calls(-30, { granted: 0 });
    expect(openPeriods(messages(priced), JAN_31)).toMatchObject([{ overage: 0, amount: 0 }]);
  });

  test("begins with the plan, if that was in the midst of it", () => {
    const later = calls(130, { startsAt: JAN_31 + DAY });
    expect(openPeriods(messages(later), JAN_31 + 2 * DAY)).toMatchObject([
      { from: JAN_31 + DAY, to: FEB_28 },
    ]);
  });

  test("ends with the plan, if that is sooner", () => {
    const ending = calls(130, { expiresAt: JAN_31 + 9 * DAY });
    expect(openPeriods(messages(ending), JAN_31)).toMatchObject([{ to: JAN_31 + 9 * DAY }]);
  });

  test("has no end of its own if it never resets", () => {
    const endless = grant("calls", { used: 130, overage: usageBased });
    expect(openPeriods(messages(endless), JAN_31)).toMatchObject([{ from: JAN_31, to: null }]);
  });

  test("is the next one after a boundary", () => {
    const { balance } = advance(messages(calls(130)), FEB_28);
    expect(openPeriods(balance, FEB_28)).toMatchObject([{ from: FEB_28, to: MAR_31, overage: 0 }]);
  });

  test("goes on though its plan is not paid: what it owes is owed", () => {
    const suspended = calls(130, { suspendedAt: JAN_31 });
    expect(openPeriods(messages(suspended), JAN_31)).toMatchObject([{ overage: 30, amount: 30 }]);
    expect(advance(messages(suspended), FEB_28).closed).toMatchObject([{ overage: 30, amount: 30 }]);
  });

  test("is nobody's that is not charged: a debt that is carried, what is unlimited, scheduled or not priced", () => {
    const free = [
      calls(130, { carry: true }),
      calls(130, { unlimited: true }),
      calls(0, { startsAt: JAN_31 + DAY }),
      grant("free", { used: 130, reset: monthly }),
    ];
    expect(openPeriods(messages(...free), JAN_31)).toEqual([]);
  });
});

describe("the ends of a grant's periods", () => {
  const ended = (balance: Balance, now: number) =>
    changeGrants(balance, {
      ending: new Set(["plan"]),
      incoming: [],
      keepsUsage: false,
      keepsBalance: false,
      now,
      nextGrantId: () => "next",
    });

  test("are never the same, though it is ended in the millisecond in which a period began", () => {
    const january = advance(messages(calls(130)), FEB_28);
    const [reset] = january.balance.grants;
    const overused = { ...january.balance, grants: [{ ...reset!, used: 107 }] };
    const february = ended(overused, FEB_28);
    expect([...january.closed, ...february.closed]).toMatchObject([
      { from: JAN_31, to: FEB_28, overage: 30 },
      { from: FEB_28, to: FEB_28 + 1, overage: 7 },
    ]);
  });

  test("are the instant itself, where no period was before", () => {
    expect(ended(messages(calls(130)), JAN_31).closed).toMatchObject([{ from: JAN_31, to: JAN_31 }]);
  });

  test("are the instant of the change, in the midst of a period", () => {
    const { balance } = advance(messages(calls(130)), JAN_31 + DAY);
    expect(ended(balance, JAN_31 + DAY).closed).toMatchObject([{ from: JAN_31, to: JAN_31 + DAY }]);
  });

  test("are each boundary once, though months are advanced over at once", () => {
    const daily = { interval: "day", count: 1, anchor: JAN_31, nextAt: JAN_31 + DAY } as const;
    const both = messages(calls(130), grant("daily", { used: 101, reset: daily, overage: usageBased }));
    const { closed } = advance(both, APR_30);
    const ends = closed.map(({ grantId, to }) => `${grantId} ${to}`);
    expect(ends).toEqual([`daily ${JAN_31 + DAY}`, `calls ${FEB_28}`]);
  });
});

test("amounts are added exactly", () => {
  expect(amountOf([])).toBe(0);
  expect(amountOf([{ amount: 0.1 }, { amount: 0.2 }])).toBe(0.3);
});
