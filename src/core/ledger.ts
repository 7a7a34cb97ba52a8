/**
 * The replay of a customer's events, from nothing: what his balances must be. Uses are taken by their
 * draws, all else by its changes, and what time does between them is done by the rule of time.
 */
import { advance, closePeriod, type ClosedPeriod } from "./advance.js";
import { exact, nearest, total, type Decimal } from "./amounts.js";
import { copyOf, emptyBalance, NEAR_MS, type Balance, type Grant, type Limit } from "./balances.js";
import { controlsOf, rowKey, type BalanceChange, type RowControls } from "./changes.js";
import { limitsOf } from "./controls.js";
import type { Draw } from "./draws.js";
import { shown } from "./errors.js";
import {
  problemsOf,
  type ChargeCorrection,
  type EventProblem,
  type Hold,
  type LedgerEvent,
} from "./ledgerEvents.js";

/** An open reservation: draws without an event yet. */
export interface OpenHold {
  featureId: string;
  entityId?: string;
  holds: readonly Hold[];
}

/** One thing that happened, at its place among all others. */
interface Entry {
  createdAt: number;
  /** The event, or the reservation, that problems are reported of. */
  name: string;
  at: number;
  featureId: string;
  entityId?: string;
  /** What was taken, where `changes` do not say all that was done. */
  draws: readonly Draw[];
  changes: readonly BalanceChange[];
  event?: LedgerEvent;
}

/**
 * The balances that events prove. Events are entered in the order of their creation, then `replay`ed;
 * a reservation's draws are older than the event that brings them, so that only what is older than any
 * hold can be replayed before all is entered.
 */
export class Ledger {
  readonly rows = new Map<string, Balance>();
  /** Every priced period that has closed. */
  readonly closed: ClosedPeriod[] = [];
  /** What was given back of them since, the oldest first. */
  readonly corrections: (ChargeCorrection & { eventId: string; isSeen?: true })[] = [];
  problems: EventProblem[] = [];
  /** Whether something was entered that is older than what had been replayed by then. */
  isLate = false;
  private entries: Entry[] = [];
  private replayedUntil = -Infinity;
  /** In which row a grant is, or was. */
  private readonly homes = new Map<string, string>();

  enter(event: LedgerEvent): void {
    const { eventId: name, createdAt, at = soonBefore(createdAt), featureId = "", entityId } = event;
    const owner = { featureId, ...(entityId !== undefined && { entityId }) };
    this.enterHolds(name, { ...owner, holds: event.holds ?? [] });
    const isPlain = event.kind === "usage" && event.changes === undefined;
    const draws = isPlain ? event.draws : [];
    this.push({ ...owner, createdAt, at, name, draws, changes: event.changes ?? [], event });
  }

  /** Enters what is held; `name` is the event, or reservation, that problems are reported of. */
  enterHolds(name: string, { holds, ...owner }: OpenHold): void {
    for (const { createdAt, at = soonBefore(createdAt), draws, changes } of holds) {
      const taken = changes === undefined ? draws : [];
      this.push({ ...owner, createdAt, at, name, draws: taken, changes: changes ?? [] });
    }
  }

  private push(entry: Entry): void {
    this.isLate ||= entry.createdAt <= this.replayedUntil;
    this.entries.push(entry);
  }

  /** Replays all that was created at or before `createdAt`. */
  replay(createdAt = Infinity): void {
    this.replayedUntil = createdAt;
    const due = this.entries.filter((entry) => entry.createdAt <= createdAt);
    this.entries = this.entries.filter((entry) => entry.createdAt > createdAt);
    due.sort((a, b) => a.createdAt - b.createdAt);
    for (const entry of due) {
      this.take(entry);
      for (const change of entry.changes) this.change(entry, change);
      if (entry.event !== undefined) this.conclude(entry.event);
    }
  }

  private conclude(event: LedgerEvent): void {
    const { eventId, charged = [], repairs } = event;
    this.problems.push(...problemsOf(event, this));
    for (const correction of charged) this.corrections.push({ ...correction, eventId });
    if (repairs === undefined) return;
    const seen = new Set(repairs);
    this.problems = this.problems.filter((problem) => !seen.has(problem.eventId));
    for (const each of this.corrections) if (seen.has(each.eventId)) each.isSeen = true;
  }

  /** The row as of `at`, or of when it was last changed, if that is later. */
  advanced(key: string, at: number): Balance | undefined {
    const row = this.rows.get(key);
    if (row === undefined) return undefined;
    const { balance, closed } = advance(row, at);
    this.rows.set(key, balance);
    this.closed.push(...closed);
    return balance;
  }

  private take({ name, at, featureId, entityId, draws }: Entry): void {
    const found = draws.map(({ grantId }) => this.find(grantId, at));
    // What is given back by a negative use is not counted back, and what is unlimited is not counted.
    const units = total(draws.map((each) => exact(each.units)));
    const isCounted = units.gt(0) && !found.some((each) => each?.grant.unlimited);
    for (const [index, { grantId, amount }] of draws.entries()) {
      const home = found[index];
      if (home === undefined) {
        this.report(name, `it takes ${amount} from ${shown(grantId)}, which no event before it has given`);
        continue;
      }
      home.grant.used = plus(home.grant.used, exact(amount));
      const pool = home.row.featureId;
      if (isCounted && pool !== featureId) this.count(pool, entityId, at, exact(amount));
    }
    if (isCounted) this.count(featureId, entityId, at, units);
  }

  private count(featureId: string, entityId: string | undefined, at: number, amount: Decimal): void {
    const owners = entityId === undefined ? [{}] : [{}, { entityId }];
    const rows = owners.flatMap((owner) => {
      const key = rowKey({ featureId, ...owner });
      const row = this.rows.get(key);
      return row === undefined ? [] : { key, row: advance(row, at).balance };
    });
    const counting = limitsOf(
      rows.map(({ row }) => row),
      featureId,
      entityId,
    );
    // Only a row that a use has moved is stored as of its instant.
    for (const { key, row } of rows) {
      const counts = (row.limits ?? []).map((limit) => counting.includes(limit));
      if (!counts.includes(true)) continue;
      for (const [index, limit] of (this.advanced(key, at)?.limits ?? []).entries()) {
        if (counts[index]) limit.used = plus(limit.used, amount);
      }
    }
  }

  /** The grant, and the row that it is in, as of `at` or of when it was last changed; undefined if it is gone. */
  find(grantId: string, at = -Infinity): { row: Balance; grant: Grant } | undefined {
    // What time has rolled over is in the row of the grant that it is named after.
    const home = this.homes.get(grantId) ?? this.homes.get(grantId.split("@", 1)[0] ?? "");
    const row = home === undefined ? undefined : this.advanced(home, at);
    const grant = row?.grants.find(({ id }) => id === grantId);
    return row === undefined || grant === undefined ? undefined : { row, grant };
  }

  private change({ createdAt, name, event }: Entry, change: BalanceChange): void {
    const { at = soonBefore(createdAt), from = [], to } = change;
    const key = rowKey(change);
    const known = this.advanced(key, at) ?? emptyBalance(change.featureId, change.entityId, at);
    const row = copyOf(known);
    const isRepair = event?.repairs !== undefined;
    // A balance set by hand is what it was set to, whatever it was before.
    const isSet = event?.kind === "adjust";
    const before = new Map(from.map((each) => [each.id, each]));
    const after = new Map(to.map((each) => [each.id, each]));
    for (const { id, granted, used } of isRepair ? [] : from) {
      const grant = row.grants.find((each) => each.id === id);
      if (grant?.granted === granted && grant.used === used) continue;
      const proven = grant === undefined ? "nothing" : `${grant.used} of ${grant.granted}`;
      this.report(
        name,
        `it found ${used} of ${granted} used of ${shown(id)}, where the events before it prove ${proven}`,
      );
    }
    row.grants = row.grants.flatMap((grant) => {
      const next = after.get(grant.id);
      const earlier = before.get(grant.id);
      if (next === undefined && earlier === undefined) return [grant];
      if (next === undefined) {
        closePeriod(row, grant, row.advancedAt, this.closed);
        return [];
      }
      if (isSet || earlier === undefined) return [next];
      const granted = plus(grant.granted, exact(next.granted).minus(earlier.granted));
      return [{ ...next, granted, used: plus(grant.used, exact(next.used).minus(earlier.used)) }];
    });
    const here = new Set(row.grants.map(({ id }) => id));
    for (const grant of to) {
      this.homes.set(grant.id, key);
      if (!here.has(grant.id)) row.grants.push(grant);
    }
    if (change.controls !== undefined) setControls(row, change.controls, isSet);
    this.rows.set(key, copyOf(row));
  }

  private report(eventId: string, problem: string): void {
    this.problems.push({ eventId, problem });
  }
}

/**
 * An instant as good as the unknown one of an event that says none: it is near its creation, and no
 * boundary is. It must not be later, or what comes next would be.
 */
const soonBefore = (createdAt: number): number => createdAt - NEAR_MS / 2;

/** Numbers that no sum can be refused for: what time and tampering do cannot be. */
const plus = (amount: number, more: Decimal): number => nearest(exact(amount).plus(more));

function setControls(
  row: Balance,
  { from, to }: NonNullable<BalanceChange["controls"]>,
  isSet: boolean,
): void {
  const counted = (limits: readonly Limit[] | undefined, like: Limit) =>
    limits?.find((each) => sameCounter(each, like))?.used;
  const known = row.limits;
  for (const name of Object.keys(controlsOf(row)) as (keyof RowControls)[]) delete row[name];
  Object.assign(row, to, to.limits && { limits: to.limits.map((limit) => ({ ...limit })) });
  for (const limit of row.limits ?? []) {
    const [was, proven] = [counted(from.limits, limit), counted(known, limit)];
    if (isSet && was !== limit.used) continue;
    if (was !== undefined && proven !== undefined) limit.used = plus(proven, exact(limit.used).minus(was));
  }
}

/** Whether two limits count the same use. */
export function sameCounter(a: Limit, b: Limit): boolean {
  return a.interval === b.interval && a.count === b.count && a.anchor === b.anchor;
}
