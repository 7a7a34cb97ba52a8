/** What is printed of runs. */
import type { Difference } from "./comparison.js";
import type { Failure } from "./runner.js";
import { shown } from "./steps.js";

const MOST_DIFFERENCES = 8;

/** The seed, the shortest run that fails, and what was expected and got. */
export function reportOf(failure: Failure, given: number): string {
  const { seed, terms, start, steps, differences } = failure;
  return [
    `FAILED: seed ${seed}, after ${given} steps; the shortest run that fails so has ${steps.length}.`,
    `catalog ${JSON.stringify(terms)}`,
    `begins ${new Date(start).toISOString()}`,
    ...steps.map((step, index) => `${String(index + 1).padStart(4)} ${shown(step)}`),
    ...differences.slice(0, MOST_DIFFERENCES).map(differenceLine),
    ...(differences.length > MOST_DIFFERENCES ? [`… and ${differences.length - MOST_DIFFERENCES} more`] : []),
  ].join("\n");
}

const differenceLine = ({ what, expected, got }: Difference): string =>
  `${what}\n     expected ${text(expected)}\n     got      ${text(got)}`;

const text = (value: unknown): string =>
  JSON.stringify(value, (_key, part: unknown) => (typeof part === "bigint" ? `${part}n` : part)) ?? "nothing";

/** How often steps were left out, and why. */
export const leftOutLines = (leftOut: ReadonlyMap<string, number>): string[] =>
  [...leftOut].map(([reason, count]) => `left out ${count}: ${reason}`);
