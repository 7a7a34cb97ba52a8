import { api } from "../../../convex/_generated/api.js";
import { createTallyReact } from "../../../src/react/index.js";

const { customer, balances, plans } = api.billing;
const { checkout } = api.payments;

/** Hooks and components over the app's own functions. */
export const {
  useCustomer,
  useBalance,
  useCheck,
  useCheckout,
  usePlans,
  optimisticTrack,
  UsageMeter,
  BalanceBreakdown,
  Paywall,
  PricingTable,
} = createTallyReact({ customer, balances, plans, checkout });
