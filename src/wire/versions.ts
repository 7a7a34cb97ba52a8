/** Which of the two generations of answers a client of the wire protocol reads, by its `x-api-version` header. */
import { shown } from "../core/errors.js";
import { WireError } from "./failures.js";

/** `current`: Autumn's 2.1 and later. `1.2`: what clients before that read. */
export type Version = "current" | "1.2";

/** The days on which Autumn's generations began, for clients that name a day. */
const CURRENT_SINCE = "2026-03-16";

/**
 * Absent, 2.x and all that is newer than what is known: the current shapes. A client must never be refused
 * for being newer than this server. Throws `invalid_api_version` of what is no version at all.
 */
export function versionOf(header: string | null): Version {
  const given = header?.trim() ?? "";
  if (given === "") return "current";
  if (given === "beta") return "1.2";
  if (/^\d{4}-\d{2}-\d{2}$/.test(given)) return given < CURRENT_SINCE ? "1.2" : "current";
  const [, major] = /^v?(\d{1,4})(\.\d{1,6}){0,2}$/.exec(given) ?? [];
  if (major === undefined) {
    throw new WireError(
      400,
      "invalid_api_version",
      `x-api-version ${shown(given)} is no version: leave it out, or send one such as "2.1.0" or "1.2".`,
    );
  }
  return Number(major) < 2 ? "1.2" : "current";
}
