import { v } from "convex/values";
import { summaryFields, summarize } from "../core/answers.js";
import type { Grant } from "../core/balances.js";
import { nextBoundary, intervalValidator } from "../core/periods.js";
import { mutation } from "./_generated/server.js";
import { openCustomer, provisionValidator } from "./customers.js";
import { findEvent, repeatOf } from "./events.js";
import { IdSource } from "./ids.js";
import { addToRow } from "./subscriptions.js";

/** Grants made outside of plans merge with one another where their terms are equal. */
const SOURCE = "grant";

/**
 * Gives a customer an amount of a feature (or the feature without limit): a gift, a correction, a
 * top-up that was paid elsewhere. With a key it is given once.
 */
export const grant = mutation({
  args: {
    customerId: v.string(),
    provision: provisionValidator,
    featureId: v.string(),
    entityId: v.optional(v.string()),
    amount: v.number(),
    unlimited: v.optional(v.literal(true)),
    startsAt: v.optional(v.number()),
    expiresAt: v.optional(v.number()),
    priority: v.optional(v.number()),
    /** The amount comes anew every so often, from now on. */
    reset: v.optional(v.object({ interval: intervalValidator, count: v.number() })),
    idempotencyKey: v.optional(v.string()),
    reason: v.optional(v.string()),
    actor: v.optional(v.string()),
  },
  returns: v.object({
    grantId: v.string(),
    eventId: v.string(),
    replayed: v.boolean(),
    balance: v.union(v.object(summaryFields), v.null()),
  }),
  handler: async (ctx, args) => {
    const { customerId, featureId, entityId, amount, idempotencyKey } = args;
    if (idempotencyKey !== undefined) {
      const earlier = await findEvent(ctx, customerId, idempotencyKey);
      if (earlier !== null) {
        const { _id, draws } = repeatOf(earlier, { kind: "grant", featureId, entityId, value: amount });
        return { grantId: draws[0]?.grantId ?? "", eventId: _id, replayed: true, balance: null };
      }
    }
    const customer = await openCustomer(ctx, args);
    const now = Date.now();
    const ids = new IdSource(customer.lastNumber);
    const start = Math.max(now, args.startsAt ?? now);
    const wanted: Grant = {
      id: ids.next("g"),
      source: SOURCE,
      granted: amount,
      used: 0,
      createdAt: now,
      ...(args.unlimited && { unlimited: true }),
      ...(args.startsAt !== undefined && args.startsAt > now && { startsAt: args.startsAt }),
      ...(args.expiresAt !== undefined && { expiresAt: args.expiresAt }),
      ...(args.priority !== undefined && { priority: args.priority }),
      ...(args.reset && {
        reset: {
          ...args.reset,
          anchor: start,
          nextAt: nextBoundary({ ...args.reset, anchor: start }, start),
        },
      }),
    };
    const { grantId, row, now: at } = await addToRow(ctx, customerId, featureId, entityId, wanted);
    if (grantId === wanted.id) await ctx.db.patch("customers", customer._id, { lastNumber: ids.last });
    const balance = summarize([row], { pools: [{ featureId }], entityId, now: at });
    const eventId = await ctx.db.insert("events", {
      customerId,
      featureId,
      entityId,
      kind: "grant",
      value: amount,
      draws: [{ grantId, amount: -amount, units: -amount }],
      ...(balance.unlimited ? { unlimited: true as const } : { remaining: balance.remaining }),
      key: idempotencyKey,
      reason: args.reason,
      actor: args.actor,
    });
    return { grantId, eventId, replayed: false, balance };
  },
});
