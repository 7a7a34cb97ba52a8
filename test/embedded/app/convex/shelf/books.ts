import { mutationGeneric as mutation, queryGeneric as query } from "convex/server";
import { v } from "convex/values";

export const put = mutation({
  args: { title: v.string() },
  returns: v.null(),
  handler: async ({ db }, { title }) => {
    await db.insert("books", { title });
    return null;
  },
});

export const titles = query({
  args: {},
  returns: v.array(v.string()),
  handler: async ({ db }) => (await db.query("books").take(10)).map(({ title }) => title as string),
});
