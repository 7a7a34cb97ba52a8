/**
 * The state of one feature for one customer or entity, and what can be read off it.
 * A grant counts with `granted` and `used` alone: what is left and what is overage are derived.
 */
import { v, type Infer, type ObjectType } from "convex/values";
import { atLeastZero, exact, ZERO, type Decimal } from "./amounts.js";
import { controlsValidator, spendLimitValidator } from "./controlTerms.js";
import { intervalValidator, lastBoundary } from "./periods.js";
import { usagePriceValidator } from "./prices.js";

const recurrenceFields = {
  interval: intervalValidator,
  count: v.number(),
  anchor: v.number(),
};

/** What is kept of a grant's unused part when its period ends. */
export const rolloverValidator = v.object({
  /** At most this much is kept in all rollovers of the grant together … */
  max: v.optional(v.number()),
  /** … or at most this percentage of `granted`. */
  percent: v.optional(v.number()),
  /** Months until a rollover expires; never, when absent. */
  months: v.optional(v.number()),
});

export const grantValidator = v.object({
  /** Unique for the customer, never reused: draws name it. */
  id: v.string(),
  /** The subscription or the grant call that it came with: who may end it. */
  source: v.string(),
  planId: v.optional(v.string()),
  /** A whole period's amount, or a one-off's. */
  granted: v.number(),
  /** Above `granted`: overage. Below 0: set above the grant by hand. */
  used: v.number(),
  /**
   * What of `used` no draw of this period took, where that is not 0: above 0 a debt that was carried in,
   * below 0 what was set above the grant by hand. Giving back a draw stops there.
   */
  base: v.optional(v.number()),
  createdAt: v.number(),
  /** Absorbs every draw; `used` only counts. A boolean feature is such a grant. */
  unlimited: v.optional(v.literal(true)),
  reset: v.optional(v.object({ ...recurrenceFields, nextAt: v.number() })),
  startsAt: v.optional(v.number()),
  /** From this instant on it is gone. Voiding a grant sets it to now. */
  expiresAt: v.optional(v.number()),
  /** From this instant on it pays for nothing, until its plan is paid; its time goes on. */
  suspendedAt: v.optional(v.number()),
  /** Lower burns first; 0 when absent. */
  priority: v.optional(v.number()),
  addOn: v.optional(v.literal(true)),
  /** Paid for in advance, in a quantity. */
  prepaid: v.optional(v.literal(true)),
  /** Bought once: the customer's, whatever plan he has. */
  bought: v.optional(v.literal(true)),
  /** An item of the customer's plan that each entity gets for itself; calls without an entity may draw it. */
  perEntity: v.optional(v.literal(true)),
  /** Usage-based: may go beyond `granted`, by at most `max`; what goes beyond is charged at the period's end. */
  overage: v.optional(v.object({ max: v.optional(v.number()), price: usagePriceValidator })),
  /** Overage is a debt that later capacity pays; without it, overage is forgotten at the reset. */
  carry: v.optional(v.literal(true)),
  rollover: v.optional(rolloverValidator),
  /** The source whose grants end when this one starts: it takes over their rollovers, and what is used of what does not reset then. */
  inherits: v.optional(v.string()),
  /** This grant is what was left of that one. */
  rolledFrom: v.optional(v.string()),
});
export type Grant = Infer<typeof grantValidator>;

/** A cap on use with a counter of its own, on the row of the feature (and level) that it caps. */
export const limitValidator = v.object({
  /** Absent of a plan's that is over: it counts on, should it come back in the same period. */
  max: v.optional(v.number()),
  used: v.number(),
  /** When it began to count, if that is within the period: what was drawn before is none of its. */
  since: v.optional(v.number()),
  ...recurrenceFields,
  nextAt: v.number(),
});
export type Limit = Infer<typeof limitValidator>;

/** What of a balance the rules read and write. */
export const balanceFields = {
  featureId: v.string(),
  entityId: v.optional(v.string()),
  /** May be empty: a row can exist for its limits alone. */
  grants: v.array(grantValidator),
  /** The usage limits in force. */
  limits: v.optional(v.array(limitValidator)),
  /** The control of overage in force; `max` is the spend limit, null if there is to be none; `budget` is in money. */
  overage: v.optional(
    v.object({
      allowed: v.optional(v.boolean()),
      max: v.optional(v.union(spendLimitValidator, v.null())),
      budget: v.optional(v.number()),
    }),
  ),
  /** From which both follow, where there are any. */
  controls: v.optional(controlsValidator),
  /** Every boundary up to here has been applied; the balance is never read as of an earlier instant. */
  advancedAt: v.number(),
};
export type Balance = ObjectType<typeof balanceFields>;

/** Grants in one row. A row is read and written whole on every use, so it must stay small. */
export const MAX_GRANTS = 64;

/** What is left of a grant: never below 0. */
export const left = (grant: Grant): Decimal => atLeastZero(exact(grant.granted).minus(grant.used));
/** How far a grant is used beyond what it granted: never below 0, and nothing is beyond an unlimited one. */
export const over = (grant: Grant): Decimal =>
  grant.unlimited ? ZERO : atLeastZero(exact(grant.used).minus(grant.granted));

export function rebase(grant: Grant, base: number): void {
  if (base === 0) delete grant.base;
  else grant.base = base;
}

/** Whether it has begun and is not over. */
export function isCurrent(
  { startsAt, expiresAt }: Pick<Grant, "startsAt" | "expiresAt">,
  now: number,
): boolean {
  return (startsAt ?? -Infinity) <= now && now < (expiresAt ?? Infinity);
}

/** Whether it can pay. */
export function isLive(grant: Grant, now: number): boolean {
  return isCurrent(grant, now) && now < (grant.suspendedAt ?? Infinity);
}

/** When what is drawn from a grant next will have lapsed anyway; undefined if never: a debt that is carried outlives the reset. */
export function lapsesAt(grant: Grant): number | undefined {
  const isDebt = grant.carry === true && left(grant).eq(0);
  const resetAt = isDebt ? undefined : grant.reset?.nextAt;
  if (grant.expiresAt === undefined || resetAt === undefined) return grant.expiresAt ?? resetAt;
  return Math.min(grant.expiresAt, resetAt);
}

/** The next instant at which time alone changes the balance; undefined if none. */
export function nextChangeAt(balance: Balance): number | undefined {
  const next = Math.min(nextTurnAt(balance), ...(balance.limits ?? []).map(({ nextAt }) => nextAt));
  return next === Infinity ? undefined : next;
}

export function findGrant<Row extends Balance>(
  rows: readonly Row[],
  grantId: string,
): { row: Row; grant: Grant } | undefined {
  for (const row of rows) {
    const grant = row.grants.find(({ id }) => id === grantId);
    if (grant !== undefined) return { row, grant };
  }
  return undefined;
}

/** The next instant at which a grant or a plan's control begins, resets, stops or ends; Infinity if none. */
export function nextTurnAt({ grants, controls, advancedAt }: Balance): number {
  const instants = [
    ...grants.flatMap(({ reset, startsAt, expiresAt, suspendedAt }) => [
      reset?.nextAt,
      expiresAt,
      ...[startsAt, suspendedAt].filter((instant = 0) => instant > advancedAt),
    ]),
    ...(controls?.plans ?? []).flatMap(({ startsAt, expiresAt }) => [
      expiresAt,
      ...[startsAt].filter((instant = 0) => instant > advancedAt),
    ]),
  ];
  return Math.min(...instants.filter((instant) => instant !== undefined), Infinity);
}

/** Longer than any transaction takes from its begin to its end. */
export const NEAR_MS = 60_000;

/**
 * Whether `now` is so near a boundary of a balance (that is advanced to it) that the time at which an
 * event is created, which is another clock's, may lie on the other side.
 */
export function isNearBoundary(balance: Balance, now: number): boolean {
  const next = nextChangeAt(balance) ?? Infinity;
  return next - now < NEAR_MS || now - lastChangeAt(balance, now) < NEAR_MS;
}

/** The last instant at which time alone changed a balance that is advanced to `now`; what is gone does not count. */
export function lastChangeAt({ grants, limits = [], controls }: Balance, now: number): number {
  const instants = grants.flatMap(({ createdAt, startsAt, suspendedAt, reset }) => {
    const resetAt = reset === undefined ? undefined : lastBoundary(reset, now);
    return [resetAt, startsAt, suspendedAt].filter((at = 0) => at > createdAt);
  });
  instants.push(...(controls?.plans ?? []).map(({ startsAt }) => startsAt));
  instants.push(...limits.map((limit) => lastBoundary(limit, now)));
  return Math.max(...instants.filter((at) => at !== undefined && at <= now).map(Number), -Infinity);
}

export function emptyBalance(featureId: string, entityId: string | undefined, now: number): Balance {
  return { featureId, ...(entityId !== undefined && { entityId }), grants: [], advancedAt: now };
}

/** A copy whose grants, resets and limits can be changed without touching the original. */
export function copyOf<Row extends Balance>(balance: Row): Row {
  return {
    ...balance,
    grants: balance.grants.map((grant) => ({
      ...grant,
      ...(grant.reset && { reset: { ...grant.reset } }),
    })),
    ...(balance.limits && { limits: balance.limits.map((limit) => ({ ...limit })) }),
  };
}

/** Whether anything was taken from a balance, given back to it or counted in it, or a limit of it counts other periods. */
export function hasMoved(before: Balance | undefined, after: Balance): boolean {
  const counters = (balance: Balance | undefined) => [
    ...(balance?.grants ?? []).map(({ id, used }) => [id, used]),
    ...(balance?.limits ?? []).map(({ used, anchor }) => [used, anchor]),
  ];
  return JSON.stringify(counters(before)) !== JSON.stringify(counters(after));
}
