/**
 * Looks into the component: all that it has stored, its balances as of now. Mounted in these runs
 * only, and as cheap as can be: it is called after every step.
 */
import type { TestConvex } from "convex-test";
import {
  componentsGeneric,
  queryGeneric,
  type FunctionReference,
  type GenericSchema,
  type SchemaDefinition,
} from "convex/server";
import { v } from "convex/values";
import type { Doc } from "../../src/component/_generated/dataModel.js";
import type { QueryCtx } from "../../src/component/_generated/server.js";
import { advance } from "../../src/core/advance.js";
import tallyTest from "../../src/test.js";
import { loaded } from "../oracle/deployment.js";

export type Modules = Record<string, () => Promise<unknown>>;

export interface Stored {
  balances: Doc<"balances">[];
  reservations: Doc<"reservations">[];
  charges: Doc<"charges">[];
  subscriptions: Doc<"subscriptions">[];
  /** Those written after the instant that was asked for. */
  events: Doc<"events">[];
}

/** What was looked at last: left here, and not answered, so that nothing has to be made JSON and back. */
let seen: Stored | null = null;

const look = queryGeneric({
  args: { after: v.number() },
  returns: v.null(),
  handler: async (ctx: QueryCtx, { after }: { after: number }) => {
    const [balances, reservations, charges, subscriptions, events] = await Promise.all([
      ctx.db.query("balances").collect(),
      ctx.db.query("reservations").collect(),
      ctx.db.query("charges").collect(),
      ctx.db.query("subscriptions").collect(),
      ctx.db
        .query("events")
        .withIndex("by_creation_time", (q) => q.gt("_creationTime", after))
        .collect(),
    ]);
    const now = Date.now();
    const advanced = balances.map((row) => advance(row, now).balance);
    seen = { balances: advanced, reservations, charges, subscriptions, events };
    return null;
  },
});

/** What the function above has seen, once. */
export function lastSeen(): Stored {
  if (seen === null) throw new Error("nobody has looked");
  const stored = seen;
  seen = null;
  return stored;
}

type Sweep = FunctionReference<"mutation", "internal", Record<string, never>, { done: boolean }>;

/** How a function of an app calls what it otherwise never does. */
const { tally } = componentsGeneric() as unknown as {
  tally: {
    inspection: { look: FunctionReference<"query", "internal", { after: number }, null> };
    resets: { sweep: Sweep };
    reservations: { sweep: Sweep };
  };
};
export const inspect = tally.inspection.look;
/** What the component's crons run. */
export const sweeps = { resets: tally.resets.sweep, holds: tally.reservations.sweep };

/** The component's modules, loaded, and asked but once what their functions take and return. */
export async function componentModules(): Promise<Modules> {
  const modules = await loaded(tallyTest.modules);
  for (const load of Object.values(modules)) {
    for (const each of Object.values((await load()) as Record<string, unknown>)) {
      if (typeof each === "function" && "exportArgs" in each && "exportReturns" in each) {
        const described = each as Described;
        const [args, returns] = [described.exportArgs(), described.exportReturns()];
        Object.assign(described, { exportArgs: () => args, exportReturns: () => returns });
      }
    }
  }
  return modules;
}

interface Described {
  exportArgs: () => string;
  exportReturns: () => string;
}

/** Mounts the component, whose modules are `modules`, with the function above. */
export function registerInspected(t: TestConvex<SchemaDefinition<GenericSchema, boolean>>, modules: Modules) {
  t.registerComponent("tally", tallyTest.schema, {
    ...modules,
    "./component/inspection.ts": () => Promise.resolve({ look }),
  });
}
