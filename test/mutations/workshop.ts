/** A copy of the project in which one rule at a time is broken, and tested. */
import { spawn, type ChildProcess } from "node:child_process";
import {
  cpSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join, relative } from "node:path";
import { listAt, objectAt } from "../oracle/parsing.js";
import type { Mutation } from "./mutations.js";

/** What the suites are made of. */
const COPIED = ["src", "convex", "test", "convex.json", "package.json", "tsconfig.json", "vitest.config.ts"];
/** This folder's test would notice every mutation; the others are no part of what is run. */
const LEFT_OUT = ["test/mutations", "test/package", "test/bench"];

/** What a run of suites came to: the first test that failed, null where none did, or why it is neither. */
export type Verdict =
  | { result: "killed"; suite: string; test: string }
  | { result: "survived" }
  | { result: "broken"; reason: string };

/** Long past the slowest suite: what takes longer does not end. */
const PATIENCE_MS = 10 * 60_000;

export class Workshop {
  private readonly folder = mkdtempSync(join(tmpdir(), "mutants-"));
  private running: ChildProcess | undefined;

  constructor(project: string) {
    for (const name of COPIED) {
      cpSync(join(project, name), join(this.folder, name), {
        recursive: true,
        filter: (path) => !LEFT_OUT.includes(relative(project, path)),
      });
    }
    // convex-test looks for the app's functions beside itself: it has to be in here, and no link.
    const packages = join(this.folder, "node_modules");
    mkdirSync(packages);
    for (const name of readdirSync(join(project, "node_modules"))) {
      const [from, to] = [join(project, "node_modules", name), join(packages, name)];
      if (name === "convex-test") cpSync(from, to, { recursive: true });
      else if (!name.startsWith(".")) symlinkSync(from, to);
    }
  }

  /** Runs `stages` of suites, one after the other, until a test fails. */
  async judge(stages: readonly (readonly string[])[]): Promise<Verdict> {
    for (const stage of stages) {
      const verdict = await this.run(stage);
      if (verdict.result !== "survived") return verdict;
    }
    return { result: "survived" };
  }

  /** As `judge`, with the mutation in the copy for so long. */
  async judgeMutation(
    { file, from, to }: Mutation,
    stages: readonly (readonly string[])[],
  ): Promise<Verdict> {
    const path = join(this.folder, file);
    const text = readFileSync(path, "utf8");
    if (text.split(from).length !== 2) return { result: "broken", reason: "its text is not there once" };
    writeFileSync(
      path,
      text.replace(from, () => to),
    );
    try {
      return await this.judge(stages);
    } finally {
      writeFileSync(path, text);
    }
  }

  /** Ends what runs in the copy, and removes it. */
  remove(): void {
    this.running?.kill("SIGKILL");
    rmSync(this.folder, { recursive: true, force: true });
  }

  private async run(suites: readonly string[]): Promise<Verdict> {
    const report = join(this.folder, "report.json");
    rmSync(report, { force: true });
    const { code, output } = await this.vitest([...suites, `--outputFile=${report}`]);
    if (code === 0) return { result: "survived" };
    try {
      return verdictOf(JSON.parse(readFileSync(report, "utf8")), this.folder) ?? broken(output);
    } catch {
      return broken(output);
    }
  }

  private vitest(args: readonly string[]): Promise<{ code: number | null; output: string }> {
    // Most tests are given time, since a busy machine is no reason to fail.
    const patience = ["--testTimeout=120000", "--hookTimeout=120000"];
    const options = ["run", "--bail=1", "--maxWorkers=1", "--reporter=json", ...patience, ...args];
    const child = spawn(process.execPath, ["node_modules/vitest/vitest.mjs", ...options], {
      cwd: this.folder,
      stdio: ["ignore", "pipe", "pipe"],
      timeout: PATIENCE_MS,
    });
    this.running = child;
    let output = "";
    child.stdout.on("data", (data) => (output += String(data)));
    child.stderr.on("data", (data) => (output += String(data)));
    return new Promise((resolve, reject) => {
      child.on("error", reject);
      child.on("close", (code) => resolve({ code, output }));
    });
  }
}

/** No test failed, and yet the run did: the mutation is no code, or does not end. */
const broken = (output: string): Verdict => ({
  result: "broken",
  reason: output.trim().split("\n").at(-1) || "it does not end",
});

/** The test that failed, by Vitest's report; one that ran out of its own time has noticed nothing. */
function verdictOf(report: unknown, folder: string): Verdict | null {
  for (const file of listAt(objectAt(report, "report").testResults, "testResults")) {
    const { name, assertionResults } = objectAt(file, "testResults");
    for (const test of listAt(assertionResults, "assertionResults")) {
      const { status, fullName, failureMessages } = objectAt(test, "assertionResults");
      if (status !== "failed") continue;
      if (/\btimed out in \d+ms/.test(String(failureMessages))) {
        return { result: "broken", reason: `${String(fullName)} timed out` };
      }
      return { result: "killed", suite: relative(folder, String(name)), test: String(fullName) };
    }
  }
  return null;
}
