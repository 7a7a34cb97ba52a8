/** An app's own HTTP API, metered. */
import {
  httpActionGeneric,
  type GenericActionCtx,
  type GenericDataModel,
  type PublicHttpAction,
} from "convex/server";
import type { PropertyValidators } from "convex/values";
import type { ActionMeterSpec } from "../client/builders.js";
import { assertIdentity, type Identity } from "../client/identity.js";
import { runMetered, type ActionMeter } from "../client/meters.js";
import type { ReserveArgs } from "../client/reservations.js";
import type { Tally } from "../client/tally.js";
import { mutationVerbs, type MutationVerbs } from "../client/verbs.js";
import type { Decision } from "../core/answers.js";
import type { CatalogIds } from "../core/catalog.js";
import { isTallyError, type TallyError } from "../core/errors.js";
import { endOfLimits } from "../core/waits.js";
import { failureOf } from "../wire/failures.js";
import { failed } from "./requests.js";

type Context = GenericActionCtx<GenericDataModel>;

/** What a metered handler gets: an action's context, who calls, his verbs, and the meter that it counts on. */
export type MeteredContext<Ids extends CatalogIds = CatalogIds> = Context &
  MutationVerbs<Ids> & { identity: Identity; meter: ActionMeter };

export interface MeteredHttpAction<Ids extends CatalogIds, Id extends string> {
  /**
   * Whose request it is, by whatever it carries: null is answered with 401. With an `entityId` for each API key,
   * keys have allowances of their own.
   */
  identify: (ctx: Context, request: Request) => Identity | null | Promise<Identity | null>;
  /**
   * What a request may use at most: one feature, several, or what the request says (null for nothing). It gets a
   * copy of the request, whose body it may read.
   */
  meter?: ActionMeterSpec<Id, Ids["metered"], Request> | MeterOfRequest<Ids>;
  handler: (ctx: MeteredContext<Ids>, request: Request) => Response | Promise<Response>;
  /** The response's body is made while it is sent: settled when it ends, and not when the handler does. */
  streams?: boolean;
}

type MeterOfRequest<Ids extends CatalogIds> = (
  request: Request,
) => Promise<ReserveArgs<Ids["metered"]> | readonly ReserveArgs<Ids["metered"]>[] | null>;

/**
 * An HTTP action that holds what its `meter` says, runs, and charges what the handler counted on `ctx.meter`: all
 * that is held, if it counted nothing; what it counted until then (or nothing), if it throws. Of a stream that its
 * reader leaves, what was counted, and all that is held if nothing was.
 *
 * It answers 401 to whom `identify` does not know; 402 where the plan does not include the feature, or its balance
 * (or what may be spent beyond it) is used up; and 429 where a usage limit is reached, with `Retry-After` until its
 * reset. Bodies are JSON: `message`, `code`, and of 402 and 429 `featureId`, `requiredBalance` and `remaining`.
 *
 * Answers tell what is left of the (first) metered feature in the fields of the IETF's draft: `RateLimit-Limit`,
 * `RateLimit-Remaining`, in whole units, and `RateLimit-Reset`, in seconds; none of what is unlimited.
 *
 * ```ts
 * http.route({
 *   path: "/generate",
 *   method: "POST",
 *   handler: httpAction(tally, { identify, meter: { featureId: "ai_tokens", value: 1_000 }, handler }),
 * });
 * ```
 */
export function httpAction<
  Ids extends CatalogIds,
  Scope extends PropertyValidators,
  Id extends string = Ids["metered"],
>(tally: Tally<Ids, Scope>, definition: MeteredHttpAction<Ids, Id>): PublicHttpAction {
  return httpActionGeneric(async (ctx: Context, request) => {
    let identity: Identity | null = null;
    let hasBegun = false;
    try {
      identity = await definition.identify(ctx, request);
      if (identity === null) return unauthenticated();
      assertIdentity(identity);
      const metered = new Metered(tally, ctx, identity, await usesOf(definition.meter, request));
      const handle = (context: MeteredContext<Ids>) => {
        hasBegun = true;
        return definition.handler(context, request);
      };
      return await (definition.streams === true ? metered.stream(handle) : metered.respond(handle));
    } catch (error) {
      if (identity !== null && isTallyError(error, "usage_exceeded"))
        return await exceeded(ctx, tally, identity, error);
      // What the handler throws is the app's own, and Convex's to log and to answer.
      if (hasBegun) throw error;
      return failed(failureOf(error), {});
    }
  });
}

async function usesOf<Ids extends CatalogIds, Id extends string>(
  meter: MeteredHttpAction<Ids, Id>["meter"],
  request: Request,
): Promise<readonly ReserveArgs[]> {
  const uses = typeof meter === "function" ? await meter(request.clone()) : (meter ?? null);
  if (uses === null) return [];
  return Array.isArray(uses) ? (uses as readonly ReserveArgs[]) : [uses as ReserveArgs];
}

type Handle<Ids extends CatalogIds> = (context: MeteredContext<Ids>) => Response | Promise<Response>;

/** One request and what it may use. */
class Metered<Ids extends CatalogIds, Scope extends PropertyValidators> {
  private readonly verbs: MutationVerbs<Ids>;

  constructor(
    private readonly tally: Tally<Ids, Scope>,
    private readonly ctx: Context,
    private readonly identity: Identity,
    private readonly uses: readonly ReserveArgs[],
  ) {
    const { component, catalog, watcher } = tally;
    this.verbs = mutationVerbs(ctx, { component, catalog, identity, watcher });
  }

  /** Settled before it is answered. */
  async respond(handle: Handle<Ids>): Promise<Response> {
    return await this.told(await this.run(handle));
  }

  /** Answered while it goes on, and settled before the body ends: the very end says that it was charged. */
  async stream(handle: Handle<Ids>): Promise<Response> {
    const begun = new Deferred<Response>();
    const ended = new Deferred<void>();
    const settled = this.run(async (context) => {
      const response = await handle(context);
      begun.resolve(response);
      if (response.body !== null) await ended.promise;
      return response;
    });
    const response = await Promise.race([begun.promise, settled]);
    if (response.body === null) return await this.told(await settled);
    return await this.told(new Response(settlingAtEnd(response.body, ended, settled), response));
  }

  private async run(handle: Handle<Ids>): Promise<Response> {
    const { ctx, identity, verbs, uses, tally } = this;
    const run = async (meter: ActionMeter) => await handle({ ...ctx, ...verbs, identity, meter });
    return await runMetered(ctx, tally.reservations, identity, uses, run);
  }

  private async told(response: Response): Promise<Response> {
    const [use] = this.uses;
    if (use === undefined) return response;
    const { featureId, entityId } = use;
    const asked = { featureId, requiredBalance: 0, ...(entityId !== undefined && { entityId }) };
    const verbs = this.verbs as MutationVerbs;
    const headers = new Headers(response.headers);
    for (const [name, value] of Object.entries(usageHeaders(await verbs.check(asked)))) {
      if (!headers.has(name)) headers.set(name, value);
    }
    const { status, statusText, body } = response;
    return new Response(body, { status, statusText, headers });
  }
}

/** A promise that others keep. */
class Deferred<Value> {
  resolve!: (value: Value) => void;
  reject!: (error: unknown) => void;
  readonly promise = new Promise<Value>((resolve, reject) => {
    this.resolve = resolve;
    this.reject = reject;
  });
}

/** The same bytes; whose end, or whose reader's leaving, is told to `ended`, and which end when all is `settled`. */
function settlingAtEnd(
  body: ReadableStream<Uint8Array>,
  ended: Deferred<void>,
  settled: Promise<unknown>,
): ReadableStream<Uint8Array> {
  const reader = body.getReader();
  return new ReadableStream<Uint8Array>({
    pull: async (controller) => {
      const { done, value } = await reader.read().catch(async (error: unknown) => {
        ended.reject(error);
        await settled.catch(() => undefined);
        throw error;
      });
      if (!done) return controller.enqueue(value);
      ended.resolve();
      await settled;
      controller.close();
    },
    cancel: async (reason) => {
      ended.resolve();
      await Promise.all([settled, reader.cancel(reason)]);
    },
  });
}

function unauthenticated(): Response {
  const message = "This request bears no key that is known here.";
  const headers = { "www-authenticate": "Bearer" };
  return failed({ status: 401, code: "unauthenticated", message, headers }, {});
}

async function exceeded<Ids extends CatalogIds, Scope extends PropertyValidators>(
  ctx: Context,
  tally: Tally<Ids, Scope>,
  identity: Identity,
  error: TallyError<"usage_exceeded">,
): Promise<Response> {
  // What `usageExceeded` puts there: a check's answer.
  const check = error.data.check as unknown as Decision;
  const { featureId, requiredBalance, remaining, reason } = check;
  const { message } = error.data;
  const more = { featureId, requiredBalance, remaining };
  if (reason === "usage_limit") {
    const resetAt = await limitEndsAt(ctx, tally, identity, check);
    const seconds = resetAt === undefined ? undefined : String(secondsUntil(resetAt));
    const headers = {
      "ratelimit-remaining": "0",
      ...(seconds !== undefined && { "retry-after": seconds, "ratelimit-reset": seconds }),
    };
    return failed({ status: 429, code: "usage_limit_exceeded", message, headers }, more);
  }
  const code = reason === "not_included" ? "feature_not_included" : "insufficient_balance";
  return failed({ status: 402, code, message, headers: usageHeaders(check) }, more);
}

async function limitEndsAt<Ids extends CatalogIds, Scope extends PropertyValidators>(
  ctx: Context,
  { component, catalog }: Tally<Ids, Scope>,
  { customerId }: Identity,
  { featureId, entityId, requiredBalance: units }: Decision,
): Promise<number | undefined> {
  const pools = catalog.pools(featureId);
  const balances = await ctx.runQuery(component.balances.own, {
    customerId,
    ...(entityId !== undefined && { entityId }),
    pools: pools.flatMap((pool) => catalog.pools(pool.featureId).slice(0, 1)),
    defaults: catalog.defaultPlans(),
  });
  const rows = balances.map(({ state }) => state);
  const now = Math.max(...rows.map(({ advancedAt }) => advancedAt));
  return endOfLimits(rows, { pools, units, now, ...(entityId !== undefined && { entityId }) });
}

function usageHeaders({ granted, remaining, unlimited, nextResetAt }: Decision): Record<string, string> {
  if (unlimited) return {};
  return {
    "ratelimit-limit": String(Math.floor(granted)),
    "ratelimit-remaining": String(Math.floor(remaining)),
    ...(nextResetAt !== null && { "ratelimit-reset": String(secondsUntil(nextResetAt)) }),
  };
}

const secondsUntil = (instant: number): number => Math.max(1, Math.ceil((instant - Date.now()) / 1_000));
