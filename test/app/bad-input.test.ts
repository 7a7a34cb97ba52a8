/** Every door is given what it must not take: a typed error that names it, and nothing is changed. */
import type { GenericActionCtx, GenericDataModel } from "convex/server";
import { beforeAll, describe, expect, test } from "vitest";
import { api, components } from "../../convex/_generated/api.js";
import { defineCatalog, isTallyError, Tally, type ErrorKind, type Identity } from "../../src/client/index.js";
import { deployment, signedIn, type Deployment } from "./deployment.js";
import { registerInspected, stored } from "./stored.js";

type Ctx = Pick<GenericActionCtx<GenericDataModel>, "runQuery" | "runMutation">;
type Args = Record<string, unknown>;

const catalog = defineCatalog({
  features: [
    { id: "messages", type: "metered" },
    { id: "seats", type: "metered", consumable: false },
    { id: "search", type: "boolean" },
  ],
  plans: [
    {
      id: "free",
      autoEnable: true,
      items: [
        { featureId: "messages", included: 10, reset: { interval: "month" } },
        { featureId: "seats", included: 3 },
      ],
    },
    { id: "pro", price: { amount: 20, interval: "month" }, items: [{ featureId: "messages", included: 50 }] },
    { id: "monthly", group: "other", price: { amount: 5, interval: "month" }, items: [] },
    { id: "leaving", group: "another", price: { amount: 5, interval: "month" }, items: [] },
  ],
});
const tally = new Tally(components.tally, { catalog, identify: () => Promise.resolve(null) });

const customerId = "user_1";
const good = { customerId, featureId: "messages" } as const;

/** What each door takes when nothing is wrong; `never`, because what follows is no argument of the right type. */
const doors: Record<string, { args: Args; call: (ctx: Ctx, args: Args) => Promise<unknown> }> = {
  for: {
    args: { customerId },
    call: async (ctx, args) => await tally.for(ctx, args as never).check({ featureId: "messages" }),
  },
  "for().check": {
    args: { featureId: "messages" },
    call: async (ctx, args) => await tally.for(ctx, { customerId }).check(args as never),
  },
  "for().check with sendEvent": {
    args: { featureId: "messages", sendEvent: true },
    call: async (ctx, args) => await tally.for(ctx, { customerId }).check(args as never),
  },
  "for().track": {
    args: { featureId: "messages" },
    call: async (ctx, args) => await tally.for(ctx, { customerId }).track(args as never),
  },
  "for().consume": {
    args: { featureId: "messages" },
    call: async (ctx, args) => await tally.for(ctx, { customerId }).consume(args as never),
  },
  check: { args: good, call: async (ctx, args) => await tally.check(ctx, args as never) },
  track: { args: good, call: async (ctx, args) => await tally.track(ctx, args as never) },
  consume: { args: good, call: async (ctx, args) => await tally.consume(ctx, args as never) },
  "customers.create": {
    args: { customerId: "user_2" },
    call: async (ctx, args) => await tally.customers.create(ctx, args as never),
  },
  "customers.get": {
    args: { customerId },
    call: async (ctx, args) => await tally.customers.get(ctx, args as never),
  },
  "customers.list": { args: {}, call: async (ctx, args) => await tally.customers.list(ctx, args as never) },
  "customers.update": {
    args: { customerId, name: "Ada" },
    call: async (ctx, args) => await tally.customers.update(ctx, args as never),
  },
  "customers.remove": {
    args: { customerId },
    call: async (ctx, args) => await tally.customers.remove(ctx, args as never),
  },
  "subscriptions.attach": {
    args: { customerId, planId: "pro" },
    call: async (ctx, args) => await tally.subscriptions.attach(ctx, args as never),
  },
  "subscriptions.list": {
    args: { customerId },
    call: async (ctx, args) => await tally.subscriptions.list(ctx, args as never),
  },
  "grants.grant": {
    args: { ...good, amount: 5 },
    call: async (ctx, args) => await tally.grants.grant(ctx, args as never),
  },
  "for().reserve": {
    args: { featureId: "messages", value: 1 },
    call: async (ctx, args) => await tally.for(ctx, { customerId }).reserve(args as never),
  },
  "reservations.reserve": {
    args: { ...good, value: 1 },
    call: async (ctx, args) => await tally.reservations.reserve(ctx, args as never),
  },
  "reservations.report": {
    args: { customerId, reservationId: "hold", total: 1 },
    call: async (ctx, args) => await tally.reservations.report(ctx, args as never),
  },
  "reservations.extend": {
    args: { customerId, reservationId: "hold" },
    call: async (ctx, args) => await tally.reservations.extend(ctx, args as never),
  },
  "reservations.confirm": {
    args: { customerId, reservationId: "hold" },
    call: async (ctx, args) => await tally.reservations.confirm(ctx, args as never),
  },
  "reservations.release": {
    args: { customerId, reservationId: "hold" },
    call: async (ctx, args) => await tally.reservations.release(ctx, args as never),
  },
  "reservations.list": {
    args: { customerId },
    call: async (ctx, args) => await tally.reservations.list(ctx, args as never),
  },
  refund: {
    args: { customerId, idempotencyKey: "used" },
    call: async (ctx, args) => await tally.refund(ctx, args as never),
  },
  "subscriptions.preview": {
    args: { customerId, planId: "pro" },
    call: async (ctx, args) => await tally.subscriptions.preview(ctx, args as never),
  },
  "subscriptions.cancel": {
    args: { customerId, planId: "monthly" },
    call: async (ctx, args) => await tally.subscriptions.cancel(ctx, args as never),
  },
  "subscriptions.resume": {
    args: { customerId, planId: "leaving" },
    call: async (ctx, args) => await tally.subscriptions.resume(ctx, args as never),
  },
  "grants.set": {
    args: { ...good, remaining: 5 },
    call: async (ctx, args) => await tally.grants.set(ctx, args as never),
  },
  "grants.revoke": {
    args: { ...good, grantId: "g0002" },
    call: async (ctx, args) => await tally.grants.revoke(ctx, args as never),
  },
  "entities.create": {
    args: { customerId, entityId: "bob", featureId: "seats" },
    call: async (ctx, args) => await tally.entities.create(ctx, args as never),
  },
  "entities.remove": {
    args: { customerId, entityId: "ada" },
    call: async (ctx, args) => await tally.entities.remove(ctx, args as never),
  },
  "entities.get": {
    args: { customerId, entityId: "ada" },
    call: async (ctx, args) => await tally.entities.get(ctx, args as never),
  },
  "entities.list": {
    args: { customerId },
    call: async (ctx, args) => await tally.entities.list(ctx, args as never),
  },
  "balances.list": {
    args: { customerId },
    call: async (ctx, args) => await tally.balances.list(ctx, args as never),
  },
  "events.list": {
    args: { customerId },
    call: async (ctx, args) => await tally.events.list(ctx, args as never),
  },
};

/** A customer with a seat, two plans, one of them cancelled, and a hold, who has used something. */
async function begun() {
  const t = deployment();
  registerInspected(t);
  await t.mutation(async (ctx) => {
    await tally.track(ctx, { customerId, featureId: "messages", value: 2, idempotencyKey: "used" });
    await tally.entities.create(ctx, { customerId, entityId: "ada", featureId: "seats" });
    await tally.reservations.reserve(ctx, { ...good, value: 1, reservationId: "hold" });
    await tally.subscriptions.attach(ctx, { customerId, planId: "monthly" });
    await tally.subscriptions.attach(ctx, { customerId, planId: "leaving" });
    await tally.subscriptions.cancel(ctx, { customerId, planId: "leaving" });
  });
  return t;
}

let t: Deployment;
beforeAll(async () => {
  t = await begun();
});

/** What no line of a log should have. */
const UNPRINTABLE = /[\u0000-\u001f\u007f-\u009f\u2028\u2029]/;

/** Calls in a mutation that catches the error: whatever was written before the throw would stay. */
async function expectRefusal(call: (ctx: Ctx) => Promise<unknown>, kind: ErrorKind, named: string) {
  const before = await stored(t);
  let thrown: unknown = "nothing was thrown";
  await t.mutation(async (ctx) => {
    await call(ctx as unknown as Ctx).catch((error: unknown) => {
      thrown = error;
    });
  });
  expect(await stored(t)).toEqual(before);
  if (!isTallyError(thrown)) throw new Error(`No Tally error: ${String(thrown)}`);
  expect(thrown.data.kind).toBe(kind);
  expect(thrown.data.message).toContain(named);
  expect(thrown.data.message.length).toBeLessThan(500);
  // Several problems are a list, one on each line.
  expect(thrown.data.message.replaceAll("\n  - ", " ")).not.toMatch(UNPRINTABLE);
}

type Case = readonly [shown: string, value: unknown];

/** A bad value in one argument of a door that is otherwise called well. */
function refusals(door: string, argument: string, kind: ErrorKind, cases: readonly Case[]) {
  const { args, call } = doors[door] ?? fail(door);
  test.each(cases)(`${door} refuses ${argument}: %s`, async (shown, value) => {
    await expectRefusal((ctx) => call(ctx, { ...args, [argument]: value }), kind, shown);
  });
}

function fail(door: string): never {
  throw new Error(`There is no door ${door}.`);
}

const LONG = "x".repeat(10_000);
const LONG_SHOWN = "(10002 characters)";

describe("a door takes what is good", () => {
  test.each(Object.entries(doors))("%s", async (_, { args, call }) => {
    const fresh = await begun();
    await fresh.mutation(async (ctx) => {
      await call(ctx as unknown as Ctx, args);
    });
  });
});

describe("arguments that are no object", () => {
  const withDefaults = ["customers.list"];
  const cases = Object.entries(doors).flatMap(([door, { call }]) =>
    [undefined, null, 7, "user_1"]
      .filter((args) => args !== undefined || !withDefaults.includes(door))
      .map((args) => [String(args), door, call, args] as const),
  );

  test.each(cases)("%s is refused by %s", async (shown, _, call, args) => {
    await expectRefusal((ctx) => call(ctx, args as unknown as Args), "invalid_argument", shown);
  });

  const lists: [string, unknown[]][] = [
    ["for", [{ customerId }]],
    ["customers.create", [{ customerId: "user_2" }]],
    ["track", [good]],
    ["grants.grant", [{ ...good, amount: 5 }]],
  ];
  test.each(lists)("a list is refused by %s", async (door, args) => {
    const { call } = doors[door] ?? fail(door);
    await expectRefusal((ctx) => call(ctx, args as unknown as Args), "invalid_argument", "an array");
  });
});

describe("an amount", () => {
  const noAmounts: readonly Case[] = [
    ["NaN", NaN],
    ["Infinity", Infinity],
    ["-Infinity", -Infinity],
    ["-0", -0],
    ["1e+308", 1e308],
    ["9007199254740992", 2 ** 53],
    ["0.1234567891", 0.1234567891],
    ['"1"', "1"],
    ['""', ""],
    ["null", null],
    ["true", true],
    ["1", 1n],
    ["an array", [1]],
    ["an object", { amount: 1 }],
    ["Symbol(1)", Symbol("1")],
  ];
  const below: readonly Case[] = [
    ["-1", -1],
    ["-1e-9", -1e-9],
  ];
  const absent: readonly Case[] = [["undefined", undefined]];

  refusals("for().check", "requiredBalance", "invalid_amount", noAmounts);
  refusals("for().check with sendEvent", "requiredBalance", "invalid_amount", [
    ...noAmounts,
    ...below,
    ...absent,
  ]);
  refusals("for().track", "value", "invalid_amount", [...noAmounts, ...below, ...absent]);
  refusals("for().consume", "value", "invalid_amount", [...noAmounts, ...below, ...absent]);
  refusals("check", "requiredBalance", "invalid_amount", noAmounts);
  refusals("track", "value", "invalid_amount", [...noAmounts, ...absent]);
  refusals("consume", "value", "invalid_amount", [...noAmounts, ...below, ...absent]);
  refusals("grants.grant", "amount", "invalid_amount", [...noAmounts, ...below, ...absent]);

  refusals("for().reserve", "value", "invalid_amount", [...noAmounts, ...below, ...absent]);
  refusals("reservations.reserve", "value", "invalid_amount", [...noAmounts, ...below, ...absent]);
  refusals("reservations.report", "total", "invalid_amount", [...noAmounts, ...below, ...absent]);
  refusals("reservations.extend", "value", "invalid_amount", [...noAmounts, ...below]);
  refusals("reservations.confirm", "value", "invalid_amount", [...noAmounts, ...below, ...absent]);
  refusals("refund", "value", "invalid_amount", [...noAmounts, ...below, ...absent]);
  refusals("grants.set", "remaining", "invalid_amount", noAmounts);

  test.each(["usage", "granted"])("grants.set refuses that its %s be NaN", async (target) => {
    const { call } = doors["grants.set"] ?? fail("grants.set");
    await expectRefusal((ctx) => call(ctx, { ...good, [target]: NaN }), "invalid_amount", "NaN");
  });

  test("grants.grant refuses an amount of 0", async () => {
    await expectRefusal(
      (ctx) => tally.grants.grant(ctx, { customerId, featureId: "messages", amount: 0 }),
      "invalid_argument",
      "above 0; got 0",
    );
  });

  test("that would make a balance too large to be exact is refused", async () => {
    const fresh = await begun();
    const give = (amount: number) =>
      fresh.mutation((ctx) => tally.grants.grant(ctx, { customerId, featureId: "messages", amount }));
    await give(Number.MAX_SAFE_INTEGER);
    const before = await stored(fresh);
    await expect(give(1)).rejects.toMatchObject({
      data: { kind: "invalid_amount", message: expect.stringContaining("9007199254740992") },
    });
    expect(await stored(fresh)).toEqual(before);
  });
});

describe("an id", () => {
  const noIds: readonly Case[] = [
    ['""', ""],
    [LONG_SHOWN, LONG],
    ['"a\\nb"', "a\nb"],
    ['"a\\u0000b"', "a\u0000b"],
    ['" a"', " a"],
    ['"a "', "a "],
    ['"a\\u009b31mb"', "a\u009b31mb"],
    ['"a\\u2028b"', "a\u2028b"],
    ['"a\\ud800b"', "a\ud800b"],
    ["7", 7],
    ["NaN", NaN],
    ["null", null],
    ["an object", { id: "user_1" }],
    ["an array", ["user_1"]],
  ];
  const absent: readonly Case[] = [["undefined", undefined]];

  const ofCustomers = Object.keys(doors).filter(
    (door) => !door.startsWith("for()") && door !== "customers.list",
  );
  for (const door of ofCustomers) refusals(door, "customerId", "invalid_argument", [...noIds, ...absent]);

  const ofEntities = [
    "for",
    "for().check",
    "for().check with sendEvent",
    "for().track",
    "for().consume",
    "check",
    "track",
    "consume",
    "subscriptions.attach",
    "grants.grant",
    "grants.set",
    "for().reserve",
    "reservations.reserve",
  ];
  for (const door of ofEntities) {
    refusals(door, "entityId", "invalid_argument", noIds);
    refusals(door, "entityId", "entity_not_found", [['"eve"', "eve"]]);
  }
  for (const door of ["create", "get", "remove"])
    refusals(`entities.${door}`, "entityId", "invalid_argument", [...noIds, ...absent]);
  for (const door of [
    "entities.remove",
    "subscriptions.preview",
    "subscriptions.cancel",
    "subscriptions.resume",
  ])
    refusals(door, "entityId", "entity_not_found", [['"eve"', "eve"]]);
  refusals("entities.remove", "idempotencyKey", "invalid_argument", noIds);

  const withKeys = [
    "for().check with sendEvent",
    "for().track",
    "for().consume",
    "track",
    "consume",
    "subscriptions.attach",
    "grants.grant",
  ];
  for (const door of withKeys) refusals(door, "idempotencyKey", "invalid_argument", noIds);
  for (const door of ["subscriptions.cancel", "subscriptions.resume", "grants.set", "grants.revoke"])
    refusals(door, "idempotencyKey", "invalid_argument", noIds);
  for (const door of [
    "subscriptions.preview",
    "subscriptions.cancel",
    "subscriptions.resume",
    "grants.revoke",
  ])
    refusals(door, "entityId", "invalid_argument", noIds);
  refusals("refund", "idempotencyKey", "invalid_argument", [...noIds, ['"unused"', "unused"]]);
  refusals("refund", "refundKey", "invalid_argument", noIds);
  refusals("grants.revoke", "grantId", "invalid_argument", [...noIds, ...absent, ['"g9999"', "g9999"]]);
  refusals("grants.set", "grantId", "invalid_argument", [...noIds, ['"g9999"', "g9999"]]);
  refusals("subscriptions.attach", "fingerprint", "invalid_argument", noIds);

  const ofHolds = ["report", "extend", "confirm", "release"].map((verb) => `reservations.${verb}`);
  for (const door of ofHolds) {
    refusals(door, "reservationId", "invalid_argument", [...noIds, ...absent]);
    refusals(door, "reservationId", "reservation_not_found", [['"unheld"', "unheld"]]);
  }
  refusals("for().reserve", "reservationId", "invalid_argument", noIds);
  refusals("reservations.reserve", "reservationId", "invalid_argument", noIds);

  test("of the greatest length is shortened in every message", async () => {
    const [user, seat] = ["user".padEnd(255, "x"), "seat".padEnd(255, "x")];
    await expectRefusal(
      (ctx) => tally.check(ctx, { customerId: user, featureId: "messages", entityId: seat }),
      "entity_not_found",
      "(257 characters)",
    );
  });

  test("of a customer who never began is not found by customers.update", async () => {
    await expectRefusal(
      (ctx) => tally.customers.update(ctx, { customerId: "nobody", name: "Ada" }),
      "customer_not_found",
      '"nobody"',
    );
  });

  test("of a customer who never began is not found by customers.remove", async () => {
    await expectRefusal(
      (ctx) => tally.customers.remove(ctx, { customerId: "nobody" }),
      "customer_not_found",
      '"nobody"',
    );
  });
});

describe("a feature", () => {
  const unknown: readonly Case[] = [
    ['"messagse"', "messagse"],
    ['"Messages"', "Messages"],
    ['""', ""],
    ['"toString"', "toString"],
    ['"__proto__"', "__proto__"],
    [LONG_SHOWN, LONG],
  ];
  const noStrings: readonly Case[] = [
    ["7", 7],
    ["null", null],
    ["undefined", undefined],
    ["an array", ["messages"]],
  ];
  const asked = [
    "for().check",
    "for().check with sendEvent",
    "for().track",
    "for().consume",
    "check",
    "track",
    "consume",
    "grants.grant",
    "for().reserve",
    "reservations.reserve",
  ];
  for (const door of asked) {
    refusals(door, "featureId", "feature_not_found", unknown);
    refusals(door, "featureId", "invalid_argument", noStrings);
  }
  refusals("entities.create", "featureId", "feature_not_found", [...unknown, ...noStrings]);
  refusals("entities.create", "featureId", "invalid_argument", [['"messages"', "messages"]]);
  for (const door of ["grants.set", "grants.revoke"])
    refusals(door, "featureId", "feature_not_found", unknown);
  refusals("events.list", "featureId", "invalid_argument", [
    ['""', ""],
    [LONG_SHOWN, LONG],
    ["7", 7],
  ]);

  const onlyChecked: readonly Case[] = [['"search"', "search"]];
  refusals("consume", "featureId", "invalid_argument", onlyChecked);
  refusals("for().consume", "featureId", "invalid_argument", onlyChecked);
  refusals("for().check with sendEvent", "featureId", "invalid_argument", onlyChecked);
  refusals("for().reserve", "featureId", "invalid_argument", onlyChecked);
  refusals("reservations.reserve", "featureId", "invalid_argument", onlyChecked);
});

describe("a plan", () => {
  for (const verb of ["attach", "preview", "cancel", "resume"]) {
    refusals(`subscriptions.${verb}`, "planId", "plan_not_found", [
      ['"enterprise"', "enterprise"],
      ['""', ""],
      [LONG_SHOWN, LONG],
    ]);
    refusals(`subscriptions.${verb}`, "planId", "invalid_argument", [
      ["7", 7],
      ["undefined", undefined],
    ]);
  }

  test("that the customer does not have cannot be cancelled", async () => {
    await expectRefusal(
      (ctx) => tally.subscriptions.cancel(ctx, { customerId, planId: "pro" }),
      "plan_not_found",
      '"pro"',
    );
  });

  for (const verb of ["attach", "preview"]) {
    refusals(`subscriptions.${verb}`, "when", "invalid_argument", [
      ['"later"', "later"],
      ["null", null],
      ["7", 7],
    ]);
    refusals(`subscriptions.${verb}`, "quantities", "invalid_argument", [
      ["null", null],
      ["7", 7],
      ["an array", []],
      ['"messages"', { messages: 5 }],
    ]);
    refusals(`subscriptions.${verb}`, "quantities", "invalid_amount", [
      ["NaN", { messages: NaN }],
      ["-1", { messages: -1 }],
    ]);
    refusals(`subscriptions.${verb}`, "trial", "invalid_argument", [
      ['"pro"', true],
      ["null", null],
      ["7", 7],
      ['"lenght"', { lenght: 7, unit: "day" }],
      ["0", { length: 0, unit: "day" }],
      ["NaN", { length: NaN, unit: "day" }],
      ['"week"', { length: 1, unit: "week" }],
    ]);
    refusals(`subscriptions.${verb}`, "items", "invalid_argument", [
      ["null", null],
      ["7", 7],
      ["an object", {}],
      ["NaN", [{ featureId: "messages", included: NaN }]],
      ['"faxes"', [{ featureId: "faxes", included: 5 }]],
    ]);
    refusals(`subscriptions.${verb}`, "carryOverUsages", "invalid_argument", [['"yes"', "yes"]]);
    refusals(`subscriptions.${verb}`, "carryOverBalances", "invalid_argument", [["1", 1]]);
  }
});

describe("a hold", () => {
  const noTimes: readonly Case[] = [
    ["0", 0],
    ["-1", -1],
    ["1.5", 1.5],
    ["NaN", NaN],
    ["Infinity", Infinity],
    ["86400001", 86_400_001],
    ['"1"', "1"],
    ["null", null],
  ];
  refusals("for().reserve", "ttlMs", "invalid_argument", noTimes);
  refusals("reservations.reserve", "ttlMs", "invalid_argument", noTimes);
  refusals("reservations.extend", "ttlMs", "invalid_argument", noTimes);

  test("has to say how much", async () => {
    await expectRefusal(
      (ctx) => tally.reservations.reserve(ctx, good as never),
      "invalid_argument",
      "how much to hold",
    );
  });

  test("that exists cannot be another one", async () => {
    await expectRefusal(
      (ctx) => tally.reservations.reserve(ctx, { ...good, value: 2, reservationId: "hold" }),
      "idempotency_conflict",
      '"hold"',
    );
  });
});

describe("a refund", () => {
  test("has to name a use", async () => {
    await expectRefusal((ctx) => tally.refund(ctx, { customerId }), "invalid_argument", "eventId");
  });

  test("names a use in one way only", async () => {
    await expectRefusal(
      (ctx) => tally.refund(ctx, { customerId, idempotencyKey: "used", eventId: "x" }),
      "invalid_argument",
      "eventId",
    );
  });

  test("of an event that is none is refused", async () => {
    await expectRefusal((ctx) => tally.refund(ctx, { customerId, eventId: "x" }), "invalid_argument", '"x"');
  });

  test("of more than was used is refused", async () => {
    await expectRefusal(
      (ctx) => tally.refund(ctx, { customerId, idempotencyKey: "used", value: 3 }),
      "invalid_amount",
      "3, but only 2",
    );
  });
});

describe("a balance that is set", () => {
  test("is set to one thing at a time", async () => {
    await expectRefusal(
      (ctx) => tally.grants.set(ctx, { ...good, remaining: 5, usage: 5 }),
      "invalid_argument",
      "exactly one",
    );
  });

  test("is set to something", async () => {
    await expectRefusal((ctx) => tally.grants.set(ctx, good), "invalid_argument", "exactly one");
  });
});

describe("properties", () => {
  const keys = (count: number) => Object.fromEntries(Array.from({ length: count }, (_, i) => [`key${i}`, i]));
  const noProperties: readonly Case[] = [
    ["null", null],
    ['"model"', "model"],
    ["7", 7],
    ["an array", ["model"]],
    ["an object", new Date(0)],
    ["an object", new Map([["model", "x"]])],
    ["21 keys", keys(21)],
    ["20000 keys", keys(20_000)],
    [`"${"k".repeat(41)}"`, { ["k".repeat(41)]: 1 }],
    [LONG_SHOWN, { [LONG]: 1 }],
    ['""', { "": 1 }],
    ['"_id"', { _id: "x" }],
    ['"$where"', { $where: "x" }],
    ['"größe"', { größe: 1 }],
    ["(503 characters)", { text: "x".repeat(501) }],
    ["an object", { nested: { a: 1 } }],
    ["an array", { list: [1] }],
    ["NaN", { count: NaN }],
    ["Infinity", { count: Infinity }],
    ["undefined", { count: undefined }],
    ["1", { count: 1n }],
    ['"\\udc00"', { text: "\udc00" }],
  ];
  const recording = [
    "for().check with sendEvent",
    "for().track",
    "for().consume",
    "for().reserve",
    "track",
    "consume",
    "reservations.reserve",
  ];
  for (const door of recording) {
    refusals(door, "properties", "invalid_argument", noProperties);
  }

  test("up to all bounds at once are kept as they are", async () => {
    const fresh = await begun();
    const properties = Object.fromEntries(
      Array.from({ length: 20 }, (_, i) => [String(i).padStart(2, "0").padEnd(40, "k"), "x".repeat(500)]),
    );
    await fresh.mutation((ctx) => tally.track(ctx, { customerId, featureId: "messages", properties }));
    const { page } = await fresh.query((ctx) => tally.events.list(ctx, { customerId, limit: 1 }));
    expect(page[0]?.properties).toEqual(properties);
  });
});

describe("an option", () => {
  for (const door of Object.keys(doors)) {
    test(`that is misspelt is refused by ${door}`, async () => {
      const { args, call } = doors[door] ?? fail(door);
      await expectRefusal((ctx) => call(ctx, { ...args, vaule: 5 }), "invalid_argument", '"vaule"');
    });
  }

  test("that has 10,000 characters is shortened in the message", async () => {
    await expectRefusal(
      (ctx) => tally.track(ctx, { ...good, [LONG]: 5 } as never),
      "invalid_argument",
      LONG_SHOWN,
    );
  });

  test("that is misspelt in the reset of a grant is refused", async () => {
    const reset = { interval: "month", intervalCont: 3 } as const;
    await expectRefusal(
      (ctx) => tally.grants.grant(ctx, { customerId, featureId: "messages", amount: 1, reset }),
      "invalid_argument",
      '"intervalCont"',
    );
  });

  test("of a check that deducts is refused by one that does not", async () => {
    await expectRefusal(
      (ctx) => tally.check(ctx, { customerId, featureId: "messages", idempotencyKey: "k" }),
      "invalid_argument",
      "idempotencyKey",
    );
  });

  refusals("for().check with sendEvent", "sendEvent", "invalid_argument", [
    ['"true"', "true"],
    ["1", 1],
    ["null", null],
  ]);
  refusals("grants.grant", "unlimited", "invalid_argument", [
    ['"yes"', "yes"],
    ["1", 1],
    ["null", null],
  ]);

  test("of track alone is refused by consume", async () => {
    await expectRefusal(
      (ctx) => tally.consume(ctx, { ...good, onInsufficient: "overflow" } as never),
      "invalid_argument",
      '"onInsufficient"',
    );
  });

  for (const door of ["for().track", "track"]) {
    refusals(door, "onInsufficient", "invalid_argument", [
      ['"CAP"', "CAP"],
      ['"ignore"', "ignore"],
      ["null", null],
      ["7", 7],
    ]);
  }
  refusals("entities.create", "onInsufficient", "invalid_argument", [
    ['"cap"', "cap"],
    ['""', ""],
    ["true", true],
    ["null", null],
  ]);

  test("to deduct is refused to a query", async () => {
    const asked = t.query((ctx) =>
      tally.check(ctx, { customerId, featureId: "messages", sendEvent: true } as never),
    );
    await expect(asked).rejects.toMatchObject({ data: { kind: "not_supported" } });
  });

  test("to deduct is refused to a list of checks", async () => {
    await expectRefusal(
      (ctx) => tally.for(ctx, { customerId }).check([{ featureId: "messages", sendEvent: true } as never]),
      "not_supported",
      "sendEvent",
    );
  });
});

describe("a list of requests", () => {
  interface Request {
    featureId: string;
    value?: number;
  }
  const request: Request = { featureId: "messages" };
  const verbs: [string, (ctx: Ctx, requests: Request[]) => Promise<unknown>][] = [
    ["check", (ctx, requests) => tally.for(ctx, { customerId }).check(requests)],
    ["track", (ctx, requests) => tally.for(ctx, { customerId }).track(requests)],
    ["consume", (ctx, requests) => tally.for(ctx, { customerId }).consume(requests)],
  ];

  test.each(verbs)("given to %s cannot be empty", async (_, verb) => {
    await expectRefusal((ctx) => verb(ctx, []), "invalid_argument", "got 0");
  });

  test.each(verbs)("given to %s has at most 100", async (_, verb) => {
    const requests = Array.from({ length: 101 }, () => request);
    await expectRefusal((ctx) => verb(ctx, requests), "invalid_argument", "got 101");
  });

  test.each(verbs)("given to %s may be huge: it is refused before it is read", async (_, verb) => {
    const requests = Array.from({ length: 1_000_000 }, () => request);
    await expectRefusal((ctx) => verb(ctx, requests), "invalid_argument", "got 1000000");
  });

  test.each(verbs.slice(1))("given to %s fails whole with its last", async (_, verb) => {
    await expectRefusal(
      (ctx) => verb(ctx, [request, { featureId: "messages", value: NaN }]),
      "invalid_amount",
      "NaN",
    );
  });
});

describe("a name or a reason", () => {
  const noTexts: readonly Case[] = [
    ["(503 characters)", "x".repeat(501)],
    ["7", 7],
    ["an object", {}],
  ];
  refusals("customers.create", "name", "invalid_argument", noTexts);
  refusals("customers.create", "email", "invalid_argument", noTexts);
  refusals("customers.update", "name", "invalid_argument", noTexts);
  refusals("customers.update", "email", "invalid_argument", noTexts);
  refusals("entities.create", "name", "invalid_argument", noTexts);
  for (const argument of ["reason", "actor"]) {
    for (const verb of ["attach", "cancel", "resume"])
      refusals(`subscriptions.${verb}`, argument, "invalid_argument", noTexts);
    for (const verb of ["grant", "set", "revoke"])
      refusals(`grants.${verb}`, argument, "invalid_argument", noTexts);
    refusals("refund", argument, "invalid_argument", noTexts);
    refusals("entities.remove", argument, "invalid_argument", noTexts);
  }
});

describe("a page", () => {
  const lists = [
    "customers.list",
    "subscriptions.list",
    "entities.list",
    "balances.list",
    "events.list",
    "reservations.list",
  ];
  for (const door of lists) {
    refusals(door, "limit", "invalid_argument", [
      ["0", 0],
      ["-0", -0],
      ["-1", -1],
      ["1.5", 1.5],
      ["201", 201],
      ["NaN", NaN],
      ["Infinity", Infinity],
      ['"5"', "5"],
      ["null", null],
    ]);
    refusals(door, "cursor", "invalid_argument", [
      ['""', ""],
      ['"nonsense"', "nonsense"],
      ['"[]"', "[]"],
      ['"{}"', "{}"],
      ['"7"', "7"],
      [LONG_SHOWN, LONG],
      ["7", 7],
    ]);
  }
});

describe("a grant", () => {
  refusals("grants.grant", "startsAt", "invalid_argument", [
    ["NaN", NaN],
    ["Infinity", Infinity],
    ["-1", -1],
    ["1e+308", 1e308],
    ['"tomorrow"', "tomorrow"],
    ["null", null],
  ]);
  refusals("grants.grant", "expiresAt", "invalid_argument", [
    ["NaN", NaN],
    ["Infinity", Infinity],
    ["-1", -1],
    ["1e+308", 1e308],
    ["1970-01-01T00:00:00.000Z", 0],
    ["2001-09-09T01:46:40.000Z", 1e12],
    ['"tomorrow"', "tomorrow"],
  ]);
  refusals("grants.grant", "priority", "invalid_argument", [
    ["NaN", NaN],
    ["0.5", 0.5],
    ["-0", -0],
    ["1001", 1001],
    ["-1001", -1001],
    ['"high"', "high"],
  ]);
  refusals("grants.grant", "reset", "invalid_argument", [
    ["null", null],
    ['"month"', "month"],
    ["fortnight", { interval: "fortnight" }],
    ["undefined", {}],
    ["0", { interval: "month", intervalCount: 0 }],
    ["1.5", { interval: "month", intervalCount: 1.5 }],
    ["NaN", { interval: "month", intervalCount: NaN }],
    ["1001", { interval: "month", intervalCount: 1001 }],
  ]);

  test("that expires before it starts is refused", async () => {
    const startsAt = Date.UTC(2100, 0, 2);
    await expectRefusal(
      (ctx) =>
        tally.grants.grant(ctx, {
          customerId,
          featureId: "messages",
          amount: 1,
          startsAt,
          expiresAt: startsAt - 1,
        }),
      "invalid_argument",
      "2100-01-01T23:59:59.999Z",
    );
  });

  test("without limit has no amount", async () => {
    await expectRefusal(
      (ctx) => tally.grants.grant(ctx, { customerId, featureId: "messages", amount: 7, unlimited: true }),
      "invalid_argument",
      "got 7",
    );
  });

  test("of a boolean feature has no amount", async () => {
    await expectRefusal(
      (ctx) => tally.grants.grant(ctx, { customerId, featureId: "search", amount: 7 }),
      "invalid_argument",
      "got 7",
    );
  });
});

describe("an identity", () => {
  const identities: readonly (readonly [shown: string, identity: Args])[] = [
    ['""', { customerId: "" }],
    ["undefined", {}],
    [LONG_SHOWN, { customerId: LONG }],
    ['"a\\u0000b"', { customerId: "a\u0000b" }],
    ['""', { customerId: "user_1", entityId: "" }],
    ["7", { customerId: "user_1", name: 7 }],
    ["(503 characters)", { customerId: "user_1", email: "x".repeat(501) }],
  ];

  test.each(identities)("that the app's identify gives is refused: %s", async (shown, identity) => {
    const careless = new Tally(components.tally, {
      catalog,
      identify: () => Promise.resolve(identity as unknown as Identity),
    });
    await expectRefusal(
      async (ctx) =>
        await careless.customization.mutation.input(
          { ...ctx, auth: { getUserIdentity: () => Promise.resolve(null) } },
          {},
        ),
      "invalid_argument",
      shown,
    );
  });
});

describe("a browser", () => {
  const ada = () => signedIn(t);

  test.each([
    ["NaN", NaN],
    ["Infinity", Infinity],
    ["-0", -0],
    ["1e+308", 1e308],
    ["0.1234567891", 0.1234567891],
  ])("that checks for %s is refused", async (shown, requiredBalance) => {
    const asked = ada().query(api.billing.check, { featureId: "messages", requiredBalance });
    await expect(asked).rejects.toMatchObject({
      data: { kind: "invalid_amount", message: expect.stringContaining(shown) },
    });
  });

  test.each([
    ['"messagse"', "messagse"],
    ['""', ""],
    [LONG_SHOWN, LONG],
  ])("that checks the feature %s is refused", async (shown, featureId) => {
    const asked = ada().query(api.billing.check, { featureId });
    await expect(asked).rejects.toMatchObject({
      data: { kind: "feature_not_found", message: expect.stringContaining(shown) },
    });
  });

  test.each([
    ["0", { limit: 0 }],
    ["201", { limit: 201 }],
    ["1.5", { limit: 1.5 }],
    ["NaN", { limit: NaN }],
    ['"nonsense"', { cursor: "nonsense" }],
    [LONG_SHOWN, { cursor: LONG }],
    ['""', { featureId: "" }],
    ['"a\\u0000b"', { featureId: "a\u0000b" }],
  ])("that lists events with %s is refused", async (shown, args) => {
    const asked = ada().query(api.billing.events, args);
    await expect(asked).rejects.toMatchObject({
      data: { kind: "invalid_argument", message: expect.stringContaining(shown) },
    });
  });

  test.each([
    ["a text for an amount", { featureId: "messages", requiredBalance: "1" }],
    ["a list for a feature", { featureId: ["messages"] }],
    ["no feature", {}],
    ["a customer's id", { featureId: "messages", customerId: "user_2" }],
    ["an entity's id", { featureId: "messages", entityId: "ada" }],
    ["the wish to deduct", { featureId: "messages", sendEvent: true }],
  ])("that checks with %s is stopped by Convex itself", async (_, args) => {
    await expect(ada().query(api.billing.check, args as never)).rejects.toThrow(/Validator error/);
  });
});
