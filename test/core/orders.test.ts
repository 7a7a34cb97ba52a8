import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { defineCatalog, type ItemDefinition } from "../../src/client/index.js";
import {
  orderOf,
  paymentProblem,
  prorate,
  proratedTotal,
  recurringTotal,
  sellingProblems,
  takenBack,
  whenToChange,
} from "../../src/core/orders.js";
import type { Plan } from "../../src/core/terms.js";
import { refusal } from "./fixtures.js";

const APRIL = { start: Date.UTC(2026, 3, 1), end: Date.UTC(2026, 4, 1) };
const MIDDLE = Date.UTC(2026, 3, 16);
const month = { interval: "month" } as const;

function planOf(
  amount: number,
  items: ItemDefinition[] = [],
  interval: "month" | "year" | "one_off" = "month",
): Plan {
  const catalog = defineCatalog({
    features: [
      { id: "messages", type: "metered" },
      { id: "seats", type: "metered", consumable: false },
    ],
    plans: [{ id: "sold", price: amount > 0 ? { amount, interval } : null, items }],
  });
  return { ...catalog.plan("sold"), id: `sold at ${amount}` };
}
const seats = {
  featureId: "seats",
  included: 5,
  price: { amount: 10, billingMethod: "prepaid", interval: "month" },
} as const;
const order = (amount: number, items?: ItemDefinition[], quantities?: Record<string, number>) =>
  orderOf(planOf(amount, items), quantities, "usd");

describe("what a plan costs to begin with", () => {
  test("is its price", () => {
    expect(order(20)).toMatchObject({
      total: 2_000,
      every: { interval: "month", count: 1 },
      currency: "usd",
    });
  });

  test("and the units in advance beyond those that are included", () => {
    expect(order(20, [seats], { seats: 8 })).toMatchObject({
      total: 5_000,
      lines: [{ amount: 2_000 }, { featureId: "seats", units: 8, amount: 3_000 }],
    });
    expect(order(20, [seats], { seats: 5 })).toMatchObject({ total: 2_000 });
    expect(order(20, [seats])).toMatchObject({ total: 2_000 });
  });

  test("comes in whole packs", () => {
    const packs = { ...seats, included: 0, price: { ...seats.price, billingUnits: 10 } };
    expect(order(0, [packs], { seats: 11 })).toMatchObject({ total: 2_000, lines: [{ units: 20 }] });
  });

  test("is by its tiers", () => {
    const tiers = [
      { to: 6, amount: 0 },
      { to: 10, amount: 8 },
      { to: "inf", amount: 6 },
    ] as const;
    const tiered = { ...seats, price: { tiers, billingMethod: "prepaid", interval: "month" } } as const;
    expect(order(0, [tiered], { seats: 12 })).toMatchObject({ total: 4 * 800 + 2 * 600 });
  });

  test("is nothing of what is paid by use", () => {
    expect(
      order(0, [{ featureId: "messages", included: 0, price: { amount: 1, billingMethod: "usage_based" } }]),
    ).toMatchObject({ total: 0, lines: [], every: null });
  });

  test("is yen without a hundredth", () => {
    expect(orderOf(planOf(1_500), undefined, "jpy").total).toBe(1_500);
  });

  test("of different intervals is refused", () => {
    const yearly = { ...seats, price: { ...seats.price, interval: "year" } } as const;
    expect(refusal(() => order(20, [yearly], { seats: 6 })).kind).toBe("not_supported");
  });

  test("cannot be sold where a price cannot be charged", () => {
    expect(sellingProblems(planOf(19.999), "usd")).toHaveLength(1);
    expect(
      sellingProblems(planOf(20, [{ ...seats, price: { ...seats.price, amount: 0.001 } }]), "usd"),
    ).toHaveLength(1);
    expect(sellingProblems(planOf(9.99, [seats]), "jpy")).toHaveLength(1);
    expect(sellingProblems(planOf(9.99, [seats]), "usd")).toEqual([]);
  });
});

describe("a change", () => {
  test("from $20 to $50 at day 15 of 30 costs $15", () => {
    const lines = prorate(order(20), order(50), APRIL, MIDDLE);
    expect(lines.map(({ amount }) => amount)).toEqual([-1_000, 2_500]);
    expect(proratedTotal(lines)).toBe(1_500);
  });

  test("of units in advance costs those that are more", () => {
    const [from, to] = [order(20, [seats], { seats: 8 }), order(20, [seats], { seats: 10 })];
    expect(prorate(from, to, APRIL, MIDDLE).map(({ amount }) => amount)).toEqual([-1_500, 2_500]);
  });

  test("to another interval credits the rest, and charges a whole period", () => {
    const to = orderOf(planOf(200, [], "year"), undefined, "usd");
    expect(prorate(order(20), to, APRIL, MIDDLE).map(({ amount }) => amount)).toEqual([-1_000, 20_000]);
  });

  test("at the period's begin costs the difference, at its end nothing, and never more than the new price", () => {
    fc.assert(
      fc.property(
        fc.integer({ min: 1, max: 1_000 }),
        fc.integer({ min: 1, max: 1_000 }),
        fc.integer({ min: -1, max: 31 }),
        (from, to, day) => {
          const cost = (at: number) => proratedTotal(prorate(order(from), order(to), APRIL, at));
          // The very same plan changes nothing.
          const difference = from === to ? 0 : (to - from) * 100;
          expect(cost(APRIL.start)).toBe(difference);
          expect(cost(APRIL.end)).toBe(0);
          const then = cost(APRIL.start + day * 86_400_000);
          expect(Math.abs(then)).toBeLessThanOrEqual(Math.abs(difference) + 1);
          expect(then * difference).toBeGreaterThanOrEqual(0);
        },
      ),
      { numRuns: 50 },
    );
  });

  test("to what costs more is made at once, to what costs less when the period is over", () => {
    const year = orderOf(planOf(200, [], "year"), undefined, "usd");
    expect(whenToChange(order(20), order(50))).toBe("now");
    expect(whenToChange(order(50), order(20))).toBe("period_end");
    expect(whenToChange(order(20, [seats], { seats: 9 }), order(20, [seats], { seats: 8 }))).toBe(
      "period_end",
    );
    expect(whenToChange(order(20), year)).toBe("now");
    expect(whenToChange(year, order(50))).toBe("period_end");
    expect(recurringTotal(year)).toBe(20_000);
  });
});

describe("a payment", () => {
  const expected = { amount: 500, currency: "usd" };

  test("of what was expected is right, and nothing else is", () => {
    expect(paymentProblem(expected, { amount: 500, currency: "usd" })).toBeNull();
    expect(paymentProblem(expected, { amount: 500, currency: "eur" })).toMatch(/eur/);
    fc.assert(
      fc.property(fc.integer({ min: 0, max: 100_000 }), (amount) => {
        fc.pre(amount !== 500);
        expect(paymentProblem(expected, { amount, currency: "usd" })).toMatch(String(amount));
      }),
    );
  });

  test("that goes back takes back its part, and all with the last of it", () => {
    expect(takenBack(1_000, 0, 500)).toBe(0);
    expect(takenBack(1_000, 100, 500)).toBe(200);
    expect(takenBack(1_000, 500, 500)).toBe(1_000);
    expect(takenBack(10, 100, 300)).toBe(3.333333333);
    expect(takenBack(10, 5, 0)).toBe(10);
  });

  test("takes back more the more goes back, never more than was given, in whatever parts", () => {
    const cents = fc.integer({ min: 0, max: 100_000 });
    fc.assert(
      fc.property(
        fc.integer({ min: 1, max: 1_000_000 }),
        cents,
        cents,
        fc.integer({ min: 1, max: 100_000 }),
        (amount, a, b, paid) => {
          const [less, more] = [Math.min(a, b), Math.max(a, b)];
          expect(takenBack(amount, less, paid)).toBeLessThanOrEqual(takenBack(amount, more, paid));
          expect(takenBack(amount, more, paid)).toBeLessThanOrEqual(amount);
          expect(takenBack(amount, less, paid)).toBeGreaterThanOrEqual(0);
        },
      ),
    );
  });
});

test("an item without a month is one that is paid once", () => {
  const once = {
    featureId: "messages",
    included: 0,
    price: { amount: 3, billingMethod: "prepaid", interval: "one_off" },
  } as const;
  expect(order(20, [{ ...once, reset: null }], { messages: 2 })).toMatchObject({
    total: 2_600,
    every: { interval: month.interval },
  });
});
