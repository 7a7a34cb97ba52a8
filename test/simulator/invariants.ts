/**
 * What must hold after every step, whatever the rules say in detail; lettered as in the method that
 * it is taken from. (e), that a usage counter is the sum of its events, is compared with the state;
 * (j), that looking makes no difference, is the twin of a run that looks at every boundary.
 */
import type { Doc } from "../../src/component/_generated/dataModel.js";
import type { Difference } from "./comparison.js";
import type { Stored } from "./inspection.js";
import type { Matching } from "./matching.js";
import { nano, plain, sum, type Nano } from "./model/amounts.js";
import { left, type World } from "./model/world.js";
import type { Step } from "./steps.js";

export interface Moment {
  step: Step;
  world: World;
  /** Before the step. */
  before: Stored;
  stored: Stored;
  ledger: Ledger;
  matching: Matching;
}

/** What the events tell, read from the first one on. */
export class Ledger {
  /** What was taken from each grant. */
  private readonly drawn = new Map<string, Nano>();
  private readonly keys = new Map<string, string>();
  /** What of each use may still come back. */
  private readonly refundable = new Map<string, Nano>();
  readonly problems: Difference[] = [];
  last = 0;

  read(events: readonly Doc<"events">[]): void {
    for (const event of events) {
      const { _id, _creationTime, customerId, kind, key, refundOf, draws } = event;
      this.last = _creationTime;
      for (const { grantId, amount } of draws) {
        const name = `${customerId} ${grantId}`;
        this.drawn.set(name, (this.drawn.get(name) ?? 0n) + nano(amount));
      }
      if (kind === "usage") this.readUse(event);
      const applied = nano(event.value) - nano(event.uncovered ?? 0);
      const swept = this.keys.get(`${customerId} ${key?.replace("\u0000late", "\u0000hold")}`);
      // What a late confirmation has charged is given back with the use that it completes.
      if (key?.endsWith("\u0000late") && swept !== undefined)
        this.refundable.set(swept, (this.refundable.get(swept) ?? 0n) + applied);
      else if (refundOf === undefined) this.refundable.set(_id, applied);
      else this.readRefund(refundOf, nano(event.value));
      if (key === undefined) continue;
      // (f) One key of a customer's, one event.
      if (this.keys.has(`${customerId} ${key}`))
        this.problems.push({ what: `(f) key ${key}`, expected: "one event", got: "two" });
      this.keys.set(`${customerId} ${key}`, _id);
    }
  }

  /** (d) The draws of a use sum to what was applied, to the last decimal. */
  private readUse({ _id, value, uncovered = 0, draws }: Doc<"events">): void {
    const units = sum(draws.map((draw) => nano(draw.units)));
    if (units === nano(value) - nano(uncovered)) return;
    this.problems.push({ what: `(d) event ${_id}`, expected: value - uncovered, got: draws });
  }

  /** (g) No more comes back of a use than it took. */
  private readRefund(of: string, value: Nano): void {
    const left = (this.refundable.get(of) ?? 0n) + value;
    this.refundable.set(of, left);
    if (left < 0n)
      this.problems.push({
        what: `(g) refunds of ${of}`,
        expected: "what it took at most",
        got: plain(left),
      });
  }

  drawnOf(customerId: string, grantId: string): Nano {
    return this.drawn.get(`${customerId} ${grantId}`) ?? 0n;
  }

  /** A customer who is removed takes his events with him. */
  forget(customerId: string): void {
    for (const map of [this.drawn, this.keys])
      for (const name of map.keys()) if (name.startsWith(`${customerId} `)) map.delete(name);
  }
}

type Invariant = (moment: Moment) => Difference[];

/** (a) What entered, less what was drawn and what is gone, is what is there. */
const isConserved: Invariant = ({ world, stored }) =>
  [...world.customers.values()].flatMap((customer) =>
    [...customer.books].flatMap(([feature, { entered, drawn, gone }]) => {
      const grants = stored.balances
        .filter(({ customerId, featureId }) => customerId === customer.id && featureId === feature)
        .flatMap((row) => row.grants.filter(({ unlimited }) => unlimited !== true));
      const there = sum(grants.map(({ granted, used }) => nano(granted) - nano(used)));
      return unless(there === entered - drawn - gone, `(a) ${customer.id}'s ${feature}`, {
        expected: plain(entered - drawn - gone),
        got: plain(there),
      });
    }),
  );

/** (b) What nothing has ever allowed below zero is not below zero. */
const isNeverNegative: Invariant = ({ world, stored, matching }) =>
  potsAndGrants({ world, stored, matching }).flatMap(({ pot, grant, name }) =>
    unless(pot.mayOwe || pot.endless || grant.used <= grant.granted, `(b) ${name}`, {
      expected: `at most ${grant.granted} used`,
      got: grant.used,
    }),
  );

/** (c) Nothing goes into overage while there is something left in its row. */
const isUsedUpFirst: Invariant = ({ step, world, before, stored }) => {
  const isUse = step.do === "track" || step.do === "consume";
  if (!isUse || step.uses.some(({ value }) => value < 0)) return [];
  return stored.balances.flatMap((row) => {
    const earlier = before.balances.find(({ _id }) => _id === row._id);
    const overageOf = ({ grants }: Pick<Doc<"balances">, "grants">) =>
      sum(
        grants
          .filter(({ unlimited }) => !unlimited)
          .map((each) => most0(nano(each.used) - nano(each.granted))),
      );
    const hasGrown = overageOf(row) > (earlier === undefined ? 0n : overageOf(earlier));
    const pots = world.customers.get(row.customerId)?.pots ?? [];
    const isEntitys = step.uses.every(({ entity }) => entity === row.entityId);
    const rest = sum(
      pots
        .filter(({ feature, entity }) => feature === row.featureId && entity === (row.entityId ?? null))
        // What an entity has by a plan of its own is out of the reach of a use without it.
        .filter(({ entity, perEntity }) => entity === null || perEntity || isEntitys)
        .filter(({ starts, ends }) => (starts ?? 0) <= world.now && (ends ?? Infinity) > world.now)
        .map(left),
    );
    return unless(!hasGrown || rest === 0n, `(c) ${row.customerId}'s ${row.featureId}`, {
      expected: "nothing left where overage has grown",
      got: plain(rest),
    });
  });
};

const most0 = (amount: Nano): Nano => (amount > 0n ? amount : 0n);

/** (h) No hold is open past its time once the sweep has been. */
const holdsAreSwept: Invariant = ({ step, world, stored }) =>
  step.do === "sweep" && step.what === "holds"
    ? stored.reservations.flatMap(({ reservationId, expiresAt }) =>
        unless(expiresAt > world.now, `(h) hold ${reservationId}`, { expected: "settled", got: expiresAt }),
      )
    : [];

/** (i) The events of a grant that only they have moved, read from the first one on, give what is in it. */
const ledgerTellsAll: Invariant = ({ world, stored, ledger, matching }) =>
  potsAndGrants({ world, stored, matching }).flatMap(({ pot, grant, name, customerId }) => {
    if (!pot.isLedgered || pot.endless) return [];
    const open = stored.reservations
      .filter((hold) => hold.customerId === customerId)
      .flatMap(({ draws }) => draws.filter(({ grantId }) => grantId === grant.id));
    const lost = ledger.drawnOf(customerId, grant.id) + sum(open.map(({ amount }) => nano(amount)));
    // A grant by hand is told by an event; what came with a plan is told by its terms.
    const given = pot.source === "grant" ? 0n : pot.given;
    const there = nano(grant.granted) - nano(grant.used);
    return unless(there === given - lost, `(i) ${name}`, {
      expected: plain(given - lost),
      got: plain(there),
    });
  });

const invariants: Invariant[] = [
  isConserved,
  isNeverNegative,
  isUsedUpFirst,
  ({ ledger }) => ledger.problems,
  holdsAreSwept,
  ledgerTellsAll,
];

/** What does not hold. */
export const violations = (moment: Moment): Difference[] => invariants.flatMap((holds) => holds(moment));

function potsAndGrants({ world, stored, matching }: Pick<Moment, "world" | "stored" | "matching">) {
  return stored.balances.flatMap((row) => {
    const pots = world.customers.get(row.customerId)?.pots ?? [];
    return row.grants.flatMap((grant) => {
      const serial = matching.serialOf(row.customerId, grant.id);
      const pot = pots.find((each) => each.serial === serial);
      const name = `${row.customerId}'s ${row.featureId} ${grant.id}`;
      return pot === undefined ? [] : [{ pot, grant, name, customerId: row.customerId }];
    });
  });
}

const unless = (holds: boolean, what: string, difference: Omit<Difference, "what">): Difference[] =>
  holds ? [] : [{ what, ...difference }];
