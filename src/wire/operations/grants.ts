/** What corrects balances by hand: amounts outside of plans, and what is left, used or granted. */
import { z } from "zod";
import { shown } from "../../core/errors.js";
import { INTERVALS } from "../../core/periods.js";
import { WireError } from "../failures.js";
import { id, operation, optional, type Call } from "../operations.js";
import type { Part } from "../shapes/balances.js";
import { refuseReplayed } from "./repeats.js";

const resetField = optional(
  z.object({ interval: z.enum(["one_off", ...INTERVALS]), interval_count: optional(z.number()) }),
);

const createBody = z.object({
  customer_id: id,
  feature_id: id,
  entity_id: optional(id),
  included_grant: optional(z.number()),
  granted_balance: optional(z.number()),
  unlimited: optional(z.boolean()),
  reset: resetField,
  rollover: optional(z.unknown()),
  expires_at: optional(z.number()),
  next_reset_at: optional(z.number()),
  balance_id: optional(z.unknown()),
});

/** Grants an amount outside of plans. */
export const create = operation({
  body: createBody,
  run: async (call: Call, body: z.output<typeof createBody>) => {
    const { customer_id: customerId, feature_id: featureId, entity_id: entityId, reset } = body;
    refuseGiven(
      body,
      "rollover",
      "What is left of a grant outside of plans does not roll over: give it to a plan's item.",
    );
    refuseGiven(body, "balance_id", "A grant's id is its own: look for it in the breakdown of the balance.");
    const amount = body.included_grant ?? body.granted_balance;
    const { replayed } = await call.tally.grants.grant(call.ctx, {
      customerId,
      featureId,
      ...(entityId !== undefined && { entityId }),
      ...(amount !== undefined && { amount }),
      ...(body.unlimited === true && { unlimited: true }),
      ...(body.expires_at !== undefined && { expiresAt: body.expires_at }),
      ...(reset !== undefined &&
        reset.interval !== "one_off" && {
          reset: {
            interval: reset.interval,
            ...(reset.interval_count !== undefined && { intervalCount: reset.interval_count }),
            ...(body.next_reset_at !== undefined && { anchor: body.next_reset_at }),
          },
        }),
      ...(call.idempotencyKey !== undefined && { idempotencyKey: call.idempotencyKey }),
    });
    refuseReplayed({ replayed }, call.idempotencyKey);
  },
  current: () => ({ success: true, message: "Balance created" }),
});

function refuseGiven(body: Record<string, unknown>, field: string, instead: string): void {
  if (body[field] === undefined) return;
  throw new WireError(400, "not_supported", `${field} is not supported. ${instead} Nothing was changed.`);
}

const updateBody = z.object({
  customer_id: id,
  feature_id: id,
  entity_id: optional(id),
  remaining: optional(z.number()),
  current_balance: optional(z.number()),
  add_to_balance: optional(z.number()),
  usage: optional(z.number()),
  included_grant: optional(z.number()),
  interval: optional(z.enum(["one_off", ...INTERVALS])),
  balance_id: optional(id),
  next_reset_at: optional(z.unknown()),
  expires_at: optional(z.unknown()),
});

/** Sets an amount by hand, or adds to what is left. */
export const update = operation({
  body: updateBody,
  run: async (call: Call, body: z.output<typeof updateBody>) => {
    const { ctx, tally } = call;
    const { customer_id: customerId, feature_id: featureId, entity_id: entityId } = body;
    for (const field of ["next_reset_at", "expires_at"]) {
      refuseGiven(body, field, "Delete the balance, and create one that resets or expires then.");
    }
    const targets = [
      ["remaining", body.remaining ?? body.current_balance],
      ["added", body.add_to_balance],
      ["usage", body.usage],
      ["granted", body.included_grant],
    ].filter((target): target is [string, number] => target[1] !== undefined);
    const [target] = targets;
    if (target === undefined || targets.length > 1) {
      throw new WireError(
        400,
        "invalid_inputs",
        "Give one of remaining, add_to_balance, usage and included_grant. Nothing was changed.",
      );
    }
    const grantId = await namedGrant(call, body);
    const [what, value] = target;
    const set = {
      customerId,
      featureId,
      ...(entityId !== undefined && { entityId }),
      ...(grantId !== undefined && { grantId }),
      ...(call.idempotencyKey !== undefined && { idempotencyKey: call.idempotencyKey }),
    };
    tally.catalog.feature(featureId);
    const [own] = tally.catalog.pools(featureId);
    const { replayed } =
      what === "added"
        ? await ctx.runMutation(tally.component.grants.set, {
            ...set,
            ...(own?.perEntity === true && { perEntity: true }),
            target: { added: value },
          })
        : await tally.grants.set(ctx, { ...set, [what]: value });
    refuseReplayed({ replayed }, call.idempotencyKey);
  },
  current: () => ({ success: true }),
});

/** The grant that a call names, by id or by how often it resets; undefined if it names none. */
async function namedGrant(
  call: Call,
  body: {
    customer_id: string;
    feature_id: string;
    entity_id?: string;
    balance_id?: string;
    interval?: string;
  },
): Promise<string | undefined> {
  const { interval, balance_id: grantId } = body;
  if (grantId !== undefined || interval === undefined) return grantId;
  const parts = await ownParts(call, body);
  const found = parts.filter((part) => (part.interval ?? "one_off") === interval);
  const [only] = found;
  if (only !== undefined && found.length === 1) return only.grantId;
  throw new WireError(
    400,
    "invalid_inputs",
    `${found.length} balances of ${shown(body.feature_id)} reset each ${interval}: say which by balance_id. Nothing was changed.`,
  );
}

/** The grants of a feature itself: its own row's, or one entity's. */
async function ownParts(
  { ctx, tally }: Call,
  {
    customer_id: customerId,
    feature_id: featureId,
    entity_id: entityId,
  }: { customer_id: string; feature_id: string; entity_id?: string },
): Promise<Part[]> {
  const use = { featureId, requiredBalance: 0, ...(entityId !== undefined && { entityId }) };
  const { breakdown } = await tally.for(ctx, { customerId }).check(use);
  return breakdown.filter((part) => part.featureId === featureId && part.entityId === entityId);
}

const deleteBody = z.object({
  customer_id: id,
  feature_id: optional(id),
  entity_id: optional(id),
  balance_id: optional(id),
  interval: optional(z.enum(["one_off", ...INTERVALS])),
  recalculate_balances: optional(z.boolean()),
});

/** Ends grants outside of plans: the one that is named, or all of the feature. A plan's go with the plan. */
export const remove = operation({
  body: deleteBody,
  run: async (call: Call, body: z.output<typeof deleteBody>) => {
    const { ctx, tally } = call;
    const { customer_id: customerId, feature_id: featureId, entity_id: entityId } = body;
    if (featureId === undefined) {
      throw new WireError(
        400,
        "not_supported",
        "Name the balance's feature_id beside balance_id. Nothing was changed.",
      );
    }
    if (body.recalculate_balances === true) {
      throw new WireError(
        400,
        "not_supported",
        "recalculate_balances is not supported: what was used stays with the grant that paid. Nothing was changed.",
      );
    }
    tally.catalog.feature(featureId);
    const parts = await ownParts(call, { ...body, feature_id: featureId });
    const named = parts.filter(
      (part) =>
        (body.balance_id === undefined || part.grantId === body.balance_id) &&
        (body.interval === undefined || (part.interval ?? "one_off") === body.interval),
    );
    const ofPlan = named.find(({ planId }) => planId !== undefined);
    if (ofPlan !== undefined && body.balance_id !== undefined) {
      throw new WireError(
        409,
        "invalid_request",
        `The balance is of plan ${shown(ofPlan.planId)}: cancel the plan instead. Nothing was changed.`,
      );
    }
    const loose = named.filter(({ planId }) => planId === undefined);
    if (loose.length === 0) {
      throw new WireError(
        404,
        "balance_not_found",
        "There is no such balance outside of plans. Nothing was changed.",
      );
    }
    const { idempotencyKey } = call;
    for (const { grantId } of loose) {
      await tally.grants.revoke(ctx, {
        customerId,
        featureId,
        grantId,
        ...(entityId !== undefined && { entityId }),
        ...(idempotencyKey !== undefined && { idempotencyKey: `${idempotencyKey}:${grantId}` }),
      });
    }
  },
  current: () => ({ success: true }),
});

const usageBody = z.object({ customer_id: id, feature_id: id, entity_id: optional(id), value: z.number() });

/** Sets what is used: `POST /v1/usage` of the older clients. Who is not known begins, as with a track. */
export const usage = operation({
  body: usageBody,
  run: async (
    call: Call,
    { customer_id: customerId, feature_id: featureId, ...body }: z.output<typeof usageBody>,
  ) => {
    const { entity_id: entityId, value } = body;
    const set = { customerId, featureId, usage: value, ...(entityId !== undefined && { entityId }) };
    call.tally.catalog.feature(featureId);
    await call.tally.customers.create(call.ctx, { customerId });
    await call.tally.grants.set(call.ctx, {
      ...set,
      ...(call.idempotencyKey !== undefined && { idempotencyKey: call.idempotencyKey }),
    });
  },
  current: () => ({ success: true }),
});

export const grantOperations = {
  "balances.create": create,
  "balances.update": update,
  "balances.delete": remove,
  usage,
};
