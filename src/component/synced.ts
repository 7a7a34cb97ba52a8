/** Subscriptions that are billed elsewhere: what whoever bills them says of one, newest wins. */
import { v, type Infer } from "convex/values";
import type { BalanceChange } from "../core/changes.js";
import { assert, shown, tallyError } from "../core/errors.js";
import { isUpgrade } from "../core/plans.js";
import { dueDates, isAnchored, isCurrentWord, standingValidator } from "../core/renewals.js";
import { sorted } from "../core/grants.js";
import { planValidator } from "../core/terms.js";
import { isTopUp } from "../core/topUps.js";
import type { Doc, Id } from "./_generated/dataModel.js";
import { mutation, type MutationCtx, type QueryCtx } from "./_generated/server.js";
import { openCustomer, provisionValidator, type Provision } from "./customers.js";
import { IdSource } from "./ids.js";
import { countHeld, reanchor, resume, suspend, transition } from "./planChanges.js";
import { recordPlan } from "./planEvents.js";
import { insertSubscription, termsOf } from "./planVersions.js";
import { openSubscriptions, scheduledAfter } from "./subscriptions.js";

type Subscription = Doc<"subscriptions">;

/** A subscription as whoever bills it says that it is. */
export const wordValidator = v.object({
  externalId: v.string(),
  status: standingValidator,
  /** The period that is paid (or, past due, that is to be), in milliseconds. */
  periodStart: v.number(),
  periodEnd: v.number(),
  /** When it ends, if that is decided. */
  cancelAt: v.optional(v.number()),
  /** What is older than what was heard before counts no more. */
  revision: v.number(),
});
export type Word = Infer<typeof wordValidator>;

const syncArgs = v.object({
  customerId: v.string(),
  provision: provisionValidator,
  entityId: v.optional(v.string()),
  plan: planValidator,
  version: v.string(),
  quantities: v.optional(v.record(v.string(), v.number())),
  word: wordValidator,
  /** How long the grants go on without a payment; for ever, if absent. */
  graceMs: v.optional(v.number()),
  /** A change that was decided here: with the paid period, or (now) in place of what was to come. */
  change: v.optional(v.union(v.literal("now"), v.literal("period_end"))),
  reason: v.optional(v.string()),
  actor: v.optional(v.string()),
});
export type SyncArgs = Infer<typeof syncArgs>;

/**
 * Brings a customer's plan to what whoever bills it says. Created, renewed, past due, canceled and resumed
 * are all this: the same word twice, or an older one, changes nothing.
 */
export const sync = mutation({
  args: syncArgs.fields,
  returns: v.object({
    /** False of a word that is older than another one, or of what another one has taken the place of. */
    applied: v.boolean(),
    subscriptionId: v.union(v.string(), v.null()),
  }),
  handler: async (ctx, args) => {
    const { applied, subscriptionId } = await applySync(ctx, args);
    return { applied, subscriptionId };
  },
});

export interface Synced {
  applied: boolean;
  subscriptionId: string | null;
  /** Others, of whoever bills them, in whose place this one has come: they are to be billed no more. */
  replaced: string[];
  /** Another one has come in its place, and is billed: this one gives nothing. */
  isSuperseded?: true;
}

/** What is told of one subscription, against what is known of it. */
interface Known {
  /** Every subscription that was (or is) this one, by any plan. */
  linked: Subscription[];
  current: Subscription | undefined;
  /** What is to follow it, decided already. */
  next: Subscription | undefined;
}

export async function applySync(ctx: MutationCtx, args: SyncArgs): Promise<Synced> {
  const { customerId, entityId, plan, word } = args;
  const now = Date.now();
  if (isTopUp(plan)) {
    throw tallyError(
      "invalid_argument",
      `Plan ${shown(plan.id)} is paid once: it is granted, and no subscription. Nothing was changed.`,
      { planId: plan.id },
    );
  }
  const known = await knownOf(ctx, word.externalId, now);
  refuseForeign(args, known.linked);
  const newest = Math.max(...known.linked.map(({ revision = 0 }) => revision));
  if (known.linked.length > 0 && !isCurrentWord(newest, word.revision)) {
    return { applied: false, subscriptionId: known.current?.subscriptionId ?? null, replaced: [] };
  }
  const others = await billedBeside(ctx, args, now);
  if (!isOver(word, now) && isEnded(known) && others.length > 0)
    return { applied: false, subscriptionId: null, replaced: [], isSuperseded: true };
  const customer = await openCustomer(ctx, args);
  const noted = { ids: new IdSource(customer.lastNumber), changes: [] as BalanceChange[], now };
  const isEnd = isOver(word, now);
  const subscriptionId = isEnd ? await end(ctx, args, known, noted) : await goOn(ctx, args, known, noted);
  const isChange = noted.ids.last > customer.lastNumber;
  if (isChange) await ctx.db.patch("customers", customer._id, { lastNumber: noted.ids.last });
  if (isChange || noted.changes.length > 0) {
    const properties = { change: "sync", status: word.status, externalId: word.externalId };
    await recordPlan(ctx, { ...args, customerId, entityId, planId: plan.id, properties }, noted.changes);
  }
  const begun = isEnd ? successorOf(args)?.plan : plan;
  if (isChange && begun !== undefined && entityId === undefined) await countHeld(ctx, customerId, begun, now);
  return { applied: true, subscriptionId, replaced: isEnd ? [] : others };
}

const isOver = ({ status, cancelAt = Infinity }: Word, now: number): boolean =>
  status === "canceled" || cancelAt <= now;

/** It was had once, and nothing of it is had or to come. */
const isEnded = ({ linked, current, next }: Known): boolean =>
  linked.length > 0 && current === undefined && next === undefined;

/** Other subscriptions that somebody bills for a plan of the group, which the customer has now. */
async function billedBeside(
  ctx: QueryCtx,
  { customerId, entityId, plan, word }: SyncArgs,
  now: number,
): Promise<string[]> {
  if (plan.addOn) return [];
  const open = await openSubscriptions(ctx, customerId, now);
  return open.flatMap((each) => {
    const isRival = !each.addOn && each.group === plan.group && each.entityId === entityId;
    return isRival && each.externalId !== undefined && each.externalId !== word.externalId
      ? [each.externalId]
      : [];
  });
}

async function knownOf(ctx: QueryCtx, externalId: string, now: number): Promise<Known> {
  const linked = await linkedTo(ctx, externalId);
  const open = linked.filter(({ endsAt = Infinity }) => endsAt > now);
  return {
    linked,
    current: open.findLast(({ startsAt }) => startsAt <= now),
    next: open.findLast(({ startsAt }) => startsAt > now),
  };
}

/** The subscriptions that are this one of whoever bills it, in the order in which they were decided. */
export async function linkedTo(ctx: QueryCtx, externalId: string): Promise<Subscription[]> {
  const latest = await ctx.db
    .query("subscriptions")
    .withIndex("by_external", (q) => q.eq("externalId", externalId))
    .order("desc")
    .take(MAX_LINKED);
  return latest.reverse();
}
/** One for each change of plan: those of years are looked at, and older ones have nothing to say. */
const MAX_LINKED = 100;

/** A subscription is one customer's (or entity's), for good. */
function refuseForeign({ customerId, entityId, word }: SyncArgs, linked: readonly Subscription[]): void {
  const isOthers = linked.some((each) => each.customerId !== customerId || each.entityId !== entityId);
  if (!isOthers) return;
  throw tallyError(
    "invalid_argument",
    `The subscription ${shown(word.externalId)} is another customer's (or entity's) already. Nothing was changed.`,
  );
}

interface Noted {
  ids: IdSource;
  changes: BalanceChange[];
  now: number;
}

/** The default plan of the group, which the customer has when this one is over. */
function successorOf({ plan, provision }: { plan: SyncArgs["plan"]; provision: Provision }) {
  if (plan.addOn) return undefined;
  const successor = provision.plans.find((each) => !each.plan.addOn && each.plan.group === plan.group);
  return successor?.plan.id === plan.id ? undefined : successor;
}

/** It is over: at once, with all that was to follow it. */
async function end(
  ctx: MutationCtx,
  args: SyncArgs,
  { linked, current, next }: Known,
  { ids, changes, now }: Noted,
): Promise<string | null> {
  const { customerId, entityId, plan, version, word } = args;
  const { externalId, revision } = word;
  if (current === undefined && next === undefined && linked.length === 0) {
    // So that an older word, should it come, finds that it is over.
    const place = { customerId, entityId, plan, version, anchor: now, startsAt: now, endsAt: now };
    await insertSubscription(ctx, { ...place, subscriptionId: ids.next("s"), externalId, revision });
    return null;
  }
  const successor = current === undefined ? undefined : successorOf(args);
  if (current !== undefined || next !== undefined) {
    const ending = current === undefined ? [] : [current];
    const dropping = current === undefined ? [] : await scheduledAfter(ctx, current, now);
    await transition(
      ctx,
      {
        customerId,
        entityId,
        ending,
        dropping:
          next === undefined || dropping.some(({ _id }) => _id === next._id) ? dropping : [...dropping, next],
        incoming:
          successor === undefined || current === undefined ? null : { ...successor, anchor: current.anchor },
        at: now,
        now,
        keepsUsage: true,
        keepsBalance: false,
        changes,
      },
      ids,
    );
  }
  const last = linked.at(-1);
  if (last !== undefined) await ctx.db.patch("subscriptions", last._id, { revision });
  return null;
}

/** It goes on, or begins: with its plan, its periods, its end if that is decided, and what is paid of it. */
async function goOn(ctx: MutationCtx, args: SyncArgs, known: Known, noted: Noted): Promise<string> {
  const { word } = args;
  const { externalId, revision, periodEnd: paidUntil } = word;
  const current = isOtherwise(args, known) ? await begin(ctx, args, known, noted) : known.current;
  assert(current !== undefined, "a subscription that goes on is there");
  await ctx.db.patch("subscriptions", current._id, { externalId, revision, paidUntil });
  if (args.change === "period_end") await schedule(ctx, args, current, noted);
  if (args.change === "now" && known.next !== undefined) await giveUp(ctx, current._id, noted);
  await moveTo(ctx, args, current._id, noted);
  await follow(ctx, args, current._id, noted);
  await settle(ctx, args, noted);
  return current.subscriptionId;
}

/** Whether the customer is to have another plan than he has: now, and not with a change that is decided for later. */
function isOtherwise({ plan, quantities, change }: SyncArgs, { current, next }: Known): boolean {
  if (current === undefined) return true;
  if (change === "period_end") return false;
  if (current.planId === plan.id)
    return quantities !== undefined && sorted(quantities) !== sorted(current.quantities ?? {});
  return change === "now" || next?.planId !== plan.id;
}

/** The plan begins, in place of what the customer has; or it is there already, and is paid from now on. */
async function begin(
  ctx: MutationCtx,
  args: SyncArgs,
  { current }: Known,
  { ids, changes, now }: Noted,
): Promise<Subscription | undefined> {
  const { customerId, entityId, plan, version, quantities, word } = args;
  const open = await openSubscriptions(ctx, customerId, now);
  const rivals = open.filter(
    (each) => !each.addOn && !plan.addOn && each.group === plan.group && each.entityId === entityId,
  );
  const ending = plan.addOn ? [current].filter((each) => each !== undefined) : rivals.filter(hasBegun(now));
  const isThere = (each: Subscription) =>
    each.externalId === undefined &&
    each.trialEndsAt === undefined &&
    each.planId === plan.id &&
    each.version === version &&
    (quantities === undefined || sorted(quantities) === sorted(each.quantities ?? {}));
  const there = current === undefined && !plan.addOn ? ending.find(isThere) : undefined;
  if (there !== undefined) return there;
  const terms = await Promise.all(ending.map((each) => termsOf(ctx, each)));
  const subscriptionId = await transition(
    ctx,
    {
      customerId,
      entityId,
      ending,
      dropping: rivals.filter((each) => !hasBegun(now)(each)),
      incoming: { plan, version, quantities, anchor: Math.min(now, word.periodStart) },
      at: now,
      now,
      // A trial is not paid for.
      keepsUsage: word.status === "trialing" || !isUpgrade(plan, terms),
      keepsBalance: false,
      changes,
    },
    ids,
  );
  return await subscriptionOf(ctx, customerId, subscriptionId);
}

const hasBegun =
  (now: number) =>
  ({ startsAt }: Subscription): boolean =>
    startsAt <= now;

async function subscriptionOf(ctx: QueryCtx, customerId: string, subscriptionId: string | null) {
  if (subscriptionId === null) return undefined;
  const found = await ctx.db
    .query("subscriptions")
    .withIndex("by_customer", (q) => q.eq("customerId", customerId).eq("subscriptionId", subscriptionId))
    .unique();
  return found ?? undefined;
}

/** The plan takes over when the period that is paid is over. */
async function schedule(
  ctx: MutationCtx,
  { customerId, entityId, plan, version, quantities, word }: SyncArgs,
  current: Subscription,
  { ids, changes, now }: Noted,
): Promise<void> {
  const { externalId, revision, periodEnd: at } = word;
  const dropping = current.addOn ? [] : await scheduledAfter(ctx, current, now);
  const same = dropping.find((each) => each.planId === plan.id && each.startsAt === at);
  if (same !== undefined && sorted(same.quantities ?? {}) === sorted(quantities ?? {})) return;
  const incoming = { plan, version, quantities, anchor: at };
  const subscriptionId = await transition(
    ctx,
    {
      customerId,
      entityId,
      ending: [current],
      dropping,
      incoming,
      at,
      now,
      keepsUsage: true,
      keepsBalance: false,
      changes,
    },
    ids,
  );
  const next = await subscriptionOf(ctx, customerId, subscriptionId);
  if (next !== undefined) await ctx.db.patch("subscriptions", next._id, { externalId, revision });
}

/** What was to follow does not. */
async function giveUp(ctx: MutationCtx, id: Id<"subscriptions">, { changes, now }: Noted): Promise<void> {
  const resuming = await reload(ctx, id);
  const dropping = await scheduledAfter(ctx, resuming, now);
  if (resuming.endsAt !== undefined) changes.push(...(await resume(ctx, { resuming, dropping, now })));
}

/** Its periods begin when those begin that are paid. */
async function moveTo(
  ctx: MutationCtx,
  { word }: SyncArgs,
  id: Id<"subscriptions">,
  { changes, now }: Noted,
): Promise<void> {
  const held = await reload(ctx, id);
  const start = Math.min(now, word.periodStart);
  if (isAnchored(await termsOf(ctx, held), held.anchor, start)) return;
  changes.push(...(await reanchor(ctx, held, start, now)));
}

/** Its end is decided, or taken back; a plan that is to follow is none. */
async function follow(
  ctx: MutationCtx,
  args: SyncArgs,
  id: Id<"subscriptions">,
  { ids, changes, now }: Noted,
): Promise<void> {
  const { customerId, entityId, word } = args;
  const { cancelAt, externalId } = word;
  const held = await reload(ctx, id);
  const later = held.addOn ? [] : await scheduledAfter(ctx, held, now);
  const isFollowed = later.some((each) => each.externalId === externalId);
  if (cancelAt === undefined && (isFollowed || held.endsAt === undefined)) return;
  if (held.endsAt === cancelAt && !isFollowed) return;
  if (held.endsAt !== undefined)
    changes.push(...(await resume(ctx, { resuming: held, dropping: later, now })));
  if (cancelAt === undefined) return;
  const successor = successorOf({ plan: await termsOf(ctx, held), provision: args.provision });
  await transition(
    ctx,
    {
      customerId,
      entityId,
      ending: [await reload(ctx, id)],
      dropping: [],
      incoming: successor === undefined ? null : { ...successor, anchor: cancelAt },
      at: cancelAt,
      now,
      keepsUsage: true,
      keepsBalance: false,
      changes,
    },
    ids,
  );
}

/** What is paid is paid until the period's end; without a payment, the grants stop some time after that. */
async function settle(ctx: MutationCtx, { word, graceMs }: SyncArgs, { changes, now }: Noted): Promise<void> {
  const { current, next } = await knownOf(ctx, word.externalId, now);
  const { status, periodEnd } = word;
  assert(status !== "canceled", "what is over has no period to come");
  for (const held of [current, next]) {
    if (held === undefined) continue;
    if (periodEnd <= (held.returnedUntil ?? -Infinity)) continue;
    const due =
      held === current
        ? dueDates(status, { periodEnd, pastDueAt: held.pastDueAt }, graceMs, now)
        : dueDates("active", { periodEnd: held.startsAt, pastDueAt: undefined }, graceMs, now);
    if (due.pastDueAt === held.pastDueAt && due.suspendsAt === held.suspendsAt) continue;
    changes.push(...(await suspend(ctx, held, due, now)));
  }
}

async function reload(ctx: QueryCtx, id: Id<"subscriptions">): Promise<Subscription> {
  const held = await ctx.db.get("subscriptions", id);
  assert(held !== null, "a subscription is never deleted while its customer is there");
  return held;
}
