import { makeFunctionReference } from "convex/server";
import type { Value } from "convex/values";
import { describe, expect, test } from "vitest";
import * as app from "./app/autumn.js";
import { autumn } from "./app/autumn.js";
import { payments, tally } from "./app/billing.js";
import { Autumn, type Result } from "../../src/autumn/index.js";
import { deploy, type Deployment } from "./deployment.js";
import upstream from "./useautumnConvex.json";

type Args = Record<string, Value>;
type Answer = Result<Record<string, unknown>>;

const NOBODY = "No customer identifier found for Autumn.identify()";
const SUCCESS_URL = "https://app.example.com/billing";

const signedIn = (t: Deployment, subject = "ada") =>
  t.withIdentity({ subject, name: "Ada", email: "ada@example.com" });

/** What a browser calls. */
const page = async (t: Deployment, name: string, args: Args = {}, subject: string | null = "ada") => {
  const reference = makeFunctionReference<"action", Args, Answer>(`autumn:${name}`);
  return await (subject === null ? t : signedIn(t, subject)).action(reference, args);
};

/** What the app's own code has done, in an action. */
const server = async <T>(
  t: Deployment,
  run: (ctx: Parameters<typeof autumn.track>[0]) => Promise<T>,
  subject: string | null = "ada",
) => await (subject === null ? t : signedIn(t, subject)).action(async (ctx) => await run(ctx));

const left = async (t: Deployment, customerId: string, entityId?: string) =>
  await t.query(async (ctx) => {
    const { remaining } = await tally.for(ctx, { customerId, entityId }).check({ featureId: "messages" });
    return remaining;
  });

describe("the class", () => {
  test("answers with data as Autumn 1.2 shapes it", async () => {
    const t = deploy();
    const { data, error, statusCode } = await server(t, (ctx) =>
      autumn.check(ctx, { featureId: "messages", requiredBalance: 2 }),
    );
    expect({ error, statusCode }).toEqual({ error: null, statusCode: 200 });
    expect(data).toMatchObject({
      allowed: true,
      code: "feature_found",
      customer_id: "ada",
      feature_id: "messages",
      required_balance: 2,
      balance: 10,
      included_usage: 10,
      unlimited: false,
    });
  });

  test("resolves to an error with Autumn's code, and changes nothing", async () => {
    const t = deploy();
    const { data, error, statusCode } = await server(t, (ctx) =>
      autumn.track(ctx, { featureId: "nonsense", value: 1 }),
    );
    expect(data).toBeNull();
    expect(error).toEqual({ code: "feature_not_found", message: expect.stringContaining('"nonsense"') });
    expect(statusCode).toBe(404);
  });

  test("throws only if nobody is signed in", async () => {
    const t = deploy();
    const asNobody = <T>(run: (ctx: Parameters<typeof autumn.track>[0]) => Promise<T>) =>
      server(t, run, null);
    await expect(asNobody((ctx) => autumn.check(ctx, { featureId: "messages" }))).rejects.toThrow(NOBODY);
    await expect(asNobody((ctx) => autumn.track(ctx, { featureId: "messages" }))).rejects.toThrow(NOBODY);
    await expect(asNobody((ctx) => autumn.customers.get(ctx))).rejects.toThrow(NOBODY);
    await expect(asNobody((ctx) => autumn.events.list(ctx, { featureId: "messages" }))).rejects.toThrow(
      NOBODY,
    );
    await expect(page(t, "check", { featureId: "messages" }, null)).rejects.toThrow(NOBODY);
    await expect(page(t, "createCustomer", {}, null)).rejects.toThrow(NOBODY);
  });

  test("begins the customer with the name that identify says", async () => {
    const t = deploy();
    await server(t, (ctx) => autumn.track(ctx, { featureId: "messages", customerData: { name: "Eve" } }));
    const customer = await t.query(async (ctx) => await tally.customers.get(ctx, { customerId: "ada" }));
    expect(customer).toMatchObject({ name: "Ada", email: "ada@example.com" });
  });

  test("keeps the keys of properties as they are written", async () => {
    const t = deploy();
    const properties = { requestId: "r1", Model_Name: "small" };
    await server(t, (ctx) => autumn.track(ctx, { featureId: "messages", properties }));
    const { page: events } = await t.query(
      async (ctx) => await tally.events.list(ctx, { customerId: "ada", featureId: "messages" }),
    );
    expect(events[0]).toMatchObject({ properties });
  });

  test("records an event once for its key", async () => {
    const t = deploy();
    const { first, again } = await signedIn(t).mutation(
      makeFunctionReference<"mutation", Args, { first: Answer; again: Answer }>("autumn:useTwice"),
      {},
    );
    expect(first.data).toMatchObject({ code: "event_received", customer_id: "ada", feature_id: "messages" });
    expect(again).toMatchObject({
      data: null,
      error: { code: "duplicate_idempotency_key" },
      statusCode: 409,
    });
    expect(await left(t, "ada")).toBe(8);
  });

  test("checks in a query, where it changes nothing", async () => {
    const t = deploy();
    const { allowed, error } = await signedIn(t).query(async (ctx) => {
      const checked = await autumn.check(ctx, { featureId: "messages" });
      const sent = await autumn.check(ctx, { featureId: "messages", sendEvent: true });
      return { allowed: checked.data?.allowed, error: sent.error };
    });
    expect(allowed).toBe(true);
    expect(error).toMatchObject({ code: "not_supported", message: expect.stringContaining("query") });
    expect(await left(t, "ada")).toBe(10);
  });

  test("says which argument it does not know", async () => {
    const t = deploy();
    const misspelt = { featureId: "messages", vlaue: 3 };
    const { error } = await server(t, (ctx) => autumn.track(ctx, misspelt));
    expect(error).toEqual({ code: "invalid_inputs", message: expect.stringContaining('"vlaue"') });
    expect(await left(t, "ada")).toBe(10);
  });

  test("throws upstream's words of a checkout of nothing, or of two things", async () => {
    const t = deploy();
    await expect(server(t, (ctx) => autumn.checkout(ctx, {}))).rejects.toThrow(
      "Must specify either productId or productIds",
    );
    await expect(page(t, "checkout", { productId: "pro", productIds: ["pro"] })).rejects.toThrow(
      "Cannot specify both productId and productIds",
    );
  });

  test("is built over the component alone as well", async () => {
    const t = deploy();
    const alone = new Autumn(tally.component, {
      catalog: tally.catalog,
      secretKey: "am_sk_test_unused",
      identify: () => Promise.resolve({ customerId: "zoe", customerData: { name: undefined } }),
    });
    const { data } = await t.action(
      async (ctx) => await alone.track(ctx, { featureId: "messages", value: 3 }),
    );
    expect(data).toMatchObject({ customer_id: "zoe" });
    expect(await left(t, "zoe")).toBe(7);
  });

  test("takes whoever has no id for nobody", async () => {
    const t = deploy();
    const anonymous = new Autumn(tally, { payments, identify: () => Promise.resolve({ customerId: "" }) });
    await expect(
      t.action(async (ctx) => await anonymous.check(ctx, { featureId: "messages" })),
    ).rejects.toThrow(NOBODY);
  });
});

describe("wrappers of an app's own, as in seed 004", () => {
  test("gate and record in an action until the limit", async () => {
    const t = deploy();
    const send = makeFunctionReference<"action">("autumn:sendMessage");
    for (let sent = 0; sent < 10; sent++) await signedIn(t).action(send, {});
    await expect(signedIn(t).action(send, {})).rejects.toThrow("USAGE_EXCEEDED");
    expect(await left(t, "ada")).toBe(0);
  });

  test("tell what is left in a query", async () => {
    const t = deploy();
    await signedIn(t).action(makeFunctionReference<"action">("autumn:sendMessage"), {});
    const usage = makeFunctionReference<"query">("autumn:getUsage");
    expect(await signedIn(t).query(usage, { featureId: "messages" })).toEqual({ allowed: true, balance: 9 });
    expect(await signedIn(t).query(usage, { featureId: "sso" })).toEqual({ allowed: false, balance: null });
  });
});

describe("what browsers may call", () => {
  test("is upstream's, without what lets them say how much they used", () => {
    const names = Object.keys(upstream).filter((name) => name !== "track" && name !== "usage");
    expect(Object.keys(autumn.api()).sort()).toEqual(names.sort());
    expect(Object.keys(autumn.api({ also: ["track"] }))).toContain("track");
    expect(Object.keys(autumn.api({ also: ["track", "usage"] })).sort()).toEqual(
      Object.keys(upstream).sort(),
    );
  });

  test.each(Object.entries(upstream))("%s takes what upstream's takes", (name, theirs) => {
    const exported = (app as unknown as Record<string, { exportArgs: () => string; isPublic: boolean }>)[
      name
    ];
    const ours = JSON.parse(exported?.exportArgs() ?? "null") as unknown;
    expect(exported?.isPublic).toBe(true);
    expect(ours).toEqual(narrowed(name, theirs));
  });

  test("refuses arguments that upstream refused", async () => {
    const t = deploy();
    await expect(page(t, "check", { featureId: "messages", customerId: "bob" })).rejects.toThrow(
      "customerId",
    );
    await expect(page(t, "createCustomer", { id: "bob" })).rejects.toThrow();
  });

  test("never acts for another customer than identify names", async () => {
    const t = deploy();
    await server(t, (ctx) => autumn.track(ctx, { featureId: "messages", value: 1 }), "bob");
    for (const name of ["listEvents", "aggregateEvents"]) {
      const { data, error } = await page(t, name, { customerId: "bob", featureId: "messages" });
      expect(data).toBeNull();
      expect(error).toEqual({ code: "invalid_inputs", message: expect.stringContaining('"bob"') });
    }
  });

  test("is the caller's own part of a customer, and no other", async () => {
    const t = deploy();
    await t.mutation(async (ctx) => {
      await tally.customers.create(ctx, { customerId: "acme" });
      for (const entityId of ["bob", "eve"])
        await tally.entities.create(ctx, { customerId: "acme", entityId, featureId: "seats" });
    });
    await t.mutation(async (ctx) => {
      await tally.customers.update(ctx, { customerId: "acme", name: "Acme", email: "owner@acme.example" });
      await tally.track(ctx, { customerId: "acme", featureId: "messages", value: 4 });
    });
    const record = await page(t, "createCustomer", {}, "bob@acme");
    expect(record.data).toMatchObject({
      id: "acme",
      email: null,
      metadata: {},
      features: { messages: { usage: 4 } },
    });
    const own = await page(t, "check", { featureId: "messages" }, "bob@acme");
    expect(own.data).toMatchObject({ customer_id: "acme", entity_id: "bob" });
    const theirs = await page(t, "check", { featureId: "messages", entityId: "eve" }, "bob@acme");
    expect(theirs.error).toMatchObject({ code: "entity_not_found" });
    const read = await page(t, "getEntity", { entityId: "eve" }, "bob@acme");
    expect(read.error).toMatchObject({ code: "entity_not_found" });
  });

  test("buys for whoever may manage the billing, and for nobody else", async () => {
    const t = deploy();
    const calls: [string, Args][] = [
      ["attach", { productId: "pro" }],
      ["checkout", { productId: "pro", successUrl: SUCCESS_URL }],
      ["cancel", { productId: "pro" }],
      ["billingPortal", {}],
      ["setupPayment", {}],
      ["createEntity", { id: "mia", featureId: "seats" }],
      ["createCustomer", { expand: ["invoices"] }],
    ];
    for (const [name, args] of calls) {
      const { data, error, statusCode } = await page(t, name, args, "bob@acme");
      expect({ name, data, code: error?.code, statusCode }).toEqual({
        name,
        data: null,
        code: "forbidden",
        statusCode: 403,
      });
    }
  });

  test("gives nothing away where nothing is sold", async () => {
    const t = deploy();
    const { error } = await page(t, "attachUnsold", { productId: "pro" });
    expect(error).toMatchObject({ code: "not_supported" });
    const plans = await t.query(async (ctx) => await tally.subscriptions.list(ctx, { customerId: "ada" }));
    expect(plans.page.map(({ planId }) => planId)).not.toContain("pro");
  });

  test.each<Args>([
    { invoice: true },
    { reward: "half-off" },
    { checkoutSessionParams: { discount: "half" } },
  ])("lets a browser not say on what terms it buys: %o", async (terms) => {
    const t = deploy();
    const { error } = await page(t, "attach", { productId: "pro", ...terms });
    expect(error).toMatchObject({ code: "not_supported", message: expect.stringContaining("browser") });
  });

  test("records no events by a check", async () => {
    const t = deploy();
    const { error } = await page(t, "check", { featureId: "messages", sendEvent: true });
    expect(error).toMatchObject({ code: "not_supported" });
    expect(await left(t, "ada")).toBe(10);
  });

  test("gives back nothing, where track is asked for", async () => {
    const t = deploy();
    expect((await page(t, "track", { featureId: "messages", value: 4 })).error).toBeNull();
    expect((await page(t, "track", { featureId: "messages", value: -4 })).error).toMatchObject({
      code: "invalid_inputs",
    });
    expect(await left(t, "ada")).toBe(6);
  });

  test("answers nobody with nothing where that is no error", async () => {
    const t = deploy();
    expect(await page(t, "createCustomer", { errorOnNotFound: false }, null)).toEqual({
      data: null,
      error: null,
      statusCode: 202,
    });
  });

  test.each([
    ["createReferralCode", { programId: "friends" }],
    ["redeemReferralCode", { code: "ADA" }],
  ])("%s is not supported, and says so", async (name, args) => {
    const t = deploy();
    expect((await page(t, name, args)).error).toMatchObject({ code: "not_supported" });
  });
});

type Field = { fieldType: { type: string; [more: string]: unknown }; optional: boolean };

const scalar = {
  type: "union",
  value: [{ type: "string" }, { type: "number" }, { type: "boolean" }, { type: "null" }],
};
const flat = { type: "record", keys: { type: "string" }, values: { fieldType: scalar, optional: false } };
const text = { fieldType: { type: "string" }, optional: true };

/** Upstream's validator, with what was `any` in it as we take it, and the one argument that was missing. */
function narrowed(name: string, theirs: unknown) {
  const { value, ...rest } = theirs as { type: string; value: Record<string, Field> };
  const ours = Object.entries(value).map(([key, field]) => {
    if (key === "properties" || key === "checkoutSessionParams") return [key, { ...field, fieldType: flat }];
    if (key !== "entityData") return [key, field];
    const entity = { type: "object", value: { featureId: text, feature_id: text, name: text } };
    return [key, { ...field, fieldType: entity }];
  });
  const added = { openInNewTab: { fieldType: { type: "boolean" }, optional: true } };
  return { ...rest, value: { ...Object.fromEntries(ours), ...(name === "setupPayment" && added) } };
}
