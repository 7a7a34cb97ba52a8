/** What BillingOS's clients are told when a call fails: its server's codes, in its own envelope. */
import type { Decision } from "../core/answers.js";
import { isTallyError } from "../core/errors.js";
import { failureOf, type Failure } from "./failures.js";
import type { Json } from "./operations.js";
import type { BillingOSOptions } from "./operations/billingos.js";

export interface BillingOSFailure extends Failure {
  details: Readonly<Record<string, string | number>> | null;
}

/** What `usageExceeded` says beside its message. */
type Shortage = Pick<Decision, "featureId" | "requiredBalance" | "remaining">;

const CODES: Readonly<Record<string, string>> = {
  no_secret_key: "AUTH_MISSING_CREDENTIALS",
  invalid_secret_key: "AUTH_INVALID_API_KEY",
  unauthenticated: "AUTH_MISSING_CREDENTIALS",
  feature_not_found: "RES_NOT_FOUND",
  customer_not_found: "RES_NOT_FOUND",
  not_found: "RES_NOT_FOUND",
  duplicate_idempotency_key: "BIZ_DUPLICATE_OPERATION",
  not_supported: "BIZ_OPERATION_NOT_ALLOWED",
  rate_limit_exceeded: "RATE_LIMIT_EXCEEDED",
};

/**
 * A use that the balance cannot pay for is `quota_exceeded`, by code and by message, since its own client passes on
 * the message alone. What no plan includes is not found.
 */
export function billingosFailureOf(error: unknown, options: BillingOSOptions = {}): BillingOSFailure {
  if (isTallyError(error, "usage_exceeded")) {
    const { reason, message } = error.data;
    const { featureId, requiredBalance, remaining } = error.data as unknown as Shortage;
    if (reason === "not_included") return refused(404, "RES_NOT_FOUND", message);
    const details = {
      feature_key: featureId,
      requested: requiredBalance,
      remaining,
      explanation: message,
    };
    return refused(options.quotaStatus ?? 400, "quota_exceeded", "quota_exceeded", details);
  }
  const { status, code, message, headers } = failureOf(error);
  return { ...refused(status, CODES[code] ?? "VAL_INVALID_INPUT", message), headers };
}

function refused(
  status: number,
  code: string,
  message: string,
  details: BillingOSFailure["details"] = null,
): BillingOSFailure {
  return { status, code, message, details, headers: {} };
}

export function envelopeOf({ status, code, message, details }: BillingOSFailure): Record<string, Json> {
  const timestamp = new Date().toISOString();
  return {
    error: { code, message, requestId: crypto.randomUUID(), timestamp, details },
    statusCode: status,
  };
}
