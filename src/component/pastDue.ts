import { v } from "convex/values";
import type { Doc } from "./_generated/dataModel.js";
import { mutation } from "./_generated/server.js";
import { getCustomer } from "./customers.js";
import { findEvent, repeatOf } from "./events.js";
import { suspend } from "./planChanges.js";
import { recordPlan } from "./planEvents.js";
import { activeSubscription, findActive, namedArgs, provenanceFields } from "./subscriptions.js";

/**
 * Notes that a payment for a plan is missing, or (null) that it has come. Told again without `since`,
 * it is still missing since the first time: retries of a payment prolong nothing.
 */
export const set = mutation({
  args: {
    ...namedArgs,
    pastDue: v.union(
      v.object({
        since: v.optional(v.number()),
        /** How long the grants go on from then; for ever, if absent. */
        suspendAfterMs: v.optional(v.number()),
      }),
      v.null(),
    ),
    ...provenanceFields,
  },
  returns: v.object({
    pastDueAt: v.union(v.number(), v.null()),
    suspendsAt: v.union(v.number(), v.null()),
    replayed: v.boolean(),
  }),
  handler: async (ctx, args) => {
    const { customerId, entityId, planId, pastDue, idempotencyKey: key, reason, actor } = args;
    const now = Date.now();
    await getCustomer(ctx, customerId);
    const properties = { pastDue: pastDue !== null };
    const earlier = key === undefined ? null : await findEvent(ctx, customerId, key);
    if (earlier !== null) {
      repeatOf(earlier, { kind: "plan", planId, entityId, value: 0, properties });
      const same = await findActive(ctx, args, now);
      return { pastDueAt: same?.pastDueAt ?? null, suspendsAt: same?.suspendsAt ?? null, replayed: true };
    }
    const held = await activeSubscription(ctx, args, now);
    const { pastDueAt, suspendsAt } = pastDueSince(held, pastDue, now);
    const isChange = pastDueAt !== held.pastDueAt || suspendsAt !== held.suspendsAt;
    const changes = isChange ? await suspend(ctx, held, { pastDueAt, suspendsAt }, now) : [];
    if (isChange || key !== undefined) {
      const event = { customerId, entityId, planId, properties, idempotencyKey: key, reason, actor };
      await recordPlan(ctx, event, changes);
    }
    return { pastDueAt: pastDueAt ?? null, suspendsAt: suspendsAt ?? null, replayed: false };
  },
});

function pastDueSince(
  held: Doc<"subscriptions">,
  pastDue: { since?: number; suspendAfterMs?: number } | null,
  now: number,
): Pick<Doc<"subscriptions">, "pastDueAt" | "suspendsAt"> {
  if (pastDue === null) return { pastDueAt: undefined, suspendsAt: undefined };
  const { since = Math.min(now, held.pastDueAt ?? now), suspendAfterMs } = pastDue;
  return {
    pastDueAt: since,
    suspendsAt: suspendAfterMs === undefined ? undefined : since + suspendAfterMs,
  };
}
