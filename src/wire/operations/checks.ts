/** What gates, and what holds an amount until it is settled: Autumn's checks and locks. */
import { z } from "zod";
import type { Decision, Summary } from "../../core/answers.js";
import { exact, nearest, priceOf, type Cost } from "../../core/amounts.js";
import { isTallyError, shown } from "../../core/errors.js";
import { WireError } from "../failures.js";
import { id, operation, optional, type Call, type Json } from "../operations.js";
import {
  byFeature,
  currentBalance,
  currentFlag,
  legacyBalance,
  poolsOf,
  type PoolBalance,
} from "../shapes/balances.js";
import { isFlag } from "../shapes/features.js";
import { legacyProduct } from "../shapes/plans.js";
import { offered, type Offered } from "./plans.js";
import { propertiesField, propertiesOf, provisioned, provisionFields } from "./provisions.js";
import { afterwards } from "./repeats.js";

const DAY_MS = 24 * 60 * 60_000;

const lockField = optional(
  z.object({
    lock_id: id,
    enabled: optional(z.literal(true)),
    expires_at: optional(z.number()),
    overage_behavior: optional(z.enum(["cap", "reject"])),
  }),
);

const checkBody = z.object({
  customer_id: id,
  feature_id: optional(id),
  product_id: optional(id),
  entity_id: optional(id),
  required_balance: optional(z.number()),
  required_quantity: optional(z.number()),
  send_event: optional(z.boolean()),
  with_preview: optional(z.boolean()),
  properties: propertiesField,
  lock: lockField,
  ...provisionFields,
});
type CheckBody = z.output<typeof checkBody>;

interface Checked {
  customerId: string;
  entityId?: string;
  decision: Decision;
  /** The plans that would help, where a paywall is asked for and one is due. */
  offers: Offered[] | null;
}

/** A check of a plan, which only the older clients know: whether the customer has it. */
interface PlanChecked {
  customerId: string;
  entityId?: string;
  planId: string;
  status: string | null;
}

/**
 * Whether a customer can use so much. It changes nothing unless it sends an event or holds what it asks for
 * (`lock`), and then it is one transaction. A customer who is not known is answered as he would begin.
 */
export const check = operation({
  body: checkBody,
  run: async (call: Call, body: CheckBody): Promise<Checked | PlanChecked> => {
    const { customer_id: customerId, feature_id: featureId, product_id: planId, entity_id: entityId } = body;
    if ((featureId === undefined) === (planId === undefined)) {
      throw new WireError(
        400,
        "invalid_inputs",
        "Name either feature_id or product_id. Nothing was changed.",
      );
    }
    if (planId !== undefined) return await heldPlan(call, { customerId, entityId, planId });
    const decision = await provisioned(call, body, async () => await decide(call, body, featureId ?? ""));
    const owner = { customerId, ...(entityId !== undefined && { entityId }) };
    const isPaywalled = body.with_preview === true && !decision.allowed;
    return { ...owner, decision, offers: isPaywalled ? await helpful(call, owner, decision) : null };
  },
  current: (checked, call) => {
    if ("planId" in checked) return planAnswer(checked);
    const { customerId, decision } = checked;
    const { catalog } = call.tally;
    const { featureId } = decision;
    const pools = poolsOf(decision).filter((pool) => !isFlag(catalog, pool.featureId));
    const answering = answeringPool(decision, pools, catalog);
    const flagged = isFlag(catalog, featureId) && decision.breakdown.length > 0;
    return {
      allowed: decision.allowed,
      customer_id: customerId,
      entity_id: checked.entityId ?? null,
      required_balance: answering?.required ?? decision.requiredBalance,
      balance: answering === null ? null : currentBalance(answering.pool, catalog),
      balances: byFeature(pools, (pool) => currentBalance(pool, catalog)),
      flag: flagged ? currentFlag(featureId, decision.breakdown, catalog) : null,
      preview: previewOf(checked, call),
    };
  },
  legacy: (checked, call) => {
    if ("planId" in checked) return planAnswer(checked);
    const { customerId, decision } = checked;
    const { catalog } = call.tally;
    const named = { allowed: decision.allowed, code: "feature_found", customer_id: customerId };
    const entity = { entity_id: checked.entityId ?? null };
    const preview = { preview: previewOf(checked, call) };
    const answering = isFlag(catalog, decision.featureId)
      ? poolsOf(decision).map((pool) => ({ pool, required: decision.requiredBalance }))[0]
      : answeringPool(decision, poolsOf(decision), catalog);
    if (answering == null) {
      const required = { required_balance: decision.requiredBalance };
      return { ...named, feature_id: decision.featureId, ...entity, ...required, ...preview };
    }
    return {
      ...named,
      feature_id: answering.pool.featureId,
      ...entity,
      required_balance: answering.required,
      ...legacyBalance(answering.pool, catalog),
      ...preview,
    };
  },
});

async function decide(call: Call, body: CheckBody, featureId: string): Promise<Decision> {
  const { customer_id: customerId, entity_id: entityId, lock } = body;
  const units = body.required_balance ?? body.required_quantity ?? 1;
  const use = { featureId, ...(entityId !== undefined && { entityId }) };
  const properties = propertiesOf(body.properties);
  if (lock !== undefined) return await hold(call, body, { ...use, value: units, properties }, lock);
  if (body.send_event !== true) {
    return await call.tally.for(call.ctx, { customerId }).check({ ...use, requiredBalance: units });
  }
  const sent = {
    customerId,
    ...use,
    value: units,
    ...(properties && { properties }),
    ...(call.idempotencyKey !== undefined && { idempotencyKey: call.idempotencyKey }),
  };
  try {
    const tracked =
      units < 0 ? await call.tally.track(call.ctx, sent) : await call.tally.consume(call.ctx, sent);
    return sentDecision({ ...use, units }, await afterwards(call, customerId, tracked));
  } catch (error) {
    if (isTallyError(error, "usage_exceeded")) return refusedDecision(error.data);
    throw error;
  }
}

const sentDecision = (
  { featureId, entityId, units }: { featureId: string; entityId?: string; units: number },
  summary: Summary,
): Decision => ({
  allowed: true,
  reason: null,
  featureId,
  ...(entityId !== undefined && { entityId }),
  requiredBalance: units,
  ...summary,
});

/** What a refusal carries is the check's own answer. */
const refusedDecision = ({ check: decision }: Record<string, unknown>): Decision => decision as Decision;

/** Autumn's locks are Tally's reservations, which no lock outlives by more than a day. */
async function hold(
  call: Call,
  { customer_id: customerId }: CheckBody,
  use: { featureId: string; entityId?: string; value: number; properties?: ReturnType<typeof propertiesOf> },
  lock: NonNullable<CheckBody["lock"]>,
): Promise<Decision> {
  const ttlMs = lock.expires_at === undefined ? DAY_MS : Math.ceil(lock.expires_at - Date.now());
  const { properties, ...held } = use;
  const { allowed, replayed, refusal } = await call.tally
    .for(call.ctx, { customerId })
    .reserve({ ...held, ttlMs, reservationId: lock.lock_id, ...(properties && { properties }) })
    .catch((error: unknown) => {
      if (isTallyError(error, "idempotency_conflict")) throw lockExists(lock.lock_id);
      throw error;
    });
  if (replayed) throw lockExists(lock.lock_id);
  if (!allowed && refusal !== null) return refusal;
  const { value, ...asked } = use;
  const { featureId, entityId } = asked;
  const summary = await call.tally
    .for(call.ctx, { customerId })
    .check({ featureId, requiredBalance: 0, ...(entityId !== undefined && { entityId }) });
  return { ...summary, allowed: true, reason: null, requiredBalance: value };
}

const lockExists = (lockId: string): WireError =>
  new WireError(
    409,
    "lock_already_exists",
    `The lock ${shown(lockId)} is taken already. Nothing was changed.`,
  );

async function heldPlan(
  call: Call,
  { customerId, entityId, planId }: { customerId: string; entityId?: string; planId: string },
): Promise<PlanChecked> {
  const { tally, ctx } = call;
  tally.catalog.plan(planId);
  const held = await ctx.runQuery(tally.component.subscriptions.held, {
    customerId,
    entityId,
    defaults: tally.catalog.defaultPlans(),
  });
  const subscription = held.find((each) => each.planId === planId);
  return {
    customerId,
    ...(entityId !== undefined && { entityId }),
    planId,
    status: subscription?.status ?? null,
  };
}

function planAnswer({ customerId, entityId, planId, status }: PlanChecked): Json {
  return {
    allowed: status === "active" || status === "trialing" || status === "past_due",
    customer_id: customerId,
    entity_id: entityId ?? null,
    product_id: planId,
    code: "product_found",
    status,
  };
}

/**
 * The balance that an answer shows, with what is required of it in its own unit: the feature's own if it can pay
 * alone, else the first credits that can pay, else its own. (Autumn's choice; what is allowed Tally decides by all
 * of them together.)
 */
function answeringPool(
  { featureId, requiredBalance, allowed }: Decision,
  pools: readonly PoolBalance[],
  catalog: Call["tally"]["catalog"],
): { pool: PoolBalance; required: number } | null {
  const own = pools.find((pool) => pool.featureId === featureId);
  const credits = pools.find((pool) => pool.featureId !== featureId);
  const left = own?.parts.reduce((sum, part) => sum.plus(exact(part.remaining)), exact(0));
  const paysAlone =
    own?.parts.some(({ unlimited }) => unlimited) === true || left?.gte(requiredBalance) === true;
  if (own !== undefined && (credits === undefined || (allowed && paysAlone))) {
    return { pool: own, required: requiredBalance };
  }
  if (credits === undefined) return null;
  const cost = costIn(catalog, credits.featureId, featureId);
  return { pool: credits, required: nearest(priceOf(exact(requiredBalance), cost)) };
}

function costIn(catalog: Call["tally"]["catalog"], creditId: string, featureId: string): Cost | undefined {
  return catalog.features.get(creditId)?.creditSchema.find((cost) => cost.featureId === featureId);
}

/** The plans that give more of a feature (or of credits that pay for it): a change for the better first, then what is added. */
async function helpful(
  call: Call,
  owner: { customerId: string; entityId?: string },
  { featureId }: Decision,
): Promise<Offered[]> {
  const { catalog } = call.tally;
  const pools = catalog.pools(featureId).map((pool) => pool.featureId);
  const gives = [...catalog.plans.values()].filter(
    ({ archived, items }) => !archived && items.some((item) => pools.includes(item.featureId)),
  );
  const offers = await offered(call, gives, owner);
  const ranked = (rank: string) => offers.filter(({ eligibility }) => eligibility?.scenario === rank);
  return [...ranked("upgrade"), ...ranked("new")];
}

/** What a paywall says. Its plans are in the older shape in every version, as Autumn's are. */
function previewOf({ decision: { featureId, breakdown }, offers }: Checked, call: Call): Json {
  if (offers === null) return null;
  const { name } = call.tally.catalog.feature(featureId);
  const isIncluded = breakdown.length > 0;
  return {
    scenario: isIncluded ? "usage_limit" : "feature_flag",
    title: isIncluded ? `${name}: limit reached` : `${name} is not included`,
    message: isIncluded
      ? `Nothing is left of ${name} for now.`
      : `The current plan does not include ${name}.`,
    feature_id: featureId,
    feature_name: name,
    products: offers.map(({ plan, eligibility }) => legacyProduct(plan, call, eligibility)),
  };
}

const finalizeBody = z.object({
  lock_id: id,
  customer_id: optional(id),
  action: z.enum(["confirm", "release"]),
  override_value: optional(z.number()),
  properties: propertiesField,
});

/** Settles a lock. A second time there is none, as in Autumn. */
export const finalize = operation({
  body: finalizeBody,
  run: async (call: Call, body: z.output<typeof finalizeBody>) => {
    const { ctx, tally } = call;
    const { lock_id: reservationId, action, override_value: value } = body;
    const holders = await ctx.runQuery(tally.component.reservations.holders, { reservationId });
    const [customerId] = body.customer_id === undefined ? holders : [body.customer_id];
    if (customerId === undefined) {
      throw new WireError(
        404,
        "lock_not_found",
        `There is no open lock ${shown(reservationId)}. Nothing was changed.`,
      );
    }
    if (body.customer_id === undefined && holders.length > 1) {
      throw new WireError(
        400,
        "invalid_inputs",
        `Several customers have a lock ${shown(reservationId)}: say whose by customer_id. Nothing was changed.`,
      );
    }
    if (action === "confirm") {
      await tally.reservations.confirm(ctx, {
        customerId,
        reservationId,
        ...(value !== undefined && { value }),
      });
    } else if (value === undefined) {
      await tally.reservations.release(ctx, { customerId, reservationId });
    } else {
      throw new WireError(
        400,
        "invalid_inputs",
        "override_value is for confirm: a release charges nothing. Nothing was changed.",
      );
    }
  },
  current: () => ({ success: true }),
});

export const checkOperations = { "balances.check": check, "balances.finalize": finalize };
