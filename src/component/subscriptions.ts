import { v, type Infer } from "convex/values";
import { planValidator, type Plan } from "../core/terms.js";
import { shown, tallyError } from "../core/errors.js";
import { addMonths } from "../core/periods.js";
import { grantOf, isUpgrade, periodEnd } from "../core/plans.js";
import { isTopUp } from "../core/topUps.js";
import type { Doc } from "./_generated/dataModel.js";
import { mutation, query, type MutationCtx, type QueryCtx } from "./_generated/server.js";
import { pageArgs, pageOf } from "./cursors.js";
import { getCustomer, openCustomer, provisionValidator } from "./customers.js";
import { findEvent, repeatOf } from "./events.js";
import { IdSource } from "./ids.js";
import { resume as resumeSubscription, transition, type Incoming } from "./planChanges.js";
import { termsOf } from "./planVersions.js";
import { assertEntity, MAX_ENTITIES } from "./rows.js";
import { subscriptionFields } from "./schema.js";
import { addToRow } from "./topUps.js";

const { version: _version, fingerprint: _fingerprint, ...shownFields } = subscriptionFields;
export const subscriptionValidator = v.object({
  ...shownFields,
  /** As of now. A trial is active as well; what is past due gives what it did until it is suspended. */
  status: v.union(
    v.literal("scheduled"),
    v.literal("trialing"),
    v.literal("active"),
    v.literal("past_due"),
    v.literal("ended"),
  ),
});
type Shown = Infer<typeof subscriptionValidator>;
type Subscription = Doc<"subscriptions">;

function shownSubscription(subscription: Subscription, now: number): Shown {
  const { _id, _creationTime, version: _, fingerprint: _f, ...fields } = subscription;
  return { ...fields, status: statusOf(subscription, now) };
}

function statusOf({ startsAt, endsAt, pastDueAt, trialEndsAt }: Subscription, now: number): Shown["status"] {
  if ((endsAt ?? Infinity) <= now) return "ended";
  if (startsAt > now) return "scheduled";
  if ((pastDueAt ?? Infinity) <= now) return "past_due";
  return (trialEndsAt ?? 0) > now ? "trialing" : "active";
}

/** A customer's subscriptions, ended ones included, in the order in which they were decided. */
export const list = query({
  args: { customerId: v.string(), ...pageArgs },
  returns: v.object({ page: v.array(subscriptionValidator), cursor: v.union(v.string(), v.null()) }),
  handler: async (ctx, { customerId, ...page }) => {
    const from = { table: "subscriptions", index: "by_customer", prefix: [customerId] } as const;
    const found = await pageOf(ctx, { ...from, prefix: [customerId] }, page);
    const now = Date.now();
    return { page: found.page.map((held) => shownSubscription(held, now)), cursor: found.cursor };
  },
});

/** The plans that a customer (and one entity of his) holds now, or is to hold. */
export const held = query({
  args: { customerId: v.string(), entityId: v.optional(v.string()) },
  returns: v.array(subscriptionValidator),
  handler: async (ctx, { customerId, entityId }) => {
    const now = Date.now();
    const open = await openSubscriptions(ctx, customerId, now);
    const own = open.filter((each) => each.entityId === undefined || each.entityId === entityId);
    return own.map((each) => shownSubscription(each, now));
  },
});

/** Those that have not ended: active ones, and scheduled ones. */
export async function openSubscriptions(
  ctx: QueryCtx,
  customerId: string,
  now: number,
): Promise<Subscription[]> {
  const [endless, ending] = await Promise.all([
    ctx.db
      .query("subscriptions")
      .withIndex("by_end", (q) => q.eq("customerId", customerId).eq("endsAt", undefined))
      .take(MAX_OPEN),
    ctx.db
      .query("subscriptions")
      .withIndex("by_end", (q) => q.eq("customerId", customerId).gt("endsAt", now))
      .take(MAX_OPEN),
  ]);
  return [...endless, ...ending];
}
/** A plan for the customer, one for each of his entities, and as many again that are scheduled or added. */
const MAX_OPEN = 4 * MAX_ENTITIES;

const whenValidator = v.union(v.literal("now"), v.literal("period_end"));
export const provenanceFields = {
  idempotencyKey: v.optional(v.string()),
  reason: v.optional(v.string()),
  actor: v.optional(v.string()),
};

const attachArgs = v.object({
  customerId: v.string(),
  provision: provisionValidator,
  entityId: v.optional(v.string()),
  plan: planValidator,
  version: v.string(),
  quantities: v.optional(v.record(v.string(), v.number())),
  when: whenValidator,
  /** A trial of so long, after which the customer has `successor`. */
  trial: v.optional(
    v.object({
      length: v.number(),
      unit: v.union(v.literal("day"), v.literal("month"), v.literal("year")),
      fingerprint: v.optional(v.string()),
    }),
  ),
  /** The default plan of the group: what a customer has who has no other. */
  successor: v.optional(v.object({ plan: planValidator, version: v.string() })),
  carryOverUsages: v.optional(v.boolean()),
  carryOverBalances: v.optional(v.boolean()),
  ...provenanceFields,
});
type AttachArgs = Infer<typeof attachArgs>;

/**
 * Gives a customer a plan, in place of the one that he has in its group; a top-up or an add-on is
 * added, as often as it is attached. Nothing is paid here: the caller knows why he may have it. A
 * plan that he already has on the same terms stays as it is.
 */
export const attach = mutation({
  args: attachArgs.fields,
  returns: v.object({
    /** Null of a top-up. */
    subscriptionId: v.union(v.string(), v.null()),
    /** When it begins. */
    startsAt: v.number(),
    replayed: v.boolean(),
  }),
  handler: async (ctx, args) => {
    const { customerId, entityId, plan } = args;
    const now = Date.now();
    if (await isRepeat(ctx, args)) {
      const open = await openSubscriptions(ctx, customerId, now);
      const same = open.find((each) => each.planId === plan.id && each.entityId === entityId);
      return {
        subscriptionId: same?.subscriptionId ?? null,
        startsAt: same?.startsAt ?? now,
        replayed: true,
      };
    }
    const customer = await openCustomer(ctx, args);
    const ids = new IdSource(customer.lastNumber);
    const begun = isTopUp(plan) ? await addTopUp(ctx, args, ids, now) : await subscribe(ctx, args, ids, now);
    await recordChange(ctx, customer, args, plan.id, ids);
    return { ...begun, replayed: false };
  },
});

async function isRepeat(
  ctx: QueryCtx,
  { customerId, entityId, plan, idempotencyKey }: AttachArgs,
): Promise<boolean> {
  if (idempotencyKey === undefined) return false;
  const earlier = await findEvent(ctx, customerId, idempotencyKey);
  if (earlier !== null) repeatOf(earlier, { kind: "plan", planId: plan.id, entityId, value: 0 });
  return earlier !== null;
}

type Recorded = Pick<AttachArgs, "customerId" | "entityId" | "idempotencyKey" | "reason" | "actor">;

/** Appends the event of a change, and keeps the numbers that it has given. */
async function recordChange(
  ctx: MutationCtx,
  customer: Doc<"customers">,
  args: Recorded,
  planId: string,
  ids: IdSource,
): Promise<void> {
  const { customerId, entityId, idempotencyKey: key, reason, actor } = args;
  const isChange = ids.last > customer.lastNumber;
  if (isChange) await ctx.db.patch("customers", customer._id, { lastNumber: ids.last });
  if (!isChange && key === undefined) return;
  await ctx.db.insert("events", {
    customerId,
    entityId,
    kind: "plan",
    planId,
    value: 0,
    draws: [],
    key,
    reason,
    actor,
  });
}

async function addTopUp(
  ctx: MutationCtx,
  { customerId, entityId, plan, quantities }: AttachArgs,
  ids: IdSource,
  now: number,
) {
  for (const item of plan.items) {
    const start = { source: plan.id, now, anchor: now, quantities, nextGrantId: () => ids.next("g") };
    await addToRow(ctx, customerId, item.featureId, entityId, grantOf(plan, item, start));
  }
  return { subscriptionId: null, startsAt: now };
}

interface Change {
  ending: Subscription[];
  dropping: Subscription[];
  /** The same plan on the same terms is there already, and goes on. */
  same: Subscription | undefined;
  terms: Plan[];
  at: number;
  startsAfresh: boolean;
  anchor: number;
}

/** What attaching a plan would end, and when it would begin. */
async function changeTo(ctx: QueryCtx, args: AttachArgs, now: number): Promise<Change> {
  const { customerId, entityId, plan, version, when } = args;
  const open = plan.addOn ? [] : await openSubscriptions(ctx, customerId, now);
  const rivals = open.filter(
    (each) => !each.addOn && each.group === plan.group && each.entityId === entityId,
  );
  const ending = rivals.filter(({ startsAt }) => startsAt <= now);
  const terms = await Promise.all(ending.map((each) => termsOf(ctx, each)));
  const ends = ending.map((each, index) => periodEnd(terms[index] ?? plan, each.anchor, now) ?? now);
  const startsAfresh = args.carryOverUsages !== true && isUpgrade(plan, terms);
  const at = when === "period_end" ? Math.max(now, ...ends) : now;
  return {
    ending,
    dropping: rivals.filter(({ startsAt }) => startsAt > now),
    same: ending.find(
      (each) => each.planId === plan.id && each.version === version && each.trialEndsAt === undefined,
    ),
    terms,
    at,
    startsAfresh,
    // A change at the period's end begins a period; one that is paid for begins it now.
    anchor: at > now ? at : startsAfresh ? now : Math.min(now, ...ending.map((each) => each.anchor)),
  };
}

async function subscribe(ctx: MutationCtx, args: AttachArgs, ids: IdSource, now: number) {
  const { customerId, entityId, plan, version, quantities, trial } = args;
  const change = await changeTo(ctx, args, now);
  if (
    change.same !== undefined &&
    change.same.endsAt === undefined &&
    change.dropping.length === 0 &&
    quantities === undefined &&
    trial === undefined
  ) {
    return { subscriptionId: change.same.subscriptionId, startsAt: change.same.startsAt };
  }
  if (trial !== undefined) await refuseSecondTrial(ctx, args);
  const trialEndsAt = trial === undefined ? undefined : endOfTrial(change.at, trial);
  const incoming: Incoming = {
    plan,
    version,
    anchor: change.anchor,
    quantities,
    ...(trialEndsAt !== undefined && { trialEndsAt, fingerprint: trial?.fingerprint }),
  };
  const subscriptionId = await transition(
    ctx,
    {
      ...change,
      customerId,
      entityId,
      incoming,
      now,
      keepsUsage: !change.startsAfresh,
      keepsBalance: args.carryOverBalances === true,
    },
    ids,
  );
  if (trialEndsAt !== undefined && subscriptionId !== null) {
    await scheduleSuccessor(ctx, args, subscriptionId, trialEndsAt, ids, now);
  }
  return { subscriptionId, startsAt: change.at };
}

/** One trial of a plan for a customer, and for a fingerprint. */
async function refuseSecondTrial(ctx: QueryCtx, { customerId, plan, trial }: AttachArgs): Promise<void> {
  const earlier = await ctx.db
    .query("subscriptions")
    .withIndex("by_trial", (q) => q.eq("customerId", customerId).eq("planId", plan.id).gt("trialEndsAt", 0))
    .first();
  const fingerprint = trial?.fingerprint;
  const known =
    fingerprint === undefined
      ? null
      : await ctx.db
          .query("subscriptions")
          .withIndex("by_fingerprint", (q) => q.eq("fingerprint", fingerprint).eq("planId", plan.id))
          .first();
  if (earlier === null && known === null) return;
  throw tallyError(
    "invalid_argument",
    `Customer ${shown(customerId)} has had his trial of "${plan.id}"${earlier === null ? " under another account" : ""}. Attach it without a trial. Nothing was changed.`,
    { planId: plan.id },
  );
}

function endOfTrial(from: number, { length, unit }: NonNullable<AttachArgs["trial"]>): number {
  if (unit === "day") return from + length * 24 * 60 * 60 * 1000;
  return addMonths(from, length * (unit === "year" ? 12 : 1));
}

/** When a plan ends without another, the customer has the default one again. */
async function scheduleSuccessor(
  ctx: MutationCtx,
  { customerId, entityId, successor }: Pick<AttachArgs, "customerId" | "entityId" | "successor">,
  subscriptionId: string,
  at: number,
  ids: IdSource,
  now: number,
): Promise<void> {
  if (successor === undefined) return;
  const open = await openSubscriptions(ctx, customerId, now);
  await transition(
    ctx,
    {
      customerId,
      entityId,
      ending: open.filter((each) => each.subscriptionId === subscriptionId),
      dropping: [],
      incoming: { ...successor, anchor: at },
      at,
      now,
      keepsUsage: true,
      keepsBalance: false,
    },
    ids,
  );
}

/** What attaching would do, and when; nothing is changed. */
export const preview = query({
  args: attachArgs.fields,
  returns: v.object({
    startsAt: v.number(),
    /** The plans that would end then. */
    ends: v.array(v.object({ subscriptionId: v.string(), planId: v.string() })),
    /** Scheduled plans that would not begin any more. */
    drops: v.array(v.object({ subscriptionId: v.string(), planId: v.string() })),
    /** Whether consumable usage would start afresh. */
    startsAfresh: v.boolean(),
    /** The customer has it already. */
    unchanged: v.boolean(),
  }),
  handler: async (ctx, args) => {
    await assertEntity(ctx, args.customerId, args.entityId);
    const change = await changeTo(ctx, args, Date.now());
    const named = ({ subscriptionId, planId }: Subscription) => ({ subscriptionId, planId });
    const unchanged = change.same !== undefined && change.dropping.length === 0;
    return {
      startsAt: change.at,
      ends: unchanged ? [] : change.ending.map(named),
      drops: change.dropping.map(named),
      startsAfresh: change.startsAfresh && !unchanged,
      unchanged,
    };
  },
});

export const namedArgs = {
  customerId: v.string(),
  entityId: v.optional(v.string()),
  planId: v.string(),
};

/** Ends a plan, now or with its period; the customer has the default plan of its group then. */
export const cancel = mutation({
  args: { ...namedArgs, when: whenValidator, successor: attachArgs.fields.successor, ...provenanceFields },
  returns: v.object({ endsAt: v.number(), replayed: v.boolean() }),
  handler: async (ctx, args) => {
    const { customerId, entityId, planId, when, idempotencyKey } = args;
    const now = Date.now();
    if (idempotencyKey !== undefined) {
      const earlier = await findEvent(ctx, customerId, idempotencyKey);
      if (earlier !== null) {
        repeatOf(earlier, { kind: "plan", planId, entityId, value: 0 });
        const open = await openSubscriptions(ctx, customerId, now);
        const canceled = open.find((each) => each.planId === planId && each.entityId === entityId);
        return { endsAt: canceled?.endsAt ?? earlier._creationTime, replayed: true };
      }
    }
    const customer = await getCustomer(ctx, customerId);
    const canceled = await activeSubscription(ctx, args, now);
    const end = when === "now" ? now : (periodEnd(await termsOf(ctx, canceled), canceled.anchor, now) ?? now);
    const at = Math.min(end, canceled.trialEndsAt ?? Infinity);
    const ids = new IdSource(customer.lastNumber);
    const successor = canceled.addOn || args.successor?.plan.id === planId ? undefined : args.successor;
    await transition(
      ctx,
      {
        customerId,
        entityId,
        ending: [canceled],
        dropping: await scheduledAfter(ctx, canceled, now),
        incoming: successor === undefined ? null : { ...successor, anchor: at > now ? at : canceled.anchor },
        at,
        now,
        keepsUsage: true,
        keepsBalance: false,
      },
      ids,
    );
    // A cancellation without successor gives no number, and is an event all the same.
    await ctx.db.patch("customers", customer._id, { lastNumber: ids.last });
    const { reason, actor } = args;
    await ctx.db.insert("events", {
      customerId,
      entityId,
      kind: "plan",
      planId,
      value: 0,
      draws: [],
      key: idempotencyKey,
      reason,
      actor,
    });
    return { endsAt: at, replayed: false };
  },
});

/** Takes a cancellation or scheduled change back, before its time. */
export const resume = mutation({
  args: { ...namedArgs, ...provenanceFields },
  returns: v.object({ resumed: v.boolean() }),
  handler: async (ctx, args) => {
    const now = Date.now();
    await getCustomer(ctx, args.customerId);
    const resuming = await activeSubscription(ctx, args, now);
    if (resuming.endsAt === resuming.trialEndsAt) return { resumed: false };
    await resumeSubscription(ctx, { resuming, dropping: await scheduledAfter(ctx, resuming, now), now });
    const { customerId, entityId, planId, idempotencyKey: key, reason, actor } = args;
    await ctx.db.insert("events", {
      customerId,
      entityId,
      kind: "plan",
      planId,
      value: 0,
      draws: [],
      key,
      reason,
      actor,
    });
    return { resumed: true };
  },
});

/** Throws `plan_not_found` unless the customer (or entity of his) has the plan now, and `entity_not_found`. */
export async function activeSubscription(ctx: QueryCtx, named: Named, now: number): Promise<Subscription> {
  const { customerId, entityId, planId } = named;
  await assertEntity(ctx, customerId, entityId);
  const found = await findActive(ctx, named, now);
  if (found !== undefined) return found;
  throw tallyError(
    "plan_not_found",
    `Customer ${shown(customerId)} does not have the plan ${shown(planId)}. Nothing was changed.`,
    { planId },
  );
}

interface Named {
  customerId: string;
  entityId?: string;
  planId: string;
}

export async function findActive(
  ctx: QueryCtx,
  { customerId, entityId, planId }: Named,
  now: number,
): Promise<Subscription | undefined> {
  const open = await openSubscriptions(ctx, customerId, now);
  return open.find((each) => each.planId === planId && each.entityId === entityId && each.startsAt <= now);
}

async function scheduledAfter(
  ctx: QueryCtx,
  { customerId, entityId, group, addOn }: Subscription,
  now: number,
): Promise<Subscription[]> {
  if (addOn) return [];
  const open = await openSubscriptions(ctx, customerId, now);
  return open.filter(
    (each) => each.startsAt > now && each.group === group && each.entityId === entityId && !each.addOn,
  );
}
