/** BillingOS's three calls, as its server answers them, but for what that gets wrong. */
import { z } from "zod";
import { canMutate } from "../../client/contexts.js";
import { requestOf } from "../../client/requests.js";
import { callTrack, type Tracked } from "../../client/verbs.js";
import type { CheckAnswer } from "../../core/checkAnswers.js";
import { assert, shown, tallyError, usageExceeded } from "../../core/errors.js";
import { burnOrder } from "../../core/order.js";
import { statementOf, type Statement } from "../../core/statements.js";
import { WireError } from "../failures.js";
import { id, operation, optional, type Call } from "../operations.js";
import { propertiesField, propertiesOf } from "./provisions.js";

/** What of BillingOS an app may have otherwise. */
export interface BillingOSOptions {
  /** The status of a use that the balance cannot pay for: 400, as its server answers, or the 429 that it documents. */
  quotaStatus?: 400 | 429;
  /** `has_access` stays true where only the quota is used up, so that code can tell 403 from 429 by `usage`. */
  quotaExceededHasAccess?: boolean;
  /** A customer begins with his first use. True unless told; false refuses one who is not known, as its server does. */
  autoCreateCustomer?: boolean;
}

/** Amounts in units of the feature; null where it is unlimited. Times are ISO 8601; null where nothing ends. */
export type UsageBlock = {
  consumed_units: number;
  limit_units: number | null;
  remaining_units: number | null;
  period_start: string;
  period_end: string | null;
};

export type TrackUsageResponse = {
  success: boolean;
  feature_key: string;
  quantity: number;
  recorded_at: string;
  /** As it was right after the use. Absent of a repeat of what was recorded by another door than this. */
  usage?: UsageBlock;
};

export type EntitlementResponse = {
  feature_key: string;
  has_access: boolean;
  /** Absent where there is nothing to say against it. */
  reason?: "no_active_subscription" | "subscription_not_active" | "quota_exceeded";
  /** Null where it is unlimited, and of a boolean feature. */
  limit: number | null;
  /** Null before the first use of a period, and of a boolean feature. */
  usage: number | null;
  metadata: { remaining?: number; resets_at?: string; type?: "usage_quota" | "boolean_flag" } | null;
};

export type UsageMetric = {
  feature_key: string;
  feature_title: string;
  /** The plan that gives it; empty where none does. */
  product_name: string;
  consumed: number;
  /** Null, as `remaining`, where it is unlimited. */
  limit: number | null;
  remaining: number | null;
  /** A whole number. */
  percentage_used: number;
  period_start: string;
  /** Null, as `resets_in_days`, where nothing ends. */
  period_end: string | null;
  resets_in_days: number | null;
};

export type UsageMetricsResponse = { customer_id: string; metrics: UsageMetric[] };

/** In units of the feature. */
const quantity = z.number().positive("must be more than 0");

export const trackUsage = operation({
  body: z.object({
    customer_id: id,
    feature_key: id,
    quantity,
    idempotency_key: optional(id),
    metadata: propertiesField,
  }),
  run: async (call: Call, body): Promise<TrackUsageResponse> => {
    const { customer_id: customerId, feature_key: featureId, quantity: value, metadata } = body;
    await assertKnown(call, customerId);
    const { ctx, tally } = call;
    if (!canMutate(ctx)) throw tallyError("not_supported", "A query records nothing: track in a mutation.");
    const { component, catalog, watcher } = tally;
    const idempotencyKey = body.idempotency_key ?? call.idempotencyKey;
    const properties = propertiesOf(metadata);
    const use = {
      featureId,
      value,
      ...(idempotencyKey !== undefined && { idempotencyKey }),
      ...(properties && { properties }),
    };
    const request = requestOf(catalog, use, undefined, { verb: "consume" });
    const account = { component, catalog, identity: { customerId }, watcher };
    const result = await callTrack(ctx, account, [{ ...request, statement: true }]);
    if (result.kind === "refused") throw usageExceeded(result.decision);
    const [tracked] = result.results;
    assert(tracked !== undefined, "a request is answered");
    return await recorded(call, customerId, tracked);
  },
  current: (answer) => answer,
});

/** The same for a repeat as for the call itself: all of it is kept with the event. */
async function recorded(call: Call, customerId: string, tracked: Tracked): Promise<TrackUsageResponse> {
  const { featureId, value, statement, eventId } = tracked;
  return {
    success: true,
    feature_key: featureId,
    quantity: value,
    recorded_at: iso(statement?.at ?? (await recordedAt(call, customerId, eventId))),
    ...(statement !== undefined && { usage: usageOf(statement) }),
  };
}

async function recordedAt({ ctx, tally }: Call, customerId: string, eventId: string): Promise<number> {
  const event = await ctx.runQuery(tally.component.events.get, { customerId, eventId });
  assert(event !== null, "what was recorded is there");
  return event.createdAt;
}

function usageOf({ granted, usage, remaining, unlimited, from, to }: Statement): UsageBlock {
  return {
    consumed_units: usage,
    limit_units: unlimited ? null : granted,
    remaining_units: unlimited ? null : remaining,
    period_start: iso(from),
    period_end: to === null ? null : iso(to),
  };
}

export const checkEntitlement = operation({
  body: z.object({ customer_id: id, feature_key: id }),
  run: async (call: Call, { customer_id: customerId, feature_key: featureId }) => {
    await assertKnown(call, customerId);
    const decision = await call.tally.for(call.ctx, { customerId }).check({ featureId });
    const reason = await reasonOf(call, customerId, decision);
    const isOfQuota = reason === "quota_exceeded" && call.billingos?.quotaExceededHasAccess === true;
    return entitlementOf(call, decision, reason, reason === null || isOfQuota);
  },
  current: (answer) => answer,
});

type Reason = NonNullable<EntitlementResponse["reason"]>;

/** Its server asks whether anything is left, and not whether 1 is. */
async function reasonOf(call: Call, customerId: string, decision: CheckAnswer): Promise<Reason | null> {
  const { allowed, reason, remaining } = decision;
  if (allowed || (reason === "insufficient" && remaining > 0)) return null;
  if (reason !== "not_included") return "quota_exceeded";
  const { tally, ctx } = call;
  const pools = tally.catalog.pools(decision.featureId).map(({ featureId }) => featureId);
  const { page } = await tally.subscriptions.list(ctx, { customerId });
  const isUnpaid = page.some(
    ({ planId, status }) =>
      status === "past_due" &&
      tally.catalog.plans.get(planId)?.items.some(({ featureId }) => pools.includes(featureId)),
  );
  return isUnpaid ? "subscription_not_active" : "no_active_subscription";
}

function entitlementOf(
  { tally }: Call,
  decision: CheckAnswer,
  reason: Reason | null,
  hasAccess: boolean,
): EntitlementResponse {
  const { featureId, granted, usage, remaining, unlimited, nextResetAt } = decision;
  const isBoolean = tally.catalog.feature(featureId).type === "boolean";
  const isThere = reason === null || reason === "quota_exceeded";
  const counts = isThere && !isBoolean;
  return {
    feature_key: featureId,
    has_access: hasAccess,
    ...(reason !== null && { reason }),
    limit: counts && !unlimited ? granted : null,
    usage: counts && usage !== 0 ? usage : null,
    metadata: isThere
      ? {
          ...(counts && !unlimited && { remaining }),
          ...(counts && nextResetAt !== null && { resets_at: iso(nextResetAt) }),
          type: isBoolean ? "boolean_flag" : "usage_quota",
        }
      : null,
  };
}

export const getUsageMetrics = operation({
  body: z.object({ customer_id: id, feature_key: optional(id) }),
  run: async (call: Call, { customer_id: customerId, feature_key: featureKey }) => {
    await assertKnown(call, customerId);
    const { ctx, tally } = call;
    const { catalog, component } = tally;
    const asked = featureKey === undefined ? [...catalog.features.keys()] : [catalog.feature(featureKey).id];
    const featureIds = asked.filter((featureId) => catalog.feature(featureId).type !== "boolean");
    const paying = new Set(featureIds.flatMap((each) => catalog.pools(each).map((pool) => pool.featureId)));
    const pools = [...paying].flatMap((featureId) => catalog.pools(featureId).slice(0, 1));
    const defaults = catalog.defaultPlans();
    const balances = await ctx.runQuery(component.balances.own, { customerId, pools, defaults });
    const rows = balances.map(({ state }) => state);
    const now = Math.max(...rows.map(({ advancedAt }) => advancedAt));
    const metrics = featureIds.flatMap((featureId) => metricOf(call, featureId, rows, now));
    return { customer_id: customerId, metrics };
  },
  current: (answer: UsageMetricsResponse) => answer,
});

type Rows = Parameters<typeof statementOf>[0];

function metricOf({ tally: { catalog } }: Call, featureId: string, rows: Rows, now: number): UsageMetric[] {
  const scope = { pools: catalog.pools(featureId), now };
  const [first] = burnOrder(rows, scope);
  if (first === undefined) return [];
  const statement = statementOf(rows, scope);
  const { consumed_units, limit_units, remaining_units, period_start, period_end } = usageOf(statement);
  return [
    {
      feature_key: featureId,
      feature_title: catalog.feature(featureId).name,
      product_name: catalog.plans.get(first.grant.planId ?? "")?.name ?? "",
      consumed: consumed_units,
      limit: limit_units,
      remaining: remaining_units,
      percentage_used: percentageOf(statement),
      period_start,
      period_end,
      resets_in_days: statement.to === null ? null : Math.ceil((statement.to - now) / DAY_MS),
    },
  ];
}

/** Of a limit of 0 everything is used, always. */
function percentageOf({ usage, granted, unlimited }: Statement): number {
  if (unlimited) return 0;
  return granted === 0 ? 100 : Math.round((usage / granted) * 100);
}

async function assertKnown({ ctx, tally, billingos }: Call, customerId: string): Promise<void> {
  if (billingos?.autoCreateCustomer !== false) return;
  if ((await tally.customers.get(ctx, { customerId })) !== null) return;
  throw new WireError(
    400,
    "customer_not_found",
    `There is no customer ${shown(customerId)}: create him first.`,
  );
}

const DAY_MS = 24 * 60 * 60 * 1000;
const iso = (instant: number): string => new Date(instant).toISOString();

export const billingosOperations = {
  "usage.track": trackUsage,
  "usage.check": checkEntitlement,
  "usage.metrics": getUsageMetrics,
};
