/** Setting by hand what each of a customer's entities has by his plan. */
import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import { components } from "../../convex/_generated/api.js";
import { defineCatalog, Tally, type SetArgs } from "../../src/client/index.js";
import { deployment, type Deployment } from "./deployment.js";
import { registerInspected, stored } from "./stored.js";

const customerId = "user_1";
const JANUARY = Date.UTC(2026, 0, 10);
const FEBRUARY = Date.UTC(2026, 1, 10);

const tally = new Tally(components.tally, {
  catalog: defineCatalog({
    features: [
      { id: "messages", type: "metered" },
      { id: "seats", type: "metered", consumable: false },
    ],
    plans: [
      {
        id: "team",
        autoEnable: true,
        items: [
          {
            featureId: "messages",
            included: 100,
            reset: { interval: "month" },
            entityFeatureId: "seats",
            price: { amount: 1, interval: "month", billingMethod: "usage_based" },
          },
        ],
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

async function withSeats(): Promise<Deployment> {
  const t = deployment();
  registerInspected(t);
  for (const entityId of ["ada", "bob", "cyd"]) {
    await t.mutation((ctx) => tally.entities.create(ctx, { customerId, entityId, featureId: "seats" }));
  }
  return t;
}
const set = (t: Deployment, args: Omit<SetArgs, "customerId" | "featureId">) =>
  t.mutation((ctx) => tally.grants.set(ctx, { customerId, featureId: "messages", ...args }));
const use = (t: Deployment, entityId: string, value: number) =>
  t.mutation((ctx) => tally.track(ctx, { customerId, entityId, featureId: "messages", value }));
const check = (t: Deployment, entityId?: string) =>
  t.query((ctx) => tally.check(ctx, { customerId, entityId, featureId: "messages" }));
const leftOf = async (t: Deployment) =>
  Promise.all(["ada", "bob", "cyd"].map(async (entityId) => (await check(t, entityId)).remaining));

describe("what entities have by the plan, set without naming one", () => {
  test("is set in sum: taken from the first until it is empty, then from the next", async () => {
    const t = await withSeats();
    expect(await set(t, { remaining: 240 })).toMatchObject({ balance: { granted: 300, remaining: 240 } });
    expect(await leftOf(t)).toEqual([40, 100, 100]);
    await set(t, { remaining: 150 });
    expect(await leftOf(t)).toEqual([0, 50, 100]);
    await set(t, { remaining: 280 });
    expect(await check(t)).toMatchObject({ granted: 300, usage: 20, remaining: 280 });
  });

  test("is used in sum", async () => {
    const t = await withSeats();
    await set(t, { usage: 150 });
    expect(await leftOf(t)).toEqual([0, 50, 100]);
    expect(await check(t)).toMatchObject({ usage: 150, remaining: 150 });
  });

  test("is one entry in the record, with what each of them lost, and is done once with a key", async () => {
    const t = await withSeats();
    const first = await set(t, { usage: 150, idempotencyKey: "fix_1" });
    expect(await set(t, { usage: 150, idempotencyKey: "fix_1" })).toMatchObject({
      eventId: first.eventId,
      replayed: true,
    });
    const { page } = await t.query((ctx) => tally.events.list(ctx, { customerId, featureId: "messages" }));
    expect(page).toHaveLength(1);
    expect(page[0]).toMatchObject({
      kind: "adjust",
      value: 150,
      remaining: 150,
      draws: [{ amount: 100 }, { amount: 50 }],
    });
    expect(page[0]).not.toHaveProperty("entityId");
  });

  test("leaves the rows that do not change as they are stored", async () => {
    const t = await withSeats();
    await set(t, { usage: 150 });
    const before = await stored(t);
    vi.setSystemTime(JANUARY + 1000);
    await set(t, { usage: 160 });
    const untouched = ({ entityId }: { entityId?: string }) => entityId !== "bob";
    expect((await stored(t)).balances.filter(untouched)).toEqual(before.balances.filter(untouched));
  });

  test("charges what a period owed once, of the entities that are set as of those that are not", async () => {
    const t = await withSeats();
    await use(t, "ada", 130);
    await use(t, "bob", 110);
    vi.setSystemTime(FEBRUARY);
    await set(t, { usage: 10 });
    expect((await stored(t)).charges).toMatchObject([{ entityId: "ada", overage: 30 }]);
    await use(t, "bob", 1);
    await use(t, "ada", 1);
    expect((await stored(t)).charges.map(({ entityId, overage }) => [entityId, overage])).toEqual([
      ["ada", 30],
      ["bob", 10],
    ]);
  });

  test("names one grant wherever it is", async () => {
    const t = await withSeats();
    const [, bobs] = (await check(t)).breakdown;
    await set(t, { grantId: bobs?.grantId, remaining: 7 });
    expect(await leftOf(t)).toEqual([100, 7, 100]);
  });

  test("cannot be granted in sum, since it would not say whose: nothing is changed", async () => {
    const t = await withSeats();
    const before = await stored(t);
    await expect(set(t, { granted: 500 })).rejects.toMatchObject({
      data: { kind: "invalid_argument", message: expect.stringContaining("grantId") as string },
    });
    expect(await stored(t)).toEqual(before);
  });

  test("is one entity's alone where one is named", async () => {
    const t = await withSeats();
    await set(t, { entityId: "bob", remaining: 7 });
    expect(await leftOf(t)).toEqual([100, 7, 100]);
  });
});
