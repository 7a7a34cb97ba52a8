/** 40: no key is in any table, result, error or log, whatever fails. */
import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { Payments, demo } from "../../src/payments/index.js";
import { stripe, STRIPE_EVENTS } from "../../src/payments/stripe.js";
import { sweep } from "../app/stored.js";
import { tally } from "./app/billing.js";
import {
  all,
  browser,
  buy,
  collect,
  deliver,
  deploy,
  lastSession,
  OLD_SECRET,
  SECRET,
  stripeShop,
  SUCCESS_URL,
  use,
  withCard,
  type Shop,
} from "./deployment.js";
import { API_KEY, stripeServer } from "./stripeServer.js";

beforeEach(() => {
  vi.useFakeTimers({ toFake: ["Date"] });
  vi.setSystemTime(Date.UTC(2026, 0, 10));
});
afterEach(() => {
  vi.useRealTimers();
  vi.unstubAllEnvs();
  vi.restoreAllMocks();
});

const secrets = [API_KEY, SECRET, OLD_SECRET];
/** Long enough that no other text has it. */
const parts = secrets.flatMap((secret) => [secret, secret.slice(0, 14), secret.slice(-10)]);

/** Everything that is said while `work` runs, and everything that is stored by then. */
async function saidBy(shop: Pick<Shop, "t">, work: (say: (what: unknown) => void) => Promise<void>) {
  const said: unknown[] = [];
  const say = (what: unknown) => {
    said.push(what);
  };
  for (const name of ["log", "info", "warn", "error", "debug"] as const)
    vi.spyOn(console, name).mockImplementation((...args: unknown[]) => say(args));
  await work(say);
  say(await all(shop.t));
  return said.map(textOf).join("\n");
}

function textOf(value: unknown): string {
  if (!(value instanceof Error))
    return JSON.stringify(value, (_, each: unknown) => (each instanceof Error ? textOf(each) : each)) ?? "";
  const own = Object.getOwnPropertyNames(value).map((name) => textOf(Reflect.get(value, name)));
  return [value.name, value.message, ...own].join("\n");
}

const failures: [string, number, Record<string, unknown>][] = [
  ["refuses", 400, { type: "invalid_request_error", code: "parameter_missing", message: `Key ${API_KEY}` }],
  [
    "does not know the key",
    401,
    { type: "invalid_request_error", message: `Invalid API Key provided: ${API_KEY}` },
  ],
  [
    "refuses the card",
    402,
    { type: "card_error", code: "card_declined", decline_code: "lost_card", message: API_KEY },
  ],
  ["forbids", 403, { type: "invalid_request_error", code: API_KEY, message: API_KEY }],
  ["has too much to do", 429, { type: "rate_limit_error", message: API_KEY }],
  ["fails", 500, { type: "api_error", message: API_KEY }],
];
const paths = [
  "subscriptions",
  "invoices",
  "customers",
  "prices",
  "checkout/sessions",
  "billing_portal",
  "payment_intents",
  "disputes",
];

test.each(failures)("when Stripe %s, at every request that is made", async (_how, status, error) => {
  const shop = await stripeShop();
  const session = await buy(shop, { planId: "pro" });
  let failed = 0;
  const said = await saidBy(shop, async (say) => {
    const page = browser(shop.t);
    const visitor = browser(shop.t, "user_2");
    const payment = (await all(shop.t)).purchases[0]?.paymentId ?? "";
    for (const path of paths) {
      shop.server.heal();
      shop.server.fail(path, status, error);
      const attempts = [
        () => page.checkout({ planId: "team", successUrl: SUCCESS_URL }),
        () => visitor.checkout({ planId: "pro", successUrl: SUCCESS_URL }),
        () => page.checkout({ planId: "linked", successUrl: SUCCESS_URL }),
        () => page.preview({ planId: "team" }),
        () => page.cancel({ planId: "pro" }),
        () => page.resume({ planId: "pro" }),
        () => page.portal(),
        () => visitor.confirm(),
        ...STRIPE_EVENTS.map((type) => () => {
          const [kind] = type.split(".");
          const id =
            kind === "checkout" ? session.id : kind === "invoice" ? session.invoice : session.subscription;
          return deliver(shop.t, type, { id, payment_intent: payment });
        }),
      ];
      for (const attempt of attempts) {
        await attempt().then(
          (answer) => {
            if (typeof answer === "number" && answer >= 500) failed++;
            say(answer);
          },
          (thrown: unknown) => {
            failed++;
            say(thrown);
          },
        );
      }
    }
  });
  expect(failed).toBeGreaterThan(20);
  for (const part of parts) expect(said).not.toContain(part);
});

test.each(failures)("when Stripe %s while money is collected", async (_how, status, error) => {
  const shop = await stripeShop();
  const { t, server } = shop;
  await withCard(shop);
  await browser(t).autoTopUp({
    featureId: "api_calls",
    productId: "api-call-pack-1000",
    threshold: 1,
    max: 9,
    interval: "hour",
  });
  await t.mutation((ctx) => tally.subscriptions.attach(ctx, { customerId: "user_1", planId: "metered" }));
  await use(t, "messages", 40);
  vi.setSystemTime(Date.UTC(2026, 1, 11));
  await sweep(t);
  let unpaid = 0;
  const said = await saidBy(shop, async (say) => {
    for (const path of ["customers", "payment_intents"]) {
      server.heal();
      server.fail(path, status, error);
      const { declined, unanswered } = await collect(t);
      unpaid += declined + unanswered;
      say(await browser(t).autoTopUps());
      await browser(t).resumeAutoTopUp({ featureId: "api_calls" });
      vi.setSystemTime(Date.now() + 24 * 3_600_000);
    }
  });
  expect(unpaid).toBe(4);
  expect(said).toMatch(/declined: |not answered: /);
  for (const part of parts) expect(said).not.toContain(part);
});

test("when they are not set, wrong, or asked for by a webhook of somebody else", async () => {
  const { port, close } = await stripeServer();
  const api = { host: "127.0.0.1", port, protocol: "http" as const };
  const wrong = "sk_live_0ddK3yThatStripeDoesNotKnow00";
  for (const [apiKey, webhookSecret] of [
    [undefined, undefined],
    [wrong, SECRET],
    [` ${wrong} `, "  "],
  ]) {
    const t = deploy(stripe({ apiKey: () => apiKey, webhookSecrets: () => webhookSecret, api }));
    const said = await saidBy({ t }, async (say) => {
      await expect(browser(t).checkout({ planId: "pro", successUrl: SUCCESS_URL })).rejects.toSatisfy(
        (error) => {
          say(error);
          return true;
        },
      );
      say(await deliver(t, "invoice.paid", { id: "in_1" }));
      say(await deliver(t, "invoice.paid", { id: "in_1" }, { secret: "whsec_guess" }));
    });
    expect(said).toMatch(/apiKey|api_error|StripeAuthenticationError|StripeInvalidRequestError/);
    for (const part of [...parts, wrong, wrong.slice(-10)]) expect(said).not.toContain(part);
  }
  await close();
});

test("are read when they are used: a key that changes needs no deploy", async () => {
  vi.stubEnv("STRIPE_KEY_OF_TEST", "");
  vi.stubEnv("STRIPE_HOOK_OF_TEST", "");
  const server = await stripeServer();
  const api = { host: "127.0.0.1", port: server.port, protocol: "http" as const };
  const t = deploy(stripe({ apiKey: "STRIPE_KEY_OF_TEST", webhookSecrets: ["STRIPE_HOOK_OF_TEST"], api }));
  const pro = { planId: "pro", successUrl: SUCCESS_URL };
  await expect(browser(t).checkout(pro)).rejects.toThrow(/STRIPE_KEY_OF_TEST is not set/);
  vi.stubEnv("STRIPE_KEY_OF_TEST", `${API_KEY}\n`);
  expect((await browser(t).checkout(pro)).done).toBe(false);

  const session = server.pay(lastSession(server).id);
  vi.spyOn(console, "error").mockImplementation(() => {});
  expect(await deliver(t, "checkout.session.completed", session)).toBe(501);
  vi.stubEnv("STRIPE_HOOK_OF_TEST", SECRET);
  expect(await deliver(t, "checkout.session.completed", session)).toBe(200);
  await server.close();
});

test.each(["sk_test_123", "rk_live_abc", "whsec_abc", "lower_case", ""])(
  "are named, and never written: %j is refused and not repeated",
  (secret) => {
    for (const options of [
      { apiKey: secret, webhookSecrets: "STRIPE_WEBHOOK_SECRET" },
      { apiKey: "STRIPE_SECRET_KEY", webhookSecrets: [secret] },
    ]) {
      const error: unknown = (() => {
        try {
          return stripe(options);
        } catch (thrown) {
          return thrown;
        }
      })();
      expect(String(error)).toMatch(/must be the name of an environment variable/);
      if (secret !== "") expect(textOf(error)).not.toContain(secret);
    }
  },
);

test("a provider is refused at origins, currencies and paths that are none", () => {
  const provider = demo({ enabled: true });
  const good = { provider, allowedOrigins: ["https://app.example.com"] };
  expect(() => new Payments(tally, good)).not.toThrow();
  for (const [wrong, why] of [
    [{ allowedOrigins: [] }, /must be a list of origins/],
    [{ allowedOrigins: ["https://app.example.com/"] }, /with nothing after it/],
    [{ allowedOrigins: ["https://*.example.com/x"] }, /with nothing after it/],
    [{ allowedOrigins: ["app.example.com"] }, /with nothing after it/],
    [{ currency: "USD" }, /three small letters/],
    [{ currency: "dollars" }, /three small letters/],
    [{ path: "tally" }, /path must be/],
  ] as const) {
    expect(() => new Payments(tally, { ...good, ...wrong })).toThrow(why);
  }
});
