/** What is asked of the rules alone: where a cycle ends, what a use costs. */
import { lastBoundary, nextBoundary } from "../../src/core/periods.js";
import { priceOfUsage } from "../../src/core/prices.js";
import type { OperationOf } from "./cases.js";
import { dateOf, FormatError, instant } from "./parsing.js";
import type { Answer } from "./wire.js";

export function cycleEnd({ now, floor, ...cycle }: OperationOf<"cycle_end">): Answer {
  return { at: dateOf(notBefore(floor, nextBoundary(recurrenceOf(cycle), instant(now)))) };
}

export function cycleStart({ now, floor, ...cycle }: OperationOf<"cycle_start">): Answer {
  return { at: dateOf(notBefore(floor, lastBoundary(recurrenceOf(cycle), instant(now)))) };
}

const notBefore = (floor: string | undefined, at: number) =>
  floor === undefined ? at : Math.max(at, instant(floor));

type Cycle = Pick<OperationOf<"cycle_end">, "interval" | "count" | "anchor">;

function recurrenceOf({ interval, count = 1, anchor }: Cycle) {
  if (interval === null || interval === "one_off") throw new FormatError("what does not recur has no cycle");
  return { interval, count, anchor: instant(anchor) };
}

export function price({ tiers, behavior, units = 1, usage, included = 0 }: OperationOf<"price">): Answer {
  const terms = {
    tiers: tiers.map(({ to, amount, flat_amount: flatAmount }) => ({
      to,
      amount,
      ...(flatAmount !== undefined && { flatAmount }),
    })),
    tierBehavior: behavior,
    billingUnits: units,
  };
  return { amount: priceOfUsage(terms, usage, included) };
}
