import { v } from "convex/values";
import { advanceAll } from "../core/advance.js";
import { emptyBalance } from "../core/balances.js";
import { changesOf } from "../core/changes.js";
import { changeControls } from "../core/controls.js";
import { controlChangeValidator, type ControlChange } from "../core/controlTerms.js";
import { mutation, type MutationCtx } from "./_generated/server.js";
import { openCustomer, provisionValidator } from "./customers.js";
import { loadRow, saveRows, type Row } from "./rows.js";

/** Changes the limits of a customer's feature, or of an entity's. An entity's own hide the customer's. */
export const set = mutation({
  args: {
    customerId: v.string(),
    provision: provisionValidator,
    featureId: v.string(),
    entityId: v.optional(v.string()),
    change: controlChangeValidator,
  },
  returns: v.null(),
  handler: async (ctx, args) => {
    await openCustomer(ctx, args);
    await setControls(ctx, args, args);
    return null;
  },
});

/** Changes the limits of several features, or of none if one of them is refused. */
export const setAll = mutation({
  args: {
    customerId: v.string(),
    provision: provisionValidator,
    entityId: v.optional(v.string()),
    changes: v.array(v.object({ featureId: v.string(), change: controlChangeValidator })),
  },
  returns: v.null(),
  handler: async (ctx, args) => {
    await openCustomer(ctx, args);
    for (const change of args.changes) await setControls(ctx, args, change);
    return null;
  },
});

async function setControls(
  ctx: MutationCtx,
  { customerId, entityId }: { customerId: string; entityId?: string },
  { featureId, change }: { featureId: string; change: ControlChange },
): Promise<void> {
  const at = Date.now();
  const stored =
    (await loadRow(ctx, customerId, featureId, entityId)) ?? emptyBalance(featureId, entityId, at);
  const { rows, closed, now } = advanceAll<Row>([stored], at);
  const changed = rows.map((row) => changeControls(row, change, now));
  await saveRows(ctx, customerId, changed, closed);
  const changes = changesOf(rows, changed);
  const event = { customerId, featureId, entityId, kind: "adjust" as const, value: 0, draws: [] };
  if (changes.length > 0) await ctx.db.insert("events", { ...event, changes });
}
