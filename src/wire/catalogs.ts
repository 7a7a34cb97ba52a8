/** A catalog as `atmn` sends it, against the one in the app's code: through the vocabulary that reads both. */
import { z } from "zod";
import type { Catalog, Feature } from "../core/catalog.js";
import { shown } from "../core/errors.js";
import type { FeatureDefinition, ItemDefinition, PlanDefinition } from "../core/definitions.js";
import { INTERVALS } from "../core/periods.js";
import type { Plan } from "../core/terms.js";
import { featureOf, planOf } from "../core/vocabulary.js";
import { id, optional } from "./operations.js";

const interval = z.enum(["one_off", ...INTERVALS]);
const every = { interval: optional(interval), interval_count: optional(z.number()) };

export const pushedFeature = z.object({
  feature_id: id,
  name: optional(z.string()),
  type: z.string(),
  consumable: optional(z.boolean()),
  event_names: optional(z.array(z.string())),
  credit_schema: optional(z.array(z.object({ metered_feature_id: z.string(), credit_cost: z.number() }))),
  archived: optional(z.boolean()),
});
type PushedFeature = z.output<typeof pushedFeature>;

const pushedItem = z.object({
  feature_id: id,
  included: optional(z.number()),
  unlimited: optional(z.boolean()),
  entity_feature_id: optional(id),
  reset: optional(z.object(every)),
  price: optional(
    z.object({
      amount: optional(z.number()),
      tiers: optional(
        z.array(
          z.object({
            to: z.union([z.number(), z.literal("inf")]),
            amount: z.number(),
            flat_amount: optional(z.number()),
          }),
        ),
      ),
      tier_behavior: optional(z.enum(["graduated", "volume"])),
      ...every,
      billing_units: optional(z.number()),
      billing_method: optional(z.enum(["prepaid", "usage_based"])),
      max_purchase: optional(z.number()),
    }),
  ),
  rollover: optional(
    z.object({
      max: optional(z.number()),
      max_percentage: optional(z.number()),
      expiry_duration_type: optional(z.enum(["month", "forever"])),
      expiry_duration_length: optional(z.number()),
    }),
  ),
});

export const pushedPlan = z.object({
  plan_id: id,
  name: optional(z.string()),
  description: optional(z.string()),
  group: optional(z.string()),
  add_on: optional(z.boolean()),
  auto_enable: optional(z.boolean()),
  price: optional(z.object({ amount: z.number(), ...every })),
  items: optional(z.array(pushedItem)),
  free_trial: optional(
    z.object({
      duration_length: z.number(),
      duration_type: z.enum(["day", "month", "year"]),
      card_required: optional(z.boolean()),
    }),
  ),
  billing_controls: optional(z.record(z.string(), z.unknown())),
  archived: optional(z.boolean()),
});
type PushedPlan = z.output<typeof pushedPlan>;

/** How one thing of the catalog would be, were it as it is pushed. */
export interface Difference {
  id: string;
  /** `remove`: it is not in what is pushed. */
  action: "none" | "create" | "update" | "remove";
  /** What differs, in words. */
  details: string[];
}

export function featureDifferences(catalog: Catalog, pushed: readonly PushedFeature[]): Difference[] {
  const wanted = new Map(
    pushed.map((feature) => [feature.feature_id, comparableFeature(featureOf(definedFeature(feature)))]),
  );
  const known = new Map([...catalog.features].map(([key, feature]) => [key, comparableFeature(feature)]));
  return differences(known, wanted, "feature");
}

export function planDifferences(
  catalog: Catalog,
  pushed: readonly PushedPlan[],
  pushedFeatures: readonly PushedFeature[],
): Difference[] {
  const features = new Map(catalog.features);
  for (const each of pushedFeatures) features.set(each.feature_id, featureOf(definedFeature(each)));
  /** What the vocabulary knows, and Tally does not. */
  const problems = new Map<string, string[]>();
  const wanted = new Map(
    pushed.map((plan) => {
      const wrong: string[] = [];
      const normalized = comparablePlan(planOf(definedPlan(plan), features, wrong));
      if (wrong.length > 0) problems.set(plan.plan_id, wrong);
      return [plan.plan_id, normalized] as const;
    }),
  );
  const known = new Map([...catalog.plans].map(([key, plan]) => [key, comparablePlan(plan)]));
  return differences(known, wanted, "plan").map((difference) => {
    const wrong = problems.get(difference.id);
    if (wrong === undefined) return difference;
    const action = difference.action === "none" ? ("update" as const) : difference.action;
    return { ...difference, action, details: [...difference.details, ...wrong] };
  });
}

function definedFeature(pushed: PushedFeature): FeatureDefinition {
  const { feature_id, name, type, consumable, event_names: eventNames, credit_schema, archived } = pushed;
  return {
    id: feature_id,
    name,
    type,
    consumable,
    eventNames,
    credit_schema,
    archived,
  } as FeatureDefinition;
}

function definedPlan(pushed: PushedPlan): PlanDefinition & { items: ItemDefinition[] } {
  const { price, free_trial: trial, items = [] } = pushed;
  return {
    id: pushed.plan_id,
    ...(pushed.name !== undefined && { name: pushed.name }),
    description: pushed.description ?? null,
    group: pushed.group ?? null,
    addOn: pushed.add_on ?? false,
    autoEnable: pushed.auto_enable ?? false,
    price: price === undefined ? null : { amount: price.amount, ...definedEvery(price) },
    items: items.map((item) => ({
      featureId: item.feature_id,
      included: item.included ?? 0,
      unlimited: item.unlimited ?? false,
      ...(item.entity_feature_id !== undefined && { entityFeatureId: item.entity_feature_id }),
      reset: item.reset === undefined ? null : definedEvery(item.reset),
      price: item.price === undefined ? null : definedPrice(item.price),
      rollover:
        item.rollover === undefined
          ? null
          : {
              max: item.rollover.max ?? null,
              maxPercentage: item.rollover.max_percentage ?? null,
              ...(item.rollover.expiry_duration_type !== undefined && {
                expiryDurationType: item.rollover.expiry_duration_type,
              }),
              ...(item.rollover.expiry_duration_length !== undefined && {
                expiryDurationLength: item.rollover.expiry_duration_length,
              }),
            },
    })),
    freeTrial:
      trial === undefined
        ? null
        : {
            durationLength: trial.duration_length,
            durationType: trial.duration_type,
            cardRequired: trial.card_required ?? false,
          },
    ...(pushed.billing_controls !== undefined && { billingControls: pushed.billing_controls }),
    archived: pushed.archived ?? false,
  };
}

function definedPrice(
  price: NonNullable<z.output<typeof pushedItem>["price"]>,
): NonNullable<ItemDefinition["price"]> {
  const { amount, tiers, tier_behavior: tierBehavior, billing_units: billingUnits } = price;
  const { billing_method: billingMethod, max_purchase: maxPurchase } = price;
  return {
    ...(amount !== undefined && { amount }),
    ...(tiers !== undefined && {
      tiers: tiers.map(({ to, amount: each, flat_amount: flatAmount }) => ({
        to,
        amount: each,
        ...(flatAmount !== undefined && { flatAmount }),
      })),
    }),
    ...(tierBehavior !== undefined && { tierBehavior }),
    ...definedEvery(price),
    ...(billingUnits !== undefined && { billingUnits }),
    ...(billingMethod !== undefined && { billingMethod }),
    maxPurchase: maxPurchase ?? null,
  };
}

function definedEvery(given: { interval?: z.output<typeof interval>; interval_count?: number }) {
  const { interval: name = "one_off", interval_count: count } = given;
  return { interval: name, ...(count !== undefined && { intervalCount: count }) };
}

/** What a feature is, in one form: an order of lists, and what only a credit ratio says otherwise, are no differences. */
function comparableFeature({
  name,
  type,
  consumable,
  eventNames,
  creditSchema,
  archived,
}: Feature): Comparable {
  return {
    name,
    type,
    ...(type === "metered" && { consumable }),
    eventNames: [...eventNames].sort().join(", "),
    creditSchema: Object.fromEntries(
      creditSchema.map(({ featureId, creditAmount, featureAmount }) => [
        featureId,
        creditAmount / featureAmount,
      ]),
    ),
    archived,
  };
}

/** What a plan is, as far as a config of `atmn` can say it. */
function comparablePlan({ items, controls = [], trial, ...plan }: Plan): Comparable {
  const { name, description = "", group, addOn, autoEnable, price, archived } = plan;
  return {
    name,
    description,
    group,
    addOn,
    autoEnable,
    price: comparable(price),
    items: Object.fromEntries(
      items.map(({ carryOverage: _, ...item }) => [item.featureId, comparable(item)]),
    ),
    controls: Object.fromEntries(controls.map((control) => [control.featureId, comparable(control)])),
    trial:
      trial === undefined
        ? null
        : { length: trial.length, unit: trial.unit, cardRequired: trial.cardRequired },
    archived,
  };
}

type Comparable =
  { [field: string]: Comparable } | Comparable[] | string | number | boolean | null | undefined;

/** Validated terms are plain values already. */
const comparable = (terms: object | null): Comparable => terms as Comparable;

function differences(
  known: ReadonlyMap<string, Comparable>,
  wanted: ReadonlyMap<string, Comparable>,
  what: string,
): Difference[] {
  const ofWanted = [...wanted].map(([key, value]): Difference => {
    const about = `${what} ${shown(key)}`;
    if (!known.has(key)) {
      return {
        id: key,
        action: "create",
        details: [`${about} is in what is pushed, and not in the app's code`],
      };
    }
    const details = changed(known.get(key), value, "").map((each) => `${about}: ${each}`);
    return { id: key, action: details.length === 0 ? "none" : "update", details };
  });
  const removed = [...known.keys()]
    .filter((key) => !wanted.has(key))
    .map((key): Difference => {
      const about = `${what} ${shown(key)} is in the app's code, and not in what is pushed`;
      return { id: key, action: "remove", details: [about] };
    });
  return [...ofWanted, ...removed];
}

/** Where two values differ, each with its path. */
function changed(known: Comparable, wanted: Comparable, path: string): string[] {
  if (isRecord(known) && isRecord(wanted)) {
    const fields = new Set([...Object.keys(known), ...Object.keys(wanted)]);
    return [...fields].flatMap((field) =>
      changed(known[field], wanted[field], path === "" ? field : `${path}.${field}`),
    );
  }
  if (JSON.stringify(known ?? null) === JSON.stringify(wanted ?? null)) return [];
  return [`${path} is ${said(known)} in the app's code, ${said(wanted)} in what is pushed`];
}

const isRecord = (value: Comparable): value is { [field: string]: Comparable } =>
  typeof value === "object" && value !== null && !Array.isArray(value);

function said(value: Comparable): string {
  return value === undefined || value === null ? "nothing" : JSON.stringify(value).slice(0, 80);
}
