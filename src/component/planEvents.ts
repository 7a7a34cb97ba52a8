import type { BalanceChange } from "../core/changes.js";
import type { Doc } from "./_generated/dataModel.js";
import type { MutationCtx } from "./_generated/server.js";

/** Rows of a change that one event tells of: with all their grants they are far from a document's limit. */
const CHANGES_IN_EVENT = 200;

type Recorded = Pick<
  Doc<"events">,
  "customerId" | "entityId" | "planId" | "properties" | "reason" | "actor"
> & { idempotencyKey?: string };

/** Appends what a change of plan did: one event, unless it changed the rows of hundreds of entities. */
export async function recordPlan(
  ctx: MutationCtx,
  { customerId, entityId, planId, properties, idempotencyKey: key, reason, actor }: Recorded,
  changes: readonly BalanceChange[],
): Promise<void> {
  const event = { customerId, entityId, kind: "plan" as const, planId, value: 0, draws: [], reason, actor };
  const first = { ...event, properties, key, changes: changes.slice(0, CHANGES_IN_EVENT) };
  await ctx.db.insert("events", first);
  for (let at = CHANGES_IN_EVENT; at < changes.length; at += CHANGES_IN_EVENT) {
    await ctx.db.insert("events", { ...event, changes: changes.slice(at, at + CHANGES_IN_EVENT) });
  }
}
