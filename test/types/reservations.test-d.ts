import { v } from "convex/values";
import { describe, expectTypeOf, test } from "vitest";
import type { ActionMeter, Reservation } from "../../src/client/index.js";
import { tally, userAction, userMutation, userQuery } from "./app.js";

const customerId = "user_1";

describe("a hold", () => {
  test("is of a feature that the catalog has and that is used by amounts", () => {
    userMutation({
      args: {},
      handler: async (ctx) => {
        await ctx.reserve({ featureId: "messages", value: 5 });
        await ctx.reserve({ featureId: "credits", value: 5, ttlMs: 60_000, reservationId: "job_1" });
        // @ts-expect-error no such feature
        await ctx.reserve({ featureId: "mesages", value: 5 });
        // @ts-expect-error search is on or off
        await ctx.reserve({ featureId: "search", value: 5 });
        // @ts-expect-error how much?
        await ctx.reserve({ featureId: "messages" });
        // @ts-expect-error a hold has an id, and no key beside it
        await ctx.reserve({ featureId: "messages", value: 5, idempotencyKey: "job_1" });
      },
    });
  });

  test("may be made with others, of which each is of a feature that the catalog has", () => {
    userMutation({
      args: {},
      handler: async (ctx) => {
        const holds = await ctx.reserve([
          { featureId: "messages", value: 5 },
          { featureId: "credits", value: 5, reservationId: "job_1" },
        ]);
        expectTypeOf(holds).toEqualTypeOf<Reservation[]>();
        // @ts-expect-error one of the two is unknown
        await ctx.reserve([
          { featureId: "messages", value: 5 },
          { featureId: "mesages", value: 5 },
        ]);
      },
    });
  });

  test("may be of a feature typed string, to be checked at run time", () => {
    userAction({
      args: { featureId: v.string() },
      handler: async (ctx, { featureId }) => void (await ctx.reserve({ featureId, value: 5 })),
    });
  });

  test("may be of one of several literal ids", () => {
    userMutation({
      args: { premium: v.boolean() },
      handler: async (ctx, { premium }) => {
        await ctx.reserve({ featureId: premium ? "credits" : "messages", value: 5 });
        // @ts-expect-error one of the two is unknown
        await ctx.reserve({ featureId: premium ? "credit" : "messages", value: 5 });
      },
    });
  });

  test("is not to be had in a query", () => {
    userQuery({
      args: {},
      handler: async (ctx) => {
        // @ts-expect-error a query holds nothing
        await ctx.reserve({ featureId: "messages", value: 5 });
      },
    });
  });

  test("says whether it is allowed, and is settled by its own verbs", () => {
    userMutation({
      args: {},
      handler: async (ctx) => {
        const hold = await ctx.reserve({ featureId: "messages", value: 5 });
        expectTypeOf(hold).toEqualTypeOf<Reservation>();
        expectTypeOf(hold.reservationId).toEqualTypeOf<string | null>();
        await hold.report(2);
        expectTypeOf(await hold.extend({ value: 5 })).toEqualTypeOf<boolean>();
        const settled = await hold.confirm(3);
        expectTypeOf(settled.applied).toEqualTypeOf<number>();
        expectTypeOf(settled.late).toEqualTypeOf<boolean>();
        expectTypeOf(await hold.confirm()).toEqualTypeOf(settled);
        expectTypeOf(await hold.release()).toEqualTypeOf(settled);
      },
    });
  });

  test("is made and settled by trusted code, of any customer", () => {
    userMutation({
      args: { reservationId: v.string(), featureId: v.string() },
      handler: async (ctx, { reservationId, featureId }) => {
        await tally.for(ctx, { customerId }).reserve({ featureId: "messages", value: 5 });
        await tally.reservations.reserve(ctx, { customerId, featureId: "messages", value: 5 });
        await tally.reservations.reserve(ctx, { customerId, featureId, value: 5 });
        await tally.reservations.confirm(ctx, { customerId, reservationId });
        await tally.reservations.confirm(ctx, { customerId, reservationId, value: 5 });
        await tally.reservations.release(ctx, { customerId, reservationId });
        await tally.reservations.report(ctx, { customerId, reservationId, total: 5 });
        await tally.reservations.extend(ctx, { customerId, reservationId, ttlMs: 60_000 });
        // @ts-expect-error no such feature
        await tally.reservations.reserve(ctx, { customerId, featureId: "mesages", value: 5 });
        // @ts-expect-error search is on or off
        await tally.reservations.reserve(ctx, { customerId, featureId: "search", value: 5 });
        // @ts-expect-error whose?
        await tally.reservations.confirm(ctx, { reservationId });
        // @ts-expect-error which one?
        await tally.reservations.release(ctx, { customerId });
        // @ts-expect-error how much?
        await tally.reservations.report(ctx, { customerId, reservationId });
      },
    });
  });

  test("can be looked at in a query, and settled in none", () => {
    userQuery({
      args: {},
      handler: async (ctx) => {
        await tally.reservations.list(ctx, { customerId });
        // @ts-expect-error a query settles nothing
        await tally.reservations.release(ctx, { customerId, reservationId: "job_1" });
      },
    });
  });
});

describe("the meter of an action", () => {
  const handler = async () => null;

  test("is a hold, a list of holds, or a function of the arguments", () => {
    userAction({ meter: { featureId: "messages", value: 5 }, args: {}, handler });
    userAction({ meter: { featureId: "messages", value: 5, ttlMs: 60_000 }, args: {}, handler });
    userAction({
      meter: [
        { featureId: "messages", value: 5 },
        { featureId: "credits", value: 5 },
      ],
      args: {},
      handler,
    });
    userAction({
      args: { most: v.number(), free: v.boolean() },
      meter: ({ most, free }) => (free ? null : { featureId: "messages", value: most }),
      handler,
    });
    userAction({
      args: { featureId: v.string() },
      meter: ({ featureId }) => ({ featureId, value: 5 }),
      handler,
    });
  });

  test("has a feature that the catalog has and that is used by amounts", () => {
    // @ts-expect-error no such feature
    userAction({ meter: { featureId: "mesages", value: 5 }, args: {}, handler });
    // @ts-expect-error search is on or off
    userAction({ meter: { featureId: "search", value: 5 }, args: {}, handler });
    userAction({
      meter: [
        { featureId: "messages", value: 5 },
        // @ts-expect-error no such feature
        { featureId: "mesages", value: 5 },
      ],
      args: {},
      handler,
    });
  });

  test("says how much it holds", () => {
    // @ts-expect-error how much?
    userAction({ meter: { featureId: "messages" }, args: {}, handler });
  });

  test("has only the arguments that there are", () => {
    userAction({
      args: { most: v.number() },
      // @ts-expect-error there is no argument "least"
      meter: ({ least }) => ({ featureId: "messages", value: least }),
      handler,
    });
  });

  test("knows the scope's arguments", () => {
    userAction({
      args: {},
      meter: ({ workspaceId }) => (workspaceId === undefined ? null : { featureId: "messages", value: 5 }),
      handler,
    });
  });
});

describe("counting", () => {
  test("is to be had in an action", () => {
    userAction({
      meter: { featureId: "messages", value: 5 },
      args: { count: v.number() },
      handler: async (ctx, { count }) => {
        expectTypeOf(ctx.meter).toEqualTypeOf<ActionMeter>();
        expectTypeOf(ctx.meter.add(count)).toEqualTypeOf<void>();
        await ctx.meter.report(count, "messages");
        // @ts-expect-error not a number
        ctx.meter.add("5");
        // @ts-expect-error how much?
        await ctx.meter.report();
        return count;
      },
    });
  });

  test("is not to be had in a mutation, whose use is known", () => {
    userMutation({
      meter: { featureId: "messages" },
      args: {},
      handler: async (ctx) => {
        // @ts-expect-error it is consumed before the handler runs
        ctx.meter.add(5);
      },
    });
  });

  test("is not to be had in a query", () => {
    userQuery({
      args: {},
      handler: async (ctx) => {
        // @ts-expect-error a query uses nothing
        ctx.meter.add(5);
      },
    });
  });
});

describe("giving back and setting by hand", () => {
  test("names the use by its id or its key", () => {
    userMutation({
      args: { eventId: v.string() },
      handler: async (ctx, { eventId }) => {
        const refunded = await tally.refund(ctx, { customerId, eventId, value: 5, refundKey: "ticket_7" });
        expectTypeOf(refunded.applied).toEqualTypeOf<number>();
        await tally.refund(ctx, { customerId, idempotencyKey: "job_1", reason: "Blank", actor: "support" });
        // @ts-expect-error whose?
        await tally.refund(ctx, { eventId });
        // @ts-expect-error not an option
        await tally.refund(ctx, { customerId, eventId, amount: 5 });
      },
    });
  });

  test("is of a feature that the catalog has and that is used by amounts", () => {
    userMutation({
      args: { featureId: v.string() },
      handler: async (ctx, { featureId }) => {
        await tally.grants.set(ctx, { customerId, featureId: "messages", remaining: 5 });
        await tally.grants.set(ctx, { customerId, featureId, usage: 5 });
        // @ts-expect-error no such feature
        await tally.grants.set(ctx, { customerId, featureId: "mesages", remaining: 5 });
        // @ts-expect-error search is on or off
        await tally.grants.set(ctx, { customerId, featureId: "search", remaining: 5 });
      },
    });
  });

  test("ends a grant of any feature, a boolean one too", () => {
    userMutation({
      args: { featureId: v.string() },
      handler: async (ctx, { featureId }) => {
        await tally.grants.revoke(ctx, { customerId, featureId: "search", grantId: "g1" });
        await tally.grants.revoke(ctx, { customerId, featureId, grantId: "g1" });
        // @ts-expect-error no such feature
        await tally.grants.revoke(ctx, { customerId, featureId: "serach", grantId: "g1" });
        // @ts-expect-error which one?
        await tally.grants.revoke(ctx, { customerId, featureId: "search" });
      },
    });
  });

  test("is not done in a query", () => {
    userQuery({
      args: {},
      handler: async (ctx) => {
        // @ts-expect-error a query gives nothing back
        await tally.refund(ctx, { customerId, eventId: "e1" });
        // @ts-expect-error a query sets nothing
        await tally.grants.set(ctx, { customerId, featureId: "messages", remaining: 5 });
      },
    });
  });
});
