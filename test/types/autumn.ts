/** An app of `@useautumn/convex`'s users as its documents and seed 004 have it: the import and the catalog are ours. */
import { actionGeneric, componentsGeneric, queryGeneric, type ApiFromModules } from "convex/server";
import { v } from "convex/values";
import { customAction, customQuery } from "convex-helpers/server/customFunctions";
import type { ComponentApi } from "../../src/component/_generated/component.js";
import { Autumn } from "../../src/autumn/index.js";
import { defineCatalog, feature, featureItem, priceItem, product } from "../../src/client/index.js";

export const apiCalls = feature({ id: "api_calls", name: "API Calls", type: "single_use" });
export const aiTokens = feature({ id: "ai_tokens", name: "AI Tokens", type: "single_use" });
export const paidPlan = product({
  id: "starterapp-demo-paid",
  name: "Paid Plan",
  items: [
    priceItem({ price: 10, interval: "month" }),
    featureItem({ feature_id: apiCalls.id, included_usage: 10_000, interval: "month" }),
    featureItem({ feature_id: aiTokens.id, included_usage: 50_000, interval: "month" }),
  ],
});
export const apiCallPack = product({
  id: "api-call-pack-1000",
  name: "1,000 API Calls",
  items: [priceItem({ price: 5 }), featureItem({ feature_id: apiCalls.id, included_usage: 1_000 })],
});
const catalog = defineCatalog({ features: [apiCalls, aiTokens], plans: [paidPlan, apiCallPack] });

const components = componentsGeneric() as unknown as { autumn: ComponentApi<"autumn"> };

export const autumn = new Autumn(components.autumn, {
  catalog,
  secretKey: "am_sk_42424242",
  identify: async (ctx) => {
    const user = await ctx.auth.getUserIdentity();
    if (!user) return null;
    return {
      customerId: user.subject,
      customerData: { name: user.name as string, email: user.email as string },
    };
  },
});

export const {
  track,
  cancel,
  query,
  attach,
  check,
  checkout,
  usage,
  setupPayment,
  createCustomer,
  listProducts,
  billingPortal,
  createReferralCode,
  redeemReferralCode,
  createEntity,
  getEntity,
} = autumn.api({ also: ["track", "usage"] });

class AppError extends Error {
  constructor(
    readonly code: string,
    message: string,
  ) {
    super(message);
  }
}

const userAction = customAction(actionGeneric, {
  args: {},
  input: (ctx) =>
    Promise.resolve({
      ctx: {
        check: (args: Parameters<typeof autumn.check>[1]) => autumn.check(ctx, args),
        track: (args: Parameters<typeof autumn.track>[1]) => autumn.track(ctx, args),
      },
      args: {},
    }),
});
const userQuery = customQuery(queryGeneric, {
  args: {},
  input: (ctx) =>
    Promise.resolve({
      ctx: { check: (args: Parameters<typeof autumn.check>[1]) => autumn.check(ctx, args) },
      args: {},
    }),
});

export const generateText = userAction({
  args: { prompt: v.string() },
  handler: async (ctx, { prompt }) => {
    // Check if user has token quota
    const result = await ctx.check({ featureId: "ai_tokens" });
    if (!result.data?.allowed) {
      throw new AppError("USAGE_EXCEEDED", "Token limit reached. Upgrade for more.");
    }
    // Track actual tokens consumed
    await ctx.track({ featureId: "ai_tokens", value: prompt.length });
    return { text: prompt };
  },
});

export const getUsage = userQuery({
  args: { featureId: v.string() },
  handler: async (ctx, { featureId }) => {
    const result = await ctx.check({ featureId });
    return { allowed: result.data?.allowed || false };
  },
});

/** What code generation writes for it. */
export type Api = ApiFromModules<{ autumn: typeof import("./autumn.js") }>;
