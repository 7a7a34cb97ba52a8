/** Whose pages an app trusts. */
import { refuse } from "./arguments.js";

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

/** An address of the web; null if it is none. */
export function urlOf(text: string): URL | null {
  try {
    const url = new URL(text);
    return url.protocol === "https:" || url.protocol === "http:" ? url : null;
  } catch {
    return null;
  }
}
