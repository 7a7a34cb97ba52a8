/** The REST paths of Autumn 1.2, and of the `curl` commands in its documents, over the same operations. */

export interface RestRoute {
  method: "GET" | "POST" | "PATCH" | "DELETE";
  /** After `/v1/`; a segment that begins with a colon takes what is there. */
  path: string;
  /** The name of the operation that it stands for. */
  operation: string;
  /** The operation's body, from the path, the request's body and its query. */
  body: (params: Record<string, string>, body: unknown, query: URLSearchParams) => unknown;
}

const asIs: RestRoute["body"] = (_params, body) => body;

export const restRoutes: readonly RestRoute[] = [
  { method: "POST", path: "check", operation: "balances.check", body: asIs },
  { method: "POST", path: "entitled", operation: "balances.check", body: asIs },
  { method: "POST", path: "track", operation: "balances.track", body: asIs },
  { method: "POST", path: "events", operation: "balances.track", body: asIs },
];
