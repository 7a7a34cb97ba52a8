/**
 * What customers have bought for themselves when they run out: one at a time for each feature, so many in a
 * period at most, and none after a refusal until somebody turns it on again.
 */
import { v, type Infer } from "convex/values";
import { advance } from "../core/advance.js";
import { autoTopUpTerms, hasRoom, isLow, madeBy } from "../core/autoTopUps.js";
import { afterSilence } from "../core/retries.js";
import { planValidator } from "../core/terms.js";
import type { Doc } from "./_generated/dataModel.js";
import { mutation, query, type MutationCtx, type QueryCtx } from "./_generated/server.js";
import { findAccount } from "./billingAccounts.js";
import { pageArgs, pageOf } from "./cursors.js";
import { openCustomer, provisionValidator } from "./customers.js";
import { ensureVersion } from "./planVersions.js";
import { loadRow } from "./rows.js";
import { autoTopUpFields } from "./schema.js";
import { chargeResultValidator, settlePayment } from "./settlements.js";

type AutoTopUp = Doc<"autoTopUps">;

/** As many as one customer can have: one for each feature. */
const MAX_OF_CUSTOMER = 200;

const named = { customerId: v.string(), featureId: v.string() };

async function find(
  ctx: QueryCtx,
  { customerId, featureId }: { customerId: string; featureId: string },
): Promise<AutoTopUp | null> {
  return await ctx.db
    .query("autoTopUps")
    .withIndex("by_customer", (q) => q.eq("customerId", customerId).eq("featureId", featureId))
    .unique();
}

/**
 * Turns it on, or on again, on these terms. What was counted stays counted, so that turning it off and on
 * buys no more than leaving it on.
 */
export const set = mutation({
  args: {
    customerId: v.string(),
    provision: provisionValidator,
    ...autoTopUpTerms,
    plan: planValidator,
    version: v.string(),
    provider: v.string(),
    amount: v.number(),
    currency: v.string(),
  },
  returns: v.null(),
  handler: async (ctx, { provision, plan, ...terms }) => {
    await openCustomer(ctx, { customerId: terms.customerId, provision });
    await ensureVersion(ctx, plan, terms.version);
    const held = await find(ctx, terms);
    const now = Date.now();
    const on = { ...terms, quantities: terms.quantities, status: "on" as const, problem: undefined };
    // Another provider cannot say what became of what this one was asked for.
    const isMoved = held !== null && held.provider !== terms.provider;
    const moved = isMoved ? { inFlight: undefined, dueAt: undefined } : {};
    if (held !== null) await ctx.db.patch("autoTopUps", held._id, { ...on, ...moved });
    else {
      const nothing = { anchor: now, number: 0, made: { since: now, count: 0 } };
      await ctx.db.insert("autoTopUps", { ...on, ...nothing });
    }
    return null;
  },
});

/** Turns it off, or on again as it was. Answers false if there is none. What is being paid goes on. */
export const turn = mutation({
  args: { ...named, isOn: v.boolean() },
  returns: v.boolean(),
  handler: async (ctx, { isOn, ...of }) => {
    const held = await find(ctx, of);
    if (held === null) return false;
    await ctx.db.patch("autoTopUps", held._id, { status: isOn ? "on" : "off", problem: undefined });
    return true;
  },
});

const {
  inFlight: _inFlight,
  number: _number,
  made: _made,
  anchor: _anchor,
  ...shownFields
} = autoTopUpFields;
const listedValidator = v.object({
  ...shownFields,
  /** So many were bought in the period that began `since`. */
  made: autoTopUpFields.made,
  /** One is being paid. */
  inFlight: v.boolean(),
});

function listed(held: AutoTopUp, now: number): Infer<typeof listedValidator> {
  const { _id, _creationTime, inFlight, number: _, anchor: _a, ...shown } = held;
  return { ...shown, made: madeBy(held, now), inFlight: inFlight !== undefined };
}

/** A customer's, by feature. */
export const list = query({
  args: { customerId: v.string() },
  returns: v.array(listedValidator),
  handler: async (ctx, { customerId }) => {
    const now = Date.now();
    return (await ofCustomer(ctx, customerId)).map((held) => listed(held, now));
  },
});

async function ofCustomer(ctx: QueryCtx, customerId: string): Promise<AutoTopUp[]> {
  return await ctx.db
    .query("autoTopUps")
    .withIndex("by_customer", (q) => q.eq("customerId", customerId))
    .take(MAX_OF_CUSTOMER);
}

/** All of one status, as an operator looks for them. */
export const listByStatus = query({
  args: { provider: v.string(), status: autoTopUpFields.status, ...pageArgs },
  returns: v.object({ page: v.array(listedValidator), cursor: v.union(v.string(), v.null()) }),
  handler: async (ctx, { provider, status, ...args }) => {
    const now = Date.now();
    const prefix = [provider, status];
    const { page, cursor } = await pageOf(ctx, { table: "autoTopUps", index: "by_status", prefix }, args);
    return { page: page.map((held) => listed(held, now)), cursor };
  },
});

/** Of a customer, or of a page of all: those that are due now. */
export const due = query({
  args: { provider: v.string(), customerId: v.optional(v.string()), ...pageArgs },
  returns: v.object({ page: v.array(v.object(named)), cursor: v.union(v.string(), v.null()) }),
  handler: async (ctx, { provider, customerId, ...args }) => {
    const now = Date.now();
    const prefix = [provider, "on"];
    const { page, cursor } =
      customerId === undefined
        ? await pageOf(ctx, { table: "autoTopUps", index: "by_status", prefix }, args)
        : { page: await ofCustomer(ctx, customerId), cursor: null };
    const begun = customerId === undefined && args.cursor == null ? await begunWith(ctx, provider) : [];
    const others = page.filter(({ _id }) => !begun.some((each) => each._id === _id));
    const seen = [...begun, ...others];
    const isNow = await Promise.all(seen.map((held) => isDue(ctx, held, provider, now)));
    const found = seen.filter((_, index) => isNow[index]);
    return { page: found.map(({ customerId, featureId }) => ({ customerId, featureId })), cursor };
  },
});

/** Those that are being paid, turned off since or not. */
async function begunWith(ctx: QueryCtx, provider: string): Promise<AutoTopUp[]> {
  return await ctx.db
    .query("autoTopUps")
    .withIndex("by_flight", (q) => q.eq("provider", provider).gt("inFlight.at", 0))
    .take(MAX_BEGUN);
}
/** The oldest first: more of them wait for their turn. */
const MAX_BEGUN = 500;

async function isDue(ctx: QueryCtx, held: AutoTopUp, provider: string, now: number): Promise<boolean> {
  if (held.provider !== provider || now < (held.dueAt ?? 0)) return false;
  // What was begun is brought to its end, whatever was decided since.
  if (held.inFlight !== undefined) return true;
  if (held.status !== "on" || !hasRoom(held, now)) return false;
  const row = await loadRow(ctx, held.customerId, held.featureId, undefined);
  if (row === null) return true;
  const { balance } = advance(row, now);
  return isLow(balance, held.threshold, balance.advancedAt);
}

const orderValidator = v.object({
  ...named,
  purchaseId: v.string(),
  accountId: v.string(),
  planId: v.string(),
  /** In minor units. */
  amount: v.number(),
  currency: v.string(),
  /** One key for each of a customer's periods and number in it. */
  idempotencyKey: v.string(),
  /** When the same was first asked for, if its answer never came. */
  askedAt: v.optional(v.number()),
});

/**
 * Begins the next top-up, or goes on with the one whose answer never came; null if none is due. It is
 * decided and counted in one transaction: however many ask, one is begun.
 */
export const begin = mutation({
  args: { ...named, provider: v.string() },
  returns: v.union(orderValidator, v.null()),
  handler: async (ctx, { provider, ...of }) => {
    const held = await find(ctx, of);
    const now = Date.now();
    if (held === null || !(await isDue(ctx, held, provider, now))) return null;
    const { customerId, featureId, planId, version, quantities, amount, currency } = held;
    const account = await findAccount(ctx, customerId, provider);
    if (account === null) {
      const problem = `the customer has never paid through ${provider}`;
      await ctx.db.patch("autoTopUps", held._id, { status: "paused", problem });
      return null;
    }
    const { accountId } = account;
    if (held.inFlight !== undefined) {
      const { purchaseId, at } = held.inFlight;
      const purchase = await ctx.db.get("purchases", purchaseId);
      const tries = held.inFlight.tries + 1;
      const inFlight = { ...held.inFlight, tries };
      await ctx.db.patch("autoTopUps", held._id, { inFlight, dueAt: afterSilence(tries, now) });
      if (purchase === null) return null;
      const { idempotencyKey = "" } = purchase;
      const order = { planId: purchase.planId, amount: purchase.amount, currency: purchase.currency };
      return { ...of, ...order, purchaseId, accountId, idempotencyKey, askedAt: at };
    }
    const { since, count } = madeBy(held, now);
    const number = held.number + 1;
    const idempotencyKey = `tally:top_up:${held._id}:${since}:${number}`;
    const purchaseId = await ctx.db.insert("purchases", {
      ...{ customerId, kind: "top_up" as const, planId, version, quantities, provider, amount, currency },
      automatic: true,
      idempotencyKey,
      status: "open",
    });
    await ctx.db.patch("autoTopUps", held._id, {
      number,
      made: { since, count: count + 1 },
      inFlight: { purchaseId, tries: 1, at: now },
      dueAt: afterSilence(1, now),
    });
    return { ...{ customerId, featureId, planId, amount, currency }, purchaseId, accountId, idempotencyKey };
  },
});

/** Between two: what is spent faster than that is looked at by somebody. */
const PAUSE_MS = 60_000;

/** What the provider has answered: credited with the mark that it is paid, or paused with the reason why not. */
export const conclude = mutation({
  args: { ...named, purchaseId: v.string(), provision: provisionValidator, result: chargeResultValidator },
  returns: v.null(),
  handler: async (ctx, { purchaseId, provision, result, ...of }) => {
    const id = ctx.db.normalizeId("purchases", purchaseId);
    const purchase = id === null ? null : await ctx.db.get("purchases", id);
    if (purchase === null || purchase.status === "paid" || purchase.status === "quarantined") return null;
    const held = await find(ctx, of);
    const own = held?.inFlight?.purchaseId === purchase._id ? held : null;
    const now = Date.now();
    switch (result.kind) {
      case "unanswered":
        if (own !== null) await ctx.db.patch("autoTopUps", own._id, { problem: result.problem });
        return null;
      case "declined":
        if (purchase.status !== "open") return null;
        await ctx.db.patch("purchases", purchase._id, { status: "failed", problem: result.problem });
        // What was refused counts for nothing: once somebody says so, it is tried again in the same period.
        if (own !== null) await pause(ctx, own, result.problem, own.made.count - 1);
        return null;
      case "paid": {
        const { amount, currency } = purchase;
        const payment = { paymentId: result.paymentId, amount, currency };
        const { outcome } = await settlePayment(ctx, purchase, { payment, provision });
        if (own === null) return null;
        const done = { inFlight: undefined, problem: undefined, dueAt: now + PAUSE_MS };
        if (outcome === "paid") await ctx.db.patch("autoTopUps", own._id, done);
        else await pause(ctx, own, "what was paid could not be credited, and waits for an operator");
        return null;
      }
    }
  },
});

async function pause(
  ctx: MutationCtx,
  held: AutoTopUp,
  problem: string,
  count = held.made.count,
): Promise<void> {
  await ctx.db.patch("autoTopUps", held._id, {
    ...(held.status === "on" && { status: "paused" as const }),
    problem,
    made: { ...held.made, count },
    inFlight: undefined,
    dueAt: undefined,
  });
}
