import { defineCatalog, Tally, type Identity } from "convex-tally";
import { components } from "./_generated/api";
import * as config from "./autumn.config";

export const tally = new Tally(components.tally, {
  catalog: defineCatalog(config),
  identify: async (ctx): Promise<Identity | null> => {
    const user = await ctx.auth.getUserIdentity();
    return user && { customerId: user.subject };
  },
});

export const { customer, balances } = tally.api();
