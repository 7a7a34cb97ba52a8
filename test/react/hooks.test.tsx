import { act } from "@testing-library/react";
import { useMutation } from "convex/react";
import { Component, StrictMode, type ReactNode } from "react";
import { describe, expect, test, vi } from "vitest";
import { createTallyReact, isTallyError } from "../../src/react/index.js";
import { api, tally } from "./app.js";
import { page } from "./page.js";

const customerId = "ada";

describe("useBalance", () => {
  test("is undefined while it loads, then there, and follows every use", async () => {
    const { useBalance, hook, elsewhere } = page();
    const { result, first } = await hook(() => useBalance("messages"));
    expect(first).toBeUndefined();
    expect(result.current).toMatchObject({ name: "Messages", granted: 5, usage: 0, remaining: 5 });
    await elsewhere((t) =>
      t.mutation((ctx) => tally.track(ctx, { customerId, featureId: "messages", value: 2 })),
    );
    expect(result.current).toMatchObject({ usage: 2, remaining: 3 });
  });

  test("counts the credits that pay for a feature, in the feature's unit", async () => {
    const { useBalance, hook, elsewhere } = page();
    const { result } = await hook(() => [useBalance("premium"), useBalance("credits")]);
    await elsewhere((t) =>
      t.mutation((ctx) => tally.track(ctx, { customerId, featureId: "premium", value: 2 })),
    );
    expect(result.current).toMatchObject([
      { granted: 5, usage: 2, remaining: 3 },
      { granted: 0.5, usage: 0.2, remaining: 0.3 },
    ]);
  });

  test("of a feature that no plan gives is empty", async () => {
    const { useBalance, hook } = page();
    const { result } = await hook(() => useBalance("storage"));
    expect(result.current).toMatchObject({ granted: 0, remaining: 0, unlimited: false, breakdown: [] });
  });

  test("is null when nobody is signed in, and follows who signs in", async () => {
    const { useBalance, hook, backend, settled } = page();
    backend.subject = null;
    const { result } = await hook(() => useBalance("messages"));
    expect(result.current).toBeNull();
    backend.subject = "ada";
    await act(() => backend.refresh());
    await settled();
    expect(result.current).toMatchObject({ remaining: 5 });
  });

  test("is of the scope that is named", async () => {
    const { useBalance, hook, elsewhere } = page();
    const { result } = await hook(() => [
      useBalance("messages"),
      useBalance("messages", { workspaceId: "red" }),
    ]);
    await elsewhere((t) =>
      t.mutation((ctx) => tally.track(ctx, { customerId: "red", featureId: "messages", value: 4 })),
    );
    expect(result.current).toMatchObject([{ remaining: 5 }, { remaining: 1 }]);
  });

  test("asks nothing when it is skipped", async () => {
    const { useBalance, useCheck, useCustomer, usePlans, hook, backend } = page();
    backend.failing.set("billing:customer", new Error("asked"));
    backend.failing.set("billing:plans", new Error("asked"));
    const { result } = await hook(() => [
      useBalance("messages", "skip"),
      useCheck("skip"),
      usePlans("skip"),
      useCustomer("skip").customer,
      useCustomer("skip").loading,
    ]);
    expect(result.current).toEqual([undefined, undefined, undefined, undefined, false]);
  });
});

describe("useCheck", () => {
  test("says no when the last is used, and yes the moment there is more", async () => {
    const { useCheck, hook, elsewhere } = page();
    const { result } = await hook(() => useCheck({ featureId: "messages" }));
    expect(result.current).toMatchObject({ allowed: true, reason: null, remaining: 5 });
    await elsewhere((t) =>
      t.mutation((ctx) => tally.track(ctx, { customerId, featureId: "messages", value: 5 })),
    );
    expect(result.current).toMatchObject({
      allowed: false,
      reason: "insufficient",
      data: { allowed: false, balance: 0 },
    });
    await elsewhere((t) =>
      t.mutation((ctx) => tally.grants.grant(ctx, { customerId, featureId: "messages", amount: 1 })),
    );
    expect(result.current).toMatchObject({ allowed: true, remaining: 1 });
  });

  test("asks for as much as it is told", async () => {
    const { useCheck, hook } = page();
    const { result } = await hook(() => [
      useCheck({ featureId: "premium", requiredBalance: 5 })?.allowed,
      useCheck({ featureId: "premium", requiredBalance: 5.1 })?.allowed,
    ]);
    expect(result.current).toEqual([true, false]);
  });

  test("answers all that the deployment answers", async () => {
    const { useCheck, hook, backend } = page();
    await backend.t.mutation((ctx) => tally.customers.create(ctx, { customerId }));
    const { result } = await hook(() => useCheck({ featureId: "messages", requiredBalance: 3 }));
    const asked = backend.t.withIdentity({ subject: "ada" });
    expect(result.current).toEqual(
      await asked.query(api.billing.check, { featureId: "messages", requiredBalance: 3 }),
    );
  });

  test("knows a feature that is on or off", async () => {
    const { useCheck, hook, elsewhere } = page();
    const { result } = await hook(() => useCheck({ featureId: "search" })?.allowed);
    expect(result.current).toBe(false);
    await elsewhere((t) =>
      t.mutation((ctx) => tally.subscriptions.attach(ctx, { customerId, planId: "pro" })),
    );
    expect(result.current).toBe(true);
  });

  test("of one part of a customer counts what the others owe, and does not tell who owes it", async () => {
    const { useCheck, hook, elsewhere, backend } = page();
    backend.subject = "bob@acme";
    await backend.t.mutation(async (ctx) => {
      await tally.subscriptions.attach(ctx, { customerId: "acme", planId: "team" });
      for (const entityId of ["ann", "bob"]) {
        await tally.entities.create(ctx, { customerId: "acme", entityId, featureId: "seats" });
        await tally.grants.grant(ctx, { customerId: "acme", entityId, featureId: "storage", amount: 1 });
      }
    });
    const { result } = await hook(() => useCheck({ featureId: "storage", requiredBalance: 6 }));
    expect(result.current).toMatchObject({ allowed: true });
    // Four and one are included, three more may be owed, of which Ann owes two.
    await elsewhere((t) =>
      t.mutation(async (ctx) => {
        const ann = tally.for(ctx, { customerId: "acme", entityId: "ann" });
        await ann.track({ featureId: "storage", value: 1 });
        await tally.grants.set(ctx, { customerId: "acme", entityId: "ann", featureId: "storage", usage: 3 });
      }),
    );
    const bob = backend.t.withIdentity({ subject: "bob@acme" });
    for (const requiredBalance of [6, 7]) {
      const answer = await bob.query(api.billing.check, { featureId: "storage", requiredBalance });
      expect(answer?.allowed).toBe(requiredBalance === 6);
      const { result: local } = await hook(() => useCheck({ featureId: "storage", requiredBalance }));
      expect(local.current).toEqual(answer);
    }
    expect(JSON.stringify(await bob.query(api.billing.balances, {}))).not.toMatch(/ann/);
  });
});

describe("useCustomer", () => {
  test("has what examples of Autumn's read", async () => {
    const { useCustomer, hook } = page();
    const { result, first } = await hook(() => useCustomer());
    expect(first).toMatchObject({ customer: undefined, data: undefined, loading: true, isLoading: true });
    const { customer, loading, isLoading, error, data } = result.current;
    expect({ loading, isLoading, error }).toEqual({ loading: false, isLoading: false, error: null });
    expect(data).toBe(customer);
    expect(customer?.products[0]).toMatchObject({ id: "free", name: "Free", status: "active" });
    expect(customer?.features.messages.balance).toBe(5);
    expect(customer?.features.messages.included_usage).toBe(5);
    expect(customer?.features.premium).toMatchObject({ balance: 5, included_usage: 5, type: "metered" });
    expect(customer?.features.storage).toMatchObject({ allowed: false, balance: 0, included_usage: 0 });
    expect(customer?.balances.messages?.remaining).toBe(5);
    expect(customer?.flags).toEqual({});
  });

  test("has plans, balances and flags as they change", async () => {
    const { useCustomer, hook, elsewhere } = page();
    const { result } = await hook(() => useCustomer());
    await elsewhere((t) =>
      t.mutation(async (ctx) => {
        await tally.subscriptions.attach(ctx, { customerId, planId: "pro" });
        await tally.subscriptions.cancel(ctx, { customerId, planId: "pro" });
      }),
    );
    const { customer } = result.current;
    expect(customer?.planIds).toEqual(["pro"]);
    expect(customer?.products).toMatchObject([
      { id: "pro", status: "active", canceled_at: expect.any(Number) as number },
      { id: "free", status: "scheduled" },
    ]);
    expect(customer?.flags).toEqual({ search: true });
    expect(Object.keys(customer?.balances ?? {})).toEqual(["messages", "storage", "seats"]);
  });

  test("checks at once, as in Autumn's examples", async () => {
    const { useCustomer, hook, settled } = page();
    const { result } = await hook(() => {
      const { check, refetch } = useCustomer();
      const send = useMutation(api.chat.send);
      return async () => {
        const { data } = check({ featureId: "messages" });
        if (!data?.allowed) return "You're out of messages";
        await send({});
        await refetch();
        return "sent";
      };
    });
    const said = [];
    for (let i = 0; i < 6; i++) {
      said.push(await act(() => result.current()));
      await settled();
    }
    expect(said).toEqual(["sent", "sent", "sent", "sent", "sent", "You're out of messages"]);
  });

  test("says no to every check before it has loaded, and to a visitor", async () => {
    const { useCustomer, hook, backend } = page();
    backend.subject = null;
    const { result, first } = await hook(() => useCustomer());
    expect(first.check({ featureId: "messages" })).toMatchObject({
      allowed: false,
      reason: "loading",
      data: null,
    });
    expect(result.current.customer).toBeNull();
    expect(result.current.check({ featureId: "messages" })).toMatchObject({
      allowed: false,
      reason: "unauthenticated",
    });
  });

  test("says what failed, without throwing", async () => {
    const { useCustomer, hook, backend } = page();
    backend.subject = "eve@acme";
    await backend.t.mutation((ctx) => tally.customers.create(ctx, { customerId: "acme" }));
    const { result } = await hook(() => useCustomer());
    const { customer, loading, error, check } = result.current;
    expect({ customer, loading }).toEqual({ customer: undefined, loading: false });
    expect(isTallyError(error, "entity_not_found")).toBe(true);
    expect(check({ featureId: "messages" })).toMatchObject({
      allowed: false,
      reason: "unavailable",
      error: { code: "unavailable" },
    });
  });

  test("refuses a feature that the catalog does not have, and an amount that is none", async () => {
    const { useCustomer, hook } = page();
    const { result } = await hook(() => useCustomer());
    const { check } = result.current;
    const given: string = "mesages";
    expect(() => check({ featureId: given })).toThrow(/No feature .*mesages.* is in the catalog; it has/);
    expect(() => check({ featureId: "messages", requiredBalance: NaN })).toThrow(/must be a finite number/);
  });

  test("goes on with the same functions, and renders no more than it has to", async () => {
    const { useCustomer, useCheck, usePlans, hook, settled, elsewhere } = page();
    let renders = 0;
    const { result, rerender } = await hook(() => {
      renders += 1;
      // As pages write it: a new object each time.
      const check = useCheck({ featureId: "messages", workspaceId: undefined });
      return { ...useCustomer({}), answer: check, plans: usePlans({}) };
    });
    const loaded = renders;
    expect(loaded).toBeLessThan(10);
    await settled();
    expect(renders).toBe(loaded);
    const before = result.current;
    rerender();
    for (const name of ["check", "refetch", "checkout", "customer", "answer", "plans"] as const)
      expect(result.current[name]).toBe(before[name]);
    await elsewhere((t) => t.mutation((ctx) => tally.track(ctx, { customerId, featureId: "messages" })));
    expect(result.current.checkout).toBe(before.checkout);
    expect(result.current.refetch).toBe(before.refetch);
    expect(result.current.check).not.toBe(before.check);
  });

  test("works in strict mode", async () => {
    const { useCustomer, show } = page();
    const Shown = () => <p>{useCustomer().customer?.features.messages.balance}</p>;
    const { container } = await show(
      <StrictMode>
        <Shown />
      </StrictMode>,
    );
    expect(container.textContent).toBe("5");
  });
});

describe("a query that fails", () => {
  class Boundary extends Component<{ children: ReactNode }, { error: Error | null }> {
    override state = { error: null as Error | null };
    static getDerivedStateFromError = (error: Error) => ({ error });
    override render() {
      return this.state.error === null ? this.props.children : <p>{this.state.error.message}</p>;
    }
  }

  test.each([
    ["useBalance", "billing:balances", "broken"],
    ["usePlans", "billing:plans", "broken"],
  ] as const)("reaches the error boundary from %s", async (name, path, message) => {
    vi.spyOn(console, "error").mockImplementation(() => {});
    const { show, backend, ...react } = page();
    backend.failing.set(path, new Error("broken"));
    const hooks = { useBalance: () => react.useBalance("messages"), usePlans: () => react.usePlans() };
    const Shown = () => String(hooks[name]());
    const { container } = await show(
      <Boundary>
        <Shown />
      </Boundary>,
    );
    expect(container.textContent).toContain(message);
    vi.restoreAllMocks();
  });

  test("because the app does not export it says what to export", async () => {
    vi.spyOn(console, "error").mockImplementation(() => {});
    const { show, backend, usePlans } = page();
    backend.failing.set("billing:plans", new Error("Could not find public function for 'billing:plans'."));
    const Shown = () => String(usePlans());
    const { container } = await show(
      <Boundary>
        <Shown />
      </Boundary>,
    );
    expect(container.textContent).toContain("gave createTallyReact no plans");
    vi.restoreAllMocks();
  });
});

describe("usePlans", () => {
  test("says which plans there are, and which the customer has", async () => {
    const { usePlans, hook, backend } = page();
    const { result } = await hook(() => usePlans()?.map(({ id, current }) => [id, current]));
    expect(result.current).toEqual([
      ["free", true],
      ["pro", false],
      ["pro-yearly", false],
      ["endless", false],
      ["team", false],
      ["pack", false],
    ]);
    backend.subject = null;
    await act(() => backend.refresh());
    expect(result.current?.every(([, current]) => current === false)).toBe(true);
  });
});

describe("optimisticTrack", () => {
  function sending(use: { mutation: "send" | "fail"; reject?: boolean }) {
    const made = page();
    const { useBalance, optimisticTrack } = made;
    const hook = made.hook(() => {
      const send = useMutation(api.chat[use.mutation]).withOptimisticUpdate((store) =>
        optimisticTrack(store, {
          featureId: "messages",
          value: 2,
          ...(use.reject && { onInsufficient: "reject" }),
        }),
      );
      return { send, balance: useBalance("messages") };
    });
    return { ...made, hook };
  }
  const messages = (remaining: number) => ({ remaining, usage: 5 - remaining });

  test("shows a use before it is answered, and then what it was", async () => {
    const { hook, backend, settled } = sending({ mutation: "send" });
    const { result } = await hook;
    let answer = () => {};
    backend.gate = new Promise((resolve) => (answer = resolve));
    act(() => void result.current.send({}));
    expect(result.current.balance).toMatchObject(messages(3));
    answer();
    await settled();
    // The page had said two; it was one.
    expect(result.current.balance).toMatchObject(messages(4));
  });

  test("undoes what it showed if the mutation fails", async () => {
    const { hook, backend } = sending({ mutation: "fail" });
    const { result } = await hook;
    let answer = () => {};
    backend.gate = new Promise((resolve) => (answer = resolve));
    let failure: unknown;
    act(() => void result.current.send({}).catch((error: unknown) => (failure = error)));
    expect(result.current.balance).toMatchObject(messages(3));
    answer();
    await act(() => backend.idle());
    expect(failure).toBeInstanceOf(Error);
    expect(result.current.balance).toMatchObject(messages(5));
  });

  test.each([
    ["takes what there is", false, 0],
    ["takes nothing where the mutation will be refused", true, 1],
  ])("of more than there is %s", async (_, reject, remaining) => {
    const { hook, backend, elsewhere, settled } = sending({ mutation: "send", reject });
    const { result } = await hook;
    await elsewhere((t) =>
      t.mutation((ctx) => tally.track(ctx, { customerId, featureId: "messages", value: 4 })),
    );
    let answer = () => {};
    backend.gate = new Promise((resolve) => (answer = resolve));
    act(() => void result.current.send({}));
    expect(result.current.balance).toMatchObject(messages(remaining));
    answer();
    await settled();
  });

  test("draws from credits as the deployment does", async () => {
    const { hook, useBalance, optimisticTrack, settled, backend } = page();
    const { result } = await hook(() => {
      const use = useMutation(api.chat.use).withOptimisticUpdate((store, args) =>
        optimisticTrack(store, { featureId: args.featureId as "premium", value: args.value }),
      );
      return { use, premium: useBalance("premium"), credits: useBalance("credits") };
    });
    let answer = () => {};
    backend.gate = new Promise((resolve) => (answer = resolve));
    act(() => void result.current.use({ featureId: "premium", value: 3.33 }));
    const shown = [result.current.premium, result.current.credits];
    expect(shown).toMatchObject([{ remaining: 1.67 }, { remaining: 0.167 }]);
    answer();
    await settled();
    expect([result.current.premium, result.current.credits]).toMatchObject([
      { remaining: 1.67, usage: 3.33 },
      { remaining: 0.167, usage: 0.333 },
    ]);
  });

  test("of an amount that is none shows nothing, and leaves the client as it was", async () => {
    const { hook, optimisticTrack, useBalance, settled } = page();
    const said = vi.spyOn(console, "error").mockImplementation(() => {});
    const { result } = await hook(() => {
      const send = useMutation(api.chat.send).withOptimisticUpdate((store) =>
        optimisticTrack(store, { featureId: "messages", value: -1 }),
      );
      return { send, balance: useBalance("messages") };
    });
    act(() => void result.current.send({}));
    expect(result.current.balance).toMatchObject(messages(5));
    expect(String(said.mock.calls[0]?.[1])).toMatch(/must not be negative/);
    await settled();
    expect(result.current.balance).toMatchObject(messages(4));
    said.mockRestore();
  });
});

describe("useCheckout", () => {
  test("answers where to pay, for the plan that is named", async () => {
    const { useCheckout, hook, backend } = page();
    const { result } = await hook(() => useCheckout());
    const answer = await act(() => result.current.checkout({ planId: "pro", redirect: false }));
    expect(answer).toEqual({ url: "#pay/pro" });
    expect(backend.calls).toEqual([
      { path: "billing:checkout", args: { planId: "pro", successUrl: window.location.href } },
    ]);
    expect(result.current).toMatchObject({ pending: false, error: null });
  });

  test("takes a product by Autumn's name for it, in the scope of the page", async () => {
    const { useCustomer, hook, backend } = page();
    const { result } = await hook(() => useCustomer({ workspaceId: "red" }));
    const successUrl = "https://app.example/back";
    await act(() => result.current.checkout({ productId: "pack", successUrl, redirect: false }));
    expect(backend.calls[0]?.args).toEqual({ workspaceId: "red", planId: "pack", successUrl });
  });

  test("goes where he pays", async () => {
    const { useCheckout, hook } = page();
    const { result } = await hook(() => useCheckout());
    await act(() => result.current.checkout({ planId: "pro" }));
    expect(window.location.hash).toBe("#pay/pro");
    expect(result.current.pending).toBe(true);
    const shown = (persisted: boolean) =>
      act(() => void window.dispatchEvent(new PageTransitionEvent("pageshow", { persisted })));
    shown(false);
    expect(result.current.pending).toBe(true);
    shown(true);
    expect(result.current.pending).toBe(false);
    window.location.hash = "";
  });

  test("says why it failed", async () => {
    const { useCheckout, hook } = page();
    const { result } = await hook(() => useCheckout());
    await act(async () => {
      await expect(result.current.checkout({ planId: "endless" })).rejects.toThrow();
    });
    expect(result.current.pending).toBe(false);
    expect(isTallyError(result.current.error, "payment_failed")).toBe(true);
  });

  test.each([
    ["exports none", { failure: "Could not find public function for 'billing:checkout'. Did you forget?" }],
    ["gives none", {}],
  ])("of an app that %s says what to export", async (_, { failure }: { failure?: string }) => {
    const { hook, backend } = page();
    if (failure !== undefined) backend.failing.set("billing:checkout", new Error(failure));
    const { customer, balances, checkout } = api.billing;
    const { useCustomer } = createTallyReact(
      failure === undefined ? { customer, balances } : { customer, balances, checkout },
    );
    const { result } = await hook(() => useCustomer());
    const asked = act(() => result.current.checkout({ planId: "pro" }));
    await expect(asked).rejects.toMatchObject({
      data: {
        kind: "not_supported",
        message: expect.stringContaining("export const { checkout } = payments.api()") as string,
      },
    });
  });

  test("never follows a link that is no page", async () => {
    const { useCheckout, hook, client } = page();
    vi.spyOn(client, "action").mockResolvedValue({ url: "javascript:alert(1)" });
    const { result } = await hook(() => useCheckout());
    await act(async () => {
      await expect(result.current.checkout({ planId: "pro" })).rejects.toThrow(/no page: javascript:/);
    });
  });
});
