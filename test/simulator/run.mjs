// `npm run simulate -- --seed S --steps N`: random runs of the real component beside its model.
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";
import { createServer } from "vite";

const { values } = parseArgs({
  options: { seed: { type: "string" }, steps: { type: "string" }, verbose: { type: "boolean" } },
});
const seed = Number(values.seed ?? Date.now() % 1_000_000_000);
const steps = Number(values.steps ?? 20_000);
if (!Number.isSafeInteger(seed) || !Number.isSafeInteger(steps) || seed < 0 || steps < 1) {
  console.error("Usage: npm run simulate -- [--seed S] [--steps N] [--verbose]");
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
/** One line that is written over, where there is a screen to see it. */
const status = (text) => {
  if (process.stderr.isTTY) process.stderr.write(`\r\x1b[K${text}`);
};
try {
  const { simulate } = await vite.ssrLoadModule("/test/simulator/simulate.ts");
  const { leftOutLines } = await vite.ssrLoadModule("/test/simulator/report.ts");
  const began = performance.now();
  const seconds = () => ((performance.now() - began) / 1000).toFixed(1);
  const result = await simulate({
    seed,
    steps,
    shrinkMs: 60_000,
    progress: ({ runs, steps: done }) =>
      status(`seed ${seed + runs - 1}: ${done} of ${steps} steps, ${runs} runs, ${seconds()} s`),
  });
  status("");
  console.log(
    `seed ${seed}: ${result.steps} steps in ${result.runs} runs, ${seconds()} s, ${result.report === null ? "all as the model says" : "FAILED"}`,
  );
  for (const line of leftOutLines(result.leftOut)) console.log(line);
  if (values.verbose)
    for (const [sight, times] of [...result.seen].sort()) console.log(`${times} × ${sight}`);
  if (result.report !== null) console.log(result.report);
  process.exitCode = result.report === null ? 0 : 1;
} finally {
  await vite.close();
}
