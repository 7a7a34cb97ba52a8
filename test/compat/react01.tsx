/** The hooks of the last `autumn-js/react` of 0.1, in a page: over HTTP, and over Convex. */
import type * as Hooks from "autumn-js-0.1/react";
import { ConvexHttpClient } from "convex/browser";
import { anyApi } from "convex/server";
import type { ReactNode } from "react";
import { expect } from "vitest";
import { connect } from "./autumnJs.js";
import { client as server, connect as connect01 } from "./autumnJs01.js";
import type { Case } from "./cases.js";
import type { World } from "./deployed.js";
import { inPage, type Page } from "./pages.js";

/** How its provider reaches the deployment. */
interface Mode {
  client: string;
  /** The hooks keep what they know between pages by what is asked: each mode asks for another feature. */
  featureId: string;
  /** Its properties, of a mount whose app lets browsers track if so asked. */
  provider(world: World, page: Page, tracking: boolean): Record<string, unknown>;
}

export const client = server.replace("autumn-js", "autumn-js/react");

const overHttp: Mode = {
  client,
  featureId: "messages",
  provider: (_world, { backendUrl, token }, tracking) => ({
    backendUrl,
    suppressLogs: true,
    ...(token !== undefined && { getBearerToken: () => Promise.resolve(token) }),
    ...(tracking && { pathPrefix: "/tracking/autumn" }),
  }),
};

export const convexClient = `${client}, Convex mode`;

const overConvex: Mode = {
  client: convexClient,
  featureId: "api_calls",
  provider: ({ cloudUrl }, { token }) => {
    const convex = new ConvexHttpClient(cloudUrl, { logger: false, fetch: nodeFetch });
    if (token !== undefined) convex.setAuth(token);
    return { convex, convexApi: anyApi.autumn, suppressLogs: true };
  },
};

/** Convex answers pages of any origin. */
const nodeFetch = globalThis.fetch;

interface Shown {
  page: Page;
  world: World;
  hooks: typeof Hooks;
  show<Value extends { isLoading: boolean }>(hook: () => Value): Promise<() => Value>;
  act<Value>(work: () => Promise<Value>): Promise<Value>;
  /** Waits for what is shown to be so. */
  eventually(assertion: () => void): Promise<void>;
}

type Scene = (shown: Shown) => Promise<void>;

async function inProvider(
  { provider }: Mode,
  world: World,
  { as, tracking = false }: { as?: string | null; tracking?: boolean },
  run: Scene,
): Promise<void> {
  await inPage(world, { as }, async (page) => {
    const hooks = await import("autumn-js-0.1/react");
    const { act, cleanup, renderHook, waitFor } = await import("@testing-library/react");
    const properties = provider(world, page, tracking);
    const wrapper = ({ children }: { children: ReactNode }) => (
      <hooks.AutumnProvider {...properties}>{children}</hooks.AutumnProvider>
    );
    try {
      await run({
        page,
        world,
        hooks,
        show: async (hook) => {
          const { result } = renderHook(hook, { wrapper });
          await waitFor(() => expect(result.current.isLoading).toBe(false), { timeout: 5_000 });
          return () => result.current;
        },
        act: async (work) => await act(work),
        eventually: async (assertion) => await waitFor(assertion, { timeout: 5_000 }),
      });
    } finally {
      cleanup();
    }
  });
}

/** Of what hooks answer. */
interface Answer<T> {
  data: T | null;
  error: { code: string; message: string } | null;
}

async function answered<T>(answering: Promise<Answer<T>>): Promise<T> {
  const { data, error } = await answering;
  expect(error).toBeNull();
  return data as T;
}

/** The hooks keep customers apart by where they come from, which is one place for all of these pages. */
const own = ({ backendUrl }: Page) => ({ extraQueryKeys: [backendUrl] }) as object;

async function customer({ hooks, show, page }: Shown) {
  const current = await show(() => hooks.useCustomer(own(page)));
  expect(current().error ?? null).toBeNull();
  return current;
}

const successUrl = "https://app.example.com/paid";

async function subscribed(shown: Shown) {
  const { page, world, act } = shown;
  const current = await customer(shown);
  const bought = await act(() =>
    answered(current().attach({ productId: "pro", successUrl, openInNewTab: true })),
  );
  await world.pay((bought as { checkout_url?: string }).checkout_url ?? "");
  expect(page.opened).toHaveLength(1);
  await act(() => current().refetch());
  return current;
}

function casesOver(mode: Mode): readonly Case[] {
  const { client, featureId } = mode;
  const works = (method: string, run: Scene, tracking = false): Case => ({
    client,
    method,
    result: "works",
    run: async (world) => await inProvider(mode, world, { tracking }, run),
  });
  const refused = (
    method: string,
    why: string,
    call: (shown: Shown) => Promise<Answer<unknown>>,
    code = "not_supported",
  ): Case => ({
    client,
    method,
    result: "refused",
    why,
    run: async (world) =>
      await inProvider(mode, world, {}, async (shown) => {
        const { data, error } = await call(shown);
        expect([data, error?.code]).toEqual([null, code]);
      }),
  });
  return [
    works("useCustomer", async (shown) => {
      const current = await customer(shown);
      expect(current().customer).toMatchObject({
        id: shown.page.customerId,
        name: "Ada",
        products: [{ id: "free", status: "active" }],
        features: { api_calls: { balance: 50, included_usage: 50, usage: 0 } },
      });
    }),
    {
      client,
      method: "useCustomer, signed out",
      result: "works",
      run: async (world) =>
        await inProvider(mode, world, { as: null }, async ({ hooks, show, page }) => {
          const quiet = await show(() => hooks.useCustomer({ errorOnNotFound: false, ...own(page) }));
          expect([quiet().customer, quiet().error ?? null]).toEqual([null, null]);
        }),
    },
    works("useCustomer: check", async (shown) => {
      const current = await customer(shown);
      const allowed = (featureId: string, requiredBalance = 1) =>
        current().check({ featureId, requiredBalance }).data?.allowed;
      expect([allowed("messages"), allowed("messages", 100), allowed("messages", 101)]).toEqual([
        true,
        true,
        false,
      ]);
      expect(allowed("premium_models")).toBe(false);
      expect([allowed("basic_messages", 500), allowed("basic_messages", 501)]).toEqual([true, false]);
    }),
    works(
      "useCustomer: track, where the app allows it",
      async (shown) => {
        const current = await customer(shown);
        await shown.act(() => answered(current().track({ featureId: "api_calls", value: 2 })));
        await shown.act(() => current().refetch());
        await shown.eventually(() => expect(current().customer?.features.api_calls?.balance).toBe(48));
        const { error } = await shown.act(() => current().track({ featureId: "api_calls", value: -2 }));
        expect(error?.code).toBe("invalid_inputs");
      },
      true,
    ),
    works("useCustomer: attach", async (shown) => {
      const current = await subscribed(shown);
      await shown.eventually(() =>
        expect(current().customer?.products).toMatchObject([{ id: "pro", status: "active" }]),
      );
    }),
    works("useCustomer: checkout", async (shown) => {
      const current = await customer(shown);
      const buy = { productId: "api-call-pack-1000", successUrl, openInNewTab: true };
      const checkout = await shown.act(() => answered(current().checkout(buy)));
      expect(checkout).toMatchObject({ total: 5, customer_id: shown.page.customerId });
      await shown.world.pay((checkout as { url?: string }).url ?? "");
      await shown.act(() => current().refetch());
      await shown.eventually(() => expect(current().customer?.features.api_calls?.balance).toBe(1_050));
    }),
    works("useCustomer: cancel", async (shown) => {
      const current = await subscribed(shown);
      await shown.act(() => answered(current().cancel({ productId: "pro" })));
      await shown.act(() => current().refetch());
      await shown.eventually(() => {
        const held = current().customer?.products.find(({ id }) => id === "pro");
        expect(held?.canceled_at).toBeTypeOf("number");
      });
    }),
    works("useCustomer: openBillingPortal", async (shown) => {
      const current = await subscribed(shown);
      const returnUrl = "https://app.example.com/account";
      await shown.act(() => answered(current().openBillingPortal({ returnUrl })));
      expect(shown.page.opened.at(-1)).toBe(returnUrl);
    }),
    works("useCustomer: setupPayment", async (shown) => {
      const current = await subscribed(shown);
      await shown.act(() => answered(current().setupPayment({ successUrl })));
      expect(shown.page.opened.at(-1)).toBe(successUrl);
    }),
    works("useCustomer: createEntity", async (shown) => {
      const current = await customer(shown);
      const ben = { id: "ben", name: "Ben", featureId: "seats" };
      expect(await shown.act(() => answered(current().createEntity(ben)))).toMatchObject({ success: true });
    }),
    refused("useCustomer: createReferralCode", "There are no referrals.", async (shown) => {
      const current = await customer(shown);
      return await shown.act(() => current().createReferralCode({ programId: "p" }));
    }),
    refused("useCustomer: redeemReferralCode", "There are no referrals.", async (shown) => {
      const current = await customer(shown);
      return await shown.act(() => current().redeemReferralCode({ code: "X" }));
    }),
    works("usePricingTable", async ({ hooks, show }) => {
      const current = await show(() => hooks.usePricingTable());
      expect(current().products?.map(({ id }) => id)).toEqual([
        "free",
        "pro",
        "team",
        "extra",
        "api-call-pack-1000",
      ]);
    }),
    works("useEntity", async ({ hooks, show, world, page: { customerId } }) => {
      const autumn = connect(world);
      const entityId = `ben_${customerId}`;
      await autumn.customers.getOrCreate({ customerId });
      await autumn.entities.create({ customerId, entityId, featureId: "seats", name: "Ben" });
      const current = await show(() => hooks.useEntity(entityId));
      expect(current().entity).toMatchObject({ id: entityId, name: "Ben" });
    }),
    works("useListEvents", async ({ hooks, show, world, page: { customerId } }) => {
      await connect01(world).track({ customer_id: customerId, feature_id: featureId, value: 2 });
      const current = await show(() => hooks.useListEvents({ featureId }));
      expect(current().list).toMatchObject([{ feature_id: featureId, value: 2 }]);
    }),
    works("useAggregateEvents", async ({ hooks, show, world, page: { customerId } }) => {
      await connect01(world).track({ customer_id: customerId, feature_id: featureId, value: 2 });
      const current = await show(() => hooks.useAggregateEvents({ featureId, range: "7d" }));
      expect(current().total).toMatchObject({ [featureId]: { count: 1, sum: 2 } });
    }),
    works("useAnalytics", async ({ hooks, show, world, page: { customerId } }) => {
      await connect01(world).track({ customer_id: customerId, feature_id: featureId, value: 2 });
      const current = await show(() => hooks.useAnalytics({ featureId, range: "7d" }));
      const rows = (current().data ?? []) as unknown as Record<string, number>[];
      expect(rows.reduce((sum, row) => sum + (row[featureId] ?? 0), 0)).toBe(2);
    }),
  ];
}

export const cases = [
  ...casesOver(overHttp),
  ...casesOver(overConvex),
  {
    client,
    method: "useCustomer: track, where the app does not",
    result: "refused",
    why: "A browser could say what it likes: off unless the app asks for it.",
    run: async (world) =>
      await inProvider(overHttp, world, {}, async (shown) => {
        const current = await customer(shown);
        const { error } = await shown.act(() => current().track({ featureId: "api_calls" }));
        expect(error?.code).toBe("not_found");
      }),
  } satisfies Case,
];
