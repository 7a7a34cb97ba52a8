/** Where payers may be sent back to. */
import { shown, tallyError } from "../core/errors.js";
import { assertOrigins, urlOf } from "../core/origins.js";

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
