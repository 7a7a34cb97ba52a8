/** Whole accounts, in one read: a customer (or one part of him) with his plans, purchases and balances. Never read by a use. */
import { v, type Infer } from "convex/values";
import { listedBalanceValidator } from "../core/answers.js";
import { controlsValidator } from "../core/controlTerms.js";
import { shown, tallyError } from "../core/errors.js";
import { lastBoundary } from "../core/periods.js";
import { periodEnd } from "../core/plans.js";
import { planValidator, type Plan } from "../core/terms.js";
import type { Doc } from "./_generated/dataModel.js";
import { query, type QueryCtx } from "./_generated/server.js";
import { listedAt } from "./balances.js";
import { hasBudget } from "./budget.js";
import { pageArgs, pageOf } from "./cursors.js";
import { detailedCustomerValidator, findCustomer, shownDetails } from "./customers.js";
import { entityValidator, shownEntity } from "./entities.js";
import { termsOf } from "./planVersions.js";
import { entitiesOf, findEntity, loadRow, type Row } from "./rows.js";
import { heldOf, heldValidator, openSubscriptions } from "./subscriptions.js";

const subscriptionValidator = v.object({
  ...heldValidator.fields,
  subscriptionId: v.string(),
  /** The terms that it was bought on. */
  plan: planValidator,
  /** The period that it is in; null of what has none, or has not begun. */
  periodStart: v.union(v.number(), v.null()),
  periodEnd: v.union(v.number(), v.null()),
});

/** What was paid for. */
const purchaseValidator = v.object({
  purchaseId: v.string(),
  kind: v.string(),
  entityId: v.optional(v.string()),
  planId: v.string(),
  plan: planValidator,
  quantities: v.optional(v.record(v.string(), v.number())),
  paidAt: v.number(),
  /** In minor units of `currency`. */
  paid: v.number(),
  currency: v.string(),
  paymentId: v.optional(v.string()),
});

const balanceValidator = v.object({
  ...listedBalanceValidator.fields,
  /** The customer's or entity's own, and those of his plans. */
  controls: v.optional(controlsValidator),
});

const trialValidator = v.object({ planId: v.string(), fingerprint: v.optional(v.string()) });

const accountFields = {
  customer: detailedCustomerValidator,
  /** Those that are to begin among them, and those of entities; of one entity, its own and the customer's. */
  subscriptions: v.array(subscriptionValidator),
  /** The latest that were paid, at most 100. */
  purchases: v.array(purchaseValidator),
  /** As of now, each row for itself; of one entity, its own and the customer's. */
  balances: v.array(balanceValidator),
};
const accountValidator = v.object(accountFields);
const entityAccountValidator = v.object({ ...accountFields, entity: entityValidator });

/** The terms of plans that one read has looked up, by version. */
type Known = Map<string, Promise<Plan>>;

/** A customer's account; null if there is none of that id. */
export const get = query({
  args: {
    customerId: v.string(),
    withEntities: v.optional(v.boolean()),
    withTrials: v.optional(v.boolean()),
  },
  returns: v.union(
    v.object({
      ...accountFields,
      entities: v.optional(v.array(entityValidator)),
      trials: v.optional(v.array(trialValidator)),
    }),
    v.null(),
  ),
  handler: async (ctx, { customerId, withEntities, withTrials }) => {
    const customer = await findCustomer(ctx, customerId);
    if (customer === null) return null;
    return {
      ...(await accountOf(ctx, customer, new Map(), Date.now())),
      ...(withEntities && {
        entities: (await entitiesOf(ctx, customerId))
          .filter(({ removing }) => removing === undefined)
          .map(shownEntity),
      }),
      ...(withTrials && { trials: await trialsOf(ctx, customerId) }),
    };
  },
});

/** Customers by id, with their accounts. A page ends early where one transaction can read no more. */
export const list = query({
  args: {
    ...pageArgs,
    /** In the id, name or email, whatever its case. */
    search: v.optional(v.string()),
    /** Those who hold one of these plans. */
    planIds: v.optional(v.array(v.string())),
    status: v.optional(v.union(v.literal("active"), v.literal("scheduled"))),
  },
  returns: v.object({ page: v.array(accountValidator), cursor: v.union(v.string(), v.null()) }),
  handler: async (ctx, { search, planIds, status, limit = 50, ...args }) => {
    const found: Infer<typeof accountValidator>[] = [];
    const known: Known = new Map();
    const now = Date.now();
    const from = { table: "customers", index: "by_customer", prefix: [] } as const;
    let cursor = args.cursor ?? null;
    do {
      const next = await pageOf(ctx, { ...from, prefix: [] }, { cursor, limit: 1 });
      cursor = next.cursor;
      const [customer] = next.page;
      if (customer === undefined || !isFound(customer, search)) continue;
      const account = await accountOf(ctx, customer, known, now);
      if (account.subscriptions.some((held) => isAsked(held, planIds, status)) || isAny(planIds, status))
        found.push(account);
    } while (cursor !== null && found.length < limit && (await hasBudget(ctx)));
    return { page: found, cursor };
  },
});

/** One part of a customer, with what it can draw on; null if he has none of that id. */
export const entity = query({
  args: { customerId: v.string(), entityId: v.string(), featureIds: v.array(v.string()) },
  returns: v.union(entityAccountValidator, v.null()),
  handler: async (ctx, { customerId, entityId, featureIds }) => {
    const [customer, record] = await Promise.all([
      findCustomer(ctx, customerId),
      findEntity(ctx, customerId, entityId),
    ]);
    if (customer === null || record === null) return null;
    return await entityAccount(ctx, customer, record, featureIds, new Map(), Date.now());
  },
});

/** Entities by customer and id, as `entity`: of one customer, or of all. A page ends early where one transaction can read no more. */
export const entities = query({
  args: {
    ...pageArgs,
    customerId: v.optional(v.string()),
    featureIds: v.array(v.string()),
    /** In the id or name, whatever its case. */
    search: v.optional(v.string()),
    /** Those that hold one of these plans. */
    planIds: v.optional(v.array(v.string())),
    status: v.optional(v.union(v.literal("active"), v.literal("scheduled"))),
  },
  returns: v.object({ page: v.array(entityAccountValidator), cursor: v.union(v.string(), v.null()) }),
  handler: async (ctx, { customerId, featureIds, search, planIds, status, limit = 50, ...args }) => {
    const found: Infer<typeof entityAccountValidator>[] = [];
    const known: Known = new Map();
    const now = Date.now();
    const prefix = customerId === undefined ? [] : [customerId];
    const from = { table: "entities", index: "by_entity", prefix } as const;
    let cursor = args.cursor ?? null;
    do {
      const next = await pageOf(ctx, { ...from, prefix }, { cursor, limit: 1 });
      cursor = next.cursor;
      const [record] = next.page;
      if (record === undefined || record.removing !== undefined || !isFound(record, search)) continue;
      const customer = await findCustomer(ctx, record.customerId);
      if (customer === null) continue;
      const account = await entityAccount(ctx, customer, record, featureIds, known, now);
      if (account.subscriptions.some((held) => isAsked(held, planIds, status)) || isAny(planIds, status))
        found.push(account);
    } while (cursor !== null && found.length < limit && (await hasBudget(ctx)));
    return { page: found, cursor };
  },
});

/** The plans of which a customer has had a trial, or has one. */
export const trials = query({
  args: { customerId: v.string() },
  returns: v.array(trialValidator),
  handler: async (ctx, { customerId }) => await trialsOf(ctx, customerId),
});

/** The customers who have an entity of that id, by which alone some clients name one; two at most. */
export const ownersOf = query({
  args: { entityId: v.string() },
  returns: v.array(v.string()),
  handler: async (ctx, { entityId }) => {
    const found = await ctx.db
      .query("entities")
      .withIndex("by_entity_id", (q) => q.eq("entityId", entityId))
      .take(MAX_NAMESAKES);
    const there = found.filter(({ removing }) => removing === undefined);
    return there.slice(0, 2).map(({ customerId }) => customerId);
  },
});
/** More parts of one id that are on their way out than anybody has. */
const MAX_NAMESAKES = 50;

function isFound(
  { customerId, name, ...named }: { customerId: string; entityId?: string; name?: string; email?: string },
  search: string | undefined,
): boolean {
  if (search === undefined) return true;
  const texts = [named.entityId ?? customerId, name, named.email];
  return texts.some((text) => text?.toLowerCase().includes(search.toLowerCase()));
}

type Status = "active" | "scheduled" | undefined;
const isAny = (planIds: readonly string[] | undefined, status: Status): boolean =>
  planIds === undefined && status === undefined;

function isAsked(
  held: Infer<typeof subscriptionValidator>,
  planIds: readonly string[] | undefined,
  status: Status,
): boolean {
  if (planIds !== undefined && !planIds.includes(held.planId)) return false;
  return status === undefined || (held.status === "scheduled") === (status === "scheduled");
}

async function accountOf(
  ctx: QueryCtx,
  customer: Doc<"customers">,
  known: Known,
  now: number,
): Promise<Infer<typeof accountValidator>> {
  const { customerId } = customer;
  const rows = await ctx.db
    .query("balances")
    .withIndex("by_owner", (q) => q.eq("customerId", customerId))
    .take(MAX_ROWS + 1);
  if (rows.length > MAX_ROWS) {
    throw tallyError(
      "not_supported",
      `Customer ${shown(customerId)} has more than ${MAX_ROWS} balances, too many for one answer: ask for his entities one by one.`,
    );
  }
  return {
    customer: shownDetails(customer),
    subscriptions: await subscriptionsOf(ctx, customerId, known, now),
    purchases: await purchasesOf(ctx, customerId, known),
    balances: shownRows(rows, now),
  };
}
/** Rows of one customer that one answer tells of: half of what a transaction reads. */
const MAX_ROWS = 8_000;

async function entityAccount(
  ctx: QueryCtx,
  customer: Doc<"customers">,
  record: Doc<"entities">,
  featureIds: readonly string[],
  known: Known,
  now: number,
): Promise<Infer<typeof entityAccountValidator>> {
  const { customerId, entityId } = record;
  const rows = await Promise.all(
    [undefined, entityId].flatMap((owner) =>
      featureIds.map((featureId) => loadRow(ctx, customerId, featureId, owner)),
    ),
  );
  const isOwn = (each: { entityId?: string }) => [undefined, entityId].includes(each.entityId);
  const subscriptions = await subscriptionsOf(ctx, customerId, known, now, isOwn);
  const purchases = await purchasesOf(ctx, customerId, known);
  return {
    customer: shownDetails(customer),
    entity: shownEntity(record),
    subscriptions,
    purchases: purchases.filter(isOwn),
    balances: shownRows(
      rows.filter((row) => row !== null),
      now,
    ),
  };
}

function shownRows(rows: readonly Row[], now: number): Infer<typeof balanceValidator>[] {
  return rows
    .filter(({ removing }) => removing === undefined)
    .map((row) => ({ ...listedAt(row, now), ...(row.controls && { controls: row.controls }) }));
}

async function subscriptionsOf(
  ctx: QueryCtx,
  customerId: string,
  known: Known,
  now: number,
  isAsked: (held: Doc<"subscriptions">) => boolean = () => true,
): Promise<Infer<typeof subscriptionValidator>[]> {
  const open = (await openSubscriptions(ctx, customerId, now)).filter(isAsked);
  open.sort((a, b) => a._creationTime - b._creationTime);
  return await Promise.all(
    open.map(async (held) => {
      const plan = await termsIn(ctx, held, known);
      const { subscriptionId, anchor, startsAt, paidUntil } = held;
      const end = startsAt > now ? null : periodEnd(plan, anchor, now);
      const every = plan.price?.every ?? plan.items.find(({ reset }) => reset !== null)?.reset ?? null;
      const start = every === null ? anchor : lastBoundary({ ...every, anchor }, now);
      return {
        ...heldOf(held, now),
        subscriptionId,
        plan,
        periodStart: end === null ? null : Math.max(startsAt, start),
        periodEnd: end === null ? null : (paidUntil ?? end),
      };
    }),
  );
}

async function purchasesOf(
  ctx: QueryCtx,
  customerId: string,
  known: Known,
): Promise<Infer<typeof purchaseValidator>[]> {
  const latest = await ctx.db
    .query("purchases")
    .withIndex("by_customer", (q) => q.eq("customerId", customerId))
    .order("desc")
    .take(MAX_PURCHASES);
  const paid = latest.filter(({ status }) => status === "paid");
  return await Promise.all(
    paid.map(async (purchase) => {
      const { _id, _creationTime, kind, entityId, planId, quantities, paymentId } = purchase;
      const { paidAt = _creationTime, amount, paid: paidAmount = amount, currency } = purchase;
      const bought = { kind, entityId, planId, plan: await termsIn(ctx, purchase, known), quantities };
      return { purchaseId: _id, ...bought, paidAt, paid: paidAmount, currency, paymentId };
    }),
  );
}
const MAX_PURCHASES = 100;

/** The trials that a customer has had or has, as far as his latest subscriptions tell. */
async function trialsOf(ctx: QueryCtx, customerId: string): Promise<Infer<typeof trialValidator>[]> {
  const held = await ctx.db
    .query("subscriptions")
    .withIndex("by_customer", (q) => q.eq("customerId", customerId))
    .order("desc")
    .take(MAX_SUBSCRIPTIONS);
  return held
    .filter(({ trialEndsAt, startsAt, endsAt = Infinity }) => trialEndsAt !== undefined && endsAt >= startsAt)
    .map(({ planId, fingerprint }) => ({ planId, fingerprint }));
}
const MAX_SUBSCRIPTIONS = 500;

async function termsIn(
  ctx: QueryCtx,
  held: { planId: string; version: string },
  known: Known,
): Promise<Plan> {
  const key = JSON.stringify([held.planId, held.version]);
  const terms = known.get(key) ?? termsOf(ctx, held);
  known.set(key, terms);
  return await terms;
}
