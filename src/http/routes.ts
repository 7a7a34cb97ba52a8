import { httpActionGeneric, type HttpRouter } from "convex/server";
import type { PropertyValidators } from "convex/values";
import { assertId, refuse } from "../core/arguments.js";
import type { CatalogIds } from "../core/catalog.js";
import { shown } from "../core/errors.js";
import type { Tally } from "../client/tally.js";
import type { Payments } from "../payments/payments.js";
import { billingosFailureOf, envelopeOf } from "../wire/billingosFailures.js";
import { failureOf, WireError } from "../wire/failures.js";
import type { Call } from "../wire/operations.js";
import type { BillingOSOptions } from "../wire/operations/billingos.js";
import { routed } from "../wire/routes.js";
import { versionOf } from "../wire/versions.js";
import { registerBrowserRoutes, type BrowserOptions } from "./browser.js";
import { assertSecret, type SecretKey } from "./keys.js";
import { limitCustomers, limitKey, type RateLimits } from "./rateLimits.js";
import { answered, bodyOf, failed } from "./requests.js";

export interface RoutesOptions<Ids extends CatalogIds, Scope extends PropertyValidators> {
  /**
   * The secret that clients send, from the environment: `() => process.env.TALLY_SECRET_KEY`. Two while one takes
   * the other's place: `() => [process.env.TALLY_SECRET_KEY, process.env.TALLY_SECRET_KEY_NEW]`. Unset: 401.
   */
  secretKey: SecretKey;
  /** What sells; without it, clients can attach only what costs nothing. */
  payments?: Payments<Ids, Scope>;
  /** Before `/v1/`: nothing unless told. Clients are given the same in their base URL. */
  prefix?: string;
  /** What answers say of where customers are: "live" unless told. */
  env?: "sandbox" | "live";
  /** Serves the hooks of `autumn-js/react` as whoever is signed in to the app: not unless given. */
  browser?: BrowserOptions;
  /** What of BillingOS's calls is to be otherwise. */
  billingos?: BillingOSOptions;
  /** How often each secret, and each customer, may be used; beyond that 429 with `Retry-After`. Unlimited unless told. */
  rateLimits?: RateLimits;
}

const METHODS = ["GET", "POST", "PATCH", "DELETE"] as const;
const PREFIX = /^(\/[A-Za-z0-9_-]+)*$/;

/**
 * Serves Autumn's wire protocol, and BillingOS's usage calls: their own clients work with `https://<deployment>.convex.site` as their base URL.
 * Whoever has the secret acts for every customer; let no browser have it.
 *
 * ```ts
 * registerRoutes(http, tally, { secretKey: () => process.env.TALLY_SECRET_KEY, payments });
 * ```
 */
export function registerRoutes<Ids extends CatalogIds, Scope extends PropertyValidators>(
  http: HttpRouter,
  tally: Tally<Ids, Scope>,
  {
    secretKey,
    payments,
    prefix = "",
    env = "live",
    browser,
    billingos,
    rateLimits,
  }: RoutesOptions<Ids, Scope>,
): void {
  if (!PREFIX.test(prefix)) refuse("prefix", 'must be a path such as "/billing", or nothing', prefix);
  const base = `${prefix}/v1/`;
  const handler = httpActionGeneric(async (ctx, request) => {
    try {
      await limitKey(ctx, rateLimits, await assertSecret(request, secretKey));
      const limit = (body: unknown) => limitCustomers(ctx, rateLimits, body);
      return await serve({ ctx, tally, payments, env, billingos }, base, request, limit);
    } catch (error) {
      if (!new URL(request.url).pathname.startsWith(`${base}usage/`))
        return failed(failureOf(error), { env });
      const failure = billingosFailureOf(error, billingos);
      return failed(failure, { env, ...envelopeOf(failure) });
    }
  });
  for (const method of METHODS) http.route({ pathPrefix: base, method, handler });
  if (browser !== undefined) registerBrowserRoutes(http, tally, { tally, payments, env }, browser);
}

async function serve(
  account: Omit<Call, "version" | "idempotencyKey">,
  base: string,
  request: Request,
  limit: (body: unknown) => Promise<void>,
): Promise<Response> {
  const { pathname, searchParams } = new URL(request.url);
  const path = pathname.slice(base.length).replace(/\/$/, "");
  const version = versionOf(request.headers.get("x-api-version"));
  const idempotencyKey = request.headers.get("idempotency-key") ?? undefined;
  if (idempotencyKey !== undefined) assertId(idempotencyKey, "Idempotency-Key");
  const route = routed(request.method, path, searchParams, await bodyOf(request));
  if (route === null) {
    throw new WireError(404, "not_found", `There is no ${request.method} ${shown(`/v1/${path}`)}.`);
  }
  await limit(route.body);
  const body = await route.operation.answer({ ...account, version, idempotencyKey }, route.body);
  return answered(body, route.operation.status);
}
