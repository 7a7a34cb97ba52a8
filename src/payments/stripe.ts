/**
 * Stripe, over its official SDK in Convex's default runtime. An event is only a hint at what to look at:
 * what is true is asked for, so that late, repeated and disordered events say nothing that is not so.
 */
import { Stripe } from "stripe";
import { isTallyError, shown, tallyError, type TallyError } from "../core/errors.js";
import type { Every } from "../core/orders.js";
import type { Standing } from "../core/renewals.js";
import type {
  Change,
  Charge,
  ChargeResult,
  Delivery,
  Fact,
  HeldSubscription,
  Payment,
  PaymentProvider,
  ProviderSubscription,
  Sold,
  SoldLine,
} from "./provider.js";
import { assertSecret, reveal, revealAny, type Secret } from "./secrets.js";

export interface StripeOptions {
  /** A secret or restricted key: the name of its environment variable, or a function. */
  apiKey: Secret;
  /** What webhooks are signed with; two while you rotate. */
  webhookSecrets: Secret | readonly Secret[];
  /** Where the API is, if not at Stripe: a proxy, or a test's server. */
  api?: { host: string; port?: number; protocol?: "http" | "https" };
}

/** What `checkout.session.*` and others ask to look at. */
const WATCHED = [
  "checkout.session.completed",
  "checkout.session.async_payment_succeeded",
  "checkout.session.async_payment_failed",
  "checkout.session.expired",
  "customer.subscription.updated",
  "customer.subscription.deleted",
  "customer.subscription.paused",
  "customer.subscription.resumed",
  "invoice.paid",
  "invoice.payment_failed",
  "charge.refunded",
  "charge.dispute.created",
  "charge.dispute.updated",
  "charge.dispute.closed",
] as const;
type Watched = (typeof WATCHED)[number];

/** The events to send to the webhook. */
export const STRIPE_EVENTS: readonly string[] = WATCHED;

/** Stripe's own tolerance: a signature that is older is a replay. */
const TOLERANCE_S = 300;

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

async function charge(api: Stripe, wanted: Charge): Promise<ChargeResult> {
  const { accountId, amount, currency, description, idempotencyKey, purchaseId, askedAt } = wanted;
  const earlier = askedAt === undefined ? null : await paidSince(api, accountId, purchaseId, askedAt);
  if (earlier !== null) return earlier;
  return await charged(async () => {
    const customer = await api.customers.retrieve(accountId);
    const preferred = customer.deleted ? undefined : idOf(customer.invoice_settings.default_payment_method);
    // Cards alone: other means say only days later whether they have paid.
    const { data: cards } = await api.customers.listPaymentMethods(accountId, { type: "card", limit: 100 });
    const method = (cards.find(({ id }) => id === preferred) ?? cards[0])?.id;
    if (method === undefined) return { result: "declined", reason: "no means of payment" };
    const intent = await api.paymentIntents.create(
      {
        amount: toStripe(amount, currency),
        currency,
        customer: accountId,
        payment_method: method,
        off_session: true,
        confirm: true,
        description,
        metadata: { tally_purchase: purchaseId },
      },
      { idempotencyKey },
    );
    return resultOf(intent) ?? { result: "declined", reason: intent.status };
  });
}

/** Clocks differ. */
const SKEW_S = 300;

/** The payment that was made for a purchase whose answer never came; null if there was none. */
async function paidSince(
  api: Stripe,
  accountId: string,
  purchaseId: string,
  since: number,
): Promise<ChargeResult | null> {
  const created = { gte: Math.floor(since / 1000) - SKEW_S };
  const listed = api.paymentIntents.list({ customer: accountId, created, limit: 100 });
  const intents = await asked(listed.autoPagingToArray({ limit: 10_000 }));
  const own = intents.filter(({ metadata }) => metadata.tally_purchase === purchaseId);
  return own.map(resultOf).find((result) => result !== null) ?? null;
}

/** Null of a payment that was not made. Throws `busy` of one that may still be. */
function resultOf({ id, status }: Stripe.PaymentIntent): ChargeResult | null {
  if (status === "succeeded") return { result: "paid", paymentId: id };
  if (status === "processing" || status === "requires_capture") throw busy(status);
  return null;
}

/** What is paid once of it: a trial is of what recurs. */
const onceOf = ({ lines }: Sold): number =>
  lines.filter(({ every }) => every === null).reduce((sum, { amount }) => sum + amount, 0);

interface Event {
  type: Watched;
  /** Of what it is about. */
  id: string;
  invoice?: string;
  paymentId?: string;
}

/** The event of a body that Stripe has signed; null if it has not. One of no interest is of no type. */
async function verified(
  { body, headers, now }: Delivery,
  secrets: readonly string[],
): Promise<Event | undefined | null> {
  const header = headers.get("stripe-signature") ?? "";
  const crypto = Stripe.createSubtleCryptoProvider();
  for (const secret of secrets) {
    const { signature } = Stripe.webhooks;
    const isSigned = await signature
      ?.verifyHeaderAsync(body, header, secret, TOLERANCE_S, crypto, now)
      .catch(() => false);
    if (isSigned === true) return eventIn(body);
  }
  return null;
}

function eventIn(body: string): Event | undefined {
  const { type, data } = JSON.parse(body) as {
    type?: string;
    data?: { object?: { id?: string; payment_intent?: string | null } };
  };
  const watched = WATCHED.find((known) => known === type);
  const { id, payment_intent } = data?.object ?? {};
  if (watched === undefined || id === undefined) return undefined;
  return { type: watched, id, ...(payment_intent && { paymentId: payment_intent }) };
}

async function factsOf(api: Stripe, event: Event | undefined): Promise<Fact[]> {
  if (event === undefined) return [];
  switch (event.type) {
    case "checkout.session.completed":
    case "checkout.session.async_payment_succeeded":
    case "checkout.session.expired":
      return [await checkoutFact(api, event.id)];
    case "checkout.session.async_payment_failed": {
      const fact = await checkoutFact(api, event.id);
      return [fact.kind === "checkout" && fact.result === "open" ? { ...fact, result: "failed" } : fact];
    }
    case "customer.subscription.updated":
    case "customer.subscription.deleted":
    case "customer.subscription.paused":
    case "customer.subscription.resumed":
      return await subscriptionFacts(api, event.id);
    case "invoice.paid":
    case "invoice.payment_failed":
      return await invoiceFacts(api, event.id);
    case "charge.refunded":
    case "charge.dispute.created":
    case "charge.dispute.updated":
    case "charge.dispute.closed":
      return event.paymentId === undefined ? [] : [await returnedFact(api, event.paymentId)];
    default:
      return event.type satisfies never;
  }
}

async function checkoutFact(api: Stripe, sessionId: string): Promise<Fact> {
  const session = await asked(
    api.checkout.sessions.retrieve(sessionId, { expand: ["subscription", "invoice.payments"] }),
  );
  const { payment_status, status, amount_total, currency, client_reference_id: purchaseId } = session;
  const isPaid = payment_status === "paid" || payment_status === "no_payment_required";
  const result = isPaid && status === "complete" ? "paid" : status === "expired" ? "expired" : "open";
  const ofInvoice = paymentOf(session.invoice);
  const paymentId = idOf(session.payment_intent) ?? ofInvoice?.paymentId;
  const subscription = typeof session.subscription === "object" ? session.subscription : null;
  const told = subscription === null ? null : subscriptionOf(subscription);
  return {
    kind: "checkout",
    sessionId: session.id,
    ...(purchaseId !== null && { purchaseId }),
    result,
    ...(result === "paid" &&
      currency !== null && {
        payment: {
          ...(paymentId !== undefined && { paymentId }),
          amount: fromStripe(amount_total ?? 0, currency),
          currency,
        },
      }),
    ...(told !== null && { subscription: told }),
  };
}

async function subscriptionFacts(api: Stripe, id: string): Promise<Fact[]> {
  const found = await asked(api.subscriptions.retrieve(id));
  const subscription = subscriptionOf(found);
  const { tally_purchase: purchaseId } = found.metadata;
  return subscription === null
    ? []
    : [{ kind: "subscription", subscription, ...(purchaseId !== undefined && { purchaseId }) }];
}

async function invoiceFacts(api: Stripe, id: string): Promise<Fact[]> {
  const invoice = await asked(api.invoices.retrieve(id, { expand: ["payments"] }));
  const externalId = idOf(invoice.parent?.subscription_details?.subscription);
  if (externalId === undefined) return [];
  const facts = await subscriptionFacts(api, externalId);
  const payment = paymentOf(invoice);
  const [told] = facts;
  const isRenewal = invoice.billing_reason === "subscription_cycle" && invoice.status === "paid";
  if (!isRenewal || payment === undefined || told?.kind !== "subscription") return facts;
  return [...facts, { kind: "renewal", externalId, payment, periodEnd: told.subscription.periodEnd }];
}

/** Refunds are said in sum by the charge; a dispute takes its money until it is won. */
async function returnedFact(api: Stripe, paymentId: string): Promise<Fact> {
  const [payment, disputes] = await Promise.all([
    asked(api.paymentIntents.retrieve(paymentId, { expand: ["latest_charge"] })),
    asked(api.disputes.list({ payment_intent: paymentId, limit: 100 })),
  ]);
  const charge = typeof payment.latest_charge === "object" ? payment.latest_charge : null;
  const lost = disputes.data.filter(({ status }) => !FREE.includes(status));
  const returned = lost.reduce((sum, { amount }) => sum + amount, charge?.amount_refunded ?? 0);
  const { currency } = payment;
  return {
    kind: "returned",
    paymentId,
    returned: fromStripe(Math.min(returned, payment.amount_received), currency),
  };
}
/** Disputes that take no money: won, or only asked about. */
const FREE: readonly string[] = [
  "won",
  "prevented",
  "warning_needs_response",
  "warning_under_review",
  "warning_closed",
];

const STANDINGS: Readonly<Record<string, Standing>> = {
  trialing: "trialing",
  active: "active",
  past_due: "past_due",
  unpaid: "past_due",
  paused: "past_due",
  canceled: "canceled",
  incomplete_expired: "canceled",
};

/** Null of one whose first payment is missing: it has not begun. */
function subscriptionOf(subscription: Stripe.Subscription): ProviderSubscription | null {
  const status = STANDINGS[subscription.status];
  const items = subscription.items.data;
  if (status === undefined || items.length === 0) return null;
  const periodEnd = Math.max(...items.map((item) => item.current_period_end)) * 1000;
  const { cancel_at, cancel_at_period_end } = subscription;
  const cancelAt = cancel_at !== null ? cancel_at * 1000 : cancel_at_period_end ? periodEnd : undefined;
  return {
    externalId: subscription.id,
    status,
    periodStart: Math.min(...items.map((item) => item.current_period_start)) * 1000,
    periodEnd,
    ...(cancelAt !== undefined && { cancelAt }),
  };
}

/** What an invoice was paid with, if it comes with its payments. */
function paymentOf(invoice: string | Stripe.Invoice | null): Payment | undefined {
  if (invoice === null || typeof invoice === "string") return undefined;
  const paid = invoice.payments?.data.find(({ status }) => status === "paid");
  const paymentId = idOf(paid?.payment.payment_intent);
  return {
    ...(paymentId !== undefined && { paymentId }),
    amount: fromStripe(invoice.amount_paid, invoice.currency),
    currency: invoice.currency,
  };
}

const idOf = (thing: string | { id: string } | null | undefined): string | undefined =>
  typeof thing === "string" ? thing : thing?.id;

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

/** Stripe takes krónur as if they had a hundredth; of shillings its own pages say both. */
function toStripe(amount: number, currency: string): number {
  if (currency === "ugx")
    throw tallyError("not_supported", "Charging in UGX through Stripe is not supported.");
  return currency === "isk" ? amount * 100 : amount;
}

function fromStripe(amount: number, currency: string): number {
  return currency === "isk" ? amount / 100 : amount;
}

/** What Stripe answers; where it refuses, an error that says which way, and nothing that Stripe says in its own words. */
async function asked<Answer>(answer: Promise<Answer>): Promise<Answer> {
  try {
    return await answer;
  } catch (error) {
    throw translated(error);
  }
}

/** The payment, or why Stripe has made none: by what it says of the card, or of the request. */
async function charged(made: () => Promise<ChargeResult>): Promise<ChargeResult> {
  try {
    return await made();
  } catch (error) {
    if (error instanceof Stripe.errors.StripeError && isRefusal(error))
      return { result: "declined", reason: sayable([error.decline_code ?? error.code])[0] ?? "declined" };
    throw isTallyError(error) ? error : translated(error);
  }
}

/**
 * Whether nothing was paid, for certain. A key that was used for something else is one whose request was
 * refused: had it been paid, it would have been found.
 */
function isRefusal(error: InstanceType<typeof Stripe.errors.StripeError>): boolean {
  if (isPassing(error)) return false;
  const { StripeCardError, StripeInvalidRequestError, StripeIdempotencyError } = Stripe.errors;
  return [StripeCardError, StripeInvalidRequestError, StripeIdempotencyError].some(
    (kind) => error instanceof kind,
  );
}

/** Requests under the same key that meet are in each other's way: the later one is to come again. */
const isPassing = (error: InstanceType<typeof Stripe.errors.StripeError>): boolean =>
  error instanceof Stripe.errors.StripeConnectionError ||
  error.statusCode === 409 ||
  error.statusCode === 429 ||
  (error.statusCode ?? 0) >= 500;

/** Codes of Stripe's and the id of the request, which say nothing of anybody's; no message does. */
const sayable = (parts: readonly (string | undefined)[]): string[] =>
  parts.filter((part): part is string => part !== undefined && SAYABLE.test(part));
const SAYABLE = /^([a-z_]{1,60}|Stripe[A-Za-z]{1,40}|req_[A-Za-z0-9]{1,40})$/;

function translated(error: unknown): TallyError {
  if (!(error instanceof Stripe.errors.StripeError)) return busy("unreachable");
  const { type, code, decline_code, requestId } = error;
  const why = sayable([type, code, decline_code, requestId]);
  if (error instanceof Stripe.errors.StripeCardError) return refused("The payment was refused", why);
  return isPassing(error) ? busy(why.join(", ")) : refused("Stripe has refused the request", why);
}

const refused = (what: string, why: readonly string[] = []): TallyError =>
  tallyError(
    "payment_failed",
    `${what}${why.length > 0 ? ` (${why.join(", ")})` : ""}. Nothing was changed.`,
  );

const busy = (why: string): TallyError =>
  tallyError(
    "busy",
    `Stripe could not be reached or could not answer (${why}). Try again. Nothing was changed.`,
  );
