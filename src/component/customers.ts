import { v, type Infer } from "convex/values";
import { planValidator, type Plan } from "../core/terms.js";
import { assertId } from "../core/arguments.js";
import { shown, tallyError } from "../core/errors.js";
import { changesOf } from "../core/changes.js";
import { startingBalances } from "../core/plans.js";
import type { Doc } from "./_generated/dataModel.js";
import { mutation, query, type MutationCtx, type QueryCtx } from "./_generated/server.js";
import { assertEntity, entityNotFound, saveRows, type Row } from "./rows.js";
import { pageArgs, pageOf } from "./cursors.js";
import { IdSource } from "./ids.js";
import { insertSubscription } from "./planVersions.js";
import { customerDetails, propertyValidator } from "./schema.js";

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
export const detailedCustomerValidator = v.object({ ...publicCustomer, ...customerDetails });

function shownCustomer({ customerId, name, email, _creationTime }: Doc<"customers">) {
  return { customerId, name, email, createdAt: _creationTime };
}

export function shownDetails(customer: Doc<"customers">): Infer<typeof detailedCustomerValidator> {
  const { metadata, fingerprint, stripeId } = customer;
  return { ...shownCustomer(customer), metadata, fingerprint, stripeId };
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

/** What plans give to a customer who is about to begin. */
interface Start {
  rows: Row[];
  subscriptionIds: ReadonlyMap<string, string>;
  lastNumber: number;
}

export function startingRows(customerId: string, plans: readonly Plan[], now: number): Start {
  assertId(customerId, "customerId");
  const ids = new IdSource(0);
  const subscriptionIds = new Map(plans.map((plan) => [plan.id, ids.next("s")]));
  const start = { now, anchor: now, nextGrantId: () => ids.next("g") };
  const rows = startingBalances(plans, start, (plan) => subscriptionIds.get(plan.id) ?? "");
  return { rows, subscriptionIds, lastNumber: ids.last };
}

/** A customer who is about to begin: nothing of him is stored before it is known that anything will be. */
export interface Beginning extends Start {
  customerId: string;
  provision: Provision;
  now: number;
}

export function beginCustomer(customerId: string, provision: Provision, now: number): Beginning {
  const plans = provision.plans.map(({ plan }) => plan);
  return { customerId, provision, now, ...startingRows(customerId, plans, now) };
}

/** Stores a customer who begins: all but his rows, which whoever changes them stores. */
export async function storeBeginning(ctx: MutationCtx, beginning: Beginning): Promise<void> {
  const { customerId, provision, now, rows, subscriptionIds, lastNumber } = beginning;
  const { name, email } = provision;
  await ctx.db.insert("customers", { customerId, name, email, lastNumber });
  for (const { plan, version } of provision.plans) {
    const subscriptionId = subscriptionIds.get(plan.id) ?? "";
    await insertSubscription(ctx, { customerId, subscriptionId, plan, version, anchor: now, startsAt: now });
    const given = rows.map((row) => ({
      ...row,
      grants: row.grants.filter(({ source }) => source === subscriptionId),
    }));
    const changes = changesOf([], given);
    await ctx.db.insert("events", {
      customerId,
      kind: "plan",
      planId: plan.id,
      value: 0,
      draws: [],
      changes,
    });
  }
}

/**
 * The customer, begun with the default plans if he is new; of whom an entity is named, he must have
 * it. Throws `entity_not_found`, with nothing stored.
 */
export async function openCustomer(
  ctx: MutationCtx,
  { customerId, entityId, provision }: { customerId: string; entityId?: string; provision: Provision },
): Promise<Doc<"customers">> {
  const found = await findCustomer(ctx, customerId);
  if (found !== null) await assertEntity(ctx, customerId, entityId);
  if (found !== null) return found;
  if (entityId !== undefined) throw entityNotFound(customerId, entityId);
  const beginning = beginCustomer(customerId, provision, Date.now());
  await storeBeginning(ctx, beginning);
  await saveRows(ctx, customerId, beginning.rows, []);
  return await getCustomer(ctx, customerId);
}

/** The customer with the default plans, whether he was there before or not; `details` are kept if he was not. */
export const create = mutation({
  args: {
    customerId: v.string(),
    provision: provisionValidator,
    details: v.optional(v.object(customerDetails)),
  },
  returns: customerValidator,
  handler: async (ctx, { details, ...args }) => {
    const isNew = details !== undefined && (await findCustomer(ctx, args.customerId)) === null;
    const customer = await openCustomer(ctx, args);
    if (isNew) await ctx.db.patch("customers", customer._id, details);
    return shownCustomer(customer);
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
    metadata: v.optional(v.union(v.record(v.string(), propertyValidator), v.null())),
    fingerprint: v.optional(v.union(v.string(), v.null())),
    stripeId: v.optional(v.union(v.string(), v.null())),
  },
  returns: customerValidator,
  handler: async (ctx, { customerId, ...given }) => {
    const customer = await getCustomer(ctx, customerId);
    await ctx.db.patch("customers", customer._id, withoutNulls(given));
    return shownCustomer(await getCustomer(ctx, customerId));
  },
});

/** What is null is taken away, as the database takes away what is undefined. */
function withoutNulls<Given extends object>(given: Given) {
  const changed = Object.entries(given).map(([field, value]) => [field, (value as unknown) ?? undefined]);
  return Object.fromEntries(changed) as { [Field in keyof Given]: Exclude<Given[Field], null> };
}
