/** What Tally needs of a function's context, and no more: custom contexts fit as well. */
import type { Auth, GenericActionCtx, GenericDataModel } from "convex/server";

type ActionContext = GenericActionCtx<GenericDataModel>;

/** Any function. */
export type QueryContext = Pick<ActionContext, "runQuery">;
/** A mutation, in whose transaction everything joins; or an action, where each call is one. */
export type MutationContext = Pick<ActionContext, "runQuery" | "runMutation">;
/** What `identify` gets: the same in queries, mutations and actions. */
export interface IdentifyContext extends QueryContext {
  auth: Auth;
}

export const canMutate = (ctx: QueryContext): ctx is MutationContext => "runMutation" in ctx;
