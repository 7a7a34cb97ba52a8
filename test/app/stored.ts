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
import { v, type GenericId, type Value } from "convex/values";
import type { DataModel, Doc } from "../../src/component/_generated/dataModel.js";
import component from "../../src/test.js";

type Table = TableNamesInDataModel<DataModel>;

/** Every document of the component, by table. */
export type Stored = { [Name in Table]: Doc<Name>[] };

type Subscription = WithoutSystemFields<Doc<"subscriptions">>;
type Reservation = WithoutSystemFields<Doc<"reservations">>;

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
  alter: mutationGeneric({
    handler: async (ctx, { id, fields }: { id: GenericId<Table>; fields: Record<string, Value> | null }) => {
      if (fields === null) await ctx.db.delete(id);
      else await ctx.db.patch(id, fields);
    },
  }),
  addSubscriptions: mutationGeneric({
    args: { subscriptions: v.array(component.schema.tables.subscriptions.validator) },
    handler: async (ctx, { subscriptions }) => {
      for (const subscription of subscriptions) await ctx.db.insert("subscriptions", subscription);
    },
  }),
  setEntityCount: mutationGeneric({
    args: { customerId: v.string(), featureId: v.string(), count: v.number() },
    handler: async (ctx, { customerId, featureId, count }) => {
      const customers = await ctx.db.query("customers").collect();
      for (const { _id } of customers.filter((each) => each.customerId === customerId))
        await ctx.db.patch(_id, { entities: [{ featureId, count }] });
    },
  }),
  addReservations: mutationGeneric({
    args: { reservations: v.array(component.schema.tables.reservations.validator) },
    handler: async (ctx, { reservations }) => {
      for (const reservation of reservations) await ctx.db.insert("reservations", reservation);
    },
  }),
};

const { tally } = componentsGeneric() as unknown as {
  tally: {
    inspection: {
      all: FunctionReference<"query", "internal", Record<string, never>, Stored>;
      alter: FunctionReference<
        "mutation",
        "internal",
        { id: string; fields: Record<string, Value> | null },
        null
      >;
      addSubscriptions: FunctionReference<"mutation", "internal", { subscriptions: Subscription[] }, null>;
      setEntityCount: FunctionReference<
        "mutation",
        "internal",
        { customerId: string; featureId: string; count: number },
        null
      >;
      addReservations: FunctionReference<"mutation", "internal", { reservations: Reservation[] }, null>;
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

/** Changes fields of a document behind the component's back, or (null) deletes it. */
export async function alter<Model extends GenericDataModel>(
  t: TestConvexForDataModel<Model>,
  { _id: id }: { _id: string },
  fields: Record<string, Value> | null,
): Promise<void> {
  await t.mutation(tally.inspection.alter, { id, fields });
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

/** Stores open holds as they are: more than anybody makes in a test one by one. */
export async function addReservations<Model extends GenericDataModel>(
  t: TestConvexForDataModel<Model>,
  reservations: Reservation[],
): Promise<void> {
  await t.mutation(tally.inspection.addReservations, { reservations });
}

/** Makes a customer one of so many entities, without creating them. */
export async function setEntityCount<Model extends GenericDataModel>(
  t: TestConvexForDataModel<Model>,
  counted: { customerId: string; featureId: string; count: number },
): Promise<void> {
  await t.mutation(tally.inspection.setEntityCount, counted);
}
