import { v } from "convex/values";
import { advanceAll } from "../core/advance.js";
import { assertId } from "../core/arguments.js";
import { emptyBalance } from "../core/balances.js";
import { addGrant } from "../core/grants.js";
import { grantOf } from "../core/plans.js";
import { shown, tallyError } from "../core/errors.js";
import { mutation, query } from "./_generated/server.js";
import { loadRow, MAX_ENTITIES, saveRows, type Row } from "./rows.js";
import { pageArgs, pageOf } from "./cursors.js";
import { openCustomer, provisionValidator } from "./customers.js";
import { IdSource } from "./ids.js";
import { termsOf } from "./planVersions.js";
import { entitiesOf } from "./planChanges.js";
import { openSubscriptions } from "./subscriptions.js";

const entityValidator = v.object({
  entityId: v.string(),
  featureId: v.string(),
  name: v.optional(v.string()),
  createdAt: v.number(),
});

/**
 * Adds an entity to a customer, with what his plans give to each entity of its feature. An entity
 * that is there already stays as it is.
 */
export const create = mutation({
  args: {
    customerId: v.string(),
    provision: provisionValidator,
    entityId: v.string(),
    featureId: v.string(),
    name: v.optional(v.string()),
  },
  returns: v.object({ created: v.boolean() }),
  handler: async (ctx, { customerId, provision, entityId, featureId, name }) => {
    assertId(entityId, "entityId");
    const customer = await openCustomer(ctx, { customerId, provision });
    const entities = await entitiesOf(ctx, customerId);
    if (entities.some((entity) => entity.entityId === entityId)) return { created: false };
    if (entities.length >= MAX_ENTITIES) {
      throw tallyError(
        "invalid_argument",
        `Customer ${shown(customerId)} already has ${MAX_ENTITIES} entities, the most that one can have.`,
      );
    }
    await ctx.db.insert("entities", { customerId, entityId, featureId, name });
    const now = Date.now();
    const ids = new IdSource(customer.lastNumber);
    const open = await openSubscriptions(ctx, customerId, now);
    for (const subscription of open.filter((each) => each.entityId === undefined)) {
      const plan = await termsOf(ctx, subscription);
      for (const item of plan.items.filter((each) => each.entityFeatureId === featureId)) {
        const grant = grantOf(plan, item, {
          source: subscription.subscriptionId,
          now,
          startsAt: subscription.startsAt,
          endsAt: subscription.endsAt,
          suspendsAt: subscription.suspendsAt,
          quantities: subscription.quantities,
          anchor: subscription.anchor,
          nextGrantId: () => ids.next("g"),
        });
        const stored =
          (await loadRow(ctx, customerId, item.featureId, entityId)) ??
          emptyBalance(item.featureId, entityId, now);
        const { rows, closed } = advanceAll<Row>([stored], now);
        const row = addGrant(rows[0] ?? stored, { ...grant, perEntity: true });
        await saveRows(ctx, customerId, [row], closed);
      }
    }
    if (ids.last > customer.lastNumber)
      await ctx.db.patch("customers", customer._id, { lastNumber: ids.last });
    return { created: true };
  },
});

export const list = query({
  args: { customerId: v.string(), ...pageArgs },
  returns: v.object({ page: v.array(entityValidator), cursor: v.union(v.string(), v.null()) }),
  handler: async (ctx, { customerId, ...args }) => {
    const { page, cursor } = await pageOf(
      ctx,
      { table: "entities", index: "by_entity", prefix: [customerId] },
      args,
    );
    return {
      page: page.map(({ entityId, featureId, name, _creationTime }) => ({
        entityId,
        featureId,
        name,
        createdAt: _creationTime,
      })),
      cursor,
    };
  },
});
