/** What a customer of a case has at the start: features, plans, grants and controls. */
import { v, type Infer } from "convex/values";

export const text = v.string();
export const amount = v.number();
export const entity = v.optional(text);

export const intervalValidator = v.union(
  v.literal("minute"),
  v.literal("hour"),
  v.literal("day"),
  v.literal("week"),
  v.literal("month"),
  v.literal("quarter"),
  v.literal("semi_annual"),
  v.literal("year"),
  v.literal("one_off"),
  v.null(),
);

const schemaValidator = v.record(
  text,
  v.union(amount, v.object({ credit_amount: amount, feature_amount: v.optional(amount) })),
);

const featureValidator = v.object({
  type: v.union(v.literal("boolean"), v.literal("metered"), v.literal("credit_system")),
  usage: v.optional(v.union(v.literal("consumable"), v.literal("non_consumable"))),
  event_names: v.optional(v.array(text)),
  /** Of a credit system: what one unit of each metered feature costs, or so many of them together. */
  schema: v.optional(schemaValidator),
  credit_schema: v.optional(schemaValidator),
});

export type FeatureSetup = Infer<typeof featureValidator>;

export const tierValidator = v.object({
  to: v.union(amount, v.literal("inf")),
  amount,
  flat_amount: v.optional(amount),
});

const itemValidator = v.object({
  /** A short name for the grant: by it, expectations name it. */
  row: text,
  feature: text,
  included: v.union(amount, v.null()),
  unlimited: v.optional(v.boolean()),
  interval: intervalValidator,
  interval_count: v.optional(amount),
  price: v.optional(
    v.object({
      method: v.union(v.literal("prepaid"), v.literal("usage_based")),
      amount: v.optional(amount),
      tiers: v.optional(v.array(tierValidator)),
      behavior: v.optional(v.union(v.literal("graduated"), v.literal("volume"))),
      units: v.optional(amount),
      max_purchase: v.optional(amount),
    }),
  ),
  /** Each entity of this feature gets the item for itself. */
  per: v.optional(text),
  per_entity: v.optional(text),
  rollover: v.optional(
    v.object({
      max: v.optional(v.union(amount, v.null())),
      pct: v.optional(amount),
      expiry: v.union(v.literal("month"), v.literal("forever")),
      length: v.optional(amount),
    }),
  ),
});
export type ItemSetup = Infer<typeof itemValidator>;

/** The feature whose entities each get an item for themselves. */
export const entityFeatureOfItem = ({ per, per_entity }: ItemSetup): string | undefined => per ?? per_entity;

const planValidator = v.object({
  id: text,
  items: v.array(itemValidator),
  add_on: v.optional(v.boolean()),
  group: v.optional(text),
});
export type PlanSetup = Infer<typeof planValidator>;

/** `quantities`: units bought in advance, beyond what is included, by row. */
export const attachment = { plan: text, entity, quantities: v.optional(v.record(text, amount)) };
const attachmentValidator = v.object(attachment);
export type Attachment = Infer<typeof attachmentValidator>;

/** A grant outside of plans. */
export const loose = {
  row: v.optional(text),
  feature: text,
  /** Null: without limit, or only had. */
  included: v.union(amount, v.null()),
  unlimited: v.optional(v.boolean()),
  interval: intervalValidator,
  interval_count: v.optional(amount),
  expires_at: v.optional(text),
  entity,
};
const looseValidator = v.object(loose);
export type Loose = Infer<typeof looseValidator>;

export const controlsValidator = v.object({
  overage_allowed: v.optional(v.array(v.object({ feature: text, enabled: v.boolean() }))),
  spend_limits: v.optional(
    v.array(
      v.object({
        feature: text,
        overage_limit: amount,
        enabled: v.boolean(),
        limit_type: v.optional(v.union(v.literal("absolute"), v.literal("usage_percentage"))),
      }),
    ),
  ),
  usage_limits: v.optional(
    v.array(
      v.object({
        feature: text,
        limit: amount,
        interval: v.union(v.literal("day"), v.literal("week"), v.literal("month"), v.literal("year")),
        anchor: v.optional(v.union(v.literal("billing_cycle"), v.literal("utc"))),
        enabled: v.optional(v.boolean()),
        filter: v.optional(v.object({ properties: v.record(text, v.union(text, amount, v.boolean())) })),
      }),
    ),
  ),
  usage_alerts: v.optional(
    v.array(
      v.object({
        feature: v.optional(text),
        threshold: amount,
        threshold_type: text,
        name: v.optional(text),
        enabled: v.optional(v.boolean()),
      }),
    ),
  ),
  auto_topups: v.optional(
    v.array(
      v.object({
        feature: text,
        enabled: v.boolean(),
        threshold: amount,
        quantity: amount,
        purchase_limit: v.optional(v.object({ interval: text, limit: amount })),
      }),
    ),
  ),
});
export type Controls = Infer<typeof controlsValidator>;

export const setupValidator = v.object({
  features: v.optional(v.record(text, featureValidator)),
  plans: v.optional(v.array(planValidator)),
  attach: v.optional(v.array(attachmentValidator)),
  entities: v.optional(v.array(text)),
  loose: v.optional(v.array(looseValidator)),
  controls: v.optional(controlsValidator),
  org: v.optional(
    v.object({
      persist_free_overage: v.optional(v.boolean()),
      reverse_deduction_order: v.optional(v.boolean()),
    }),
  ),
});
export type Setup = Infer<typeof setupValidator>;
