import { describe, expect, test } from "vitest";
import { call, deploy, NOW, send } from "./deployment.js";
import { tally } from "./app/billing.js";

const ada = { customer_id: "ada" };
const april = Date.UTC(2026, 3, 14, 9, 30);
const former = { version: "1.2" };

describe("a customer", () => {
  test("begins with the default plans, and is answered with every key that clients of Autumn 2 ask for", async () => {
    const t = deploy();
    const created = {
      ...ada,
      name: "Ada",
      email: "ada@example.com",
      expand: ["balances.feature", "nonsense"],
    };
    expect(await call(t, "customers.get_or_create", created)).toEqual({
      id: "ada",
      name: "Ada",
      email: "ada@example.com",
      created_at: NOW,
      fingerprint: null,
      stripe_id: null,
      env: "live",
      metadata: {},
      send_email_receipts: false,
      billing_controls: {
        auto_topups: [],
        spend_limits: [],
        usage_limits: [],
        usage_alerts: [],
        overage_allowed: [],
      },
      config: { disable_pooled_balance: false, disable_overage_billing: false },
      subscriptions: [
        {
          id: expect.any(String),
          plan: null,
          plan_id: "free",
          auto_enable: true,
          add_on: false,
          status: "active",
          past_due: false,
          canceled_at: null,
          expires_at: null,
          trial_ends_at: null,
          started_at: NOW,
          current_period_start: NOW,
          current_period_end: april,
          quantity: 1,
          scope: "customer",
        },
      ],
      purchases: [],
      licenses: [],
      balances: {
        messages: expect.objectContaining({ feature_id: "messages", granted: 10, remaining: 10, usage: 0 }),
        words: expect.objectContaining({ granted: 100 }),
        credits: expect.objectContaining({ granted: 1, feature: expect.objectContaining({ id: "credits" }) }),
        seats: expect.objectContaining({ granted: 3, next_reset_at: null }),
      },
      flags: {},
      processors: null,
      invoices: null,
      invoice_previews: null,
      entities: null,
      trials_used: null,
      rewards: null,
      referrals: null,
      payment_method: null,
    });
  });

  test("is answered to older clients with products and features", async () => {
    const t = deploy();
    await call(t, "customers.get_or_create", ada);
    await t.run((ctx) => tally.subscriptions.attach(ctx, { customerId: "ada", planId: "pro" }));
    expect(await call(t, "customers", { id: "ada" }, former)).toEqual({
      id: "ada",
      created_at: NOW,
      name: null,
      email: null,
      fingerprint: null,
      stripe_id: null,
      env: "live",
      metadata: {},
      products: [
        {
          id: "pro",
          name: "Pro",
          group: null,
          status: "active",
          canceled_at: null,
          started_at: NOW,
          is_default: false,
          is_add_on: false,
          version: 1,
          current_period_start: NOW,
          current_period_end: april,
          entity_id: null,
          items: expect.arrayContaining([
            expect.objectContaining({ type: "price", feature_id: null, price: 20, interval: "month" }),
            expect.objectContaining({ type: "feature", feature_id: "messages", included_usage: 100 }),
          ]),
          quantity: 1,
        },
      ],
      features: {
        messages: expect.objectContaining({ id: "messages", type: "single_use", balance: 100, usage: 0 }),
        words: expect.objectContaining({ included_usage: 1_000, overage_allowed: true }),
        credits: expect.objectContaining({
          type: "single_use",
          credit_schema: [{ feature_id: "basic_model", credit_amount: 0.2 }],
        }),
        seats: expect.objectContaining({ type: "continuous_use", interval: null, interval_count: 1 }),
        sso: expect.objectContaining({ type: "static", balance: 0, interval: null, interval_count: null }),
      },
    });
  });

  test("begins once, however often he is asked for", async () => {
    const t = deploy();
    await call(t, "customers.get_or_create", ada);
    await call(t, "balances.track", { ...ada, feature_id: "messages", value: 4 });
    const again = await call(t, "customers.get_or_create", { ...ada, name: "Ada" });
    expect(again).toMatchObject({ name: "Ada", balances: { messages: { remaining: 6, usage: 4 } } });
    expect(again.subscriptions).toHaveLength(1);
    expect(await call(t, "customers.get_or_create", { ...ada, name: "Another" })).toMatchObject({
      name: "Ada",
    });
  });

  test("keeps what the app says of him, and gives it back", async () => {
    const t = deploy();
    const told = { fingerprint: "device-1", stripe_id: "cus_1", metadata: { team: "red", tags: ["a"] } };
    expect(await call(t, "customers.get_or_create", { ...ada, ...told })).toMatchObject({
      fingerprint: "device-1",
      stripe_id: "cus_1",
      processors: { stripe: { id: "cus_1" } },
      metadata: { team: "red", tags: '["a"]' },
    });
    const changed = { ...ada, name: "Ada", fingerprint: null, metadata: { team: "blue" } };
    expect(await call(t, "customers.update", changed)).toMatchObject({
      name: "Ada",
      fingerprint: null,
      stripe_id: "cus_1",
      metadata: { team: "blue" },
    });
    expect(await call(t, "customers.update", { ...ada, metadata: null })).toMatchObject({ metadata: {} });
  });

  test("begins with a free plan that is named in the place of the default one, and with no other", async () => {
    const t = deploy();
    expect(await send(t, "customers.get_or_create", { ...ada, auto_enable_plan_id: "pro" })).toMatchObject({
      status: 400,
      body: { code: "not_supported", message: expect.stringContaining("billing.attach") },
    });
    expect(await send(t, "customers.get", ada)).toMatchObject({ status: 404 });
    const begun = await call(t, "customers.get_or_create", { ...ada, auto_enable_plan_id: "starter" });
    expect(begun.subscriptions).toMatchObject([{ plan_id: "starter" }]);
    expect(begun.balances).toMatchObject({ messages: { granted: 25 } });
  });

  test("has limits of his own, set as a list of each kind", async () => {
    const t = deploy();
    const controls = {
      usage_limits: [{ feature_id: "messages", limit: 5, interval: "day", anchor: "utc" }],
      spend_limits: [{ feature_id: "words", enabled: true, overage_limit: 50 }],
      overage_allowed: [{ feature_id: "messages", enabled: true }],
    };
    const { billing_controls: kept } = await call(t, "customers.get_or_create", {
      ...ada,
      billing_controls: controls,
    });
    expect(kept).toEqual({
      auto_topups: [],
      usage_alerts: [],
      usage_limits: [{ feature_id: "messages", enabled: true, limit: 5, interval: "day", anchor: "utc" }],
      spend_limits: [{ feature_id: "words", enabled: true, limit_type: "absolute", overage_limit: 50 }],
      overage_allowed: [{ feature_id: "messages", enabled: true }],
    });
    expect(
      await call(t, "balances.check", { ...ada, feature_id: "messages", required_balance: 6 }),
    ).toMatchObject({ allowed: false });
    const changed = await call(t, "customers.update", { ...ada, billing_controls: { usage_limits: [] } });
    expect(changed.billing_controls).toMatchObject({
      usage_limits: [],
      spend_limits: [{ feature_id: "words" }],
      overage_allowed: [{ feature_id: "messages" }],
    });
  });

  test.each([
    [{ send_email_receipts: true }, "payment provider"],
    [{ billing_controls: { auto_topups: [{ feature_id: "messages", enabled: true }] } }, "thresholdReached"],
    [{ billing_controls: { usage_alerts: [{ feature_id: "messages", enabled: true }] } }, "usageAlerts"],
    [{ billing_controls: { spend_limits: [{ enabled: true, overage_limit: 1 }] } }, "feature_id"],
    [{ config: { disable_overage_billing: true } }, "overage_allowed"],
    [{ currency: "eur" }, "usd"],
  ])("is not begun by what would have no effect: %j", async (given, instead) => {
    const t = deploy();
    expect(await send(t, "customers.get_or_create", { ...ada, ...given })).toMatchObject({
      status: 400,
      body: { code: "not_supported", message: expect.stringContaining(instead) },
    });
    expect(await send(t, "customers.get", ada)).toMatchObject({ status: 404 });
  });

  test("keeps his id", async () => {
    const t = deploy();
    await call(t, "customers.get_or_create", ada);
    expect(await send(t, "customers.update", { ...ada, new_customer_id: "eve" })).toMatchObject({
      status: 400,
      body: { code: "not_supported" },
    });
    expect(await call(t, "customers.update", { ...ada, new_customer_id: "ada" })).toMatchObject({
      id: "ada",
    });
  });

  test.each([
    ["customers.get_or_create", {}, "customer_id"],
    ["customers.get_or_create", { customer_id: null }, "customer_id"],
    ["customers.get_or_create", { customer_id: " ada" }, "customer_id"],
    ["customers.get_or_create", { ...ada, name: 7 }, "name"],
    ["customers.get_or_create", { ...ada, name: "x".repeat(501) }, "name"],
    ["customers.get_or_create", { ...ada, metadata: { long: "x".repeat(501) } }, "long"],
    [
      "customers.get_or_create",
      {
        ...ada,
        billing_controls: { usage_limits: [{ feature_id: "messages", limit: -1, interval: "day" }] },
      },
      "billing_controls.usage_limits.0.limit",
    ],
  ])("%s refuses %j", async (path, body, named) => {
    const t = deploy();
    expect(await send(t, path, body)).toMatchObject({
      status: 400,
      body: { code: "invalid_inputs", message: expect.stringContaining(named) },
    });
  });

  test.each(["customers.get", "customers.update", "customers.delete"])("%s needs one", async (path) => {
    const t = deploy();
    expect(await send(t, path, { customer_id: "eve" })).toMatchObject({
      status: 404,
      body: { code: "customer_not_found" },
    });
  });

  test("is told of at length where clients ask", async () => {
    const t = deploy();
    await call(t, "customers.get_or_create", ada);
    await call(t, "entities.create", { ...ada, entity_id: "desk", feature_id: "seats" });
    const expand = ["entities", "invoices", "trials_used", "rewards", "referrals", "subscriptions.plan"];
    expect(await call(t, "customers.get", { ...ada, expand })).toMatchObject({
      entities: [{ id: "desk", feature_id: "seats", customer_id: "ada", created_at: NOW }],
      invoices: [],
      trials_used: [],
      rewards: { discounts: [] },
      referrals: [],
      subscriptions: [{ plan: { id: "free", items: expect.any(Array) } }],
    });
    expect(
      await call(t, "customers/ada?expand=entities,invoices", undefined, { ...former, method: "GET" }),
    ).toMatchObject({ entities: [{ id: "desk" }], invoices: [] });
  });

  test("has his trials told, and what ends with them is not canceled", async () => {
    const t = deploy();
    await t.run((ctx) =>
      tally.subscriptions.attach(ctx, {
        customerId: "ada",
        planId: "pro",
        trial: { length: 7, unit: "day" },
        fingerprint: "device-1",
      }),
    );
    const trialEnd = NOW + 7 * 24 * 60 * 60_000;
    expect(await call(t, "customers.get", { ...ada, expand: ["trials_used"] })).toMatchObject({
      trials_used: [{ plan_id: "pro", customer_id: "ada", fingerprint: "device-1" }],
      subscriptions: [
        { plan_id: "pro", trial_ends_at: trialEnd, canceled_at: null, expires_at: trialEnd },
        { plan_id: "free", status: "scheduled", current_period_start: null, current_period_end: null },
      ],
    });
    expect(await call(t, "customers/ada", undefined, { ...former, method: "GET" })).toMatchObject({
      products: [
        { id: "pro", status: "trialing", trial_ends_at: trialEnd },
        { id: "free", status: "scheduled" },
      ],
    });
  });

  test("has canceled what ends with its period", async () => {
    const t = deploy();
    await t.run(async (ctx) => {
      await tally.subscriptions.attach(ctx, { customerId: "ada", planId: "pro" });
      await tally.subscriptions.cancel(ctx, { customerId: "ada", planId: "pro" });
    });
    expect(await call(t, "customers.get", ada)).toMatchObject({
      subscriptions: [
        { plan_id: "pro", status: "active", canceled_at: NOW, expires_at: april },
        { plan_id: "free", status: "scheduled", canceled_at: null, started_at: april },
      ],
    });
  });

  test("goes with all that is his", async () => {
    const t = deploy();
    await call(t, "customers.get_or_create", ada);
    expect(await send(t, "customers.delete", { ...ada, delete_in_stripe: true })).toMatchObject({
      status: 400,
      body: { code: "not_supported" },
    });
    expect(await call(t, "customers.delete", { ...ada, delete_in_stripe: false })).toEqual({ success: true });
    expect(await send(t, "customers.get", ada)).toMatchObject({ status: 404 });
  });

  test("has what is left set for several features at once, as older clients do", async () => {
    const t = deploy();
    await call(t, "customers.get_or_create", ada);
    const balances = [
      { feature_id: "messages", balance: 3 },
      { feature_id: "words", balance: 40 },
    ];
    expect(await call(t, "customers/ada/balances", { balances }, former)).toEqual({ success: true });
    expect(await call(t, "customers.get", ada)).toMatchObject({
      balances: { messages: { remaining: 3 }, words: { remaining: 40 } },
    });
  });
});

describe("customers", () => {
  async function crowd(t: ReturnType<typeof deploy>) {
    for (const id of ["ada", "bob", "cyd"])
      await call(t, "customers.get_or_create", { customer_id: id, name: `${id} of Example` });
    await t.run((ctx) => tally.subscriptions.attach(ctx, { customerId: "cyd", planId: "pro" }));
  }

  test("are listed by pages", async () => {
    const t = deploy();
    await crowd(t);
    const first = await call(t, "customers.list", { start_cursor: "", limit: 2 });
    expect(first).toMatchObject({
      list: [{ id: "ada", balances: { messages: { remaining: 10 } } }, { id: "bob" }],
      has_more: true,
      next_cursor: expect.any(String),
    });
    const { next_cursor: start_cursor } = first;
    expect(await call(t, "customers.list", { start_cursor, limit: 2 })).toMatchObject({
      list: [{ id: "cyd", subscriptions: [{ plan_id: "pro" }] }],
      has_more: false,
      next_cursor: null,
    });
  });

  test("are listed from an offset, as older clients ask", async () => {
    const t = deploy();
    await crowd(t);
    expect(
      await call(t, "customers?limit=1&offset=1", undefined, { ...former, method: "GET" }),
    ).toMatchObject({
      list: [{ id: "bob", products: [{ id: "free" }] }],
      total: 3,
      limit: 1,
      offset: 1,
      has_more: true,
    });
    expect(await call(t, "customers/list", { limit: 10, offset: 5 })).toMatchObject({
      list: [],
      total: 3,
      has_more: false,
    });
  });

  test("are found by text, plan and status", async () => {
    const t = deploy();
    await crowd(t);
    const ids = async (filter: object) =>
      ((await call(t, "customers.list", filter)).list as { id: string }[]).map(({ id }) => id);
    expect(await ids({ search: "BOB" })).toEqual(["bob"]);
    expect(await ids({ plans: [{ id: "pro" }] })).toEqual(["cyd"]);
    expect(await ids({ subscription_status: "scheduled" })).toEqual([]);
    expect(await ids({ subscription_status: "active" })).toEqual(["ada", "bob", "cyd"]);
  });

  test.each([
    [{ limit: 0 }, "invalid_inputs"],
    [{ offset: 10_001 }, "invalid_inputs"],
    [{ start_cursor: "made up" }, "invalid_inputs"],
    [{ offset: 1, search: "a" }, "not_supported"],
    [{ processors: ["stripe"] }, "not_supported"],
  ])("are not listed by %j", async (body, code) => {
    const t = deploy();
    expect(await send(t, "customers.list", body)).toMatchObject({ status: 400, body: { code } });
  });
});
