/** What is answered differently on purpose, and what cannot be asked here: each once, with its reason. */

/** What cases ask for that has no verb here. One that asks for it is skipped, whatever its id. */
export const missingVerbs = {
  belowZero: "what is held or settled is a use; what is given back is a refund of that use",
  topUp: "a top-up is bought by the app, from its own callback; none is bought on its own",
  alert: "a threshold is called by the draw that crosses it, once; it is no state to ask for",
  filter: "a limit counts all uses of its feature, whatever their properties",
  order: "balances burn in one order for all",
  resetOnDemand:
    "a balance resets with time; one on demand, with cuts of its own, is a grant and a revocation",
  latest: "uses are added up; what is held is set, not measured",
  zone: "periods are counted in UTC, and the first is a whole one",
  orderAlone: "only grants that are there together have an order; expiries count to the ms",
} as const;
export type MissingVerb = keyof typeof missingVerbs;

export interface Difference {
  /** Why the answer is another. */
  differs: string;
  /** Where: the rest of the case holds, or it fails. */
  at: readonly string[];
}

/** The cases that are answered differently on purpose. One that passes must not be listed. */
export const differences: Readonly<Record<string, Difference>> = {
  "idem-03": {
    differs: "a key is one and the same, however it comes: two calls with it are one use",
    at: ["ops[1].expect.ok", "expect.balances.messages"],
  },
  "lock-16": {
    differs: "work that was done is charged, though its hold has expired: with what is left",
    at: ["ops[2].expect.error", "expect.balances.messages.remaining"],
  },
  "plan-06": {
    differs: "overage that has a price is charged when the plan ends; it is not owed once more",
    at: ["expect.balances.messages.net"],
  },
};
