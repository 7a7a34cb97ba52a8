/** Check and track: the hot path. One crossing each; a check and a refusal write nothing. */
import { v, type Infer } from "convex/values";
import { crossingValidator, watchValidator, type Crossing } from "../core/alerts.js";
import { assertAmount } from "../core/arguments.js";
import { answer, decisionValidator, type Decision, type Summary } from "../core/answers.js";
import { planValidator } from "../core/terms.js";
import {
  askedFeature,
  defaultOnInsufficient,
  draw,
  onInsufficientValidator,
  type Outcome,
} from "../core/draws.js";
import { shown, tallyError } from "../core/errors.js";
import { statementOf, type Statement } from "../core/statements.js";
import { mutation, query, type MutationCtx, type QueryCtx } from "./_generated/server.js";
import type { Row } from "./rows.js";
import { recordUse, replayed, trackedValidator, type Tracked } from "./uses.js";
import { asIfBegun, askFields, beginningOf, WorkingRows } from "./workingRows.js";
import { provisionValidator, storeBeginning } from "./customers.js";
import { findEvent, repeatOf } from "./events.js";
import { propertyValidator } from "./schema.js";

const checkArgs = v.object({
  customerId: v.string(),
  asks: v.array(v.object(askFields)),
  /** The default plans, as far as they concern what is asked: a customer who is not known has them. */
  defaults: v.array(planValidator),
});

/**
 * Whether all of `asks` could be drawn, one after the other: each answer counts on those before it.
 * A customer who has never written is answered as if he had begun.
 */
export const check = query({
  args: checkArgs.fields,
  returns: v.array(decisionValidator),
  handler: checkHandler,
});

export async function checkHandler(
  ctx: QueryCtx,
  { customerId, asks, defaults }: Infer<typeof checkArgs>,
): Promise<Decision[]> {
  for (const { units } of asks) assertAmount(units, "requiredBalance", { negative: true });
  const now = Date.now();
  const working =
    (await WorkingRows.load(ctx, customerId, asks, now)) ?? asIfBegun(customerId, asks, defaults, now);
  return asks.map((ask) => {
    const scope = working.scope(ask);
    const decision = answer(working.rows, scope);
    if (decision.allowed && asks.length > 1) working.apply(draw(working.rows, scope, "reject"));
    return decision;
  });
}

const requestValidator = v.object({
  ...askFields,
  /** The asked feature is used up, not held: decides what is done about a shortage unless it is said. */
  consumable: v.boolean(),
  onInsufficient: v.optional(onInsufficientValidator),
  idempotencyKey: v.optional(v.string()),
  properties: v.optional(v.record(v.string(), propertyValidator)),
  /** Asks for a statement, with which a repeat is to be answered as well. */
  statement: v.optional(v.literal(true)),
});
type Request = Infer<typeof requestValidator>;

const trackArgs = v.object({
  customerId: v.string(),
  requests: v.array(requestValidator),
  /** Given when the component has answered `unknown_customer`. */
  provision: v.optional(provisionValidator),
  /** What the caller wants to be told of, should a draw cross it. */
  watch: v.optional(watchValidator),
});

/** Applies all of `requests`, or none if one of them is refused. */
export const track = mutation({
  args: trackArgs.fields,
  returns: v.union(
    v.object({ kind: v.literal("unknown_customer") }),
    v.object({ kind: v.literal("refused"), decision: decisionValidator }),
    v.object({
      kind: v.literal("applied"),
      results: v.array(trackedValidator),
      crossings: v.optional(v.array(crossingValidator)),
    }),
  ),
  handler: trackHandler,
});

export async function trackHandler(
  ctx: MutationCtx,
  { customerId, requests, provision, watch }: Infer<typeof trackArgs>,
) {
  for (const { units } of requests) assertAmount(units, "value", { negative: true });
  const earlier = await findRepeats(ctx, customerId, requests);
  const fresh = requests.filter((_, index) => earlier[index] === undefined);
  if (fresh.length === 0) return applied(earlier.flatMap((event) => (event ? [replayed(event)] : [])));

  const now = Date.now();
  const beginning = await beginningOf(ctx, customerId, fresh, provision, now);
  const working = beginning
    ? new WorkingRows(beginning.rows, now)
    : await WorkingRows.load(ctx, customerId, fresh, now);
  if (working === null) return { kind: "unknown_customer" as const };

  const outcomes: Applied[] = [];
  for (const request of fresh) {
    const ask = working.scope(request);
    const policy = request.onInsufficient ?? defaultOnInsufficient(working.rows, ask, request.consumable);
    const outcome = draw(working.rows, ask, policy);
    if (policy === "reject" && outcome.uncovered > 0) {
      return { kind: "refused" as const, decision: answer(working.rows, ask) };
    }
    working.applyDraw(outcome, ask, watch);
    const ledger = working.ledger(beginning !== null);
    const statement = request.statement && statementOf(working.rows, ask);
    outcomes.push({ request, outcome, decision: answer(working.rows, ask), ledger, statement });
  }
  if (beginning !== null) await storeBeginning(ctx, beginning);
  await working.save(ctx, customerId, beginning !== null);

  const results: Tracked[] = [];
  for (const [index, request] of requests.entries()) {
    const event = earlier[index];
    const done = outcomes.find((each) => each.request === request);
    if (event !== undefined) results.push(replayed(event));
    else if (done !== undefined) results.push(await recordRequest(ctx, customerId, done));
  }
  return applied(results, working.told());
}

interface Applied {
  request: Request;
  outcome: Outcome<Row>;
  /** A check right afterwards. */
  decision: Decision;
  ledger: ReturnType<WorkingRows["ledger"]>;
  statement?: Statement;
}

const applied = (results: Tracked[], told: { crossings?: Crossing[] } = {}) => ({
  kind: "applied" as const,
  results,
  ...told,
});

/** The event that each request has already left, if its key says so. Throws `idempotency_conflict`. */
async function findRepeats(ctx: QueryCtx, customerId: string, requests: readonly Request[]) {
  const keys = requests.flatMap(({ idempotencyKey }) => idempotencyKey ?? []);
  if (new Set(keys).size < keys.length) {
    throw tallyError(
      "invalid_argument",
      "Two requests of one call have the same idempotencyKey. Give each its own. Nothing was changed.",
    );
  }
  const repeats = await Promise.all(
    requests.map(async ({ idempotencyKey, pools, entityId, units }) => {
      if (idempotencyKey === undefined) return undefined;
      const event = await findEvent(ctx, customerId, idempotencyKey);
      if (event === null) return undefined;
      return repeatOf(event, { kind: "usage", featureId: askedFeature({ pools }), entityId, value: units });
    }),
  );
  assertOneCall(requests, repeats);
  return repeats;
}

/** The uses of one event are repeated together, or another call has used the key. */
function assertOneCall(requests: readonly Request[], repeats: readonly unknown[]): void {
  const repeated = new Map(requests.map(({ idempotencyKey }, index) => [idempotencyKey, repeats[index]]));
  for (const { idempotencyKey: key } of requests) {
    const [root = "", kind] = key?.split("\u0000") ?? [];
    if (kind === undefined || (repeated.get(root) === undefined) === (repeated.get(key) === undefined))
      continue;
    throw tallyError(
      "idempotency_conflict",
      `The idempotency key ${shown(root)} was used for another call, which charged other features. Use a new key for a new call. Nothing was changed.`,
      { key: root },
    );
  }
}

async function recordRequest(
  ctx: MutationCtx,
  customerId: string,
  { request, outcome, decision, ledger, statement }: Applied,
): Promise<Tracked> {
  const { entityId, units, idempotencyKey, properties } = request;
  const { featureId } = decision;
  const use = { customerId, featureId, entityId, value: units, key: idempotencyKey, properties, ...ledger };
  return await recordUse(ctx, statement ? { ...use, statement } : use, outcome, summaryOf(decision));
}

function summaryOf(decision: Decision): Summary {
  const {
    allowed: _,
    reason: _reason,
    requiredBalance: _required,
    featureId: _feature,
    entityId: _entity,
    ...summary
  } = decision;
  return summary;
}
