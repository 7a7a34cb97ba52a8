import type { FunctionArgs, FunctionReturnType, RegisteredMutation } from "convex/server";
import { v } from "convex/values";
import { describe, expectTypeOf, test } from "vitest";
import type { Api } from "./api.js";
import { tally, userAction, userMutation, userQuery, write } from "./app.js";

describe("feature ids", () => {
  test("a literal id of the catalog compiles, a misspelt one does not", () => {
    userMutation({
      args: {},
      handler: async (ctx) => {
        await ctx.check({ featureId: "messages" });
        await ctx.check({ featureId: "search" });
        await ctx.track({ featureId: "credits", value: 2 });
        await ctx.consume([{ featureId: "messages" }, { featureId: "seats" }]);
        // @ts-expect-error no such feature
        await ctx.check({ featureId: "mesages" });
        // @ts-expect-error no such feature
        await ctx.track({ featureId: "mesages" });
        // @ts-expect-error no such feature in the list
        await ctx.consume([{ featureId: "messages" }, { featureId: "mesages" }]);
      },
    });
    userAction({
      args: {},
      handler: async (ctx) => {
        await ctx.track({ featureId: "messages" });
        // @ts-expect-error no such feature
        await ctx.track({ featureId: "mesages" });
      },
    });
  });

  test("a boolean feature cannot be tracked or consumed", () => {
    userMutation({
      args: {},
      handler: async (ctx) => {
        // @ts-expect-error search is on or off
        await ctx.track({ featureId: "search" });
        // @ts-expect-error search is on or off
        await ctx.consume({ featureId: "search" });
      },
    });
  });

  test("a value typed string compiles, to be checked at run time", () => {
    userQuery({
      args: { featureId: v.string() },
      handler: async (ctx, { featureId }) => (await ctx.check({ featureId })).data?.allowed ?? false,
    });
    userAction({
      args: { featureId: v.string() },
      handler: async (ctx, { featureId }) => void (await ctx.track({ featureId, value: 1 })),
    });
  });

  test("one of several literal ids compiles", () => {
    userMutation({
      args: { premium: v.boolean() },
      handler: async (ctx, { premium }) => {
        await ctx.track({ featureId: premium ? "credits" : "messages" });
        // @ts-expect-error one of the two is unknown
        await ctx.track({ featureId: premium ? "credit" : "messages" });
      },
    });
  });
});

describe("contexts", () => {
  test("a query has check and nothing that writes", () => {
    userQuery({
      args: {},
      handler: async (ctx) => {
        await ctx.check({ featureId: "messages", requiredBalance: 2 });
        // @ts-expect-error a query cannot track
        await ctx.track({ featureId: "messages" });
        // @ts-expect-error a query cannot consume
        await ctx.consume({ featureId: "messages" });
        // @ts-expect-error a query cannot deduct
        await ctx.check({ featureId: "messages", sendEvent: true });
      },
    });
  });

  test("the app's own context is still there, with the identity", () => {
    userMutation({
      args: {},
      handler: async (ctx) => {
        expectTypeOf(ctx.identity).toEqualTypeOf<import("../../src/client/index.js").Identity | null>();
        await ctx.db.insert("notes", { text: "typed" });
        // @ts-expect-error notes have no title
        await ctx.db.insert("notes", { title: "typed" });
      },
    });
  });

  test("the scope's arguments are the caller's and the handler's", () => {
    expectTypeOf(write).toExtend<
      RegisteredMutation<"public", { text: string; workspaceId?: string }, Promise<unknown>>
    >();
    userQuery({
      args: { page: v.number() },
      handler: async (_ctx, args) => {
        expectTypeOf(args.page).toEqualTypeOf<number>();
        expectTypeOf(args.workspaceId).toEqualTypeOf<string | undefined>();
      },
    });
  });

  test("what an app exports is typed through the generated api, in a circle", () => {
    expectTypeOf<FunctionArgs<Api["app"]["check"]>>().toExtend<{ featureId: string }>();
    expectTypeOf<FunctionReturnType<Api["app"]["write"]>>().toExtend<string>();
    expectTypeOf<NonNullable<FunctionReturnType<Api["app"]["check"]>>["allowed"]>().toEqualTypeOf<boolean>();
  });

  test("a handler's result must fit what it says it returns", () => {
    userQuery({
      args: {},
      returns: v.number(),
      // @ts-expect-error not a number
      handler: async () => "text",
    });
  });
});

describe("meters", () => {
  test("a meter is a use, a list of uses, or a function of the arguments", () => {
    const handler = async () => null;
    userMutation({ meter: { featureId: "messages", value: 2 }, args: {}, handler });
    userMutation({ meter: [{ featureId: "messages" }, { featureId: "seats" }], args: {}, handler });
    userMutation({
      args: { count: v.number(), free: v.boolean() },
      meter: ({ count, free }) => (free ? null : { featureId: "messages", value: count }),
      handler,
    });
    userMutation({
      args: { featureId: v.string() },
      meter: ({ featureId }) => ({ featureId }),
      handler,
    });
  });

  test("a meter's feature and arguments are checked", () => {
    const handler = async () => null;
    // @ts-expect-error no such feature
    userMutation({ meter: { featureId: "mesages" }, args: {}, handler });
    // @ts-expect-error search is on or off
    userMutation({ meter: { featureId: "search" }, args: {}, handler });
    userMutation({
      args: { count: v.number() },
      // @ts-expect-error there is no argument "amount"
      meter: ({ amount }) => ({ featureId: "messages", value: amount }),
      handler,
    });
  });
});

describe("trusted code", () => {
  test("for gives queries the check alone, and mutations all verbs", () => {
    userQuery({
      args: {},
      handler: async (ctx) => {
        await tally.for(ctx, { customerId: "user_1" }).check({ featureId: "messages" });
      },
    });
    userMutation({
      args: {},
      handler: async (ctx) => {
        const account = tally.for(ctx, { customerId: "user_1", entityId: "seat_1" });
        await account.consume({ featureId: "messages" });
        await tally.grants.grant(ctx, { customerId: "user_1", featureId: "credits", amount: 5 });
        await tally.subscriptions.attach(ctx, { customerId: "user_1", planId: "pro" });
        // @ts-expect-error no such plan
        await tally.subscriptions.attach(ctx, { customerId: "user_1", planId: "por" });
        // @ts-expect-error no such feature
        await tally.grants.grant(ctx, { customerId: "user_1", featureId: "credit", amount: 5 });
      },
    });
  });
});
