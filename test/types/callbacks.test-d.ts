import type { GenericMutationCtx } from "convex/server";
import { componentsGeneric } from "convex/server";
import { describe, expectTypeOf, test } from "vitest";
import type { ComponentApi } from "../../src/component/_generated/component.js";
import {
  Tally,
  type CallbackContext,
  type LimitReached,
  type Refusal,
  type Tracked,
  type Settled,
} from "../../src/client/index.js";
import { catalog, tally, userMutation, type DataModel } from "./app.js";

const { tally: component } = componentsGeneric() as unknown as { tally: ComponentApi<"tally"> };
const identify = () => Promise.resolve(null);

describe("callbacks", () => {
  test("get what has been reached, with ids of the catalog, and a context that may have a database", () => {
    new Tally(component, {
      catalog,
      identify,
      usageAlerts: [{ threshold: 10, thresholdType: "remaining_percentage" }],
      on: {
        thresholdReached: async (ctx, reached): Promise<void> => {
          expectTypeOf(reached.featureId).toEqualTypeOf<"messages" | "seats" | "credits">();
          expectTypeOf(reached.customerId).toEqualTypeOf<string>();
          expectTypeOf(reached.entityId).toEqualTypeOf<string | undefined>();
          expectTypeOf(reached.thresholdType).toEqualTypeOf<
            "usage" | "usage_percentage" | "remaining" | "remaining_percentage"
          >();
          await ctx.db?.insert("anything", { of: "any shape" });
          await ctx.scheduler.runAfter(0, "api:any" as never);
          // @ts-expect-error an action has no database
          await ctx.db.insert("notes", { text: "" });
        },
        limitReached: async (_ctx, { reason }): Promise<void> => {
          expectTypeOf(reason).toEqualTypeOf<Refusal>();
        },
      },
    });
  });

  test("may ask for the app's own data model", () => {
    new Tally(component, {
      catalog,
      identify,
      on: {
        limitReached: async (ctx: CallbackContext<DataModel>, { featureId }: LimitReached): Promise<void> => {
          await ctx.db?.insert("notes", { text: featureId });
          // @ts-expect-error notes have no title
          await ctx.db?.insert("notes", { title: featureId });
        },
      },
    });
  });

  test("may ask for a mutation, in an app that draws in mutations alone", () => {
    new Tally(component, {
      catalog,
      identify,
      on: {
        limitReached: async (ctx: GenericMutationCtx<DataModel>, { featureId }): Promise<void> => {
          await ctx.db.insert("notes", { text: featureId });
        },
      },
    });
  });

  test("are for features, plans and types that there are", () => {
    const on = { thresholdReached: async (): Promise<void> => {} };
    new Tally(component, {
      catalog,
      identify,
      on,
      usageAlerts: [
        // @ts-expect-error no such feature
        { featureId: "mesages", threshold: 1, thresholdType: "usage" },
        // @ts-expect-error search is on or off
        { featureId: "search", threshold: 1, thresholdType: "usage" },
        // @ts-expect-error no such plan
        { planId: "por", threshold: 1, thresholdType: "usage" },
        // @ts-expect-error no such type
        { threshold: 1, thresholdType: "percent" },
      ],
    });
    // @ts-expect-error no such callback
    new Tally(component, { catalog, identify, on: { limitReachd: async () => {} } });
  });

  test("leave no trace in what verbs answer", () => {
    expectTypeOf<Tracked>().not.toHaveProperty("crossings");
    expectTypeOf<Settled>().not.toHaveProperty("crossings");
  });
});

describe("charges", () => {
  test("are listed and previewed, fully typed", () => {
    userMutation({
      args: {},
      handler: async (ctx) => {
        const { page, total } = await tally.charges.preview(ctx, {
          customerId: "user_1",
          entityId: "seat_1",
        });
        expectTypeOf(total).toEqualTypeOf<number>();
        for (const period of page) expectTypeOf(period.to).toEqualTypeOf<number | null>();
        const listed = await tally.charges.list(ctx, { customerId: "user_1", limit: 10 });
        for (const charge of listed.page) expectTypeOf(charge.to).toEqualTypeOf<number>();
        // @ts-expect-error charges are a customer's
        await tally.charges.list(ctx, {});
      },
    });
  });
});
