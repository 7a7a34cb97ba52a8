/** The features and plans of an app, normalized and checked once, when its module loads. */
import { v, type Infer } from "convex/values";
import type { Cost } from "./amounts.js";
import { rolloverValidator } from "./balances.js";
import type { Config, FeaturesOf, PlansOf } from "./definitions.js";
import { shown, tallyError } from "./errors.js";
import type { Pool } from "./order.js";
import { intervalValidator } from "./periods.js";
import { usagePriceValidator } from "./prices.js";
import { catalogProblems } from "./problems.js";
import { definitionsIn, featureOf, planOf } from "./vocabulary.js";

export interface Feature {
  id: string;
  name: string;
  type: "boolean" | "metered" | "credit_system";
  /** Used up, as against held (seats, storage). */
  consumable: boolean;
  eventNames: string[];
  /** Of a credit system: what each metered feature costs in it. */
  creditSchema: ({ featureId: string } & Cost)[];
  archived: boolean;
}

const everyFields = { interval: intervalValidator, count: v.number() };

export const itemValidator = v.object({
  featureId: v.string(),
  included: v.number(),
  /** Also every boolean item. */
  unlimited: v.boolean(),
  /** The feature is used up, not held. */
  consumable: v.boolean(),
  /** Null: never resets. */
  reset: v.union(v.object(everyFields), v.null()),
  entityFeatureId: v.optional(v.string()),
  rollover: v.optional(rolloverValidator),
  price: v.optional(
    v.object({
      ...usagePriceValidator.fields,
      billingMethod: v.union(v.literal("prepaid"), v.literal("usage_based")),
      maxPurchase: v.optional(v.number()),
      every: v.union(v.object(everyFields), v.null()),
    }),
  ),
});
export type Item = Infer<typeof itemValidator>;

/** The terms of a plan: what a customer who has it keeps, whatever the catalog says later. */
export const planValidator = v.object({
  id: v.string(),
  name: v.string(),
  description: v.optional(v.string()),
  /** Plans of one group replace each other. */
  group: v.string(),
  addOn: v.boolean(),
  autoEnable: v.boolean(),
  /** In whole currency units; `every: null` is paid once. */
  price: v.union(v.object({ amount: v.number(), every: v.union(v.object(everyFields), v.null()) }), v.null()),
  items: v.array(itemValidator),
  trial: v.optional(
    v.object({
      length: v.number(),
      unit: v.union(v.literal("day"), v.literal("month"), v.literal("year")),
      cardRequired: v.boolean(),
      uniqueFingerprint: v.boolean(),
    }),
  ),
  archived: v.boolean(),
});
export type Plan = Infer<typeof planValidator>;

/** Only carries types: what the ids of a catalog are. */
export interface CatalogIds {
  /** Every feature. */
  feature: string;
  /** The features that can be used by amounts. */
  metered: string;
  plan: string;
}

interface IdsOf<C> extends CatalogIds {
  feature: FeaturesOf<C>["id"];
  metered: Exclude<FeaturesOf<C>, { type: "boolean" }>["id"];
  plan: PlansOf<C>["id"];
}

export class Catalog<Ids extends CatalogIds = CatalogIds> {
  /** Never set. */
  declare readonly ids: Ids;
  private readonly poolsByFeature = new Map<string, Pool[]>();

  constructor(
    readonly features: ReadonlyMap<string, Feature>,
    readonly plans: ReadonlyMap<string, Plan>,
  ) {
    const perEntity = new Set<string>();
    for (const plan of plans.values()) {
      for (const item of plan.items) if (item.entityFeatureId !== undefined) perEntity.add(item.featureId);
    }
    const pool = (featureId: string, cost?: Cost): Pool => ({
      featureId,
      ...(cost !== undefined && { cost }),
      ...(perEntity.has(featureId) && { perEntity: true }),
    });
    for (const id of features.keys()) this.poolsByFeature.set(id, [pool(id)]);
    for (const system of features.values()) {
      for (const { featureId, creditAmount, featureAmount } of system.creditSchema) {
        this.poolsByFeature.get(featureId)?.push(pool(system.id, { creditAmount, featureAmount }));
      }
    }
  }

  /** Throws `feature_not_found`. */
  feature(featureId: string): Feature {
    const feature = this.features.get(featureId);
    if (feature !== undefined) return feature;
    throw tallyError(
      "feature_not_found",
      `No feature ${shown(featureId)} is in the catalog; it has ${listed(this.features)}.`,
    );
  }

  /** Throws `plan_not_found`. */
  plan(planId: string): Plan {
    const plan = this.plans.get(planId);
    if (plan !== undefined) return plan;
    throw tallyError(
      "plan_not_found",
      `No plan ${shown(planId)} is in the catalog; it has ${listed(this.plans)}.`,
    );
  }

  /** What can pay for a feature: itself at 1, then each credit system that holds it at its cost. */
  pools(featureId: string): Pool[] {
    return this.poolsByFeature.get(this.feature(featureId).id) ?? [];
  }

  /** The plans that every customer starts with. */
  defaultPlans(): Plan[] {
    return [...this.plans.values()].filter((plan) => plan.autoEnable && !plan.archived);
  }

  /** The default plans with only those items that `features` are paid from. */
  defaultsFor(features: readonly string[]): Plan[] {
    return this.defaultPlans().flatMap((plan) => {
      const items = plan.items.filter(({ featureId }) => features.includes(featureId));
      return items.length === 0 ? [] : [{ ...plan, items }];
    });
  }
}

/**
 * The catalog of a config: `{ features, plans }`, or a module of named exports in the manner of
 * `autumn.config.ts`. Throws `invalid_argument` with every problem of the config listed.
 */
export function defineCatalog<const C extends Config>(config: C): Catalog<IdsOf<C>> {
  const problems: string[] = [];
  const definitions = definitionsIn(config, problems);
  const features = definitions.features.map(featureOf);
  const byId = new Map(features.map((feature) => [feature.id, feature]));
  const plans = definitions.plans.map((definition) => planOf(definition, byId, problems));
  problems.push(...catalogProblems(features, plans));
  if (problems.length > 0) {
    throw tallyError(
      "invalid_argument",
      `The catalog has ${problems.length} problem${problems.length === 1 ? "" : "s"}:\n${problems.map((problem) => `  - ${problem}`).join("\n")}`,
      { problems },
    );
  }
  return new Catalog<IdsOf<C>>(byId, new Map(plans.map((plan) => [plan.id, plan])));
}

function listed(known: ReadonlyMap<string, unknown>): string {
  const ids = [...known.keys()];
  const first = ids.slice(0, 10).map((id) => `"${id}"`);
  return ids.length === 0 ? "none" : first.join(", ") + (ids.length > 10 ? " and others" : "");
}
