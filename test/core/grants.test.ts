import { describe, expect, test } from "vitest";
import { summarize } from "../../src/core/answers.js";
import { MAX_GRANTS, type Balance } from "../../src/core/balances.js";
import { addGrant, setGrants, topUp, type Target } from "../../src/core/grants.js";
import { FEB_28, grant, JAN_31, MAR_31, messages, monthly, refusal, row, scope, used } from "./fixtures.js";

describe("adding a grant", () => {
  const full = messages(...Array.from({ length: 64 }, (_, n) => grant(`g${n}`, { priority: n })));

  test("puts it last and leaves the balance given as it is", () => {
    const before = messages(grant("a"));
    expect(addGrant(before, grant("b")).grants.map(({ id }) => id)).toEqual(["a", "b"]);
    expect(before.grants).toHaveLength(1);
  });

  test("fits 64 of them", () => {
    const nearlyFull = messages(...full.grants.slice(1));
    expect(addGrant(nearlyFull, grant("last")).grants).toHaveLength(64);
    expect(MAX_GRANTS).toBe(64);
  });

  test("refuses a 65th", () => {
    expect(refusal(() => addGrant(full, grant("last")))).toMatchObject({
      kind: "too_many_grants",
      featureId: "messages",
    });
  });

  test("merges a top-up where no 65th would fit", () => {
    expect(topUp(full, grant("more", { priority: 63 })).grantId).toBe("g63");
  });
});

describe("a top-up", () => {
  test("merges into a grant of equal terms, whatever its age", () => {
    const { balance, grantId } = topUp(
      messages(grant("a", { granted: 50.1, used: 20 })),
      grant("b", { granted: 25.2, createdAt: MAR_31 }),
    );
    expect(grantId).toBe("a");
    expect(balance.grants).toEqual([grant("a", { granted: 75.3, used: 20 })]);
  });

  test("merges into a grant that is used up to the last", () => {
    expect(topUp(messages(grant("a", { used: 100 })), grant("b")).grantId).toBe("a");
  });

  test("does not pay what another grant is overdrawn", () => {
    const { balance, grantId } = topUp(messages(grant("a", { used: 101 })), grant("b"));
    expect(grantId).toBe("b");
    expect(used([balance])).toEqual({ a: 101, b: 0 });
  });

  test("does not merge into a grant that was set above what it granted", () => {
    expect(topUp(messages(grant("a", { used: -1 })), grant("b")).grantId).toBe("b");
  });

  test.each([
    ["source", { source: "gift" }],
    ["expiry", { expiresAt: MAR_31 }],
    ["start", { startsAt: MAR_31 }],
    ["priority", { priority: 1 }],
    ["reset", { reset: monthly }],
    ["plan", { planId: "pro" }],
  ])("of another %s stays a grant of its own", (_, terms) => {
    const { balance, grantId } = topUp(messages(grant("a")), grant("b", terms));
    expect(grantId).toBe("b");
    expect(balance.grants.map(({ granted }) => granted)).toEqual([100, 100]);
  });

  test("finds its equal among others", () => {
    const before = messages(grant("a", { source: "gift" }), grant("b"), grant("c", { priority: 1 }));
    const { balance, grantId } = topUp(before, grant("d"));
    expect(grantId).toBe("b");
    expect(balance.grants.map(({ granted }) => granted)).toEqual([100, 200, 100]);
  });

  test("compares terms and not the order in which they are written", () => {
    const stored = messages({ ...grant("a"), planId: "pro", priority: 1, expiresAt: MAR_31 });
    const fresh = { ...grant("b"), expiresAt: MAR_31, priority: 1, planId: "pro" };
    expect(topUp(stored, fresh).grantId).toBe("a");
  });

  test("beyond the largest amount is refused", () => {
    const before = messages(grant("a", { granted: 9_007_199_254_740_991 }));
    expect(refusal(() => topUp(before, grant("b", { granted: 1 }))).kind).toBe("invalid_amount");
  });

  test("compares what is within them, whatever its order", () => {
    const { interval, count, anchor, nextAt } = monthly;
    const stored = messages(grant("a", { reset: { nextAt, anchor, count, interval } }));
    expect(topUp(stored, grant("b", { reset: monthly })).grantId).toBe("a");
  });

  test("pays carried debt at once", () => {
    const before = messages(grant("a", { used: 150, carry: true }));
    const { balance, grantId } = topUp(before, grant("b", { source: "gift" }));
    expect(grantId).toBe("b");
    expect(used([balance])).toEqual({ a: 100, b: 50 });
  });

  test("pays carried debt where it merges, too", () => {
    const before = messages(
      grant("a", { used: 350, carry: true }),
      grant("b", { source: "gift", used: 100 }),
    );
    const { balance } = topUp(before, grant("c", { source: "gift", createdAt: MAR_31 }));
    expect(used([balance])).toEqual({ a: 250, b: 200 });
  });

  test("that starts later pays nothing yet, and nothing before the balance was last written", () => {
    const owing = row("messages", [grant("a", { used: 150, carry: true })], { advancedAt: FEB_28 });
    const later = grant("b", { source: "gift", startsAt: MAR_31 });
    expect(used([topUp(owing, later).balance])).toEqual({ a: 150, b: 0 });
    const begun = grant("b", { source: "gift", startsAt: FEB_28, createdAt: JAN_31 });
    expect(used([topUp(owing, begun).balance])).toEqual({ a: 100, b: 50 });
  });

  test("leaves the balance given as it is", () => {
    const before = messages(grant("a"));
    topUp(before, grant("b"));
    expect(before.grants).toEqual([grant("a")]);
  });
});

describe("setting by hand", () => {
  const setOf = (balance: Balance, target: Target, grantId?: string): Balance => {
    const [after] = setGrants([balance], target, grantId, scope({ entityId: balance.entityId }));
    return after!;
  };
  const set = (balance: Balance, target: Target, grantId?: string) => used([setOf(balance, target, grantId)]);

  test("what is left changes what is used", () => {
    expect(set(messages(grant("a", { used: 30 })), { remaining: 20 })).toEqual({ a: 80 });
    expect(set(messages(grant("a", { used: 30 })), { remaining: 90 })).toEqual({ a: 10 });
  });

  test("what is added repays what is owed, then refills; what is taken away goes below zero at last", () => {
    const owing = messages(grant("a", { used: 130 }), grant("b", { used: 10 }));
    expect(set(owing, { added: 50 })).toEqual({ a: 80, b: 10 });
    expect(set(messages(grant("a", { used: 30 })), { added: 50 })).toEqual({ a: -20 });
    expect(set(messages(grant("a", { used: 30 })), { added: -90 })).toEqual({ a: 120 });
  });

  test("more left than was granted is use below zero", () => {
    expect(set(messages(grant("a", { used: 30 })), { remaining: 150 })).toEqual({ a: -50 });
  });

  test("what is used may exceed what was granted", () => {
    expect(set(messages(grant("a")), { usage: 130 })).toEqual({ a: 130 });
  });

  test("is exact", () => {
    expect(set(messages(grant("a", { granted: 0.3, used: 0.1 })), { remaining: 0.1 })).toEqual({ a: 0.2 });
  });

  test("what is granted leaves what is used", () => {
    const { grants } = setOf(messages(grant("a", { used: 30 })), { granted: 250 });
    expect(grants).toEqual([grant("a", { used: 30, granted: 250 })]);
  });

  test("takes from several in burn order", () => {
    const both = messages(grant("b", { used: 90 }), grant("a", { used: 40, reset: monthly }));
    expect(set(both, { usage: 195 })).toEqual({ a: 100, b: 95 });
    expect(set(both, { usage: 205 })).toEqual({ a: 105, b: 100 });
  });

  test("gives to several in burn order, up to what each granted, and the rest to the first", () => {
    const both = messages(grant("b", { used: 60 }), grant("a", { used: 40, reset: monthly }));
    expect(set(both, { usage: 90 })).toEqual({ a: 30, b: 60 });
    expect(set(both, { usage: 50 })).toEqual({ a: 0, b: 50 });
    expect(set(both, { usage: 0 })).toEqual({ a: 0, b: 0 });
    expect(set(both, { remaining: 250 })).toEqual({ a: -50, b: 0 });
  });

  test("what is left of a grant that is overdrawn leaves that much, and nothing owed", () => {
    const overdrawn = messages(grant("a", { used: 150 }));
    expect(set(overdrawn, { remaining: 20 })).toEqual({ a: 80 });
    expect(set(overdrawn, { remaining: 0 })).toEqual({ a: 100 });
    expect(set(overdrawn, { remaining: 120 })).toEqual({ a: -20 });
  });

  test("what is left of two of which one is overdrawn pays what is owed, then gives in burn order", () => {
    const both = messages(grant("a", { used: 150, reset: monthly }), grant("b", { used: 80 }));
    expect(set(both, { remaining: 60 })).toEqual({ a: 60, b: 80 });
    expect(set(both, { remaining: 200 })).toEqual({ a: 0, b: 0 });
    expect(set(both, { remaining: 230 })).toEqual({ a: -30, b: 0 });
  });

  test("less left than another grant still has pays what is owed too: what is said to be left is left", () => {
    const both = messages(grant("a", { used: 150, reset: monthly }), grant("b"));
    expect(set(both, { remaining: 20 })).toEqual({ a: 100, b: 80 });
    expect(set(both, { remaining: 100 })).toEqual({ a: 100, b: 0 });
  });

  test("less used pays what is owed first", () => {
    const both = messages(grant("a", { used: 10, reset: monthly }), grant("b", { used: 150 }));
    expect(set(both, { usage: 130 })).toEqual({ a: 10, b: 120 });
    expect(set(both, { usage: 100 })).toEqual({ a: 0, b: 100 });
  });

  test("of one overdrawn grant by its id leaves the others alone", () => {
    const both = messages(grant("a", { used: 150 }), grant("b", { used: 30 }));
    expect(set(both, { remaining: 20 }, "a")).toEqual({ a: 80, b: 30 });
  });

  test("what is left, whatever is owed, is what is then shown as left, and all that was granted less what is used", () => {
    for (const [a, b] of [
      [150, 80],
      [0, 175.5],
      [120, 130],
      [-20, 101],
    ]) {
      for (const remaining of [0, 0.1, 60, 99.9, 200, 333]) {
        const after = setOf(messages(grant("a", { used: a }), grant("b", { used: b })), { remaining });
        expect(summarize([after], scope())).toMatchObject({ remaining, balance: remaining });
      }
    }
  });

  test("rows of several entities are set together, the customer's first and then theirs by id", () => {
    const perEntity = [{ featureId: "messages", perEntity: true }];
    const ofEntity = (entityId: string) =>
      row("messages", [grant(entityId, { perEntity: true })], { entityId });
    const rows = [messages(grant("own")), ofEntity("bob"), ofEntity("ada")];
    const setAll = (target: Target, grantId?: string) =>
      used(setGrants(rows, target, grantId, scope({ pools: perEntity })));
    expect(setAll({ usage: 160 })).toEqual({ own: 100, ada: 60, bob: 0 });
    expect(setAll({ remaining: 90 })).toEqual({ own: 100, ada: 100, bob: 10 });
    expect(setAll({ remaining: 320 })).toEqual({ own: -20, ada: 0, bob: 0 });
    expect(setAll({ remaining: 30 }, "bob")).toEqual({ own: 0, ada: 0, bob: 70 });
  });

  test("what an entity has been given for itself is no part of the customer's", () => {
    const rows = [messages(grant("own")), row("messages", [grant("hers")], { entityId: "ada" })];
    expect(used(setGrants(rows, { remaining: 30 }, undefined, scope()))).toEqual({ own: 70, hers: 0 });
  });

  test("puts what is beyond all grants into one that stays, not into a rollover that soon expires", () => {
    const rolled = messages(grant("r", { granted: 5, rolledFrom: "a", expiresAt: FEB_28 }), grant("a"));
    expect(set(rolled, { remaining: 500 })).toEqual({ r: 0, a: -395 });
    expect(set(rolled, { usage: 200 })).toEqual({ r: 5, a: 195 });
  });

  test("puts it into the rollover where there is nothing else", () => {
    expect(set(messages(grant("r", { rolledFrom: "gone" })), { remaining: 150 })).toEqual({ r: -50 });
  });

  test("one grant leaves the others alone", () => {
    const both = messages(grant("a"), grant("b", { used: 5 }));
    expect(set(both, { remaining: 10 }, "b")).toEqual({ a: 0, b: 90 });
    expect(setOf(both, { granted: 7 }, "b").grants.map(({ granted }) => granted)).toEqual([100, 7]);
  });

  test("what is used sets the count of an unlimited grant, since that is what is shown", () => {
    const both = messages(grant("a", { used: 3 }), grant("b", { granted: 0, unlimited: true, used: 5 }));
    expect(set(both, { usage: 10 })).toEqual({ a: 3, b: 10 });
    expect(set(both, { usage: 10 }, "a")).toEqual({ a: 10, b: 5 });
  });

  test("what is left, or granted, leaves an unlimited grant alone", () => {
    const both = messages(grant("a"), grant("b", { granted: 0, unlimited: true, used: 5 }));
    expect(set(both, { remaining: 10 })).toEqual({ a: 90, b: 5 });
    const { grants } = setOf(both, { granted: 7 });
    expect(grants.map(({ granted }) => granted)).toEqual([7, 0]);
  });

  test.each([{ remaining: 10 }, { granted: 10 }])(
    "is refused of an unlimited grant, but for its usage: %j",
    (target) => {
      const endless = messages(grant("a", { granted: 0, unlimited: true }));
      expect(refusal(() => setOf(endless, target, "a")).message).toContain("only its usage can be set");
      expect(setOf(endless, { usage: 5 }, "a").grants[0]?.used).toBe(5);
    },
  );

  test("usage to nothing leaves nothing used, and nothing owed", () => {
    const both = messages(grant("a", { used: 10, reset: monthly }), grant("b", { used: 150 }));
    expect(set(both, { usage: 0 })).toEqual({ a: 0, b: 0 });
    expect(set(both, { usage: 5 })).toEqual({ a: 0, b: 5 });
  });

  test("leaves out what has not begun", () => {
    const both = messages(grant("a", { startsAt: FEB_28 }), grant("b"));
    expect(set(both, { usage: 10 })).toEqual({ a: 0, b: 10 });
  });

  test("sets an entity's own", () => {
    expect(set(row("messages", [grant("a")], { entityId: "seat" }), { usage: 10 })).toEqual({ a: 10 });
  });

  test("leaves the balance given as it is", () => {
    const before = messages(grant("a"));
    setOf(before, { granted: 7 });
    expect(before.grants).toEqual([grant("a")]);
  });

  test.each([
    ["nothing to set", messages(), { usage: 1 }, undefined, 'no grant of "messages" to set'],
    ["no such grant", messages(grant("a")), { usage: 1 }, "b", 'no live grant "b" of "messages"'],
    [
      "a grant that is over",
      messages(grant("a", { expiresAt: JAN_31 })),
      { usage: 1 },
      "a",
      'no live grant "a" of "messages"',
    ],
    [
      "several to choose from",
      messages(grant("a"), grant("b")),
      { granted: 1 },
      undefined,
      "say which by grantId",
    ],
  ])("is refused where there is %s", (_, balance, target, grantId, message) => {
    const { kind, message: told } = refusal(() => setOf(balance, target, grantId));
    expect(kind).toBe("invalid_argument");
    expect(told).toContain(message);
  });
});
