/** What buying and changing plans answers, as each generation of clients reads it. Money is in whole currency units. */
import { exact, nearest, total } from "../../core/amounts.js";
import type { Plan } from "../../core/terms.js";
import type { Json } from "../operations.js";
import { legacyProduct, type Shop } from "./plans.js";

/** What Autumn 1.2 calls what came of an attach. */
export type AttachCode =
  | "checkout_created"
  | "new_product_attached"
  | "one_off_product_attached"
  | "free_product_attached"
  | "upgraded_to_new_product"
  | "prepaid_quantity_updated"
  | "renewed_product"
  | "downgrade_scheduled";

export interface Attached {
  customerId: string;
  entityId?: string;
  planIds: string[];
  /** Where to pay; null if it is done. */
  url: string | null;
  code: AttachCode;
}

const MESSAGES: Record<AttachCode, string> = {
  checkout_created: "Checkout created: send the customer to checkout_url.",
  new_product_attached: "The plan was attached.",
  one_off_product_attached: "The top-up was added.",
  free_product_attached: "The free plan was attached.",
  upgraded_to_new_product: "The customer was upgraded.",
  prepaid_quantity_updated: "The quantities were changed.",
  renewed_product: "The plan goes on.",
  downgrade_scheduled: "The plan begins when the current one's period is over.",
};

export function currentAttached({ customerId, entityId, url }: Attached): Json {
  return {
    customer_id: customerId,
    entity_id: entityId ?? null,
    invoice: null,
    payment_url: url,
    required_action: null,
  };
}

export function legacyAttached({ customerId, planIds, url, code }: Attached): Json {
  return {
    success: true,
    customer_id: customerId,
    product_ids: planIds,
    code,
    message: MESSAGES[code],
    ...(url !== null && { checkout_url: url }),
  };
}

/** A plan that comes or goes. */
export interface PlanChange {
  planId: string;
  quantities?: Readonly<Record<string, number>>;
  /** When; null: at once. */
  at: number | null;
  canceledAt?: number;
  expiresAt?: number;
}

export interface PricedLine {
  planId: string;
  name: string;
  amount: number;
  /** Of units of a feature, and not of the plan itself. */
  featureId?: string;
  units?: number;
}

export type Intent =
  "update_plan" | "update_quantity" | "cancel_immediately" | "cancel_end_of_cycle" | "uncancel" | "none";

/** What would be paid, now and next, and which plans would change. */
export interface Preview {
  customerId: string;
  currency: string;
  lines: PricedLine[];
  total: number;
  incoming: PlanChange[];
  outgoing: PlanChange[];
  redirects: boolean;
  next: { at: number; total: number; plan: Plan } | null;
}

export function currentPreview({ redirects, ...preview }: Preview): Json {
  return {
    ...previewed(preview),
    redirect_to_checkout: redirects,
    checkout_type: redirects ? "stripe_checkout" : null,
  };
}

export function updatePreview({ intent, ...preview }: Preview & { intent: Intent }): Json {
  return { ...previewed(preview), intent };
}

function previewed({
  customerId,
  currency,
  lines,
  total,
  incoming,
  outgoing,
  next,
}: Omit<Preview, "redirects">) {
  return {
    customer_id: customerId,
    line_items: lines.map(lineItem),
    subtotal: total,
    total,
    currency,
    incoming: incoming.map(planChange),
    outgoing: outgoing.map(planChange),
    next_cycle: next && nextCycle(next),
    expand: null,
    resets_usage: null,
    tax: null,
    invoice_credits: null,
  };
}

function lineItem({ planId, name, amount, featureId, units = 1 }: PricedLine): Json {
  return {
    display_name: name,
    description: name,
    subtotal: amount,
    total: amount,
    discounts: [],
    plan_id: planId,
    feature_id: featureId ?? null,
    period: null,
    quantity: units,
  };
}

function planChange({ planId, quantities = {}, at, canceledAt, expiresAt }: PlanChange): Json {
  return {
    plan_id: planId,
    plan: null,
    feature_quantities: Object.entries(quantities).map(([feature_id, quantity]) => ({
      feature_id,
      quantity,
    })),
    effective_at: at,
    canceled_at: canceledAt ?? null,
    expires_at: expiresAt ?? null,
  };
}

/** Usage beyond what is granted is paid then as well: how much of it nobody knows yet. */
function nextCycle({ at, total, plan }: NonNullable<Preview["next"]>): Json {
  const used = plan.items.filter(({ price }) => price?.billingMethod === "usage_based");
  return {
    starts_at: at,
    subtotal: total,
    total,
    line_items: total === 0 ? [] : [lineItem({ planId: plan.id, name: plan.name, amount: total })],
    usage_line_items: used.map(({ featureId }) => ({
      display_name: featureId,
      plan_id: plan.id,
      feature_id: featureId,
      period: null,
    })),
  };
}

/** What Autumn 1.2 shows before somebody buys, and where he can. */
export interface Checkout extends Preview {
  url: string | null;
  plan: Plan;
  /** In whose place the plan comes. */
  replaced: Plan | undefined;
  quantities?: Readonly<Record<string, number>>;
  scenario: "new" | "active" | "upgrade" | "downgrade" | "renew";
}

export function legacyCheckout(checkout: Checkout, shop: Shop): Json {
  const { url, customerId, lines, plan, replaced, quantities = {}, scenario, currency, next } = checkout;
  const product = legacyProduct(plan, shop);
  return {
    url,
    customer_id: customerId,
    lines: lines.map(({ name, amount, featureId }) => ({
      description: name,
      amount,
      item: itemOf(product, featureId),
    })),
    product: { ...product, scenario },
    current_product: replaced === undefined ? null : legacyProduct(replaced, shop),
    // In the older vocabulary, what is included comes on top of what is bought.
    options: Object.entries(quantities).map(([featureId, quantity]) => {
      const { included = 0 } = plan.items.find((item) => item.featureId === featureId) ?? {};
      return { feature_id: featureId, quantity: nearest(exact(quantity).minus(exact(included))) };
    }),
    total: checkout.total,
    currency,
    has_prorations: lines.some(({ amount }) => amount < 0),
    next_cycle: next && { starts_at: next.at, total: next.total },
  };
}

function itemOf({ items }: Record<string, Json>, featureId: string | undefined): Json {
  const all = Array.isArray(items) ? (items as Json[]) : [];
  return (
    all.find(
      (item) =>
        typeof item === "object" &&
        item !== null &&
        "feature_id" in item &&
        item.feature_id === (featureId ?? null),
    ) ?? null
  );
}

export const totalOf = (lines: readonly { amount: number }[]): number =>
  nearest(total(lines.map(({ amount }) => exact(amount))));
