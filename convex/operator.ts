/**
 * What whoever runs the app may see and do. These are the only functions that take a customer from a
 * browser: the guard they are built with asks for an operator's identity first.
 */
import { v } from "convex/values";
import { query } from "./_generated/server.js";
import { operatorAction, operatorMutation, operatorOf, operatorQuery } from "./_helpers/operators.js";
import { AppError } from "./_helpers/errors.js";
import { tally } from "./billing.js";
import { payments } from "./payments.js";

const cursor = v.union(v.string(), v.null());
/** Few enough for a screen. */
const PAGE = 25;

/** For the page: whether it has anything to show to whoever is signed in. */
// eslint-disable-next-line @convex-dev/require-access-control -- it is what tells who has access
export const access = query({
  args: {},
  returns: v.boolean(),
  handler: async (ctx) => (await operatorOf(ctx)) !== null,
});

/** Customers by id, a page at a time. */
export const customers = operatorQuery({
  args: { cursor },
  handler: async (ctx, args) => await tally.customers.list(ctx, { ...args, limit: PAGE }),
});

/** One customer: who he is, his plans, his balances grant by grant, and what is held. */
export const account = operatorQuery({
  args: { customerId: v.string() },
  handler: async (ctx, { customerId }) => {
    const [customer, subscriptions, balances, reservations] = await Promise.all([
      tally.customers.get(ctx, { customerId }),
      tally.subscriptions.list(ctx, { customerId, limit: PAGE }),
      tally.balances.list(ctx, { customerId, limit: 100 }),
      tally.reservations.list(ctx, { customerId, limit: PAGE }),
    ]);
    if (customer === null) return null;
    return {
      customer,
      subscriptions: subscriptions.page,
      balances: balances.page,
      reservations: reservations.page,
    };
  },
});

/** What moved a customer's amounts, with the grants that each was drawn from; the latest first. */
export const events = operatorQuery({
  args: { customerId: v.string(), featureId: v.optional(v.string()), cursor },
  handler: async (ctx, args) => await tally.events.list(ctx, { ...args, limit: PAGE }),
});

/** What a customer has bought, or has tried to; the latest first. */
export const purchases = operatorQuery({
  args: { customerId: v.string(), cursor },
  handler: async (ctx, args) => await payments.purchases(ctx, { ...args, limit: PAGE }),
});

/** What was paid otherwise than expected, with why, and is credited to nobody. */
export const quarantined = operatorQuery({
  args: { cursor },
  handler: async (ctx, args) => await payments.quarantined(ctx, { ...args, limit: PAGE }),
});

const correction = {
  customerId: v.string(),
  featureId: v.string(),
  reason: v.string(),
  /** A repeat of the same request does nothing more. */
  requestId: v.string(),
};

/** Gives an amount outside of plans. */
export const give = operatorMutation({
  args: { ...correction, amount: v.number() },
  returns: v.null(),
  handler: async (ctx, { requestId, reason, ...grant }) => {
    await tally.grants.grant(ctx, { ...grant, ...provenance(ctx, reason, `give:${requestId}`) });
    return null;
  },
});

/** Sets what is to be left of a feature. */
export const adjust = operatorMutation({
  args: { ...correction, remaining: v.number() },
  returns: v.null(),
  handler: async (ctx, { requestId, reason, ...target }) => {
    await tally.grants.set(ctx, { ...target, ...provenance(ctx, reason, `adjust:${requestId}`) });
    return null;
  },
});

/** Whether a customer's balances are what his events prove. */
export const audit = operatorAction({
  args: { customerId: v.string() },
  handler: async (ctx, args) => await tally.audit(ctx, args),
});

/** The same of all customers, a page at a time: those alone that are not what they should be. */
export const auditAll = operatorAction({
  args: { cursor },
  handler: async (ctx, args) => await tally.auditAll(ctx, { ...args, limit: PAGE }),
});

function provenance({ operator }: { operator: string }, reason: string, idempotencyKey: string) {
  if (reason.trim() === "")
    throw new AppError("INVALID_INPUT", "Say why: the reason is kept with the event.");
  return { actor: operator, reason: reason.trim(), idempotencyKey };
}
