/** Customers' accounts with payment providers. */
import { v } from "convex/values";
import { mutation, query, type QueryCtx } from "./_generated/server.js";

export async function findAccount(ctx: QueryCtx, customerId: string, provider: string) {
  return await ctx.db
    .query("billingAccounts")
    .withIndex("by_customer", (q) => q.eq("customerId", customerId).eq("provider", provider))
    .unique();
}

/** A customer's account with a provider; null if he has none. */
export const find = query({
  args: { customerId: v.string(), provider: v.string() },
  returns: v.union(v.string(), v.null()),
  handler: async (ctx, { customerId, provider }) =>
    (await findAccount(ctx, customerId, provider))?.accountId ?? null,
});

/** Keeps a customer's account; answers the one that he has, should he have one already. */
export const keep = mutation({
  args: { customerId: v.string(), provider: v.string(), accountId: v.string() },
  returns: v.string(),
  handler: async (ctx, args) => {
    const known = await findAccount(ctx, args.customerId, args.provider);
    if (known !== null) return known.accountId;
    await ctx.db.insert("billingAccounts", args);
    return args.accountId;
  },
});
