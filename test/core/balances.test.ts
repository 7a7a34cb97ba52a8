import { describe, expect, test } from "vitest";
import {
  copyOf,
  emptyBalance,
  hasMoved,
  isCurrent,
  isLive,
  lapsesAt,
  left,
  nextChangeAt,
  over,
  type Grant,
} from "../../src/core/balances.js";
import { APR_30, FEB_28, grant, JAN_31, limit, MAR_31, messages, monthly, row } from "./fixtures.js";

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

test("an unlimited grant has nothing left and no overage, whatever is used of it", () => {
  const endless = grant("a", { granted: 0, unlimited: true, used: 500 });
  expect(left(endless).toNumber()).toBe(0);
  expect(over(endless).toNumber()).toBe(0);
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

  test("until it is suspended, though it is not over", () => {
    const unpaid = grant("a", { suspendedAt: FEB_28, expiresAt: MAR_31 });
    expect(isLive(unpaid, FEB_28 - 1)).toBe(true);
    expect(isLive(unpaid, FEB_28)).toBe(false);
    expect(isCurrent(unpaid, MAR_31 - 1)).toBe(true);
    expect(isCurrent(unpaid, MAR_31)).toBe(false);
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

  test("not at the reset where it is a debt that is carried over it", () => {
    const owing = (fields: Partial<Grant>) =>
      grant("a", { reset: monthly, carry: true, used: 100, ...fields });
    expect(lapsesAt(owing({}))).toBeUndefined();
    expect(lapsesAt(owing({ expiresAt: MAR_31 }))).toBe(MAR_31);
    expect(lapsesAt(owing({ used: 99 }))).toBe(FEB_28);
    expect(lapsesAt(owing({ carry: undefined }))).toBe(FEB_28);
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
    expect(
      nextChangeAt(messages(grant("a", { reset: { ...monthly, nextAt: APR_30 }, expiresAt: MAR_31 }))),
    ).toBe(MAR_31);
  });

  test("when one of its grants starts", () => {
    expect(nextChangeAt(messages(grant("a", { startsAt: FEB_28 })))).toBe(FEB_28);
  });

  test("not when a grant started that has been counted since", () => {
    expect(nextChangeAt(messages(grant("a", { startsAt: JAN_31 })))).toBeUndefined();
  });

  test("is the suspension of a grant, until that has come", () => {
    const unpaid = grant("a", { suspendedAt: FEB_28 });
    expect(nextChangeAt(messages(unpaid))).toBe(FEB_28);
    expect(nextChangeAt(row("messages", [unpaid], { advancedAt: FEB_28 }))).toBeUndefined();
  });

  test("when one of its limits begins anew", () => {
    expect(nextChangeAt(row("messages", [], { limits: [limit(10)] }))).toBe(FEB_28);
  });

  test("never when nothing in it depends on time", () => {
    expect(nextChangeAt(messages(grant("a")))).toBeUndefined();
  });
});

test("an empty balance is the customer's, or an entity's", () => {
  expect(emptyBalance("messages", undefined, JAN_31)).toEqual({
    featureId: "messages",
    grants: [],
    advancedAt: JAN_31,
  });
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

describe("a balance has moved", () => {
  const before = row("messages", [grant("a")], { limits: [limit(10)] });
  const after = (grants: Grant[], ...limits: Parameters<typeof limit>) =>
    row("messages", grants, { limits: [limit(...limits)], advancedAt: MAR_31 });

  test("when something is taken from it, or counted in it", () => {
    expect(hasMoved(before, after([grant("a", { used: 1 })], 10))).toBe(true);
    expect(hasMoved(before, after([grant("a")], 10, { used: 1 }))).toBe(true);
  });

  test("when a limit of it counts other periods", () => {
    expect(hasMoved(before, after([grant("a")], 10, { anchor: MAR_31 }))).toBe(true);
  });

  test("not when only time has passed", () => {
    expect(hasMoved(before, after([grant("a")], 10))).toBe(false);
  });
});
