/** The answer to a check as apps get it, in functions and in the browser: apart from the rules, which functions load without them. */
import type { Decision } from "./answers.js";
import type { Interval } from "./periods.js";

/** A check's answer under the names of Autumn's 1.2 wire format, for code that reads `result.data`. */
export interface CheckData {
  allowed: boolean;
  code: "feature_found";
  customer_id: string;
  feature_id: string;
  entity_id?: string;
  required_balance: number;
  interval: Interval | null;
  interval_count: number | null;
  unlimited: boolean;
  /** What is left, less what is owed: below 0 in overage. */
  balance: number;
  usage: number;
  included_usage: number;
  next_reset_at: number | null;
  overage_allowed: boolean;
}

export interface CheckError {
  message: string;
  code: "unauthenticated";
}

/**
 * The answer to a check, in units of the asked feature: `allowed`, `reason`, `remaining`, `granted`,
 * `usage`, `unlimited`, `overageAllowed`, `nextResetAt`, `requiredBalance`, and the `breakdown` by
 * grant, each in its own pool's unit. `data` holds the same in Autumn's older names.
 */
export interface CheckAnswer extends Decision {
  data: CheckData;
  /** Set when nobody is signed in. */
  error: CheckError | null;
}

export function checkAnswer(decision: Decision, customerId: string): CheckAnswer {
  return { ...decision, data: dataOf(decision, customerId), error: null };
}

function dataOf(decision: Decision, customerId: string): CheckData {
  const resetting = decision.breakdown.find(({ interval }) => interval !== undefined);
  return {
    allowed: decision.allowed,
    code: "feature_found",
    customer_id: customerId,
    feature_id: decision.featureId,
    ...(decision.entityId !== undefined && { entity_id: decision.entityId }),
    required_balance: decision.requiredBalance,
    interval: resetting?.interval ?? null,
    interval_count: resetting?.intervalCount ?? null,
    unlimited: decision.unlimited,
    balance: decision.balance,
    usage: decision.usage,
    included_usage: decision.granted,
    next_reset_at: decision.nextResetAt,
    overage_allowed: decision.overageAllowed,
  };
}

export function unauthenticatedAnswer(featureId: string, requiredBalance: number): CheckAnswer {
  const nothing: Decision = {
    allowed: false,
    reason: "unauthenticated",
    featureId,
    requiredBalance,
    granted: 0,
    usage: 0,
    remaining: 0,
    balance: 0,
    unlimited: false,
    overageAllowed: false,
    nextResetAt: null,
    breakdown: [],
  };
  const error = { code: "unauthenticated", message: "Nobody is signed in." } as const;
  return { ...checkAnswer(nothing, ""), error };
}
