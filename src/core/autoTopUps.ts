/** Topping up before a customer runs out: when it is due, and how often it may be. */
import { v, type ObjectType } from "convex/values";
import { exact, total } from "./amounts.js";
import { isLive, left, over, type Balance } from "./balances.js";
import { lastBoundary } from "./periods.js";

/** What is bought, when, and how often at most. */
export const autoTopUpTerms = {
  /** The balance that is watched: the customer's own of this feature. */
  featureId: v.string(),
  /** What is left (less what is owed) is at most this. */
  threshold: v.number(),
  /** Something that is paid once and adds to the feature. */
  planId: v.string(),
  /** Units of it, by feature, where it is sold by units. */
  quantities: v.optional(v.record(v.string(), v.number())),
  /** At most so many in each interval. */
  max: v.number(),
  interval: v.union(v.literal("hour"), v.literal("day"), v.literal("week"), v.literal("month")),
};
export type AutoTopUpTerms = ObjectType<typeof autoTopUpTerms>;

interface Counted extends Pick<AutoTopUpTerms, "max" | "interval"> {
  anchor: number;
  made: { since: number; count: number };
}

/** When the period began that goes on at `now`, and how many were bought in it. */
export function madeBy({ interval, anchor, made }: Counted, now: number): Counted["made"] {
  const since = lastBoundary({ interval, count: 1, anchor }, now);
  return { since, count: made.since >= since ? made.count : 0 };
}

/** Whether one more may be bought in the period. */
export const hasRoom = (counted: Counted, now: number): boolean => madeBy(counted, now).count < counted.max;

/** Whether a balance, advanced to `now`, has come down to `threshold`; what is unlimited never does. */
export function isLow({ grants }: Pick<Balance, "grants">, threshold: number, now: number): boolean {
  const live = grants.filter((grant) => isLive(grant, now));
  if (live.some(({ unlimited }) => unlimited === true)) return false;
  return total(live.map((grant) => left(grant).minus(over(grant)))).lte(exact(threshold));
}
