import { describe, expect, test } from "vitest";
import { priceOfUsage, type UsagePrice } from "../../src/core/prices.js";

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
