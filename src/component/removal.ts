/** Removes a customer and all that is his, in as many transactions as it takes. */
import type { IndexNames, NamedTableInfo, TableNamesInDataModel } from "convex/server";
import { v } from "convex/values";
import { internal } from "./_generated/api.js";
import type { DataModel } from "./_generated/dataModel.js";
import { internalMutation, mutation, type MutationCtx } from "./_generated/server.js";
import { MAX_PAGE, pageOf } from "./cursors.js";
import { findCustomer, getCustomer } from "./customers.js";

/** Documents deleted in one transaction: well within its limits, whatever their size. */
const BATCH = 1_000;

/** Each removes up to `room` of a customer's documents from one table; answers how many it removed. */
const removers = [
  remover("balances", "by_owner"),
  remover("events", "by_customer"),
  remover("reservations", "by_reservation"),
  remover("charges", "by_customer"),
  remover("entities", "by_entity"),
  remover("subscriptions", "by_customer"),
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
  let room = BATCH;
  for (const removeFrom of removers) {
    room -= await removeFrom(ctx, customerId, room);
    if (room > 0) continue;
    await ctx.scheduler.runAfter(0, internal.removal.proceed, { customerId });
    return false;
  }
  const customer = await findCustomer(ctx, customerId);
  if (customer !== null) await ctx.db.delete("customers", customer._id);
  return true;
}

function remover<Name extends TableNamesInDataModel<DataModel>>(
  table: Name,
  index: IndexNames<NamedTableInfo<DataModel, Name>>,
) {
  return async (ctx: MutationCtx, customerId: string, room: number): Promise<number> => {
    let removed = 0;
    while (removed < room) {
      const limit = Math.min(MAX_PAGE, room - removed);
      const { page } = await pageOf(ctx, { table, index, prefix: [customerId] }, { limit });
      for (const { _id } of page) await ctx.db.delete(table, _id);
      removed += page.length;
      if (page.length < limit) break;
    }
    return removed;
  };
}
