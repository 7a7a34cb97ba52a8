import { build, type BuildOptions, type Metafile } from "esbuild";
import fs from "node:fs";
import path from "node:path";
import { describe, expect, test } from "vitest";

const root = path.resolve(import.meta.dirname, "../..");

describe("the bundle of a metered function", () => {
  /** Convex evaluates it anew for each call, so that its size is paid each time. */
  const BUDGET_BYTES = 150 * 1024;

  /** What costs much and serves no metered function. */
  const foreign =
    /node_modules\/(zod|stripe|react|react-dom|convex-test|autumn-js)\/|convex\/[^]*\/react\/|src\/(component|react|payments)\/|src\/client\/(http|autumn|billingos)\b/;

  test.each<[string, BuildOptions]>([
    ["in this app", { entryPoints: ["convex/chat.ts"] }],
    ["in the smallest app", { stdin: smallestApp() }],
  ])("%s is small and carries nothing foreign", async (_where, entry) => {
    const { metafile } = await bundle(entry);
    const files = Object.keys(metafile.inputs);

    expect(files).toContain("src/client/index.ts");
    expect(files.filter((file) => foreign.test(file))).toEqual([]);
    expect(bytesOf(metafile) - bytesOfApp(metafile)).toBeLessThanOrEqual(BUDGET_BYTES);
  });
});

describe("the bundle of a page", () => {
  test("is the hooks and components, and the rules that they decide by", async () => {
    const { metafile } = await bundle({
      entryPoints: ["src/react/index.ts"],
      external: ["react", "react/*", "convex/*"],
      minifyWhitespace: true,
      keepNames: false,
    });
    const files = Object.values(metafile.outputs).flatMap(({ inputs }) => Object.keys(inputs));
    expect(files).toContain("src/core/draws.ts");
    expect(files.filter((file) => !/^src\/(react|core)\/|^node_modules\/big\.js\//.test(file))).toEqual([]);
    // 18 KiB when compressed.
    expect(bytesOf(metafile)).toBeLessThanOrEqual(54 * 1024);
  });
});

describe("every module that is deployed", () => {
  const entryPoints = [...modulesIn("src"), ...modulesIn("convex")];

  test("is bundled without top-level await and Node's modules", async () => {
    const { errors, warnings } = await bundle({ entryPoints });
    expect([...errors, ...warnings]).toEqual([]);
  });

  test("imports nothing dynamically", async () => {
    const { metafile } = await bundle({ entryPoints });
    expect(dynamicImports(metafile)).toEqual([]);
  });
});

/**
 * Bundles as the Convex CLI does for its own runtime
 * (`innerEsbuild` in node_modules/convex/src/bundler/debugBundle.ts), except
 * that top-level await, which a push refuses, is refused here already. A module
 * of Node's does not resolve on this platform.
 */
function bundle(entry: BuildOptions) {
  return build({
    ...entry,
    absWorkingDir: root,
    bundle: true,
    platform: "browser",
    format: "esm",
    target: "esnext",
    jsx: "automatic",
    conditions: ["convex", "module"],
    treeShaking: true,
    minifySyntax: true,
    minifyIdentifiers: true,
    keepNames: true,
    define: { "process.env.NODE_ENV": '"production"' },
    supported: { "top-level-await": false },
    metafile: true,
    write: false,
    outdir: "out",
    logLevel: "silent",
  });
}

function smallestApp() {
  return {
    resolveDir: path.join(root, "convex"),
    loader: "ts",
    contents: `
      import { actionGeneric, componentsGeneric, mutationGeneric, queryGeneric } from "convex/server";
      import { defineCatalog, Tally } from "../src/client/index.js";

      const tally = new Tally(componentsGeneric().tally, {
        catalog: defineCatalog({ features: [{ id: "messages", type: "metered" }], plans: [] }),
        identify: async () => null,
      });
      const { userMutation } = tally.builders({ query: queryGeneric, mutation: mutationGeneric, action: actionGeneric });
      export const send = userMutation({ meter: { featureId: "messages" }, handler: async () => null });
    `,
  } as const;
}

/** The modules that a deployment gets to see: no types, no tests. */
function modulesIn(folder: string): string[] {
  return fs
    .readdirSync(path.join(root, folder), { recursive: true, encoding: "utf8" })
    .filter((file) => /^(?!test\.ts$|.*_generated\/).*\.tsx?$/.test(file))
    .map((file) => path.join(folder, file));
}

function bytesOf(metafile: Metafile): number {
  return Object.values(metafile.outputs).reduce((sum, output) => sum + output.bytes, 0);
}

/** What the app itself says: the budget is for what metering adds to it. The smallest app is measured whole. */
function bytesOfApp({ outputs }: Metafile): number {
  return Object.values(outputs)
    .flatMap(({ inputs }) => Object.entries(inputs))
    .filter(([file]) => file.startsWith("convex/"))
    .reduce((sum, [, { bytesInOutput }]) => sum + bytesInOutput, 0);
}

/** Ours only: a package's own are not reached unless they are called. */
function dynamicImports({ inputs }: Metafile): string[] {
  return Object.entries(inputs)
    .filter(([file]) => !file.includes("node_modules/"))
    .filter(([, { imports }]) => imports.some(({ kind }) => kind === "dynamic-import"))
    .map(([file]) => file);
}
