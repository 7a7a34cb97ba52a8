/** What a page is answered when it checks by itself: as the deployment would answer it, or that it cannot be known yet. */
import { checkAnswer, unauthenticatedAnswer, type CheckAnswer } from "../core/checkAnswers.js";
import type { Refusal } from "../core/draws.js";
import { assertAmount } from "../core/arguments.js";
import type { Account } from "./account.js";

/** As a `CheckAnswer`; before the data is there it is a no, without `data`. */
export interface LocalAnswer extends Omit<CheckAnswer, "reason" | "data" | "error"> {
  reason: Refusal | "loading" | "unavailable" | null;
  data: CheckAnswer["data"] | null;
  error: { message: string; code: "unauthenticated" | "unavailable" } | null;
}

/** Throws `feature_not_found`, `invalid_amount`. */
export function checkOf(account: Account, featureId: string, requiredBalance: number, at: number) {
  assertAmount(requiredBalance, "requiredBalance", { negative: true });
  return checkAnswer(account.decide(featureId, requiredBalance, at), account.customer.customerId);
}

/** The same where there may be no account: null if nobody is signed in, undefined while loading. */
export function localAnswer(
  account: Account | Error | null | undefined,
  featureId: string,
  requiredBalance: number,
): LocalAnswer {
  const nothing = unauthenticatedAnswer(featureId, requiredBalance);
  if (account === null) return nothing;
  if (account === undefined) return { ...nothing, reason: "loading", data: null, error: null };
  if (account instanceof Error) {
    const error = { code: "unavailable", message: account.message } as const;
    return { ...nothing, reason: "unavailable", data: null, error };
  }
  return checkOf(account, featureId, requiredBalance, account.moment());
}
