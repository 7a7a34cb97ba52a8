import { convexTest } from "convex-test";
import { defineSchema } from "convex/server";
import { afterAll, expect, test } from "vitest";
import { register } from "../../src/test.js";
import { recordable } from "../footprint/recorder.js";
import { measure } from "./operation.js";
import type { Deployment, Measurement } from "./operation.js";
import { peerOperations, registerPeers } from "./peers.js";
import { table } from "./table.js";
import { tallyOperations } from "./tally.js";
import type { Budget, BudgetedOperation } from "./tally.js";

const measurements: Measurement[] = [];

afterAll(() => console.log(table(measurements)));

test.each(tallyOperations)("$name stays within its budget", async (operation) => {
  const measurement = await measure(deployment(), operation);
  measurements.push(measurement);
  expect(excesses(measurement, operation)).toEqual([]);
});

test.each(peerOperations)("$name is measured in the same run", async (operation) => {
  measurements.push(await measure(deployment(), operation));
});

function excesses({ costs, crossings }: Measurement, { budget }: BudgetedOperation): string[] {
  const used = costs.map((cost) => ({ ...cost, crossings }));
  const metrics = Object.keys(budget) as (keyof Budget)[];
  return metrics
    .map((metric) => ({
      metric,
      most: Math.max(...used.map((cost) => cost[metric])),
    }))
    .filter(({ metric, most }) => most > budget[metric])
    .map(({ metric, most }) => `${metric}: ${most} of ${budget[metric]}`);
}

function deployment(): Deployment {
  const schema = defineSchema({});
  const modules = { "./_generated/api.ts": () => Promise.resolve({}) };
  const t: Deployment = recordable(convexTest(schema, modules), schema);
  registerPeers(t);
  register(t);
  return t;
}
