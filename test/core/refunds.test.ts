import { describe, expect, test } from "vitest";
import { advance } from "../../src/core/advance.js";
import type { Balance } from "../../src/core/balances.js";
import { draw, type Draw } from "../../src/core/draws.js";
import { restore } from "../../src/core/refunds.js";
import {
  ask,
  credits,
  DAY,
  daily,
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
  used,
} from "./fixtures.js";

const drawnOf = (grantId: string, amount: number, fields: Partial<Draw> = {}): Draw => ({
  grantId,
  amount,
  units: amount,
  ...fields,
});
const limitsUsed = (rows: readonly Balance[]) => rows.flatMap(({ limits = [] }) => limits.map((each) => each.used));

describe("returning draws", () => {
  const rows = [messages(grant("first", { used: 100 }), grant("last", { used: 30 }))];
  const drawn = [drawnOf("first", 20), drawnOf("last", 30)];

  test("gives back to the very grants that paid", () => {
    const returned = restore(rows, drawn, JAN_31, 50, scope());
    expect(used(returned.rows)).toEqual({ first: 80, last: 0 });
    expect(returned).toMatchObject({ kept: [], lapsed: 0 });
  });

  test("begins with what was drawn last", () => {
    const returned = restore(rows, drawn, JAN_31, 40, scope());
    expect(used(returned.rows)).toEqual({ first: 90, last: 0 });
    expect(returned.kept).toEqual([drawnOf("first", 10)]);
  });

  test("keeps in their order what stays charged", () => {
    const returned = restore(rows, drawn, JAN_31, 10, scope());
    expect(used(returned.rows)).toEqual({ first: 100, last: 20 });
    expect(returned.kept).toEqual([drawnOf("first", 20), drawnOf("last", 20)]);
  });

  test("of nothing changes nothing", () => {
    const returned = restore(rows, drawn, JAN_31, 0, scope());
    expect(returned).toEqual({ rows, kept: drawn, lapsed: 0 });
  });

  test("of more than was drawn breaks loudly", () => {
    expect(() => restore(rows, drawn, JAN_31, 50.1, scope())).toThrow("no more is returned than was drawn");
  });

  test("finds its grants in whatever rows they are", () => {
    const both = [messages(grant("a", { used: 5 })), row("messages", [grant("b", { used: 5 })], { entityId: "seat" })];
    const returned = restore(both, [drawnOf("a", 5), drawnOf("b", 5)], JAN_31, 10, scope({ entityId: "seat" }));
    expect(used(returned.rows)).toEqual({ a: 0, b: 0 });
  });

  test("in several steps is the same as at once", () => {
    const before = [credits(grant("a", { granted: 1 }), grant("b", { granted: 2 }))];
    const inCredits = scope({ pools: orCredits(3) });
    const paid = draw(before, ask(1, { pools: orCredits(3) }), "reject");
    const half = restore(paid.rows, paid.draws, JAN_31, 0.5, inCredits);
    expect(used(half.rows)).toEqual({ a: 1, b: 0.500000001 });
    const rest = restore(half.rows, half.kept, JAN_31, 0.5, inCredits);
    expect(used(rest.rows)).toEqual({ a: 0, b: 0 });
    expect(rest.kept).toEqual([]);
  });

  test("charges what stays in proportion, rounded up", () => {
    const paid = [credits(grant("a", { used: 1 }))];
    const returned = restore(paid, [drawnOf("a", 1, { units: 3 })], JAN_31, 2, scope({ pools: orCredits(1, 3) }));
    expect(used(returned.rows)).toEqual({ a: 0.333333334 });
    expect(returned.kept).toEqual([{ grantId: "a", amount: 0.333333334, units: 1 }]);
  });

  test("to an unlimited grant lowers what it counts", () => {
    const endless = [messages(grant("a", { granted: 0, unlimited: true, used: 30 }))];
    expect(used(restore(endless, [drawnOf("a", 20)], JAN_31, 20, scope()).rows)).toEqual({ a: 10 });
  });

  test("to a grant whose use was set to less returns no more than that", () => {
    const lowered = [messages(grant("a", { used: 5 }))];
    expect(used(restore(lowered, [drawnOf("a", 20)], JAN_31, 20, scope()).rows)).toEqual({ a: 0 });
  });
});

describe("a draw that has lapsed", () => {
  test("returns to nobody, and is reported", () => {
    const balance = messages(grant("a", { granted: 10, reset: daily }), grant("b"));
    const paid = draw([balance], ask(15), "reject");
    const later = [advance(paid.rows[0] ?? balance, JAN_31 + DAY).balance];
    const returned = restore(later, paid.draws, JAN_31, 15, scope({ now: JAN_31 + DAY }));
    expect(used(returned.rows)).toEqual({ a: 0, b: 0 });
    expect(returned).toMatchObject({ kept: [], lapsed: 10 });
  });

  test("does not give back what was used in the next period", () => {
    const next = [messages(grant("a", { used: 8, reset: { ...monthly, nextAt: MAR_31 } }))];
    const returned = restore(next, [drawnOf("a", 5, { until: FEB_28 })], JAN_31, 5, scope({ now: FEB_28 }));
    expect(used(returned.rows)).toEqual({ a: 8 });
    expect(returned.lapsed).toBe(5);
  });

  test("returns until the last millisecond of its period", () => {
    const rows = [messages(grant("a", { used: 8, reset: monthly }))];
    const returned = restore(rows, [drawnOf("a", 5, { until: FEB_28 })], JAN_31, 5, scope({ now: FEB_28 - 1 }));
    expect(used(returned.rows)).toEqual({ a: 3 });
    expect(returned.lapsed).toBe(0);
  });

  test("of a grant that has expired is reported too", () => {
    const rows = [messages(grant("b", { used: 20 }))];
    const returned = restore(rows, [drawnOf("gone", 5, { until: FEB_28 })], JAN_31, 5, scope({ now: MAR_31 }));
    expect(used(returned.rows)).toEqual({ b: 20 });
    expect(returned.lapsed).toBe(5);
  });
});

describe("a draw whose grant is gone by a plan change", () => {
  test("returns in normal order", () => {
    const rows = [messages(grant("once", { used: 20 }), grant("resets", { used: 3, reset: monthly }))];
    const returned = restore(rows, [drawnOf("gone", 5, { until: FEB_28 })], JAN_31, 5, scope());
    expect(used(returned.rows)).toEqual({ once: 18, resets: 0 });
    expect(returned).toMatchObject({ kept: [], lapsed: 0 });
  });

  test("is reported where there is nothing to refill", () => {
    const rows = [messages(grant("new", { used: 3 }))];
    const returned = restore(rows, [drawnOf("gone", 5)], JAN_31, 5, scope());
    expect(used(returned.rows)).toEqual({ new: 0 });
    expect(returned.lapsed).toBe(2);
  });

  test("adds to what lapsed of other draws", () => {
    const rows = [messages(grant("new", { used: 3 }))];
    const drawn = [drawnOf("lapsed", 7, { until: JAN_31 }), drawnOf("gone", 5)];
    expect(restore(rows, drawn, JAN_31 - 1, 12, scope()).lapsed).toBe(9);
  });
});

describe("a limit", () => {
  const rows = [
    row("messages", [grant("a", { used: 5 })], { limits: [limit(100, { used: 50 })] }),
    row("credits", [grant("b", { used: 30 })], { limits: [limit(100, { used: 60 })] }),
  ];
  const drawn = [drawnOf("a", 5), { grantId: "b", amount: 30, units: 10 }];
  const pools = orCredits(3);

  test("counts back the units of the feature, and the credits of their own system", () => {
    expect(limitsUsed(restore(rows, drawn, JAN_31, 15, scope({ pools })).rows)).toEqual([35, 30]);
  });

  test("counts back only what is returned", () => {
    expect(limitsUsed(restore(rows, drawn, JAN_31, 4, scope({ pools })).rows)).toEqual([46, 48]);
  });

  test("does not count back what was drawn in an earlier period of it", () => {
    expect(limitsUsed(restore(rows, drawn, JAN_31 - 1, 15, scope({ pools })).rows)).toEqual([50, 60]);
  });

  test("does not go below nothing used", () => {
    const lowered = [row("messages", [grant("a", { used: 5 })], { limits: [limit(100, { used: 2 })] })];
    expect(limitsUsed(restore(lowered, [drawnOf("a", 5)], JAN_31, 5, scope()).rows)).toEqual([0]);
  });

  test("counts nothing back that an unlimited grant paid, as it counted nothing", () => {
    const endless = [
      row("messages", [grant("a", { granted: 0, unlimited: true, used: 5 })], { limits: [limit(100, { used: 50 })] }),
    ];
    expect(limitsUsed(restore(endless, [drawnOf("a", 5)], JAN_31, 5, scope()).rows)).toEqual([50]);
  });

  test("of the entity is the one that counts back, where it has one", () => {
    const both = [
      row("messages", [grant("a", { used: 5 })], { limits: [limit(100, { used: 50 })] }),
      row("messages", [], { entityId: "seat", limits: [limit(100, { used: 60 })] }),
    ];
    expect(limitsUsed(restore(both, [drawnOf("a", 5)], JAN_31, 5, scope({ entityId: "seat" })).rows)).toEqual([50, 55]);
  });
});
