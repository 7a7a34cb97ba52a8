import { v } from "convex/values";
import { components } from "../../../convex/_generated/api.js";
import { AppError } from "../../../convex/_helpers/errors.js";
import { defineCatalog, Tally, type Identity } from "../../../src/client/index.js";
import * as config from "./autumn.config.js";
import { action, internalMutation, mutation, query } from "./server.js";

export const tally = new Tally(components.tally, {
  catalog: defineCatalog(config),
  identify: async (ctx): Promise<Identity | null> => {
    const user = await ctx.auth.getUserIdentity();
    return user && { customerId: user.subject };
  },
});

const { userAction, userQuery } = tally.builders({ query, mutation, action });

export const callExternalApi = userAction({
  args: { endpoint: v.string() },
  handler: async (ctx, { endpoint }) => {
    const result = await ctx.check({ featureId: "api_calls" });
    if (!result.data?.allowed) {
      throw new AppError("USAGE_EXCEEDED", "No API calls left");
    }
    await ctx.track({ featureId: "api_calls", value: 1 });
    return { success: true, data: await request(endpoint) };
  },
});

export const generateText = userAction({
  args: { prompt: v.string() },
  handler: async (ctx, { prompt }) => {
    const result = await ctx.check({ featureId: "ai_tokens" });
    if (!result.data?.allowed) {
      throw new AppError("USAGE_EXCEEDED", "No tokens left");
    }
    const { text, totalTokens } = await model(prompt);
    await ctx.track({ featureId: "ai_tokens", value: totalTokens });
    return { text };
  },
});

export const getUsage = userQuery({
  args: { featureId: v.string() },
  handler: async (ctx, { featureId }) => {
    const result = await ctx.check({ featureId });
    return { allowed: result.data?.allowed || false };
  },
});

export const sendEmail = userAction({
  args: { to: v.string(), body: v.string() },
  handler: async (ctx, { to, body }) => {
    const result = await ctx.check({ featureId: "emails" });
    if (!result.data?.allowed) {
      throw new AppError("USAGE_EXCEEDED", "No emails left this month");
    }
    await ctx.track({ featureId: "emails", value: 1 });
    return `${to}: ${body}`;
  },
});

/** What a payment does once it has arrived. */
export const completePurchase = internalMutation({
  args: { userId: v.string(), planId: v.string() },
  handler: async (ctx, { userId, planId }) => {
    await tally.subscriptions.attach(ctx, { customerId: userId, planId });
  },
});

/** Stands in for somebody else's service. */
async function request(endpoint: string): Promise<string> {
  if (endpoint.startsWith("down:")) throw new Error("503 Service Unavailable");
  return `200 from ${endpoint}`;
}

/** Stands in for a language model that uses ten tokens a word. */
async function model(prompt: string): Promise<{ text: string; totalTokens: number }> {
  return { text: prompt.toUpperCase(), totalTokens: 10 * prompt.split(" ").length };
}
