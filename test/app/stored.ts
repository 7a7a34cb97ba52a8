/** Looks behind the component's functions: what it has stored, and its sweep. */
import type { TestConvex, TestConvexForDataModel } from "convex-test";
import {
  componentsGeneric,
  mutationGeneric,
  queryGeneric,
  type FunctionReference,
  type GenericDataModel,
  type GenericSchema,
  type SchemaDefinition,
  type TableNamesInDataModel,
  type WithoutSystemFields,
} from "convex/server";
import { v } from "convex/values";
import type { DataModel, Doc } from "../../src/component/_generated/dataModel.js";
import component from "../../src/test.js";

type Table = TableNamesInDataModel<DataModel>;

/** Every document of the component, by table. */
export type Stored = { [Name in Table]: Doc<Name>[] };

type Subscription = WithoutSystemFields<Doc<"subscriptions">>;

const tables = Object.keys(component.schema.tables);

/** Only in a test's deployment: the component itself has no function that tells everything. */
const inspection = {
  all: queryGeneric({
    args: {},
    handler: async (ctx) => {
      const stored = tables.map(async (table) => [table, await ctx.db.query(table).collect()] as const);
      return Object.fromEntries(await Promise.all(stored));
    },
  }),
  addSubscriptions: mutationGeneric({
    args: { subscriptions: v.array(component.schema.tables.subscriptions.validator) },
    handler: async (ctx, { subscriptions }) => {
      for (const subscription of subscriptions) await ctx.db.insert("subscriptions", subscription);
    },
  }),
};

const { tally } = componentsGeneric() as unknown as {
  tally: {
    inspection: {
      all: FunctionReference<"query", "internal", Record<string, never>, Stored>;
      addSubscriptions: FunctionReference<"mutation", "internal", { subscriptions: Subscription[] }, null>;
    };
    resets: {
      sweep: FunctionReference<
        "mutation",
        "internal",
        Record<string, never>,
        { advanced: number; done: boolean }
      >;
    };
  };
};

/** Mounts the component once more, with a function that shows all of it. */
export function registerInspected<Schema extends GenericSchema>(
  t: TestConvex<SchemaDefinition<Schema, boolean>>,
): void {
  t.registerComponent("tally", component.schema, {
    ...component.modules,
    "./component/inspection.ts": () => Promise.resolve(inspection),
  });
}

/** All that the component has stored. `t` has to come from `registerInspected`. */
export async function stored<Model extends GenericDataModel>(
  t: TestConvexForDataModel<Model>,
): Promise<Stored> {
  return await t.query(tally.inspection.all, {});
}

/** What the component's cron runs. */
export async function sweep<Model extends GenericDataModel>(
  t: TestConvexForDataModel<Model>,
): Promise<{ advanced: number; done: boolean }> {
  return await t.mutation(tally.resets.sweep, {});
}

/** Stores subscriptions as they are: years of a customer's changes at once. */
export async function addSubscriptions<Model extends GenericDataModel>(
  t: TestConvexForDataModel<Model>,
  subscriptions: Subscription[],
): Promise<void> {
  await t.mutation(tally.inspection.addSubscriptions, { subscriptions });
}
