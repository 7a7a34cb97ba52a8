/**
 * What a run's app sells, in the simulator's own words. The model reads them; the deployment gets
 * them as definitions of a catalog, and makes of them what it makes of everybody's.
 */
import { defineCatalog, type Catalog } from "../../src/client/index.js";
import type { Every } from "./model/calendar.js";

export interface Feature {
  id: string;
  kind: "boolean" | "consumable" | "held" | "credits";
  /** Names of events that charge it. */
  events?: string[];
  /** Of credits: `units` of the feature cost `credits`. */
  costs?: { feature: string; credits: number; units: number }[];
}

export interface Tier {
  to: number | "inf";
  amount: number;
  flat?: number;
}

export interface Price {
  method: "prepaid" | "usage_based";
  tiers: Tier[];
  behavior: "graduated" | "volume";
  packs: number;
  max?: number;
  /** How often it is paid, where that is not how often the item resets. */
  per?: Every;
}

export interface Rollover {
  max?: number;
  percent?: number;
  months?: number;
}

export interface Item {
  feature: string;
  included: number;
  unlimited?: true;
  every?: Every;
  /** Each entity of that feature gets it for itself. */
  entityFeature?: string;
  rollover?: Rollover;
  carries?: true;
  price?: Price;
}

export interface Plan {
  id: string;
  group: string;
  addOn?: true;
  isDefault?: true;
  price?: { amount: number; every?: Every };
  items: Item[];
}

export interface Terms {
  features: Feature[];
  plans: Plan[];
}

/** What can pay for a feature: itself, then each kind of credits that it costs. */
export interface Pool {
  feature: string;
  cost?: { credits: number; units: number };
}

export function poolsOf({ features }: Terms, feature: string): Pool[] {
  const credits = features.flatMap(({ id, costs = [] }) =>
    costs.filter((cost) => cost.feature === feature).map((cost) => ({ feature: id, cost })),
  );
  return [{ feature }, ...credits];
}

export function featureOf({ features }: Terms, id: string): Feature {
  const found = features.find((feature) => feature.id === id);
  if (found === undefined) throw new Error(`the run has no feature ${id}`);
  return found;
}

export function planOf({ plans }: Terms, id: string): Plan {
  const found = plans.find((plan) => plan.id === id);
  if (found === undefined) throw new Error(`the run has no plan ${id}`);
  return found;
}

export function catalogOf({ features, plans }: Terms): Catalog {
  return defineCatalog({ features: features.map(featureDefinition), plans: plans.map(planDefinition) });
}

function featureDefinition({ id, kind, events, costs }: Feature) {
  const named = events === undefined ? { id } : { id, eventNames: events };
  switch (kind) {
    case "boolean":
      return { ...named, type: "boolean" as const };
    case "consumable":
      return { ...named, type: "metered" as const };
    case "held":
      return { ...named, type: "metered" as const, consumable: false };
    case "credits":
      return {
        ...named,
        type: "credit_system" as const,
        creditSchema: (costs ?? []).map(({ feature, credits, units }) => ({
          meteredFeatureId: feature,
          creditAmount: credits,
          featureAmount: units,
        })),
      };
  }
}

function planDefinition({ id, group, addOn, isDefault, price, items }: Plan) {
  return {
    id,
    group,
    ...(addOn && { addOn }),
    ...(isDefault && { autoEnable: true }),
    ...(price && { price: { amount: price.amount, ...intervalOf(price.every) } }),
    items: items.map(itemDefinition),
  };
}

export function itemDefinition(item: Item) {
  const { feature, included, unlimited, every, entityFeature, rollover, carries, price } = item;
  return {
    featureId: feature,
    ...(unlimited ? { unlimited } : { included }),
    ...(every && { reset: intervalOf(every) }),
    ...(entityFeature !== undefined && { entityFeatureId: entityFeature }),
    ...(rollover && { rollover: rolloverDefinition(rollover) }),
    ...(carries && { carryOverage: true }),
    ...(price && {
      price: {
        tiers: price.tiers.map(({ to, amount, flat }) => ({
          to,
          amount,
          ...(flat !== undefined && { flatAmount: flat }),
        })),
        tierBehavior: price.behavior,
        billingUnits: price.packs,
        billingMethod: price.method,
        ...(price.max !== undefined && { maxPurchase: price.max }),
        ...intervalOf(price.per ?? every),
      },
    }),
  };
}

const intervalOf = (every: Every | undefined) =>
  every === undefined
    ? { interval: "one_off" as const }
    : { interval: every.interval, intervalCount: every.count };

const rolloverDefinition = ({ max, percent, months }: Rollover) => ({
  ...(max !== undefined && { max }),
  ...(percent !== undefined && { maxPercentage: percent }),
  ...(months === undefined
    ? { expiryDurationType: "forever" as const }
    : { expiryDurationType: "month" as const, expiryDurationLength: months }),
});
