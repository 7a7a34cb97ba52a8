import { convexTest } from "convex-test";
import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import { components } from "../../convex/_generated/api.js";
import { tally } from "../../convex/billing.js";
import schema from "../../convex/schema.js";
import { defineCatalog, Tally } from "../../src/client/index.js";
import { deployment, type Deployment } from "./deployment.js";
import { registerInspected, stored, sweep } from "./stored.js";

const customerId = "user_1";
const DAY_MS = 86_400_000;
const at = (date: string) => Date.parse(`${date}T09:30:00Z`);

beforeEach(() => {
  vi.useFakeTimers();
  vi.setSystemTime(at("2026-01-31"));
});
afterEach(() => {
  vi.useRealTimers();
});

function deployed() {
  const t = deployment();
  registerInspected(t);
  return t;
}

function check(t: Deployment, featureId: string) {
  return t.query((ctx) => tally.check(ctx, { customerId, featureId }));
}

function track(t: Deployment, featureId: string, value: number) {
  return t.mutation((ctx) => tally.track(ctx, { customerId, featureId, value }));
}

async function rowOf(t: Deployment, featureId: string) {
  return (await stored(t)).balances.find((row) => row.featureId === featureId);
}

async function onPro() {
  const t = deployed();
  await t.mutation((ctx) => tally.subscriptions.attach(ctx, { customerId, planId: "pro" }));
  return t;
}

describe("a month's amount, though no cron runs", () => {
  test("is not back a millisecond early", async () => {
    const t = deployed();
    await track(t, "messages", 5);
    vi.setSystemTime(at("2026-02-28") - 1);
    expect(await check(t, "messages")).toMatchObject({ allowed: false, usage: 5, remaining: 0 });
  });

  test("is back at the very instant", async () => {
    const t = deployed();
    await track(t, "messages", 5);
    vi.setSystemTime(at("2026-02-28"));
    expect(await check(t, "messages")).toMatchObject({ allowed: true, usage: 0, remaining: 5 });
  });

  test("is back once after a year of silence", async () => {
    const t = deployed();
    await track(t, "messages", 5);
    vi.setSystemTime(at("2027-02-05"));
    expect(await check(t, "messages")).toMatchObject({ granted: 5, remaining: 5 });
    expect(await track(t, "messages", 6)).toMatchObject({ applied: 5, uncovered: 1 });
  });

  test("is back by being read, which writes nothing", async () => {
    const t = deployed();
    await track(t, "messages", 5);
    const before = await stored(t);
    vi.setSystemTime(at("2026-03-15"));
    expect(await check(t, "messages")).toMatchObject({ remaining: 5 });
    expect(await stored(t)).toEqual(before);
  });

  test("is back for an action as for a mutation", async () => {
    const t = deployed();
    await track(t, "messages", 5);
    vi.setSystemTime(at("2026-02-28"));
    const used = await t.action((ctx) => tally.consume(ctx, { customerId, featureId: "messages", value: 5 }));
    expect(used).toMatchObject({ applied: 5, remaining: 0 });
  });

  test("ends on the last day of shorter months, and on the 31st again", async () => {
    const t = deployed();
    const ends: (number | null)[] = [];
    for (const date of ["2026-01-31", "2026-02-28", "2026-03-31", "2026-04-30"]) {
      vi.setSystemTime(at(date));
      await track(t, "messages", 1);
      ends.push((await check(t, "messages")).nextResetAt);
    }
    expect(ends).toEqual([at("2026-02-28"), at("2026-03-31"), at("2026-04-30"), at("2026-05-31")]);
  });

  test("ends on the 29th of February in a leap year", async () => {
    vi.setSystemTime(at("2028-01-31"));
    const t = deployed();
    await track(t, "messages", 1);
    expect(await check(t, "messages")).toMatchObject({ nextResetAt: at("2028-02-29") });
  });

  test("does not drift when a period begins late", async () => {
    const t = deployed();
    await track(t, "messages", 1);
    vi.setSystemTime(at("2026-02-28") + 5 * DAY_MS);
    await track(t, "messages", 1);
    expect(await check(t, "messages")).toMatchObject({ usage: 1, nextResetAt: at("2026-03-31") });
  });

  test("leaves a day's amount to its days", async () => {
    const t = deployed();
    await track(t, "emails", 3);
    await track(t, "messages", 5);
    vi.setSystemTime(at("2026-02-01"));
    expect(await check(t, "emails")).toMatchObject({ remaining: 3, nextResetAt: at("2026-02-02") });
    expect(await check(t, "messages")).toMatchObject({ remaining: 0 });
  });

  test("takes no longer after a century of days", async () => {
    const t = deployed();
    await track(t, "emails", 3);
    vi.setSystemTime(at("2126-01-31"));
    expect(await check(t, "emails")).toMatchObject({ remaining: 3, nextResetAt: at("2126-02-01") });
  });
});

describe("a clock that goes backwards", () => {
  test("does not take a reset back", async () => {
    const t = deployed();
    await track(t, "messages", 5);
    vi.setSystemTime(at("2026-02-28"));
    await track(t, "messages", 1);
    vi.setSystemTime(at("2026-02-01"));
    expect(await check(t, "messages")).toMatchObject({ usage: 1, remaining: 4 });
    expect(await track(t, "messages", 1)).toMatchObject({ remaining: 3 });
  });

  test("does not give a second reset when it comes to the boundary again", async () => {
    const t = deployed();
    vi.setSystemTime(at("2026-02-28"));
    await track(t, "messages", 5);
    vi.setSystemTime(at("2026-02-28") - 60_000);
    await track(t, "messages", 1);
    vi.setSystemTime(at("2026-02-28") + 1);
    expect(await check(t, "messages")).toMatchObject({ remaining: 0 });
  });

  test("does not bring an expired grant back", async () => {
    const t = deployed();
    await t.mutation((ctx) =>
      tally.grants.grant(ctx, {
        customerId,
        featureId: "messages",
        amount: 10,
        expiresAt: at("2026-02-02"),
      }),
    );
    vi.setSystemTime(at("2026-02-02"));
    await track(t, "messages", 1);
    vi.setSystemTime(at("2026-02-01"));
    expect(await check(t, "messages")).toMatchObject({ granted: 5, remaining: 4 });
  });

  test("leaves all that pays for one call as of the latest of its balances", async () => {
    const t = deployed();
    await track(t, "credits", 0.5);
    await t.mutation((ctx) => tally.grants.grant(ctx, { customerId, featureId: "basic_model", amount: 5 }));
    vi.setSystemTime(at("2026-02-28"));
    await track(t, "basic_model", 1);
    vi.setSystemTime(at("2026-02-01"));
    expect(await check(t, "basic_model")).toMatchObject({ remaining: 54 });
  });

  test("makes a sweep do nothing", async () => {
    const t = deployed();
    await track(t, "messages", 5);
    vi.setSystemTime(at("2026-02-28"));
    await sweep(t);
    const before = await stored(t);
    vi.setSystemTime(at("2026-01-31"));
    expect(await sweep(t)).toEqual({ advanced: 0, done: true });
    expect(await stored(t)).toEqual(before);
  });

  test("before the first use does not shorten what a plan gives", async () => {
    const t = await onPro();
    vi.setSystemTime(at("2026-01-01"));
    await t.mutation((ctx) => tally.subscriptions.attach(ctx, { customerId, planId: "free" }));
    expect(await track(t, "messages", 1)).toMatchObject({ applied: 1, remaining: 4 });
  });
});

describe("the sweep", () => {
  test("writes what is due, and sees no more of it", async () => {
    const t = deployed();
    await track(t, "messages", 5);
    vi.setSystemTime(at("2026-02-28"));
    expect(await sweep(t)).toEqual({ advanced: 4, done: true });
    expect(await rowOf(t, "messages")).toMatchObject({
      grants: [{ granted: 5, used: 0 }],
      nextChangeAt: at("2026-03-31"),
    });
  });

  test("leaves what is not due", async () => {
    const t = deployed();
    await track(t, "messages", 5);
    const before = await rowOf(t, "messages");
    vi.setSystemTime(at("2026-02-01"));
    expect(await sweep(t)).toEqual({ advanced: 1, done: true });
    expect(await rowOf(t, "messages")).toEqual(before);
  });

  test("changes nothing when it runs twice", async () => {
    const t = deployed();
    await track(t, "messages", 5);
    vi.setSystemTime(at("2026-02-28"));
    await sweep(t);
    const before = await stored(t);
    expect(await sweep(t)).toEqual({ advanced: 0, done: true });
    expect(await stored(t)).toEqual(before);
  });

  test("changes nothing more when two run at the same time", async () => {
    const t = deployed();
    await track(t, "messages", 5);
    vi.setSystemTime(at("2026-02-28"));
    const [first, second] = await Promise.all([sweep(t), sweep(t)]);
    expect([first.advanced, second.advanced]).toEqual([4, 0]);
  });

  test("writes no event: nobody used anything", async () => {
    const t = deployed();
    await track(t, "messages", 5);
    const { events } = await stored(t);
    vi.setSystemTime(at("2026-02-28"));
    await sweep(t);
    expect((await stored(t)).events).toEqual(events);
  });

  test("takes away what has expired", async () => {
    const t = deployed();
    await t.mutation((ctx) =>
      tally.grants.grant(ctx, {
        customerId,
        featureId: "messages",
        amount: 10,
        expiresAt: at("2026-02-02"),
      }),
    );
    vi.setSystemTime(at("2026-02-02"));
    await sweep(t);
    expect((await rowOf(t, "messages"))?.grants).toMatchObject([{ planId: "free" }]);
  });

  test("never looks at what time does not change", async () => {
    const t = deployed();
    await t.mutation((ctx) => tally.grants.grant(ctx, { customerId, featureId: "web_search" }));
    expect(await rowOf(t, "web_search")).not.toHaveProperty("nextChangeAt");
    vi.setSystemTime(at("2126-01-31"));
    expect(await sweep(t)).toEqual({ advanced: 4, done: true });
  });

  test("makes no difference to what anybody is told", async () => {
    const swept = await onPro();
    const idle = await onPro();
    for (const month of ["2026-02-28", "2026-03-31", "2026-04-30", "2026-05-31"]) {
      vi.setSystemTime(at(month));
      await sweep(swept);
    }
    const list = (t: Deployment) => t.query((ctx) => tally.balances.list(ctx, { customerId }));
    expect(await list(swept)).toEqual(await list(idle));
  });

  const crowd = (count: number) => Array.from({ length: count }, (_, i) => `user ${i}`);

  test("takes hundreds of rows in one run", async () => {
    const t = deployed();
    await t.mutation(async (ctx) => {
      for (const each of crowd(100)) await tally.customers.create(ctx, { customerId: each });
    });
    vi.setSystemTime(at("2026-02-28"));
    expect(await sweep(t)).toEqual({ advanced: 400, done: true });
  });

  test("goes on in another transaction when one has no more room", async () => {
    // It keeps 1,000 queries in reserve: what is above them is enough for two batches of 64.
    const t = convexTest({
      schema,
      modules: import.meta.glob("../../convex/**/*.ts"),
      transactionLimits: { databaseQueries: 1_002 },
    });
    registerInspected(t);
    for (const each of crowd(100)) {
      await t.mutation((ctx) => tally.customers.create(ctx, { customerId: each }));
    }
    vi.setSystemTime(at("2026-02-28"));
    expect(await sweep(t)).toEqual({ advanced: 128, done: false });
    await t.finishAllScheduledFunctions(vi.runAllTimers);
    const { balances } = await stored(t);
    expect(balances.filter((row) => (row.nextChangeAt ?? Infinity) <= at("2026-02-28"))).toEqual([]);
    expect(await sweep(t)).toEqual({ advanced: 0, done: true });
  });
});

describe("credits that roll over", () => {
  test("are added to the next month's, and burn first", async () => {
    const t = await onPro();
    await track(t, "credits", 4);
    vi.setSystemTime(at("2026-02-28"));
    await track(t, "credits", 2);
    expect((await check(t, "credits")).breakdown).toMatchObject([
      { rollover: true, granted: 6, usage: 2, remaining: 4, expiresAt: at("2026-05-31") },
      { granted: 10, usage: 0, remaining: 10 },
    ]);
  });

  test("are twenty at most", async () => {
    const t = await onPro();
    const remaining: number[] = [];
    for (const month of ["2026-02-28", "2026-03-31", "2026-04-30", "2026-05-31"]) {
      vi.setSystemTime(at(month));
      remaining.push((await check(t, "credits")).remaining);
    }
    expect(remaining).toEqual([20, 30, 30, 30]);
  });

  test("keep the latest when they are cut down to twenty", async () => {
    const t = await onPro();
    vi.setSystemTime(at("2026-04-30"));
    const rollovers = (await check(t, "credits")).breakdown.filter(({ rollover }) => rollover);
    expect(rollovers).toMatchObject([
      { remaining: 10, expiresAt: at("2026-06-30") },
      { remaining: 10, expiresAt: at("2026-07-31") },
    ]);
  });

  test("are none of a month that was used up", async () => {
    const t = await onPro();
    await track(t, "credits", 10);
    vi.setSystemTime(at("2026-02-28"));
    expect(await check(t, "credits")).toMatchObject({ granted: 10, remaining: 10 });
  });

  test("are not the messages of the same plan", async () => {
    const t = await onPro();
    vi.setSystemTime(at("2026-02-28"));
    expect(await check(t, "messages")).toMatchObject({ granted: 500, remaining: 500 });
  });

  test("expire after their months", async () => {
    const t = deployed();
    const patient = new Tally(components.tally, {
      catalog: defineCatalog({
        features: [{ id: "points", type: "metered" }],
        plans: [
          {
            id: "patient",
            autoEnable: true,
            items: [
              {
                featureId: "points",
                included: 10,
                reset: { interval: "month" },
                rollover: { expiryDurationType: "month", expiryDurationLength: 2 },
              },
            ],
          },
        ],
      }),
      identify: () => Promise.resolve(null),
    });
    await t.mutation((ctx) => patient.customers.create(ctx, { customerId }));
    const remaining: number[] = [];
    for (const month of ["2026-02-28", "2026-03-31", "2026-04-30", "2026-05-31"]) {
      vi.setSystemTime(at(month));
      const answer = await t.query((ctx) => patient.check(ctx, { customerId, featureId: "points" }));
      remaining.push(answer.remaining);
    }
    expect(remaining).toEqual([20, 30, 30, 30]);
  });
});

describe("an amount that no double holds, after rolling over", () => {
  const hoarding = new Tally(components.tally, {
    catalog: defineCatalog({
      features: [{ id: "points", type: "metered" }],
      plans: [
        {
          id: "hoard",
          autoEnable: true,
          items: [
            {
              featureId: "points",
              included: 900_000_000_000_000,
              reset: { interval: "month" },
              rollover: { expiryDurationType: "forever" },
            },
          ],
        },
      ],
    }),
    identify: () => Promise.resolve(null),
  });

  test("does not lock its customer out", async () => {
    const t = deployed();
    await t.mutation((ctx) => hoarding.customers.create(ctx, { customerId }));
    vi.setSystemTime(at("2027-05-31"));
    const used = await t.mutation((ctx) =>
      hoarding.consume(ctx, { customerId, featureId: "points", value: 7 }),
    );
    expect(used).toMatchObject({ applied: 7 });
  });

  test("does not keep the sweep from everybody else's balances", async () => {
    const t = deployed();
    await t.mutation((ctx) => hoarding.customers.create(ctx, { customerId: "hoarder" }));
    await track(t, "messages", 5);
    vi.setSystemTime(at("2027-05-31"));
    expect(await sweep(t)).toEqual({ advanced: 5, done: true });
    expect(await rowOf(t, "messages")).toMatchObject({ grants: [{ granted: 5, used: 0 }] });
  });
});

describe("a priced period", () => {
  /** 100 calls a month, and a dollar for each one more. */
  const priced = new Tally(components.tally, {
    catalog: defineCatalog({
      features: [
        { id: "calls", type: "metered" },
        { id: "seats", type: "metered", consumable: false },
      ],
      plans: [
        {
          id: "metered",
          price: { amount: 10, interval: "month" },
          items: [
            { featureId: "calls", included: 10, entityFeatureId: "seats", reset: { interval: "month" } },
            {
              featureId: "calls",
              included: 100,
              price: { amount: 1, interval: "month", billingMethod: "usage_based" },
            },
          ],
        },
      ],
    }),
    identify: () => Promise.resolve(null),
  });
  const use = (t: Deployment, value: number) =>
    t.mutation((ctx) => priced.track(ctx, { customerId, featureId: "calls", value }));

  async function overused() {
    const t = deployed();
    await t.mutation((ctx) => priced.subscriptions.attach(ctx, { customerId, planId: "metered" }));
    await use(t, 130);
    return t;
  }

  const january = {
    customerId: "user_1",
    featureId: "calls",
    from: at("2026-01-31"),
    to: at("2026-02-28"),
    overage: 30,
    status: "open",
  };

  test("leaves one charge when the sweep closes it, however often it runs", async () => {
    const t = await overused();
    vi.setSystemTime(at("2026-02-28"));
    await sweep(t);
    await sweep(t);
    expect((await stored(t)).charges).toMatchObject([january]);
  });

  test("leaves one charge when a use closes it", async () => {
    const t = await overused();
    vi.setSystemTime(at("2026-02-28"));
    await use(t, 1);
    await sweep(t);
    expect((await stored(t)).charges).toMatchObject([january]);
  });

  test("leaves one charge when uses of an entity pass it by, which pays for itself", async () => {
    const t = await overused();
    await t.mutation((ctx) =>
      priced.entities.create(ctx, { customerId, entityId: "ada", featureId: "seats" }),
    );
    vi.setSystemTime(at("2026-02-28"));
    for (const value of [1, 2]) {
      await t.mutation((ctx) =>
        priced.track(ctx, { customerId, entityId: "ada", featureId: "calls", value }),
      );
    }
    expect((await stored(t)).charges).toEqual([]);
    await sweep(t);
    expect((await stored(t)).charges).toMatchObject([january]);
  });

  test("leaves none when it is only read", async () => {
    const t = await overused();
    vi.setSystemTime(at("2026-02-28"));
    await t.query((ctx) => priced.check(ctx, { customerId, featureId: "calls" }));
    expect((await stored(t)).charges).toEqual([]);
  });

  test("leaves none when the use that closed it is rolled back", async () => {
    const t = await overused();
    vi.setSystemTime(at("2026-02-28"));
    const failing = t.mutation(async (ctx) => {
      await priced.track(ctx, { customerId, featureId: "calls" });
      throw new Error("after the use");
    });
    await expect(failing).rejects.toThrow("after the use");
    expect((await stored(t)).charges).toEqual([]);
    expect(await sweep(t)).toEqual({ advanced: 1, done: true });
    expect((await stored(t)).charges).toMatchObject([january]);
  });

  test("is charged for its own month alone, though months went by", async () => {
    const t = await overused();
    vi.setSystemTime(at("2026-02-28"));
    await use(t, 105);
    vi.setSystemTime(at("2026-06-30"));
    await sweep(t);
    expect((await stored(t)).charges).toMatchObject([
      january,
      { from: at("2026-02-28"), to: at("2026-03-31"), overage: 5 },
    ]);
  });
});
