import { v } from "convex/values";
import { internalMutation } from "./_generated/server.js";
import { tally } from "./billing.js";

/** Gives credits to a user; from the dashboard or a job, never from a browser. A repeat gives nothing. */
export const giveCredits = internalMutation({
  args: { userId: v.string(), amount: v.number(), ticket: v.string() },
  returns: v.object({ remaining: v.number() }),
  handler: async (ctx, { userId, amount, ticket }) => {
    const { balance } = await tally.grants.grant(ctx, {
      customerId: userId,
      featureId: "credits",
      amount,
      idempotencyKey: `gift:${ticket}`,
      reason: "Sorry for the trouble",
      actor: "support",
    });
    return { remaining: balance?.remaining ?? 0 };
  },
});

/** Puts a user on a plan that he pays for elsewhere. */
export const setPlan = internalMutation({
  args: { userId: v.string(), planId: v.string() },
  returns: v.null(),
  handler: async (ctx, { userId, planId }) => {
    await tally.subscriptions.attach(ctx, { customerId: userId, planId });
    return null;
  },
});
