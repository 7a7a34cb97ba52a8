/** What a caller may pass. Every door checks with these, so that nothing odd is ever stored. */
import { shown, tallyError } from "./errors.js";
import { MAX_INSTANT } from "./periods.js";

/** Decimal places that an amount may have. */
export const PLACES = 9;
/** The largest magnitude of an amount: beyond it doubles skip whole numbers. */
export const MAX_AMOUNT = Number.MAX_SAFE_INTEGER;

/** Why `value` is no amount, or null if it is one. */
export function amountProblem(value: unknown): string | null {
  if (typeof value !== "number") return "must be a number";
  if (!Number.isFinite(value)) return "must be a finite number";
  if (Object.is(value, -0)) return "must not be negative zero: use 0";
  if (Math.abs(value) > MAX_AMOUNT) return `must be at most ${MAX_AMOUNT}`;
  if (!Number.isInteger(value) && decimalPlaces(value) > PLACES) {
    return `must have at most ${PLACES} decimal places`;
  }
  return null;
}

/** Throws `invalid_amount` unless `value` is an amount (and, unless `negative`, not below 0). */
export function assertAmount(
  value: unknown,
  name: string,
  options: { negative?: boolean } = {},
): asserts value is number {
  const problem =
    amountProblem(value) ?? (!options.negative && (value as number) < 0 ? "must not be negative" : null);
  if (problem === null) return;
  throw tallyError("invalid_amount", `${name} ${problem}; got ${shown(value)}. Nothing was changed.`, {
    argument: name,
    value: shown(value),
  });
}

/** Decimal places of the shortest text that reads as `value`. */
export function decimalPlaces(value: number): number {
  const [digits = "", exponent = "0"] = String(value).split("e");
  const fraction = digits.split(".")[1] ?? "";
  return Math.max(0, fraction.length - Number(exponent));
}

export const MAX_ID_LENGTH = 255;
/** C0 and C1 controls, and what would split a line of a log. */

const CONTROL = /[\u0000-\u001f\u007f-\u009f\u2028\u2029]/;

/** Half of a surrogate pair: a text that no database stores. */
const HALF_PAIR = /\p{Surrogate}/u;

/** Throws `invalid_argument` unless `id` is a string of 1 to 255 characters, none of them a control, and no space around. */
export function assertId(id: unknown, name: string): asserts id is string {
  const problem = idProblem(id);
  if (problem !== null) refuse(name, problem, id);
}

function idProblem(id: unknown): string | null {
  if (typeof id !== "string") return "must be a string";
  if (id.length === 0) return "must not be empty";
  if (id.length > MAX_ID_LENGTH) return `must have at most ${MAX_ID_LENGTH} characters`;
  if (CONTROL.test(id)) return "must not contain control characters";
  if (HALF_PAIR.test(id)) return "must not contain half of a surrogate pair";
  return id.trim() === id ? null : "must not begin or end with a space";
}

/** Throws `invalid_argument` unless `text` is a string of at most `max` characters. */
export function assertText(text: unknown, name: string, max = 500): asserts text is string {
  if (typeof text !== "string") refuse(name, "must be a string", text);
  if (text.length > max) refuse(name, `must have at most ${max} characters`, text);
  if (HALF_PAIR.test(text)) refuse(name, "must not contain half of a surrogate pair", text);
}

/** Throws `invalid_argument` unless `instant` is a time in milliseconds between the years 1970 and 9999. */
export function assertInstant(instant: unknown, name: string): asserts instant is number {
  if (typeof instant !== "number" || !(instant >= 0 && instant <= MAX_INSTANT)) {
    refuse(name, "must be a time in milliseconds since 1970", instant);
  }
}

/** Throws `invalid_argument` unless `count` is a whole number from `min` to `max`. */
export function assertCount(count: unknown, name: string, min: number, max: number): asserts count is number {
  if (
    !Number.isInteger(count) ||
    Object.is(count, -0) ||
    (count as number) < min ||
    (count as number) > max
  ) {
    refuse(name, `must be a whole number from ${min} to ${max}`, count);
  }
}

export type Properties = Record<string, string | number | boolean | null>;

const MAX_KEYS = 20;
const MAX_KEY_LENGTH = 40;
const MAX_STRING_LENGTH = 500;

/** Throws `invalid_argument` unless `properties` has at most 20 keys of 40 characters, with flat values. */
export function assertProperties(properties: unknown): asserts properties is Properties {
  if (typeof properties !== "object" || properties === null || Array.isArray(properties)) {
    refuse("properties", "must be an object", properties);
  }
  if (!isPlain(properties)) refuse("properties", "must be a plain object", properties);
  const entries = Object.entries(properties);
  if (entries.length > MAX_KEYS)
    refuse("properties", `must have at most ${MAX_KEYS} keys`, `${entries.length} keys`);
  for (const [key, value] of entries) {
    const name = `properties[${shown(key)}]`;
    // Convex's own rule for the keys of a record.
    if (!/^[A-Za-z0-9][\x20-\x7e]*$/.test(key) || key.length > MAX_KEY_LENGTH) {
      refuse(
        name,
        `must have a key of at most ${MAX_KEY_LENGTH} printable ASCII characters that begins with a letter or digit`,
        key,
      );
    }
    assertScalar(value, name);
  }
}

function assertScalar(value: unknown, name: string): void {
  if (value === null || typeof value === "boolean") return;
  if (typeof value === "string") {
    assertText(value, name, MAX_STRING_LENGTH);
  } else if (typeof value !== "number") {
    refuse(name, "must be a string, number, boolean or null", value);
  } else if (!Number.isFinite(value)) {
    refuse(name, "must be a finite number", value);
  }
}

function isPlain(object: object): boolean {
  const prototype: unknown = Object.getPrototypeOf(object);
  return prototype === null || prototype === Object.prototype;
}

/** Throws `invalid_argument` unless `flag` is true, false or absent. */
export function assertFlag(flag: unknown, name: string): asserts flag is boolean | undefined {
  if (flag !== undefined && typeof flag !== "boolean") refuse(name, "must be true or false", flag);
}

/** `options`, if it is an object. Throws `invalid_argument`. */
export function asObject<Options>(options: Options, verb: string): Options & object {
  if (typeof options === "object" && options !== null && !Array.isArray(options)) return options;
  return refuse(`the argument of ${verb}`, "must be an object", options);
}

/** Throws `invalid_argument` unless `options` is an object with only keys that are known: a misspelt one must not be ignored. */
export function assertKeys(
  options: unknown,
  known: readonly string[],
  verb: string,
): asserts options is object {
  const unknown = Object.keys(asObject<unknown>(options, verb)).filter((key) => !known.includes(key));
  if (unknown.length === 0) return;
  throw tallyError(
    "invalid_argument",
    `${verb} does not take ${unknown.map(shown).join(", ")}; it takes ${known.join(", ")}. Nothing was changed.`,
  );
}

export function refuse(name: string, problem: string, value: unknown): never {
  throw tallyError("invalid_argument", `${name} ${problem}; got ${shown(value)}. Nothing was changed.`, {
    argument: name,
    value: shown(value),
  });
}
