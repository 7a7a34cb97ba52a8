import type { ComponentApi } from "../component/_generated/component.js";
import { assertAmount, assertId, assertKeys, assertText, refuse } from "../core/arguments.js";
import type { Catalog } from "../core/catalog.js";
import { shown, tallyError } from "../core/errors.js";
import type { MutationContext } from "./contexts.js";
import type { Tracked } from "./verbs.js";

/**
 * What is to be given back, to the very grants that paid, the last first. What had lapsed meanwhile comes
 * back to nobody, and is answered as `uncovered`.
 */
export interface RefundArgs {
  customerId: string;
  /** The use that is given back: by the id that it answered … */
  eventId?: string;
  /** … or by the key (or the reservation's id) that it was recorded under. */
  idempotencyKey?: string;
  /** Units; all that is left of the use unless told. */
  value?: number;
  /** Unique for the use: makes a repeat of this very refund give back nothing more. */
  refundKey?: string;
  reason?: string;
  actor?: string;
}

const OPTIONS = ["customerId", "eventId", "idempotencyKey", "value", "refundKey", "reason", "actor"];

/** Finds the use and gives it back. */
export async function refund(
  ctx: MutationContext,
  component: ComponentApi,
  catalog: Catalog,
  args: RefundArgs,
): Promise<Tracked> {
  assertKeys(args, OPTIONS, "refund");
  const { customerId, eventId, idempotencyKey: key, value, refundKey, reason, actor } = args;
  assertId(customerId, "customerId");
  if ((eventId === undefined) === (key === undefined))
    refuse("refund", "takes either eventId or idempotencyKey", args);
  assertId(eventId ?? key, eventId === undefined ? "idempotencyKey" : "eventId");
  if ("value" in args) assertAmount(value, "value");
  if (refundKey !== undefined) assertId(refundKey, "refundKey");
  if (reason !== undefined) assertText(reason, "reason");
  if (actor !== undefined) assertText(actor, "actor");
  const event = await ctx.runQuery(component.events.get, { customerId, eventId, key });
  if (event?.featureId === undefined || event.kind !== "usage") {
    throw tallyError(
      "invalid_argument",
      `Customer ${shown(customerId)} has no use ${shown(eventId ?? key)}. Nothing was changed.`,
    );
  }
  // A feature that is offered no longer is paid from its own balance alone.
  const isOffered = catalog.features.has(event.featureId);
  const pools = isOffered ? catalog.pools(event.featureId) : [{ featureId: event.featureId }];
  return await ctx.runMutation(component.refunds.refund, {
    customerId,
    eventId: event.eventId,
    pools,
    units: value,
    refundKey,
    reason,
    actor,
  });
}
