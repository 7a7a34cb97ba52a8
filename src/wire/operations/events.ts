/** What was used when: listed, and summed over periods. */
import type { FunctionReturnType } from "convex/server";
import { z } from "zod";
import type { ComponentApi } from "../../component/_generated/component.js";
import { exact, nearest } from "../../core/amounts.js";
import { lastBoundary } from "../../core/periods.js";
import { aggregated, BINS, periodsOf, type Aggregate, type Counted } from "../aggregates.js";
import { WireError } from "../failures.js";
import { id, operation, optional, type Call, type Json } from "../operations.js";
import type { Part } from "../shapes/balances.js";
import { deduction } from "./uses.js";

type Event = FunctionReturnType<ComponentApi["events"]["list"]>["page"][number];

const features = optional(z.union([id, z.array(id).min(1).max(20)]));
const rangeField = optional(z.object({ start: optional(z.number()), end: optional(z.number()) }));

/** What one call reads at most. */
const MOST_ROWS = 10_000;
const PAGE = 200;
const DAY_MS = 24 * 60 * 60_000;

interface Filter {
  customerId: string;
  featureIds?: readonly string[];
  entityId?: string;
  start?: number;
  end?: number;
}

interface Found {
  events: Event[];
  /** Where to go on; null after the last. */
  cursor: string | null;
  /** Rows that were read. */
  scanned: number;
}

/** The latest uses first, at most `limit` of them, from at most 10,000 rows. */
async function usesOf(call: Call, filter: Filter, limit: number, from?: string): Promise<Found> {
  const { customerId, featureIds, entityId, start = 0, end = Infinity } = filter;
  const [only] = featureIds ?? [];
  const ofOne = featureIds?.length === 1 && only !== undefined ? { featureId: only } : {};
  const events: Event[] = [];
  let [cursor, scanned]: [string | null, number] = [from ?? null, 0];
  do {
    const wanted = Math.min(PAGE, limit - events.length, MOST_ROWS - scanned);
    const page = await call.tally.events.list(call.ctx, { customerId, ...ofOne, cursor, limit: wanted });
    scanned += page.page.length;
    cursor = page.cursor;
    for (const event of page.page) {
      if (event.createdAt < start) return { events, cursor: null, scanned };
      const { kind, featureId, createdAt } = event;
      if (kind !== "usage" || createdAt >= end || featureId === undefined) continue;
      if (featureIds !== undefined && !featureIds.includes(featureId)) continue;
      if (entityId === undefined || event.entityId === entityId) events.push(event);
    }
  } while (cursor !== null && events.length < limit && scanned < MOST_ROWS);
  return { events, cursor, scanned };
}

function filterOf(
  call: Call,
  body: {
    customer_id?: string;
    entity_id?: string;
    feature_id?: string | string[];
    custom_range?: { start?: number; end?: number };
  },
): Filter {
  const { customer_id: customerId, entity_id: entityId, feature_id: featureId, custom_range: range } = body;
  if (customerId === undefined) {
    throw new WireError(
      400,
      "not_supported",
      "Events are kept by customer: name one by customer_id. Sums over all customers are for a store made for them, fed by the `on` callbacks.",
    );
  }
  const featureIds = featureId === undefined ? undefined : [featureId].flat();
  for (const each of featureIds ?? []) call.tally.catalog.feature(each);
  return { customerId, featureIds, entityId, ...range };
}

const listBody = z.object({
  customer_id: optional(id),
  entity_id: optional(id),
  feature_id: features,
  start_cursor: optional(z.string()),
  limit: optional(z.number().int().min(1).max(1_000)),
  offset: optional(z.number().int().min(0).max(MOST_ROWS)),
  custom_range: rangeField,
});

/** A customer's uses, the latest first, by a cursor or (as older clients ask) by an offset into at most 10,000 of them. */
export const list = operation({
  body: listBody,
  run: async (call: Call, body: z.output<typeof listBody>) => {
    const filter = filterOf(call, body);
    const { limit = 50, offset = 0, start_cursor: cursor } = body;
    const from = cursor === undefined || cursor === "" ? undefined : cursor;
    const found = await usesOf(call, filter, offset + limit, from);
    const events = found.events.slice(offset, offset + limit);
    return { ...found, events, offset, limit, grants: await grantsOf(call, filter.customerId) };
  },
  current: (found) => ({ ...listed(found), next_cursor: found.cursor }),
  legacy: (found) => listed(found),
});

type Page = Found & { offset: number; limit: number; grants: readonly Part[] };

function listed({ events, cursor, offset, limit, grants }: Page): Record<string, Json> {
  const total = offset + events.length + (cursor === null ? 0 : 1);
  return {
    list: events.map((event) => eventOf(event, grants)),
    has_more: cursor !== null,
    total,
    total_count: total,
    total_filtered_count: total,
    limit,
    offset,
  };
}

function eventOf(event: Event, grants: readonly Part[]): Json {
  const { eventId, createdAt, customerId, featureId = "", entityId, value, properties, draws } = event;
  return {
    id: eventId,
    timestamp: Math.floor(createdAt),
    feature_id: featureId,
    customer_id: customerId,
    entity_id: entityId ?? null,
    value,
    properties: properties ?? {},
    deductions: draws.map((draw) => deduction(draw, grants, featureId)),
  };
}

/** What the customer has now: deductions name the grants that are still there by their plan and reset. */
async function grantsOf({ ctx, tally }: Call, customerId: string): Promise<Part[]> {
  const { page } = await tally.balances.list(ctx, { customerId, limit: PAGE });
  return page.flatMap(({ breakdown }) => breakdown);
}

const RANGES = { "24h": 1, "7d": 7, "30d": 30, "90d": 90 };
const CYCLES = { last_cycle: 1, "1bc": 1, "3bc": 3 };
const GROUPS = /^(properties\.[^.]{1,40}|\$?customer_id|\$?entity_id|\$?feature_id)$/;

const aggregateBody = z.object({
  customer_id: optional(id),
  entity_id: optional(id),
  feature_id: z.union([id, z.array(id).min(1).max(20)]),
  range: optional(z.enum([...Object.keys(RANGES), ...Object.keys(CYCLES)] as [string, ...string[]])),
  bin_size: optional(z.enum(BINS)),
  custom_range: rangeField,
  group_by: optional(
    z.string().regex(GROUPS, "must be properties.<key>, customer_id, entity_id or feature_id"),
  ),
  filter_by: optional(z.record(z.string(), z.union([z.string(), z.number(), z.boolean()]))),
  max_groups: optional(z.number().int().min(1).max(250)),
  aggregate_on: optional(z.enum(["value", "deducted"])),
});
type AggregateBody = z.output<typeof aggregateBody>;

interface Aggregated extends Aggregate {
  isGrouped: boolean;
  /** The range holds more rows than one call reads: the earliest uses are missing. */
  truncated: boolean;
  scanned: number;
}

/** More bins than a chart has pixels. */
const MOST_PERIODS = 3_000;

/** Sums a customer's uses over periods. It reads at most 10,000 rows, and says `truncated: true` where there are more. */
export const aggregate = operation({
  body: aggregateBody,
  run: aggregateOf,
  current: ({ periods, total, isGrouped, truncated, scanned }) => ({
    list: periods.map(({ period, values, groups }) => ({
      period,
      values,
      grouped_values: isGrouped ? groups : null,
    })),
    total,
    truncated,
    scanned,
  }),
  legacy: ({ periods, total, truncated, scanned }) => ({
    list: periods.map(({ period, values }) => ({ period, ...values })),
    total,
    truncated,
    scanned,
  }),
});

async function aggregateOf(call: Call, body: AggregateBody): Promise<Aggregated> {
  const { bin_size: bin = "day", group_by: groupBy, filter_by: filterBy = {}, max_groups: most = 9 } = body;
  const filter = filterOf(call, body);
  const range = await rangeOf(call, body, filter);
  const periods = periodsOf(range, bin, MOST_PERIODS);
  if (periods === null) {
    throw new WireError(
      400,
      "invalid_inputs",
      `The range has more than ${MOST_PERIODS} periods of a ${bin}: ask for longer ones.`,
    );
  }
  const { events, cursor, scanned } = await usesOf(call, { ...filter, ...range }, MOST_ROWS);
  const uses = events
    .filter(({ properties }) => Object.entries(filterBy).every(([key, value]) => properties?.[key] === value))
    .map((event) => countedBy(event, groupBy, body.aggregate_on === "deducted"));
  const features = [...new Set([body.feature_id].flat())];
  const sums = aggregated(uses, features, periods, bin, most);
  return { ...sums, isGrouped: groupBy !== undefined, truncated: cursor !== null, scanned };
}

function countedBy(event: Event, groupBy: string | undefined, isDeducted: boolean): Counted {
  const { featureId = "", createdAt, value, uncovered = 0 } = event;
  const applied = isDeducted ? nearest(exact(value).minus(exact(uncovered))) : value;
  const counted = { featureId, at: createdAt, value: applied };
  return groupBy === undefined ? counted : { ...counted, group: groupOf(event, groupBy) };
}

function groupOf({ properties, entityId, customerId, featureId }: Event, groupBy: string): string {
  if (groupBy.startsWith("properties."))
    return String(properties?.[groupBy.slice("properties.".length)] ?? "");
  const ids: Record<string, string | undefined> = {
    customer_id: customerId,
    entity_id: entityId,
    feature_id: featureId,
  };
  return ids[groupBy.replace("$", "")] ?? "";
}

/** From when until when: by name, or as given; the current billing cycle unless told. */
async function rangeOf(
  call: Call,
  { range = "1bc", custom_range: custom }: AggregateBody,
  { customerId }: Filter,
): Promise<{ start: number; end: number }> {
  const now = Date.now();
  if (custom !== undefined) {
    const { start = now - 30 * DAY_MS, end = now + 1 } = custom;
    if (start < end) return { start, end };
    throw new WireError(400, "invalid_inputs", "custom_range must begin before it ends.");
  }
  const days = Object.entries(RANGES).find(([name]) => name === range)?.[1];
  if (days !== undefined) return { start: now - days * DAY_MS, end: now + 1 };
  const cycles = Object.entries(CYCLES).find(([name]) => name === range)?.[1] ?? 1;
  const cycle = await cycleOf(call, customerId);
  if (cycle === null) return { start: now - cycles * 30 * DAY_MS, end: now + 1 };
  let start = lastBoundary(cycle, now);
  const end = range === "last_cycle" ? start : now + 1;
  for (let back = range === "last_cycle" ? 0 : 1; back < cycles; back++)
    start = lastBoundary(cycle, start - 1);
  return { start, end };
}

/** How the customer's paid plan is billed; null if he pays for none. */
async function cycleOf({ ctx, tally }: Call, customerId: string) {
  const { page } = await tally.subscriptions.list(ctx, { customerId, limit: PAGE });
  for (const { planId, addOn, anchor, status } of page) {
    const every = tally.catalog.plans.get(planId)?.price?.every;
    if (every != null && !addOn && status !== "scheduled" && status !== "ended") return { ...every, anchor };
  }
  return null;
}

const queryBody = z.object({
  customer_id: id,
  feature_id: z.union([id, z.array(id).min(1).max(20)]),
  range: aggregateBody.shape.range,
});

/** `POST /v1/query` of the older clients: the same by days, flat. */
export const query = operation({
  body: queryBody,
  run: async (call: Call, body: z.output<typeof queryBody>) =>
    await aggregateOf(call, { range: "30d", ...body }),
  current: ({ periods, total }) => ({
    list: periods.map(({ period, values }) => ({ period, ...values })),
    total,
  }),
});

export const eventOperations = { "events.list": list, "events.aggregate": aggregate, query };
