import { anyApi, type ApiFromModules } from "convex/server";
import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import { deploy, user, type Deployed } from "./deploy.js";
import { tally } from "./starter.js";
import type * as starter from "./starter.js";

const { starter: app } = anyApi as unknown as ApiFromModules<{ starter: typeof starter }>;

beforeEach(() => {
  vi.useFakeTimers();
  vi.setSystemTime("2026-01-31T12:00:00Z");
});
afterEach(() => {
  vi.useRealTimers();
});

const usageExceeded = { data: { code: "USAGE_EXCEEDED" } };

function balanceOf(t: Deployed, featureId: string) {
  return t.query((ctx) => tally.check(ctx, { customerId: "user_1", featureId }));
}

describe("an action that checks and tracks", () => {
  test("works and uses one call", async () => {
    const t = deploy();
    const answer = await user(t).action(app.callExternalApi, { endpoint: "weather" });
    expect(answer).toEqual({ success: true, data: "200 from weather" });
    expect(await balanceOf(t, "api_calls")).toMatchObject({ usage: 1, remaining: 2 });
  });

  test("is refused with the app's own error after the last call", async () => {
    const t = deploy();
    const ada = user(t);
    for (const endpoint of ["one", "two", "three"]) await ada.action(app.callExternalApi, { endpoint });
    await expect(ada.action(app.callExternalApi, { endpoint: "four" })).rejects.toMatchObject(usageExceeded);
    expect(await balanceOf(t, "api_calls")).toMatchObject({ usage: 3, remaining: 0 });
  });

  test("that tracks before it works has used what it tracked, though the work fails", async () => {
    const t = deploy();
    const failing = user(t).action(app.callExternalApi, { endpoint: "down:weather" });
    await expect(failing).rejects.toThrow("503");
    expect(await balanceOf(t, "api_calls")).toMatchObject({ usage: 1, remaining: 2 });
  });

  test("is refused when nobody is signed in", async () => {
    const call = deploy().action(app.callExternalApi, { endpoint: "weather" });
    await expect(call).rejects.toMatchObject(usageExceeded);
  });

  test("has its calls back a month later", async () => {
    const t = deploy();
    const ada = user(t);
    for (const endpoint of ["one", "two", "three"]) await ada.action(app.callExternalApi, { endpoint });
    vi.setSystemTime("2026-02-28T12:00:00Z");
    await ada.action(app.callExternalApi, { endpoint: "four" });
    expect(await balanceOf(t, "api_calls")).toMatchObject({ usage: 1, remaining: 2 });
  });
});

describe("consumption that is known only afterwards", () => {
  test("is tracked as what it was", async () => {
    const t = deploy();
    expect(await user(t).action(app.generateText, { prompt: "tell me more" })).toEqual({
      text: "TELL ME MORE",
    });
    expect(await balanceOf(t, "ai_tokens")).toMatchObject({ usage: 30, remaining: 70 });
  });

  test("takes no more than is left, and says what it did not take", async () => {
    const t = deploy();
    await t.mutation((ctx) => tally.track(ctx, { customerId: "user_1", featureId: "ai_tokens", value: 90 }));
    await user(t).action(app.generateText, { prompt: "tell me more" });
    expect(await balanceOf(t, "ai_tokens")).toMatchObject({ allowed: false, usage: 100, remaining: 0 });
    const { page } = await t.query((ctx) => tally.events.list(ctx, { customerId: "user_1", limit: 1 }));
    expect(page).toMatchObject([{ featureId: "ai_tokens", value: 30, uncovered: 20 }]);
  });

  test("stops once nothing is left", async () => {
    const t = deploy();
    const ada = user(t);
    await ada.action(app.generateText, { prompt: "a b c d e f g h i j" });
    await expect(ada.action(app.generateText, { prompt: "more" })).rejects.toMatchObject(usageExceeded);
  });
});

describe("a usage query over any feature", () => {
  test("follows each use", async () => {
    const t = deploy();
    const ada = user(t);
    expect(await ada.query(app.getUsage, { featureId: "emails" })).toEqual({ allowed: true });
    await ada.action(app.sendEmail, { to: "bob", body: "hi" });
    await ada.action(app.sendEmail, { to: "bob", body: "hi again" });
    expect(await ada.query(app.getUsage, { featureId: "emails" })).toEqual({ allowed: false });
  });

  test("says no to a visitor", async () => {
    expect(await deploy().query(app.getUsage, { featureId: "emails" })).toEqual({ allowed: false });
  });

  test("refuses a feature that is not in the catalog", async () => {
    const asked = user(deploy()).query(app.getUsage, { featureId: "faxes" });
    await expect(asked).rejects.toMatchObject({ data: { kind: "feature_not_found" } });
  });
});

describe("a soft limit", () => {
  test("lets everything through up to it, and nothing beyond", async () => {
    const t = deploy();
    const ada = user(t);
    expect(await ada.action(app.sendEmail, { to: "bob", body: "one" })).toBe("bob: one");
    expect(await ada.action(app.sendEmail, { to: "bob", body: "two" })).toBe("bob: two");
    const third = ada.action(app.sendEmail, { to: "bob", body: "three" });
    await expect(third).rejects.toMatchObject({
      data: { code: "USAGE_EXCEEDED", message: "No emails left this month" },
    });
  });
});

describe("a paid plan", () => {
  test("brings its own amounts", async () => {
    const t = deploy();
    await t.mutation(app.completePurchase, { userId: "user_1", planId: "paid" });
    expect(await balanceOf(t, "api_calls")).toMatchObject({ granted: 10_000, remaining: 10_000 });
    expect(await balanceOf(t, "ai_tokens")).toMatchObject({ granted: 50_000, remaining: 50_000 });
    expect(await balanceOf(t, "emails")).toMatchObject({ allowed: false, reason: "not_included" });
  });

  test("with overage goes on beyond what is included", async () => {
    const t = deploy();
    await t.mutation(app.completePurchase, { userId: "user_1", planId: "pay-as-you-go" });
    await t.mutation((ctx) =>
      tally.track(ctx, { customerId: "user_1", featureId: "api_calls", value: 10_500 }),
    );
    expect(await balanceOf(t, "api_calls")).toMatchObject({
      allowed: true,
      overageAllowed: true,
      usage: 10_500,
      remaining: 0,
      data: { balance: -500, overage_allowed: true },
    });
  });
});

describe("a pack that is paid once", () => {
  test("adds to the month's allowance", async () => {
    const t = deploy();
    await t.mutation(app.completePurchase, { userId: "user_1", planId: "call-pack" });
    expect(await balanceOf(t, "api_calls")).toMatchObject({ granted: 1_003, remaining: 1_003 });
    expect(await balanceOf(t, "emails")).toMatchObject({ remaining: 2 });
  });

  test("is used only after the month's allowance", async () => {
    const t = deploy();
    await t.mutation(app.completePurchase, { userId: "user_1", planId: "call-pack" });
    await t.mutation((ctx) => tally.track(ctx, { customerId: "user_1", featureId: "api_calls", value: 5 }));
    const { breakdown } = await balanceOf(t, "api_calls");
    expect(breakdown).toMatchObject([
      { planId: "hobby", usage: 3, remaining: 0 },
      { planId: "call-pack", usage: 2, remaining: 998 },
    ]);
  });

  test("is still there after the month, and the allowance is new", async () => {
    const t = deploy();
    await t.mutation(app.completePurchase, { userId: "user_1", planId: "call-pack" });
    await t.mutation((ctx) => tally.track(ctx, { customerId: "user_1", featureId: "api_calls", value: 5 }));
    vi.setSystemTime("2026-03-01T00:00:00Z");
    expect(await balanceOf(t, "api_calls")).toMatchObject({ granted: 1_003, usage: 2, remaining: 1_001 });
  });

  test("can be bought again", async () => {
    const t = deploy();
    await t.mutation(app.completePurchase, { userId: "user_1", planId: "call-pack" });
    await t.mutation(app.completePurchase, { userId: "user_1", planId: "call-pack" });
    expect(await balanceOf(t, "api_calls")).toMatchObject({ remaining: 2_003 });
  });

  test("outlives a change of plan", async () => {
    const t = deploy();
    await t.mutation(app.completePurchase, { userId: "user_1", planId: "call-pack" });
    await t.mutation(app.completePurchase, { userId: "user_1", planId: "paid" });
    expect(await balanceOf(t, "api_calls")).toMatchObject({ remaining: 11_000 });
  });
});
