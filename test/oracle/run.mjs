// `npm run oracle -- FILE...`: replays files of cases through the real component.
import { readFileSync } from "node:fs";
import { resolve } from "node:path";
import { fileURLToPath } from "node:url";
import { createServer } from "vite";

// npm runs this in the package's folder, wherever it was called from.
const files = process.argv.slice(2).map((file) => resolve(process.env.INIT_CWD ?? ".", file));
if (files.length === 0) {
  console.error("Usage: npm run oracle -- FILE...");
  process.exit(2);
}
// Vite loads the TypeScript and expands the globs; nothing is served.
const vite = await createServer({
  configFile: false,
  root: fileURLToPath(new URL("../..", import.meta.url)),
  logLevel: "error",
  appType: "custom",
  server: { middlewareMode: true, ws: false, watch: null },
  optimizeDeps: { noDiscovery: true },
});
try {
  const { judgeAll } = await vite.ssrLoadModule("/test/oracle/runner.ts");
  const count = { passed: 0, failed: 0, skipped: 0 };
  for (const file of files) {
    for (const { id, result, lines } of await judgeAll(JSON.parse(readFileSync(file, "utf8")))) {
      count[result]++;
      if (result === "passed") continue;
      console.log(`${result === "failed" ? "FAILED" : "skipped"} ${id}`);
      for (const line of lines) console.log(`    ${line}`);
    }
  }
  const skipped = count.skipped === 0 ? "" : `, ${count.skipped} skipped`;
  console.log(`${count.passed} passed, ${count.failed} failed${skipped}`);
  process.exitCode = count.failed === 0 ? 0 : 1;
} finally {
  await vite.close();
}
