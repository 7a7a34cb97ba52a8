/** BillingOS's usage calls, as its client has them, wherever they are made from. */
import type {
  EntitlementResponse,
  TrackUsageResponse,
  UsageMetricsResponse,
} from "../wire/operations/billingos.js";

export interface TrackUsageInput {
  /** The app's own id of the customer. */
  customerId: string;
  featureKey: string;
  /** Units of the feature, more than 0; fractions are fine. */
  quantity: number;
  /** A repeat is answered with the original answer, and charges nothing; unique for the customer, for ever. */
  idempotencyKey?: string;
  /** Kept with the event: at most 20 keys; what is nested is kept as its JSON. */
  metadata?: Record<string, unknown>;
}

/** What a query can do. Throws `BillingOSError`. */
export interface UsageReads {
  checkEntitlement(customerId: string, featureKey: string): Promise<EntitlementResponse>;
  /** Of one feature, or of all that the customer has. */
  getUsageMetrics(customerId: string, featureKey?: string): Promise<UsageMetricsResponse>;
}

/** What a mutation or an action can do, and whoever has the secret. Throws `BillingOSError`. */
export interface Usage extends UsageReads {
  /**
   * Records a use, all of it or nothing: one that the balance cannot pay for throws `ValidationError`, code
   * `quota_exceeded`.
   */
  trackUsage(input: TrackUsageInput): Promise<TrackUsageResponse>;
}
