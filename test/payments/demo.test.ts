import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import { demo } from "../../src/payments/index.js";
import { browser, deploy, left, plansOf, purchases, SUCCESS_URL, type Deployment } from "./deployment.js";

const START = Date.UTC(2026, 0, 10);
const PACK = { productId: "api-call-pack-1000", successUrl: SUCCESS_URL };

beforeEach(() => {
  vi.useFakeTimers({ toFake: ["Date"] });
  vi.setSystemTime(START);
  vi.stubEnv("CONVEX_SITE_URL", "https://happy-otter-1.convex.site");
});
afterEach(() => {
  vi.useRealTimers();
  vi.unstubAllEnvs();
});

async function opened(args: Record<string, string> = PACK) {
  const t = deploy(demo({ enabled: true }));
  const { url } = await browser(t).checkout(args);
  const page = new URL(url ?? "");
  return { t, page, session: page.searchParams.get("session") ?? "" };
}
const press = async (t: Deployment, session: string, outcome: string) =>
  (await t.fetch("/tally/webhook", { method: "POST", body: JSON.stringify({ session, outcome }) })).status;

describe("the demo's checkout", () => {
  test("is a page of the deployment that says what is bought for how much", async () => {
    const { t, page } = await opened();
    expect(page.origin).toBe("https://happy-otter-1.convex.site");
    const response = await t.fetch(page.pathname + page.search);
    const html = await response.text();
    expect(response.headers.get("content-type")).toBe("text/html; charset=utf-8");
    expect(html).toContain("<span>1,000 API Calls</span> <span>5 USD</span>");
    expect(html).toContain("no money moves");
  });

  test("paid, gives what was bought, though it is delivered twice", async () => {
    const { t, session } = await opened();
    expect(await press(t, session, "pay")).toBe(200);
    expect(await press(t, session, "pay")).toBe(200);
    expect(await left(t, "api_calls")).toMatchObject({ granted: 1_000 });
    expect(await purchases(t)).toMatchObject([{ status: "paid", paid: 500 }]);
  });

  test("paid, begins a plan for its period", async () => {
    const { t, session } = await opened({ planId: "pro", successUrl: SUCCESS_URL });
    await press(t, session, "pay");
    expect(await plansOf(t)).toEqual(["pro active"]);
    expect(await purchases(t)).toMatchObject([{ paidUntil: Date.UTC(2026, 1, 10) }]);
  });

  test("paid for nothing, begins a trial", async () => {
    const { t, session } = await opened({ planId: "tried", successUrl: SUCCESS_URL });
    await press(t, session, "pay");
    expect(await plansOf(t)).toContain("tried active");
    expect(await purchases(t)).toMatchObject([{ paid: 0, paidUntil: Date.UTC(2026, 0, 24) }]);
  });

  test.each([
    ["decline", "failed"],
    ["abandon", "expired"],
  ])("by %s, gives nothing, and the next one is another", async (outcome, status) => {
    const { t, session, page } = await opened();
    expect(await press(t, session, outcome)).toBe(200);
    expect(await purchases(t)).toMatchObject([{ status }]);
    expect(await left(t, "api_calls")).toMatchObject({ granted: 0 });
    expect((await browser(t).checkout(PACK)).url).not.toBe(page.href);
    const html = await (await t.fetch(page.pathname + page.search)).text();
    expect(html).toContain(`This checkout is ${status}`);
  });

  test.each([
    ["another session", { session: "demo_session_1", outcome: "pay" }],
    ["another outcome", { outcome: "free" }],
    ["no session", { session: null, outcome: "pay" }],
  ])("of %s is refused", async (_what, body) => {
    const { t, session } = await opened();
    const sent = JSON.stringify({ session, ...body });
    expect((await t.fetch("/tally/webhook", { method: "POST", body: sent })).status).toBe(400);
    expect((await t.fetch("/tally/webhook", { method: "POST", body: "pay" })).status).toBe(400);
    expect(await purchases(t)).toMatchObject([{ status: "open" }]);
  });

  test("of a session that is none is not found", async () => {
    const { t } = await opened();
    for (const path of ["/tally/checkout", "/tally/checkout?session=demo_session_1"])
      expect((await t.fetch(path)).status).toBe(404);
  });

  test("is canceled and resumed like any other", async () => {
    const { t, session } = await opened({ planId: "pro", successUrl: SUCCESS_URL });
    await press(t, session, "pay");
    vi.setSystemTime(START + 1_000);
    expect(await browser(t).cancel({ planId: "pro" })).toEqual({ endsAt: Date.UTC(2026, 1, 10) });
    expect(await plansOf(t)).toEqual(["pro active", "free scheduled"]);
    expect(await browser(t).resume({ planId: "pro" })).toEqual({ resumed: true });
    expect(await plansOf(t)).toEqual(["pro active"]);
  });
});

describe("where it is not enabled", () => {
  test.each([
    ["by false", false],
    ["by a function", () => false],
  ])("%s, it sells nothing, shows nothing and credits nothing", async (_how, enabled) => {
    const { t, session, page } = await opened();
    const off = deploy(demo({ enabled }));
    await expect(browser(off).checkout(PACK)).rejects.toThrow(/not enabled/);
    const log = vi.spyOn(console, "error").mockImplementation(() => {});
    expect(await press(t, session, "pay")).toBe(501);
    log.mockRestore();
    expect((await t.fetch(page.pathname + page.search)).status).toBe(404);
    expect(await purchases(t)).toMatchObject([{ status: "open" }]);
    await expect(browser(off).confirm()).rejects.toThrow(/not enabled/);
  });
});
