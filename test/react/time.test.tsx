import { act } from "@testing-library/react";
import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import { Account, Accounts } from "../../src/react/account.js";
import { Clock } from "../../src/react/clock.js";
import type { BalanceView, CustomerView } from "../../src/client/index.js";
import { api, tally } from "./app.js";
import { page } from "./page.js";

const SECOND = 1_000;
const DAY = 86_400_000;
const JAN_31 = Date.UTC(2026, 0, 31, 10);
const FEB_28 = Date.UTC(2026, 1, 28, 10);
const customerId = "ada";

beforeEach(() => {
  vi.useFakeTimers({ now: JAN_31, toFake: ["Date", "setTimeout", "clearTimeout"] });
});
afterEach(() => {
  vi.useRealTimers();
});

/** Nothing comes from the deployment meanwhile. */
const pass = (ms: number) => act(() => vi.advanceTimersByTimeAsync(ms));

describe("time alone", () => {
  test("resets what is shown, at its instant", async () => {
    const { useBalance, useCheck, hook, backend } = page();
    await backend.t.mutation((ctx) => tally.track(ctx, { customerId, featureId: "messages", value: 5 }));
    vi.setSystemTime(FEB_28 - 5 * SECOND);
    const { result } = await hook(() => [
      useCheck({ featureId: "messages" })?.allowed,
      useBalance("messages")?.remaining,
    ]);
    await pass(4_999);
    expect(result.current).toEqual([false, 0]);
    await pass(1);
    expect(result.current).toEqual([true, 5]);
  });

  test("ends a grant, and begins another", async () => {
    const { useBalance, hook, backend } = page();
    await backend.t.mutation(async (ctx) => {
      const grant = { customerId, featureId: "messages", amount: 10 } as const;
      await tally.grants.grant(ctx, { ...grant, expiresAt: JAN_31 + 3 * SECOND });
      await tally.grants.grant(ctx, { ...grant, amount: 100, startsAt: JAN_31 + 5 * SECOND });
    });
    const { result } = await hook(() => useBalance("messages")?.remaining);
    expect(result.current).toBe(15);
    await pass(3 * SECOND);
    expect(result.current).toBe(5);
    await pass(2 * SECOND);
    expect(result.current).toBe(105);
  });

  test("moves the customer and his checks as well", async () => {
    const { useCustomer, hook, backend } = page();
    await backend.t.mutation((ctx) => tally.track(ctx, { customerId, featureId: "messages", value: 5 }));
    vi.setSystemTime(FEB_28 - SECOND);
    const { result } = await hook(() => useCustomer());
    expect(result.current.customer?.features.messages.balance).toBe(0);
    await pass(SECOND);
    expect(result.current.customer?.features.messages.balance).toBe(5);
    expect(result.current.check({ featureId: "messages" }).allowed).toBe(true);
  });

  test("is seen by a part of the page that comes later", async () => {
    const { useBalance, hook, backend } = page();
    await backend.t.mutation((ctx) => tally.track(ctx, { customerId, featureId: "messages", value: 5 }));
    vi.setSystemTime(FEB_28 - SECOND);
    const early = await hook(() => useBalance("messages")?.remaining);
    await pass(2 * SECOND);
    const late = await hook(() => useBalance("messages")?.remaining);
    expect([early.result.current, late.first]).toEqual([5, 5]);
  });

  test("that passed while the computer slept is noticed when the page is looked at", async () => {
    const { useBalance, hook, backend } = page();
    await backend.t.mutation((ctx) => tally.track(ctx, { customerId, featureId: "messages", value: 5 }));
    const { result } = await hook(() => useBalance("messages")?.remaining);
    vi.setSystemTime(FEB_28 + DAY);
    act(() => void document.dispatchEvent(new Event("visibilitychange")));
    expect(result.current).toBe(5);
  });
});

describe("the browser's clock", () => {
  test.each([
    ["a day behind", DAY],
    ["a day ahead", -DAY],
    ["a second behind", SECOND],
    ["an hour ahead", -3_600_000],
  ])("may be %s of the deployment's", async (_, aheadMs) => {
    const { useBalance, hook, backend } = page();
    vi.setSystemTime(JAN_31 + DAY);
    await backend.t.mutation((ctx) => tally.track(ctx, { customerId, featureId: "messages", value: 5 }));
    const resetAt = Date.UTC(2026, 2, 1, 10);
    backend.aheadMs = aheadMs;
    // Five seconds before the reset, on the deployment's clock.
    vi.setSystemTime(resetAt - 5 * SECOND - aheadMs);
    const { result } = await hook(() => useBalance("messages")?.remaining);
    await pass(4_999);
    expect(result.current).toBe(0);
    await pass(1);
    expect(result.current).toBe(5);
  });

  test("is not thought to be ahead because an answer comes late", () => {
    const clock = new Clock();
    clock.observe(Date.now() + 500);
    clock.observe(Date.now() - 3_000);
    expect(clock.now()).toBe(Date.now() + 500);
    clock.observe(Date.now() + 700);
    expect(clock.now()).toBe(Date.now() + 700);
  });

  test("is followed when it is set", () => {
    const clock = new Clock();
    clock.observe(Date.now() + DAY);
    clock.observe(Date.now());
    expect(clock.now()).toBe(Date.now());
  });
});

describe("an account", () => {
  const customer = {
    customerId,
    features: [{ id: "messages", name: "Messages", pools: [{ featureId: "messages" }] }],
  } as unknown as CustomerView;
  const expiring = (expiresAt: number) => ({
    featureId: "messages",
    grants: [{ id: "g", source: "s", granted: 3, used: 0, createdAt: JAN_31, expiresAt }],
    advancedAt: JAN_31,
  });
  const accountOf = (expiresAt: number) =>
    new Accounts(new Clock()).of(customer, [{ state: expiring(expiresAt) } as unknown as BalanceView]);

  test("waits for an instant that is further away than timers reach", async () => {
    const account = accountOf(JAN_31 + 60 * DAY);
    const told: number[] = [];
    const leave = account.subscribe(() => told.push(account.moment()));
    await vi.advanceTimersByTimeAsync(60 * DAY - 1);
    expect(told).toEqual([]);
    await vi.advanceTimersByTimeAsync(1);
    expect(told).toEqual([JAN_31 + 60 * DAY]);
    leave();
  });

  test("leaves no timer behind", () => {
    const account = accountOf(JAN_31 + DAY);
    const [first, second] = [account.subscribe(() => {}), account.subscribe(() => {})];
    expect(vi.getTimerCount()).toBe(1);
    first();
    second();
    expect(vi.getTimerCount()).toBe(0);
  });

  test("tells everybody of a boundary that somebody has noticed before the timer", async () => {
    const account = accountOf(JAN_31 + DAY);
    let told = 0;
    const leave = account.subscribe(() => told++);
    vi.setSystemTime(JAN_31 + DAY);
    expect(account.moment()).toBe(JAN_31 + DAY);
    await vi.advanceTimersByTimeAsync(DAY);
    expect(told).toBe(1);
    leave();
  });

  test("without rows never changes", () => {
    const account = new Account(customer, [], new Clock());
    const leave = account.subscribe(() => {});
    expect(vi.getTimerCount()).toBe(0);
    expect(account.decide("messages", 1, account.moment())).toMatchObject({ reason: "not_included" });
    leave();
  });
});

test("what a browser is given names no key, reason or actor", async () => {
  const { backend } = page();
  await backend.t.mutation(async (ctx) => {
    const secret = { idempotencyKey: "secret-key", reason: "secret-reason", actor: "secret-actor" };
    await tally.grants.grant(ctx, { customerId, featureId: "messages", amount: 1, ...secret });
    const { idempotencyKey } = secret;
    await tally.track(ctx, {
      customerId,
      featureId: "messages",
      idempotencyKey: `${idempotencyKey}-2`,
      properties: { note: "secret-note" },
    });
  });
  const ada = backend.t.withIdentity({ subject: "ada" });
  const balances = await ada.query(api.billing.balances, {});
  expect(balances?.find(({ featureId }) => featureId === "messages")).toMatchObject({ remaining: 5 });
  const given = [balances, await ada.query(api.billing.customer, {})];
  expect(JSON.stringify(given)).not.toContain("secret");
});
