/** A use as it is recorded, and as it is answered, then and when it is repeated. */
import { v, type Infer } from "convex/values";
import { exact, nearest } from "../core/amounts.js";
import { summaryFields, type Summary } from "../core/answers.js";
import type { Draw } from "../core/draws.js";
import { statementValidator } from "../core/statements.js";
import type { Doc } from "./_generated/dataModel.js";
import type { MutationCtx } from "./_generated/server.js";

export const trackedValidator = v.object({
  eventId: v.string(),
  featureId: v.string(),
  entityId: v.optional(v.string()),
  /** What was asked for … */
  value: v.number(),
  /** … what of it was applied, and what could not be. */
  applied: v.number(),
  uncovered: v.number(),
  /** What was left right afterwards, in units of the feature; 0 when unlimited. */
  remaining: v.number(),
  unlimited: v.boolean(),
  /** The call had been made before: nothing was applied now, and this is what was answered then. */
  replayed: v.boolean(),
  /** The balance right afterwards; null when replayed. */
  balance: v.union(v.object(summaryFields), v.null()),
  /** Where it was asked for; of a repeat, where it was asked for then. */
  statement: v.optional(statementValidator),
});
export type Tracked = Infer<typeof trackedValidator>;

/** What is recorded of a use beside what came of it. */
export type NewUse = Pick<
  Doc<"events">,
  | "customerId"
  | "entityId"
  | "value"
  | "key"
  | "properties"
  | "at"
  | "changes"
  | "holds"
  | "charged"
  | "held"
  | "expired"
  | "pools"
  | "lateTotal"
  | "lapsed"
  | "refundOf"
  | "reason"
  | "actor"
  | "statement"
> & { featureId: string };

export interface UseOutcome {
  draws: Draw[];
  uncovered: number;
  unlimited: boolean;
}

/** Appends the use's event, with what was left right afterwards. */
export async function recordUse(
  ctx: MutationCtx,
  use: NewUse,
  { draws, uncovered, unlimited }: UseOutcome,
  balance: Summary,
): Promise<Tracked> {
  const eventId = await ctx.db.insert("events", {
    ...use,
    kind: "usage",
    ...(uncovered !== 0 && { uncovered }),
    draws,
    ...(unlimited ? { unlimited: true as const } : { remaining: balance.remaining }),
  });
  return {
    eventId,
    featureId: use.featureId,
    ...(use.entityId !== undefined && { entityId: use.entityId }),
    value: use.value,
    applied: nearest(exact(use.value).minus(uncovered)),
    uncovered,
    remaining: balance.remaining,
    unlimited,
    replayed: false,
    balance,
    ...(use.statement !== undefined && { statement: use.statement }),
  };
}

/** What was answered when the event was recorded. */
export function replayed(event: Doc<"events">): Tracked {
  const uncovered = event.uncovered ?? 0;
  return {
    eventId: event._id,
    featureId: event.featureId ?? "",
    ...(event.entityId !== undefined && { entityId: event.entityId }),
    value: event.value,
    applied: nearest(exact(event.value).minus(uncovered)),
    uncovered,
    remaining: event.remaining ?? 0,
    unlimited: event.unlimited ?? false,
    replayed: true,
    balance: null,
    ...(event.statement !== undefined && { statement: event.statement }),
  };
}
