/** A plan as each generation of clients reads it: the catalog's, or the terms that a customer has bought. */
import type { Catalog } from "../../core/catalog.js";
import type { PlanControl } from "../../core/controlTerms.js";
import type { Item, Plan } from "../../core/terms.js";
import { isTopUp } from "../../core/topUps.js";
import type { Call, Json } from "../operations.js";
import { priceOf } from "./balances.js";
import { legacyFeature, legacyType } from "./features.js";

/** What a plan is to the customer who asks. */
export interface Eligibility {
  /** Autumn 1.2's word for it. */
  scenario: "new" | "active" | "scheduled" | "renew" | "upgrade" | "downgrade";
  status: "active" | "scheduled" | null;
  canceling: boolean;
  trialing: boolean;
  trialAvailable: boolean;
}

/** Where what is shown comes from. */
export type Shop = Pick<Call, "env" | "payments"> & { tally: { catalog: Catalog } };

/** Autumn's `Plan`, of 2.1 and later. A catalog of code has no versions to name and no days of creation. */
export function currentPlan(plan: Plan, shop: Shop, eligibility?: Eligibility): Record<string, Json> {
  const { id, name, description = null, group, addOn, autoEnable, price, items, trial, archived } = plan;
  return {
    id,
    name,
    description,
    group: group === "" ? null : group,
    version: 1,
    version_slug: null,
    active: !archived,
    add_on: addOn,
    auto_enable: autoEnable,
    price:
      price === null
        ? null
        : {
            amount: price.amount,
            ...currentEvery(price.every),
            display: displayOfPrice(price, shop),
          },
    items: items.map((item) => currentItem(item, shop)),
    free_trial:
      trial === undefined
        ? null
        : {
            duration_length: trial.length,
            duration_type: trial.unit,
            card_required: trial.cardRequired,
            on_end: null,
          },
    billing_controls: plan.controls === undefined ? null : planControls(plan.controls),
    customer_eligibility: eligibility === undefined ? null : currentEligibility(plan, eligibility),
    created_at: 0,
    env: shop.env,
    archived,
    config: { ignore_past_due: false },
    metadata: {},
    processors: null,
    base_variant_id: null,
    variant_details: null,
    licenses: [],
    variants: [],
  };
}

function currentEligibility(plan: Plan, eligibility: Eligibility): Json {
  const { scenario, status, canceling, trialing, trialAvailable } = eligibility;
  const isKept = scenario === "active" || scenario === "scheduled";
  const begins = isTopUp(plan) ? "purchase" : "activate";
  return {
    attach_action: scenario === "upgrade" || scenario === "downgrade" ? scenario : isKept ? "none" : begins,
    scenario,
    status,
    canceling,
    trialing,
    trial_available: trialAvailable,
  };
}

function currentItem(item: Item, shop: Shop): Json {
  const { featureId, included, unlimited, consumable, reset, price, rollover, entityFeatureId } = item;
  const feature = shop.tally.catalog.features.get(featureId);
  return {
    feature_id: featureId,
    feature: feature === undefined ? null : legacyFeature(feature),
    included,
    unlimited: unlimited && feature?.type !== "boolean",
    pooled: false,
    entity_feature_id: entityFeatureId ?? null,
    // What is used up and never comes anew says so: `atmn` takes a null for something forgotten.
    reset: reset === null && (!consumable || unlimited || price !== undefined) ? null : currentEvery(reset),
    price: price === undefined ? null : { ...priceOf(price), ...currentEvery(price.every) },
    display: displayOfItem(item, shop),
    rollover:
      rollover === undefined
        ? null
        : {
            max: rollover.max ?? null,
            max_percentage: rollover.percent ?? null,
            expiry_duration_type: rollover.months === undefined ? "forever" : "month",
            expiry_duration_length: rollover.months ?? null,
          },
    expiry: null,
    feature_override: null,
  };
}

/** In the words of `controlsOf`, which reads them. */
function planControls(controls: readonly PlanControl[]): Json {
  return {
    auto_topups: [],
    usage_alerts: [],
    usage_limits: controls.flatMap(({ featureId, usageLimit: limit }) =>
      limit === undefined ? [] : [usageLimit(featureId, limit)],
    ),
    spend_limits: controls.flatMap(({ featureId, spendLimit: limit }) =>
      limit === undefined ? [] : [spendLimit(featureId, limit)],
    ),
    overage_allowed: controls.flatMap(({ featureId, overageAllowed: enabled }) =>
      enabled === undefined ? [] : [{ feature_id: featureId, enabled }],
    ),
  };
}

export function usageLimit(
  featureId: string,
  { max, interval, anchor }: NonNullable<PlanControl["usageLimit"]>,
): Record<string, Json> {
  return {
    feature_id: featureId,
    enabled: true,
    limit: max,
    interval,
    ...(anchor !== undefined && { anchor }),
  };
}

export function spendLimit(
  featureId: string,
  limit: NonNullable<PlanControl["spendLimit"]>,
): Record<string, Json> {
  const [type, amount] =
    typeof limit === "number"
      ? (["absolute", limit] as const)
      : (["usage_percentage", limit.percent] as const);
  return { feature_id: featureId, enabled: true, limit_type: type, overage_limit: amount };
}

/** Autumn 1.2's `Product`. */
export function legacyProduct(plan: Plan, shop: Shop, eligibility?: Eligibility): Record<string, Json> {
  const { id, name, group, addOn, autoEnable, archived, trial, price, items } = plan;
  const isFree = price === null && items.every((item) => item.price === undefined);
  const every = price?.every ?? items.find((item) => item.price !== undefined)?.price?.every;
  return {
    id,
    name,
    group: group === "" ? null : group,
    env: shop.env,
    is_add_on: addOn,
    is_default: autoEnable,
    archived,
    version: 1,
    created_at: 0,
    items: legacyItems(plan, shop),
    free_trial:
      trial === undefined
        ? null
        : {
            duration: trial.unit,
            length: trial.length,
            unique_fingerprint: trial.uniqueFingerprint,
            card_required: trial.cardRequired,
            trial_available: eligibility?.trialAvailable ?? true,
          },
    base_variant_id: null,
    ...(eligibility !== undefined && { scenario: eligibility.scenario }),
    properties: {
      is_free: isFree,
      is_one_off: isTopUp(plan),
      interval_group: every?.interval ?? null,
      has_trial: trial !== undefined,
      updateable: items.some((item) => item.price?.billingMethod === "prepaid"),
    },
  };
}

/** Autumn 1.2's items: the plan's own price first, as an item among the others. */
export function legacyItems({ price, items }: Plan, shop: Shop): Json[] {
  const own: Json[] =
    price === null
      ? []
      : [
          {
            type: "price",
            feature_id: null,
            ...legacyEvery(price.every),
            price: price.amount,
            display: displayOfPrice(price, shop),
          },
        ];
  return [...own, ...items.map((item) => legacyItem(item, shop))];
}

function legacyItem(item: Item, shop: Shop): Json {
  const { featureId, included, unlimited, consumable, reset, price, rollover, entityFeatureId } = item;
  const feature = shop.tally.catalog.features.get(featureId);
  const [only] = price?.tiers ?? [];
  const isFlat = price?.tiers.length === 1 && only !== undefined && only.flatAmount === undefined;
  const isBoolean = feature?.type === "boolean";
  return {
    type: price === undefined ? "feature" : "priced_feature",
    feature_id: featureId,
    feature_type: feature === undefined ? null : isBoolean ? "static" : legacyType(feature),
    feature: feature === undefined ? null : legacyFeature(feature),
    included_usage: isBoolean ? null : unlimited ? "inf" : included,
    ...legacyEvery(reset ?? price?.every ?? null),
    price: isFlat ? only.amount : null,
    tiers:
      price === undefined || isFlat
        ? null
        : price.tiers.map(({ to, amount, flatAmount }) => ({
            to,
            amount,
            ...(flatAmount !== undefined && { flat_amount: flatAmount }),
          })),
    usage_model: price === undefined ? null : price.billingMethod === "prepaid" ? "prepaid" : "pay_per_use",
    billing_units: price?.billingUnits ?? null,
    ...(price?.maxPurchase !== undefined && { usage_limit: price.maxPurchase + included }),
    reset_usage_when_enabled: consumable,
    entity_feature_id: entityFeatureId ?? null,
    display: displayOfItem(item, shop),
    config:
      rollover === undefined
        ? null
        : {
            rollover: {
              max: rollover.max ?? null,
              duration: rollover.months === undefined ? "forever" : "month",
              length: rollover.months ?? null,
            },
          },
  };
}

type Every = NonNullable<Plan["price"]>["every"];

function currentEvery(every: Every): { interval: string; interval_count: number } {
  return every === null
    ? { interval: "one_off", interval_count: 1 }
    : { interval: every.interval, interval_count: every.count };
}

function legacyEvery(every: Every): { interval: string | null; interval_count: number | null } {
  return { interval: every?.interval ?? null, interval_count: every?.count ?? null };
}

function displayOfPrice({ amount, every }: NonNullable<Plan["price"]>, shop: Shop): Json {
  return { primary_text: money(amount, shop), secondary_text: perOf(every) };
}

function displayOfItem({ featureId, included, unlimited, price }: Item, shop: Shop): Json {
  const feature = shop.tally.catalog.features.get(featureId);
  const name = feature?.name ?? featureId;
  if (feature?.type === "boolean") return { primary_text: name, secondary_text: null };
  if (unlimited) return { primary_text: `Unlimited ${name}`, secondary_text: null };
  const amount = `${counted(included)} ${name}`;
  if (price === undefined) return { primary_text: amount, secondary_text: null };
  const [first] = price.tiers;
  const per = price.billingUnits === 1 ? name : `${counted(price.billingUnits)} ${name}`;
  const from = price.tiers.length > 1 ? "from " : "";
  const cost = `${from}${money(first?.amount ?? 0, shop)} per ${per}`;
  return included === 0
    ? { primary_text: cost, secondary_text: perOf(price.every) }
    : { primary_text: amount, secondary_text: `then ${cost}` };
}

/** "per month", "per 3 months"; null of what is paid once. */
function perOf(every: Every): string | null {
  if (every === null) return null;
  const unit = every.interval.replace("semi_annual", "half-year");
  return every.count === 1 ? `per ${unit}` : `per ${every.count} ${unit}s`;
}

function money(amount: number, { payments }: Shop): string {
  const currency = payments?.currency ?? "usd";
  return currency === "usd" ? `$${counted(amount)}` : `${counted(amount)} ${currency.toUpperCase()}`;
}

/** With commas between thousands. */
function counted(amount: number): string {
  const [whole = "", fraction] = String(amount).split(".");
  const grouped = whole.replace(/\B(?=(\d{3})+$)/g, ",");
  return fraction === undefined ? grouped : `${grouped}.${fraction}`;
}
