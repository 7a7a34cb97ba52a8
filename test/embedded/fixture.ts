import { anyApi, type FunctionReference } from "convex/server";

type Query = FunctionReference<"query">;
type Mutation = FunctionReference<"mutation">;
type Action = FunctionReference<"action">;

/** The functions of the app in app/convex, by module. */
export const { counters, notes, environment, importing, nowhere } = anyApi as unknown as {
  counters: {
    get: Query;
    values: Query;
    add: Mutation;
    addAndFail: Mutation;
    reset: Mutation;
    addTwice: Action;
    forget: Action;
  };
  notes: { write: Mutation; mine: Query; page: Query; identity: Query };
  environment: { atLoading: Query; inHandler: Query };
  importing: { inQuery: Query; inMutation: Mutation; inAction: Action };
  /** No such module. */
  nowhere: { nothing: Query };
};
