/** A customer's or entity's own limits on a feature, as they stand in its balance. */
import { v, type Infer } from "convex/values";
import { exact, nearest, total } from "./amounts.js";
import { PLACES } from "./arguments.js";
import { copyOf, isLive, type Balance, type Limit } from "./balances.js";
import { nextBoundary } from "./periods.js";

export const usageLimitValidator = v.object({
  /** Units (credits, of a credit system) that can be used in each interval. */
  max: v.number(),
  interval: v.union(v.literal("day"), v.literal("week"), v.literal("month"), v.literal("year")),
  /** Counted from the start of the plan's periods, or of the calendar's; the plan's, unless told. */
  anchor: v.optional(v.union(v.literal("billing_cycle"), v.literal("utc"))),
});
export type UsageLimit = Infer<typeof usageLimitValidator>;

/** What changes; null takes a control away, and absent leaves it. */
export const controlChangeValidator = v.object({
  usageLimits: v.optional(v.union(v.array(usageLimitValidator), v.null())),
  /** The most overage, in units, or as a percentage of what the customer's own plan includes. */
  spendLimit: v.optional(v.union(v.number(), v.object({ percent: v.number() }), v.null())),
  /** Whether use may go beyond what is granted, whatever the plan says. */
  overageAllowed: v.optional(v.union(v.boolean(), v.null())),
});
export type ControlChange = Infer<typeof controlChangeValidator>;

/** Changes the controls of a balance that is advanced to `now`. A limit that stays keeps its count. */
export function changeControls<Row extends Balance>(balance: Row, change: ControlChange, now: number): Row {
  const next = copyOf(balance);
  if (change.usageLimits !== undefined) {
    const limits = change.usageLimits?.map((limit) => limitOf(next, limit, now));
    if (limits === undefined) delete next.limits;
    else next.limits = limits;
  }
  const overage = { ...next.overage };
  if (change.overageAllowed !== undefined) overage.allowed = change.overageAllowed ?? undefined;
  if (change.spendLimit !== undefined) overage.max = spendLimitOf(next, change.spendLimit, now);
  if (overage.allowed === undefined && overage.max === undefined) delete next.overage;
  else next.overage = overage;
  return next;
}

/** Limits that follow the plan's periods begin anew where those do. */
export function anchorLimits(balance: Balance, anchor: number, now: number): void {
  for (const limit of balance.limits ?? []) {
    if (Object.values(CALENDAR).includes(limit.anchor)) continue;
    Object.assign(limit, { anchor, used: 0, nextAt: nextBoundary({ ...limit, anchor }, now) });
  }
}

function limitOf(balance: Balance, { max, interval, anchor }: UsageLimit, now: number): Limit {
  const recurrence = {
    interval,
    count: 1,
    anchor: anchorOf(balance, interval, anchor ?? "billing_cycle", now),
  };
  const counted = balance.limits?.find((each) => each.interval === interval && each.count === 1);
  return { max, used: counted?.used ?? 0, ...recurrence, nextAt: nextBoundary(recurrence, now) };
}

/** Weeks begin on Monday, months and years on their first day. */
const CALENDAR: Record<UsageLimit["interval"], number> = {
  day: 0,
  week: Date.UTC(1970, 0, 5),
  month: 0,
  year: 0,
};

function anchorOf(
  balance: Balance,
  interval: UsageLimit["interval"],
  anchor: "billing_cycle" | "utc",
  now: number,
): number {
  const main = balance.grants.find((grant) => grant.reset && isLive(grant, now) && grant.addOn !== true);
  return anchor === "utc" || main?.reset === undefined ? CALENDAR[interval] : main.reset.anchor;
}

/** A percentage is of what the main plans grant each period; of nothing, it is no limit. */
function spendLimitOf(balance: Balance, limit: ControlChange["spendLimit"], now: number): number | undefined {
  if (limit === null || limit === undefined) return undefined;
  if (typeof limit === "number") return limit;
  const included = balance.grants.filter(
    (grant) =>
      grant.planId !== undefined &&
      grant.reset !== undefined &&
      isLive(grant, now) &&
      grant.addOn !== true &&
      grant.prepaid !== true,
  );
  const sum = total(included.map(({ granted }) => exact(granted)));
  return sum.eq(0) ? undefined : nearest(sum.times(limit.percent).div(100).round(PLACES, 0));
}
