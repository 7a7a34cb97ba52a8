/**
 * A stand-in for a shop: nobody pays. What is bought is given at once, so that plans and top-ups can be
 * seen at work before there are payments. Do not deploy it for real customers.
 */
import { v } from "convex/values";
import { userAction, userMutation } from "./_helpers/builders.js";
import { AppError } from "./_helpers/errors.js";
import { tally } from "./billing.js";

interface Buyer {
  identity: { customerId: string; canManageBilling?: boolean } | null;
}

/** The account of whoever may spend its money. */
function payingCustomer({ identity }: Buyer): string {
  if (identity === null) throw new AppError("UNAUTHENTICATED", "Sign in to buy.");
  if (identity.canManageBilling === false) {
    throw new AppError("FORBIDDEN", "Only an owner of this workspace can buy, change or cancel its plan.");
  }
  return identity.customerId;
}

/** Buys a plan or a top-up, as a checkout with payments would: there is nowhere to pay, hence no `url`. */
export const checkout = userAction({
  args: { planId: v.string(), successUrl: v.optional(v.string()) },
  returns: v.object({ url: v.null() }),
  handler: async (ctx, { planId }) => {
    const customerId = payingCustomer(ctx);
    const reason = "Bought in the store, which is a stand-in: nothing was paid";
    await tally.subscriptions.attach(ctx, { customerId, planId, reason });
    return { url: null };
  },
});

/** Ends a plan with its period. */
export const cancel = userMutation({
  args: { planId: v.string() },
  returns: v.null(),
  handler: async (ctx, { planId }) => {
    await tally.subscriptions.cancel(ctx, { customerId: payingCustomer(ctx), planId });
    return null;
  },
});

/** Takes that back, before its time. */
export const resume = userMutation({
  args: { planId: v.string() },
  returns: v.null(),
  handler: async (ctx, { planId }) => {
    await tally.subscriptions.resume(ctx, { customerId: payingCustomer(ctx), planId });
    return null;
  },
});
