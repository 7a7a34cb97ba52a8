import type { ComponentApi } from "../component/_generated/component.js";
import { refuse } from "../core/arguments.js";
import type { Catalog, CatalogIds } from "../core/catalog.js";
import type { MutationContext, QueryContext } from "./contexts.js";
import { assertCustomerPage, type PageArgs } from "./pages.js";
import { assertOwned, type Provenance } from "./provenance.js";
import { defaultPlans, versionOf } from "./versions.js";

export interface AttachArgs<PlanId extends string = string> extends Provenance {
  customerId: string;
  planId: PlanId;
  /** Gives the plan to one part of the customer. */
  entityId?: string;
}

/** Refuses a literal id that the catalog does not have. */
export type KnownPlan<Given extends string, Ids extends string> = string extends Given
  ? unknown
  : [Given] extends [Ids]
    ? unknown
    : { planId: Ids };

/** Customers' plans. */
export class Subscriptions<Ids extends CatalogIds> {
  constructor(
    private readonly component: ComponentApi,
    private readonly catalog: Catalog,
  ) {}

  /**
   * Gives a customer a plan of the catalog without payment, in place of the one that he has in its
   * group. Usage starts afresh only when the plan costs more than the one it replaces.
   * Throws `plan_not_found`, `entity_not_found`, `idempotency_conflict`.
   */
  async attach<Id extends string>(ctx: MutationContext, args: AttachArgs<Id> & KnownPlan<Id, Ids["plan"]>) {
    const given: AttachArgs = args;
    assertOwned(given, ["planId"], "subscriptions.attach");
    const { planId, ...rest } = given;
    if (typeof planId !== "string") refuse("planId", "must be a string", planId);
    const plan = this.catalog.plan(planId);
    return await ctx.runMutation(this.component.subscriptions.attach, {
      ...rest,
      provision: { plans: await defaultPlans(this.catalog) },
      plan,
      version: await versionOf(plan),
    });
  }

  /** The customer's subscriptions, ended ones included. */
  async list(ctx: QueryContext, args: { customerId: string } & PageArgs) {
    assertCustomerPage(args, [], "subscriptions.list");
    return await ctx.runQuery(this.component.subscriptions.list, args);
  }
}
