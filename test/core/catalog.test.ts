import { describe, expect, test } from "vitest";
import { defineCatalog, type Feature } from "../../src/core/catalog.js";
import { type Item, type Plan } from "../../src/core/terms.js";
import {
  feature,
  featureItem,
  item,
  plan,
  pricedFeatureItem,
  priceItem,
  product,
  type FeatureDefinition,
  type ItemDefinition,
  type PlanDefinition,
  type ProductItemDefinition,
} from "../../src/core/definitions.js";
import { refusal } from "./fixtures.js";

const messages = feature({ id: "messages", type: "metered" });
const seats = feature({ id: "seats", type: "metered", consumable: false });
const sso = feature({ id: "sso", type: "boolean" });
const credits = feature({
  id: "credits",
  type: "credit_system",
  creditSchema: [{ meteredFeatureId: "messages", creditCost: 2 }],
});

/** The feature as the catalog holds it. */
const held = (definition: FeatureDefinition): Feature =>
  defineCatalog({ features: [messages, definition] }).feature(definition.id);

/** The plan as the catalog holds it. */
const planned = (fields: Partial<PlanDefinition>): Plan =>
  defineCatalog({ features: [messages, seats, sso, credits], plans: [{ id: "pro", ...fields }] }).plan("pro");

/** The item as the catalog holds it. */
const itemOf = (definition: ItemDefinition | ProductItemDefinition): Item | undefined =>
  planned({ items: [definition] }).items[0];

describe("a feature", () => {
  test("is used up, unless it says that it is held", () => {
    expect(held({ id: "tokens", type: "metered" })).toEqual({
      id: "tokens",
      name: "tokens",
      type: "metered",
      consumable: true,
      eventNames: [],
      creditSchema: [],
      archived: false,
    });
    expect(held({ id: "tokens", type: "metered", consumable: false }).consumable).toBe(false);
  });

  test("has a name, names of events, and may be archived", () => {
    expect(
      held({ id: "tokens", type: "boolean", name: "Tokens", eventNames: ["chat"], archived: true }),
    ).toMatchObject({ type: "boolean", name: "Tokens", eventNames: ["chat"], archived: true });
  });

  test("can be written in the older vocabulary", () => {
    expect(held({ id: "tokens", type: "single_use" })).toMatchObject({ type: "metered", consumable: true });
    expect(held({ id: "seats", type: "continuous_use" })).toMatchObject({
      type: "metered",
      consumable: false,
    });
  });

  test.each([
    [{ meteredFeatureId: "messages", creditCost: 2 }, 2, 1],
    [{ meteredFeatureId: "messages", creditAmount: 1 }, 1, 1],
    [{ meteredFeatureId: "messages", creditAmount: 1, featureAmount: 3 }, 1, 3],
    [{ metered_feature_id: "messages", credit_cost: 2 }, 2, 1],
    [{ metered_feature_id: "messages", credit_cost: 1, feature_amount: 3 }, 1, 3],
  ])("that is a credit system says what others cost in it: %j", (cost, creditAmount, featureAmount) => {
    const expected = [{ featureId: "messages", creditAmount, featureAmount }];
    expect(held({ id: "credits", type: "credit_system", creditSchema: [cost] }).creditSchema).toEqual(
      expected,
    );
    expect(held({ id: "credits", type: "credit_system", credit_schema: [cost] }).creditSchema).toEqual(
      expected,
    );
  });
});

describe("a plan", () => {
  test("is free, of no group and no default, unless it says otherwise", () => {
    expect(planned({})).toEqual({
      id: "pro",
      name: "pro",
      group: "",
      addOn: false,
      autoEnable: false,
      price: null,
      items: [],
      archived: false,
    });
  });

  test("says what it costs and how often, or once", () => {
    expect(planned({ price: { amount: 20, interval: "month" } }).price).toEqual({
      amount: 20,
      every: { interval: "month", count: 1 },
    });
    expect(planned({ price: { amount: 20, interval: "week", intervalCount: 2 } }).price?.every?.count).toBe(
      2,
    );
    expect(planned({ price: { amount: 20, interval: "one_off" } }).price).toEqual({
      amount: 20,
      every: null,
    });
    expect(planned({ price: { amount: 20 } }).price).toEqual({ amount: 20, every: null });
    expect(planned({ price: null }).price).toBeNull();
  });

  test("keeps what else it says", () => {
    const said = {
      name: "Pro",
      description: "All",
      group: "main",
      addOn: true,
      autoEnable: true,
      archived: true,
    };
    expect(planned(said)).toMatchObject(said);
    expect(planned({ description: null, group: null })).toMatchObject({ group: "" });
    expect(planned({ description: null })).not.toHaveProperty("description");
  });

  test("may begin with a trial", () => {
    expect(
      planned({ freeTrial: { durationLength: 14, durationType: "day", cardRequired: true } }).trial,
    ).toEqual({
      length: 14,
      unit: "day",
      cardRequired: true,
      uniqueFingerprint: false,
    });
    expect(
      planned({ freeTrial: { durationLength: 1, durationType: "month", uniqueFingerprint: true } }).trial,
    ).toEqual({ length: 1, unit: "month", cardRequired: false, uniqueFingerprint: true });
    expect(planned({ freeTrial: null })).not.toHaveProperty("trial");
  });
});

describe("an item", () => {
  test("includes an amount that never resets, unless it says otherwise", () => {
    expect(itemOf({ featureId: "messages" })).toEqual({
      featureId: "messages",
      included: 0,
      unlimited: false,
      consumable: true,
      reset: null,
    });
    expect(itemOf({ featureId: "messages", included: 5, reset: { interval: "one_off" } })?.reset).toBeNull();
  });

  test("resets every so often", () => {
    expect(itemOf({ featureId: "messages", reset: { interval: "week", intervalCount: 2 } })?.reset).toEqual({
      interval: "week",
      count: 2,
    });
  });

  test("resets with its price, where it does not say when", () => {
    const price = { amount: 1, interval: "month" } as const;
    expect(itemOf({ featureId: "messages", price })?.reset).toEqual({ interval: "month", count: 1 });
    expect(itemOf({ featureId: "messages", price, reset: { interval: "day" } })?.reset?.interval).toBe("day");
  });

  test("of what is held is not given back by the calendar", () => {
    expect(itemOf({ featureId: "seats", included: 5, reset: { interval: "month" } })).toMatchObject({
      consumable: false,
      reset: null,
    });
  });

  test("of a boolean feature is on", () => {
    expect(itemOf({ featureId: "sso" })).toMatchObject({ unlimited: true, included: 0 });
  });

  test("may carry its overage as a debt", () => {
    expect(itemOf({ featureId: "messages", carryOverage: true })?.carryOverage).toBe(true);
    expect(itemOf({ featureId: "messages", carryOverage: false })).not.toHaveProperty("carryOverage");
  });

  test("may be unlimited, or for each entity", () => {
    expect(itemOf({ featureId: "messages", unlimited: true })).toMatchObject({
      unlimited: true,
      included: 0,
    });
    expect(itemOf({ featureId: "messages", entityFeatureId: "seats" })?.entityFeatureId).toBe("seats");
  });

  test("is charged by use, unless it is prepaid", () => {
    const price = { amount: 0.1, interval: "month" } as const;
    expect(itemOf({ featureId: "messages", price })?.price).toEqual({
      tiers: [{ to: "inf", amount: 0.1 }],
      tierBehavior: "graduated",
      billingUnits: 1,
      billingMethod: "usage_based",
      every: { interval: "month", count: 1 },
    });
    expect(
      itemOf({
        featureId: "messages",
        price: { ...price, billingUnits: 100, billingMethod: "prepaid", maxPurchase: 500 },
      })?.price,
    ).toMatchObject({ billingUnits: 100, billingMethod: "prepaid", maxPurchase: 500 });
    expect(
      itemOf({ featureId: "messages", price: { ...price, maxPurchase: null } })?.price,
    ).not.toHaveProperty("maxPurchase");
  });

  test("may be charged in tiers", () => {
    const tiers = [
      { to: 100, amount: 1, flatAmount: 5 },
      { to: "inf", amount: 0.5 },
    ] as const;
    expect(itemOf({ featureId: "messages", price: { tiers, tierBehavior: "volume" } })?.price).toMatchObject({
      tiers: [
        { to: 100, amount: 1, flatAmount: 5 },
        { to: "inf", amount: 0.5 },
      ],
      tierBehavior: "volume",
      every: null,
    });
  });

  test.each([
    [{}, {}],
    [{ max: 50 }, { max: 50 }],
    [{ max: null, maxPercentage: 50 }, { percent: 50 }],
    [{ expiryDurationType: "month" }, { months: 1 }],
    [{ expiryDurationLength: 3 }, { months: 3 }],
    [{ expiryDurationType: "month", expiryDurationLength: 3 }, { months: 3 }],
    [{ expiryDurationType: "forever", expiryDurationLength: 3 }, {}],
  ] as const)("may roll over: %j", (rollover, kept) => {
    expect(itemOf({ featureId: "messages", reset: { interval: "month" }, rollover })?.rollover).toEqual(kept);
  });
});

describe("the older vocabulary", () => {
  test("gives amounts of features", () => {
    expect(itemOf(featureItem({ feature_id: "messages", included_usage: 5, interval: "month" }))).toEqual({
      featureId: "messages",
      included: 5,
      unlimited: false,
      consumable: true,
      reset: { interval: "month", count: 1 },
    });
    expect(
      itemOf(featureItem({ feature_id: "messages", interval: "day", interval_count: 3 }))?.reset?.count,
    ).toBe(3);
    expect(itemOf(featureItem({ feature_id: "messages", included_usage: 5 }))?.reset).toBeNull();
    expect(itemOf(featureItem({ feature_id: "messages", included_usage: "inf" }))?.unlimited).toBe(true);
    expect(itemOf(featureItem({ feature_id: "messages", entity_feature_id: "seats" }))?.entityFeatureId).toBe(
      "seats",
    );
  });

  test("prices features by use or in advance", () => {
    expect(
      itemOf(pricedFeatureItem({ feature_id: "messages", price: 0.1, interval: "month", billing_units: 10 }))
        ?.price,
    ).toEqual({
      tiers: [{ to: "inf", amount: 0.1 }],
      tierBehavior: "graduated",
      billingUnits: 10,
      billingMethod: "usage_based",
      every: { interval: "month", count: 1 },
    });
    const tiers = [{ to: "inf", amount: 2, flat_amount: 5 }] as const;
    expect(
      itemOf(pricedFeatureItem({ feature_id: "messages", tiers, usage_model: "prepaid" }))?.price,
    ).toMatchObject({
      tiers: [{ to: "inf", amount: 2, flatAmount: 5 }],
      billingMethod: "prepaid",
      every: null,
    });
  });

  test("prices the product by an item", () => {
    const items = [
      featureItem({ feature_id: "messages", included_usage: 5 }),
      priceItem({ price: 20, interval: "month" }),
    ];
    const catalog = defineCatalog({
      features: [messages],
      products: [
        product({
          id: "pro",
          name: "Pro",
          is_add_on: true,
          is_default: false,
          items,
          free_trial: { duration: "day", length: 7, card_required: true, unique_fingerprint: true },
        }),
      ],
    });
    expect(catalog.plan("pro")).toMatchObject({
      name: "Pro",
      addOn: true,
      autoEnable: false,
      price: { amount: 20, every: { interval: "month", count: 1 } },
      items: [{ featureId: "messages", included: 5 }],
      trial: { length: 7, unit: "day", cardRequired: true, uniqueFingerprint: true },
    });
  });

  test("mixes with the current one, within a plan and beside it", () => {
    const catalog = defineCatalog({
      features: [messages, feature({ id: "tokens", type: "single_use" })],
      plans: [
        plan({
          id: "mixed",
          items: [item({ featureId: "messages", included: 5 }), priceItem({ price: 20 })],
        }),
        product({ id: "older", is_default: true, items: [featureItem({ feature_id: "tokens" })] }),
      ],
      products: [
        plan({
          id: "newer",
          items: [featureItem({ feature_id: "tokens" }), item({ featureId: "messages" })],
        }),
      ],
    });
    expect([...catalog.plans.keys()]).toEqual(["mixed", "older", "newer"]);
    expect(catalog.plan("mixed")).toMatchObject({
      price: { amount: 20, every: null },
      items: [{ included: 5 }],
    });
    expect(catalog.plan("older").autoEnable).toBe(true);
    expect(catalog.plan("newer").items.map(({ featureId }) => featureId)).toEqual(["tokens", "messages"]);
  });

  test("trials nothing unless it says so", () => {
    const catalog = defineCatalog({
      features: [],
      products: [
        product({ id: "a", items: [], free_trial: null }),
        product({ id: "b", items: [], free_trial: { duration: "day", length: 7 } }),
      ],
    });
    expect(catalog.plan("a")).not.toHaveProperty("trial");
    expect(catalog.plan("b").trial).toMatchObject({ cardRequired: false, uniqueFingerprint: false });
  });
});

describe("a catalog is found", () => {
  const pro = plan({ id: "pro", items: [item({ featureId: "messages", included: 5 })] });
  const ids = (catalog: { features: ReadonlyMap<string, Feature>; plans: ReadonlyMap<string, Plan> }) => [
    ...catalog.features.keys(),
    ...catalog.plans.keys(),
  ];

  test("in lists", () => {
    expect(ids(defineCatalog({ features: [messages, seats], plans: [pro] }))).toEqual([
      "messages",
      "seats",
      "pro",
    ]);
  });

  test("in a list of features alone", () => {
    expect(ids(defineCatalog({ features: [messages] }))).toEqual(["messages"]);
  });

  test("in the exports of a module, among items, lists and functions with names of their own", () => {
    const module = {
      messages,
      pro,
      included: item({ featureId: "messages" }),
      older: featureItem({ feature_id: "messages" }),
      price: priceItem({ price: 5 }),
      all: [messages],
      currency: "usd",
      nothing: null,
      twice: (n: number) => 2 * n,
    };
    expect(ids(defineCatalog(module))).toEqual(["messages", "pro"]);
  });

  test("in the default export of a module", () => {
    expect(ids(defineCatalog({ default: { features: [messages], plans: [pro] } }))).toEqual([
      "messages",
      "pro",
    ]);
    expect(ids(defineCatalog({ default: { messages, pro } }))).toEqual(["messages", "pro"]);
  });
});

describe("the pools that pay for a feature", () => {
  const catalog = defineCatalog({
    features: [
      feature({
        id: "first",
        type: "credit_system",
        creditSchema: [
          { meteredFeatureId: "messages", creditAmount: 1, featureAmount: 3 },
          { meteredFeatureId: "seats", creditCost: 5 },
        ],
      }),
      messages,
      seats,
      credits,
    ],
    plans: [
      plan({ id: "team", items: [item({ featureId: "credits", included: 5, entityFeatureId: "seats" })] }),
    ],
  });

  test("are itself, then each credit system that holds it, in the catalog's order", () => {
    expect(catalog.pools("messages")).toEqual([
      { featureId: "messages" },
      { featureId: "first", cost: { creditAmount: 1, featureAmount: 3 } },
      { featureId: "credits", cost: { creditAmount: 2, featureAmount: 1 }, perEntity: true },
    ]);
  });

  test("of a credit system are itself", () => {
    expect(catalog.pools("first")).toEqual([{ featureId: "first" }]);
  });

  test("say whether each entity has one of its own", () => {
    expect(catalog.pools("credits")).toEqual([{ featureId: "credits", perEntity: true }]);
  });

  test("of a feature that does not exist are not found", () => {
    expect(refusal(() => catalog.pools("mesages"))).toEqual({
      kind: "feature_not_found",
      message: 'No feature "mesages" is in the catalog; it has "first", "messages", "seats", "credits".',
    });
  });
});

describe("an event", () => {
  const catalog = defineCatalog({
    features: [
      feature({ id: "a", type: "metered", eventNames: ["chat", "ask"] }),
      feature({ id: "b", type: "metered" }),
      feature({ id: "c", type: "metered", eventNames: ["chat"] }),
    ],
  });

  test("charges the features that list its name", () => {
    expect(catalog.featuresOfEvent("chat")).toEqual(["a", "c"]);
    expect(catalog.featuresOfEvent("ask")).toEqual(["a"]);
  });

  test("that no feature lists is not found", () => {
    expect(refusal(() => catalog.featuresOfEvent("b"))).toEqual({
      kind: "feature_not_found",
      message: 'No feature of the catalog is charged by events named "b".',
    });
  });
});

describe("what is not in a catalog", () => {
  test("is a plan that is misspelt", () => {
    const catalog = defineCatalog({ features: [], plans: [plan({ id: "pro" })] });
    expect(refusal(() => catalog.plan("Pro"))).toEqual({
      kind: "plan_not_found",
      message: 'No plan "Pro" is in the catalog; it has "pro".',
    });
  });

  test("is everything, when it is empty", () => {
    expect(refusal(() => defineCatalog({ features: [] }).feature("a")).message).toContain("it has none.");
  });

  test("is answered with ten of those that are", () => {
    const features = Array.from({ length: 11 }, (_, n) => feature({ id: `f${n}`, type: "boolean" }));
    expect(refusal(() => defineCatalog({ features }).feature("a")).message).toContain('"f9" and others.');
    expect(refusal(() => defineCatalog({ features: features.slice(1) }).feature("a")).message).toContain(
      '"f10".',
    );
  });
});

describe("the plans that a customer begins with", () => {
  const catalog = defineCatalog({
    features: [messages, seats],
    plans: [
      plan({
        id: "free",
        autoEnable: true,
        items: [item({ featureId: "messages" }), item({ featureId: "seats" })],
      }),
      plan({ id: "gift", autoEnable: true, addOn: true, items: [item({ featureId: "seats" })] }),
      plan({ id: "old", autoEnable: true, archived: true, items: [item({ featureId: "messages" })] }),
      plan({ id: "pro", items: [item({ featureId: "messages" })] }),
    ],
  });

  test("are the default ones that are not archived", () => {
    expect(catalog.defaultPlans().map(({ id }) => id)).toEqual(["free", "gift"]);
  });

  test("are found by the group that they are the default of", () => {
    expect(catalog.defaultOf("")?.id).toBe("free");
    expect(catalog.defaultOf("other")).toBeUndefined();
  });

  test("are no add-ons of a group", () => {
    const addOn = plan({ id: "gift", autoEnable: true, addOn: true });
    expect(defineCatalog({ features: [], plans: [addOn] }).defaultOf("")).toBeUndefined();
  });

  test("can be cut to the items of some features", () => {
    const cut = (...features: string[]) =>
      catalog.defaultsFor(features).map(({ id, items }) => [id, items.map(({ featureId }) => featureId)]);
    expect(cut("messages")).toEqual([["free", ["messages"]]]);
    expect(cut("seats", "other")).toEqual([
      ["free", ["seats"]],
      ["gift", ["seats"]],
    ]);
    expect(cut()).toEqual([]);
  });
});

describe("a plan for one customer", () => {
  const catalog = defineCatalog({
    features: [messages, seats],
    plans: [
      plan({
        id: "pro",
        name: "Pro",
        price: { amount: 20 },
        items: [item({ featureId: "messages", included: 5 })],
      }),
      plan({ id: "team", items: [item({ featureId: "messages", entityFeatureId: "seats" })] }),
    ],
  });
  const pro = catalog.plan("pro");

  test("has other items, and is the same for the rest", () => {
    const customized = catalog.customized(pro, [
      item({ featureId: "messages", included: 500, reset: { interval: "day" } }),
    ]);
    expect(customized).toEqual({
      ...pro,
      items: [
        {
          featureId: "messages",
          included: 500,
          unlimited: false,
          consumable: true,
          reset: { interval: "day", count: 1 },
        },
      ],
    });
    expect(catalog.plan("pro").items[0]?.included).toBe(5);
  });

  test("may grant to each entity what the catalog grants so", () => {
    const items = [item({ featureId: "messages", entityFeatureId: "seats" })];
    expect(catalog.customized(pro, items).items[0]?.entityFeatureId).toBe("seats");
  });

  test("is refused with every problem at once", () => {
    const items = [
      item({ featureId: "mesages" }),
      item({ featureId: "seats", entityFeatureId: "seats", included: -1 }),
    ];
    expect(refusal(() => catalog.customized(pro, items)).problems).toEqual([
      'plan "pro": item "mesages": no such feature',
      'plan "pro": item "seats": included must not be negative, got -1',
      'item "seats": no plan of the catalog grants it to each entity, so that calls without one would not look there',
    ]);
  });
});

/** The problems of a catalog that is not accepted, as they are listed. */
function problemsOf(config: object): unknown {
  return refusal(() => defineCatalog(config)).problems;
}
const problemsOfFeature = (definition: object) =>
  problemsOf({ features: [messages, sso, credits, definition] });
const problemsOfPlan = (definition: object) =>
  problemsOf({ features: [messages, seats, sso, credits], plans: [{ id: "pro", ...definition }] });
const problemsOfItem = (definition: object) =>
  problemsOfPlan({ items: [{ featureId: "messages", ...definition }] });

describe("a bad catalog", () => {
  test("is refused with every problem at once", () => {
    const error = refusal(() =>
      defineCatalog({
        features: [messages, messages, { id: "", type: "metered" }],
        plans: [{ id: "pro", items: [{ featureId: "mesages", included: -1 }] }],
      }),
    );
    const problems = [
      'feature "messages" is defined more than once',
      'feature "": the id must be 1 to 64 letters, digits, _ or -',
      'plan "pro": item "mesages": no such feature',
      'plan "pro": item "mesages": included must not be negative, got -1',
    ];
    expect(error).toEqual({
      kind: "invalid_argument",
      problems,
      message: `The catalog has 4 problems:\n${problems.map((each) => `  - ${each}`).join("\n")}`,
    });
  });

  test("with one problem says so", () => {
    expect(refusal(() => defineCatalog({ features: [messages, messages] })).message).toMatch(
      /^The catalog has 1 problem:\n {2}- /,
    );
  });

  test.each([
    [
      "a list that holds nothing",
      { features: [undefined] },
      "features[0] must be a definition, got undefined",
    ],
    ["plans that are no list", { features: [], plans: "pro" }, 'plans must be a list, got "pro"'],
    [
      "a product that is no object",
      { features: [], products: [null] },
      "products[0] must be a definition, got null",
    ],
    [
      "an export that is neither feature nor plan",
      { mystery: { name: "a" } },
      'the export "mystery" is neither a feature (no type) nor a plan (no id)',
    ],
    [
      "a plan that is defined twice",
      { features: [], plans: [{ id: "a" }, { id: "a" }] },
      'plan "a" is defined more than once',
    ],
  ])("may have %s", (_, config, problem) => {
    expect(problemsOf(config)).toEqual([problem]);
  });

  test("may be no object at all", () => {
    expect(problemsOf("messages" as unknown as object)).toEqual([
      'a catalog is { features, plans } or a module of definitions, got "messages"',
    ]);
  });
});

describe("a bad feature", () => {
  test.each(["", "two words", "é", "x".repeat(65)])("may have the id %j", (id) => {
    expect(problemsOfFeature({ id, type: "boolean" })).toHaveLength(1);
  });

  test("may have an id that is no text", () => {
    expect(problemsOfFeature({ id: 5, type: "boolean" })).toEqual([
      "feature 5: the id must be 1 to 64 letters, digits, _ or -",
    ]);
  });

  test("may be of a type that is not supported", () => {
    expect(problemsOfFeature({ id: "ai", type: "ai_credit_system" })).toEqual([
      'feature "ai": type "ai_credit_system" is not supported; use boolean, metered (single_use, continuous_use) or credit_system',
    ]);
  });

  test("may be a credit system without costs", () => {
    expect(problemsOfFeature({ id: "pool", type: "credit_system" })).toEqual([
      'feature "pool": a credit system needs a creditSchema: which features draw from it, at what cost',
    ]);
  });

  test.each([
    [
      "of a feature that does not exist",
      { meteredFeatureId: "mesages", creditCost: 1 },
      '"mesages": no such feature',
    ],
    [
      "of a boolean feature",
      { meteredFeatureId: "sso", creditCost: 1 },
      '"sso": a boolean feature is not used by amounts',
    ],
    [
      "of a credit system",
      { meteredFeatureId: "credits", creditCost: 1 },
      '"credits": a credit system cannot draw from another',
    ],
    ["of nothing", { meteredFeatureId: "messages", creditCost: 0 }, '"messages": must be above 0, got 0'],
    ["below zero", { meteredFeatureId: "messages", creditCost: -1 }, '"messages": must be above 0, got -1'],
    [
      "that is no number",
      { meteredFeatureId: "messages", creditCost: "1" },
      '"messages": must be a number, got "1"',
    ],
    [
      "for no amount",
      { meteredFeatureId: "messages", creditAmount: 1, featureAmount: 0 },
      '"messages": must be above 0, got 0',
    ],
  ])("may have a cost %s", (_, cost, problem) => {
    expect(problemsOfFeature({ id: "pool", type: "credit_system", creditSchema: [cost] })).toEqual([
      `feature "pool": cost of ${problem}`,
    ]);
  });

  test("may have a cost twice", () => {
    const cost = { meteredFeatureId: "messages", creditCost: 1 };
    expect(problemsOfFeature({ id: "pool", type: "credit_system", creditSchema: [cost, cost] })).toEqual([
      'feature "pool": cost of "messages": given twice',
    ]);
  });
});

describe("amounts and costs that cannot be exact together", () => {
  const withCredits = (included: number, creditCost: number) => ({
    features: [
      messages,
      feature({
        id: "pool",
        type: "credit_system",
        creditSchema: [{ meteredFeatureId: "messages", creditCost }],
      }),
    ],
    plans: [plan({ id: "pro", items: [item({ featureId: "pool", included })] })],
  });

  test("are refused", () => {
    expect(problemsOf(withCredits(9_007_199_254_741, 0.001))).toEqual([
      'feature "pool": 9007199254741 included and costs with 3 decimal places cannot be exact together; use a larger unit or costs with fewer places',
    ]);
  });

  test("are accepted up to the largest that can", () => {
    expect(() => defineCatalog(withCredits(999_999_999_999, 0.001))).not.toThrow();
    expect(() => defineCatalog(withCredits(999_999_999_999_999, 1))).not.toThrow();
  });

  test.each([
    [{ creditAmount: 0.6, featureAmount: 1 }, 1],
    [{ creditAmount: 10, featureAmount: 4 }, 1],
    [{ creditAmount: 0.3, featureAmount: 3 }, 1],
    [{ creditAmount: 1, featureAmount: 20 }, 2],
    [{ creditAmount: 1, featureAmount: 8 }, 3],
    [{ creditAmount: 4.35, featureAmount: 100 }, 4],
    [{ creditAmount: 1e-9, featureAmount: 1 }, 9],
    [{ creditAmount: 1, featureAmount: 3 }, 9],
    [{ creditAmount: 1, featureAmount: 12 }, 9],
    [{ creditAmount: 1, featureAmount: 1024 }, 9],
  ])("count the places of the prices at %j: %i", (cost, places) => {
    const config = (included: number) => ({
      features: [
        messages,
        feature({
          id: "pool",
          type: "credit_system",
          creditSchema: [{ meteredFeatureId: "messages", ...cost }],
        }),
      ],
      plans: [plan({ id: "pro", items: [item({ featureId: "pool", included })] })],
    });
    expect(() => defineCatalog(config(10 ** (15 - places)))).not.toThrow();
    expect(problemsOf(config(10 ** (15 - places) + 1))).toEqual([
      expect.stringContaining(`costs with ${places} decimal places`),
    ]);
  });

  test("are no whole numbers, up to the largest", () => {
    expect(() => defineCatalog(withCredits(9_007_199_254_740_991, 3))).not.toThrow();
  });

  test("are not looked for in costs and amounts that are wrong in themselves", () => {
    expect(problemsOf(withCredits(9_007_199_254_741, -0.001))).toEqual([
      'feature "pool": cost of "messages": must be above 0, got -0.001',
    ]);
    expect(problemsOf(withCredits(NaN, 0.001))).toEqual([
      'plan "pro": item "pool": included must be a finite number, got NaN',
    ]);
  });
});

describe("a bad plan", () => {
  test.each([
    ["an id with a space", { id: "a b" }, 'plan "a b": the id must be 1 to 64 letters, digits, _ or -'],
    ["a price below zero", { price: { amount: -1 } }, 'plan "pro": price must not be negative, got -1'],
    [
      "a price that is no amount",
      { price: { amount: NaN } },
      'plan "pro": price must be a finite number, got NaN',
    ],
    [
      "a price of an unknown interval",
      { price: { amount: 1, interval: "fortnight" } },
      'plan "pro": price interval "fortnight" is unknown',
    ],
    [
      "a price for half a month",
      { price: { amount: 1, interval: "month", intervalCount: 0.5 } },
      'plan "pro": price interval count must be a whole number from 1 to 1000, got 0.5',
    ],
    [
      "a price though it is a default",
      { autoEnable: true, price: { amount: 1 } },
      'plan "pro": a default plan must be free: customers get it without paying',
    ],
    [
      "a trial of no length",
      { freeTrial: { durationLength: 0, durationType: "day" } },
      'plan "pro": the trial\'s length must be a whole number above 0, got 0',
    ],
    [
      "a trial of half a day",
      { freeTrial: { durationLength: 0.5, durationType: "day" } },
      'plan "pro": the trial\'s length must be a whole number above 0, got 0.5',
    ],
    [
      "a trial in weeks",
      { freeTrial: { durationLength: 1, durationType: "week" } },
      'plan "pro": the trial must be counted in day, month, year, got "week"',
    ],
    ["two prices", { price: { amount: 1 }, items: [{ price: 2 }] }, 'plan "pro" has two prices: keep one'],
    ["an item that is nothing at all", { items: [{}] }, 'plan "pro": price must be a finite number, got NaN'],
  ])("may have %s", (_, definition, problem) => {
    expect(problemsOfPlan(definition)).toEqual([problem]);
  });

  test("may have an interval count of zero or beyond a thousand", () => {
    const count = (intervalCount: number) =>
      problemsOfPlan({ price: { amount: 1, interval: "month", intervalCount } });
    expect(count(0)).toHaveLength(1);
    expect(count(1001)).toHaveLength(1);
    expect(() => planned({ price: { amount: 1, interval: "month", intervalCount: 1000 } })).not.toThrow();
  });

  test("may be one of two defaults in a group", () => {
    const defaults = (...plans: PlanDefinition[]) => ({
      features: [],
      plans: plans.map((each) => ({ autoEnable: true, group: "main", ...each })),
    });
    expect(problemsOf(defaults({ id: "a" }, { id: "b" }))).toEqual([
      'group "main" has 2 default plans ("a", "b"): only one can be',
    ]);
    expect(() => defineCatalog(defaults({ id: "a" }, { id: "b", group: "other" }))).not.toThrow();
    expect(() => defineCatalog(defaults({ id: "a" }, { id: "b", addOn: true }))).not.toThrow();
    expect(() => defineCatalog(defaults({ id: "a" }, { id: "b", archived: true }))).not.toThrow();
    expect(() => defineCatalog(defaults({ id: "a" }, { id: "b", autoEnable: false }))).not.toThrow();
  });
});

describe("a bad item", () => {
  const prefix = 'plan "pro": item "messages": ';

  test.each([
    ["an amount that is none", { included: "5" }, 'included must be a number, got "5"'],
    [
      "an amount, though unlimited",
      { included: 5, unlimited: true },
      "either an included amount or unlimited, not both",
    ],
    [
      "entities of a feature that is used up",
      { entityFeatureId: "messages" },
      'entityFeatureId "messages" must be a feature that is held (consumable: false)',
    ],
    [
      "entities of a feature that does not exist",
      { entityFeatureId: "desks" },
      'entityFeatureId "desks" must be a feature that is held (consumable: false)',
    ],
    [
      "a reset of an unknown interval",
      { reset: { interval: "fortnight" } },
      'reset interval "fortnight" is unknown',
    ],
    [
      "a reset every zero months",
      { reset: { interval: "month", intervalCount: 0 } },
      "reset interval count must be a whole number from 1 to 1000, got 0",
    ],
    ["a price without an amount", { price: { interval: "month" } }, "a price needs an amount or tiers"],
    [
      "an amount and tiers",
      { price: { amount: 1, tiers: [{ to: "inf", amount: 1 }] } },
      "a price has either an amount or tiers, not both",
    ],
    ["a price below zero", { price: { amount: -1 } }, "price must not be negative, got -1"],
    [
      "a flat amount below zero",
      { price: { tiers: [{ to: "inf", amount: 1, flatAmount: -1 }] } },
      "flat amount must not be negative, got -1",
    ],
    [
      "tiers that go down",
      {
        price: {
          tiers: [
            { to: 100, amount: 1 },
            { to: 50, amount: 1 },
            { to: "inf", amount: 1 },
          ],
        },
      },
      "tiers must go up: tier 2 ends at 50, after 100",
    ],
    [
      "a tier within what is included",
      {
        included: 100,
        price: {
          tiers: [
            { to: 100, amount: 1 },
            { to: "inf", amount: 1 },
          ],
        },
      },
      "tiers must go up: tier 1 ends at 100, after 100",
    ],
    ["tiers that end", { price: { tiers: [{ to: 100, amount: 1 }] } }, 'the last tier must go to "inf"'],
    ["no billing units", { price: { amount: 1, billingUnits: 0 } }, "billing units must be above 0, got 0"],
    [
      "billing units that are no amount",
      { price: { amount: 1, billingUnits: Infinity } },
      "billing units must be above 0, got Infinity",
    ],
    [
      "a most below zero",
      { price: { amount: 1, maxPurchase: -1 } },
      "maxPurchase must be an amount of 0 or more, got -1",
    ],
    [
      "a most that is no amount",
      { price: { amount: 1, maxPurchase: NaN } },
      "maxPurchase must be an amount of 0 or more, got NaN",
    ],
    [
      "an unknown method of billing",
      { price: { amount: 1, billingMethod: "postpaid" } },
      'billingMethod must be prepaid or usage_based, got "postpaid"',
    ],
    [
      "an unknown behaviour of tiers",
      { price: { amount: 1, tierBehavior: "steep" } },
      'tierBehavior must be graduated or volume, got "steep"',
    ],
    [
      "a price of an unknown interval",
      { reset: { interval: "month" }, price: { amount: 1, interval: "fortnight" } },
      'price interval "fortnight" is unknown',
    ],
  ])("may have %s", (_, definition, problem) => {
    expect(problemsOfItem(definition)).toEqual([prefix + problem]);
  });

  test("may price a boolean feature, or roll it over", () => {
    const problem = 'plan "pro": item "sso": a boolean feature has no price and no rollover of its own';
    expect(problemsOfPlan({ items: [{ featureId: "sso", price: { amount: 1 } }] })).toEqual([problem]);
    expect(
      problemsOfPlan({ items: [{ featureId: "sso", reset: { interval: "month" }, rollover: {} }] }),
    ).toEqual([problem]);
  });

  test("may be an item of a feature that does not exist", () => {
    expect(problemsOfPlan({ items: [{ featureId: "mesages", included: 5 }] })).toEqual([
      'plan "pro": item "mesages": no such feature',
    ]);
  });
});

describe("a bad rollover", () => {
  const monthly = { interval: "month" };
  const problemsWith = (rollover: object, reset: object | null = monthly) =>
    problemsOfItem({ reset, rollover });
  const prefix = 'plan "pro": item "messages": ';

  test("may be that of an item that never resets", () => {
    expect(problemsWith({}, null)).toEqual([`${prefix}only an item that resets can roll over`]);
    expect(problemsWith({ expiryDurationLength: 0.5 }, null)).toEqual([
      `${prefix}only an item that resets can roll over`,
    ]);
  });

  test("may be that of an item that resets each minute", () => {
    expect(problemsWith({}, { interval: "minute" })).toEqual([
      `${prefix}an item that resets each minute cannot roll over`,
    ]);
  });

  test.each([
    [{ max: 5, maxPercentage: 5 }, "rollover: either max or maxPercentage, not both"],
    [{ max: -1 }, "rollover max must be an amount of 0 or more, got -1"],
    [{ max: NaN }, "rollover max must be an amount of 0 or more, got NaN"],
    [{ maxPercentage: 100.1 }, "rollover maxPercentage must be from 0 to 100, got 100.1"],
    [{ maxPercentage: -1 }, "rollover maxPercentage must be from 0 to 100, got -1"],
    [{ maxPercentage: NaN }, "rollover maxPercentage must be from 0 to 100, got NaN"],
    [{ expiryDurationLength: 0 }, "rollover must expire after a whole number of months, got 0"],
    [{ expiryDurationLength: 1.5 }, "rollover must expire after a whole number of months, got 1.5"],
  ])("may be %j", (rollover, problem) => {
    expect(problemsWith(rollover)).toEqual([prefix + problem]);
  });

  test("may hold more of itself than fit into a balance", () => {
    expect(() =>
      planned({
        items: [
          { featureId: "messages", reset: { interval: "month" }, rollover: { expiryDurationLength: 48 } },
        ],
      }),
    ).not.toThrow();
    expect(problemsWith({ expiryDurationLength: 49 })).toEqual([
      `${prefix}would hold more than 48 rollovers at once: let them expire sooner, or use "forever" with a max`,
    ]);
    expect(problemsWith({ expiryDurationLength: 2 }, { interval: "day" })).toHaveLength(1);
    expect(() =>
      planned({
        items: [{ featureId: "messages", reset: { interval: "day" }, rollover: { expiryDurationLength: 1 } }],
      }),
    ).not.toThrow();
  });

  test("is none that keeps all, or nothing, or all for ever", () => {
    for (const rollover of [
      { maxPercentage: 100 },
      { maxPercentage: 0 },
      { max: 0 },
      { expiryDurationType: "forever" } as const,
    ]) {
      expect(() =>
        planned({ items: [{ featureId: "messages", reset: { interval: "hour" }, rollover }] }),
      ).not.toThrow();
    }
  });
});
