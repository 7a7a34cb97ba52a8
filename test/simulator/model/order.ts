/** What can pay for a use, the first to burn first: DESIGN section 6, key by key. */
import type { Pool } from "../terms.js";
import { poolsOf } from "../terms.js";
import { weightOf } from "./calendar.js";
import { isLive, type Customer, type Pot, type World } from "./world.js";

/** What is asked, and for whom. */
export interface Scope {
  feature: string;
  entity: string | null;
  /** No credits pay, only the feature itself. */
  isAlone?: boolean;
}

/** A pot that can pay, and the place of its pool among those of the feature. */
export interface Payer {
  pot: Pot;
  pool: Pool;
  place: number;
}

export function payersOf(world: World, customer: Customer, scope: Scope): Payer[] {
  const payers = poolsIn(world, scope).flatMap((pool, place) =>
    customer.pots
      .filter((pot) => pot.feature === pool.feature && isLive(pot, world.now) && canPay(pot, scope.entity))
      .map((pot) => ({ pot, pool, place })),
  );
  return payers.sort((a, b) => compare(a, b, scope.entity));
}

export const poolsIn = ({ terms }: World, { feature, isAlone }: Scope): Pool[] =>
  isAlone ? [{ feature }] : poolsOf(terms, feature);

/** Another entity's never pays; what the plan gives to each entity pays for the customer himself. */
function canPay(pot: Pot, entity: string | null): boolean {
  if (pot.entity === null) return true;
  return entity === null ? pot.perEntity : pot.entity === entity;
}

function compare(a: Payer, b: Payer, entity: string | null): number {
  const isRolled = ({ pot }: Payer) => pot.leftOf !== null;
  return isRolled(a) && isRolled(b)
    ? firstOf(
        soonest(a.pot.ends, b.pot.ends),
        a.place - b.place,
        alphabetic(a.pot.entity, b.pot.entity),
        age(a, b),
      )
    : firstOf(
        Number(isRolled(b)) - Number(isRolled(a)),
        notOwn(a, entity) - notOwn(b, entity),
        Number(a.place > 0) - Number(b.place > 0),
        a.pot.priority - b.pot.priority,
        Number(a.pot.period === null) - Number(b.pot.period === null),
        lengthOf(a) - lengthOf(b),
        soonest(a.pot.ends, b.pot.ends),
        alphabetic(a.pot.entity, b.pot.entity),
        Number(a.pot.addOn) - Number(b.pot.addOn),
        Number(a.pot.usageBased !== null) - Number(b.pot.usageBased !== null),
        age(a, b),
      );
}

const firstOf = (...keys: number[]): number => keys.find((key) => key !== 0) ?? 0;
const soonest = (a: number | null, b: number | null): number =>
  a === b ? 0 : (a ?? Infinity) - (b ?? Infinity);
const alphabetic = (a: string | null, b: string | null): number =>
  (a ?? "") === (b ?? "") ? 0 : (a ?? "") < (b ?? "") ? -1 : 1;
const age = (a: Payer, b: Payer): number =>
  a.pot.since - b.pot.since || a.place - b.place || a.pot.serial - b.pot.serial;
/** The caller's own: an entity's for that entity, the customer's for the customer himself. */
const notOwn = ({ pot }: Payer, entity: string | null): number =>
  Number((pot.entity === null) !== (entity === null));
const lengthOf = ({ pot }: Payer): number => (pot.period === null ? 0 : weightOf(pot.period.every));
