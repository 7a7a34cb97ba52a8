import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { exact } from "../../src/core/amounts.js";
import { assertCurrency, fromMinor, placesOf, priceProblem, shareOf, toMinor } from "../../src/core/money.js";
import { refusal } from "./fixtures.js";

const currencies = fc.constantFrom("usd", "eur", "jpy", "krw", "kwd", "bhd");

describe("whole units as minor units", () => {
  test.each([
    [20, "usd", 2_000],
    [0.1, "eur", 10],
    [1.15, "usd", 115],
    [500, "jpy", 500],
    [5, "isk", 5],
    [5.12, "kwd", 5_120],
    [0, "usd", 0],
  ])("%d %s is %d", (amount, currency, minor) => {
    expect(toMinor(amount, currency)).toBe(minor);
    expect(fromMinor(minor, currency)).toBe(amount);
  });

  test.each([
    [0.005, "usd", 1],
    [0.0049, "usd", 0],
    [10.5, "jpy", 11],
    [5.124, "kwd", 5_120],
    [5.125, "kwd", 5_130],
  ])("what cannot be charged of %d %s is rounded to %d", (amount, currency, minor) => {
    expect(toMinor(amount, currency)).toBe(minor);
  });

  test("are whole, and come back as they were", () => {
    fc.assert(
      fc.property(fc.integer({ min: 0, max: 1e9 }), currencies, (steps, currency) => {
        const minor = placesOf(currency) === 3 ? steps * 10 : steps;
        expect(toMinor(fromMinor(minor, currency), currency)).toBe(minor);
      }),
    );
  });

  test("beyond what a number holds are refused", () => {
    expect(refusal(() => toMinor(Number.MAX_SAFE_INTEGER, "usd")).kind).toBe("invalid_amount");
  });
});

describe("a price", () => {
  test.each([
    [19.99, "usd", null],
    [19.999, "usd", /19\.999 USD cannot be charged: a price is a multiple of 0\.01/],
    [500, "jpy", null],
    [9.99, "jpy", /multiple of 1$/],
    [5.12, "kwd", null],
    [5.125, "kwd", /multiple of 0\.01/],
  ])("of %d %s", (amount, currency, problem) => {
    const found = priceProblem(amount, currency);
    if (problem === null) expect(found).toBeNull();
    else expect(found).toMatch(problem);
  });

  test.each(["USD", "us", "dollar", "", 5, null])("in %j is in no currency", (currency) => {
    expect(refusal(() => assertCurrency(currency)).message).toMatch(/three small letters/);
  });
});

test("parts of an amount come to the whole, but for what cannot be charged of each", () => {
  fc.assert(
    fc.property(
      fc.integer({ min: 0, max: 1e8 }),
      fc.integer({ min: 0, max: 1_000 }),
      fc.integer({ min: 1, max: 1_000 }),
      (amount, part, more) => {
        const whole = part + more;
        const [one, other] = [part, more].map((each) => shareOf(amount, exact(each), exact(whole), "usd"));
        expect(Math.abs((one ?? 0) + (other ?? 0) - amount)).toBeLessThanOrEqual(1);
        expect(one).toBeGreaterThanOrEqual(0);
        expect(one).toBeLessThanOrEqual(amount);
      },
    ),
  );
});
