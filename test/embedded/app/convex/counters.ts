import {
  actionGeneric as action,
  anyApi,
  internalMutationGeneric as internalMutation,
  mutationGeneric as mutation,
  queryGeneric as query,
  type GenericDataModel,
  type GenericMutationCtx,
} from "convex/server";
import { ConvexError, v, type GenericId } from "convex/values";

const LIMIT = 100;

export const get = query({
  args: { name: v.string() },
  handler: async ({ db }, { name }) => {
    const counter = await db
      .query("counters")
      .withIndex("by_name", (q) => q.eq("name", name))
      .unique();
    return (counter?.value ?? 0) as number;
  },
});

export const add = mutation({
  args: { name: v.string(), amount: v.number() },
  handler: async (ctx, { name, amount }) => await increase(ctx, name, amount),
});

/** Writes, then fails: nothing of it may stay. */
export const addAndFail = mutation({
  args: { name: v.string() },
  handler: async (ctx, { name }) => {
    await increase(ctx, name, 1);
    throw new Error("after the write");
  },
});

/** Leaves promises and timers behind that fail. */
export const forget = action({
  args: {},
  handler: async () => {
    void Promise.reject(new Error("forgotten"));
    setTimeout(() => {
      throw new Error("late");
    }, 0);
  },
});

export const reset = internalMutation({
  args: { name: v.string() },
  handler: async ({ db }, { name }) => {
    const counter = await db
      .query("counters")
      .withIndex("by_name", (q) => q.eq("name", name))
      .unique();
    if (counter) await db.delete(counter._id as GenericId<string>);
    return "reset";
  },
});

export const addTwice = action({
  args: { name: v.string() },
  handler: async (ctx, { name }): Promise<number> => {
    await ctx.runMutation(anyApi.counters!.add!, { name, amount: 1 });
    return (await ctx.runMutation(anyApi.counters!.add!, { name, amount: 1 })) as number;
  },
});

/** What JSON cannot tell. */
export const values = query({
  args: { integer: v.int64() },
  handler: async (_ctx, { integer }) => ({
    integer: integer + 1n,
    bytes: new Uint8Array([1, 2]).buffer,
    huge: Infinity,
  }),
});

async function increase({ db }: GenericMutationCtx<GenericDataModel>, name: string, amount: number) {
  const counter = await db
    .query("counters")
    .withIndex("by_name", (q) => q.eq("name", name))
    .unique();
  const value = ((counter?.value ?? 0) as number) + amount;
  if (value > LIMIT) throw new ConvexError({ code: "LIMIT", limit: LIMIT });
  if (counter) await db.patch(counter._id as GenericId<string>, { value });
  else await db.insert("counters", { name, value });
  return value;
}
