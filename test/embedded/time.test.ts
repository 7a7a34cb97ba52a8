import {
  actionGeneric,
  cronJobs,
  defineSchema,
  defineTable,
  makeFunctionReference,
  mutationGeneric,
  queryGeneric,
} from "convex/server";
import { v } from "convex/values";
import { afterEach, expect, test, vi } from "vitest";
import type { Engine } from "../../example/embedded/engine.js";
import { app, call, closeAll, engineOf, exampleApp, user, value } from "./deployed.js";

afterEach(closeAll);

const DAY = 86_400_000;
const schema = defineSchema({ runs: defineTable({ name: v.string(), at: v.number() }) });
const note = makeFunctionReference<"mutation", { name: string }>("runs:note");
const act = makeFunctionReference<"action", { name: string }>("runs:act");
const runs = {
  note: mutationGeneric({
    args: { name: v.string() },
    handler: async (ctx, { name }) => void (await ctx.db.insert("runs", { name, at: Date.now() })),
  }),
  act: actionGeneric(async (ctx, { name }: { name: string }) => {
    await ctx.runMutation(note, { name });
    if (name === "failing") throw new Error("This one fails.");
  }),
  fail: mutationGeneric(async (ctx) => {
    await ctx.db.insert("runs", { name: "never", at: 0 });
    throw new Error("This one fails.");
  }),
  later: mutationGeneric(
    async (ctx, { ms, name, acting }: { ms: number; name: string; acting?: boolean }) =>
      await ctx.scheduler.runAfter(ms, acting ? act : note, { name }),
  ),
  laterFailing: mutationGeneric(
    async (ctx) => await ctx.scheduler.runAfter(0, makeFunctionReference<"mutation">("runs:fail")),
  ),
  laterFromAction: actionGeneric(async (ctx) => {
    await ctx.scheduler.runAfter(1_000, note, { name: "kept" });
    const id = await ctx.scheduler.runAfter(1_000, note, { name: "called off" });
    await ctx.scheduler.cancel(id);
  }),
  cancel: mutationGeneric(async (ctx, { id }: { id: string }) => await ctx.scheduler.cancel(id as never)),
  state: queryGeneric(
    async (ctx, { id }: { id: string }) =>
      ((await ctx.db.system.get(id as never)) as { state: unknown } | null)?.state ?? null,
  ),
  list: queryGeneric(async (ctx) => await ctx.db.query("runs").collect()),
};

async function ran(engine: Engine, name?: string): Promise<{ name: string; at: number }[]> {
  const all = (await value(engine, "runs:list")) as { name: string; at: number }[];
  return all.filter((run) => name === undefined || run.name === name);
}

test("a job 30 days off runs on its day", async () => {
  const engine = await engineOf(app({ runs }, schema));
  const start = engine.now();
  await value(engine, "runs:later", { ms: 30 * DAY, name: "invoice" });
  await engine.advance(29 * DAY);
  expect(await ran(engine)).toEqual([]);
  await engine.advance(2 * DAY);
  const [run] = await ran(engine);
  expect(run!.at - start).toBeGreaterThanOrEqual(30 * DAY);
  expect(run!.at - start).toBeLessThan(30 * DAY + 1_000);
});

test("jobs run in the order of their times, also those that jobs schedule", async () => {
  const engine = await engineOf(app({ runs }, schema));
  await value(engine, "runs:later", { ms: 3_000, name: "third" });
  await value(engine, "runs:later", { ms: 1_000, name: "first", acting: true });
  await value(engine, "runs:laterFromAction");
  await value(engine, "runs:later", { ms: 2_000, name: "second" });
  await engine.advance(10_000);
  expect((await ran(engine)).map(({ name }) => name)).toEqual(["first", "kept", "second", "third"]);
});

test("a job runs in real time", async () => {
  const engine = await engineOf(app({ runs }, schema));
  const start = engine.now();
  await value(engine, "runs:later", { ms: 50, name: "soon" });
  expect(await ran(engine)).toEqual([]);
  await vi.waitFor(async () => expect(await ran(engine)).toHaveLength(1), { timeout: 5_000, interval: 5 });
  expect((await ran(engine))[0]!.at - start).toBeGreaterThanOrEqual(50);
});

test("a job's state tells what became of it", async () => {
  const engine = await engineOf(app({ runs }, schema));
  const done = await value(engine, "runs:later", { ms: 5_000, name: "x" });
  const acted = await value(engine, "runs:later", { ms: 5_000, name: "failing", acting: true });
  const off = await value(engine, "runs:later", { ms: 5_000, name: "never" });
  const failed = await value(engine, "runs:laterFailing");
  await value(engine, "runs:cancel", { id: off });
  const stateOf = async (id: unknown) => await value(engine, "runs:state", { id: id as string });
  expect(await stateOf(done)).toEqual({ kind: "pending" });
  await engine.advance(10_000);
  expect(await stateOf(done)).toEqual({ kind: "success" });
  expect(await stateOf(off)).toEqual({ kind: "canceled" });
  const failure = { kind: "failed", error: expect.stringContaining("This one fails.") as string };
  expect(await stateOf(failed)).toEqual(failure);
  expect(await stateOf(acted)).toEqual(failure);
  // Over is over.
  await value(engine, "runs:cancel", { id: done });
  expect(await stateOf(done)).toEqual({ kind: "success" });
  expect((await ran(engine)).map(({ name }) => name)).toEqual(["x", "failing"]);

  await engine.advance(8 * DAY);
  expect(engine.documents("", "_scheduled_functions")).toEqual([]);
});

test("crons run at their times, an interval first of all at the deploy", async () => {
  const crons = cronJobs();
  crons.interval("hourly", { hours: 1 }, note, { name: "interval" });
  crons.monthly("monthly", { day: 1, hourUTC: 6, minuteUTC: 30 }, note, { name: "monthly" });
  crons.weekly("weekly", { dayOfWeek: "monday", hourUTC: 9, minuteUTC: 0 }, note, { name: "weekly" });
  crons.cron("workdays", "0 12 * * 1-5", act, { name: "workdays" });
  const part = cronJobs();
  part.daily("daily", { hourUTC: 0, minuteUTC: 0 }, note, { name: "daily" });
  const engine = await engineOf([
    ...app({ runs, crons: { default: crons } }, schema),
    {
      path: "part",
      schema,
      modules: new Map([
        ["runs", runs],
        ["crons", { default: part }],
      ] as never),
    },
  ]);
  await engine.advance(0);
  expect((await ran(engine)).map(({ name }) => name)).toEqual(["interval"]);

  await engine.advance(365 * DAY);
  const monthly = (await ran(engine, "monthly")).map(({ at }) => new Date(at).toISOString().slice(8, 16));
  expect(monthly).toEqual(Array<string>(12).fill("01T06:30"));
  const weekly = (await ran(engine, "weekly")).map(({ at }) => new Date(at).getUTCDay());
  expect([weekly.length, new Set(weekly)]).toEqual([52, new Set([1])]);
  const workdays = (await ran(engine, "workdays")).map(({ at }) => new Date(at).getUTCDay());
  expect(workdays.every((day) => day >= 1 && day <= 5)).toBe(true);
  expect(workdays.length).toBeGreaterThanOrEqual(260);
  const inPart = (await value(engine, "runs:list@part")) as { at: number }[];
  expect(inPart.map(({ at }) => new Date(at).toISOString().slice(11, 16))).toEqual(
    Array<string>(365).fill("00:00"),
  );

  // A deploy without a cron ends it, and what has not changed keeps its time.
  const rest = cronJobs();
  rest.monthly("monthly", { day: 1, hourUTC: 6, minuteUTC: 30 }, note, { name: "monthly" });
  engine.deploy(app({ runs, crons: { default: rest } }, schema));
  const intervals = (await ran(engine, "interval")).length;
  await engine.advance(31 * DAY);
  expect((await ran(engine, "interval")).length).toBe(intervals);
  expect((await ran(engine, "monthly")).length).toBe(13);
});

test("a billing year: each month's allowance comes on its day, and credits are carried over", async () => {
  const engine = await engineOf(exampleApp);
  const ann = user("ann");
  const usage = async () =>
    (await value(engine, "usage:getUsage", { featureId: "messages" }, ann)) as {
      used: number;
      remaining: number;
      resetsAt: number;
    };
  await value(engine, "credits:setPlan", { userId: "ann", planId: "pro" });
  const months = [];
  for (let month = 1; month <= 12; month++) {
    for (let i = 0; i < month; i++) await value(engine, "chat:send", { text: `${month}.${i}` }, ann);
    const { used, remaining, resetsAt } = await usage();
    months.push([used, remaining]);
    await engine.advance(resetsAt - engine.now() - 60_000);
    expect((await usage()).used).toBe(month);
    await engine.advance(120_000);
    expect(await usage()).toMatchObject({ used: 0, remaining: 500 });
  }
  expect(months).toEqual(Array.from({ length: 12 }, (_, i) => [i + 1, 499 - i]));
  const days = (engine.now() - Date.now()) / DAY;
  expect(days).toBeGreaterThan(364);
  expect(days).toBeLessThan(367);
  expect(await call(engine, "chat:send", { text: "" }, ann)).toMatchObject({ ok: false });
});

test("time moves forward only", async () => {
  const engine = await engineOf(app({ runs }, schema));
  await expect(engine.advance(-1)).rejects.toThrow("Time moves forward by milliseconds, not by -1.");
  await expect(engine.advance(NaN)).rejects.toThrow("not by NaN");
});
