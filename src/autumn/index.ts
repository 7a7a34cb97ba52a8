/** `convex-tally/autumn`: the class of `@useautumn/convex`, over the app's own deployment. */
export { Autumn, type AutumnIdentity, type AutumnOptions, type AutumnOverTallyOptions } from "./autumn.js";
export type { AutumnApi } from "./api.js";
export type {
  Aggregated,
  Attached,
  Cancelled,
  Checked,
  CheckedOut,
  Customer,
  CustomerFeature,
  CustomerProduct,
  Entity,
  ListedEvents,
  Opened,
  Product,
  ProductItem,
  Recorded,
  Result,
  Succeeded,
  Usage,
} from "./answers.js";
