/** Customers' records, with the plans that they have and what is left of them. */
import { z } from "zod";
import { assertId, assertProperties, assertText } from "../../core/arguments.js";
import { shown, tallyError } from "../../core/errors.js";
import { defaultPlans, versionOf } from "../../client/versions.js";
import { assertControls, controlsField, setControls } from "../controls.js";
import { WireError } from "../failures.js";
import { id, operation, optional, unsupported, type Call, type Json } from "../operations.js";
import { currentCustomer, legacyCustomer, type Account, type Expand } from "../shapes/accounts.js";
import { propertiesField, propertiesOf } from "./provisions.js";

export const expandField = optional(z.array(z.string().max(100)).max(50));
export const expandOf = (expand: readonly string[] | undefined): Expand => new Set(expand);

/** What Autumn keeps with a customer; null takes away, in an update. */
const text = z.string().nullish();
const recordFields = {
  name: text,
  email: text,
  fingerprint: text,
  stripe_id: text,
  metadata: z.union([z.null(), propertiesField]),
  send_email_receipts: optional(z.boolean()),
  currency: optional(z.string()),
  billing_controls: controlsField,
  config: optional(
    z.object({
      disable_pooled_balance: optional(z.boolean()),
      disable_overage_billing: optional(z.boolean()),
    }),
  ),
};
type RecordBody = z.output<z.ZodObject<typeof recordFields>>;

const createBody = z.object({
  customer_id: id,
  ...recordFields,
  auto_enable_plan_id: optional(id),
  expand: expandField,
});

interface Answered {
  account: Account;
  expand: Expand;
}

const shapes = {
  current: ({ account, expand }: Answered, call: Call): Json => currentCustomer(account, call, expand),
  legacy: ({ account, expand }: Answered, call: Call): Json => legacyCustomer(account, call, expand),
};

/**
 * The customer, begun with the default plans if he is new. Of one who is there only what his record lacks is
 * filled in; his plans and limits stay as they are.
 */
export const getOrCreate = operation({
  body: createBody,
  run: async (call: Call, body: z.output<typeof createBody>): Promise<Answered> => {
    const { ctx, tally } = call;
    const { customer_id: customerId, billing_controls: controls } = body;
    assertId(customerId, "customer_id");
    refuseUnsupported(call, body);
    const expand = expandOf(body.expand);
    const given = detailsOf(body);
    const known = await accountOf(call, customerId, expand);
    if (known !== null) {
      const missing = Object.entries(given).filter(
        ([field, value]) => value != null && Reflect.get(known.customer, field) === undefined,
      );
      if (missing.length === 0) return { account: known, expand };
      await ctx.runMutation(tally.component.customers.update, {
        customerId,
        ...(Object.fromEntries(missing) as typeof given),
      });
      return { account: await knownAccount(call, customerId, expand), expand };
    }
    const { name, email, ...details } = withoutNulls(given);
    await ctx.runMutation(tally.component.customers.create, {
      customerId,
      provision: { plans: await startOf(call, body.auto_enable_plan_id), name, email },
      ...(Object.keys(details).length > 0 && { details }),
    });
    await setControls(call, { customerId }, controls, []);
    return { account: await knownAccount(call, customerId, expand), expand };
  },
  ...shapes,
});

/** What a customer begins with: a plan that costs nothing may take the place of the default one of its group. */
async function startOf({ tally: { catalog } }: Call, planId: string | undefined) {
  const defaults = await defaultPlans(catalog);
  if (planId === undefined) return defaults;
  const plan = catalog.plan(planId);
  const isFree = plan.price === null && plan.items.every((item) => item.price === undefined);
  if (!isFree || plan.addOn) {
    throw new WireError(
      400,
      "not_supported",
      `auto_enable_plan_id ${shown(planId)} is no free main plan: attach it with billing.attach. Nothing was changed.`,
    );
  }
  const others = defaults.filter((each) => each.plan.addOn || each.plan.group !== plan.group);
  return [...others, { plan, version: await versionOf(plan) }];
}

const getBody = z.object({ customer_id: id, expand: expandField });

/** A customer who is there; nobody is begun. */
export const get = operation({
  body: getBody,
  run: async (call: Call, body: z.output<typeof getBody>): Promise<Answered> => {
    const expand = expandOf(body.expand);
    return { account: await knownAccount(call, body.customer_id, expand), expand };
  },
  ...shapes,
});

const updateBody = z.object({
  customer_id: id,
  new_customer_id: optional(id),
  ...recordFields,
  expand: expandField,
});

/** Changes what is given of a record; null takes it away. */
export const update = operation({
  body: updateBody,
  run: async (call: Call, body: z.output<typeof updateBody>): Promise<Answered> => {
    const { ctx, tally } = call;
    const { customer_id: customerId, new_customer_id: other, billing_controls: controls } = body;
    if (other !== undefined && other !== customerId) {
      throw new WireError(
        400,
        "not_supported",
        "new_customer_id is not supported: a customer's id is the app's own, for good. Begin another customer and attach what he is to have. Nothing was changed.",
      );
    }
    refuseUnsupported(call, body);
    const expand = expandOf(body.expand);
    const given = detailsOf(body);
    const known = await knownAccount(call, customerId, expand);
    if (Object.keys(given).length > 0) {
      await ctx.runMutation(tally.component.customers.update, { customerId, ...given });
    }
    await setControls(call, { customerId }, controls, known.balances);
    return { account: await knownAccount(call, customerId, expand), expand };
  },
  ...shapes,
});

/** As the component keeps them; what is not given is not there. Throws `invalid_argument`. */
function detailsOf(body: RecordBody) {
  const { name, email, fingerprint, stripe_id: stripeId } = body;
  const metadata = body.metadata == null ? body.metadata : (propertiesOf(body.metadata) ?? {});
  if (name != null) assertText(name, "name");
  if (email != null) assertText(email, "email");
  if (fingerprint != null) assertId(fingerprint, "fingerprint");
  if (stripeId != null) assertId(stripeId, "stripe_id");
  if (metadata != null) assertProperties(metadata);
  return {
    ...(name !== undefined && { name }),
    ...(email !== undefined && { email }),
    ...(fingerprint !== undefined && { fingerprint }),
    ...(stripeId !== undefined && { stripeId }),
    ...(metadata !== undefined && { metadata }),
  };
}

function withoutNulls<Given extends object>(given: Given) {
  const there = Object.entries(given).filter(([, value]) => value !== null);
  return Object.fromEntries(there) as { [Field in keyof Given]: Exclude<Given[Field], null> };
}

/** Throws `not_supported` of what has an effect with Autumn and would have none here. */
function refuseUnsupported(call: Call, body: RecordBody): void {
  const { send_email_receipts: receipts, currency, config = {}, billing_controls: controls } = body;
  if (receipts === true)
    refuse("send_email_receipts", "Receipts are sent by the payment provider: turn them on there.");
  const own = call.payments?.currency;
  if (currency !== undefined && own !== undefined && currency.toLowerCase() !== own) {
    refuse("currency", `All customers pay in ${own}, the currency of \`Payments\`.`);
  }
  if (config.disable_pooled_balance === true)
    refuse("config.disable_pooled_balance", "Give the plan's item an entityFeatureId.");
  if (config.disable_overage_billing === true)
    refuse("config.disable_overage_billing", "Forbid overage with billing_controls.overage_allowed.");
  if (controls !== undefined) assertControls(call, controls);
}

function refuse(field: string, instead: string): never {
  throw new WireError(400, "not_supported", `${field} is not supported. ${instead} Nothing was changed.`);
}

async function accountOf({ ctx, tally }: Call, customerId: string, expand: Expand): Promise<Account | null> {
  return await ctx.runQuery(tally.component.accounts.get, {
    customerId,
    ...(expand.has("entities") && { withEntities: true }),
    ...(expand.has("trials_used") && { withTrials: true }),
  });
}

async function knownAccount(call: Call, customerId: string, expand: Expand): Promise<Account> {
  const account = await accountOf(call, customerId, expand);
  if (account !== null) return account;
  throw tallyError(
    "customer_not_found",
    `No customer ${shown(customerId)}. One begins with customers.get_or_create, or with his first use.`,
  );
}

/** The filters of lists of customers and of entities. */
export const filterFields = {
  search: optional(z.string().max(255)),
  plans: optional(
    z
      .array(z.object({ id, versions: optional(z.array(z.unknown())) }))
      .min(1)
      .max(100),
  ),
  subscription_status: optional(z.enum(["active", "scheduled"])),
};

/** As the component takes them. */
export function filterOf({
  search,
  plans,
  subscription_status: status,
}: z.output<z.ZodObject<typeof filterFields>>) {
  return {
    ...(search !== undefined && search !== "" && { search }),
    ...(plans !== undefined && { planIds: plans.map((plan) => plan.id) }),
    ...(status !== undefined && { status }),
  };
}

/** How far into a list an offset may reach. */
const MAX_OFFSET = 10_000;
/** Reads of one call: each is as much as one transaction can read. */
const MAX_READS = 20;
const PAGE = 200;

export const pageFields = {
  start_cursor: optional(z.string().max(2_000)),
  limit: optional(z.number().int().min(1).max(1_000)),
};

const listBody = z.object({
  ...pageFields,
  offset: optional(z.number().int().min(0).max(MAX_OFFSET)),
  ...filterFields,
  processors: optional(z.array(z.string())),
  sort_order: optional(z.unknown()),
  created_at_range: optional(z.unknown()),
});

/** Customers by id, from a cursor or (as older clients ask) from an offset of at most 10,000. */
export const list = operation({
  body: listBody,
  run: async (call: Call, body: z.output<typeof listBody>) => {
    const { ctx, tally } = call;
    const { limit = 50, offset = 0, start_cursor: start } = body;
    if (body.created_at_range !== undefined)
      refuse("created_at_range", "Filter what is listed by created_at.");
    if (body.sort_order !== undefined) refuse("sort_order", "Customers are listed by id.");
    if (body.processors !== undefined)
      refuse("processors", "Look for customers in the payment provider's dashboard.");
    const filter = filterOf(body);
    if (offset > 0 && Object.keys(filter).length > 0)
      refuse("offset with a filter", "Go on from next_cursor, as start_cursor.");
    const from = start === undefined || start === "" ? null : start;
    const skipped = await skip(call, from, offset);
    if (skipped.isOver) return { accounts: [], cursor: null, limit, offset, total: skipped.count };
    const found = await pages(limit, skipped.cursor, (cursor, size) =>
      ctx.runQuery(tally.component.accounts.list, { cursor, limit: size, ...filter }),
    );
    const total = offset + found.page.length + (found.cursor === null ? 0 : 1);
    return { accounts: found.page, cursor: found.cursor, limit, offset, total };
  },
  current: (found, call) => ({
    ...counts(found),
    list: found.accounts.map((account) => currentCustomer(account, call, NOTHING)),
    next_cursor: found.cursor,
  }),
  legacy: (found, call) => ({
    ...counts(found),
    list: found.accounts.map((account) => legacyCustomer(account, call, NOTHING)),
  }),
});

const NOTHING: Expand = new Set();

/** `total` is how many there are as far as was looked: one more than those that are told of, where there are more. */
function counts({
  cursor,
  total,
  limit,
  offset,
}: {
  cursor: string | null;
  total: number;
  limit: number;
  offset: number;
}): Record<string, Json> {
  const totals = { total, total_count: total, total_filtered_count: total };
  return { has_more: cursor !== null, ...totals, limit, offset };
}

/** The cursor behind so many customers. */
async function skip(
  { ctx, tally }: Call,
  from: string | null,
  offset: number,
): Promise<{ cursor: string | null; count: number; isOver: boolean }> {
  let [cursor, count] = [from, 0];
  while (count < offset) {
    const size = Math.min(PAGE, offset - count);
    const next = await ctx.runQuery(tally.component.customers.list, { cursor, limit: size });
    count += next.page.length;
    cursor = next.cursor;
    if (cursor === null) return { cursor, count, isOver: true };
  }
  return { cursor, count, isOver: false };
}

/** As many as are wanted, from as many reads as one call may make: a list may end early, and has a cursor then. */
export async function pages<Row>(
  limit: number,
  from: string | null,
  read: (cursor: string | null, size: number) => Promise<{ page: Row[]; cursor: string | null }>,
): Promise<{ page: Row[]; cursor: string | null }> {
  const page: Row[] = [];
  let cursor = from;
  for (let reads = 0; reads < MAX_READS; reads++) {
    const next = await read(cursor, Math.min(PAGE, limit - page.length));
    page.push(...next.page);
    cursor = next.cursor;
    if (cursor === null || page.length >= limit) break;
  }
  return { page, cursor };
}

const deleteBody = z.object({ customer_id: id, delete_in_stripe: optional(z.boolean()) });

/** Removes a customer and all that is his, in batches. What he pays elsewhere is not ended with it. */
export const remove = operation({
  body: deleteBody,
  run: async ({ ctx, tally }: Call, body: z.output<typeof deleteBody>) => {
    if (body.delete_in_stripe === true)
      refuse(
        "delete_in_stripe",
        "Cancel his plans first (billing.update), and delete him in Stripe's dashboard.",
      );
    await tally.customers.remove(ctx, { customerId: body.customer_id });
  },
  current: () => ({ success: true }),
});

const balancesBody = z.object({
  customer_id: id,
  balances: z
    .array(z.object({ feature_id: id, balance: z.number(), entity_id: optional(id) }))
    .min(1)
    .max(100),
});

/** Sets what is left of several features: one after the other. */
export const updateBalances = operation({
  body: balancesBody,
  run: async (call: Call, { customer_id: customerId, balances }: z.output<typeof balancesBody>) => {
    const { ctx, tally, idempotencyKey } = call;
    for (const { feature_id: featureId } of balances) tally.catalog.feature(featureId);
    for (const { feature_id: featureId, balance: remaining, entity_id: entityId } of balances) {
      await tally.grants.set(ctx, {
        customerId,
        featureId,
        remaining,
        ...(entityId !== undefined && { entityId }),
        ...(idempotencyKey !== undefined && { idempotencyKey: `${idempotencyKey}:${featureId}` }),
      });
    }
  },
  current: () => ({ success: true }),
});

export const customerOperations = {
  "customers.get_or_create": getOrCreate,
  "customers.get": get,
  "customers.update": update,
  "customers.list": list,
  "customers.delete": remove,
  "customers.update_balances": updateBalances,
  "customers.advance_test_clock": unsupported(
    "There are no test clocks: time is the deployment's own. In tests, move the clock of convex-test.",
  ),
};
