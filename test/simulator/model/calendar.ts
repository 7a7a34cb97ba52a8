/**
 * The model's calendar: the proleptic Gregorian one in UTC, from the count of days alone. `Date` is
 * not asked, so that what the rules take from it is checked and not repeated.
 */

export type Interval = "hour" | "day" | "week" | "month" | "quarter" | "semi_annual" | "year";

export interface Every {
  interval: Interval;
  count: number;
}

export const HOUR = 3_600_000;
export const DAY = 24 * HOUR;

const FIXED: Partial<Record<Interval, number>> = { hour: HOUR, day: DAY, week: 7 * DAY };
const MONTHS: Partial<Record<Interval, number>> = { month: 1, quarter: 3, semi_annual: 6, year: 12 };

/** Autumn's weights, in hours: only for saying which of two intervals is the shorter. */
const WEIGHT: Record<Interval, number> = {
  hour: 1,
  day: 24,
  week: 168,
  month: 720,
  quarter: 2160,
  semi_annual: 4320,
  year: 8760,
};

export const weightOf = ({ interval, count }: Every): number => WEIGHT[interval] * count;

interface Day {
  year: number;
  /** 0 to 11. */
  month: number;
  day: number;
}

const isLeap = (year: number) => (year % 4 === 0 && year % 100 !== 0) || year % 400 === 0;

function daysOfMonth(year: number, month: number): number {
  const lengths = [31, isLeap(year) ? 29 : 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31];
  return lengths[month] ?? 0;
}

const daysOfYear = (year: number) => (isLeap(year) ? 366 : 365);

/** Counts years, then months, from 1970. */
function dayOf(instant: number): Day {
  let rest = Math.floor(instant / DAY);
  let year = 1970;
  while (rest >= daysOfYear(year)) rest -= daysOfYear(year++);
  let month = 0;
  while (rest >= daysOfMonth(year, month)) rest -= daysOfMonth(year, month++);
  return { year, month, day: rest + 1 };
}

function midnightOf({ year, month, day }: Day): number {
  let days = day - 1;
  for (let each = 1970; each < year; each++) days += daysOfYear(each);
  for (let each = 0; each < month; each++) days += daysOfMonth(year, each);
  return days * DAY;
}

/** So many months after `instant`, on `day` of the month (its own unless told), or on the month's last day. */
export function monthsLater(instant: number, months: number, day = dayOf(instant).day): number {
  const from = dayOf(instant);
  const count = from.year * 12 + from.month + months;
  const [year, month] = [Math.floor(count / 12), ((count % 12) + 12) % 12];
  const last = daysOfMonth(year, month);
  return midnightOf({ year, month, day: Math.min(day, last) }) + (instant % DAY);
}

/** The instant so many periods after the anchor. */
function boundary(every: Every, anchor: number, periods: number): number {
  const fixed = FIXED[every.interval];
  if (fixed !== undefined) return anchor + periods * every.count * fixed;
  return monthsLater(anchor, periods * every.count * (MONTHS[every.interval] ?? 1));
}

/** Which period after the anchor `instant` lies in: its boundary is at or before the instant, the next one after. */
function periodOf(every: Every, anchor: number, instant: number): number {
  const fixed = FIXED[every.interval];
  if (fixed !== undefined) return Math.floor((instant - anchor) / (fixed * every.count));
  const [from, to] = [dayOf(anchor), dayOf(instant)];
  const months = (to.year - from.year) * 12 + to.month - from.month;
  const whole = Math.floor(months / ((MONTHS[every.interval] ?? 1) * every.count));
  return boundary(every, anchor, whole) <= instant ? whole : whole - 1;
}

/** The first boundary after `instant`. */
export const boundaryAfter = (every: Every, anchor: number, instant: number): number =>
  boundary(every, anchor, periodOf(every, anchor, instant) + 1);

/** The last boundary at or before `instant`. */
export const boundaryUpTo = (every: Every, anchor: number, instant: number): number =>
  boundary(every, anchor, periodOf(every, anchor, instant));

/** When something that begins at a boundary is over after so many months: on the anchor's day, if periods are months. */
export function rolloverEnd(every: Every, anchor: number, from: number, months: number): number {
  const isMonthly = FIXED[every.interval] === undefined;
  return monthsLater(from, months, isMonthly ? dayOf(anchor).day : undefined);
}
