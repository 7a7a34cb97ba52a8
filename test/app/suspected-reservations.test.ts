/** What looks wrong in the sources: each case fails, and says what was to be expected. */
import { convexTest } from "convex-test";
import {
  actionGeneric,
  anyApi,
  mutationGeneric,
  queryGeneric,
  type ApiFromModules,
  type FunctionReference,
} from "convex/server";
import { v } from "convex/values";
import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import { components } from "../../convex/_generated/api.js";
import schema from "../../convex/schema.js";
import { defineCatalog, Tally, type Identity } from "../../src/client/index.js";
import { registerInspected, stored } from "./stored.js";

const month = { interval: "month" } as const;
const tally = new Tally(components.tally, {
  catalog: defineCatalog({
    features: [
      { id: "messages", type: "metered" },
      { id: "images", type: "metered" },
    ],
    plans: [
      {
        id: "free",
        autoEnable: true,
        items: [
          { featureId: "messages", included: 500, reset: month },
          { featureId: "images", included: 20, reset: month },
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

/** Runs past the end of its hold, which is swept meanwhile, and is done without having counted. */
const slow = userAction({
  args: {},
  meter: { featureId: "messages", value: 75, ttlMs: MINUTE_MS },
  handler: async (ctx) => {
    vi.setSystemTime(LATER);
    await ctx.runMutation(sweep, {});
    return null;
  },
});

/** Counts whether or not anything is metered. */
const freeOfCharge = userAction({
  args: { free: v.boolean() },
  meter: ({ free }) => (free ? null : { featureId: "messages", value: 75 }),
  handler: async (ctx) => {
    ctx.meter.add(3);
    return null;
  },
});

const both = userAction({
  args: {},
  meter: [
    { featureId: "messages", value: 75 },
    { featureId: "images", value: 21 },
  ],
  handler: async () => null,
});

const functions = { slow, freeOfCharge, both };
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

async function held(
  t: Deployment,
  value: number,
  options: { reservationId?: string; customerId?: string } = {},
) {
  const { reservationId } = await reserve(t, value, options);
  if (reservationId === null) throw new Error(`${value} should have been held`);
  return reservationId;
}
function reserve(
  t: Deployment,
  value: number,
  options: { reservationId?: string; customerId?: string } = {},
) {
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
const release = (t: Deployment, reservationId: string) =>
  t.mutation((ctx) => tally.reservations.release(ctx, { customerId, reservationId }));
const report = (t: Deployment, reservationId: string, total: number) =>
  t.mutation((ctx) => tally.reservations.report(ctx, { customerId, reservationId, total }));
const extend = (t: Deployment, reservationId: string, more: { value?: number; ttlMs?: number }) =>
  t.mutation((ctx) => tally.reservations.extend(ctx, { customerId, reservationId, ...more }));
const track = (t: Deployment, value: number, idempotencyKey?: string) =>
  t.mutation((ctx) =>
    tally.track(ctx, {
      customerId,
      featureId: "messages",
      value,
      ...(idempotencyKey !== undefined && { idempotencyKey }),
    }),
  );
const usage = (t: Deployment, of = customerId) =>
  t.query(async (ctx) => (await tally.check(ctx, { customerId: of, featureId: "messages" })).usage);
const refusedAs = (kind: string) => ({ data: { kind } });

describe("a key that an open hold has", () => {
  /** One key namespace: either the use is refused, or it is of another name than the hold. */
  test("leaves the hold to be settled and repeated, though a use has taken it", async () => {
    const t = await begun();
    await held(t, 75, { reservationId: "job_1" });
    await track(t, 5, "job_1").catch(() => undefined);
    await confirm(t, "job_1", 25);
    expect(await confirm(t, "job_1", 25)).toMatchObject({ replayed: true });
  });

  test("is refused to a use", async () => {
    const t = await begun();
    await held(t, 75, { reservationId: "job_1" });
    await expect(track(t, 5, "job_1")).rejects.toMatchObject(refusedAs("idempotency_conflict"));
  });

  test("is of one event at most", async () => {
    const t = await begun();
    await held(t, 75, { reservationId: "job_1" });
    await track(t, 5, "job_1").catch(() => undefined);
    vi.setSystemTime(LATER);
    await sweepHolds(t);
    const { events } = await stored(t);
    expect(events.filter(({ key }) => key === "job_1")).toHaveLength(1);
  });
});

describe("one hold that cannot be settled at what was reported", () => {
  test("does not stop the sweep of all others", async () => {
    const t = await begun();
    await t.mutation((ctx) =>
      tally.grants.grant(ctx, { customerId, featureId: "messages", amount: 1_000_000_000 }),
    );
    await track(t, 123_456_789.1);
    await report(t, await held(t, 1), 0.000000001);
    await held(t, 75, { customerId: "user_2" });
    vi.setSystemTime(LATER);
    await sweepHolds(t);
    expect(await usage(t, "user_2")).toBe(0);
  });
});

describe("a late confirmation, after the sweep,", () => {
  async function swept(reported?: number) {
    const t = await begun();
    const reservationId = await held(t, 75);
    if (reported !== undefined) await report(t, reservationId, reported);
    vi.setSystemTime(LATER);
    await sweepHolds(t);
    return { t, reservationId };
  }

  test("that does not say how much charges what was held", async () => {
    const { t, reservationId } = await swept();
    await confirm(t, reservationId);
    expect(await usage(t)).toBe(75);
  });

  test("of another amount than a first one is refused", async () => {
    const { t, reservationId } = await swept(30);
    await confirm(t, reservationId, 50);
    await expect(confirm(t, reservationId, 60)).rejects.toMatchObject(refusedAs("reservation_closed"));
  });

  test("of another amount than a first one that owed nothing is refused", async () => {
    const { t, reservationId } = await swept(30);
    await confirm(t, reservationId, 30);
    await expect(confirm(t, reservationId, 60)).rejects.toMatchObject(refusedAs("reservation_closed"));
  });

  test("of less than was reported charges what it says, or is refused", async () => {
    const { t, reservationId } = await swept(30);
    const confirmed = await confirm(t, reservationId, 10).then(
      () => 10,
      () => 30,
    );
    expect(await usage(t)).toBe(confirmed);
  });

  test("answers what it confirmed, as one before the sweep", async () => {
    const { t, reservationId } = await swept(30);
    expect(await confirm(t, reservationId, 50)).toMatchObject({ value: 50, applied: 50 });
  });

  test("is given back whole by its key", async () => {
    const { t, reservationId } = await swept(30);
    await confirm(t, reservationId, 50);
    await t.mutation((ctx) => tally.refund(ctx, { customerId, idempotencyKey: reservationId }));
    expect(await usage(t)).toBe(0);
  });
});

describe("a confirmation that does not say how much", () => {
  test("is refused after a release", async () => {
    const t = await begun();
    const reservationId = await held(t, 75);
    await release(t, reservationId);
    await expect(confirm(t, reservationId)).rejects.toMatchObject(refusedAs("reservation_closed"));
  });

  test("is refused after one of less", async () => {
    const t = await begun();
    const reservationId = await held(t, 75);
    await confirm(t, reservationId, 25);
    await expect(confirm(t, reservationId)).rejects.toMatchObject(refusedAs("reservation_closed"));
  });
});

describe("a repeated confirmation", () => {
  test("says again that it was late", async () => {
    const t = await begun();
    const reservationId = await held(t, 75);
    vi.setSystemTime(LATER);
    await confirm(t, reservationId, 25);
    expect(await confirm(t, reservationId, 25)).toMatchObject({ late: true });
  });

  test("says again what has lapsed", async () => {
    const t = await begun();
    vi.setSystemTime("2026-02-09T23:59:00Z");
    const reservationId = await held(t, 75);
    vi.setSystemTime("2026-02-10T00:01:00Z");
    await confirm(t, reservationId, 25);
    expect(await confirm(t, reservationId, 25)).toMatchObject({ lapsed: 50 });
  });
});

describe("a key of something else", () => {
  test.each(["use", "grant"])("is no hold to confirm: of a %s", async (kind) => {
    const t = await begun();
    if (kind === "use") await track(t, 5, "key_1");
    else
      await t.mutation((ctx) =>
        tally.grants.grant(ctx, { customerId, featureId: "messages", amount: 5, idempotencyKey: "key_1" }),
      );
    await expect(confirm(t, "key_1", 5)).rejects.toMatchObject(refusedAs("reservation_not_found"));
  });

  test.each(["use", "grant"])("is no hold to release: of a %s", async (kind) => {
    const t = await begun();
    if (kind === "use") await track(t, 5, "key_1");
    else
      await t.mutation((ctx) =>
        tally.grants.grant(ctx, { customerId, featureId: "messages", amount: 5, idempotencyKey: "key_1" }),
      );
    await expect(release(t, "key_1")).rejects.toMatchObject(refusedAs("reservation_not_found"));
  });

  test("is a conflict to a hold", async () => {
    const t = await begun();
    await track(t, 5, "key_1");
    await expect(reserve(t, 75, { reservationId: "key_1" })).rejects.toMatchObject(
      refusedAs("idempotency_conflict"),
    );
  });
});

describe("a repeated hold", () => {
  test("is the same though it was extended meanwhile", async () => {
    const t = await begun();
    await held(t, 75, { reservationId: "job_1" });
    await extend(t, "job_1", { value: 25 });
    expect(await reserve(t, 75, { reservationId: "job_1" })).toMatchObject({ allowed: true });
  });

  test("of what it was extended to is a conflict", async () => {
    const t = await begun();
    await held(t, 75, { reservationId: "job_1" });
    await extend(t, "job_1", { value: 25 });
    await expect(reserve(t, 100, { reservationId: "job_1" })).rejects.toMatchObject(
      refusedAs("idempotency_conflict"),
    );
  });

  test("does not answer that it holds what has expired", async () => {
    const t = await begun();
    await held(t, 75, { reservationId: "job_1" });
    vi.setSystemTime(LATER);
    await expect(reserve(t, 75, { reservationId: "job_1" })).rejects.toMatchObject(
      refusedAs("reservation_closed"),
    );
  });
});

describe("an extension", () => {
  test("by undefined is refused", async () => {
    const t = await begun();
    const reservationId = await held(t, 75);
    await expect(extend(t, reservationId, { value: undefined } as never)).rejects.toMatchObject(
      refusedAs("invalid_amount"),
    );
  });

  test("from the same grant is the same draw", async () => {
    const t = await begun();
    const reservationId = await held(t, 75);
    for (let more = 0; more < 5; more++) await extend(t, reservationId, { value: 1 });
    const [open] = (await stored(t)).reservations;
    expect(open?.draws).toMatchObject([{ amount: 80, units: 80 }]);
  });

  test("without limit makes the use one without limit", async () => {
    const t = await begun();
    const reservationId = await held(t, 75);
    await t.mutation((ctx) =>
      tally.grants.grant(ctx, { customerId, featureId: "messages", unlimited: true }),
    );
    await extend(t, reservationId, { value: 5_000 });
    expect(await confirm(t, reservationId)).toMatchObject({ applied: 5_075, unlimited: true });
  });
});

describe("a metered action", () => {
  test("that outlives its hold without counting is charged what it held", async () => {
    const t = await begun();
    await t.withIdentity({ subject: customerId }).action(metered.slow, {});
    expect(await usage(t)).toBe(75);
  });

  test("may count where nothing is metered", async () => {
    const t = await begun();
    await t.withIdentity({ subject: customerId }).action(metered.freeOfCharge, { free: true });
    expect(await usage(t)).toBe(0);
  });

  test("that is refused one of two features writes nothing", async () => {
    const t = await begun();
    const before = await stored(t);
    await expect(t.withIdentity({ subject: customerId }).action(metered.both, {})).rejects.toMatchObject(
      refusedAs("usage_exceeded"),
    );
    expect(await stored(t)).toEqual(before);
  });
});
