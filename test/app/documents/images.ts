import { v } from "convex/values";
import { components } from "../../../convex/_generated/api.js";
import { defineCatalog, Tally, type Identity } from "../../../src/client/index.js";
import * as config from "./images.config.js";
import { action, mutation, query } from "./server.js";

export const tally = new Tally(components.tally, {
  catalog: defineCatalog(config),
  identify: async (ctx): Promise<Identity | null> => {
    const user = await ctx.auth.getUserIdentity();
    return user && { customerId: user.subject };
  },
});

const { userAction, userQuery } = tally.builders({ query, mutation, action });

/** Checks, draws and tracks; out of credits, it says so instead of throwing. */
export const drawPicture = userAction({
  args: { subject: v.string() },
  handler: async (ctx, { subject }): Promise<{ picture: string } | { error: string }> => {
    const { data } = await ctx.check({ featureId: "image_gen" });
    if (!data.allowed) return { error: "Limit reached" };
    if (subject === "nothing") throw new Error("Nothing cannot be drawn.");
    await ctx.track({ featureId: "image_gen", value: 1 });
    return { picture: `A picture of ${subject}` };
  },
});

/** A request that may be sent twice, for many calls at once or for one. */
export const call = userAction({
  args: { requestId: v.string(), calls: v.number() },
  handler: async (ctx, { requestId, calls }) => {
    const { applied, replayed } = await ctx.track({
      featureId: "api_calls",
      value: calls,
      idempotencyKey: `api-call-${requestId}`,
    });
    return { applied, replayed };
  },
});

export const meter = userQuery({
  args: { featureId: v.string() },
  handler: async (ctx, { featureId }) => {
    const { data } = await ctx.check({ featureId });
    return {
      allowed: data.allowed,
      balance: data.balance,
      included_usage: data.included_usage,
      unlimited: data.unlimited,
    };
  },
});
