/** Grants that come anew: counted from when they start, or from another instant. */
import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import { components } from "../../convex/_generated/api.js";
import { defineCatalog, Tally, type GrantArgs } from "../../src/client/index.js";
import { deployment, type Deployment } from "./deployment.js";
import { registerInspected, stored } from "./stored.js";

const customerId = "user_1";
const FEBRUARY_10 = Date.UTC(2026, 1, 10, 12);
const DAY_MS = 24 * 60 * 60 * 1000;

const tally = new Tally(components.tally, {
  catalog: defineCatalog({ features: [{ id: "messages", type: "metered" }], plans: [] }),
  identify: () => Promise.resolve(null),
});

beforeEach(() => {
  vi.useFakeTimers();
  vi.setSystemTime(FEBRUARY_10);
});
afterEach(() => {
  vi.useRealTimers();
});

const give = (t: Deployment, args: Omit<GrantArgs, "customerId" | "featureId" | "amount">) =>
  t.mutation((ctx) => tally.grants.grant(ctx, { customerId, featureId: "messages", amount: 100, ...args }));
const use = (t: Deployment, value: number) =>
  t.mutation((ctx) => tally.track(ctx, { customerId, featureId: "messages", value }));
const check = (t: Deployment) => t.query((ctx) => tally.check(ctx, { customerId, featureId: "messages" }));

/** The instants at which the next resets come. */
async function resets(t: Deployment, times: number): Promise<string[]> {
  const instants: string[] = [];
  for (let time = 0; time < times; time++) {
    const { nextResetAt } = await check(t);
    instants.push(new Date(nextResetAt ?? 0).toISOString().slice(0, 16));
    vi.setSystemTime(nextResetAt ?? 0);
  }
  return instants;
}

describe("a grant that comes anew each month", () => {
  test("does so from when it starts, unless told", async () => {
    const t = deployment();
    await give(t, { reset: { interval: "month" } });
    expect(await resets(t, 2)).toEqual(["2026-03-10T12:00", "2026-04-10T12:00"]);
  });

  test("does so from an instant that is past: on the 31st, or the last day", async () => {
    const t = deployment();
    await give(t, { reset: { interval: "month", anchor: Date.UTC(2025, 11, 31, 8) } });
    expect(await resets(t, 3)).toEqual(["2026-02-28T08:00", "2026-03-31T08:00", "2026-04-30T08:00"]);
  });

  test("does so from a leap day that is past", async () => {
    const t = deployment();
    await give(t, { reset: { interval: "year", anchor: Date.UTC(2024, 1, 29) } });
    expect(await resets(t, 3)).toEqual(["2026-02-28T00:00", "2027-02-28T00:00", "2028-02-29T00:00"]);
  });

  test("does so from an instant that is to come, and before it as if it had been", async () => {
    const t = deployment();
    await give(t, { reset: { interval: "month", anchor: Date.UTC(2026, 7, 20) } });
    expect(await resets(t, 2)).toEqual(["2026-02-20T00:00", "2026-03-20T00:00"]);
  });

  test("does so from that very instant: a boundary belongs to the period that it opens", async () => {
    const t = deployment();
    await give(t, { reset: { interval: "month", anchor: FEBRUARY_10 } });
    expect(await resets(t, 1)).toEqual(["2026-03-10T12:00"]);
  });

  test("is full from its start, and again at the first boundary, however soon", async () => {
    const t = deployment();
    const anchor = FEBRUARY_10 - 7 * DAY_MS + 1000;
    await give(t, { reset: { interval: "week", anchor } });
    await use(t, 100);
    vi.setSystemTime(FEBRUARY_10 + 999);
    expect(await check(t)).toMatchObject({ remaining: 0 });
    vi.setSystemTime(FEBRUARY_10 + 1000);
    expect(await check(t)).toMatchObject({ remaining: 100 });
  });

  test("that starts later has its boundaries from the anchor, the first after its start", async () => {
    const t = deployment();
    const startsAt = Date.UTC(2026, 1, 25);
    await give(t, { startsAt, reset: { interval: "month", intervalCount: 2, anchor: Date.UTC(2026, 0, 5) } });
    expect(await check(t)).toMatchObject({ allowed: false });
    vi.setSystemTime(startsAt);
    expect(await resets(t, 2)).toEqual(["2026-03-05T00:00", "2026-05-05T00:00"]);
  });

  test("merges into one with the same anchor, and into no other", async () => {
    const t = deployment();
    const anchor = Date.UTC(2026, 0, 1);
    const { grantId } = await give(t, { reset: { interval: "month", anchor } });
    vi.setSystemTime(FEBRUARY_10 + DAY_MS);
    expect(await give(t, { reset: { interval: "month", anchor } })).toMatchObject({ grantId });
    const other = await give(t, { reset: { interval: "month", anchor: anchor + 1 } });
    expect(other.grantId).not.toBe(grantId);
  });
});

describe("an anchor", () => {
  test.each([NaN, Infinity, -1, 1e308, "2026-01-01", new Date(), null, Date.UTC(10_000, 0, 1)])(
    "is no %s: nobody begins",
    async (anchor) => {
      const t = deployment();
      registerInspected(t);
      const reset = { interval: "month", anchor } as unknown as GrantArgs["reset"];
      await expect(give(t, { reset })).rejects.toMatchObject({
        data: { kind: "invalid_argument", message: expect.stringContaining("reset.anchor") as string },
      });
      expect((await stored(t)).customers).toEqual([]);
    },
  );

  test.each([
    ["minute", 0],
    ["minute", Date.UTC(9998, 11, 31)],
    ["year", 0],
    ["year", Date.UTC(9998, 11, 31)],
  ] as const)("may be at the ends of time, for each %s", async (interval, anchor) => {
    const t = deployment();
    await give(t, { reset: { interval, anchor } });
    const { nextResetAt } = await check(t);
    expect(nextResetAt).toBeGreaterThan(FEBRUARY_10);
    expect(nextResetAt).toBeLessThanOrEqual(FEBRUARY_10 + 366 * DAY_MS);
  });
});
