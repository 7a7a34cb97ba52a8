/**
 * The sweep: writes the balances that time has changed, so that open subscriptions re-run and
 * priced periods close. Nothing waits for it: every read and every use computes them for itself.
 */
import { v } from "convex/values";
import { advance } from "../core/advance.js";
import { internal } from "./_generated/api.js";
import type { Doc } from "./_generated/dataModel.js";
import { internalMutation, type MutationCtx } from "./_generated/server.js";
import { hasBudget } from "./budget.js";
import { saveRows } from "./rows.js";

/** Rows taken from the index at a time; the budget is looked at in between. */
const BATCH = 64;
/** Advances all balances that are due, and schedules itself for what does not fit. */
export const sweep = internalMutation({
  args: {},
  returns: v.object({ advanced: v.number(), done: v.boolean() }),
  handler: async (ctx) => {
    const now = Date.now();
    let advanced = 0;
    while (await hasBudget(ctx)) {
      const due = await ctx.db
        .query("balances")
        .withIndex("by_next_change", (q) => q.gt("nextChangeAt", 0).lte("nextChangeAt", now))
        .take(BATCH);
      for (const row of due) await advanceRow(ctx, row, now);
      advanced += due.length;
      if (due.length < BATCH) return { advanced, done: true };
    }
    await ctx.scheduler.runAfter(0, internal.resets.sweep, {});
    return { advanced, done: false };
  },
});

/** An hour: long enough to be seen in the log and looked at, short enough to be tried again the same day. */
const RETRY_MS = 60 * 60 * 1000;

/** Advances one row. One that cannot be must not keep all others: it is put off, and said. */
async function advanceRow(ctx: MutationCtx, row: Doc<"balances">, now: number): Promise<void> {
  try {
    const { balance, closed } = advance(row, now);
    await saveRows(ctx, row.customerId, [balance], closed);
  } catch (error) {
    console.error(
      `A balance of "${row.featureId}" cannot be advanced, and is put off by an hour.`,
      String(error),
    );
    await ctx.db.patch("balances", row._id, { nextChangeAt: now + RETRY_MS });
  }
}
