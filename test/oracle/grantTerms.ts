/** What the cases of grants are given here: one metered feature, and the terms of each grant. */
import { defineCatalog, feature, item, plan, type Interval } from "../../src/client/index.js";
import type { GrantSetup } from "./grantCases.js";
import { FormatError, instant } from "./parsing.js";

/** The one feature that the cases of grants are about. */
export const METERED = "usage";
/** The plan whose item is never full, and takes what no grant pays. */
export const METERED_PLAN = "metered";

/** Use is never refused: the plan includes nothing and allows overage, which later grants pay. */
export const meteredCatalog = defineCatalog({
  features: [feature({ id: METERED, type: "metered" })],
  plans: [
    plan({
      id: METERED_PLAN,
      items: [
        item({
          featureId: METERED,
          included: 0,
          price: { amount: 0, billingMethod: "usage_based" },
          carryOverage: true,
        }),
      ],
    }),
  ],
});

const LENGTHS: Record<string, Interval> = { h: "hour", D: "day", W: "week", M: "month", Y: "year" };

/** `2W`: every two weeks. */
export function recurrenceOf(interval: string): { interval: Interval; count: number } {
  const [, count, letter = ""] = /^(\d+)([hDWMY])$/.exec(interval) ?? [];
  const unit = LENGTHS[letter];
  if (unit === undefined) throw new FormatError(`${JSON.stringify(interval)} is no interval`);
  return { interval: unit, count: Number(count) };
}

/** The milliseconds of a window of hours or days. */
export function lengthOf(window: string): number {
  const { interval, count } = recurrenceOf(window);
  const hours = interval === "hour" ? 1 : interval === "day" ? 24 : NaN;
  if (Number.isNaN(hours)) throw new FormatError(`${JSON.stringify(window)} is no window`);
  return count * hours * 3_600_000;
}

/** A grant as the client takes it, when it is given at `createdAt`. */
export function termsOf(grant: GrantSetup, createdAt: number) {
  const effectiveAt = instant(grant.effectiveAt);
  const { recurrence, priority, expiresAt } = grant;
  return {
    amount: grant.amount,
    ...(effectiveAt > createdAt && { startsAt: effectiveAt }),
    ...(expiresAt != null && { expiresAt: instant(expiresAt) }),
    ...(priority !== undefined && { priority }),
    ...(recurrence && {
      reset: {
        interval: recurrenceOf(recurrence.interval).interval,
        intervalCount: recurrenceOf(recurrence.interval).count,
        ...(recurrence.anchor !== undefined && { anchor: instant(recurrence.anchor) }),
      },
    }),
  };
}
