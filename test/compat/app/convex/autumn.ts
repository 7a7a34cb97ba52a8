/** What the older hooks call in their Convex mode. */
import { Autumn } from "../../../../src/autumn/index.js";
import { payments, tally } from "./billing.js";

const autumn = new Autumn(tally, { payments });

export const {
  track,
  check,
  attach,
  checkout,
  createCustomer,
  listProducts,
  query,
  cancel,
  setupPayment,
  billingPortal,
  createReferralCode,
  redeemReferralCode,
  createEntity,
  getEntity,
  listEvents,
  aggregateEvents,
} = autumn.api({ also: ["track"] });
