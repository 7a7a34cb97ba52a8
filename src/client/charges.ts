import type { ComponentApi } from "../component/_generated/component.js";
import { assertId } from "../core/arguments.js";
import type { QueryContext } from "./contexts.js";
import { assertCustomerPage, type PageArgs } from "./pages.js";

/**
 * For each usage-based grant its period so far (`open`), priced as the period's close will price it, and
 * periods that are over but that nothing has written yet. What is held counts as used until it is
 * settled. `limit` counts balances, 200 unless told; where there are more, `total` is the page's.
 */
export interface PreviewArgs extends PageArgs {
  customerId: string;
  /** Of this entity alone. */
  entityId?: string;
}

/**
 * What customers owe for usage beyond what was granted: units of the feature, whole currency units. One
 * charge is listed for each grant and closed period, and none of them is in a preview: together they are
 * all that is owed.
 */
export class Charges {
  constructor(private readonly component: ComponentApi) {}

  /** What was fixed when a customer's periods closed, the latest end first. */
  async list(ctx: QueryContext, args: { customerId: string } & PageArgs) {
    assertCustomerPage(args, [], "charges.list");
    return await ctx.runQuery(this.component.charges.list, args);
  }

  /** What a customer (or one entity of his) owes now and is not listed yet. Throws `entity_not_found`. */
  async preview(ctx: QueryContext, args: PreviewArgs) {
    assertCustomerPage(args, ["entityId"], "charges.preview");
    if (args.entityId !== undefined) assertId(args.entityId, "entityId");
    return await ctx.runQuery(this.component.charges.preview, { ...args, limit: args.limit ?? 200 });
  }
}
