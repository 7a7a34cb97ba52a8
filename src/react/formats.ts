/** Amounts, money and dates as people read them, and the few words around them. */
import { useMemo } from "react";
import type { ItemView, PlanView } from "../client/api.js";
import type { Summary } from "../core/answers.js";
import type { Interval } from "../core/periods.js";
import type { FeatureBalance } from "./account.js";

export interface Formats {
  amount: (amount: number) => string;
  /** Of whole currency units. */
  money: (amount: number) => string;
  /** Of milliseconds since 1970. */
  date: (instant: number) => string;
}

/** In the browser's language and time zone, unless told; nothing is formatted before data is there, so none on a server. */
export function useFormats(locale?: string, currency = "USD"): Formats {
  return useMemo(() => {
    // All places that an amount can have: what is shown is never rounded.
    const amounts = new Intl.NumberFormat(locale, { maximumFractionDigits: 9 });
    const money = new Intl.NumberFormat(locale, {
      style: "currency",
      currency,
      trailingZeroDisplay: "stripIfInteger",
      maximumFractionDigits: 9,
    });
    const dates = new Intl.DateTimeFormat(locale, { dateStyle: "medium", timeStyle: "short" });
    return {
      amount: (amount) => amounts.format(amount),
      money: (amount) => money.format(amount),
      date: (instant) => dates.format(instant),
    };
  }, [locale, currency]);
}

export type MeterState = "ok" | "low" | "exhausted" | "overage" | "unlimited" | "not_included";

/** Of what is granted, the part that is left when it begins to be little. */
const LOW = 0.2;

export function meterStateOf({ breakdown, unlimited, balance, remaining, granted }: Summary): MeterState {
  if (breakdown.length === 0) return "not_included";
  if (unlimited) return "unlimited";
  if (balance < 0) return "overage";
  if (remaining <= 0) return "exhausted";
  return remaining <= granted * LOW ? "low" : "ok";
}

export function balanceText(balance: FeatureBalance, isBoolean: boolean, formats: Formats): string {
  const { amount, date } = formats;
  const { usage, granted, remaining, balance: left, nextResetAt } = balance;
  const state = meterStateOf(balance);
  if (state === "not_included") return "Not included";
  if (isBoolean) return "Included";
  if (state === "unlimited") return `${amount(usage)} used, unlimited`;
  const rest = state === "overage" ? `${amount(-left)} over` : `${amount(remaining)} left`;
  const reset = nextResetAt === null ? "" : `, resets ${date(nextResetAt)}`;
  return `${amount(usage)} of ${amount(granted)} used, ${rest}${reset}`;
}

export type GrantPart = Summary["breakdown"][number];

export function grantText(part: GrantPart, { amount, date }: Formats): string {
  const { unlimited, remaining, granted, overage, nextResetAt, expiresAt } = part;
  const left = unlimited ? "unlimited" : `${amount(remaining)} of ${amount(granted)} left`;
  return [
    left,
    ...(overage > 0 ? [`${amount(overage)} over`] : []),
    ...(nextResetAt === undefined ? [] : [`resets ${date(nextResetAt)}`]),
    ...(expiresAt === undefined ? [] : [`expires ${date(expiresAt)}`]),
  ].join(", ");
}

interface Every {
  interval: Interval;
  count: number;
}

const UNITS: Record<Interval, string> = {
  minute: "minute",
  hour: "hour",
  day: "day",
  week: "week",
  month: "month",
  quarter: "quarter",
  semi_annual: "half-year",
  year: "year",
};

export function everyText({ interval, count }: Every): string {
  return count === 1 ? `per ${UNITS[interval]}` : `every ${count} ${UNITS[interval]}s`;
}

const PERIODS: Partial<Record<Interval, string>> = {
  day: "Daily",
  week: "Weekly",
  month: "Monthly",
  quarter: "Quarterly",
  semi_annual: "Half-yearly",
  year: "Yearly",
};

export function periodText({ interval, count }: Every): string {
  return (count === 1 && PERIODS[interval]) || `Every ${count} ${UNITS[interval]}s`;
}

export function priceText({ price }: Pick<PlanView, "price">, { money }: Formats): string {
  if (price === null || price.amount === 0) return "Free";
  return price.every === null ? money(price.amount) : `${money(price.amount)} ${everyText(price.every)}`;
}

export function itemText(item: ItemView, { amount, money }: Formats): string {
  const { name, type, unlimited, included, reset, price } = item;
  if (type === "boolean") return name;
  if (unlimited) return `Unlimited ${name}`;
  const given = `${amount(included)} ${name}${reset === null ? "" : ` ${everyText(reset)}`}`;
  if (price === undefined) return given;
  const [tier, ...others] = price.tiers;
  const each = price.billingUnits === 1 ? "each" : `per ${amount(price.billingUnits)}`;
  const cost = others.length > 0 ? "priced in tiers" : `${money(tier?.amount ?? 0)} ${each}`;
  if (included === 0) return `${name}, ${cost}`;
  return price.billingMethod === "prepaid" ? `${given}, more at ${cost}` : `${given}, then ${cost}`;
}
