/** The deployment's state and answers against the model's, value by value. */
import type { Doc } from "../../src/component/_generated/dataModel.js";
import type { Stored } from "./inspection.js";
import type { Matching } from "./matching.js";
import { plain, sum } from "./model/amounts.js";
import { boundaryAfter } from "./model/calendar.js";
import { countOf } from "./model/limits.js";
import {
  rowOf,
  type Control,
  type Customer,
  type Hold,
  type Limit,
  type Lot,
  type Pot,
  type Use,
  type World,
} from "./model/world.js";

/** Something that is not as the model says. */
export interface Difference {
  what: string;
  expected: unknown;
  got: unknown;
}

/** Where two values of the same shape are not the same. */
export function differencesOf(what: string, expected: unknown, got: unknown): Difference[] {
  if (Object.is(expected, got) || (expected === undefined && got === undefined)) return [];
  if (!isObject(expected) || !isObject(got)) return [{ what, expected, got }];
  const [mine, theirs] = [new Map(Object.entries(expected)), new Map(Object.entries(got))];
  return [...new Set([...mine.keys(), ...theirs.keys()])].flatMap((key) =>
    differencesOf(`${what}.${key}`, mine.get(key), theirs.get(key)),
  );
}

const isObject = (value: unknown): value is object => typeof value === "object" && value !== null;

/** Pairs grants with pots by their order in each row, and compares all that is stored but the events. */
export function compareState(world: World, stored: Stored, matching: Matching): Difference[] {
  return [
    ...compareRows(world, stored, matching),
    ...[...world.customers.values()].flatMap((customer) => [
      ...compareSubscriptions(customer, stored),
      ...compareHolds(customer, stored, matching),
    ]),
    ...strangers(world, stored),
  ];
}

/** What is stored of customers whom there are not. */
function strangers(world: World, { balances, subscriptions, reservations }: Stored): Difference[] {
  const owners = [...balances, ...subscriptions, ...reservations].map(({ customerId }) => customerId);
  const strange = [...new Set(owners)].filter((id) => !world.customers.has(id));
  return strange.map((id) => ({ what: `customer ${id}`, expected: "none", got: "documents" }));
}

function compareRows(world: World, { balances }: Stored, matching: Matching): Difference[] {
  const places = new Map<string, { customer: Customer; feature: string; entity: string | null }>();
  for (const customer of world.customers.values()) {
    for (const { feature, entity } of [...customer.pots, ...customer.controls])
      places.set(JSON.stringify([customer.id, feature, entity]), { customer, feature, entity });
  }
  const stored = new Map<string, Doc<"balances">>();
  for (const row of balances) {
    const customer = world.customers.get(row.customerId);
    const place = [row.customerId, row.featureId, row.entityId ?? null] as const;
    stored.set(JSON.stringify(place), row);
    if (customer !== undefined)
      places.set(JSON.stringify(place), { customer, feature: place[1], entity: place[2] });
  }
  return [...places].flatMap(([name, { customer, feature, entity }]) => {
    const row = stored.get(name);
    const pots = rowOf(customer, feature, entity);
    const control = customer.controls.find((each) => each.feature === feature && each.entity === entity);
    return [
      ...compareGrants(`row ${name}`, customer, pots, row?.grants ?? [], matching),
      ...compareControl(`row ${name}`, world.now, control, row),
    ];
  });
}

function compareGrants(
  what: string,
  customer: Customer,
  pots: readonly Pot[],
  grants: Doc<"balances">["grants"],
  matching: Matching,
): Difference[] {
  if (pots.length !== grants.length) {
    const expected = pots.map((pot) => shownPot(pot, undefined));
    return [{ what: `${what}: grants`, expected, got: grants.map((grant) => shownGrant(grant, undefined)) }];
  }
  const pairs = pots.flatMap((pot, index) => {
    const grant = grants[index];
    return grant === undefined ? [] : [{ pot, grant }];
  });
  const wrong = pairs.flatMap(({ pot, grant }) => matching.match(customer.id, pot.serial, grant.id) ?? []);
  if (wrong.length > 0) return [{ what: `${what}: ids`, expected: "the same grants as ever", got: wrong }];
  return pairs.flatMap(({ pot, grant }) => {
    const parent = pot.leftOf === null ? undefined : matching.idOf(customer.id, pot.leftOf);
    return differencesOf(
      `${what}: grant ${grant.id}`,
      shownPot(pot, parent),
      shownGrant(grant, grant.rolledFrom),
    );
  });
}

const shownPot = (pot: Pot, rolledFrom: string | undefined) => ({
  planId: pot.plan ?? undefined,
  granted: plain(pot.granted),
  used: plain(pot.used),
  createdAt: pot.since,
  unlimited: pot.endless,
  nextResetAt: pot.period?.next,
  startsAt: pot.starts ?? undefined,
  expiresAt: pot.ends ?? undefined,
  priority: pot.priority,
  addOn: pot.addOn,
  prepaid: pot.prepaid,
  perEntity: pot.perEntity,
  isUsageBased: pot.usageBased !== null,
  carry: pot.carries,
  rolledFrom,
});

const shownGrant = (
  grant: Doc<"balances">["grants"][number],
  rolledFrom: string | undefined,
): ReturnType<typeof shownPot> => ({
  planId: grant.planId,
  granted: grant.granted,
  used: grant.used,
  createdAt: grant.createdAt,
  unlimited: grant.unlimited === true,
  nextResetAt: grant.reset?.nextAt,
  startsAt: grant.startsAt,
  expiresAt: grant.expiresAt,
  priority: grant.priority ?? 0,
  addOn: grant.addOn === true,
  prepaid: grant.prepaid === true,
  perEntity: grant.perEntity === true,
  isUsageBased: grant.overage !== undefined,
  carry: grant.carry === true,
  rolledFrom,
});

/** The counters of limits are invariant (e): the model counts them anew from its log. */
function compareControl(
  what: string,
  now: number,
  control: Control | undefined,
  row: Doc<"balances"> | undefined,
): Difference[] {
  const expected = {
    limits: [
      ...(control?.limits ?? []).map((limit) => ({ max: plain(limit.max), ...shownCount(limit, now) })),
      ...(control?.idle ?? []).map((limit) => shownCount(limit, now)).filter(({ used }) => used > 0),
    ],
    overageAllowed: control?.allowed ?? undefined,
    spendLimit: shownSpend(control?.spend ?? null),
  };
  const got = {
    limits: (row?.limits ?? [])
      .filter(({ max, used }) => max !== undefined || used > 0)
      .map(({ max, used, nextAt }) => ({ ...(max !== undefined && { max }), used, nextAt })),
    overageAllowed: row?.overage?.allowed,
    spendLimit: row?.overage?.max,
  };
  // A limit follows what pays from the next draw on, and is stored by the next one that it counts.
  for (const [index, limit] of (control?.limits ?? []).entries()) {
    const [mine, theirs] = [expected.limits[index], got.limits[index]];
    if (!limit.follows || mine === undefined || theirs === undefined || mine.nextAt === theirs.nextAt)
      continue;
    Object.assign(mine, { used: theirs.used, nextAt: theirs.nextAt });
  }
  return differencesOf(what, expected, got);
}

const shownCount = (limit: Limit, now: number) => ({
  used: plain(countOf(limit, now)),
  nextAt: boundaryAfter(limit.every, limit.anchor, now),
});

function shownSpend(spend: Control["spend"]) {
  if (spend === "none") return null;
  if (spend === null) return undefined;
  return typeof spend === "bigint" ? plain(spend) : { percent: plain(spend.percent) };
}

function compareSubscriptions(customer: Customer, { subscriptions }: Stored): Difference[] {
  const expected = customer.subscriptions.map((held) => ({
    plan: held.terms.id,
    entity: held.entity ?? undefined,
    anchor: held.anchor,
    startsAt: held.starts,
    endsAt: held.ends ?? undefined,
    trialEndsAt: held.trialEnds ?? undefined,
  }));
  const got = subscriptions
    .filter(({ customerId }) => customerId === customer.id)
    .map((held) => ({
      plan: held.planId,
      entity: held.entityId,
      anchor: held.anchor,
      startsAt: held.startsAt,
      endsAt: held.endsAt,
      trialEndsAt: held.trialEndsAt,
    }));
  return differencesOf(`subscriptions of ${customer.id}`, expected, got);
}

function compareHolds(customer: Customer, { reservations }: Stored, matching: Matching): Difference[] {
  const shown = (hold: Hold) => ({
    value: plain(hold.value),
    reported: hold.reported === null ? undefined : plain(hold.reported),
    expiresAt: hold.expires,
    draws: drawnOf(hold.lots, customer, matching),
  });
  const expected = Object.fromEntries(customer.holds.map((hold) => [hold.id, shown(hold)]));
  const own = reservations.filter(({ customerId }) => customerId === customer.id);
  const got = Object.fromEntries(
    own.map(({ reservationId, value, reported, expiresAt, draws }) => [
      reservationId,
      // A day from its creation, which convex-test makes unique by thousandths of a millisecond.
      { value, reported, expiresAt: Math.floor(expiresAt), draws: sumsOf(draws) },
    ]),
  );
  return differencesOf(`holds of ${customer.id}`, expected, got);
}

/** What was drawn of each grant, by its id. */
function drawnOf(lots: readonly Lot[], customer: Customer, matching: Matching) {
  const pots = [...new Set(lots.map(({ pot }) => pot))];
  return Object.fromEntries(
    pots.map((pot) => {
      const own = lots.filter((lot) => lot.pot === pot);
      const [amount, units] = [sum(own.map((lot) => lot.amount)), sum(own.map((lot) => lot.units))];
      return [
        matching.idOf(customer.id, pot) ?? `pot ${pot}`,
        { amount: plain(amount), units: plain(units) },
      ];
    }),
  );
}

function sumsOf(draws: Doc<"events">["draws"]) {
  const sums: Record<string, { amount: number; units: number }> = {};
  for (const { grantId, amount, units } of draws) {
    const before = sums[grantId] ?? { amount: 0, units: 0 };
    sums[grantId] = { amount: exactSum(before.amount, amount), units: exactSum(before.units, units) };
  }
  return sums;
}

/** To the ninth place, where all amounts end. */
const exactSum = (a: number, b: number): number => Number((a + b).toFixed(9)) + 0;

/** Events of controls tell audits what the model has no words for: where a limit has followed a plan meanwhile. */
const isTold = ({ kind, properties }: Doc<"events">): boolean =>
  kind !== "adjust" || properties !== undefined;

/** The events that a step has written. */
export function compareEvents(
  customer: Customer,
  expected: readonly Use[],
  got: readonly Doc<"events">[],
  matching: Matching,
): Difference[] {
  return differencesOf(
    `events of ${customer.id}`,
    expected.map((use) => ({
      kind: use.kind,
      feature: use.feature ?? undefined,
      entity: use.entity ?? undefined,
      plan: use.plan ?? undefined,
      value: plain(use.value),
      uncovered: plain(use.uncovered),
      draws: drawnOf(use.lots, customer, matching),
      ...(use.kind !== "plan" && { remaining: use.unlimited ? "unlimited" : (use.remaining ?? undefined) }),
      lapsed: plain(use.lapsed ?? 0n),
      hasKey: use.key !== null || use.refundOf !== undefined,
    })),
    got.filter(isTold).map((event) => ({
      kind: event.kind,
      feature: event.featureId,
      entity: event.entityId,
      plan: event.planId,
      value: event.value,
      uncovered: event.uncovered ?? 0,
      draws: sumsOf(event.draws),
      ...(event.kind !== "plan" && { remaining: event.unlimited ? "unlimited" : event.remaining }),
      lapsed: event.lapsed ?? 0,
      hasKey: event.key !== undefined,
    })),
  );
}

/**
 * Each charge that is stored is the model's, and there once. A deployment stores them when it next
 * writes their balance: all of them only once the sweep has been.
 */
export function compareCharges(
  world: World,
  { charges }: Stored,
  matching: Matching,
  isSwept: boolean,
): Difference[] {
  const nameOf = (customer: string, grant: string | undefined, to: number) =>
    `charge ${customer} ${grant} ${to}`;
  const mine = new Map(
    world.charges.map((charge) => [
      nameOf(charge.customer, matching.idOf(charge.customer, charge.pot), charge.to),
      charge,
    ]),
  );
  const names = charges.map(({ customerId, grantId, to }) => nameOf(customerId, grantId, to));
  const twice = names.filter((name, index) => names.indexOf(name) !== index);
  const missing = [...mine].filter(([name]) => isSwept && !names.includes(name));
  return [
    ...twice.map((what) => ({ what, expected: "once", got: "twice" })),
    ...missing.map(([what, charge]) => ({ what, expected: charge, got: "none" })),
    ...charges.flatMap((charge, index) => {
      const name = names[index] ?? "";
      const expected = mine.get(name);
      if (expected === undefined) return [{ what: name, expected: "none", got: charge }];
      const { feature, entity, from, overage, amount } = expected;
      return differencesOf(
        name,
        { feature, entity: entity ?? undefined, from, overage: plain(overage), amount: plain(amount) },
        {
          feature: charge.featureId,
          entity: charge.entityId,
          from: charge.from,
          overage: charge.overage,
          amount: charge.amount,
        },
      );
    }),
  ];
}

/** Answers name pots in both; what is not stored (a check as if, what was rolled back) cannot be told apart. */
export function compareAnswers(
  expected: unknown,
  got: unknown,
  customer: string,
  matching: Matching | null,
): Difference[] {
  const translated = (value: unknown): unknown => {
    if (Array.isArray(value)) return value.map(translated);
    if (!isObject(value)) return value;
    return Object.fromEntries(
      Object.entries(value).map(([key, part]) => [
        key,
        key === "pot" ? potName(part, customer, matching) : translated(part),
      ]),
    );
  };
  return differencesOf("answer", translated(expected), translated(got));
}

function potName(pot: unknown, customer: string, matching: Matching | null): string {
  if (matching === null) return "of nobody yet";
  if (typeof pot === "number") return matching.idOf(customer, pot) ?? "not stored";
  return typeof pot === "string" && matching.serialOf(customer, pot) !== undefined ? pot : "not stored";
}
