/** The verbs of one customer, as functions get them on their context. */
import { assertFlag } from "../core/arguments.js";
import type { Decision } from "../core/answers.js";
import type { Catalog, CatalogIds } from "../core/catalog.js";
import { assert, tallyError, usageExceeded } from "../core/errors.js";
import type { ComponentApi } from "../component/_generated/component.js";
import { checkAnswer, unauthenticatedAnswer, type CheckAnswer } from "../core/checkAnswers.js";
import type { Watcher } from "./callbacks.js";
import type { MutationContext, QueryContext } from "./contexts.js";
import { signedIn, type Identity } from "./identity.js";
import {
  askOf,
  requestOf,
  type Ask,
  usesOfEvent,
  type CheckArgs,
  type EventArgs,
  type Known,
  type Request,
  type SendEventArgs,
  type TrackArgs,
  type UseArgs,
} from "./requests.js";
import { Reservations, type Reservation, type ReserveArgs } from "./reservations.js";
import { defaultPlans } from "./versions.js";

/** What was done by a `track` or `consume`, and what was left right afterwards. */
export type Tracked = Extract<Awaited<ReturnType<typeof callTrack>>, { kind: "applied" }>["results"][number];

/** What a query can do. */
export interface QueryVerbs<Ids extends CatalogIds = CatalogIds> {
  /**
   * Whether the customer can use `requiredBalance` (1 unless told) units of a feature now, paid from
   * its own balance and credits together. Changes nothing. Several at once are answered as if each
   * had used what those before it ask for. Throws `feature_not_found`, `entity_not_found`, `invalid_amount`.
   */
  check<Id extends string>(args: CheckArgs<Id> & Known<Id, Ids["feature"]>): Promise<CheckAnswer>;
  check<Id extends string>(
    args: readonly (CheckArgs<Id> & Known<Id, Ids["feature"]>)[],
  ): Promise<CheckAnswer[]>;
}

/** What a mutation or an action can do. In a mutation everything joins the caller's transaction. */
export interface MutationVerbs<Ids extends CatalogIds = CatalogIds> {
  /** As in a query; with `sendEvent` it deducts at once if allowed, and answers `allowed: false` if not. */
  check<Id extends string>(args: SendEventArgs<Id> & Known<Id, Ids["feature"]>): Promise<CheckAnswer>;
  check<Id extends string>(
    args: readonly (CheckArgs<Id> & Known<Id, Ids["feature"]>)[],
  ): Promise<CheckAnswer[]>;
  /**
   * Records that `value` (1 unless told) units were used, after the fact: applies what fits unless
   * `onInsufficient` says otherwise. Several at once are one transaction, all or nothing.
   * Throws `usage_exceeded` (with `reject`), `invalid_amount`, `idempotency_conflict`, `unauthenticated`.
   */
  track<Id extends string>(args: TrackArgs<Id> & Known<Id, Ids["metered"]>): Promise<Tracked>;
  track<Id extends string>(args: readonly (TrackArgs<Id> & Known<Id, Ids["metered"]>)[]): Promise<Tracked[]>;
  /** As above, by the name of an event: charges every feature that lists it, all of them or none. */
  track(args: EventArgs): Promise<Tracked[]>;
  /**
   * Checks and deducts in one step. Throws `usage_exceeded`, with the check's answer inside, if the
   * balance cannot pay for all of it; then nothing was changed.
   */
  consume<Id extends string>(args: UseArgs<Id> & Known<Id, Ids["metered"]>): Promise<Tracked>;
  consume<Id extends string>(args: readonly (UseArgs<Id> & Known<Id, Ids["metered"]>)[]): Promise<Tracked[]>;
  /**
   * Holds `value` units while work of unknown extent goes on, to be confirmed at what it took. Answers
   * `allowed: false` if the balance cannot pay for them; then nothing is held.
   */
  reserve<Id extends string>(args: ReserveArgs<Id> & Known<Id, Ids["metered"]>): Promise<Reservation>;
  /** Several at once: all of them are held, or none, and each says why. */
  reserve<Id extends string>(
    args: readonly (ReserveArgs<Id> & Known<Id, Ids["metered"]>)[],
  ): Promise<Reservation[]>;
}

/** What the verbs are about: one deployment's component and catalog, and one identity in it. */
export interface Account {
  component: ComponentApi;
  catalog: Catalog;
  identity: Identity | null;
  /** Trusted code may give back with a negative value. */
  negative?: boolean;
  /** The app's callbacks, if it has any. */
  watcher?: Watcher;
}

type OneOrMany<T> = T | readonly T[];

export function queryVerbs(ctx: QueryContext, account: Account): QueryVerbs {
  return { check: ((args: OneOrMany<CheckArgs>) => check(ctx, account, args)) as QueryVerbs["check"] };
}

export function mutationVerbs(ctx: MutationContext, account: Account): MutationVerbs {
  const verbs = {
    check: (args: OneOrMany<SendEventArgs>) =>
      sendsEvent(args) ? checkAndSend(ctx, account, args) : check(ctx, account, args),
    track: (args: OneOrMany<TrackArgs> | EventArgs) =>
      isEvent(args) ? trackEvent(ctx, account, args) : use(ctx, account, args, "track"),
    consume: (args: OneOrMany<UseArgs>) => use(ctx, account, args, "consume"),
    reserve: async (args: OneOrMany<ReserveArgs>) => {
      const reservations = new Reservations(account.component, account.catalog, account.watcher);
      return sameShape(args, await reservations.hold(ctx, account.identity, asList(args)));
    },
  };
  return verbs as MutationVerbs;
}

async function check(
  ctx: QueryContext,
  account: Account,
  args: OneOrMany<CheckArgs>,
): Promise<OneOrMany<CheckAnswer>> {
  const { catalog, identity } = account;
  const many = asList(args);
  const asks = many.map((one) => askOf(catalog, one, identity?.entityId));
  for (const one of many) refuseSendEvent(ctx, one);
  const answers =
    identity === null
      ? many.map(({ featureId, requiredBalance = 1 }) => unauthenticatedAnswer(featureId, requiredBalance))
      : (await decide(ctx, account, identity, asks)).map((decision) =>
          checkAnswer(decision, identity.customerId),
        );
  return sameShape(args, answers);
}

function sendsEvent(args: OneOrMany<SendEventArgs>): args is SendEventArgs {
  if (typeof args !== "object" || args === null || !("sendEvent" in args)) return false;
  assertFlag(args.sendEvent, "sendEvent");
  return args.sendEvent === true;
}

function refuseSendEvent(ctx: QueryContext, args: SendEventArgs): void {
  if (args.sendEvent === undefined || args.sendEvent === false) return;
  throw tallyError(
    "not_supported",
    "runMutation" in ctx
      ? "sendEvent is for one feature at a time; for several at once, use consume with a list."
      : "A query changes nothing: use check without sendEvent here, or consume in a mutation.",
  );
}

async function decide(
  ctx: QueryContext,
  { component, catalog }: Account,
  { customerId }: Identity,
  asks: Ask[],
): Promise<Decision[]> {
  const features = asks.flatMap(({ pools }) => pools.map(({ featureId }) => featureId));
  return await ctx.runQuery(component.usage.check, {
    customerId,
    asks,
    defaults: catalog.defaultsFor(features),
  });
}

async function checkAndSend(
  ctx: MutationContext,
  account: Account,
  args: SendEventArgs,
): Promise<CheckAnswer> {
  const { catalog, identity } = account;
  const { sendEvent: _sendEvent, requiredBalance: _required, ...rest } = args;
  const { customerId } = signedIn(identity);
  const request = requestOf(
    catalog,
    { ...rest, ...("requiredBalance" in args && { value: args.requiredBalance }) },
    identity?.entityId,
    { verb: "check" },
  );
  const requiredBalance = request.units;
  const result = await callTrack(ctx, account, [request]);
  if (result.kind === "refused") return checkAnswer(result.decision, customerId);
  const [tracked] = result.results;
  assert(tracked !== undefined, "a request is answered");
  if (tracked.balance === null) {
    const { pools, entityId } = request;
    const asks = [{ pools, ...(entityId !== undefined && { entityId }), units: 0 }];
    const [now] = await decide(ctx, account, signedIn(identity), asks);
    assert(now !== undefined, "a check is answered");
    return checkAnswer({ ...now, allowed: true, reason: null, requiredBalance }, customerId);
  }
  const { featureId, entityId, balance } = tracked;
  return checkAnswer(
    {
      allowed: true,
      reason: null,
      featureId,
      ...(entityId !== undefined && { entityId }),
      requiredBalance,
      ...balance,
    },
    customerId,
  );
}

async function use(
  ctx: MutationContext,
  account: Account,
  args: OneOrMany<TrackArgs>,
  verb: "track" | "consume",
): Promise<OneOrMany<Tracked>> {
  const { catalog, identity, negative } = account;
  const requests = asList(args).map((one) =>
    requestOf(catalog, one, identity?.entityId, { verb, negative: negative === true && verb === "track" }),
  );
  signedIn(identity);
  const result = await callTrack(ctx, account, requests);
  if (result.kind === "refused") throw usageExceeded(result.decision);
  return sameShape(args, result.results);
}

function isEvent(args: unknown): args is EventArgs {
  return typeof args === "object" && args !== null && "eventName" in args;
}

async function trackEvent(ctx: MutationContext, account: Account, args: EventArgs): Promise<Tracked[]> {
  const { catalog, identity, negative } = account;
  const requests = usesOfEvent(catalog, args).map((use, index) => {
    const request = requestOf(catalog, use, identity?.entityId, { verb: "track", negative });
    const { idempotencyKey: key } = request;
    // Each feature's use is an event with a key of its own, the first with the app's: it has no control character.
    if (key === undefined || index === 0) return request;
    return { ...request, idempotencyKey: `${key}\u0000event\u0000${use.featureId}` };
  });
  signedIn(identity);
  const result = await callTrack(ctx, account, requests);
  if (result.kind === "refused") throw usageExceeded(result.decision);
  return result.results;
}

/** One crossing; a customer's very first use takes a second one, which brings the default plans. */
export async function callTrack(ctx: MutationContext, account: Account, requests: Request[]) {
  const { component, catalog, identity, watcher } = account;
  const { customerId, name, email } = signedIn(identity);
  const call = { customerId, requests, ...(watcher && { watch: watcher.watch }) };
  let result = await ctx.runMutation(component.usage.track, call);
  if (result.kind === "unknown_customer") {
    const provision = { plans: await defaultPlans(catalog), name, email };
    result = await ctx.runMutation(component.usage.track, { ...call, provision });
  }
  assert(result.kind !== "unknown_customer", "a customer who is provisioned is known");
  if (result.kind === "applied") await watcher?.tell(ctx, customerId, result.crossings);
  return result;
}

function asList<T>(args: OneOrMany<T>): readonly T[] {
  const list = Array.isArray(args) ? (args as readonly T[]) : [args as T];
  if (list.length === 0 || list.length > 100) {
    throw tallyError(
      "invalid_argument",
      `One call takes 1 to 100 requests; got ${list.length}. Nothing was changed.`,
    );
  }
  return list;
}

function sameShape<T>(args: OneOrMany<unknown>, answers: T[]): OneOrMany<T> {
  if (Array.isArray(args)) return answers;
  const [only] = answers;
  assert(only !== undefined, "one request has one answer");
  return only;
}
