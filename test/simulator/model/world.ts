/**
 * The model's state: one flat list of grants for each customer, and a log of what was used. Nothing
 * is lazy here: time passes instant by instant, and what is over is gone.
 */
import { notBelowZero, sum, type Nano } from "./amounts.js";
import type { Every } from "./calendar.js";
import type { Plan, Price, Rollover, Terms } from "../terms.js";

export interface Period {
  every: Every;
  anchor: number;
  next: number;
}

export interface Pot {
  /** Counts up for a customer, so that it tells which of two is the older. */
  serial: number;
  feature: string;
  entity: string | null;
  /** Who may end it: a subscription's serial, or what it came by. */
  source: string;
  plan: string | null;
  granted: Nano;
  used: Nano;
  since: number;
  starts: number | null;
  ends: number | null;
  endless: boolean;
  period: Period | null;
  priority: number;
  addOn: boolean;
  prepaid: boolean;
  /** Paid once, in advance, and had once. */
  bought: boolean;
  perEntity: boolean;
  usageBased: { price: Price; max: Nano | null } | null;
  carries: boolean;
  rollover: Rollover | null;
  /** The source that it takes over from when it starts. */
  heirOf: string | null;
  /** The pot that it is what was left of. */
  leftOf: number | null;
  /** What was in it at first. */
  given: Nano;
  /** Nothing but draws and grants has moved it: its events tell all of it. */
  isLedgered: boolean;
  /** Something allowed it below zero once. */
  mayOwe: boolean;
  /** What of `used` no draw of this period took: a debt that was carried in, or (below 0) what was set by hand. */
  base: Nano;
}

/** What was taken from one pot. */
export interface Lot {
  pot: number;
  amount: Nano;
  units: Nano;
  /** When it would have lapsed anyway. */
  lapses: number | null;
  at: number;
}

/** An event. Never changed once it is written. */
export interface Use {
  kind: "usage" | "grant" | "adjust" | "expire" | "plan";
  feature: string | null;
  entity: string | null;
  plan: string | null;
  value: Nano;
  uncovered: Nano;
  lots: Lot[];
  at: number;
  /** What was left right afterwards; null where that is not told. */
  remaining: number | null;
  unlimited: boolean;
  /** Where a repeat finds it. */
  key: string | null;
  /** The name that later steps know it by. */
  label: string | null;
  held?: Nano;
  expired?: boolean;
  lateTotal?: Nano;
  lapsed?: Nano;
  /** Key of the use that it gives back. */
  refundOf?: Use;
  /** What was asked, as far as a repeat is compared with it … */
  how?: string;
  /** … and what was answered, where the rest does not tell. */
  answer?: unknown;
}

export interface Hold {
  id: string;
  feature: string;
  entity: string | null;
  value: Nano;
  /** What was first asked for. */
  asked: Nano;
  lots: Lot[];
  unlimited: boolean;
  reported: Nano | null;
  since: number;
  expires: number;
}

/** An amount that counts against a limit, at the time at which it was drawn. */
export interface Counted {
  at: number;
  amount: Nano;
}

export interface Limit {
  max: Nano;
  every: Every;
  anchor: number;
  /** It follows the plan's periods. */
  follows: boolean;
  /** What was drawn before is none of its. */
  since: number;
  /** When it was taken away: it counts on until its window is over. */
  idleAt?: number;
  counted: Counted[];
}

/** One owner's own controls of a feature; null where it has none. */
export interface Control {
  feature: string;
  entity: string | null;
  limits: Limit[] | null;
  /** What was counted by limits that were taken away: it counts again if they come back within their period. */
  idle: Limit[];
  allowed: boolean | null;
  spend: Nano | { percent: Nano } | "none" | null;
}

export interface Subscription {
  serial: number;
  entity: string | null;
  /** As they were bought. */
  terms: Plan;
  anchor: number;
  starts: number;
  ends: number | null;
  trialEnds: number | null;
  fingerprint: string | null;
  quantities: Record<string, number>;
}

export interface Entity {
  id: string;
  feature: string;
  /** How many events there were before it: those of an earlier entity of its id. */
  bornAfter: number;
  /** The use of its seat; null if nothing counted it. */
  seat: Use | null;
}

/** What entered and left the grants of a feature: what is in them is the difference. */
export interface Book {
  entered: Nano;
  drawn: Nano;
  gone: Nano;
}

export interface Customer {
  id: string;
  lastSerial: number;
  entities: Entity[];
  pots: Pot[];
  controls: Control[];
  subscriptions: Subscription[];
  uses: Use[];
  holds: Hold[];
  books: Map<string, Book>;
  /** The balances that there are, though nothing may be left in them, by feature and entity. */
  rows: Set<string>;
  /** What entities that are gone had used of plans' amounts, by entity and feature. */
  departed: Map<string, { used: Nano; at: number }>;
}

/** Never changed once it is written: a correction is another in its place. */
export interface Charge {
  customer: string;
  pot: number;
  feature: string;
  entity: string | null;
  from: number;
  to: number;
  overage: Nano;
  amount: Nano;
  /** What priced it. */
  terms: { price: Price; granted: Nano; isHeld: boolean };
}

export interface World {
  terms: Terms;
  now: number;
  customers: Map<string, Customer>;
  charges: Charge[];
}

export function newWorld(terms: Terms, now: number): World {
  return { terms, now, customers: new Map(), charges: [] };
}

/** A copy that can be changed and thrown away. What is never changed is shared. */
export function copyOf(world: World): World {
  const customers = [...world.customers].map(([id, customer]) => [id, copyOfCustomer(customer)] as const);
  return { ...world, customers: new Map(customers), charges: [...world.charges] };
}

export function copyOfCustomer(customer: Customer): Customer {
  return {
    ...customer,
    entities: [...customer.entities],
    pots: customer.pots.map((pot) => ({ ...pot, period: pot.period && { ...pot.period } })),
    controls: customer.controls.map((control) => ({
      ...control,
      limits: control.limits && control.limits.map(copyOfLimit),
      idle: control.idle.map(copyOfLimit),
    })),
    subscriptions: customer.subscriptions.map((each) => ({ ...each })),
    uses: [...customer.uses],
    holds: customer.holds.map((hold) => ({ ...hold })),
    rows: new Set(customer.rows),
    departed: new Map(customer.departed),
    books: new Map([...customer.books].map(([feature, book]) => [feature, { ...book }])),
  };
}

const copyOfLimit = (limit: Limit): Limit => ({ ...limit, counted: [...limit.counted] });

/** The call is refused; nothing has happened. */
export class Refusal extends Error {
  constructor(
    readonly kind: string,
    why = kind,
  ) {
    super(why);
  }
}

/** The deployment is known to be wrong here: the step is not taken. */
export class KnownWrong extends Error {}

export function customerOf(world: World, id: string): Customer {
  const customer = world.customers.get(id);
  if (customer === undefined) throw new Refusal("customer_not_found");
  return customer;
}

export function assertEntity(customer: Customer, entity: string | null): void {
  if (entity !== null && !customer.entities.some(({ id }) => id === entity))
    throw new Refusal("entity_not_found");
}

export const left = (pot: Pot): Nano => (pot.endless ? 0n : notBelowZero(pot.granted - pot.used));
export const owed = (pot: Pot): Nano => (pot.endless ? 0n : notBelowZero(pot.used - pot.granted));
export const isCurrent = (pot: Pot, now: number): boolean =>
  (pot.starts === null || pot.starts <= now) && (pot.ends === null || pot.ends > now);
/** Nothing stops a pot that is there from paying: no payment is ever missing in a run. */
export const isLive = isCurrent;

export const rowName = ({ feature, entity }: { feature: string; entity: string | null }): string =>
  JSON.stringify([feature, entity]);

/** The grants of one feature of one owner, the oldest first. */
export const rowOf = (customer: Customer, feature: string, entity: string | null): Pot[] =>
  customer.pots.filter((pot) => pot.feature === feature && pot.entity === entity);

export const MOST_POTS = 64;

export function addPot(customer: Customer, pot: Pot): Pot {
  if (rowOf(customer, pot.feature, pot.entity).length >= MOST_POTS) throw new Refusal("too_many_grants");
  pot.given = worth(pot);
  customer.rows.add(rowName(pot));
  customer.pots.push(pot);
  bookOf(customer, pot.feature).entered += worth(pot);
  return pot;
}

export function removePots(customer: Customer, gone: ReadonlySet<Pot>): void {
  for (const pot of gone) bookOf(customer, pot.feature).gone += worth(pot);
  customer.pots = customer.pots.filter((pot) => !gone.has(pot));
}

/** Draws from a pot, or puts back into it: what an event tells. */
export function drawFrom(customer: Customer, pot: Pot, amount: Nano): void {
  pot.used += amount;
  if (!pot.endless) bookOf(customer, pot.feature).drawn += amount;
}

/** Changes a pot otherwise than by a draw: time, a plan, a debt that is paid. */
export function adjustPot(
  customer: Customer,
  pot: Pot,
  change: Partial<Pick<Pot, "granted" | "used">>,
): void {
  const before = worth(pot);
  if (change.used !== undefined && change.used !== pot.used) pot.isLedgered = false;
  if (change.granted !== undefined && change.granted !== pot.granted) pot.isLedgered = false;
  Object.assign(pot, change);
  const gained = worth(pot) - before;
  const book = bookOf(customer, pot.feature);
  if (gained > 0n) book.entered += gained;
  else book.gone -= gained;
}

const worth = (pot: Pot): Nano => (pot.endless ? 0n : pot.granted - pot.used);

export function bookOf(customer: Customer, feature: string): Book {
  const book = customer.books.get(feature) ?? { entered: 0n, drawn: 0n, gone: 0n };
  customer.books.set(feature, book);
  return book;
}

export const worthOf = (customer: Customer, feature: string): Nano =>
  sum(customer.pots.filter((pot) => pot.feature === feature).map(worth));

export function controlOf(customer: Customer, feature: string, entity: string | null): Control {
  const found = customer.controls.find((each) => each.feature === feature && each.entity === entity);
  if (found !== undefined) return found;
  const control: Control = { feature, entity, limits: null, idle: [], allowed: null, spend: null };
  customer.controls.push(control);
  customer.rows.add(rowName(control));
  return control;
}

/** A step refers to what is not there: shrinking has taken it away. */
export class Unknown extends Error {}
