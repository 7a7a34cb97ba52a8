/** A customer's parts: the seat that one takes when it comes, and what becomes of all that it has when it goes. */
import { featureOf } from "../terms.js";
import { least, nano, notBelowZero, ONE, sum, type Nano } from "./amounts.js";
import { boundaryUpTo } from "./calendar.js";
import { openCustomer } from "./customers.js";
import { decide, defaultPolicy, draw, giveBack } from "./draws.js";
import { lotsOf, worths } from "./grants.js";
import { release } from "./holds.js";
import { payersOf, type Scope } from "./order.js";
import { beginningOf, openOf, planEvent, potOf } from "./plans.js";
import { giveBackRest } from "./refunds.js";
import { summaryOf } from "./summaries.js";
import { carryUse, expire } from "./time.js";
import { Exceeded, findUse, record, type UseAnswer } from "./uses.js";
import {
  addPot,
  isLive,
  owed,
  Refusal,
  rowName,
  rowOf,
  type Customer,
  type Entity,
  type Pot,
  type Subscription,
  type Use,
  type World,
} from "./world.js";

export function createEntity(
  world: World,
  customerId: string,
  id: string,
  feature: string,
): { created: boolean; seat: UseAnswer | null } {
  if (featureOf(world.terms, feature).kind !== "held") throw new Refusal("invalid_argument");
  const customer = openCustomer(world, customerId, null);
  const known = customer.entities.find((each) => each.id === id);
  if (known !== undefined && known.feature !== feature) throw new Refusal("invalid_argument");
  if (known !== undefined) return { created: false, seat: null };
  countEntities(world, customer, feature);
  const entity: Entity = { id, feature, bornAfter: customer.uses.length, seat: null };
  const seat = takeSeat(world, customer, feature);
  entity.seat = seat === null ? null : (customer.uses.at(-1) ?? null);
  customer.entities.push(entity);
  giveToEach(world, customer, entity);
  return { created: true, seat };
}

/** The customer's own balance alone pays for seats: no credits. */
const seatsOf = (feature: string): Scope => ({ feature, entity: null, isAlone: true });

/** Null if nothing that the customer has counts entities: they come uncounted. */
function takeSeat(world: World, customer: Customer, feature: string): UseAnswer | null {
  const scope = seatsOf(feature);
  if (rowOf(customer, feature, null).every((pot) => !isLive(pot, world.now))) return null;
  const overflows = defaultPolicy(world, customer, scope, true) === "overflow";
  const ask = { ...scope, units: ONE };
  if (!overflows) {
    const decision = decide(world, customer, ask);
    if (!decision.allowed) throw new Exceeded({ ...decision, ...summaryOf(world, customer, ask) });
  }
  const outcome = draw(world, customer, ask, overflows);
  if (outcome.uncovered > 0n) throw new Refusal("usage_exceeded");
  return record(world, customer, { ...ask, key: `seat ${customer.uses.length}`, label: null }, outcome);
}

/** Entities that nothing has counted yet: they are there, so that it may go below zero. */
export function countEntities(world: World, customer: Customer, feature: string): void {
  const ask = { ...seatsOf(feature), units: uncounted(world, customer, feature) };
  if (ask.units === 0n) return;
  const outcome = draw(world, customer, ask, true);
  record(world, customer, { ...ask, key: null, label: null }, outcome);
}

function uncounted(world: World, customer: Customer, feature: string): Nano {
  const entities = customer.entities.filter((each) => each.feature === feature).length;
  if (entities === 0) return 0n;
  if (payersOf(world, customer, seatsOf(feature)).length === 0) return 0n;
  const live = rowOf(customer, feature, null).filter((pot) => isLive(pot, world.now));
  // What was set above a pot by hand is more to use, and nobody's seat that is missing.
  return notBelowZero(nano(entities) - sum(live.map(({ used, base }) => used - least(base, 0n))));
}

/** What the customer's plans give to each of its kind. One whose id was there before goes on where that ended. */
function giveToEach(world: World, customer: Customer, { id, feature: kind }: Entity): void {
  const open = openOf(world, customer).filter((held) => held.entity === null);
  const given = open.flatMap((held) => {
    const before = open.find((each) => held.starts > world.now && follows(held, each));
    return held.terms.items
      .filter(({ entityFeature }) => entityFeature === kind)
      .map((item) => {
        const pot = potOf(world, customer, held.terms, item, beginningOf(held));
        const heirOf = before === undefined ? null : String(before.serial);
        return { ...pot, entity: id, perEntity: true, heirOf, anchor: held.anchor };
      });
  });
  for (const feature of new Set(given.map((each) => each.feature))) {
    const begun = given.filter((each) => each.feature === feature);
    const pots = begun.map(({ anchor: _, ...pot }) => addPot(customer, pot));
    const earlier = customer.departed.get(rowName({ feature, entity: id }));
    if (earlier === undefined || featureOf(world.terms, feature).kind === "held") continue;
    const running = pots.filter(
      (pot, index) =>
        isLive(pot, world.now) && periodStart(pot, begun[index]?.anchor ?? 0, world.now) <= earlier.at,
    );
    carryUse(customer, running, earlier.used);
  }
  const [first] = given;
  if (first?.plan != null) planEvent(world, customer, { plan: first.plan, entity: id });
}

const periodStart = ({ period }: Pot, anchor: number, now: number): number =>
  period === null ? anchor : boundaryUpTo(period.every, period.anchor, now);

const follows = (later: Subscription, earlier: Subscription): boolean =>
  !later.terms.addOn &&
  !earlier.terms.addOn &&
  later.terms.group === earlier.terms.group &&
  earlier.ends === later.starts;

export function removeEntity(
  world: World,
  customerId: string,
  { entity: id, key }: { entity: string; key: string | null },
): { replayed: boolean } {
  const customer = world.customers.get(customerId);
  const earlier = key === null ? undefined : findUse(customer, key);
  if (earlier !== undefined) {
    const isSame =
      earlier.kind === "expire" && earlier.entity === id && earlier.feature === null && earlier.value === 0n;
    if (!isSame) throw new Refusal("idempotency_conflict");
    return { replayed: true };
  }
  const entity = customer?.entities.find((each) => each.id === id);
  if (customer === undefined || entity === undefined) throw new Refusal("entity_not_found");
  endEvent(world, customer, { feature: null, entity: id, key, remaining: null, lots: [] });
  freeSeat(world, customer, entity);
  customer.entities = customer.entities.filter((each) => each !== entity);
  for (const hold of customer.holds.filter((each) => each.entity === id)) release(world, customerId, hold.id);
  for (const held of openOf(world, customer).filter((each) => each.entity === id)) {
    held.ends = world.now;
    planEvent(world, customer, { plan: held.terms.id, entity: id });
  }
  const features = world.terms.features.map((each) => each.id).sort();
  for (const feature of features) endRow(world, customer, { feature, entity: id });
  return { replayed: false };
}

/** To the very pot that paid for it; of one that nobody knows who paid for it, in order. */
function freeSeat(world: World, customer: Customer, { feature, seat }: Entity): void {
  const scope = seatsOf(feature);
  if (seat !== null) return giveBackRest(world, customer, seat, scope);
  if (uncounted(world, customer, feature) > 0n) return;
  const payers = payersOf(world, customer, scope).filter(({ pot }) => pot.leftOf === null);
  const refillable = sum(payers.map(({ pot }) => notBelowZero(pot.used)));
  if (refillable < ONE) return;
  const outcome = giveBack(world, customer, scope, ONE);
  record(world, customer, { ...scope, units: -ONE, key: null, label: null }, outcome);
}

/** Ends all that an entity has of a feature, and keeps what it had used of it. */
function endRow(world: World, customer: Customer, scope: Scope): void {
  const name = rowName(scope);
  if (!customer.rows.has(name)) return;
  const { feature, entity } = scope;
  const row = rowOf(customer, feature, entity);
  const before = worths(row);
  const counting = row.filter((pot) => pot.perEntity && pot.leftOf === null && isLive(pot, world.now));
  const used = sum(counting.map(uncharged));
  for (const pot of row) pot.ends = Math.min(world.now, pot.ends ?? Infinity);
  expire(world, customer, feature, entity);
  const lots = lotsOf(before, new Map());
  endEvent(world, customer, {
    feature,
    entity,
    key: `end ${name} ${customer.uses.length}`,
    remaining: 0,
    lots,
  });
  customer.controls = customer.controls.filter((each) => rowName(each) !== name);
  customer.rows.delete(name);
  if (used > 0n) customer.departed.set(name, { used, at: world.now });
  else customer.departed.delete(name);
}

/** What was used of a pot, and is not charged with its end. */
function uncharged(pot: Pot): Nano {
  if (pot.endless) return 0n;
  return notBelowZero(pot.used) - (pot.usageBased !== null && !pot.carries ? owed(pot) : 0n);
}

function endEvent(
  world: World,
  customer: Customer,
  event: Pick<Use, "feature" | "entity" | "key" | "remaining" | "lots">,
): void {
  const nothing = { plan: null, value: 0n, uncovered: 0n, unlimited: false, label: null };
  customer.uses.push({ ...nothing, ...event, kind: "expire", at: world.now });
}
