/** The hooks of `autumn-js/react` at its newest version, in a page. */
import type * as Hooks from "autumn-js/react";
import type { ReactNode } from "react";
import { expect } from "vitest";
import { connect, versionOf } from "./autumnJs.js";
import type { Case } from "./cases.js";
import type { World } from "./deployed.js";
import { inPage, type Page } from "./pages.js";

export const client = `autumn-js/react ${versionOf("autumn-js")}`;

interface Shown {
  page: Page;
  world: World;
  hooks: typeof Hooks;
  /** Shows a hook, and waits until it has loaded. */
  show<Value extends { isLoading: boolean }>(hook: () => Value): Promise<() => Value>;
  act<Value>(work: () => Promise<Value>): Promise<Value>;
  /** Waits for what is shown to be so. */
  eventually(assertion: () => void): Promise<void>;
}

type Scene = (shown: Shown) => Promise<void>;

async function inProvider(world: World, as: string | null | undefined, run: Scene): Promise<void> {
  await inPage(world, { as }, async (page) => {
    // What looks for a document does so as it loads.
    const hooks = await import("autumn-js/react");
    const { act, cleanup, renderHook, waitFor } = await import("@testing-library/react");
    const headers: Record<string, string> =
      page.token === undefined ? {} : { Authorization: `Bearer ${page.token}` };
    const wrapper = ({ children }: { children: ReactNode }) => (
      <hooks.AutumnProvider backendUrl={world.url} headers={headers}>
        {children}
      </hooks.AutumnProvider>
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

const works = (method: string, run: Scene): Case => ({
  client,
  method,
  result: "works",
  run: async (world) => await inProvider(world, undefined, run),
});

const refused = (method: string, why: string, call: (shown: Shown) => Promise<unknown>): Case => ({
  client,
  method,
  result: "refused",
  why,
  run: async (world) =>
    await inProvider(world, undefined, async (shown) => {
      const error: unknown = await call(shown).then(
        (answer) => expect.fail(`It was answered: ${JSON.stringify(answer)}`),
        (error: unknown) => error,
      );
      expect(error).toMatchObject({ code: "not_supported", statusCode: 400 });
    }),
});

const customer = async ({ hooks, show }: Shown) => await show(() => hooks.useCustomer());

async function subscribed(shown: Shown) {
  const { page, world, act } = shown;
  const current = await customer(shown);
  const { paymentUrl } = await act(() => current().attach({ planId: "pro", openInNewTab: true }));
  await world.pay(paymentUrl ?? "");
  expect(page.opened).toEqual([paymentUrl]);
  await act(() => current().refetch());
  return current;
}

export const cases: readonly Case[] = [
  works("useCustomer", async (shown) => {
    const current = await customer(shown);
    expect(current().error).toBeNull();
    expect(current().data).toMatchObject({
      id: shown.page.customerId,
      name: "Ada",
      subscriptions: [{ planId: "free", status: "active" }],
      balances: { messages: { remaining: 100, feature: { name: "Messages" } } },
    });
    // Nobody's page is answered for another, whatever it says.
    const hostile = { customerId: "victim", name: "victim" } as object;
    const asked = await shown.show(() => shown.hooks.useCustomer(hostile));
    expect(asked().data?.id).toBe(shown.page.customerId);
  }),
  {
    client,
    method: "useCustomer, signed out",
    result: "works",
    run: async (world) =>
      await inProvider(world, null, async ({ hooks, show }) => {
        const quiet = await show(() => hooks.useCustomer({ errorOnNotFound: false }));
        expect([quiet().data, quiet().error]).toEqual([null, null]);
        const loud = await show(() => hooks.useCustomer({ expand: ["invoices"] }));
        expect(loud().error).toMatchObject({ code: "no_customer_id", statusCode: 401 });
      }),
  },
  works("useCustomer: check", async (shown) => {
    const current = await customer(shown);
    const allowed = (featureId: string, requiredBalance?: number) =>
      current().check({ featureId, ...(requiredBalance !== undefined && { requiredBalance }) }).allowed;
    expect([allowed("messages"), allowed("messages", 100), allowed("messages", 101)]).toEqual([
      true,
      true,
      false,
    ]);
    expect(allowed("premium_models")).toBe(false);
    // Paid for in credits: a cent of 5 dollars each, ten cents each.
    expect([
      allowed("basic_messages"),
      allowed("basic_messages", 500),
      allowed("basic_messages", 501),
    ]).toEqual([true, true, false]);
    expect([allowed("premium_messages", 50), allowed("premium_messages", 51)]).toEqual([true, false]);
    const { customerId } = shown.page;
    await connect(shown.world).track({ customerId, featureId: "messages", value: 100 });
    await shown.act(() => current().refetch());
    await shown.eventually(() => expect(allowed("messages")).toBe(false));
  }),
  works("useCustomer: attach", async (shown) => {
    const current = await subscribed(shown);
    await shown.eventually(() => {
      expect(current().data?.subscriptions).toMatchObject([{ planId: "pro", status: "active" }]);
      expect(current().check({ featureId: "premium_models" }).allowed).toBe(true);
    });
    // What a plan costs is no browser's to say.
    const cheaper = { planId: "team", customize: { price: { amount: 0, interval: "month" } } } as never;
    await expect(shown.act(() => current().attach(cheaper))).rejects.toMatchObject({ statusCode: 400 });
  }),
  works("useCustomer: previewAttach", async (shown) => {
    const current = await customer(shown);
    const preview = await shown.act(() => current().previewAttach({ planId: "pro" }));
    expect(preview).toMatchObject({ customerId: shown.page.customerId, total: 10, currency: "usd" });
    expect(preview.lineItems.length).toBeGreaterThan(0);
  }),
  works("useCustomer: multiAttach", async (shown) => {
    const current = await customer(shown);
    const attached = await shown.act(() => current().multiAttach({ plans: [{ planId: "extra" }] }));
    expect(attached).toMatchObject({ paymentUrl: null });
  }),
  works("useCustomer: previewMultiAttach", async (shown) => {
    const current = await customer(shown);
    const plans = [{ planId: "pro" }];
    expect(await shown.act(() => current().previewMultiAttach({ plans }))).toMatchObject({ total: 10 });
  }),
  works("useCustomer: updateSubscription", async (shown) => {
    const current = await subscribed(shown);
    const end = { planId: "pro", cancelAction: "cancel_end_of_cycle" } as const;
    await shown.act(() => current().updateSubscription(end));
    await shown.act(() => current().refetch());
    await shown.eventually(() => {
      const held = current().data?.subscriptions.find(({ planId }) => planId === "pro");
      expect(held?.canceledAt).toBeTypeOf("number");
    });
  }),
  works("useCustomer: previewUpdateSubscription", async (shown) => {
    const current = await subscribed(shown);
    const end = { planId: "pro", cancelAction: "cancel_end_of_cycle" } as const;
    expect(await shown.act(() => current().previewUpdateSubscription(end))).toMatchObject({ total: 0 });
  }),
  works("useCustomer: openCustomerPortal", async (shown) => {
    const current = await subscribed(shown);
    await shown.act(() => current().openCustomerPortal({ openInNewTab: true }));
    expect(shown.page.opened.at(-1)).toBe("https://app.example.com/account");
  }),
  works("useCustomer: setupPayment", async (shown) => {
    const current = await subscribed(shown);
    await shown.act(() => current().setupPayment({ openInNewTab: true }));
    expect(shown.page.opened.at(-1)).toBe("https://app.example.com/account");
  }),
  {
    client,
    method: "useCustomer, who may not buy",
    result: "works",
    run: async (world) => {
      const customerId = world.customer();
      const autumn = connect(world);
      await autumn.customers.getOrCreate({ customerId });
      await autumn.entities.create({ customerId, entityId: "ben", featureId: "seats" });
      await inProvider(world, `${customerId}:ben`, async (shown) => {
        const current = await customer(shown);
        expect([current().error, current().data?.id]).toEqual([null, customerId]);
        const refusals = [
          () => current().attach({ planId: "pro" }),
          () => current().updateSubscription({ planId: "free", cancelAction: "cancel_end_of_cycle" }),
          () => current().openCustomerPortal(),
        ];
        for (const refusal of refusals) {
          await expect(shown.act<unknown>(refusal)).rejects.toMatchObject({
            code: "forbidden",
            statusCode: 403,
          });
        }
      });
    },
  },
  works("useListPlans", async ({ hooks, show }) => {
    const current = await show(() => hooks.useListPlans());
    expect(current().data?.map(({ id }) => id)).toEqual([
      "free",
      "pro",
      "team",
      "extra",
      "api-call-pack-1000",
    ]);
    expect(current().data?.[1]).toMatchObject({ name: "Pro", price: { amount: 10, interval: "month" } });
  }),
  works("useEntity", async ({ hooks, show, world, page: { customerId } }) => {
    const autumn = connect(world);
    await autumn.customers.getOrCreate({ customerId });
    await autumn.entities.create({ customerId, entityId: "ben", featureId: "seats", name: "Ben" });
    const current = await show(() => hooks.useEntity({ entityId: "ben" }));
    expect(current().data).toMatchObject({ id: "ben", name: "Ben", customerId });
  }),
  works("useListEvents", async ({ hooks, show, world, page: { customerId } }) => {
    const properties = { camelCase: 1, snake_case: 2 };
    await connect(world).track({ customerId, featureId: "messages", value: 2, properties });
    const current = await show(() => hooks.useListEvents());
    expect(current().list).toMatchObject([{ featureId: "messages", customerId, value: 2, properties }]);
    expect(current().hasMore).toBe(false);
  }),
  works("useAggregateEvents", async ({ hooks, show, world, page: { customerId } }) => {
    await connect(world).track({ customerId, featureId: "basic_messages", value: 2 });
    const current = await show(() => hooks.useAggregateEvents({ featureId: "basic_messages", range: "7d" }));
    expect(current().total).toEqual({ basic_messages: { count: 1, sum: 2 } });
  }),
  refused("useReferrals", "There are no referrals.", async ({ hooks, show }) => {
    const current = await show(() => hooks.useReferrals({ programId: "p" }));
    return await current().redeemCode({ code: "X" });
  }),
  {
    client,
    method: "any hook, in a page of another origin",
    result: "works",
    run: async (world) =>
      await inPage(world, { origin: "https://elsewhere.example" }, async (page) => {
        const headers = { "content-type": "application/json", authorization: `Bearer ${page.token}` };
        const url = `${world.url}/api/autumn/getOrCreateCustomer`;
        await expect(fetch(url, { method: "POST", headers, body: "{}" })).rejects.toThrow("Failed to fetch");
        expect(page.requests).toEqual(["POST /api/autumn/getOrCreateCustomer"]);
      }),
  },
];
