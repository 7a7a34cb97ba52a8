import { describe, expect, test } from "vitest";
import {
  amountProblem,
  assertAmount,
  assertCount,
  assertFlag,
  assertId,
  assertInstant,
  assertKeys,
  assertProperties,
  assertText,
  decimalPlaces,
} from "../../src/core/arguments.js";
import { refusal } from "./fixtures.js";

const refused = (operation: () => void) => {
  const { kind, message } = refusal(operation);
  expect(kind).toBe("invalid_argument");
  return message;
};

const LARGEST = 9_007_199_254_740_991;

describe("an amount", () => {
  test.each([0, 1, 0.1, 1e-9, 123.456789012, LARGEST])("may be %d", (value) => {
    expect(() => assertAmount(value, "value")).not.toThrow();
  });

  test.each([
    ["a string", "5", "must be a number"],
    ["nothing", undefined, "must be a number"],
    ["null", null, "must be a number"],
    ["a bigint", 5n, "must be a number"],
    ["not a number", NaN, "must be a finite number"],
    ["infinite", Infinity, "must be a finite number"],
    ["infinite below zero", -Infinity, "must be a finite number"],
    ["negative zero", -0, "must not be negative zero: use 0"],
    ["too large", LARGEST + 1, "must be at most 9007199254740991"],
    ["too far below zero", -LARGEST - 1, "must be at most 9007199254740991"],
    ["too small", 1e-10, "must have at most 9 decimal places"],
    ["too fine", 0.1 + 0.2, "must have at most 9 decimal places"],
  ])("may not be %s", (_, value, problem) => {
    expect(amountProblem(value)).toBe(problem);
    expect(refusal(() => assertAmount(value, "value", { negative: true })).kind).toBe("invalid_amount");
  });

  test("may not be less than nothing", () => {
    expect(refusal(() => assertAmount(-1, "value"))).toEqual({
      kind: "invalid_amount",
      argument: "value",
      value: "-1",
      message: "value must not be negative; got -1. Nothing was changed.",
    });
  });

  test("may be less than nothing where it is given back", () => {
    expect(() => assertAmount(-0.5, "value", { negative: true })).not.toThrow();
  });

  test("is refused with its name and its value", () => {
    expect(refusal(() => assertAmount("5", "requiredBalance"))).toEqual({
      kind: "invalid_amount",
      argument: "requiredBalance",
      value: '"5"',
      message: 'requiredBalance must be a number; got "5". Nothing was changed.',
    });
  });
});

test.each([
  [5, 0],
  [0.1, 1],
  [123.456, 3],
  [1e-9, 9],
  [1.5e-7, 8],
  [1e21, 0],
  [-0.25, 2],
])("%d has %i decimal places", (value, places) => {
  expect(decimalPlaces(value)).toBe(places);
});

describe("an id", () => {
  test.each(["a", "user_2abc", "org:1/b c", "x".repeat(255), "é漢字😀"])("may be %s", (id) => {
    expect(() => assertId(id, "customerId")).not.toThrow();
  });

  test.each([
    ["a number", 5, "must be a string"],
    ["nothing", undefined, "must be a string"],
    ["empty", "", "must not be empty"],
    ["longer than 255 characters", "x".repeat(256), "must have at most 255 characters"],
    ["of more than one line", "a\nb", "must not contain control characters"],
    ["with a C1 control", "a\u0085b", "must not contain control characters"],
    ["with a line separator", "a\u2028b", "must not contain control characters"],
    ["with half of a surrogate pair", "a\ud83d", "must not contain half of a surrogate pair"],
    ["that begins with a space", " a", "must not begin or end with a space"],
    ["that ends with a space", "a\u00a0", "must not begin or end with a space"],
  ])("may not be %s", (_, id, problem) => {
    expect(refused(() => assertId(id, "customerId"))).toContain(`customerId ${problem}; got `);
  });

  test("is refused with its name and its value", () => {
    expect(refusal(() => assertId(" a", "customerId"))).toEqual({
      kind: "invalid_argument",
      argument: "customerId",
      value: '" a"',
      message: 'customerId must not begin or end with a space; got " a". Nothing was changed.',
    });
  });
});

describe("a text", () => {
  test("may be empty, and have lines", () => {
    expect(() => assertText("", "reason")).not.toThrow();
    expect(() => assertText("two\nlines", "reason")).not.toThrow();
  });

  test("has at most 500 characters unless told", () => {
    expect(() => assertText("x".repeat(500), "reason")).not.toThrow();
    expect(refused(() => assertText("x".repeat(501), "reason"))).toContain(
      "reason must have at most 500 characters",
    );
    expect(refused(() => assertText("xxx", "reason", 2))).toContain("at most 2 characters");
  });

  test("is a string that a database can store", () => {
    expect(refused(() => assertText(5, "reason"))).toContain("reason must be a string");
    expect(refused(() => assertText("\ud83d", "reason"))).toContain("half of a surrogate pair");
  });
});

describe("an instant", () => {
  test.each([0, 1_769_853_600_000, Date.UTC(9999, 0, 1)])("may be %d", (instant) => {
    expect(() => assertInstant(instant, "expiresAt")).not.toThrow();
  });

  test.each([-1, Date.UTC(9999, 0, 1) + 1, NaN, Infinity, "2026-01-31", undefined])(
    "may not be %s",
    (instant) => {
      expect(refused(() => assertInstant(instant, "expiresAt"))).toContain(
        "expiresAt must be a time in milliseconds",
      );
    },
  );
});

describe("a count", () => {
  test("may be any whole number within its bounds", () => {
    for (const count of [-2, 0, 3]) expect(() => assertCount(count, "limit", -2, 3)).not.toThrow();
  });

  test.each([-3, 4, 1.5, -0, NaN, "1", undefined])("may not be %s", (count) => {
    expect(refused(() => assertCount(count, "limit", -2, 3))).toContain(
      "limit must be a whole number from -2 to 3",
    );
  });
});

describe("a flag", () => {
  test("may be true, false or left out", () => {
    for (const flag of [true, false, undefined]) expect(() => assertFlag(flag, "unlimited")).not.toThrow();
  });

  test.each([null, 0, "true"])("may not be %s", (flag) => {
    expect(refused(() => assertFlag(flag, "unlimited"))).toContain("unlimited must be true or false");
  });
});

describe("properties", () => {
  const keys = (count: number) => Object.fromEntries(Array.from({ length: count }, (_, n) => [`k${n}`, n]));

  test("may be strings, numbers, booleans and null", () => {
    expect(() =>
      assertProperties({ model: "large", tokens: 1.5, cached: false, parent: null, "a b": "" }),
    ).not.toThrow();
  });

  test("may have no prototype", () => {
    expect(() => assertProperties(Object.assign(Object.create(null), { a: 1 }))).not.toThrow();
  });

  test("have at most 20 keys", () => {
    expect(() => assertProperties(keys(20))).not.toThrow();
    expect(refused(() => assertProperties(keys(21)))).toContain('must have at most 20 keys; got "21 keys"');
  });

  test("have keys of at most 40 characters", () => {
    expect(() => assertProperties({ ["k".repeat(40)]: 1 })).not.toThrow();
    expect(refused(() => assertProperties({ ["k".repeat(41)]: 1 }))).toContain(
      "at most 40 printable ASCII characters",
    );
  });

  test("have strings of at most 500 characters", () => {
    expect(() => assertProperties({ a: "x".repeat(500) })).not.toThrow();
    expect(refused(() => assertProperties({ a: "x".repeat(501) }))).toContain(
      'properties["a"] must have at most 500',
    );
  });

  test.each(["", "$a", "_a", "é", "a\n", " a"])("may not have the key %j", (key) => {
    expect(refused(() => assertProperties({ [key]: 1 }))).toContain("begins with a letter or digit");
  });

  test.each([
    ["a list", [1]],
    ["an object", { b: 1 }],
    ["nothing", undefined],
    ["a bigint", 1n],
  ])("may not hold %s", (_, value) => {
    expect(refused(() => assertProperties({ a: value }))).toContain(
      'properties["a"] must be a string, number, boolean or null',
    );
  });

  test.each([NaN, Infinity])("may not hold %s", (value) => {
    expect(refused(() => assertProperties({ a: value }))).toContain(
      'properties["a"] must be a finite number',
    );
  });

  test.each([
    ["null", null],
    ["a list", [1]],
    ["a string", "a"],
  ])("may not be %s", (_, value) => {
    expect(refused(() => assertProperties(value))).toContain("properties must be an object");
  });

  test.each([
    ["a map", new Map([["a", 1]])],
    ["a date", new Date(0)],
  ])("may not be %s", (_, value) => {
    expect(refused(() => assertProperties(value))).toContain("properties must be a plain object");
  });
});

describe("options", () => {
  test("may have the keys that are known, or none", () => {
    expect(() => assertKeys({ value: 1 }, ["featureId", "value"], "track")).not.toThrow();
    expect(() => assertKeys({}, ["featureId", "value"], "track")).not.toThrow();
  });

  test("may have no other: a misspelt one is not ignored", () => {
    expect(refused(() => assertKeys({ valeu: 1, featureID: "a" }, ["featureId", "value"], "track"))).toBe(
      'track does not take "valeu", "featureID"; it takes featureId, value. Nothing was changed.',
    );
  });

  test.each([null, undefined, "a", 5, [[]]])("may not be %s", (options) => {
    expect(refused(() => assertKeys(options, [], "track"))).toContain(
      "the argument of track must be an object",
    );
  });
});
