/** Other runs each time, and the seed that makes them again. */
import { expect, test } from "vitest";
import { simulate } from "./simulate.js";

test("10,000 steps from a fresh seed are as the model says", { timeout: 240_000 }, async () => {
  const seed = 1_000_000 + (Date.now() % 1_000_000_000);
  console.log(`npm run simulate -- --seed ${seed} --steps 10000`);
  const { steps, report } = await simulate({ seed, steps: 10_000 });
  expect(report ?? "").toBe("");
  expect(steps).toBeGreaterThanOrEqual(10_000);
});
