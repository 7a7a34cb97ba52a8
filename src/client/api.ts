/** The queries that are safe to export to browsers: identity from `identify`, and nothing is changed. */
import { queryGeneric, type RegisteredQuery } from "convex/server";
import { v, type ObjectType, type PropertyValidators } from "convex/values";
import { assertId } from "../core/arguments.js";
import type { Catalog } from "../core/catalog.js";
import type { Plan } from "../core/terms.js";
import type { Summary } from "../core/answers.js";
import type { ComponentApi } from "../component/_generated/component.js";
import type { CheckAnswer } from "./answers.js";
import type { IdentifyContext, QueryContext } from "./contexts.js";
import type { Identity } from "./identity.js";
import type { QueryVerbs } from "./verbs.js";

/** Who is signed in, for a page that shows him. */
export interface CustomerView {
  customerId: string;
  entityId?: string;
  name?: string;
  email?: string;
  /** The plans that he has, or starts with if he has never used anything. */
  planIds: string[];
}

export interface BalanceView extends Summary {
  featureId: string;
  entityId?: string;
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

/** A plan as a pricing table shows it, and whether the customer has it. */
export type PlanView = Pick<Plan, "id" | "name" | "description" | "group" | "addOn" | "price" | "items"> & {
  current: boolean;
};

type ArgsWith<Scope extends PropertyValidators, Args> = ObjectType<Scope> & Args;

/** Each answers for whoever is signed in, null (and the plans that are for sale) if nobody is. */
export interface BrowserApi<Scope extends PropertyValidators> {
  customer: RegisteredQuery<"public", ArgsWith<Scope, object>, Promise<CustomerView | null>>;
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
  plans: RegisteredQuery<"public", ArgsWith<Scope, object>, Promise<PlanView[]>>;
}

interface Doors {
  component: ComponentApi;
  catalog: Catalog;
  scope: PropertyValidators;
  identify: (ctx: IdentifyContext, args: Record<string, unknown>) => Promise<Identity | null>;
  verbs: (ctx: QueryContext, identity: Identity) => QueryVerbs;
}

export function browserApi<Scope extends PropertyValidators>(doors: Doors): BrowserApi<Scope> {
  const { component, catalog, scope, identify, verbs } = doors;
  const customer = queryGeneric({
    args: scope,
    handler: async (ctx, args): Promise<CustomerView | null> => {
      const identity = await identify(ctx, args);
      if (identity === null) return null;
      const { customerId, entityId, name, email } = identity;
      const planIds = await currentPlans(ctx, component, catalog, identity);
      return {
        customerId,
        ...(entityId !== undefined && { entityId }),
        ...(name !== undefined && { name }),
        ...(email !== undefined && { email }),
        planIds,
      };
    },
  });
  const check = queryGeneric({
    args: { ...scope, featureId: v.string(), requiredBalance: v.optional(v.number()) },
    handler: async (ctx, { featureId, requiredBalance, ...args }): Promise<CheckAnswer | null> => {
      const identity = await identify(ctx, args);
      return identity === null
        ? null
        : await verbs(ctx, identity).check({
            featureId: String(featureId),
            requiredBalance: requiredBalance,
          });
    },
  });
  const balances = queryGeneric({
    args: scope,
    handler: async (ctx, args): Promise<BalanceView[] | null> => {
      const identity = await identify(ctx, args);
      return identity === null ? null : await balancesOf(ctx, component, catalog, identity);
    },
  });
  const events = queryGeneric({
    args: {
      ...scope,
      featureId: v.optional(v.string()),
      cursor: v.optional(v.union(v.string(), v.null())),
      limit: v.optional(v.number()),
    },
    handler: async (ctx, { featureId, cursor, limit, ...args }) => {
      const identity = await identify(ctx, args);
      if (identity === null) return null;
      if (featureId !== undefined) assertId(featureId, "featureId");
      const found = await ctx.runQuery(component.events.list, {
        customerId: identity.customerId,
        featureId,
        cursor: cursor,
        limit: limit,
      });
      // One part of a customer does not see what the others do: its page may be shorter for that.
      const own = found.page.filter(
        ({ entityId }) => identity.entityId === undefined || entityId === identity.entityId,
      );
      return { page: own.map(eventView), cursor: found.cursor };
    },
  });
  const plans = queryGeneric({
    args: scope,
    handler: async (ctx, args): Promise<PlanView[]> => {
      const identity = await identify(ctx, args);
      const current = identity === null ? [] : await currentPlans(ctx, component, catalog, identity);
      return [...catalog.plans.values()]
        .filter((plan) => !plan.archived)
        .map((plan) => planView(plan, current));
    },
  });
  return { customer, check, balances, events, plans };
}

async function currentPlans(
  ctx: QueryContext,
  component: ComponentApi,
  catalog: Catalog,
  { customerId, entityId }: Identity,
): Promise<string[]> {
  if ((await ctx.runQuery(component.customers.get, { customerId })) === null)
    return catalog.defaultPlans().map(({ id }) => id);
  const active = await ctx.runQuery(component.subscriptions.held, { customerId, entityId });
  const current = active.filter(({ status }) => status !== "scheduled");
  return [...new Set(current.map(({ planId }) => planId))];
}

async function balancesOf(
  ctx: QueryContext,
  component: ComponentApi,
  catalog: Catalog,
  { customerId, entityId }: Identity,
): Promise<BalanceView[]> {
  return await ctx.runQuery(component.balances.own, {
    customerId,
    entityId,
    featureIds: [...catalog.features.keys()],
    defaults: catalog.defaultPlans(),
  });
}

function eventView(event: EventView & Record<string, unknown>): EventView {
  const { eventId, createdAt, kind, featureId, planId, value, uncovered, remaining } = event;
  return { eventId, createdAt, kind, featureId, planId, value, uncovered, remaining };
}

function planView(
  { id, name, description, group, addOn, price, items }: Plan,
  current: readonly string[],
): PlanView {
  return { id, name, description, group, addOn, price, items, current: current.includes(id) };
}
