import {
  actionGeneric,
  defineSchema,
  defineTable,
  httpActionGeneric,
  httpRouter,
  internalMutationGeneric,
  makeFunctionReference,
  mutationGeneric,
  queryGeneric,
} from "convex/server";
import { ConvexError, v } from "convex/values";
import { afterEach, expect, test, vi } from "vitest";
import { conflicts } from "../../example/embedded/engine.js";
import { admin, anyone, app, call, closeAll, engineOf, exampleApp, user, value } from "./deployed.js";

afterEach(closeAll);

const schema = defineSchema({ notes: defineTable({ text: v.string() }) });
const notes = {
  add: mutationGeneric({
    args: { text: v.string() },
    returns: v.null(),
    handler: async (ctx, { text }) => {
      await ctx.db.insert("notes", { text });
      return null;
    },
  }),
  remove: mutationGeneric(async (ctx, { id }: { id: string }) => await ctx.db.delete(id as never)),
  list: queryGeneric(async (ctx) => (await ctx.db.query("notes").collect()).map(({ text }) => text)),
};
const addNote = makeFunctionReference<"mutation", { text: string }>("notes:add");

test("the example app sends a message and charges it", async () => {
  const engine = await engineOf(exampleApp);
  await value(engine, "chat:send", { text: "Hello" }, user("ann"));
  expect(await value(engine, "chat:list", {}, user("ann"))).toMatchObject([
    { author: "user", text: "Hello" },
  ]);
  expect(await value(engine, "usage:getUsage", { featureId: "messages" }, user("ann"))).toMatchObject({
    used: 1,
    remaining: 4,
  });
});

test("an action's transactions commit while it runs", async () => {
  const engine = await engineOf(exampleApp);
  const answer = await value(engine, "chat:generate", { prompt: "Hello" }, user("ann"));
  expect(answer).toMatchObject({ text: "You said: Hello", tokens: 5, tokensLeft: 1_995 });
  expect(await value(engine, "chat:list", {}, user("ann"))).toMatchObject([
    { author: "assistant", text: "You said: Hello" },
  ]);
});

test("a mutation that throws changes nothing, and its error carries its data", async () => {
  const failing = mutationGeneric(async (ctx) => {
    await ctx.db.insert("notes", { text: "never" });
    throw new ConvexError({ kind: "refused", limit: 5 });
  });
  const engine = await engineOf(app({ notes: { ...notes, failing } }, schema));
  const outcome = await call(engine, "notes:failing");
  expect(outcome).toMatchObject({ ok: false, errorData: { kind: "refused", limit: 5 } });
  expect(outcome.ok || outcome.errorMessage).toMatch(
    /^\[Request ID: [0-9a-f]{16}\] Server Error\nUncaught ConvexError: {"kind":"refused","limit":5}$/,
  );
  expect(await value(engine, "notes:list")).toEqual([]);
});

test("a mutation whose result its validator refuses changes nothing", async () => {
  const wrong = mutationGeneric({
    args: {},
    returns: v.string(),
    handler: async (ctx) => (await ctx.db.insert("notes", { text: "never" })) && (5 as unknown as string),
  });
  const engine = await engineOf(app({ notes: { ...notes, wrong } }, schema));
  expect(await call(engine, "notes:wrong")).toMatchObject({ ok: false });
  expect(await value(engine, "notes:list")).toEqual([]);
});

test("arguments are checked", async () => {
  const engine = await engineOf(app({ notes }, schema));
  expect(await call(engine, "notes:add", { text: 5 })).toMatchObject({
    ok: false,
    errorMessage: expect.stringContaining("Expected `string`, got `5`") as string,
  });
});

test("only an admin reaches internal functions, and those of components", async () => {
  const hidden = internalMutationGeneric(async () => "done");
  const engine = await engineOf([...app({ notes: { hidden } }), { ...exampleApp[1]! }]);
  const words = (name: string) =>
    expect.stringMatching(
      new RegExp(
        `Server Error\nCould not find public function for '${name}'\\. ` +
          "Did you forget to run `npx convex dev` or `npx convex deploy`\\?$",
      ),
    ) as string;
  expect(await call(engine, "notes:hidden", {}, anyone)).toMatchObject({
    errorMessage: words("notes:hidden"),
  });
  expect(await call(engine, "notes:missing", {}, anyone)).toMatchObject({
    errorMessage: words("notes:missing"),
  });
  expect(await call(engine, "customers:get@tally", {}, anyone)).toMatchObject({
    errorMessage: words("customers:get"),
  });
  expect(await value(engine, "notes:hidden", {}, admin)).toBe("done");
});

test("a function is called as what it is", async () => {
  const engine = await engineOf(app({ notes }, schema));
  const outcome = await engine.run(
    { kind: "mutation", componentPath: "", udfPath: "notes:list", args: {} },
    admin,
  );
  expect(outcome).toMatchObject({
    ok: false,
    errorMessage: expect.stringContaining("as Mutation, but it is defined as Query") as string,
  });
});

test("queries and mutations reach nothing outside the database", async () => {
  const attempts = {
    fetching: mutationGeneric(async () => void (await fetch("http://127.0.0.1"))),
    waiting: queryGeneric(async () => void setTimeout(() => {}, 1)),
    repeating: queryGeneric(async () => void setInterval(() => {}, 1)),
    patient: actionGeneric(async () => await new Promise((done) => setTimeout(() => done("waited"), 1))),
  };
  const engine = await engineOf(app({ attempts }));
  for (const [name, what] of [
    ["fetching", "fetch()"],
    ["waiting", "setTimeout"],
    ["repeating", "setInterval"],
  ]) {
    expect(await call(engine, `attempts:${name}`)).toMatchObject({
      errorMessage: expect.stringContaining(
        `Uncaught Error: Can't use ${what} in queries and mutations. Please consider using an action.`,
      ) as string,
    });
  }
  expect(await value(engine, "attempts:patient")).toBe("waited");
});

test("time stands still in a transaction, and is the deployment's", async () => {
  const spend = () => {
    const before = performance.now();
    while (performance.now() < before + 5);
  };
  const times = {
    inQuery: queryGeneric(async () => {
      const [first, made] = [Date.now(), new Date().getTime()];
      spend();
      return [first, made, Date.now(), new Date() instanceof Date, new Date(5).getTime()];
    }),
    inAction: actionGeneric(async () => {
      const first = Date.now();
      spend();
      return Date.now() - first;
    }),
  };
  const engine = await engineOf(app({ times }));
  await engine.advance(86_400_000);
  const [first, made, later, isDate, given] = (await value(engine, "times:inQuery")) as [
    number,
    ...unknown[],
  ];
  expect(Math.abs(first - engine.now())).toBeLessThan(1_000);
  expect(first - Date.now()).toBeGreaterThan(86_000_000);
  expect([made, later, isDate, given]).toEqual([first, first, true, 5]);
  expect(await value(engine, "times:inAction")).toBeGreaterThanOrEqual(5);
});

test("the app has its environment variables, and a component the two that all have", async () => {
  const env = { read: queryGeneric(async () => ({ ...process.env })) };
  const engine = await engineOf([
    ...app({ env }),
    { path: "part", schema: null, modules: new Map([["env", env]]) },
  ]);
  engine.env.set("SECRET", "s3");
  const urls = { CONVEX_CLOUD_URL: "http://127.0.0.1:3210", CONVEX_SITE_URL: "http://127.0.0.1:3211" };
  expect(await value(engine, "env:read")).toEqual({ ...urls, SECRET: "s3" });
  expect(await value(engine, "env:read@part")).toEqual(urls);
});

test("what a function prints comes with its outcome", async () => {
  const printing = queryGeneric(async () => console.log("one", 2, { three: [3] }));
  const engine = await engineOf(app({ printing: { default: printing } }));
  const seen = vi.spyOn(console, "log");
  expect((await call(engine, "printing")).logLines).toEqual(["[LOG] 'one' 2 { three: [ 3 ] }"]);
  expect(seen).not.toHaveBeenCalled();
});

test("queries of one set see one moment, and tell what they read", async () => {
  const slow = queryGeneric(async (ctx) => {
    for (let i = 0; i < 50; i++) await ctx.db.query("notes").first();
    return (await ctx.db.query("notes").collect()).length;
  });
  const engine = await engineOf(app({ notes: { ...notes, slow } }, schema));
  await value(engine, "notes:add", { text: "before" });
  const query = { componentPath: "", udfPath: "notes:slow", args: {}, journal: null };
  const before = engine.lastTs();
  const together = engine.runQueries([query, { ...query, udfPath: "notes:list" }, query], anyone);
  await value(engine, "notes:add", { text: "meanwhile" });
  const { ts, results } = await together;
  expect(ts).toBe(before);
  expect(results.map((result) => result.ok && result.value)).toEqual([1, ["before"], 1]);

  const change = { component: "", table: "notes", id: "10009notes", before: null };
  const after = { _id: "10009notes", _creationTime: engine.now(), text: "new" };
  expect(conflicts(results[1]!.reads, [{ ...change, after }])).not.toBeNull();
  expect(conflicts(results[1]!.reads, [{ ...change, table: "others", after }])).toBeNull();
});

test("a page of a live list ends where it first ended, so that no row is lost or comes twice", async () => {
  const page = queryGeneric(
    async (ctx, { cursor }: { cursor: string | null }) =>
      await ctx.db.query("notes").paginate({ numItems: 2, cursor }),
  );
  const engine = await engineOf(app({ notes: { ...notes, page } }, schema));
  for (const text of ["a", "b", "c", "d"]) await value(engine, "notes:add", { text });
  const pageFrom = async (cursor: string | null, journal: string | null) => {
    const query = { componentPath: "", udfPath: "notes:page", args: { cursor }, journal };
    const [result] = (await engine.runQueries([query], anyone)).results;
    if (!result?.ok) throw new Error(result?.errorMessage);
    const { page, continueCursor } = result.value as {
      page: { text: string; _id: string }[];
      continueCursor: string;
    };
    return {
      texts: page.map(({ text }) => text),
      ids: page.map(({ _id }) => _id),
      continueCursor,
      journal: result.journal,
    };
  };
  const first = await pageFrom(null, null);
  const second = await pageFrom(first.continueCursor, null);
  expect([first.texts, second.texts]).toEqual([
    ["a", "b"],
    ["c", "d"],
  ]);
  await value(engine, "notes:remove", { id: first.ids[0]! });
  expect((await pageFrom(null, first.journal)).texts).toEqual(["b"]);
  expect((await pageFrom(null, null)).texts).toEqual(["b", "c"]);
});

test("listeners hear of each commit what has changed, and of a deploy that all may have", async () => {
  const engine = await engineOf(app({ notes }, schema));
  const heard: (string[] | null)[] = [];
  const stop = engine.onCommit((ts, changes) => {
    expect(ts).toBe(engine.lastTs());
    heard.push(changes?.map(({ after }) => String(after?.text)) ?? null);
  });
  await value(engine, "notes:add", { text: "heard" });
  await value(engine, "notes:list");
  engine.deploy(engine.components());
  stop();
  await value(engine, "notes:add", { text: "unheard" });
  expect(heard).toEqual([["heard"], null]);
});

test("a schema that stored documents violate is refused, and the old one goes on", async () => {
  const engine = await engineOf(app({ notes }, schema));
  await value(engine, "notes:add", { text: "short" });
  const stricter = app({ notes }, defineSchema({ notes: defineTable({ text: v.number() }) }));
  const [stored] = engine.documents("", "notes");
  const error =
    `Document with ID "${String(stored!._id)}" in table "notes" does not match the schema: ` +
    "Expected `number`, got `short`";
  expect(engine.violation(stricter)).toEqual({ componentPath: "", tableName: "notes", error });
  expect(() => engine.deploy(stricter)).toThrow(`Schema validation failed. ${error}`);
  await value(engine, "notes:add", { text: "still" });
  expect(engine.violation(app({ notes }, schema))).toBeNull();
});

test("an HTTP action gets the body as it was sent", async () => {
  const http = httpRouter();
  http.route({
    path: "/hook",
    method: "POST",
    handler: httpActionGeneric(async (ctx, request) => {
      const body = await request.text();
      await ctx.runMutation(addNote, { text: body });
      return new Response(`${request.url} ${request.headers.get("x-signature")}`, { status: 201 });
    }),
  });
  const engine = await engineOf(app({ notes, http: { default: http } }, schema));
  const response = await engine.fetch("/hook?a=1", {
    method: "POST",
    body: '{ "raw":  1 }',
    headers: { "x-signature": "sig" },
  });
  expect([response.status, await response.text()]).toEqual([201, "http://127.0.0.1:3211/hook?a=1 sig"]);
  expect(await value(engine, "notes:list")).toEqual(['{ "raw":  1 }']);
  expect((await engine.fetch("/elsewhere", {})).status).toBe(404);
});

test("who has signed in is known in the app, in actions as well, and nobody in a component", async () => {
  const who = queryGeneric(async (ctx) => (await ctx.auth.getUserIdentity())?.subject ?? null);
  const asking = actionGeneric(async (ctx) => [
    (await ctx.auth.getUserIdentity())?.subject ?? null,
    await ctx.runQuery(makeFunctionReference<"query">("who")),
  ]);
  const crossing = queryGeneric(
    async (ctx) => (await ctx.runQuery("function://part;who:default" as never)) as string | null,
  );
  const engine = await engineOf([
    ...app({ who: { default: who }, asking: { default: asking }, crossing: { default: crossing } }),
    { path: "part", schema: null, modules: new Map([["who", { default: who }]]) },
  ]);
  expect(await value(engine, "who", {}, user("ann"))).toBe("ann");
  expect(await value(engine, "asking", {}, user("ann"))).toEqual(["ann", "ann"]);
  expect(await value(engine, "crossing", {}, user("ann"))).toBeNull();
});

test("two engines in one process do not see each other", async () => {
  const [one, other] = await Promise.all([
    engineOf(app({ notes }, schema)),
    engineOf(app({ notes }, schema)),
  ]);
  await other.advance(86_400_000);
  await Promise.all([value(one, "notes:add", { text: "one" }), value(other, "notes:add", { text: "other" })]);
  expect(await value(one, "notes:list")).toEqual(["one"]);
  expect(await value(other, "notes:list")).toEqual(["other"]);
  await one.close();
  expect(await call(one, "notes:add", { text: "late" })).toMatchObject({ ok: false });
  expect(await value(other, "notes:list")).toEqual(["other"]);
});
