/** Balances set and grants ended by hand: what an operator says is what it is, and it is on record. */
import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import { components } from "../../convex/_generated/api.js";
import { defineCatalog, Tally } from "../../src/client/index.js";
import { deployment, type Deployment } from "./deployment.js";
import { registerInspected, stored } from "./stored.js";

const month = { interval: "month" } as const;
const tally = new Tally(components.tally, {
  catalog: defineCatalog({
    features: [
      { id: "messages", type: "metered" },
      { id: "images", type: "metered" },
      { id: "videos", type: "metered" },
      { id: "storage", type: "metered", consumable: false },
      { id: "seats", type: "metered", consumable: false },
      { id: "search", type: "boolean" },
      {
        id: "credits",
        type: "credit_system",
        creditSchema: [{ meteredFeatureId: "images", creditCost: 10 }],
      },
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
            rollover: { max: 40, expiryDurationType: "month", expiryDurationLength: 3 },
          },
          { featureId: "credits", included: 1_000, reset: month },
          { featureId: "storage", included: 10 },
        ],
      },
      {
        id: "metered",
        group: "metered",
        price: { amount: 1, interval: "month" },
        items: [
          {
            featureId: "videos",
            included: 5,
            price: { amount: 2, interval: "month", billingMethod: "usage_based" },
          },
        ],
      },
    ],
  }),
  identify: () => Promise.resolve(null),
});

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

/** A customer with 500 messages, 100 images and 1,000 credits a month, and storage of 10. */
async function begun() {
  const t = deployment();
  registerInspected(t);
  await t.mutation((ctx) => tally.customers.create(ctx, { customerId }));
  return t;
}

type SetArgs = Omit<Parameters<typeof tally.grants.set>[1], "customerId" | "featureId"> & {
  customerId?: string;
  featureId?: string;
};

function set(t: Deployment, args: SetArgs) {
  return t.mutation((ctx) => tally.grants.set(ctx, { customerId, featureId: "messages", ...args }));
}

type RevokeArgs = Partial<Parameters<typeof tally.grants.revoke>[1]> & { grantId: string };

function revoke(t: Deployment, args: RevokeArgs) {
  return t.mutation((ctx) => tally.grants.revoke(ctx, { customerId, featureId: "messages", ...args }));
}

/** Grants messages unless told; answers the grant's id. */
async function granted(
  t: Deployment,
  args: { amount?: number; unlimited?: boolean; featureId?: string; entityId?: string; startsAt?: number },
): Promise<string> {
  const given = { customerId, featureId: "messages", ...args };
  return (await t.mutation((ctx) => tally.grants.grant(ctx, given))).grantId;
}

function track(t: Deployment, value: number, featureId = "messages") {
  return t.mutation((ctx) => tally.track(ctx, { customerId, featureId, value }));
}

function check(t: Deployment, featureId = "messages", entityId?: string) {
  return t.query((ctx) =>
    tally.check(ctx, { customerId, featureId, ...(entityId !== undefined && { entityId }) }),
  );
}

async function balance(t: Deployment, featureId = "messages", entityId?: string) {
  const { granted, usage, remaining } = await check(t, featureId, entityId);
  return { granted, usage, remaining };
}

/** What is granted and used by each grant, in burning order. */
async function each(t: Deployment, featureId = "messages") {
  return (await check(t, featureId)).breakdown.map(({ granted, usage }) => [granted, usage]);
}

async function planGrant(t: Deployment, featureId = "messages"): Promise<string> {
  const part = (await check(t, featureId)).breakdown.find(
    ({ planId, rollover }) => planId === "free" && rollover !== true,
  );
  return part?.grantId ?? "none";
}

async function latest(t: Deployment) {
  return (await t.query((ctx) => tally.events.list(ctx, { customerId, limit: 1 }))).page[0];
}

const refusedAs = (kind: string) => ({ data: { kind } });

describe("what is left of a balance", () => {
  test("is set", async () => {
    const t = await begun();
    await track(t, 30);
    expect(await set(t, { remaining: 100 })).toMatchObject({
      replayed: false,
      balance: { granted: 500, usage: 400, remaining: 100 },
    });
    expect(await balance(t)).toEqual({ granted: 500, usage: 400, remaining: 100 });
  });

  test("is set to nothing", async () => {
    const t = await begun();
    await set(t, { remaining: 0 });
    expect(await check(t)).toMatchObject({ allowed: false, usage: 500, remaining: 0 });
  });

  test("is set to a fraction", async () => {
    const t = await begun();
    await set(t, { remaining: 0.1 });
    expect(await balance(t)).toEqual({ granted: 500, usage: 499.9, remaining: 0.1 });
  });

  test("is set above what is granted: usage shows below zero", async () => {
    const t = await begun();
    await track(t, 30);
    await set(t, { remaining: 700 });
    expect(await balance(t)).toEqual({ granted: 500, usage: -200, remaining: 700 });
  });

  test("can be used, all of it", async () => {
    const t = await begun();
    await set(t, { remaining: 700 });
    expect(await track(t, 701)).toMatchObject({ applied: 700, uncovered: 1 });
  });

  test("is what is granted again with the next period", async () => {
    const t = await begun();
    await set(t, { remaining: 700 });
    vi.setSystemTime(FEBRUARY);
    expect(await balance(t)).toEqual({ granted: 500, usage: 0, remaining: 500 });
  });

  test("is never below zero: what is owed is set as what is used", async () => {
    const t = await begun();
    const setting = set(t, { featureId: "storage", remaining: -5 });
    await expect(setting).rejects.toMatchObject(refusedAs("invalid_amount"));
    await set(t, { featureId: "storage", usage: 15 });
    expect(await balance(t, "storage")).toEqual({ granted: 10, usage: 15, remaining: 0 });
  });

  test("is set as of now, not as it was stored", async () => {
    const t = await begun();
    await track(t, 300);
    vi.setSystemTime(FEBRUARY);
    await set(t, { remaining: 400 });
    expect(await balance(t)).toEqual({ granted: 500, usage: 100, remaining: 400 });
    expect((await latest(t))?.draws).toMatchObject([{ amount: 100 }]);
  });

  test("is counted from there on", async () => {
    const t = await begun();
    await set(t, { remaining: 100 });
    expect(await track(t, 30)).toMatchObject({ remaining: 70 });
  });
});

describe("what is used of a balance", () => {
  test("is set", async () => {
    const t = await begun();
    await track(t, 30);
    expect(await set(t, { usage: 120 })).toMatchObject({ balance: { usage: 120, remaining: 380 } });
    expect(await balance(t)).toEqual({ granted: 500, usage: 120, remaining: 380 });
  });

  test("is set to nothing", async () => {
    const t = await begun();
    await track(t, 30);
    await set(t, { usage: 0 });
    expect(await balance(t)).toEqual({ granted: 500, usage: 0, remaining: 500 });
  });

  test("is set below zero, which leaves more than is granted", async () => {
    const t = await begun();
    await set(t, { usage: -50 });
    expect(await balance(t)).toEqual({ granted: 500, usage: -50, remaining: 550 });
  });

  test("is set above what is granted", async () => {
    const t = await begun();
    await set(t, { usage: 600 });
    expect(await balance(t)).toEqual({ granted: 500, usage: 600, remaining: 0 });
  });

  test("is set back from above what is granted", async () => {
    const t = await begun();
    await set(t, { usage: 600 });
    await set(t, { usage: 450 });
    expect(await balance(t)).toEqual({ granted: 500, usage: 450, remaining: 50 });
  });

  test("of credits is of the credits, whatever they pay for", async () => {
    const t = await begun();
    await set(t, { featureId: "credits", usage: 900 });
    expect(await balance(t, "credits")).toEqual({ granted: 1_000, usage: 900, remaining: 100 });
    expect((await check(t, "images")).remaining).toBe(110);
  });

  test("of a feature leaves the credits that pay for it", async () => {
    const t = await begun();
    await set(t, { featureId: "images", usage: 100 });
    expect(await balance(t, "credits")).toEqual({ granted: 1_000, usage: 0, remaining: 1_000 });
    expect((await check(t, "images")).remaining).toBe(100);
  });
});

describe("what is granted", () => {
  test("is set, and what is used stays", async () => {
    const t = await begun();
    await track(t, 30);
    expect(await set(t, { granted: 800 })).toMatchObject({
      balance: { granted: 800, usage: 30, remaining: 770 },
    });
  });

  test("is set below what is used", async () => {
    const t = await begun();
    await track(t, 30);
    await set(t, { granted: 20 });
    expect(await balance(t)).toEqual({ granted: 20, usage: 30, remaining: 0 });
  });

  test("is set to nothing", async () => {
    const t = await begun();
    await set(t, { granted: 0 });
    expect(await check(t)).toMatchObject({ allowed: false, reason: "insufficient", granted: 0 });
  });

  test("comes anew with the next period", async () => {
    const t = await begun();
    await set(t, { granted: 800 });
    await track(t, 800);
    vi.setSystemTime(FEBRUARY);
    expect(await balance(t)).toEqual({ granted: 800, usage: 0, remaining: 800 });
  });

  test("is never below zero", async () => {
    const t = await begun();
    await expect(set(t, { granted: -1 })).rejects.toMatchObject(refusedAs("invalid_amount"));
  });
});

describe("a balance of two grants, the plan's 500 and a gift of 100,", () => {
  async function withGift() {
    const t = await begun();
    return { t, gift: await granted(t, { amount: 100 }), plan: await planGrant(t) };
  }

  test("is used in burning order when its usage is set", async () => {
    const { t } = await withGift();
    await set(t, { usage: 550 });
    expect(await each(t)).toEqual([
      [500, 500],
      [100, 50],
    ]);
  });

  test("is left as is said", async () => {
    const { t } = await withGift();
    await track(t, 550);
    await set(t, { remaining: 320 });
    expect(await balance(t)).toEqual({ granted: 600, usage: 280, remaining: 320 });
  });

  test("is refilled in burning order", async () => {
    const { t } = await withGift();
    await track(t, 550);
    await set(t, { remaining: 320 });
    expect(await each(t)).toEqual([
      [500, 230],
      [100, 50],
    ]);
  });

  test("is left as is said, though more than is granted", async () => {
    const { t } = await withGift();
    await track(t, 550);
    await set(t, { remaining: 650 });
    expect(await balance(t)).toEqual({ granted: 600, usage: -50, remaining: 650 });
  });

  test("is left as is said, though a grant is used beyond what it granted", async () => {
    const t = await begun();
    await t.mutation((ctx) =>
      tally.track(ctx, { customerId, featureId: "storage", value: 15, onInsufficient: "overflow" }),
    );
    await granted(t, { featureId: "storage", amount: 20 });
    await set(t, { featureId: "storage", remaining: 8 });
    expect((await balance(t, "storage")).remaining).toBe(8);
  });

  test("can be set in one of them", async () => {
    const { t, gift } = await withGift();
    await set(t, { grantId: gift, remaining: 70 });
    expect(await each(t)).toEqual([
      [500, 0],
      [100, 30],
    ]);
  });

  test("can be set in the other", async () => {
    const { t, plan } = await withGift();
    await set(t, { grantId: plan, usage: 80 });
    expect(await each(t)).toEqual([
      [500, 80],
      [100, 0],
    ]);
  });

  test("can be set above one of them, which goes below zero alone", async () => {
    const { t, gift } = await withGift();
    await track(t, 550);
    await set(t, { grantId: gift, remaining: 130 });
    expect(await each(t)).toEqual([
      [500, 500],
      [100, -30],
    ]);
  });

  test("has to be told which of them is to grant more", async () => {
    const { t } = await withGift();
    const before = await stored(t);
    await expect(set(t, { granted: 800 })).rejects.toMatchObject(refusedAs("invalid_argument"));
    expect(await stored(t)).toEqual(before);
  });

  test("has one of them grant more", async () => {
    const { t, gift } = await withGift();
    await set(t, { grantId: gift, granted: 180 });
    expect(await each(t)).toEqual([
      [500, 0],
      [180, 0],
    ]);
  });

  test("records what each of them lost", async () => {
    const { t, gift, plan } = await withGift();
    await set(t, { usage: 550 });
    expect((await latest(t))?.draws).toEqual([
      { grantId: plan, amount: 500, units: 500 },
      { grantId: gift, amount: 50, units: 50 },
    ]);
  });

  test("records what each of them won", async () => {
    const { t, gift, plan } = await withGift();
    await track(t, 550);
    await set(t, { usage: 0 });
    expect((await latest(t))?.draws).toEqual([
      { grantId: plan, amount: -500, units: -500 },
      { grantId: gift, amount: -50, units: -50 },
    ]);
  });

  test("records nothing of the one that stays as it is", async () => {
    const { t, gift } = await withGift();
    await set(t, { grantId: gift, granted: 180 });
    expect((await latest(t))?.draws).toEqual([{ grantId: gift, amount: -80, units: -80 }]);
  });
});

describe("a balance with a rollover of 40", () => {
  test("is used from there first when it is set", async () => {
    const t = await begun();
    await track(t, 60, "images");
    vi.setSystemTime(FEBRUARY);
    await set(t, { featureId: "images", remaining: 50 });
    expect(await each(t, "images")).toEqual([
      [40, 40],
      [100, 50],
      [1_000, 0],
    ]);
  });

  test("is left above what is granted in the plan's, which comes anew", async () => {
    const t = await begun();
    await track(t, 60, "images");
    vi.setSystemTime(FEBRUARY);
    await set(t, { featureId: "images", remaining: 150 });
    expect(await each(t, "images")).toEqual([
      [40, 0],
      [100, -10],
      [1_000, 0],
    ]);
  });
});

describe("an entity's balance", () => {
  async function withSeat() {
    const t = await begun();
    await t.mutation((ctx) =>
      tally.entities.create(ctx, { customerId, entityId: "ada", featureId: "seats" }),
    );
    await granted(t, { amount: 50, entityId: "ada" });
    return t;
  }

  test("is set without the customer's", async () => {
    const t = await withSeat();
    await set(t, { entityId: "ada", remaining: 20 });
    expect(await balance(t)).toEqual({ granted: 500, usage: 0, remaining: 500 });
    expect((await check(t, "messages", "ada")).remaining).toBe(520);
  });

  test("stays when the customer's is set", async () => {
    const t = await withSeat();
    await set(t, { remaining: 20 });
    expect((await check(t, "messages", "ada")).remaining).toBe(70);
  });

  test("is recorded as the entity's", async () => {
    const t = await withSeat();
    await set(t, { entityId: "ada", remaining: 20 });
    expect(await latest(t)).toMatchObject({ kind: "adjust", entityId: "ada", value: 20 });
  });

  test("of one that is not there cannot be set", async () => {
    const t = await withSeat();
    const before = await stored(t);
    await expect(set(t, { entityId: "eve", remaining: 20 })).rejects.toMatchObject(
      refusedAs("entity_not_found"),
    );
    expect(await stored(t)).toEqual(before);
  });
});

describe("setting a balance", () => {
  test("is on record: what, by whom and why", async () => {
    const t = await begun();
    await set(t, { remaining: 100, reason: "Agreed by phone", actor: "support" });
    expect(await latest(t)).toMatchObject({
      kind: "adjust",
      featureId: "messages",
      value: 100,
      draws: [{ amount: 400, units: 400 }],
      remaining: 100,
      reason: "Agreed by phone",
      actor: "support",
    });
  });

  test("to what it is already is on record, too", async () => {
    const t = await begun();
    await set(t, { remaining: 500 });
    expect(await latest(t)).toMatchObject({ kind: "adjust", value: 500, draws: [] });
  });

  test("with a key is done once", async () => {
    const t = await begun();
    const first = await set(t, { remaining: 100, idempotencyKey: "fix_1" });
    await track(t, 30);
    expect(await set(t, { remaining: 100, idempotencyKey: "fix_1" })).toEqual({
      eventId: first.eventId,
      replayed: true,
      balance: null,
    });
    expect((await balance(t)).remaining).toBe(70);
  });

  test("without a key is done each time", async () => {
    const t = await begun();
    await set(t, { remaining: 100 });
    await track(t, 30);
    expect(await set(t, { remaining: 100 })).toMatchObject({ replayed: false });
    expect((await balance(t)).remaining).toBe(100);
  });

  test.each([
    ["another amount", { remaining: 101 }],
    ["another feature", { featureId: "images", remaining: 100 }],
  ])("with a key that has set %s is a conflict", async (_, other) => {
    const t = await begun();
    await set(t, { ...other, idempotencyKey: "fix_1" });
    const before = await stored(t);
    await expect(set(t, { remaining: 100, idempotencyKey: "fix_1" })).rejects.toMatchObject(
      refusedAs("idempotency_conflict"),
    );
    expect(await stored(t)).toEqual(before);
  });

  test("to what is left, with a key that has set what is used, is a conflict", async () => {
    const t = await begun();
    await set(t, { usage: 100, idempotencyKey: "fix_1" });
    await expect(set(t, { remaining: 100, idempotencyKey: "fix_1" })).rejects.toMatchObject(
      refusedAs("idempotency_conflict"),
    );
  });

  test("of one grant, with a key that has set another, is a conflict", async () => {
    const t = await begun();
    const gift = await granted(t, { amount: 100 });
    await set(t, { grantId: gift, remaining: 50, idempotencyKey: "fix_1" });
    for (const other of [{}, { grantId: await planGrant(t) }]) {
      await expect(set(t, { ...other, remaining: 50, idempotencyKey: "fix_1" })).rejects.toMatchObject(
        refusedAs("idempotency_conflict"),
      );
    }
  });

  test("with the key of a use is a conflict", async () => {
    const t = await begun();
    await t.mutation((ctx) =>
      tally.track(ctx, { customerId, featureId: "messages", value: 100, idempotencyKey: "fix_1" }),
    );
    await expect(set(t, { usage: 100, idempotencyKey: "fix_1" })).rejects.toMatchObject(
      refusedAs("idempotency_conflict"),
    );
  });

  test("in a mutation that throws has set nothing", async () => {
    const t = await begun();
    const before = await stored(t);
    const failing = t.mutation(async (ctx) => {
      await tally.grants.set(ctx, { customerId, featureId: "messages", remaining: 100 });
      throw new Error("after the setting");
    });
    await expect(failing).rejects.toThrow("after the setting");
    expect(await stored(t)).toEqual(before);
  });

  test.each([
    ["nothing", {}],
    ["two things", { remaining: 100, usage: 400 }],
    ["three things", { remaining: 100, usage: 400, granted: 500 }],
  ])("to %s is refused", async (_, target) => {
    const t = await begun();
    await expect(set(t, target)).rejects.toMatchObject(refusedAs("invalid_argument"));
  });

  test.each(["remaining", "usage", "granted"])("refuses what is no amount for %s", async (target) => {
    const t = await begun();
    for (const wrong of [NaN, Infinity, -0, 1e-10, 1e16]) {
      await expect(set(t, { [target]: wrong })).rejects.toMatchObject(refusedAs("invalid_amount"));
    }
  });

  test("of a feature that is not granted is refused, and writes nothing", async () => {
    const t = await begun();
    const before = await stored(t);
    await expect(set(t, { featureId: "videos", remaining: 5 })).rejects.toMatchObject(
      refusedAs("invalid_argument"),
    );
    expect(await stored(t)).toEqual(before);
  });

  test("of a feature that is only had is refused", async () => {
    const t = await begun();
    await granted(t, { featureId: "search" });
    await expect(set(t, { featureId: "search", remaining: 5 })).rejects.toMatchObject(
      refusedAs("invalid_argument"),
    );
  });

  test("of a feature that the catalog does not have is refused", async () => {
    const t = await begun();
    await expect(set(t, { featureId: "massages", remaining: 5 })).rejects.toMatchObject(
      refusedAs("feature_not_found"),
    );
  });

  test.each([{ remaining: 5 }, { granted: 5 }])("that is unlimited is refused: %o", async (target) => {
    const t = await begun();
    const grantId = await granted(t, { unlimited: true });
    await expect(set(t, { grantId, ...target })).rejects.toMatchObject(refusedAs("invalid_argument"));
  });

  test("that is unlimited sets what is counted as used", async () => {
    const t = await begun();
    const grantId = await granted(t, { unlimited: true });
    await track(t, 5_000);
    await set(t, { grantId, usage: 40 });
    expect(await check(t)).toMatchObject({ unlimited: true, usage: 40 });
  });

  test("in a grant that is not there is refused", async () => {
    const t = await begun();
    const ofImages = await planGrant(t, "images");
    for (const grantId of ["g999", ofImages]) {
      await expect(set(t, { grantId, remaining: 5 })).rejects.toMatchObject(refusedAs("invalid_argument"));
    }
  });

  test("of a customer who has not begun is refused, and begins nobody", async () => {
    const t = await begun();
    const before = await stored(t);
    await expect(set(t, { customerId: "user_2", remaining: 5 })).rejects.toMatchObject(
      refusedAs("customer_not_found"),
    );
    expect(await stored(t)).toEqual(before);
  });

  test("is seen by whoever waits for it: ten at the same time end with one of the ten", async () => {
    const t = await begun();
    const ten = Array.from({ length: 10 }, (_, index) => set(t, { remaining: 100 + index }));
    await Promise.all(ten);
    const { page } = await t.query((ctx) => tally.events.list(ctx, { customerId, featureId: "messages" }));
    expect(page).toHaveLength(10);
    const lost = page.flatMap(({ draws }) => draws).reduce((sum, { amount }) => sum + amount, 0);
    expect(lost).toBe(500 - (await balance(t)).remaining);
  });
});

describe("a grant that is revoked", () => {
  test("takes what is left of it along", async () => {
    const t = await begun();
    const gift = await granted(t, { amount: 100 });
    expect(await revoke(t, { grantId: gift })).toMatchObject({
      replayed: false,
      balance: { granted: 500, usage: 0, remaining: 500 },
    });
    expect(await balance(t)).toEqual({ granted: 500, usage: 0, remaining: 500 });
  });

  test("leaves what was used of it used", async () => {
    const t = await begun();
    const gift = await granted(t, { amount: 100 });
    await track(t, 530);
    await revoke(t, { grantId: gift });
    expect(await balance(t)).toEqual({ granted: 500, usage: 500, remaining: 0 });
  });

  test("is on record with what was lost, by whom and why", async () => {
    const t = await begun();
    const gift = await granted(t, { amount: 100 });
    await track(t, 530);
    await revoke(t, { grantId: gift, reason: "Charged back", actor: "finance" });
    expect(await latest(t)).toMatchObject({
      kind: "expire",
      featureId: "messages",
      value: 0,
      draws: [{ grantId: gift, amount: 70, units: 70 }],
      remaining: 0,
      reason: "Charged back",
      actor: "finance",
    });
  });

  test("of a plan does not come back with the next period", async () => {
    const t = await begun();
    await revoke(t, { grantId: await planGrant(t) });
    vi.setSystemTime(FEBRUARY);
    expect(await check(t)).toMatchObject({ allowed: false, reason: "not_included", granted: 0 });
  });

  test("takes its rollovers along", async () => {
    const t = await begun();
    vi.setSystemTime(FEBRUARY);
    expect(await each(t, "images")).toEqual([
      [40, 0],
      [100, 0],
      [1_000, 0],
    ]);
    await revoke(t, { featureId: "images", grantId: await planGrant(t, "images") });
    expect(await each(t, "images")).toEqual([[1_000, 0]]);
    expect((await latest(t))?.draws.map(({ amount }) => amount).sort((a, b) => a - b)).toEqual([40, 100]);
  });

  test("may be a rollover alone", async () => {
    const t = await begun();
    vi.setSystemTime(FEBRUARY);
    const [rollover] = (await check(t, "images")).breakdown;
    await revoke(t, { featureId: "images", grantId: rollover?.grantId ?? "" });
    expect(await each(t, "images")).toEqual([
      [100, 0],
      [1_000, 0],
    ]);
    vi.setSystemTime(MARCH);
    expect((await each(t, "images"))[0]).toEqual([40, 0]);
  });

  test("makes limited again what it made unlimited", async () => {
    const t = await begun();
    const endless = await granted(t, { unlimited: true });
    await track(t, 5_000);
    await revoke(t, { grantId: endless });
    expect(await check(t)).toMatchObject({ unlimited: false, usage: 0, remaining: 500 });
  });

  test("has no amount to lose if it was unlimited", async () => {
    const t = await begun();
    const endless = await granted(t, { unlimited: true });
    await track(t, 5_000);
    await revoke(t, { grantId: endless });
    expect(await latest(t)).toMatchObject({ kind: "expire", draws: [] });
  });

  test("takes away what was only had", async () => {
    const t = await begun();
    const grantId = await granted(t, { featureId: "search" });
    expect(await check(t, "search")).toMatchObject({ allowed: true });
    await revoke(t, { featureId: "search", grantId });
    expect(await check(t, "search")).toMatchObject({ allowed: false });
  });

  test("may not have begun", async () => {
    const t = await begun();
    const grantId = await granted(t, { amount: 100, startsAt: FEBRUARY });
    await revoke(t, { grantId });
    vi.setSystemTime(FEBRUARY);
    expect(await balance(t)).toEqual({ granted: 500, usage: 0, remaining: 500 });
  });

  test("closes its period, and what is owed is charged", async () => {
    const t = await begun();
    await t.mutation((ctx) => tally.subscriptions.attach(ctx, { customerId, planId: "metered" }));
    await track(t, 12, "videos");
    const [part] = (await check(t, "videos")).breakdown;
    await revoke(t, { featureId: "videos", grantId: part?.grantId ?? "" });
    expect((await stored(t)).charges).toMatchObject([
      { customerId, featureId: "videos", overage: 7, amount: 14, to: START },
    ]);
  });

  test("may be an entity's", async () => {
    const t = await begun();
    await t.mutation((ctx) =>
      tally.entities.create(ctx, { customerId, entityId: "ada", featureId: "seats" }),
    );
    const grantId = await granted(t, { amount: 50, entityId: "ada" });
    await expect(revoke(t, { grantId })).rejects.toMatchObject(refusedAs("invalid_argument"));
    await revoke(t, { grantId, entityId: "ada" });
    expect((await check(t, "messages", "ada")).remaining).toBe(500);
  });

  test("cannot be revoked again", async () => {
    const t = await begun();
    const gift = await granted(t, { amount: 100 });
    await revoke(t, { grantId: gift });
    const before = await stored(t);
    await expect(revoke(t, { grantId: gift })).rejects.toMatchObject(refusedAs("invalid_argument"));
    expect(await stored(t)).toEqual(before);
  });

  test("with a key is revoked once, and says so again", async () => {
    const t = await begun();
    const gift = await granted(t, { amount: 100 });
    const first = await revoke(t, { grantId: gift, idempotencyKey: "fix_1" });
    expect(await revoke(t, { grantId: gift, idempotencyKey: "fix_1" })).toEqual({
      eventId: first.eventId,
      replayed: true,
      balance: null,
    });
  });

  test("with a key that has revoked another is a conflict, and stays", async () => {
    const t = await begun();
    const gift = await granted(t, { amount: 100 });
    await revoke(t, { grantId: gift, idempotencyKey: "fix_1" });
    await expect(revoke(t, { grantId: await planGrant(t), idempotencyKey: "fix_1" })).rejects.toMatchObject(
      refusedAs("idempotency_conflict"),
    );
    expect(await balance(t)).toEqual({ granted: 500, usage: 0, remaining: 500 });
  });

  test("is the feature's", async () => {
    const t = await begun();
    const ofImages = await planGrant(t, "images");
    for (const grantId of ["g999", ofImages]) {
      await expect(revoke(t, { grantId })).rejects.toMatchObject(refusedAs("invalid_argument"));
    }
  });

  test("is the customer's", async () => {
    const t = await begun();
    const gift = await granted(t, { amount: 100 });
    await t.mutation((ctx) => tally.customers.create(ctx, { customerId: "user_2" }));
    const before = await stored(t);
    await expect(revoke(t, { customerId: "user_2", grantId: gift })).rejects.toMatchObject(
      refusedAs("invalid_argument"),
    );
    await expect(revoke(t, { customerId: "user_3", grantId: gift })).rejects.toMatchObject(
      refusedAs("customer_not_found"),
    );
    expect(await stored(t)).toEqual(before);
  });

  test("in a mutation that throws is still there", async () => {
    const t = await begun();
    const gift = await granted(t, { amount: 100 });
    const failing = t.mutation(async (ctx) => {
      await tally.grants.revoke(ctx, { customerId, featureId: "messages", grantId: gift });
      throw new Error("after the revocation");
    });
    await expect(failing).rejects.toThrow("after the revocation");
    expect((await balance(t)).remaining).toBe(600);
  });
});

describe("the record of all that was done by hand", () => {
  test("adds up to what is left", async () => {
    const t = await begun();
    const gift = await granted(t, { amount: 100 });
    await track(t, 530);
    await set(t, { remaining: 320 });
    await set(t, { grantId: gift, granted: 180 });
    await set(t, { usage: 40 });
    await revoke(t, { grantId: gift });
    const { page } = await t.query((ctx) => tally.events.list(ctx, { customerId, featureId: "messages" }));
    const lost = page.flatMap(({ draws }) => draws).reduce((sum, { amount }) => sum + amount, 0);
    expect((await balance(t)).remaining).toBe(500 - lost);
  });
});
