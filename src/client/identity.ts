import { assertId, assertText } from "../core/arguments.js";
import { tallyError } from "../core/errors.js";

/** On whose account a call is, as the app's `identify` says. */
export interface Identity {
  /** The app's own id of who is billed: a user, a team. */
  customerId: string;
  /** The part of the customer that calls, if it has balances of its own. */
  entityId?: string;
  /** Kept on the customer's record when he begins. */
  name?: string;
  email?: string;
  /** Whether he may buy and cancel for the customer. Absent: yes without an entity, no with one. */
  canManageBilling?: boolean;
}

/** Throws `invalid_argument` if an app's `identify` answers with something that cannot be an identity. */
export function assertIdentity(identity: Identity): void {
  assertId(identity.customerId, "customerId");
  if (identity.entityId !== undefined) assertId(identity.entityId, "entityId");
  if (identity.name !== undefined) assertText(identity.name, "name");
  if (identity.email !== undefined) assertText(identity.email, "email");
}

/** Throws `unauthenticated`. */
export function signedIn(identity: Identity | null): Identity {
  if (identity !== null) return identity;
  throw tallyError(
    "unauthenticated",
    "Nobody is signed in: identify answered null. Sign in before using this function.",
  );
}
