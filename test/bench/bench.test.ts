import { convexTest } from "convex-test";
import { defineSchema } from "convex/server";
import { expect, test } from "vitest";
import { recordable } from "../footprint/recorder.js";
import { measure } from "./operation.js";
import type { Deployment, Measurement } from "./operation.js";
import { peerOperations, registerPeers } from "./peers.js";
import { table } from "./table.js";

test("prints what each operation costs", async () => {
  const measurements: Measurement[] = [];
  for (const operation of peerOperations) {
    measurements.push(await measure(deployment(), operation));
  }
  console.log(table(measurements));
  expect(measurements).toHaveLength(peerOperations.length);
});

function deployment(): Deployment {
  const schema = defineSchema({});
  const modules = { "./_generated/api.ts": () => Promise.resolve({}) };
  const t: Deployment = recordable(convexTest(schema, modules), schema);
  registerPeers(t);
  return t;
}
