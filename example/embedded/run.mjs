// @ts-check
// Runs a command of this folder, or by its path from here: `node example/embedded/run.mjs main --port 3210`.
import fs from "node:fs";
import { createRequire } from "node:module";
import path from "node:path";
import { pathToFileURL } from "node:url";
import { buildSync } from "esbuild";

const [, , command = "main", ...args] = process.argv;
const here = import.meta.dirname;
const packages = path.dirname(path.dirname(createRequire(import.meta.url).resolve("convex/package.json")));

// Node runs no TypeScript. The bundle lies among the packages that it imports.
const cache = path.join(packages, ".cache");
fs.mkdirSync(cache, { recursive: true });
const outfile = path.join(fs.mkdtempSync(path.join(cache, "embedded-")), `${path.basename(command)}.mjs`);
try {
  buildSync({
    entryPoints: [path.join(here, `${command}.ts`)],
    outfile,
    bundle: true,
    packages: "external",
    platform: "node",
    format: "esm",
    target: "node20",
    sourcemap: "inline",
  });
  process.argv.splice(1, process.argv.length, outfile, ...args);
  await import(pathToFileURL(outfile).href);
} finally {
  fs.rmSync(path.dirname(outfile), { recursive: true, force: true });
}
