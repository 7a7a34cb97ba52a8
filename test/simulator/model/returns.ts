/** Giving back what a use took, to the very pots that paid, the last first. */
import { least, notBelowZero, scaledDown, scaledUp, type Nano } from "./amounts.js";
import { giveBack } from "./draws.js";
import { refuseWrongWindow, uncount } from "./limits.js";
import type { Scope } from "./order.js";
import { drawFrom, KnownWrong, type Customer, type Drawn, type Lot, type Pot, type World } from "./world.js";

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

/**
 * Gives back `units` of `lots`. `recordedAt` is when the deployment says that all of them were drawn:
 * when the event was written, or the hold was made.
 */
export function restore(
  world: World,
  customer: Customer,
  scope: Scope,
  { lots, recordedAt }: { lots: readonly Lot[]; recordedAt: number },
  units: Nano,
): Returned {
  const { kept, returning } = divide(lots, units);
  const back: Lot[] = [];
  let [lapsed, homeless] = [0n, 0n];
  for (const lot of returning) {
    const home = customer.pots.find(({ serial }) => serial === lot.pot);
    const isCounted = home?.endless !== true;
    const isCredits = home !== undefined && home.feature !== scope.feature;
    for (const { at, units: drawn, amount } of isCounted ? lot.parts : []) {
      refuseWrongWindow(customer, scope, at, recordedAt, world.now);
      uncount(customer, scope, at, drawn, world.now);
      if (!isCredits) continue;
      const credits = { feature: home.feature, entity: scope.entity };
      refuseWrongWindow(customer, credits, at, recordedAt, world.now);
      uncount(customer, credits, at, amount, world.now);
    }
    if (lot.lapses !== null && world.now >= lot.lapses) {
      lapsed += lot.units;
      if (home !== undefined) home.isLedgered = false;
    } else if (home === undefined) {
      homeless += lot.units;
    } else {
      const returned = putBack(customer, home, lot);
      if (returned.units !== 0n || returned.amount !== 0n) back.push(negated(returned));
      lapsed += lot.units - returned.units;
    }
  }
  if (homeless === 0n) return { lots: back, kept, lapsed, takers: [] };
  const refilled = giveBack(world, customer, scope, homeless);
  const takers = customer.pots.filter(({ serial }) => refilled.lots.some(({ pot }) => pot === serial));
  for (const taker of takers) taker.tookReturns = true;
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
  const amount = scaledUp(units, lot.amount, lot.units);
  const [staying, going] = splitParts(lot.parts, { units, amount });
  return [
    { ...lot, units: back, amount: lot.amount - amount, parts: going },
    { ...lot, units, amount, parts: staying },
  ];
}

/** The earliest parts stay, up to so many units and so much of the amount. */
function splitParts(
  parts: readonly Drawn[],
  { units, amount }: { units: Nano; amount: Nano },
): [staying: Drawn[], going: Drawn[]] {
  let [unitsLeft, amountLeft] = [units, amount];
  const [staying, going]: [Drawn[], Drawn[]] = [[], []];
  for (const part of parts) {
    const kept = { at: part.at, units: least(part.units, unitsLeft), amount: least(part.amount, amountLeft) };
    staying.push(kept);
    going.push({ at: part.at, units: part.units - kept.units, amount: part.amount - kept.amount });
    unitsLeft -= kept.units;
    amountLeft -= kept.amount;
  }
  return [staying, going];
}

/** Puts a lot back; answers what of it there was to put back: of a debt that was paid since, nothing. */
function putBack(customer: Customer, pot: Pot, lot: Lot): Lot {
  if (pot.carries && pot.period !== null && pot.ends !== null) {
    throw new KnownWrong("a debt that expires one day cannot be told from what was granted");
  }
  const isDebt = pot.carries && pot.period !== null && lot.lapses === null;
  const room = isDebt ? notBelowZero(pot.used) : lot.amount;
  const units = room < lot.amount ? scaledDown(room, lot.units, lot.amount) : lot.units;
  const [back] = split(lot, units);
  if (pot.used < back.amount && pot.tookReturns) {
    throw new KnownWrong("more comes back to a pot than was drawn of it, after what came back of others");
  }
  if (units < lot.units) pot.isLedgered = false;
  drawFrom(customer, pot, -back.amount);
  return back;
}

const negated = (lot: Lot): Lot => ({ ...lot, amount: -lot.amount, units: -lot.units, parts: [] });
