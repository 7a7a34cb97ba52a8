/** What is asked for when plans change hands over the wire: Autumn's two vocabularies, brought to one. */
import { z } from "zod";
import type { When } from "../../client/subscriptions.js";
import type { ItemDefinition } from "../../core/definitions.js";
import { INTERVALS } from "../../core/periods.js";
import type { Plan } from "../../core/terms.js";
import { WireError } from "../failures.js";
import { id, optional, type Call } from "../operations.js";
import { provisionFields } from "./provisions.js";

const interval = z.enum(["one_off", ...INTERVALS]);

const itemField = z.strictObject({
  feature_id: id,
  included: optional(z.number()),
  unlimited: optional(z.boolean()),
  entity_feature_id: optional(id),
  pooled: optional(z.literal(false)),
  reset: optional(z.strictObject({ interval, interval_count: optional(z.number()) })),
  price: optional(
    z.strictObject({
      amount: optional(z.number()),
      tiers: optional(
        z.array(
          z.strictObject({
            to: z.union([z.number(), z.literal("inf")]),
            amount: optional(z.number()),
            flat_amount: optional(z.number()),
          }),
        ),
      ),
      tier_behavior: optional(z.enum(["graduated", "volume"])),
      interval: optional(interval),
      interval_count: optional(z.number()),
      billing_units: optional(z.number()),
      billing_method: optional(z.enum(["prepaid", "usage_based"])),
      max_purchase: optional(z.number()),
    }),
  ),
  proration: optional(
    z.strictObject({ on_increase: optional(z.string()), on_decrease: optional(z.string()) }),
  ),
  rollover: optional(
    z.strictObject({
      max: optional(z.number()),
      max_percentage: optional(z.number()),
      expiry_duration_type: optional(z.enum(["month", "forever"])),
      expiry_duration_length: optional(z.number()),
    }),
  ),
});

function itemOf(given: z.output<typeof itemField>): ItemDefinition {
  const { reset, price, rollover } = given;
  return {
    featureId: given.feature_id,
    included: given.included,
    unlimited: given.unlimited,
    entityFeatureId: given.entity_feature_id,
    reset: reset && { interval: reset.interval, intervalCount: reset.interval_count },
    price: price && {
      amount: price.amount,
      tiers: price.tiers?.map(({ to, amount = 0, flat_amount: flatAmount }) => ({ to, amount, flatAmount })),
      tierBehavior: price.tier_behavior,
      interval: price.interval,
      intervalCount: price.interval_count,
      billingUnits: price.billing_units,
      billingMethod: price.billing_method,
      maxPurchase: price.max_purchase,
    },
    rollover: rollover && {
      max: rollover.max,
      maxPercentage: rollover.max_percentage,
      expiryDurationType: rollover.expiry_duration_type,
      expiryDurationLength: rollover.expiry_duration_length,
    },
  };
}

/** Null is no trial, and absent the plan's own; older clients say it by a boolean. */
const trialField = z
  .union([
    z.boolean(),
    z.object({
      duration_length: z.number(),
      duration_type: optional(z.enum(["day", "month", "year"])),
      card_required: optional(z.boolean()),
    }),
  ])
  .nullable()
  .optional();

const carryField = optional(z.object({ enabled: z.boolean(), feature_ids: optional(z.array(id)) }));

/** Terms of one plan. */
const termFields = {
  feature_quantities: optional(z.array(z.object({ feature_id: id, quantity: optional(z.number()) }))),
  customize: optional(z.looseObject({ items: optional(z.array(itemField)), free_trial: trialField })),
};

const sharedFields = {
  customer_id: id,
  entity_id: optional(id),
  free_trial: trialField,
  redirect_mode: optional(z.enum(["always", "if_required", "never"])),
  success_url: optional(z.string()),
  plan_schedule: optional(z.enum(["immediate", "end_of_cycle"])),
  no_billing_changes: optional(z.boolean()),
  carry_over_balances: carryField,
  carry_over_usages: carryField,
  currency: optional(z.string()),
  ...provisionFields,
};
type Fields<Shape extends z.ZodRawShape> = z.output<z.ZodObject<Shape, z.core.$loose>>;
type Shared = Fields<typeof sharedFields>;
type Terms = Fields<typeof termFields>;

/** One plan by `plan_id`; by `product_id`, or several by `product_ids`, in the older vocabulary. */
export const attachBody = z.looseObject({
  ...sharedFields,
  ...termFields,
  plan_id: optional(id),
  product_id: optional(id),
  product_ids: optional(z.array(id).min(1).max(20)),
  options: optional(z.array(z.object({ feature_id: id, quantity: optional(z.number()) }))),
  force_checkout: optional(z.boolean()),
});
export type AttachBody = z.output<typeof attachBody>;

export const multiAttachBody = z.looseObject({
  ...sharedFields,
  plans: z
    .array(z.looseObject({ plan_id: id, entity_id: optional(id), ...termFields }))
    .min(1)
    .max(20),
});
export type MultiAttachBody = z.output<typeof multiAttachBody>;

export const updateBody = z.looseObject({
  ...sharedFields,
  ...termFields,
  plan_id: optional(id),
  product_id: optional(id),
  cancel_action: optional(z.enum(["cancel_immediately", "cancel_end_of_cycle", "uncancel"])),
});
export type UpdateBody = z.output<typeof updateBody>;

export interface Payer {
  customerId: string;
  entityId?: string;
  /** For his account with the provider, should he be new. */
  name?: string;
  email?: string;
}

/** One plan that somebody is to have. */
export interface Wanted {
  payer: Payer;
  /** With its own items, where it has some. */
  plan: Plan;
  /** Units bought in advance, by feature: what is included is among them. */
  quantities?: Record<string, number>;
  items?: ItemDefinition[];
  when?: When;
  /** False: none. Absent: the plan's own. */
  trial?: false | { length: number; unit: "day" | "month" | "year"; cardRequired: boolean };
  carryOverBalances: boolean;
  carryOverUsages: boolean;
  /** Nothing is paid, whatever it costs: whoever asks knows why. */
  isUnpaid: boolean;
  redirect: "always" | "if_required" | "never";
  successUrl?: string;
  currency?: string;
}

export function attachedPlans(call: Call, body: AttachBody): Wanted[] {
  const { plan_id: planId, product_id: productId, product_ids: productIds, options } = body;
  const named = [planId, productId, ...(productIds ?? [])].filter((each) => each !== undefined);
  if (named.length === 0 || (productIds !== undefined && named.length > productIds.length)) {
    throw new WireError(
      400,
      "invalid_inputs",
      "Name the plan by plan_id or product_id, or several by product_ids. Nothing was changed.",
    );
  }
  const plans = [...new Set(named)].map((each) => call.tally.catalog.plan(each));
  return plans.map((plan) => {
    const { feature_quantities: quantities, customize } = body;
    const sold =
      plans.length === 1 ? options : options?.filter(({ feature_id }) => isSoldAhead(plan, feature_id));
    const more = { feature_quantities: quantities ?? quantitiesOf(plan, sold), customize };
    return wantedOf(call, body, plan, more, body.force_checkout === true ? "always" : undefined);
  });
}

export function attachedTogether(call: Call, body: MultiAttachBody): Wanted[] {
  return body.plans.map((each) => {
    refuseWhatIsNotDone(call, each);
    const owner = each.entity_id === undefined ? body : { ...body, entity_id: each.entity_id };
    return wantedOf(call, owner, call.tally.catalog.plan(each.plan_id), each);
  });
}

export const updatedPlan = (call: Call, body: UpdateBody, plan: Plan): Wanted =>
  wantedOf(call, body, plan, body);

/** In the older vocabulary, what is included comes on top of what is bought. */
function quantitiesOf(plan: Plan, options: AttachBody["options"]): AttachBody["feature_quantities"] {
  return options?.map(({ feature_id, quantity }) => {
    const included = plan.items.find(({ featureId }) => featureId === feature_id)?.included ?? 0;
    return { feature_id, quantity: quantity === undefined ? undefined : included + quantity };
  });
}

const isSoldAhead = ({ items }: Plan, featureId: string): boolean =>
  items.some((item) => item.featureId === featureId && item.price?.billingMethod === "prepaid");

function wantedOf(
  call: Call,
  body: Shared,
  plan: Plan,
  { customize, feature_quantities }: Terms,
  redirect = body.redirect_mode ?? "if_required",
): Wanted {
  refuseWhatIsNotDone(call, body);
  if (customize !== undefined) refuseWhatIsNotDone(call, customize, "customize.");
  // Not left out: the plan would cost nothing.
  if (customize?.price === null) throw notDone("customize.price: null", PRICED_ALONE);
  const items = customize?.items?.map(itemOf);
  const quantities = feature_quantities?.flatMap(({ feature_id, quantity }) =>
    quantity === undefined ? [] : [[feature_id, quantity] as const],
  );
  const { plan_schedule: schedule, success_url: successUrl } = body;
  return {
    payer: { customerId: body.customer_id, entityId: body.entity_id, ...body.customer_data },
    plan: items === undefined ? plan : call.tally.catalog.customized(plan, items),
    ...(quantities !== undefined && quantities.length > 0 && { quantities: Object.fromEntries(quantities) }),
    ...(items !== undefined && { items }),
    ...(schedule !== undefined && { when: schedule === "immediate" ? "now" : "period_end" }),
    ...trialOf(customize?.free_trial === undefined ? body.free_trial : customize.free_trial),
    carryOverBalances: carried(body.carry_over_balances, "carry_over_balances"),
    carryOverUsages: carried(body.carry_over_usages, "carry_over_usages"),
    isUnpaid: body.no_billing_changes === true,
    redirect,
    ...(successUrl !== undefined && { successUrl }),
    ...(body.currency !== undefined && { currency: body.currency.toLowerCase() }),
  };
}

function trialOf(given: z.output<typeof trialField>): Pick<Wanted, "trial"> {
  if (given === undefined || given === true) return {};
  if (given === null || given === false) return { trial: false };
  const {
    duration_length: length,
    duration_type: unit = "month",
    card_required: cardRequired = false,
  } = given;
  return { trial: { length, unit, cardRequired } };
}

function carried(given: z.output<typeof carryField>, name: string): boolean {
  if (given?.enabled !== true) return false;
  if (given.feature_ids === undefined) return true;
  throw notDone(`${name}.feature_ids`, "All features are carried over, or none: leave it out.");
}

const PRICED_ALONE = "Put a plan of that price into the catalog.";
const BILL_IT = "Pay at the checkout, or pass no_billing_changes: true and bill it yourself.";
const PRORATED = "What a change costs is prorated: pass no_billing_changes: true and bill it yourself.";
const BEGINS_PAID = "A plan begins when it is paid; pass no_billing_changes: true to give it before.";
const ALL_ITEMS = "Send all items that the plan is to have, as customize.items.";

/** What would change what is paid or had, and is not done: what to do instead, and the value that asks for nothing else. */
const NOT_DONE: Readonly<Record<string, { instead: string; fine?: unknown }>> = {
  discounts: { instead: PRICED_ALONE },
  reward: { instead: PRICED_ALONE },
  invoice: { instead: BILL_IT },
  invoice_mode: { instead: BILL_IT },
  custom_line_items: { instead: "What is paid is what the catalog says: put a top-up into it." },
  proration_behavior: { instead: PRORATED, fine: "prorate_immediately" },
  billing_behavior: { instead: PRORATED, fine: "prorate_immediately" },
  billing_cycle_anchor: { instead: "Periods are counted from when a plan begins.", fine: "now" },
  starts_at: { instead: "Attach the plan when it is to begin, or pass plan_schedule." },
  ends_at: { instead: "Cancel the plan when it is to end." },
  processor_subscription_id: {
    instead: "Tell of other subscriptions by syncSubscription of convex-tally/payments.",
  },
  subscription_id: { instead: "Name the plan by plan_id." },
  license_quantities: { instead: "Attach the plan to each entity, by entity_id." },
  enable_plan_immediately: { instead: BEGINS_PAID },
  enable_product_immediately: { instead: BEGINS_PAID },
  tax_rate_id: { instead: "Set taxes up with the provider." },
  remove_plan_ids: { instead: "Cancel those plans by billing.update." },
  version: { instead: "A plan has the terms of the catalog in the code.", fine: 1 },
  refund_last_payment: {
    instead: "Refund it with the provider: what was bought with it is taken back then.",
  },
  recalculate_balances: { instead: "Correct balances by balances.update." },
  checkout_session_params: { instead: "What a checkout sells is the catalog's alone." },
  subscription_params: { instead: "What is sold is the catalog's alone." },
  price: { instead: PRICED_ALONE },
  add_items: { instead: ALL_ITEMS },
  remove_items: { instead: ALL_ITEMS },
  billing_controls: { instead: "Set controls by customers.update, or on the plan in the catalog." },
  upsert_licenses: { instead: "Attach plans to entities, by entity_id." },
  remove_licenses: { instead: "Cancel the plans of entities, by entity_id." },
};

/** Terms that only trusted code may set. */
const TRUSTED = [
  "no_billing_changes",
  "customize",
  "plan_schedule",
  "carry_over_balances",
  "carry_over_usages",
] as const;

/** Throws `not_supported`: nothing that changes what is paid is passed over in silence, and no page sets terms. */
export function refuseWhatIsNotDone(
  { isBrowser }: Call,
  body: Readonly<Record<string, unknown>>,
  within = "",
): void {
  for (const [name, { instead, fine }] of Object.entries(NOT_DONE)) {
    const given = Object.hasOwn(body, name) ? body[name] : undefined;
    if (!asksForNothing(given) && given !== fine) throw notDone(`${within}${name}`, instead);
  }
  if (isBrowser !== true) return;
  const set = TRUSTED.find((name) => !asksForNothing(body[name]));
  const isOwnTrial = typeof body.free_trial !== "object" || body.free_trial === null;
  if (set !== undefined || !isOwnTrial)
    throw notDone(`${set ?? "free_trial"} from a browser`, "Send it with the secret, from a server.");
}

function asksForNothing(given: unknown): boolean {
  if (given === undefined || given === null || given === false) return true;
  if (typeof given !== "object") return false;
  return ("enabled" in given && given.enabled === false) || Object.keys(given).length === 0;
}

export const notDone = (what: string, instead: string): WireError =>
  new WireError(400, "not_supported", `${what} is not supported. ${instead} Nothing was changed.`);
