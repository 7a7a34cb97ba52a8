/** Returning earlier draws to the very grants that paid them. */
import {
  atLeastZero,
  exact,
  larger,
  priceOf,
  smaller,
  stored,
  unitsFor,
  ZERO,
  type Decimal,
} from "./amounts.js";
import { copyOf, type Balance, type Grant } from "./balances.js";
import { askedFeature, draw, limitsOf, type Draw } from "./draws.js";
import { assert } from "./errors.js";
import type { Scope } from "./order.js";
import { lastBoundary } from "./periods.js";

export interface Restored<Row extends Balance = Balance> {
  rows: Row[];
  /** What came back, below 0: to the grants that had paid, or to others in their place. */
  draws: Draw[];
  /** What of the draws stays charged. */
  kept: Draw[];
  /** Units that came back to nobody, since their period was over anyway. */
  lapsed: number;
}

/**
 * Returns `units` of `drawn` (which happened at `drawnAt`), last in, first out. A draw past its
 * `until` has lapsed: nothing comes back. A grant that is gone by a plan change, its draw not
 * lapsed: back in normal order. Limits count it back while their period is still the draw's.
 */
export function restore<Row extends Balance>(
  given: readonly Row[],
  drawn: readonly Draw[],
  drawnAt: number,
  units: number,
  scope: Scope,
): Restored<Row> {
  const rows = given.map(copyOf);
  const asked = askedFeature(scope);
  const { kept, returning } = divide(drawn, units);
  const draws: Draw[] = [];
  let [lapsed, homeless] = [ZERO, ZERO];
  for (const past of returning) {
    const home = findGrant(rows, past.grantId);
    if (home?.grant.unlimited !== true) uncountLimits(rows, asked, scope, drawnAt, past.units);
    if (home !== undefined && home.row.featureId !== asked && !home.grant.unlimited) {
      uncountLimits(rows, home.row.featureId, scope, drawnAt, past.amount);
    }
    if (past.until !== undefined && scope.now >= past.until) {
      lapsed = lapsed.plus(past.units);
    } else if (home === undefined) {
      homeless = homeless.plus(past.units);
    } else {
      const back = returnTo(home.grant, past);
      if (back.units !== 0) draws.push({ ...back, amount: 0 - back.amount, units: 0 - back.units });
      else if (back.amount !== 0) draws.push({ ...back, amount: 0 - back.amount });
      lapsed = lapsed.plus(past.units).minus(back.units);
    }
  }
  if (homeless.eq(0)) return { rows, draws, kept, lapsed: stored(lapsed) };
  const refilled = draw(rows, { ...scope, units: stored(homeless.neg()) }, "cap");
  return {
    rows: refilled.rows,
    draws: [...draws, ...refilled.draws],
    kept,
    lapsed: stored(lapsed.minus(refilled.uncovered)),
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

function findGrant(rows: readonly Balance[], grantId: string): { row: Balance; grant: Grant } | undefined {
  for (const row of rows) {
    const grant = row.grants.find(({ id }) => id === grantId);
    if (grant !== undefined) return { row, grant };
  }
  return undefined;
}

/**
 * Puts a draw back into its grant; answers what of it there was to put back. A debt that was carried
 * over a reset, and that the next period has paid, has lapsed with that period.
 */
function returnTo(grant: Grant, past: Draw): Draw {
  const isDebt = grant.carry === true && grant.reset !== undefined && past.until === undefined;
  const room = isDebt ? atLeastZero(exact(grant.used)) : exact(past.amount);
  const [back] = room.lt(past.amount) ? split(past, unitsFor(room, rateOf(past))) : [past];
  grant.used = stored(exact(grant.used).minus(back.amount));
  return back;
}

function uncountLimits(
  rows: readonly Balance[],
  featureId: string,
  scope: Scope,
  drawnAt: number,
  amount: number,
): void {
  for (const limit of limitsOf(rows, featureId, scope.entityId)) {
    if (lastBoundary(limit, scope.now) > drawnAt) continue;
    limit.used = stored(larger(ZERO, exact(limit.used).minus(amount)));
  }
}
