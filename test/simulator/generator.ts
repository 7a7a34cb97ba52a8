/** What happens next: made up from chance, with an eye on the model, so that it hits where it matters. */
import { badCalls } from "./badCalls.js";
import type { Chance } from "./chance.js";
import { plain } from "./model/amounts.js";
import { DAY, HOUR, type Every } from "./model/calendar.js";
import type { ControlAsk, LimitAsk } from "./model/controls.js";
import { summaryOf } from "./model/summaries.js";
import { nextBoundary } from "./model/time.js";
import type { Customer, World } from "./model/world.js";
import type { Step, UseStep, UsingStep } from "./steps.js";

const MINUTE = 60_000;
const CUSTOMERS = ["ada", "bob"];
const ENTITIES = ["e1", "e2"];

/** Instants at which months, leap years and years end: runs begin shortly before one of them. */
const BEGINNINGS = [
  "2024-02-28T23:50:00Z",
  "2023-12-31T12:00:00Z",
  "2025-01-31T09:30:00Z",
  "2024-01-30T00:00:00Z",
  "2026-03-30T22:00:00Z",
  "2027-08-31T23:59:59.999Z",
  "2028-02-29T06:00:00Z",
];

export const beginning = (chance: Chance): number =>
  Date.parse(chance.pick(BEGINNINGS)) + chance.whole(0, 1000);

export class Generator {
  private count = 0;

  constructor(private readonly chance: Chance) {}

  next(world: World): Step {
    // What is sold to each entity is worth little without any.
    const isForEntities = world.terms.plans.some(({ items }) => items.some((item) => item.entityFeature));
    const hasEntities = [...world.customers.values()].some(({ entities }) => entities.length > 0);
    if (isForEntities && !hasEntities && this.chance.once(0.3)) return this.entity(world);
    const make = this.chance.weighted<(world: World) => Step>([
      [22, (now) => this.pass(now)],
      [28, (now) => this.use(now)],
      [4, (now) => this.check(now)],
      [3, (now) => this.event(now)],
      [3, (now) => this.send(now)],
      [8, (now) => this.reserve(now)],
      [10, (now) => this.settle(now)],
      [7, (now) => this.refund(now)],
      [5, (now) => this.grant(now)],
      [3, (now) => this.set(now)],
      [2, (now) => this.revoke(now)],
      [8, (now) => this.attach(now)],
      [3, (now) => this.cancel(now)],
      [2, (now) => this.resume(now)],
      [4, (now) => this.control(now)],
      [4, () => this.sweep()],
      [4, (now) => this.together(now)],
      [2, () => this.bad()],
      [4, (now) => this.entity(now)],
      [1.5, (now) => this.leave(now)],
      [1, () => ({ do: "create", customer: this.customer() })],
      [0.3, () => ({ do: "remove", customer: this.customer() })],
    ]);
    return make(world);
  }

  private customer = (): string =>
    this.chance.weighted([
      [4, "ada"],
      [1, "bob"],
    ]);
  private label = (kind: string): string => `${kind}${++this.count}`;
  private known = (world: World, id: string): Customer | undefined => world.customers.get(id);

  private entityFor(world: World, id: string): { entity?: string } {
    const own = this.known(world, id)?.entities.map((each) => each.id) ?? [];
    if (own.length > 0 && this.chance.once(0.4)) return { entity: this.chance.pick(own) };
    return this.chance.once(0.02) ? { entity: this.chance.pick(ENTITIES) } : {};
  }

  private metered = (world: World): string =>
    this.chance.pick(world.terms.features.filter(({ kind }) => kind !== "boolean")).id;

  /** A key that is new, or one that was used before: then mostly for the same call. */
  private key(of = 0.35): { key?: string } {
    return this.chance.once(of) ? { key: `k${this.chance.whole(1, 12)}` } : {};
  }

  /** One for any change of plans: mostly it was used for another. */
  private planKey = (): string => `p${this.chance.whole(1, 3)}`;

  private amount(world: World, customer: string, feature: string, entity?: string): number {
    const known = this.known(world, customer);
    const summary = known && summaryOf(world, known, { feature, entity: entity ?? null });
    // What is left of everything, of the first to pay, or a little more than there is.
    const whole = Math.min(summary?.remaining ?? 10, 5_000);
    const first = Math.min(summary?.breakdown[0]?.remaining ?? 5, 5_000);
    const amount = this.chance.weighted<number>([
      [5, this.chance.pick([1, 1, 2, 3, 5])],
      [2, this.chance.pick([0.1, 0.5, 7.25, 1.001, 0.000000001])],
      [1, this.chance.pick([12, 20, 45.5])],
      [2, whole],
      [1, first],
      [3, whole + this.chance.pick([1, 2.5, 8, 25])],
      [0.4, 0],
    ]);
    return Number(amount.toFixed(9));
  }

  private pass(world: World): Step {
    const boundaries = [...world.customers.values()].flatMap((each) => [
      nextBoundary(each, world.now),
      ...each.holds.map(({ expires }) => expires),
    ]);
    const ahead = boundaries.filter((at) => at > world.now && at < world.now + 400 * DAY);
    const toNext = ahead.length === 0 ? DAY : this.chance.pick(ahead) - world.now;
    const ms = this.chance.weighted<number>([
      [3, this.chance.whole(1, 1000)],
      [3, this.chance.whole(1, 20) * MINUTE],
      [3, this.chance.whole(1, 48) * HOUR],
      [4, toNext + this.chance.pick([-1, 0, 0, 0, 1])],
      [2, this.chance.whole(1, 12) * DAY],
      [1.5, this.chance.whole(1, 3) * 31 * DAY],
      [0.2, this.chance.whole(300, 800) * DAY],
    ]);
    return { do: "pass", ms: Math.max(0, ms) };
  }

  private useOf(world: World, customer: string): UseStep {
    const feature = this.metered(world);
    const { entity } = this.entityFor(world, customer);
    const policy = this.chance.weighted([
      [5, undefined],
      [2, "reject"],
      [1, "overflow"],
      [1, "cap"],
    ] as const);
    return {
      feature,
      ...(entity !== undefined && { entity }),
      value: this.amount(world, customer, feature, entity),
      ...this.repeatedKey(world, customer),
      ...(policy !== undefined && { policy }),
      label: this.label("u"),
    };
  }

  private repeatedKey(world: World, customer: string): { key?: string } {
    return this.known(world, customer) === undefined ? {} : this.key(0.2);
  }

  private use(world: World): Step {
    const customer = this.customer();
    const earlier = this.repeat(world, customer);
    if (earlier !== null && this.chance.once(0.15)) return earlier;
    if (this.chance.once(0.12)) {
      const { policy: _policy, ...use } = this.useOf(world, customer);
      return { do: "track", customer, uses: [{ ...use, value: -use.value || 0 }] };
    }
    const uses = Array.from(
      {
        length: this.chance.weighted([
          [8, 1],
          [1, 2],
          [1, 3],
        ]),
      },
      () => this.useOf(world, customer),
    );
    if (this.chance.once(0.7)) return { do: "track", customer, uses };
    return { do: "consume", customer, uses: uses.map(({ policy: _policy, ...use }) => use) };
  }

  /** The same call again, as a retry would make it. */
  private repeat(world: World, customer: string): Step | null {
    const uses = (this.known(world, customer)?.uses ?? []).filter(
      ({ kind, key, refundOf }) =>
        kind === "usage" && key !== null && /^k\d+$/.test(key) && refundOf === undefined,
    );
    if (uses.length === 0) return null;
    const { feature, entity, value, key } = this.chance.pick(uses);
    const again = { feature: feature ?? "", value: plain(value), key: key ?? "", label: this.label("u") };
    return { do: "track", customer, uses: [{ ...again, ...(entity !== null && { entity }) }] };
  }

  private check(world: World): Step {
    const customer = this.customer();
    const asks = Array.from({ length: this.chance.whole(1, 2) }, () => {
      const feature = this.chance.pick(world.terms.features).id;
      const { entity } = this.entityFor(world, customer);
      const required = this.amount(world, customer, feature, entity);
      return { feature, ...(entity !== undefined && { entity }), required };
    });
    return { do: "check", customer, asks };
  }

  private event(world: World): Step {
    const events = world.terms.features.flatMap(({ events: names = [] }) => names);
    const customer = this.customer();
    return {
      do: "event",
      customer,
      event: this.chance.pick(events),
      value: this.amount(world, customer, "messages"),
      ...this.repeatedKey(world, customer),
      ...(this.chance.once(0.3) && { policy: this.chance.pick(["reject", "overflow"] as const) }),
      ...this.entityFor(world, customer),
    };
  }

  private send(world: World): Step {
    const customer = this.customer();
    const feature = this.metered(world);
    const { entity } = this.entityFor(world, customer);
    return {
      do: "send",
      customer,
      feature,
      value: this.amount(world, customer, feature, entity),
      ...(entity !== undefined && { entity }),
      ...this.repeatedKey(world, customer),
    };
  }

  private reserve(world: World): Step {
    const customer = this.customer();
    const open = this.known(world, customer)?.holds ?? [];
    if (open.length > 0 && this.chance.once(0.15)) {
      const { id: hold, feature, entity, asked } = this.chance.pick(open);
      const value = Number((plain(asked) + (this.chance.once(0.3) ? 1 : 0)).toFixed(9));
      return { do: "reserve", customer, feature, value, ttl: HOUR, hold, ...(entity !== null && { entity }) };
    }
    const feature = this.metered(world);
    const { entity } = this.entityFor(world, customer);
    return {
      do: "reserve",
      customer,
      feature,
      value: this.amount(world, customer, feature, entity),
      ttl: this.chance.pick([1, MINUTE, 15 * MINUTE, 2 * HOUR, DAY]),
      hold: this.label("h"),
      ...(entity !== undefined && { entity }),
    };
  }

  /** What becomes of a hold; or of one that is settled, once more. An action that dies does nothing of it. */
  private settle(world: World): Step {
    const customer = this.customer();
    const known = this.known(world, customer);
    const settled = (known?.uses ?? []).flatMap(({ key }) => (key?.startsWith("hold ") ? key.slice(5) : []));
    const open = known?.holds ?? [];
    const any = [...open.map(({ id }) => id), ...settled.slice(-3)];
    const hold = any.length === 0 ? "h0" : this.chance.pick(any);
    const value = plain(open.find(({ id }) => id === hold)?.value ?? 0n);
    const part = Number((value * this.chance.pick([0, 0.25, 0.5, 1, 1.2])).toFixed(3));
    const total = this.chance.pick([part, part, value, Number((value + 1).toFixed(9))]);
    return this.chance.weighted<Step>([
      [2, { do: "report", customer, hold, total }],
      [
        2,
        {
          do: "extend",
          customer,
          hold,
          value: this.chance.pick([0, 1, 2.5, 10]),
          ...(this.chance.once(0.5) && { ttl: this.chance.pick([MINUTE, HOUR, DAY]) }),
        },
      ],
      [4, { do: "confirm", customer, hold, total }],
      [2, { do: "confirm", customer, hold }],
      [2, { do: "release", customer, hold }],
    ]);
  }

  private refund(world: World): Step {
    const customer = this.customer();
    const uses = (this.known(world, customer)?.uses ?? []).filter(
      ({ label, key }) => label !== null || key?.startsWith("hold ") || (key !== null && /^k\d+$/.test(key)),
    );
    if (uses.length === 0) return { do: "refund", customer, key: "k1" };
    const use = this.chance.pick(uses.slice(-15));
    const whole = plain(use.value - use.uncovered);
    const part = Number((whole * this.chance.pick([0.1, 0.3, 0.5, 1])).toFixed(4));
    return {
      do: "refund",
      customer,
      ...(use.label === null ? { key: use.key?.replace("hold ", "") ?? "" } : { label: use.label }),
      ...(this.chance.once(0.6) && { value: Math.max(0, part) }),
      ...(this.chance.once(0.4) && { refundKey: `r${this.chance.whole(1, 2)}` }),
    };
  }

  private grant(world: World): Step {
    const customer = this.customer();
    const { id: feature, kind } = this.chance.pick(world.terms.features);
    const every = this.chance.pick<Every>([
      { interval: "month", count: 1 },
      { interval: "week", count: 1 },
      { interval: "day", count: 1 },
    ]);
    const isEndless = kind === "boolean" || this.chance.once(0.03);
    const startsAt = this.chance.once(0.15) ? world.now + this.chance.whole(1, 20) * DAY : undefined;
    const from = Math.max(world.now, startsAt ?? 0);
    const last = this.chance.pick([HOUR, DAY, 10 * DAY, 45 * DAY]);
    return {
      do: "grant",
      customer,
      feature,
      ...(!isEndless && { amount: this.chance.pick([1, 5, 10, 10, 25.5]) }),
      ...(startsAt !== undefined && { startsAt }),
      ...(this.chance.once(isEndless ? 0.9 : 0.4) && { expiresAt: from + last }),
      ...(this.chance.once(0.25) && { priority: this.chance.pick([-1, 1, 2]) }),
      ...(this.chance.once(0.2) && { every }),
      ...(this.chance.once(0.1) && { every, anchor: world.now + this.chance.whole(-40, 10) * DAY }),
      ...this.key(0.2),
      ...this.entityFor(world, customer),
    };
  }

  private set(world: World): Step {
    const customer = this.customer();
    const feature = this.metered(world);
    const to = this.chance.pick([0, 1, 10, 30.5, 100]);
    const target = this.chance.pick([{ remaining: to }, { usage: to }, { granted: to }]);
    const pot = this.chance.once("granted" in target ? 0.9 : 0.4) ? { pot: this.chance.whole(0, 3) } : {};
    return {
      do: "set",
      customer,
      feature,
      target,
      ...pot,
      ...this.key(0.15),
      ...this.entityFor(world, customer),
    };
  }

  private revoke(world: World): Step {
    const customer = this.customer();
    const pots = this.known(world, customer)?.pots ?? [];
    if (pots.length === 0) return { do: "revoke", customer, feature: "messages", pot: 0 };
    const { feature, entity } = this.chance.pick(pots);
    const place = this.chance.whole(0, 5);
    return {
      do: "revoke",
      customer,
      feature,
      pot: place,
      ...(entity !== null && { entity }),
      ...this.key(0.15),
    };
  }

  private attach(world: World): Step {
    const customer = this.customer();
    const plan = this.chance.pick(world.terms.plans);
    const prepaid = plan.items.filter(({ price }) => price?.method === "prepaid");
    const quantities = Object.fromEntries(
      this.chance
        .some(prepaid, 0.7)
        .map(({ feature, included }) => [feature, included + this.chance.whole(0, 60)]),
    );
    const isTop = plan.price !== undefined && plan.price.every === undefined;
    const isTried = !isTop && this.chance.once(0.1);
    // Asked in the same words each time, so that some are repeats.
    if (this.chance.once(0.15)) return { do: "attach", customer, plan: plan.id, key: `p-${plan.id}` };
    return {
      do: "attach",
      customer,
      plan: plan.id,
      ...(this.chance.once(0.7) && {
        when: this.chance.once(0.4) ? ("period_end" as const) : ("now" as const),
      }),
      ...(Object.keys(quantities).length > 0 && { quantities }),
      ...(isTried && {
        trial: this.chance.pick([
          { length: 7, unit: "day" as const },
          { length: 1, unit: "month" as const },
        ]),
        ...(this.chance.once(0.3) && { fingerprint: "f1" }),
      }),
      ...(this.chance.once(0.15) && { carriesUsage: true as const }),
      ...(this.chance.once(0.15) && { carriesBalance: true as const }),
      ...(this.chance.once(0.1) && { key: this.chance.once(0.5) ? `p-${plan.id}` : this.planKey() }),
      ...(this.chance.once(0.3) && this.entityFor(world, customer)),
    };
  }

  /** A subscription that the customer has, mostly. */
  private held(world: World, customer: string): { plan: string; entity?: string } {
    const held = this.known(world, customer)?.subscriptions ?? [];
    const open = held.filter(({ ends }) => ends === null || ends > world.now);
    if (open.length === 0 || this.chance.once(0.05)) return { plan: this.chance.pick(world.terms.plans).id };
    const { terms, entity } = this.chance.pick(open);
    return { plan: terms.id, ...(entity !== null && { entity }) };
  }

  private cancel(world: World): Step {
    const customer = this.customer();
    const when = this.chance.once(0.6) ? "period_end" : "now";
    const held = this.held(world, customer);
    const key = this.chance.once(0.2)
      ? { key: this.chance.once(0.7) ? `c-${held.plan}` : this.planKey() }
      : {};
    return { do: "cancel", customer, ...held, when, ...key };
  }

  private resume(world: World): Step {
    const customer = this.customer();
    const key = this.chance.once(0.2) ? { key: this.planKey() } : {};
    return { do: "resume", customer, ...this.held(world, customer), ...key };
  }

  private control(world: World): Step {
    const customer = this.customer();
    const limit = (interval: LimitAsk["interval"]): LimitAsk => ({
      max: this.chance.pick([3, 10, 25.5, 60]),
      interval,
      ...(this.chance.once(0.6) && { anchor: this.chance.pick(["utc", "billing_cycle"] as const) }),
    });
    const intervals = this.chance.some(["day", "week", "month"] as const, 0.4);
    const change = this.chance.weighted<ControlAsk>([
      [3, { limits: intervals.map(limit) }],
      [1, { limits: null }],
      [2, { spend: this.chance.pick([0, 5, 20, { percent: 50 }, { percent: 33.3 }]) }],
      [1, { spend: null }],
      [2, { allowed: this.chance.once(0.6) }],
      [1, { allowed: null }],
    ]);
    return {
      do: "control",
      customer,
      feature: this.metered(world),
      change,
      ...this.entityFor(world, customer),
    };
  }

  /** Skipped as long as nothing calls it, and doubled now and then. */
  private sweep(): Step {
    return {
      do: "sweep",
      what: this.chance.pick(["resets", "holds"] as const),
      times: this.chance.once(0.3) ? 2 : 1,
    };
  }

  private together(world: World): Step {
    const steps = Array.from({ length: this.chance.whole(2, 3) }, () =>
      this.chance.weighted<() => Step>([
        [4, () => this.use(world)],
        [1, () => this.reserve(world)],
        [1, () => this.settle(world)],
        [1, () => this.check(world)],
      ])(),
    );
    const using = steps.filter(
      (step): step is UsingStep => step.do !== "report" && step.do !== "extend" && step.do !== "pass",
    );
    return { do: "together", steps: using, throws: this.chance.once(0.5) };
  }

  private bad(): Step {
    const { name, refusal } = this.chance.pick(badCalls);
    return { do: "bad", customer: this.customer(), call: name, refusal };
  }

  private entity(world: World): Step {
    const customer = this.chance.pick(CUSTOMERS);
    const held = world.terms.features.filter(({ kind }) => kind === "held");
    if (held.length === 0) return this.use(world);
    return { do: "entity", customer, entity: this.chance.pick(ENTITIES), feature: this.chance.pick(held).id };
  }

  private leave(world: World): Step {
    const customer = this.customer();
    const entities = this.known(world, customer)?.entities.map(({ id }) => id) ?? [];
    const entity = this.chance.pick(entities.length === 0 ? ENTITIES : entities);
    return { do: "leave", customer, entity, ...this.key(0.2) };
  }
}
