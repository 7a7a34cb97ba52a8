/** Pages of a table. `.paginate()` is not to be had inside components, so cursors are our own. */
import { getPage } from "convex-helpers/server/pagination";
import type { IndexNames, NamedTableInfo, TableNamesInDataModel } from "convex/server";
import { convexToJson, jsonToConvex, v, type Value } from "convex/values";
import { shown, tallyError, type TallyError } from "../core/errors.js";
import type { DataModel, Doc } from "./_generated/dataModel.js";
import type { QueryCtx } from "./_generated/server.js";
import schema from "./schema.js";

type Table = TableNamesInDataModel<DataModel>;

export const MAX_PAGE = 200;
const DEFAULT_PAGE = 50;

export const pageArgs = {
  /** Where the last page ended; null or absent for the first. */
  cursor: v.optional(v.union(v.string(), v.null())),
  /** Rows of the page: 50 unless told, 200 at most. */
  limit: v.optional(v.number()),
};

export interface Page<Row> {
  page: Row[];
  /** Give it back for the next page; null after the last. */
  cursor: string | null;
}

/**
 * One page of the rows whose index key begins with `prefix`. A cursor holds only what comes after
 * the prefix: whatever a client sends as one, it stays among the rows that it may see.
 */
export async function pageOf<Name extends Table>(
  ctx: QueryCtx,
  from: {
    table: Name;
    index: IndexNames<NamedTableInfo<DataModel, Name>>;
    prefix: string[];
    order?: "asc" | "desc";
  },
  { cursor, limit = DEFAULT_PAGE }: { cursor?: string | null; limit?: number },
): Promise<Page<Doc<Name>>> {
  if (!Number.isInteger(limit) || limit < 1 || limit > MAX_PAGE) {
    throw tallyError(
      "invalid_argument",
      `limit must be a whole number from 1 to ${MAX_PAGE}; got ${shown(limit)}.`,
    );
  }
  const after = cursor == null ? [] : decode(cursor);
  const { page, hasMore, indexKeys } = await getPage(ctx, {
    table: from.table,
    index: from.index,
    schema,
    order: from.order ?? "asc",
    startIndexKey: [...from.prefix, ...after],
    startInclusive: cursor == null,
    endIndexKey: from.prefix,
    absoluteMaxRows: limit,
  }).catch((error: unknown) => {
    // It refuses a key that does not fit the index: only a cursor that was made up can be one.
    throw cursor == null ? error : notACursor(cursor);
  });
  const last = indexKeys.at(-1);
  return {
    page,
    cursor: hasMore && last !== undefined ? encode(last.slice(from.prefix.length)) : null,
  };
}

/** An absent field is written as an empty array, which no value of ours is. */
const ABSENT: Value = [];

function encode(key: readonly (Value | undefined)[]): string {
  return JSON.stringify(convexToJson(key.map((part) => part ?? ABSENT)));
}

function decode(cursor: string): (Value | undefined)[] {
  try {
    const key = jsonToConvex(JSON.parse(cursor) as ReturnType<typeof convexToJson>);
    if (Array.isArray(key) && key.length > 0 && key.length <= 5) {
      return key.map((part) => (Array.isArray(part) ? undefined : part));
    }
  } catch {
    // Said below: what cannot be read is no cursor.
  }
  throw notACursor(cursor);
}

function notACursor(cursor: string): TallyError {
  return tallyError(
    "invalid_argument",
    `${shown(cursor)} is not a cursor: pass what the last page returned, or null.`,
  );
}
