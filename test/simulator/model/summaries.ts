/** What is told of what can pay, in units of the feature that was asked for. */
import { plain, sum, type Nano } from "./amounts.js";
import { mayOverdraw, unitsFor } from "./draws.js";
import { payersOf, type Payer, type Scope } from "./order.js";
import { left, owed, type Customer, type Pot, type World } from "./world.js";

export interface Part {
  pot: number;
  granted: number;
  usage: number;
  remaining: number;
  overage: number;
}

export interface Summary {
  granted: number;
  usage: number;
  remaining: number;
  balance: number;
  unlimited: boolean;
  overageAllowed: boolean;
  nextResetAt: number | null;
  /** In the order in which they burn. */
  breakdown: Part[];
}

export function summaryOf(world: World, customer: Customer, scope: Scope): Summary {
  const payers = payersOf(world, customer, scope);
  const endless = payers.filter(({ pot }) => pot.endless);
  const unlimited = endless.length > 0;
  const resets = payers.flatMap(({ pot }) => pot.period?.next ?? []);
  const total = (of: readonly Payer[], amount: (pot: Pot) => Nano) => plain(inUnits(of, amount));
  return {
    granted: unlimited ? 0 : total(payers, ({ granted }) => granted),
    usage: total(unlimited ? endless : payers, ({ used }) => used),
    remaining: unlimited ? 0 : total(payers, left),
    balance: unlimited ? 0 : total(payers, (pot) => left(pot) - owed(pot)),
    unlimited,
    overageAllowed: payers.some(({ pot }) => mayOverdraw(customer, pot, scope.entity)),
    nextResetAt: resets.length === 0 ? null : Math.min(...resets),
    breakdown: payers.map(({ pot }) => ({
      pot: pot.serial,
      granted: plain(pot.granted),
      usage: plain(pot.used),
      remaining: plain(left(pot)),
      overage: plain(owed(pot)),
    })),
  };
}

/** Each pool is added up before it is converted. */
function inUnits(payers: readonly Payer[], amountOf: (pot: Pot) => Nano): Nano {
  const places = [...new Set(payers.map(({ place }) => place))];
  return sum(
    places.map((place) => {
      const pool = payers.filter((each) => each.place === place);
      return pool[0] === undefined ? 0n : unitsFor(sum(pool.map(({ pot }) => amountOf(pot))), pool[0].pool);
    }),
  );
}
