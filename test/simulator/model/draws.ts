/** Taking amounts, and saying whether they could be taken. */
import { least, nano, notBelowZero, ONE, scaledDown, scaledUp, sum, type Nano } from "./amounts.js";
import type { Pool } from "../terms.js";
import { alignLimits, count, governing, roomOf } from "./limits.js";
import { payersOf, type Payer, type Scope } from "./order.js";
import {
  copyOfCustomer,
  drawFrom,
  isLive,
  left,
  owed,
  type Control,
  type Customer,
  type Lot,
  type Pot,
  type World,
} from "./world.js";

export type Policy = "cap" | "reject" | "overflow";
export type Reason = "not_included" | "insufficient" | "usage_limit" | "spend_limit";

export interface Ask extends Scope {
  units: Nano;
}

export interface Outcome {
  lots: Lot[];
  applied: Nano;
  uncovered: Nano;
  unlimited: boolean;
  reason: Reason | null;
}

export const priceOf = (units: Nano, { cost }: Pool): Nano =>
  cost === undefined ? units : scaledUp(units, nano(cost.credits), nano(cost.units));
export const unitsFor = (amount: Nano, { cost }: Pool): Nano =>
  cost === undefined ? amount : scaledDown(amount, nano(cost.units), nano(cost.credits));

/** When what is drawn from a pot now will have lapsed: with its period, but for a debt that is carried. */
function lapseOf(pot: Pot): number | null {
  const isDebt = pot.carries && left(pot) === 0n;
  const instants = [pot.ends, isDebt ? null : (pot.period?.next ?? null)].filter((each) => each !== null);
  return instants.length === 0 ? null : Math.min(...instants);
}

/** Draws what can be drawn. Nothing is undone of it: who rejects throws the customer away. */
export function draw(world: World, customer: Customer, ask: Ask, overflows: boolean): Outcome {
  alignLimits(world, customer, ask);
  const payers = payersOf(world, customer, ask);
  const endless = payers.find(({ pot }) => pot.endless);
  if (endless !== undefined) return drawEndless(world, customer, endless, ask);

  const lots: Lot[] = [];
  const paid = new Map<number, { amount: Nano; units: Nano }>();
  const stops = new Set<Reason>();
  const room = overflows ? undefined : roomOf(customer, ask.feature, ask.entity, world.now);
  const stopped = room === undefined ? 0n : notBelowZero(ask.units - room);
  if (stopped > 0n) stops.add("usage_limit");
  let wanted = ask.units - stopped;

  /** Takes from one pot what it can pay, `capacity` at most. Pools are priced as a whole: rounded once. */
  const take = ({ pot, pool, place }: Payer, capacity: Nano | undefined) => {
    if (wanted === 0n) return;
    const before = paid.get(place) ?? { amount: 0n, units: 0n };
    const price = priceOf(before.units + wanted, pool) - before.amount;
    let amount = capacity === undefined ? price : least(price, capacity);
    if (place > 0 && !overflows) {
      const poolRoom = roomOf(customer, pool.feature, ask.entity, world.now);
      if (poolRoom !== undefined && poolRoom < amount) {
        amount = poolRoom;
        stops.add("usage_limit");
      }
    }
    if (amount < 0n || (amount === 0n && price > 0n)) return;
    const units = amount === price ? wanted : unitsFor(before.amount + amount, pool) - before.units;
    const lapses = lapseOf(pot);
    if (owed(pot) > 0n || amount > left(pot)) pot.mayOwe = true;
    drawFrom(customer, pot, amount);
    addLot(lots, { pot: pot.serial, amount, units, lapses, at: world.now });
    paid.set(place, { amount: before.amount + amount, units: before.units + units });
    if (place > 0) count(customer, { ...ask, feature: pool.feature }, world.now, amount);
    wanted -= units;
  };

  for (const payer of payers) take(payer, left(payer.pot));
  const owners = payers.filter(({ pot }) => pot.leftOf === null);
  const wants = ({ pool }: Payer) => priceOf(wanted, pool);
  for (const payer of owners) take(payer, overageRoom(world, customer, payer, ask, stops, wants(payer)));
  if (overflows)
    for (const payer of owners) take(payer, spendRoom(world, customer, payer.pot, ask, stops, wants(payer)));

  for (const [place, { amount, units }] of paid) {
    const payer = payers.find((each) => each.place === place);
    if (payer !== undefined)
      returnDust(world, customer, payer, ask, lots, amount - priceOf(units, payer.pool));
  }
  const uncovered = wanted + stopped;
  count(customer, ask, world.now, ask.units - uncovered);
  return {
    lots: lots.filter(({ amount, units }) => amount > 0n || units > 0n),
    applied: ask.units - uncovered,
    uncovered,
    unlimited: false,
    reason: uncovered === 0n ? null : reasonOf(payers, stops),
  };
}

function reasonOf(payers: readonly Payer[], stops: ReadonlySet<Reason>): Reason {
  if (payers.length === 0) return "not_included";
  if (stops.has("usage_limit")) return "usage_limit";
  return stops.has("spend_limit") ? "spend_limit" : "insufficient";
}

/** An unlimited pot absorbs everything, and no limit counts it. */
function drawEndless(world: World, customer: Customer, { pot, pool }: Payer, { units }: Ask): Outcome {
  const amount = priceOf(units, pool);
  const lapses = lapseOf(pot);
  drawFrom(customer, pot, amount);
  const lot = { pot: pot.serial, amount, units, lapses, at: world.now };
  return {
    lots: amount > 0n || units > 0n ? [lot] : [],
    applied: units,
    uncovered: 0n,
    unlimited: true,
    reason: null,
  };
}

/** Two draws of one pot that lapse together, one right after the other, are one. */
export function addLot(lots: Lot[], lot: Lot): void {
  const last = lots.at(-1);
  if (last?.pot !== lot.pot || last.lapses !== lot.lapses) {
    lots.push(lot);
    return;
  }
  lots[lots.length - 1] = { ...last, amount: last.amount + lot.amount, units: last.units + lot.units };
}

/** A pool that could not pay for all keeps the price of what it did pay for, and no more. */
function returnDust(
  world: World,
  customer: Customer,
  { pool, place }: Payer,
  ask: Ask,
  lots: Lot[],
  dust: Nano,
): void {
  let todo = dust;
  for (const [index, lot] of [...lots.entries()].reverse()) {
    const pot = customer.pots.find((each) => each.serial === lot.pot);
    if (todo <= 0n || pot?.feature !== pool.feature) continue;
    const back = least(todo, lot.amount);
    drawFrom(customer, pot, -back);
    if (place > 0) count(customer, { ...ask, feature: pool.feature }, world.now, -back);
    lots[index] = { ...lot, amount: lot.amount - back };
    todo -= back;
  }
}

const hasSpend = ({ spend }: Control) => spend !== null;
const hasAllowed = ({ allowed }: Control) => allowed !== null;

/** Whether a pot may go below zero. */
export function mayOverdraw(customer: Customer, pot: Pot, entity: string | null): boolean {
  return governing(customer, pot.feature, entity, hasAllowed)?.allowed ?? pot.usageBased !== null;
}

/** How far a pot may go below zero by its terms; undefined if without end. */
function overageRoom(
  world: World,
  customer: Customer,
  { pot }: Payer,
  ask: Ask,
  stops: Set<Reason>,
  wanted: Nano,
): Nano | undefined {
  if (!mayOverdraw(customer, pot, ask.entity)) return 0n;
  const limited = spendRoom(world, customer, pot, ask, stops, wanted);
  if (limited !== undefined) return limited;
  const max = pot.usageBased?.max ?? null;
  return max === null ? undefined : notBelowZero(max - owed(pot));
}

/** What a spend limit leaves: the customer's spans what all of his entities owe, an entity's what that can draw on. */
function spendRoom(
  world: World,
  customer: Customer,
  pot: Pot,
  { entity }: Ask,
  stops: Set<Reason>,
  wanted: Nano,
): Nano | undefined {
  const control = governing(customer, pot.feature, entity, hasSpend);
  if (control === undefined) return undefined;
  const all = customer.pots.filter((each) => each.feature === pot.feature);
  const spanned = all.filter(
    (each) => control.entity === null || each.entity === null || each.entity === control.entity,
  );
  const max = spendLimit(world, control, spanned);
  if (max === undefined) return undefined;
  const room = notBelowZero(max - sum(spanned.map(owed)));
  if (room < wanted) stops.add("spend_limit");
  return room;
}

/** In units. A percentage is of what the main plans give each period; of nothing, it is no limit. */
function spendLimit({ now }: World, { spend }: Control, pots: readonly Pot[]): Nano | undefined {
  if (spend === null || spend === "none") return undefined;
  if (typeof spend === "bigint") return spend;
  const included = pots.filter(
    (pot) => pot.plan !== null && pot.period !== null && isLive(pot, now) && !pot.addOn && !pot.prepaid,
  );
  const whole = sum(included.map(({ granted }) => granted));
  return whole === 0n ? undefined : scaledDown(whole, spend.percent, 100n * ONE);
}

/** Whether `ask` could be drawn whole, in a world that is thrown away. */
export function decide(
  world: World,
  customer: Customer,
  ask: Ask,
): { allowed: boolean; reason: Reason | null } {
  if (payersOf(world, customer, ask).length === 0) return { allowed: false, reason: "not_included" };
  if (ask.units <= 0n) return { allowed: true, reason: null };
  const { reason } = draw(world, copyOfCustomer(customer), ask, false);
  return { allowed: reason === null, reason };
}

/** What is done about a shortage unless the call says: what is held and costs nothing goes below zero. */
export function defaultPolicy(world: World, customer: Customer, scope: Scope, isHeld: boolean): Policy {
  if (!isHeld) return "cap";
  const isForbidden = governing(customer, scope.feature, scope.entity, hasAllowed)?.allowed === false;
  const isPriced = payersOf(world, customer, scope).some(({ pot }) => pot.usageBased !== null || pot.prepaid);
  return isForbidden || isPriced ? "cap" : "overflow";
}

/** Use below zero: what is owed is repaid, then pots are refilled (an unlimited one first), but no rollover. */
export function giveBack(world: World, customer: Customer, scope: Scope, units: Nano): Outcome {
  const payers = payersOf(world, customer, scope).filter(({ pot }) => pot.leftOf === null);
  const returned = new Map<number, { amount: Nano; units: Nano }>();
  const lots: Lot[] = [];
  let giving = units;
  const refill = ({ pot, pool, place }: Payer, room: Nano) => {
    if (room <= 0n || giving === 0n) return;
    const before = returned.get(place) ?? { amount: 0n, units: 0n };
    const price = priceOf(before.units + giving, pool) - before.amount;
    const amount = least(price, room);
    const back = amount === price ? giving : unitsFor(before.amount + amount, pool) - before.units;
    drawFrom(customer, pot, -amount);
    lots.push({
      pot: pot.serial,
      amount: -amount,
      units: -back,
      lapses: null,
      at: world.now,
    });
    returned.set(place, { amount: before.amount + amount, units: before.units + back });
    giving -= back;
  };
  for (const payer of payers) refill(payer, owed(payer.pot));
  for (const payer of payers.filter(({ pot }) => pot.endless)) refill(payer, payer.pot.used);
  for (const payer of payers.filter(({ pot }) => !pot.endless)) refill(payer, payer.pot.used);
  return { lots, applied: giving - units, uncovered: -giving, unlimited: false, reason: null };
}
