import { randomBytes } from "node:crypto";
import { convexToJson, type JSONValue, type Value } from "convex/values";
import { SystemError } from "./transactions.js";

/** What became of a call; values and the data of errors are in Convex's JSON. */
export type Outcome = { logLines: string[]; ts: bigint } & (
  { ok: true; value: JSONValue } | { ok: false; errorMessage: string; errorData?: JSONValue }
);

/** An error as the backend tells clients of it, which put the function's name before it. */
export function failure(error: unknown): { ok: false; errorMessage: string; errorData?: JSONValue } {
  const head = `[Request ID: ${randomBytes(8).toString("hex")}] Server Error\n`;
  if (error instanceof SystemError) return { ok: false, errorMessage: head + error.message };
  if (isConvexError(error)) {
    const errorData = convexToJson(error.data ?? null);
    const shown = typeof error.data === "string" ? error.data : JSON.stringify(errorData);
    return { ok: false, errorMessage: `${head}Uncaught ConvexError: ${shown}`, errorData };
  }
  const shown = error instanceof Error ? `${error.name}: ${error.message}` : String(error);
  return { ok: false, errorMessage: `${head}Uncaught ${shown}` };
}

function isConvexError(error: unknown): error is { data?: Value } {
  return typeof error === "object" && error !== null && Symbol.for("ConvexError") in error;
}
