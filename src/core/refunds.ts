/** Returning earlier draws to the very grants that paid them. */
import {
  atLeastZero,
  exact,
  larger,
  nearest,
  priceOf,
  smaller,
  stored,
  unitsFor,
  ZERO,
  type Decimal,
} from "./amounts.js";
import { copyOf, findGrant, rebase, type Balance, type Grant } from "./balances.js";
import { countsFrom, limitsOf } from "./controls.js";
import { askedFeature, draw, type Draw } from "./draws.js";
import { assert } from "./errors.js";
import type { Scope } from "./order.js";
import { lastBoundary } from "./periods.js";
import { priceOfUsage } from "./prices.js";

/** A closed period whose charge can still be corrected. */
export interface Charged {
  grantId: string;
  to: number;
  /** Units beyond `granted`. */
  overage: number;
  /** What they cost, in whole currency units. */
  amount: number;
  /** What was included, what priced the rest, and whether it resets. */
  terms: Pick<Grant, "granted" | "reset"> & { overage: NonNullable<Grant["overage"]> };
}

export interface Restored<Row extends Balance = Balance, Charge extends Charged = Charged> {
  rows: Row[];
  /** What came back, below 0: to the grants that had paid, to others in their place, or off a charge. */
  draws: Draw[];
  /** What of the draws stays charged. */
  kept: Draw[];
  /** Units that came back to nobody: their period was over anyway, or nothing of them was charged any more. */
  lapsed: number;
  /** The charges that are lower now. */
  charges: Charge[];
}

/**
 * Returns `units` of `drawn` (which happened at `drawnAt`, unless a draw says for itself), last in,
 * first out. The overage of a period that has closed comes off its charge, if it is among `charged`.
 * A draw past its `until` has lapsed: nothing comes back. A grant that is gone by a plan change, its
 * draw not lapsed: back in normal order; gone with its entity: back to none but what one of the same
 * id has now. Never more comes back than is used. Limits count it back while their period is still
 * the draw's.
 */
export function restore<Row extends Balance, Charge extends Charged = Charged>(
  given: readonly Row[],
  drawn: readonly Draw[],
  drawnAt: number,
  units: number,
  scope: Scope,
  charged: readonly Charge[] = [],
  entityIsGone = false,
): Restored<Row, Charge> {
  const rows = given.map(copyOf);
  const charges = charged.map((charge) => ({ ...charge }));
  const { kept, returning } = divide(drawn, units);
  const draws: Draw[] = [];
  const record = (back: Draw) => {
    if (back.units !== 0 || back.amount !== 0)
      draws.push({ ...back, amount: 0 - back.amount, units: 0 - back.units });
  };
  let [lapsed, homeless] = [ZERO, ZERO];
  for (const past of returning) {
    const at = past.at ?? drawnAt;
    const home = findGrant(rows, past.grantId);
    uncount(rows, home, past, at, scope);
    const charge = chargeOf(charges, past, at);
    const [off, rest] = charge === undefined ? [null, past] : takeOff(charge, past);
    if (off !== null) record(off);
    if (past.until !== undefined && scope.now >= past.until) {
      lapsed = lapsed.plus(rest.units);
    } else if (home === undefined) {
      homeless = homeless.plus(rest.units);
    } else {
      const back = returnTo(home.grant, rest, at, scope.now);
      record(back);
      lapsed = lapsed.plus(rest.units).minus(back.units);
    }
  }
  const refillable = rows.filter(({ entityId }) => !entityIsGone || entityId === scope.entityId);
  const refilled = homeless.eq(0)
    ? { rows: refillable, draws: [], uncovered: 0 }
    : draw(refillable, { ...scope, units: stored(homeless.neg()) }, "cap");
  return {
    rows: rows.map((row) => refilled.rows[refillable.indexOf(row)] ?? row),
    draws: [...draws, ...refilled.draws],
    kept,
    lapsed: stored(lapsed.minus(refilled.uncovered)),
    charges: charges.filter(({ overage }, index) => overage !== charged[index]?.overage),
  };
}

/** Divides draws into what stays and what returns when `units` of them go back, the last first. */
export function divide(drawn: readonly Draw[], units: number): { kept: Draw[]; returning: Draw[] } {
  const kept: Draw[] = [];
  const returning: Draw[] = [];
  let todo = exact(units);
  for (const past of [...drawn].reverse()) {
    const [back, stays] = split(past, todo);
    todo = todo.minus(back.units);
    // Dust that paid no unit of its own paid for what was drawn after it, and goes back with that.
    const isDust = past.units === 0 && kept.length === 0;
    if (isDust || back.units > 0) returning.push(isDust ? past : back);
    if (!isDust && (stays.units > 0 || past.units === 0)) kept.unshift(stays);
  }
  assert(todo.eq(0), "no more is returned than was drawn");
  return { kept, returning };
}

/** What goes back of a draw, and what stays: charged in proportion, rounded up. */
function split(past: Draw, todo: Decimal): [back: Draw, stays: Draw] {
  const units = smaller(todo, exact(past.units));
  const staying = exact(past.units).minus(units);
  const amount = units.eq(0) ? exact(past.amount) : priceOf(staying, rateOf(past));
  return [
    { ...past, units: stored(units), amount: stored(exact(past.amount).minus(amount)) },
    { ...past, units: stored(staying), amount: stored(amount) },
  ];
}

/** What a draw's units cost in it: the cost of its day, whatever the catalog says now. */
const rateOf = ({ amount, units }: Draw) => ({ creditAmount: amount, featureAmount: units });

/** The charge of the period that a draw was made in: the first that was closed afterwards. */
export function chargeOf<Charge extends Pick<Charged, "grantId" | "to">>(
  charges: readonly Charge[],
  { grantId, until = Infinity }: Draw,
  at: number,
): Charge | undefined {
  return charges
    .filter((charge) => charge.grantId === grantId && at < charge.to && charge.to <= until)
    .sort((a, b) => a.to - b.to)[0];
}

/** Takes a draw off a charge, as far as it goes; answers what of it comes off, and what is left to return. */
function takeOff(charge: Charged, past: Draw): [off: Draw | null, rest: Draw] {
  const { overage, granted, reset } = charge.terms;
  const [off, rest] = partOf(past, exact(charge.overage));
  charge.overage = stored(exact(charge.overage).minus(off.amount));
  charge.amount = priceOfUsage(overage.price, nearest(exact(granted).plus(charge.overage)), granted);
  // What is held stays held when its period is charged: it is returned as well.
  return reset === undefined ? [null, past] : [off, rest];
}

/**
 * Puts a draw back into its grant; answers what of it there was to put back. Of what an earlier period
 * drew, only a debt is left, as far as it was carried.
 */
function returnTo(grant: Grant, past: Draw, at: number, now: number): Draw {
  const { carry, reset, base = 0 } = grant;
  const isOlder = carry === true && reset !== undefined && at < lastBoundary(reset, now);
  const room = isOlder ? smaller(exact(base), exact(grant.used)) : exact(grant.used).minus(Math.min(base, 0));
  const [back] = partOf(past, atLeastZero(room));
  grant.used = stored(exact(grant.used).minus(back.amount));
  if (isOlder && base > 0) rebase(grant, stored(exact(base).minus(back.amount)));
  return back;
}

/** What of a draw fits into `room` (in the grant's own unit), and what does not. */
function partOf(past: Draw, room: Decimal): [part: Draw, rest: Draw] {
  if (room.gte(past.amount)) return [past, { ...past, amount: 0, units: 0 }];
  return split(past, unitsFor(room, rateOf(past)));
}

/** Limits count back what they counted: nothing of what was without limit. */
function uncount(
  rows: readonly Balance[],
  home: { row: Balance; grant: Grant } | undefined,
  past: Draw,
  at: number,
  scope: Scope,
): void {
  if (home?.grant.unlimited === true) return;
  const asked = askedFeature(scope);
  uncountLimits(rows, asked, scope, at, past.units);
  if (home !== undefined && home.row.featureId !== asked)
    uncountLimits(rows, home.row.featureId, scope, at, past.amount);
}

function uncountLimits(
  rows: readonly Balance[],
  featureId: string,
  scope: Scope,
  drawnAt: number,
  amount: number,
): void {
  for (const limit of limitsOf(rows, featureId, scope.entityId)) {
    if (countsFrom(limit, scope.now) > drawnAt) continue;
    limit.used = stored(larger(ZERO, exact(limit.used).minus(amount)));
  }
}
