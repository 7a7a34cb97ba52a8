/** The queries that are safe to export to browsers: identity from `identify`, and nothing is changed. */
import { queryGeneric, type RegisteredQuery } from "convex/server";
import { v, type ObjectType, type PropertyValidators } from "convex/values";
import { pick } from "convex-helpers";
import { assertId } from "../core/arguments.js";
import type { Summary } from "../core/answers.js";
import type { Balance } from "../core/balances.js";
import type { Catalog, CatalogIds, Feature } from "../core/catalog.js";
import type { CheckAnswer } from "../core/checkAnswers.js";
import type { Pool } from "../core/order.js";
import type { Item, Plan } from "../core/terms.js";
import type { ComponentApi } from "../component/_generated/component.js";
import type { IdentifyContext, QueryContext } from "./contexts.js";
import type { Identity } from "./identity.js";
import type { QueryVerbs } from "./verbs.js";

/** Who is signed in, for a page that shows him, and what the rules need to decide on that page. */
export interface CustomerView<Ids extends CatalogIds = CatalogIds> {
  customerId: string;
  entityId?: string;
  name?: string;
  email?: string;
  /** Whether he may buy and cancel. */
  canManageBilling: boolean;
  /** The plans that he has, or starts with if he has never used anything. */
  planIds: Ids["plan"][];
  /** The same at length, with those that are to begin. */
  subscriptions: SubscriptionView<Ids>[];
  /** The names of the catalog's plans. */
  plans: { id: Ids["plan"]; name: string }[];
  /** The features of the catalog, with what can pay for each. */
  features: FeatureView<Ids>[];
}

/** A plan that the customer has, or is to have. */
export interface SubscriptionView<Ids extends CatalogIds = CatalogIds> {
  planId: Ids["plan"];
  /** The part of the customer that has it for itself. */
  entityId?: string;
  status: "scheduled" | "trialing" | "active" | "past_due" | "ended";
  group: string;
  addOn: boolean;
  startsAt: number;
  /** From here on it is over: decided already, if in the future. */
  endsAt?: number;
  trialEndsAt?: number;
  pastDueAt?: number;
  suspendsAt?: number;
  /** Until here it is paid, where somebody bills it. */
  paidUntil?: number;
  quantities?: Record<string, number>;
}

export type FeatureView<Ids extends CatalogIds = CatalogIds> = Omit<Feature, "id" | "type"> & {
  /** What can pay for it: itself, then credit systems at its cost. */
  pools: Pool[];
} & ({ id: Ids["metered"]; type: "metered" | "credit_system" } | { id: Ids["feature"]; type: "boolean" });

export interface BalanceView extends Summary {
  featureId: string;
  entityId?: string;
  /** What decides: the row as of now, by which the browser decides as the server does. */
  state: Balance;
  /** Where a spend limit spans the customer's entities, what the caller's may know of the others: their sum. */
  others?: Balance;
}

/** An event as its customer may see it: without keys, actors, reasons and properties. */
export interface EventView {
  eventId: string;
  createdAt: number;
  kind: string;
  featureId?: string;
  planId?: string;
  value: number;
  uncovered?: number;
  remaining?: number;
}

/** What a plan gives of a feature, with the feature's name and type. */
export type ItemView<Ids extends CatalogIds = CatalogIds> = Item &
  Pick<Feature, "name" | "type"> & { featureId: Ids["feature"] };

/** A plan as a pricing table shows it, and whether the customer has it. */
export interface PlanView<Ids extends CatalogIds = CatalogIds> extends Pick<
  Plan,
  "name" | "description" | "group" | "addOn" | "price"
> {
  id: Ids["plan"];
  items: ItemView<Ids>[];
  current: boolean;
}

type ArgsWith<Scope extends PropertyValidators, Args> = ObjectType<Scope> & Args;

/** Each answers for whoever is signed in, null (and the plans that are for sale) if nobody is. */
export interface BrowserApi<Scope extends PropertyValidators, Ids extends CatalogIds = CatalogIds> {
  customer: RegisteredQuery<"public", ArgsWith<Scope, object>, Promise<CustomerView<Ids> | null>>;
  check: RegisteredQuery<
    "public",
    ArgsWith<Scope, { featureId: string; requiredBalance?: number }>,
    Promise<CheckAnswer | null>
  >;
  balances: RegisteredQuery<"public", ArgsWith<Scope, object>, Promise<BalanceView[] | null>>;
  events: RegisteredQuery<
    "public",
    ArgsWith<Scope, { featureId?: string; cursor?: string | null; limit?: number }>,
    Promise<{ page: EventView[]; cursor: string | null } | null>
  >;
  plans: RegisteredQuery<"public", ArgsWith<Scope, object>, Promise<PlanView<Ids>[]>>;
}

interface Doors {
  component: ComponentApi;
  catalog: Catalog;
  scope: PropertyValidators;
  identify: (ctx: IdentifyContext, args: Record<string, unknown>) => Promise<Identity | null>;
  verbs: (ctx: QueryContext, identity: Identity) => QueryVerbs;
}

export function browserApi({ component, catalog, scope, identify, verbs }: Doors) {
  const defaults = catalog.defaultPlans();

  /** A query about whoever is signed in. */
  const query = <Args extends PropertyValidators, Answer>(
    own: Args,
    answer: (ctx: QueryContext, identity: Identity, args: ObjectType<Args>) => Promise<Answer>,
    signedOut: () => Answer | null = () => null,
  ) =>
    queryGeneric({
      args: { ...scope, ...own },
      handler: async (ctx, args) => {
        const identity = await identify(ctx, pick(args, Object.keys(scope)));
        return identity === null ? signedOut() : await answer(ctx, identity, args);
      },
    });

  const subscriptionsOf = async (ctx: QueryContext, { customerId, entityId }: Identity) =>
    await ctx.runQuery(component.subscriptions.held, { customerId, entityId, defaults });

  return {
    customer: query({}, async (ctx, identity): Promise<CustomerView> => {
      const { customerId, entityId, name, email, canManageBilling = entityId === undefined } = identity;
      const held = await subscriptionsOf(ctx, identity);
      return {
        customerId,
        entityId,
        name,
        email,
        canManageBilling,
        planIds: current(held),
        subscriptions: held,
        plans: [...catalog.plans.values()].map(({ id, name }) => ({ id, name })),
        features: [...catalog.features.values()].map((feature) => ({
          ...feature,
          pools: catalog.pools(feature.id),
        })),
      };
    }),
    check: query(
      { featureId: v.string(), requiredBalance: v.optional(v.number()) },
      async (ctx, identity, { featureId, requiredBalance }): Promise<CheckAnswer> =>
        await verbs(ctx, identity).check({ featureId, requiredBalance }),
    ),
    balances: query(
      {},
      async (ctx, { customerId, entityId }): Promise<BalanceView[]> =>
        await ctx.runQuery(component.balances.own, {
          customerId,
          entityId,
          pools: [...catalog.features.keys()].flatMap((id) => catalog.pools(id).slice(0, 1)),
          defaults,
        }),
    ),
    events: query(
      {
        featureId: v.optional(v.string()),
        cursor: v.optional(v.union(v.string(), v.null())),
        limit: v.optional(v.number()),
      },
      async (ctx, { customerId, entityId }, { featureId, cursor, limit }) => {
        if (featureId !== undefined) assertId(featureId, "featureId");
        return await ctx.runQuery(component.events.own, { customerId, entityId, featureId, cursor, limit });
      },
    ),
    plans: query(
      {},
      async (ctx, identity) => plansWith(current(await subscriptionsOf(ctx, identity))),
      () => plansWith([]),
    ),
  };

  function plansWith(planIds: string[]): PlanView[] {
    return [...catalog.plans.values()]
      .filter(({ archived }) => !archived)
      .map(({ id, name, description, group, addOn, price, items }) => ({
        id,
        name,
        description,
        group,
        addOn,
        price,
        items: items.map((item) => {
          const { name, type } = catalog.feature(item.featureId);
          return { ...item, name, type };
        }),
        current: planIds.includes(id),
      }));
  }
}

function current(subscriptions: Pick<SubscriptionView, "planId" | "status">[]): string[] {
  const begun = subscriptions.filter(({ status }) => status !== "scheduled");
  return [...new Set(begun.map(({ planId }) => planId))];
}
