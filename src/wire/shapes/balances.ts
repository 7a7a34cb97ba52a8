/** A balance as each generation of clients reads it: one pool's, in its own unit. */
import { exact, nearest, total } from "../../core/amounts.js";
import type { Summary } from "../../core/answers.js";
import type { Catalog } from "../../core/catalog.js";
import type { UsagePrice } from "../../core/prices.js";
import type { Item } from "../../core/terms.js";
import { WireError } from "../failures.js";
import type { Json } from "../operations.js";
import { currentFeature, legacyCosts, legacyType } from "./features.js";

export type Part = Summary["breakdown"][number];

/** What one pool has, in its own unit. */
export interface PoolBalance {
  featureId: string;
  parts: readonly Part[];
  overageAllowed: boolean;
}

/** The pools of which an answer tells, those that pay first first. A pool that only a boolean grant fills is a flag. */
export function poolsOf({ breakdown, overageAllowed }: Summary): PoolBalance[] {
  const ids = [...new Set(breakdown.map(({ featureId }) => featureId))];
  return ids.map((featureId) => ({
    featureId,
    parts: breakdown.filter((part) => part.featureId === featureId),
    overageAllowed,
  }));
}

/** Autumn's `Balance`, of 2.1 and later. */
export function currentBalance(balance: PoolBalance, catalog: Catalog): Record<string, Json> {
  const { featureId, parts, overageAllowed } = balance;
  const feature = catalog.features.get(featureId);
  return {
    feature_id: featureId,
    feature: feature === undefined ? null : currentFeature(feature),
    ...amountsOf(parts),
    overage_allowed: overageAllowed,
    max_purchase: maxPurchaseOf(parts, catalog),
    next_reset_at: nextResetOf(parts),
    breakdown: parts.filter(({ rollover }) => rollover !== true).map((part) => currentPart(part, catalog)),
    rollovers: rolloversOf(parts),
  };
}

/** A boolean feature that somebody has. */
export function currentFlag(
  featureId: string,
  parts: readonly Part[],
  catalog: Catalog,
): Record<string, Json> {
  const [part] = parts;
  const feature = catalog.features.get(featureId);
  return {
    id: part?.grantId ?? featureId,
    plan_id: part?.planId ?? null,
    expires_at: part?.expiresAt ?? null,
    feature_id: featureId,
    feature: feature === undefined ? null : currentFeature(feature),
  };
}

/** What Autumn 1.2 tells of a feature, in a check and in a customer's features. Nothing is counted where nothing ends. */
export function legacyBalance(balance: PoolBalance, catalog: Catalog): Record<string, Json> {
  const { featureId, parts, overageAllowed } = balance;
  const feature = catalog.features.get(featureId);
  const { granted, remaining, usage, unlimited } = amountsOf(parts);
  const counted = !unlimited && feature?.type !== "boolean";
  const maxPurchase = maxPurchaseOf(parts, catalog);
  const owed = nearest(total(parts.map(({ overage }) => exact(overage))));
  const intervals = [...new Set(parts.map(intervalOf))];
  const [interval] = intervals;
  return {
    interval: intervals.length > 1 ? "multiple" : (interval ?? null),
    interval_count: counted ? (parts.find(({ intervalCount }) => intervalCount)?.intervalCount ?? 1) : null,
    unlimited,
    balance: counted ? nearest(exact(remaining).minus(exact(owed))) : 0,
    usage: counted ? usage : 0,
    included_usage: counted ? granted : 0,
    next_reset_at: nextResetOf(parts),
    overage_allowed: overageAllowed && maxPurchase === null,
    ...(maxPurchase !== null && { usage_limit: nearest(exact(granted).plus(exact(maxPurchase))) }),
    breakdown: parts.map((part) => ({
      interval: intervalOf(part),
      interval_count: part.intervalCount ?? 1,
      balance: nearest(exact(part.remaining).minus(exact(part.overage))),
      usage: part.usage,
      included_usage: part.granted,
      next_reset_at: part.nextResetAt ?? null,
      overage_allowed: overageAllowed,
    })),
    rollovers: rolloversOf(parts),
    ...(feature?.type === "credit_system" && { credit_schema: legacyCosts(feature.creditSchema) }),
  };
}

/** A feature in the `features` of a 1.2 customer. */
export function legacyCustomerFeature(balance: PoolBalance, catalog: Catalog): Record<string, Json> {
  const feature = catalog.features.get(balance.featureId);
  if (feature === undefined) throw new WireError(404, "feature_not_found", "The catalog lists it no more.");
  const type =
    feature.type === "boolean"
      ? "static"
      : feature.type === "credit_system"
        ? "single_use"
        : legacyType(feature);
  return { id: feature.id, type, name: feature.name, ...legacyBalance(balance, catalog) };
}

function amountsOf(parts: readonly Part[]) {
  const unlimited = parts.some((part) => part.unlimited);
  const sum = (of: (part: Part) => number, from = parts) =>
    nearest(total(from.map((part) => exact(of(part)))));
  return {
    granted: unlimited ? 0 : sum(({ granted }) => granted),
    remaining: unlimited ? 0 : sum(({ remaining }) => remaining),
    usage: sum(({ usage }) => usage, unlimited ? parts.filter((part) => part.unlimited) : parts),
    unlimited,
  };
}

function currentPart(part: Part, catalog: Catalog): Json {
  const item = itemOf(part, catalog);
  const included =
    item?.price?.billingMethod === "prepaid" ? Math.min(item.included, part.granted) : part.granted;
  return {
    id: part.grantId,
    plan_id: part.planId ?? null,
    included_grant: included,
    prepaid_grant: nearest(exact(part.granted).minus(exact(included))),
    remaining: part.remaining,
    usage: part.usage,
    unlimited: part.unlimited,
    reset: resetOf(part),
    price: item?.price === undefined ? null : priceOf(item.price),
    expires_at: part.expiresAt ?? null,
  };
}

/** When it comes anew: of Autumn's `one_off` where it does not. */
export function resetOf({ interval, intervalCount, nextResetAt }: Part): Json {
  if (interval === undefined) return null;
  return { interval, interval_count: intervalCount ?? 1, resets_at: nextResetAt ?? null };
}

/** Tiers are left out, and not null, where there are none: older clients refuse a null. */
export function priceOf(price: NonNullable<Item["price"]>): Record<string, Json> {
  const { billingMethod, maxPurchase, billingUnits } = price;
  const [only] = price.tiers;
  return {
    ...(only !== undefined && price.tiers.length === 1 && only.flatAmount === undefined
      ? { amount: only.amount }
      : { tiers: price.tiers.map(tierOf), tier_behavior: price.tierBehavior }),
    billing_units: billingUnits,
    billing_method: billingMethod,
    max_purchase: maxPurchase ?? null,
  };
}

function tierOf({ to, amount, flatAmount }: UsagePrice["tiers"][number]): Record<string, Json> {
  return { to, amount, ...(flatAmount !== undefined && { flat_amount: flatAmount }) };
}

function itemOf({ planId, featureId }: Part, catalog: Catalog): Item | undefined {
  if (planId === undefined) return undefined;
  return catalog.plans.get(planId)?.items.find((item) => item.featureId === featureId);
}

function maxPurchaseOf(parts: readonly Part[], catalog: Catalog): number | null {
  const caps = parts.flatMap((part) => itemOf(part, catalog)?.price?.maxPurchase ?? []);
  return caps.length === 0 ? null : nearest(total(caps.map(exact)));
}

function nextResetOf(parts: readonly Part[]): number | null {
  const resets = parts.flatMap(({ nextResetAt }) => nextResetAt ?? []);
  return resets.length === 0 ? null : Math.min(...resets);
}

function rolloversOf(parts: readonly Part[]): Json {
  return parts
    .filter(({ rollover }) => rollover === true)
    .map(({ granted, remaining, expiresAt }) => ({
      granted,
      balance: remaining,
      expires_at: expiresAt ?? null,
    }));
}

const intervalOf = ({ interval }: Part): string | null => interval ?? null;

/** Several pools by their features' ids. */
export const byFeature = (pools: readonly PoolBalance[], shape: (pool: PoolBalance) => Json): Json =>
  Object.fromEntries(pools.map((pool) => [pool.featureId, shape(pool)]));
