/**
 * The cases that are answered differently, each once and with its reason: on purpose, or since they
 * ask for what has no verb here. One that passes must not be listed.
 */
export type Difference =
  /** Why the answer at these places is another. The rest of the case holds, or it fails. */
  | { differs: string; at: readonly string[] }
  /** Why what it asks for cannot be asked here. */
  | { noVerb: string };

const NO_TOP_UP = "a top-up is bought by the app, from its own callback; none is bought on its own";
const NO_RESET =
  "a balance resets with time; one on demand, with cuts of its own, is a grant and a revocation";
const NO_THRESHOLD = "a threshold is called by the draw that crosses it, once; it is no state to ask for";
const NOTHING_BELOW_ZERO = "what is held or settled is a use; what is given back is a refund of that use";

export const differences: Readonly<Record<string, Difference>> = {
  "idem-03": {
    differs: "a key is one and the same, however it comes: two calls with it are one use",
    at: ["ops[1].expect.ok", "expect.balances.messages"],
  },
  "lock-03": { noVerb: NOTHING_BELOW_ZERO },
  "lock-08": { noVerb: NOTHING_BELOW_ZERO },
  "lock-16": {
    differs: "work that was done is charged, though its hold has expired: with what is left",
    at: ["ops[2].expect.error", "expect.balances.messages.remaining"],
  },
  "plan-06": {
    differs: "overage that has a price is charged when the plan ends; it is not owed once more",
    at: ["expect.balances.messages.net"],
  },
  "tokens-01": { noVerb: "what a model's tokens cost is a credit system, with a feature for each kind" },
  "topup-01": { noVerb: NO_TOP_UP },
  "topup-03": { noVerb: NO_TOP_UP },
  "topup-05": { noVerb: NO_TOP_UP },
  "topup-06": { noVerb: NO_TOP_UP },
  "topup-08": { noVerb: NO_TOP_UP },

  "burn-latest-aggregation": { noVerb: "uses are added up; what is held is set, not measured" },
  "entitlement-grant-expires-at-reset-instant": { noVerb: NO_RESET },
  "entitlement-reset-anchor": { noVerb: NO_RESET },
  "entitlement-reset-preserve-overage": { noVerb: NO_RESET },
  "entitlement-reset-rejected-future": { noVerb: NO_RESET },
  "entitlement-reset-rejected-same-minute": { noVerb: NO_RESET },
  "entitlement-two-resets": { noVerb: NO_RESET },
  "order-tie-breaks": {
    noVerb: "only grants that are there together have an order; expiries count to the ms",
  },
  "period-first-is-truncated": { noVerb: "periods are counted in UTC, and the first is a whole one" },
  "reset-and-recurrence-same-instant": { noVerb: NO_RESET },
  "reset-at-snapshot-instant-rejected": { noVerb: NO_RESET },
  "reset-preserve-overage": { noVerb: NO_RESET },
  "reset-usage-counters-restart": { noVerb: NO_RESET },
  "threshold-balance-lowest": { noVerb: NO_THRESHOLD },
  "threshold-balance-with-overage": { noVerb: NO_THRESHOLD },
  "threshold-balance-zero": { noVerb: NO_THRESHOLD },
  "threshold-percent-no-grants": { noVerb: NO_THRESHOLD },
  "threshold-tie-percentage-wins": { noVerb: NO_THRESHOLD },
  "threshold-usage-highest": { noVerb: NO_THRESHOLD },
  "value-nine-daily-resets": { noVerb: NO_RESET },
  "value-overage-after-empty-reset": { noVerb: NO_RESET },
};
