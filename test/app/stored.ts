/** Looks behind the component's functions: what it has stored, and its sweep. */
import type { TestConvex, TestConvexForDataModel } from "convex-test";
import {
  componentsGeneric,
  queryGeneric,
  type FunctionReference,
  type GenericDataModel,
  type GenericSchema,
  type SchemaDefinition,
  type TableNamesInDataModel,
} from "convex/server";
import type { DataModel, Doc } from "../../src/component/_generated/dataModel.js";
import component from "../../src/test.js";

type Table = TableNamesInDataModel<DataModel>;

/** Every document of the component, by table. */
export type Stored = { [Name in Table]: Doc<Name>[] };

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
};

const { tally } = componentsGeneric() as unknown as {
  tally: {
    inspection: { all: FunctionReference<"query", "internal", Record<string, never>, Stored> };
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
