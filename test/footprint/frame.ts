import { compareValues } from "convex/values";
import { keyOf, pointRead } from "./interval.js";
import type { IndexBound, ReadInterval, StoredDocument } from "./interval.js";
import { indexFields } from "./schemas.js";
import type { Schemas } from "./schemas.js";

/** A document that a transaction wrote: null where it did not exist. */
export interface DocumentWrite {
  /** Where the component is mounted; "" is the app. */
  component: string;
  table: string;
  id: string;
  before: StoredDocument | null;
  after: StoredDocument | null;
}

/** A query as the Convex client hands it to the database. */
export interface SerializedQuery {
  source: {
    type: string;
    /** Of a full table scan. */
    tableName?: string;
    /** `table.index`, of everything else. */
    indexName?: string;
    range?: readonly IndexBound[];
    order?: "asc" | "desc" | null;
  };
  operators: readonly { limit?: number }[];
}

interface OpenQuery {
  query: SerializedQuery;
  rowsRead: number;
  interval: ReadInterval | null;
}

/**
 * What one function call has done so far. A call of another function gets a
 * frame of its own, which is folded into its caller's when it ends: its reads
 * always, its writes only if it did not throw, as in a nested transaction.
 */
export class Frame {
  readonly reads: ReadInterval[] = [];
  readonly #writes: DocumentWrite[] = [];
  /** Ids of open queries are only unique within one component. */
  readonly #openQueries = new Map<number, OpenQuery>();
  crossings = 0;
  scheduled = 0;

  constructor(readonly schemas: Schemas) {}

  open(queryId: number, query: SerializedQuery): void {
    this.#openQueries.set(queryId, { query, rowsRead: 0, interval: null });
  }

  /** Notes a row that a query returned, or null when it returned no more. */
  advance(component: string, queryId: number, row: StoredDocument | null): void {
    const open = this.#openQueries.get(queryId);
    if (open === undefined) {
      throw new Error(`Query ${queryId} was opened before the recording.`);
    }
    const limit = limitOf(open.query);
    if (limit === 0) {
      return;
    }
    open.interval ??= this.#read(component, open.query);
    if (row !== null) {
      open.rowsRead += 1;
      open.interval.lastKey = keyOf(row, open.interval.fields);
    } else if (open.rowsRead !== limit) {
      open.interval.lastKey = null;
    }
  }

  /**
   * Notes one page of a paginated query. Cursors are opaque, so a later page is
   * taken to depend on the range from its start: too much, never too little.
   */
  readPage(
    component: string,
    query: SerializedQuery,
    page: readonly StoredDocument[],
    isDone: boolean,
  ): void {
    const interval = this.#read(component, query);
    const last = page.at(-1);
    if (!isDone && last !== undefined) {
      interval.lastKey = keyOf(last, interval.fields);
    }
  }

  readPoint(component: string, id: string): void {
    this.reads.push(pointRead(component, tableOf(id), id));
  }

  write(component: string, id: string, before: StoredDocument | null, after: StoredDocument | null): void {
    this.#writes.push({ component, table: tableOf(id), id, before, after });
  }

  /** The writes as one commit sees them: one per document that changed. */
  get writes(): DocumentWrite[] {
    const merged = new Map<string, DocumentWrite>();
    for (const write of this.#writes) {
      const key = `${write.component}/${write.id}`;
      const earlier = merged.get(key);
      merged.set(key, earlier ? { ...earlier, after: write.after } : write);
    }
    // Convex writes nothing for a patch that changes nothing.
    return [...merged.values()].filter(({ before, after }) => compareValues(before, after) !== 0);
  }

  /** Folds in a call that has ended. */
  absorb(child: Frame, { committed, tracksReads }: { committed: boolean; tracksReads: boolean }): void {
    this.crossings += child.crossings;
    if (tracksReads) {
      this.reads.push(...child.reads);
    }
    if (committed) {
      this.#writes.push(...child.#writes);
      this.scheduled += child.scheduled;
    }
  }

  #read(component: string, query: SerializedQuery): ReadInterval {
    const { tableName, indexName, range, order } = query.source;
    const [table = "", index = "by_creation_time"] = (indexName ?? tableName ?? "").split(".");
    const interval: ReadInterval = {
      component,
      table,
      index,
      bounds: range ?? [],
      order: order ?? "asc",
      fields: indexFields(this.schemas, component, table, index),
      lastKey: null,
    };
    this.reads.push(interval);
    return interval;
  }
}

function limitOf({ operators }: SerializedQuery): number | undefined {
  return operators.find(({ limit }) => limit !== undefined)?.limit;
}

/** convex-test forms an id from a counter and the table's name. */
function tableOf(id: string): string {
  return id.replace(/^[0-9]+/, "");
}
