import { defineSchema, defineTable } from "convex/server";
import { v } from "convex/values";
import { closedPeriodValidator } from "../core/advance.js";
import { autoTopUpTerms } from "../core/autoTopUps.js";
import { balanceFields } from "../core/balances.js";
import { planValidator } from "../core/terms.js";
import { drawValidator } from "../core/draws.js";
import { holdValidator, ledgerFields } from "../core/ledgerEvents.js";
import { statementValidator } from "../core/statements.js";

/** A flat scalar that an app attaches to an event. */
export const propertyValidator = v.union(v.string(), v.number(), v.boolean(), v.null());

/** What can pay for a use, as `Pool` of the rules. */
export const poolsValidator = v.array(
  v.object({
    featureId: v.string(),
    cost: v.optional(v.object({ creditAmount: v.number(), featureAmount: v.number() })),
    perEntity: v.optional(v.boolean()),
  }),
);

export const eventKindValidator = v.union(
  /** An amount was used, or given back. */
  v.literal("usage"),
  /** An amount was granted outside of a plan. */
  v.literal("grant"),
  /** A balance was set by hand. */
  v.literal("adjust"),
  /** A grant was ended by hand. */
  v.literal("expire"),
  /** A plan began. */
  v.literal("plan"),
  /** What was paid for was added, or (below 0) taken back with the money. */
  v.literal("purchase"),
);

export const eventFields = {
  customerId: v.string(),
  kind: eventKindValidator,
  featureId: v.optional(v.string()),
  entityId: v.optional(v.string()),
  planId: v.optional(v.string()),
  /** What was asked for, in units of the feature. */
  value: v.number(),
  /** What of it could not be applied; absent when all was. */
  uncovered: v.optional(v.number()),
  /** From which grants it was taken, or (of a grant) into which it went. */
  draws: v.array(drawValidator),
  /** What was left afterwards, in units of the feature; absent when unlimited. */
  remaining: v.optional(v.number()),
  unlimited: v.optional(v.literal(true)),
  /** The idempotency key: unique for the customer. */
  key: v.optional(v.string()),
  properties: v.optional(v.record(v.string(), propertyValidator)),
  /** Of a settled reservation: the units that it held. */
  held: v.optional(v.number()),
  /** Nobody had settled the reservation in time. */
  expired: v.optional(v.literal(true)),
  /** What could pay for a reservation that nobody had settled in time: so it can for what is confirmed late. */
  pools: v.optional(poolsValidator),
  /** The reservation was settled after it had expired: at so many units in all. */
  lateTotal: v.optional(v.number()),
  /** Units given back whose period was over: they came back to nobody. */
  lapsed: v.optional(v.number()),
  /** The event that this one gives back. */
  refundOf: v.optional(v.string()),
  reason: v.optional(v.string()),
  /** Who did it, in the app's own words. */
  actor: v.optional(v.string()),
};

/** What an app keeps with a customer, which Tally only gives back. */
export const customerDetails = {
  metadata: v.optional(v.record(v.string(), propertyValidator)),
  /** What the app knows a person by, whatever his accounts. */
  fingerprint: v.optional(v.string()),
  /** His id at Stripe, by whose word alone: payments keep their own, in `billingAccounts`. */
  stripeId: v.optional(v.string()),
};

export const customerFields = {
  customerId: v.string(),
  name: v.optional(v.string()),
  email: v.optional(v.string()),
  /** The last number given to a grant or subscription of the customer. */
  lastNumber: v.number(),
  /** His entities, by the feature that counts them: those that are being removed are not among them. */
  entities: v.optional(v.array(v.object({ featureId: v.string(), count: v.number() }))),
  ...customerDetails,
};

export const subscriptionFields = {
  customerId: v.string(),
  /** Unique for the customer: the source of the grants that came with it. */
  subscriptionId: v.string(),
  entityId: v.optional(v.string()),
  planId: v.string(),
  /** Hash of the terms that the customer bought. */
  version: v.string(),
  group: v.string(),
  addOn: v.boolean(),
  /** Where its periods are counted from. */
  anchor: v.number(),
  /** In the future: it is scheduled. */
  startsAt: v.number(),
  /** From here on it is over: decided already, if in the future. */
  endsAt: v.optional(v.number()),
  /** From here on a payment is missing. */
  pastDueAt: v.optional(v.number()),
  /** From here on its grants pay for nothing, until it is paid: decided already, if in the future. */
  suspendsAt: v.optional(v.number()),
  /** Until here it is a trial. */
  trialEndsAt: v.optional(v.number()),
  /** What the app knows a person by, so that he has one trial whatever his accounts. */
  fingerprint: v.optional(v.string()),
  /** Units bought in advance, by feature. */
  quantities: v.optional(v.record(v.string(), v.number())),
  /** The subscription of whoever bills it, by his id; what changes at his word alone. */
  externalId: v.optional(v.string()),
  /** The newest word of his that was heard: what is older counts no more. */
  revision: v.optional(v.number()),
  /** Until here it is paid. */
  paidUntil: v.optional(v.number()),
  /** The money for the period until here went back to the payer: it gives nothing until the next one is paid. */
  returnedUntil: v.optional(v.number()),
};

export const purchaseKindValidator = v.union(
  /** A plan, by a checkout: its first period. */
  v.literal("plan"),
  /** Something that is paid once and added to what the customer has, by a checkout. */
  v.literal("top_up"),
  /** A plan in place of another one, for the rest of a period. */
  v.literal("change"),
  /** A further period of a plan. */
  v.literal("renewal"),
  /** What usage beyond the granted came to, in a period that is over. */
  v.literal("overage"),
);

export const purchaseFields = {
  customerId: v.string(),
  entityId: v.optional(v.string()),
  kind: purchaseKindValidator,
  planId: v.string(),
  /** Hash of the terms that were for sale, whatever the catalog says when they are paid. */
  version: v.string(),
  quantities: v.optional(v.record(v.string(), v.number())),
  /** It begins with a trial: what is paid at once is nothing. */
  trial: v.optional(v.literal(true)),
  /** A top-up that the customer did not ask for himself. */
  automatic: v.optional(v.literal(true)),
  /** … and the key under which the provider is asked for it. */
  idempotencyKey: v.optional(v.string()),
  /** Of a change: the plan that it takes the place of. */
  replaces: v.optional(v.string()),
  /** … and when: at once, or with the period that is paid. */
  when: v.optional(v.union(v.literal("now"), v.literal("period_end"))),
  /** Which payment provider. */
  provider: v.string(),
  /** What is expected, in minor units of the currency. */
  amount: v.number(),
  currency: v.string(),
  status: v.union(
    /** It waits to be paid. */
    v.literal("open"),
    /** Paid, and credited in the same transaction. */
    v.literal("paid"),
    /** Paid otherwise than expected: nothing is credited, and `problem` says why. */
    v.literal("quarantined"),
    /** Nobody has paid in time. */
    v.literal("expired"),
    /** The payment was refused. */
    v.literal("failed"),
  ),
  problem: v.optional(v.string()),
  /** The provider's checkout session, where to pay, and until when. */
  sessionId: v.optional(v.string()),
  url: v.optional(v.string()),
  expiresAt: v.optional(v.number()),
  /** Where the payer goes then. */
  successUrl: v.optional(v.string()),
  /** The provider's payment: it credits one purchase, whatever events tell of it. */
  paymentId: v.optional(v.string()),
  /** The provider's subscription, of what is paid again. */
  externalId: v.optional(v.string()),
  /** What was paid; absent of what was not. In minor units of `paidCurrency`, if that is another one. */
  paid: v.optional(v.number()),
  paidCurrency: v.optional(v.string()),
  paidAt: v.optional(v.number()),
  /** Until when the plan is paid with it. */
  paidUntil: v.optional(v.number()),
  /** What of it went back to the payer, refunds and disputes in sum; and the version of the word that said so. */
  returned: v.optional(v.number()),
  returnedRevision: v.optional(v.number()),
  /** What it added, and what of that was taken back since. */
  credited: v.optional(
    v.array(
      v.object({ featureId: v.string(), grantId: v.string(), amount: v.number(), takenBack: v.number() }),
    ),
  ),
};

export const chargeFields = {
  customerId: v.string(),
  ...closedPeriodValidator.fields,
  status: v.union(
    /** Nobody has paid it: what is given back of its use lowers it. */
    v.literal("open"),
    /** The payment provider was asked, and has not answered yet: it stays as it is. */
    v.literal("invoicing"),
    /** Paid; or it came to nothing that can be paid. */
    v.literal("paid"),
    /** Trusted code asks for it no more. */
    v.literal("waived"),
  ),
  /** When the provider is asked next; at once, if absent. */
  dueAt: v.optional(v.number()),
  /** How often the payment was refused, and why last. */
  declined: v.optional(v.number()),
  problem: v.optional(v.string()),
  /** What the provider is asked for since it was last refused, in minor units, how often, and when first. */
  asked: v.optional(
    v.object({
      provider: v.string(),
      amount: v.number(),
      currency: v.string(),
      tries: v.number(),
      at: v.number(),
    }),
  ),
  /** The provider's payment. */
  paymentId: v.optional(v.string()),
};

export const autoTopUpFields = {
  customerId: v.string(),
  ...autoTopUpTerms,
  /** The terms that were for sale when it was turned on, whatever the catalog says since. */
  version: v.string(),
  provider: v.string(),
  /** What each costs, in minor units. */
  amount: v.number(),
  currency: v.string(),
  status: v.union(
    v.literal("on"),
    /** A payment was refused, as `problem` says: nothing is asked for until somebody turns it on again. */
    v.literal("paused"),
    v.literal("off"),
  ),
  problem: v.optional(v.string()),
  /** Where its periods are counted from. */
  anchor: v.number(),
  /** How many were begun, ever; and of those that were not refused, in the period that began `since`. */
  number: v.number(),
  made: v.object({ since: v.number(), count: v.number() }),
  /** The one that is being paid, how often it was asked for, and when first. */
  inFlight: v.optional(v.object({ purchaseId: v.id("purchases"), tries: v.number(), at: v.number() })),
  /** Nothing is asked for until then. */
  dueAt: v.optional(v.number()),
};

/**
 * Hot and cold never share a document: a use reads and writes its `balances` row and appends to
 * `events`, and nothing else. Customers are keyed by the app's own id everywhere.
 */
export default defineSchema({
  /**
   * One row per (customer, feature, entity). Read by every check, patched by every use; also by
   * grants, plan changes and the sweep. Exactly one index on who owns it: every index is written
   * with every use.
   */
  balances: defineTable({
    customerId: v.string(),
    ...balanceFields,
    /** When time alone will next change the row; absent if never. */
    nextChangeAt: v.optional(v.number()),
    /** The entity is removed, and its holds are being settled: this pays for nothing new. */
    removing: v.optional(v.literal(true)),
  })
    .index("by_owner", ["customerId", "featureId", "entityId"])
    .index("by_next_change", ["nextChangeAt"]),

  /** Appended by whatever moves an amount, never changed. Read by lists, by a repeated key, and by audits. */
  events: defineTable({ ...eventFields, ...ledgerFields, statement: v.optional(statementValidator) })
    // eslint-disable-next-line @convex-dev/no-duplicate-indexes -- listed by time, whatever the feature
    .index("by_customer", ["customerId"])
    .index("by_feature", ["customerId", "featureId"])
    .index("by_key", ["customerId", "key"]),

  /**
   * Open holds only: draws that are in the balances already, until they are settled. Read and written
   * by whoever holds, by the sweep of those that nobody settled, and with the removal of an entity.
   */
  reservations: defineTable({
    customerId: v.string(),
    reservationId: v.string(),
    pools: poolsValidator,
    entityId: v.optional(v.string()),
    /** Units held, all of them drawn. */
    value: v.number(),
    /** What was first asked for, if the hold was extended since. */
    asked: v.optional(v.number()),
    draws: v.array(drawValidator),
    /** Beside its draws, as in `Hold`; if it was extended since, all of them, each time as they came. */
    at: v.optional(v.number()),
    changes: holdValidator.fields.changes,
    holds: v.optional(v.array(holdValidator)),
    unlimited: v.optional(v.literal(true)),
    /** Units used so far, as last reported: what is charged if nobody settles. */
    reported: v.optional(v.number()),
    expiresAt: v.number(),
    properties: v.optional(v.record(v.string(), propertyValidator)),
  })
    .index("by_reservation", ["customerId", "reservationId"])
    .index("by_entity", ["customerId", "entityId"])
    // For clients that settle by the id alone.
    .index("by_reservation_id", ["reservationId"])
    .index("by_expiry", ["expiresAt"]),

  /**
   * Overage of a closed period: written with the balance that closed it, corrected by what is given
   * back while it is open, asked for by invoicing. One for each grant and end of a period, without looking:
   * the write that stores it begins the next period.
   */
  charges: defineTable(chargeFields)
    .index("by_customer", ["customerId", "to"])
    .index("by_grant", ["customerId", "grantId", "to"])
    .index("by_status", ["status", "dueAt"]),

  /** Written when a customer begins, and by entities, grants and plan changes (for the next id); a use never reads it if he has the feature. */
  customers: defineTable(customerFields).index("by_customer", ["customerId"]),

  /** Parts of a customer. Read when an entity has no balance row of its own. */
  entities: defineTable({
    customerId: v.string(),
    entityId: v.string(),
    /** The feature that counts it: a seat, a workspace. */
    featureId: v.string(),
    name: v.optional(v.string()),
    /** It is removed, as all calls see it; its record goes last. Why and by whom. */
    removing: v.optional(v.object({ reason: v.optional(v.string()), actor: v.optional(v.string()) })),
  })
    .index("by_entity", ["customerId", "entityId"])
    // For clients that name one by its id alone.
    .index("by_entity_id", ["entityId"]),

  /** Terms of a plan as they once were: each distinct version once, never changed. */
  planVersions: defineTable({ planId: v.string(), version: v.string(), plan: planValidator }).index(
    "by_plan",
    ["planId", "version"],
  ),

  /** A customer's hold on a plan. Read and written by plan changes, never by a use. */
  subscriptions: defineTable(subscriptionFields)
    .index("by_customer", ["customerId", "subscriptionId"])
    .index("by_end", ["customerId", "endsAt"])
    .index("by_trial", ["customerId", "planId", "trialEndsAt"])
    .index("by_fingerprint", ["fingerprint", "planId"])
    .index("by_plan", ["planId", "version"])
    .index("by_external", ["externalId"]),

  /**
   * What was ordered from a payment provider, and what came of it: the server's own record of what is
   * bought and what it costs, and (with `paid`) the mark that it is credited. Written by checkouts and
   * by what the provider says; never deleted, not even with the customer: money has moved.
   */
  purchases: defineTable(purchaseFields)
    // eslint-disable-next-line @convex-dev/no-duplicate-indexes -- listed by time, whatever the plan
    .index("by_customer", ["customerId"])
    .index("by_plan", ["customerId", "planId", "status"])
    .index("by_session", ["provider", "sessionId"])
    .index("by_payment", ["provider", "paymentId"])
    .index("by_status", ["status"]),

  /** What a customer has bought for himself when he runs out. Read and written by the sweep of payments, never by a use. */
  autoTopUps: defineTable(autoTopUpFields)
    .index("by_customer", ["customerId", "featureId"])
    .index("by_status", ["provider", "status"])
    .index("by_flight", ["provider", "inFlight.at"]),

  /** A customer's account with a payment provider: found by his id alone, never by an email. */
  billingAccounts: defineTable({
    customerId: v.string(),
    provider: v.string(),
    accountId: v.string(),
  }).index("by_customer", ["customerId", "provider"]),
});
