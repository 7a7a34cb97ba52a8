/** What records uses: one, one of several features by an event's name, or a thousand. */
import { z } from "zod";
import type { Summary } from "../../core/answers.js";
import { isTallyError } from "../../core/errors.js";
import type { Tracked } from "../../client/verbs.js";
import { failureOf, WireError } from "../failures.js";
import { id, operation, optional, parsed, unsupported, type Call, type Json } from "../operations.js";
import { byFeature, currentBalance, poolsOf, resetOf, type Part } from "../shapes/balances.js";
import { propertiesField, propertiesOf, provisioned, provisionFields } from "./provisions.js";
import { afterwards } from "./repeats.js";

const trackBody = z.object({
  customer_id: id,
  feature_id: optional(id),
  event_name: optional(id),
  entity_id: optional(id),
  value: optional(z.number()),
  properties: propertiesField,
  timestamp: optional(z.number()),
  overage_behavior: optional(z.enum(["cap", "reject", "overflow"])),
  idempotency_key: optional(id),
  // It is applied at once either way, which is what waits for no answer as well.
  async: optional(z.boolean()),
  lock: optional(z.unknown()),
  ...provisionFields,
});
type TrackBody = z.output<typeof trackBody>;

interface TrackAnswer {
  customerId: string;
  entityId?: string;
  eventName?: string;
  value: number;
  tracked: { use: Tracked; summary: Summary; deductions: Json }[];
}

/** Records a use, or one of every feature that an event's name charges; a key that was used before is a 409. */
export const track = operation({
  body: trackBody,
  run: async (call: Call, body: TrackBody): Promise<TrackAnswer> => {
    const { customer_id: customerId, entity_id: entityId, event_name: eventName } = body;
    const uses = await provisioned(call, body, async () => await record(call, body));
    const tracked = [];
    for (const use of uses) {
      const summary = await afterwards({ ...call, idempotencyKey: keyOf(call, body) }, customerId, use);
      const deductions = await deductionsOf(call, customerId, use.eventId, summary.breakdown);
      tracked.push({ use, summary, deductions });
    }
    const value = body.value ?? 1;
    return {
      customerId,
      ...(entityId !== undefined && { entityId }),
      ...(eventName !== undefined && { eventName }),
      value,
      tracked,
    };
  },
  current: ({ customerId, entityId, eventName, value, tracked }, { tally: { catalog } }) => {
    const pools = tracked.flatMap(({ summary }) => poolsOf(summary));
    const shapes = tracked.map(({ use, summary }) => {
      const own = poolsOf(summary);
      return own.find(({ featureId }) => featureId === use.featureId) ?? own[0];
    });
    const [only] = shapes;
    return {
      customer_id: customerId,
      entity_id: entityId ?? null,
      event_name: eventName ?? null,
      value,
      balance: shapes.length === 1 && only !== undefined ? currentBalance(only, catalog) : null,
      balances: byFeature(pools, (pool) => currentBalance(pool, catalog)),
      deductions: tracked.flatMap(({ deductions }) => deductions),
    };
  },
  legacy: ({ customerId, entityId, eventName, tracked: [first] }) => ({
    id: first?.use.eventId ?? "",
    code: "event_received",
    customer_id: customerId,
    entity_id: entityId ?? null,
    event_name: eventName ?? null,
    feature_id: first?.use.featureId ?? null,
  }),
});

const keyOf = ({ idempotencyKey }: Call, body: { idempotency_key?: string }): string | undefined =>
  body.idempotency_key ?? idempotencyKey;

async function record(call: Call, body: TrackBody): Promise<Tracked[]> {
  const { customer_id: customerId, feature_id: featureId, event_name: eventName } = body;
  if ((featureId === undefined) === (eventName === undefined)) {
    throw new WireError(400, "invalid_inputs", "Name either feature_id or event_name. Nothing was changed.");
  }
  const { lock, overage_behavior: onInsufficient } = body;
  if (lock !== undefined) {
    throw new WireError(400, "not_supported", "track takes no lock: hold an amount by check with a lock.");
  }
  const use = useOf(call, body);
  const how = onInsufficient && { onInsufficient };
  if (featureId !== undefined) {
    return [await call.tally.track(call.ctx, { customerId, featureId, ...use, ...how })];
  }
  return await call.tally.track(call.ctx, { customerId, eventName: eventName ?? "", ...use, ...how });
}

function useOf(call: Call, body: TrackBody) {
  const { entity_id: entityId, value = 1, timestamp } = body;
  const idempotencyKey = keyOf(call, body);
  const properties = propertiesOf({ ...(timestamp !== undefined && { timestamp }), ...body.properties });
  return {
    value,
    ...(entityId !== undefined && { entityId }),
    ...(properties && { properties }),
    ...(idempotencyKey !== undefined && { idempotencyKey }),
  };
}

/** From which grants an event took, as far as they are still there. */
async function deductionsOf(
  { ctx, tally }: Call,
  customerId: string,
  eventId: string,
  breakdown: readonly Part[],
): Promise<Json[]> {
  const event = await ctx.runQuery(tally.component.events.get, { customerId, eventId });
  return (event?.draws ?? []).map((draw) => deduction(draw, breakdown, event?.featureId ?? ""));
}

export function deduction(
  { grantId, amount }: { grantId: string; amount: number },
  grants: readonly Part[],
  featureId: string,
): Json {
  const part = grants.find((each) => each.grantId === grantId);
  return {
    balance_id: grantId,
    feature_id: part?.featureId ?? featureId,
    plan_id: part?.planId ?? null,
    reset: part === undefined ? null : resetOf(part),
    value: amount,
  };
}

const batchBody = z.array(z.unknown()).min(1).max(1_000);
/** Uses of one customer that commit together: what a transaction of many can bear, with room. */
const TOGETHER = 50;

interface Item {
  index: number;
  body: TrackBody;
}

/**
 * Up to 1,000 uses, each applied once: those of one customer in transactions of 50. All bodies are read before the
 * first is applied. What is refused is told in `failed`, beside what Autumn tells, and keeps nothing else.
 */
export const batchTrack = operation({
  body: batchBody,
  status: 202,
  run: async (call: Call, bodies: unknown[]) => {
    const items = bodies.map((given, index): Item => {
      const body = parsed(trackBody, given);
      const { idempotencyKey } = call;
      const own = body.idempotency_key ?? (idempotencyKey && `${idempotencyKey}:${index}`);
      return { index, body: own === undefined ? body : { ...body, idempotency_key: own } };
    });
    const failed: Json[] = [];
    for (const together of chunked(items)) {
      if (await appliedTogether(call, together)) continue;
      for (const item of together) {
        try {
          await provisioned(call, item.body, async () => await record(call, item.body));
        } catch (error) {
          const { code, message } = failureOf(error);
          failed.push({ index: item.index, code, message });
        }
      }
    }
    return failed;
  },
  current: (failed) => ({ success: true, ...(failed.length > 0 && { failed }) }),
});

/** In the order of their first item; never two customers' in one. */
function chunked(items: readonly Item[]): Item[][] {
  const chunks: Item[][] = [];
  const open = new Map<string, Item[]>();
  for (const item of items) {
    const { customer_id: customerId } = item.body;
    const chunk = open.get(customerId);
    if (chunk !== undefined && chunk.length < TOGETHER) {
      chunk.push(item);
      continue;
    }
    const begun = [item];
    open.set(customerId, begun);
    chunks.push(begun);
  }
  return chunks;
}

/** One transaction, if all name a feature and none is refused. Nothing of it is applied otherwise. */
async function appliedTogether(call: Call, items: readonly Item[]): Promise<boolean> {
  const [first] = items;
  if (first === undefined || items.length === 1) return false;
  const isSimple = ({ body }: Item) =>
    body.feature_id !== undefined &&
    body.event_name === undefined &&
    body.lock === undefined &&
    body.customer_data === undefined &&
    (body.value ?? 1) >= 0;
  if (!items.every(isSimple)) return false;
  const uses = items.map(({ body }) => ({
    featureId: body.feature_id ?? "",
    ...useOf({ ...call, idempotencyKey: undefined }, body),
    ...(body.overage_behavior && { onInsufficient: body.overage_behavior }),
  }));
  try {
    await call.tally.for(call.ctx, { customerId: first.body.customer_id }).track(uses);
    return true;
  } catch (error) {
    if (isTallyError(error)) return false;
    throw error;
  }
}

export const useOperations = {
  "balances.track": track,
  "balances.batch_track": batchTrack,
  "balances.track_tokens": unsupported(
    "Models are not priced here. Give tokens a feature that credits pay for, and track them by balances.track.",
  ),
};
