import { v } from "convex/values";
import { components, internal } from "./_generated/api.js";
import { Tally, type Identity } from "../src/client/index.js";
import { catalog } from "./catalog.js";

export const tally = new Tally(components.tally, {
  catalog,
  scope: { workspaceId: v.optional(v.id("workspaces")) },
  // A person pays for himself, and in a workspace the workspace pays: a customer of its own.
  identify: async (ctx, { workspaceId }): Promise<Identity | null> => {
    const user = await ctx.auth.getUserIdentity();
    if (user === null) return null;
    if (workspaceId === undefined) return { customerId: user.subject, name: user.name, email: user.email };
    const membership = await ctx.runQuery(internal.workspaces.membership, {
      workspaceId,
      userId: user.subject,
    });
    if (membership === null) return null;
    return {
      customerId: workspaceId,
      name: membership.name,
      canManageBilling: membership.role === "owner",
    };
  },
});

// What browsers may ask: about whoever is signed in, and nobody else.
export const { customer, check, balances, events, plans } = tally.api();
