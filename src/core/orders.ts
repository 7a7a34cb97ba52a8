/** What a plan or top-up costs to begin with: computed from its terms, never from what a browser says. */
import { exact, nearest, type Decimal } from "./amounts.js";
import { tallyError } from "./errors.js";
import { priceProblem, shareOf, toMinor } from "./money.js";
import { lengthMs } from "./periods.js";
import { grantedBy } from "./plans.js";
import { priceOfUsage } from "./prices.js";
import type { Plan } from "./terms.js";

/** How often something is paid; null: once. */
export type Every = NonNullable<Plan["price"]>["every"];

/** One thing that is paid for. */
export interface OrderLine {
  /** The plan itself, or units of a feature that are paid in advance. */
  featureId?: string;
  /** Units, those included among them. */
  units?: number;
  /** In minor units. */
  amount: number;
  every: Every;
}

export interface Order {
  planId: string;
  currency: string;
  lines: OrderLine[];
  /** What is paid at once, in minor units. */
  total: number;
  /** How often what recurs is paid; null of what is paid once. */
  every: Every;
}

/**
 * What is paid for a plan with so many units in advance. Usage-based items cost nothing yet. Throws
 * `not_supported` of parts that are paid at different intervals.
 */
export function orderOf(
  plan: Plan,
  quantities: Readonly<Record<string, number>> | undefined,
  currency: string,
): Order {
  const lines: OrderLine[] = [];
  if (plan.price !== null && plan.price.amount > 0) {
    lines.push({ amount: toMinor(plan.price.amount, currency), every: plan.price.every });
  }
  for (const item of plan.items) {
    if (item.price?.billingMethod !== "prepaid") continue;
    const units = grantedBy(item, quantities?.[item.featureId]);
    const amount = toMinor(priceOfUsage(item.price, units, item.included), currency);
    if (amount > 0) lines.push({ featureId: item.featureId, units, amount, every: item.price.every });
  }
  const [every = null, ...others] = lines.flatMap((line) => line.every ?? []);
  if (others.some((other) => !isSame(other, every))) {
    throw tallyError(
      "not_supported",
      `Plan "${plan.id}" is paid for at different intervals: a checkout sells parts of one interval. Nothing was changed.`,
      { planId: plan.id },
    );
  }
  return { planId: plan.id, currency, lines, total: sumOf(lines), every };
}

const sumOf = (lines: readonly { amount: number }[]): number =>
  lines.reduce((sum, { amount }) => sum + amount, 0);

const isSame = (a: Every, b: Every): boolean => a?.interval === b?.interval && a?.count === b?.count;

/** What of an order is paid again and again, in minor units. */
export const recurringTotal = ({ lines }: Order): number =>
  sumOf(lines.filter(({ every }) => every !== null));

/**
 * When a change from one paid plan to another is made: what costs more is paid and had at once; what
 * costs less (or is paid for shorter periods) waits for the end of what is paid already, so that no change
 * back and forth is worth anything.
 */
export function whenToChange(from: Order, to: Order): "now" | "period_end" {
  if (isSameInterval(from, to)) return sumOf(to.lines) >= recurringTotal(from) ? "now" : "period_end";
  return lengthOf(to.every) > lengthOf(from.every) ? "now" : "period_end";
}

/** Whether two plans are paid for equal periods, so that one can take over within a period of the other. */
export const isSameInterval = (from: Order, to: Order): boolean => isSame(from.every, to.every);

const lengthOf = (every: Every): number => (every === null ? 0 : lengthMs(every));

/** A paid period, in milliseconds. */
export interface PaidPeriod {
  start: number;
  end: number;
}

export interface ProratedLine extends OrderLine {
  planId: string;
  /** Of what was paid already and is not used: its amount is below 0. */
  isCredit: boolean;
}

/**
 * What a change of plan costs at `at`, as Stripe prorates by the second: the rest of the period is
 * credited at the old price and charged at the new one, each line for itself. Where the interval is
 * another one, a new period begins and is paid whole. From $20 to $50 at day 15 of 30: $15.
 */
export function prorate(from: Order, to: Order, period: PaidPeriod, at: number): ProratedLine[] {
  const [whole, rest] = [exact(period.end - period.start), restOf(period, at)];
  const part = (amount: number) => shareOf(amount, rest, whole, to.currency);
  const keepsPeriod = isSameInterval(from, to);
  const stays = (line: OrderLine, lines: readonly OrderLine[]) =>
    keepsPeriod &&
    from.planId === to.planId &&
    lines.some((other) => other.featureId === line.featureId && other.amount === line.amount);
  const credits = from.lines
    .filter((line) => line.every !== null && !stays(line, to.lines))
    .map((line) => ({ ...line, planId: from.planId, amount: 0 - part(line.amount), isCredit: true }));
  const charges = to.lines
    .filter((line) => line.every === null || !stays(line, from.lines))
    .map((line) => {
      const amount = line.every !== null && keepsPeriod ? part(line.amount) : line.amount;
      return { ...line, planId: to.planId, amount, isCredit: false };
    });
  return [...credits, ...charges].filter(({ amount }) => amount !== 0);
}

/** What is left of a paid period. */
function restOf({ start, end }: PaidPeriod, at: number): Decimal {
  return exact(end - Math.min(Math.max(at, start), end));
}

/** What prorated lines come to; what is below 0 stays as a credit with the provider. */
export const proratedTotal = (lines: readonly ProratedLine[]): number => sumOf(lines);

/** Why a plan's prices cannot be charged in a currency, in words. */
export function sellingProblems({ id, price, items }: Plan, currency: string): string[] {
  const prices = [
    ...(price === null ? [] : [price.amount]),
    ...items.flatMap((item) =>
      item.price?.billingMethod === "prepaid"
        ? item.price.tiers.flatMap(({ amount, flatAmount = 0 }) => [amount, flatAmount])
        : [],
    ),
  ];
  return prices.flatMap((amount) => {
    const problem = priceProblem(amount, currency);
    return problem === null ? [] : [`plan "${id}": ${problem}`];
  });
}

/** What was paid, against what was expected: null, or why nothing is credited for it. */
export function paymentProblem(
  expected: { amount: number; currency: string },
  paid: { amount: number; currency: string },
): string | null {
  if (paid.currency !== expected.currency)
    return `paid in ${paid.currency}, where ${expected.currency} was expected`;
  if (paid.amount !== expected.amount)
    return `paid ${paid.amount}, where ${expected.amount} was expected (in minor units)`;
  return null;
}

/**
 * How much of `amount` is taken back in all when `returned` of what was `paid` went back to the payer:
 * in proportion, rounded down, and all of it with the last of the money.
 */
export function takenBack(amount: number, returned: number, paid: number): number {
  if (returned >= paid) return amount;
  return nearest(exact(amount).times(Math.max(0, returned)).div(paid).round(PLACES_KEPT, 0));
}
/** As many as amounts of a balance have. */
const PLACES_KEPT = 9;
