import { compareValues, jsonToConvex, type JSONValue, type Value } from "convex/values";

/** A stored document: its own fields, `_id` and `_creationTime`. */
export type StoredDocument = { [field: string]: Value } & { _id: string; _creationTime: number };

/** A document before and after a commit: null where there was none, or is none any more. */
export interface Change {
  component: string;
  table: string;
  id: string;
  before: StoredDocument | null;
  after: StoredDocument | null;
}

/** A query as `convex/server` hands it to its runtime. */
export interface QueryJson {
  source:
    | { type: "FullTableScan"; tableName: string; order?: Order | null }
    | { type: "IndexRange"; indexName: string; range: BoundJson[]; order?: Order | null }
    | { type: "Search"; indexName: string };
  operators: ({ filter: JSONValue } | { limit: number })[];
}

type Order = "asc" | "desc";

interface BoundJson {
  type: "Eq" | "Gt" | "Gte" | "Lt" | "Lte";
  fieldPath: string;
  value: JSONValue;
}

/**
 * What a query has read of an index: the range that it asked for and, when it stopped before the
 * range's end (`first`, `take`), no more of it than up to the last document that it saw.
 */
export class RangeRead {
  readonly table: string;
  private readonly bounds: { type: BoundJson["type"]; fieldPath: string; value: Value | undefined }[];
  private readonly order: Order;
  private readonly limit: number;
  private seen = 0;
  private last: StoredDocument | null = null;
  private toTheEnd: boolean;

  /** @param fields what the index sorts by; null for an order that cannot be told, as of a search */
  constructor(
    { source, operators }: QueryJson,
    private readonly fields: readonly string[] | null,
  ) {
    this.table = tableOfQuery(source);
    this.order = ("order" in source && source.order) || "asc";
    this.bounds =
      source.type === "IndexRange"
        ? source.range.map(({ type, fieldPath, value }) => ({ type, fieldPath, value: boundValue(value) }))
        : [];
    this.limit = operators.reduce(
      (limit, operator) => ("limit" in operator ? Math.min(limit, operator.limit) : limit),
      Infinity,
    );
    this.toTheEnd = fields === null;
  }

  /** The query has handed out its next document. */
  saw(document: StoredDocument): void {
    this.seen++;
    this.last = document;
  }

  /** The query has no more. One that its limit stopped has not looked further, either. */
  sawEnd(): void {
    if (this.seen < this.limit) this.toTheEnd = true;
  }

  /** The query has read its whole range, whatever it handed out. */
  sawAll(): void {
    this.toTheEnd = true;
  }

  /** Whether the query would have come across this document. */
  covers(document: StoredDocument): boolean {
    if (!this.bounds.every((bound) => within(document, bound))) return false;
    if (this.toTheEnd || this.fields === null) return true;
    if (this.last === null) return false;
    for (const field of this.fields) {
      const order = compareValues(valueAt(document, field), valueAt(this.last, field));
      if (order !== 0) return this.order === "asc" ? order < 0 : order > 0;
    }
    return true;
  }
}

/** All that a transaction has read, in all components. */
export class ReadSet {
  private readonly tables = new Map<string, { ids: Set<string>; ranges: RangeRead[] }>();

  document(component: string, id: string): void {
    this.of(component, tableOfId(id)).ids.add(id);
  }

  range(component: string, read: RangeRead): void {
    this.of(component, read.table).ranges.push(read);
  }

  /** Whether the change is to something that was read: also to what a range would have held. */
  covers({ component, table, id, before, after }: Change): boolean {
    const read = this.tables.get(`${component}:${table}`);
    if (read === undefined) return false;
    return (
      read.ids.has(id) ||
      read.ranges.some(
        (range) => (before !== null && range.covers(before)) || (after !== null && range.covers(after)),
      )
    );
  }

  private of(component: string, table: string) {
    const key = `${component}:${table}`;
    let read = this.tables.get(key);
    if (read === undefined) this.tables.set(key, (read = { ids: new Set(), ranges: [] }));
    return read;
  }
}

/** The first of the changes that touches what was read; null when none does. */
export function conflicts(reads: ReadSet, changes: readonly Change[]): Change | null {
  return changes.find((change) => reads.covers(change)) ?? null;
}

/** An id is a number, which is the document's own within its component, and its table's name. */
export function tableOfId(id: string): string {
  return id.replace(/^[0-9]+/, "");
}

export function tableOfQuery(source: QueryJson["source"]): string {
  return source.type === "FullTableScan" ? source.tableName : source.indexName.split(".")[0]!;
}

function within(document: StoredDocument, { type, fieldPath, value }: RangeRead["bounds"][number]): boolean {
  const order = compareValues(valueAt(document, fieldPath), value);
  switch (type) {
    case "Eq":
      return order === 0;
    case "Gt":
      return order > 0;
    case "Gte":
      return order >= 0;
    case "Lt":
      return order < 0;
    case "Lte":
      return order <= 0;
  }
}

function valueAt(document: StoredDocument, fieldPath: string): Value | undefined {
  return fieldPath
    .split(".")
    .reduce<Value | undefined>((value, name) => (isObject(value) ? value[name] : undefined), document);
}

function isObject(value: Value | undefined): value is Record<string, Value> {
  return (
    typeof value === "object" && value !== null && !Array.isArray(value) && !(value instanceof ArrayBuffer)
  );
}

function boundValue(value: JSONValue): Value | undefined {
  const absent = typeof value === "object" && value !== null && "$undefined" in value;
  return absent ? undefined : jsonToConvex(value);
}
