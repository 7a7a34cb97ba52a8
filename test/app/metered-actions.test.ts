/** Actions that hold what they may use, count while they run, and are charged what they counted. */
import { convexTest } from "convex-test";
import {
  actionGeneric,
  anyApi,
  internalActionGeneric,
  internalMutationGeneric,
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
      { id: "tokens", type: "metered" },
      { id: "images", type: "metered" },
      { id: "videos", type: "metered" },
      { id: "seats", type: "metered", consumable: false },
    ],
    plans: [
      {
        id: "free",
        autoEnable: true,
        items: [
          { featureId: "tokens", included: 1_000, reset: month },
          { featureId: "images", included: 20, reset: month },
        ],
      },
    ],
  }),
  scope: { seat: v.optional(v.string()) },
  identify: async (ctx, { seat }): Promise<Identity | null> => {
    const user = await ctx.auth.getUserIdentity();
    return user === null ? null : { customerId: user.subject, entityId: seat, name: user.name };
  },
});
const { userAction, userMutation } = tally.builders({
  query: queryGeneric,
  mutation: mutationGeneric,
  action: actionGeneric,
});

const customerId = "user_1";
const MINUTE_MS = 60_000;
const START = Date.parse("2026-01-10T00:00:00Z");

/** How often a handler ran, and what the one that waits waits for. */
const run = { times: 0, gate: Promise.resolve() };

beforeEach(() => {
  run.times = 0;
  vi.useFakeTimers({ toFake: ["Date", "setTimeout", "clearTimeout"] });
  vi.setSystemTime(START);
});
afterEach(() => {
  vi.useRealTimers();
});

/** Counts each of `counts`, then fails or answers what was left while it ran. */
const generate = userAction({
  args: { counts: v.array(v.number()), fails: v.optional(v.boolean()) },
  meter: { featureId: "tokens", value: 500 },
  returns: v.number(),
  handler: async (ctx, { counts, fails }) => {
    run.times++;
    for (const count of counts) ctx.meter.add(count);
    if (fails) throw new Error("The model is not available.");
    return (await ctx.check({ featureId: "tokens" })).remaining;
  },
});

/** Reports each of `totals`, then fails or is done. */
const transcribe = userAction({
  args: { totals: v.array(v.number()), fails: v.optional(v.boolean()) },
  meter: { featureId: "tokens", value: 500, ttlMs: MINUTE_MS, properties: { model: "large" } },
  handler: async (ctx, { totals, fails }) => {
    for (const total of totals) await ctx.meter.report(total);
    if (fails) throw new Error("The model is not available.");
    return null;
  },
});

/** Counts `tokens` before it waits for the gate, and nothing after it. */
const wait = userAction({
  args: { tokens: v.number() },
  meter: { featureId: "tokens", value: 500, ttlMs: MINUTE_MS },
  handler: async (ctx, { tokens }) => {
    await ctx.meter.report(tokens);
    await run.gate;
    ctx.meter.add(50);
    return null;
  },
});

/** Is done without having counted when its hold has long been swept. */
const dawdle = userAction({
  args: {},
  meter: { featureId: "tokens", value: 500, ttlMs: MINUTE_MS },
  handler: async (ctx) => {
    vi.setSystemTime(START + 2 * MINUTE_MS);
    await ctx.runMutation(sweep, {});
    return null;
  },
});

/** Counts what is given of each of two features. */
const illustrate = userAction({
  args: { tokens: v.optional(v.number()), images: v.optional(v.number()), fails: v.optional(v.boolean()) },
  meter: [
    { featureId: "tokens", value: 500 },
    { featureId: "images", value: 10 },
  ],
  handler: async (ctx, { tokens, images, fails }) => {
    run.times++;
    if (tokens !== undefined) ctx.meter.add(tokens, "tokens");
    if (images !== undefined) await ctx.meter.report(images, "images");
    if (fails) throw new Error("The model is not available.");
    return null;
  },
});

/** Says twice what it may use of one feature. */
const twice = userAction({
  args: {},
  meter: [
    { featureId: "tokens", value: 500 },
    { featureId: "tokens", value: 5 },
  ],
  handler: async () => void run.times++,
});

/** Counts without a name, or under another, where two features are metered. */
const miscount = userAction({
  args: { featureId: v.optional(v.string()) },
  meter: [
    { featureId: "tokens", value: 500 },
    { featureId: "images", value: 10 },
  ],
  handler: async (ctx, { featureId }) => {
    ctx.meter.add(1, featureId);
    return null;
  },
});

/** Holds what its arguments say. */
const byArguments = userAction({
  args: { most: v.number(), free: v.optional(v.boolean()), both: v.optional(v.boolean()) },
  meter: ({ most, free, both }) => {
    if (free) return null;
    const tokens = { featureId: "tokens", value: most } as const;
    return both ? [tokens, { featureId: "images", value: 1 }] : tokens;
  },
  handler: async (ctx) => {
    run.times++;
    const { remaining } = await ctx.check({ featureId: "tokens" });
    ctx.meter.add(1, "tokens");
    await ctx.meter.report(1, "tokens");
    return remaining;
  },
});

/** Holds under an id of the caller's, so that a retry finds it. */
const once = userAction({
  args: { job: v.string(), tokens: v.number() },
  meter: ({ job }) => ({ featureId: "tokens", value: 500, reservationId: job }),
  handler: async (ctx, { tokens }) => {
    run.times++;
    ctx.meter.add(tokens);
    return null;
  },
});

const unmetered = userAction({
  args: {},
  handler: async (ctx) => (await ctx.check({ featureId: "tokens" })).remaining,
});

const ofVideos = userAction({
  args: {},
  meter: { featureId: "videos", value: 1 },
  handler: async () => void run.times++,
});

/** Holds and settles by itself, without a meter. */
const byHand = userAction({
  args: { value: v.number(), total: v.number() },
  handler: async (ctx, { value, total }) => {
    const hold = await ctx.reserve({ featureId: "tokens", value });
    if (!hold.allowed) return hold.refusal?.reason ?? null;
    await hold.report(total);
    const { applied, uncovered } = await hold.confirm(total);
    return `${applied} applied, ${uncovered} uncovered`;
  },
});

type Job = { customerId: string; reservationId: string };
const jobs = anyApi.metered as unknown as {
  stream: FunctionReference<"action", "internal", Job & { chunks: number[]; diesAfter?: number }>;
  finish: FunctionReference<"mutation", "internal", Job & { total: number }>;
};

/** Begins a stream that goes on when this is committed. */
const startStream = userMutation({
  args: { most: v.number(), chunks: v.array(v.number()), diesAfter: v.optional(v.number()) },
  handler: async (ctx, { most, chunks, diesAfter }) => {
    const { reservationId } = await ctx.reserve({ featureId: "tokens", value: most });
    if (reservationId === null) return null;
    const job = { customerId: ctx.identity?.customerId ?? "", reservationId };
    await ctx.scheduler.runAfter(0, jobs.stream, {
      ...job,
      chunks,
      ...(diesAfter !== undefined && { diesAfter }),
    });
    return reservationId;
  },
});

const stream = internalActionGeneric({
  args: {
    customerId: v.string(),
    reservationId: v.string(),
    chunks: v.array(v.number()),
    diesAfter: v.optional(v.number()),
  },
  handler: async (ctx, { chunks, diesAfter, ...job }) => {
    let total = 0;
    for (const [index, chunk] of chunks.entries()) {
      if (index === diesAfter) throw new Error("The stream broke.");
      total += chunk;
      await tally.reservations.report(ctx, { ...job, total });
    }
    await ctx.runMutation(jobs.finish, { ...job, total });
  },
});

/** Settles, and writes what was streamed, in one transaction. */
const finish = internalMutationGeneric({
  args: { customerId: v.string(), reservationId: v.string(), total: v.number() },
  handler: async (ctx, { total, ...job }) => {
    const { applied } = await tally.reservations.confirm(ctx, { ...job, value: total });
    await ctx.db.insert("messages", {
      customerId: job.customerId,
      author: "assistant",
      text: `${applied} tokens`,
    });
  },
});

const functions = {
  generate,
  transcribe,
  wait,
  dawdle,
  illustrate,
  twice,
  miscount,
  byArguments,
  once,
  unmetered,
  ofVideos,
  byHand,
  startStream,
  stream,
  finish,
};
const { metered } = anyApi as unknown as ApiFromModules<{ metered: typeof functions }>;

const modules = {
  ...import.meta.glob("../../convex/**/*.ts"),
  "../../convex/metered.ts": () => Promise.resolve(functions),
};

/** A customer with 1,000 tokens and 20 images, who is signed in. */
async function signedInCustomer() {
  const t = convexTest({ schema, modules, transactionLimits: true });
  registerInspected(t);
  await t.mutation((ctx) => tally.customers.create(ctx, { customerId }));
  return { t, ada: t.withIdentity({ subject: customerId, name: "Ada" }) };
}
type Deployment = Awaited<ReturnType<typeof signedInCustomer>>["t"];

function left(t: Deployment, featureId: "tokens" | "images" = "tokens") {
  return t.query(async (ctx) => (await tally.check(ctx, { customerId, featureId })).remaining);
}

async function uses(t: Deployment) {
  const { page } = await t.query((ctx) => tally.events.list(ctx, { customerId, limit: 200 }));
  return page.filter(({ kind }) => kind === "usage").reverse();
}

const { sweep } = (
  components.tally as unknown as {
    reservations: {
      sweep: FunctionReference<"mutation", "internal", Record<string, never>, { settled: number }>;
    };
  }
).reservations;
const sweepHolds = (t: Deployment) => t.mutation((ctx) => ctx.runMutation(sweep, {}));

describe("a metered action", () => {
  test("holds what it may use while it runs", async () => {
    const { ada } = await signedInCustomer();
    expect(await ada.action(metered.generate, { counts: [30] })).toBe(500);
  });

  test("is charged what it counted", async () => {
    const { t, ada } = await signedInCustomer();
    await ada.action(metered.generate, { counts: [30, 12] });
    expect(await left(t)).toBe(958);
  });

  test("counts fractions exactly", async () => {
    const { t, ada } = await signedInCustomer();
    await ada.action(metered.generate, { counts: [0.1, 0.2] });
    expect(await uses(t)).toMatchObject([{ value: 0.3 }]);
    expect(await left(t)).toBe(999.7);
  });

  test("is charged nothing if it counted nothing but said so", async () => {
    const { t, ada } = await signedInCustomer();
    await ada.action(metered.generate, { counts: [0] });
    expect(await left(t)).toBe(1_000);
  });

  test("is charged what it held if it never counted", async () => {
    const { t, ada } = await signedInCustomer();
    await ada.action(metered.generate, { counts: [] });
    expect(await left(t)).toBe(500);
  });

  test("is charged more than it held, as far as the balance goes", async () => {
    const { t, ada } = await signedInCustomer();
    await ada.action(metered.generate, { counts: [900, 300] });
    expect(await uses(t)).toMatchObject([{ value: 1_200, uncovered: 200 }]);
    expect(await left(t)).toBe(0);
  });

  test("leaves one use and no hold", async () => {
    const { t, ada } = await signedInCustomer();
    await ada.action(metered.generate, { counts: [30] });
    const { events, reservations } = await stored(t);
    expect(events.filter(({ kind }) => kind === "usage")).toHaveLength(1);
    expect(reservations).toEqual([]);
  });

  test("begins a customer", async () => {
    const { t } = await signedInCustomer();
    const eve = t.withIdentity({ subject: "user_2", name: "Eve" });
    await eve.action(metered.generate, { counts: [30] });
    const { customers } = await stored(t);
    expect(customers).toContainEqual(expect.objectContaining({ customerId: "user_2", name: "Eve" }));
  });

  test("keeps the properties of its meter", async () => {
    const { t, ada } = await signedInCustomer();
    await ada.action(metered.transcribe, { totals: [30] });
    expect(await uses(t)).toMatchObject([{ value: 30, properties: { model: "large" } }]);
  });

  test("is held for the part of the customer that calls", async () => {
    const { t, ada } = await signedInCustomer();
    const seat = { customerId, entityId: "seat_1", featureId: "seats" } as const;
    await t.mutation((ctx) => tally.entities.create(ctx, seat));
    await ada.action(metered.generate, { counts: [30], seat: "seat_1" });
    expect(await uses(t)).toMatchObject([{ entityId: "seat_1", value: 30 }]);
  });

  test.each([-1, NaN, 1e-10])(
    "fails when it counts %d, and is charged what it had counted",
    async (wrong) => {
      const { t, ada } = await signedInCustomer();
      const counting = ada.action(metered.generate, { counts: [30, wrong, 50] });
      await expect(counting).rejects.toMatchObject({ data: { kind: "invalid_amount" } });
      expect(await left(t)).toBe(970);
    },
  );

  test("without a meter runs as before", async () => {
    const { ada } = await signedInCustomer();
    expect(await ada.action(metered.unmetered, {})).toBe(1_000);
  });
});

describe("a metered action that reports", () => {
  test("is charged the last total", async () => {
    const { t, ada } = await signedInCustomer();
    await ada.action(metered.transcribe, { totals: [10, 80, 60] });
    expect(await left(t)).toBe(940);
  });

  test("has its report kept while it runs", async () => {
    const { t, ada } = await signedInCustomer();
    let open = () => {};
    run.gate = new Promise((resolve) => (open = resolve));
    const running = ada.action(metered.wait, { tokens: 60 });
    await vi.waitFor(async () => expect((await stored(t)).reservations).toMatchObject([{ reported: 60 }]));
    open();
    await running;
    expect(await left(t)).toBe(890);
  });

  test("and dies is charged what it reported, by the sweep", async () => {
    const { t, ada } = await signedInCustomer();
    run.gate = new Promise(() => {});
    void ada.action(metered.wait, { tokens: 60 });
    await vi.waitFor(async () => expect((await stored(t)).reservations).toMatchObject([{ reported: 60 }]));
    vi.setSystemTime(START + 2 * MINUTE_MS);
    expect(await sweepHolds(t)).toMatchObject({ settled: 1 });
    expect(await left(t)).toBe(940);
  });

  test("and outlives its hold is charged all that it counted, once", async () => {
    const { t, ada } = await signedInCustomer();
    let open = () => {};
    run.gate = new Promise((resolve) => (open = resolve));
    const running = ada.action(metered.wait, { tokens: 60 });
    await vi.waitFor(async () => expect((await stored(t)).reservations).toMatchObject([{ reported: 60 }]));
    vi.setSystemTime(START + 2 * MINUTE_MS);
    await sweepHolds(t);
    expect(await left(t)).toBe(940);
    open();
    await running;
    expect(await left(t)).toBe(890);
  });
});

describe("a metered action that never counts", () => {
  test("is charged what it held, though it outlived its hold", async () => {
    const { t, ada } = await signedInCustomer();
    await ada.action(metered.dawdle, {});
    expect(await left(t)).toBe(500);
  });
});

describe("a metered action that throws", () => {
  test("is charged nothing if it had counted nothing", async () => {
    const { t, ada } = await signedInCustomer();
    const failing = ada.action(metered.generate, { counts: [], fails: true });
    await expect(failing).rejects.toThrow("The model is not available.");
    expect(await left(t)).toBe(1_000);
    expect((await stored(t)).reservations).toEqual([]);
  });

  test("is charged what it had counted", async () => {
    const { t, ada } = await signedInCustomer();
    const failing = ada.action(metered.generate, { counts: [30, 12], fails: true });
    await expect(failing).rejects.toThrow("The model is not available.");
    expect(await left(t)).toBe(958);
  });

  test("is charged what it had reported", async () => {
    const { t, ada } = await signedInCustomer();
    const failing = ada.action(metered.transcribe, { totals: [10, 40], fails: true });
    await expect(failing).rejects.toThrow("The model is not available.");
    expect(await left(t)).toBe(960);
  });
});

describe("a metered action that is refused", () => {
  test("never runs", async () => {
    const { t, ada } = await signedInCustomer();
    await t.mutation((ctx) => tally.track(ctx, { customerId, featureId: "tokens", value: 501 }));
    const before = await stored(t);
    await expect(ada.action(metered.generate, { counts: [1] })).rejects.toMatchObject({
      data: {
        kind: "usage_exceeded",
        featureId: "tokens",
        reason: "insufficient",
        requiredBalance: 500,
        remaining: 499,
        check: { allowed: false },
      },
    });
    expect(run.times).toBe(0);
    expect(await stored(t)).toEqual(before);
  });

  test("never runs for a feature that the customer does not have", async () => {
    const { ada } = await signedInCustomer();
    await expect(ada.action(metered.ofVideos, {})).rejects.toMatchObject({
      data: { kind: "usage_exceeded", reason: "not_included" },
    });
    expect(run.times).toBe(0);
  });

  test("never runs when nobody is signed in", async () => {
    const { t } = await signedInCustomer();
    await expect(t.action(metered.generate, { counts: [1] })).rejects.toMatchObject({
      data: { kind: "unauthenticated" },
    });
    expect(run.times).toBe(0);
  });

  test("lets two of five at the same time through", async () => {
    const { t, ada } = await signedInCustomer();
    const five = Array.from({ length: 5 }, () => ada.action(metered.generate, { counts: [] }));
    const done = await Promise.allSettled(five);
    expect(done.filter(({ status }) => status === "fulfilled")).toHaveLength(2);
    expect(run.times).toBe(2);
    expect(await left(t)).toBe(0);
  });
});

describe("a metered action of several features", () => {
  test("is charged what it counted of each", async () => {
    const { t, ada } = await signedInCustomer();
    await ada.action(metered.illustrate, { tokens: 40, images: 3 });
    expect([await left(t), await left(t, "images")]).toEqual([960, 17]);
  });

  test("is charged what it held of the one that it did not count", async () => {
    const { t, ada } = await signedInCustomer();
    await ada.action(metered.illustrate, { tokens: 40 });
    expect([await left(t), await left(t, "images")]).toEqual([960, 10]);
  });

  test("is charged what it had counted of each when it throws", async () => {
    const { t, ada } = await signedInCustomer();
    await expect(ada.action(metered.illustrate, { images: 3, fails: true })).rejects.toThrow();
    expect([await left(t), await left(t, "images")]).toEqual([1_000, 17]);
  });

  test("is refused by the second, and gives the first back", async () => {
    const { t, ada } = await signedInCustomer();
    await t.mutation((ctx) => tally.track(ctx, { customerId, featureId: "images", value: 11 }));
    await expect(ada.action(metered.illustrate, { tokens: 40, images: 3 })).rejects.toMatchObject({
      data: { kind: "usage_exceeded", featureId: "images", remaining: 9 },
    });
    expect(run.times).toBe(0);
    expect([await left(t), await left(t, "images")]).toEqual([1_000, 9]);
    expect((await stored(t)).reservations).toEqual([]);
  });

  test("names each of them once", async () => {
    const { t, ada } = await signedInCustomer();
    const before = await stored(t);
    await expect(ada.action(metered.twice, {})).rejects.toMatchObject({
      data: { kind: "invalid_argument" },
    });
    expect(run.times).toBe(0);
    expect(await stored(t)).toEqual(before);
  });

  test.each([undefined, "videos"])("has to say which one it counts, and not %s", async (featureId) => {
    const { t, ada } = await signedInCustomer();
    await expect(
      ada.action(metered.miscount, featureId === undefined ? {} : { featureId }),
    ).rejects.toMatchObject({ data: { kind: "invalid_argument", argument: "featureId" } });
    expect([await left(t), await left(t, "images")]).toEqual([1_000, 20]);
  });
});

describe("a meter that follows the arguments", () => {
  test("holds what they say", async () => {
    const { ada } = await signedInCustomer();
    expect(await ada.action(metered.byArguments, { most: 120 })).toBe(880);
  });

  test("refuses what they say", async () => {
    const { ada } = await signedInCustomer();
    await expect(ada.action(metered.byArguments, { most: 1_001 })).rejects.toMatchObject({
      data: { kind: "usage_exceeded", requiredBalance: 1_001 },
    });
  });

  test("may hold several", async () => {
    const { t, ada } = await signedInCustomer();
    await ada.action(metered.byArguments, { most: 120, both: true });
    expect([await left(t), await left(t, "images")]).toEqual([999, 19]);
  });

  test("may hold nothing, and what is counted is charged to nobody", async () => {
    const { t, ada } = await signedInCustomer();
    const before = await stored(t);
    expect(await ada.action(metered.byArguments, { most: 120, free: true })).toBe(1_000);
    expect(await stored(t)).toEqual(before);
  });

  test("lets nobody through when it holds nothing for nobody", async () => {
    const { t } = await signedInCustomer();
    expect(await t.action(metered.byArguments, { most: 120, free: true })).toBe(0);
    expect(run.times).toBe(1);
  });

  test.each([-1, NaN])("cannot hold %d", async (most) => {
    const { ada } = await signedInCustomer();
    await expect(ada.action(metered.byArguments, { most })).rejects.toMatchObject({
      data: { kind: "invalid_amount" },
    });
    expect(run.times).toBe(0);
  });
});

describe("a metered action with an id of its own", () => {
  test("that has settled does not run again", async () => {
    const { t, ada } = await signedInCustomer();
    await ada.action(metered.once, { job: "job_1", tokens: 30 });
    await expect(ada.action(metered.once, { job: "job_1", tokens: 30 })).rejects.toMatchObject({
      data: { kind: "reservation_closed" },
    });
    expect(run.times).toBe(1);
    expect(await left(t)).toBe(970);
  });

  test("is charged once when it runs twice at the same time", async () => {
    const { t, ada } = await signedInCustomer();
    const twice = [1, 2].map(() => ada.action(metered.once, { job: "job_1", tokens: 30 }));
    await Promise.allSettled(twice);
    expect(await left(t)).toBe(970);
  });
});

describe("an action that holds by hand", () => {
  test("settles at what it says", async () => {
    const { t, ada } = await signedInCustomer();
    const said = await ada.action(metered.byHand, { value: 100, total: 40 });
    expect(said).toBe("40 applied, 0 uncovered");
    expect(await left(t)).toBe(960);
  });

  test("is told what is not covered", async () => {
    const { ada } = await signedInCustomer();
    const said = await ada.action(metered.byHand, { value: 100, total: 1_040 });
    expect(said).toBe("1000 applied, 40 uncovered");
  });

  test("sees a refusal, and goes on", async () => {
    const { ada } = await signedInCustomer();
    expect(await ada.action(metered.byHand, { value: 1_001, total: 40 })).toBe("insufficient");
  });

  test("is refused when nobody is signed in", async () => {
    const { t } = await signedInCustomer();
    await expect(t.action(metered.byHand, { value: 100, total: 40 })).rejects.toMatchObject({
      data: { kind: "unauthenticated" },
    });
  });
});

describe("a stream that another function settles", () => {
  const texts = (t: Deployment) =>
    t.run(async (ctx) => (await ctx.db.query("messages").collect()).map(({ text }) => text));

  test("is held when it is scheduled", async () => {
    const { t, ada } = await signedInCustomer();
    await ada.mutation(metered.startStream, { most: 300, chunks: [50, 70] });
    expect(await left(t)).toBe(700);
  });

  test("is charged what it streamed, by its hold's id", async () => {
    const { t, ada } = await signedInCustomer();
    const reservationId = await ada.mutation(metered.startStream, { most: 300, chunks: [50, 70] });
    await t.finishAllScheduledFunctions(vi.runAllTimers);
    expect(await left(t)).toBe(880);
    expect(await uses(t)).toMatchObject([{ key: reservationId, value: 120 }]);
    expect(await texts(t)).toEqual(["120 tokens"]);
  });

  test("that breaks is charged what had been streamed, by the sweep", async () => {
    const complaints = vi.spyOn(console, "error").mockImplementation(() => {});
    const { t, ada } = await signedInCustomer();
    await ada.mutation(metered.startStream, { most: 300, chunks: [50, 70, 90], diesAfter: 2 });
    await t.finishAllScheduledFunctions(vi.runAllTimers);
    expect(await left(t)).toBe(700);
    vi.setSystemTime(START + 20 * MINUTE_MS);
    await sweepHolds(t);
    expect(await left(t)).toBe(880);
    expect(await texts(t)).toEqual([]);
    complaints.mockRestore();
  });

  test("does not begin if it cannot be held", async () => {
    const { t, ada } = await signedInCustomer();
    expect(await ada.mutation(metered.startStream, { most: 1_001, chunks: [50] })).toBeNull();
    await t.finishAllScheduledFunctions(vi.runAllTimers);
    expect(await uses(t)).toEqual([]);
  });

  test("runs beside others, of which each is charged for itself", async () => {
    const { t, ada } = await signedInCustomer();
    for (const chunks of [[50, 70], [10], [200, 100]]) {
      await ada.mutation(metered.startStream, { most: 300, chunks });
    }
    await t.finishAllScheduledFunctions(vi.runAllTimers);
    expect(await left(t)).toBe(570);
    expect((await texts(t)).sort()).toEqual(["10 tokens", "120 tokens", "300 tokens"]);
  });
});
