/** Customers and their parts as each generation of clients reads them. */
import type { FunctionReturnType } from "convex/server";
import type { ComponentApi } from "../../component/_generated/component.js";
import { fromMinor } from "../../core/money.js";
import type { Catalog } from "../../core/catalog.js";
import type { Call, Json } from "../operations.js";
import {
  byFeature,
  currentBalance,
  currentFlag,
  legacyCustomerFeature,
  type PoolBalance,
} from "./balances.js";
import { isFlag } from "./features.js";
import { currentPlan, legacyItems, spendLimit, usageLimit } from "./plans.js";

type Read = NonNullable<FunctionReturnType<ComponentApi["accounts"]["get"]>>;
/** What is read of a customer; `entities` and `trials` where they are asked for. */
export type Account = Read;
export type EntityAccount = NonNullable<FunctionReturnType<ComponentApi["accounts"]["entity"]>>;
type Held = Account["subscriptions"][number];
type Purchase = Account["purchases"][number];

/** What clients may ask to be told besides; what is not known is ignored, as Autumn does. */
export type Expand = ReadonlySet<string>;

export function currentCustomer(account: Account, call: Call, expand: Expand): Record<string, Json> {
  const { customer, purchases } = account;
  const controls = currentControls(account, undefined);
  return {
    id: customer.customerId,
    name: customer.name ?? null,
    email: customer.email ?? null,
    created_at: Math.floor(customer.createdAt),
    fingerprint: customer.fingerprint ?? null,
    stripe_id: customer.stripeId ?? null,
    env: call.env,
    metadata: customer.metadata ?? {},
    send_email_receipts: false,
    billing_controls: { auto_topups: [], usage_alerts: [], ...controls },
    config: { disable_pooled_balance: false, disable_overage_billing: false },
    ...heldOf(account, call, expand),
    licenses: [],
    processors: customer.stripeId === undefined ? null : { stripe: { id: customer.stripeId } },
    invoices: expand.has("invoices") ? purchases.map(invoiceOf) : null,
    invoice_previews: expand.has("invoice_previews") ? [] : null,
    entities: expand.has("entities")
      ? (account.entities ?? []).map((entity) => shortEntity(entity, customer.customerId, call))
      : null,
    trials_used: expand.has("trials_used") ? trialsOf(account) : null,
    rewards: expand.has("rewards") ? { discounts: [] } : null,
    referrals: expand.has("referrals") ? [] : null,
    payment_method: null,
  };
}

export function currentEntity(account: EntityAccount, call: Call, expand: Expand): Record<string, Json> {
  const { entity, customer, purchases } = account;
  return {
    id: entity.entityId,
    name: entity.name ?? null,
    customer_id: customer.customerId,
    feature_id: entity.featureId,
    created_at: Math.floor(entity.createdAt),
    env: call.env,
    ...heldOf(account, call, expand),
    billing_controls: { usage_alerts: [], ...currentControls(account, entity.entityId) },
    invoices: expand.has("invoices") ? purchases.map(invoiceOf) : null,
  };
}

/** Plans, purchases and what they give: the same of a customer and of one part of him. */
function heldOf(account: Account | EntityAccount, call: Call, expand: Expand) {
  const { catalog } = call.tally;
  const { balances, flags } = poolsIn(account, catalog);
  return {
    subscriptions: account.subscriptions.map((held) => currentSubscription(held, call, expand)),
    purchases: account.purchases
      .filter(isTopUp)
      .map((purchase) => currentPurchase(purchase, call, expand.has("purchases.plan"))),
    balances: byFeature(balances, (pool) => currentBalance(pool, catalog)),
    flags: byFeature(flags, ({ featureId, parts }) => currentFlag(featureId, parts, catalog)),
  };
}

export function legacyCustomer(account: Account, call: Call, expand: Expand): Record<string, Json> {
  const { customer, purchases } = account;
  return {
    id: customer.customerId,
    created_at: Math.floor(customer.createdAt),
    name: customer.name ?? null,
    email: customer.email ?? null,
    fingerprint: customer.fingerprint ?? null,
    stripe_id: customer.stripeId ?? null,
    env: call.env,
    metadata: customer.metadata ?? {},
    ...legacyHeld(account, call),
    ...(expand.has("invoices") && { invoices: purchases.map(legacyInvoice) }),
    ...(expand.has("entities") && {
      entities: (account.entities ?? []).map((entity) => shortEntity(entity, customer.customerId, call)),
    }),
    ...(expand.has("trials_used") && { trials_used: trialsOf(account, "product_id") }),
    ...(expand.has("rewards") && { rewards: { discounts: [] } }),
    ...(expand.has("referrals") && { referrals: [] }),
    ...(expand.has("payment_method") && { payment_method: null }),
  };
}

export function legacyEntity(account: EntityAccount, call: Call, expand: Expand): Record<string, Json> {
  const { entity, customer, purchases } = account;
  return {
    ...shortEntity(entity, customer.customerId, call),
    ...legacyHeld(account, call),
    ...(expand.has("invoices") && { invoices: purchases.map(legacyInvoice) }),
  };
}

function legacyHeld(account: Account | EntityAccount, call: Call) {
  const { catalog } = call.tally;
  const { balances, flags } = poolsIn(account, catalog);
  const known = [...balances, ...flags].filter(({ featureId }) => catalog.features.has(featureId));
  return {
    products: [
      ...account.subscriptions.map((held) => legacyHolding(held, call)),
      ...account.purchases.filter(isTopUp).map((purchase) => legacyBought(purchase, call)),
    ],
    features: byFeature(known, (pool) => legacyCustomerFeature(pool, catalog)),
  };
}

/** All rows of a feature together, entities' with the customer's. A row that is there for its limits alone is none. */
function poolsIn(
  { balances }: Pick<Account, "balances">,
  catalog: Catalog,
): { balances: PoolBalance[]; flags: PoolBalance[] } {
  const pools = new Map<string, PoolBalance>();
  for (const { featureId, breakdown, overageAllowed } of balances) {
    if (breakdown.length === 0) continue;
    const pool = pools.get(featureId) ?? { featureId, parts: [], overageAllowed: false };
    pools.set(featureId, {
      featureId,
      parts: [...pool.parts, ...breakdown],
      overageAllowed: pool.overageAllowed || overageAllowed,
    });
  }
  const all = [...pools.values()];
  return {
    balances: all.filter(({ featureId }) => !isFlag(catalog, featureId)),
    flags: all.filter(({ featureId }) => isFlag(catalog, featureId)),
  };
}

const isTopUp = ({ kind }: Purchase): boolean => kind === "top_up";

/** Whether it ends though nobody has a trial that runs out: somebody has canceled, or chosen what follows. */
export const isCanceled = ({ endsAt, trialEndsAt }: Pick<Held, "endsAt" | "trialEndsAt">): boolean =>
  endsAt !== undefined && endsAt !== trialEndsAt;

/** When it was canceled is not kept: within the period that it is in. */
const canceledAt = (held: Held): number | null =>
  isCanceled(held) ? Math.floor(held.periodStart ?? held.startsAt) : null;

function currentSubscription(held: Held, call: Call, expand: Expand): Json {
  const { subscriptionId, planId, plan, addOn, status, entityId } = held;
  return {
    id: subscriptionId,
    plan: expand.has("subscriptions.plan") ? currentPlan(plan, call) : null,
    plan_id: planId,
    auto_enable: plan.autoEnable,
    add_on: addOn,
    status: status === "scheduled" ? "scheduled" : "active",
    past_due: status === "past_due",
    canceled_at: canceledAt(held),
    expires_at: floored(held.endsAt),
    trial_ends_at: floored(held.trialEndsAt),
    started_at: Math.floor(held.startsAt),
    current_period_start: floored(held.periodStart),
    current_period_end: floored(held.periodEnd),
    quantity: 1,
    scope: entityId === undefined ? "customer" : "entity",
  };
}

const floored = (instant: number | null | undefined): number | null =>
  instant == null ? null : Math.floor(instant);

function currentPurchase({ planId, plan, paidAt, entityId }: Purchase, call: Call, expands: boolean): Json {
  return {
    plan: expands ? currentPlan(plan, call) : null,
    plan_id: planId,
    expires_at: null,
    started_at: Math.floor(paidAt),
    quantity: 1,
    scope: entityId === undefined ? "customer" : "entity",
  };
}

function legacyHolding(held: Held, call: Call): Json {
  const { planId, plan, group, status, startsAt, entityId, periodStart, periodEnd, quantities } = held;
  return {
    id: planId,
    name: plan.name,
    group: group === "" ? null : group,
    // An ended one is in no list.
    status: status === "ended" ? "expired" : status,
    canceled_at: canceledAt(held),
    started_at: Math.floor(startsAt),
    is_default: plan.autoEnable,
    is_add_on: plan.addOn,
    version: 1,
    current_period_start: floored(periodStart),
    current_period_end: floored(periodEnd),
    ...(status === "trialing" && { trial_ends_at: floored(held.trialEndsAt) }),
    entity_id: entityId ?? null,
    items: legacyItems(plan, call),
    quantity: 1,
    ...(quantities !== undefined && {
      options: Object.entries(quantities).map(([featureId, quantity]) => ({
        feature_id: featureId,
        quantity,
      })),
    }),
  };
}

function legacyBought({ planId, plan, paidAt, entityId }: Purchase, call: Call): Json {
  return {
    id: planId,
    name: plan.name,
    group: plan.group === "" ? null : plan.group,
    status: "active",
    canceled_at: null,
    started_at: Math.floor(paidAt),
    is_default: false,
    is_add_on: plan.addOn,
    version: 1,
    current_period_start: null,
    current_period_end: null,
    entity_id: entityId ?? null,
    items: legacyItems(plan, call),
    quantity: 1,
  };
}

/** What was paid; the invoice itself is with whoever was paid. */
function invoiceOf(purchase: Purchase): Record<string, Json> {
  return { plan_ids: [purchase.planId], processor_type: "stripe", ...paidOf(purchase) };
}

function legacyInvoice(purchase: Purchase): Record<string, Json> {
  return { product_ids: [purchase.planId], ...paidOf(purchase) };
}

function paidOf({ purchaseId, paymentId, paid, currency, paidAt }: Purchase): Record<string, Json> {
  return {
    stripe_id: paymentId ?? purchaseId,
    status: "paid",
    total: fromMinor(paid, currency),
    currency,
    created_at: Math.floor(paidAt),
    hosted_invoice_url: null,
  };
}

function shortEntity(
  { entityId, name, featureId, createdAt }: EntityAccount["entity"],
  customerId: string,
  { env }: Call,
): Record<string, Json> {
  return {
    id: entityId,
    name: name ?? null,
    customer_id: customerId,
    feature_id: featureId,
    created_at: Math.floor(createdAt),
    env,
  };
}

function trialsOf({ customer, trials = [] }: Account, named: "plan_id" | "product_id" = "plan_id"): Json {
  return trials.map(({ planId, fingerprint }) => ({
    [named]: planId,
    customer_id: customer.customerId,
    fingerprint: fingerprint ?? null,
  }));
}

/** The limits that a customer (or a part of him) has of his own: those of plans are told with the plans. */
function currentControls({ balances }: Pick<Account, "balances">, owner: string | undefined) {
  const own = balances
    .filter(({ entityId }) => entityId === owner)
    .flatMap(({ featureId, controls }) => (controls?.own ? [{ featureId, ...controls.own }] : []));
  return {
    usage_limits: own.flatMap(({ featureId, usageLimits = [] }) =>
      usageLimits.map((limit) => usageLimit(featureId, limit)),
    ),
    spend_limits: own.flatMap(({ featureId, spendLimit: limit }) =>
      limit === undefined || limit === "none" ? [] : [spendLimit(featureId, limit)],
    ),
    overage_allowed: own.flatMap(({ featureId, overageAllowed: enabled }) =>
      enabled === undefined ? [] : [{ feature_id: featureId, enabled }],
    ),
  };
}
