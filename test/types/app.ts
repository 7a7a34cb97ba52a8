/** An app as apps write it: billing, builders and functions that name one another in a circle of types. */
import {
  anyApi,
  componentsGeneric,
  internalMutationGeneric,
  internalQueryGeneric,
  mutationGeneric,
  queryGeneric,
  actionGeneric,
  type ActionBuilder,
  type ApiFromModules,
  type DataModelFromSchemaDefinition,
  defineSchema,
  defineTable,
  type FilterApi,
  type FunctionReference,
  type MutationBuilder,
  type QueryBuilder,
} from "convex/server";
import { v } from "convex/values";
import type { ComponentApi } from "../../src/component/_generated/component.js";
import {
  defineCatalog,
  feature,
  featureItem,
  item,
  plan,
  product,
  Tally,
  type CallbackContext,
  type Identity,
} from "../../src/client/index.js";

const messages = feature({ id: "messages", type: "single_use" });
const seats = feature({ id: "seats", type: "metered", consumable: false });
const search = feature({ id: "search", type: "boolean" });
const credits = feature({
  id: "credits",
  type: "credit_system",
  credit_schema: [{ metered_feature_id: messages.id, credit_cost: 0.1 }],
});

export const catalog = defineCatalog({
  features: [messages, seats, search, credits],
  plans: [
    plan({ id: "free", autoEnable: true, items: [item({ featureId: messages.id, included: 5 })] }),
    product({
      id: "pro",
      items: [featureItem({ feature_id: credits.id, included_usage: 10, interval: "month" })],
    }),
  ],
});

export const schema = defineSchema({ notes: defineTable({ text: v.string() }) });
export type DataModel = DataModelFromSchemaDefinition<typeof schema>;
const query: QueryBuilder<DataModel, "public"> = queryGeneric;
const mutation: MutationBuilder<DataModel, "public"> = mutationGeneric;
const action: ActionBuilder<DataModel, "public"> = actionGeneric;

// What code generation writes: the type of every module of the app, this one included.
type Modules = ApiFromModules<{ app: typeof import("./app.js") }>;
const internal = anyApi as unknown as FilterApi<Modules, FunctionReference<"query" | "mutation", "internal">>;
const components = componentsGeneric() as unknown as { tally: ComponentApi<"tally"> };

/** A query whose type is part of what `identify` closes over. */
export const userOf = internalQueryGeneric({
  args: { token: v.string() },
  returns: v.object({ id: v.string() }),
  handler: async (_ctx, { token }) => ({ id: token }),
});

/** A mutation whose type is part of what a callback closes over. */
export const noteLimit = internalMutationGeneric({
  args: { text: v.string() },
  returns: v.null(),
  handler: async () => null,
});

export const tally = new Tally(components.tally, {
  catalog,
  scope: { workspaceId: v.optional(v.string()) },
  identify: async (ctx, { workspaceId }): Promise<Identity | null> => {
    const user = await ctx.auth.getUserIdentity();
    if (user === null) return null;
    const { id } = await ctx.runQuery(internal.app.userOf, { token: user.subject });
    return { customerId: id, entityId: workspaceId };
  },
  usageAlerts: [
    { threshold: 80, thresholdType: "usage_percentage" },
    { featureId: "credits", planId: "pro", threshold: 1, thresholdType: "remaining" },
  ],
  on: {
    thresholdReached: async (ctx: CallbackContext<DataModel>, { featureId, threshold }): Promise<void> => {
      await ctx.db?.insert("notes", { text: `${featureId} at ${threshold}` });
    },
    limitReached: async (ctx, { featureId }): Promise<void> => {
      await ctx.runMutation(internal.app.noteLimit, { text: featureId });
    },
  },
});

export const { userQuery, userMutation, userAction } = tally.builders({ query, mutation, action });
export const { customer, check, balances, events, plans } = tally.api();

/** A function of the app, built with what depends on it. */
export const write = userMutation({
  meter: { featureId: "messages" },
  args: { text: v.string() },
  returns: v.id("notes"),
  handler: async (ctx, { text }) => await ctx.db.insert("notes", { text }),
});
