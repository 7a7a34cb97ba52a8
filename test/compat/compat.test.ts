import { Autumn } from "autumn-js";
import { Autumn as Autumn01 } from "autumn-js-0.1";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import * as atmn from "./atmn.js";
import * as autumnJs from "./autumnJs.js";
import * as autumnJs01 from "./autumnJs01.js";
import { deployed, type World } from "./deployed.js";
import * as documents from "./documents.js";
import { methodsOf } from "./methods.js";
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

const cases = [
  ...autumnJs.cases,
  ...autumnJs01.cases,
  ...react.cases,
  ...react01.cases,
  ...documents.cases,
  ...python.cases,
  ...atmn.cases,
];

describe("a client of theirs", () => {
  test.each(cases.map((one) => [one.client, one.method, one.result, one] as const))(
    "%s: %s %s",
    async (_client, _method, _result, one) => {
      await one.run(world);
    },
  );
});
