import { queryGeneric as query } from "convex/server";

declare const process: { env: Record<string, string | undefined> };

const { GREETING, PATH } = process.env;

export const atLoading = query({ args: {}, handler: async () => ({ GREETING, PATH }) });

export const inHandler = query({
  args: {},
  handler: async () => ({ GREETING: process.env.GREETING, PATH: process.env.PATH }),
});
