/** Customers' plans: how one takes the place of another, now or at an instant that is decided now. */
import { planOf, type Item, type Plan } from "../terms.js";
import { nano, notBelowZero, type Nano } from "./amounts.js";
import { boundaryAfter, DAY, monthsLater } from "./calendar.js";
import { openCustomer } from "./customers.js";
import { countEntities } from "./entities.js";
import { topUp } from "./grants.js";
import { anchorLimits } from "./limits.js";
import { closePeriod, handOver, settleDebt } from "./time.js";
import { findUse } from "./uses.js";
import { featureOf } from "../terms.js";
import {
  addPot,
  adjustPot,
  assertEntity,
  customerOf,
  isLive,
  KnownWrong,
  left,
  owed,
  Refusal,
  removePots,
  rowOf,
  type Customer,
  type Pot,
  type Subscription,
  type World,
} from "./world.js";

export type When = "now" | "period_end";

export interface AttachAsk {
  plan: string;
  entity: string | null;
  when: When;
  quantities: Record<string, number>;
  trial: { length: number; unit: "day" | "month" | "year" } | null;
  fingerprint: string | null;
  carriesUsage: boolean;
  carriesBalance: boolean;
  key: string | null;
}

interface Beginning {
  source: string;
  starts: number;
  ends: number | null;
  anchor: number;
  quantities: Record<string, number>;
}

/** What an item gives to whoever has just bought it. */
export function potOf(world: World, customer: Customer, plan: Plan, item: Item, begins: Beginning): Pot {
  const starts = Math.max(world.now, begins.starts);
  const { every, price, rollover } = item;
  const { anchor } = begins;
  return {
    serial: ++customer.lastSerial,
    feature: item.feature,
    entity: null,
    source: begins.source,
    plan: plan.id,
    granted: grantedBy(item, begins.quantities[item.feature]),
    used: 0n,
    since: world.now,
    starts: starts > world.now ? starts : null,
    ends: begins.ends,
    endless: item.unlimited === true || featureOf(world.terms, item.feature).kind === "boolean",
    period: every === undefined ? null : { every, anchor, next: boundaryAfter(every, anchor, starts) },
    priority: 0,
    addOn: plan.addOn === true,
    prepaid: price?.method === "prepaid",
    perEntity: false,
    usageBased:
      price?.method === "usage_based"
        ? { price, max: price.max === undefined ? null : nano(price.max) }
        : null,
    carries: item.carries === true,
    rollover: rollover ?? null,
    heirOf: null,
    leftOf: null,
    given: 0n,
    isLedgered: true,
    mayOwe: false,
    base: 0n,
  };
}

/** Units bought in advance count what is included, and come in whole packs. */
function grantedBy({ included, price }: Item, quantity: number | undefined): Nano {
  const free = nano(included);
  if (quantity === undefined || price?.method !== "prepaid") return free;
  const extra = notBelowZero(nano(quantity) - free);
  const pack = nano(price.packs);
  return free + ((extra + pack - 1n) / pack) * pack;
}

/** The plans that every customer begins with. */
export function startDefaults(world: World, customer: Customer): void {
  for (const plan of world.terms.plans.filter(({ isDefault }) => isDefault)) {
    const held = subscribe(customer, {
      terms: plan,
      entity: null,
      anchor: world.now,
      starts: world.now,
    });
    for (const item of plan.items.filter(({ entityFeature }) => entityFeature === undefined))
      addPot(customer, potOf(world, customer, plan, item, beginningOf(held)));
    planEvent(world, customer, plan.id, null, null);
  }
}

function subscribe(
  customer: Customer,
  held: Pick<Subscription, "terms" | "entity" | "anchor" | "starts"> & Partial<Subscription>,
): Subscription {
  const subscription: Subscription = {
    serial: ++customer.lastSerial,
    ends: held.trialEnds ?? null,
    trialEnds: null,
    fingerprint: null,
    quantities: {},
    ...held,
  };
  customer.subscriptions.push(subscription);
  return subscription;
}

export const beginningOf = ({ serial, starts, ends, anchor, quantities }: Subscription): Beginning => ({
  source: String(serial),
  starts,
  ends,
  anchor,
  quantities,
});

export function planEvent(
  world: World,
  customer: Customer,
  plan: string,
  entity: string | null,
  key: string | null,
): void {
  customer.uses.push({
    kind: "plan",
    feature: null,
    entity,
    plan,
    value: 0n,
    uncovered: 0n,
    lots: [],
    at: world.now,
    remaining: 0,
    unlimited: false,
    key,
    label: null,
  });
}

/** Whether a change was made before under its key. */
function isRepeat(
  customer: Customer | undefined,
  key: string | null,
  plan: string,
  entity: string | null,
): boolean {
  const use = key === null ? undefined : findUse(customer, key);
  if (use === undefined) return false;
  if (use.kind !== "plan" || use.plan !== plan || use.entity !== entity)
    throw new Refusal("idempotency_conflict");
  return true;
}

export function attach(world: World, customerId: string, ask: AttachAsk): { startsAt: number } | "replayed" {
  const plan = planOf(world.terms, ask.plan);
  if (isRepeat(world.customers.get(customerId), ask.key, plan.id, ask.entity)) return "replayed";
  const customer = openCustomer(world, customerId, ask.entity);
  const before = customer.lastSerial;
  const startsAt = isTopUp(plan) ? buy(world, customer, plan, ask) : change(world, customer, plan, ask);
  if (customer.lastSerial > before || ask.key !== null)
    planEvent(world, customer, plan.id, ask.entity, ask.key);
  return { startsAt };
}

/** Paid once and kept: it is added to what there is, and replaces nothing. */
const isTopUp = ({ price, items }: Plan): boolean =>
  price !== undefined && price.every === undefined && items.every(({ every }) => every === undefined);

function buy(world: World, customer: Customer, plan: Plan, ask: AttachAsk): number {
  for (const item of plan.items) {
    const pot = potOf(world, customer, plan, item, {
      source: plan.id,
      starts: world.now,
      ends: null,
      anchor: world.now,
      quantities: ask.quantities,
    });
    topUp(world, customer, { ...pot, entity: ask.entity });
  }
  return world.now;
}

/** Those that go on, then those that end, the soonest first. */
export function openOf(world: World, customer: Customer): Subscription[] {
  const endless = customer.subscriptions.filter(({ ends }) => ends === null);
  const ending = customer.subscriptions.filter(({ ends }) => ends !== null && ends > world.now);
  return [...endless, ...ending.sort((a, b) => (a.ends ?? 0) - (b.ends ?? 0))];
}

function change(world: World, customer: Customer, plan: Plan, ask: AttachAsk): number {
  const { now } = world;
  const rivals = openOf(world, customer).filter(
    (each) =>
      !plan.addOn && !each.terms.addOn && each.terms.group === plan.group && each.entity === ask.entity,
  );
  const ending = rivals.filter(({ starts }) => starts <= now);
  const dropping = rivals.filter(({ starts }) => starts > now);
  const isPaidFor = ending.every((old) => (plan.price?.amount ?? 0) > (old.terms.price?.amount ?? 0));
  const startsAfresh = isPaidFor && !ask.carriesUsage;
  const ends = ending.map((old) => periodEnd(old, now) ?? now);
  const at = ask.when === "period_end" ? Math.max(now, ...ends) : now;
  const same = ending.find((each) => each.terms === plan && each.trialEnds === null);
  const isAsked = Object.keys(ask.quantities).length > 0 || ask.trial !== null;
  if (same !== undefined && same.ends === null && dropping.length === 0 && !isAsked) return same.starts;
  if (ask.trial !== null) refuseSecondTrial(world, customer, ask);
  const begun = transition(world, customer, {
    entity: ask.entity,
    ending,
    dropping,
    incoming: {
      plan,
      anchor: at > now ? at : startsAfresh ? now : Math.min(now, ...ending.map(({ anchor }) => anchor)),
      quantities: ask.quantities,
      trialEnds: ask.trial === null ? null : endOfTrial(at, ask.trial),
      fingerprint: ask.trial === null ? null : ask.fingerprint,
    },
    at,
    keepsUsage: !startsAfresh,
    keepsBalance: ask.carriesBalance,
  });
  if (begun?.trialEnds != null) succeed(world, customer, begun, begun.trialEnds);
  return at;
}

/** When the period of a subscription ends that is now: of its price, else of what it gives. */
function periodEnd({ terms, anchor }: Subscription, now: number): number | null {
  if (terms.price?.every) return boundaryAfter(terms.price.every, anchor, now);
  const ends = terms.items.flatMap(({ every }) => (every ? boundaryAfter(every, anchor, now) : []));
  return ends.length === 0 ? null : Math.max(...ends);
}

function endOfTrial(from: number, { length, unit }: NonNullable<AttachAsk["trial"]>): number {
  return unit === "day" ? from + length * DAY : monthsLater(from, length * (unit === "year" ? 12 : 1));
}

/** One trial of a plan for a customer, and for a person whatever his accounts. */
function refuseSecondTrial(world: World, customer: Customer, { plan, fingerprint }: AttachAsk): void {
  const trials = [...world.customers.values()].flatMap((each) =>
    each.subscriptions
      .filter(({ terms, trialEnds }) => terms.id === plan && trialEnds !== null)
      .map((held) => ({ ...held, customer: each })),
  );
  const had = trials.some(
    (trial) => trial.customer === customer || (fingerprint !== null && trial.fingerprint === fingerprint),
  );
  if (had) throw new Refusal("invalid_argument");
}

/** At the end of a plan that ends without another, the default plan of its group begins. */
function succeed(world: World, customer: Customer, ended: Subscription, at: number): void {
  const successor = ended.terms.addOn ? undefined : defaultOf(world, ended.terms.group);
  if (successor === undefined) return;
  transition(world, customer, {
    entity: ended.entity,
    ending: [ended],
    dropping: [],
    incoming: { plan: successor, anchor: at, quantities: {}, trialEnds: null, fingerprint: null },
    at,
    keepsUsage: true,
    keepsBalance: false,
  });
}

const defaultOf = ({ terms }: World, group: string): Plan | undefined =>
  terms.plans.find((plan) => plan.isDefault && !plan.addOn && plan.group === group);

interface Transition {
  entity: string | null;
  ending: Subscription[];
  dropping: Subscription[];
  incoming: {
    plan: Plan;
    anchor: number;
    quantities: Record<string, number>;
    trialEnds: number | null;
    fingerprint: string | null;
  } | null;
  at: number;
  keepsUsage: boolean;
  keepsBalance: boolean;
}

/** Ends, drops and begins; answers the subscription that begins. */
function transition(world: World, customer: Customer, step: Transition): Subscription | null {
  const { entity, ending, dropping, incoming, at } = step;
  const begun =
    incoming === null
      ? null
      : subscribe(customer, {
          terms: incoming.plan,
          entity,
          anchor: incoming.anchor,
          starts: at,
          ends: incoming.trialEnds,
          trialEnds: incoming.trialEnds,
          fingerprint: incoming.fingerprint,
          quantities: incoming.quantities,
        });
  const isNow = at <= world.now;
  for (const { feature, owner, items } of rowsOf(customer, step)) {
    const starting = items.map((item) => ({
      ...potOf(world, customer, incoming!.plan, item, beginningOf(begun!)),
      entity: owner,
      perEntity: owner !== entity,
      heirOf: isNow || ending[0] === undefined ? null : String(ending[0].serial),
    }));
    if (isNow) replace(world, customer, { feature, entity: owner }, starting, step);
    else schedule(customer, { feature, entity: owner }, starting, step);
  }
  for (const held of ending) held.ends = at;
  for (const held of dropping) held.ends = world.now;
  if (isNow && entity === null && incoming !== null) countHeld(world, customer, incoming.plan);
  return begun;
}

/** What a plan brings to be held counts the entities that are there already. */
function countHeld(world: World, customer: Customer, { items }: Plan): void {
  const held = items.filter(
    ({ feature, entityFeature }) =>
      featureOf(world.terms, feature).kind === "held" && entityFeature === undefined,
  );
  for (const feature of new Set(held.map((item) => item.feature))) countEntities(world, customer, feature);
}

/** The rows that a change touches, with what comes into each. */
function rowsOf(customer: Customer, { entity, ending, dropping, incoming }: Transition) {
  const plans = [...ending, ...dropping].map(({ terms }) => terms);
  if (incoming !== null) plans.push(incoming.plan);
  const features = [...new Set(plans.flatMap(({ items }) => items.map(({ feature }) => feature)))];
  return features.flatMap((feature) => {
    const items = incoming?.plan.items.filter((item) => item.feature === feature) ?? [];
    // What a plan of one entity's own gives to each entity, it gives to that one.
    const own = entity === null ? items.filter(({ entityFeature }) => entityFeature === undefined) : items;
    const others = (entity === null ? customer.entities : []).map(({ id, feature: kind }) => ({
      feature,
      owner: id as string | null,
      items: items.filter(({ entityFeature }) => entityFeature === kind),
    }));
    return [{ feature, owner: entity, items: own }, ...others];
  });
}

interface Row {
  feature: string;
  entity: string | null;
}

/** In one row, now: periods close, what was used stays used or not, what was bought once stays. */
function replace(
  world: World,
  customer: Customer,
  row: Row,
  heirs: readonly Pot[],
  { ending, dropping, keepsUsage, keepsBalance }: Transition,
): void {
  const sources = [...ending, ...dropping].map(({ serial }) => String(serial));
  const ended = rowOf(customer, row.feature, row.entity).filter(({ source }) => sources.includes(source));
  if (ended.length === 0 && heirs.length === 0) return;
  const isHeld = featureOf(world.terms, row.feature).kind === "held";
  const staysUsed = keepsUsage || isHeld;
  const live = ended.filter((pot) => isLive(pot, world.now));
  for (const pot of live) closePeriod(world, customer, pot);
  const plain = live.filter(({ leftOf }) => leftOf === null);
  const gone = ended.filter(({ leftOf }) => leftOf === null);
  removePots(customer, new Set(gone));
  const begun = heirs.map((heir) => addPot(customer, { ...heir }));
  handOver(customer, plain, begun, () => staysUsed);
  removePots(
    customer,
    new Set(customer.pots.filter((pot) => gone.some(({ serial }) => serial === pot.leftOf))),
  );
  for (const old of plain) {
    if (keepsBalance && !isHeld) carryBalance(world, customer, old, begun);
    else if (old.prepaid && old.period === null) keepRest(world, customer, old, null);
  }
  const renewed = staysUsed ? undefined : begun.find(({ period }) => period !== null);
  if (renewed?.period != null) anchorLimits(customer, row, renewed.period.anchor);
  settleDebt(world, customer, row.feature, row.entity);
}

/** What is left of a pot, as one of its own. */
function keepRest(world: World, customer: Customer, old: Pot, ends: number | null): void {
  if (left(old) === 0n) return;
  addPot(customer, {
    ...old,
    serial: ++customer.lastSerial,
    source: "leftover",
    plan: null,
    granted: left(old),
    used: 0n,
    since: world.now,
    starts: null,
    ends,
    endless: false,
    period: null,
    priority: 0,
    addOn: false,
    prepaid: false,
    perEntity: false,
    usageBased: null,
    carries: false,
    rollover: null,
    heirOf: null,
    given: 0n,
    isLedgered: true,
    mayOwe: false,
    base: 0n,
  });
}

/** What is left stays until it would have reset; what is owed, and not charged for, counts against the first heir. */
function carryBalance(world: World, customer: Customer, old: Pot, heirs: readonly Pot[]): void {
  const [first] = heirs;
  if (old.usageBased === null && first !== undefined && owed(old) > 0n) {
    first.mayOwe = true;
    adjustPot(customer, first, { used: first.used + owed(old) });
  }
  keepRest(world, customer, old, old.period?.next ?? null);
}

/** In one row, later: what ends is told when, and what begins waits for it. */
function schedule(
  customer: Customer,
  row: Row,
  starting: readonly Pot[],
  { ending, dropping, at }: Transition,
): void {
  const isOf = (held: readonly Subscription[], { source }: Pot) =>
    held.some(({ serial }) => String(serial) === source);
  const pots = rowOf(customer, row.feature, row.entity);
  removePots(customer, new Set(pots.filter((pot) => isOf(dropping, pot))));
  for (const pot of pots.filter((each) => isOf(ending, each) && each.leftOf === null)) {
    if (pot.prepaid && pot.period === null)
      throw new KnownWrong("units bought once are lost when their plan ends later");
    pot.ends = Math.min(at, pot.ends ?? Infinity);
  }
  for (const pot of starting) addPot(customer, pot);
}

/** The subscription of that plan that the customer has now: one that goes on before one that ends. */
function activeOf(world: World, customer: Customer, plan: string, entity: string | null): Subscription {
  const found = openOf(world, customer).find(
    (each) => each.terms.id === plan && each.entity === entity && each.starts <= world.now,
  );
  if (found === undefined) throw new Refusal("plan_not_found");
  return found;
}

const scheduledAfter = (world: World, customer: Customer, { terms, entity }: Subscription): Subscription[] =>
  terms.addOn
    ? []
    : openOf(world, customer).filter(
        (each) =>
          each.starts > world.now &&
          each.terms.group === terms.group &&
          each.entity === entity &&
          !each.terms.addOn,
      );

export function cancel(
  world: World,
  customerId: string,
  { plan, entity, when, key }: { plan: string; entity: string | null; when: When; key: string | null },
): { endsAt: number } | "replayed" {
  if (isRepeat(world.customers.get(customerId), key, plan, entity)) return "replayed";
  const customer = customerOf(world, customerId);
  assertEntity(customer, entity);
  const canceled = activeOf(world, customer, plan, entity);
  const end = when === "now" ? world.now : (periodEnd(canceled, world.now) ?? world.now);
  const at = Math.min(end, canceled.trialEnds ?? Infinity);
  const successor = canceled.terms.addOn ? undefined : defaultOf(world, canceled.terms.group);
  transition(world, customer, {
    entity,
    ending: [canceled],
    dropping: scheduledAfter(world, customer, canceled),
    incoming:
      successor === undefined || successor.id === plan
        ? null
        : {
            plan: successor,
            anchor: at > world.now ? at : canceled.anchor,
            quantities: {},
            trialEnds: null,
            fingerprint: null,
          },
    at,
    keepsUsage: true,
    keepsBalance: false,
  });
  planEvent(world, customer, plan, entity, key);
  return { endsAt: at };
}

/** Takes a scheduled end back, with what was to begin then. */
export function resume(
  world: World,
  customerId: string,
  { plan, entity }: { plan: string; entity: string | null },
): boolean {
  const customer = customerOf(world, customerId);
  assertEntity(customer, entity);
  const resuming = activeOf(world, customer, plan, entity);
  if (resuming.ends === resuming.trialEnds) return false;
  const dropping = scheduledAfter(world, customer, resuming);
  const isOf = (held: readonly Subscription[], { source }: Pot) =>
    held.some(({ serial }) => String(serial) === source);
  removePots(customer, new Set(customer.pots.filter((pot) => isOf(dropping, pot))));
  for (const pot of customer.pots)
    if (isOf([resuming], pot) && pot.leftOf === null) pot.ends = resuming.trialEnds;
  resuming.ends = resuming.trialEnds;
  for (const held of dropping) held.ends = world.now;
  planEvent(world, customer, plan, entity, null);
  return true;
}
