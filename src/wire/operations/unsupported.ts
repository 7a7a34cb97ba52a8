/** What Autumn's clients can ask and Tally does not do, each with what does it instead. */
import { unsupported, type Served } from "../operations.js";

const NOTHING = "Nothing was changed.";

const REWARDS = `Rewards are not supported: give amounts with balances.create, and discounts with promotion codes of the payment provider. ${NOTHING}`;
const REFERRALS = `Referrals are not supported: keep the codes in a table of the app, and give what they are worth with balances.create. ${NOTHING}`;
const INVOICES = `Invoices are the payment provider's: read what was paid with customers.get and expand invoices, send customers to billing.open_customer_portal, and invoice usage from tally.charges. ${NOTHING}`;
const KEYS = `Keys for browsers are not supported: let them call the app's own Convex functions, or /api/autumn with the app's own sign-in. ${NOTHING}`;
const LICENSES = `Licenses are not supported: make each seat an entity (entities.create), and give it its own amounts by items with entityFeatureId. ${NOTHING}`;
const SANDBOXES = `Sandboxes are not supported: a development deployment of Convex is one. ${NOTHING}`;
const REVENUECAT = `RevenueCat is not linked: tell Tally what it says with syncSubscription of convex-tally/payments. ${NOTHING}`;

const instead: Readonly<Record<string, readonly string[]>> = {
  [REWARDS]: ["rewards.create", "rewards.get", "rewards.update", "rewards.delete", "rewards.redeem"],
  [REFERRALS]: [
    "referrals.create_code",
    "referrals.redeem_code",
    "referral_programs.create",
    "referral_programs.get",
    "referral_programs.update",
    "referral_programs.delete",
  ],
  [INVOICES]: [
    "invoices.create",
    "invoices.insert",
    "invoices.list",
    "invoices.listTemplates",
    "invoices.pay",
    "invoices.reissue",
    "invoices.void",
  ],
  [KEYS]: ["keys.mint", "keys.refresh", "keys.revoke"],
  [LICENSES]: ["licenses.attach", "licenses.release"],
  [SANDBOXES]: ["sandboxes.create", "sandboxes.list", "sandboxes.delete", "sandboxes.reset"],
  [REVENUECAT]: ["platform.get_revenuecat_keys", "platform.link_revenuecat", "platform.sync_revenuecat"],
  [`Logs are Convex's own: read them with npx convex logs or in the dashboard. ${NOTHING}`]: ["logs.search"],
};

export const unsupportedOperations: Readonly<Record<string, Served>> = Object.fromEntries(
  Object.entries(instead).flatMap(([reason, names]) => names.map((name) => [name, unsupported(reason)])),
);
