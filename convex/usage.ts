import { v } from "convex/values";
import { userQuery } from "./_helpers/builders.js";

/** What a usage meter shows: reactive, so that it moves with each message. */
export const getUsage = userQuery({
  args: { featureId: v.string() },
  returns: v.object({
    allowed: v.boolean(),
    used: v.number(),
    granted: v.number(),
    remaining: v.number(),
    resetsAt: v.union(v.number(), v.null()),
  }),
  handler: async (ctx, { featureId }) => {
    const { allowed, usage, granted, remaining, nextResetAt } = await ctx.check({ featureId });
    return { allowed, used: usage, granted, remaining, resetsAt: nextResetAt };
  },
});
