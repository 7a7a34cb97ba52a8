/** Limits of use beside the amounts themselves: entity over customer over plan, for each feature and kind of control. */
import { atLeastZero, exact, nearest, total, ZERO, type Decimal } from "./amounts.js";
import { PLACES } from "./arguments.js";
import { copyOf, isCurrent, over, type Balance, type Grant, type Limit } from "./balances.js";
import type { ControlChange, HeldControl, SpendLimit, UsageLimit } from "./controlTerms.js";
import type { Scope } from "./order.js";
import { lastBoundary, MAX_INSTANT, nextBoundary, type Recurrence } from "./periods.js";
import { priceOfUsage, unitsWithin, type UsagePrice } from "./prices.js";

type Controls = NonNullable<Balance["controls"]>;

/** Changes a balance's own controls, at `now`, to which it is advanced. A limit that stays keeps its count. */
export function changeControls<Row extends Balance>(balance: Row, change: ControlChange, now: number): Row {
  const before = balance.controls?.own;
  const {
    usageLimits = before?.usageLimits,
    spendLimit = before?.spendLimit,
    overageAllowed = before?.overageAllowed,
    budget = before?.budget,
  } = change;
  const own = {
    ...(usageLimits != null && { usageLimits }),
    ...(spendLimit != null && { spendLimit }),
    ...(overageAllowed != null && { overageAllowed }),
    ...(budget != null && { budget }),
  };
  const next = copyOf(balance);
  setControls(next, { ...balance.controls, own }, now);
  return next;
}

/** Changes what plans say, at `now`; a balance of which none says anything stays as it is. */
export function changePlanControls<Row extends Balance>(
  balance: Row,
  change: (plans: readonly HeldControl[]) => HeldControl[],
  now: number,
): Row {
  const before = balance.controls?.plans ?? [];
  const plans = change(before);
  if (before.length === 0 && plans.length === 0) return balance;
  const next = copyOf(balance);
  setControls(next, { ...balance.controls, plans }, now);
  return next;
}

/** What time does at `at`: plans' controls end with their plans, and others begin. */
export function turnControls(balance: Balance, at: number): void {
  const { controls } = balance;
  if (controls?.plans === undefined) return;
  const plans = controls.plans.filter(({ expiresAt = Infinity }) => expiresAt > at);
  setControls(balance, { ...controls, plans }, at);
}

function setControls(balance: Balance, { own = {}, plans = [] }: Controls, at: number): void {
  const controls = {
    ...(Object.keys(own).length > 0 && { own }),
    ...(plans.length > 0 && { plans }),
  };
  if (Object.keys(controls).length === 0) delete balance.controls;
  else balance.controls = controls;
  resolveLimits(balance, at);
  resolveOverage(balance, at);
}

function resolveLimits(balance: Balance, at: number): void {
  rollLimits(balance, at);
  const counted = balance.limits ?? [];
  const wanted = limitsWanted(balance, at);
  const cycle = cycleOf(balance.grants, at);
  const limits = (wanted ?? []).map((limit) => limitOf(limit, counted, cycle, at));
  const isIdle = ({ interval, used }: Limit) =>
    used > 0 && !limits.some((limit) => limit.interval === interval);
  const isOwn = balance.controls?.own?.usageLimits !== undefined;
  // Leaving a plan and coming back must not be a way to count from nothing.
  const idle = isOwn ? [] : counted.filter(isIdle).map(({ max: _, ...rest }) => rest);
  if (wanted === undefined && idle.length === 0) delete balance.limits;
  else balance.limits = [...limits, ...idle];
}

function resolveOverage(balance: Balance, at: number): void {
  const { own = {} } = balance.controls ?? {};
  const plans = plansAt(balance, at);
  const says = plans.flatMap(({ overageAllowed }) => overageAllowed ?? []);
  const allowed = own.overageAllowed ?? (says.length === 0 ? undefined : !says.includes(false));
  const max = own.spendLimit === "none" ? null : (own.spendLimit ?? strictestSpend(balance, plans, at));
  const { budget } = own;
  delete balance.overage;
  if (allowed === undefined && max === undefined && budget === undefined) return;
  balance.overage = {
    ...(allowed !== undefined && { allowed }),
    ...(max !== undefined && { max }),
    ...(budget !== undefined && { budget }),
  };
}

const plansAt = ({ controls }: Balance, at: number): HeldControl[] =>
  (controls?.plans ?? []).filter((plan) => isCurrent(plan, at));

/** The usage limits to be in force: those of the balance itself, else the strictest of its plans'. */
function limitsWanted(balance: Balance, at: number): readonly UsageLimit[] | undefined {
  const limits = plansAt(balance, at).flatMap(({ usageLimit }) => usageLimit ?? []);
  const [first, ...others] = limits;
  const own = balance.controls?.own?.usageLimits;
  if (own !== undefined || first === undefined) return own;
  return [
    others.reduce((strictest, limit) => (isStricterLimit(limit, strictest) ? limit : strictest), first),
  ];
}

const DAYS: Record<UsageLimit["interval"], number> = { day: 1, week: 7, month: 30, year: 365 };

/** The lower rate per day is the stricter limit; of two alike the calendar's, which no plan change begins anew. Autumn's rule. */
function isStricterLimit(a: UsageLimit, b: UsageLimit): boolean {
  const [rateOfA, rateOfB] = [exact(a.max).times(DAYS[b.interval]), exact(b.max).times(DAYS[a.interval])];
  return rateOfA.eq(rateOfB) ? a.anchor === "utc" && b.anchor !== "utc" : rateOfA.lt(rateOfB);
}

function strictestSpend(balance: Balance, plans: readonly HeldControl[], at: number): SpendLimit | undefined {
  const limits = plans.flatMap(({ spendLimit }) => spendLimit ?? []);
  const units = (limit: SpendLimit) => spendUnits(limit, balance.grants, at);
  const [first, ...others] = limits;
  return first === undefined
    ? undefined
    : others.reduce(
        (strictest, limit) => (isLess(units(limit), units(strictest)) ? limit : strictest),
        first,
      );
}

/** Undefined is without end. */
const isLess = (a: Decimal | undefined, b: Decimal | undefined): boolean =>
  a !== undefined && (b === undefined || a.lt(b));

/** A percentage is of what the main plans grant each period; of nothing, it is no limit. */
function spendUnits(limit: SpendLimit, grants: readonly Grant[], now: number): Decimal | undefined {
  if (typeof limit === "number") return exact(limit);
  const sum = total(grants.filter((grant) => isIncluded(grant, now)).map(({ granted }) => exact(granted)));
  return sum.eq(0) ? undefined : sum.times(limit.percent).div(100).round(PLACES, 0);
}

const isIncluded = (grant: Grant, now: number): boolean =>
  grant.planId !== undefined && isMain(grant, now) && grant.prepaid !== true;

const isMain = (grant: Grant, now: number): boolean =>
  grant.reset !== undefined && isCurrent(grant, now) && grant.addOn !== true;

/** Where the periods of the main plan are counted from: of the one that has lasted longest, so that another's change moves nothing. */
function cycleOf(grants: readonly Grant[], now: number): number | undefined {
  const main = grants.filter((grant) => isMain(grant, now));
  const ofPlans = main.filter(({ planId }) => planId !== undefined);
  const anchors = (ofPlans.length > 0 ? ofPlans : main).flatMap(({ reset }) => reset?.anchor ?? []);
  return anchors.length === 0 ? undefined : Math.min(...anchors);
}

/** Weeks begin on Monday, months and years on their first day. */
const CALENDAR: Record<UsageLimit["interval"], number> = {
  day: 0,
  week: Date.UTC(1970, 0, 5),
  month: 0,
  year: 0,
};

function limitOf(
  { max, interval, anchor }: UsageLimit,
  counted: readonly Limit[],
  cycle: number | undefined,
  at: number,
): Limit {
  const start = anchor === "utc" ? undefined : cycle;
  const recurrence = { interval, count: 1, anchor: start ?? CALENDAR[interval] };
  const before = counted.find((each) => each.interval === interval && each.count === 1);
  const counter = before === undefined ? { used: 0, since: at } : counterIn(recurrence, before, at);
  return { max, ...counter, ...recurrence, nextAt: nextBoundary(recurrence, at) };
}

/** What a limit has counted, where it counts other periods from now on: of one that began sooner, a part. */
function counterIn(recurrence: Recurrence, limit: Limit, now: number): Pick<Limit, "used" | "since"> {
  const since = countsFrom(limit, now);
  return { used: limit.used, ...(since > lastBoundary(recurrence, now) && { since }) };
}

/** From when on a limit counts what is drawn, at `now`. */
export const countsFrom = (limit: Limit, now: number): number =>
  Math.max(lastBoundary(limit, now), limit.since ?? -Infinity);

/** Limits whose period is over count anew; what only counted on is forgotten. */
export function rollLimits(balance: Balance, until: number): void {
  const { limits } = balance;
  if (limits === undefined) return;
  const kept = limits.filter(({ max, nextAt }) => max !== undefined || nextAt > until);
  for (const limit of kept) {
    if (limit.nextAt > until) continue;
    Object.assign(limit, { used: 0, nextAt: nextBoundary(limit, until) });
    delete limit.since;
  }
  if (kept.length === 0 && limits.length > 0) delete balance.limits;
  else balance.limits = kept;
}

/** Limits that follow the plan's periods begin anew where those do. */
export function anchorLimits(balance: Balance, anchor: number, now: number): void {
  for (const limit of balance.limits ?? []) {
    if (Object.values(CALENDAR).includes(limit.anchor)) continue;
    Object.assign(limit, { anchor, used: 0, nextAt: nextBoundary({ ...limit, anchor }, now) });
  }
}

/**
 * Lets limits follow the periods of what pays in `scope`, where that is not in their own row: credits,
 * or what the customer has for his entity. Where those periods began anew within a limit's, so does it.
 */
export function alignLimits(rows: readonly Balance[], { pools, now }: Scope): void {
  for (const row of rows) {
    const place = pools.findIndex(({ featureId }) => featureId === row.featureId);
    if (row.limits === undefined || row.controls === undefined || place === -1) continue;
    const payers = place === 0 ? pools : pools.slice(place, place + 1);
    const cycle = payingCycle(rows, row, payers, now);
    const wanted = limitsWanted(row, now) ?? [];
    for (const [index, limit] of row.limits.entries()) {
      const follows = wanted[index] !== undefined && wanted[index].anchor !== "utc";
      if (cycle === undefined || limit.anchor === cycle || !follows) continue;
      const { since: _, ...period } = { ...limit, anchor: cycle };
      const hasBegun = cycle > lastBoundary(limit, now);
      const counter = hasBegun ? { used: 0 } : counterIn(period, limit, now);
      row.limits[index] = { ...period, ...counter, nextAt: nextBoundary(period, now) };
    }
  }
}

/** The periods of the limited row's own grants, else of the first that pays for it: the entity's before the customer's. */
function payingCycle(
  rows: readonly Balance[],
  { entityId }: Balance,
  pools: Scope["pools"],
  now: number,
): number | undefined {
  for (const owner of new Set([entityId, undefined])) {
    for (const { featureId } of pools) {
      const payer = rows.find((row) => row.featureId === featureId && row.entityId === owner);
      const cycle = payer && cycleOf(payer.grants, now);
      if (cycle !== undefined) return cycle;
    }
  }
  return undefined;
}

/** What a row can control, and the name of its own control of that. */
const OWN = { limits: "usageLimits", allowed: "overageAllowed", max: "spendLimit" } as const;
export type Control = keyof typeof OWN;

/**
 * The row whose control counts for a call: the entity's own, else the customer's own, else that of
 * the plans of either, the stricter. Rows must be advanced.
 */
export function governingRow(
  rows: readonly Balance[],
  featureId: string,
  entityId: string | undefined,
  control: Control,
): Balance | undefined {
  const controlled = rows.filter((row) => row.featureId === featureId && isControlled(row, control));
  const shared = controlled.find((row) => row.entityId === undefined);
  const own = entityId === undefined ? undefined : controlled.find((row) => row.entityId === entityId);
  if (own === undefined || shared === undefined) return own ?? shared;
  if (!isPlans(own, control)) return own;
  return !isPlans(shared, control) || isStricter(shared, own, control, rows) ? shared : own;
}

function isControlled({ limits, overage }: Balance, control: Control): boolean {
  if (control !== "limits") return overage?.[control] !== undefined;
  return limits !== undefined && (limits.length === 0 || limits.some(({ max }) => max !== undefined));
}

const isPlans = ({ controls }: Balance, control: Control): boolean =>
  controls !== undefined && controls.own?.[OWN[control]] === undefined;

function isStricter(a: Balance, b: Balance, control: Control, rows: readonly Balance[]): boolean {
  if (control === "allowed") return a.overage?.allowed === false;
  if (control === "max") return isLess(spendLimitOf(rows, a), spendLimitOf(rows, b));
  const [[ofA] = [], [ofB] = []] = [limitsWanted(a, a.advancedAt), limitsWanted(b, b.advancedAt)];
  return ofA !== undefined && (ofB === undefined || isStricterLimit(ofA, ofB));
}

export function limitsOf(rows: readonly Balance[], featureId: string, entityId?: string): Limit[] {
  return governingRow(rows, featureId, entityId, "limits")?.limits ?? [];
}

/** The rows that `governing`'s spend limit spans: all of the customer's, or what an entity can draw on. */
export function spannedRows<Row extends Balance>(rows: readonly Row[], governing: Balance): Row[] {
  const owners = [undefined, governing.entityId];
  return rows.filter(
    ({ featureId, entityId }) =>
      featureId === governing.featureId && (governing.entityId === undefined || owners.includes(entityId)),
  );
}

/**
 * All that one entity may know of the rows of others: what they owe, in units and in money, and what their
 * main plans include, in sum, as of `now`. A spend limit or budget that spans them holds with this row in
 * their place as it does with them.
 */
export function inSum(featureId: string, rows: readonly Balance[], now: number): Balance {
  const grants = rows.flatMap((row) => row.grants);
  const sum = { source: "others", createdAt: now };
  const ever = { interval: "year", count: 1, anchor: now, nextAt: MAX_INSTANT } as const;
  const included = grants.filter((grant) => isIncluded(grant, now)).map(({ granted }) => exact(granted));
  return {
    featureId,
    // No entity has such an id.
    entityId: "\u0000others",
    grants: [
      { id: "owed", ...sum, granted: 0, ...owedBy(grants) },
      { id: "included", ...sum, granted: nearest(total(included)), used: 0, planId: "others", reset: ever },
    ],
    advancedAt: now,
  };
}

/** Priced as one pack that costs it all. */
function owedBy(grants: readonly Grant[]): Pick<Grant, "used" | "overage"> {
  const [used, cost] = [over, costOf].map((amountOf) => nearest(total(grants.map(amountOf))));
  if (!used || !cost) return { used: used ?? 0 };
  const price: UsagePrice = {
    tiers: [{ to: "inf", amount: cost }],
    tierBehavior: "graduated",
    billingUnits: used,
  };
  return { used, overage: { price } };
}

/**
 * The spend limit that `governing` sets, in units; undefined if it sets none. A percentage follows the
 * plans, and those of the customer count for his entity as well.
 */
export function spendLimitOf(rows: readonly Balance[], governing: Balance): Decimal | undefined {
  const max = governing.overage?.max;
  if (max === undefined || max === null) return undefined;
  const grants = spannedRows(rows, governing).flatMap((row) => row.grants);
  return spendUnits(max, grants, governing.advancedAt);
}

/**
 * How far a grant may still go beyond what it granted until all that the customer owes for the feature costs
 * more than his budget; undefined without one, and of what costs nothing. Computed by the prices of the very
 * grants, so that whatever his plans become, what he is charged for a period stays within it.
 */
export function budgetRoom(rows: readonly Balance[], featureId: string, grant: Grant): Decimal | undefined {
  const own = rows.filter((row) => row.featureId === featureId);
  const budget = own.find(({ entityId }) => entityId === undefined)?.overage?.budget;
  if (budget === undefined || !isCharged(grant)) return undefined;
  const owed = own.flatMap(({ grants }) => grants.flatMap((each) => (each === grant ? [] : costOf(each))));
  const units = unitsWithin(
    grant.overage.price,
    grant.granted,
    atLeastZero(exact(budget).minus(total(owed))),
  );
  return units === undefined ? undefined : atLeastZero(units.minus(Math.max(grant.used, grant.granted)));
}

type ChargedGrant = Grant & { overage: NonNullable<Grant["overage"]> };

/** A debt that is carried is paid in units. */
const isCharged = (grant: Grant): grant is ChargedGrant =>
  grant.overage !== undefined && grant.carry !== true && grant.unlimited !== true;

/** What a grant would be charged if its period ended now. */
const costOf = (grant: Grant): Decimal =>
  isCharged(grant) && over(grant).gt(0)
    ? exact(priceOfUsage(grant.overage.price, grant.used, grant.granted))
    : ZERO;

/** Whether a row sets a budget: it spans all that the customer's entities owe. */
export const isBudgeted = ({ overage }: Balance): boolean => overage?.budget !== undefined;

/** Whether a row may ever limit what is spent: such a limit of a customer spans his entities. */
export const limitsSpending = ({ controls }: Balance): boolean =>
  [controls?.own, ...(controls?.plans ?? [])].some((held) => held?.spendLimit !== undefined);
