import { describe, expect, test } from "vitest";
import { answer, summarize } from "../../src/core/answers.js";
import {
  APR_30,
  ask,
  credits,
  daily,
  DAY,
  FEB_28,
  grant,
  JAN_31,
  limit,
  MAR_31,
  messages,
  monthly,
  orCredits,
  row,
  scope,
  usageBased,
} from "./fixtures.js";

describe("a summary", () => {
  test("adds up all that can pay", () => {
    const rows = [messages(grant("a", { used: 30.1 }), grant("b", { granted: 50.2, used: 10 }))];
    expect(summarize(rows, scope())).toMatchObject({
      granted: 150.2,
      usage: 40.1,
      remaining: 110.1,
      unlimited: false,
      overageAllowed: false,
      nextResetAt: null,
    });
  });

  test("of nothing is nothing", () => {
    expect(summarize([], scope())).toEqual({
      granted: 0,
      usage: 0,
      remaining: 0,
      balance: 0,
      unlimited: false,
      overageAllowed: false,
      nextResetAt: null,
      breakdown: [],
    });
  });

  test("counts no grant as less than nothing left", () => {
    const rows = [messages(grant("a", { used: 130, overage: usageBased }), grant("b"))];
    expect(summarize(rows, scope())).toMatchObject({ granted: 200, usage: 130, remaining: 100, balance: 70 });
  });

  test("of an unlimited balance shows its use, and nothing granted or left", () => {
    const rows = [messages(grant("a", { used: 30 }), grant("b", { granted: 0, unlimited: true, used: 5 }))];
    expect(summarize(rows, scope())).toMatchObject({
      granted: 0,
      usage: 5,
      remaining: 0,
      balance: 0,
      unlimited: true,
    });
  });

  test("is in units of the asked feature", () => {
    const rows = [
      messages(grant("a", { granted: 10, used: 1 })),
      credits(grant("b", { granted: 60, used: 15 })),
    ];
    expect(summarize(rows, scope({ pools: orCredits(3) }))).toMatchObject({
      granted: 30,
      usage: 6,
      remaining: 24,
    });
  });

  test("adds the grants of a credit system before it converts them", () => {
    const rows = [credits(grant("a", { granted: 1 }), grant("b", { granted: 2 }))];
    expect(summarize(rows, scope({ pools: orCredits(3) }))).toMatchObject({ granted: 1, remaining: 1 });
  });

  test("rounds what is left down: nothing is promised that could not be drawn", () => {
    const rows = [credits(grant("a", { granted: 2 }))];
    expect(summarize(rows, scope({ pools: orCredits(3) })).remaining).toBe(0.666666666);
  });

  test("shows the soonest reset", () => {
    const rows = [messages(grant("a", { reset: monthly }), grant("b", { reset: daily }), grant("c"))];
    expect(summarize(rows, scope()).nextResetAt).toBe(JAN_31 + DAY);
  });

  test("leaves out what cannot pay: other entities, what has not begun, what is over", () => {
    const rows = [
      messages(grant("a"), grant("later", { startsAt: FEB_28 }), grant("over", { expiresAt: JAN_31 })),
      row("messages", [grant("b")], { entityId: "seat" }),
      row("messages", [grant("c")], { entityId: "desk" }),
    ];
    expect(summarize(rows, scope({ entityId: "seat" })).granted).toBe(200);
    expect(summarize(rows, scope()).granted).toBe(100);
  });
});

describe("overage is allowed", () => {
  test("where one grant that can pay allows it", () => {
    expect(
      summarize([messages(grant("a"), grant("b", { overage: usageBased }))], scope()).overageAllowed,
    ).toBe(true);
    expect(summarize([messages(grant("a"))], scope()).overageAllowed).toBe(false);
  });

  test("or forbidden by the control that holds, whatever the grants say", () => {
    const rows = (allowed: boolean) => [
      row("messages", [grant("a", { overage: usageBased })], { overage: { allowed } }),
    ];
    expect(summarize(rows(false), scope()).overageAllowed).toBe(false);
    expect(summarize(rows(true), scope()).overageAllowed).toBe(true);
  });

  test("by the control of the entity that asks", () => {
    const rows = [
      messages(grant("a")),
      row("messages", [], { entityId: "seat", overage: { allowed: true } }),
    ];
    expect(summarize(rows, scope({ entityId: "seat" })).overageAllowed).toBe(true);
    expect(summarize(rows, scope()).overageAllowed).toBe(false);
  });
});

describe("a breakdown", () => {
  test("tells of each grant that can pay, in its own unit and in burn order", () => {
    const rows = [
      credits(grant("c", { granted: 60, used: 15, expiresAt: APR_30 })),
      messages(
        grant("a", { planId: "pro", used: 130, reset: monthly, overage: usageBased }),
        grant("r", { granted: 20, used: 5, rolledFrom: "a", expiresAt: MAR_31 }),
      ),
    ];
    expect(summarize(rows, scope({ pools: orCredits(3) })).breakdown).toEqual([
      {
        featureId: "messages",
        grantId: "r",
        granted: 20,
        usage: 5,
        remaining: 15,
        overage: 0,
        unlimited: false,
        expiresAt: MAR_31,
        rollover: true,
      },
      {
        featureId: "messages",
        grantId: "a",
        planId: "pro",
        granted: 100,
        usage: 130,
        remaining: 0,
        overage: 30,
        unlimited: false,
        interval: "month",
        intervalCount: 1,
        nextResetAt: FEB_28,
      },
      {
        featureId: "credits",
        grantId: "c",
        granted: 60,
        usage: 15,
        remaining: 45,
        overage: 0,
        unlimited: false,
        expiresAt: APR_30,
      },
    ]);
  });

  test("names the entity whose grant it is", () => {
    const rows = [row("messages", [grant("a")], { entityId: "seat" })];
    expect(summarize(rows, scope({ entityId: "seat" })).breakdown[0]?.entityId).toBe("seat");
  });

  test("shows of an unlimited grant its use alone", () => {
    const rows = [messages(grant("a", { granted: 0, unlimited: true, used: 500 }))];
    expect(summarize(rows, scope()).breakdown).toEqual([
      {
        featureId: "messages",
        grantId: "a",
        granted: 0,
        usage: 500,
        remaining: 0,
        overage: 0,
        unlimited: true,
      },
    ]);
  });
});

describe("the answer to a check", () => {
  test("says whether it is allowed, and what a meter shows", () => {
    expect(answer([messages(grant("a", { used: 30, reset: monthly }))], ask(50))).toEqual({
      allowed: true,
      reason: null,
      featureId: "messages",
      requiredBalance: 50,
      granted: 100,
      usage: 30,
      remaining: 70,
      balance: 70,
      unlimited: false,
      overageAllowed: false,
      nextResetAt: FEB_28,
      breakdown: [
        {
          featureId: "messages",
          grantId: "a",
          granted: 100,
          usage: 30,
          remaining: 70,
          overage: 0,
          unlimited: false,
          interval: "month",
          intervalCount: 1,
          nextResetAt: FEB_28,
        },
      ],
    });
  });

  test("says why not, and for which entity", () => {
    const rows = [row("messages", [grant("a")], { entityId: "seat", limits: [limit(4)] })];
    expect(answer(rows, ask(5, { entityId: "seat" }))).toMatchObject({
      allowed: false,
      reason: "usage_limit",
      entityId: "seat",
      requiredBalance: 5,
      remaining: 100,
    });
  });

  test("shows the balance before the use that it allows", () => {
    expect(answer([messages(grant("a"))], ask(50)).remaining).toBe(100);
  });
});
