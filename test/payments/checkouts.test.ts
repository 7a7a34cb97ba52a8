import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import { tally } from "./app/billing.js";
import {
  browser,
  buy,
  deliver,
  lastSession,
  left,
  plansOf,
  purchases,
  stripeShop,
  SUCCESS_URL,
  use,
} from "./deployment.js";

const START = Date.UTC(2026, 0, 10);
const MONTH_END = Date.UTC(2026, 1, 10);

beforeEach(() => {
  vi.useFakeTimers({ toFake: ["Date"] });
  vi.setSystemTime(START);
});
afterEach(() => {
  vi.useRealTimers();
});

describe("a plan", () => {
  test("is had when it is paid, and not before", async () => {
    const { t, server } = await stripeShop();
    const { url, done } = await browser(t).checkout({ planId: "pro", successUrl: SUCCESS_URL });
    expect(url).toMatch(/^https:\/\/checkout\.stripe\.com\//);
    expect(done).toBe(false);
    expect(await plansOf(t)).toEqual(["free active"]);

    const session = server.pay(lastSession(server).id);
    expect(await deliver(t, "checkout.session.completed", session)).toBe(200);

    expect(await plansOf(t)).toEqual(["pro active"]);
    expect(await left(t, "messages")).toMatchObject({ remaining: 100 });
    expect(await purchases(t)).toMatchObject([
      { status: "paid", amount: 2_000, currency: "usd", paid: 2_000, paidUntil: MONTH_END },
    ]);
  });

  test("is asked for at Stripe with the catalog's price, the payer's account and a key for each request", async () => {
    const { t, server } = await stripeShop();
    await browser(t).checkout({ planId: "team", quantities: { seats: 8 }, successUrl: SUCCESS_URL });

    const [purchase] = await purchases(t);
    const session = lastSession(server);
    const prices = session.lines as { unit_amount: number; recurring: unknown; currency: string }[];
    expect(session).toMatchObject({
      mode: "subscription",
      client_reference_id: purchase?._id,
      amount_total: 8_000,
    });
    expect(
      prices.map(({ unit_amount, recurring, currency }) => ({ unit_amount, recurring, currency })),
    ).toEqual([
      { unit_amount: 5_000, recurring: { interval: "month", interval_count: 1 }, currency: "usd" },
      { unit_amount: 3_000, recurring: { interval: "month", interval_count: 1 }, currency: "usd" },
    ]);
    expect(server.objects.get(String(session.customer))).toMatchObject({
      email: "ada@example.com",
      metadata: { tally_customer: "user_1" },
    });
    expect(server.keys).toContain(`tally:checkout:${purchase?._id ?? ""}`);
    expect(server.keys).toHaveLength(4);
  });

  test("with units in advance gives those that were paid for", async () => {
    const shop = await stripeShop();
    await buy(shop, { planId: "team", quantities: { seats: 8 } });
    expect(await left(shop.t, "seats")).toMatchObject({ granted: 8 });
  });

  test("that costs nothing is had at once", async () => {
    const { t, server } = await stripeShop();
    expect(await browser(t).checkout({ planId: "free", successUrl: SUCCESS_URL })).toEqual({
      url: null,
      done: true,
    });
    expect(await plansOf(t)).toEqual(["free active"]);
    expect(server.requests).toEqual([]);
  });

  test("with a trial of a card is tried for nothing, and once", async () => {
    const shop = await stripeShop();
    await buy(shop, { planId: "tried" });
    expect(await purchases(shop.t)).toMatchObject([{ status: "paid", amount: 0, paid: 0, trial: true }]);
    expect(await left(shop.t, "messages")).toMatchObject({ granted: 60 });
    const [held] = [...shop.server.objects.values()].filter(({ object }) => object === "subscription");
    expect(held).toMatchObject({ status: "trialing" });
  });

  test("for an entity is its own", async () => {
    const shop = await stripeShop();
    const { t } = shop;
    await t.mutation(async (ctx) => {
      await tally.customers.create(ctx, { customerId: "user_1" });
      await tally.entities.create(ctx, { customerId: "user_1", entityId: "seat_1", featureId: "seats" });
    });
    await buy(shop, { planId: "pro", entityId: "seat_1" });
    expect(await left(t, "messages", "user_1", "seat_1")).toMatchObject({ granted: 110 });
    expect(await left(t, "messages")).toMatchObject({ granted: 10 });
  });

  test("of an entity that is none is refused", async () => {
    const { t } = await stripeShop();
    const asked = browser(t).checkout({ planId: "pro", entityId: "nobody", successUrl: SUCCESS_URL });
    await expect(asked).rejects.toThrow(/has no entity/);
  });

  test("with a price of Stripe's own is sold at it", async () => {
    const shop = await stripeShop();
    const price = { id: "price_linked", object: "price", unit_amount: 1_200, currency: "usd" };
    shop.server.objects.set("price_linked", {
      ...price,
      recurring: { interval: "month", interval_count: 1 },
    });
    await buy(shop, { planId: "linked" });
    expect(shop.server.requests).not.toContain("POST prices");
    expect(await plansOf(shop.t)).toContain("linked active");
  });

  test("whose price at Stripe is not the catalog's is not sold", async () => {
    const { t, server } = await stripeShop();
    server.objects.set("price_linked", {
      id: "price_linked",
      object: "price",
      unit_amount: 1,
      currency: "usd",
    });
    const asked = browser(t).checkout({ planId: "linked", successUrl: SUCCESS_URL });
    await expect(asked).rejects.toThrow(/is not the catalog's/);
    expect(await purchases(t)).toMatchObject([{ status: "failed" }]);
  });
});

describe("seed 004's top-up", () => {
  const seed = { productId: "api-call-pack-1000", successUrl: "https://app.example.com/dashboard/billing" };

  test("bought as the seed writes it is there for good, and twice when bought twice", async () => {
    const shop = await stripeShop();
    await buy(shop, seed);
    expect(await left(shop.t, "api_calls")).toMatchObject({ remaining: 1_000 });
    await buy(shop, seed);
    expect(await left(shop.t, "api_calls")).toMatchObject({ remaining: 2_000 });

    vi.setSystemTime(Date.UTC(2031, 0, 1));
    expect(await left(shop.t, "api_calls")).toMatchObject({ remaining: 2_000 });
    expect(shop.server.requests.filter((request) => request === "POST customers")).toHaveLength(1);
  });

  test("says in its events which purchase gave how much", async () => {
    const shop = await stripeShop();
    await buy(shop, seed);
    const [purchase] = await purchases(shop.t);
    const { page } = await shop.t.query((ctx) =>
      tally.events.list(ctx, { customerId: "user_1", featureId: "api_calls" }),
    );
    expect(page).toMatchObject([
      {
        kind: "purchase",
        value: 1_000,
        planId: "api-call-pack-1000",
        properties: { purchaseId: purchase?._id },
      },
    ]);
  });

  test("without a successUrl goes back to the app's front page", async () => {
    const { t, server } = await stripeShop();
    await browser(t).checkout({ productId: "api-call-pack-1000" });
    expect(lastSession(server)).toMatchObject({ success_url: "https://app.example.com/" });
  });
});

describe("a checkout that is asked for again", () => {
  const pro = { planId: "pro", successUrl: SUCCESS_URL };

  test("is the same session, while it is open", async () => {
    const { t, server } = await stripeShop();
    const first = await browser(t).checkout(pro);
    expect(await browser(t).checkout(pro)).toEqual(first);
    expect(server.requests.filter((request) => request === "POST checkout/sessions")).toHaveLength(1);
  });

  test("by several clicks at once is one session", async () => {
    const { t, server } = await stripeShop();
    const clicks = await Promise.all([1, 2, 3].map(() => browser(t).checkout(pro)));
    expect(new Set(clicks.map(({ url }) => url)).size).toBe(1);
    expect([...server.objects.values()].filter(({ object }) => object === "checkout.session")).toHaveLength(
      1,
    );
    expect(await purchases(t)).toHaveLength(1);
  });

  test("of something else is another session", async () => {
    const { t } = await stripeShop();
    const { url } = await browser(t).checkout(pro);
    const others = [
      { planId: "team", successUrl: SUCCESS_URL },
      { planId: "team", quantities: { seats: 9 }, successUrl: SUCCESS_URL },
      { planId: "pro", successUrl: "https://app.example.com/elsewhere" },
    ];
    const urls = [url];
    for (const other of others) urls.push((await browser(t).checkout(other)).url);
    urls.push((await browser(t, "user_2").checkout(pro)).url);
    expect(new Set(urls).size).toBe(5);
  });

  test("when it has ended is another session", async () => {
    const { t, server } = await stripeShop();
    const first = await browser(t).checkout(pro);
    expect(await deliver(t, "checkout.session.expired", server.expire(lastSession(server).id))).toBe(200);
    expect(await purchases(t)).toMatchObject([{ status: "expired" }]);
    expect((await browser(t).checkout(pro)).url).not.toBe(first.url);
  });

  test("when it is about to end is another session", async () => {
    const { t } = await stripeShop();
    const first = await browser(t).checkout(pro);
    vi.setSystemTime(START + 24 * 3_600_000 - 4 * 60_000);
    expect((await browser(t).checkout(pro)).url).not.toBe(first.url);
  });

  test("after Stripe could not answer goes on with the same purchase and key", async () => {
    const { t, server } = await stripeShop();
    server.fail("checkout/sessions", 503, { type: "api_error" });
    await expect(browser(t).checkout(pro)).rejects.toThrow(/could not be reached or could not answer/);
    server.heal();
    await browser(t).checkout(pro);
    expect(await purchases(t)).toHaveLength(1);
    const used = server.keys.filter((key) => key.startsWith("tally:checkout:"));
    expect(new Set(used).size).toBe(1);
  });
});

describe("what is not for sale", () => {
  test.each([
    ["a plan that is not in the catalog", { planId: "platinum" }, /plan_not_found/],
    ["a plan that is archived", { planId: "retired" }, /is archived/],
    [
      "a top-up that costs nothing, of which somebody could have any number",
      { productId: "gift" },
      /costs nothing/,
    ],
    ["a plan that is paid by use alone", { planId: "metered" }, /paid by use/],
    [
      "units that the plan does not sell",
      { planId: "pro", quantities: { messages: 5 } },
      /does not sell in advance/,
    ],
    ["less than nothing", { planId: "team", quantities: { seats: -3 } }, /must not be negative/],
    ["no number", { planId: "team", quantities: { seats: NaN } }, /finite/],
    ["both names at once", { planId: "pro", productId: "pro" }, /either planId or productId/],
    ["no name", {}, /either planId or productId/],
  ])("%s", async (_what, args, why) => {
    const { t, server } = await stripeShop();
    const error: unknown = await browser(t)
      .checkout({ ...args, successUrl: SUCCESS_URL })
      .catch((error: unknown) => error);
    expect(String(error)).toMatch(why);
    expect(server.requests).toEqual([]);
    expect(await purchases(t)).toEqual([]);
  });

  test("a free add-on twice", async () => {
    const { t } = await stripeShop();
    await browser(t).checkout({ planId: "sticker", successUrl: SUCCESS_URL });
    await browser(t).checkout({ planId: "sticker", successUrl: SUCCESS_URL });
    expect(await left(t, "messages")).toMatchObject({ granted: 13 });
  });
});

describe("where a payer is sent back to", () => {
  test.each([
    "https://evil.example/",
    "https://app.example.com.evil.example/",
    "https://app.example.com@evil.example/",
    "https://app.example.com:8443/",
    "http://app.example.com/",
    "https://user:pass@app.example.com/",
    "//app.example.com/",
    "javascript:alert(1)//https://app.example.com",
    "not an address",
    "",
  ])("is not %s", async (successUrl) => {
    const { t, server } = await stripeShop();
    await expect(browser(t).checkout({ planId: "pro", successUrl })).rejects.toThrow(
      /successUrl must be an address/,
    );
    await expect(browser(t).portal({ returnUrl: successUrl })).rejects.toThrow(
      /returnUrl must be an address/,
    );
    expect(server.requests).toEqual([]);
  });
});

describe("who may buy", () => {
  const pro = { planId: "pro", successUrl: SUCCESS_URL };

  test("is nobody who is not signed in", async () => {
    const { t } = await stripeShop();
    for (const name of ["checkout", "preview", "cancel", "resume", "portal", "confirm"] as const) {
      const args = name === "portal" || name === "confirm" ? {} : { planId: "pro" };
      await expect(browser(t, null)[name](args)).rejects.toThrow(/Nobody is signed in/);
    }
  });

  test("is of a team whoever identify says, and not each of its members", async () => {
    const { t } = await stripeShop();
    const member = browser(t).checkout({ ...pro, workspaceId: "team_1:member" });
    await expect(member).rejects.toThrow(/may not manage the billing/);
    const owner = await browser(t).checkout({ ...pro, workspaceId: "team_1:owner" });
    expect(owner.url).toMatch(/^https/);
    expect(await purchases(t)).toMatchObject([{ customerId: "team_1", status: "open" }]);
  });
});

describe("the portal", () => {
  test("is the payer's own", async () => {
    const shop = await stripeShop();
    await buy(shop, { planId: "pro" });
    expect(await browser(shop.t).portal()).toEqual({ url: "https://billing.stripe.com/p/session/1" });
    const [asked] = [...shop.server.objects.values()].filter(
      ({ object }) => object === "billing_portal.session",
    );
    expect(asked).toMatchObject({
      customer: lastSession(shop.server).customer,
      return_url: "https://app.example.com/",
    });
  });

  test("of somebody who has bought nothing is none", async () => {
    const { t } = await stripeShop();
    await expect(browser(t).portal()).rejects.toThrow(/Nothing was bought/);
  });
});

test("somebody who was removed can still be proved to have paid", async () => {
  const shop = await stripeShop();
  await buy(shop, { planId: "pro" });
  await use(shop.t, "messages", 5);
  await shop.t.mutation((ctx) => ctx.runMutation(tally.component.removal.start, { customerId: "user_1" }));
  expect(await purchases(shop.t)).toMatchObject([{ status: "paid", customerId: "user_1" }]);
});
