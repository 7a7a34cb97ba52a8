/** Topping up before a customer runs out: threat 20, a loop that drains a card, and what a customer may expect. */
import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import { Collections } from "../../src/payments/collections.js";
import { Facts } from "../../src/payments/facts.js";
import { demo, type PaymentProvider } from "../../src/payments/index.js";
import { payments, tally, till } from "./app/billing.js";
import {
  all,
  browser,
  buy,
  collect,
  deliver,
  deploy,
  left,
  purchases,
  stripeShop,
  SUCCESS_URL,
  taken,
  topUp,
  use,
  withCard,
  type Deployment,
  type Shop,
} from "./deployment.js";

const START = Date.UTC(2026, 0, 10);
const MINUTE_MS = 60_000;
const DAY_MS = 24 * 60 * MINUTE_MS;

beforeEach(() => {
  vi.useFakeTimers({ toFake: ["Date"] });
  vi.setSystemTime(START);
});
afterEach(() => {
  vi.useRealTimers();
  vi.unstubAllEnvs();
});

const later = (ms: number) => vi.setSystemTime(Date.now() + ms);

/** A pack of 1,000 API calls for $5, whenever 100 are left; twice a day at most. */
const TERMS = {
  featureId: "api_calls",
  productId: "api-call-pack-1000",
  threshold: 100,
  max: 2,
  interval: "day",
} as const;
const NOTHING = { paid: 0, declined: 0, unanswered: 0 };
const PAID = { ...NOTHING, paid: 1 };
const DECLINED = { ...NOTHING, declined: 1 };
const UNANSWERED = { ...NOTHING, unanswered: 1 };

/** A customer of Stripe's with 1,000 API calls, who has turned it on. */
async function topped(terms: object = {}, declines?: string) {
  const shop = await stripeShop();
  const account = await withCard(shop, "user_1", declines);
  await shop.t.mutation((ctx) =>
    tally.grants.grant(ctx, { customerId: "user_1", featureId: "api_calls", amount: 1_000 }),
  );
  await browser(shop.t).autoTopUp({ ...TERMS, ...terms });
  return { ...shop, account };
}

const spend = async (t: Deployment, value: number) => await use(t, "api_calls", value);
const has = async (t: Deployment) => (await left(t, "api_calls")).remaining;
const state = async (t: Deployment) => (await browser(t).autoTopUps())?.[0];
const automatic = async (t: Deployment) => (await purchases(t)).filter((each) => each.automatic === true);
const keys = ({ server }: Shop) => server.keys.filter((key) => key.startsWith("tally:top_up:"));

/** Collects with another provider than the app does. */
async function collectWith(t: Deployment, provider: PaymentProvider) {
  const collections = new Collections(tally, provider, new Facts(tally, provider), "usd");
  return await t.action((ctx) => collections.collect(ctx));
}
const stripeOf = (): PaymentProvider => {
  if (till.provider === undefined) throw new Error("there is no provider");
  return till.provider;
};

describe("an automatic top-up", () => {
  test("is bought when what is left has come down to the threshold, and not before", async () => {
    const shop = await topped();
    const { t } = shop;
    await spend(t, 899);
    expect(await collect(t)).toEqual(NOTHING);
    await spend(t, 1);
    expect(await collect(t)).toEqual(PAID);

    expect(await has(t)).toBe(1_100);
    expect(taken(shop)).toEqual([500]);
    expect(await automatic(t)).toMatchObject([
      { kind: "top_up", planId: "api-call-pack-1000", status: "paid", amount: 500, paid: 500 },
    ]);
    expect(await collect(t)).toEqual(NOTHING);
  });

  test("is at once where the app's callback asks for it, and of that customer alone", async () => {
    const shop = await topped();
    await spend(shop.t, 950);
    expect(await topUp(shop.t, "user_2")).toEqual(NOTHING);
    expect(await topUp(shop.t)).toEqual(PAID);
    expect(await has(shop.t)).toBe(1_050);
  });

  test("is off until somebody turns it on", async () => {
    const shop = await stripeShop();
    await withCard(shop);
    await buy(shop, { productId: "api-call-pack-1000" });
    await spend(shop.t, 1_000);
    expect(await collect(shop.t)).toEqual(NOTHING);
    expect(await browser(shop.t).autoTopUps()).toEqual([]);
  });

  test("is off again when it is turned off, and on as it was", async () => {
    const { t } = await topped();
    await browser(t).stopAutoTopUp({ featureId: "api_calls" });
    await spend(t, 1_000);
    expect(await collect(t)).toEqual(NOTHING);
    expect(await state(t)).toMatchObject({ status: "off" });
    await browser(t).resumeAutoTopUp({ featureId: "api_calls" });
    expect(await collect(t)).toEqual(PAID);
  });

  test("is turned on by trusted code too, by either name of a plan", async () => {
    const { t } = await topped();
    const { productId: planId, ...terms } = TERMS;
    const customerId = "user_2";
    const amount = await t.mutation((ctx) =>
      payments.for(ctx, { customerId }).autoTopUp({ planId, ...terms }),
    );
    expect(amount).toEqual({ amount: 5 });
    await t.mutation((ctx) => payments.for(ctx, { customerId }).stopAutoTopUp({ featureId: "api_calls" }));
    expect(await browser(t, "user_2").autoTopUps()).toMatchObject([{ status: "off", customerId: "user_2" }]);
  });

  test("says what it buys, for how much, and how often it did", async () => {
    const { t } = await topped();
    await spend(t, 1_000);
    await collect(t);
    expect(await browser(t).autoTopUps()).toEqual([
      {
        customerId: "user_1",
        featureId: "api_calls",
        planId: "api-call-pack-1000",
        threshold: 100,
        max: 2,
        interval: "day",
        status: "on",
        amount: 5,
        currency: "usd",
        made: { since: START, count: 1 },
        inFlight: false,
      },
    ]);
  });

  test("costs what it did when it was turned on, whatever the catalog says since", async () => {
    const shop = await topped();
    const { t } = shop;
    await spend(t, 1_000);
    const plan = tally.catalog.plan("api-call-pack-1000");
    const { price } = plan;
    plan.price = { amount: 500, every: null };
    await collect(t);
    plan.price = price;
    expect(taken(shop)).toEqual([500]);
  });

  test("that is refunded is taken back as any other", async () => {
    const shop = await topped();
    await spend(shop.t, 1_000);
    await collect(shop.t);
    const [bought] = await automatic(shop.t);
    const refunded = shop.server.refund(bought?.paymentId ?? "", 250);
    expect(await deliver(shop.t, "charge.refunded", refunded)).toBe(200);
    expect(await has(shop.t)).toBe(500);
  });

  test("works with the demo provider", async () => {
    vi.stubEnv("CONVEX_SITE_URL", "https://demo.convex.site");
    const t = deploy(demo({ enabled: true }));
    await browser(t).checkout({ productId: "api-call-pack-1000", successUrl: SUCCESS_URL });
    await browser(t).autoTopUp(TERMS);
    expect(await collect(t)).toEqual(PAID);
    expect(await has(t)).toBe(1_000);
  });
});

describe("20: a loop that drains a card", () => {
  test("buys so many in a period, and goes on in the next", async () => {
    const shop = await topped();
    const { t } = shop;
    for (let spent = 0; spent < 20; spent++) {
      await spend(t, await has(t));
      await collect(t);
      later(MINUTE_MS);
    }
    expect(taken(shop)).toEqual([500, 500]);
    expect(await state(t)).toMatchObject({ status: "on", made: { since: START, count: 2 } });

    vi.setSystemTime(START + DAY_MS - 1);
    await collect(t);
    expect(taken(shop)).toHaveLength(2);
    vi.setSystemTime(START + DAY_MS);
    await collect(t);
    expect(taken(shop)).toHaveLength(3);
    expect(await state(t)).toMatchObject({ made: { since: START + DAY_MS, count: 1 } });
  });

  test("buys no more by being turned off and on, or on anew", async () => {
    const shop = await topped({ max: 1 });
    const { t } = shop;
    for (let spent = 0; spent < 3; spent++) {
      await spend(t, await has(t));
      await collect(t);
      later(MINUTE_MS);
      await browser(t).stopAutoTopUp({ featureId: "api_calls" });
      await browser(t).autoTopUp({ ...TERMS, max: 1 });
    }
    expect(taken(shop)).toEqual([500]);
  });

  test("buys one at a time, with a minute in between", async () => {
    const shop = await topped({ threshold: 5_000, max: 10 });
    const { t } = shop;
    await Promise.all([collect(t), collect(t), topUp(t), topUp(t)]);
    expect(taken(shop)).toEqual([500]);
    later(MINUTE_MS - 1);
    expect(await collect(t)).toEqual(NOTHING);
    later(1);
    expect(await collect(t)).toEqual(PAID);
  });

  test("begins none while the answer to the last one is not there", async () => {
    const shop = await topped({ max: 10 });
    const { t } = shop;
    await spend(t, 1_000);
    shop.server.loseAnswers("POST payment_intents");
    expect(await collect(t)).toEqual(UNANSWERED);
    expect(await state(t)).toMatchObject({ status: "on", inFlight: true });
    expect(await topUp(t)).toEqual(NOTHING);
    later(10 * MINUTE_MS);
    shop.server.heal();
    expect(await collect(t)).toEqual(PAID);
    expect(taken(shop)).toEqual([500]);
    expect(await has(t)).toBe(1_000);
    expect(await automatic(t)).toHaveLength(1);
  });

  test("stops with the first refusal, says why, and goes on when the customer resumes it", async () => {
    const shop = await topped({ max: 1 }, "insufficient_funds");
    const { t } = shop;
    await spend(t, 1_000);
    expect(await collect(t)).toEqual(DECLINED);
    expect(await state(t)).toMatchObject({ status: "paused", problem: "declined: insufficient_funds" });
    expect(await automatic(t)).toMatchObject([{ status: "failed" }]);
    later(3 * DAY_MS);
    expect(await collect(t)).toEqual(NOTHING);
    expect(await topUp(t)).toEqual(NOTHING);

    const [card] = [...shop.server.objects.values()].filter(({ object }) => object === "payment_method");
    shop.server.set(card?.id ?? "", { declines: undefined });
    await browser(t).resumeAutoTopUp({ featureId: "api_calls" });
    expect(await collect(t)).toEqual(PAID);
    expect(await has(t)).toBe(1_000);
    expect(taken(shop)).toEqual([500]);
  });

  test("that was refused does not count, so that it can be tried again in the same period", async () => {
    const shop = await topped({ max: 1, interval: "month" }, "expired_card");
    const { t } = shop;
    await spend(t, 1_000);
    await collect(t);
    const [card] = [...shop.server.objects.values()].filter(({ object }) => object === "payment_method");
    shop.server.set(card?.id ?? "", { declines: undefined });
    await browser(t).resumeAutoTopUp({ featureId: "api_calls" });
    expect(await collect(t)).toEqual(PAID);
    expect(new Set(keys(shop)).size).toBe(2);
  });

  test("is listed for the operator, who resumes it", async () => {
    const { t } = await topped({}, "expired_card");
    await spend(t, 1_000);
    await collect(t);
    const paused = () => t.query((ctx) => payments.pausedAutoTopUps(ctx));
    expect((await paused()).page).toMatchObject([
      { customerId: "user_1", featureId: "api_calls", problem: "declined: expired_card" },
    ]);
    await t.mutation((ctx) =>
      payments.for(ctx, { customerId: "user_1" }).resumeAutoTopUp({ featureId: "api_calls" }),
    );
    expect((await paused()).page).toEqual([]);
    expect(await state(t)).toMatchObject({ status: "on" });
  });

  test("has a key for each customer, period and number, and no two alike", async () => {
    const shop = await topped();
    const { t } = shop;
    for (let day = 0; day < 2; day++) {
      for (let spent = 0; spent < 3; spent++) {
        await spend(t, await has(t));
        await collect(t);
        later(MINUTE_MS);
      }
      vi.setSystemTime(START + (day + 1) * DAY_MS);
    }
    const [own] = (await all(t)).autoTopUps;
    const prefix = `tally:top_up:${own?._id ?? ""}`;
    expect(keys(shop)).toEqual([
      `${prefix}:${START}:1`,
      `${prefix}:${START}:2`,
      `${prefix}:${START + DAY_MS}:3`,
      `${prefix}:${START + DAY_MS}:4`,
    ]);
  });

  test("of somebody who owes more than a pack gives is bounded as well", async () => {
    const shop = await topped();
    const { t } = shop;
    await spend(t, 10_000);
    for (let run = 0; run < 5; run++) {
      await collect(t);
      later(MINUTE_MS);
    }
    expect(taken(shop)).toEqual([500, 500]);
  });
});

describe("a crash", () => {
  test.each([
    ["after ten minutes", 10 * MINUTE_MS, false],
    ["after two days, when Stripe has forgotten the key", 2 * DAY_MS, true],
  ])(
    "between the payment and its credit is made up for %s: paid and credited once",
    async (_, ms, isForgotten) => {
      const log = vi.spyOn(console, "error").mockImplementation(() => undefined);
      const shop = await topped();
      const { t } = shop;
      await spend(t, 1_000);
      const provider = stripeOf();
      const collections = new Collections(tally, provider, new Facts(tally, provider), "usd");
      await t.action(async (ctx) => {
        let isFirst = true;
        const dying: typeof ctx.runMutation = async (...args) => {
          if (!isFirst) throw new Error("the action died");
          isFirst = false;
          return (await ctx.runMutation(...args)) as never;
        };
        await collections.collect({ runQuery: ctx.runQuery, runMutation: dying });
      });
      expect(taken(shop)).toEqual([500]);
      expect(await has(t)).toBe(0);

      if (isForgotten) shop.server.forgetKeys();
      later(ms);
      expect(await collect(t)).toEqual(PAID);
      expect(taken(shop)).toEqual([500]);
      expect(await has(t)).toBe(1_000);
      log.mockRestore();
    },
  );

  test("between the beginning and the payment is made up for, though it was turned off meanwhile", async () => {
    const shop = await topped();
    const { t } = shop;
    await spend(t, 1_000);
    const dead: PaymentProvider = {
      ...stripeOf(),
      charge: () => Promise.reject(new Error("the action died")),
    };
    expect(await collectWith(t, dead)).toEqual(UNANSWERED);
    await browser(t).stopAutoTopUp({ featureId: "api_calls" });
    later(10 * MINUTE_MS);
    expect(await collect(t)).toEqual(PAID);
    expect(await has(t)).toBe(1_000);
    later(DAY_MS);
    await spend(t, 1_000);
    expect(await collect(t)).toEqual(NOTHING);
  });
});

describe("what is refused", () => {
  test.each([
    ["a plan that is paid again and again", { productId: "pro" }, /paid once/],
    ["a pack of another feature", { featureId: "messages" }, /add to/],
    ["a pack that costs nothing", { productId: "gift" }, /must cost something/],
    ["a feature that is none", { featureId: "nothing" }, /No feature/],
    ["a plan that is none", { productId: "nothing" }, /No plan/],
    ["two names", { planId: "api-call-pack-1000" }, /either planId or productId/],
    ["a threshold below 0", { threshold: -1 }, /must not be negative/],
    ["none in a period", { max: 0 }, /whole number/],
    ["half of one", { max: 1.5 }, /whole number/],
    ["any number of them", { max: Infinity }, /whole number/],
    ["another interval", { interval: "minute" }, /Validator error/],
    ["another customer's", { customerId: "user_2" }, /Validator error/],
    ["a price of his own", { amount: 1 }, /Validator error/],
  ])("is %s", async (_what, args, why) => {
    const { t } = await stripeShop();
    await expect(browser(t).autoTopUp({ ...TERMS, ...args })).rejects.toThrow(why);
    expect((await all(t)).autoTopUps).toEqual([]);
  });

  test("is resuming what was never turned on", async () => {
    const { t } = await stripeShop();
    await expect(browser(t).resumeAutoTopUp({ featureId: "api_calls" })).rejects.toThrow(/turn it on/);
  });

  test("is everybody who may not manage the billing", async () => {
    const { t } = await topped();
    const calls = [
      browser(t, null).autoTopUp(TERMS),
      browser(t).autoTopUp({ ...TERMS, workspaceId: "team_1" }),
      browser(t).stopAutoTopUp({ featureId: "api_calls", workspaceId: "team_1" }),
    ];
    for (const call of calls) await expect(call).rejects.toThrow(/unauthenticated/);
    expect(await browser(t, null).autoTopUps()).toBeNull();
    expect(await browser(t).autoTopUps({ workspaceId: "team_1" })).toBeNull();
    expect(await browser(t).autoTopUps({ workspaceId: "team_1:owner" })).toEqual([]);
  });
});

test("somebody who has never paid is not asked: it is paused with the reason", async () => {
  const { t } = await stripeShop();
  await browser(t).autoTopUp(TERMS);
  expect(await collect(t)).toEqual(NOTHING);
  expect(await state(t)).toMatchObject({
    status: "paused",
    problem: "the customer has never paid through stripe",
  });
});
