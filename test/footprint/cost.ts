import type { TestConvexForDataModel } from "convex-test";
import type {
  GenericDataModel,
  GenericMutationCtx,
  GenericQueryCtx,
  TransactionMetrics,
} from "convex/server";

const METRICS = [
  "databaseQueries",
  "documentsRead",
  "bytesRead",
  "documentsWritten",
  "bytesWritten",
  "functionsScheduled",
] as const satisfies readonly (keyof TransactionMetrics)[];

/** What a transaction used of Convex's limits; sizes are in bytes. */
export type TransactionCost = Record<(typeof METRICS)[number], number>;

interface TransactionContexts<DataModel extends GenericDataModel> {
  query: GenericQueryCtx<DataModel>;
  mutation: GenericMutationCtx<DataModel>;
}

type Runners<DataModel extends GenericDataModel> = {
  [Kind in keyof TransactionContexts<DataModel>]: (
    measure: (ctx: TransactionContexts<DataModel>[Kind]) => Promise<TransactionCost>,
  ) => Promise<TransactionCost>;
};

/**
 * What an operation adds to the metrics of the transaction that it runs in,
 * component calls included. The transaction commits.
 */
export async function transactionCost<DataModel extends GenericDataModel, Kind extends "query" | "mutation">(
  t: TestConvexForDataModel<DataModel>,
  kind: Kind,
  operation: (ctx: TransactionContexts<DataModel>[Kind]) => Promise<unknown>,
): Promise<TransactionCost> {
  const run: Runners<DataModel> = {
    query: (measure) => t.query(measure),
    mutation: (measure) => t.mutation(measure),
  };
  return await run[kind](async (ctx) => {
    const before = await ctx.meta.getTransactionMetrics();
    await operation(ctx);
    return difference(before, await ctx.meta.getTransactionMetrics());
  });
}

function difference(before: TransactionMetrics, after: TransactionMetrics): TransactionCost {
  const used = METRICS.map((metric) => [metric, after[metric].used - before[metric].used]);
  return Object.fromEntries(used) as TransactionCost;
}
