/** Amounts drawn ahead of a use, until they are settled. */
import { plain, type Nano } from "./amounts.js";
import { boundaryUpTo, DAY } from "./calendar.js";
import { openCustomer } from "./customers.js";
import { decide, draw } from "./draws.js";
import { poolsIn, type Scope } from "./order.js";
import { restore } from "./returns.js";
import { summaryOf } from "./summaries.js";
import { Exceeded, findUse, record, replayed, type UseAnswer } from "./uses.js";
import {
  assertEntity,
  customerOf,
  KnownWrong,
  Refusal,
  type Customer,
  type Hold,
  type Lot,
  type Use,
  type World,
} from "./world.js";

/** Where a settled hold, and its late confirmation, are found: beside all keys of an app. */
export const holdKey = (id: string): string => `hold ${id}`;
const lateKey = (id: string): string => `late ${id}`;

export interface Held {
  expiresAt: number;
  replayed: boolean;
}

export interface Settled extends UseAnswer {
  late: boolean;
  lapsed: number;
}

export function reserve(
  world: World,
  customerId: string,
  ask: Scope & { units: Nano; ttl: number; id: string },
): Held {
  const repeated = repeatOfHold(world, world.customers.get(customerId), ask);
  if (repeated !== null) return { expiresAt: repeated.expires, replayed: true };
  const { id, feature, entity, units } = ask;
  const customer = openCustomer(world, customerId, entity);
  refuse(world, customer, ask);
  const { lots, unlimited } = draw(world, customer, ask, false);
  const hold: Hold = {
    id,
    feature,
    entity,
    value: units,
    asked: units,
    lots,
    unlimited,
    reported: null,
    since: world.now,
    expires: world.now + ask.ttl,
  };
  customer.holds.push(hold);
  return { expiresAt: hold.expires, replayed: false };
}

/** Throws what a check would say no to. */
function refuse(world: World, customer: Customer, ask: Scope & { units: Nano }): void {
  const decision = decide(world, customer, ask);
  if (ask.units > 0n && !decision.allowed)
    throw new Exceeded({ ...decision, ...summaryOf(world, customer, ask) });
}

function repeatOfHold(
  world: World,
  customer: Customer | undefined,
  { id, feature, entity, units }: Scope & { units: Nano; id: string },
): Hold | null {
  const open = customer?.holds.find((hold) => hold.id === id);
  if (open === undefined) {
    if (findUse(customer, holdKey(id)) !== undefined) throw new Refusal("reservation_closed");
    return null;
  }
  const isSame = open.feature === feature && open.entity === entity && open.asked === units;
  if (!isSame) throw new Refusal("idempotency_conflict");
  if (open.expires <= world.now) throw new Refusal("reservation_closed");
  return open;
}

export function report(world: World, customerId: string, id: string, total: Nano): void {
  openHold(world, customerId, id).hold.reported = total;
}

export function extend(
  world: World,
  customerId: string,
  id: string,
  units: Nano,
  ttl: number | null,
): boolean {
  const { customer, hold } = openHold(world, customerId, id);
  if (units > 0n) {
    refuseTie(world, customer, hold);
    const ask = { ...hold, units };
    if (!decide(world, customer, ask).allowed) return false;
    const { lots, unlimited } = draw(world, customer, ask, false);
    hold.lots = joined(world, customer, hold, hold.lots, lots);
    hold.value += units;
    hold.unlimited ||= unlimited;
  }
  const wanted = ttl === null ? 0 : world.now + ttl;
  hold.expires = Math.max(hold.expires, Math.min(hold.since + DAY, wanted));
  return hold.expires >= wanted;
}

/** An extension creates nothing that says when it was: of holds in one millisecond the ledger guesses the order. */
function refuseTie({ now }: World, { holds }: Customer, hold: Hold): void {
  const isNow = (each: Hold) => each.since === now || each.lots.some(({ at }) => at === now);
  if (holds.some((each) => each !== hold && isNow(each)))
    throw new KnownWrong("which came first: an extension, or another hold of the same millisecond");
}

/** Draws of one pot one after the other are one, where it makes no difference when each of them was. */
function joined(
  world: World,
  customer: Customer,
  scope: Scope,
  earlier: readonly Lot[],
  later: readonly Lot[],
): Lot[] {
  const [last, first] = [earlier.at(-1), later[0]];
  const isOne = last !== undefined && first !== undefined && isOnePeriod(world, customer, scope, last, first);
  if (!isOne || last.lapses !== first.lapses) return [...earlier, ...later];
  const both = { ...last, amount: last.amount + first.amount, units: last.units + first.units };
  return [...earlier.slice(0, -1), both, ...later.slice(1)];
}

/** No period has ended between two draws of one pot: of a limit, or of what the pot charges or carries. */
function isOnePeriod(world: World, customer: Customer, scope: Scope, a: Lot, b: Lot): boolean {
  const pot = customer.pots.find(({ serial }) => serial === a.pot);
  if (a.pot !== b.pot || pot === undefined) return false;
  const isOwed = pot.usageBased !== null || pot.carries;
  const periods = isOwed && pot.period !== null ? [pot.period] : [];
  const pools = poolsIn(world, scope).map(({ feature }) => feature);
  const limits = customer.controls
    .filter(({ feature, entity }) => pools.includes(feature) && (entity ?? scope.entity) === scope.entity)
    .flatMap((control) => control.limits ?? []);
  const [first, last] = [Math.min(a.at, b.at), Math.max(a.at, b.at)];
  return (
    limits.every(({ since }) => since <= first) &&
    [...periods, ...limits].every(({ every, anchor }) => boundaryUpTo(every, anchor, last) <= first)
  );
}

export function confirm(world: World, customerId: string, id: string, total: Nano | null): Settled {
  const customer = world.customers.get(customerId);
  const hold = customer?.holds.find((each) => each.id === id);
  if (customer !== undefined && hold !== undefined)
    return settle(world, customer, hold, total ?? hold.value, false);
  const use = settledUse(customer, id);
  const confirmed = total ?? use.held ?? use.value;
  if (use.expired === true) return confirmLate(world, customerOf(world, customerId), use, id, confirmed);
  if (confirmed !== use.value) throw new Refusal("reservation_closed");
  return settledAgain(use);
}

export function release(world: World, customerId: string, id: string): Settled {
  const customer = world.customers.get(customerId);
  const hold = customer?.holds.find((each) => each.id === id);
  if (customer !== undefined && hold !== undefined)
    return settle(world, customer, hold, hold.reported ?? 0n, false);
  const use = settledUse(customer, id);
  const again = settledAgain(use);
  return { ...again, late: again.late || use.expired === true };
}

/** Less than was held goes back to the very pots; more is charged as far as it goes. */
function settle(world: World, customer: Customer, hold: Hold, units: Nano, isExpired: boolean): Settled {
  const { id, feature, entity, value } = hold;
  let [lots, uncovered, lapsed, unlimited] = [hold.lots, 0n, 0n, hold.unlimited];
  if (units < value) {
    const returned = restore(world, customer, hold, lots, value - units);
    ({ kept: lots, lapsed } = returned);
    // The event of a settlement tells what stays charged, not who else got what came back.
    for (const taker of returned.takers) taker.isLedgered = false;
  } else if (units > value) {
    const more = draw(world, customer, { feature, entity, units: units - value }, false);
    lots = joined(world, customer, hold, lots, more.lots);
    ({ uncovered } = more);
    unlimited ||= more.unlimited;
  }
  customer.holds = customer.holds.filter((each) => each !== hold);
  const late = world.now >= hold.expires && !isExpired;
  const use = {
    feature,
    entity,
    units,
    key: holdKey(id),
    label: null,
    held: value,
    expired: isExpired,
    ...(late && { lateTotal: units }),
    lapsed,
  };
  const answer = record(world, customer, use, { lots, uncovered, unlimited });
  return { ...answer, late, lapsed: plain(lapsed) };
}

const settledAgain = (use: Use): Settled => ({
  ...replayed(use),
  late: use.lateTotal !== undefined,
  lapsed: plain(use.lapsed ?? 0n),
});

/** A swept hold is settled at what was reported: a late confirmation charges what is more. */
function confirmLate(world: World, customer: Customer, swept: Use, id: string, confirmed: Nano): Settled {
  const repeated = findUse(customer, lateKey(id));
  if (repeated !== undefined && repeated.lateTotal !== confirmed) throw new Refusal("reservation_closed");
  if (repeated !== undefined) return asOne(swept, replayed(repeated), confirmed);
  assertEntity(customer, swept.entity);
  const more = confirmed - swept.value;
  if (more < 0n) throw new Refusal("reservation_closed");
  const scope = { feature: swept.feature ?? "", entity: swept.entity };
  const outcome = draw(world, customer, { ...scope, units: more }, false);
  const use = { ...scope, units: more, key: lateKey(id), label: null, lateTotal: confirmed };
  return asOne(swept, record(world, customer, use, outcome), confirmed);
}

/** To the caller both settlements are one. */
function asOne(swept: Use, late: UseAnswer, confirmed: Nano): Settled {
  const applied = swept.value - swept.uncovered + BigInt(Math.round(late.applied * 1e9));
  return {
    ...late,
    value: plain(confirmed),
    applied: plain(applied),
    uncovered: plain(confirmed - applied),
    late: true,
    lapsed: plain(swept.lapsed ?? 0n),
  };
}

/** A day from a hold's start is told to the thousandth of a millisecond: at that very one it is open, or not. */
export function refuseDoubt(world: World): void {
  const holds = [...world.customers.values()].flatMap((each) => each.holds);
  if (holds.some((hold) => isCapped(hold) && hold.expires === world.now))
    throw new KnownWrong("whether a hold of a day is over at its last millisecond");
}

const isCapped = ({ since, expires }: Hold): boolean => expires === since + DAY;

/** Settles what nobody has settled in time, at what was reported. */
export function sweepHolds(world: World): void {
  for (const customer of world.customers.values()) {
    const due = customer.holds.filter(({ expires }) => expires <= world.now);
    if (
      due.some((hold) => isCapped(hold) && due.some((each) => each !== hold && each.expires === hold.expires))
    )
      throw new KnownWrong("which of two holds was over first, where one has lasted a day");
    for (const hold of due.sort((a, b) => a.expires - b.expires))
      settle(world, customer, hold, hold.reported ?? 0n, true);
  }
}

/** A swept hold that was confirmed late for more: what that charged is a part of the same use. */
export const lateOf = (customer: Customer, swept: Use): Use | undefined =>
  swept.expired === true ? findUse(customer, lateKey(swept.key?.replace("hold ", "") ?? "")) : undefined;

function openHold(world: World, customerId: string, id: string): { customer: Customer; hold: Hold } {
  const customer = world.customers.get(customerId);
  const hold = customer?.holds.find((each) => each.id === id);
  if (customer !== undefined && hold !== undefined) return { customer, hold };
  settledUse(customer, id);
  throw new Refusal("reservation_closed");
}

function settledUse(customer: Customer | undefined, id: string): Use {
  const use = customer && findUse(customer, holdKey(id));
  if (use === undefined) throw new Refusal("reservation_not_found");
  return use;
}
