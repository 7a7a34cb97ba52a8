/** Which operation a path names: `group.verb` or `group/verb` posted, or one of the REST paths before them. */
import { billingOperations } from "./operations/billing.js";
import { catalogOperations } from "./operations/catalog.js";
import { billingosOperations } from "./operations/billingos.js";
import { checkOperations } from "./operations/checks.js";
import { customerOperations } from "./operations/customers.js";
import { entityOperations } from "./operations/entities.js";
import { eventOperations } from "./operations/events.js";
import { featureOperations } from "./operations/features.js";
import { formerOperations } from "./operations/former.js";
import { grantOperations } from "./operations/grants.js";
import { planOperations } from "./operations/plans.js";
import { unsupportedOperations } from "./operations/unsupported.js";
import { useOperations } from "./operations/uses.js";
import type { Served } from "./operations.js";
import { restRoutes, type RestRoute } from "./rest.js";

/** Every operation by its name, as in Autumn's `POST /v1/<name>`. */
export const operations: Readonly<Record<string, Served>> = {
  ...checkOperations,
  ...useOperations,
  ...grantOperations,
  ...eventOperations,
  ...customerOperations,
  ...entityOperations,
  ...planOperations,
  ...featureOperations,
  ...catalogOperations,
  ...formerOperations,
  ...billingOperations,
  ...unsupportedOperations,
  ...billingosOperations,
};

/** An operation with the body that the request stands for. */
export interface Routed {
  name: string;
  operation: Served;
  body: unknown;
}

/** What a request asks for; null if there is nothing of that name. */
export function routed(method: string, path: string, query: URLSearchParams, body: unknown): Routed | null {
  const asked = named(method, path, query, body);
  if (asked === null || !Object.hasOwn(operations, asked.name)) return null;
  const operation = operations[asked.name];
  return operation === undefined ? null : { ...asked, operation };
}

/**
 * The name of what a request asks for. A REST path that is exact comes first, since the same path means the same
 * thing in both styles; an operation's own name before a path with an id in it.
 */
export function named(
  method: string,
  path: string,
  query: URLSearchParams,
  body: unknown,
): Omit<Routed, "operation"> | null {
  const segments = path.split("/").map(decoded);
  const own = segments.join(".").replaceAll("-", "_");
  const isOwn = method === "POST" && Object.hasOwn(operations, own);
  for (const route of restRoutes) {
    const params = matched(route, method, segments);
    if (params === null || (isOwn && route.path.includes(":"))) continue;
    return { name: route.operation, body: route.body(params, body, query) };
  }
  return isOwn ? { name: own, body } : null;
}

function matched(route: RestRoute, method: string, segments: string[]): Record<string, string> | null {
  const parts = route.path.split("/");
  if (route.method !== method || parts.length !== segments.length) return null;
  const params: Record<string, string> = {};
  for (const [index, part] of parts.entries()) {
    const segment = segments[index] ?? "";
    if (part.startsWith(":")) params[part.slice(1)] = segment;
    else if (part !== segment) return null;
  }
  return params;
}

/** Clients encode ids in paths, some of them not wholly. */
export function decoded(segment: string): string {
  try {
    return decodeURIComponent(segment);
  } catch {
    return segment;
  }
}
