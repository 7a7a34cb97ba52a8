import { v, type Infer } from "convex/values";
import { shown, tallyError } from "../core/errors.js";
import type { Doc } from "./_generated/dataModel.js";
import { query, type QueryCtx } from "./_generated/server.js";
import { pageArgs, pageOf } from "./cursors.js";
import { eventFields } from "./schema.js";

const { pools: _pools, ...listedFields } = eventFields;
const listedEventValidator = v.object({ eventId: v.string(), createdAt: v.number(), ...listedFields });
type ListedEvent = Infer<typeof listedEventValidator>;

/** A key of our own is shown as the id of the app's that it is made from. */
function listedEvent(stored: Doc<"events">): ListedEvent {
  const { _id, _creationTime, key, pools: _pools, ...shownEvent } = stored;
  const { at: _at, changes: _changes, holds: _holds, charged: _charged, repairs: _, ...listed } = shownEvent;
  const { statement: _statement, ...event } = listed;
  const shownKey = key?.split("\u0000", 1)[0];
  return {
    eventId: _id,
    createdAt: _creationTime,
    ...event,
    ...(shownKey !== undefined && { key: shownKey }),
  };
}

const listArgs = v.object({ customerId: v.string(), featureId: v.optional(v.string()), ...pageArgs });

/** What happened to a customer's balances (or to one feature of his), the latest first. */
export const list = query({
  args: listArgs.fields,
  returns: v.object({ page: v.array(listedEventValidator), cursor: v.union(v.string(), v.null()) }),
  handler: listPage,
});

async function listPage(ctx: QueryCtx, { customerId, featureId, ...page }: Infer<typeof listArgs>) {
  const from =
    featureId === undefined
      ? ({ table: "events", index: "by_customer", prefix: [customerId], order: "desc" } as const)
      : ({ table: "events", index: "by_feature", prefix: [customerId, featureId], order: "desc" } as const);
  const { page: events, cursor } = await pageOf(ctx, { ...from, prefix: [...from.prefix] }, page);
  return { page: events.map(listedEvent), cursor };
}

const { eventId, createdAt, kind, featureId, planId, value, uncovered, remaining } =
  listedEventValidator.fields;
const ownEventValidator = v.object({
  eventId,
  createdAt,
  kind,
  featureId,
  planId,
  value,
  uncovered,
  remaining,
});

/**
 * As `list`, as the customer himself may see them: without keys, actors, reasons and properties. One
 * entity of his does not see what the others do: its page may be shorter for that.
 */
export const own = query({
  args: {
    customerId: v.string(),
    entityId: v.optional(v.string()),
    featureId: v.optional(v.string()),
    ...pageArgs,
  },
  returns: v.object({ page: v.array(ownEventValidator), cursor: v.union(v.string(), v.null()) }),
  handler: async (ctx, { entityId, ...args }) => {
    const { page, cursor } = await listPage(ctx, args);
    const own = page.filter((event) => entityId === undefined || event.entityId === entityId);
    return { page: own.map(ownEvent), cursor };
  },
});

function ownEvent(event: ListedEvent): Infer<typeof ownEventValidator> {
  const { eventId, createdAt, kind, featureId, planId, value, uncovered, remaining } = event;
  return { eventId, createdAt, kind, featureId, planId, value, uncovered, remaining };
}

/** The event that was recorded under an idempotency key of the customer's. */
export async function findEvent(
  ctx: QueryCtx,
  customerId: string,
  key: string,
): Promise<Doc<"events"> | null> {
  return await ctx.db
    .query("events")
    .withIndex("by_key", (q) => q.eq("customerId", customerId).eq("key", key))
    .unique();
}

/**
 * The keys that a reservation's settlement and its late confirmation are recorded under: beside those
 * of an app, which have no control character, so that one request can use one id for both.
 */
const [HOLD, LATE] = ["\u0000hold", "\u0000late"];
export const holdKey = (reservationId: string): string => reservationId + HOLD;
export const lateKey = (reservationId: string): string => reservationId + LATE;

/** The events that are one use: of a hold that was confirmed late, its settlement by the sweep and the confirmation. */
export async function wholeUse(
  ctx: QueryCtx,
  event: Doc<"events">,
): Promise<[first: Doc<"events">, late: Doc<"events"> | null]> {
  const { customerId, key = "" } = event;
  if (key.endsWith(LATE)) {
    const swept = await findEvent(ctx, customerId, holdKey(key.slice(0, -LATE.length)));
    return swept === null ? [event, null] : [swept, event];
  }
  const isSwept = key.endsWith(HOLD) && event.expired === true;
  return [event, isSwept ? await findEvent(ctx, customerId, lateKey(key.slice(0, -HOLD.length))) : null];
}

/** The key that the use of an entity's seat is recorded under: each entity once, whoever had the id before. */
export const seatKey = ({ entityId, _id }: Doc<"entities">): string => `${entityId}\u0000seat\u0000${_id}`;

/** The keys that the ends of an entity's balances of a feature are recorded under, in order of time. */
export function endKeys(entityId: string, featureId: string) {
  const prefix = `${entityId}\u0000end\u0000${featureId}\u0000`;
  return {
    from: prefix,
    to: `${entityId}\u0000end\u0000${featureId}\u0001`,
    // 15 digits hold every instant until the year 33658.
    of: ({ _id }: Doc<"entities">, now: number) => `${prefix}${String(now).padStart(15, "0")}${_id}`,
  };
}

/** The keys of an event's refunds, and the range that they lie in. */
export function refundKeys(eventId: string) {
  const prefix = `${eventId}\u0000refund\u0000`;
  return { from: prefix, to: `${eventId}\u0000refund\u0001`, of: (key: string) => prefix + key };
}

/** The use with that id, if it is the customer's. Throws `invalid_argument`. */
export async function getEvent(ctx: QueryCtx, customerId: string, eventId: string): Promise<Doc<"events">> {
  const id = ctx.db.normalizeId("events", eventId);
  const event = id === null ? null : await ctx.db.get("events", id);
  if (event?.customerId === customerId && event.kind === "usage") return event;
  throw tallyError(
    "invalid_argument",
    `Customer ${shown(customerId)} has no use ${shown(eventId)}. Nothing was changed.`,
  );
}

/** The event with that id or idempotency key; null if the customer has none. */
export const get = query({
  args: { customerId: v.string(), eventId: v.optional(v.string()), key: v.optional(v.string()) },
  returns: v.union(listedEventValidator, v.null()),
  handler: async (ctx, { customerId, eventId, key }) => {
    if (eventId !== undefined) return listedEvent(await getEvent(ctx, customerId, eventId));
    if (key === undefined) return null;
    await refuseSeveral(ctx, customerId, key);
    const event = (await findEvent(ctx, customerId, key)) ?? (await findEvent(ctx, customerId, holdKey(key)));
    return event === null ? null : listedEvent(event);
  },
});

/** A use by an event's name may have charged several features: one key, and an event for each. */
async function refuseSeveral(ctx: QueryCtx, customerId: string, key: string): Promise<void> {
  const other = await ctx.db
    .query("events")
    .withIndex("by_key", (q) =>
      q
        .eq("customerId", customerId)
        .gt("key", `${key}\u0000event\u0000`)
        .lt("key", `${key}\u0000event\u0001`),
    )
    .first();
  if (other === null) return;
  throw tallyError(
    "invalid_argument",
    `The key ${shown(key)} is of a use by an event's name, which charged several features. Name each of its events by eventId. Nothing was changed.`,
  );
}

const COMPARED = ["kind", "featureId", "entityId", "planId", "value"] as const;
type Compared = Partial<Pick<Doc<"events">, (typeof COMPARED)[number]>>;

/**
 * Answers `event` if `call` is a repeat of what recorded it. Throws `idempotency_conflict` if it is
 * another call with the same key: TigerBeetle's `exists` and `exists_with_different_…`.
 */
export function repeatOf(
  event: Doc<"events">,
  { properties, ...call }: Compared & Pick<Doc<"events">, "properties">,
): Doc<"events"> {
  const differing: string[] = COMPARED.filter((field) => event[field] !== call[field]);
  if (properties !== undefined && !haveEqualValues(event.properties ?? {}, properties))
    differing.push("properties");
  if (differing.length === 0) return event;
  const differences = COMPARED.filter((field) => differing.includes(field)).map(
    (field) => `${field} was ${say(event[field])}, now ${say(call[field])}`,
  );
  if (differing.includes("properties")) differences.push("it changed something else");
  throw tallyError(
    "idempotency_conflict",
    `The idempotency key ${shown(event.key)} was used for another call (${differences.join("; ")}). Use a new key for a new call. Nothing was changed.`,
    { key: event.key ?? "", differing },
  );
}

function say(value: string | number | undefined): string {
  return value === undefined ? "absent" : shown(value);
}

function haveEqualValues(a: Record<string, unknown>, b: Record<string, unknown>): boolean {
  const names = new Set([...Object.keys(a), ...Object.keys(b)]);
  return [...names].every((name) => a[name] === b[name]);
}
