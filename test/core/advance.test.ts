import { describe, expect, test } from "vitest";
import { advance, advanceAll, capRollovers, settleDebt } from "../../src/core/advance.js";
import { copyOf, type Balance, type Grant } from "../../src/core/balances.js";
import {
  APR_30,
  daily,
  DAY,
  FEB_28,
  grant,
  JAN_31,
  limit,
  MAR_31,
  MAY_31,
  messages,
  monthly,
  row,
  usageBased,
  used,
} from "./fixtures.js";

/** The grants of `balance` as of `now`. */
const grantsAt = (balance: Balance, now: number): Grant[] => advance(balance, now).balance.grants;
const closedBy = (balance: Balance, now: number) => advance(balance, now).closed;
/** What is left of each rollover, the soonest to expire first. */
const rolled = (grants: readonly Grant[]) =>
  grants.filter(({ rolledFrom }) => rolledFrom !== undefined).map(({ granted, used }) => granted - used);

describe("a reset", () => {
  const balance = messages(grant("a", { used: 70, reset: monthly }));

  test("does not happen before its instant", () => {
    expect(grantsAt(balance, FEB_28 - 1)).toEqual([grant("a", { used: 70, reset: monthly })]);
  });

  test("happens at its instant, and sets the next", () => {
    expect(grantsAt(balance, FEB_28)).toEqual([grant("a", { reset: { ...monthly, nextAt: MAR_31 } })]);
  });

  test("does not happen twice", () => {
    const fresh = advance(balance, FEB_28).balance;
    const usedSince = { ...fresh, grants: fresh.grants.map((each) => ({ ...each, used: 30 })) };
    expect(used([advance(usedSince, FEB_28).balance])).toEqual({ a: 30 });
    expect(used([advance(usedSince, MAR_31 - 1).balance])).toEqual({ a: 30 });
  });

  test("happens once for all the periods that nothing was used in", () => {
    expect(grantsAt(balance, APR_30 + DAY)).toEqual([grant("a", { reset: { ...monthly, nextAt: MAY_31 } })]);
  });

  test("is one step, however many periods have passed: each minute of ten years", () => {
    const minutely = { ...monthly, interval: "minute", nextAt: JAN_31 + 60_000 } as const;
    const tenYears = Date.UTC(2036, 0, 31, 10);
    expect(grantsAt(messages(grant("a", { used: 70, reset: minutely })), tenYears)).toEqual([
      grant("a", { reset: { ...minutely, nextAt: tenYears + 60_000 } }),
    ]);
  });

  test("brings back no more than was granted, also where it was set higher by hand", () => {
    const raised = messages(grant("a", { used: -50, reset: monthly }));
    expect(used([advance(raised, FEB_28).balance])).toEqual({ a: 0 });
  });

  test("forgets what was used beyond what was granted", () => {
    const overdrawn = messages(grant("a", { used: 150, reset: monthly }));
    expect(used([advance(overdrawn, FEB_28).balance])).toEqual({ a: 0 });
  });

  test("of one grant leaves the others alone", () => {
    const both = messages(
      grant("a", { used: 5, reset: daily }),
      grant("b", { used: 6, reset: monthly }),
      grant("c", { used: 7 }),
    );
    expect(used([advance(both, JAN_31 + DAY).balance])).toEqual({ a: 0, b: 6, c: 7 });
  });
});

describe("time", () => {
  test("does not run back: a balance is never older than when it was written", () => {
    const balance = row("messages", [grant("a", { used: 5, reset: monthly })], { advancedAt: FEB_28 - 1 });
    const { balance: same } = advance(balance, JAN_31);
    expect(same).toEqual(balance);
  });

  test("reaches what was due when the balance was written, even when it is asked for earlier", () => {
    const balance = row("messages", [grant("a", { used: 5, reset: monthly })], { advancedAt: FEB_28 });
    expect(used([advance(balance, JAN_31).balance])).toEqual({ a: 0 });
  });

  test("is noted in the balance", () => {
    expect(advance(messages(grant("a")), MAR_31).balance.advancedAt).toBe(MAR_31);
    expect(advance(messages(grant("a", { reset: monthly })), MAR_31 + 5).balance.advancedAt).toBe(MAR_31 + 5);
  });

  test("is the same for all rows of a decision: now, or when the youngest was written", () => {
    const rows = [
      messages(grant("a", { reset: monthly, used: 5 })),
      row("credits", [], { advancedAt: FEB_28 }),
    ];
    const { rows: advanced, now, closed } = advanceAll(rows, JAN_31);
    expect(now).toBe(FEB_28);
    expect(advanced.map(({ advancedAt }) => advancedAt)).toEqual([FEB_28, FEB_28]);
    expect(used(advanced)).toEqual({ a: 0 });
    expect(closed).toEqual([]);
  });

  test("of no rows at all is now", () => {
    expect(advanceAll([], MAR_31)).toEqual({ rows: [], closed: [], now: MAR_31 });
  });

  test("closes the periods of all rows of a decision", () => {
    const owing = (id: string) => grant(id, { used: 101, reset: monthly, overage: usageBased });
    const { closed } = advanceAll([messages(owing("a")), row("credits", [owing("b")])], FEB_28);
    expect(closed.map(({ featureId, grantId }) => [featureId, grantId])).toEqual([
      ["messages", "a"],
      ["credits", "b"],
    ]);
  });
});

describe("an expiry", () => {
  test("takes the grant away at its instant", () => {
    const balance = messages(grant("a", { expiresAt: MAR_31 }), grant("b"));
    expect(grantsAt(balance, MAR_31 - 1).map(({ id }) => id)).toEqual(["a", "b"]);
    expect(grantsAt(balance, MAR_31).map(({ id }) => id)).toEqual(["b"]);
  });

  test("comes before a reset at the same instant: nothing begins anew and nothing is rolled over", () => {
    const balance = messages(grant("a", { reset: monthly, rollover: {}, expiresAt: FEB_28 }));
    expect(grantsAt(balance, FEB_28)).toEqual([]);
  });

  test("takes the rollovers of the grant with it, and no others", () => {
    const balance = messages(
      grant("a", { reset: monthly, rollover: { months: 12 }, expiresAt: MAR_31 }),
      grant("of another", { rolledFrom: "b" }),
    );
    expect(grantsAt(balance, MAR_31 - 1)).toHaveLength(3);
    expect(grantsAt(balance, MAR_31).map(({ id }) => id)).toEqual(["of another"]);
  });

  test("of a rollover leaves its grant", () => {
    const balance = messages(grant("a"), grant("old", { rolledFrom: "a", expiresAt: MAR_31 }));
    expect(grantsAt(balance, MAR_31).map(({ id }) => id)).toEqual(["a"]);
  });

  test("comes after the resets before it", () => {
    const balance = messages(grant("a", { used: 30, reset: monthly, rollover: {}, expiresAt: MAR_31 }));
    expect(rolled(grantsAt(balance, MAR_31 - 1))).toEqual([70]);
  });
});

describe("a grant that starts later", () => {
  test("is noted when its instant comes", () => {
    const balance = messages(grant("a", { startsAt: FEB_28 }));
    expect(advance(balance, FEB_28).balance).toEqual({ ...balance, advancedAt: FEB_28 });
  });

  test("pays the debt that was carried to its start", () => {
    const balance = messages(grant("a", { used: 130, carry: true }), grant("b", { startsAt: FEB_28 }));
    expect(used([advance(balance, FEB_28 - 1).balance])).toEqual({ a: 130, b: 0 });
    expect(used([advance(balance, FEB_28).balance])).toEqual({ a: 100, b: 30 });
  });

  test("rolls nothing over before it has begun, not even at a reset at that instant", () => {
    const early = messages(grant("a", { startsAt: MAR_31, reset: monthly, rollover: {} }));
    expect(grantsAt(early, FEB_28)).toHaveLength(1);
    expect(grantsAt(early, MAR_31)).toHaveLength(1);
    expect(rolled(grantsAt(early, APR_30))).toEqual([100]);
  });

  test("takes the place of one that expires at that instant", () => {
    const balance = messages(grant("a", { expiresAt: FEB_28 }), grant("b", { startsAt: FEB_28 }));
    expect(grantsAt(balance, FEB_28).map(({ id }) => id)).toEqual(["b"]);
  });
});

describe("a grant that takes over from a plan when that ends", () => {
  const ending = (fields: Partial<Grant> = {}) =>
    grant("old", { source: "old", expiresAt: FEB_28, ...fields });
  const heir = (fields: Partial<Grant> = {}) =>
    grant("heir", { startsAt: FEB_28, inherits: "old", ...fields });

  test("counts what was used of it", () => {
    expect(grantsAt(messages(ending({ used: 30 }), heir()), FEB_28)).toEqual([
      grant("heir", { startsAt: FEB_28, used: 30 }),
    ]);
  });

  test("begins afresh where the old one would have been reset then", () => {
    expect(used([advance(messages(ending({ used: 30, reset: monthly }), heir()), FEB_28).balance])).toEqual({
      heir: 0,
    });
  });

  test("counts what would have been reset later", () => {
    const later = { ...monthly, nextAt: MAR_31 };
    expect(used([advance(messages(ending({ used: 30, reset: later }), heir()), FEB_28).balance])).toEqual({
      heir: 30,
    });
  });

  test("counts nothing that was used of a rollover which ends with it", () => {
    const rollover = grant("r", { source: "old", rolledFrom: "old", used: 50, expiresAt: FEB_28 });
    expect(used([advance(messages(ending({ used: 30 }), rollover, heir()), FEB_28).balance])).toEqual({
      heir: 30,
    });
  });

  test("counts no overage that is charged", () => {
    const later = { ...monthly, nextAt: MAR_31 };
    const old = ending({ used: 130, overage: usageBased, reset: later });
    const { balance, closed } = advance(messages(old, heir()), FEB_28);
    expect(used([balance])).toEqual({ heir: 100 });
    expect(closed).toMatchObject([{ grantId: "old", overage: 30 }]);
  });

  test("counts all that is held, charged or not: it goes on being held", () => {
    const { balance } = advance(messages(ending({ used: 130, overage: usageBased }), heir()), FEB_28);
    expect(used([balance])).toEqual({ heir: 130 });
  });

  test("counts what went beyond where nothing charges it", () => {
    const later = { ...monthly, nextAt: MAR_31 };
    const { balance, closed } = advance(messages(ending({ used: 130, reset: later }), heir()), FEB_28);
    expect(used([balance])).toEqual({ heir: 130 });
    expect(closed).toEqual([]);
  });

  test("counts overage that is a debt", () => {
    const later = { ...monthly, nextAt: MAR_31 };
    const old = ending({ used: 130, overage: usageBased, carry: true, reset: later });
    expect(used([advance(messages(old, heir()), FEB_28).balance])).toEqual({ heir: 130 });
  });

  test("counts nothing that an unlimited grant has paid", () => {
    const old = ending({ granted: 0, unlimited: true, used: 500 });
    expect(used([advance(messages(old, heir()), FEB_28).balance])).toEqual({ heir: 0 });
  });

  test("takes over from its own plan, and not from another that ends with it", () => {
    const plans = messages(
      ending({ id: "a", source: "a", used: 30 }),
      ending({ id: "b", source: "b", used: 5 }),
      heir({ id: "a2", inherits: "a" }),
      heir({ id: "b2", inherits: "b" }),
    );
    expect(used([advance(plans, FEB_28).balance])).toEqual({ a2: 30, b2: 5 });
  });

  test("takes over its rollovers, under terms of its own", () => {
    const rollover = grant("r", { source: "old", rolledFrom: "old", expiresAt: MAY_31 });
    const balance = messages(ending(), rollover, heir({ rollover: { max: 60 } }));
    expect(grantsAt(balance, FEB_28)).toMatchObject([
      { id: "r", source: "plan", rolledFrom: "heir", granted: 60, expiresAt: MAY_31 },
      { id: "heir" },
    ]);
  });

  test("takes over nothing of another plan, and nothing before its own start", () => {
    const others = messages(ending({ used: 30 }), heir({ inherits: "other" }));
    expect(used([advance(others, FEB_28).balance])).toEqual({ heir: 0 });
    const later = messages(ending({ used: 30 }), heir({ startsAt: MAR_31 }));
    expect(used([advance(later, MAR_31).balance])).toEqual({ heir: 0 });
  });
});

describe("a priced period", () => {
  const overdrawn = grant("a", { used: 130.5, reset: monthly, overage: usageBased });

  test("closes at the reset with what was used beyond the grant, and what that costs", () => {
    expect(closedBy(messages(overdrawn), FEB_28)).toEqual([
      {
        grantId: "a",
        source: "plan",
        featureId: "messages",
        from: JAN_31,
        to: FEB_28,
        granted: 100,
        overage: 30.5,
        amount: 31,
      },
    ]);
  });

  test("closes but once, however many periods nothing was used in", () => {
    expect(closedBy(messages(overdrawn), MAY_31)).toHaveLength(1);
    const { balance } = advance(messages(overdrawn), FEB_28);
    expect(closedBy(balance, MAY_31)).toEqual([]);
  });

  test("says whose it was, where it was an entity's", () => {
    expect(closedBy(row("messages", [overdrawn], { entityId: "seat" }), FEB_28)[0]?.entityId).toBe("seat");
  });

  test("closes at an expiry too, from the last boundary to then", () => {
    const ending = { ...overdrawn, reset: { ...monthly, nextAt: APR_30 }, expiresAt: APR_30 - DAY };
    expect(closedBy(messages(ending), APR_30)).toMatchObject([
      { from: MAR_31, to: APR_30 - DAY, overage: 30.5 },
    ]);
  });

  test("closes once where it expires at its reset", () => {
    expect(closedBy(messages({ ...overdrawn, expiresAt: FEB_28 }), FEB_28)).toMatchObject([
      { from: JAN_31, to: FEB_28 },
    ]);
  });

  test("begins at a boundary right before its end, too", () => {
    const ending = { ...overdrawn, reset: { ...monthly, nextAt: MAR_31 }, expiresAt: FEB_28 + 1 };
    expect(closedBy(messages(ending), FEB_28 + 1)).toMatchObject([{ from: FEB_28, to: FEB_28 + 1 }]);
  });

  test("begins with its grant where that began within a period", () => {
    const later = { ...overdrawn, createdAt: JAN_31 + DAY };
    expect(closedBy(messages(later), FEB_28)[0]?.from).toBe(JAN_31 + DAY);
    expect(closedBy(messages({ ...later, startsAt: JAN_31 + 2 * DAY }), FEB_28)[0]?.from).toBe(
      JAN_31 + 2 * DAY,
    );
  });

  test("of a grant that never resets lasts from its start to its end", () => {
    const held = grant("a", { used: 103, overage: usageBased, expiresAt: APR_30 });
    expect(closedBy(messages(held), APR_30)).toMatchObject([{ from: JAN_31, to: APR_30, overage: 3 }]);
  });

  test("in which nothing was owed is not told of", () => {
    expect(closedBy(messages({ ...overdrawn, used: 100 }), FEB_28)).toEqual([]);
  });

  test("is not told of where use is unlimited", () => {
    const endless = grant("a", {
      granted: 0,
      unlimited: true,
      used: 500,
      reset: monthly,
      overage: usageBased,
    });
    expect(closedBy(messages(endless), FEB_28)).toEqual([]);
  });

  test("is not told of where overage costs nothing", () => {
    expect(closedBy(messages(grant("a", { used: 130, reset: monthly })), FEB_28)).toEqual([]);
  });

  test("is not charged where its overage is carried as a debt", () => {
    expect(closedBy(messages({ ...overdrawn, carry: true }), FEB_28)).toEqual([]);
  });
});

describe("a rollover", () => {
  const balance = messages(
    grant("a", { used: 70, reset: monthly, rollover: { months: 2 }, planId: "pro", perEntity: true }),
  );

  test("is what was left at the reset, as a grant of its own", () => {
    const [, rollover] = grantsAt(balance, FEB_28);
    expect(rollover).toEqual({
      id: expect.stringMatching(/^a@/) as string,
      source: "plan",
      planId: "pro",
      granted: 30,
      used: 0,
      createdAt: FEB_28,
      rolledFrom: "a",
      perEntity: true,
      expiresAt: APR_30,
    });
  });

  test("expires on the anchor's day", () => {
    expect(rolled(grantsAt(balance, APR_30 - 1))).toEqual([30, 100]);
    // The first is gone; those of March and April are there.
    expect(rolled(grantsAt(balance, APR_30))).toEqual([100, 100]);
  });

  test("has an id that no other rollover of its grant ever has", () => {
    const ids = new Set<string>();
    for (let now = FEB_28; now < FEB_28 + 400 * DAY; now += DAY) {
      for (const { id, createdAt } of grantsAt(balance, now))
        if (createdAt !== JAN_31) ids.add(`${id} ${createdAt}`);
    }
    expect(ids.size).toBe(14);
    expect(new Set([...ids].map((each) => each.split(" ")[0])).size).toBe(14);
  });

  test("is not made where nothing was left", () => {
    expect(
      rolled(grantsAt(messages(grant("a", { used: 100, reset: monthly, rollover: {} })), FEB_28)),
    ).toEqual([]);
  });

  test("is not rolled over again", () => {
    const [, first] = grantsAt(balance, FEB_28);
    const [, same] = grantsAt(balance, MAR_31);
    expect(same).toEqual(first);
  });

  test("that never expires is one grant, however often it grows", () => {
    const forever = messages(grant("a", { used: 70.5, reset: monthly, rollover: {} }));
    const grants = grantsAt(forever, APR_30);
    expect(grants).toHaveLength(2);
    expect(rolled(grants)).toEqual([229.5]);
    expect(grants[1]).not.toHaveProperty("expiresAt");
  });

  test("of days that end in the same clamped instant is one grant", () => {
    const late = { ...daily, nextAt: Date.UTC(2026, 0, 29, 10), anchor: Date.UTC(2026, 0, 28, 10) };
    const days = row("messages", [grant("a", { granted: 10, reset: late, rollover: { months: 1 } })], {
      advancedAt: Date.UTC(2026, 0, 28, 10),
    });
    const grants = grantsAt(days, JAN_31);
    expect(grants).toHaveLength(2);
    expect(grants[1]).toMatchObject({ granted: 30, expiresAt: FEB_28 });
  });

  test("that would grow for ever stops at the largest amount", () => {
    const vast = messages(grant("a", { granted: 9_007_199_254_740_991, reset: monthly, rollover: {} }));
    expect(rolled(grantsAt(vast, MAY_31))).toEqual([9_007_199_254_740_991]);
  });
});

describe("the cap of rollovers", () => {
  test("holds for all of them together, and cuts the soonest to expire", () => {
    const balance = messages(grant("a", { reset: monthly, rollover: { max: 150, months: 3 } }));
    expect(rolled(grantsAt(balance, FEB_28))).toEqual([100]);
    expect(rolled(grantsAt(balance, MAR_31))).toEqual([50, 100]);
    expect(rolled(grantsAt(balance, APR_30))).toEqual([50, 100]);
  });

  test("counts what is left of them and not what they were", () => {
    const spent = grant("old", { granted: 100, used: 80, rolledFrom: "a", expiresAt: MAY_31 });
    const balance = messages(grant("a", { reset: monthly, rollover: { max: 120, months: 6 } }), spent);
    expect(rolled(grantsAt(balance, FEB_28))).toEqual([20, 100]);
  });

  test("cuts no rollover below what is used of it", () => {
    const spent = grant("old", { granted: 100, used: 80, rolledFrom: "a", expiresAt: MAY_31 });
    const balance = messages(grant("a", { reset: monthly, rollover: { max: 100, months: 6 } }), spent);
    expect(grantsAt(balance, FEB_28)[1]).toEqual({ ...spent, granted: 80 });
  });

  test("can be a percentage of the grant, in whole units", () => {
    const half = (granted: number) =>
      messages(grant("a", { granted, reset: monthly, rollover: { percent: 50 } }));
    expect(rolled(grantsAt(half(100), FEB_28))).toEqual([50]);
    expect(rolled(grantsAt(half(33.3), FEB_28))).toEqual([16]);
  });

  test("of nothing keeps nothing", () => {
    const balance = messages(grant("a", { reset: monthly, rollover: { max: 0 } }));
    expect(grantsAt(balance, FEB_28)).toHaveLength(1);
  });

  test("cuts the older of two that expire together", () => {
    const twins = ["old", "new"].map((id, n) =>
      grant(id, { granted: 50, createdAt: JAN_31 + n, rolledFrom: "a", expiresAt: MAY_31 }),
    );
    const balance = copyOf(messages(...[...twins].reverse(), grant("a")));
    capRollovers(balance, grant("a", { rollover: { max: 60 } }));
    expect(balance.grants.map(({ id, granted }) => [id, granted])).toEqual([
      ["new", 50],
      ["old", 10],
      ["a", 100],
    ]);
  });

  test("cuts those that expire before those that never do", () => {
    const forever = grant("forever", { granted: 50, rolledFrom: "a", createdAt: JAN_31 - 1 });
    const passing = grant("passing", { granted: 50, rolledFrom: "a", expiresAt: MAY_31 });
    const capped = (...rollovers: Grant[]) => {
      const balance = copyOf(messages(...rollovers));
      capRollovers(balance, grant("a", { rollover: { max: 60 } }));
      return balance.grants.map(({ id, granted }) => [id, granted]);
    };
    expect(capped(forever, passing)).toEqual([
      ["forever", 50],
      ["passing", 10],
    ]);
    expect(capped(passing, forever)).toEqual([
      ["passing", 10],
      ["forever", 50],
    ]);
  });

  test("keeps a rollover of less than one", () => {
    const balance = messages(grant("a", { used: 99.5, reset: monthly, rollover: { max: 50 } }));
    expect(rolled(grantsAt(balance, FEB_28))).toEqual([0.5]);
  });

  test("leaves the rollovers of other grants alone", () => {
    const balance = copyOf(
      messages(grant("x", { rolledFrom: "b" }), grant("y", { granted: 0, rolledFrom: "b" })),
    );
    capRollovers(balance, grant("a", { rollover: { max: 0 } }));
    expect(balance.grants).toHaveLength(2);
  });

  test("does not exist where none is set", () => {
    const balance = copyOf(messages(grant("x", { rolledFrom: "a" })));
    capRollovers(balance, grant("a", { rollover: {} }));
    expect(rolled(balance.grants)).toEqual([100]);
  });
});

describe("a carried debt", () => {
  test("survives the reset, which pays of it what it grants", () => {
    const balance = messages(grant("a", { used: 350, reset: monthly, carry: true }));
    expect(used([advance(balance, FEB_28).balance])).toEqual({ a: 250 });
    expect(used([advance(balance, MAR_31).balance])).toEqual({ a: 150 });
  });

  test("that a reset has paid is gone with the next, however long nothing looked", () => {
    const balance = messages(grant("a", { used: 150, reset: monthly, carry: true }));
    expect(used([advance(balance, FEB_28).balance])).toEqual({ a: 50 });
    expect(used([advance(balance, MAR_31).balance])).toEqual({ a: 0 });
  });

  test("below what is granted is gone with the reset", () => {
    const balance = messages(grant("a", { used: 90, reset: monthly, carry: true }));
    expect(used([advance(balance, FEB_28).balance])).toEqual({ a: 0 });
  });

  test("is paid by each reset of other grants, in burn order", () => {
    const balance = messages(
      grant("a", { granted: 0, used: 25, carry: true }),
      grant("b", { granted: 10, used: 10, reset: daily }),
    );
    expect(used([advance(balance, JAN_31 + DAY).balance])).toEqual({ a: 15, b: 10 });
    expect(used([advance(balance, JAN_31 + 2 * DAY).balance])).toEqual({ a: 5, b: 10 });
    expect(used([advance(balance, JAN_31 + 3 * DAY).balance])).toEqual({ a: 0, b: 5 });
    expect(used([advance(balance, JAN_31 + 4 * DAY).balance])).toEqual({ a: 0, b: 0 });
  });

  test("that a plan brings with it is paid by each reset after that, though the time before left no trace", () => {
    const balance = messages(
      grant("old", { source: "old", granted: 0, used: 25, expiresAt: FEB_28 }),
      grant("heir", { granted: 0, startsAt: FEB_28, inherits: "old", carry: true }),
      grant("b", { granted: 10, reset: daily }),
    );
    expect(used([advance(balance, FEB_28 + 2 * DAY).balance])).toEqual({ heir: 0, b: 5 });
  });

  test("is paid from rollovers first", () => {
    const balance = messages(
      grant("a", { granted: 0, used: 40, carry: true }),
      grant("b", { used: 70, reset: monthly, rollover: {} }),
    );
    const [debtor, payer, rollover] = grantsAt(balance, FEB_28);
    expect(debtor?.used).toBe(0);
    expect(rollover).toMatchObject({ granted: 30, used: 30 });
    expect(payer?.used).toBe(10);
  });

  test("of less than one is paid as well", () => {
    const balance = copyOf(messages(grant("a", { used: 100.5, carry: true }), grant("b")));
    settleDebt(balance, JAN_31);
    expect(used([balance])).toEqual({ a: 100, b: 0.5 });
  });

  test("is not paid by what has not started", () => {
    const balance = copyOf(
      messages(grant("a", { used: 130, carry: true }), grant("b", { startsAt: FEB_28 })),
    );
    settleDebt(balance, JAN_31);
    expect(used([balance])).toEqual({ a: 130, b: 0 });
  });

  test("of an entity is paid from its own row", () => {
    const balance = copyOf(
      row("messages", [grant("a", { used: 130, carry: true }), grant("b")], { entityId: "seat" }),
    );
    settleDebt(balance, JAN_31);
    expect(used([balance])).toEqual({ a: 100, b: 30 });
  });

  test("is all that is paid: overage without it stays", () => {
    const balance = copyOf(messages(grant("a", { used: 130 }), grant("b")));
    settleDebt(balance, JAN_31);
    expect(used([balance])).toEqual({ a: 130, b: 0 });
  });
});

describe("a limit", () => {
  const limited = row("messages", [], { limits: [limit(10, { used: 7 }), limit(20, { used: 8, ...daily })] });
  const limitsAt = (now: number) =>
    advance(limited, now).balance.limits?.map((each) => [each.used, each.nextAt]);

  test("begins anew at its boundary, each limit at its own", () => {
    expect(limitsAt(JAN_31 + DAY - 1)).toEqual([
      [7, FEB_28],
      [8, JAN_31 + DAY],
    ]);
    expect(limitsAt(JAN_31 + DAY)).toEqual([
      [7, FEB_28],
      [0, JAN_31 + 2 * DAY],
    ]);
    expect(limitsAt(FEB_28)).toEqual([
      [0, MAR_31],
      [0, FEB_28 + DAY],
    ]);
  });

  test("does not begin anew twice", () => {
    const { balance } = advance(limited, FEB_28);
    const counted = { ...balance, limits: balance.limits?.map((each) => ({ ...each, used: 3 })) };
    expect(advance(counted, FEB_28).balance.limits?.map((each) => each.used)).toEqual([3, 3]);
  });
});
