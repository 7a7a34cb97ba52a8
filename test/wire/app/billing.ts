import { componentsGeneric } from "convex/server";
import type { ComponentApi } from "../../../src/component/_generated/component.js";
import { Tally, type Identity } from "../../../src/client/index.js";
import { demo, Payments } from "../../../src/payments/index.js";
import { catalog } from "./catalog.js";

const { tally: component } = componentsGeneric() as unknown as { tally: ComponentApi };

export const tally = new Tally(component, {
  catalog,
  identify: async (ctx): Promise<Identity | null> => {
    const user = await ctx.auth.getUserIdentity();
    if (user === null) return null;
    // "acme:ben" is a part of a customer.
    const [customerId = "", entityId] = user.subject.split(":");
    return { customerId, name: user.name, email: user.email, ...(entityId !== undefined && { entityId }) };
  },
});

export const payments = new Payments(tally, {
  provider: demo({ enabled: true }),
  allowedOrigins: ["https://app.example.com"],
});
