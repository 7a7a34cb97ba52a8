/** Taking amounts from grants, and deciding whether they could be taken: one function does both. */
import { v, type Infer } from "convex/values";
import {
  atLeastZero,
  exact,
  priceOf,
  smaller,
  stored,
  total,
  unitsFor,
  ZERO,
  type Decimal,
} from "./amounts.js";
import { copyOf, lapsesAt, left, over, type Balance } from "./balances.js";
import { alignLimits, budgetRoom, governingRow, limitsOf, spannedRows, spendLimitOf } from "./controls.js";
import { assert } from "./errors.js";
import { burnOrder, type Entry, type Scope } from "./order.js";

/** An amount taken from one grant (or given back to it, below 0). */
export const drawValidator = v.object({
  grantId: v.string(),
  /** In the grant's own unit. */
  amount: v.number(),
  /** In the unit of the feature that was asked for. */
  units: v.number(),
  /** When the amount would have lapsed anyway; giving back after that gives nothing. */
  until: v.optional(v.number()),
  /** When it was drawn, where that makes a difference: in an earlier period than its event was recorded in. */
  at: v.optional(v.number()),
});
export type Draw = Infer<typeof drawValidator>;

/**
 * What to do when a balance cannot pay: apply what fits (`cap`, the peers' default), apply nothing
 * (`reject`), or apply all and go below zero (`overflow`; a spend limit still binds).
 */
export const onInsufficientValidator = v.union(v.literal("cap"), v.literal("reject"), v.literal("overflow"));
export type OnInsufficient = Infer<typeof onInsufficientValidator>;

/** Why a check says no. */
export const refusalValidator = v.union(
  v.literal("not_included"),
  v.literal("insufficient"),
  v.literal("usage_limit"),
  v.literal("spend_limit"),
  v.literal("unauthenticated"),
);
export type Refusal = Infer<typeof refusalValidator>;

export interface Ask extends Scope {
  /** Units of the asked feature; below 0 gives back. */
  units: number;
}

export interface Outcome<Row extends Balance = Balance> {
  /** All rows that were given, changed where something was drawn. */
  rows: Row[];
  draws: Draw[];
  applied: number;
  /** What could not be applied: asked − applied. */
  uncovered: number;
  /** An unlimited grant paid: nothing was limited. */
  unlimited: boolean;
  /** Why not all was applied; null if it was. */
  shortage: Refusal | null;
}

/**
 * Draws `ask.units` from `given`, which must be advanced to `ask.now`. First every grant down to
 * zero in burn order; then those that allow overage, up to their limit. Changes nothing it is given.
 * Throws `invalid_amount` if a result could not be stored exactly.
 */
export function draw<Row extends Balance>(
  given: readonly Row[],
  ask: Ask,
  onInsufficient: OnInsufficient,
): Outcome<Row> {
  const outcome = ask.units < 0 ? giveBack(given, ask) : new Drawing(given, ask, onInsufficient).outcome();
  assertBalanced(given, outcome, ask);
  return outcome;
}

/** Whether `ask` could be drawn in full: a dry draw, so that it can never disagree with a real one. */
export function decide(rows: readonly Balance[], ask: Ask): { allowed: boolean; reason: Refusal | null } {
  if (burnOrder(rows, ask).length === 0) return { allowed: false, reason: "not_included" };
  if (ask.units <= 0) return { allowed: true, reason: null };
  const { shortage } = draw(rows, ask, "reject");
  return { allowed: shortage === null, reason: shortage };
}

/** One draw in the making: copies of the rows, and what each pool has paid so far. */
class Drawing<Row extends Balance> {
  private readonly rows: Row[];
  private readonly order: Entry[];
  private readonly draws: { entry: Entry; amount: Decimal; units: Decimal; until: number | undefined }[] = [];
  /** Per pool, because its price is rounded once for the pool and not once for each of its grants. */
  private readonly paid = new Map<number, { amount: Decimal; units: Decimal }>();
  private readonly asked: string;
  private readonly overflows: boolean;
  private readonly rejects: boolean;
  private wanted: Decimal;
  private blockedBy: Refusal | null = null;

  constructor(
    private readonly given: readonly Row[],
    private readonly ask: Ask,
    onInsufficient: OnInsufficient,
  ) {
    this.rows = given.map(copyOf);
    alignLimits(this.rows, ask);
    this.order = burnOrder(this.rows, ask);
    this.asked = askedFeature(ask);
    this.overflows = onInsufficient === "overflow";
    this.rejects = onInsufficient === "reject";
    this.wanted = exact(ask.units);
  }

  outcome(): Outcome<Row> {
    const units = exact(this.ask.units);
    const endless = this.order.find(({ grant }) => grant.unlimited);
    if (endless !== undefined) {
      this.take(endless, units, priceOf(units, endless.pool.cost));
      return this.result(ZERO, true);
    }
    const room = this.overflows ? undefined : this.limitRoom(this.asked);
    const stopped = room === undefined ? ZERO : atLeastZero(units.minus(room));
    if (stopped.gt(0)) this.blockedBy = "usage_limit";
    this.wanted = units.minus(stopped);
    this.drawInOrder();
    this.returnDust();
    const uncovered = this.wanted.plus(stopped);
    if (this.order.length === 0) this.blockedBy = "not_included";
    if (uncovered.gt(0)) this.blockedBy ??= "insufficient";
    this.count(this.asked, units.minus(uncovered));
    return this.result(uncovered, false);
  }

  private drawInOrder(): void {
    for (const entry of this.order) this.drawFrom(entry, left(entry.grant));
    const ownOrder = this.order.filter(({ grant }) => grant.rolledFrom === undefined);
    for (const entry of ownOrder) this.drawFrom(entry, this.overageRoom(entry));
    if (!this.overflows) return;
    // Overflow goes below zero whatever the item says; only a spend limit or a budget holds it.
    for (const entry of ownOrder) this.drawFrom(entry, this.withinBudget(entry, this.spendRoom(entry)));
  }

  /** Draws what `entry` can pay of what is still wanted; `capacity` in its own unit, undefined if endless. */
  private drawFrom(entry: Entry, capacity: Decimal | undefined): void {
    if (this.wanted.eq(0)) return;
    const paid = this.paid.get(entry.poolIndex) ?? { amount: ZERO, units: ZERO };
    const needed = priceOf(paid.units.plus(this.wanted), entry.pool.cost).minus(paid.amount);
    const amount = this.withinLimit(entry, smaller(needed, capacity ?? needed));
    if (amount.lt(0) || (amount.eq(0) && needed.gt(0))) return;
    const units = amount.eq(needed)
      ? this.wanted
      : unitsFor(paid.amount.plus(amount), entry.pool.cost).minus(paid.units);
    this.take(entry, units, amount);
    this.paid.set(entry.poolIndex, { amount: paid.amount.plus(amount), units: paid.units.plus(units) });
    if (entry.row.featureId !== this.asked) this.count(entry.row.featureId, amount);
    this.wanted = this.wanted.minus(units);
  }

  /** A pool that could not pay for all keeps no more than the price of what it did pay for. */
  private returnDust(): void {
    for (const [poolIndex, { amount, units }] of this.paid) {
      const cost = this.ask.pools[poolIndex]?.cost;
      let dust = amount.minus(priceOf(units, cost));
      for (const drawn of [...this.draws].reverse()) {
        if (dust.lte(0)) break;
        if (drawn.entry.poolIndex !== poolIndex) continue;
        const back = smaller(dust, drawn.amount);
        drawn.amount = drawn.amount.minus(back);
        drawn.entry.grant.used = stored(exact(drawn.entry.grant.used).minus(back));
        if (drawn.entry.row.featureId !== this.asked) this.count(drawn.entry.row.featureId, back.neg());
        dust = dust.minus(back);
      }
    }
  }

  private take(entry: Entry, units: Decimal, amount: Decimal): void {
    const until = lapsesAt(entry.grant);
    entry.grant.used = stored(exact(entry.grant.used).plus(amount));
    // A grant that pays again later is a draw of its own: what comes last goes back first.
    const last = this.draws.at(-1);
    if (last?.entry.grant === entry.grant && last.until === until) {
      last.amount = last.amount.plus(amount);
      last.units = last.units.plus(units);
    } else {
      this.draws.push({ entry, amount, units, until });
    }
  }

  /** `amount`, or what the limits of a credit system that pays it still let through. */
  private withinLimit(entry: Entry, amount: Decimal): Decimal {
    if (this.overflows || entry.row.featureId === this.asked) return amount;
    const room = this.limitRoom(entry.row.featureId);
    if (room === undefined || amount.lte(room)) return amount;
    this.blockedBy = "usage_limit";
    return room;
  }

  /** What a feature's limits still let through; undefined if it has none. */
  private limitRoom(featureId: string): Decimal | undefined {
    const rooms = limitsOf(this.rows, featureId, this.ask.entityId).flatMap(({ max, used }) =>
      max === undefined ? [] : atLeastZero(exact(max).minus(used)),
    );
    return rooms.length === 0 ? undefined : rooms.reduce(smaller);
  }

  private count(featureId: string, amount: Decimal): void {
    for (const limit of limitsOf(this.rows, featureId, this.ask.entityId)) {
      limit.used = stored(exact(limit.used).plus(amount));
    }
  }

  /** How far a grant may go beyond what it granted, in its own unit; undefined if without end. */
  private overageRoom(entry: Entry): Decimal | undefined {
    const { grant, row } = entry;
    const governing = governingRow(this.rows, row.featureId, this.ask.entityId, "allowed");
    if (!(governing?.overage?.allowed ?? grant.overage !== undefined)) return ZERO;
    const room = this.spendRoom(entry);
    if (room !== undefined || grant.overage?.max === undefined) return this.withinBudget(entry, room);
    return this.withinBudget(entry, atLeastZero(exact(grant.overage.max).minus(over(grant))));
  }

  /** `room`, or what of it the customer's budget still pays for. */
  private withinBudget({ grant, row, pool }: Entry, room: Decimal | undefined): Decimal | undefined {
    const paid = budgetRoom(this.rows, row.featureId, grant);
    if (paid === undefined || (room !== undefined && room.lte(paid))) return room;
    if (paid.lt(priceOf(this.wanted, pool.cost))) this.blockedBy ??= "spend_limit";
    return paid;
  }

  /**
   * What the spend limit leaves; undefined if there is none. A customer's spans all of his rows, those
   * of his entities included.
   */
  private spendRoom({ row: { featureId }, pool }: Entry): Decimal | undefined {
    const governing = governingRow(this.rows, featureId, this.ask.entityId, "max");
    const max = governing && spendLimitOf(this.rows, governing);
    if (max === undefined) return undefined;
    const spent = spannedRows(this.rows, governing!).flatMap((row) => row.grants.map(over));
    const room = atLeastZero(max.minus(total(spent)));
    if (room.lt(priceOf(this.wanted, pool.cost))) this.blockedBy ??= "spend_limit";
    return room;
  }

  private result(uncovered: Decimal, unlimited: boolean): Outcome<Row> {
    const shortage = uncovered.eq(0) ? null : this.blockedBy;
    if (this.rejects && shortage !== null) {
      const { units } = this.ask;
      return { rows: [...this.given], draws: [], applied: 0, uncovered: units, unlimited, shortage };
    }
    return {
      rows: this.rows,
      draws: this.draws
        .filter(({ amount, units }) => amount.gt(0) || units.gt(0))
        .map(({ entry, amount, units, until }) => ({
          grantId: entry.grant.id,
          amount: stored(amount),
          units: stored(units),
          ...(until !== undefined && { until }),
        })),
      applied: stored(exact(this.ask.units).minus(uncovered)),
      uncovered: stored(uncovered),
      unlimited,
      shortage,
    };
  }
}

/**
 * Use below zero, by trusted code: repays overage first, then refills in burn order, up to what was
 * granted. Rollovers are not refilled. What nothing can take is answered as (negative) `uncovered`.
 */
function giveBack<Row extends Balance>(given: readonly Row[], ask: Ask): Outcome<Row> {
  const rows = given.map(copyOf);
  const order = burnOrder(rows, ask).filter(({ grant }) => grant.rolledFrom === undefined);
  const draws: Draw[] = [];
  const returned = new Map<number, { amount: Decimal; units: Decimal }>();
  let giving = exact(ask.units).neg();
  const refill = (entry: Entry, room: Decimal) => {
    if (room.lte(0) || giving.eq(0)) return;
    const { grant, pool, poolIndex } = entry;
    const before = returned.get(poolIndex) ?? { amount: ZERO, units: ZERO };
    const needed = priceOf(before.units.plus(giving), pool.cost).minus(before.amount);
    const amount = smaller(needed, room);
    const total = before.amount.plus(amount);
    const units = amount.eq(needed) ? giving : unitsFor(total, pool.cost).minus(before.units);
    grant.used = stored(exact(grant.used).minus(amount));
    draws.push({ grantId: grant.id, amount: stored(amount.neg()), units: stored(units.neg()) });
    returned.set(poolIndex, { amount: total, units: before.units.plus(units) });
    giving = giving.minus(units);
  };
  for (const entry of order) refill(entry, over(entry.grant));
  // An unlimited grant has paid for everything since it is there: it takes back first as well.
  const unlimitedFirst = [...order].sort(
    (a, b) => Number(b.grant.unlimited ?? 0) - Number(a.grant.unlimited ?? 0),
  );
  for (const entry of unlimitedFirst) refill(entry, exact(entry.grant.used));
  return {
    rows,
    draws,
    applied: stored(exact(ask.units).plus(giving)),
    uncovered: stored(giving.neg()),
    unlimited: false,
    shortage: null,
  };
}

/** What is done about a shortage unless the call says: free seats and storage may go below zero, as Autumn's. */
export function defaultOnInsufficient(
  rows: readonly Balance[],
  scope: Scope,
  consumable: boolean,
): OnInsufficient {
  if (consumable) return "cap";
  const governing = governingRow(rows, askedFeature(scope), scope.entityId, "allowed");
  const isPriced = burnOrder(rows, scope).some(({ grant }) => grant.overage ?? grant.prepaid);
  return governing?.overage?.allowed === false || isPriced ? "cap" : "overflow";
}

export function askedFeature(scope: Pick<Scope, "pools">): string {
  const [own] = scope.pools;
  assert(own !== undefined, "a call names its feature's own pool first");
  return own.featureId;
}

/** What the rows lost is what the draws say, and the draws pay for what was applied: to the last decimal. */
export function assertBalanced(
  before: readonly Balance[],
  { rows, draws, applied, uncovered }: Outcome,
  ask: Ask,
): void {
  const used = (balances: readonly Balance[]) =>
    total(balances.flatMap((row) => row.grants.map((grant) => exact(grant.used))));
  const drawn = total(draws.map(({ amount }) => exact(amount)));
  assert(used(rows).minus(used(before)).eq(drawn), "the draws are what the grants lost");
  assert(total(draws.map(({ units }) => exact(units))).eq(applied), "the draws sum to what was applied");
  assert(exact(applied).plus(uncovered).eq(ask.units), "what is not applied is uncovered");
}
