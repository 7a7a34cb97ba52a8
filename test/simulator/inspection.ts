/** Looks into the component: all that it has stored, its balances as of now. Mounted in these runs only. */
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

export type Modules = Record<string, () => Promise<unknown>>;

export interface Stored {
  balances: Doc<"balances">[];
  reservations: Doc<"reservations">[];
  charges: Doc<"charges">[];
  subscriptions: Doc<"subscriptions">[];
  /** Those written after the instant that was asked for. */
  events: Doc<"events">[];
}

const look = queryGeneric({
  args: { after: v.number() },
  handler: async (ctx: QueryCtx, { after }: { after: number }): Promise<Stored> => {
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
    return {
      balances: balances.map((row) => advance(row, now).balance),
      reservations,
      charges,
      subscriptions,
      events,
    };
  },
});

type Sweep = FunctionReference<"mutation", "internal", Record<string, never>, { done: boolean }>;

/** How a function of an app calls what it otherwise never does. */
const { tally } = componentsGeneric() as unknown as {
  tally: {
    inspection: { look: FunctionReference<"query", "internal", { after: number }, Stored> };
    resets: { sweep: Sweep };
    reservations: { sweep: Sweep };
  };
};
export const inspect = tally.inspection.look;
/** What the component's crons run. */
export const sweeps = { resets: tally.resets.sweep, holds: tally.reservations.sweep };

/** Mounts the component, whose modules are `modules`, with the function above. */
export function registerInspected(t: TestConvex<SchemaDefinition<GenericSchema, boolean>>, modules: Modules) {
  t.registerComponent("tally", tallyTest.schema, {
    ...modules,
    "./component/inspection.ts": () => Promise.resolve({ look }),
  });
}
