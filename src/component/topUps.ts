import { advanceAll } from "../core/advance.js";
import { emptyBalance, type Grant } from "../core/balances.js";
import { changesOf, type BalanceChange } from "../core/changes.js";
import { topUp } from "../core/grants.js";
import type { MutationCtx } from "./_generated/server.js";
import { loadRow, saveRows, type Row } from "./rows.js";

/** Puts a top-up into its row. Answers the grant that holds it, the row as it is then, and what that changed. */
export async function addToRow(
  ctx: MutationCtx,
  customerId: string,
  featureId: string,
  entityId: string | undefined,
  grant: Grant,
): Promise<{ grantId: string; row: Row; now: number; changes: BalanceChange[] }> {
  const empty = emptyBalance(featureId, entityId, grant.createdAt);
  const stored = (await loadRow(ctx, customerId, featureId, entityId)) ?? empty;
  const { rows, closed, now } = advanceAll<Row>([stored], grant.createdAt);
  const { balance, grantId } = topUp(rows[0] ?? stored, grant);
  await saveRows(ctx, customerId, [balance], closed);
  return { grantId, row: balance, now, changes: changesOf(rows, [balance]) };
}
