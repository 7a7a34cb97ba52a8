/** Money that is taken through Stripe while the payer is away: for one thing once, whatever is lost on the way. */
import type { Stripe } from "stripe";
import type { Charge, ChargeResult } from "./provider.js";
import { toStripe } from "./stripeAmounts.js";
import { asked, busy, charged } from "./stripeErrors.js";
import { idOf } from "./stripeFacts.js";

export async function charge(api: Stripe, wanted: Charge): Promise<ChargeResult> {
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
