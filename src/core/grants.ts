/** Adding to what a customer has. */
import { settleDebt } from "./advance.js";
import { exact, stored } from "./amounts.js";
import { copyOf, MAX_GRANTS, type Balance, type Grant } from "./balances.js";
import { tallyError } from "./errors.js";

/** Adds a grant to its balance. Throws `too_many_grants` beyond 64. */
export function addGrant<Row extends Balance>(balance: Row, grant: Grant): Row {
  if (balance.grants.length >= MAX_GRANTS) {
    throw tallyError(
      "too_many_grants",
      `The customer already has ${MAX_GRANTS} grants of "${balance.featureId}" with different terms. Use equal terms (source, expiry, priority), so that they merge, or wait until some expire. Nothing was changed.`,
      { featureId: balance.featureId },
    );
  }
  return { ...balance, grants: [...balance.grants, grant] };
}

/**
 * Adds a top-up: into a grant of equal terms where there is one that is not overdrawn (so that
 * merging never changes a total), else as a grant of its own. It pays carried debt at once.
 * Answers which grant holds it now.
 */
export function topUp<Row extends Balance>(balance: Row, grant: Grant): { balance: Row; grantId: string } {
  const next = copyOf(balance);
  const twin = next.grants.find(
    (other) => haveEqualTerms(other, grant) && other.used >= 0 && other.used <= other.granted,
  );
  if (twin !== undefined) twin.granted = stored(exact(twin.granted).plus(grant.granted));
  const added = twin === undefined ? addGrant(next, { ...grant }) : next;
  settleDebt(added, Math.max(grant.createdAt, added.advancedAt));
  return { balance: added, grantId: twin?.id ?? grant.id };
}

/** Whether two grants differ in nothing but identity and amounts. */
function haveEqualTerms(a: Grant, b: Grant): boolean {
  const terms = ({ id: _id, createdAt: _createdAt, granted: _granted, used: _used, ...rest }: Grant) =>
    sorted(rest);
  return terms(a) === terms(b);
}

/** JSON with its keys in order, so that equal values have equal texts. */
function sorted(value: unknown): string {
  return JSON.stringify(value, (_key, part: unknown) =>
    typeof part === "object" && part !== null && !Array.isArray(part)
      ? Object.fromEntries(Object.entries(part).sort(([a], [b]) => (a < b ? -1 : 1)))
      : part,
  );
}
