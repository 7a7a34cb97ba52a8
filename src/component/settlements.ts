/** The effect of a payment: what it credits, or why it does not, in the transaction that marks it. */
import { v, type Infer } from "convex/values";
import { shown } from "../core/errors.js";
import { paymentProblem } from "../core/orders.js";
import type { Doc } from "./_generated/dataModel.js";
import type { MutationCtx, QueryCtx } from "./_generated/server.js";
import { creditTopUp } from "./credits.js";
import type { provisionValidator } from "./customers.js";
import { termsOf } from "./planVersions.js";
import { findEntity } from "./rows.js";
import { applySync, linkedTo, type wordValidator } from "./synced.js";

type Purchase = Doc<"purchases">;

export const paymentValidator = v.object({
  paymentId: v.optional(v.string()),
  /** In minor units. */
  amount: v.number(),
  currency: v.string(),
});

export const outcomeValidator = v.object({
  outcome: v.union(
    /** No purchase of ours. */
    v.literal("unknown"),
    /** Nothing has changed: it is done already, or still waits. */
    v.literal("unchanged"),
    v.literal("paid"),
    v.literal("quarantined"),
    v.literal("closed"),
    /** Something newer is known already: what is true now is to be asked for. */
    v.literal("stale"),
    /** Another subscription has come in its place: it is to be billed no more. */
    v.literal("superseded"),
  ),
  purchaseId: v.union(v.string(), v.null()),
  /** The provider's subscriptions in whose place what was paid has come: they are to be billed no more. */
  replaced: v.optional(v.array(v.string())),
});
export type Outcome = Infer<typeof outcomeValidator>;

/** What a provider has answered who was asked for money while the payer was away. */
export const chargeResultValidator = v.union(
  v.object({ kind: v.literal("paid"), paymentId: v.string() }),
  v.object({ kind: v.literal("declined"), problem: v.string() }),
  /** Nothing that says whether it was paid. */
  v.object({ kind: v.literal("unanswered"), problem: v.string() }),
);

interface Settling {
  sessionId?: string;
  payment: Infer<typeof paymentValidator>;
  word?: Infer<typeof wordValidator>;
  provision: Infer<typeof provisionValidator>;
  graceMs?: number;
}

/** Credits a purchase for a payment, or says why not. */
export async function settlePayment(
  ctx: MutationCtx,
  purchase: Purchase,
  { sessionId, payment, word, provision, graceMs }: Settling,
): Promise<Outcome> {
  const { _id: purchaseId, customerId, entityId, quantities, version } = purchase;
  const paid = {
    ...(sessionId !== undefined && { sessionId }),
    paymentId: payment.paymentId,
    paid: payment.amount,
    ...(payment.currency !== purchase.currency && { paidCurrency: payment.currency }),
    paidAt: Date.now(),
    externalId: word?.externalId ?? purchase.externalId,
  };
  const problem = await problemOf(ctx, purchase, payment, word);
  if (problem !== null) {
    await ctx.db.patch("purchases", purchaseId, { ...paid, status: "quarantined", problem });
    return { outcome: "quarantined", purchaseId };
  }
  const plan = await termsOf(ctx, purchase);
  const replaced: string[] = [];
  if (word === undefined) {
    const credited = await creditTopUp(ctx, { ...purchase, provision }, plan);
    await ctx.db.patch("purchases", purchaseId, { ...paid, status: "paid", credited, problem: undefined });
  } else {
    const change = purchase.kind === "change" ? { change: purchase.when ?? ("now" as const) } : {};
    const of = { customerId, entityId, quantities, provision, version, plan, word, graceMs };
    const synced = await applySync(ctx, { ...of, ...change, reason: "paid", actor: purchase.provider });
    // Something newer was heard: it is asked for again.
    if (!synced.applied) return { outcome: synced.isSuperseded ? "superseded" : "stale", purchaseId };
    replaced.push(...synced.replaced);
    const paidUntil = word.periodEnd;
    await ctx.db.patch("purchases", purchaseId, { ...paid, status: "paid", paidUntil, problem: undefined });
  }
  return { outcome: "paid", purchaseId, replaced };
}

/** Why a purchase is not credited for a payment; null if it is. */
async function problemOf(
  ctx: QueryCtx,
  purchase: Purchase,
  payment: Infer<typeof paymentValidator>,
  word: Infer<typeof wordValidator> | undefined,
): Promise<string | null> {
  const { customerId, entityId, provider, kind } = purchase;
  const wrong = kind === "change" ? null : paymentProblem(purchase, payment);
  if (wrong !== null) return wrong;
  const other = await paidBy(ctx, provider, payment.paymentId);
  if (other !== null)
    return `the payment ${shown(payment.paymentId)} has paid the purchase ${other._id} already`;
  if (entityId !== undefined && (await findEntity(ctx, customerId, entityId)) === null)
    return `the customer has no entity ${shown(entityId)} any more`;
  const isPlan = kind === "plan" || kind === "change";
  if (isPlan !== (word !== undefined))
    return `it is ${isPlan ? "a plan, and no" : "paid once, and a"} subscription was paid`;
  if (word === undefined) return null;
  const linked = await linkedTo(ctx, word.externalId);
  const isOthers = linked.some((each) => each.customerId !== customerId || each.entityId !== entityId);
  return isOthers ? `the subscription ${shown(word.externalId)} is another customer's` : null;
}

/** The purchase that a payment has paid. */
export async function paidBy(
  ctx: QueryCtx,
  provider: string,
  paymentId: string | undefined,
): Promise<Purchase | null> {
  if (paymentId === undefined) return null;
  return await ctx.db
    .query("purchases")
    .withIndex("by_payment", (q) => q.eq("provider", provider).eq("paymentId", paymentId))
    .first();
}
