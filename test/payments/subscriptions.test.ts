import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import { demo } from "../../src/payments/index.js";
import {
  browser,
  buy,
  deliver,
  deploy,
  lastSession,
  left,
  plansOf,
  purchases,
  stripeShop,
  SUCCESS_URL,
  use,
  type Shop,
} from "./deployment.js";

const START = Date.UTC(2026, 3, 1);
const DAY_MS = 24 * 3_600_000;
/** April has 30 days: it is day 15 of 30. */
const MIDDLE = START + 15 * DAY_MS;
const MAY = Date.UTC(2026, 4, 1);
const JUNE = Date.UTC(2026, 5, 1);

beforeEach(() => {
  vi.useFakeTimers({ toFake: ["Date"] });
  vi.setSystemTime(START);
});
afterEach(() => {
  vi.useRealTimers();
  vi.unstubAllEnvs();
});

async function subscribed(args: Record<string, string | Record<string, number>> = { planId: "pro" }) {
  const shop = await stripeShop();
  const session = await buy(shop, args);
  return { ...shop, subscription: String(session.subscription) };
}
const later = (ms: number) => vi.setSystemTime(Date.now() + ms);
const toTeam = { planId: "team", successUrl: SUCCESS_URL };
/** What Stripe has as the prices of a subscription. */
const pricesOf = ({ server }: Shop, subscription: string) => {
  const { items } = server.objects.get(subscription) as unknown as {
    items: { data: { price: { unit_amount: number } }[] };
  };
  return items.data.map(({ price }) => price.unit_amount);
};

describe("from $20 to $50 at day 15 of 30", () => {
  const preview = {
    currency: "usd",
    total: 15,
    when: "now",
    startsAt: MIDDLE,
    next: { at: MAY, total: 50 },
  };

  test("costs $15 at Stripe: previewed, paid at once, and had at once", async () => {
    const shop = await subscribed();
    const { t, server, subscription } = shop;
    await use(t, "messages", 90);
    vi.setSystemTime(MIDDLE);
    const previewed = await browser(t).preview({ planId: "team" });
    expect(previewed).toMatchObject(preview);
    expect(previewed.lines.map(({ amount }) => amount)).toEqual([-10, 25]);
    expect(await plansOf(t)).toEqual(["pro active"]);

    expect(await browser(t).checkout(toTeam)).toEqual({ url: null, done: true });
    expect(await plansOf(t)).toEqual(["team active"]);
    expect(await left(t, "messages")).toMatchObject({ granted: 500, usage: 0 });
    expect(pricesOf(shop, subscription)).toEqual([5_000]);
    const change = (await purchases(t)).find(({ kind }) => kind === "change");
    expect(change).toMatchObject({ status: "paid", amount: 1_500, paid: 1_500, replaces: "pro" });
    expect(server.objects.get(change?.paymentId ?? "")).toMatchObject({ amount_received: 1_500 });
  });

  test("costs $15 by core's own proration, which the demo payments use", async () => {
    vi.stubEnv("CONVEX_SITE_URL", "https://happy-otter-1.convex.site");
    const t = deploy(demo({ enabled: true }));
    const { url } = await browser(t).checkout({ planId: "pro", successUrl: SUCCESS_URL });
    const session = new URL(url ?? "").searchParams.get("session");
    await t.fetch("/tally/webhook", { method: "POST", body: JSON.stringify({ session, outcome: "pay" }) });
    vi.setSystemTime(MIDDLE);
    const previewed = await browser(t).preview({ planId: "team" });
    expect(previewed).toMatchObject(preview);
    expect(previewed.lines.map(({ amount }) => amount)).toEqual([-10, 25]);

    await browser(t).checkout(toTeam);
    expect(await plansOf(t)).toEqual(["team active"]);
    const change = (await purchases(t)).find(({ kind }) => kind === "change");
    expect(change).toMatchObject({ status: "paid", amount: 1_500, paid: 1_500 });
  });

  test("keeps the paid period: its next reset is Stripe's", async () => {
    const { t, server, subscription } = await subscribed();
    vi.setSystemTime(MIDDLE);
    await browser(t).checkout(toTeam);
    await use(t, "messages", 300);
    vi.setSystemTime(MAY - 1);
    expect(await left(t, "messages")).toMatchObject({ usage: 300 });
    vi.setSystemTime(MAY);
    await deliver(t, "invoice.paid", server.renew(subscription));
    expect(await left(t, "messages")).toMatchObject({ usage: 0, granted: 500 });
  });

  test("that the bank refuses changes nothing", async () => {
    const shop = await subscribed();
    const { t, server, subscription } = shop;
    vi.setSystemTime(MIDDLE);
    server.addCard(String(lastSession(server).customer), "insufficient_funds");
    await expect(browser(t).checkout(toTeam)).rejects.toThrow(/payment was refused.*insufficient_funds/);
    expect(await plansOf(t)).toEqual(["pro active"]);
    expect(pricesOf(shop, subscription)).toEqual([2_000]);
    expect((await purchases(t)).find(({ kind }) => kind === "change")).toMatchObject({ status: "failed" });
  });

  test("whose answer never comes is had when Stripe tells of it", async () => {
    const shop = await subscribed();
    const { t, server, subscription } = shop;
    vi.setSystemTime(MIDDLE);
    server.loseAnswers(`POST subscriptions/${subscription}`);
    await expect(browser(t).checkout(toTeam)).rejects.toThrow(/could not be reached/);
    expect(pricesOf(shop, subscription)).toEqual([5_000]);
    expect(await plansOf(t)).toEqual(["pro active"]);

    later(1_000);
    await deliver(t, "customer.subscription.updated", { id: subscription });
    expect(await plansOf(t)).toEqual(["team active"]);
  });
});

describe("a change that costs less", () => {
  test("waits for the end of what is paid, and costs nothing until then", async () => {
    const shop = await subscribed({ planId: "team" });
    const { t, server, subscription } = shop;
    vi.setSystemTime(MIDDLE);
    expect(await browser(t).preview({ planId: "pro" })).toEqual({
      currency: "usd",
      lines: [],
      total: 0,
      when: "period_end",
      startsAt: MAY,
      next: { at: MAY, total: 20 },
      redirects: false,
    });
    await browser(t).checkout({ planId: "pro", successUrl: SUCCESS_URL });
    expect(await plansOf(t)).toEqual(["team active", "pro scheduled"]);
    expect(pricesOf(shop, subscription)).toEqual([2_000]);
    await deliver(t, "customer.subscription.updated", { id: subscription });
    expect(await plansOf(t)).toEqual(["team active", "pro scheduled"]);

    vi.setSystemTime(MAY);
    await deliver(t, "invoice.paid", server.renew(subscription));
    expect(await plansOf(t)).toEqual(["pro active"]);
    expect(await left(t, "messages")).toMatchObject({ granted: 100 });
  });

  test("stops like any other when its first period is not paid", async () => {
    const { t } = await subscribed({ planId: "team" });
    await browser(t).checkout({ planId: "pro", successUrl: SUCCESS_URL });
    vi.setSystemTime(MAY + 3 * DAY_MS - 1);
    expect(await left(t, "messages")).toMatchObject({ remaining: 100 });
    vi.setSystemTime(MAY + 3 * DAY_MS);
    expect(await left(t, "messages")).toMatchObject({ allowed: false });
  });

  test("of units in advance waits as well; more of them are paid at once", async () => {
    const { t } = await subscribed({ planId: "team", quantities: { seats: 8 } });
    vi.setSystemTime(MIDDLE);
    expect(await browser(t).preview({ planId: "team", quantities: { seats: 10 } })).toMatchObject({
      total: 10,
      when: "now",
    });
    await browser(t).checkout({ ...toTeam, quantities: { seats: 10 } });
    expect(await left(t, "seats")).toMatchObject({ granted: 10 });
    later(60_000);
    await browser(t).checkout({ ...toTeam, quantities: { seats: 6 } });
    expect(await left(t, "seats")).toMatchObject({ granted: 10 });
    vi.setSystemTime(MAY);
    expect(await left(t, "seats")).toMatchObject({ granted: 6 });
  });

  test("from a longer interval is refused, before anything is done", async () => {
    const shop = await subscribed({ planId: "pro_yearly" });
    await expect(browser(shop.t).checkout({ planId: "pro", successUrl: SUCCESS_URL })).rejects.toThrow(
      /longer period/,
    );
    expect(await plansOf(shop.t)).toEqual(["pro_yearly active"]);
    expect(pricesOf(shop, shop.subscription)).toEqual([20_000]);
  });
});

test("what was to follow is taken back before more is charged: the difference is to what is paid", async () => {
  const { t } = await subscribed({ planId: "team", quantities: { seats: 8 } });
  vi.setSystemTime(MIDDLE);
  await browser(t).checkout({ planId: "pro", successUrl: SUCCESS_URL });
  expect(await plansOf(t)).toEqual(["team active", "pro scheduled"]);
  await browser(t).checkout({ ...toTeam, quantities: { seats: 10 } });
  expect(await plansOf(t)).toEqual(["team active"]);
  const paid = (await purchases(t)).filter(({ kind }) => kind === "change").map(({ paid }) => paid);
  expect(paid).toEqual([0, 0, 1_000]);
});

describe("two plans of a group that are bought side by side", () => {
  async function both() {
    const shop = await stripeShop();
    await browser(shop.t).checkout({ planId: "pro", successUrl: SUCCESS_URL });
    const first = lastSession(shop.server);
    await browser(shop.t).checkout(toTeam);
    const second = lastSession(shop.server);
    for (const { id } of [first, second]) {
      later(1_000);
      await deliver(shop.t, "checkout.session.completed", shop.server.pay(id));
    }
    return { ...shop, first: String(first.subscription), second: String(second.subscription) };
  }

  test("are one: the later, and the earlier is billed no more", async () => {
    const { t, server, first, second } = await both();
    expect(await plansOf(t)).toEqual(["team active"]);
    expect(server.objects.get(first)).toMatchObject({ status: "canceled" });
    expect(server.objects.get(second)).toMatchObject({ status: "active" });
    await deliver(t, "customer.subscription.deleted", { id: first });
    expect(await plansOf(t)).toEqual(["team active"]);
  });

  test("stay one, though the earlier could not be ended at once: it is when it is heard of again", async () => {
    const log = vi.spyOn(console, "error").mockImplementation(() => {});
    const { t, server, first } = await both();
    server.set(first, { status: "active" });
    later(1_000);
    await deliver(t, "customer.subscription.updated", { id: first });
    expect(await plansOf(t)).toEqual(["team active"]);
    expect(server.objects.get(first)).toMatchObject({ status: "canceled" });
    log.mockRestore();
  });
});

describe("a renewal", () => {
  test("pays for the next period, and resets no more than the period's end does", async () => {
    const { t, server, subscription } = await subscribed();
    vi.setSystemTime(MAY);
    await use(t, "messages", 30);
    later(3_600_000);
    await deliver(t, "invoice.paid", server.renew(subscription));
    expect(await left(t, "messages")).toMatchObject({ usage: 30, granted: 100 });
    expect(await plansOf(t)).toEqual(["pro active"]);
    vi.setSystemTime(JUNE + 3 * DAY_MS);
    expect(await left(t, "messages")).toMatchObject({ allowed: false });
  });

  test("that does not come lets the plan go on for three days", async () => {
    const { t } = await subscribed();
    vi.setSystemTime(MAY + 3 * DAY_MS - 1);
    expect(await plansOf(t)).toEqual(["pro past_due"]);
    expect(await left(t, "messages")).toMatchObject({ remaining: 100 });
    vi.setSystemTime(MAY + 3 * DAY_MS);
    expect(await left(t, "messages")).toMatchObject({ remaining: 0, allowed: false });
  });

  test("that is not paid is past due since its first failure; paid, the plan is back with what was used", async () => {
    const { t, server, subscription } = await subscribed();
    vi.setSystemTime(MAY);
    const invoice = server.renew(subscription, false);
    await deliver(t, "invoice.payment_failed", invoice);
    await use(t, "messages", 25);
    vi.setSystemTime(MAY + 2 * DAY_MS);
    await deliver(t, "invoice.payment_failed", invoice);
    expect(await plansOf(t)).toEqual(["pro past_due"]);
    vi.setSystemTime(MAY + 3 * DAY_MS);
    expect(await left(t, "messages")).toMatchObject({ allowed: false });

    vi.setSystemTime(MAY + 10 * DAY_MS);
    server.set(subscription, { status: "active" });
    server.set(invoice.id, { status: "paid" });
    await deliver(t, "invoice.paid", invoice);
    expect(await plansOf(t)).toEqual(["pro active"]);
    expect(await left(t, "messages")).toMatchObject({ usage: 25, remaining: 75 });
  });

  test("that is owed is paid in the portal, before anything else is bought", async () => {
    const { t, server, subscription } = await subscribed();
    vi.setSystemTime(MAY);
    await deliver(t, "invoice.payment_failed", server.renew(subscription, false));
    expect(await browser(t).checkout(toTeam)).toEqual({
      url: "https://billing.stripe.com/p/session/1",
      done: false,
    });
  });
});

describe("a plan that is canceled", () => {
  test("by the customer ends with its period, and the default plan follows", async () => {
    const { t, server, subscription } = await subscribed();
    vi.setSystemTime(MIDDLE);
    expect(await browser(t).cancel({ planId: "pro" })).toEqual({ endsAt: MAY });
    await deliver(t, "customer.subscription.updated", { id: subscription });
    expect(await plansOf(t)).toEqual(["pro active", "free scheduled"]);
    vi.setSystemTime(MAY);
    expect(await plansOf(t)).toEqual(["free active"]);
    server.set(subscription, { status: "canceled" });
    await deliver(t, "customer.subscription.deleted", { id: subscription });
    expect(await plansOf(t)).toEqual(["free active"]);
    expect(await left(t, "messages")).toMatchObject({ granted: 10 });
  });

  test("in Stripe's own portal ends when Stripe says, and goes on when Stripe says so", async () => {
    const { t, server, subscription } = await subscribed();
    const endsAt = START + 20 * DAY_MS;
    server.set(subscription, { cancel_at: endsAt / 1000 });
    await deliver(t, "customer.subscription.updated", { id: subscription });
    expect(await plansOf(t)).toEqual(["pro active", "free scheduled"]);
    server.set(subscription, { cancel_at: null });
    later(1_000);
    await deliver(t, "customer.subscription.updated", { id: subscription });
    expect(await plansOf(t)).toEqual(["pro active"]);
    server.set(subscription, { cancel_at: endsAt / 1000 });
    later(1_000);
    await deliver(t, "customer.subscription.updated", { id: subscription });
    await browser(t).resume({ planId: "pro" });
    expect(server.objects.get(subscription)).toMatchObject({ cancel_at: null });
    expect(await plansOf(t)).toEqual(["pro active"]);
  });

  test("though it was to become another one, is canceled", async () => {
    const { t } = await subscribed({ planId: "team" });
    await browser(t).checkout({ planId: "pro", successUrl: SUCCESS_URL });
    later(1_000);
    await browser(t).cancel({ planId: "team" });
    expect(await plansOf(t)).toEqual(["team active", "free scheduled"]);
  });

  test("that nobody bills is canceled here", async () => {
    const shop = await stripeShop();
    await browser(shop.t).checkout({ planId: "sticker", successUrl: SUCCESS_URL });
    expect(await browser(shop.t).cancel({ planId: "sticker" })).toMatchObject({ endsAt: MAY });
    expect(await browser(shop.t).resume({ planId: "sticker" })).toEqual({ resumed: true });
    expect(shop.server.requests).toEqual([]);
  });

  test("that the customer does not have is refused", async () => {
    const { t } = await stripeShop();
    await expect(browser(t).cancel({ planId: "pro" })).rejects.toThrow(
      /customer_not_found|does not have the plan/,
    );
  });
});

describe("an add-on", () => {
  test("is paid beside the plan, and canceled for itself", async () => {
    const shop = await subscribed();
    const { t } = shop;
    await buy(shop, { planId: "boost" });
    expect(await left(t, "messages")).toMatchObject({ granted: 150 });
    await browser(t).cancel({ planId: "boost" });
    vi.setSystemTime(MAY);
    expect(await plansOf(t)).toEqual(["pro past_due"]);
    expect(await left(t, "messages")).toMatchObject({ granted: 100 });
  });
});

describe("to a longer interval", () => {
  test("a new period begins, and what is left of the old one is credited", async () => {
    vi.stubEnv("CONVEX_SITE_URL", "https://happy-otter-1.convex.site");
    const t = deploy(demo({ enabled: true }));
    const { url } = await browser(t).checkout({ planId: "pro", successUrl: SUCCESS_URL });
    const session = new URL(url ?? "").searchParams.get("session");
    await t.fetch("/tally/webhook", { method: "POST", body: JSON.stringify({ session, outcome: "pay" }) });
    vi.setSystemTime(MIDDLE);
    expect(await browser(t).preview({ planId: "pro_yearly" })).toMatchObject({
      total: 190,
      next: { at: Date.UTC(2027, 3, 16), total: 200 },
    });
    await browser(t).checkout({ planId: "pro_yearly", successUrl: SUCCESS_URL });
    const paid = (await purchases(t)).find(({ kind }) => kind === "change");
    expect(paid).toMatchObject({ paid: 19_000, paidUntil: Date.UTC(2027, 3, 16) });
  });
});

describe("what a preview of something new says", () => {
  test.each([
    ["a plan", { planId: "pro" }, { total: 20, next: { at: MAY, total: 20 } }],
    [
      "units in advance",
      { planId: "team", quantities: { seats: 7 } },
      { total: 70, next: { at: MAY, total: 70 } },
    ],
    ["a trial", { planId: "tried" }, { total: 0, lines: [], next: { at: START + 14 * DAY_MS, total: 30 } }],
    [
      "a top-up",
      { productId: "api-call-pack-1000" },
      { total: 5, next: null, lines: [{ name: "1,000 API Calls", amount: 5 }] },
    ],
  ])("of %s", async (_what, args, expected) => {
    const { t, server } = await stripeShop();
    expect(await browser(t).preview(args)).toMatchObject({
      ...expected,
      currency: "usd",
      when: "now",
      startsAt: START,
    });
    expect(server.requests).toEqual([]);
    expect(await purchases(t)).toEqual([]);
  });
});
