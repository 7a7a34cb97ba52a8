/** What the drop-in takes: the validators of `@useautumn/convex`, each the one definition of a call's arguments. */
import { v, type ObjectType } from "convex/values";

const optional = v.optional;
const scalar = v.union(v.string(), v.number(), v.boolean(), v.null());

/** Upstream's is overwritten by what `identify` says, and so is this. */
const customerData = optional(
  v.object({ name: optional(v.string()), email: optional(v.string()), fingerprint: optional(v.string()) }),
);
const entityData = optional(
  v.object({
    featureId: optional(v.string()),
    feature_id: optional(v.string()),
    name: optional(v.string()),
  }),
);
const sessionParams = optional(v.record(v.string(), scalar));
const oneOrMany = v.union(v.string(), v.array(v.string()));
const range = [
  v.literal("24h"),
  v.literal("7d"),
  v.literal("30d"),
  v.literal("90d"),
  v.literal("last_cycle"),
];

const bought = {
  productId: optional(v.string()),
  productIds: optional(v.array(v.string())),
  entityId: optional(v.string()),
  options: optional(v.array(v.object({ featureId: v.string(), quantity: v.number() }))),
  freeTrial: optional(v.boolean()),
  successUrl: optional(v.string()),
  forceCheckout: optional(v.boolean()),
  customerData,
  entityData,
  checkoutSessionParams: sessionParams,
  reward: optional(v.string()),
  invoice: optional(v.boolean()),
};

/**
 * By the call's name. As upstream's, but that what was `any` there is typed here (the values of `properties` and
 * `checkoutSessionParams` are flat), and that `setupPayment` takes the `openInNewTab` that `autumn-js/react` sends it.
 */
export const requests = {
  track: {
    featureId: optional(v.string()),
    value: optional(v.number()),
    entityId: optional(v.string()),
    eventName: optional(v.string()),
    idempotencyKey: optional(v.string()),
    customerData,
    entityData,
    properties: optional(v.record(v.string(), scalar)),
  },
  check: {
    productId: optional(v.string()),
    featureId: optional(v.string()),
    requiredBalance: optional(v.number()),
    sendEvent: optional(v.boolean()),
    withPreview: optional(v.boolean()),
    entityId: optional(v.string()),
    customerData,
    entityData,
  },
  attach: { ...bought, metadata: optional(v.object({})) },
  checkout: bought,
  createCustomer: {
    expand: optional(
      v.array(
        v.union(
          v.literal("payment_method"),
          v.literal("invoices"),
          v.literal("rewards"),
          v.literal("trials_used"),
          v.literal("entities"),
          v.literal("referrals"),
        ),
      ),
    ),
    errorOnNotFound: optional(v.boolean()),
  },
  listProducts: {},
  usage: { featureId: v.string(), value: v.number(), customerData },
  query: { featureId: oneOrMany, range: optional(v.union(...range)), customerData },
  cancel: {
    productId: v.string(),
    entityId: optional(v.string()),
    cancelImmediately: optional(v.boolean()),
    customerData,
  },
  setupPayment: {
    successUrl: optional(v.string()),
    checkoutSessionParams: sessionParams,
    customerData,
    openInNewTab: optional(v.boolean()),
  },
  billingPortal: { returnUrl: optional(v.string()) },
  createReferralCode: { programId: v.string() },
  redeemReferralCode: { code: v.string() },
  createEntity: { name: optional(v.string()), featureId: v.string(), id: optional(v.string()) },
  getEntity: { entityId: v.string(), expand: optional(v.array(v.literal("invoices"))) },
  listEvents: {
    customerId: optional(v.string()),
    featureId: oneOrMany,
    offset: optional(v.number()),
    limit: optional(v.number()),
    customRange: optional(v.object({ start: optional(v.number()), end: optional(v.number()) })),
  },
  aggregateEvents: {
    customerId: optional(v.string()),
    featureId: oneOrMany,
    groupBy: optional(v.string()),
    range: optional(v.union(...range, v.literal("1bc"), v.literal("3bc"))),
    binSize: optional(v.union(v.literal("day"), v.literal("hour"))),
    customRange: optional(v.object({ start: v.number(), end: v.number() })),
  },
};

export type Requests = { [Name in keyof typeof requests]: ObjectType<(typeof requests)[Name]> };

/** What a method of the class takes that no function of `api()` does. */
export interface UpdateCustomerArgs {
  name?: string | null;
  email?: string | null;
  fingerprint?: string;
  metadata?: Record<string, string | number | boolean | null>;
  stripeId?: string;
}

export interface NewCustomerArgs extends Pick<Requests["createCustomer"], "expand" | "errorOnNotFound"> {
  /** Whoever trusted code names; else whoever `identify` says. */
  id?: string;
  name?: string;
  email?: string;
}

export const OTHER_KEYS = {
  updateCustomer: ["name", "email", "fingerprint", "metadata", "stripeId"],
  newCustomer: ["id", "name", "email", "expand", "errorOnNotFound"],
  expanded: ["expand"],
} as const;

/** What is kept as the app wrote it: its keys are the app's own. */
const OWN_KEYS = ["properties", "metadata"];

/** The same with the names of the wire, all the way down. */
export function wireNames(args: Readonly<Record<string, unknown>>): Record<string, unknown> {
  return Object.fromEntries(
    Object.entries(args).map(([name, value]) => [
      name.replace(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`),
      OWN_KEYS.includes(name) ? value : named(value),
    ]),
  );
}

function named(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(named);
  if (typeof value !== "object" || value === null) return value;
  return wireNames(value as Record<string, unknown>);
}
