/** Plans that are not paid for, changed back and forth: usage is never given back by it. */
import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import { components } from "../../convex/_generated/api.js";
import { defineCatalog, Tally, type AttachArgs } from "../../src/client/index.js";
import { deployment, type Deployment } from "./deployment.js";

const customerId = "user_1";
const JANUARY = Date.UTC(2026, 0, 10);
const FEBRUARY = Date.UTC(2026, 1, 10);
const DAY_MS = 24 * 60 * 60 * 1000;
const month = { interval: "month" } as const;

const messages = (included: number) => ({ featureId: "messages", included, reset: month });
const storage = (included: number) => ({ featureId: "storage", included });
const tally = new Tally(components.tally, {
  catalog: defineCatalog({
    features: [
      { id: "messages", type: "metered" },
      { id: "storage", type: "metered", consumable: false },
      { id: "search", type: "boolean" },
      { id: "seats", type: "metered", consumable: false },
    ],
    plans: [
      // No plan here is a default one: who has cancelled has nothing.
      { id: "hobby", items: [messages(10), storage(5)] },
      { id: "sprout", items: [messages(20), storage(5)] },
      { id: "reader", items: [{ featureId: "search" }] },
      { id: "pro", price: { amount: 20, interval: "month" }, items: [messages(100), storage(50)] },
      { id: "bonus", addOn: true, items: [messages(7)] },
      { id: "boost", addOn: true, price: { amount: 5, interval: "month" }, items: [messages(50)] },
      { id: "hello", group: "hello", items: [{ featureId: "messages", included: 3 }] },
      {
        id: "desk",
        group: "desks",
        items: [{ ...messages(4), entityFeatureId: "seats" }],
      },
    ],
  }),
  identify: () => Promise.resolve(null),
});

beforeEach(() => {
  vi.useFakeTimers();
  vi.setSystemTime(JANUARY);
});
afterEach(() => {
  vi.useRealTimers();
});

type Options = Omit<AttachArgs, "customerId" | "planId">;
const attach = (t: Deployment, planId: string, args: Options = {}) =>
  t.mutation((ctx) => tally.subscriptions.attach(ctx, { customerId, planId, ...args }));
const cancel = (t: Deployment, planId: string, entityId?: string) =>
  t.mutation((ctx) => tally.subscriptions.cancel(ctx, { customerId, planId, when: "now", entityId }));
const use = (t: Deployment, value: number, featureId = "messages", entityId?: string) =>
  t.mutation((ctx) => tally.track(ctx, { customerId, featureId, value, entityId }));
const check = (t: Deployment, featureId = "messages", entityId?: string) =>
  t.query((ctx) => tally.check(ctx, { customerId, featureId, entityId }));

async function used(value: number, planId: string): Promise<Deployment> {
  const t = deployment();
  await attach(t, planId);
  await use(t, value);
  return t;
}

describe("usage of a free plan", () => {
  test("counts against another free plan, and back", async () => {
    const t = await used(8, "hobby");
    await attach(t, "sprout");
    expect(await check(t)).toMatchObject({ granted: 20, usage: 8, remaining: 12 });
    await attach(t, "hobby");
    expect(await check(t)).toMatchObject({ granted: 10, usage: 8, remaining: 2 });
  });

  test("is not back by cancelling and taking the plan again", async () => {
    const t = await used(8, "hobby");
    for (let time = 0; time < 3; time++) {
      await cancel(t, "hobby");
      expect(await check(t)).toMatchObject({ allowed: false, remaining: 0 });
      await attach(t, "hobby");
      expect(await check(t)).toMatchObject({ granted: 10, usage: 8, remaining: 2 });
    }
  });

  test("is not back by taking another one after cancelling", async () => {
    const t = await used(8, "hobby");
    await cancel(t, "hobby");
    await attach(t, "sprout");
    expect(await check(t)).toMatchObject({ granted: 20, usage: 8 });
  });

  test("is not back by way of a plan without the feature", async () => {
    const t = await used(8, "hobby");
    await attach(t, "reader");
    expect(await check(t)).toMatchObject({ remaining: 0 });
    await attach(t, "hobby");
    expect(await check(t)).toMatchObject({ granted: 10, usage: 8 });
  });

  test("is not back by a scheduled change that is taken back", async () => {
    const t = await used(8, "hobby");
    await attach(t, "reader", { when: "period_end" });
    await t.mutation((ctx) => tally.subscriptions.resume(ctx, { customerId, planId: "hobby" }));
    expect(await check(t)).toMatchObject({ granted: 10, usage: 8 });
  });

  test("is back with the next period, wherever the customer was in between", async () => {
    const t = await used(8, "hobby");
    await cancel(t, "hobby");
    vi.setSystemTime(FEBRUARY);
    expect(await check(t)).toMatchObject({ allowed: false, reason: "not_included" });
    await attach(t, "hobby");
    expect(await check(t)).toMatchObject({ granted: 10, usage: 0 });
  });

  test("is not back by starting a trial and cancelling it", async () => {
    const t = await used(8, "hobby");
    await attach(t, "pro", { trial: { length: 14, unit: "day" } });
    expect(await check(t)).toMatchObject({ granted: 100, usage: 8, remaining: 92 });
    await cancel(t, "pro");
    await attach(t, "hobby");
    expect(await check(t)).toMatchObject({ granted: 10, usage: 8 });
  });

  test("is fresh on a plan that is paid for, and what is used there counts on the way back", async () => {
    const t = await used(8, "hobby");
    await attach(t, "pro");
    expect(await check(t)).toMatchObject({ granted: 100, usage: 0 });
    await use(t, 60);
    await attach(t, "hobby");
    expect(await check(t)).toMatchObject({ granted: 10, usage: 60, remaining: 0 });
    await cancel(t, "hobby");
    await attach(t, "sprout");
    expect(await check(t)).toMatchObject({ granted: 20, usage: 60, remaining: 0 });
  });

  test("is fresh on a plan that is paid for after the other was cancelled", async () => {
    const t = await used(8, "hobby");
    await cancel(t, "hobby");
    await attach(t, "pro");
    expect(await check(t)).toMatchObject({ granted: 100, usage: 0, breakdown: [{ planId: "pro" }] });
  });

  test("that never resets is not back either", async () => {
    const t = await used(3, "hello");
    await cancel(t, "hello");
    vi.setSystemTime(FEBRUARY);
    await attach(t, "hello");
    expect(await check(t)).toMatchObject({ granted: 3, usage: 3, remaining: 0 });
  });
});

describe("what is held", () => {
  test("stays held over every change, be it paid for or not", async () => {
    const t = deployment();
    await attach(t, "hobby");
    await use(t, 4, "storage");
    for (const planId of ["pro", "sprout", "hobby"]) {
      await attach(t, planId);
      expect(await check(t, "storage")).toMatchObject({ usage: 4 });
    }
    await cancel(t, "hobby");
    vi.setSystemTime(FEBRUARY);
    await attach(t, "hobby");
    expect(await check(t, "storage")).toMatchObject({ granted: 5, usage: 4, remaining: 1 });
  });
});

describe("usage of an add-on", () => {
  test("that is free is not back by cancelling and taking it again", async () => {
    const t = await used(0, "hobby");
    await attach(t, "bonus");
    await use(t, 15);
    await cancel(t, "bonus");
    expect(await check(t)).toMatchObject({ remaining: 0 });
    await attach(t, "bonus");
    expect(await check(t)).toMatchObject({ remaining: 2 });
    await attach(t, "sprout");
    expect(await check(t)).toMatchObject({ remaining: 12 });
  });

  test("that is paid for is fresh each time that it is bought", async () => {
    const t = deployment();
    await attach(t, "boost");
    await use(t, 50);
    await cancel(t, "boost");
    await attach(t, "boost");
    expect(await check(t)).toMatchObject({ granted: 50, usage: 0, remaining: 50 });
  });

  test("is apart from that of the plan: an add-on takes no usage of it, nor the plan of the add-on", async () => {
    const t = await used(8, "hobby");
    await cancel(t, "hobby");
    await attach(t, "bonus");
    expect(await check(t)).toMatchObject({ remaining: 7 });
    await attach(t, "hobby");
    expect(await check(t)).toMatchObject({ remaining: 9 });
  });
});

describe("usage of entities", () => {
  async function withSeat(): Promise<Deployment> {
    const t = deployment();
    await t.mutation((ctx) =>
      tally.entities.create(ctx, { customerId, entityId: "ada", featureId: "seats" }),
    );
    return t;
  }

  test("is not back by taking an entity's own free plan again", async () => {
    const t = await withSeat();
    await attach(t, "hobby", { entityId: "ada" });
    await use(t, 8, "messages", "ada");
    await cancel(t, "hobby", "ada");
    await attach(t, "hobby", { entityId: "ada" });
    expect(await check(t, "messages", "ada")).toMatchObject({ granted: 10, usage: 8 });
  });

  test("is not back by taking a plan again that gives to each", async () => {
    const t = await withSeat();
    await attach(t, "desk");
    await use(t, 3, "messages", "ada");
    await cancel(t, "desk");
    expect(await check(t, "messages", "ada")).toMatchObject({ remaining: 0 });
    await attach(t, "desk");
    expect(await check(t, "messages", "ada")).toMatchObject({ granted: 4, usage: 3, remaining: 1 });
  });
});

describe("a refund of what a plan paid that is gone", () => {
  test("is not counted when the plan comes back", async () => {
    const t = await used(8, "hobby");
    await cancel(t, "hobby");
    await use(t, -3);
    await attach(t, "hobby");
    expect(await check(t)).toMatchObject({ usage: 5, remaining: 5 });
  });
});

test("a trial in the middle of a period goes on with the period's days", async () => {
  const t = await used(8, "hobby");
  vi.setSystemTime(JANUARY + 10 * DAY_MS);
  await attach(t, "pro", { trial: { length: 2, unit: "month" } });
  vi.setSystemTime(FEBRUARY);
  expect(await check(t)).toMatchObject({ granted: 100, usage: 0 });
});
