import { spawn, type ChildProcess } from "node:child_process";
import { once } from "node:events";
import fs from "node:fs";
import { connect, createServer, type AddressInfo } from "node:net";
import path from "node:path";
import { afterEach, describe, expect, test, vi } from "vitest";
import { startDeployment } from "../../example/embedded/server.js";
import { signingKeyIn, signToken } from "../../example/embedded/keys.js";
import { counters, environment, notes } from "./fixture.js";
import { eventually, httpClient, liveClient, newProject, start } from "./serving.js";

const command = path.resolve(import.meta.dirname, "../../example/embedded/run.mjs");
const SLOW = { timeout: 120_000 };

interface Run {
  child: ChildProcess;
  printed: () => string;
  exited: Promise<number | null>;
}

const runs: Run[] = [];

afterEach(() => {
  for (const { child } of runs.splice(0)) child.kill("SIGKILL");
});

describe("`npm run embedded`", SLOW, () => {
  test("says what it is, serves the app, and stops without leaving anything", async () => {
    const project = newProject();
    const before = filesOf(project);
    const run = embedded(project, ["--ephemeral"], {
      TALLY_SECRET_KEY: "sk_demo",
      GREETING: "not passed on",
    });
    const { url, siteUrl, keys } = await ready(run);

    const [first = ""] = run.printed().split("\n");
    expect(first).toMatch(/development stand-in.*not Convex/);
    expect(run.printed()).toContain("sk_demo");
    const client = httpClient({ url }, await signToken(await signingKeyIn(keys), "ann"));
    expect(await client.query(notes.mine, {})).toEqual({ author: "ann", texts: [] });
    expect(await client.query(environment.inHandler, {})).toEqual({});
    expect(await liveClient({ url }).mutation(counters.add, { name: "x", amount: 1 })).toBe(1);
    expect((await fetch(`${siteUrl}/nowhere`)).status).toBe(404);

    run.child.kill("SIGTERM");
    expect(await run.exited).toBe(0);
    await expect(fetch(url)).rejects.toThrow();
    expect(filesOf(project)).toEqual(before);
    expect(fs.existsSync(keys)).toBe(false);
    expect(processesOf(project)).toEqual([]);
  });

  test("outlives what deployed code leaves behind", async () => {
    const run = embedded(newProject(), ["--ephemeral"]);
    const client = httpClient(await ready(run));
    await client.action(counters.forget, {});
    await eventually(() => expect(run.printed()).toMatch(/forgotten[^]*late/));
    expect(await client.mutation(counters.add, { name: "on", amount: 1 })).toBe(1);
  });

  test("keeps what was committed when it is killed, and goes on from there", async () => {
    const project = newProject();
    const first = embedded(project, []);
    const { url } = await ready(first);
    await httpClient({ url }).mutation(counters.add, { name: "kept", amount: 7 });
    const adminKey = fs.readFileSync(path.join(project, ".embedded/admin-key"), "utf8");
    first.child.kill("SIGKILL");
    await first.exited;

    const second = embedded(project, []);
    const again = await ready(second);
    const client = httpClient(again);
    expect(await client.query(counters.get, { name: "kept" })).toBe(7);
    expect(await client.mutation(counters.add, { name: "kept", amount: 1 })).toBe(8);
    expect(fs.readFileSync(path.join(project, ".embedded/admin-key"), "utf8")).toBe(adminKey);
  });

  test("stopped while it pushes, leaves no CLI behind", async () => {
    const project = newProject();
    const run = embedded(project, ["--ephemeral"]);
    await eventually(() => expect(processesOf(project)).not.toEqual([]));
    run.child.kill("SIGINT");
    expect(await run.exited).toBe(0);
    // By itself the CLI would give up only after asking for the deployment many times.
    await vi.waitFor(() => expect(processesOf(project)).toEqual([]), { timeout: 500 });
  });

  test("stops with the npm that started it", async () => {
    const repository = path.resolve(import.meta.dirname, "../..");
    const args = ["run", "embedded", "--", "--ephemeral", "--port", "0", "--site-port", "0"];
    const run = running(repository, "npm", args, {});
    const { url } = await ready(run);
    run.child.kill("SIGTERM");
    await run.exited;
    await eventually(() => expect(fetch(url)).rejects.toThrow());
  });

  test("fails when the app cannot be deployed", async () => {
    const project = newProject({ "broken.ts": `throw new Error("not today");\nexport {};\n` });
    const run = embedded(project, ["--ephemeral"]);
    expect(await run.exited).toBe(1);
    expect(run.printed()).toMatch(/Uncaught Error: not today\s+at .*\.\.\/convex\/broken\.ts:1:7/);
    expect(run.printed()).toContain("could not be deployed");
  });

  test("says which port is taken", async () => {
    const holder = createServer().listen(0, "127.0.0.1");
    await once(holder, "listening");
    const { port } = holder.address() as AddressInfo;
    for (const flag of ["--port", "--site-port"]) {
      const run = embedded(newProject(), ["--ephemeral", flag, String(port)]);
      expect(await run.exited).toBe(1);
      expect(run.printed()).toContain(`Port ${port} is taken`);
    }
    holder.close();
  });
});

describe("a deployment", () => {
  test("does not start without an admin key", async () => {
    const options = { port: 0, sitePort: 0, dataDir: null, adminKey: "" };
    await expect(startDeployment(options)).rejects.toThrow(/does not start without an admin key/);
  });

  test("is on 127.0.0.1 and on no other address", async () => {
    const { url, siteUrl } = await start();
    for (const { port } of [new URL(url), new URL(siteUrl)]) {
      expect(await connects("127.0.0.1", Number(port))).toBe(true);
      expect(await connects("127.0.0.2", Number(port))).toBe(false);
    }
  });
});

describe("`npm run codegen`", SLOW, () => {
  test("writes what is missing or stale, and tells of it when it only checks", async () => {
    const project = newProject();
    const check = () => codegen(project, "--check");

    expect(await check()).toMatchObject({
      code: 1,
      printed: expect.stringContaining("missing: convex/_generated/api.d.ts"),
    });
    expect(fs.existsSync(path.join(project, "convex/_generated"))).toBe(false);
    expect((await codegen(project)).code).toBe(0);
    expect(fs.readFileSync(path.join(project, "convex/_generated/api.d.ts"), "utf8")).toContain("counters");
    fs.appendFileSync(path.join(project, "convex/_generated/server.js"), "// by hand\n");
    expect(await check()).toEqual({
      code: 1,
      printed: "stale: convex/_generated/server.js\nGenerated code is out of date: run `npm run codegen`.\n",
    });
  });

  test("that fails leaves the project as it was, and names its files", async () => {
    const project = newProject({ "broken.ts": `\n\nthrow new Error("not today");\nexport {};\n` });
    const before = filesOf(project);
    const { code, printed } = await codegen(project);
    expect(code).toBe(1);
    expect(printed).toContain(`${project}/convex/broken.ts:3:7`);
    expect(filesOf(project)).toEqual(before);
    expect(processesOf(project)).toEqual([]);
  });
});

function embedded(project: string, args: string[], env: Record<string, string> = {}): Run {
  const ports = ["port", "site-port"].flatMap((name) =>
    args.includes(`--${name}`) ? [] : [`--${name}`, "0"],
  );
  return running(project, process.execPath, [command, "main", ...ports, ...args], env);
}

async function codegen(
  project: string,
  ...args: string[]
): Promise<{ code: number | null; printed: string }> {
  const { exited, printed } = running(project, process.execPath, [command, "codegen", ...args], {});
  return { code: await exited, printed: printed() };
}

function running(project: string, program: string, args: string[], env: Record<string, string>): Run {
  const child = spawn(program, args, {
    cwd: project,
    env: { ...process.env, ...env },
  });
  let printed = "";
  for (const stream of [child.stdout, child.stderr]) stream.on("data", (text) => (printed += String(text)));
  const exited = once(child, "close").then(([code]) => code as number | null);
  const run = { child, printed: () => printed, exited };
  runs.push(run);
  return run;
}

async function ready({ printed, exited }: Run) {
  await Promise.race([
    vi.waitFor(() => expect(printed()).toContain("Ready"), { timeout: 60_000 }),
    exited.then((code) => expect.fail(`ended with ${code}:\n${printed()}`)),
  ]);
  const after = (label: string) => new RegExp(`${label}: +(\\S+)`).exec(printed())?.[1] ?? "";
  return { url: after("Functions"), siteUrl: after("HTTP actions"), keys: after("Keys") };
}

function filesOf(project: string): Record<string, string> {
  const files = fs.readdirSync(project, { recursive: true, withFileTypes: true });
  return Object.fromEntries(
    files
      .filter((file) => file.isFile())
      .map((file) => path.join(file.parentPath, file.name))
      .map((file) => [file, fs.readFileSync(file, "utf8")]),
  );
}

/** Command lines of what runs from the project's packages, such as the CLI. */
function processesOf(project: string): string[] {
  return fs
    .readdirSync("/proc")
    .filter((name) => /^\d+$/.test(name))
    .map((pid) => {
      try {
        return fs.readFileSync(`/proc/${pid}/cmdline`, "utf8").replaceAll("\0", " ");
      } catch {
        return "";
      }
    })
    .filter((line) => line.includes(project));
}

function connects(host: string, port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect({ host, port });
    socket.on("connect", () => resolve(true)).on("error", () => resolve(false));
    socket.on("connect", () => socket.destroy());
  });
}
