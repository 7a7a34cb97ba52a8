import type { TestConvex } from "convex-test";
import type {
  DataModelFromSchemaDefinition,
  GenericMutationCtx,
  GenericSchema,
  SchemaDefinition,
} from "convex/server";
import { conflictsWith, footprintOf, transactionCost } from "../footprint/recorder.js";
import type { Footprint, TransactionCost } from "../footprint/recorder.js";

/** A deployment with everything that is measured mounted in it. */
export type Deployment = TestConvex<AppSchema>;

type AppSchema = SchemaDefinition<GenericSchema, boolean>;

/** The context of the app's mutation that an operation is part of. */
export type AppCtx = GenericMutationCtx<DataModelFromSchemaDefinition<AppSchema>>;

/** One thing that an app does in its own transaction. */
export interface Operation {
  name: string;
  /** Brings a fresh deployment to the state that the operation starts from. */
  prepare: (t: Deployment) => Promise<unknown>;
  /** `call` tells calls apart that are not to be taken for one another. */
  operation: (ctx: AppCtx, call: number) => Promise<unknown>;
}

/** How often two calls at the same moment would make one of them retry. */
export type SelfConflict = "no" | "sometimes" | "yes";

export interface Measurement {
  name: string;
  /** One entry per call, in the order in which they committed. */
  costs: TransactionCost[];
  crossings: number;
  conflictsWithItself: SelfConflict;
}

/** More than any peer here has shards, so that some two calls share one. */
const CALLS = 20;

/** Measures an operation in a fresh deployment. */
export async function measure(t: Deployment, { name, prepare, operation }: Operation): Promise<Measurement> {
  await prepare(t);
  const footprints: Footprint[] = [];
  for (let call = 0; call < CALLS; call++) {
    footprints.push(await footprintOf(t, (ctx) => operation(ctx, call)));
  }
  const costs: TransactionCost[] = [];
  for (let call = 0; call < CALLS; call++) {
    costs.push(await transactionCost(t, "mutation", (ctx) => operation(ctx, call)));
  }
  return {
    name,
    costs,
    crossings: Math.max(...footprints.map(({ crossings }) => crossings)),
    conflictsWithItself: selfConflict(footprints),
  };
}

function selfConflict(footprints: Footprint[]): SelfConflict {
  const pairs = footprints.flatMap((one, position) =>
    footprints.slice(position + 1).map((other) => [one, other] as const),
  );
  const conflicting = pairs.filter(([one, other]) => conflictsWith(one, other).length > 0);
  if (conflicting.length === 0) {
    return "no";
  }
  return conflicting.length === pairs.length ? "yes" : "sometimes";
}
