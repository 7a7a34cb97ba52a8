/** The same runs each time: what they once found stays found. */
import { expect, test } from "vitest";
import { simulate } from "./simulate.js";

test("10,000 steps from a seed that stays the same are as the model says", { timeout: 240_000 }, async () => {
  const { steps, report } = await simulate({ seed: 1, steps: 10_000 });
  expect(report ?? "").toBe("");
  expect(steps).toBeGreaterThanOrEqual(10_000);
});
