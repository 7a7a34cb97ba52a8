import type { ClosedPeriod } from "../core/advance.js";
import { nextChangeAt, type Balance } from "../core/balances.js";
import { isBudgeted, limitsSpending } from "../core/controls.js";
import { shown, tallyError, type TallyError } from "../core/errors.js";
import type { Scope } from "../core/order.js";
import type { Doc, Id } from "./_generated/dataModel.js";
import type { MutationCtx, QueryCtx } from "./_generated/server.js";

/** A balance as the rules know it, and where it is stored; nowhere yet, if new. */
export type Row = Balance & { _id?: Id<"balances">; removing?: true };

/** A customer's entities, and so the rows of one feature that one call may span. */
export const MAX_ENTITIES = 1_000;
/** As many again may be on their way out. */
const MAX_OWNERS = 2 * MAX_ENTITIES;

/**
 * The rows that can pay within `scope`: the customer's, the named entity's, and all entities' where
 * the catalog grants the feature to each and none is named.
 */
export async function loadRows(ctx: QueryCtx, customerId: string, scope: Omit<Scope, "now">): Promise<Row[]> {
  const loaded = await Promise.all(
    scope.pools.map(async ({ featureId, perEntity }) => {
      if (scope.entityId === undefined && perEntity)
        return present(await loadAllRows(ctx, customerId, featureId), undefined);
      const owners = scope.entityId === undefined ? [undefined] : [undefined, scope.entityId];
      const [shared = null, own = null] = await Promise.all(
        owners.map((entityId) => loadRow(ctx, customerId, featureId, entityId)),
      );
      // A customer's spend limit spans what all of his entities owe, and his budget what it costs.
      const isShared =
        shared !== null &&
        (isBudgeted(shared) || (limitsSpending(shared) && own?.controls?.own?.spendLimit === undefined));
      if (!isShared) return [shared, own];
      return [shared, ...present(await loadEntityRows(ctx, customerId, featureId), scope.entityId)];
    }),
  );
  return loaded.flat().filter((row) => row !== null);
}

/** All but those of entities, other than `entityId`, that are being removed. */
const present = (rows: readonly Row[], entityId: string | undefined): Row[] =>
  rows.filter((row) => row.removing === undefined || row.entityId === entityId);

export async function loadRow(
  ctx: QueryCtx,
  customerId: string,
  featureId: string,
  entityId: string | undefined,
): Promise<Doc<"balances"> | null> {
  return await ctx.db
    .query("balances")
    .withIndex("by_owner", (q) =>
      q.eq("customerId", customerId).eq("featureId", featureId).eq("entityId", entityId),
    )
    .unique();
}

async function loadEntityRows(ctx: QueryCtx, customerId: string, featureId: string): Promise<Row[]> {
  return await ctx.db
    .query("balances")
    .withIndex("by_owner", (q) =>
      q.eq("customerId", customerId).eq("featureId", featureId).gt("entityId", undefined),
    )
    .take(MAX_OWNERS);
}

async function loadAllRows(ctx: QueryCtx, customerId: string, featureId: string): Promise<Row[]> {
  return await ctx.db
    .query("balances")
    .withIndex("by_owner", (q) => q.eq("customerId", customerId).eq("featureId", featureId))
    .take(MAX_OWNERS + 1);
}

/** Stores what changed of a customer's rows, and with it the charges of the periods that closed. */
export async function saveRows(
  ctx: MutationCtx,
  customerId: string,
  rows: readonly Row[],
  closed: readonly ClosedPeriod[],
): Promise<void> {
  for (const row of rows) {
    const { _id, featureId, entityId, grants, limits, overage, controls, advancedAt } = row;
    const changing = { grants, limits, overage, controls, advancedAt, nextChangeAt: nextChangeAt(row) };
    if (_id === undefined) {
      await ctx.db.insert("balances", { customerId, featureId, entityId, ...changing });
    } else {
      await ctx.db.patch("balances", _id, changing);
    }
  }
  for (const period of closed) await ctx.db.insert("charges", { customerId, ...period, status: "open" });
}

/** The entity, unless it is being removed. */
export async function findEntity(
  ctx: QueryCtx,
  customerId: string,
  entityId: string,
): Promise<Doc<"entities"> | null> {
  const entity = await findEntityRecord(ctx, customerId, entityId);
  return entity?.removing === undefined ? entity : null;
}

/** The entity's record, which stays until its removal is done. */
export async function findEntityRecord(
  ctx: QueryCtx,
  customerId: string,
  entityId: string,
): Promise<Doc<"entities"> | null> {
  return await ctx.db
    .query("entities")
    .withIndex("by_entity", (q) => q.eq("customerId", customerId).eq("entityId", entityId))
    .unique();
}

/** Throws `entity_not_found`. */
export async function getEntity(
  ctx: QueryCtx,
  customerId: string,
  entityId: string,
): Promise<Doc<"entities">> {
  const entity = await findEntity(ctx, customerId, entityId);
  if (entity !== null) return entity;
  throw entityNotFound(customerId, entityId);
}

/** Throws `entity_not_found` unless the customer has the entity, if one is named. */
export async function assertEntity(
  ctx: QueryCtx,
  customerId: string,
  entityId: string | undefined,
): Promise<void> {
  if (entityId !== undefined) await getEntity(ctx, customerId, entityId);
}

/** All of a customer's, those that are being removed included. */
export async function entitiesOf(ctx: QueryCtx, customerId: string): Promise<Doc<"entities">[]> {
  return await ctx.db
    .query("entities")
    .withIndex("by_entity", (q) => q.eq("customerId", customerId))
    .take(MAX_OWNERS);
}

export function entityNotFound(customerId: string, entityId: string): TallyError {
  return tallyError(
    "entity_not_found",
    `Customer ${shown(customerId)} has no entity ${shown(entityId)}. Create it first, or leave entityId out to use the customer's own balance.`,
    { entityId },
  );
}
