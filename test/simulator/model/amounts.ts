/**
 * The model's amounts: whole numbers of the ninth decimal place, as BigInt. No decimal library, so
 * that what the rules compute with another is checked and not repeated.
 */

export type Nano = bigint;

export const ONE: Nano = 1_000_000_000n;

/** The amount that `number` reads as, to the ninth place: exact below a million. */
export function nano(number: number): Nano {
  const text = number.toFixed(9);
  const [whole = "0", places = ""] = text.replace("-", "").split(".");
  const magnitude = BigInt(whole) * ONE + BigInt(places);
  return text.startsWith("-") ? -magnitude : magnitude;
}

/** The double nearest to `amount`. */
export function plain(amount: Nano): number {
  const magnitude = amount < 0n ? -amount : amount;
  const places = String(magnitude % ONE).padStart(9, "0");
  const number = Number(`${magnitude / ONE}.${places}`);
  return amount < 0n ? -number : number;
}

export const least = (a: Nano, b: Nano): Nano => (a < b ? a : b);
export const most = (a: Nano, b: Nano): Nano => (a > b ? a : b);
export const notBelowZero = (amount: Nano): Nano => most(amount, 0n);
export const sum = (amounts: readonly Nano[]): Nano => amounts.reduce((total, each) => total + each, 0n);

/** `amount * times / per`, rounded away from zero. */
export function scaledUp(amount: Nano, times: Nano, per: Nano): Nano {
  const product = amount * times;
  const rest = product % per;
  if (rest === 0n) return product / per;
  return product / per + (product < 0n ? -1n : 1n);
}

/** `amount * times / per`, rounded towards zero. */
export const scaledDown = (amount: Nano, times: Nano, per: Nano): Nano => (amount * times) / per;
