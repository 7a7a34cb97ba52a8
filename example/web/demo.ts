/**
 * `npm run demo`: the web app on an embedded deployment, until it is stopped.
 *
 *   --page-port N   of the page (5173, or a free one if that is taken)
 *   --data-dir D    keeps documents and keys there; without it nothing is kept
 */
import path from "node:path";
import { parseArgs } from "node:util";
import { PAGE_PORT } from "../embedded/shop.js";
import { adminKeyIn, signingKeyIn } from "../embedded/keys.js";
import { startDemo, type RunningDemo } from "./deployed.js";

const quiet = { ...console, log() {}, info() {} };

let running: RunningDemo | null = null;
for (const signal of ["SIGINT", "SIGTERM"] as const) process.once(signal, () => void stop(0));
start().catch(async (error: unknown) => {
  console.error(error instanceof Error ? error.message : error);
  await stop(1);
});

async function start(): Promise<void> {
  const { values } = parseArgs({
    options: { "page-port": { type: "string" }, "data-dir": { type: "string" } },
  });
  const dataDir = values["data-dir"] === undefined ? null : path.resolve(values["data-dir"]);
  const kept = dataDir !== null && { adminKey: adminKeyIn(dataDir), key: await signingKeyIn(dataDir) };
  const pagePort = values["page-port"] === undefined ? PAGE_PORT : Number(values["page-port"]);
  console.log(
    "Starting the demo on this machine: a stand-in for a deployment, with no account and no network …",
  );
  const options = { port: 0, sitePort: 0, dataDir, log: quiet, ...kept };
  running = await startDemo({ ...options, pagePort });
  console.log(`\n  ${running.url}\n\nStop with Ctrl-C.${dataDir === null ? " Nothing is kept." : ""}`);
}

async function stop(exitCode: number): Promise<never> {
  await running?.close();
  process.exit(exitCode);
}
