import type { QueryCtx } from "./_generated/server.js";

/** What must be left of a transaction to take another batch: a row of 64 grants is about 16 KB, read twice and written. */
const RESERVE_BYTES = 4 * 1024 * 1024;
const RESERVE_DOCUMENTS = 1_000;

/** Whether a transaction that works in batches has room for another one. */
export async function hasBudget(ctx: Pick<QueryCtx, "meta">): Promise<boolean> {
  const { bytesRead, bytesWritten, documentsRead, documentsWritten, databaseQueries } =
    await ctx.meta.getTransactionMetrics();
  return (
    bytesRead.remaining > RESERVE_BYTES &&
    bytesWritten.remaining > RESERVE_BYTES &&
    documentsRead.remaining > RESERVE_DOCUMENTS &&
    documentsWritten.remaining > RESERVE_DOCUMENTS &&
    databaseQueries.remaining > RESERVE_DOCUMENTS
  );
}
