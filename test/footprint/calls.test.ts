import { convexTest } from "convex-test";
import { describe, expect, test } from "vitest";
import { add, books, modules, schema, setup } from "./notes.js";
import { conflictsWith, footprintOf, transactionCost } from "./recorder.js";

describe("a call into a component", () => {
  test("is seen, under the component's own name", async () => {
    const t = setup();
    const read = await footprintOf(t, (ctx) => ctx.runQuery(books.find, { title: "Emma" }));
    const written = await footprintOf(t, (ctx) => ctx.runMutation(books.add, { title: "Emma" }));
    expect(read.crossings).toBe(1);
    expect(written.writes).toMatchObject([{ component: "shelf", table: "notes", before: null }]);
    expect(conflictsWith(read, written)).toEqual(["shelf/notes.by_title"]);
  });

  test("does not touch the app's table of the same name", async () => {
    const t = setup();
    const read = await footprintOf(t, (ctx) => ctx.db.query("notes").collect());
    const written = await footprintOf(t, (ctx) => ctx.runMutation(books.add, { title: "Emma" }));
    expect(conflictsWith(read, written)).toEqual([]);
  });

  test("is followed into the calls that it makes itself", async () => {
    const { writes, crossings, scheduled } = await footprintOf(setup(), (ctx) =>
      ctx.runMutation(books.passOn, { title: "Emma" }),
    );
    expect(writes.map(({ component }) => component)).toEqual(["shelf", "shelf/annex"]);
    // From the app and into the annex; the component's call of itself is none.
    expect(crossings).toBe(2);
    expect(scheduled).toBe(1);
  });

  test("that fails takes its writes back, not those of calls beside it", async () => {
    const { writes, crossings } = await footprintOf(setup(), (ctx) =>
      Promise.allSettled([
        ctx.runMutation(books.add, { title: "Emma", fails: true }),
        ctx.runMutation(books.add, { title: "Persuasion" }),
      ]),
    );
    expect(crossings).toBe(2);
    expect(writes).toMatchObject([{ after: { title: "Persuasion" } }]);
  });

  test("of a stale snapshot depends on nothing", async () => {
    const { reads } = await footprintOf(setup(), (ctx) =>
      ctx.runQuery(books.find, { title: "Emma" }, { useStaleSnapshot: true }),
    );
    expect(reads).toEqual([]);
  });

  test("is part of its caller's cost", async () => {
    const cost = await transactionCost(setup(), "mutation", (ctx) =>
      ctx.runMutation(books.add, { title: "Emma" }),
    );
    expect(cost).toMatchObject({ databaseQueries: 0, documentsWritten: 1 });
    expect(cost.bytesWritten).toBeGreaterThan(0);
  });
});

describe("a recording", () => {
  test("leaves nothing behind", async () => {
    const t = setup();
    await footprintOf(t, async (ctx) => {
      await add("ada", 1)(ctx);
      await ctx.runMutation(books.add, { title: "Emma" });
    });
    const left = await t.run(async (ctx) => [
      ...(await ctx.db.query("notes").collect()),
      await ctx.runQuery(books.find, { title: "Emma" }),
    ]);
    expect(left).toEqual([null]);
  });

  test("counts what was handed to the scheduler", async () => {
    const { scheduled, writes } = await footprintOf(setup(), (ctx) =>
      ctx.scheduler.runAfter(60_000, books.add, {
        title: "Emma",
        fails: false,
      }),
    );
    expect(scheduled).toBe(1);
    expect(writes).toEqual([]);
  });

  test("passes on the error of its operation", async () => {
    const failing = footprintOf(setup(), () => Promise.reject(new Error("the operation's own")));
    await expect(failing).rejects.toThrow("the operation's own");
  });

  test("needs a test whose schemas are known", async () => {
    const t = convexTest(schema, modules);
    await expect(footprintOf(t, add("ada", 1))).rejects.toThrow("recordable");
  });
});

describe("the cost of a transaction", () => {
  test("is what its operation adds, in Convex's units", async () => {
    const t = setup();
    const id = await t.run(add("ada", 1));
    const cost = await transactionCost(t, "mutation", (ctx) => ctx.db.patch("notes", id, { rank: 2 }));
    expect(cost).toMatchObject({
      databaseQueries: 0,
      documentsRead: 1,
      documentsWritten: 1,
      functionsScheduled: 0,
    });
    expect(cost.bytesRead).toBe(cost.bytesWritten);
  });

  test("of a query has no writes", async () => {
    const t = setup();
    await t.run(add("ada", 1));
    const cost = await transactionCost(t, "query", (ctx) => ctx.db.query("notes").collect());
    expect(cost).toMatchObject({
      databaseQueries: 1,
      documentsRead: 1,
      documentsWritten: 0,
      bytesWritten: 0,
    });
  });
});
