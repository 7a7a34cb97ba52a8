/** What a customer gets with a plan. */
import { capRollovers, closePeriod, settleDebt, type ClosedPeriod } from "./advance.js";
import { atLeastZero, exact, smaller, stored, total, type Decimal } from "./amounts.js";
import { copyOf, emptyBalance, isLive, left, over, type Balance, type Grant } from "./balances.js";
import type { Item, Plan } from "./catalog.js";
import { addGrant } from "./grants.js";
import { nextBoundary } from "./periods.js";

export interface Start {
  /** Who may end the grants: the subscription. */
  source: string;
  now: number;
  /** Where the periods are counted from; `now` for a new customer. */
  anchor: number;
  /** Gives each grant an id that the customer has never had. */
  nextGrantId: () => string;
}

/** The grants of a plan's items for the customer himself, with the feature that each is of. */
export function grantsOf(plan: Plan, start: Start): { item: Item; grant: Grant }[] {
  return plan.items
    .filter((item) => item.entityFeatureId === undefined)
    .map((item) => ({ item, grant: grantOf(plan, item, start) }));
}

export function grantOf(plan: Plan, item: Item, { source, now, anchor, nextGrantId }: Start): Grant {
  return {
    id: nextGrantId(),
    source,
    planId: plan.id,
    granted: item.included,
    used: 0,
    createdAt: now,
    ...(item.unlimited && { unlimited: true }),
    ...(item.reset && {
      reset: { ...item.reset, anchor, nextAt: nextBoundary({ ...item.reset, anchor }, now) },
    }),
    ...(plan.addOn && { addOn: true }),
    ...(item.price?.billingMethod === "prepaid" && { prepaid: true }),
    ...(item.price?.billingMethod === "usage_based" && { overage: overageOf(item.price) }),
    ...(item.rollover && { rollover: item.rollover }),
  };
}

function overageOf({ tiers, tierBehavior, billingUnits, maxPurchase }: NonNullable<Item["price"]>) {
  const price = { tiers, tierBehavior, billingUnits };
  return maxPurchase === undefined ? { price } : { price, max: maxPurchase };
}

/** The balances of a customer who has just been given `plans` and used nothing. */
export function startingBalances(
  plans: readonly Plan[],
  start: Omit<Start, "source">,
  sourceOf: (plan: Plan) => string,
): Balance[] {
  const balances = new Map<string, Balance>();
  for (const plan of plans) {
    for (const { item, grant } of grantsOf(plan, { ...start, source: sourceOf(plan) })) {
      const balance = balances.get(item.featureId) ?? emptyBalance(item.featureId, undefined, start.now);
      balances.set(item.featureId, addGrant(balance, grant));
    }
  }
  return [...balances.values()];
}

/** Paid once and kept: it is added to what the customer has, and replaces no plan. */
export function isTopUp(plan: Plan): boolean {
  return plan.price !== null && plan.price.every === null && plan.items.every((item) => item.reset === null);
}

/** Whether a change to `plan` is paid for, so that consumable usage starts afresh. */
export function isUpgrade(plan: Plan, replaced: readonly Plan[]): boolean {
  return replaced.every((old) => (plan.price?.amount ?? 0) > (old.price?.amount ?? 0));
}

export interface GrantChange {
  /** The sources whose grants end. */
  ending: ReadonlySet<string>;
  incoming: readonly Grant[];
  /** What was used of the grants that end counts against the new ones. What is held always does. */
  keepsUsage: boolean;
  now: number;
}

/**
 * Replaces the grants of ended subscriptions by those of new ones, in one row that is advanced to
 * `now`. Rollovers move to the first new grant and are capped by its terms; usage-based periods
 * close. Rules: Autumn's, but that switching between unpaid plans never gives usage back.
 */
export function changeGrants<Row extends Balance>(
  balance: Row,
  { ending, incoming, keepsUsage, now }: GrantChange,
): { balance: Row; closed: ClosedPeriod[] } {
  const closed: ClosedPeriod[] = [];
  const next = copyOf(balance);
  const ended = next.grants.filter((grant) => ending.has(grant.source));
  for (const grant of ended) closePeriod(next, grant, now, closed);
  next.grants = next.grants.filter((grant) => !ended.includes(grant));
  const plain = ended.filter((grant) => grant.rolledFrom === undefined && isLive(grant, now));
  let added: Row = next;
  const fresh = incoming.map((grant) => ({ ...grant }));
  if (keepsUsage) carryUsage(fresh, total(plain.map(uncharged)));
  for (const grant of fresh) added = addGrant(added, grant);
  const heir = fresh.find((grant) => grant.rollover !== undefined);
  if (heir !== undefined) {
    for (const rollover of ended.filter((grant) => grant.rolledFrom !== undefined && left(grant).gt(0))) {
      added = addGrant(added, { ...rollover, source: heir.source, rolledFrom: heir.id });
    }
    capRollovers(added, heir);
  }
  settleDebt(added, now);
  return { balance: added, closed };
}

/** What was used of a grant and is not charged by closing its period. */
function uncharged(grant: Grant): Decimal {
  const used = atLeastZero(exact(grant.used));
  return grant.overage === undefined ? used : used.minus(over(grant));
}

/** Counts `used` against new grants: each up to what it grants, the rest against the first. */
function carryUsage(grants: Grant[], used: Decimal): void {
  let carried = used;
  for (const grant of grants) {
    const part = grant.unlimited ? carried : smaller(carried, left(grant));
    grant.used = stored(exact(grant.used).plus(part));
    carried = carried.minus(part);
  }
  const [first] = grants;
  if (first !== undefined) first.used = stored(exact(first.used).plus(carried));
}
