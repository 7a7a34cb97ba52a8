/** Draws that are made at one instant and recorded at another: those of a hold, until it is settled. */
import { exact, nearest } from "./amounts.js";
import { findGrant, type Balance } from "./balances.js";
import { countsFrom } from "./controls.js";
import type { Draw } from "./draws.js";
import { lastBoundary } from "./periods.js";

/** Draws made at `madeAt` (unless they say another instant), as they are recorded at `recordedAt`. */
export const dated = (draws: readonly Draw[], madeAt: number, recordedAt: number): Draw[] =>
  draws.map(({ at = madeAt, ...draw }) => (at === recordedAt ? draw : { ...draw, at }));

/**
 * Draws one after the other, all recorded at `recordedAt`: of one grant and period they are one, so
 * that a hold that grows stays small.
 */
export function joined(
  earlier: readonly Draw[],
  later: readonly Draw[],
  recordedAt: number,
  rows: readonly Balance[],
): Draw[] {
  const [last, next] = [earlier.at(-1), later[0]];
  if (last === undefined || next === undefined) return [...earlier, ...later];
  const isOne =
    last.grantId === next.grantId &&
    last.until === next.until &&
    isOnePeriod(rows, last.grantId, last.at ?? recordedAt, next.at ?? recordedAt);
  if (!isOne) return [...earlier, ...later];
  const sum = (a: number, b: number) => nearest(exact(a).plus(b));
  const both = { ...last, amount: sum(last.amount, next.amount), units: sum(last.units, next.units) };
  return [...earlier.slice(0, -1), both, ...later.slice(1)];
}

/**
 * Whether it makes no difference at which of two instants a draw was: neither to a limit, nor to
 * what the grant charges or carries. Of a grant that is gone nothing is known.
 */
function isOnePeriod(rows: readonly Balance[], grantId: string, a: number, b: number): boolean {
  const grant = findGrant(rows, grantId)?.grant;
  if (grant === undefined) return a === b;
  const [first, last] = [Math.min(a, b), Math.max(a, b)];
  const isOwed = grant.overage !== undefined || grant.carry === true;
  if (isOwed && grant.reset !== undefined && lastBoundary(grant.reset, last) > first) return false;
  return rows.every(({ limits = [] }) => limits.every((limit) => countsFrom(limit, last) <= first));
}
