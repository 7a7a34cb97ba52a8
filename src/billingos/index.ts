/** `convex-tally/billingos`: BillingOS's usage calls, inside Convex and over HTTP. */
export { createBillingOS } from "./component.js";
export { BillingOS, type BillingOSConfig } from "./client.js";
export {
  AuthenticationError,
  AuthorizationError,
  BillingOSError,
  NetworkError,
  NotFoundError,
  RateLimitError,
  ServerError,
  ValidationError,
} from "./errors.js";
export type { TrackUsageInput, Usage, UsageReads } from "./usage.js";
export type {
  BillingOSOptions,
  EntitlementResponse,
  TrackUsageResponse,
  UsageBlock,
  UsageMetric,
  UsageMetricsResponse,
} from "../wire/operations/billingos.js";
