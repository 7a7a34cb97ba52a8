import { v } from "convex/values";
import { advanceAll } from "../core/advance.js";
import { emptyBalance } from "../core/balances.js";
import { changeControls } from "../core/controls.js";
import { controlChangeValidator } from "../core/controlTerms.js";
import { mutation } from "./_generated/server.js";
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
    const { customerId, featureId, entityId, change } = args;
    await openCustomer(ctx, args);
    const at = Date.now();
    const stored =
      (await loadRow(ctx, customerId, featureId, entityId)) ?? emptyBalance(featureId, entityId, at);
    const { rows, closed, now } = advanceAll<Row>([stored], at);
    for (const row of rows) await saveRows(ctx, customerId, [changeControls(row, change, now)], closed);
    return null;
  },
});
