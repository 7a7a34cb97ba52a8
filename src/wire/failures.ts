/** What a client of the wire protocol is told when a call fails: a status below 500, a code of the peers', a message. */
import { isTallyError, type ErrorKind } from "../core/errors.js";

/** A refusal of the wire protocol itself, beyond those of Tally. */
export class WireError extends Error {
  constructor(
    readonly status: number,
    /** Stable, of Autumn's where it has one. */
    readonly code: string,
    message: string,
    readonly headers: Readonly<Record<string, string>> = {},
  ) {
    super(message);
    this.name = "WireError";
  }
}

export interface Failure {
  status: number;
  code: string;
  message: string;
  headers: Readonly<Record<string, string>>;
}

/** Autumn's codes for what Tally refuses. Those of 409 and 429 clients act on; the others they show. */
const CODES: Record<ErrorKind, readonly [status: number, code: string]> = {
  unauthenticated: [401, "unauthenticated"],
  feature_not_found: [404, "feature_not_found"],
  plan_not_found: [404, "product_not_found"],
  customer_not_found: [404, "customer_not_found"],
  entity_not_found: [404, "entity_not_found"],
  usage_exceeded: [400, "insufficient_balance"],
  invalid_amount: [400, "invalid_inputs"],
  invalid_argument: [400, "invalid_inputs"],
  idempotency_conflict: [409, "duplicate_idempotency_key"],
  reservation_not_found: [404, "lock_not_found"],
  reservation_closed: [409, "lock_already_finalized"],
  too_many_grants: [400, "invalid_request"],
  payment_failed: [402, "payment_failed"],
  busy: [429, "rate_limit_exceeded"],
  not_supported: [400, "not_supported"],
};

/** What Convex says of a mutation that lost against others each time it was tried. */
const CONFLICT = /OptimisticConcurrencyControlFailure|changed while this mutation was being run/i;

/**
 * What to answer to an error. Never a 5xx: Autumn's clients take that for leave to go on (they "fail open"). A
 * defect of ours is a 400 with an id, under which the log has all of it; the client learns nothing else of it.
 */
export function failureOf(error: unknown): Failure {
  if (error instanceof WireError) return error;
  if (isTallyError(error)) {
    const { kind, message, reason } = error.data;
    const [status, code] = CODES[kind];
    const isLimited = reason === "usage_limit" || reason === "spend_limit";
    return {
      status,
      code: kind === "usage_exceeded" && isLimited ? "usage_limit_exceeded" : code,
      message,
      headers: status === 429 ? RETRY_AFTER : {},
    };
  }
  if (error instanceof Error && CONFLICT.test(error.message)) {
    return {
      status: 429,
      code: "rate_limit_exceeded",
      message: "Too many calls for one customer at once: nothing was changed. Send it again.",
      headers: RETRY_AFTER,
    };
  }
  const id = crypto.randomUUID();
  console.error(`Tally could not answer a request, error ${id}:`, error);
  return {
    status: 400,
    code: "internal_error",
    message: `This request could not be answered; the deployment's log tells why under ${id}.`,
    headers: {},
  };
}

const RETRY_AFTER = { "retry-after": "1" };
