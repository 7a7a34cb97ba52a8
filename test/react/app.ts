/** A small app whose pages are tested: every kind of feature, a workspace beside the personal account, a shop. */
import { convexTest } from "convex-test";
import {
  actionGeneric,
  anyApi,
  componentsGeneric,
  defineSchema,
  mutationGeneric,
  queryGeneric,
  type ApiFromModules,
} from "convex/server";
import { ConvexError, v } from "convex/values";
import type { ComponentApi } from "../../src/component/_generated/component.js";
import { defineCatalog, feature, item, plan, Tally, type Identity } from "../../src/client/index.js";
import { register } from "../../src/test.js";

const messages = feature({ id: "messages", name: "Messages", type: "metered" });
const premium = feature({ id: "premium", name: "Premium messages", type: "metered" });
const storage = feature({ id: "storage", name: "Storage", type: "metered" });
const seats = feature({ id: "seats", name: "Seats", type: "metered", consumable: false });
const search = feature({ id: "search", name: "Web search", type: "boolean" });
const credits = feature({
  id: "credits",
  name: "Credits",
  type: "credit_system",
  creditSchema: [{ meteredFeatureId: premium.id, creditCost: 0.1 }],
});

export const catalog = defineCatalog({
  features: [messages, premium, storage, seats, search, credits],
  plans: [
    plan({
      id: "free",
      name: "Free",
      autoEnable: true,
      items: [
        item({ featureId: messages.id, included: 5, reset: { interval: "month" } }),
        item({ featureId: credits.id, included: 0.5, reset: { interval: "month" } }),
        item({ featureId: seats.id, included: 3 }),
      ],
    }),
    plan({
      id: "pro",
      name: "Pro",
      description: "For people who write a lot.",
      price: { amount: 20, interval: "month" },
      items: [
        item({ featureId: messages.id, included: 500, reset: { interval: "month" } }),
        item({
          featureId: storage.id,
          included: 10,
          reset: { interval: "month" },
          price: { amount: 0.25, billingUnits: 1, interval: "month", billingMethod: "usage_based" },
        }),
        item({ featureId: seats.id, included: 3 }),
        item({ featureId: search.id }),
      ],
    }),
    plan({
      id: "pro-yearly",
      name: "Pro, yearly",
      price: { amount: 200, interval: "year" },
      items: [item({ featureId: messages.id, included: 500, reset: { interval: "month" } })],
    }),
    plan({
      id: "endless",
      name: "Endless",
      price: { amount: 90, interval: "month" },
      items: [item({ featureId: messages.id, unlimited: true })],
    }),
    plan({
      id: "team",
      name: "Team",
      group: "teams",
      price: { amount: 50, interval: "month" },
      items: [
        item({ featureId: messages.id, included: 2, reset: { interval: "day" }, entityFeatureId: seats.id }),
        item({
          featureId: storage.id,
          included: 4,
          reset: { interval: "month" },
          price: { amount: 1, billingUnits: 1, interval: "month", billingMethod: "usage_based" },
        }),
      ],
      billingControls: { spendLimits: [{ featureId: storage.id, overageLimit: 3, enabled: true }] },
    }),
    plan({
      id: "pack",
      name: "100 messages",
      price: { amount: 5 },
      items: [item({ featureId: messages.id, included: 100 })],
    }),
  ],
});

const components = componentsGeneric() as unknown as { tally: ComponentApi<"tally"> };

export const tally = new Tally(components.tally, {
  catalog,
  scope: { workspaceId: v.optional(v.string()) },
  /** `ada` is a customer; `seat@team` is a part of one; in a workspace everybody is the workspace. */
  identify: async (ctx, { workspaceId }): Promise<Identity | null> => {
    const user = await ctx.auth.getUserIdentity();
    if (user === null) return null;
    if (workspaceId !== undefined) return { customerId: workspaceId, canManageBilling: false };
    const [name = "", team] = user.subject.split("@");
    return team === undefined ? { customerId: name } : { customerId: team, entityId: name };
  },
});

const { userMutation } = tally.builders({
  query: queryGeneric,
  mutation: mutationGeneric,
  action: actionGeneric,
});

const billing = {
  ...tally.api(),
  /** What payments will export: here, it knows one plan that cannot be paid. */
  checkout: actionGeneric({
    args: {
      workspaceId: v.optional(v.string()),
      planId: v.string(),
      successUrl: v.string(),
      quantities: v.optional(v.record(v.string(), v.number())),
    },
    returns: v.object({ url: v.union(v.string(), v.null()) }),
    handler: async (_ctx, { planId }) => {
      if (planId === "endless")
        throw new ConvexError({ kind: "payment_failed", message: "The card was declined." });
      return { url: planId === "free" ? null : `#pay/${planId}` };
    },
  }),
};

const chat = {
  send: userMutation({ meter: { featureId: "messages" }, args: {}, handler: async () => null }),
  /** Fails after it has used. */
  fail: userMutation({
    meter: { featureId: "messages" },
    args: {},
    handler: async () => {
      throw new ConvexError("no");
    },
  }),
  use: userMutation({
    args: { featureId: v.string(), value: v.number() },
    handler: async (ctx, use) => await ctx.track(use),
  }),
};

export function deployed() {
  const t = convexTest({
    schema: defineSchema({}),
    modules: {
      // convex-test finds the root of a tree of functions by this folder.
      "./_generated/api.ts": () => Promise.resolve({}),
      "./billing.ts": () => Promise.resolve(billing),
      "./chat.ts": () => Promise.resolve(chat),
    },
    transactionLimits: true,
  });
  register(t);
  return t;
}
export type Deployed = ReturnType<typeof deployed>;

/** What code generation would write for it. */
export const api = anyApi as unknown as ApiFromModules<{ billing: typeof billing; chat: typeof chat }>;
