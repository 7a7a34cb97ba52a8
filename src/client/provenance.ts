import { assertId, assertKeys, assertText } from "../core/arguments.js";

/** Who did it and why, kept with the event; and a key, with which a repeat does nothing. */
export interface Provenance {
  /** 1 to 255 characters, unique for the customer. */
  idempotencyKey?: string;
  /** At most 500 characters. */
  reason?: string;
  /** In the app's own words. */
  actor?: string;
}

interface Owned extends Provenance {
  customerId: string;
  entityId?: string;
}

/** Checks what all verbs of trusted code take; `own` are the options of the verb itself. */
export function assertOwned(args: Owned, own: readonly string[], verb: string): void {
  assertKeys(args, ["customerId", "entityId", "idempotencyKey", "reason", "actor", ...own], verb);
  assertId(args.customerId, "customerId");
  if (args.entityId !== undefined) assertId(args.entityId, "entityId");
  if (args.idempotencyKey !== undefined) assertId(args.idempotencyKey, "idempotencyKey");
  if (args.reason !== undefined) assertText(args.reason, "reason");
  if (args.actor !== undefined) assertText(args.actor, "actor");
}
