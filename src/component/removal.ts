/** Removes a customer and all that is his, in as many transactions as it takes. */
import type { IndexNames, NamedTableInfo, TableNamesInDataModel } from "convex/server";
import { v } from "convex/values";
import { internal } from "./_generated/api.js";
import type { DataModel } from "./_generated/dataModel.js";
import { internalMutation, mutation, type MutationCtx } from "./_generated/server.js";
import { hasBudget } from "./budget.js";
import { pageOf } from "./cursors.js";
import { findCustomer, getCustomer } from "./customers.js";

/** Each removes a customer's documents from one table; answers whether all of them. */
const removers = [
  remover("balances", "by_owner"),
  remover("events", "by_customer"),
  remover("reservations", "by_reservation"),
  remover("charges", "by_customer"),
  remover("entities", "by_entity"),
  remover("subscriptions", "by_customer"),
  remover("autoTopUps", "by_customer"),
  remover("billingAccounts", "by_customer"),
];

/**
 * Removes what fits into this transaction and schedules the rest. The customer's record goes last,
 * so that nothing of him begins anew while the removal is under way. Throws `customer_not_found`.
 */
export const start = mutation({
  args: { customerId: v.string() },
  returns: v.object({ done: v.boolean() }),
  handler: async (ctx, { customerId }) => {
    await getCustomer(ctx, customerId);
    return { done: await removeBatch(ctx, customerId) };
  },
});

export const proceed = internalMutation({
  args: { customerId: v.string() },
  returns: v.null(),
  handler: async (ctx, { customerId }) => {
    await removeBatch(ctx, customerId);
    return null;
  },
});

async function removeBatch(ctx: MutationCtx, customerId: string): Promise<boolean> {
  for (const removeAll of removers) {
    if (await removeAll(ctx, customerId)) continue;
    await ctx.scheduler.runAfter(0, internal.removal.proceed, { customerId });
    return false;
  }
  const customer = await findCustomer(ctx, customerId);
  if (customer !== null) await ctx.db.delete("customers", customer._id);
  return true;
}

/** Documents taken at a time; the transaction's budget is looked at in between. */
const BATCH = 32;

function remover<Name extends TableNamesInDataModel<DataModel>>(
  table: Name,
  index: IndexNames<NamedTableInfo<DataModel, Name>>,
) {
  return async (ctx: MutationCtx, customerId: string): Promise<boolean> => {
    while (await hasBudget(ctx)) {
      const { page } = await pageOf(ctx, { table, index, prefix: [customerId] }, { limit: BATCH });
      for (const { _id } of page) await ctx.db.delete(table, _id);
      if (page.length < BATCH) return true;
    }
    return false;
  };
}
