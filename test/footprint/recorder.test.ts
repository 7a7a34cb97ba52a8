import { describe, expect, test } from "vitest";
import { add, owned, setup } from "./notes.js";
import { conflictsWith, footprintOf } from "./recorder.js";

describe("a range read", () => {
  test("of a missing key conflicts with the insert of that key", async () => {
    const t = setup();
    const read = await footprintOf(t, (ctx) => owned(ctx, "ada").unique());
    const written = await footprintOf(t, add("ada", 1));
    expect(conflictsWith(read, written)).toEqual(["app/notes.by_owner"]);
  });

  test("does not conflict with a row outside it", async () => {
    const t = setup();
    const read = await footprintOf(t, (ctx) => owned(ctx, "ada").collect());
    const written = await footprintOf(t, add("bob", 1));
    expect(conflictsWith(read, written)).toEqual([]);
  });

  test("by first() ends at the row that it found", async () => {
    const t = setup();
    await t.run(add("ada", 5));
    const read = await footprintOf(t, (ctx) => owned(ctx, "ada").first());
    const earlier = await footprintOf(t, add("ada", 4));
    const later = await footprintOf(t, add("ada", 6));
    expect(conflictsWith(read, earlier)).toEqual(["app/notes.by_owner"]);
    expect(conflictsWith(read, later)).toEqual([]);
  });

  test("by first() covers the row that it found", async () => {
    const t = setup();
    const id = await t.run(add("ada", 5));
    const read = await footprintOf(t, (ctx) => owned(ctx, "ada").first());
    const relabeled = await footprintOf(t, (ctx) => ctx.db.patch("notes", id, { label: { name: "red" } }));
    expect(conflictsWith(read, relabeled)).toEqual(["app/notes.by_owner"]);
  });

  test("by first() does not cover a younger row of the same key", async () => {
    const t = setup();
    await t.run(add("ada", 5));
    const read = await footprintOf(t, (ctx) => owned(ctx, "ada").first());
    const younger = await footprintOf(t, add("ada", 5));
    expect(conflictsWith(read, younger)).toEqual([]);
  });

  test("in descending order ends at the lowest row that it found", async () => {
    const t = setup();
    await t.run(add("ada", 5));
    const read = await footprintOf(t, (ctx) => owned(ctx, "ada").order("desc").first());
    const lower = await footprintOf(t, add("ada", 4));
    const higher = await footprintOf(t, add("ada", 6));
    expect(conflictsWith(read, lower)).toEqual([]);
    expect(conflictsWith(read, higher)).toEqual(["app/notes.by_owner"]);
  });

  test("by take() covers the range when it ran out of rows", async () => {
    const t = setup();
    await t.run(add("ada", 5));
    const read = await footprintOf(t, (ctx) => owned(ctx, "ada").take(2));
    const later = await footprintOf(t, add("ada", 6));
    expect(conflictsWith(read, later)).toEqual(["app/notes.by_owner"]);
  });

  test("by unique() covers the range, since it looks for a second row", async () => {
    const t = setup();
    await t.run(add("ada", 5));
    const read = await footprintOf(t, (ctx) => owned(ctx, "ada").unique());
    const later = await footprintOf(t, add("ada", 6));
    expect(conflictsWith(read, later)).toEqual(["app/notes.by_owner"]);
  });

  test("left early ends at the last row taken from it", async () => {
    const t = setup();
    await t.run(add("ada", 5));
    await t.run(add("ada", 7));
    const read = await footprintOf(t, async (ctx) => {
      for await (const note of owned(ctx, "ada")) {
        return note;
      }
    });
    const between = await footprintOf(t, add("ada", 6));
    expect(conflictsWith(read, between)).toEqual([]);
  });

  test("keeps to its bounds", async () => {
    const t = setup();
    const inside = await footprintOf(t, (ctx) =>
      ctx.db
        .query("notes")
        .withIndex("by_owner", (q) => q.eq("owner", "ada").gt("rank", 1).lt("rank", 3))
        .collect(),
    );
    const touching = await footprintOf(t, (ctx) =>
      ctx.db
        .query("notes")
        .withIndex("by_owner", (q) => q.eq("owner", "ada").gte("rank", 1).lte("rank", 3))
        .collect(),
    );
    const touched = [];
    for (const rank of [0, 1, 2, 3, 4]) {
      const written = await footprintOf(t, add("ada", rank));
      touched.push([inside, touching].map((read) => conflictsWith(read, written).length));
    }
    expect(touched).toEqual([
      [0, 0],
      [0, 1],
      [1, 1],
      [0, 1],
      [0, 0],
    ]);
  });

  test("of a missing field conflicts with rows that lack it", async () => {
    const t = setup();
    const read = await footprintOf(t, (ctx) =>
      ctx.db
        .query("notes")
        .withIndex("by_label", (q) => q.eq("label.name", undefined))
        .collect(),
    );
    const bare = await footprintOf(t, add("ada", 1));
    const labeled = await footprintOf(t, (ctx) =>
      ctx.db.insert("notes", { owner: "ada", rank: 1, label: { name: "red" } }),
    );
    expect(conflictsWith(read, bare)).toEqual(["app/notes.by_label"]);
    expect(conflictsWith(read, labeled)).toEqual([]);
  });

  test("of a whole table conflicts with no other table", async () => {
    const t = setup();
    const read = await footprintOf(t, (ctx) => ctx.db.query("notes").collect());
    const color = await footprintOf(t, (ctx) => ctx.db.insert("colors", { name: "red" }));
    expect(conflictsWith(read, await footprintOf(t, add("ada", 1)))).toEqual(["app/notes.by_creation_time"]);
    expect(conflictsWith(read, color)).toEqual([]);
  });

  test("by page ends at the page's last row", async () => {
    const t = setup();
    await t.run(add("ada", 5));
    await t.run(add("ada", 7));
    const read = await footprintOf(t, (ctx) => owned(ctx, "ada").paginate({ numItems: 1, cursor: null }));
    const within = await footprintOf(t, add("ada", 4));
    const after = await footprintOf(t, add("ada", 6));
    expect(conflictsWith(read, within)).toEqual(["app/notes.by_owner"]);
    expect(conflictsWith(read, after)).toEqual([]);
  });

  test("that nothing was taken from depends on nothing", async () => {
    const { reads } = await footprintOf(setup(), (ctx) => owned(ctx, "ada").take(0));
    expect(reads).toEqual([]);
  });

  test("conflicts with a row that leaves the range", async () => {
    const t = setup();
    const id = await t.run(add("ada", 1));
    const read = await footprintOf(t, (ctx) => owned(ctx, "ada").collect());
    const moved = await footprintOf(t, (ctx) => ctx.db.patch("notes", id, { owner: "bob" }));
    expect(conflictsWith(read, moved)).toEqual(["app/notes.by_owner"]);
  });
});

describe("a write", () => {
  test("that inserts does not conflict with another insert", async () => {
    const t = setup();
    const one = await footprintOf(t, add("ada", 1));
    const other = await footprintOf(t, add("ada", 1));
    expect(conflictsWith(one, other)).toEqual([]);
  });

  test("that patches a document conflicts with a patch of the same one only", async () => {
    const t = setup();
    const ada = await t.run(add("ada", 1));
    const bob = await t.run(add("bob", 1));
    const patch = (id: typeof ada, rank: number) =>
      footprintOf(t, (ctx) => ctx.db.patch("notes", id, { rank }));
    const first = await patch(ada, 2);
    expect(conflictsWith(first, await patch(ada, 3))).toEqual(["app/notes.by_id"]);
    expect(conflictsWith(first, await patch(bob, 3))).toEqual([]);
  });

  test("that replaces a document conflicts with a patch of it", async () => {
    const t = setup();
    const id = await t.run(add("ada", 1));
    const replaced = await footprintOf(t, (ctx) => ctx.db.replace("notes", id, { owner: "ada", rank: 2 }));
    const patched = await footprintOf(t, (ctx) => ctx.db.patch("notes", id, { rank: 3 }));
    expect(conflictsWith(patched, replaced)).toEqual(["app/notes.by_id"]);
    expect(conflictsWith(replaced, patched)).toEqual(["app/notes.by_id"]);
  });

  test("keeps the oldest and the newest version of each document", async () => {
    const t = setup();
    const id = await t.run(add("ada", 1));
    const { writes } = await footprintOf(t, async (ctx) => {
      await ctx.db.patch("notes", id, { rank: 2 });
      await ctx.db.patch("notes", id, { rank: 3 });
    });
    expect(writes).toMatchObject([
      {
        component: "",
        table: "notes",
        id,
        before: { rank: 1 },
        after: { rank: 3 },
      },
    ]);
  });

  test("that changes nothing is no write", async () => {
    const t = setup();
    const id = await t.run(add("ada", 1));
    const { writes } = await footprintOf(t, (ctx) => ctx.db.patch("notes", id, { rank: 1 }));
    expect(writes).toEqual([]);
  });

  test("that deletes conflicts with a get of the document", async () => {
    const t = setup();
    const id = await t.run(add("ada", 1));
    const read = await footprintOf(t, (ctx) => ctx.db.get("notes", id));
    const deleted = await footprintOf(t, (ctx) => ctx.db.delete("notes", id));
    expect(conflictsWith(read, deleted)).toEqual(["app/notes.by_id"]);
  });
});
