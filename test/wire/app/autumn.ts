/** The app of `@useautumn/convex`'s users: the class, its actions, and wrappers of an app's own over them. */
import { actionGeneric, internalMutationGeneric, queryGeneric } from "convex/server";
import { v } from "convex/values";
import { customAction, customQuery } from "convex-helpers/server/customFunctions";
import { Autumn, type AutumnIdentity } from "../../../src/autumn/index.js";
import { payments, tally } from "./billing.js";

export const autumn = new Autumn(tally, {
  payments,
  /** `ada` is a customer; `bob@acme` is a part of one, and `eve!acme` too, who may buy for it. */
  identify: async (ctx): Promise<AutumnIdentity | null> => {
    const user = await ctx.auth.getUserIdentity();
    if (user === null) return null;
    const { subject, name, email } = user;
    const customerData = { ...(name && { name }), ...(email && { email }) };
    const [entityId = "", customerId] = subject.split(/[@!]/);
    if (customerId === undefined) return { customerId: subject, customerData };
    return { customerId, entityId, canManageBilling: subject.includes("!") };
  },
});

export const {
  check,
  attach,
  checkout,
  createCustomer,
  listProducts,
  query,
  cancel,
  setupPayment,
  billingPortal,
  createReferralCode,
  redeemReferralCode,
  createEntity,
  getEntity,
  listEvents,
  aggregateEvents,
} = autumn.api();

const all = autumn.api({ also: ["track", "usage"] });
export const { track, usage } = all;

/** The same over nothing that sells. */
const unsold = new Autumn(tally).api();
export const attachUnsold = unsold.attach;

const userAction = customAction(actionGeneric, {
  args: {},
  input: (ctx) => {
    const check = (args: Parameters<typeof autumn.check>[1]) => autumn.check(ctx, args);
    const track = (args: Parameters<typeof autumn.track>[1]) => autumn.track(ctx, args);
    return Promise.resolve({ ctx: { check, track }, args: {} });
  },
});
const userQuery = customQuery(queryGeneric, {
  args: {},
  input: (ctx) => {
    const check = (args: Parameters<typeof autumn.check>[1]) => autumn.check(ctx, args);
    return Promise.resolve({ ctx: { check }, args: {} });
  },
});

export const sendMessage = userAction({
  args: {},
  handler: async (ctx) => {
    const result = await ctx.check({ featureId: "messages" });
    if (!result.data?.allowed) throw new Error("USAGE_EXCEEDED");
    await ctx.track({ featureId: "messages", value: 1 });
    return { success: true };
  },
});

export const getUsage = userQuery({
  args: { featureId: v.string() },
  handler: async (ctx, { featureId }) => {
    const result = await ctx.check({ featureId });
    return { allowed: result.data?.allowed ?? false, balance: result.data?.balance ?? null };
  },
});

/** A check, a use and a refusal in one transaction. */
export const useTwice = internalMutationGeneric({
  args: {},
  handler: async (ctx) => {
    const first = await autumn.track(ctx, { featureId: "messages", value: 2, idempotencyKey: "once" });
    const again = await autumn.track(ctx, { featureId: "messages", value: 2, idempotencyKey: "once" });
    return { first, again };
  },
});
