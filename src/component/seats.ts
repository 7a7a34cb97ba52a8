/** What a customer's entities use of the feature that counts them: one each, of his own balance of it. */
import type { Crossing, Watch } from "../core/alerts.js";
import { answer, summarize } from "../core/answers.js";
import { draw } from "../core/draws.js";
import { drawSeat, uncountedSeats } from "../core/entities.js";
import { usageExceeded } from "../core/errors.js";
import type { Doc } from "./_generated/dataModel.js";
import type { MutationCtx } from "./_generated/server.js";
import { findEvent, seatKey } from "./events.js";
import { giveBackRest } from "./refunds.js";
import { recordUse, type Tracked } from "./uses.js";
import { WorkingRows } from "./workingRows.js";

/**
 * Uses the seat of an entity that begins; null if the customer has nothing that counts it. Throws
 * `usage_exceeded`, with the check's answer inside.
 */
export async function takeSeat(
  ctx: MutationCtx,
  entity: Doc<"entities">,
  { onInsufficient, watch }: { onInsufficient?: "reject" | "overflow"; watch?: Watch },
  now: number,
): Promise<{ seat: Tracked | null; crossings: Crossing[] }> {
  const { customerId, featureId } = entity;
  const { working, ask } = await ownSeats(ctx, customerId, featureId, now);
  const one = { ...ask, units: 1 };
  const outcome = drawSeat(working.rows, one, onInsufficient);
  if (outcome === null) return { seat: null, crossings: [] };
  if (outcome.uncovered > 0) throw usageExceeded(answer(working.rows, one));
  working.applyDraw(outcome, one, watch);
  await working.save(ctx, customerId, false);
  const use = { customerId, featureId, value: 1, key: seatKey(entity), ...working.ledger() };
  const seat = await recordUse(ctx, use, outcome, summarize(working.rows, ask));
  return { seat, crossings: working.told().crossings ?? [] };
}

/** Gives back the seat of an entity that goes: to the very grant that paid for it. */
export async function freeSeat(
  ctx: MutationCtx,
  customer: Doc<"customers">,
  entity: Doc<"entities">,
  provenance: { reason?: string; actor?: string },
  now: number,
): Promise<void> {
  const { customerId, featureId } = entity;
  const taken = await findEvent(ctx, customerId, seatKey(entity));
  if (taken !== null) {
    const refund = { pools: [{ featureId }], key: seatKey(entity), ...provenance };
    return await giveBackRest(ctx, taken, refund);
  }
  const { working, ask } = await ownSeats(ctx, customerId, featureId, now);
  const isCounted = uncountedSeats(working.rows, ask, entityCount(customer, featureId)) === 0;
  const outcome = draw(working.rows, { ...ask, units: -1 }, "cap");
  if (!isCounted || outcome.uncovered !== 0) return;
  working.apply(outcome);
  await working.save(ctx, customerId, false);
  const use = { customerId, featureId, value: -1, ...provenance, ...working.ledger() };
  await recordUse(ctx, use, outcome, summarize(working.rows, ask));
}

/**
 * Counts entities that were there before the customer had what counts them, or had it again: so that
 * no change of plans frees a seat. They are there: it may go below zero.
 */
export async function countEntities(
  ctx: MutationCtx,
  customer: Doc<"customers">,
  featureId: string,
  now: number,
  watch?: Watch,
): Promise<Crossing[]> {
  const { customerId } = customer;
  const entities = entityCount(customer, featureId);
  if (entities === 0) return [];
  const { working, ask } = await ownSeats(ctx, customerId, featureId, now);
  const units = uncountedSeats(working.rows, ask, entities);
  if (units === 0) return [];
  const outcome = draw(working.rows, { ...ask, units }, "overflow");
  working.applyDraw(outcome, { ...ask, units }, watch);
  await working.save(ctx, customerId, false);
  const use = { customerId, featureId, value: units, ...working.ledger() };
  await recordUse(ctx, use, outcome, summarize(working.rows, ask));
  return working.told().crossings ?? [];
}

/** The customer's own balance alone pays for seats: no credits, and nothing that an entity has of them. */
async function ownSeats(ctx: MutationCtx, customerId: string, featureId: string, now: number) {
  const pools = [{ featureId }];
  const working = await WorkingRows.reload(ctx, customerId, { pools }, now);
  return { working, ask: working.scope({ pools, units: 0 }) };
}

function entityCount({ entities = [] }: Doc<"customers">, featureId: string): number {
  return entities.find((each) => each.featureId === featureId)?.count ?? 0;
}

/** A customer's counts of entities with one more of a feature, or (by -1) one less. */
export function recounted(
  { entities = [] }: Doc<"customers">,
  featureId: string,
  by: 1 | -1,
): NonNullable<Doc<"customers">["entities"]> {
  const others = entities.filter((each) => each.featureId !== featureId);
  const count = (entities.find((each) => each.featureId === featureId)?.count ?? 0) + by;
  return count === 0 ? others : [...others, { featureId, count }];
}
