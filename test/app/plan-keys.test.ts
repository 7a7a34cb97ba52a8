/** What trusted code changes with an idempotency key happens once; another change with it is refused. */
import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import { components } from "../../convex/_generated/api.js";
import { defineCatalog, Tally } from "../../src/client/index.js";
import { deployment, type Deployment } from "./deployment.js";
import { registerInspected, stored } from "./stored.js";

const customerId = "user_1";
const JANUARY = Date.UTC(2026, 0, 10);
const FEBRUARY = Date.UTC(2026, 1, 10);
const month = { interval: "month" } as const;
const messages = (included: number) => ({ featureId: "messages", included, reset: month });
const idempotencyKey = "key_1";

const tally = new Tally(components.tally, {
  catalog: defineCatalog({
    features: [
      { id: "messages", type: "metered" },
      { id: "images", type: "metered" },
      { id: "search", type: "boolean" },
      { id: "seats", type: "metered", consumable: false },
    ],
    plans: [
      { id: "free", autoEnable: true, items: [messages(10)] },
      { id: "pro", price: { amount: 20, interval: "month" }, items: [messages(100)] },
      { id: "team", price: { amount: 50, interval: "month" }, items: [messages(500)] },
      { id: "extra", addOn: true, price: { amount: 5, interval: "month" }, items: [messages(50)] },
      {
        id: "pack",
        addOn: true,
        price: { amount: 9, interval: "one_off" },
        items: [{ featureId: "messages", included: 1_000 }],
      },
      {
        id: "sold",
        group: "sold",
        items: [
          {
            featureId: "images",
            included: 0,
            reset: month,
            price: { amount: 1, interval: "month", billingUnits: 10, billingMethod: "prepaid" },
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

type Call = (ctx: Parameters<typeof tally.grants.grant>[0]) => Promise<object>;
const { subscriptions, grants } = tally;
const owner = { customerId, idempotencyKey };

/** Every change that takes a key. */
const calls: Record<string, Call> = {
  "attaching a plan": (ctx) => subscriptions.attach(ctx, { ...owner, planId: "pro" }),
  "attaching another plan": (ctx) => subscriptions.attach(ctx, { ...owner, planId: "team" }),
  "attaching it to an entity": (ctx) =>
    subscriptions.attach(ctx, { ...owner, planId: "pro", entityId: "ada" }),
  "attaching it with the period": (ctx) =>
    subscriptions.attach(ctx, { ...owner, planId: "pro", when: "period_end" }),
  "attaching it with other items": (ctx) =>
    subscriptions.attach(ctx, { ...owner, planId: "pro", items: [messages(7)] }),
  "attaching it with its usage": (ctx) =>
    subscriptions.attach(ctx, { ...owner, planId: "pro", carryOverUsages: true }),
  "attaching it with its balance": (ctx) =>
    subscriptions.attach(ctx, { ...owner, planId: "pro", carryOverBalances: true }),
  "trying it": (ctx) =>
    subscriptions.attach(ctx, { ...owner, planId: "pro", trial: { length: 5, unit: "day" } }),
  "trying it for longer": (ctx) =>
    subscriptions.attach(ctx, { ...owner, planId: "pro", trial: { length: 6, unit: "day" } }),
  "buying units": (ctx) =>
    subscriptions.attach(ctx, { ...owner, planId: "sold", quantities: { images: 10 } }),
  "buying other units": (ctx) =>
    subscriptions.attach(ctx, { ...owner, planId: "sold", quantities: { images: 20 } }),
  "topping up": (ctx) => subscriptions.attach(ctx, { ...owner, planId: "pack" }),
  "cancelling the add-on": (ctx) => subscriptions.cancel(ctx, { ...owner, planId: "extra" }),
  "cancelling it at once": (ctx) => subscriptions.cancel(ctx, { ...owner, planId: "extra", when: "now" }),
  "resuming it": (ctx) => subscriptions.resume(ctx, { ...owner, planId: "extra" }),
  granting: (ctx) => grants.grant(ctx, { ...owner, featureId: "messages", amount: 5 }),
  "granting more": (ctx) => grants.grant(ctx, { ...owner, featureId: "messages", amount: 6 }),
  "granting each month": (ctx) =>
    grants.grant(ctx, { ...owner, featureId: "messages", amount: 5, reset: { interval: "month" } }),
  "granting every other month": (ctx) =>
    grants.grant(ctx, {
      ...owner,
      featureId: "messages",
      amount: 5,
      reset: { interval: "month", intervalCount: 2 },
    }),
  "granting at another priority": (ctx) =>
    grants.grant(ctx, { ...owner, featureId: "messages", amount: 5, priority: 3 }),
  "granting something else": (ctx) => grants.grant(ctx, { ...owner, featureId: "images", amount: 5 }),
  "granting without limit": (ctx) => grants.grant(ctx, { ...owner, featureId: "messages", unlimited: true }),
  "granting to an entity": (ctx) =>
    grants.grant(ctx, { ...owner, featureId: "messages", amount: 5, entityId: "ada" }),
  "granting what is only had": (ctx) => grants.grant(ctx, { ...owner, featureId: "search" }),
  "setting what is left": (ctx) => grants.set(ctx, { ...owner, featureId: "messages", remaining: 5 }),
  "setting what is used": (ctx) => grants.set(ctx, { ...owner, featureId: "messages", usage: 5 }),
  "setting one grant": (ctx) =>
    grants.set(ctx, { ...owner, featureId: "messages", grantId: "g0004", remaining: 5 }),
  revoking: (ctx) => grants.revoke(ctx, { ...owner, featureId: "messages", grantId: "g0004" }),
  using: (ctx) => tally.track(ctx, { ...owner, featureId: "messages", value: 5 }),
};
const names = Object.keys(calls);

async function begun(): Promise<Deployment> {
  const t = deployment();
  registerInspected(t);
  await t.mutation((ctx) => tally.entities.create(ctx, { customerId, entityId: "ada", featureId: "seats" }));
  await t.mutation((ctx) => subscriptions.attach(ctx, { customerId, planId: "extra" }));
  return t;
}

describe("the same key", () => {
  test.each(names)("for %s once more changes nothing, and is answered as then", async (name) => {
    const t = await begun();
    const call = calls[name] ?? Promise.reject;
    const first = await t.mutation(call);
    expect(first).toMatchObject({ replayed: false });
    const before = await stored(t);
    vi.setSystemTime(JANUARY + 1000);
    const second = await t.mutation(call);
    expect(await stored(t)).toEqual(before);
    expect(second).toMatchObject({ replayed: true });
    for (const answer of ["subscriptionId", "startsAt", "endsAt", "resumed", "grantId", "eventId"] as const) {
      if (answer in first) expect(second).toHaveProperty(answer, first[answer as keyof typeof first]);
    }
  });

  test.each(names)("after %s for anything else is a conflict, and changes nothing", async (name) => {
    const t = await begun();
    await t.mutation(calls[name] ?? Promise.reject);
    const before = await stored(t);
    for (const other of names.filter((each) => each !== name)) {
      await expect(t.mutation(calls[other] ?? Promise.reject), other).rejects.toMatchObject({
        data: { kind: "idempotency_conflict", key: idempotencyKey },
      });
    }
    expect(await stored(t)).toEqual(before);
  });

  test("of another customer is another one", async () => {
    const t = await begun();
    await t.mutation((ctx) => subscriptions.attach(ctx, { ...owner, planId: "pro" }));
    const other = { ...owner, customerId: "user_2", planId: "pro" } as const;
    expect(await t.mutation((ctx) => subscriptions.attach(ctx, other))).toMatchObject({ replayed: false });
  });
});

describe("a repeated answer is as of then", () => {
  test("of a plan that is over meanwhile", async () => {
    const t = await begun();
    const attach = () => t.mutation((ctx) => subscriptions.attach(ctx, { ...owner, planId: "pro" }));
    const first = await attach();
    await t.mutation((ctx) => subscriptions.cancel(ctx, { customerId, planId: "pro", when: "now" }));
    await t.mutation((ctx) => subscriptions.attach(ctx, { customerId, planId: "team" }));
    expect(await attach()).toEqual({ ...first, replayed: true });
  });

  test("of one of several add-ons", async () => {
    const t = await begun();
    const attach = (key?: string) =>
      t.mutation((ctx) => subscriptions.attach(ctx, { customerId, planId: "extra", idempotencyKey: key }));
    const second = await attach("key_2");
    await attach();
    expect(await attach("key_2")).toEqual({ ...second, replayed: true });
  });

  test("of a cancellation that was taken back", async () => {
    const t = await begun();
    const cancel = () => t.mutation((ctx) => subscriptions.cancel(ctx, { ...owner, planId: "extra" }));
    await cancel();
    await t.mutation((ctx) => subscriptions.resume(ctx, { customerId, planId: "extra" }));
    vi.setSystemTime(JANUARY + 1000);
    expect(await cancel()).toEqual({ endsAt: FEBRUARY, replayed: true });
    vi.setSystemTime(FEBRUARY);
    const { remaining } = await t.query((ctx) => tally.check(ctx, { customerId, featureId: "messages" }));
    expect(remaining).toBe(60);
  });

  test("of a resumption: it does not take a later cancellation back", async () => {
    const t = await begun();
    const resume = () => t.mutation((ctx) => subscriptions.resume(ctx, { ...owner, planId: "extra" }));
    const cancel = () => t.mutation((ctx) => subscriptions.cancel(ctx, { customerId, planId: "extra" }));
    await cancel();
    expect(await resume()).toEqual({ resumed: true, replayed: false });
    await cancel();
    expect(await resume()).toEqual({ resumed: true, replayed: true });
    vi.setSystemTime(FEBRUARY);
    const { remaining } = await t.query((ctx) => tally.check(ctx, { customerId, featureId: "messages" }));
    expect(remaining).toBe(10);
  });

  test("of a resumption that had nothing to take back", async () => {
    const t = await begun();
    const resume = () => t.mutation((ctx) => subscriptions.resume(ctx, { ...owner, planId: "extra" }));
    expect(await resume()).toEqual({ resumed: false, replayed: false });
    await t.mutation((ctx) => subscriptions.cancel(ctx, { customerId, planId: "extra" }));
    expect(await resume()).toEqual({ resumed: false, replayed: true });
  });

  test("of a grant, whatever its instants: they may come from a clock", async () => {
    const t = await begun();
    const give = () =>
      t.mutation((ctx) =>
        grants.grant(ctx, {
          ...owner,
          featureId: "messages",
          amount: 5,
          expiresAt: Date.now() + 1000,
        }),
      );
    const { grantId } = await give();
    vi.setSystemTime(JANUARY + 500);
    expect(await give()).toMatchObject({ grantId, replayed: true });
  });
});

test("a call that was refused leaves its key free", async () => {
  const t = await begun();
  const wrong = t.mutation((ctx) => subscriptions.cancel(ctx, { ...owner, planId: "pro" }));
  await expect(wrong).rejects.toMatchObject({ data: { kind: "plan_not_found" } });
  expect(await t.mutation((ctx) => subscriptions.attach(ctx, { ...owner, planId: "pro" }))).toMatchObject({
    replayed: false,
  });
});

test("the record of plans says what was asked and what came of it", async () => {
  const t = await begun();
  const quantities = { images: 15 };
  await t.mutation((ctx) =>
    subscriptions.attach(ctx, { customerId, planId: "sold", quantities, reason: "Paid by invoice" }),
  );
  const { page } = await t.query((ctx) => tally.events.list(ctx, { customerId, limit: 1 }));
  expect(page).toMatchObject([
    {
      kind: "plan",
      planId: "sold",
      reason: "Paid by invoice",
      properties: { change: "attach", quantities: '[["images",15]]', startsAt: JANUARY },
    },
  ]);
});
