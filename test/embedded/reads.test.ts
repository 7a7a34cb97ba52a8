import { isDeepStrictEqual } from "node:util";
import fc from "fast-check";
import {
  defineSchema,
  defineTable,
  mutationGeneric,
  queryGeneric,
  type DataModelFromSchemaDefinition,
  type QueryBuilder,
} from "convex/server";
import { v, type Value } from "convex/values";
import { afterEach, describe, expect, test } from "vitest";
import { conflicts, type Change, type Engine } from "../../example/embedded/engine.js";
import { anyone, app, closeAll, engineOf, value } from "./deployed.js";

afterEach(closeAll);

const schema = defineSchema({
  items: defineTable({ group: v.string(), rank: v.number(), label: v.optional(v.string()) }).index(
    "by_group_rank",
    ["group", "rank"],
  ),
});

const query = queryGeneric as QueryBuilder<DataModelFromSchemaDefinition<typeof schema>, "public">;

/** A query over `items`: which part, in which order, and how much of it is taken. */
type Ask = {
  group: string | null;
  from: number | null;
  below: number | null;
  order: "asc" | "desc";
  /** As many as that; -1 for all. */
  take: number;
  filter: number | null;
};

const items = {
  write: mutationGeneric(
    async (ctx, { at, item }: { at: number; item: { group: string; rank: number } | null }) => {
      const known = (await ctx.db.query("items").collect())[at];
      if (known === undefined) return item === null ? null : void (await ctx.db.insert("items", item));
      if (item === null) await ctx.db.delete(known._id);
      else await ctx.db.patch(known._id, item);
    },
  ),
  ask: query(async (ctx, { group, from, below, order, take, filter }: Ask) => {
    let query = (
      group === null
        ? ctx.db.query("items")
        : ctx.db.query("items").withIndex("by_group_rank", (q) => {
            const inGroup = q.eq("group", group);
            if (from !== null && below !== null) return inGroup.gte("rank", from).lt("rank", below);
            if (from !== null) return inGroup.gte("rank", from);
            return below === null ? inGroup : inGroup.lt("rank", below);
          })
    ).order(order);
    if (filter !== null) query = query.filter((q) => q.neq(q.field("rank"), filter));
    const found =
      take === -1 ? await query.collect() : take === 1 ? [await query.first()] : await query.take(take);
    return found.map((item) => item && [item._id, item.group, item.rank]);
  }),
  one: queryGeneric(async (ctx, { id }: { id: string }) => (await ctx.db.get(id as never)) !== null),
};

async function ask(engine: Engine, args: Record<string, Value>, udfPath = "items:ask") {
  const query = { componentPath: "", udfPath, args, journal: null };
  const [result] = (await engine.runQueries([query], anyone)).results;
  if (!result?.ok) throw new Error(result?.errorMessage);
  return result;
}

const group = fc.constantFrom("a", "b");
const rank = fc.integer({ min: 0, max: 5 });
const item = fc.record({ group, rank });
const orNull = <T>(arbitrary: fc.Arbitrary<T>) => fc.option(arbitrary, { nil: null });
const anyAsk = fc.record({
  group: orNull(group),
  from: orNull(rank),
  below: orNull(rank),
  order: fc.constantFrom("asc" as const, "desc" as const),
  take: fc.constantFrom(-1, 1, 2),
  filter: orNull(rank),
});

test("whatever changes a query's answer conflicts with what it read", async () => {
  let [changed, calm] = [0, 0];
  await fc.assert(
    fc.asyncProperty(
      fc.array(item, { maxLength: 6 }),
      anyAsk,
      fc.nat(6),
      orNull(item),
      async (stored, asked, at, written) => {
        const engine = await engineOf(app({ items }, schema));
        for (const one of stored) await value(engine, "items:write", { at: 99, item: one });
        const before = await ask(engine, { ...asked });
        let changes: readonly Change[] = [];
        engine.onCommit((_, committed) => (changes = committed!));
        await value(engine, "items:write", { at, item: written });
        const after = await ask(engine, { ...asked });
        const differs = !isDeepStrictEqual(before.value, after.value);
        if (differs) changed++;
        else if (conflicts(before.reads, changes) === null) calm++;
        if (differs) expect(conflicts(before.reads, changes)).not.toBeNull();
        await engine.close();
      },
    ),
    { numRuns: 300, seed: 1 },
  );
  // Neither all of them conflict, nor none.
  expect(changed).toBeGreaterThan(50);
  expect(calm).toBeGreaterThan(50);
});

describe("of three items of a group", () => {
  const asked: Ask = { group: "a", from: null, below: null, order: "asc", take: 1, filter: null };

  async function hit(args: Partial<Ask>, written: { group: string; rank: number }): Promise<boolean> {
    const engine = await engineOf(app({ items }, schema));
    for (const rank of [10, 20, 30])
      await value(engine, "items:write", { at: 99, item: { group: "a", rank } });
    const { reads } = await ask(engine, { ...asked, ...args });
    let changes: readonly Change[] = [];
    engine.onCommit((_, committed) => (changes = committed!));
    await value(engine, "items:write", { at: 99, item: written });
    return conflicts(reads, changes) !== null;
  }

  test.each([
    ["first is touched before it", { take: 1 }, 5, true],
    ["first is not touched behind it", { take: 1 }, 15, false],
    ["the last one is touched behind it", { take: 1, order: "desc" as const }, 35, true],
    ["the last one is not touched before it", { take: 1, order: "desc" as const }, 25, false],
    ["two are touched between them", { take: 2 }, 15, true],
    ["two are not touched behind them", { take: 2 }, 25, false],
    ["all are touched by a phantom behind them", { take: -1 }, 99, true],
    ["four that are three are touched by a fourth", { take: 4 }, 99, true],
    ["a range is touched by a phantom in it", { take: -1, from: 12, below: 18 }, 15, true],
    ["a range is not touched at its open end", { take: -1, from: 12, below: 18 }, 18, false],
    ["a first of none is touched by a phantom", { take: 1, from: 40 }, 50, true],
    ["what a filter passed over is touched", { take: 1, filter: 10 }, 15, true],
  ])("%s", async (_, args, rank, expected) => {
    expect(await hit(args, { group: "a", rank })).toBe(expected);
    expect(await hit(args, { group: "b", rank })).toBe(false);
  });
});

test("a document is touched by what happens to it alone, also one that is not there", async () => {
  const engine = await engineOf(app({ items }, schema));
  for (const rank of [1, 2]) await value(engine, "items:write", { at: 99, item: { group: "a", rank } });
  const [first] = engine.documents("", "items");
  const { reads } = await ask(engine, { id: first!._id as string }, "items:one");
  const heard: boolean[] = [];
  engine.onCommit((_, changes) => heard.push(conflicts(reads, changes!) !== null));
  await value(engine, "items:write", { at: 1, item: { group: "a", rank: 9 } });
  await value(engine, "items:write", { at: 0, item: { group: "a", rank: 9 } });
  await value(engine, "items:write", { at: 0, item: null });
  expect(heard).toEqual([false, true, true]);
});
