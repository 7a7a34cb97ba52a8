/** Sums of uses over periods and groups, as Autumn's aggregates tell them. All periods are in UTC. */
import { exact, nearest, type Decimal } from "../core/amounts.js";
import { addMonths } from "../core/periods.js";

export const BINS = ["hour", "day", "week", "month"] as const;
export type Bin = (typeof BINS)[number];

/** A use as it counts. */
export interface Counted {
  featureId: string;
  at: number;
  value: number;
  /** The group that it belongs to, where groups are asked for. */
  group?: string;
}

export interface Aggregate {
  /** Every period of the range, the ones without uses included. */
  periods: {
    period: number;
    values: Record<string, number>;
    groups: Record<string, Record<string, number>>;
  }[];
  total: Record<string, { count: number; sum: number }>;
}

const HOUR_MS = 60 * 60_000;
const DAY_MS = 24 * HOUR_MS;
/** 1970 began on a Thursday: weeks begin on Mondays. */
const MONDAY_MS = 4 * DAY_MS;

/** When the period of `at` begins. */
export function periodOf(at: number, bin: Bin): number {
  if (bin === "hour") return at - (at % HOUR_MS);
  if (bin === "day") return at - (at % DAY_MS);
  if (bin === "week") return at - ((at - MONDAY_MS + 7 * DAY_MS) % (7 * DAY_MS));
  const date = new Date(at);
  return Date.UTC(date.getUTCFullYear(), date.getUTCMonth(), 1);
}

function nextPeriod(period: number, bin: Bin): number {
  if (bin === "month") return addMonths(period, 1);
  return period + { hour: HOUR_MS, day: DAY_MS, week: 7 * DAY_MS }[bin];
}

/** The periods that begin in the range, the one in which it begins included. */
export function periodsOf(
  { start, end }: { start: number; end: number },
  bin: Bin,
  most: number,
): number[] | null {
  const periods: number[] = [];
  for (let period = periodOf(start, bin); period < end; period = nextPeriod(period, bin)) {
    if (periods.length === most) return null;
    periods.push(period);
  }
  return periods;
}

/** Sums exactly: what the uses add up to, whatever doubles would make of it. Groups beyond `maxGroups`, the smallest, are one. */
export function aggregated(
  uses: readonly Counted[],
  features: readonly string[],
  periods: readonly number[],
  bin: Bin,
  maxGroups: number,
): Aggregate {
  const kept = largestGroups(uses, maxGroups);
  const sums = new Map<string, Decimal>();
  const add = (key: string, value: number) => sums.set(key, (sums.get(key) ?? exact(0)).plus(exact(value)));
  const sum = (...key: unknown[]) => nearest(sums.get(JSON.stringify(key)) ?? exact(0));
  const counts = new Map<string, number>();
  const groups = new Set<string>();
  for (const { featureId, at, value, group } of uses) {
    const period = periodOf(at, bin);
    add(JSON.stringify([featureId]), value);
    add(JSON.stringify([period, featureId]), value);
    counts.set(featureId, (counts.get(featureId) ?? 0) + 1);
    if (group === undefined) continue;
    const name = kept.has(group) ? group : OTHER;
    groups.add(name);
    add(JSON.stringify([period, featureId, name]), value);
  }
  const byFeature = <T>(of: (featureId: string) => T) =>
    Object.fromEntries(features.map((id) => [id, of(id)]));
  return {
    periods: periods.map((period) => ({
      period,
      values: byFeature((id) => sum(period, id)),
      groups: byFeature((id) => Object.fromEntries([...groups].map((name) => [name, sum(period, id, name)]))),
    })),
    total: byFeature((id) => ({ count: counts.get(id) ?? 0, sum: sum(id) })),
  };
}

const OTHER = "Other";

function largestGroups(uses: readonly Counted[], most: number): Set<string> {
  const sums = new Map<string, Decimal>();
  for (const { group, value } of uses) {
    if (group !== undefined) sums.set(group, (sums.get(group) ?? exact(0)).plus(exact(value)));
  }
  const largest = [...sums].sort(([a, x], [b, y]) => y.cmp(x) || (a < b ? -1 : 1));
  return new Set(largest.slice(0, most).map(([group]) => group));
}
