import { v, type Infer } from "convex/values";
import { planValidator, type Plan } from "../core/terms.js";
import type { BalanceChange } from "../core/changes.js";
import { shown, tallyError } from "../core/errors.js";
import { addMonths } from "../core/periods.js";
import { buysLess, grantOf, isUpgrade, periodEnd } from "../core/plans.js";
import { isTopUp } from "../core/topUps.js";
import type { Doc } from "./_generated/dataModel.js";
import { mutation, query, type MutationCtx, type QueryCtx } from "./_generated/server.js";
import { pageArgs, pageOf } from "./cursors.js";
import { findCustomer, getCustomer, openCustomer, provisionValidator } from "./customers.js";
import { findEvent, repeatOf } from "./events.js";
import { IdSource } from "./ids.js";
import { countHeld, resume as resumeSubscription, transition, type Incoming } from "./planChanges.js";
import { recordPlan } from "./planEvents.js";
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

const { planId, entityId, status, group, addOn, startsAt, endsAt, trialEndsAt, pastDueAt } =
  subscriptionValidator.fields;
const { suspendsAt, paidUntil, quantities } = subscriptionValidator.fields;
/** What browsers may see: nothing of whoever bills it. */
export const heldValidator = v.object({
  planId,
  entityId,
  status,
  group,
  addOn,
  startsAt,
  endsAt,
  trialEndsAt,
  pastDueAt,
  suspendsAt,
  paidUntil,
  quantities,
});
type Held = Infer<typeof heldValidator>;

/**
 * The plans that a customer (and one entity of his) holds now, or is to hold, as he may see them. One who
 * has not begun is shown with the default plans.
 */
export const held = query({
  args: { customerId: v.string(), entityId: v.optional(v.string()), defaults: v.array(planValidator) },
  returns: v.array(heldValidator),
  handler: async (ctx, { customerId, entityId, defaults }): Promise<Held[]> => {
    const now = Date.now();
    if ((await findCustomer(ctx, customerId)) === null)
      return defaults.map(({ id: planId, group, addOn }) => ({
        planId,
        group,
        addOn,
        startsAt: now,
        status: "active",
      }));
    const open = await openSubscriptions(ctx, customerId, now);
    const own = open.filter((each) => each.entityId === undefined || each.entityId === entityId);
    return own.map((each) => heldOf(each, now));
  },
});

export function heldOf(subscription: Subscription, now: number): Held {
  const { planId, entityId, group, addOn, startsAt, endsAt, trialEndsAt, pastDueAt } = subscription;
  const { suspendsAt, paidUntil, quantities } = subscription;
  const status = statusOf(subscription, now);
  const begun = { planId, entityId, status, group, addOn, startsAt, endsAt, trialEndsAt, pastDueAt };
  return { ...begun, suspendsAt, paidUntil, quantities };
}

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
  /** The items are this customer's alone. */
  custom: v.optional(v.literal(true)),
  /** Now, if absent; or with the period, of a plan that goes on with fewer units bought in advance. */
  when: v.optional(whenValidator),
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
    const { plan } = args;
    const now = Date.now();
    const asked = askedOf(args);
    const answered = await repeated(ctx, { ...args, planId: plan.id }, asked);
    if (answered !== null) {
      const { subscriptionId = null, startsAt = now } = answered;
      return { subscriptionId, startsAt, replayed: true };
    }
    if (isTopUp(plan)) refuseTerms(args);
    const customer = await openCustomer(ctx, args);
    const ids = new IdSource(customer.lastNumber);
    const noted: Noted = { ids, changes: [], now };
    const begun = isTopUp(plan) ? await addTopUp(ctx, args, noted) : await subscribe(ctx, args, noted);
    const { subscriptionId, startsAt } = begun;
    await recordChange(ctx, customer, { ...args, planId: plan.id }, noted, {
      ...asked,
      ...(subscriptionId !== null && { subscriptionId }),
      startsAt,
    });
    const hasBegun = noted.ids.last > customer.lastNumber && startsAt <= now;
    if (subscriptionId !== null && hasBegun && args.entityId === undefined)
      await countHeld(ctx, args.customerId, plan, now);
    return { ...begun, replayed: false };
  },
});

/** A top-up is there at once and for good. Throws `invalid_argument` of terms that only a subscription has. */
function refuseTerms({ plan, when, trial, carryOverUsages, carryOverBalances }: AttachArgs): void {
  const terms = { when: when === "period_end", trial, carryOverUsages, carryOverBalances };
  const given = Object.entries(terms).flatMap(([name, value]) => (value ? [name] : []));
  if (given.length === 0) return;
  throw tallyError(
    "invalid_argument",
    `Plan ${shown(plan.id)} is paid once and added at once: leave out ${given.join(", ")}. Nothing was changed.`,
    { planId: plan.id },
  );
}

/** What a call is to change: kept with its event, and compared when it is repeated. */
type Asked = Record<string, string | boolean>;

function askedOf(args: AttachArgs): Asked {
  const { when, trial, quantities, carryOverUsages, carryOverBalances, custom, version } = args;
  return {
    change: "attach",
    ...(when !== undefined && { when }),
    ...(trial && { trial: `${trial.length} ${trial.unit}` }),
    ...(quantities && { quantities: JSON.stringify(Object.entries(quantities).sort()) }),
    ...(custom && { items: version }),
    ...(carryOverUsages && { carryOverUsages }),
    ...(carryOverBalances && { carryOverBalances }),
  };
}

/** What a call has answered, as its event keeps it. */
interface Answered {
  subscriptionId?: string;
  startsAt?: number;
  endsAt?: number;
  resumed?: boolean;
}

/** The answer of the call that this one repeats; null if it is the first. Throws `idempotency_conflict`. */
async function repeated(ctx: QueryCtx, args: Changed, asked: Asked): Promise<Answered | null> {
  const { customerId, entityId, planId, idempotencyKey } = args;
  const earlier = idempotencyKey === undefined ? null : await findEvent(ctx, customerId, idempotencyKey);
  if (earlier === null) return null;
  const { subscriptionId, startsAt, endsAt, resumed, ...properties } = earlier.properties ?? {};
  repeatOf({ ...earlier, properties }, { kind: "plan", planId, entityId, value: 0, properties: asked });
  return {
    ...(typeof subscriptionId === "string" && { subscriptionId }),
    ...(typeof startsAt === "number" && { startsAt }),
    ...(typeof endsAt === "number" && { endsAt }),
    ...(typeof resumed === "boolean" && { resumed }),
  };
}

interface Changed {
  customerId: string;
  entityId?: string;
  planId: string;
  idempotencyKey?: string;
  reason?: string;
  actor?: string;
}

/** What a change gives out and does, for the event that says why. */
interface Noted {
  ids: IdSource;
  changes: BalanceChange[];
  now: number;
}

/** Appends the event of a change, and keeps the numbers that it has given. */
async function recordChange(
  ctx: MutationCtx,
  customer: Doc<"customers">,
  args: Changed,
  { ids, changes }: Noted,
  properties: NonNullable<Doc<"events">["properties"]>,
  isChange = ids.last > customer.lastNumber,
): Promise<void> {
  if (ids.last > customer.lastNumber) {
    await ctx.db.patch("customers", customer._id, { lastNumber: ids.last });
  }
  if (isChange || args.idempotencyKey !== undefined) await recordPlan(ctx, { ...args, properties }, changes);
}

async function addTopUp(
  ctx: MutationCtx,
  { customerId, entityId, plan, quantities }: AttachArgs,
  { ids, changes, now }: Noted,
) {
  for (const item of plan.items) {
    const start = { source: plan.id, now, anchor: now, quantities, nextGrantId: () => ids.next("g") };
    const added = await addToRow(ctx, customerId, item.featureId, entityId, grantOf(plan, item, start));
    changes.push(...added.changes);
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
  const { customerId, entityId, plan, version } = args;
  const open = plan.addOn ? [] : await openSubscriptions(ctx, customerId, now);
  const rivals = open.filter(
    (each) => !each.addOn && each.group === plan.group && each.entityId === entityId,
  );
  const ending = rivals.filter(({ startsAt }) => startsAt <= now);
  const terms = await Promise.all(ending.map((each) => termsOf(ctx, each)));
  const ends = ending.map((each, index) => endOfPeriod(each, terms[index] ?? plan, now));
  // A trial is not paid for.
  const startsAfresh = args.carryOverUsages !== true && args.trial === undefined && isUpgrade(plan, terms);
  const at = whenOf(args, ending, terms) === "period_end" ? Math.max(now, ...ends) : now;
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

/** Units that are paid for stay until their period is over, unless told. */
function whenOf(
  args: AttachArgs,
  ending: readonly Subscription[],
  terms: readonly Plan[],
): "now" | "period_end" {
  const { plan, quantities, trial, when } = args;
  const index = ending.findIndex((each) => each.planId === plan.id && each.trialEndsAt === undefined);
  const [held, old] = [ending[index], terms[index]];
  if (when !== undefined || held === undefined || old === undefined) return when ?? "now";
  if (quantities === undefined || trial !== undefined) return "now";
  return buysLess({ plan: old, quantities: held.quantities }, { plan, quantities }) ? "period_end" : "now";
}

/** When the period ends that a plan is in; a trial, at the latest with itself. */
function endOfPeriod({ anchor, trialEndsAt }: Subscription, terms: Plan, now: number): number {
  const end = periodEnd(terms, anchor, now) ?? trialEndsAt ?? now;
  return Math.min(end, trialEndsAt ?? Infinity);
}

async function subscribe(ctx: MutationCtx, args: AttachArgs, noted: Noted) {
  const { ids, changes, now } = noted;
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
  if (trial !== undefined) await refuseSecondTrial(ctx, args, change);
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
      changes,
    },
    ids,
  );
  if (trialEndsAt !== undefined && subscriptionId !== null) {
    await scheduleSuccessor(ctx, args, subscriptionId, trialEndsAt, noted);
  }
  return { subscriptionId, startsAt: change.at };
}

/** One trial of a plan for a customer, and for a fingerprint; none of a plan that he has. */
async function refuseSecondTrial(
  ctx: QueryCtx,
  { customerId, plan, trial }: AttachArgs,
  { ending }: Change,
): Promise<void> {
  const had = (earlier: readonly Subscription[]) =>
    // One that was given up before it began was none.
    earlier.some(
      ({ trialEndsAt, startsAt, endsAt = Infinity }) => trialEndsAt !== undefined && endsAt >= startsAt,
    );
  const own = await ctx.db
    .query("subscriptions")
    .withIndex("by_trial", (q) => q.eq("customerId", customerId).eq("planId", plan.id).gt("trialEndsAt", 0))
    .take(MAX_TRIALS);
  const fingerprint = trial?.fingerprint;
  const others =
    fingerprint === undefined
      ? []
      : await ctx.db
          .query("subscriptions")
          .withIndex("by_fingerprint", (q) => q.eq("fingerprint", fingerprint).eq("planId", plan.id))
          .take(MAX_TRIALS);
  const why = had(own)
    ? "has had his trial of"
    : had(others)
      ? "has had his trial under another account of"
      : ending.some(({ planId }) => planId === plan.id)
        ? "already has"
        : null;
  if (why === null) return;
  throw tallyError(
    "invalid_argument",
    `Customer ${shown(customerId)} ${why} ${shown(plan.id)}. Attach it without a trial. Nothing was changed.`,
    { planId: plan.id },
  );
}
/** Far more trials than anybody schedules and gives up again. */
const MAX_TRIALS = 100;

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
  { ids, changes, now }: Noted,
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
      changes,
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
    const { customerId, entityId, planId, when } = args;
    const now = Date.now();
    const asked = { change: "cancel", when };
    const answered = await repeated(ctx, args, asked);
    if (answered !== null) return { endsAt: answered.endsAt ?? now, replayed: true };
    const customer = await getCustomer(ctx, customerId);
    const canceled = await activeSubscription(ctx, args, now, (held) => !isToEnd(held));
    const at = when === "now" ? now : endOfPeriod(canceled, await termsOf(ctx, canceled), now);
    const noted: Noted = { ids: new IdSource(customer.lastNumber), changes: [], now };
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
        changes: noted.changes,
      },
      noted.ids,
    );
    await recordChange(ctx, customer, args, noted, { ...asked, endsAt: at }, true);
    if (successor !== undefined && at <= now && entityId === undefined)
      await countHeld(ctx, customerId, successor.plan, now);
    return { endsAt: at, replayed: false };
  },
});

/** Takes a cancellation or scheduled change back, before its time. */
export const resume = mutation({
  args: { ...namedArgs, successor: attachArgs.fields.successor, ...provenanceFields },
  returns: v.object({ resumed: v.boolean(), replayed: v.boolean() }),
  handler: async (ctx, args) => {
    const now = Date.now();
    const asked = { change: "resume" };
    const answered = await repeated(ctx, args, asked);
    if (answered !== null) return { resumed: answered.resumed === true, replayed: true };
    const customer = await getCustomer(ctx, args.customerId);
    const resuming = await activeSubscription(ctx, args, now, isToEnd);
    const { subscriptionId, trialEndsAt } = resuming;
    const resumed = isToEnd(resuming);
    const noted: Noted = { ids: new IdSource(customer.lastNumber), changes: [], now };
    if (resumed) {
      const dropping = await scheduledAfter(ctx, resuming, now);
      noted.changes.push(...(await resumeSubscription(ctx, { resuming, dropping, now })));
      if (trialEndsAt !== undefined) await scheduleSuccessor(ctx, args, subscriptionId, trialEndsAt, noted);
    }
    await recordChange(ctx, customer, args, noted, { ...asked, resumed }, resumed);
    return { resumed, replayed: false };
  },
});

/** Whether an end was decided that it would not have by itself. */
const isToEnd = ({ endsAt, trialEndsAt }: Subscription): boolean => endsAt !== trialEndsAt;

/**
 * The customer's (or an entity's) subscription to a plan; of several (add-ons) the first that `prefers`
 * says, if one is. Throws `plan_not_found` if he does not have the plan now, and `entity_not_found`.
 */
export async function activeSubscription(
  ctx: QueryCtx,
  named: Named,
  now: number,
  prefers?: (held: Subscription) => boolean,
): Promise<Subscription> {
  const { customerId, entityId, planId } = named;
  await assertEntity(ctx, customerId, entityId);
  const found = await findActive(ctx, named, now, prefers);
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
  prefers: (held: Subscription) => boolean = () => true,
): Promise<Subscription | undefined> {
  const open = await openSubscriptions(ctx, customerId, now);
  const active = open.filter(
    (each) => each.planId === planId && each.entityId === entityId && each.startsAt <= now,
  );
  return active.find(prefers) ?? active[0];
}

/** What is to begin in place of a plan. */
export async function scheduledAfter(
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
