import type { FunctionVisibility, GenericDataModel } from "convex/server";
import type { ObjectType, PropertyValidators } from "convex/values";
import type { ComponentApi } from "../component/_generated/component.js";
import { asObject, assertId, assertKeys } from "../core/arguments.js";
import type { Catalog, CatalogIds } from "../core/catalog.js";
import { browserApi, type BrowserApi } from "./api.js";
import type { CheckAnswer } from "../core/checkAnswers.js";
import {
  auditCustomer,
  auditCustomers,
  repairCustomer,
  type ActionContext,
  type Audit,
  type Repaired,
  type RepairArgs,
} from "./audits.js";
import { userBuilders, type AppBuilders, type Builders, type Customizations } from "./builders.js";
import type { IdentifyContext, MutationContext, QueryContext } from "./contexts.js";
import { assertIdentity, type Identity } from "./identity.js";
import type { CheckArgs, EventArgs, Known, SendEventArgs, TrackArgs, UseArgs } from "./requests.js";
import { Watcher, type Callbacks, type UsageAlert } from "./callbacks.js";
import { Charges } from "./charges.js";
import { Controls } from "./controls.js";
import { Customers } from "./customers.js";
import { Entities } from "./entities.js";
import { Grants } from "./grants.js";
import { Balances, Events } from "./lists.js";
import type { PageArgs } from "./pages.js";
import { refund, type RefundArgs } from "./refunds.js";
import { Reservations } from "./reservations.js";
import { Subscriptions, type PastDuePolicy } from "./subscriptions.js";
import {
  mutationVerbs,
  queryVerbs,
  type Account,
  type MutationVerbs,
  type QueryVerbs,
  type Tracked,
} from "./verbs.js";
import { canMutate } from "./contexts.js";

export interface TallyOptions<Ids extends CatalogIds, Scope extends PropertyValidators> {
  catalog: Catalog<Ids>;
  /** Arguments that `identify` may use, such as a workspace's id: added to every function that is built. */
  scope?: Scope;
  /**
   * Who calls, from the app's own authentication; null if nobody is signed in. Write its return
   * type, `Promise<Identity | null>`: it may then call functions whose types depend on this very object.
   */
  identify: (ctx: IdentifyContext, scope: ObjectType<Scope>) => Promise<Identity | null>;
  /** What a plan gives whose payment is missing: all for 3 days, unless told, and then nothing until it is paid. */
  pastDue?: PastDuePolicy;
  /** What the app does when a draw crosses a threshold or leaves nothing. */
  on?: Callbacks<Ids>;
  /** The thresholds that `on.thresholdReached` is called for. */
  usageAlerts?: readonly UsageAlert<Ids>[];
}

/** Names the customer that trusted code acts for. */
export interface Owner {
  customerId: string;
  entityId?: string;
}

/**
 * Usage limits, credits and entitlements of an app, in its own deployment.
 *
 * ```ts
 * export const tally = new Tally(components.tally, { catalog, identify });
 * export const { userQuery, userMutation, userAction } = tally.builders({ query, mutation, action });
 * ```
 */
export class Tally<
  Ids extends CatalogIds = CatalogIds,
  // eslint-disable-next-line @typescript-eslint/no-empty-object-type -- no scope, no arguments
  Scope extends PropertyValidators = {},
> {
  // Declared, so that what they say of themselves is not in what metered functions load.
  declare readonly catalog: Catalog<Ids>;
  /** What `customQuery`, `customMutation` and `customAction` of convex-helpers take, for an app's own builders. */
  declare readonly customization: Customizations<Ids, Scope>;
  /** Customers' records. */
  declare readonly customers: Customers;
  /** Parts of customers with balances of their own. */
  declare readonly entities: Entities<Ids>;
  /** Customers' plans. */
  declare readonly subscriptions: Subscriptions<Ids>;
  /** Amounts outside of plans. */
  declare readonly grants: Grants<Ids>;
  /** Customers' own limits. */
  declare readonly controls: Controls<Ids>;
  /** Holds, by id: for the function that settles what another one has begun. */
  declare readonly reservations: Reservations<Ids>;
  declare readonly balances: Balances;
  declare readonly events: Events;
  /** What they owe for usage beyond what was granted. */
  declare readonly charges: Charges;
  /** @internal For other doors, whose uses are watched as well. */
  declare readonly watcher?: Watcher;
  /** @internal For payments, which ask on the same terms. */
  declare readonly scope: PropertyValidators;
  /** @internal */
  declare readonly identify: (ctx: IdentifyContext, scope: ObjectType<Scope>) => Promise<Identity | null>;

  constructor(
    /** @internal */
    readonly component: ComponentApi,
    { catalog, scope, identify, pastDue, on, usageAlerts }: TallyOptions<Ids, Scope>,
  ) {
    this.catalog = catalog;
    if (on !== undefined || usageAlerts !== undefined)
      this.watcher = new Watcher(catalog, on ?? {}, usageAlerts);
    this.scope = scope ?? {};
    this.identify = async (ctx, args) => {
      const identity = await identify(ctx, args);
      if (identity !== null) assertIdentity(identity);
      return identity;
    };
    this.customers = new Customers(component, catalog);
    this.entities = new Entities(component, catalog, this.watcher);
    this.subscriptions = new Subscriptions(component, catalog, pastDue);
    this.grants = new Grants(component, catalog);
    this.controls = new Controls(component, catalog);
    this.reservations = new Reservations(component, catalog, this.watcher);
    this.balances = new Balances(component, catalog);
    this.events = new Events(component);
    this.charges = new Charges(component);
    this.customization = this.customizations();
  }

  /** `userQuery`, `userMutation` and `userAction`, over the app's own builders: their contexts have the verbs. */
  builders<DataModel extends GenericDataModel, Visibility extends FunctionVisibility>(
    builders: AppBuilders<DataModel, Visibility>,
  ): Builders<Ids, Scope, DataModel, Visibility> {
    return userBuilders(builders, this.customization, this.reservations);
  }

  /** The verbs of any customer, for jobs, crons, HTTP actions and scripts. */
  for(ctx: MutationContext, owner: Owner): MutationVerbs<Ids>;
  for(ctx: QueryContext, owner: Owner): QueryVerbs<Ids>;
  for(ctx: QueryContext | MutationContext, owner: Owner): QueryVerbs<Ids> | MutationVerbs<Ids> {
    return this.verbs(ctx, owner);
  }

  /** As `ctx.check`, of any customer. */
  async check<Id extends string>(
    ctx: QueryContext,
    args: { customerId: string } & CheckArgs<Id> & Known<Id, Ids["feature"]>,
  ): Promise<CheckAnswer>;
  async check<Id extends string>(
    ctx: MutationContext,
    args: { customerId: string } & SendEventArgs<Id> & Known<Id, Ids["feature"]>,
  ): Promise<CheckAnswer>;
  async check(ctx: QueryContext, args: { customerId: string } & SendEventArgs): Promise<CheckAnswer> {
    const { customerId, ...rest } = asObject(args, "check");
    const verbs = this.verbs(ctx, { customerId }) as MutationVerbs;
    return await verbs.check(rest);
  }

  /** As `ctx.track`, of any customer; a negative `value` gives back: overage first, then in burn order. */
  async track<Id extends string>(
    ctx: MutationContext,
    args: { customerId: string } & TrackArgs<Id> & Known<Id, Ids["metered"]>,
  ): Promise<Tracked>;
  async track(ctx: MutationContext, args: { customerId: string } & EventArgs): Promise<Tracked[]>;
  async track(
    ctx: MutationContext,
    args: { customerId: string } & (TrackArgs | EventArgs),
  ): Promise<Tracked | Tracked[]> {
    const { customerId, ...rest } = asObject(args, "track");
    const verbs: MutationVerbs = this.mutationVerbs(ctx, { customerId }, { negative: true });
    return "eventName" in rest ? await verbs.track(rest) : await verbs.track(rest);
  }

  /** As `ctx.consume`, of any customer. */
  async consume<Id extends string>(
    ctx: MutationContext,
    args: { customerId: string } & UseArgs<Id> & Known<Id, Ids["metered"]>,
  ): Promise<Tracked> {
    const { customerId, ...rest } = asObject(args as { customerId: string } & UseArgs, "consume");
    return await this.mutationVerbs(ctx, { customerId }).consume(rest);
  }

  /** Gives back what a use took: at most once in sum, however often. */
  async refund(ctx: MutationContext, args: RefundArgs): Promise<Tracked> {
    return await refund(ctx, this.component, this.catalog, args);
  }

  /** Whether a customer's balances are what his events prove. Throws `customer_not_found`, `not_supported`. */
  async audit(ctx: QueryContext | ActionContext, args: { customerId: string }): Promise<Audit> {
    return await auditCustomer(ctx, this.component, args);
  }

  /** Audits a page of all customers, by id, from an action: answers the audits that are not `ok`, and the next cursor. */
  async auditAll(ctx: ActionContext, args: PageArgs = {}) {
    return await auditCustomers(ctx, this.component, args);
  }

  /** Brings balances that drift to what the events prove. Throws `customer_not_found`, `not_supported`, `busy`. */
  async repair(ctx: MutationContext | ActionContext, args: RepairArgs): Promise<Repaired> {
    return await repairCustomer(ctx, this.component, args);
  }

  /** Queries that are safe to export to browsers. */
  api(): BrowserApi<Scope, Ids> {
    const { component, catalog, scope } = this;
    return browserApi({
      component,
      catalog,
      scope,
      identify: (ctx, args) => this.identify(ctx, args as ObjectType<Scope>),
      verbs: (ctx, identity) => queryVerbs(ctx, this.account(identity)),
    });
  }

  private verbs(ctx: QueryContext | MutationContext, owner: Owner): QueryVerbs<Ids> | MutationVerbs<Ids> {
    return canMutate(ctx) ? this.mutationVerbs(ctx, owner) : queryVerbs(ctx, this.account(ownerOf(owner)));
  }

  private mutationVerbs(
    ctx: MutationContext,
    owner: Owner,
    options: { negative?: boolean } = {},
  ): MutationVerbs<Ids> {
    return mutationVerbs(ctx, { ...this.account(ownerOf(owner)), ...options });
  }

  private account(identity: Identity | null): Account {
    return { component: this.component, catalog: this.catalog, identity, watcher: this.watcher };
  }

  private customizations(): Customizations<Ids, Scope> {
    const args = this.scope as Scope;
    const withVerbs = async (ctx: IdentifyContext & MutationContext, scope: ObjectType<Scope>) => {
      const identity = await this.identify(ctx, scope);
      const verbs: MutationVerbs<Ids> = mutationVerbs(ctx, this.account(identity));
      return { ctx: { identity, ...verbs }, args: scope };
    };
    return {
      query: {
        args,
        input: async (ctx, scope) => {
          const identity = await this.identify(ctx, scope);
          const verbs: QueryVerbs<Ids> = queryVerbs(ctx, this.account(identity));
          return { ctx: { identity, ...verbs }, args: scope };
        },
      },
      mutation: { args, input: withVerbs },
      action: { args, input: withVerbs },
    };
  }
}

function ownerOf(owner: Owner): Identity {
  assertKeys(owner, ["customerId", "entityId"], "for");
  const { customerId, entityId } = owner;
  assertId(customerId, "customerId");
  if (entityId !== undefined) assertId(entityId, "entityId");
  return { customerId, ...(entityId !== undefined && { entityId }) };
}
