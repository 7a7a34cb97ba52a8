import { ConvexError } from "convex/values";

const numbers = new Intl.NumberFormat("en", { maximumFractionDigits: 9 });
const dollars = new Intl.NumberFormat("en", { style: "currency", currency: "USD", maximumFractionDigits: 3 });
const days = new Intl.DateTimeFormat("en", { day: "numeric", month: "short", year: "numeric" });
const moments = new Intl.DateTimeFormat("en", { dateStyle: "medium", timeStyle: "short" });

export const dayOf = (instant: number): string => days.format(instant);
export const momentOf = (instant: number): string => moments.format(instant);

/** Credits are dollars, and all else is counted. */
export function amountOf(featureId: string, amount: number): string {
  return featureId === "credits" ? dollars.format(amount) : numbers.format(amount);
}

export const dollarsOf = (amount: number): string => dollars.format(amount);

/** An amount in a currency's minor units, as payments are stored. */
export function moneyOf(minor: number, currency: string): string {
  const format = new Intl.NumberFormat("en", { style: "currency", currency });
  return format.format(minor / 10 ** (format.resolvedOptions().maximumFractionDigits ?? 2));
}

/** What an error that the app or Tally throws says; anything else is not for users. */
export function messageOf(error: unknown): string {
  if (error instanceof ConvexError) {
    const data: unknown = error.data;
    if (typeof data === "object" && data !== null && "message" in data) return String(data.message);
  }
  return "Something went wrong, and nothing was changed. Please try again.";
}
