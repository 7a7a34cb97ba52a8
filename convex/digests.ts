import { v } from "convex/values";
import { internalMutation } from "./_generated/server.js";
import { tally } from "./billing.js";

/** Writes a user's digest in the background, on his account. Out of messages, he gets none. */
export const writeDigest = internalMutation({
  args: { userId: v.string(), week: v.string() },
  returns: v.object({ written: v.boolean() }),
  handler: async (ctx, { userId, week }) => {
    const account = tally.for(ctx, { customerId: userId });
    const { allowed } = await account.check({ featureId: "messages" });
    if (!allowed) return { written: false };
    const { replayed } = await account.track({ featureId: "messages", idempotencyKey: `digest:${week}` });
    if (!replayed) await ctx.db.insert("digests", { userId, text: `Your week ${week}` });
    return { written: !replayed };
  },
});
