import { ConvexError, v } from "convex/values";
import { userAction, userMutation, userQuery } from "./_helpers/builders";

export const send = userMutation({
  meter: { featureId: "messages" },
  args: { text: v.string() },
  handler: async (ctx, { text }) => {
    const author = ctx.identity?.customerId ?? "nobody";
    return await ctx.db.insert("messages", { author, text });
  },
});

export const callExternalApi = userAction({
  args: { endpoint: v.string() },
  handler: async (ctx, { endpoint }) => {
    const result = await ctx.check({ featureId: "api_calls" });
    if (!result.data?.allowed) {
      throw new ConvexError("API call limit reached");
    }
    await ctx.track({ featureId: "api_calls", value: 1 });
    return { success: true, data: endpoint };
  },
});

export const getUsage = userQuery({
  args: { featureId: v.string() },
  handler: async (ctx, { featureId }) => {
    const result = await ctx.check({ featureId });
    return { allowed: result.data?.allowed || false };
  },
});

export const misspelt = userQuery({
  args: {},
  handler: async (ctx) =>
    // @ts-expect-error -- the catalog has no such feature
    (await ctx.check({ featureId: "mesages" })).allowed,
});
