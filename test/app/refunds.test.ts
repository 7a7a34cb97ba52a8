/** Giving back what a use took: to the very grants that paid, and at most once in sum. */
import type { FunctionReference } from "convex/server";
import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import { components } from "../../convex/_generated/api.js";
import { defineCatalog, Tally } from "../../src/client/index.js";
import { deployment, type Deployment } from "./deployment.js";
import { registerInspected, stored } from "./stored.js";

const month = { interval: "month" } as const;
const tallyWithImagesAt = (creditCost: number) =>
  new Tally(components.tally, {
    catalog: defineCatalog({
      features: [
        { id: "messages", type: "metered" },
        { id: "images", type: "metered" },
        { id: "storage", type: "metered", consumable: false },
        { id: "seats", type: "metered", consumable: false },
        { id: "credits", type: "credit_system", creditSchema: [{ meteredFeatureId: "images", creditCost }] },
      ],
      plans: [
        {
          id: "free",
          autoEnable: true,
          items: [
            { featureId: "messages", included: 500, reset: month },
            {
              featureId: "images",
              included: 100,
              reset: month,
              rollover: { max: 40, expiryDurationType: "month", expiryDurationLength: 1 },
            },
            { featureId: "credits", included: 1_000, reset: month },
            { featureId: "storage", included: 10 },
          ],
        },
        { id: "other", items: [{ featureId: "messages", included: 300, reset: month }] },
        {
          id: "pro",
          price: { amount: 20, interval: "month" },
          items: [{ featureId: "messages", included: 1_000, reset: month }],
        },
        {
          id: "endless",
          price: { amount: 90, interval: "month" },
          items: [{ featureId: "messages", unlimited: true }],
        },
      ],
    }),
    identify: () => Promise.resolve(null),
  });
/** An image costs ten credits. */
const tally = tallyWithImagesAt(10);

const customerId = "user_1";
const START = Date.parse("2026-01-10T00:00:00Z");
const FEBRUARY = Date.parse("2026-02-10T00:00:00Z");
const MARCH = Date.parse("2026-03-10T00:00:00Z");

beforeEach(() => {
  vi.useFakeTimers();
  vi.setSystemTime(START);
});
afterEach(() => {
  vi.useRealTimers();
});

/** A customer with 500 messages, 100 images and 1,000 credits a month, of which an image costs 10. */
async function begun() {
  const t = deployment();
  registerInspected(t);
  await t.mutation((ctx) => tally.customers.create(ctx, { customerId }));
  return t;
}

interface Use {
  featureId?: string;
  entityId?: string;
  idempotencyKey?: string;
  onInsufficient?: "overflow";
}

/** Uses `value` messages unless told; answers the event's id. */
async function used(t: Deployment, value: number, options: Use = {}): Promise<string> {
  const use = { customerId, featureId: "messages", value, ...options };
  return (await t.mutation((ctx) => tally.track(ctx, use))).eventId;
}

type Refund = Omit<Parameters<typeof tally.refund>[1], "customerId">;

function refund(t: Deployment, args: Refund) {
  return t.mutation((ctx) => tally.refund(ctx, { customerId, ...args }));
}

async function balance(t: Deployment, featureId = "messages", entityId?: string) {
  const { usage, remaining } = await t.query((ctx) =>
    tally.check(ctx, { customerId, featureId, ...(entityId !== undefined && { entityId }) }),
  );
  return { usage, remaining };
}

function grant(t: Deployment, amount: number, options: { featureId?: string; entityId?: string } = {}) {
  const args = { customerId, featureId: "messages", amount, ...options };
  return t.mutation((ctx) => tally.grants.grant(ctx, args));
}

function attach(t: Deployment, planId: "other" | "pro" | "endless") {
  return t.mutation((ctx) => tally.subscriptions.attach(ctx, { customerId, planId }));
}

/** What is used of each grant that pays for images, in burning order. */
async function usedOfImages(t: Deployment) {
  const { breakdown } = await t.query((ctx) => tally.check(ctx, { customerId, featureId: "images" }));
  return breakdown.map(({ usage }) => usage);
}

async function latest(t: Deployment) {
  return (await t.query((ctx) => tally.events.list(ctx, { customerId, limit: 1 }))).page[0];
}

const refusedAs = (kind: string) => ({ data: { kind } });

describe("a refund", () => {
  test("gives all back", async () => {
    const t = await begun();
    const eventId = await used(t, 30);
    expect(await refund(t, { eventId })).toMatchObject({
      featureId: "messages",
      value: -30,
      applied: -30,
      uncovered: 0,
      remaining: 500,
      replayed: false,
      balance: { usage: 0, remaining: 500 },
    });
    expect(await balance(t)).toEqual({ usage: 0, remaining: 500 });
  });

  test("finds the use by its key", async () => {
    const t = await begun();
    await used(t, 30, { idempotencyKey: "job_1" });
    expect(await refund(t, { idempotencyKey: "job_1" })).toMatchObject({ applied: -30, remaining: 500 });
  });

  test("of a part gives that back", async () => {
    const t = await begun();
    const eventId = await used(t, 30);
    expect(await refund(t, { eventId, value: 12 })).toMatchObject({ applied: -12, remaining: 482 });
  });

  test("of a fraction is exact", async () => {
    const t = await begun();
    const eventId = await used(t, 0.3);
    expect(await refund(t, { eventId, value: 0.1 })).toMatchObject({ applied: -0.1, remaining: 499.8 });
    expect(await refund(t, { eventId })).toMatchObject({ applied: -0.2, remaining: 500 });
  });

  test("gives back that use alone", async () => {
    const t = await begun();
    const eventId = await used(t, 30);
    await used(t, 100);
    await refund(t, { eventId });
    expect(await balance(t)).toEqual({ usage: 100, remaining: 400 });
  });

  test("lets what came back be used", async () => {
    const t = await begun();
    const eventId = await used(t, 500);
    await refund(t, { eventId, value: 20 });
    const consume = (value: number) =>
      t.mutation((ctx) => tally.consume(ctx, { customerId, featureId: "messages", value }));
    await expect(consume(21)).rejects.toMatchObject(refusedAs("usage_exceeded"));
    expect(await consume(20)).toMatchObject({ remaining: 0 });
  });

  test("is recorded with what it gave back, to whom, by whom and why", async () => {
    const t = await begun();
    const eventId = await used(t, 30);
    await refund(t, { eventId, value: 12, reason: "The image was blank", actor: "support" });
    expect(await latest(t)).toMatchObject({
      kind: "usage",
      featureId: "messages",
      value: -12,
      draws: [{ amount: -12, units: -12 }],
      remaining: 482,
      refundOf: eventId,
      reason: "The image was blank",
      actor: "support",
    });
  });

  test("leaves the use as it was recorded", async () => {
    const t = await begun();
    const eventId = await used(t, 30);
    const before = (await stored(t)).events.find(({ _id }) => _id === eventId);
    await refund(t, { eventId });
    expect((await stored(t)).events.find(({ _id }) => _id === eventId)).toEqual(before);
  });

  test("of one of several uses of a call gives back that one", async () => {
    const t = await begun();
    const [, images] = await t.mutation((ctx) =>
      tally.for(ctx, { customerId }).track([
        { featureId: "messages", value: 30 },
        { featureId: "images", value: 7 },
      ]),
    );
    await refund(t, { eventId: images?.eventId ?? "" });
    expect(await balance(t)).toEqual({ usage: 30, remaining: 470 });
    expect(await usedOfImages(t)).toEqual([0, 0]);
  });

  test("from an action is the same", async () => {
    const t = await begun();
    const eventId = await used(t, 30);
    const refunded = await t.action((ctx) => tally.refund(ctx, { customerId, eventId, value: 12 }));
    expect(refunded).toMatchObject({ applied: -12, remaining: 482 });
  });

  test("in a mutation that throws has given nothing back", async () => {
    const t = await begun();
    const eventId = await used(t, 30);
    const before = await stored(t);
    const failing = t.mutation(async (ctx) => {
      await tally.refund(ctx, { customerId, eventId });
      throw new Error("after the refund");
    });
    await expect(failing).rejects.toThrow("after the refund");
    expect(await stored(t)).toEqual(before);
  });
});

describe("several refunds of a use of 30", () => {
  test("give back 30 in sum, and then say what is left", async () => {
    const t = await begun();
    const eventId = await used(t, 30);
    await refund(t, { eventId, value: 12 });
    await refund(t, { eventId, value: 12 });
    const before = await stored(t);
    await expect(refund(t, { eventId, value: 12 })).rejects.toMatchObject({
      data: { kind: "invalid_amount", left: 6, message: expect.stringContaining("only 6") },
    });
    expect(await stored(t)).toEqual(before);
    expect(await refund(t, { eventId, value: 6 })).toMatchObject({ applied: -6, remaining: 500 });
  });

  test("of which the last says nothing give back what is left", async () => {
    const t = await begun();
    const eventId = await used(t, 30);
    await refund(t, { eventId, value: 12 });
    expect(await refund(t, { eventId })).toMatchObject({ applied: -18, remaining: 500 });
  });

  test("of all of it give it back once", async () => {
    const t = await begun();
    const eventId = await used(t, 30);
    await used(t, 100);
    await refund(t, { eventId });
    expect(await refund(t, { eventId })).toMatchObject({ applied: 0 });
    expect(await balance(t)).toEqual({ usage: 100, remaining: 400 });
  });

  test("by its id and by its key are of the same", async () => {
    const t = await begun();
    const eventId = await used(t, 30, { idempotencyKey: "job_1" });
    await refund(t, { eventId, value: 20 });
    await expect(refund(t, { idempotencyKey: "job_1", value: 20 })).rejects.toMatchObject({
      data: { kind: "invalid_amount", left: 10 },
    });
  });

  test("let three of ten parts of 10 through at the same time", async () => {
    const t = await begun();
    const eventId = await used(t, 30);
    await used(t, 100);
    const ten = Array.from({ length: 10 }, () => refund(t, { eventId, value: 10 }));
    const done = await Promise.allSettled(ten);
    expect(done.filter(({ status }) => status === "fulfilled")).toHaveLength(3);
    expect(await balance(t)).toEqual({ usage: 100, remaining: 400 });
  });

  test("of all of it at the same time give it back once", async () => {
    const t = await begun();
    const eventId = await used(t, 30);
    await used(t, 100);
    await Promise.all(Array.from({ length: 10 }, () => refund(t, { eventId })));
    expect(await balance(t)).toEqual({ usage: 100, remaining: 400 });
  });

  test("do not count what another use took and gave back", async () => {
    const t = await begun();
    const [first, second] = [await used(t, 30), await used(t, 30)];
    await refund(t, { eventId: first });
    expect(await refund(t, { eventId: second })).toMatchObject({ applied: -30, remaining: 500 });
  });
});

describe("a refund with a key", () => {
  test("that comes again gives back nothing more", async () => {
    const t = await begun();
    const eventId = await used(t, 30);
    const first = await refund(t, { eventId, value: 12, refundKey: "ticket_7" });
    const again = await refund(t, { eventId, value: 12, refundKey: "ticket_7" });
    expect(again).toEqual({ ...first, replayed: true, balance: null });
    expect(await balance(t)).toEqual({ usage: 18, remaining: 482 });
  });

  test("of all that was left is answered from the first time", async () => {
    const t = await begun();
    const eventId = await used(t, 30);
    await refund(t, { eventId, refundKey: "ticket_7" });
    expect(await refund(t, { eventId, refundKey: "ticket_7" })).toMatchObject({
      applied: -30,
      replayed: true,
    });
  });

  test("of its own gives back once more", async () => {
    const t = await begun();
    const eventId = await used(t, 30);
    await refund(t, { eventId, value: 12, refundKey: "ticket_7" });
    await refund(t, { eventId, value: 12, refundKey: "ticket_8" });
    expect(await balance(t)).toEqual({ usage: 6, remaining: 494 });
  });

  test("of its own gives back no more than the use took", async () => {
    const t = await begun();
    const eventId = await used(t, 30);
    await refund(t, { eventId, value: 20, refundKey: "ticket_7" });
    await expect(refund(t, { eventId, value: 20, refundKey: "ticket_8" })).rejects.toMatchObject({
      data: { kind: "invalid_amount", left: 10 },
    });
  });

  test("gives back once, ten at the same time", async () => {
    const t = await begun();
    const eventId = await used(t, 30);
    const ten = Array.from({ length: 10 }, () => refund(t, { eventId, value: 2, refundKey: "ticket_7" }));
    const done = await Promise.all(ten);
    expect(done.filter(({ replayed }) => !replayed)).toHaveLength(1);
    expect(await balance(t)).toEqual({ usage: 28, remaining: 472 });
  });

  test("that has given back another amount is a conflict", async () => {
    const t = await begun();
    const eventId = await used(t, 30);
    await refund(t, { eventId, value: 10, refundKey: "ticket_7" });
    const before = await stored(t);
    await expect(refund(t, { eventId, value: 20, refundKey: "ticket_7" })).rejects.toMatchObject(
      refusedAs("idempotency_conflict"),
    );
    expect(await stored(t)).toEqual(before);
  });

  test.each(["0", "1"])("that is the number %s is none without a key", async (refundKey) => {
    const t = await begun();
    const eventId = await used(t, 30);
    for (const of of [{}, { refundKey }, {}]) await refund(t, { eventId, value: 5, ...of });
    expect(await balance(t)).toEqual({ usage: 15, remaining: 485 });
  });

  test("is of that use alone", async () => {
    const t = await begun();
    const [first, second] = [await used(t, 30), await used(t, 30)];
    await refund(t, { eventId: first, refundKey: "ticket_7" });
    expect(await refund(t, { eventId: second, refundKey: "ticket_7" })).toMatchObject({
      applied: -30,
      replayed: false,
    });
  });

  test("leaves the key to a use", async () => {
    const t = await begun();
    const eventId = await used(t, 30);
    await refund(t, { eventId, refundKey: "ticket_7" });
    await used(t, 5, { idempotencyKey: "ticket_7" });
    expect(await balance(t)).toEqual({ usage: 5, remaining: 495 });
  });

  test.each(["", " a", "a\u0000b", "x".repeat(256)])("cannot have the key %j", async (refundKey) => {
    const t = await begun();
    const eventId = await used(t, 30);
    await expect(refund(t, { eventId, refundKey })).rejects.toMatchObject(refusedAs("invalid_argument"));
  });
});

describe("a refund of 150 images, paid by a rollover of 40, the plan's 100, and 100 credits", () => {
  async function paidByThree() {
    const t = await begun();
    await used(t, 60, { featureId: "images" });
    vi.setSystemTime(FEBRUARY);
    return { t, eventId: await used(t, 150, { featureId: "images" }) };
  }

  test("begins with the credits", async () => {
    const { t, eventId } = await paidByThree();
    expect(await usedOfImages(t)).toEqual([40, 100, 100]);
    await refund(t, { eventId, value: 5 });
    expect(await usedOfImages(t)).toEqual([40, 100, 50]);
  });

  test("goes on with the plan's", async () => {
    const { t, eventId } = await paidByThree();
    await refund(t, { eventId, value: 30 });
    expect(await usedOfImages(t)).toEqual([40, 80, 0]);
  });

  test("ends with the rollover's", async () => {
    const { t, eventId } = await paidByThree();
    await refund(t, { eventId, value: 125 });
    expect(await usedOfImages(t)).toEqual([25, 0, 0]);
  });

  test("in parts is the same as at once", async () => {
    const { t, eventId } = await paidByThree();
    for (const value of [5, 25, 95]) await refund(t, { eventId, value });
    expect(await usedOfImages(t)).toEqual([25, 0, 0]);
  });

  test("records to which of them it went", async () => {
    const { t, eventId } = await paidByThree();
    await refund(t, { eventId, value: 125 });
    expect((await latest(t))?.draws.map(({ amount, units }) => [amount, units])).toEqual([
      [-100, -10],
      [-100, -100],
      [-15, -15],
    ]);
  });

  test("is at the cost of its day", async () => {
    const { t, eventId } = await paidByThree();
    const dearer = tallyWithImagesAt(50);
    await t.mutation((ctx) => dearer.refund(ctx, { customerId, eventId, value: 5 }));
    expect(await balance(t, "credits")).toEqual({ usage: 50, remaining: 950 });
  });

  test("lapses where the rollover has expired since", async () => {
    const { t, eventId } = await paidByThree();
    vi.setSystemTime(MARCH);
    expect(await refund(t, { eventId })).toMatchObject({ value: -150, applied: 0, uncovered: -150 });
  });
});

describe("a negative use by trusted code, unlike a refund,", () => {
  const giveBack = (t: Deployment, value: number, featureId = "images") =>
    t.mutation((ctx) => tally.track(ctx, { customerId, featureId, value }));

  test("refills what burns first, and no rollover", async () => {
    const t = await begun();
    await used(t, 60, { featureId: "images" });
    vi.setSystemTime(FEBRUARY);
    await used(t, 150, { featureId: "images" });
    expect(await giveBack(t, -20)).toMatchObject({ applied: -20, uncovered: 0 });
    expect(await usedOfImages(t)).toEqual([40, 80, 100]);
    expect(await giveBack(t, -150)).toMatchObject({ applied: -90, uncovered: -60 });
    expect(await usedOfImages(t)).toEqual([40, 0, 0]);
  });

  test("refills what a later period has used", async () => {
    const t = await begun();
    await used(t, 30);
    vi.setSystemTime(FEBRUARY);
    await used(t, 100);
    await giveBack(t, -30, "messages");
    expect(await balance(t)).toEqual({ usage: 70, remaining: 430 });
  });

  test("is not bound to what one use took", async () => {
    const t = await begun();
    await used(t, 30);
    await used(t, 100);
    await giveBack(t, -120, "messages");
    expect(await balance(t)).toEqual({ usage: 10, remaining: 490 });
  });

  test("is no use that could be refunded", async () => {
    const t = await begun();
    await used(t, 30);
    const { eventId } = await giveBack(t, -10, "messages");
    const before = await stored(t);
    await expect(refund(t, { eventId })).rejects.toMatchObject({
      data: { kind: expect.stringMatching("invalid_") },
    });
    expect(await stored(t)).toEqual(before);
  });
});

describe("a refund across a reset", () => {
  test("comes back to nobody", async () => {
    const t = await begun();
    const eventId = await used(t, 30);
    vi.setSystemTime(FEBRUARY);
    await used(t, 100);
    expect(await refund(t, { eventId })).toMatchObject({
      value: -30,
      applied: 0,
      uncovered: -30,
      remaining: 400,
    });
    expect(await balance(t)).toEqual({ usage: 100, remaining: 400 });
  });

  test("comes back until the last millisecond", async () => {
    const t = await begun();
    const eventId = await used(t, 30);
    vi.setSystemTime(FEBRUARY - 1);
    expect(await refund(t, { eventId })).toMatchObject({ applied: -30, remaining: 500 });
  });

  test("counts as given back", async () => {
    const t = await begun();
    const eventId = await used(t, 30);
    vi.setSystemTime(FEBRUARY);
    await refund(t, { eventId, value: 20 });
    await expect(refund(t, { eventId, value: 20 })).rejects.toMatchObject({
      data: { kind: "invalid_amount", left: 10 },
    });
  });

  test("comes back where it was paid by what does not reset", async () => {
    const t = await begun();
    await grant(t, 50);
    const eventId = await used(t, 540);
    vi.setSystemTime(FEBRUARY);
    expect(await refund(t, { eventId })).toMatchObject({ applied: -40, uncovered: -500, remaining: 550 });
  });

  test("is of the part before it and of the part after it, the latter first", async () => {
    const t = await begun();
    vi.setSystemTime(FEBRUARY - 60_000);
    const reservationId = await t.mutation(async (ctx) => {
      const args = { customerId, featureId: "messages", value: 75 } as const;
      return (await tally.reservations.reserve(ctx, args)).reservationId ?? "";
    });
    vi.setSystemTime(FEBRUARY + 60_000);
    await t.mutation((ctx) => tally.reservations.confirm(ctx, { customerId, reservationId, value: 100 }));
    expect(await refund(t, { idempotencyKey: reservationId, value: 40 })).toMatchObject({
      applied: -25,
      uncovered: -15,
      remaining: 500,
    });
  });
});

describe("a refund after a change of plans", () => {
  test("comes back in normal order where the new one has taken over what was used", async () => {
    const t = await begun();
    const eventId = await used(t, 30);
    await used(t, 10);
    await attach(t, "other");
    expect(await refund(t, { eventId })).toMatchObject({ applied: -30, uncovered: 0, remaining: 290 });
    expect(await balance(t)).toEqual({ usage: 10, remaining: 290 });
  });

  test("comes back to nobody where the new one has started afresh", async () => {
    const t = await begun();
    const eventId = await used(t, 30);
    await attach(t, "pro");
    expect(await refund(t, { eventId })).toMatchObject({ applied: 0, uncovered: -30, remaining: 1_000 });
  });

  test("comes back to nobody once its period is over", async () => {
    const t = await begun();
    const eventId = await used(t, 30);
    await attach(t, "other");
    vi.setSystemTime(FEBRUARY);
    await used(t, 50);
    expect(await refund(t, { eventId })).toMatchObject({ applied: 0, uncovered: -30 });
    expect(await balance(t)).toEqual({ usage: 50, remaining: 250 });
  });

  test("comes back into a gift that has outlived it", async () => {
    const t = await begun();
    await grant(t, 50);
    const eventId = await used(t, 540);
    await attach(t, "pro");
    await refund(t, { eventId, value: 40 });
    expect(await balance(t)).toEqual({ usage: 0, remaining: 1_050 });
  });
});

describe("a refund of a settled hold", () => {
  async function settled(t: Deployment, value: number, total?: number) {
    return await t.mutation(async (ctx) => {
      const hold = await tally.for(ctx, { customerId }).reserve({ featureId: "messages", value });
      const { eventId } = await (total === undefined ? hold.confirm() : hold.confirm(total));
      return { eventId, reservationId: hold.reservationId ?? "" };
    });
  }

  test("is found by the hold's id", async () => {
    const t = await begun();
    const { reservationId } = await settled(t, 75, 25);
    expect(await refund(t, { idempotencyKey: reservationId })).toMatchObject({
      applied: -25,
      remaining: 500,
    });
  });

  test("is of what was charged, not of what was held", async () => {
    const t = await begun();
    const { eventId } = await settled(t, 75, 25);
    await expect(refund(t, { eventId, value: 26 })).rejects.toMatchObject({
      data: { kind: "invalid_amount", left: 25 },
    });
  });

  test("is of nothing while it is open", async () => {
    const t = await begun();
    const { reservationId } = await t.mutation(async (ctx) => {
      const hold = await tally.for(ctx, { customerId }).reserve({ featureId: "messages", value: 75 });
      return { reservationId: hold.reservationId ?? "" };
    });
    const refunding = refund(t, { idempotencyKey: reservationId });
    await expect(refunding).rejects.toMatchObject(refusedAs("invalid_argument"));
    expect(await balance(t)).toEqual({ usage: 75, remaining: 425 });
  });

  test("that nobody settled is of what was reported", async () => {
    const t = await begun();
    const reservationId = await t.mutation(async (ctx) => {
      const hold = await tally.for(ctx, { customerId }).reserve({ featureId: "messages", value: 75 });
      await hold.report(30);
      return hold.reservationId ?? "";
    });
    vi.setSystemTime(START + 16 * 60_000);
    const { sweep } = (
      components.tally as unknown as { reservations: { sweep: FunctionReference<"mutation", "internal"> } }
    ).reservations;
    await t.mutation((ctx) => ctx.runMutation(sweep, {}));
    expect(await refund(t, { idempotencyKey: reservationId })).toMatchObject({
      applied: -30,
      remaining: 500,
    });
  });
});

describe("a refund of a use that was covered in part", () => {
  test("gives back what was applied", async () => {
    const t = await begun();
    const eventId = await used(t, 620);
    expect(await refund(t, { eventId })).toMatchObject({ applied: -500, remaining: 500 });
  });

  test("gives back no more", async () => {
    const t = await begun();
    const eventId = await used(t, 620);
    await expect(refund(t, { eventId, value: 501 })).rejects.toMatchObject({
      data: { kind: "invalid_amount", left: 500 },
    });
  });

  test("gives back nothing where nothing was applied", async () => {
    const t = await begun();
    await used(t, 500);
    const eventId = await used(t, 20);
    await expect(refund(t, { eventId, value: 1 })).rejects.toMatchObject({
      data: { kind: "invalid_amount", left: 0 },
    });
  });
});

describe("a refund of other uses", () => {
  test("repays what went below zero", async () => {
    const t = await begun();
    const eventId = await used(t, 15, { featureId: "storage" });
    await refund(t, { eventId, value: 3 });
    expect(await balance(t, "storage")).toEqual({ usage: 12, remaining: 0 });
    await refund(t, { eventId });
    expect(await balance(t, "storage")).toEqual({ usage: 0, remaining: 10 });
  });

  test("lowers what is counted without limit", async () => {
    const t = await begun();
    await attach(t, "endless");
    const eventId = await used(t, 5_000);
    expect(await refund(t, { eventId, value: 2_000 })).toMatchObject({ applied: -2_000 });
    expect((await balance(t)).usage).toBe(3_000);
  });

  test("goes back to the entity that paid", async () => {
    const t = await begun();
    await t.mutation((ctx) =>
      tally.entities.create(ctx, { customerId, entityId: "ada", featureId: "seats" }),
    );
    await grant(t, 50, { entityId: "ada" });
    const eventId = await used(t, 80, { entityId: "ada" });
    expect(await balance(t)).toEqual({ usage: 30, remaining: 470 });
    expect(await refund(t, { eventId, value: 40 })).toMatchObject({ entityId: "ada", applied: -40 });
    expect(await balance(t)).toEqual({ usage: 0, remaining: 500 });
    expect(await balance(t, "messages", "ada")).toEqual({ usage: 40, remaining: 510 });
  });

  test("goes back into a gift that merged with others", async () => {
    const t = await begun();
    await grant(t, 50);
    await grant(t, 50);
    const eventId = await used(t, 580);
    await refund(t, { eventId, value: 80 });
    expect(await balance(t)).toEqual({ usage: 500, remaining: 100 });
  });
});

describe("a refund is refused", () => {
  test("of another customer's use, which stays as it is", async () => {
    const t = await begun();
    await t.mutation((ctx) => tally.customers.create(ctx, { customerId: "user_2" }));
    const eventId = await used(t, 30, { idempotencyKey: "job_1" });
    const before = await stored(t);
    for (const of of [{ eventId }, { idempotencyKey: "job_1" }]) {
      const refunding = t.mutation((ctx) => tally.refund(ctx, { customerId: "user_2", ...of }));
      await expect(refunding).rejects.toMatchObject(refusedAs("invalid_argument"));
    }
    expect(await stored(t)).toEqual(before);
  });

  test.each(["grant", "adjust", "expire", "plan"])("of what is no use: %s", async (kind) => {
    const t = await begun();
    const { grantId } = await t.mutation((ctx) =>
      tally.grants.grant(ctx, { customerId, featureId: "messages", amount: 5, idempotencyKey: "grant" }),
    );
    await t.mutation((ctx) =>
      tally.grants.set(ctx, { customerId, featureId: "messages", remaining: 5, idempotencyKey: "adjust" }),
    );
    await t.mutation((ctx) =>
      tally.grants.revoke(ctx, { customerId, featureId: "messages", grantId, idempotencyKey: "expire" }),
    );
    await t.mutation((ctx) =>
      tally.subscriptions.attach(ctx, { customerId, planId: "other", idempotencyKey: "plan" }),
    );
    const before = await stored(t);
    const event = before.events.find(({ key }) => key === kind);
    expect(event?.kind).toBe(kind);
    for (const of of [{ eventId: event?._id ?? "" }, { idempotencyKey: kind }]) {
      await expect(refund(t, of)).rejects.toMatchObject(refusedAs("invalid_argument"));
    }
    expect(await stored(t)).toEqual(before);
  });

  test("of a refund", async () => {
    const t = await begun();
    const eventId = await used(t, 30);
    const refunded = await refund(t, { eventId });
    const before = await stored(t);
    await expect(refund(t, { eventId: refunded.eventId })).rejects.toMatchObject({
      data: { kind: expect.stringMatching("invalid_") },
    });
    expect(await stored(t)).toEqual(before);
  });

  test("of a use that never was", async () => {
    const t = await begun();
    await expect(refund(t, { idempotencyKey: "nothing" })).rejects.toMatchObject(
      refusedAs("invalid_argument"),
    );
    await expect(refund(t, { eventId: "nothing" })).rejects.toMatchObject(refusedAs("invalid_argument"));
  });

  test("of what is no event at all", async () => {
    const t = await begun();
    const [row] = (await stored(t)).balances;
    await expect(refund(t, { eventId: row?._id ?? "" })).rejects.toMatchObject(refusedAs("invalid_argument"));
  });

  test("unless it says of which use", async () => {
    const t = await begun();
    await expect(refund(t, {})).rejects.toMatchObject(refusedAs("invalid_argument"));
  });

  test("if it names the use in two ways", async () => {
    const t = await begun();
    const eventId = await used(t, 30, { idempotencyKey: "job_1" });
    const refunding = refund(t, { eventId, idempotencyKey: "job_1" });
    await expect(refunding).rejects.toMatchObject(refusedAs("invalid_argument"));
  });

  test.each([-1, -0, NaN, Infinity, 1e-10, "5", null, undefined])("of %s units", async (value) => {
    const t = await begun();
    const eventId = await used(t, 30);
    const refunding = refund(t, { eventId, value: value as number });
    await expect(refunding).rejects.toMatchObject(refusedAs("invalid_amount"));
    expect(await balance(t)).toEqual({ usage: 30, remaining: 470 });
  });

  test("with an option that it does not know", async () => {
    const t = await begun();
    const eventId = await used(t, 30);
    const misspelt = { eventId, amount: 5 } as Refund;
    await expect(refund(t, misspelt)).rejects.toMatchObject(refusedAs("invalid_argument"));
  });

  test.each(["reason", "actor"])("with a %s of more than 500 characters", async (text) => {
    const t = await begun();
    const eventId = await used(t, 30);
    const refunding = refund(t, { eventId, [text]: "x".repeat(501) });
    await expect(refunding).rejects.toMatchObject(refusedAs("invalid_argument"));
  });
});
