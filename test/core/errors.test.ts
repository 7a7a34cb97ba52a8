import { ConvexError } from "convex/values";
import { describe, expect, test } from "vitest";
import { assert, ERROR_KINDS, isTallyError, shown, tallyError } from "../../src/core/errors.js";

describe("an error", () => {
  const error = tallyError("usage_exceeded", "No more messages.", { featureId: "messages" });

  test("is a ConvexError that carries its kind, its message and its details", () => {
    expect(error).toBeInstanceOf(ConvexError);
    expect(error.data).toEqual({
      kind: "usage_exceeded",
      message: "No more messages.",
      featureId: "messages",
    });
  });

  test("keeps its kind and message whatever its details are called", () => {
    const named = tallyError("busy", "Try again.", { kind: "other", message: "else" });
    expect(named.data).toEqual({ kind: "busy", message: "Try again." });
  });

  test("is known as Tally's, by its kind and by no other", () => {
    expect(isTallyError(error)).toBe(true);
    expect(isTallyError(error, "usage_exceeded")).toBe(true);
    expect(isTallyError(error, "busy")).toBe(false);
  });

  test("is known by its data, when its class was lost on the way", () => {
    const travelled = Object.assign(new Error("Uncaught"), { data: { kind: "busy", message: "Try again." } });
    expect(isTallyError(travelled, "busy")).toBe(true);
  });

  test.each(ERROR_KINDS)("can be of kind %s", (kind) => {
    expect(isTallyError(tallyError(kind, "…"))).toBe(true);
  });
});

test.each([
  ["an app's own kind", new ConvexError({ kind: "out_of_cookies" })],
  ["data of another shape", new ConvexError("busy")],
  ["no kind", new ConvexError({ message: "busy" })],
  ["null for data", Object.assign(new Error("busy"), { data: null })],
  ["no data", new Error("busy")],
  ["no error around its data", { data: { kind: "busy" } }],
  ["nothing", undefined],
])("what has %s is none of Tally's errors", (_, error) => {
  expect(isTallyError(error)).toBe(false);
  expect(isTallyError(error, "busy")).toBe(false);
});

describe("a value is shown in a message", () => {
  test.each([
    [5, "5"],
    [-0, "-0"],
    [0, "0"],
    [NaN, "NaN"],
    [7n, "7"],
    [true, "true"],
    [null, "null"],
    [undefined, "undefined"],
    ["messages", '"messages"'],
    ["5", '"5"'],
    [[1, 2], "an array"],
    [{ a: 1 }, "an object"],
    [Symbol("a"), "Symbol(a)"],
  ])("%s", (value, text) => {
    expect(shown(value)).toBe(text);
  });

  test("on one line, with nothing that a terminal would obey", () => {
    expect(shown('a\n\t"\u001b[31m')).toBe(String.raw`"a\n\t\"\u001b[31m"`);
    expect(shown("\u007f\u0085\u009f\u2028\u2029")).toBe(String.raw`"\u007f\u0085\u009f\u2028\u2029"`);
  });

  test("whole up to 60 characters, quotes and all", () => {
    expect(shown("x".repeat(58))).toBe(`"${"x".repeat(58)}"`);
  });

  test("abbreviated beyond", () => {
    expect(shown("x".repeat(59))).toBe(`"${"x".repeat(39)}… (61 characters)`);
  });
});

test("a broken invariant is no error of the caller's", () => {
  expect(() => assert(true, "all is well")).not.toThrow();
  expect(() => assert(false, "all is well")).toThrow("Tally invariant broken: all is well");
});
