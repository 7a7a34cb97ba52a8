import { describe, expect, test } from "vitest";
import { call, deploy, NOW, send } from "./deployment.js";

const ada = { customer_id: "ada" };
const messages = { ...ada, feature_id: "messages" };
const april = Date.UTC(2026, 3, 14, 9, 30);

describe("a check", () => {
  test("answers as Autumn 2 does, with every key that its clients ask for", async () => {
    const t = deploy();
    expect(await call(t, "balances.check", { ...messages, required_balance: 3 })).toEqual({
      allowed: true,
      customer_id: "ada",
      entity_id: null,
      required_balance: 3,
      balance: expect.objectContaining({
        feature_id: "messages",
        granted: 10,
        remaining: 10,
        usage: 0,
        unlimited: false,
        overage_allowed: false,
        max_purchase: null,
        next_reset_at: april,
        rollovers: [],
        breakdown: [
          {
            id: expect.any(String),
            plan_id: "free",
            included_grant: 10,
            prepaid_grant: 0,
            remaining: 10,
            usage: 0,
            unlimited: false,
            reset: { interval: "month", interval_count: 1, resets_at: april },
            price: null,
            expires_at: null,
          },
        ],
      }),
      balances: { messages: expect.objectContaining({ granted: 10 }) },
      flag: null,
      preview: null,
    });
  });

  test("answers older clients flat", async () => {
    const t = deploy();
    expect(await call(t, "check", messages, { version: "1.2" })).toMatchObject({
      allowed: true,
      code: "feature_found",
      customer_id: "ada",
      feature_id: "messages",
      required_balance: 1,
      balance: 10,
      usage: 0,
      included_usage: 10,
      unlimited: false,
      interval: "month",
      interval_count: 1,
      next_reset_at: april,
      overage_allowed: false,
    });
  });

  test("tells of the credits that pay, in credits", async () => {
    const t = deploy();
    const asked = { ...ada, feature_id: "basic_model", required_balance: 5 };
    expect(await call(t, "balances.check", asked)).toMatchObject({
      allowed: true,
      required_balance: 1,
      balance: { feature_id: "credits", remaining: 1 },
    });
    expect(await call(t, "balances.check", { ...asked, required_balance: 6 })).toMatchObject({
      allowed: false,
    });
  });

  test("tells of a boolean feature as a flag, and of none as null", async () => {
    const t = deploy();
    const asked = { ...ada, feature_id: "sso" };
    expect(await call(t, "balances.check", asked)).toMatchObject({
      allowed: false,
      flag: null,
      balance: null,
    });
    await t.mutation(async (ctx) => {
      const { tally } = await import("./app/billing.js");
      await tally.subscriptions.attach(ctx, { customerId: "ada", planId: "pro" });
    });
    expect(await call(t, "balances.check", asked)).toMatchObject({
      allowed: true,
      balance: null,
      flag: { plan_id: "pro", feature_id: "sso", expires_at: null, feature: { id: "sso", type: "boolean" } },
    });
    expect(await call(t, "check", { ...ada, product_id: "pro" }, { version: "1.2" })).toMatchObject({
      allowed: true,
      product_id: "pro",
      code: "product_found",
      status: "active",
    });
  });

  test("changes nothing, unless it sends an event: then it deducts once, or refuses", async () => {
    const t = deploy();
    const eight = { ...messages, required_balance: 8 };
    await call(t, "balances.check", eight);
    expect(await call(t, "balances.check", { ...eight, send_event: true }, { key: "k" })).toMatchObject({
      allowed: true,
      balance: { remaining: 2, usage: 8 },
    });
    expect(await send(t, "balances.check", { ...eight, send_event: true }, { key: "k" })).toMatchObject({
      status: 409,
      body: { code: "duplicate_idempotency_key" },
    });
    expect(await call(t, "balances.check", { ...eight, send_event: true })).toMatchObject({
      allowed: false,
      balance: { remaining: 2 },
    });
  });

  test("says in a preview what a paywall needs", async () => {
    const t = deploy();
    const asked = { ...messages, required_balance: 11, with_preview: true };
    expect(await call(t, "balances.check", asked)).toMatchObject({
      allowed: false,
      preview: {
        scenario: "usage_limit",
        feature_id: "messages",
        feature_name: "Messages",
        products: [
          { id: "pro", scenario: "upgrade" },
          { id: "team", scenario: "upgrade" },
          { id: "starter", scenario: "upgrade" },
          { id: "boost", scenario: "new", is_add_on: true },
          { id: "sticker", scenario: "new" },
        ],
      },
    });
    expect(await call(t, "balances.check", { ...asked, required_balance: 1 })).toMatchObject({
      preview: null,
    });
  });
});

describe("a lock", () => {
  const lock = { lock_id: "job-1", enabled: true, expires_at: NOW + 60_000 };

  test("holds, is settled by its id alone, and only once", async () => {
    const t = deploy();
    const held = await call(t, "balances.check", { ...messages, required_balance: 6, lock });
    expect(held).toMatchObject({ allowed: true, balance: { remaining: 4 } });
    for (const required_balance of [1, 6]) {
      expect(await send(t, "balances.check", { ...messages, required_balance, lock })).toMatchObject({
        status: 409,
        body: { code: "lock_already_exists" },
      });
    }
    const confirm = { lock_id: "job-1", action: "confirm", override_value: 2 };
    expect(await call(t, "balances.finalize", confirm)).toEqual({ success: true });
    expect(await call(t, "balances.check", messages)).toMatchObject({ balance: { remaining: 8 } });
    expect(await send(t, "balances.finalize", confirm)).toMatchObject({
      status: 404,
      body: { code: "lock_not_found" },
    });
  });

  test("is refused where the balance cannot pay, and then holds nothing", async () => {
    const t = deploy();
    const asked = { ...messages, required_balance: 11, lock };
    expect(await call(t, "balances.check", asked)).toMatchObject({ allowed: false });
    expect(await send(t, "balances.finalize", { lock_id: "job-1", action: "release" })).toMatchObject({
      status: 404,
    });
  });

  test("of an id that several customers have taken is settled by the customer's id too", async () => {
    const t = deploy();
    for (const customer_id of ["ada", "ben"]) {
      await call(t, "balances.check", { customer_id, feature_id: "messages", required_balance: 5, lock });
    }
    const release = { lock_id: "job-1", action: "release" };
    expect(await send(t, "balances.finalize", release)).toMatchObject({
      status: 400,
      body: { code: "invalid_inputs" },
    });
    await call(t, "balances.finalize", { ...release, customer_id: "ben" });
    await call(t, "balances.finalize", release);
    expect(await call(t, "balances.check", messages)).toMatchObject({ balance: { remaining: 10 } });
  });
});

describe("a use", () => {
  test("is answered with what is left, and from which grants it was taken", async () => {
    const t = deploy();
    const answer = await call(t, "balances.track", {
      ...messages,
      value: 4,
      properties: { model: { id: 1 } },
    });
    expect(answer).toMatchObject({
      customer_id: "ada",
      entity_id: null,
      event_name: null,
      value: 4,
      balance: { feature_id: "messages", remaining: 6, usage: 4 },
      deductions: [{ feature_id: "messages", plan_id: "free", value: 4, reset: { interval: "month" } }],
    });
    expect(await call(t, "track", { ...messages, value: 1 }, { version: "1.2" })).toEqual({
      id: expect.any(String),
      code: "event_received",
      customer_id: "ada",
      entity_id: null,
      event_name: null,
      feature_id: "messages",
    });
  });

  test("by an event's name charges each of its features", async () => {
    const t = deploy();
    const answer = await call(t, "balances.track", { ...ada, event_name: "chat", value: 2 });
    expect(answer).toMatchObject({
      event_name: "chat",
      balance: null,
      balances: { messages: { remaining: 8 }, words: { remaining: 98 } },
    });
  });

  test.each([
    ["a header", { key: "k-1" }, {}],
    ["the body", {}, { idempotency_key: "k-1" }],
  ])("with a key in %s counts once, and its repeat is a 409 in either place", async (_, sent, more) => {
    const t = deploy();
    await call(t, "balances.track", { ...messages, ...more }, sent);
    for (const [again, andMore] of [
      [{ key: "k-1" }, {}],
      [{}, { idempotency_key: "k-1" }],
    ] as const) {
      expect(await send(t, "balances.track", { ...messages, ...andMore }, again)).toMatchObject({
        status: 409,
        body: { code: "duplicate_idempotency_key", env: "live" },
      });
    }
    expect(await call(t, "balances.check", messages)).toMatchObject({ balance: { usage: 1 } });
  });

  test("is capped, refused or overdrawn as it says; below zero it gives back", async () => {
    const t = deploy();
    const many = { ...messages, value: 12 };
    expect(await send(t, "balances.track", { ...many, overage_behavior: "reject" })).toMatchObject({
      status: 400,
      body: { code: "insufficient_balance" },
    });
    expect(await call(t, "balances.track", many)).toMatchObject({
      value: 12,
      balance: { remaining: 0, usage: 10 },
    });
    expect(await call(t, "balances.track", { ...messages, value: -3 })).toMatchObject({
      balance: { remaining: 3 },
    });
  });

  test("brings along who he is: an older client's customer and entity are begun", async () => {
    const t = deploy();
    const entity = { entity_id: "seat-1", entity_data: { feature_id: "seats", name: "Seat" } };
    const data = { customer_data: { name: "Ada", email: "ada@example.com" } };
    await call(t, "track", { ...messages, ...entity, ...data, value: 1 }, { version: "1.2" });
    expect(await call(t, "balances.check", { ...ada, feature_id: "seats" })).toMatchObject({
      balance: { usage: 1 },
    });
  });
});

describe("a batch", () => {
  test("of 1,000 uses of several customers counts each once, a retry with its key included", async () => {
    const t = deploy();
    const uses = Array.from({ length: 1_000 }, (_, index) => ({
      customer_id: `c${index % 3}`,
      feature_id: "words",
      value: index % 2 === 0 ? 0.1 : 0.2,
    }));
    for (let attempt = 0; attempt < 2; attempt++) {
      const answer = await call(t, "balances.batch_track", uses, { key: "nightly" });
      expect(answer).toMatchObject({ success: true });
    }
    const check = await call(t, "balances.check", { customer_id: "c0", feature_id: "words" });
    expect(check).toMatchObject({ balance: { usage: 50.1 } });
  });

  test("tells which of it were refused, and applies the others", async () => {
    const t = deploy();
    const uses = [
      { ...messages, value: 1 },
      { ...messages, entity_id: "nobody" },
      { ...messages, value: 2 },
    ];
    expect(await call(t, "balances.batch_track", uses)).toMatchObject({
      success: true,
      failed: [{ index: 1, code: "entity_not_found" }],
    });
    expect(await call(t, "balances.check", messages)).toMatchObject({ balance: { usage: 3 } });
  });

  test("of which one cannot be read is refused whole, as is an empty one", async () => {
    const t = deploy();
    const uses = [messages, { ...messages, value: "1" }];
    expect(await send(t, "balances.batch_track", uses)).toMatchObject({
      status: 400,
      body: { code: "invalid_inputs" },
    });
    expect(await send(t, "balances.batch_track", [])).toMatchObject({ status: 400 });
    expect(await call(t, "balances.check", messages)).toMatchObject({ balance: { usage: 0 } });
  });
});
