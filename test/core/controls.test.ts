import { describe, expect, test } from "vitest";
import { advance } from "../../src/core/advance.js";
import { copyOf, nextChangeAt, type Balance, type Grant } from "../../src/core/balances.js";
import {
  alignLimits,
  anchorLimits,
  changeControls,
  changePlanControls,
  governingRow,
  inSum,
  spendLimitOf,
  type Control,
} from "../../src/core/controls.js";
import type { ControlChange, HeldControl, UsageLimit } from "../../src/core/controlTerms.js";
import { decide, draw } from "../../src/core/draws.js";
import type { Scope } from "../../src/core/order.js";
import {
  APR_30,
  ask,
  credits,
  FEB_28,
  frozen,
  grant,
  HOUR,
  JAN_31,
  limit,
  MAR_31,
  messages,
  monthly,
  orCredits,
  row,
  usageBased,
} from "./fixtures.js";

const everyMonth: UsageLimit = { max: 10, interval: "month" };

describe("a usage limit", () => {
  const limitsOf = (usageLimits: UsageLimit[], ...grants: Grant[]) =>
    changeControls(messages(...grants), { usageLimits }, MAR_31).limits;

  test("counts from the start of the plan's periods", () => {
    expect(limitsOf([everyMonth], grant("a", { reset: monthly }))).toEqual([
      { max: 10, used: 0, since: MAR_31, interval: "month", count: 1, anchor: JAN_31, nextAt: APR_30 },
    ]);
  });

  test("counts from when it is set, and for whole periods after that", () => {
    const limited = changeControls(messages(), { usageLimits: [{ ...everyMonth, anchor: "utc" }] }, MAR_31);
    const since = MAR_31 + 1;
    const daily = changeControls(limited, { usageLimits: [everyMonth, { max: 3, interval: "day" }] }, since);
    expect(daily.limits).toMatchObject([{ since: MAR_31 }, { interval: "day", since }]);
    const whole = advance(daily, APR_30).balance.limits ?? [];
    expect(whole.map(({ since }) => since)).toEqual([undefined, undefined]);
  });

  test("counts from the calendar's where it says so, or where no plan has periods", () => {
    const calendar = [
      {
        max: 10,
        used: 0,
        since: MAR_31,
        interval: "month",
        count: 1,
        anchor: 0,
        nextAt: Date.UTC(2026, 3, 1),
      },
    ];
    expect(limitsOf([{ ...everyMonth, anchor: "utc" }], grant("a", { reset: monthly }))).toEqual(calendar);
    expect(limitsOf([{ ...everyMonth, anchor: "billing_cycle" }], grant("a"))).toEqual(calendar);
  });

  test("counts from the longest of the plans' periods, and from what is given beside only without any", () => {
    const given = (id: string, anchor: number, fields: Partial<Grant> = {}) =>
      grant(id, { reset: { ...monthly, anchor }, ...fields });
    const gifts = [given("a", JAN_31 - HOUR), given("b", JAN_31 - 2 * HOUR)];
    const plans = [given("c", JAN_31, { planId: "pro" }), given("d", JAN_31 + HOUR, { planId: "team" })];
    expect(limitsOf([everyMonth], ...gifts, ...plans)?.[0]?.anchor).toBe(JAN_31);
    expect(limitsOf([everyMonth], ...gifts)?.[0]?.anchor).toBe(JAN_31 - 2 * HOUR);
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
  const controlled = changeControls(messages(), { overageAllowed: true, spendLimit: 50 }, JAN_31);

  test("allows or forbids it", () => {
    expect(overageOf(messages(), { overageAllowed: false }, JAN_31)).toEqual({ allowed: false });
    expect(overageOf(controlled, { overageAllowed: false }, JAN_31)).toEqual({ allowed: false, max: 50 });
  });

  test("limits what is spent", () => {
    expect(overageOf(messages(), { spendLimit: 20 }, JAN_31)).toEqual({ max: 20 });
    expect(overageOf(controlled, { spendLimit: 0 }, JAN_31)).toEqual({ allowed: true, max: 0 });
  });

  test("can be that nothing limits it", () => {
    expect(overageOf(controlled, { spendLimit: "none" }, JAN_31)).toEqual({ allowed: true, max: null });
  });

  test("is taken away by null, the one without the other", () => {
    expect(overageOf(controlled, { overageAllowed: null }, JAN_31)).toEqual({ max: 50 });
    expect(overageOf(controlled, { spendLimit: null }, JAN_31)).toEqual({ allowed: true });
  });

  test("leaves nothing behind in a balance without any", () => {
    const none: ControlChange = { overageAllowed: null, spendLimit: null };
    expect(changeControls(controlled, none, JAN_31)).toStrictEqual(messages());
  });
});

describe("what one entity may know of the others", () => {
  const byUse = (id: string, granted: number, used: number) =>
    grant(id, { granted, used, reset: monthly, planId: "pro", overage: usageBased });
  const others = [
    row("messages", [byUse("of-ada", 10, 13), grant("gift", { granted: 5 })], { entityId: "ada" }),
    row("messages", [byUse("of-bob", 10, 10.5)], { entityId: "bob" }),
  ];
  const seat = row("messages", [byUse("own", 1, 1)], { entityId: "seat" });

  test("is their sum, and nothing of any of them", () => {
    const sum = inSum("messages", others, JAN_31);
    expect(sum.grants.map(({ granted, used }) => [granted, used])).toEqual([
      [0, 3.5],
      [20, 0],
    ]);
    expect(JSON.stringify(sum)).not.toMatch(/ada|bob|gift/);
    expect(nextChangeAt(sum)).toBeGreaterThan(Date.UTC(9998, 0));
  });

  test.each([[4.5], [{ percent: 20 }]])(
    "holds it to a spend limit of %j as they do themselves",
    (spendLimit) => {
      const shared = changeControls(messages(), { spendLimit }, JAN_31);
      const sum = inSum("messages", others, JAN_31);
      for (const units of [0.5, 0.7, 1, 1.1]) {
        const asked = ask(units, { entityId: "seat" });
        expect(decide([shared, seat, sum], asked)).toEqual(decide([shared, seat, ...others], asked));
      }
      const most = ask(10, { entityId: "seat" });
      expect(draw([shared, seat, sum], most, "cap").applied).toBe(typeof spendLimit === "number" ? 1 : 0.7);
    },
  );
});

describe("a budget", () => {
  const priced = (amount: number, billingUnits = 1): Grant["overage"] => ({
    price: { tiers: [{ to: "inf", amount }], tierBehavior: "graduated", billingUnits },
  });
  const budgeted = (budget: number, ...grants: Grant[]) =>
    changeControls(messages(...grants), { budget }, JAN_31);
  const drawn = (rows: Balance[], units = 1_000, fields: Partial<Scope> = {}) =>
    draw(rows, ask(units, fields), "cap");

  test("ends overage before it costs more", () => {
    const balance = budgeted(2.5, grant("a", { overage: priced(0.1) }));
    expect(drawn([balance])).toMatchObject({ applied: 125, shortage: "spend_limit" });
    expect(decide([balance], ask(125))).toEqual({ allowed: true, reason: null });
    expect(decide([balance], ask(125.1))).toEqual({ allowed: false, reason: "spend_limit" });
  });

  test("pays for whole packs", () => {
    expect(drawn([budgeted(19.99, grant("a", { overage: priced(10, 100) }))]).applied).toBe(200);
  });

  test("of 0 leaves what is granted", () => {
    expect(drawn([budgeted(0, grant("a", { overage: priced(1) }))]).applied).toBe(100);
  });

  test("holds what overflows, too", () => {
    const balance = budgeted(3, grant("a", { overage: priced(1) }));
    expect(draw([balance], ask(1_000), "overflow").applied).toBe(103);
  });

  test("only ever lowers what plans and limits allow", () => {
    const limited = grant("a", { overage: { ...usageBased, max: 5 } });
    expect(drawn([budgeted(50, limited)]).applied).toBe(105);
    expect(drawn([budgeted(3, limited)]).applied).toBe(103);
    const spending = changeControls(budgeted(50, limited), { spendLimit: 20 }, JAN_31);
    expect(drawn([spending]).applied).toBe(120);
    const forbidden = changeControls(budgeted(50, limited), { overageAllowed: false }, JAN_31);
    expect(drawn([forbidden]).applied).toBe(100);
  });

  test("counts what each grant owes at its own price", () => {
    const cheap = grant("a", { granted: 0, used: 10, overage: priced(0.5) });
    const dear = grant("b", { granted: 0, createdAt: JAN_31 + 1, overage: { ...priced(2)!, max: 3 } });
    // 5 of 12 are owed: 14 more of the one are 7, and nothing is left for the other.
    expect(drawn([budgeted(12, cheap, dear)]).applied).toBe(14);
    // With two at most of the first, what is left pays for the other.
    const few = { ...cheap, overage: { ...cheap.overage!, max: 12 } };
    expect(drawn([budgeted(12, few, dear)]).applied).toBe(5);
  });

  test("is spent by what entities owe as well, each of whom sees of the others a sum", () => {
    const shared = budgeted(10);
    const seat = row("messages", [grant("s", { granted: 0, used: 2, overage: priced(1) })], {
      entityId: "seat",
    });
    const other = row("messages", [grant("o", { granted: 0, used: 11, overage: priced(0.5) })], {
      entityId: "ada",
    });
    const sum = inSum("messages", [other], JAN_31);
    // 2 and 5.5 of 10 are spent.
    for (const others of [other, sum])
      expect(drawn([shared, seat, others], 100, { entityId: "seat" }).applied).toBe(2);
  });

  test("begins anew with the period", () => {
    const balance = budgeted(3, grant("a", { overage: priced(1), reset: monthly }));
    const { rows } = drawn([balance]);
    expect(drawn(rows).applied).toBe(0);
    const next = rows.map((each) => advance(each, FEB_28).balance);
    expect(drawn(next, 1_000, { now: FEB_28 }).applied).toBe(103);
  });

  test("is of money: what is owed in units alone is none of it", () => {
    const carried = grant("a", { overage: priced(1), carry: true });
    expect(drawn([budgeted(3, carried)]).applied).toBe(1_000);
    expect(draw([budgeted(3, grant("a"))], ask(1_000), "overflow").applied).toBe(1_000);
  });

  test("is taken away by null, and left as it is by whatever does not name it", () => {
    const balance = changeControls(budgeted(3, grant("a")), { overageAllowed: true }, JAN_31);
    expect(balance.overage).toEqual({ allowed: true, budget: 3 });
    const without = changeControls(balance, { budget: null }, JAN_31);
    expect(without.overage).toEqual({ allowed: true });
    expect(without.controls).toEqual({ own: { overageAllowed: true } });
  });
});

describe("a spend limit by percentage", () => {
  const ofPlan = (id: string, granted: number, fields: Partial<Grant> = {}) =>
    grant(id, { granted, reset: monthly, planId: "pro", ...fields });
  const limited = (percent: number, ...grants: Grant[]) =>
    changeControls(messages(...grants), { spendLimit: { percent } }, JAN_31);
  const maxOf = (...args: Parameters<typeof limited>) => {
    const balance = limited(...args);
    return spendLimitOf([balance], balance)?.toNumber();
  };

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

  test("of nothing is no limit, and hides the plan's all the same", () => {
    const byPlan = changePlanControls(messages(), () => [{ source: "s1", spendLimit: 5 }], JAN_31);
    const balance = changeControls(byPlan, { spendLimit: { percent: 50 } }, JAN_31);
    expect(maxOf(50)).toBeUndefined();
    expect(spendLimitOf([balance], balance)).toBeUndefined();
  });

  test("of an entity is also of what the customer's plan grants for all, and of no other entity's", () => {
    const customer = messages(ofPlan("shared", 100));
    const entity = (entityId: string, granted: number) =>
      row("messages", [ofPlan(entityId, granted)], { entityId });
    const ada = changeControls(entity("ada", 10), { spendLimit: { percent: 50 } }, JAN_31);
    expect(spendLimitOf([customer, ada, entity("bob", 1_000)], ada)?.toNumber()).toBe(55);
  });
});

describe("what plans say", () => {
  const byPlans = (plans: HeldControl[], balance = messages()) =>
    changePlanControls(balance, () => plans, JAN_31);
  const day = (max: number, source = "s1"): HeldControl => ({ source, usageLimit: { max, interval: "day" } });
  const limitsFor = (...limits: UsageLimit[]) =>
    byPlans(limits.map((usageLimit, index) => ({ source: `s${index}`, usageLimit }))).limits;

  test("is in force where the balance has nothing of its own", () => {
    const balance = byPlans([{ ...day(10), spendLimit: 5, overageAllowed: true }]);
    expect(balance.limits).toMatchObject([{ max: 10, interval: "day" }]);
    expect(balance.overage).toEqual({ allowed: true, max: 5 });
  });

  test("is hidden by the balance's own, kind by kind, and back when that is taken away", () => {
    const plans = byPlans([{ ...day(10), spendLimit: 5, overageAllowed: true }]);
    const own = changeControls(plans, { spendLimit: 50 }, JAN_31);
    expect(own.overage).toEqual({ allowed: true, max: 50 });
    expect(own.limits).toMatchObject([{ max: 10 }]);
    expect(changeControls(own, { spendLimit: null }, JAN_31)).toEqual(plans);
  });

  test.each<[string, ControlChange, Partial<Balance>]>([
    ["no limits", { usageLimits: [] }, { limits: [], overage: { allowed: true, max: 5 } }],
    ["no spend limit", { spendLimit: "none" }, { overage: { allowed: true, max: null } }],
    ["no overage", { overageAllowed: false }, { overage: { allowed: false, max: 5 } }],
  ])("is hidden by an own control that says %s", (_name, change, expected) => {
    const plans = byPlans([{ ...day(10), spendLimit: 5, overageAllowed: true }]);
    expect(changeControls(plans, change, JAN_31)).toMatchObject(expected);
  });

  test("is gone with the last plan that says it, and leaves nothing behind", () => {
    expect(changePlanControls(byPlans([{ ...day(10), spendLimit: 5 }]), () => [], JAN_31)).toStrictEqual(
      messages(),
    );
  });

  test.each<[string, UsageLimit[], Partial<UsageLimit>]>([
    [
      "the lower of two alike",
      [
        { max: 20, interval: "day" },
        { max: 10, interval: "day" },
      ],
      { max: 10 },
    ],
    ["1,000 a month, not 100 a day", [{ max: 100, interval: "day" }, everyThousand()], { max: 1_000 }],
    [
      "5 a day, not 40 a week",
      [
        { max: 40, interval: "week" },
        { max: 5, interval: "day" },
      ],
      { max: 5 },
    ],
    [
      "10 a year, not 1 a month",
      [
        { max: 1, interval: "month" },
        { max: 10, interval: "year" },
      ],
      { max: 10 },
    ],
  ])("of several plans is the strictest: %s", (_name, limits, expected) => {
    expect(limitsFor(...limits)).toMatchObject([expected]);
    expect(limitsFor(...limits.toReversed())).toMatchObject([expected]);
  });

  test("of two at one rate that both are the plan's, or the calendar's, is the first", () => {
    for (const anchor of ["utc", "billing_cycle"] as const) {
      const limits: UsageLimit[] = [
        { max: 7, interval: "week", anchor },
        { max: 1, interval: "day", anchor },
      ];
      expect(limitsFor(...limits)).toMatchObject([{ interval: "week" }]);
    }
  });

  test("of two at one rate is the calendar's", () => {
    const limits: UsageLimit[] = [
      { max: 7, interval: "week" },
      { max: 1, interval: "day", anchor: "utc" },
    ];
    expect(limitsFor(...limits)).toMatchObject([{ max: 1, interval: "day" }]);
    expect(limitsFor(...limits.toReversed())).toMatchObject([{ max: 1, interval: "day" }]);
  });

  test("of several plans is the lowest spend limit, a percentage for what it is of", () => {
    const plan = messages(grant("a", { reset: monthly, planId: "pro" }));
    const maxOf = (...limits: HeldControl["spendLimit"][]) =>
      byPlans(
        limits.map((spendLimit, index) => ({ source: `s${index}`, spendLimit })),
        plan,
      ).overage?.max;
    expect(maxOf(30, 20, 40)).toBe(20);
    expect(maxOf(30, { percent: 20 })).toEqual({ percent: 20 });
    expect(maxOf({ percent: 40 }, 30)).toBe(30);
  });

  test("of several plans is that overage is forbidden, if one of them says so", () => {
    const says = (...flags: boolean[]) =>
      byPlans(flags.map((overageAllowed, index) => ({ source: `s${index}`, overageAllowed }))).overage;
    expect(says(true, false, true)).toEqual({ allowed: false });
    expect(says(true, true)).toEqual({ allowed: true });
  });

  test("begins and ends with its plan, at the very instant, though nothing runs then", () => {
    const passing = byPlans([
      { ...day(10), expiresAt: FEB_28 },
      { source: "s2", startsAt: FEB_28, overageAllowed: false },
    ]);
    const before = advance(passing, FEB_28 - 1).balance;
    expect([before.limits?.[0]?.max, before.overage]).toEqual([10, undefined]);
    const after = advance(passing, FEB_28).balance;
    expect([after.limits, after.overage]).toEqual([undefined, { allowed: false }]);
    expect(after.controls?.plans).toEqual([{ source: "s2", startsAt: FEB_28, overageAllowed: false }]);
    expect(nextChangeAt(passing)).toBe(JAN_31 + 14 * HOUR);
    expect(nextChangeAt(byPlans([{ source: "s1", overageAllowed: true, expiresAt: FEB_28 }]))).toBe(FEB_28);
    expect(nextChangeAt(byPlans([{ source: "s1", overageAllowed: true, startsAt: FEB_28 }]))).toBe(FEB_28);
    expect(nextChangeAt(after)).toBeUndefined();
  });

  test("is the same however often time was looked at in between", () => {
    const passing = byPlans([
      { ...day(10), expiresAt: FEB_28 },
      { ...day(7, "s2"), startsAt: FEB_28, expiresAt: MAR_31 },
    ]);
    for (const between of [JAN_31 + HOUR, FEB_28 - 1, FEB_28, FEB_28 + 30 * HOUR, MAR_31]) {
      const seen = advance(passing, between).balance;
      expect(advance(seen, APR_30).balance).toEqual(advance(passing, APR_30).balance);
      expect(advance(seen, MAR_31 - 1).balance.limits?.[0]?.max).toBe(between < MAR_31 ? 7 : undefined);
    }
  });
});

function everyThousand(): UsageLimit {
  return { max: 1_000, interval: "month" };
}

describe("the count of a plan's limit", () => {
  const used = (balance: Balance, amount: number): Balance => draw([balance], ask(amount), "cap").rows[0]!;
  const plan = (source: string, usageLimit: UsageLimit): HeldControl => ({ source, usageLimit });
  const begun = changePlanControls(
    messages(grant("a")),
    () => [plan("s1", { max: 10, interval: "day", anchor: "utc" })],
    JAN_31,
  );
  const change = (balance: Balance, control: HeldControl, now = JAN_31) =>
    changePlanControls(balance, () => [control], now);

  test("goes on where another plan has a limit of the same interval", () => {
    const changed = change(used(begun, 7), plan("s2", { max: 12, interval: "day", anchor: "utc" }));
    expect(decide([changed], ask(5)).allowed).toBe(true);
    expect(decide([changed], ask(6))).toEqual({ allowed: false, reason: "usage_limit" });
  });

  test("is one, however often what the plan says is looked at again", () => {
    const again = change(used(begun, 7), plan("s1", { max: 10, interval: "day", anchor: "utc" }));
    expect(again.limits).toMatchObject([{ max: 10, used: 7 }]);
  });

  test("is not lost by leaving the plan and coming back within the period", () => {
    const monthly = change(used(begun, 7), plan("s2", { max: 1, interval: "month", anchor: "utc" }));
    const away = used(monthly, 1);
    expect(away.limits?.map(({ max, used }) => [max, used])).toEqual([
      [1, 1],
      [undefined, 8],
    ]);
    expect(decide([away], ask(1)).allowed).toBe(false);
    const back = change(away, plan("s3", { max: 10, interval: "day", anchor: "utc" }));
    expect(decide([back], ask(2)).allowed).toBe(true);
    expect(decide([back], ask(3)).allowed).toBe(false);
  });

  test("is forgotten with its period once the plan is gone", () => {
    const gone = changePlanControls(used(begun, 7), () => [], JAN_31);
    expect(gone.limits).toMatchObject([{ used: 7 }]);
    expect(decide([gone], ask(93)).allowed).toBe(true);
    expect(advance(gone, JAN_31 + 14 * HOUR).balance).not.toHaveProperty("limits");
  });

  test("that only goes on hides no limit of the customer's from an entity", () => {
    const gone = { ...changePlanControls(used(begun, 7), () => [], JAN_31), entityId: "seat" };
    const customer = row("messages", [], { limits: [limit(3)] });
    expect(governingRow([customer, gone], "messages", "seat", "limits")).toBe(customer);
  });
});

describe("of an entity and its customer", () => {
  const own = (change: ControlChange, entityId?: string) =>
    changeControls(row("messages", [], { entityId }), change, JAN_31);
  const plans = (control: Omit<HeldControl, "source">, entityId?: string) =>
    changePlanControls(row("messages", [], { entityId }), () => [{ source: "s1", ...control }], JAN_31);
  const counts = (control: Control, customer: Balance, entity: Balance) =>
    governingRow([customer, entity], "messages", "seat", control) === entity ? "entity" : "customer";

  test("the entity's own counts before the customer's own", () => {
    expect(counts("max", own({ spendLimit: 1 }), own({ spendLimit: 9 }, "seat"))).toBe("entity");
    expect(counts("max", own({ spendLimit: 1 }), own({ spendLimit: "none" }, "seat"))).toBe("entity");
    expect(counts("limits", own({ usageLimits: [everyMonth] }), own({ usageLimits: [] }, "seat"))).toBe(
      "entity",
    );
  });

  test("one kind hides no other", () => {
    const entity = own({ overageAllowed: true }, "seat");
    expect(counts("max", own({ spendLimit: 1 }), entity)).toBe("customer");
    expect(counts("allowed", own({ overageAllowed: false }), entity)).toBe("entity");
  });

  test("the customer's own counts before what the entity's plan says", () => {
    const usageLimit = { max: 1, interval: "day" } as const;
    expect(counts("max", own({ spendLimit: 9 }), plans({ spendLimit: 1 }, "seat"))).toBe("customer");
    expect(counts("allowed", own({ overageAllowed: true }), plans({ overageAllowed: false }, "seat"))).toBe(
      "customer",
    );
    expect(counts("limits", own({ usageLimits: [] }), plans({ usageLimit }, "seat"))).toBe("customer");
  });

  test("the stricter counts of what the plans of both say", () => {
    expect(counts("max", plans({ spendLimit: 9 }), plans({ spendLimit: 1 }, "seat"))).toBe("entity");
    expect(counts("max", plans({ spendLimit: 1 }), plans({ spendLimit: 9 }, "seat"))).toBe("customer");
    expect(counts("allowed", plans({ overageAllowed: false }), plans({ overageAllowed: true }, "seat"))).toBe(
      "customer",
    );
    expect(counts("allowed", plans({ overageAllowed: true }), plans({ overageAllowed: false }, "seat"))).toBe(
      "entity",
    );
    const every = (max: number, interval: "day" | "month") => ({ usageLimit: { max, interval } });
    expect(counts("limits", plans(every(9, "day")), plans(every(99, "month"), "seat"))).toBe("entity");
    expect(counts("limits", plans(every(1, "day")), plans(every(99, "month"), "seat"))).toBe("customer");
  });
});

describe("a limit of what credits pay", () => {
  const CYCLE = Date.UTC(2026, 0, 20);
  const scope = (now: number) => ({ pools: orCredits(2), now, units: 1 });
  const paid = (anchor: number) =>
    credits(grant("c", { planId: "pro", reset: { ...monthly, anchor, nextAt: MAR_31 } }));
  const limited = (change: UsageLimit, used = 0) => {
    const balance = copyOf(changeControls(messages(), { usageLimits: [change] }, JAN_31));
    for (const each of balance.limits ?? []) each.used = used;
    return balance;
  };
  const aligned = (balance: Balance, payer: Balance, now = JAN_31) => {
    alignLimits([balance, payer], scope(now));
    return balance.limits?.[0];
  };

  test("counts from the start of the periods of the plan that grants them", () => {
    expect(aligned(limited(everyMonth, 3), paid(CYCLE))).toMatchObject({
      anchor: CYCLE,
      nextAt: Date.UTC(2026, 1, 20),
    });
  });

  test("counts with the calendar where it says so", () => {
    expect(aligned(limited({ ...everyMonth, anchor: "utc" }), paid(CYCLE))?.anchor).toBe(0);
  });

  test("keeps its count where the periods merely begin otherwise, and counts anew where they began anew", () => {
    const first = limited(everyMonth, 3);
    expect(aligned(first, paid(Date.UTC(2025, 11, 25)))?.used).toBe(3);
    expect(aligned(first, paid(Date.UTC(2026, 0, 30)))?.used).toBe(0);
  });

  test("that counts longer periods from now on has counted only since its own began", () => {
    const now = Date.UTC(2026, 1, 10);
    const calendar = advance(limited(everyMonth, 3), now).balance;
    const since = Date.UTC(2026, 1, 1);
    expect(aligned(copyOf(calendar), paid(CYCLE), now)).toMatchObject({ used: 0, since });
    expect(aligned(copyOf(calendar), paid(Date.UTC(2026, 0, 5)), now)?.since).toBeUndefined();
  });

  test("follows the periods of its own feature's grants before those of credits", () => {
    const own = copyOf(
      changeControls(messages(grant("a", { reset: monthly })), { usageLimits: [everyMonth] }, JAN_31),
    );
    expect(aligned(own, paid(CYCLE))?.anchor).toBe(JAN_31);
  });

  test("of an entity follows its own before the customer's", () => {
    const seat = { ...limited(everyMonth), entityId: "seat" };
    const own = { ...paid(Date.UTC(2026, 0, 25)), entityId: "seat" };
    alignLimits([seat, paid(CYCLE), own], scope(JAN_31));
    expect(seat.limits?.[0]?.anchor).toBe(Date.UTC(2026, 0, 25));
  });

  test("of an entity follows the customer's where the entity has none", () => {
    const seat = { ...limited(everyMonth), entityId: "seat" };
    expect(aligned(seat, paid(CYCLE))?.anchor).toBe(CYCLE);
  });

  test("of the credits themselves follows their own periods", () => {
    const balance = copyOf(changeControls(credits(), { usageLimits: [everyMonth] }, JAN_31));
    const seat = { ...balance, entityId: "seat" };
    alignLimits([seat, paid(CYCLE)], scope(JAN_31));
    expect(seat.limits?.[0]?.anchor).toBe(CYCLE);
  });

  test("of the credits themselves does not follow what they pay for", () => {
    const balance = copyOf(changeControls(credits(), { usageLimits: [everyMonth] }, JAN_31));
    expect(aligned(balance, messages(grant("a", { reset: monthly })))?.anchor).toBe(0);
  });

  test("is followed by a draw, and nothing is changed that it was given", () => {
    const rows = [limited(everyMonth), paid(CYCLE)].map(frozen);
    expect(draw(rows, ask(4, { pools: orCredits(2) }), "reject").rows[0]?.limits).toMatchObject([
      { max: 10, used: 4, interval: "month", count: 1, anchor: CYCLE, nextAt: Date.UTC(2026, 1, 20) },
    ]);
  });
});

test("of several main plans, the limit follows the one that has lasted longest", () => {
  const later = grant("b", { planId: "b", reset: { ...monthly, anchor: FEB_28, nextAt: MAR_31 } });
  const first = grant("a", { planId: "a", reset: monthly });
  for (const grants of [
    [later, first],
    [first, later],
  ]) {
    const balance = changeControls(messages(...grants), { usageLimits: [everyMonth] }, FEB_28);
    expect(balance.limits?.[0]?.anchor).toBe(JAN_31);
  }
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
  const change: ControlChange = { usageLimits: [everyMonth], spendLimit: 5 };
  const before = frozen(changeControls(messages(grant("a")), change, JAN_31));
  expect(changeControls(before, {}, JAN_31)).toEqual(before);
  changeControls(before, { usageLimits: null, spendLimit: 1, overageAllowed: true }, JAN_31);
  expect(before.overage).toEqual({ max: 5 });
});
