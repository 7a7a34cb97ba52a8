/** Controls as they are written and stored; what they do is in `controls.ts`. */
import { v, type Infer } from "convex/values";

export const usageLimitValidator = v.object({
  /** Units (credits, of a credit system) that can be used in each interval. */
  max: v.number(),
  interval: v.union(v.literal("day"), v.literal("week"), v.literal("month"), v.literal("year")),
  /** Counted from the start of the plan's periods, or of the calendar's; the plan's, unless told. */
  anchor: v.optional(v.union(v.literal("billing_cycle"), v.literal("utc"))),
});
export type UsageLimit = Infer<typeof usageLimitValidator>;

/** The most overage, in units, or as a percentage of what the main plans include. */
const amountOrPercent = [v.number(), v.object({ percent: v.number() })] as const;
export const spendLimitValidator = v.union(...amountOrPercent);
export type SpendLimit = Infer<typeof spendLimitValidator>;

/** A customer's or entity's own controls of a feature. Each that is there hides those of the levels below. */
const ownControlsValidator = v.object({
  /** Without any: no limits, whatever the plan says. */
  usageLimits: v.optional(v.array(usageLimitValidator)),
  spendLimit: v.optional(v.union(...amountOrPercent, v.literal("none"))),
  /** Whether use may go beyond what is granted, whatever the plan says. */
  overageAllowed: v.optional(v.boolean()),
  /** The most that overage may cost in a period, in whole currency units: beside every other limit, and of a customer alone. */
  budget: v.optional(v.number()),
});
export type OwnControls = Infer<typeof ownControlsValidator>;

/** What changes of them; null takes a control away, so that the level below counts again, and absent leaves it. */
export const controlChangeValidator = v.object({
  usageLimits: v.optional(v.union(v.array(usageLimitValidator), v.null())),
  spendLimit: v.optional(v.union(...amountOrPercent, v.literal("none"), v.null())),
  overageAllowed: v.optional(v.union(v.boolean(), v.null())),
  budget: v.optional(v.union(v.number(), v.null())),
});
export type ControlChange = Infer<typeof controlChangeValidator>;

/** A plan's controls of a feature: those of whoever has the plan, where neither customer nor entity has his own. */
const planControlFields = {
  usageLimit: v.optional(usageLimitValidator),
  spendLimit: v.optional(spendLimitValidator),
  overageAllowed: v.optional(v.boolean()),
};
export const planControlValidator = v.object({ featureId: v.string(), ...planControlFields });
export type PlanControl = Infer<typeof planControlValidator>;

/** They begin and end with the subscription, at instants that are decided before, as its grants do. */
const heldControlValidator = v.object({
  source: v.string(),
  startsAt: v.optional(v.number()),
  expiresAt: v.optional(v.number()),
  ...planControlFields,
});
export type HeldControl = Infer<typeof heldControlValidator>;

/** Every control that a row has, in force or not: what is in force follows from it. */
export const controlsValidator = v.object({
  own: v.optional(ownControlsValidator),
  plans: v.optional(v.array(heldControlValidator)),
});
