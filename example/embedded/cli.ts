import { spawn, type ChildProcess } from "node:child_process";
import { once } from "node:events";
import path from "node:path";

/** A push takes seconds; the CLI has hung if it takes this long. */
const TIMEOUT_MS = 120_000;

interface Target {
  url: string;
  adminKey: string;
}

/**
 * Starts the Convex CLI of a project, aimed at a deployment of ours.
 * @param args such as `["dev", "--once"]`
 */
export function startCli(project: string, { url, adminKey }: Target, args: string[]): ChildProcess {
  const cli = path.join(project, "node_modules/convex/bin/main.js");
  const child = spawn(process.execPath, [cli, ...args], {
    cwd: project,
    env: {
      ...withoutConvex(process.env),
      CONVEX_SELF_HOSTED_URL: url,
      CONVEX_SELF_HOSTED_ADMIN_KEY: adminKey,
      // It reports to nobody, and asks nothing.
      CI: "1",
    },
    stdio: ["ignore", "pipe", "pipe"],
    // A group of its own, so that esbuild and its kin end with it.
    detached: true,
  });
  const stop = () => stopCli(child);
  process.once("exit", stop);
  child.once("close", () => process.off("exit", stop));
  return child;
}

/** Ends the CLI and all that it started. */
export function stopCli({ pid }: ChildProcess): void {
  try {
    if (pid !== undefined) process.kill(-pid, "SIGKILL");
  } catch {
    // It has ended.
  }
}

/** Runs the CLI to its end. */
export async function runCli(
  project: string,
  target: Target,
  args: string[],
): Promise<{ succeeded: boolean; output: string }> {
  const child = startCli(project, target, args);
  const timeout = setTimeout(() => stopCli(child), TIMEOUT_MS);
  let output = "";
  for (const stream of [child.stdout, child.stderr]) {
    stream?.setEncoding("utf8").on("data", (text: string) => (output += text));
  }
  const [exitCode] = (await once(child, "close")) as [number | null];
  clearTimeout(timeout);
  return { succeeded: exitCode === 0, output };
}

/** Without a deployment of the developer's own. */
function withoutConvex(env: NodeJS.ProcessEnv): NodeJS.ProcessEnv {
  return Object.fromEntries(Object.entries(env).filter(([name]) => !name.startsWith("CONVEX_")));
}
