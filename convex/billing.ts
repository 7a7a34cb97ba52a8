import { components } from "./_generated/api.js";
import { Tally, type Identity } from "../src/client/index.js";
import { catalog } from "./catalog.js";

export const tally = new Tally(components.tally, {
  catalog,
  identify: async (ctx): Promise<Identity | null> => {
    const user = await ctx.auth.getUserIdentity();
    if (user === null) return null;
    return { customerId: user.subject, name: user.name, email: user.email };
  },
});

// What browsers may ask: about whoever is signed in, and nobody else.
export const { customer, check, balances, events, plans } = tally.api();
