import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import { Tally } from "../../src/client/index.js";
import { demo, syncSubscription, type SyncArgs } from "../../src/payments/index.js";
import { all, deploy, left, plansOf, use, type Deployment } from "./deployment.js";
import { tally } from "./app/billing.js";

const START = Date.UTC(2026, 0, 10);
const FEBRUARY = Date.UTC(2026, 1, 10);
const MARCH = Date.UTC(2026, 2, 10);
const DAY_MS = 24 * 3_600_000;

beforeEach(() => {
  vi.useFakeTimers({ toFake: ["Date"] });
  vi.setSystemTime(START);
});
afterEach(() => {
  vi.useRealTimers();
});

const shop = () => deploy(demo({ enabled: true }));
let version = 0;
type Told = Partial<Omit<SyncArgs, "planId"> & { planId: string }>;
const base = {
  customerId: "user_1",
  externalId: "ext_1",
  planId: "pro",
  status: "active",
  periodStart: START,
  periodEnd: FEBRUARY,
} as const;
const sync = async (t: Deployment, told: Told = {}, by = tally) =>
  await t.mutation((ctx) => syncSubscription(ctx, by, { ...base, version: ++version, ...told }));
const subscriptions = async (t: Deployment) => (await all(t)).subscriptions;

describe("a subscription that is billed elsewhere", () => {
  test("is had when it is told of, with the period that was paid", async () => {
    const t = shop();
    vi.setSystemTime(START + 5 * DAY_MS);
    expect(await sync(t)).toMatchObject({ applied: true });
    expect(await plansOf(t)).toEqual(["pro active"]);
    expect(await left(t, "messages")).toMatchObject({ remaining: 100 });
    await use(t, "messages", 50);
    vi.setSystemTime(FEBRUARY);
    expect(await left(t, "messages")).toMatchObject({ usage: 0 });
  });

  test("told again is as it was", async () => {
    const t = shop();
    await sync(t, { version: 5 });
    await use(t, "messages", 50);
    const before = await all(t);
    for (let again = 0; again < 3; again++) await sync(t, { version: 5 });
    expect(await all(t)).toEqual(before);
  });

  test("renewed month by month has one reset for each, and never two", async () => {
    const t = shop();
    await sync(t);
    const starts = [FEBRUARY, MARCH, Date.UTC(2026, 3, 10), Date.UTC(2026, 4, 10)];
    for (const [index, periodStart] of starts.entries()) {
      await use(t, "messages", 10);
      vi.setSystemTime(periodStart + 3_600_000);
      expect(await left(t, "messages")).toMatchObject({ usage: 0 });
      await use(t, "messages", 7);
      await sync(t, { periodStart, periodEnd: starts[index + 1] ?? Date.UTC(2026, 5, 10) });
      expect(await left(t, "messages")).toMatchObject({ usage: 7 });
    }
  });

  test("of the 31st keeps the 31st, though February's period begins on the 28th", async () => {
    const t = shop();
    const [january, february] = [Date.UTC(2026, 0, 31), Date.UTC(2026, 1, 28)];
    vi.setSystemTime(january);
    await sync(t, { periodStart: january, periodEnd: february });
    vi.setSystemTime(february);
    await sync(t, { periodStart: february, periodEnd: Date.UTC(2026, 2, 31) });
    await use(t, "messages", 20);
    vi.setSystemTime(Date.UTC(2026, 2, 30, 23));
    expect(await left(t, "messages")).toMatchObject({ usage: 20 });
  });

  test.each([
    ["some days later than before", FEBRUARY + 4 * DAY_MS],
    ["some days sooner than before", FEBRUARY - 4 * DAY_MS],
    ["a second later", FEBRUARY + 1_000],
    ["a second sooner", FEBRUARY - 1_000],
  ])("whose next period begins %s resets once for it", async (_when, periodStart) => {
    const t = shop();
    // What is not paid in time goes on: what is seen to be used goes down with resets alone.
    const lenient = new Tally(tally.component, {
      catalog: tally.catalog,
      identify: () => Promise.resolve(null),
      pastDue: "keep",
    });
    const tell = (told: Told) =>
      t.mutation((ctx) => syncSubscription(ctx, lenient, { ...base, version: ++version, ...told }));
    await tell({});
    await use(t, "messages", 60);
    let resets = 0;
    let told = false;
    let used = 60;
    const until = Date.UTC(2026, 2, 5);
    for (let now = FEBRUARY - 6 * DAY_MS; now < until; now += DAY_MS / 2) {
      vi.setSystemTime(now);
      if (!told && now >= periodStart) {
        told = true;
        await tell({ periodStart, periodEnd: periodStart + 28 * DAY_MS });
      }
      const { usage } = await left(t, "messages");
      if (usage < used) resets++;
      await use(t, "messages", 1);
      used = usage + 1;
    }
    expect(told).toBe(true);
    expect(resets).toBe(1);
  });

  test("in a trial has not paid: its plan counts what was used before", async () => {
    const t = shop();
    await use(t, "messages", 8);
    await sync(t, { status: "trialing", periodEnd: START + 14 * DAY_MS });
    expect(await left(t, "messages")).toMatchObject({ granted: 100, usage: 8 });
  });

  test("that costs more starts afresh; that costs less keeps what was used", async () => {
    const t = shop();
    await sync(t);
    await use(t, "messages", 80);
    await sync(t, { planId: "team" });
    expect(await left(t, "messages")).toMatchObject({ granted: 500, usage: 0 });
    await use(t, "messages", 70);
    await sync(t, { planId: "pro" });
    expect(await left(t, "messages")).toMatchObject({ granted: 100, usage: 70 });
    expect(await plansOf(t)).toEqual(["pro active"]);
  });

  test("past due goes on for three days, and is back with the payment", async () => {
    const t = shop();
    await sync(t);
    await use(t, "messages", 10);
    vi.setSystemTime(START + 10 * DAY_MS);
    await sync(t, { status: "past_due" });
    vi.setSystemTime(START + 12 * DAY_MS);
    await sync(t, { status: "past_due" });
    expect(await left(t, "messages")).toMatchObject({ remaining: 90 });
    vi.setSystemTime(START + 13 * DAY_MS);
    expect(await left(t, "messages")).toMatchObject({ allowed: false });
    await sync(t);
    expect(await left(t, "messages")).toMatchObject({ remaining: 90 });
  });

  test("goes on for as long as the app says, or for ever", async () => {
    for (const [policy, days, allowed] of [
      [{ suspendAfterDays: 10 }, 9, true],
      [{ suspendAfterDays: 10 }, 10, false],
      [{ suspendAfterDays: 0 }, 0, false],
      ["keep", 300, true],
    ] as const) {
      const t = shop();
      const own = new Tally(tally.component, {
        catalog: tally.catalog,
        identify: () => Promise.resolve(null),
        pastDue: policy,
      });
      vi.setSystemTime(START);
      await t.mutation((ctx) => syncSubscription(ctx, own, { ...base, version: ++version }));
      vi.setSystemTime(FEBRUARY + days * DAY_MS);
      expect(await left(t, "messages")).toMatchObject({ allowed });
    }
  });

  test("to be canceled ends then, and goes on when that is taken back", async () => {
    const t = shop();
    await sync(t, { cancelAt: FEBRUARY });
    expect(await plansOf(t)).toEqual(["pro active", "free scheduled"]);
    await sync(t, { cancelAt: START + 5 * DAY_MS });
    expect(
      (await subscriptions(t)).find(
        ({ planId, endsAt }) => planId === "pro" && endsAt === START + 5 * DAY_MS,
      ),
    ).toBeDefined();
    await sync(t, { cancelAt: null });
    expect(await plansOf(t)).toEqual(["pro active"]);
    await sync(t, { cancelAt: FEBRUARY });
    vi.setSystemTime(FEBRUARY);
    expect(await plansOf(t)).toEqual(["free active"]);
  });

  test("to be canceled at an instant that has passed is over", async () => {
    const t = shop();
    await sync(t);
    await sync(t, { cancelAt: START });
    expect(await plansOf(t)).toEqual(["free active"]);
  });

  test("canceled, and paid again under the same id, is had again", async () => {
    const t = shop();
    await sync(t);
    await sync(t, { status: "canceled" });
    await sync(t);
    expect(await plansOf(t)).toEqual(["pro active"]);
  });

  test("that the app has given already is the same one, from now on paid", async () => {
    const t = shop();
    await t.mutation((ctx) => tally.subscriptions.attach(ctx, { customerId: "user_1", planId: "pro" }));
    await use(t, "messages", 33);
    await sync(t);
    expect(await left(t, "messages")).toMatchObject({ usage: 33 });
    expect((await subscriptions(t)).filter(({ planId }) => planId === "pro")).toHaveLength(1);
    vi.setSystemTime(FEBRUARY + 3 * DAY_MS);
    expect(await left(t, "messages")).toMatchObject({ allowed: false });
  });

  test("with a change that the app has decided for later leaves it there", async () => {
    const t = shop();
    await sync(t, { planId: "team" });
    await t.mutation((ctx) =>
      tally.subscriptions.attach(ctx, { customerId: "user_1", planId: "pro", when: "period_end" }),
    );
    await sync(t, { planId: "team" });
    expect(await plansOf(t)).toContain("team active");
  });

  test("brings units that are bought in advance, and changes them", async () => {
    const t = shop();
    await sync(t, { planId: "team", quantities: { seats: 7 } });
    expect(await left(t, "seats")).toMatchObject({ granted: 7 });
    await use(t, "messages", 9);
    await sync(t, { planId: "team", quantities: { seats: 9 } });
    expect(await left(t, "seats")).toMatchObject({ granted: 9 });
    expect(await left(t, "messages")).toMatchObject({ usage: 9 });
    await sync(t, { planId: "team" });
    expect(await left(t, "seats")).toMatchObject({ granted: 9 });
  });

  test("of an add-on stacks, each by its own id", async () => {
    const t = shop();
    await sync(t, { planId: "boost", externalId: "a" });
    await sync(t, { planId: "boost", externalId: "b" });
    expect(await left(t, "messages")).toMatchObject({ granted: 110 });
    await sync(t, { planId: "boost", externalId: "a", status: "canceled" });
    expect(await left(t, "messages")).toMatchObject({ granted: 60 });
  });

  test("of an entity is the entity's own", async () => {
    const t = shop();
    const entityId = "seat_1";
    await t.mutation(async (ctx) => {
      await tally.customers.create(ctx, { customerId: "user_1" });
      await tally.entities.create(ctx, { customerId: "user_1", entityId, featureId: "seats" });
    });
    await sync(t, { entityId });
    expect(await left(t, "messages", "user_1", entityId)).toMatchObject({ granted: 110 });
    await expect(sync(t)).rejects.toThrow(/another customer's \(or entity's\)/);
  });
});

describe("what is refused", () => {
  test.each([
    ["another customer's subscription", { customerId: "user_2" }, /another customer's/],
    ["a plan that is none", { planId: "platinum" }, /plan_not_found/],
    ["a top-up", { planId: "api-call-pack-1000" }, /paid once/],
    ["a status that is none", { status: "unpaid" as never }, /status must be one of/],
    ["an id that is none", { externalId: "" }, /externalId must not be empty/],
    ["an option that is none", { trialEnd: 5 } as never, /does not take .*trialEnd/],
    ["units that the plan does not sell", { quantities: { seats: 5 } }, /does not sell in advance/],
  ])("%s", async (_what, told: Told, why) => {
    const t = shop();
    await sync(t);
    const before = await all(t);
    await expect(sync(t, told)).rejects.toThrow(why);
    expect(await all(t)).toEqual(before);
  });
});
