/** Convex's builders, as an app's generated code has them. */
import {
  actionGeneric,
  internalMutationGeneric,
  mutationGeneric,
  queryGeneric,
  type ActionBuilder,
  type GenericDataModel,
  type MutationBuilder,
  type QueryBuilder,
} from "convex/server";

export const query: QueryBuilder<GenericDataModel, "public"> = queryGeneric;
export const mutation: MutationBuilder<GenericDataModel, "public"> = mutationGeneric;
export const action: ActionBuilder<GenericDataModel, "public"> = actionGeneric;
export const internalMutation: MutationBuilder<GenericDataModel, "internal"> = internalMutationGeneric;
