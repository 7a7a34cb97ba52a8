import { v } from "convex/values";
import { components } from "../../../convex/_generated/api.js";
import { defineCatalog, Tally, type Identity } from "../../../src/client/index.js";
import * as config from "./chatbot.config.js";
import { action, internalMutation, mutation, query } from "./server.js";

export const tally = new Tally(components.tally, {
  catalog: defineCatalog(config),
  identify: async (ctx): Promise<Identity | null> => {
    const user = await ctx.auth.getUserIdentity();
    return user && { customerId: user.subject };
  },
});

const { userAction, userMutation, userQuery } = tally.builders({ query, mutation, action });

/** Checks, works and tracks for a customer whom trusted code names. */
export const answer = internalMutation({
  args: { customerId: v.string(), question: v.string() },
  handler: async (ctx, { customerId, question }) => {
    const { allowed } = await tally.check(ctx, { customerId, featureId: "messages", requiredBalance: 1 });
    if (!allowed) return null;
    const text = question.toUpperCase();
    await tally.track(ctx, { customerId, featureId: "messages", value: 1 });
    return text;
  },
});

/** The same for whoever is signed in. The work may fail: then nothing was used. */
export const sendMessage = userAction({
  args: { text: v.string() },
  handler: async (ctx, { text }) => {
    const { allowed } = await ctx.check({ featureId: "messages", requiredBalance: 1 });
    if (!allowed) return { sent: false };
    if (text === "") throw new Error("The model had nothing to say.");
    await ctx.track({ featureId: "messages", value: 1 });
    return { sent: true };
  },
});

export const canUsePremiumModels = userQuery({
  args: {},
  handler: async (ctx) => {
    const { allowed } = await ctx.check({ featureId: "premium_models" });
    return allowed;
  },
});

const kind = v.union(v.literal("basic_messages"), v.literal("premium_messages"));

export const canSend = userQuery({
  args: { kind, count: v.number() },
  handler: async (ctx, { kind, count }) => {
    const { allowed } = await ctx.check({ featureId: kind, requiredBalance: count });
    return allowed;
  },
});

export const sendCredited = userMutation({
  args: { kind, count: v.number() },
  handler: async (ctx, { kind, count }) => {
    await ctx.track({ featureId: kind, value: count });
  },
});

export const dollarsLeft = userQuery({
  args: {},
  handler: async (ctx) => {
    const { data } = await ctx.check({ featureId: "dollars" });
    return { left: data.balance, used: data.usage, included: data.included_usage };
  },
});

export const subscribe = internalMutation({
  args: { customerId: v.string() },
  handler: async (ctx, { customerId }) => {
    await tally.subscriptions.attach(ctx, { customerId, planId: "pro" });
  },
});
