import { ConvexError, type Value } from "convex/values";
import type { Decision } from "./answers.js";

/** Every way in which Tally refuses a call. A `kind` is stable; a message is for people. */
export const ERROR_KINDS = [
  "unauthenticated",
  "feature_not_found",
  "plan_not_found",
  "customer_not_found",
  "entity_not_found",
  "usage_exceeded",
  "invalid_amount",
  "invalid_argument",
  "idempotency_conflict",
  "reservation_not_found",
  "reservation_closed",
  "too_many_grants",
  "payment_failed",
  "busy",
  "not_supported",
] as const;

export type ErrorKind = (typeof ERROR_KINDS)[number];

/** What a Tally error carries to the caller, and to the browser where the app lets it through. */
export interface ErrorData<Kind extends ErrorKind = ErrorKind> {
  [detail: string]: Value | undefined;
  kind: Kind;
  /** What was wrong, with which value, and what to do instead. */
  message: string;
}

export type TallyError<Kind extends ErrorKind = ErrorKind> = ConvexError<
  ErrorData<Kind> & Record<string, Value>
>;

export function tallyError<Kind extends ErrorKind>(
  kind: Kind,
  message: string,
  details: Record<string, Value> = {},
): TallyError<Kind> {
  return new ConvexError({ ...details, kind, message });
}

/** A use that the customer's balance cannot pay for, with the check's answer inside. */
export function usageExceeded(decision: Decision): TallyError<"usage_exceeded"> {
  const { featureId, requiredBalance, remaining, reason } = decision;
  const why: Record<NonNullable<Decision["reason"]>, string> = {
    not_included: "no plan or grant of the customer includes it",
    insufficient: `${remaining} left`,
    usage_limit: "a usage limit is reached",
    spend_limit: "a spend limit is reached",
    unauthenticated: "nobody is signed in",
  };
  return tallyError(
    "usage_exceeded",
    `Not enough of "${featureId}": ${requiredBalance} needed, ${why[reason ?? "insufficient"]}. Nothing was changed.`,
    {
      featureId,
      reason: reason ?? "insufficient",
      requiredBalance,
      remaining,
      check: { ...decision, breakdown: decision.breakdown.map((part) => ({ ...part })) },
    },
  );
}

/**
 * Whether `error` was thrown by Tally (and is of `kind`, when given). Looks at the data and not at
 * the class, which does not survive the way through a deployment.
 */
export function isTallyError<Kind extends ErrorKind = ErrorKind>(
  error: unknown,
  kind?: Kind,
): error is TallyError<Kind> {
  if (!(error instanceof Error) || !("data" in error)) return false;
  const { data } = error;
  if (typeof data !== "object" || data === null || !("kind" in data)) return false;
  return kind === undefined ? ERROR_KINDS.some((known) => known === data.kind) : data.kind === kind;
}

/** A value as an error message may show it: short, on one line, nothing unprintable. */
export function shown(value: unknown): string {
  if (Object.is(value, -0)) return "-0";
  if (typeof value === "string") return abbreviated(printable(JSON.stringify(value)));
  if (typeof value === "object" && value !== null) return Array.isArray(value) ? "an array" : "an object";
  return abbreviated(String(value));
}

/** JSON leaves some characters as they are that a terminal or a log would obey. */
function printable(text: string): string {
  return text.replace(
    /[\u007f-\u009f\u2028\u2029]/g,
    (character) => `\\u${character.charCodeAt(0).toString(16).padStart(4, "0")}`,
  );
}

function abbreviated(text: string): string {
  return text.length <= 60 ? text : `${text.slice(0, 40)}… (${text.length} characters)`;
}

/** A rule of Tally itself is broken: never the caller's fault, and never to be caught and ignored. */
export function assert(condition: boolean, invariant: string): asserts condition {
  if (!condition) throw new Error(`Tally invariant broken: ${invariant}`);
}
