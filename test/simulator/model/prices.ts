/** What a closed period owes, unit by unit of each tier. */
import type { Price } from "../terms.js";
import { least, nano, ONE, type Nano } from "./amounts.js";

/** In currency units, to the ninth place. Tiers count the included amount in. */
export function chargeOf(price: Price, used: Nano, included: Nano): Nano {
  if (used <= included) return 0n;
  if (price.behavior === "volume") {
    const tier = price.tiers.find(({ to }) => to === "inf" || used <= nano(to));
    return tier === undefined ? 0n : packsIn(used, price) * nano(tier.amount) + nano(tier.flat ?? 0);
  }
  let [owed, from] = [0n, included];
  for (const { to, amount } of price.tiers) {
    const end = to === "inf" ? used : least(used, nano(to));
    if (end <= from) continue;
    owed += packsIn(end - from, price) * nano(amount);
    from = end;
  }
  return owed;
}

/** Packs, each of which is charged whole once it is begun. */
function packsIn(units: Nano, { packs }: Price): Nano {
  const size = packs * Number(ONE);
  const whole = BigInt(Math.round(size));
  return (units + whole - 1n) / whole;
}
