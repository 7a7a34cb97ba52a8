/** The limits of a feature, counted anew from the log each time that they are looked at. */
import { least, notBelowZero, sum, type Nano } from "./amounts.js";
import { boundaryUpTo } from "./calendar.js";
import type { Scope } from "./order.js";
import { KnownWrong, type Control, type Customer, type Limit } from "./world.js";

/** The entity's own where it has any, else the customer's. */
export function governing(
  customer: Customer,
  feature: string,
  entity: string | null,
  has: (control: Control) => boolean,
): Control | undefined {
  const controls = customer.controls.filter((each) => each.feature === feature && has(each));
  const own = entity === null ? undefined : controls.find((each) => each.entity === entity);
  return own ?? controls.find((each) => each.entity === null);
}

const limitsOf = (customer: Customer, feature: string, entity: string | null): Limit[] =>
  governing(customer, feature, entity, ({ limits }) => limits !== null)?.limits ?? [];

export const windowStart = ({ every, anchor }: Limit, now: number): number =>
  boundaryUpTo(every, anchor, now);

/** What counts against a limit now: what was drawn since its window began. */
export function countOf(limit: Limit, now: number): Nano {
  const from = windowStart(limit, now);
  return sum(limit.counted.filter(({ at }) => at >= from).map(({ amount }) => amount));
}

/** What the limits of a feature still let through; undefined if it has none. */
export function roomOf(
  customer: Customer,
  feature: string,
  entity: string | null,
  now: number,
): Nano | undefined {
  const rooms = limitsOf(customer, feature, entity).map((limit) =>
    notBelowZero(limit.max - countOf(limit, now)),
  );
  return rooms.length === 0 ? undefined : rooms.reduce(least);
}

export function count(customer: Customer, { feature, entity }: Scope, at: number, amount: Nano): void {
  for (const limit of limitsOf(customer, feature, entity)) limit.counted.push({ at, amount });
}

/** Counts back what was drawn at `at`: a window that has begun since does not know of it. */
export function uncount(
  customer: Customer,
  { feature, entity }: Scope,
  at: number,
  amount: Nano,
  now: number,
): void {
  for (const limit of limitsOf(customer, feature, entity)) {
    limit.counted.push({ at, amount: -amount });
    const counted = countOf(limit, now);
    // What was drawn before there was a limit is none of its.
    if (counted < 0n) limit.counted.push({ at: now, amount: -counted });
  }
}

/** The deployment takes all parts of a use for as old as its record; where that makes a difference it is wrong. */
export function refuseWrongWindow(
  customer: Customer,
  { feature, entity }: Scope,
  drawnAt: number,
  recordedAt: number,
  now: number,
): void {
  for (const limit of limitsOf(customer, feature, entity)) {
    const from = windowStart(limit, now);
    if (drawnAt >= from === recordedAt >= from) continue;
    throw new KnownWrong("a limit counts back what was drawn in another window than its record says");
  }
}

/** A limit that follows the plan's periods begins anew where those do. */
export function anchorLimits(customer: Customer, { feature, entity }: Scope, anchor: number): void {
  const control = customer.controls.find((each) => each.feature === feature && each.entity === entity);
  for (const limit of control?.limits ?? []) {
    if (limit.follows) Object.assign(limit, { anchor, counted: [] });
  }
}
