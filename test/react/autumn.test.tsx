import { act, cleanup, renderHook, waitFor } from "@testing-library/react";
import { AutumnProvider, useCustomer, useEntity, usePricingTable } from "autumn-js-0.1/react";
import { convexTest } from "convex-test";
import { anyApi, defineSchema, getFunctionName, type FunctionReference } from "convex/server";
import type { Value } from "convex/values";
import type { ReactNode } from "react";
import { afterEach, expect, test, vi } from "vitest";
import { register } from "../../src/test.js";
import { tally } from "../wire/app/billing.js";

const SUCCESS_URL = "https://app.example.com/billing";

afterEach(() => {
  cleanup();
  vi.unstubAllGlobals();
  vi.unstubAllEnvs();
});

/** A page whose provider has a Convex client, of a deployment that exports the class's actions. */
function page(subject: string | null = "ada") {
  vi.stubEnv("CONVEX_SITE_URL", "https://happy-otter-1.convex.site");
  const opened: string[] = [];
  const calls: [name: string, args: Record<string, Value>][] = [];
  vi.stubGlobal("open", (url: string) => opened.push(url));
  const t = convexTest({
    schema: defineSchema({}),
    modules: {
      "./_generated/api.ts": () => Promise.resolve({}),
      "./autumn.ts": () => import("../wire/app/autumn.js"),
    },
    transactionLimits: true,
  });
  register(t);
  const caller = subject === null ? t : t.withIdentity({ subject, name: "Ada", email: "ada@example.com" });
  type Action = FunctionReference<"action", "public", Record<string, Value>>;
  const convex = {
    action: async (reference: Action, args: Record<string, Value>): Promise<unknown> => {
      calls.push([getFunctionName(reference), args]);
      return await caller.action(reference, args);
    },
  };
  const wrapper = ({ children }: { children: ReactNode }) => (
    <AutumnProvider convex={convex as never} convexApi={anyApi.autumn}>
      {children}
    </AutumnProvider>
  );
  return { t, opened, calls, hook: <T,>(use: () => T) => renderHook(use, { wrapper }).result };
}

/** As of now: what an earlier page of this process was told is still in the client's cache. */
const customerOf = async ({ hook }: ReturnType<typeof page>, params?: { errorOnNotFound?: boolean }) => {
  const customer = hook(() => useCustomer(params));
  await act(async () => await customer.current.refetch());
  return customer;
};

test("useCustomer shows whoever is signed in, whom it begins", async () => {
  const customer = await customerOf(page());
  expect(customer.current.error).toBeFalsy();
  expect(customer.current.customer).toMatchObject({
    id: "ada",
    name: "Ada",
    email: "ada@example.com",
    products: [{ id: "free", status: "active" }],
    features: { messages: { id: "messages", type: "single_use", balance: 10, included_usage: 10, usage: 0 } },
  });
});

test("useCustomer shows nobody where nobody is signed in and that is no error", async () => {
  const shop = page(null);
  const customer = await customerOf(shop, { errorOnNotFound: false });
  expect(shop.calls).toContainEqual(["autumn:createCustomer", { errorOnNotFound: false }]);
  expect([customer.current.customer ?? null, customer.current.error ?? null]).toEqual([null, null]);
});

test("check decides in the page as the server does, by the feature's own balance and by credits", async () => {
  const customer = await customerOf(page());
  const allowed = (featureId: string, requiredBalance?: number) =>
    customer.current.check({ featureId, requiredBalance }).data?.allowed;
  expect(allowed("messages")).toBe(true);
  expect(allowed("messages", 10)).toBe(true);
  expect(allowed("messages", 11)).toBe(false);
  expect(allowed("basic_model", 5)).toBe(true);
  expect(allowed("basic_model", 6)).toBe(false);
  expect(allowed("sso")).toBe(false);
});

test("track counts where the app lets browsers, and the page sees it when it asks again", async () => {
  const customer = await customerOf(page());
  const { error } = await act(async () => await customer.current.track({ featureId: "messages", value: 3 }));
  expect(error).toBeNull();
  await act(async () => await customer.current.refetch());
  await waitFor(() => expect(customer.current.customer?.features.messages?.balance).toBe(7));
});

test("checkout leads to where a top-up is paid", async () => {
  const shop = page();
  const customer = await customerOf(shop);
  const { data, error } = await act(
    async () =>
      await customer.current.checkout({ productId: "top_up", successUrl: SUCCESS_URL, openInNewTab: true }),
  );
  expect(error).toBeNull();
  expect(data).toMatchObject({ customer_id: "ada", total: 10, currency: "usd", product: { id: "top_up" } });
  expect(shop.opened).toEqual([data?.url]);
  expect(data?.url).toMatch(/^https:\/\/happy-otter-1\.convex\.site\//);
});

test("attach leads to where a plan is paid", async () => {
  const shop = page();
  const customer = await customerOf(shop);
  const { data, error } = await act(
    async () =>
      await customer.current.attach({ productId: "pro", successUrl: SUCCESS_URL, openInNewTab: true }),
  );
  expect(error).toBeNull();
  expect(data).toMatchObject({ customer_id: "ada", code: "checkout_created" });
  expect(shop.opened).toEqual([(data as { checkout_url?: string }).checkout_url]);
});

test("attach and checkout are refused of addresses that are not the app's", async () => {
  const shop = page();
  const customer = await customerOf(shop);
  const successUrl = "https://evil.example.com/";
  for (const name of ["attach", "checkout"] as const) {
    const { data, error } = await act(
      async () => await customer.current[name]({ productId: "pro", successUrl }),
    );
    expect([data, error?.code]).toEqual([null, "invalid_inputs"]);
  }
  expect(shop.opened).toEqual([]);
});

test("cancel ends what the customer has, and refuses what he has not", async () => {
  const shop = page();
  const customer = await customerOf(shop);
  const none = await act(async () => await customer.current.cancel({ productId: "boost" }));
  expect(none.data).toBeNull();
  expect(none.error?.code).toBeTruthy();
  await shop.t.mutation(async (ctx) => {
    await tally.subscriptions.attach(ctx, { customerId: "ada", planId: "boost" });
  });
  const { data, error } = await act(async () => await customer.current.cancel({ productId: "boost" }));
  expect(error).toBeNull();
  expect(data).toMatchObject({ success: true, customer_id: "ada", product_id: "boost" });
});

test("entities are made by whoever manages the billing, and read by useEntity", async () => {
  const shop = page();
  const customer = await customerOf(shop);
  const { error } = await act(
    async () => await customer.current.createEntity({ id: "seat_1", name: "Bob", featureId: "seats" }),
  );
  expect(error).toBeNull();
  const entity = shop.hook(() => useEntity("seat_1"));
  await waitFor(() =>
    expect(entity.current.entity).toMatchObject({ id: "seat_1", name: "Bob", customer_id: "ada" }),
  );
  await act(async () => await customer.current.refetch());
  await waitFor(() =>
    expect(customer.current.customer?.features.seats).toMatchObject({ usage: 1, balance: 2 }),
  );
});

test("usePricingTable lists what is for sale", async () => {
  const products = page().hook(() => usePricingTable());
  await waitFor(() => expect(products.current.products).not.toBeNull());
  const ids = products.current.products?.map(({ id }) => id);
  expect(ids).toEqual(expect.arrayContaining(["free", "pro", "team", "boost", "top_up"]));
});

test("setupPayment is asked with what the real client sends", async () => {
  const shop = page();
  const customer = await customerOf(shop);
  const asked = act(async () => await customer.current.setupPayment({ openInNewTab: false }));
  // Convex itself would throw of an argument that is unknown.
  await expect(asked).resolves.toBeDefined();
  expect(shop.calls).toContainEqual(["autumn:setupPayment", { openInNewTab: false }]);
});
