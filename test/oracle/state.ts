/** What a customer has, as the public lists tell it, in the words of the cases. */
import { exact, nearest } from "../../src/core/amounts.js";
import type { Doc } from "../../src/component/_generated/dataModel.js";
import { CUSTOMER, type Deployment } from "./deployment.js";
import { intervene } from "./interventions.js";
import type { Held } from "./locks.js";
import type { RowNames } from "./rows.js";
import type { ExpectedState } from "./cases.js";
import { amountsOf, type Answer } from "./wire.js";

type Listed = Awaited<ReturnType<Deployment["tally"]["balances"]["list"]>>["page"][number];
type Part = Listed["breakdown"][number];

/** Answers each field that `expected` names: nothing else is looked up. */
export async function stateOf(
  deployment: Deployment,
  names: RowNames,
  held: ReadonlyMap<string, Held>,
  expected: ExpectedState,
): Promise<Answer> {
  const { balances, entities, usage_limits: limits } = expected;
  const listed = await listedBalances(deployment);
  const stored = await deployment.query((ctx) => ctx.runQuery(intervene.rows, {}));
  const view = (features: NonNullable<ExpectedState["balances"]>, mine: (row: Listed) => boolean) =>
    Object.fromEntries(
      Object.entries(features).map(([featureId, { rows }]) => {
        const parts = listed
          .filter((row) => row.featureId === featureId && mine(row))
          .flatMap((row) => row.breakdown);
        return [featureId, balanceOf(parts, Object.keys(rows ?? {}), names, stored)];
      }),
    );
  return {
    ...(balances && { balances: view(balances, () => true) }),
    ...(entities && {
      entities: Object.fromEntries(
        Object.entries(entities).map(([entityId, features]) => [
          entityId,
          view(features, (row) => row.entityId === undefined || row.entityId === entityId),
        ]),
      ),
    }),
    ...(limits && { usage_limits: countersOf(Object.keys(limits), stored) }),
    ...(expected.events && { events: await recordedValues(deployment, held) }),
  };
}

function balanceOf(
  parts: readonly Part[],
  rows: readonly string[],
  names: RowNames,
  stored: readonly Doc<"balances">[],
): Answer {
  return {
    ...amountsOf(parts),
    rollovers: parts
      .filter(({ rollover }) => rollover)
      .sort((a, b) => (a.expiresAt ?? Infinity) - (b.expiresAt ?? Infinity))
      .map(({ remaining }) => remaining),
    rows: Object.fromEntries(
      rows.map((row) => {
        const grants = names.grantsOf(row, stored);
        const amounts = amountsOf(parts.filter(({ grantId }) => grants.has(grantId)));
        return [row, { ...amounts, balance: amounts.granted - amounts.usage }];
      }),
    ),
  };
}

/** What a feature's first limit has counted, on the customer himself. */
function countersOf(features: readonly string[], stored: readonly Doc<"balances">[]): Answer {
  return Object.fromEntries(
    features.map((featureId) => {
      const row = stored.find((each) => each.featureId === featureId && each.entityId === undefined);
      return [featureId, row?.limits?.[0]?.used];
    }),
  );
}

/**
 * The values of the usage events, in order. A reservation leaves one event, of all that it used; the
 * wire has one of what was held, and one of what was used beyond that or given back.
 */
async function recordedValues(deployment: Deployment, held: ReadonlyMap<string, Held>): Promise<number[]> {
  const events = await pages((cursor) =>
    deployment.query((ctx) =>
      deployment.tally.events.list(ctx, { customerId: CUSTOMER, limit: 200, cursor }),
    ),
  );
  const settled = events
    .filter(({ kind }) => kind === "usage")
    .map(({ key, value, createdAt: at }) => {
      const before = key === undefined ? undefined : held.get(key)?.value;
      return { at, value: before === undefined ? value : nearest(exact(value).minus(before)) };
    })
    .filter(({ value }) => value !== 0);
  return [...held.values(), ...settled].sort((a, b) => a.at - b.at).map(({ value }) => value);
}

function listedBalances(deployment: Deployment): Promise<Listed[]> {
  return pages((cursor) =>
    deployment.query((ctx) =>
      deployment.tally.balances.list(ctx, { customerId: CUSTOMER, limit: 200, cursor }),
    ),
  );
}

async function pages<Item>(
  next: (cursor: string | null) => Promise<{ page: Item[]; cursor: string | null }>,
): Promise<Item[]> {
  const found: Item[] = [];
  let cursor: string | null = null;
  do {
    const answer = await next(cursor);
    found.push(...answer.page);
    cursor = answer.cursor;
  } while (cursor !== null);
  return found;
}
