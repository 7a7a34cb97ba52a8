/** Giving back what a use took, to the very pots that paid, the last first. */
import { least, notBelowZero, scaledDown, scaledUp, type Nano } from "./amounts.js";
import { boundaryUpTo } from "./calendar.js";
import { giveBack } from "./draws.js";
import { uncount } from "./limits.js";
import type { Scope } from "./order.js";
import { chargeOf } from "./prices.js";
import { drawFrom, type Charge, type Customer, type Lot, type Pot, type World } from "./world.js";

export interface Returned {
  /** What came back, below zero. */
  lots: Lot[];
  /** What of the lots stays charged. */
  kept: Lot[];
  /** Units that came back to nobody. */
  lapsed: Nano;
  /** What came back of pots that are gone went into these. */
  takers: Pot[];
}

/** Gives back `units` of `lots`. */
export function restore(
  world: World,
  customer: Customer,
  scope: Scope,
  lots: readonly Lot[],
  units: Nano,
  entityIsGone = false,
): Returned {
  const { kept, returning } = divide(lots, units);
  const back: Lot[] = [];
  let [lapsed, homeless] = [0n, 0n];
  for (const lot of returning) {
    const home = customer.pots.find(({ serial }) => serial === lot.pot);
    if (home?.endless !== true) {
      uncount(customer, scope, lot.at, lot.units, world.now);
      if (home !== undefined && home.feature !== scope.feature)
        uncount(customer, { feature: home.feature, entity: scope.entity }, lot.at, lot.amount, world.now);
    }
    const [off, rest] = takeOffCharge(world, customer, lot);
    if (off.units !== 0n || off.amount !== 0n) back.push(negated(off));
    if (lot.lapses !== null && world.now >= lot.lapses) {
      lapsed += rest.units;
      if (home !== undefined) home.isLedgered = false;
    } else if (home === undefined) {
      homeless += rest.units;
    } else {
      const returned = putBack(world, customer, home, rest);
      if (returned.units !== 0n || returned.amount !== 0n) back.push(negated(returned));
      lapsed += rest.units - returned.units;
    }
  }
  if (homeless === 0n) return { lots: back, kept, lapsed, takers: [] };
  // What an entity took with it comes back to none but one of its id.
  const pots = customer.pots.filter(({ entity }) => !entityIsGone || entity === scope.entity);
  const refilled = giveBack(world, { ...customer, pots }, scope, homeless);
  const takers = customer.pots.filter(({ serial }) => refilled.lots.some(({ pot }) => pot === serial));
  return { lots: [...back, ...refilled.lots], kept, lapsed: lapsed - refilled.uncovered, takers };
}

/** Divides lots into what stays and what returns when `units` of them go back, the last first. */
export function divide(lots: readonly Lot[], units: Nano): { kept: Lot[]; returning: Lot[] } {
  const kept: Lot[] = [];
  const returning: Lot[] = [];
  let todo = units;
  for (const lot of [...lots].reverse()) {
    // What paid no unit of its own paid for what was drawn after it, and goes back with that.
    if (lot.units === 0n) {
      if (kept.length === 0) returning.push(lot);
      else kept.unshift(lot);
      continue;
    }
    const back = least(todo, lot.units);
    todo -= back;
    const [gone, stays] = split(lot, back);
    if (gone.units > 0n) returning.push(gone);
    if (stays.units > 0n) kept.unshift(stays);
  }
  return { kept, returning };
}

/** What stays of a lot is charged in proportion, rounded up. */
function split(lot: Lot, back: Nano): [gone: Lot, stays: Lot] {
  const units = lot.units - back;
  const amount = lot.units === 0n ? lot.amount : scaledUp(units, lot.amount, lot.units);
  return [
    { ...lot, units: back, amount: lot.amount - amount },
    { ...lot, units, amount },
  ];
}

/** What of a lot fits into `room`, and what does not. */
function partOf(lot: Lot, room: Nano): [part: Lot, rest: Lot] {
  if (room >= lot.amount) return [lot, { ...lot, amount: 0n, units: 0n }];
  return split(lot, scaledDown(room, lot.units, lot.amount));
}

/** Overage of a period that is closed comes off its charge; what is held is returned as well. */
function takeOffCharge(world: World, customer: Customer, lot: Lot): [off: Lot, rest: Lot] {
  const [charge] = world.charges
    .filter(
      ({ customer: id, pot, to }) =>
        id === customer.id && pot === lot.pot && lot.at < to && to <= (lot.lapses ?? Infinity),
    )
    .sort((a, b) => a.to - b.to);
  const nothing = { ...lot, amount: 0n, units: 0n };
  if (charge === undefined) return [nothing, lot];
  const [off, rest] = partOf(lot, charge.overage);
  const overage = charge.overage - off.amount;
  const { price, granted, isHeld } = charge.terms;
  const corrected: Charge = { ...charge, overage, amount: chargeOf(price, granted + overage, granted) };
  world.charges = world.charges.flatMap((each) =>
    each !== charge ? [each] : overage === 0n ? [] : [corrected],
  );
  return isHeld ? [nothing, lot] : [off, rest];
}

/** Puts a lot back; answers what of it there was to put back: of an earlier period, a debt that is carried still. */
function putBack(world: World, customer: Customer, pot: Pot, lot: Lot): Lot {
  const { period } = pot;
  const isOlder =
    pot.carries && period !== null && lot.at < boundaryUpTo(period.every, period.anchor, world.now);
  const room = isOlder ? least(pot.base, pot.used) : pot.used - least(pot.base, 0n);
  const [back] = partOf(lot, notBelowZero(room));
  if (back.units < lot.units) pot.isLedgered = false;
  drawFrom(customer, pot, -back.amount);
  if (isOlder && pot.base > 0n) pot.base -= back.amount;
  return back;
}

const negated = (lot: Lot): Lot => ({ ...lot, amount: -lot.amount, units: -lot.units });
