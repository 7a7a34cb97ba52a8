/** Check, track, consume: a use, what it answers, and what it leaves in the log. */
import { featureOf } from "../terms.js";
import { plain, type Nano } from "./amounts.js";
import { openCustomer } from "./customers.js";
import { decide, defaultPolicy, draw, giveBack, type Outcome, type Policy } from "./draws.js";
import { summaryOf, type Summary } from "./summaries.js";
import { copyOf, Refusal, type Customer, type Use, type World } from "./world.js";
import type { Scope } from "./order.js";

export interface Request extends Scope {
  units: Nano;
  key: string | null;
  policy: Policy | null;
  label: string | null;
}

export interface UseAnswer {
  value: number;
  applied: number;
  uncovered: number;
  remaining: number;
  unlimited: boolean;
  replayed: boolean;
  balance: Summary | null;
}

export interface Decision extends Summary {
  allowed: boolean;
  reason: string | null;
}

/** Each answer counts on those before it. */
export function checkAll(
  given: World,
  customerId: string,
  asks: readonly (Scope & { units: Nano })[],
): Decision[] {
  const world = copyOf(given);
  for (const { entity } of asks) openCustomer(world, customerId, entity);
  const customer = openCustomer(world, customerId, null);
  return asks.map((ask) => {
    const decision = { ...decide(world, customer, ask), ...summaryOf(world, customer, ask) };
    if (decision.allowed && asks.length > 1) {
      if (ask.units < 0n) giveBack(world, customer, ask, -ask.units);
      else draw(world, customer, ask, false);
    }
    return decision;
  });
}

export class Exceeded extends Refusal {
  constructor(readonly decision: Decision) {
    super("usage_exceeded");
  }
}

/** Applies all of `requests`, or throws: the world is to be thrown away then. */
export function useAll(world: World, customerId: string, requests: readonly Request[]): UseAnswer[] {
  const keys = requests.flatMap(({ key }) => key ?? []);
  if (new Set(keys).size < keys.length) throw new Refusal("invalid_argument");
  const before = world.customers.get(customerId);
  const earlier = requests.map((request) => repeatOf(before, request));
  if (earlier.every((use) => use !== null)) return earlier.map(replayed);
  // The uses of one event are repeated together, or another call has used the key.
  const [first] = earlier;
  const isOfEvent = ({ key }: Request) => key?.includes(" event ") === true;
  if (requests.some((request, index) => isOfEvent(request) && (first === null) !== (earlier[index] === null)))
    throw new Refusal("idempotency_conflict");
  const customer = openCustomer(world, customerId, null);
  for (const [index, { entity }] of requests.entries())
    if (earlier[index] === null) openCustomer(world, customerId, entity);
  return requests.map((request, index) => {
    const repeat = earlier[index] ?? null;
    return repeat === null ? useOne(world, customer, request) : replayed(repeat);
  });
}

function useOne(world: World, customer: Customer, request: Request): UseAnswer {
  const isHeld = featureOf(world.terms, request.feature).kind === "held";
  const policy = request.policy ?? defaultPolicy(world, customer, request, isHeld);
  const decision = policy === "reject" ? decide(world, customer, request) : null;
  if (decision !== null && request.units > 0n && !decision.allowed)
    throw new Exceeded({ ...decision, ...summaryOf(world, customer, request) });
  const outcome =
    request.units < 0n
      ? giveBack(world, customer, request, -request.units)
      : draw(world, customer, request, policy === "overflow");
  return record(world, customer, request, outcome);
}

/** Writes the use into the log. */
export function record(
  world: World,
  customer: Customer,
  use: Scope & { units: Nano; key: string | null; label: string | null } & Pick<
      Use,
      "held" | "expired" | "lateTotal" | "lapsed" | "refundOf"
    >,
  outcome: Pick<Outcome, "lots" | "uncovered" | "unlimited">,
): UseAnswer {
  const balance = summaryOf(world, customer, use);
  const { units: value, ...rest } = use;
  const event: Use = {
    ...rest,
    kind: "usage",
    plan: null,
    value,
    uncovered: outcome.uncovered,
    lots: outcome.lots,
    at: world.now,
    remaining: balance.remaining,
    unlimited: outcome.unlimited,
  };
  customer.uses.push(event);
  return { ...answerOf(event, balance.remaining), replayed: false, balance };
}

function answerOf({ value, uncovered, unlimited }: Use, remaining: number) {
  return {
    value: plain(value),
    applied: plain(value - uncovered),
    uncovered: plain(uncovered),
    remaining,
    unlimited,
  };
}

/** What was answered when the use was recorded. */
export function replayed(use: Use | null): UseAnswer {
  if (use === null) throw new Error("there is nothing to repeat");
  const remaining = use.unlimited ? 0 : (use.remaining ?? 0);
  return { ...answerOf(use, remaining), replayed: true, balance: null };
}

/** The use that a request repeats; null if none. */
function repeatOf(customer: Customer | undefined, { key, feature, entity, units }: Request): Use | null {
  const use = key === null ? undefined : findUse(customer, key);
  if (use === undefined) return null;
  const isSame =
    use.kind === "usage" && use.feature === feature && use.entity === entity && use.value === units;
  if (!isSame) throw new Refusal("idempotency_conflict");
  return use;
}

export const findUse = (customer: Customer | undefined, key: string): Use | undefined =>
  customer?.uses.find((use) => use.key === key);
