/** What a provider's word about a subscription means for what the customer has. */
import { v, type Infer } from "convex/values";
import { exact, nearest } from "./amounts.js";
import { copyOf, type Balance } from "./balances.js";
import { settleDebt } from "./advance.js";
import { lastBoundary, nextBoundary, type Recurrence } from "./periods.js";
import type { Plan } from "./terms.js";

/** How a subscription stands with whoever bills it. */
export const standingValidator = v.union(
  v.literal("trialing"),
  v.literal("active"),
  /** A payment is missing. */
  v.literal("past_due"),
  /** It is over. */
  v.literal("canceled"),
);
export type Standing = Infer<typeof standingValidator>;

/** Whether word of version `given` still counts where `known` is the newest that was heard. */
export const isCurrentWord = (known: number | undefined, given: number): boolean =>
  known === undefined || given >= known;

/**
 * Since when a payment is (or will be) missing, and when the grants stop for it. What is paid is paid
 * until the period's end; what is past due has been so since the first time, however often it is told.
 */
export function dueDates(
  standing: Exclude<Standing, "canceled">,
  { periodEnd, pastDueAt }: { periodEnd: number; pastDueAt: number | undefined },
  graceMs: number | undefined,
  now: number,
): { pastDueAt: number; suspendsAt: number | undefined } {
  const since = standing === "past_due" ? Math.min(now, pastDueAt ?? now) : periodEnd;
  return { pastDueAt: since, suspendsAt: graceMs === undefined ? undefined : since + graceMs };
}

/** Whether a period that begins at `start` is one of those that are counted from `anchor` already. */
export function isAnchored(plan: Plan, anchor: number, start: number): boolean {
  const every = plan.price?.every ?? null;
  return every === null || anchor === start || lastBoundary({ ...every, anchor }, start) === start;
}

/**
 * Counts the periods of a subscription's grants from another instant. Each boundary that is to come moves
 * to the nearest one of the new count, so that none is added and none is lost; one that has passed by
 * that is due now. The row must be advanced to `now`.
 */
export function moveAnchor<Row extends Balance>(
  balance: Row,
  source: string,
  anchor: number,
  now: number,
): Row {
  const next = copyOf(balance);
  for (const grant of next.grants) {
    const { reset } = grant;
    if (grant.source !== source || reset === undefined) continue;
    grant.reset = {
      ...reset,
      anchor,
      nextAt: Math.max(nearestBoundary({ ...reset, anchor }, reset.nextAt), now),
    };
  }
  return next;
}

function nearestBoundary(recurrence: Recurrence, instant: number): number {
  const [before, after] = [lastBoundary(recurrence, instant), nextBoundary(recurrence, instant)];
  return instant - before <= after - instant ? before : after;
}

/**
 * Takes `amount` of a grant back (gives it, below 0), whether it is left or not: what was spent of it
 * is owed, and later capacity pays it. Answers by how much less is granted now.
 */
export function takeBack<Row extends Balance>(
  balance: Row,
  grantId: string,
  amount: number,
): { balance: Row; taken: number } {
  const next = copyOf(balance);
  const grant = next.grants.find(({ id }) => id === grantId);
  if (grant === undefined || amount === 0) return { balance: next, taken: 0 };
  const granted = exact(grant.granted).minus(amount);
  // Of what was set lower by hand no more can go than is there: the rest is owed.
  const missing = granted.lt(0) ? granted.neg() : exact(0);
  const before = grant.granted;
  grant.granted = nearest(granted.plus(missing));
  grant.used = nearest(exact(grant.used).plus(missing));
  if (grant.used > grant.granted) grant.carry = true;
  settleDebt(next, next.advancedAt);
  return { balance: next, taken: nearest(exact(before).minus(grant.granted)) };
}
