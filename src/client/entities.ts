import type { ComponentApi } from "../component/_generated/component.js";
import { assertId, assertKeys, assertText, refuse } from "../core/arguments.js";
import type { Catalog, CatalogIds } from "../core/catalog.js";
import type { Watcher } from "./callbacks.js";
import type { MutationContext, QueryContext } from "./contexts.js";
import { assertCustomerPage, type PageArgs } from "./pages.js";
import { assertOwned, type Provenance } from "./provenance.js";
import type { Known } from "./requests.js";
import { defaultPlans } from "./versions.js";

/**
 * A part of a customer that is to be: a seat, a workspace. It uses one of its feature, of the customer's
 * own balance, and gets what his plans give to each. Free seats may go below zero unless overage is
 * forbidden, paid ones may not: Autumn's rule; `onInsufficient: "reject"` makes every limit hard. A
 * customer without the feature has his entities uncounted (again Autumn's rule, and refused with
 * `reject`) until a plan brings it.
 *
 * An id that had been removed goes on, within a period, with what it had used of the plans' amounts
 * per entity: leaving and coming back resets nothing. (Autumn's begins afresh.) Another id is another
 * entity, so let ids be those of people or things, and not texts that your users make up.
 */
export interface EntityArgs<FeatureId extends string = string> {
  customerId: string;
  entityId: string;
  /** The feature that counts such entities: seats, workspaces. It must be held (`consumable: false`). */
  featureId: FeatureId;
  name?: string;
  /** When no seat is left: refuse (`reject`), or go below zero (`overflow`); as the feature does, unless told. */
  onInsufficient?: "reject" | "overflow";
}

/**
 * A part of a customer that is to go. Its seat goes back to the very grant that paid for it, its open
 * holds are settled at what was reported, its plans end, and so do its balances, whose usage-based
 * periods close: each is an event, and its history stays. From now on it is unknown to every call. What
 * its uses took from the customer's own balance can still be refunded, and what was charged comes off
 * its charge; what they took from its own comes back to nobody.
 */
export interface RemoveEntityArgs extends Provenance {
  customerId: string;
  entityId: string;
}

const CREATE_OPTIONS = ["customerId", "entityId", "featureId", "name", "onInsufficient"];
const POLICIES = ["reject", "overflow"];

/** Parts of customers with balances of their own. */
export class Entities<Ids extends CatalogIds> {
  constructor(
    private readonly component: ComponentApi,
    private readonly catalog: Catalog,
    private readonly watcher?: Watcher,
  ) {}

  /**
   * Adds a part to a customer; one that is there stays as it is. `seat` is the use of its feature, null if
   * nothing counts it. Throws `usage_exceeded`, `busy`, and `invalid_argument` beyond 1,000 of a customer.
   */
  async create<Id extends string>(ctx: MutationContext, args: EntityArgs<Id> & Known<Id, Ids["feature"]>) {
    const given: EntityArgs = args;
    assertKeys(given, CREATE_OPTIONS, "entities.create");
    assertId(given.customerId, "customerId");
    assertId(given.entityId, "entityId");
    if (given.name !== undefined) assertText(given.name, "name");
    if (this.catalog.feature(given.featureId).consumable) {
      refuse("featureId", "must be a feature that is held (consumable: false)", given.featureId);
    }
    const { onInsufficient } = given;
    if (onInsufficient !== undefined && !POLICIES.includes(onInsufficient)) {
      refuse("onInsufficient", `must be one of ${POLICIES.join(", ")}`, onInsufficient);
    }
    const provision = { plans: await defaultPlans(this.catalog) };
    const { crossings, ...result } = await ctx.runMutation(this.component.entities.create, {
      ...given,
      provision,
      ...(this.watcher && { watch: this.watcher.watch }),
    });
    await this.watcher?.tell(ctx, given.customerId, crossings);
    return result;
  }

  /** Removes a part of a customer; unless `done`, the rest is scheduled. Throws `entity_not_found`. */
  async remove(ctx: MutationContext, args: RemoveEntityArgs) {
    assertOwned(args, [], "entities.remove");
    assertId(args.entityId, "entityId");
    return await ctx.runMutation(this.component.departures.start, args);
  }

  /** A customer's entity; null if he has none of that id. */
  async get(ctx: QueryContext, args: { customerId: string; entityId: string }) {
    assertKeys(args, ["customerId", "entityId"], "entities.get");
    assertId(args.customerId, "customerId");
    assertId(args.entityId, "entityId");
    return await ctx.runQuery(this.component.entities.get, args);
  }

  /** A customer's entities, by id. */
  async list(ctx: QueryContext, args: { customerId: string } & PageArgs) {
    assertCustomerPage(args, [], "entities.list");
    return await ctx.runQuery(this.component.entities.list, args);
  }
}
