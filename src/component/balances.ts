import { v, type Infer } from "convex/values";
import { advanceAll } from "../core/advance.js";
import { summaryFields, summarize } from "../core/answers.js";
import { planValidator } from "../core/terms.js";
import type { Balance } from "../core/balances.js";
import { query } from "./_generated/server.js";
import { pageArgs, pageOf } from "./cursors.js";
import { findCustomer, startingRows } from "./customers.js";
import { assertEntity, loadRow } from "./rows.js";

const listedBalanceValidator = v.object({
  featureId: v.string(),
  entityId: v.optional(v.string()),
  ...summaryFields,
});
type ListedBalance = Infer<typeof listedBalanceValidator>;

/**
 * A customer's balances, each in its own unit, by feature and entity; as of now. One who
 * has not begun is shown as if he had, with the default plans.
 */
export const list = query({
  args: { customerId: v.string(), defaults: v.array(planValidator), ...pageArgs },
  returns: v.object({ page: v.array(listedBalanceValidator), cursor: v.union(v.string(), v.null()) }),
  handler: async (ctx, { customerId, defaults, ...args }) => {
    const now = Date.now();
    const { page, cursor } = await pageOf(
      ctx,
      { table: "balances", index: "by_owner", prefix: [customerId] },
      args,
    );
    if (page.length > 0 || args.cursor != null || (await findCustomer(ctx, customerId)) !== null) {
      const there = page.filter(({ removing }) => removing === undefined);
      return { page: there.map((row) => listed(row, now)), cursor };
    }
    const { rows } = startingRows(customerId, defaults, now);
    return { page: rows.map((row) => listed(row, now)), cursor: null };
  },
});

/** The customer's balances of some features, and those of one entity of his. */
export const own = query({
  args: {
    customerId: v.string(),
    entityId: v.optional(v.string()),
    featureIds: v.array(v.string()),
    defaults: v.array(planValidator),
  },
  returns: v.array(listedBalanceValidator),
  handler: async (ctx, { customerId, entityId, featureIds, defaults }) => {
    const now = Date.now();
    const pools = featureIds.map((featureId) => ({ featureId }));
    const owners = entityId === undefined ? [undefined] : [undefined, entityId];
    const rows = await Promise.all(
      pools.flatMap(({ featureId }) => owners.map((owner) => loadRow(ctx, customerId, featureId, owner))),
    );
    const found = rows.filter((row) => row !== null);
    if (!found.some((row) => row.entityId === entityId && row.removing === undefined))
      await assertEntity(ctx, customerId, entityId);
    if (found.length > 0 || (await findCustomer(ctx, customerId)) !== null) {
      return found.map((row) => listed(row, now));
    }
    return startingRows(customerId, defaults, now).rows.map((row) => listed(row, now));
  },
});

/** A row as a list shows it: for itself, nobody else's balance counted in. */
function listed(stored: Balance, at: number): ListedBalance {
  const { rows, now } = advanceAll([stored], at);
  const { featureId, entityId } = stored;
  return {
    featureId,
    ...(entityId !== undefined && { entityId }),
    ...summarize(rows, { pools: [{ featureId }], entityId, now }),
  };
}
