/** How often whoever has the secret may call, by `@convex-dev/rate-limiter`. */
import type { GenericActionCtx, GenericDataModel } from "convex/server";
import { WireError } from "../wire/failures.js";

/** As `@convex-dev/rate-limiter` has them. `period` is in milliseconds. */
export interface RateLimit {
  kind: "token bucket" | "fixed window";
  rate: number;
  period: number;
  /** What may gather: `rate`, unless told. */
  capacity?: number;
  /** For many calls at once on one limit. */
  shards?: number;
}

export interface RateLimits {
  /** The app's own: `new RateLimiter(components.rateLimiter)`, whose component it mounts. */
  limiter: Limiter;
  /** Of each secret: all requests that bear it. */
  perKey?: RateLimit;
  /** Of each customer: the requests that name him. */
  perCustomer?: RateLimit;
}

type Context = GenericActionCtx<GenericDataModel>;

/** What of a `RateLimiter` is needed. */
export interface Limiter {
  limit(
    ctx: Context,
    name: string,
    options: { key: string; count: number; config: RateLimit },
  ): Promise<{ ok: boolean; retryAfter?: number }>;
}

/** Counts a request of a secret, known by its digest. Throws 429. */
export async function limitKey(ctx: Context, limits: RateLimits | undefined, digest: string): Promise<void> {
  if (limits?.perKey === undefined) return;
  await count(ctx, limits.limiter, limits.perKey, { name: "tally:key", key: digest, count: 1 });
}

/** Counts what a body asks for each customer that it names: once, or once for each use of a batch. Throws 429. */
export async function limitCustomers(
  ctx: Context,
  limits: RateLimits | undefined,
  body: unknown,
): Promise<void> {
  if (limits?.perCustomer === undefined) return;
  const counts = new Map<string, number>();
  for (const each of Array.isArray(body) ? (body as unknown[]) : [body]) {
    const customerId = customerIn(each);
    if (customerId !== null) counts.set(customerId, (counts.get(customerId) ?? 0) + 1);
  }
  for (const [key, times] of counts) {
    await count(ctx, limits.limiter, limits.perCustomer, { name: "tally:customer", key, count: times });
  }
}

function customerIn(body: unknown): string | null {
  if (typeof body !== "object" || body === null || !("customer_id" in body)) return null;
  return typeof body.customer_id === "string" ? body.customer_id : null;
}

async function count(
  ctx: Context,
  limiter: Limiter,
  config: RateLimit,
  { name, key, count }: { name: string; key: string; count: number },
): Promise<void> {
  const { ok, retryAfter = 0 } = await limiter.limit(ctx, name, { key, count, config });
  if (ok) return;
  const seconds = Math.max(1, Math.ceil(retryAfter / 1_000));
  throw new WireError(
    429,
    "rate_limit_exceeded",
    `Too many requests: try again in ${seconds} seconds. Nothing was changed.`,
    { "retry-after": String(seconds) },
  );
}
