import { expect, test, vi } from "vitest";
import { engineOf } from "./deployed.js";

vi.mock("convex-test", async (original) => {
  const { convexTest } = await original<typeof import("convex-test")>();
  return {
    convexTest: (...args: Parameters<typeof convexTest>) => {
      const test = convexTest(...args) as unknown as Record<string, unknown>;
      const { actionFromPath: _, ...rest } = test;
      return rest;
    },
  };
});

test("another convex-test is refused at the start, with what differs and what to do", async () => {
  await expect(engineOf([])).rejects.toThrow(
    "The embedded deployment was written for convex-test 0.0.60, and knows it from inside. " +
      "The installed one (0.0.60) lacks, or has otherwise: actionFromPath() of convexTest(). " +
      "Install convex-test 0.0.60, or bring example/embedded/runtime.ts up to the new one.",
  );
});
