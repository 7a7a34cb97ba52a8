import fc from "fast-check";
import { beforeEach, afterEach, describe, expect, test, vi } from "vitest";
import { z } from "zod";
import { operations } from "../../src/wire/routes.js";
import { stored } from "../app/stored.js";
import { tally } from "./app/billing.js";
import { call, deploy, SECRET, send, type Answered, type Deployment } from "./deployment.js";

const names = Object.keys(operations);

const log = () => vi.spyOn(console, "error").mockImplementation(() => undefined);
let logged: ReturnType<typeof log>;
beforeEach(() => void (logged = log()));
afterEach(() => void vi.restoreAllMocks());

/** Two customers with something of everything. */
async function populated(): Promise<Deployment> {
  const t = deploy();
  await t.action(async (ctx) => {
    for (const customerId of ["ada", "bob"]) {
      await tally.subscriptions.attach(ctx, { customerId, planId: "pro" });
      await tally.track(ctx, { customerId, featureId: "messages", value: 3, idempotencyKey: "k1" });
      await tally.entities.create(ctx, { customerId, entityId: "key-1", featureId: "seats" });
    }
    await tally.reservations.reserve(ctx, {
      customerId: "ada",
      featureId: "messages",
      value: 2,
      reservationId: "lock-1",
    });
  });
  return t;
}

/** Every failure is one that clients can read, and take for what it is. */
function assertReadable({ status, body }: Answered): void {
  expect(status).toBeLessThan(500);
  if (status < 400) return;
  expect(body).toMatchObject({
    code: expect.stringMatching(/^\w+$/),
    message: expect.stringMatching(/\S/),
    env: "live",
  });
}

const ids = ["ada", "bob", "nobody", "messages", "words", "credits", "basic_model", "sso", "seats", "free"];
const moreIds = [
  "pro",
  "team",
  "boost",
  "top_up",
  "key-1",
  "lock-1",
  "k1",
  "chat",
  "",
  " x ",
  "__proto__",
  "a\u0000b",
];
const value = fc.oneof(
  { weight: 4, arbitrary: fc.constantFrom(...ids, ...moreIds, "a".repeat(300), "\ud800") },
  { weight: 3, arbitrary: fc.constantFrom(0, 1, 2, -1, 0.1, 1e-12, 1e308, 2 ** 53, -0, 1_773_480_600_000) },
  {
    weight: 2,
    arbitrary: fc.constantFrom(null, true, false, "month", "confirm", "release", "cap", "https://x.y"),
  },
  { weight: 2, arbitrary: fc.jsonValue({ maxDepth: 3 }) as fc.Arbitrary<unknown> },
);

/** What an operation may be sent: its own fields, some of them as they are meant, and others. */
function bodiesOf(name: string): fc.Arbitrary<unknown> {
  const { body } = operations[name] as unknown as { body: unknown };
  const fields = body instanceof z.ZodObject ? Object.keys(body.shape) : [];
  const known = fc.record(
    Object.fromEntries(
      [...fields, "customer_id", "feature_id", "surprise"].map((field) => [
        field,
        field === "customer_id" ? fc.oneof({ weight: 5, arbitrary: fc.constant("ada") }, value) : value,
      ]),
    ),
    { requiredKeys: [] },
  );
  return fc.oneof(
    { weight: 8, arbitrary: known },
    { weight: 2, arbitrary: fc.array(known, { maxLength: 3 }) as fc.Arbitrary<unknown> },
    { weight: 1, arbitrary: fc.jsonValue() as fc.Arbitrary<unknown> },
  );
}

const headers = fc.record(
  {
    version: fc.constantFrom("1.2", "2.1.0", "2.4.0", "beta", "9", "nonsense", "2025-05-05"),
    key: fc.constantFrom("k1", "k2", "k".repeat(300)),
  },
  { requiredKeys: [] },
);

const RUNS = Number(process.env.HOSTILE_RUNS ?? 10);

describe("whatever the body of a call", () => {
  test.each(names)("%s answers below 500, in JSON, and a failure has changed nothing", async (name) => {
    const t = await populated();
    await fc.assert(
      fc.asyncProperty(bodiesOf(name), headers, async (body, sent) => {
        const before = await stored(t);
        const answered = await send(t, name, body, sent);
        assertReadable(answered);
        // What it cannot answer is a defect, and in the log.
        expect(logged.mock.calls).toEqual([]);
        if (answered.status >= 400) expect(await stored(t)).toEqual(before);
      }),
      { numRuns: RUNS, ...(process.env.HOSTILE_RUNS === undefined && { seed: 7 }) },
    );
  });
});

const authorized = { authorization: `Bearer ${SECRET}` };

async function sendRaw(t: Deployment, path: string, init: RequestInit): Promise<Answered> {
  const response = await t.fetch(path, { ...init, headers: { ...authorized, ...init.headers } });
  expect(response.headers.get("content-type")).toMatch(/^application\/json/);
  const body = (await response.json()) as Record<string, unknown>;
  return { status: response.status, body, headers: response.headers };
}

describe("what is no call at all", () => {
  test.each<[string, BodyInit]>([
    ["a text", "hello"],
    ["half of JSON", '{"customer_id": "ada"'],
    ["no UTF-8", new Uint8Array([0x7b, 0xff, 0xfe, 0x7d])],
    ["brackets without end", "[".repeat(100_000)],
    ["a form", new URLSearchParams({ customer_id: "ada" })],
  ])("is refused: %s", async (_what, body) => {
    const t = deploy();
    const answered = await sendRaw(t, "/v1/balances.check", { method: "POST", body });
    assertReadable(answered);
    expect(answered.status).toBe(400);
    expect(logged).not.toHaveBeenCalled();
  });

  test("is refused, however deep it goes", async () => {
    const deep = `${'{"a":'.repeat(5_000)}1${"}".repeat(5_000)}`;
    const body = `{"customer_id":"ada","feature_id":"messages","properties":${deep}}`;
    for (const path of ["balances.check", "balances.track", "balances.batch_track", "usage/track"]) {
      const answered = await sendRaw(deploy(), `/v1/${path}`, { method: "POST", body });
      assertReadable(answered);
      expect(answered.status).toBe(400);
    }
    expect(logged).not.toHaveBeenCalled();
  });

  test.each([
    ["POST", "/v1/"],
    ["POST", "/v1/__proto__"],
    ["POST", "/v1/constructor"],
    ["POST", "/v1/balances.toString"],
    ["POST", "/v1/balances.check/more"],
    ["POST", "/v1/%E0%A4%A"],
    ["POST", "/v1/customers/%2e%2e%2fada"],
    ["GET", "/v1/balances.check"],
    ["DELETE", "/v1/usage/track"],
    ["PATCH", "/v1/plans.list"],
    ["GET", "/v1/usage/check?customer_id=ada"],
    ["GET", "/v1/usage/metrics?customer_id="],
    ["GET", "/v1/usage/check?customer_id=%00&feature_key=messages"],
  ])("is refused: %s %s", async (method, path) => {
    const t = deploy();
    const answered = await sendRaw(t, path, { method, ...(method !== "GET" && { body: "{}" }) });
    assertReadable(answered);
    expect(answered.status).toBeGreaterThanOrEqual(400);
    expect(logged).not.toHaveBeenCalled();
  });

  test.each([
    ["a version that is none", { "x-api-version": "latest" }, "invalid_api_version"],
    ["a key that is too long", { "idempotency-key": "k".repeat(256) }, "invalid_inputs"],
  ])("is refused: %s", async (_what, headers, code) => {
    const t = deploy();
    const body = JSON.stringify({ customer_id: "ada", feature_id: "messages" });
    const answered = await sendRaw(t, "/v1/balances.track", { method: "POST", body, headers });
    assertReadable(answered);
    expect(answered.body.code).toBe(code);
    expect(await stored(t)).toMatchObject({ customers: [], events: [] });
  });

  test("does not hurt what comes after it", async () => {
    const t = deploy();
    const body = '{"customer_id":"ada","feature_id":"messages","__proto__":{"allowed":true},"value":11}';
    assertReadable(await sendRaw(t, "/v1/balances.track", { method: "POST", body }));
    expect(await call(t, "balances.check", { customer_id: "ada", feature_id: "messages" })).toMatchObject({
      allowed: false,
    });
  });
});

describe("what fails within", () => {
  const use = { customer_id: "ada", feature_id: "messages" };

  test("is a 400 with an id, under which the log has all of it", async () => {
    const t = deploy();
    vi.spyOn(tally, "track").mockRejectedValue(new Error("balances are on fire"));
    const { status, body } = await send(t, "balances.track", use);
    expect(status).toBe(400);
    expect(body).toEqual({ code: "internal_error", message: expect.any(String), env: "live" });
    expect(JSON.stringify(body)).not.toContain("fire");
    const [said = "", error] = logged.mock.calls[0] as [string, Error];
    expect(error.message).toBe("balances are on fire");
    const [id = ""] = /[0-9a-f-]{36}/.exec(said) ?? [];
    expect(id).not.toBe("");
    expect(body.message).toContain(id);
  });

  test.each(["a text", null, undefined, { status: 500 }])(
    "is a 400 whatever is thrown: %j",
    async (thrown) => {
      const t = deploy();
      vi.spyOn(tally, "track").mockImplementation(() => {
        throw thrown;
      });
      expect((await send(t, "balances.track", use)).status).toBe(400);
    },
  );

  test.each([
    'OptimisticConcurrencyControlFailure: Documents read from or written to the "balances" table changed',
    'Documents read from or written to the "balances" table changed while this mutation was being run',
  ])("is a 429 if others were faster each time: %s", async (message) => {
    const t = deploy();
    vi.spyOn(tally, "track").mockRejectedValue(new Error(message));
    const { status, body, headers } = await send(t, "balances.track", use);
    expect(status).toBe(429);
    expect(body.code).toBe("rate_limit_exceeded");
    expect(headers.get("retry-after")).toBe("1");
  });
});
