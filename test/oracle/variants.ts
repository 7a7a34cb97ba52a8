/**
 * Other cases of the same rules, made from those of a file: what holds for them holds for amounts three
 * times as large, at other dates, of other intervals, and beside grants that have no part in it.
 */
import { exact, nearest } from "../../src/core/amounts.js";

export type CaseValue = Readonly<Record<string, unknown>>;

export interface Variation {
  name: string;
  /** Null: the case is not of a kind that can be varied so. */
  vary: (value: CaseValue) => CaseValue | null;
}

export const variations: readonly Variation[] = [
  { name: "three times the amounts", vary: (value) => scaled(withUnits(value)) as CaseValue },
  { name: "400 years later", vary: (value) => (hasDates(value) ? later(value, 146_097 * DAY_MS) : null) },
  {
    name: "some days later, over the end of a leap year's February",
    vary: (value) => (hasDates(value) && !hasMonths(value) ? later(value, 58 * DAY_MS + 3_661_000) : null),
  },
  { name: "longer intervals", vary: (value) => (hasIntervals(value) ? longer(value) : null) },
  { name: "beside another plan", vary: (value) => (hasPlans(value) ? besideAnother(value) : null) },
];

const FACTOR = 3;
const DAY_MS = 86_400_000;

/** Fields that hold an amount of units, wherever they are. */
const AMOUNTS = new Set([
  ...["value", "required", "remaining", "usage", "granted", "included", "overage", "net", "balance", "units"],
  ...["limit", "overage_limit", "max_purchase", "max", "to", "add", "quantity", "threshold"],
  ...["minRollover", "maxRollover", "grantUsage", "totalAvailable", "issueAfterReset"],
  ...["balanceAtStart", "overageAtStart", "overageAtEnd"],
]);
/** Fields that hold several, in a list or by name. */
const COLLECTIONS = new Set([
  "rollovers",
  "events",
  "quantities",
  "usage_limits",
  "balances",
  "balancesAtStart",
]);

/** In cases of grants an `amount` is one of units; in the others it is money. */
function scaled(value: CaseValue): unknown {
  const isAmount = (name: string) => AMOUNTS.has(name) || (name === "amount" && value.kind !== undefined);
  const times = (part: unknown, counts: boolean): unknown => {
    if (typeof part === "number") return counts ? nearest(exact(part).times(FACTOR)) : part;
    if (Array.isArray(part)) return part.map((each) => times(each, counts));
    if (typeof part !== "object" || part === null) return part;
    const isPercentage = "limit_type" in part && part.limit_type === "usage_percentage";
    return Object.fromEntries(
      Object.entries(part).map(([name, field]: [string, unknown]) => {
        const isPercent = isPercentage && name === "overage_limit";
        const isNamed = counts && typeof field === "number";
        return [name, times(field, (isAmount(name) && !isPercent) || isNamed || COLLECTIONS.has(name))];
      }),
    );
  };
  return times(value, false);
}

/** What is left out is one unit: that is said. */
function withUnits(value: CaseValue): CaseValue {
  if (value.kind !== undefined) return value;
  const said = (operation: Record<string, unknown>): Record<string, unknown> => {
    const { op, ops, of } = operation;
    if (op === "parallel") return { ...operation, ops: (ops as Record<string, unknown>[]).map(said) };
    if (op === "repeat") return { ...operation, of: said(of as Record<string, unknown>) };
    if (op === "track" || op === "lock") return { value: 1, ...operation };
    return op === "check" ? { required: 1, ...operation } : operation;
  };
  return { ...value, ops: (value.ops as Record<string, unknown>[]).map(said) };
}

const INSTANT = /"(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d+)?Z)"/g;

const hasDates = (value: CaseValue) => JSON.stringify(value).search(INSTANT) >= 0;
/** Months and years are not all of one length. */
const hasMonths = (value: CaseValue) => /"\d+[MY]"|"month"|"year"|"quarter"/.test(JSON.stringify(value));

function later(value: CaseValue, byMs: number): CaseValue {
  const moved = (_: string, instant: string) =>
    JSON.stringify(new Date(Date.parse(instant) + byMs).toISOString().replace(".000Z", "Z"));
  return JSON.parse(JSON.stringify(value).replace(INSTANT, moved)) as CaseValue;
}

/** Limits keep their own intervals: only what grants count by changes. */
const hasIntervals = (value: CaseValue) =>
  value.kind === undefined && !("usage_limits" in (value.expect as object)) && !hasDates(value);

function longer(value: CaseValue): CaseValue {
  const longerThan: Record<string, string> = { hour: "day", month: "quarter" };
  const change = (part: unknown): unknown => {
    if (Array.isArray(part)) return part.map(change);
    if (typeof part !== "object" || part === null) return part;
    const isLimit = "limit" in part;
    return Object.fromEntries(
      Object.entries(part).map(([name, field]: [string, unknown]) => {
        const counts = (name === "interval" && !isLimit) || name === "reset_interval";
        return [name, counts && typeof field === "string" ? (longerThan[field] ?? field) : change(field)];
      }),
    );
  };
  return change(value) as CaseValue;
}

const hasPlans = (value: CaseValue) => "plans" in (value.setup as object);

function besideAnother(value: CaseValue): CaseValue {
  const setup = value.setup as { features?: object; plans: object[]; attach?: object[] };
  const feature = "bystander";
  const items = [
    { row: "by_day", feature, included: 7, interval: "day", rollover: { max: null, expiry: "forever" } },
    { row: "by_once", feature, included: 3, interval: null },
  ];
  return {
    ...value,
    setup: {
      ...setup,
      features: { ...setup.features, [feature]: { type: "metered", usage: "consumable" } },
      plans: [{ id: "bystander", group: "bystander", items }, ...setup.plans],
      attach: [{ plan: "bystander" }, ...(setup.attach ?? [])],
    },
  };
}
