/** Uses, holds and refunds by chance, over weeks: what is given back never exceeds what was drawn. */
import fc from "fast-check";
import { describe, expect, test, vi } from "vitest";
import { advanceAll, type ClosedPeriod } from "../../src/core/advance.js";
import { exact, total } from "../../src/core/amounts.js";
import { findGrant, type Balance, type Grant } from "../../src/core/balances.js";
import { draw, type Draw } from "../../src/core/draws.js";
import { dated, joined } from "../../src/core/holds.js";
import { changeGrants } from "../../src/core/plans.js";
import { lastBoundary } from "../../src/core/periods.js";
import { priceOfUsage } from "../../src/core/prices.js";
import { restore, type Charged } from "../../src/core/refunds.js";
import { DAY, grant, HOUR, JAN_31, limit, monthly, orCredits, own, row } from "./fixtures.js";

type Step =
  | { kind: "use" | "hold"; units: number }
  | { kind: "extend"; which: number; units: number }
  | { kind: "settle"; which: number; percent: number }
  | { kind: "refund"; which: number; percent: number }
  | { kind: "wait"; hours: number }
  | { kind: "change"; keepsUsage: boolean };

const units = fc.oneof(
  fc.integer({ min: 0, max: 60 }),
  fc.integer({ min: 1, max: 400 }).map((n) => n / 8),
);
const which = fc.nat({ max: 9 });
const moving: fc.Arbitrary<Step>[] = [
  fc.record({ kind: fc.constantFrom<"use" | "hold">("use", "hold"), units }),
  fc.record({ kind: fc.constant("extend" as const), which, units }),
  fc.record({ kind: fc.constant("settle" as const), which, percent: fc.integer({ min: 0, max: 150 }) }),
  fc.record({ kind: fc.constant("refund" as const), which, percent: fc.constantFrom(10, 35, 50, 100) }),
  fc.record({
    kind: fc.constant("wait" as const),
    hours: fc.oneof(fc.integer({ min: 1, max: 30 }), fc.integer({ min: 200, max: 1_500 })),
  }),
];
const changing = fc.record({ kind: fc.constant("change" as const), keepsUsage: fc.boolean() });
const sequences = (...steps: fc.Arbitrary<Step>[]) =>
  fc.array(fc.oneof(...steps), { minLength: 20, maxLength: 50, size: "max" });

/** What was used at once, or held: its draws as they are recorded, and what of it was taken when. */
interface Use {
  draws: Draw[];
  at: number;
  isOpen: boolean;
  parts: { at: number; units: number }[];
}

const sum = (amounts: readonly number[]) => total(amounts.map(exact));
const unitsOf = (draws: readonly Draw[]) => sum(draws.map((each) => each.units)).toNumber();
const usedOf = (rows: readonly Balance[]) =>
  sum(rows.flatMap(({ grants }) => grants.map(({ used }) => used)));

/** Does what the component does, and counts beside it what was taken when. */
class World {
  now = JAN_31;
  charges: (Charged & ClosedPeriod)[] = [];
  readonly uses: Use[] = [];
  /** How often something came back. */
  returned = 0;
  private lastId = 0;

  constructor(
    public rows: Balance[],
    private readonly pools = own,
  ) {}

  run(step: Step): void {
    this.pass(step.kind === "wait" ? step.hours * HOUR : 1);
    if (step.kind === "use" || step.kind === "hold") this.take(step.units, step.kind === "hold");
    if (step.kind === "change") this.changePlan(step.keepsUsage);
    if (!("which" in step)) return;
    const candidates = this.uses.filter(({ isOpen }) => isOpen === (step.kind !== "refund"));
    const use = candidates[step.which % candidates.length];
    if (use === undefined) return;
    if (step.kind === "extend") this.extend(use, step.units);
    if (step.kind === "settle") this.settle(use, share(unitsOf(use.draws), step.percent));
    if (step.kind === "refund") this.giveBack(use, share(unitsOf(use.draws), step.percent));
  }

  private get scope() {
    return { pools: this.pools, now: this.now };
  }

  private pass(ms: number): void {
    this.now += ms;
    const before = this.rows;
    const { rows, closed } = advanceAll(before, this.now);
    this.rows = rows;
    this.close(before, closed);
  }

  private close(before: readonly Balance[], closed: readonly ClosedPeriod[]): void {
    for (const period of closed) {
      const terms = findGrant(before, period.grantId)?.grant;
      if (terms?.overage !== undefined)
        this.charges.push({ ...period, terms: { ...terms, overage: terms.overage } });
    }
  }

  private take(wanted: number, isOpen: boolean): void {
    const outcome = draw(this.rows, { ...this.scope, units: wanted }, isOpen ? "reject" : "cap");
    if (outcome.applied === 0) return;
    this.rows = outcome.rows;
    const parts = [{ at: this.now, units: outcome.applied }];
    this.uses.push({ draws: outcome.draws, at: this.now, isOpen, parts });
  }

  private extend(use: Use, wanted: number): void {
    const outcome = draw(this.rows, { ...this.scope, units: wanted }, "reject");
    this.rows = outcome.rows;
    use.draws = joined(use.draws, dated(outcome.draws, this.now, use.at), use.at, this.rows);
    use.parts.push({ at: this.now, units: outcome.applied });
  }

  private settle(use: Use, wanted: number): void {
    const less = exact(unitsOf(use.draws)).minus(wanted).toNumber();
    if (less > 0) this.giveBack(use, less);
    use.draws = dated(use.draws, use.at, this.now);
    if (less < 0) {
      const outcome = draw(this.rows, { ...this.scope, units: -less }, "cap");
      this.rows = outcome.rows;
      use.draws = joined(use.draws, outcome.draws, this.now, this.rows);
      use.parts.push({ at: this.now, units: outcome.applied });
    }
    Object.assign(use, { isOpen: false, at: this.now });
  }

  private giveBack(use: Use, returning: number): void {
    const [used, owed] = [usedOf(this.rows), sum(this.charges.map(({ overage }) => overage))];
    const restored = restore(this.rows, use.draws, use.at, returning, this.scope, this.charges);
    this.rows = restored.rows;
    this.charges = this.charges.map(
      (each) =>
        restored.charges.find(({ grantId, to }) => each.grantId === grantId && each.to === to) ?? each,
    );
    use.draws = restored.kept;
    takeFrom(use.parts, returning);
    expect(sum([...restored.draws.map((each) => each.units), returning]).eq(restored.lapsed)).toBe(true);
    expect(restored.lapsed).toBeGreaterThanOrEqual(0);
    if (restored.draws.length > 0) this.returned++;
    const gone = used.minus(usedOf(this.rows));
    const off = owed.minus(sum(this.charges.map(({ overage }) => overage)));
    expect(sum(restored.draws.map((each) => -each.amount)).eq(gone.plus(off))).toBe(true);
  }

  private changePlan(keepsUsage: boolean): void {
    this.rows = this.rows.map((each) => {
      if (each.featureId !== "messages") return each;
      const source = `plan_${++this.lastId}`;
      const ending = new Set(each.grants.map((old) => old.source));
      const reset = { ...monthly, anchor: this.now, nextAt: this.now + 28 * DAY };
      const incoming = [grant(source, { source, createdAt: this.now, granted: 80, reset })];
      const { balance, closed } = changeGrants(each, {
        ending,
        incoming,
        keepsUsage,
        keepsBalance: false,
        now: this.now,
        nextGrantId: () => `left_${++this.lastId}`,
      });
      this.close([each], closed);
      return balance;
    });
  }
}

const share = (of: number, percent: number) => Math.floor((of * percent * 8) / 100) / 8;

/** Takes units from what was taken last, as they go back. */
function takeFrom(parts: Use["parts"], returning: number): void {
  let todo = exact(returning);
  for (const part of [...parts].reverse()) {
    const back = todo.lt(part.units) ? todo : exact(part.units);
    part.units = exact(part.units).minus(back).toNumber();
    todo = todo.minus(back);
  }
}

const runs = (numRuns: number) => ({ seed: 20_260_131, numRuns });

/** A busy machine takes its time. */
vi.setConfig({ testTimeout: 60_000 });

/** Plays each sequence, and looks at the world after each step. In most of them something comes back. */
function play(begin: () => World, steps: fc.Arbitrary<Step[]>, look: (world: World) => void, times = 100) {
  let returned = 0;
  fc.assert(
    fc.property(steps, (sequence) => {
      const world = begin();
      for (const step of sequence) {
        world.run(step);
        look(world);
      }
      returned += world.returned;
    }),
    runs(times),
  );
  expect(returned).toBeGreaterThan(2 * times);
}

const neverBelowZero = (world: World) => {
  for (const { grants } of world.rows) {
    for (const each of grants) expect(each.used).toBeGreaterThanOrEqual(0);
  }
  for (const { draws } of world.uses) expect(unitsOf(draws)).toBeGreaterThanOrEqual(0);
};

const usageBased: NonNullable<Grant["overage"]> = {
  price: {
    tiers: [
      { to: 40, amount: 2 },
      { to: "inf", amount: 1 },
    ],
    tierBehavior: "graduated",
    billingUnits: 5,
  },
};

describe("of a balance of many grants", () => {
  const { anchor } = monthly;
  const daily = { interval: "day", count: 1, anchor, nextAt: JAN_31 + DAY } as const;
  const many = () =>
    new World(
      [
        row("messages", [
          grant("plan", { granted: 60, reset: monthly, rollover: { max: 30, months: 1 } }),
          grant("daily", { granted: 5, reset: daily, addOn: true }),
          grant("gift", { granted: 20, expiresAt: JAN_31 + 40 * DAY }),
          grant("carrying", { granted: 10, reset: monthly, carry: true, overage: usageBased }),
        ]),
        row("credits", [grant("credits", { granted: 40, reset: monthly })]),
      ],
      orCredits(3, 8),
    );

  test("no grant is ever used less than nothing, and all that goes back is what was drawn", () => {
    play(many, sequences(...moving), neverBelowZero);
  });

  test("nor is one across changes of plan", () => {
    play(many, sequences(...moving, changing), neverBelowZero);
  });
});

describe("of a balance under a limit of 100 each day", () => {
  const limited = () => {
    const day = { interval: "day", count: 1, anchor: 0, nextAt: Date.UTC(2026, 1, 1) } as const;
    return new World([
      row(
        "messages",
        [grant("plan", { granted: 2_000, reset: monthly }), grant("gift", { granted: 5_000 })],
        {
          limits: [limit(100, day), limit(400, { ...day, interval: "week", nextAt: Date.UTC(2026, 1, 5) })],
        },
      ),
    ]);
  };
  const countsWhatWasTaken = ({ rows, uses, now }: World) => {
    const parts = uses.flatMap((use) => use.parts);
    for (const each of rows[0]?.limits ?? []) {
      const since = lastBoundary(each, now);
      const taken = sum(parts.filter(({ at }) => at >= since).map((part) => part.units));
      expect(each.used).toBe(taken.toNumber());
    }
  };

  test("each limit counts what was taken in its period and not given back, to the unit", () => {
    play(limited, sequences(...moving), countsWhatWasTaken);
  });

  test("so it does across changes of plan", () => {
    play(limited, sequences(...moving, changing), countsWhatWasTaken);
  });

  test("a hold stays small, however often it is extended", () => {
    const world = limited();
    world.run({ kind: "hold", units: 1 });
    for (let hour = 0; hour < 24; hour++) {
      world.run({ kind: "wait", hours: 1 });
      for (let more = 0; more < 3; more++) world.run({ kind: "extend", which: 0, units: 1 });
    }
    const [yesterday, today, ...others] = world.uses[0]?.draws ?? [];
    expect([yesterday?.units, today?.units, others.length]).toEqual([1 + 13 * 3, 11 * 3, 0]);
    expect(yesterday?.at).toBeUndefined();
    expect(today?.at).toBeGreaterThan(Date.UTC(2026, 1, 1));
  });
});

describe("of a balance that is charged by use", () => {
  const included = 30;
  const priced = () =>
    new World([
      row("messages", [grant("byUse", { granted: included, reset: monthly, overage: usageBased })]),
    ]);

  test("each period is charged what was taken in it and not given back, beyond what is included", () => {
    play(priced, sequences(...moving), ({ charges, uses }) => {
      const parts = uses.flatMap((use) => use.parts);
      for (const { from, to, overage, amount } of charges) {
        const taken = sum(
          parts.filter(({ at }) => at >= from && at < to).map((part) => part.units),
        ).toNumber();
        expect(overage).toBe(Math.max(0, taken - included));
        expect(amount).toBe(priceOfUsage(usageBased.price, Math.max(taken, included), included));
      }
    });
  });
});

describe("of a balance that carries its debt", () => {
  const terms = { granted: 30, carry: true, overage: usageBased, reset: monthly } as const;
  const carrying = (expiresAt: number | undefined) =>
    new World([row("messages", [grant("carrying", { ...terms, ...(expiresAt && { expiresAt }) })])]);

  /** Together: what this period took and has not given back, and no more than was carried into it. */
  const owesWhatItCarriedAndTook = () => {
    let [since, before, carried] = [0, 0, 0];
    return ({ rows, uses, now }: World) => {
      const used = rows[0]?.grants[0]?.used;
      if (used === undefined) return;
      const start = lastBoundary(monthly, now);
      if (start !== since) carried = Math.max(0, before - terms.granted);
      const parts = uses.flatMap((use) => use.parts).filter(({ at }) => at >= start);
      const taken = sum(parts.map((part) => part.units)).toNumber();
      expect(used).toBeGreaterThanOrEqual(taken);
      expect(used).toBeLessThanOrEqual(carried + taken);
      [since, before] = [start, used];
    };
  };

  test.each([undefined, JAN_31 + 200 * DAY])(
    "what earlier periods drew gives back no more than their debt (expires: %s)",
    (expiresAt) => {
      let look = owesWhatItCarriedAndTook();
      const begin = () => {
        look = owesWhatItCarriedAndTook();
        return carrying(expiresAt);
      };
      play(begin, sequences(...moving), (world) => look(world));
    },
  );
});
