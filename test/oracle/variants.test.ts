/** The rules of the files, at other numbers: cases that were made from theirs. */
import { beforeAll, describe, expect, test } from "vitest";
import { componentModules } from "./deployment.js";
import { differences } from "./differences.js";
import type { Modules } from "./interventions.js";
import { listAt, objectAt } from "./parsing.js";
import { judge } from "./runner.js";
import { variations, type CaseValue } from "./variants.js";

const cases = Object.values(import.meta.glob("./*.json", { eager: true, import: "default" })).flatMap(
  (file) => listAt(file, "the file").map((value) => objectAt(value, "a case")),
);

let modules: Modules;
beforeAll(async () => {
  modules = await componentModules();
});

/** A case that is answered differently on purpose is so at other numbers, too; it has been judged at its own. */
const isVaried = ({ id }: CaseValue) => !Object.hasOwn(differences, String(id));
/** A thousand uses tell no more at other numbers. */
const isShort = ({ ops }: CaseValue) => !JSON.stringify(ops).includes('"repeat"');

describe.each(variations)("with $name", ({ vary }) => {
  const varied = cases
    .filter(isVaried)
    .filter(isShort)
    .flatMap((value): CaseValue[] => {
      const other = vary(value);
      return other === null ? [] : [other];
    });

  test("there are such cases, and they are others", () => {
    expect(varied.length).toBeGreaterThan(10);
    const texts = new Set(cases.map((value) => JSON.stringify(value)));
    expect(varied.filter((value) => !texts.has(JSON.stringify(value))).length).toBeGreaterThan(10);
  });

  test.for(varied.map((value) => ({ id: String(value.id), varied: value })))(
    "$id",
    async ({ varied: value }, { skip }) => {
      const { result, lines } = await judge(value, modules);
      if (result === "skipped") skip(lines.join("; "));
      expect(lines).toEqual([]);
    },
  );
});
