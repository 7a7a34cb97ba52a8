import { convexTest } from "convex-test";
import {
  componentsGeneric,
  defineSchema,
  defineTable,
  makeFunctionReference,
  mutationGeneric,
  queryGeneric,
} from "convex/server";
import type { DataModelFromSchemaDefinition, FunctionReference, GenericMutationCtx } from "convex/server";
import { v } from "convex/values";
import { recordable } from "./recorder.js";

/** An app of notes. */
export const schema = defineSchema({
  notes: defineTable({
    owner: v.string(),
    rank: v.number(),
    label: v.optional(v.object({ name: v.string() })),
  })
    .index("by_owner", ["owner", "rank"])
    .index("by_label", ["label.name"]),
  colors: defineTable({ name: v.string() }),
});
type Ctx = GenericMutationCtx<DataModelFromSchemaDefinition<typeof schema>>;

/** convex-test finds the root of a tree of functions by this folder. */
export const modules = {
  "./_generated/api.ts": () => Promise.resolve({}),
};

type AddBook = FunctionReference<"mutation", "internal", { title: string; fails?: boolean }>;
type FindBook = FunctionReference<"query", "internal", { title: string }>;
type PassOn = FunctionReference<"mutation", "internal", { title: string }>;

const { shelf, annex } = componentsGeneric() as unknown as {
  shelf: { books: { add: AddBook; find: FindBook; passOn: PassOn } };
  annex: { books: { add: AddBook } };
};

/** The functions of the component below, as the app refers to them. */
export const { books } = shelf;

/** The same, as the component refers to its own. */
const addBook = makeFunctionReference<"mutation", { title: string }>("books:add");

/** A component whose table is called as one of the app is. */
const shelfSchema = defineSchema({
  notes: defineTable({ title: v.string() }).index("by_title", ["title"]),
});
const shelfFunctions = {
  add: mutationGeneric({
    args: { title: v.string(), fails: v.optional(v.boolean()) },
    handler: async (ctx, { title, fails }) => {
      await ctx.db.insert("notes", { title });
      if (fails) {
        throw new Error("fails as told");
      }
    },
  }),
  find: queryGeneric({
    args: { title: v.string() },
    handler: (ctx, { title }) =>
      ctx.db
        .query("notes")
        .withIndex("by_title", (q) => q.eq("title", title))
        .unique(),
  }),
  /** Adds here, in a component inside this one, and here once more, later. */
  passOn: mutationGeneric({
    args: { title: v.string() },
    handler: async (ctx, { title }) => {
      await ctx.runMutation(addBook, { title });
      await ctx.runMutation(annex.books.add, { title });
      await ctx.scheduler.runAfter(60_000, addBook, { title });
    },
  }),
};

/** The app with the component and one inside it mounted, ready for the recorder. */
export function setup() {
  const t = recordable(convexTest(schema, modules), schema);
  for (const path of ["shelf", "shelf/annex"]) {
    t.registerComponent(path, shelfSchema, {
      ...modules,
      "./books.ts": () => Promise.resolve(shelfFunctions),
    });
  }
  return t;
}

/** Stores a note. */
export function add(owner: string, rank: number) {
  return (ctx: Ctx) => ctx.db.insert("notes", { owner, rank });
}

/** An owner's notes by rank. */
export function owned(ctx: Ctx, owner: string) {
  return ctx.db.query("notes").withIndex("by_owner", (q) => q.eq("owner", owner));
}
