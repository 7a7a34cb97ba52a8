/**
 * Exact decimals. Amounts are stored as plain numbers, and computed as decimals: 0.1 + 0.2 is 0.3.
 * A result that a double cannot hold exactly is refused, never rounded.
 */
import Big from "big.js";
import { MAX_AMOUNT, PLACES } from "./arguments.js";
import { shown, tallyError } from "./errors.js";

/** A decimal in the middle of a computation. */
export type Decimal = Big;

// Constructors of our own, so that an app that configures big.js for itself does not change our rounding.
const Exact = Big();
const RoundedUp = Big();
RoundedUp.DP = PLACES;
RoundedUp.RM = Big.roundUp;
const RoundedDown = Big();
RoundedDown.DP = PLACES;
RoundedDown.RM = Big.roundDown;

export const ZERO: Decimal = new Exact(0);

export const exact = (amount: number): Decimal => new Exact(amount);

/** The number to store for `amount`. Throws `invalid_amount` where a double cannot hold it. */
export function stored(amount: Decimal): number {
  const number = amount.toNumber();
  if (Math.abs(number) > MAX_AMOUNT || !new Exact(number).eq(amount)) {
    throw tallyError(
      "invalid_amount",
      `The result ${shown(amount.toFixed())} cannot be stored exactly; nothing was changed. Use a larger unit, or fewer decimal places.`,
    );
  }
  return number === 0 ? 0 : number;
}

/**
 * The number nearest to `amount`: for what is shown, and for what time does, which cannot be refused.
 * Only beyond 15 digits is it another number.
 */
export function nearest(amount: Decimal): number {
  const number = amount.toNumber();
  return number === 0 ? 0 : number;
}

export const smaller = (a: Decimal, b: Decimal): Decimal => (a.lte(b) ? a : b);
export const larger = (a: Decimal, b: Decimal): Decimal => (a.gte(b) ? a : b);
export const atLeastZero = (amount: Decimal): Decimal => larger(amount, ZERO);
export const total = (amounts: readonly Decimal[]): Decimal =>
  amounts.reduce((sum, amount) => sum.plus(amount), ZERO);

/** What a feature costs in a pool: `featureAmount` units cost `creditAmount` of the pool's unit. */
export interface Cost {
  creditAmount: number;
  featureAmount: number;
}

/** What `units` cost in the pool's own unit: rounded up at 9 places, so that no dust is free. */
export function priceOf(units: Decimal, cost: Cost | undefined): Decimal {
  if (cost === undefined) return units;
  return new RoundedUp(units).times(cost.creditAmount).div(cost.featureAmount);
}

/** How many units `amount` of the pool can pay: rounded down at 9 places. */
export function unitsFor(amount: Decimal, cost: Cost | undefined): Decimal {
  if (cost === undefined) return amount;
  return new RoundedDown(amount).times(cost.featureAmount).div(cost.creditAmount);
}
