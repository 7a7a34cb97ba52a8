/** Why a call failed, in BillingOS's classes. */
export class BillingOSError extends Error {
  constructor(
    message: string,
    /** Such as `quota_exceeded`, `RES_NOT_FOUND`, `VAL_INVALID_INPUT`, `BIZ_DUPLICATE_OPERATION`. */
    readonly code: string,
    /** As HTTP has them; 0 where there was no answer. */
    readonly status: number,
    readonly details: Readonly<Record<string, unknown>> | null = null,
  ) {
    super(message);
    this.name = new.target.name;
  }
}

/** 401 */
export class AuthenticationError extends BillingOSError {}
/** 403 */
export class AuthorizationError extends BillingOSError {}
/** 404: the feature is not there, or no plan of the customer includes it. */
export class NotFoundError extends BillingOSError {}
/** 400 and 422: a wrong argument, or `quota_exceeded`. */
export class ValidationError extends BillingOSError {}
/** 429 */
export class RateLimitError extends BillingOSError {}
/** 500 and above. */
export class ServerError extends BillingOSError {}
/** No answer: not reached, or not in time. */
export class NetworkError extends BillingOSError {}

export interface Failed {
  status: number;
  code: string;
  message: string;
  details: Readonly<Record<string, unknown>> | null;
}

export function billingOSError({ status, code, message, details }: Failed): BillingOSError {
  return new (classOf(status))(message, code, status, details);
}

function classOf(status: number): typeof BillingOSError {
  if (status >= 500) return ServerError;
  switch (status) {
    case 400:
    case 422:
      return ValidationError;
    case 401:
      return AuthenticationError;
    case 403:
      return AuthorizationError;
    case 404:
      return NotFoundError;
    case 429:
      return RateLimitError;
    default:
      return BillingOSError;
  }
}
