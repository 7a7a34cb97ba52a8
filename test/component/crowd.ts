/** Fills a deployment with rows that no call should ever notice: written straight into the tables. */
import type { TestConvex } from "convex-test";
import {
  componentsGeneric,
  mutationGeneric,
  type FunctionReference,
  type GenericSchema,
  type SchemaDefinition,
} from "convex/server";
import { v } from "convex/values";
import tallyTest from "../../src/test.js";

const tables = v.union(v.literal("customers"), v.literal("balances"), v.literal("events"));

/** Documents of one kind, as many as `count`, each with its own number in the fields named by `numbered`. */
const insert = mutationGeneric({
  args: { table: tables, count: v.number(), document: v.string(), numbered: v.array(v.string()) },
  returns: v.null(),
  handler: async (ctx, { table, count, document, numbered }) => {
    for (let index = 0; index < count; index++) {
      const fields = JSON.parse(document) as Record<string, string>;
      for (const field of numbered) fields[field] = `${fields[field] ?? ""}${index}`;
      await ctx.db.insert(table, fields);
    }
    return null;
  },
});

/** Mounts the component with one function more, which only tests can call. */
export function registerWithCrowd(t: TestConvex<SchemaDefinition<GenericSchema, boolean>>): void {
  t.registerComponent("tally", tallyTest.schema, {
    ...tallyTest.modules,
    "./component/crowd.ts": async () => ({ insert }),
  });
}

type Insert = FunctionReference<
  "mutation",
  "internal",
  { table: string; count: number; document: string; numbered: string[] },
  null
>;
const crowd = (componentsGeneric() as unknown as { tally: { crowd: { insert: Insert } } }).tally.crowd;

/** Inserts `count` copies of a document; the fields named by `numbered` get a number appended. */
export async function insertMany(
  t: TestConvex<SchemaDefinition<GenericSchema, boolean>>,
  table: "customers" | "balances" | "events",
  count: number,
  document: Record<string, unknown>,
  numbered: string[] = [],
): Promise<void> {
  await t.mutation((ctx) =>
    ctx.runMutation(crowd.insert, { table, count, document: JSON.stringify(document), numbered }),
  );
}
