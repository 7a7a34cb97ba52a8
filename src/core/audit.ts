/** What is stored, against what the events prove. */
import { v, type ObjectType } from "convex/values";
import { advance, type ClosedPeriod } from "./advance.js";
import { exact, nearest, type Decimal } from "./amounts.js";
import { emptyBalance, type Balance, type Grant, type Limit } from "./balances.js";
import { controlsOf, rowKey } from "./changes.js";
import { sorted } from "./grants.js";
import { shown } from "./errors.js";
import type { Ledger } from "./ledger.js";
import type { EventProblem } from "./ledgerEvents.js";

const ownerFields = { featureId: v.string(), entityId: v.optional(v.string()) };
const amountsValidator = v.object({ granted: v.number(), used: v.number() });

/** What an audit has found: nothing, if `ok`. */
export const auditFields = {
  /** All that is stored is what the events prove, and each event adds up. */
  ok: v.boolean(),
  /** Grants that differ, each in its own unit. */
  grants: v.array(
    v.object({
      ...ownerFields,
      grantId: v.string(),
      /** What the events prove; null if none of them has given it. */
      expected: v.union(amountsValidator, v.null()),
      /** What is stored; null if nothing is. */
      actual: v.union(amountsValidator, v.null()),
      /** What is left of it by the row beyond what is left by the events: below 0, the customer has too little. */
      drift: v.number(),
      /** When it resets, ends, rolls over or what it costs differs as well. */
      terms: v.boolean(),
    }),
  ),
  /** Usage limits that have counted something else than the uses in their interval. */
  limits: v.array(
    v.object({
      ...ownerFields,
      /** Absent of other controls than limits. */
      interval: v.optional(v.string()),
      expected: v.union(v.number(), v.null()),
      actual: v.union(v.number(), v.null()),
      /** What is counted beyond the uses. */
      drift: v.number(),
      terms: v.boolean(),
    }),
  ),
  /** Events that contradict themselves, or those before them: of each what is wrong, in words; the first 1,000. */
  events: v.array(v.object({ eventId: v.string(), problem: v.string() })),
  /** Closed periods that are charged otherwise than they were used, in whole currency units. */
  charges: v.array(
    v.object({
      ...ownerFields,
      grantId: v.string(),
      /** When the period ended. */
      to: v.number(),
      expected: v.union(v.number(), v.null()),
      actual: v.union(v.number(), v.null()),
      drift: v.number(),
    }),
  ),
};
export type Findings = ObjectType<typeof auditFields>;

/** A row that is to be what the events prove. */
export interface Correction {
  /** As it is stored, as of the same instant. */
  actual: Balance;
  expected: Balance;
}

export interface Audited {
  findings: Findings;
  /** What a repair stores. */
  corrections: Correction[];
  /** Charges that are owed and not stored. */
  owed: ClosedPeriod[];
}

/** The first so many are told: one that is missing may make all that come after it wrong. */
const MAX_PROBLEMS = 1_000;

type StoredCharge = Pick<ClosedPeriod, "featureId" | "entityId" | "grantId" | "to" | "overage" | "amount">;

/** Compares a ledger that is replayed to its end with what is stored of the same customer, as of `now`. */
export function audit(
  ledger: Ledger,
  stored: { rows: readonly Balance[]; charges: readonly StoredCharge[] },
  now: number,
): Audited {
  const rows = new Map(stored.rows.map((row) => [rowKey(row), row]));
  const findings: Findings = { ok: true, grants: [], limits: [], events: [], charges: [] };
  const corrections: Correction[] = [];
  const charges: StoredCharge[] = [...stored.charges];
  const pending = new Set<string>();
  for (const key of new Set([...rows.keys(), ...ledger.rows.keys()])) {
    const proven = ledger.rows.get(key);
    const found = rows.get(key);
    // The same instant: the last at which either of them was written; of what is not stored, now.
    const at = Math.max(proven?.advancedAt ?? 0, found?.advancedAt ?? now);
    const { featureId, entityId } = (found ?? proven)!;
    const empty = emptyBalance(featureId, entityId, at);
    const expected = ledger.advanced(key, at) ?? empty;
    const { balance: actual, closed } =
      found === undefined ? { balance: empty, closed: [] } : advance(found, at);
    // Charged with the next write of the row, as it should be or not.
    charges.push(...closed);
    for (const period of closed) pending.add(chargeKey(period));
    const grants = grantsThatDiffer(expected, actual);
    const limits = limitsThatDiffer(expected, actual);
    findings.grants.push(...grants);
    findings.limits.push(...limits);
    if (grants.length > 0 || limits.length > 0) corrections.push({ actual, expected });
  }
  const due = chargesDue(ledger);
  findings.charges = chargesThatDiffer(due.charges, charges);
  findings.events = [...ledger.problems, ...due.problems].slice(0, MAX_PROBLEMS);
  const { grants, limits, events } = findings;
  findings.ok = [grants, limits, events, findings.charges].every((found) => found.length === 0);
  const known = new Set(stored.charges.map(chargeKey));
  const corrected = new Set(corrections.map(({ expected }) => rowKey(expected)));
  const owed = due.charges.filter((period) => {
    const key = chargeKey(period);
    return !known.has(key) && (!pending.has(key) || corrected.has(rowKey(period)));
  });
  return { findings, corrections, owed };
}

/** What closed periods owe by now: less, of what was given back. */
function chargesDue({ closed, corrections }: Ledger): { charges: ClosedPeriod[]; problems: EventProblem[] } {
  const charges = new Map(inSum(closed).map((period) => [chargeKey(period), period]));
  const problems: EventProblem[] = [];
  for (const { eventId, grantId, to, before, after, isSeen } of corrections) {
    const charge = charges.get(chargeKey({ grantId, to }));
    const { overage, amount } = charge ?? { overage: 0, amount: 0 };
    if (!isSeen && (overage !== before.overage || amount !== before.amount)) {
      const found = `it found ${before.overage} of ${shown(grantId)} charged, where the events prove ${overage}`;
      problems.push({ eventId, problem: found });
    }
    if (charge !== undefined) charges.set(chargeKey(charge), { ...charge, ...after });
  }
  // A charge of nothing is none.
  return { charges: [...charges.values()].filter(({ overage }) => overage > 0), problems };
}

const ownerOf = ({ featureId, entityId }: { featureId: string; entityId?: string }) => ({
  featureId,
  ...(entityId !== undefined && { entityId }),
});

/** Names a charge among those of a customer. */
export const chargeKey = ({ grantId, to }: { grantId: string; to: number }): string =>
  JSON.stringify([grantId, to]);

function grantsThatDiffer(expected: Balance, actual: Balance): Findings["grants"] {
  return pairs(expected.grants, actual.grants, (grant) => grant.id).flatMap(([grantId, proven, found]) => {
    const isSame = sorted(amountsOf(proven)) === sorted(amountsOf(found));
    const terms = proven !== undefined && found !== undefined && termsOf(proven) !== termsOf(found);
    if (isSame && !terms) return [];
    return {
      ...ownerOf(actual),
      grantId,
      expected: amountsOf(proven),
      actual: amountsOf(found),
      drift: nearest(leftOf(found).minus(leftOf(proven))),
      terms,
    };
  });
}

const amountsOf = (grant: Grant | undefined) =>
  grant === undefined ? null : { granted: grant.granted, used: grant.used };
const leftOf = (grant: Grant | undefined): Decimal =>
  grant === undefined ? exact(0) : exact(grant.granted).minus(grant.used);
const termsOf = (grant: Grant) => sorted({ ...grant, granted: 0, used: 0 });

function limitsThatDiffer(expected: Balance, actual: Balance): Findings["limits"] {
  const found = pairs(expected.limits ?? [], actual.limits ?? [], counterOf).flatMap(
    ([, proven, counted]): Findings["limits"] => {
      const terms =
        proven !== undefined &&
        counted !== undefined &&
        sorted({ ...proven, used: 0 }) !== sorted({ ...counted, used: 0 });
      if (proven?.used === counted?.used && !terms) return [];
      const drift = nearest(exact(counted?.used ?? 0).minus(proven?.used ?? 0));
      const { interval } = (proven ?? counted)!;
      const [expected, used] = [proven?.used ?? null, counted?.used ?? null];
      return [{ ...ownerOf(actual), interval, expected, actual: used, drift, terms }];
    },
  );
  const others = (row: Balance) => sorted({ ...controlsOf(row), limits: row.limits === undefined });
  if (others(expected) === others(actual)) return found;
  return [...found, { ...ownerOf(actual), expected: null, actual: null, drift: 0, terms: true }];
}

function chargesThatDiffer(
  expected: readonly StoredCharge[],
  actual: readonly StoredCharge[],
): Findings["charges"] {
  return pairs(expected, inSum(actual), chargeKey).flatMap(([, proven, found]) => {
    if (proven?.amount === found?.amount && proven?.overage === found?.overage) return [];
    const { grantId, to, ...charge } = (proven ?? found)!;
    const drift = nearest(exact(found?.amount ?? 0).minus(proven?.amount ?? 0));
    const amounts = { expected: proven?.amount ?? null, actual: found?.amount ?? null };
    return [{ ...ownerOf(charge), grantId, to, ...amounts, drift }];
  });
}

/** Charges of the same period as one: a period that is charged twice differs. */
function inSum<Charge extends StoredCharge>(charges: readonly Charge[]): Charge[] {
  const sums = new Map<string, Charge>();
  for (const charge of charges) {
    const key = chargeKey(charge);
    const { overage, amount } = sums.get(key) ?? { overage: 0, amount: 0 };
    const sum = (a: number, b: number) => nearest(exact(a).plus(b));
    sums.set(key, { ...charge, overage: sum(overage, charge.overage), amount: sum(amount, charge.amount) });
  }
  return [...sums.values()];
}

/** What of two lists belongs together, and what has no counterpart. */
function pairs<Each>(
  expected: readonly Each[],
  actual: readonly Each[],
  nameOf: (each: Each) => string,
): [name: string, expected: Each | undefined, actual: Each | undefined][] {
  const [proven, found] = [expected, actual].map((list) => new Map(list.map((each) => [nameOf(each), each])));
  const names = new Set([...expected, ...actual].map(nameOf));
  return [...names].map((name) => [name, proven?.get(name), found?.get(name)]);
}

const counterOf = ({ interval, count, anchor }: Limit): string => JSON.stringify([interval, count, anchor]);
