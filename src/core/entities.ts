/** The rules of a customer's parts: the seat that one takes when it comes, and what it leaves when it goes. */
import { advance, carryUsage, type ClosedPeriod } from "./advance.js";
import { atLeastZero, exact, nearest, total, ZERO, type Decimal } from "./amounts.js";
import { isCurrent, over, type Balance, type Grant } from "./balances.js";
import { defaultOnInsufficient, draw, type Ask, type Outcome } from "./draws.js";
import { burnOrder, type Scope } from "./order.js";
import { lastBoundary } from "./periods.js";

/**
 * Draws what an entity uses of the feature that counts it, all or nothing. Unless told, free seats may
 * go below zero and paid ones may not, as with any use (Autumn's rule). Null if nothing that the
 * customer has counts such entities: it comes uncounted, as Autumn's do, unless told to `reject`.
 */
export function drawSeat<Row extends Balance>(
  rows: readonly Row[],
  ask: Ask,
  onInsufficient?: "reject" | "overflow",
): Outcome<Row> | null {
  if (onInsufficient !== "reject" && !counts(ownRows(rows), ask.now)) return null;
  const policy = onInsufficient ?? defaultOnInsufficient(rows, ask, false);
  return draw(rows, ask, policy === "overflow" ? "overflow" : "reject");
}

/** Whether any grant counts: one that a missing payment has stopped as well, which then pays for no more. */
const counts = (rows: readonly Balance[], now: number): boolean =>
  rows.some(({ grants }) => grants.some((grant) => isCurrent(grant, now)));

/** The customer's own: those of his entities are there where a spend limit spans them, and count no seats. */
const ownRows = <Row extends Balance>(rows: readonly Row[]): Row[] =>
  rows.filter(({ entityId }) => entityId === undefined);

/** How many of a customer's `entities` the feature that counts them has not counted; 0 if nothing can count them. */
export function uncountedSeats(rows: readonly Balance[], scope: Scope, entities: number): number {
  const own = ownRows(rows);
  if (burnOrder(own, scope).length === 0) return 0;
  // What was set above a grant by hand is more to use, and nobody's seat that is missing.
  const drawn = ({ used, base = 0 }: Grant) => exact(used).minus(Math.min(base, 0));
  const used = own.flatMap(({ grants }) => grants.filter((grant) => isCurrent(grant, scope.now)).map(drawn));
  return nearest(atLeastZero(exact(entities).minus(total(used))));
}

/** Ends all of a balance that is advanced to `now`: its usage-based periods close. */
export function endBalance<Row extends Balance>(
  balance: Row,
  now: number,
): { balance: Row; closed: ClosedPeriod[] } {
  const ending = balance.grants.map((grant) => ({
    ...grant,
    expiresAt: Math.min(now, grant.expiresAt ?? now),
  }));
  return advance({ ...balance, grants: ending }, now);
}

/** What was used of a plan's items per entity in their running periods, and is not charged with their end. */
export function usedPerEntity({ grants }: Balance, now: number): number {
  const counting = grants.filter(
    (grant) => grant.perEntity === true && grant.rolledFrom === undefined && isCurrent(grant, now),
  );
  return nearest(total(counting.map(uncharged)));
}

/** What was used of a grant and is not charged when it ends. */
function uncharged(grant: Grant): Decimal {
  if (grant.unlimited) return ZERO;
  const used = atLeastZero(exact(grant.used));
  return grant.overage !== undefined && grant.carry !== true ? used.minus(over(grant)) : used;
}

/** A grant of an entity that begins, and where its plan's periods are counted from. */
export interface Beginning {
  grant: Grant;
  anchor: number;
}

/**
 * Counts what an earlier entity of the same id had used when it went, at `endedAt`, against the grants
 * of the new one whose periods were running then: leaving and coming back gives nothing back.
 */
export function resumeUsage(
  begun: readonly Beginning[],
  earlier: { used: number; endedAt: number },
  now: number,
): void {
  const running = begun.filter(
    ({ grant, anchor }) =>
      isCurrent(grant, now) &&
      (grant.reset === undefined ? anchor : lastBoundary(grant.reset, now)) <= earlier.endedAt,
  );
  carryUsage(
    running.map(({ grant }) => grant),
    exact(earlier.used),
  );
}
