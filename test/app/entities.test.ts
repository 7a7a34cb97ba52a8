/** Parts of customers: the seats that they take, what they have for themselves, and how they go. */
import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import { components } from "../../convex/_generated/api.js";
import type { MutationCtx } from "../../convex/_generated/server.js";
import { defineCatalog, Tally, type ErrorKind } from "../../src/client/index.js";
import { deployment, unproven, type Deployment } from "./deployment.js";
import { addReservations, registerInspected, setEntityCount, stored } from "./stored.js";

const customerId = "acme";
const JANUARY = Date.UTC(2026, 0, 10);
const FEBRUARY = Date.UTC(2026, 1, 10);
const DAY = 24 * 60 * 60_000;
const month = { interval: "month" } as const;

/** 50 summaries for each seat; the plans differ in the seats that they have. */
const summaries = { featureId: "summaries", included: 50, entityFeatureId: "seats", reset: month };
const extraSeats = { amount: 10, interval: "month", billingMethod: "usage_based" } as const;

const tally = new Tally(components.tally, {
  catalog: defineCatalog({
    features: [
      { id: "seats", type: "metered", consumable: false },
      { id: "workspaces", type: "metered", consumable: false },
      { id: "summaries", type: "metered" },
      { id: "messages", type: "metered" },
      { id: "onboardings", type: "metered" },
      { id: "tokens", type: "metered" },
      { id: "guests", type: "metered", consumable: false },
      {
        id: "credits",
        type: "credit_system",
        creditSchema: [{ meteredFeatureId: "seats", creditCost: 1 }],
      },
    ],
    plans: [
      {
        id: "free",
        autoEnable: true,
        items: [
          { featureId: "messages", included: 100, reset: month },
          { featureId: "credits", included: 100, reset: month },
          summaries,
        ],
      },
      {
        id: "team",
        price: { amount: 20, interval: "month" },
        items: [
          { featureId: "seats", included: 3 },
          { featureId: "messages", included: 100, reset: month },
          summaries,
          { featureId: "onboardings", included: 1, entityFeatureId: "seats" },
          { featureId: "guests", included: 5, entityFeatureId: "workspaces" },
        ],
      },
      {
        id: "business",
        price: { amount: 50, interval: "month" },
        items: [
          { featureId: "seats", included: 1, price: { ...extraSeats, maxPurchase: 2 } },
          { featureId: "messages", included: 100, reset: month },
          summaries,
        ],
      },
      {
        id: "in-advance",
        price: { amount: 60, interval: "month" },
        items: [
          { featureId: "seats", included: 1, price: { ...extraSeats, billingMethod: "prepaid" } },
          summaries,
        ],
      },
      { id: "weekly", price: { amount: 5, interval: "week" }, items: [summaries] },
      {
        id: "open",
        price: { amount: 90, interval: "month" },
        items: [{ featureId: "seats", unlimited: true }],
      },
      {
        id: "power-seat",
        group: "of seats",
        price: { amount: 9, interval: "month" },
        items: [
          { featureId: "tokens", included: 10, reset: month, price: { ...extraSeats, amount: 0.5 } },
          { featureId: "messages", included: 30, reset: month },
        ],
      },
    ],
  }),
  identify: () => Promise.resolve(null),
});

beforeEach(() => {
  vi.useFakeTimers();
  vi.setSystemTime(JANUARY);
});
afterEach(() => {
  vi.useRealTimers();
});

type PlanId = "team" | "weekly" | "business" | "in-advance" | "open" | "power-seat";

/** Acme with a plan beside the free one, if any. */
async function acme(planId?: PlanId, quantities?: Record<string, number>) {
  const t = deployment();
  registerInspected(t);
  if (planId !== undefined) await attach(t, planId, { quantities });
  return t;
}

function attach(
  t: Deployment,
  planId: PlanId | "free",
  more: { entityId?: string; quantities?: Record<string, number>; when?: "now" | "period_end" } = {},
) {
  return t.mutation((ctx) => tally.subscriptions.attach(ctx, { customerId, planId, ...more }));
}

interface Creation {
  featureId?: "seats" | "workspaces";
  onInsufficient?: "reject" | "overflow";
  name?: string;
}

function create(t: Deployment, entityId: string, creation: Creation = {}) {
  return t.mutation((ctx) =>
    tally.entities.create(ctx, { customerId, entityId, featureId: "seats", ...creation }),
  );
}

interface Removal {
  idempotencyKey?: string;
  reason?: string;
  actor?: string;
}

function remove(t: Deployment, entityId: string, removal: Removal = {}) {
  return t.mutation((ctx) => tally.entities.remove(ctx, { customerId, entityId, ...removal }));
}

async function created(t: Deployment, ...entityIds: string[]) {
  for (const entityId of entityIds) await create(t, entityId);
  return t;
}

function check(t: Deployment, featureId: string, entityId?: string) {
  return t.query((ctx) => tally.for(ctx, { customerId, entityId }).check({ featureId }));
}

function use(t: Deployment, featureId: string, value: number, entityId?: string) {
  return t.mutation((ctx) => tally.for(ctx, { customerId, entityId }).track({ featureId, value }));
}

function reserve(t: Deployment, featureId: string, value: number, entityId: string) {
  return t.mutation(async (ctx) => {
    const { reservationId } = await tally.reservations.reserve(ctx, {
      customerId,
      featureId,
      value,
      entityId,
    });
    return reservationId ?? "";
  });
}

async function events(t: Deployment, featureId?: string) {
  const { page } = await t.query((ctx) => tally.events.list(ctx, { customerId, featureId, limit: 200 }));
  return page.reverse();
}

const refusedAs = (kind: ErrorKind) => ({ data: { kind } });

describe("an entity's seat", () => {
  test("is used of the customer's own balance", async () => {
    const t = await acme("team");
    const { created: isNew, seat } = await create(t, "ada");
    expect(isNew).toBe(true);
    expect(seat).toMatchObject({ featureId: "seats", applied: 1, remaining: 2 });
    expect(await check(t, "seats")).toMatchObject({ granted: 3, usage: 1, remaining: 2 });
  });

  test("is an event that says whose it is, with the draw that paid", async () => {
    const t = await created(await acme("team"), "ada");
    const [grant] = (await check(t, "seats")).breakdown;
    expect(await events(t, "seats")).toMatchObject([
      { kind: "usage", value: 1, remaining: 2, key: "ada", draws: [{ grantId: grant?.grantId, amount: 1 }] },
    ]);
  });

  test("is used once, however often the entity is created", async () => {
    const t = await created(await acme("team"), "ada");
    const before = await stored(t);
    expect(await create(t, "ada")).toEqual({ created: false, seat: null });
    expect(await stored(t)).toEqual(before);
  });

  test("is used once, though ten create it at the same time", async () => {
    const t = await acme("team");
    const answers = await Promise.all(Array.from({ length: 10 }, () => create(t, "ada")));
    expect(answers.filter((answer) => answer.created)).toHaveLength(1);
    expect(await check(t, "seats")).toMatchObject({ usage: 1 });
  });

  test("of a free plan may go below zero", async () => {
    const t = await created(await acme("team"), "ada", "bob", "cy", "dan");
    expect(await check(t, "seats")).toMatchObject({ allowed: false, usage: 4, remaining: 0, balance: -1 });
  });

  test("is refused where overage is forbidden, with the check's answer, and nothing is created", async () => {
    const t = await created(await acme("team"), "ada", "bob", "cy");
    await t.mutation((ctx) =>
      tally.controls.set(ctx, { customerId, featureId: "seats", overageAllowed: false }),
    );
    const before = await stored(t);
    await expect(create(t, "dan")).rejects.toMatchObject({
      data: {
        kind: "usage_exceeded",
        featureId: "seats",
        reason: "insufficient",
        remaining: 0,
        check: { allowed: false, granted: 3, usage: 3 },
      },
    });
    expect(await stored(t)).toEqual(before);
  });

  test("is refused by a call that says so, though the plan is free", async () => {
    const t = await created(await acme("team"), "ada", "bob", "cy");
    await expect(create(t, "dan", { onInsufficient: "reject" })).rejects.toMatchObject(
      refusedAs("usage_exceeded"),
    );
    expect(await check(t, "seats")).toMatchObject({ usage: 3 });
  });

  test("that is paid for by use goes as far as may be bought", async () => {
    const t = await created(await acme("business"), "ada", "bob", "cy");
    expect(await check(t, "seats")).toMatchObject({ usage: 3, balance: -2 });
    await expect(create(t, "dan")).rejects.toMatchObject(refusedAs("usage_exceeded"));
  });

  test("that is bought in advance goes as far as it is bought", async () => {
    const t = await created(await acme("in-advance", { seats: 2 }), "ada", "bob");
    await expect(create(t, "cy")).rejects.toMatchObject(refusedAs("usage_exceeded"));
    await create(t, "cy", { onInsufficient: "overflow" });
    expect(await check(t, "seats")).toMatchObject({ usage: 3, balance: -1 });
  });

  test("stops at a usage limit and at a spend limit", async () => {
    const t = await acme("team");
    const limit = { customerId, featureId: "seats" } as const;
    await t.mutation((ctx) =>
      tally.controls.set(ctx, { ...limit, usageLimits: [{ max: 1, interval: "month" }] }),
    );
    await create(t, "ada");
    await expect(create(t, "bob", { onInsufficient: "reject" })).rejects.toMatchObject({
      data: { kind: "usage_exceeded", reason: "usage_limit" },
    });
    await t.mutation((ctx) => tally.controls.set(ctx, { ...limit, usageLimits: null, spendLimit: 1 }));
    await created(t, "bob", "cy", "dan");
    await expect(create(t, "eve")).rejects.toMatchObject(refusedAs("usage_exceeded"));
    expect(await check(t, "seats")).toMatchObject({ usage: 4 });
  });

  test("of an unlimited plan is counted", async () => {
    const t = await created(await acme("open"), "ada", "bob");
    expect(await check(t, "seats")).toMatchObject({ unlimited: true, usage: 2 });
  });

  test("is never paid by credits", async () => {
    const t = await created(await acme("team"), "ada");
    expect(await check(t, "credits")).toMatchObject({ usage: 0 });
  });

  test("that nothing counts is free, as Autumn's is; unless it is to be refused", async () => {
    const t = await acme();
    expect(await create(t, "ada")).toEqual({ created: true, seat: null });
    expect(await events(t, "seats")).toEqual([]);
    await expect(create(t, "bob", { onInsufficient: "reject" })).rejects.toMatchObject({
      data: { kind: "usage_exceeded", reason: "not_included" },
    });
  });

  test("that is refused to a newcomer begins nobody", async () => {
    const t = await acme();
    const before = await stored(t);
    await expect(create(t, "ada", { onInsufficient: "reject" })).rejects.toMatchObject(
      refusedAs("usage_exceeded"),
    );
    expect(await stored(t)).toEqual(before);
  });

  test("that crosses a threshold, or is the last, is told of once", async () => {
    const told: string[] = [];
    const watched = new Tally(components.tally, {
      catalog: tally.catalog,
      identify: () => Promise.resolve(null),
      usageAlerts: [{ featureId: "seats", threshold: 2, thresholdType: "usage" }],
      on: {
        thresholdReached: async (_ctx, { featureId, usage }) => void told.push(`${featureId}: ${usage}`),
        limitReached: async (_ctx, { featureId, reason }) => void told.push(`${featureId}: ${reason}`),
      },
    });
    const t = await created(await acme("team"), "ada");
    for (const entityId of ["ada", "bob", "bob", "cy"]) {
      await t.mutation((ctx) => watched.entities.create(ctx, { customerId, entityId, featureId: "seats" }));
    }
    expect(told).toEqual(["seats: 2", "seats: insufficient"]);
  });

  test("of a plan whose payment is missing is refused", async () => {
    const t = await created(await acme("team"), "ada");
    await t.mutation((ctx) =>
      tally.subscriptions.setPastDue(ctx, {
        customerId,
        planId: "team",
        pastDue: true,
        since: JANUARY - 4 * DAY,
      }),
    );
    await expect(create(t, "bob")).rejects.toMatchObject({
      data: { kind: "usage_exceeded", reason: "not_included" },
    });
  });

  test("several in one mutation are all taken, or none if that fails", async () => {
    const t = await acme("business");
    const before = await stored(t);
    const four = t.mutation(async (ctx) => {
      for (const entityId of ["ada", "bob", "cy", "dan"])
        await tally.entities.create(ctx, { customerId, entityId, featureId: "seats" });
    });
    await expect(four).rejects.toMatchObject(refusedAs("usage_exceeded"));
    expect(await stored(t)).toEqual(before);
  });

  test("is there for nobody else's entities: each feature counts its own", async () => {
    const t = await created(await acme("team"), "ada");
    await create(t, "red", { featureId: "workspaces" });
    expect(await check(t, "seats")).toMatchObject({ usage: 1 });
  });
});

describe("seats over a change of plans", () => {
  test("stay used when a plan with other seats takes over", async () => {
    const t = await created(await acme("team"), "ada", "bob");
    await attach(t, "business");
    expect(await check(t, "seats")).toMatchObject({ granted: 1, usage: 2, balance: -1 });
  });

  test("are counted when a plan brings them to entities that are there", async () => {
    const t = await created(await acme(), "ada", "bob");
    await attach(t, "team");
    expect(await check(t, "seats")).toMatchObject({ granted: 3, usage: 2, remaining: 1 });
    expect(await events(t, "seats")).toMatchObject([{ kind: "usage", value: 2, remaining: 1 }]);
  });

  test("are not free again for those who cancel and come back", async () => {
    const t = await created(await acme("team"), "ada", "bob", "cy");
    await t.mutation((ctx) => tally.subscriptions.cancel(ctx, { customerId, planId: "team", when: "now" }));
    await attach(t, "team");
    expect(await check(t, "seats")).toMatchObject({ usage: 3, remaining: 0 });
  });

  test("are not counted twice by a plan that changes nothing", async () => {
    const t = await created(await acme("team"), "ada", "bob");
    await attach(t, "in-advance", { quantities: { seats: 5 } });
    expect(await check(t, "seats")).toMatchObject({ usage: 2, remaining: 3 });
  });

  test("that were scheduled to come count all entities with the next one", async () => {
    const t = await created(await acme(), "ada", "bob");
    await attach(t, "team", { when: "period_end" });
    vi.setSystemTime(FEBRUARY);
    await create(t, "cy", { onInsufficient: "reject" });
    expect(await check(t, "seats")).toMatchObject({ usage: 3, remaining: 0 });
  });

  test("of which uses were recorded by hand as well are not counted twice", async () => {
    const t = await created(await acme(), "ada", "bob");
    await t.mutation((ctx) => tally.grants.grant(ctx, { customerId, featureId: "seats", amount: 5 }));
    await use(t, "seats", 2);
    await create(t, "cy");
    expect(await check(t, "seats")).toMatchObject({ usage: 3 });
  });

  test("go back to the plan that has them now", async () => {
    const t = await created(await acme("team"), "ada", "bob");
    await attach(t, "business");
    await remove(t, "bob");
    expect(await check(t, "seats")).toMatchObject({ granted: 1, usage: 1, balance: 0 });
  });

  test("that a plan has counted together go back one by one", async () => {
    const t = await created(await acme(), "ada", "bob");
    await attach(t, "team");
    await remove(t, "ada");
    expect(await check(t, "seats")).toMatchObject({ usage: 1, remaining: 2 });
    await remove(t, "bob");
    expect(await check(t, "seats")).toMatchObject({ usage: 0, remaining: 3 });
  });
});

describe("removing an entity", () => {
  test("gives its seat back to the very grant that paid", async () => {
    const t = await created(await acme("team"), "ada", "bob", "cy");
    const gift = await t.mutation((ctx) =>
      tally.grants.grant(ctx, { customerId, featureId: "seats", amount: 2 }),
    );
    await create(t, "dan");
    await remove(t, "dan");
    const { breakdown } = await check(t, "seats");
    expect(breakdown.map(({ grantId, usage }) => [grantId === gift.grantId, usage])).toEqual([
      [false, 3],
      [true, 0],
    ]);
  });

  test("gives its seat back once, though it was refunded by hand", async () => {
    const t = await created(await acme("team"), "bob");
    const { seat } = await create(t, "ada");
    await t.mutation((ctx) => tally.refund(ctx, { customerId, eventId: seat?.eventId }));
    await remove(t, "ada");
    expect(await check(t, "seats")).toMatchObject({ usage: 1 });
  });

  test("that nothing counted gives nothing back", async () => {
    const t = await created(await acme(), "ada");
    expect(await remove(t, "ada")).toEqual({ done: true, replayed: false });
    expect(await events(t, "seats")).toEqual([]);
  });

  test("that nothing has counted yet gives back nothing of what was used by hand", async () => {
    const t = await created(await acme(), "ada", "bob");
    await t.mutation((ctx) => tally.grants.grant(ctx, { customerId, featureId: "seats", amount: 5 }));
    await use(t, "seats", 1);
    await remove(t, "ada");
    expect(await check(t, "seats")).toMatchObject({ usage: 1 });
  });

  test("leaves another alone", async () => {
    const t = await created(await acme("team"), "ada", "bob");
    await use(t, "summaries", 7, "bob");
    await remove(t, "ada");
    expect(await check(t, "summaries", "bob")).toMatchObject({ granted: 50, usage: 7 });
    const { page } = await t.query((ctx) => tally.entities.list(ctx, { customerId }));
    expect(page.map(({ entityId }) => entityId)).toEqual(["bob"]);
  });

  test("takes all of its balances, and what it had of the customer's sum", async () => {
    const t = await created(await acme("team"), "ada", "bob");
    await t.mutation((ctx) =>
      tally.grants.grant(ctx, { customerId, entityId: "ada", featureId: "tokens", amount: 5 }),
    );
    expect(await check(t, "summaries")).toMatchObject({ granted: 100 });
    await remove(t, "ada");
    expect(await check(t, "summaries")).toMatchObject({ granted: 50 });
    const { balances, entities } = await stored(t);
    expect(balances.filter(({ entityId }) => entityId === "ada")).toEqual([]);
    expect(entities.map(({ entityId }) => entityId)).toEqual(["bob"]);
  });

  test("is told by events: that it went, and of each balance what was left", async () => {
    const t = await created(await acme("team"), "ada");
    await use(t, "summaries", 12, "ada");
    const before = (await events(t)).length;
    await remove(t, "ada", { idempotencyKey: "leave", reason: "Left", actor: "admin" });
    const why = { reason: "Left", actor: "admin" };
    expect((await events(t)).slice(before)).toMatchObject([
      { kind: "expire", entityId: "ada", value: 0, draws: [], key: "leave", ...why },
      { kind: "usage", featureId: "seats", value: -1, remaining: 3, ...why },
      { kind: "expire", featureId: "onboardings", entityId: "ada", draws: [{ amount: 1 }], ...why },
      {
        kind: "expire",
        featureId: "summaries",
        entityId: "ada",
        draws: [{ amount: 38 }],
        properties: { used: 12 },
        remaining: 0,
        key: "ada",
        ...why,
      },
    ]);
  });

  test("keeps its history", async () => {
    const t = await created(await acme("team"), "ada");
    await use(t, "summaries", 12, "ada");
    await remove(t, "ada");
    expect(await events(t, "summaries")).toMatchObject([
      { kind: "usage", entityId: "ada", value: 12 },
      { kind: "expire", entityId: "ada" },
    ]);
  });

  test("ends the plans that it has or is to have, and fixes what it owes", async () => {
    const t = await created(await acme("team"), "ada", "bob");
    await attach(t, "power-seat", { entityId: "ada" });
    await attach(t, "power-seat", { entityId: "bob" });
    await use(t, "tokens", 14, "ada");
    vi.setSystemTime(JANUARY + 1_000);
    await remove(t, "ada");
    const { charges, subscriptions } = await stored(t);
    expect(charges).toMatchObject([
      { entityId: "ada", featureId: "tokens", overage: 4, amount: 2, from: JANUARY, to: JANUARY + 1_000 },
    ]);
    const ends = subscriptions.filter(({ entityId }) => entityId !== undefined);
    expect(ends.map(({ entityId, endsAt }) => [entityId, endsAt])).toEqual([
      ["ada", JANUARY + 1_000],
      ["bob", undefined],
    ]);
    const { page } = await t.query((ctx) => tally.subscriptions.list(ctx, { customerId }));
    expect(page.find(({ entityId }) => entityId === "ada")).toMatchObject({ status: "ended" });
  });

  test("charges a period that had ended before as that period", async () => {
    const t = await created(await acme("team"), "ada");
    await attach(t, "power-seat", { entityId: "ada" });
    await use(t, "tokens", 14, "ada");
    vi.setSystemTime(FEBRUARY + 1_000);
    await remove(t, "ada");
    expect((await stored(t)).charges).toMatchObject([{ overage: 4, from: JANUARY, to: FEBRUARY }]);
  });

  test("settles its open holds at what was reported, as a release does", async () => {
    const t = await created(await acme("team"), "ada", "bob");
    const [his, hers] = [await reserve(t, "messages", 40, "bob"), await reserve(t, "messages", 60, "ada")];
    await t.mutation((ctx) => tally.reservations.report(ctx, { customerId, reservationId: hers, total: 25 }));
    await remove(t, "ada");
    expect(await check(t, "messages")).toMatchObject({ usage: 65 });
    const { page } = await t.query((ctx) => tally.reservations.list(ctx, { customerId }));
    expect(page.map(({ reservationId }) => reservationId)).toEqual([his]);
    const confirm = (value: number) =>
      t.mutation((ctx) => tally.reservations.confirm(ctx, { customerId, reservationId: hers, value }));
    await expect(confirm(30)).rejects.toMatchObject(refusedAs("reservation_closed"));
    expect(await confirm(25)).toMatchObject({ applied: 25, replayed: true });
  });

  test("does not charge what it held and did not use", async () => {
    const t = await created(await acme("team"), "ada");
    await attach(t, "power-seat", { entityId: "ada" });
    await reserve(t, "tokens", 30, "ada");
    await remove(t, "ada");
    expect((await stored(t)).charges).toEqual([]);
  });

  test("settles what it was held at, where what was reported cannot be", async () => {
    const t = await created(await acme("team"), "ada");
    const error = vi.spyOn(console, "error").mockImplementation(() => undefined);
    const reservationId = await reserve(t, "messages", 60, "ada");
    const [hold] = (await stored(t)).reservations;
    if (hold === undefined) throw new Error("It is held.");
    const { _id, _creationTime, ...copy } = hold;
    await t.mutation((ctx) => tally.reservations.release(ctx, { customerId, reservationId }));
    // More than any amount can be: nothing of ours lets it be reported.
    await addReservations(t, [{ ...copy, reservationId: "odd", draws: [], value: 0, reported: 1e300 }]);
    await remove(t, "ada");
    expect(error).toHaveBeenCalled();
    expect((await stored(t)).reservations).toEqual([]);
    error.mockRestore();
  });

  test("by somebody else's customer is not found", async () => {
    const t = await created(await acme("team"), "ada");
    const other = t.mutation((ctx) => tally.entities.remove(ctx, { customerId: "globex", entityId: "ada" }));
    await expect(other).rejects.toMatchObject(refusedAs("entity_not_found"));
    await expect(remove(t, "eve")).rejects.toMatchObject(refusedAs("entity_not_found"));
  });

  test("twice is not found, but with one key it is answered as before", async () => {
    const t = await created(await acme("team"), "ada");
    expect(await remove(t, "ada", { idempotencyKey: "leave" })).toEqual({ done: true, replayed: false });
    const before = await stored(t);
    expect(await remove(t, "ada", { idempotencyKey: "leave" })).toEqual({ done: true, replayed: true });
    expect(await stored(t)).toEqual(before);
    await expect(remove(t, "ada")).rejects.toMatchObject(refusedAs("entity_not_found"));
  });

  test("by a repeated key spares the one that was created since", async () => {
    const t = await created(await acme("team"), "ada");
    await remove(t, "ada", { idempotencyKey: "leave" });
    await create(t, "ada");
    expect(await remove(t, "ada", { idempotencyKey: "leave" })).toMatchObject({ replayed: true });
    expect(await t.query((ctx) => tally.entities.get(ctx, { customerId, entityId: "ada" }))).toMatchObject({
      entityId: "ada",
    });
  });

  test("of another with the same key is a conflict", async () => {
    const t = await created(await acme("team"), "ada", "bob");
    await remove(t, "ada", { idempotencyKey: "leave" });
    await expect(remove(t, "bob", { idempotencyKey: "leave" })).rejects.toMatchObject(
      refusedAs("idempotency_conflict"),
    );
  });

  test("joins the caller's transaction", async () => {
    const t = await created(await acme("team"), "ada");
    const before = await stored(t);
    const failing = t.mutation(async (ctx) => {
      await tally.entities.remove(ctx, { customerId, entityId: "ada" });
      throw new Error("after the removal");
    });
    await expect(failing).rejects.toThrow("after the removal");
    expect(await stored(t)).toEqual(before);
  });
});

describe("an entity that was removed", () => {
  const unknown = { data: { kind: "entity_not_found", entityId: "ada" } };

  async function withoutAda() {
    const t = await created(await acme("team"), "ada", "bob");
    await attach(t, "power-seat", { entityId: "ada" });
    await remove(t, "ada");
    return t;
  }

  const ada = { customerId, entityId: "ada" };
  const refusing: Record<string, (ctx: MutationCtx) => Promise<unknown>> = {
    "a check": (ctx) => tally.check(ctx, { ...ada, featureId: "summaries" }),
    "a check of what the customer shares": (ctx) => tally.check(ctx, { ...ada, featureId: "messages" }),
    "a track": (ctx) => tally.track(ctx, { ...ada, featureId: "messages" }),
    "a track below zero": (ctx) => tally.track(ctx, { ...ada, featureId: "messages", value: -1 }),
    "a consume": (ctx) => tally.consume(ctx, { ...ada, featureId: "messages" }),
    "a check that deducts": (ctx) => tally.check(ctx, { ...ada, featureId: "messages", sendEvent: true }),
    "a reserve": (ctx) => tally.reservations.reserve(ctx, { ...ada, featureId: "messages", value: 1 }),
    "a grant": (ctx) => tally.grants.grant(ctx, { ...ada, featureId: "messages", amount: 1 }),
    "a set": (ctx) => tally.grants.set(ctx, { ...ada, featureId: "messages", remaining: 1 }),
    "a revoke": (ctx) => tally.grants.revoke(ctx, { ...ada, featureId: "messages", grantId: "g0001" }),
    "a control": (ctx) => tally.controls.set(ctx, { ...ada, featureId: "messages", spendLimit: 1 }),
    "an attach": (ctx) => tally.subscriptions.attach(ctx, { ...ada, planId: "power-seat" }),
    "a preview": (ctx) => tally.subscriptions.preview(ctx, { ...ada, planId: "power-seat" }),
    "a cancel": (ctx) => tally.subscriptions.cancel(ctx, { ...ada, planId: "power-seat" }),
    "a missing payment": (ctx) =>
      tally.subscriptions.setPastDue(ctx, { ...ada, planId: "power-seat", pastDue: true }),
    "a preview of what it owes": (ctx) => tally.charges.preview(ctx, ada),
    "a resume": (ctx) => tally.subscriptions.resume(ctx, { ...ada, planId: "power-seat" }),
    "a removal": (ctx) => tally.entities.remove(ctx, ada),
  };

  test.each(Object.keys(refusing))(
    "is unknown to %s, and the customer's balance is left alone",
    async (name) => {
      const t = await withoutAda();
      const before = await stored(t);
      await expect(t.mutation(async (ctx) => void (await refusing[name]?.(ctx)))).rejects.toMatchObject(
        unknown,
      );
      expect(await stored(t)).toEqual(before);
    },
  );

  test("is not listed, and got as null", async () => {
    const t = await withoutAda();
    expect(await t.query((ctx) => tally.entities.get(ctx, ada))).toBeNull();
    expect(await t.query((ctx) => tally.entities.list(ctx, { customerId }))).toMatchObject({
      page: [{ entityId: "bob" }],
    });
    const { page } = await t.query((ctx) => tally.balances.list(ctx, { customerId }));
    expect(page.filter(({ entityId }) => entityId === "ada")).toEqual([]);
  });

  test("has what the customer's own balance paid for it refunded, and nothing of what its own did", async () => {
    const t = await created(await acme("team"), "ada");
    await t.mutation((ctx) => tally.grants.grant(ctx, { ...ada, featureId: "messages", amount: 50 }));
    await use(t, "messages", 20);
    const { eventId } = await use(t, "messages", 80, "ada");
    await remove(t, "ada");
    const refund = await t.mutation((ctx) => tally.refund(ctx, { customerId, eventId }));
    expect(refund).toMatchObject({ value: -80, applied: -30, uncovered: -50 });
    expect(await check(t, "messages")).toMatchObject({ usage: 20, remaining: 80 });
  });

  test("settles no hold late", async () => {
    const t = await created(await acme("team"), "ada");
    const reservationId = await reserve(t, "messages", 10, "ada");
    vi.advanceTimersByTime(60 * 60_000);
    const { tally: component } = components as unknown as {
      tally: { reservations: { sweep: Parameters<MutationCtx["runMutation"]>[0] } };
    };
    await t.mutation((ctx) => ctx.runMutation(component.reservations.sweep, {}));
    await remove(t, "ada");
    const late = t.mutation((ctx) =>
      tally.reservations.confirm(ctx, { customerId, reservationId, value: 10 }),
    );
    await expect(late).rejects.toMatchObject(unknown);
    expect(await check(t, "messages")).toMatchObject({ usage: 0 });
  });
});

describe("an entity that comes back", () => {
  async function adaUsed(value: number) {
    const t = await created(await acme("team"), "ada");
    await use(t, "summaries", value, "ada");
    await use(t, "onboardings", 1, "ada");
    await remove(t, "ada");
    return t;
  }

  test("goes on with what it had used: leaving and coming back resets nothing", async () => {
    const t = await adaUsed(45);
    expect((await create(t, "ada")).created).toBe(true);
    expect(await check(t, "summaries", "ada")).toMatchObject({ granted: 50, usage: 45, remaining: 5 });
    expect(await check(t, "onboardings", "ada")).toMatchObject({ usage: 1, remaining: 0 });
  });

  test("goes on with all of it, however often it goes", async () => {
    const t = await adaUsed(20);
    for (const value of [10, 15]) {
      await create(t, "ada");
      await use(t, "summaries", value, "ada");
      await remove(t, "ada");
    }
    await create(t, "ada");
    expect(await check(t, "summaries", "ada")).toMatchObject({ usage: 45, remaining: 5 });
  });

  test("in the next period has all of that, but nothing again of what is given once", async () => {
    const t = await adaUsed(45);
    vi.setSystemTime(FEBRUARY);
    await create(t, "ada");
    expect(await check(t, "summaries", "ada")).toMatchObject({ usage: 0, remaining: 50 });
    expect(await check(t, "onboardings", "ada")).toMatchObject({ usage: 1, remaining: 0 });
  });

  test("after a dearer plan has begun has all of that", async () => {
    const t = await adaUsed(45);
    vi.setSystemTime(JANUARY + 1_000);
    await attach(t, "business");
    await create(t, "ada");
    expect(await check(t, "summaries", "ada")).toMatchObject({ usage: 0, remaining: 50 });
  });

  test("after a cheaper plan has begun goes on", async () => {
    const t = await adaUsed(45);
    vi.setSystemTime(JANUARY + 1_000);
    await attach(t, "free");
    await create(t, "ada");
    expect(await check(t, "summaries", "ada")).toMatchObject({ usage: 45, remaining: 5 });
  });

  test("begins afresh with what it holds, and has no gift, plan or limit of before", async () => {
    const t = await acme("team");
    await create(t, "red", { featureId: "workspaces" });
    const red = { customerId, entityId: "red" };
    await use(t, "guests", 4, "red");
    await t.mutation(async (ctx) => {
      await tally.grants.grant(ctx, { ...red, featureId: "messages", amount: 5 });
      await tally.subscriptions.attach(ctx, { ...red, planId: "power-seat" });
      await tally.controls.set(ctx, { ...red, featureId: "guests", overageAllowed: false });
      await tally.entities.remove(ctx, red);
    });
    await create(t, "red", { featureId: "workspaces" });
    expect(await check(t, "guests", "red")).toMatchObject({ usage: 0, remaining: 5 });
    expect(await check(t, "messages", "red")).toMatchObject({ granted: 100 });
    const { balances } = await stored(t);
    expect(balances.filter(({ entityId }) => entityId === "red")).toMatchObject([{ featureId: "guests" }]);
    expect(balances.find(({ entityId }) => entityId === "red")?.overage).toBeUndefined();
  });

  test("is not refunded into the customer's balance for what it used before", async () => {
    const t = await created(await acme("team"), "ada");
    const ada = { customerId, entityId: "ada" };
    await t.mutation((ctx) => tally.grants.grant(ctx, { ...ada, featureId: "messages", amount: 50 }));
    await use(t, "messages", 50);
    const gifted = await use(t, "messages", 50, "ada");
    const own = await use(t, "summaries", 30, "ada");
    await remove(t, "ada");
    await create(t, "ada");
    const refund = (eventId: string) => t.mutation((ctx) => tally.refund(ctx, { customerId, eventId }));
    expect(await refund(gifted.eventId)).toMatchObject({ applied: 0, uncovered: -50 });
    expect(await check(t, "messages")).toMatchObject({ usage: 50 });
    expect(await refund(own.eventId)).toMatchObject({ applied: -30 });
    expect(await check(t, "summaries", "ada")).toMatchObject({ usage: 0 });
  });

  test("owes nothing again of what was charged when it went", async () => {
    const perSeat = new Tally(components.tally, {
      catalog: defineCatalog({
        features: [
          { id: "seats", type: "metered", consumable: false },
          { id: "tokens", type: "metered" },
        ],
        plans: [
          {
            id: "by-use",
            autoEnable: true,
            items: [
              {
                featureId: "tokens",
                included: 10,
                entityFeatureId: "seats",
                reset: month,
                price: { amount: 1, interval: "month", billingMethod: "usage_based" },
              },
            ],
          },
        ],
      }),
      identify: () => Promise.resolve(null),
    });
    const t = await acme();
    const ada = { customerId, entityId: "ada" };
    await t.mutation(async (ctx) => {
      await perSeat.entities.create(ctx, { ...ada, featureId: "seats" });
      await perSeat.track(ctx, { ...ada, featureId: "tokens", value: 14 });
      await perSeat.entities.remove(ctx, ada);
      await perSeat.entities.create(ctx, { ...ada, featureId: "seats" });
    });
    const again = await t.query((ctx) => perSeat.check(ctx, { ...ada, featureId: "tokens" }));
    expect(again).toMatchObject({ usage: 10, remaining: 0, balance: 0 });
    expect((await stored(t)).charges).toMatchObject([{ overage: 4, amount: 4 }]);
  });

  test("may be one of another feature", async () => {
    const t = await adaUsed(45);
    await create(t, "ada", { featureId: "workspaces" });
    expect(await check(t, "guests", "ada")).toMatchObject({ granted: 5, usage: 0 });
    expect(await check(t, "seats")).toMatchObject({ usage: 0 });
  });
});

describe("an entity that is created", () => {
  test("under the id of one of another feature is refused", async () => {
    const t = await created(await acme("team"), "ada");
    const before = await stored(t);
    await expect(create(t, "ada", { featureId: "workspaces" })).rejects.toMatchObject(
      refusedAs("invalid_argument"),
    );
    expect(await stored(t)).toEqual(before);
  });

  test("between a cancellation and its day has what follows then, with what it has used", async () => {
    const t = await acme("team");
    await attach(t, "free", { when: "period_end" });
    vi.setSystemTime(FEBRUARY - 1_000);
    await create(t, "ada");
    await use(t, "onboardings", 1, "ada");
    expect(await check(t, "summaries", "ada")).toMatchObject({ granted: 50 });
    vi.setSystemTime(FEBRUARY);
    expect(await check(t, "summaries", "ada")).toMatchObject({ granted: 50, usage: 0 });
    expect(await check(t, "onboardings", "ada")).toMatchObject({ allowed: false, reason: "not_included" });
  });

  test("after the change of plans was decided keeps what it uses over it, as those before do", async () => {
    const t = await created(await acme("weekly"), "ada");
    await attach(t, "free", { when: "period_end" });
    await create(t, "bob");
    for (const entityId of ["ada", "bob"]) await use(t, "summaries", 20, entityId);
    vi.setSystemTime(JANUARY + 7 * DAY);
    for (const entityId of ["ada", "bob"]) {
      expect(await check(t, "summaries", entityId)).toMatchObject({ granted: 50, usage: 20 });
    }
  });

  test("is got by its id", async () => {
    const t = await acme();
    await create(t, "ada", { name: "Ada" });
    expect(await t.query((ctx) => tally.entities.get(ctx, { customerId, entityId: "ada" }))).toEqual({
      entityId: "ada",
      featureId: "seats",
      name: "Ada",
      createdAt: expect.any(Number) as number,
    });
  });

  test("is the last of a thousand, of whatever feature", async () => {
    const t = await acme();
    await create(t, "red", { featureId: "workspaces" });
    await setEntityCount(t, { customerId, featureId: "workspaces", count: 999 });
    await create(t, "ada");
    const before = await stored(t);
    await expect(create(t, "bob")).rejects.toMatchObject({
      data: { kind: "invalid_argument", limit: 1_000 },
    });
    expect(await stored(t)).toEqual(before);
    await remove(t, "red");
    expect(await create(t, "bob")).toMatchObject({ created: true });
  });
});

describe("calls with and without an entity", () => {
  async function mixed() {
    const t = await created(await acme("team"), "ada", "bob");
    await create(t, "red", { featureId: "workspaces" });
    return t;
  }

  test("of one feature, on items for each of another, have the customer's own alone", async () => {
    const t = await mixed();
    expect(await check(t, "summaries", "red")).toMatchObject({ allowed: false, reason: "not_included" });
    expect(await check(t, "guests", "ada")).toMatchObject({ allowed: false, reason: "not_included" });
    expect(await check(t, "messages", "red")).toMatchObject({ allowed: true, remaining: 100 });
  });

  test("without an entity draw on all that the plan gives to each, by id", async () => {
    const t = await mixed();
    await use(t, "summaries", 60);
    expect(await check(t, "summaries")).toMatchObject({ granted: 100, usage: 60 });
    expect(await check(t, "summaries", "ada")).toMatchObject({ usage: 50 });
    expect(await check(t, "summaries", "bob")).toMatchObject({ usage: 10 });
  });

  test("without an entity do not see what a plan gives to one alone, of which a list shows it", async () => {
    const t = await mixed();
    await attach(t, "power-seat", { entityId: "ada" });
    expect(await check(t, "tokens")).toMatchObject({ allowed: false, reason: "not_included" });
    expect(await check(t, "tokens", "ada")).toMatchObject({ allowed: true, granted: 10 });
    expect(await check(t, "messages")).toMatchObject({ granted: 100 });
    expect(await check(t, "messages", "ada")).toMatchObject({ granted: 130 });
    const { page } = await t.query((ctx) => tally.balances.list(ctx, { customerId }));
    const shown = page.map(({ featureId, entityId, granted }) => [featureId, entityId, granted]);
    expect(shown).toEqual([
      ["credits", undefined, 0],
      ["guests", "red", 5],
      ["messages", undefined, 100],
      ["messages", "ada", 30],
      ["onboardings", "ada", 1],
      ["onboardings", "bob", 1],
      ["seats", undefined, 3],
      ["summaries", "ada", 50],
      ["summaries", "bob", 50],
      ["tokens", "ada", 10],
    ]);
  });
});

describe("an entity with more holds than one transaction settles", () => {
  const HOLDS = 1_600;
  const ada = { customerId, entityId: "ada" };

  /** Each hold of 1, of which half is reported; the entity's own pay for ten, the customer for the rest. */
  async function busy() {
    const t = unproven(await acme("team"));
    await create(t, "ada");
    await t.mutation(async (ctx) => {
      await tally.grants.grant(ctx, { customerId, featureId: "messages", amount: HOLDS });
      await tally.grants.grant(ctx, { ...ada, featureId: "messages", amount: 10 });
      // Spans all entities: what holds give back is looked for among the rows of all.
      await tally.controls.set(ctx, { customerId, featureId: "messages", spendLimit: 5 });
    });
    const { eventId } = await use(t, "messages", HOLDS, "ada");
    const event = (await stored(t)).events.find(({ _id }) => _id === eventId);
    const draws = (event?.draws ?? []).flatMap(({ grantId, amount, until }) =>
      Array.from({ length: amount }, () => ({ grantId, amount: 1, units: 1, ...(until && { until }) })),
    );
    // The entity's own are the last to be settled.
    const open = draws.reverse().map((draw, index) => ({
      ...ada,
      reservationId: `hold ${index}`,
      pools: [{ featureId: "messages" }],
      value: 1,
      draws: [draw],
      reported: 0.5,
      expiresAt: JANUARY + 60 * 60_000,
    }));
    for (let from = 0; from < HOLDS; from += 400) await addReservations(t, open.slice(from, from + 400));
    return t;
  }

  test(
    "is gone for every call from the first on, and altogether in the end",
    { timeout: 60_000 },
    async () => {
      const t = await busy();
      expect(await remove(t, "ada", { idempotencyKey: "leave" })).toEqual({ done: false, replayed: false });
      const unknown = refusedAs("entity_not_found");
      for (const featureId of ["messages", "summaries", "credits"]) {
        await expect(check(t, featureId, "ada")).rejects.toMatchObject(unknown);
      }
      await expect(use(t, "messages", 1, "ada")).rejects.toMatchObject(unknown);
      await expect(remove(t, "ada")).rejects.toMatchObject(unknown);
      await expect(create(t, "ada")).rejects.toMatchObject(refusedAs("busy"));
      expect(await remove(t, "ada", { idempotencyKey: "leave" })).toEqual({ done: false, replayed: true });
      expect(await t.query((ctx) => tally.entities.get(ctx, ada))).toBeNull();
      expect((await t.query((ctx) => tally.entities.list(ctx, { customerId }))).page).toEqual([]);
      expect(await check(t, "summaries")).toMatchObject({ allowed: false });
      const { page } = await t.query((ctx) => tally.balances.list(ctx, { customerId }));
      expect(page.filter(({ entityId }) => entityId !== undefined)).toEqual([]);

      await t.finishAllScheduledFunctions(vi.runAllTimers);
      const { entities, reservations, balances } = await stored(t);
      expect([entities, reservations, balances.filter(({ entityId }) => entityId)]).toEqual([[], [], []]);
      // Half of the ten holds that its own has paid for is left of that …
      const ends = (await stored(t)).events.filter(({ kind, featureId }) => kind === "expire" && featureId);
      expect(ends.find(({ featureId }) => featureId === "messages")).toMatchObject({
        draws: [{ amount: 5 }],
      });
      // … and half of each of the 1,590 that the customer has paid for.
      expect(await check(t, "messages")).toMatchObject({ granted: 1_700, usage: 795 });
      expect(await remove(t, "ada", { idempotencyKey: "leave" })).toEqual({ done: true, replayed: true });
      expect(await create(t, "ada")).toMatchObject({ created: true });
    },
  );
});
