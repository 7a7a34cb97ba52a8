import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import { components } from "../../convex/_generated/api.js";
import { defineCatalog, Tally, type AttachArgs, type PastDueArgs } from "../../src/client/index.js";
import { deployment, type Deployment } from "./deployment.js";
import { registerInspected, stored, sweep } from "./stored.js";

const customerId = "user_1";
const JANUARY = Date.UTC(2026, 0, 10);
const FEBRUARY = Date.UTC(2026, 1, 10);
const MARCH = Date.UTC(2026, 2, 10);
const DAY_MS = 24 * 3_600_000;
const month = { interval: "month" } as const;

const catalog = defineCatalog({
  features: [
    { id: "messages", type: "metered" },
    { id: "exports", type: "metered" },
    { id: "sso", type: "boolean" },
    { id: "seats", type: "metered", consumable: false },
  ],
  plans: [
    { id: "free", autoEnable: true, items: [{ featureId: "messages", included: 10, reset: month }] },
    {
      id: "pro",
      price: { amount: 20, interval: "month" },
      items: [
        { featureId: "messages", included: 100, reset: month, rollover: { max: 50 } },
        { featureId: "exports", included: 5, reset: month, entityFeatureId: "seats" },
        { featureId: "sso" },
      ],
    },
    {
      id: "team",
      price: { amount: 50, interval: "month" },
      items: [{ featureId: "messages", included: 500, reset: month, rollover: { max: 50 } }],
    },
    {
      id: "usage",
      addOn: true,
      price: { amount: 1, interval: "month" },
      items: [
        {
          featureId: "messages",
          included: 0,
          price: { amount: 2, interval: "month", billingMethod: "usage_based" },
        },
      ],
    },
  ],
});
const identify = () => Promise.resolve(null);
const tally = new Tally(components.tally, { catalog, identify });
const lenient = new Tally(components.tally, { catalog, identify, pastDue: "keep" });
const strict = new Tally(components.tally, { catalog, identify, pastDue: { suspendAfterDays: 0 } });

beforeEach(() => {
  vi.useFakeTimers();
  vi.setSystemTime(JANUARY);
});
afterEach(() => {
  vi.useRealTimers();
});

type Told = Omit<PastDueArgs, "customerId" | "planId" | "pastDue"> & { planId?: string };

const attach = (t: Deployment, args: Omit<AttachArgs, "customerId">) =>
  t.mutation((ctx) => tally.subscriptions.attach(ctx, { customerId, ...args }));
const unpaid = (t: Deployment, told: Told = {}, by = tally) =>
  t.mutation((ctx) =>
    by.subscriptions.setPastDue(ctx, { customerId, planId: "pro", ...told, pastDue: true }),
  );
const paid = (t: Deployment, told: Told = {}) =>
  t.mutation((ctx) =>
    tally.subscriptions.setPastDue(ctx, { customerId, planId: "pro", ...told, pastDue: false }),
  );
const use = (t: Deployment, value: number) =>
  t.mutation((ctx) => tally.track(ctx, { customerId, featureId: "messages", value }));
const check = (t: Deployment, featureId = "messages", entityId?: string) =>
  t.query((ctx) => tally.for(ctx, { customerId, entityId }).check({ featureId }));
const statusOf = (t: Deployment, planId = "pro") =>
  t.query(async (ctx) => {
    const { page } = await tally.subscriptions.list(ctx, { customerId });
    return page.find((held) => held.planId === planId)?.status;
  });

async function onPro() {
  const t = deployment();
  registerInspected(t);
  await attach(t, { planId: "pro" });
  return t;
}

describe("a plan whose payment is missing", () => {
  test("says so, and gives what it did for three days, and then nothing, though nothing runs then", async () => {
    const t = await onPro();
    await use(t, 30);
    expect(await unpaid(t)).toEqual({
      pastDueAt: JANUARY,
      suspendsAt: JANUARY + 3 * DAY_MS,
      replayed: false,
    });
    expect(await statusOf(t)).toBe("past_due");
    vi.setSystemTime(JANUARY + 3 * DAY_MS - 1);
    expect(await check(t)).toMatchObject({ allowed: true, remaining: 70 });
    expect(await check(t, "sso")).toMatchObject({ allowed: true });
    vi.setSystemTime(JANUARY + 3 * DAY_MS);
    expect(await check(t)).toMatchObject({ allowed: false, reason: "not_included" });
    expect(await check(t, "sso")).toMatchObject({ allowed: false, reason: "not_included" });
    expect(await use(t, 5)).toMatchObject({ applied: 0, uncovered: 5 });
    expect(await statusOf(t)).toBe("past_due");
  });

  test("gives all again once it is paid, with what was used", async () => {
    const t = await onPro();
    await use(t, 30);
    await unpaid(t);
    vi.setSystemTime(JANUARY + 10 * DAY_MS);
    await use(t, 5);
    await sweep(t);
    await paid(t);
    expect(await check(t)).toMatchObject({ allowed: true, remaining: 70, usage: 30 });
    expect(await check(t, "sso")).toMatchObject({ allowed: true });
    expect(await statusOf(t)).toBe("active");
  });

  test("leaves no trace in the rows once it is paid", async () => {
    const t = await onPro();
    const before = (await stored(t)).balances;
    await unpaid(t);
    await paid(t);
    expect((await stored(t)).balances).toEqual(before);
  });

  test("goes on in time while it is suspended: a new month's amount waits for the payment", async () => {
    const t = await onPro();
    await use(t, 30);
    await unpaid(t);
    vi.setSystemTime(FEBRUARY + DAY_MS);
    expect(await check(t)).toMatchObject({ allowed: false, nextResetAt: null });
    await sweep(t);
    await paid(t);
    expect(await check(t)).toMatchObject({ allowed: true, remaining: 150, nextResetAt: MARCH });
  });

  test("rolls nothing over that could be used meanwhile", async () => {
    const t = await onPro();
    await use(t, 30);
    await unpaid(t);
    vi.setSystemTime(FEBRUARY + DAY_MS);
    await sweep(t);
    expect(await use(t, 5)).toMatchObject({ applied: 0 });
  });

  test("stops at once, or never, if that is the policy", async () => {
    const t = await onPro();
    expect(await unpaid(t, {}, lenient)).toMatchObject({ pastDueAt: JANUARY, suspendsAt: null });
    vi.setSystemTime(MARCH);
    expect(await check(t)).toMatchObject({ allowed: true });
    expect(await statusOf(t)).toBe("past_due");
    expect(await unpaid(t, { since: MARCH }, strict)).toMatchObject({ suspendsAt: MARCH });
    expect(await check(t)).toMatchObject({ allowed: false });
  });

  test("is told again with each failed attempt, and gets no longer grace by it", async () => {
    const t = await onPro();
    await unpaid(t);
    vi.setSystemTime(JANUARY + 2 * DAY_MS);
    expect(await unpaid(t)).toMatchObject({ pastDueAt: JANUARY, suspendsAt: JANUARY + 3 * DAY_MS });
    vi.setSystemTime(JANUARY + 3 * DAY_MS);
    expect(await check(t)).toMatchObject({ allowed: false });
  });

  test("may be told ahead: it stops by itself unless the next payment says otherwise", async () => {
    const t = await onPro();
    await unpaid(t, { since: FEBRUARY });
    expect(await statusOf(t)).toBe("active");
    await unpaid(t, { since: MARCH });
    vi.setSystemTime(FEBRUARY + 5 * DAY_MS);
    expect(await check(t)).toMatchObject({ allowed: true });
    vi.setSystemTime(MARCH + 3 * DAY_MS - 1);
    expect(await statusOf(t)).toBe("past_due");
    expect(await check(t)).toMatchObject({ allowed: true });
    vi.setSystemTime(MARCH + 3 * DAY_MS);
    expect(await check(t)).toMatchObject({ allowed: false });
  });

  test("that fails before the end that was told ahead is past due from then on", async () => {
    const t = await onPro();
    await unpaid(t, { since: MARCH });
    vi.setSystemTime(FEBRUARY);
    expect(await unpaid(t)).toMatchObject({ pastDueAt: FEBRUARY, suspendsAt: FEBRUARY + 3 * DAY_MS });
  });

  test("keeps nothing from its entities, those that come meanwhile included", async () => {
    const t = await onPro();
    const create = (entityId: string) =>
      t.mutation((ctx) => tally.entities.create(ctx, { customerId, entityId, featureId: "seats" }));
    await create("ada");
    await unpaid(t);
    await create("bob");
    vi.setSystemTime(JANUARY + 3 * DAY_MS);
    for (const entityId of ["ada", "bob"]) {
      expect(await check(t, "exports", entityId)).toMatchObject({ allowed: false });
    }
    await paid(t);
    for (const entityId of ["ada", "bob"]) {
      expect(await check(t, "exports", entityId)).toMatchObject({ allowed: true, remaining: 5 });
    }
  });

  test("leaves other plans and gifts alone", async () => {
    const t = await onPro();
    await attach(t, { planId: "usage" });
    await t.mutation((ctx) => tally.grants.grant(ctx, { customerId, featureId: "messages", amount: 7 }));
    await unpaid(t);
    vi.setSystemTime(JANUARY + 3 * DAY_MS);
    expect(await check(t)).toMatchObject({ allowed: true, granted: 7, overageAllowed: true });
  });
});

describe("a change of plan while a payment is missing", () => {
  const suspended = async () => {
    const t = await onPro();
    await use(t, 30);
    await unpaid(t);
    vi.setSystemTime(JANUARY + 5 * DAY_MS);
    return t;
  };

  test("is no way to lose what was used", async () => {
    const t = await suspended();
    await t.mutation((ctx) => tally.subscriptions.cancel(ctx, { customerId, planId: "pro", when: "now" }));
    expect(await check(t)).toMatchObject({ allowed: false, granted: 10, usage: 30 });
  });

  test("to a paid one gives what that gives, with what was left of earlier periods", async () => {
    const t = await suspended();
    vi.setSystemTime(FEBRUARY + DAY_MS);
    await attach(t, { planId: "team" });
    expect(await check(t)).toMatchObject({ allowed: true, remaining: 550 });
    expect(await statusOf(t, "team")).toBe("active");
  });

  test("happens at its time as ever, and what begins then is not past due", async () => {
    const t = await suspended();
    await t.mutation((ctx) => tally.subscriptions.cancel(ctx, { customerId, planId: "pro" }));
    vi.setSystemTime(FEBRUARY);
    expect(await check(t)).toMatchObject({ allowed: true, granted: 10 });
    expect(await statusOf(t)).toBe("ended");
  });

  test("that is taken back leaves it suspended, until it is paid", async () => {
    const t = await suspended();
    await t.mutation((ctx) => tally.subscriptions.cancel(ctx, { customerId, planId: "pro" }));
    await t.mutation((ctx) => tally.subscriptions.resume(ctx, { customerId, planId: "pro" }));
    expect(await check(t)).toMatchObject({ allowed: false });
    await paid(t);
    expect(await check(t)).toMatchObject({ allowed: true, remaining: 70 });
  });

  test("charges what was used beyond, suspended or not", async () => {
    const t = await onPro();
    await attach(t, { planId: "usage" });
    await use(t, 103);
    await unpaid(t, { planId: "usage" }, strict);
    await t.mutation((ctx) => tally.subscriptions.cancel(ctx, { customerId, planId: "usage", when: "now" }));
    expect((await stored(t)).charges).toMatchObject([{ overage: 3, amount: 6 }]);
  });
});

describe("telling that a payment is missing", () => {
  const events = async (t: Deployment) =>
    (await stored(t)).events.filter(({ properties }) => properties?.pastDue !== undefined);

  test("is an event, with who and why; what changes nothing is none", async () => {
    const t = await onPro();
    await unpaid(t, { reason: "card declined", actor: "stripe" });
    await unpaid(t);
    await paid(t);
    await paid(t);
    expect(await events(t)).toMatchObject([
      {
        kind: "plan",
        planId: "pro",
        properties: { pastDue: true },
        reason: "card declined",
        actor: "stripe",
      },
      { kind: "plan", planId: "pro", properties: { pastDue: false } },
    ]);
  });

  test("with a key happens once, however late it is repeated", async () => {
    const t = await onPro();
    await unpaid(t, { idempotencyKey: "evt_1" });
    await paid(t, { idempotencyKey: "evt_2" });
    expect(await unpaid(t, { idempotencyKey: "evt_1" })).toEqual({
      pastDueAt: null,
      suspendsAt: null,
      replayed: true,
    });
    expect(await statusOf(t)).toBe("active");
    expect(await events(t)).toHaveLength(2);
    await expect(paid(t, { idempotencyKey: "evt_1" })).rejects.toMatchObject({
      data: { kind: "idempotency_conflict" },
    });
  });

  test("of a plan that the customer does not have changes nothing", async () => {
    const t = await onPro();
    await expect(unpaid(t, { planId: "usage" })).rejects.toMatchObject({ data: { kind: "plan_not_found" } });
    await expect(unpaid(t, { planId: "free" })).rejects.toMatchObject({ data: { kind: "plan_not_found" } });
  });

  test.each<[string, object]>([
    ["whether", { pastDue: "yes" }],
    ["since when", { pastDue: true, since: -1 }],
    ["nothing else", { pastDue: true, until: FEBRUARY }],
  ])("takes only sense: %s", async (_name, args) => {
    const t = await onPro();
    const told = { customerId, planId: "pro", ...args } as PastDueArgs;
    await expect(t.mutation((ctx) => tally.subscriptions.setPastDue(ctx, told))).rejects.toMatchObject({
      data: { kind: "invalid_argument" },
    });
  });

  test.each([{ suspendAfterDays: -1 }, { suspendAfterDays: 1.5 }, { days: 3 }, "suspend"])(
    "is refused a policy that is none: %j",
    (pastDue) => {
      const options = { catalog, identify, pastDue: pastDue as "keep" };
      expect(() => new Tally(components.tally, options)).toThrow(/pastDue/);
    },
  );
});
