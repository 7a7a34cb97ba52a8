/**
 * Money as providers take it: whole numbers of a currency's smallest unit. The catalog, charges and
 * previews are in whole currency units; between the two is this file.
 */
import { exact, nearest, type Decimal } from "./amounts.js";
import { shown, tallyError } from "./errors.js";

/** Currencies without a smaller unit, as Stripe lists them; UGX and ISK are not among them, see the provider. */
const WHOLE = "bif clp djf gnf isk jpy kmf krw mga pyg rwf ugx vnd vuv xaf xof xpf".split(" ");
/** Currencies whose unit is divided by 1,000. */
const THOUSANDTHS = "bhd iqd jod kwd lyd omr tnd".split(" ");

/** Decimal places of a currency's smallest unit. */
export function placesOf(currency: string): 0 | 2 | 3 {
  if (WHOLE.includes(currency)) return 0;
  return THOUSANDTHS.includes(currency) ? 3 : 2;
}

/** What an amount of minor units must be a multiple of: card networks charge thousandths by tens. */
const stepOf = (currency: string): 1 | 10 => (placesOf(currency) === 3 ? 10 : 1);

/** Whole currency units as minor units, the nearest that can be charged; half of one is rounded up. */
export function toMinor(amount: number, currency: string): number {
  return wholeSteps(exact(amount).times(10 ** placesOf(currency)), currency);
}

/** A part of an amount of minor units, as one that can be charged: half of a step is rounded away from 0. */
export function shareOf(minor: number, part: Decimal, whole: Decimal, currency: string): number {
  return wholeSteps(exact(minor).times(part).div(whole), currency);
}

function wholeSteps(minor: Decimal, currency: string): number {
  const step = stepOf(currency);
  const amount = nearest(minor.div(step).round(0, 1).times(step));
  if (Number.isSafeInteger(amount)) return amount;
  throw tallyError("invalid_amount", `${shown(amount)} is more than can be charged at once.`);
}

/** Minor units as whole currency units. */
export const fromMinor = (minor: number, currency: string): number =>
  nearest(exact(minor).div(10 ** placesOf(currency)));

/** Why a price of the catalog cannot be charged; null if it can. */
export function priceProblem(amount: number, currency: string): string | null {
  if (fromMinor(toMinor(amount, currency), currency) === amount) return null;
  const finest = fromMinor(stepOf(currency), currency);
  return `${amount} ${currency.toUpperCase()} cannot be charged: a price is a multiple of ${finest}`;
}

/** Throws `invalid_argument` unless `currency` is a code of three small letters. */
export function assertCurrency(currency: unknown): asserts currency is string {
  if (typeof currency === "string" && /^[a-z]{3}$/.test(currency)) return;
  throw tallyError(
    "invalid_argument",
    `currency must be a code of three small letters, such as "usd"; got ${shown(currency)}.`,
  );
}
