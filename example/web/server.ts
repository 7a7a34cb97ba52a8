import type { IncomingMessage, ServerResponse } from "node:http";
import path from "node:path";
import react from "@vitejs/plugin-react";
import { createServer, type Connect, type Plugin } from "vite";
import { signToken, type SigningKey } from "../embedded/keys.js";
import { assertLocalHost, jsonOf } from "../embedded/requests.js";
import { users } from "./users.js";

/** Nobody but this machine gets a token. */
const LOOPBACK = "127.0.0.1";

export interface PageOptions {
  /** Zero takes a free one. */
  port: number;
  /** Of the deployment that the page talks to. */
  convexUrl: string;
  /** Signs the demo's users in. */
  key: SigningKey;
  /** Time of a deployment that can be moved; a real one's cannot. */
  clock?: { now(): number; advance(ms: number): Promise<number> };
}

export interface RunningPage {
  url: string;
  close(): Promise<void>;
}

/** Serves the page, tokens of the demo's users, and the clock. */
export async function startPage(options: PageOptions): Promise<RunningPage> {
  const vite = await createServer({
    configFile: false,
    root: path.resolve("example/web"),
    // What the page's packages are made into for the browser, once.
    cacheDir: path.resolve("node_modules/.vite/example"),
    define: {
      "import.meta.env.VITE_CONVEX_URL": JSON.stringify(options.convexUrl),
      "import.meta.env.VITE_CLOCK": JSON.stringify(options.clock !== undefined),
    },
    plugins: [react(), doors(options)],
    optimizeDeps: { include: ["react", "react-dom/client", "convex/react", "convex/values", "big.js"] },
    server: {
      host: LOOPBACK,
      port: options.port,
      strictPort: options.port !== 0,
      // No other page may read what is answered here.
      cors: false,
      fs: { allow: [process.cwd()] },
    },
    logLevel: "warn",
  });
  try {
    await vite.listen();
  } catch (error) {
    await vite.close();
    const isTaken = error instanceof Error && /already in use/.test(error.message);
    throw isTaken ? new Error(`Port ${options.port} is taken: choose another one with --page-port.`) : error;
  }
  const [url = ""] = vite.resolvedUrls?.local ?? [];
  return { url, close: () => vite.close() };
}

function doors({ key, clock }: PageOptions): Plugin {
  return {
    name: "tally-demo",
    configureServer({ middlewares }) {
      middlewares.use(
        "/demo/token",
        post(async (body) => {
          const user = users.find(({ id }) => id === stringIn(body, "userId"));
          if (user === undefined) throw new Refused("There is no such user in the demo.");
          const { id, name, email, role } = user;
          return { token: await signToken(key, id, { name, email, ...(role && { role }) }) };
        }),
      );
      if (clock === undefined) return;
      middlewares.use(
        "/demo/clock",
        post(async (body) => {
          const now = clock.now();
          return { now: await clock.advance(instantAfter(stringIn(body, "by"), now) - now) };
        }),
      );
    },
  };
}

class Refused extends Error {}

/** Answers JSON with JSON, to the page itself: not through another host's name, and to no other page. */
function post(answer: (body: unknown) => Promise<object>): Connect.NextHandleFunction {
  return (request, response) => {
    void (async () => {
      try {
        assertLocalHost(request);
        assertOwnPage(request);
        reply(response, 200, await answer(await jsonOf(request, 1_000)));
      } catch (error) {
        const message = error instanceof Error ? error.message : String(error);
        reply(response, error instanceof Refused ? 400 : 403, { message });
      }
    })();
  };
}

/** Browsers say where a request comes from. */
function assertOwnPage({ method, headers }: IncomingMessage): void {
  if (method !== "POST") throw new Refused("This takes POST.");
  if (headers.origin !== `http://${headers.host}`) throw new Error("This is for the demo's own page.");
}

function reply(response: ServerResponse, status: number, body: object): void {
  response.writeHead(status, { "content-type": "application/json", "cache-control": "no-store" });
  response.end(JSON.stringify(body));
}

function stringIn(body: unknown, name: string): string {
  const value: unknown = typeof body === "object" && body !== null ? Reflect.get(body, name) : undefined;
  if (typeof value !== "string") throw new Refused(`${name} must be a string.`);
  return value;
}

function instantAfter(by: string, now: number): number {
  const date = new Date(now);
  if (by === "nothing") return now;
  if (by === "day") return date.setUTCDate(date.getUTCDate() + 1);
  if (by !== "month") throw new Refused("by must be day, month or nothing.");
  const day = date.getUTCDate();
  date.setUTCMonth(date.getUTCMonth() + 1, 1);
  const last = new Date(Date.UTC(date.getUTCFullYear(), date.getUTCMonth() + 1, 0)).getUTCDate();
  return date.setUTCDate(Math.min(day, last));
}
