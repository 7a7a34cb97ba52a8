/** Which grant is which row of a case. */
import type { Doc } from "../../src/component/_generated/dataModel.js";
import type { Grant } from "../../src/core/balances.js";
import type { ItemSetup, Setup } from "./setups.js";

/** What grants of one item have in common, and no other item of the plan. */
type Terms = readonly (string | number | boolean | undefined)[];

export class RowNames {
  private readonly ofItems = new Map<string, string>();
  private readonly ofGrants = new Map<string, string>();

  constructor({ plans = [] }: Setup) {
    for (const { id, items } of plans) {
      for (const item of items) {
        const terms = JSON.stringify(termsOfItem(id, item));
        const twin = this.ofItems.get(terms);
        if (twin !== undefined) {
          throw new Error(`the rows ${twin} and ${item.row} of plan ${id} cannot be told apart`);
        }
        this.ofItems.set(terms, item.row);
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
      grants
        .filter(
          (grant) => (this.ofGrants.get(grant.id) ?? this.ofItems.get(termsOf(featureId, grant))) === row,
        )
        .map(({ id }) => id),
    );
    if (ids.length === 0) throw new Error(`there is no row ${row} now`);
    return new Set(ids);
  }
}

function termsOfItem(
  planId: string,
  { feature, interval, interval_count, price, unlimited, per }: ItemSetup,
) {
  const recurs = interval !== null && interval !== "one_off";
  return [
    planId,
    feature,
    recurs ? interval : "one_off",
    recurs ? (interval_count ?? 1) : 0,
    price?.method === "prepaid",
    price?.method === "usage_based",
    unlimited === true,
    per !== undefined,
  ] satisfies Terms;
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
