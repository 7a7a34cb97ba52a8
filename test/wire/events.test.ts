import fc from "fast-check";
import { describe, expect, test, vi } from "vitest";
import { aggregated, BINS, periodOf, periodsOf } from "../../src/wire/aggregates.js";
import { aggregate } from "../../src/wire/operations/events.js";
import { catalog } from "./app/catalog.js";
import { call, deploy, NOW, send, type Deployment } from "./deployment.js";

const ada = { customer_id: "ada" };
const HOUR = 60 * 60_000;
const DAY = 24 * HOUR;

async function use(t: Deployment, value: number, more: object = {}) {
  await call(t, "balances.track", { ...ada, feature_id: "messages", value, ...more });
}

describe("a list of events", () => {
  test("shows the latest first, with their properties and from what they were taken", async () => {
    const t = deploy();
    await use(t, 2, { properties: { model: "small" } });
    vi.setSystemTime(NOW + HOUR);
    await use(t, 3);
    const { list, next_cursor } = await call(t, "events.list", ada);
    expect(next_cursor).toBeNull();
    expect(list).toMatchObject([
      { value: 3, timestamp: NOW + HOUR, feature_id: "messages", customer_id: "ada", properties: {} },
      {
        value: 2,
        timestamp: NOW,
        properties: { model: "small" },
        deductions: [{ feature_id: "messages", plan_id: "free", value: 2 }],
      },
    ]);
  });

  test("is read by a cursor without gap or repeat, and by an offset", async () => {
    const t = deploy();
    for (let value = 1; value <= 5; value++) await use(t, value, { overage_behavior: "overflow" });
    await call(t, "balances.track", { ...ada, feature_id: "words", value: 9 });
    const seen: unknown[] = [];
    let start_cursor = "";
    do {
      const asked = { ...ada, feature_id: ["messages"], limit: 2, start_cursor };
      const page = await call(t, "events.list", asked);
      seen.push(...(page.list as { value: number }[]).map(({ value }) => value));
      start_cursor = (page.next_cursor ?? "") as string;
    } while (start_cursor !== "");
    expect(seen).toEqual([5, 4, 3, 2, 1]);
    const legacy = { ...ada, feature_id: ["messages", "seats"], limit: 2, offset: 1 };
    expect(await call(t, "events/list", legacy, { version: "1.2" })).toMatchObject({
      list: [{ value: 4 }, { value: 3 }],
      has_more: true,
      offset: 1,
      limit: 2,
    });
  });

  test("keeps to a range and an entity, and says what it cannot do", async () => {
    const t = deploy();
    await use(t, 1);
    vi.setSystemTime(NOW + DAY);
    await use(t, 2);
    vi.setSystemTime(NOW + 2 * DAY);
    await use(t, 3);
    const custom_range = { start: NOW + 1, end: NOW + 2 * DAY };
    expect(await call(t, "events.list", { ...ada, custom_range })).toMatchObject({ list: [{ value: 2 }] });
    expect(await call(t, "events.list", { ...ada, entity_id: "none" })).toMatchObject({ list: [] });
    expect(await send(t, "events.list", {})).toMatchObject({ status: 400, body: { code: "not_supported" } });
    expect(await send(t, "events.list", { ...ada, feature_id: "nope" })).toMatchObject({ status: 404 });
    expect(await send(t, "events.list", { ...ada, start_cursor: "made up" })).toMatchObject({
      status: 400,
      body: { code: "invalid_inputs" },
    });
  });
});

describe("an aggregate", () => {
  test("sums by period, and counts", async () => {
    const t = deploy();
    await use(t, 0.1);
    await use(t, 0.2);
    vi.setSystemTime(NOW + DAY);
    await use(t, 4);
    const asked = { ...ada, feature_id: "messages", range: "7d" };
    const answer = await call(t, "events.aggregate", asked);
    const list = answer.list as { period: number; values: Record<string, number> }[];
    expect(list.slice(-2)).toEqual([
      { period: Date.UTC(2026, 2, 14), values: { messages: 0.3 }, grouped_values: null },
      { period: Date.UTC(2026, 2, 15), values: { messages: 4 }, grouped_values: null },
    ]);
    expect(list).toHaveLength(8);
    expect(answer).toMatchObject({ total: { messages: { count: 3, sum: 4.3 } }, truncated: false });
    const flat = await call(t, "query", asked, { version: "1.2" });
    expect((flat.list as unknown[]).at(-1)).toEqual({ period: Date.UTC(2026, 2, 15), messages: 4 });
  });

  test("groups by a property, the smallest groups together, and filters by another", async () => {
    const t = deploy();
    for (const [model, value] of Object.entries({ a: 1, b: 3, c: 2, d: 1 })) {
      await use(t, value, { properties: { model, region: model === "d" ? "eu" : "us" } });
    }
    const grouping = { group_by: "properties.model", filter_by: { region: "us" }, max_groups: 2 };
    const asked = { ...ada, feature_id: "messages", range: "24h", bin_size: "month", ...grouping };
    expect(await call(t, "events.aggregate", asked)).toMatchObject({
      list: [{ values: { messages: 6 }, grouped_values: { messages: { b: 3, c: 2, Other: 1 } } }],
      total: { messages: { count: 3, sum: 6 } },
    });
  });

  test("counts what was deducted, if that is asked for", async () => {
    const t = deploy();
    await use(t, 14);
    const asked = { ...ada, feature_id: "messages", range: "24h", bin_size: "day" };
    const total = (sum: number) => ({ total: { messages: { count: 1, sum } } });
    expect(await call(t, "events.aggregate", asked)).toMatchObject(total(14));
    expect(await call(t, "events.aggregate", { ...asked, aggregate_on: "deducted" })).toMatchObject(
      total(10),
    );
  });

  test("knows billing cycles by the plan that is paid", async () => {
    const t = deploy();
    await t.mutation(async (ctx) => {
      const { tally } = await import("./app/billing.js");
      await tally.subscriptions.attach(ctx, { customerId: "ada", planId: "pro" });
    });
    await use(t, 1);
    vi.setSystemTime(NOW + 40 * DAY);
    await use(t, 2);
    const sum = async (range: string) => {
      const answer = await call(t, "events.aggregate", {
        ...ada,
        feature_id: "messages",
        range,
        bin_size: "day",
      });
      return (answer.total as Record<string, { sum: number }>).messages?.sum;
    };
    expect([await sum("1bc"), await sum("last_cycle"), await sum("3bc")]).toEqual([2, 1, 3]);
  });

  test("reads at most 10,000 rows, and says that there were more", async () => {
    vi.useFakeTimers({ now: NOW });
    const event = { kind: "usage", featureId: "messages", customerId: "ada", value: 1, draws: [] };
    let read = 0;
    const list = (_ctx: unknown, { limit }: { limit: number }) => {
      read += limit;
      const page = Array.from({ length: limit }, () => ({ ...event, createdAt: NOW }));
      return Promise.resolve({ page, cursor: "more" });
    };
    const endless = { tally: { catalog, events: { list } } } as unknown as Parameters<
      typeof aggregate.run
    >[0];
    const answer = await aggregate.answer(
      { ...endless, version: "current" },
      { ...ada, feature_id: "messages", range: "24h" },
    );
    expect(answer).toMatchObject({
      truncated: true,
      scanned: 10_000,
      total: { messages: { count: 10_000 } },
    });
    expect(read).toBe(10_000);
  });

  test.each([
    ["a range that ends before it begins", { custom_range: { start: 5, end: 4 } }],
    ["more periods than a chart has pixels", { custom_range: { start: 0, end: NOW }, bin_size: "hour" }],
    ["a group by code", { group_by: "properties.__proto__.x" }],
    ["a bin that is none", { bin_size: "fortnight" }],
  ])("of %s is refused", async (_, more) => {
    const t = deploy();
    await use(t, 1);
    expect(await send(t, "events.aggregate", { ...ada, feature_id: "messages", ...more })).toMatchObject({
      status: 400,
      body: { code: "invalid_inputs" },
    });
  });
});

describe("periods", () => {
  const instant = fc.integer({ min: 0, max: Date.UTC(2100, 0, 1) });

  test("hold every instant once, and follow each other without a gap", () => {
    fc.assert(
      fc.property(
        instant,
        fc.constantFrom(...BINS),
        fc.integer({ min: 1, max: 60 * DAY }),
        (start, bin, length) => {
          const end = start + length;
          const periods = periodsOf({ start, end }, bin, 10_000) ?? [];
          expect(periods[0]).toBe(periodOf(start, bin));
          expect(periods.at(-1)).toBe(periodOf(end - 1, bin));
          expect(periods).toEqual([...new Set(periods)].sort((a, b) => a - b));
        },
      ),
    );
  });

  test("of a week begin on Mondays", () => {
    expect(new Date(periodOf(NOW, "week")).getUTCDay()).toBe(1);
    expect(periodOf(Date.UTC(2026, 2, 9), "week")).toBe(Date.UTC(2026, 2, 9));
  });

  test("without uses are there as well", () => {
    const { periods } = aggregated([], ["messages"], [0, DAY], "day", 9);
    expect(periods.map(({ values }) => values)).toEqual([{ messages: 0 }, { messages: 0 }]);
  });
});
