import { v } from "convex/values";
import { internal } from "./_generated/api.js";
import { internalMutation } from "./_generated/server.js";
import { userAction, userMutation, userQuery } from "./_helpers/builders.js";
import { AppError } from "./_helpers/errors.js";
import { complete } from "./model.js";

/** Writes a message: the message and its charge are one transaction. */
export const send = userMutation({
  meter: { featureId: "messages" },
  args: { text: v.string() },
  returns: v.id("messages"),
  handler: async (ctx, { text }) => {
    if (text.trim() === "") throw new AppError("INVALID_INPUT", "Write something first.");
    return await ctx.db.insert("messages", { userId: ctx.identity?.customerId ?? "", author: "user", text });
  },
});

export const list = userQuery({
  args: {},
  returns: v.array(v.object({ author: v.string(), text: v.string() })),
  handler: async (ctx) => {
    if (ctx.identity === null) return [];
    const { customerId } = ctx.identity;
    const messages = await ctx.db
      .query("messages")
      .withIndex("by_user", (q) => q.eq("userId", customerId))
      .order("desc")
      .take(50);
    return messages.map(({ author, text }) => ({ author, text })).reverse();
  },
});

/** Asks the model. How many tokens that takes is known only afterwards: check, work, then track. */
export const generate = userAction({
  args: { prompt: v.string() },
  returns: v.object({ text: v.string(), tokens: v.number(), tokensLeft: v.number() }),
  handler: async (ctx, { prompt }) => {
    const result = await ctx.check({ featureId: "ai_tokens" });
    if (!result.data?.allowed) {
      throw new AppError("USAGE_EXCEEDED", "Token limit reached. Upgrade for more.");
    }
    const { text, tokens } = await complete(prompt);
    const { remaining } = await ctx.track({
      featureId: "ai_tokens",
      value: tokens,
      properties: { model: "stand-in" },
    });
    await ctx.runMutation(internal.chat.saveAnswer, { userId: ctx.identity?.customerId ?? "", text });
    return { text, tokens, tokensLeft: remaining };
  },
});

const models = { basic: "basic_model", premium: "premium_model" } as const;

/**
 * Asks one of two models, both paid from one pool of credits. A request that comes twice is charged
 * once and answered from the first time.
 */
export const ask = userMutation({
  args: {
    model: v.union(v.literal("basic"), v.literal("premium")),
    prompt: v.string(),
    requestId: v.string(),
  },
  returns: v.object({ text: v.string() }),
  handler: async (ctx, { model, prompt, requestId }) => {
    const { replayed } = await ctx.consume({ featureId: models[model], idempotencyKey: `ask:${requestId}` });
    const userId = ctx.identity?.customerId ?? "";
    if (replayed) {
      const answered = await ctx.db
        .query("messages")
        .withIndex("by_request", (q) => q.eq("userId", userId).eq("requestId", requestId))
        .unique();
      return { text: answered?.text ?? "" };
    }
    const { text } = await complete(prompt);
    await ctx.db.insert("messages", { userId, author: "assistant", text, requestId });
    return { text };
  },
});

/** A feature that a plan has or has not. */
export const search = userQuery({
  args: { words: v.string() },
  returns: v.array(v.string()),
  handler: async (ctx, { words }) => {
    const { allowed } = await ctx.check({ featureId: "web_search" });
    if (!allowed) throw new AppError("FEATURE_NOT_AVAILABLE", "Web search comes with Pro.");
    return [`What the web says about ${words}`];
  },
});

export const saveAnswer = internalMutation({
  args: { userId: v.string(), text: v.string() },
  returns: v.null(),
  handler: async (ctx, { userId, text }) => {
    await ctx.db.insert("messages", { userId, author: "assistant", text });
    return null;
  },
});
