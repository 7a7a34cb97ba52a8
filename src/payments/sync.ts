/** Subscriptions that are billed elsewhere: for who bills with Clerk, Polar or code of his own. */
import type { PropertyValidators } from "convex/values";
import { assertId, assertInstant, assertKeys, assertText, refuse } from "../core/arguments.js";
import type { CatalogIds } from "../core/catalog.js";
import type { Standing } from "../core/renewals.js";
import type { MutationContext } from "../client/contexts.js";
import { assertQuantities, type KnownPlan, type PastDuePolicy } from "../client/subscriptions.js";
import type { Tally } from "../client/tally.js";
import { defaultPlans, versionOf } from "../client/versions.js";

/** A subscription as whoever bills it says that it is. */
export interface SyncArgs<PlanId extends string = string> {
  customerId: string;
  entityId?: string;
  /** The subscription's id with whoever bills it: one subscription is one customer's. */
  externalId: string;
  planId: PlanId;
  /** Units bought in advance, by feature: what is included is among them. */
  quantities?: Record<string, number>;
  status: Standing;
  /** The period that is paid, in milliseconds. */
  periodStart: number;
  periodEnd: number;
  /** When it ends, if that is decided; absent or null, a cancellation is taken back. */
  cancelAt?: number | null;
  /**
   * When this was so, by the clock (or counter) of whoever bills: an older word than one that was heard
   * changes nothing.
   */
  version: number;
  reason?: string;
  actor?: string;
}

const OPTIONS = [
  "customerId",
  "entityId",
  "externalId",
  "planId",
  "quantities",
  "status",
  "periodStart",
  "periodEnd",
  "cancelAt",
  "version",
  "reason",
  "actor",
];
const STANDINGS: readonly Standing[] = ["trialing", "active", "past_due", "canceled"];
const DAY_MS = 24 * 60 * 60_000;

/**
 * Brings a customer's plan to what whoever bills it says: created, renewed, past due, canceled and resumed are all this.
 * The same word again, or an older one, changes nothing. A renewal moves the periods and resets nothing by
 * itself; past the paid period the grants go on for a grace (Tally's `pastDue`: 3 days unless told), and are
 * back with the payment. A plan that costs more starts afresh.
 *
 * Throws `plan_not_found`, `entity_not_found`, and `invalid_argument` of another customer's subscription.
 */
export async function syncSubscription<
  Ids extends CatalogIds,
  Scope extends PropertyValidators,
  Id extends string,
>(
  ctx: MutationContext,
  tally: Tally<Ids, Scope>,
  args: SyncArgs<Id> & KnownPlan<Id, Ids["plan"]>,
): Promise<{ applied: boolean; subscriptionId: string | null }> {
  const given: SyncArgs = args;
  assertKeys(given, OPTIONS, "syncSubscription");
  const { planId, quantities, status, periodStart, periodEnd, cancelAt, version, externalId, ...rest } =
    given;
  assertId(rest.customerId, "customerId");
  if (rest.entityId !== undefined) assertId(rest.entityId, "entityId");
  assertId(externalId, "externalId");
  if (typeof planId !== "string") refuse("planId", "must be a string", planId);
  if (!STANDINGS.includes(status)) refuse("status", `must be one of ${STANDINGS.join(", ")}`, status);
  assertInstant(periodStart, "periodStart");
  assertInstant(periodEnd, "periodEnd");
  if (periodEnd <= periodStart) refuse("periodEnd", "must be after periodStart", periodEnd);
  if (cancelAt != null) assertInstant(cancelAt, "cancelAt");
  if (!Number.isFinite(version)) refuse("version", "must be a finite number", version);
  if (rest.reason !== undefined) assertText(rest.reason, "reason");
  if (rest.actor !== undefined) assertText(rest.actor, "actor");
  const plan = tally.catalog.plan(planId);
  if (quantities !== undefined) assertQuantities(quantities, plan);
  return await ctx.runMutation(tally.component.synced.sync, {
    ...rest,
    provision: { plans: await defaultPlans(tally.catalog) },
    plan,
    version: await versionOf(plan),
    quantities,
    word: {
      externalId,
      status,
      periodStart,
      periodEnd,
      ...(cancelAt != null && { cancelAt }),
      revision: version,
    },
    graceMs: graceOf(tally.subscriptions.policy),
  });
}

/** How long a plan goes on without a payment, in milliseconds; for ever, if absent. */
export const graceOf = (policy: PastDuePolicy): number | undefined =>
  policy === "keep" ? undefined : policy.suspendAfterDays * DAY_MS;
