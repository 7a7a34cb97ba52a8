import { execFile } from "node:child_process";
import fs from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { promisify } from "node:util";
import { publint } from "publint";
import { formatMessage } from "publint/utils";
import { afterAll, beforeAll, describe, expect, test } from "vitest";

const repository = path.resolve(import.meta.dirname, "../..");
const workspace = fs.mkdtempSync(path.join(tmpdir(), "convex-tally-"));
const app = path.join(workspace, "app");
const installed = path.join(app, "node_modules/convex-tally");

beforeAll(async () => {
  await installInApp(await pack());
});

afterAll(() => {
  fs.rmSync(workspace, { recursive: true, force: true });
});

describe("the published package", () => {
  test("holds its code, its licence and its readme, and nothing else", () => {
    const files = filesIn(installed);
    expect(files.filter((file) => !isExpected(file))).toEqual([]);
    expect(files).toContain("LICENSE");
  });

  test("keeps every promise of its package.json", async () => {
    const { messages, pkg } = await publint({
      pkgDir: installed,
      pack: false,
      strict: true,
    });
    const complaints = messages.map((message) => formatMessage(message, pkg));
    expect(complaints).toEqual([]);
  });
});

describe("an app that installs it", () => {
  beforeAll(async () => {
    await codegen(app);
  });

  test("gets the component's types under either spelling of its config", () => {
    const api = fs.readFileSync(path.join(app, "convex/_generated/api.d.ts"), "utf8");
    const types = `import("convex-tally/_generated/component.js").ComponentApi`;
    expect(api).toContain(`tally: ${types}<"tally">`);
    expect(api).toContain(`second: ${types}<"second">`);
  });

  test("typechecks", async () => {
    await run("node_modules/.bin/tsc", [], app);
  });

  test("runs, in its own test suite", async () => {
    await run("node_modules/.bin/vitest", ["run"], app);
  });
});

describe("the README's snippets, as an app that installs it", () => {
  const snippets = snippetsOf(fs.readFileSync(path.join(repository, "README.md"), "utf8"));
  const isFirstUse = ({ at }: Snippet) => at < 4;

  test("cover every block of code", () => {
    expect(snippets.filter(({ file }) => file === undefined)).toEqual([]);
    expect(
      snippets.filter(isFirstUse).reduce((lines, { code }) => lines + meaningfulLines(code), 0),
    ).toBeLessThan(40);
  });

  test("work as a first use", async () => {
    await buildApp("first-use", snippets.filter(isFirstUse), ["schema.ts", "first-use.test.ts"]);
  });

  test("work as recipes", async () => {
    await buildApp("recipes", snippets, ["schema.ts", "model.ts", "recipes.test.ts"], ["messages.ts"]);
  });
});

interface Snippet {
  /** Its place among the README's blocks of TypeScript. */
  at: number;
  /** What its first line names. */
  file: string | undefined;
  code: string;
}

function snippetsOf(markdown: string): Snippet[] {
  return [...markdown.matchAll(/^```tsx?\n([^]*?)^```/gm)].map(([, code = ""], at) => ({
    at,
    file: /^\/\/ (\S+)/.exec(code)?.[1],
    code,
  }));
}

const meaningfulLines = (code: string) =>
  code.split("\n").filter((line) => line.trim() !== "" && !line.startsWith("//")).length;

/** Writes an app of snippets (a later one replaces an earlier one's file), then generates, typechecks and tests it. */
async function buildApp(
  name: string,
  snippets: Snippet[],
  extra: string[],
  without: string[] = [],
): Promise<void> {
  const folder = path.join(workspace, name);
  const convex = path.join(folder, "convex");
  fs.mkdirSync(convex, { recursive: true });
  for (const file of ["package.json", "tsconfig.json", "vitest.config.ts"]) {
    fs.copyFileSync(path.join(app, file), path.join(folder, file));
  }
  fs.symlinkSync(path.join(app, "node_modules"), path.join(folder, "node_modules"));
  for (const file of extra) {
    fs.copyFileSync(path.join(import.meta.dirname, "readme", file), path.join(convex, file));
  }
  for (const { file = "", code } of snippets) {
    const target = path.join(folder, file);
    fs.mkdirSync(path.dirname(target), { recursive: true });
    fs.writeFileSync(target, code);
  }
  for (const file of without) fs.rmSync(path.join(convex, file));
  await codegen(folder);
  await run("node_modules/.bin/tsc", [], folder);
  await run("node_modules/.bin/vitest", ["run"], folder);
}

/** @returns the path of the tarball */
async function pack(): Promise<string> {
  await run("npm", ["pack", "--pack-destination", workspace], repository);
  const [file = ""] = fs.readdirSync(workspace).filter((name) => name.endsWith(".tgz"));
  return path.join(workspace, file);
}

async function installInApp(tarball: string): Promise<void> {
  fs.cpSync(path.join(import.meta.dirname, "app"), app, { recursive: true });
  const manifest = {
    private: true,
    type: "module",
    dependencies: {
      "convex-tally": `file:${tarball}`,
      ...asHere(["convex", "react", "react-dom", "stripe"]),
    },
    devDependencies: asHere([
      "@edge-runtime/vm",
      "@types/node",
      "@types/react",
      "@types/react-dom",
      "convex-test",
      "typescript",
      "vite",
      "vitest",
    ]),
  };
  fs.writeFileSync(path.join(app, "package.json"), JSON.stringify(manifest));
  await run("npm", ["install", "--prefer-offline", "--no-audit", "--no-fund"], app);
}

function isExpected(file: string): boolean {
  return [
    /^(package\.json|LICENSE|README\.md)$/,
    /^dist\/(core|component|client|payments|react|wire|http|autumn|billingos)\/.*\.(d\.ts|js)(\.map)?$/,
    /^src\/(core|component|client|payments|react|wire|http|autumn|billingos)\/(?!.*\.test\.).*\.tsx?$/,
    /^(src\/test\.ts|dist\/test\.d\.ts(\.map)?)$/,
  ].some((expected) => expected.test(file));
}

/** The versions that this repository has installed. */
function asHere(names: string[]): Record<string, string> {
  const versionOf = (name: string) => {
    const manifest = path.join(repository, "node_modules", name, "package.json");
    return (JSON.parse(fs.readFileSync(manifest, "utf8")) as { version: string }).version;
  };
  return Object.fromEntries(names.map((name) => [name, versionOf(name)]));
}

function filesIn(folder: string): string[] {
  return fs
    .readdirSync(folder, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => path.relative(folder, path.join(entry.parentPath, entry.name)));
}

/** Generates an app's code as the repository's own is generated. */
async function codegen(folder: string): Promise<void> {
  await run("node", [path.join(repository, "example/embedded/run.mjs"), "codegen"], folder);
}

/** Throws with all that the command printed if it fails. */
async function run(command: string, args: string[], cwd: string): Promise<void> {
  try {
    await promisify(execFile)(command, args, { cwd });
  } catch (error) {
    const { stdout, stderr } = error as { stdout: string; stderr: string };
    throw new Error(`${command} ${args.join(" ")} failed:\n${stdout}${stderr}`, {
      cause: error,
    });
  }
}
