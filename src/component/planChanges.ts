/** Carries a change of plan into the balances: now, or at an instant that is written into them now. */
import type { Item, Plan } from "../core/terms.js";
import { emptyBalance, type Grant } from "../core/balances.js";
import { advanceAll } from "../core/advance.js";
import { changeGrants, grantOf, resumeGrants, scheduleGrants } from "../core/plans.js";
import type { Doc } from "./_generated/dataModel.js";
import type { MutationCtx, QueryCtx } from "./_generated/server.js";
import type { IdSource } from "./ids.js";
import { insertSubscription, termsOf } from "./planVersions.js";
import { loadRow, MAX_ENTITIES, saveRows, type Row } from "./rows.js";

type Subscription = Doc<"subscriptions">;

/** The plan that begins with a change. */
export interface Incoming {
  plan: Plan;
  version: string;
  anchor: number;
  quantities?: Record<string, number>;
  trialEndsAt?: number;
  fingerprint?: string;
}

export interface Transition {
  customerId: string;
  entityId: string | undefined;
  /** What the customer has and is to end. */
  ending: readonly Subscription[];
  /** What was scheduled, and is not to begin any more. */
  dropping: readonly Subscription[];
  /** What is to begin; null if nothing. */
  incoming: Incoming | null;
  /** When; now or later. */
  at: number;
  now: number;
  keepsUsage: boolean;
  keepsBalance: boolean;
}

/** Ends, drops and begins; answers the subscription that begins. */
export async function transition(
  ctx: MutationCtx,
  change: Transition,
  ids: IdSource,
): Promise<string | null> {
  const { customerId, entityId, ending, dropping, incoming, at, now } = change;
  const subscriptionId = incoming === null ? null : ids.next("s");
  const endingSources = new Set(ending.map((held) => held.subscriptionId));
  const droppedSources = new Set(dropping.map((held) => held.subscriptionId));
  const grantFor = (item: Item): Grant | null =>
    incoming === null || subscriptionId === null
      ? null
      : {
          ...grantOf(incoming.plan, item, {
            ...incoming,
            source: subscriptionId,
            now,
            startsAt: at,
            endsAt: incoming.trialEndsAt,
            nextGrantId: () => ids.next("g"),
          }),
          ...(at > now && ending[0] !== undefined && { inherits: ending[0].subscriptionId }),
        };
  const terms = await Promise.all([...ending, ...dropping].map((held) => termsOf(ctx, held)));
  await changeRows(ctx, { ...change, terms, plan: incoming?.plan ?? null }, (row, items, isNow, marks) => {
    const starting = items.flatMap((item) => grantFor(item) ?? []).map((grant) => ({ ...grant, ...marks }));
    if (!isNow) {
      const scheduled = { ending: endingSources, dropping: droppedSources, starting, at };
      return { balance: scheduleGrants(row, scheduled), closed: [] };
    }
    const consumable = itemsOf([...terms, ...(incoming ? [incoming.plan] : [])], row.featureId)[0]
      ?.consumable;
    return changeGrants(row, {
      ending: new Set([...endingSources, ...droppedSources]),
      incoming: starting,
      keepsUsage: consumable === false || change.keepsUsage,
      keepsBalance: consumable !== false && change.keepsBalance,
      now: row.advancedAt,
      nextGrantId: () => ids.next("g"),
    });
  });
  for (const held of ending) await ctx.db.patch("subscriptions", held._id, { endsAt: at });
  for (const held of dropping) await ctx.db.patch("subscriptions", held._id, { endsAt: now });
  if (incoming === null || subscriptionId === null) return null;
  await insertSubscription(ctx, {
    ...incoming,
    customerId,
    subscriptionId,
    entityId,
    startsAt: at,
    endsAt: incoming.trialEndsAt,
  });
  return subscriptionId;
}

/** Takes a scheduled end of `resuming` back, with what was to begin then. */
export async function resume(
  ctx: MutationCtx,
  { resuming, dropping, now }: { resuming: Subscription; dropping: readonly Subscription[]; now: number },
): Promise<void> {
  const { customerId, entityId, subscriptionId, trialEndsAt: endsAt } = resuming;
  const sources = new Set(dropping.map((held) => held.subscriptionId));
  const terms = await Promise.all([resuming, ...dropping].map((held) => termsOf(ctx, held)));
  await changeRows(ctx, { customerId, entityId, terms, plan: null, at: now, now }, (row) => ({
    balance: resumeGrants(row, { resuming: subscriptionId, dropping: sources, endsAt }),
    closed: [],
  }));
  await ctx.db.patch("subscriptions", resuming._id, { endsAt });
  for (const held of dropping) await ctx.db.patch("subscriptions", held._id, { endsAt: now });
}

interface RowsToChange {
  customerId: string;
  entityId: string | undefined;
  /** Terms whose grants are in the rows already. */
  terms: readonly Plan[];
  /** The plan whose grants come into them. */
  plan: Plan | null;
  at: number;
  now: number;
}

type RowChange = (
  row: Row,
  incoming: readonly Item[],
  isNow: boolean,
  marks?: { perEntity: true },
) => ReturnType<typeof changeGrants<Row>>;

/** Changes each row that any of the terms grant: the owner's, and (of items per entity) each entity's. */
async function changeRows(
  ctx: MutationCtx,
  { customerId, entityId, terms, plan, at, now }: RowsToChange,
  change: RowChange,
): Promise<void> {
  const plans = [...terms, ...(plan === null ? [] : [plan])];
  const items = plans.flatMap((each) => each.items);
  const isPerEntity = entityId === undefined && items.some((item) => item.entityFeatureId !== undefined);
  const entities = isPerEntity ? await entitiesOf(ctx, customerId) : [];
  for (const featureId of new Set(items.map((item) => item.featureId))) {
    const arriving = plan === null ? [] : itemsOf([plan], featureId);
    // What a plan of one entity's own gives to each entity, it gives to that one.
    const own =
      entityId === undefined ? arriving.filter((item) => item.entityFeatureId === undefined) : arriving;
    await changeRow(ctx, { customerId, featureId, owner: entityId, at, now }, own, change);
    for (const entity of entities) {
      const isGiven = (item: Item) => item.entityFeatureId === entity.featureId;
      if (!itemsOf(plans, featureId).some(isGiven)) continue;
      const place = { customerId, featureId, owner: entity.entityId, at, now };
      const perEntity: RowChange = (row, given, isNow) => change(row, given, isNow, { perEntity: true });
      await changeRow(ctx, place, arriving.filter(isGiven), perEntity);
    }
  }
}

async function changeRow(
  ctx: MutationCtx,
  place: { customerId: string; featureId: string; owner: string | undefined; at: number; now: number },
  incoming: readonly Item[],
  change: RowChange,
): Promise<void> {
  const { customerId, featureId, owner, at, now } = place;
  const stored = await loadRow(ctx, customerId, featureId, owner);
  if (stored === null && incoming.length === 0) return;
  const { rows, closed } = advanceAll<Row>([stored ?? emptyBalance(featureId, owner, now)], now);
  for (const row of rows) {
    const changed = change(row, incoming, at <= now);
    await saveRows(ctx, customerId, [changed.balance], [...closed, ...changed.closed]);
  }
}

const itemsOf = (plans: readonly Plan[], featureId: string): Item[] =>
  plans.flatMap(({ items }) => items.filter((item) => item.featureId === featureId));

export async function entitiesOf(ctx: QueryCtx, customerId: string): Promise<Doc<"entities">[]> {
  return await ctx.db
    .query("entities")
    .withIndex("by_entity", (q) => q.eq("customerId", customerId))
    .take(MAX_ENTITIES);
}
