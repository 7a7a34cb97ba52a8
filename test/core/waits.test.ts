import { describe, expect, test } from "vitest";
import { endOfLimits } from "../../src/core/waits.js";
import { ask, daily, DAY, FEB_28, grant, JAN_31, limit, row } from "./fixtures.js";

const limited = (...limits: ReturnType<typeof limit>[]) => [row("messages", [grant("a")], { limits })];
const day = (max: number, used: number) => limit(max, { used, ...daily });

describe("the end of the usage limits that refuse", () => {
  test("is the reset of the one that does", () => {
    expect(endOfLimits(limited(day(5, 4), limit(50, { used: 4 })), ask(2))).toBe(JAN_31 + DAY);
    expect(endOfLimits(limited(day(50, 4), limit(5, { used: 4 })), ask(2))).toBe(FEB_28);
  });

  test("is the last reset that it takes", () => {
    expect(endOfLimits(limited(day(5, 5), limit(10, { used: 10 })), ask(1))).toBe(FEB_28);
  });

  test("is never, of more than a limit allows", () => {
    expect(endOfLimits(limited(day(5, 0)), ask(6))).toBeUndefined();
  });
});
