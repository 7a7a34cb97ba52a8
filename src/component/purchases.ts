/**
 * Purchases: the server's own record of what a customer is buying, and the crediting of what he has paid
 * for. That it is paid and what it gives are one transaction; whatever tells of it twice changes nothing.
 */
import { v, type Infer } from "convex/values";
import { sorted } from "../core/grants.js";
import { planValidator, type Plan } from "../core/terms.js";
import type { Doc } from "./_generated/dataModel.js";
import { mutation, query, type QueryCtx } from "./_generated/server.js";
import { findAccount } from "./billingAccounts.js";
import { pageArgs, pageOf } from "./cursors.js";
import { openCustomer, provisionValidator } from "./customers.js";
import { ensureVersion, termsOf } from "./planVersions.js";
import { purchaseFields } from "./schema.js";
import { outcomeValidator, paidBy, paymentValidator, settlePayment, type Outcome } from "./settlements.js";
import { openSubscriptions } from "./subscriptions.js";
import { applySync, linkedTo, wordValidator } from "./synced.js";

type Purchase = Doc<"purchases">;

const { url: _url, successUrl: _successUrl, ...shownFields } = purchaseFields;
const listedValidator = v.object({ purchaseId: v.string(), createdAt: v.number(), ...shownFields });

function listed({
  _id,
  _creationTime,
  url: _,
  successUrl: _s,
  ...purchase
}: Purchase): Infer<typeof listedValidator> {
  return { purchaseId: _id, createdAt: _creationTime, ...purchase };
}

const pageValidator = v.object({
  page: v.array(listedValidator),
  cursor: v.union(v.string(), v.null()),
});

/** A customer's purchases, the latest first. */
export const list = query({
  args: { customerId: v.string(), ...pageArgs },
  returns: pageValidator,
  handler: async (ctx, { customerId, ...args }) => {
    const from = { table: "purchases", index: "by_customer", prefix: [customerId], order: "desc" } as const;
    const { page, cursor } = await pageOf(ctx, { ...from, prefix: [customerId] }, args);
    return { page: page.map(listed), cursor };
  },
});

/** All purchases of one status, the latest first: those in quarantine wait for an operator. */
export const listByStatus = query({
  args: { status: purchaseFields.status, ...pageArgs },
  returns: pageValidator,
  handler: async (ctx, { status, ...args }) => {
    const from = { table: "purchases", index: "by_status", prefix: [status], order: "desc" } as const;
    const { page, cursor } = await pageOf(ctx, { ...from, prefix: [status] }, args);
    return { page: page.map(listed), cursor };
  },
});

/** A purchase; null if there is none with that id. */
export const get = query({
  args: { purchaseId: v.string() },
  returns: v.union(listedValidator, v.null()),
  handler: async (ctx, { purchaseId }) => {
    const purchase = await findPurchase(ctx, purchaseId);
    return purchase === null ? null : listed(purchase);
  },
});

async function findPurchase(ctx: QueryCtx, purchaseId: string): Promise<Purchase | null> {
  const id = ctx.db.normalizeId("purchases", purchaseId);
  return id === null ? null : await ctx.db.get("purchases", id);
}

/** What is being bought in a session, with the terms that were for sale; null if nothing is. */
export const ordered = query({
  args: { provider: v.string(), sessionId: v.string() },
  returns: v.union(
    v.object({
      purchaseId: v.string(),
      status: purchaseFields.status,
      plan: planValidator,
      quantities: v.optional(v.record(v.string(), v.number())),
      trial: v.optional(v.literal(true)),
      currency: v.string(),
      successUrl: v.optional(v.string()),
    }),
    v.null(),
  ),
  handler: async (ctx, args) => {
    const purchase = await sessionPurchase(ctx, args);
    if (purchase === null) return null;
    const { _id: purchaseId, status, quantities, trial, currency, successUrl } = purchase;
    return {
      purchaseId,
      status,
      plan: await termsOf(ctx, purchase),
      quantities,
      trial,
      currency,
      successUrl,
    };
  },
});

const heldValidator = v.object({
  subscriptionId: v.string(),
  planId: v.string(),
  /** The terms that it was bought on. */
  plan: planValidator,
  quantities: v.optional(v.record(v.string(), v.number())),
  externalId: v.optional(v.string()),
  periodStart: v.number(),
  paidUntil: v.optional(v.number()),
  pastDueAt: v.optional(v.number()),
  endsAt: v.optional(v.number()),
  trialEndsAt: v.optional(v.number()),
});

/** How a customer stands who is about to buy a plan, or to leave it. */
export const standing = query({
  args: {
    customerId: v.string(),
    entityId: v.optional(v.string()),
    provider: v.string(),
    planId: v.string(),
    group: v.string(),
    addOn: v.boolean(),
  },
  returns: v.object({
    /** His account with the provider. */
    accountId: v.union(v.string(), v.null()),
    /** The plan that he has in the group; of an add-on, that add-on. */
    current: v.union(heldValidator, v.null()),
    /** What is to follow it. */
    next: v.union(heldValidator, v.null()),
    /** He has had a trial of the plan. */
    hadTrial: v.boolean(),
  }),
  handler: async (ctx, { customerId, entityId, provider, planId, group, addOn }) => {
    const now = Date.now();
    const open = (await openSubscriptions(ctx, customerId, now)).filter(
      (each) =>
        each.entityId === entityId &&
        each.addOn === addOn &&
        (addOn ? each.planId === planId : each.group === group),
    );
    const current = open.findLast(({ startsAt }) => startsAt <= now);
    const next = open.findLast(({ startsAt }) => startsAt > now);
    const account = await findAccount(ctx, customerId, provider);
    return {
      accountId: account?.accountId ?? null,
      current: current === undefined ? null : await heldOf(ctx, current),
      next: next === undefined ? null : await heldOf(ctx, next),
      hadTrial: await hasHadTrial(ctx, customerId, planId),
    };
  },
});

async function heldOf(ctx: QueryCtx, held: Doc<"subscriptions">): Promise<Infer<typeof heldValidator>> {
  const { subscriptionId, planId, quantities, externalId, anchor, paidUntil } = held;
  const { pastDueAt, endsAt, trialEndsAt } = held;
  return {
    subscriptionId,
    planId,
    plan: await termsOf(ctx, held),
    quantities,
    externalId,
    periodStart: anchor,
    paidUntil,
    pastDueAt,
    endsAt,
    trialEndsAt,
  };
}

async function hasHadTrial(ctx: QueryCtx, customerId: string, planId: string): Promise<boolean> {
  const own = await ctx.db
    .query("subscriptions")
    .withIndex("by_trial", (q) => q.eq("customerId", customerId).eq("planId", planId).gt("trialEndsAt", 0))
    .first();
  if (own !== null) return true;
  const paid = await ctx.db
    .query("purchases")
    .withIndex("by_plan", (q) => q.eq("customerId", customerId).eq("planId", planId).eq("status", "paid"))
    .take(MAX_LOOKED_AT);
  return paid.some(({ trial }) => trial === true);
}
/** Purchases of one plan by one customer that are looked at. */
const MAX_LOOKED_AT = 200;

const orderArgs = v.object({
  customerId: v.string(),
  provision: provisionValidator,
  entityId: v.optional(v.string()),
  kind: purchaseFields.kind,
  plan: planValidator,
  version: v.string(),
  quantities: v.optional(v.record(v.string(), v.number())),
  trial: v.optional(v.literal(true)),
  replaces: v.optional(v.string()),
  when: purchaseFields.when,
  externalId: v.optional(v.string()),
  provider: v.string(),
  amount: v.number(),
  currency: v.string(),
  successUrl: v.optional(v.string()),
});

/** An open session is used again until so long before it ends: a payer needs time to pay. */
const TIME_TO_PAY_MS = 5 * 60_000;

/**
 * Opens a purchase, or finds the one that is open for the very same: its id is the key under which the
 * provider is asked, so that however often somebody clicks, there is one session. Throws `entity_not_found`.
 */
export const open = mutation({
  args: orderArgs.fields,
  returns: v.object({
    purchaseId: v.string(),
    sessionId: v.union(v.string(), v.null()),
    url: v.union(v.string(), v.null()),
  }),
  handler: async (ctx, { provision, plan, ...order }) => {
    await openCustomer(ctx, { ...order, provision });
    const waiting = await ctx.db
      .query("purchases")
      .withIndex("by_plan", (q) =>
        q.eq("customerId", order.customerId).eq("planId", plan.id).eq("status", "open"),
      )
      .order("desc")
      .take(MAX_LOOKED_AT);
    const wanted = { ...order, planId: plan.id };
    const now = Date.now();
    const isSame = (each: Purchase) =>
      each.automatic === undefined &&
      sorted(orderOf(each)) === sorted(orderOf(wanted)) &&
      now < (each.expiresAt ?? openUntil(each)) - TIME_TO_PAY_MS;
    const same = waiting.find(isSame);
    if (same !== undefined) {
      return { purchaseId: same._id, sessionId: same.sessionId ?? null, url: same.url ?? null };
    }
    await ensureVersion(ctx, plan, order.version);
    const purchaseId = await ctx.db.insert("purchases", { ...wanted, status: "open" });
    return { purchaseId, sessionId: null, url: null };
  },
});

/** Providers remember a key for a day: what has not come to a session by then is ordered anew. */
const openUntil = ({ _creationTime }: Purchase): number => _creationTime + 23 * 60 * 60_000;

/** What makes two orders the same; what a change comes to is another amount each second. */
function orderOf(order: Omit<Infer<typeof orderArgs>, "plan" | "provision"> & { planId: string }) {
  const { customerId, entityId, kind, planId, version, quantities, trial, replaces, when } = order;
  const { externalId, provider, amount, currency, successUrl } = order;
  const what = { customerId, entityId, kind, planId, version, quantities, trial, replaces, when };
  const from = { externalId, provider, currency, successUrl };
  return { ...what, ...from, ...(kind !== "change" && { amount }) };
}

/** Keeps the provider's session of an open purchase. */
export const keepSession = mutation({
  args: { purchaseId: v.string(), sessionId: v.string(), url: v.string(), expiresAt: v.number() },
  returns: v.null(),
  handler: async (ctx, { purchaseId, ...session }) => {
    const purchase = await findPurchase(ctx, purchaseId);
    if (purchase?.status === "open") await ctx.db.patch("purchases", purchase._id, session);
    return null;
  },
});

/** Closes an open purchase that will never be paid: so that the next one is another. */
export const giveUp = mutation({
  args: {
    purchaseId: v.string(),
    status: v.union(v.literal("expired"), v.literal("failed")),
    problem: v.optional(v.string()),
  },
  returns: v.null(),
  handler: async (ctx, { purchaseId, ...outcome }) => {
    const purchase = await findPurchase(ctx, purchaseId);
    if (purchase?.status === "open") await ctx.db.patch("purchases", purchase._id, outcome);
    return null;
  },
});

/** A customer's sessions that wait to be paid, for somebody who comes back from one. */
export const waiting = query({
  args: { customerId: v.string(), provider: v.string() },
  returns: v.array(v.object({ purchaseId: v.string(), sessionId: v.string() })),
  handler: async (ctx, { customerId, provider }) => {
    const latest = await ctx.db
      .query("purchases")
      .withIndex("by_customer", (q) => q.eq("customerId", customerId))
      .order("desc")
      .take(MAX_WAITING);
    return latest.flatMap(({ _id, sessionId, status, provider: of }) =>
      status === "open" && of === provider && sessionId !== undefined ? [{ purchaseId: _id, sessionId }] : [],
    );
  },
});
/** Of the latest purchases: somebody comes back from one or two. */
const MAX_WAITING = 20;

/**
 * What became of a session: paid (and credited with it, or put into quarantine with the reason why not),
 * or over unpaid. A purchase that is paid or in quarantine is done, whoever tells of it again.
 */
export const conclude = mutation({
  args: {
    provider: v.string(),
    sessionId: v.string(),
    purchaseId: v.optional(v.string()),
    result: v.union(v.literal("paid"), v.literal("expired"), v.literal("failed")),
    payment: v.optional(paymentValidator),
    /** Of a plan: as it stands with the provider. */
    word: v.optional(wordValidator),
    provision: provisionValidator,
    graceMs: v.optional(v.number()),
  },
  returns: outcomeValidator,
  handler: async (ctx, { result, payment, ...args }) => {
    const purchase = await sessionPurchase(ctx, args);
    if (purchase === null) return { outcome: "unknown" as const, purchaseId: null };
    const { _id: purchaseId, status } = purchase;
    if (status === "paid" || status === "quarantined") return { outcome: "unchanged" as const, purchaseId };
    if (result !== "paid" || payment === undefined) {
      if (status !== "open" || result === "paid") return { outcome: "unchanged" as const, purchaseId };
      await ctx.db.patch("purchases", purchaseId, { status: result });
      return { outcome: "closed" as const, purchaseId };
    }
    return await settlePayment(ctx, purchase, { ...args, payment });
  },
});

async function sessionPurchase(
  ctx: QueryCtx,
  { provider, sessionId, purchaseId }: { provider: string; sessionId: string; purchaseId?: string },
): Promise<Purchase | null> {
  const bySession = await ctx.db
    .query("purchases")
    .withIndex("by_session", (q) => q.eq("provider", provider).eq("sessionId", sessionId))
    .unique();
  if (bySession !== null || purchaseId === undefined) return bySession;
  // The provider was quicker than the answer that told us of the session.
  const named = await findPurchase(ctx, purchaseId);
  return named?.provider === provider && named.sessionId === undefined ? named : null;
}

/** A change of plan that the provider has made. */
export const concludeChange = mutation({
  args: {
    purchaseId: v.string(),
    payment: paymentValidator,
    word: wordValidator,
    provision: provisionValidator,
    graceMs: v.optional(v.number()),
  },
  returns: outcomeValidator,
  handler: async (ctx, { purchaseId, ...args }) => {
    const purchase = await findPurchase(ctx, purchaseId);
    if (purchase === null) return { outcome: "unknown" as const, purchaseId: null };
    if (purchase.status !== "open") return { outcome: "unchanged" as const, purchaseId };
    return await settlePayment(ctx, purchase, args);
  },
});

/**
 * What a provider says of a subscription that is known here: by a purchase that is credited, or by the change
 * of it that the provider was last asked for. A subscription that nothing here has begun is none of ours.
 */
export const follow = mutation({
  args: {
    provider: v.string(),
    /** The purchase that the provider was last given for it. */
    purchaseId: v.optional(v.string()),
    word: wordValidator,
    provision: provisionValidator,
    graceMs: v.optional(v.number()),
  },
  returns: outcomeValidator,
  handler: async (ctx, { provider, purchaseId, word, provision, graceMs }): Promise<Outcome> => {
    const linked = await linkedTo(ctx, word.externalId);
    const last = linked.at(-1);
    if (last === undefined) return { outcome: "unknown", purchaseId: null };
    const { customerId, entityId } = last;
    const asked = purchaseId === undefined ? null : await findPurchase(ctx, purchaseId);
    const isAsked =
      asked !== null &&
      asked.provider === provider &&
      asked.customerId === customerId &&
      asked.externalId === word.externalId &&
      asked.kind === "change" &&
      asked.status === "open";
    if (isAsked) {
      // The provider has made a change whose answer never came.
      const payment = { amount: asked.amount, currency: asked.currency };
      return await settlePayment(ctx, asked, { payment, word, provision, graceMs });
    }
    const now = Date.now();
    const held =
      linked.findLast(({ startsAt, endsAt = Infinity }) => startsAt <= now && now < endsAt) ?? last;
    const { version } = held;
    const plan: Plan = await termsOf(ctx, held);
    const of = { customerId, entityId, plan, version, word, provision, graceMs };
    const { applied, isSuperseded } = await applySync(ctx, of);
    return { outcome: applied ? "paid" : isSuperseded ? "superseded" : "stale", purchaseId: null };
  },
});

/** Keeps the payment of a further period, so that it is known should its money go back. */
export const renew = mutation({
  args: { provider: v.string(), externalId: v.string(), payment: paymentValidator, periodEnd: v.number() },
  returns: v.null(),
  handler: async (ctx, { provider, externalId, payment, periodEnd }) => {
    const held = (await linkedTo(ctx, externalId)).at(-1);
    if (held === undefined || payment.paymentId === undefined) return null;
    if ((await paidBy(ctx, provider, payment.paymentId)) !== null) return null;
    const { customerId, entityId, planId, version } = held;
    await ctx.db.insert("purchases", {
      customerId,
      entityId,
      kind: "renewal",
      planId,
      version,
      provider,
      amount: payment.amount,
      currency: payment.currency,
      status: "paid",
      paymentId: payment.paymentId,
      externalId,
      paid: payment.amount,
      paidAt: Date.now(),
      paidUntil: periodEnd,
    });
    return null;
  },
});
