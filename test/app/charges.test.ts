/** What usage beyond the granted costs: as a preview while its period goes on, and fixed once it has closed. */
import { convexTest } from "convex-test";
import type { GenericMutationCtx, GenericDataModel } from "convex/server";
import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import { components } from "../../convex/_generated/api.js";
import schema from "../../convex/schema.js";
import { defineCatalog, Tally } from "../../src/client/index.js";
import { registerInspected, stored, sweep } from "./stored.js";

const month = "month";
const tally = new Tally(components.tally, {
  catalog: defineCatalog({
    features: [
      { id: "calls", type: "metered" },
      { id: "tokens", type: "metered" },
      { id: "messages", type: "metered" },
      { id: "seats", type: "metered", consumable: false },
    ],
    plans: [
      {
        id: "metered",
        items: [
          {
            featureId: "calls",
            included: 100,
            price: { amount: 0.1, interval: month, billingMethod: "usage_based" },
          },
          {
            featureId: "tokens",
            included: 0,
            price: {
              tiers: [
                { to: 10, amount: 1 },
                { to: "inf", amount: 0.5 },
              ],
              tierBehavior: "graduated",
              interval: month,
              billingMethod: "usage_based",
            },
          },
          { featureId: "messages", included: 5, reset: { interval: month } },
        ],
      },
      {
        id: "per-seat",
        items: [
          {
            featureId: "calls",
            included: 10,
            entityFeatureId: "seats",
            price: { amount: 1, interval: month, billingMethod: "usage_based" },
          },
        ],
      },
    ],
  }),
  identify: () => Promise.resolve(null),
});

const customerId = "user_1";
const me = { customerId };
const at = (date: string) => Date.parse(`${date}T09:30:00Z`);
const modules = import.meta.glob("../../convex/**/*.ts");

beforeEach(() => {
  vi.useFakeTimers();
  vi.setSystemTime(at("2026-01-31"));
});
afterEach(() => {
  vi.useRealTimers();
});

type Context = GenericMutationCtx<GenericDataModel>;

async function deployed(planId: "metered" | "per-seat" = "metered") {
  const t = convexTest({ schema, modules, transactionLimits: true });
  registerInspected(t);
  const run = <Result>(operation: (ctx: Context) => Promise<Result>) =>
    t.mutation((ctx) => operation(ctx as unknown as Context));
  await run((ctx) => tally.subscriptions.attach(ctx, { customerId, planId }));
  return {
    t,
    run,
    use: (value: number, featureId: "calls" | "tokens" = "calls") =>
      run((ctx) => tally.track(ctx, { customerId, featureId, value })),
    preview: (args: object = {}) => t.query((ctx) => tally.charges.preview(ctx, { ...me, ...args })),
    list: (args: object = {}) => t.query((ctx) => tally.charges.list(ctx, { ...me, ...args })),
  };
}
type Deployed = Awaited<ReturnType<typeof deployed>>;

const owing = async ({ preview }: Deployed) => (await preview()).page.filter(({ amount }) => amount > 0);

describe("a preview", () => {
  test("shows each usage-based period so far, and what it owes", async () => {
    const app = await deployed();
    await app.use(103);
    await app.use(12, "tokens");
    expect(await app.preview()).toEqual({
      page: [
        {
          grantId: expect.any(String) as string,
          source: expect.any(String) as string,
          planId: "metered",
          featureId: "calls",
          from: at("2026-01-31"),
          to: at("2026-02-28"),
          granted: 100,
          overage: 3,
          amount: 0.3,
          open: true,
        },
        expect.objectContaining({ featureId: "tokens", overage: 12, amount: 11, open: true }),
      ],
      total: 11.3,
      cursor: null,
    });
  });

  test("owes nothing while nothing is used beyond what is granted", async () => {
    const app = await deployed();
    await app.use(100);
    expect(await app.preview()).toMatchObject({ page: [{ overage: 0, amount: 0 }, { amount: 0 }], total: 0 });
  });

  test("is empty of a customer who has never begun", async () => {
    const { t } = await deployed();
    const nobody = t.query((ctx) => tally.charges.preview(ctx, { customerId: "nobody" }));
    expect(await nobody).toEqual({ page: [], total: 0, cursor: null });
  });

  test("counts in a period that is over and that nothing has written yet", async () => {
    const app = await deployed();
    await app.use(130);
    vi.setSystemTime(at("2026-03-05"));
    expect(await app.preview()).toMatchObject({
      page: [
        { featureId: "calls", to: at("2026-02-28"), overage: 30, amount: 3, open: false },
        { featureId: "calls", from: at("2026-02-28"), to: at("2026-03-31"), overage: 0, open: true },
        { featureId: "tokens", overage: 0, open: true },
      ],
      total: 3,
    });
    expect(await app.list()).toEqual({ page: [], cursor: null });
  });

  test("and the charges are together what is owed, whether or not the sweep has run", async () => {
    const app = await deployed();
    await app.use(130);
    vi.setSystemTime(at("2026-02-28"));
    await app.use(105);
    const owed = async () => {
      const [{ total }, { page }] = [await app.preview(), await app.list()];
      return { total, fixed: page.map(({ amount }) => amount) };
    };
    expect(await owed()).toEqual({ total: 0.5, fixed: [3] });
    vi.setSystemTime(at("2026-04-02"));
    expect(await owed()).toEqual({ total: 0.5, fixed: [3] });
    await sweep(app.t);
    expect(await owed()).toEqual({ total: 0, fixed: [0.5, 3] });
  });

  test("shows nothing of a plan that has ended: that is a charge", async () => {
    const app = await deployed();
    await app.use(110);
    vi.setSystemTime(at("2026-02-10"));
    await app.run((ctx) => tally.subscriptions.cancel(ctx, { ...me, planId: "metered", when: "now" }));
    expect(await app.preview()).toEqual({ page: [], total: 0, cursor: null });
    expect((await app.list()).page).toMatchObject([
      { from: at("2026-01-31"), to: at("2026-02-10"), overage: 10, amount: 1, planId: "metered" },
    ]);
  });

  test("counts what is held as used, until it is settled at less", async () => {
    const app = await deployed();
    const hold = { ...me, reservationId: "hold" };
    await app.run(async (ctx) => {
      await tally.reservations.reserve(ctx, { ...hold, featureId: "calls", value: 130 });
    });
    expect(await owing(app)).toMatchObject([{ overage: 30, amount: 3 }]);
    await app.run((ctx) => tally.reservations.confirm(ctx, { ...hold, value: 101 }));
    expect(await owing(app)).toMatchObject([{ overage: 1, amount: 0.1 }]);
  });

  test("falls by what is refunded", async () => {
    const app = await deployed();
    await app.use(100);
    const { eventId } = await app.use(30);
    await app.run((ctx) => tally.refund(ctx, { ...me, eventId, value: 20 }));
    expect(await owing(app)).toMatchObject([{ overage: 10, amount: 1 }]);
  });

  test("is whole, page after page, and each page totals its own", async () => {
    const app = await deployed();
    await app.use(103);
    await app.use(12, "tokens");
    // Limits count balances: calls, messages (which owes nothing) and tokens.
    const first = await app.preview({ limit: 2 });
    expect(first).toMatchObject({ page: [{ featureId: "calls" }], total: 0.3 });
    const second = await app.preview({ limit: 2, cursor: first.cursor });
    expect(second).toMatchObject({ page: [{ featureId: "tokens" }], total: 11, cursor: null });
  });

  test("of one entity shows its own periods, and of the customer all", async () => {
    const app = await deployed("per-seat");
    for (const entityId of ["seat_1", "seat_2"]) {
      await app.run((ctx) => tally.entities.create(ctx, { ...me, entityId, featureId: "seats" }));
    }
    const use = { ...me, featureId: "calls", value: 13 } as const;
    await app.run((ctx) => tally.track(ctx, { ...use, entityId: "seat_1" }));
    await app.run((ctx) => tally.track(ctx, { ...use, value: 15, entityId: "seat_2" }));
    const [one, two] = [
      { entityId: "seat_1", overage: 3, amount: 3 },
      { entityId: "seat_2", overage: 5, amount: 5 },
    ];
    expect(await app.preview()).toMatchObject({ page: [one, two], total: 8 });
    expect(await app.preview({ entityId: "seat_2" })).toMatchObject({ page: [two], total: 5 });
    await expect(app.preview({ entityId: "seat_3" })).rejects.toMatchObject({
      data: { kind: "entity_not_found" },
    });
  });
});

describe("the charges of a customer", () => {
  test("are listed by page, the latest period first", async () => {
    const app = await deployed();
    await app.use(101);
    vi.setSystemTime(at("2026-02-28"));
    await app.use(102);
    vi.setSystemTime(at("2026-03-31"));
    await sweep(app.t);
    const first = await app.list({ limit: 1 });
    expect(first.page).toMatchObject([
      {
        chargeId: expect.any(String) as string,
        createdAt: at("2026-03-31"),
        featureId: "calls",
        planId: "metered",
        from: at("2026-02-28"),
        to: at("2026-03-31"),
        overage: 2,
        amount: 0.2,
        status: "open",
      },
    ]);
    const second = await app.list({ limit: 1, cursor: first.cursor });
    expect(second).toMatchObject({ page: [{ to: at("2026-02-28"), amount: 0.1 }], cursor: null });
  });

  test("fall by what is refunded at the terms of their period, whatever is granted since", async () => {
    const app = await deployed();
    const { eventId } = await app.use(12, "tokens");
    vi.setSystemTime(at("2026-02-28"));
    await app.run((ctx) => tally.grants.set(ctx, { ...me, featureId: "tokens", granted: 20 }));
    expect((await app.list()).page).toMatchObject([{ granted: 0, overage: 12, amount: 11 }]);
    await app.run((ctx) => tally.refund(ctx, { ...me, eventId, value: 2 }));
    expect((await app.list()).page).toMatchObject([{ granted: 0, overage: 10, amount: 10 }]);
  });

  test("are nobody else's", async () => {
    const app = await deployed();
    await app.use(130);
    vi.setSystemTime(at("2026-02-28"));
    await sweep(app.t);
    const other = app.t.query((ctx) => tally.charges.list(ctx, { customerId: "user_10" }));
    expect((await other).page).toEqual([]);
    expect((await app.list()).page).toHaveLength(1);
  });

  test("are one for each grant and period, though sweeps and uses come doubled and at once", async () => {
    const app = await deployed();
    await app.use(130);
    await app.use(4, "tokens");
    vi.setSystemTime(at("2026-02-28"));
    const atOnce = [sweep(app.t), app.use(1), sweep(app.t), app.use(1), app.use(2, "tokens"), sweep(app.t)];
    await Promise.all(atOnce);
    await sweep(app.t);
    vi.setSystemTime(at("2026-03-31"));
    await Promise.all([sweep(app.t), sweep(app.t), app.use(1, "tokens")]);
    const { charges } = await stored(app.t);
    const named = charges.map(({ featureId, to, overage }) => ({ featureId, to, overage }));
    expect(named).toHaveLength(3);
    expect(named).toEqual(
      expect.arrayContaining([
        { featureId: "calls", to: at("2026-02-28"), overage: 30 },
        { featureId: "tokens", to: at("2026-02-28"), overage: 4 },
        { featureId: "tokens", to: at("2026-03-31"), overage: 2 },
      ]),
    );
    expect(new Set(charges.map(({ grantId, to }) => `${grantId} ${to}`)).size).toBe(3);
  });

  test("are one for each period, though the plan ends in the millisecond in which one begins", async () => {
    const app = await deployed();
    await app.use(130);
    vi.setSystemTime(at("2026-02-28"));
    await app.use(107);
    await app.run((ctx) => tally.subscriptions.cancel(ctx, { ...me, planId: "metered", when: "now" }));
    expect((await app.list()).page).toMatchObject([
      { from: at("2026-02-28"), to: at("2026-02-28") + 1, overage: 7 },
      { from: at("2026-01-31"), to: at("2026-02-28"), overage: 30 },
    ]);
  });
});

test("charges and previews refuse what they do not take", async () => {
  const app = await deployed();
  const refused = { data: { kind: "invalid_argument" } };
  await expect(app.list({ limit: 0 })).rejects.toMatchObject(refused);
  await expect(app.list({ cursor: "made up" })).rejects.toMatchObject(refused);
  await expect(app.list({ entityId: "seat_1" })).rejects.toMatchObject(refused);
  await expect(app.preview({ entityId: "" })).rejects.toMatchObject(refused);
  await expect(app.preview({ entity: "seat_1" })).rejects.toMatchObject(refused);
  await expect(app.preview({ customerId: "" })).rejects.toMatchObject(refused);
});
