/** What a customer lets his own overage cost. */
import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import { sweep } from "../app/stored.js";
import { payments, tally } from "./app/billing.js";
import { all, browser, collect, stripeShop, taken, withCard, type Deployment } from "./deployment.js";

const START = Date.UTC(2026, 0, 10);

beforeEach(() => {
  vi.useFakeTimers({ toFake: ["Date"] });
  vi.setSystemTime(START);
});
afterEach(() => {
  vi.useRealTimers();
});

const customerId = "user_1";
const attach = async (t: Deployment, planId: "metered" | "pennies") =>
  await t.mutation((ctx) => tally.subscriptions.attach(ctx, { customerId, planId }));
/** What of a use fits. */
const used = async (t: Deployment, featureId: "messages" | "api_calls", value: number) =>
  await t.mutation(async (ctx) => (await tally.track(ctx, { customerId, featureId, value })).applied);

/** A customer who pays a dollar for each message after 10 free ones. */
async function metered() {
  const shop = await stripeShop();
  await withCard(shop);
  await attach(shop.t, "metered");
  return shop;
}

describe("a customer's own budget", () => {
  test("is what he is charged at most, to the cent", async () => {
    const shop = await metered();
    const { t } = shop;
    await browser(t).limitOverage({ featureId: "messages", amount: 7.5 });
    expect(await used(t, "messages", 100)).toBe(17);
    const check = await t.query((ctx) => tally.check(ctx, { customerId, featureId: "messages" }));
    expect(check).toMatchObject({ allowed: false, reason: "spend_limit" });
    vi.setSystemTime(Date.UTC(2026, 1, 10, 1));
    await sweep(t);
    await collect(t);
    expect(taken(shop)).toEqual([700]);
  });

  test("holds in each period anew", async () => {
    const { t } = await metered();
    await browser(t).limitOverage({ featureId: "messages", amount: 2 });
    expect(await used(t, "messages", 100)).toBe(12);
    vi.setSystemTime(Date.UTC(2026, 1, 10, 1));
    expect(await used(t, "messages", 100)).toBe(12);
  });

  test("follows the price of whatever plan he has", async () => {
    const { t } = await metered();
    await browser(t).limitOverage({ featureId: "api_calls", amount: 2 });
    await attach(t, "pennies");
    expect(await used(t, "api_calls", 10_000)).toBe(2_000);
  });

  test("never raises what the operator allows", async () => {
    const { t } = await metered();
    await t.mutation((ctx) => tally.controls.set(ctx, { customerId, featureId: "messages", spendLimit: 5 }));
    await browser(t).limitOverage({ featureId: "messages", amount: 1_000 });
    expect(await used(t, "messages", 100)).toBe(15);
    await browser(t).limitOverage({ featureId: "messages", amount: null });
    expect(await used(t, "messages", 100)).toBe(0);
  });

  test("allows no overage where the operator forbids it", async () => {
    const { t } = await metered();
    await t.mutation((ctx) =>
      tally.controls.set(ctx, { customerId, featureId: "messages", overageAllowed: false }),
    );
    await browser(t).limitOverage({ featureId: "messages", amount: 1_000 });
    expect(await used(t, "messages", 100)).toBe(10);
  });

  test("is taken away again, and set by trusted code", async () => {
    const { t } = await metered();
    const set = (amount: number | null) =>
      t.mutation((ctx) => payments.for(ctx, { customerId }).limitOverage({ featureId: "messages", amount }));
    await set(0);
    expect(await used(t, "messages", 100)).toBe(10);
    await set(null);
    expect(await used(t, "messages", 100)).toBe(100);
  });

  test("is on a page where he sees his balances", async () => {
    const { t } = await metered();
    await browser(t).limitOverage({ featureId: "messages", amount: 2 });
    const [row] = (await all(t)).balances.filter(({ featureId }) => featureId === "messages");
    expect(row?.controls?.own).toEqual({ budget: 2 });
    expect(row?.overage).toEqual({ budget: 2 });
  });

  test.each([
    ["below 0", { featureId: "messages", amount: -1 }, /must not be negative/],
    ["without a number", { featureId: "messages", amount: NaN }, /finite/],
    ["of a feature that is none", { featureId: "nothing", amount: 1 }, /No feature/],
    ["of a feature that is on or off", { featureId: "sso", amount: 1 }, /used by amounts/],
    ["of another customer", { featureId: "messages", amount: 1, customerId: "user_2" }, /Validator error/],
  ])("%s is refused", async (_what, args, why) => {
    const { t } = await stripeShop();
    await expect(browser(t).limitOverage(args)).rejects.toThrow(why);
    expect((await all(t)).balances).toEqual([]);
  });

  test("is set by nobody who may not manage the billing", async () => {
    const { t } = await stripeShop();
    const args = { featureId: "messages", amount: 1 };
    await expect(browser(t, null).limitOverage(args)).rejects.toThrow(/unauthenticated/);
    await expect(browser(t).limitOverage({ ...args, workspaceId: "team" })).rejects.toThrow(
      /unauthenticated/,
    );
    await browser(t).limitOverage({ ...args, workspaceId: "team:owner" });
    const rows = (await all(t)).balances.filter(({ overage }) => overage?.budget === 1);
    expect(rows).toMatchObject([{ customerId: "team", featureId: "messages" }]);
  });
});
