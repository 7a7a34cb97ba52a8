/**
 * Turns "does X conflict with Y" and "what does X cost" into ordinary tests.
 * convex-test runs transactions one after another, so a conflict cannot happen
 * there; it can be derived from what each transaction read and wrote.
 */
import type { TestConvexForDataModel } from "convex-test";
import type { GenericDataModel, GenericMutationCtx } from "convex/server";
import type { Footprint } from "./conflicts.js";
import { Frame } from "./frame.js";
import { schemasOf } from "./schemas.js";
import { recordInto } from "./syscalls.js";

export { conflictsWith } from "./conflicts.js";
export type { Footprint } from "./conflicts.js";
export { transactionCost } from "./cost.js";
export type { TransactionCost } from "./cost.js";
export type { DocumentWrite } from "./frame.js";
export type { ReadInterval } from "./interval.js";
export { recordable } from "./schemas.js";

/**
 * Runs an operation in a mutation, rolls it back and answers what it read and
 * wrote, in the app and in every component that it called. `t` has to come from
 * `recordable`. An error of the operation is thrown.
 */
export async function footprintOf<DataModel extends GenericDataModel>(
  t: TestConvexForDataModel<DataModel>,
  operation: (ctx: GenericMutationCtx<DataModel>) => Promise<unknown>,
): Promise<Footprint> {
  const frame = new Frame(schemasOf(t));
  let isRecorded = false;
  try {
    await t.mutation(async (ctx: GenericMutationCtx<DataModel>) => {
      await recordInto(frame, () => operation(ctx));
      isRecorded = true;
      throw new Error("Rolled back: the footprint is recorded.");
    });
  } catch (error) {
    if (!isRecorded) {
      throw error;
    }
  }
  const { reads, writes, crossings, scheduled } = frame;
  return { reads, writes, crossings, scheduled };
}
