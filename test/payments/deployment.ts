/** A deployment that sells through Stripe's API, as `stripeServer` plays it. */
import { convexTest } from "convex-test";
import { defineSchema, makeFunctionReference } from "convex/server";
import type { Value } from "convex/values";
import { afterEach, expect } from "vitest";
import { stripe } from "../../src/payments/stripe.js";
import type { AutoTopUp, Bought, Collected, PaymentProvider, Previewed } from "../../src/payments/index.js";
import { registerInspected, stored } from "../app/stored.js";
import { payments, tally, till } from "./app/billing.js";

export { payments };
import { API_KEY, signed, stripeServer, type StripeServer } from "./stripeServer.js";

export const SECRET = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";
export const OLD_SECRET = "whsec_Zx81KpQnWm4bT7vYc2RdGh5sJu9LfEaX";
export const SUCCESS_URL = "https://app.example.com/billing?done=1";

const deployments = new Set<Deployment>();
const servers = new Set<StripeServer>();

/** Whatever a test has done, the events prove what its customers have. */
afterEach(async () => {
  const audited = [...deployments];
  deployments.clear();
  for (const t of audited) {
    const { page } = await t.action((ctx) => ctx.runAction(tally.component.audits.list, { limit: 200 }));
    expect(page).toEqual([]);
  }
  for (const server of servers) await server.close();
  servers.clear();
});

export function deploy(provider: PaymentProvider) {
  till.provider = provider;
  const t = convexTest({
    schema: defineSchema({}),
    modules: {
      "./_generated/api.ts": () => Promise.resolve({}),
      "./billing.ts": () => import("./app/billing.js"),
      "./http.ts": () => import("./app/http.js"),
    },
    transactionLimits: true,
  });
  registerInspected(t);
  deployments.add(t);
  return t;
}
export type Deployment = ReturnType<typeof deploy>;

export async function stripeShop(
  secret: () => string | undefined = () => SECRET,
  former: () => string | undefined = () => OLD_SECRET,
) {
  const server = await stripeServer();
  servers.add(server);
  const api = { host: "127.0.0.1", port: server.port, protocol: "http" as const };
  const provider = stripe({ apiKey: () => API_KEY, webhookSecrets: [secret, former], api });
  return { t: deploy(provider), server };
}
export type Shop = Awaited<ReturnType<typeof stripeShop>>;

type Args = Record<string, Value | undefined>;

/** Somebody's browser: it can call what the app exports to browsers, and nothing else. */
export function browser(t: Deployment, subject: string | null = "user_1") {
  const page = subject === null ? t : t.withIdentity({ subject, name: "Ada", email: "ada@example.com" });
  const call =
    <Answer>(name: string) =>
    async (args: Args = {}): Promise<Answer> =>
      await page.action(makeFunctionReference<"action", Args, Answer>(`billing:${name}`), args);
  const change =
    <Answer>(name: string) =>
    async (args: Args = {}): Promise<Answer> =>
      await page.mutation(makeFunctionReference<"mutation", Args, Answer>(`billing:${name}`), args);
  return {
    checkout: call<Bought>("checkout"),
    preview: call<Previewed>("preview"),
    confirm: call<{ credited: number }>("confirm"),
    cancel: call<{ endsAt: number }>("cancel"),
    resume: call<{ resumed: boolean }>("resume"),
    portal: call<{ url: string }>("portal"),
    limitOverage: change<null>("limitOverage"),
    autoTopUp: change<{ amount: number }>("autoTopUp"),
    resumeAutoTopUp: change<null>("resumeAutoTopUp"),
    stopAutoTopUp: change<null>("stopAutoTopUp"),
    autoTopUps: async (args: Args = {}): Promise<AutoTopUp[] | null> =>
      await page.query(makeFunctionReference<"query", Args, AutoTopUp[] | null>("billing:autoTopUps"), args),
  };
}

/** What the app's cron runs. */
export const collect = async (t: Deployment): Promise<Collected> =>
  await t.action(makeFunctionReference<"action", Args, Collected>("billing:collect"), {});

/** What an action's callback schedules. */
export const topUp = async (t: Deployment, customerId = "user_1"): Promise<Collected> =>
  await t.action(makeFunctionReference<"action", Args, Collected>("billing:topUp"), { customerId });

/** A customer with an account at Stripe and a card on it, which pays or is declined. Answers the account. */
export async function withCard({ t, server }: Shop, subject = "user_1", declines?: string): Promise<string> {
  await browser(t, subject).checkout({ productId: "api-call-pack-1000", successUrl: SUCCESS_URL });
  const account = String(lastSession(server).customer);
  server.addCard(account, declines);
  return account;
}

/** The money that has moved, in minor units. */
export const taken = ({ server }: Shop): number[] =>
  [...server.objects.values()]
    .filter(({ object }) => object === "payment_intent")
    .map(({ amount }) => Number(amount));

/** The session that was created last. */
export function lastSession({ objects }: StripeServer) {
  const last = [...objects.values()].findLast(({ object }) => object === "checkout.session");
  if (last === undefined) throw new Error("no session was created");
  return last;
}

/** Somebody checks out, pays, and Stripe says so. Answers the session, as it was paid. */
export async function buy({ t, server }: Shop, args: Args, subject = "user_1") {
  const { url } = await browser(t, subject).checkout({ successUrl: SUCCESS_URL, ...args });
  if (url === null) throw new Error("there was nothing to pay");
  const session = server.pay(lastSession(server).id);
  expect(await deliver(t, "checkout.session.completed", session)).toBe(200);
  return session;
}

/** Delivers an event as Stripe does: signed, to the webhook. */
export async function deliver(
  t: Deployment,
  type: string,
  object: Record<string, unknown>,
  { secret = SECRET, at = Date.now() }: { secret?: string; at?: number } = {},
): Promise<number> {
  const request = await signed(type, object, secret, at);
  const response = await t.fetch("/tally/webhook", { method: "POST", ...request });
  return response.status;
}

export const all = stored;

/** What a customer has left, as trusted code sees it. */
export const left = async (t: Deployment, featureId: string, customerId = "user_1", entityId?: string) =>
  await t.query(async (ctx) => {
    const { remaining, granted, usage, allowed } = await tally.for(ctx, { customerId, entityId }).check({
      featureId: String(featureId),
    });
    return { remaining, granted, usage, allowed };
  });

export const use = async (
  t: Deployment,
  featureId: "messages" | "api_calls",
  value: number,
  customerId = "user_1",
) =>
  await t.mutation((ctx) => tally.track(ctx, { customerId, featureId, value, onInsufficient: "overflow" }));

export const purchases = async (t: Deployment) => (await stored(t)).purchases;

export const plansOf = async (t: Deployment, customerId = "user_1") =>
  await t.query(async (ctx) => {
    const { page } = await tally.subscriptions.list(ctx, { customerId });
    return page.filter(({ status }) => status !== "ended").map(({ planId, status }) => `${planId} ${status}`);
  });
