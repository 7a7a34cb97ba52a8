import { describe, expect, test } from "vitest";
import { advance } from "../../src/core/advance.js";
import type { Balance } from "../../src/core/balances.js";
import { draw, type Draw } from "../../src/core/draws.js";
import { chargeOf, restore, type Charged } from "../../src/core/refunds.js";
import {
  APR_30,
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
  usageBased,
  used,
} from "./fixtures.js";

const drawnOf = (grantId: string, amount: number, fields: Partial<Draw> = {}): Draw => ({
  grantId,
  amount,
  units: amount,
  ...fields,
});
const limitsUsed = (rows: readonly Balance[]) =>
  rows.flatMap(({ limits = [] }) => limits.map((each) => each.used));

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
    expect(returned).toEqual({ rows, draws: [], kept: drawn, lapsed: 0, charges: [] });
  });

  test("of more than was drawn breaks loudly", () => {
    expect(() => restore(rows, drawn, JAN_31, 50.1, scope())).toThrow("no more is returned than was drawn");
  });

  test("finds its grants in whatever rows they are", () => {
    const both = [
      messages(grant("a", { used: 5 })),
      row("messages", [grant("b", { used: 5 })], { entityId: "seat" }),
    ];
    const returned = restore(
      both,
      [drawnOf("a", 5), drawnOf("b", 5)],
      JAN_31,
      10,
      scope({ entityId: "seat" }),
    );
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
    const returned = restore(
      paid,
      [drawnOf("a", 1, { units: 3 })],
      JAN_31,
      2,
      scope({ pools: orCredits(1, 3) }),
    );
    expect(used(returned.rows)).toEqual({ a: 0.333333334 });
    expect(returned.kept).toEqual([{ grantId: "a", amount: 0.333333334, units: 1 }]);
  });

  test("to an unlimited grant lowers what it counts", () => {
    const endless = [messages(grant("a", { granted: 0, unlimited: true, used: 30 }))];
    expect(used(restore(endless, [drawnOf("a", 20)], JAN_31, 20, scope()).rows)).toEqual({ a: 10 });
  });

  test("to a grant that was set above what it granted raises it again", () => {
    const raised = [messages(grant("a", { used: -20, base: -50 }))];
    expect(used(restore(raised, [drawnOf("a", 30)], JAN_31, 30, scope()).rows)).toEqual({ a: -50 });
  });

  test("says what came back, and to which grants", () => {
    expect(restore(rows, drawn, JAN_31, 40, scope()).draws).toEqual([
      drawnOf("last", -30),
      drawnOf("first", -10),
    ]);
  });

  test("returns overage before what others paid earlier", () => {
    const balance = messages(
      grant("byUse", { granted: 5, reset: monthly, overage: usageBased }),
      grant("once", { granted: 5 }),
    );
    const paid = draw([balance], ask(20), "reject");
    expect(used(restore(paid.rows, paid.draws, JAN_31, 10, scope()).rows)).toEqual({ byUse: 5, once: 5 });
  });
});

describe("dust, drawn where it paid no unit of its own,", () => {
  const before = [credits(grant("a", { granted: 1e-9 }), grant("b", { granted: 3 }))];
  const inCredits = scope({ pools: orCredits(3) });
  const paid = draw(before, ask(1, { pools: orCredits(3) }), "reject");

  test("is a draw of no units", () => {
    expect(paid.draws).toEqual([
      { grantId: "a", amount: 1e-9, units: 0 },
      { grantId: "b", amount: 2.999999999, units: 1 },
    ]);
  });

  test("returns with the last of what was drawn after it", () => {
    const returned = restore(paid.rows, paid.draws, JAN_31, 1, inCredits);
    expect(used(returned.rows)).toEqual({ a: 0, b: 0 });
    expect(returned.kept).toEqual([]);
  });

  test("is among what came back", () => {
    expect(restore(paid.rows, paid.draws, JAN_31, 1, inCredits).draws).toEqual([
      { grantId: "b", amount: -2.999999999, units: -1 },
      { grantId: "a", amount: -1e-9, units: 0 },
    ]);
  });

  test("stays as long as something of that stays", () => {
    const returned = restore(paid.rows, paid.draws, JAN_31, 0.5, inCredits);
    expect(used(returned.rows)).toEqual({ a: 1e-9, b: 1.5 });
    expect(returned.kept).toEqual([
      { grantId: "a", amount: 1e-9, units: 0 },
      { grantId: "b", amount: 1.5, units: 0.5 },
    ]);
    expect(used(restore(returned.rows, returned.kept, JAN_31, 0.5, inCredits).rows)).toEqual({ a: 0, b: 0 });
  });
});

describe("a draw from a grant that carries its debt", () => {
  const before = messages(grant("a", { carry: true, overage: usageBased, reset: monthly }));
  const paid = draw([before], ask(150), "cap");
  const reset = [advance(paid.rows[0] ?? before, FEB_28).balance];

  test("lapses at the reset as far as it was granted, and not as far as it is a debt", () => {
    expect(paid.draws).toEqual([drawnOf("a", 100, { until: FEB_28 }), drawnOf("a", 50)]);
  });

  test("returns the debt that the reset has left; the rest has lapsed", () => {
    const returned = restore(reset, paid.draws, JAN_31, 150, scope({ now: FEB_28 }));
    expect(used(returned.rows)).toEqual({ a: 0 });
    expect(returned.lapsed).toBe(100);
    expect(returned.draws).toEqual([drawnOf("a", -50)]);
  });

  test("returns whole where nothing is forgotten yet", () => {
    const returned = restore(paid.rows, paid.draws, JAN_31, 150, scope());
    expect(used(returned.rows)).toEqual({ a: 0 });
    expect(returned.lapsed).toBe(0);
  });

  test("is not given back where a later period has paid the debt, and has lapsed with it", () => {
    const terms = { carry: true, overage: usageBased, reset: monthly } as const;
    const owing = draw([messages(grant("a", terms))], ask(150), "cap");
    const later = owing.rows.map((each) => advance(each, MAR_31).balance);
    const returned = restore(later, owing.draws, JAN_31, 150, scope({ now: MAR_31 }));
    expect(used(returned.rows)).toEqual({ a: 0 });
    expect(returned).toMatchObject({ draws: [], lapsed: 150 });
  });

  test("is not given back where a later period has paid the debt, also where it expires one day", () => {
    const terms = { carry: true, overage: usageBased, reset: monthly, expiresAt: APR_30 } as const;
    const owing = draw([messages(grant("a", terms))], ask(150), "cap");
    const later = owing.rows.map((each) => advance(each, MAR_31).balance);
    expect(used(restore(later, owing.draws, JAN_31, 150, scope({ now: MAR_31 })).rows)).toEqual({ a: 0 });
  });

  test("returns of a debt no more than is still owed, at its own price", () => {
    const owing = [
      credits(grant("a", { used: 20, base: 20, carry: true, reset: { ...monthly, nextAt: MAR_31 } })),
    ];
    const debt = { grantId: "a", amount: 50, units: 25 };
    const returned = restore(owing, [debt], JAN_31, 25, scope({ pools: orCredits(2), now: FEB_28 }));
    expect(used(returned.rows)).toEqual({ a: 0 });
    expect(returned).toMatchObject({ draws: [{ grantId: "a", amount: -20, units: -10 }], lapsed: 15 });
  });

  test("returns no more than the debt, whatever was used since, and that once", () => {
    const carried = { used: 50, base: 20, carry: true, reset: { ...monthly, nextAt: MAR_31 } } as const;
    const now = scope({ now: FEB_28 + DAY });
    const first = restore([messages(grant("a", carried))], [drawnOf("a", 50)], JAN_31, 15, now);
    expect(used(first.rows)).toEqual({ a: 35 });
    const second = restore(first.rows, first.kept, JAN_31, 35, now);
    expect(used(second.rows)).toEqual({ a: 30 });
    expect(second.lapsed).toBe(30);
  });

  test("returns nothing of a debt to a grant that was set above what it granted since", () => {
    const raised = [
      messages(grant("a", { used: -5, base: -5, carry: true, reset: { ...monthly, nextAt: MAR_31 } })),
    ];
    const returned = restore(raised, [drawnOf("a", 50)], JAN_31, 50, scope({ now: FEB_28 }));
    expect(used(returned.rows)).toEqual({ a: -5 });
    expect(returned).toMatchObject({ draws: [], lapsed: 50 });
  });

  test("belongs to the new period where it was drawn at the instant of the reset", () => {
    const raised = [
      messages(grant("a", { used: -5, base: -5, carry: true, reset: { ...monthly, nextAt: MAR_31 } })),
    ];
    const atReset = draw(raised, ask(3, { now: FEB_28 }), "cap");
    const returned = restore(atReset.rows, atReset.draws, FEB_28, 3, scope({ now: FEB_28 + DAY }));
    expect(used(returned.rows)).toEqual({ a: -5 });
  });

  test("does not return what was used since the reset", () => {
    const half = draw([before], ask(50), "cap");
    const fresh = [advance(half.rows[0] ?? before, FEB_28).balance];
    const since = draw(fresh, ask(30, { now: FEB_28 }), "cap").rows;
    const returned = restore(since, half.draws, JAN_31, 50, scope({ now: FEB_28 }));
    expect(used(returned.rows)).toEqual({ a: 30 });
    expect(returned.lapsed).toBe(50);
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
    const returned = restore(
      rows,
      [drawnOf("a", 5, { until: FEB_28 })],
      JAN_31,
      5,
      scope({ now: FEB_28 - 1 }),
    );
    expect(used(returned.rows)).toEqual({ a: 3 });
    expect(returned.lapsed).toBe(0);
  });

  test("of a grant that has expired is reported too", () => {
    const rows = [messages(grant("b", { used: 20 }))];
    const returned = restore(
      rows,
      [drawnOf("gone", 5, { until: FEB_28 })],
      JAN_31,
      5,
      scope({ now: MAR_31 }),
    );
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

  test("says to which grants it came back instead", () => {
    const rows = [messages(grant("once", { used: 20 }), grant("paid", { used: 50 }))];
    const drawn = [drawnOf("gone", 5), drawnOf("paid", 7)];
    const returned = restore(rows, drawn, JAN_31, 12, scope());
    expect(returned.draws).toEqual([
      { grantId: "paid", amount: -7, units: -7 },
      { grantId: "once", amount: -5, units: -5 },
    ]);
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

  test("does not count back what was drawn before it was set", () => {
    const since = JAN_31 + DAY;
    const late = [row("messages", [grant("a", { used: 5 })], { limits: [limit(100, { used: 2, since })] })];
    const usedAfter = (drawnAt: number) =>
      limitsUsed(restore(late, [drawnOf("a", 1)], drawnAt, 1, scope({ now: since })).rows);
    expect(usedAfter(since - 1)).toEqual([2]);
    expect(usedAfter(since)).toEqual([1]);
  });

  test("does not go below nothing used", () => {
    const lowered = [row("messages", [grant("a", { used: 5 })], { limits: [limit(100, { used: 2 })] })];
    expect(limitsUsed(restore(lowered, [drawnOf("a", 5)], JAN_31, 5, scope()).rows)).toEqual([0]);
  });

  test("counts nothing back that an unlimited grant paid, as it counted nothing", () => {
    const endless = [
      row("messages", [grant("a", { granted: 0, unlimited: true, used: 5 })], {
        limits: [limit(100, { used: 50 })],
      }),
    ];
    expect(limitsUsed(restore(endless, [drawnOf("a", 5)], JAN_31, 5, scope()).rows)).toEqual([50]);
  });

  test("counts back what has lapsed, as long as its own period lasts", () => {
    const day = [
      row("messages", [grant("a", { granted: 10, reset: daily })], { limits: [limit(100, { used: 50 })] }),
    ];
    const returned = restore(
      day,
      [drawnOf("a", 5, { until: JAN_31 + DAY })],
      JAN_31,
      5,
      scope({ now: JAN_31 + DAY }),
    );
    expect(returned.lapsed).toBe(5);
    expect(limitsUsed(returned.rows)).toEqual([45]);
  });

  test("counts back what returns to another grant, since its own is gone", () => {
    const changed = [row("messages", [grant("new", { used: 20 })], { limits: [limit(100, { used: 50 })] })];
    expect(limitsUsed(restore(changed, [drawnOf("gone", 5)], JAN_31, 5, scope()).rows)).toEqual([45]);
  });

  test("of the entity is the one that counts back, where it has one", () => {
    const both = [
      row("messages", [grant("a", { used: 5 })], { limits: [limit(100, { used: 50 })] }),
      row("messages", [], { entityId: "seat", limits: [limit(100, { used: 60 })] }),
    ];
    expect(limitsUsed(restore(both, [drawnOf("a", 5)], JAN_31, 5, scope({ entityId: "seat" })).rows)).toEqual(
      [50, 55],
    );
  });
});

describe("returning draws of an entity that is gone", () => {
  const drawn = [drawnOf("shared", 20), drawnOf("gone", 30)];
  const shared = messages(grant("shared", { used: 90 }));
  const own = row("messages", [grant("new", { used: 10 })], { entityId: "ada" });
  const ada = scope({ entityId: "ada" });

  test("gives to the customer what his own grants paid, and nothing of what its own did", () => {
    const returned = restore([shared], drawn, JAN_31, 50, ada, [], true);
    expect(used(returned.rows)).toEqual({ shared: 70 });
    expect(returned).toMatchObject({ draws: [{ grantId: "shared", amount: -20 }], lapsed: 30 });
  });

  test("gives to one of the same id what that has used, and no more", () => {
    const returned = restore([shared, own], drawn, JAN_31, 50, ada, [], true);
    expect(used(returned.rows)).toEqual({ shared: 70, new: 0 });
    expect(returned.lapsed).toBe(20);
  });

  test("goes to others in normal order while it is there: a plan has changed", () => {
    const returned = restore([shared, own], drawn, JAN_31, 50, ada);
    expect(used(returned.rows)).toEqual({ shared: 50, new: 0 });
    expect(returned.lapsed).toBe(0);
  });
});

describe("overage whose period has closed", () => {
  const terms = { granted: 100, reset: { ...monthly, nextAt: MAR_31 }, overage: usageBased };
  const charged = (fields: Partial<Charged> = {}): Charged => ({
    grantId: "a",
    to: FEB_28,
    overage: 30,
    amount: 30,
    terms,
    ...fields,
  });
  const drawn = [drawnOf("a", 130, { until: FEB_28 })];
  const rows = [messages(grant("a", { used: 5, reset: terms.reset, overage: usageBased }))];
  const now = scope({ now: FEB_28 + DAY });

  test("comes off its charge, at its price, and back to nobody", () => {
    const returned = restore(rows, drawn, JAN_31, 10, now, [charged()]);
    expect(returned.charges).toEqual([charged({ overage: 20, amount: 20 })]);
    expect(returned.draws).toEqual([drawnOf("a", -10, { until: FEB_28 })]);
    expect(used(returned.rows)).toEqual({ a: 5 });
    expect(returned.lapsed).toBe(0);
  });

  test("comes off as far as it was charged, and what was granted has lapsed", () => {
    const returned = restore(rows, drawn, JAN_31, 40, now, [charged()]);
    expect(returned.charges).toEqual([charged({ overage: 0, amount: 0 })]);
    expect(returned.lapsed).toBe(10);
  });

  test("of a use that came with it leaves what else it charges", () => {
    const other = charged({ to: MAR_31 });
    const returned = restore(rows, drawn, JAN_31, 10, now, [other, charged()]);
    expect(returned.charges).toEqual([charged({ overage: 20, amount: 20 })]);
  });

  test("is returned as well where it is held: it goes on without its charge", () => {
    const heir = [messages(grant("heir", { used: 130 }))];
    const held = charged({ terms: { granted: 100, overage: usageBased } });
    const returned = restore(heir, [drawnOf("a", 130)], JAN_31, 10, now, [held]);
    expect(returned.charges).toMatchObject([{ overage: 20, amount: 20 }]);
    expect(used(returned.rows)).toEqual({ heir: 120 });
    expect(returned.draws).toEqual([drawnOf("heir", -10)]);
  });

  test("leaves the charges given as they are", () => {
    const before = charged();
    restore(rows, drawn, JAN_31, 10, now, [before]);
    expect(before).toEqual(charged());
  });
});

describe("the charge of a draw", () => {
  const [february, march] = [
    { grantId: "a", to: FEB_28 },
    { grantId: "a", to: MAR_31 },
  ];

  test("is the first of its grant that was closed afterwards", () => {
    expect(chargeOf([march, february], drawnOf("a", 5), JAN_31)).toBe(february);
    expect(chargeOf([{ grantId: "b", to: FEB_28 }], drawnOf("a", 5), JAN_31)).toBeUndefined();
  });

  test("is none that was closed at its very instant, or before", () => {
    expect(chargeOf([february, march], drawnOf("a", 5), FEB_28)).toBe(march);
    expect(chargeOf([february], drawnOf("a", 5), FEB_28 + DAY)).toBeUndefined();
  });

  test("is none that was closed after it had lapsed", () => {
    expect(chargeOf([february, march], drawnOf("a", 5, { until: FEB_28 }), JAN_31)).toBe(february);
    expect(chargeOf([march], drawnOf("a", 5, { until: FEB_28 }), JAN_31)).toBeUndefined();
  });
});
