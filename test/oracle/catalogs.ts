/** The catalog of a case's setup, made with the builders that apps use. */
import {
  defineCatalog,
  feature,
  item,
  plan,
  type Catalog,
  type FeatureDefinition,
  type ItemDefinition,
  type PlanDefinition,
} from "../../src/client/index.js";
import { FormatError } from "./parsing.js";
import { exact, nearest } from "../../src/core/amounts.js";
import type { Case, Operation, OperationOf } from "./cases.js";
import {
  entityFeatureOfItem,
  type FeatureSetup,
  type ItemSetup,
  type PlanSetup,
  type Setup,
} from "./setups.js";

/** What entities are of, where a case does not say. */
const SEATS = "seats";

/** `reversed`: the grants of each plan are created the other way round. */
export function catalogOf({ setup, ops }: Case, reversed: boolean): Catalog {
  const prices = pricesOf(setup, ops);
  const carries = setup.org?.persist_free_overage === true;
  const plans = (setup.plans ?? []).map((each) => {
    const items = each.items.map((one) => itemOf(one, carries));
    return planOf(each, reversed ? items.reverse() : items, prices.get(each.id));
  });
  return defineCatalog({ features: featuresOf(setup), plans });
}

/** Credits for the tokens of a model: each kind at its own cost for a million, with a markup in percent. */
export function tokenCatalog(operation: OperationOf<"token_cost">): Catalog {
  const marked = (amount: number) =>
    nearest(
      exact(amount)
        .times(exact(100).plus(operation.markup ?? 0))
        .div(100),
    );
  const costs = {
    input_tokens: marked(operation.input_per_m),
    output_tokens: marked(operation.output_per_m),
  };
  const bought = Object.entries(costs);
  const free = bought
    .filter(([, cost]) => cost === 0)
    .map(([featureId]) => item({ featureId, unlimited: true }));
  const creditSchema = bought
    .filter(([, cost]) => cost > 0)
    .map(([meteredFeatureId, creditAmount]) => ({
      meteredFeatureId,
      creditAmount,
      featureAmount: 1_000_000,
    }));
  return defineCatalog({
    features: [
      ...bought.map(([id]) => feature({ id, type: "metered" })),
      creditSchema.length === 0
        ? feature({ id: "credits", type: "metered" })
        : feature({ id: "credits", type: "credit_system", creditSchema }),
    ],
    plans: [plan({ id: "tokens", items: [...free, item({ featureId: "credits", included: 1_000_000 })] })],
  });
}

/** The feature that a case's entities are counted by. */
export function entityFeatureOf(setup: Setup): string {
  const named = (setup.plans ?? []).flatMap(({ items }) =>
    items.flatMap((each) => entityFeatureOfItem(each) ?? []),
  );
  return named[0] ?? SEATS;
}

/** Quantities of rows, as they are attached: by feature, with what is included among them. */
export function quantitiesOf(
  { plans = [] }: Setup,
  planId: string,
  quantities: Readonly<Record<string, number>>,
): Record<string, number> {
  const items = plans.find(({ id }) => id === planId)?.items ?? [];
  const bought = items.filter(({ row }) => Object.hasOwn(quantities, row));
  if (bought.length < Object.keys(quantities).length) throw new FormatError("quantities has no such row");
  return Object.fromEntries(
    bought.map(({ row, feature: id, included }) => [id, (included ?? 0) + (quantities[row] ?? 0)]),
  );
}

function featuresOf(setup: Setup): FeatureDefinition[] {
  const defined = Object.entries(setup.features ?? {}).map(([id, each]) => {
    if (each.type === "boolean") return feature({ id, type: "boolean" });
    if (each.type === "metered") {
      const consumable = each.usage !== "non_consumable";
      return feature({ id, type: "metered", consumable, eventNames: each.event_names ?? [] });
    }
    const creditSchema = Object.entries(costsOf(each)).map(([meteredFeatureId, cost]) =>
      typeof cost === "number"
        ? { meteredFeatureId, creditAmount: cost }
        : { meteredFeatureId, creditAmount: cost.credit_amount, featureAmount: cost.feature_amount ?? 1 },
    );
    return feature({ id, type: "credit_system", creditSchema });
  });
  return [...defined, ...impliedFeatures(setup)];
}

const costsOf = ({ schema, credit_schema }: FeatureSetup) => schema ?? credit_schema ?? {};

/** Cases leave out features that they name and do not use: what credits also buy, and what entities are. */
function impliedFeatures(setup: Setup): FeatureDefinition[] {
  const known = new Set(Object.keys(setup.features ?? {}));
  const bought = Object.values(setup.features ?? {}).flatMap((each) => Object.keys(costsOf(each)));
  const held = (setup.entities ?? []).length > 0 ? [entityFeatureOf(setup)] : [];
  const perEntity = (setup.plans ?? []).flatMap(({ items }) =>
    items.flatMap((each) => entityFeatureOfItem(each) ?? []),
  );
  const implied = [
    ...bought.map((id) => feature({ id, type: "metered" })),
    ...[...held, ...perEntity].map((id) => feature({ id, type: "metered", consumable: false })),
  ];
  return implied.filter(({ id }) => !known.has(id) && known.add(id));
}

/**
 * Cases leave out what plans cost. A plan that replaces another at once costs more: Autumn's own
 * tests price them so, and a cheaper plan would wait for the end of the period.
 */
function pricesOf(setup: Setup, ops: readonly Operation[]): Map<string, number> {
  const prices = new Map((setup.attach ?? []).map(({ plan: id }) => [id, 0]));
  for (const operation of ops) {
    if (operation.op !== "attach" || operation.replaces === undefined) continue;
    if (!prices.has(operation.plan)) {
      prices.set(operation.plan, (prices.get(operation.replaces) ?? 0) + 10);
    }
  }
  return prices;
}

function planOf({ id, add_on, group }: PlanSetup, items: ItemDefinition[], price = 0): PlanDefinition {
  return plan({
    id,
    ...(add_on !== undefined && { addOn: add_on }),
    ...(group !== undefined && { group }),
    ...(price > 0 && { price: { amount: price, interval: "month" } }),
    items,
  });
}

function itemOf(setup: ItemSetup, carries: boolean): ItemDefinition {
  const { feature: featureId, included, unlimited, interval } = setup;
  const entityFeatureId = entityFeatureOfItem(setup);
  const { interval_count: intervalCount, price, rollover } = setup;
  const recurs = interval !== null && interval !== "one_off";
  return item({
    featureId,
    ...(included !== null && { included }),
    ...(unlimited !== undefined && { unlimited }),
    ...(entityFeatureId !== undefined && { entityFeatureId }),
    ...(recurs && { reset: { interval, intervalCount } }),
    ...(carries && price === undefined && { carryOverage: true }),
    ...(price && {
      price: {
        amount: price.amount,
        tiers: price.tiers?.map(({ to, amount, flat_amount }) => ({ to, amount, flatAmount: flat_amount })),
        tierBehavior: price.behavior,
        billingMethod: price.method,
        billingUnits: price.units,
        maxPurchase: price.max_purchase,
        interval,
        ...(recurs && { intervalCount }),
      },
    }),
    ...(rollover && {
      rollover: {
        max: rollover.max,
        maxPercentage: rollover.pct,
        expiryDurationType: rollover.expiry,
        expiryDurationLength: rollover.length,
      },
    }),
  });
}
