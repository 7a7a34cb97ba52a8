/** What usage costs, in whole currency units, computed exactly. Tiers as Autumn's invoices price them. */
import { v, type Infer } from "convex/values";
import { exact, nearest, ZERO, type Decimal } from "./amounts.js";

export const usagePriceValidator = v.object({
  tiers: v.array(
    v.object({
      /** The last unit of the tier, the included amount counted in; `"inf"` for the rest. */
      to: v.union(v.number(), v.literal("inf")),
      /** For each `billingUnits` of the tier. */
      amount: v.number(),
      /** Added once when usage ends in the tier (volume only). */
      flatAmount: v.optional(v.number()),
    }),
  ),
  /** Each tier's units at the tier's price, or all units at the price of the tier that they end in. */
  tierBehavior: v.union(v.literal("graduated"), v.literal("volume")),
  /** Units are charged in packs of so many; a pack that is begun is charged whole. */
  billingUnits: v.number(),
});
export type UsagePrice = Infer<typeof usagePriceValidator>;

/**
 * What `usage` units cost of which `included` are free. Volume pricing charges the free units too
 * once usage exceeds them, as Autumn does. Usage below 0 is priced by its magnitude, and negated.
 */
export function priceOfUsage(price: UsagePrice, usage: number, included: number): number {
  const units = exact(Math.abs(usage));
  const amount = units.lte(included)
    ? ZERO
    : price.tierBehavior === "volume"
      ? volume(price, units)
      : graduated(price, units, exact(included));
  return nearest(usage < 0 ? amount.neg() : amount);
}

function volume(price: UsagePrice, units: Decimal): Decimal {
  const tier = price.tiers.find(({ to }) => to === "inf" || units.lte(to));
  if (tier === undefined) return ZERO;
  return packs(units, price)
    .times(tier.amount)
    .plus(tier.flatAmount ?? 0);
}

function graduated(price: UsagePrice, units: Decimal, included: Decimal): Decimal {
  let cost = ZERO;
  let from = included;
  for (const { to, amount } of price.tiers) {
    const end = to === "inf" || units.lt(to) ? units : exact(to);
    if (end.gt(from)) cost = cost.plus(packs(end.minus(from), price).times(amount));
    if (end.gt(from)) from = end;
  }
  return cost;
}

function packs(units: Decimal, { billingUnits }: UsagePrice): Decimal {
  const whole = units.div(billingUnits).round(0, 0);
  return whole.times(billingUnits).lt(units) ? whole.plus(1) : whole;
}

/**
 * How many units, the `included` ones among them, can be used before they cost more than `money`. A pack that is
 * begun is charged whole, and so may be used whole. Undefined: however many.
 */
export function unitsWithin(price: UsagePrice, included: number, money: Decimal): Decimal | undefined {
  let [from, rest] = [exact(included), money];
  const begun = price.tiers.filter(({ to }) => to === "inf" || from.lt(to));
  for (const { to, amount, flatAmount = 0 } of begun) {
    const isVolume = price.tierBehavior === "volume";
    // Of a volume, what its tiers cost is of all units, from the first.
    const spendable = isVolume ? money.minus(flatAmount) : rest;
    if (spendable.lt(0)) return from;
    const end = to === "inf" ? undefined : exact(to);
    if (amount > 0) {
      const packsPaid = spendable.div(amount).round(0, 0);
      const paid = packsPaid.times(price.billingUnits).plus(isVolume ? 0 : from);
      if (end === undefined || paid.lt(end)) return paid.lt(from) ? from : paid;
    }
    if (end === undefined) return undefined;
    if (!isVolume) rest = rest.minus(packs(end.minus(from), price).times(amount));
    from = end;
  }
  return undefined;
}
