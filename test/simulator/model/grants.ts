/** Amounts outside of plans: given, set and ended by hand. */
import { featureOf } from "../terms.js";
import { least, most, nano, sum, type Nano } from "./amounts.js";
import { boundaryAfter, type Every } from "./calendar.js";
import { openCustomer } from "./customers.js";
import { payersOf, type Scope } from "./order.js";
import { summaryOf, type Summary } from "./summaries.js";
import { expire, settleDebt } from "./time.js";
import { findUse } from "./uses.js";
import {
  addPot,
  adjustPot,
  assertEntity,
  bookOf,
  customerOf,
  left,
  owed,
  Refusal,
  rowOf,
  Unknown,
  type Customer,
  type Lot,
  type Pot,
  type Use,
  type World,
} from "./world.js";

export interface GrantAsk extends Scope {
  amount: number | null;
  startsAt: number | null;
  expiresAt: number | null;
  priority: number | null;
  every: Every | null;
  /** Where its periods are counted from; its start, unless told. */
  anchor: number | null;
  key: string | null;
}

export interface ChangeAnswer {
  replayed: boolean;
  balance: Summary | null;
}

export function grant(world: World, customerId: string, ask: GrantAsk): ChangeAnswer {
  const { feature, entity, startsAt, expiresAt, every } = ask;
  const endless = featureOf(world.terms, feature).kind === "boolean" || ask.amount === null;
  if (expiresAt !== null && expiresAt <= Math.max(world.now, startsAt ?? 0))
    throw new Refusal("invalid_argument");
  const value = endless ? 0n : nano(ask.amount ?? 0);
  const known = world.customers.get(customerId);
  const how = JSON.stringify([ask.priority, every?.interval, every?.count]);
  if (isRepeat(known, ask.key, { kind: "grant", feature, entity, value, how })) return REPLAYED;
  const customer = openCustomer(world, customerId, entity);
  const starts = Math.max(world.now, startsAt ?? world.now);
  const anchor = ask.anchor ?? starts;
  const wanted: Pot = {
    serial: ++customer.lastSerial,
    feature,
    entity,
    source: "grant",
    plan: null,
    granted: value,
    used: 0n,
    since: world.now,
    starts: starts > world.now ? starts : null,
    ends: expiresAt,
    endless,
    period: every && { every, anchor, next: boundaryAfter(every, anchor, starts) },
    priority: ask.priority ?? 0,
    addOn: false,
    prepaid: false,
    bought: false,
    perEntity: false,
    usageBased: null,
    carries: false,
    rollover: null,
    heirOf: null,
    leftOf: null,
    given: 0n,
    isLedgered: true,
    mayOwe: false,
    base: 0n,
  };
  const pot = topUp(world, customer, wanted);
  const lot = { pot: pot.serial, amount: -value, units: -value, lapses: null, at: 0 };
  return {
    replayed: false,
    balance: log(world, customer, "grant", { ...ask, how }, value, [lot], rowSummary(world, customer, ask)),
  };
}

const REPLAYED: ChangeAnswer = { replayed: true, balance: null };

/** Into a pot of equal terms that is not overdrawn, else as one of its own. It pays debts at once. */
export function topUp(world: World, customer: Customer, wanted: Pot): Pot {
  const twin = rowOf(customer, wanted.feature, wanted.entity).find(
    (pot) => termsOf(pot) === termsOf(wanted) && pot.used >= 0n && pot.used <= pot.granted,
  );
  if (twin === undefined) addPot(customer, wanted);
  else {
    twin.granted += wanted.granted;
    twin.given += wanted.granted;
    bookOf(customer, twin.feature).entered += twin.endless ? 0n : wanted.granted;
  }
  settleDebt(world, customer, wanted.feature, wanted.entity);
  return twin ?? wanted;
}

/** All that two pots must have in common to be one. */
function termsOf({ source, plan, starts, ends, endless, period, priority, ...pot }: Pot): string {
  const { addOn, prepaid, perEntity, usageBased, carries, rollover, heirOf, leftOf } = pot;
  return JSON.stringify(
    [
      [source, plan, starts, ends, endless, period, priority],
      [addOn, prepaid, perEntity, usageBased, carries, rollover, heirOf, leftOf],
    ],
    (_key, value: unknown) => (typeof value === "bigint" ? String(value) : value),
  );
}

export type Target = { remaining: number } | { usage: number } | { granted: number };

export interface SetAsk extends Scope {
  /** Which pot of the row, counted round; all that are live unless told. */
  pot: number | null;
  target: Target;
  key: string | null;
}

/** What is drawn on by name, or by a use without an entity: all that is set together. */
export function setByHand(world: World, customerId: string, ask: SetAsk): ChangeAnswer {
  const { feature, entity, target, key } = ask;
  const known = world.customers.get(customerId);
  const pot = ask.pot === null ? null : potAt(known, ask, ask.pot);
  const value = nano(Object.values(target)[0] ?? 0);
  const how = `${Object.keys(target)[0]} ${pot?.serial ?? ""}`;
  if (isRepeat(known, key, { kind: "adjust", feature, entity, value, how })) return REPLAYED;
  const customer = customerOf(world, customerId);
  assertEntity(customer, entity);
  const rows = loadedRows(world, customer, ask, true);
  const before = worths(rows());
  const payers = payersOf(world, { ...customer, pots: rows() }, aloneIn(ask));
  setPots(
    customer,
    payers.map((payer) => payer.pot),
    target,
    pot,
  );
  const lots = lotsOf(before, worths(rows()));
  const summary = summaryOfRows(world, customer, rows(), ask);
  return { replayed: false, balance: log(world, customer, "adjust", { ...ask, how }, value, lots, summary) };
}

/** No credits. */
const aloneIn = ({ feature, entity }: Scope): Scope => ({ feature, entity, isAlone: true });

/** The pots of the rows that a change by hand looks at, as they are whenever it is asked. */
function loadedRows(world: World, customer: Customer, scope: Scope, forAll: boolean): () => Pot[] {
  const { feature, entity } = scope;
  const isPerEntity = world.terms.plans.some(({ items }) =>
    items.some((item) => item.feature === feature && item.entityFeature !== undefined),
  );
  // A customer's spend limit brings the rows of all of his entities.
  const isShared = customer.controls.some(
    (each) => each.feature === feature && each.entity === null && each.spend !== null,
  );
  const all = entity === null && ((forAll && isPerEntity) || isShared);
  return () => customer.pots.filter((pot) => pot.feature === feature && (all || pot.entity === entity));
}

function setPots(customer: Customer, live: readonly Pot[], target: Target, pot: Pot | null): void {
  const counters = live.filter(({ endless }) => "usage" in target && endless);
  const settable = counters.length > 0 ? counters : live.filter(({ endless }) => !endless);
  const chosen = pot === null ? settable : live.filter(({ serial }) => serial === pot.serial);
  const [first] = chosen;
  if (first === undefined) throw new Refusal("invalid_argument");
  if (first.endless && !("usage" in target)) throw new Refusal("invalid_argument");
  if ("granted" in target) {
    if (chosen.length > 1) throw new Refusal("invalid_argument");
    first.mayOwe = true;
    adjustByHand(customer, first, { granted: nano(target.granted) });
    return;
  }
  if ("usage" in target) {
    spread(customer, chosen, nano(target.usage) - sum(chosen.map(({ used }) => used)));
  } else {
    // Where so much is to be left, nothing is owed.
    for (const each of chosen) adjustByHand(customer, each, { used: each.used - owed(each) });
    spread(customer, chosen, sum(chosen.map((each) => left(each))) - nano(target.remaining));
  }
  rebase(chosen);
}

/** No draw took what was set by hand: giving back a draw does not give that. */
function rebase(pots: readonly Pot[]): void {
  for (const pot of pots) pot.base = least(pot.used, most(pot.base, 0n));
}

/** Takes in burn order; or gives back what is owed, then what is used. What is over goes to the first that is no rollover. */
function spread(customer: Customer, pots: readonly Pot[], change: Nano): void {
  let todo = change;
  const use = (pot: Pot, amount: Nano) => {
    adjustByHand(customer, pot, { used: pot.used + amount });
    todo -= amount;
  };
  for (const pot of pots) use(pot, least(most(todo, 0n), left(pot)));
  for (const pot of pots) use(pot, -least(most(-todo, 0n), owed(pot)));
  for (const pot of pots) use(pot, -least(most(-todo, 0n), most(pot.used, 0n)));
  const keeper = pots.find(({ leftOf }) => leftOf === null) ?? pots[0];
  if (keeper === undefined || todo === 0n) return;
  keeper.mayOwe = true;
  use(keeper, todo);
}

/** An event tells what was done by hand: the ledger stays whole. */
function adjustByHand(customer: Customer, pot: Pot, change: Partial<Pick<Pot, "granted" | "used">>): void {
  const { isLedgered } = pot;
  adjustPot(customer, pot, change);
  pot.isLedgered = isLedgered;
}

export interface RevokeAsk extends Scope {
  pot: number;
  key: string | null;
}

export function revoke(world: World, customerId: string, ask: RevokeAsk): ChangeAnswer {
  const { feature, entity, key } = ask;
  const known = world.customers.get(customerId);
  const pot = potAt(known, ask, ask.pot);
  const how = `revoke ${pot.serial}`;
  if (isRepeat(known, key, { kind: "expire", feature, entity, value: 0n, how })) return REPLAYED;
  const customer = customerOf(world, customerId);
  assertEntity(customer, entity);
  const rows = loadedRows(world, customer, ask, false);
  const before = worths(rows());
  pot.ends = world.now;
  expire(world, customer, feature, entity);
  settleDebt(world, customer, feature, entity);
  const lots = lotsOf(before, worths(rows()));
  const summary = summaryOfRows(world, customer, rows(), ask);
  return { replayed: false, balance: log(world, customer, "expire", { ...ask, how }, 0n, lots, summary) };
}

/** Which pot a step means: counted round, so that it means one as long as there is any. */
export function potAt(customer: Customer | undefined, { feature, entity }: Scope, place: number): Pot {
  const row = customer === undefined ? [] : rowOf(customer, feature, entity);
  const pot = row[place % Math.max(1, row.length)];
  if (pot === undefined) throw new Unknown(`a grant of ${feature}`);
  return pot;
}

/** What is in each pot, less what it owes. */
export const worths = (pots: readonly Pot[]): Map<number, Nano> =>
  new Map(pots.map((pot) => [pot.serial, pot.endless ? 0n : pot.granted - pot.used]));

/** What each pot lost. */
export function lotsOf(before: ReadonlyMap<number, Nano>, after: ReadonlyMap<number, Nano>): Lot[] {
  return [...before].flatMap(([pot, worth]) => {
    const amount = worth - (after.get(pot) ?? 0n);
    return amount === 0n ? [] : [{ pot, amount, units: amount, lapses: null, at: 0 }];
  });
}

function isRepeat(
  customer: Customer | undefined,
  key: string | null,
  call: Pick<Use, "kind" | "feature" | "entity" | "value" | "how">,
): boolean {
  const use = key === null ? undefined : findUse(customer, key);
  if (use === undefined) return false;
  const { kind, feature, entity, value, how } = call;
  const isSame =
    use.kind === kind &&
    use.feature === feature &&
    use.entity === entity &&
    use.value === value &&
    use.how === how;
  if (!isSame) throw new Refusal("idempotency_conflict");
  return true;
}

/** Writes what was done by hand into the log; answers the row's own balance. */
function log(
  world: World,
  customer: Customer,
  kind: Use["kind"],
  { feature, entity, key, how }: Scope & { key: string | null; how?: string },
  value: Nano,
  lots: Lot[],
  balance: Summary,
): Summary {
  customer.uses.push({
    kind,
    feature,
    entity,
    plan: null,
    value,
    uncovered: 0n,
    lots,
    at: world.now,
    remaining: balance.remaining,
    unlimited: balance.unlimited,
    key,
    label: null,
    ...(how !== undefined && { how }),
  });
  return balance;
}

/** A row by itself: nobody else's balance counted in. */
export const rowSummary = (world: World, customer: Customer, scope: Scope): Summary =>
  summaryOfRows(world, customer, rowOf(customer, scope.feature, scope.entity), scope);

function summaryOfRows(world: World, customer: Customer, pots: Pot[], scope: Scope): Summary {
  const controls = customer.controls.filter(({ entity }) => entity === scope.entity);
  return summaryOf(world, { ...customer, pots, controls }, aloneIn(scope));
}
