/** What is used and left of a feature in its period: what BillingOS answers to a use, then and when it is repeated. */
import { v, type Infer } from "convex/values";
import { summarize } from "./answers.js";
import type { Balance, Grant } from "./balances.js";
import { burnOrder, type Scope } from "./order.js";
import { lastBoundary } from "./periods.js";

export const statementValidator = v.object({
  at: v.number(),
  /** In units of the asked feature; 0 where it is unlimited, but for `usage`. */
  granted: v.number(),
  usage: v.number(),
  remaining: v.number(),
  unlimited: v.boolean(),
  /** The period of whatever resets first; without a reset, since the first grant began, until one expires. */
  from: v.number(),
  to: v.union(v.number(), v.null()),
});
export type Statement = Infer<typeof statementValidator>;

/** Rows must be advanced to `scope.now`. */
export function statementOf(rows: readonly Balance[], scope: Scope): Statement {
  const { granted, usage, remaining, unlimited } = summarize(rows, scope);
  const grants = burnOrder(rows, scope).map(({ grant }) => grant);
  return { at: scope.now, granted, usage, remaining, unlimited, ...periodOf(grants, scope.now) };
}

function periodOf(grants: readonly Grant[], now: number): Pick<Statement, "from" | "to"> {
  const [reset] = grants.flatMap(({ reset }) => reset ?? []).sort((a, b) => a.nextAt - b.nextAt);
  if (reset !== undefined) return { from: lastBoundary(reset, now), to: reset.nextAt };
  const begins = grants.map(({ startsAt, createdAt }) => startsAt ?? createdAt);
  const ends = grants.flatMap(({ expiresAt }) => expiresAt ?? []);
  return { from: Math.min(...begins, now), to: ends.length === 0 ? null : Math.min(...ends) };
}
