import type { IncomingMessage, ServerResponse } from "node:http";
import { setTimeout as sleep } from "node:timers/promises";
import { jsonToConvex, type JSONValue, type Value } from "convex/values";
import type { Authentication } from "./auth.js";
import type { Push } from "./bundles.js";
import type { Deployment, EnvironmentChange, StartedPush } from "./deployment.js";
import type { Engine, FunctionCall, Log } from "./engine.js";
import { encodedTs } from "./protocol.js";
import { Refusal } from "./refusal.js";
import { assertLocalHost, jsonOf, PUSH_BYTES, reply, replyError } from "./requests.js";
import { argumentsOf } from "./system.js";

export interface HttpServices {
  engine: Engine;
  deployment: Deployment;
  authentication: Authentication;
  cloudUrl: string;
  siteUrl: string;
  log: Log;
}

/** A function failed; it is not the request that was wrong. */
const FUNCTION_FAILED = 560;

/** The CLI asks for logs again and again, and gets none: they are printed here. */
const LOG_POLL_MS = 10_000;

const FUNCTION_ROUTE = /^\/api\/(query|mutation|action|function|query_at_ts|run\/.+)$/;

/** What browsers call from pages of other origins. */
const FOR_BROWSERS = /^\/api\/(query_ts$|query|mutation|action|function|run\/)/;

interface FunctionRequest {
  path: string;
  args?: JSONValue;
  /** `json` is plain but lossy, `convex_encoded_json` tells an integer from a string. */
  format?: string;
  componentPath?: string;
}

/** The bodies of the steps of a push, each of which has some of these. */
type PushRequest = Push & StartedPush & { adminKey: string; startPush: StartedPush };

/** The HTTP API: functions for `ConvexHttpClient`, and what the CLI needs to deploy. */
export class HttpApi {
  constructor(private readonly services: HttpServices) {}

  async answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    try {
      assertLocalHost(request);
      await this.route(request, response, new URL(request.url ?? "/", this.services.cloudUrl).pathname);
    } catch (error) {
      replyError(response, error, this.services.log);
    }
  }

  private async route(request: IncomingMessage, response: ServerResponse, path: string): Promise<void> {
    if (FOR_BROWSERS.test(path)) {
      allowAnyOrigin(request, response);
      if (request.method === "OPTIONS") return void response.writeHead(204).end();
    }
    const [, functionRoute] = FUNCTION_ROUTE.exec(path) ?? [];
    if (functionRoute !== undefined) return await this.runFunction(request, response, functionRoute);
    reply(response, 200, await this.resource(request, path));
  }

  private async resource(request: IncomingMessage, path: string): Promise<unknown> {
    const { engine, cloudUrl, siteUrl } = this.services;
    switch (`${request.method} ${path}`) {
      case "GET /":
        return "This embedded deployment is a development stand-in, and not Convex.";
      case "GET /version":
      case "GET /instance_name":
        return "embedded";
      case "POST /api/query_ts":
        return { ts: encodedTs(engine.lastTs()) };
      case "GET /api/v1/get_canonical_urls":
        return { convexCloudUrl: cloudUrl, convexSiteUrl: siteUrl };
      case "GET /api/stream_function_logs":
        await sleep(LOG_POLL_MS, undefined, { ref: false });
        return { entries: [], newCursor: Date.now() };
      case "POST /api/get_config_hashes":
      case "POST /api/deploy2/start_push":
      case "POST /api/deploy2/evaluate_push":
      case "POST /api/deploy2/evaluate_schema":
      case "POST /api/deploy2/wait_for_schema":
      case "POST /api/deploy2/finish_push":
      case "POST /api/deploy2/report_push_completed":
        return await this.push(request, path);
      case "POST /api/update_environment_variables":
        return await this.updateEnvironment(request);
      case "GET /dev/clock":
      case "POST /dev/clock":
        return await this.clock(request);
      default:
        throw new Refusal(404, "NotFound", `The embedded deployment has no ${path}.`);
    }
  }

  private async runFunction(
    request: IncomingMessage,
    response: ServerResponse,
    route: string,
  ): Promise<void> {
    const body = (await jsonOf(request)) as FunctionRequest;
    const caller = await this.services.authentication.ofHeader(request.headers.authorization);
    if (body.componentPath && !caller.isAdmin) {
      throw new Refusal(403, "Forbidden", "Only an admin can call the functions of a component.");
    }
    const outcome = await this.services.engine.run(
      {
        kind: kindOf(route),
        componentPath: body.componentPath ?? "",
        udfPath: route.startsWith("run/") ? udfPathOf(route.slice("run/".length)) : body.path,
        args: argumentsOf(body.args),
      },
      caller,
    );
    const { logLines } = outcome;
    const inFormat = (value: JSONValue) => (isPlain(body.format, route) ? plain(jsonToConvex(value)) : value);
    if (outcome.ok) {
      return reply(response, 200, { status: "success", value: inFormat(outcome.value), logLines });
    }
    const { errorMessage, errorData } = outcome;
    reply(response, FUNCTION_FAILED, {
      status: "error",
      errorMessage,
      ...(errorData === undefined ? {} : { errorData: inFormat(errorData) }),
      logLines,
    });
  }

  /** The steps of a push, as the CLI takes them; its key is in the body. */
  private async push(request: IncomingMessage, path: string): Promise<unknown> {
    const { authentication, deployment } = this.services;
    // Only who has the key in the header too may send so much.
    const limit = this.isAdmin(request) ? PUSH_BYTES : undefined;
    const body = (await jsonOf(request, limit)) as PushRequest;
    authentication.ofAdminKey(String(body.adminKey));
    switch (path.split("/").at(-1)) {
      case "get_config_hashes":
        // Knowing none, the CLI uploads all modules.
        return {
          config: { functions: "convex/", authInfo: [] },
          moduleHashes: [],
          nodeDependencies: [],
          udfServerVersion: "0.0.0",
        };
      case "start_push":
        return deployment.start(body);
      case "evaluate_push":
        return deployment.preview(body);
      case "evaluate_schema":
        return { componentSchemaEvaluations: {}, newComponentDefinitions: [] };
      case "wait_for_schema":
        return deployment.schemaStatus(body);
      case "finish_push":
        return deployment.finish(body.startPush, body.dryRun);
      default:
        return {};
    }
  }

  private async updateEnvironment(request: IncomingMessage): Promise<null> {
    this.assertAdmin(request);
    const { changes } = (await jsonOf(request)) as { changes: EnvironmentChange[] };
    this.services.deployment.changeEnvironment(changes);
    return null;
  }

  /** Tells the time, and takes time forward: `{ advanceMs }`. For development, from this machine, with the key. */
  private async clock(request: IncomingMessage): Promise<{ now: number }> {
    const { engine } = this.services;
    assertLoopback(request);
    this.assertAdmin(request);
    if (request.method === "GET") return { now: engine.now() };
    const { advanceMs } = (await jsonOf(request)) as { advanceMs: unknown };
    if (typeof advanceMs !== "number" || !Number.isSafeInteger(advanceMs) || advanceMs < 0) {
      throw new Refusal(400, "BadAdvance", "advanceMs is a whole number of milliseconds, zero or more.");
    }
    return { now: await engine.advance(advanceMs) };
  }

  private assertAdmin(request: IncomingMessage): void {
    const [, key = ""] = /^Convex ([^:\s]+)$/.exec(request.headers.authorization ?? "") ?? [];
    this.services.authentication.ofAdminKey(key);
  }

  private isAdmin(request: IncomingMessage): boolean {
    try {
      this.assertAdmin(request);
      return true;
    } catch {
      return false;
    }
  }
}

function assertLoopback({ socket }: IncomingMessage): void {
  if (/^(127\.|::1$|::ffff:127\.)/.test(socket.remoteAddress ?? "")) return;
  throw new Refusal(403, "Forbidden", "The clock is for this machine alone.");
}

function allowAnyOrigin({ headers }: IncomingMessage, response: ServerResponse): void {
  response.setHeader("access-control-allow-origin", "*");
  response.setHeader("access-control-allow-methods", "GET, POST, OPTIONS");
  response.setHeader("access-control-allow-headers", headers["access-control-request-headers"] ?? "*");
}

function kindOf(route: string): FunctionCall["kind"] {
  switch (route) {
    case "query":
    case "query_at_ts":
      return "query";
    case "mutation":
    case "action":
      return route;
    default:
      return "any";
  }
}

/** @param path such as `messages/list` */
function udfPathOf(path: string): string {
  const steps = path.split("/").map(decodeURIComponent);
  return `${steps.slice(0, -1).join("/")}:${steps.at(-1)}`;
}

function isPlain(format: string | undefined, route: string): boolean {
  return format === undefined ? route.startsWith("run/") : format === "json";
}

/** The value in JSON that tells no types, as Convex writes it. */
function plain(value: Value): JSONValue {
  if (typeof value === "bigint") return value.toString();
  if (typeof value === "number") return Number.isFinite(value) ? value : String(value);
  if (value instanceof ArrayBuffer) return Buffer.from(value).toString("base64");
  if (Array.isArray(value)) return value.map(plain);
  if (typeof value !== "object" || value === null) return value;
  return Object.fromEntries(Object.entries(value).map(([name, inner]) => [name, plain(inner as Value)]));
}
