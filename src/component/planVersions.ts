/** Terms of plans as customers bought them, and the subscriptions that hold them. */
import type { WithoutSystemFields } from "convex/server";
import type { Plan } from "../core/terms.js";
import { assert } from "../core/errors.js";
import type { Doc } from "./_generated/dataModel.js";
import type { MutationCtx, QueryCtx } from "./_generated/server.js";

export type NewSubscription = Omit<
  WithoutSystemFields<Doc<"subscriptions">>,
  "planId" | "group" | "addOn"
> & { plan: Plan };

export async function insertSubscription(
  ctx: MutationCtx,
  { plan, ...subscription }: NewSubscription,
): Promise<void> {
  await ensureVersion(ctx, plan, subscription.version);
  await ctx.db.insert("subscriptions", {
    ...subscription,
    planId: plan.id,
    group: plan.group,
    addOn: plan.addOn,
  });
}

/**
 * Stores the terms of a plan unless they are stored. A subscription to the version proves that they
 * are, and is smaller to read than they.
 */
export async function ensureVersion(ctx: MutationCtx, plan: Plan, version: string): Promise<void> {
  const subscription = await ctx.db
    .query("subscriptions")
    .withIndex("by_plan", (q) => q.eq("planId", plan.id).eq("version", version))
    .first();
  if (subscription !== null || (await findVersion(ctx, plan.id, version)) !== null) return;
  await ctx.db.insert("planVersions", { planId: plan.id, version, plan });
}

async function findVersion(ctx: QueryCtx, planId: string, version: string) {
  return await ctx.db
    .query("planVersions")
    .withIndex("by_plan", (q) => q.eq("planId", planId).eq("version", version))
    .unique();
}

/** The terms that a subscription was bought on. */
export async function termsOf(
  ctx: QueryCtx,
  { planId, version }: { planId: string; version: string },
): Promise<Plan> {
  const stored = await findVersion(ctx, planId, version);
  assert(stored !== null, `the terms ${version} of plan ${planId} are kept as long as anybody has them`);
  return stored.plan;
}
