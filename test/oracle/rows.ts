/** Which grant is which row of a case. */
import type { Doc } from "../../src/component/_generated/dataModel.js";
import type { Grant } from "../../src/core/balances.js";
import { entityFeatureOfItem, type ItemSetup, type Setup } from "./setups.js";

/** What grants of one item have in common, and no other item of the plan. */
type Terms = readonly (string | number | boolean | undefined)[];

export class RowNames {
  /** The rows of equal terms: but for one case in many, each its own. */
  private readonly ofItems = new Map<string, string[]>();
  private readonly ofGrants = new Map<string, string>();

  constructor({ plans = [] }: Setup) {
    for (const { id, items } of plans) {
      for (const item of items) {
        const terms = termsOfItem(id, item);
        this.ofItems.set(terms, [...(this.ofItems.get(terms) ?? []), item.row]);
      }
    }
  }

  /** Names a grant that was made outside of plans. */
  add(row: string, grantId: string): void {
    this.ofGrants.set(grantId, row);
  }

  /** The ids of the grants that a row has now: one for each entity, where it is per entity. */
  grantsOf(row: string, stored: readonly Doc<"balances">[]): Set<string> {
    const ids = stored.flatMap(({ featureId, grants }) =>
      grants.filter((grant) => this.rowsOf(featureId, grant).includes(row)).map(({ id }) => id),
    );
    if (ids.length === 0) throw new Error(`there is no row ${row} now`);
    for (const rows of this.ofItems.values()) {
      if (rows.length > 1 && rows.includes(row)) throw new Error(`rows ${rows.join(", ")} look the same`);
    }
    return new Set(ids);
  }

  private rowsOf(featureId: string, grant: Grant): readonly string[] {
    const given = this.ofGrants.get(grant.id);
    return given === undefined ? (this.ofItems.get(termsOf(featureId, grant)) ?? []) : [given];
  }
}

function termsOfItem(planId: string, item: ItemSetup): string {
  const { feature, interval, interval_count, price, unlimited } = item;
  const recurs = interval !== null && interval !== "one_off";
  return JSON.stringify([
    planId,
    feature,
    recurs ? interval : "one_off",
    recurs ? (interval_count ?? 1) : 0,
    price?.method === "prepaid",
    price?.method === "usage_based",
    unlimited === true,
    entityFeatureOfItem(item) !== undefined,
  ] satisfies Terms);
}

function termsOf(featureId: string, grant: Grant): string {
  // What is left over of an earlier period or plan is no item's.
  if (grant.rolledFrom !== undefined || grant.planId === undefined) return "";
  return JSON.stringify([
    grant.planId,
    featureId,
    grant.reset?.interval ?? "one_off",
    grant.reset?.count ?? 0,
    grant.prepaid === true,
    grant.overage !== undefined,
    grant.unlimited === true,
    grant.perEntity === true,
  ] satisfies Terms);
}
