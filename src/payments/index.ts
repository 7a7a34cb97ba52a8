export type { AutoTopUp, AutoTopUpArgs } from "./autoTopUps.js";
export type { Bought, BuyArgs, EndArgs, Previewed, TrustedBuyArgs } from "./checkouts.js";
export type { Collected } from "./collections.js";
export { demo, type DemoOptions } from "./demo.js";
export {
  Payments,
  type CustomerPayments,
  type HeldArgs,
  type OverageBudget,
  type PaymentsApi,
  type PaymentsJobs,
  type PaymentsOptions,
} from "./payments.js";
export type {
  Change,
  Charge,
  ChargeResult,
  CheckoutRequest,
  CheckoutSession,
  Delivery,
  Fact,
  HeldSubscription,
  Ordered,
  Payment,
  PaymentProvider,
  PreviewLine,
  ProviderSubscription,
  Sold,
  SoldLine,
} from "./provider.js";
export type { Origins } from "../core/origins.js";
export type { Secret } from "./secrets.js";
export { syncSubscription, type SyncArgs } from "./sync.js";
