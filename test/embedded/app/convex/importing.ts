import { actionGeneric as action, mutationGeneric as mutation, queryGeneric as query } from "convex/server";

const handler = async () => (await import("./greeting.js")).greeting;

export const inQuery = query({ args: {}, handler });
export const inMutation = mutation({ args: {}, handler });
export const inAction = action({ args: {}, handler });
