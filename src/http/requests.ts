/** HTTP in and out, as the real clients of the wire protocol need it. */
import { WireError, type Failure } from "../wire/failures.js";
import type { Json } from "../wire/operations.js";

/** Far more than 1,000 uses with their properties. */
export const MAX_BODY_BYTES = 1024 * 1024;
/** Far more than clients nest, and little enough that no reader of it runs out of stack. */
const MAX_DEPTH = 64;

/** The body as JSON: `{}` where there is none, since several calls of the clients send none. */
export async function bodyOf(request: Request): Promise<unknown> {
  const tooLarge = new WireError(
    413,
    "invalid_request",
    `A body has at most ${MAX_BODY_BYTES} bytes. Nothing was changed.`,
  );
  if (Number(request.headers.get("content-length") ?? 0) > MAX_BODY_BYTES) throw tooLarge;
  const bytes = await request.arrayBuffer();
  if (bytes.byteLength > MAX_BODY_BYTES) throw tooLarge;
  if (bytes.byteLength === 0) return {};
  const body = parse(bytes);
  if (isWithin(MAX_DEPTH, body)) return body;
  throw new WireError(
    400,
    "invalid_request",
    `A body is nested at most ${MAX_DEPTH} deep. Nothing was changed.`,
  );
}

function parse(bytes: ArrayBuffer): unknown {
  try {
    return JSON.parse(new TextDecoder("utf-8", { fatal: true }).decode(bytes)) as unknown;
  } catch {
    throw new WireError(400, "invalid_request", "The body is not JSON. Nothing was changed.");
  }
}

function isWithin(depth: number, value: unknown): boolean {
  if (typeof value !== "object" || value === null) return true;
  return depth > 0 && Object.values(value).every((each) => isWithin(depth - 1, each));
}

/** Clients read `application/json` alone, and 200 (for some calls 202) alone. */
export function answered(body: Json, status = 200): Response {
  return Response.json(body, { status, headers: { "cache-control": "no-store" } });
}

export function failed(
  { status, code, message, headers }: Failure,
  more: Readonly<Record<string, Json>>,
): Response {
  return Response.json(
    { message, code, ...more },
    { status, headers: { "cache-control": "no-store", ...headers } },
  );
}
