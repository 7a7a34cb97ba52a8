import { v } from "convex/values";
import { advanceAll } from "../core/advance.js";
import { crossingValidator, watchValidator } from "../core/alerts.js";
import { assertId } from "../core/arguments.js";
import { emptyBalance } from "../core/balances.js";
import { changesOf, type BalanceChange } from "../core/changes.js";
import { resumeUsage, type Beginning } from "../core/entities.js";
import { addGrant } from "../core/grants.js";
import { grantOf } from "../core/plans.js";
import { shown, tallyError } from "../core/errors.js";
import type { Doc } from "./_generated/dataModel.js";
import { mutation, query, type MutationCtx, type QueryCtx } from "./_generated/server.js";
import {
  findEntity,
  findEntityRecord,
  getEntity,
  loadRow,
  MAX_ENTITIES,
  saveRows,
  type Row,
} from "./rows.js";
import { pageArgs, pageOf } from "./cursors.js";
import { openCustomer, provisionValidator } from "./customers.js";
import { endKeys } from "./events.js";
import { IdSource } from "./ids.js";
import { termsOf } from "./planVersions.js";
import { countEntities, recounted, takeSeat } from "./seats.js";
import { openSubscriptions } from "./subscriptions.js";
import { trackedValidator } from "./uses.js";

export const entityValidator = v.object({
  entityId: v.string(),
  featureId: v.string(),
  name: v.optional(v.string()),
  createdAt: v.number(),
});

export function shownEntity({ entityId, featureId, name, _creationTime }: Doc<"entities">) {
  return { entityId, featureId, name, createdAt: _creationTime };
}

/**
 * Adds an entity to a customer: it uses one of its feature, and has what his plans give to each. An
 * entity that is there already stays as it is. Throws `usage_exceeded`, with nothing stored.
 */
export const create = mutation({
  args: {
    customerId: v.string(),
    provision: provisionValidator,
    entityId: v.string(),
    featureId: v.string(),
    name: v.optional(v.string()),
    onInsufficient: v.optional(v.union(v.literal("reject"), v.literal("overflow"))),
    watch: v.optional(watchValidator),
  },
  returns: v.object({
    created: v.boolean(),
    /** What was used of the feature that counts it; null if nothing does, or it was there. */
    seat: v.union(trackedValidator, v.null()),
    crossings: v.array(crossingValidator),
  }),
  handler: async (ctx, { customerId, provision, entityId, featureId, name, ...options }) => {
    assertId(entityId, "entityId");
    const customer = await openCustomer(ctx, { customerId, provision });
    if (await isThere(ctx, customerId, entityId, featureId)) return notCreated;
    refuseTooMany(customer);
    const now = Date.now();
    const counted = await countEntities(ctx, customer, featureId, now, options.watch);
    await ctx.db.insert("entities", { customerId, entityId, featureId, name });
    const entity = await getEntity(ctx, customerId, entityId);
    const { seat, crossings } = await takeSeat(ctx, entity, options, now);
    const ids = new IdSource(customer.lastNumber);
    await giveToEach(ctx, entity, ids, now);
    const entities = recounted(customer, featureId, 1);
    await ctx.db.patch("customers", customer._id, { lastNumber: ids.last, entities });
    return { created: true, seat, crossings: [...counted, ...crossings] };
  },
});
const notCreated = { created: false, seat: null, crossings: [] };

/** Whether the entity is there. Throws `invalid_argument` if it is one of another feature, `busy` while it is being removed. */
async function isThere(
  ctx: QueryCtx,
  customerId: string,
  entityId: string,
  featureId: string,
): Promise<boolean> {
  const entity = await findEntityRecord(ctx, customerId, entityId);
  if (entity === null) return false;
  if (entity.removing !== undefined) {
    throw tallyError(
      "busy",
      `The entity ${shown(entityId)} of customer ${shown(customerId)} is still being removed. Try again in a few seconds. Nothing was changed.`,
      { entityId },
    );
  }
  if (entity.featureId === featureId) return true;
  throw tallyError(
    "invalid_argument",
    `Customer ${shown(customerId)} has an entity ${shown(entityId)} already, which is one of "${entity.featureId}". Use another id, or remove that one first. Nothing was changed.`,
    { entityId },
  );
}

function refuseTooMany({ customerId, entities = [] }: Doc<"customers">): void {
  if (entities.reduce((sum, { count }) => sum + count, 0) < MAX_ENTITIES) return;
  throw tallyError(
    "invalid_argument",
    `Customer ${shown(customerId)} already has ${MAX_ENTITIES} entities, the most that one can have. Remove one first, or make a customer of its own of what this one is to be. Nothing was changed.`,
    { limit: MAX_ENTITIES },
  );
}

/**
 * Gives an entity that begins what the customer's plans give to each of its feature. One whose id was
 * an entity's before goes on, within a period, with what that one had used.
 */
async function giveToEach(
  ctx: MutationCtx,
  { customerId, entityId, featureId: seatId }: Doc<"entities">,
  ids: IdSource,
  now: number,
): Promise<void> {
  const changes: BalanceChange[] = [];
  const given = await itemsForEach(ctx, customerId, seatId, ids, now);
  for (const featureId of new Set(given.map((each) => each.featureId))) {
    const begun = given.filter((each) => each.featureId === featureId);
    const earlier = await earlierEnd(ctx, customerId, entityId, featureId);
    if (earlier !== null)
      resumeUsage(
        begun.filter((each) => each.consumable),
        earlier,
        now,
      );
    const stored =
      (await loadRow(ctx, customerId, featureId, entityId)) ?? emptyBalance(featureId, entityId, now);
    const { rows, closed } = advanceAll<Row>([stored], now);
    const row = begun.reduce((balance, { grant }) => addGrant(balance, grant), rows[0] ?? stored);
    await saveRows(ctx, customerId, [row], closed);
    changes.push(...changesOf(rows, [row]));
  }
  if (changes.length === 0) return;
  const event = { customerId, entityId, kind: "plan" as const, value: 0, draws: [] };
  await ctx.db.insert("events", { ...event, planId: given[0]?.grant.planId, changes });
}

interface Given extends Beginning {
  featureId: string;
  consumable: boolean;
}

/** The grants of all plans that the customer has, or is to have, for each entity of a feature. */
async function itemsForEach(
  ctx: QueryCtx,
  customerId: string,
  seatId: string,
  ids: IdSource,
  now: number,
): Promise<Given[]> {
  const given: Given[] = [];
  const open = (await openSubscriptions(ctx, customerId, now)).filter((each) => each.entityId === undefined);
  for (const subscription of open) {
    const { subscriptionId: source, startsAt, endsAt, suspendsAt, quantities, anchor } = subscription;
    const plan = await termsOf(ctx, subscription);
    const terms = { source, startsAt, endsAt, suspendsAt, quantities, anchor };
    const start = { ...terms, now, nextGrantId: () => ids.next("g") };
    const before = open.find((each) => startsAt > now && follows(subscription, each))?.subscriptionId;
    for (const item of plan.items.filter((each) => each.entityFeatureId === seatId)) {
      const { featureId, consumable } = item;
      const grant = {
        ...grantOf(plan, item, start),
        perEntity: true as const,
        ...(before !== undefined && { inherits: before }),
      };
      given.push({ featureId, consumable, anchor, grant });
    }
  }
  return given;
}

/** Whether a subscription takes the place of `other` when that ends. */
function follows(subscription: Doc<"subscriptions">, other: Doc<"subscriptions">): boolean {
  const [isMain, wasMain] = [!subscription.addOn, !other.addOn];
  return isMain && wasMain && other.group === subscription.group && other.endsAt === subscription.startsAt;
}

/** When the last entity of that id lost its balance of a feature, and what it had used of it. */
async function earlierEnd(ctx: QueryCtx, customerId: string, entityId: string, featureId: string) {
  const { from, to } = endKeys(entityId, featureId);
  const ended = await ctx.db
    .query("events")
    .withIndex("by_key", (q) => q.eq("customerId", customerId).gte("key", from).lt("key", to))
    .order("desc")
    .first();
  const used = ended?.properties?.used;
  return ended === null || typeof used !== "number" ? null : { used, endedAt: ended._creationTime };
}

/** Null if the customer has no such entity. */
export const get = query({
  args: { customerId: v.string(), entityId: v.string() },
  returns: v.union(entityValidator, v.null()),
  handler: async (ctx, { customerId, entityId }) => {
    const entity = await findEntity(ctx, customerId, entityId);
    return entity === null ? null : shownEntity(entity);
  },
});

/** A customer's entities, by id. */
export const list = query({
  args: { customerId: v.string(), ...pageArgs },
  returns: v.object({ page: v.array(entityValidator), cursor: v.union(v.string(), v.null()) }),
  handler: async (ctx, { customerId, ...args }) => {
    const { page, cursor } = await pageOf(
      ctx,
      { table: "entities", index: "by_entity", prefix: [customerId] },
      args,
    );
    return { page: page.filter(({ removing }) => removing === undefined).map(shownEntity), cursor };
  },
});
