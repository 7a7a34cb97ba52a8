import type { DocumentWrite } from "./frame.js";
import { contains } from "./interval.js";
import type { ReadInterval } from "./interval.js";

/** What one transaction read and wrote, as far as other transactions care. */
export interface Footprint {
  reads: readonly ReadInterval[];
  writes: readonly DocumentWrite[];
  /** Calls of functions of another component. */
  crossings: number;
  /** Functions handed to the scheduler. */
  scheduled: number;
}

/**
 * Names every `component/table.index` on which Convex would abort and retry
 * `transaction` if `other` committed between its start and its commit: an old
 * or a new version of a document that `other` wrote lies in an interval that
 * `transaction` read. The same overlap re-runs a query that a client watches.
 *
 * A transaction without writes is never aborted, whatever this answers: ask
 * for its `writes` as well.
 */
export function conflictsWith(
  transaction: Pick<Footprint, "reads">,
  other: Pick<Footprint, "writes">,
): string[] {
  const names = new Set<string>();
  for (const read of transaction.reads) {
    if (other.writes.some((write) => touches(write, read))) {
      names.add(`${read.component || "app"}/${read.table}.${read.index}`);
    }
  }
  return [...names];
}

function touches(write: DocumentWrite, read: ReadInterval): boolean {
  return (
    write.component === read.component &&
    write.table === read.table &&
    [write.before, write.after].some((version) => version !== null && contains(read, version))
  );
}
