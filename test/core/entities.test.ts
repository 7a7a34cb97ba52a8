import { describe, expect, test } from "vitest";
import {
  drawSeat,
  endBalance,
  resumeUsage,
  uncountedSeats,
  usedPerEntity,
  type Beginning,
} from "../../src/core/entities.js";
import type { Grant } from "../../src/core/balances.js";
import {
  ask,
  daily,
  DAY,
  FEB_28,
  grant,
  JAN_31,
  messages,
  monthly,
  row,
  scope,
  usageBased,
} from "./fixtures.js";

const seats = (fields: Partial<Grant> = {}) => grant("seats", { granted: 3, ...fields });
const each = (id: string, fields: Partial<Grant> = {}) => grant(id, { perEntity: true, ...fields });

describe("a seat", () => {
  test("is drawn like any use", () => {
    const drawn = drawSeat([messages(seats())], ask(1));
    expect(drawn).toMatchObject({ draws: [{ grantId: "seats", amount: 1 }], uncovered: 0 });
  });

  test.each<[what: string, fields: Partial<Grant>, uncovered: number]>([
    ["that is free goes below zero", {}, 0],
    ["that is bought in advance does not", { prepaid: true }, 1],
    ["that is paid by use goes as far as may be bought", { overage: { ...usageBased, max: 1 } }, 0],
    ["that is paid by use goes no further", { overage: { ...usageBased, max: 0 } }, 1],
  ])("%s", (_, fields, uncovered) => {
    expect(drawSeat([messages(seats({ used: 3, ...fields }))], ask(1))).toMatchObject({ uncovered });
  });

  test("is taken whole or not at all", () => {
    const rows = [messages(seats({ granted: 0.5, prepaid: true }))];
    expect(drawSeat(rows, ask(1))).toMatchObject({ rows, draws: [], uncovered: 1 });
  });

  test("is refused, or not, as the call says", () => {
    const [free, paid] = [[messages(seats({ used: 3 }))], [messages(seats({ used: 3, prepaid: true }))]];
    expect(drawSeat(free, ask(1), "reject")).toMatchObject({ uncovered: 1, shortage: "insufficient" });
    expect(drawSeat(paid, ask(1), "overflow")).toMatchObject({ uncovered: 0 });
  });

  test("that nothing counts is not drawn, unless it is to be refused", () => {
    const ended = [messages(seats({ expiresAt: JAN_31 }))];
    for (const rows of [[], ended]) {
      expect(drawSeat(rows, ask(1))).toBeNull();
      expect(drawSeat(rows, ask(1), "overflow")).toBeNull();
      expect(drawSeat(rows, ask(1), "reject")).toMatchObject({ uncovered: 1, shortage: "not_included" });
    }
  });

  test("is counted by what the customer has himself, and not by what an entity of his has", () => {
    const ofEntity = row("messages", [seats({ used: 2 })], { entityId: "e1" });
    expect(drawSeat([ofEntity], ask(1))).toBeNull();
    expect(uncountedSeats([ofEntity], scope(), 5)).toBe(0);
    expect(uncountedSeats([messages(seats({ used: 1 })), ofEntity], scope(), 5)).toBe(4);
  });

  test("that was given by hand is no entity that nothing has counted", () => {
    const raised = [messages(seats({ used: -6, base: -7 }))];
    expect(uncountedSeats(raised, scope(), 1)).toBe(0);
    expect(uncountedSeats(raised, scope(), 3)).toBe(2);
  });

  test("of a plan whose payment is missing is refused: it counts, and pays for no more", () => {
    const suspended = [messages(seats({ used: 2, suspendedAt: JAN_31 }))];
    expect(drawSeat(suspended, ask(1))).toMatchObject({ uncovered: 1, shortage: "not_included" });
    expect(uncountedSeats(suspended, scope(), 5)).toBe(0);
    const both = [messages(seats({ used: 2, suspendedAt: JAN_31 }), grant("gift", { used: 1 }))];
    expect(uncountedSeats(both, scope(), 5)).toBe(2);
  });

  test("that is not counted is one beyond all use", () => {
    const rows = [messages(seats({ used: 2 }), grant("gift", { used: 1 }))];
    expect(uncountedSeats(rows, scope(), 5)).toBe(2);
    expect(uncountedSeats(rows, scope(), 3)).toBe(0);
    expect(uncountedSeats(rows, scope(), 1)).toBe(0);
  });

  test("cannot be counted where nothing counts", () => {
    expect(uncountedSeats([messages(seats({ startsAt: FEB_28 }))], scope(), 5)).toBe(0);
  });
});

describe("the end of a balance", () => {
  test("leaves no grant, neither live nor to come nor rolled over", () => {
    const balance = messages(
      grant("live"),
      grant("to come", { startsAt: FEB_28 }),
      grant("rolled", { rolledFrom: "live" }),
    );
    expect(endBalance(balance, JAN_31)).toMatchObject({ balance: { grants: [] }, closed: [] });
  });

  test("closes what is charged by use, up to that instant", () => {
    const balance = messages(grant("paid", { used: 104, overage: usageBased, reset: monthly }));
    expect(endBalance({ ...balance, advancedAt: JAN_31 + DAY }, JAN_31 + DAY).closed).toMatchObject([
      { grantId: "paid", from: JAN_31, to: JAN_31 + DAY, overage: 4, amount: 4 },
    ]);
  });

  test("charges nothing of what was never beyond", () => {
    const balance = messages(grant("paid", { used: 100, overage: usageBased, reset: monthly }));
    expect(endBalance(balance, JAN_31).closed).toEqual([]);
  });
});

describe("what was used per entity", () => {
  test("is that of plans' items which are running, with no rollover and no gift", () => {
    const balance = messages(
      each("plan", { used: 40 }),
      each("add-on", { used: 5.5 }),
      each("rolled", { used: 7, rolledFrom: "plan" }),
      each("to come", { used: 9, startsAt: FEB_28 }),
      grant("gift", { used: 11 }),
    );
    expect(usedPerEntity(balance, JAN_31)).toBe(45.5);
  });

  test.each<[what: string, fields: Partial<Grant>, counts: number]>([
    ["is not what is charged", { used: 104, overage: usageBased }, 100],
    ["is a debt that is carried as well", { used: 104, carry: true }, 104],
    ["is that of a debt, charged or not", { used: 104, carry: true, overage: usageBased }, 104],
    ["is not below zero", { used: -4 }, 0],
    ["is not that of an unlimited grant", { used: 104, unlimited: true }, 0],
  ])("%s", (_, fields, counts) => {
    expect(usedPerEntity(messages(each("plan", fields)), JAN_31)).toBe(counts);
  });
});

describe("usage that is resumed", () => {
  const begun = (fields: Partial<Grant> = {}, anchor = JAN_31): Beginning => ({
    grant: grant("new", fields),
    anchor,
  });
  const resumed = (beginnings: Beginning[], endedAt: number, now: number, amount = 30) => {
    resumeUsage(beginnings, { used: amount, endedAt }, now);
    return beginnings.map((each) => each.grant.used);
  };

  test("counts within the period that it was used in", () => {
    expect(resumed([begun({ reset: monthly })], JAN_31, FEB_28 - 1)).toEqual([30]);
    expect(resumed([begun({ reset: daily })], JAN_31, JAN_31 + DAY - 1)).toEqual([30]);
  });

  test("counts no more when that is over", () => {
    expect(resumed([begun({ reset: monthly })], FEB_28 - 1, FEB_28)).toEqual([0]);
  });

  test("counts in a period that began at that very instant", () => {
    expect(resumed([begun({ reset: monthly })], FEB_28, FEB_28 + DAY)).toEqual([30]);
  });

  test("counts for ever against what is given once, but to no plan that began since", () => {
    expect(resumed([begun()], JAN_31, FEB_28)).toEqual([30]);
    expect(resumed([begun({}, FEB_28)], JAN_31, FEB_28)).toEqual([0]);
  });

  test("fills grants in their order, and what is over counts against the first", () => {
    expect(resumed([begun({ granted: 10 }), begun({ granted: 10 })], JAN_31, JAN_31, 15)).toEqual([10, 5]);
    expect(resumed([begun({ granted: 10 }), begun({ granted: 10 })], JAN_31, JAN_31, 25)).toEqual([15, 10]);
  });

  test("counts against none that is yet to start", () => {
    expect(resumed([begun({ startsAt: FEB_28 })], JAN_31, JAN_31)).toEqual([0]);
  });
});
