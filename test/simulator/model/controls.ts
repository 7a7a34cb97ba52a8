/** A customer's or entity's own limits. */
import { nano, ONE, sum } from "./amounts.js";
import type { Interval } from "./calendar.js";
import { openCustomer } from "./customers.js";
import { countOf } from "./limits.js";
import type { Scope } from "./order.js";
import { controlOf, isLive, rowOf, type Customer, type Limit, type World } from "./world.js";

export interface LimitAsk {
  max: number;
  interval: "day" | "week" | "month" | "year";
  anchor?: "utc" | "billing_cycle";
}

/** What is absent stays as it is; null takes it away. */
export interface ControlAsk {
  limits?: LimitAsk[] | null;
  spend?: number | { percent: number } | null;
  allowed?: boolean | null;
}

export function setControls(world: World, customerId: string, scope: Scope, ask: ControlAsk): void {
  const customer = openCustomer(world, customerId, scope.entity);
  const control = controlOf(customer, scope.feature, scope.entity);
  if (ask.limits !== undefined) {
    const earlier = control.limits ?? [];
    control.limits = ask.limits && ask.limits.map((limit) => limitOf(world, customer, scope, limit, earlier));
  }
  if (ask.allowed !== undefined) control.allowed = ask.allowed;
  if (ask.spend !== undefined) control.spend = spendOf(world, customer, scope, ask.spend);
}

/** Mondays, first days of months and of years, midnights. */
const CALENDAR: Record<LimitAsk["interval"], number> = { day: 0, week: 345_600_000, month: 0, year: 0 };

function limitOf(
  world: World,
  customer: Customer,
  { feature, entity }: Scope,
  { max, interval, anchor }: LimitAsk,
  earlier: readonly Limit[],
): Limit {
  const main = rowOf(customer, feature, entity).find(
    (pot) => pot.period !== null && isLive(pot, world.now) && !pot.addOn,
  );
  const follows = anchor !== "utc" && main?.period != null;
  const same = earlier.find(({ every }) => every.interval === interval);
  return {
    max: nano(max),
    every: { interval: interval satisfies Interval, count: 1 },
    anchor: follows && main?.period != null ? main.period.anchor : CALENDAR[interval],
    follows,
    // A limit that stays keeps its count.
    counted: same === undefined ? [] : [{ at: world.now, amount: countOf(same, world.now) }],
  };
}

/** A percentage is of what main plans give each period; of nothing, it is no limit. */
function spendOf(world: World, customer: Customer, { feature, entity }: Scope, spend: ControlAsk["spend"]) {
  if (spend === null || spend === undefined) return null;
  if (typeof spend === "number") return nano(spend);
  const included = rowOf(customer, feature, entity).filter(
    (pot) => pot.plan !== null && pot.period !== null && isLive(pot, world.now) && !pot.addOn && !pot.prepaid,
  );
  const whole = sum(included.map(({ granted }) => granted));
  return whole === 0n ? null : (whole * nano(spend.percent)) / (100n * ONE);
}
