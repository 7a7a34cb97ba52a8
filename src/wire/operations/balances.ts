/** What gates and records use. */
import { z } from "zod";
import { id, optional, operation, type Call, type Json } from "../operations.js";
import { currentBalance, currentFlag, poolsOf, type PoolBalance } from "../shapes/balances.js";
import { isFlag } from "../shapes/features.js";

const properties = optional(z.record(z.string(), z.union([z.string(), z.number(), z.boolean(), z.null()])));

const checkBody = z.object({
  customer_id: id,
  feature_id: id,
  entity_id: optional(id),
  required_balance: optional(z.number()),
  required_quantity: optional(z.number()),
  send_event: optional(z.boolean()),
  properties,
});
type CheckBody = z.output<typeof checkBody>;

export const check = operation({
  body: checkBody,
  run: async (call: Call, body: CheckBody) => {
    const {
      customer_id: customerId,
      feature_id: featureId,
      entity_id: entityId,
      send_event: sendEvent,
    } = body;
    const requiredBalance = body.required_balance ?? body.required_quantity ?? 1;
    const decision = await call.tally.for(call.ctx, { customerId }).check({
      featureId,
      requiredBalance,
      ...(entityId !== undefined && { entityId }),
      ...(sendEvent === true && {
        sendEvent,
        idempotencyKey: call.idempotencyKey,
        properties: body.properties,
      }),
    });
    return { customerId, decision };
  },
  current: ({ customerId, decision }, { tally: { catalog } }) => {
    const pools = poolsOf(decision);
    const flag = isFlag(catalog, decision.featureId) ? pools[0] : undefined;
    const balances = pools.filter(({ featureId }) => !isFlag(catalog, featureId));
    return {
      allowed: decision.allowed,
      customer_id: customerId,
      entity_id: decision.entityId ?? null,
      required_balance: decision.requiredBalance,
      balance: first(balances.map((pool) => currentBalance(pool, catalog))),
      balances: byFeature(balances, (pool) => currentBalance(pool, catalog)),
      flag: flag === undefined ? null : currentFlag(flag.featureId, flag.parts, catalog),
      preview: null,
    };
  },
});

const byFeature = (pools: readonly PoolBalance[], shape: (pool: PoolBalance) => Json): Json =>
  Object.fromEntries(pools.map((pool) => [pool.featureId, shape(pool)]));

const first = (shapes: Json[]): Json => shapes[0] ?? null;

export const balanceOperations = { "balances.check": check };
