/** What holds for every balance, tried on balances made by chance; seeds are fixed, so that a failure comes back. */
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { advance } from "../../src/core/advance.js";
import { summarize } from "../../src/core/answers.js";
import { exact, priceOf, total, type Cost, type Decimal } from "../../src/core/amounts.js";
import { left, nextChangeAt, over, type Balance, type Grant, type Limit } from "../../src/core/balances.js";
import { decide, draw, type Ask, type OnInsufficient } from "../../src/core/draws.js";
import { isTallyError } from "../../src/core/errors.js";
import { topUp } from "../../src/core/grants.js";
import { burnOrder, type Pool } from "../../src/core/order.js";
import { INTERVALS, lastBoundary, nextBoundary } from "../../src/core/periods.js";
import { restore } from "../../src/core/refunds.js";
import {
  ask,
  credits,
  DAY,
  frozen,
  grant,
  JAN_31,
  messages,
  orCredits,
  scope,
  used,
  usageBased,
} from "./fixtures.js";

const LARGEST = 9_007_199_254_740_991;

const runs = (numRuns: number) => ({ seed: 20_260_131, numRuns });

// ---- Balances by chance. Amounts have up to 9 decimal places, and room for all that is done with them.

const amount = (max: number) =>
  fc.oneof(
    fc.integer({ min: 0, max }),
    fc.integer({ min: 0, max: max * 10 }).map((tenths) => tenths / 10),
    fc.integer({ min: 0, max: 1_000_000_000 }).map((dust) => Number(exact(dust).div(1_000_000_000))),
  );
const instant = fc.integer({ min: 0, max: 120 * 24 }).map((hours) => JAN_31 + hours * (DAY / 24));
/** The one or nothing: in `percent` of cases there is one. */
const maybe = <T>(arbitrary: fc.Arbitrary<T>, percent = 60): fc.Arbitrary<T | undefined> =>
  fc.oneof({ weight: percent, arbitrary }, { weight: 100 - percent, arbitrary: fc.constant(undefined) });

const anchors = fc.constantFrom(JAN_31, JAN_31 - 40 * DAY, Date.UTC(2024, 1, 29, 23, 59, 59, 999));
const resets = fc
  .record({
    interval: fc.constantFrom("day", "week", "month", "quarter"),
    count: fc.integer({ min: 1, max: 3 }),
    anchor: anchors,
  })
  .map((recurrence) => ({ ...recurrence, nextAt: nextBoundary(recurrence, JAN_31) }));
const rollovers = fc.oneof(
  fc.constant({}),
  fc.record({ max: amount(150) }),
  fc.record({ percent: fc.integer({ min: 0, max: 100 }), months: fc.integer({ min: 1, max: 3 }) }),
  fc.record({ max: amount(150), months: fc.integer({ min: 1, max: 3 }) }),
  fc.record({ months: fc.integer({ min: 1, max: 3 }) }),
);

/** A grant in a state that use can have brought it to: beyond what it granted only where that can be. */
const grantWith = (id: string): fc.Arbitrary<Grant> =>
  fc
    .record({
      granted: amount(200),
      part: fc.integer({ min: 0, max: 15 }),
      createdAt: fc.integer({ min: 0, max: 2 }).map((n) => JAN_31 - n),
      priority: maybe(fc.integer({ min: -1, max: 1 }), 40),
      reset: maybe(resets),
      startsAt: maybe(instant, 20),
      expiresAt: maybe(
        instant.map((at) => at + 1),
        35,
      ),
      addOn: maybe(fc.constant(true as const), 20),
      prepaid: maybe(fc.constant(true as const), 20),
      perEntity: maybe(fc.constant(true as const), 50),
      carry: maybe(fc.constant(true as const), 30),
      unlimited: maybe(fc.constant(true as const), 5),
      overage: maybe(
        maybe(amount(50)).map((max) => ({ ...usageBased, ...(max !== undefined && { max }) })),
        35,
      ),
      rollover: maybe(rollovers),
      raised: fc.integer({ min: 0, max: 9 }),
    })
    .map(({ part, raised, ...fields }) => {
      const { granted, startsAt, carry, overage, unlimited, rollover, reset } = fields;
      const parts = startsAt !== undefined ? 0 : (carry ?? overage) ? part : Math.min(part, 10);
      const share = Number(exact(granted).times(parts).div(10).round(9, 0));
      const isRaised = raised === 0 && startsAt === undefined && !unlimited;
      const made = {
        id,
        source: "plan",
        ...fields,
        granted: unlimited ? 0 : granted,
        used: isRaised ? -5 : share,
        base: isRaised ? -5 : undefined,
        rollover: reset === undefined ? undefined : rollover,
      };
      return Object.fromEntries(
        Object.entries(made).filter(([, value]) => value !== undefined),
      ) as unknown as Grant;
    });

const grantsWith = (prefix: string, max: number) =>
  fc
    .integer({ min: 0, max })
    .chain((count) => fc.tuple(...Array.from({ length: count }, (_, n) => grantWith(`${prefix}${n}`))));

const limits: fc.Arbitrary<Limit[] | undefined> = maybe(
  fc.array(
    fc
      .record({ max: amount(100), used: amount(50), reset: resets })
      .map(({ reset, ...counter }) => ({ ...reset, ...counter })),
    { maxLength: 2 },
  ),
  35,
);
const controls = maybe(
  fc.oneof(
    fc.record({ allowed: fc.boolean() }),
    fc.record({ allowed: fc.boolean(), max: amount(50) }),
    fc.record({ max: amount(50) }),
  ),
  30,
);

const rowWith = (featureId: string, entityId: string | undefined, max: number): fc.Arbitrary<Balance> =>
  fc
    .record({ grants: grantsWith(`${featureId}/${entityId ?? ""}/`, max), limits, overage: controls })
    .map(({ grants, limits: counters, overage }) =>
      frozen({
        featureId,
        ...(entityId !== undefined && { entityId }),
        grants,
        ...(counters !== undefined && { limits: counters }),
        ...(overage !== undefined && { overage }),
        advancedAt: JAN_31,
      }),
    );

const costs: fc.Arbitrary<Cost> = fc.constantFrom(
  { creditAmount: 1, featureAmount: 1 },
  { creditAmount: 3, featureAmount: 1 },
  { creditAmount: 1, featureAmount: 3 },
  { creditAmount: 0.1, featureAmount: 1 },
  { creditAmount: 7, featureAmount: 13 },
  { creditAmount: 250, featureAmount: 1 },
  { creditAmount: 1, featureAmount: 1024 },
);

interface Case {
  rows: Balance[];
  request: Ask;
}

/** Two rows of a feature and two of credits, for the customer and one of his entities, and a call on them. */
const cases: fc.Arbitrary<Case> = fc
  .record({
    rows: fc.tuple(
      rowWith("messages", undefined, 3),
      rowWith("messages", "seat", 2),
      rowWith("credits", undefined, 3),
      rowWith("credits", "seat", 1),
    ),
    cost: costs,
    entityId: maybe(fc.constant("seat"), 50),
    units: fc.oneof(amount(300), fc.constantFrom(1, 1e-9, 0.1, 1 / 8)),
    now: fc.integer({ min: 0, max: 100 }).map((days) => JAN_31 + days * DAY),
  })
  .map(({ rows, cost, entityId, units, now }) => ({
    rows: frozen(rows.map((each) => advance(each, now).balance)),
    request: {
      pools: [{ featureId: "messages" }, { featureId: "credits", cost }],
      ...(entityId !== undefined && { entityId }),
      units,
      now,
    },
  }));
const policies: fc.Arbitrary<OnInsufficient> = fc.constantFrom("cap", "reject", "overflow");

/** What `operation` answers, unless a result of it could not be stored: that is tried elsewhere. */
function unlessTooFine<T>(operation: () => T): T | undefined {
  try {
    return operation();
  } catch (error) {
    if (isTallyError(error, "invalid_amount")) return undefined;
    throw error;
  }
}

const grantsIn = (rows: readonly Balance[]) => rows.flatMap(({ grants }) => grants);
const sumOf = (amounts: readonly number[]) => total(amounts.map(exact));
const poolOf = (rows: readonly Balance[], request: Ask, grantId: string): Pool | undefined => {
  const home = rows.find(({ grants }) => grants.some(({ id }) => id === grantId));
  return request.pools.find(({ featureId }) => featureId === home?.featureId);
};

describe("burn order", () => {
  test("is the same in whatever order rows and grants are listed", () => {
    const shuffledToo = cases.chain(({ rows, request }) =>
      fc
        .tuple(
          fc.shuffledSubarray([...rows], { minLength: rows.length }),
          fc.tuple(
            ...rows.map(({ grants }) => fc.shuffledSubarray([...grants], { minLength: grants.length })),
          ),
        )
        .map(([shuffled, grants]) => ({
          rows,
          shuffled: shuffled.map((row) => ({ ...row, grants: grants[rows.indexOf(row)] ?? [] })),
          request,
        })),
    );
    fc.assert(
      fc.property(shuffledToo, ({ rows, shuffled, request }) => {
        const ids = (given: Balance[]) => burnOrder(given, request).map((entry) => entry.grant.id);
        expect(ids(shuffled)).toEqual(ids(rows));
      }),
      runs(150),
    );
  });

  test("draws the same from the same, in whatever order it is listed", () => {
    fc.assert(
      fc.property(cases, policies, ({ rows, request }, policy) => {
        const backwards = [...rows].reverse().map((row) => ({ ...row, grants: [...row.grants].reverse() }));
        const outcomeOf = (given: Balance[]) => unlessTooFine(() => draw(given, request, policy));
        const [one, other] = [outcomeOf(rows), outcomeOf(backwards)];
        expect(other?.draws).toEqual(one?.draws);
        expect(used(other?.rows ?? [])).toEqual(used(one?.rows ?? []));
      }),
      runs(200),
    );
  });

  test("of two grants is that of the same two among others", () => {
    fc.assert(
      fc.property(cases, ({ rows, request }) => {
        const order = burnOrder(rows, request).map((entry) => entry.grant.id);
        for (const [place, first] of order.entries()) {
          for (const second of order.slice(place + 1)) {
            const pair = rows.map((row) => ({
              ...row,
              grants: row.grants.filter(({ id }) => id === first || id === second),
            }));
            expect(burnOrder(pair, request).map((entry) => entry.grant.id)).toEqual([first, second]);
          }
        }
      }),
      runs(100),
    );
  });
});

describe("a draw", () => {
  test("changes each grant by its draws, and nothing else", () => {
    fc.assert(
      fc.property(cases, policies, ({ rows, request }, policy) => {
        const outcome = unlessTooFine(() => draw(rows, request, policy));
        if (outcome === undefined) return;
        const after = new Map(grantsIn(outcome.rows).map((each) => [each.id, each]));
        for (const before of grantsIn(rows)) {
          const drawn = sumOf(
            outcome.draws.filter(({ grantId }) => grantId === before.id).map((each) => each.amount),
          );
          expect(after.get(before.id)).toEqual({
            ...before,
            used: exact(before.used).plus(drawn).toNumber(),
          });
        }
      }),
      runs(200),
    );
  });

  test("sums to what was applied, and with what is uncovered to what was asked for, to the last decimal", () => {
    fc.assert(
      fc.property(cases, policies, ({ rows, request }, policy) => {
        const outcome = unlessTooFine(() => draw(rows, request, policy));
        if (outcome === undefined) return;
        expect(sumOf(outcome.draws.map(({ units }) => units)).eq(outcome.applied)).toBe(true);
        expect(exact(outcome.applied).plus(outcome.uncovered).eq(request.units)).toBe(true);
        expect(outcome.applied).toBeGreaterThanOrEqual(0);
        expect(outcome.uncovered).toBeGreaterThanOrEqual(0);
        for (const each of outcome.draws) expect(Math.min(each.amount, each.units)).toBeGreaterThanOrEqual(0);
      }),
      runs(200),
    );
  });

  test("takes no more from a grant than it has, but by overage that is allowed, or overflow", () => {
    fc.assert(
      fc.property(cases, fc.constantFrom<OnInsufficient>("cap", "reject"), ({ rows, request }, policy) => {
        const withoutControls = rows.map(({ overage: _overage, ...row }) => row);
        const outcome = unlessTooFine(() => draw(withoutControls, request, policy));
        const before = new Map(grantsIn(rows).map((each) => [each.id, each]));
        for (const each of grantsIn(outcome?.rows ?? [])) {
          const was = before.get(each.id);
          if (each.unlimited || was === undefined || each.used === was.used) continue;
          const most = each.overage === undefined ? 0 : (each.overage.max ?? Infinity);
          expect(over(each).toNumber()).toBeLessThanOrEqual(most);
        }
      }),
      runs(200),
    );
  });

  test("never takes a rollover below zero, not even by overflow", () => {
    fc.assert(
      fc.property(cases, policies, ({ rows, request }, policy) => {
        const outcome = unlessTooFine(() => draw(rows, request, policy));
        for (const each of grantsIn(outcome?.rows ?? [])) {
          if (each.rolledFrom !== undefined) expect(over(each).toNumber()).toBe(0);
        }
      }),
      runs(200),
    );
  });

  test("charges each pool the price of the units that it pays for, rounded up once at 9 places", () => {
    fc.assert(
      fc.property(cases, policies, ({ rows, request }, policy) => {
        const outcome = unlessTooFine(() => draw(rows, request, policy));
        if (outcome === undefined) return;
        for (const pool of request.pools) {
          const paid = outcome.draws.filter(({ grantId }) => poolOf(rows, request, grantId) === pool);
          const units: Decimal = sumOf(paid.map((each) => each.units));
          expect(sumOf(paid.map((each) => each.amount)).eq(priceOf(units, pool.cost))).toBe(true);
        }
      }),
      runs(200),
    );
  });

  test("that is rejected changes nothing, and is not allowed; any other is", () => {
    fc.assert(
      fc.property(cases, ({ rows, request }) => {
        const outcome = unlessTooFine(() => draw(rows, request, "reject"));
        if (outcome === undefined || request.units === 0) return;
        const { allowed, reason } = decide(rows, request);
        expect(allowed).toBe(outcome.applied === request.units);
        expect(reason).toBe(outcome.shortage);
        if (!allowed)
          expect(outcome).toMatchObject({ rows, draws: [], applied: 0, uncovered: request.units });
      }),
      runs(200),
    );
  });

  test("applies as much by cap as the most that is allowed", () => {
    fc.assert(
      fc.property(cases, ({ rows, request }) => {
        const outcome = unlessTooFine(() => draw(rows, request, "cap"));
        if (outcome === undefined || outcome.applied === 0) return;
        expect(decide(rows, { ...request, units: outcome.applied }).allowed).toBe(true);
        if (outcome.uncovered === 0) return;
        const more = exact(outcome.applied).plus(1e-9).toNumber();
        expect(unlessTooFine(() => decide(rows, { ...request, units: more }))?.allowed ?? false).toBe(false);
      }),
      runs(200),
    );
  });

  test("by overflow leaves nothing uncovered where no spend limit holds and anything could pay", () => {
    fc.assert(
      fc.property(cases, ({ rows, request }) => {
        const free = rows.map(({ overage: _overage, ...row }) => row);
        if (burnOrder(free, request).every((entry) => entry.grant.rolledFrom !== undefined)) return;
        expect(unlessTooFine(() => draw(free, request, "overflow"))?.uncovered ?? 0).toBe(0);
      }),
      runs(200),
    );
  });

  test("does not exceed a limit, unless by overflow", () => {
    fc.assert(
      fc.property(cases, ({ rows, request }) => {
        const outcome = unlessTooFine(() => draw(rows, request, "cap"));
        for (const [place, { limits: after = [] }] of (outcome?.rows ?? []).entries()) {
          for (const [index, each] of after.entries()) {
            const before = rows[place]?.limits?.[index]?.used ?? 0;
            if (each.used !== before) expect(each.used).toBeLessThanOrEqual(each.max ?? 0);
          }
        }
      }),
      runs(200),
    );
  });

  test("is allowed for all that a meter shows as left, and not for more where nothing else pays", () => {
    fc.assert(
      fc.property(cases, ({ rows, request }) => {
        const plain = rows.map(({ overage: _overage, limits: _limits, ...row }) => ({
          ...row,
          grants: row.grants.map(({ overage: _byUse, unlimited: _unlimited, ...each }) => each),
        }));
        const { remaining } = summarize(plain, request);
        if (remaining === 0) return;
        expect(unlessTooFine(() => decide(plain, { ...request, units: remaining }))?.allowed ?? true).toBe(
          true,
        );
        const more = { ...request, units: exact(remaining).plus(1e-9).toNumber() };
        expect(unlessTooFine(() => decide(plain, more))?.allowed ?? false).toBe(false);
      }),
      runs(200),
    );
  });
});

describe("giving back", () => {
  const negative = cases.map(({ rows, request }) => ({
    rows,
    request: { ...request, units: -request.units },
  }));

  test("returns no more than was used, and says what it could not return", () => {
    fc.assert(
      fc.property(negative, ({ rows, request }) => {
        if (request.units === 0) return;
        const outcome = unlessTooFine(() => draw(rows, request, "cap"));
        if (outcome === undefined) return;
        const before = used(rows);
        for (const each of grantsIn(outcome.rows)) {
          expect(each.used).toBeGreaterThanOrEqual(Math.min(0, before[each.id] ?? 0));
          expect(each.used).toBeLessThanOrEqual(before[each.id] ?? 0);
          if (each.rolledFrom !== undefined) expect(each.used).toBe(before[each.id]);
        }
        expect(exact(outcome.applied).plus(outcome.uncovered).eq(request.units)).toBe(true);
      }),
      runs(200),
    );
  });

  test("undoes a use, where nothing else was used before", () => {
    fc.assert(
      fc.property(cases, ({ rows, request }) => {
        const fresh = rows.map((row) => ({
          ...row,
          grants: row.grants
            .filter(({ rolledFrom }) => rolledFrom === undefined)
            .map((each) => ({ ...each, used: 0 })),
        }));
        const outcome = unlessTooFine(() => draw(fresh, request, "cap"));
        if (outcome === undefined || outcome.applied === 0) return;
        const back = draw(outcome.rows, { ...request, units: -outcome.applied }, "cap");
        const drawn = (each: { amount: number }) => each.amount;
        const paidFrom = (pool: Pool, draws: typeof back.draws) =>
          sumOf(draws.filter(({ grantId }) => poolOf(fresh, request, grantId) === pool).map(drawn));
        for (const pool of request.pools) {
          expect(paidFrom(pool, back.draws).abs().lte(paidFrom(pool, outcome.draws))).toBe(true);
        }
        if (request.pools.filter((pool) => !paidFrom(pool, outcome.draws).eq(0)).length < 2) {
          expect(back.applied).toBe(-outcome.applied);
          expect(used(back.rows)).toEqual(used(fresh));
        }
      }),
      runs(200),
    );
  });
});

describe("returning a draw at once", () => {
  test("restores every grant and every limit", () => {
    fc.assert(
      fc.property(cases, policies, ({ rows, request }, policy) => {
        const outcome = unlessTooFine(() => draw(rows, request, policy));
        if (outcome === undefined) return;
        const returned = restore(outcome.rows, outcome.draws, request.now, outcome.applied, request);
        expect(returned).toMatchObject({ rows, kept: [], lapsed: 0 });
      }),
      runs(200),
    );
  });

  test("restores the same in several steps", () => {
    const steps = fc.array(fc.integer({ min: 0, max: 10 }), { minLength: 1, maxLength: 4 });
    fc.assert(
      fc.property(cases, policies, steps, ({ rows, request }, policy, tenths) => {
        const outcome = unlessTooFine(() => draw(rows, request, policy));
        if (outcome === undefined) return;
        let [current, kept, rest] = [outcome.rows, outcome.draws, exact(outcome.applied)];
        for (const tenth of tenths) {
          const units = rest.times(tenth).div(10).round(9, 0);
          const step = unlessTooFine(() => restore(current, kept, request.now, units.toNumber(), request));
          if (step === undefined) return;
          [current, kept, rest] = [step.rows, step.kept, rest.minus(units)];
          expect(sumOf(kept.map((each) => each.units)).eq(rest)).toBe(true);
          expect(step.lapsed).toBe(0);
        }
        const last = unlessTooFine(() => restore(current, kept, request.now, rest.toNumber(), request));
        if (last === undefined) return;
        expect(used(last.rows)).toEqual(used(rows));
        expect(last.kept).toEqual([]);
      }),
      runs(200),
    );
  });
});

describe("time", () => {
  const days = fc.integer({ min: 0, max: 200 });
  const later = (grants: fc.Arbitrary<Balance>) => fc.tuple(grants, days, days, days);
  const balances = rowWith("messages", undefined, 4);

  test("passes the same at once as in two steps, closed periods and all", () => {
    fc.assert(
      fc.property(later(balances), ([balance, first, second]) => {
        const [soon, late] = [JAN_31 + first * DAY, JAN_31 + (first + second) * DAY];
        const atOnce = advance(balance, late);
        const halfway = advance(balance, soon);
        const then = advance(halfway.balance, late);
        expect(then.balance).toEqual(atOnce.balance);
        expect([...halfway.closed, ...then.closed]).toEqual(atOnce.closed);
      }),
      runs(400),
    );
  });

  test("passes the same however often anything looks, and at each boundary itself", () => {
    fc.assert(
      fc.property(balances, fc.integer({ min: 1, max: 100 }), (balance, length) => {
        const end = JAN_31 + length * DAY;
        const closed = [];
        let looked = balance;
        for (
          let next = nextChangeAt(looked);
          next !== undefined && next <= end;
          next = nextChangeAt(looked)
        ) {
          const step = advance(looked, next);
          expect(step.balance.advancedAt).toBeGreaterThan(looked.advancedAt - 1);
          closed.push(...step.closed);
          looked = step.balance;
        }
        expect({ ...looked, advancedAt: end }).toEqual(advance(balance, end).balance);
        expect(closed).toEqual(advance(balance, end).closed);
      }),
      runs(200),
    );
  });

  test("passes the same whether or not uses lie in between that are refused", () => {
    fc.assert(
      fc.property(cases, days, ({ rows, request }, length) => {
        const refused = unlessTooFine(() => draw(rows, { ...request, units: 1e9 }, "reject"));
        if (refused === undefined || refused.applied > 0) return;
        const at = request.now + length * DAY;
        expect(refused.rows.map((row) => advance(row, at))).toEqual(rows.map((row) => advance(row, at)));
      }),
      runs(100),
    );
  });

  test("changes nothing twice at the same instant, and nothing before the next change", () => {
    fc.assert(
      fc.property(later(balances), ([balance, first, second]) => {
        const now = JAN_31 + first * DAY;
        const { balance: once } = advance(balance, now);
        expect(advance(once, now)).toEqual({ balance: once, closed: [] });
        const next = nextChangeAt(once);
        if (next !== undefined) expect(next).toBeGreaterThan(now);
        const before = Math.min(now + second * DAY, (next ?? Infinity) - 1);
        expect(advance(once, before).balance).toEqual({ ...once, advancedAt: before });
      }),
      runs(200),
    );
  });

  test("never leaves more than what is granted anew, and what was left and may be kept", () => {
    fc.assert(
      fc.property(later(balances), ([balance, first]) => {
        const { balance: after } = advance(balance, JAN_31 + first * DAY);
        for (const each of after.grants) {
          const cap = each.rollover?.max;
          if (cap === undefined) continue;
          const kept = total(after.grants.filter(({ rolledFrom }) => rolledFrom === each.id).map(left));
          expect(kept.lte(cap)).toBe(true);
        }
      }),
      runs(200),
    );
  });

  test("closes each period of a grant at most once", () => {
    fc.assert(
      fc.property(later(balances), ([balance, first, second]) => {
        const { closed } = advance(balance, JAN_31 + (first + second) * DAY);
        const periods = closed.map(({ grantId, to }) => `${grantId} ${to}`);
        expect(new Set(periods).size).toBe(periods.length);
        for (const each of closed) {
          expect(each.from).toBeLessThan(each.to);
          expect(each.overage).toBeGreaterThan(0);
        }
      }),
      runs(200),
    );
  });
});

describe("boundaries", () => {
  const recurrences = fc.record({
    interval: fc.constantFrom(...INTERVALS),
    count: fc.integer({ min: 1, max: 1000 }),
    anchor: fc.integer({ min: 0, max: Date.UTC(2100, 0) }),
  });

  test("are next to each other: each instant has one before it, or on it, and one after", () => {
    fc.assert(
      fc.property(recurrences, fc.integer({ min: 0, max: Date.UTC(2200, 0) }), (recurrence, now) => {
        const [last, next] = [lastBoundary(recurrence, now), nextBoundary(recurrence, now)];
        expect(last).toBeLessThanOrEqual(now);
        expect(next).toBeGreaterThan(now);
        expect(nextBoundary(recurrence, last)).toBe(next);
        expect(lastBoundary(recurrence, next - 1)).toBe(last);
        expect(lastBoundary(recurrence, next)).toBe(next);
      }),
      runs(1000),
    );
  });

  test("of months are on the anchor's day, or the last of a month that is too short", () => {
    fc.assert(
      fc.property(recurrences, fc.integer({ min: 0, max: Date.UTC(2200, 0) }), (recurrence, now) => {
        const monthly = { ...recurrence, interval: "month" as const };
        const [day, next] = [new Date(monthly.anchor).getUTCDate(), new Date(nextBoundary(monthly, now))];
        const lastDay = new Date(Date.UTC(next.getUTCFullYear(), next.getUTCMonth() + 1, 0)).getUTCDate();
        expect(next.getUTCDate()).toBe(Math.min(day, lastDay));
        expect(next.getTime() % DAY).toBe(monthly.anchor % DAY);
      }),
      runs(500),
    );
  });
});

test("merging a top-up never changes a total", () => {
  const rows = fc.tuple(rowWith("messages", undefined, 4), amount(100), fc.boolean());
  fc.assert(
    fc.property(rows, ([balance, granted, alike]) => {
      const [twin] = balance.grants;
      const terms = alike && twin !== undefined ? twin : grant("terms");
      const added = { ...terms, id: "top-up", granted, used: 0, createdAt: JAN_31 };
      const { balance: after, grantId } = topUp(balance, added);
      const sums = ({ grants }: Balance) => ({
        granted: sumOf(grants.map((each) => each.granted)),
        used: sumOf(grants.map((each) => each.used)),
        net: total(grants.map((each) => left(each).minus(over(each)))),
      });
      const [before, then] = [sums(balance), sums(after)];
      expect(then.granted.eq(before.granted.plus(granted))).toBe(true);
      expect(then.used.eq(before.used)).toBe(true);
      if (!added.unlimited) expect(then.net.eq(before.net.plus(granted))).toBe(true);
      expect(after.grants.some(({ id }) => id === grantId)).toBe(true);
      expect(after.grants).toHaveLength(balance.grants.length + (grantId === "top-up" ? 1 : 0));
    }),
    runs(200),
  );
});

describe("exactness", () => {
  /** Draws a tenth `times` times, one after the other. */
  function tenths(from: Grant, times: number): number {
    let rows = [messages(from)];
    const tenth = ask(0.1);
    for (let n = 0; n < times; n++) rows = draw(rows, tenth, "reject").rows;
    return rows[0]?.grants[0]?.used ?? NaN;
  }

  test("a hundred thousand draws of a tenth are ten thousand", { timeout: 60_000 }, () => {
    expect(tenths(grant("a", { granted: 10_000 }), 100_000)).toBe(10_000);
  });

  test("so they are where the largest amount is granted", () => {
    expect(tenths(grant("a", { granted: LARGEST }), 10_000)).toBe(1_000);
  });

  test("so they are where hundreds of trillions are used", () => {
    expect(tenths(grant("a", { granted: LARGEST, used: 299_999_999_999_000 }), 10_000)).toBe(
      300_000_000_000_000,
    );
  });

  test("three credits in two grants of one and two pay one unit that costs three", () => {
    const rows = [credits(grant("a", { granted: 1 }), grant("b", { granted: 2 }))];
    expect(decide(rows, ask(1, { pools: orCredits(3) }))).toEqual({ allowed: true, reason: null });
  });

  test("what cannot be stored is refused with its input untouched, and everything else is exact", () => {
    const magnitudes = fc.record({
      granted: fc.constantFrom(LARGEST, 9e15, 1e15, 123_456_789_012),
      used: fc.integer({ min: 0, max: 15 }).map((digits) => 10 ** digits),
      units: fc.constantFrom(0.1, 1, 0.123456789, 1e-9, 1e15, 7.5),
    });
    let [stored, refused] = [0, 0];
    fc.assert(
      fc.property(magnitudes, ({ granted, used: before, units }) => {
        const rows = [messages(grant("a", { granted, used: before }))];
        try {
          const { rows: after, applied } = draw(rows, ask(units), "cap");
          stored++;
          expect(exact(used(after).a ?? NaN).eq(exact(before).plus(applied))).toBe(true);
        } catch (error) {
          refused++;
          expect(isTallyError(error, "invalid_amount")).toBe(true);
          expect(used(rows)).toEqual({ a: before });
        }
      }),
      runs(200),
    );
    expect(stored).toBeGreaterThan(50);
    expect(refused).toBeGreaterThan(20);
  });
});

test("no rule changes what it is given", () => {
  // Everything that the cases above are built of is frozen: a change would throw there. This says that they are.
  fc.assert(
    fc.property(cases, ({ rows }) => {
      expect(rows.every((each) => Object.isFrozen(each) && each.grants.every(Object.isFrozen))).toBe(true);
      expect(grantsIn(rows).every(({ reset }) => reset === undefined || Object.isFrozen(reset))).toBe(true);
    }),
    runs(20),
  );
  expect(() => Object.assign(scope(), {})).not.toThrow();
});
