/** What it costs to create and remove an entity, whom that makes wait, and that nobody pays for it afterwards. */
import { convexTest } from "convex-test";
import { defineSchema, type GenericDataModel, type GenericMutationCtx } from "convex/server";
import { beforeEach, describe, expect, test } from "vitest";
import { components } from "../../convex/_generated/api.js";
import { defineCatalog, feature, item, plan, Tally } from "../../src/client/index.js";
import { register } from "../../src/test.js";
import { conflictsWith, footprintOf, recordable, transactionCost } from "../footprint/recorder.js";

const reset = { interval: "month" } as const;
const tally = new Tally(components.tally, {
  catalog: defineCatalog({
    features: [
      feature({ id: "seats", type: "metered", consumable: false }),
      feature({ id: "messages", type: "metered" }),
      feature({ id: "exports", type: "metered" }),
    ],
    plans: [
      plan({
        id: "free",
        autoEnable: true,
        items: [
          item({ featureId: "seats", included: 10 }),
          item({ featureId: "messages", included: 1_000, reset }),
          item({ featureId: "exports", included: 100, reset, entityFeatureId: "seats" }),
        ],
      }),
    ],
  }),
  identify: () => Promise.resolve(null),
});

type Context = GenericMutationCtx<GenericDataModel>;
const customerId = "acme";
const create = (entityId: string) => (ctx: Context) =>
  tally.entities.create(ctx, { customerId, entityId, featureId: "seats" });
const remove = (entityId: string) => (ctx: Context) => tally.entities.remove(ctx, { customerId, entityId });
const track = (featureId: string, entityId?: string) => (ctx: Context) =>
  tally.for(ctx, { customerId, entityId }).track({ featureId });
const check = (featureId: string, entityId?: string) => (ctx: Context) =>
  tally.for(ctx, { customerId, entityId }).check({ featureId });

const schema = defineSchema({});
const modules = import.meta.glob("../../convex/**/*.ts");

function deployment() {
  const t = recordable(convexTest({ schema, modules, transactionLimits: true }), schema);
  register(t);
  return t;
}
let t: ReturnType<typeof deployment>;
const run = (operation: (ctx: Context) => Promise<unknown>) => t.mutation((ctx) => operation(ctx as Context));
const footprint = (operation: (ctx: Context) => Promise<unknown>) =>
  footprintOf(t, (ctx) => operation(ctx as Context));
const cost = (operation: (ctx: Context) => Promise<unknown>) =>
  transactionCost(t, "mutation", (ctx) => operation(ctx as Context));

beforeEach(async () => {
  t = deployment();
  for (const entityId of ["ada", "bob"]) await run(create(entityId));
});

describe("creating an entity", () => {
  test("writes it, its seat and its balances with an event each, and its customer, and nothing else", async () => {
    const { writes } = await footprint(create("cy"));
    expect(writes.map(({ table }) => table)).toEqual([
      "entities",
      "balances",
      "events",
      "balances",
      "events",
      "customers",
    ]);
    expect(writes[1]).toMatchObject({ before: { featureId: "seats" } });
  });

  test("makes wait who uses a seat, and nobody who uses anything else", async () => {
    const created = await footprint(create("cy"));
    const waits = async (operation: (ctx: Context) => Promise<unknown>) =>
      conflictsWith(await footprint(operation), created).length > 0;
    expect(await waits(track("seats"))).toBe(true);
    expect(await waits(create("dan"))).toBe(true);
    expect(await waits(track("messages"))).toBe(false);
    expect(await waits(track("messages", "ada"))).toBe(false);
    expect(await waits(track("exports", "ada"))).toBe(false);
    // Without an entity it may draw on all that there are.
    expect(await waits(track("exports"))).toBe(true);
  });

  test("costs the same, however many there are", async () => {
    const few = await cost(create("zoe"));
    for (let i = 0; i < 40; i++) await run(create(`seat ${100 + i}`));
    expect(await cost(create("yan"))).toEqual(few);
  });
});

describe("removing an entity", () => {
  test("makes wait no other entity, and nobody who uses what the customer shares", async () => {
    const removed = await footprint(remove("bob"));
    const waits = async (operation: (ctx: Context) => Promise<unknown>) =>
      conflictsWith(await footprint(operation), removed).length > 0;
    expect(await waits(track("exports", "bob"))).toBe(true);
    expect(await waits(track("exports", "ada"))).toBe(false);
    expect(await waits(track("messages", "ada"))).toBe(false);
    expect(await waits(track("messages"))).toBe(false);
  });

  test("leaves nothing behind that others pay for", async () => {
    const operations = [
      check("messages"),
      track("messages"),
      track("exports", "ada"),
      check("exports", "ada"),
      track("messages", "ada"),
    ];
    const costs = async () => {
      const all = [];
      for (const operation of operations) all.push(await cost(operation));
      return all;
    };
    const before = await costs();
    await run(create("cy"));
    await run(remove("cy"));
    expect(await costs()).toEqual(before);
  });
});
