/** Calls that no app should make: each must be refused by a typed error, with nothing changed. */
import type { MutationContext } from "../../src/client/contexts.js";
import type { Tally } from "../../src/client/index.js";

export interface BadCall {
  name: string;
  /** The kind of the refusal. */
  refusal: string;
  call: (tally: Tally, ctx: MutationContext, customerId: string) => Promise<unknown>;
}

const feature = { featureId: "messages" };

export const badCalls: BadCall[] = [
  {
    name: "a use of NaN",
    refusal: "invalid_amount",
    call: (tally, ctx, customerId) => tally.track(ctx, { customerId, ...feature, value: NaN }),
  },
  {
    name: "a use of infinity",
    refusal: "invalid_amount",
    call: (tally, ctx, customerId) => tally.track(ctx, { customerId, ...feature, value: Infinity }),
  },
  {
    name: "a use with ten decimal places",
    refusal: "invalid_amount",
    call: (tally, ctx, customerId) => tally.track(ctx, { customerId, ...feature, value: 0.1234567891 }),
  },
  {
    name: "a negative use by a verb that is not trusted",
    refusal: "invalid_amount",
    call: (tally, ctx, customerId) => tally.for(ctx, { customerId }).track({ ...feature, value: -1 }),
  },
  {
    name: "a negative use that gates",
    refusal: "invalid_amount",
    call: (tally, ctx, customerId) => tally.consume(ctx, { customerId, ...feature, value: -1 }),
  },
  {
    name: "a use of negative zero",
    refusal: "invalid_amount",
    call: (tally, ctx, customerId) => tally.track(ctx, { customerId, ...feature, value: -0 }),
  },
  {
    name: "an unknown feature",
    refusal: "feature_not_found",
    call: (tally, ctx, customerId) => tally.track(ctx, { customerId, featureId: "mesages", value: 1 }),
  },
  {
    name: "an unknown plan",
    refusal: "plan_not_found",
    call: (tally, ctx, customerId) => tally.subscriptions.attach(ctx, { customerId, planId: "gold" }),
  },
  {
    name: "an empty key",
    refusal: "invalid_argument",
    call: (tally, ctx, customerId) => tally.track(ctx, { customerId, ...feature, idempotencyKey: "" }),
  },
  {
    name: "a key with a control character",
    refusal: "invalid_argument",
    call: (tally, ctx, customerId) =>
      tally.track(ctx, { customerId, ...feature, idempotencyKey: "a\u0000b" }),
  },
  {
    name: "an option that there is not",
    refusal: "invalid_argument",
    call: (tally, ctx, customerId) =>
      tally.track(ctx, { customerId, ...feature, amount: 3 } as { customerId: string; featureId: string }),
  },
  {
    name: "no request at all",
    refusal: "invalid_argument",
    call: (tally, ctx, customerId) => tally.for(ctx, { customerId }).track([]),
  },
  {
    name: "two requests with one key",
    refusal: "invalid_argument",
    call: (tally, ctx, customerId) => {
      const request = { ...feature, value: 1, idempotencyKey: "twice" };
      return tally.for(ctx, { customerId }).track([request, request]);
    },
  },
  {
    name: "a grant of nothing",
    refusal: "invalid_argument",
    call: (tally, ctx, customerId) => tally.grants.grant(ctx, { customerId, ...feature, amount: 0 }),
  },
  {
    name: "a grant that has expired",
    refusal: "invalid_argument",
    call: (tally, ctx, customerId) =>
      tally.grants.grant(ctx, { customerId, ...feature, amount: 5, expiresAt: 1 }),
  },
  {
    name: "a hold for more than a day",
    refusal: "invalid_argument",
    call: (tally, ctx, customerId) =>
      tally.reservations.reserve(ctx, { customerId, ...feature, value: 1, ttlMs: 86_400_001 }),
  },
  {
    name: "the settlement of a hold that there is not",
    refusal: "reservation_not_found",
    call: (tally, ctx, customerId) => tally.reservations.confirm(ctx, { customerId, reservationId: "none" }),
  },
  {
    name: "the refund of a use that there is not",
    refusal: "invalid_argument",
    call: (tally, ctx, customerId) => tally.refund(ctx, { customerId, idempotencyKey: "none" }),
  },
  {
    name: "a use by an entity that there is not",
    refusal: "entity_not_found",
    call: (tally, ctx, customerId) => tally.track(ctx, { customerId, ...feature, entityId: "nobody" }),
  },
  {
    name: "a limit below zero",
    refusal: "invalid_amount",
    call: (tally, ctx, customerId) =>
      tally.controls.set(ctx, { customerId, ...feature, usageLimits: [{ max: -1, interval: "day" }] }),
  },
  {
    name: "two targets at once",
    refusal: "invalid_argument",
    call: (tally, ctx, customerId) =>
      tally.grants.set(ctx, { customerId, ...feature, remaining: 1, usage: 1 }),
  },
];
