/** What the ledger keeps of an event, and whether an event adds up by itself. */
import { v, type Infer } from "convex/values";
import { exact, total, type Decimal } from "./amounts.js";
import type { Balance, Grant } from "./balances.js";
import { balanceChangeValidator, type BalanceChange } from "./changes.js";
import { drawValidator, type Draw } from "./draws.js";
import { shown } from "./errors.js";

/** Draws of a reservation, which were in the balances before the event that settles it. */
export const holdValidator = v.object({
  /** Its place among the events, by their creation. */
  createdAt: v.number(),
  /** When it was drawn, where `createdAt` does not say it. */
  at: v.optional(v.number()),
  draws: v.array(drawValidator),
  /** What it did to the balances, where the draws are not all. */
  changes: v.optional(v.array(balanceChangeValidator)),
});
export type Hold = Infer<typeof holdValidator>;

const chargedAmounts = v.object({ overage: v.number(), amount: v.number() });
/** What became of the charge of a closed period when of its overage something was given back. */
export const chargeCorrectionValidator = v.object({
  grantId: v.string(),
  to: v.number(),
  before: chargedAmounts,
  after: chargedAmounts,
});
export type ChargeCorrection = Infer<typeof chargeCorrectionValidator>;

/** What the ledger keeps of an event beside what lists show. */
export const ledgerFields = {
  /** Of a plain use: the instant as of which it was decided, where its creation does not say it. */
  at: v.optional(v.number()),
  /** Of all that is no plain use: what it did to the balances, and to charges. */
  changes: v.optional(v.array(balanceChangeValidator)),
  charged: v.optional(v.array(chargeCorrectionValidator)),
  /** Of a settled reservation: what was drawn ahead. `changes` is what settling it did. */
  holds: v.optional(v.array(holdValidator)),
  /** Of a repair: the events whose problems it has seen. It moves nothing that the events before it prove. */
  repairs: v.optional(v.array(v.string())),
};

/** What of an event the replay looks at. */
export const ledgerEventValidator = v.object({
  eventId: v.string(),
  createdAt: v.number(),
  kind: v.string(),
  featureId: v.optional(v.string()),
  entityId: v.optional(v.string()),
  value: v.number(),
  uncovered: v.optional(v.number()),
  lapsed: v.optional(v.number()),
  draws: v.array(drawValidator),
  ...ledgerFields,
});
export type LedgerEvent = Infer<typeof ledgerEventValidator>;

/** An event that contradicts itself, or those before it. */
export interface EventProblem {
  eventId: string;
  problem: string;
}

/** Where grants are that are there. */
interface Grants {
  find(grantId: string): { row: Balance; grant: Grant } | undefined;
}

/** What an event says that does not add up, once it has happened to `grants`. */
export function problemsOf(event: LedgerEvent, grants: Grants): EventProblem[] {
  const problems = event.kind === "usage" ? useProblems(event, grants) : changeProblems(event);
  return problems.map((problem) => ({ eventId: event.eventId, problem }));
}

function useProblems(event: LedgerEvent, grants: Grants): string[] {
  const { value, uncovered = 0, featureId, draws } = event;
  const problems: string[] = [];
  const applied = exact(value).minus(uncovered);
  const drawn = total(draws.map(({ units }) => exact(units)));
  if (!drawn.eq(applied)) {
    problems.push(`its draws pay for ${drawn.toFixed()}, but ${applied.toFixed()} was applied`);
  }
  for (const { grantId, amount, units } of draws) {
    if (amount !== units && grants.find(grantId)?.row.featureId === featureId) {
      problems.push(`it took ${amount} from ${shown(grantId)} for ${units} of the same unit`);
    }
  }
  return problems.length > 0 ? problems : settlingProblems(event, grants);
}

/** A settled reservation has drawn what was held, and what settling it did; a refund what it did. */
function settlingProblems(event: LedgerEvent, grants: Grants): string[] {
  const { draws, holds = [], changes, charged = [], lapsed } = event;
  const held = holds.flatMap((hold) => hold.draws);
  // What comes back of a grant that is gone comes back to others.
  const isHomeless = held.some(({ grantId }) => grants.find(grantId) === undefined);
  if (changes === undefined || isHomeless) return [];
  return [...new Set(draws.map(({ grantId }) => grantId))].flatMap((grantId) => {
    const drawn = drawnFrom(draws, grantId);
    const moved = drawnFrom(held, grantId).plus(usedBy(changes, grantId));
    // Of a period that is closed it comes off the charge: from the grant nothing moves.
    if (moved.plus(chargedBy(charged, grantId)).eq(drawn)) return [];
    // What has lapsed stays where it was drawn.
    if (moved.eq(drawn) || (lapsed !== undefined && moved.gt(drawn))) return [];
    return `it says that it took ${drawn.toFixed()} from ${shown(grantId)}, but it moved ${moved.toFixed()}`;
  });
}

function changeProblems({ kind, value, draws, changes = [], repairs }: LedgerEvent): string[] {
  if (repairs !== undefined) return [];
  return draws.flatMap(({ grantId, amount }) => {
    // A top-up may have paid a debt at once: that it gave says what was granted, not what is left of it.
    const isGiven = kind === "grant" || kind === "purchase";
    const moved = isGiven ? grantedBy(changes, grantId).neg() : leftBy(changes, grantId);
    const said = isGiven ? [amount, -value] : [amount];
    const isTrue = said.every((each) => moved.eq(each));
    return isTrue
      ? []
      : `it says that it took ${said.join(" and ")} from ${shown(grantId)}, but it moved ${moved.toFixed()}`;
  });
}

const drawnFrom = (draws: readonly Draw[], id: string): Decimal =>
  total(draws.filter(({ grantId }) => grantId === id).map(({ amount }) => exact(amount)));

/** By how much corrections changed what is charged of a grant's overage. */
const chargedBy = (charged: readonly ChargeCorrection[], id: string): Decimal =>
  total(
    charged
      .filter(({ grantId }) => grantId === id)
      .map(({ before, after }) => exact(after.overage).minus(before.overage)),
  );

type Amounts = NonNullable<BalanceChange["from"]>[number];

/** By how much changes raised an amount of a grant. */
function movedBy(
  changes: readonly BalanceChange[],
  id: string,
  amountOf: (grant: Amounts) => Decimal,
): Decimal {
  const sum = (grants: readonly Amounts[]) => total(grants.filter((grant) => grant.id === id).map(amountOf));
  return total(changes.map(({ from = [], to }) => sum(to).minus(sum(from))));
}
const usedBy = (changes: readonly BalanceChange[], id: string) =>
  movedBy(changes, id, ({ used }) => exact(used));
const grantedBy = (changes: readonly BalanceChange[], id: string) =>
  movedBy(changes, id, ({ granted }) => exact(granted));
const leftBy = (changes: readonly BalanceChange[], id: string) =>
  movedBy(changes, id, ({ granted, used }) => exact(used).minus(granted));
