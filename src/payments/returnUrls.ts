/** Where payers may be sent back to. */
import { refuse } from "../core/arguments.js";
import { shown, tallyError } from "../core/errors.js";

/** Origins such as "https://app.example.com", or a function that answers them when they are needed. */
export type Origins = readonly string[] | (() => readonly string[]);

/** Throws `invalid_argument` of what is no origin: a path, a pattern or a trailing slash would not mean what it says. */
export function assertOrigins(origins: unknown): asserts origins is readonly string[] {
  if (!Array.isArray(origins) || origins.length === 0)
    refuse("allowedOrigins", 'must be a list of origins, such as ["https://app.example.com"]', origins);
  for (const origin of origins as unknown[]) {
    if (typeof origin === "string" && urlOf(origin)?.origin === origin) continue;
    refuse(
      "allowedOrigins",
      'must be origins, such as "https://app.example.com", with nothing after it',
      origin,
    );
  }
}

/** The address, whole, if it is of an allowed origin; that origin's front page if none is given. Throws `invalid_argument`. */
export function returnUrl(given: unknown, allowed: readonly string[], name: string): string {
  assertOrigins(allowed);
  if (given === undefined) return `${allowed[0] ?? ""}/`;
  const url = typeof given === "string" && given.length <= MAX_LENGTH ? urlOf(given) : null;
  // "https://app.example.com@elsewhere.com" is elsewhere's, and a name before "@" means nothing good.
  if (url !== null && allowed.includes(url.origin) && url.username === "" && url.password === "")
    return url.href;
  throw tallyError(
    "invalid_argument",
    `${name} must be an address of ${allowed.map(shown).join(" or ")}; got ${shown(given)}. Nothing was changed.`,
    { argument: name },
  );
}
const MAX_LENGTH = 2_000;

function urlOf(text: string): URL | null {
  try {
    const url = new URL(text);
    return url.protocol === "https:" || url.protocol === "http:" ? url : null;
  } catch {
    return null;
  }
}
