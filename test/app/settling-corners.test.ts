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
import { transactionCost } from "../footprint/recorder.js";
import { registerInspected, stored, sweep as sweepResets } from "./stored.js";

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

  const refund = (t: Deployment, args: { eventId: string; value?: number; refundKey?: string }) =>
    t.mutation((ctx) => tally.refund(ctx, { customerId, ...args }));

  test("is one use, whichever of its two events names it", async () => {
    const { t, reservationId } = await swept();
    const { eventId } = await confirm(t, reservationId, 50);
    const parts = (await stored(t)).events.filter(({ kind }) => kind === "usage").map(({ _id }) => _id);
    expect(parts[1]).toBe(eventId);
    expect(await refund(t, { eventId, value: 45 })).toMatchObject({ applied: -45, uncovered: 0 });
    for (const part of parts) {
      await expect(refund(t, { eventId: part, value: 6 })).rejects.toMatchObject({
        data: { kind: "invalid_amount", left: 5 },
      });
    }
    await refund(t, { eventId: parts[0] ?? "" });
    expect(await usage(t)).toBe(0);
  });

  test("is given back once under one key, whichever of its two events names it", async () => {
    const { t, reservationId } = await swept();
    const { eventId } = await confirm(t, reservationId, 50);
    const first = (await stored(t)).events.find(({ expired }) => expired)?._id ?? "";
    await refund(t, { eventId, value: 10, refundKey: "claim" });
    expect(await refund(t, { eventId: first, value: 10, refundKey: "claim" })).toMatchObject({
      replayed: true,
    });
    expect(await usage(t)).toBe(40);
  });

  test("gives back first what it took last", async () => {
    const { t, reservationId } = await swept();
    await t.mutation((ctx) =>
      tally.grants.grant(ctx, { customerId, featureId: "messages", amount: 5, priority: -1 }),
    );
    await confirm(t, reservationId, 40);
    await refund(t, { eventId: (await stored(t)).events.at(-1)?._id ?? "", value: 7 });
    const { breakdown } = await t.query((ctx) => tally.check(ctx, { customerId, featureId: "messages" }));
    expect(breakdown.map((part) => part.usage)).toEqual([3, 30]);
  });

  test("takes nothing of what was given back before it, and leaves that given back", async () => {
    const { t, reservationId } = await swept();
    await t.mutation((ctx) => tally.refund(ctx, { customerId, idempotencyKey: reservationId, value: 10 }));
    await t.mutation((ctx) =>
      tally.grants.grant(ctx, { customerId, featureId: "messages", amount: 20, priority: -1 }),
    );
    await confirm(t, reservationId, 50);
    expect(await usage(t)).toBe(40);
    await t.mutation((ctx) => tally.refund(ctx, { customerId, idempotencyKey: reservationId }));
    const { breakdown } = await t.query((ctx) => tally.check(ctx, { customerId, featureId: "messages" }));
    expect(breakdown.map((part) => part.usage)).toEqual([0, 0]);
  });

  test("says what had lapsed at the sweep", async () => {
    const t = await begun();
    vi.setSystemTime("2026-02-09T23:50:00Z");
    const reservationId = await held(t, 75);
    await report(t, reservationId, 30);
    vi.setSystemTime("2026-02-10T00:10:00Z");
    await sweepHolds(t);
    expect(await confirm(t, reservationId, 50)).toMatchObject({ value: 50, applied: 50, lapsed: 45 });
    expect(await usage(t)).toBe(20);
  });

  test("is of a feature that is offered no longer, and paid by what paid for its hold", async () => {
    const t = await begun();
    const { reservationId } = await t.mutation(async (ctx) => {
      const hold = await tally.reservations.reserve(ctx, { customerId, featureId: "images", value: 15 });
      return { reservationId: hold.reservationId ?? "" };
    });
    vi.setSystemTime(LATER);
    await sweepHolds(t);
    const since = new Tally(components.tally, {
      catalog: defineCatalog({ features: [messages], plans: [] }),
      identify: () => Promise.resolve(null),
    });
    const settled = await t.mutation((ctx) =>
      since.reservations.confirm(ctx, { customerId, reservationId, value: 25 }),
    );
    expect(settled).toMatchObject({ featureId: "images", applied: 25, uncovered: 0, late: true });
    const left = await t.query((ctx) => tally.check(ctx, { customerId, featureId: "credits" }));
    expect(left).toMatchObject({ usage: 50 });
  });

  test("keeps what could pay for it to itself", async () => {
    const { t } = await swept();
    const { page } = await t.query((ctx) => tally.events.list(ctx, { customerId }));
    expect(page[0]).toMatchObject({ key: expect.stringMatching(/^res_/) as string, expired: true });
    expect(Object.keys(page[0] ?? {})).not.toContain("pools");
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

  test("leaves no more than is granted, though trusted code has given it back already", async () => {
    const t = await begun();
    const { eventId } = await track(t, 30);
    await track(t, -20);
    expect(await t.mutation((ctx) => tally.refund(ctx, { customerId, eventId }))).toMatchObject({
      applied: -10,
      uncovered: -20,
      remaining: 500,
    });
  });

  test("goes above what is granted where a hand has set it so, and no further", async () => {
    const t = await begun();
    const set = (remaining: number) =>
      t.mutation((ctx) => tally.grants.set(ctx, { customerId, featureId: "messages", remaining }));
    await set(600);
    const { eventId } = await track(t, 150);
    const other = await track(t, 10);
    await t.mutation((ctx) => tally.refund(ctx, { customerId, eventId }));
    expect(await usage(t)).toBe(-90);
    await set(590);
    await t.mutation((ctx) => tally.refund(ctx, { customerId, eventId: other.eventId }));
    expect(await usage(t)).toBe(-90);
  });

  test("is not above what is granted anew, once what a hand had set is over", async () => {
    const t = await begun();
    await t.mutation((ctx) => tally.grants.set(ctx, { customerId, featureId: "messages", remaining: 600 }));
    vi.setSystemTime("2026-02-10T00:00:00Z");
    const { eventId } = await track(t, 30);
    await track(t, -30);
    await t.mutation((ctx) => tally.refund(ctx, { customerId, eventId }));
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

  const BEFORE = "2026-02-09T23:55:00Z";
  const AFTER = "2026-02-10T00:05:00Z";
  const CLOSING = Date.parse("2026-02-10T00:00:00Z");
  const charges = async (t: Deployment) => (await stored(t)).charges;
  const video = (t: Deployment, value: number) =>
    t.mutation((ctx) => tally.track(ctx, { customerId, featureId: "videos", value }));
  const refund = (t: Deployment, eventId: string, value?: number) =>
    t.mutation((ctx) => tally.refund(ctx, { customerId, eventId, ...(value !== undefined && { value }) }));
  const attached = async () => {
    const t = await begun();
    await t.mutation((ctx) => tally.subscriptions.attach(ctx, { customerId, planId: "by-use" }));
    vi.setSystemTime(BEFORE);
    return t;
  };
  /** 25 videos are held, of which 10 are included; ten minutes later the month is over. */
  async function across() {
    const t = await attached();
    const reservationId = await t.mutation(async (ctx) => {
      const args = { customerId, featureId: "videos", value: 25 } as const;
      return (await tally.reservations.reserve(ctx, args)).reservationId ?? "";
    });
    vi.setSystemTime(AFTER);
    return { t, reservationId };
  }

  test.each([true, false])(
    "is charged so by the very call that closes it, or before (swept: %s)",
    async (isSwept) => {
      const { t, reservationId } = await across();
      if (isSwept) await sweepResets(t);
      expect(await confirm(t, reservationId, 12)).toMatchObject({ applied: 12, lapsed: 0 });
      await sweepResets(t);
      expect(await charges(t)).toMatchObject([{ overage: 2, amount: 4, to: CLOSING, status: "open" }]);
    },
  );

  test.each([true, false])("leaves no charge if nothing is left of it (swept: %s)", async (isSwept) => {
    const { t, reservationId } = await across();
    if (isSwept) await sweepResets(t);
    expect(await confirm(t, reservationId, 4)).toMatchObject({ applied: 4, lapsed: 6 });
    await sweepResets(t);
    expect(await charges(t)).toEqual([]);
  });

  test("is charged whole if it took it", async () => {
    const { t, reservationId } = await across();
    await confirm(t, reservationId);
    await sweepResets(t);
    expect(await charges(t)).toMatchObject([{ overage: 15, amount: 30 }]);
  });

  test("is charged what was reported, if nobody settles it", async () => {
    const { t, reservationId } = await across();
    await sweepResets(t);
    await report(t, reservationId, 11);
    vi.setSystemTime("2026-02-10T00:15:00Z");
    await sweepHolds(t);
    expect(await charges(t)).toMatchObject([{ overage: 1, amount: 2 }]);
  });

  test("and what it takes more is the next period's", async () => {
    const { t, reservationId } = await across();
    await confirm(t, reservationId, 40);
    await sweepResets(t);
    expect(await charges(t)).toMatchObject([{ overage: 15, amount: 30 }]);
    vi.setSystemTime("2026-03-10T00:00:00Z");
    await sweepResets(t);
    expect(await charges(t)).toMatchObject([
      { overage: 15, amount: 30 },
      { overage: 5, amount: 10 },
    ]);
  });

  test("is charged less by a refund, part by part, and never less than nothing", async () => {
    const { t, reservationId } = await across();
    const { eventId } = await confirm(t, reservationId);
    await sweepResets(t);
    expect(await refund(t, eventId, 5)).toMatchObject({ applied: -5, uncovered: 0 });
    expect(await charges(t)).toMatchObject([{ overage: 10, amount: 20 }]);
    expect(await refund(t, eventId)).toMatchObject({ applied: -10, uncovered: -10 });
    expect(await charges(t)).toEqual([]);
  });

  test("leaves alone what others took, and the period that goes on", async () => {
    const { t, reservationId } = await across();
    await video(t, 12);
    await confirm(t, reservationId, 0);
    expect(await charges(t)).toEqual([]);
    vi.setSystemTime("2026-03-10T00:00:00Z");
    await sweepResets(t);
    expect(await charges(t)).toMatchObject([{ overage: 2, amount: 4 }]);
  });

  test("is charged less by a refund of what was used at once, as well", async () => {
    const t = await attached();
    await video(t, 13);
    const { eventId } = await video(t, 5);
    vi.setSystemTime(AFTER);
    expect(await refund(t, eventId)).toMatchObject({ applied: -5, uncovered: 0 });
    await sweepResets(t);
    expect(await charges(t)).toMatchObject([{ overage: 3, amount: 6 }]);
  });

  test("is charged less by a refund though the plan has ended since", async () => {
    const { t, reservationId } = await across();
    await video(t, 1);
    await t.mutation((ctx) => tally.subscriptions.cancel(ctx, { customerId, planId: "by-use", when: "now" }));
    vi.setSystemTime("2026-02-12T00:00:00Z");
    await confirm(t, reservationId, 12);
    expect(await charges(t)).toMatchObject([{ overage: 2, amount: 4, to: CLOSING }]);
  });

  test("is charged less where it was the end of the plan that closed its period", async () => {
    const t = await attached();
    const { eventId } = await video(t, 25);
    vi.setSystemTime("2026-02-09T23:57:00Z");
    await t.mutation((ctx) => tally.subscriptions.cancel(ctx, { customerId, planId: "by-use", when: "now" }));
    expect(await charges(t)).toMatchObject([{ overage: 15, amount: 30 }]);
    expect(await refund(t, eventId, 13)).toMatchObject({ applied: -13, uncovered: 0 });
    expect(await charges(t)).toMatchObject([{ overage: 2, amount: 4 }]);
  });

  test("is charged once, however many settle at the same time", async () => {
    const { t, reservationId } = await across();
    await Promise.all(Array.from({ length: 5 }, () => confirm(t, reservationId, 12)));
    await sweepResets(t);
    expect(await charges(t)).toMatchObject([{ overage: 2, amount: 4 }]);
  });

  test("changes nothing in a mutation that throws", async () => {
    const { t, reservationId } = await across();
    await sweepResets(t);
    const before = await stored(t);
    const failing = t.mutation(async (ctx) => {
      await tally.reservations.confirm(ctx, { customerId, reservationId, value: 12 });
      throw new Error("after the settlement");
    });
    await expect(failing).rejects.toThrow("after the settlement");
    expect(await stored(t)).toEqual(before);
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

  test("that is refused so as a customer's first begins nobody", async () => {
    const t = convexTest({ schema, modules, transactionLimits: true });
    registerInspected(t);
    await expect(t.withIdentity({ subject: "new" }).action(metered.both, {})).rejects.toMatchObject(
      refusedAs("usage_exceeded"),
    );
    expect((await stored(t)).customers).toEqual([]);
  });
});

describe("several holds at once", () => {
  type Holds = { featureId: "messages" | "images"; value: number; reservationId?: string }[];
  const reserveAll = (t: Deployment, holds: Holds) =>
    t.mutation(async (ctx) =>
      (await tally.for(ctx, { customerId }).reserve(holds)).map(
        ({ reservationId, allowed, replayed, refusal }) => ({ reservationId, allowed, replayed, refusal }),
      ),
    );

  test("are held together, and settled one by one", async () => {
    const t = await begun();
    const [first, second] = await reserveAll(t, [
      { featureId: "messages", value: 75 },
      { featureId: "messages", value: 25 },
    ]);
    expect(await usage(t)).toBe(100);
    await confirm(t, first?.reservationId ?? "", 10);
    await confirm(t, second?.reservationId ?? "", 20);
    expect(await usage(t)).toBe(30);
  });

  test("are none if one of them is refused, and all say which", async () => {
    const t = await begun();
    const before = await stored(t);
    const refused = await reserveAll(t, [
      { featureId: "images", value: 1 },
      { featureId: "messages", value: 400 },
      { featureId: "messages", value: 101 },
    ]);
    const why = {
      reservationId: null,
      allowed: false,
      refusal: { featureId: "messages", reason: "insufficient", remaining: 100, requiredBalance: 101 },
    };
    expect(refused).toMatchObject([why, why, why]);
    expect(await stored(t)).toEqual(before);
  });

  test("are found again, those that are new beside those that are open", async () => {
    const t = await begun();
    await reserveAll(t, [{ featureId: "messages", value: 75, reservationId: "a" }]);
    const again = await reserveAll(t, [
      { featureId: "messages", value: 75, reservationId: "a" },
      { featureId: "messages", value: 25, reservationId: "b" },
    ]);
    expect(again).toMatchObject([
      { reservationId: "a", replayed: true },
      { reservationId: "b", replayed: false },
    ]);
    expect(await usage(t)).toBe(100);
  });

  test("have an id each", async () => {
    const t = await begun();
    const before = await stored(t);
    const twice = { featureId: "messages", value: 5, reservationId: "a" } as const;
    await expect(reserveAll(t, [twice, twice])).rejects.toMatchObject(refusedAs("invalid_argument"));
    await expect(reserveAll(t, [])).rejects.toMatchObject(refusedAs("invalid_argument"));
    expect(await stored(t)).toEqual(before);
  });

  test("cost one query for each feature", async () => {
    const t = await begun();
    const { databaseQueries } = await transactionCost(t, "mutation", (ctx) =>
      tally.for(ctx, { customerId }).reserve([
        { featureId: "messages", value: 5 },
        { featureId: "videos", value: 0 },
      ]),
    );
    expect(databaseQueries).toBe(2);
  });
});

describe("a hold that is extended", () => {
  const DAY_MS = 24 * 60 * MINUTE_MS;
  const extending = (t: Deployment, ttlMs: number, more: { ttlMs?: number; value?: number }) =>
    t.mutation(async (ctx) => {
      const hold = await tally.for(ctx, { customerId }).reserve({ featureId: "messages", value: 75, ttlMs });
      const answered = await hold.extend(more);
      return {
        answered,
        lastsMs: (hold.expiresAt ?? 0) - Date.now(),
        reservationId: hold.reservationId ?? "",
      };
    });

  test("says when it ends", async () => {
    const t = await begun();
    const { answered, lastsMs } = await extending(t, MINUTE_MS, { ttlMs: 30 * MINUTE_MS });
    expect({ answered, lastsMs }).toEqual({ answered: true, lastsMs: 30 * MINUTE_MS });
  });

  test("says when it ends though that was not moved", async () => {
    const t = await begun();
    const { answered, lastsMs } = await extending(t, 30 * MINUTE_MS, { ttlMs: MINUTE_MS, value: 5 });
    expect({ answered, lastsMs }).toEqual({ answered: true, lastsMs: 30 * MINUTE_MS });
  });

  test("says when it ends, and that it is no longer", async () => {
    const t = await begun();
    const { answered, lastsMs } = await extending(t, MINUTE_MS, { ttlMs: 30 * MINUTE_MS, value: 426 });
    expect({ answered, lastsMs }).toEqual({ answered: false, lastsMs: MINUTE_MS });
    expect(await usage(t)).toBe(75);
  });

  test("beyond a day from its start holds until then, and says that this is not all", async () => {
    const t = await begun();
    const { reservationId } = await extending(t, 20 * 60 * MINUTE_MS, {});
    vi.setSystemTime(START + 19 * 60 * MINUTE_MS);
    expect(await extend(t, reservationId, { ttlMs: 2 * 60 * MINUTE_MS, value: 5 })).toBe(true);
    expect(await extend(t, reservationId, { ttlMs: 6 * 60 * MINUTE_MS, value: 5 })).toBe(false);
    const [open] = (await stored(t)).reservations;
    expect(open?.value).toBe(85);
    expect(Math.floor((open?.expiresAt ?? 0) - START)).toBe(DAY_MS);
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

  test("counts back of a hold that lasted over midnight what it took today, and that alone", async () => {
    const t = await limited();
    const reservationId = await held(t, 75);
    vi.setSystemTime("2026-01-11T00:05:00Z");
    await extend(t, reservationId, { value: 20 });
    await extend(t, reservationId, { value: 20 });
    await confirm(t, reservationId, 125);
    expect(await allowed(t, 50)).toBe(true);
    expect(await allowed(t, 51)).toBe(false);
    await t.mutation((ctx) => tally.refund(ctx, { customerId, idempotencyKey: reservationId, value: 60 }));
    expect(await allowed(t, 100)).toBe(true);
    await track(t, 30);
    await t.mutation((ctx) => tally.refund(ctx, { customerId, idempotencyKey: reservationId }));
    expect(await allowed(t, 70)).toBe(true);
    expect(await allowed(t, 71)).toBe(false);
  });

  test("keeps an instant with a draw only where midnight has passed since", async () => {
    const t = await limited();
    const [first, second] = [await held(t, 10), await held(t, 20)];
    await confirm(t, first);
    vi.setSystemTime("2026-01-11T00:05:00Z");
    await confirm(t, second, 25);
    const uses = (await stored(t)).events.filter(({ kind }) => kind === "usage");
    expect(uses.map(({ draws }) => draws.map(({ units, at }) => [units, at !== undefined]))).toEqual([
      [[10, false]],
      [
        [20, true],
        [5, false],
      ],
    ]);
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

  test("finds the entities that paid, though the feature is offered no longer", async () => {
    const seats = { id: "seats", type: "metered", consumable: false } as const;
    const perSeat = new Tally(components.tally, {
      catalog: defineCatalog({
        features: [messages, seats],
        plans: [
          {
            id: "team",
            items: [{ featureId: "messages", included: 20, reset: month, entityFeatureId: "seats" }],
          },
        ],
      }),
      identify: () => Promise.resolve(null),
    });
    const t = convexTest({ schema, modules, transactionLimits: true });
    registerInspected(t);
    const { eventId } = await t.mutation(async (ctx) => {
      await perSeat.customers.create(ctx, { customerId });
      for (const entityId of ["ada", "bob"])
        await perSeat.entities.create(ctx, { customerId, entityId, featureId: "seats" });
      await perSeat.subscriptions.attach(ctx, { customerId, planId: "team" });
      return await perSeat.track(ctx, { customerId, featureId: "messages", value: 30 });
    });
    const since = new Tally(components.tally, {
      catalog: defineCatalog({ features: [images], plans: [] }),
      identify: () => Promise.resolve(null),
    });
    expect(await t.mutation((ctx) => since.refund(ctx, { customerId, eventId }))).toMatchObject({
      applied: -30,
      uncovered: 0,
    });
    const { usage: used } = await t.query((ctx) => perSeat.check(ctx, { customerId, featureId: "messages" }));
    expect(used).toBe(0);
  });

  test(
    "of what a grant paid that is gone does not look for it without end",
    { timeout: 60_000 },
    async () => {
      const t = await begun();
      registerWithCrowd(t as never);
      const { eventId } = await track(t, 30);
      await t.mutation((ctx) => tally.subscriptions.attach(ctx, { customerId, planId: "pro" }));
      const someBalance = { customerId, featureId: "f", grants: [], advancedAt: 1 };
      await insertMany(t as never, "balances", 8_100, someBalance, ["featureId"]);
      const { documentsRead } = await transactionCost(t, "mutation", (ctx) =>
        tally.refund(ctx, { customerId, eventId, value: 10 }),
      );
      expect(documentsRead).toBeGreaterThan(8_000);
      expect(documentsRead).toBeLessThan(8_020);
      expect(await refund(t, { eventId })).toMatchObject({ applied: 0, uncovered: -20 });
    },
  );

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
