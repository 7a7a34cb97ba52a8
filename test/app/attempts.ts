/** Functions that fail half-way, or try several things: mounted by the test beside the app's own. */
import { v } from "convex/values";
import { userAction, userMutation } from "../../convex/_helpers/builders.js";

export const trackThenThrow = userMutation({
  args: {},
  handler: async (ctx) => {
    await ctx.db.insert("messages", { customerId: "user_1", author: "user", text: "never kept" });
    await ctx.track({ featureId: "messages", value: 2 });
    throw new Error("after the track");
  },
});

export const consumeThenThrow = userMutation({
  args: {},
  handler: async (ctx) => {
    await ctx.consume({ featureId: "messages", value: 2, idempotencyKey: "attempt" });
    await ctx.db.insert("messages", { customerId: "user_1", author: "user", text: "never kept" });
    throw new Error("after the consume");
  },
});

export const meterThenThrow = userMutation({
  meter: [{ featureId: "messages", value: 2 }, { featureId: "basic_model" }],
  args: {},
  handler: async (ctx) => {
    await ctx.db.insert("messages", { customerId: "user_1", author: "user", text: "never kept" });
    throw new Error("after the meter");
  },
});

/** Uses nothing when its arguments say so, in either of two ways. */
export const meteredByChoice = userMutation({
  args: { none: v.union(v.literal("null"), v.literal("an empty list")) },
  meter: ({ none }) => (none === "null" ? null : []),
  handler: async (ctx, { none }) => {
    await ctx.db.insert("messages", { customerId: "user_1", author: "user", text: none });
  },
});

/** Uses one message whether or not the model could be paid. */
export const premiumIfPossible = userMutation({
  args: { value: v.number(), idempotencyKey: v.string() },
  handler: async (ctx, { value, idempotencyKey }) => {
    await ctx.consume({ featureId: "messages" });
    const answered = await ctx.consume({ featureId: "premium_model", value, idempotencyKey }).then(
      () => true,
      () => false,
    );
    await ctx.consume({ featureId: "messages" });
    await ctx.db.insert("messages", { customerId: "user_1", author: "user", text: `answered: ${answered}` });
  },
});

/** Consumes one by one, all at the same time; answers how many were let through. */
export const consumeInMutation = userMutation({
  args: { times: v.number() },
  returns: v.number(),
  handler: async (ctx, { times }) => {
    const uses = Array.from({ length: times }, () => ctx.consume({ featureId: "emails" }));
    return (await Promise.allSettled(uses)).filter(({ status }) => status === "fulfilled").length;
  },
});

export const consumeInAction = userAction({
  args: { times: v.number() },
  returns: v.number(),
  handler: async (ctx, { times }) => {
    const uses = Array.from({ length: times }, () => ctx.consume({ featureId: "emails" }));
    return (await Promise.allSettled(uses)).filter(({ status }) => status === "fulfilled").length;
  },
});

/** Tracks in an action and fails: what an action has done stays done. */
export const trackInActionThenThrow = userAction({
  args: {},
  handler: async (ctx) => {
    await ctx.track({ featureId: "messages", value: 2 });
    throw new Error("after the track");
  },
});
