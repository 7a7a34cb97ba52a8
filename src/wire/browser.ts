/** What `autumn-js/react` asks of a backend: as whoever is signed in, and as nobody else. */
import { z } from "zod";
import type { MutationContext } from "../client/contexts.js";
import type { Identity } from "../client/identity.js";
import type { Catalog } from "../core/catalog.js";
import { shown } from "../core/errors.js";
import { camelCased, snakeCased } from "./casing.js";
import { WireError } from "./failures.js";
import { id, optional, parsed, type Call, type Json } from "./operations.js";
import { decoded, routed } from "./routes.js";
import { currentBalance } from "./shapes/balances.js";
import type { Version } from "./versions.js";

/** In whose deployment, and with what. */
export type BrowserAccount = Pick<Call, "tally" | "payments" | "env">;

/** What to answer; 204 with nothing. */
export interface Told {
  status: 200 | 202 | 204;
  body: Json;
}

type Fields = Readonly<Record<string, Json>>;

/** One request of a browser's. */
interface Asked {
  call: Call;
  identity: Identity;
  /** The rest of the path. */
  id: string;
  /** In the wire's own names, and only what the route takes. */
  body: Fields;
}

export interface BrowserRoute {
  method: "GET" | "POST" | "DELETE";
  reads: Version;
  /** What a browser may say. All else is a server's to decide, such as what a plan costs. */
  takes: z.ZodType;
  /** Whether it spends the customer's money, or changes what he pays for: for whoever may manage his billing. */
  billing?: boolean;
  /** What somebody who is not signed in is answered, if not 401. */
  signedOut?: (call: Call, body: Fields) => Promise<Told> | Told | null;
  answer: (asked: Asked) => Promise<Json>;
}

/** Throws 401 where nobody is signed in, and as the operations do. */
export async function answerBrowser(
  route: BrowserRoute,
  id: string,
  given: unknown,
  account: BrowserAccount & { ctx: MutationContext },
  identify: () => Promise<Identity | null>,
): Promise<Told> {
  const call: Call = { ...account, version: route.reads, isBrowser: true };
  const body = snakeCased(parsed(route.takes, withoutIdentity(given)) as Json) as Fields;
  const identity = await identify();
  if (identity === null) {
    const answer = await route.signedOut?.(call, body);
    if (answer) return answer;
    throw new WireError(401, "no_customer_id", "Nobody is signed in: identify answered null.");
  }
  if (route.billing === true) assertPayer(identity, account);
  const answer = await route.answer({
    call,
    identity,
    id,
    body: { ...body, ...ownerOf(identity, body, id) },
  });
  return told(route.reads === "current" ? camelCased(answer) : answer);
}

function assertPayer(identity: Identity, { payments }: BrowserAccount): void {
  if (!isManager(identity)) throw notManager();
  // Without payments, a browser could take for nothing what only a server may give.
  if (payments !== undefined) return;
  throw new WireError(
    400,
    "not_supported",
    "Nothing is sold to browsers here: give registerRoutes payments. Nothing was changed.",
  );
}

const isManager = ({ entityId, canManageBilling = entityId === undefined }: Identity): boolean =>
  canManageBilling;

const notManager = () =>
  new WireError(
    403,
    "forbidden",
    "Whoever is signed in may not manage the billing of this account: ask somebody who may. Nothing was changed.",
  );

/** What of the customer's record is nobody's who may not manage it. */
const HIDDEN: Fields = { email: null, stripe_id: null, fingerprint: null, metadata: {} };

/** Who it is about, whatever the browser says. */
function ownerOf({ customerId, entityId }: Identity, body: Fields, id: string): Fields {
  if (entityId === undefined) return { customer_id: customerId };
  const asked = id === "" ? (body.entity_id ?? entityId) : id;
  if (asked !== entityId) throw notTheirs(asked);
  return { customer_id: customerId, entity_id: entityId };
}

const notTheirs = (entityId: unknown) =>
  new WireError(
    404,
    "entity_not_found",
    `Whoever is signed in has no entity ${shown(entityId)}. Nothing was changed.`,
  );

/** What clients send of who is signed in and of how their own pages look. */
const IGNORED = ["customerId", "customer_id", "customerData", "customer_data", "openInNewTab", "dialog"];

function withoutIdentity(given: unknown): unknown {
  if (typeof given !== "object" || given === null || Array.isArray(given)) return given;
  return Object.fromEntries(Object.entries(given).filter(([key]) => !IGNORED.includes(key)));
}

const told = (body: Json): Told => ({ status: 200, body });

/** The call as a server would make it. */
async function ask(call: Call, method: string, path: string, body: Fields): Promise<Json> {
  const expand = Array.isArray(body.expand) ? { expand: body.expand.join(",") } : undefined;
  const route = routed(method, path, new URLSearchParams(expand), body);
  if (route === null) throw new WireError(404, "not_found", `There is no ${shown(path)}.`);
  return await route.operation.answer(call, route.body);
}

const text = optional(z.string().max(2_000));
const count = optional(z.number());
const flag = optional(z.boolean());
const names = optional(z.array(z.string().max(255)).max(50));
const features = optional(z.union([id, z.array(id).min(1).max(50)]));
const range = optional(z.strictObject({ start: count, end: count }));
const quantities = optional(
  z.array(z.strictObject({ featureId: id, quantity: count, adjustable: flag })).max(100),
);
const nothing = z.strictObject({});

const planned = { planId: id, featureQuantities: quantities };
const paying = { entityId: optional(id), successUrl: text, redirectMode: text };
const attached = z.strictObject({ ...planned, ...paying });
const attachedAll = z.strictObject({
  plans: z.array(z.strictObject(planned)).min(1).max(20),
  ...paying,
});
const updated = z.strictObject({
  ...paying,
  planId: optional(id),
  featureQuantities: quantities,
  cancelAction: text,
});
const ordered = z.strictObject({
  productId: optional(id),
  productIds: optional(z.array(id).max(20)),
  options: optional(z.array(z.strictObject({ featureId: id, quantity: count })).max(100)),
  entityId: optional(id),
  successUrl: text,
  forceCheckout: flag,
});
const aggregated = {
  featureId: features,
  entityId: optional(id),
  range: text,
  binSize: text,
  groupBy: text,
  customRange: range,
};
const expanded = { expand: names, errorOnNotFound: flag };
const tracked = {
  featureId: optional(id),
  entityId: optional(id),
  properties: optional(z.record(z.string(), z.union([z.string(), z.number(), z.boolean(), z.null()]))),
};

type Terms = Omit<BrowserRoute, "method" | "reads" | "answer">;

/** A route of 1.x: always posted, answered in camelCase. */
const current = (operation: string, terms: Terms): BrowserRoute => ({
  ...terms,
  method: "POST",
  reads: "current",
  answer: ({ call, body }) => ask(call, "POST", operation, body),
});

/** A route of 0.1.x, over the REST path that its backend would call. */
const legacy = (
  method: BrowserRoute["method"],
  path: (asked: Asked) => string,
  terms: Terms,
): BrowserRoute => ({
  ...terms,
  method,
  reads: "1.2",
  answer: (asked) => ask(asked.call, method, path(asked), asked.body),
});

/** Both generations' reading of it: the customer's record, with what the part of him that is signed in has. */
const customer = (reads: Version, takes: z.ZodType, nobody: Told): BrowserRoute => ({
  method: "POST",
  reads,
  takes,
  signedOut: (_call, { error_on_not_found: isError }) => (isError === false ? nobody : null),
  answer: async ({ call, identity, body: { expand } }) => {
    const { customerId, entityId, name, email } = identity;
    if (!isManager(identity) && Array.isArray(expand) && expand.length > 0) throw notManager();
    const record = (await ask(call, "POST", "customers.get_or_create", {
      customer_id: customerId,
      ...(name !== undefined && { name }),
      ...(email !== undefined && { email }),
      expand: expand ?? null,
    })) as Fields;
    if (entityId === undefined) return withCreditFed(record, call.tally.catalog);
    const theirs = { customer_id: customerId, entity_id: entityId };
    const part = (await ask(call, "POST", "entities.get", theirs)) as Fields;
    const had = ["subscriptions", "purchases", "balances", "flags", "products", "features"];
    const own = Object.entries(part).filter(([key]) => had.includes(key));
    const shown = isManager(identity) ? record : { ...record, ...HIDDEN };
    return withCreditFed({ ...shown, ...Object.fromEntries(own) }, call.tally.catalog);
  },
});

const CURRENT: Readonly<Record<string, BrowserRoute>> = {
  getOrCreateCustomer: customer(
    "current",
    z
      .strictObject({
        ...expanded,
        name: text,
        email: text,
        stripeId: text,
        metadata: z.unknown().optional(),
      })
      .transform(({ expand, errorOnNotFound }) => ({ expand, errorOnNotFound })),
    { status: 204, body: null },
  ),
  listPlans: current("plans.list", {
    takes: z.strictObject({ entityId: optional(id) }),
    signedOut: async (call) => told(camelCased(await ask(call, "POST", "plans.list", {}))),
  }),
  getEntity: {
    ...current("entities.get", { takes: z.strictObject({ entityId: id, expand: names }) }),
    answer: async ({ call, body }) =>
      withCreditFed((await ask(call, "POST", "entities.get", body)) as Fields, call.tally.catalog),
  },
  listEvents: current("events.list", {
    takes: z.strictObject({
      featureId: features,
      entityId: optional(id),
      startCursor: text,
      offset: count,
      limit: count,
      customRange: range,
    }),
  }),
  aggregateEvents: current("events.aggregate", {
    takes: z.strictObject({ ...aggregated, filterBy: z.unknown().optional(), maxGroups: count }),
  }),
  attach: current("billing.attach", { takes: attached, billing: true }),
  previewAttach: current("billing.preview_attach", { takes: attached, billing: true }),
  multiAttach: current("billing.multi_attach", { takes: attachedAll, billing: true }),
  previewMultiAttach: current("billing.preview_multi_attach", { takes: attachedAll, billing: true }),
  updateSubscription: current("billing.update", { takes: updated, billing: true }),
  previewUpdateSubscription: current("billing.preview_update", { takes: updated, billing: true }),
  setupPayment: current("billing.setup_payment", {
    takes: z.strictObject({ ...paying, planId: optional(id) }),
    billing: true,
  }),
  openCustomerPortal: current("billing.open_customer_portal", {
    takes: z.strictObject({ returnUrl: text }),
    billing: true,
  }),
  createReferralCode: current("referrals.create_code", { takes: z.strictObject({ programId: text }) }),
  redeemReferralCode: current("referrals.redeem_code", { takes: z.strictObject({ code: text }) }),
};

/** By method and name; `/*` takes an id. */
const LEGACY: Readonly<Record<string, BrowserRoute>> = {
  "POST customers": customer(
    "1.2",
    z
      .strictObject({
        ...expanded,
        id: text,
        name: text,
        email: text,
        fingerprint: text,
        metadata: z.unknown().optional(),
      })
      .transform(({ expand, errorOnNotFound }) => ({ expand, errorOnNotFound })),
    { status: 202, body: null },
  ),
  "GET products": {
    method: "GET",
    reads: "1.2",
    takes: nothing,
    signedOut: async (call) => told(await ask(call, "POST", "plans.list", {})),
    answer: ({ call, body }) => ask(call, "POST", "plans.list", body),
  },
  "POST entities": legacy("POST", ({ body }) => `customers/${segment(body.customer_id)}/entities`, {
    takes: z.strictObject({ id, name: text, featureId: id }),
    billing: true,
  }),
  "GET entities/*": legacy(
    "GET",
    ({ body, id }) => `customers/${segment(body.customer_id)}/entities/${segment(id)}`,
    { takes: z.strictObject({ expand: names }) },
  ),
  "DELETE entities/*": legacy(
    "DELETE",
    ({ body, id }) => `customers/${segment(body.customer_id)}/entities/${segment(id)}`,
    { takes: nothing, billing: true },
  ),
  "POST attach": legacy("POST", () => "attach", { takes: ordered, billing: true }),
  "POST checkout": legacy("POST", () => "checkout", { takes: ordered, billing: true }),
  "POST cancel": legacy("POST", () => "cancel", {
    takes: z.strictObject({ productId: id, entityId: optional(id), cancelImmediately: flag }),
    billing: true,
  }),
  "POST billing_portal": legacy(
    "POST",
    ({ body }) => `customers/${segment(body.customer_id)}/billing_portal`,
    { takes: z.strictObject({ returnUrl: text }), billing: true },
  ),
  "POST setup_payment": legacy("POST", () => "setup_payment", {
    takes: z.strictObject({ successUrl: text }),
    billing: true,
  }),
  "POST check": legacy("POST", () => "check", {
    takes: z.strictObject({
      ...tracked,
      productId: optional(id),
      requiredBalance: count,
      requiredQuantity: count,
      // To record as well is to track.
      sendEvent: optional(z.literal(false)),
      withPreview: flag,
      entityData: z.unknown().optional(),
    }),
  }),
  "POST query": legacy("POST", () => "query", {
    takes: z.strictObject({ featureId: features, range: text }),
  }),
  "POST events/list": legacy("POST", () => "events/list", {
    takes: z.strictObject({ featureId: features, offset: count, limit: count, customRange: range }),
  }),
  "POST events/aggregate": legacy("POST", () => "events/aggregate", { takes: z.strictObject(aggregated) }),
  "POST referrals/code": legacy("POST", () => "referrals/code", {
    takes: z.strictObject({ programId: text }),
  }),
  "POST referrals/redeem": legacy("POST", () => "referrals/redeem", {
    takes: z.strictObject({ code: text }),
  }),
};

/** How the client finds out whether it may send credentials. */
const CORS: BrowserRoute = {
  method: "POST",
  reads: "1.2",
  takes: nothing,
  signedOut: () => told({}),
  answer: () => Promise.resolve({}),
};

/** To give back what was used is not a browser's to do. */
const TRACK = legacy("POST", () => "track", {
  takes: z.strictObject({
    ...tracked,
    eventName: optional(id),
    value: optional(z.number().min(0)),
    idempotencyKey: optional(id),
    entityData: z.unknown().optional(),
  }),
});

const segment = (id: unknown): string => encodeURIComponent(String(id));

/** The generations share one name, and spell what is bought each in its own way. */
export function browserRoute(
  method: string,
  name: string,
  body: unknown,
  track: boolean,
): [BrowserRoute, id: string] {
  if (method === "POST" && name === "cors") return [CORS, ""];
  if (method === "POST" && name === "track" && track) return [TRACK, ""];
  const isPlan = typeof body === "object" && body !== null && "planId" in body;
  const current = Object.hasOwn(CURRENT, name) ? CURRENT[name] : undefined;
  if (method === "POST" && current !== undefined && (name !== "attach" || isPlan)) return [current, ""];
  const [, entityId] = /^entities\/([^/]+)$/.exec(name) ?? [];
  const key = `${method} ${entityId === undefined ? name : "entities/*"}`;
  const older = Object.hasOwn(LEGACY, key) ? LEGACY[key] : undefined;
  if (older !== undefined) return [older, entityId === undefined ? "" : decoded(entityId)];
  throw new WireError(404, "not_found", "Not found");
}

/**
 * With a balance of zero for each feature that is paid for in credits alone: the check in 1.x's page looks for the
 * feature's own before it looks for credits.
 */
function withCreditFed(record: Fields, catalog: Catalog): Fields {
  const balances = record.balances;
  if (typeof balances !== "object" || balances === null || Array.isArray(balances)) return record;
  const fed = Object.keys(balances).flatMap((featureId) =>
    (catalog.features.get(featureId)?.creditSchema ?? []).map((cost) => cost.featureId),
  );
  const zero = (featureId: string) =>
    currentBalance({ featureId, parts: [], overageAllowed: false }, catalog);
  return {
    ...record,
    balances: { ...Object.fromEntries(fed.map((featureId) => [featureId, zero(featureId)])), ...balances },
  };
}
