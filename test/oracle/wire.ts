/** What the component answers, in the words of the wire: the cases are written in them. */
import { exact, nearest, priceOf, total } from "../../src/core/amounts.js";
import type { Decision } from "../../src/core/answers.js";
import { CUSTOMER } from "./deployment.js";
import type { Catalog, ErrorKind } from "../../src/client/index.js";

/** An operation's answer: what an expectation may name. */
export type Answer = Record<string, unknown>;

const ERRORS: Partial<Record<ErrorKind, string>> = {
  usage_exceeded: "insufficient_balance",
  idempotency_conflict: "duplicate_idempotency_key",
  invalid_argument: "invalid_request",
  invalid_amount: "invalid_request",
  not_supported: "invalid_request",
  reservation_not_found: "lock_not_found",
  reservation_closed: "lock_not_found",
};

/** An id that holds something already, or has been settled, cannot be locked again. */
const LOCK_ERRORS: typeof ERRORS = {
  idempotency_conflict: "lock_already_exists",
  reservation_closed: "lock_already_exists",
};

export function errorCode(kind: ErrorKind, operation?: string): string {
  return (operation === "lock" ? LOCK_ERRORS[kind] : undefined) ?? ERRORS[kind] ?? kind;
}

/** Whose an operation is: the customer's, or one of his entities'. */
export const ownerOf = (entityId: string | undefined) => ({
  customerId: CUSTOMER,
  ...(entityId !== undefined && { entityId }),
});

export type Part = Pick<
  Decision["breakdown"][number],
  "granted" | "usage" | "remaining" | "overage" | "unlimited"
>;

/** A sum of grants. An unlimited one covers the others: then only use is told. */
export function amountsOf(parts: readonly Part[]) {
  const endless = parts.filter(({ unlimited }) => unlimited);
  const unlimited = endless.length > 0;
  const sum = (field: "granted" | "usage" | "remaining" | "overage", of = parts) =>
    total(of.map((part) => exact(part[field])));
  const [remaining, overage] = [sum("remaining"), sum("overage")];
  return {
    granted: unlimited ? 0 : nearest(sum("granted")),
    usage: nearest(sum("usage", unlimited ? endless : parts)),
    remaining: unlimited ? 0 : nearest(remaining),
    overage: unlimited ? 0 : nearest(overage),
    net: unlimited ? 0 : nearest(remaining.minus(overage)),
    unlimited,
  };
}

/** A check as the wire answers it: by one feature's balance, the asked one's or a credit system's. */
export async function checkAnswer(
  catalog: Catalog,
  decision: Decision,
  asked: { featureId: string; required: number },
  isAllowed: (featureId: string, required: number) => Promise<boolean>,
): Promise<Answer> {
  const { type } = catalog.feature(asked.featureId);
  const { featureId, required } = await answering(catalog, decision, asked, isAllowed);
  const parts = decision.breakdown.filter((part) => part.featureId === featureId);
  const hasBalance = type !== "boolean" && parts.length > 0;
  return {
    ok: true,
    allowed: decision.allowed,
    feature: featureId,
    required,
    flag: type === "boolean" && parts.length > 0,
    balance: hasBalance
      ? {
          ...amountsOf(parts),
          overage_allowed: decision.overageAllowed,
          reset_interval: resetInterval(parts),
        }
      : null,
  };
}

/**
 * Autumn's rule: the first of the feature and its credit systems whose balance alone allows it; else
 * the first credit system that the customer has; else the feature, if he has it; else the first
 * credit system there is.
 */
async function answering(
  catalog: Catalog,
  decision: Decision,
  { featureId, required }: { featureId: string; required: number },
  isAllowed: (featureId: string, required: number) => Promise<boolean>,
): Promise<{ featureId: string; required: number }> {
  const candidates = catalog.pools(featureId).map((pool) => ({
    featureId: pool.featureId,
    required: nearest(priceOf(exact(required), pool.cost)),
  }));
  const [own, ...systems] = candidates;
  if (own === undefined || systems.length === 0) return { featureId, required };
  const has = (candidate: { featureId: string }) =>
    decision.breakdown.some((part) => part.featureId === candidate.featureId);
  if (has(own) && isCovered(decision, own)) return own;
  for (const system of systems) {
    if (has(system) && (await isAllowed(system.featureId, system.required))) return system;
  }
  return systems.find(has) ?? (has(own) ? own : (systems[0] ?? own));
}

function isCovered(decision: Decision, own: { featureId: string; required: number }): boolean {
  const parts = decision.breakdown.filter((part) => part.featureId === own.featureId);
  const { unlimited, remaining } = amountsOf(parts);
  return unlimited || remaining >= own.required;
}

function resetInterval(parts: readonly { interval?: string }[]): string {
  const intervals = new Set(parts.map(({ interval }) => interval ?? "one_off"));
  const [first] = intervals;
  return intervals.size > 1 ? "multiple" : (first ?? "one_off");
}
