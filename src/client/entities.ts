import type { ComponentApi } from "../component/_generated/component.js";
import { assertId, assertKeys, assertText, refuse } from "../core/arguments.js";
import type { Catalog, CatalogIds } from "../core/catalog.js";
import type { MutationContext, QueryContext } from "./contexts.js";
import { assertCustomerPage, type PageArgs } from "./pages.js";
import type { Known } from "./requests.js";
import { defaultPlans } from "./versions.js";

export interface EntityArgs<FeatureId extends string = string> {
  customerId: string;
  entityId: string;
  /** The feature that counts such entities: seats, workspaces. It must be held (`consumable: false`). */
  featureId: FeatureId;
  name?: string;
}

/** Parts of customers with balances of their own. */
export class Entities<Ids extends CatalogIds> {
  constructor(
    private readonly component: ComponentApi,
    private readonly catalog: Catalog,
  ) {}

  /** Adds a part to a customer: a seat, a workspace. One that he has already stays as it is. */
  async create<Id extends string>(ctx: MutationContext, args: EntityArgs<Id> & Known<Id, Ids["feature"]>) {
    const given: EntityArgs = args;
    assertKeys(given, ["customerId", "entityId", "featureId", "name"], "entities.create");
    assertId(given.customerId, "customerId");
    assertId(given.entityId, "entityId");
    if (given.name !== undefined) assertText(given.name, "name");
    if (this.catalog.feature(given.featureId).consumable) {
      refuse("featureId", "must be a feature that is held (consumable: false)", given.featureId);
    }
    const provision = { plans: await defaultPlans(this.catalog) };
    return await ctx.runMutation(this.component.entities.create, { ...given, provision });
  }

  /** A customer's entities, by id. */
  async list(ctx: QueryContext, args: { customerId: string } & PageArgs) {
    assertCustomerPage(args, [], "entities.list");
    return await ctx.runQuery(this.component.entities.list, args);
  }
}
