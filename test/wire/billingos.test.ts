import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import {
  BillingOS,
  createBillingOS,
  NetworkError,
  NotFoundError,
  RateLimitError,
  ServerError,
  ValidationError,
  type BillingOSOptions,
  type Usage,
} from "../../src/billingos/index.js";
import { tally } from "./app/billing.js";
import { deploy, NOW, SECRET, send, type Deployment } from "./deployment.js";

const april = "2026-04-14T09:30:00.000Z";
const march = "2026-03-14T09:30:00.000Z";
const url = "https://happy-otter-1.convex.site";

/** BillingOS's calls inside of Convex, each in an action of its own. */
function inside(t: Deployment, options: BillingOSOptions = {}): Usage {
  return {
    trackUsage: (input) => t.action((ctx) => createBillingOS(ctx, { tally, ...options }).trackUsage(input)),
    checkEntitlement: (...args) =>
      t.action((ctx) => createBillingOS(ctx, { tally, ...options }).checkEntitlement(...args)),
    getUsageMetrics: (...args) =>
      t.action((ctx) => createBillingOS(ctx, { tally, ...options }).getUsageMetrics(...args)),
  };
}

/** What BillingOS's client sends reaches `t`. */
function outside(t: Deployment): BillingOS {
  vi.stubGlobal("fetch", (to: string, init: RequestInit) => t.fetch(to.slice(url.length), init));
  return new BillingOS({ url: `${url}/`, secretKey: SECRET });
}

afterEach(() => void vi.unstubAllGlobals());

const ada = { customerId: "ada", featureKey: "messages" };
const doors: [string, (t: Deployment) => Usage][] = [
  ["inside Convex", inside],
  ["over HTTP", outside],
];

describe.each(doors)("BillingOS's calls %s", (_where, door) => {
  test("a use is recorded, and answered with the period's usage", async () => {
    const billing = door(deploy());
    const metadata = { endpoint: "/v1/chat", tags: ["a", "b"] };
    expect(await billing.trackUsage({ ...ada, quantity: 2.5, metadata })).toEqual({
      success: true,
      feature_key: "messages",
      quantity: 2.5,
      recorded_at: march,
      usage: {
        consumed_units: 2.5,
        limit_units: 10,
        remaining_units: 7.5,
        period_start: march,
        period_end: april,
      },
    });
  });

  test("a check tells limit and usage, which is null before the first use", async () => {
    const billing = door(deploy());
    expect(await billing.checkEntitlement("ada", "messages")).toEqual({
      feature_key: "messages",
      has_access: true,
      limit: 10,
      usage: null,
      metadata: { remaining: 10, resets_at: april, type: "usage_quota" },
    });
    await billing.trackUsage({ ...ada, quantity: 4 });
    expect(await billing.checkEntitlement("ada", "messages")).toEqual({
      feature_key: "messages",
      has_access: true,
      limit: 10,
      usage: 4,
      metadata: { remaining: 6, resets_at: april, type: "usage_quota" },
    });
  });

  test("what is used up is a quota_exceeded, of which nothing is recorded", async () => {
    const billing = door(deploy());
    await billing.trackUsage({ ...ada, quantity: 9 });
    const refused = billing.trackUsage({ ...ada, quantity: 2 });
    await expect(refused).rejects.toThrow(ValidationError);
    await expect(refused).rejects.toMatchObject({
      name: "ValidationError",
      code: "quota_exceeded",
      message: "quota_exceeded",
      status: 400,
      details: { feature_key: "messages", requested: 2, remaining: 1 },
    });
    expect(await billing.trackUsage({ ...ada, quantity: 1 })).toMatchObject({
      usage: { consumed_units: 10, remaining_units: 0 },
    });
    expect(await billing.checkEntitlement("ada", "messages")).toMatchObject({
      has_access: false,
      reason: "quota_exceeded",
      limit: 10,
      usage: 10,
      metadata: { remaining: 0 },
    });
  });

  test("something is left until nothing is, though it is less than 1", async () => {
    const billing = door(deploy());
    await billing.trackUsage({ ...ada, quantity: 9.5 });
    expect(await billing.checkEntitlement("ada", "messages")).toMatchObject({
      has_access: true,
      metadata: { remaining: 0.5 },
    });
  });

  test("metrics tell of each feature that is used by amounts, and of the one that is asked for", async () => {
    const billing = door(deploy());
    await billing.trackUsage({ ...ada, quantity: 3 });
    await billing.trackUsage({ ...ada, featureKey: "basic_model", quantity: 1 });
    const messages = {
      feature_key: "messages",
      feature_title: "Messages",
      product_name: "Free",
      consumed: 3,
      limit: 10,
      remaining: 7,
      percentage_used: 30,
      period_start: march,
      period_end: april,
      resets_in_days: 31,
    };
    expect(await billing.getUsageMetrics("ada", "messages")).toEqual({
      customer_id: "ada",
      metrics: [messages],
    });
    const { metrics } = await billing.getUsageMetrics("ada");
    expect(metrics.find((each) => each.feature_key === "messages")).toEqual(messages);
    // Paid with credits, at 0.2 for each: 1 of the 5 that they are worth.
    expect(metrics.find((each) => each.feature_key === "basic_model")).toMatchObject({
      consumed: 1,
      limit: 5,
      remaining: 4,
      percentage_used: 20,
    });
    expect(metrics.map((each) => each.feature_key).sort()).toEqual([
      "basic_model",
      "credits",
      "messages",
      "seats",
      "words",
    ]);
  });

  test("what does not reset has a period without an end", async () => {
    const billing = door(deploy());
    const { metrics } = await billing.getUsageMetrics("ada", "seats");
    expect(metrics).toEqual([
      expect.objectContaining({ limit: 3, period_start: march, period_end: null, resets_in_days: null }),
    ]);
  });

  test("a repeat is answered as the call itself was, to the byte, whatever has happened since", async () => {
    const t = deploy();
    const billing = door(t);
    const use = { ...ada, quantity: 2, idempotencyKey: "req-1", metadata: { a: 1 } };
    const first = await billing.trackUsage(use);
    await billing.trackUsage({ ...ada, quantity: 5 });
    vi.setSystemTime(NOW + 40 * 24 * 3_600_000);
    const again = await billing.trackUsage(use);
    expect(JSON.stringify(again)).toBe(JSON.stringify(first));
    expect(again).toMatchObject({ usage: { consumed_units: 2, remaining_units: 8 } });
    const events = await t.action((ctx) => tally.events.list(ctx, { customerId: "ada" }));
    expect(events.page.filter(({ kind }) => kind === "usage")).toHaveLength(2);
  });

  test.each([
    ["unknown features", { ...ada, featureKey: "nothing", quantity: 1 }, NotFoundError, "RES_NOT_FOUND"],
    ["quantities of 0", { ...ada, quantity: 0 }, ValidationError, "VAL_INVALID_INPUT"],
    ["amounts that are given back", { ...ada, quantity: -5 }, ValidationError, "VAL_INVALID_INPUT"],
    ["no customer", { ...ada, customerId: "", quantity: 1 }, ValidationError, "VAL_INVALID_INPUT"],
    ["boolean features", { ...ada, featureKey: "sso", quantity: 1 }, ValidationError, "VAL_INVALID_INPUT"],
  ])("%s are refused", async (_what, use, type, code) => {
    const billing = door(deploy());
    await billing.trackUsage({ ...ada, quantity: 1 });
    const refused = billing.trackUsage(use);
    await expect(refused).rejects.toThrow(type);
    await expect(refused).rejects.toMatchObject({ code, message: expect.stringMatching(/\S/) });
    expect(await billing.getUsageMetrics("ada", "messages")).toMatchObject({ metrics: [{ consumed: 1 }] });
  });

  test("what no plan includes is not found, and there is no subscription for it", async () => {
    const t = deploy();
    const billing = door(t);
    await t.action((ctx) => tally.subscriptions.attach(ctx, { customerId: "ada", planId: "team" }));
    await expect(billing.trackUsage({ ...ada, featureKey: "words", quantity: 1 })).rejects.toThrow(
      NotFoundError,
    );
    expect(await billing.checkEntitlement("ada", "words")).toEqual({
      feature_key: "words",
      has_access: false,
      reason: "no_active_subscription",
      limit: null,
      usage: null,
      metadata: null,
    });
  });

  test("a boolean feature has neither limit nor usage", async () => {
    const t = deploy();
    await t.action((ctx) => tally.subscriptions.attach(ctx, { customerId: "ada", planId: "pro" }));
    expect(await door(t).checkEntitlement("ada", "sso")).toEqual({
      feature_key: "sso",
      has_access: true,
      limit: null,
      usage: null,
      metadata: { type: "boolean_flag" },
    });
  });

  test("a plan that stopped for want of payment is a subscription that is not active", async () => {
    const t = deploy();
    const pro = { customerId: "ada", planId: "pro" } as const;
    await t.action(async (ctx) => {
      await tally.subscriptions.attach(ctx, pro);
      await tally.subscriptions.setPastDue(ctx, { ...pro, pastDue: true });
    });
    vi.setSystemTime(NOW + 4 * 24 * 3_600_000);
    expect(await door(t).checkEntitlement("ada", "sso")).toMatchObject({
      has_access: false,
      reason: "subscription_not_active",
    });
  });
});

describe("what BillingOS's server gets wrong is right here", () => {
  test("two uses at once are both counted", async () => {
    const billing = inside(deploy());
    await Promise.all([1, 2, 3].map((quantity) => billing.trackUsage({ ...ada, quantity })));
    expect(await billing.getUsageMetrics("ada", "messages")).toMatchObject({ metrics: [{ consumed: 6 }] });
  });

  test("two repeats at once count once", async () => {
    const billing = inside(deploy());
    const use = { ...ada, quantity: 3, idempotencyKey: "req-1" };
    const [one, other] = await Promise.all([billing.trackUsage(use), billing.trackUsage(use)]);
    expect(one).toEqual(other);
    expect(await billing.getUsageMetrics("ada", "messages")).toMatchObject({ metrics: [{ consumed: 3 }] });
  });

  test("another call with the same key is refused, and not answered with its own quantity", async () => {
    const billing = inside(deploy());
    await billing.trackUsage({ ...ada, quantity: 3, idempotencyKey: "req-1" });
    const other = billing.trackUsage({ ...ada, quantity: 4, idempotencyKey: "req-1" });
    await expect(other).rejects.toMatchObject({ status: 409, code: "BIZ_DUPLICATE_OPERATION" });
  });

  test("a key is one customer's: another one's use counts for himself", async () => {
    const billing = inside(deploy());
    await billing.trackUsage({ ...ada, quantity: 3, idempotencyKey: "req-1" });
    expect(
      await billing.trackUsage({ ...ada, customerId: "bob", quantity: 4, idempotencyKey: "req-1" }),
    ).toMatchObject({ usage: { consumed_units: 4 } });
  });

  test("metadata is kept", async () => {
    const t = deploy();
    const metadata = { endpoint: "/v1/chat", model: { name: "small" }, cached: false };
    await inside(t).trackUsage({ ...ada, quantity: 1, metadata });
    const { page } = await t.action((ctx) => tally.events.list(ctx, { customerId: "ada" }));
    expect(page[0]).toMatchObject({
      properties: { endpoint: "/v1/chat", model: '{"name":"small"}', cached: false },
    });
  });

  test("what is unlimited is allowed, and counted", async () => {
    const t = deploy();
    await t.action((ctx) =>
      tally.grants.grant(ctx, { customerId: "ada", featureId: "messages", unlimited: true }),
    );
    const billing = inside(t);
    expect(await billing.trackUsage({ ...ada, quantity: 500 })).toMatchObject({
      usage: { limit_units: null, remaining_units: null },
    });
    expect(await billing.checkEntitlement("ada", "messages")).toMatchObject({
      has_access: true,
      limit: null,
    });
    expect(await billing.getUsageMetrics("ada", "messages")).toMatchObject({
      metrics: [{ limit: null, remaining: null, percentage_used: 0 }],
    });
  });

  test("a trial is an active subscription", async () => {
    const t = deploy();
    await t.action((ctx) =>
      tally.subscriptions.attach(ctx, {
        customerId: "ada",
        planId: "pro",
        trial: { length: 7, unit: "day" },
      }),
    );
    expect(await inside(t).checkEntitlement("ada", "messages")).toMatchObject({
      has_access: true,
      limit: 100,
    });
  });

  test("a period that begins on the 31st is told exactly in a month that has none", async () => {
    const t = deploy();
    vi.setSystemTime(Date.UTC(2026, 0, 31, 12));
    const billing = inside(t);
    await billing.trackUsage({ ...ada, quantity: 1 });
    vi.setSystemTime(Date.UTC(2026, 1, 10));
    expect(await billing.trackUsage({ ...ada, quantity: 1 })).toMatchObject({
      usage: { period_start: "2026-01-31T12:00:00.000Z", period_end: "2026-02-28T12:00:00.000Z" },
    });
    vi.setSystemTime(Date.UTC(2026, 2, 1));
    expect(await billing.getUsageMetrics("ada", "messages")).toMatchObject({
      metrics: [{ period_start: "2026-02-28T12:00:00.000Z", period_end: "2026-03-31T12:00:00.000Z" }],
    });
  });
});

describe("what an app may have otherwise", () => {
  test("a quota that is used up is 429, if it is to be", async () => {
    const billing = inside(deploy(), { quotaStatus: 429 });
    await expect(billing.trackUsage({ ...ada, quantity: 11 })).rejects.toThrow(RateLimitError);
    await expect(billing.trackUsage({ ...ada, quantity: 11 })).rejects.toMatchObject({
      status: 429,
      code: "quota_exceeded",
    });
  });

  test("has_access can mean that the feature is there, whatever is left of it", async () => {
    const t = deploy();
    const billing = inside(t, { quotaExceededHasAccess: true });
    await billing.trackUsage({ ...ada, quantity: 10 });
    expect(await billing.checkEntitlement("ada", "messages")).toMatchObject({
      has_access: true,
      usage: 10,
      limit: 10,
    });
    expect(await billing.checkEntitlement("ada", "sso")).toMatchObject({ has_access: false });
  });

  test("a customer who is not known is refused, if he is to be", async () => {
    const t = deploy();
    const billing = inside(t, { autoCreateCustomer: false });
    const refused = { name: "ValidationError", status: 400, message: expect.stringContaining('"ada"') };
    await expect(billing.trackUsage({ ...ada, quantity: 1 })).rejects.toMatchObject(refused);
    await expect(billing.checkEntitlement("ada", "messages")).rejects.toMatchObject(refused);
    await expect(billing.getUsageMetrics("ada")).rejects.toMatchObject(refused);
    await t.action((ctx) => tally.customers.create(ctx, { customerId: "ada" }));
    expect(await billing.trackUsage({ ...ada, quantity: 1 })).toMatchObject({ success: true });
  });

  test("in a mutation a use is undone with what it was for", async () => {
    const t = deploy();
    const failing = t.mutation(async (ctx) => {
      await createBillingOS(ctx, { tally }).trackUsage({ ...ada, quantity: 4 });
      throw new Error("the work failed");
    });
    await expect(failing).rejects.toThrow("the work failed");
    expect(await inside(t).checkEntitlement("ada", "messages")).toMatchObject({ usage: null });
  });

  test("a query can ask", async () => {
    const t = deploy();
    const asked = t.query((ctx) => createBillingOS(ctx, { tally }).checkEntitlement("ada", "messages"));
    expect(await asked).toMatchObject({ has_access: true, limit: 10 });
  });
});

/** BillingOS's own example, as its documents have it. */
async function example(billing: Usage, userId: string, request: Request): Promise<Response> {
  const entitlement = await billing.checkEntitlement(userId, "messages");

  if (!entitlement.has_access) {
    return Response.json({ error: "Plan upgrade required" }, { status: 403 });
  }

  if (entitlement.usage !== null && entitlement.limit !== null && entitlement.usage >= entitlement.limit) {
    return Response.json({ error: "API call limit reached" }, { status: 429 });
  }

  const result = { echoed: await request.text() };

  await billing.trackUsage({
    customerId: userId,
    featureKey: "messages",
    quantity: 1,
  });

  return Response.json(result);
}

describe("the example of BillingOS's documents", () => {
  const call = async (billing: Usage) =>
    (await example(billing, "user_1", new Request(url, { method: "POST", body: "hello" }))).status;

  test.each(doors)("serves what the plan includes, and then asks to upgrade, %s", async (_where, door) => {
    const billing = door(deploy());
    const statuses: number[] = [];
    for (let index = 0; index < 11; index++) statuses.push(await call(billing));
    expect(statuses).toEqual([...Array<number>(10).fill(200), 403]);
  });

  test("says that the limit is reached where has_access means that the feature is there", async () => {
    const t = deploy();
    const billing = inside(t, { quotaExceededHasAccess: true });
    await billing.trackUsage({ customerId: "user_1", featureKey: "messages", quantity: 10 });
    expect(await call(billing)).toBe(429);
  });
});

describe("the routes", () => {
  test("answer to failures in BillingOS's envelope", async () => {
    const t = deploy();
    const use = { customer_id: "ada", feature_key: "messages", quantity: 11 };
    const { status, body } = await send(t, "usage/track", use);
    expect(status).toBe(400);
    expect(body).toMatchObject({
      statusCode: 400,
      message: "quota_exceeded",
      code: "quota_exceeded",
      error: {
        code: "quota_exceeded",
        message: "quota_exceeded",
        requestId: expect.stringMatching(/^[0-9a-f-]{36}$/),
        timestamp: march,
        details: { feature_key: "messages", requested: 11, remaining: 10 },
      },
    });
  });

  test("take a key from the header as well", async () => {
    const t = deploy();
    const use = { customer_id: "ada", feature_key: "messages", quantity: 1 };
    const first = await send(t, "usage/track", use, { key: "req-1" });
    expect((await send(t, "usage/track", use, { key: "req-1" })).body).toEqual(first.body);
    expect(await inside(t).getUsageMetrics("ada", "messages")).toMatchObject({ metrics: [{ consumed: 1 }] });
  });

  test("tell a wrong secret in the envelope", async () => {
    const { status, body } = await send(deploy(), "usage/track", {}, { secret: "sk_wrong" });
    expect(status).toBe(401);
    expect(body).toMatchObject({ statusCode: 401, error: { code: "AUTH_INVALID_API_KEY" } });
  });
});

describe("the client", () => {
  const answer = { feature_key: "messages", has_access: true, limit: null, usage: null, metadata: null };
  const sent: { path: string; init: RequestInit }[] = [];

  /** Answers with each of `steps` in turn; the last one again and again. */
  function answering(...steps: (() => Response)[]): void {
    vi.stubGlobal("fetch", async (path: string, init: RequestInit) => {
      const step = steps[Math.min(sent.length, steps.length - 1)];
      sent.push({ path, init });
      return step?.();
    });
  }
  const busy = (headers?: Record<string, string>) => () => new Response("busy", { status: 503, headers });
  const good = () => Response.json(answer);
  const unreachable = () => {
    throw new TypeError("fetch failed");
  };

  beforeEach(() => {
    sent.length = 0;
    vi.useFakeTimers({ now: NOW });
  });
  afterEach(() => void vi.useRealTimers());

  const client = new BillingOS({ url, secretKey: SECRET });
  const use = { ...ada, quantity: 1 };

  test("asks again what was not reached, after 1, 2 and 4 seconds", async () => {
    answering(unreachable, busy(), busy(), good);
    const asked = client.checkEntitlement("ada", "messages");
    const counts: number[] = [];
    for (const seconds of [0, 1, 2, 4]) {
      await vi.advanceTimersByTimeAsync(seconds * 1_000);
      counts.push(sent.length);
    }
    expect(counts).toEqual([1, 2, 3, 4]);
    expect(await asked).toEqual(answer);
  });

  test("gives up after three times", async () => {
    answering(busy());
    const refused = expect(client.getUsageMetrics("ada")).rejects.toThrow(ServerError);
    await vi.runAllTimersAsync();
    await refused;
    expect(sent).toHaveLength(4);
  });

  test("waits as long as it is told to", async () => {
    answering(() => new Response("{}", { status: 429, headers: { "retry-after": "20" } }), good);
    const asked = client.checkEntitlement("ada", "messages");
    await vi.advanceTimersByTimeAsync(19_999);
    expect(sent).toHaveLength(1);
    await vi.advanceTimersByTimeAsync(1);
    expect(await asked).toEqual(answer);
  });

  test("sends a use again only if it has a key", async () => {
    answering(unreachable, good);
    await expect(client.trackUsage(use)).rejects.toThrow(NetworkError);
    expect(sent).toHaveLength(1);

    sent.length = 0;
    const tracked = client.trackUsage({ ...use, idempotencyKey: "req-1" });
    await vi.runAllTimersAsync();
    expect(await tracked).toEqual(answer);
    expect(sent.map(({ init }) => JSON.parse(String(init.body)) as unknown)).toEqual([
      { customer_id: "ada", feature_key: "messages", quantity: 1, idempotency_key: "req-1" },
      { customer_id: "ada", feature_key: "messages", quantity: 1, idempotency_key: "req-1" },
    ]);
  });

  test.each([
    ["a quota that is used up", 429, "quota_exceeded", RateLimitError],
    ["a wrong argument", 400, "VAL_INVALID_INPUT", ValidationError],
  ])("does not ask again after %s", async (_what, status, code, type) => {
    answering(() => Response.json({ error: { code, message: "no" } }, { status }));
    await expect(client.trackUsage({ ...use, idempotencyKey: "req-1" })).rejects.toThrow(type);
    expect(sent).toHaveLength(1);
  });

  test("does not wait for ever, nor ask again what took too long", async () => {
    vi.useRealTimers();
    vi.stubGlobal("fetch", (path: string, init: RequestInit) => {
      sent.push({ path, init });
      return new Promise((_resolve, reject) => {
        init.signal?.addEventListener("abort", () => reject(init.signal?.reason as Error));
      });
    });
    const hasty = new BillingOS({ url, secretKey: SECRET, timeout: 20 });
    await expect(hasty.checkEntitlement("ada", "messages")).rejects.toMatchObject({
      name: "NetworkError",
      status: 0,
      message: "No answer within 20 ms.",
    });
    expect(sent).toHaveLength(1);
  });

  test("says so where the answer cannot be read", async () => {
    answering(() => new Response("<html>", { status: 404 }));
    await expect(client.checkEntitlement("ada", "messages")).rejects.toMatchObject({
      status: 404,
      message: expect.stringContaining("404"),
    });
  });
});

test("an id that is not the app's own is resolved, and answered as it was asked", async () => {
  const t = deploy();
  const resolveCustomer = (externalId: string) => Promise.resolve(externalId.replace("ext_", ""));
  const metrics = await t.action(async (ctx) => {
    const billing = createBillingOS(ctx, { tally, resolveCustomer });
    await billing.trackUsage({ customerId: "ext_ada", featureKey: "messages", quantity: 4 });
    expect(await billing.checkEntitlement("ext_ada", "messages")).toMatchObject({ usage: 4 });
    return await billing.getUsageMetrics("ext_ada", "messages");
  });
  expect(metrics).toMatchObject({ customer_id: "ext_ada", metrics: [{ consumed: 4 }] });
  const customers = await t.query((ctx) => tally.customers.list(ctx));
  expect(customers.page.map(({ customerId }) => customerId)).toEqual(["ada"]);
});
