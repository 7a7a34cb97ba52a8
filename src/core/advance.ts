/** What time alone does to a balance: starts, resets, rollovers and expiries, each at its instant. */
import { v, type Infer } from "convex/values";
import { atLeastZero, exact, nearest, smaller, total, ZERO, type Decimal } from "./amounts.js";
import { MAX_AMOUNT } from "./arguments.js";
import {
  copyOf,
  left,
  nextChangeAt,
  nextTurnAt,
  over,
  rebase,
  type Balance,
  type Grant,
} from "./balances.js";
import { rollLimits, turnControls } from "./controls.js";
import { burnOrder } from "./order.js";
import { priceOfUsage } from "./prices.js";
import { lastBoundary, monthsAfter, nextBoundary } from "./periods.js";

/** A period of a usage-based grant that is over, with what it owes: the basis of one charge. */
export const closedPeriodValidator = v.object({
  grantId: v.string(),
  source: v.string(),
  planId: v.optional(v.string()),
  featureId: v.string(),
  entityId: v.optional(v.string()),
  from: v.number(),
  /** No two periods of a grant end at the same instant: by grant and end, a charge is one. */
  to: v.number(),
  /** What was included, beyond which it is charged. */
  granted: v.number(),
  /** Units beyond `granted`. */
  overage: v.number(),
  /** What they cost, in whole currency units. */
  amount: v.number(),
});
export type ClosedPeriod = Infer<typeof closedPeriodValidator>;

/**
 * The balance as of `now` (or of the last instant it was written at, if that is later), with the
 * priced periods that closed on the way: whoever stores the balance stores their charges with it.
 * Applies every boundary at or before `now` in order: `advance(advance(b, s), t)` is `advance(b, t)`,
 * and it makes no difference how often anything looked in between.
 */
export function advance<Row extends Balance>(
  balance: Row,
  now: number,
): { balance: Row; closed: ClosedPeriod[] } {
  const until = Math.max(now, balance.advancedAt);
  if ((nextChangeAt(balance) ?? Infinity) > until) {
    return { balance: { ...balance, advancedAt: until }, closed: [] };
  }
  const next = copyOf(balance);
  const closed: ClosedPeriod[] = [];
  for (;;) {
    const at = nextTurnAt(next);
    if (at > until) break;
    next.advancedAt = Math.max(at, next.advancedAt);
    expire(next, at, closed);
    for (const grant of [...next.grants]) {
      if (grant.reset !== undefined && grant.reset.nextAt <= at) reset(next, grant, at, until, closed);
    }
    turnControls(next, at);
    settleDebt(next, at);
  }
  rollLimits(next, until);
  next.advancedAt = until;
  return { balance: next, closed };
}

/** Rows of one decision, all as of the same instant: never before any of them was last written. */
export function advanceAll<Row extends Balance>(
  rows: readonly Row[],
  now: number,
): { rows: Row[]; closed: ClosedPeriod[]; now: number } {
  const at = Math.max(now, ...rows.map((row) => row.advancedAt));
  const advanced = rows.map((row) => advance(row, at));
  return {
    rows: advanced.map(({ balance }) => balance),
    closed: advanced.flatMap(({ closed }) => closed),
    now: at,
  };
}

function expire(balance: Balance, at: number, closed: ClosedPeriod[]): void {
  const ended = balance.grants.filter((grant) => (grant.expiresAt ?? Infinity) <= at);
  if (ended.length === 0) return;
  for (const grant of ended) closePeriod(balance, grant, grant.expiresAt ?? at, closed);
  for (const source of new Set(ended.map((grant) => grant.source))) {
    const heirs = balance.grants.filter((grant) => grant.inherits === source && grant.startsAt === at);
    const own = ended.filter((grant) => grant.source === source);
    // What resets then counts no more, but for a debt, which a reset would have kept as well.
    const counting = (grant: Grant) => (grant.reset?.nextAt === at ? debtOf(grant) : uncharged(grant));
    if (heirs.length > 0) handOver(balance, own, heirs, counting);
  }
  const gone = new Set(ended.map(({ id }) => id));
  // What was left of earlier periods ends with the grant that it was left of.
  balance.grants = balance.grants.filter(
    ({ id, rolledFrom }) => !gone.has(id) && !gone.has(rolledFrom ?? ""),
  );
}

/**
 * Passes on from grants that end what outlives them: rollovers go to the first heir that keeps any,
 * and are capped by its terms; what is `counting` of the grants' usage counts against the heirs.
 */
export function handOver(
  balance: Balance,
  ended: readonly Grant[],
  heirs: readonly Grant[],
  counting: (grant: Grant) => Decimal,
): void {
  const plain = ended.filter((grant) => grant.rolledFrom === undefined);
  carryUsage(heirs, total(plain.map(counting)));
  for (const heir of heirs) delete heir.inherits;
  const keeper = heirs.find((heir) => heir.rollover !== undefined);
  if (keeper === undefined) return;
  const endedIds = new Set(plain.map(({ id }) => id));
  for (const rollover of balance.grants) {
    if (!endedIds.has(rollover.rolledFrom ?? "")) continue;
    rollover.rolledFrom = keeper.id;
    rollover.source = keeper.source;
    delete rollover.suspendedAt;
  }
  capRollovers(balance, keeper);
}

/**
 * What was used of a grant and still counts: not what an unlimited grant has paid, nor what closing
 * its period charges. What is held stays held, charged or not.
 */
export function uncharged(grant: Grant): Decimal {
  if (grant.unlimited) return ZERO;
  const used = atLeastZero(exact(grant.used));
  const isCharged = grant.overage !== undefined && grant.carry !== true && grant.reset !== undefined;
  return isCharged ? used.minus(over(grant)) : used;
}

/** What is owed of a grant when its period is over. */
const debtOf = (grant: Grant): Decimal => (grant.carry === true ? over(grant) : ZERO);

/** Counts `used` against new grants: each up to what it grants, the rest against the first. */
export function carryUsage(grants: readonly Grant[], used: Decimal): void {
  let carried = used;
  for (const grant of grants) {
    const part = grant.unlimited ? carried : smaller(carried, left(grant));
    grant.used = nearest(exact(grant.used).plus(part));
    carried = carried.minus(part);
  }
  const [first] = grants;
  if (first !== undefined) first.used = nearest(exact(first.used).plus(carried));
}

/** Records what a usage-based grant owes for the period that ends at `to`. */
export function closePeriod(balance: Balance, grant: Grant, to: number, closed: ClosedPeriod[]): void {
  const period = periodOf(balance, grant, to);
  if (period !== null && period.overage > 0) closed.push(period);
}

/** The period of a usage-based grant as it is if it ends at `to`; null of a grant that is never charged. */
export function periodOf(balance: Balance, grant: Grant, to: number): ClosedPeriod | null {
  if (grant.overage === undefined || grant.carry === true || grant.unlimited === true) return null;
  const overage = nearest(over(grant));
  const start = grant.startsAt ?? grant.createdAt;
  const from =
    grant.reset === undefined ? start : Math.max(start, lastBoundary(grant.reset, grant.reset.nextAt - 1));
  return {
    grantId: grant.id,
    source: grant.source,
    ...(grant.planId !== undefined && { planId: grant.planId }),
    featureId: balance.featureId,
    ...(balance.entityId !== undefined && { entityId: balance.entityId }),
    from,
    // One that is ended in the very millisecond in which it began would end with the one before it.
    to: to === from && from > start ? to + 1 : to,
    granted: grant.granted,
    overage,
    // What was set below zero by hand is no credit.
    amount: overage === 0 ? 0 : priceOfUsage(grant.overage.price, grant.used, grant.granted),
  };
}

function reset(balance: Balance, grant: Grant, at: number, until: number, closed: ClosedPeriod[]): void {
  const hasBegun = (grant.startsAt ?? -Infinity) < at;
  if (hasBegun) closePeriod(balance, grant, at, closed);
  if (hasBegun) rollOver(balance, grant, at);
  grant.used = nearest(debtOf(grant));
  rebase(grant, grant.used);
  const hasDebt = balance.grants.some((other) => other.carry === true && over(other).gt(0));
  // Where a period leaves no trace (nothing kept, nothing owed), one reset is the same as a hundred:
  // until something begins, which can bring a debt with it.
  const leavesATrace = grant.rollover !== undefined || grant.used !== 0 || hasDebt;
  if (grant.reset)
    grant.reset.nextAt = nextBoundary(grant.reset, leavesATrace ? at : quietUntil(balance, at, until));
}

/** The last instant before the next grant begins. */
const quietUntil = (balance: Balance, at: number, until: number): number =>
  Math.min(until, ...balance.grants.flatMap(({ startsAt = 0 }) => (startsAt > at ? startsAt - 1 : [])));

function rollOver(balance: Balance, grant: Grant, at: number): void {
  const { rollover } = grant;
  const spare = left(grant);
  if (rollover === undefined || grant.reset === undefined || spare.eq(0)) return;
  const expiresAt = rollover.months === undefined ? undefined : monthsAfter(grant.reset, at, rollover.months);
  // Rollovers that never expire are one grant, so that their number stays bounded.
  const twin = balance.grants.find((other) => other.rolledFrom === grant.id && other.expiresAt === expiresAt);
  if (twin !== undefined) {
    twin.granted = keepable(exact(twin.granted).plus(spare));
  } else {
    balance.grants.push({
      id: `${grant.id}@${at.toString(36)}`,
      source: grant.source,
      ...(grant.planId !== undefined && { planId: grant.planId }),
      granted: keepable(spare),
      used: 0,
      createdAt: at,
      rolledFrom: grant.id,
      ...(grant.perEntity && { perEntity: grant.perEntity }),
      ...(expiresAt !== undefined && { expiresAt }),
      ...(grant.suspendedAt !== undefined && { suspendedAt: grant.suspendedAt }),
    });
  }
  capRollovers(balance, grant);
}

/** What is rolled over for ever may grow for ever; time cannot be refused, so it is cut at what an amount can be. */
const keepable = (amount: Decimal): number => nearest(smaller(amount, exact(MAX_AMOUNT)));

/** Trims a grant's rollovers to its cap, the soonest to expire first. Also when a plan change moves them. */
export function capRollovers(balance: Balance, grant: Grant): void {
  const cap = rolloverCap(grant);
  if (cap === undefined) return;
  const rolled = balance.grants
    .filter((other) => other.rolledFrom === grant.id)
    .sort((a, b) => (a.expiresAt ?? Infinity) - (b.expiresAt ?? Infinity) || a.createdAt - b.createdAt);
  let excess = atLeastZero(total(rolled.map(left)).minus(cap));
  for (const rollover of rolled) {
    const cut = smaller(excess, left(rollover));
    rollover.granted = nearest(exact(rollover.granted).minus(cut));
    excess = excess.minus(cut);
  }
  balance.grants = balance.grants.filter(
    (other) => other.rolledFrom !== grant.id || other.granted > 0 || other.used > 0,
  );
}

function rolloverCap({ granted, rollover }: Grant): Decimal | undefined {
  if (rollover?.max !== undefined) return exact(rollover.max);
  if (rollover?.percent === undefined) return undefined;
  return exact(granted).times(rollover.percent).div(100).round(0, 0);
}

/** Capacity pays carried debt, in burn order. */
export function settleDebt(balance: Balance, now: number): void {
  const debtors = balance.grants.filter((grant) => grant.carry === true && over(grant).gt(0));
  if (debtors.length === 0) return;
  const payers = burnOrder([balance], {
    pools: [{ featureId: balance.featureId }],
    entityId: balance.entityId,
    now,
  });
  for (const debtor of debtors) {
    for (const { grant } of payers) {
      if (grant === debtor) continue;
      const payment = smaller(over(debtor), left(grant));
      if (payment.eq(0)) continue;
      debtor.used = nearest(exact(debtor.used).minus(payment));
      grant.used = nearest(exact(grant.used).plus(payment));
    }
  }
}
