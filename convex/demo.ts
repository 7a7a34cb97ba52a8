import { v } from "convex/values";
import { internalMutation } from "./_generated/server.js";
import { syncSubscription } from "../src/payments/index.js";
import { tally } from "./billing.js";

declare const process: { env: { DEMO_PAYMENTS?: string } };

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

/** What the demo's payments do not do by themselves: each plan that goes on is paid again when its period is over. */
export const renew = internalMutation({
  args: {},
  returns: v.null(),
  handler: async (ctx) => {
    if (process.env.DEMO_PAYMENTS !== "true") return null;
    const now = Date.now();
    const { page: customers } = await tally.customers.list(ctx, { limit: 100 });
    for (const { customerId } of customers) {
      const { page } = await tally.subscriptions.list(ctx, { customerId, limit: 100 });
      for (const { externalId, planId, status, endsAt, paidUntil } of page) {
        if (externalId === undefined || paidUntil === undefined || paidUntil > now) continue;
        if (status === "ended" || status === "scheduled" || (endsAt ?? Infinity) <= paidUntil) continue;
        await syncSubscription(ctx, tally, {
          customerId,
          externalId,
          planId,
          status: "active",
          periodStart: paidUntil,
          periodEnd: monthAfter(paidUntil),
          version: now,
        });
      }
    }
    return null;
  },
});

function monthAfter(instant: number): number {
  const date = new Date(instant);
  const day = date.getUTCDate();
  date.setUTCMonth(date.getUTCMonth() + 1, 1);
  const last = new Date(Date.UTC(date.getUTCFullYear(), date.getUTCMonth() + 1, 0)).getUTCDate();
  return date.setUTCDate(Math.min(day, last));
}
