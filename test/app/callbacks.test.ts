/** What the app is told of when a draw crosses a threshold or leaves nothing, and what it writes then. */
import { convexTest } from "convex-test";
import {
  actionGeneric,
  anyApi,
  componentsGeneric,
  defineSchema,
  defineTable,
  internalMutationGeneric,
  mutationGeneric,
  queryGeneric,
  type ApiFromModules,
  type DataModelFromSchemaDefinition,
  type FunctionReference,
  type GenericMutationCtx,
} from "convex/server";
import { v } from "convex/values";
import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import { components } from "../../convex/_generated/api.js";
import {
  defineCatalog,
  Tally,
  type CallbackContext,
  type Identity,
  type LimitReached,
  type ThresholdReached,
} from "../../src/client/index.js";
import { registerInspected, stored, sweep } from "./stored.js";

const schema = defineSchema({ notices: defineTable({ text: v.string() }) });
type DataModel = DataModelFromSchemaDefinition<typeof schema>;
type Context = GenericMutationCtx<DataModel>;

const month = { interval: "month" } as const;
const features = [
  { id: "messages", type: "metered", eventNames: ["sent"] },
  { id: "letters", type: "metered", eventNames: ["sent"] },
  { id: "images", type: "metered" },
  { id: "calls", type: "metered" },
  { id: "seats", type: "metered", consumable: false },
  { id: "credits", type: "credit_system", creditSchema: [{ meteredFeatureId: "images", creditCost: 0.1 }] },
] as const;
const plans = [
  {
    id: "free",
    autoEnable: true,
    items: [
      { featureId: "messages", included: 10, reset: month },
      { featureId: "letters", included: 5, reset: month },
      { featureId: "credits", included: 1, reset: month },
      {
        featureId: "calls",
        included: 10,
        price: { amount: 1, interval: "month", billingMethod: "usage_based" },
      },
    ],
  },
] as const;

/** What the callbacks do besides writing down that they were called. */
const app = { throws: false };

const note = async (ctx: CallbackContext<DataModel>, text: string): Promise<void> => {
  if (ctx.db !== undefined) await ctx.db.insert("notices", { text });
  else await ctx.runMutation(notes.note, { text });
  if (app.throws) throw new Error("the callback failed");
};

const told = ({ customerId, entityId, featureId }: ThresholdReached | LimitReached) =>
  [customerId, entityId, featureId].filter((part) => part !== undefined).join("/");

const tally = new Tally(components.tally, {
  catalog: defineCatalog({ features, plans }),
  identify: async (ctx): Promise<Identity | null> => {
    const user = await ctx.auth.getUserIdentity();
    return user && { customerId: user.subject };
  },
  usageAlerts: [
    { threshold: 80, thresholdType: "usage_percentage" },
    { threshold: 100, thresholdType: "usage_percentage" },
  ],
  on: {
    thresholdReached: async (ctx: CallbackContext<DataModel>, reached): Promise<void> =>
      await note(ctx, `${told(reached)} ${reached.threshold}% (${reached.usage} of ${reached.granted})`),
    limitReached: async (ctx: CallbackContext<DataModel>, reached): Promise<void> =>
      await note(ctx, `${told(reached)} ${reached.reason}`),
  },
});
const { userMutation, userAction } = tally.builders({
  query: queryGeneric,
  mutation: mutationGeneric,
  action: actionGeneric,
});

const functions = {
  note: internalMutationGeneric({
    args: { text: v.string() },
    handler: async (ctx, args) => void (await ctx.db.insert("notices", args)),
  }),
  metered: userMutation({
    meter: { featureId: "messages", value: 8 },
    args: {},
    handler: async () => null,
  }),
  generate: userAction({
    args: { used: v.number() },
    meter: { featureId: "messages", value: 8 },
    handler: async (ctx, { used }) => ctx.meter.add(used),
  }),
  consume: userAction({
    args: { value: v.number() },
    handler: async (ctx, { value }) => (await ctx.consume({ featureId: "messages", value })).remaining,
  }),
};
const { functions: api } = anyApi as unknown as ApiFromModules<{ functions: typeof functions }>;
const notes = anyApi.functions as unknown as {
  note: FunctionReference<"mutation", "internal", { text: string }>;
};

/** The cron that settles what nobody has. */
const { reservations: holds } = (
  componentsGeneric() as unknown as {
    tally: { reservations: { sweep: FunctionReference<"mutation", "internal", Record<string, never>> } };
  }
).tally;

const customerId = "user_1";
const me = { customerId };
const messages = { ...me, featureId: "messages" } as const;

function deployed() {
  const t = convexTest({
    schema,
    modules: {
      ...import.meta.glob("../../convex/_generated/*.ts"),
      "../../convex/functions.ts": () => Promise.resolve(functions),
    },
    transactionLimits: true,
  });
  registerInspected(t);
  const run = async (operation: (ctx: Context) => Promise<unknown>) => {
    await t.mutation(async (ctx) => void (await operation(ctx)));
  };
  return {
    t,
    run,
    use: (value: number) => run((ctx) => tally.track(ctx, { ...messages, value })),
    notices: async () => (await t.run((ctx) => ctx.db.query("notices").collect())).map(({ text }) => text),
    as: t.withIdentity({ subject: customerId }),
  };
}

const at80 = "user_1/messages 80% (8 of 10)";
const at100 = "user_1/messages 100% (10 of 10)";
const spent = "user_1/messages insufficient";

beforeEach(() => {
  app.throws = false;
  vi.useFakeTimers({ toFake: ["Date", "setTimeout", "clearTimeout"] });
  vi.setSystemTime("2026-01-31T09:30:00Z");
});
afterEach(() => {
  vi.restoreAllMocks();
  vi.useRealTimers();
});

describe("a threshold", () => {
  test("is told of by the one draw that reaches it", async () => {
    const { use, notices } = deployed();
    await use(7);
    expect(await notices()).toEqual([]);
    await use(1);
    await use(1);
    expect(await notices()).toEqual([at80]);
  });

  test("is told of by the very first use of a customer", async () => {
    const { use, notices } = deployed();
    await use(8);
    expect(await notices()).toEqual([at80]);
  });

  test("is told of with others that the draw reaches, the lowest first, and the limit last", async () => {
    const { use, notices } = deployed();
    await use(25);
    expect(await notices()).toEqual(["user_1/messages 80% (10 of 10)", at100, spent]);
  });

  test("is told of once of twenty draws at the same time", async () => {
    const { use, notices } = deployed();
    await Promise.all(Array.from({ length: 20 }, () => use(0.5)));
    expect(await notices()).toEqual([at80, at100, spent]);
  });

  test("is told of once of twenty draws in one mutation", async () => {
    const { run, notices } = deployed();
    await run((ctx) =>
      Promise.all(Array.from({ length: 20 }, () => tally.track(ctx, { ...messages, value: 0.5 }))),
    );
    expect((await notices()).sort()).toEqual([at100, at80, spent].sort());
  });

  test("is told of again once a reset has come between", async () => {
    const { use, notices, t } = deployed();
    await use(8);
    vi.setSystemTime("2026-02-28T09:30:00Z");
    await sweep(t);
    await use(7);
    expect(await notices()).toEqual([at80]);
    await use(1);
    expect(await notices()).toEqual([at80, at80]);
  });

  test("is told of again once a refund has come between", async () => {
    const { run, use, notices } = deployed();
    await use(7);
    await run((ctx) => tally.track(ctx, { ...messages, value: 2, idempotencyKey: "two" }));
    await run((ctx) => tally.refund(ctx, { customerId, idempotencyKey: "two" }));
    await use(1);
    expect(await notices()).toEqual(["user_1/messages 80% (9 of 10)", at80]);
  });

  test("of usage may be in overage, where no limit is reached", async () => {
    const { run, notices } = deployed();
    await run((ctx) => tally.track(ctx, { ...me, featureId: "calls", value: 30 }));
    expect(await notices()).toEqual(["user_1/calls 80% (30 of 10)", "user_1/calls 100% (30 of 10)"]);
  });

  test("of credits is the credits', in credits, whichever feature they paid for", async () => {
    const { run, notices } = deployed();
    await run((ctx) => tally.track(ctx, { ...me, featureId: "images", value: 8 }));
    expect(await notices()).toEqual(["user_1/credits 80% (0.8 of 1)"]);
    await run((ctx) => tally.track(ctx, { ...me, featureId: "images", value: 2 }));
    expect((await notices()).slice(1)).toEqual([
      "user_1/credits 100% (1 of 1)",
      "user_1/credits insufficient",
    ]);
  });

  test("of an entity's own balance names the entity", async () => {
    const { run, notices } = deployed();
    const seat = { customerId, entityId: "seat_1" };
    await run((ctx) => tally.entities.create(ctx, { ...seat, featureId: "seats" }));
    await run((ctx) => tally.grants.grant(ctx, { ...seat, featureId: "messages", amount: 5 }));
    await run((ctx) => tally.for(ctx, seat).track({ featureId: "messages", value: 4 }));
    await run((ctx) => tally.for(ctx, seat).track({ featureId: "messages", value: 10 }));
    expect(await notices()).toEqual([
      "user_1/seat_1/messages 80% (4 of 5)",
      // The entity's draws on what is the customer's.
      "user_1/messages 80% (9 of 10)",
      "user_1/seat_1/messages 100% (5 of 5)",
    ]);
  });
});

describe("every verb that draws tells", () => {
  const verbs: [string, (ctx: Context) => Promise<unknown>][] = [
    ["track", (ctx) => tally.track(ctx, { ...messages, value: 8 })],
    ["track of a list", (ctx) => tally.for(ctx, me).track([{ featureId: "messages", value: 8 }])],
    ["consume", (ctx) => tally.consume(ctx, { ...messages, value: 8 })],
    ["consume of a list", (ctx) => tally.for(ctx, me).consume([{ featureId: "messages", value: 8 }])],
    ["check with sendEvent", (ctx) => tally.check(ctx, { ...messages, requiredBalance: 8, sendEvent: true })],
    ["reserve", (ctx) => tally.reservations.reserve(ctx, { ...messages, value: 8 })],
    ["reserve of a list", (ctx) => tally.for(ctx, me).reserve([{ featureId: "messages", value: 8 }])],
    ["a reservation of tally.for", (ctx) => tally.for(ctx, me).reserve({ featureId: "messages", value: 8 })],
    [
      "extend",
      async (ctx) => {
        const { extend } = await tally.reservations.reserve(ctx, { ...messages, value: 7 });
        await extend({ value: 1 });
      },
    ],
    [
      "confirm of more",
      async (ctx) => {
        const { confirm } = await tally.reservations.reserve(ctx, { ...messages, value: 7 });
        const settled = await confirm(8);
        expect(settled).not.toHaveProperty("crossings");
      },
    ],
    [
      "release at more than was held",
      async (ctx) => {
        const { report, release } = await tally.reservations.reserve(ctx, { ...messages, value: 7 });
        await report(8);
        await release();
      },
    ],
  ];
  test.each(verbs)("%s", async (_name, verb) => {
    const { run, notices } = deployed();
    await run(verb);
    expect(await notices()).toEqual([at80]);
  });

  test("track by an event's name, of each feature that it charges", async () => {
    const { run, notices } = deployed();
    await run((ctx) => tally.track(ctx, { customerId, eventName: "sent", value: 4 }));
    await run((ctx) => tally.track(ctx, { customerId, eventName: "sent", value: 4 }));
    expect(await notices()).toEqual([
      "user_1/letters 80% (4 of 5)",
      at80,
      "user_1/letters 100% (5 of 5)",
      "user_1/letters insufficient",
    ]);
  });

  test.each([false, true])("a late confirmation (swept: %s)", async (isSwept) => {
    const { t, run, notices } = deployed();
    const hold = { customerId, reservationId: "hold" };
    await run(async (ctx) => {
      const { report } = await tally.reservations.reserve(ctx, { ...hold, featureId: "messages", value: 7 });
      await report(7);
    });
    vi.setSystemTime("2026-01-31T10:30:00Z");
    if (isSwept) await t.mutation(holds.sweep, {});
    expect((await stored(t)).reservations).toHaveLength(isSwept ? 0 : 1);
    await run((ctx) => tally.reservations.confirm(ctx, { ...hold, value: 8 }));
    expect(await notices()).toEqual([at80]);
  });

  test("a metered mutation", async () => {
    const { as, notices } = deployed();
    await as.mutation(api.metered, {});
    expect(await notices()).toEqual([at80]);
  });

  test("a metered action, by what it holds; less than that arms it again", async () => {
    const { as, notices, use } = deployed();
    await as.action(api.generate, { used: 3 });
    expect(await notices()).toEqual([at80]);
    await use(5);
    expect(await notices()).toEqual([at80, at80]);
  });
});

describe("nothing is told of", () => {
  test("a use that is refused", async () => {
    const { run, notices } = deployed();
    const refused = run((ctx) => tally.consume(ctx, { ...messages, value: 11 }));
    await expect(refused).rejects.toMatchObject({ data: { kind: "usage_exceeded" } });
    await run((ctx) => tally.check(ctx, { ...messages, requiredBalance: 11, sendEvent: true }));
    await run((ctx) => tally.reservations.reserve(ctx, { ...messages, value: 11 }));
    expect(await notices()).toEqual([]);
  });

  test("a use that is repeated", async () => {
    const { run, notices } = deployed();
    const once = { ...messages, value: 8, idempotencyKey: "once" };
    await run((ctx) => tally.track(ctx, once));
    await run((ctx) => tally.track(ctx, once));
    const hold = { ...me, featureId: "letters", value: 4, reservationId: "hold" } as const;
    await run((ctx) => tally.reservations.reserve(ctx, hold));
    await run((ctx) => tally.reservations.reserve(ctx, hold));
    const settle = { customerId, reservationId: "hold", value: 5 };
    await run((ctx) => tally.reservations.confirm(ctx, settle));
    await run((ctx) => tally.reservations.confirm(ctx, settle));
    expect(await notices()).toEqual([
      at80,
      "user_1/letters 80% (4 of 5)",
      "user_1/letters 100% (5 of 5)",
      "user_1/letters insufficient",
    ]);
  });

  test("a use of zero, at a threshold or at the limit", async () => {
    const { use, notices } = deployed();
    await use(10);
    const before = await notices();
    await use(0);
    await use(5);
    expect(await notices()).toEqual(before);
  });

  test("what is given back, or set by hand", async () => {
    const { run, use, notices } = deployed();
    await use(7);
    await run((ctx) => tally.track(ctx, { ...messages, value: -7 }));
    await run((ctx) => tally.grants.set(ctx, { ...messages, usage: 9 }));
    await run((ctx) => tally.track(ctx, { ...messages, value: -8 }));
    expect(await notices()).toEqual([]);
  });

  test("a check", async () => {
    const { t, use, notices } = deployed();
    await use(7);
    await t.query((ctx) => tally.check(ctx, { ...messages, requiredBalance: 3 }));
    expect(await notices()).toEqual([]);
  });
});

describe("in a mutation", () => {
  test("what a callback wrote goes with the mutation that fails, and the crossing is told of next time", async () => {
    const { run, use, notices } = deployed();
    await use(7);
    const failing = run(async (ctx) => {
      await tally.track(ctx, { ...messages, value: 1 });
      const [notice] = await ctx.db.query("notices").collect();
      throw new Error(`after "${notice?.text}"`);
    });
    await expect(failing).rejects.toThrow(`after "${at80}"`);
    expect(await notices()).toEqual([]);
    await use(1);
    expect(await notices()).toEqual([at80]);
  });

  test("a callback that throws undoes the draw", async () => {
    const { t, use, notices } = deployed();
    await use(7);
    const before = await stored(t);
    app.throws = true;
    await expect(use(1)).rejects.toThrow("the callback failed");
    expect(await stored(t)).toEqual(before);
    app.throws = false;
    await use(1);
    expect(await notices()).toEqual([at80]);
  });

  test("a callback may top up: what was drawn stays drawn, and there is more to draw", async () => {
    const topping = new Tally(components.tally, {
      catalog: tally.catalog,
      identify: () => Promise.resolve(null),
      on: {
        limitReached: async (ctx, { featureId }): Promise<void> =>
          void (await tally.grants.grant(ctx, { customerId, featureId, amount: 10 })),
      },
    });
    const { run, t } = deployed();
    await run((ctx) => topping.consume(ctx, { ...messages, value: 10 }));
    await run((ctx) => topping.consume(ctx, { ...messages, value: 4 }));
    const check = t.query((ctx) => tally.check(ctx, messages));
    expect(await check).toMatchObject({ granted: 20, usage: 14, remaining: 6 });
  });
});

describe("in an action", () => {
  test("a callback is called after the draw, without a database", async () => {
    const { as, notices } = deployed();
    expect(await as.action(api.consume, { value: 10 })).toBe(0);
    expect(await notices()).toEqual(["user_1/messages 80% (10 of 10)", at100, spent]);
  });

  test("a callback that throws is logged: the draw is charged, and the others are called", async () => {
    const { as, notices, t } = deployed();
    const logged = vi.spyOn(console, "error").mockImplementation(() => undefined);
    app.throws = true;
    expect(await as.action(api.consume, { value: 10 })).toBe(0);
    expect(await notices()).toHaveLength(3);
    expect(logged.mock.calls.map(([text]) => String(text))).toEqual([
      'A callback failed: threshold of "messages".',
      'A callback failed: threshold of "messages".',
      'A callback failed: limit of "messages".',
    ]);
    expect(await t.query((ctx) => tally.check(ctx, messages))).toMatchObject({ usage: 10 });
  });

  test("a callback that throws leaves no hold behind", async () => {
    const { as, t } = deployed();
    vi.spyOn(console, "error").mockImplementation(() => undefined);
    app.throws = true;
    await as.action(api.generate, { used: 3 });
    expect((await stored(t)).reservations).toEqual([]);
    expect(await t.query((ctx) => tally.check(ctx, messages))).toMatchObject({ usage: 3 });
  });
});

describe("what is watched", () => {
  const thresholdReached = () => Promise.resolve();
  const make = (options: object) => () =>
    new Tally(components.tally, {
      catalog: tally.catalog,
      identify: () => Promise.resolve(null),
      ...options,
    });
  const alert = { threshold: 80, thresholdType: "usage_percentage" };

  test.each<[string, object, string]>([
    ["a callback that nothing would call", { on: { thresholdReached } }, "invalid_argument"],
    ["a threshold that nobody is told of", { usageAlerts: [alert], on: {} }, "invalid_argument"],
    ["a threshold without callbacks", { usageAlerts: [alert] }, "invalid_argument"],
    ["a misspelt callback", { on: { treshold: thresholdReached } }, "invalid_argument"],
    [
      "a misspelt option of a threshold",
      { usageAlerts: [{ ...alert, feature: "messages" }], on: { thresholdReached } },
      "invalid_argument",
    ],
    [
      "a type that is none",
      { usageAlerts: [{ ...alert, thresholdType: "percent" }], on: { thresholdReached } },
      "invalid_argument",
    ],
    [
      "a threshold that is no amount",
      { usageAlerts: [{ ...alert, threshold: -1 }], on: { thresholdReached } },
      "invalid_amount",
    ],
    [
      "an unknown feature",
      { usageAlerts: [{ ...alert, featureId: "mesages" }], on: { thresholdReached } },
      "feature_not_found",
    ],
    [
      "an unknown plan",
      { usageAlerts: [{ ...alert, planId: "por" }], on: { thresholdReached } },
      "plan_not_found",
    ],
  ])("refuses %s", (_name, options, kind) => {
    expect(make(options)).toThrow(
      expect.objectContaining({ data: expect.objectContaining({ kind }) as unknown }),
    );
  });

  test("can be nothing", () => {
    expect(make({ on: {} })).not.toThrow();
  });
});
