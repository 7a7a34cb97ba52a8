import { beforeAll, describe, expect, test } from "vitest";
import { runCli } from "../../example/embedded/cli.js";
import type { RunningDeployment } from "../../example/embedded/server.js";
import { counters } from "./fixture.js";
import { httpClient, newProject, PUSH, serve, start, type Served } from "./serving.js";

const OTHER_NOTES = `
import { queryGeneric as query } from "convex/server";
export const get = query({ args: {}, handler: async () => "new" });
`;

let served: Served;

beforeAll(async () => {
  served = await serve();
});

describe("a push is refused", { timeout: 120_000 }, () => {
  const refusals: Record<string, [changes: Record<string, string>, words: RegExp]> = {
    "when a module throws as it is loaded": [
      { "broken.ts": `const limits = undefined as unknown as { a: number };\nexport const a = limits.a;\n` },
      /Hit an error while pushing:\s+Loading the pushed modules encountered the following\s+error:\s+Failed to analyze broken\.js: Uncaught TypeError: Cannot read properties of undefined \(reading 'a'\)/,
    ],
    "when a module waits at the top level": [
      { "waiting.ts": `export const a = await Promise.resolve(1);\n` },
      /Failed to analyze waiting\.js: Top-level awaits in source files are unsupported/,
    ],
    "when stored documents violate the new schema": [
      {
        "schema.ts": `
import { defineSchema, defineTable } from "convex/server";
import { v } from "convex/values";
export default defineSchema({
  counters: defineTable({ name: v.string(), value: v.string() }).index("by_name", ["name"]),
});`,
      },
      /Schema validation failed\.\s+Document with ID "\w+" in table "counters" does not match the schema: /,
    ],
    "when the schema reads the environment": [
      {
        "schema.ts": `
import { defineSchema } from "convex/server";
export default defineSchema(process.env.STRICT ? {} : {});`,
      },
      /Hit an error while evaluating your schema:\s+.*Environment variables unsupported when evaluating schema/,
    ],
    "when auth.config.ts reads a variable that is not set": [
      {
        "auth.config.ts": `
export default { providers: [{ domain: process.env.LOGIN_DOMAIN, applicationID: "tally" }] };`,
      },
      /Environment variable LOGIN_DOMAIN is used in auth config file but its value was not set/,
    ],
  };

  test.concurrent.each(Object.entries(refusals))(
    "%s, and the old code goes on",
    async (when, [changes, words]) => {
      const client = httpClient(served);
      expect(await client.mutation(counters.add, { name: when, amount: 1 })).toBe(1);
      const project = newProject({ ...changes, "notes.ts": OTHER_NOTES });
      const { succeeded, output } = await runCli(project, served, PUSH);
      expect(succeeded).toBe(false);
      expect(output).toMatch(words);
      expect(await client.mutation(counters.add, { name: when, amount: 1 })).toBe(2);
      await expect(client.query("notes:get" as never, {})).rejects.toThrow(/Could not find public function/);
    },
  );

  test("when another push came between its start and its end", async () => {
    const deployment = await start();
    const push = { functions: "convex/", dryRun: false, appDefinition: EMPTY_APP, componentDefinitions: [] };
    const first = await step(deployment, "start_push", push);
    const second = await step(deployment, "start_push", push);
    expect(await step(deployment, "wait_for_schema", first)).toEqual({ type: "raceDetected" });
    expect(await step(deployment, "finish_push", { startPush: first, dryRun: false })).toMatchObject({
      code: "RaceDetected",
    });
    expect(await step(deployment, "wait_for_schema", second)).toEqual({ type: "complete" });
    expect(await step(deployment, "finish_push", { startPush: second, dryRun: false })).toMatchObject({
      componentDiffs: { "": { diffType: { type: "create" } } },
    });
  });

  const EMPTY_APP = { definition: null, dependencies: [], schema: null, changedModules: [] };

  async function step({ url, adminKey }: RunningDeployment, name: string, body: object): Promise<object> {
    const answer = await fetch(`${url}/api/deploy2/${name}`, {
      method: "POST",
      body: JSON.stringify({ ...body, adminKey }),
    });
    return (await answer.json()) as object;
  }
});
