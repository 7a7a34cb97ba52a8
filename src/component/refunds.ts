/** Giving back what a use took, to the very grants that paid, at most once in sum. */
import { v } from "convex/values";
import { exact, nearest, total } from "../core/amounts.js";
import { assertAmount } from "../core/arguments.js";
import { summarize } from "../core/answers.js";
import { shown, tallyError } from "../core/errors.js";
import { divide, restore } from "../core/refunds.js";
import type { Doc } from "./_generated/dataModel.js";
import { mutation, type MutationCtx, type QueryCtx } from "./_generated/server.js";
import { getEvent, refundKeys, repeatOf } from "./events.js";
import { poolsValidator } from "./schema.js";
import { recordUse, replayed, trackedValidator } from "./uses.js";
import { WorkingRows } from "./workingRows.js";

/**
 * Gives back `units` of a use (all that is left of it, unless told), the last draw first. What had
 * lapsed meanwhile comes back to nobody, and is answered as (negative) `uncovered`.
 */
export const refund = mutation({
  args: {
    customerId: v.string(),
    eventId: v.string(),
    /** Of the event's feature. */
    pools: poolsValidator,
    units: v.optional(v.number()),
    /** Makes a repeat of this very refund give back nothing more. */
    refundKey: v.optional(v.string()),
    reason: v.optional(v.string()),
    actor: v.optional(v.string()),
  },
  returns: trackedValidator,
  handler: async (ctx, { customerId, eventId, pools, units, refundKey, reason, actor }) => {
    const event = await getEvent(ctx, customerId, eventId);
    const earlier = await earlierRefunds(ctx, event);
    // One without a key is numbered, beside all keys that an app can give.
    const key = refundKeys(eventId).of(refundKey ?? `\u0001${earlier.length}`);
    const repeated = earlier.find((refund) => refund.key === key);
    if (repeated !== undefined) {
      const value = units === undefined ? repeated.value : nearest(exact(units).neg());
      return replayed(repeatOf(repeated, { ...repeated, properties: undefined, value }));
    }

    if (earlier.length >= MAX_REFUNDS) {
      throw tallyError(
        "invalid_argument",
        `The use ${shown(eventId)} has been given back in ${MAX_REFUNDS} parts already, the most that one can be. Nothing was changed.`,
      );
    }
    const returned = total(earlier.map(({ value }) => exact(-value)));
    const left = exact(event.value)
      .minus(event.uncovered ?? 0)
      .minus(returned);
    const returning = units ?? nearest(left);
    assertAmount(returning, "value");
    if (left.lt(returning)) {
      throw tallyError(
        "invalid_amount",
        `value is ${returning}, but only ${nearest(left)} of the use ${shown(eventId)} are left to give back. Nothing was changed.`,
        { left: nearest(left) },
      );
    }
    return await giveBack(ctx, event, { pools, returning, returned: nearest(returned), key, reason, actor });
  },
});

/** Parts that one use is given back in: all of them are read each time. */
const MAX_REFUNDS = 1_000;

async function earlierRefunds(ctx: QueryCtx, { customerId, _id }: Doc<"events">): Promise<Doc<"events">[]> {
  const { from, to } = refundKeys(_id);
  return await ctx.db
    .query("events")
    .withIndex("by_key", (q) => q.eq("customerId", customerId).gte("key", from).lt("key", to))
    .take(MAX_REFUNDS);
}

async function giveBack(
  ctx: MutationCtx,
  event: Doc<"events">,
  refund: {
    pools: { featureId: string }[];
    returning: number;
    returned: number;
    key: string;
    reason?: string;
    actor?: string;
  },
) {
  const { customerId, entityId, featureId = "" } = event;
  const { pools, returning, returned, key, reason, actor } = refund;
  const working = await WorkingRows.reload(ctx, customerId, { pools, entityId }, Date.now());
  const scope = working.scope({ pools, entityId, units: 0 });
  const { kept } = divide(event.draws, returned);
  const restored = restore(working.rows, kept, event._creationTime, returning, scope);
  working.apply(restored);
  await working.save(ctx, customerId, false);
  const use = {
    customerId,
    featureId,
    entityId,
    value: nearest(exact(returning).neg()),
    key,
    refundOf: event._id,
    reason,
    actor,
  };
  const outcome = {
    draws: restored.draws,
    uncovered: nearest(exact(restored.lapsed).neg()),
    unlimited: false,
  };
  return await recordUse(ctx, use, outcome, summarize(working.rows, scope));
}
