/**
 * Charges of closed periods on their way to being paid: claimed, asked of the payment provider by whoever
 * has claimed, and marked. Whatever is lost in between is asked for again, under the same key.
 */
import { v } from "convex/values";
import { isTallyError } from "../core/errors.js";
import { toMinor } from "../core/money.js";
import { afterRefusal, afterSilence } from "../core/retries.js";
import { findAccount } from "./billingAccounts.js";
import type { Doc, Id } from "./_generated/dataModel.js";
import { mutation, query, type MutationCtx, type QueryCtx } from "./_generated/server.js";
import { chargeResultValidator, paidBy } from "./settlements.js";

type Charge = Doc<"charges">;

/** Charges that are looked at together. */
const BATCH = 100;

/** Some charges that are to be asked for now. */
export const due = query({
  args: {},
  returns: v.array(v.string()),
  handler: async (ctx) => {
    const now = Date.now();
    const dueIn = async (status: Charge["status"]) =>
      await ctx.db
        .query("charges")
        .withIndex("by_status", (q) => q.eq("status", status).lte("dueAt", now))
        .take(BATCH);
    const charges = await Promise.all([dueIn("invoicing"), dueIn("open")]);
    return charges.flat().map(({ _id }) => _id);
  },
});

/** What the provider is to be asked for, and what is kept of it when it is paid. */
const invoiceValidator = v.object({
  chargeId: v.string(),
  customerId: v.string(),
  entityId: v.optional(v.string()),
  featureId: v.string(),
  planId: v.optional(v.string()),
  version: v.string(),
  from: v.number(),
  to: v.number(),
  provider: v.string(),
  accountId: v.string(),
  /** In minor units. */
  amount: v.number(),
  currency: v.string(),
  /** Refusals so far: each is of a request of its own. */
  declined: v.number(),
  /** When the same was first asked for, if its answer never came. */
  askedAt: v.optional(v.number()),
});

/**
 * Takes a charge that is due, so that nobody else asks for it meanwhile; null if there is nothing to ask for.
 * From here on it is no longer lowered by what is given back, until the provider refuses.
 */
export const claim = mutation({
  args: { chargeId: v.string(), provider: v.string(), currency: v.string() },
  returns: v.union(invoiceValidator, v.null()),
  handler: async (ctx, { chargeId, provider, currency }) => {
    const charge = await findCharge(ctx, chargeId);
    const now = Date.now();
    if (charge === null || !isUnpaid(charge) || now < (charge.dueAt ?? 0)) return null;
    if (charge.asked !== undefined && charge.asked.provider !== provider) {
      const elsewhere = `${charge.asked.provider} was asked, and has not answered`;
      await ctx.db.patch("charges", charge._id, { problem: elsewhere, dueAt: afterRefusal(1, now) });
      return null;
    }
    const amount = amountOf(charge, currency);
    if (amount === 0) {
      await ctx.db.patch("charges", charge._id, { status: "paid", problem: undefined, dueAt: undefined });
      return null;
    }
    const account = await findAccount(ctx, charge.customerId, provider);
    const problem =
      amount === null
        ? "it is more than can be charged at once"
        : account === null
          ? `the customer has never paid through ${provider}`
          : null;
    if (problem !== null || amount === null || account === null) {
      await refuse(ctx, charge, problem ?? "", now);
      return null;
    }
    const { customerId, entityId, featureId, planId, source, from, to, declined = 0, asked } = charge;
    const request = asked ?? { provider, amount, currency, tries: 0, at: now };
    const tries = request.tries + 1;
    await ctx.db.patch("charges", charge._id, {
      status: "invoicing",
      asked: { ...request, tries },
      dueAt: afterSilence(tries, now),
    });
    const held = await ctx.db
      .query("subscriptions")
      .withIndex("by_customer", (q) => q.eq("customerId", customerId).eq("subscriptionId", source))
      .unique();
    return {
      ...{ chargeId, customerId, entityId, featureId, planId, from, to, provider, declined },
      version: held?.version ?? "",
      accountId: account.accountId,
      amount: request.amount,
      currency: request.currency,
      ...(asked !== undefined && { askedAt: asked.at }),
    };
  },
});

const isUnpaid = ({ status }: Charge): boolean => status === "open" || status === "invoicing";

/** In minor units: as it was asked for already, else as it is; null if nobody could pay it. */
function amountOf({ amount, asked }: Charge, currency: string): number | null {
  if (asked !== undefined) return asked.amount;
  try {
    return Math.max(0, toMinor(amount, currency));
  } catch (error) {
    if (isTallyError(error, "invalid_amount")) return null;
    throw error;
  }
}

async function findCharge(ctx: QueryCtx, chargeId: string): Promise<Charge | null> {
  const id = ctx.db.normalizeId("charges", chargeId);
  return id === null ? null : await ctx.db.get("charges", id);
}

/** Open again, for another day. */
async function refuse(ctx: MutationCtx, charge: Charge, problem: string, now: number): Promise<void> {
  const declined = (charge.declined ?? 0) + 1;
  await ctx.db.patch("charges", charge._id, {
    status: "open",
    asked: undefined,
    declined,
    problem,
    dueAt: afterRefusal(declined, now),
  });
}

/**
 * What the provider has answered. That it is paid is kept as a purchase too, so that it is known should its
 * money go back, though the charge be gone with its customer. The same answer again changes nothing.
 */
export const conclude = mutation({
  args: { invoice: invoiceValidator, result: chargeResultValidator },
  returns: v.null(),
  handler: async (ctx, { invoice, result }) => {
    const charge = await findCharge(ctx, invoice.chargeId);
    const now = Date.now();
    if (result.kind === "paid") {
      if ((await paidBy(ctx, invoice.provider, result.paymentId)) !== null) return null;
      const isTwice = charge?.status === "paid";
      await ctx.db.insert("purchases", {
        customerId: invoice.customerId,
        entityId: invoice.entityId,
        kind: "overage",
        planId: invoice.planId ?? "",
        version: invoice.version,
        provider: invoice.provider,
        amount: invoice.amount,
        currency: invoice.currency,
        status: isTwice ? "quarantined" : "paid",
        ...(isTwice && { problem: `the charge ${invoice.chargeId} was paid already` }),
        paymentId: result.paymentId,
        paid: invoice.amount,
        paidAt: now,
      });
      if (charge === null || isTwice) return null;
      const { paymentId } = result;
      const done = { status: "paid" as const, paymentId, problem: undefined, dueAt: undefined };
      await ctx.db.patch("charges", charge._id, done);
      return null;
    }
    // Somebody else has heard more of it.
    if (charge?.status !== "invoicing" || (charge.declined ?? 0) !== invoice.declined) return null;
    if (result.kind === "declined") await refuse(ctx, charge, result.problem, now);
    else await ctx.db.patch("charges", charge._id, { problem: result.problem });
    return null;
  },
});

/** Asks for a charge no more, by trusted code. Answers false of one that is paid, or being paid. */
export const waive = mutation({
  args: { customerId: v.string(), chargeId: v.string() },
  returns: v.object({ waived: v.boolean() }),
  handler: async (ctx, { customerId, chargeId }) => {
    const charge = await findCharge(ctx, chargeId);
    if (charge?.customerId !== customerId || !["open", "waived"].includes(charge.status))
      return { waived: false };
    const id: Id<"charges"> = charge._id;
    await ctx.db.patch("charges", id, { status: "waived", dueAt: undefined });
    return { waived: true };
  },
});
