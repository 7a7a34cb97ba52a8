/** What looks wrong in the sources: each case fails, and says what was to be expected. */
import type { GenericActionCtx, GenericDataModel } from "convex/server";
import { afterEach, describe, expect, test, vi } from "vitest";
import { api, components } from "../../convex/_generated/api.js";
import { tally } from "../../convex/billing.js";
import { defineCatalog, isTallyError, Tally, type Identity } from "../../src/client/index.js";
import { deployment, signedIn, type Deployment } from "./deployment.js";
import { registerInspected, stored, sweep } from "./stored.js";

type Ctx = Pick<GenericActionCtx<GenericDataModel>, "runQuery" | "runMutation">;

const customerId = "user_1";

afterEach(() => {
  vi.useRealTimers();
});

function deployed() {
  const t = deployment();
  registerInspected(t);
  return t;
}

async function begun() {
  const t = deployed();
  await t.mutation((ctx) => tally.customers.create(ctx, { customerId }));
  return t;
}

/** What a call throws, when nothing of what it did before is rolled back. */
async function errorOf(t: Deployment, call: (ctx: Ctx) => Promise<unknown>): Promise<unknown> {
  let thrown: unknown = "nothing";
  await t.mutation(async (ctx) => {
    await call(ctx as unknown as Ctx).catch((error: unknown) => {
      thrown = error;
    });
  });
  return thrown;
}

async function kindOf(t: Deployment, call: (ctx: Ctx) => Promise<unknown>): Promise<string> {
  const error = await errorOf(t, call);
  return isTallyError(error) ? error.data.kind : String(error);
}

describe("arguments that are no object", () => {
  const calls: [string, (ctx: Ctx, args: never) => Promise<unknown>][] = [
    ["for", async (ctx, args) => tally.for(ctx, args)],
    ["for().check", async (ctx, args) => await tally.for(ctx, { customerId }).check(args)],
    ["for().track", async (ctx, args) => await tally.for(ctx, { customerId }).track(args)],
    ["check", async (ctx, args) => await tally.check(ctx, args)],
    ["track", async (ctx, args) => await tally.track(ctx, args)],
    ["customers.create", async (ctx, args) => await tally.customers.create(ctx, args)],
    ["customers.get", async (ctx, args) => await tally.customers.get(ctx, args)],
    ["grants.grant", async (ctx, args) => await tally.grants.grant(ctx, args)],
    ["subscriptions.attach", async (ctx, args) => await tally.subscriptions.attach(ctx, args)],
    ["entities.create", async (ctx, args) => await tally.entities.create(ctx, args)],
    ["balances.list", async (ctx, args) => await tally.balances.list(ctx, args)],
    ["events.list", async (ctx, args) => await tally.events.list(ctx, args)],
  ];

  test.each(calls)("undefined is refused in words by %s", async (_, call) => {
    expect(await kindOf(await begun(), (ctx) => call(ctx, undefined as never))).toBe("invalid_argument");
  });

  test.each(calls)("null is refused in words by %s", async (_, call) => {
    expect(await kindOf(await begun(), (ctx) => call(ctx, null as never))).toBe("invalid_argument");
  });

  test("a text is refused in words by check", async () => {
    const t = await begun();
    const call = (ctx: Ctx) => tally.for(ctx, { customerId }).check("messages" as never);
    expect(await kindOf(t, async (ctx) => await call(ctx))).toBe("invalid_argument");
  });

  test("null is refused in words as the reset of a grant", async () => {
    const kind = await kindOf(await begun(), (ctx) =>
      tally.grants.grant(ctx, { customerId, featureId: "messages", amount: 1, reset: null as never }),
    );
    expect(kind).toBe("invalid_argument");
  });
});

describe("an option that is misspelt", () => {
  test("is not ignored by for: it would charge the customer instead of his entity", async () => {
    const kind = await kindOf(await begun(), async (ctx) =>
      tally.for(ctx, { customerId, entityID: "ada" } as never),
    );
    expect(kind).toBe("invalid_argument");
  });

  test("is not ignored by customers.remove", async () => {
    const kind = await kindOf(await begun(), (ctx) =>
      tally.customers.remove(ctx, { customerId, dryRun: true } as never),
    );
    expect(kind).toBe("invalid_argument");
  });

  test("is not ignored by customers.get", async () => {
    const kind = await kindOf(await begun(), (ctx) =>
      tally.customers.get(ctx, { customerId, withBalances: true } as never),
    );
    expect(kind).toBe("invalid_argument");
  });

  test("is not ignored in the reset of a grant", async () => {
    const reset = { interval: "month", intervalCont: 3 } as const;
    const kind = await kindOf(await begun(), (ctx) =>
      tally.grants.grant(ctx, { customerId, featureId: "messages", amount: 1, reset }),
    );
    expect(kind).toBe("invalid_argument");
  });
});

describe("an option that has the wrong type", () => {
  test("is not taken for no: sendEvent", async () => {
    const kind = await kindOf(await begun(), (ctx) =>
      tally.check(ctx, { customerId, featureId: "messages", sendEvent: "true" as never }),
    );
    expect(kind).toBe("invalid_argument");
  });

  test("is not taken for no: unlimited", async () => {
    const kind = await kindOf(await begun(), (ctx) =>
      tally.grants.grant(ctx, {
        customerId,
        featureId: "messages",
        amount: 5,
        unlimited: "yes" as never,
      }),
    );
    expect(kind).toBe("invalid_argument");
  });

  test("is not taken for empty: properties that are a date", async () => {
    const kind = await kindOf(await begun(), (ctx) =>
      tally.track(ctx, { customerId, featureId: "messages", properties: new Date() as never }),
    );
    expect(kind).toBe("invalid_argument");
  });
});

describe("a check that deducts", () => {
  test("does not charge 1 for an amount that is explicitly undefined", async () => {
    const t = await begun();
    await errorOf(t, (ctx) =>
      tally.check(ctx, {
        customerId,
        featureId: "messages",
        requiredBalance: undefined,
        sendEvent: true,
      }),
    );
    const { usage } = await t.query((ctx) => tally.check(ctx, { customerId, featureId: "messages" }));
    expect(usage).toBe(0);
  });
});

describe("a check that does not deduct", () => {
  test("does not silently ignore an idempotency key and properties", async () => {
    const kind = await kindOf(await begun(), (ctx) =>
      tally.check(ctx, { customerId, featureId: "messages", idempotencyKey: "", properties: { a: NaN } }),
    );
    expect(kind).toBe("invalid_argument");
  });
});

describe("an id", () => {
  test("with half a surrogate pair is refused: Convex stores no such text", async () => {
    const kind = await kindOf(await begun(), (ctx) =>
      tally.customers.create(ctx, { customerId: "user \ud800 1" }),
    );
    expect(kind).toBe("invalid_argument");
  });

  test.each(["a\u009b31mb", "a\u2028b", "a\u007fb"])("is printable in the message: %j", async (id) => {
    const error = await errorOf(await begun(), (ctx) => tally.customers.create(ctx, { customerId: id }));
    if (!isTallyError(error)) throw new Error(String(error));
    expect(error.data.message).not.toMatch(/[\u0000-\u001f\u007f-\u009f\u2028\u2029]/);
  });

  test("is shortened in every message", async () => {
    const long = (prefix: string) => prefix.padEnd(255, "x");
    const error = await errorOf(await begun(), (ctx) =>
      tally.check(ctx, { customerId: long("user"), featureId: "messages", entityId: long("seat") }),
    );
    if (!isTallyError(error)) throw new Error(String(error));
    expect(error.data.message.length).toBeLessThan(400);
  });
});

describe("a meter", () => {
  test("that says an empty list uses nothing, as null does", async () => {
    const t = deployed();
    const { userMutation } = tally.builders({
      query: () => undefined as never,
      mutation: ((definition: unknown) => definition) as never,
      action: () => undefined as never,
    });
    const built = userMutation({ meter: () => [], args: {}, handler: async () => "done" });
    const { handler } = built as unknown as {
      handler: (ctx: unknown, args: object) => Promise<unknown>;
    };
    const answer = await signedIn(t).mutation(async (ctx) => (await handler(ctx, {})) as string);
    expect(answer).toBe("done");
  });
});

describe("a call that fails", () => {
  test("does not begin a newcomer: a grant for an entity that he cannot have", async () => {
    const t = deployed();
    const kind = await kindOf(t, (ctx) =>
      tally.grants.grant(ctx, { customerId, entityId: "eve", featureId: "messages", amount: 1 }),
    );
    expect(kind).toBe("entity_not_found");
    expect((await stored(t)).customers).toEqual([]);
  });

  test("does not begin a newcomer: a plan for an entity that he cannot have", async () => {
    const t = deployed();
    const kind = await kindOf(t, (ctx) =>
      tally.subscriptions.attach(ctx, { customerId, entityId: "eve", planId: "pro" }),
    );
    expect(kind).toBe("entity_not_found");
    expect((await stored(t)).customers).toEqual([]);
  });
});

describe("attaching with a key", () => {
  test("a plan that he has already keeps the key, so that a late repeat changes nothing", async () => {
    const t = await begun();
    const attach = (planId: "free" | "pro", idempotencyKey?: string) =>
      t.mutation((ctx) => tally.subscriptions.attach(ctx, { customerId, planId, idempotencyKey }));
    await attach("pro");
    await attach("pro", "invoice 1");
    await attach("free");
    expect(await attach("pro", "invoice 1")).toMatchObject({ replayed: true });
    expect(await signedIn(t).query(api.billing.customer, {})).toMatchObject({ planIds: ["free"] });
  });
});

describe("what a browser may ask", () => {
  const crowd = (identity: Identity) =>
    new Tally(components.tally, {
      catalog: defineCatalog({
        features: [
          { id: "seats", type: "metered", consumable: false },
          { id: "tokens", type: "metered" },
        ],
        plans: [
          {
            id: "team",
            autoEnable: true,
            items: [{ featureId: "tokens", included: 10, entityFeatureId: "seats" }],
          },
        ],
      }),
      identify: () => Promise.resolve(identity),
    });

  test("shows an entity its balance, however many the customer has", async () => {
    const t = deployed();
    const last = crowd({ customerId, entityId: "seat 249" });
    for (let start = 0; start < 250; start += 50) {
      await t.mutation(async (ctx) => {
        for (let i = start; i < start + 50; i++) {
          const entityId = `seat ${String(i).padStart(3, "0")}`;
          await last.entities.create(ctx, { customerId, entityId, featureId: "seats" });
        }
      });
    }
    const { balances } = last.api();
    const { _handler } = balances as unknown as {
      _handler: (ctx: unknown, args: object) => Promise<unknown>;
    };
    const shown = await t.query(async (ctx) => (await _handler(ctx, {})) as { entityId: string }[]);
    expect(shown.map(({ entityId }) => entityId)).toEqual(["seat 249"]);
  });

  test("shows the plan, however often it was changed", async () => {
    const t = await begun();
    await t.mutation(async (ctx) => {
      for (let i = 0; i < 101; i++) {
        await tally.subscriptions.attach(ctx, { customerId, planId: "pro" });
        await tally.subscriptions.attach(ctx, { customerId, planId: "free" });
      }
    });
    expect(await signedIn(t).query(api.billing.customer, {})).toMatchObject({ planIds: ["free"] });
  });

  test("shows an entity no event of another", async () => {
    const t = deployed();
    const ada = crowd({ customerId, entityId: "ada" });
    for (const entityId of ["ada", "bob"]) {
      await t.mutation((ctx) => ada.entities.create(ctx, { customerId, entityId, featureId: "seats" }));
      await t.mutation((ctx) => ada.for(ctx, { customerId, entityId }).track({ featureId: "tokens" }));
    }
    const { events } = ada.api();
    const { _handler } = events as unknown as { _handler: (ctx: unknown, args: object) => Promise<unknown> };
    const shown = await t.query(async (ctx) => (await _handler(ctx, {})) as { page: { kind: string }[] });
    expect(shown.page.filter(({ kind }) => kind === "usage")).toHaveLength(1);
  });
});

describe("an amount that no double holds, after rolling over", () => {
  const hoarding = new Tally(components.tally, {
    catalog: defineCatalog({
      features: [{ id: "points", type: "metered" }],
      plans: [
        {
          id: "hoard",
          autoEnable: true,
          items: [
            {
              featureId: "points",
              included: 9_000_000_000_000_000,
              reset: { interval: "month" },
              rollover: { expiryDurationType: "forever" },
            },
          ],
        },
      ],
    }),
    identify: () => Promise.resolve(null),
  });

  test("does not lock its customer out", async () => {
    vi.useFakeTimers();
    vi.setSystemTime("2026-01-10T00:00:00Z");
    const t = deployed();
    await t.mutation((ctx) => hoarding.customers.create(ctx, { customerId }));
    vi.setSystemTime("2026-03-10T00:00:00Z");
    const answer = await t.query((ctx) => hoarding.check(ctx, { customerId, featureId: "points" }));
    expect(answer).toMatchObject({ allowed: true });
  });

  test("does not keep the sweep from everybody else's balances", async () => {
    vi.useFakeTimers();
    vi.setSystemTime("2026-01-10T00:00:00Z");
    const t = deployed();
    await t.mutation((ctx) => hoarding.customers.create(ctx, { customerId: "hoarder" }));
    await t.mutation((ctx) => tally.track(ctx, { customerId, featureId: "messages", value: 5 }));
    vi.setSystemTime("2026-03-10T00:00:00Z");
    await sweep(t);
    const { balances } = await stored(t);
    const messages = balances.find((row) => row.featureId === "messages");
    expect(messages?.grants[0]?.used).toBe(0);
  });
});
