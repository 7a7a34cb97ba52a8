/** What the provider does for Stripe alone. */
import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import type { Sold } from "../../src/payments/index.js";
import { stripe, STRIPE_EVENTS } from "../../src/payments/stripe.js";
import { API_KEY, stripeServer, type StripeServer } from "./stripeServer.js";

let server: StripeServer;
beforeEach(async () => {
  vi.useFakeTimers({ toFake: ["Date"] });
  vi.setSystemTime(Date.UTC(2026, 0, 10));
  server = await stripeServer();
});
afterEach(async () => {
  await server.close();
  vi.useRealTimers();
});

const provider = () =>
  stripe({
    apiKey: () => API_KEY,
    webhookSecrets: () => "whsec_unused",
    api: { host: "127.0.0.1", port: server.port, protocol: "http" },
  });
const sold = (currency: string, total: number, interval?: "month" | "quarter" | "hour"): Sold => {
  const every = interval === undefined ? null : { interval, count: 1 };
  return {
    planId: "pack",
    name: "Pack",
    currency,
    total,
    every,
    lines: [{ name: "Pack", amount: total, every }],
  };
};
const checkout = async (goods: Sold) => {
  const accountId = await provider().createAccount({ customerId: "user_1" });
  const request = {
    purchaseId: "p1",
    accountId,
    sold: goods,
    successUrl: "https://a.example/",
    pagesUrl: () => "",
  };
  return await provider().createCheckout(request);
};
const amountOf = ({ objects }: StripeServer) =>
  [...objects.values()].find(({ object }) => object === "checkout.session")?.amount_total;

describe("amounts", () => {
  test.each([
    ["usd", 500, 500],
    ["jpy", 500, 500],
    ["kwd", 5_120, 5_120],
    // Stripe takes krónur as if they had a hundredth.
    ["isk", 500, 50_000],
  ])("in %s: %d is sent as %d, and read back", async (currency, minor, sent) => {
    const { sessionId } = await checkout(sold(currency, minor));
    expect(amountOf(server)).toBe(sent);
    server.pay(sessionId);
    expect(await provider().retrieveCheckout(sessionId)).toMatchObject({
      result: "paid",
      payment: { amount: minor, currency },
    });
  });

  test("in a currency of which Stripe's pages say two things are refused", async () => {
    await expect(checkout(sold("ugx", 500))).rejects.toThrow(/UGX/);
  });
});

describe("intervals", () => {
  test("of a quarter are three months", async () => {
    await checkout(sold("usd", 500, "quarter"));
    const price = [...server.objects.values()].find(({ object }) => object === "price");
    expect(price).toMatchObject({ recurring: { interval: "month", interval_count: 3 } });
  });

  test("that Stripe does not bill are refused", async () => {
    await expect(checkout(sold("usd", 500, "hour"))).rejects.toThrow(/bills no interval .*hour/);
  });

  test("of the same price are one price at Stripe, whoever buys", async () => {
    await checkout(sold("usd", 500, "month"));
    await provider().createAccount({ customerId: "user_2" });
    await provider().createCheckout({
      purchaseId: "p2",
      accountId: "cus_1",
      sold: sold("usd", 500, "month"),
      successUrl: "https://a.example/",
      pagesUrl: () => "",
    });
    expect(server.requests.filter((request) => request === "POST prices")).toHaveLength(1);
  });
});

describe("a charge without the payer", () => {
  const charged = async (prepare: (accountId: string) => void) => {
    const accountId = await provider().createAccount({ customerId: "user_1" });
    prepare(accountId);
    const charge = {
      accountId,
      amount: 700,
      currency: "usd",
      description: "More",
      idempotencyKey: "k1",
      purchaseId: "p1",
    };
    return await Promise.all([provider().charge(charge), provider().charge(charge)]);
  };

  test("is paid by the card on file, once for a key", async () => {
    const [first, second] = await charged((accountId) => {
      server.addCard(accountId);
    });
    expect(first).toMatchObject({ result: "paid" });
    expect(second).toEqual(first);
    expect([...server.objects.values()].filter(({ object }) => object === "payment_intent")).toHaveLength(1);
  });

  test("that the bank refuses says why", async () => {
    const [refused] = await charged((accountId) => {
      server.addCard(accountId, "insufficient_funds");
    });
    expect(refused).toEqual({ result: "declined", reason: "insufficient_funds" });
  });

  test("without a card is refused before it is tried", async () => {
    const [refused] = await charged(() => undefined);
    expect(refused).toEqual({ result: "declined", reason: "no means of payment" });
    expect(server.requests).not.toContain("POST payment_intents");
  });
});

test("the events to send to the webhook are those that are read", () => {
  expect(STRIPE_EVENTS).toContain("checkout.session.completed");
  expect(STRIPE_EVENTS).toContain("customer.subscription.deleted");
  expect(STRIPE_EVENTS).toHaveLength(14);
});
