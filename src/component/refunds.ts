/** Giving back what a use took, to the very grants that paid, at most once in sum. */
import { v, type Infer } from "convex/values";
import { exact, nearest, total } from "../core/amounts.js";
import { assertAmount } from "../core/arguments.js";
import { summarize } from "../core/answers.js";
import { shown, tallyError } from "../core/errors.js";
import type { Draw } from "../core/draws.js";
import { dated } from "../core/holds.js";
import { divide } from "../core/refunds.js";
import type { Doc } from "./_generated/dataModel.js";
import { mutation, type MutationCtx, type QueryCtx } from "./_generated/server.js";
import { getEvent, refundKeys, repeatOf, wholeUse } from "./events.js";
import { returnDraws } from "./returns.js";
import { findEntity } from "./rows.js";
import { poolsValidator } from "./schema.js";
import { recordUse, replayed, trackedValidator, type Tracked } from "./uses.js";
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
    const [event, late] = await wholeUse(ctx, await getEvent(ctx, customerId, eventId));
    if (event.value < 0) {
      throw tallyError(
        "invalid_argument",
        `${shown(eventId)} gave back ${-event.value} units: only a use can be given back. Nothing was changed.`,
      );
    }
    const earlier = await earlierRefunds(ctx, event);
    // One without a key is numbered, beside all keys that an app can give.
    const key = refundKeys(event._id).of(refundKey ?? `\u0001${earlier.length}`);
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
    const draws = leftOf(event, late, earlier);
    const left = total(draws.map((past) => exact(past.units)));
    const returning = units ?? nearest(left);
    assertAmount(returning, "value");
    if (left.lt(returning)) {
      throw tallyError(
        "invalid_amount",
        `value is ${returning}, but only ${nearest(left)} of the use ${shown(eventId)} are left to give back. Nothing was changed.`,
        { left: nearest(left) },
      );
    }
    return await giveBack(ctx, event, { draws, pools, returning, key, reason, actor });
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

/** What is left of a use: its draws, and those of its late confirmation, less what was given back before and after that. */
function leftOf(event: Doc<"events">, late: Doc<"events"> | null, refunds: readonly Doc<"events">[]): Draw[] {
  const less = (draws: readonly Draw[], returned: readonly Doc<"events">[]) =>
    divide(draws, nearest(total(returned.map(({ value }) => exact(-value))))).kept;
  if (late === null) return less(event.draws, refunds);
  const [earlier, later] = [
    refunds.filter(({ _creationTime }) => _creationTime < late._creationTime),
    refunds.filter(({ _creationTime }) => _creationTime > late._creationTime),
  ];
  const confirmed = late.draws.map((past) => ({ ...past, at: late._creationTime }));
  return less([...less(event.draws, earlier), ...confirmed], later);
}

interface Refund {
  /** What is left of the use. */
  draws: readonly Draw[];
  pools: Infer<typeof poolsValidator>;
  returning: number;
  key: string;
  reason?: string;
  actor?: string;
}

/** Gives back all that is left of a use, if anything is. */
export async function giveBackRest(
  ctx: MutationCtx,
  event: Doc<"events">,
  refund: Omit<Refund, "draws" | "returning">,
): Promise<void> {
  const draws = leftOf(event, null, await earlierRefunds(ctx, event));
  const returning = nearest(total(draws.map((past) => exact(past.units))));
  if (returning === 0) return;
  await giveBack(ctx, event, { ...refund, draws, returning, key: refundKeys(event._id).of(refund.key) });
}

async function giveBack(ctx: MutationCtx, event: Doc<"events">, refund: Refund): Promise<Tracked> {
  const { customerId, entityId, featureId = "", _creationTime: at } = event;
  const { draws, pools, returning, key, reason, actor } = refund;
  const now = Date.now();
  const working = await WorkingRows.trace(ctx, customerId, { pools, entityId }, draws, now);
  const scope = working.scope({ pools, entityId, units: 0 });
  const entityIsGone = entityId !== undefined && !(await hasStayed(ctx, customerId, entityId, at));
  const drawn = { draws, at, entityIsGone };
  const restored = await returnDraws(ctx, customerId, working, drawn, returning, scope);
  await working.save(ctx, customerId, false);
  const use = {
    customerId,
    featureId,
    entityId,
    value: nearest(exact(returning).neg()),
    key,
    refundOf: event._id,
    changes: working.changes(),
    ...(restored.charged.length > 0 && { charged: restored.charged }),
    reason,
    actor,
  };
  const outcome = {
    draws: dated(restored.draws, at, now),
    uncovered: nearest(exact(restored.lapsed).neg()),
    unlimited: false,
  };
  return await recordUse(ctx, use, outcome, summarize(working.rows, scope));
}

/** Whether an entity that was there at an instant is the one that is there now: not removed since, nor made anew. */
async function hasStayed(
  ctx: QueryCtx,
  customerId: string,
  entityId: string,
  since: number,
): Promise<boolean> {
  const entity = await findEntity(ctx, customerId, entityId);
  return entity !== null && entity._creationTime <= since;
}
