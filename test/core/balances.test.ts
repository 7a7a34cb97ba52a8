import { describe, expect, test } from "vitest";
import {
  addGrant,
  copyOf,
  emptyBalance,
  isLive,
  lapsesAt,
  left,
  MAX_GRANTS,
  nextChangeAt,
  over,
  topUp,
} from "../../src/core/balances.js";
import { APR_30, FEB_28, grant, JAN_31, limit, MAR_31, messages, monthly, refusal, row, used } from "./fixtures.js";

describe("what is left of a grant", () => {
  test("is what was granted less what was used, exactly", () => {
    expect(left(grant("a", { granted: 0.3, used: 0.1 })).toNumber()).toBe(0.2);
  });

  test("is nothing when more was used than granted", () => {
    expect(left(grant("a", { used: 150 })).toNumber()).toBe(0);
  });

  test("is more than was granted when it was set so by hand", () => {
    expect(left(grant("a", { used: -50 })).toNumber()).toBe(150);
  });
});

describe("overage", () => {
  test("is what was used beyond what was granted, exactly", () => {
    expect(over(grant("a", { granted: 0.1, used: 0.3 })).toNumber()).toBe(0.2);
  });

  test("is nothing up to what was granted", () => {
    expect(over(grant("a", { used: 100 })).toNumber()).toBe(0);
  });
});

describe("a grant is live", () => {
  test("from its start on", () => {
    const later = grant("a", { startsAt: FEB_28 });
    expect(isLive(later, FEB_28 - 1)).toBe(false);
    expect(isLive(later, FEB_28)).toBe(true);
  });

  test("until its expiry, and no longer at that instant", () => {
    const passing = grant("a", { expiresAt: FEB_28 });
    expect(isLive(passing, FEB_28 - 1)).toBe(true);
    expect(isLive(passing, FEB_28)).toBe(false);
  });

  test("for ever when neither is set", () => {
    expect(isLive(grant("a"), 0)).toBe(true);
    expect(isLive(grant("a"), Date.UTC(9000, 0))).toBe(true);
  });
});

describe("what is drawn from a grant lapses", () => {
  test("at its reset", () => {
    expect(lapsesAt(grant("a", { reset: monthly }))).toBe(FEB_28);
  });

  test("at its expiry", () => {
    expect(lapsesAt(grant("a", { expiresAt: MAR_31 }))).toBe(MAR_31);
  });

  test("at whichever comes first", () => {
    expect(lapsesAt(grant("a", { reset: monthly, expiresAt: MAR_31 }))).toBe(FEB_28);
    expect(lapsesAt(grant("a", { reset: { ...monthly, nextAt: APR_30 }, expiresAt: MAR_31 }))).toBe(MAR_31);
  });

  test("not at the reset where debts are carried over it", () => {
    expect(lapsesAt(grant("a", { reset: monthly, carry: true }))).toBeUndefined();
    expect(lapsesAt(grant("a", { reset: monthly, carry: true, expiresAt: MAR_31 }))).toBe(MAR_31);
  });

  test("never where nothing ends", () => {
    expect(lapsesAt(grant("a"))).toBeUndefined();
  });
});

describe("a balance changes next", () => {
  test("when one of its grants resets", () => {
    expect(nextChangeAt(messages(grant("a"), grant("b", { reset: monthly })))).toBe(FEB_28);
  });

  test("when one of its grants expires", () => {
    expect(nextChangeAt(messages(grant("a", { reset: { ...monthly, nextAt: APR_30 }, expiresAt: MAR_31 })))).toBe(
      MAR_31,
    );
  });

  test("when one of its grants starts", () => {
    expect(nextChangeAt(messages(grant("a", { startsAt: FEB_28 })))).toBe(FEB_28);
  });

  test("not when a grant started that has been counted since", () => {
    expect(nextChangeAt(messages(grant("a", { startsAt: JAN_31 })))).toBeUndefined();
  });

  test("when one of its limits begins anew", () => {
    expect(nextChangeAt(row("messages", [], { limits: [limit(10)] }))).toBe(FEB_28);
  });

  test("never when nothing in it depends on time", () => {
    expect(nextChangeAt(messages(grant("a")))).toBeUndefined();
  });
});

test("an empty balance is the customer's, or an entity's", () => {
  expect(emptyBalance("messages", undefined, JAN_31)).toEqual({ featureId: "messages", grants: [], advancedAt: JAN_31 });
  expect(emptyBalance("messages", "seat", JAN_31)).toEqual({
    featureId: "messages",
    entityId: "seat",
    grants: [],
    advancedAt: JAN_31,
  });
});

test("a copy equals its original and shares nothing in it that changes", () => {
  const original = row("messages", [grant("a", { reset: monthly }), grant("b")], { limits: [limit(10)] });
  const copy = copyOf(original);
  expect(copy).toEqual(original);
  expect(copy.grants[0]).not.toBe(original.grants[0]);
  expect(copy.grants[0]?.reset).not.toBe(original.grants[0]?.reset);
  expect(copy.limits?.[0]).not.toBe(original.limits?.[0]);
});

test("a copy of a balance without limits has none", () => {
  expect(copyOf(messages(grant("a")))).not.toHaveProperty("limits");
});

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
});
