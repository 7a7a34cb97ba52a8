/** The backend of `autumn-js/react`, on an app's own HTTP routes. */
import { httpActionGeneric, type HttpRouter } from "convex/server";
import type { ObjectType, PropertyValidators } from "convex/values";
import type { Tally } from "../client/tally.js";
import { refuse } from "../core/arguments.js";
import type { CatalogIds } from "../core/catalog.js";
import { assertOrigins, type Origins } from "../core/origins.js";
import { answerBrowser, browserRoute, type BrowserAccount } from "../wire/browser.js";
import { failureOf } from "../wire/failures.js";
import { answered, bodyOf, failed } from "./requests.js";

export interface BrowserOptions {
  /** Pages of these may call: origins such as "https://app.example.com", or a function that answers them. */
  allowedOrigins: Origins;
  /** Where they do: "/api/autumn" unless told, as `AutumnProvider` does. */
  path?: string;
  /** Whether a browser of `autumn-js/react` 0.1.x may note usage of whoever is signed in: not unless told. */
  track?: boolean;
}

const METHODS = ["GET", "POST", "DELETE", "OPTIONS"] as const;
const PATH = /^(\/[A-Za-z0-9_-]+)+$/;

/** Throws `invalid_argument` of a path or origins that are none. */
export function registerBrowserRoutes<Ids extends CatalogIds, Scope extends PropertyValidators>(
  http: HttpRouter,
  tally: Tally<Ids, Scope>,
  account: BrowserAccount,
  { allowedOrigins, path = "/api/autumn", track = false }: BrowserOptions,
): void {
  if (!PATH.test(path)) refuse("browser.path", 'must be a path such as "/api/autumn"', path);
  if (typeof allowedOrigins !== "function") assertOrigins(allowedOrigins);
  const handler = httpActionGeneric(async (ctx, request) => {
    const response = await respond(request, async () => {
      const name = new URL(request.url).pathname.slice(path.length + 1).replace(/\/$/, "");
      const given = request.method === "GET" ? queryOf(request) : await bodyOf(request);
      const [route, id] = browserRoute(request.method, name, given, track);
      const identify = () => tally.identify(ctx, {} as ObjectType<Scope>);
      const { status, body } = await answerBrowser(route, id, given, { ...account, ctx }, identify);
      return status === 204 ? new Response(null, { status }) : answered(body, status);
    });
    return withCors(response, request, allowedOrigins);
  });
  for (const method of METHODS) http.route({ pathPrefix: `${path}/`, method, handler });
}

async function respond(request: Request, answer: () => Promise<Response>): Promise<Response> {
  if (request.method === "OPTIONS") return new Response(null, { status: 204 });
  try {
    return await answer();
  } catch (error) {
    const failure = failureOf(error);
    return failed(failure, { statusCode: failure.status });
  }
}

/** Of a GET; its body is what a POST would say. */
function queryOf(request: Request): Record<string, unknown> {
  const expand = new URL(request.url).searchParams.get("expand") ?? "";
  return expand === "" ? {} : { expand: expand.split(",") };
}

function withCors(response: Response, request: Request, origins: Origins): Response {
  response.headers.set("vary", "Origin");
  const origin = request.headers.get("origin");
  const allowed = typeof origins === "function" ? origins() : origins;
  if (origin === null || !allowed.includes(origin)) return response;
  response.headers.set("access-control-allow-origin", origin);
  response.headers.set("access-control-allow-credentials", "true");
  if (request.method !== "OPTIONS") return response;
  response.headers.set("access-control-allow-methods", METHODS.join(", "));
  const asked = request.headers.get("access-control-request-headers") ?? "authorization, content-type";
  response.headers.set("access-control-allow-headers", asked);
  response.headers.set("access-control-max-age", "600");
  return response;
}
