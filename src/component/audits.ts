/**
 * Audits: whether a customer's balances are what his events prove. From a query or a mutation in its one
 * transaction; from an action in as many as his events take, and the last one reads with the balances
 * all that has happened meanwhile.
 */
import { v, type Infer, type ObjectType } from "convex/values";
import { advance, closedPeriodValidator } from "../core/advance.js";
import { audit, auditFields, chargeKey, type Audited } from "../core/audit.js";
import { balanceFields, type Balance } from "../core/balances.js";
import { changesOf, differences } from "../core/changes.js";
import { askedFeature } from "../core/draws.js";
import { isTallyError, shown, tallyError, type TallyError } from "../core/errors.js";
import { sorted } from "../core/grants.js";
import { Ledger } from "../core/ledger.js";
import { holdValidator, ledgerEventValidator, type LedgerEvent } from "../core/ledgerEvents.js";
import { api, internal } from "./_generated/api.js";
import type { Doc } from "./_generated/dataModel.js";
import {
  action,
  internalMutation,
  internalQuery,
  mutation,
  query,
  type ActionCtx,
  type MutationCtx,
  type QueryCtx,
} from "./_generated/server.js";
import { hasBudget } from "./budget.js";
import { pageArgs } from "./cursors.js";
import { getCustomer } from "./customers.js";
import { holdsOf, MAX_TTL_MS } from "./reservations.js";
import { loadRow, saveRows, type Row } from "./rows.js";

const auditValidator = v.object({
  customerId: v.string(),
  ...auditFields,
  /** What was looked at. */
  checked: v.object({
    events: v.number(),
    reservations: v.number(),
    balances: v.number(),
    charges: v.number(),
  }),
});
type Audit = Infer<typeof auditValidator>;

const customerArgs = { customerId: v.string() };

/** In one transaction. Throws `customer_not_found`, and `not_supported` of more events than that can read. */
export const run = query({
  args: customerArgs,
  returns: auditValidator,
  handler: async (ctx, { customerId }) => (await auditOf(ctx, customerId)).shown,
});

/** In as many transactions as it takes. */
export const runPaged = action({
  args: customerArgs,
  returns: auditValidator,
  handler: async (ctx, { customerId }): Promise<Audit> => (await pagedAuditOf(ctx, customerId)).shown,
});

/** A page of all customers, by id: how many were looked at, and those of them that are not `ok`. */
export const list = action({
  args: pageArgs,
  returns: v.object({
    page: v.array(auditValidator),
    audited: v.number(),
    cursor: v.union(v.string(), v.null()),
  }),
  handler: async (ctx, args): Promise<{ page: Audit[]; audited: number; cursor: string | null }> => {
    const customers: { page: { customerId: string }[]; cursor: string | null } = await ctx.runQuery(
      api.customers.list,
      args,
    );
    const audits: Audit[] = [];
    for (const { customerId } of customers.page) {
      const found = await pagedAuditOf(ctx, customerId).catch((error: unknown) => {
        // He was removed since he was listed.
        if (isTallyError(error, "customer_not_found")) return null;
        throw error;
      });
      if (found !== null) audits.push(found.shown);
    }
    return { page: audits.filter(({ ok }) => !ok), audited: audits.length, cursor: customers.cursor };
  },
});

const repairArgs = {
  ...customerArgs,
  reason: v.optional(v.string()),
  actor: v.optional(v.string()),
};
const repairedValidator = v.object({
  ...auditValidator.fields,
  /** The correcting events, one for each balance; none if there was nothing to repair. */
  eventIds: v.array(v.string()),
});
type Repaired = Infer<typeof repairedValidator>;

/**
 * Brings a customer's balances to what his events prove, and stores charges that are owed and missing,
 * with an event that says so; answers what the audit had found. Nothing that is recorded is changed.
 */
export const repair = mutation({
  args: repairArgs,
  returns: repairedValidator,
  handler: async (ctx, { customerId, ...provenance }) => {
    const { shown, audited } = await auditOf(ctx, customerId);
    const eventIds = await correctAll(ctx, { customerId, ...provenance, ...repairOf(audited) });
    return { ...shown, eventIds: eventIds ?? [] };
  },
});

/** As `repair`, in as many transactions as the audit takes and one that corrects. Throws `busy`. */
export const repairPaged = action({
  args: repairArgs,
  returns: repairedValidator,
  handler: async (ctx, { customerId, ...provenance }): Promise<Repaired> => {
    for (let attempt = 0; attempt < ATTEMPTS; attempt++) {
      const { shown, audited } = await pagedAuditOf(ctx, customerId);
      const correction = { customerId, ...provenance, ...repairOf(audited) };
      const eventIds: string[] | null = await ctx.runMutation(internal.audits.correct, correction);
      if (eventIds !== null) return { ...shown, eventIds };
    }
    throw busy(customerId, "used what drifts each time it was to be repaired");
  },
});
/** A balance that was used while it was audited is audited again, so often. */
const ATTEMPTS = 5;

interface Found {
  shown: Audit;
  audited: Audited;
}

async function auditOf(ctx: QueryCtx, customerId: string): Promise<Found> {
  const state = await stateOf(ctx, customerId, -Infinity);
  if (state === null) {
    throw tallyError(
      "not_supported",
      `Customer ${shown(customerId)} has more than ${MAX_EVENTS} events, more than one transaction can audit: call it from an action. Nothing was changed.`,
    );
  }
  const ledger = new Ledger();
  return conclude(customerId, ledger, state, state.events.length);
}

/** Longer than any hold is open while the sweep runs: what is older can be replayed before all is read. */
const HOLD_MS = MAX_TTL_MS + 60 * 60 * 1000;

async function pagedAuditOf(ctx: ActionCtx, customerId: string): Promise<Found> {
  // A hold that was settled later than that is found too late: then all is read before any is replayed.
  for (const window of [HOLD_MS, Infinity]) {
    const ledger = new Ledger();
    let [after, count] = [-Infinity, 0];
    for (;;) {
      const page: { events: LedgerEvent[] } = await ctx.runQuery(internal.audits.events, {
        customerId,
        after,
      });
      if (page.events.length === 0) break;
      for (const event of page.events) ledger.enter(event);
      count += page.events.length;
      after = page.events.at(-1)?.createdAt ?? after;
      ledger.replay(after - window);
    }
    const state: State | null = await ctx.runQuery(internal.audits.rest, { customerId, after });
    if (state === null) throw busy(customerId, `had more than ${MAX_EVENTS} events within a minute`);
    const found = conclude(customerId, ledger, state, count + state.events.length);
    if (!ledger.isLate) return found;
  }
  throw new Error("Tally invariant broken: what is read before it is replayed is never late");
}

function conclude(customerId: string, ledger: Ledger, state: State, events: number): Found {
  for (const event of state.events) ledger.enter(event);
  for (const { reservationId, ...hold } of state.reservations) ledger.enterHolds(reservationId, hold);
  ledger.replay();
  const audited = audit(ledger, state, Date.now());
  const checked = {
    events,
    reservations: state.reservations.length,
    balances: state.rows.length,
    charges: state.charges.length,
  };
  return { shown: { customerId, ...audited.findings, checked }, audited };
}

/** Longer than any transaction takes: what was created before is committed, or never will be. */
const SETTLED_MS = 60_000;
/** Events that are read at a time; those of a change of plan may be large. */
const BATCH = 100;
const MAX_PAGE_EVENTS = 1_000;
/** Beside the rest of what one transaction reads and computes. */
const MAX_EVENTS = 4_000;

/** A page of events that nothing can come before any more. */
export const events = internalQuery({
  args: { ...customerArgs, after: v.number() },
  returns: v.object({ events: v.array(ledgerEventValidator) }),
  handler: async (ctx, { customerId, after }) => ({
    events: await eventsAfter(ctx, customerId, after, Date.now() - SETTLED_MS, MAX_PAGE_EVENTS),
  }),
});

const stateValidator = v.object({
  events: v.array(ledgerEventValidator),
  rows: v.array(v.object(balanceFields)),
  reservations: v.array(
    v.object({
      reservationId: v.string(),
      featureId: v.string(),
      entityId: v.optional(v.string()),
      holds: v.array(holdValidator),
    }),
  ),
  charges: v.array(
    v.object({
      featureId: v.string(),
      entityId: v.optional(v.string()),
      grantId: v.string(),
      to: v.number(),
      overage: v.number(),
      amount: v.number(),
    }),
  ),
});
type State = Infer<typeof stateValidator>;

/** All that is stored of a customer, and the events after `after`; null if those are too many. */
export const rest = internalQuery({
  args: { ...customerArgs, after: v.number() },
  returns: v.union(stateValidator, v.null()),
  handler: async (ctx, { customerId, after }) => await stateOf(ctx, customerId, after),
});

/** More than a customer has who keeps to the limit of entities, with several features of each. */
const MAX_STORED = 8_000;

async function stateOf(ctx: QueryCtx, customerId: string, after: number): Promise<State | null> {
  await getCustomer(ctx, customerId);
  const events = await eventsAfter(ctx, customerId, after, Infinity, MAX_EVENTS + 1);
  if (events.length > MAX_EVENTS || !(await hasBudget(ctx))) return null;
  const [rows, reservations, charges] = await Promise.all([
    ctx.db
      .query("balances")
      .withIndex("by_owner", (q) => q.eq("customerId", customerId))
      .take(MAX_STORED + 1),
    ctx.db
      .query("reservations")
      .withIndex("by_reservation", (q) => q.eq("customerId", customerId))
      .take(MAX_STORED + 1),
    chargesOf(ctx, customerId),
  ]);
  for (const [name, { length }] of Object.entries({
    balances: rows,
    "open reservations": reservations,
    charges,
  })) {
    if (length > MAX_STORED) throw tooMany(customerId, name);
  }
  return {
    events,
    rows: rows.map(balanceOf),
    reservations: reservations.map((open) => ({
      reservationId: open.reservationId,
      featureId: askedFeature(open),
      ...(open.entityId !== undefined && { entityId: open.entityId }),
      holds: holdsOf(open),
    })),
    charges: charges.map(({ featureId, entityId, grantId, to, overage, amount }) => ({
      featureId,
      ...(entityId !== undefined && { entityId }),
      grantId,
      to,
      overage,
      amount,
    })),
  };
}

async function chargesOf(ctx: QueryCtx, customerId: string): Promise<Doc<"charges">[]> {
  return await ctx.db
    .query("charges")
    .withIndex("by_customer", (q) => q.eq("customerId", customerId))
    .take(MAX_STORED + 1);
}

function busy(customerId: string, why: string): TallyError {
  return tallyError("busy", `Customer ${shown(customerId)} ${why}. Try again. Nothing was changed.`);
}

function tooMany(customerId: string, name: string): TallyError {
  return tallyError(
    "not_supported",
    `Customer ${shown(customerId)} has more than ${MAX_STORED} ${name}, more than one transaction can audit. Nothing was changed.`,
  );
}

/** The balance that a document holds, and nothing else of it. */
function balanceOf(stored: Balance): Balance {
  const names = Object.keys(balanceFields) as (keyof Balance)[];
  const fields = names.flatMap((name) => (stored[name] === undefined ? [] : [[name, stored[name]]]));
  return Object.fromEntries(fields) as Balance;
}

/** A customer's events after one instant and before another, the oldest first: about `max`. */
async function eventsAfter(
  ctx: QueryCtx,
  customerId: string,
  after: number,
  before: number,
  max: number,
): Promise<LedgerEvent[]> {
  const found: LedgerEvent[] = [];
  while (found.length < max && (await hasBudget(ctx))) {
    const from = found.at(-1)?.createdAt ?? after;
    const batch = await ctx.db
      .query("events")
      .withIndex("by_customer", (q) =>
        q.eq("customerId", customerId).gt("_creationTime", from).lt("_creationTime", before),
      )
      .take(BATCH);
    if (batch.length < BATCH) return [...found, ...batch.map(ledgerEvent)];
    // Those of one instant stay together: the next batch begins after it.
    const last = batch.at(-1)?._creationTime;
    const whole = batch.filter((event) => event._creationTime !== last);
    found.push(...(whole.length > 0 ? whole : batch).map(ledgerEvent));
  }
  return found;
}

function ledgerEvent({ _id, _creationTime, ...event }: Doc<"events">): LedgerEvent {
  const names = Object.keys(ledgerEventValidator.fields) as (keyof LedgerEvent)[];
  const known: Partial<LedgerEvent> = { ...event, eventId: _id, createdAt: _creationTime };
  return Object.fromEntries(names.map((name) => [name, known[name]])) as unknown as LedgerEvent;
}

const correctionFields = {
  corrections: v.array(v.object({ actual: v.object(balanceFields), expected: v.object(balanceFields) })),
  owed: v.array(closedPeriodValidator),
  /** Events whose problems were found. */
  repairs: v.array(v.string()),
};

function repairOf({ findings, corrections, owed }: Audited): ObjectType<typeof correctionFields> {
  return { corrections, owed, repairs: findings.events.map(({ eventId }) => eventId) };
}

/** Stores what an audit of an earlier transaction has proven; null if the balances are others by now. */
export const correct = internalMutation({
  args: { ...repairArgs, ...correctionFields },
  returns: v.union(v.array(v.string()), v.null()),
  handler: async (ctx, args) => await correctAll(ctx, args),
});

async function correctAll(
  ctx: MutationCtx,
  {
    customerId,
    corrections,
    owed,
    repairs,
    reason,
    actor,
  }: ObjectType<typeof repairArgs & typeof correctionFields>,
): Promise<string[] | null> {
  const rows: Row[] = [];
  for (const { actual, expected } of corrections) {
    const { featureId, entityId, advancedAt } = actual;
    const found = await loadRow(ctx, customerId, featureId, entityId);
    const known = found === null ? { ...actual, grants: [] } : advance(balanceOf(found), advancedAt).balance;
    if (sorted(known) !== sorted(actual)) return null;
    rows.push({ ...expected, _id: found?._id });
  }
  const stored = new Set((await chargesOf(ctx, customerId)).map(chargeKey));
  await saveRows(
    ctx,
    customerId,
    rows,
    owed.filter((period) => !stored.has(chargeKey(period))),
  );
  const events = corrections.map(({ actual, expected }) => ({
    featureId: expected.featureId,
    entityId: expected.entityId,
    draws: differences(actual, expected),
    changes: changesOf([actual], [expected]),
  }));
  // What is no balance's is said as well.
  if (events.length === 0 && owed.length + repairs.length === 0) return [];
  const first = events[0] ?? { draws: [] };
  const ids: string[] = [];
  for (const [index, event] of [first, ...events.slice(1)].entries()) {
    const seen = index === 0 ? repairs : [];
    const correcting = {
      customerId,
      kind: "adjust" as const,
      value: 0,
      ...event,
      repairs: seen,
      reason,
      actor,
    };
    ids.push(await ctx.db.insert("events", correcting));
  }
  return ids;
}
