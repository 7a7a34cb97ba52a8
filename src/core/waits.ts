/** How long to wait. */
import { advanceAll } from "./advance.js";
import type { Balance } from "./balances.js";
import { decide, type Ask } from "./draws.js";

/**
 * When the usage limits that refuse `ask` will no more: at the first of their resets that is enough. Undefined if
 * none is, since it is more than a limit ever allows. Rows must be advanced to `ask.now`.
 */
export function endOfLimits(rows: readonly Balance[], ask: Ask): number | undefined {
  const resets = rows.flatMap(({ limits = [] }) => limits.map(({ nextAt }) => nextAt));
  return [...new Set(resets)]
    .sort((a, b) => a - b)
    .find((at) => decide(advanceAll(rows, at).rows, { ...ask, now: at }).reason !== "usage_limit");
}
