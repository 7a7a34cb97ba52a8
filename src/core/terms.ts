/** The terms of plans, as they are stored. Apart from the catalog, which functions load without them. */
import { v, type Infer } from "convex/values";
import { rolloverValidator } from "./balances.js";
import { planControlValidator } from "./controlTerms.js";
import { intervalValidator } from "./periods.js";
import { usagePriceValidator } from "./prices.js";

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
  /** Overage is a debt that the next period pays. */
  carryOverage: v.optional(v.boolean()),
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
  /** At most one of each feature. */
  controls: v.optional(v.array(planControlValidator)),
  trial: v.optional(
    v.object({
      length: v.number(),
      unit: v.union(v.literal("day"), v.literal("month"), v.literal("year")),
      cardRequired: v.boolean(),
      uniqueFingerprint: v.boolean(),
    }),
  ),
  /** The price at the provider that it is sold at, if not one that is made of `price`. */
  stripe: v.optional(v.object({ priceId: v.string() })),
  archived: v.boolean(),
});
export type Plan = Infer<typeof planValidator>;
