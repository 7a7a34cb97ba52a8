/** Refunds of uses that have happened: at most once in sum. */
import { sum, type Nano } from "./amounts.js";
import { holdKey, lateOf } from "./holds.js";
import type { Scope } from "./order.js";
import { divide, restore } from "./returns.js";
import { findUse, record, replayed, type UseAnswer } from "./uses.js";
import { Refusal, Unknown, type Customer, type Lot, type Use, type World } from "./world.js";

export interface RefundAsk {
  /** The name of the use … */
  label?: string;
  /** … or the key (or the hold) that it was recorded under. */
  key?: string;
  units: Nano | null;
  refundKey: string | null;
}

export function refund(world: World, customerId: string, ask: RefundAsk): UseAnswer {
  const customer = world.customers.get(customerId);
  const use = customer && useOf(customer, ask);
  if (customer === undefined || use?.kind !== "usage") throw new Refusal("invalid_argument");
  if (use.value < 0n) throw new Refusal("invalid_argument");
  const earlier = customer.uses.filter(({ refundOf }) => refundOf === use);
  const repeated = earlier.find(({ key }) => ask.refundKey !== null && key === refundKeyOf(ask.refundKey));
  if (repeated !== undefined) {
    if (ask.units !== null && repeated.value !== -ask.units) throw new Refusal("idempotency_conflict");
    return replayed(repeated);
  }
  const lots = leftOf(customer, use, earlier);
  const left = sum(lots.map((lot) => lot.units));
  const units = ask.units ?? left;
  if (units < 0n || units > left) throw new Refusal("invalid_amount");
  const scope = { feature: use.feature ?? "", entity: use.entity };
  const key = ask.refundKey === null ? null : refundKeyOf(ask.refundKey);
  return returnTo(world, customer, use, { scope, lots, units, key });
}

/** Gives back all that is left of a use, if anything is. */
export function giveBackRest(world: World, customer: Customer, use: Use, scope: Scope): void {
  const earlier = customer.uses.filter(({ refundOf }) => refundOf === use);
  const lots = leftOf(customer, use, earlier);
  const units = sum(lots.map((lot) => lot.units));
  if (units > 0n) returnTo(world, customer, use, { scope, lots, units, key: null });
}

function returnTo(
  world: World,
  customer: Customer,
  use: Use,
  { scope, lots, units, key }: { scope: Scope; lots: Lot[]; units: Nano; key: string | null },
): UseAnswer {
  const back = restore(world, customer, scope, lots, units, !hasStayed(customer, use));
  return record(
    world,
    customer,
    { ...scope, units: -units, key, label: null, refundOf: use },
    { lots: back.lots, uncovered: -back.lapsed, unlimited: false },
  );
}

/** Whether the entity of a use is the one that is there now: not removed since, nor made anew. */
function hasStayed(customer: Customer, use: Use): boolean {
  if (use.entity === null) return true;
  const entity = customer.entities.find(({ id }) => id === use.entity);
  return entity !== undefined && entity.bornAfter <= customer.uses.indexOf(use);
}

/** What is left of a use, and of its late confirmation, after what was given back before and after that. */
function leftOf(customer: Customer, use: Use, refunds: readonly Use[]): Lot[] {
  const less = (lots: readonly Lot[], returned: readonly Use[]) =>
    divide(lots, sum(returned.map(({ value }) => -value))).kept;
  const late = lateOf(customer, use);
  if (late === undefined) return less(use.lots, refunds);
  const isEarlier = (each: Use) => customer.uses.indexOf(each) < customer.uses.indexOf(late);
  const [earlier, later] = [refunds.filter(isEarlier), refunds.filter((each) => !isEarlier(each))];
  return less([...less(use.lots, earlier), ...late.lots], later);
}

/** A refund's key is unique for its use alone. */
const refundKeyOf = (key: string): string => `refund ${key}`;

function useOf(customer: Customer, { label, key }: RefundAsk): Use | undefined {
  if (label !== undefined) {
    const named = customer.uses.find((use) => use.label === label);
    // Shrinking has taken away what the step refers to.
    if (named === undefined) throw new Unknown(`the use ${label}`);
    return named;
  }
  // One key of a use by an event's name, which charged several features.
  if (customer.uses.some((use) => use.key?.startsWith(`${key} event `)))
    throw new Refusal("invalid_argument");
  return findUse(customer, key ?? "") ?? findUse(customer, holdKey(key ?? ""));
}
