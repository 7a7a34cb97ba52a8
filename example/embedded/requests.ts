import type { IncomingMessage, ServerResponse } from "node:http";
import { promisify } from "node:util";
import { brotliDecompress, gunzip } from "node:zlib";
import type { Log } from "./engine.js";
import { Refusal } from "./refusal.js";

/** Convex's own limit: sixteen mebibytes of arguments, and room for the request around them. */
export const REQUEST_BYTES = 16 * 2 ** 20 + 2_000;

/** Of the bundles of an app and its components, unpacked. */
export const PUSH_BYTES = 64 * 2 ** 20;

const DECOMPRESSED = { br: promisify(brotliDecompress), gzip: promisify(gunzip) };

/** @param limit in bytes, of what arrives and of what it unpacks to */
export async function bodyOf(request: IncomingMessage, limit: number): Promise<Buffer> {
  const chunks: Buffer[] = [];
  let length = 0;
  for await (const chunk of request as AsyncIterable<Buffer>) {
    length += chunk.length;
    if (length > limit) throw tooLarge(limit);
    chunks.push(chunk);
  }
  return Buffer.concat(chunks);
}

export async function jsonOf(request: IncomingMessage, limit = REQUEST_BYTES): Promise<unknown> {
  const body = await unpacked(request, await bodyOf(request, limit), limit);
  try {
    return JSON.parse(String(body));
  } catch (error) {
    throw new Refusal(400, "BadJsonBody", `The request body is not JSON: ${String(error)}`);
  }
}

async function unpacked(request: IncomingMessage, body: Buffer, limit: number): Promise<Buffer> {
  const encoding = request.headers["content-encoding"] ?? "identity";
  if (encoding === "identity") return body;
  if (encoding !== "br" && encoding !== "gzip") {
    throw new Refusal(415, "UnsupportedEncoding", `Send gzip or br, not ${encoding}.`);
  }
  try {
    return await DECOMPRESSED[encoding](body, { maxOutputLength: limit });
  } catch (error) {
    const grew = error instanceof RangeError;
    throw grew ? tooLarge(limit) : new Refusal(400, "BadBody", `The request body does not unpack: ${error}`);
  }
}

function tooLarge(limit: number): Refusal {
  return new Refusal(413, "RequestTooLarge", `The request is larger than ${limit} bytes.`);
}

/**
 * A page of another site that a browser was told lives on 127.0.0.1 (DNS
 * rebinding) still names its own host.
 */
export function assertLocalHost({ headers }: IncomingMessage): void {
  if (/^(localhost|127\.0\.0\.1)(:\d+)?$/i.test(headers.host ?? "")) return;
  throw new Refusal(421, "MisdirectedRequest", "The embedded deployment is for this machine: use 127.0.0.1.");
}

export function reply(response: ServerResponse, status: number, body: unknown): void {
  if (response.headersSent || response.destroyed) return;
  response.writeHead(status, { "content-type": "application/json" });
  response.end(JSON.stringify(body));
}

/** What went wrong, in the shape that Convex's clients and its CLI expect. */
export function replyError(response: ServerResponse, error: unknown, log: Log): void {
  if (error instanceof Refusal) {
    // Of a body that is too large the rest is not waited for.
    if (error.status === 413) response.setHeader("connection", "close");
    return reply(response, error.status, { code: error.code, message: error.message });
  }
  log.error(error);
  reply(response, 500, { code: "InternalServerError", message: "Your request couldn't be completed." });
}
