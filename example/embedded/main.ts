/**
 * `npm run embedded`: serves the app in convex/ on this machine until it is
 * stopped.
 *
 *   --port P        of the functions (3210)
 *   --site-port S   of the HTTP actions (3211)
 *   --data-dir D    where documents and keys are kept (.embedded)
 *   --ephemeral     keeps nothing
 */
import path from "node:path";
import { parseArgs } from "node:util";
import { runCli } from "./cli.js";
import { adminKeyIn, authEnvironment, signingKeyIn } from "./keys.js";
import { PAGE_PORT, shopEnvironment } from "./shop.js";
import { startDeployment, type RunningDeployment } from "./server.js";
import { temporaryFolder } from "./temporary-folder.js";

/** What the app may read of the environment that this was started in. */
const PASSED_ON = [
  "TALLY_SECRET_KEY",
  "TALLY_SECRET_KEY_NEW",
  "AUTH_ISSUER",
  "AUTH_JWKS",
  "DEMO_PAYMENTS",
  "APP_ORIGINS",
];

console.log(
  "Embedded deployment: a development stand-in on this machine. It is not Convex; deploy there to be live.",
);

let running: RunningDeployment | null = null;
for (const signal of ["SIGINT", "SIGTERM"] as const) {
  // Ends the CLI too, if it is pushing.
  process.once(signal, () => void stop(0));
}
// Deployed code runs in this process: what it leaves behind does not end it.
process.on("unhandledRejection", (reason) => console.error("Nobody waited for this:", reason));
process.on("uncaughtException", (error) => console.error("Nobody caught this:", error));
if (process.env.npm_lifecycle_event !== undefined) stopWithParent();
serve().catch(async (error: unknown) => {
  console.error(error instanceof Error ? error.message : error);
  await stop(1);
});

async function serve(): Promise<void> {
  const { values: options } = parseArgs({
    options: {
      port: { type: "string", default: "3210" },
      "site-port": { type: "string", default: "3211" },
      "data-dir": { type: "string", default: ".embedded" },
      ephemeral: { type: "boolean", default: false },
    },
  });
  const keyDir = options.ephemeral ? temporaryFolder("keys") : path.resolve(options["data-dir"]);
  const deployment = await startDeployment({
    port: portOf(options.port),
    sitePort: portOf(options["site-port"]),
    dataDir: options.ephemeral ? null : keyDir,
    adminKey: adminKeyIn(keyDir),
    env: {
      ...authEnvironment(await signingKeyIn(keyDir)),
      ...shopEnvironment(PAGE_PORT),
      ...passedOn(),
    },
  });
  running = deployment;
  await push(deployment);
  console.log(`Functions:     ${deployment.url}`);
  console.log(`HTTP actions:  ${deployment.siteUrl}`);
  console.log(`Keys:          ${keyDir}`);
  const { TALLY_SECRET_KEY } = process.env;
  if (TALLY_SECRET_KEY) console.log(`HTTP secret:   ${TALLY_SECRET_KEY}`);
  console.log("Ready. Stop with Ctrl-C.");
}

/** The shell of `npm run` keeps a signal to itself, and is gone: that we notice. */
function stopWithParent(): void {
  const parent = process.ppid;
  setInterval(() => process.ppid !== parent && void stop(0), 500).unref();
}

async function stop(exitCode: number): Promise<never> {
  await running?.close();
  process.exit(exitCode);
}

/** `deploy`, unlike `dev`, writes no .env.local. */
async function push(deployment: RunningDeployment): Promise<void> {
  const args = ["deploy", "--yes", "--typecheck", "disable", "--codegen", "disable"];
  const { succeeded, output } = await runCli(process.cwd(), deployment, args);
  if (succeeded) return;
  console.error(output);
  throw new Error("The app in convex/ could not be deployed.");
}

function passedOn(): Record<string, string> {
  const given = PASSED_ON.flatMap((name) => {
    const value = process.env[name];
    return value ? [[name, value] as const] : [];
  });
  return Object.fromEntries(given);
}

function portOf(text: string): number {
  const port = Number(text);
  if (Number.isInteger(port) && port >= 0 && port < 65_536) return port;
  throw new Error(`${text} is not a port.`);
}
