import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { exact } from "../../src/core/amounts.js";
import { priceOfUsage, unitsWithin, type UsagePrice } from "../../src/core/prices.js";

const flat = (amount: number, billingUnits = 1): UsagePrice => ({
  tiers: [{ to: "inf", amount }],
  tierBehavior: "graduated",
  billingUnits,
});
const tiered: UsagePrice = {
  tiers: [
    { to: 100, amount: 0.1 },
    { to: 500, amount: 0.05, flatAmount: 3 },
    { to: "inf", amount: 0.02 },
  ],
  tierBehavior: "graduated",
  billingUnits: 1,
};
const volume: UsagePrice = { ...tiered, tierBehavior: "volume" };

describe("usage", () => {
  test("up to what is included costs nothing", () => {
    expect(priceOfUsage(flat(1), 50, 50)).toBe(0);
    expect(priceOfUsage(volume, 50, 50)).toBe(0);
  });

  test("beyond it costs its price, exactly", () => {
    expect(priceOfUsage(flat(0.1), 53, 50)).toBe(0.3);
  });

  test("is charged in whole packs, and a pack that is begun is charged whole", () => {
    expect(priceOfUsage(flat(10, 100), 250, 50)).toBe(20);
    expect(priceOfUsage(flat(10, 100), 250.1, 50)).toBe(30);
  });

  test("below zero is money back", () => {
    expect(priceOfUsage(tiered, -250, 0)).toBe(-17.5);
  });

  test("of nothing is not negative zero", () => {
    expect(priceOfUsage(flat(1), -5, 50)).toBe(0);
  });
});

describe("graduated tiers", () => {
  test("charge each part at the price of its tier", () => {
    expect(priceOfUsage(tiered, 250, 0)).toBe(17.5);
    expect(priceOfUsage(tiered, 600, 0)).toBe(32);
  });

  test("end at their last unit", () => {
    expect(priceOfUsage(tiered, 100, 0)).toBe(10);
    expect(priceOfUsage(tiered, 101, 0)).toBe(10.05);
  });

  test("count what is included into their bounds", () => {
    expect(priceOfUsage(tiered, 250, 60)).toBe(11.5);
  });

  test("leave out those that are included whole", () => {
    expect(priceOfUsage(tiered, 250, 100)).toBe(7.5);
    expect(priceOfUsage(tiered, 250, 200)).toBe(2.5);
  });

  test("of which the last has an end charge nothing beyond it", () => {
    expect(priceOfUsage({ ...tiered, tiers: [{ to: 100, amount: 0.1 }] }, 250, 0)).toBe(10);
  });
});

describe("volume tiers", () => {
  test("charge all units at the price of the tier that they end in", () => {
    expect(priceOfUsage(volume, 90, 0)).toBe(9);
    expect(priceOfUsage(volume, 100, 0)).toBe(10);
    expect(priceOfUsage(volume, 600, 0)).toBe(12);
  });

  test("add the flat amount of that tier", () => {
    expect(priceOfUsage(volume, 250, 0)).toBe(15.5);
  });

  test("charge what is included too, once usage exceeds it", () => {
    expect(priceOfUsage({ ...flat(0.1), tierBehavior: "volume" }, 51, 50)).toBe(5.1);
  });

  test("of which none reaches the usage charge nothing", () => {
    expect(priceOfUsage({ ...volume, tiers: [{ to: 100, amount: 0.1 }] }, 250, 0)).toBe(0);
  });
});

describe("the units that money pays for", () => {
  const within = (price: UsagePrice, included: number, money: number) =>
    unitsWithin(price, included, exact(money))?.toNumber();

  test("are those that are included and those that cost it, exactly", () => {
    expect(within(flat(0.1), 50, 0.3)).toBe(53);
    expect(within(flat(0.1), 50, 0)).toBe(50);
    expect(within(flat(1), 0, 2.99)).toBe(2);
  });

  test("are whole packs: one that is begun is charged whole, and may be used whole", () => {
    expect(within(flat(10, 100), 50, 29.99)).toBe(250);
  });

  test("go from tier to tier", () => {
    expect(within(tiered, 0, 10)).toBe(100);
    expect(within(tiered, 0, 10.05)).toBe(101);
    expect(within(tiered, 0, 30.02)).toBe(501);
    expect(within(tiered, 200, 1)).toBe(220);
  });

  test("of a volume price end before all of them would cost more", () => {
    // 100 cost 10, and 101 would cost 8.05: 95 cost 9.5, and 96 more than that.
    expect(within(volume, 0, 9.5)).toBe(95);
    expect(within(volume, 0, 10)).toBe(140);
    expect(within(volume, 50, 4)).toBe(50);
  });

  test("of what costs nothing are without end", () => {
    expect(within(flat(0), 0, 0)).toBeUndefined();
    expect(within({ ...tiered, tiers: [{ to: 10, amount: 1 }] }, 0, 10)).toBeUndefined();
  });

  const prices = fc
    .record({
      steps: fc.array(
        fc.record({ units: fc.integer({ min: 1, max: 50 }), cents: fc.nat(200), flat: fc.nat(3) }),
        {
          minLength: 1,
          maxLength: 3,
        },
      ),
      tierBehavior: fc.constantFrom("graduated" as const, "volume" as const),
      billingUnits: fc.integer({ min: 1, max: 7 }),
    })
    .map(({ steps, ...rest }): UsagePrice => {
      let to = 0;
      const tiers = steps.map(({ units, cents, flat: flatAmount }, index) => {
        to += units;
        const last = index === steps.length - 1;
        return { to: last ? ("inf" as const) : to, amount: cents / 100, flatAmount };
      });
      return { ...rest, tiers };
    });

  test("cost no more than it, each of them, and one more costs more", () => {
    const property = fc.property(prices, fc.nat(60), fc.nat(5_000), (price, included, cents) => {
      const money = cents / 100;
      const units = within(price, included, money);
      const most = units ?? included + 300;
      const upTo = Array.from({ length: Math.floor(most) + 1 }, (_, used) => used);
      const dearest = Math.max(...upTo.map((used) => priceOfUsage(price, used, included)));
      expect(dearest).toBeLessThanOrEqual(money);
      if (units !== undefined) expect(priceOfUsage(price, units + 1e-9, included)).toBeGreaterThan(money);
    });
    fc.assert(property);
  });
});
