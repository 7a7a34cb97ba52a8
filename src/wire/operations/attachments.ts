/** How plans change hands: paid for where they cost something, and given where they do not. */
import type { FunctionReturnType } from "convex/server";
import type { AttachArgs } from "../../client/subscriptions.js";
import type { ComponentApi } from "../../component/_generated/component.js";
import { shown } from "../../core/errors.js";
import { grantedBy, isUpgrade } from "../../core/plans.js";
import { priceOfUsage } from "../../core/prices.js";
import type { Plan } from "../../core/terms.js";
import { isTopUp } from "../../core/topUps.js";
import type { CustomerPayments, Previewed } from "../../payments/index.js";
import type { Call } from "../operations.js";
import { notDone, type Payer, type Wanted } from "./orders.js";
import { refuseReplayed } from "./repeats.js";

export type Held = FunctionReturnType<ComponentApi["subscriptions"]["held"]>[number];

/** What is to be done for a plan that is wanted, decided before anything is. */
export type Decision = { wanted: Wanted; rivals: Held[]; preview: Previewed } & (
  { isSold: true; payments: CustomerPayments } | { isSold: false; args: AttachArgs; isUnchanged: boolean }
);

/** The plans that the customer, or the entity, has for itself now, and those that are to follow. */
export async function heldBy({ ctx, tally }: Call, { customerId, entityId }: Payer): Promise<Held[]> {
  const defaults = tally.catalog.defaultPlans();
  const held = await ctx.runQuery(tally.component.subscriptions.held, { customerId, entityId, defaults });
  return held.filter((each) => each.entityId === entityId);
}

/** Those in whose place a plan comes; of an add-on, the same one. */
export function rivalsOf(held: readonly Held[], plan: Plan): Held[] {
  if (isTopUp(plan)) return [];
  return held.filter((each) =>
    plan.addOn ? each.planId === plan.id : !each.addOn && each.group === plan.group,
  );
}

export const hasBegun = ({ status }: Held): boolean => status !== "scheduled";

/** Somebody takes money for it. */
export const isBilled = (held: Held): boolean => hasBegun(held) && held.paidUntil !== undefined;

/** Whether anything is paid for a plan: to begin with, again and again, or by use. */
export function isPriced({ price, items }: Plan, quantities?: Readonly<Record<string, number>>): boolean {
  if ((price?.amount ?? 0) > 0) return true;
  return items.some((item) => {
    if (item.price === undefined) return false;
    if (item.price.billingMethod === "usage_based") return true;
    return priceOfUsage(item.price, grantedBy(item, quantities?.[item.featureId]), item.included) > 0;
  });
}

/** The provider's side of a customer. Throws `not_supported` where nothing can be sold. */
export async function paymentsOf(call: Call, payer: Payer, why: string): Promise<CustomerPayments> {
  const { ctx, tally, payments } = call;
  if (payments === undefined) throw notDone(why, PASS_PAYMENTS);
  const { customerId } = payer;
  const known = await tally.customers.get(ctx, { customerId });
  const [name, email] = [known?.name ?? payer.name, known?.email ?? payer.email];
  return payments.for(ctx, { customerId, entityId: payer.entityId, name, email });
}
const PASS_PAYMENTS =
  "This deployment sells nothing: give registerRoutes (or Autumn) its `payments`, or pass no_billing_changes: true to change plans without payment.";

/** Throws `not_supported` of what can be neither sold nor given so. */
export async function decide(call: Call, wanted: Wanted): Promise<Decision> {
  const { plan, quantities, trial, payer, isUnpaid } = wanted;
  const rivals = rivalsOf(await heldBy(call, payer), plan);
  const billed = rivals.find(isBilled);
  const isTrial = typeof trial === "object" && !trial.cardRequired;
  const isFree = isUnpaid || (billed === undefined && (isTrial || !isPriced(plan, quantities)));
  if (isFree && mayBeGiven(call, plan)) return await given(call, wanted, rivals);
  const payments = await paymentsOf(call, payer, `Selling plan ${shown(plan.id)}`);
  refuseUnsold(wanted, billed);
  const preview = await payments.preview(soldArgs(wanted));
  refuseOtherwise(wanted, preview);
  return { wanted, rivals, preview, isSold: true, payments };
}

/** What is free a page gets once, as at a checkout; what would add up with each call, not from here at all. */
function mayBeGiven({ isBrowser, payments }: Call, plan: Plan): boolean {
  return isBrowser !== true || (payments === undefined && !plan.addOn && !isTopUp(plan));
}

async function given(call: Call, wanted: Wanted, rivals: Held[]): Promise<Decision> {
  const { ctx, tally, idempotencyKey } = call;
  const { payer, plan, quantities, items, trial, carryOverBalances, carryOverUsages } = wanted;
  const { when = rivals.some((each) => costsMore(call, each, plan)) ? "period_end" : undefined } = wanted;
  const args: AttachArgs = {
    customerId: payer.customerId,
    planId: plan.id,
    ...(payer.entityId !== undefined && { entityId: payer.entityId }),
    ...(when !== undefined && { when }),
    ...(quantities !== undefined && { quantities }),
    ...(items !== undefined && { items }),
    ...(typeof trial === "object" && { trial: { length: trial.length, unit: trial.unit } }),
    ...(carryOverBalances && { carryOverBalances }),
    ...(carryOverUsages && { carryOverUsages }),
  };
  const { startsAt, unchanged } = await tally.subscriptions.preview(ctx, args);
  return {
    wanted,
    rivals,
    preview: {
      currency: call.payments?.currency ?? "usd",
      lines: [],
      total: 0,
      when: startsAt > Date.now() ? "period_end" : "now",
      startsAt,
      next: null,
      redirects: false,
    },
    isSold: false,
    isUnchanged: unchanged && quantities === undefined,
    args: { ...args, ...(idempotencyKey !== undefined && { idempotencyKey }) },
  };
}

/** What costs less than what somebody has waits for the end of its period, as Autumn's does. */
function costsMore({ tally: { catalog } }: Call, held: Held, plan: Plan): boolean {
  const terms = catalog.plans.get(held.planId);
  return held.status === "active" && !plan.addOn && terms !== undefined && isUpgrade(terms, [plan]);
}

const soldArgs = ({ plan, quantities, trial }: Wanted) => ({
  planId: plan.id,
  quantities,
  ...(trial === false && { trial }),
});

/** Throws `not_supported` of terms that nobody could pay for as told. */
function refuseUnsold(wanted: Wanted, billed: Held | undefined): void {
  const { plan, items, trial, carryOverBalances, carryOverUsages } = wanted;
  const instead =
    "Put a plan of these terms into the catalog, or pass no_billing_changes: true and bill it yourself.";
  if (items !== undefined) throw notDone("customize of a plan that is paid", instead);
  if (carryOverBalances) throw notDone("carry_over_balances of a plan that is paid", instead);
  if (carryOverUsages) throw notDone("carry_over_usages of a plan that is paid", instead);
  if (typeof trial !== "object") return;
  if (billed !== undefined) {
    throw notDone("free_trial in place of a plan that is paid", `Cancel ${shown(billed.planId)} before.`);
  }
  const { length, unit } = plan.trial ?? {};
  if (trial.length !== length || trial.unit !== unit)
    throw notDone("free_trial with a card, other than the plan's own,", instead);
}

/** Throws `not_supported` where a sale would not go as told. */
function refuseOtherwise({ plan, when, redirect, currency }: Wanted, preview: Previewed): void {
  const { redirects, total } = preview;
  if (when !== undefined && when !== preview.when) {
    throw notDone(
      `plan_schedule "${when === "now" ? "immediate" : "end_of_cycle"}" of plan ${shown(plan.id)}`,
      "What costs more begins at once, and what costs less with the end of what is paid: leave it out, or pass no_billing_changes: true and bill it yourself.",
    );
  }
  if (redirect === "never" && redirects)
    throw notDone(`redirect_mode "never"`, "It is paid on the provider's page: send the payer there.");
  if (redirect === "always" && !redirects && total > 0) {
    throw notDone(
      `redirect_mode "always"`,
      "The provider takes the difference from the card that it knows: leave it out, and show preview_attach before.",
    );
  }
  if (currency !== undefined && currency !== preview.currency)
    throw notDone(`currency ${shown(currency)}`, `Everything is sold in ${shown(preview.currency)}.`);
}

/** Does what was decided; answers where to pay, null if it is done. */
export async function carryOut(call: Call, decision: Decision): Promise<string | null> {
  if (decision.isSold) {
    const { wanted, payments } = decision;
    return (await payments.buy({ ...soldArgs(wanted), successUrl: wanted.successUrl })).url;
  }
  refuseReplayed(await call.tally.subscriptions.attach(call.ctx, decision.args), call.idempotencyKey);
  return null;
}

/**
 * Several plans at once: at most one of them may cost something, since a checkout sells one. That one comes
 * first; what it cannot do is refused before anything is done.
 */
export async function decideTogether(call: Call, wanted: readonly Wanted[]): Promise<Decision[]> {
  const decisions: Decision[] = [];
  for (const each of wanted) decisions.push(await decide(call, each));
  const sold = decisions.filter(({ isSold }) => isSold);
  if (sold.length > 1) {
    throw notDone(
      "Selling several plans at once",
      `Attach ${sold.map(({ wanted: { plan } }) => shown(plan.id)).join(", ")} one after the other.`,
    );
  }
  const { idempotencyKey } = call;
  const free = decisions.flatMap((decision, index) => {
    if (decision.isSold) return [];
    // Each change of plan is a call of its own, and has its own key.
    const key = idempotencyKey === undefined || index === 0 ? idempotencyKey : `${idempotencyKey}/${index}`;
    return [{ ...decision, args: { ...decision.args, idempotencyKey: key } }];
  });
  return [...sold, ...free];
}
