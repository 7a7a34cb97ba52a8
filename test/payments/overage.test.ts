/** What usage beyond the granted came to, asked for when its period is over. */
import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import { Collections } from "../../src/payments/collections.js";
import { Facts } from "../../src/payments/facts.js";
import { demo, type PaymentProvider } from "../../src/payments/index.js";
import { alter, sweep } from "../app/stored.js";
import { payments, tally, till } from "./app/billing.js";
import {
  all,
  browser,
  collect,
  deliver,
  deploy,
  purchases,
  stripeShop,
  taken,
  use,
  withCard,
  type Deployment,
} from "./deployment.js";

const START = Date.UTC(2026, 0, 10);
const HOUR_MS = 60 * 60_000;
const DAY_MS = 24 * HOUR_MS;

beforeEach(() => {
  vi.useFakeTimers({ toFake: ["Date"] });
  vi.setSystemTime(START);
});
afterEach(() => {
  vi.useRealTimers();
  vi.unstubAllEnvs();
});

const later = (ms: number) => vi.setSystemTime(Date.now() + ms);

const attach = async (t: Deployment, planId: "metered" | "pennies", customerId = "user_1") =>
  await t.mutation((ctx) => tally.subscriptions.attach(ctx, { customerId, planId }));
async function periodEnds(t: Deployment) {
  vi.setSystemTime(Date.UTC(2026, 1, 10, 1));
  await sweep(t);
}

const charges = async (t: Deployment) => (await all(t)).charges;
/** As trusted code sees them. */
const listed = async (t: Deployment, customerId = "user_1") =>
  await t.query(async (ctx) => (await tally.charges.list(ctx, { customerId })).page);

/** A customer of Stripe's who owes $30: 40 messages, 10 of them free, the others at a dollar. */
async function owed(declines?: string) {
  const shop = await stripeShop();
  const account = await withCard(shop, "user_1", declines);
  await attach(shop.t, "metered");
  await use(shop.t, "messages", 40);
  await periodEnds(shop.t);
  return { ...shop, account };
}

const NOTHING = { paid: 0, declined: 0, unanswered: 0 };
const PAID = { ...NOTHING, paid: 1 };
const DECLINED = { ...NOTHING, declined: 1 };
const UNANSWERED = { ...NOTHING, unanswered: 1 };

/** Collects with another provider, or in another currency, than the app does. */
async function collectWith(t: Deployment, provider: PaymentProvider, currency = "usd") {
  const collections = new Collections(tally, provider, new Facts(tally, provider), currency);
  return await t.action((ctx) => collections.collect(ctx));
}
const stripeOf = (): PaymentProvider => {
  if (till.provider === undefined) throw new Error("there is no provider");
  return till.provider;
};

describe("a charge of a period that is over", () => {
  test("is paid once, however often it is collected", async () => {
    const shop = await owed();
    expect(await listed(shop.t)).toMatchObject([{ status: "open", overage: 30, amount: 30 }]);
    expect(taken(shop)).toEqual([]);

    expect(await collect(shop.t)).toEqual(PAID);
    expect(await collect(shop.t)).toEqual(NOTHING);
    later(40 * DAY_MS);
    expect(await collect(shop.t)).toEqual(NOTHING);

    expect(taken(shop)).toEqual([3_000]);
    const [intent] = [...shop.server.objects.values()].filter(({ object }) => object === "payment_intent");
    expect(intent).toMatchObject({ currency: "usd", description: "Messages, 2026-01-10 to 2026-02-10" });
    expect(await listed(shop.t)).toMatchObject([{ status: "paid", paymentId: intent?.id, amount: 30 }]);
    const paid = (await purchases(shop.t)).filter(({ kind }) => kind === "overage");
    expect(paid).toMatchObject([
      { status: "paid", planId: "metered", amount: 3_000, currency: "usd", paymentId: intent?.id },
    ]);
  });

  test("is paid once by two collections at once", async () => {
    const shop = await owed();
    await Promise.all([collect(shop.t), collect(shop.t), collect(shop.t)]);
    expect(taken(shop)).toEqual([3_000]);
    expect(shop.server.requests.filter((request) => request === "POST payment_intents")).toHaveLength(1);
    expect(await listed(shop.t)).toMatchObject([{ status: "paid" }]);
  });

  test("is asked for under a key of its own", async () => {
    const { t, server } = await owed();
    const [charge] = await charges(t);
    await collect(t);
    expect(server.keys).toContain(`tally:charge:${charge?._id ?? ""}:0`);
  });

  test("that fails keeps no other from being paid", async () => {
    const shop = await stripeShop();
    const { t } = shop;
    await withCard(shop, "user_1", "insufficient_funds");
    await withCard(shop, "user_2");
    for (const customerId of ["user_1", "user_2"]) {
      await attach(t, "metered", customerId);
      await use(t, "messages", 15, customerId);
    }
    await periodEnds(t);
    expect(await collect(t)).toEqual({ paid: 1, declined: 1, unanswered: 0 });
    expect(await listed(t, "user_1")).toMatchObject([{ status: "open" }]);
    expect(await listed(t, "user_2")).toMatchObject([{ status: "paid" }]);
  });

  test("is not there while the period goes on", async () => {
    const shop = await stripeShop();
    await withCard(shop);
    await attach(shop.t, "metered");
    await use(shop.t, "messages", 40);
    later(20 * DAY_MS);
    expect(await collect(shop.t)).toEqual(NOTHING);
    expect(taken(shop)).toEqual([]);
  });

  test("is less by what was given back before it was asked for", async () => {
    const shop = await stripeShop();
    await withCard(shop);
    const { t } = shop;
    await attach(t, "metered");
    await use(t, "messages", 30);
    const { eventId } = await use(t, "messages", 10);
    await periodEnds(t);
    await t.mutation((ctx) => tally.refund(ctx, { customerId: "user_1", eventId: eventId ?? "" }));
    await collect(t);
    expect(taken(shop)).toEqual([2_000]);
  });

  test("stays as it was paid, whatever is given back after", async () => {
    const shop = await stripeShop();
    await withCard(shop);
    const { t } = shop;
    await attach(t, "metered");
    const { eventId } = await use(t, "messages", 40);
    await periodEnds(t);
    await collect(t);
    await t.mutation((ctx) => tally.refund(ctx, { customerId: "user_1", eventId: eventId ?? "" }));
    expect(await listed(t)).toMatchObject([{ status: "paid", amount: 30, overage: 30 }]);
  });

  test("of less than can be paid needs no payment", async () => {
    const shop = await stripeShop();
    const { t } = shop;
    await withCard(shop);
    await attach(t, "pennies");
    await use(t, "api_calls", 4);
    await periodEnds(t);
    expect(await listed(t)).toMatchObject([{ status: "open", amount: 0.004 }]);
    expect(await collect(t)).toEqual(NOTHING);
    expect(await listed(t)).toMatchObject([{ status: "paid", amount: 0.004 }]);
    expect(taken(shop)).toEqual([]);
  });

  test("is rounded to whole cents, half of one up", async () => {
    const shop = await stripeShop();
    await withCard(shop);
    await attach(shop.t, "pennies");
    await use(shop.t, "api_calls", 1_235);
    await periodEnds(shop.t);
    await collect(shop.t);
    expect(taken(shop)).toEqual([124]);
  });

  test("in a currency without cents is in whole units", async () => {
    const shop = await stripeShop();
    await withCard(shop);
    await attach(shop.t, "pennies");
    await use(shop.t, "api_calls", 1_234_500);
    await periodEnds(shop.t);
    expect(await collectWith(shop.t, stripeOf(), "jpy")).toEqual(PAID);
    expect(taken(shop)).toEqual([1_235]);
    const [intent] = [...shop.server.objects.values()].filter(({ object }) => object === "payment_intent");
    expect(intent).toMatchObject({ currency: "jpy" });
  });

  test("is paid by the demo provider too", async () => {
    vi.stubEnv("CONVEX_SITE_URL", "https://demo.convex.site");
    const t = deploy(demo({ enabled: true }));
    await browser(t).checkout({ productId: "api-call-pack-1000", successUrl: "https://app.example.com/" });
    await attach(t, "metered");
    await use(t, "messages", 12);
    await periodEnds(t);
    expect(await collect(t)).toEqual(PAID);
    expect(await listed(t)).toMatchObject([{ status: "paid", amount: 2 }]);
  });

  test("keeps the payment that is refunded later", async () => {
    const shop = await owed();
    await collect(shop.t);
    const [charge] = await listed(shop.t);
    const refunded = shop.server.refund(charge?.paymentId ?? "", 1_000);
    expect(await deliver(shop.t, "charge.refunded", refunded)).toBe(200);
    expect((await purchases(shop.t)).filter(({ kind }) => kind === "overage")).toMatchObject([
      { paid: 3_000, returned: 1_000 },
    ]);
  });
});

describe("a payment that is refused", () => {
  test("is asked for again, later each time, and is never lost", async () => {
    const shop = await owed("insufficient_funds");
    expect(await collect(shop.t)).toEqual(DECLINED);
    expect(await listed(shop.t)).toMatchObject([
      {
        status: "open",
        declined: 1,
        problem: "declined: insufficient_funds",
        dueAt: Date.now() + 6 * HOUR_MS,
      },
    ]);
    expect(await collect(shop.t)).toEqual(NOTHING);

    for (const hours of [6, 12, 24, 48, 72, 72]) {
      later(hours * HOUR_MS - 1);
      expect(await collect(shop.t)).toEqual(NOTHING);
      later(1);
      expect(await collect(shop.t)).toEqual(DECLINED);
    }
    later(3 * DAY_MS);
    shop.server.addCard(shop.account);
    const card = [...shop.server.objects.values()].findLast(({ object }) => object === "payment_method");
    shop.server.set(shop.account, { invoice_settings: { default_payment_method: card?.id } });
    for (const { id, object } of [...shop.server.objects.values()])
      if (object === "payment_method") shop.server.set(id, { declines: undefined });
    expect(await collect(shop.t)).toEqual(PAID);
    expect(taken(shop)).toEqual([3_000]);
    const [paid] = await listed(shop.t);
    expect(paid).toMatchObject({ status: "paid" });
    expect(paid).not.toHaveProperty("problem");
    expect(paid).not.toHaveProperty("dueAt");
  });

  test("is asked for anew under another key, as one key is answered alike for a day", async () => {
    const { t, server } = await owed("insufficient_funds");
    await collect(t);
    later(6 * HOUR_MS);
    await collect(t);
    const asked = server.keys.filter((key) => key.startsWith("tally:charge:"));
    expect(new Set(asked).size).toBe(2);
  });

  test("is lower by what is given back before it is asked for again", async () => {
    const shop = await owed("insufficient_funds");
    await collect(shop.t);
    const [use] = (await all(shop.t)).events.filter(({ kind, value }) => kind === "usage" && value === 40);
    await shop.t.mutation((ctx) =>
      tally.refund(ctx, { customerId: "user_1", eventId: use?._id ?? "", value: 10 }),
    );
    expect(await listed(shop.t)).toMatchObject([{ status: "open", amount: 20, declined: 1 }]);
  });

  test("of whoever has never paid is seen as well, and asked for once he has an account", async () => {
    const shop = await stripeShop();
    const { t } = shop;
    await attach(t, "metered");
    await use(t, "messages", 40);
    await periodEnds(t);
    expect(await collect(t)).toEqual(NOTHING);
    expect(await listed(t)).toMatchObject([
      { status: "open", declined: 1, problem: "the customer has never paid through stripe" },
    ]);
    await withCard(shop);
    later(6 * HOUR_MS);
    expect(await collect(t)).toEqual(PAID);
  });

  test("because the request is none is refused, and not asked for every ten minutes", async () => {
    const shop = await owed();
    const error = { type: "invalid_request_error", code: "amount_too_small", message: "of cus_1: 30" };
    shop.server.fail("payment_intents", 400, error);
    expect(await collect(shop.t)).toEqual(DECLINED);
    expect(await listed(shop.t)).toMatchObject([{ problem: "declined: amount_too_small" }]);
  });

  test("is listed for the operator among all customers', until he waives it", async () => {
    const shop = await owed("insufficient_funds");
    await collect(shop.t);
    const unpaid = () => shop.t.query((ctx) => payments.unpaid(ctx));
    const { page } = await unpaid();
    expect(page).toMatchObject([{ customerId: "user_1", problem: "declined: insufficient_funds" }]);
    const chargeId = page[0]?.chargeId ?? "";
    const waive = (customerId: string) =>
      shop.t.mutation((ctx) => payments.waive(ctx, { customerId, chargeId }));
    expect(await waive("user_2")).toEqual({ waived: false });
    expect(await waive("user_1")).toEqual({ waived: true });
    expect((await unpaid()).page).toEqual([]);
    expect(await listed(shop.t)).toMatchObject([{ status: "waived", amount: 30 }]);
    later(40 * DAY_MS);
    expect(await collect(shop.t)).toEqual(NOTHING);
  });
});

describe("a crash", () => {
  /** Dies after so many mutations. */
  const dyingAfter = async (t: Deployment, mutations: number) => {
    const provider = stripeOf();
    const collections = new Collections(tally, provider, new Facts(tally, provider), "usd");
    await t.action(async (ctx) => {
      let left = mutations;
      const dying: typeof ctx.runMutation = async (...args) => {
        if (left-- <= 0) throw new Error("the action died");
        return (await ctx.runMutation(...args)) as never;
      };
      await collections.collect({ runQuery: ctx.runQuery, runMutation: dying });
    });
  };
  const quietly = () => vi.spyOn(console, "error").mockImplementation(() => undefined);

  test("before the claim changes nothing", async () => {
    const log = quietly();
    const shop = await owed();
    await dyingAfter(shop.t, 0);
    expect(await listed(shop.t)).toMatchObject([{ status: "open" }]);
    expect(taken(shop)).toEqual([]);
    expect(await collect(shop.t)).toEqual(PAID);
    expect(log).toHaveBeenCalledOnce();
    log.mockRestore();
  });

  test("between the claim and the payment is made up for: paid once", async () => {
    const shop = await owed();
    const real = stripeOf();
    const dead: PaymentProvider = { ...real, charge: () => Promise.reject(new Error("the action died")) };
    expect(await collectWith(shop.t, dead)).toEqual(UNANSWERED);
    expect(await listed(shop.t)).toMatchObject([{ status: "invoicing", problem: "not answered: Error" }]);
    expect(await collect(shop.t)).toEqual(NOTHING);
    later(10 * 60_000);
    expect(await collect(shop.t)).toEqual(PAID);
    expect(taken(shop)).toEqual([3_000]);
  });

  test.each([
    ["after ten minutes", 10 * 60_000, false],
    ["after two days, when Stripe has forgotten the key", 2 * DAY_MS, true],
  ])("between the payment and its mark is made up for %s: paid once", async (_when, ms, isForgotten) => {
    const log = quietly();
    const shop = await owed();
    await dyingAfter(shop.t, 1);
    expect(taken(shop)).toEqual([3_000]);
    expect(await listed(shop.t)).toMatchObject([{ status: "invoicing" }]);
    if (isForgotten) shop.server.forgetKeys();
    later(ms);
    expect(await collect(shop.t)).toEqual(PAID);
    expect(taken(shop)).toEqual([3_000]);
    expect(await listed(shop.t)).toMatchObject([{ status: "paid" }]);
    log.mockRestore();
  });

  test("of the connection, after Stripe has taken the money, takes it once", async () => {
    const shop = await owed();
    shop.server.loseAnswers("POST payment_intents");
    expect(await collect(shop.t)).toEqual(UNANSWERED);
    expect(taken(shop)).toEqual([3_000]);
    shop.server.heal();
    later(10 * 60_000);
    expect(await collect(shop.t)).toEqual(PAID);
    expect(taken(shop)).toEqual([3_000]);
  });

  test("after a refusal that nobody heard of, with another card meanwhile, is asked for anew", async () => {
    const shop = await owed("insufficient_funds");
    shop.server.loseAnswers("POST payment_intents");
    expect(await collect(shop.t)).toEqual(UNANSWERED);
    shop.server.heal();
    const [old] = [...shop.server.objects.values()].filter(({ object }) => object === "payment_method");
    shop.server.set(old?.id ?? "", { customer: "nobody" });
    shop.server.addCard(shop.account);
    later(10 * 60_000);
    expect(await collect(shop.t)).toEqual(DECLINED);
    later(6 * HOUR_MS);
    expect(await collect(shop.t)).toEqual(PAID);
    expect(taken(shop)).toEqual([3_000]);
  });

  test("of Stripe itself is waited for, longer each time", async () => {
    const shop = await owed();
    shop.server.fail("customers", 500, { type: "api_error" });
    for (const minutes of [10, 20, 40, 80, 160, 320, 360, 360]) {
      expect(await collect(shop.t)).toEqual(UNANSWERED);
      later(minutes * 60_000 - 1);
      expect(await collect(shop.t)).toEqual(NOTHING);
      later(1);
    }
    shop.server.heal();
    expect(await collect(shop.t)).toEqual(PAID);
  });

  test("that was told of after the customer was removed keeps the payment", async () => {
    const shop = await owed();
    const real = stripeOf();
    const removing: PaymentProvider = {
      ...real,
      charge: async (charge) => {
        const answer = await real.charge(charge);
        await shop.t.mutation((ctx) => tally.customers.remove(ctx, { customerId: "user_1" }));
        return answer;
      },
    };
    expect(await collectWith(shop.t, removing)).toEqual(PAID);
    expect(await charges(shop.t)).toEqual([]);
    expect((await purchases(shop.t)).filter(({ kind }) => kind === "overage")).toMatchObject([
      { customerId: "user_1", status: "paid", paid: 3_000 },
    ]);
  });
});

test("another provider does not ask for what one has not answered", async () => {
  const shop = await owed();
  shop.server.loseAnswers("POST payment_intents");
  await collect(shop.t);
  later(10 * 60_000);
  expect(await collectWith(shop.t, demo({ enabled: true }))).toEqual(NOTHING);
  expect(await listed(shop.t)).toMatchObject([
    { status: "invoicing", problem: "stripe was asked, and has not answered" },
  ]);
});

test("a payment of a charge that somebody has marked as paid waits for an operator", async () => {
  const shop = await owed();
  const real = stripeOf();
  const [charge] = await charges(shop.t);
  const marking: PaymentProvider = {
    ...real,
    charge: async (asked) => {
      const answer = await real.charge(asked);
      await alter(shop.t, charge ?? { _id: "" }, { status: "paid" });
      return answer;
    },
  };
  await collectWith(shop.t, marking);
  const { page } = await shop.t.query((ctx) => payments.quarantined(ctx));
  expect(page).toMatchObject([{ kind: "overage", paid: 3_000 }]);
});
