/** Refunds of uses that have happened: at most once in sum. */
import { sum, type Nano } from "./amounts.js";
import { holdKey, refuseTwoEvents } from "./holds.js";
import { divide, restore } from "./returns.js";
import { findUse, record, replayed, type UseAnswer } from "./uses.js";
import { Refusal, Unknown, type Customer, type Use, type World } from "./world.js";

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
  const earlier = customer.uses.filter(({ refundOf }) => refundOf === use);
  const repeated = earlier.find(({ key }) => ask.refundKey !== null && key === refundKeyOf(ask.refundKey));
  if (repeated !== undefined) {
    if (ask.units !== null && repeated.value !== -ask.units) throw new Refusal("idempotency_conflict");
    return replayed(repeated);
  }
  const returned = sum(earlier.map(({ value }) => -value));
  const left = use.value - use.uncovered - returned;
  const units = ask.units ?? left;
  if (units < 0n || units > left) throw new Refusal("invalid_amount");
  const scope = { feature: use.feature ?? "", entity: use.entity };
  const { kept } = divide(use.lots, returned);
  const { lots, lapsed } = restore(world, customer, scope, { lots: kept, recordedAt: use.at }, units);
  const key = ask.refundKey === null ? null : refundKeyOf(ask.refundKey);
  return record(
    world,
    customer,
    { ...scope, units: -units, key, label: null, refundOf: use },
    { lots, uncovered: -lapsed, unlimited: false },
  );
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
  const found = findUse(customer, key ?? "") ?? findUse(customer, holdKey(key ?? ""));
  if (found?.key === holdKey(key ?? "")) refuseTwoEvents(customer, key ?? "");
  return found;
}
