/** The last `autumn-js` of 0.1, as a server has it: it throws nothing, and reads the answers of Autumn 1.2. */
import { Autumn } from "autumn-js-0.1";
import { expect } from "vitest";
import { versionOf } from "./autumnJs.js";
import { casesOf, type Case, type Failed } from "./cases.js";
import { SECRET, type World } from "./deployed.js";

export const client = `autumn-js ${versionOf("autumn-js-0.1")}`;

interface Answer<T> {
  data: T | null;
  error: { code: string; message: string } | null;
  statusCode?: number;
}

export const connect = ({ url }: World) =>
  new Autumn({ secretKey: SECRET, url: `${url}/v1`, logLevel: "fatal" });

/** What was answered. */
async function answered<T>(answering: Promise<Answer<T>>): Promise<T> {
  const { data, error, statusCode } = await answering;
  expect({ error, statusCode }).toEqual({ error: null, statusCode: 200 });
  return data as T;
}

async function failureOf(call: () => Promise<unknown>): Promise<Failed> {
  const { data, error, statusCode } = (await call()) as Answer<unknown>;
  expect(data).toBeNull();
  return { status: statusCode, code: error?.code, message: error?.message };
}

const { works, refused } = casesOf(client, connect, failureOf);

const CATALOG = "The catalog lives in code: change it there, and deploy.";
const REFERRALS = "There are no referrals.";
const success_url = "https://app.example.com/paid";

async function owner(autumn: Autumn, world: World): Promise<string> {
  const id = world.customer();
  await answered(autumn.customers.create({ id, name: "Ada" }));
  return id;
}

async function subscriber(autumn: Autumn, world: World): Promise<string> {
  const customer_id = await owner(autumn, world);
  const { checkout_url } = await answered(autumn.attach({ customer_id, product_id: "pro", success_url }));
  await world.pay(checkout_url ?? "");
  return customer_id;
}

const balanceOf = async (autumn: Autumn, customer_id: string, feature_id = "messages") =>
  (await answered(autumn.check({ customer_id, feature_id }))).balance;

export const cases: readonly Case[] = [
  works("check", async (autumn, world) => {
    const customer_id = world.customer();
    const checked = await answered(
      autumn.check({ customer_id, feature_id: "api_calls", required_balance: 50 }),
    );
    expect(checked).toMatchObject({
      allowed: true,
      code: "feature_found",
      customer_id,
      feature_id: "api_calls",
      required_balance: 50,
      balance: 50,
      usage: 0,
      included_usage: 50,
      unlimited: false,
      interval: "month",
    });
    const more = { customer_id, feature_id: "api_calls", required_balance: 51 };
    expect(await answered(autumn.check(more))).toMatchObject({ allowed: false });
    expect(await answered(autumn.check({ customer_id, feature_id: "premium_models" }))).toMatchObject({
      allowed: false,
      code: "feature_found",
    });
    expect(await answered(autumn.check({ customer_id, product_id: "free" }))).toMatchObject({
      allowed: true,
      code: "product_found",
      product_id: "free",
    });
    expect(await failureOf(() => autumn.check({ customer_id, feature_id: "nothing" }))).toMatchObject({
      status: 404,
      code: "feature_not_found",
    });
  }),
  works("track", async (autumn, world) => {
    const customer_id = world.customer();
    const use = { customer_id, feature_id: "api_calls", value: 2, idempotency_key: `${customer_id}-1` };
    expect(await answered(autumn.track(use))).toMatchObject({
      code: "event_received",
      customer_id,
      feature_id: "api_calls",
      id: expect.any(String),
    });
    expect(await failureOf(() => autumn.track(use))).toMatchObject({
      status: 409,
      code: "duplicate_idempotency_key",
    });
    expect(await balanceOf(autumn, customer_id, "api_calls")).toBe(48);
  }),
  works("usage", async (autumn, world) => {
    const customer_id = await owner(autumn, world);
    const used = await answered(autumn.usage({ customer_id, feature_id: "messages", value: 20 }));
    expect(used).toMatchObject({ success: true });
    expect(await balanceOf(autumn, customer_id)).toBe(80);
    await answered(autumn.usage({ customer_id, feature_id: "messages", value: 20 }));
    expect(await balanceOf(autumn, customer_id)).toBe(80);
  }),
  works("attach", async (autumn, world) => {
    const customer_id = await owner(autumn, world);
    const attached = await answered(autumn.attach({ customer_id, product_id: "pro", success_url }));
    expect(attached).toMatchObject({ customer_id, product_ids: ["pro"], code: "checkout_created" });
    await world.pay(attached.checkout_url ?? "");
    const { products } = await answered(autumn.customers.get(customer_id));
    expect(products).toMatchObject([{ id: "pro", status: "active" }]);
  }),
  works("checkout", async (autumn, world) => {
    const customer_id = await owner(autumn, world);
    const checkout = await answered(
      autumn.checkout({ customer_id, product_id: "api-call-pack-1000", success_url }),
    );
    expect(checkout).toMatchObject({ customer_id, total: 5, currency: "usd" });
    expect(checkout.product?.items.length).toBeGreaterThan(0);
    expect(checkout.lines.length).toBeGreaterThan(0);
    await world.pay(checkout.url ?? "");
    expect(await balanceOf(autumn, customer_id, "api_calls")).toBe(1_050);
  }),
  works("cancel", async (autumn, world) => {
    const customer_id = await subscriber(autumn, world);
    expect(await answered(autumn.cancel({ customer_id, product_id: "pro" }))).toMatchObject({
      success: true,
      customer_id,
      product_id: "pro",
    });
    const { products } = await answered(autumn.customers.get(customer_id));
    expect(products.find(({ id }) => id === "pro")?.canceled_at).toBeTypeOf("number");
  }),
  works("setupPayment", async (autumn, world) => {
    const customer_id = await subscriber(autumn, world);
    expect(await answered(autumn.setupPayment({ customer_id, success_url }))).toMatchObject({
      customer_id,
      url: success_url,
    });
  }),
  works("query", async (autumn, world) => {
    const customer_id = world.customer();
    await answered(autumn.track({ customer_id, feature_id: "messages", value: 4 }));
    const { list } = await answered(autumn.query({ customer_id, feature_id: "messages", range: "7d" }));
    expect(list.reduce((sum, row) => sum + Number((row as Record<string, unknown>).messages ?? 0), 0)).toBe(
      4,
    );
  }),
  works("customers.create", async (autumn, world) => {
    const id = world.customer();
    const customer = await answered(
      autumn.customers.create({ id, name: "Ada", email: "ada@example.com", expand: ["invoices"] }),
    );
    expect(customer).toMatchObject({
      id,
      name: "Ada",
      email: "ada@example.com",
      products: [{ id: "free", status: "active" }],
      features: { api_calls: { type: "single_use", balance: 50, included_usage: 50 } },
    });
  }),
  works("customers.get", async (autumn, world) => {
    const id = await owner(autumn, world);
    expect(await answered(autumn.customers.get(id))).toMatchObject({ id, name: "Ada" });
    expect(await failureOf(() => autumn.customers.get(world.customer()))).toMatchObject({
      status: 404,
      code: "customer_not_found",
    });
  }),
  works("customers.list", async (autumn, world) => {
    const id = await owner(autumn, world);
    const ids: unknown[] = [];
    for (let offset = 0; ; offset += 50) {
      const { list } = await answered(autumn.customers.list({ limit: 50, offset }));
      ids.push(...list.map((one) => one.id));
      if (list.length < 50) break;
    }
    expect(ids).toContain(id);
    expect(new Set(ids).size).toBe(ids.length);
  }),
  works("customers.update", async (autumn, world) => {
    const id = await owner(autumn, world);
    expect(await answered(autumn.customers.update(id, { name: "Ada M." }))).toMatchObject({ name: "Ada M." });
  }),
  works("customers.delete", async (autumn, world) => {
    const id = await owner(autumn, world);
    expect(await answered(autumn.customers.delete(id))).toMatchObject({ success: true });
  }),
  works("customers.billingPortal", async (autumn, world) => {
    const id = await subscriber(autumn, world);
    const return_url = "https://app.example.com/account";
    expect(await answered(autumn.customers.billingPortal(id, { return_url }))).toEqual({
      customer_id: id,
      url: return_url,
    });
  }),
  works("customers.updateBalances", async (autumn, world) => {
    const id = await owner(autumn, world);
    const balances = [{ feature_id: "messages", balance: 5 }];
    expect(await answered(autumn.customers.updateBalances(id, balances))).toMatchObject({
      success: true,
    });
    expect(await balanceOf(autumn, id)).toBe(5);
  }),
  works("products.get", async (autumn) => {
    expect(await answered(autumn.products.get("pro"))).toMatchObject({ id: "pro", name: "Pro" });
  }),
  works("products.list", async (autumn) => {
    const { list } = await answered(autumn.products.list());
    expect(list.map(({ id }) => id)).toEqual(["free", "pro", "team", "extra", "api-call-pack-1000"]);
  }),
  refused("products.create", CATALOG, (autumn) => autumn.products.create({ id: "more", name: "More" })),
  refused("products.delete", CATALOG, (autumn) => autumn.products.delete("pro")),
  works("entities.create", async (autumn, world) => {
    const customer_id = await owner(autumn, world);
    const ben = { id: "ben", name: "Ben", feature_id: "seats" };
    expect(await answered(autumn.entities.create(customer_id, ben))).toMatchObject({ success: true });
    const more = [{ id: "eve", name: "Eve", feature_id: "seats" }];
    expect(await answered(autumn.entities.create(customer_id, more))).toMatchObject({ success: true });
  }),
  works("entities.get", async (autumn, world) => {
    const customer_id = await owner(autumn, world);
    await answered(autumn.entities.create(customer_id, { id: "ben", name: "Ben", feature_id: "seats" }));
    expect(await answered(autumn.entities.get(customer_id, "ben"))).toMatchObject({ id: "ben", name: "Ben" });
  }),
  refused("entities.transfer", "Cancel for the one, attach to the other.", async (autumn, world) =>
    autumn.entities.transfer(await owner(autumn, world), {
      from_entity_id: "ben",
      to_entity_id: "eve",
      product_id: "pro",
    }),
  ),
  works("entities.delete", async (autumn, world) => {
    const customer_id = await owner(autumn, world);
    await answered(autumn.entities.create(customer_id, { id: "ben", name: "Ben", feature_id: "seats" }));
    expect(await answered(autumn.entities.delete(customer_id, "ben"))).toMatchObject({ success: true });
  }),
  refused("referrals.createCode", REFERRALS, (autumn, world) =>
    autumn.referrals.createCode({ customer_id: world.customer(), program_id: "p" }),
  ),
  refused("referrals.redeemCode", REFERRALS, (autumn, world) =>
    autumn.referrals.redeemCode({ customer_id: world.customer(), code: "X" }),
  ),
  works("features.list", async (autumn) => {
    const { list } = await answered(autumn.features.list());
    expect(list.find(({ id }) => id === "api_calls")).toMatchObject({ type: "single_use" });
    expect(list).toHaveLength(7);
  }),
  works("features.get", async (autumn) => {
    expect(await answered(autumn.features.get("seats"))).toMatchObject({ type: "continuous_use" });
  }),
  works("events.list", async (autumn, world) => {
    const customer_id = world.customer();
    await answered(autumn.track({ customer_id, feature_id: "messages", value: 4 }));
    const asked = { customer_id, feature_id: "messages", limit: 10, offset: 0 };
    expect(await answered(autumn.events.list(asked))).toMatchObject({
      list: [{ feature_id: "messages", customer_id, value: 4 }],
      has_more: false,
      offset: 0,
      limit: 10,
    });
  }),
  works("events.aggregate", async (autumn, world) => {
    const customer_id = world.customer();
    await answered(autumn.track({ customer_id, feature_id: "messages", value: 4 }));
    const { list } = await answered(
      autumn.events.aggregate({ customer_id, feature_id: "messages", range: "7d" }),
    );
    expect(list.reduce((sum, row) => sum + Number((row as Record<string, unknown>).messages ?? 0), 0)).toBe(
      4,
    );
  }),
  works("balances.create", async (autumn, world) => {
    const customer_id = await owner(autumn, world);
    const gift = { customer_id, feature_id: "messages", granted_balance: 25 };
    expect(await answered(autumn.balances.create(gift as never))).toMatchObject({ success: true });
    expect(await balanceOf(autumn, customer_id)).toBe(125);
  }),
  works("v2.billing.attach", async (autumn, world) => {
    const customer_id = await owner(autumn, world);
    expect(await answered(autumn.v2.billing.attach({ customer_id, plan_id: "extra" }))).toMatchObject({
      customer_id,
      payment_url: null,
    });
  }),
  works("v2.billing.update", async (autumn, world) => {
    const customer_id = await subscriber(autumn, world);
    expect(
      await answered(
        autumn.v2.billing.update({ customer_id, plan_id: "pro", cancel_action: "cancel_end_of_cycle" }),
      ),
    ).toMatchObject({ customer_id });
    const { products } = await answered(autumn.customers.get(customer_id));
    expect(products.find(({ id }) => id === "pro")?.canceled_at).toBeTypeOf("number");
  }),
  works("v2.billing.previewAttach", async (autumn, world) => {
    const customer_id = await owner(autumn, world);
    expect(await answered(autumn.v2.billing.previewAttach({ customer_id, plan_id: "pro" }))).toMatchObject({
      total: 10,
    });
  }),
  works("v2.billing.previewUpdate", async (autumn, world) => {
    const customer_id = await subscriber(autumn, world);
    expect(
      await answered(
        autumn.v2.billing.previewUpdate({
          customer_id,
          plan_id: "pro",
          cancel_action: "cancel_end_of_cycle",
        }),
      ),
    ).toMatchObject({ total: 0 });
  }),
  works("v2.billing.multiAttach", async (autumn, world) => {
    const customer_id = await owner(autumn, world);
    const plans = [{ plan_id: "extra" }];
    expect(await answered(autumn.v2.billing.multiAttach({ customer_id, plans }))).toMatchObject({
      payment_url: null,
    });
  }),
  works("v2.billing.previewMultiAttach", async (autumn, world) => {
    const customer_id = await owner(autumn, world);
    const plans = [{ plan_id: "pro" }];
    expect(await answered(autumn.v2.billing.previewMultiAttach({ customer_id, plans }))).toMatchObject({
      total: 10,
    });
  }),
  works("v2.billing.setupPayment", async (autumn, world) => {
    const customer_id = await subscriber(autumn, world);
    const url = await answered(autumn.v2.billing.setupPayment({ customer_id, success_url }));
    expect(url).toMatchObject({ customer_id, url: success_url });
  }),
  works("v2.balances.update", async (autumn, world) => {
    const customer_id = await owner(autumn, world);
    const changed = { customer_id, feature_id: "messages", remaining: 40 };
    await answered(autumn.v2.balances.update(changed));
    expect(await balanceOf(autumn, customer_id)).toBe(40);
  }),
  works("v2.balances.finalize", async (autumn, world) => {
    const customer_id = await owner(autumn, world);
    const lock_id = `${customer_id}-lock`;
    await answered(
      autumn.check({
        customer_id,
        feature_id: "messages",
        required_balance: 10,
        lock: { lock_id, enabled: true },
      }),
    );
    await answered(autumn.v2.balances.finalize({ lock_id, action: "release" }));
    expect(await balanceOf(autumn, customer_id)).toBe(100);
  }),
];
