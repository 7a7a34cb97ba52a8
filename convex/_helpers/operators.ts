import { customAction, customMutation, customQuery } from "convex-helpers/server/customFunctions";
import type { Auth } from "convex/server";
import { action, mutation, query } from "../_generated/server.js";
import { AppError } from "./errors.js";

/** Whether whoever is signed in runs this app: a claim that the identity provider signs. */
export async function operatorOf({ auth }: { auth: Auth }): Promise<string | null> {
  const user = await auth.getUserIdentity();
  return user?.["role"] === "operator" ? (user.email ?? user.subject) : null;
}

/** Lets nobody else in, and says who it was that acted. */
const guard = {
  args: {},
  input: async (ctx: { auth: Auth }) => {
    const operator = await operatorOf(ctx);
    if (operator === null) throw new AppError("FORBIDDEN", "This is for operators.");
    return { ctx: { operator }, args: {} };
  },
};

export const operatorQuery = customQuery(query, guard);
export const operatorMutation = customMutation(mutation, guard);
export const operatorAction = customAction(action, guard);
