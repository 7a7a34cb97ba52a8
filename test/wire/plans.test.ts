import { describe, expect, test } from "vitest";
import { call, deploy, NOW, send } from "./deployment.js";
import { tally } from "./app/billing.js";

const former = { version: "1.2" };
type Listed = { list: Record<string, unknown>[] };

const actions = async (t: ReturnType<typeof deploy>, customer_id: string) => {
  const { list } = (await call(t, "plans.list", { customer_id })) as Listed;
  return Object.fromEntries(
    list.map(({ id, customer_eligibility }) => [
      id,
      (customer_eligibility as { attach_action: string }).attach_action,
    ]),
  );
};

describe("plans", () => {
  test("are listed as the code has them, with every key that clients of Autumn 2 ask for", async () => {
    const t = deploy();
    const { list } = (await call(t, "plans.list")) as Listed;
    expect(list.map(({ id }) => id)).toEqual([
      "free",
      "pro",
      "team",
      "boost",
      "top_up",
      "starter",
      "sticker",
      "gift",
    ]);
    expect(list[1]).toMatchObject({
      id: "pro",
      name: "Pro",
      description: null,
      group: null,
      version: 1,
      add_on: false,
      auto_enable: false,
      price: {
        amount: 20,
        interval: "month",
        interval_count: 1,
        display: { primary_text: "$20", secondary_text: "per month" },
      },
      free_trial: null,
      billing_controls: null,
      customer_eligibility: null,
      created_at: 0,
      env: "live",
      archived: false,
      config: { ignore_past_due: false },
      metadata: {},
      base_variant_id: null,
    });
    const { items } = list[1] as { items: { feature_id: string }[] };
    expect(items.map(({ feature_id }) => feature_id)).toEqual([
      "messages",
      "words",
      "credits",
      "seats",
      "sso",
    ]);
    expect(items[0]).toEqual({
      feature_id: "messages",
      feature: expect.objectContaining({ id: "messages", type: "single_use" }),
      included: 100,
      unlimited: false,
      pooled: false,
      entity_feature_id: null,
      reset: { interval: "month", interval_count: 1 },
      price: null,
      display: { primary_text: "100 Messages", secondary_text: null },
      rollover: null,
      expiry: null,
      feature_override: null,
    });
    expect(items[1]).toMatchObject({
      // Tiers are left out where there are none: older clients refuse a null.
      price: {
        amount: 0.5,
        interval: "month",
        interval_count: 1,
        billing_units: 100,
        billing_method: "usage_based",
        max_purchase: null,
      },
      display: { primary_text: "1,000 Words", secondary_text: "then $0.5 per 100 Words" },
    });
    expect(items[1]).not.toHaveProperty("price.tiers");
    expect(items[3]).toMatchObject({ feature_id: "seats", included: 10, reset: null });
    expect(items[4]).toMatchObject({ feature_id: "sso", unlimited: false, reset: null });
    expect(list[4]).toMatchObject({
      price: { amount: 10, interval: "one_off" },
      items: [{ feature_id: "credits", reset: { interval: "one_off" } }],
    });
  });

  test("are products to older clients", async () => {
    const t = deploy();
    const { list } = (await call(t, "products", undefined, { ...former, method: "GET" })) as Listed;
    expect(list[1]).toMatchObject({
      id: "pro",
      name: "Pro",
      group: null,
      env: "live",
      is_add_on: false,
      is_default: false,
      archived: false,
      version: 1,
      created_at: 0,
      free_trial: null,
      base_variant_id: null,
      properties: {
        is_free: false,
        is_one_off: false,
        interval_group: "month",
        has_trial: false,
        updateable: false,
      },
    });
    expect(list[1]?.items).toEqual([
      {
        type: "price",
        feature_id: null,
        interval: "month",
        interval_count: 1,
        price: 20,
        display: { primary_text: "$20", secondary_text: "per month" },
      },
      expect.objectContaining({
        type: "feature",
        feature_id: "messages",
        feature_type: "single_use",
        included_usage: 100,
        interval: "month",
        usage_model: null,
      }),
      expect.objectContaining({
        type: "priced_feature",
        feature_id: "words",
        included_usage: 1_000,
        price: 0.5,
        tiers: null,
        usage_model: "pay_per_use",
        billing_units: 100,
      }),
      expect.objectContaining({ type: "feature", feature_id: "credits", feature_type: "credit_system" }),
      expect.objectContaining({ feature_id: "seats", feature_type: "continuous_use", interval: null }),
      expect.objectContaining({ feature_id: "sso", feature_type: "static", included_usage: null }),
    ]);
    expect(list[2]).toMatchObject({ properties: { updateable: true } });
    expect(list[4]).toMatchObject({ properties: { is_one_off: true, is_free: false } });
  });

  test("say what attaching them would be to a customer, also to one who is not there yet", async () => {
    const t = deploy();
    expect(await actions(t, "ada")).toEqual({
      free: "none",
      pro: "upgrade",
      team: "upgrade",
      boost: "activate",
      top_up: "purchase",
      starter: "upgrade",
      sticker: "activate",
      gift: "purchase",
    });
    await t.run((ctx) => tally.subscriptions.attach(ctx, { customerId: "ada", planId: "pro" }));
    expect(await actions(t, "ada")).toMatchObject({ free: "downgrade", pro: "none", team: "upgrade" });
    await t.run((ctx) => tally.subscriptions.cancel(ctx, { customerId: "ada", planId: "pro" }));
    expect(await actions(t, "ada")).toMatchObject({ free: "none", pro: "activate" });
    const asked = { plan_id: "pro", customer_id: "ada" };
    expect(await call(t, "plans.get", asked)).toMatchObject({
      customer_eligibility: {
        attach_action: "activate",
        status: "active",
        canceling: true,
        trialing: false,
        trial_available: false,
      },
    });
    const { list } = (await call(t, "products_beta?customer_id=ada", undefined, {
      ...former,
      method: "GET",
    })) as Listed;
    expect(list.map(({ scenario }) => scenario)).toEqual([
      "scheduled",
      "renew",
      "upgrade",
      "new",
      "new",
      "downgrade",
      "new",
      "new",
    ]);
  });

  test("are got by id", async () => {
    const t = deploy();
    expect(await call(t, "plans.get", { plan_id: "team" })).toMatchObject({
      id: "team",
      items: [
        { feature_id: "messages" },
        { feature_id: "seats", price: { amount: 10, billing_method: "prepaid" } },
        { feature_id: "sso" },
      ],
    });
    expect(await call(t, "products/team", undefined, { ...former, method: "GET" })).toMatchObject({
      id: "team",
    });
    expect(await send(t, "plans.get", { plan_id: "gold" })).toMatchObject({
      status: 404,
      body: { code: "product_not_found" },
    });
  });
});

describe("features", () => {
  test("are listed as the code has them", async () => {
    const t = deploy();
    const { list } = (await call(t, "features.list")) as Listed;
    expect(list).toHaveLength(6);
    expect(list[5]).toEqual({
      id: "credits",
      name: "Credits",
      type: "credit_system",
      consumable: true,
      archived: false,
      event_names: [],
      credit_schema: [{ metered_feature_id: "basic_model", credit_cost: 0.2 }],
      display: { singular: "Credits", plural: "Credits" },
    });
    expect(await call(t, "features", undefined, { ...former, method: "GET" })).toMatchObject({
      list: expect.arrayContaining([
        {
          id: "seats",
          name: "Seats",
          type: "continuous_use",
          display: { singular: "Seats", plural: "Seats" },
          credit_schema: null,
          archived: false,
        },
      ]),
    });
  });

  test("are got by id", async () => {
    const t = deploy();
    expect(await call(t, "features.get", { feature_id: "sso" })).toMatchObject({ type: "boolean" });
    expect(await send(t, "features.get", { feature_id: "none" })).toMatchObject({ status: 404 });
  });
});

describe("a trial", () => {
  test("is told of as available until the customer has had it", async () => {
    const t = deploy();
    const asked = { plan_id: "trial", customer_id: "ada" };
    const archived = { customer_id: "ada", include_archived: true };
    expect(await call(t, "plans.get", asked)).toMatchObject({
      archived: true,
      free_trial: { duration_length: 7, duration_type: "day", card_required: true },
      customer_eligibility: { trial_available: true },
    });
    expect(((await call(t, "plans.list", archived)) as Listed).list).toHaveLength(9);
    await t.run((ctx) =>
      tally.subscriptions.attach(ctx, { customerId: "ada", planId: "trial", trial: true }),
    );
    expect(await call(t, "plans.get", asked)).toMatchObject({
      customer_eligibility: {
        attach_action: "none",
        trialing: true,
        trial_available: false,
        canceling: false,
      },
    });
    expect(await call(t, "customers.get", { customer_id: "ada" })).toMatchObject({
      subscriptions: [{ plan_id: "trial", trial_ends_at: NOW + 7 * 24 * 60 * 60_000 }, { plan_id: "free" }],
    });
  });
});

test.each([
  "plans.create",
  "plans.update",
  "plans.delete",
  "features.create",
  "features.update",
  "features.delete",
])("%s is refused: the catalog is code", async (path) => {
  const t = deploy();
  expect(await send(t, path, { plan_id: "pro", feature_id: "messages" })).toMatchObject({
    status: 400,
    body: { code: "not_supported", message: expect.stringContaining("defineCatalog") },
  });
});
