import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import { components } from "../../convex/_generated/api.js";
import { defineCatalog, Tally, type AttachArgs, type ControlArgs } from "../../src/client/index.js";
import { deployment, type Deployment } from "./deployment.js";
import { registerInspected, stored } from "./stored.js";

const customerId = "user_1";
const JANUARY = Date.UTC(2026, 0, 10);
const FEBRUARY = Date.UTC(2026, 1, 10);
const MARCH = Date.UTC(2026, 2, 10);
const HOUR_MS = 3_600_000;
const DAY_MS = 24 * HOUR_MS;
const month = { interval: "month" } as const;

const daily = (limit: number) => ({
  usage_limits: [{ feature_id: "messages", limit, interval: "day", anchor: "utc" }] as const,
});

const tally = new Tally(components.tally, {
  catalog: defineCatalog({
    features: [
      { id: "messages", type: "metered" },
      { id: "images", type: "metered" },
      { id: "seats", type: "metered", consumable: false },
      {
        id: "credits",
        type: "credit_system",
        creditSchema: [{ meteredFeatureId: "images", creditCost: 2 }],
      },
    ],
    plans: [
      {
        id: "free",
        autoEnable: true,
        items: [{ featureId: "messages", included: 100, reset: month }],
        billingControls: daily(5),
      },
      {
        id: "pro",
        price: { amount: 20, interval: "month" },
        freeTrial: { durationLength: 14, durationType: "day" },
        items: [
          { featureId: "messages", included: 1_000, reset: month },
          { featureId: "credits", included: 500, reset: month },
        ],
        billingControls: {
          usage_limits: [
            { feature_id: "messages", limit: 20, interval: "day", anchor: "utc" },
            { feature_id: "images", limit: 50, interval: "month" },
          ],
        },
      },
      {
        id: "team",
        price: { amount: 50, interval: "month" },
        items: [
          { featureId: "messages", included: 2_000, reset: month },
          { featureId: "credits", included: 1_000, reset: month },
        ],
      },
      {
        id: "usage",
        group: "usage",
        items: [
          {
            featureId: "messages",
            included: 10,
            price: { amount: 1, interval: "month", billingMethod: "usage_based" },
          },
        ],
        billingControls: {
          spend_limits: [
            { feature_id: "messages", enabled: true, overage_limit: 50, limit_type: "usage_percentage" },
          ],
        },
      },
      {
        id: "careful",
        addOn: true,
        price: { amount: 1, interval: "month" },
        items: [],
        billingControls: {
          ...daily(3),
          overage_allowed: [{ feature_id: "messages", enabled: false }],
        },
      },
      {
        id: "seat",
        group: "seat",
        items: [{ featureId: "messages", included: 50, reset: month }],
        billingControls: daily(4),
      },
    ],
  }),
  identify: () => Promise.resolve(null),
});

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

type Of = { entityId?: string; featureId?: "messages" | "images" };

const attach = (t: Deployment, args: Omit<AttachArgs, "customerId">) =>
  t.mutation((ctx) => tally.subscriptions.attach(ctx, { customerId, ...args }));
const cancel = (t: Deployment, planId: string, when: "now" | "period_end" = "period_end") =>
  t.mutation((ctx) => tally.subscriptions.cancel(ctx, { customerId, planId, when }));
const resume = (t: Deployment, planId: string) =>
  t.mutation((ctx) => tally.subscriptions.resume(ctx, { customerId, planId }));
const set = (t: Deployment, controls: Partial<ControlArgs>) =>
  t.mutation((ctx) => tally.controls.set(ctx, { customerId, featureId: "messages", ...controls }));
const entity = (t: Deployment, entityId: string) =>
  t.mutation((ctx) => tally.entities.create(ctx, { customerId, entityId, featureId: "seats" }));
const use = (t: Deployment, value: number, { entityId, featureId = "messages" }: Of = {}) =>
  t.mutation(
    async (ctx) => (await tally.for(ctx, { customerId, entityId }).track({ featureId, value })).applied,
  );

/** The most that is allowed now. */
async function room(t: Deployment, { entityId, featureId = "messages" }: Of = {}): Promise<number> {
  const isAllowed = (requiredBalance: number) =>
    t.query(async (ctx) => {
      const verbs = tally.for(ctx, { customerId, entityId });
      return (await verbs.check({ featureId, requiredBalance })).allowed;
    });
  let [low, high] = [0, 100_000];
  while (low < high) {
    const middle = Math.ceil((low + high) / 2);
    if (await isAllowed(middle)) low = middle;
    else high = middle - 1;
  }
  return low;
}

const rowOf = async (t: Deployment, featureId: string) =>
  (await stored(t)).balances.find((row) => row.featureId === featureId);

describe("a plan's limit", () => {
  test("holds from the first use on, of a customer who has never written as well", async () => {
    const t = deployed();
    expect(await room(t)).toBe(5);
    expect(await use(t, 7)).toBe(5);
    expect(await room(t)).toBe(0);
    vi.setSystemTime(JANUARY + DAY_MS);
    expect(await room(t)).toBe(5);
  });

  test("is that of the plan that is there, and its count goes on", async () => {
    const t = deployed();
    await use(t, 5);
    await attach(t, { planId: "pro" });
    expect(await room(t)).toBe(15);
  });

  test("is gone with its plan, at once when that is", async () => {
    const t = deployed();
    await use(t, 5);
    await attach(t, { planId: "team" });
    expect(await room(t)).toBe(2_000);
  });

  test("goes with a plan that another follows at its period's end, though nothing runs then", async () => {
    const t = deployed();
    await attach(t, { planId: "pro" });
    await attach(t, { planId: "free", when: "period_end" });
    vi.setSystemTime(FEBRUARY - 1);
    expect(await room(t)).toBe(20);
    expect(await use(t, 30)).toBe(20);
    vi.setSystemTime(FEBRUARY);
    expect(await room(t)).toBe(5);
    vi.setSystemTime(MARCH + 5 * DAY_MS);
    expect(await use(t, 30)).toBe(5);
  });

  test("stays when the change is taken back", async () => {
    const t = deployed();
    await attach(t, { planId: "pro" });
    await cancel(t, "pro");
    await resume(t, "pro");
    vi.setSystemTime(FEBRUARY + DAY_MS);
    expect(await room(t)).toBe(20);
    expect((await rowOf(t, "messages"))?.controls?.plans).toHaveLength(1);
  });

  test("follows a cancellation at once, and what comes after", async () => {
    const t = deployed();
    await attach(t, { planId: "pro" });
    await use(t, 3);
    await cancel(t, "pro", "now");
    expect(await room(t)).toBe(2);
  });

  test("ends with the trial of its plan", async () => {
    const t = deployed();
    await attach(t, { planId: "pro", trial: true });
    vi.setSystemTime(JANUARY + 14 * DAY_MS - 1);
    expect(await room(t)).toBe(20);
    vi.setSystemTime(JANUARY + 14 * DAY_MS);
    expect(await room(t)).toBe(5);
  });

  test("is the strictest of several plans', and the others' once that is gone", async () => {
    const t = deployed();
    await attach(t, { planId: "pro" });
    await attach(t, { planId: "careful" });
    expect(await use(t, 9)).toBe(3);
    await cancel(t, "careful", "now");
    expect(await room(t)).toBe(17);
  });

  test("is not begun anew by going to a plan without one and coming back", async () => {
    const t = deployed();
    await use(t, 5);
    await attach(t, { planId: "team" });
    vi.setSystemTime(JANUARY + HOUR_MS);
    await attach(t, { planId: "free" });
    expect(await room(t)).toBe(0);
  });

  test("leaves nothing in a row once no plan has any", async () => {
    const t = deployed();
    await attach(t, { planId: "team" });
    const row = await rowOf(t, "messages");
    expect(row).toMatchObject({ featureId: "messages" });
    for (const field of ["limits", "overage", "controls"]) expect(row).not.toHaveProperty(field);
  });
});

describe("a customer's own limit", () => {
  const ownLimit = (max: number) => ({ usageLimits: [{ max, interval: "day", anchor: "utc" }] as const });

  test("hides the plan's, a looser one as well, and is hidden by nothing", async () => {
    const t = deployed();
    await set(t, ownLimit(30));
    expect(await room(t)).toBe(30);
    await attach(t, { planId: "careful" });
    expect(await room(t)).toBe(30);
  });

  test("outlives changes of plan", async () => {
    const t = deployed();
    await set(t, ownLimit(30));
    await use(t, 10);
    await attach(t, { planId: "free", when: "period_end" });
    await attach(t, { planId: "team" });
    expect(await room(t)).toBe(20);
    await cancel(t, "team");
    vi.setSystemTime(FEBRUARY + DAY_MS);
    expect(await room(t)).toBe(30);
  });

  test("that there is none hides the plan's, and null lets it hold again", async () => {
    const t = deployed();
    await use(t, 5);
    await set(t, { usageLimits: [] });
    expect(await room(t)).toBe(95);
    await set(t, { usageLimits: null });
    expect(await room(t)).toBeLessThanOrEqual(5);
    vi.setSystemTime(JANUARY + DAY_MS);
    expect(await room(t)).toBe(5);
  });

  test("that overage is allowed hides the plan's that it is not, and no other kind", async () => {
    const t = deployed();
    await attach(t, { planId: "team" });
    await attach(t, { planId: "careful" });
    await set(t, { usageLimits: [], overageAllowed: true, spendLimit: 7 });
    expect(await room(t)).toBe(2_007);
    await set(t, { overageAllowed: null });
    expect(await room(t)).toBe(2_000);
    await set(t, { usageLimits: null });
    expect(await room(t)).toBe(3);
  });
});

describe("a spend limit by percentage", () => {
  const dearer = async (t: Deployment) => {
    await attach(t, { planId: "team", when: "now" });
    vi.setSystemTime(JANUARY + HOUR_MS);
  };

  test("of the customer follows an upgrade", async () => {
    const t = deployed();
    await set(t, { usageLimits: [], overageAllowed: true, spendLimit: { percent: 50 } });
    expect(await room(t)).toBe(150);
    await dearer(t);
    expect(await room(t)).toBe(3_000);
  });

  test("of the customer follows a scheduled downgrade, though nothing runs then", async () => {
    const t = deployed();
    await set(t, { usageLimits: [], overageAllowed: true, spendLimit: { percent: 50 } });
    await dearer(t);
    await cancel(t, "team");
    vi.setSystemTime(FEBRUARY - 1);
    expect(await room(t)).toBe(3_000);
    vi.setSystemTime(FEBRUARY);
    expect(await room(t)).toBe(150);
  });

  test("of a plan counts what all main plans include, and no entity's limit hides it without saying so", async () => {
    const t = deployed();
    await attach(t, { planId: "team" });
    await attach(t, { planId: "usage" });
    expect(await room(t)).toBe(2_010 + 1_005);
    await entity(t, "ada");
    await set(t, { entityId: "ada", overageAllowed: true });
    expect(await room(t, { entityId: "ada" })).toBe(2_010 + 1_005);
    await set(t, { entityId: "ada", spendLimit: 9 });
    expect(await room(t, { entityId: "ada" })).toBe(2_010 + 9);
  });

  test("can be that there is none", async () => {
    const t = deployed();
    await attach(t, { planId: "team" });
    await attach(t, { planId: "usage" });
    await set(t, { spendLimit: "none" });
    expect(await room(t)).toBe(100_000);
  });
});

describe("an entity", () => {
  test("shares the count of the limit that it inherits", async () => {
    const t = deployed();
    await entity(t, "ada");
    await entity(t, "bob");
    expect(await use(t, 3, { entityId: "ada" })).toBe(3);
    expect(await room(t, { entityId: "bob" })).toBe(2);
    expect(await room(t)).toBe(2);
  });

  test("counts its own for itself", async () => {
    const t = deployed();
    await entity(t, "ada");
    await entity(t, "bob");
    await set(t, { entityId: "ada", usageLimits: [{ max: 8, interval: "day" }] });
    expect(await use(t, 9, { entityId: "ada" })).toBe(8);
    expect(await room(t, { entityId: "bob" })).toBe(5);
    await set(t, { entityId: "ada", usageLimits: null });
    expect(await room(t, { entityId: "ada" })).toBe(5);
  });

  test("with a plan of its own counts that plan's limit for itself, unless its customer's is stricter", async () => {
    const t = deployed();
    await entity(t, "ada");
    await attach(t, { planId: "seat", entityId: "ada" });
    expect(await use(t, 9, { entityId: "ada" })).toBe(4);
    expect(await room(t)).toBe(5);
    await attach(t, { planId: "careful" });
    vi.setSystemTime(JANUARY + DAY_MS);
    expect(await room(t, { entityId: "ada" })).toBe(3);
  });

  test("with a plan of its own has its customer's own limit before that plan's", async () => {
    const t = deployed();
    await entity(t, "ada");
    await attach(t, { planId: "seat", entityId: "ada" });
    await set(t, { usageLimits: [{ max: 40, interval: "day" }] });
    expect(await room(t, { entityId: "ada" })).toBe(40);
  });

  test("owes within its customer's spend limit, which spans what all owe, the customer's own included", async () => {
    const t = deployed();
    await attach(t, { planId: "team" });
    await set(t, { usageLimits: [], overageAllowed: true, spendLimit: 10 });
    await entity(t, "ada");
    await attach(t, { planId: "seat", entityId: "ada" });
    await use(t, 2_000);
    expect(await use(t, 56, { entityId: "ada" })).toBe(56);
    expect(await room(t)).toBe(4);
    expect(await room(t, { entityId: "ada" })).toBe(4);
  });
});

describe("a limit of a feature that credits pay for", () => {
  const ofImages = { featureId: "images" } as const;

  test("of a plan holds, though the plan grants none of it, and counts with the plan's periods", async () => {
    const t = deployed();
    vi.setSystemTime(JANUARY);
    await attach(t, { planId: "pro" });
    expect(await use(t, 60, ofImages)).toBe(50);
    vi.setSystemTime(Date.UTC(2026, 1, 1));
    expect(await room(t, ofImages)).toBe(0);
    vi.setSystemTime(FEBRUARY);
    expect(await room(t, ofImages)).toBe(50);
  });

  test("of the customer counts with the periods of the plan that grants the credits, then of the next", async () => {
    const t = deployed();
    await attach(t, { planId: "pro" });
    await set(t, { ...ofImages, usageLimits: [{ max: 30, interval: "month" }] });
    expect(await use(t, 60, ofImages)).toBe(30);
    vi.setSystemTime(FEBRUARY - 1);
    expect(await room(t, ofImages)).toBe(0);
    vi.setSystemTime(FEBRUARY);
    expect(await use(t, 20, ofImages)).toBe(20);
    const UPGRADE = FEBRUARY + 5 * DAY_MS;
    vi.setSystemTime(UPGRADE);
    await attach(t, { planId: "team" });
    expect(await use(t, 60, ofImages)).toBe(30);
    vi.setSystemTime(MARCH);
    expect(await room(t, ofImages)).toBe(0);
    vi.setSystemTime(MARCH + 5 * DAY_MS);
    expect(await room(t, ofImages)).toBe(30);
  });

  test("leaves with its plan, and its row is not begun where no plan says anything", async () => {
    const t = deployed();
    await attach(t, { planId: "team" });
    expect(await rowOf(t, "images")).toBeUndefined();
    vi.setSystemTime(JANUARY + HOUR_MS);
    await attach(t, { planId: "pro" });
    expect((await rowOf(t, "images"))?.limits).toMatchObject([{ max: 50 }]);
    vi.setSystemTime(JANUARY + 2 * HOUR_MS);
    await attach(t, { planId: "team" });
    expect(await room(t, ofImages)).toBe(500);
    expect(await rowOf(t, "images")).not.toHaveProperty("controls");
  });
});

test("what is set takes kinds, entities and no nonsense", async () => {
  const t = deployed();
  await expect(set(t, { spendLimit: "all" as "none" })).rejects.toMatchObject({
    data: { kind: "invalid_argument" },
  });
  await expect(set(t, { entityId: "nobody", usageLimits: [] })).rejects.toMatchObject({
    data: { kind: "entity_not_found" },
  });
});
