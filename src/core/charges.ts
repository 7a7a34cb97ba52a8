/** What is owed for periods that go on: what would be charged if they ended as they are. */
import { periodOf, type ClosedPeriod } from "./advance.js";
import { exact, nearest, total } from "./amounts.js";
import { isCurrent, type Balance, type Grant } from "./balances.js";

/** A period of a usage-based grant that goes on. */
export interface OpenPeriod extends Omit<ClosedPeriod, "to"> {
  /** When it ends by itself, and is charged; null if only a change of plan will end it. */
  to: number | null;
}

/** The open period of each usage-based grant in a balance that is advanced to `now`. */
export function openPeriods(balance: Balance, now: number): OpenPeriod[] {
  return balance.grants.flatMap((grant) => {
    const period = isCurrent(grant, now) ? periodOf(balance, grant, now) : null;
    return period === null ? [] : [{ ...period, to: endOf(grant) }];
  });
}

function endOf({ reset, expiresAt }: Grant): number | null {
  const end = Math.min(reset?.nextAt ?? Infinity, expiresAt ?? Infinity);
  return end === Infinity ? null : end;
}

/** What periods owe together, in whole currency units: added exactly. */
export const amountOf = (periods: readonly { amount: number }[]): number =>
  nearest(total(periods.map(({ amount }) => exact(amount))));
