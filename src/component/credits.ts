/** What a payment adds to balances, and what goes out of them again with the money. */
import { v } from "convex/values";
import { advanceAll } from "../core/advance.js";
import { exact, nearest } from "../core/amounts.js";
import { changesOf, type BalanceChange } from "../core/changes.js";
import { takenBack } from "../core/orders.js";
import { grantOf } from "../core/plans.js";
import { isCurrentWord, takeBack } from "../core/renewals.js";
import type { Plan } from "../core/terms.js";
import type { Doc } from "./_generated/dataModel.js";
import { mutation, type MutationCtx, type QueryCtx } from "./_generated/server.js";
import { openCustomer, type Provision } from "./customers.js";
import { IdSource } from "./ids.js";
import { suspend } from "./planChanges.js";
import { recordPlan } from "./planEvents.js";
import { loadRow, saveRows, type Row } from "./rows.js";
import { linkedTo } from "./synced.js";
import { addToRow } from "./topUps.js";

type Purchase = Doc<"purchases">;
type Credited = NonNullable<Purchase["credited"]>;

/** Adds what is paid once, and says so in an event for each feature. */
export async function creditTopUp(
  ctx: MutationCtx,
  purchase: Pick<Purchase, "_id" | "customerId" | "entityId" | "provider" | "quantities"> & {
    provision: Provision;
  },
  plan: Plan,
): Promise<Credited> {
  const { customerId, entityId, quantities } = purchase;
  const customer = await openCustomer(ctx, purchase);
  const now = Date.now();
  const ids = new IdSource(customer.lastNumber);
  const credited: Credited = [];
  for (const item of plan.items) {
    const start = { source: plan.id, now, anchor: now, quantities, nextGrantId: () => ids.next("g") };
    const wanted = grantOf(plan, item, start);
    const { grantId, changes } = await addToRow(ctx, customerId, item.featureId, entityId, wanted);
    const { granted: amount } = wanted;
    await recordPurchase(ctx, purchase, {
      planId: plan.id,
      featureId: item.featureId,
      grantId,
      amount,
      changes,
    });
    credited.push({ featureId: item.featureId, grantId, amount, takenBack: 0 });
  }
  await ctx.db.patch("customers", customer._id, { lastNumber: ids.last });
  return credited;
}

async function recordPurchase(
  ctx: MutationCtx,
  { _id, customerId, entityId, provider }: Pick<Purchase, "_id" | "customerId" | "entityId" | "provider">,
  {
    planId,
    featureId,
    grantId,
    amount,
    changes,
  }: {
    planId: string;
    featureId: string;
    grantId: string;
    /** Below 0: taken back. */
    amount: number;
    changes: BalanceChange[];
  },
): Promise<void> {
  await ctx.db.insert("events", {
    customerId,
    entityId,
    kind: "purchase",
    planId,
    featureId,
    value: amount,
    draws: [{ grantId, amount: 0 - amount, units: 0 - amount }],
    changes,
    properties: { purchaseId: _id },
    actor: provider,
  });
}

/**
 * How much of a payment has gone back to the payer by now, refunds and disputes in sum. What it bought goes
 * back in proportion, as the difference to what went before; less of it, where a dispute was won. A plan
 * stops when all of the money for its period is gone.
 */
export const giveBack = mutation({
  args: {
    provider: v.string(),
    paymentId: v.string(),
    /** In all, in minor units. */
    returned: v.number(),
    revision: v.number(),
    graceMs: v.optional(v.number()),
  },
  returns: v.object({ applied: v.boolean() }),
  handler: async (ctx, { provider, paymentId, returned, revision, graceMs }) => {
    const purchase = await ctx.db
      .query("purchases")
      .withIndex("by_payment", (q) => q.eq("provider", provider).eq("paymentId", paymentId))
      .first();
    if (purchase === null || !isCurrentWord(purchase.returnedRevision, revision)) return { applied: false };
    await ctx.db.patch("purchases", purchase._id, { returned, returnedRevision: revision });
    if (purchase.status !== "paid" || returned === (purchase.returned ?? 0)) return { applied: false };
    if (purchase.credited !== undefined) await takeBackCredits(ctx, purchase, purchase.credited, returned);
    if (purchase.externalId !== undefined) await stopOrGoOn(ctx, purchase, returned, graceMs);
    return { applied: true };
  },
});

async function takeBackCredits(
  ctx: MutationCtx,
  purchase: Purchase,
  credited: Credited,
  returned: number,
): Promise<void> {
  const now = Date.now();
  const after: Credited = [];
  for (const credit of credited) {
    const { featureId, grantId, amount } = credit;
    const wanted = takenBack(amount, returned, purchase.paid ?? 0);
    const more = nearest(exact(wanted).minus(credit.takenBack));
    after.push({ ...credit, takenBack: wanted });
    const row = await loadRow(ctx, purchase.customerId, featureId, purchase.entityId);
    if (row === null) continue;
    const { rows, closed } = advanceAll<Row>([row], now);
    for (const before of rows) {
      const isGone = amount === 0 && returned >= (purchase.paid ?? 0) && !(await isBoughtElse(ctx, purchase));
      const { balance, taken } = isGone
        ? { balance: without(before, grantId), taken: 0 }
        : takeBack(before, grantId, more);
      const changes = changesOf([before], [balance]);
      if (changes.length === 0) continue;
      await saveRows(ctx, purchase.customerId, [balance], closed);
      const { planId } = purchase;
      await recordPurchase(ctx, purchase, { planId, featureId, grantId, amount: 0 - taken, changes });
    }
  }
  await ctx.db.patch("purchases", purchase._id, { credited: after });
}

/** A feature that is on, or without limit, has no amount to take back. */
const without = (row: Row, grantId: string): Row => ({
  ...row,
  grants: row.grants.filter(({ id, unlimited }) => id !== grantId || unlimited !== true),
});

/** Whether the customer has bought the same once more. */
async function isBoughtElse(
  ctx: QueryCtx,
  { _id, customerId, entityId, planId }: Purchase,
): Promise<boolean> {
  const paid = await ctx.db
    .query("purchases")
    .withIndex("by_plan", (q) => q.eq("customerId", customerId).eq("planId", planId).eq("status", "paid"))
    .take(MAX_LOOKED_AT);
  return paid.some(
    (each) => each._id !== _id && each.entityId === entityId && (each.returned ?? 0) < (each.paid ?? 0),
  );
}
const MAX_LOOKED_AT = 200;

/** A plan whose period is not paid any more gives nothing until the next one is; should the money come back, it goes on. */
async function stopOrGoOn(
  ctx: MutationCtx,
  { externalId = "", provider, paid = 0, paidUntil = 0 }: Purchase,
  returned: number,
  graceMs: number | undefined,
): Promise<void> {
  const now = Date.now();
  const isGone = returned >= paid;
  for (const held of await linkedTo(ctx, externalId)) {
    const isOpen = held.startsAt <= now && now < (held.endsAt ?? Infinity);
    // Only the money of the period that goes on: what is over is over.
    if (!isOpen || held.paidUntil === undefined || held.paidUntil > paidUntil) continue;
    if (isGone === (held.returnedUntil !== undefined)) continue;
    const due = isGone
      ? { pastDueAt: now, suspendsAt: now }
      : {
          pastDueAt: held.paidUntil,
          suspendsAt: graceMs === undefined ? undefined : held.paidUntil + graceMs,
        };
    const changes = await suspend(ctx, held, due, now);
    await ctx.db.patch("subscriptions", held._id, { returnedUntil: isGone ? paidUntil : undefined });
    const { customerId, entityId, planId } = held;
    const properties = { change: isGone ? "returned" : "paid", externalId };
    await recordPlan(ctx, { customerId, entityId, planId, properties, actor: provider }, changes);
  }
}
