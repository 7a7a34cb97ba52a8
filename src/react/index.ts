"use client";

export { createTallyReact, type TallyReact } from "./createTallyReact.js";
export { isTallyError, type ErrorData, type ErrorKind, type TallyError } from "../core/errors.js";
export type { CheckAnswer } from "../core/checkAnswers.js";
export type { BalanceView, CustomerView, FeatureView, ItemView, PlanView } from "../client/api.js";
export type { FeatureBalance } from "./account.js";
export type { LocalAnswer } from "./checks.js";
export type { CheckoutArgs } from "./checkouts.js";
export type {
  BalanceBreakdownProps,
  BuyButtonProps,
  Components,
  GateProps,
  GrantView,
  MeterView,
  OfferView,
  PaywallProps,
  PricingTableProps,
  UsageMeterProps,
} from "./components.js";
export type { Customer, CustomerFeature, CustomerProduct } from "./customer.js";
export type { MeterState } from "./formats.js";
export type { Checkout, CheckoutState, CustomerState, Hooks } from "./hooks.js";
export type { OptimisticUse } from "./optimism.js";
export type { PlanChange } from "./offers.js";
export type { BillingApi, CheckoutResult } from "./references.js";
