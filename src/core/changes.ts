/**
 * What a change did to balances, as the ledger keeps it: from what to what. With the draws of uses it is
 * all that moves a balance beside time, so that the events alone can tell what the balance is.
 */
import { v, type Infer } from "convex/values";
import { exact, nearest } from "./amounts.js";
import { balanceFields, emptyBalance, grantValidator, type Balance, type Grant } from "./balances.js";
import type { Draw } from "./draws.js";
import { sorted } from "./grants.js";

const { featureId, entityId, grants: _grants, advancedAt: _advancedAt, ...controlFields } = balanceFields;
const controlsValidator = v.object(controlFields);
/** All of a row that is neither a grant nor a name nor a time: its limits, with their counters, and other controls. */
export type RowControls = Infer<typeof controlsValidator>;

/** What was done to one row, beside what time had done to it by then. */
export const balanceChangeValidator = v.object({
  featureId,
  entityId,
  /** The instant as of which it was done: what time does until then comes first. Absent if there was nothing yet. */
  at: v.optional(v.number()),
  /** What the grants that it touched had before; those that are not in `to` are gone. Absent if there were none. */
  from: v.optional(v.array(v.object({ id: v.string(), granted: v.number(), used: v.number() }))),
  /** The grants that it touched as they are afterwards, new ones included. */
  to: v.array(grantValidator),
  /** Present if it touched limits or other controls. */
  controls: v.optional(v.object({ from: controlsValidator, to: controlsValidator })),
});
export type BalanceChange = Infer<typeof balanceChangeValidator>;

/** What differs between rows and the same rows after a change, both as of one instant. A row that is on one side only is empty on the other. */
export function changesOf(before: readonly Balance[], after: readonly Balance[]): BalanceChange[] {
  const earlier = new Map(before.map((row) => [rowKey(row), row]));
  const later = new Map(after.map((row) => [rowKey(row), row]));
  return [...new Map([...earlier, ...later])].flatMap(([key, row]) => {
    const empty = emptyBalance(row.featureId, row.entityId, row.advancedAt);
    return changeOf(earlier.get(key) ?? empty, later.get(key) ?? empty) ?? [];
  });
}

/** Whether the limits of rows count other periods than before: those of the plan, which they follow at a use. */
export function haveTurned(before: readonly Balance[], after: readonly Balance[]): boolean {
  const periods = (rows: readonly Balance[]) =>
    sorted(rows.map(({ limits = [] }) => limits.map(({ used: _, ...period }) => period)));
  return periods(before) !== periods(after);
}

/** Names a row among those of a customer. */
export const rowKey = ({ featureId, entityId }: { featureId: string; entityId?: string }): string =>
  JSON.stringify([featureId, entityId]);

function changeOf(before: Balance, after: Balance): BalanceChange | null {
  const { featureId, entityId } = after;
  const earlier = new Map(before.grants.map((grant) => [grant.id, grant]));
  const later = new Map(after.grants.map((grant) => [grant.id, grant]));
  const changed = ({ id }: Grant) => sorted(earlier.get(id)) !== sorted(later.get(id));
  const from = before.grants.filter(changed).map(({ id, granted, used }) => ({ id, granted, used }));
  const to = after.grants.filter(changed);
  const controls = { from: controlsOf(before), to: controlsOf(after) };
  const isControlled = sorted(controls.from) !== sorted(controls.to);
  if (from.length === 0 && to.length === 0 && !isControlled) return null;
  const isNew = before.grants.length === 0 && sorted(controls.from) === "{}";
  return {
    featureId,
    ...(entityId !== undefined && { entityId }),
    ...(!isNew && { at: after.advancedAt }),
    ...(from.length > 0 && { from }),
    to,
    ...(isControlled && { controls }),
  };
}

/** What each grant lost (or won, below 0) of what was left of it. */
export function differences(before: Balance, after: Balance): Draw[] {
  const leftOf = (row: Balance, id: string) => {
    const found = row.grants.find((each) => each.id === id);
    return found === undefined || found.unlimited ? exact(0) : exact(found.granted).minus(found.used);
  };
  return before.grants.flatMap(({ id }) => {
    const amount = nearest(leftOf(before, id).minus(leftOf(after, id)));
    return amount === 0 ? [] : [{ grantId: id, amount, units: amount }];
  });
}

export function controlsOf(row: Balance): RowControls {
  const names = Object.keys(controlFields) as (keyof RowControls)[];
  return Object.fromEntries(names.flatMap((name) => (row[name] === undefined ? [] : [[name, row[name]]])));
}
