/** Adding to what a customer has. */
import { settleDebt } from "./advance.js";
import { atLeastZero, exact, smaller, stored, total, type Decimal } from "./amounts.js";
import { copyOf, left, MAX_GRANTS, over, rebase, type Balance, type Grant } from "./balances.js";
import { askedFeature } from "./draws.js";
import { shown, tallyError } from "./errors.js";
import { burnOrder, type Scope } from "./order.js";

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
  const terms = ({ id: _id, createdAt: _at, granted: _granted, used: _used, base: _base, ...rest }: Grant) =>
    sorted(rest);
  return terms(a) === terms(b);
}

/** JSON with its keys in order, so that equal values have equal texts. */
export function sorted(value: unknown): string | undefined {
  return JSON.stringify(value, (_key, part: unknown) =>
    typeof part === "object" && part !== null && !Array.isArray(part)
      ? Object.fromEntries(Object.entries(part).sort(([a], [b]) => (a < b ? -1 : 1)))
      : part,
  );
}

/** What balances, or one grant of them, are to be (or what is to be added to them): exactly one of the four. */
export type Target = { remaining: number } | { usage: number } | { granted: number } | { added: number };

/**
 * Sets a grant, or all that can pay in `scope` together, by hand: `remaining` and `usage` change what
 * is used (below 0, if more is to be left than was granted), `granted` what the grant grants. Where so
 * much is to be left, nothing is owed. A total is taken and given in burn order, what is owed first,
 * as Autumn's `balances.update`; `added` so changes what is left less what is owed. Rows must be advanced to `scope.now`. Throws `invalid_argument`.
 */
export function setGrants<Row extends Balance>(
  given: readonly Row[],
  target: Target,
  grantId: string | undefined,
  scope: Scope,
): Row[] {
  const rows = given.map(copyOf);
  const featureId = askedFeature(scope);
  const live = burnOrder(rows, scope).map(({ grant }) => grant);
  const counters = live.filter(({ unlimited }) => "usage" in target && unlimited);
  const settable = counters.length > 0 ? counters : live.filter(({ unlimited }) => !unlimited);
  const chosen = grantId === undefined ? settable : live.filter(({ id }) => id === grantId);
  const [first] = chosen;
  if (first === undefined) {
    throw tallyError(
      "invalid_argument",
      grantId === undefined
        ? `There is no grant of "${featureId}" to set: grant it first. Nothing was changed.`
        : `There is no live grant ${shown(grantId)} of "${featureId}". Nothing was changed.`,
    );
  }
  if (first.unlimited && !("usage" in target)) {
    throw tallyError(
      "invalid_argument",
      `The grant ${shown(first.id)} of "${featureId}" is unlimited: only its usage can be set. Nothing was changed.`,
    );
  }
  if ("granted" in target) {
    if (chosen.length > 1) {
      throw tallyError(
        "invalid_argument",
        `There are ${chosen.length} grants of "${featureId}": say which by grantId. Nothing was changed.`,
      );
    }
    first.granted = target.granted;
  } else if ("usage" in target) {
    spread(chosen, exact(target.usage).minus(total(chosen.map(({ used }) => exact(used)))));
  } else if ("added" in target) {
    spread(chosen, exact(target.added).neg());
  } else {
    for (const grant of chosen) refill(grant, over(grant));
    spread(chosen, total(chosen.map(left)).minus(target.remaining));
  }
  if (!("granted" in target)) {
    for (const grant of chosen) rebase(grant, Math.min(grant.used, Math.max(grant.base ?? 0, 0)));
  }
  return rows;
}

/**
 * Adds `change` to what is used: each grant down to zero, in order; or, below 0, first what is owed and
 * then what is used is given back. What is beyond all goes to the first grant that is no rollover,
 * below zero or above what it granted.
 */
function spread(grants: readonly Grant[], change: Decimal): void {
  let todo = change;
  for (const grant of grants) {
    const part = smaller(atLeastZero(todo), left(grant));
    refill(grant, part.neg());
    todo = todo.minus(part);
  }
  for (const owedOrUsed of [over, ({ used }: Grant) => exact(used)]) {
    for (const grant of grants) {
      const part = smaller(atLeastZero(todo.neg()), atLeastZero(owedOrUsed(grant)));
      refill(grant, part);
      todo = todo.plus(part);
    }
  }
  const keeper = grants.find(({ rolledFrom }) => rolledFrom === undefined) ?? grants[0];
  if (keeper !== undefined) refill(keeper, todo.neg());
}

/** Takes `amount` off what is used; adds to it, below 0. */
function refill(grant: Grant, amount: Decimal): void {
  grant.used = stored(exact(grant.used).minus(amount));
}
