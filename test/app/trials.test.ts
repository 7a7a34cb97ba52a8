/** Trials: one for a customer and plan, with an end that is written down when they begin. */
import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import { components } from "../../convex/_generated/api.js";
import { defineCatalog, Tally, type AttachArgs } from "../../src/client/index.js";
import { deployment, type Deployment } from "./deployment.js";
import { registerInspected, stored } from "./stored.js";

const customerId = "user_1";
const JANUARY = Date.UTC(2026, 0, 10);
const FEBRUARY = Date.UTC(2026, 1, 10);
const DAY_MS = 24 * 60 * 60 * 1000;
const month = { interval: "month" } as const;
const messages = (included: number) => ({ featureId: "messages", included, reset: month });

const config = {
  features: [
    { id: "messages", type: "metered" },
    { id: "seats", type: "metered", consumable: false },
  ],
  plans: [
    {
      id: "pro",
      price: { amount: 20, interval: "month" },
      freeTrial: { durationLength: 14, durationType: "day" },
      items: [messages(100)],
    },
    { id: "team", price: { amount: 50, interval: "month" }, items: [messages(500)] },
    { id: "lifetime", items: [{ featureId: "messages", included: 9 }] },
    { id: "extra", addOn: true, price: { amount: 5, interval: "month" }, items: [messages(50)] },
    {
      id: "pack",
      addOn: true,
      price: { amount: 9, interval: "one_off" },
      items: [{ featureId: "messages", included: 1_000 }],
    },
  ],
} as const;
const free = { id: "free", autoEnable: true, items: [messages(10)] };
const identify = () => Promise.resolve(null);
const withDefault = new Tally(components.tally, {
  catalog: defineCatalog({ ...config, plans: [...config.plans, free] }),
  identify,
});
const withoutDefault = new Tally(components.tally, { catalog: defineCatalog(config), identify });

beforeEach(() => {
  vi.useFakeTimers();
  vi.setSystemTime(JANUARY);
});
afterEach(() => {
  vi.useRealTimers();
});

type Args = Omit<AttachArgs, "customerId"> & { customerId?: string };
const attach = (t: Deployment, args: Args, tally: typeof withDefault = withDefault) =>
  t.mutation((ctx) => tally.subscriptions.attach(ctx, { customerId, ...args }));
const check = (t: Deployment, entityId?: string, tally: typeof withDefault = withDefault) =>
  t.query((ctx) => tally.check(ctx, { customerId, featureId: "messages", entityId }));
const use = (t: Deployment, value: number) =>
  t.mutation((ctx) => withDefault.track(ctx, { customerId, featureId: "messages", value }));
const cancel = (t: Deployment, planId: string, when?: "now") =>
  t.mutation((ctx) => withDefault.subscriptions.cancel(ctx, { customerId, planId, when }));
const resume = (t: Deployment, planId: string) =>
  t.mutation((ctx) => withDefault.subscriptions.resume(ctx, { customerId, planId }));
const statuses = async (t: Deployment) => {
  const { page } = await t.query((ctx) => withDefault.subscriptions.list(ctx, { customerId }));
  return page.map(({ planId, status }) => `${planId} ${status}`);
};
const refusedAs = (message: string) => ({
  data: { kind: "invalid_argument", message: expect.stringContaining(message) as string },
});
const twoMonths = { length: 2, unit: "month" } as const;

describe("the end of a trial", () => {
  test("brings the default plan, with what was used in the period that goes on", async () => {
    const t = deployment();
    await attach(t, { planId: "pro", trial: true });
    await use(t, 7);
    vi.setSystemTime(JANUARY + 14 * DAY_MS - 1);
    expect(await check(t)).toMatchObject({ granted: 100, usage: 7 });
    vi.setSystemTime(JANUARY + 14 * DAY_MS);
    expect(await check(t)).toMatchObject({ granted: 10, usage: 7 });
    expect(await statuses(t)).toEqual(["free ended", "pro ended", "free active"]);
  });

  test("leaves nothing where there is no default plan", async () => {
    const t = deployment();
    await attach(t, { planId: "pro", trial: true }, withoutDefault);
    vi.setSystemTime(JANUARY + 14 * DAY_MS);
    expect(await check(t, undefined, withoutDefault)).toMatchObject({
      allowed: false,
      reason: "not_included",
    });
    expect(await statuses(t)).toEqual(["pro ended"]);
  });

  test("of an add-on leaves the plan", async () => {
    const t = deployment();
    await attach(t, { planId: "extra", trial: { length: 3, unit: "day" } });
    expect(await check(t)).toMatchObject({ granted: 60 });
    vi.setSystemTime(JANUARY + 3 * DAY_MS);
    expect(await check(t)).toMatchObject({ granted: 10 });
  });

  test("is counted in calendar months: from 31 January to 28 February", async () => {
    vi.setSystemTime(Date.UTC(2026, 0, 31));
    const t = deployment();
    await attach(t, { planId: "pro", trial: { length: 1, unit: "month" } });
    vi.setSystemTime(Date.UTC(2026, 1, 28) - 1);
    expect(await check(t)).toMatchObject({ granted: 100 });
    vi.setSystemTime(Date.UTC(2026, 1, 28));
    expect(await check(t)).toMatchObject({ granted: 10 });
  });

  test("is counted in calendar years: from 29 February to 28 February", async () => {
    vi.setSystemTime(Date.UTC(2024, 1, 29));
    const t = deployment();
    await attach(t, { planId: "pro", trial: { length: 1, unit: "year" } });
    vi.setSystemTime(Date.UTC(2025, 1, 28) - 1);
    expect(await check(t)).toMatchObject({ granted: 100 });
    vi.setSystemTime(Date.UTC(2025, 1, 28));
    expect(await check(t)).toMatchObject({ granted: 10 });
  });

  test("that is beyond a period lets the period begin anew meanwhile", async () => {
    const t = deployment();
    await attach(t, { planId: "pro", trial: twoMonths });
    await use(t, 60);
    vi.setSystemTime(FEBRUARY);
    expect(await check(t)).toMatchObject({ granted: 100, usage: 0 });
  });
});

describe("a trial is had once", () => {
  test("also after it was cancelled, and after it was bought", async () => {
    const t = deployment();
    await attach(t, { planId: "pro", trial: true });
    await cancel(t, "pro", "now");
    await expect(attach(t, { planId: "pro", trial: true })).rejects.toMatchObject(
      refusedAs('has had his trial of "pro"'),
    );
    await attach(t, { planId: "pro" });
    await cancel(t, "pro", "now");
    await expect(attach(t, { planId: "pro", trial: true })).rejects.toMatchObject(
      refusedAs('has had his trial of "pro"'),
    );
  });

  test("but of each plan", async () => {
    const t = deployment();
    await attach(t, { planId: "pro", trial: true });
    await attach(t, { planId: "team", trial: { length: 7, unit: "day" } });
    expect(await check(t)).toMatchObject({ granted: 500 });
  });

  test("and by each customer, unless a fingerprint tells that they are one", async () => {
    const t = deployment();
    await attach(t, { planId: "pro", trial: true, fingerprint: "device_1" });
    await attach(t, { customerId: "user_2", planId: "pro", trial: true, fingerprint: "device_2" });
    await attach(t, { customerId: "user_3", planId: "pro", trial: true });
    await expect(
      attach(t, { customerId: "user_4", planId: "pro", trial: true, fingerprint: "device_2" }),
    ).rejects.toMatchObject(refusedAs("under another account"));
  });

  test("by a fingerprint of each plan", async () => {
    const t = deployment();
    await attach(t, { planId: "pro", trial: true, fingerprint: "device_1" });
    const other = { customerId: "user_2", planId: "team", fingerprint: "device_1" };
    expect(await attach(t, { ...other, trial: twoMonths })).toMatchObject({ replayed: false });
  });

  test("and a fingerprint without a trial takes none away", async () => {
    const t = deployment();
    await attach(t, { planId: "pro", fingerprint: "device_1" });
    const other = { customerId: "user_2", planId: "pro", fingerprint: "device_1" };
    expect(await attach(t, { ...other, trial: true })).toMatchObject({ replayed: false });
  });

  test("but not if it was given up before it began", async () => {
    const t = deployment();
    await attach(t, { planId: "team" });
    await attach(t, { planId: "pro", when: "period_end", trial: true, fingerprint: "device_1" });
    await resume(t, "team");
    const again = { planId: "pro", when: "period_end", trial: true, fingerprint: "device_1" } as const;
    expect(await attach(t, again)).toMatchObject({ startsAt: FEBRUARY });
    await expect(attach(t, again)).rejects.toMatchObject(refusedAs("has had his trial"));
  });

  test("and is not given to who has the plan: nothing is changed", async () => {
    const t = deployment();
    registerInspected(t);
    await attach(t, { planId: "pro" });
    const before = await stored(t);
    await expect(attach(t, { planId: "pro", trial: true })).rejects.toMatchObject(
      refusedAs('already has "pro"'),
    );
    expect(await stored(t)).toEqual(before);
  });
});

describe("a trial that begins with the next period", () => {
  test("lasts as long from there, and the default plan follows", async () => {
    const t = deployment();
    await attach(t, { planId: "team" });
    expect(await attach(t, { planId: "pro", trial: true, when: "period_end" })).toMatchObject({
      startsAt: FEBRUARY,
    });
    vi.setSystemTime(FEBRUARY - 1);
    expect(await check(t)).toMatchObject({ granted: 500 });
    vi.setSystemTime(FEBRUARY);
    expect(await check(t)).toMatchObject({ granted: 100 });
    expect(await statuses(t)).toEqual(["free ended", "team ended", "pro trialing", "free scheduled"]);
    vi.setSystemTime(FEBRUARY + 14 * DAY_MS);
    expect(await check(t)).toMatchObject({ granted: 10 });
  });

  test("is had in the meantime by nobody: an upgrade at once drops it, and what was to follow", async () => {
    const t = deployment();
    await attach(t, { planId: "pro" });
    await attach(t, { planId: "team", trial: twoMonths, when: "period_end" });
    await attach(t, { planId: "team" });
    vi.setSystemTime(Date.UTC(2026, 5, 1));
    expect(await check(t)).toMatchObject({ granted: 500 });
    expect(await statuses(t)).toEqual(["free ended", "pro ended", "team ended", "free ended", "team active"]);
  });
});

describe("a change during a trial", () => {
  test("to another plan with the period's end happens with the trial's: nobody tries for longer", async () => {
    const t = deployment();
    await attach(t, { planId: "pro", trial: true });
    const end = JANUARY + 14 * DAY_MS;
    expect(await attach(t, { planId: "team", when: "period_end" })).toMatchObject({ startsAt: end });
    vi.setSystemTime(end - 1);
    expect(await check(t)).toMatchObject({ granted: 100 });
    vi.setSystemTime(end);
    expect(await check(t)).toMatchObject({ granted: 500 });
  });

  test("of a plan that has no period waits for the trial's end, too", async () => {
    const t = deployment();
    await attach(t, { planId: "lifetime", trial: { length: 5, unit: "day" } });
    expect(await cancel(t, "lifetime")).toMatchObject({ endsAt: JANUARY + 5 * DAY_MS });
  });

  test("is a cancellation with the period, if that is sooner; taken back, the trial ends as it would have", async () => {
    const t = deployment();
    await attach(t, { planId: "pro", trial: twoMonths });
    expect(await cancel(t, "pro")).toMatchObject({ endsAt: FEBRUARY });
    expect(await resume(t, "pro")).toMatchObject({ resumed: true });
    vi.setSystemTime(FEBRUARY);
    expect(await check(t)).toMatchObject({ granted: 100 });
    vi.setSystemTime(Date.UTC(2026, 2, 10));
    expect(await check(t)).toMatchObject({ granted: 10 });
    expect(await statuses(t)).toEqual(["free ended", "pro ended", "free ended", "free ended", "free active"]);
  });

  test("is the plan bought: it goes on after the trial", async () => {
    const t = deployment();
    await attach(t, { planId: "pro", trial: true });
    await use(t, 30);
    await attach(t, { planId: "pro" });
    vi.setSystemTime(JANUARY + 20 * DAY_MS);
    expect(await check(t)).toMatchObject({ granted: 100, usage: 30 });
    expect(await resume(t, "pro")).toMatchObject({ resumed: false });
  });
});

describe("what cannot be tried", () => {
  test.each([
    ["a length of none", { length: 0, unit: "day" }],
    ["half a day", { length: 0.5, unit: "day" }],
    ["no number", { length: NaN, unit: "day" }],
    ["hours", { length: 5, unit: "hour" }],
    ["something else", { length: 5, unit: "day", card: true }],
  ])("is %s", async (_, trial) => {
    const args = { planId: "pro", trial } as unknown as Args;
    await expect(attach(deployment(), args)).rejects.toMatchObject(refusedAs("trial"));
  });

  test.each([
    ["trial", { trial: { length: 5, unit: "day" } }],
    ["when", { when: "period_end" }],
    ["carryOverUsages", { carryOverUsages: true }],
    ["carryOverBalances", { carryOverBalances: true }],
  ] as const)("is a top-up: it takes no %s, and says so", async (name, args) => {
    const t = deployment();
    registerInspected(t);
    await expect(attach(t, { planId: "pack", ...args })).rejects.toMatchObject(
      refusedAs(`leave out ${name}`),
    );
    expect((await stored(t)).customers).toEqual([]);
  });
});

test("an entity's trial is the entity's, and the default plan follows for it", async () => {
  const t = deployment();
  await t.mutation((ctx) =>
    withDefault.entities.create(ctx, { customerId, entityId: "ada", featureId: "seats" }),
  );
  await attach(t, { planId: "pro", entityId: "ada", trial: true });
  expect(await check(t, "ada")).toMatchObject({ granted: 110 });
  expect(await check(t)).toMatchObject({ granted: 10 });
  vi.setSystemTime(JANUARY + 14 * DAY_MS);
  expect(await check(t, "ada")).toMatchObject({ granted: 20 });
});
