/** Audits: the events prove the balances, whatever was stored behind their back is found, and a repair says what it did. */
import { convexTest } from "convex-test";
import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import { components } from "../../convex/_generated/api.js";
import schema from "../../convex/schema.js";
import { defineCatalog, Tally } from "../../src/client/index.js";
import { alter, registerInspected, stored, sweep, type Stored } from "./stored.js";

const month = { interval: "month" } as const;
const tally = new Tally(components.tally, {
  catalog: defineCatalog({
    features: [
      { id: "messages", type: "metered" },
      { id: "images", type: "metered" },
      { id: "videos", type: "metered" },
      { id: "storage", type: "metered", consumable: false },
      { id: "seats", type: "metered", consumable: false },
      {
        id: "credits",
        type: "credit_system",
        creditSchema: [{ meteredFeatureId: "images", creditCost: 10 }],
      },
    ],
    plans: [
      {
        id: "free",
        autoEnable: true,
        items: [
          { featureId: "messages", included: 100, reset: month, rollover: { max: 50 } },
          { featureId: "credits", included: 1_000, reset: month },
          {
            featureId: "videos",
            included: 5,
            price: { amount: 2, interval: "month", billingMethod: "usage_based" },
          },
          { featureId: "storage", included: 10 },
        ],
      },
      {
        id: "pro",
        price: { amount: 20, interval: "month" },
        items: [
          { featureId: "messages", included: 500, reset: month },
          { featureId: "storage", included: 50 },
        ],
      },
    ],
  }),
  identify: () => Promise.resolve(null),
});

const modules = import.meta.glob("../../convex/**/*.ts");
const customerId = "user_1";
const me = { customerId };
const START = Date.parse("2026-01-10T00:00:00Z");
const FEBRUARY = Date.parse("2026-02-10T00:00:00Z");
const HOUR = 3_600_000;

beforeEach(() => {
  vi.useFakeTimers();
  vi.setSystemTime(START);
});
afterEach(() => {
  vi.useRealTimers();
});

/** A customer with 100 messages (of which 50 roll over), 1,000 credits, 5 videos and storage of 10. */
async function begun() {
  const t = convexTest({ schema, modules, transactionLimits: true });
  registerInspected(t);
  await t.mutation((ctx) => tally.customers.create(ctx, me));
  return t;
}
type Deployment = Awaited<ReturnType<typeof begun>>;

function track(
  t: Deployment,
  value: number,
  featureId: "messages" | "images" | "videos" | "storage" = "messages",
) {
  return t.mutation((ctx) => tally.for(ctx, me).track({ featureId, value }));
}

const audit = (t: Deployment) => t.query((ctx) => tally.audit(ctx, me));
const auditInAction = (t: Deployment) => t.action((ctx) => tally.audit(ctx, me));
const repair = (t: Deployment) =>
  t.mutation((ctx) => tally.repair(ctx, { ...me, reason: "drift", actor: "ops" }));

/** Holds messages for four hours; answers the hold's id. */
async function hold(t: Deployment, value: number): Promise<string> {
  const reservationId = `hold of ${value}`;
  const reserved = { featureId: "messages", value, reservationId, ttlMs: 4 * HOUR } as const;
  await t.mutation(async (ctx) => void (await tally.for(ctx, me).reserve(reserved)));
  return reservationId;
}

/** A year in the life of a customer: all verbs that move amounts, a month's end, and an open hold. */
async function busy() {
  const t = await begun();
  await t.mutation((ctx) =>
    tally.controls.set(ctx, { ...me, featureId: "messages", usageLimits: [{ max: 90, interval: "month" }] }),
  );
  await track(t, 40);
  const { eventId } = await track(t, 10);
  await track(t, 9, "videos");
  await track(t, 3, "images");
  await t.mutation((ctx) => tally.refund(ctx, { ...me, eventId, value: 4 }));
  await t.mutation((ctx) => tally.grants.grant(ctx, { ...me, featureId: "messages", amount: 30 }));
  await t.mutation((ctx) => tally.grants.set(ctx, { ...me, featureId: "storage", usage: 4 }));
  vi.setSystemTime(FEBRUARY - HOUR);
  const reservationId = await hold(t, 15);
  await hold(t, 7);
  vi.setSystemTime(FEBRUARY + HOUR);
  await t.mutation((ctx) => tally.reservations.confirm(ctx, { ...me, reservationId, value: 5 }));
  await track(t, 12);
  await track(t, 6, "videos");
  return t;
}

/** The one document of a table that is as told. */
async function the<Name extends keyof Stored>(
  t: Deployment,
  table: Name,
  isIt: (document: Stored[Name][number]) => boolean,
): Promise<Stored[Name][number]> {
  const found = (await stored(t))[table].filter(isIt);
  expect(found).toHaveLength(1);
  return found[0]!;
}

const balanceOf = (t: Deployment, featureId: string) =>
  the(t, "balances", (row) => row.featureId === featureId);

/** Changes the grants of a balance behind its back. */
async function tamper(
  t: Deployment,
  featureId: string,
  change: (grant: Stored["balances"][number]["grants"][number]) => object,
) {
  const row = await balanceOf(t, featureId);
  await alter(t, row, { grants: row.grants.map((grant) => ({ ...grant, ...change(grant) })) });
}

describe("an audit", () => {
  test("of a customer who has done nothing finds nothing", async () => {
    const t = await begun();
    expect(await audit(t)).toEqual({
      customerId,
      ok: true,
      grants: [],
      limits: [],
      events: [],
      charges: [],
      checked: { events: 1, reservations: 0, balances: 4, charges: 0 },
    });
  });

  test("of a long life finds nothing, and has looked at all of it", async () => {
    const t = await busy();
    expect(await audit(t)).toMatchObject({
      ok: true,
      checked: { events: 12, reservations: 1, balances: 4, charges: 1 },
    });
  });

  test("finds the same from an action", async () => {
    const t = await busy();
    await tamper(t, "storage", () => ({ used: 5 }));
    expect(await auditInAction(t)).toEqual(await audit(t));
    expect(await auditInAction(t)).toMatchObject({ ok: false, grants: [{ drift: -1 }] });
  });

  test("joins a mutation, and sees what that has written", async () => {
    const t = await begun();
    const found = await t.mutation(async (ctx) => {
      await tally.for(ctx, me).track({ featureId: "messages", value: 3 });
      return await tally.audit(ctx, me);
    });
    expect(found).toMatchObject({ ok: true, checked: { events: 2 } });
  });

  test("changes nothing", async () => {
    const t = await busy();
    const before = await stored(t);
    await audit(t);
    await auditInAction(t);
    expect(await stored(t)).toEqual(before);
  });

  test("knows that a refund comes off the charge of a period that is over", async () => {
    const t = await begun();
    const { eventId } = await track(t, 9, "videos");
    vi.setSystemTime(FEBRUARY + HOUR);
    await sweep(t);
    await t.mutation((ctx) => tally.refund(ctx, { ...me, eventId, value: 3 }));
    expect(await audit(t)).toMatchObject({ ok: true, events: [] });
  });

  test("knows an extension of a hold after its start, in the same millisecond too", async () => {
    const t = await begun();
    const usageLimits = [{ max: 90, interval: "month" as const }];
    await t.mutation((ctx) => tally.controls.set(ctx, { ...me, featureId: "images", usageLimits }));
    await t.mutation(async (ctx) => {
      const held = await tally.for(ctx, me).reserve({ featureId: "images", value: 1, ttlMs: HOUR });
      await held.extend({ value: 1 });
    });
    expect(await audit(t)).toMatchObject({ ok: true, checked: { reservations: 1 } });
  });

  test("does not wait for the sweep, and does not mind it", async () => {
    const t = await busy();
    vi.setSystemTime(FEBRUARY + 90 * 24 * HOUR);
    expect(await audit(t)).toMatchObject({ ok: true, checked: { charges: 1 } });
    await sweep(t);
    expect(await audit(t)).toMatchObject({ ok: true, checked: { charges: 2 } });
  });

  test("of nobody is refused", async () => {
    const t = await begun();
    const nobody = { customerId: "nobody" };
    const refused = { data: { kind: "customer_not_found" } };
    await expect(t.query((ctx) => tally.audit(ctx, nobody))).rejects.toMatchObject(refused);
    await expect(t.action((ctx) => tally.audit(ctx, nobody))).rejects.toMatchObject(refused);
    await expect(t.mutation((ctx) => tally.repair(ctx, nobody))).rejects.toMatchObject(refused);
  });

  test.each([{ customerId: "" }, { customerId, entityId: "ada" }, null])("refuses %j", async (args) => {
    const t = await begun();
    const refused = { data: { kind: "invalid_argument" } };
    await expect(t.query((ctx) => tally.audit(ctx, args as typeof me))).rejects.toMatchObject(refused);
    await expect(t.mutation((ctx) => tally.repair(ctx, args as typeof me))).rejects.toMatchObject(refused);
  });

  test("is nothing that a browser can ask for", () => {
    expect(Object.keys(tally.api()).sort()).toEqual(["balances", "check", "customer", "events", "plans"]);
  });
});

describe("what was changed behind the events' back is found:", () => {
  test("one unit that nobody used", async () => {
    const t = await busy();
    await tamper(t, "storage", ({ used }) => ({ used: used + 1 }));
    expect(await audit(t)).toMatchObject({
      ok: false,
      grants: [
        {
          featureId: "storage",
          grantId: "g0005",
          expected: { granted: 10, used: 4 },
          actual: { granted: 10, used: 5 },
          drift: -1,
          terms: false,
        },
      ],
      limits: [],
      events: [],
      charges: [],
    });
  });

  test("a billionth of a unit", async () => {
    const t = await busy();
    await tamper(t, "storage", () => ({ used: 3.999_999_999 }));
    expect(await audit(t)).toMatchObject({ ok: false, grants: [{ drift: 0.000_000_001 }] });
  });

  test("one unit less granted", async () => {
    const t = await busy();
    await tamper(t, "storage", ({ granted }) => ({ granted: granted - 1 }));
    expect(await audit(t)).toMatchObject({ ok: false, grants: [{ featureId: "storage", drift: -1 }] });
  });

  test("a rollover that holds more than was left", async () => {
    const t = await busy();
    await tamper(t, "messages", ({ rolledFrom, granted }) => (rolledFrom ? { granted: granted + 1 } : {}));
    expect(await audit(t)).toMatchObject({ ok: false, grants: [{ featureId: "messages", drift: 1 }] });
  });

  test("terms: when a grant resets", async () => {
    const t = await busy();
    await tamper(t, "credits", ({ reset }) => (reset ? { reset: { ...reset, interval: "day" } } : {}));
    expect(await audit(t)).toMatchObject({
      ok: false,
      grants: [{ featureId: "credits", drift: 0, terms: true }],
    });
  });

  test("a grant that nothing has given", async () => {
    const t = await busy();
    const row = await balanceOf(t, "storage");
    const gift = { id: "g9999", source: "grant", granted: 7, used: 0, createdAt: START };
    await alter(t, row, { grants: [...row.grants, gift] });
    expect(await audit(t)).toMatchObject({
      ok: false,
      grants: [{ grantId: "g9999", expected: null, actual: { granted: 7, used: 0 }, drift: 7 }],
    });
  });

  test("a grant that is gone, and a balance that is", async () => {
    const t = await busy();
    await alter(t, await balanceOf(t, "storage"), { grants: [] });
    await alter(t, await balanceOf(t, "credits"), null);
    expect(await audit(t)).toMatchObject({
      ok: false,
      grants: [
        { featureId: "storage", expected: { granted: 10, used: 4 }, actual: null, drift: -6 },
        { featureId: "credits", expected: { granted: 1_000, used: 0 }, actual: null, drift: -1_000 },
      ],
    });
  });

  test("a limit that has counted what nobody used", async () => {
    const t = await busy();
    const row = await balanceOf(t, "messages");
    await alter(t, row, { limits: (row.limits ?? []).map((limit) => ({ ...limit, used: limit.used + 2 })) });
    expect(await audit(t)).toMatchObject({
      ok: false,
      grants: [],
      limits: [{ featureId: "messages", interval: "month", expected: 12, actual: 14, drift: 2 }],
    });
  });

  test("a limit that was raised", async () => {
    const t = await busy();
    const row = await balanceOf(t, "messages");
    await alter(t, row, { limits: (row.limits ?? []).map((limit) => ({ ...limit, max: 1_000 })) });
    expect(await audit(t)).toMatchObject({ ok: false, limits: [{ drift: 0, terms: true }] });
  });

  test("overage that was allowed", async () => {
    const t = await busy();
    await alter(t, await balanceOf(t, "storage"), { overage: { allowed: true } });
    expect(await audit(t)).toMatchObject({ ok: false, limits: [{ featureId: "storage", terms: true }] });
  });

  test("a use whose event is gone", async () => {
    const t = await busy();
    const event = await the(t, "events", ({ featureId, value }) => featureId === "messages" && value === 12);
    await alter(t, event, null);
    expect(await audit(t)).toMatchObject({
      ok: false,
      grants: [{ featureId: "messages", drift: -12 }],
      limits: [{ expected: 0, actual: 12 }],
    });
  });

  test("a use of a month that is over: more is left of it than was rolled over", async () => {
    const t = await begun();
    await track(t, 80);
    const { eventId } = await track(t, 3);
    vi.setSystemTime(FEBRUARY);
    await track(t, 5);
    await alter(t, { _id: eventId }, null);
    expect(await audit(t)).toMatchObject({
      ok: false,
      grants: [{ expected: { granted: 20, used: 5 }, actual: { granted: 17, used: 5 }, drift: -3 }],
    });
  });

  test("a gift whose event is gone: the uses of it are told as well", async () => {
    const t = await begun();
    await t.mutation((ctx) => tally.grants.grant(ctx, { ...me, featureId: "storage", amount: 4 }));
    const { eventId } = await track(t, 12, "storage");
    await alter(t, await the(t, "events", ({ kind }) => kind === "grant"), null);
    expect(await audit(t)).toMatchObject({
      ok: false,
      grants: [{ grantId: "g0006", expected: null, actual: { granted: 4, used: 2 } }],
      events: [{ eventId, problem: 'it takes 2 from "g0006", which no event before it has given' }],
    });
  });

  test("a draw that says more than was applied", async () => {
    const t = await begun();
    const { eventId } = await track(t, 5);
    const event = await the(t, "events", ({ _id }) => _id === eventId);
    await alter(t, event, { draws: event.draws.map((draw) => ({ ...draw, amount: 7, units: 7 })) });
    expect(await audit(t)).toMatchObject({
      ok: false,
      grants: [{ expected: { used: 7 }, actual: { used: 5 }, drift: 2 }],
      events: [{ eventId, problem: "its draws pay for 7, but 5 was applied" }],
    });
  });

  test("a draw that says another amount for the same units", async () => {
    const t = await begun();
    const { eventId } = await track(t, 5);
    const event = await the(t, "events", ({ _id }) => _id === eventId);
    await alter(t, event, { draws: event.draws.map((draw) => ({ ...draw, amount: 4 })) });
    expect(await audit(t)).toMatchObject({ ok: false, grants: [{ drift: -1 }], events: [{ eventId }] });
  });

  test.each(["value", "uncovered"])("another %s of a use", async (field) => {
    const t = await begun();
    const { eventId } = await track(t, 5);
    await alter(t, { _id: eventId }, { [field]: 1 });
    expect(await audit(t)).toMatchObject({ ok: false, grants: [], events: [{ eventId }] });
  });

  test.each(["usage", "grant", "adjust"])("a draw of %s that did not happen so", async (kind) => {
    const t = await busy();
    const isIt = ({ held, refundOf }: Stored["events"][number]) =>
      kind !== "usage" || held !== undefined || refundOf !== undefined;
    const events = (await stored(t)).events.filter(
      (event) => event.kind === kind && isIt(event) && event.draws.length > 0,
    );
    expect(events.length).toBeGreaterThan(0);
    for (const event of events) {
      const draws = event.draws.map((draw) => ({ ...draw, amount: draw.amount + 1 }));
      await alter(t, event, { draws });
      expect(await audit(t), kind).toMatchObject({ ok: false, grants: [], events: [{ eventId: event._id }] });
      await alter(t, event, { draws: event.draws });
    }
    expect(await audit(t)).toMatchObject({ ok: true });
  });

  test("a hold that is gone, and one that holds more", async () => {
    const t = await busy();
    const [hold] = (await stored(t)).reservations;
    await alter(t, hold!, { draws: hold!.draws.map((draw) => ({ ...draw, amount: 9, units: 9 })) });
    expect(await audit(t)).toMatchObject({ ok: false });
    await alter(t, hold!, null);
    // It was held an hour before the month's end, and has lapsed: it is missing in what was rolled over.
    expect(await audit(t)).toMatchObject({ ok: false, grants: [{ featureId: "messages" }] });
  });

  test("before a change of plan that carries it on: told of that change", async () => {
    const t = await begun();
    await track(t, 4, "storage");
    await tamper(t, "storage", () => ({ used: 5 }));
    await t.mutation((ctx) => tally.subscriptions.attach(ctx, { ...me, planId: "pro" }));
    const { _id: eventId } = await the(t, "events", ({ planId }) => planId === "pro");
    expect(await audit(t)).toMatchObject({
      ok: false,
      events: [
        { eventId, problem: 'it found 5 of 10 used of "g0005", where the events before it prove 4 of 10' },
      ],
    });
  });

  test("a charge that is gone, one that is another, and one that nobody owes", async () => {
    const t = await busy();
    const charge = await the(t, "charges", () => true);
    const period = { featureId: "videos", grantId: "g0004", to: FEBRUARY };
    await alter(t, charge, { amount: 1 });
    expect(await audit(t)).toMatchObject({
      ok: false,
      charges: [{ ...period, expected: 8, actual: 1, drift: -7 }],
    });
    await alter(t, charge, { amount: 8, to: FEBRUARY + 1 });
    expect(await audit(t)).toMatchObject({
      charges: [
        { ...period, expected: 8, actual: null, drift: -8 },
        { ...period, to: FEBRUARY + 1, expected: null, actual: 8, drift: 8 },
      ],
    });
    await alter(t, charge, null);
    expect(await audit(t)).toMatchObject({
      ok: false,
      grants: [],
      charges: [{ ...period, expected: 8, actual: null, drift: -8 }],
    });
  });
});

describe("a repair", () => {
  test("of what does not drift does nothing", async () => {
    const t = await busy();
    const before = await stored(t);
    expect(await repair(t)).toMatchObject({ ok: true, eventIds: [] });
    expect(await stored(t)).toEqual(before);
  });

  test("brings a balance to what the events prove, with an event that says so", async () => {
    const t = await busy();
    await tamper(t, "storage", () => ({ used: 9 }));
    const before = (await stored(t)).events;
    const { ok, grants, eventIds } = await repair(t);
    expect({ ok, grants }).toMatchObject({ ok: false, grants: [{ drift: -5 }] });
    expect(await balanceOf(t, "storage")).toMatchObject({ grants: [{ granted: 10, used: 4 }] });
    const after = (await stored(t)).events;
    expect(after.slice(0, before.length)).toEqual(before);
    expect(after.slice(before.length)).toMatchObject([
      {
        _id: eventIds[0],
        kind: "adjust",
        featureId: "storage",
        value: 0,
        draws: [{ grantId: "g0005", amount: -5, units: -5 }],
        reason: "drift",
        actor: "ops",
      },
    ]);
  });

  test("is understood by the next audit, and there is nothing left to repair", async () => {
    const t = await busy();
    await tamper(t, "storage", () => ({ used: 9 }));
    await tamper(t, "messages", ({ used }) => ({ used: used + 2 }));
    await repair(t);
    expect(await audit(t)).toMatchObject({ ok: true });
    expect(await repair(t)).toMatchObject({ ok: true, eventIds: [] });
    await track(t, 1, "storage");
    await track(t, 2);
    vi.setSystemTime(FEBRUARY + 60 * 24 * HOUR);
    await sweep(t);
    expect(await audit(t)).toMatchObject({ ok: true });
  });

  test("does not hide what is changed after it", async () => {
    const t = await busy();
    await tamper(t, "storage", () => ({ used: 9 }));
    await repair(t);
    await tamper(t, "storage", () => ({ used: 5 }));
    expect(await audit(t)).toMatchObject({ ok: false, grants: [{ drift: -1 }] });
  });

  test("stores what is missing, and removes what nothing has given", async () => {
    const t = await busy();
    await alter(t, await balanceOf(t, "credits"), null);
    const row = await balanceOf(t, "storage");
    const gift = { id: "g9999", source: "grant", granted: 7, used: 0, createdAt: START };
    await alter(t, row, { grants: [...row.grants, gift] });
    await alter(t, await the(t, "charges", () => true), null);
    expect((await repair(t)).eventIds).toHaveLength(2);
    expect(await audit(t)).toMatchObject({ ok: true });
    expect(await balanceOf(t, "storage")).toMatchObject({ grants: [{ id: "g0005" }] });
    expect(await balanceOf(t, "credits")).toMatchObject({ grants: [{ granted: 1_000, used: 0 }] });
    expect(await the(t, "charges", () => true)).toMatchObject({ overage: 4, amount: 8, to: FEBRUARY });
  });

  test("leaves a wrong charge alone: it may be invoiced", async () => {
    const t = await busy();
    const charge = await the(t, "charges", () => true);
    await alter(t, charge, { amount: 1 });
    expect(await repair(t)).toMatchObject({ ok: false, eventIds: [] });
    expect(await audit(t)).toMatchObject({ ok: false, charges: [{ drift: -7 }] });
  });

  test("takes note of events that contradict themselves: they are told once", async () => {
    const t = await begun();
    const { eventId } = await track(t, 5);
    await alter(t, { _id: eventId }, { value: 6 });
    expect((await repair(t)).eventIds).toHaveLength(1);
    expect(await audit(t)).toMatchObject({ ok: true });
    const { eventId: next } = await track(t, 2);
    await alter(t, { _id: next }, { value: 3 });
    expect(await audit(t)).toMatchObject({ ok: false, events: [{ eventId: next }] });
  });

  test("works from an action as well", async () => {
    const t = await busy();
    await tamper(t, "storage", () => ({ used: 9 }));
    const repaired = await t.action((ctx) => tally.repair(ctx, me));
    expect(repaired).toMatchObject({ ok: false, grants: [{ drift: -5 }] });
    expect(repaired.eventIds).toHaveLength(1);
    expect(await audit(t)).toMatchObject({ ok: true });
  });

  test("is undone with the mutation that it is in", async () => {
    const t = await busy();
    await tamper(t, "storage", () => ({ used: 9 }));
    const before = await stored(t);
    const failing = t.mutation(async (ctx) => {
      await tally.repair(ctx, me);
      throw new Error("afterwards");
    });
    await expect(failing).rejects.toThrow("afterwards");
    expect(await stored(t)).toEqual(before);
  });
});

describe("many events", () => {
  /** `count` uses of a thousandth of a message each. */
  async function usedOften(t: Deployment, count: number) {
    for (let left = count; left > 0; left -= 100) {
      const uses = Array.from({ length: Math.min(100, left) }, () => ({
        featureId: "messages" as const,
        value: 0.001,
      }));
      await t.mutation((ctx) => tally.for(ctx, me).track(uses));
    }
  }

  test("are read in pages by an action, also those of holds that were settled very late", async () => {
    const t = await begun();
    vi.setSystemTime(FEBRUARY - HOUR);
    const reservationId = await hold(t, 60);
    vi.setSystemTime(FEBRUARY + 30 * HOUR);
    await usedOften(t, 1_500);
    vi.setSystemTime(FEBRUARY + 90 * HOUR);
    await t.mutation((ctx) => tally.reservations.confirm(ctx, { ...me, reservationId, value: 10 }));
    vi.setSystemTime(FEBRUARY + 91 * HOUR);
    expect(await auditInAction(t)).toMatchObject({ ok: true, checked: { events: 1_502 } });
    await tamper(t, "messages", ({ used }) => ({ used: used + 1 }));
    expect(await auditInAction(t)).toMatchObject({ ok: false });
  }, 30_000);

  test("that come while they are read are no drift", async () => {
    const t = await begun();
    await usedOften(t, 1_200);
    vi.setSystemTime(START + HOUR);
    await track(t, 1);
    const uses = Array.from({ length: 30 }, async () => await track(t, 1));
    const [first, second] = await Promise.all([auditInAction(t), auditInAction(t), ...uses]);
    expect(first).toMatchObject({ ok: true });
    expect(second).toMatchObject({ ok: true });
    expect((await auditInAction(t)).checked.events).toBe(1_232);
  }, 30_000);

  test("are too many for one transaction at more than 4,000", async () => {
    const t = await begun();
    await usedOften(t, 4_000);
    const refused = { data: { kind: "not_supported" } };
    await expect(audit(t)).rejects.toMatchObject(refused);
    await expect(repair(t)).rejects.toMatchObject(refused);
    await expect(auditInAction(t)).rejects.toMatchObject({ data: { kind: "busy" } });
    vi.setSystemTime(START + HOUR);
    expect(await auditInAction(t)).toMatchObject({ ok: true, checked: { events: 4_001 } });
  }, 30_000);
});

describe("all customers", () => {
  test("are audited by page, and those that drift are told", async () => {
    const t = await begun();
    for (const id of ["user_2", "user_3", "user_4", "user_5"]) {
      await t.mutation((ctx) => tally.customers.create(ctx, { customerId: id }));
    }
    const row = await the(
      t,
      "balances",
      (each) => each.customerId === "user_4" && each.featureId === "storage",
    );
    await alter(t, row, { grants: [] });
    const pages: { audited: number; found: string[] }[] = [];
    let cursor: string | null = null;
    do {
      const page: Awaited<ReturnType<typeof tally.auditAll>> = await t.action((ctx) =>
        tally.auditAll(ctx, { cursor, limit: 2 }),
      );
      pages.push({ audited: page.audited, found: page.page.map((each) => each.customerId) });
      ({ cursor } = page);
    } while (cursor !== null);
    expect(pages.slice(0, 3)).toEqual([
      { audited: 2, found: [] },
      { audited: 2, found: ["user_4"] },
      { audited: 1, found: [] },
    ]);
  });

  test.each([{ limit: 0 }, { limit: 201 }, { cursor: 5 }, { customerId }])("refuses %j", async (args) => {
    const t = await begun();
    const asked = t.action((ctx) => tally.auditAll(ctx, args as { limit: number }));
    await expect(asked).rejects.toMatchObject({ data: { kind: "invalid_argument" } });
  });
});
