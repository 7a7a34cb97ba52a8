import { describe, expect, test } from "vitest";
import { copyOf, type Grant } from "../../src/core/balances.js";
import { anchorLimits, changeControls } from "../../src/core/controls.js";
import type { UsageLimit } from "../../src/core/controlTerms.js";
import { APR_30, FEB_28, grant, JAN_31, limit, MAR_31, messages, monthly, row } from "./fixtures.js";

const everyMonth: UsageLimit = { max: 10, interval: "month" };

describe("a usage limit", () => {
  const limitsOf = (usageLimits: UsageLimit[], ...grants: Grant[]) =>
    changeControls(messages(...grants), { usageLimits }, MAR_31).limits;

  test("counts from the start of the plan's periods", () => {
    expect(limitsOf([everyMonth], grant("a", { reset: monthly }))).toEqual([
      { max: 10, used: 0, interval: "month", count: 1, anchor: JAN_31, nextAt: APR_30 },
    ]);
  });

  test("counts from the calendar's where it says so, or where no plan has periods", () => {
    const calendar = [
      { max: 10, used: 0, interval: "month", count: 1, anchor: 0, nextAt: Date.UTC(2026, 3, 1) },
    ];
    expect(limitsOf([{ ...everyMonth, anchor: "utc" }], grant("a", { reset: monthly }))).toEqual(calendar);
    expect(limitsOf([{ ...everyMonth, anchor: "billing_cycle" }], grant("a"))).toEqual(calendar);
  });

  test("does not count from an add-on's periods, nor from what has not begun or is over", () => {
    const others = [
      grant("a", { reset: monthly, addOn: true }),
      grant("b", { reset: monthly, startsAt: APR_30 }),
      grant("c", { reset: monthly, expiresAt: FEB_28 }),
    ];
    expect(limitsOf([everyMonth], ...others)?.[0]?.anchor).toBe(0);
  });

  test.each([
    ["day", Date.UTC(2026, 3, 1)],
    ["week", Date.UTC(2026, 3, 6)],
    ["month", Date.UTC(2026, 3, 1)],
    ["year", Date.UTC(2027, 0, 1)],
  ] as const)("of the calendar for each %s begins anew with it; weeks on Mondays", (interval, nextAt) => {
    expect(limitsOf([{ max: 10, interval, anchor: "utc" }])?.[0]?.nextAt).toBe(nextAt);
  });

  test("that stays keeps its count, wherever it counts from, and one of another interval begins at nothing", () => {
    const before = row("messages", [grant("a", { reset: monthly })], {
      limits: [limit(10, { used: 7 }), limit(50, { used: 9, interval: "day" })],
    });
    const usageLimits: UsageLimit[] = [
      { max: 20, interval: "month", anchor: "utc" },
      { max: 20, interval: "year" },
    ];
    const after = changeControls(before, { usageLimits }, JAN_31);
    expect(after.limits?.map(({ max, used }) => [max, used])).toEqual([
      [20, 7],
      [20, 0],
    ]);
  });

  test("that counted several intervals at a time is another one", () => {
    const before = row("messages", [grant("a", { reset: monthly })], {
      limits: [limit(10, { used: 7, count: 2 })],
    });
    expect(changeControls(before, { usageLimits: [everyMonth] }, JAN_31).limits?.[0]?.used).toBe(0);
  });

  test("can be taken away, or set to none, which holds instead of the customer's", () => {
    const before = row("messages", [], { limits: [limit(10)] });
    expect(changeControls(before, { usageLimits: null }, JAN_31)).not.toHaveProperty("limits");
    expect(changeControls(before, { usageLimits: [] }, JAN_31).limits).toEqual([]);
  });
});

describe("a control of overage", () => {
  const overageOf = (...args: Parameters<typeof changeControls>) => changeControls(...args).overage;
  const controlled = row("messages", [], { overage: { allowed: true, max: 50 } });

  test("allows or forbids it", () => {
    expect(overageOf(messages(), { overageAllowed: false }, JAN_31)).toEqual({ allowed: false });
    expect(overageOf(controlled, { overageAllowed: false }, JAN_31)).toEqual({ allowed: false, max: 50 });
  });

  test("limits what is spent", () => {
    expect(overageOf(messages(), { spendLimit: 20 }, JAN_31)).toEqual({ max: 20 });
    expect(overageOf(controlled, { spendLimit: 0 }, JAN_31)).toEqual({ allowed: true, max: 0 });
  });

  test("is taken away by null, the one without the other", () => {
    expect(overageOf(controlled, { overageAllowed: null }, JAN_31)).toEqual({ max: 50 });
    expect(overageOf(controlled, { spendLimit: null }, JAN_31)).toEqual({ allowed: true });
    expect(changeControls(controlled, { overageAllowed: null, spendLimit: null }, JAN_31)).not.toHaveProperty(
      "overage",
    );
  });
});

describe("a spend limit by percentage", () => {
  const ofPlan = (id: string, granted: number, fields: Partial<Grant> = {}) =>
    grant(id, { granted, reset: monthly, planId: "pro", ...fields });
  const maxOf = (percent: number, ...grants: Grant[]) =>
    changeControls(messages(...grants), { spendLimit: { percent } }, JAN_31).overage?.max;

  test("is of what the plans grant each period, together", () => {
    expect(maxOf(50, ofPlan("a", 100), ofPlan("b", 33))).toBe(66.5);
  });

  test("does not count what is added, bought in advance, given, given once, not yet begun, or over", () => {
    const others = [
      ofPlan("a", 100, { addOn: true }),
      ofPlan("b", 100, { prepaid: true }),
      ofPlan("c", 100, { planId: undefined }),
      ofPlan("d", 100, { reset: undefined }),
      ofPlan("e", 100, { startsAt: FEB_28 }),
      ofPlan("f", 100, { expiresAt: JAN_31 }),
    ];
    expect(maxOf(50, ofPlan("main", 10), ...others)).toBe(5);
  });

  test("is rounded down to the places that an amount may have", () => {
    expect(maxOf(66.666666666, ofPlan("a", 100.1))).toBe(66.733333332);
  });

  test("of nothing is no limit", () => {
    expect(maxOf(50)).toBeUndefined();
    expect(changeControls(messages(), { spendLimit: { percent: 50 } }, JAN_31)).not.toHaveProperty("overage");
  });
});

describe("limits that follow a plan's periods", () => {
  const limited = (anchor: number) =>
    copyOf(row("messages", [], { limits: [limit(10, { used: 7, anchor })] }));

  test("begin anew where those do", () => {
    const balance = limited(JAN_31);
    anchorLimits(balance, MAR_31, MAR_31);
    expect(balance.limits).toEqual([limit(10, { anchor: MAR_31, nextAt: APR_30 })]);
  });

  test("do so with the calendar where they follow that: not at all", () => {
    const balance = limited(0);
    anchorLimits(balance, MAR_31, MAR_31);
    expect(balance).toEqual(limited(0));
  });

  test("may be none", () => {
    const balance = copyOf(messages());
    anchorLimits(balance, MAR_31, MAR_31);
    expect(balance).toEqual(messages());
  });
});

test("what is not changed stays, and the balance given is left as it is", () => {
  const before = row("messages", [grant("a")], { limits: [limit(10, { used: 7 })], overage: { max: 5 } });
  expect(changeControls(before, {}, JAN_31)).toEqual(before);
  changeControls(before, { usageLimits: null, spendLimit: 1, overageAllowed: true }, JAN_31);
  expect(before.overage).toEqual({ max: 5 });
});
