/** Carries a change of plan into the balances: now, or at an instant that is written into them now. */
import type { Item, Plan } from "../core/terms.js";
import { emptyBalance } from "../core/balances.js";
import { advanceAll } from "../core/advance.js";
import { changesOf, type BalanceChange } from "../core/changes.js";
import {
  addedTo,
  changeGrants,
  controlOf,
  grantOf,
  resumeGrants,
  scheduleGrants,
  suspendGrants,
} from "../core/plans.js";
import { moveAnchor } from "../core/renewals.js";
import type { Doc } from "./_generated/dataModel.js";
import type { MutationCtx } from "./_generated/server.js";
import { getCustomer } from "./customers.js";
import type { IdSource } from "./ids.js";
import { insertSubscription, termsOf } from "./planVersions.js";
import { entitiesOf, loadRow, saveRows, type Row } from "./rows.js";
import { countEntities } from "./seats.js";

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
  /** Where what it does to the balances is noted, for the event that says why. */
  changes: BalanceChange[];
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
  const start = {
    ...incoming,
    source: subscriptionId ?? "",
    anchor: incoming?.anchor ?? at,
    now,
    startsAt: at,
    endsAt: incoming?.trialEndsAt,
    nextGrantId: () => ids.next("g"),
  };
  const heirOf = at > now && ending[0] !== undefined ? { inherits: ending[0].subscriptionId } : {};
  const place = incoming === null ? ending[0] : { ...incoming.plan, planId: incoming.plan.id };
  const terms = await Promise.all([...ending, ...dropping].map((held) => termsOf(ctx, held)));
  const plan = incoming?.plan ?? null;
  await changeRows(ctx, { ...change, terms, plan }, (row, { items, isOwn, marks }, isNow) => {
    const starting =
      plan === null
        ? []
        : items.map((item) => ({ ...addedTo(row, grantOf(plan, item, start), item), ...heirOf, ...marks }));
    const control = plan === null || !isOwn ? undefined : controlOf(plan, row.featureId, start);
    if (!isNow) {
      const scheduled = { ending: endingSources, dropping: droppedSources, starting, control, at };
      return { balance: scheduleGrants(row, scheduled), closed: [] };
    }
    const [item] = itemsOf([...terms, ...(plan === null ? [] : [plan])], row.featureId);
    return changeGrants(row, {
      ending: new Set([...endingSources, ...droppedSources]),
      incoming: starting,
      control,
      keepsUsage: item?.consumable === false || change.keepsUsage,
      keepsBalance: item?.consumable !== false && change.keepsBalance,
      remainder: place && remainderOf(place),
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

/** What a plan brings to be held counts the entities that are there already: once its event is recorded. */
export async function countHeld(
  ctx: MutationCtx,
  customerId: string,
  plan: Plan,
  now: number,
): Promise<void> {
  const held = plan.items.filter((item) => !item.consumable && item.entityFeatureId === undefined);
  if (held.length === 0) return;
  const customer = await getCustomer(ctx, customerId);
  for (const featureId of new Set(held.map((item) => item.featureId)))
    await countEntities(ctx, customer, featureId, now);
}

/** What was used of plans that are gone is remembered for those that could come in their place. */
const remainderOf = ({ planId, group, addOn }: Pick<Subscription, "planId" | "group" | "addOn">): string =>
  addOn ? `ended add-on ${planId}` : `ended ${group}`;

/** Takes a scheduled end of `resuming` back, with what was to begin then. */
export async function resume(
  ctx: MutationCtx,
  { resuming, dropping, now }: { resuming: Subscription; dropping: readonly Subscription[]; now: number },
): Promise<BalanceChange[]> {
  const changes: BalanceChange[] = [];
  const { customerId, entityId, subscriptionId, trialEndsAt: endsAt } = resuming;
  const sources = new Set(dropping.map((held) => held.subscriptionId));
  const terms = await Promise.all([resuming, ...dropping].map((held) => termsOf(ctx, held)));
  await changeRows(ctx, { customerId, entityId, terms, plan: null, at: now, now, changes }, (row) => ({
    balance: resumeGrants(row, { resuming: subscriptionId, dropping: sources, endsAt }),
    closed: [],
  }));
  await ctx.db.patch("subscriptions", resuming._id, { endsAt });
  for (const held of dropping) await ctx.db.patch("subscriptions", held._id, { endsAt: now });
  return changes;
}

/** Notes since when a payment is missing, and lets the grants stop when they are to; or go on, with neither. */
export async function suspend(
  ctx: MutationCtx,
  held: Subscription,
  { pastDueAt, suspendsAt }: Pick<Subscription, "pastDueAt" | "suspendsAt">,
  now: number,
): Promise<BalanceChange[]> {
  const changes: BalanceChange[] = [];
  const { customerId, entityId, subscriptionId } = held;
  const terms = [await termsOf(ctx, held)];
  await changeRows(ctx, { customerId, entityId, terms, plan: null, at: now, now, changes }, (row) => ({
    balance: suspendGrants(row, subscriptionId, suspendsAt),
    closed: [],
  }));
  await ctx.db.patch("subscriptions", held._id, { pastDueAt, suspendsAt });
  return changes;
}

/** Counts the periods of a subscription from another instant: no boundary is added, and none is lost. */
export async function reanchor(
  ctx: MutationCtx,
  held: Subscription,
  anchor: number,
  now: number,
): Promise<BalanceChange[]> {
  const changes: BalanceChange[] = [];
  const { customerId, entityId, subscriptionId } = held;
  const terms = [await termsOf(ctx, held)];
  await changeRows(ctx, { customerId, entityId, terms, plan: null, at: now, now, changes }, (row) => ({
    balance: moveAnchor(row, subscriptionId, anchor, row.advancedAt),
    closed: [],
  }));
  await ctx.db.patch("subscriptions", held._id, { anchor });
  return changes;
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
  changes: BalanceChange[];
}

/** What of the plan comes into one row. */
interface Arriving {
  items: readonly Item[];
  /** It is the row of whoever has the plan, whose controls count there; not that of each of his entities. */
  isOwn: boolean;
  marks: { perEntity?: true };
}

type RowChange = (row: Row, arriving: Arriving, isNow: boolean) => ReturnType<typeof changeGrants<Row>>;

/** Changes each row that any of the terms grant or control: the owner's, and (of items per entity) each entity's. */
async function changeRows(
  ctx: MutationCtx,
  { customerId, entityId, terms, plan, at, now, changes }: RowsToChange,
  change: RowChange,
): Promise<void> {
  const plans = [...terms, ...(plan === null ? [] : [plan])];
  const items = plans.flatMap((each) => each.items);
  const isPerEntity = entityId === undefined && items.some((item) => item.entityFeatureId !== undefined);
  const entities = isPerEntity ? await entitiesOf(ctx, customerId) : [];
  const controls = plans.flatMap((each) => each.controls ?? []);
  for (const featureId of new Set([...items, ...controls].map((each) => each.featureId))) {
    const arriving = plan === null ? [] : itemsOf([plan], featureId);
    // What a plan of one entity's own gives to each entity, it gives to that one.
    const own =
      entityId === undefined ? arriving.filter((item) => item.entityFeatureId === undefined) : arriving;
    const place = { customerId, featureId, at, now, changes };
    await changeRow(ctx, { ...place, owner: entityId }, { items: own, isOwn: true, marks: {} }, change);
    for (const entity of entities) {
      const isGiven = (item: Item) => item.entityFeatureId === entity.featureId;
      if (!itemsOf(plans, featureId).some(isGiven)) continue;
      const given = { items: arriving.filter(isGiven), isOwn: false, marks: { perEntity: true as const } };
      await changeRow(ctx, { ...place, owner: entity.entityId }, given, change);
    }
  }
}

/** A row that is not there is begun with whatever the change puts into it. */
async function changeRow(
  ctx: MutationCtx,
  place: Pick<RowsToChange, "customerId" | "at" | "now" | "changes"> & {
    featureId: string;
    owner: string | undefined;
  },
  arriving: Arriving,
  change: RowChange,
): Promise<void> {
  const { customerId, featureId, owner, at, now, changes } = place;
  const stored = await loadRow(ctx, customerId, featureId, owner);
  const { rows, closed } = advanceAll<Row>([stored ?? emptyBalance(featureId, owner, now)], now);
  for (const row of rows) {
    const changed = change(row, arriving, at <= now);
    const { grants, controls } = changed.balance;
    if (stored === null && grants.length === 0 && controls === undefined) continue;
    await saveRows(ctx, customerId, [changed.balance], [...closed, ...changed.closed]);
    changes.push(...changesOf([row], [changed.balance]));
  }
}

const itemsOf = (plans: readonly Plan[], featureId: string): Item[] =>
  plans.flatMap(({ items }) => items.filter((item) => item.featureId === featureId));
