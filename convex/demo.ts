import { v } from "convex/values";
import { internalMutation } from "./_generated/server.js";
import { tally } from "./billing.js";

/** The people of the demo, before they do anything: `npx convex run demo:seed`. A repeat changes nothing. */
export const seed = internalMutation({
  args: {},
  returns: v.null(),
  handler: async (ctx) => {
    const name = "Northwind Labs";
    const known = await ctx.db
      .query("workspaces")
      .withIndex("by_name", (q) => q.eq("name", name))
      .first();
    if (known !== null) return null;
    const workspaceId = await ctx.db.insert("workspaces", { name });
    await ctx.db.insert("members", { workspaceId, userId: "ada", role: "owner" });
    await ctx.db.insert("members", { workspaceId, userId: "ben", role: "member" });
    await tally.customers.create(ctx, { customerId: workspaceId, name });
    await tally.customers.create(ctx, {
      customerId: "ada",
      name: "Ada Moreau",
      email: "ada@example.com",
    });
    await tally.customers.create(ctx, { customerId: "ben", name: "Ben Okafor", email: "ben@example.com" });
    return null;
  },
});
