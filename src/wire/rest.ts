/**
 * The REST paths of Autumn 1.2, and of the `curl` commands in its documents, over the same operations: what a
 * path says and what older clients call otherwise, in the operations' names.
 */
import { shown } from "../core/errors.js";
import { WireError } from "./failures.js";

type Fields = Readonly<Record<string, unknown>>;

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
/** What the path names, and what the body says of it. */
const named: RestRoute["body"] = (params, body) => ({ ...fieldsOf(body), ...params });
/** What the path names, and the query's `expand`. */
const read: RestRoute["body"] = (params, _body, query) => ({ ...params, ...expandOf(query) });
/** What the query says. */
const asQuery: RestRoute["body"] = (_params, _body, query) => Object.fromEntries(query);

export const restRoutes: readonly RestRoute[] = [
  { method: "POST", path: "check", operation: "balances.check", body: asIs },
  { method: "POST", path: "entitled", operation: "balances.check", body: asIs },
  { method: "POST", path: "track", operation: "balances.track", body: tracked },
  { method: "POST", path: "events", operation: "balances.track", body: tracked },

  { method: "POST", path: "attach", operation: "billing.attach", body: asIs },
  { method: "POST", path: "setup_payment", operation: "billing.setup_payment", body: asIs },

  { method: "POST", path: "customers", operation: "customers.get_or_create", body: created },
  { method: "GET", path: "customers", operation: "customers.list", body: paged },
  { method: "GET", path: "customers/:customer_id", operation: "customers.get", body: read },
  { method: "POST", path: "customers/:customer_id", operation: "customers.update", body: changed },
  { method: "PATCH", path: "customers/:customer_id", operation: "customers.update", body: changed },
  { method: "DELETE", path: "customers/:customer_id", operation: "customers.delete", body: removed },
  {
    method: "POST",
    path: "customers/:customer_id/billing_portal",
    operation: "billing.open_customer_portal",
    body: named,
  },
  {
    method: "POST",
    path: "customers/:customer_id/balances",
    operation: "customers.update_balances",
    body: named,
  },
  { method: "POST", path: "customers/:customer_id/transfer", operation: "customers.transfer", body: named },

  { method: "POST", path: "customers/:customer_id/entities", operation: "entities.create", body: entered },
  {
    method: "GET",
    path: "customers/:customer_id/entities/:entity_id",
    operation: "entities.get",
    body: read,
  },
  {
    method: "DELETE",
    path: "customers/:customer_id/entities/:entity_id",
    operation: "entities.delete",
    body: named,
  },
  { method: "POST", path: "entities", operation: "entities.create", body: entered },
  { method: "GET", path: "entities/:entity_id", operation: "entities.get", body: asked },
  { method: "DELETE", path: "entities/:entity_id", operation: "entities.delete", body: named },

  { method: "GET", path: "products", operation: "plans.list", body: listed },
  { method: "GET", path: "products_beta", operation: "plans.list", body: listed },
  { method: "GET", path: "products/:plan_id", operation: "plans.get", body: read },
  { method: "POST", path: "products", operation: "plans.create", body: asIs },
  { method: "POST", path: "products/:plan_id", operation: "plans.update", body: named },
  { method: "PATCH", path: "products/:plan_id", operation: "plans.update", body: named },
  { method: "DELETE", path: "products/:plan_id", operation: "plans.delete", body: named },
  { method: "POST", path: "products/:plan_id/has_customers", operation: "plans.has_customers", body: named },
  { method: "GET", path: "products/:plan_id/deletion_info", operation: "plans.deletion_info", body: named },

  { method: "GET", path: "features", operation: "features.list", body: listed },
  { method: "GET", path: "features/:feature_id", operation: "features.get", body: read },
  { method: "POST", path: "features", operation: "features.create", body: asIs },
  { method: "POST", path: "features/:feature_id", operation: "features.update", body: named },
  { method: "PATCH", path: "features/:feature_id", operation: "features.update", body: named },
  { method: "DELETE", path: "features/:feature_id", operation: "features.delete", body: named },
  {
    method: "GET",
    path: "features/:feature_id/deletion_info",
    operation: "features.deletion_info",
    body: named,
  },

  { method: "POST", path: "referrals/code", operation: "referrals.create_code", body: asIs },
  { method: "POST", path: "referrals/redeem", operation: "referrals.redeem_code", body: asIs },
  { method: "GET", path: "organization/me", operation: "organization.me", body: () => ({}) },
  { method: "POST", path: "migrations", operation: "migrations.create", body: asIs },

  // BillingOS's.
  { method: "GET", path: "usage/check", operation: "usage.check", body: asQuery },
  { method: "GET", path: "usage/metrics", operation: "usage.metrics", body: asQuery },
];

/** Before there was `value`, the amount of an event was among its properties. */
function tracked(_params: Fields, body: unknown): Fields {
  const { value, ...fields } = fieldsOf(body);
  const { properties } = fields;
  if (value !== undefined && value !== null) return { ...fields, value };
  if (!isObject(properties) || !("value" in properties)) return fields;
  const amount = typeof properties.value === "string" ? Number(properties.value) : properties.value;
  return { ...fields, value: amount };
}

function created(_params: Fields, body: unknown, query: URLSearchParams): Fields {
  return { ...renamed(fieldsOf(body), { id: "customer_id" }), ...expandOf(query) };
}

function changed({ customer_id: customerId }: Record<string, string>, body: unknown): Fields {
  const { customer_id: _same, id, ...fields } = fieldsOf(body);
  const isOther = id !== undefined && id !== null && id !== customerId;
  return { ...fields, customer_id: customerId, ...(isOther && { new_customer_id: id }) };
}

function removed(params: Fields, _body: unknown, query: URLSearchParams): Fields {
  return { ...params, ...flagOf(query, "delete_in_stripe") };
}

/** One part of a customer, or a list of them. */
function entered(params: Fields, body: unknown): unknown {
  if (Array.isArray(body)) return (body as unknown[]).map((each) => entered(params, each));
  return { ...renamed(fieldsOf(body), { id: "entity_id" }), ...params };
}

function asked(params: Fields, _body: unknown, query: URLSearchParams): Fields {
  return { ...params, ...textOf(query, "customer_id"), ...expandOf(query) };
}

function listed(_params: Fields, _body: unknown, query: URLSearchParams): Fields {
  return { ...textOf(query, "customer_id"), ...flagOf(query, "include_archived") };
}

function paged(_params: Fields, _body: unknown, query: URLSearchParams): Fields {
  return { ...textOf(query, "search"), ...countOf(query, "limit"), ...countOf(query, "offset") };
}

function expandOf(query: URLSearchParams): Fields {
  const expand = query
    .getAll("expand")
    .flatMap((list) => list.split(","))
    .filter((name) => name !== "");
  return expand.length === 0 ? {} : { expand };
}

function textOf(query: URLSearchParams, name: string): Fields {
  const text = query.get(name) ?? "";
  return text === "" ? {} : { [name]: text };
}

/** As a number, for the operation to refuse if it is none. */
function countOf(query: URLSearchParams, name: string): Fields {
  const text = query.get(name) ?? "";
  return text === "" ? {} : { [name]: Number(text) };
}

function flagOf(query: URLSearchParams, name: string): Fields {
  return query.get(name) === "true" ? { [name]: true } : {};
}

/** The newer name of a field counts where both are there. */
function renamed(fields: Fields, names: Readonly<Record<string, string>>): Fields {
  const others = Object.entries(fields).filter(([name]) => !Object.hasOwn(names, name));
  const newer = Object.entries(names).flatMap(([older, name]) => {
    const value = fields[older];
    const isGiven = value !== undefined && value !== null;
    return isGiven && (fields[name] === undefined || fields[name] === null) ? [[name, value] as const] : [];
  });
  return Object.fromEntries([...others, ...newer]);
}

function fieldsOf(body: unknown): Fields {
  if (!isObject(body)) throw refused(`the body: must be an object (got ${shown(body)})`);
  return body;
}

function isObject(value: unknown): value is Fields {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

const refused = (problem: string): WireError =>
  new WireError(400, "invalid_inputs", `${problem}. Nothing was changed.`);
