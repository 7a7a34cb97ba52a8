/**
 * What a draw has crossed: thresholds of the balances that it moved, and the end of what can be drawn.
 * Lago's crossing test (before it < threshold ≤ after it), so that each crossing is one draw's, and
 * what lowers usage again (a reset, a refund) arms it again. Kinds of thresholds as Autumn's.
 */
import { v, type Infer } from "convex/values";
import { exact, nearest, total, type Decimal } from "./amounts.js";
import { hasMoved, isLive, left, type Balance, type Grant } from "./balances.js";
import { askedFeature, draw, refusalValidator, type Ask, type Refusal } from "./draws.js";
import { isTallyError } from "./errors.js";
import type { Scope } from "./order.js";

export const thresholdTypeValidator = v.union(
  v.literal("usage"),
  v.literal("usage_percentage"),
  v.literal("remaining"),
  v.literal("remaining_percentage"),
);
export type ThresholdType = Infer<typeof thresholdTypeValidator>;

export const usageAlertValidator = v.object({
  /** Of this feature's balances alone. */
  featureId: v.optional(v.string()),
  /** Of balances that this plan gives to alone. */
  planId: v.optional(v.string()),
  threshold: v.number(),
  thresholdType: thresholdTypeValidator,
});
export type UsageAlert = Infer<typeof usageAlertValidator>;

/** What the caller wants to be told of. */
export const watchValidator = v.object({ usageAlerts: v.array(usageAlertValidator), limits: v.boolean() });
export type Watch = Infer<typeof watchValidator>;

/** A balance that has crossed a threshold, in its own unit. */
export const thresholdReachedValidator = v.object({
  featureId: v.string(),
  /** Of an entity's own balance. */
  entityId: v.optional(v.string()),
  threshold: v.number(),
  thresholdType: thresholdTypeValidator,
  granted: v.number(),
  usage: v.number(),
  remaining: v.number(),
});

/** A feature of which nothing more can be drawn. */
export const limitReachedValidator = v.object({
  featureId: v.string(),
  /** On whose behalf the draw was. */
  entityId: v.optional(v.string()),
  reason: refusalValidator,
});

export const crossingValidator = v.union(
  v.object({ kind: v.literal("threshold"), reached: thresholdReachedValidator }),
  v.object({ kind: v.literal("limit"), reached: limitReachedValidator }),
);
export type Crossing = Infer<typeof crossingValidator>;

/**
 * What a draw for `ask` has crossed that made `before` to `after`, the same rows in the same order:
 * each balance's thresholds in the order in which usage reaches them, then the limits.
 */
export function crossings(
  before: readonly Balance[],
  after: readonly Balance[],
  ask: Ask,
  { usageAlerts, limits }: Watch,
): Crossing[] {
  const moved = after.flatMap((row, index) => {
    const earlier = before[index];
    return earlier !== undefined && hasMoved(earlier, row) ? [{ earlier, row }] : [];
  });
  const thresholds = moved.flatMap(({ earlier, row }) =>
    thresholdsCrossed(earlier, row, usageAlerts, ask.now),
  );
  if (!limits) return thresholds;
  const features = new Set(moved.map(({ row }) => row.featureId));
  return [...thresholds, ...limitsReached(before, after, features, ask)];
}

function thresholdsCrossed(
  before: Balance,
  after: Balance,
  usageAlerts: readonly UsageAlert[],
  now: number,
): Crossing[] {
  const [earlier, measured] = [measure(before, now), measure(after, now)];
  // As Autumn's: what is unlimited has no thresholds.
  if (measured === null || earlier === null) return [];
  const { granted, usage, remaining, planIds } = measured;
  const crossed = usageAlerts.flatMap((alert) => {
    const isMeant =
      (alert.featureId ?? after.featureId) === after.featureId &&
      (alert.planId === undefined || planIds.has(alert.planId));
    const at = isMeant ? usageAt(alert, granted) : null;
    const isCrossed = at !== null && position(alert, earlier).lt(at) && position(alert, measured).gte(at);
    return isCrossed ? [{ alert, at }] : [];
  });
  return crossed
    .sort((a, b) => a.at.cmp(b.at))
    .map(({ alert: { threshold, thresholdType } }) => ({
      kind: "threshold",
      reached: {
        featureId: after.featureId,
        ...(after.entityId !== undefined && { entityId: after.entityId }),
        threshold,
        thresholdType,
        granted: nearest(granted),
        usage: nearest(usage),
        remaining: nearest(remaining),
      },
    }));
}

interface Measure {
  granted: Decimal;
  usage: Decimal;
  remaining: Decimal;
  planIds: ReadonlySet<string | undefined>;
}

/** A row as a list of balances shows it; null if it is unlimited. */
function measure({ grants }: Balance, now: number): Measure | null {
  const live = grants.filter((grant) => isLive(grant, now));
  if (live.some(({ unlimited }) => unlimited)) return null;
  const sum = (amountOf: (grant: Grant) => Decimal) => total(live.map(amountOf));
  return {
    granted: sum(({ granted }) => exact(granted)),
    usage: sum(({ used }) => exact(used)),
    remaining: sum(left),
    planIds: new Set(live.map(({ planId }) => planId)),
  };
}

/** Where a threshold lies, a hundredfold, counted up from nothing used; null where it means nothing. */
function usageAt({ threshold, thresholdType }: UsageAlert, granted: Decimal): Decimal | null {
  switch (thresholdType) {
    case "usage":
      return exact(threshold).times(100);
    case "usage_percentage":
      return granted.gt(0) ? granted.times(threshold) : null;
    case "remaining":
      return granted.minus(threshold).times(100);
    case "remaining_percentage":
      return granted.gt(0) ? granted.times(100).minus(granted.times(threshold)) : null;
  }
}

/** How far a balance is on the way to a threshold, a hundredfold: what is left counts from what was granted. */
function position({ thresholdType }: UsageAlert, { granted, usage, remaining }: Measure): Decimal {
  const isOfUsage = thresholdType === "usage" || thresholdType === "usage_percentage";
  return (isOfUsage ? usage : granted.minus(remaining)).times(100);
}

/**
 * The features that can be drawn no more, of those whose balances have moved: the asked one (though
 * credits would pay on, it can), and the credit systems that paid.
 */
function limitsReached(
  before: readonly Balance[],
  after: readonly Balance[],
  moved: ReadonlySet<string>,
  ask: Ask,
): Crossing[] {
  return ask.pools.flatMap(({ featureId, perEntity }): Crossing[] => {
    if (!moved.has(featureId)) return [];
    const pools = featureId === askedFeature(ask) ? ask.pools : [{ featureId, perEntity }];
    const reason = exhaustion(after, { ...ask, pools });
    if (reason === null || exhaustion(before, { ...ask, pools }) !== null) return [];
    const { entityId } = ask;
    return [{ kind: "limit", reached: { featureId, ...(entityId !== undefined && { entityId }), reason } }];
  });
}

/** Why not the least amount can be drawn; null if it can. */
function exhaustion(rows: readonly Balance[], scope: Scope): Refusal | null {
  try {
    const { applied, shortage } = draw(rows, { ...scope, units: 1 }, "cap");
    return applied === 0 ? shortage : null;
  } catch (error) {
    // There is something to draw from, though just this amount could not be stored.
    if (isTallyError(error, "invalid_amount")) return null;
    throw error;
  }
}
