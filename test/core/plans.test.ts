import { describe, expect, test } from "vitest";
import { advance } from "../../src/core/advance.js";
import type { Grant } from "../../src/core/balances.js";
import type { Item, Plan } from "../../src/core/terms.js";
import {
  addedTo,
  buysLess,
  changeGrants,
  controlOf,
  grantOf,
  isUpgrade,
  periodEnd,
  resumeGrants,
  scheduleGrants,
  suspendGrants,
  startingBalances,
  type GrantChange,
  type Start,
} from "../../src/core/plans.js";
import { isTopUp } from "../../src/core/topUps.js";
import {
  APR_30,
  DAY,
  FEB_28,
  frozen,
  grant,
  JAN_31,
  limit,
  MAR_31,
  MAY_31,
  messages,
  monthly,
  refusal,
  row,
  usageBased,
  used,
} from "./fixtures.js";

const everyMonth = { interval: "month", count: 1 } as const;

function item(fields: Partial<Item> = {}): Item {
  return { featureId: "messages", included: 100, unlimited: false, consumable: true, reset: null, ...fields };
}

function plan(fields: Partial<Plan> = {}): Plan {
  return {
    id: "pro",
    name: "Pro",
    group: "",
    addOn: false,
    autoEnable: false,
    price: null,
    items: [],
    archived: false,
    ...fields,
  };
}

/** Ids are g1, g2 … */
function starting(fields: Partial<Start> = {}): Start {
  let last = 0;
  return { source: "s1", now: JAN_31, anchor: JAN_31, nextGrantId: () => `g${++last}`, ...fields };
}

const byUse: NonNullable<Item["price"]> = {
  tiers: [{ to: "inf", amount: 1 }],
  tierBehavior: "graduated",
  billingUnits: 1,
  billingMethod: "usage_based",
  every: everyMonth,
};

describe("the grant of an item", () => {
  test("is what the item includes, unused", () => {
    expect(grantOf(plan(), item(), starting())).toEqual({
      id: "g1",
      source: "s1",
      planId: "pro",
      granted: 100,
      used: 0,
      createdAt: JAN_31,
    });
  });

  test("resets at the boundaries of the anchor, for the first time after now", () => {
    const { reset } = grantOf(plan(), item({ reset: everyMonth }), starting({ now: MAR_31 }));
    expect(reset).toEqual({ interval: "month", count: 1, anchor: JAN_31, nextAt: APR_30 });
  });

  test("is marked as an add-on's, unlimited, prepaid, or one that rolls over", () => {
    const made = (changed: Partial<Plan>, fields: Partial<Item>): Partial<Grant> =>
      grantOf(plan(changed), item(fields), starting());
    expect(made({ addOn: true }, {}).addOn).toBe(true);
    expect(made({}, { unlimited: true, included: 0 })).toMatchObject({ unlimited: true, granted: 0 });
    expect(made({}, { price: { ...byUse, billingMethod: "prepaid" } })).toMatchObject({ prepaid: true });
    expect(made({}, { price: { ...byUse, billingMethod: "prepaid" } })).not.toHaveProperty("overage");
    expect(made({}, { rollover: { max: 5 } }).rollover).toEqual({ max: 5 });
    expect(made({}, { carryOverage: true }).carry).toBe(true);
  });

  test("that is charged by use may go beyond what is included, at the item's price", () => {
    const price = { tiers: byUse.tiers, tierBehavior: "graduated", billingUnits: 1 };
    const made = grantOf(plan(), item({ price: byUse }), starting());
    expect(made.overage).toEqual({ price });
    expect(made).not.toHaveProperty("prepaid");
    expect(grantOf(plan(), item({ price: { ...byUse, maxPurchase: 50 } }), starting()).overage).toEqual({
      price,
      max: 50,
    });
  });
});

describe("a scheduled grant", () => {
  test("starts later, and resets for the first time after that", () => {
    const made = grantOf(plan(), item({ reset: everyMonth }), starting({ startsAt: FEB_28 }));
    expect(made).toMatchObject({
      createdAt: JAN_31,
      startsAt: FEB_28,
      reset: { anchor: JAN_31, nextAt: MAR_31 },
    });
  });

  test("that was to start before now starts now", () => {
    const made = grantOf(plan(), item({ reset: everyMonth }), starting({ now: FEB_28, startsAt: JAN_31 }));
    expect(made).not.toHaveProperty("startsAt");
    expect(made.reset?.nextAt).toBe(MAR_31);
    expect(grantOf(plan(), item(), starting({ startsAt: JAN_31 }))).not.toHaveProperty("startsAt");
  });

  test("ends when that is known", () => {
    expect(grantOf(plan(), item(), starting({ endsAt: MAR_31 })).expiresAt).toBe(MAR_31);
  });
});

describe("units bought in advance", () => {
  const prepaid = { ...byUse, billingMethod: "prepaid", billingUnits: 100 } as const;
  const bought = (quantity: number, fields: Partial<Item> = {}) =>
    grantOf(
      plan(),
      item({ included: 50, price: prepaid, ...fields }),
      starting({ quantities: { messages: quantity } }),
    ).granted;

  test("count what is included among them", () => {
    expect(bought(350)).toBe(350);
    expect(bought(50)).toBe(50);
  });

  test("come in whole packs", () => {
    expect(bought(51)).toBe(150);
    expect(bought(350.5)).toBe(450);
  });

  test("are no fewer than what is included", () => {
    expect(bought(20)).toBe(50);
  });

  test("are none of what is charged by use", () => {
    expect(bought(350, { price: byUse })).toBe(50);
  });

  test("are none of another feature, nor of one that has no price", () => {
    const { granted } = grantOf(plan(), item({ price: prepaid }), starting({ quantities: { tokens: 500 } }));
    expect(granted).toBe(100);
    expect(bought(350, { price: undefined })).toBe(50);
  });
});

test("a customer begins with one balance for each feature of his plans, but for what each entity gets", () => {
  const plans = [
    plan({ id: "free", items: [item(), item({ featureId: "tokens" }), item({ entityFeatureId: "seats" })] }),
    plan({ id: "gift", items: [item({ included: 5 })] }),
  ];
  const balances = startingBalances(plans, starting(), ({ id }) => `s-${id}`);
  expect(balances.map(({ featureId, advancedAt }) => [featureId, advancedAt])).toEqual([
    ["messages", JAN_31],
    ["tokens", JAN_31],
  ]);
  expect(balances[0]?.grants.map(({ id, source, granted }) => [id, source, granted])).toEqual([
    ["g1", "s-free", 100],
    ["g3", "s-gift", 5],
  ]);
});

describe("a top-up", () => {
  const once = { amount: 5, every: null };

  test("is a plan that is paid once and never resets", () => {
    expect(isTopUp(plan({ price: once, items: [item()] }))).toBe(true);
  });

  test("is no plan that is free, paid again, or resets", () => {
    expect(isTopUp(plan({ items: [item()] }))).toBe(false);
    expect(isTopUp(plan({ price: { amount: 5, every: everyMonth }, items: [item()] }))).toBe(false);
    expect(isTopUp(plan({ price: once, items: [item(), item({ reset: everyMonth })] }))).toBe(false);
  });
});

describe("an upgrade", () => {
  const costing = (amount: number) => plan({ price: { amount, every: everyMonth } });

  test("costs more than every plan that it replaces", () => {
    expect(isUpgrade(costing(20), [plan()])).toBe(true);
    expect(isUpgrade(costing(20), [costing(10), costing(19.99)])).toBe(true);
    expect(isUpgrade(costing(20), [costing(10), costing(20)])).toBe(false);
    expect(isUpgrade(costing(20), [costing(30)])).toBe(false);
  });

  test("may cost less than a whole unit", () => {
    expect(isUpgrade(costing(0.5), [plan()])).toBe(true);
    expect(isUpgrade(plan(), [costing(0.5)])).toBe(false);
  });

  test("is no change between free plans", () => {
    expect(isUpgrade(plan(), [plan()])).toBe(false);
  });

  test("is what is paid for in place of nothing; what is free is none", () => {
    expect(isUpgrade(costing(1), [])).toBe(true);
    expect(isUpgrade(plan(), [])).toBe(false);
  });
});

describe("the period of a plan ends", () => {
  test("with that of its price", () => {
    const yearly = plan({
      price: { amount: 5, every: { interval: "year", count: 1 } },
      items: [item({ reset: everyMonth })],
    });
    expect(periodEnd(yearly, JAN_31, MAR_31)).toBe(Date.UTC(2027, 0, 31, 10));
  });

  test("never where nothing is paid again and nothing resets", () => {
    expect(periodEnd(plan({ items: [item()] }), JAN_31, MAR_31)).toBeNull();
    expect(periodEnd(plan({ price: { amount: 5, every: null } }), JAN_31, MAR_31)).toBeNull();
  });

  test("with that of an item, where only they reset", () => {
    expect(periodEnd(plan({ items: [item(), item({ reset: everyMonth })] }), JAN_31, MAR_31)).toBe(APR_30);
  });

  test("with the latest of those, so that none is cut short", () => {
    const items = [item({ reset: { interval: "day", count: 1 } }), item({ reset: everyMonth })];
    expect(periodEnd(plan({ items }), JAN_31, MAR_31)).toBe(APR_30);
  });
});

const change = (fields: Partial<GrantChange> = {}): GrantChange => ({
  ending: new Set(["old"]),
  incoming: [grant("new", { source: "new" })],
  keepsUsage: false,
  keepsBalance: false,
  remainder: "ended",
  now: JAN_31 + DAY,
  nextGrantId: () => "kept",
  ...fields,
});
const old = (id: string, fields: Partial<Grant> = {}) => grant(id, { source: "old", ...fields });

describe("changing plans", () => {
  test("ends the grants of the old one and adds those of the new", () => {
    const { balance } = changeGrants(
      messages(old("a"), grant("gift", { source: "gift" }), old("b")),
      change(),
    );
    expect(balance.grants).toEqual([grant("gift", { source: "gift" }), grant("new", { source: "new" })]);
  });

  test("leaves what is in the row besides as it is", () => {
    const before = row("messages", [old("a")], { limits: [limit(5, { used: 3 })], entityId: "seat" });
    expect(changeGrants(before, change()).balance).toEqual({
      ...before,
      grants: [grant("new", { source: "new" })],
    });
  });

  test("can end grants without adding any", () => {
    expect(changeGrants(messages(old("a", { used: 5 })), change({ incoming: [] })).balance.grants).toEqual(
      [],
    );
    expect(
      changeGrants(messages(old("a")), change({ incoming: [], keepsUsage: true })).balance.grants,
    ).toEqual([]);
  });

  test("refuses more grants than a row holds", () => {
    const full = messages(...Array.from({ length: 64 }, (_, n) => grant(`g${n}`)));
    expect(refusal(() => changeGrants(full, change())).kind).toBe("too_many_grants");
  });
});

describe("a limit that follows the plan's periods", () => {
  const limited = row("messages", [old("a", { reset: monthly })], { limits: [limit(10, { used: 7 })] });
  const heir = grant("new", { reset: { ...monthly, anchor: JAN_31 + DAY, nextAt: FEB_28 } });
  const limitAfter = (fields: Partial<GrantChange>) =>
    changeGrants(limited, change(fields)).balance.limits?.[0];

  test("begins anew with those of the new plan", () => {
    expect(limitAfter({ incoming: [grant("x"), heir] })).toMatchObject({ used: 0, anchor: JAN_31 + DAY });
  });

  test("goes on where the usage is kept, or the new plan has no periods", () => {
    expect(limitAfter({ incoming: [heir], keepsUsage: true })).toMatchObject({ used: 7, anchor: JAN_31 });
    expect(limitAfter({ incoming: [grant("x")] })).toMatchObject({ used: 7, anchor: JAN_31 });
  });
});

describe("what was used", () => {
  const keeping = (incoming: Grant[], ...before: Grant[]) =>
    used([changeGrants(messages(...before), change({ incoming, keepsUsage: true })).balance]);

  test("is forgotten where the change was paid for", () => {
    expect(used([changeGrants(messages(old("a", { used: 70 })), change()).balance])).toEqual({ new: 0 });
  });

  test("counts against the new grant where it was not", () => {
    expect(keeping([grant("new")], old("a", { used: 70 }))).toEqual({ new: 70 });
  });

  test("of all that ends is counted together, exactly", () => {
    expect(keeping([grant("new")], old("a", { used: 0.1 }), old("b", { used: 0.2 }))).toEqual({ new: 0.3 });
  });

  test("fills each new grant before the next, and the first takes what is beyond all", () => {
    const incoming = [grant("x", { granted: 50 }), grant("y", { granted: 30 })];
    expect(keeping(incoming, old("a", { used: 70 }))).toEqual({ x: 50, y: 20 });
    expect(keeping(incoming, old("a", { used: 95 }))).toEqual({ x: 65, y: 30 });
  });

  test("is all counted by a new grant that is unlimited", () => {
    const incoming = [grant("x", { granted: 0, unlimited: true }), grant("y", { granted: 30 })];
    expect(keeping(incoming, old("a", { used: 95 }))).toEqual({ x: 95, y: 0 });
  });

  test("of other sources stays where it is", () => {
    expect(keeping([grant("new")], old("a", { used: 5 }), grant("gift", { used: 7 }))).toEqual({
      gift: 7,
      new: 5,
    });
  });

  test("does not raise a new grant where the old one had been raised by hand", () => {
    expect(keeping([grant("new")], old("a", { used: -20 }), old("b", { used: 5 }))).toEqual({ new: 5 });
  });

  test("of rollovers is not counted: they were had besides", () => {
    expect(keeping([grant("new")], old("a", { used: 5 }), old("r", { used: 50, rolledFrom: "a" }))).toEqual({
      new: 5,
    });
  });

  test("of what had not begun is not counted", () => {
    expect(keeping([grant("new")], old("a", { used: 5, startsAt: FEB_28 }))).toEqual({ new: 0 });
  });

  test("leaves the new grants given as they are", () => {
    const incoming = [Object.freeze(grant("new"))];
    expect(keeping(incoming, old("a", { used: 70 }))).toEqual({ new: 70 });
    expect(incoming).toEqual([grant("new")]);
  });
});

describe("a priced period", () => {
  const owing = old("a", { used: 130, reset: monthly, overage: usageBased });

  test("closes with the plan", () => {
    expect(changeGrants(messages(owing), change()).closed).toEqual([
      {
        grantId: "a",
        source: "old",
        featureId: "messages",
        from: JAN_31,
        to: JAN_31 + DAY,
        granted: 100,
        overage: 30,
        amount: 30,
      },
    ]);
  });

  test("that is charged is not counted again in the new plan", () => {
    expect(used([changeGrants(messages(owing), change({ keepsUsage: true })).balance])).toEqual({ new: 100 });
  });

  test("of another plan goes on", () => {
    const other = grant("b", { source: "other", used: 130, overage: usageBased });
    expect(changeGrants(messages(other), change()).closed).toEqual([]);
  });
});

describe("rollovers", () => {
  const r = (id: string, fields: Partial<Grant> = {}) =>
    old(id, { rolledFrom: "a", expiresAt: MAY_31, ...fields });
  const heirs = [
    grant("x", { source: "new" }),
    grant("y", { source: "new", rollover: { max: 600, months: 2 } }),
  ];

  test("move to the first new grant that rolls over", () => {
    const before = messages(old("a"), r("r", { granted: 50, used: 20 }));
    expect(changeGrants(before, change({ incoming: heirs })).balance.grants).toEqual([
      r("r", { granted: 50, used: 20, source: "new", rolledFrom: "y" }),
      ...heirs,
    ]);
  });

  test("are capped by its terms, the soonest to expire first", () => {
    const before = messages(
      old("a"),
      r("late", { granted: 500 }),
      r("soon", { granted: 500, expiresAt: APR_30 }),
    );
    const { grants } = changeGrants(before, change({ incoming: heirs })).balance;
    expect(grants.map(({ id, granted }) => [id, granted])).toEqual([
      ["late", 500],
      ["soon", 100],
      ["x", 100],
      ["y", 100],
    ]);
  });

  test("are dropped where the new plan rolls nothing over", () => {
    const before = messages(old("a"), r("r"));
    expect(changeGrants(before, change()).balance.grants.map(({ id }) => id)).toEqual(["new"]);
  });

  test("of other plans stay", () => {
    const before = messages(
      grant("b", { source: "other" }),
      grant("r", { source: "other", rolledFrom: "b" }),
      old("a"),
    );
    expect(changeGrants(before, change({ incoming: heirs })).balance.grants.map(({ id }) => id)).toEqual([
      "b",
      "r",
      "x",
      "y",
    ]);
  });
});

describe("what was bought once in advance", () => {
  const bought = (id: string, fields: Partial<Grant> = {}) =>
    old(id, { prepaid: true, bought: true, planId: "packs", ...fields });
  const changed = (before: readonly Grant[], fields: Partial<GrantChange> = {}) =>
    changeGrants(messages(...before), change(fields)).balance.grants;

  test("stays with what is left of it where usage starts afresh", () => {
    const now = grant("new", { source: "new" });
    expect(changed([bought("a", { used: 70 })])).toEqual([bought("a", { granted: 30, base: -70 }), now]);
    expect(changed([bought("a", { used: -20, base: -20 })])).toEqual([bought("a", { granted: 120 }), now]);
    expect(changed([bought("a", { used: 100 })])).toEqual([now]);
  });

  test.each([{ keepsUsage: true }, { keepsUsage: true, keepsBalance: true }])(
    "stays as it is where usage is kept: %j",
    (fields) => {
      const before = bought("a", { used: 70 });
      expect(changed([before], fields)).toEqual([before, grant("new", { source: "new" })]);
    },
  );

  test("stays where there is no new plan, and is remembered as nothing else", () => {
    expect(changed([bought("a", { used: 70 })], { incoming: [], keepsUsage: true })).toEqual([
      bought("a", { used: 70 }),
    ]);
  });

  test("is not what came with the plan, what comes again, nor what a trial gave", () => {
    expect(changed([old("a")])).toHaveLength(1);
    expect(changed([old("a", { prepaid: true, reset: monthly })])).toHaveLength(1);
    expect(changed([old("a", { prepaid: true })])).toHaveLength(1);
    expect(changed([bought("a", { expiresAt: FEB_28 })])).toHaveLength(1);
  });

  test("is not there to stay before it begins", () => {
    expect(changed([bought("a", { startsAt: FEB_28 })])).toHaveLength(1);
  });

  test("is one grant with what of the same plan comes later", () => {
    const again = bought("b", { source: "new", granted: 50 });
    expect(changed([bought("a", { used: 70 })], { incoming: [again], keepsUsage: true })).toEqual([
      bought("a", { used: 70, granted: 150 }),
    ]);
    expect(changed([bought("a", { used: 70 })], { incoming: [again] })).toEqual([
      bought("a", { granted: 80, base: -70 }),
    ]);
    const other = { ...again, planId: "boxes" };
    expect(changed([bought("a")], { incoming: [other] })).toEqual([bought("a"), other]);
  });

  test("is not paid for what was used before it was there: that is remembered beside", () => {
    const again = bought("b", { source: "new" });
    expect(
      changed([old("a", { used: 30, reset: monthly })], { incoming: [again], keepsUsage: true }),
    ).toEqual([
      again,
      {
        id: "kept",
        source: "ended",
        granted: 0,
        used: 30,
        createdAt: JAN_31 + DAY,
        expiresAt: FEB_28,
      },
    ]);
  });

  test("includes what its plan includes once", () => {
    const sold = item({ included: 20, price: { ...byUse, every: null, billingMethod: "prepaid" } });
    const packs = plan({ id: "packs", items: [sold] });
    const first = grantOf(packs, sold, starting({ quantities: { messages: 50 } }));
    expect(addedTo(messages(), first, sold).granted).toBe(50);
    expect(addedTo(messages(bought("a")), first, sold).granted).toBe(30);
    expect(addedTo(messages(bought("a", { planId: "boxes" })), first, sold).granted).toBe(50);
    const monthlySold = { ...sold, reset: everyMonth };
    const again = grantOf(packs, monthlySold, starting({ quantities: { messages: 50 } }));
    expect(addedTo(messages(bought("a")), again, monthlySold).granted).toBe(50);
  });
});

describe("what was used of plans in whose place none comes", () => {
  const without = { incoming: [], keepsUsage: true };
  const remembered = { id: "kept", source: "ended", createdAt: JAN_31 + DAY };
  const after = (...before: Grant[]) => changeGrants(messages(...before), change(without)).balance.grants;

  test("is remembered until it would have been reset, with nothing left of it", () => {
    expect(after(old("a", { used: 30, reset: monthly }))).toEqual([
      { ...remembered, granted: 0, used: 30, expiresAt: FEB_28 },
    ]);
  });

  test("is remembered for good where it never resets", () => {
    expect(after(old("a", { used: 30 }), old("b", { used: 0.5 }))).toEqual([
      { ...remembered, granted: 0, used: 30.5 },
    ]);
  });

  test("is remembered apart where it would have been reset at different times", () => {
    expect(
      after(old("a", { used: 30, reset: monthly }), old("b", { used: 5 })).map((each) => each.used),
    ).toEqual([30, 5]);
  });

  test("is nothing of what is unlimited or charged", () => {
    expect(after(old("a", { granted: 0, unlimited: true, used: 9 }))).toEqual([]);
    expect(after(old("a", { used: 130, overage: usageBased, reset: monthly }))).toMatchObject([
      { used: 100 },
    ]);
  });

  test("counts against the plan that comes back", () => {
    const back = changeGrants(
      messages(...after(old("a", { used: 30, reset: monthly }))),
      change({ ending: new Set(), keepsUsage: true }),
    );
    expect(back.balance.grants).toEqual([grant("new", { source: "new", used: 30 })]);
  });

  test("is forgotten by a plan that is paid for", () => {
    const back = changeGrants(
      messages(...after(old("a", { used: 30, reset: monthly }))),
      change({ ending: new Set() }),
    );
    expect(back.balance.grants).toEqual([grant("new", { source: "new" })]);
  });

  test("stays for plans in whose place another could not come", () => {
    const before = messages(grant("r", { source: "ended add-on extra", used: 100 }));
    expect(changeGrants(before, change({ ending: new Set(), keepsUsage: true })).balance.grants).toEqual([
      ...before.grants,
      grant("new", { source: "new" }),
    ]);
  });
});

describe("a change of quantities buys less", () => {
  const packsOfTen = { ...byUse, billingUnits: 10, billingMethod: "prepaid" } as const;
  const sold = (fields: Partial<Item> = {}) =>
    item({
      included: 20,
      reset: everyMonth,
      price: packsOfTen,
      ...fields,
    });
  const tokens = sold({ featureId: "tokens" });
  const packs = plan({ items: [sold(), tokens] });
  const from = { plan: packs, quantities: { messages: 50, tokens: 50 } };
  const less = (quantities?: Record<string, number>, to = packs) =>
    buysLess(from, { plan: to, ...(quantities && { quantities }) });

  test("where fewer packs of something and more of nothing are bought", () => {
    expect(less({ messages: 30, tokens: 50 })).toBe(true);
    expect(less({ messages: 30 })).toBe(true);
    expect(less()).toBe(true);
  });

  test("but not where the packs are the same, nor where any are more", () => {
    expect(less({ messages: 50, tokens: 50 })).toBe(false);
    expect(less({ messages: 41, tokens: 50 })).toBe(false);
    expect(less({ messages: 30, tokens: 60 })).toBe(false);
    expect(less({ messages: 60, tokens: 60 })).toBe(false);
  });

  test("but not of units that are bought once: they are added", () => {
    const once = plan({ items: [sold({ reset: null, price: { ...packsOfTen, every: null } })] });
    expect(
      buysLess({ plan: once, quantities: { messages: 90 } }, { plan: once, quantities: { messages: 30 } }),
    ).toBe(false);
  });

  test("also of what is held, and paid for each month", () => {
    const seats = plan({ items: [sold({ reset: null, consumable: false })] });
    const [more, fewer] = [{ messages: 90 }, { messages: 30 }];
    expect(buysLess({ plan: seats, quantities: more }, { plan: seats, quantities: fewer })).toBe(true);
  });

  test("but not where the terms begin to sell it", () => {
    expect(buysLess({ plan: plan() }, { plan: packs, quantities: { messages: 20 } })).toBe(false);
  });
});

describe("a balance that is kept over a change", () => {
  const keeping = (...before: Grant[]) =>
    changeGrants(messages(...before), change({ keepsBalance: true })).balance.grants;

  test("stays until it would have been reset", () => {
    expect(keeping(old("a", { used: 70, reset: monthly }))).toEqual([
      grant("new", { source: "new" }),
      { id: "kept", source: "leftover", granted: 30, used: 0, createdAt: JAN_31 + DAY, expiresAt: FEB_28 },
    ]);
  });

  test("stays for good where it never resets", () => {
    expect(keeping(old("a", { used: 70 }))[1]).not.toHaveProperty("expiresAt");
  });

  test("is nothing where nothing is left", () => {
    expect(keeping(old("a", { used: 100 }))).toEqual([grant("new", { source: "new" })]);
  });

  test("is not that of rollovers, which go to a plan that rolls over, or nowhere", () => {
    const before = [old("a", { used: 100 }), old("r", { rolledFrom: "a", expiresAt: MAY_31 })];
    expect(keeping(...before)).toEqual([grant("new", { source: "new" })]);
  });

  test("counts what is owed against the new plan", () => {
    expect(keeping(old("a", { used: 130.5 }))).toEqual([grant("new", { source: "new", used: 30.5 })]);
  });

  test("owes nothing more where its overage is charged", () => {
    expect(keeping(old("a", { used: 130, overage: usageBased }))).toEqual([grant("new", { source: "new" })]);
  });

  test("is none where nothing ends", () => {
    expect(keeping(grant("b"))).toEqual([grant("b"), grant("new", { source: "new" })]);
  });

  test("that owes is forgotten where there is no new plan", () => {
    const { balance } = changeGrants(
      messages(old("a", { used: 130 })),
      change({ keepsBalance: true, incoming: [] }),
    );
    expect(balance.grants).toEqual([]);
  });
});

test("a carried debt is paid from what a new plan brings", () => {
  const before = messages(grant("debt", { source: "gift", used: 130, carry: true }));
  expect(used([changeGrants(before, change({ now: MAR_31 })).balance])).toEqual({ debt: 100, new: 30 });
});

describe("a change that is scheduled", () => {
  test("leaves units that were bought once without an end", () => {
    const before = messages(old("a", { prepaid: true, bought: true, used: 30 }));
    const change = { ending: new Set(["old"]), dropping: new Set<string>(), starting: [], at: FEB_28 };
    expect(scheduleGrants(before, change)).toEqual(before);
  });

  const scheduled = scheduleGrants(
    messages(
      old("a", { used: 30 }),
      old("r", { rolledFrom: "a", expiresAt: MAY_31 }),
      grant("gift", { source: "gift" }),
      grant("earlier", { source: "dropped" }),
    ),
    {
      ending: new Set(["old"]),
      dropping: new Set(["dropped"]),
      starting: [grant("new", { source: "new", startsAt: FEB_28 })],
      at: FEB_28,
    },
  );

  test("ends the grants of the old plan then, adds those that start then, and drops what was scheduled before", () => {
    expect(scheduled.grants).toEqual([
      old("a", { used: 30, expiresAt: FEB_28 }),
      old("r", { rolledFrom: "a", expiresAt: MAY_31 }),
      grant("gift", { source: "gift" }),
      grant("new", { source: "new", startsAt: FEB_28 }),
    ]);
  });

  test("refuses more grants than a row holds", () => {
    const full = messages(...Array.from({ length: 64 }, (_, n) => grant(`g${n}`)));
    const starting = [grant("new")];
    const none = new Set<string>();
    expect(
      refusal(() => scheduleGrants(full, { ending: none, dropping: none, starting, at: FEB_28 })).kind,
    ).toBe("too_many_grants");
  });

  test("does not prolong what ends before it", () => {
    const ending = messages(old("trial", { expiresAt: FEB_28 }), old("late", { expiresAt: APR_30 }));
    const none = new Set<string>();
    const { grants } = scheduleGrants(ending, {
      ending: new Set(["old"]),
      dropping: none,
      starting: [],
      at: MAR_31,
    });
    expect(grants.map(({ expiresAt }) => expiresAt)).toEqual([FEB_28, MAR_31]);
  });

  test("can be taken back: the old plan goes on, and what was to start is dropped", () => {
    const change = { resuming: "old", dropping: new Set(["new"]), endsAt: undefined };
    expect(resumeGrants(frozen(scheduled), change).grants).toEqual([
      old("a", { used: 30 }),
      old("r", { rolledFrom: "a", expiresAt: MAY_31 }),
      grant("gift", { source: "gift" }),
    ]);
  });

  test("that is taken back leaves others the ends that they have", () => {
    const gift = grant("gift", { source: "gift", expiresAt: MAR_31 });
    const change = { resuming: "old", dropping: new Set(["new"]), endsAt: undefined };
    const { grants } = resumeGrants(messages(old("a", { expiresAt: FEB_28 }), gift), change);
    expect(grants).toEqual([old("a"), gift]);
  });

  test("that is taken back leaves the old plan the end that it has of its own", () => {
    const change = { resuming: "old", dropping: new Set(["new"]), endsAt: APR_30 };
    expect(resumeGrants(frozen(scheduled), change).grants[0]?.expiresAt).toBe(APR_30);
  });
});

describe("a suspension", () => {
  const held = messages(
    old("a", { used: 30, reset: monthly, rollover: { max: 50 } }),
    old("r", { rolledFrom: "a", expiresAt: MAY_31 }),
    grant("gift", { source: "gift" }),
  );
  const suspended = suspendGrants(frozen(held), "old", FEB_28);

  test("stops all grants of its source, what was left of earlier periods included, and no others", () => {
    expect(suspended.grants.map(({ suspendedAt }) => suspendedAt)).toEqual([FEB_28, FEB_28, undefined]);
  });

  test("is undone without a trace", () => {
    expect(suspendGrants(frozen(suspended), "old", undefined)).toStrictEqual(held);
  });

  test("can be put off", () => {
    expect(suspendGrants(frozen(suspended), "old", MAR_31).grants[0]?.suspendedAt).toBe(MAR_31);
  });

  test("lets periods end as ever, and what is left over is suspended with the rest", () => {
    const { grants } = advance(suspended, FEB_28).balance;
    expect(grants.find(({ id }) => id === "a")).toMatchObject({ used: 0, suspendedAt: FEB_28 });
    const rolled = grants.filter(({ rolledFrom }) => rolledFrom === "a");
    expect(rolled).toMatchObject([{ granted: 50, createdAt: FEB_28, suspendedAt: FEB_28 }]);
  });

  test("is no end: what was used counts against another plan", () => {
    const change = {
      ending: new Set(["old"]),
      incoming: [grant("new", { source: "new" })],
      keepsUsage: true,
      keepsBalance: false,
      now: MAR_31,
      nextGrantId: () => "next",
    };
    const { grants } = changeGrants(frozen({ ...suspended, advancedAt: MAR_31 }), change).balance;
    expect(grants.find(({ id }) => id === "new")?.used).toBe(30);
  });
});

describe("what a plan controls", () => {
  const careful = plan({
    items: [item()],
    controls: [
      { featureId: "messages", overageAllowed: false },
      { featureId: "images", usageLimit: { max: 5, interval: "day", anchor: "utc" } },
    ],
  });
  const start = { now: JAN_31, anchor: JAN_31, nextGrantId: () => "g1" };

  test("is in the balances of who begins with it, of features that it does not grant as well", () => {
    expect(startingBalances([careful], start, () => "s1")).toMatchObject([
      { featureId: "messages", grants: [{ id: "g1" }], overage: { allowed: false } },
      {
        featureId: "images",
        grants: [],
        limits: [{ max: 5, used: 0 }],
        controls: { plans: [{ source: "s1" }] },
      },
    ]);
  });

  test("begins and ends with it", () => {
    const at = { source: "s1", now: JAN_31 };
    expect(controlOf(careful, "messages", at)).toStrictEqual({ source: "s1", overageAllowed: false });
    expect(controlOf(careful, "messages", { ...at, startsAt: FEB_28, endsAt: MAR_31 })).toStrictEqual({
      source: "s1",
      startsAt: FEB_28,
      expiresAt: MAR_31,
      overageAllowed: false,
    });
    expect(controlOf(careful, "exports", at)).toBeUndefined();
  });

  test("changes with it, at once or at its end, which can be taken back", () => {
    const none = new Set<string>();
    const [before] = startingBalances([careful], start, () => "s1");
    const control = { source: "s2", startsAt: FEB_28, overageAllowed: true };
    const scheduled = scheduleGrants(frozen(before!), {
      ending: new Set(["s1"]),
      dropping: none,
      starting: [],
      control,
      at: FEB_28,
    });
    const overageAt = (now: number) => advance(scheduled, now).balance.overage;
    expect([overageAt(FEB_28 - 1), overageAt(FEB_28)]).toEqual([{ allowed: false }, { allowed: true }]);
    const resumed = resumeGrants(frozen(scheduled), {
      resuming: "s1",
      dropping: new Set(["s2"]),
      endsAt: undefined,
    });
    expect(resumed).toStrictEqual(before);
    const change = {
      incoming: [],
      keepsUsage: true,
      keepsBalance: false,
      now: JAN_31,
      nextGrantId: () => "g2",
    };
    const changed = changeGrants(frozen(before!), {
      ...change,
      ending: new Set(["s1"]),
      control: { source: "s2", overageAllowed: true },
    });
    expect(changed.balance.overage).toEqual({ allowed: true });
  });
});
