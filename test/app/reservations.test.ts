/** Amounts held ahead of a use: drawn at once, settled once, and never lost nor given back twice. */
import type { FunctionReference } from "convex/server";
import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import { components } from "../../convex/_generated/api.js";
import { defineCatalog, Tally } from "../../src/client/index.js";
import { transactionCost, type TransactionCost } from "../footprint/recorder.js";
import { deployment, type Deployment } from "./deployment.js";
import { registerInspected, stored, sweep as sweepResets } from "./stored.js";

const month = { interval: "month" } as const;
const tally = new Tally(components.tally, {
  catalog: defineCatalog({
    features: [
      { id: "messages", type: "metered" },
      { id: "images", type: "metered" },
      { id: "exports", type: "metered" },
      { id: "storage", type: "metered", consumable: false },
      { id: "seats", type: "metered", consumable: false },
      { id: "search", type: "boolean" },
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
          { featureId: "messages", included: 500, reset: month },
          {
            featureId: "images",
            included: 100,
            reset: month,
            rollover: { max: 40, expiryDurationType: "month", expiryDurationLength: 3 },
          },
          { featureId: "credits", included: 1_000, reset: month },
          { featureId: "exports", included: 20, reset: month, entityFeatureId: "seats" },
          { featureId: "storage", included: 10 },
        ],
      },
      { id: "other", items: [{ featureId: "messages", included: 300, reset: month }] },
      {
        id: "pro",
        price: { amount: 20, interval: "month" },
        items: [{ featureId: "messages", included: 1_000, reset: month }],
      },
      {
        id: "endless",
        price: { amount: 90, interval: "month" },
        items: [{ featureId: "messages", unlimited: true }],
      },
    ],
  }),
  identify: () => Promise.resolve(null),
});

const customerId = "user_1";
const MINUTE_MS = 60_000;
const HOUR_MS = 60 * MINUTE_MS;
const START = Date.parse("2026-01-10T00:00:00Z");
/** An hour before the month's amounts come anew. */
const BEFORE_RESET = Date.parse("2026-02-09T23:00:00Z");

beforeEach(() => {
  vi.useFakeTimers();
  vi.setSystemTime(START);
});
afterEach(() => {
  vi.useRealTimers();
});

/** A customer with 500 messages, 100 images and 1,000 credits a month, of which an image costs 10. */
async function begun() {
  const t = deployment();
  registerInspected(t);
  await t.mutation((ctx) => tally.customers.create(ctx, { customerId }));
  return t;
}

interface Hold {
  customerId?: string;
  featureId?: string;
  entityId?: string;
  ttlMs?: number;
  reservationId?: string;
  properties?: Record<string, string>;
}

function reserve(t: Deployment, value: number, options: Hold = {}) {
  return t.mutation(async (ctx) => {
    const args = { customerId, featureId: "messages", value, ...options };
    const { reservationId, allowed, replayed, refusal, expiresAt } = await tally.reservations.reserve(
      ctx,
      args,
    );
    return { reservationId, allowed, replayed, refusal, expiresAt };
  });
}

/** The id of a hold that is allowed. */
async function held(t: Deployment, value: number, options: Hold = {}): Promise<string> {
  const { reservationId } = await reserve(t, value, options);
  if (reservationId === null) throw new Error(`${value} should have been held`);
  return reservationId;
}

function confirm(t: Deployment, reservationId: string, value?: number) {
  return t.mutation((ctx) =>
    tally.reservations.confirm(ctx, { customerId, reservationId, ...(value !== undefined && { value }) }),
  );
}

function release(t: Deployment, reservationId: string) {
  return t.mutation((ctx) => tally.reservations.release(ctx, { customerId, reservationId }));
}

function report(t: Deployment, reservationId: string, total: number) {
  return t.mutation((ctx) => tally.reservations.report(ctx, { customerId, reservationId, total }));
}

function extend(t: Deployment, reservationId: string, more: { value?: number; ttlMs?: number }) {
  return t.mutation((ctx) => tally.reservations.extend(ctx, { customerId, reservationId, ...more }));
}

function track(t: Deployment, value: number, featureId = "messages") {
  return t.mutation((ctx) => tally.track(ctx, { customerId, featureId, value }));
}

async function balance(t: Deployment, featureId = "messages", entityId?: string) {
  const { usage, remaining } = await t.query((ctx) =>
    tally.check(ctx, { customerId, featureId, ...(entityId !== undefined && { entityId }) }),
  );
  return { usage, remaining };
}

async function listed(t: Deployment, of = customerId) {
  return (await t.query((ctx) => tally.reservations.list(ctx, { customerId: of }))).page;
}

/** The uses that were recorded, the first first. */
async function uses(t: Deployment) {
  const { page } = await t.query((ctx) => tally.events.list(ctx, { customerId, limit: 200 }));
  return page.filter(({ kind }) => kind === "usage").reverse();
}

const { sweep } = (
  components.tally as unknown as {
    reservations: {
      sweep: FunctionReference<
        "mutation",
        "internal",
        Record<string, never>,
        { settled: number; done: boolean }
      >;
    };
  }
).reservations;

/** What the component's cron runs each minute. */
function sweepHolds(t: Deployment) {
  return t.mutation((ctx) => ctx.runMutation(sweep, {}));
}

function attach(t: Deployment, planId: "other" | "pro" | "endless") {
  return t.mutation((ctx) => tally.subscriptions.attach(ctx, { customerId, planId }));
}

const refusedAs = (kind: string) => ({ data: { kind } });

describe("a hold", () => {
  test("takes its units at once", async () => {
    const t = await begun();
    await reserve(t, 75);
    expect(await balance(t)).toEqual({ usage: 75, remaining: 425 });
  });

  test("answers an id of its own, and that it ends in 15 minutes", async () => {
    const t = await begun();
    expect(await reserve(t, 75)).toEqual({
      reservationId: expect.stringMatching(/^res_[0-9a-z]{20}$/),
      allowed: true,
      replayed: false,
      refusal: null,
      expiresAt: START + 15 * MINUTE_MS,
    });
  });

  test("never has the id of another", async () => {
    const t = await begun();
    const ids = await t.mutation(async (ctx) => {
      const of = async () =>
        (await tally.reservations.reserve(ctx, { customerId, featureId: "messages", value: 5 }))
          .reservationId;
      return await Promise.all(Array.from({ length: 50 }, of));
    });
    expect(new Set(ids).size).toBe(50);
  });

  test("lasts as long as it says", async () => {
    const t = await begun();
    expect(await reserve(t, 75, { ttlMs: 90_000 })).toMatchObject({ expiresAt: START + 90_000 });
  });

  test("may last a day", async () => {
    const t = await begun();
    expect(await reserve(t, 75, { ttlMs: 24 * HOUR_MS })).toMatchObject({ expiresAt: START + 24 * HOUR_MS });
  });

  test.each([0, -1, 0.5, 24 * HOUR_MS + 1, NaN, Infinity])("cannot last %d ms", async (ttlMs) => {
    const t = await begun();
    await expect(reserve(t, 75, { ttlMs })).rejects.toMatchObject(refusedAs("invalid_argument"));
  });

  test.each([-1, -0, NaN, Infinity, 1e-10])("cannot be of %d units", async (value) => {
    const t = await begun();
    await expect(reserve(t, value)).rejects.toMatchObject(refusedAs("invalid_amount"));
  });

  test("has to say how much it holds", async () => {
    const t = await begun();
    const without = { customerId, featureId: "messages" } as never;
    const reserving = t.mutation(async (ctx) => void (await tally.reservations.reserve(ctx, without)));
    await expect(reserving).rejects.toMatchObject({
      data: { kind: "invalid_argument", argument: "value" },
    });
  });

  test("does not take undefined for an amount", async () => {
    const t = await begun();
    await expect(reserve(t, undefined as never)).rejects.toMatchObject(refusedAs("invalid_amount"));
  });

  test("does not take an option that it does not know", async () => {
    const t = await begun();
    await expect(reserve(t, 75, { ttl: 5 } as never)).rejects.toMatchObject(refusedAs("invalid_argument"));
  });

  test("is of a feature that the catalog has", async () => {
    const t = await begun();
    const reserving = reserve(t, 75, { featureId: "messagse" });
    await expect(reserving).rejects.toMatchObject(refusedAs("feature_not_found"));
  });

  test("is of a feature that is used by amounts", async () => {
    const t = await begun();
    const reserving = reserve(t, 1, { featureId: "search" });
    await expect(reserving).rejects.toMatchObject(refusedAs("invalid_argument"));
  });

  test("is listed while it is open", async () => {
    const t = await begun();
    const reservationId = await held(t, 75);
    await report(t, reservationId, 10);
    expect(await listed(t)).toEqual([
      {
        reservationId,
        featureId: "messages",
        value: 75,
        reported: 10,
        createdAt: expect.any(Number),
        expiresAt: START + 15 * MINUTE_MS,
      },
    ]);
  });

  test("is listed no more once it is settled", async () => {
    const t = await begun();
    await confirm(t, await held(t, 75));
    expect(await listed(t)).toEqual([]);
  });

  test("is listed to its customer alone", async () => {
    const t = await begun();
    await held(t, 75);
    expect(await listed(t, "user_2")).toEqual([]);
  });

  test("keeps its properties for the use that it becomes", async () => {
    const t = await begun();
    const properties = { model: "large" };
    await confirm(t, await held(t, 75, { properties }), 25);
    expect(await uses(t)).toMatchObject([{ value: 25, properties }]);
  });

  test("goes with its customer", async () => {
    const t = await begun();
    const reservationId = await held(t, 75);
    await t.mutation((ctx) => tally.customers.remove(ctx, { customerId }));
    expect((await stored(t)).reservations).toEqual([]);
    await expect(confirm(t, reservationId)).rejects.toMatchObject(refusedAs("reservation_not_found"));
  });
});

describe("a hold that the balance cannot pay", () => {
  test("is not made, and says why", async () => {
    const t = await begun();
    await track(t, 450);
    expect(await reserve(t, 75)).toMatchObject({
      reservationId: null,
      allowed: false,
      replayed: false,
      expiresAt: null,
      refusal: { allowed: false, reason: "insufficient", requiredBalance: 75, remaining: 50 },
    });
  });

  test("writes nothing", async () => {
    const t = await begun();
    const before = await stored(t);
    await reserve(t, 501);
    expect(await stored(t)).toEqual(before);
  });

  test("writes nothing when time has passed, either", async () => {
    const t = await begun();
    await track(t, 500);
    const before = await stored(t);
    vi.setSystemTime(BEFORE_RESET + 2 * HOUR_MS);
    await reserve(t, 501);
    expect(await stored(t)).toEqual(before);
  });

  test("leaves its id to a smaller one", async () => {
    const t = await begun();
    await reserve(t, 501, { reservationId: "job_1" });
    expect(await reserve(t, 499, { reservationId: "job_1" })).toMatchObject({ allowed: true });
  });

  test("has nothing to settle", async () => {
    const t = await begun();
    const verbs = ["confirm", "release"] as const;
    for (const verb of verbs) {
      const settling = t.action(async (ctx) => {
        const refused = await tally.reservations.reserve(ctx, {
          customerId,
          featureId: "messages",
          value: 501,
        });
        return await refused[verb]();
      });
      await expect(settling).rejects.toMatchObject(refusedAs("reservation_not_found"));
    }
  });

  test("is refused of what the customer does not have at all", async () => {
    const t = await begun();
    expect(await reserve(t, 1, { featureId: "seats" })).toMatchObject({
      allowed: false,
      refusal: { reason: "not_included" },
    });
  });

  test("is refused of storage as well, though a use of it may go below zero", async () => {
    const t = await begun();
    expect(await reserve(t, 11, { featureId: "storage" })).toMatchObject({ allowed: false });
  });
});

describe("20 holds of 75 at once of a balance of 500", () => {
  const twenty = <Result>(one: () => Promise<Result>) => Promise.all(Array.from({ length: 20 }, one));

  test("are exactly 6 as mutations", async () => {
    const t = await begun();
    const holds = await twenty(() => reserve(t, 75));
    expect(holds.filter(({ allowed }) => allowed)).toHaveLength(6);
    expect(await listed(t)).toHaveLength(6);
    expect(await balance(t)).toEqual({ usage: 450, remaining: 50 });
  });

  test("are exactly 6 as actions", async () => {
    const t = await begun();
    const args = { customerId, featureId: "messages", value: 75 } as const;
    const holds = await twenty(() =>
      t.action(async (ctx) => (await tally.reservations.reserve(ctx, args)).allowed),
    );
    expect(holds.filter((allowed) => allowed)).toHaveLength(6);
    expect(await balance(t)).toEqual({ usage: 450, remaining: 50 });
  });

  test("are exactly 6 in one mutation", async () => {
    const t = await begun();
    const args = { customerId, featureId: "messages", value: 75 } as const;
    const holds = await t.mutation(
      async (ctx) => await twenty(async () => (await tally.reservations.reserve(ctx, args)).allowed),
    );
    expect(holds.filter((allowed) => allowed)).toHaveLength(6);
    expect(await balance(t)).toEqual({ usage: 450, remaining: 50 });
  });

  test("are as many again as were released", async () => {
    const t = await begun();
    const holds = await twenty(() => reserve(t, 75));
    const [first, second] = holds.flatMap(({ reservationId }) => reservationId ?? []);
    await Promise.all([release(t, first ?? ""), release(t, second ?? "")]);
    const again = await twenty(() => reserve(t, 75));
    expect(again.filter(({ allowed }) => allowed)).toHaveLength(2);
    expect(await balance(t)).toEqual({ usage: 450, remaining: 50 });
  });

  test("settle in parallel at what each of them took", async () => {
    const t = await begun();
    const holds = (await twenty(() => reserve(t, 75))).flatMap(({ reservationId }) => reservationId ?? []);
    await Promise.all(holds.map((reservationId, index) => confirm(t, reservationId, 10 * index)));
    expect(await balance(t)).toEqual({ usage: 150, remaining: 350 });
    expect((await uses(t)).map(({ value }) => value).sort((a, b) => a - b)).toEqual([0, 10, 20, 30, 40, 50]);
  });
});

describe("a confirmation", () => {
  test("of less gives the rest back", async () => {
    const t = await begun();
    expect(await confirm(t, await held(t, 75), 25)).toMatchObject({
      featureId: "messages",
      value: 25,
      applied: 25,
      uncovered: 0,
      remaining: 475,
      replayed: false,
      late: false,
      lapsed: 0,
      balance: { usage: 25, remaining: 475 },
    });
    expect(await balance(t)).toEqual({ usage: 25, remaining: 475 });
  });

  test("of what is held takes nothing more", async () => {
    const t = await begun();
    expect(await confirm(t, await held(t, 75), 75)).toMatchObject({ value: 75, applied: 75, remaining: 425 });
    expect(await balance(t)).toEqual({ usage: 75, remaining: 425 });
  });

  test("that does not say is of what is held", async () => {
    const t = await begun();
    expect(await confirm(t, await held(t, 75))).toMatchObject({ value: 75, applied: 75, remaining: 425 });
    expect(await balance(t)).toEqual({ usage: 75, remaining: 425 });
  });

  test("of nothing gives all back", async () => {
    const t = await begun();
    expect(await confirm(t, await held(t, 75), 0)).toMatchObject({ value: 0, applied: 0, remaining: 500 });
    expect(await balance(t)).toEqual({ usage: 0, remaining: 500 });
  });

  test("of more takes the rest", async () => {
    const t = await begun();
    expect(await confirm(t, await held(t, 75), 100)).toMatchObject({
      value: 100,
      applied: 100,
      uncovered: 0,
      remaining: 400,
    });
    expect(await balance(t)).toEqual({ usage: 100, remaining: 400 });
  });

  test("of more than there is takes what fits, and says what is not covered", async () => {
    const t = await begun();
    const reservationId = await held(t, 75);
    await track(t, 400);
    expect(await confirm(t, reservationId, 150)).toMatchObject({
      value: 150,
      applied: 100,
      uncovered: 50,
      remaining: 0,
    });
    expect(await balance(t)).toEqual({ usage: 500, remaining: 0 });
  });

  test("of more storage than there is takes no more than fits", async () => {
    const t = await begun();
    const reservationId = await held(t, 4, { featureId: "storage" });
    expect(await confirm(t, reservationId, 15)).toMatchObject({ applied: 10, uncovered: 5 });
  });

  test("of a fraction is exact", async () => {
    const t = await begun();
    expect(await confirm(t, await held(t, 0.3), 0.1)).toMatchObject({ applied: 0.1, remaining: 499.9 });
    expect(await balance(t)).toEqual({ usage: 0.1, remaining: 499.9 });
  });

  test("of undefined is refused, and settles nothing", async () => {
    const t = await begun();
    const reservationId = await held(t, 75);
    const before = await stored(t);
    const confirming = t.mutation((ctx) =>
      tally.reservations.confirm(ctx, { customerId, reservationId, value: undefined }),
    );
    await expect(confirming).rejects.toMatchObject(refusedAs("invalid_amount"));
    expect(await stored(t)).toEqual(before);
  });

  test("of undefined is refused by the hold itself, too", async () => {
    const t = await begun();
    const confirming = t.action(async (ctx) => {
      const hold = await tally.reservations.reserve(ctx, { customerId, featureId: "messages", value: 75 });
      return await hold.confirm(undefined);
    });
    await expect(confirming).rejects.toMatchObject(refusedAs("invalid_amount"));
    expect(await balance(t)).toEqual({ usage: 75, remaining: 425 });
  });

  test.each([-1, -0, NaN, Infinity, 1e-10])("of %d is refused, and settles nothing", async (value) => {
    const t = await begun();
    const reservationId = await held(t, 75);
    await expect(confirm(t, reservationId, value)).rejects.toMatchObject(refusedAs("invalid_amount"));
    expect(await listed(t)).toMatchObject([{ reservationId, value: 75 }]);
  });

  test("leaves one use under the hold's id, and no hold", async () => {
    const t = await begun();
    const reservationId = await held(t, 75);
    await confirm(t, reservationId, 25);
    expect(await uses(t)).toMatchObject([
      {
        key: reservationId,
        featureId: "messages",
        value: 25,
        remaining: 475,
        draws: [{ amount: 25, units: 25 }],
      },
    ]);
    expect((await stored(t)).reservations).toEqual([]);
  });

  test("records one draw where what came on top came from the same grant", async () => {
    const t = await begun();
    await confirm(t, await held(t, 75), 100);
    expect(await uses(t)).toMatchObject([{ value: 100, draws: [{ amount: 100, units: 100 }] }]);
  });

  test("takes nothing from what was used meanwhile", async () => {
    const t = await begun();
    const reservationId = await held(t, 75);
    await track(t, 30);
    await confirm(t, reservationId, 25);
    expect(await balance(t)).toEqual({ usage: 55, remaining: 445 });
  });

  test("gives back the same fraction fifty times over", async () => {
    const t = await begun();
    for (let round = 0; round < 50; round++) await confirm(t, await held(t, 0.7), 0.1);
    expect(await balance(t)).toEqual({ usage: 5, remaining: 495 });
  });
});

describe("a confirmation that comes twice", () => {
  test("is answered from the first, and takes nothing", async () => {
    const t = await begun();
    const reservationId = await held(t, 75);
    const first = await confirm(t, reservationId, 25);
    expect(await confirm(t, reservationId, 25)).toEqual({ ...first, replayed: true, balance: null });
    expect(await balance(t)).toEqual({ usage: 25, remaining: 475 });
    expect(await uses(t)).toHaveLength(1);
  });

  test("is answered as of then", async () => {
    const t = await begun();
    const reservationId = await held(t, 75);
    await confirm(t, reservationId, 25);
    await track(t, 100);
    expect(await confirm(t, reservationId, 25)).toMatchObject({ remaining: 475, replayed: true });
  });

  test("and did not say how much is answered from the first", async () => {
    const t = await begun();
    const reservationId = await held(t, 75);
    await confirm(t, reservationId);
    expect(await confirm(t, reservationId)).toMatchObject({ value: 75, replayed: true });
  });

  test("was refused part of it the first time, and is now", async () => {
    const t = await begun();
    const reservationId = await held(t, 75);
    await track(t, 400);
    await confirm(t, reservationId, 150);
    await t.mutation((ctx) => tally.grants.grant(ctx, { customerId, featureId: "messages", amount: 1_000 }));
    expect(await confirm(t, reservationId, 150)).toMatchObject({
      applied: 100,
      uncovered: 50,
      replayed: true,
    });
    expect(await balance(t)).toEqual({ usage: 500, remaining: 1_000 });
  });

  test("and does not say how much is refused after one of less", async () => {
    const t = await begun();
    const reservationId = await held(t, 75);
    await confirm(t, reservationId, 25);
    await expect(confirm(t, reservationId)).rejects.toMatchObject(refusedAs("reservation_closed"));
  });

  test("with another amount is refused", async () => {
    const t = await begun();
    const reservationId = await held(t, 75);
    await confirm(t, reservationId, 25);
    const before = await stored(t);
    await expect(confirm(t, reservationId, 26)).rejects.toMatchObject({
      data: { kind: "reservation_closed", reservationId },
    });
    expect(await stored(t)).toEqual(before);
  });

  test("takes once, ten at the same time", async () => {
    const t = await begun();
    const reservationId = await held(t, 75);
    const ten = await Promise.all(Array.from({ length: 10 }, () => confirm(t, reservationId, 25)));
    expect(ten.filter(({ replayed }) => !replayed)).toHaveLength(1);
    expect(await balance(t)).toEqual({ usage: 25, remaining: 475 });
  });

  test("is won by one of ten that differ", async () => {
    const t = await begun();
    const reservationId = await held(t, 75);
    const ten = await Promise.allSettled(
      Array.from({ length: 10 }, (_, index) => confirm(t, reservationId, 20 + index)),
    );
    const [won, ...others] = ten.flatMap((each) => (each.status === "fulfilled" ? [each.value.applied] : []));
    expect(others).toEqual([]);
    for (const each of ten) {
      if (each.status === "rejected") expect(each.reason).toMatchObject(refusedAs("reservation_closed"));
    }
    expect(await balance(t)).toEqual({ usage: won, remaining: 500 - (won ?? 0) });
  });

  test("races with a release for one of the two", async () => {
    const t = await begun();
    const reservationId = await held(t, 75);
    await Promise.allSettled([
      confirm(t, reservationId, 75),
      release(t, reservationId),
      confirm(t, reservationId, 75),
    ]);
    const [use, ...others] = await uses(t);
    expect(others).toEqual([]);
    expect([0, 75]).toContain(use?.value);
    expect((await balance(t)).usage).toBe(use?.value);
  });
});

describe("a release", () => {
  test("gives all back", async () => {
    const t = await begun();
    expect(await release(t, await held(t, 75))).toMatchObject({ value: 0, applied: 0, remaining: 500 });
    expect(await balance(t)).toEqual({ usage: 0, remaining: 500 });
  });

  test("charges what was reported", async () => {
    const t = await begun();
    const reservationId = await held(t, 75);
    await report(t, reservationId, 30);
    expect(await release(t, reservationId)).toMatchObject({ value: 30, applied: 30, remaining: 470 });
  });

  test("leaves a use of nothing under the hold's id", async () => {
    const t = await begun();
    const reservationId = await held(t, 75);
    await release(t, reservationId);
    expect(await uses(t)).toMatchObject([{ key: reservationId, value: 0, draws: [] }]);
  });

  test("that comes twice gives back once", async () => {
    const t = await begun();
    const reservationId = await held(t, 75);
    await track(t, 100);
    const first = await release(t, reservationId);
    expect(await release(t, reservationId)).toEqual({ ...first, replayed: true, balance: null });
    expect(await balance(t)).toEqual({ usage: 100, remaining: 400 });
  });

  test("after a confirmation is answered with what was charged", async () => {
    const t = await begun();
    const reservationId = await held(t, 75);
    await confirm(t, reservationId, 25);
    expect(await release(t, reservationId)).toMatchObject({ value: 25, replayed: true });
    expect(await balance(t)).toEqual({ usage: 25, remaining: 475 });
  });

  test("cannot be confirmed any more", async () => {
    const t = await begun();
    const reservationId = await held(t, 75);
    await release(t, reservationId);
    await expect(confirm(t, reservationId, 75)).rejects.toMatchObject(refusedAs("reservation_closed"));
    await expect(confirm(t, reservationId)).rejects.toMatchObject(refusedAs("reservation_closed"));
    expect(await balance(t)).toEqual({ usage: 0, remaining: 500 });
  });
});

describe("a report", () => {
  test("moves nothing", async () => {
    const t = await begun();
    const reservationId = await held(t, 75);
    await report(t, reservationId, 30);
    expect(await balance(t)).toEqual({ usage: 75, remaining: 425 });
    expect(await uses(t)).toEqual([]);
  });

  test("replaces the one before it", async () => {
    const t = await begun();
    const reservationId = await held(t, 75);
    for (const total of [10, 40, 30]) await report(t, reservationId, total);
    expect(await release(t, reservationId)).toMatchObject({ value: 30 });
  });

  test("may be of more than is held, which is taken when it settles", async () => {
    const t = await begun();
    const reservationId = await held(t, 75);
    await report(t, reservationId, 90);
    expect(await release(t, reservationId)).toMatchObject({ value: 90, applied: 90, remaining: 410 });
  });

  test("does not change what a confirmation says", async () => {
    const t = await begun();
    const reservationId = await held(t, 75);
    await report(t, reservationId, 30);
    expect(await confirm(t, reservationId, 20)).toMatchObject({ value: 20, remaining: 480 });
  });

  test.each([-1, -0, NaN, Infinity])("of %d is refused", async (total) => {
    const t = await begun();
    const reservationId = await held(t, 75);
    await expect(report(t, reservationId, total)).rejects.toMatchObject(refusedAs("invalid_amount"));
  });

  test("comes too late once it is settled", async () => {
    const t = await begun();
    const reservationId = await held(t, 75);
    await confirm(t, reservationId, 25);
    await expect(report(t, reservationId, 30)).rejects.toMatchObject(refusedAs("reservation_closed"));
  });

  test("still counts between the expiry and the sweep", async () => {
    const t = await begun();
    const reservationId = await held(t, 75);
    vi.setSystemTime(START + 16 * MINUTE_MS);
    await report(t, reservationId, 30);
    await sweepHolds(t);
    expect(await balance(t)).toEqual({ usage: 30, remaining: 470 });
  });
});

describe("an extension", () => {
  test("holds more", async () => {
    const t = await begun();
    const reservationId = await held(t, 75);
    expect(await extend(t, reservationId, { value: 25 })).toBe(true);
    expect(await balance(t)).toEqual({ usage: 100, remaining: 400 });
    expect(await listed(t)).toMatchObject([{ value: 100, expiresAt: START + 15 * MINUTE_MS }]);
  });

  test("is charged with a confirmation that does not say how much", async () => {
    const t = await begun();
    const reservationId = await held(t, 75);
    await extend(t, reservationId, { value: 25 });
    expect(await confirm(t, reservationId)).toMatchObject({ value: 100, applied: 100 });
  });

  test("goes back first", async () => {
    const t = await begun();
    const reservationId = await held(t, 90, { featureId: "images" });
    await extend(t, reservationId, { value: 20 });
    expect(await balance(t, "credits")).toEqual({ usage: 100, remaining: 900 });
    await confirm(t, reservationId, 101);
    expect(await balance(t, "credits")).toEqual({ usage: 10, remaining: 990 });
  });

  test("from the grant that paid last is the same draw, however often", async () => {
    const t = await begun();
    const reservationId = await held(t, 75);
    for (let more = 0; more < 20; more++) await extend(t, reservationId, { value: 0.1 });
    const [open] = (await stored(t)).reservations;
    expect(open?.draws).toMatchObject([{ amount: 77, units: 77 }]);
  });

  test("by undefined is refused", async () => {
    const t = await begun();
    const reservationId = await held(t, 75);
    const extending = t.mutation((ctx) =>
      tally.reservations.extend(ctx, { customerId, reservationId, value: undefined }),
    );
    await expect(extending).rejects.toMatchObject(refusedAs("invalid_amount"));
  });

  test("without limit makes the use one without limit", async () => {
    const t = await begun();
    const reservationId = await held(t, 75);
    await t.mutation((ctx) =>
      tally.grants.grant(ctx, { customerId, featureId: "messages", unlimited: true }),
    );
    await extend(t, reservationId, { value: 5_000 });
    expect(await confirm(t, reservationId)).toMatchObject({ applied: 5_075, unlimited: true });
  });

  test("does not keep its hold from being found by a repeat", async () => {
    const t = await begun();
    const first = await reserve(t, 75, { reservationId: "job_1" });
    await extend(t, "job_1", { value: 25 });
    expect(await reserve(t, 75, { reservationId: "job_1" })).toEqual({ ...first, replayed: true });
    await expect(reserve(t, 100, { reservationId: "job_1" })).rejects.toMatchObject(
      refusedAs("idempotency_conflict"),
    );
  });

  test("that the balance cannot pay is not made, and changes nothing", async () => {
    const t = await begun();
    const reservationId = await held(t, 75);
    const before = await stored(t);
    expect(await extend(t, reservationId, { value: 426, ttlMs: HOUR_MS })).toBe(false);
    expect(await stored(t)).toEqual(before);
  });

  test("holds longer, counted from now", async () => {
    const t = await begun();
    const reservationId = await held(t, 75);
    vi.setSystemTime(START + 10 * MINUTE_MS);
    expect(await extend(t, reservationId, { ttlMs: 30 * MINUTE_MS })).toBe(true);
    expect(await listed(t)).toMatchObject([{ value: 75, expiresAt: START + 40 * MINUTE_MS }]);
  });

  test("never makes it shorter", async () => {
    const t = await begun();
    const reservationId = await held(t, 75);
    await extend(t, reservationId, { ttlMs: MINUTE_MS });
    expect(await listed(t)).toMatchObject([{ expiresAt: START + 15 * MINUTE_MS }]);
  });

  test("never holds it longer than a day from its start", async () => {
    const t = await begun();
    const reservationId = await held(t, 75, { ttlMs: 20 * HOUR_MS });
    vi.setSystemTime(START + 19 * HOUR_MS);
    await extend(t, reservationId, { ttlMs: 24 * HOUR_MS });
    const [open] = await listed(t);
    expect(Math.floor(open?.expiresAt ?? 0)).toBe(START + 24 * HOUR_MS);
    vi.setSystemTime(START + 24 * HOUR_MS + 1);
    expect(await sweepHolds(t)).toMatchObject({ settled: 1 });
  });

  test("of more than a day is refused", async () => {
    const t = await begun();
    const reservationId = await held(t, 75);
    const extending = extend(t, reservationId, { ttlMs: 24 * HOUR_MS + 1 });
    await expect(extending).rejects.toMatchObject(refusedAs("invalid_argument"));
  });

  test.each([-1, NaN])("by %d units is refused", async (value) => {
    const t = await begun();
    const reservationId = await held(t, 75);
    await expect(extend(t, reservationId, { value })).rejects.toMatchObject(refusedAs("invalid_amount"));
  });

  test("comes too late once it is settled", async () => {
    const t = await begun();
    const reservationId = await held(t, 75);
    await release(t, reservationId);
    await expect(extend(t, reservationId, { value: 5 })).rejects.toMatchObject(
      refusedAs("reservation_closed"),
    );
  });

  test("of what is left lets exactly one of ten through", async () => {
    const t = await begun();
    const reservationId = await held(t, 400);
    const ten = await Promise.all(Array.from({ length: 10 }, () => extend(t, reservationId, { value: 60 })));
    expect(ten.filter((isHeld) => isHeld)).toHaveLength(1);
    expect(await release(t, reservationId)).toMatchObject({ remaining: 500 });
  });
});

describe("another's hold", () => {
  const verbs: Record<string, (t: Deployment, owner: string, reservationId: string) => Promise<unknown>> = {
    confirm: (t, owner, reservationId) =>
      t.mutation((ctx) => tally.reservations.confirm(ctx, { customerId: owner, reservationId })),
    release: (t, owner, reservationId) =>
      t.mutation((ctx) => tally.reservations.release(ctx, { customerId: owner, reservationId })),
    report: (t, owner, reservationId) =>
      t.mutation((ctx) => tally.reservations.report(ctx, { customerId: owner, reservationId, total: 5 })),
    extend: (t, owner, reservationId) =>
      t.mutation((ctx) => tally.reservations.extend(ctx, { customerId: owner, reservationId, value: 5 })),
  };

  test.each(Object.keys(verbs))("is not found by %s, and stays as it is", async (verb) => {
    const t = await begun();
    await t.mutation((ctx) => tally.customers.create(ctx, { customerId: "user_2" }));
    const reservationId = await held(t, 75);
    const before = await stored(t);
    await expect(verbs[verb]?.(t, "user_2", reservationId)).rejects.toMatchObject({
      data: { kind: "reservation_not_found", reservationId },
    });
    expect(await stored(t)).toEqual(before);
  });

  test.each(Object.keys(verbs))("that is settled is not found by %s", async (verb) => {
    const t = await begun();
    await t.mutation((ctx) => tally.customers.create(ctx, { customerId: "user_2" }));
    const reservationId = await held(t, 75);
    await confirm(t, reservationId);
    await expect(verbs[verb]?.(t, "user_2", reservationId)).rejects.toMatchObject(
      refusedAs("reservation_not_found"),
    );
  });

  test.each(Object.keys(verbs))("that never was is not found by %s", async (verb) => {
    const t = await begun();
    await expect(verbs[verb]?.(t, customerId, "res_0")).rejects.toMatchObject(
      refusedAs("reservation_not_found"),
    );
  });

  test("may have the very id", async () => {
    const t = await begun();
    await held(t, 75, { reservationId: "job_1" });
    await held(t, 50, { reservationId: "job_1", customerId: "user_2" });
    await confirm(t, "job_1", 20);
    expect(await balance(t)).toEqual({ usage: 20, remaining: 480 });
    expect(await listed(t, "user_2")).toMatchObject([{ reservationId: "job_1", value: 50 }]);
  });
});

describe("a hold that nobody settles", () => {
  const LATER = START + 16 * MINUTE_MS;

  test("counts as used until the sweep", async () => {
    const t = await begun();
    await held(t, 75);
    vi.setSystemTime(LATER);
    expect(await balance(t)).toEqual({ usage: 75, remaining: 425 });
  });

  test("is not swept a millisecond early", async () => {
    const t = await begun();
    await held(t, 75);
    vi.setSystemTime(START + 15 * MINUTE_MS - 1);
    expect(await sweepHolds(t)).toEqual({ settled: 0, done: true });
    expect(await balance(t)).toEqual({ usage: 75, remaining: 425 });
  });

  test("is swept at the very instant", async () => {
    const t = await begun();
    await held(t, 75);
    vi.setSystemTime(START + 15 * MINUTE_MS);
    expect(await sweepHolds(t)).toEqual({ settled: 1, done: true });
  });

  test("comes back whole if nothing was reported", async () => {
    const t = await begun();
    await held(t, 75);
    vi.setSystemTime(LATER);
    await sweepHolds(t);
    expect(await balance(t)).toEqual({ usage: 0, remaining: 500 });
    expect((await stored(t)).reservations).toEqual([]);
  });

  test("is charged what was last reported", async () => {
    const t = await begun();
    const reservationId = await held(t, 75);
    await report(t, reservationId, 10);
    await report(t, reservationId, 30);
    vi.setSystemTime(LATER);
    await sweepHolds(t);
    expect(await balance(t)).toEqual({ usage: 30, remaining: 470 });
    expect(await uses(t)).toMatchObject([{ key: reservationId, value: 30, expired: true }]);
  });

  test("is charged what was reported beyond it, as far as the balance goes", async () => {
    const t = await begun();
    const reservationId = await held(t, 75);
    await report(t, reservationId, 120);
    await track(t, 405);
    vi.setSystemTime(LATER);
    await sweepHolds(t);
    expect(await balance(t)).toEqual({ usage: 500, remaining: 0 });
    expect(await uses(t)).toContainEqual(
      expect.objectContaining({ key: reservationId, value: 120, uncovered: 25 }),
    );
  });

  test("is settled once by two sweeps", async () => {
    const t = await begun();
    await report(t, await held(t, 75), 30);
    vi.setSystemTime(LATER);
    await Promise.all([sweepHolds(t), sweepHolds(t)]);
    expect(await balance(t)).toEqual({ usage: 30, remaining: 470 });
    expect(await uses(t)).toHaveLength(1);
  });

  test("is left alone by the sweep if it was settled in time", async () => {
    const t = await begun();
    await confirm(t, await held(t, 75), 25);
    vi.setSystemTime(LATER);
    expect(await sweepHolds(t)).toEqual({ settled: 0, done: true });
    expect(await balance(t)).toEqual({ usage: 25, remaining: 475 });
  });

  test("is swept with all others that are due, and with none that is not", async () => {
    const t = await begun();
    await t.mutation(async (ctx) => {
      for (let index = 0; index < 50; index++) {
        const owner = { customerId: `user_${index}`, featureId: "messages", value: 10 } as const;
        await tally.reservations.reserve(ctx, owner);
      }
    });
    await held(t, 75, { ttlMs: HOUR_MS });
    vi.setSystemTime(LATER);
    expect(await sweepHolds(t)).toEqual({ settled: 50, done: true });
    expect(await balance(t)).toEqual({ usage: 75, remaining: 425 });
  });

  test("is charged as held if what was reported cannot be stored, and keeps no other from the sweep", async () => {
    const complaints = vi.spyOn(console, "error").mockImplementation(() => {});
    const t = await begun();
    await t.mutation((ctx) =>
      tally.grants.grant(ctx, { customerId, featureId: "messages", amount: 1_000_000_000 }),
    );
    await track(t, 123_456_789.1);
    await report(t, await held(t, 1), 0.000000001);
    await held(t, 75, { customerId: "user_2" });
    vi.setSystemTime(LATER);
    expect(await sweepHolds(t)).toEqual({ settled: 2, done: true });
    expect((await balance(t)).usage).toBe(123_456_790.1);
    expect((await stored(t)).reservations).toEqual([]);
    expect(complaints).toHaveBeenCalledOnce();
    complaints.mockRestore();
  });

  test("is released to whoever comes after the sweep", async () => {
    const t = await begun();
    const reservationId = await held(t, 75);
    vi.setSystemTime(LATER);
    await sweepHolds(t);
    expect(await release(t, reservationId)).toMatchObject({ value: 0, replayed: true, late: true });
    expect(await balance(t)).toEqual({ usage: 0, remaining: 500 });
  });

  test.each(["report", "extend"] as const)("cannot be told more by %s after the sweep", async (verb) => {
    const t = await begun();
    const reservationId = await held(t, 75);
    vi.setSystemTime(LATER);
    await sweepHolds(t);
    const telling = verb === "report" ? report(t, reservationId, 5) : extend(t, reservationId, { value: 5 });
    await expect(telling).rejects.toMatchObject(refusedAs("reservation_closed"));
  });
});

describe("a late confirmation", () => {
  const LATER = START + 16 * MINUTE_MS;

  /** 75 held, 30 reported; expired, and swept if `isSwept`. */
  async function expired(isSwept: boolean) {
    vi.setSystemTime(START);
    const t = await begun();
    const reservationId = await held(t, 75);
    await report(t, reservationId, 30);
    vi.setSystemTime(LATER);
    if (isSwept) await sweepHolds(t);
    return { t, reservationId };
  }

  test.each([false, true])("charges what it says, and that it was late (swept: %s)", async (isSwept) => {
    const { t, reservationId } = await expired(isSwept);
    expect(await confirm(t, reservationId, 50)).toMatchObject({ uncovered: 0, remaining: 450, late: true });
    expect(await balance(t)).toEqual({ usage: 50, remaining: 450 });
  });

  test.each([false, true])("charges more than was held as well (swept: %s)", async (isSwept) => {
    const { t, reservationId } = await expired(isSwept);
    expect(await confirm(t, reservationId, 100)).toMatchObject({ uncovered: 0, remaining: 400, late: true });
    expect(await balance(t)).toEqual({ usage: 100, remaining: 400 });
  });

  test("charges what it says when nothing was reported before the sweep", async () => {
    const t = await begun();
    const reservationId = await held(t, 75);
    vi.setSystemTime(LATER);
    await sweepHolds(t);
    await confirm(t, reservationId, 50);
    expect(await balance(t)).toEqual({ usage: 50, remaining: 450 });
  });

  test.each([false, true])("charges once, however often it comes (swept: %s)", async (isSwept) => {
    const { t, reservationId } = await expired(isSwept);
    const first = await confirm(t, reservationId, 50);
    expect(await confirm(t, reservationId, 50)).toMatchObject({
      eventId: first.eventId,
      applied: first.applied,
      replayed: true,
    });
    expect(await balance(t)).toEqual({ usage: 50, remaining: 450 });
  });

  test.each([false, true])("charges once, ten at the same time (swept: %s)", async (isSwept) => {
    const { t, reservationId } = await expired(isSwept);
    await Promise.all(Array.from({ length: 10 }, () => confirm(t, reservationId, 50)));
    expect(await balance(t)).toEqual({ usage: 50, remaining: 450 });
  });

  test("after the sweep charges only what others have left", async () => {
    const { t, reservationId } = await expired(true);
    await track(t, 460);
    expect(await confirm(t, reservationId, 50)).toMatchObject({ uncovered: 10, remaining: 0, late: true });
    expect(await balance(t)).toEqual({ usage: 500, remaining: 0 });
  });

  test("after the sweep of what was reported charges nothing more", async () => {
    const { t, reservationId } = await expired(true);
    expect(await confirm(t, reservationId, 30)).toMatchObject({ value: 30, applied: 30, late: true });
    expect(await balance(t)).toEqual({ usage: 30, remaining: 470 });
  });

  test("of less than was reported charges no more than it says, before the sweep", async () => {
    const { t, reservationId } = await expired(false);
    const settled = { value: 10, applied: 10, uncovered: 0, late: true };
    expect(await confirm(t, reservationId, 10)).toMatchObject(settled);
    expect(await balance(t)).toEqual({ usage: 10, remaining: 490 });
  });

  test("of less than was reported is refused after the sweep: what is charged, a refund gives back", async () => {
    const { t, reservationId } = await expired(true);
    const before = await stored(t);
    await expect(confirm(t, reservationId, 10)).rejects.toMatchObject(refusedAs("reservation_closed"));
    expect(await stored(t)).toEqual(before);
  });

  test.each([false, true])("that does not say how much is of what was held (swept: %s)", async (isSwept) => {
    const { t, reservationId } = await expired(isSwept);
    expect(await confirm(t, reservationId)).toMatchObject({ value: 75, applied: 75, late: true });
    expect(await balance(t)).toEqual({ usage: 75, remaining: 425 });
  });

  test.each([30, 50])("of %d cannot be changed by a second one", async (total) => {
    const { t, reservationId } = await expired(true);
    await confirm(t, reservationId, total);
    const before = await stored(t);
    await expect(confirm(t, reservationId, 60)).rejects.toMatchObject(refusedAs("reservation_closed"));
    expect(await stored(t)).toEqual(before);
  });

  test.each([false, true])("says again that it was late (swept: %s)", async (isSwept) => {
    const { t, reservationId } = await expired(isSwept);
    const first = await confirm(t, reservationId, 50);
    expect(await confirm(t, reservationId, 50)).toEqual({ ...first, replayed: true, balance: null });
  });

  test("answers the same before the sweep and after it", async () => {
    const told = async (isSwept: boolean) => {
      const { t, reservationId } = await expired(isSwept);
      const { value, applied, uncovered, remaining, late, lapsed } = await confirm(t, reservationId, 50);
      return { value, applied, uncovered, remaining, late, lapsed };
    };
    expect(await told(true)).toEqual(await told(false));
  });

  test("from an action charges once", async () => {
    const { t, reservationId } = await expired(true);
    const args = { customerId, reservationId, value: 50 };
    const settle = () => t.action((ctx) => tally.reservations.confirm(ctx, args));
    await Promise.all([settle(), settle(), settle()]);
    expect(await balance(t)).toEqual({ usage: 50, remaining: 450 });
  });

  test("is paid from credits where the feature is", async () => {
    const t = await begun();
    const reservationId = await held(t, 20, { featureId: "images" });
    await track(t, 70, "images");
    vi.setSystemTime(LATER);
    await sweepHolds(t);
    await confirm(t, reservationId, 40);
    expect(await balance(t, "credits")).toEqual({ usage: 100, remaining: 900 });
  });
});

describe("a hold across a reset", () => {
  /** 75 held of January's messages, of which none were used otherwise; an hour into February's. */
  async function acrossReset(options: { isSwept?: boolean } = {}) {
    const t = await begun();
    vi.setSystemTime(BEFORE_RESET);
    const reservationId = await held(t, 75, { ttlMs: 3 * HOUR_MS });
    vi.setSystemTime(BEFORE_RESET + 2 * HOUR_MS);
    if (options.isSwept) await sweepResets(t);
    return { t, reservationId };
  }

  test.each([false, true])("is not in the new period (resets swept: %s)", async (isSwept) => {
    const { t } = await acrossReset({ isSwept });
    expect(await balance(t)).toEqual({ usage: 0, remaining: 500 });
  });

  test.each([false, true])("lapses when it is released (resets swept: %s)", async (isSwept) => {
    const { t, reservationId } = await acrossReset({ isSwept });
    expect(await release(t, reservationId)).toMatchObject({ value: 0, lapsed: 75, remaining: 500 });
    expect(await balance(t)).toEqual({ usage: 0, remaining: 500 });
  });

  test.each([false, true])(
    "does not give back what the new period used (resets swept: %s)",
    async (isSwept) => {
      const { t, reservationId } = await acrossReset({ isSwept });
      await track(t, 100);
      expect(await confirm(t, reservationId, 25)).toMatchObject({ value: 25, applied: 25, lapsed: 50 });
      expect(await balance(t)).toEqual({ usage: 100, remaining: 400 });
    },
  );

  test("says again what has lapsed", async () => {
    const { t, reservationId } = await acrossReset();
    const first = await confirm(t, reservationId, 25);
    expect(await confirm(t, reservationId, 25)).toEqual({ ...first, replayed: true, balance: null });
  });

  test("lapses when nobody settles it", async () => {
    const { t } = await acrossReset();
    await track(t, 100);
    vi.setSystemTime(BEFORE_RESET + 4 * HOUR_MS);
    await sweepHolds(t);
    expect(await balance(t)).toEqual({ usage: 100, remaining: 400 });
  });

  test("is charged in the period that it was drawn in", async () => {
    const { t, reservationId } = await acrossReset();
    expect(await confirm(t, reservationId)).toMatchObject({ applied: 75, lapsed: 0, remaining: 500 });
    expect(await balance(t)).toEqual({ usage: 0, remaining: 500 });
  });

  test("takes from the new period only what it takes more", async () => {
    const { t, reservationId } = await acrossReset();
    expect(await confirm(t, reservationId, 100)).toMatchObject({ applied: 100, remaining: 475 });
    expect(await balance(t)).toEqual({ usage: 25, remaining: 475 });
  });

  test("gives back what was drawn after it", async () => {
    const { t, reservationId } = await acrossReset();
    await extend(t, reservationId, { value: 25 });
    expect(await confirm(t, reservationId, 60)).toMatchObject({ lapsed: 15, remaining: 500 });
    expect(await balance(t)).toEqual({ usage: 0, remaining: 500 });
  });

  test("gives back what does not reset", async () => {
    const t = await begun();
    await t.mutation((ctx) => tally.grants.grant(ctx, { customerId, featureId: "messages", amount: 50 }));
    vi.setSystemTime(BEFORE_RESET);
    const reservationId = await held(t, 540);
    vi.setSystemTime(BEFORE_RESET + 2 * HOUR_MS);
    expect(await release(t, reservationId)).toMatchObject({ lapsed: 500, remaining: 550 });
  });
});

describe("a hold of 150 images, from a rollover of 40, the plan's 100, and 100 credits", () => {
  async function heldFromThree() {
    const t = await begun();
    await track(t, 60, "images");
    vi.setSystemTime(BEFORE_RESET + 2 * HOUR_MS);
    const reservationId = await held(t, 150, { featureId: "images" });
    return { t, reservationId };
  }
  /** Of each grant that pays for images, in burning order. */
  async function usedOf(t: Deployment) {
    const { breakdown } = await t.query((ctx) => tally.check(ctx, { customerId, featureId: "images" }));
    return breakdown.map(({ usage }) => usage);
  }

  test("draws them in their order", async () => {
    const { t } = await heldFromThree();
    expect(await usedOf(t)).toEqual([40, 100, 100]);
  });

  test("gives credits back first", async () => {
    const { t, reservationId } = await heldFromThree();
    await confirm(t, reservationId, 145);
    expect(await usedOf(t)).toEqual([40, 100, 50]);
  });

  test("then the plan's", async () => {
    const { t, reservationId } = await heldFromThree();
    await confirm(t, reservationId, 120);
    expect(await usedOf(t)).toEqual([40, 80, 0]);
  });

  test("and the rollover's last", async () => {
    const { t, reservationId } = await heldFromThree();
    await confirm(t, reservationId, 25);
    expect(await usedOf(t)).toEqual([25, 0, 0]);
  });

  test("records what each of them paid", async () => {
    const { t, reservationId } = await heldFromThree();
    await confirm(t, reservationId, 145);
    const use = (await uses(t)).find(({ key }) => key === reservationId);
    expect(use?.draws.map(({ amount, units }) => [amount, units])).toEqual([
      [40, 40],
      [100, 100],
      [50, 5],
    ]);
  });

  test("takes more from credits", async () => {
    const { t, reservationId } = await heldFromThree();
    await confirm(t, reservationId, 160);
    expect(await usedOf(t)).toEqual([40, 100, 200]);
  });

  test("gives back into the rollover all that came from it", async () => {
    const { t, reservationId } = await heldFromThree();
    await release(t, reservationId);
    expect(await usedOf(t)).toEqual([0, 0, 0]);
  });
});

describe("a hold across a change of plans", () => {
  test("to one that starts afresh comes back to nobody", async () => {
    const t = await begun();
    const reservationId = await held(t, 75);
    await attach(t, "pro");
    expect(await release(t, reservationId)).toMatchObject({ lapsed: 75, remaining: 1_000 });
    expect(await balance(t)).toEqual({ usage: 0, remaining: 1_000 });
  });

  test("to one that keeps what was used comes back in normal order", async () => {
    const t = await begun();
    const reservationId = await held(t, 75);
    await track(t, 10);
    await attach(t, "other");
    expect(await balance(t)).toEqual({ usage: 85, remaining: 215 });
    expect(await release(t, reservationId)).toMatchObject({ lapsed: 0 });
    expect(await balance(t)).toEqual({ usage: 10, remaining: 290 });
  });

  test("is confirmed at less of what the new one has taken over", async () => {
    const t = await begun();
    const reservationId = await held(t, 75);
    await attach(t, "other");
    expect(await confirm(t, reservationId, 25)).toMatchObject({ applied: 25, lapsed: 0 });
    expect(await balance(t)).toEqual({ usage: 25, remaining: 275 });
  });

  test("takes what is more from the new one", async () => {
    const t = await begun();
    const reservationId = await held(t, 75);
    await attach(t, "pro");
    expect(await confirm(t, reservationId, 100)).toMatchObject({ applied: 100, remaining: 975 });
  });

  test("to one without the feature leaves nothing: it is no longer counted, should the plan come back", async () => {
    const t = await begun();
    const reservationId = await held(t, 20, { featureId: "images" });
    await track(t, 5, "images");
    await attach(t, "other");
    expect(await balance(t, "images")).toEqual({ usage: 25, remaining: 0 });
    expect(await release(t, reservationId)).toMatchObject({ lapsed: 0, remaining: 0 });
    expect(await balance(t, "images")).toEqual({ usage: 5, remaining: 0 });
  });

  test("never leaves more than the plan grants", async () => {
    const t = await begun();
    const ids = [await held(t, 75), await held(t, 75)];
    await attach(t, "pro");
    await track(t, 20);
    for (const id of ids) await release(t, id);
    expect((await balance(t)).remaining).toBe(1_000);
  });
});

describe("a hold without limit", () => {
  test("is of as much as it likes, and charged what it says", async () => {
    const t = await begun();
    await attach(t, "endless");
    const reservationId = await held(t, 1_000_000);
    expect(await confirm(t, reservationId, 40)).toMatchObject({ applied: 40, unlimited: true, remaining: 0 });
    const { unlimited, usage } = await t.query((ctx) =>
      tally.check(ctx, { customerId, featureId: "messages" }),
    );
    expect({ unlimited, usage }).toEqual({ unlimited: true, usage: 40 });
  });

  test("is recorded as such", async () => {
    const t = await begun();
    await attach(t, "endless");
    await confirm(t, await held(t, 50));
    const [use] = await uses(t);
    expect(use).toMatchObject({ value: 50, unlimited: true });
    expect(use?.remaining).toBeUndefined();
  });

  test("becomes so by taking more than was limited", async () => {
    const t = await begun();
    const reservationId = await held(t, 75);
    await t.mutation((ctx) =>
      tally.grants.grant(ctx, { customerId, featureId: "messages", unlimited: true }),
    );
    expect(await confirm(t, reservationId, 5_000)).toMatchObject({
      applied: 5_000,
      uncovered: 0,
      unlimited: true,
    });
  });
});

describe("a hold under a usage limit of 100 a day", () => {
  const TODAY = Date.parse("2026-01-10T12:00:00Z");
  const TOMORROW = Date.parse("2026-01-11T00:00:00Z");

  async function limited() {
    const t = await begun();
    await t.mutation((ctx) =>
      tally.controls.set(ctx, {
        customerId,
        featureId: "messages",
        usageLimits: [{ max: 100, interval: "day", anchor: "utc" }],
      }),
    );
    vi.setSystemTime(TODAY);
    return t;
  }

  test("is of no more than that", async () => {
    const t = await limited();
    expect(await reserve(t, 101)).toMatchObject({ allowed: false, refusal: { reason: "usage_limit" } });
    expect(await reserve(t, 100)).toMatchObject({ allowed: true });
  });

  test("counts as long as it is open", async () => {
    const t = await limited();
    await held(t, 75);
    expect(await reserve(t, 26)).toMatchObject({ allowed: false });
    expect(await reserve(t, 25)).toMatchObject({ allowed: true });
  });

  test("counts back what it gives back", async () => {
    const t = await limited();
    await confirm(t, await held(t, 75), 25);
    expect(await reserve(t, 76)).toMatchObject({ allowed: false });
    expect(await reserve(t, 75)).toMatchObject({ allowed: true });
  });

  test("takes no more than fits when it is confirmed at more", async () => {
    const t = await limited();
    const reservationId = await held(t, 75);
    expect(await confirm(t, reservationId, 120)).toMatchObject({ applied: 100, uncovered: 20 });
  });

  test("of yesterday counts nothing back today", async () => {
    const t = await limited();
    const reservationId = await held(t, 75, { ttlMs: 24 * HOUR_MS });
    vi.setSystemTime(TOMORROW);
    await track(t, 60);
    await release(t, reservationId);
    expect(await reserve(t, 41)).toMatchObject({ allowed: false });
    expect(await reserve(t, 40)).toMatchObject({ allowed: true });
  });

  test("of yesterday takes today's for what it takes more", async () => {
    const t = await limited();
    const reservationId = await held(t, 75, { ttlMs: 24 * HOUR_MS });
    vi.setSystemTime(TOMORROW);
    await confirm(t, reservationId, 95);
    expect(await reserve(t, 81)).toMatchObject({ allowed: false });
    expect(await reserve(t, 80)).toMatchObject({ allowed: true });
  });
});

describe("an entity's hold", () => {
  async function withSeat() {
    const t = await begun();
    const seat = { customerId, entityId: "ada", featureId: "seats" } as const;
    await t.mutation((ctx) => tally.entities.create(ctx, seat));
    return t;
  }

  test("takes the entity's own", async () => {
    const t = await withSeat();
    const reservationId = await held(t, 15, { featureId: "exports", entityId: "ada" });
    expect(await balance(t, "exports", "ada")).toEqual({ usage: 15, remaining: 5 });
    await confirm(t, reservationId, 5);
    expect(await balance(t, "exports", "ada")).toEqual({ usage: 5, remaining: 15 });
  });

  test("takes its own before the customer's, and gives back the other way round", async () => {
    const t = await withSeat();
    await t.mutation((ctx) =>
      tally.grants.grant(ctx, { customerId, entityId: "ada", featureId: "messages", amount: 50 }),
    );
    const reservationId = await held(t, 80, { entityId: "ada" });
    expect(await balance(t)).toEqual({ usage: 30, remaining: 470 });
    await confirm(t, reservationId, 40);
    expect(await balance(t)).toEqual({ usage: 0, remaining: 500 });
    expect(await balance(t, "messages", "ada")).toEqual({ usage: 40, remaining: 510 });
  });

  test("is recorded as the entity's", async () => {
    const t = await withSeat();
    const reservationId = await held(t, 15, { featureId: "exports", entityId: "ada" });
    expect(await listed(t)).toMatchObject([{ entityId: "ada" }]);
    expect(await confirm(t, reservationId)).toMatchObject({ entityId: "ada" });
    expect(await uses(t)).toMatchObject([{ entityId: "ada", value: 15 }]);
  });

  test("does not take another entity's", async () => {
    const t = await withSeat();
    await t.mutation((ctx) =>
      tally.entities.create(ctx, { customerId, entityId: "bob", featureId: "seats" }),
    );
    expect(await reserve(t, 21, { featureId: "exports", entityId: "ada" })).toMatchObject({ allowed: false });
  });

  test("takes from all of them when none is named, and gives back to each", async () => {
    const t = await withSeat();
    await t.mutation((ctx) =>
      tally.entities.create(ctx, { customerId, entityId: "bob", featureId: "seats" }),
    );
    const reservationId = await held(t, 30, { featureId: "exports" });
    await confirm(t, reservationId, 10);
    expect(await balance(t, "exports", "ada")).toEqual({ usage: 10, remaining: 10 });
    expect(await balance(t, "exports", "bob")).toEqual({ usage: 0, remaining: 20 });
  });

  test("is refused to one that is not there", async () => {
    const t = await withSeat();
    const before = await stored(t);
    const reserving = reserve(t, 5, { entityId: "eve" });
    await expect(reserving).rejects.toMatchObject(refusedAs("entity_not_found"));
    expect(await stored(t)).toEqual(before);
  });
});

describe("an id that the caller gives", () => {
  const job = { reservationId: "job_1" };

  test("finds the same hold again, and takes nothing", async () => {
    const t = await begun();
    const first = await reserve(t, 75, job);
    vi.setSystemTime(START + MINUTE_MS);
    expect(await reserve(t, 75, job)).toEqual({ ...first, replayed: true });
    expect(await balance(t)).toEqual({ usage: 75, remaining: 425 });
  });

  test("finds the same hold though nothing is left by now", async () => {
    const t = await begun();
    const first = await reserve(t, 500, job);
    expect(await reserve(t, 500, job)).toEqual({ ...first, replayed: true });
  });

  test("holds once, ten at the same time", async () => {
    const t = await begun();
    await Promise.all(Array.from({ length: 10 }, () => reserve(t, 75, job)));
    expect(await listed(t)).toHaveLength(1);
    expect(await balance(t)).toEqual({ usage: 75, remaining: 425 });
  });

  test.each([
    ["another amount", { value: 76 }],
    ["another feature", { featureId: "images" }],
    ["an entity", { entityId: "ada" }],
  ])("cannot hold %s while it is open", async (_, other) => {
    const t = await begun();
    await t.mutation((ctx) =>
      tally.entities.create(ctx, { customerId, entityId: "ada", featureId: "seats" }),
    );
    await held(t, 75, job);
    const before = await stored(t);
    const { value = 75, ...options } = other as { value?: number } & Hold;
    await expect(reserve(t, value, { ...job, ...options })).rejects.toMatchObject({
      data: { kind: "idempotency_conflict", reservationId: "job_1" },
    });
    expect(await stored(t)).toEqual(before);
  });

  test.each(["confirm", "release", "sweep"])("is used up by %s", async (ending) => {
    const t = await begun();
    await held(t, 75, job);
    if (ending === "confirm") await confirm(t, "job_1", 25);
    if (ending === "release") await release(t, "job_1");
    if (ending === "sweep") {
      vi.setSystemTime(START + 16 * MINUTE_MS);
      await sweepHolds(t);
    }
    const before = await stored(t);
    await expect(reserve(t, 75, job)).rejects.toMatchObject(refusedAs("reservation_closed"));
    expect(await stored(t)).toEqual(before);
  });

  test.each(["", " a", "a\u0000b", "x".repeat(256)])("cannot be %j", async (reservationId) => {
    const t = await begun();
    await expect(reserve(t, 75, { reservationId })).rejects.toMatchObject(refusedAs("invalid_argument"));
  });

  test("may have 255 characters, and be late", async () => {
    const t = await begun();
    const reservationId = "x".repeat(255);
    await held(t, 75, { reservationId });
    vi.setSystemTime(START + 16 * MINUTE_MS);
    await sweepHolds(t);
    expect(await confirm(t, reservationId, 50)).toMatchObject({ late: true });
    expect(await balance(t)).toEqual({ usage: 50, remaining: 450 });
  });

  test("may be the key of a use as well", async () => {
    const t = await begun();
    await held(t, 75, job);
    const use = () =>
      t.mutation((ctx) =>
        tally.track(ctx, { customerId, featureId: "messages", value: 5, idempotencyKey: "job_1" }),
      );
    expect(await use()).toMatchObject({ replayed: false });
    await confirm(t, "job_1", 25);
    expect(await use()).toMatchObject({ replayed: true, applied: 5 });
    expect(await confirm(t, "job_1", 25)).toMatchObject({ replayed: true, applied: 25 });
    expect(await balance(t)).toEqual({ usage: 30, remaining: 470 });
  });

  test("may have been the key of a use", async () => {
    const t = await begun();
    await t.mutation((ctx) =>
      tally.track(ctx, { customerId, featureId: "messages", value: 5, idempotencyKey: "job_1" }),
    );
    expect(await reserve(t, 75, job)).toMatchObject({ allowed: true, replayed: false });
  });

  test.each(["confirm", "release"] as const)("is no hold's if it is the key of a use: %s", async (verb) => {
    const t = await begun();
    await t.mutation((ctx) =>
      tally.track(ctx, { customerId, featureId: "messages", value: 5, idempotencyKey: "job_1" }),
    );
    const settling = verb === "confirm" ? confirm(t, "job_1", 5) : release(t, "job_1");
    await expect(settling).rejects.toMatchObject(refusedAs("reservation_not_found"));
  });

  test("is not held again between its expiry and the sweep", async () => {
    const t = await begun();
    await held(t, 75, job);
    vi.setSystemTime(START + 15 * MINUTE_MS);
    await expect(reserve(t, 75, job)).rejects.toMatchObject(refusedAs("reservation_closed"));
  });
});

describe("a customer's very first hold", () => {
  async function nobody() {
    const t = deployment();
    registerInspected(t);
    return t;
  }

  test("begins him with the default plans", async () => {
    const t = await nobody();
    expect(await reserve(t, 75)).toMatchObject({ allowed: true });
    expect(await balance(t)).toEqual({ usage: 75, remaining: 425 });
    expect(await balance(t, "images")).toEqual({ usage: 0, remaining: 200 });
    const { customers, subscriptions, balances } = await stored(t);
    expect([customers.length, subscriptions.length, balances.length]).toEqual([1, 1, 4]);
  });

  test("that is refused begins nobody", async () => {
    const t = await nobody();
    const before = await stored(t);
    expect(await reserve(t, 501)).toMatchObject({ allowed: false, refusal: { remaining: 500 } });
    expect(await stored(t)).toEqual(before);
    expect(await reserve(t, 500)).toMatchObject({ allowed: true });
  });

  test("begins him once, five at the same time", async () => {
    const t = await nobody();
    await Promise.all(Array.from({ length: 5 }, () => reserve(t, 75)));
    expect((await stored(t)).customers).toHaveLength(1);
    expect(await balance(t)).toEqual({ usage: 375, remaining: 125 });
  });

  test("for an entity is refused, and begins nobody", async () => {
    const t = await nobody();
    const before = await stored(t);
    await expect(reserve(t, 5, { entityId: "ada" })).rejects.toMatchObject(refusedAs("entity_not_found"));
    expect(await stored(t)).toEqual(before);
  });
});

describe("a mutation that throws", () => {
  test("after a hold has held nothing", async () => {
    const t = await begun();
    const before = await stored(t);
    const failing = t.mutation(async (ctx) => {
      await tally.for(ctx, { customerId }).reserve({ featureId: "messages", value: 75 });
      throw new Error("after the hold");
    });
    await expect(failing).rejects.toThrow("after the hold");
    expect(await stored(t)).toEqual(before);
  });

  test("after a first hold has begun nobody", async () => {
    const t = await begun();
    const before = await stored(t);
    const failing = t.mutation(async (ctx) => {
      await tally.for(ctx, { customerId: "user_2" }).reserve({ featureId: "messages", value: 75 });
      throw new Error("after the hold");
    });
    await expect(failing).rejects.toThrow("after the hold");
    expect(await stored(t)).toEqual(before);
  });

  test("after a confirmation has settled nothing", async () => {
    const t = await begun();
    const reservationId = await held(t, 75);
    const before = await stored(t);
    const failing = t.mutation(async (ctx) => {
      await tally.reservations.confirm(ctx, { customerId, reservationId, value: 25 });
      throw new Error("after the confirmation");
    });
    await expect(failing).rejects.toThrow("after the confirmation");
    expect(await stored(t)).toEqual(before);
  });

  test("leaves the hold to be settled again", async () => {
    const t = await begun();
    const reservationId = await held(t, 75);
    const failing = t.mutation(async (ctx) => {
      await tally.reservations.release(ctx, { customerId, reservationId });
      throw new Error("after the release");
    });
    await expect(failing).rejects.toThrow("after the release");
    expect(await confirm(t, reservationId, 25)).toMatchObject({ applied: 25, replayed: false });
  });
});

describe("a mutation that holds and settles", () => {
  test("is one transaction", async () => {
    const t = await begun();
    const settled = await t.mutation(async (ctx) => {
      const hold = await tally.for(ctx, { customerId }).reserve({ featureId: "messages", value: 75 });
      await hold.report(10);
      await hold.extend({ value: 25 });
      return await hold.confirm(90);
    });
    expect(settled).toMatchObject({ applied: 90, remaining: 410 });
    expect((await stored(t)).reservations).toEqual([]);
  });

  test("settles by release at what it reported", async () => {
    const t = await begun();
    const settled = await t.mutation(async (ctx) => {
      const hold = await tally.for(ctx, { customerId }).reserve({ featureId: "messages", value: 75 });
      await hold.report(10);
      return await hold.release();
    });
    expect(settled).toMatchObject({ applied: 10, remaining: 490 });
  });

  test("checks its own hold", async () => {
    const t = await begun();
    const remaining = await t.mutation(async (ctx) => {
      const account = tally.for(ctx, { customerId });
      await account.reserve({ featureId: "messages", value: 75 });
      return (await account.check({ featureId: "messages" })).remaining;
    });
    expect(remaining).toBe(425);
  });
});

describe("the cost of a hold of one feature with one grant", () => {
  const limits = (cost: TransactionCost) => [
    cost.databaseQueries,
    cost.documentsRead,
    cost.bytesRead,
    cost.documentsWritten,
    cost.bytesWritten,
  ];
  type Budget = [queries: number, read: number, bytesRead: number, written: number, bytesWritten: number];
  type Context = Parameters<typeof tally.reservations.reserve>[0];
  const id = "res_00000000000000000000";
  const settling = { customerId, reservationId: id };
  const operations: Record<
    string,
    { budget: Budget; isOpen: boolean; run: (ctx: Context) => Promise<unknown> }
  > = {
    "a hold": {
      budget: [1, 2, 1_200, 2, 950],
      isOpen: false,
      run: (ctx) => tally.reservations.reserve(ctx, { customerId, featureId: "messages", value: 75 }),
    },
    "a hold that is refused": {
      budget: [1, 1, 600, 0, 0],
      isOpen: false,
      run: (ctx) => tally.reservations.reserve(ctx, { customerId, featureId: "messages", value: 501 }),
    },
    "a confirmation of what is held": {
      budget: [2, 4, 1_800, 3, 1_250],
      isOpen: true,
      run: (ctx) => tally.reservations.confirm(ctx, settling),
    },
    "a confirmation of less": {
      budget: [2, 4, 1_800, 3, 1_250],
      isOpen: true,
      run: (ctx) => tally.reservations.confirm(ctx, { ...settling, value: 25 }),
    },
    "a confirmation of more": {
      budget: [2, 4, 1_800, 3, 1_250],
      isOpen: true,
      run: (ctx) => tally.reservations.confirm(ctx, { ...settling, value: 100 }),
    },
    "a release": {
      budget: [2, 4, 1_800, 3, 1_250],
      isOpen: true,
      run: (ctx) => tally.reservations.release(ctx, settling),
    },
  };

  async function costOf(name: string, t: Deployment): Promise<number[]> {
    const operation = operations[name];
    if (operation === undefined) throw new Error(name);
    if (operation.isOpen) await held(t, 75, { reservationId: id });
    const cost = await transactionCost(t, "mutation", operation.run);
    expect(cost.functionsScheduled).toBe(0);
    return limits(cost);
  }

  test.each(Object.keys(operations))("keeps to its budget: %s", async (name) => {
    const cost = await costOf(name, await begun());
    for (const [index, limit] of (operations[name]?.budget ?? []).entries()) {
      expect(cost[index], `${name}: ${cost.join(", ")}`).toBeLessThanOrEqual(limit);
    }
  });

  test.each(Object.keys(operations))("does not depend on what else there is: %s", async (name) => {
    const quiet = await costOf(name, await begun());
    const t = await begun();
    await t.mutation(async (ctx) => {
      for (let index = 0; index < 60; index++) {
        const other = { customerId: `user_x${index}`, featureId: "messages", value: 75 } as const;
        await tally.reservations.reserve(ctx, other);
        await tally.reservations.reserve(ctx, { customerId, featureId: "images", value: 1 });
        await tally.track(ctx, { customerId, featureId: "images", idempotencyKey: `key_${index}` });
      }
    });
    expect(await costOf(name, t)).toEqual(quiet);
  });
});
