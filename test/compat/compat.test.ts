import fs from "node:fs";
import { Autumn } from "autumn-js";
import { Autumn as Autumn01 } from "autumn-js-0.1";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import * as atmn from "./atmn.js";
import * as autumnJs from "./autumnJs.js";
import * as autumnJs01 from "./autumnJs01.js";
import type { Case } from "./cases.js";
import { deployed, type World } from "./deployed.js";
import * as documents from "./documents.js";
import { methodsOf } from "./methods.js";
import { tables } from "./table.js";
import * as python from "./python.js";
import * as react from "./react.js";
import * as react01 from "./react01.js";

let world: World;

beforeAll(async () => {
  world = await deployed();
});

afterAll(async () => {
  await world.close();
});

test("there is a case for each method of the clients", () => {
  const newest = methodsOf(new Autumn({ secretKey: "sk" }));
  expect(newest.length).toBeGreaterThan(70);
  expect(autumnJs.cases.map(({ method }) => method).toSorted()).toEqual(newest.toSorted());
  // Four of the older one's are the transport of the others.
  const transport = ["get", "post", "postWithVersion", "delete"];
  const older = methodsOf(new Autumn01({ secretKey: "sk" })).filter((name) => !transport.includes(name));
  expect(older.length).toBeGreaterThan(30);
  expect(autumnJs01.cases.map(({ method }) => method).toSorted()).toEqual(older.toSorted());
});

const cases: readonly Case[] = [
  ...autumnJs.cases,
  ...autumnJs01.cases,
  ...react.cases,
  ...react01.cases,
  ...documents.cases,
  ...python.cases,
  ...atmn.cases,
];

const README = new URL("../../README.md", import.meta.url);
const BEGIN = "<!-- compat: written by npm run compat -->";
const END = "<!-- /compat -->";

/** Those whose result was as said. */
const passed = new Set<Case>();

describe("a client of theirs", () => {
  test.each(cases.map((one) => [one.client, one.method, one.result, one] as const))(
    "%s: %s %s",
    async (_client, _method, _result, one) => {
      await one.run(world);
      passed.add(one);
    },
  );
});

test("the README's tables are of this run", () => {
  const shown = tables(
    cases.filter((one) => passed.has(one)),
    {
      sdk: [autumnJs.client, autumnJs01.client],
      react: [react.client, react01.client, react01.convexClient],
      others: [documents.client, ...python.clients, atmn.client],
    },
  );
  if (process.env.COMPAT_TABLE !== undefined) fs.writeFileSync(process.env.COMPAT_TABLE, shown);
  const readme = fs.readFileSync(README, "utf8");
  const [before, rest = ""] = readme.split(BEGIN);
  const [written, after] = rest.split(END);
  const isWhole = passed.size === cases.length;
  if (process.env.COMPAT_WRITE !== undefined && isWhole) {
    fs.writeFileSync(README, `${before}${BEGIN}\n\n${shown}\n\n${END}${after}`);
    return;
  }
  // Run `npm run compat -- --write` if it is the README that is old.
  expect(written?.trim()).toBe(shown);
});
