/** Amounts drawn ahead of a use whose extent is not known yet, until they are settled. */
import { v, type Infer } from "convex/values";
import { crossingValidator, watchValidator, type Watch } from "../core/alerts.js";
import { answer, decisionValidator, summarize } from "../core/answers.js";
import { exact, nearest } from "../core/amounts.js";
import { lastChangeAt } from "../core/balances.js";
import { askedFeature, draw, type Draw, type Outcome } from "../core/draws.js";
import { shown, tallyError, type TallyError } from "../core/errors.js";
import { dated, joined } from "../core/holds.js";
import type { ChargeCorrection, Hold } from "../core/ledgerEvents.js";
import { internal } from "./_generated/api.js";
import type { Doc } from "./_generated/dataModel.js";
import { internalMutation, mutation, query, type MutationCtx, type QueryCtx } from "./_generated/server.js";
import { hasBudget } from "./budget.js";
import { pageArgs, pageOf } from "./cursors.js";
import { provisionValidator, storeBeginning } from "./customers.js";
import { findEvent, holdKey, lateKey } from "./events.js";
import { returnDraws } from "./returns.js";
import { assertEntity } from "./rows.js";
import { propertyValidator } from "./schema.js";
import { recordUse, replayed, trackedValidator, type Tracked } from "./uses.js";
import { askFields, beginningOf, WorkingRows } from "./workingRows.js";

/** No hold lives longer, however often it is extended. */
export const MAX_TTL_MS = 24 * 60 * 60 * 1000;

const askedHoldValidator = v.object({
  ...askFields,
  /** Chosen by the caller, so that a repeat finds it; made here otherwise. */
  reservationId: v.optional(v.string()),
  ttlMs: v.number(),
  properties: v.optional(v.record(v.string(), propertyValidator)),
});
type AskedHold = Infer<typeof askedHoldValidator>;

/** What the draws of a call have crossed, of what it said that it watches. */
const told = { crossings: v.optional(v.array(crossingValidator)) };

const heldFields = {
  reservationId: v.string(),
  /** Units held. */
  value: v.number(),
  expiresAt: v.number(),
};
const reservedValidator = v.object({ ...heldFields, replayed: v.boolean() });

/** Draws all that `holds` ask for now, or nothing. The draws are in the balance at once: nobody else can have them. */
export const reserve = mutation({
  args: {
    customerId: v.string(),
    holds: v.array(askedHoldValidator),
    provision: v.optional(provisionValidator),
    watch: v.optional(watchValidator),
  },
  returns: v.union(
    v.object({ kind: v.literal("unknown_customer") }),
    v.object({ kind: v.literal("refused"), decision: decisionValidator }),
    v.object({ kind: v.literal("held"), holds: v.array(reservedValidator), ...told }),
  ),
  handler: async (ctx, { customerId, holds, provision, watch }) => {
    const now = Date.now();
    const open = await repeatsOfHolds(ctx, customerId, holds, now);
    const fresh = holds.filter((_, index) => open[index] === null);
    const outcomes = new Map<AskedHold, Drawn>();
    let crossed: ReturnType<WorkingRows["told"]> = {};
    if (fresh.length > 0) {
      const beginning = await beginningOf(ctx, customerId, fresh, provision, now);
      const working = beginning
        ? new WorkingRows(beginning.rows, now)
        : await WorkingRows.load(ctx, customerId, fresh, now);
      if (working === null) return { kind: "unknown_customer" as const };
      for (const hold of fresh) {
        const ask = working.scope(hold);
        const outcome = draw(working.rows, ask, "reject");
        if (outcome.uncovered > 0) return { kind: "refused" as const, decision: answer(working.rows, ask) };
        working.applyDraw(outcome, ask, watch);
        outcomes.set(hold, { ...outcome, ledger: working.ledger(beginning !== null) });
      }
      crossed = working.told();
      if (beginning !== null) await storeBeginning(ctx, beginning);
      await working.save(ctx, customerId, beginning !== null);
    }
    const results: Infer<typeof reservedValidator>[] = [];
    for (const [index, hold] of holds.entries()) {
      const [repeated, outcome] = [open[index], outcomes.get(hold)];
      if (repeated) results.push({ ...held(repeated), replayed: true });
      else if (outcome) results.push(await storeHold(ctx, customerId, hold, outcome, now));
    }
    return { kind: "held" as const, holds: results, ...crossed };
  },
});

/** What a hold has drawn, and what the ledger has to know of it. */
interface Drawn extends Outcome {
  ledger: ReturnType<WorkingRows["ledger"]>;
}

async function storeHold(
  ctx: MutationCtx,
  customerId: string,
  { ttlMs, units: value, reservationId = newId(), ...hold }: AskedHold,
  { draws, unlimited, ledger }: Drawn,
  now: number,
) {
  const reservation = { ...hold, customerId, reservationId, value, draws, ...ledger, expiresAt: now + ttlMs };
  await ctx.db.insert("reservations", { ...reservation, ...(unlimited && { unlimited }) });
  return { ...held(reservation), replayed: false };
}

function held({ reservationId, value, expiresAt }: Infer<typeof heldValidator>): Infer<typeof heldValidator> {
  return { reservationId, value, expiresAt };
}
export const heldValidator = v.object(heldFields);

/** The open hold that each of the holds has made before. Throws `idempotency_conflict`, or `reservation_closed`. */
async function repeatsOfHolds(ctx: QueryCtx, customerId: string, holds: readonly AskedHold[], now: number) {
  const ids = holds.flatMap(({ reservationId }) => reservationId ?? []);
  if (new Set(ids).size < ids.length) {
    throw tallyError(
      "invalid_argument",
      "Two holds of one call have the same reservationId. Give each its own. Nothing was changed.",
    );
  }
  return await Promise.all(holds.map((hold) => repeatOfHold(ctx, customerId, hold, now)));
}

async function repeatOfHold(
  ctx: QueryCtx,
  customerId: string,
  { reservationId, pools, entityId, units }: AskedHold,
  now: number,
): Promise<Doc<"reservations"> | null> {
  if (reservationId === undefined) return null;
  const open = await findReservation(ctx, customerId, reservationId);
  if (open === null) {
    if ((await findEvent(ctx, customerId, holdKey(reservationId))) !== null) throw closed(reservationId);
    return null;
  }
  const asked = open.asked ?? open.value;
  const isSame =
    askedFeature(open) === askedFeature({ pools }) && open.entityId === entityId && asked === units;
  if (isSame && open.expiresAt <= now) throw closed(reservationId);
  if (isSame) return open;
  throw tallyError(
    "idempotency_conflict",
    `The reservation ${shown(reservationId)} is open and holds something else (${asked} of "${askedFeature(open)}"). Use a new id. Nothing was changed.`,
    { reservationId },
  );
}

const ID_ALPHABET = "0123456789abcdefghijklmnopqrstuvwxyz";

/** 20 characters that no customer has had: more than a hundred bits. */
function newId(): string {
  const random = () => ID_ALPHABET[Math.floor(Math.random() * ID_ALPHABET.length)] ?? "0";
  return `res_${Array.from({ length: 20 }, random).join("")}`;
}

/** Notes how much is used so far: what is charged if nobody settles the reservation. */
export const report = mutation({
  args: { customerId: v.string(), reservationId: v.string(), total: v.number() },
  returns: v.null(),
  handler: async (ctx, { customerId, reservationId, total }) => {
    const reservation = await openReservation(ctx, customerId, reservationId);
    await ctx.db.patch("reservations", reservation._id, { reported: total });
    return null;
  },
});

/** Holds more units, or longer: never beyond a day from its start. */
export const extend = mutation({
  args: {
    customerId: v.string(),
    reservationId: v.string(),
    units: v.number(),
    ttlMs: v.optional(v.number()),
    watch: v.optional(watchValidator),
  },
  returns: v.union(
    v.object({ kind: v.literal("refused"), decision: decisionValidator }),
    v.object({
      kind: v.literal("held"),
      ...heldFields,
      /** Not as long as was asked for. */
      isShortened: v.boolean(),
      ...told,
    }),
  ),
  handler: async (ctx, { customerId, reservationId, units, ttlMs, watch }) => {
    const reservation = await openReservation(ctx, customerId, reservationId);
    const now = Date.now();
    const startedAt = reservation._creationTime;
    const wanted = ttlMs === undefined ? 0 : now + ttlMs;
    const expiresAt = Math.max(reservation.expiresAt, Math.min(startedAt + MAX_TTL_MS, wanted));
    const more: Partial<Doc<"reservations">> & { value: number } = { value: reservation.value };
    let crossed: ReturnType<WorkingRows["told"]> = {};
    if (units > 0) {
      const working = await WorkingRows.reload(ctx, customerId, reservation, now);
      const ask = working.scope({ ...reservation, units });
      const outcome = draw(working.rows, ask, "reject");
      if (outcome.uncovered > 0) return { kind: "refused" as const, decision: answer(working.rows, ask) };
      working.applyDraw(outcome, ask, watch);
      crossed = working.told();
      await working.save(ctx, customerId, false);
      const { changes } = working.ledger();
      more.holds = await heldWith(ctx, reservation, working, { draws: outcome.draws, changes });
      more.value = nearest(exact(reservation.value).plus(units));
      more.asked = reservation.asked ?? reservation.value;
      const later = dated(outcome.draws, now, startedAt);
      more.draws = joined(reservation.draws, later, startedAt, working.rows);
      if (outcome.unlimited) more.unlimited = true;
    }
    await ctx.db.patch("reservations", reservation._id, { ...more, expiresAt });
    const extended = held({ reservationId, value: more.value, expiresAt });
    return { kind: "held" as const, ...extended, isShortened: expiresAt < wanted, ...crossed };
  },
});

/** A reservation's draws, each time as they came. */
export function holdsOf({
  _creationTime: createdAt,
  at,
  changes,
  draws,
  holds,
}: Doc<"reservations">): Hold[] {
  const first = { createdAt, ...(at !== undefined && { at }), ...(changes && { changes }), draws };
  return holds ?? [first];
}

/** In milliseconds: what is created is further apart. */
const BETWEEN = 0.0005;

/**
 * Those draws, and more that come after all that has happened to the customer so far: an extension
 * creates nothing that says when. What nothing lies between is one.
 */
async function heldWith(
  ctx: QueryCtx,
  reservation: Doc<"reservations">,
  { rows, now }: WorkingRows,
  { draws, changes }: Pick<Hold, "draws" | "changes">,
): Promise<Hold[]> {
  const latest = await ctx.db
    .query("events")
    .withIndex("by_customer", (q) => q.eq("customerId", reservation.customerId))
    .order("desc")
    .first();
  const happened = latest?._creationTime ?? 0;
  const earlier = holdsOf(reservation);
  const last = earlier.at(-1);
  const isApart = rows.some((row) => lastChangeAt(row, now) > (last?.at ?? last?.createdAt ?? 0));
  if (last === undefined || happened > last.createdAt || isApart || last.changes || changes) {
    const before = Math.max(happened, last?.createdAt ?? 0);
    const createdAt = before < now ? Math.max(now - BETWEEN, (before + now) / 2) : before + BETWEEN;
    return [...earlier, { createdAt, at: now, ...(changes && { changes }), draws }];
  }
  return [...earlier.slice(0, -1), { ...last, draws: joined(last.draws, draws, now, rows) }];
}

const settledValidator = v.object({
  ...trackedValidator.fields,
  /** It had expired: what came after that is charged with what was left. */
  late: v.boolean(),
  /** Units given back whose period was over: they came back to nobody. */
  lapsed: v.number(),
  ...told,
});
type Settled = Infer<typeof settledValidator>;

/**
 * Settles a reservation at `total` units (those held, unless told): less goes back to the very
 * grants that paid, the last first; more is charged as far as the balance goes, the rest is
 * `uncovered`. A repeat is answered from the first time.
 */
export const confirm = mutation({
  args: {
    customerId: v.string(),
    reservationId: v.string(),
    total: v.optional(v.number()),
    watch: v.optional(watchValidator),
  },
  returns: settledValidator,
  handler: async (ctx, { customerId, reservationId, total, watch }) => {
    const now = Date.now();
    const reservation = await findReservation(ctx, customerId, reservationId);
    if (reservation !== null)
      return await settle(ctx, reservation, total ?? reservation.value, now, { watch });
    const event = await settledEvent(ctx, customerId, reservationId);
    const confirmed = total ?? event.held ?? event.value;
    if (event.expired === true) return await confirmLate(ctx, event, reservationId, confirmed, now, watch);
    if (confirmed !== event.value) throw closed(reservationId);
    return settledAgain(event);
  },
});

/** Ends a reservation: what was reported is charged, the rest goes back. */
export const release = mutation({
  args: { customerId: v.string(), reservationId: v.string(), watch: v.optional(watchValidator) },
  returns: settledValidator,
  handler: async (ctx, { customerId, reservationId, watch }) => {
    const reservation = await findReservation(ctx, customerId, reservationId);
    if (reservation !== null)
      return await settle(ctx, reservation, reservation.reported ?? 0, Date.now(), { watch });
    const event = await settledEvent(ctx, customerId, reservationId);
    const again = settledAgain(event);
    return { ...again, late: again.late || event.expired === true };
  },
});

export async function settle(
  ctx: MutationCtx,
  reservation: Doc<"reservations">,
  units: number,
  now: number,
  options: { expired?: true; watch?: Watch } = {},
): Promise<Settled> {
  const { customerId, reservationId, entityId, value, properties } = reservation;
  const working = await WorkingRows.reload(ctx, customerId, reservation, now);
  const scope = working.scope({ ...reservation, units: 0 });
  const difference = exact(units).minus(value);
  const { _creationTime: at } = reservation;
  let { draws, unlimited = false }: { draws: Draw[]; unlimited?: boolean } = reservation;
  let [uncovered, lapsed] = [0, 0];
  let charged: ChargeCorrection[] = [];
  if (difference.lt(0)) {
    const less = nearest(difference.neg());
    const returned = await returnDraws(ctx, customerId, working, { draws, at }, less, scope);
    ({ kept: draws, lapsed, charged } = returned);
  }
  draws = dated(draws, at, now);
  if (difference.gt(0)) {
    const ask = { ...scope, units: nearest(difference) };
    const more = draw(working.rows, ask, "cap");
    working.applyDraw(more, ask, options.watch);
    draws = joined(draws, more.draws, now, working.rows);
    ({ uncovered } = more);
    unlimited ||= more.unlimited;
  }
  await working.save(ctx, customerId, false);
  await ctx.db.delete("reservations", reservation._id);
  const late = now >= reservation.expiresAt && options.expired === undefined;
  const use = {
    customerId,
    featureId: askedFeature(reservation),
    entityId,
    value: units,
    key: holdKey(reservationId),
    properties,
    held: value,
    holds: holdsOf(reservation),
    changes: working.changes(),
    ...(charged.length > 0 && { charged }),
    ...(options.expired && { expired: true as const, pools: reservation.pools }),
    ...(late && { lateTotal: units }),
    ...(lapsed !== 0 && { lapsed }),
  };
  const tracked = await recordUse(ctx, use, { draws, uncovered, unlimited }, summarize(working.rows, scope));
  return { ...tracked, late, lapsed, ...working.told() };
}

/** What was answered when the reservation was settled. */
function settledAgain(event: Doc<"events">): Settled {
  return { ...replayed(event), late: event.lateTotal !== undefined, lapsed: event.lapsed ?? 0 };
}

/**
 * A hold that was swept has settled at what was reported. A late confirmation charges what is more,
 * as far as the balance goes, and is answered as one settlement of all; less than that it cannot be.
 */
async function confirmLate(
  ctx: MutationCtx,
  event: Doc<"events">,
  reservationId: string,
  confirmed: number,
  now: number,
  watch: Watch | undefined,
): Promise<Settled> {
  const { customerId, entityId, featureId = "", pools = [{ featureId }] } = event;
  const key = lateKey(reservationId);
  const repeated = await findEvent(ctx, customerId, key);
  if (repeated !== null && repeated.lateTotal !== confirmed) throw closed(reservationId);
  if (repeated !== null) return asOne(event, replayed(repeated), confirmed);
  await assertEntity(ctx, customerId, entityId);

  const working = await WorkingRows.reload(ctx, customerId, { pools, entityId }, now);
  const scope = working.scope({ pools, entityId, units: 0 });
  const owed = exact(confirmed).minus(event.value);
  const { properties } = event;
  const use = {
    customerId,
    featureId,
    entityId,
    value: nearest(owed),
    key,
    properties,
    lateTotal: confirmed,
  };
  // What was reported is charged for good: to give of it back is a refund, which counts with all others.
  if (owed.lt(0)) throw closed(reservationId);
  const ask = { ...scope, units: nearest(owed) };
  const outcome = draw(working.rows, ask, "cap");
  working.applyDraw(outcome, ask, watch);
  await working.save(ctx, customerId, false);
  const recorded = { ...use, ...working.ledger() };
  const late = await recordUse(ctx, recorded, outcome, summarize(working.rows, scope));
  return { ...asOne(event, late, confirmed), ...working.told() };
}

/** The settlement by the sweep and the late confirmation, as the one that they are to the caller. */
function asOne(swept: Doc<"events">, late: Tracked, value: number): Settled {
  const before = exact(swept.value).minus(swept.uncovered ?? 0);
  const applied = nearest(before.plus(late.applied));
  const uncovered = nearest(exact(value).minus(applied));
  return { ...late, value, applied, uncovered, late: true, lapsed: swept.lapsed ?? 0 };
}

/** Reservations that nobody settled in time, each settled at what was last reported. */
export const sweep = internalMutation({
  args: {},
  returns: v.object({ settled: v.number(), done: v.boolean() }),
  handler: async (ctx) => {
    const now = Date.now();
    let settled = 0;
    while (await hasBudget(ctx)) {
      const due = await ctx.db
        .query("reservations")
        .withIndex("by_expiry", (q) => q.gt("expiresAt", 0).lte("expiresAt", now))
        .take(SWEEP_BATCH);
      for (const { _id, value } of due) {
        // Each in a transaction of its own: one that cannot be settled must not keep the others.
        await ctx.runMutation(internal.reservations.expire, { id: _id }).catch(async (error: unknown) => {
          console.error(
            "A reservation cannot be settled at what was reported; charged as held.",
            String(error),
          );
          await ctx.runMutation(internal.reservations.expire, { id: _id, units: value });
        });
      }
      settled += due.length;
      if (due.length < SWEEP_BATCH) return { settled, done: true };
    }
    await ctx.scheduler.runAfter(0, internal.reservations.sweep, {});
    return { settled, done: false };
  },
});
const SWEEP_BATCH = 16;

/** Settles a hold that has expired: at what was reported, unless told. */
export const expire = internalMutation({
  args: { id: v.id("reservations"), units: v.optional(v.number()) },
  returns: v.null(),
  handler: async (ctx, { id, units }) => {
    const reservation = await ctx.db.get("reservations", id);
    if (reservation === null) return null;
    await settle(ctx, reservation, units ?? reservation.reported ?? 0, Date.now(), { expired: true });
    return null;
  },
});

const listedValidator = v.object({
  ...heldFields,
  featureId: v.string(),
  entityId: v.optional(v.string()),
  reported: v.optional(v.number()),
  createdAt: v.number(),
});

/** A customer's open reservations, by id. */
export const list = query({
  args: { customerId: v.string(), ...pageArgs },
  returns: v.object({ page: v.array(listedValidator), cursor: v.union(v.string(), v.null()) }),
  handler: async (ctx, { customerId, ...args }) => {
    const from = { table: "reservations", index: "by_reservation", prefix: [customerId] } as const;
    const { page, cursor } = await pageOf(ctx, { ...from, prefix: [...from.prefix] }, args);
    return {
      page: page.map((open) => ({
        ...held(open),
        featureId: askedFeature(open),
        entityId: open.entityId,
        reported: open.reported,
        createdAt: open._creationTime,
      })),
      cursor,
    };
  },
});

/** Whose open reservations have that id: one customer's, as a rule; two of several. */
export const holders = query({
  args: { reservationId: v.string() },
  returns: v.array(v.string()),
  handler: async (ctx, { reservationId }) => {
    const open = await ctx.db
      .query("reservations")
      .withIndex("by_reservation_id", (q) => q.eq("reservationId", reservationId))
      .take(2);
    return open.map(({ customerId }) => customerId);
  },
});

async function findReservation(
  ctx: QueryCtx,
  customerId: string,
  reservationId: string,
): Promise<Doc<"reservations"> | null> {
  return await ctx.db
    .query("reservations")
    .withIndex("by_reservation", (q) => q.eq("customerId", customerId).eq("reservationId", reservationId))
    .unique();
}

/** Throws `reservation_not_found`, or `reservation_closed`. */
async function openReservation(
  ctx: QueryCtx,
  customerId: string,
  reservationId: string,
): Promise<Doc<"reservations">> {
  const reservation = await findReservation(ctx, customerId, reservationId);
  if (reservation !== null) return reservation;
  await settledEvent(ctx, customerId, reservationId);
  throw closed(reservationId);
}

/** The event that a settled reservation has left. Throws `reservation_not_found`. */
async function settledEvent(
  ctx: QueryCtx,
  customerId: string,
  reservationId: string,
): Promise<Doc<"events">> {
  const event = await findEvent(ctx, customerId, holdKey(reservationId));
  if (event !== null) return event;
  throw tallyError(
    "reservation_not_found",
    `Customer ${shown(customerId)} has no reservation ${shown(reservationId)}. Nothing was changed.`,
    { reservationId },
  );
}

function closed(reservationId: string): TallyError {
  return tallyError(
    "reservation_closed",
    `The reservation ${shown(reservationId)} is settled or expired already. Nothing was changed.`,
    { reservationId },
  );
}
