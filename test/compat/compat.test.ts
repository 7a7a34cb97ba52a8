import { Autumn } from "autumn-js";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import * as autumnJs from "./autumnJs.js";
import { deployed, type World } from "./deployed.js";
import { methodsOf } from "./methods.js";

let world: World;

beforeAll(async () => {
  world = await deployed();
});

afterAll(async () => {
  await world.close();
});

describe(autumnJs.client, () => {
  test("has a case for each of its methods", () => {
    const methods = methodsOf(new Autumn({ secretKey: "sk" }));
    expect(methods.length).toBeGreaterThan(70);
    expect(autumnJs.cases.map(({ method }) => method).toSorted()).toEqual(methods.toSorted());
  });
});

const cases = [...autumnJs.cases];

describe.for(cases.map((one) => [`${one.client}: ${one.method}`, one] as const))("%s", ([, one]) => {
  test(one.result === "works" ? "works" : `${one.result}: ${one.why}`, async () => {
    await one.run(world);
  });
});
