import { createHmac } from "node:crypto";
import { request } from "node:http";
import { gzipSync } from "node:zlib";
import { ConvexError } from "convex/values";
import { beforeAll, describe, expect, test } from "vitest";
import { counters, environment, importing, notes } from "./fixture.js";
import { httpClient, serve, tokenFor, type Served } from "./serving.js";

const SECRET = "sk_test";

let served: Served;

beforeAll(async () => {
  served = await serve({ env: { TALLY_SECRET_KEY: SECRET, GREETING: "good day" } });
});

describe("ConvexHttpClient", () => {
  test("calls queries, mutations and actions", async () => {
    const client = httpClient(served);
    expect(await client.mutation(counters.add, { name: "calls", amount: 3 })).toBe(3);
    expect(await client.query(counters.get, { name: "calls" })).toBe(3);
    expect(await client.action(counters.addTwice, { name: "calls" })).toBe(5);
    expect(await client.consistentQuery(counters.get, { name: "calls" })).toBe(5);
  });

  test("gets the data of an error, and nothing of its transaction stays", async () => {
    const client = httpClient(served);
    await client.mutation(counters.add, { name: "limited", amount: 99 });
    const error = await client.mutation(counters.add, { name: "limited", amount: 2 }).catch((e) => e);
    expect(error).toBeInstanceOf(ConvexError);
    expect(error.data).toEqual({ code: "LIMIT", limit: 100 });
    await expect(client.mutation(counters.addAndFail, { name: "limited" })).rejects.toThrow(
      /Server Error\s+Uncaught Error: after the write/,
    );
    expect(await client.query(counters.get, { name: "limited" })).toBe(99);
  });

  test("tells integers and bytes from what JSON knows", async () => {
    const { integer, bytes, huge } = await httpClient(served).query(counters.values, {
      integer: 2n ** 60n,
    });
    expect(integer).toBe(2n ** 60n + 1n);
    expect([...new Uint8Array(bytes)]).toEqual([1, 2]);
    expect(huge).toBe(Infinity);
  });

  test("reaches no internal function and no component's", async () => {
    await expect(httpClient(served).mutation(counters.reset, { name: "x" })).rejects.toThrow(
      /Could not find public function for 'counters:reset'/,
    );
    const answer = await post("/api/function", {
      path: "books:titles",
      componentPath: "shelf",
      args: {},
    });
    expect(answer.status).toBe(403);
  });
});

describe("plain HTTP", () => {
  test("a function has an address of its own, which answers in plain JSON", async () => {
    const answer = await post("/api/run/counters/values", {
      args: { integer: { $integer: "BQAAAAAAAAA=" } },
    });
    expect(await answer.json()).toMatchObject({
      status: "success",
      value: { integer: "6", bytes: "AQI=", huge: "Infinity" },
    });
  });

  test("a function that fails answers 560", async () => {
    const answer = await post("/api/mutation", {
      path: "counters:add",
      format: "json",
      args: { name: "f", amount: 101 },
    });
    expect(answer.status).toBe(560);
    expect(await answer.json()).toMatchObject({
      status: "error",
      errorData: { code: "LIMIT", limit: 100 },
    });
  });

  test("pages of other origins may call functions, and nothing else", async () => {
    const preflight = (path: string) =>
      fetch(served.url + path, {
        method: "OPTIONS",
        headers: { "access-control-request-headers": "authorization,content-type,convex-client" },
      });
    const answer = await preflight("/api/query");
    expect(answer.status).toBe(204);
    expect(answer.headers.get("access-control-allow-origin")).toBe("*");
    expect(answer.headers.get("access-control-allow-headers")).toContain("convex-client");
    expect((await preflight("/dev/clock")).headers.get("access-control-allow-origin")).toBeNull();
    expect(
      (await preflight("/api/deploy2/start_push")).headers.get("access-control-allow-origin"),
    ).toBeNull();
  });

  test("what is no JSON, or no arguments, is refused, and the next request is answered", async () => {
    const answer = await fetch(`${served.url}/api/query`, { method: "POST", body: "{" });
    expect(answer.status).toBe(400);
    expect((await post("/api/query", { path: "counters:get", args: [7] })).status).toBe(400);
    expect((await post("/api/query", { path: "counters:get", args: { $name: "x" } })).status).toBe(400);
    expect(await httpClient(served).query(counters.get, { name: "none" })).toBe(0);
  });
});

describe("HTTP actions", () => {
  const body = `{"counter":"hook",  "amount":7,"note":"ü\\u0000"}`;
  const sign = (text: string) => createHmac("sha256", SECRET).update(text).digest("base64");
  const hook = (base: string, signature: string) =>
    fetch(`${base}/webhook?attempt=1`, { method: "POST", headers: { "x-signature": signature }, body });

  test("get the body byte for byte, on a port of their own and under /http", async () => {
    const first = await hook(served.siteUrl, sign(body));
    expect([first.status, await first.text(), first.headers.get("x-seen")]).toEqual([202, "7", "?attempt=1"]);
    const second = await hook(`${served.url}/http`, sign(body));
    expect([second.status, await second.text()]).toEqual([202, "14"]);
  });

  test("a webhook with another signature changes nothing", async () => {
    expect((await hook(served.siteUrl, sign(`${body} `))).status).toBe(401);
    expect(await httpClient(served).query(counters.get, { name: "hook" })).toBe(14);
  });

  test("know who calls with a token of a provider, and take any other header as nobody's", async () => {
    const me = async (authorization: string) =>
      (await fetch(`${served.siteUrl}/me`, { headers: { authorization } })).json();
    expect(await me(`Bearer ${await tokenFor(served, "ann")}`)).toMatchObject({ subject: "ann" });
    expect(await me("Bearer sk_live_of_another_service")).toBeNull();
  });

  test("a path that is not routed is not found", async () => {
    expect((await fetch(`${served.siteUrl}/nowhere`)).status).toBe(404);
  });
});

describe("deployed code", () => {
  test("sees the deployment's environment, when it is loaded and when it runs, and not the server's", async () => {
    expect(process.env.PATH).toBeDefined();
    const client = httpClient(served);
    expect(await client.query(environment.atLoading, {})).toEqual({ GREETING: "good day" });
    expect(await client.query(environment.inHandler, {})).toEqual({ GREETING: "good day" });
  });

  test("may import while it runs in actions alone", async () => {
    const client = httpClient(served);
    expect(await client.action(importing.inAction, {})).toBe("hello");
    await expect(client.query(importing.inQuery, {})).rejects.toThrow(
      /Can't dynamically import ".*" in a query or mutation/,
    );
    await expect(client.mutation(importing.inMutation, {})).rejects.toThrow(
      /Can't dynamically import ".*" in a query or mutation/,
    );
  });
});

describe("the clock", () => {
  const clock = (init: RequestInit, key = served.adminKey) =>
    fetch(`${served.url}/dev/clock`, { ...init, headers: { authorization: `Convex ${key}` } });

  test("is told and taken forward with the admin key", async () => {
    const { now } = (await (await clock({})).json()) as { now: number };
    const advanced = await clock({ method: "POST", body: JSON.stringify({ advanceMs: 86_400_000 }) });
    const later = (await advanced.json()) as { now: number };
    expect(later.now - now).toBeGreaterThanOrEqual(86_400_000);
    expect(later.now - now).toBeLessThan(86_400_000 + 10_000);
    // A token's hour is over by the real clock alone.
    const client = httpClient(served, await tokenFor(served, "ann"));
    expect(await client.query(notes.mine, {})).toMatchObject({ author: "ann" });
  });

  test("is nobody else's", async () => {
    expect((await fetch(`${served.url}/dev/clock`)).status).toBe(401);
    expect((await clock({}, "another")).status).toBe(401);
    expect((await clock({}, `Bearer ${await tokenFor(served, "ann")}`)).status).toBe(401);
  });

  test("goes forward alone", async () => {
    for (const advanceMs of [-1, 0.5, "1", null, 1e300]) {
      const answer = await clock({ method: "POST", body: JSON.stringify({ advanceMs }) });
      expect(answer.status, String(advanceMs)).toBe(400);
    }
  });
});

describe("the doors", () => {
  test("a request that names another host is for somebody else", async () => {
    const statusFor = (host: string, base: string) =>
      new Promise<number | undefined>((resolve, reject) => {
        const { hostname, port } = new URL(base);
        request({ hostname, port, path: "/", headers: { host } }, ({ statusCode }) => resolve(statusCode))
          .on("error", reject)
          .end();
      });
    for (const base of [served.url, served.siteUrl]) {
      expect(await statusFor("evil.example", base)).toBe(421);
      expect(await statusFor("127.0.0.1.evil.example:3210", base)).toBe(421);
      expect(await statusFor("localhost:1", base)).not.toBe(421);
    }
  });

  test("deploying needs the admin key", async () => {
    for (const step of ["start_push", "evaluate_push", "wait_for_schema", "finish_push"]) {
      expect((await post(`/api/deploy2/${step}`, { adminKey: "wrong" })).status, step).toBe(401);
    }
    const answer = await post("/api/update_environment_variables", { changes: [] });
    expect(answer.status).toBe(401);
  });

  test("a request may be as large as Convex takes it, and no larger", async () => {
    const args = { name: "x".repeat(17 * 2 ** 20) };
    const answer = await post("/api/query", { path: "counters:get", args });
    expect(answer.status).toBe(413);
  });

  test("a small request does not unpack to a large one", async () => {
    const bomb = gzipSync(Buffer.alloc(65 * 2 ** 20, "x"));
    expect(bomb.length).toBeLessThan(100_000);
    const answer = await fetch(`${served.url}/api/deploy2/start_push`, {
      method: "POST",
      headers: { "content-encoding": "gzip", authorization: `Convex ${served.adminKey}` },
      body: bomb,
    });
    expect(answer.status).toBe(413);
  });
});

function post(path: string, body: object): Promise<Response> {
  return fetch(served.url + path, { method: "POST", body: JSON.stringify(body) });
}
