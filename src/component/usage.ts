/** Check and track: the hot path. One crossing each; a check and a refusal write nothing. */
import { v, type Infer } from "convex/values";
import { advanceAll, type ClosedPeriod } from "../core/advance.js";
import { assertAmount, nearest, exact } from "../core/amounts.js";
import { answer, decisionValidator, summaryFields, type Decision } from "../core/answers.js";
import { planValidator, type Plan } from "../core/catalog.js";
import {
  askedFeature,
  defaultOnInsufficient,
  draw,
  onInsufficientValidator,
  type Outcome,
} from "../core/draws.js";
import { tallyError } from "../core/errors.js";
import type { Doc } from "./_generated/dataModel.js";
import { mutation, query, type MutationCtx, type QueryCtx } from "./_generated/server.js";
import { assertEntity, entityNotFound, loadRows, saveRows, type Row } from "./rows.js";
import {
  beginCustomer,
  findCustomer,
  provisionValidator,
  startingRows,
  storeBeginning,
  type Beginning,
  type Provision,
} from "./customers.js";
import { findEvent, repeatOf } from "./events.js";
import { propertyValidator } from "./schema.js";

const poolsValidator = v.array(
  v.object({
    featureId: v.string(),
    cost: v.optional(v.object({ creditAmount: v.number(), featureAmount: v.number() })),
    perEntity: v.optional(v.boolean()),
  }),
);

const askFields = {
  /** The asked feature first, then the credit systems that can pay for it. */
  pools: poolsValidator,
  entityId: v.optional(v.string()),
  units: v.number(),
};
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

function asIfBegun(customerId: string, asks: readonly AskArgs[], defaults: Plan[], now: number): WorkingRows {
  refuseEntities(customerId, asks);
  return new WorkingRows(startingRows(customerId, defaults, now).rows, now);
}

const requestValidator = v.object({
  ...askFields,
  /** The asked feature is used up, not held: decides what is done about a shortage unless it is said. */
  consumable: v.boolean(),
  onInsufficient: v.optional(onInsufficientValidator),
  idempotencyKey: v.optional(v.string()),
  properties: v.optional(v.record(v.string(), propertyValidator)),
});
type Request = Infer<typeof requestValidator>;

const trackArgs = v.object({
  customerId: v.string(),
  requests: v.array(requestValidator),
  /** Given when the component has answered `unknown_customer`. */
  provision: v.optional(provisionValidator),
});

const trackedValidator = v.object({
  eventId: v.string(),
  featureId: v.string(),
  entityId: v.optional(v.string()),
  /** What was asked for … */
  value: v.number(),
  /** … what of it was applied, and what could not be. */
  applied: v.number(),
  uncovered: v.number(),
  /** What was left right afterwards, in units of the feature; 0 when unlimited. */
  remaining: v.number(),
  unlimited: v.boolean(),
  /** The call had been made before: nothing was applied now, and this is what was answered then. */
  replayed: v.boolean(),
  /** The balance right afterwards; null when replayed. */
  balance: v.union(v.object(summaryFields), v.null()),
});
export type Tracked = Infer<typeof trackedValidator>;

/** Applies all of `requests`, or none if one of them is refused. */
export const track = mutation({
  args: trackArgs.fields,
  returns: v.union(
    v.object({ kind: v.literal("unknown_customer") }),
    v.object({ kind: v.literal("refused"), decision: decisionValidator }),
    v.object({ kind: v.literal("applied"), results: v.array(trackedValidator) }),
  ),
  handler: trackHandler,
});

export async function trackHandler(
  ctx: MutationCtx,
  { customerId, requests, provision }: Infer<typeof trackArgs>,
) {
  for (const { units } of requests) assertAmount(units, "value", { negative: true });
  const earlier = await findRepeats(ctx, customerId, requests);
  const fresh = requests.filter((_, index) => earlier[index] === undefined);
  if (fresh.length === 0) return applied(earlier.map((event) => replayed(event)));

  const now = Date.now();
  const beginning = await beginningOf(ctx, customerId, fresh, provision, now);
  const working = beginning
    ? new WorkingRows(beginning.rows, now)
    : await WorkingRows.load(ctx, customerId, fresh, now);
  if (working === null) return { kind: "unknown_customer" as const };

  const outcomes: { request: Request; outcome: Outcome<Row>; decision: Decision }[] = [];
  for (const request of fresh) {
    const ask = working.scope(request);
    const policy = request.onInsufficient ?? defaultOnInsufficient(working.rows, ask, request.consumable);
    const outcome = draw(working.rows, ask, policy);
    if (policy === "reject" && outcome.uncovered > 0) {
      return { kind: "refused" as const, decision: answer(working.rows, ask) };
    }
    working.apply(outcome);
    outcomes.push({ request, outcome, decision: answer(working.rows, ask) });
  }
  if (beginning !== null) await storeBeginning(ctx, beginning);
  await working.save(ctx, customerId, beginning !== null);

  const results: Tracked[] = [];
  for (const [index, request] of requests.entries()) {
    const event = earlier[index];
    const done = outcomes.find((each) => each.request === request);
    if (event !== undefined) results.push(replayed(event));
    else if (done !== undefined) results.push(await record(ctx, customerId, done));
  }
  return applied(results);
}

/** The customer's beginning, if this is it. He has no entities then. */
async function beginningOf(
  ctx: QueryCtx,
  customerId: string,
  asks: readonly AskArgs[],
  provision: Provision | undefined,
  now: number,
): Promise<Beginning | null> {
  if (provision === undefined || (await findCustomer(ctx, customerId)) !== null) return null;
  refuseEntities(customerId, asks);
  return beginCustomer(customerId, provision, now);
}

function refuseEntities(customerId: string, asks: readonly AskArgs[]): void {
  for (const { entityId } of asks) if (entityId !== undefined) throw entityNotFound(customerId, entityId);
}

const applied = (results: Tracked[]) => ({ kind: "applied" as const, results });

/** The event that each request has already left, if its key says so. Throws `idempotency_conflict`. */
async function findRepeats(ctx: QueryCtx, customerId: string, requests: readonly Request[]) {
  const keys = requests.flatMap(({ idempotencyKey }) => idempotencyKey ?? []);
  if (new Set(keys).size < keys.length) {
    throw tallyError(
      "invalid_argument",
      "Two requests of one call have the same idempotencyKey. Give each its own. Nothing was changed.",
    );
  }
  return await Promise.all(
    requests.map(async ({ idempotencyKey, pools, entityId, units }) => {
      if (idempotencyKey === undefined) return undefined;
      const event = await findEvent(ctx, customerId, idempotencyKey);
      if (event === null) return undefined;
      return repeatOf(event, { kind: "usage", featureId: askedFeature({ pools }), entityId, value: units });
    }),
  );
}

function replayed(event: Doc<"events"> | undefined): Tracked {
  if (event === undefined) throw new Error("Tally invariant broken: a repeat has its event");
  const uncovered = event.uncovered ?? 0;
  return {
    eventId: event._id,
    featureId: event.featureId ?? "",
    ...(event.entityId !== undefined && { entityId: event.entityId }),
    value: event.value,
    applied: nearest(exact(event.value).minus(uncovered)),
    uncovered,
    remaining: event.remaining ?? 0,
    unlimited: event.unlimited ?? false,
    replayed: true,
    balance: null,
  };
}

async function record(
  ctx: MutationCtx,
  customerId: string,
  { request, outcome, decision }: { request: Request; outcome: Outcome<Row>; decision: Decision },
): Promise<Tracked> {
  const { entityId, units, idempotencyKey, properties } = request;
  const {
    allowed: _allowed,
    reason: _reason,
    requiredBalance: _required,
    featureId,
    entityId: _entity,
    ...balance
  } = decision;
  const { uncovered, unlimited, draws } = outcome;
  const eventId = await ctx.db.insert("events", {
    customerId,
    featureId,
    entityId,
    kind: "usage",
    value: units,
    ...(uncovered !== 0 && { uncovered }),
    draws,
    ...(unlimited ? { unlimited: true as const } : { remaining: balance.remaining }),
    key: idempotencyKey,
    properties,
  });
  return {
    eventId,
    featureId,
    ...(entityId !== undefined && { entityId }),
    value: units,
    applied: outcome.applied,
    uncovered,
    remaining: balance.remaining,
    unlimited,
    replayed: false,
    balance,
  };
}

interface AskArgs {
  pools: Infer<typeof poolsValidator>;
  entityId?: string;
  units: number;
}

/** The rows that one call reads and changes, all as of one instant, written at the end or not at all. */
class WorkingRows {
  rows: Row[];
  readonly now: number;
  private readonly closed: ClosedPeriod[];
  private readonly changed = new Set<string>();

  constructor(stored: Row[], at: number) {
    const advanced = advanceAll(stored, at);
    this.rows = advanced.rows;
    this.now = advanced.now;
    this.closed = advanced.closed;
  }

  /** Null if the customer is not known. Throws `entity_not_found`. */
  static async load(
    ctx: QueryCtx,
    customerId: string,
    asks: readonly AskArgs[],
    at: number,
  ): Promise<WorkingRows | null> {
    const loaded = (await Promise.all(asks.map((ask) => loadRows(ctx, customerId, ask)))).flat();
    const rows = [...new Map(loaded.map((row) => [rowKey(row), row])).values()];
    if (rows.length === 0 && (await findCustomer(ctx, customerId)) === null) return null;
    // An entity with a row of its own is known; another is looked up.
    const unseen = new Set(asks.flatMap(({ entityId }) => entityId ?? []));
    for (const { entityId } of rows) if (entityId !== undefined) unseen.delete(entityId);
    for (const entityId of unseen) await assertEntity(ctx, customerId, entityId);
    return new WorkingRows(rows, at);
  }

  /** The rows that an ask may look at are the working rows; its instant is theirs. */
  scope({ pools, entityId, units }: AskArgs) {
    return { pools, entityId, units, now: this.now };
  }

  apply(outcome: Outcome<Row>): void {
    const drawnFrom = new Set(outcome.draws.map(({ grantId }) => grantId));
    for (const row of outcome.rows) {
      if (row.grants.some(({ id }) => drawnFrom.has(id)) || countsUse(row, outcome))
        this.changed.add(rowKey(row));
    }
    this.rows = outcome.rows;
  }

  /** Stores the rows that were drawn from; a row that only time has changed is left to its next use. */
  async save(ctx: MutationCtx, customerId: string, all: boolean): Promise<void> {
    const changed = all ? this.rows : this.rows.filter((row) => this.changed.has(rowKey(row)));
    const closed = this.closed.filter((period) => changed.some((row) => rowKey(row) === rowKey(period)));
    await saveRows(ctx, customerId, changed, closed);
  }
}

const rowKey = ({ featureId, entityId }: { featureId: string; entityId?: string }) =>
  JSON.stringify([featureId, entityId]);

/** A row can have limits that counted the use without a grant that paid for it. */
function countsUse(row: Row, { applied }: Outcome): boolean {
  return applied !== 0 && row.limits !== undefined;
}
