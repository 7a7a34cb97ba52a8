/** What time alone does, each boundary at its own instant: nothing is put off, nothing taken together. */
import { least, nano, notBelowZero, ONE, scaledDown, sum, type Nano } from "./amounts.js";
import { boundaryAfter, boundaryUpTo, rolloverEnd } from "./calendar.js";
import { payersOf } from "./order.js";
import { chargeOf } from "./prices.js";
import {
  addPot,
  adjustPot,
  isLive,
  left,
  owed,
  removePots,
  rowOf,
  type Customer,
  type Pot,
  type World,
} from "./world.js";

/** Lets time pass until `until`, boundary by boundary. */
export function passTo(world: World, until: number): void {
  for (;;) {
    const next = Math.min(...[...world.customers.values()].map((each) => nextBoundary(each, world.now)));
    if (next > until) break;
    world.now = next;
    for (const customer of world.customers.values()) {
      for (const { feature, entity } of ownersDue(customer, next))
        passBoundary(world, customer, feature, entity);
    }
  }
  world.now = until;
}

/** When time next changes something of the customer's; Infinity if never. */
export function nextBoundary(customer: Customer, now: number): number {
  return Math.min(...customer.pots.flatMap((pot) => boundariesOf(pot, now)), Infinity);
}

const boundariesOf = (pot: Pot, now: number): number[] =>
  [pot.period?.next ?? null, pot.ends, pot.starts !== null && pot.starts > now ? pot.starts : null].filter(
    (instant) => instant !== null,
  );

/** The rows that have a boundary now. */
function ownersDue(customer: Customer, at: number): { feature: string; entity: string | null }[] {
  const due = customer.pots.filter((pot) => boundariesOf(pot, at - 1).includes(at));
  return [...new Map(due.map((pot) => [`${pot.feature} ${pot.entity ?? ""}`, pot])).values()];
}

function passBoundary(world: World, customer: Customer, feature: string, entity: string | null): void {
  expire(world, customer, feature, entity);
  for (const pot of rowOf(customer, feature, entity)) {
    if (pot.period !== null && pot.period.next <= world.now) reset(world, customer, pot);
  }
  settleDebt(world, customer, feature, entity);
}

/** Ends what ends now. What a scheduled change lets begin at this very instant takes over. */
export function expire(world: World, customer: Customer, feature: string, entity: string | null): void {
  const row = rowOf(customer, feature, entity);
  const ended = row.filter((pot) => pot.ends !== null && pot.ends <= world.now);
  for (const pot of ended) closePeriod(world, customer, pot);
  for (const source of new Set(ended.map((pot) => pot.source))) {
    const heirs = row.filter((pot) => pot.heirOf === source && pot.starts === world.now);
    const own = ended.filter((pot) => pot.source === source);
    // What resets then counts no more, but for a debt, which the reset would have kept.
    const counting = (pot: Pot) => (pot.period?.next === world.now ? debtOf(pot) : useThatStays(pot));
    if (heirs.length > 0) handOver(customer, own, heirs, counting);
  }
  const serials = new Set(ended.map(({ serial }) => serial));
  const gone = row.filter(
    (pot) => serials.has(pot.serial) || (pot.leftOf !== null && serials.has(pot.leftOf)),
  );
  removePots(customer, new Set(gone));
}

/** Rollovers go to the first heir that keeps any, and are capped by its terms; use goes to all, in order. */
export function handOver(
  customer: Customer,
  ended: readonly Pot[],
  heirs: readonly Pot[],
  counting: (pot: Pot) => Nano,
): void {
  const plain = ended.filter(({ leftOf }) => leftOf === null);
  carryUse(customer, heirs, sum(plain.map(counting)));
  for (const heir of heirs) heir.heirOf = null;
  const keeper = heirs.find(({ rollover }) => rollover !== null);
  if (keeper === undefined) return;
  for (const rolled of customer.pots) {
    if (!plain.some(({ serial }) => serial === rolled.leftOf)) continue;
    rolled.leftOf = keeper.serial;
    rolled.source = keeper.source;
  }
  capRollovers(customer, keeper);
}

/** What was used and is not charged for: none of an unlimited pot; of what is held, all. */
export function useThatStays(pot: Pot): Nano {
  if (pot.endless) return 0n;
  const isCharged = pot.usageBased !== null && !pot.carries && pot.period !== null;
  return notBelowZero(pot.used) - (isCharged ? owed(pot) : 0n);
}

/** What is owed of a pot when its period is over. */
const debtOf = (pot: Pot): Nano => (pot.carries ? owed(pot) : 0n);

export function carryUse(customer: Customer, heirs: readonly Pot[], use: Nano): void {
  let todo = use;
  for (const heir of heirs) {
    const part = heir.endless ? todo : least(todo, left(heir));
    adjustPot(customer, heir, { used: heir.used + part });
    todo -= part;
  }
  const [first] = heirs;
  if (first === undefined || todo === 0n) return;
  first.mayOwe = true;
  adjustPot(customer, first, { used: first.used + todo });
}

/** Fixes what a usage-based pot owes for the period that is over. */
export function closePeriod(world: World, customer: Customer, pot: Pot): void {
  if (pot.usageBased === null || pot.carries || pot.endless || owed(pot) === 0n) return;
  const begun = pot.starts ?? pot.since;
  const from =
    pot.period === null
      ? begun
      : Math.max(begun, boundaryUpTo(pot.period.every, pot.period.anchor, pot.period.next - 1));
  world.charges.push({
    customer: customer.id,
    pot: pot.serial,
    feature: pot.feature,
    entity: pot.entity,
    from,
    // One that is ended as soon as it has begun does not end with the one before it.
    to: from === world.now && from > begun ? from + 1 : world.now,
    overage: owed(pot),
    amount: chargeOf(pot.usageBased.price, pot.used, pot.granted),
    terms: { price: pot.usageBased.price, granted: pot.granted, isHeld: pot.period === null },
  });
}

function reset(world: World, customer: Customer, pot: Pot): void {
  const { period } = pot;
  if (period === null) return;
  closePeriod(world, customer, pot);
  rollOver(world, customer, pot);
  adjustPot(customer, pot, { used: debtOf(pot) });
  pot.base = pot.used;
  period.next = boundaryAfter(period.every, period.anchor, world.now);
}

function rollOver(world: World, customer: Customer, pot: Pot): void {
  const { rollover, period } = pot;
  const spare = left(pot);
  if (rollover === null || period === null || spare === 0n) return;
  const ends =
    rollover.months === undefined
      ? null
      : rolloverEnd(period.every, period.anchor, world.now, rollover.months);
  const twin = customer.pots.find((each) => each.leftOf === pot.serial && each.ends === ends);
  if (twin !== undefined) {
    adjustPot(customer, twin, { granted: twin.granted + spare });
  } else {
    addPot(customer, {
      ...pot,
      serial: ++customer.lastSerial,
      granted: spare,
      used: 0n,
      since: world.now,
      starts: null,
      ends,
      endless: false,
      period: null,
      priority: 0,
      addOn: false,
      prepaid: false,
      bought: false,
      usageBased: null,
      carries: false,
      rollover: null,
      heirOf: null,
      leftOf: pot.serial,
      given: 0n,
      isLedgered: true,
      mayOwe: false,
      base: 0n,
    });
  }
  capRollovers(customer, pot);
}

/** Trims what was left of a pot to its cap, the soonest to expire first. */
function capRollovers(customer: Customer, pot: Pot): void {
  const cap = capOf(pot);
  if (cap === null) return;
  const rolled = customer.pots
    .filter(({ leftOf }) => leftOf === pot.serial)
    .sort((a, b) => (a.ends === b.ends ? a.since - b.since : (a.ends ?? Infinity) - (b.ends ?? Infinity)));
  let excess = notBelowZero(sum(rolled.map(left)) - cap);
  for (const each of rolled) {
    const cut = least(excess, left(each));
    adjustPot(customer, each, { granted: each.granted - cut });
    excess -= cut;
  }
  removePots(customer, new Set(rolled.filter(({ granted, used }) => granted <= 0n && used <= 0n)));
}

function capOf({ rollover, granted }: Pot): Nano | null {
  if (rollover?.max !== undefined) return nano(rollover.max);
  if (rollover?.percent === undefined) return null;
  return (scaledDown(granted, nano(rollover.percent), 100n * ONE) / ONE) * ONE;
}

/** What there is pays debts that are carried, in burn order. */
export function settleDebt(world: World, customer: Customer, feature: string, entity: string | null): void {
  const row = rowOf(customer, feature, entity);
  const payers = payersOf(world, customer, { feature, entity }).flatMap(({ pot }) =>
    pot.feature === feature && pot.entity === entity && isLive(pot, world.now) ? [pot] : [],
  );
  for (const debtor of row.filter((pot) => pot.carries)) {
    for (const payer of payers) {
      const payment = least(owed(debtor), left(payer));
      if (payer === debtor || payment === 0n) continue;
      adjustPot(customer, debtor, { used: debtor.used - payment });
      adjustPot(customer, payer, { used: payer.used + payment });
    }
  }
}
