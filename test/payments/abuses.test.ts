/** The threats to what is sold, each as somebody would try it (or as it has happened elsewhere). */
import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import { syncSubscription } from "../../src/payments/index.js";
import { tally } from "./app/billing.js";
import {
  browser,
  buy,
  deliver,
  lastSession,
  left,
  OLD_SECRET,
  payments,
  plansOf,
  purchases,
  SECRET,
  stripeShop,
  SUCCESS_URL,
  use,
  type Shop,
} from "./deployment.js";
import { signed } from "./stripeServer.js";

const START = Date.UTC(2026, 0, 10);
const DAY_MS = 24 * 3_600_000;
const PACK = { productId: "api-call-pack-1000" };

beforeEach(() => {
  vi.useFakeTimers({ toFake: ["Date"] });
  vi.setSystemTime(START);
});
afterEach(() => {
  vi.useRealTimers();
});

const subscriptionIn = ({ server }: Shop) => {
  const found = [...server.objects.values()].find(({ object }) => object === "subscription");
  if (found === undefined) throw new Error("there is no subscription");
  return found;
};
const later = (ms: number) => vi.setSystemTime(Date.now() + ms);
/** Checks out, without paying. */
async function opened(shop: Shop, args: Record<string, string> = PACK) {
  await browser(shop.t).checkout({ ...args, successUrl: SUCCESS_URL });
  return lastSession(shop.server);
}

describe("12: a browser that tampers", () => {
  test.each([
    ["customer", { customerId: "user_2" }],
    ["price", { amount: 1 }],
    ["currency", { currency: "jpy" }],
    ["grant", { items: [] }],
    ["trial", { trialDays: 365 }],
    ["purchase", { purchaseId: "1" }],
    ["price at Stripe", { stripe: { priceId: "price_mine" } }],
  ])("with the %s is refused", async (_what, extra) => {
    const shop = await stripeShop();
    const asked = browser(shop.t).checkout({ ...PACK, successUrl: SUCCESS_URL, ...extra });
    await expect(asked).rejects.toThrow(/Validator error/);
    expect(shop.server.requests).toEqual([]);
  });

  test("with the entity of another customer is refused", async () => {
    const shop = await stripeShop();
    await shop.t.mutation(async (ctx) => {
      await tally.customers.create(ctx, { customerId: "user_2" });
      await tally.entities.create(ctx, { customerId: "user_2", entityId: "theirs", featureId: "seats" });
    });
    const asked = browser(shop.t).checkout({ planId: "pro", entityId: "theirs", successUrl: SUCCESS_URL });
    await expect(asked).rejects.toThrow(/has no entity/);
  });

  test("cannot cancel another customer's plan", async () => {
    const shop = await stripeShop();
    await buy(shop, { planId: "pro" });
    await expect(browser(shop.t, "user_2").cancel({ planId: "pro" })).rejects.toThrow();
    expect(subscriptionIn(shop)).toMatchObject({ cancel_at_period_end: false });
  });

  test("pays the price of when it asked, whatever it does meanwhile", async () => {
    const shop = await stripeShop();
    const session = await opened(shop);
    expect(session).toMatchObject({ amount_total: 500, currency: "usd" });
  });
});

describe("13: a webhook that is forged or replayed", () => {
  const forgeries: [string, (body: string, signature: string) => { body: string; signature: string }][] = [
    ["without a signature", (body) => ({ body, signature: "" })],
    ["with a signature of nothing", (body) => ({ body, signature: "t=1,v1=0" })],
    [
      "with another body than was signed",
      (body, signature) => ({ body: body.replace("cs_", "cs_0"), signature }),
    ],
    ["with a space more than was signed", (body, signature) => ({ body: `${body} `, signature })],
    [
      "with another time than was signed",
      (body, signature) => ({ body, signature: signature.replace(/t=\d+/, "t=9999999999") }),
    ],
  ];

  test.each(forgeries)("%s is refused", async (_how, forge) => {
    const shop = await stripeShop();
    const session = shop.server.pay((await opened(shop)).id);
    const real = await signed("checkout.session.completed", session, SECRET);
    const { body, signature } = forge(real.body, real.headers["stripe-signature"] ?? "");
    const asked = shop.server.requests.length;
    const headers = { "stripe-signature": signature };
    const response = await shop.t.fetch("/tally/webhook", { method: "POST", body, headers });
    expect(response.status).toBe(400);
    expect(shop.server.requests).toHaveLength(asked);
    expect(await left(shop.t, "api_calls")).toMatchObject({ granted: 0 });
  });

  test("signed with somebody else's secret is refused", async () => {
    const shop = await stripeShop();
    const session = shop.server.pay((await opened(shop)).id);
    const status = await deliver(shop.t, "checkout.session.completed", session, { secret: "whsec_guess" });
    expect(status).toBe(400);
    expect(await purchases(shop.t)).toMatchObject([{ status: "open" }]);
  });

  test("five minutes old is refused", async () => {
    const shop = await stripeShop();
    const session = shop.server.pay((await opened(shop)).id);
    const old = { at: Date.now() - 301_000 };
    expect(await deliver(shop.t, "checkout.session.completed", session, old)).toBe(400);
    expect(await deliver(shop.t, "checkout.session.completed", session, { at: Date.now() - 299_000 })).toBe(
      200,
    );
  });

  test("repeated, now and later, credits once", async () => {
    const shop = await stripeShop();
    const session = await buy(shop, PACK);
    for (const wait of [0, 1_000, DAY_MS]) {
      later(wait);
      expect(await deliver(shop.t, "checkout.session.completed", session)).toBe(200);
    }
    expect(await left(shop.t, "api_calls")).toMatchObject({ granted: 1_000 });
    expect(await purchases(shop.t)).toMatchObject([{ status: "paid", paidAt: START }]);
  });

  test("delivered five times at once credits once", async () => {
    const shop = await stripeShop();
    const session = shop.server.pay((await opened(shop)).id);
    const all = [1, 2, 3, 4, 5].map(() => deliver(shop.t, "checkout.session.completed", session));
    expect(await Promise.all(all)).toEqual([200, 200, 200, 200, 200]);
    expect(await left(shop.t, "api_calls")).toMatchObject({ granted: 1_000 });
  });

  test("of an account's other business changes nothing", async () => {
    const shop = await stripeShop();
    const { server, t } = shop;
    server.objects.set("cs_other", {
      ...(await opened(shop)),
      id: "cs_other",
      client_reference_id: "their own",
    });
    server.pay("cs_other");
    expect(await deliver(t, "checkout.session.completed", { id: "cs_other" })).toBe(200);
    expect(await deliver(t, "customer.created", { id: "cus_other" })).toBe(200);
    expect(await purchases(t)).toMatchObject([{ status: "open" }]);
    expect(await left(t, "api_calls")).toMatchObject({ granted: 0 });
  });

  test("for another session than the purchase's own changes nothing", async () => {
    const shop = await stripeShop();
    const { server, t } = shop;
    const session = await opened(shop);
    server.objects.set("cs_other", { ...session, id: "cs_other" });
    server.pay("cs_other", { amount_total: 500 });
    expect(await deliver(t, "checkout.session.completed", { id: "cs_other" })).toBe(200);
    expect(await purchases(t)).toMatchObject([{ status: "open", sessionId: session.id }]);
  });

  test("is read with either of two secrets while they are rotated, and with the new one alone thereafter", async () => {
    const shop = await stripeShop();
    const first = shop.server.pay((await opened(shop)).id);
    expect(await deliver(shop.t, "checkout.session.completed", first, { secret: OLD_SECRET })).toBe(200);
    const second = shop.server.pay((await opened(shop)).id);
    expect(await deliver(shop.t, "checkout.session.completed", second, { secret: SECRET })).toBe(200);
    expect(await left(shop.t, "api_calls")).toMatchObject({ granted: 2_000 });

    const rotated = await stripeShop(undefined, () => undefined);
    const third = rotated.server.pay((await opened(rotated)).id);
    expect(await deliver(rotated.t, "checkout.session.completed", third, { secret: OLD_SECRET })).toBe(400);
    expect(await deliver(rotated.t, "checkout.session.completed", third)).toBe(200);
  });
});

describe("14: seen, then failed", () => {
  test("is answered with an error, marks nothing, and is credited when it comes again", async () => {
    const shop = await stripeShop();
    const log = vi.spyOn(console, "error").mockImplementation(() => {});
    const session = shop.server.pay((await opened(shop)).id);
    shop.server.fail("checkout/sessions", 500, { type: "api_error" });
    expect(await deliver(shop.t, "checkout.session.completed", session)).toBe(500);
    expect(await purchases(shop.t)).toMatchObject([{ status: "open" }]);
    expect(log).toHaveBeenCalledOnce();

    shop.server.heal();
    expect(await deliver(shop.t, "checkout.session.completed", session)).toBe(200);
    expect(await left(shop.t, "api_calls")).toMatchObject({ granted: 1_000 });
    log.mockRestore();
  });

  test("of a credit that fails halfway leaves neither mark nor credit", async () => {
    const shop = await stripeShop();
    const log = vi.spyOn(console, "error").mockImplementation(() => {});
    const { t } = shop;
    // 64 grants of different terms: a 65th is refused.
    await t.mutation(async (ctx) => {
      for (let priority = 1; priority <= 64; priority++)
        await tally.grants.grant(ctx, { customerId: "user_1", featureId: "api_calls", amount: 1, priority });
    });
    const session = shop.server.pay((await opened(shop)).id);
    expect(await deliver(t, "checkout.session.completed", session)).toBe(500);
    expect(await purchases(t)).toMatchObject([{ status: "open" }]);

    const [row] = (
      await t.query((ctx) => tally.for(ctx, { customerId: "user_1" }).check({ featureId: "api_calls" }))
    ).breakdown;
    await t.mutation((ctx) =>
      tally.grants.revoke(ctx, { customerId: "user_1", featureId: "api_calls", grantId: row?.grantId ?? "" }),
    );
    expect(await deliver(t, "checkout.session.completed", session)).toBe(200);
    expect(await left(t, "api_calls")).toMatchObject({ granted: 1_063 });
    log.mockRestore();
  });
});

describe("15: two events for one purchase", () => {
  test("of a top-up, and a payer who comes back, credit once", async () => {
    const shop = await stripeShop();
    const session = shop.server.pay((await opened(shop)).id);
    await Promise.all([
      deliver(shop.t, "checkout.session.completed", session),
      deliver(shop.t, "checkout.session.async_payment_succeeded", session),
      browser(shop.t).confirm(),
    ]);
    expect(await left(shop.t, "api_calls")).toMatchObject({ granted: 1_000 });
  });

  test("of a plan give it once", async () => {
    const shop = await stripeShop();
    const session = await buy(shop, { planId: "pro" });
    await use(shop.t, "messages", 40);
    await deliver(shop.t, "customer.subscription.updated", { id: session.subscription });
    await deliver(shop.t, "invoice.paid", { id: session.invoice });
    await deliver(shop.t, "checkout.session.completed", session);
    expect(await left(shop.t, "messages")).toMatchObject({ granted: 100, usage: 40 });
    expect(await purchases(shop.t)).toHaveLength(1);
  });

  test("with one payment credit one purchase: the other waits for an operator", async () => {
    const shop = await stripeShop();
    const first = await buy(shop, PACK);
    const second = shop.server.pay((await opened(shop)).id);
    shop.server.set(second.id, { payment_intent: first.payment_intent });
    await deliver(shop.t, "checkout.session.completed", second);
    expect(await left(shop.t, "api_calls")).toMatchObject({ granted: 1_000 });
    expect((await purchases(shop.t)).map(({ status }) => status)).toEqual(["paid", "quarantined"]);
  });
});

describe("16: events out of order", () => {
  test("of a subscription that is over bring nothing of it back", async () => {
    const shop = await stripeShop();
    const session = await buy(shop, { planId: "pro" });
    const before = structuredClone(subscriptionIn(shop));
    shop.server.set(String(session.subscription), { status: "canceled" });
    await deliver(shop.t, "customer.subscription.deleted", { id: session.subscription });
    expect(await plansOf(shop.t)).toEqual(["free active"]);
    // The word of when it was active comes now; what Stripe says when asked is what counts.
    later(1_000);
    await deliver(shop.t, "customer.subscription.updated", before);
    expect(await plansOf(shop.t)).toEqual(["free active"]);
  });

  test("that are told by someone's own billing are put in order by their version", async () => {
    const { t } = await stripeShop();
    const told = async (status: "active" | "past_due" | "canceled", version: number) =>
      await t.mutation((ctx) =>
        syncSubscription(ctx, tally, {
          customerId: "user_1",
          externalId: "ext_1",
          planId: "pro",
          status,
          periodStart: START,
          periodEnd: START + 31 * DAY_MS,
          version,
        }),
      );
    expect(await told("past_due", 2)).toMatchObject({ applied: true });
    expect(await told("active", 1)).toMatchObject({ applied: false });
    expect(await plansOf(t)).toEqual(["pro past_due"]);
    expect(await told("active", 3)).toMatchObject({ applied: true });
    expect(await told("canceled", 4)).toMatchObject({ applied: true });
    expect(await told("active", 3)).toMatchObject({ applied: false });
    expect(await plansOf(t)).toEqual(["free active"]);
  });

  test("whose end comes before their beginning give nothing", async () => {
    const { t } = await stripeShop();
    const told = {
      customerId: "user_1",
      externalId: "ext_1",
      planId: "pro",
      periodStart: START,
      periodEnd: START + DAY_MS,
    } as const;
    await t.mutation((ctx) => syncSubscription(ctx, tally, { ...told, status: "canceled", version: 9 }));
    await t.mutation((ctx) => syncSubscription(ctx, tally, { ...told, status: "active", version: 1 }));
    expect(await plansOf(t)).toEqual(["free active"]);
    expect(await left(t, "messages")).toMatchObject({ granted: 10 });
  });

  test("of a session that was said to be over, and was paid, credit it", async () => {
    const shop = await stripeShop();
    const session = shop.server.complete((await opened(shop)).id);
    await deliver(shop.t, "checkout.session.async_payment_failed", session);
    expect(await purchases(shop.t)).toMatchObject([{ status: "failed" }]);
    shop.server.pay(session.id);
    await deliver(shop.t, "checkout.session.async_payment_succeeded", session);
    expect(await left(shop.t, "api_calls")).toMatchObject({ granted: 1_000 });
  });

  test("of a bank debit credit nothing before the money is there", async () => {
    const shop = await stripeShop();
    const session = shop.server.complete((await opened(shop)).id);
    await deliver(shop.t, "checkout.session.completed", session);
    expect(await left(shop.t, "api_calls")).toMatchObject({ granted: 0 });
    shop.server.pay(session.id);
    await deliver(shop.t, "checkout.session.async_payment_succeeded", session);
    expect(await left(shop.t, "api_calls")).toMatchObject({ granted: 1_000 });
  });
});

describe("17: a refund or dispute after spending", () => {
  async function spent(calls: number) {
    const shop = await stripeShop();
    const { payment_intent } = await buy(shop, PACK);
    if (calls > 0) await use(shop.t, "api_calls", calls);
    const told = async (type: string) => {
      later(1_000);
      expect(await deliver(shop.t, type, { id: "ch_1", payment_intent })).toBe(200);
    };
    return { ...shop, payment: String(payment_intent), told };
  }

  test("takes back what is left, and the rest is owed: later credits pay it", async () => {
    const shop = await spent(400);
    shop.server.refund(shop.payment, 500);
    await shop.told("charge.refunded");
    expect(await left(shop.t, "api_calls")).toMatchObject({ granted: 0, usage: 400, allowed: false });

    await buy(shop, PACK);
    expect(await left(shop.t, "api_calls")).toMatchObject({ remaining: 600 });
  });

  test("told twice, and in parts, takes back the difference each time", async () => {
    const { t, server, payment, told } = await spent(0);
    server.refund(payment, 100);
    await told("charge.refunded");
    await told("charge.refunded");
    expect(await left(t, "api_calls")).toMatchObject({ granted: 800, remaining: 800 });
    server.refund(payment, 150);
    await told("charge.refunded");
    expect(await left(t, "api_calls")).toMatchObject({ granted: 500 });
    server.refund(payment, 250);
    await told("charge.refunded");
    await told("charge.refunded");
    expect(await left(t, "api_calls")).toMatchObject({ granted: 0, remaining: 0 });
    expect(await purchases(t)).toMatchObject([
      { returned: 500, credited: [{ amount: 1_000, takenBack: 1_000 }] },
    ]);
  });

  test("disputed takes it back, and won gives it again", async () => {
    const { t, server, payment, told } = await spent(300);
    const { id } = server.dispute(payment, 500, "needs_response");
    await told("charge.dispute.created");
    expect(await left(t, "api_calls")).toMatchObject({ granted: 0, usage: 300 });
    server.set(id, { status: "won" });
    await told("charge.dispute.closed");
    expect(await left(t, "api_calls")).toMatchObject({ granted: 1_000, remaining: 700 });
  });

  test("that is only asked about takes nothing", async () => {
    const { t, server, payment, told } = await spent(0);
    server.dispute(payment, 500, "warning_needs_response");
    await told("charge.dispute.created");
    expect(await left(t, "api_calls")).toMatchObject({ remaining: 1_000 });
  });

  test("refunded and disputed as well takes no more than was given", async () => {
    const { t, server, payment, told } = await spent(0);
    server.refund(payment, 300);
    server.dispute(payment, 500, "lost");
    await told("charge.dispute.created");
    expect(await left(t, "api_calls")).toMatchObject({ remaining: 0, granted: 0 });
  });

  test("of one of two equal top-ups leaves the other", async () => {
    const shop = await spent(0);
    await buy(shop, PACK);
    shop.server.refund(shop.payment, 500);
    await shop.told("charge.refunded");
    expect(await left(shop.t, "api_calls")).toMatchObject({ granted: 1_000, remaining: 1_000 });
  });

  test("never rewrites what has happened", async () => {
    const shop = await spent(400);
    const before = await shop.t.query((ctx) => tally.events.list(ctx, { customerId: "user_1" }));
    shop.server.refund(shop.payment, 500);
    await shop.told("charge.refunded");
    const after = await shop.t.query((ctx) => tally.events.list(ctx, { customerId: "user_1" }));
    expect(after.page).toHaveLength(before.page.length + 1);
    expect(after.page.slice(1)).toEqual(before.page);
    expect(after.page[0]).toMatchObject({ kind: "purchase", value: -1_000 });
  });

  test("of a payment that is none of ours changes nothing", async () => {
    const shop = await spent(0);
    const other = shop.server.objects.get(shop.payment);
    shop.server.objects.set("pi_other", { ...other, id: "pi_other" });
    expect(await deliver(shop.t, "charge.refunded", { id: "ch_2", payment_intent: "pi_other" })).toBe(200);
    expect(await left(shop.t, "api_calls")).toMatchObject({ granted: 1_000 });
  });

  test("of a plan ends what it gives, until its next period is paid", async () => {
    const shop = await stripeShop();
    const session = await buy(shop, { planId: "pro" });
    const subscription = String(session.subscription);
    const [purchase] = await purchases(shop.t);
    shop.server.refund(purchase?.paymentId ?? "", 2_000);
    await deliver(shop.t, "charge.refunded", chargeEvent(purchase?.paymentId));
    expect(await left(shop.t, "messages")).toMatchObject({ remaining: 0, allowed: false });
    // That Stripe has it as active still is no payment.
    later(1_000);
    await deliver(shop.t, "customer.subscription.updated", { id: subscription });
    expect(await left(shop.t, "messages")).toMatchObject({ allowed: false });

    vi.setSystemTime(Date.UTC(2026, 1, 10));
    const invoice = shop.server.renew(subscription);
    await deliver(shop.t, "invoice.paid", invoice);
    expect(await left(shop.t, "messages")).toMatchObject({ remaining: 100 });
  });

  test("of a renewal ends the plan as well; of a period that is over it ends nothing", async () => {
    const shop = await stripeShop();
    const session = await buy(shop, { planId: "pro" });
    const [first] = await purchases(shop.t);
    vi.setSystemTime(Date.UTC(2026, 1, 10));
    await deliver(shop.t, "invoice.paid", shop.server.renew(String(session.subscription)));
    const second = (await purchases(shop.t)).find(({ kind }) => kind === "renewal");
    expect(second).toMatchObject({ status: "paid", paid: 2_000, paidUntil: Date.UTC(2026, 2, 10) });

    shop.server.refund(first?.paymentId ?? "", 2_000);
    await deliver(shop.t, "charge.refunded", chargeEvent(first?.paymentId));
    expect(await left(shop.t, "messages")).toMatchObject({ remaining: 100 });
    later(1_000);
    shop.server.refund(second?.paymentId ?? "", 2_000);
    await deliver(shop.t, "charge.refunded", chargeEvent(second?.paymentId));
    expect(await left(shop.t, "messages")).toMatchObject({ allowed: false });
  });

  const chargeEvent = (paymentId: string | undefined) => ({ id: "ch_1", payment_intent: paymentId ?? "" });
});

describe("18: paid otherwise than expected", () => {
  test.each([
    ["less", { amount_total: 499 }, /paid 499, where 500/],
    ["more", { amount_total: 501 }, /paid 501, where 500/],
    ["nothing, by a coupon", { amount_total: 0 }, /paid 0, where 500/],
    ["in another currency", { currency: "jpy" }, /paid in jpy, where usd/],
  ])("%s is credited to nobody, and an operator sees why", async (_how, paid, why) => {
    const shop = await stripeShop();
    const session = shop.server.pay((await opened(shop)).id, paid);
    expect(await deliver(shop.t, "checkout.session.completed", session)).toBe(200);
    await deliver(shop.t, "checkout.session.completed", session);

    expect(await left(shop.t, "api_calls")).toMatchObject({ granted: 0 });
    const { page } = await shop.t.query((ctx) => payments.quarantined(ctx));
    expect(page).toMatchObject([{ customerId: "user_1", status: "quarantined" }]);
    expect(page[0]?.problem).toMatch(why);
  });

  test("of a plan begins none, whatever is told of its subscription", async () => {
    const shop = await stripeShop();
    const session = shop.server.pay((await opened(shop, { planId: "pro" })).id, { amount_total: 1 });
    await deliver(shop.t, "checkout.session.completed", session);
    await deliver(shop.t, "customer.subscription.updated", { id: session.subscription });
    await deliver(shop.t, "invoice.paid", { id: session.invoice });
    expect(await plansOf(shop.t)).toEqual(["free active"]);
    expect(await purchases(shop.t)).toMatchObject([{ status: "quarantined", amount: 2_000, paid: 1 }]);
  });

  test("for an entity that is gone is credited to nobody", async () => {
    const shop = await stripeShop();
    const { t } = shop;
    const entity = { customerId: "user_1", entityId: "seat_1" };
    await t.mutation(async (ctx) => {
      await tally.customers.create(ctx, { customerId: "user_1" });
      await tally.entities.create(ctx, { ...entity, featureId: "seats" });
    });
    const session = shop.server.pay((await opened(shop, { ...PACK, entityId: "seat_1" })).id);
    await t.mutation((ctx) => tally.entities.remove(ctx, entity));
    expect(await deliver(t, "checkout.session.completed", session)).toBe(200);
    expect(await purchases(t)).toMatchObject([
      { status: "quarantined", problem: expect.stringMatching(/no entity/) as string },
    ]);
  });

  test("for a subscription that is another customer's is credited to nobody", async () => {
    const shop = await stripeShop();
    const theirs = await buy(shop, { planId: "pro" }, "user_2");
    const session = shop.server.pay((await opened(shop, { planId: "pro" })).id);
    shop.server.set(session.id, { subscription: theirs.subscription });
    await deliver(shop.t, "checkout.session.completed", session);
    expect(await plansOf(shop.t)).toEqual(["free active"]);
    expect((await purchases(shop.t)).map(({ status }) => status)).toEqual(["paid", "quarantined"]);
  });
});

describe("19: coming back without having paid", () => {
  test("credits nothing, however often", async () => {
    const shop = await stripeShop();
    await opened(shop);
    await opened(shop, { planId: "pro" });
    expect(await browser(shop.t).confirm()).toEqual({ credited: 0 });
    expect(await browser(shop.t).confirm()).toEqual({ credited: 0 });
    expect(await left(shop.t, "api_calls")).toMatchObject({ granted: 0 });
    expect(await plansOf(shop.t)).toEqual(["free active"]);
  });

  test("after having paid credits, though no webhook has come; the webhook then adds nothing", async () => {
    const shop = await stripeShop();
    const session = shop.server.pay((await opened(shop)).id);
    expect(await browser(shop.t, "user_2").confirm()).toEqual({ credited: 0 });
    expect(await browser(shop.t).confirm()).toEqual({ credited: 1 });
    expect(await browser(shop.t).confirm()).toEqual({ credited: 0 });
    await deliver(shop.t, "checkout.session.completed", session);
    expect(await left(shop.t, "api_calls")).toMatchObject({ granted: 1_000 });
  });
});

describe("21: farming trials", () => {
  test("of a plan by the same customer gets one", async () => {
    const shop = await stripeShop();
    const session = await buy(shop, { planId: "tried" });
    shop.server.set(String(session.subscription), { status: "canceled" });
    later(1_000);
    await deliver(shop.t, "customer.subscription.deleted", { id: session.subscription });
    await browser(shop.t).checkout({ planId: "tried", successUrl: SUCCESS_URL });
    expect(lastSession(shop.server)).toMatchObject({ amount_total: 3_000 });
    expect((await purchases(shop.t)).at(-1)).toMatchObject({ amount: 3_000 });
  });
});

describe("22: flip-flop between plans", () => {
  test("gives a new allowance once, for what is paid, and nothing for coming back", async () => {
    const shop = await stripeShop();
    const { t, server } = shop;
    await buy(shop, { planId: "pro" });
    await use(t, "messages", 90);
    vi.setSystemTime(Date.UTC(2026, 0, 20));
    await browser(t).checkout({ planId: "team", successUrl: SUCCESS_URL });
    expect(await left(t, "messages")).toMatchObject({ granted: 500, usage: 0 });
    await use(t, "messages", 450);

    const paid = server.requests.length;
    for (let round = 0; round < 3; round++) {
      later(60_000);
      await browser(t).checkout({ planId: "pro", successUrl: SUCCESS_URL });
      expect(await plansOf(t)).toEqual(["team active", "pro scheduled"]);
      later(60_000);
      await browser(t).checkout({ planId: "team", successUrl: SUCCESS_URL });
      expect(await plansOf(t)).toEqual(["team active"]);
    }
    expect(await left(t, "messages")).toMatchObject({ granted: 500, usage: 450 });
    expect(server.requests.slice(paid)).not.toContain("POST payment_intents");
    const changes = (await purchases(t)).filter(({ kind, paid = 0 }) => kind === "change" && paid > 0);
    expect(changes).toHaveLength(1);
  });

  test("to the free plan and back keeps what was used", async () => {
    const shop = await stripeShop();
    const { t } = shop;
    await buy(shop, { planId: "pro" });
    await use(t, "messages", 90);
    for (let round = 0; round < 3; round++) {
      later(60_000);
      await browser(t).checkout({ planId: "free", successUrl: SUCCESS_URL });
      expect(await plansOf(t)).toEqual(["pro active", "free scheduled"]);
      later(60_000);
      expect(await browser(t).checkout({ planId: "pro", successUrl: SUCCESS_URL })).toEqual({
        url: null,
        done: true,
      });
    }
    expect(await plansOf(t)).toEqual(["pro active"]);
    expect(await left(t, "messages")).toMatchObject({ usage: 90 });
  });
});

describe("23: canceling and subscribing again", () => {
  test("within the period keeps its end and what was used", async () => {
    const shop = await stripeShop();
    const { t } = shop;
    await buy(shop, { planId: "pro" });
    await use(t, "messages", 70);
    vi.setSystemTime(Date.UTC(2026, 0, 20));
    expect(await browser(t).cancel({ planId: "pro" })).toEqual({ endsAt: Date.UTC(2026, 1, 10) });
    expect(subscriptionIn(shop)).toMatchObject({ cancel_at_period_end: true });
    expect(await left(t, "messages")).toMatchObject({ usage: 70, remaining: 30 });
    later(60_000);
    expect(await browser(t).resume({ planId: "pro" })).toEqual({ resumed: true });
    expect(subscriptionIn(shop)).toMatchObject({ cancel_at_period_end: false });
    expect(await left(t, "messages")).toMatchObject({ usage: 70, remaining: 30 });
    expect(await plansOf(t)).toEqual(["pro active"]);
  });

  test("of one that is over costs its price again", async () => {
    const shop = await stripeShop();
    const session = await buy(shop, { planId: "pro" });
    await use(shop.t, "messages", 100);
    shop.server.set(String(session.subscription), { status: "canceled" });
    later(1_000);
    await deliver(shop.t, "customer.subscription.deleted", { id: session.subscription });
    expect(await left(shop.t, "messages")).toMatchObject({ granted: 10, allowed: false });
    await buy(shop, { planId: "pro" });
    expect(await left(shop.t, "messages")).toMatchObject({ granted: 100, remaining: 100 });
    expect((await purchases(shop.t)).map(({ paid }) => paid)).toEqual([2_000, 2_000]);
  });
});

describe("24: clocks that are wrong", () => {
  test.each([
    ["in the future", 400 * DAY_MS],
    ["in the past", -400 * DAY_MS],
  ])("a webhook that was made %s credits as of now, or not at all", async (_when, skew) => {
    const shop = await stripeShop();
    const session = shop.server.pay((await opened(shop)).id);
    await deliver(shop.t, "checkout.session.completed", session, { at: Date.now() + skew });
    await deliver(shop.t, "checkout.session.completed", session);
    expect(await left(shop.t, "api_calls")).toMatchObject({ granted: 1_000 });
    expect(await purchases(shop.t)).toMatchObject([{ paidAt: START }]);
  });

  test("a period that begins in the future by someone's clock begins now, and resets no sooner", async () => {
    const { t } = await stripeShop();
    const minute = 60_000;
    await t.mutation((ctx) =>
      syncSubscription(ctx, tally, {
        customerId: "user_1",
        externalId: "ext_1",
        planId: "pro",
        status: "active",
        periodStart: START + minute,
        periodEnd: Date.UTC(2026, 1, 10) + minute,
        version: 1,
      }),
    );
    await use(t, "messages", 60);
    later(2 * minute);
    expect(await left(t, "messages")).toMatchObject({ usage: 60 });
  });

  test.each([
    ["periodStart", { periodStart: NaN }],
    ["periodEnd", { periodEnd: START - 1 }],
    ["cancelAt", { cancelAt: Infinity }],
    ["version", { version: NaN }],
  ])("a %s that is no time is refused", async (name, wrong) => {
    const { t } = await stripeShop();
    const told = t.mutation((ctx) =>
      syncSubscription(ctx, tally, {
        customerId: "user_1",
        externalId: "ext_1",
        planId: "pro",
        status: "active",
        periodStart: START,
        periodEnd: START + DAY_MS,
        version: 1,
        ...wrong,
      }),
    );
    await expect(told).rejects.toThrow(name);
  });
});
