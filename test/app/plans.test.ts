import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import { components } from "../../convex/_generated/api.js";
import { defineCatalog, Tally, type AttachArgs } from "../../src/client/index.js";
import { deployment, type Deployment } from "./deployment.js";

const customerId = "user_1";
const JANUARY = Date.UTC(2026, 0, 10);
const FEBRUARY = Date.UTC(2026, 1, 10);
const DAY_MS = 24 * 60 * 60 * 1000;
const month = { interval: "month" } as const;

const tally = new Tally(components.tally, {
  catalog: defineCatalog({
    features: [
      { id: "messages", type: "metered" },
      { id: "storage", type: "metered", consumable: false },
      { id: "seats", type: "metered", consumable: false },
    ],
    plans: [
      { id: "free", autoEnable: true, items: [{ featureId: "messages", included: 10, reset: month }] },
      {
        id: "pro",
        price: { amount: 20, interval: "month" },
        freeTrial: { durationLength: 14, durationType: "day" },
        items: [
          { featureId: "messages", included: 100, reset: month },
          { featureId: "storage", included: 5 },
        ],
      },
      {
        id: "team",
        price: { amount: 50, interval: "month" },
        items: [
          { featureId: "messages", included: 500, reset: month },
          { featureId: "storage", included: 50 },
        ],
      },
      {
        id: "extra",
        addOn: true,
        price: { amount: 5, interval: "month" },
        items: [{ featureId: "messages", included: 50, reset: month }],
      },
      {
        id: "packs",
        group: "packs",
        price: { amount: 1, interval: "month" },
        items: [
          {
            featureId: "messages",
            included: 0,
            price: { amount: 1, interval: "one_off", billingUnits: 100, billingMethod: "prepaid" },
          },
        ],
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

const attach = (t: Deployment, args: Omit<AttachArgs, "customerId">) =>
  t.mutation((ctx) => tally.subscriptions.attach(ctx, { customerId, ...args }));
const cancel = (t: Deployment, planId: string, when?: "now" | "period_end", idempotencyKey?: string) =>
  t.mutation((ctx) => tally.subscriptions.cancel(ctx, { customerId, planId, when, idempotencyKey }));
const resume = (t: Deployment, planId: string) =>
  t.mutation((ctx) => tally.subscriptions.resume(ctx, { customerId, planId }));
const use = (t: Deployment, featureId: string, value: number) =>
  t.mutation((ctx) => tally.track(ctx, { customerId, featureId, value }));
const check = (t: Deployment, featureId = "messages") =>
  t.query((ctx) => tally.check(ctx, { customerId, featureId }));
const statuses = async (t: Deployment) => {
  const { page } = await t.query((ctx) => tally.subscriptions.list(ctx, { customerId }));
  return page.map(({ planId, status }) => `${planId} ${status}`);
};

describe("a downgrade at the period's end", () => {
  async function downgraded() {
    const t = deployment();
    await attach(t, { planId: "team" });
    await use(t, "messages", 400);
    await use(t, "storage", 20);
    const answer = await attach(t, { planId: "pro", when: "period_end" });
    return { t, answer };
  }

  test("is written down now and happens then, without any cron", async () => {
    const { t, answer } = await downgraded();
    expect(answer.startsAt).toBe(FEBRUARY);
    expect(await check(t)).toMatchObject({ granted: 500, remaining: 100 });
    vi.setSystemTime(FEBRUARY - 1);
    expect(await check(t)).toMatchObject({ granted: 500, remaining: 100 });
    vi.setSystemTime(FEBRUARY);
    expect(await check(t)).toMatchObject({ granted: 100, usage: 0, remaining: 100 });
    expect(await statuses(t)).toEqual(["free ended", "team ended", "pro active"]);
  });

  test("keeps what is held, beyond what the smaller plan includes", async () => {
    const { t } = await downgraded();
    vi.setSystemTime(FEBRUARY);
    expect(await check(t, "storage")).toMatchObject({ granted: 5, usage: 20, remaining: 0, balance: -15 });
  });

  test("resets each month from then on", async () => {
    const { t } = await downgraded();
    vi.setSystemTime(FEBRUARY);
    await use(t, "messages", 30);
    vi.setSystemTime(Date.UTC(2026, 2, 10));
    expect(await check(t)).toMatchObject({ granted: 100, usage: 0 });
  });

  test("is taken back by resuming the plan, before its time", async () => {
    const { t } = await downgraded();
    expect(await resume(t, "team")).toEqual({ resumed: true, replayed: false });
    vi.setSystemTime(FEBRUARY);
    expect(await check(t)).toMatchObject({ granted: 500, usage: 0 });
    expect(await statuses(t)).toEqual(["free ended", "team active", "pro ended"]);
  });

  test("is replaced by another that is decided later", async () => {
    const { t } = await downgraded();
    await attach(t, { planId: "free", when: "period_end" });
    vi.setSystemTime(FEBRUARY);
    expect(await check(t)).toMatchObject({ granted: 10 });
  });

  test("is dropped by an upgrade that happens at once", async () => {
    const t = deployment();
    await attach(t, { planId: "pro" });
    await attach(t, { planId: "free", when: "period_end" });
    await attach(t, { planId: "team" });
    vi.setSystemTime(FEBRUARY);
    expect(await check(t)).toMatchObject({ granted: 500 });
  });
});

describe("a cancellation", () => {
  test("ends the plan with its period, and the default plan follows", async () => {
    const t = deployment();
    await attach(t, { planId: "pro" });
    expect(await cancel(t, "pro")).toEqual({ endsAt: FEBRUARY, replayed: false });
    expect(await check(t)).toMatchObject({ granted: 100 });
    vi.setSystemTime(FEBRUARY);
    expect(await check(t)).toMatchObject({ granted: 10 });
  });

  test("at once keeps what was used: nobody resets for free by leaving", async () => {
    const t = deployment();
    await attach(t, { planId: "pro" });
    await use(t, "messages", 8);
    await cancel(t, "pro", "now");
    expect(await check(t)).toMatchObject({ granted: 10, usage: 8, remaining: 2 });
  });

  test("is taken back before its time", async () => {
    const t = deployment();
    await attach(t, { planId: "pro" });
    await cancel(t, "pro");
    await resume(t, "pro");
    vi.setSystemTime(FEBRUARY);
    expect(await check(t)).toMatchObject({ granted: 100 });
  });

  test("of an add-on leaves the plan as it is", async () => {
    const t = deployment();
    await attach(t, { planId: "extra" });
    expect(await check(t)).toMatchObject({ granted: 60 });
    await cancel(t, "extra");
    vi.setSystemTime(FEBRUARY);
    expect(await check(t)).toMatchObject({ granted: 10 });
  });

  test("with a key is answered again, and ends nothing more", async () => {
    const t = deployment();
    await attach(t, { planId: "pro" });
    await cancel(t, "pro", "period_end", "key_1");
    expect(await cancel(t, "pro", "period_end", "key_1")).toEqual({ endsAt: FEBRUARY, replayed: true });
  });

  test("of a plan that the customer does not have is refused", async () => {
    const t = deployment();
    await attach(t, { planId: "pro" });
    await expect(cancel(t, "team")).rejects.toMatchObject({ data: { kind: "plan_not_found" } });
    await expect(resume(t, "team")).rejects.toMatchObject({ data: { kind: "plan_not_found" } });
  });
});

describe("a trial", () => {
  test("gives the plan for its days, and the default plan afterwards", async () => {
    const t = deployment();
    await attach(t, { planId: "pro", trial: true });
    expect(await check(t)).toMatchObject({ granted: 100 });
    expect(await statuses(t)).toEqual(["free ended", "pro trialing", "free scheduled"]);
    vi.setSystemTime(JANUARY + 14 * DAY_MS);
    expect(await check(t)).toMatchObject({ granted: 10 });
  });

  test("is had once", async () => {
    const t = deployment();
    await attach(t, { planId: "pro", trial: { length: 1, unit: "month" } });
    await expect(attach(t, { planId: "pro", trial: true })).rejects.toMatchObject({
      data: { kind: "invalid_argument", planId: "pro" },
    });
  });

  test("is had once by a fingerprint, under whatever account", async () => {
    const t = deployment();
    await attach(t, { planId: "pro", trial: true, fingerprint: "device_1" });
    const other = t.mutation((ctx) =>
      tally.subscriptions.attach(ctx, {
        customerId: "user_2",
        planId: "pro",
        trial: true,
        fingerprint: "device_1",
      }),
    );
    await expect(other).rejects.toMatchObject({ data: { kind: "invalid_argument" } });
  });

  test("that is bought goes on, with what was used", async () => {
    const t = deployment();
    await attach(t, { planId: "pro", trial: true });
    await use(t, "messages", 30);
    await attach(t, { planId: "pro" });
    vi.setSystemTime(JANUARY + 20 * DAY_MS);
    expect(await check(t)).toMatchObject({ granted: 100, usage: 30 });
  });

  test("has no cancellation to take back", async () => {
    const t = deployment();
    await attach(t, { planId: "pro", trial: true });
    expect(await resume(t, "pro")).toEqual({ resumed: false, replayed: false });
  });

  test("of a plan without one must say how long", async () => {
    await expect(attach(deployment(), { planId: "team", trial: true })).rejects.toMatchObject({
      data: { kind: "invalid_argument" },
    });
  });
});

describe("attaching", () => {
  test("keeps usage for a dearer plan too, if it is told to", async () => {
    const t = deployment();
    await use(t, "messages", 7);
    await attach(t, { planId: "pro", carryOverUsages: true });
    expect(await check(t)).toMatchObject({ granted: 100, usage: 7 });
  });

  test("keeps what is held, also where the change is paid for", async () => {
    const t = deployment();
    await attach(t, { planId: "pro" });
    await use(t, "storage", 4);
    await use(t, "messages", 30);
    await attach(t, { planId: "team" });
    expect(await check(t, "storage")).toMatchObject({ granted: 50, usage: 4 });
    expect(await check(t)).toMatchObject({ granted: 500, usage: 0 });
  });

  test("keeps what is left until it would have reset, if it is told to", async () => {
    const t = deployment();
    await use(t, "messages", 3);
    vi.setSystemTime(JANUARY + DAY_MS);
    await attach(t, { planId: "pro", carryOverBalances: true });
    expect(await check(t)).toMatchObject({ granted: 107, remaining: 107 });
    vi.setSystemTime(FEBRUARY);
    expect(await check(t)).toMatchObject({ granted: 100 });
  });

  test("gives quantities in whole packs, what is included among them", async () => {
    const t = deployment();
    await attach(t, { planId: "packs", quantities: { messages: 250 } });
    expect(await check(t)).toMatchObject({ granted: 310 });
  });

  test("leaves units that were bought once to the customer when their plan ends", async () => {
    const t = deployment();
    await attach(t, { planId: "packs", quantities: { messages: 100 } });
    await cancel(t, "packs", "now");
    expect(await check(t)).toMatchObject({ granted: 110 });
  });

  test("refuses quantities of what the plan does not sell in advance", async () => {
    await expect(attach(deployment(), { planId: "pro", quantities: { messages: 5 } })).rejects.toMatchObject({
      data: { kind: "invalid_argument" },
    });
  });

  test("gives one customer other items than the plan's", async () => {
    const t = deployment();
    await attach(t, { planId: "pro", items: [{ featureId: "messages", included: 777, reset: month }] });
    expect(await check(t)).toMatchObject({ granted: 777 });
  });

  test("a key attaches a plan once", async () => {
    const t = deployment();
    await attach(t, { planId: "pro", idempotencyKey: "key_1" });
    expect(await attach(t, { planId: "pro", idempotencyKey: "key_1" })).toMatchObject({ replayed: true });
  });
});

describe("a preview", () => {
  const preview = (t: Deployment, planId: string, when?: "period_end") =>
    t.query((ctx) => tally.subscriptions.preview(ctx, { customerId, planId, when }));

  test("says what would end, and that usage would start afresh", async () => {
    const t = deployment();
    await attach(t, { planId: "pro" });
    expect(await preview(t, "team")).toMatchObject({
      startsAt: JANUARY,
      ends: [{ planId: "pro" }],
      drops: [],
      startsAfresh: true,
      unchanged: false,
    });
  });

  test("says when a change would happen, and what it would drop", async () => {
    const t = deployment();
    await attach(t, { planId: "team" });
    await attach(t, { planId: "pro", when: "period_end" });
    expect(await preview(t, "free", "period_end")).toMatchObject({
      startsAt: FEBRUARY,
      ends: [{ planId: "team" }],
      drops: [{ planId: "pro" }],
      startsAfresh: false,
    });
  });

  test("changes nothing, of a plan that he has either", async () => {
    const t = deployment();
    await attach(t, { planId: "pro" });
    const before = await statuses(t);
    expect(await preview(t, "pro")).toMatchObject({ unchanged: true, ends: [] });
    expect(await statuses(t)).toEqual(before);
  });
});

describe("entities", () => {
  test("are listed, and one that is there already stays as it is", async () => {
    const t = deployment();
    const create = () =>
      t.mutation((ctx) =>
        tally.entities.create(ctx, { customerId, entityId: "ada", featureId: "seats", name: "Ada" }),
      );
    expect(await create()).toEqual({ created: true, seat: null });
    expect(await create()).toEqual({ created: false, seat: null });
    const { page } = await t.query((ctx) => tally.entities.list(ctx, { customerId }));
    expect(page).toMatchObject([{ entityId: "ada", featureId: "seats", name: "Ada" }]);
  });
});

describe("controls", () => {
  const set = (t: Deployment, controls: object) =>
    t.mutation((ctx) => tally.controls.set(ctx, { customerId, featureId: "messages", ...controls }));

  test("cap the use of a day, and count anew on the next", async () => {
    const t = deployment();
    await set(t, { usageLimits: [{ max: 4, interval: "day", anchor: "utc" }] });
    expect(await use(t, "messages", 6)).toMatchObject({ applied: 4, uncovered: 2 });
    expect(await check(t)).toMatchObject({ allowed: false, reason: "usage_limit", remaining: 6 });
    vi.setSystemTime(JANUARY + DAY_MS);
    expect(await check(t)).toMatchObject({ allowed: true });
    await set(t, { usageLimits: null });
    expect(await use(t, "messages", 6)).toMatchObject({ applied: 6 });
  });

  test("let use go beyond what is granted, up to a spend limit", async () => {
    const t = deployment();
    await set(t, { overageAllowed: true, spendLimit: { percent: 50 } });
    expect(await use(t, "messages", 20)).toMatchObject({ applied: 15, uncovered: 5 });
    expect(await check(t)).toMatchObject({ allowed: false, reason: "spend_limit", balance: -5 });
    await set(t, { overageAllowed: null, spendLimit: null });
    expect(await check(t)).toMatchObject({ allowed: false, reason: "insufficient" });
  });
});
