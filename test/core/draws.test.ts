import { describe, expect, test } from "vitest";
import { askedFeature, assertBalanced, decide, defaultOnInsufficient, draw } from "../../src/core/draws.js";
import { governingRow, limitsOf } from "../../src/core/controls.js";
import {
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
  own,
  refusal,
  row,
  scope,
  usageBased,
  used,
} from "./fixtures.js";

const LARGEST = 9_007_199_254_740_991;
const upTo = (max: number) => ({ ...usageBased, max });

describe("a draw", () => {
  test("takes what was asked for from the balance", () => {
    const { rows, ...told } = draw([messages(grant("a", { reset: monthly }))], ask(30.5), "cap");
    expect(used(rows)).toEqual({ a: 30.5 });
    expect(told).toEqual({
      draws: [{ grantId: "a", amount: 30.5, units: 30.5, until: FEB_28 }],
      applied: 30.5,
      uncovered: 0,
      unlimited: false,
      shortage: null,
    });
  });

  test("takes each grant down to zero before the next", () => {
    const { rows, draws } = draw(
      [messages(grant("once"), grant("resets", { granted: 10, used: 4, reset: monthly }))],
      ask(9),
      "cap",
    );
    expect(used(rows)).toEqual({ resets: 10, once: 3 });
    expect(draws).toEqual([
      { grantId: "resets", amount: 6, units: 6, until: FEB_28 },
      { grantId: "once", amount: 3, units: 3 },
    ]);
  });

  test("says when what it takes would have lapsed anyway", () => {
    const rows = [messages(grant("a", { granted: 1, reset: daily }), grant("b", { expiresAt: MAR_31 }))];
    expect(draw(rows, ask(2), "cap").draws.map(({ until }) => until)).toEqual([JAN_31 + DAY, MAR_31]);
  });

  test("of nothing draws nothing", () => {
    const { draws, applied, uncovered, shortage } = draw([messages(grant("a"))], ask(0), "reject");
    expect({ draws, applied, uncovered, shortage }).toEqual({
      draws: [],
      applied: 0,
      uncovered: 0,
      shortage: null,
    });
  });

  test("uses up what was set above the grant by hand", () => {
    const { rows, applied } = draw([messages(grant("a", { used: -50 }))], ask(200), "cap");
    expect(used(rows)).toEqual({ a: 100 });
    expect(applied).toBe(150);
  });

  test("answers all rows that it was given, in their order, those that it left alone too", () => {
    const rows = [credits(grant("c")), row("other", [grant("o")]), messages(grant("a"))];
    expect(used(draw(rows, ask(5, { pools: orCredits(1) }), "cap").rows)).toEqual({ c: 0, o: 0, a: 5 });
  });

  test("a tenth at a time is exact", () => {
    let rows = [messages(grant("a", { granted: LARGEST }))];
    for (let n = 0; n < 1_000; n++) rows = draw(rows, ask(0.1), "reject").rows;
    expect(used(rows)).toEqual({ a: 100 });
  });
});

describe("where the balance cannot pay all", () => {
  const rows = [messages(grant("a", { granted: 5 }))];

  test("cap applies what fits, and says what did not", () => {
    const outcome = draw(rows, ask(8), "cap");
    expect(used(outcome.rows)).toEqual({ a: 5 });
    expect(outcome).toMatchObject({ applied: 5, uncovered: 3, shortage: "insufficient" });
  });

  test("reject applies nothing", () => {
    const outcome = draw(rows, ask(8), "reject");
    expect(outcome).toMatchObject({ draws: [], applied: 0, uncovered: 8, shortage: "insufficient" });
    expect(outcome.rows).toEqual(rows);
  });

  test("overflow applies all, below zero", () => {
    const outcome = draw(rows, ask(8), "overflow");
    expect(used(outcome.rows)).toEqual({ a: 8 });
    expect(outcome).toMatchObject({ applied: 8, uncovered: 0, shortage: null });
    expect(outcome.draws).toEqual([{ grantId: "a", amount: 8, units: 8 }]);
  });

  test("overflow takes every grant down to zero first, then the first one below", () => {
    const both = [messages(grant("b", { granted: 5 }), grant("a", { granted: 5 }))];
    expect(used(draw(both, ask(13), "overflow").rows)).toEqual({ b: 5, a: 8 });
  });

  test("overflow takes no rollover below zero", () => {
    const rolled = [messages(grant("rolled", { granted: 5, rolledFrom: "a" }), grant("a", { granted: 5 }))];
    expect(used(draw(rolled, ask(13), "overflow").rows)).toEqual({ rolled: 5, a: 8 });
  });

  test("overflow charges nothing to a customer who has no grant at all", () => {
    expect(draw([messages()], ask(5), "overflow")).toMatchObject({
      applied: 0,
      uncovered: 5,
      shortage: "not_included",
    });
  });

  test("there may be nothing that could ever pay", () => {
    expect(draw([], ask(5), "cap")).toMatchObject({ applied: 0, uncovered: 5, shortage: "not_included" });
  });
});

describe("an unlimited grant", () => {
  const limited = grant("limited", { granted: 5, reset: daily });
  const endless = grant("endless", { granted: 0, unlimited: true });

  test("absorbs all, whatever else there is", () => {
    const outcome = draw([messages(limited, endless)], ask(1_000), "reject");
    expect(used(outcome.rows)).toEqual({ limited: 0, endless: 1_000 });
    expect(outcome).toMatchObject({ applied: 1_000, uncovered: 0, unlimited: true, shortage: null });
  });

  test("absorbs nothing as well", () => {
    expect(draw([messages(endless)], ask(0), "reject")).toMatchObject({ draws: [], unlimited: true });
  });

  test("is not stopped by a limit, and counts none", () => {
    const outcome = draw([row("messages", [endless], { limits: [limit(10)] })], ask(50), "reject");
    expect(outcome.applied).toBe(50);
    expect(outcome.rows[0]?.limits?.[0]?.used).toBe(0);
  });

  test("of credits counts what the use costs", () => {
    const outcome = draw([messages(limited), credits(endless)], ask(50, { pools: orCredits(0.2) }), "reject");
    expect(used(outcome.rows)).toEqual({ limited: 0, endless: 10 });
    expect(outcome.draws).toEqual([{ grantId: "endless", amount: 10, units: 50 }]);
  });

  test("absorbs nothing before it starts or after it ends", () => {
    const later = [
      messages(
        limited,
        { ...endless, startsAt: FEB_28 },
        grant("gone", { unlimited: true, expiresAt: JAN_31 }),
      ),
    ];
    expect(draw(later, ask(8), "cap")).toMatchObject({ applied: 5, uncovered: 3, unlimited: false });
  });

  test("of another entity absorbs nothing", () => {
    const rows = [messages(limited), row("messages", [endless], { entityId: "seat" })];
    expect(draw(rows, ask(8, { entityId: "desk" }), "cap")).toMatchObject({ applied: 5, unlimited: false });
    expect(draw(rows, ask(8, { entityId: "seat" }), "cap")).toMatchObject({ applied: 8, unlimited: true });
  });
});

describe("credits", () => {
  test("pay at their cost what the feature's own balance does not", () => {
    const rows = [messages(grant("own", { granted: 40.5 })), credits(grant("credit"))];
    const { rows: after, draws } = draw(rows, ask(80, { pools: orCredits(0.2) }), "reject");
    expect(used(after)).toEqual({ own: 40.5, credit: 7.9 });
    expect(draws).toEqual([
      { grantId: "own", amount: 40.5, units: 40.5 },
      { grantId: "credit", amount: 7.9, units: 39.5 },
    ]);
  });

  test("asked for themselves are taken one for one", () => {
    const { rows } = draw([credits(grant("a"))], ask(3, { pools: [{ featureId: "credits" }] }), "reject");
    expect(used(rows)).toEqual({ a: 3 });
  });

  test("of two grants pay together for one unit", () => {
    const rows = [credits(grant("a", { granted: 1 }), grant("b", { granted: 2 }))];
    const outcome = draw(rows, ask(1, { pools: orCredits(3) }), "reject");
    expect(used(outcome.rows)).toEqual({ a: 1, b: 2 });
    expect(outcome.draws).toEqual([
      { grantId: "a", amount: 1, units: 0.333333333 },
      { grantId: "b", amount: 2, units: 0.666666667 },
    ]);
  });

  test("are charged the price of all units, rounded up once", () => {
    const rows = [credits(grant("a", { granted: 0.1 }), grant("b"))];
    const { rows: after } = draw(rows, ask(1, { pools: orCredits(1, 3) }), "reject");
    expect(used(after)).toEqual({ a: 0.1, b: 0.233333334 });
  });

  test("that cannot pay all keep the dust that pays no unit", () => {
    const outcome = draw([credits(grant("a", { granted: 1 }))], ask(1, { pools: orCredits(3) }), "cap");
    expect(used(outcome.rows)).toEqual({ a: 0.999999999 });
    expect(outcome).toMatchObject({ applied: 0.333333333, uncovered: 0.666666667, shortage: "insufficient" });
  });

  test("that are less than the smallest use costs pay nothing", () => {
    const outcome = draw([credits(grant("a", { granted: 1e-9 }))], ask(1, { pools: orCredits(3) }), "cap");
    expect(used(outcome.rows)).toEqual({ a: 0 });
    expect(outcome).toMatchObject({ draws: [], applied: 0, uncovered: 1 });
  });

  test("give dust back from the last grant that paid", () => {
    const rows = [credits(grant("a", { granted: 1 }), grant("b", { granted: 1.000000001 }))];
    const outcome = draw(rows, ask(1, { pools: orCredits(3) }), "cap");
    // 2.000000001 credits pay 0.666666667 units, which cost 2.000000001.
    expect(used(outcome.rows)).toEqual({ a: 1, b: 1.000000001 });
    const less = [credits(grant("a", { granted: 1 }), grant("b", { granted: 1 }))];
    expect(used(draw(less, ask(1, { pools: orCredits(3) }), "cap").rows)).toEqual({ a: 1, b: 0.999999998 });
  });

  test("give dust back from more than one grant where the last has less", () => {
    const rows = [credits(grant("a", { granted: 1 }), grant("b", { granted: 1e-9 }))];
    const outcome = draw(rows, ask(1, { pools: orCredits(3) }), "cap");
    expect(used(outcome.rows)).toEqual({ a: 0.999999999, b: 0 });
    expect(outcome.draws).toEqual([{ grantId: "a", amount: 0.999999999, units: 0.333333333 }]);
  });

  test("give dust back from their own system alone", () => {
    const pools = [
      { featureId: "messages" },
      { featureId: "first", cost: { creditAmount: 3, featureAmount: 1 } },
      { featureId: "second", cost: { creditAmount: 1, featureAmount: 1 } },
    ];
    const rows = [row("first", [grant("a", { granted: 1 })]), row("second", [grant("b")])];
    const outcome = draw(rows, ask(1, { pools }), "reject");
    expect(used(outcome.rows)).toEqual({ a: 0.999999999, b: 0.666666667 });
  });

  test("of two systems pay each at its own cost", () => {
    const pools = [
      { featureId: "messages" },
      { featureId: "first", cost: { creditAmount: 2, featureAmount: 1 } },
      { featureId: "second", cost: { creditAmount: 5, featureAmount: 1 } },
    ];
    const rows = [row("first", [grant("a", { granted: 6 })]), row("second", [grant("b")])];
    expect(used(draw(rows, ask(10, { pools }), "reject").rows)).toEqual({ a: 6, b: 35 });
  });

  test("of one system that were rounded for one of its grants are not rounded again after another pool paid", () => {
    const pools = [
      { featureId: "messages" },
      { featureId: "thirds", cost: { creditAmount: 3, featureAmount: 1 } },
      { featureId: "credits", cost: { creditAmount: 1, featureAmount: 1 } },
    ];
    const rows = [
      row("thirds", [grant("a", { granted: 1, priority: 0 }), grant("c", { granted: 2, priority: 2 })]),
      credits(grant("b", { granted: 0.5, priority: 1 })),
    ];
    const outcome = draw(rows, ask(1.5, { pools }), "reject");
    expect(used(outcome.rows)).toEqual({ a: 1, c: 2, b: 0.5 });
    expect(outcome.applied).toBe(1.5);
  });
});

describe("overage", () => {
  test("begins when every grant is at zero, and is a draw of its own then", () => {
    const rows = [
      messages(
        grant("byUse", { granted: 5, reset: monthly, overage: usageBased }),
        grant("once", { granted: 5 }),
      ),
    ];
    const outcome = draw(rows, ask(14), "reject");
    expect(used(outcome.rows)).toEqual({ byUse: 9, once: 5 });
    expect(outcome.draws).toEqual([
      { grantId: "byUse", amount: 5, units: 5, until: FEB_28 },
      { grantId: "once", amount: 5, units: 5 },
      { grantId: "byUse", amount: 4, units: 4, until: FEB_28 },
    ]);
  });

  test("is one draw with what the same grant paid just before", () => {
    const outcome = draw([messages(grant("a", { granted: 5, overage: usageBased }))], ask(14), "reject");
    expect(outcome.draws).toEqual([{ grantId: "a", amount: 14, units: 14 }]);
  });

  test("ends at the most that may be bought", () => {
    const rows = [messages(grant("a", { granted: 5, overage: upTo(7) }))];
    expect(draw(rows, ask(13), "cap")).toMatchObject({ applied: 12, uncovered: 1, shortage: "insufficient" });
    expect(draw(rows, ask(12), "reject").applied).toBe(12);
  });

  test("counts what went beyond before", () => {
    const rows = [messages(grant("a", { granted: 5, used: 10, overage: upTo(7) }))];
    expect(draw(rows, ask(13), "cap").applied).toBe(2);
    expect(
      draw([messages(grant("a", { granted: 5, used: 20, overage: upTo(7) }))], ask(13), "cap").applied,
    ).toBe(0);
  });

  test("goes on to the next grant that allows it", () => {
    const rows = [
      messages(grant("a", { granted: 0, overage: upTo(7) }), grant("b", { granted: 0, overage: usageBased })),
    ];
    expect(used(draw(rows, ask(10), "reject").rows)).toEqual({ a: 7, b: 3 });
  });

  test("is not had from a rollover", () => {
    const rows = [
      row("messages", [grant("rolled", { granted: 1, rolledFrom: "a" })], { overage: { allowed: true } }),
    ];
    expect(draw(rows, ask(5), "cap")).toMatchObject({ applied: 1, uncovered: 4 });
  });

  test("of credits is theirs to allow", () => {
    const rows = [
      messages(grant("a", { granted: 1 })),
      credits(grant("b", { granted: 2, overage: upTo(3) })),
    ];
    const outcome = draw(rows, ask(15, { pools: orCredits(0.5) }), "cap");
    expect(used(outcome.rows)).toEqual({ a: 1, b: 5 });
    expect(outcome).toMatchObject({ applied: 11, uncovered: 4 });
  });
});

describe("a control of overage", () => {
  const usual = grant("a", { granted: 5 });
  const byUse = grant("a", { granted: 5, overage: upTo(7) });

  test("allows it where the item does not", () => {
    expect(draw([row("messages", [usual], { overage: { allowed: true } })], ask(500), "reject").applied).toBe(
      500,
    );
  });

  test("forbids it where the item allows it", () => {
    expect(draw([row("messages", [byUse], { overage: { allowed: false } })], ask(8), "cap")).toMatchObject({
      applied: 5,
      shortage: "insufficient",
    });
  });

  test("forbids it whatever its spend limit", () => {
    expect(
      draw([row("messages", [byUse], { overage: { allowed: false, max: 50 } })], ask(8), "cap").applied,
    ).toBe(5);
  });

  test("leaves it to the item where it says nothing", () => {
    expect(draw([row("messages", [byUse], { overage: {} })], ask(20), "cap").applied).toBe(12);
    expect(draw([row("messages", [usual], { overage: {} })], ask(20), "cap").applied).toBe(5);
  });

  test("of the entity holds before the customer's", () => {
    const rows = [
      row("messages", [usual], { overage: { allowed: false } }),
      row("messages", [], { entityId: "seat", overage: { allowed: true } }),
    ];
    expect(draw(rows, ask(8, { entityId: "seat" }), "cap").applied).toBe(8);
    expect(draw(rows, ask(8), "cap").applied).toBe(5);
  });

  test("of the customer holds for an entity that has none", () => {
    const rows = [
      row("messages", [], { overage: { allowed: true } }),
      row("messages", [usual], { entityId: "seat" }),
    ];
    expect(draw(rows, ask(8, { entityId: "seat" }), "cap").applied).toBe(8);
  });

  test("of another feature does not count", () => {
    const rows = [messages(usual), row("credits", [], { overage: { allowed: true } })];
    expect(draw(rows, ask(8, { pools: orCredits(1) }), "cap").applied).toBe(5);
  });
});

describe("a spend limit", () => {
  const limited = (max: number, ...grants: ReturnType<typeof grant>[]) =>
    row("messages", grants, { overage: { max } });

  test("holds instead of the most that may be bought, above it and below", () => {
    const byUse = grant("a", { granted: 5, overage: upTo(7) });
    expect(draw([limited(20, byUse)], ask(100), "cap")).toMatchObject({
      applied: 25,
      shortage: "spend_limit",
    });
    expect(draw([limited(3, byUse)], ask(100), "cap")).toMatchObject({ applied: 8, shortage: "spend_limit" });
  });

  test("spans all grants of the row", () => {
    const rows = [
      limited(
        10,
        grant("a", { granted: 0, used: 4, overage: usageBased }),
        grant("b", { granted: 0, used: 3, overage: usageBased }),
      ),
    ];
    expect(draw(rows, ask(100), "cap").applied).toBe(3);
  });

  test("of the customer spans the rows of his entities", () => {
    const rows = [
      limited(10, grant("a", { granted: 0, overage: usageBased })),
      row("messages", [grant("b", { granted: 0, used: 8, overage: usageBased })], { entityId: "seat" }),
    ];
    expect(draw(rows, ask(100), "cap").applied).toBe(2);
  });

  test("of an entity spans what it can draw on, and no other entity's", () => {
    const rows = [
      messages(grant("a", { granted: 0, used: 8, overage: usageBased })),
      row("messages", [grant("b", { granted: 0, overage: usageBased })], {
        entityId: "seat",
        overage: { max: 10 },
      }),
      row("messages", [grant("c", { granted: 0, used: 5, overage: usageBased })], { entityId: "desk" }),
    ];
    expect(used(draw(rows, ask(3, { entityId: "seat" }), "cap").rows)).toEqual({ a: 8, b: 2, c: 5 });
  });

  test("of an entity counts what its own row owes already", () => {
    const rows = [
      row("messages", [grant("a", { granted: 0, used: 4, overage: usageBased })], {
        entityId: "seat",
        overage: { max: 10 },
      }),
    ];
    expect(draw(rows, ask(100, { entityId: "seat" }), "cap").applied).toBe(6);
  });

  test("does not bind where nothing is overdrawn", () => {
    expect(
      draw([limited(0, grant("a", { granted: 5, overage: usageBased }))], ask(5), "reject"),
    ).toMatchObject({
      applied: 5,
      shortage: null,
    });
  });

  test("binds overflow too", () => {
    expect(draw([limited(3, grant("a", { granted: 5 }))], ask(100), "overflow")).toMatchObject({
      applied: 8,
      uncovered: 92,
      shortage: "spend_limit",
    });
  });
});

describe("a spend limit of credits", () => {
  const limited = [
    row("credits", [grant("a", { granted: 0, overage: usageBased })], { overage: { max: 5 } }),
  ];

  test("is counted in credits, and named where it is the reason", () => {
    expect(draw(limited, ask(1, { pools: orCredits(10) }), "cap")).toMatchObject({
      applied: 0.5,
      shortage: "spend_limit",
    });
    expect(draw(limited, ask(10, { pools: orCredits(0.5) }), "cap")).toMatchObject({
      applied: 10,
      shortage: null,
    });
  });

  test("does not count what is owed of the feature itself", () => {
    const rows = [...limited, messages(grant("b", { granted: 0, used: 3, overage: upTo(3) }))];
    expect(draw(rows, ask(100, { pools: orCredits(1) }), "cap").applied).toBe(5);
  });

  test("does not count what an unlimited grant of an entity has used", () => {
    const rows = [
      ...limited,
      row("credits", [grant("b", { granted: 0, unlimited: true, used: 50 })], { entityId: "seat" }),
    ];
    expect(draw(rows, ask(5, { pools: orCredits(1) }), "cap").applied).toBe(5);
  });
});

describe("a usage limit", () => {
  const limited = (...limits: ReturnType<typeof limit>[]) => [row("messages", [grant("a")], { limits })];

  test("stops use within a balance, and says so", () => {
    expect(draw(limited(limit(10)), ask(15), "cap")).toMatchObject({
      applied: 10,
      uncovered: 5,
      shortage: "usage_limit",
    });
    expect(draw(limited(limit(10)), ask(15), "reject")).toMatchObject({
      applied: 0,
      shortage: "usage_limit",
    });
  });

  test("counts what was applied and not what was asked for", () => {
    const { rows } = draw(
      [row("messages", [grant("a", { granted: 3 })], { limits: [limit(10, { used: 2 })] })],
      ask(5),
      "cap",
    );
    expect(rows[0]?.limits?.[0]?.used).toBe(5);
  });

  test("that is used up lets nothing through", () => {
    expect(draw(limited(limit(10, { used: 12 })), ask(1), "cap")).toMatchObject({ applied: 0, uncovered: 1 });
  });

  test("among several is the strictest", () => {
    const outcome = draw(limited(limit(10), limit(6, { used: 2 }), limit(50)), ask(15), "cap");
    expect(outcome.applied).toBe(4);
    expect(outcome.rows[0]?.limits?.map((each) => each.used)).toEqual([4, 6, 4]);
  });

  test("does not stop overflow, which it counts", () => {
    const outcome = draw(limited(limit(10)), ask(15), "overflow");
    expect(outcome.applied).toBe(15);
    expect(outcome.rows[0]?.limits?.[0]?.used).toBe(15);
  });

  test("of a feature counts its units, whoever pays for them", () => {
    const rows = [
      row("messages", [grant("a", { granted: 4 })], { limits: [limit(10)] }),
      credits(grant("b")),
    ];
    const outcome = draw(rows, ask(15, { pools: orCredits(3) }), "cap");
    expect(used(outcome.rows)).toEqual({ a: 4, b: 18 });
    expect(outcome.rows[0]?.limits?.[0]?.used).toBe(10);
    expect(outcome.shortage).toBe("usage_limit");
  });

  test("of credits counts the credits that are drawn", () => {
    const rows = [messages(grant("a", { granted: 4 })), row("credits", [grant("b")], { limits: [limit(9)] })];
    const outcome = draw(rows, ask(15, { pools: orCredits(3) }), "cap");
    expect(used(outcome.rows)).toEqual({ a: 4, b: 9 });
    expect(outcome.rows[1]?.limits?.[0]?.used).toBe(9);
    expect(outcome).toMatchObject({ applied: 7, uncovered: 8, shortage: "usage_limit" });
  });

  test("of credits counts each credit once where credits themselves are asked for", () => {
    const rows = [row("credits", [grant("b")], { limits: [limit(9)] })];
    const outcome = draw(rows, ask(15, { pools: [{ featureId: "credits" }] }), "cap");
    expect(outcome.applied).toBe(9);
    expect(outcome.rows[0]?.limits?.[0]?.used).toBe(9);
  });

  test("of credits does not count the dust that it gets back", () => {
    const rows = [row("credits", [grant("b")], { limits: [limit(1)] })];
    const outcome = draw(rows, ask(1, { pools: orCredits(3) }), "cap");
    expect(outcome.applied).toBe(0.333333333);
    expect(outcome.rows[0]?.limits?.[0]?.used).toBe(0.999999999);
  });

  test("of credits does not stop overflow", () => {
    const rows = [row("credits", [grant("b")], { limits: [limit(9)] })];
    expect(draw(rows, ask(10, { pools: orCredits(3) }), "overflow").applied).toBe(10);
  });

  test("of the customer is shared by his entities", () => {
    const rows = [
      row("messages", [], { limits: [limit(10, { used: 8 })] }),
      row("messages", [grant("a")], { entityId: "seat" }),
    ];
    const outcome = draw(rows, ask(5, { entityId: "seat" }), "cap");
    expect(outcome.applied).toBe(2);
    expect(outcome.rows[0]?.limits?.[0]?.used).toBe(10);
  });

  test("of an entity holds for it instead of the customer's", () => {
    const rows = [
      row("messages", [], { limits: [limit(1)] }),
      row("messages", [grant("a")], { entityId: "seat", limits: [limit(10)] }),
    ];
    const outcome = draw(rows, ask(5, { entityId: "seat" }), "cap");
    expect(outcome.applied).toBe(5);
    expect(outcome.rows.map(({ limits }) => limits?.[0]?.used)).toEqual([0, 5]);
  });

  test("of an entity does not hold for the customer", () => {
    const rows = [messages(grant("a")), row("messages", [], { entityId: "seat", limits: [limit(1)] })];
    expect(draw(rows, ask(5), "cap").applied).toBe(5);
  });
});

describe("giving back, by use below zero,", () => {
  test("refills what was used, in burn order, up to what was granted", () => {
    const rows = [messages(grant("once", { used: 50 }), grant("resets", { used: 30, reset: monthly }))];
    const outcome = draw(rows, ask(-40), "cap");
    expect(used(outcome.rows)).toEqual({ once: 40, resets: 0 });
    expect(outcome).toMatchObject({ applied: -40, uncovered: 0, unlimited: false, shortage: null });
    expect(outcome.draws).toEqual([
      { grantId: "resets", amount: -30, units: -30 },
      { grantId: "once", amount: -10, units: -10 },
    ]);
  });

  test("repays overage before it refills", () => {
    const rows = [messages(grant("a", { used: 30, reset: monthly }), grant("b", { used: 150 }))];
    expect(used(draw(rows, ask(-60), "cap").rows)).toEqual({ a: 20, b: 100 });
  });

  test("reports what nothing can take", () => {
    const outcome = draw([messages(grant("a", { used: 30 }))], ask(-40), "cap");
    expect(used(outcome.rows)).toEqual({ a: 0 });
    expect(outcome).toMatchObject({ applied: -30, uncovered: -10 });
  });

  test("applies what fits even where a use would be rejected", () => {
    expect(draw([messages(grant("a", { used: 30 }))], ask(-40), "reject")).toMatchObject({ applied: -30 });
  });

  test("refills no rollover", () => {
    const rows = [messages(grant("rolled", { used: 30, rolledFrom: "a" }), grant("a", { used: 10 }))];
    expect(draw(rows, ask(-40), "cap")).toMatchObject({ applied: -10, uncovered: -30 });
  });

  test("does not raise a grant that was set above what it granted", () => {
    expect(draw([messages(grant("a", { used: -10 }))], ask(-40), "cap")).toMatchObject({
      applied: 0,
      uncovered: -40,
    });
  });

  test("is counted by an unlimited grant, down to nothing used", () => {
    const rows = [messages(grant("a", { granted: 0, unlimited: true, used: 30 }))];
    const outcome = draw(rows, ask(-40), "cap");
    expect(used(outcome.rows)).toEqual({ a: 0 });
    expect(outcome).toMatchObject({ applied: -30, uncovered: -10 });
  });

  test("is counted by an unlimited grant before others, since that pays for all", () => {
    const rows = [
      messages(
        grant("a", { used: 30, reset: monthly }),
        grant("b", { granted: 0, unlimited: true, used: 5 }),
      ),
    ];
    expect(used(draw(rows, ask(-9), "cap").rows)).toEqual({ a: 26, b: 0 });
  });

  test("repays overage even before an unlimited grant counts it", () => {
    const rows = [messages(grant("a", { used: 130 }), grant("b", { granted: 0, unlimited: true, used: 50 }))];
    expect(used(draw(rows, ask(-40), "cap").rows)).toEqual({ a: 100, b: 40 });
  });

  test("is priced once for all grants of a credit system", () => {
    const rows = [credits(grant("a", { granted: 1, used: 1 }), grant("b", { granted: 2, used: 2 }))];
    const outcome = draw(rows, ask(-1, { pools: orCredits(3) }), "cap");
    expect(used(outcome.rows)).toEqual({ a: 0, b: 0 });
    expect(outcome).toMatchObject({ applied: -1, uncovered: 0 });
  });

  test("returns credits at their cost", () => {
    const rows = [messages(grant("a", { used: 4 })), credits(grant("b", { used: 18 }))];
    const outcome = draw(rows, ask(-9, { pools: orCredits(3) }), "cap");
    expect(used(outcome.rows)).toEqual({ a: 0, b: 3 });
    expect(outcome.draws).toEqual([
      { grantId: "a", amount: -4, units: -4 },
      { grantId: "b", amount: -15, units: -5 },
    ]);
  });

  test("reaches neither other entities nor other features", () => {
    const rows = [
      row("messages", [grant("a", { used: 5 })], { entityId: "seat" }),
      row("other", [grant("b", { used: 5 })]),
    ];
    expect(draw(rows, ask(-5, { entityId: "desk" }), "cap").applied).toBe(0);
  });

  test("leaves the counters of limits as they are", () => {
    const rows = [row("messages", [grant("a", { used: 5 })], { limits: [limit(10, { used: 5 })] })];
    expect(draw(rows, ask(-5), "cap").rows[0]?.limits?.[0]?.used).toBe(5);
  });
});

describe("a decision", () => {
  test("allows what could be drawn in full", () => {
    expect(decide([messages(grant("a"))], ask(100))).toEqual({ allowed: true, reason: null });
  });

  test("counts the feature's own balance and credits together", () => {
    const rows = [messages(grant("a", { granted: 5 })), credits(grant("b", { granted: 15 }))];
    expect(decide(rows, ask(10, { pools: orCredits(3) }))).toEqual({ allowed: true, reason: null });
    expect(decide(rows, ask(10.1, { pools: orCredits(3) }))).toEqual({
      allowed: false,
      reason: "insufficient",
    });
  });

  test.each([
    ["nothing includes the feature", messages(), "not_included"],
    ["the balance is too small", messages(grant("a", { granted: 4 })), "insufficient"],
    ["a limit is reached", row("messages", [grant("a")], { limits: [limit(4)] }), "usage_limit"],
    [
      "a spend limit is reached",
      row("messages", [grant("a", { granted: 0, overage: usageBased })], { overage: { max: 4 } }),
      "spend_limit",
    ],
  ])("says why not where %s", (_, balance, reason) => {
    expect(decide([balance], ask(5))).toEqual({ allowed: false, reason });
  });

  test("allows what an unlimited grant absorbs, a boolean feature above all", () => {
    expect(decide([messages(grant("a", { granted: 0, unlimited: true }))], ask(1))).toEqual({
      allowed: true,
      reason: null,
    });
  });

  test("allows to use nothing, or to give back, to whoever has the feature", () => {
    const empty = [messages(grant("a", { granted: 0 }))];
    expect(decide(empty, ask(0))).toEqual({ allowed: true, reason: null });
    expect(decide(empty, ask(-5))).toEqual({ allowed: true, reason: null });
    expect(decide([], ask(0))).toEqual({ allowed: false, reason: "not_included" });
  });

  test("gives the reason of the draw where nothing includes the feature, limits or not", () => {
    const limited = [row("messages", [], { limits: [limit(1)] })];
    expect(decide(limited, ask(5)).reason).toBe("not_included");
    expect(draw(limited, ask(5), "reject").shortage).toBe("not_included");
  });

  test("does not look at what is there for others", () => {
    const rows = [row("messages", [grant("a")], { entityId: "seat" })];
    expect(decide(rows, ask(1, { entityId: "desk" })).reason).toBe("not_included");
    expect(decide(rows, ask(1)).reason).toBe("not_included");
  });
});

describe("a result that cannot be stored", () => {
  test("is refused, and nothing is changed", () => {
    const rows = [messages(grant("a", { granted: LARGEST, used: LARGEST - 1 }))];
    expect(refusal(() => draw(rows, ask(0.1), "cap"))).toMatchObject({ kind: "invalid_amount" });
    expect(used(rows)).toEqual({ a: LARGEST - 1 });
  });

  test("is refused of an unlimited grant too", () => {
    const rows = [messages(grant("a", { granted: 0, unlimited: true, used: LARGEST }))];
    expect(refusal(() => draw(rows, ask(1), "cap")).kind).toBe("invalid_amount");
  });

  test("is no reason to refuse an answer: what could not be drawn anyway is just not allowed", () => {
    expect(decide([messages(grant("a", { granted: 33.33 }))], ask(LARGEST))).toEqual({
      allowed: false,
      reason: "insufficient",
    });
  });

  test("is refused of a limit", () => {
    const rows = [row("messages", [grant("a")], { limits: [limit(LARGEST, { used: LARGEST - 1 })] })];
    expect(refusal(() => draw(rows, ask(0.1), "cap")).kind).toBe("invalid_amount");
  });
});

describe("what is done about a shortage unless a call says", () => {
  test("is to cap what is used up", () => {
    expect(defaultOnInsufficient([messages(grant("a"))], scope(), true)).toBe("cap");
  });

  test("is to let what is held and free go below zero", () => {
    expect(defaultOnInsufficient([messages(grant("a"))], scope(), false)).toBe("overflow");
    expect(defaultOnInsufficient([], scope(), false)).toBe("overflow");
  });

  test("is to cap what is held and paid for", () => {
    expect(defaultOnInsufficient([messages(grant("a", { overage: usageBased }))], scope(), false)).toBe(
      "cap",
    );
    expect(defaultOnInsufficient([messages(grant("a", { prepaid: true }))], scope(), false)).toBe("cap");
  });

  test("is to cap what is held where overage is forbidden", () => {
    const rows = (allowed: boolean) => [row("messages", [grant("a")], { overage: { allowed } })];
    expect(defaultOnInsufficient(rows(false), scope(), false)).toBe("cap");
    expect(defaultOnInsufficient(rows(true), scope(), false)).toBe("overflow");
  });
});

describe("the row whose control counts", () => {
  const customer = row("messages", [], { limits: [] });
  const seat = row("messages", [], { entityId: "seat", limits: [], overage: {} });

  test("is the entity's own, else the customer's", () => {
    expect(governingRow([customer, seat], "messages", "seat", "limits")).toBe(seat);
    expect(governingRow([seat, customer], "messages", "desk", "limits")).toBe(customer);
    expect(governingRow([seat, customer], "messages", undefined, "limits")).toBe(customer);
  });

  test("is none where neither has one", () => {
    expect(governingRow([customer, seat], "messages", undefined, "allowed")).toBeUndefined();
    expect(governingRow([customer, seat], "credits", undefined, "limits")).toBeUndefined();
    expect(limitsOf([seat], "messages", "desk")).toEqual([]);
  });
});

test("a call names its feature's own pool first", () => {
  expect(askedFeature({ pools: orCredits(2) })).toBe("messages");
  expect(() => askedFeature({ pools: [] })).toThrow("names its feature's own pool first");
});

describe("an outcome that does not balance breaks loudly", () => {
  const rows = [messages(grant("a"))];
  const outcome = draw(rows, ask(5), "cap");
  const broken = (fields: Partial<typeof outcome>) => () =>
    assertBalanced(rows, { ...outcome, ...fields }, ask(5));

  test("where it is right, it passes", () => {
    expect(broken({})).not.toThrow();
  });

  test("where grants lost what no draw says", () => {
    expect(broken({ rows })).toThrow("the draws are what the grants lost");
  });

  test("where the draws pay for something else than what was applied", () => {
    expect(broken({ applied: 4, uncovered: 1 })).toThrow("the draws sum to what was applied");
  });

  test("where something is neither applied nor uncovered", () => {
    expect(broken({ uncovered: 1 })).toThrow("what is not applied is uncovered");
  });
});

test("draws reach the pools of the call alone", () => {
  expect(used(draw([credits(grant("a"))], ask(5, { pools: own }), "overflow").rows)).toEqual({ a: 0 });
});

test("ten credits at three messages each pay 29 single messages: each price is rounded up", () => {
  let rows = [credits(grant("a", { granted: 10 }))];
  let applied = 0;
  for (let n = 0; n < 30; n++) {
    const outcome = draw(rows, ask(1, { pools: orCredits(1, 3) }), "reject");
    rows = outcome.rows;
    applied += outcome.applied;
  }
  expect(applied).toBe(29);
  expect(used(rows)).toEqual({ a: 9.666666686 });
});
