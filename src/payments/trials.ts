import { addMonths } from "../core/periods.js";
import type { Plan } from "../core/terms.js";

const DAY_MS = 24 * 60 * 60_000;

/** How many days a plan's trial lasts that begins now; undefined of a plan without one. */
export function trialDaysOf({ trial }: Plan, now: number): number | undefined {
  if (trial === undefined) return undefined;
  if (trial.unit === "day") return trial.length;
  return Math.round((addMonths(now, trial.length * (trial.unit === "year" ? 12 : 1)) - now) / DAY_MS);
}
