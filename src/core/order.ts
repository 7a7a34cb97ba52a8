/**
 * The order in which grants burn: decided at use, total and stable. Kinds first (rollovers, own
 * before credits, resetting before one-off …) as Autumn's `sortCusEntsForDeduction`; the last
 * tie-break on the id as OpenMeter's, so that two grants are never in doubt.
 */
import type { Cost } from "./amounts.js";
import { isLive, type Balance, type Grant } from "./balances.js";
import { lengthMs } from "./periods.js";

/** A feature whose balance can pay for what is asked: the asked feature itself, or a credit system. */
export interface Pool {
  featureId: string;
  /** What one unit of the asked feature costs in this pool; 1 to 1 when absent. */
  cost?: Cost;
  /** The catalog grants this feature to each entity: a call without an entity draws on all of them. */
  perEntity?: boolean;
}

/** A grant that can pay, with the row that it is in and the place of its pool among those asked. */
export interface Entry {
  grant: Grant;
  row: Balance;
  pool: Pool;
  poolIndex: number;
}

export interface Scope {
  /** The asked feature first, then credit systems in the catalog's order. */
  pools: readonly Pool[];
  /** The entity on whose behalf the call is; its own balances and the customer's can pay. */
  entityId?: string;
  now: number;
}

/** All grants of `rows` that can pay within `scope`, the first to burn first. */
export function burnOrder(rows: readonly Balance[], scope: Scope): Entry[] {
  const entries: { key: Key; entry: Entry }[] = [];
  for (const row of rows) {
    const poolIndex = scope.pools.findIndex((pool) => pool.featureId === row.featureId);
    const pool = scope.pools[poolIndex];
    if (pool === undefined) continue;
    for (const grant of row.grants) {
      if (!isLive(grant, scope.now) || !isInScope(row, grant, scope.entityId)) continue;
      const entry = { grant, row, pool, poolIndex };
      entries.push({ entry, key: orderKey(entry, scope.entityId) });
    }
  }
  return entries.sort((a, b) => compareKeys(a.key, b.key)).map(({ entry }) => entry);
}

/** Another entity's balance never pays; a per-entity item of the customer's plan pays for the customer. */
function isInScope(row: Balance, grant: Grant, entityId: string | undefined): boolean {
  if (row.entityId === undefined) return true;
  return entityId === undefined ? grant.perEntity === true : row.entityId === entityId;
}

type Key = readonly (number | string)[];

function orderKey({ grant, row, poolIndex }: Entry, entityId: string | undefined): Key {
  const expiry = grant.expiresAt ?? Infinity;
  const entity = row.entityId ?? "";
  if (grant.rolledFrom !== undefined) {
    return [0, expiry, poolIndex, entity, grant.createdAt, grant.id];
  }
  const isCallersOwn = (row.entityId === undefined) === (entityId === undefined);
  return [
    1,
    isCallersOwn ? 0 : 1,
    poolIndex === 0 ? 0 : 1,
    grant.priority ?? 0,
    grant.reset === undefined ? 1 : 0,
    grant.reset === undefined ? 0 : lengthMs(grant.reset),
    expiry,
    entity,
    grant.addOn === true ? 1 : 0,
    grant.overage === undefined ? 0 : 1,
    grant.createdAt,
    poolIndex,
    grant.id,
  ];
}

function compareKeys(a: Key, b: Key): number {
  for (const [index, part] of a.entries()) {
    const other = b[index];
    if (other === undefined || part === other) continue;
    return part < other ? -1 : 1;
  }
  return a.length - b.length;
}
