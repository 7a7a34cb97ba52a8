import { v } from "convex/values";
import { advance, advanceAll } from "../core/advance.js";
import { summaryFields, summarize } from "../core/answers.js";
import type { Grant } from "../core/balances.js";
import { changesOf, differences, type BalanceChange } from "../core/changes.js";
import type { Draw } from "../core/draws.js";
import { shown, tallyError } from "../core/errors.js";
import { setGrants } from "../core/grants.js";
import type { Scope } from "../core/order.js";
import { nextBoundary, intervalValidator, type Recurrence } from "../core/periods.js";
import { mutation, type MutationCtx } from "./_generated/server.js";
import { getCustomer, openCustomer, provisionValidator } from "./customers.js";
import { findEvent, repeatOf } from "./events.js";
import { IdSource } from "./ids.js";
import { assertEntity, loadRow, loadRows, saveRows, type Row } from "./rows.js";
import { addToRow } from "./topUps.js";

/** Grants made outside of plans merge with one another where their terms are equal. */
const SOURCE = "grant";

/**
 * Gives a customer an amount of a feature (or the feature without limit): a gift, a correction, a
 * top-up that was paid elsewhere. With a key it is given once.
 */
export const grant = mutation({
  args: {
    customerId: v.string(),
    provision: provisionValidator,
    featureId: v.string(),
    entityId: v.optional(v.string()),
    amount: v.number(),
    unlimited: v.optional(v.literal(true)),
    startsAt: v.optional(v.number()),
    expiresAt: v.optional(v.number()),
    priority: v.optional(v.number()),
    /** The amount comes anew every so often, counted from `anchor`, or from its start on. */
    reset: v.optional(
      v.object({ interval: intervalValidator, count: v.number(), anchor: v.optional(v.number()) }),
    ),
    idempotencyKey: v.optional(v.string()),
    reason: v.optional(v.string()),
    actor: v.optional(v.string()),
  },
  returns: v.object({
    grantId: v.string(),
    eventId: v.string(),
    replayed: v.boolean(),
    balance: v.union(v.object(summaryFields), v.null()),
  }),
  handler: async (ctx, args) => {
    const { customerId, featureId, entityId, amount, priority, idempotencyKey } = args;
    const properties = {
      ...(priority !== undefined && { priority }),
      ...(args.reset && { interval: args.reset.interval, intervalCount: args.reset.count }),
    };
    if (idempotencyKey !== undefined) {
      const earlier = await findEvent(ctx, customerId, idempotencyKey);
      if (earlier !== null) {
        const { _id, draws } = repeatOf(earlier, {
          kind: "grant",
          featureId,
          entityId,
          value: amount,
          properties,
        });
        return { grantId: draws[0]?.grantId ?? "", eventId: _id, replayed: true, balance: null };
      }
    }
    const customer = await openCustomer(ctx, args);
    const now = Date.now();
    const ids = new IdSource(customer.lastNumber);
    const start = Math.max(now, args.startsAt ?? now);
    const wanted: Grant = {
      id: ids.next("g"),
      source: SOURCE,
      granted: amount,
      used: 0,
      createdAt: now,
      ...(args.unlimited && { unlimited: true }),
      ...(args.startsAt !== undefined && args.startsAt > now && { startsAt: args.startsAt }),
      ...(args.expiresAt !== undefined && { expiresAt: args.expiresAt }),
      ...(priority !== undefined && { priority }),
      ...(args.reset && { reset: resetFrom({ anchor: start, ...args.reset }, start) }),
    };
    const { grantId, row, changes, now: at } = await addToRow(ctx, customerId, featureId, entityId, wanted);
    if (grantId === wanted.id) await ctx.db.patch("customers", customer._id, { lastNumber: ids.last });
    const balance = summarize([row], { pools: [{ featureId }], entityId, now: at });
    const eventId = await ctx.db.insert("events", {
      customerId,
      featureId,
      entityId,
      kind: "grant",
      value: amount,
      draws: [{ grantId, amount: 0 - amount, units: 0 - amount }],
      changes,
      ...(balance.unlimited ? { unlimited: true as const } : { remaining: balance.remaining }),
      key: idempotencyKey,
      ...(Object.keys(properties).length > 0 && { properties }),
      reason: args.reason,
      actor: args.actor,
    });
    return { grantId, eventId, replayed: false, balance };
  },
});

const resetFrom = (recurrence: Recurrence, start: number) => ({
  ...recurrence,
  nextAt: nextBoundary(recurrence, start),
});

const provenanceFields = {
  idempotencyKey: v.optional(v.string()),
  reason: v.optional(v.string()),
  actor: v.optional(v.string()),
};

const changedValidator = v.object({
  eventId: v.string(),
  replayed: v.boolean(),
  balance: v.union(v.object(summaryFields), v.null()),
});

/**
 * Sets what is left, used or granted by hand, or adds to what is left: of an entity's own balance, or of all that a use without
 * an entity can draw on. An operator's correction, with who and why.
 */
export const set = mutation({
  args: {
    customerId: v.string(),
    featureId: v.string(),
    /** The catalog grants the feature to each entity: without one named, theirs are set together. */
    perEntity: v.optional(v.boolean()),
    entityId: v.optional(v.string()),
    grantId: v.optional(v.string()),
    target: v.union(
      v.object({ remaining: v.number() }),
      v.object({ usage: v.number() }),
      v.object({ granted: v.number() }),
      v.object({ added: v.number() }),
    ),
    ...provenanceFields,
  },
  returns: changedValidator,
  handler: async (ctx, { target, grantId, ...args }) => {
    const value = Object.values(target)[0] ?? 0;
    const properties = { set: Object.keys(target)[0] ?? "", ...(grantId !== undefined && { grantId }) };
    return await changeRows(ctx, { ...args, kind: "adjust", value, properties }, (rows, scope) =>
      setGrants(rows, target, grantId, scope),
    );
  },
});

/** Ends a grant now: what is left of it is gone, what was used stays used. */
export const revoke = mutation({
  args: {
    customerId: v.string(),
    featureId: v.string(),
    entityId: v.optional(v.string()),
    grantId: v.string(),
    ...provenanceFields,
  },
  returns: changedValidator,
  handler: async (ctx, { grantId, ...args }) =>
    await changeRows(ctx, { ...args, kind: "expire", value: 0, properties: { grantId } }, (rows, { now }) => {
      if (!rows.some(({ grants }) => grants.some(({ id }) => id === grantId))) {
        throw tallyError(
          "invalid_argument",
          `There is no grant ${shown(grantId)} of "${args.featureId}". Nothing was changed.`,
        );
      }
      return rows.map((row) => ({
        ...row,
        grants: row.grants.map((each) => (each.id === grantId ? { ...each, expiresAt: now } : each)),
      }));
    }),
});

interface RowsChange {
  customerId: string;
  featureId: string;
  perEntity?: boolean;
  entityId?: string;
  kind: "adjust" | "expire";
  value: number;
  /** What was done, to which grant: kept with the event, and compared when it is repeated. */
  properties: Record<string, string>;
  idempotencyKey?: string;
  reason?: string;
  actor?: string;
}

/** Changes by hand the row of an entity, or all that a use without one can draw on; records what that did to each grant. */
async function changeRows(
  ctx: MutationCtx,
  { perEntity, ...args }: RowsChange,
  change: (rows: Row[], scope: Scope) => Row[],
) {
  const { customerId, featureId, entityId, kind, value, properties, idempotencyKey: key } = args;
  if (key !== undefined) {
    const earlier = await findEvent(ctx, customerId, key);
    if (earlier !== null) {
      return {
        eventId: repeatOf(earlier, { kind, featureId, entityId, value, properties })._id,
        replayed: true,
        balance: null,
      };
    }
  }
  await getCustomer(ctx, customerId);
  await assertEntity(ctx, customerId, entityId);
  const pools = [{ featureId, ...(perEntity && { perEntity }) }];
  const stored =
    entityId === undefined
      ? await loadRows(ctx, customerId, { pools })
      : [await loadRow(ctx, customerId, featureId, entityId)].filter((row) => row !== null);
  const { rows: before, closed, now } = advanceAll<Row>(stored, Date.now());
  const scope = { pools, entityId, now };
  const after = change(before, scope).map((row) => advance(row, now));
  const draws: Draw[] = [];
  const changes: BalanceChange[] = [];
  for (const [index, { balance, closed: closing }] of after.entries()) {
    const was = before[index];
    if (was === undefined || JSON.stringify(was.grants) === JSON.stringify(balance.grants)) continue;
    const own = closed.filter((period) => period.entityId === balance.entityId);
    await saveRows(ctx, customerId, [balance], [...own, ...closing]);
    draws.push(...differences(was, balance));
    changes.push(...changesOf([was], [balance]));
  }
  const balance = summarize(
    after.map((each) => each.balance),
    scope,
  );
  const eventId = await ctx.db.insert("events", {
    customerId,
    featureId,
    entityId,
    kind,
    value,
    draws,
    changes,
    ...(balance.unlimited ? { unlimited: true as const } : { remaining: balance.remaining }),
    key,
    properties,
    reason: args.reason,
    actor: args.actor,
  });
  return { eventId, replayed: false, balance };
}
