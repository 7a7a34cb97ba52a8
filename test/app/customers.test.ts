import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import { api, components } from "../../convex/_generated/api.js";
import { tally } from "../../convex/billing.js";
import { defineCatalog, Tally } from "../../src/client/index.js";
import type { MutationCtx } from "../../convex/_generated/server.js";
import { deployment, signedIn, type Deployment } from "./deployment.js";
import { addSubscriptions, registerInspected, stored } from "./stored.js";

const customerId = "user_1";
const JANUARY = Date.UTC(2026, 0, 10);
const FEBRUARY = Date.UTC(2026, 1, 10);

beforeEach(() => {
  vi.useFakeTimers();
  vi.setSystemTime(JANUARY);
});
afterEach(() => {
  vi.useRealTimers();
});

function deployed() {
  const t = deployment();
  registerInspected(t);
  return t;
}

async function counts(t: Deployment) {
  const { customers, balances, subscriptions, events, planVersions } = await stored(t);
  return {
    customers: customers.length,
    balances: balances.length,
    subscriptions: subscriptions.length,
    events: events.length,
    planVersions: planVersions.length,
  };
}

const nothing = { customers: 0, balances: 0, subscriptions: 0, events: 0, planVersions: 0 };
/** The free plan has four features. */
const begun = { customers: 1, balances: 4, subscriptions: 1, events: 1, planVersions: 1 };

function balance(t: Deployment, featureId: string) {
  return t.query((ctx) => tally.check(ctx, { customerId, featureId }));
}

function track(t: Deployment, featureId: string, value: number) {
  return t.mutation((ctx) => tally.track(ctx, { customerId, featureId, value }));
}

function attach(t: Deployment, planId: string, idempotencyKey?: string) {
  return t.mutation((ctx) => tally.subscriptions.attach(ctx, { customerId, planId, idempotencyKey }));
}

describe("a customer's first write", () => {
  test("gives him the default plan, by track", async () => {
    const t = deployed();
    expect(await track(t, "messages", 1)).toMatchObject({ applied: 1, remaining: 4 });
    expect(await counts(t)).toEqual({ ...begun, events: 2 });
  });

  test("gives him the default plan, by consume in an action", async () => {
    const t = deployed();
    await t.action((ctx) => tally.consume(ctx, { customerId, featureId: "messages" }));
    expect(await counts(t)).toEqual({ ...begun, events: 2 });
  });

  test("gives him the default plan, by a check that deducts", async () => {
    const t = deployed();
    const answer = await t.mutation((ctx) =>
      tally.check(ctx, { customerId, featureId: "messages", requiredBalance: 2, sendEvent: true }),
    );
    expect(answer).toMatchObject({ allowed: true, remaining: 3 });
    expect(await counts(t)).toEqual({ ...begun, events: 2 });
  });

  test("deducts once by a check that is repeated with its key, and says what is left by now", async () => {
    const t = deployed();
    const send = () =>
      t.mutation((ctx) =>
        tally.check(ctx, {
          customerId,
          featureId: "messages",
          requiredBalance: 2,
          sendEvent: true,
          idempotencyKey: "once",
        }),
      );
    expect(await send()).toMatchObject({ allowed: true, remaining: 3 });
    await track(t, "messages", 3);
    expect(await send()).toMatchObject({ allowed: true, requiredBalance: 2, remaining: 0 });
    expect(await counts(t)).toEqual({ ...begun, events: 3 });
  });

  test("gives him the default plan, by a grant that comes on top", async () => {
    const t = deployed();
    await t.mutation((ctx) => tally.grants.grant(ctx, { customerId, featureId: "messages", amount: 10 }));
    expect(await counts(t)).toEqual({ ...begun, events: 2 });
    expect(await balance(t, "messages")).toMatchObject({ granted: 15 });
  });

  test("gives him the default plan, by a top-up", async () => {
    const t = deployed();
    await attach(t, "credit-pack-5");
    expect(await counts(t)).toEqual({ ...begun, events: 2 });
  });

  test("keeps his name and email", async () => {
    const t = deployed();
    await signedIn(t).mutation(api.chat.send, { text: "hello" });
    expect(await t.query((ctx) => tally.customers.get(ctx, { customerId }))).toEqual({
      customerId: "user_1",
      name: "Ada",
      email: "ada@example.com",
      createdAt: JANUARY,
    });
  });

  test("happens once, though ten come at the same time", async () => {
    const t = deployed();
    const writes = Array.from({ length: 10 }, () => track(t, "messages", 1));
    const applied = (await Promise.all(writes)).map((answer) => answer.applied);
    expect(applied.filter((units) => units === 1)).toHaveLength(5);
    expect(await counts(t)).toEqual({ ...begun, events: 11 });
  });

  test("happens once, though ten come at the same time in one mutation", async () => {
    const t = deployed();
    await t.mutation(async (ctx) => {
      const writes = Array.from({ length: 10 }, (_, i) =>
        tally.track(ctx, { customerId, featureId: i % 2 === 0 ? "messages" : "emails" }),
      );
      await Promise.all(writes);
    });
    expect(await counts(t)).toEqual({ ...begun, events: 11 });
    expect(await balance(t, "messages")).toMatchObject({ usage: 5 });
    expect(await balance(t, "emails")).toMatchObject({ usage: 3 });
  });

  test("happens once, though ten actions come at the same time", async () => {
    const t = deployed();
    const writes = Array.from({ length: 10 }, () =>
      t.action((ctx) => tally.track(ctx, { customerId, featureId: "ai_tokens", value: 10 })),
    );
    await Promise.all(writes);
    expect(await counts(t)).toEqual({ ...begun, events: 11 });
    expect(await balance(t, "ai_tokens")).toMatchObject({ usage: 100 });
  });

  test("by customers.create can be repeated", async () => {
    const t = deployed();
    await t.mutation((ctx) => tally.customers.create(ctx, { customerId, name: "Ada" }));
    const before = await stored(t);
    await t.mutation((ctx) => tally.customers.create(ctx, { customerId, name: "Ada" }));
    expect(await stored(t)).toEqual(before);
    expect(await counts(t)).toEqual(begun);
  });
});

describe("a refused first use", () => {
  test("does not begin the customer, in an action", async () => {
    const t = deployed();
    const use = t.action((ctx) => tally.consume(ctx, { customerId, featureId: "messages", value: 6 }));
    await expect(use).rejects.toMatchObject({ data: { kind: "usage_exceeded", remaining: 5 } });
    expect(await counts(t)).toEqual(nothing);
  });

  test("does not begin the customer, caught in a mutation", async () => {
    const t = deployed();
    await t.mutation(async (ctx) => {
      const use = tally.consume(ctx, { customerId, featureId: "messages", value: 6 });
      await expect(use).rejects.toMatchObject({ data: { kind: "usage_exceeded" } });
    });
    expect(await counts(t)).toEqual(nothing);
  });

  test("does not begin the customer, by a check that deducts", async () => {
    const t = deployed();
    const answer = await t.mutation((ctx) =>
      tally.check(ctx, { customerId, featureId: "messages", requiredBalance: 6, sendEvent: true }),
    );
    expect(answer).toMatchObject({ allowed: false, reason: "insufficient", remaining: 5 });
    expect(await counts(t)).toEqual(nothing);
  });

  test("is followed by one that fits", async () => {
    const t = deployed();
    const use = (value: number) =>
      t.action((ctx) => tally.consume(ctx, { customerId, featureId: "messages", value }));
    await expect(use(6)).rejects.toMatchObject({ data: { kind: "usage_exceeded" } });
    expect(await use(5)).toMatchObject({ applied: 5, remaining: 0 });
  });
});

describe("a call for an entity that a newcomer cannot have", () => {
  /** Caught in the mutation: whatever was written before the throw would stay. */
  const refused = async (t: Deployment, call: (ctx: MutationCtx) => Promise<unknown>) =>
    await t.mutation(async (ctx) => {
      await expect(call(ctx)).rejects.toMatchObject({ data: { kind: "entity_not_found" } });
    });

  test("does not begin him, by a grant", async () => {
    const t = deployed();
    await refused(t, (ctx) =>
      tally.grants.grant(ctx, { customerId, entityId: "eve", featureId: "messages", amount: 1 }),
    );
    expect(await counts(t)).toEqual(nothing);
  });

  test("does not begin him, by a plan", async () => {
    const t = deployed();
    await refused(t, (ctx) =>
      tally.subscriptions.attach(ctx, { customerId, entityId: "eve", planId: "pro" }),
    );
    expect(await counts(t)).toEqual(nothing);
  });
});

describe("a check", () => {
  test("answers a newcomer as if he had the default plan, and stores nothing", async () => {
    const t = deployed();
    expect(await balance(t, "messages")).toMatchObject({ allowed: true, granted: 5, remaining: 5 });
    expect(await balance(t, "web_search")).toMatchObject({ allowed: false, reason: "not_included" });
    expect(await counts(t)).toEqual(nothing);
  });

  test("stores nothing in a mutation or an action either", async () => {
    const t = deployed();
    await t.mutation((ctx) => tally.check(ctx, { customerId, featureId: "messages" }));
    await t.action((ctx) => tally.check(ctx, { customerId, featureId: "messages" }));
    expect(await counts(t)).toEqual(nothing);
  });

  test("of a list answers a newcomer as it would answer a customer", async () => {
    const t = deployed();
    const ask = () =>
      t.query((ctx) =>
        tally.for(ctx, { customerId }).check([
          { featureId: "messages", requiredBalance: 3 },
          { featureId: "messages", requiredBalance: 3 },
        ]),
      );
    expect((await ask()).map(({ allowed }) => allowed)).toEqual([true, false]);
    await t.mutation((ctx) => tally.customers.create(ctx, { customerId }));
    expect((await ask()).map(({ allowed }) => allowed)).toEqual([true, false]);
  });

  test("changes nothing of a customer who has begun", async () => {
    const t = deployed();
    await track(t, "messages", 1);
    const before = await stored(t);
    await t.mutation((ctx) => tally.check(ctx, { customerId, featureId: "messages" }));
    await t.mutation((ctx) => tally.check(ctx, { customerId, featureId: "premium_model" }));
    expect(await stored(t)).toEqual(before);
  });
});

describe("customers", () => {
  test("are null before they begin", async () => {
    const t = deployed();
    expect(await t.query((ctx) => tally.customers.get(ctx, { customerId }))).toBeNull();
  });

  test("are listed by id, page by page, each once", async () => {
    const t = deployed();
    const plain = new Tally(components.tally, {
      catalog: defineCatalog({ features: [], plans: [] }),
      identify: () => Promise.resolve(null),
    });
    for (let start = 0; start < 450; start += 150) {
      await t.mutation(async (ctx) => {
        for (let i = start; i < start + 150; i++)
          await plain.customers.create(ctx, { customerId: `customer ${String(i).padStart(3, "0")}` });
      });
    }
    const list = (cursor: string | null) =>
      t.query((ctx) => tally.customers.list(ctx, { cursor, limit: 200 }));
    const first = await list(null);
    const second = await list(first.cursor);
    const third = await list(second.cursor);
    const pages = [first, second, third].map(({ page }) => page.map((customer) => customer.customerId));
    const ids = pages.flat();
    expect(pages.map(({ length }) => length)).toEqual([200, 200, 50]);
    expect(third.cursor).toBeNull();
    expect(ids).toEqual([...new Set(ids)].sort());
    expect([ids[0], ids[449]]).toEqual(["customer 000", "customer 449"]);
  });

  test("have an end of the list when the last page is just full", async () => {
    const t = deployed();
    await t.mutation((ctx) => tally.customers.create(ctx, { customerId: "a" }));
    await t.mutation((ctx) => tally.customers.create(ctx, { customerId: "b" }));
    const { page, cursor } = await t.query((ctx) => tally.customers.list(ctx, { limit: 2 }));
    expect(page.map((customer) => customer.customerId)).toEqual(["a", "b"]);
    expect(cursor).toBeNull();
  });

  test("are changed in what is given, and null takes it away", async () => {
    const t = deployed();
    await t.mutation((ctx) => tally.customers.create(ctx, { customerId, name: "Ada", email: "ada@x.org" }));
    await t.mutation((ctx) => tally.customers.update(ctx, { customerId, name: "Ada Lovelace" }));
    await t.mutation((ctx) => tally.customers.update(ctx, { customerId, email: null }));
    expect(await t.query((ctx) => tally.customers.get(ctx, { customerId }))).toEqual({
      customerId: "user_1",
      name: "Ada Lovelace",
      createdAt: JANUARY,
    });
  });

  test("who never began cannot be changed or removed", async () => {
    const t = deployed();
    const notFound = { data: { kind: "customer_not_found" } };
    const update = t.mutation((ctx) => tally.customers.update(ctx, { customerId, name: "Ada" }));
    await expect(update).rejects.toMatchObject(notFound);
    const remove = t.mutation((ctx) => tally.customers.remove(ctx, { customerId }));
    await expect(remove).rejects.toMatchObject(notFound);
  });
});

describe("a customer's removal", () => {
  const remove = (t: Deployment) => t.mutation((ctx) => tally.customers.remove(ctx, { customerId }));

  /** More than one transaction can take: events of 11 KB, or of 31 KB with the letters that take the most. */
  async function busyCustomer({ events, letter }: { events: number; letter: "x" | "€" }) {
    const t = deployed();
    await attach(t, "pro");
    const properties = Object.fromEntries(
      Array.from({ length: 20 }, (_, i) => [String(i).padStart(2, "0").padEnd(40, "k"), letter.repeat(500)]),
    );
    for (let made = 0; made < events; made += 100) {
      const uses = Array.from({ length: 100 }, () => ({ featureId: "ai_tokens", properties }) as const);
      await t.mutation((ctx) => tally.for(ctx, { customerId }).track(uses));
    }
    return t;
  }

  test("takes everything of a small customer at once", async () => {
    const t = deployed();
    await track(t, "messages", 1);
    expect(await remove(t)).toEqual({ done: true });
    expect(await counts(t)).toEqual({ ...nothing, planVersions: 1 });
  });

  test("takes more than 1,000 events in scheduled batches", async () => {
    const t = await busyCustomer({ events: 1_100, letter: "x" });
    expect(await counts(t)).toMatchObject({ customers: 1, events: 1_102 });
    expect(await remove(t)).toEqual({ done: false });
    expect(await counts(t)).toMatchObject({ customers: 1, balances: 0 });
    await t.finishAllScheduledFunctions(vi.runAllTimers);
    expect(await counts(t)).toEqual({ ...nothing, planVersions: 2 });
  });

  test("lets nothing begin anew while it is under way, and everything afterwards", async () => {
    const t = await busyCustomer({ events: 400, letter: "€" });
    await remove(t);
    const use = () => t.mutation((ctx) => tally.consume(ctx, { customerId, featureId: "messages" }));
    await expect(use()).rejects.toMatchObject({ data: { kind: "usage_exceeded", reason: "not_included" } });
    await t.finishAllScheduledFunctions(vi.runAllTimers);
    expect(await use()).toMatchObject({ applied: 1, remaining: 4 });
  });

  test("that is asked for twice does no more", async () => {
    const t = await busyCustomer({ events: 400, letter: "€" });
    await remove(t);
    await remove(t);
    await t.finishAllScheduledFunctions(vi.runAllTimers);
    expect(await counts(t)).toEqual({ ...nothing, planVersions: 2 });
  });

  test("leaves another customer as he was", async () => {
    const t = await busyCustomer({ events: 400, letter: "€" });
    const bob = { customerId: "user_2", featureId: "messages" } as const;
    await t.mutation((ctx) => tally.track(ctx, { ...bob, value: 2 }));
    await remove(t);
    await t.finishAllScheduledFunctions(vi.runAllTimers);
    expect(await t.query((ctx) => tally.check(ctx, bob))).toMatchObject({ usage: 2, remaining: 3 });
    expect(await counts(t)).toMatchObject({ ...begun, events: 2, planVersions: 2 });
  });

  test("takes entities as well", async () => {
    const t = deployed();
    await t.mutation((ctx) => team.entities.create(ctx, { customerId, entityId: "ada", featureId: "seats" }));
    await remove(t);
    expect(await stored(t)).toMatchObject({ entities: [], balances: [], customers: [] });
  });
});

describe("attaching a plan", () => {
  test("that is paid for starts afresh, with periods from now on", async () => {
    const t = deployed();
    await track(t, "messages", 3);
    vi.setSystemTime(Date.UTC(2026, 0, 20));
    await attach(t, "pro");
    expect(await balance(t, "messages")).toMatchObject({
      granted: 500,
      usage: 0,
      nextResetAt: Date.UTC(2026, 1, 20),
    });
    expect(await balance(t, "web_search")).toMatchObject({ allowed: true });
  });

  test("that is free keeps what was used, and the periods", async () => {
    const t = deployed();
    await attach(t, "pro");
    await track(t, "messages", 3);
    vi.setSystemTime(Date.UTC(2026, 0, 20));
    await attach(t, "free");
    expect(await balance(t, "messages")).toMatchObject({
      granted: 5,
      usage: 3,
      remaining: 2,
      nextResetAt: FEBRUARY,
    });
    expect(await balance(t, "web_search")).toMatchObject({ allowed: false });
  });

  test("that gives less than was used leaves nothing until the reset", async () => {
    const t = deployed();
    await attach(t, "pro");
    await track(t, "messages", 300);
    await attach(t, "free");
    expect(await balance(t, "messages")).toMatchObject({ allowed: false, granted: 5, remaining: 0 });
    vi.setSystemTime(FEBRUARY);
    expect(await balance(t, "messages")).toMatchObject({ allowed: true, remaining: 5 });
  });

  test("that he has changes nothing", async () => {
    const t = deployed();
    await attach(t, "pro");
    await track(t, "messages", 3);
    const before = await stored(t);
    await attach(t, "pro");
    expect(await stored(t)).toEqual(before);
  });

  test("ends the one that it replaces", async () => {
    const t = deployed();
    await track(t, "messages", 1);
    vi.setSystemTime(FEBRUARY);
    await attach(t, "pro");
    const { page } = await t.query((ctx) => tally.subscriptions.list(ctx, { customerId }));
    expect(page).toMatchObject([
      { planId: "free", status: "ended", endsAt: FEBRUARY },
      { planId: "pro", status: "active", anchor: FEBRUARY },
    ]);
  });

  test("that is a top-up stacks, each time", async () => {
    const t = deployed();
    await attach(t, "credit-pack-5");
    expect(await balance(t, "credits")).toMatchObject({ granted: 5.5 });
    await attach(t, "credit-pack-5");
    expect(await balance(t, "credits")).toMatchObject({ granted: 10.5 });
    const { page } = await t.query((ctx) => tally.subscriptions.list(ctx, { customerId }));
    expect(page).toMatchObject([{ planId: "free", status: "active" }]);
  });

  test("that is a top-up, with a key, adds once", async () => {
    const t = deployed();
    expect(await attach(t, "credit-pack-5", "payment 1")).toMatchObject({ replayed: false });
    expect(await attach(t, "credit-pack-5", "payment 1")).toMatchObject({ replayed: true });
    expect(await balance(t, "credits")).toMatchObject({ granted: 5.5 });
  });

  test("keeps a top-up that was used in part", async () => {
    const t = deployed();
    await attach(t, "credit-pack-5");
    await track(t, "credits", 2.5);
    await attach(t, "pro");
    expect(await balance(t, "credits")).toMatchObject({ remaining: 13 });
    await attach(t, "free");
    expect(await balance(t, "credits")).toMatchObject({ remaining: 3.5 });
  });

  test("with the key of another plan is a conflict", async () => {
    const t = deployed();
    await attach(t, "pro", "payment 1");
    await expect(attach(t, "credit-pack-5", "payment 1")).rejects.toMatchObject({
      data: { kind: "idempotency_conflict" },
    });
    expect(await balance(t, "credits")).toMatchObject({ granted: 10 });
  });

  test("that he has already keeps the key, so that a late repeat changes nothing", async () => {
    const t = deployed();
    await attach(t, "pro");
    await attach(t, "pro", "invoice 1");
    await attach(t, "free");
    expect(await attach(t, "pro", "invoice 1")).toMatchObject({ replayed: true });
    expect(await balance(t, "messages")).toMatchObject({ granted: 5 });
  });

  test("that the catalog does not have is refused, and begins nobody", async () => {
    const t = deployed();
    await expect(attach(t, "enterprise")).rejects.toMatchObject({ data: { kind: "plan_not_found" } });
    expect(await counts(t)).toEqual(nothing);
  });

  test("that costs nothing gives no usage back, however often plans are switched", async () => {
    const t = deployed();
    const unpaid = new Tally(components.tally, {
      catalog: defineCatalog({
        features: [{ id: "messages", type: "metered" }],
        plans: ["red", "blue"].map((id) => ({
          id,
          autoEnable: id === "red",
          items: [{ featureId: "messages", included: 10, reset: { interval: "month" } }],
        })),
      }),
      identify: () => Promise.resolve(null),
    });
    await t.mutation((ctx) => unpaid.track(ctx, { customerId, featureId: "messages", value: 7 }));
    for (const planId of ["blue", "red", "blue"]) {
      await t.mutation((ctx) => unpaid.subscriptions.attach(ctx, { customerId, planId }));
    }
    const answer = await t.query((ctx) => unpaid.check(ctx, { customerId, featureId: "messages" }));
    expect(answer).toMatchObject({ granted: 10, usage: 7, remaining: 3, nextResetAt: FEBRUARY });
  });
});

describe("a grant", () => {
  const grant = (t: Deployment, args: Partial<Parameters<typeof tally.grants.grant>[1]>) =>
    t.mutation((ctx) => tally.grants.grant(ctx, { customerId, featureId: "messages", ...args }));

  test("merges into an earlier one of equal terms", async () => {
    const t = deployed();
    const first = await grant(t, { amount: 10 });
    await track(t, "messages", 8);
    const second = await grant(t, { amount: 20 });
    expect(second.grantId).toBe(first.grantId);
    expect((await balance(t, "messages")).breakdown).toMatchObject([
      { planId: "free", usage: 5, remaining: 0 },
      { granted: 30, usage: 3, remaining: 27 },
    ]);
  });

  test("of other terms stays by itself", async () => {
    const t = deployed();
    const first = await grant(t, { amount: 10 });
    const second = await grant(t, { amount: 10, expiresAt: FEBRUARY });
    expect(second.grantId).not.toBe(first.grantId);
    expect((await balance(t, "messages")).breakdown).toHaveLength(3);
  });

  test("that expires sooner is used first, and is gone at its instant", async () => {
    const t = deployed();
    await track(t, "messages", 5);
    await grant(t, { amount: 10 });
    await grant(t, { amount: 4, expiresAt: JANUARY + 1_000 });
    await track(t, "messages", 1);
    vi.setSystemTime(JANUARY + 999);
    expect(await balance(t, "messages")).toMatchObject({ remaining: 13 });
    vi.setSystemTime(JANUARY + 1_000);
    expect(await balance(t, "messages")).toMatchObject({ granted: 15, usage: 5, remaining: 10 });
  });

  test("that starts later cannot be used before", async () => {
    const t = deployed();
    await grant(t, { amount: 10, startsAt: JANUARY + 1_000 });
    vi.setSystemTime(JANUARY + 999);
    expect(await balance(t, "messages")).toMatchObject({ remaining: 5 });
    vi.setSystemTime(JANUARY + 1_000);
    expect(await balance(t, "messages")).toMatchObject({ remaining: 15 });
  });

  test("that resets comes anew, from the day on which it was given", async () => {
    const t = deployed();
    await grant(t, { featureId: "web_search" });
    await grant(t, { amount: 10, reset: { interval: "week" } });
    await track(t, "messages", 12);
    expect(await balance(t, "messages")).toMatchObject({ remaining: 3, nextResetAt: Date.UTC(2026, 0, 17) });
    vi.setSystemTime(Date.UTC(2026, 0, 17));
    expect(await balance(t, "messages")).toMatchObject({ remaining: 13 });
  });

  test("of a boolean feature turns it on, until it expires", async () => {
    const t = deployed();
    await grant(t, { featureId: "web_search", expiresAt: FEBRUARY });
    expect(await balance(t, "web_search")).toMatchObject({ allowed: true, unlimited: true });
    vi.setSystemTime(FEBRUARY);
    expect(await balance(t, "web_search")).toMatchObject({ allowed: false, reason: "not_included" });
  });

  test("without limit pays for everything", async () => {
    const t = deployed();
    await grant(t, { unlimited: true });
    expect(await track(t, "messages", 1_000_000)).toMatchObject({ applied: 1_000_000, unlimited: true });
    expect(await balance(t, "messages")).toMatchObject({ allowed: true, unlimited: true });
  });

  test("of lower priority is used first", async () => {
    const t = deployed();
    await grant(t, { amount: 10, priority: -1 });
    await track(t, "messages", 4);
    expect((await balance(t, "messages")).breakdown).toMatchObject([
      { granted: 10, usage: 4 },
      { planId: "free", usage: 0 },
    ]);
  });

  test("with a key is given once", async () => {
    const t = deployed();
    const first = await grant(t, { amount: 10, idempotencyKey: "gift" });
    expect(first).toMatchObject({ replayed: false, balance: { granted: 15 } });
    const again = await grant(t, { amount: 10, idempotencyKey: "gift" });
    expect(again).toEqual({ grantId: first.grantId, eventId: first.eventId, replayed: true, balance: null });
    expect(await balance(t, "messages")).toMatchObject({ granted: 15 });
  });

  test("of another amount with the same key is a conflict", async () => {
    const t = deployed();
    await grant(t, { amount: 10, idempotencyKey: "gift" });
    await expect(grant(t, { amount: 11, idempotencyKey: "gift" })).rejects.toMatchObject({
      data: { kind: "idempotency_conflict" },
    });
    expect(await balance(t, "messages")).toMatchObject({ granted: 15 });
  });

  test("says in its event who gave it and why", async () => {
    const t = deployed();
    await grant(t, { amount: 10, reason: "Sorry", actor: "support" });
    const { page } = await t.query((ctx) => tally.events.list(ctx, { customerId, limit: 1 }));
    expect(page).toMatchObject([
      { kind: "grant", featureId: "messages", value: 10, reason: "Sorry", actor: "support", remaining: 15 },
    ]);
  });

  test("is the last of 64 different ones", async () => {
    const t = deployed();
    for (let second = 1; second <= 63; second++) {
      await grant(t, { amount: 1, expiresAt: FEBRUARY + second * 1_000 });
    }
    const before = await stored(t);
    await expect(grant(t, { amount: 1, expiresAt: FEBRUARY })).rejects.toMatchObject({
      data: { kind: "too_many_grants" },
    });
    expect(await stored(t)).toEqual(before);
  });
});

/** Ten tokens of each seat's own, and a hundred for all; a seat may have a plan of its own. */
const team = new Tally(components.tally, {
  catalog: defineCatalog({
    features: [
      { id: "seats", type: "metered", consumable: false },
      { id: "tokens", type: "metered" },
      { id: "exports", type: "metered" },
    ],
    plans: [
      {
        id: "team",
        autoEnable: true,
        items: [
          { featureId: "tokens", included: 100, reset: { interval: "month" } },
          { featureId: "tokens", included: 10, entityFeatureId: "seats", reset: { interval: "month" } },
        ],
      },
      {
        id: "large-team",
        price: { amount: 50, interval: "month" },
        items: [
          { featureId: "tokens", included: 20, entityFeatureId: "seats", reset: { interval: "month" } },
        ],
      },
      {
        id: "basic-seat",
        group: "of seats",
        price: { amount: 1, interval: "month" },
        items: [{ featureId: "tokens", included: 1, reset: { interval: "month" } }],
      },
      {
        id: "power-seat",
        group: "of seats",
        price: { amount: 9, interval: "month" },
        items: [
          { featureId: "tokens", included: 50, entityFeatureId: "seats", reset: { interval: "month" } },
        ],
      },
    ],
  }),
  identify: () => Promise.resolve({ customerId: "user_1", entityId: "ada" }),
});

describe("an entity", () => {
  const create = (t: Deployment, entityId: string) =>
    t.mutation((ctx) => team.entities.create(ctx, { customerId, entityId, featureId: "seats" }));
  const use = (t: Deployment, value: number, entityId?: string) =>
    t.mutation((ctx) => team.for(ctx, { customerId, entityId }).consume({ featureId: "tokens", value }));
  const check = (t: Deployment, entityId?: string) =>
    t.query((ctx) => team.for(ctx, { customerId, entityId }).check({ featureId: "tokens" }));

  async function teamOf(...entityIds: string[]) {
    const t = deployed();
    for (const entityId of entityIds) await create(t, entityId);
    return t;
  }

  test("begins its customer, and has what his plan gives to each", async () => {
    const t = await teamOf("ada");
    expect(await stored(t)).toMatchObject({
      customers: [{ customerId: "user_1" }],
      entities: [{ customerId: "user_1", entityId: "ada", featureId: "seats" }],
    });
    expect(await check(t, "ada")).toMatchObject({ granted: 110, remaining: 110 });
  });

  test("that is there stays as it is", async () => {
    const t = await teamOf("ada");
    await use(t, 4, "ada");
    const before = await stored(t);
    expect(await create(t, "ada")).toEqual({ created: false, seat: null });
    expect(await stored(t)).toEqual(before);
  });

  test("uses its own balance first, then the customer's", async () => {
    const t = await teamOf("ada");
    await use(t, 12, "ada");
    expect((await check(t, "ada")).breakdown).toMatchObject([
      { entityId: "ada", usage: 10, remaining: 0 },
      { usage: 2, remaining: 98 },
    ]);
  });

  test("never uses another's balance", async () => {
    const t = await teamOf("ada", "bob");
    await use(t, 110, "ada");
    await expect(use(t, 1, "ada")).rejects.toMatchObject({ data: { kind: "usage_exceeded" } });
    expect(await check(t, "bob")).toMatchObject({ remaining: 10 });
  });

  test("pays for the customer once his own balance is used up", async () => {
    const t = await teamOf("ada", "bob");
    await use(t, 105);
    expect(await check(t, "ada")).toMatchObject({ remaining: 5 });
    expect(await check(t, "bob")).toMatchObject({ remaining: 10 });
  });

  test("has its amount back at the reset, as the customer has his", async () => {
    const t = await teamOf("ada");
    await use(t, 110, "ada");
    vi.setSystemTime(FEBRUARY);
    expect(await check(t, "ada")).toMatchObject({ remaining: 110 });
  });

  test("gets what a new plan gives to each", async () => {
    const t = await teamOf("ada", "bob");
    await use(t, 4, "ada");
    await t.mutation((ctx) => team.subscriptions.attach(ctx, { customerId, planId: "large-team" }));
    expect(await check(t, "ada")).toMatchObject({ granted: 20, remaining: 20 });
    expect(await check(t, "bob")).toMatchObject({ granted: 20, remaining: 20 });
  });

  test("alone gets what a plan gives to each: the customer gets none of it besides", async () => {
    const t = await teamOf("ada", "bob");
    await t.mutation((ctx) => team.subscriptions.attach(ctx, { customerId, planId: "large-team" }));
    expect(await check(t)).toMatchObject({ granted: 40, remaining: 40 });
  });

  test("that comes after a plan gets what it gives to each", async () => {
    const t = await teamOf("ada");
    await t.mutation((ctx) => team.subscriptions.attach(ctx, { customerId, planId: "large-team" }));
    await create(t, "bob");
    expect(await check(t, "bob")).toMatchObject({ granted: 20, remaining: 20 });
  });

  const attachTo = (t: Deployment, entityId: string, planId: "basic-seat" | "power-seat") =>
    t.mutation((ctx) => team.subscriptions.attach(ctx, { customerId, entityId, planId }));

  test("can have a plan of its own, which gives nothing to others, be they there or to come", async () => {
    const t = await teamOf("ada", "bob");
    await attachTo(t, "ada", "power-seat");
    await create(t, "cy");
    expect(await check(t, "ada")).toMatchObject({ remaining: 160 });
    expect(await check(t, "bob")).toMatchObject({ remaining: 110 });
    expect(await check(t, "cy")).toMatchObject({ remaining: 110 });
  });

  test("has its plan replaced, however many others the customer has had since", async () => {
    const t = await teamOf("ada");
    await attachTo(t, "ada", "basic-seat");
    const [first] = (await stored(t)).subscriptions;
    if (first === undefined) throw new Error("The customer has begun with a plan.");
    const { _id, _creationTime, ...ended } = { ...first, endsAt: JANUARY };
    const since = Array.from({ length: 1_000 }, (_, i) => ({ ...ended, subscriptionId: `s${i + 1_000}` }));
    await addSubscriptions(t, since);
    await attachTo(t, "ada", "power-seat");
    expect(await check(t, "ada")).toMatchObject({ remaining: 160 });
  });

  test("can be given something that nobody else can use", async () => {
    const t = await teamOf("ada", "bob");
    await t.mutation((ctx) =>
      team.grants.grant(ctx, { customerId, entityId: "ada", featureId: "exports", amount: 3 }),
    );
    const exports = (entityId?: string) =>
      t.query((ctx) => team.for(ctx, { customerId, entityId }).check({ featureId: "exports" }));
    expect(await exports("ada")).toMatchObject({ allowed: true, remaining: 3 });
    expect(await exports("bob")).toMatchObject({ allowed: false, reason: "not_included" });
    expect(await exports()).toMatchObject({ allowed: false, reason: "not_included" });
  });

  test("keeps what was given to it alone from the customer", async () => {
    const t = await teamOf("ada");
    await t.mutation((ctx) =>
      team.grants.grant(ctx, { customerId, entityId: "ada", featureId: "tokens", amount: 5 }),
    );
    expect(await check(t, "ada")).toMatchObject({ remaining: 115 });
    expect(await check(t)).toMatchObject({ remaining: 110 });
  });

  test("keeps its own from another that is named in the same call", async () => {
    const t = await teamOf("ada", "bob");
    const uses = [
      { featureId: "tokens", value: 1, entityId: "bob" },
      { featureId: "tokens", value: 111, entityId: "ada" },
    ] as const;
    const use = t.mutation((ctx) => team.for(ctx, { customerId }).consume(uses));
    await expect(use).rejects.toMatchObject({ data: { kind: "usage_exceeded", remaining: 110 } });
    expect(await check(t, "bob")).toMatchObject({ usage: 0 });
  });

  test("of another customer is another one", async () => {
    const t = await teamOf("ada");
    await t.mutation((ctx) =>
      team.entities.create(ctx, { customerId: "user_2", entityId: "ada", featureId: "seats" }),
    );
    await use(t, 10, "ada");
    const other = await t.query((ctx) =>
      team.for(ctx, { customerId: "user_2", entityId: "ada" }).check({ featureId: "tokens" }),
    );
    expect(other).toMatchObject({ usage: 0, remaining: 110 });
  });

  test("that is named by the identity is used by every verb", async () => {
    const t = await teamOf("ada");
    const { mutation } = team.customization;
    await t.mutation(async (ctx) => {
      const added = await mutation.input(ctx, {});
      await added.ctx.track({ featureId: "tokens", value: 3 });
    });
    expect((await check(t, "ada")).breakdown).toMatchObject([{ entityId: "ada", usage: 3 }, { usage: 0 }]);
  });

  test("is listed with its name, page by page", async () => {
    const t = await teamOf("ada", "bob", "cy");
    const first = await t.query((ctx) => team.entities.list(ctx, { customerId, limit: 2 }));
    expect(first.page.map(({ entityId }) => entityId)).toEqual(["ada", "bob"]);
    const second = await t.query((ctx) =>
      team.entities.list(ctx, { customerId, limit: 2, cursor: first.cursor }),
    );
    expect(second).toMatchObject({ page: [{ entityId: "cy", featureId: "seats" }], cursor: null });
  });

  const unknown = { data: { kind: "entity_not_found", entityId: "eve" } };

  test("that is unknown is refused, and the customer's own balance is left alone", async () => {
    const t = await teamOf("ada");
    const before = await stored(t);
    await expect(check(t, "eve")).rejects.toMatchObject(unknown);
    await expect(use(t, 1, "eve")).rejects.toMatchObject(unknown);
    await expect(
      t.mutation((ctx) =>
        team.grants.grant(ctx, { customerId, entityId: "eve", featureId: "tokens", amount: 1 }),
      ),
    ).rejects.toMatchObject(unknown);
    await expect(
      t.mutation((ctx) =>
        team.subscriptions.attach(ctx, { customerId, entityId: "eve", planId: "large-team" }),
      ),
    ).rejects.toMatchObject(unknown);
    expect(await stored(t)).toEqual(before);
  });

  test("that is unknown of a newcomer is refused, and begins nobody", async () => {
    const t = deployed();
    await expect(check(t, "eve")).rejects.toMatchObject(unknown);
    const track = t.action((ctx) =>
      team.for(ctx, { customerId, entityId: "eve" }).track({ featureId: "tokens" }),
    );
    await expect(track).rejects.toMatchObject(unknown);
    expect(await counts(t)).toEqual(nothing);
  });
});

describe("a list of events", () => {
  const values = (page: { value: number }[]) => page.map(({ value }) => value);

  async function fiveUses() {
    const t = deployed();
    for (const value of [1, 2, 3, 4, 5]) await track(t, "ai_tokens", value);
    await track(t, "messages", 1);
    return t;
  }

  test("has the latest first, and the plan with which he began last", async () => {
    const t = await fiveUses();
    const { page, cursor } = await t.query((ctx) => tally.events.list(ctx, { customerId }));
    expect(page.map(({ kind, featureId, value }) => [kind, featureId, value])).toEqual([
      ["usage", "messages", 1],
      ["usage", "ai_tokens", 5],
      ["usage", "ai_tokens", 4],
      ["usage", "ai_tokens", 3],
      ["usage", "ai_tokens", 2],
      ["usage", "ai_tokens", 1],
      ["plan", undefined, 0],
    ]);
    expect(cursor).toBeNull();
  });

  test("goes on where the last page ended, though something came in between", async () => {
    const t = await fiveUses();
    const list = (cursor: string | null) =>
      t.query((ctx) => tally.events.list(ctx, { customerId, featureId: "ai_tokens", limit: 2, cursor }));
    const first = await list(null);
    await track(t, "ai_tokens", 6);
    const second = await list(first.cursor);
    const third = await list(second.cursor);
    expect([first, second, third].map(({ page }) => values(page))).toEqual([[5, 4], [3, 2], [1]]);
    expect(third.cursor).toBeNull();
  });

  test("is empty for a customer who never began", async () => {
    const t = deployed();
    const list = await t.query((ctx) => tally.events.list(ctx, { customerId }));
    expect(list).toEqual({ page: [], cursor: null });
  });
});

describe("a list of balances", () => {
  test("is by feature, page by page, as of now", async () => {
    const t = deployed();
    await track(t, "messages", 2);
    vi.setSystemTime(FEBRUARY);
    const first = await t.query((ctx) => tally.balances.list(ctx, { customerId, limit: 3 }));
    expect(first.page.map(({ featureId }) => featureId)).toEqual(["ai_tokens", "credits", "emails"]);
    const second = await t.query((ctx) =>
      tally.balances.list(ctx, { customerId, limit: 3, cursor: first.cursor }),
    );
    expect(second).toMatchObject({ page: [{ featureId: "messages", usage: 0, remaining: 5 }], cursor: null });
  });

  test("has an entity's rows after the customer's own", async () => {
    const t = deployed();
    for (const entityId of ["ada", "bob"]) {
      await t.mutation((ctx) => team.entities.create(ctx, { customerId, entityId, featureId: "seats" }));
    }
    const list = async (cursor: string | null) =>
      await t.query((ctx) => team.balances.list(ctx, { customerId, limit: 1, cursor }));
    const first = await list(null);
    const second = await list(first.cursor);
    const third = await list(second.cursor);
    const entities = [first, second, third].map(({ page }) => page.map(({ entityId }) => entityId));
    expect(entities).toEqual([[undefined], ["ada"], ["bob"]]);
    expect(third.cursor).toBeNull();
  });
});

describe("a cursor that was forged", () => {
  /** Ada has one use, Bob three. */
  async function adaAndBob() {
    const t = deployed();
    await t.mutation((ctx) => tally.track(ctx, { customerId: "ada", featureId: "messages" }));
    for (const value of [1, 2, 3]) {
      await t.mutation((ctx) => tally.track(ctx, { customerId: "bob", featureId: "messages", value }));
    }
    return t;
  }

  test("from another customer's list shows nothing of his", async () => {
    const t = await adaAndBob();
    const his = await signedIn(t, "bob").query(api.billing.events, { limit: 1 });
    const hers = await signedIn(t, "ada").query(api.billing.events, { cursor: his?.cursor });
    const own = new Set((await signedIn(t, "ada").query(api.billing.events, {}))?.page.map((e) => e.eventId));
    expect(hers?.page.every(({ eventId }) => own.has(eventId))).toBe(true);
  });

  test.each([
    ["his id alone", ["bob"]],
    ["his id and a time", ["bob", JANUARY]],
    ["a later time", [JANUARY + 1e12]],
    ["an earlier time", [0]],
    ["nothing", [null]],
    ["an object", [{ customerId: "bob" }]],
    ["an absent field", [[]]],
  ])("with %s inside shows nothing of another customer", async (_, key) => {
    const t = await adaAndBob();
    const ada = signedIn(t, "ada");
    const own = (await ada.query(api.billing.events, {}))?.page.map(({ eventId }) => eventId);
    const found = await ada.query(api.billing.events, { cursor: JSON.stringify(key) });
    for (const { eventId } of found?.page ?? []) expect(own).toContain(eventId);
  });

  test.each([
    "",
    "null",
    "[]",
    "{}",
    "not json",
    '"bob"',
    "[1,2,3]",
    '["a","b","c","d","e"]',
    "[1,2,3,4,5,6]",
  ])("as %j is refused", async (cursor) => {
    const t = await adaAndBob();
    const asked = signedIn(t, "ada").query(api.billing.events, { cursor });
    await expect(asked).rejects.toMatchObject({ data: { kind: "invalid_argument" } });
  });
});
