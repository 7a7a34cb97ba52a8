/** `autumn-js` at its newest version, as a server has it. */
import fs from "node:fs";
import { Autumn } from "autumn-js";
import { expect } from "vitest";
import { casesOf, type Failed } from "./cases.js";
import { SECRET, type World } from "./deployed.js";

export const client = `autumn-js ${versionOf("autumn-js")}`;

export function versionOf(name: string): string {
  const manifest = new URL(`../../node_modules/${name}/package.json`, import.meta.url);
  return (JSON.parse(fs.readFileSync(manifest, "utf8")) as { version: string }).version;
}

export const connect = ({ url }: World) => new Autumn({ secretKey: SECRET, serverURL: url, failOpen: false });

export async function failureOf(call: () => Promise<unknown>): Promise<Failed> {
  const error: unknown = await call().then(
    (answer) => expect.fail(`It was answered: ${JSON.stringify(answer)}`),
    (error: unknown) => error,
  );
  const { statusCode, body } = error as { statusCode?: number; body?: string };
  if (body === undefined) throw error;
  return { status: statusCode, ...(JSON.parse(body) as { code: string; message: string }) };
}

const { works, refused } = casesOf(client, connect, failureOf);

const CATALOG = "The catalog lives in code: change it there, and deploy.";
const PROVIDER = "Invoices are the payment provider's.";
const REFERRALS = "There are no referrals.";
const REWARDS = "There are no rewards: give grants.";
const successUrl = "https://app.example.com/paid";

async function owner(autumn: Autumn, world: World): Promise<string> {
  const customerId = world.customer();
  await autumn.customers.getOrCreate({ customerId, name: "Ada" });
  return customerId;
}

async function subscriber(autumn: Autumn, world: World, planId = "pro"): Promise<string> {
  const customerId = await owner(autumn, world);
  const { paymentUrl } = await autumn.billing.attach({ customerId, planId, successUrl });
  await world.pay(paymentUrl ?? "");
  return customerId;
}

export const cases = [
  works("check", async (autumn, world) => {
    const customerId = world.customer();
    const checked = await autumn.check({ customerId, featureId: "messages", requiredBalance: 100 });
    expect(checked).toMatchObject({
      allowed: true,
      customerId,
      requiredBalance: 100,
      balance: { featureId: "messages", granted: 100, remaining: 100, usage: 0, unlimited: false },
    });
    expect((await autumn.check({ customerId, featureId: "messages", requiredBalance: 101 })).allowed).toBe(
      false,
    );
    expect((await autumn.check({ customerId, featureId: "premium_models" })).allowed).toBe(false);
    // Credits: a basic message costs a cent of 5 dollars.
    expect(
      (await autumn.check({ customerId, featureId: "basic_messages", requiredBalance: 500 })).allowed,
    ).toBe(true);
    expect(
      (await autumn.check({ customerId, featureId: "basic_messages", requiredBalance: 501 })).allowed,
    ).toBe(false);
    expect(await failureOf(() => autumn.check({ customerId, featureId: "nothing" }))).toMatchObject({
      status: 404,
      code: "feature_not_found",
    });
    const reserved = await autumn.check({
      customerId,
      featureId: "messages",
      requiredBalance: 10,
      lock: { lockId: `${customerId}-lock`, enabled: true },
    });
    expect(reserved).toMatchObject({ allowed: true, balance: { remaining: 90 } });
  }),
  works("track", async (autumn, world) => {
    const customerId = world.customer();
    const tracked = await autumn.track({ customerId, featureId: "messages", value: 3 });
    expect(tracked).toMatchObject({ customerId, value: 3, balance: { remaining: 97, usage: 3 } });
    expect(await autumn.track({ customerId, eventName: "message_sent" })).toMatchObject({ customerId });
    await autumn.track({ customerId, featureId: "basic_messages", value: 2 });
    const { balances } = await autumn.customers.get({ customerId });
    expect(balances.messages).toMatchObject({ remaining: 96 });
    expect(balances.usd_credits).toMatchObject({ remaining: 4.98 });
    const once = { headers: { "Idempotency-Key": `${customerId}-once` } };
    await autumn.track({ customerId, featureId: "messages" }, once);
    const again = await failureOf(() => autumn.track({ customerId, featureId: "messages" }, once));
    expect(again).toMatchObject({ status: 409, code: "duplicate_idempotency_key" });
    expect((await autumn.check({ customerId, featureId: "messages" })).balance).toMatchObject({
      remaining: 95,
    });
  }),
  refused("trackTokens", "Track tokens as a feature: the price of a model is the app's.", (autumn, world) =>
    autumn.trackTokens({
      customerId: world.customer(),
      modelId: "openai/gpt-4o",
      inputTokens: 10,
      outputTokens: 5,
      featureId: "usd_credits",
    }),
  ),
  works("batchTrack", async (autumn, world) => {
    const customerId = world.customer();
    const uses = [1, 2, 3].map((value) => ({ customerId, featureId: "messages", value }));
    expect(await autumn.batchTrack(uses)).toEqual({ success: true });
    expect((await autumn.check({ customerId, featureId: "messages" })).balance).toMatchObject({
      remaining: 94,
    });
  }),
  works("balances.create", async (autumn, world) => {
    const customerId = await owner(autumn, world);
    const created = await autumn.balances.create({
      customerId,
      featureId: "messages",
      includedGrant: 25,
      reset: { interval: "month" },
    });
    expect(created).toEqual({ success: true });
    expect((await autumn.check({ customerId, featureId: "messages" })).balance).toMatchObject({
      granted: 125,
    });
  }),
  works("balances.update", async (autumn, world) => {
    const customerId = await owner(autumn, world);
    expect(await autumn.balances.update({ customerId, featureId: "messages", remaining: 40 })).toEqual({
      success: true,
    });
    expect((await autumn.check({ customerId, featureId: "messages" })).balance).toMatchObject({
      remaining: 40,
    });
  }),
  works("balances.delete", async (autumn, world) => {
    const customerId = await owner(autumn, world);
    const featureId = "premium_messages";
    await autumn.balances.create({ customerId, featureId, includedGrant: 5 });
    expect((await autumn.customers.get({ customerId })).balances[featureId]).toMatchObject({ remaining: 5 });
    expect(await autumn.balances.delete({ customerId, featureId })).toEqual({ success: true });
    expect((await autumn.customers.get({ customerId })).balances[featureId]?.remaining ?? 0).toBe(0);
  }),
  works("balances.finalize", async (autumn, world) => {
    const customerId = world.customer();
    const lockId = `${customerId}-lock`;
    const lock = { lockId, enabled: true } as const;
    await autumn.check({ customerId, featureId: "messages", requiredBalance: 10, lock });
    expect(await autumn.balances.finalize({ lockId, action: "confirm", overrideValue: 4 })).toEqual({
      success: true,
    });
    expect((await autumn.check({ customerId, featureId: "messages" })).balance).toMatchObject({
      remaining: 96,
    });
  }),
  works("billing.attach", async (autumn, world) => {
    const customerId = await owner(autumn, world);
    const { paymentUrl } = await autumn.billing.attach({ customerId, planId: "pro", successUrl });
    await world.pay(paymentUrl ?? "");
    const customer = await autumn.customers.get({ customerId });
    expect(customer.subscriptions).toMatchObject([{ planId: "pro", status: "active" }]);
    expect(customer.flags).toHaveProperty("premium_models");
    const taken = await autumn.billing.attach({ customerId, planId: "extra" });
    expect(taken).toMatchObject({ customerId, paymentUrl: null });
  }),
  works("billing.multiAttach", async (autumn, world) => {
    const customerId = await owner(autumn, world);
    const attached = await autumn.billing.multiAttach({
      customerId,
      plans: [{ planId: "extra" }],
      successUrl,
    });
    expect(attached).toMatchObject({ customerId, paymentUrl: null });
  }),
  works("billing.previewAttach", async (autumn, world) => {
    const customerId = await owner(autumn, world);
    const preview = await autumn.billing.previewAttach({ customerId, planId: "pro" });
    expect(preview).toMatchObject({ customerId, total: 10, currency: "usd" });
    expect(preview.lineItems.length).toBeGreaterThan(0);
  }),
  works("billing.previewMultiAttach", async (autumn, world) => {
    const customerId = await owner(autumn, world);
    const plans = [{ planId: "pro" }];
    expect(await autumn.billing.previewMultiAttach({ customerId, plans })).toMatchObject({ total: 10 });
  }),
  works("billing.update", async (autumn, world) => {
    const customerId = await subscriber(autumn, world);
    const planId = "pro";
    await autumn.billing.update({ customerId, planId, cancelAction: "cancel_end_of_cycle" });
    const canceled = await autumn.customers.get({ customerId });
    expect(canceled.subscriptions.find((held) => held.planId === planId)?.canceledAt).toBeTypeOf("number");
    await autumn.billing.update({ customerId, planId, cancelAction: "uncancel" });
    const resumed = await autumn.customers.get({ customerId });
    expect(resumed.subscriptions.find((held) => held.planId === planId)?.canceledAt).toBeNull();
  }),
  works("billing.previewUpdate", async (autumn, world) => {
    const customerId = await subscriber(autumn, world);
    const preview = await autumn.billing.previewUpdate({
      customerId,
      planId: "pro",
      cancelAction: "cancel_end_of_cycle",
    });
    expect(preview).toMatchObject({ customerId, total: 0, intent: "cancel_end_of_cycle" });
  }),
  works("billing.openCustomerPortal", async (autumn, world) => {
    const customerId = await subscriber(autumn, world);
    const returnUrl = "https://app.example.com/account";
    expect(await autumn.billing.openCustomerPortal({ customerId, returnUrl })).toEqual({
      customerId,
      url: returnUrl,
    });
  }),
  works("billing.setupPayment", async (autumn, world) => {
    const customerId = await subscriber(autumn, world);
    expect(await autumn.billing.setupPayment({ customerId, successUrl })).toMatchObject({
      customerId,
      url: successUrl,
    });
  }),
  refused("billing.createSchedule", "A cheaper plan waits for the period's end by itself.", (autumn, world) =>
    autumn.billing.createSchedule({
      customerId: world.customer(),
      phases: [{ startsAt: 1, plans: [{ planId: "pro" }] }],
    }),
  ),
  refused("billing.multiUpdate", "Update one subscription at a time.", (autumn, world) =>
    autumn.billing.multiUpdate({ customerId: world.customer(), updates: [] }),
  ),
  refused("billing.previewMultiUpdate", "Preview one subscription at a time.", (autumn, world) =>
    autumn.billing.previewMultiUpdate({ customerId: world.customer(), updates: [] }),
  ),
  refused("billing.import", "Subscriptions billed elsewhere come by `syncSubscription`.", (autumn, world) =>
    autumn.billing.import({ customerId: world.customer(), billables: [] } as never),
  ),
  works("customers.getOrCreate", async (autumn, world) => {
    const customerId = world.customer();
    const customer = await autumn.customers.getOrCreate({
      customerId,
      name: "Ada",
      email: "ada@example.com",
    });
    expect(customer).toMatchObject({
      id: customerId,
      name: "Ada",
      email: "ada@example.com",
      subscriptions: [{ planId: "free", status: "active" }],
      balances: { messages: { granted: 100 }, usd_credits: { granted: 5 } },
    });
  }),
  works("customers.get", async (autumn, world) => {
    const customerId = await owner(autumn, world);
    expect(await autumn.customers.get({ customerId })).toMatchObject({ id: customerId, name: "Ada" });
    const missing = await failureOf(() => autumn.customers.get({ customerId: world.customer() }));
    expect(missing).toMatchObject({ status: 404, code: "customer_not_found" });
  }),
  works("customers.list", async (autumn, world) => {
    const customerId = await owner(autumn, world);
    const ids: unknown[] = [];
    let cursor: string | null = "";
    while (cursor !== null) {
      const page: Awaited<ReturnType<typeof autumn.customers.list>> = await autumn.customers.list({
        startCursor: cursor,
        limit: 50,
      });
      ids.push(...page.list.map(({ id }) => id));
      cursor = page.nextCursor;
    }
    expect(ids).toContain(customerId);
    expect(new Set(ids).size).toBe(ids.length);
  }),
  works("customers.update", async (autumn, world) => {
    const customerId = await owner(autumn, world);
    expect(await autumn.customers.update({ customerId, name: "Ada M." })).toMatchObject({ name: "Ada M." });
  }),
  works("customers.delete", async (autumn, world) => {
    const customerId = await owner(autumn, world);
    expect(await autumn.customers.delete({ customerId })).toEqual({ success: true });
  }),
  refused("customers.advanceTestClock", "Time is the deployment's.", (autumn, world) =>
    autumn.customers.advanceTestClock({ customerId: world.customer(), frozenTime: 1 }),
  ),
  works("entities.create", async (autumn, world) => {
    const customerId = await owner(autumn, world);
    const entity = await autumn.entities.create({
      customerId,
      entityId: "ben",
      featureId: "seats",
      name: "Ben",
    });
    expect(entity).toMatchObject({ id: "ben", name: "Ben", customerId, featureId: "seats" });
  }),
  works("entities.get", async (autumn, world) => {
    const customerId = await owner(autumn, world);
    await autumn.entities.create({ customerId, entityId: "ben", featureId: "seats" });
    expect(await autumn.entities.get({ customerId, entityId: "ben" })).toMatchObject({ id: "ben" });
    expect(await failureOf(() => autumn.entities.get({ customerId, entityId: "eve" }))).toMatchObject({
      status: 404,
      code: "entity_not_found",
    });
  }),
  works("entities.list", async (autumn, world) => {
    const customerId = await owner(autumn, world);
    await autumn.entities.create({ customerId, entityId: "ben", featureId: "seats" });
    expect((await autumn.entities.list({ customerId })).list).toMatchObject([{ id: "ben" }]);
  }),
  works("entities.update", async (autumn, world) => {
    const customerId = await owner(autumn, world);
    await autumn.entities.create({ customerId, entityId: "ben", featureId: "seats" });
    expect(await autumn.entities.update({ customerId, entityId: "ben" })).toMatchObject({ id: "ben" });
  }),
  works("entities.delete", async (autumn, world) => {
    const customerId = await owner(autumn, world);
    await autumn.entities.create({ customerId, entityId: "ben", featureId: "seats" });
    expect(await autumn.entities.delete({ customerId, entityId: "ben" })).toEqual({ success: true });
  }),
  works("events.list", async (autumn, world) => {
    const customerId = world.customer();
    await autumn.track({ customerId, featureId: "messages", value: 2, properties: { camelCase: "kept" } });
    const { list } = await autumn.events.list({ customerId });
    expect(list).toMatchObject([
      { featureId: "messages", customerId, value: 2, properties: { camelCase: "kept" } },
    ]);
  }),
  works("events.aggregate", async (autumn, world) => {
    const customerId = world.customer();
    await autumn.track({ customerId, featureId: "messages", value: 2 });
    await autumn.track({ customerId, featureId: "messages", value: 3 });
    const { list, total } = await autumn.events.aggregate({ customerId, featureId: "messages", range: "7d" });
    expect(total.messages).toEqual({ count: 2, sum: 5 });
    expect(list.reduce((sum, { values }) => sum + (values.messages ?? 0), 0)).toBe(5);
  }),
  works("features.list", async (autumn) => {
    const { list } = await autumn.features.list();
    expect(list.map(({ id }) => id)).toEqual([
      "messages",
      "api_calls",
      "seats",
      "premium_models",
      "basic_messages",
      "premium_messages",
      "usd_credits",
    ]);
  }),
  works("features.get", async (autumn) => {
    expect(await autumn.features.get({ featureId: "usd_credits" })).toMatchObject({
      type: "credit_system",
      creditSchema: [
        { meteredFeatureId: "basic_messages", creditCost: 0.01 },
        { meteredFeatureId: "premium_messages", creditCost: 0.1 },
      ],
    });
  }),
  refused("features.create", CATALOG, (autumn) =>
    autumn.features.create({ featureId: "more", name: "More", type: "metered", consumable: true }),
  ),
  refused("features.update", CATALOG, (autumn) =>
    autumn.features.update({ featureId: "messages", name: "Other" }),
  ),
  refused("features.delete", CATALOG, (autumn) => autumn.features.delete({ featureId: "messages" })),
  works("plans.list", async (autumn) => {
    const { list } = await autumn.plans.list();
    expect(list.map(({ id }) => id)).toEqual(["free", "pro", "team", "extra", "api-call-pack-1000"]);
  }),
  works("plans.get", async (autumn) => {
    expect(await autumn.plans.get({ planId: "pro" })).toMatchObject({
      id: "pro",
      price: { amount: 10, interval: "month" },
      items: expect.arrayContaining([expect.objectContaining({ featureId: "messages", included: 1000 })]),
    });
  }),
  refused("plans.create", CATALOG, (autumn) => autumn.plans.create({ planId: "more", name: "More" })),
  refused("plans.update", CATALOG, (autumn) => autumn.plans.update({ planId: "pro", name: "Other" })),
  refused("plans.delete", CATALOG, (autumn) => autumn.plans.delete({ planId: "pro" })),
  refused("referrals.createCode", REFERRALS, (autumn, world) =>
    autumn.referrals.createCode({ customerId: world.customer(), programId: "p" }),
  ),
  refused("referrals.redeemCode", REFERRALS, (autumn, world) =>
    autumn.referrals.redeemCode({ customerId: world.customer(), code: "X" }),
  ),
  refused("referrals.createProgram", REFERRALS, (autumn) =>
    autumn.referrals.createProgram({
      id: "p",
      rewardId: "r",
      redeemOn: "checkout",
      receivedBy: "all",
    } as never),
  ),
  works("referrals.listPrograms", async (autumn) => {
    expect(await autumn.referrals.listPrograms({})).toMatchObject({ list: [] });
  }),
  refused("referrals.getProgram", REFERRALS, (autumn) =>
    autumn.referrals.getProgram({ referralProgramId: "p" }),
  ),
  refused("referrals.updateProgram", REFERRALS, (autumn) =>
    autumn.referrals.updateProgram({ referralProgramId: "p" }),
  ),
  refused("referrals.deleteProgram", REFERRALS, (autumn) =>
    autumn.referrals.deleteProgram({ referralProgramId: "p" }),
  ),
  refused("rewards.create", REWARDS, (autumn) => autumn.rewards.create({})),
  works("rewards.list", async (autumn) => {
    expect(await autumn.rewards.list()).toEqual({ coupons: [], featureGrants: [] });
  }),
  refused("rewards.get", REWARDS, (autumn) => autumn.rewards.get({ rewardId: "r" })),
  refused("rewards.update", REWARDS, (autumn) => autumn.rewards.update({ rewardId: "r" })),
  refused("rewards.delete", REWARDS, (autumn) => autumn.rewards.delete({ rewardId: "r" } as never)),
  refused("rewards.redeemCode", REWARDS, (autumn, world) =>
    autumn.rewards.redeemCode({ customerId: world.customer(), code: "X" } as never),
  ),
  refused("invoices.create", PROVIDER, (autumn, world) =>
    autumn.invoices.create({ customerId: world.customer() }),
  ),
  refused("invoices.insert", PROVIDER, (autumn) => autumn.invoices.insert({ invoices: [] } as never)),
  refused("invoices.list", PROVIDER, (autumn) => autumn.invoices.list({})),
  refused("invoices.listTemplates", PROVIDER, (autumn) => autumn.invoices.listTemplates({} as never)),
  refused("invoices.pay", PROVIDER, (autumn) => autumn.invoices.pay({ invoiceId: "i" })),
  refused("invoices.reissue", PROVIDER, (autumn) => autumn.invoices.reissue({ invoiceId: "i" })),
  refused("invoices.void", PROVIDER, (autumn) => autumn.invoices.void({ invoiceId: "i" })),
  refused("licenses.attach", "Give an entity grants of its own.", (autumn, world) =>
    autumn.licenses.attach({ customerId: world.customer(), planId: "pro", entities: [{ entityId: "e" }] }),
  ),
  refused("licenses.release", "Give an entity grants of its own.", (autumn, world) =>
    autumn.licenses.release({ customerId: world.customer(), entityIds: ["e"] }),
  ),
  refused("logs.search", "The deployment's own log has them.", (autumn) => autumn.logs.search({})),
  refused("keys.mint", "A browser signs in to the app itself.", (autumn, world) =>
    autumn.keys.mint({ customerId: world.customer() }),
  ),
  refused("keys.refresh", "A browser signs in to the app itself.", (autumn) =>
    autumn.keys.refresh({} as never),
  ),
  refused("keys.revoke", "A browser signs in to the app itself.", (autumn, world) =>
    autumn.keys.revoke({ customerId: world.customer() }),
  ),
  refused("platform.linkRevenueCat", "Sync what is billed elsewhere.", (autumn) =>
    autumn.platform.linkRevenueCat({
      organizationSlug: "o",
      env: "test",
      projectName: "p",
      redirectUrl: successUrl,
    } as never),
  ),
  refused("platform.syncRevenueCat", "Sync what is billed elsewhere.", (autumn) =>
    autumn.platform.syncRevenueCat({ organizationSlug: "o", env: "test" } as never),
  ),
  refused("platform.getRevenueCatKeys", "Sync what is billed elsewhere.", (autumn) =>
    autumn.platform.getRevenueCatKeys({ organizationSlug: "o", env: "test" } as never),
  ),
  refused("sandboxes.create", "A sandbox is another deployment.", (autumn) =>
    autumn.sandboxes.create({ name: "s" }),
  ),
  refused("sandboxes.list", "A sandbox is another deployment.", (autumn) => autumn.sandboxes.list({})),
  refused("sandboxes.delete", "A sandbox is another deployment.", (autumn) =>
    autumn.sandboxes.delete({ id: "s" }),
  ),
  refused("sandboxes.reset", "A sandbox is another deployment.", (autumn) => autumn.sandboxes.reset({})),
];
