import { convexTest } from "convex-test";
import { anyApi, type ApiFromModules } from "convex/server";
import { describe, expect, test } from "vitest";
import { tally } from "../../convex/billing.js";
import schema from "../../convex/schema.js";
import type * as attemptsModule from "./attempts.js";
import { signedIn, type Deployment } from "./deployment.js";
import { registerInspected, stored } from "./stored.js";

const { attempts } = anyApi as unknown as ApiFromModules<{ attempts: typeof attemptsModule }>;

const modules = {
  ...import.meta.glob("../../convex/**/*.ts"),
  "../../convex/attempts.ts": () => import("./attempts.js"),
};

/** A customer on the free plan: 5 messages, 0.5 credits, nothing used. */
async function freeCustomer() {
  const t = convexTest({ schema, modules, transactionLimits: true });
  registerInspected(t);
  await t.mutation((ctx) => tally.customers.create(ctx, { customerId: "user_1" }));
  return t;
}

/** A customer who can send 100 emails a day. */
async function proCustomer() {
  const t = await freeCustomer();
  await t.mutation((ctx) => tally.subscriptions.attach(ctx, { customerId: "user_1", planId: "pro" }));
  return t;
}

function used(t: Deployment, featureId: string) {
  return t.query(async (ctx) => {
    const { usage, remaining } = await tally.check(ctx, { customerId: "user_1", featureId });
    return { usage, remaining };
  });
}

async function usageEvents(t: Deployment) {
  return (await stored(t)).events.filter(({ kind }) => kind === "usage");
}

function appMessages(t: Deployment) {
  return t.run((ctx) => ctx.db.query("messages").collect());
}

describe("a mutation that throws", () => {
  test("after a track has used nothing", async () => {
    const t = await freeCustomer();
    const before = await stored(t);
    await expect(signedIn(t).mutation(attempts.trackThenThrow, {})).rejects.toThrow("after the track");
    expect(await stored(t)).toEqual(before);
    expect(await appMessages(t)).toEqual([]);
  });

  test("after a consume has used nothing", async () => {
    const t = await freeCustomer();
    const before = await stored(t);
    await expect(signedIn(t).mutation(attempts.consumeThenThrow, {})).rejects.toThrow("after the consume");
    expect(await stored(t)).toEqual(before);
    expect(await appMessages(t)).toEqual([]);
  });

  test("after its meter has used nothing", async () => {
    const t = await freeCustomer();
    const before = await stored(t);
    await expect(signedIn(t).mutation(attempts.meterThenThrow, {})).rejects.toThrow("after the meter");
    expect(await stored(t)).toEqual(before);
    expect(await appMessages(t)).toEqual([]);
  });

  test("leaves its idempotency key to be used again", async () => {
    const t = await freeCustomer();
    await expect(signedIn(t).mutation(attempts.consumeThenThrow, {})).rejects.toThrow();
    const again = await t.mutation((ctx) =>
      tally.consume(ctx, {
        customerId: "user_1",
        featureId: "messages",
        value: 5,
        idempotencyKey: "attempt",
      }),
    );
    expect(again).toMatchObject({ replayed: false, applied: 5, remaining: 0 });
  });

  test("does not begin a customer either", async () => {
    const t = await freeCustomer();
    const before = await stored(t);
    const bob = signedIn(t, "user_2");
    await expect(bob.mutation(attempts.trackThenThrow, {})).rejects.toThrow("after the track");
    expect(await stored(t)).toEqual(before);
  });

  test("differs from an action, where each call is done once it has returned", async () => {
    const t = await freeCustomer();
    await expect(signedIn(t).action(attempts.trackInActionThenThrow, {})).rejects.toThrow("after the track");
    expect(await used(t, "messages")).toEqual({ usage: 2, remaining: 3 });
  });
});

describe("a meter that says nothing is used", () => {
  test.each(["null", "an empty list"] as const)("by %s lets the mutation through", async (none) => {
    const t = await freeCustomer();
    const before = await stored(t);
    await signedIn(t).mutation(attempts.meteredByChoice, { none });
    expect(await stored(t)).toEqual(before);
    expect(await appMessages(t)).toMatchObject([{ text: none }]);
  });
});

describe("a refusal that the mutation catches", () => {
  test("takes nothing, and what was used before and after it stays used", async () => {
    const t = await freeCustomer();
    await signedIn(t).mutation(attempts.premiumIfPossible, { value: 6, idempotencyKey: "too much" });
    expect(await used(t, "messages")).toEqual({ usage: 2, remaining: 3 });
    expect(await used(t, "credits")).toEqual({ usage: 0, remaining: 0.5 });
    expect(await usageEvents(t)).toHaveLength(2);
    expect(await appMessages(t)).toMatchObject([{ text: "answered: false" }]);
  });

  test("is no different when it comes from within the component", async () => {
    const t = await freeCustomer();
    await signedIn(t).mutation(attempts.premiumIfPossible, { value: 1, idempotencyKey: "one" });
    await signedIn(t).mutation(attempts.premiumIfPossible, { value: 2, idempotencyKey: "one" });
    expect(await used(t, "messages")).toEqual({ usage: 4, remaining: 1 });
    expect(await used(t, "credits")).toEqual({ usage: 0.1, remaining: 0.4 });
    expect(await appMessages(t)).toMatchObject([{ text: "answered: true" }, { text: "answered: false" }]);
  });
});

describe("200 uses at once of a balance of 100", () => {
  test("let exactly 100 through as mutations", async () => {
    const t = await proCustomer();
    const uses = Array.from({ length: 200 }, () =>
      t.mutation((ctx) => tally.consume(ctx, { customerId: "user_1", featureId: "emails" })),
    );
    const settled = await Promise.allSettled(uses);
    expect(settled.filter(({ status }) => status === "fulfilled")).toHaveLength(100);
    const refusals = settled.filter((each) => each.status === "rejected");
    expect(refusals).toHaveLength(100);
    for (const { reason } of refusals) expect(reason).toMatchObject({ data: { kind: "usage_exceeded" } });
    expect(await used(t, "emails")).toEqual({ usage: 100, remaining: 0 });
    expect(await usageEvents(t)).toHaveLength(100);
  });

  test("let exactly 100 through in one mutation", async () => {
    const t = await proCustomer();
    expect(await signedIn(t).mutation(attempts.consumeInMutation, { times: 200 })).toBe(100);
    expect(await used(t, "emails")).toEqual({ usage: 100, remaining: 0 });
  });

  test("let exactly 100 through in one action", async () => {
    const t = await proCustomer();
    expect(await signedIn(t).action(attempts.consumeInAction, { times: 200 })).toBe(100);
    expect(await used(t, "emails")).toEqual({ usage: 100, remaining: 0 });
  });

  test("let exactly 100 through as actions", async () => {
    const t = await proCustomer();
    const ada = signedIn(t);
    const uses = Array.from({ length: 200 }, () => ada.action(attempts.consumeInAction, { times: 1 }));
    const through = (await Promise.all(uses)).reduce((sum, count) => sum + count, 0);
    expect(through).toBe(100);
    expect(await used(t, "emails")).toEqual({ usage: 100, remaining: 0 });
  });

  test("are all recorded by track, which applies 100 and reports the rest", async () => {
    const t = await proCustomer();
    const uses = Array.from({ length: 200 }, () =>
      t.mutation((ctx) => tally.track(ctx, { customerId: "user_1", featureId: "emails" })),
    );
    const answers = await Promise.all(uses);
    expect(answers.filter(({ applied }) => applied === 1)).toHaveLength(100);
    expect(answers.filter(({ uncovered }) => uncovered === 1)).toHaveLength(100);
    expect(await usageEvents(t)).toHaveLength(200);
  });
});

describe("a list of requests", () => {
  const both = (messages: number, models: number) => [
    { featureId: "messages", value: messages } as const,
    { featureId: "premium_model", value: models } as const,
  ];

  test("is applied whole", async () => {
    const t = await freeCustomer();
    const done = await t.mutation((ctx) => tally.for(ctx, { customerId: "user_1" }).consume(both(3, 2)));
    expect(done).toMatchObject([
      { featureId: "messages", applied: 3, remaining: 2 },
      { featureId: "premium_model", applied: 2, remaining: 3 },
    ]);
    expect(await used(t, "credits")).toEqual({ usage: 0.2, remaining: 0.3 });
  });

  test("is refused whole when its last request is", async () => {
    const t = await freeCustomer();
    const before = await stored(t);
    const use = t.action((ctx) => tally.for(ctx, { customerId: "user_1" }).consume(both(3, 6)));
    await expect(use).rejects.toMatchObject({
      data: { kind: "usage_exceeded", featureId: "premium_model", requiredBalance: 6 },
    });
    expect(await stored(t)).toEqual(before);
  });

  test("is refused whole when two requests only fit one at a time", async () => {
    const t = await freeCustomer();
    const before = await stored(t);
    const use = t.action((ctx) =>
      tally.for(ctx, { customerId: "user_1" }).consume([
        { featureId: "messages", value: 3 },
        { featureId: "messages", value: 3 },
      ]),
    );
    await expect(use).rejects.toMatchObject({ data: { kind: "usage_exceeded", remaining: 2 } });
    expect(await stored(t)).toEqual(before);
  });

  test("is refused whole when a request contradicts its key", async () => {
    const t = await freeCustomer();
    await t.mutation((ctx) =>
      tally.track(ctx, { customerId: "user_1", featureId: "messages", value: 1, idempotencyKey: "k" }),
    );
    const before = await stored(t);
    const use = t.action((ctx) =>
      tally.for(ctx, { customerId: "user_1" }).track([
        { featureId: "ai_tokens", value: 1 },
        { featureId: "messages", value: 2, idempotencyKey: "k" },
      ]),
    );
    await expect(use).rejects.toMatchObject({ data: { kind: "idempotency_conflict" } });
    expect(await stored(t)).toEqual(before);
  });

  test("cannot hold the same key twice", async () => {
    const t = await freeCustomer();
    const before = await stored(t);
    const use = t.action((ctx) =>
      tally.for(ctx, { customerId: "user_1" }).track([
        { featureId: "messages", idempotencyKey: "k" },
        { featureId: "messages", idempotencyKey: "k" },
      ]),
    );
    await expect(use).rejects.toMatchObject({ data: { kind: "invalid_argument" } });
    expect(await stored(t)).toEqual(before);
  });

  test("that is repeated in part applies the new part alone", async () => {
    const t = await freeCustomer();
    const first = { featureId: "messages", value: 1, idempotencyKey: "first" } as const;
    const second = { featureId: "messages", value: 2, idempotencyKey: "second" } as const;
    await t.mutation((ctx) => tally.for(ctx, { customerId: "user_1" }).track(first));
    const done = await t.mutation((ctx) => tally.for(ctx, { customerId: "user_1" }).track([first, second]));
    expect(done).toMatchObject([
      { replayed: true, applied: 1, remaining: 4 },
      { replayed: false, applied: 2, remaining: 2 },
    ]);
    expect(await used(t, "messages")).toEqual({ usage: 3, remaining: 2 });
  });

  test("is checked as if each had used what those before it ask for", async () => {
    const t = await freeCustomer();
    const answers = await t.query((ctx) =>
      tally.for(ctx, { customerId: "user_1" }).check([
        { featureId: "messages", requiredBalance: 3 },
        { featureId: "messages", requiredBalance: 3 },
        { featureId: "messages", requiredBalance: 2 },
      ]),
    );
    expect(answers).toMatchObject([
      { allowed: true, remaining: 5 },
      { allowed: false, remaining: 2 },
      { allowed: true, remaining: 2 },
    ]);
  });

  test("is checked across the features that share a pool", async () => {
    const t = await freeCustomer();
    const answers = await t.query((ctx) =>
      tally.for(ctx, { customerId: "user_1" }).check([
        { featureId: "premium_model", requiredBalance: 4 },
        { featureId: "basic_model", requiredBalance: 11 },
        { featureId: "basic_model", requiredBalance: 10 },
      ]),
    );
    expect(answers.map(({ allowed }) => allowed)).toEqual([true, false, true]);
  });
});

describe("an idempotency key", () => {
  const track = (
    t: Deployment,
    args: { customerId?: string; featureId?: string; value?: number; entityId?: string; key?: string },
  ) => {
    const { customerId = "user_1", featureId = "messages", value = 2, key = "k", ...rest } = args;
    return t.mutation((ctx) =>
      tally.track(ctx, { customerId, featureId, value, idempotencyKey: key, ...rest }),
    );
  };
  const conflict = { data: { kind: "idempotency_conflict" } };

  test("charges once for any number of retries", async () => {
    const t = await freeCustomer();
    const answers = [await track(t, {}), await track(t, {}), await track(t, {})];
    expect(answers.map(({ replayed }) => replayed)).toEqual([false, true, true]);
    expect(await used(t, "messages")).toEqual({ usage: 2, remaining: 3 });
    expect(await usageEvents(t)).toHaveLength(1);
  });

  test("answers a retry as the first call was answered, whatever happened since", async () => {
    const t = await freeCustomer();
    const first = await track(t, {});
    await track(t, { key: "another", value: 3 });
    const { eventId, applied, uncovered, remaining } = await track(t, {});
    expect({ eventId, applied, uncovered, remaining }).toEqual({
      eventId: first.eventId,
      applied: 2,
      uncovered: 0,
      remaining: 3,
    });
  });

  test("repeats what could not be applied", async () => {
    const t = await freeCustomer();
    await track(t, { value: 7 });
    expect(await track(t, { value: 7 })).toMatchObject({
      applied: 5,
      uncovered: 2,
      remaining: 0,
      replayed: true,
    });
  });

  test("charges once when the retries arrive together", async () => {
    const t = await freeCustomer();
    const answers = await Promise.all(Array.from({ length: 20 }, () => track(t, {})));
    expect(answers.filter(({ replayed }) => !replayed)).toHaveLength(1);
    expect(await used(t, "messages")).toEqual({ usage: 2, remaining: 3 });
  });

  test("charges once though the first call began the customer", async () => {
    const t = await freeCustomer();
    await track(t, { customerId: "user_2" });
    expect(await track(t, { customerId: "user_2" })).toMatchObject({ replayed: true, remaining: 3 });
  });

  test("is replayed by a consume that would not fit any more", async () => {
    const t = await freeCustomer();
    const consume = () =>
      t.mutation((ctx) =>
        tally.consume(ctx, { customerId: "user_1", featureId: "messages", value: 5, idempotencyKey: "k" }),
      );
    await consume();
    expect(await consume()).toMatchObject({ replayed: true, applied: 5, remaining: 0 });
  });

  test("is in conflict with another value", async () => {
    const t = await freeCustomer();
    await track(t, {});
    const before = await stored(t);
    await expect(track(t, { value: 3 })).rejects.toMatchObject(conflict);
    expect(await stored(t)).toEqual(before);
  });

  test("is in conflict with another feature", async () => {
    const t = await freeCustomer();
    await track(t, {});
    await expect(track(t, { featureId: "ai_tokens" })).rejects.toMatchObject(conflict);
    expect(await used(t, "ai_tokens")).toEqual({ usage: 0, remaining: 2_000 });
  });

  test("is in conflict with another entity", async () => {
    const t = await freeCustomer();
    await track(t, {});
    await expect(track(t, { entityId: "seat_1" })).rejects.toMatchObject(conflict);
    expect(await used(t, "messages")).toEqual({ usage: 2, remaining: 3 });
  });

  test("is in conflict with a grant of the same key", async () => {
    const t = await freeCustomer();
    await track(t, {});
    const grant = t.mutation((ctx) =>
      tally.grants.grant(ctx, {
        customerId: "user_1",
        featureId: "messages",
        amount: 2,
        idempotencyKey: "k",
      }),
    );
    await expect(grant).rejects.toMatchObject(conflict);
    expect(await used(t, "messages")).toEqual({ usage: 2, remaining: 3 });
  });

  test("is another one for another customer", async () => {
    const t = await freeCustomer();
    await track(t, {});
    expect(await track(t, { customerId: "user_2", value: 3 })).toMatchObject({ replayed: false, applied: 3 });
    expect(await used(t, "messages")).toEqual({ usage: 2, remaining: 3 });
  });

  test("is taken byte by byte", async () => {
    const t = await freeCustomer();
    await track(t, { key: "k", value: 1 });
    expect(await track(t, { key: "K", value: 1 })).toMatchObject({ replayed: false, remaining: 3 });
  });

  test("is free again after a refusal", async () => {
    const t = await freeCustomer();
    const consume = () =>
      t.action((ctx) =>
        tally.consume(ctx, { customerId: "user_1", featureId: "messages", value: 6, idempotencyKey: "k" }),
      );
    const before = await stored(t);
    await expect(consume()).rejects.toMatchObject({ data: { kind: "usage_exceeded" } });
    expect(await stored(t)).toEqual(before);
    await t.mutation((ctx) =>
      tally.grants.grant(ctx, { customerId: "user_1", featureId: "messages", amount: 1 }),
    );
    expect(await consume()).toMatchObject({ replayed: false, applied: 6, remaining: 0 });
  });
});
