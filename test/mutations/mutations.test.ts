import { readFileSync } from "node:fs";
import { expect, test } from "vitest";
import { mutations } from "./mutations.js";

const read = (path: string) => readFileSync(new URL(`../../${path}`, import.meta.url), "utf8");

test.each(mutations)(
  "the text of “$rule” is in its file once, and another without it",
  ({ file, from, to }) => {
    expect(read(file).split(from)).toHaveLength(2);
    expect(to).not.toBe(from);
  },
);

test("every rule is broken in one way", () => {
  const rules = mutations.map(({ rule }) => rule);
  expect(rules.filter((rule, index) => rules.indexOf(rule) !== index)).toEqual([]);
});

test("the tests that are tried first are there", () => {
  for (const suite of new Set(mutations.flatMap(({ suites }) => suites)))
    expect(read(suite)).toContain("test(");
});
