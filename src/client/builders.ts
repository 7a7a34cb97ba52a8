/** `userQuery`, `userMutation`, `userAction`: functions that know their customer. */
import {
  customAction,
  customMutation,
  customQuery,
  type Registration,
} from "convex-helpers/server/customFunctions";
import type {
  ActionBuilder,
  FunctionVisibility,
  GenericActionCtx,
  GenericDataModel,
  GenericMutationCtx,
  GenericQueryCtx,
  MutationBuilder,
  QueryBuilder,
  ReturnValueForOptionalValidator,
} from "convex/server";
import type { GenericValidator, ObjectType, PropertyValidators } from "convex/values";
import type { CatalogIds } from "../core/catalog.js";
import type { IdentifyContext, MutationContext } from "./contexts.js";
import type { Identity } from "./identity.js";
import { runMetered, type ActionMeter } from "./meters.js";
import type { Known, UseArgs } from "./requests.js";
import type { Reservations, ReserveArgs } from "./reservations.js";
import type { MutationVerbs, QueryVerbs } from "./verbs.js";

/** On the context of every function that is built: whose it is, or null if nobody is signed in. */
export interface WithIdentity {
  identity: Identity | null;
}

type OneOrMany<T> = T | readonly T[];

/** What a metered mutation uses: one feature, several, or what its arguments say (null for nothing). */
export type Meter<Id extends string, Ids extends string, Args> =
  OneOrMany<UseArgs<Id> & Known<Id, Ids>> | ((args: Args) => OneOrMany<UseArgs<Id> & Known<Id, Ids>> | null);

type ArgsOf<Args extends PropertyValidators, Scope extends PropertyValidators> = ObjectType<Args> &
  ObjectType<Scope>;

interface Definition<
  Ctx,
  Args extends PropertyValidators,
  Scope extends PropertyValidators,
  Returns,
  Output,
> {
  args?: Args;
  returns?: Returns;
  handler: (ctx: Ctx, args: ArgsOf<Args, Scope>) => Output;
}

type Returns = PropertyValidators | GenericValidator | void;

/** As Convex's own builder, in its object form. */
export type UserBuilder<
  Kind extends "query" | "mutation" | "action",
  Visibility extends FunctionVisibility,
  Ctx,
  Scope extends PropertyValidators,
> = <
  Output extends ReturnValueForOptionalValidator<ReturnsValidator>,
  // No arguments unless some are declared: none are let through unchecked.
  // eslint-disable-next-line @typescript-eslint/no-empty-object-type
  Args extends PropertyValidators = {},
  ReturnsValidator extends Returns = void,
>(
  definition: Definition<Ctx, Args, Scope, ReturnsValidator, Output>,
) => Registration<Kind, Visibility, ArgsOf<Args, Scope>, Output>;

/** As Convex's own builder, with a `meter`: what the mutation uses, deducted together with what it writes. */
export type MeteredBuilder<
  Visibility extends FunctionVisibility,
  Ctx,
  Scope extends PropertyValidators,
  Ids extends string,
> = <
  Output extends ReturnValueForOptionalValidator<ReturnsValidator>,
  // eslint-disable-next-line @typescript-eslint/no-empty-object-type
  Args extends PropertyValidators = {},
  ReturnsValidator extends Returns = void,
  Id extends string = Ids,
>(
  definition: Definition<Ctx, Args, Scope, ReturnsValidator, Output> & {
    meter?: Meter<Id, Ids, ArgsOf<Args, Scope>>;
  },
) => Registration<"mutation", Visibility, ArgsOf<Args, Scope>, Output>;

/** As Convex's own builder, with a `meter`: what the action may use, held while it runs and settled at what it counted. */
export type MeteredActionBuilder<
  Visibility extends FunctionVisibility,
  Ctx,
  Scope extends PropertyValidators,
  Ids extends string,
> = <
  Output extends ReturnValueForOptionalValidator<ReturnsValidator>,
  // eslint-disable-next-line @typescript-eslint/no-empty-object-type
  Args extends PropertyValidators = {},
  ReturnsValidator extends Returns = void,
  Id extends string = Ids,
>(
  definition: Definition<Ctx & { meter: ActionMeter }, Args, Scope, ReturnsValidator, Output> & {
    meter?: ActionMeterSpec<Id, Ids, ArgsOf<Args, Scope>>;
  },
) => Registration<"action", Visibility, ArgsOf<Args, Scope>, Output>;

/** What a metered action may use at most: one feature, several, or what its arguments say (null for nothing). */
export type ActionMeterSpec<Id extends string, Ids extends string, Args> =
  | OneOrMany<ReserveArgs<Id> & Known<Id, Ids>>
  | ((args: Args) => OneOrMany<ReserveArgs<Id> & Known<Id, Ids>> | null);

/** What builders are made of: resolves who calls and gives him the verbs. */
export interface Customization<Ctx, Scope extends PropertyValidators, Added extends Record<string, unknown>> {
  args: Scope;
  input: (ctx: Ctx, args: ObjectType<Scope>) => Promise<{ ctx: Added; args: ObjectType<Scope> }>;
}

type Added<Verbs> = { [Name in keyof (Verbs & WithIdentity)]: (Verbs & WithIdentity)[Name] };

export interface Customizations<Ids extends CatalogIds, Scope extends PropertyValidators> {
  query: Customization<IdentifyContext, Scope, Added<QueryVerbs<Ids>>>;
  mutation: Customization<IdentifyContext & MutationContext, Scope, Added<MutationVerbs<Ids>>>;
  action: Customization<IdentifyContext & MutationContext, Scope, Added<MutationVerbs<Ids>>>;
}

export interface Builders<
  Ids extends CatalogIds,
  Scope extends PropertyValidators,
  DataModel extends GenericDataModel,
  Visibility extends FunctionVisibility,
> {
  userQuery: UserBuilder<"query", Visibility, GenericQueryCtx<DataModel> & Added<QueryVerbs<Ids>>, Scope>;
  userMutation: MeteredBuilder<
    Visibility,
    GenericMutationCtx<DataModel> & Added<MutationVerbs<Ids>>,
    Scope,
    Ids["metered"]
  >;
  userAction: MeteredActionBuilder<
    Visibility,
    GenericActionCtx<DataModel> & Added<MutationVerbs<Ids>>,
    Scope,
    Ids["metered"]
  >;
}

/** The app's own builders, which its functions are built with. */
export interface AppBuilders<DataModel extends GenericDataModel, Visibility extends FunctionVisibility> {
  query: QueryBuilder<DataModel, Visibility>;
  mutation: MutationBuilder<DataModel, Visibility>;
  action: ActionBuilder<DataModel, Visibility>;
}

interface AnyDefinition {
  args?: PropertyValidators;
  returns?: Returns;
  meter?: Meter<string, string, Record<string, unknown>>;
  handler: (ctx: unknown, args: Record<string, unknown>) => unknown;
}

export function userBuilders<
  Ids extends CatalogIds,
  Scope extends PropertyValidators,
  DataModel extends GenericDataModel,
  Visibility extends FunctionVisibility,
>(
  { query, mutation, action }: AppBuilders<DataModel, Visibility>,
  customization: Customizations<Ids, Scope>,
  reservations: Reservations,
): Builders<Ids, Scope, DataModel, Visibility> {
  const [forQuery, forMutation, forAction] = [
    customQuery(query, customization.query),
    customMutation(mutation, customization.mutation),
    customAction(action, customization.action),
  ] as unknown as ((definition: AnyDefinition) => unknown)[];
  const built = {
    userQuery: (definition: AnyDefinition) => forQuery?.(withArgs(definition)),
    userMutation: (definition: AnyDefinition) => forMutation?.(metered(withArgs(definition))),
    userAction: (definition: AnyDefinition) => forAction?.(meteredAction(withArgs(definition), reservations)),
  };
  // The types above say what these are; their generics cannot be followed through the wrapping.
  return built as unknown as Builders<Ids, Scope, DataModel, Visibility>;
}

const withArgs = (definition: AnyDefinition): AnyDefinition => ({ args: {}, ...definition });

/** Holds what the meter says, runs the handler with a meter to count on, and settles. */
function meteredAction(
  { meter, handler, ...definition }: AnyDefinition,
  reservations: Reservations,
): AnyDefinition {
  return {
    ...definition,
    handler: async (ctx, args) => {
      const uses = usesOf(meter, args) as ReserveArgs[];
      const { identity } = ctx as WithIdentity;
      const run = async (counting: ActionMeter) =>
        await handler({ ...(ctx as object), meter: counting }, args);
      return await runMetered(ctx as MutationContext, reservations, identity, uses, run);
    },
  };
}

function usesOf(meter: AnyDefinition["meter"], args: Record<string, unknown>): UseArgs[] {
  const uses = typeof meter === "function" ? meter(args) : (meter ?? null);
  if (uses === null) return [];
  return Array.isArray(uses) ? (uses as UseArgs[]) : [uses as UseArgs];
}

/** Consumes what the meter says right before the handler runs, in the same transaction: one throw undoes both. */
function metered({ meter, handler, ...definition }: AnyDefinition): AnyDefinition {
  if (meter === undefined) return { ...definition, handler };
  return {
    ...definition,
    handler: async (ctx, args) => {
      const uses = usesOf(meter, args);
      if (uses.length > 0) await (ctx as MutationVerbs).consume(uses);
      return await handler(ctx, args);
    },
  };
}
