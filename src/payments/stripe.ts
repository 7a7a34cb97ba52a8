/**
 * Stripe, over its official SDK in Convex's default runtime. An event is only a hint at what to look at:
 * what is true is asked for, so that late, repeated and disordered events say nothing that is not so.
 */
import { Stripe } from "stripe";
import { shown, tallyError } from "../core/errors.js";
import type { Every } from "../core/orders.js";
import type { Change, HeldSubscription, PaymentProvider, Sold, SoldLine } from "./provider.js";
import { assertSecret, reveal, revealAny, type Secret } from "./secrets.js";
import { fromStripe, toStripe } from "./stripeAmounts.js";
import { charge } from "./stripeCharges.js";
import { asked, refused } from "./stripeErrors.js";
import { checkoutFact, factsOf, paymentOf, subscriptionOf, verified } from "./stripeFacts.js";

export { STRIPE_EVENTS } from "./stripeFacts.js";

export interface StripeOptions {
  /** A secret or restricted key: the name of its environment variable, or a function. */
  apiKey: Secret;
  /** What webhooks are signed with; two while you rotate. */
  webhookSecrets: Secret | readonly Secret[];
  /** Where the API is, if not at Stripe: a proxy, or a test's server. */
  api?: { host: string; port?: number; protocol?: "http" | "https" };
}

/**
 * ```ts
 * stripe({ apiKey: "STRIPE_SECRET_KEY", webhookSecrets: ["STRIPE_WEBHOOK_SECRET", "STRIPE_WEBHOOK_SECRET_NEW"] })
 * ```
 *
 * Throws `invalid_argument` of anything but names and functions: a secret is read when it is used.
 */
export function stripe({ apiKey, webhookSecrets, api }: StripeOptions): PaymentProvider {
  assertSecret(apiKey, "apiKey");
  const secrets = typeof webhookSecrets === "object" ? [...webhookSecrets] : [webhookSecrets];
  for (const secret of secrets) assertSecret(secret, "webhookSecrets");
  const client = () =>
    new Stripe(reveal(apiKey, "apiKey"), {
      ...api,
      httpClient: Stripe.createFetchHttpClient(),
      maxNetworkRetries: 2,
      telemetry: false,
    });
  return {
    name: "stripe",

    async createAccount({ customerId, name, email }) {
      const customer = await asked(
        client().customers.create(
          { ...(name && { name }), ...(email && { email }), metadata: { tally_customer: customerId } },
          { idempotencyKey: `tally:account:${customerId}` },
        ),
      );
      return customer.id;
    },

    async createCheckout({ purchaseId, accountId, sold, trialDays, successUrl }) {
      const api = client();
      const metadata = { tally_purchase: purchaseId };
      const isSubscription = sold.every !== null;
      const session = await asked(
        api.checkout.sessions.create(
          {
            mode: isSubscription ? "subscription" : "payment",
            customer: accountId,
            client_reference_id: purchaseId,
            metadata,
            line_items: await lineItems(api, sold),
            // The payer pays what was asked for, in its currency.
            adaptive_pricing: { enabled: false },
            success_url: successUrl,
            cancel_url: successUrl,
            ...(isSubscription
              ? { subscription_data: { metadata, ...(trialDays && { trial_period_days: trialDays }) } }
              : // So that what is bought by itself later can be paid as well.
                { payment_intent_data: { metadata, setup_future_usage: "off_session" } }),
          },
          { idempotencyKey: `tally:checkout:${purchaseId}` },
        ),
      );
      const expected = toStripe(trialDays === undefined ? sold.total : onceOf(sold), sold.currency);
      if (session.amount_total !== expected || session.url === null) {
        await asked(api.checkout.sessions.expire(session.id));
        throw refused(`Stripe's price of plan ${shown(sold.planId)} is not the catalog's`);
      }
      return { sessionId: session.id, url: session.url, expiresAt: session.expires_at * 1000 };
    },

    retrieveCheckout: async (sessionId) => await checkoutFact(client(), sessionId),

    async portal({ accountId, returnUrl }) {
      const { url } = await asked(
        client().billingPortal.sessions.create({ customer: accountId, return_url: returnUrl }),
      );
      return { url };
    },

    async previewChange({ held, to }, now) {
      const api = client();
      const preview = await asked(
        api.invoices.createPreview({
          customer: held.accountId,
          subscription: held.externalId,
          subscription_details: {
            items: await itemsOfChange(api, await subscriptionAt(api, held), to),
            proration_behavior: "always_invoice",
            proration_date: Math.floor(now / 1000),
          },
        }),
      );
      const lines = preview.lines.data.map(({ description, amount }) => ({
        name: description ?? to.name,
        amount: fromStripe(amount, to.currency),
      }));
      return { lines, total: fromStripe(preview.total, to.currency) };
    },

    async change({ purchaseId, held, to, isPaidNow }) {
      const api = client();
      const before = await subscriptionAt(api, held);
      const changed = await asked(
        api.subscriptions.update(
          held.externalId,
          {
            items: await itemsOfChange(api, before, to),
            metadata: { tally_purchase: purchaseId },
            proration_behavior: isPaidNow ? "always_invoice" : "none",
            // Refused, nothing is changed.
            ...(isPaidNow && { payment_behavior: "error_if_incomplete" }),
            ...goingOn(before),
            expand: ["latest_invoice.payments"],
          },
          { idempotencyKey: `tally:change:${purchaseId}` },
        ),
      );
      const subscription = subscriptionOf(changed);
      if (subscription === null) throw refused("The subscription was not changed");
      const nothing = { amount: 0, currency: to.currency };
      return { subscription, payment: isPaidNow ? (paymentOf(changed.latest_invoice) ?? nothing) : nothing };
    },

    async setCanceled(held, isCanceled) {
      const api = client();
      const end = isCanceled ? { cancel_at_period_end: true } : goingOn(await subscriptionAt(api, held));
      const changed = await asked(api.subscriptions.update(held.externalId, end));
      const subscription = subscriptionOf(changed);
      if (subscription === null) throw refused("The subscription has not begun");
      return subscription;
    },

    async end(externalId) {
      const api = client();
      const { status } = await asked(api.subscriptions.retrieve(externalId));
      if (status !== "canceled") await asked(api.subscriptions.cancel(externalId, { prorate: true }));
    },

    charge: async (wanted) => await charge(client(), wanted),

    async read(delivery) {
      const event = await verified(delivery, revealAny(secrets, "webhookSecrets"));
      return event === null ? null : await factsOf(client(), event);
    },
  };
}

/** What is paid once of it: a trial is of what recurs. */
const onceOf = ({ lines }: Sold): number =>
  lines.filter(({ every }) => every === null).reduce((sum, { amount }) => sum + amount, 0);

async function lineItems(api: Stripe, { currency, lines }: Sold) {
  return await Promise.all(
    lines.map(async (line) => ({
      quantity: 1,
      ...(line.every !== null || line.priceId !== undefined
        ? { price: await priceOf(api, line, currency) }
        : {
            price_data: {
              currency,
              unit_amount: toStripe(line.amount, currency),
              product_data: { name: line.name },
            },
          }),
    })),
  );
}

/** A price at Stripe for a line that recurs: the catalog's own, or one that is made once for all who pay it. */
async function priceOf(api: Stripe, line: SoldLine, currency: string): Promise<string> {
  const amount = toStripe(line.amount, currency);
  if (line.priceId !== undefined) {
    const price = await asked(api.prices.retrieve(line.priceId));
    if (price.unit_amount === amount && price.currency === currency) return price.id;
    throw refused(`Stripe's price ${shown(line.priceId)} is not the catalog's`);
  }
  const { interval, interval_count } = recurringOf(line.every);
  const lookup_key = `tally:${line.name}:${amount}:${currency}:${interval_count}:${interval}`.slice(0, 200);
  const known = await asked(api.prices.list({ lookup_keys: [lookup_key], active: true, limit: 1 }));
  const [price] = known.data;
  if (price?.unit_amount === amount && price.currency === currency) return price.id;
  const made = await asked(
    api.prices.create(
      {
        currency,
        unit_amount: amount,
        recurring: { interval, interval_count },
        product_data: { name: line.name },
        lookup_key,
        transfer_lookup_key: true,
      },
      { idempotencyKey: `tally:price:${lookup_key}` },
    ),
  );
  return made.id;
}

const INTERVALS = {
  day: ["day", 1],
  week: ["week", 1],
  month: ["month", 1],
  quarter: ["month", 3],
  semi_annual: ["month", 6],
  year: ["year", 1],
} as const;

function recurringOf(every: Every) {
  const found = Object.entries(INTERVALS).find(([name]) => name === every?.interval);
  if (found === undefined || every === null)
    throw tallyError(
      "not_supported",
      `Stripe bills no interval ${shown(every?.interval)}. Nothing was changed.`,
    );
  const [, [interval, months]] = found;
  return { interval, interval_count: months * every.count };
}

const subscriptionAt = async (api: Stripe, { externalId }: HeldSubscription) =>
  await asked(api.subscriptions.retrieve(externalId));

/** What takes back an end that is decided, however it was decided. */
const goingOn = ({ cancel_at, cancel_at_period_end }: Stripe.Subscription) =>
  cancel_at !== null && !cancel_at_period_end ? { cancel_at: "" as const } : { cancel_at_period_end: false };

/** The lines of the new plan in place of all that the subscription has. */
async function itemsOfChange(api: Stripe, { items }: Stripe.Subscription, to: Change["to"]) {
  const wanted = await Promise.all(
    to.lines.filter(({ every }) => every !== null).map((line) => priceOf(api, line, to.currency)),
  );
  const stays = items.data.filter((item) => wanted.includes(item.price.id));
  const gone = items.data.filter((item) => !wanted.includes(item.price.id));
  const added = wanted.filter((price) => !stays.some((item) => item.price.id === price));
  return [
    // One in place of another is one item that changes: so Stripe keeps its period.
    ...added.map((price, index) => {
      const item = gone[index];
      return item === undefined ? { price } : { id: item.id, price };
    }),
    ...gone.slice(added.length).map(({ id }) => ({ id, deleted: true })),
  ];
}
