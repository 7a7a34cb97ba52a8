/**
 * What each operation of the hot path may cost, in Convex's own transaction units. The numbers are
 * budgets: they must hold, and they must not depend on how much else there is.
 */
import { convexTest } from "convex-test";
import { defineSchema, type GenericMutationCtx, type GenericDataModel } from "convex/server";
import { afterEach, describe, expect, test, vi } from "vitest";
import { components } from "../../convex/_generated/api.js";
import { defineCatalog, feature, item, plan, Tally } from "../../src/client/index.js";
import { insertMany, registerWithCrowd } from "./crowd.js";
import { transactionCost, type TransactionCost } from "../footprint/recorder.js";

const features = [
  feature({ id: "messages", type: "metered" }),
  feature({ id: "premium_messages", type: "metered" }),
  feature({ id: "seats", type: "metered", consumable: false }),
  feature({
    id: "credits",
    type: "credit_system",
    creditSchema: [{ meteredFeatureId: "premium_messages", creditCost: 0.1 }],
  }),
  ...Array.from({ length: 20 }, (_, index) => feature({ id: `other_${index}`, type: "metered" })),
];
const free = (others: number) =>
  plan({
    id: "free",
    autoEnable: true,
    items: [
      item({ featureId: "messages", included: 1_000_000, reset: { interval: "month" } }),
      item({ featureId: "credits", included: 1_000_000, reset: { interval: "month" } }),
      ...Array.from({ length: others }, (_, index) =>
        item({ featureId: `other_${index}`, included: 100, reset: { interval: "month" } }),
      ),
    ],
  });
const usageBased = plan({
  id: "usage_based",
  items: [
    item({
      featureId: "messages",
      included: 0,
      price: { amount: 0.01, interval: "month", billingMethod: "usage_based" },
    }),
  ],
});

afterEach(() => void vi.useRealTimers());

type Context = GenericMutationCtx<GenericDataModel>;
const customerId = "user_2abcdefghijklmnopqrstuvwxyz";
const schema = defineSchema({});
const modules = import.meta.glob("../../convex/**/*.ts");

const someBalance = { featureId: "messages", grants: [], advancedAt: 1, nextChangeAt: 4_000_000_000_000 };

interface Surroundings {
  customers: number;
  events: number;
  otherFeatures: number;
}
const alone: Surroundings = { customers: 0, events: 0, otherFeatures: 0 };

async function surrounded({ customers, events, otherFeatures }: Surroundings) {
  const t = convexTest({ schema, modules });
  registerWithCrowd(t);
  const tally = new Tally(components.tally, {
    catalog: defineCatalog({ features, plans: [free(otherFeatures), usageBased] }),
    identify: async () => null,
  });
  const run = (operation: (ctx: Context) => Promise<unknown>) =>
    t.mutation((ctx) => operation(ctx as Context));
  await run((ctx) => tally.customers.create(ctx, { customerId }));
  await insertMany(t, "customers", customers, { customerId: "other_", lastNumber: 2 }, ["customerId"]);
  await insertMany(t, "balances", customers, { ...someBalance, customerId: "other_" }, ["customerId"]);
  await insertMany(
    t,
    "events",
    events,
    { customerId, featureId: "messages", kind: "usage", value: 1, draws: [], key: "k" },
    ["key"],
  );
  const cost = (operation: (ctx: Context) => Promise<unknown>): Promise<TransactionCost> =>
    transactionCost(t, "mutation", (ctx) => operation(ctx as Context));
  return { t, tally, run, cost };
}

type Deployment = Awaited<ReturnType<typeof surrounded>>;
type Budget = [
  queries: number,
  documentsRead: number,
  bytesRead: number,
  documentsWritten: number,
  bytesWritten: number,
];

interface Operation {
  name: string;
  budget: Budget;
  prepare?: (deployment: Deployment) => Promise<unknown>;
  measured: (deployment: Deployment, ctx: Context) => Promise<unknown>;
}

const me = { customerId };
const operations: Operation[] = [
  {
    name: "check, one pool",
    budget: [1, 1, 600, 0, 0],
    measured: ({ tally }, ctx) => tally.for(ctx, me).check({ featureId: "messages" }),
  },
  {
    name: "check, two pools, of which one has a row",
    budget: [2, 1, 600, 0, 0],
    measured: ({ tally }, ctx) => tally.for(ctx, me).check({ featureId: "premium_messages" }),
  },
  {
    name: "check of a feature that the customer does not have",
    budget: [2, 1, 150, 0, 0],
    measured: ({ tally }, ctx) => tally.for(ctx, me).check({ featureId: "seats" }),
  },
  {
    name: "check of an unknown customer",
    budget: [2, 0, 0, 0, 0],
    measured: ({ tally }, ctx) => tally.for(ctx, { customerId: "nobody" }).check({ featureId: "messages" }),
  },
  {
    name: "track, one pool",
    budget: [1, 2, 1_200, 2, 900],
    measured: ({ tally }, ctx) => tally.for(ctx, me).track({ featureId: "messages" }),
  },
  {
    name: "track from credits",
    budget: [2, 2, 1_200, 2, 900],
    measured: ({ tally }, ctx) => tally.for(ctx, me).track({ featureId: "premium_messages", value: 3 }),
  },
  {
    name: "track with an idempotency key",
    budget: [2, 2, 1_200, 2, 950],
    measured: ({ tally }, ctx) =>
      tally.for(ctx, me).track({ featureId: "messages", idempotencyKey: "evt_0000000000000000000000000001" }),
  },
  {
    name: "a repeat of it",
    budget: [1, 1, 350, 0, 0],
    prepare: ({ tally, run }) =>
      run((ctx) =>
        tally
          .for(ctx, me)
          .track({ featureId: "messages", idempotencyKey: "evt_0000000000000000000000000001" }),
      ),
    measured: ({ tally }, ctx) =>
      tally.for(ctx, me).track({ featureId: "messages", idempotencyKey: "evt_0000000000000000000000000001" }),
  },
  {
    name: "consume, one pool",
    budget: [1, 2, 1_200, 2, 900],
    measured: ({ tally }, ctx) => tally.for(ctx, me).consume({ featureId: "messages" }),
  },
  {
    name: "a refused consume",
    budget: [1, 1, 600, 0, 0],
    measured: ({ tally }, ctx) =>
      tally
        .for(ctx, me)
        .consume({ featureId: "messages", value: 2_000_000 })
        .catch(() => "refused"),
  },
  {
    name: "track of two features at once",
    budget: [2, 4, 2_400, 4, 1_800],
    measured: ({ tally }, ctx) =>
      tally.for(ctx, me).track([{ featureId: "messages" }, { featureId: "credits" }]),
  },
];

describe("an operation stays within its budget", () => {
  test.each(operations)("$name", async (operation) => {
    const cost = await costOf(operation, alone);
    const measured = units(cost);
    for (const [index, limit] of operation.budget.entries())
      expect(measured[index]).toBeLessThanOrEqual(limit);
    expect(cost.functionsScheduled).toBe(0);
  });

  test("the first track of a customer writes his features, his plan and the use, and little is read", async () => {
    const others = 3;
    const deployment = await surrounded({ ...alone, otherFeatures: others });
    const [queries, documentsRead, bytesRead, documentsWritten, bytesWritten] = units(
      await deployment.cost((ctx) =>
        deployment.tally.for(ctx, { customerId: "user_new" }).track({ featureId: "messages" }),
      ),
    );
    const granted = 2 + others;
    expect(queries).toBeLessThanOrEqual(6);
    expect(documentsRead).toBeLessThanOrEqual(4);
    expect(bytesRead).toBeLessThanOrEqual(1_200);
    expect(documentsWritten).toBeLessThanOrEqual(granted + 4);
    expect(bytesWritten).toBeLessThanOrEqual(1_200 + 400 * granted);
  });

  test("a track with an entity reads the customer's row and the entity's", async () => {
    const deployment = await surrounded(alone);
    const entity = { customerId, entityId: "seat_1" };
    await deployment.run((ctx) => deployment.tally.entities.create(ctx, { ...entity, featureId: "seats" }));
    await deployment.run((ctx) =>
      deployment.tally.grants.grant(ctx, { ...entity, featureId: "messages", amount: 1_000 }),
    );
    const cost = units(
      await deployment.cost((ctx) => deployment.tally.for(ctx, entity).track({ featureId: "messages" })),
    );
    const budget = [2, 3, 1_800, 2, 950];
    for (const [index, limit] of budget.entries()) expect(cost[index]).toBeLessThanOrEqual(limit);
  });

  test("watching thresholds and limits costs nothing in the database", async () => {
    const told: string[] = [];
    const watching = new Tally(components.tally, {
      catalog: defineCatalog({ features, plans: [free(0), usageBased] }),
      identify: async () => null,
      usageAlerts: [{ threshold: 0.0001, thresholdType: "usage_percentage" }],
      on: {
        thresholdReached: async (_ctx, { featureId }): Promise<void> => void told.push(featureId),
        limitReached: async (): Promise<void> => {},
      },
    });
    for (const featureId of ["messages", "premium_messages"]) {
      const [plain, watched] = [await surrounded(alone), await surrounded(alone)];
      const use = { featureId, value: 20 };
      const expected = await plain.cost((ctx) => plain.tally.for(ctx, me).track(use));
      expect(await watched.cost((ctx) => watching.for(ctx, me).track(use))).toEqual(expected);
    }
    expect(told).toEqual(["messages", "credits"]);
  });

  test("closing a priced period adds one charge", async () => {
    const deployment = await surrounded(alone);
    const { tally, run, cost } = deployment;
    await run((ctx) => tally.subscriptions.attach(ctx, { customerId, planId: "usage_based" }));
    await run((ctx) => tally.for(ctx, me).track({ featureId: "messages", value: 7 }));
    const open = units(await cost((ctx) => tally.for(ctx, me).track({ featureId: "messages" })));
    const later = Date.now() + 40 * 24 * 3_600_000;
    vi.useFakeTimers({ now: later, toFake: ["Date"] });
    const closing = await cost((ctx) => tally.for(ctx, me).track({ featureId: "messages" }));
    expect(units(closing)[3]).toBe((open[3] ?? 0) + 1);
    expect(units(closing)[4]).toBeLessThanOrEqual((open[4] ?? 0) + 270);
  });
});

describe("a cost does not depend on what else there is", () => {
  const crowds: Surroundings[] = [
    { customers: 10, events: 0, otherFeatures: 0 },
    { customers: 10_000, events: 0, otherFeatures: 0 },
    { customers: 0, events: 10_000, otherFeatures: 0 },
    { customers: 0, events: 0, otherFeatures: 20 },
  ];
  test.each(crowds)(
    "$customers other customers, $events events, $otherFeatures other features",
    async (crowd) => {
      const [quiet, crowded] = [await surrounded(alone), await surrounded(crowd)];
      for (const operation of operations) {
        await operation.prepare?.(quiet);
        await operation.prepare?.(crowded);
        const expected = await quiet.cost((ctx) => operation.measured(quiet, ctx));
        const measured = await crowded.cost((ctx) => operation.measured(crowded, ctx));
        expect(measured, operation.name).toEqual(expected);
      }
    },
  );
});

async function costOf(
  { prepare, measured }: Operation,
  surroundings: Surroundings,
): Promise<TransactionCost> {
  const deployment = await surrounded(surroundings);
  await prepare?.(deployment);
  return await deployment.cost((ctx) => measured(deployment, ctx));
}

function units(cost: TransactionCost): number[] {
  return [cost.databaseQueries, cost.documentsRead, cost.bytesRead, cost.documentsWritten, cost.bytesWritten];
}
