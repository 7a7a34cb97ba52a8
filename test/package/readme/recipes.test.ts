import { register } from "convex-tally/test";
import { ConvexProvider, ConvexReactClient } from "convex/react";
import { getFunctionName, type FunctionReference } from "convex/server";
import { convexTest } from "convex-test";
import { createElement } from "react";
import { renderToString } from "react-dom/server";
import { expect, test, vi } from "vitest";
import { Draw } from "../src/Draw";
import { api, internal } from "./_generated/api";
import { onClerk } from "./clerk";
import { onPolar } from "./polar";
import schema from "./schema";
import { onStripe } from "./stripe";

vi.stubEnv("DEMO_PAYMENTS", "true");
vi.stubEnv("CONVEX_SITE_URL", "https://happy-otter-1.convex.site");

function deployment() {
  const t = convexTest(schema, import.meta.glob("./**/*.*s"));
  register(t);
  return { t, ada: t.withIdentity({ subject: "ada" }) };
}

test("an answer is charged by its tokens", async () => {
  const { ada } = deployment();
  expect(await ada.action(api.ai.generate, { prompt: "hello" })).toEqual({
    text: "HELLO",
    remaining: 995,
    uncovered: 0,
  });
});

test("two premium messages take 20 cents of credits, once for a request", async () => {
  const { ada } = deployment();
  expect(await ada.mutation(api.images.draw, { requestId: "1", count: 2 })).toEqual({
    drawn: 2,
    remaining: 48,
  });
  expect(await ada.mutation(api.images.draw, { requestId: "1", count: 2 })).toEqual({
    drawn: 0,
    remaining: 48,
  });
  expect(await ada.query(api.usage.getUsage, { featureId: "credits" })).toMatchObject({ usage: 0.2 });
  expect(await ada.mutation(api.images.draw, { requestId: "2", count: 99 })).toMatchObject({
    drawn: 0,
    paywall: expect.stringContaining("99 needed, 48 left"),
  });
});

test("a meter follows the arguments", async () => {
  const { ada } = deployment();
  await ada.mutation(api.emails.queue, { to: ["a", "b"], free: false });
  await ada.mutation(api.emails.queue, { to: ["c"], free: true });
  expect(await ada.query(api.usage.getUsage, { featureId: "credits" })).toMatchObject({ usage: 0.02 });
});

test("trusted code attaches, grants and meters", async () => {
  const { t, ada } = deployment();
  expect(await t.mutation(internal.admin.welcome, { userId: "ada", ticket: "t1" })).toMatchObject([
    { kind: "usage", featureId: "basic_messages", value: 1, remaining: 5499 },
    { kind: "grant", featureId: "credits", value: 5, remaining: 55 },
    { kind: "plan" },
    { kind: "plan" },
  ]);
  expect(await ada.query(api.billing.check, { featureId: "web_search" })).toMatchObject({ allowed: true });
});

test("a stream is charged what it wrote", async () => {
  const { ada } = deployment();
  expect(await ada.action(api.stream.write, { prompt: "one two three" })).toBe("onetwothree");
  expect(await ada.query(api.usage.getUsage, { featureId: "ai_tokens" })).toMatchObject({ usage: 3 });
});

test("a plan ends with its period, and a refund gives back what was drawn", async () => {
  const { t, ada } = deployment();
  await t.mutation(internal.admin.welcome, { userId: "ada", ticket: "t1" });
  await ada.mutation(api.images.draw, { requestId: "1", count: 2 });
  expect(await t.mutation(internal.plans.makeGood, { userId: "ada", requestId: "1" })).toMatchObject({
    value: -2,
  });
  const ends = Date.parse(await t.mutation(internal.plans.leave, { userId: "ada" }));
  expect(ends).toBeGreaterThan(Date.now() + 27 * 24 * 60 * 60 * 1000);
});

test("a customer is told when most of his tokens are used", async () => {
  const { t, ada } = deployment();
  await ada.action(api.ai.generate, { prompt: "x".repeat(799) });
  expect(await t.run((ctx) => ctx.db.query("notices").collect())).toEqual([]);
  await ada.action(api.ai.generate, { prompt: "xy" });
  await ada.action(api.ai.generate, { prompt: "x".repeat(500) });
  expect(await t.run((ctx) => ctx.db.query("notices").collect())).toMatchObject([
    { userId: "ada", text: "801 of 1000 ai_tokens are used." },
    { userId: "ada", text: "No ai_tokens left." },
  ]);
});

test("a team has three seats, each with tokens of its own", async () => {
  const { t } = deployment();
  await t.mutation(internal.admin.welcome, { userId: "acme", ticket: "t1" });
  const invite = (userId: string) => t.mutation(internal.teams.invite, { teamId: "acme", userId });
  for (const userId of ["ada", "bob", "eve"]) expect(await invite(userId)).toBe(9_000);
  await expect(invite("joe")).rejects.toThrow("usage_exceeded");
  await t.mutation(internal.teams.dismiss, { teamId: "acme", userId: "eve" });
  expect(await invite("joe")).toBe(9_000);
});

test("a limit of two credits a day, and a payment that is missing", async () => {
  const { t, ada } = deployment();
  await t.mutation(internal.admin.welcome, { userId: "ada", ticket: "t1" });
  await t.mutation(internal.limits.protect, { userId: "ada" });
  expect(await ada.mutation(api.images.draw, { requestId: "1", count: 21 })).toMatchObject({ drawn: 0 });
  expect(await ada.mutation(api.images.draw, { requestId: "2", count: 19 })).toMatchObject({ drawn: 19 });
  await t.mutation(internal.limits.paymentFailed, { userId: "ada", pastDue: true });
  expect(await ada.query(api.usage.getUsage, { featureId: "credits" })).toMatchObject({ usage: 1.91 });
  expect(await t.query(internal.invoices.owed, { userId: "ada" })).toEqual({
    charges: [],
    periods: [],
    total: 0,
  });
});

test("a workspace's account is its members'", async () => {
  const { t, ada } = deployment();
  const usage = () => ada.query(api.usage.getUsage, { featureId: "credits", workspaceId: "acme" });
  expect(await usage()).toMatchObject({ allowed: false });
  await t.run((ctx) => ctx.db.insert("members", { workspaceId: "acme", userId: "ada" }));
  expect(await usage()).toMatchObject({ allowed: true, remaining: 5 });
});

test("an audit of all customers finds none that drifts", async () => {
  const { t, ada } = deployment();
  await ada.mutation(api.images.draw, { requestId: "1", count: 2 });
  expect(await t.action(internal.audits.run, {})).toEqual({ audited: 1, drifting: [] });
});

test("a page shows what the deployment answers, and a paywall where it would refuse", async () => {
  const { ada } = deployment();
  /** As a browser shows the page once its queries are answered. */
  const page = async () => {
    const asked = [api.billing.customer, api.billing.balances, api.billing.plans];
    const answers = new Map<string, unknown>();
    for (const query of asked) answers.set(getFunctionName(query), await ada.query(query, {}));
    const client = new ConvexReactClient("https://tally.convex.cloud");
    client.watchQuery = ((query: FunctionReference<"query">) => ({
      onUpdate: () => () => {},
      localQueryResult: () => answers.get(getFunctionName(query)),
      journal: () => undefined,
    })) as typeof client.watchQuery;
    return renderToString(createElement(ConvexProvider, { client }, createElement(Draw)));
  };
  const before = await page();
  expect(before).toContain("starter");
  expect(before).toContain("<button>Draw two of <!-- -->50</button>");
  expect(before).toMatch(/aria-valuetext="0 of 5 used, 5 left, resets /);
  expect(before).not.toContain("paywall");

  await ada.mutation(api.images.draw, { requestId: "1", count: 49 });
  const after = await page();
  expect(after).toContain('<button disabled="">Draw two of <!-- -->1</button>');
  expect(after).toMatch(/data-state="low"/);
  expect(after).toMatch(/data-tally="paywall".*2 needed, 1 left.*Upgrade/);
});

test("a top-up is paid on the demo's page and credited once, and what a stranger pays is nobody's", async () => {
  const { t, ada } = deployment();
  const successUrl = "http://localhost:5173/credits";
  const { url } = await ada.action(api.payments.checkout, { planId: "credit-pack", successUrl });
  const session = new URL(url ?? "").searchParams.get("session");
  const press = (body: object) => t.fetch("/tally/webhook", { method: "POST", body: JSON.stringify(body) });
  expect((await press({ session: "another", outcome: "pay" })).status).toBe(400);
  for (let time = 0; time < 2; time++) expect((await press({ session, outcome: "pay" })).status).toBe(200);
  expect(await ada.query(api.usage.getUsage, { featureId: "credits" })).toMatchObject({ granted: 10 });
  expect(await t.query(internal.payments.suspicious, { cursor: null })).toMatchObject({ page: [] });
});

test("an API of one's own knows its keys, and charges what it took", async () => {
  const { t, ada } = deployment();
  const digest = await crypto.subtle.digest("SHA-256", new TextEncoder().encode("key-1"));
  await t.run((ctx) => ctx.db.insert("apiKeys", { digest, userId: "ada" }));
  const generate = (key: string, body: string) =>
    t.fetch("/generate", { method: "POST", headers: { "x-api-key": key }, body });
  expect((await generate("key-2", "hello")).status).toBe(401);
  const answer = await generate("key-1", "hello");
  expect([answer.status, await answer.json()]).toEqual([200, { text: "HELLO" }]);
  expect(answer.headers.get("ratelimit-remaining")).toBe("995");
  await generate("key-1", "x".repeat(600));
  expect((await generate("key-1", "hello")).status).toBe(402);
  expect(await ada.query(api.usage.getUsage, { featureId: "ai_tokens" })).toMatchObject({ usage: 605 });
});

test("clients of Autumn and BillingOS are answered whoever has the secret", async () => {
  vi.stubEnv("TALLY_SECRET_KEY", "am_sk_test_1");
  const { t, ada } = deployment();
  const headers = { authorization: "Bearer am_sk_test_1", "content-type": "application/json" };
  const body = JSON.stringify({ customer_id: "ada", feature_id: "ai_tokens", value: 30 });
  expect((await t.fetch("/v1/balances.track", { method: "POST", body })).status).toBe(401);
  const tracked = await t.fetch("/v1/balances.track", { method: "POST", headers, body });
  expect([tracked.status, await tracked.json()]).toMatchObject([200, { balance: { remaining: 970 } }]);

  vi.stubGlobal("fetch", (url: string, init: RequestInit) =>
    t.fetch(new URL(url).pathname + new URL(url).search, init),
  );
  await t.mutation(internal.admin.welcome, { userId: "ada", ticket: "t1" });
  const { BillingOS } = await import("convex-tally/billingos");
  const billing = new BillingOS({ url: "https://happy-otter-1.convex.site", secretKey: "am_sk_test_1" });
  expect(await billing.checkEntitlement("ada", "web_search")).toMatchObject({ has_access: true });
  vi.unstubAllGlobals();

  expect(await ada.action(api.autumn.check, { featureId: "web_search" })).toMatchObject({
    data: { allowed: true, customer_id: "ada" },
    error: null,
  });
});

test("a cron asks for what is due: of nobody, nothing", async () => {
  const { t } = deployment();
  expect(await t.action(internal.payments.collect, {})).toBeDefined();
});

const DAY = 24 * 60 * 60 * 1000;
/** Plans of Ada's that go on. */
const plansOf = async (ada: ReturnType<typeof deployment>["ada"]) =>
  (await ada.query(api.billing.customer, {}))?.subscriptions
    .filter(({ status }) => status !== "scheduled")
    .map(({ planId, endsAt }) => [planId, endsAt === undefined ? "goes on" : "ends"]);

test("a plan that Clerk bills follows its webhooks: had, canceled with its period, and over", async () => {
  const { t, ada } = deployment();
  const now = Date.now();
  const free = {
    id: "item_0",
    status: "active",
    plan: { slug: "free", is_default: true },
    period_start: now,
  };
  const told = (status: string, at: number) =>
    t.action((ctx) =>
      onClerk(ctx, {
        updated_at: now + at,
        payer: { user_id: "ada" },
        items: [
          free,
          {
            id: "item_1",
            status,
            plan: { slug: "pro", is_default: false },
            period_start: now,
            period_end: now + 30 * DAY,
          },
        ],
      }),
    );
  await told("upcoming", 0);
  expect(await plansOf(ada)).toEqual([["starter", "goes on"]]);
  await told("active", 1);
  expect(await plansOf(ada)).toEqual([["pro", "goes on"]]);
  await told("canceled", 3);
  await told("active", 2);
  expect(await plansOf(ada)).toEqual([["pro", "ends"]]);
  await told("ended", 4);
  expect(await plansOf(ada)).toEqual([["starter", "goes on"]]);
});

test("a plan that Polar bills follows its events, and is not had before it is paid", async () => {
  const { t, ada } = deployment();
  const now = Date.now();
  const told = (status: string, at: number, endsAt: Date | null = null) =>
    t.action((ctx) =>
      onPolar(ctx, {
        timestamp: new Date(now + at),
        data: {
          id: "sub_1",
          status,
          productId: "00000000-0000-4000-8000-000000000001",
          customer: { metadata: { userId: "ada" } },
          currentPeriodStart: new Date(now),
          currentPeriodEnd: new Date(now + 30 * DAY),
          endsAt,
        },
      }),
    );
  await told("incomplete", 0);
  expect(await plansOf(ada)).toEqual([["starter", "goes on"]]);
  await told("active", 1);
  expect(await plansOf(ada)).toEqual([["pro", "goes on"]]);
  await told("active", 2, new Date(now + 30 * DAY));
  expect(await plansOf(ada)).toEqual([["pro", "ends"]]);
  await told("canceled", 3, new Date(now));
  expect(await plansOf(ada)).toEqual([["starter", "goes on"]]);
});

test("a plan that @convex-dev/stripe bills follows its events", async () => {
  const { t, ada } = deployment();
  const now = Math.floor(Date.now() / 1000);
  type Subscription = Parameters<typeof onStripe>[1]["data"]["object"];
  const told = (status: string, at: number, cancelAt: number | null = null) =>
    t.action((ctx) => {
      const item = {
        price: { id: "price_pro" },
        current_period_start: now,
        current_period_end: now + 2_592_000,
      };
      const object = {
        id: "sub_1",
        status,
        metadata: { userId: "ada" },
        items: { data: [item] },
        cancel_at: cancelAt,
      };
      return onStripe(ctx, { created: now + at, data: { object: object as unknown as Subscription } });
    });
  await told("incomplete", 0);
  expect(await plansOf(ada)).toEqual([["starter", "goes on"]]);
  await told("active", 1);
  expect(await plansOf(ada)).toEqual([["pro", "goes on"]]);
  await told("active", 2, now + 2_592_000);
  expect(await plansOf(ada)).toEqual([["pro", "ends"]]);
  await told("active", 1);
  expect(await plansOf(ada)).toEqual([["pro", "ends"]]);
  await told("canceled", 3);
  expect(await plansOf(ada)).toEqual([["starter", "goes on"]]);
});
