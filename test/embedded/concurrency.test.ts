import { actionGeneric, makeFunctionReference, mutationGeneric, queryGeneric } from "convex/server";
import { v, type Value } from "convex/values";
import { afterEach, describe, expect, test } from "vitest";
import { components } from "../../convex/_generated/api.js";
import { defineCatalog, feature, item, plan, Tally } from "../../src/client/index.js";
import { Documents } from "../../example/embedded/documents.js";
import type { Engine } from "../../example/embedded/engine.js";
import { Runtime } from "../../example/embedded/runtime.js";
import { Transactions } from "../../example/embedded/transactions.js";
import { asTheyCome } from "../../example/embedded/turns.js";
import { admin, app, call, closeAll, engineOf, exampleApp, value } from "./deployed.js";

afterEach(closeAll);

const units = feature({ id: "units", name: "Units", type: "single_use" });
const catalog = defineCatalog({
  features: [units],
  plans: ["100", "500"].map((included) =>
    plan({
      id: `p${included}`,
      name: included,
      items: [item({ featureId: "units", included: Number(included), reset: { interval: "month" } })],
    }),
  ),
});
const tally = new Tally(components.tally, { catalog, identify: async () => null });
const target = { customerId: "ann", featureId: "units" as const };
const use = mutationGeneric({
  args: { value: v.number(), key: v.string() },
  handler: async (ctx, { value, key }) => {
    const { replayed } = await tally.consume(ctx, { ...target, value, idempotencyKey: key });
    if (!replayed) await ctx.db.insert("uses", { value, key });
    return replayed;
  },
});
const account = {
  open: mutationGeneric({
    args: { planId: v.string() },
    handler: async (ctx, { planId }) => {
      await tally.subscriptions.attach(ctx, { customerId: "ann", planId: planId as "p100" });
    },
  }),
  use,
  useFromAction: actionGeneric({
    args: { value: v.number(), key: v.string() },
    handler: async (ctx, args): Promise<boolean> =>
      (await ctx.runMutation(makeFunctionReference<"mutation">("account:use"), args)) as boolean,
  }),
  queue: mutationGeneric({
    args: { times: v.number() },
    handler: async (ctx, { times }) => {
      const use = makeFunctionReference<"mutation">("account:use");
      for (let i = 0; i < times; i++) await ctx.scheduler.runAfter(0, use, { value: 1, key: `job ${i}` });
    },
  }),
  balance: queryGeneric(async (ctx) => {
    const { usage, remaining } = await tally.check(ctx, target);
    return { usage, remaining };
  }),
  rows: queryGeneric(async (ctx) => await ctx.db.query("uses").collect()),
};

const CONFLICT = "changed while this mutation was being run and on every subsequent retry";

async function opened(planId: string, options: { seed?: number; validate?: boolean }): Promise<Engine> {
  const engine = await engineOf([...app({ account }), exampleApp[1]!], options);
  await value(engine, "account:open", { planId });
  return engine;
}

/** As an app would: a conflict that lasts is tried anew, with the same key. */
async function decided(engine: Engine, name: string, args: Record<string, Value>) {
  for (;;) {
    const outcome = await call(engine, name, args);
    if (outcome.ok || !outcome.errorMessage.includes(CONFLICT)) return outcome;
  }
}

interface Result {
  succeeded: number;
  refused: number;
  /** Whose error is not one of ours. */
  broken: number;
  usage: number;
  rows: number;
  conflicts: number;
}

async function inParallel(
  engine: Engine,
  name: string,
  calls: { value: number; key: string }[],
): Promise<Result> {
  const outcomes = await Promise.all(calls.map((args) => decided(engine, name, args)));
  return await resultOf(
    engine,
    outcomes.map((outcome) =>
      outcome.ok ? "succeeded" : ((outcome.errorData as { kind?: string } | undefined)?.kind ?? "other"),
    ),
  );
}

async function resultOf(engine: Engine, kinds: string[]): Promise<Result> {
  const { usage } = (await value(engine, "account:balance")) as { usage: number };
  const rows = (await value(engine, "account:rows")) as { value: number }[];
  return {
    succeeded: kinds.filter((kind) => kind === "succeeded").length,
    refused: kinds.filter((kind) => kind === "usage_exceeded").length,
    broken: kinds.filter((kind) => kind !== "succeeded" && kind !== "usage_exceeded").length,
    usage,
    rows: rows.reduce((sum, row) => sum + row.value, 0),
    conflicts: engine.concurrency.conflicts,
  };
}

const calls = (times: number, value: number, keyOf: (i: number) => number = (i) => i) =>
  Array.from({ length: times }, (_, i) => ({ value, key: `key ${keyOf(i)}` }));

/** Each in one engine, so that it can be run with and without validation. */
const scenarios = {
  "two hundred at once of 100": {
    exact: { succeeded: 100, refused: 100, broken: 0, usage: 100, rows: 100 },
    run: async (options: object) =>
      await inParallel(await opened("p100", options), "account:use", calls(200, 1)),
  },
  "twenty times 75 of 500": {
    exact: { succeeded: 6, refused: 14, broken: 0, usage: 450, rows: 450 },
    run: async (options: object) =>
      await inParallel(await opened("p500", options), "account:use", calls(20, 75)),
  },
  "forty uses, each asked for three times": {
    exact: { succeeded: 120, refused: 0, broken: 0, usage: 40, rows: 40 },
    run: async (options: object) =>
      await inParallel(
        await opened("p100", options),
        "account:use",
        calls(120, 1, (i) => i % 40),
      ),
  },
  "fifty through actions": {
    exact: { succeeded: 50, refused: 0, broken: 0, usage: 50, rows: 50 },
    run: async (options: object) =>
      await inParallel(await opened("p100", options), "account:useFromAction", calls(50, 1)),
  },
};

describe.each(Object.entries(scenarios))("%s", (_, { exact, run }) => {
  test.each([1, 2])("come out exact with seed %i, over conflicts", async (seed) => {
    const { conflicts, ...result } = await run({ seed });
    expect(result).toEqual(exact);
    expect(conflicts).toBeGreaterThan(0);
  });

  test("come out wrong when nothing is validated", async () => {
    const { conflicts, ...result } = await run({ seed: 1, validate: false });
    expect(conflicts).toBe(0);
    expect(result).not.toEqual(exact);
  });
});

test("jobs are tried until they commit", async () => {
  const engine = await opened("p100", { seed: 1 });
  await value(engine, "account:queue", { times: 80 });
  await expect
    .poll(async () => (await resultOf(engine, [])).rows, { timeout: 20_000, interval: 20 })
    .toBe(80);
  expect(await resultOf(engine, [])).toMatchObject({ usage: 80, rows: 80 });
  expect(engine.concurrency.conflicts).toBeGreaterThan(0);
  expect(engine.concurrency.exhausted).toBe(0);
});

test("a mutation that conflicts five times is given up, in Convex's words, and has changed nothing", async () => {
  const engine = await opened("p500", { seed: 1 });
  const outcomes = await Promise.all(calls(60, 1).map((args) => call(engine, "account:use", args)));
  const failed = outcomes.filter((outcome) => !outcome.ok);
  expect(failed.length).toBeGreaterThan(0);
  for (const outcome of failed) {
    expect(outcome).toMatchObject({
      errorMessage: expect.stringMatching(
        /Server Error\nDocuments read from or written to the "\w+" table changed while this mutation was being run and on every subsequent retry\. .* See https:\/\/docs\.convex\.dev\/error#1$/,
      ) as string,
    });
  }
  expect(engine.concurrency.exhausted).toBe(failed.length);
  expect(await resultOf(engine, [])).toMatchObject({ usage: 60 - failed.length, rows: 60 - failed.length });
});

test("the same seed gives the same run", async () => {
  const run = scenarios["twenty times 75 of 500"].run;
  const [once, again, other] = [await run({ seed: 7 }), await run({ seed: 7 }), await run({ seed: 8 })];
  expect(again).toEqual(once);
  expect(other.conflicts).not.toBe(once.conflicts);
});

test("what was committed is remembered while somebody has to be validated against it, and no longer", async () => {
  const refuse = () => {
    throw new Error("No function runs here.");
  };
  const runtime = await Runtime.start({ sync: refuse, async: refuse });
  const transactions = new Transactions(runtime, new Documents(), {
    turns: asTheyCome,
    validate: true,
    now: () => 0,
    lastTs: 0n,
    keep: () => {},
  });
  const remembered = () => (transactions as unknown as { history: unknown[] }).history.length;
  const commit = async (i: number) =>
    await transactions.mutate("caller", async (attempt) => {
      const after = { _id: `${i}notes`, _creationTime: i };
      attempt.alongside = [{ component: "", table: "notes", id: after._id, after }];
    });

  for (let i = 0; i < 10; i++) await commit(i);
  expect(remembered()).toBe(0);

  let [endFirst, endSecond] = [refuse, refuse] as (() => void)[];
  const first = transactions.mutate("caller", () => new Promise<void>((end) => (endFirst = end)));
  for (let i = 10; i < 20; i++) await commit(i);
  const second = transactions.mutate("caller", () => new Promise<void>((end) => (endSecond = end)));
  for (let i = 20; i < 25; i++) await commit(i);
  expect(remembered()).toBe(15);
  endFirst!();
  await first;
  expect(remembered()).toBe(5);
  endSecond!();
  await second;
  expect(remembered()).toBe(0);
});

test("without a seed, mutations that run at once come out exact as well", async () => {
  const engine = await opened("p500", {});
  expect(await inParallel(engine, "account:use", calls(20, 75))).toMatchObject({ succeeded: 6, usage: 450 });
  expect(
    (await engine.run({ kind: "query", componentPath: "", udfPath: "account:rows", args: {} }, admin)).ok,
  ).toBe(true);
});
