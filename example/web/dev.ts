/**
 * `npm run dev`: the web app on a Convex deployment of your own, through the
 * ordinary CLI, which asks where that is to be the first time.
 *
 * `convex dev` deploys what is in convex/, watches it, and runs the page beside
 * it. The demo's users are signed in by a key that stays in .embedded/: never
 * do this on a deployment that is live.
 */
import { spawn, type ChildProcess } from "node:child_process";
import { once } from "node:events";
import path from "node:path";
import { authEnvironment, signingKeyIn } from "../embedded/keys.js";
import { PAGE_PORT, shopEnvironment } from "../embedded/shop.js";
import { startPage } from "./server.js";

const CLI = path.resolve("node_modules/convex/bin/main.js");
const PAGE = "node example/embedded/run.mjs ../web/dev --page";

const work = process.argv.includes("--page") ? servePage() : develop();
work.catch((error: unknown) => {
  console.error(error instanceof Error ? error.message : error);
  process.exit(1);
});

async function develop(): Promise<void> {
  await run(["init"]);
  // A push is refused without those that convex/auth.config.ts reads, and nothing is sold without the others.
  const environment = {
    ...authEnvironment(await signingKeyIn(path.resolve(".embedded"))),
    ...shopEnvironment(PAGE_PORT),
  };
  for (const [name, value] of Object.entries(environment)) {
    await run(["env", "set", "--force", name, value]);
  }
  await run(["dev", "--once", "--typecheck", "disable", "--run", "demo:seed"]);
  await run(["dev", "--start", PAGE]);
}

async function run(args: string[]): Promise<void> {
  const child = spawn(process.execPath, [CLI, ...args], { stdio: "inherit" });
  const forward = forwardTo(child);
  const [code] = (await once(child, "close")) as [number | null];
  forward.stop();
  if (code !== 0) process.exit(code ?? 1);
}

/** Whoever stops this stops the CLI, which stops the page. */
function forwardTo(child: ChildProcess) {
  const signals = ["SIGINT", "SIGTERM"] as const;
  const listeners = signals.map((signal) => [signal, () => void child.kill(signal)] as const);
  for (const [signal, listener] of listeners) process.on(signal, listener);
  return { stop: () => listeners.forEach(([signal, listener]) => process.off(signal, listener)) };
}

/** What `convex dev` starts, having written the deployment's URL to .env.local. */
async function servePage(): Promise<void> {
  const { loadEnv } = await import("vite");
  const { VITE_CONVEX_URL } = { ...loadEnv("development", process.cwd(), "VITE_"), ...process.env };
  if (VITE_CONVEX_URL === undefined)
    throw new Error("VITE_CONVEX_URL is not set: start this with npm run dev.");
  const key = await signingKeyIn(path.resolve(".embedded"));
  const page = await startPage({ port: PAGE_PORT, convexUrl: VITE_CONVEX_URL, key });
  console.log(`\n  ${page.url}\n`);
  for (const signal of ["SIGINT", "SIGTERM"] as const) {
    process.once(signal, () => void page.close().finally(() => process.exit(0)));
  }
}
