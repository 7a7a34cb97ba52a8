import { Autumn } from "autumn-js";
import { Autumn as OldAutumn } from "autumn-js-0.1";
import { describe, expect, test, vi } from "vitest";
import { stored } from "../app/stored.js";
import { operations } from "../../src/wire/routes.js";
import type { Call, WireTally } from "../../src/wire/operations.js";
import { payments, tally } from "./app/billing.js";
import { call, deploy, NOW, send, type Deployment } from "./deployment.js";

const ada = { customer_id: "ada" };
const PAGE = "https://happy-otter-1.convex.site/tally/checkout?session=";
const april = Date.UTC(2026, 3, 14, 9, 30);
const half = Date.UTC(2026, 2, 29, 21, 30);

const plansOf = async (t: Deployment, customerId = "ada") =>
  await t.query(async (ctx) => {
    const { page } = await tally.subscriptions.list(ctx, { customerId });
    return page.filter(({ status }) => status !== "ended").map(({ planId, status }) => `${planId} ${status}`);
  });

const granted = async (t: Deployment, featureId: "messages" | "seats" | "credits") =>
  await t.query(async (ctx) => {
    const { granted } = await tally.for(ctx, { customerId: "ada" }).check({ featureId });
    return granted;
  });

/** Pays at the demo's page. */
async function pay(t: Deployment, url: unknown): Promise<void> {
  const session = new URL(String(url)).searchParams.get("session");
  const response = await t.fetch("/tally/webhook", {
    method: "POST",
    body: JSON.stringify({ session, outcome: "pay" }),
  });
  expect(response.status).toBe(200);
}

async function subscribed(planId = "pro", more: object = {}): Promise<Deployment> {
  const t = deploy();
  const { payment_url: url } = await call(t, "billing.attach", { ...ada, plan_id: planId, ...more });
  await pay(t, url);
  return t;
}

/** As a deployment that sells nothing; or as somebody's page. */
async function run(t: Deployment, name: string, body: object, as: Partial<Call> = {}) {
  return await t.action(async (ctx) => {
    const account: Call = {
      ctx,
      tally: tally as unknown as WireTally,
      version: "current",
      env: "live",
      ...as,
    };
    return (await operations[name]?.answer(account, body)) as Record<string, unknown>;
  });
}

describe("an attach", () => {
  test("of a plan that costs something says where to pay, and gives it with the payment", async () => {
    const t = deploy();
    const answer = await call(t, "billing.attach", { ...ada, plan_id: "pro", redirect_mode: "if_required" });
    expect(answer).toEqual({
      customer_id: "ada",
      entity_id: null,
      invoice: null,
      payment_url: expect.stringContaining(PAGE),
      required_action: null,
    });
    expect(await plansOf(t)).toEqual(["free active"]);
    await pay(t, answer.payment_url);
    expect(await plansOf(t)).toEqual(["pro active"]);
    expect(await granted(t, "messages")).toBe(100);
  });

  test.each([
    ["checkout_created", "pro", {}],
    ["free_product_attached", "free", {}],
    ["checkout_created", "top_up", {}],
    ["one_off_product_attached", "top_up", { no_billing_changes: true }],
    ["new_product_attached", "pro", { no_billing_changes: true }],
  ])("tells older clients %s of %s", async (code, product_id, more) => {
    const t = deploy();
    const answer = await call(t, "attach", { ...ada, product_id, ...more }, { version: "1.2" });
    expect(answer).toMatchObject({ success: true, customer_id: "ada", product_ids: [product_id], code });
    expect(typeof answer.checkout_url).toBe(code === "checkout_created" ? "string" : "undefined");
    expect(typeof answer.message).toBe("string");
  });

  test("of what costs more than is paid already takes the difference, and begins at once", async () => {
    const t = await subscribed();
    const answer = await call(t, "attach", { ...ada, product_id: "team" }, { version: "1.2" });
    expect(answer).toMatchObject({ code: "upgraded_to_new_product" });
    expect(await plansOf(t)).toEqual(["team active"]);
  });

  test("of what costs less waits for the end of what is paid", async () => {
    const t = await subscribed("team");
    const answer = await call(t, "attach", { ...ada, product_id: "pro" }, { version: "1.2" });
    expect(answer).toMatchObject({ code: "downgrade_scheduled" });
    expect(await plansOf(t)).toEqual(["team active", "pro scheduled"]);
    const again = await call(t, "attach", { ...ada, product_id: "team" }, { version: "1.2" });
    expect(again).toMatchObject({ code: "renewed_product" });
    expect(await plansOf(t)).toEqual(["team active"]);
  });

  test("counts what is included among the quantities; older clients add it", async () => {
    const seats = { feature_id: "seats", quantity: 8 };
    const current = await subscribed("team", { feature_quantities: [seats] });
    expect(await granted(current, "seats")).toBe(8);
    const t = deploy();
    const answer = await call(
      t,
      "attach",
      { ...ada, product_id: "team", options: [{ feature_id: "seats", quantity: 3 }] },
      { version: "1.2" },
    );
    await pay(t, answer.checkout_url);
    expect(await granted(t, "seats")).toBe(8);
  });

  test("begins whom nobody knows, with his name and his own items", async () => {
    const t = deploy();
    await call(t, "billing.attach", {
      ...ada,
      customer_data: { name: "Ada", email: "ada@example.com" },
      plan_id: "free",
      customize: { items: [{ feature_id: "messages", included: 70, reset: { interval: "month" } }] },
    });
    const known = await t.query((ctx) => tally.customers.get(ctx, { customerId: "ada" }));
    expect(known).toMatchObject({ name: "Ada", email: "ada@example.com" });
    expect(await granted(t, "messages")).toBe(70);
  });

  test("gives a trial without a card without payment, once", async () => {
    const t = deploy();
    const body = { ...ada, plan_id: "pro", free_trial: { duration_length: 7, duration_type: "day" } };
    expect(await call(t, "billing.attach", body)).toMatchObject({ payment_url: null });
    expect(await plansOf(t)).toEqual(["pro trialing", "free scheduled"]);
    expect(await send(t, "billing.attach", body)).toMatchObject({ status: 400 });
  });

  test("sends payers back to the app alone", async () => {
    const t = deploy();
    const body = { ...ada, plan_id: "pro", success_url: "https://elsewhere.example.com/done" };
    const { status, body: refused } = await send(t, "billing.attach", body);
    expect({ status, code: refused.code }).toEqual({ status: 400, code: "invalid_inputs" });
    expect(refused.message).toMatch(/successUrl must be an address of "https:\/\/app\.example\.com"/);
    expect(await plansOf(t)).toEqual([]);
  });

  test("made twice under one key is made once, and 409", async () => {
    const t = deploy();
    const body = { ...ada, plan_id: "top_up", no_billing_changes: true };
    await call(t, "billing.attach", body, { key: "k1" });
    expect(await send(t, "billing.attach", body, { key: "k1" })).toMatchObject({
      status: 409,
      body: { code: "duplicate_idempotency_key" },
    });
    expect(await granted(t, "credits")).toBe(101);
  });

  test.each([
    ["discounts", { discounts: [{ promotion_code: "HALF" }] }],
    ["invoice_mode", { invoice_mode: { enabled: true } }],
    ["proration_behavior", { proration_behavior: "none" }],
    ["customize.price", { customize: { price: { amount: 1, interval: "month" } } }],
    ["customize.price: null", { customize: { price: null } }],
    ["customize of a plan that is paid", { customize: { items: [{ feature_id: "messages", included: 1 }] } }],
    ["carry_over_balances of a plan that is paid", { carry_over_balances: { enabled: true } }],
    ["free_trial with a card", { free_trial: { duration_length: 7, card_required: true } }],
    ['plan_schedule "end_of_cycle"', { plan_schedule: "end_of_cycle" }],
    ['redirect_mode "never"', { redirect_mode: "never" }],
    ['currency "eur"', { currency: "eur" }],
    ["starts_at", { starts_at: april }],
    ["version", { version: 2 }],
    ["checkout_session_params", { checkout_session_params: { allow_promotion_codes: true } }],
  ])("refuses %s, says what to do, and does nothing", async (what, more) => {
    const t = deploy();
    const { status, body } = await send(t, "billing.attach", { ...ada, plan_id: "pro", ...more });
    expect({ status, code: body.code }).toEqual({ status: 400, code: "not_supported" });
    expect(body.message).toContain(what);
    expect(body.message).toMatch(/Nothing was changed\.$/);
    expect((await stored(t)).purchases).toEqual([]);
    expect(await plansOf(t)).toEqual([]);
  });

  test("takes what changes nothing", async () => {
    const t = deploy();
    const harmless = {
      billing_cycle_anchor: "now",
      proration_behavior: "prorate_immediately",
      metadata: { campaign: "spring" },
      checkout_session_params: {},
      invoice_mode: { enabled: false },
      discounts: [],
      version: 1,
      currency: "USD",
      free_trial: null,
      plan_schedule: "immediate",
    };
    const answer = await call(t, "billing.attach", { ...ada, plan_id: "pro", ...harmless });
    expect(answer.payment_url).toContain(PAGE);
  });

  test.each([
    ["an unknown plan", { plan_id: "gold" }, 404, "product_not_found"],
    ["an unknown entity", { plan_id: "free", entity_id: "desk" }, 404, "entity_not_found"],
    ["no plan", {}, 400, "invalid_inputs"],
    [
      "an item with what nobody knows",
      { plan_id: "free", customize: { items: [{ feature_id: "messages", expiry: {} }] } },
      400,
      "invalid_inputs",
    ],
  ])("of %s is refused", async (_what, more, status, code) => {
    const t = deploy();
    expect(await send(t, "billing.attach", { ...ada, ...more })).toMatchObject({ status, body: { code } });
  });

  test("never takes a difference unseen that a page was asked for", async () => {
    const t = await subscribed();
    const body = { ...ada, plan_id: "team", redirect_mode: "always" };
    expect(await send(t, "billing.attach", body)).toMatchObject({ body: { code: "not_supported" } });
    expect(await plansOf(t)).toEqual(["pro active"]);
  });
});

describe("without payments", () => {
  test("what costs nothing is given, and what costs something only where nothing is to be paid", async () => {
    const t = deploy();
    expect(await run(t, "billing.attach", { ...ada, plan_id: "free" })).toMatchObject({ payment_url: null });
    expect(await plansOf(t)).toEqual(["free active"]);
    const refused = run(t, "billing.attach", { ...ada, plan_id: "pro" });
    await expect(refused).rejects.toThrow(/Selling plan "pro" is not supported\..*`payments`/);
    expect(await plansOf(t)).toEqual(["free active"]);
    await run(t, "billing.attach", { ...ada, plan_id: "pro", no_billing_changes: true });
    expect(await plansOf(t)).toEqual(["pro active"]);
    await run(t, "billing.attach", { ...ada, plan_id: "free" });
    expect(await plansOf(t)).toEqual(["pro active", "free scheduled"]);
    await run(t, "billing.update", { ...ada, plan_id: "pro", cancel_action: "uncancel" });
    expect(await plansOf(t)).toEqual(["pro active"]);
    await run(t, "cancel", { ...ada, product_id: "pro", cancel_immediately: true });
    expect(await plansOf(t)).toEqual(["free active"]);
  });

  test("what is billed is left to whoever bills it", async () => {
    const t = await subscribed();
    for (const [name, body] of [
      ["billing.attach", { plan_id: "free" }],
      ["cancel", { product_id: "pro" }],
      ["billing.update", { plan_id: "pro", cancel_action: "cancel_immediately" }],
      ["billing.preview_update", { plan_id: "pro", cancel_action: "cancel_immediately" }],
      ["billing.open_customer_portal", {}],
      ["billing.setup_payment", {}],
    ] as const) {
      await expect(run(t, name, { ...ada, ...body }), name).rejects.toThrow(/is not supported/);
    }
    expect(await plansOf(t)).toEqual(["pro active"]);
  });
});

describe("from somebody's page", () => {
  const page = { isBrowser: true, payments };
  test.each([
    ["no_billing_changes", { plan_id: "pro", no_billing_changes: true }],
    ["customize", { plan_id: "free", customize: { items: [{ feature_id: "messages", unlimited: true }] } }],
    ["free_trial", { plan_id: "pro", free_trial: { duration_length: 999 } }],
    ["carry_over_balances", { plan_id: "free", carry_over_balances: { enabled: true } }],
  ])("%s is refused", async (name, body) => {
    const t = deploy();
    for (const as of [page, { isBrowser: true }]) {
      const refused = run(t, "billing.attach", { ...ada, ...body }, as);
      await expect(refused).rejects.toThrow(`${name} from a browser is not supported`);
    }
    expect(await plansOf(t)).toEqual([]);
  });

  test("plans are bought as from anywhere", async () => {
    const t = deploy();
    const { payment_url: url } = await run(t, "billing.attach", { ...ada, plan_id: "pro" }, page);
    await pay(t, url);
    expect(await plansOf(t)).toEqual(["pro active"]);
  });

  test("what is free and adds up is had once, if at all", async () => {
    const t = deploy();
    const sticker = { ...ada, plan_id: "sticker" };
    await run(t, "billing.attach", sticker, page);
    await run(t, "billing.attach", sticker, page);
    expect(await granted(t, "messages")).toBe(13);
    await expect(run(t, "billing.attach", sticker, { isBrowser: true })).rejects.toThrow(/not supported/);
    await expect(run(t, "billing.attach", { ...ada, plan_id: "gift" }, page)).rejects.toThrow(/not for sale/);
    await expect(run(t, "billing.attach", { ...ada, plan_id: "gift" }, { isBrowser: true })).rejects.toThrow(
      /not supported/,
    );
    expect(await granted(t, "credits")).toBe(1);
  });
});

describe("several plans at once", () => {
  test("are attached with one payment at most", async () => {
    const t = deploy();
    const plans = [{ plan_id: "sticker" }, { plan_id: "pro" }];
    const answer = await call(t, "billing.multi_attach", { ...ada, plans });
    await pay(t, answer.payment_url);
    expect(await plansOf(t)).toEqual(expect.arrayContaining(["pro active", "sticker active"]));
  });

  test("of which two cost something are refused, and none is attached", async () => {
    const t = deploy();
    const plans = [{ plan_id: "sticker" }, { plan_id: "pro" }, { plan_id: "boost" }];
    for (const name of ["billing.multi_attach", "billing.preview_multi_attach"]) {
      const { status, body } = await send(t, name, { ...ada, plans });
      expect({ status, code: body.code }).toEqual({ status: 400, code: "not_supported" });
      expect(body.message).toContain('Attach "pro", "boost" one after the other.');
    }
    expect(await plansOf(t)).toEqual([]);
  });

  test("have one key", async () => {
    const t = deploy();
    const body = { ...ada, plans: [{ plan_id: "top_up" }, { plan_id: "boost" }], no_billing_changes: true };
    await call(t, "billing.multi_attach", body, { key: "k" });
    expect(await send(t, "billing.multi_attach", body, { key: "k" })).toMatchObject({ status: 409 });
    expect(await granted(t, "messages")).toBe(60);
  });
});

describe("a preview", () => {
  const line = { discounts: [], period: null };
  test("of something new says what it costs, now and next, and changes nothing", async () => {
    const t = deploy();
    const body = { ...ada, plan_id: "team", feature_quantities: [{ feature_id: "seats", quantity: 7 }] };
    expect(await call(t, "billing.preview_attach", body)).toEqual({
      customer_id: "ada",
      line_items: [
        {
          ...line,
          display_name: "Team",
          description: "Team",
          subtotal: 50,
          total: 50,
          plan_id: "team",
          feature_id: null,
          quantity: 1,
        },
        {
          ...line,
          display_name: "Team: 7 Seats",
          description: "Team: 7 Seats",
          subtotal: 20,
          total: 20,
          plan_id: "team",
          feature_id: "seats",
          quantity: 7,
        },
      ],
      subtotal: 70,
      total: 70,
      currency: "usd",
      incoming: [
        {
          plan_id: "team",
          plan: null,
          feature_quantities: [{ feature_id: "seats", quantity: 7 }],
          effective_at: null,
          canceled_at: null,
          expires_at: null,
        },
      ],
      outgoing: [
        {
          plan_id: "free",
          plan: null,
          feature_quantities: [],
          effective_at: null,
          canceled_at: null,
          expires_at: NOW,
        },
      ],
      redirect_to_checkout: true,
      checkout_type: "stripe_checkout",
      next_cycle: {
        starts_at: april,
        subtotal: 70,
        total: 70,
        line_items: [expect.objectContaining({ plan_id: "team", total: 70 })],
        usage_line_items: [],
      },
      expand: null,
      resets_usage: null,
      tax: null,
      invoice_credits: null,
    });
    expect(await plansOf(t)).toEqual([]);
  });

  test("of what costs more credits what is not used", async () => {
    const t = await subscribed();
    vi.setSystemTime(half);
    const preview = await call(t, "billing.preview_attach", { ...ada, plan_id: "team" });
    expect(preview).toMatchObject({
      line_items: [
        { plan_id: "pro", total: -10 },
        { plan_id: "team", total: 25 },
      ],
      total: 15,
      redirect_to_checkout: false,
      checkout_type: null,
      incoming: [{ plan_id: "team", effective_at: null }],
      outgoing: [{ plan_id: "pro", effective_at: null, expires_at: half }],
      next_cycle: { starts_at: april, total: 50 },
    });
  });

  test("of what costs less tells when, and what usage is billed then", async () => {
    const t = await subscribed("team");
    expect(await call(t, "billing.preview_attach", { ...ada, plan_id: "pro" })).toMatchObject({
      line_items: [],
      total: 0,
      incoming: [{ plan_id: "pro", effective_at: april }],
      outgoing: [{ plan_id: "team", effective_at: april, expires_at: april }],
      next_cycle: {
        starts_at: april,
        total: 20,
        usage_line_items: [{ plan_id: "pro", feature_id: "words" }],
      },
    });
  });

  test("of what is had already says that nothing changes", async () => {
    const t = await subscribed();
    expect(await call(t, "billing.preview_attach", { ...ada, plan_id: "pro" })).toMatchObject({
      line_items: [],
      incoming: [],
      outgoing: [],
    });
    const free = deploy();
    expect(await call(free, "billing.attach", { ...ada, plan_id: "free" })).toMatchObject({
      payment_url: null,
    });
    expect(await call(free, "billing.preview_attach", { ...ada, plan_id: "free" })).toMatchObject({
      incoming: [],
      outgoing: [],
      total: 0,
      next_cycle: null,
    });
  });
});

describe("an update", () => {
  test("of quantities pays for more at once; for fewer, with the next period", async () => {
    const t = await subscribed("team", { feature_quantities: [{ feature_id: "seats", quantity: 6 }] });
    vi.setSystemTime(half);
    const more = { ...ada, feature_quantities: [{ feature_id: "seats", quantity: 8 }] };
    expect(await call(t, "billing.preview_update", more)).toMatchObject({
      intent: "update_quantity",
      total: 10,
    });
    expect(await call(t, "billing.update", more)).toMatchObject({ payment_url: null });
    expect(await granted(t, "seats")).toBe(8);
    const fewer = { ...ada, feature_quantities: [{ feature_id: "seats", quantity: 5 }] };
    expect(await call(t, "billing.preview_update", fewer)).toMatchObject({ total: 0 });
    await call(t, "billing.update", fewer);
    expect(await granted(t, "seats")).toBe(8);
  });

  test("cancels with the period, and takes it back", async () => {
    const t = await subscribed();
    const canceling = { ...ada, plan_id: "pro", cancel_action: "cancel_end_of_cycle" };
    expect(await call(t, "billing.preview_update", canceling)).toMatchObject({
      intent: "cancel_end_of_cycle",
      total: 0,
      incoming: [{ plan_id: "free", effective_at: april }],
      outgoing: [{ plan_id: "pro", effective_at: april, canceled_at: NOW, expires_at: april }],
    });
    await call(t, "billing.update", canceling);
    expect(await plansOf(t)).toEqual(["pro active", "free scheduled"]);
    await call(t, "billing.update", { ...ada, plan_id: "pro", cancel_action: "uncancel" });
    expect(await plansOf(t)).toEqual(["pro active"]);
  });

  test("cancels at once, and says what is credited", async () => {
    const t = await subscribed();
    vi.setSystemTime(half);
    const canceling = { ...ada, plan_id: "pro", cancel_action: "cancel_immediately" };
    expect(await call(t, "billing.preview_update", canceling)).toMatchObject({
      intent: "cancel_immediately",
      total: -10,
      line_items: [{ plan_id: "pro", display_name: "Unused time of Pro" }],
      incoming: [{ plan_id: "free", effective_at: null }],
    });
    await call(t, "billing.update", canceling);
    expect(await plansOf(t)).toEqual(["free active"]);
  });

  test("of a plan that is to follow takes it back", async () => {
    const t = await subscribed("team");
    await call(t, "billing.attach", { ...ada, plan_id: "pro" });
    expect(await plansOf(t)).toEqual(["team active", "pro scheduled"]);
    await call(t, "billing.update", { ...ada, plan_id: "pro", cancel_action: "cancel_end_of_cycle" });
    expect(await plansOf(t)).toEqual(["team active"]);
  });

  test.each([
    [
      "a plan that he does not have",
      { plan_id: "team", cancel_action: "uncancel" },
      404,
      "customer_product_not_found",
    ],
    ["no plan, where he has only what all have", { cancel_action: "uncancel" }, 400, "invalid_inputs"],
    [
      "a refund",
      { plan_id: "free", cancel_action: "cancel_immediately", refund_last_payment: "full" },
      400,
      "not_supported",
    ],
    [
      "balances to be counted anew",
      { plan_id: "free", recalculate_balances: { enabled: true }, feature_quantities: [] },
      400,
      "not_supported",
    ],
  ])("of %s is refused", async (_what, more, status, code) => {
    const t = deploy();
    await call(t, "billing.attach", { ...ada, plan_id: "free" });
    expect(await send(t, "billing.update", { ...ada, ...more })).toMatchObject({ status, body: { code } });
  });

  test.each(["create_schedule", "multi_update", "preview_multi_update", "import"])(
    "by %s is refused, and says what to do",
    async (name) => {
      const t = deploy();
      const { status, body } = await send(t, `billing.${name}`, ada);
      expect({ status, code: body.code }).toEqual({ status: 400, code: "not_supported" });
      expect(body.message).toMatch(/not (supported|imported).*(billing|Attach)/);
    },
  );
});

describe("a page of the provider's", () => {
  test("is for those who have bought", async () => {
    const t = deploy();
    const body = { ...ada, return_url: "https://app.example.com/account" };
    expect(await send(t, "billing.open_customer_portal", body)).toMatchObject({
      status: 400,
      body: { code: "not_supported" },
    });
    const paid = await subscribed();
    expect(await call(paid, "billing.open_customer_portal", body)).toEqual({
      customer_id: "ada",
      url: "https://app.example.com/account",
    });
    const elsewhere = { ...ada, return_url: "https://elsewhere.example.com/" };
    expect(await send(paid, "billing.open_customer_portal", elsewhere)).toMatchObject({ status: 400 });
  });

  test("takes a means of payment before anything is bought, from whomever", async () => {
    const t = deploy();
    expect(await call(t, "setup_payment", ada, { version: "1.2" })).toEqual({
      customer_id: "ada",
      entity_id: null,
      url: "https://app.example.com/",
    });
    expect(await plansOf(t)).toEqual(["free active"]);
    expect(await send(t, "setup_payment", { ...ada, plan_id: "pro" })).toMatchObject({
      body: { code: "not_supported" },
    });
  });
});

describe("the real clients", () => {
  const fetchOf = (t: Deployment) => async (input: Request | URL | string, init?: RequestInit) => {
    const request = new Request(input, init);
    const { pathname, search } = new URL(request.url);
    const body = request.method === "GET" ? undefined : await request.text();
    return await t.fetch(pathname + search, { method: request.method, headers: request.headers, body });
  };

  test("autumn-js 1.3 reads every answer", async () => {
    const t = deploy();
    const { HTTPClient } = await import("autumn-js");
    const httpClient = new HTTPClient({ fetcher: fetchOf(t) });
    const autumn = new Autumn({
      secretKey: "am_sk_test_0123456789",
      serverURL: "https://x.convex.site",
      httpClient,
      failOpen: false,
    });
    const pro = { customerId: "ada", planId: "pro" };
    expect(await autumn.billing.previewAttach(pro)).toMatchObject({ total: 20, redirectToCheckout: true });
    const { paymentUrl } = await autumn.billing.attach(pro);
    await pay(t, paymentUrl);
    expect(await autumn.billing.previewUpdate({ ...pro, cancelAction: "cancel_end_of_cycle" })).toMatchObject(
      {
        intent: "cancel_end_of_cycle",
      },
    );
    expect(await autumn.billing.update({ ...pro, cancelAction: "cancel_end_of_cycle" })).toMatchObject({
      paymentUrl: null,
    });
    const plans = [{ planId: "sticker" }];
    expect(await autumn.billing.previewMultiAttach({ customerId: "ada", plans })).toMatchObject({ total: 0 });
    expect(await autumn.billing.multiAttach({ customerId: "ada", plans })).toMatchObject({
      paymentUrl: null,
    });
    expect(await autumn.billing.openCustomerPortal({ customerId: "ada" })).toMatchObject({
      customerId: "ada",
    });
    expect(await autumn.billing.setupPayment({ customerId: "ada" })).toMatchObject({ customerId: "ada" });
    await expect(
      autumn.billing.createSchedule({
        customerId: "ada",
        phases: [{ startsAt: NOW, plans: [{ planId: "pro" }] }],
      }),
    ).rejects.toMatchObject({ statusCode: 400 });
  });

  test("autumn-js 0.1 does as well", async () => {
    const t = deploy();
    const { fetch } = globalThis;
    globalThis.fetch = fetchOf(t);
    try {
      const autumn = new OldAutumn({ secretKey: "am_sk_test_0123456789", url: "https://x.convex.site/v1" });
      const team = { customer_id: "ada", product_id: "team" };
      const { data: checkout } = await autumn.checkout({
        ...team,
        options: [{ feature_id: "seats", quantity: 2 }],
      });
      expect(checkout).toMatchObject({
        customer_id: "ada",
        url: expect.stringContaining(PAGE),
        total: 70,
        currency: "usd",
        has_prorations: false,
        options: [{ feature_id: "seats", quantity: 2 }],
        lines: [
          { description: "Team", amount: 50, item: { type: "price", price: 50 } },
          { description: "Team: 7 Seats", amount: 20, item: { feature_id: "seats", usage_model: "prepaid" } },
        ],
        product: { id: "team", scenario: "new", items: expect.any(Array) },
        current_product: { id: "free" },
        next_cycle: { starts_at: april, total: 70 },
      });
      await pay(t, checkout?.url);
      expect(await granted(t, "seats")).toBe(7);
      const { data: preview } = await autumn.checkout({ customer_id: "ada", product_id: "pro" });
      expect(preview).toMatchObject({
        url: null,
        product: { scenario: "downgrade" },
        current_product: { id: "team" },
      });
      const { data: attached } = await autumn.attach({ customer_id: "ada", product_id: "pro" });
      expect(attached).toMatchObject({ success: true, code: "downgrade_scheduled" });
      const { data: canceled } = await autumn.cancel({ customer_id: "ada", product_id: "pro" });
      expect(canceled).toEqual({ success: true, customer_id: "ada", product_id: "pro" });
      expect(await plansOf(t)).toEqual(["team active"]);
      const { data: portal } = await autumn.customers.billingPortal("ada", {});
      expect(portal).toMatchObject({ customer_id: "ada", url: "https://app.example.com/" });
      const { data: setup } = await autumn.setupPayment({ customer_id: "ada" });
      expect(setup).toMatchObject({ customer_id: "ada", url: "https://app.example.com/" });
      const { error } = await autumn.attach({ customer_id: "ada", product_id: "pro", reward: "HALF" });
      expect(error).toMatchObject({ code: "not_supported" });
    } finally {
      globalThis.fetch = fetch;
    }
  });
});
