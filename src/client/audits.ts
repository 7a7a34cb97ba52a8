/** Proving customers' balances by their events, and repairing those that are something else. */
import type { FunctionReturnType, GenericActionCtx, GenericDataModel } from "convex/server";
import type { ComponentApi } from "../component/_generated/component.js";
import { assertId, assertKeys, assertText } from "../core/arguments.js";
import type { MutationContext, QueryContext } from "./contexts.js";
import { assertPage, type PageArgs } from "./pages.js";

/** An action, in which an audit takes as many transactions as it needs. */
export type ActionContext = Pick<GenericActionCtx<GenericDataModel>, "runAction">;

/**
 * What an audit has found: `ok`, or each grant, limit, event and charge that is not what it must be. It proves
 * grants − draws − expiries, the counters of limits, the charges, and that each event adds up: from a
 * query or mutation for up to 4,000 events, in the same transaction, from an action for any number.
 */
export type Audit = FunctionReturnType<ComponentApi["audits"]["run"]>;
/**
 * What a repair had found, and what it did: each balance that drifts is brought to what the events prove by
 * a correcting event (`adjust`), never by changing one. Charges that are owed and missing are stored.
 */
export type Repaired = FunctionReturnType<ComponentApi["audits"]["repair"]>;

export interface RepairArgs {
  customerId: string;
  /** At most 500 characters. */
  reason?: string;
  /** In the app's own words. */
  actor?: string;
}

export async function auditCustomer(
  ctx: QueryContext | ActionContext,
  component: ComponentApi,
  args: { customerId: string },
): Promise<Audit> {
  assertKeys(args, ["customerId"], "audit");
  assertId(args.customerId, "customerId");
  return isAction(ctx)
    ? await ctx.runAction(component.audits.runPaged, args)
    : await ctx.runQuery(component.audits.run, args);
}

export async function auditCustomers(ctx: ActionContext, component: ComponentApi, args: PageArgs) {
  assertPage(args, [], "auditAll");
  return await ctx.runAction(component.audits.list, args);
}

export async function repairCustomer(
  ctx: MutationContext | ActionContext,
  component: ComponentApi,
  args: RepairArgs,
): Promise<Repaired> {
  assertKeys(args, ["customerId", "reason", "actor"], "repair");
  assertId(args.customerId, "customerId");
  if (args.reason !== undefined) assertText(args.reason, "reason");
  if (args.actor !== undefined) assertText(args.actor, "actor");
  return isAction(ctx)
    ? await ctx.runAction(component.audits.repairPaged, args)
    : await ctx.runMutation(component.audits.repair, args);
}

const isAction = (ctx: object): ctx is ActionContext => "runAction" in ctx;
