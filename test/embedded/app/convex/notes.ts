import {
  mutationGeneric as mutation,
  paginationOptsValidator,
  queryGeneric as query,
  type Auth,
} from "convex/server";
import { v } from "convex/values";

export const write = mutation({
  args: { text: v.string() },
  handler: async ({ auth, db }, { text }) => {
    await db.insert("notes", { author: await subject(auth), text });
  },
});

export const mine = query({
  args: {},
  handler: async ({ auth, db }) => {
    const author = await subject(auth);
    const notes = await db
      .query("notes")
      .withIndex("by_author", (q) => q.eq("author", author))
      .take(10);
    return { author, texts: notes.map(({ text }) => text as string) };
  },
});

export const page = query({
  args: { paginationOpts: paginationOptsValidator },
  handler: async ({ db }, { paginationOpts }) =>
    await db.query("notes").order("desc").paginate(paginationOpts),
});

export const identity = query({
  args: {},
  handler: async ({ auth }) => await auth.getUserIdentity(),
});

async function subject(auth: Auth): Promise<string> {
  return (await auth.getUserIdentity())?.subject ?? "nobody";
}
