import fc from "fast-check";
import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import { Accounts } from "../../src/react/account.js";
import { checkOf } from "../../src/react/checks.js";
import { Clock } from "../../src/react/clock.js";
import { isTallyError } from "../../src/client/index.js";
import { api, catalog, deployed, tally, type Deployed } from "./app.js";

const HOUR = 3_600_000;
const DAY = 24 * HOUR;
const JAN_31 = Date.UTC(2026, 0, 31, 10);
const customerId = "acme";

beforeEach(() => {
  vi.useFakeTimers({ now: JAN_31, toFake: ["Date"] });
});
afterEach(() => {
  vi.useRealTimers();
});

const owner = fc.constantFrom(undefined, "ann", "bob");
const featureId = fc.constantFrom("messages", "premium", "storage", "seats", "search", "credits");
const metered = fc.constantFrom("messages", "premium", "storage", "seats", "credits");
const amount = fc.integer({ min: 1, max: 160 }).map((tenths) => tenths / 10);
const wait = fc.oneof(fc.integer({ min: 1, max: 3 * HOUR }), fc.integer({ min: DAY, max: 40 * DAY }));
const interval = fc.constantFrom("day", "week", "month" as const);

const step = fc.oneof(
  { weight: 3, arbitrary: fc.record({ kind: fc.constant("use"), owner, featureId: metered, value: amount }) },
  {
    weight: 2,
    arbitrary: fc.record({
      kind: fc.constant("grant"),
      owner,
      featureId,
      amount,
      startsIn: fc.option(wait, { nil: undefined }),
      lasts: fc.option(wait, { nil: undefined }),
      reset: fc.option(interval, { nil: undefined }),
    }),
  },
  {
    weight: 2,
    arbitrary: fc.record({
      kind: fc.constant("attach"),
      owner,
      planId: fc.constantFrom("free", "pro", "endless", "team", "team", "pack"),
    }),
  },
  fc.record({
    kind: fc.constant("cancel"),
    planId: fc.constantFrom("free", "pro", "endless", "team"),
    when: fc.constantFrom("now", "period_end" as const),
  }),
  {
    weight: 2,
    arbitrary: fc.record({
      kind: fc.constant("control"),
      owner,
      featureId: metered,
      usageLimits: fc.option(
        fc.array(
          fc.record({ max: amount, interval, anchor: fc.constantFrom("billing_cycle", "utc" as const) }),
          {
            maxLength: 2,
          },
        ),
        { nil: undefined },
      ),
      spendLimit: fc.option(
        fc.oneof(
          amount,
          fc.record({ percent: fc.integer({ min: 0, max: 150 }) }),
          fc.constant("none" as const),
        ),
        { nil: undefined },
      ),
      overageAllowed: fc.option(fc.boolean(), { nil: undefined }),
    }),
  },
  fc.record({ kind: fc.constant("wait"), ms: wait }),
);
type Step = typeof step extends fc.Arbitrary<infer S> ? S : never;

/** What cannot be done is not done: a plan that he has not, a use that is refused. */
async function take(t: Deployed, taken: Step): Promise<void> {
  const of = { customerId, entityId: "owner" in taken ? taken.owner : undefined };
  try {
    await t.mutation(async (ctx): Promise<unknown> => {
      switch (taken.kind) {
        case "use":
          return await tally.for(ctx, of).track({ featureId: taken.featureId as string, value: taken.value });
        case "grant":
          return await tally.grants.grant(ctx, { ...of, ...grantOf(taken) });
        case "attach":
          return await tally.subscriptions.attach(ctx, { ...of, planId: taken.planId });
        case "cancel":
          return await tally.subscriptions.cancel(ctx, { ...of, planId: taken.planId, when: taken.when });
        case "control": {
          const { kind: _kind, owner: _owner, ...control } = taken;
          return await tally.controls.set(ctx, { ...of, ...control });
        }
        case "wait":
          return void vi.setSystemTime(Date.now() + taken.ms);
      }
    });
  } catch (error) {
    if (!isTallyError(error)) throw error;
  }
}

function grantOf({ featureId, amount, startsIn, lasts, reset }: Extract<Step, { kind: "grant" }>) {
  const startsAt = startsIn === undefined ? undefined : Date.now() + startsIn;
  return {
    featureId,
    ...(catalog.feature(featureId).type !== "boolean" && { amount }),
    startsAt,
    expiresAt: lasts === undefined ? undefined : (startsAt ?? Date.now()) + lasts,
    ...(reset !== undefined && { reset: { interval: reset } }),
  };
}

/** A customer of a team plan, whose limit of what may be owed spans Ann and Bob, each with a plan of his own. */
const spending = fc.oneof(
  {
    weight: 4,
    arbitrary: fc.record({
      kind: fc.constant("use"),
      owner,
      featureId: fc.constant("storage"),
      value: amount,
    }),
  },
  fc.record({
    kind: fc.constant("control"),
    owner: fc.constantFrom(undefined, undefined, "ann"),
    featureId: fc.constant("storage"),
    usageLimits: fc.constant(undefined),
    spendLimit: fc.oneof(amount, fc.record({ percent: fc.integer({ min: 0, max: 150 }) })),
    overageAllowed: fc.constant(undefined),
  }),
);

/** What was compared, over all runs of a property: so that it cannot pass by comparing nothing. */
interface Seen {
  allowed: number;
  refused: Set<string>;
  others: number;
  later: number;
}

async function deployedWith(steps: readonly Step[], hasTeam: boolean): Promise<Deployed> {
  vi.setSystemTime(JAN_31);
  const t = deployed();
  await t.mutation(async (ctx) => {
    await tally.customers.create(ctx, { customerId });
    for (const entityId of ["ann", "bob"]) {
      await tally.entities.create(ctx, { customerId, entityId, featureId: "seats" });
      if (hasTeam) await tally.subscriptions.attach(ctx, { customerId, entityId, planId: "pro" });
    }
    if (hasTeam) await tally.subscriptions.attach(ctx, { customerId, planId: "team" });
  });
  for (const each of steps) await take(t, each);
  return t;
}

/** Decides as a page does by what it loaded, and asks the deployment: right away, and after each of `waits`. */
async function compare(t: Deployed, subject: string, asked: readonly number[], waits: number[], seen: Seen) {
  const viewer = t.withIdentity({ subject });
  const customer = await viewer.query(api.billing.customer, {});
  const balances = await viewer.query(api.billing.balances, {});
  if (customer === null || balances === null) throw new Error("somebody is signed in");
  const account = new Accounts(new Clock()).of(customer, balances);
  // What one part knows of the others is their sum as it was.
  const isSum = balances.some(({ others }) => others !== undefined);
  if (isSum) seen.others++;
  for (const ms of [0, ...(isSum ? [] : waits)]) {
    vi.setSystemTime(Date.now() + ms);
    if (ms > 0) seen.later++;
    for (const { id } of customer.features) {
      for (const requiredBalance of asked) {
        const here = checkOf(account, id, requiredBalance, Date.now());
        const there = await viewer.query(api.billing.check, { featureId: id, requiredBalance });
        expect(here).toEqual(there);
        if (here.allowed) seen.allowed++;
        else seen.refused.add(String(here.reason));
      }
    }
  }
}

describe("what a page decides by itself", () => {
  const asked = fc.array(fc.oneof(fc.constantFrom(0, 0.1, 300), amount), { minLength: 1, maxLength: 3 });
  // The same each time, so that what it has to have seen it does see.
  const fixed = { seed: 5 };

  test("is what the deployment answers: of the same state, at the same instant and later", async () => {
    const seen: Seen = { allowed: 0, refused: new Set(), others: 0, later: 0 };
    const steps = fc.array(step, { minLength: 4, maxLength: 24 });
    const waits = fc.array(wait, { maxLength: 3 });
    await fc.assert(
      fc.asyncProperty(steps, asked, waits, async (steps, asked, waits) => {
        const t = await deployedWith(steps, false);
        const loadedAt = Date.now();
        await compare(t, customerId, asked, waits, seen);
        vi.setSystemTime(loadedAt);
        await compare(t, `ann@${customerId}`, asked, waits, seen);
      }),
      { ...fixed, numRuns: 40 },
    );
    expect(seen.allowed).toBeGreaterThan(100);
    expect([...seen.refused].sort()).toEqual(["insufficient", "not_included", "spend_limit", "usage_limit"]);
    expect(seen.later).toBeGreaterThan(30);
  });

  test("of one part of a customer is what the deployment answers, whatever the others owe", async () => {
    const seen: Seen = { allowed: 0, refused: new Set(), others: 0, later: 0 };
    const steps = fc.array(spending, { minLength: 1, maxLength: 8 });
    await fc.assert(
      fc.asyncProperty(steps, asked, async (steps, asked) => {
        const t = await deployedWith(steps, true);
        await compare(t, `ann@${customerId}`, asked, [], seen);
      }),
      { ...fixed, numRuns: 60 },
    );
    expect(seen.others).toBeGreaterThan(30);
    expect(seen.refused).toContain("spend_limit");
  });

  test("of a customer who has never used anything is what he would begin with", async () => {
    const viewer = deployed().withIdentity({ subject: "new" });
    const customer = await viewer.query(api.billing.customer, {});
    const balances = await viewer.query(api.billing.balances, {});
    const account = new Accounts(new Clock()).of(customer!, balances!);
    for (const { id } of customer?.features ?? []) {
      const here = checkOf(account, id, 1, Date.now());
      const there = await viewer.query(api.billing.check, { featureId: id });
      // The grants that he would begin with have no ids yet.
      const unnamed = (parts: typeof here.breakdown = []) => parts.map((part) => ({ ...part, grantId: "" }));
      expect({ ...here, breakdown: unnamed(here.breakdown) }).toEqual({
        ...there,
        breakdown: unnamed(there?.breakdown),
      });
    }
  });
});
