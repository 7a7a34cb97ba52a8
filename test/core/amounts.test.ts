import Big from "big.js";
import { describe, expect, test } from "vitest";
import {
  atLeastZero,
  exact,
  larger,
  nearest,
  priceOf,
  smaller,
  stored,
  total,
  unitsFor,
} from "../../src/core/amounts.js";
import { refusal } from "./fixtures.js";

const LARGEST = 9_007_199_254_740_991;
const oneForThree = { creditAmount: 1, featureAmount: 3 };
const three = { creditAmount: 3, featureAmount: 1 };

describe("what is stored", () => {
  test("a tenth and two tenths are three tenths", () => {
    expect(stored(exact(0.1).plus(0.2))).toBe(0.3);
  });

  test("a million times a tenth are a hundred thousand", { timeout: 60_000 }, () => {
    let sum = 0;
    for (let n = 0; n < 1_000_000; n++) sum = stored(exact(sum).plus(0.1));
    expect(sum).toBe(100_000);
  });

  test("a result with more digits than a double holds is refused, not rounded", () => {
    expect(refusal(() => stored(exact(LARGEST).minus(0.1)))).toMatchObject({
      kind: "invalid_amount",
      message: expect.stringContaining("9007199254740990.9") as string,
    });
  });

  test("the largest whole number is stored, the next is refused", () => {
    expect(stored(exact(LARGEST))).toBe(LARGEST);
    expect(refusal(() => stored(exact(LARGEST).plus(1))).kind).toBe("invalid_amount");
  });

  test("what is below zero has the same bounds", () => {
    expect(stored(exact(-LARGEST))).toBe(-LARGEST);
    expect(refusal(() => stored(exact(-LARGEST).minus(1))).kind).toBe("invalid_amount");
  });

  test("there is no negative zero", () => {
    expect(stored(exact(0).neg())).toBe(0);
  });
});

describe("the nearest number", () => {
  test("stands for a result that a double cannot hold", () => {
    expect(nearest(exact(LARGEST).minus(0.1))).toBe(LARGEST);
  });

  test("is the number itself where a double holds it", () => {
    expect(nearest(exact(0.1).plus(0.2))).toBe(0.3);
  });

  test("is never negative zero", () => {
    expect(nearest(exact(0).neg())).toBe(0);
  });
});

describe("prices", () => {
  test("units cost themselves where no cost is given", () => {
    expect(priceOf(exact(7.5), undefined).toNumber()).toBe(7.5);
  });

  test("a price that terminates is exact", () => {
    expect(priceOf(exact(20.5), { creditAmount: 0.2, featureAmount: 1 }).toNumber()).toBe(4.1);
  });

  test("a price that does not terminate is rounded up at 9 places", () => {
    expect(priceOf(exact(1), oneForThree).toNumber()).toBe(0.333333334);
    expect(priceOf(exact(2), oneForThree).toNumber()).toBe(0.666666667);
    expect(priceOf(exact(3), oneForThree).toNumber()).toBe(1);
  });

  test("the smallest use is not free", () => {
    expect(priceOf(exact(1e-9), { creditAmount: 1, featureAmount: 1_000_000 }).toNumber()).toBe(1e-9);
  });

  test("the settings that an app gives to big.js change no price", () => {
    const { DP, RM } = Big;
    try {
      Big.DP = 0;
      Big.RM = 0;
      expect(priceOf(exact(1), oneForThree).toNumber()).toBe(0.333333334);
      expect(unitsFor(exact(1), three).toNumber()).toBe(0.333333333);
    } finally {
      Big.DP = DP;
      Big.RM = RM;
    }
  });
});

describe("what an amount can pay", () => {
  test("is itself where no cost is given", () => {
    expect(unitsFor(exact(7.5), undefined).toNumber()).toBe(7.5);
  });

  test("is exact where it terminates", () => {
    expect(unitsFor(exact(4.1), { creditAmount: 0.2, featureAmount: 1 }).toNumber()).toBe(20.5);
  });

  test("is rounded down at 9 places", () => {
    expect(unitsFor(exact(1), three).toNumber()).toBe(0.333333333);
    expect(unitsFor(exact(2), three).toNumber()).toBe(0.666666666);
  });

  test("is nothing for less than the smallest use costs", () => {
    expect(unitsFor(exact(1e-9), three).toNumber()).toBe(0);
  });
});

test("of two amounts there is a smaller and a larger one", () => {
  expect(smaller(exact(1), exact(2)).toNumber()).toBe(1);
  expect(smaller(exact(2), exact(1)).toNumber()).toBe(1);
  expect(larger(exact(1), exact(2)).toNumber()).toBe(2);
  expect(larger(exact(2), exact(1)).toNumber()).toBe(2);
});

test("an amount below zero counts as none", () => {
  expect(atLeastZero(exact(-1)).toNumber()).toBe(0);
  expect(atLeastZero(exact(1)).toNumber()).toBe(1);
});

test("a sum is exact", () => {
  expect(total([exact(0.1), exact(0.2), exact(0.3)]).toNumber()).toBe(0.6);
});

test("the sum of nothing is zero", () => {
  expect(total([]).toNumber()).toBe(0);
});
