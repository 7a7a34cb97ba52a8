import { compareValues, jsonToConvex } from "convex/values";
import type { JSONValue, Value } from "convex/values";

/** A stored document, as the database returned it. */
export type StoredDocument = Record<string, Value>;

/** One step of an index range as `withIndex` serializes it. */
export interface IndexBound {
  type: "Eq" | "Gt" | "Gte" | "Lt" | "Lte";
  fieldPath: string;
  value: JSONValue;
}

/**
 * The part of one index that a transaction depends on. It grows while a query
 * is consumed: from the range's start to the last row returned, or to the
 * range's end once the query has run dry. So `first()` and a filled `take(n)`
 * end at their last row, and `unique()` covers its range, because it looks for
 * a second row. Filters narrow nothing.
 */
export interface ReadInterval {
  /** Where the component is mounted; "" is the app. */
  component: string;
  table: string;
  index: string;
  bounds: readonly IndexBound[];
  order: "asc" | "desc";
  /** The index's fields, ending in those that make every key unique. */
  fields: readonly string[];
  /** Key of the last row consumed, or null when the range was read to its end. */
  lastKey: readonly (Value | undefined)[] | null;
}

/** What `db.get` reads, and what `patch`, `replace` and `delete` read first. */
export function pointRead(component: string, table: string, id: string): ReadInterval {
  return {
    component,
    table,
    index: "by_id",
    bounds: [{ type: "Eq", fieldPath: "_id", value: id }],
    order: "asc",
    fields: ["_id"],
    lastKey: null,
  };
}

/** Whether a version of a document has its index key inside the interval. */
export function contains(interval: ReadInterval, document: StoredDocument): boolean {
  return interval.bounds.every((bound) => satisfies(document, bound)) && isBeforeStop(interval, document);
}

/** The document's key in an index of these fields. */
export function keyOf(document: StoredDocument, fields: readonly string[]): (Value | undefined)[] {
  return fields.map((field) => valueAt(document, field));
}

function satisfies(document: StoredDocument, bound: IndexBound): boolean {
  const comparison = compareValues(valueAt(document, bound.fieldPath), boundValue(bound.value));
  switch (bound.type) {
    case "Eq":
      return comparison === 0;
    case "Gt":
      return comparison > 0;
    case "Gte":
      return comparison >= 0;
    case "Lt":
      return comparison < 0;
    case "Lte":
      return comparison <= 0;
  }
}

function isBeforeStop({ fields, lastKey, order }: ReadInterval, document: StoredDocument): boolean {
  if (lastKey === null) {
    return true;
  }
  const comparison = compareKeys(keyOf(document, fields), lastKey);
  return order === "asc" ? comparison <= 0 : comparison >= 0;
}

function compareKeys(left: readonly (Value | undefined)[], right: readonly (Value | undefined)[]): number {
  for (const [position, value] of left.entries()) {
    const comparison = compareValues(value, right[position]);
    if (comparison !== 0) {
      return comparison;
    }
  }
  return 0;
}

function valueAt(document: StoredDocument, fieldPath: string): Value | undefined {
  let value: Value | undefined = document;
  for (const field of fieldPath.split(".")) {
    value = isRecord(value) ? value[field] : undefined;
  }
  return value;
}

/** `q.eq(field, undefined)` matches rows without the field. */
function boundValue(value: JSONValue): Value | undefined {
  const isUndefined = typeof value === "object" && value !== null && "$undefined" in value;
  return isUndefined ? undefined : jsonToConvex(value);
}

function isRecord(value: Value | undefined): value is Record<string, Value> {
  return (
    typeof value === "object" && value !== null && !Array.isArray(value) && !(value instanceof ArrayBuffer)
  );
}
