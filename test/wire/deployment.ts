/** A deployment that serves the wire protocol, and what its clients send. */
import { convexTest } from "convex-test";
import { defineSchema } from "convex/server";
import { afterEach, expect, vi } from "vitest";
import { registerInspected } from "../app/stored.js";
import { tally } from "./app/billing.js";
import { secrets } from "./app/http.js";

export const SECRET = "am_sk_test_0123456789";
export const NOW = Date.UTC(2026, 2, 14, 9, 30);

const deployments = new Set<Deployment>();

/** Whatever a test has done, the events prove what its customers have. */
afterEach(async () => {
  const audited = [...deployments];
  deployments.clear();
  for (const t of audited) {
    const { page } = await t.action((ctx) => ctx.runAction(tally.component.audits.list, { limit: 200 }));
    expect(page).toEqual([]);
  }
  vi.useRealTimers();
});

export function deploy(http: () => Promise<object> = () => import("./app/http.js")) {
  vi.useFakeTimers({ now: NOW });
  vi.stubEnv("CONVEX_SITE_URL", "https://happy-otter-1.convex.site");
  secrets.current = SECRET;
  delete secrets.next;
  const t = convexTest({
    schema: defineSchema({}),
    modules: {
      "./_generated/api.ts": () => Promise.resolve({}),
      "./autumn.ts": () => import("./app/autumn.js"),
      "./billing.ts": () => import("./app/billing.js"),
      "./http.ts": http,
    },
    transactionLimits: true,
  });
  registerInspected(t);
  deployments.add(t);
  return t;
}
export type Deployment = ReturnType<typeof deploy>;

export interface Answered {
  status: number;
  body: Record<string, unknown>;
  headers: Headers;
}

type Sent = {
  version?: string;
  key?: string;
  secret?: string | null;
  method?: string;
  headers?: Record<string, string>;
};

/** Sends what a client would to `/v1/<path>`: by POST, in the current version, unless told. */
export async function send(t: Deployment, path: string, body?: unknown, sent: Sent = {}): Promise<Answered> {
  const { version, key, secret = SECRET, method = "POST", headers } = sent;
  const response = await t.fetch(`/v1/${path}`, {
    method,
    headers: {
      "content-type": "application/json",
      ...(secret !== null && { authorization: `Bearer ${secret}` }),
      ...(version !== undefined && { "x-api-version": version }),
      ...(key !== undefined && { "idempotency-key": key }),
      ...headers,
    },
    ...(body !== undefined && { body: JSON.stringify(body) }),
  });
  expect(response.headers.get("content-type")).toMatch(/^application\/json/);
  return {
    status: response.status,
    body: (await response.json()) as Record<string, unknown>,
    headers: response.headers,
  };
}

/** As `send`, of what succeeds: the body alone. */
export async function call(t: Deployment, path: string, body?: unknown, sent?: Sent) {
  const answered = await send(t, path, body, sent);
  expect(answered).toMatchObject({ status: path.endsWith("batch_track") ? 202 : 200 });
  return answered.body;
}
