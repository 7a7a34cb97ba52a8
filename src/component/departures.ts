/** Removes an entity and what it has, in as many transactions as it takes; it is refused from the first on. */
import { v } from "convex/values";
import { advanceAll } from "../core/advance.js";
import { changesOf, differences } from "../core/changes.js";
import { endBalance, usedPerEntity } from "../core/entities.js";
import { internal } from "./_generated/api.js";
import type { Doc } from "./_generated/dataModel.js";
import { internalMutation, mutation, type MutationCtx, type QueryCtx } from "./_generated/server.js";
import { hasBudget } from "./budget.js";
import { getCustomer } from "./customers.js";
import { endKeys, findEvent, repeatOf } from "./events.js";
import { settle } from "./reservations.js";
import { findEntityRecord, getEntity, loadRow, saveRows, type Row } from "./rows.js";
import { freeSeat, recounted } from "./seats.js";
import { openSubscriptions } from "./subscriptions.js";

type Entity = Doc<"entities">;
type Provenance = NonNullable<Entity["removing"]>;

/**
 * Gives the entity's seat back, settles its holds at what was reported, ends its plans and its balances
 * (usage-based periods close), each with an event, and deletes its record. What does not fit into
 * this transaction is scheduled; to every call the entity is gone already. Throws `entity_not_found`.
 */
export const start = mutation({
  args: {
    customerId: v.string(),
    entityId: v.string(),
    idempotencyKey: v.optional(v.string()),
    reason: v.optional(v.string()),
    actor: v.optional(v.string()),
  },
  returns: v.object({ done: v.boolean(), replayed: v.boolean() }),
  handler: async (ctx, { customerId, entityId, idempotencyKey: key, reason, actor }) => {
    const departure = { customerId, entityId, kind: "expire" as const, value: 0 };
    const earlier = key === undefined ? null : await findEvent(ctx, customerId, key);
    if (earlier !== null) {
      const { kind, value } = departure;
      repeatOf(earlier, { kind, entityId, value });
      const record = await findEntityRecord(ctx, customerId, entityId);
      return { done: record?.removing === undefined, replayed: true };
    }
    const entity = await getEntity(ctx, customerId, entityId);
    const provenance = { reason, actor };
    await ctx.db.insert("events", { ...departure, draws: [], key, ...provenance });
    const customer = await getCustomer(ctx, customerId);
    await freeSeat(ctx, customer, entity, provenance, Date.now());
    const entities = recounted(customer, entity.featureId, -1);
    await ctx.db.patch("customers", customer._id, { entities });
    const done = await removeWhatFits(ctx, entity, provenance);
    if (!done) await keepForLater(ctx, entity, provenance);
    return { done, replayed: false };
  },
});

export const proceed = internalMutation({
  args: { id: v.id("entities") },
  returns: v.null(),
  handler: async (ctx, { id }) => {
    const entity = await ctx.db.get("entities", id);
    if (entity === null || (await removeWhatFits(ctx, entity, entity.removing ?? {}))) return null;
    await ctx.scheduler.runAfter(0, internal.departures.proceed, { id });
    return null;
  },
});

/** Whether all of it did. */
async function removeWhatFits(ctx: MutationCtx, entity: Entity, provenance: Provenance): Promise<boolean> {
  // The holds first: what comes back to the entity's own grants must not be charged.
  if (!(await settleHolds(ctx, entity))) return false;
  const now = Date.now();
  await endPlans(ctx, entity, provenance, now);
  await endBalances(ctx, entity, provenance, now);
  await ctx.db.delete("entities", entity._id);
  return true;
}

/** Makes all calls refuse the entity, whose balances holds still give back to. */
async function keepForLater(ctx: MutationCtx, entity: Entity, provenance: Provenance): Promise<void> {
  await ctx.db.patch("entities", entity._id, { removing: provenance });
  for (const row of await balancesOf(ctx, entity))
    await ctx.db.patch("balances", row._id, { removing: true });
  await ctx.scheduler.runAfter(0, internal.departures.proceed, { id: entity._id });
}

/** Holds taken at a time; the transaction's budget is looked at in between. */
const BATCH = 16;

async function settleHolds(ctx: MutationCtx, { customerId, entityId }: Entity): Promise<boolean> {
  while (await hasBudget(ctx)) {
    const open = await ctx.db
      .query("reservations")
      .withIndex("by_entity", (q) => q.eq("customerId", customerId).eq("entityId", entityId))
      .take(BATCH);
    for (const { _id: id, value } of open) {
      // Each in a transaction of its own: one that cannot be settled must not keep the entity.
      await ctx.runMutation(internal.departures.release, { id }).catch(async (error: unknown) => {
        console.error(
          "A reservation cannot be settled at what was reported; charged as held.",
          String(error),
        );
        await ctx.runMutation(internal.departures.release, { id, units: value });
      });
    }
    if (open.length < BATCH) return await hasBudget(ctx);
  }
  return false;
}

/** Settles a hold as `reservations.release` does: at what was reported, unless told. */
export const release = internalMutation({
  args: { id: v.id("reservations"), units: v.optional(v.number()) },
  returns: v.null(),
  handler: async (ctx, { id, units }) => {
    const reservation = await ctx.db.get("reservations", id);
    if (reservation !== null) await settle(ctx, reservation, units ?? reservation.reported ?? 0, Date.now());
    return null;
  },
});

async function endPlans(
  ctx: MutationCtx,
  { customerId, entityId }: Entity,
  provenance: Provenance,
  now: number,
): Promise<void> {
  for (const held of await openSubscriptions(ctx, customerId, now)) {
    if (held.entityId !== entityId) continue;
    await ctx.db.patch("subscriptions", held._id, { endsAt: now });
    const { planId } = held;
    const event = { customerId, entityId, kind: "plan" as const, planId, value: 0, draws: [] };
    await ctx.db.insert("events", { ...event, ...provenance });
  }
}

async function endBalances(
  ctx: MutationCtx,
  entity: Entity,
  provenance: Provenance,
  at: number,
): Promise<void> {
  const { customerId, entityId } = entity;
  for (const stored of await balancesOf(ctx, entity)) {
    const { rows, closed, now } = advanceAll<Row>([stored], at);
    const before = rows[0] ?? stored;
    const { featureId } = before;
    const after = endBalance(before, now);
    const used = usedPerEntity(before, now);
    await saveRows(ctx, customerId, [], [...closed, ...after.closed]);
    await ctx.db.delete("balances", stored._id);
    await ctx.db.insert("events", {
      customerId,
      featureId,
      entityId,
      kind: "expire",
      value: 0,
      draws: differences(before, after.balance),
      changes: changesOf([before], []),
      remaining: 0,
      key: endKeys(entityId, featureId).of(entity, now),
      ...(used > 0 && { properties: { used } }),
      ...provenance,
    });
  }
}

/** The entity's balances, one of each feature: found by going from one feature of the customer to the next. */
async function balancesOf(ctx: QueryCtx, { customerId, entityId }: Entity): Promise<Doc<"balances">[]> {
  const found: Doc<"balances">[] = [];
  let last = "";
  for (;;) {
    const next = await ctx.db
      .query("balances")
      .withIndex("by_owner", (q) => q.eq("customerId", customerId).gt("featureId", last))
      .first();
    if (next === null) return found;
    last = next.featureId;
    const own = await loadRow(ctx, customerId, last, entityId);
    if (own !== null) found.push(own);
  }
}
