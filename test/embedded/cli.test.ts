import { beforeAll, describe, expect, test } from "vitest";
import { runCli, startCli, stopCli } from "../../example/embedded/cli.js";
import { counters, environment } from "./fixture.js";
import {
  change,
  eventually,
  httpClient,
  liveClient,
  newProject,
  PUSH,
  serve,
  start,
  watch,
  type Served,
} from "./serving.js";

/** Each run of the CLI takes a second or more. */
const SLOW = { timeout: 120_000 };

const answering = (text: string) => `
import { queryGeneric as query } from "convex/server";
export const get = query({ args: {}, handler: async () => "${text}" });
`;

let served: Served;

beforeAll(async () => {
  served = await serve();
});

describe("the CLI", SLOW, () => {
  test("runs functions: internal ones, a component's, and in the name of a user", async () => {
    await httpClient(served).mutation(counters.add, { name: "run", amount: 5 });
    expect(await run("run", "counters:reset", `{"name":"run"}`)).toContain("reset");
    expect(await httpClient(served).query(counters.get, { name: "run" })).toBe(0);

    await run("run", "--component", "shelf", "books:put", `{"title":"Emma"}`);
    expect(await run("run", "--component", "shelf", "books:titles")).toContain("Emma");

    const ann = JSON.stringify({ subject: "ann", issuer: "https://x" });
    expect(await run("run", "--identity", ann, "notes:identity")).toContain(`"https://x|ann"`);
    expect(await fail("run", "nowhere:nothing")).toMatch(/Could not find function[^]*counters:add/);
  });

  test("shows what is stored, and what is deployed", async () => {
    await httpClient(served).mutation(counters.add, { name: "shown", amount: 5 });
    const [tables, documents, described] = await Promise.all([
      run("data"),
      run("data", "counters", "--format", "jsonLines"),
      run("function-spec"),
    ]);
    expect(tables).toContain("counters");
    expect(documents).toMatch(/"name": "shown", "value": 5/);
    const spec = JSON.parse(described) as { url: string; functions: object[] };
    expect(spec.url).toBe(served.url);
    expect(spec.functions).toContainEqual({
      identifier: "counters.js:reset",
      functionType: "Mutation",
      visibility: { kind: "internal" },
      args: {
        type: "object",
        value: { name: { fieldType: { type: "string" }, optional: false } },
      },
      returns: { type: "any" },
    });
  });

  test("sets environment variables, which the code that is deployed sees at once", async () => {
    await run("env", "set", "GREETING", "servus");
    const client = httpClient(served);
    expect(await client.query(environment.atLoading, {})).toEqual({ GREETING: "servus" });
    expect(await client.query(environment.inHandler, {})).toEqual({ GREETING: "servus" });
    await run("env", "remove", "GREETING");
    expect(await client.query(environment.atLoading, {})).toEqual({});
    // auth.config.ts needs it.
    expect(await fail("env", "remove", "AUTH_JWKS")).toMatch(/variable AUTH_JWKS is used in auth config/);
    expect(await run("env", "list")).toContain("AUTH_JWKS=data:");
  });

  test("with another admin key does nothing", async () => {
    const target = { url: served.url, adminKey: "embedded|wrong" };
    const attempts = [PUSH, ["run", "counters:reset", `{"name":"x"}`], ["env", "list"], ["data"]];
    const results = await Promise.all(attempts.map((args) => runCli(served.project, target, args)));
    expect(results.map(({ succeeded }) => succeeded)).toEqual([false, false, false, false]);
  });
});

describe("`convex dev`", SLOW, () => {
  test("--once pushes, and ends", async () => {
    const deployment = await start();
    const once = ["dev", "--once", "--tail-logs", "disable", "--typecheck", "disable"];
    const { succeeded, output } = await runCli(
      newProject({ "notes.ts": answering("once") }),
      deployment,
      once,
    );
    expect(succeeded, output).toBe(true);
    expect(await httpClient(deployment).query("notes:get" as never)).toBe("once");
  });

  test("pushes again when a file changes, and live queries show it", async () => {
    const deployment = await start();
    const project = newProject({ "notes.ts": answering("old") });
    const dev = startCli(project, deployment, ["dev", "--tail-logs", "disable", "--typecheck", "disable"]);
    let printed = "";
    dev.stderr?.on("data", (text) => (printed += String(text)));
    try {
      await eventually(() => expect(printed).toContain("Convex functions ready!"));
      const live = watch<string>(liveClient(deployment), "notes:get" as never);
      await eventually(() => expect(live.values).toEqual(["old"]));
      change(project, { "notes.ts": answering("new") });
      await eventually(() => expect(live.values).toEqual(["old", "new"]));
    } finally {
      stopCli(dev);
    }
  });
});

/** @returns what the CLI printed */
async function run(...args: string[]): Promise<string> {
  const { succeeded, output } = await runCli(served.project, served, args);
  expect(succeeded, output).toBe(true);
  return output;
}

async function fail(...args: string[]): Promise<string> {
  const { succeeded, output } = await runCli(served.project, served, args);
  expect(succeeded, output).toBe(false);
  return output;
}
