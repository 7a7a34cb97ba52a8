import { asObject, assertCount, assertId, assertKeys, assertText } from "../core/arguments.js";

export interface PageArgs {
  /** Where the last page ended. */
  cursor?: string | null;
  /** 1 to 200; 50 unless told. */
  limit?: number;
}

/** Checks the arguments of a list; `own` are those of it beside cursor and limit. */
export function assertPage(args: PageArgs, own: readonly string[], verb: string): void {
  assertKeys(args, [...own, "cursor", "limit"], verb);
  if (args.cursor != null) assertText(args.cursor, "cursor", 2_000);
  if (args.limit !== undefined) assertCount(args.limit, "limit", 1, 200);
}

/** Checks the arguments of a list of what is one customer's. */
export function assertCustomerPage(
  args: { customerId: string } & PageArgs,
  own: readonly string[],
  verb: string,
): void {
  assertPage(args, ["customerId", ...own], verb);
  assertId(asObject(args, verb).customerId, "customerId");
}
