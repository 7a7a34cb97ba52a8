/** What a page may show before the deployment has answered: computed by the rules, undone with the mutation. */
import type { OptimisticLocalStore } from "convex/browser";
import { assertAmount } from "../core/arguments.js";
import type { OnInsufficient } from "../core/draws.js";
import { Account } from "./account.js";
import type { Clock } from "./clock.js";
import type { BillingApi } from "./references.js";

export interface OptimisticUse<FeatureId extends string = string> {
  featureId: FeatureId;
  /** As the mutation will use it; 1 unless told. */
  value?: number;
  /** As of `track`; `"reject"` for what the mutation consumes, or meters. */
  onInsufficient?: OnInsufficient;
}

/**
 * Shows a use at once. Where the page shows no balances there is nothing to do. What the deployment will
 * refuse shows nothing, and never throws: an optimistic update that throws stops Convex's client for good.
 */
export function trackOptimistically(
  api: BillingApi,
  clock: Clock,
  store: OptimisticLocalStore,
  use: OptimisticUse,
): void {
  try {
    showUse(api, clock, store, use);
  } catch (error) {
    console.error("optimisticTrack shows nothing:", error);
  }
}

function showUse(
  api: BillingApi,
  clock: Clock,
  store: OptimisticLocalStore,
  { featureId, value = 1, onInsufficient, ...scope }: OptimisticUse,
): void {
  assertAmount(value, "value");
  const [customer, balances] = [store.getQuery(api.customer, scope), store.getQuery(api.balances, scope)];
  if (customer == null || balances == null) return;
  const account = new Account(customer, balances, clock);
  store.setQuery(api.balances, scope, account.drawn(featureId, value, onInsufficient));
}
