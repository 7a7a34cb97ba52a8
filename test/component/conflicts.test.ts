/**
 * Which calls make each other wait. Convex retries a transaction when a row that it read has changed
 * by the time it commits, and re-runs an open query for the same reason: so the matrix below says
 * both how the hot path behaves under load and which meters on screen follow which calls.
 */
import { convexTest } from "convex-test";
import {
  defineSchema,
  type FunctionReference,
  type GenericDataModel,
  type GenericMutationCtx,
} from "convex/server";
import { beforeAll, describe, expect, test, vi } from "vitest";
import { components } from "../../convex/_generated/api.js";
import { defineCatalog, feature, isTallyError, item, plan, Tally } from "../../src/client/index.js";
import { register } from "../../src/test.js";
import { conflictsWith, footprintOf, recordable, type Footprint } from "../footprint/recorder.js";

const monthly = { interval: "month" } as const;
const tally = new Tally(components.tally, {
  catalog: defineCatalog({
    features: [
      feature({ id: "messages", type: "metered" }),
      feature({ id: "images", type: "metered" }),
      feature({ id: "tokens", type: "metered" }),
      feature({
        id: "credits",
        type: "credit_system",
        creditSchema: [
          { meteredFeatureId: "images", creditCost: 10 },
          { meteredFeatureId: "tokens", creditCost: 1 },
        ],
      }),
      feature({ id: "exports", type: "metered" }),
      feature({ id: "seats", type: "metered", consumable: false }),
    ],
    plans: [
      plan({
        id: "free",
        autoEnable: true,
        items: [
          item({ featureId: "messages", included: 100, reset: monthly }),
          item({ featureId: "credits", included: 100, reset: monthly }),
          item({ featureId: "exports", included: 100, reset: monthly, entityFeatureId: "seats" }),
        ],
      }),
      plan({
        id: "pro",
        price: { amount: 20, interval: "month" },
        items: [item({ featureId: "messages", included: 1_000, reset: monthly })],
      }),
    ],
  }),
  identify: async () => null,
});

type Context = GenericMutationCtx<GenericDataModel>;
type Operation = (ctx: Context) => Promise<unknown>;

const by = (customerId: string, entityId?: string) => (ctx: Context) =>
  tally.for(ctx, { customerId, entityId });
const acme = by("acme");
const ada = by("acme", "ada");
const bob = by("acme", "bob");

/** Internal: in a deployment only the cron calls it. */
const { sweep } = (
  components.tally as unknown as { resets: { sweep: FunctionReference<"mutation", "internal"> } }
).resets;

/** Of the customer "acme", and of the customer himself, unless another is named. */
const operations = {
  "check messages": (ctx) => acme(ctx).check({ featureId: "messages" }),
  "check images, paid by credits": (ctx) => acme(ctx).check({ featureId: "images" }),
  "list balances": (ctx) => tally.balances.list(ctx, { customerId: "acme" }),
  "list events of messages": (ctx) => tally.events.list(ctx, { customerId: "acme", featureId: "messages" }),
  "consume messages, refused": (ctx) => refused(acme(ctx).consume({ featureId: "messages", value: 101 })),
  "track messages": (ctx) => acme(ctx).track({ featureId: "messages" }),
  "track messages, key k": (ctx) => acme(ctx).track({ featureId: "messages", idempotencyKey: "k" }),
  "track messages by ada": (ctx) => ada(ctx).track({ featureId: "messages" }),
  "track images": (ctx) => acme(ctx).track({ featureId: "images" }),
  "track images, key k": (ctx) => acme(ctx).track({ featureId: "images", idempotencyKey: "k" }),
  "track tokens": (ctx) => acme(ctx).track({ featureId: "tokens" }),
  "track exports by ada": (ctx) => ada(ctx).track({ featureId: "exports" }),
  "track exports by bob": (ctx) => bob(ctx).track({ featureId: "exports" }),
  "track exports": (ctx) => acme(ctx).track({ featureId: "exports" }),
  "top up messages": (ctx) =>
    tally.grants.grant(ctx, { customerId: "acme", featureId: "messages", amount: 5 }),
  "attach pro": (ctx) => tally.subscriptions.attach(ctx, { customerId: "acme", planId: "pro" }),
  "track messages of globex": (ctx) => by("globex")(ctx).track({ featureId: "messages" }),
  "first track of newcomer": (ctx) => by("newcomer")(ctx).track({ featureId: "messages" }),
  "first track of latecomer": (ctx) => by("latecomer")(ctx).track({ featureId: "messages" }),
  "sweep, of dormant's tokens": (ctx) => ctx.runMutation(sweep, {}),
  "track tokens of dormant": (ctx) => by("dormant")(ctx).track({ featureId: "tokens" }),
} satisfies Record<string, Operation>;
type Name = keyof typeof operations;
const names = Object.keys(operations) as Name[];

/**
 * A line for each call, a column for each that writes. X: the line's call is retried, or its query
 * re-run, if the column's commits meanwhile. A customer's first track looks at the oldest subscription
 * to the plan, acme's, to know that its terms are stored: hence its mark under "attach pro".
 */
const MATRIX = `
                                    6  7  8  9 10 11 12 13 14 15 16 17 18 19 20 21
  1 check messages                  X  X  X  ·  ·  ·  ·  ·  ·  X  X  ·  ·  ·  ·  ·
  2 check images, paid by credits   ·  ·  ·  X  X  X  ·  ·  ·  ·  X  ·  ·  ·  ·  ·
  3 list balances                   X  X  X  X  X  X  X  X  X  X  X  ·  ·  ·  ·  ·
  4 list events of messages         X  X  X  ·  ·  ·  ·  ·  ·  X  ·  ·  ·  ·  ·  ·
  5 consume messages, refused       X  X  X  ·  ·  ·  ·  ·  ·  X  X  ·  ·  ·  ·  ·
  6 track messages                  X  X  X  ·  ·  ·  ·  ·  ·  X  X  ·  ·  ·  ·  ·
  7 track messages, key k           X  X  X  ·  X  ·  ·  ·  ·  X  X  ·  ·  ·  ·  ·
  8 track messages by ada           X  X  X  ·  ·  ·  ·  ·  ·  X  X  ·  ·  ·  ·  ·
  9 track images                    ·  ·  ·  X  X  X  ·  ·  ·  ·  X  ·  ·  ·  ·  ·
 10 track images, key k             ·  X  ·  X  X  X  ·  ·  ·  ·  X  ·  ·  ·  ·  ·
 11 track tokens                    ·  ·  ·  X  X  X  ·  ·  ·  ·  X  ·  ·  ·  ·  ·
 12 track exports by ada            ·  ·  ·  ·  ·  ·  X  ·  X  ·  X  ·  ·  ·  ·  ·
 13 track exports by bob            ·  ·  ·  ·  ·  ·  ·  X  ·  ·  X  ·  ·  ·  ·  ·
 14 track exports                   ·  ·  ·  ·  ·  ·  X  X  X  ·  X  ·  ·  ·  ·  ·
 15 top up messages                 X  X  X  ·  ·  ·  ·  ·  ·  X  X  ·  ·  ·  ·  ·
 16 attach pro                      X  X  X  X  X  X  X  X  X  X  X  ·  ·  ·  ·  ·
 17 track messages of globex        ·  ·  ·  ·  ·  ·  ·  ·  ·  ·  ·  X  ·  ·  ·  ·
 18 first track of newcomer         ·  ·  ·  ·  ·  ·  ·  ·  ·  ·  X  ·  X  ·  ·  ·
 19 first track of latecomer        ·  ·  ·  ·  ·  ·  ·  ·  ·  ·  X  ·  ·  X  ·  ·
 20 sweep, of dormant's tokens      ·  ·  ·  ·  ·  ·  ·  ·  ·  ·  ·  ·  ·  ·  X  X
 21 track tokens of dormant         ·  ·  ·  ·  ·  ·  ·  ·  ·  ·  ·  ·  ·  ·  X  X
`;

const schema = defineSchema({});
const modules = import.meta.glob("../../convex/**/*.ts");

/** All of acme's and globex's months are under way; a day of dormant's tokens has ended. */
async function deployment() {
  vi.setSystemTime("2026-03-01T12:00:00Z");
  const t = recordable(convexTest({ schema, modules }), schema);
  register(t);
  const run = (operation: Operation) => t.mutation((ctx) => operation(ctx as Context));
  for (const customerId of ["acme", "globex", "dormant"]) {
    await run((ctx) => tally.customers.create(ctx, { customerId }));
  }
  for (const entityId of ["ada", "bob"]) {
    await run((ctx) => tally.entities.create(ctx, { customerId: "acme", entityId, featureId: "seats" }));
  }
  const reset = { interval: "day" } as const;
  await run((ctx) =>
    tally.grants.grant(ctx, { customerId: "dormant", featureId: "tokens", amount: 10, reset }),
  );
  vi.setSystemTime("2026-03-03T12:00:00Z");
  return (operation: Operation) => footprintOf(t, (ctx) => operation(ctx as Context));
}

async function footprints(): Promise<Record<Name, Footprint>> {
  const record = await deployment();
  const found: Partial<Record<Name, Footprint>> = {};
  for (const name of names) found[name] = await record(operations[name]);
  return found as Record<Name, Footprint>;
}

let found: Record<Name, Footprint>;
beforeAll(async () => {
  vi.useFakeTimers({ toFake: ["Date"] });
  found = await footprints();
  vi.useRealTimers();
});

test("a call waits for those alone that move what it can draw from", () => {
  expect(`\n${matrix()}\n`).toBe(MATRIX);
});

describe("a track", () => {
  test("writes its own balance and its event, and nothing else", () => {
    const { writes } = found["track messages"];
    expect(writes.map(({ component, table }) => `${component}/${table}`)).toEqual([
      "tally/balances",
      "tally/events",
    ]);
    expect(writes[0]).toMatchObject({ before: { featureId: "messages" }, after: { customerId: "acme" } });
  });

  const own = ["tally/balances.by_owner", "tally/balances.by_id"];
  test.each<[why: string, transaction: Name, other: Name, on: string[]]>([
    ["is retried for another of the same balance", "track messages", "track messages", own],
    ["is retried for a feature that shares its credits", "track images", "track tokens", own],
    [
      "by an entity is retried for its customer, on whose row it draws",
      "track messages by ada",
      "track messages",
      own,
    ],
    ["without an entity looks at the rows of all", "track exports", "track exports by bob", own.slice(0, 1)],
    [
      "with a key is retried for that key on another feature",
      "track images, key k",
      "track messages, key k",
      ["tally/events.by_key"],
    ],
    ["is not retried for another feature of the customer", "track messages", "track tokens", []],
    ["is not retried for another customer", "track messages", "track messages of globex", []],
    ["by an entity is not retried for another's own row", "track exports by ada", "track exports by bob", []],
    [
      "is not retried for the sweep of what is due elsewhere",
      "track messages",
      "sweep, of dormant's tokens",
      [],
    ],
    [
      "that begins a customer is not retried for another that does",
      "first track of newcomer",
      "first track of latecomer",
      [],
    ],
  ])("%s", (_why, transaction, other, on) => {
    expect(conflictsWith(found[transaction], found[other])).toEqual(on);
  });
});

test.each<Name>([
  "check messages",
  "check images, paid by credits",
  "list balances",
  "consume messages, refused",
])("%s: writes nothing, so it is never retried and nobody waits for it", (name) => {
  expect(found[name].writes).toEqual([]);
});

test("the meter of a feature is not re-run by the use of another", () => {
  expect(conflictsWith(found["check messages"], found["track tokens"])).toEqual([]);
});

function matrix(): string {
  const writers = names.filter((name) => found[name].writes.length > 0);
  const number = (name: Name) => String(names.indexOf(name) + 1).padStart(3);
  const line = (name: Name) => {
    const marks = writers.map((writer) =>
      conflictsWith(found[name], found[writer]).length > 0 ? "  X" : "  ·",
    );
    return `${number(name)} ${name.padEnd(30)}${marks.join("")}`;
  };
  return [" ".repeat(34) + writers.map(number).join(""), ...names.map(line)].join("\n");
}

async function refused(use: Promise<unknown>): Promise<void> {
  const error: unknown = await use.then(
    () => undefined,
    (thrown: unknown) => thrown,
  );
  if (!isTallyError(error, "usage_exceeded")) throw new Error("It was to be refused.", { cause: error });
}
