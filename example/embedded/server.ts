import { once } from "node:events";
import { createServer, type IncomingMessage, type RequestListener, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import type { Duplex } from "node:stream";
import { WebSocketServer } from "ws";
import { Authentication } from "./auth.js";
import { Deployment } from "./deployment.js";
import { createEngine, type Engine, type Log } from "./engine.js";
import { HttpApi } from "./http.js";
import { Replays } from "./replays.js";
import { assertLocalHost, REQUEST_BYTES } from "./requests.js";
import { Site } from "./site.js";
import { SyncSession } from "./sync.js";

/** Nobody but this machine gets through. */
const LOOPBACK = "127.0.0.1";

const SOCKETS = 200;

export interface DeploymentOptions {
  /** Zero takes a free one. */
  port: number;
  /** Of the HTTP actions; the same. */
  sitePort: number;
  /** Where documents are kept; null keeps none. */
  dataDir: string | null;
  adminKey: string;
  /** The app's environment variables, until the CLI changes them. */
  env?: Record<string, string>;
  log?: Log;
  /** Of tests. */
  maxSockets?: number;
  heartbeatMs?: number;
}

export interface RunningDeployment {
  url: string;
  siteUrl: string;
  adminKey: string;
  engine: Engine;
  /** Takes time forward, running what is due on the way; returns the time. */
  advance(ms: number): Promise<number>;
  close(): Promise<void>;
}

/**
 * Serves what the Convex CLI deploys, to Convex's clients.
 * @throws when a port is taken
 */
export async function startDeployment(options: DeploymentOptions): Promise<RunningDeployment> {
  const { adminKey, dataDir, env = {}, log = console } = options;
  if (adminKey === "") throw new Error("The embedded deployment does not start without an admin key.");

  const servers = [createServer(), createServer()] as const;
  const [cloud, site] = servers;
  const starting: RequestListener = (_request, response) => void response.writeHead(503).end();
  for (const server of servers) server.on("request", starting);
  const url = await listen(cloud, options.port);
  const siteUrl = await listen(site, options.sitePort).catch(async (error) => {
    await stop(cloud);
    throw error;
  });
  const engine = await createEngine({ dataDir, env, cloudUrl: url, siteUrl, log });

  const deployment = new Deployment(engine, { CONVEX_CLOUD_URL: url, CONVEX_SITE_URL: siteUrl });
  const authentication = new Authentication(adminKey, () => deployment.providers);
  const api = new HttpApi({ engine, deployment, authentication, cloudUrl: url, siteUrl, log });
  const httpActions = new Site({ engine, authentication, log });
  const replays = new Replays();
  const sockets = new WebSocketServer({ noServer: true, maxPayload: REQUEST_BYTES });

  for (const server of servers) server.off("request", starting);
  cloud.on("request", (request, response) => {
    const [, underHttp] = /^\/http(\/.*)$/.exec(request.url ?? "") ?? [];
    void (underHttp === undefined
      ? api.answer(request, response)
      : httpActions.answer(request, response, underHttp));
  });
  site.on("request", (request, response) => {
    void httpActions.answer(request, response, request.url ?? "/");
  });
  cloud.on("upgrade", (request: IncomingMessage, socket: Duplex, head: Buffer) => {
    const refusal = refusalOf(request, sockets.clients.size, options.maxSockets ?? SOCKETS);
    // Whoever asked may have gone.
    socket.on("error", () => {});
    if (refusal !== null) return void socket.end(`HTTP/1.1 ${refusal}\r\nconnection: close\r\n\r\n`);
    sockets.handleUpgrade(request, socket, head, (webSocket) => {
      const { heartbeatMs } = options;
      new SyncSession(webSocket, {
        ...{ engine, authentication, replays, cloudUrl: url, siteUrl, log },
        ...(heartbeatMs === undefined ? {} : { heartbeatMs }),
      });
    });
  });

  return {
    url,
    siteUrl,
    adminKey,
    engine,
    advance: (ms) => engine.advance(ms),
    close: async () => {
      for (const socket of sockets.clients) socket.terminate();
      await Promise.all(servers.map(stop));
      deployment.close();
      await engine.close();
    },
  };
}

/** @returns why a WebSocket is not for us, as HTTP says it */
function refusalOf(request: IncomingMessage, sockets: number, limit: number): string | null {
  try {
    assertLocalHost(request);
  } catch {
    return "421 Misdirected Request";
  }
  if (!/^\/api\/([^/]+\/)?sync(\?|$)/.test(request.url ?? "")) return "404 Not Found";
  return sockets < limit ? null : "503 Service Unavailable";
}

/** @returns the URL */
async function listen(server: Server, port: number): Promise<string> {
  server.listen(port, LOOPBACK);
  try {
    await once(server, "listening");
  } catch (error) {
    const taken = error instanceof Error && "code" in error && error.code === "EADDRINUSE";
    throw taken ? new Error(`Port ${port} is taken: choose another one.`, { cause: error }) : error;
  }
  return `http://${LOOPBACK}:${(server.address() as AddressInfo).port}`;
}

async function stop(server: Server): Promise<void> {
  const closed = new Promise((resolve) => server.close(resolve));
  server.closeAllConnections();
  await closed;
}
