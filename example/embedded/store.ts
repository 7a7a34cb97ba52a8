import {
  closeSync,
  existsSync,
  fsyncSync,
  ftruncateSync,
  mkdirSync,
  openSync,
  readFileSync,
  renameSync,
  rmSync,
  writeFileSync,
  writeSync,
} from "node:fs";
import { join, resolve } from "node:path";
import { convexToJson, jsonToConvex, type JSONValue } from "convex/values";
import { tableOfId, type Change, type StoredDocument } from "./reads.js";
import type { Log } from "./surroundings.js";
import type { Write } from "./transactions.js";

/** What a deployment is when it starts. */
export interface Kept {
  documents: Write[];
  /** Per component the number that no id has had yet: also ids of deleted documents are never given again. */
  nextIds: Map<string, number>;
  lastTs: bigint;
  clockOffset: number;
  env: Record<string, string>;
}

/** Where a deployment is kept. What has been kept is there after a crash of the process. */
export interface Store {
  readonly kept: Kept;
  commit(ts: bigint, changes: readonly Change[]): void;
  clockOffset(ms: number): void;
  env(variables: Record<string, string>): void;
  close(): void;
}

/**
 * A line of the log. A commit is one line, so that a line that was cut off by a crash is a commit that
 * did not happen.
 */
type Line =
  | { commit: string; changes: { c: string; i: string; d: JSONValue }[] }
  | { nextIds: Record<string, number> }
  | { clockOffset: number }
  | { env: Record<string, string> };

export function openStore(dataDir: string | null, log: Log): Store {
  return dataDir === null ? new MemoryStore() : new LogStore(dataDir, log);
}

class MemoryStore implements Store {
  readonly kept = nothing();
  commit(): void {}
  clockOffset(): void {}
  env(): void {}
  close(): void {}
}

/** An append-only log, which is written anew without its history at each start. */
class LogStore implements Store {
  readonly kept: Kept;
  private readonly lock: string;
  private readonly file: number;
  private size: number;

  constructor(dataDir: string, log: Log) {
    mkdirSync(dataDir, { recursive: true });
    this.lock = lockDirectory(dataDir);
    const path = join(dataDir, "deployment.jsonl");
    try {
      this.kept = existsSync(path) ? readLog(path, log) : nothing();
      const lines = compacted(this.kept);
      const fresh = `${path}.new`;
      writeFileSync(fresh, lines, { flush: true, mode: 0o600 });
      renameSync(fresh, path);
      syncDirectory(dataDir);
      this.size = Buffer.byteLength(lines);
      this.file = openSync(path, "a");
    } catch (error) {
      unlock(this.lock);
      throw error;
    }
  }

  commit(ts: bigint, changes: readonly Change[]): void {
    this.append({ commit: String(ts), changes: changes.map(changeOf) });
  }

  clockOffset(ms: number): void {
    this.append({ clockOffset: ms });
  }

  env(variables: Record<string, string>): void {
    this.append({ env: variables });
  }

  close(): void {
    fsyncSync(this.file);
    closeSync(this.file);
    unlock(this.lock);
  }

  private append(line: Line): void {
    const bytes = Buffer.from(JSON.stringify(line) + "\n");
    try {
      for (let written = 0; written < bytes.length;) written += writeSync(this.file, bytes, written);
    } catch (error) {
      // Half a line in the middle would make all that follows it unreadable.
      ftruncateSync(this.file, this.size);
      throw error;
    }
    this.size += bytes.length;
  }
}

function nothing(): Kept {
  return { documents: [], nextIds: new Map(), lastTs: 0n, clockOffset: 0, env: {} };
}

function readLog(path: string, log: Log): Kept {
  const kept = nothing();
  const documents = new Map<string, Write>();
  const lines = readFileSync(path, "utf8").split("\n");
  // A line that was written whole ends the file with an empty one.
  const last = lines.pop()!;
  const read = (text: string) => apply(JSON.parse(text) as Line, kept, documents);
  for (const [index, text] of lines.entries()) {
    try {
      read(text);
    } catch (error) {
      throw new Error(
        `Line ${index + 1} of ${path} is damaged: ${(error as Error).message}. Nothing was changed. ` +
          "Restore the file, or move it away to start with an empty deployment.",
      );
    }
  }
  if (last !== "")
    log.warn(`The last line of ${path} was cut off, as by a crash: its commit did not happen.`);
  kept.documents = [...documents.values()];
  return kept;
}

function apply(line: Line, kept: Kept, documents: Map<string, Write>): void {
  if ("commit" in line) {
    for (const { c: component, i: id, d } of line.changes) {
      const key = `${component} ${id}`;
      const after = jsonToConvex(d) as StoredDocument | null;
      if (after === null) documents.delete(key);
      else documents.set(key, { component, table: tableOfId(id), id, after });
      kept.nextIds.set(component, Math.max(kept.nextIds.get(component) ?? 0, parseInt(id, 10) + 1));
    }
    kept.lastTs = BigInt(line.commit);
  } else if ("nextIds" in line) kept.nextIds = new Map(Object.entries(line.nextIds));
  else if ("clockOffset" in line) kept.clockOffset = line.clockOffset;
  else if ("env" in line) kept.env = line.env;
  else throw new Error("it is not of this log");
}

function changeOf({ component, id, after }: Write): { c: string; i: string; d: JSONValue } {
  return { c: component, i: id, d: after === null ? null : convexToJson(after) };
}

function compacted({ documents, nextIds, lastTs, clockOffset, env }: Kept): string {
  const lines: Line[] = [
    { clockOffset },
    { env },
    ...documents.map((write) => ({ commit: String(lastTs), changes: [changeOf(write)] })),
    // After the documents, and with a commit of nothing, for what the last ones deleted.
    { commit: String(lastTs), changes: [] },
    { nextIds: Object.fromEntries(nextIds) },
  ];
  return lines.map((line) => JSON.stringify(line) + "\n").join("");
}

/** The locks that this process holds: after a restart of the machine another's may bear the same number. */
const held = new Set<string>();

/** @throws when another process, or another engine of this one, has the directory. */
function lockDirectory(dataDir: string): string {
  const path = resolve(dataDir, "deployment.lock");
  const owner = existsSync(path) ? Number(readFileSync(path, "utf8")) : 0;
  if (owner === process.pid ? held.has(path) : owner > 0 && isRunning(owner)) {
    throw new Error(
      `The embedded deployment in ${dataDir} is in use by process ${owner}. Stop that one, or give this one ` +
        "another directory.",
    );
  }
  rmSync(path, { force: true });
  writeFileSync(path, String(process.pid), { flag: "wx" });
  held.add(path);
  return path;
}

function unlock(path: string): void {
  rmSync(path, { force: true });
  held.delete(path);
}

function isRunning(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch {
    return false;
  }
}

function syncDirectory(path: string): void {
  const directory = openSync(path, "r");
  fsyncSync(directory);
  closeSync(directory);
}
