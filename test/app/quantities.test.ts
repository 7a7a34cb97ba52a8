/** Units bought in advance: more at once, fewer with the period, and those bought once for good. */
import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import { components } from "../../convex/_generated/api.js";
import { defineCatalog, Tally, type AttachArgs } from "../../src/client/index.js";
import { deployment, type Deployment } from "./deployment.js";
import { registerInspected, stored } from "./stored.js";

const customerId = "user_1";
const JANUARY = Date.UTC(2026, 0, 10);
const FEBRUARY = Date.UTC(2026, 1, 10);
const MARCH = Date.UTC(2026, 2, 10);
const DAY_MS = 24 * 60 * 60 * 1000;
const month = { interval: "month" } as const;
const inPacks = (billingUnits: number, interval: "month" | "one_off" = "month") =>
  ({ amount: 1, interval, billingUnits, billingMethod: "prepaid" }) as const;

const tally = new Tally(components.tally, {
  catalog: defineCatalog({
    features: [
      { id: "messages", type: "metered" },
      { id: "images", type: "metered" },
      { id: "storage", type: "metered", consumable: false },
    ],
    plans: [
      { id: "free", autoEnable: true, items: [{ featureId: "messages", included: 10, reset: month }] },
      {
        id: "pro",
        price: { amount: 20, interval: "month" },
        items: [
          { featureId: "messages", included: 100, reset: month, price: inPacks(100) },
          { featureId: "images", included: 0, reset: month, price: inPacks(10) },
        ],
      },
      {
        id: "team",
        price: { amount: 50, interval: "month" },
        items: [{ featureId: "messages", included: 500, reset: month }],
      },
      {
        id: "credits",
        group: "credits",
        price: { amount: 1, interval: "month" },
        items: [{ featureId: "messages", included: 50, price: inPacks(100, "one_off") }],
      },
      {
        id: "bulk",
        group: "credits",
        price: { amount: 9, interval: "month" },
        items: [{ featureId: "messages", included: 500, reset: month }],
      },
      { id: "starter", group: "credits", items: [{ featureId: "messages", included: 5, reset: month }] },
      {
        id: "drive",
        group: "drive",
        price: { amount: 3, interval: "month" },
        items: [{ featureId: "storage", included: 0, price: inPacks(5, "one_off") }],
      },
      {
        id: "cloud",
        group: "drive",
        price: { amount: 3, interval: "month" },
        items: [{ featureId: "storage", included: 0, price: inPacks(5) }],
      },
      { id: "folder", group: "drive", items: [{ featureId: "storage", included: 2 }] },
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
const cancel = (t: Deployment, planId: string, when?: "now") =>
  t.mutation((ctx) => tally.subscriptions.cancel(ctx, { customerId, planId, when }));
const use = (t: Deployment, value: number, featureId = "messages") =>
  t.mutation((ctx) => tally.track(ctx, { customerId, featureId, value }));
const check = (t: Deployment, featureId = "messages") =>
  t.query((ctx) => tally.check(ctx, { customerId, featureId }));

describe("units bought for each period", () => {
  async function withPacks(quantities = { messages: 300, images: 20 }): Promise<Deployment> {
    const t = deployment();
    registerInspected(t);
    await attach(t, "pro", { quantities });
    return t;
  }

  test("come again with each period", async () => {
    const t = await withPacks();
    await use(t, 250);
    vi.setSystemTime(FEBRUARY);
    expect(await check(t)).toMatchObject({ granted: 300, usage: 0 });
    vi.setSystemTime(MARCH);
    expect(await check(t, "images")).toMatchObject({ granted: 20, usage: 0 });
  });

  test("are more at once, with what was used; the period stays", async () => {
    const t = await withPacks();
    await use(t, 250);
    vi.setSystemTime(JANUARY + 5 * DAY_MS);
    expect(await attach(t, "pro", { quantities: { messages: 410, images: 20 } })).toMatchObject({
      startsAt: JANUARY + 5 * DAY_MS,
    });
    expect(await check(t)).toMatchObject({ granted: 500, usage: 250, nextResetAt: FEBRUARY });
  });

  test("are fewer with the next period: those that are paid for stay until then", async () => {
    const t = await withPacks();
    await use(t, 250);
    expect(await attach(t, "pro", { quantities: { messages: 200, images: 20 } })).toMatchObject({
      startsAt: FEBRUARY,
    });
    expect(await check(t)).toMatchObject({ granted: 300, usage: 250 });
    vi.setSystemTime(FEBRUARY);
    expect(await check(t)).toMatchObject({ granted: 200, usage: 0 });
    expect(await check(t, "images")).toMatchObject({ granted: 20 });
  });

  test("are previewed as they will be", async () => {
    const t = await withPacks();
    const preview = (quantities: Record<string, number>) =>
      t.query((ctx) => tally.subscriptions.preview(ctx, { customerId, planId: "pro", quantities }));
    expect(await preview({ messages: 200, images: 20 })).toMatchObject({ startsAt: FEBRUARY });
    expect(await preview({ messages: 400, images: 20 })).toMatchObject({ startsAt: JANUARY });
  });

  test("are fewer at once if that is told", async () => {
    const t = await withPacks();
    await use(t, 250);
    await attach(t, "pro", { quantities: { messages: 200 }, when: "now" });
    expect(await check(t)).toMatchObject({ granted: 200, usage: 250, remaining: 0 });
    expect(await check(t, "images")).toMatchObject({ granted: 0 });
  });

  test("change at once where some are more, and some fewer", async () => {
    const t = await withPacks();
    await attach(t, "pro", { quantities: { messages: 400, images: 10 } });
    expect(await check(t)).toMatchObject({ granted: 400 });
    expect(await check(t, "images")).toMatchObject({ granted: 10 });
  });

  test("are more again before they were fewer", async () => {
    const t = await withPacks();
    await attach(t, "pro", { quantities: { messages: 200, images: 20 } });
    await attach(t, "pro", { quantities: { messages: 400, images: 20 } });
    vi.setSystemTime(FEBRUARY);
    expect(await check(t)).toMatchObject({ granted: 400 });
  });

  test("stay if it is taken back that they are fewer", async () => {
    const t = await withPacks();
    await attach(t, "pro", { quantities: { messages: 200, images: 20 } });
    await t.mutation((ctx) => tally.subscriptions.resume(ctx, { customerId, planId: "pro" }));
    vi.setSystemTime(FEBRUARY);
    expect(await check(t)).toMatchObject({ granted: 300 });
  });

  test("stay when the plan is attached again without saying how many", async () => {
    const t = await withPacks();
    const before = await stored(t);
    await attach(t, "pro");
    expect(await stored(t)).toEqual(before);
  });

  test("end with the plan", async () => {
    const t = await withPacks();
    await attach(t, "team");
    expect(await check(t)).toMatchObject({ granted: 500 });
    expect(await check(t, "images")).toMatchObject({ allowed: false });
  });
});

describe("units bought once", () => {
  test("stay when their plan is cancelled with its period, as when it is cancelled at once", async () => {
    for (const when of [undefined, "now"] as const) {
      vi.setSystemTime(JANUARY);
      const t = deployment();
      await attach(t, "credits", { quantities: { messages: 250 } });
      await use(t, 40);
      await cancel(t, "credits", when);
      vi.setSystemTime(MARCH);
      // 250 of 50 included and 2 packs; the default plan paid for the first 10 of the 40.
      expect(await check(t)).toMatchObject({ remaining: 230 });
      expect((await check(t)).breakdown).toMatchObject([{ remaining: 10 }, { granted: 250, usage: 30 }]);
    }
  });

  test("take no usage along into the plan that follows", async () => {
    const t = deployment();
    await attach(t, "credits", { quantities: { messages: 250 } });
    await use(t, 100);
    await attach(t, "starter");
    expect(await check(t)).toMatchObject({ remaining: 165 });
  });

  test("are what is left of them beside a plan that is paid for", async () => {
    const t = deployment();
    await attach(t, "credits", { quantities: { messages: 250 } });
    await use(t, 110);
    await attach(t, "bulk");
    expect((await check(t)).breakdown).toMatchObject([
      { granted: 10, usage: 10 },
      { granted: 500, usage: 0 },
      { granted: 150, usage: 0 },
    ]);
  });

  test("are added to when more are bought, and what the plan includes is included once", async () => {
    const t = deployment();
    await attach(t, "credits", { quantities: { messages: 150 } });
    await use(t, 60);
    await attach(t, "credits", { quantities: { messages: 250 } });
    expect((await check(t)).breakdown).toMatchObject([
      { granted: 10, usage: 10 },
      { granted: 350, usage: 50 },
    ]);
  });

  test("are not had again by leaving the plan and coming back", async () => {
    const t = deployment();
    await attach(t, "credits");
    await use(t, 60);
    for (let time = 0; time < 3; time++) {
      await cancel(t, "credits", "now");
      await attach(t, "credits");
    }
    expect(await check(t)).toMatchObject({ remaining: 0 });
  });

  test("are one grant, however often they are bought", async () => {
    const t = deployment();
    for (let time = 1; time <= 70; time++) await attach(t, "credits", { quantities: { messages: 150 } });
    expect((await check(t)).breakdown).toMatchObject([{ granted: 10 }, { granted: 7_050 }]);
  });

  test("go back to where they came from when a use is refunded, though their plan is over", async () => {
    const t = deployment();
    await attach(t, "credits", { quantities: { messages: 150 } });
    const { eventId } = await use(t, 110);
    await attach(t, "starter");
    await t.mutation((ctx) => tally.refund(ctx, { customerId, eventId: eventId ?? "" }));
    expect((await check(t)).breakdown.at(-1)).toMatchObject({ granted: 150, usage: 0 });
  });

  test("come back with a refund beside a plan that is paid for, as many as were used", async () => {
    const t = deployment();
    await attach(t, "credits", { quantities: { messages: 150 } });
    const { eventId } = await use(t, 110);
    await attach(t, "bulk");
    expect((await check(t)).breakdown.at(-1)).toMatchObject({ granted: 50, usage: 0, remaining: 50 });
    await t.mutation((ctx) => tally.refund(ctx, { customerId, eventId: eventId ?? "" }));
    expect((await check(t)).breakdown.at(-1)).toMatchObject({ remaining: 150 });
    expect(await check(t)).toMatchObject({ remaining: 660 });
  });

  test("that are held stay held, and had", async () => {
    const t = deployment();
    await attach(t, "drive", { quantities: { storage: 5 } });
    await use(t, 4, "storage");
    await attach(t, "folder");
    expect(await check(t, "storage")).toMatchObject({ granted: 7, usage: 4, remaining: 3 });
    await use(t, -4, "storage");
    expect(await check(t, "storage")).toMatchObject({ usage: 0, remaining: 7 });
  });

  test("are not those that are held and paid for each month: they end with their plan", async () => {
    const t = deployment();
    await attach(t, "cloud", { quantities: { storage: 10 } });
    await use(t, 4, "storage");
    await attach(t, "cloud", { quantities: { storage: 5 } });
    expect(await check(t, "storage")).toMatchObject({ granted: 10, usage: 4 });
    vi.setSystemTime(FEBRUARY);
    expect(await check(t, "storage")).toMatchObject({ granted: 5, usage: 4, remaining: 1 });
    await attach(t, "folder");
    expect(await check(t, "storage")).toMatchObject({ granted: 2, usage: 4, remaining: 0 });
  });

  test("of a trial end with it", async () => {
    const t = deployment();
    await attach(t, "credits", { quantities: { messages: 250 }, trial: { length: 3, unit: "day" } });
    expect(await check(t)).toMatchObject({ granted: 260 });
    vi.setSystemTime(JANUARY + 3 * DAY_MS);
    expect(await check(t)).toMatchObject({ granted: 10 });
  });

  test("outlive several other grants that are kept over a change", async () => {
    const t = deployment();
    await attach(t, "credits", { quantities: { messages: 150 } });
    await attach(t, "pro", { quantities: { messages: 300 } });
    await t.mutation((ctx) => tally.grants.grant(ctx, { customerId, featureId: "messages", amount: 7 }));
    await use(t, 120);
    await attach(t, "team", { carryOverBalances: true });
    // 500 of the new plan, 180 kept of the old one, 150 bought once, a gift of 7.
    expect(await check(t)).toMatchObject({ remaining: 837 });
    vi.setSystemTime(FEBRUARY);
    expect(await check(t)).toMatchObject({ remaining: 657 });
  });
});

describe("what cannot be bought", () => {
  test.each([
    ["a feature that the plan does not have", { storage: 5 }, "invalid_argument"],
    ["a feature that nobody has", { massages: 5 }, "invalid_argument"],
    ["fewer than none", { messages: -1 }, "invalid_amount"],
    ["no number", { messages: NaN }, "invalid_amount"],
    ["negative zero", { messages: -0 }, "invalid_amount"],
    ["infinitely many", { messages: Infinity }, "invalid_amount"],
    ["more than numbers hold", { messages: 1e308 }, "invalid_amount"],
    ["a text", { messages: "300" }, "invalid_amount"],
    ["nothing", null, "invalid_argument"],
    ["a number of nothing", 300, "invalid_argument"],
  ])("is %s: nothing is changed", async (_, quantities, kind) => {
    const t = deployment();
    registerInspected(t);
    await attach(t, "free");
    const before = await stored(t);
    await expect(attach(t, "pro", { quantities } as unknown as Options)).rejects.toMatchObject({
      data: { kind },
    });
    expect(await stored(t)).toEqual(before);
  });
});
