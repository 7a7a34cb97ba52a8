/** Small builders: what a test does not name does not matter to it. All that they build is frozen, so no rule can change what it is given. */
import type { Cost } from "../../src/core/amounts.js";
import type { Balance, Grant, Limit } from "../../src/core/balances.js";
import type { Ask } from "../../src/core/draws.js";
import { isTallyError, type TallyError } from "../../src/core/errors.js";
import type { Pool, Scope } from "../../src/core/order.js";

export const HOUR = 3_600_000;
export const DAY = 24 * HOUR;

/** The last day of a month, so that its monthly boundaries are clamped: the next ones follow. */
export const JAN_31 = Date.UTC(2026, 0, 31, 10);
export const FEB_28 = Date.UTC(2026, 1, 28, 10);
export const MAR_31 = Date.UTC(2026, 2, 31, 10);
export const APR_30 = Date.UTC(2026, 3, 30, 10);
export const MAY_31 = Date.UTC(2026, 4, 31, 10);

/** Resets each month from 31 January on, for the first time on 28 February. */
export const monthly = { interval: "month", count: 1, anchor: JAN_31, nextAt: FEB_28 } as const;
/** Resets each day from 31 January on. */
export const daily = { interval: "day", count: 1, anchor: JAN_31, nextAt: JAN_31 + DAY } as const;

/** May go beyond what it grants, for 1 a unit at the period's end. */
export const usageBased: NonNullable<Grant["overage"]> = {
  price: { tiers: [{ to: "inf", amount: 1 }], tierBehavior: "graduated", billingUnits: 1 },
};

/** A hundred of something, given once and for ever. */
export function grant(id: string, fields: Partial<Grant> = {}): Grant {
  return { id, source: "plan", granted: 100, used: 0, createdAt: JAN_31, ...fields };
}

export function limit(max: number, fields: Partial<Limit> = {}): Limit {
  return { max, used: 0, ...monthly, ...fields };
}

export function row(featureId: string, grants: Grant[], fields: Partial<Balance> = {}): Balance {
  return frozen({ featureId, grants, advancedAt: JAN_31, ...fields });
}
export const messages = (...grants: Grant[]): Balance => row("messages", grants);
export const credits = (...grants: Grant[]): Balance => row("credits", grants);

export const own: readonly Pool[] = [{ featureId: "messages" }];
/** Messages, and credits that pay for them: `creditAmount` for each `featureAmount` messages. */
export const orCredits = (creditAmount: number, featureAmount = 1): readonly Pool[] => [
  { featureId: "messages" },
  { featureId: "credits", cost: { creditAmount, featureAmount } satisfies Cost },
];

export const scope = (fields: Partial<Scope> = {}): Scope => ({ pools: own, now: JAN_31, ...fields });
export const ask = (units: number, fields: Partial<Scope> = {}): Ask => ({ ...scope(fields), units });

/** What is used of each grant, by its id. */
export function used(rows: readonly Balance[]): Record<string, number> {
  return Object.fromEntries(rows.flatMap(({ grants }) => grants.map((each) => [each.id, each.used])));
}

/** The error that `operation` throws, if it is one of Tally's. */
export function refusal(operation: () => unknown): TallyError["data"] {
  try {
    operation();
  } catch (error) {
    if (isTallyError(error)) return error.data;
    throw error;
  }
  throw new Error("nothing was refused");
}

export function frozen<T>(value: T): T {
  if (typeof value === "object" && value !== null && !Object.isFrozen(value)) {
    Object.freeze(value);
    for (const part of Object.values(value)) frozen(part);
  }
  return value;
}
