import { v, type Infer } from "convex/values";
import { advance } from "../core/advance.js";
import { listed, listedBalanceValidator } from "../core/answers.js";
import { balanceFields, type Balance } from "../core/balances.js";
import { inSum } from "../core/controls.js";
import { planValidator } from "../core/terms.js";
import { query } from "./_generated/server.js";
import { pageArgs, pageOf } from "./cursors.js";
import { findCustomer, startingRows } from "./customers.js";
import type { Row } from "./rows.js";
import { poolsValidator } from "./schema.js";
import { asIfBegun, WorkingRows } from "./workingRows.js";

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
      return { page: there.map((row) => listedAt(row, now)), cursor };
    }
    const { rows } = startingRows(customerId, defaults, now);
    return { page: rows.map((row) => listed(row, now)), cursor: null };
  },
});

export function listedAt(stored: Balance, at: number) {
  const { balance } = advance(stored, at);
  return listed(balance, balance.advancedAt);
}

const balanceValidator = v.object(balanceFields);
const ownBalanceValidator = v.object({
  ...listedBalanceValidator.fields,
  /** What the rules need to decide by it: as of `advancedAt`, which is now. */
  state: balanceValidator,
  /** Where a spend limit spans a customer's entities: what one of them may know of the others. */
  others: v.optional(balanceValidator),
});
type OwnBalance = Infer<typeof ownBalanceValidator>;

/**
 * The balances that a customer (or one entity of his) can draw on: his own, the named entity's, and
 * without one all entities' of what is granted to each. Together they decide every check of his.
 */
export const own = query({
  args: {
    customerId: v.string(),
    entityId: v.optional(v.string()),
    /** Each feature's own. */
    pools: poolsValidator,
    defaults: v.array(planValidator),
  },
  returns: v.array(ownBalanceValidator),
  handler: async (ctx, { customerId, entityId, pools, defaults }): Promise<OwnBalance[]> => {
    const now = Date.now();
    const asks = pools.map((pool) => ({ pools: [pool], entityId, units: 0 }));
    const working =
      (await WorkingRows.load(ctx, customerId, asks, now)) ?? asIfBegun(customerId, asks, defaults, now);
    const isOthers = (row: Row) => entityId !== undefined && ![undefined, entityId].includes(row.entityId);
    const others = working.rows.filter(isOthers);
    return working.rows
      .filter((row) => !isOthers(row))
      .map((row) => {
        const spanned = row.entityId === undefined ? others.filter(isOf(row.featureId)) : [];
        return {
          ...listed(row, working.now),
          state: stateOf(row),
          ...(spanned.length > 0 && { others: inSum(row.featureId, spanned, working.now) }),
        };
      });
  },
});

const isOf = (featureId: string) => (row: Row) => row.featureId === featureId;

function stateOf({ featureId, entityId, grants, limits, overage, controls, advancedAt }: Row): Balance {
  return { featureId, entityId, grants, limits, overage, controls, advancedAt };
}
