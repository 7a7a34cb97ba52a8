/** The `atmn` CLI, as a process in a project of its own. */
import { spawn } from "node:child_process";
import { once } from "node:events";
import fs from "node:fs";
import path from "node:path";
import { expect } from "vitest";
import { temporaryFolder } from "../../example/embedded/temporary-folder.js";
import { connect, versionOf } from "./autumnJs.js";
import type { Case } from "./cases.js";
import { SECRET, type World } from "./deployed.js";

export const client = `atmn ${versionOf("atmn")}`;

const packages = path.resolve(import.meta.dirname, "../../node_modules");

interface Project {
  config: string;
  run(...args: string[]): Promise<{ succeeded: boolean; output: string }>;
}

function projectAt({ url }: World): Project {
  const folder = temporaryFolder("atmn");
  fs.writeFileSync(
    path.join(folder, "package.json"),
    `{ "type": "module", "dependencies": { "atmn": "*" } }`,
  );
  fs.symlinkSync(packages, path.join(folder, "node_modules"), "dir");
  return {
    config: path.join(folder, "autumn.config.ts"),
    run: async (...args) => {
      const child = spawn(process.execPath, [path.join(packages, "atmn/dist/cli.js"), ...args], {
        cwd: folder,
        env: {
          PATH: process.env.PATH,
          HOME: folder,
          CI: "1",
          NO_COLOR: "1",
          AUTUMN_SECRET_KEY: SECRET,
          ATMN_BACKEND_URL: url,
        },
        stdio: ["ignore", "pipe", "pipe"],
        timeout: 60_000,
      });
      let output = "";
      for (const stream of [child.stdout, child.stderr]) {
        stream.setEncoding("utf8").on("data", (text: string) => (output += text));
      }
      const [exitCode] = (await once(child, "close")) as [number | null];
      return { succeeded: exitCode === 0, output };
    },
  };
}

async function pulled(world: World): Promise<Project> {
  const project = projectAt(world);
  const { succeeded, output } = await project.run("--headless", "pull", "--force");
  expect(succeeded, output).toBe(true);
  return project;
}

const case_ = (method: string, run: Case["run"]): Case => ({ client, method, result: "works", run });

export const cases: readonly Case[] = [
  case_("env", async (world) => {
    const { succeeded, output } = await projectAt(world).run("--headless", "env");
    expect(succeeded, output).toBe(true);
  }),
  case_("pull", async (world) => {
    const config = fs.readFileSync((await pulled(world)).config, "utf8");
    expect(config).not.toContain("null'");
    for (const id of ["messages", "usd_credits", "pro", "api-call-pack-1000"])
      expect(config).toContain(`'${id}'`);
  }),
  case_("push, of the same config", async (world) => {
    const { succeeded, output } = await (await pulled(world)).run("--headless", "push", "--yes");
    expect(succeeded, output).toBe(true);
    expect(output).toMatch(/already in sync|no changes/i);
  }),
  {
    client,
    method: "push, of another config",
    result: "refused",
    why: "It says what differs and changes nothing: the catalog lives in code, so change it there, and deploy.",
    run: async (world) => {
      const project = await pulled(world);
      const before = await connect(world).plans.list();
      const config = fs.readFileSync(project.config, "utf8");
      const changed = config.replace(/included: 1000\b/, "included: 2000");
      expect(changed).not.toBe(config);
      fs.writeFileSync(project.config, changed);
      const { succeeded, output } = await project.run("--headless", "push", "--yes");
      expect(succeeded, output).toBe(false);
      // It is the server that says so, and of which plan.
      expect(output).toMatch(/catalog/i);
      expect(output).toContain("pro");
      expect(await connect(world).plans.list()).toEqual(before);
    },
  },
];
