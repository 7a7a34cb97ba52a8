/** The limits of a feature, counted anew from the log each time that they are looked at. */
import { least, notBelowZero, sum, type Nano } from "./amounts.js";
import type { Pool } from "../terms.js";
import { boundaryUpTo, type Interval } from "./calendar.js";
import { poolsIn, type Scope } from "./order.js";
import { isLive, rowOf, type Control, type Customer, type Limit, type World } from "./world.js";

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

/** Weeks begin on Mondays, months and years on their first day. */
export const CALENDAR: Partial<Record<Interval, number>> = { week: 345_600_000 };

/** Where the periods of the main plan of a row begin: of the one that has lasted longest; null if it has none. */
export function cycleOf(world: World, customer: Customer, { feature, entity }: Scope): number | null {
  const main = rowOf(customer, feature, entity).filter(
    (pot) => pot.period !== null && isLive(pot, world.now) && !pot.addOn,
  );
  const ofPlans = main.filter(({ plan }) => plan !== null);
  const anchors = (ofPlans.length > 0 ? ofPlans : main).flatMap(({ period }) => period?.anchor ?? []);
  return anchors.length === 0 ? null : Math.min(...anchors);
}

/** Before a draw, limits follow the periods of what pays: their own row's, else those of what pays for them. */
export function alignLimits(world: World, customer: Customer, scope: Scope): void {
  const pools = poolsIn(world, scope);
  for (const control of customer.controls) {
    const place = pools.findIndex(({ feature }) => feature === control.feature);
    if (place === -1 || !isInScope(control, scope)) continue;
    const payers = place === 0 ? pools : pools.slice(place, place + 1);
    const cycle = payingCycle(world, customer, control.entity, payers);
    for (const limit of control.limits ?? []) {
      if (cycle === null || !limit.follows || limit.anchor === cycle) continue;
      if (cycle > windowStart(limit, world.now)) limit.counted = [];
      else {
        limit.counted = [{ at: world.now, amount: countOf(limit, world.now) }];
        limit.since = Math.max(limit.since, windowStart(limit, world.now));
      }
      limit.anchor = cycle;
    }
  }
}

const isInScope = (control: Control, { entity }: Scope) =>
  control.entity === null || entity === null || control.entity === entity;

function payingCycle(
  world: World,
  customer: Customer,
  entity: string | null,
  pools: readonly Pool[],
): number | null {
  for (const owner of new Set([entity, null])) {
    for (const { feature } of pools) {
      const cycle = cycleOf(world, customer, { feature, entity: owner });
      if (cycle !== null) return cycle;
    }
  }
  return null;
}

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
    if (at < limit.since) continue;
    limit.counted.push({ at, amount: -amount });
    const counted = countOf(limit, now);
    // What was drawn in the very millisecond in which it was set may be none of its.
    if (counted < 0n) limit.counted.push({ at: now, amount: -counted });
  }
}

/** A limit that follows the plan's periods begins anew where those do. */
export function anchorLimits(customer: Customer, { feature, entity }: Scope, anchor: number): void {
  const control = customer.controls.find((each) => each.feature === feature && each.entity === entity);
  for (const limit of [...(control?.limits ?? []), ...(control?.idle ?? [])]) {
    if (![0, ...Object.values(CALENDAR)].includes(limit.anchor))
      Object.assign(limit, { anchor, counted: [] });
  }
}
