/** Corners of settling and giving back: late, across periods, plans and catalogs. */
import { convexTest } from "convex-test";
import {
  actionGeneric,
  anyApi,
  mutationGeneric,
  queryGeneric,
  type ApiFromModules,
  type FunctionReference,
} from "convex/server";
import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import { components } from "../../convex/_generated/api.js";
import schema from "../../convex/schema.js";
import { defineCatalog, Tally, type Identity } from "../../src/client/index.js";
import { insertMany, registerWithCrowd } from "../component/crowd.js";
import { registerInspected, stored } from "./stored.js";

const month = { interval: "month" } as const;
const messages = { id: "messages", type: "metered" } as const;
const images = { id: "images", type: "metered" } as const;
const videos = { id: "videos", type: "metered" } as const;
const credits = (metered: ("images" | "messages")[]) =>
  ({
    id: "credits",
    type: "credit_system",
    creditSchema: metered.map((meteredFeatureId) => ({ meteredFeatureId, creditCost: 10 })),
  }) as const;
const tally = new Tally(components.tally, {
  catalog: defineCatalog({
    features: [messages, images, videos, credits(["images"])],
    plans: [
      {
        id: "pro",
        price: { amount: 20, interval: "month" },
        items: [{ featureId: "messages", included: 1_000, reset: month }],
      },
      {
        id: "by-use",
        group: "by-use",
        price: { amount: 1, interval: "month" },
        items: [
          {
            featureId: "videos",
            included: 10,
            reset: month,
            price: { amount: 2, interval: "month", billingMethod: "usage_based" },
          },
        ],
      },
      {
        id: "free",
        autoEnable: true,
        items: [
          { featureId: "messages", included: 500, reset: month },
          { featureId: "images", included: 20, reset: month },
          { featureId: "credits", included: 1_000, reset: month },
        ],
      },
    ],
  }),
  identify: async (ctx): Promise<Identity | null> => {
    const user = await ctx.auth.getUserIdentity();
    return user === null ? null : { customerId: user.subject };
  },
});
const { userAction } = tally.builders({
  query: queryGeneric,
  mutation: mutationGeneric,
  action: actionGeneric,
});

const customerId = "user_1";
const MINUTE_MS = 60_000;
const START = Date.parse("2026-01-10T00:00:00Z");
const LATER = START + 16 * MINUTE_MS;

beforeEach(() => {
  vi.useFakeTimers({ toFake: ["Date", "setTimeout", "clearTimeout"] });
  vi.setSystemTime(START);
});
afterEach(() => {
  vi.useRealTimers();
});

const both = userAction({
  args: {},
  meter: [
    { featureId: "messages", value: 75 },
    { featureId: "images", value: 121 },
  ],
  handler: async () => null,
});

const functions = { both };
const { metered } = anyApi as unknown as ApiFromModules<{ metered: typeof functions }>;
const modules = {
  ...import.meta.glob("../../convex/**/*.ts"),
  "../../convex/metered.ts": () => Promise.resolve(functions),
};

async function begun() {
  const t = convexTest({ schema, modules, transactionLimits: true });
  registerInspected(t);
  await t.mutation((ctx) => tally.customers.create(ctx, { customerId }));
  return t;
}
type Deployment = Awaited<ReturnType<typeof begun>>;

const { sweep } = (
  components.tally as unknown as {
    reservations: {
      sweep: FunctionReference<"mutation", "internal", Record<string, never>, { settled: number }>;
    };
  }
).reservations;
const sweepHolds = (t: Deployment) => t.mutation((ctx) => ctx.runMutation(sweep, {}));

interface Hold {
  reservationId?: string;
  ttlMs?: number;
}

async function held(t: Deployment, value: number, options: Hold = {}) {
  const { reservationId } = await reserve(t, value, options);
  if (reservationId === null) throw new Error(`${value} should have been held`);
  return reservationId;
}
function reserve(t: Deployment, value: number, options: Hold = {}) {
  return t.mutation(async (ctx) => {
    const args = { customerId, featureId: "messages", value, ...options } as const;
    const { reservationId, allowed, expiresAt } = await tally.reservations.reserve(ctx, args);
    return { reservationId, allowed, expiresAt };
  });
}
function confirm(t: Deployment, reservationId: string, value?: number) {
  return t.mutation((ctx) =>
    tally.reservations.confirm(ctx, { customerId, reservationId, ...(value !== undefined && { value }) }),
  );
}
const report = (t: Deployment, reservationId: string, total: number) =>
  t.mutation((ctx) => tally.reservations.report(ctx, { customerId, reservationId, total }));
const extend = (t: Deployment, reservationId: string, more: { value?: number; ttlMs?: number }) =>
  t.mutation((ctx) => tally.reservations.extend(ctx, { customerId, reservationId, ...more }));
const track = (t: Deployment, value: number) =>
  t.mutation((ctx) => tally.track(ctx, { customerId, featureId: "messages", value }));
const usage = (t: Deployment, of = customerId) =>
  t.query(async (ctx) => (await tally.check(ctx, { customerId: of, featureId: "messages" })).usage);
const refusedAs = (kind: string) => ({ data: { kind } });

describe("a late confirmation, after the sweep,", () => {
  /** 75 held, 30 reported, and swept. */
  async function swept() {
    const t = await begun();
    const reservationId = await held(t, 75);
    await report(t, reservationId, 30);
    vi.setSystemTime(LATER);
    await sweepHolds(t);
    return { t, reservationId };
  }

  test("of more is given back whole by its key", async () => {
    const { t, reservationId } = await swept();
    await confirm(t, reservationId, 50);
    await t.mutation((ctx) => tally.refund(ctx, { customerId, idempotencyKey: reservationId }));
    expect(await usage(t)).toBe(0);
  });
});

describe("what comes back of a plan that is gone", () => {
  test("leaves no more than is granted, though what was used since comes back as well", async () => {
    const t = await begun();
    const { eventId } = await track(t, 30);
    await t.mutation((ctx) => tally.subscriptions.attach(ctx, { customerId, planId: "pro" }));
    const reservationId = await held(t, 20);
    await t.mutation((ctx) => tally.refund(ctx, { customerId, eventId }));
    await confirm(t, reservationId, 0);
    expect(await usage(t)).toBe(0);
  });
});

describe("a hold of overage that is open when its period closes", () => {
  test("is charged what it took in the end", async () => {
    const t = await begun();
    await t.mutation((ctx) => tally.subscriptions.attach(ctx, { customerId, planId: "by-use" }));
    vi.setSystemTime("2026-02-09T23:55:00Z");
    const reservationId = await t.mutation(async (ctx) => {
      const args = { customerId, featureId: "videos", value: 25 } as const;
      return (await tally.reservations.reserve(ctx, args)).reservationId ?? "";
    });
    vi.setSystemTime("2026-02-10T00:05:00Z");
    await t.mutation((ctx) => tally.track(ctx, { customerId, featureId: "videos", value: 1 }));
    await confirm(t, reservationId, 12);
    expect((await stored(t)).charges).toMatchObject([{ overage: 2, amount: 4 }]);
  });
});

describe("a metered action", () => {
  test("that is refused one of two features writes nothing", async () => {
    const t = await begun();
    const before = await stored(t);
    await expect(t.withIdentity({ subject: customerId }).action(metered.both, {})).rejects.toMatchObject(
      refusedAs("usage_exceeded"),
    );
    expect(await stored(t)).toEqual(before);
  });
});

describe("a usage limit of 100 a day", () => {
  const limited = async () => {
    const t = await begun();
    await t.mutation((ctx) =>
      tally.controls.set(ctx, {
        customerId,
        featureId: "messages",
        usageLimits: [{ max: 100, interval: "day", anchor: "utc" }],
      }),
    );
    vi.setSystemTime("2026-01-10T23:55:00Z");
    return t;
  };
  const allowed = (t: Deployment, requiredBalance: number) =>
    t.query(
      async (ctx) => (await tally.check(ctx, { customerId, featureId: "messages", requiredBalance })).allowed,
    );

  test("does not count back today what was held yesterday, confirmed today and refunded", async () => {
    const t = await limited();
    const reservationId = await held(t, 75);
    vi.setSystemTime("2026-01-11T00:05:00Z");
    await confirm(t, reservationId);
    await track(t, 60);
    await t.mutation((ctx) => tally.refund(ctx, { customerId, idempotencyKey: reservationId }));
    expect(await allowed(t, 41)).toBe(false);
  });

  test("counts back today what a hold of yesterday was extended by today", async () => {
    const t = await limited();
    const reservationId = await held(t, 75);
    vi.setSystemTime("2026-01-11T00:05:00Z");
    await extend(t, reservationId, { value: 60 });
    await confirm(t, reservationId, 75);
    expect(await allowed(t, 100)).toBe(true);
  });

  test("does not count back today what was reported yesterday and settled late today", async () => {
    const t = await limited();
    const reservationId = await held(t, 75);
    await report(t, reservationId, 75);
    vi.setSystemTime("2026-01-11T00:11:00Z");
    await sweepHolds(t);
    await track(t, 60);
    // What the sweep has charged, a confirmation does not give back: a refund does.
    await expect(confirm(t, reservationId, 0)).rejects.toMatchObject(refusedAs("reservation_closed"));
    await t.mutation((ctx) => tally.refund(ctx, { customerId, idempotencyKey: reservationId }));
    expect(await allowed(t, 41)).toBe(false);
  });
});

describe("a refund", () => {
  const refund = (t: Deployment, args: Omit<Parameters<typeof tally.refund>[1], "customerId">) =>
    t.mutation((ctx) => tally.refund(ctx, { customerId, ...args }));

  test("comes in 1,000 parts at most", async () => {
    const t = await begun();
    registerWithCrowd(t as never);
    await t.mutation((ctx) => tally.grants.grant(ctx, { customerId, featureId: "messages", amount: 2_000 }));
    const { eventId } = await track(t, 2_000);
    await insertMany(
      t as never,
      "events",
      1_000,
      {
        customerId,
        kind: "usage",
        featureId: "messages",
        value: -1,
        draws: [],
        key: `${eventId}\u0000refund\u0000`,
        refundOf: eventId,
      },
      ["key"],
    );
    await expect(refund(t, { eventId, value: 501, refundKey: "x" })).rejects.toMatchObject({
      data: { kind: "invalid_argument" },
    });
  });

  test("finds the credits that paid, though the feature is no longer paid by them", async () => {
    const t = await begun();
    const { eventId } = await t.mutation((ctx) =>
      tally.track(ctx, { customerId, featureId: "images", value: 30 }),
    );
    const since = new Tally(components.tally, {
      catalog: defineCatalog({ features: [messages, images, credits(["messages"])], plans: [] }),
      identify: () => Promise.resolve(null),
    });
    expect(await t.mutation((ctx) => since.refund(ctx, { customerId, eventId }))).toMatchObject({
      applied: -30,
      uncovered: 0,
    });
  });

  test("is possible of a feature that is offered no longer", async () => {
    const t = await begun();
    const { eventId } = await t.mutation((ctx) =>
      tally.track(ctx, { customerId, featureId: "images", value: 10 }),
    );
    const since = new Tally(components.tally, {
      catalog: defineCatalog({ features: [messages], plans: [] }),
      identify: () => Promise.resolve(null),
    });
    expect(await t.mutation((ctx) => since.refund(ctx, { customerId, eventId }))).toMatchObject({
      applied: -10,
    });
  });
});
