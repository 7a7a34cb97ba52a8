/** What a customer gets with a plan, and what becomes of it when the plan changes. */
import { closePeriod, handOver, settleDebt, uncharged, type ClosedPeriod } from "./advance.js";
import { atLeastZero, exact, nearest, stored, total, ZERO } from "./amounts.js";
import { copyOf, emptyBalance, isCurrent, left, over, rebase, type Balance, type Grant } from "./balances.js";
import type { Item, Plan } from "./terms.js";
import { anchorLimits, changePlanControls } from "./controls.js";
import type { HeldControl } from "./controlTerms.js";
import { addGrant } from "./grants.js";
import { nextBoundary } from "./periods.js";

export interface Start {
  /** Who may end the grants: the subscription. */
  source: string;
  now: number;
  /** When the plan begins; now, unless it is scheduled. */
  startsAt?: number;
  /** When it ends, if that is known. */
  endsAt?: number;
  /** When it stops paying until it is paid itself. */
  suspendsAt?: number;
  /** Where the periods are counted from; `now` for a new customer. */
  anchor: number;
  /** Units bought in advance, by feature: what is included is among them. */
  quantities?: Readonly<Record<string, number>>;
  /** Gives each grant an id that the customer has never had. */
  nextGrantId: () => string;
}

export function grantOf(plan: Plan, item: Item, start: Start): Grant {
  const { source, now, startsAt, endsAt, suspendsAt, anchor, quantities, nextGrantId } = start;
  const begins = Math.max(now, startsAt ?? now);
  return {
    id: nextGrantId(),
    source,
    planId: plan.id,
    granted: grantedBy(item, quantities?.[item.featureId]),
    used: 0,
    createdAt: now,
    ...(begins > now && { startsAt: begins }),
    ...(endsAt !== undefined && { expiresAt: endsAt }),
    ...(suspendsAt !== undefined && { suspendedAt: suspendsAt }),
    ...(item.unlimited && { unlimited: true }),
    ...(item.reset && {
      reset: { ...item.reset, anchor, nextAt: nextBoundary({ ...item.reset, anchor }, begins) },
    }),
    ...(plan.addOn && { addOn: true }),
    ...(item.price?.billingMethod === "prepaid" && { prepaid: true }),
    ...(isSoldOnce(item) && { bought: true }),
    ...(item.price?.billingMethod === "usage_based" && { overage: overageOf(item.price) }),
    ...(item.rollover && { rollover: item.rollover }),
    ...(item.carryOverage && { carry: true }),
  };
}

/** What a plan says of a feature, beside what it grants; undefined if nothing. */
export function controlOf(
  { controls = [] }: Plan,
  featureId: string,
  { source, now, startsAt = now, endsAt }: Pick<Start, "source" | "now" | "startsAt" | "endsAt">,
): HeldControl | undefined {
  const control = controls.find((each) => each.featureId === featureId);
  if (control === undefined) return undefined;
  const { featureId: _, ...terms } = control;
  return {
    source,
    ...(startsAt > now && { startsAt }),
    ...(endsAt !== undefined && { expiresAt: endsAt }),
    ...terms,
  };
}

/** Units bought beyond what is included come in whole packs. */
export function grantedBy(item: Item, quantity: number | undefined): number {
  if (quantity === undefined || item.price?.billingMethod !== "prepaid") return item.included;
  const extra = atLeastZero(exact(quantity).minus(item.included));
  const packs = extra.div(item.price.billingUnits).round(0, 3);
  return nearest(packs.times(item.price.billingUnits).plus(item.included));
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
    const source = sourceOf(plan);
    for (const item of plan.items.filter(({ entityFeatureId }) => entityFeatureId === undefined)) {
      const grant = grantOf(plan, item, { ...start, source });
      const balance = balances.get(item.featureId) ?? emptyBalance(item.featureId, undefined, start.now);
      balances.set(item.featureId, addGrant(balance, grant));
    }
    for (const { featureId } of plan.controls ?? []) {
      const control = controlOf(plan, featureId, { ...start, source });
      const balance = balances.get(featureId) ?? emptyBalance(featureId, undefined, start.now);
      balances.set(
        featureId,
        changePlanControls(balance, (plans) => [...plans, ...listed(control)], start.now),
      );
    }
  }
  return [...balances.values()];
}

const listed = (control: HeldControl | undefined): HeldControl[] => (control === undefined ? [] : [control]);

/** Whether a change to `plan` is paid for, so that consumable usage starts afresh. */
export function isUpgrade(plan: Pick<Plan, "price">, replaced: readonly Pick<Plan, "price">[]): boolean {
  const costs = ({ price }: Pick<Plan, "price">) => price?.amount ?? 0;
  return costs(plan) > Math.max(0, ...replaced.map(costs));
}

/** Whether `to` buys fewer units in advance for each period than `from` does, and of nothing more: as Autumn's, that can wait. */
export function buysLess(from: Bought, to: Bought): boolean {
  const isSold = (item: Item) => item.price?.billingMethod === "prepaid" && !isSoldOnce(item);
  const changes = to.plan.items.filter(isSold).map((item) => {
    const before = from.plan.items.find((each) => each.featureId === item.featureId && isSold(each));
    const units = (of: Item, { quantities }: Bought) => grantedBy(of, quantities?.[of.featureId]);
    return units(item, to) - (before === undefined ? 0 : units(before, from));
  });
  return changes.some((more) => more < 0) && changes.every((more) => more <= 0);
}
interface Bought {
  plan: Plan;
  quantities?: Readonly<Record<string, number>>;
}

/** Paid once, in advance, and had once: not anew with each period. */
const isSoldOnce = ({ price, reset }: Item): boolean =>
  price?.billingMethod === "prepaid" && price.every === null && reset === null;

/** Units bought once, other than in a trial. */
const isBought = (grant: Grant): boolean => grant.bought === true && grant.expiresAt === undefined;

/** `grant` of `item` for a row that may have it already: what a plan includes of units bought once, it includes once. */
export function addedTo(row: Balance, grant: Grant, item: Item): Grant {
  const isThere = row.grants.some((other) => isBought(other) && other.planId === grant.planId);
  if (!isThere || !isBought(grant)) return grant;
  return { ...grant, granted: nearest(exact(grant.granted).minus(item.included)) };
}

/** When the period of a plan ends that `instant` lies in: of its price, else of what resets last; null if never. */
export function periodEnd(plan: Plan, anchor: number, instant: number): number | null {
  if (plan.price?.every) return nextBoundary({ ...plan.price.every, anchor }, instant);
  const ends = plan.items.flatMap(({ reset }) => (reset ? nextBoundary({ ...reset, anchor }, instant) : []));
  return ends.length === 0 ? null : Math.max(...ends);
}

export interface GrantChange {
  /** The sources whose grants end. */
  ending: ReadonlySet<string>;
  incoming: readonly Grant[];
  /** What the new plan says beside. */
  control?: HeldControl;
  /** What was used of the grants that end counts against the new ones. */
  keepsUsage: boolean;
  /** What is left of the grants that end (or owed) stays until they would have reset. */
  keepsBalance: boolean;
  /** The source of what is remembered of earlier plans in whose place the new ones come; nothing is, if absent. */
  remainder?: string;
  now: number;
  nextGrantId: () => string;
}

/**
 * Replaces, now, the grants of ended subscriptions by those of new ones, in one row that is advanced
 * to `now`. Usage-based periods close; units that were bought once stay for good. Rules: Autumn's, but
 * that switching between unpaid plans never gives usage back, be it by way of none.
 */
export function changeGrants<Row extends Balance>(
  balance: Row,
  { ending, incoming, control, keepsUsage, keepsBalance, remainder, now, nextGrantId }: GrantChange,
): { balance: Row; closed: ClosedPeriod[] } {
  const closed: ClosedPeriod[] = [];
  let next = copyOf(balance);
  const ended = next.grants.filter(
    (grant) =>
      (ending.has(grant.source) && !(isBought(grant) && isCurrent(grant, now))) || grant.source === remainder,
  );
  const live = ended.filter((grant) => isCurrent(grant, now));
  for (const grant of live) closePeriod(next, grant, now, closed);
  const heirs = incoming.map((grant) => ({ ...grant }));
  const given = heirs.filter((heir) => !isBought(heir));
  if (!keepsUsage)
    next.grants = next.grants.flatMap((grant) => (ending.has(grant.source) ? afresh(grant) : grant));
  const plain = live.filter((grant) => grant.rolledFrom === undefined);
  const gone = new Set(ended.filter((grant) => grant.rolledFrom === undefined).map(({ id }) => id));
  next.grants = next.grants.filter(({ id }) => !gone.has(id));
  for (const heir of heirs) next = added(next, heir);
  handOver(next, plain, given, (grant) => (keepsUsage ? uncharged(grant) : ZERO));
  next.grants = next.grants.filter(({ rolledFrom }) => !gone.has(rolledFrom ?? ""));
  for (const old of plain) {
    const kept = keepsBalance ? carriedBalance(old, given, nextGrantId, now) : null;
    if (kept !== null) next = addGrant(next, kept);
  }
  if (keepsUsage && remainder !== undefined && given.length === 0)
    next = remembered(next, plain, remainder, now, nextGrantId);
  const stays = ({ source }: HeldControl) => !ending.has(source);
  next = changePlanControls(next, (plans) => [...plans.filter(stays), ...listed(control)], now);
  const renewed = keepsUsage ? undefined : heirs.find(({ reset }) => reset !== undefined)?.reset;
  if (renewed !== undefined) anchorLimits(next, renewed.anchor, now);
  settleDebt(next, now);
  return { balance: next, closed };
}

/** Where usage starts afresh, units bought once are what is left of them; what was used may still be refunded. */
function afresh(grant: Grant): Grant[] {
  if (!isBought(grant)) return [grant];
  if (left(grant).eq(0)) return [];
  const rest = { ...grant, granted: nearest(left(grant)), used: 0 };
  rebase(rest, Math.min(0, 0 - grant.used));
  return [rest];
}

/** Adds a grant of a plan; units bought once to those of the same plan, so that their number stays bounded. */
function added<Row extends Balance>(balance: Row, heir: Grant): Row {
  const twin = balance.grants.find(
    (other) =>
      isBought(other) && isBought(heir) && other.planId === heir.planId && other.used <= other.granted,
  );
  if (twin === undefined) return addGrant(balance, heir);
  twin.granted = stored(exact(twin.granted).plus(heir.granted));
  return balance;
}

/**
 * What was used of `ended` and counts against no new grant is kept as a grant of nothing that is used so
 * much, until it would have been reset: a plan that comes back has its usage back.
 */
function remembered<Row extends Balance>(
  balance: Row,
  ended: readonly Grant[],
  source: string,
  now: number,
  nextGrantId: () => string,
): Row {
  let next = balance;
  const endOf = ({ reset, expiresAt }: Grant) => reset?.nextAt ?? expiresAt;
  for (const expiresAt of new Set(ended.map(endOf))) {
    const together = ended.filter((old) => endOf(old) === expiresAt);
    const used = nearest(total(together.map(uncharged)));
    if (used === 0) continue;
    const end = expiresAt === undefined ? {} : { expiresAt };
    next = addGrant(next, { id: nextGrantId(), source, granted: 0, used, createdAt: now, ...end });
  }
  return next;
}

/** What is left of a grant, until it would have reset; what is owed counts against the first heir, unless it is charged. */
function carriedBalance(
  old: Grant,
  heirs: readonly Grant[],
  nextGrantId: () => string,
  now: number,
): Grant | null {
  const [first] = heirs;
  if (old.overage === undefined && first !== undefined) {
    first.used = nearest(total([exact(first.used), over(old)]));
  }
  if (left(old).eq(0)) return null;
  const kept = { id: nextGrantId(), source: KEPT, granted: nearest(left(old)), used: 0, createdAt: now };
  return old.reset === undefined ? kept : { ...kept, expiresAt: old.reset.nextAt };
}
const KEPT = "leftover";

/** The end of grants, decided now and written into them: `starting` take over when `ending` is over. */
export function scheduleGrants<Row extends Balance>(
  balance: Row,
  change: {
    ending: ReadonlySet<string>;
    dropping: ReadonlySet<string>;
    starting: readonly Grant[];
    control?: HeldControl;
    at: number;
  },
): Row {
  let next = copyOf(balance);
  next.grants = next.grants.filter(({ source }) => !change.dropping.has(source));
  for (const grant of next.grants) {
    if (!change.ending.has(grant.source) || grant.rolledFrom !== undefined || isBought(grant)) continue;
    grant.expiresAt = Math.min(change.at, grant.expiresAt ?? Infinity);
  }
  for (const grant of change.starting) next = addGrant(next, grant);
  const end = (control: HeldControl) =>
    change.ending.has(control.source)
      ? { ...control, expiresAt: Math.min(change.at, control.expiresAt ?? Infinity) }
      : control;
  const stays = ({ source }: HeldControl) => !change.dropping.has(source);
  return changePlanControls(
    next,
    (plans) => [...plans.filter(stays).map(end), ...listed(change.control)],
    next.advancedAt,
  );
}

/** Takes a scheduled change back: what was to start is dropped, what was to end goes on (to `endsAt`, if it has an end of its own). */
export function resumeGrants<Row extends Balance>(
  balance: Row,
  change: { resuming: string; dropping: ReadonlySet<string>; endsAt: number | undefined },
): Row {
  const next = copyOf(balance);
  next.grants = next.grants.filter(({ source }) => !change.dropping.has(source));
  for (const grant of next.grants) {
    if (grant.source !== change.resuming || grant.rolledFrom !== undefined) continue;
    delete grant.expiresAt;
    if (change.endsAt !== undefined) grant.expiresAt = change.endsAt;
  }
  const goOn = ({ expiresAt, ...control }: HeldControl) => ({
    ...control,
    ...(control.source !== change.resuming && expiresAt !== undefined && { expiresAt }),
    ...(control.source === change.resuming && change.endsAt !== undefined && { expiresAt: change.endsAt }),
  });
  const stays = ({ source }: HeldControl) => !change.dropping.has(source);
  return changePlanControls(next, (plans) => plans.filter(stays).map(goOn), next.advancedAt);
}

/**
 * Lets the grants of a subscription pay for nothing from `at` on, or (undefined) as if they had never
 * stopped. What is used stays used, and periods end as ever.
 */
export function suspendGrants<Row extends Balance>(
  balance: Row,
  source: string,
  at: number | undefined,
): Row {
  const next = copyOf(balance);
  for (const grant of next.grants) {
    // What was bought once is paid for.
    if (grant.source !== source || isBought(grant)) continue;
    delete grant.suspendedAt;
    if (at !== undefined) grant.suspendedAt = at;
  }
  return next;
}
