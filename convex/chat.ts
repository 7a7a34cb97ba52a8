import { v } from "convex/values";
import { internal } from "./_generated/api.js";
import { internalMutation } from "./_generated/server.js";
import { userAction, userMutation, userQuery } from "./_helpers/builders.js";
import { AppError } from "./_helpers/errors.js";
import { answerValidator, complete, modelValidator } from "./model.js";

/** Writes a message: the message and its charge are one transaction. */
export const send = userMutation({
  meter: { featureId: "messages" },
  args: { text: v.string() },
  returns: v.id("messages"),
  handler: async (ctx, { text }) => {
    if (text.trim() === "") throw new AppError("INVALID_INPUT", "Write something first.");
    const customerId = ctx.identity?.customerId ?? "";
    return await ctx.db.insert("messages", { customerId, author: "user", text });
  },
});

/** The chat of the account: a user's own, or his workspace's. */
export const list = userQuery({
  args: {},
  returns: v.array(
    v.object({
      messageId: v.id("messages"),
      createdAt: v.number(),
      author: v.union(v.literal("user"), v.literal("assistant")),
      name: v.optional(v.string()),
      text: v.string(),
      answer: v.optional(answerValidator),
    }),
  ),
  handler: async (ctx) => {
    if (ctx.identity === null) return [];
    const { customerId } = ctx.identity;
    const messages = await ctx.db
      .query("messages")
      .withIndex("by_customer", (q) => q.eq("customerId", customerId))
      .order("desc")
      .take(50);
    return messages
      .map(({ _id: messageId, _creationTime: createdAt, author, name, text, answer }) => ({
        messageId,
        createdAt,
        author,
        name,
        text,
        answer,
      }))
      .reverse();
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
    await ctx.runMutation(internal.chat.saveAnswer, { customerId: ctx.identity?.customerId ?? "", text });
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
    model: modelValidator,
    prompt: v.string(),
    requestId: v.string(),
  },
  returns: v.object({ text: v.string() }),
  handler: async (ctx, { model, prompt, requestId }) => {
    const { replayed } = await ctx.consume({ featureId: models[model], idempotencyKey: `ask:${requestId}` });
    const customerId = ctx.identity?.customerId ?? "";
    if (replayed) {
      const answered = await ctx.db
        .query("messages")
        .withIndex("by_request", (q) => q.eq("customerId", customerId).eq("requestId", requestId))
        .unique();
      return { text: answered?.text ?? "" };
    }
    const { text } = await complete(prompt);
    await ctx.db.insert("messages", { customerId, author: "assistant", text, requestId });
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
  args: { customerId: v.string(), text: v.string() },
  returns: v.null(),
  handler: async (ctx, { customerId, text }) => {
    await ctx.db.insert("messages", { customerId, author: "assistant", text });
    return null;
  },
});
