/**
 * What no verb does, and a case asks for: makes something due now without any other time passing.
 * Mounted inside the component, in these deployments only.
 */
import type { TestConvex } from "convex-test";
import {
  componentsGeneric,
  type FunctionReference,
  type GenericSchema,
  type SchemaDefinition,
} from "convex/server";
import { v } from "convex/values";
import { mutation, query, type MutationCtx } from "../../src/component/_generated/server.js";
import type { Doc } from "../../src/component/_generated/dataModel.js";
import { advance } from "../../src/core/advance.js";
import { nextChangeAt, type Grant } from "../../src/core/balances.js";
import { lastBoundary } from "../../src/core/periods.js";
import tallyTest from "../../src/test.js";

export type Modules = Record<string, () => Promise<unknown>>;

/** Moves the periods of all grants, so that the last of `periods` boundaries is now. */
const makeResetsDue = mutation({
  args: { periods: v.number() },
  returns: v.null(),
  handler: async (ctx, { periods }) => {
    const now = Date.now();
    const rows = await ctx.db.query("balances").collect();
    const moved = new Set(rows.flatMap(({ grants }) => grants.flatMap(({ reset }) => reset?.nextAt ?? [])));
    for (const row of rows) {
      const grants = row.grants.map((grant) => ({
        ...grant,
        ...(grant.reset && { reset: dueNow(grant.reset, now, periods) }),
      }));
      // A limit that is counted by the period of a grant begins anew with it.
      const limits = row.limits?.map((limit) =>
        moved.has(limit.nextAt) ? { ...limit, ...dueNow(limit, now, periods) } : limit,
      );
      await store(ctx, row, { grants, ...(limits && { limits }) });
    }
    // What is held would have lapsed with its period.
    for (const { _id, draws } of await ctx.db.query("reservations").collect()) {
      const lapsing = draws.map((draw) =>
        draw.until !== undefined && moved.has(draw.until) ? { ...draw, until: now } : draw,
      );
      await ctx.db.patch("reservations", _id, { draws: lapsing });
    }
    return null;
  },
});

function dueNow(reset: NonNullable<Grant["reset"]>, now: number, periods: number) {
  const anchored = { interval: reset.interval, count: reset.count, anchor: now };
  let nextAt = now;
  for (let period = 1; period < periods; period++) nextAt = lastBoundary(anchored, nextAt - 1);
  return { ...anchored, nextAt };
}

const expireGrant = mutation({
  args: { grantId: v.string() },
  returns: v.null(),
  handler: async (ctx, { grantId }) => {
    for (const row of await ctx.db.query("balances").collect()) {
      if (!row.grants.some(({ id }) => id === grantId)) continue;
      const grants = row.grants.map((grant) =>
        grant.id === grantId ? { ...grant, expiresAt: Date.now() } : grant,
      );
      await store(ctx, row, { grants });
    }
    return null;
  },
});

const expireReservation = mutation({
  args: { reservationId: v.string() },
  returns: v.null(),
  handler: async (ctx, { reservationId }) => {
    for (const open of await ctx.db.query("reservations").collect()) {
      if (open.reservationId === reservationId)
        await ctx.db.patch("reservations", open._id, { expiresAt: Date.now() });
    }
    return null;
  },
});

async function store(
  ctx: MutationCtx,
  row: Doc<"balances">,
  changed: Partial<Pick<Doc<"balances">, "grants" | "limits">>,
): Promise<void> {
  const next = { ...row, ...changed };
  await ctx.db.patch("balances", row._id, { ...changed, nextChangeAt: nextChangeAt(next) });
}

/** The rows as of now, for what no answer tells: whose item a grant was, what a limit has counted. */
const rows = query({
  args: {},
  handler: async (ctx) => {
    const stored = await ctx.db.query("balances").collect();
    return stored.map((row) => advance(row, Date.now()).balance);
  },
});

/** When time alone will next change a balance; null if never. */
const nextChange = query({
  args: {},
  returns: v.union(v.number(), v.null()),
  handler: async (ctx) => {
    const stored = await ctx.db.query("balances").collect();
    const instants = stored.map((row) => nextChangeAt(advance(row, Date.now()).balance) ?? Infinity);
    const next = Math.min(...instants);
    return next === Infinity ? null : next;
  },
});

const interventions = { makeResetsDue, expireGrant, expireReservation, rows, nextChange };

interface Interventions {
  makeResetsDue: FunctionReference<"mutation", "internal", { periods: number }, null>;
  expireGrant: FunctionReference<"mutation", "internal", { grantId: string }, null>;
  expireReservation: FunctionReference<"mutation", "internal", { reservationId: string }, null>;
  rows: FunctionReference<"query", "internal", Record<string, never>, Doc<"balances">[]>;
  nextChange: FunctionReference<"query", "internal", Record<string, never>, number | null>;
}
type Sweep = FunctionReference<"mutation", "internal", Record<string, never>, { done: boolean }>;
/** How a function of an app calls them. */
const { tally } = componentsGeneric() as unknown as {
  tally: { interventions: Interventions; resets: { sweep: Sweep }; reservations: { sweep: Sweep } };
};
export const intervene = tally.interventions;
/** What the component's crons run. */
export const sweeps = { resets: tally.resets.sweep, reservations: tally.reservations.sweep };

/** Mounts the component, whose modules are `modules`, with the functions above. */
export function registerWithInterventions(
  t: TestConvex<SchemaDefinition<GenericSchema, boolean>>,
  modules: Modules,
): void {
  t.registerComponent("tally", tallyTest.schema, {
    ...modules,
    "./component/interventions.ts": () => Promise.resolve(interventions),
  });
}
