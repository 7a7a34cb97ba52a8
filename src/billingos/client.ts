import type {
  EntitlementResponse,
  TrackUsageResponse,
  UsageMetricsResponse,
} from "../wire/operations/billingos.js";
import { billingOSError, NetworkError, type BillingOSError } from "./errors.js";
import type { TrackUsageInput, Usage } from "./usage.js";

export interface BillingOSConfig {
  /** Where the app's HTTP actions are: `https://<deployment>.convex.site`, with the prefix of its routes if they have one. */
  url: string;
  /** The deployment's secret: never in a browser. */
  secretKey: string;
  /** Milliseconds that an answer may take: 30,000 unless told. */
  timeout?: number;
  /** How often a call is sent again: 3 times unless told. */
  maxRetries?: number;
}

interface Sent {
  method: "GET" | "POST";
  path: string;
  body?: Record<string, unknown>;
  /** Whether it may be sent again: it changes nothing, or only once. */
  isRepeatable: boolean;
}

/**
 * BillingOS's usage calls from outside of Convex, over HTTP.
 *
 * What was not reached, or answers 429 or 5xx, is sent again after 1, 2, 4 and 8 seconds (or `Retry-After`); a use
 * only if it has an idempotency key, since it may have been recorded. A quota that is used up is not asked again.
 */
export class BillingOS implements Usage {
  private readonly url: string;
  private readonly secretKey: string;
  private readonly timeout: number;
  private readonly maxRetries: number;

  constructor({ url, secretKey, timeout = 30_000, maxRetries = 3 }: BillingOSConfig) {
    this.url = url.replace(/\/+$/, "");
    this.secretKey = secretKey;
    this.timeout = timeout;
    this.maxRetries = maxRetries;
  }

  async trackUsage({ customerId, featureKey, quantity, idempotencyKey, metadata }: TrackUsageInput) {
    return await this.request<TrackUsageResponse>({
      method: "POST",
      path: "/v1/usage/track",
      body: {
        customer_id: customerId,
        feature_key: featureKey,
        quantity,
        idempotency_key: idempotencyKey,
        metadata,
      },
      isRepeatable: idempotencyKey !== undefined,
    });
  }

  async checkEntitlement(customerId: string, featureKey: string) {
    const path = `/v1/usage/check?${query({ customer_id: customerId, feature_key: featureKey })}`;
    return await this.request<EntitlementResponse>({ method: "GET", path, isRepeatable: true });
  }

  async getUsageMetrics(customerId: string, featureKey?: string) {
    const asked = { customer_id: customerId, ...(featureKey !== undefined && { feature_key: featureKey }) };
    const path = `/v1/usage/metrics?${query(asked)}`;
    return await this.request<UsageMetricsResponse>({ method: "GET", path, isRepeatable: true });
  }

  private async request<Answer>(sent: Sent): Promise<Answer> {
    for (let attempt = 0; ; attempt++) {
      const { answer, error, retryAfterMs } = await this.attempt<Answer>(sent);
      if (error === undefined) return answer as Answer;
      if (retryAfterMs === null || !sent.isRepeatable || attempt >= this.maxRetries) throw error;
      await new Promise((resolve) =>
        setTimeout(resolve, retryAfterMs ?? Math.min(1_000 * 2 ** attempt, 8_000)),
      );
    }
  }

  private async attempt<Answer>({ method, path, body }: Sent): Promise<Attempt<Answer>> {
    const signal = AbortSignal.timeout(this.timeout);
    let response: Response;
    let text: string;
    try {
      response = await fetch(this.url + path, {
        method,
        signal,
        headers: { authorization: `Bearer ${this.secretKey}`, "content-type": "application/json" },
        ...(body !== undefined && { body: JSON.stringify(body) }),
      });
      text = await response.text();
    } catch (error) {
      if (!signal.aborted) return { error: networkError(`${this.url} was not reached: ${String(error)}`) };
      return { error: networkError(`No answer within ${this.timeout} ms.`), retryAfterMs: null };
    }
    const { status } = response;
    const parsed = parse(text);
    if (response.ok && parsed !== undefined) return { answer: parsed as Answer };
    const error = errorOf(status, parsed);
    const isLater = status >= 500 || (status === 429 && error.code !== "quota_exceeded");
    const seconds = Number(response.headers.get("retry-after") ?? NaN);
    return { error, retryAfterMs: isLater ? (seconds >= 0 ? seconds * 1_000 : undefined) : null };
  }
}

interface Attempt<Answer> {
  answer?: Answer;
  error?: BillingOSError;
  /** When to try again: null never, and undefined whenever. */
  retryAfterMs?: number | null;
}

const query = (params: Record<string, string>): string => new URLSearchParams(params).toString();

const networkError = (message: string) => new NetworkError(message, "network_error", 0);

function parse(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

function errorOf(status: number, body: unknown): BillingOSError {
  const { error } = (body ?? {}) as {
    error?: Partial<Record<"code" | "message", string>> & { details?: object };
  };
  return billingOSError({
    status,
    code: error?.code ?? "unknown",
    message: error?.message ?? `The answer has status ${status} and says nothing that can be read.`,
    details: (error?.details ?? null) as Record<string, unknown> | null,
  });
}
