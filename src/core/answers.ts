/** What is told of balances: exact inside, shown in the units of the feature that was asked for. */
import { v, type Infer, type ObjectType } from "convex/values";
import { nearest, exact, total, unitsFor, type Decimal } from "./amounts.js";
import { left, over, type Balance, type Grant } from "./balances.js";
import { governingRow } from "./controls.js";
import { askedFeature, decide, refusalValidator, type Ask } from "./draws.js";
import { burnOrder, type Entry, type Scope } from "./order.js";
import { intervalValidator } from "./periods.js";

/** One grant that can pay, in its own pool's unit; listed in the order in which they burn. */
export const breakdownValidator = v.object({
  /** The pool that the grant belongs to: the asked feature, or a credit system. */
  featureId: v.string(),
  entityId: v.optional(v.string()),
  grantId: v.string(),
  planId: v.optional(v.string()),
  granted: v.number(),
  usage: v.number(),
  remaining: v.number(),
  /** Usage beyond what was granted. */
  overage: v.number(),
  unlimited: v.boolean(),
  interval: v.optional(intervalValidator),
  intervalCount: v.optional(v.number()),
  nextResetAt: v.optional(v.number()),
  expiresAt: v.optional(v.number()),
  /** What an earlier period left over. */
  rollover: v.optional(v.literal(true)),
});

/** Sums over all grants that can pay. An unlimited balance shows 0 granted and remaining, and its real usage. */
export const summaryFields = {
  granted: v.number(),
  usage: v.number(),
  remaining: v.number(),
  /** What is left less what is owed: below 0 in overage. */
  balance: v.number(),
  unlimited: v.boolean(),
  /** Use may go on beyond `remaining`. */
  overageAllowed: v.boolean(),
  /** The soonest reset, in milliseconds since the epoch; null if nothing resets. */
  nextResetAt: v.union(v.number(), v.null()),
  breakdown: v.array(breakdownValidator),
};
export type Summary = ObjectType<typeof summaryFields>;

/** The answer to a check. */
export const decisionValidator = v.object({
  allowed: v.boolean(),
  /** Why not; null when allowed. */
  reason: v.union(refusalValidator, v.null()),
  featureId: v.string(),
  entityId: v.optional(v.string()),
  requiredBalance: v.number(),
  ...summaryFields,
});
export type Decision = Infer<typeof decisionValidator>;

/** Whether `ask` is allowed, with all that a meter shows. Rows must be advanced to `ask.now`. */
export function answer(rows: readonly Balance[], ask: Ask): Decision {
  return {
    ...decide(rows, ask),
    featureId: askedFeature(ask),
    ...(ask.entityId !== undefined && { entityId: ask.entityId }),
    requiredBalance: ask.units,
    ...summarize(rows, ask),
  };
}

/** A row as a list shows it, in its own unit: for itself, nobody else's balance counted in. */
export const listedBalanceValidator = v.object({
  featureId: v.string(),
  entityId: v.optional(v.string()),
  ...summaryFields,
});

/** What a list shows of a row that is advanced to `now`. */
export function listed(row: Balance, now: number): Infer<typeof listedBalanceValidator> {
  const { featureId, entityId } = row;
  return {
    featureId,
    ...(entityId !== undefined && { entityId }),
    ...summarize([row], { pools: [{ featureId }], entityId, now }),
  };
}

export function summarize(rows: readonly Balance[], scope: Scope): Summary {
  const entries = burnOrder(rows, scope);
  const endless = entries.filter(({ grant }) => grant.unlimited);
  const unlimited = endless.length > 0;
  const resets = entries.flatMap(({ grant }) => grant.reset?.nextAt ?? []);
  return {
    granted: unlimited ? 0 : inAskedUnits(entries, ({ granted }) => exact(granted)),
    usage: inAskedUnits(unlimited ? endless : entries, ({ used }) => exact(used)),
    remaining: unlimited ? 0 : inAskedUnits(entries, left),
    balance: unlimited ? 0 : inAskedUnits(entries, (grant) => left(grant).minus(over(grant))),
    unlimited,
    overageAllowed: entries.some((entry) => allowsOverage(rows, entry, scope.entityId)),
    nextResetAt: resets.length === 0 ? null : Math.min(...resets),
    breakdown: entries.map(breakdownOf),
  };
}

/** Each pool's amounts are added before they are converted, as a draw from them is priced. */
function inAskedUnits(entries: readonly Entry[], amountOf: (grant: Grant) => Decimal): number {
  const pools = [...new Set(entries.map(({ pool }) => pool))];
  const units = pools.map((pool) => {
    const amounts = entries.filter((entry) => entry.pool === pool).map(({ grant }) => amountOf(grant));
    return unitsFor(total(amounts), pool.cost);
  });
  return nearest(total(units));
}

function allowsOverage(rows: readonly Balance[], { grant, row }: Entry, entityId?: string): boolean {
  const control = governingRow(rows, row.featureId, entityId, "allowed")?.overage;
  return control?.allowed ?? grant.overage !== undefined;
}

function breakdownOf({ grant, row }: Entry): Summary["breakdown"][number] {
  return {
    featureId: row.featureId,
    ...(row.entityId !== undefined && { entityId: row.entityId }),
    grantId: grant.id,
    ...(grant.planId !== undefined && { planId: grant.planId }),
    granted: grant.granted,
    usage: grant.used,
    remaining: grant.unlimited ? 0 : nearest(left(grant)),
    overage: grant.unlimited ? 0 : nearest(over(grant)),
    unlimited: grant.unlimited === true,
    ...(grant.reset && {
      interval: grant.reset.interval,
      intervalCount: grant.reset.count,
      nextResetAt: grant.reset.nextAt,
    }),
    ...(grant.expiresAt !== undefined && { expiresAt: grant.expiresAt }),
    ...(grant.rolledFrom !== undefined && { rollover: true as const }),
  };
}
