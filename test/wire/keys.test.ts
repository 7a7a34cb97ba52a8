import rateLimiter from "@convex-dev/rate-limiter/test";
import { HOUR, MINUTE, RateLimiter } from "@convex-dev/rate-limiter";
import { componentsGeneric, httpRouter } from "convex/server";
import { describe, expect, test, vi } from "vitest";
import { registerRoutes, type RateLimits } from "../../src/http/index.js";
import { tally } from "./app/billing.js";
import { secrets } from "./app/http.js";
import { deploy, NOW, SECRET, send, type Deployment } from "./deployment.js";

const check = { customer_id: "ada", feature_id: "messages" };
const statusOf = async (t: Deployment, secret: string | null, headers = {}) =>
  (await send(t, "balances.check", check, { secret, headers })).status;

describe("the secret", () => {
  test("lets in whoever has it", async () => {
    const t = deploy();
    expect(await statusOf(t, SECRET)).toBe(200);
  });

  test.each([
    ["no secret", null],
    ["another one", "am_sk_test_9876543210"],
    ["a part of it", SECRET.slice(0, -1)],
    ["more than it", `${SECRET}0`],
    ["it in capitals", SECRET.toUpperCase()],
  ])("keeps out %s", async (_what, secret) => {
    expect(await statusOf(deploy(), secret)).toBe(401);
  });

  test.each([
    ["by another scheme", `Basic ${SECRET}`],
    ["bare", SECRET],
    ["twice", `Bearer ${SECRET} ${SECRET}`],
    ["empty", "Bearer "],
  ])("keeps out whoever sends it %s", async (_how, authorization) => {
    expect(await statusOf(deploy(), null, { authorization })).toBe(401);
  });

  test("may be replaced while both are good", async () => {
    const t = deploy();
    secrets.next = "am_sk_test_new";
    expect(await statusOf(t, SECRET)).toBe(200);
    expect(await statusOf(t, "am_sk_test_new")).toBe(200);
    secrets.current = undefined;
    expect(await statusOf(t, SECRET)).toBe(401);
    expect(await statusOf(t, "am_sk_test_new")).toBe(200);
  });

  test.each([undefined, ""])("that is not set (%j) lets nobody in", async (none) => {
    const t = deploy();
    secrets.current = none;
    for (const secret of [SECRET, "undefined", "null"]) expect(await statusOf(t, secret)).toBe(401);
  });

  test("is asked for before anything else is looked at", async () => {
    const t = deploy();
    const response = await t.fetch("/v1/nothing.there", { method: "POST", body: "no JSON" });
    expect(response.status).toBe(401);
  });

  test("is compared by its digest, with every secret there is", async () => {
    const t = deploy();
    secrets.next = "am_sk_test_new";
    const digest = vi.spyOn(crypto.subtle, "digest");
    await statusOf(t, "am_sk_test_wrong");
    const digested = digest.mock.calls.map(([, bytes]) => new TextDecoder().decode(bytes as Uint8Array));
    expect(digested.sort()).toEqual([SECRET, "am_sk_test_new", "am_sk_test_wrong"].sort());
    digest.mockRestore();
  });

  test("is in no answer and no log", async () => {
    const t = deploy();
    const logs = (["log", "info", "warn", "error", "debug"] as const).map((level) =>
      vi.spyOn(console, level).mockImplementation(() => undefined),
    );
    const given = "am_sk_test_mistyped";
    const said = [
      await send(t, "balances.check", check, { secret: given }),
      await send(t, "balances.check", { customer_id: 7 }),
      await send(t, "no.such.call", {}),
    ].map(({ body, headers }) => JSON.stringify([body, [...headers]]));
    vi.spyOn(tally, "for").mockImplementation(() => {
      throw new Error("a defect");
    });
    said.push(JSON.stringify(await send(t, "balances.check", check)));
    const logged = logs.flatMap(({ mock }) => mock.calls.flat().map(String));
    expect(logged.join()).toContain("a defect");
    for (const text of [...said, ...logged]) {
      expect(text).not.toContain(SECRET);
      expect(text).not.toContain(given);
    }
    vi.restoreAllMocks();
  });
});

describe("a body", () => {
  const text = (bytes: number) => {
    const start = JSON.stringify({ ...check, filler: "" }).slice(0, -2);
    return `${start}${"x".repeat(bytes - start.length - 2)}"}`;
  };
  const MIB = 1024 * 1024;

  test.each([
    ["of 1 MiB is read", text(MIB), 200],
    ["of one byte more is refused", text(MIB + 1), 413],
  ])("%s", async (_what, body, status) => {
    const t = deploy();
    const response = await t.fetch("/v1/balances.check", {
      method: "POST",
      headers: { authorization: `Bearer ${SECRET}` },
      body,
    });
    expect(response.status).toBe(status);
  });

  test("that says that it is larger is not read", async () => {
    const t = deploy();
    const response = await t.fetch("/v1/balances.check", {
      method: "POST",
      headers: { authorization: `Bearer ${SECRET}`, "content-length": String(MIB + 1) },
      body: JSON.stringify(check),
    });
    expect(response.status).toBe(413);
  });
});

describe("rate limits", () => {
  const { rateLimiter: component } = componentsGeneric() as unknown as {
    rateLimiter: ConstructorParameters<typeof RateLimiter>[0];
  };
  const limiter = new RateLimiter(component);

  function limited(limits: Omit<RateLimits, "limiter">): Deployment {
    const http = httpRouter();
    const rateLimits = { limiter, ...limits };
    registerRoutes(http, tally, { secretKey: () => [secrets.current, secrets.next], rateLimits });
    const t = deploy(() => Promise.resolve({ default: http }));
    rateLimiter.register(t);
    return t;
  }
  const perMinute = (rate: number) => ({ kind: "token bucket", rate, period: MINUTE }) as const;

  test("of a key count all that bears it, and say when to come again", async () => {
    const t = limited({ perKey: perMinute(2) });
    expect(await statusOf(t, SECRET)).toBe(200);
    expect((await send(t, "balances.check", { ...check, customer_id: "bob" })).status).toBe(200);
    const refused = await send(t, "balances.track", check);
    expect(refused.status).toBe(429);
    expect(refused.headers.get("retry-after")).toBe("30");
    expect(refused.body).toEqual({
      code: "rate_limit_exceeded",
      message: expect.stringContaining("30 seconds"),
      env: "live",
    });
    vi.setSystemTime(NOW + 30_000);
    const { body } = await send(t, "balances.track", check);
    expect(body).toMatchObject({ balance: { usage: 1 } });
  });

  test("of a key are each key's own", async () => {
    const t = limited({ perKey: perMinute(1) });
    secrets.next = "am_sk_test_new";
    expect(await statusOf(t, SECRET)).toBe(200);
    expect(await statusOf(t, SECRET)).toBe(429);
    expect(await statusOf(t, "am_sk_test_new")).toBe(200);
  });

  test("of a key are not used up by whoever does not have it", async () => {
    const t = limited({ perKey: perMinute(1) });
    for (let index = 0; index < 3; index++) expect(await statusOf(t, "am_sk_wrong")).toBe(401);
    expect(await statusOf(t, SECRET)).toBe(200);
  });

  test("of a customer leave the others alone, whatever the path that names him", async () => {
    const t = limited({ perCustomer: { kind: "fixed window", rate: 2, period: HOUR, capacity: 2 } });
    expect((await send(t, "balances.check", check)).status).toBe(200);
    const query = "customer_id=ada&feature_key=messages";
    expect((await send(t, `usage/check?${query}`, undefined, { method: "GET" })).status).toBe(200);
    const refused = await send(t, "usage/track", {
      customer_id: "ada",
      feature_key: "messages",
      quantity: 1,
    });
    expect(refused.status).toBe(429);
    expect(refused.body).toMatchObject({ statusCode: 429, error: { code: "RATE_LIMIT_EXCEEDED" } });
    expect(Number(refused.headers.get("retry-after"))).toBeGreaterThan(0);
    expect((await send(t, "balances.check", { ...check, customer_id: "bob" })).status).toBe(200);
  });

  test("of a customer count each use of a batch", async () => {
    const t = limited({ perCustomer: perMinute(3) });
    const uses = (count: number) => Array.from({ length: count }, () => ({ ...check, value: 1 }));
    expect((await send(t, "balances.batch_track", uses(2))).status).toBe(202);
    expect((await send(t, "balances.batch_track", uses(2))).status).toBe(429);
    expect((await send(t, "balances.check", check)).body).toMatchObject({ balance: { usage: 2 } });
  });

  test("let nobody through where their component is not mounted", async () => {
    const http = httpRouter();
    const rateLimits = { limiter, perKey: perMinute(1) };
    registerRoutes(http, tally, { secretKey: () => secrets.current, rateLimits });
    const log = vi.spyOn(console, "error").mockImplementation(() => undefined);
    expect(
      await statusOf(
        deploy(() => Promise.resolve({ default: http })),
        SECRET,
      ),
    ).toBe(400);
    log.mockRestore();
  });
});
