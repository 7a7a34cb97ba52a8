/**
 * Recurring instants, in milliseconds UTC. Boundaries are always computed from the anchor, so that
 * they never drift: 31 Jan → 28 Feb → 31 Mar. A boundary belongs to the period that it opens.
 * Anchored cycles follow Autumn's `getCycleEnd`; clamping from the original day follows OpenMeter.
 */
import { v, type Infer } from "convex/values";
import { assert } from "./errors.js";

export const INTERVALS = [
  "minute",
  "hour",
  "day",
  "week",
  "month",
  "quarter",
  "semi_annual",
  "year",
] as const;

export const intervalValidator = v.union(
  v.literal("minute"),
  v.literal("hour"),
  v.literal("day"),
  v.literal("week"),
  v.literal("month"),
  v.literal("quarter"),
  v.literal("semi_annual"),
  v.literal("year"),
);
export type Interval = Infer<typeof intervalValidator>;

/** Every `count` intervals, counted from `anchor`. */
export interface Recurrence {
  interval: Interval;
  count: number;
  anchor: number;
}

const MINUTE_MS = 60_000;
const FIXED_MS: Partial<Record<Interval, number>> = {
  minute: MINUTE_MS,
  hour: 60 * MINUTE_MS,
  day: 1_440 * MINUTE_MS,
  week: 10_080 * MINUTE_MS,
};
const MONTHS: Partial<Record<Interval, number>> = { month: 1, quarter: 3, semi_annual: 6, year: 12 };
/** A mean Gregorian month: only a first guess, corrected by looking at the boundaries around it. */
const MEAN_MONTH_MS = 2_629_746_000;

/** How long a period of `recurrence` is, roughly; for ordering intervals, never for adding to a date. */
export function lengthMs({ interval, count }: Pick<Recurrence, "interval" | "count">): number {
  return count * (FIXED_MS[interval] ?? (MONTHS[interval] ?? 0) * MEAN_MONTH_MS);
}

/** `from` plus whole months, on day `day` of the month (default: `from`'s own) or the month's last. */
export function addMonths(from: number, months: number, day = new Date(from).getUTCDate()): number {
  const date = new Date(from);
  const [year, month] = [date.getUTCFullYear(), date.getUTCMonth() + months];
  const lastDay = new Date(Date.UTC(year, month + 1, 0)).getUTCDate();
  const midnight = Date.UTC(year, month, Math.min(day, lastDay));
  return midnight + (((from % FIXED_MS.day!) + FIXED_MS.day!) % FIXED_MS.day!);
}

/** The instant `k` periods after the anchor (before it, for a negative `k`). */
function boundary({ interval, count, anchor }: Recurrence, k: number): number {
  const fixed = FIXED_MS[interval];
  return fixed === undefined
    ? addMonths(anchor, k * count * (MONTHS[interval] ?? 0))
    : anchor + k * count * fixed;
}

/** The first boundary strictly after `instant`. */
export function nextBoundary(recurrence: Recurrence, instant: number): number {
  let k = Math.floor((instant - recurrence.anchor) / lengthMs(recurrence)) - 1;
  while (boundary(recurrence, k) <= instant) k++;
  const next = boundary(recurrence, k);
  assert(next > instant, "a boundary is a date");
  return next;
}

/** The last boundary at or before `instant`. */
export function lastBoundary(recurrence: Recurrence, instant: number): number {
  let k = Math.floor((instant - recurrence.anchor) / lengthMs(recurrence)) + 2;
  while (boundary(recurrence, k) > instant) k--;
  return boundary(recurrence, k);
}

/** When something that begins at `boundaryAt`, a boundary of `recurrence`, is over after `months`. */
export function monthsAfter(recurrence: Recurrence, boundaryAt: number, months: number): number {
  const day = recurrence.interval in MONTHS ? new Date(recurrence.anchor).getUTCDate() : undefined;
  return addMonths(boundaryAt, months, day);
}

/** Instants that dates can hold, with room to add periods: the years 1970 to 9999. */
export const MAX_INSTANT = Date.UTC(9999, 0, 1);
