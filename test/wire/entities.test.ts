import { expect, test } from "vitest";
import { call, deploy, NOW, send } from "./deployment.js";
import { tally } from "./app/billing.js";

const ada = { customer_id: "ada" };
const desk = { ...ada, entity_id: "desk", feature_id: "seats" };
const former = { version: "1.2" };

test("an entity is created with its customer, and answered with every key that clients of Autumn 2 ask for", async () => {
  const t = deploy();
  const created = { ...desk, name: "Desk", customer_data: { name: "Ada" } };
  expect(await call(t, "entities.create", created)).toEqual({
    id: "desk",
    name: "Desk",
    customer_id: "ada",
    feature_id: "seats",
    created_at: NOW,
    env: "live",
    subscriptions: [expect.objectContaining({ plan_id: "free", scope: "customer" })],
    purchases: [],
    balances: {
      messages: expect.objectContaining({ granted: 10, remaining: 10 }),
      words: expect.objectContaining({ granted: 100 }),
      credits: expect.objectContaining({ granted: 1 }),
      seats: expect.objectContaining({ granted: 3, remaining: 2, usage: 1 }),
    },
    flags: {},
    billing_controls: { usage_limits: [], spend_limits: [], usage_alerts: [], overage_allowed: [] },
    invoices: null,
  });
  expect(await call(t, "customers.get", ada)).toMatchObject({
    name: "Ada",
    balances: { seats: { usage: 1 } },
  });
});

test("an entity draws on its own balance and the customer's, whose sums hold those of all entities", async () => {
  const t = deploy();
  for (const entity_id of ["desk", "sofa"]) await call(t, "entities.create", { ...desk, entity_id });
  await call(t, "balances.create", { ...ada, entity_id: "desk", feature_id: "messages", included_grant: 5 });
  await call(t, "balances.track", { ...ada, entity_id: "desk", feature_id: "messages", value: 7 });
  expect(await call(t, "entities.get", { ...ada, entity_id: "desk" })).toMatchObject({
    balances: { messages: { granted: 15, remaining: 8, usage: 7 } },
  });
  expect(await call(t, "entities.get", { ...ada, entity_id: "sofa" })).toMatchObject({
    balances: { messages: { granted: 10, remaining: 8, usage: 2 } },
  });
  expect(await call(t, "customers.get", ada)).toMatchObject({
    balances: { messages: { granted: 15, remaining: 8, usage: 7 } },
  });
});

test("an entity has plans of its own", async () => {
  const t = deploy();
  await call(t, "entities.create", desk);
  await t.run((ctx) =>
    tally.subscriptions.attach(ctx, { customerId: "ada", entityId: "desk", planId: "starter" }),
  );
  expect(await call(t, "entities.get", desk)).toMatchObject({
    subscriptions: [
      { plan_id: "free", scope: "customer" },
      { plan_id: "starter", scope: "entity" },
    ],
    balances: { messages: { granted: 35 } },
  });
  expect(await call(t, "entities.list", { plans: [{ id: "starter" }] })).toMatchObject({
    list: [{ id: "desk" }],
  });
});

test("older clients read an entity with its products and features", async () => {
  const t = deploy();
  const created = await call(t, "customers/ada/entities", { id: "desk", feature_id: "seats" }, former);
  expect(created).toMatchObject({ success: true, id: "desk" });
  expect(await call(t, "customers/ada/entities/desk", undefined, { ...former, method: "GET" })).toEqual({
    id: "desk",
    name: null,
    customer_id: "ada",
    feature_id: "seats",
    created_at: NOW,
    env: "live",
    products: [expect.objectContaining({ id: "free", status: "active", entity_id: null })],
    features: {
      messages: expect.objectContaining({ balance: 10 }),
      words: expect.objectContaining({ balance: 100 }),
      credits: expect.objectContaining({ balance: 1 }),
      seats: expect.objectContaining({ balance: 2, usage: 1 }),
    },
  });
  const removed = await call(t, "customers/ada/entities/desk", undefined, { ...former, method: "DELETE" });
  expect(removed).toEqual({ success: true });
  expect(await send(t, "entities.get", desk)).toMatchObject({ status: 404 });
});

test("several are created by one call, or none if one of them is there", async () => {
  const t = deploy();
  await call(t, "customers/ada/entities", [{ id: "desk", feature_id: "seats" }], former);
  const more = [
    { id: "sofa", feature_id: "seats", name: "Sofa" },
    { id: "bench", feature_id: "seats" },
  ];
  const path = "customers/ada/entities";
  expect(await send(t, path, [...more, { id: "desk", feature_id: "seats" }], former)).toMatchObject({
    status: 409,
    body: { code: "entity_already_exists" },
  });
  expect(await send(t, path, [...more, ...more], former)).toMatchObject({ status: 400 });
  expect(await call(t, "customers.get", ada)).toMatchObject({ balances: { seats: { usage: 1 } } });
  expect(await call(t, path, more, former)).toMatchObject({
    success: true,
    list: [{ id: "sofa", name: "Sofa" }, { id: "bench" }],
  });
  expect(await call(t, "customers.get", ada)).toMatchObject({ balances: { seats: { usage: 3 } } });
});

test("an entity is there once", async () => {
  const t = deploy();
  await call(t, "entities.create", desk);
  expect(await send(t, "entities.create", desk)).toMatchObject({
    status: 409,
    body: { code: "entity_already_exists" },
  });
});

test("an entity has limits of its own", async () => {
  const t = deploy();
  const controls = { usage_limits: [{ feature_id: "messages", limit: 2, interval: "month" }] };
  await call(t, "entities.create", { ...desk, billing_controls: controls });
  const asked = { ...ada, entity_id: "desk", feature_id: "messages", required_balance: 3 };
  expect(await call(t, "balances.check", asked)).toMatchObject({ allowed: false });
  expect(await call(t, "entities.get", desk)).toMatchObject({
    billing_controls: {
      usage_limits: [{ feature_id: "messages", limit: 2, interval: "month", enabled: true }],
    },
  });
  const none = { ...ada, entity_id: "desk", billing_controls: { usage_limits: [] } };
  expect(await call(t, "entities.update", none)).toMatchObject({ billing_controls: { usage_limits: [] } });
  expect(await call(t, "balances.check", asked)).toMatchObject({ allowed: true });
  expect(await call(t, "customers.get", ada)).toMatchObject({ billing_controls: { usage_limits: [] } });
});

test("an entity is found by its id alone, where only one customer has one of that id", async () => {
  const t = deploy();
  await call(t, "entities.create", desk);
  expect(await call(t, "entities.get", { entity_id: "desk" })).toMatchObject({ customer_id: "ada" });
  await call(t, "entities.create", { ...desk, customer_id: "bob" });
  expect(await send(t, "entities.get", { entity_id: "desk" })).toMatchObject({
    status: 400,
    body: { code: "invalid_inputs", message: expect.stringContaining("customer_id") },
  });
  await call(t, "entities.delete", { ...ada, entity_id: "desk" });
  expect(await call(t, "entities.get", { entity_id: "desk" })).toMatchObject({ customer_id: "bob" });
});

test("entities are listed by pages, of one customer or of all", async () => {
  const t = deploy();
  for (const entity_id of ["a", "b", "c"]) await call(t, "entities.create", { ...desk, entity_id });
  await call(t, "entities.create", { ...desk, customer_id: "bob", entity_id: "d", name: "Sofa" });
  const first = await call(t, "entities.list", { ...ada, start_cursor: "", limit: 2 });
  expect(first).toMatchObject({ list: [{ id: "a" }, { id: "b" }], has_more: true });
  const rest = await call(t, "entities.list", { ...ada, start_cursor: first.next_cursor, limit: 2 });
  expect(rest).toMatchObject({ list: [{ id: "c" }], next_cursor: null });
  expect(await call(t, "entities.list")).toMatchObject({
    list: [{ id: "a" }, { id: "b" }, { id: "c" }, { id: "d", customer_id: "bob" }],
  });
  expect(await call(t, "entities.list", { search: "sofa" })).toMatchObject({ list: [{ id: "d" }] });
});

test.each([
  ["entities.create", { ...desk, feature_id: "messages" }, 400, "invalid_inputs"],
  ["entities.create", { ...desk, feature_id: "none" }, 404, "feature_not_found"],
  ["entities.create", { ...ada, entity_id: "desk" }, 400, "invalid_inputs"],
  ["entities.get", { ...ada, entity_id: "none" }, 404, "entity_not_found"],
  ["entities.get", { entity_id: "none" }, 404, "entity_not_found"],
  ["entities.update", { ...ada, entity_id: "none" }, 404, "entity_not_found"],
  ["entities.delete", { ...ada, entity_id: "none" }, 404, "entity_not_found"],
])("%s refuses %j", async (path, body, status, code) => {
  const t = deploy();
  expect(await send(t, path, body)).toMatchObject({ status, body: { code } });
});
