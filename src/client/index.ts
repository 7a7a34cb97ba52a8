export type { Item, Plan } from "../core/terms.js";
export { defineCatalog, Catalog, type CatalogIds, type Feature } from "../core/catalog.js";
export {
  billingControls,
  feature,
  featureItem,
  item,
  plan,
  pricedFeatureItem,
  priceItem,
  product,
  type BillingControlsDefinition,
  type FeatureDefinition,
  type ItemDefinition,
  type PlanDefinition,
  type ProductDefinition,
} from "../core/definitions.js";
export { isTallyError, type ErrorData, type ErrorKind, type TallyError } from "../core/errors.js";
export type { OnInsufficient, Refusal } from "../core/draws.js";
export type { Interval } from "../core/periods.js";
export type {
  BalanceView,
  BrowserApi,
  CustomerView,
  EventView,
  FeatureView,
  ItemView,
  PlanView,
  SubscriptionView,
} from "./api.js";
export type { CheckAnswer, CheckData } from "../core/checkAnswers.js";
export type { CallbackContext, Callbacks, LimitReached, ThresholdReached, UsageAlert } from "./callbacks.js";
export type { Audit, Repaired, RepairArgs } from "./audits.js";
export type { Identity } from "./identity.js";
export type { CheckArgs, SendEventArgs, TrackArgs, UseArgs } from "./requests.js";
export type { ControlArgs } from "./controls.js";
export type { UsageLimit } from "../core/controlTerms.js";
export type { EntityArgs } from "./entities.js";
export type { GrantArgs, RevokeArgs, SetArgs } from "./grants.js";
export type { PageArgs } from "./pages.js";
export type { Provenance } from "./provenance.js";
export type { RefundArgs } from "./refunds.js";
export type { Reservation, ReserveArgs, Settled } from "./reservations.js";
export type { ActionMeter } from "./meters.js";
export type { AttachArgs, PastDueArgs, PastDuePolicy, PlanArgs, When } from "./subscriptions.js";
export { Tally, type Owner, type TallyOptions } from "./tally.js";
export type { MutationVerbs, QueryVerbs, Tracked } from "./verbs.js";
