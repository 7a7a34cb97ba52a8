/** A customer's or entity's own limits. */
import { nano } from "./amounts.js";
import { openCustomer } from "./customers.js";
import { CALENDAR, countOf, cycleOf, windowStart } from "./limits.js";
import type { Scope } from "./order.js";
import { controlOf, type Control, type Customer, type Limit, type World } from "./world.js";

export interface LimitAsk {
  max: number;
  interval: "day" | "week" | "month" | "year";
  anchor?: "utc" | "billing_cycle";
}

/** What is absent stays as it is; null takes it away. */
export interface ControlAsk {
  limits?: LimitAsk[] | null;
  spend?: number | { percent: number } | "none" | null;
  allowed?: boolean | null;
}

export function setControls(world: World, customerId: string, scope: Scope, ask: ControlAsk): void {
  const customer = openCustomer(world, customerId, scope.entity);
  const control = controlOf(customer, scope.feature, scope.entity);
  const idle = control.idle.filter((limit) => windowStart(limit, world.now) <= (limit.idleAt ?? Infinity));
  const earlier = [...(control.limits ?? []), ...idle];
  if (ask.limits !== undefined) control.limits = ask.limits && ask.limits.map(limitOf);
  // All of them are looked at anew, whatever it is that changes; one that stays keeps its count.
  control.limits =
    control.limits && control.limits.map((limit) => anchored(world, customer, scope, limit, earlier));
  control.idle = control.limits === null ? idleOf(earlier, world.now) : [];
  if (ask.allowed !== undefined) control.allowed = ask.allowed;
  if (ask.spend !== undefined) control.spend = spendOf(ask.spend);
}

const idleOf = (limits: readonly Limit[], now: number): Limit[] =>
  limits
    .filter((limit) => countOf(limit, now) > 0n)
    .map((limit) => ({ ...limit, idleAt: limit.idleAt ?? now }));

const limitOf = ({ max, interval, anchor }: LimitAsk): Limit => ({
  max: nano(max),
  every: { interval, count: 1 },
  anchor: 0,
  follows: anchor !== "utc",
  since: 0,
  counted: [],
});

function anchored(
  world: World,
  customer: Customer,
  scope: Scope,
  limit: Limit,
  earlier: readonly Limit[],
): Limit {
  const same = earlier.find(({ every }) => every.interval === limit.every.interval);
  const cycle = limit.follows ? cycleOf(world, customer, scope) : null;
  return {
    ...limit,
    anchor: cycle ?? CALENDAR[limit.every.interval] ?? 0,
    since: same === undefined ? world.now : Math.max(same.since, windowStart(same, world.now)),
    counted: same === undefined ? [] : [{ at: world.now, amount: countOf(same, world.now) }],
  };
}

function spendOf(spend: ControlAsk["spend"]): Control["spend"] {
  if (spend === null || spend === undefined || spend === "none") return spend ?? null;
  return typeof spend === "number" ? nano(spend) : { percent: nano(spend.percent) };
}
