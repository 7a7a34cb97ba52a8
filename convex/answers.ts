/** Answers that are written word by word, and paid for word by word. */
import { v } from "convex/values";
import { internal } from "./_generated/api.js";
import type { Doc } from "./_generated/dataModel.js";
import { internalAction, internalMutation, type MutationCtx } from "./_generated/server.js";
import { userMutation } from "./_helpers/builders.js";
import { AppError } from "./_helpers/errors.js";
import { tally } from "./billing.js";
import { modelValidator, streamed, tokensOf, type Model } from "./model.js";

/** What each model's tokens are paid from: the plan's tokens, or credits at the premium model's cost. */
const prices = {
  basic: { featureId: "ai_tokens", tokensPerUnit: 1 },
  premium: { featureId: "premium_model", tokensPerUnit: 50 },
} as const;

/** So many tokens are held ahead of the words: more than is ever written at once, little enough to be spared. */
const AHEAD_TOKENS = 20;
/** Far longer than an answer takes. */
const PATIENCE_MS = 2 * 60_000;
const PROMPT_LENGTH = 2_000;

/**
 * Asks a model. The message, its charge, the first tokens of the answer and the order to write it are
 * one transaction: who cannot pay for all of it has asked nothing.
 */
export const ask = userMutation({
  args: { model: modelValidator, text: v.string() },
  meter: ({ model }) => (model === "basic" ? { featureId: "messages" } : null),
  returns: v.id("messages"),
  handler: async (ctx, { model, text }) => {
    const prompt = text.trim();
    if (prompt === "") throw new AppError("INVALID_INPUT", "Write something first.");
    if (prompt.length > PROMPT_LENGTH) {
      throw new AppError("INVALID_INPUT", `Keep it below ${PROMPT_LENGTH} characters.`);
    }
    if (ctx.identity === null) throw new AppError("UNAUTHENTICATED", "Sign in to chat.");
    const { customerId } = ctx.identity;
    const user = await ctx.auth.getUserIdentity();
    await ctx.db.insert("messages", { customerId, author: "user", name: user?.name, text: prompt });
    const messageId = await ctx.db.insert("messages", {
      customerId,
      author: "assistant",
      text: "",
      answer: { model, status: "streaming", tokens: 0, held: AHEAD_TOKENS },
    });
    const { allowed } = await ctx.reserve({
      featureId: prices[model].featureId,
      value: unitsOf(model, AHEAD_TOKENS),
      reservationId: messageId,
      ttlMs: PATIENCE_MS,
      properties: { model },
    });
    if (!allowed) {
      const used = model === "basic" ? "tokens" : "AI credits";
      throw new AppError("USAGE_EXCEEDED", `Not enough ${used} left for an answer.`);
    }
    await ctx.scheduler.runAfter(0, internal.answers.write, { messageId, model, prompt });
    // Should the writing die without a word.
    await ctx.scheduler.runAfter(PATIENCE_MS, internal.answers.finish, { messageId, status: "failed" });
    return messageId;
  },
});

/** Ends an answer: what is written is paid, and the rest of what was held is given back, at once. */
export const stop = userMutation({
  args: { messageId: v.id("messages") },
  returns: v.null(),
  handler: async (ctx, { messageId }) => {
    const message = await ctx.db.get("messages", messageId);
    if (message === null || message.customerId !== ctx.identity?.customerId) {
      throw new AppError("NOT_FOUND", "This answer is not there.");
    }
    await settle(ctx, message, "stopped");
    return null;
  },
});

export const write = internalAction({
  args: { messageId: v.id("messages"), model: modelValidator, prompt: v.string() },
  returns: v.null(),
  handler: async (ctx, { messageId, model, prompt }) => {
    try {
      for await (const words of streamed(model, prompt)) {
        if (!(await ctx.runMutation(internal.answers.append, { messageId, words }))) return null;
      }
      await ctx.runMutation(internal.answers.finish, { messageId, status: "done" });
    } catch (error) {
      console.warn(`An answer has failed: ${String(error)}`);
      await ctx.runMutation(internal.answers.finish, { messageId, status: "failed" });
    }
    return null;
  },
});

/** Adds words together with the report of what they cost. Answers whether more are wanted. */
export const append = internalMutation({
  args: { messageId: v.id("messages"), words: v.string() },
  returns: v.boolean(),
  handler: async (ctx, { messageId, words }) => {
    const message = await ctx.db.get("messages", messageId);
    if (message?.answer?.status !== "streaming") return false;
    const { answer, customerId, text } = message;
    const hold = { customerId, reservationId: messageId };
    const tokens = answer.tokens + tokensOf(words);
    let { held } = answer;
    if (tokens > held) {
      const value = unitsOf(answer.model, AHEAD_TOKENS);
      if (!(await tally.reservations.extend(ctx, { ...hold, value }))) {
        await settle(ctx, message, "cut_off");
        return false;
      }
      held += AHEAD_TOKENS;
    }
    await tally.reservations.report(ctx, { ...hold, total: unitsOf(answer.model, tokens) });
    await ctx.db.patch("messages", messageId, { text: text + words, answer: { ...answer, tokens, held } });
    return true;
  },
});

export const finish = internalMutation({
  args: { messageId: v.id("messages"), status: v.union(v.literal("done"), v.literal("failed")) },
  returns: v.null(),
  handler: async (ctx, { messageId, status }) => {
    const message = await ctx.db.get("messages", messageId);
    if (message !== null) await settle(ctx, message, status);
    return null;
  },
});

type Answer = NonNullable<Doc<"messages">["answer"]>;

/** Charges what is written, once: an answer that has ended stays as it is. */
async function settle(ctx: MutationCtx, message: Doc<"messages">, status: Answer["status"]): Promise<void> {
  const { _id: messageId, answer, customerId } = message;
  if (answer?.status !== "streaming") return;
  await tally.reservations.confirm(ctx, {
    customerId,
    reservationId: messageId,
    value: unitsOf(answer.model, answer.tokens),
  });
  await ctx.db.patch("messages", messageId, { answer: { ...answer, status } });
}

const unitsOf = (model: Model, tokens: number): number => tokens / prices[model].tokensPerUnit;
