/**
 * What a payment provider does for Tally. It moves money and says what has become of it; what is sold, what
 * it costs and what it gives is never its business. Amounts are whole numbers of a currency's minor units.
 */
import type { Every, OrderLine } from "../core/orders.js";
import type { Standing } from "../core/renewals.js";

/** One thing that is paid for, as a payer sees it. */
export interface SoldLine extends OrderLine {
  /** "Pro", "Pro: 10 seats". */
  name: string;
  /** An existing price at the provider. */
  priceId?: string;
}

/** What is sold, by the catalog. */
export interface Sold {
  planId: string;
  name: string;
  currency: string;
  lines: SoldLine[];
  /** In minor units. */
  total: number;
  /** How often what recurs is paid; null of what is paid once. */
  every: Every;
}

export interface CheckoutRequest {
  /** Unique; the provider is asked for the same one under the same key. */
  purchaseId: string;
  accountId: string;
  sold: Sold;
  /** The first period is a trial of so many days. */
  trialDays?: number;
  /** Where the payer goes when he has paid, or has not. */
  successUrl: string;
  /** Where this deployment serves the provider's pages, if it has any. */
  pagesUrl: () => string;
}

export interface CheckoutSession {
  sessionId: string;
  url: string;
  /** In milliseconds. */
  expiresAt: number;
}

/** A subscription, as the provider has it. */
export interface ProviderSubscription {
  externalId: string;
  status: Standing;
  /** The period that is paid (or, past due, is to be), in milliseconds. */
  periodStart: number;
  periodEnd: number;
  cancelAt?: number;
}

export interface Payment {
  /** Names the payment in what is told of refunds; absent where nothing was paid. */
  paymentId?: string;
  /** In minor units. */
  amount: number;
  currency: string;
}

/**
 * What a provider says has become of something. It is true as of when it is said: a fact is made by asking
 * the provider for the thing itself, and not from what an event once said of it.
 */
export type Fact =
  | {
      kind: "checkout";
      sessionId: string;
      purchaseId?: string;
      result: "paid" | "expired" | "failed" | "open";
      payment?: Payment;
      /** Of a plan. */
      subscription?: ProviderSubscription;
    }
  | { kind: "subscription"; purchaseId?: string; subscription: ProviderSubscription }
  /** A further period was paid. */
  | { kind: "renewal"; externalId: string; payment: Payment; periodEnd: number }
  /** So much of a payment is back with the payer: refunds, and disputes that are not won. */
  | { kind: "returned"; paymentId: string; returned: number };

/** A subscription that is to be changed, and what it is now. */
export interface HeldSubscription {
  externalId: string;
  accountId: string;
  sold: Sold;
  periodStart: number;
  periodEnd: number;
}

/** A line of what a change costs; of what is credited, below 0. */
export interface PreviewLine {
  name: string;
  amount: number;
}

export interface Change {
  /** The purchase that records it; the provider's key for it. */
  purchaseId: string;
  held: HeldSubscription;
  to: Sold;
  /** The rest of the period is prorated and paid at once; else the next period is the first that is paid so. */
  isPaidNow: boolean;
}

export interface Charge {
  accountId: string;
  amount: number;
  currency: string;
  description: string;
  /** The same charge under the same key is one. */
  idempotencyKey: string;
  /** What it pays for, of which there is one payment at most, whatever the key. */
  purchaseId: string;
  /**
   * When it was first asked for, in milliseconds, if the answer never came: keys are forgotten after a day, so
   * whether it was made is looked up first.
   */
  askedAt?: number;
}

export type ChargeResult =
  | { result: "paid"; paymentId: string }
  /** The payer's bank has refused, or he has no means of payment with the provider. */
  | { result: "declined"; reason: string };

/** A request that the provider (or his page) sends to this deployment. */
export interface Delivery {
  /** The body as it came: signatures are over these very bytes. */
  body: string;
  headers: Headers;
  /** When it came, in milliseconds. */
  now: number;
  /** What is being bought in a session of this deployment's own; null if nothing is. */
  orderOf: (sessionId: string) => Promise<Ordered | null>;
}

/** A purchase that waits, as the server has recorded it. */
export interface Ordered {
  purchaseId: string;
  sold: Sold;
  trialDays?: number;
  /** "open", until it is paid or over. */
  status: string;
  successUrl: string;
}

export interface PaymentProvider {
  /** Kept with each purchase: one provider's events say nothing of another's. */
  readonly name: string;
  /** Throws `not_supported` where it must not run. */
  assertEnabled?(): void;
  /** Opens an account for a customer, whom the provider finds again by this id alone. */
  createAccount(customer: { customerId: string; name?: string; email?: string }): Promise<string>;
  createCheckout(request: CheckoutRequest): Promise<CheckoutSession>;
  /** What has become of a session; null if the provider cannot be asked. */
  retrieveCheckout(sessionId: string): Promise<Fact | null>;
  /** A page where the payer sees his invoices and means of payment. */
  portal(request: { accountId: string; returnUrl: string; pagesUrl: () => string }): Promise<{ url: string }>;
  /** What a change at once would cost; nothing is changed. */
  previewChange(
    change: Pick<Change, "held" | "to">,
    now: number,
  ): Promise<{ lines: PreviewLine[]; total: number }>;
  /** Throws `payment_failed` if it was to be paid and was not; then nothing is changed. */
  change(change: Change, now: number): Promise<{ subscription: ProviderSubscription; payment: Payment }>;
  /** Ends a subscription with its period, or lets it go on. */
  setCanceled(held: HeldSubscription, isCanceled: boolean): Promise<ProviderSubscription>;
  /** Ends a subscription at once, in whose place another one has come; what is paid of it and not used is credited. */
  end(externalId: string): Promise<void>;
  /**
   * Takes money without the payer being there, from what he has paid with before. Whatever does not say for
   * certain that nothing was paid is thrown, and asked for again.
   */
  charge(charge: Charge): Promise<ChargeResult>;
  /**
   * What a delivery says, null if it is not the provider's: by its signature over the body, not older than
   * minutes. Throws what the provider should try again for.
   */
  read(delivery: Delivery): Promise<Fact[] | null>;
  /** The page where a session is paid, where this deployment serves it. */
  page?(sessionId: string, order: Ordered, webhookUrl: string): Response;
}
