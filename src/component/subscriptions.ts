import { v, type Infer } from "convex/values";
import { advanceAll, type ClosedPeriod } from "../core/advance.js";
import { emptyBalance, type Grant } from "../core/balances.js";
import { topUp } from "../core/grants.js";
import { planValidator, type Item, type Plan } from "../core/catalog.js";
import { changeGrants, grantOf, isTopUp, isUpgrade } from "../core/plans.js";
import type { Doc } from "./_generated/dataModel.js";
import { mutation, query, type MutationCtx, type QueryCtx } from "./_generated/server.js";
import { loadRow, MAX_ENTITIES, saveRows, type Row } from "./rows.js";
import { pageArgs, pageOf } from "./cursors.js";
import { openCustomer, provisionValidator } from "./customers.js";
import { findEvent, repeatOf } from "./events.js";
import { IdSource } from "./ids.js";
import { insertSubscription, termsOf } from "./planVersions.js";
import { subscriptionFields } from "./schema.js";

const { version: _version, ...shownFields } = subscriptionFields;
export const subscriptionValidator = v.object(shownFields);
type Subscription = Infer<typeof subscriptionValidator>;

function shownSubscription({ _id, _creationTime, version: _, ...shown }: Doc<"subscriptions">): Subscription {
  return shown;
}

/** A customer's subscriptions, ended ones included, in the order in which they began. */
export const list = query({
  args: { customerId: v.string(), ...pageArgs },
  returns: v.object({ page: v.array(subscriptionValidator), cursor: v.union(v.string(), v.null()) }),
  handler: async (ctx, { customerId, ...page }) => {
    const found = await pageOf(
      ctx,
      { table: "subscriptions", index: "by_customer", prefix: [customerId] },
      page,
    );
    return { page: found.page.map(shownSubscription), cursor: found.cursor };
  },
});

/** The plans that a customer holds now. */
export const active = query({
  args: { customerId: v.string() },
  returns: v.array(subscriptionValidator),
  handler: async (ctx, { customerId }) => (await activeSubscriptions(ctx, customerId)).map(shownSubscription),
});

const attachArgs = v.object({
  customerId: v.string(),
  provision: provisionValidator,
  entityId: v.optional(v.string()),
  plan: planValidator,
  version: v.string(),
  idempotencyKey: v.optional(v.string()),
  reason: v.optional(v.string()),
  actor: v.optional(v.string()),
});

/**
 * Gives a customer a plan, in place of the one that he has in its group; a top-up or an add-on is
 * added. Nothing is paid here: the caller knows why he may have it. A plan that he already has on
 * the same terms stays as it is.
 */
export const attach = mutation({
  args: attachArgs.fields,
  returns: v.object({ subscriptionId: v.union(v.string(), v.null()), replayed: v.boolean() }),
  handler: async (ctx, args) => {
    const { customerId, entityId, plan, idempotencyKey } = args;
    if (idempotencyKey !== undefined) {
      const earlier = await findEvent(ctx, customerId, idempotencyKey);
      if (earlier !== null) {
        repeatOf(earlier, { kind: "plan", planId: plan.id, entityId, value: 0 });
        return { subscriptionId: await currentSubscription(ctx, args), replayed: true };
      }
    }
    const customer = await openCustomer(ctx, args);
    const ids = new IdSource(customer.lastNumber);
    const subscriptionId = isTopUp(plan) ? await addTopUp(ctx, args, ids) : await subscribe(ctx, args, ids);
    const isChange = subscriptionId === null || ids.last > customer.lastNumber;
    if (isChange) await ctx.db.patch("customers", customer._id, { lastNumber: ids.last });
    if (isChange || idempotencyKey !== undefined) {
      await ctx.db.insert("events", {
        customerId,
        entityId,
        kind: "plan",
        planId: plan.id,
        value: 0,
        draws: [],
        key: idempotencyKey,
        reason: args.reason,
        actor: args.actor,
      });
    }
    return { subscriptionId, replayed: false };
  },
});

type AttachArgs = Infer<typeof attachArgs>;

async function currentSubscription(
  ctx: QueryCtx,
  { customerId, entityId, plan }: AttachArgs,
): Promise<string | null> {
  const active = await activeSubscriptions(ctx, customerId);
  return active.find((held) => held.planId === plan.id && held.entityId === entityId)?.subscriptionId ?? null;
}

export async function activeSubscriptions(
  ctx: QueryCtx,
  customerId: string,
): Promise<Doc<"subscriptions">[]> {
  const all = await ctx.db
    .query("subscriptions")
    .withIndex("by_customer", (q) => q.eq("customerId", customerId))
    .order("desc")
    .take(MAX_ENTITIES);
  return all.filter(({ status }) => status === "active");
}

async function addTopUp(
  ctx: MutationCtx,
  { customerId, entityId, plan }: AttachArgs,
  ids: IdSource,
): Promise<null> {
  const now = Date.now();
  for (const item of plan.items) {
    const grant = grantOf(plan, item, {
      source: plan.id,
      now,
      anchor: now,
      nextGrantId: () => ids.next("g"),
    });
    await addToRow(ctx, customerId, item.featureId, entityId, grant);
  }
  return null;
}

/** Puts a top-up into its row. Answers the grant that holds it, and the row's balance as it is then. */
export async function addToRow(
  ctx: MutationCtx,
  customerId: string,
  featureId: string,
  entityId: string | undefined,
  grant: Grant,
): Promise<{ grantId: string; row: Row; now: number }> {
  const stored =
    (await loadRow(ctx, customerId, featureId, entityId)) ??
    emptyBalance(featureId, entityId, grant.createdAt);
  const { rows, closed, now } = advanceAll<Row>([stored], grant.createdAt);
  const { balance, grantId } = topUp(rows[0] ?? stored, grant);
  await saveRows(ctx, customerId, [balance], closed);
  return { grantId, row: balance, now };
}

/** Ends what the plan replaces and begins it; answers the subscription. */
async function subscribe(ctx: MutationCtx, args: AttachArgs, ids: IdSource): Promise<string> {
  const { customerId, entityId, plan, version } = args;
  const active = await activeSubscriptions(ctx, customerId);
  const replaced = plan.addOn
    ? []
    : active.filter((held) => !held.addOn && held.group === plan.group && held.entityId === entityId);
  const same = replaced.find((held) => held.planId === plan.id && held.version === version);
  if (same !== undefined) return same.subscriptionId;

  const now = Date.now();
  const terms = await Promise.all(replaced.map((held) => termsOf(ctx, held)));
  const startsAfresh = isUpgrade(plan, terms);
  const anchor = startsAfresh ? now : Math.min(now, ...replaced.map((held) => held.anchor));
  const subscriptionId = ids.next("s");
  const rows = await changeRows(ctx, args, {
    ended: replaced.map((held) => held.subscriptionId),
    endedTerms: terms,
    startsAfresh,
    incoming: (item) =>
      grantOf(plan, item, { source: subscriptionId, now, anchor, nextGrantId: () => ids.next("g") }),
    now,
  });
  for (const held of replaced)
    await ctx.db.patch("subscriptions", held._id, { status: "ended", endedAt: now });
  await insertSubscription(ctx, { customerId, subscriptionId, entityId, plan, version, anchor });
  await saveRows(ctx, customerId, rows.changed, rows.closed);
  return subscriptionId;
}

interface RowChange {
  ended: string[];
  endedTerms: Plan[];
  startsAfresh: boolean;
  incoming: (item: Item) => Grant;
  now: number;
}

/** Changes each row that the old terms or the new ones grant, entity by entity where they do so. */
async function changeRows(
  ctx: QueryCtx,
  { customerId, entityId, plan }: AttachArgs,
  { ended, endedTerms, startsAfresh, incoming, now }: RowChange,
): Promise<{ changed: Row[]; closed: ClosedPeriod[] }> {
  const changed: Row[] = [];
  const closed: ClosedPeriod[] = [];
  const items = [...endedTerms.flatMap((terms) => terms.items), ...plan.items];
  const entityFeatures = items.flatMap((item) => item.entityFeatureId ?? []);
  const entities = entityFeatures.length === 0 ? [] : await entitiesOf(ctx, customerId);
  for (const featureId of new Set(items.map((item) => item.featureId))) {
    const ofFeature = (item: Item) => item.featureId === featureId;
    const consumable = items.find(ofFeature)?.consumable ?? true;
    const perEntity = items.filter((item) => ofFeature(item) && item.entityFeatureId !== undefined);
    const owners = new Set<string | undefined>([
      entityId,
      ...entities
        .filter((e) => perEntity.some((item) => item.entityFeatureId === e.featureId))
        .map((e) => e.entityId),
    ]);
    for (const owner of owners) {
      const ownerFeature = entities.find((e) => e.entityId === owner)?.featureId;
      const arriving = plan.items
        .filter(
          (item) =>
            ofFeature(item) &&
            (owner === entityId ? item.entityFeatureId === undefined : item.entityFeatureId === ownerFeature),
        )
        .map((item) => ({ ...incoming(item), ...(owner !== entityId && { perEntity: true as const }) }));
      const stored = await loadRow(ctx, customerId, featureId, owner);
      if (stored === null && arriving.length === 0) continue;
      const advanced = advanceAll<Row>([stored ?? emptyBalance(featureId, owner, now)], now);
      const [row] = advanced.rows;
      if (row === undefined) continue;
      const change = changeGrants(row, {
        ending: new Set(ended),
        incoming: arriving,
        keepsUsage: !consumable || !startsAfresh,
        now: advanced.now,
      });
      changed.push(change.balance);
      closed.push(...advanced.closed, ...change.closed);
    }
  }
  return { changed, closed };
}

export async function entitiesOf(ctx: QueryCtx, customerId: string): Promise<Doc<"entities">[]> {
  return await ctx.db
    .query("entities")
    .withIndex("by_entity", (q) => q.eq("customerId", customerId))
    .take(MAX_ENTITIES);
}
