/**
 * How features and plans are written in code: the builders of Autumn's `autumn.config.ts`, in its
 * current vocabulary (`feature, plan, item, billingControls`) and its older one (`feature, product, featureItem,
 * pricedFeatureItem, priceItem`). They may be mixed. Each returns what it was given; ids keep their
 * literal types, so that a misspelt one does not compile where it is used.
 */
import type { Interval } from "./periods.js";

/** An interval of a definition; no interval, and `"one_off"`, mean: never resets. */
export type DefinedInterval = Interval | "one_off" | null;

/** What one use of a metered feature costs in a credit system. */
export type CreditCost =
  | { meteredFeatureId: string; creditCost: number }
  /** `featureAmount` units (default 1) cost `creditAmount` credits. */
  | { meteredFeatureId: string; creditAmount: number; featureAmount?: number }
  | { metered_feature_id: string; credit_cost: number; feature_amount?: number };

interface DefinedFeature {
  id: string;
  name?: string;
  archived?: boolean;
  /** Event names that charge this feature. */
  eventNames?: readonly string[];
}

export type FeatureDefinition =
  /** On or off. */
  | (DefinedFeature & { type: "boolean" })
  /** Used up (messages, tokens), or held (`consumable: false`: seats, storage). */
  | (DefinedFeature & { type: "metered"; consumable?: boolean })
  | (DefinedFeature & { type: "single_use" | "continuous_use" })
  /** A pool of credits that metered features draw from. */
  | (DefinedFeature & {
      type: "credit_system";
      creditSchema?: readonly CreditCost[];
      credit_schema?: readonly CreditCost[];
    });

export interface DefinedTier {
  /** Up to and including this quantity, included amount and all; `"inf"` for the rest. */
  to: number | "inf";
  /** Price of each `billingUnits` in this tier. */
  amount: number;
  /** Added once when this tier is reached (volume pricing). */
  flatAmount?: number;
}

export interface DefinedRollover {
  max?: number | null;
  maxPercentage?: number | null;
  expiryDurationType?: "month" | "forever";
  expiryDurationLength?: number;
}

export interface ItemDefinition {
  featureId: string;
  included?: number;
  unlimited?: boolean;
  /** Each entity of this feature gets the item for itself. */
  entityFeatureId?: string;
  reset?: { interval: DefinedInterval; intervalCount?: number } | null;
  price?: {
    amount?: number;
    tiers?: readonly DefinedTier[];
    tierBehavior?: "graduated" | "volume";
    interval?: DefinedInterval;
    intervalCount?: number;
    billingUnits?: number;
    billingMethod?: "prepaid" | "usage_based";
    maxPurchase?: number | null;
  } | null;
  rollover?: DefinedRollover | null;
  /** Free overage is a debt that later amounts pay, instead of being forgotten at the reset. */
  carryOverage?: boolean;
  proration?: { onIncrease?: string; onDecrease?: string };
}

/** An item of the older vocabulary: a feature, a priced feature, or the product's own price. */
export interface ProductItemDefinition {
  feature_id?: string;
  included_usage?: number | "inf";
  interval?: DefinedInterval;
  interval_count?: number;
  reset_usage_when_enabled?: boolean;
  entity_feature_id?: string;
  price?: number;
  tiers?: readonly { to: number | "inf"; amount: number; flat_amount?: number }[];
  billing_units?: number;
  usage_model?: "prepaid" | "pay_per_use";
}

/** The feature that a control is about, in the spelling of code or of Autumn's config. */
type OfFeature = { featureId: string } | { feature_id: string };

/** At most so many units (credits, of a credit system) in each interval. */
export type UsageLimitDefinition = OfFeature & {
  enabled?: boolean;
  limit: number;
  interval: "day" | "week" | "month" | "year";
  /** Counted from the start of the plan's periods (unless told), or of the calendar's in UTC. */
  anchor?: "billing_cycle" | "utc";
};

/** The most overage: units, or a percentage of what the main plans include. */
export type SpendLimitDefinition = OfFeature &
  ({ overageLimit: number } | { overage_limit: number }) & {
    enabled: boolean;
    limitType?: "absolute" | "usage_percentage";
    limit_type?: "absolute" | "usage_percentage";
  };

/** Whether use may go beyond what is granted, whatever the items say. */
export type OverageAllowedDefinition = OfFeature & { enabled: boolean };

/**
 * What a plan says of features beside what it grants; at most one entry of each kind for a feature. A
 * customer's or entity's own controls come before it. Alerts, automatic top-ups, filters and unbilled
 * overage are not supported, and refused when the catalog is defined.
 */
export interface BillingControlsDefinition {
  usageLimits?: readonly UsageLimitDefinition[];
  usage_limits?: readonly UsageLimitDefinition[];
  spendLimits?: readonly SpendLimitDefinition[];
  spend_limits?: readonly SpendLimitDefinition[];
  overageAllowed?: readonly OverageAllowedDefinition[];
  overage_allowed?: readonly OverageAllowedDefinition[];
}

export interface PlanDefinition {
  id: string;
  name?: string;
  description?: string | null;
  /** Plans of one group replace each other; add-ons stack. */
  group?: string | null;
  addOn?: boolean;
  /** Every customer gets it with his first write. */
  autoEnable?: boolean;
  price?: { amount: number; interval?: DefinedInterval; intervalCount?: number } | null;
  items?: readonly (ItemDefinition | ProductItemDefinition)[];
  billingControls?: BillingControlsDefinition | null;
  freeTrial?: {
    durationLength: number;
    durationType: "day" | "month" | "year";
    cardRequired?: boolean;
    uniqueFingerprint?: boolean;
  } | null;
  /** An existing price at Stripe, of the same amount and interval; one is made of `price` unless told. */
  stripe?: { priceId: string } | null;
  archived?: boolean;
}

export interface ProductDefinition {
  id: string;
  name?: string;
  group?: string | null;
  is_add_on?: boolean;
  is_default?: boolean;
  items: readonly (ItemDefinition | ProductItemDefinition)[];
  billing_controls?: BillingControlsDefinition | null;
  free_trial?: {
    duration: "day" | "month" | "year";
    length: number;
    unique_fingerprint?: boolean;
    card_required?: boolean;
  } | null;
  stripe?: { priceId: string } | null;
  archived?: boolean;
}

export const feature = <const Definition extends FeatureDefinition>(definition: Definition): Definition =>
  definition;

export const plan = <const Definition extends PlanDefinition>(definition: Definition): Definition =>
  definition;

export const item = <const Definition extends ItemDefinition>(definition: Definition): Definition =>
  definition;

export const billingControls = <const Definition extends BillingControlsDefinition>(
  definition: Definition,
): Definition => definition;

/** A plan, in the older vocabulary. */
export const product = <const Definition extends ProductDefinition>(definition: Definition): Definition =>
  definition;

/** An amount of a feature; without `interval` it never resets, and `"inf"` is unlimited. */
export const featureItem = <
  const Definition extends Omit<
    ProductItemDefinition,
    "price" | "tiers" | "usage_model" | "billing_units"
  > & {
    feature_id: string;
  },
>(
  definition: Definition,
): Definition => definition;

/** A feature that is paid for by quantity: in advance (`prepaid`) or by use (`pay_per_use`). */
export const pricedFeatureItem = <const Definition extends ProductItemDefinition & { feature_id: string }>(
  definition: Definition,
): Definition => definition;

/** The price of the product itself, in whole currency units; without `interval`, paid once. */
export const priceItem = <
  const Definition extends Pick<ProductItemDefinition, "interval" | "interval_count"> & { price: number },
>(
  definition: Definition,
): Definition => definition;

/** Lists of definitions, or a module that exports them (`import * as config from "./autumn.config"`). */
export type Config =
  | {
      features: readonly FeatureDefinition[];
      plans?: readonly (PlanDefinition | ProductDefinition)[];
      products?: readonly (PlanDefinition | ProductDefinition)[];
    }
  | object;

/** The features that a config defines, as types. */
export type FeaturesOf<C> = C extends { features: readonly (infer F)[] }
  ? Extract<F, FeatureDefinition>
  : C extends { default: infer D }
    ? FeaturesOf<D>
    : Extract<C[keyof C], FeatureDefinition>;

type PlanLike = { id: string; items?: readonly unknown[] };

/** The plans that a config defines, as types. */
export type PlansOf<C> = C extends { features: readonly unknown[] }
  ? ListedPlans<C, "plans"> | ListedPlans<C, "products">
  : C extends { default: infer D }
    ? PlansOf<D>
    : Exclude<Extract<C[keyof C], PlanLike>, FeatureDefinition>;

type ListedPlans<C, Name extends string> =
  C extends Record<Name, readonly (infer P)[]> ? Extract<P, PlanLike> : never;
