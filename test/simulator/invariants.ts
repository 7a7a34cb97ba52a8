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
  /** All that there are. */
  events: readonly Doc<"events">[];
  matching: Matching;
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
    const rest = sum(
      pots
        .filter(({ feature, entity }) => feature === row.featureId && entity === (row.entityId ?? null))
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

/** (d) The draws of a use sum to what was applied, to the last decimal. */
const drawsAreApplied: Invariant = ({ events }) =>
  events
    .filter(({ kind }) => kind === "usage")
    .flatMap(({ _id, value, uncovered = 0, draws }) =>
      unless(
        sum(draws.map(({ units }) => nano(units))) === nano(value) - nano(uncovered),
        `(d) event ${_id}`,
        {
          expected: value - uncovered,
          got: draws,
        },
      ),
    );

/** (f) One key of a customer's, one event. */
const keysAreUnique: Invariant = ({ events }) => {
  const keys = events.flatMap(({ customerId, key }) => (key === undefined ? [] : `${customerId} ${key}`));
  const twice = keys.find((key, index) => keys.indexOf(key) !== index);
  return unless(twice === undefined, `(f) key ${twice}`, { expected: "one event", got: "two" });
};

/** (g) No more comes back of a use than it took. */
const refundsAreBounded: Invariant = ({ events }) =>
  events.flatMap((use) => {
    const refunds = events.filter(({ refundOf }) => refundOf === use._id);
    const returned = -sum(refunds.map(({ value }) => nano(value)));
    const applied = nano(use.value) - nano(use.uncovered ?? 0);
    return unless(refunds.length === 0 || returned <= applied, `(g) refunds of ${use._id}`, {
      expected: `at most ${plain(applied)}`,
      got: plain(returned),
    });
  });

/** (h) No hold is open past its time once the sweep has been. */
const holdsAreSwept: Invariant = ({ step, world, stored }) =>
  step.do === "sweep" && step.what === "holds"
    ? stored.reservations.flatMap(({ reservationId, expiresAt }) =>
        unless(expiresAt > world.now, `(h) hold ${reservationId}`, { expected: "settled", got: expiresAt }),
      )
    : [];

/** (i) The events of a grant that only they have moved, read from the first one on, give what is in it. */
const ledgerTellsAll: Invariant = ({ world, stored, events, matching }) =>
  potsAndGrants({ world, stored, matching }).flatMap(({ pot, grant, name, customerId }) => {
    if (!pot.isLedgered || pot.endless) return [];
    const written = events.filter((event) => event.customerId === customerId);
    const open = stored.reservations.filter((hold) => hold.customerId === customerId);
    const draws = [...written, ...open].flatMap((each) => each.draws);
    const lost = sum(draws.filter(({ grantId }) => grantId === grant.id).map(({ amount }) => nano(amount)));
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
  drawsAreApplied,
  keysAreUnique,
  refundsAreBounded,
  holdsAreSwept,
  ledgerTellsAll,
];

/** What does not hold. `tally.audit` belongs here as one more, once there is one. */
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
