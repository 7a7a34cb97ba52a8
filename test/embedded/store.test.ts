import { appendFileSync, cpSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
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
import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { app, call, closeAll, engineOf, exampleApp, user, value } from "./deployed.js";

const DAY = 86_400_000;
let dataDir: string;

beforeEach(() => {
  dataDir = mkdtempSync(join(tmpdir(), "tally-store-"));
});

afterEach(async () => {
  await closeAll();
  rmSync(dataDir, { recursive: true });
});

const note = makeFunctionReference<"mutation", { text: string }>("notes:add");
const stall = makeFunctionReference<"action">("notes:stall");
let stalled = 0;
const notes = {
  add: mutationGeneric(async (ctx, { text }: { text: string }) => await ctx.db.insert("notes", { text })),
  addTwo: mutationGeneric(async (ctx) => {
    await ctx.db.insert("notes", { text: "one" });
    await ctx.db.insert("notes", { text: "two" });
  }),
  remove: mutationGeneric(async (ctx, { id }: { id: string }) => await ctx.db.delete(id as never)),
  later: mutationGeneric(
    async (ctx, { ms }: { ms: number }) => await ctx.scheduler.runAfter(ms, note, { text: "later" }),
  ),
  stallLater: mutationGeneric(async (ctx) => await ctx.scheduler.runAfter(0, stall)),
  stall: actionGeneric(async () => {
    stalled++;
    await new Promise((done) => setTimeout(done, 200));
  }),
  list: queryGeneric(async (ctx) => (await ctx.db.query("notes").collect()).map(({ text }) => text)),
};
const schema = defineSchema({ notes: defineTable({ text: v.string() }) });
const notesApp = app({ notes }, schema);
const logOf = (directory: string) => join(directory, "deployment.jsonl");

test("a restart finds all as it was: documents, jobs, variables, the time and its own last commit", async () => {
  const first = await engineOf(exampleApp, { dataDir });
  const ann = user("ann");
  await value(first, "chat:send", { text: "Hello" }, ann);
  await first.advance(3 * DAY);
  first.env.set("SECRET", "s3");
  first.env.set("GONE", "soon");
  first.env.delete("GONE");
  const [now, lastTs] = [first.now(), first.lastTs()];
  await first.close();

  const second = await engineOf(exampleApp, { dataDir });
  expect(await value(second, "chat:list", {}, ann)).toMatchObject([{ author: "user", text: "Hello" }]);
  expect(await value(second, "usage:getUsage", { featureId: "messages" }, ann)).toMatchObject({ used: 1 });
  expect(Object.fromEntries(second.env)).toEqual({ SECRET: "s3" });
  expect(second.now() - now).toBeLessThan(60_000);
  expect(second.now()).toBeGreaterThanOrEqual(now);
  expect(second.lastTs()).toBeGreaterThan(lastTs);
});

test("a job outlives a crash, and a mutation runs once", async () => {
  const first = await engineOf(notesApp, { dataDir });
  await value(first, "notes:later", { ms: DAY });
  // As a crash leaves it: nothing is closed.
  const crashed = `${dataDir}-crashed`;
  cpSync(dataDir, crashed, { recursive: true });
  rmSync(join(crashed, "deployment.lock"));
  const second = await engineOf(notesApp, { dataDir: crashed });
  expect(await value(second, "notes:list")).toEqual([]);
  await second.advance(2 * DAY);
  expect(await value(second, "notes:list")).toEqual(["later"]);
  await second.close();
  const third = await engineOf(notesApp, { dataDir: crashed });
  await third.advance(2 * DAY);
  expect(await value(third, "notes:list")).toEqual(["later"]);
  await third.close();
  rmSync(crashed, { recursive: true });
});

test("an action that was running at a crash has failed, and does not run again", async () => {
  stalled = 0;
  const first = await engineOf(notesApp, { dataDir });
  await value(first, "notes:stallLater");
  await vi.waitFor(() => expect(stalled).toBe(1), { timeout: 5_000, interval: 5 });
  const crashed = `${dataDir}-crashed`;
  cpSync(dataDir, crashed, { recursive: true });
  rmSync(join(crashed, "deployment.lock"));
  const second = await engineOf(notesApp, { dataDir: crashed });
  await second.advance(1_000);
  expect(stalled).toBe(1);
  expect(second.documents("", "_scheduled_functions")).toMatchObject([
    { state: { kind: "failed", error: "Transient error while executing action" } },
  ]);
  await second.close();
  rmSync(crashed, { recursive: true });
});

test("a cron that was missed while the deployment was down runs once it is up", async () => {
  const crons = cronJobs();
  crons.interval("often", { hours: 2 }, note, { text: "cron" });
  const withCrons = app({ notes, crons: { default: crons } }, schema);
  const first = await engineOf(withCrons, { dataDir });
  await first.advance(1_000);
  await first.close();
  const second = await engineOf(withCrons, { dataDir });
  await second.advance(1_000);
  expect(await value(second, "notes:list")).toEqual(["cron"]);
  await second.close();
  appendFileSync(logOf(dataDir), JSON.stringify({ clockOffset: 10 * DAY }) + "\n");
  const third = await engineOf(withCrons, { dataDir });
  await third.advance(1_000);
  expect(await value(third, "notes:list")).toEqual(["cron", "cron"]);
});

test("a last line that a crash has cut off is a commit that did not happen", async () => {
  const first = await engineOf(notesApp, { dataDir });
  await value(first, "notes:add", { text: "whole" });
  await value(first, "notes:addTwo");
  await first.close();
  const text = readFileSync(logOf(dataDir), "utf8");
  writeFileSync(logOf(dataDir), text.slice(0, -20));
  const warn = vi.fn();
  const log = { debug: warn, error: warn, info: warn, log: warn, warn };
  const second = await engineOf(notesApp, { dataDir, log });
  expect(await value(second, "notes:list")).toEqual(["whole"]);
  expect(warn.mock.calls).toEqual([[expect.stringContaining("was cut off, as by a crash")]]);
  await value(second, "notes:add", { text: "after" });
  await second.close();
  expect(await value(await engineOf(notesApp, { dataDir }), "notes:list")).toEqual(["whole", "after"]);
});

test("a damaged line in the middle is refused, and the log stays as it is", async () => {
  const first = await engineOf(notesApp, { dataDir });
  await value(first, "notes:add", { text: "one" });
  await value(first, "notes:add", { text: "two" });
  await first.close();
  const lines = readFileSync(logOf(dataDir), "utf8").split("\n");
  const damaged = lines.findIndex((line) => line.includes('"one"'));
  lines[damaged] = lines[damaged]!.slice(0, 30);
  writeFileSync(logOf(dataDir), lines.join("\n"));
  await expect(engineOf(notesApp, { dataDir })).rejects.toThrow(
    new RegExp(
      `^Line ${damaged + 1} of .*deployment.jsonl is damaged: .* Nothing was changed. Restore the file`,
    ),
  );
  expect(readFileSync(logOf(dataDir), "utf8")).toBe(lines.join("\n"));
});

test("a start writes the log anew, without what is over", async () => {
  const first = await engineOf(notesApp, { dataDir });
  for (let i = 0; i < 50; i++) {
    const id = await value(first, "notes:add", { text: `note ${i}` });
    if (i > 0) await value(first, "notes:remove", { id });
  }
  await first.close();
  const before = readFileSync(logOf(dataDir), "utf8").length;
  const second = await engineOf(notesApp, { dataDir });
  expect(readFileSync(logOf(dataDir), "utf8").length).toBeLessThan(before / 10);
  expect(await value(second, "notes:list")).toEqual(["note 0"]);
  // An id that was given is never given again.
  expect(await value(second, "notes:add", { text: "new" })).toMatch(/^0+10050notes$/);
});

test("two engines do not write one log", async () => {
  const first = await engineOf(notesApp, { dataDir });
  await expect(engineOf(notesApp, { dataDir })).rejects.toThrow(`is in use by process ${process.pid}.`);
  await first.close();
  const second = await engineOf(notesApp, { dataDir });
  expect(await call(second, "notes:list")).toMatchObject({ ok: true });
});
