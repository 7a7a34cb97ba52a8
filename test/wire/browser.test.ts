import { describe, expect, test } from "vitest";
import { tally } from "./app/billing.js";
import { call, deploy, type Deployment } from "./deployment.js";

const ORIGIN = "https://app.example.com";

interface Sent {
  method?: string;
  origin?: string;
  path?: string;
}

/** What a page of somebody's asks. */
async function ask(t: Deployment, who: string | null, name: string, body: unknown = {}, sent: Sent = {}) {
  const { method = "POST", origin = ORIGIN, path = "/api/autumn" } = sent;
  const as = who === null ? t : t.withIdentity({ subject: who, name: "Somebody" });
  const response = await as.fetch(`${path}/${name}`, {
    method,
    headers: { origin, "content-type": "application/json" },
    ...(method === "POST" && { body: JSON.stringify(body) }),
  });
  const text = await response.text();
  return {
    status: response.status,
    headers: response.headers,
    body: (text === "" ? null : JSON.parse(text)) as Record<string, unknown>,
  };
}

/** A team with a member who has the seat of an entity. */
async function team(t: Deployment): Promise<void> {
  await t.mutation(async (ctx) => {
    await tally.customers.create(ctx, { customerId: "acme", name: "Acme", email: "owner@acme.example" });
    for (const entityId of ["ben", "cleo"])
      await tally.entities.create(ctx, { customerId: "acme", entityId, featureId: "seats" });
  });
}

describe("a page", () => {
  test("gets the customer whom identify names, whatever it says itself", async () => {
    const t = deploy();
    const stolen = { customerId: "victim", customerData: { email: "x@example.com" }, errorOnNotFound: false };
    const { status, body } = await ask(t, "ada", "getOrCreateCustomer", stolen);
    expect([status, body]).toMatchObject([
      200,
      { id: "ada", name: "Somebody", balances: { messages: { feature: { id: "messages" }, remaining: 10 } } },
    ]);
    const victims = await t.query((ctx) => tally.customers.get(ctx, { customerId: "victim" }));
    expect(victims).toBeNull();
  });

  test("has an empty balance of what only credits pay, with which its own check finds them", async () => {
    const t = deploy();
    const { body } = await ask(t, "ada", "getOrCreateCustomer");
    expect(body.balances).toMatchObject({
      basic_model: { granted: 0, remaining: 0 },
      credits: { granted: 1 },
    });
  });

  test.each([
    ["getOrCreateCustomer", { errorOnNotFound: false }, 204],
    ["getOrCreateCustomer", {}, 401],
    ["customers", { errorOnNotFound: false }, 202],
    ["listPlans", {}, 200],
    ["attach", { planId: "pro" }, 401],
    ["listEvents", {}, 401],
  ])("of nobody who is signed in asks %s %o and is answered %i", async (name, body, status) => {
    const t = deploy();
    expect((await ask(t, null, name, body)).status).toBe(status);
  });

  test("is told in words where there is nothing", async () => {
    const t = deploy();
    for (const [name, method] of [
      ["balances.update", "POST"],
      ["track", "POST"],
      ["getOrCreateCustomer", "GET"],
      ["", "POST"],
    ] as const) {
      const answer = await ask(t, "ada", name, { featureId: "messages" }, { method });
      expect(answer).toMatchObject({ status: 404, body: { code: "not_found", statusCode: 404 } });
    }
  });

  test("buys at the catalog's price, and sets no terms", async () => {
    const t = deploy();
    const bought = await ask(t, "ada", "attach", { planId: "pro", successUrl: `${ORIGIN}/done` });
    expect(bought).toMatchObject({
      status: 200,
      body: { paymentUrl: expect.stringContaining("/tally/checkout") },
    });
    for (const terms of [
      { customize: { price: { amount: 0 } } },
      { noBillingChanges: true },
      { freeTrial: {} },
    ]) {
      const refused = await ask(t, "ada", "attach", { planId: "pro", ...terms });
      expect(refused).toMatchObject({ status: 400, body: { code: "invalid_inputs" } });
    }
    const away = await ask(t, "ada", "attach", { planId: "pro", successUrl: "https://evil.example.com" });
    expect(away.status).toBe(400);
    expect((await call(t, "balances.check", { customer_id: "ada", feature_id: "sso" })).allowed).toBe(false);
  });

  test("takes nothing where nothing is sold", async () => {
    const t = deploy();
    for (const planId of ["top_up", "gift", "pro", "sticker"]) {
      const refused = await ask(t, "ada", "attach", { planId }, { path: "/free/autumn" });
      expect(refused).toMatchObject({ status: 400, body: { code: "not_supported" } });
    }
  });

  test("notes usage only where the app lets it, and never gives any back", async () => {
    const t = deploy();
    const use = { featureId: "messages", value: 2 };
    expect((await ask(t, "ada", "track", use)).status).toBe(404);
    expect((await ask(t, "ada", "track", use, { path: "/free/autumn" })).status).toBe(200);
    for (const value of [-1, -0.5, "1"]) {
      const refused = await ask(t, "ada", "track", { ...use, value }, { path: "/free/autumn" });
      expect(refused.status).toBe(400);
    }
    const { balance } = await call(t, "balances.check", { customer_id: "ada", feature_id: "messages" });
    expect(balance).toMatchObject({ usage: 2 });
  });
});

describe("a part of a customer", () => {
  test("sees itself alone, and nothing of who is billed", async () => {
    const t = deploy();
    await team(t);
    const { body } = await ask(t, "acme:ben", "getOrCreateCustomer");
    expect(body).toMatchObject({ id: "acme", email: null, metadata: {} });
    expect((await ask(t, "acme:ben", "getEntity", { entityId: "ben" })).body).toMatchObject({ id: "ben" });
    expect(await ask(t, "acme:ben", "getEntity", { entityId: "cleo" })).toMatchObject({
      status: 404,
      body: { code: "entity_not_found" },
    });
    await call(t, "balances.track", { customer_id: "acme", entity_id: "cleo", feature_id: "messages" });
    expect((await ask(t, "acme:ben", "listEvents", {})).body).toMatchObject({ list: [] });
  });

  test.each([
    ["attach", { planId: "pro" }],
    ["previewAttach", { planId: "pro" }],
    ["updateSubscription", { planId: "pro", cancelAction: "cancel_immediately" }],
    ["openCustomerPortal", {}],
    ["setupPayment", {}],
    ["checkout", { productId: "pro" }],
    ["cancel", { productId: "free" }],
    ["entities", { id: "dan", featureId: "seats" }],
    ["getOrCreateCustomer", { expand: ["invoices"] }],
    ["customers", { expand: ["invoices"] }],
  ])("that may not manage the billing is refused %s", async (name, body) => {
    const t = deploy();
    await team(t);
    expect(await ask(t, "acme:ben", name, body)).toMatchObject({ status: 403, body: { code: "forbidden" } });
  });
});

describe("another origin", () => {
  test("is not let in by the browser, nor is a preflight of it", async () => {
    const t = deploy();
    for (const method of ["POST", "OPTIONS"]) {
      const own = await ask(t, "ada", "listPlans", {}, { method });
      expect(own.headers.get("access-control-allow-origin")).toBe(ORIGIN);
      const other = await ask(
        t,
        "ada",
        "listPlans",
        {},
        { method, origin: "https://app.example.com.evil.com" },
      );
      expect(other.headers.get("access-control-allow-origin")).toBeNull();
      expect(other.headers.get("access-control-allow-credentials")).toBeNull();
      expect(other.headers.get("vary")).toBe("Origin");
    }
  });
});
