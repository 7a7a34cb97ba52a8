/** The replay of events, and what an audit makes of it, without a database. */
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { advance, type ClosedPeriod } from "../../src/core/advance.js";
import { audit } from "../../src/core/audit.js";
import { isNearBoundary, lastChangeAt, NEAR_MS, type Balance, type Grant } from "../../src/core/balances.js";
import { changesOf, differences } from "../../src/core/changes.js";
import { draw } from "../../src/core/draws.js";
import { isTallyError } from "../../src/core/errors.js";
import { setGrants, topUp } from "../../src/core/grants.js";
import { Ledger } from "../../src/core/ledger.js";
import type { LedgerEvent } from "../../src/core/ledgerEvents.js";
import { changeGrants } from "../../src/core/plans.js";
import { restore } from "../../src/core/refunds.js";
import {
  daily,
  DAY,
  FEB_28,
  grant,
  HOUR,
  JAN_31,
  limit,
  MAR_31,
  messages,
  monthly,
  own,
  row,
  usageBased,
} from "./fixtures.js";

const MINUTE = 60_000;

/** An event, by what a test says of it; each is created a millisecond after the one before. */
function events(...given: Partial<LedgerEvent>[]): LedgerEvent[] {
  return given.map((event, index) => ({
    eventId: `e${index}`,
    createdAt: JAN_31 + index,
    kind: "usage",
    featureId: "messages",
    value: 0,
    draws: [],
    ...event,
  }));
}

const began = (balance: Balance): Partial<LedgerEvent> => ({
  kind: "plan",
  changes: changesOf([], [balance]),
});
const used = (value: number, grantId = "g1"): Partial<LedgerEvent> => ({
  value,
  draws: [{ grantId, amount: value, units: value }],
});

function replayed(log: readonly LedgerEvent[]): Ledger {
  const ledger = new Ledger();
  for (const event of log) ledger.enter(event);
  ledger.replay();
  return ledger;
}

const audited = (log: readonly LedgerEvent[], rows: Balance[], charges: ClosedPeriod[] = []) =>
  audit(replayed(log), { rows, charges }, JAN_31).findings;

describe("a change", () => {
  const before = messages(grant("g1", { used: 3 }), grant("g2"));

  test("of nothing is none", () => {
    expect(changesOf([before], [before])).toEqual([]);
  });

  test("names what was there, and what is", () => {
    const after = messages(grant("g1", { used: 5 }), grant("g3"));
    expect(changesOf([before], [after])).toEqual([
      {
        featureId: "messages",
        at: JAN_31,
        from: [
          { id: "g1", granted: 100, used: 3 },
          { id: "g2", granted: 100, used: 0 },
        ],
        to: [grant("g1", { used: 5 }), grant("g3")],
      },
    ]);
    expect(differences(before, after)).toEqual([
      { grantId: "g1", amount: 2, units: 2 },
      { grantId: "g2", amount: 100, units: 100 },
    ]);
  });

  test("of a limit leaves grants out", () => {
    const limited = { ...before, limits: [limit(5)] };
    expect(changesOf([before], [limited])).toEqual([
      { featureId: "messages", at: JAN_31, to: [], controls: { from: {}, to: { limits: [limit(5)] } } },
    ]);
  });

  test("that begins a balance says nothing of what there was before", () => {
    expect(changesOf([], [messages(grant("g1"))])).toEqual([{ featureId: "messages", to: [grant("g1")] }]);
  });
});

describe("the replay", () => {
  test("takes what uses draw", () => {
    const log = events(began(messages(grant("g1"))), used(3), used(4), used(-2));
    expect(audited(log, [messages(grant("g1", { used: 5 }))])).toMatchObject({ ok: true });
    expect(audited(log, [messages(grant("g1", { used: 6 }))])).toMatchObject({
      grants: [{ grantId: "g1", drift: -1 }],
    });
  });

  test("counts limits by units, those of credits by their own", () => {
    const pool = row("credits", [grant("c1")], { limits: [limit(90)] });
    const log = events(
      began(row("messages", [grant("g1")], { limits: [limit(50)] })),
      { ...began(pool), featureId: "credits" },
      {
        value: 5,
        draws: [
          { grantId: "g1", amount: 3, units: 3 },
          { grantId: "c1", amount: 0.4, units: 2 },
        ],
      },
    );
    const rows = (counted: number) => [
      row("messages", [grant("g1", { used: 3 })], { limits: [limit(50, { used: counted })] }),
      row("credits", [grant("c1", { used: 0.4 })], { limits: [limit(90, { used: 0.4 })] }),
    ];
    expect(audited(log, rows(5))).toMatchObject({ ok: true });
    expect(audited(log, rows(3))).toMatchObject({ limits: [{ expected: 5, actual: 3, drift: -2 }] });
  });

  test("counts what is unlimited in no limit", () => {
    const endless = (fields: Partial<Grant>, counted = 0) =>
      row("messages", [grant("g1", { granted: 0, unlimited: true, ...fields })], {
        limits: [limit(50, { used: counted })],
      });
    const log = events(began(endless({})), used(70));
    expect(audited(log, [endless({ used: 70 })])).toMatchObject({ ok: true });
    expect(audited(log, [endless({ used: 70 }, 70)])).toMatchObject({
      limits: [{ expected: 0, actual: 70 }],
    });
  });

  test("does what time does between events, and knows what is owed then", () => {
    const priced = grant("g1", { granted: 10, reset: monthly, overage: usageBased });
    const log = events(began(messages(priced)), used(13), { ...used(2), createdAt: FEB_28 + DAY });
    const { balance, closed } = advance(messages({ ...priced, used: 13 }), FEB_28 + DAY);
    const now = { ...balance, grants: balance.grants.map((each) => ({ ...each, used: 2 })) };
    expect(closed).toMatchObject([{ grantId: "g1", to: FEB_28, overage: 3, amount: 3 }]);
    expect(audited(log, [now], closed)).toMatchObject({ ok: true });
    expect(audited(log, [now])).toMatchObject({
      ok: false,
      charges: [{ grantId: "g1", to: FEB_28, expected: 3, actual: null, drift: -3 }],
    });
    const twice = [...closed, ...closed];
    expect(audited(log, [now], twice)).toMatchObject({ charges: [{ expected: 3, actual: 6, drift: 3 }] });
  });

  test("puts a hold where it was drawn, though its event comes a period later", () => {
    const rolling = grant("g1", { reset: monthly, rollover: {} });
    const held = [{ grantId: "g1", amount: 30, units: 30, until: FEB_28 }];
    const log = events(began(messages(rolling)), {
      createdAt: FEB_28 + DAY,
      value: 0,
      holds: [{ createdAt: JAN_31 + HOUR, draws: held }],
      changes: [],
      lapsed: 30,
    });
    const { balance } = advance(messages({ ...rolling, used: 30 }), FEB_28 + DAY);
    expect(balance.grants.map(({ granted }) => granted)).toEqual([100, 70]);
    expect(audited(log, [balance])).toMatchObject({ ok: true });
  });

  test("counts what is still held, which no event tells yet", () => {
    const ledger = new Ledger();
    for (const event of events(began(messages(grant("g1"))))) ledger.enter(event);
    const draws = [{ grantId: "g1", amount: 30, units: 30 }];
    ledger.enterHolds("r1", { featureId: "messages", holds: [{ createdAt: JAN_31 + HOUR, draws }] });
    ledger.replay();
    const rows = [messages(grant("g1", { used: 30 }))];
    expect(audit(ledger, { rows, charges: [] }, JAN_31).findings.ok).toBe(true);
  });

  test("says when something was entered too late to be put in its place", () => {
    const ledger = new Ledger();
    const [first, second] = events(began(messages(grant("g1"))), used(3));
    ledger.enter(second!);
    ledger.replay(JAN_31 + 1);
    expect(ledger.isLate).toBe(false);
    ledger.enter(first!);
    expect(ledger.isLate).toBe(true);
  });

  test("tells of a use that takes from nothing", () => {
    expect(audited(events(used(3)), [])).toMatchObject({
      ok: false,
      events: [{ eventId: "e0", problem: 'it takes 3 from "g1", which no event before it has given' }],
    });
  });

  test("goes on from a balance that was set by hand, whatever it had been", () => {
    const [before, after] = [messages(grant("g1", { used: 9 })), messages(grant("g1", { used: 40 }))];
    const log = events(
      began(messages(grant("g1"))),
      { kind: "adjust", value: 40, draws: differences(before, after), changes: changesOf([before], [after]) },
      used(1),
    );
    expect(audited(log, [messages(grant("g1", { used: 41 }))])).toMatchObject({
      grants: [],
      events: [
        {
          eventId: "e1",
          problem: 'it found 9 of 100 used of "g1", where the events before it prove 0 of 100',
        },
      ],
    });
  });
});

describe("an instant that the creation of an event may not say", () => {
  test.each([
    ["before a reset", FEB_28 - MINUTE + 1, true],
    ["at a reset", FEB_28, true],
    ["after a reset", FEB_28 + MINUTE - 1, true],
    ["long before", FEB_28 - MINUTE, false],
    ["long after", FEB_28 + MINUTE, false],
    ["when the grant begins: that is no boundary", JAN_31, false],
  ])("is one %s", (_when, now, isNear) => {
    const { balance } = advance(messages(grant("g1", { reset: monthly })), now);
    expect(isNearBoundary(balance, now)).toBe(isNear);
  });

  test("is one near a limit's period, a start and an end", () => {
    const limited = row("messages", [grant("g1")], { limits: [limit(5)] });
    expect(isNearBoundary(limited, FEB_28 - 1)).toBe(true);
    const scheduled = messages(grant("g1", { startsAt: MAR_31 }));
    expect(isNearBoundary(scheduled, MAR_31 - 1)).toBe(true);
    expect(isNearBoundary({ ...scheduled, advancedAt: MAR_31 }, MAR_31)).toBe(true);
    expect(isNearBoundary({ ...scheduled, advancedAt: MAR_31 }, MAR_31 + MINUTE)).toBe(false);
    expect(isNearBoundary(messages(grant("g1", { expiresAt: MAR_31 })), MAR_31 - 1)).toBe(true);
    expect(lastChangeAt(messages(grant("g1")), MAR_31)).toBe(-Infinity);
  });
});

/** One balance through all that the rules can do to it, with the log of it, whose clock is not quite the rules'. */
class Life {
  readonly log: LedgerEvent[] = [];
  readonly charges: ClosedPeriod[] = [];
  private now = JAN_31;
  private createdAt = JAN_31;
  private readonly drawn: { event: LedgerEvent; returned: boolean }[] = [];

  constructor(public row: Balance) {
    this.record({ kind: "plan", changes: changesOf([], [row]) });
  }

  pass(ms: number): void {
    this.now += ms;
  }

  /** What the database says of when an event was created: anything near. */
  private record(event: Partial<LedgerEvent>, skew = 0): LedgerEvent {
    this.createdAt = Math.max(this.createdAt + 0.001, this.now + skew);
    const [made] = events({ eventId: `e${this.log.length}`, createdAt: this.createdAt, ...event });
    this.log.push(made!);
    return made!;
  }

  private advanced(): Balance {
    const { balance, closed } = advance(this.row, this.now);
    this.charges.push(...closed);
    this.now = balance.advancedAt;
    return balance;
  }

  use(units: number, onInsufficient: "cap" | "overflow", skew: number): void {
    const before = this.advanced();
    const { rows, draws, uncovered } = draw([before], { pools: own, now: this.now, units }, onInsufficient);
    this.row = rows[0]!;
    const at = isNearBoundary(this.row, this.now) ? { at: this.now } : {};
    const event = this.record({ value: units, uncovered, draws, ...at }, skew);
    if (units > 0) this.drawn.push({ event, returned: false });
  }

  refund(index: number): void {
    const past = this.drawn[index % Math.max(1, this.drawn.length)];
    if (past === undefined || past.returned) return;
    past.returned = true;
    const { value, uncovered = 0, draws, createdAt } = past.event;
    const before = this.advanced();
    const units = value - uncovered;
    const back = restore([before], draws, createdAt, units, { pools: own, now: this.now });
    this.row = back.rows[0]!;
    const changes = changesOf([before], [this.row]);
    this.record({ value: -units, uncovered: 0 - back.lapsed, draws: back.draws, changes });
  }

  change(
    kind: string,
    to: (row: Balance, now: number) => { balance: Balance; closed?: ClosedPeriod[] },
  ): void {
    const before = this.advanced();
    const { balance, closed = [] } = to(before, this.now);
    this.row = balance;
    this.charges.push(...closed);
    this.record({ kind, changes: changesOf([before], [balance]) });
  }

  get audit() {
    return audited(this.log, [this.row], this.charges);
  }
}

type Step = (life: Life) => void;
const quarters = (max: number) => fc.integer({ min: 1, max }).map((n) => n / 4);
let made = 0;
const steps: fc.Arbitrary<Step> = fc.oneof(
  fc.constantFrom(1, MINUTE, 30 * HOUR, 33 * DAY).map((ms) => (life: Life) => life.pass(ms)),
  // To the next boundary, or just not: where another clock matters.
  fc.integer({ min: -1, max: 1 }).map((off) => (life: Life) => {
    const nexts = life.row.grants.flatMap(({ reset, expiresAt }) => [
      reset?.nextAt ?? Infinity,
      expiresAt ?? Infinity,
    ]);
    const next = Math.min(...nexts);
    if (next < Infinity) life.pass(Math.max(0, next + off - life.row.advancedAt));
  }),
  fc
    .tuple(
      quarters(300),
      fc.constantFrom("cap" as const, "overflow" as const),
      fc.integer({ min: -20_000, max: 20_000 }),
    )
    .map(
      ([units, policy, skew]) =>
        (life: Life) =>
          life.use(units, policy, skew),
    ),
  quarters(200).map((units) => (life: Life) => life.use(0 - units, "cap", 0)),
  fc.nat(20).map((index) => (life: Life) => life.refund(index)),
  fc.tuple(quarters(100), fc.boolean()).map(
    ([granted, ends]) =>
      (life: Life) =>
        life.change("grant", (before, now) => {
          const gift = grant(`t${made++}`, {
            source: "grant",
            granted,
            createdAt: now,
            ...(ends && { expiresAt: now + 2 * DAY }),
          });
          return topUp(before, gift);
        }),
  ),
  quarters(300).map(
    (usage) => (life: Life) =>
      life.change("adjust", (before, now) => {
        const scope = { pools: [{ featureId: before.featureId }], entityId: before.entityId, now };
        const [balance = before] = setGrants([before], { usage }, undefined, scope);
        return { balance };
      }),
  ),
  fc.tuple(fc.boolean(), fc.boolean()).map(
    ([keepsUsage, keepsBalance]) =>
      (life: Life) =>
        life.change("plan", (before, now) => {
          const source = `s${made++}`;
          const reset = { ...daily, anchor: now, nextAt: now + DAY };
          const incoming = [
            grant(`p${made}`, {
              source,
              createdAt: now,
              reset,
              rollover: { max: 150 },
              carry: true,
              granted: 40,
            }),
          ];
          const ending = new Set(before.grants.map((each) => each.source).filter((each) => each !== "grant"));
          return changeGrants(before, {
            ending,
            incoming,
            keepsUsage,
            keepsBalance,
            now,
            nextGrantId: () => `k${made++}`,
          });
        }),
  ),
);

const starts = fc.constantFrom<Grant[]>(
  [grant("g1", { reset: daily, rollover: { max: 120 } }), grant("g2", { granted: 30 })],
  [grant("g1", { reset: monthly, carry: true, rollover: { months: 1 } }), grant("g2", { granted: 30 })],
  [
    grant("g1", { reset: daily, overage: usageBased, granted: 5 }),
    grant("g2", { reset: monthly, granted: 9 }),
  ],
);

describe("a balance by chance", () => {
  test("is what its events prove, though they are dated by another clock", () => {
    const property = fc.property(starts, fc.array(steps, { minLength: 5, maxLength: 40 }), (grants, all) => {
      const life = new Life(row("messages", grants, { limits: [limit(400, daily)] }));
      for (const step of all) {
        try {
          step(life);
        } catch (error) {
          if (!isTallyError(error)) throw error;
        }
        expect(life.audit).toEqual({ ok: true, grants: [], limits: [], events: [], charges: [] });
      }
    });
    fc.assert(property, { seed: 20_260_131, numRuns: 200 });
  }, 30_000);

  test("says so when any grant of it, or any event, is another", () => {
    const property = fc.property(
      starts,
      fc.array(steps, { minLength: 5, maxLength: 25 }),
      fc.nat(99),
      (grants, all, n) => {
        const life = new Life(row("messages", grants));
        for (const step of all) {
          try {
            step(life);
          } catch (error) {
            if (!isTallyError(error)) throw error;
          }
        }
        const { row: balance, log, charges } = life;
        const chosen = n % Math.max(1, balance.grants.length);
        for (const field of ["used", "granted"] as const) {
          const tampered = balance.grants.map((each, index) =>
            index === chosen ? { ...each, [field]: each[field] + 0.25 } : each,
          );
          const drift = field === "used" ? -0.25 : 0.25;
          const found = audited(log, [{ ...balance, grants: tampered }], charges);
          if (balance.grants.length > 0) expect(found).toMatchObject({ ok: false, grants: [{ drift }] });
        }
        const uses = log.filter((event) => event.kind === "usage" && event.draws.length > 0);
        const use = uses[n % Math.max(1, uses.length)];
        if (use === undefined) return;
        const other = { ...use, draws: use.draws.map((each) => ({ ...each, units: each.units + 0.25 })) };
        const changed = log.map((event) => (event === use ? other : event));
        expect(audited(changed, [balance], charges).events).toContainEqual({
          eventId: use.eventId,
          problem: expect.stringContaining("its draws pay for") as string,
        });
      },
    );
    fc.assert(property, { seed: 20_260_131, numRuns: 200 });
  }, 30_000);
});

test("a minute is longer than the clocks differ by", () => {
  expect(NEAR_MS).toBe(MINUTE);
});
