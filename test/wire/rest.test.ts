import { Autumn as AutumnJs } from "autumn-js-0.1";
import { afterEach, describe, expect, test, vi } from "vitest";
import { restRoutes } from "../../src/wire/rest.js";
import { named, operations } from "../../src/wire/routes.js";
import { tally } from "./app/billing.js";
import { call, deploy, SECRET, send, type Deployment } from "./deployment.js";

const asked = (method: string, path: string, body: unknown = {}) => {
  const [at = "", query] = path.split("?");
  return named(method, at, new URLSearchParams(query), body);
};

const ada = { customer_id: "ada" };

describe("a REST path", () => {
  test("stands for an operation that is there", () => {
    const names = restRoutes.map(({ operation }) => operation);
    expect(names.filter((name) => !Object.hasOwn(operations, name))).toEqual([]);
  });

  test.each([
    ["POST", "check", "balances.check"],
    ["POST", "entitled", "balances.check"],
    ["POST", "track", "balances.track"],
    ["POST", "events", "balances.track"],
    ["POST", "attach", "billing.attach"],
    ["POST", "setup_payment", "billing.setup_payment"],
    ["POST", "products", "plans.create"],
    ["POST", "features", "features.create"],
    ["GET", "products_beta", "plans.list"],
    ["GET", "products", "plans.list"],
    ["GET", "features", "features.list"],
    ["POST", "referrals/code", "referrals.create_code"],
    ["POST", "referrals/redeem", "referrals.redeem_code"],
    ["GET", "organization/me", "organization.me"],
    ["POST", "migrations", "migrations.create"],
  ])("%s %s is %s", (method, path, name) => {
    expect(asked(method, path)).toMatchObject({ name });
  });

  test.each([
    ["GET", "customers/a%7Cb%2Fc", "customers.get", { customer_id: "a|b/c" }],
    ["GET", "customers/a|b%", "customers.get", { customer_id: "a|b%" }],
    [
      "GET",
      "customers/ada?expand=invoices,entities",
      "customers.get",
      { ...ada, expand: ["invoices", "entities"] },
    ],
    ["GET", "customers?limit=10&offset=5", "customers.list", { limit: 10, offset: 5 }],
    ["DELETE", "customers/ada?delete_in_stripe=true", "customers.delete", { ...ada, delete_in_stripe: true }],
    ["DELETE", "customers/ada", "customers.delete", ada],
    [
      "GET",
      "customers/ada/entities/e1?expand=invoices",
      "entities.get",
      { ...ada, entity_id: "e1", expand: ["invoices"] },
    ],
    ["DELETE", "customers/ada/entities/e1", "entities.delete", { ...ada, entity_id: "e1" }],
    ["GET", "entities/e1?customer_id=ada", "entities.get", { ...ada, entity_id: "e1" }],
    ["GET", "products/pro", "plans.get", { plan_id: "pro" }],
    ["DELETE", "products/pro", "plans.delete", { plan_id: "pro" }],
    ["GET", "products/pro/deletion_info", "plans.deletion_info", { plan_id: "pro" }],
    ["GET", "products_beta?customer_id=ada", "plans.list", ada],
    ["GET", "products?include_archived=true", "plans.list", { include_archived: true }],
    ["GET", "features?include_archived=true", "features.list", { include_archived: true }],
    ["GET", "features/messages", "features.get", { feature_id: "messages" }],
    ["DELETE", "features/messages", "features.delete", { feature_id: "messages" }],
    ["GET", "features/messages/deletion_info", "features.deletion_info", { feature_id: "messages" }],
  ])("%s %s takes what its path and its query say", (method, path, name, body) => {
    expect(asked(method, path)).toEqual({ name, body });
  });

  test.each([
    ["customers", { id: "ada", name: "A" }, "customers.get_or_create", { ...ada, name: "A" }],
    ["customers", { customer_id: "ada" }, "customers.get_or_create", ada],
    ["customers", { id: null }, "customers.get_or_create", {}],
    ["customers?expand=invoices", { id: "ada" }, "customers.get_or_create", { ...ada, expand: ["invoices"] }],
    ["customers/ada", { name: "B" }, "customers.update", { ...ada, name: "B" }],
    ["customers/ada", { id: "bob" }, "customers.update", { ...ada, new_customer_id: "bob" }],
    ["customers/ada", { customer_id: "bob", name: "B" }, "customers.update", { ...ada, name: "B" }],
    [
      "customers/ada/billing_portal",
      { return_url: "r" },
      "billing.open_customer_portal",
      { ...ada, return_url: "r" },
    ],
    ["customers/ada/balances", { balances: [] }, "customers.update_balances", { ...ada, balances: [] }],
    ["customers/ada/transfer", { product_id: "p" }, "customers.transfer", { ...ada, product_id: "p" }],
    [
      "customers/ada/entities",
      { id: "e1", feature_id: "seats" },
      "entities.create",
      { ...ada, entity_id: "e1", feature_id: "seats" },
    ],
    [
      "customers/ada/entities",
      [{ id: "e1", feature_id: "seats" }],
      "entities.create",
      [{ ...ada, entity_id: "e1", feature_id: "seats" }],
    ],
    ["entities", { ...ada, entity_id: "e1" }, "entities.create", { ...ada, entity_id: "e1" }],
    ["products/pro", { name: "P" }, "plans.update", { plan_id: "pro", name: "P" }],
    [
      "products/pro/has_customers",
      { id: "pro", items: [] },
      "plans.has_customers",
      { plan_id: "pro", id: "pro", items: [] },
    ],
    ["features/messages", { name: "M" }, "features.update", { feature_id: "messages", name: "M" }],
    [
      "track",
      { value: 2, properties: { value: 9 } },
      "balances.track",
      { value: 2, properties: { value: 9 } },
    ],
    ["track", { properties: { value: 9 } }, "balances.track", { value: 9, properties: { value: 9 } }],
    ["track", { properties: { value: "9" } }, "balances.track", { value: 9, properties: { value: "9" } }],
  ])("POST %s of %o is in the operation's words", (path, body, name, theirs) => {
    expect(asked("POST", path, body)).toEqual({ name, body: theirs });
  });

  test.each([
    ["customers/ada/entities", [{ id: "e1" }, "e2"], "the body"],
    ["customers/ada", [], "the body"],
    ["track", "messages", "the body"],
  ])("POST %s of %o is refused, with what is wrong of it", (path, body, problem) => {
    expect(() => asked("POST", path, body)).toThrow(problem);
  });

  test("is not taken for an id where an operation has its name", () => {
    expect(asked("POST", "customers/list", {})).toMatchObject({ name: "customers.list" });
    expect(asked("POST", "customers/update", ada)).toMatchObject({ name: "customers.update", body: ada });
    expect(asked("POST", "entities/update", ada)).toMatchObject({ name: "entities.update", body: ada });
  });

  test.each([
    ["POST", "balances/update", "balances.update"],
    ["POST", "balances/create", "balances.create"],
    ["POST", "billing/attach", "billing.attach"],
    ["POST", "billing/update", "billing.update"],
    ["POST", "billing/preview-update", "billing.preview_update"],
    ["POST", "billing.setup_payment", "billing.setup_payment"],
    ["POST", "events/list", "events.list"],
    ["POST", "events/aggregate", "events.aggregate"],
    ["POST", "checkout", "checkout"],
    ["POST", "cancel", "cancel"],
    ["POST", "query", "query"],
    ["POST", "usage", "usage"],
  ])("%s %s of the documents is the operation of that name", (method, path, name) => {
    expect(asked(method, path, ada)).toEqual({ name, body: ada });
  });

  test.each([
    ["GET", "check"],
    ["DELETE", "customers"],
    ["PATCH", "track"],
    ["GET", "customers/ada/entities"],
    ["POST", "customers/ada/billing_portal/more"],
    ["POST", "nothing"],
    ["POST", "constructor"],
    ["POST", ""],
  ])("%s %s is nothing", (method, path) => {
    expect(asked(method, path)).toBeNull();
  });
});

describe("what atmn 0.0.36 asks before it pushes", () => {
  test("is told that no push makes a version", async () => {
    const t = deploy();
    expect(
      await call(t, "products/pro/has_customers", { id: "pro", items: [] }, { version: "1.2.0" }),
    ).toEqual({
      current_version: 1,
      will_version: false,
      archived: false,
    });
    expect(await send(t, "products/none/has_customers", {})).toMatchObject({
      status: 404,
      body: { code: "product_not_found" },
    });
  });

  test("is told which plans a feature is part of, by itself or by credits", async () => {
    const t = deploy();
    const info = async (id: string) =>
      await call(t, `features/${id}/deletion_info`, undefined, { method: "GET" });
    expect(await info("sso")).toEqual({ totalCount: 2, productName: "Pro" });
    expect(await info("basic_model")).toEqual({ totalCount: 4, productName: "Free" });
  });

  test.each([
    ["GET", "products/pro/deletion_info"],
    ["POST", "customers/ada/transfer"],
    ["POST", "migrations"],
    ["DELETE", "features/messages"],
    ["POST", "features"],
    ["POST", "products/pro"],
  ])("%s %s is not supported, and says what is", async (method, path) => {
    const t = deploy();
    const { status, body } = await send(t, path, method === "GET" ? undefined : {}, { method });
    expect({ status, code: body.code }).toEqual({ status: 400, code: "not_supported" });
  });
});

describe("the client of 0.1.x", () => {
  const client = (t: Deployment) => {
    vi.stubGlobal("fetch", (url: string, init?: RequestInit) => t.fetch(new URL(url).pathname, init));
    return new AutumnJs({ secretKey: SECRET, url: "https://happy-otter-1.convex.site/v1" });
  };
  afterEach(() => {
    vi.unstubAllGlobals();
  });

  test("checks, tracks and sets what is used", async () => {
    const t = deploy();
    const autumn = client(t);
    const messages = { customer_id: "ada", feature_id: "messages" };
    const checked = await autumn.check({ ...messages, required_balance: 3 });
    expect(checked.data).toMatchObject({ allowed: true, balance: 10, feature_id: "messages" });
    const tracked = await autumn.track({ ...messages, value: 3, idempotency_key: "k" });
    expect(tracked.data).toMatchObject({ code: "event_received", customer_id: "ada" });
    const again = await autumn.track({ ...messages, value: 3, idempotency_key: "k" });
    expect(again.error).toMatchObject({ code: "duplicate_idempotency_key" });
    expect(await remaining(t)).toBe(7);
    await autumn.usage({ ...messages, value: 6 });
    expect(await remaining(t)).toBe(4);
  });
});

const remaining = async (t: Deployment) =>
  await t.query(async (ctx) => {
    const { remaining } = await tally.for(ctx, { customerId: "ada" }).check({ featureId: "messages" });
    return remaining;
  });
