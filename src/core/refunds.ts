/** Returning earlier draws to the very grants that paid them. */
import { atLeastZero, exact, larger, smaller, stored, ZERO, type Decimal } from "./amounts.js";
import { copyOf, type Balance, type Grant } from "./balances.js";
import { askedFeature, draw, limitsOf, type Draw } from "./draws.js";
import { assert } from "./errors.js";
import type { Scope } from "./order.js";
import { lastBoundary } from "./periods.js";

export interface Restored<Row extends Balance = Balance> {
  rows: Row[];
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
  const kept: Draw[] = [];
  let [returning, lapsed, homeless] = [exact(units), ZERO, ZERO];
  for (const past of [...drawn].reverse()) {
    const [back, stays] = split(past, returning);
    returning = returning.minus(back.units);
    if (stays.units > 0) kept.unshift(stays);
    if (back.units === 0) continue;
    const home = findGrant(rows, past.grantId);
    if (past.until !== undefined && scope.now >= past.until) {
      lapsed = lapsed.plus(back.units);
    } else if (home === undefined) {
      homeless = homeless.plus(back.units);
    } else {
      returnTo(home.grant, exact(back.amount));
      if (home.grant.unlimited) continue;
      const uncount = (featureId: string, amount: number) =>
        uncountLimits(rows, featureId, scope, drawnAt, amount);
      if (home.row.featureId !== asked) uncount(home.row.featureId, back.amount);
      uncount(asked, back.units);
    }
  }
  assert(returning.eq(0), "no more is returned than was drawn");
  if (homeless.eq(0)) return { rows, kept, lapsed: stored(lapsed) };
  const refilled = draw(rows, { ...scope, units: stored(homeless.neg()) }, "cap");
  return { rows: refilled.rows, kept, lapsed: stored(lapsed.minus(refilled.uncovered)) };
}

/** Divides a draw into what goes back of `returning` units, and what stays: charged in proportion, rounded up. */
function split(past: Draw, returning: Decimal): [back: Draw, stays: Draw] {
  const units = smaller(returning, exact(past.units));
  const staying = exact(past.units).minus(units);
  const amount = staying.eq(0) ? ZERO : exact(past.amount).times(staying).div(past.units).round(9, 3);
  return [
    { ...past, units: stored(units), amount: stored(exact(past.amount).minus(amount)) },
    { ...past, units: stored(staying), amount: stored(amount) },
  ];
}

function findGrant(rows: readonly Balance[], grantId: string): { row: Balance; grant: Grant } | undefined {
  for (const row of rows) {
    const grant = row.grants.find(({ id }) => id === grantId);
    if (grant !== undefined) return { row, grant };
  }
  return undefined;
}

/** A grant never gets back more than was taken from it: a reset in between has already forgotten it. */
function returnTo(grant: Grant, amount: Decimal): void {
  const taken = grant.unlimited ? amount : smaller(amount, atLeastZero(exact(grant.used)));
  grant.used = stored(exact(grant.used).minus(taken));
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
