import { componentsGeneric } from "convex/server";
import { v } from "convex/values";
import type { ComponentApi } from "../../../src/component/_generated/component.js";
import { Tally, type Identity } from "../../../src/client/index.js";
import { Payments, type PaymentProvider } from "../../../src/payments/index.js";
import { catalog } from "./catalog.js";

const { tally: component } = componentsGeneric() as unknown as { tally: ComponentApi };

export const tally = new Tally(component, {
  catalog,
  scope: { workspaceId: v.optional(v.string()) },
  identify: async (ctx, { workspaceId }): Promise<Identity | null> => {
    const user = await ctx.auth.getUserIdentity();
    if (user === null) return null;
    const { subject: customerId, name, email } = user;
    // In a workspace he is a part of a customer, and bills for it if he is its owner.
    if (workspaceId !== undefined) {
      const [team = "", role] = workspaceId.split(":");
      return { customerId: team, entityId: customerId, ...(role === "owner" && { canManageBilling: true }) };
    }
    return { customerId, ...(name && { name }), ...(email && { email }) };
  },
});

/** The provider of the test that runs. */
export const till: { provider: PaymentProvider | undefined } = { provider: undefined };

const provider = new Proxy({} as PaymentProvider, {
  get: (_, name) => Reflect.get(till.provider ?? {}, name) as unknown,
});

export const payments = new Payments(tally, { provider, allowedOrigins: ["https://app.example.com"] });

export const { checkout, preview, confirm, cancel, resume, portal } = payments.api();
export const { limitOverage, autoTopUp, resumeAutoTopUp, stopAutoTopUp, autoTopUps } = payments.api();
export const { collect, topUp } = payments.jobs();
