/** Buying, changing and leaving plans: for any customer, since whoever calls is trusted. */
import { z } from "zod";
import { shown } from "../../core/errors.js";
import { isUpgrade } from "../../core/plans.js";
import type { Plan } from "../../core/terms.js";
import { isTopUp } from "../../core/topUps.js";
import type { When } from "../../client/subscriptions.js";
import { WireError } from "../failures.js";
import { id, operation, optional, unsupported, type Call } from "../operations.js";
import {
  currentAttached,
  currentPreview,
  legacyAttached,
  legacyCheckout,
  totalOf,
  updatePreview,
  type Attached,
  type AttachCode,
  type Checkout,
  type Intent,
  type PlanChange,
  type Preview,
} from "../shapes/billing.js";
import {
  carryOut,
  decide,
  decideTogether,
  hasBegun,
  heldBy,
  isBilled,
  isPriced,
  paymentsOf,
  rivalsOf,
  type Decision,
  type Held,
} from "./attachments.js";
import {
  attachBody,
  attachedPlans,
  attachedTogether,
  multiAttachBody,
  notDone,
  refuseWhatIsNotDone,
  updateBody,
  updatedPlan,
  type AttachBody,
  type MultiAttachBody,
  type Payer,
  type UpdateBody,
  type Wanted,
} from "./orders.js";
import { provisioned, provisionFields } from "./provisions.js";
import { refuseReplayed } from "./repeats.js";

/** Gives a plan: paid for where it costs something, at once where it does not. */
const attach = operation({
  body: attachBody,
  run: async (call: Call, body: AttachBody) =>
    await provisioned(call, body, async () => await attached(call, attachedPlans(call, body))),
  current: currentAttached,
  legacy: legacyAttached,
});

/** As `attach`, of several plans: of those, one may cost something. */
const multiAttach = operation({
  body: multiAttachBody,
  run: async (call: Call, body: MultiAttachBody) =>
    await provisioned(call, body, async () => await attached(call, attachedTogether(call, body))),
  current: currentAttached,
  legacy: legacyAttached,
});

async function attached(call: Call, wanted: Wanted[]): Promise<Attached> {
  const decisions = await decideTogether(call, wanted);
  let url: string | null = null;
  const codes: AttachCode[] = [];
  for (const decision of decisions) {
    const paidAt = await carryOut(call, decision);
    url ??= paidAt;
    codes.push(paidAt === null ? await codeOf(call, decision) : "checkout_created");
  }
  const { customerId = "", entityId } = wanted[0]?.payer ?? {};
  const planIds = wanted.map(({ plan }) => plan.id);
  return { customerId, entityId, planIds, url, code: codes[0] ?? "new_product_attached" };
}

async function codeOf(call: Call, { wanted, rivals }: Decision): Promise<AttachCode> {
  const { plan, payer, quantities } = wanted;
  if (isTopUp(plan)) return "one_off_product_attached";
  const after = rivalsOf(await heldBy(call, payer), plan);
  if (after.some((each) => each.planId === plan.id && !hasBegun(each))) return "downgrade_scheduled";
  if (!isPriced(plan, quantities)) return "free_product_attached";
  const before = rivals.find(hasBegun);
  if (before?.planId === plan.id && !plan.addOn) {
    if (quantities !== undefined) return "prepaid_quantity_updated";
    return before.endsAt === undefined ? "new_product_attached" : "renewed_product";
  }
  const replaced = termsOf(call, before);
  return replaced !== undefined && isPriced(replaced) ? "upgraded_to_new_product" : "new_product_attached";
}

const termsOf = ({ tally: { catalog } }: Call, held: Held | undefined): Plan | undefined =>
  held === undefined ? undefined : catalog.plans.get(held.planId);

const previewAttach = operation({
  body: attachBody,
  run: async (call: Call, body: AttachBody) => await previewOf(call, attachedPlans(call, body)),
  current: currentPreview,
});

const previewMultiAttach = operation({
  body: multiAttachBody,
  run: async (call: Call, body: MultiAttachBody) => await previewOf(call, attachedTogether(call, body)),
  current: currentPreview,
});

async function previewOf(call: Call, wanted: Wanted[]): Promise<Preview> {
  return previewed(await decideTogether(call, wanted));
}

function previewed(decisions: readonly Decision[]): Preview {
  const [first] = decisions;
  const lines = decisions.flatMap(linesOf);
  const changes = decisions.filter((decision) => !isUnchanged(decision));
  const sold = decisions.find(({ isSold }) => isSold);
  const next = sold?.preview.next ?? null;
  return {
    customerId: first?.wanted.payer.customerId ?? "",
    currency: first?.preview.currency ?? "usd",
    lines,
    total: totalOf(lines),
    incoming: changes.map(incomingOf),
    outgoing: changes.flatMap(outgoingOf),
    redirects: decisions.some(({ preview }) => preview.redirects),
    next: sold === undefined || next === null ? null : { ...next, plan: sold.wanted.plan },
  };
}

/** Credits are of the plan that goes. */
function linesOf({ preview, wanted: { plan }, rivals }: Decision): Preview["lines"] {
  const credited = rivals.find(isBilled)?.planId ?? plan.id;
  return preview.lines.map((line) => ({ ...line, planId: line.amount < 0 ? credited : plan.id }));
}

function isUnchanged(decision: Decision): boolean {
  const { rivals, preview, wanted } = decision;
  if (!decision.isSold) return decision.isUnchanged;
  const held = rivals.find(isBilled);
  return held?.planId === wanted.plan.id && preview.when === "now" && preview.lines.length === 0;
}

const incomingOf = ({ wanted: { plan, quantities }, preview }: Decision): PlanChange => ({
  planId: plan.id,
  quantities,
  at: preview.when === "now" ? null : preview.startsAt,
});

function outgoingOf({ wanted: { plan }, rivals, preview }: Decision): PlanChange[] {
  if (plan.addOn) return [];
  const { when, startsAt } = preview;
  return rivals.filter(hasBegun).map(({ planId, quantities }) => ({
    planId,
    quantities,
    at: when === "now" ? null : startsAt,
    expiresAt: startsAt,
  }));
}

/** In the older vocabulary: what it would cost, and where to pay if it is paid on the provider's page. */
const checkout = operation({
  body: attachBody,
  run: async (call: Call, body: AttachBody): Promise<Checkout> =>
    await provisioned(call, body, async () => {
      const [wanted, ...others] = attachedPlans(call, body);
      if (wanted === undefined || others.length > 0) {
        throw notDone("A checkout of several plans", "Check them out one after the other.");
      }
      const decision = await decide(call, wanted);
      const url = decision.preview.redirects ? await carryOut(call, decision) : null;
      const { plan, quantities } = wanted;
      const replaced = plan.addOn ? undefined : termsOf(call, decision.rivals.find(hasBegun));
      const scenario = scenarioOf(plan, replaced, isUnchanged(decision));
      return { ...previewed([decision]), url, plan, quantities, replaced, scenario };
    }),
  current: legacyCheckout,
});

function scenarioOf(plan: Plan, replaced: Plan | undefined, unchanged: boolean): Checkout["scenario"] {
  if (unchanged) return "active";
  if (replaced === undefined || !isPriced(replaced)) return "new";
  if (replaced.id === plan.id) return "renew";
  return isUpgrade(plan, [replaced]) ? "upgrade" : "downgrade";
}

/** Changes a plan that somebody has: its quantities or items, its end. */
const update = operation({
  body: updateBody,
  run: async (call: Call, body: UpdateBody): Promise<Attached> => {
    const { plan, held, payer } = await updated(call, body);
    const about = { customerId: payer.customerId, entityId: payer.entityId, planIds: [plan.id] };
    const when = endOf(body);
    if (when !== undefined) {
      refuseWhatIsNotDone(call, body);
      await end(call, { payer, plan, held, when, isUnpaid: body.no_billing_changes === true });
      return { ...about, url: null, code: "new_product_attached" };
    }
    if (body.cancel_action === "uncancel") {
      refuseWhatIsNotDone(call, body);
      await resume(call, payer, plan, held, body.no_billing_changes === true);
      return { ...about, url: null, code: "renewed_product" };
    }
    if (intentOf(body) === "none") return { ...about, url: null, code: "new_product_attached" };
    return await attached(call, [updatedPlan(call, body, plan)]);
  },
  current: currentAttached,
  legacy: legacyAttached,
});

const previewUpdate = operation({
  body: updateBody,
  run: async (call: Call, body: UpdateBody): Promise<Preview & { intent: Intent }> => {
    const { plan, held, payer } = await updated(call, body);
    const intent = intentOf(body);
    const when = endOf(body);
    if (when !== undefined) {
      refuseWhatIsNotDone(call, body);
      return { ...(await previewEnd(call, payer, plan, held, when)), intent };
    }
    if (intent === "uncancel" || intent === "none") {
      const currency = call.payments?.currency ?? "usd";
      const nothing = { lines: [], total: 0, incoming: [], outgoing: [], redirects: false, next: null };
      return { customerId: payer.customerId, currency, ...nothing, intent };
    }
    return { ...(await previewOf(call, [updatedPlan(call, body, plan)])), intent };
  },
  current: updatePreview,
});

function intentOf({ cancel_action: action, feature_quantities, customize, free_trial }: UpdateBody): Intent {
  if (action !== undefined) return action;
  if (customize !== undefined || free_trial !== undefined) return "update_plan";
  return feature_quantities === undefined ? "none" : "update_quantity";
}

function endOf({ cancel_action: action }: UpdateBody): When | undefined {
  if (action === "cancel_immediately") return "now";
  return action === "cancel_end_of_cycle" ? "period_end" : undefined;
}

interface Updated {
  payer: Payer;
  plan: Plan;
  /** What the customer has of it, or is to have. */
  held: Held;
}

/** The plan that is named; or the only one, beside those that everybody has. */
async function updated(call: Call, body: UpdateBody): Promise<Updated> {
  const payer = { customerId: body.customer_id, entityId: body.entity_id };
  const planId = body.plan_id ?? body.product_id;
  const held = await heldBy(call, payer);
  if (planId !== undefined) return heldPlan(call, payer, held, planId);
  const own = held.filter((each) => hasBegun(each) && termsOf(call, each)?.autoEnable !== true);
  const [only] = own;
  if (only !== undefined && own.length === 1) return heldPlan(call, payer, own, only.planId);
  const listed = own.map((each) => shown(each.planId)).join(", ") || "none";
  throw new WireError(
    400,
    "invalid_inputs",
    `Say which plan, by plan_id: customer ${shown(payer.customerId)} has ${listed}. Nothing was changed.`,
  );
}

function heldPlan(call: Call, payer: Payer, held: readonly Held[], planId: string): Updated {
  const plan = call.tally.catalog.plan(planId);
  const own = held.filter((each) => each.planId === planId);
  const found = own.find(hasBegun) ?? own[0];
  if (found !== undefined) return { payer, plan, held: found };
  throw new WireError(
    404,
    "customer_product_not_found",
    `Customer ${shown(payer.customerId)} does not have the plan ${shown(planId)}. Nothing was changed.`,
  );
}

const cancelBody = z.looseObject({
  customer_id: id,
  product_id: optional(id),
  plan_id: optional(id),
  entity_id: optional(id),
  cancel_immediately: optional(z.boolean()),
  no_billing_changes: optional(z.boolean()),
});
type CancelBody = z.output<typeof cancelBody>;

/** In the older vocabulary: ends a plan, with its period unless told. */
const cancel = operation({
  body: cancelBody,
  run: async (call: Call, body: CancelBody) => {
    refuseWhatIsNotDone(call, body);
    const { plan, held, payer } = await updated(call, body);
    const when = body.cancel_immediately === true ? "now" : "period_end";
    await end(call, { payer, plan, held, when, isUnpaid: body.no_billing_changes === true });
    return { customerId: payer.customerId, planId: plan.id };
  },
  current: ({ customerId, planId }) => ({ success: true, customer_id: customerId, product_id: planId }),
});

interface Ending extends Updated {
  when: When;
  isUnpaid: boolean;
}

async function end(call: Call, { payer, plan, held, when, isUnpaid }: Ending): Promise<void> {
  const { ctx, tally, idempotencyKey } = call;
  if (!hasBegun(held)) {
    // What was to follow is taken back: what it was to follow goes on.
    const rivals = rivalsOf(await heldBy(call, payer), plan);
    const current = rivals.find((each) => hasBegun(each) && each.planId !== plan.id);
    const terms = termsOf(call, current);
    if (current !== undefined && terms !== undefined)
      return await resume(call, payer, terms, current, isUnpaid);
  }
  if (isBilled(held) && !isUnpaid) {
    const payments = await paymentsOf(call, payer, `Canceling plan ${shown(plan.id)}, which is billed,`);
    await payments.cancel({ planId: plan.id, when });
    return;
  }
  const { customerId, entityId } = payer;
  const named = { customerId, planId: plan.id, ...(entityId !== undefined && { entityId }) };
  const canceled = await tally.subscriptions.cancel(ctx, {
    ...named,
    when,
    ...(idempotencyKey !== undefined && { idempotencyKey }),
  });
  refuseReplayed(canceled, idempotencyKey);
}

async function resume(call: Call, payer: Payer, plan: Plan, held: Held, isUnpaid: boolean): Promise<void> {
  const { ctx, tally, idempotencyKey } = call;
  if (isBilled(held) && !isUnpaid) {
    const payments = await paymentsOf(call, payer, `Resuming plan ${shown(plan.id)}, which is billed,`);
    await payments.resume({ planId: plan.id });
    return;
  }
  const { customerId, entityId } = payer;
  const named = { customerId, planId: plan.id, ...(entityId !== undefined && { entityId }) };
  const resumed = await tally.subscriptions.resume(ctx, {
    ...named,
    ...(idempotencyKey !== undefined && { idempotencyKey }),
  });
  refuseReplayed(resumed, idempotencyKey);
}

async function previewEnd(call: Call, payer: Payer, plan: Plan, held: Held, when: When): Promise<Preview> {
  const { ctx, tally, payments } = call;
  const { customerId, entityId } = payer;
  const follows = plan.addOn ? undefined : tally.catalog.defaultOf(plan.group);
  const successor = follows?.id === plan.id ? undefined : follows;
  const owner = { customerId, ...(entityId !== undefined && { entityId }) };
  const billed = isBilled(held)
    ? await (
        await paymentsOf(call, payer, `Canceling plan ${shown(plan.id)}, which is billed,`)
      ).previewCancel({
        planId: plan.id,
        when,
      })
    : undefined;
  const change =
    billed ??
    (successor && (await tally.subscriptions.preview(ctx, { ...owner, planId: successor.id, when })));
  const endsAt = when === "now" ? Date.now() : (change?.startsAt ?? held.endsAt);
  const at = when === "now" ? null : (endsAt ?? null);
  const lines = (billed?.lines ?? []).map((line) => ({ ...line, planId: plan.id }));
  return {
    customerId,
    currency: payments?.currency ?? "usd",
    lines,
    total: totalOf(lines),
    incoming: successor === undefined ? [] : [{ planId: successor.id, at }],
    outgoing: [
      { planId: plan.id, quantities: held.quantities, at, canceledAt: Date.now(), expiresAt: endsAt },
    ],
    redirects: false,
    next: null,
  };
}

const portalBody = z.looseObject({ customer_id: id, return_url: optional(z.string()) });

const openCustomerPortal = operation({
  body: portalBody,
  run: async (
    call: Call,
    { customer_id: customerId, return_url: returnUrl }: z.output<typeof portalBody>,
  ) => {
    const payments = await paymentsOf(call, { customerId }, "A billing portal");
    return { customerId, ...(await payments.portal({ returnUrl })) };
  },
  current: ({ customerId, url }) => ({ customer_id: customerId, url }),
});

const setupBody = z.looseObject({
  customer_id: id,
  entity_id: optional(id),
  plan_id: optional(id),
  success_url: optional(z.string()),
  ...provisionFields,
});
type SetupBody = z.output<typeof setupBody>;

/** Where somebody keeps a means of payment, before he buys anything. */
const setupPayment = operation({
  body: setupBody,
  run: async (call: Call, body: SetupBody) => {
    const { customer_id: customerId, plan_id: planId, success_url: successUrl, customer_data } = body;
    if (planId !== undefined)
      throw notDone("plan_id of a setup", "Attach the plan by billing.attach: its checkout keeps the card.");
    refuseWhatIsNotDone(call, body);
    const payments = await paymentsOf(call, { customerId, ...customer_data }, "Setting up a payment");
    await call.tally.customers.create(call.ctx, { customerId, ...customer_data });
    return { customerId, ...(await payments.setUp({ successUrl })) };
  },
  current: ({ customerId, url }) => ({ customer_id: customerId, entity_id: null, url }),
});

export const billingOperations = {
  "billing.attach": attach,
  "billing.multi_attach": multiAttach,
  "billing.update": update,
  "billing.preview_attach": previewAttach,
  "billing.preview_multi_attach": previewMultiAttach,
  "billing.preview_update": previewUpdate,
  "billing.open_customer_portal": openCustomerPortal,
  "billing.setup_payment": setupPayment,
  "billing.create_schedule": unsupported(
    "Schedules of several phases are not supported. Attach each plan when it is to begin, or the next one with plan_schedule: end_of_cycle. Nothing was changed.",
  ),
  "billing.multi_update": unsupported(
    "Several updates at once are not supported. Call billing.update once for each plan. Nothing was changed.",
  ),
  "billing.preview_multi_update": unsupported(
    "Previews of several updates are not supported. Call billing.preview_update once for each plan. Nothing was changed.",
  ),
  "billing.import": unsupported(
    "Subscriptions are not imported over the wire. Tell of them by syncSubscription of convex-tally/payments, or attach plans with no_billing_changes: true. Nothing was changed.",
  ),
  checkout,
  cancel,
};
