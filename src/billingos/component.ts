import type { PropertyValidators } from "convex/values";
import type { MutationContext, QueryContext } from "../client/contexts.js";
import type { Tally } from "../client/tally.js";
import type { CatalogIds } from "../core/catalog.js";
import { billingosFailureOf } from "../wire/billingosFailures.js";
import { parsed, type Call, type Operation } from "../wire/operations.js";
import {
  checkEntitlement,
  getUsageMetrics,
  trackUsage,
  type BillingOSOptions,
} from "../wire/operations/billingos.js";
import { billingOSError } from "./errors.js";
import type { Usage, UsageReads } from "./usage.js";

interface Options<Ids extends CatalogIds, Scope extends PropertyValidators> extends BillingOSOptions {
  tally: Tally<Ids, Scope>;
  /** Who is meant by an id that BillingOS's code passes, where it is not the app's own id of its customer. */
  resolveCustomer?: (customerId: string) => string | Promise<string>;
}

/**
 * BillingOS's calls inside Convex, for trusted code: in a mutation, `trackUsage` joins its transaction. Of a query,
 * only what reads.
 *
 * ```ts
 * const billing = createBillingOS(ctx, { tally });
 * await billing.trackUsage({ customerId, featureKey: "api_calls", quantity: 1 });
 * ```
 */
export function createBillingOS<Ids extends CatalogIds, Scope extends PropertyValidators>(
  ctx: MutationContext,
  options: Options<Ids, Scope>,
): Usage;
export function createBillingOS<Ids extends CatalogIds, Scope extends PropertyValidators>(
  ctx: QueryContext,
  options: Options<Ids, Scope>,
): UsageReads;
export function createBillingOS<Ids extends CatalogIds, Scope extends PropertyValidators>(
  ctx: QueryContext,
  { tally, resolveCustomer = (customerId) => customerId, ...billingos }: Options<Ids, Scope>,
): Usage {
  // What a context cannot do, the operations refuse.
  const call: Call = { ctx: ctx as MutationContext, tally, version: "current", env: "live", billingos };
  const answered = async <Body, Answer>(operation: Operation<Body, Answer>, body: unknown) => {
    try {
      return await operation.run(call, parsed(operation.body, body));
    } catch (error) {
      throw billingOSError(billingosFailureOf(error, billingos));
    }
  };
  return {
    trackUsage: async ({ customerId, featureKey, quantity, idempotencyKey, metadata }) =>
      await answered(trackUsage, {
        customer_id: await resolveCustomer(customerId),
        feature_key: featureKey,
        quantity,
        idempotency_key: idempotencyKey,
        metadata,
      }),
    checkEntitlement: async (customerId, featureKey) =>
      await answered(checkEntitlement, {
        customer_id: await resolveCustomer(customerId),
        feature_key: featureKey,
      }),
    getUsageMetrics: async (customerId, featureKey) => {
      const resolved = await resolveCustomer(customerId);
      const metrics = await answered(getUsageMetrics, { customer_id: resolved, feature_key: featureKey });
      return { ...metrics, customer_id: customerId };
    },
  };
}
