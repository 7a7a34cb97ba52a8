/** Customers' plans: how one takes the place of another, now or at an instant that is decided now. */
import { planOf, type Item, type Plan } from "../terms.js";
import { least, nano, notBelowZero, sum, type Nano } from "./amounts.js";
import { boundaryAfter, DAY, monthsLater } from "./calendar.js";
import { openCustomer } from "./customers.js";
import { countEntities } from "./entities.js";
import { topUp } from "./grants.js";
import { anchorLimits } from "./limits.js";
import { closePeriod, handOver, settleDebt, useThatStays } from "./time.js";
import { findUse } from "./uses.js";
import { featureOf } from "../terms.js";
import {
  addPot,
  adjustPot,
  assertEntity,
  bookOf,
  customerOf,
  isCurrent,
  left,
  owed,
  Refusal,
  removePots,
  rowOf,
  type Customer,
  type Pot,
  type Subscription,
  type Use,
  type World,
} from "./world.js";

export type When = "now" | "period_end";

export interface AttachAsk {
  plan: string;
  entity: string | null;
  /** Now, or (of fewer units bought in advance) when the period ends, unless told. */
  when: When | null;
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
    bought: isSoldOnce(item),
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

/** Paid once, in advance, and had once: not anew with each period. */
const isSoldOnce = ({ price, every }: Item): boolean =>
  price?.method === "prepaid" && every === undefined && price.per === undefined;

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
    planEvent(world, customer, { plan: plan.id, entity: null });
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

/** `how` is what was asked, and `answer` what was answered: a repeat is compared with the one, and answered by the other. */
export function planEvent(
  world: World,
  customer: Customer,
  event: { plan: string; entity: string | null; key?: string | null; how?: string; answer?: unknown },
): void {
  const nothing = { feature: null, value: 0n, uncovered: 0n, lots: [], remaining: 0, unlimited: false };
  customer.uses.push({ ...nothing, key: null, label: null, ...event, kind: "plan", at: world.now });
}

/** The event of the call that one repeats, under its key; null if it is the first. */
function repeatOf(
  customer: Customer | undefined,
  { plan, entity, key }: { plan: string; entity: string | null; key: string | null },
  how: string,
): Use | null {
  const use = key === null ? undefined : findUse(customer, key);
  if (use === undefined) return null;
  const isSame = use.kind === "plan" && use.plan === plan && use.entity === entity && use.how === how;
  if (!isSame) throw new Refusal("idempotency_conflict");
  return use;
}

/** What was answered, then and now. */
export interface Answered {
  replayed: boolean;
  answer: unknown;
}

export function attach(world: World, customerId: string, ask: AttachAsk): Answered {
  const plan = planOf(world.terms, ask.plan);
  const { key, entity, fingerprint: _, ...asked } = ask;
  const how = JSON.stringify(["attach", asked, Object.entries(ask.quantities).sort()]);
  const repeat = repeatOf(world.customers.get(customerId), ask, how);
  if (repeat !== null) return { replayed: true, answer: repeat.answer };
  const { when, trial, carriesUsage, carriesBalance } = ask;
  if (isTopUp(plan) && (when === "period_end" || trial !== null || carriesUsage || carriesBalance))
    throw new Refusal("invalid_argument");
  const customer = openCustomer(world, customerId, entity);
  const before = customer.lastSerial;
  const startsAt = isTopUp(plan) ? buy(world, customer, plan, ask) : change(world, customer, plan, ask);
  const hasChanged = customer.lastSerial > before;
  if (hasChanged || key !== null)
    planEvent(world, customer, { plan: plan.id, entity, key, how, answer: startsAt });
  const hasBegun = hasChanged && startsAt <= world.now;
  if (!isTopUp(plan) && hasBegun && entity === null) countHeld(world, customer, plan);
  return { replayed: false, answer: startsAt };
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
  const costs = ({ price }: Plan) => price?.amount ?? 0;
  const isPaidFor = costs(plan) > Math.max(0, ...ending.map(({ terms }) => costs(terms)));
  // A trial is not paid for.
  const startsAfresh = isPaidFor && !ask.carriesUsage && ask.trial === null;
  const ends = ending.map((old) => endOfPeriod(old, now));
  const at = whenOf(plan, ending, ask) === "period_end" ? Math.max(now, ...ends) : now;
  const same = ending.find((each) => each.terms === plan && each.trialEnds === null);
  const isAsked = Object.keys(ask.quantities).length > 0 || ask.trial !== null;
  if (same !== undefined && same.ends === null && dropping.length === 0 && !isAsked) return same.starts;
  if (ask.trial !== null) refuseSecondTrial(world, customer, ask, ending);
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

/** A trial's is over with it, at the latest. */
function endOfPeriod(held: Subscription, now: number): number {
  const end = periodEnd(held, now) ?? held.trialEnds ?? now;
  return Math.min(end, held.trialEnds ?? Infinity);
}

/** Units that are paid for stay until their period is over, unless told. */
function whenOf(plan: Plan, ending: readonly Subscription[], ask: AttachAsk): When {
  const held = ending.find(({ terms, trialEnds }) => terms.id === plan.id && trialEnds === null);
  if (ask.when !== null) return ask.when;
  if (held === undefined || ask.trial !== null || Object.keys(ask.quantities).length === 0) return "now";
  const isSold = (item: Item) => item.price?.method === "prepaid" && !isSoldOnce(item);
  const changes = plan.items.filter(isSold).map((item) => {
    const before = held.terms.items.find((each) => each.feature === item.feature && isSold(each));
    const had = before === undefined ? 0n : grantedBy(before, held.quantities[item.feature]);
    return grantedBy(item, ask.quantities[item.feature]) - had;
  });
  const isLess = changes.some((more) => more < 0n) && changes.every((more) => more <= 0n);
  return isLess ? "period_end" : "now";
}

function endOfTrial(from: number, { length, unit }: NonNullable<AttachAsk["trial"]>): number {
  return unit === "day" ? from + length * DAY : monthsLater(from, length * (unit === "year" ? 12 : 1));
}

/** One trial of a plan for a customer, and for a person whatever his accounts; none of a plan that he has. */
function refuseSecondTrial(
  world: World,
  customer: Customer,
  { plan, fingerprint }: AttachAsk,
  ending: readonly Subscription[],
): void {
  const isTrial = ({ terms, trialEnds, starts, ends }: Subscription) =>
    // One that was given up before it began was none.
    terms.id === plan && trialEnds !== null && (ends ?? Infinity) >= starts;
  const others = [...world.customers.values()].flatMap(({ subscriptions }) => subscriptions);
  const isKnown =
    fingerprint !== null && others.some((held) => isTrial(held) && held.fingerprint === fingerprint);
  if (customer.subscriptions.some(isTrial) || isKnown || ending.some(({ terms }) => terms.id === plan))
    throw new Refusal("invalid_argument");
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
  const place = incoming?.plan ?? ending[0]?.terms;
  const remainder = place === undefined ? null : remainderOf(place);
  for (const { feature, owner, items } of rowsOf(customer, step)) {
    const had = rowOf(customer, feature, owner).some(
      (pot) => isBought(pot) && pot.plan === incoming?.plan.id,
    );
    const starting = items.map((item) => ({
      ...includedOnce(potOf(world, customer, incoming!.plan, item, beginningOf(begun!)), item, had),
      entity: owner,
      perEntity: owner !== entity,
      heirOf: isNow || ending[0] === undefined ? null : String(ending[0].serial),
    }));
    if (isNow) replace(world, customer, { feature, entity: owner }, starting, { ...step, remainder });
    else schedule(customer, { feature, entity: owner }, starting, step);
  }
  for (const held of ending) held.ends = at;
  for (const held of dropping) held.ends = world.now;
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
    const isGiven = (kind: string) =>
      plans.some((plan) =>
        plan.items.some((item) => item.feature === feature && item.entityFeature === kind),
      );
    const given = (entity === null ? customer.entities : []).filter(({ feature: kind }) => isGiven(kind));
    const others = given.map(({ id, feature: kind }) => ({
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

/** Units bought once, other than in a trial: the customer's, whatever plan he has. */
const isBought = (pot: Pot): boolean => pot.bought && pot.ends === null;

/** What a plan includes of units bought once, it includes once. */
const includedOnce = (pot: Pot, { included }: Item, had: boolean): Pot =>
  had && isBought(pot) ? { ...pot, granted: pot.granted - nano(included) } : pot;

/** What was used of plans that are gone is remembered for those that could come in their place. */
const remainderOf = ({ id, group, addOn }: Plan): string => (addOn ? `ended add-on ${id}` : `ended ${group}`);

/** In one row, now: periods close, what was used stays used or not, what was bought once stays. */
function replace(
  world: World,
  customer: Customer,
  row: Row,
  heirs: readonly Pot[],
  step: Transition & { remainder: string | null },
): void {
  const { ending, dropping, keepsBalance, remainder } = step;
  const sources = [...ending, ...dropping].map(({ serial }) => String(serial));
  const ofEnded = rowOf(customer, row.feature, row.entity).filter(({ source }) => sources.includes(source));
  const remembered = rowOf(customer, row.feature, row.entity).filter(({ source }) => source === remainder);
  const staysBought = (pot: Pot) => isBought(pot) && isCurrent(pot, world.now);
  const ended = [...ofEnded.filter((pot) => !staysBought(pot)), ...remembered];
  const isHeld = featureOf(world.terms, row.feature).kind === "held";
  const keepsUsage = step.keepsUsage || isHeld;
  const live = ended.filter((pot) => isCurrent(pot, world.now));
  for (const pot of live) closePeriod(world, customer, pot);
  if (!keepsUsage) for (const pot of ofEnded.filter(isBought)) beginAfresh(customer, pot);
  const plain = live.filter(({ leftOf }) => leftOf === null).sort((a, b) => a.serial - b.serial);
  const gone = ended.filter(({ leftOf }) => leftOf === null);
  removePots(customer, new Set(gone));
  for (const heir of heirs) addOrMerge(customer, heir);
  const given = heirs.filter((heir) => !isBought(heir));
  handOver(customer, plain, given, (pot) => (keepsUsage ? useThatStays(pot) : 0n));
  const isOfGone = ({ leftOf }: Pot) => gone.some(({ serial }) => serial === leftOf);
  removePots(customer, new Set(customer.pots.filter(isOfGone)));
  if (keepsBalance && !isHeld) for (const old of plain) carryBalance(world, customer, old, given);
  if (keepsUsage && remainder !== null && given.length === 0) remember(world, customer, plain, remainder);
  const renewed = keepsUsage ? undefined : heirs.find(({ period }) => period !== null);
  if (renewed?.period != null) anchorLimits(customer, row, renewed.period.anchor);
  settleDebt(world, customer, row.feature, row.entity);
}

/** Where usage starts afresh, units bought once are what is left of them. */
function beginAfresh(customer: Customer, pot: Pot): void {
  if (left(pot) === 0n) return removePots(customer, new Set([pot]));
  // What was used may still be refunded.
  pot.base = least(0n, -pot.used);
  adjustPot(customer, pot, { granted: left(pot), used: 0n });
}

/** Units bought once go to those of the same plan. */
function addOrMerge(customer: Customer, heir: Pot): void {
  const twin = rowOf(customer, heir.feature, heir.entity).find(
    (pot) => isBought(pot) && isBought(heir) && pot.plan === heir.plan && pot.used <= pot.granted,
  );
  if (twin === undefined) addPot(customer, heir);
  else {
    twin.given += heir.granted;
    twin.granted += heir.granted;
    bookOf(customer, twin.feature).entered += heir.granted;
  }
}

/** What was used and counts against nothing new is kept as a pot of nothing, until it would have been reset. */
function remember(world: World, customer: Customer, ended: readonly Pot[], source: string): void {
  const endOf = ({ period, ends }: Pot) => period?.next ?? ends;
  for (const end of new Set(ended.map(endOf))) {
    const together = ended.filter((old) => endOf(old) === end);
    const used = sum(together.map(useThatStays));
    const [first] = together;
    if (used === 0n || first === undefined) continue;
    const pot = newPot(customer, first, world.now);
    addPot(customer, { ...pot, source, used, ends: end, mayOwe: true });
  }
}

/** A plain pot in the row of another. */
const newPot = (customer: Customer, { feature, entity }: Row, now: number): Pot => ({
  serial: ++customer.lastSerial,
  feature,
  entity,
  source: "leftover",
  plan: null,
  granted: 0n,
  used: 0n,
  since: now,
  starts: null,
  ends: null,
  endless: false,
  period: null,
  priority: 0,
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
});

/** What is left stays until it would have reset; what is owed, and not charged for, counts against the first heir. */
function carryBalance(world: World, customer: Customer, old: Pot, heirs: readonly Pot[]): void {
  const [first] = heirs;
  if (old.usageBased === null && first !== undefined && owed(old) > 0n) {
    first.mayOwe = true;
    adjustPot(customer, first, { used: first.used + owed(old) });
  }
  if (left(old) === 0n) return;
  addPot(customer, {
    ...newPot(customer, old, world.now),
    granted: left(old),
    ends: old.period?.next ?? null,
  });
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
    if (isBought(pot)) continue;
    pot.ends = Math.min(at, pot.ends ?? Infinity);
  }
  for (const pot of starting) addPot(customer, pot);
}

/** The subscription of that plan that the customer has now; of several, the first that `prefers` says. */
function activeOf(
  world: World,
  customer: Customer,
  { plan, entity }: PlanAsk,
  prefers: (held: Subscription) => boolean,
): Subscription {
  const active = openOf(world, customer).filter(
    (each) => each.terms.id === plan && each.entity === entity && each.starts <= world.now,
  );
  const found = active.find(prefers) ?? active[0];
  if (found === undefined) throw new Refusal("plan_not_found");
  return found;
}

/** Whether an end was decided that it would not have by itself. */
const isToEnd = ({ ends, trialEnds }: Subscription): boolean => ends !== trialEnds;

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

export interface PlanAsk {
  plan: string;
  entity: string | null;
  key: string | null;
}

export function cancel(world: World, customerId: string, ask: PlanAsk & { when: When }): Answered {
  const { plan, entity, when, key } = ask;
  const how = `cancel ${when}`;
  const repeat = repeatOf(world.customers.get(customerId), ask, how);
  if (repeat !== null) return { replayed: true, answer: repeat.answer };
  const customer = customerOf(world, customerId);
  assertEntity(customer, entity);
  const canceled = activeOf(world, customer, ask, (held) => !isToEnd(held));
  const at = when === "now" ? world.now : endOfPeriod(canceled, world.now);
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
  planEvent(world, customer, { plan, entity, key, how, answer: at });
  if (successor !== undefined && successor.id !== plan && at <= world.now && entity === null)
    countHeld(world, customer, successor);
  return { replayed: false, answer: at };
}

/** Takes a scheduled end back, with what was to begin then. */
export function resume(world: World, customerId: string, ask: PlanAsk): Answered {
  const { plan, entity, key } = ask;
  const repeat = repeatOf(world.customers.get(customerId), ask, "resume");
  if (repeat !== null) return { replayed: true, answer: repeat.answer };
  const customer = customerOf(world, customerId);
  assertEntity(customer, entity);
  const resuming = activeOf(world, customer, ask, isToEnd);
  const resumed = isToEnd(resuming);
  if (resumed) goOn(world, customer, resuming);
  if (resumed || key !== null)
    planEvent(world, customer, { plan, entity, key, how: "resume", answer: resumed });
  return { replayed: false, answer: resumed };
}

function goOn(world: World, customer: Customer, resuming: Subscription): void {
  const dropping = scheduledAfter(world, customer, resuming);
  const isOf = (held: readonly Subscription[], { source }: Pot) =>
    held.some(({ serial }) => String(serial) === source);
  removePots(customer, new Set(customer.pots.filter((pot) => isOf(dropping, pot))));
  for (const pot of customer.pots)
    if (isOf([resuming], pot) && pot.leftOf === null) pot.ends = resuming.trialEnds;
  resuming.ends = resuming.trialEnds;
  for (const held of dropping) held.ends = world.now;
  if (resuming.trialEnds !== null) succeed(world, customer, resuming, resuming.trialEnds);
}
