import { v } from "convex/values";
import { planValidator, type Plan } from "../core/catalog.js";
import { assertId } from "../core/arguments.js";
import { shown, tallyError } from "../core/errors.js";
import { startingBalances } from "../core/plans.js";
import { internal } from "./_generated/api.js";
import type { Doc } from "./_generated/dataModel.js";
import { internalMutation, mutation, query, type MutationCtx, type QueryCtx } from "./_generated/server.js";
import { saveRows, type Row } from "./balances.js";
import { pageArgs, pageOf } from "./cursors.js";
import { IdSource } from "./ids.js";
import { insertSubscription } from "./planVersions.js";

/** What a customer starts with, should the call be his first: passed once the component has asked for it. */
export const provisionValidator = v.object({
  plans: v.array(v.object({ version: v.string(), plan: planValidator })),
  name: v.optional(v.string()),
  email: v.optional(v.string()),
});

export interface Provision {
  plans: { version: string; plan: Plan }[];
  name?: string;
  email?: string;
}

const publicCustomer = {
  customerId: v.string(),
  name: v.optional(v.string()),
  email: v.optional(v.string()),
  createdAt: v.number(),
};
export const customerValidator = v.object(publicCustomer);

function shownCustomer({ customerId, name, email, _creationTime }: Doc<"customers">) {
  return { customerId, name, email, createdAt: _creationTime };
}

export async function findCustomer(ctx: QueryCtx, customerId: string): Promise<Doc<"customers"> | null> {
  return await ctx.db
    .query("customers")
    .withIndex("by_customer", (q) => q.eq("customerId", customerId))
    .unique();
}

/** Throws `customer_not_found`. */
export async function getCustomer(ctx: QueryCtx, customerId: string): Promise<Doc<"customers">> {
  const customer = await findCustomer(ctx, customerId);
  if (customer !== null) return customer;
  throw tallyError(
    "customer_not_found",
    `No customer ${shown(customerId)}. A customer begins with his first use, or with customers.create.`,
  );
}

/**
 * Begins a customer with the default plans, and answers his balances. They are not stored yet: the
 * use that brought him here changes them first, and stores them then.
 */
export async function provisionCustomer(
  ctx: MutationCtx,
  customerId: string,
  { plans, name, email }: Provision,
  now: number,
): Promise<Row[]> {
  assertId(customerId, "customerId");
  const ids = new IdSource(0);
  const subscriptions = new Map(plans.map(({ plan }) => [plan.id, ids.next("s")]));
  const sourceOf = (plan: Plan) => subscriptions.get(plan.id) ?? "";
  const rows = startingBalances(
    plans.map(({ plan }) => plan),
    { now, anchor: now, nextGrantId: () => ids.next("g") },
    sourceOf,
  );
  await ctx.db.insert("customers", { customerId, name, email, lastNumber: ids.last });
  for (const { plan, version } of plans) {
    await insertSubscription(ctx, { customerId, subscriptionId: sourceOf(plan), plan, version, anchor: now });
    await ctx.db.insert("events", { customerId, kind: "plan", planId: plan.id, value: 0, draws: [] });
  }
  return rows;
}

/** The customer with the default plans, whether he was there before or not. */
export const create = mutation({
  args: { customerId: v.string(), provision: provisionValidator },
  returns: customerValidator,
  handler: async (ctx, { customerId, provision }) => {
    if ((await findCustomer(ctx, customerId)) === null) {
      const rows = await provisionCustomer(ctx, customerId, provision, Date.now());
      await saveRows(ctx, customerId, rows, []);
    }
    return shownCustomer(await getCustomer(ctx, customerId));
  },
});

export const get = query({
  args: { customerId: v.string() },
  returns: v.union(customerValidator, v.null()),
  handler: async (ctx, { customerId }) => {
    const customer = await findCustomer(ctx, customerId);
    return customer === null ? null : shownCustomer(customer);
  },
});

/** All customers, by id. */
export const list = query({
  args: pageArgs,
  returns: v.object({ page: v.array(customerValidator), cursor: v.union(v.string(), v.null()) }),
  handler: async (ctx, args) => {
    const { page, cursor } = await pageOf(
      ctx,
      { table: "customers", index: "by_customer", prefix: [] },
      args,
    );
    return { page: page.map(shownCustomer), cursor };
  },
});

/** Changes what is given; null takes away. */
export const update = mutation({
  args: {
    customerId: v.string(),
    name: v.optional(v.union(v.string(), v.null())),
    email: v.optional(v.union(v.string(), v.null())),
  },
  returns: customerValidator,
  handler: async (ctx, { customerId, name, email }) => {
    const customer = await getCustomer(ctx, customerId);
    await ctx.db.patch("customers", customer._id, {
      ...(name !== undefined && { name: name ?? undefined }),
      ...(email !== undefined && { email: email ?? undefined }),
    });
    return shownCustomer(await getCustomer(ctx, customerId));
  },
});

/** Documents deleted in one transaction: well within its limits, whatever their size. */
const REMOVAL_BATCH = 500;

/**
 * Removes a customer and all that belongs to him, in batches: the rest is scheduled. His record
 * goes last, so that nothing of him begins anew while the removal is under way.
 */
export const remove = mutation({
  args: { customerId: v.string() },
  returns: v.object({ done: v.boolean() }),
  handler: async (ctx, { customerId }) => {
    await getCustomer(ctx, customerId);
    return { done: await removeBatch(ctx, customerId) };
  },
});

export const continueRemoval = internalMutation({
  args: { customerId: v.string() },
  returns: v.null(),
  handler: async (ctx, { customerId }) => {
    await removeBatch(ctx, customerId);
    return null;
  },
});

async function removeBatch(ctx: MutationCtx, customerId: string): Promise<boolean> {
  let room = REMOVAL_BATCH;
  const owned = [
    () =>
      ctx.db
        .query("balances")
        .withIndex("by_owner", (q) => q.eq("customerId", customerId))
        .take(room),
    () =>
      ctx.db
        .query("events")
        .withIndex("by_customer", (q) => q.eq("customerId", customerId))
        .take(room),
    () =>
      ctx.db
        .query("charges")
        .withIndex("by_customer", (q) => q.eq("customerId", customerId))
        .take(room),
    () =>
      ctx.db
        .query("entities")
        .withIndex("by_entity", (q) => q.eq("customerId", customerId))
        .take(room),
    () =>
      ctx.db
        .query("subscriptions")
        .withIndex("by_customer", (q) => q.eq("customerId", customerId))
        .take(room),
  ];
  for (const find of owned) {
    const documents = await find();
    for (const { _id } of documents) await ctx.db.delete(_id);
    room -= documents.length;
    if (room > 0) continue;
    await ctx.scheduler.runAfter(0, internal.customers.continueRemoval, { customerId });
    return false;
  }
  const customer = await findCustomer(ctx, customerId);
  if (customer !== null) await ctx.db.delete("customers", customer._id);
  return true;
}
