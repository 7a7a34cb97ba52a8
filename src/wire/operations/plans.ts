/** The catalog's plans, and what each is to a customer. They are changed in code. */
import type { FunctionReturnType } from "convex/server";
import { z } from "zod";
import type { ComponentApi } from "../../component/_generated/component.js";
import { whenToChange, type Order } from "../../core/orders.js";
import type { Plan } from "../../core/terms.js";
import { isTopUp } from "../../core/topUps.js";
import { id, operation, optional, unsupported, type Call } from "../operations.js";
import { isCanceled } from "../shapes/accounts.js";
import { currentPlan, legacyProduct, type Eligibility } from "../shapes/plans.js";
import { CATALOG_IS_CODE } from "./features.js";

type Held = FunctionReturnType<ComponentApi["subscriptions"]["held"]>[number];

export interface Offered {
  plan: Plan;
  /** Where a customer is named. */
  eligibility?: Eligibility;
}

const listBody = z.object({
  customer_id: optional(id),
  entity_id: optional(id),
  include_archived: optional(z.boolean()),
  all_versions: optional(z.boolean()),
});

/** What is for sale, and what each would be to the customer who is named: one who is not known is told as he would begin. */
export const list = operation({
  body: listBody,
  run: async (call: Call, body: z.output<typeof listBody>): Promise<Offered[]> => {
    const { customer_id: customerId, entity_id: entityId, include_archived: withArchived } = body;
    const plans = [...call.tally.catalog.plans.values()].filter(
      ({ archived }) => withArchived === true || !archived,
    );
    if (customerId === undefined) return plans.map((plan) => ({ plan }));
    return await offered(call, plans, { customerId, entityId });
  },
  current: (offers, call) => ({
    list: offers.map(({ plan, eligibility }) => currentPlan(plan, call, eligibility)),
  }),
  legacy: (offers, call) => ({
    list: offers.map(({ plan, eligibility }) => legacyProduct(plan, call, eligibility)),
  }),
});

const getBody = z.object({ plan_id: id, version: optional(z.unknown()), customer_id: optional(id) });

export const get = operation({
  body: getBody,
  run: async (call: Call, body: z.output<typeof getBody>): Promise<Offered> => {
    const plan = call.tally.catalog.plan(body.plan_id);
    const { customer_id: customerId } = body;
    if (customerId === undefined) return { plan };
    const [offer] = await offered(call, [plan], { customerId });
    return offer ?? { plan };
  },
  current: ({ plan, eligibility }, call) => currentPlan(plan, call, eligibility),
  legacy: ({ plan, eligibility }, call) => legacyProduct(plan, call, eligibility),
});

/** What each of `plans` would be to a customer. */
export async function offered(
  { ctx, tally }: Call,
  plans: readonly Plan[],
  { customerId, entityId }: { customerId: string; entityId?: string },
): Promise<Offered[]> {
  const { catalog, component } = tally;
  const defaults = catalog.defaultPlans();
  const all = await ctx.runQuery(component.subscriptions.held, { customerId, entityId, defaults });
  const held = all.filter((each) => each.entityId === entityId);
  const trials = plans.some(({ trial }) => trial !== undefined)
    ? await ctx.runQuery(component.accounts.trials, { customerId })
    : [];
  return plans.map((plan) => {
    const hadTrial = trials.some(({ planId }) => planId === plan.id);
    return { plan, eligibility: eligibilityOf(plan, held, hadTrial, catalog.plans) };
  });
}

/** What attaching a plan would be to whoever holds these: Autumn's rule, by the prices of the catalog. */
function eligibilityOf(
  plan: Plan,
  held: readonly Held[],
  hadTrial: boolean,
  plans: ReadonlyMap<string, Plan>,
): Eligibility {
  const own = held.filter(({ planId }) => planId === plan.id);
  const isScheduled = ({ status }: Held) => status === "scheduled";
  const [active, scheduled] = [own.find((each) => !isScheduled(each)), own.find(isScheduled)];
  const canceling = active !== undefined && isCanceled(active);
  const stands = {
    status:
      active !== undefined ? ("active" as const) : scheduled !== undefined ? ("scheduled" as const) : null,
    canceling,
    trialing: active?.status === "trialing",
    trialAvailable: plan.trial !== undefined && !hadTrial && active === undefined,
  };
  const as = (scenario: Eligibility["scenario"]) => ({ scenario, ...stands });
  if (isTopUp(plan)) return as("new");
  if (active !== undefined) return as(canceling ? "renew" : "active");
  if (scheduled !== undefined) return as("scheduled");
  const current = held.find((each) => !each.addOn && each.group === plan.group && !isScheduled(each));
  const from = current === undefined ? undefined : plans.get(current.planId);
  if (plan.addOn || from === undefined) return as("new");
  return as(whenToChange(priceOrder(from), priceOrder(plan)) === "now" ? "upgrade" : "downgrade");
}

/** A plan's own price: what is bought with it in advance is the buyer's choice. */
function priceOrder({ id: planId, price }: Plan): Order {
  const every = price?.every ?? null;
  const lines = price === null ? [] : [{ amount: price.amount, every }];
  return { planId, currency: "usd", lines, total: price?.amount ?? 0, every };
}

export const planOperations = {
  "plans.list": list,
  "plans.get": get,
  "plans.create": unsupported(CATALOG_IS_CODE),
  "plans.update": unsupported(CATALOG_IS_CODE),
  "plans.delete": unsupported(CATALOG_IS_CODE),
};
