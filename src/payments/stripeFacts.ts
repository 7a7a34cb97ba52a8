/** What Stripe's events and objects say of what is bought here. */
import { Stripe } from "stripe";
import type { Standing } from "../core/renewals.js";
import type { Delivery, Fact, Payment, ProviderSubscription } from "./provider.js";
import { fromStripe } from "./stripeAmounts.js";
import { asked } from "./stripeErrors.js";

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

interface Event {
  type: Watched;
  /** Of what it is about. */
  id: string;
  invoice?: string;
  paymentId?: string;
}

/** The event of a body that Stripe has signed; null if it has not. One of no interest is of no type. */
export async function verified(
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

export async function factsOf(api: Stripe, event: Event | undefined): Promise<Fact[]> {
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

export async function checkoutFact(api: Stripe, sessionId: string): Promise<Fact> {
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
export function subscriptionOf(subscription: Stripe.Subscription): ProviderSubscription | null {
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
export function paymentOf(invoice: string | Stripe.Invoice | null): Payment | undefined {
  if (invoice === null || typeof invoice === "string") return undefined;
  const paid = invoice.payments?.data.find(({ status }) => status === "paid");
  const paymentId = idOf(paid?.payment.payment_intent);
  return {
    ...(paymentId !== undefined && { paymentId }),
    amount: fromStripe(invoice.amount_paid, invoice.currency),
    currency: invoice.currency,
  };
}

export const idOf = (thing: string | { id: string } | null | undefined): string | undefined =>
  typeof thing === "string" ? thing : thing?.id;
