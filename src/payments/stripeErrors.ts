/** Where Stripe refuses or does not answer: which way, and nothing that Stripe says in its own words. */
import { Stripe } from "stripe";
import { isTallyError, tallyError, type TallyError } from "../core/errors.js";
import type { ChargeResult } from "./provider.js";

/** What Stripe answers; where it refuses, an error that says which way, and nothing that Stripe says in its own words. */
export async function asked<Answer>(answer: Promise<Answer>): Promise<Answer> {
  try {
    return await answer;
  } catch (error) {
    throw translated(error);
  }
}

/** The payment, or why Stripe has made none: by what it says of the card, or of the request. */
export async function charged(made: () => Promise<ChargeResult>): Promise<ChargeResult> {
  try {
    return await made();
  } catch (error) {
    if (error instanceof Stripe.errors.StripeError && isRefusal(error))
      return { result: "declined", reason: sayable([error.decline_code ?? error.code])[0] ?? "declined" };
    throw isTallyError(error) ? error : translated(error);
  }
}

/**
 * Whether nothing was paid, for certain. A key that was used for something else is one whose request was
 * refused: had it been paid, it would have been found.
 */
function isRefusal(error: InstanceType<typeof Stripe.errors.StripeError>): boolean {
  if (isPassing(error)) return false;
  const { StripeCardError, StripeInvalidRequestError, StripeIdempotencyError } = Stripe.errors;
  return [StripeCardError, StripeInvalidRequestError, StripeIdempotencyError].some(
    (kind) => error instanceof kind,
  );
}

/** Requests under the same key that meet are in each other's way: the later one is to come again. */
const isPassing = (error: InstanceType<typeof Stripe.errors.StripeError>): boolean =>
  error instanceof Stripe.errors.StripeConnectionError ||
  error.statusCode === 409 ||
  error.statusCode === 429 ||
  (error.statusCode ?? 0) >= 500;

/** Codes of Stripe's and the id of the request, which say nothing of anybody's; no message does. */
const sayable = (parts: readonly (string | undefined)[]): string[] =>
  parts.filter((part): part is string => part !== undefined && SAYABLE.test(part));
const SAYABLE = /^([a-z_]{1,60}|Stripe[A-Za-z]{1,40}|req_[A-Za-z0-9]{1,40})$/;

function translated(error: unknown): TallyError {
  if (!(error instanceof Stripe.errors.StripeError)) return busy("unreachable");
  const { type, code, decline_code, requestId } = error;
  const why = sayable([type, code, decline_code, requestId]);
  if (error instanceof Stripe.errors.StripeCardError) return refused("The payment was refused", why);
  return isPassing(error) ? busy(why.join(", ")) : refused("Stripe has refused the request", why);
}

export const refused = (what: string, why: readonly string[] = []): TallyError =>
  tallyError(
    "payment_failed",
    `${what}${why.length > 0 ? ` (${why.join(", ")})` : ""}. Nothing was changed.`,
  );

export const busy = (why: string): TallyError =>
  tallyError(
    "busy",
    `Stripe could not be reached or could not answer (${why}). Try again. Nothing was changed.`,
  );
