/**
 * What the Python clients send, as it was recorded, with another customer's id. Their readers are strict: a required
 * text, number or boolean is never null, which is what is looked for here.
 */
import { readFileSync } from "node:fs";
import { expect } from "vitest";
import type { Case, Result } from "./cases.js";
import { SECRET, type World } from "./deployed.js";

type Fields = Record<string, unknown>;

interface Recording {
  client: string;
  headers: Record<string, string>;
  requests: readonly { path: string; body: Fields | null }[];
}

const recorded = (name: string) =>
  JSON.parse(readFileSync(new URL(`samples/${name}.json`, import.meta.url), "utf8")) as Recording;

const sdk = recorded("autumn-sdk-python");
const py = recorded("autumn-py");
export const clients = [sdk.client, py.client];

/** What a recording's ids are here. */
const FEATURES: Fields = { m: "messages", ai: "usd_credits" };

/** Required by the models of the client, by the path; a list is of the types that a value may have. */
const balance = {
  feature_id: "string",
  granted: "number",
  remaining: "number",
  usage: "number",
  unlimited: "boolean",
  overage_allowed: "boolean",
};
const customer = {
  id: "string",
  created_at: "number",
  env: "string",
  metadata: "object",
  send_email_receipts: "boolean",
  billing_controls: "object",
  subscriptions: "object",
  purchases: "object",
  balances: "object",
  flags: "object",
};
const entity = {
  id: "string",
  created_at: "number",
  env: "string",
  subscriptions: "object",
  purchases: "object",
  balances: "object",
  flags: "object",
};
const feature = { id: "string", name: "string", type: "string", consumable: "boolean", archived: "boolean" };
const plan = {
  id: "string",
  name: "string",
  version: "number",
  add_on: "boolean",
  auto_enable: "boolean",
  items: "object",
  created_at: "number",
  env: "string",
  archived: "boolean",
};
const success = { success: "boolean" };
const bought = { customer_id: "string" };
const previewed = {
  customer_id: "string",
  line_items: "object",
  subtotal: "number",
  total: "number",
  currency: "string",
};

interface Expected {
  result?: Result;
  why?: string;
  status?: number;
  required?: Record<string, string>;
  /** Of each thing in `list`. */
  listed?: Record<string, string>;
}

const CATALOG = "The catalog lives in code: change it there, and deploy.";
const refused = (why: string): Expected => ({ result: "refused", why });

const EXPECTED: Record<string, Expected> = {
  "/v1/balances.check": { required: { allowed: "boolean", customer_id: "string", balance: "object" } },
  "/v1/balances.track": { required: { customer_id: "string", value: "number", balance: "object" } },
  "/v1/balances.track_tokens": refused("Track tokens as a feature: the price of a model is the app's."),
  "/v1/balances.create": { required: success },
  "/v1/balances.update": { required: success },
  "/v1/balances.delete": { required: success },
  "/v1/balances.finalize": { required: success },
  "/v1/billing.attach": { required: bought },
  "/v1/billing.multi_attach": { required: bought },
  "/v1/billing.update": { required: bought },
  "/v1/billing.preview_attach": { required: previewed },
  "/v1/billing.preview_update": { required: previewed },
  "/v1/billing.open_customer_portal": { required: { customer_id: "string", url: "string" } },
  "/v1/billing.setup_payment": { required: { customer_id: "string", url: "string" } },
  "/v1/customers.get_or_create": { required: customer },
  "/v1/customers.get": { required: customer },
  "/v1/customers.list": { listed: customer },
  "/v1/customers.update": { required: customer },
  "/v1/customers.delete": { required: success },
  "/v1/entities.create": { required: entity },
  "/v1/entities.get": { required: entity },
  "/v1/entities.list": { listed: entity },
  "/v1/entities.update": { required: entity },
  "/v1/entities.delete": { required: success },
  "/v1/events.list": {
    listed: {
      id: "string",
      timestamp: "number",
      feature_id: "string",
      customer_id: "string",
      value: "number",
      properties: "object",
    },
  },
  "/v1/features.list": { listed: feature },
  "/v1/features.get": { required: feature },
  "/v1/features.create": refused(CATALOG),
  "/v1/plans.list": { listed: plan },
  "/v1/plans.get": { required: plan },
  "/v1/plans.create": refused(CATALOG),
  "/v1/referrals.create_code": refused("There are no referrals."),
  "/v1/referrals.redeem_code": refused("There are no referrals."),
  "/v1/keys.mint": refused("A browser signs in to the app itself."),
  // The older client, of Autumn 1.2.
  "/v1/check": {
    required: {
      allowed: "boolean",
      code: "string",
      customer_id: "string",
      feature_id: "string",
      balance: "number",
    },
  },
  "/v1/track": { required: { id: "string", code: "string", customer_id: "string", feature_id: "string" } },
};

export const cases: readonly Case[] = [sdk, py].flatMap(({ client, headers, requests }) =>
  requests.map(({ path, body }): Case => {
    const {
      result = "works",
      why,
      required,
      listed,
    } = EXPECTED[path] ?? expect.fail(`Nothing is said of ${path}`);
    return {
      client,
      method: path.replace("/v1/", ""),
      result,
      ...(why !== undefined && { why }),
      run: async (world) => {
        const send = sender(world, headers);
        const customerId = await prepared(send, path, world);
        const [status, answer] = await send(path, body === null ? null : renamed(body, customerId));
        if (result === "refused") {
          expect([status, answer.code]).toEqual([400, "not_supported"]);
          return;
        }
        expect([status, answer]).toEqual([200, expect.anything()]);
        if (required !== undefined) expect(typesOf(answer, required)).toEqual(required);
        if (listed === undefined) return;
        const list = answer.list as Fields[];
        expect(list.length).toBeGreaterThan(0);
        for (const one of list) expect(typesOf(one, listed)).toEqual(listed);
        if ("balances" in listed) {
          for (const one of Object.values(list[0]?.balances as Record<string, Fields>)) {
            expect(typesOf(one, balance)).toEqual(balance);
          }
        }
      },
    };
  }),
);

type Send = (path: string, body: Fields | null) => Promise<[status: number, answer: Fields]>;

function sender({ url }: World, headers: Record<string, string>): Send {
  return async (path, body) => {
    const response = await fetch(url + path, {
      method: "POST",
      headers: { ...headers, authorization: `Bearer ${SECRET}` },
      body: body === null ? null : JSON.stringify(body),
    });
    expect(response.headers.get("content-type")).toBe("application/json");
    return [response.status, (await response.json()) as Fields];
  };
}

/** A customer with what the recorded request speaks of. */
async function prepared(send: Send, path: string, world: World): Promise<string> {
  const customer_id = world.customer();
  if (/get_or_create|check|track/.test(path)) return customer_id;
  await send("/v1/customers.get_or_create", { customer_id });
  if (/balances\.delete/.test(path)) {
    await send("/v1/balances.create", { customer_id, feature_id: "messages", included_grant: 1 });
  }
  if (/balances\.finalize/.test(path)) {
    const lock = { lock_id: `${customer_id}-l`, enabled: true };
    await send("/v1/balances.check", { customer_id, feature_id: "messages", lock });
  }
  if (/entities\.(get|list|update|delete)/.test(path)) {
    await send("/v1/entities.create", { customer_id, entity_id: "e", feature_id: "seats" });
  }
  if (/events/.test(path)) await send("/v1/balances.track", { customer_id, feature_id: "messages" });
  if (/billing\.(update|preview_update|open_customer_portal|setup_payment)/.test(path)) {
    const [, { payment_url }] = await send("/v1/billing.attach", { customer_id, plan_id: "pro" });
    await world.pay(String(payment_url));
  }
  return customer_id;
}

/** The recorded body with the ids of this deployment. */
function renamed(body: Fields, customerId: string): Fields {
  const { feature_id: featureId, lock_id: lockId } = body;
  return {
    ...body,
    ...("customer_id" in body && { customer_id: customerId }),
    ...(typeof featureId === "string" && { feature_id: FEATURES[featureId] ?? featureId }),
    ...(lockId !== undefined && { lock_id: `${customerId}-l` }),
  };
}

const typesOf = (answer: Fields, names: Record<string, string>): Record<string, string> =>
  Object.fromEntries(
    Object.keys(names).map((name) => [name, answer[name] === null ? "null" : typeof answer[name]]),
  );
