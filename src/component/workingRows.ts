/** The rows that one call reads and changes, all as of one instant, written at the end or not at all. */
import { v, type Infer } from "convex/values";
import { advanceAll, type ClosedPeriod } from "../core/advance.js";
import { crossings, type Crossing, type Watch } from "../core/alerts.js";
import { hasMoved, isNearBoundary } from "../core/balances.js";
import { changesOf, haveTurned, type BalanceChange } from "../core/changes.js";
import type { Ask, Draw } from "../core/draws.js";
import type { Plan } from "../core/terms.js";
import type { MutationCtx, QueryCtx } from "./_generated/server.js";
import { hasBudget } from "./budget.js";
import { beginCustomer, findCustomer, startingRows, type Beginning, type Provision } from "./customers.js";
import { poolsValidator } from "./schema.js";
import { assertEntity, entityNotFound, loadRows, MAX_ENTITIES, saveRows, type Row } from "./rows.js";

export const askFields = {
  /** The asked feature first, then the credit systems that can pay for it. */
  pools: poolsValidator,
  entityId: v.optional(v.string()),
  units: v.number(),
};

export interface AskArgs {
  pools: Infer<typeof poolsValidator>;
  entityId?: string;
  units: number;
}

export class WorkingRows {
  rows: Row[];
  readonly now: number;
  /** Priced periods that are over and have no charge yet. */
  closed: readonly ClosedPeriod[];
  private readonly changed = new Set<string>();
  private readonly crossed: Crossing[] = [];
  /** The rows as events tell of them so far. */
  private recorded: readonly Row[];

  constructor(
    /** As they were before time passed. */
    readonly stored: readonly Row[],
    at: number,
  ) {
    const advanced = advanceAll(stored, at);
    this.rows = advanced.rows;
    this.recorded = advanced.rows;
    this.now = advanced.now;
    this.closed = advanced.closed;
  }

  /** Null if the customer is not known. Throws `entity_not_found`. */
  static async load(
    ctx: QueryCtx,
    customerId: string,
    asks: readonly Omit<AskArgs, "units">[],
    at: number,
  ): Promise<WorkingRows | null> {
    const rows = await distinctRows(ctx, customerId, asks);
    if (rows.length === 0 && (await findCustomer(ctx, customerId)) === null) return null;
    // An entity with a row of its own is known; another is looked up.
    const unseen = new Set(asks.flatMap(({ entityId }) => entityId ?? []));
    for (const { entityId, removing } of rows)
      if (entityId !== undefined && !removing) unseen.delete(entityId);
    for (const entityId of unseen) await assertEntity(ctx, customerId, entityId);
    return new WorkingRows(rows, at);
  }

  /** As `load`, for what is held already: whoever held it was known. */
  static async reload(
    ctx: QueryCtx,
    customerId: string,
    ask: Omit<AskArgs, "units">,
    at: number,
  ): Promise<WorkingRows> {
    return new WorkingRows(await distinctRows(ctx, customerId, [ask]), at);
  }

  /** As `reload`, with the rows of all grants that `draws` name: whatever pays for the feature by now. */
  static async trace(
    ctx: MutationCtx,
    customerId: string,
    ask: Omit<AskArgs, "units">,
    draws: readonly Draw[],
    at: number,
  ): Promise<WorkingRows> {
    const rows = await distinctRows(ctx, customerId, [ask]);
    const unseen = new Set(draws.map(({ grantId }) => grantId));
    for (const row of rows) for (const { id } of row.grants) unseen.delete(id);
    return new WorkingRows([...rows, ...(await rowsOfGrants(ctx, customerId, unseen))], at);
  }

  /** The rows that an ask may look at are the working rows; its instant is theirs. */
  scope({ pools, entityId, units }: AskArgs) {
    return { pools, entityId, units, now: this.now };
  }

  /** Takes over rows that a rule has changed: the same rows, in the same order. */
  apply({ rows }: { rows: Row[] }): void {
    for (const [index, row] of rows.entries()) {
      if (hasMoved(this.rows[index], row)) this.changed.add(rowKey(row));
    }
    this.rows = rows;
  }

  /** As `apply`, of a draw: notes what it has crossed of what is watched. */
  applyDraw(outcome: { rows: Row[] }, ask: Ask, watch: Watch | undefined): void {
    if (watch !== undefined) this.crossed.push(...crossings(this.rows, outcome.rows, ask, watch));
    this.apply(outcome);
  }

  /**
   * What the ledger has to know of the last draw, beside the draw: nothing, mostly. Where limits have
   * followed the plan's periods, all that it did. `all` rows will be stored, or those that have moved.
   */
  ledger(all = false): { at?: number; changes?: BalanceChange[] } {
    const [before, after] = [this.recorded, this.rows].map((rows) => this.storable(rows, all));
    const hasTurned = haveTurned(before ?? [], after ?? []);
    const changes = this.changes(all);
    if (hasTurned) return { changes };
    return this.rows.some((row) => isNearBoundary(row, this.now)) ? { at: this.now } : {};
  }

  /** What was done to the rows that will be stored, since this was last asked. */
  changes(all = false): BalanceChange[] {
    const after = this.storable(this.rows, all);
    const changes = changesOf(this.storable(this.recorded, all), after);
    this.recorded = this.recorded.map((row, index) => {
      const now = this.rows[index];
      return now !== undefined && after.includes(now) ? now : row;
    });
    return changes;
  }

  private storable(rows: readonly Row[], all: boolean): Row[] {
    return rows.filter((row) => all || this.changed.has(rowKey(row)));
  }

  /** What the draws have crossed, as an answer carries it. */
  told(): { crossings?: Crossing[] } {
    return this.crossed.length === 0 ? {} : { crossings: this.crossed };
  }

  /** Takes over what a closed period owes by now. Its row is stored, so that nothing else closes it. */
  correct({
    grantId,
    to,
    overage,
    amount,
  }: Pick<ClosedPeriod, "grantId" | "to" | "overage" | "amount">): void {
    this.closed = this.closed.flatMap((period) => {
      if (period.grantId !== grantId || period.to !== to) return [period];
      this.changed.add(rowKey(period));
      return overage === 0 ? [] : [{ ...period, overage, amount }];
    });
  }

  /** Stores the rows that have moved; a row that only time has changed is left to its next use. */
  async save(ctx: MutationCtx, customerId: string, all: boolean): Promise<void> {
    const changed = this.storable(this.rows, all);
    const closed = this.closed.filter((period) => changed.some((row) => rowKey(row) === rowKey(period)));
    await saveRows(ctx, customerId, changed, closed);
  }
}

async function distinctRows(
  ctx: QueryCtx,
  customerId: string,
  asks: readonly Omit<AskArgs, "units">[],
): Promise<Row[]> {
  const loaded = (await Promise.all(asks.map((ask) => loadRows(ctx, customerId, ask)))).flat();
  return [...new Map(loaded.map((row) => [rowKey(row), row])).values()];
}

/** Rows that are looked through for a grant: eight features of as many entities as there can be. Beyond, it counts as gone. */
const MAX_ROWS = 8 * MAX_ENTITIES;
/** Rows between two looks at the transaction's budget. */
const BATCH = 64;

/** The rows of grants that are somewhere among the customer's, if they are there still. */
async function rowsOfGrants(ctx: MutationCtx, customerId: string, unseen: Set<string>): Promise<Row[]> {
  const found: Row[] = [];
  if (unseen.size === 0) return found;
  let looked = 0;
  for await (const row of ctx.db
    .query("balances")
    .withIndex("by_owner", (q) => q.eq("customerId", customerId))) {
    if (row.grants.filter(({ id }) => unseen.delete(id)).length > 0) found.push(row);
    looked++;
    if (unseen.size === 0 || looked === MAX_ROWS) break;
    if (looked % BATCH === 0 && !(await hasBudget(ctx))) break;
  }
  return found;
}

const rowKey = ({ featureId, entityId }: { featureId: string; entityId?: string }) =>
  JSON.stringify([featureId, entityId]);

/** The customer's beginning, if this is it. He has no entities then. */
export async function beginningOf(
  ctx: QueryCtx,
  customerId: string,
  asks: readonly AskArgs[],
  provision: Provision | undefined,
  now: number,
): Promise<Beginning | null> {
  if (provision === undefined || (await findCustomer(ctx, customerId)) !== null) return null;
  refuseEntities(customerId, asks);
  return beginCustomer(customerId, provision, now);
}

/** The rows of a customer who is not known, as if he had begun with the default plans. Throws `entity_not_found`. */
export function asIfBegun(
  customerId: string,
  asks: readonly AskArgs[],
  defaults: readonly Plan[],
  now: number,
): WorkingRows {
  refuseEntities(customerId, asks);
  return new WorkingRows(startingRows(customerId, defaults, now).rows, now);
}

export function refuseEntities(customerId: string, asks: readonly AskArgs[]): void {
  for (const { entityId } of asks) if (entityId !== undefined) throw entityNotFound(customerId, entityId);
}
