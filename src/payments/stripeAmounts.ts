import { tallyError } from "../core/errors.js";

/** Stripe takes krónur as if they had a hundredth; of shillings its own pages say both. */
export function toStripe(amount: number, currency: string): number {
  if (currency === "ugx")
    throw tallyError("not_supported", "Charging in UGX through Stripe is not supported.");
  return currency === "isk" ? amount * 100 : amount;
}

export function fromStripe(amount: number, currency: string): number {
  return currency === "isk" ? amount / 100 : amount;
}
