import type { ComponentApi } from "../component/_generated/component.js";
import { assertId } from "../core/arguments.js";
import type { Catalog } from "../core/catalog.js";
import type { QueryContext } from "./contexts.js";
import { assertCustomerPage, type PageArgs } from "./pages.js";

/** Customers' balances. */
export class Balances {
  constructor(
    private readonly component: ComponentApi,
    private readonly catalog: Catalog,
  ) {}

  /** A customer's balances, each in its own unit, as of now; before he begins, what he will begin with. */
  async list(ctx: QueryContext, args: { customerId: string } & PageArgs) {
    assertCustomerPage(args, [], "balances.list");
    return await ctx.runQuery(this.component.balances.list, {
      ...args,
      defaults: this.catalog.defaultPlans(),
    });
  }
}

/** What moved customers' amounts. */
export class Events {
  constructor(private readonly component: ComponentApi) {}

  /** A customer's events (or those of one feature), the latest first. */
  async list(ctx: QueryContext, args: { customerId: string; featureId?: string } & PageArgs) {
    assertCustomerPage(args, ["featureId"], "events.list");
    if (args.featureId !== undefined) assertId(args.featureId, "featureId");
    return await ctx.runQuery(this.component.events.list, args);
  }
}
