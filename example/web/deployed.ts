import { ConvexHttpClient } from "convex/browser";
import type { FunctionReference } from "convex/server";
import { internal } from "../../convex/_generated/api.js";
import { runCli } from "../embedded/cli.js";
import type { SigningKey } from "../embedded/keys.js";
import { authEnvironment, newAdminKey, newSigningKey } from "../embedded/keys.js";
import { shopEnvironment } from "../embedded/shop.js";
import { startDeployment, type DeploymentOptions, type RunningDeployment } from "../embedded/server.js";
import { startPage, type RunningPage } from "./server.js";

export interface DemoOptions extends Pick<DeploymentOptions, "port" | "sitePort" | "dataDir" | "log"> {
  pagePort: number;
  /** Those of earlier, where documents are kept. */
  adminKey?: string;
  key?: SigningKey;
}

export interface RunningDemo {
  url: string;
  deployment: RunningDeployment;
  key: SigningKey;
  close(): Promise<void>;
}

/** The app in convex/ on an embedded deployment with the demo's people in it, and its page. */
export async function startDemo({ pagePort, ...options }: DemoOptions): Promise<RunningDemo> {
  const { adminKey = newAdminKey(), key = await newSigningKey() } = options;
  const deployment = await startDeployment({ ...options, adminKey, env: authEnvironment(key) });
  let page: RunningPage | undefined;
  const close = async () => {
    await page?.close();
    await deployment.close();
  };
  try {
    const { engine } = deployment;
    const advance = async (ms: number) => {
      const now = await deployment.advance(ms);
      // What has just become due is not to wait for the cron.
      if (ms > 0) await asAdmin(deployment).mutation(internal.demo.renew, {});
      return now;
    };
    const clock = { now: () => engine.now(), advance };
    // Vite prepares the page while the CLI pushes.
    const starting = startPage({ port: pagePort, convexUrl: deployment.url, key, clock });
    const [pushing, serving] = await Promise.allSettled([push(deployment), starting]);
    if (serving.status === "fulfilled") page = serving.value;
    if (pushing.status === "rejected") throw pushing.reason;
    if (serving.status === "rejected") throw serving.reason;
    const { url } = serving.value;
    // Whoever pays is sent back to the page, wherever it is now.
    for (const [name, value] of Object.entries(shopEnvironment(Number(new URL(url).port))))
      engine.env.set(name, value);
    return { url, deployment, key, close };
  } catch (error) {
    await close();
    throw error;
  }
}

/** `deploy`, unlike `dev`, writes no .env.local. */
async function push(deployment: RunningDeployment): Promise<void> {
  const args = ["deploy", "--yes", "--typecheck", "disable", "--codegen", "disable"];
  const { succeeded, output } = await runCli(process.cwd(), deployment, args);
  if (!succeeded) throw new Error(`The app in convex/ could not be deployed.\n${output}`);
  await asAdmin(deployment).mutation(internal.demo.seed, {});
}

/** Calls internal functions, as the CLI's `run` does. */
export function asAdmin({ url, adminKey }: RunningDeployment) {
  const client = new ConvexHttpClient(url) as ConvexHttpClient & { setAdminAuth(key: string): void };
  client.setAdminAuth(adminKey);
  return {
    mutation: async <Args extends Record<string, unknown>, Returns>(
      reference: FunctionReference<"mutation", "internal", Args, Returns>,
      args: Args,
    ): Promise<Returns> =>
      await client.mutation(
        reference as unknown as FunctionReference<"mutation", "public", Args, Returns>,
        ...([args] as never),
      ),
  };
}
