import type { Documents } from "./documents.js";
import { conflicts, ReadSet, tableOfId, type Change } from "./reads.js";
import type { Fork, Runtime } from "./runtime.js";
import type { Turns } from "./turns.js";

/** A first attempt and four more, as the backend's. */
const ATTEMPTS = 5;
const FIRST_BACKOFF_MS = 100;
const LONGEST_BACKOFF_MS = 2_000;
/** Of what nobody waits for, which is tried until it commits. */
const LONGEST_JOB_BACKOFF_MS = 60_000;
/** As many mutations run at once as in the backend's smallest class; who waits to try again is not running. */
const PERMITS = 16;

/** What a commit makes of a document: null deletes it. */
export type Write = Omit<Change, "before">;

/** One attempt at a mutation. */
export interface Attempt {
  fork: Fork;
  reads: ReadSet;
  /** What else is to commit with the mutation, and only with it. */
  alongside: Write[];
}

/** How attempts have ended so far. */
export interface Concurrency {
  commits: number;
  conflicts: number;
  /** Mutations that conflicted in each of their attempts. */
  exhausted: number;
}

export type CommitListener = (ts: bigint, changes: readonly Change[] | null) => void;

/** Someone else changed what an attempt has read: `change` is null for the code itself. */
class Conflict extends Error {
  constructor(readonly change: Change | null) {
    super("Another transaction has changed what this one has read.");
  }
}

/**
 * Optimistic concurrency, as in the backend: each mutation runs on a snapshot of its own, and commits
 * only if nothing that it has read has changed since. Otherwise it is tried again, a little later.
 */
export class Transactions {
  /** Of the last commit: nanoseconds, and always more. */
  lastTs: bigint;
  readonly concurrency: Concurrency = { commits: 0, conflicts: 0, exhausted: 0 };
  private readonly listeners = new Set<CommitListener>();
  /** What was committed since the oldest attempt that still runs began. */
  private history: { ts: bigint; changes: readonly Change[] | null }[] = [];
  private readonly running = new Set<{ begun: bigint }>();
  private closed = false;
  private permits = PERMITS;
  private readonly queue: (() => void)[] = [];

  constructor(
    private readonly runtime: Runtime,
    private readonly documents: Documents,
    private readonly options: {
      turns: Turns;
      validate: boolean;
      now: () => number;
      lastTs: bigint;
      /** Keeps a commit, before anybody can see it. */
      keep: (ts: bigint, changes: readonly Change[]) => void;
    },
  ) {
    this.lastTs = options.lastTs;
  }

  onCommit(listener: CommitListener): () => void {
    this.listeners.add(listener);
    return () => this.listeners.delete(listener);
  }

  /** One moment to read at: as many forks of it as are asked for. */
  moment(): { ts: bigint; fork: () => Fork } {
    const ts = this.lastTs;
    const snapshot = this.documents.snapshot();
    return { ts, fork: () => this.runtime.fork(snapshot, this.documents, ts) };
  }

  /**
   * Runs `body` until it commits, on a fresh snapshot each time.
   * @param patience five attempts while somebody waits; as many as it takes for jobs
   * @throws what `body` throws, or in Convex's words when each attempt has met a conflict
   */
  async mutate<T>(
    patience: "caller" | "job",
    body: (attempt: Attempt) => Promise<T>,
  ): Promise<{ ts: bigint; value: T }> {
    const { turns } = this.options;
    for (let failures = 0; ;) {
      await this.permit();
      try {
        return await this.attempt(body);
      } catch (error) {
        if (!(error instanceof Conflict)) throw error;
        this.concurrency.conflicts++;
        if (++failures === ATTEMPTS && patience === "caller") {
          this.concurrency.exhausted++;
          throw exhausted(error.change);
        }
      } finally {
        this.permits++;
        this.queue.shift()?.();
      }
      const longest = patience === "caller" ? LONGEST_BACKOFF_MS : LONGEST_JOB_BACKOFF_MS;
      await turns.sleep(turns.random() * Math.min(FIRST_BACKOFF_MS * 2 ** (failures - 1), longest));
    }
  }

  /** Commits what no function decides on: the states of jobs, say. */
  commit(writes: readonly Write[]): bigint {
    const changes = writes
      .map((write) => ({ ...write, before: this.documents.get(write.component, write.id) }))
      .filter(({ before, after }) => before !== null || after !== null);
    if (changes.length === 0) return this.lastTs;
    if (this.closed) throw new SystemError("The deployment is stopped. Nothing was changed.");
    const ts = this.nextTs();
    this.options.keep(ts, changes);
    this.documents.apply(changes);
    this.publish(ts, changes);
    return ts;
  }

  close(): void {
    this.closed = true;
  }

  /** Everything may have changed: the code, or what it is told of its surroundings. */
  commitAll(): void {
    this.publish(this.nextTs(), null);
  }

  private async attempt<T>(body: (attempt: Attempt) => Promise<T>): Promise<{ ts: bigint; value: T }> {
    const { turns, validate } = this.options;
    await turns.next();
    const { ts: begun, fork } = this.moment();
    const attempt: Attempt = { fork: fork(), reads: new ReadSet(), alongside: [] };
    const running = { begun };
    this.running.add(running);
    try {
      const value = await body(attempt);
      await turns.next();
      if (validate) this.assertUnchanged(attempt, begun);
      const written = attempt.fork.written().map((write) => ({ ...write, table: tableOfId(write.id) }));
      const ts = this.commit([...written, ...attempt.alongside]);
      this.concurrency.commits++;
      return { ts, value };
    } finally {
      this.running.delete(running);
      this.forget();
    }
  }

  private assertUnchanged({ reads }: Attempt, begun: bigint): void {
    for (const { ts, changes } of this.history) {
      if (ts <= begun) continue;
      if (changes === null) throw new Conflict(null);
      const change = conflicts(reads, changes);
      if (change !== null) throw new Conflict(change);
    }
  }

  private publish(ts: bigint, changes: readonly Change[] | null): void {
    this.lastTs = ts;
    if (this.running.size > 0) this.history.push({ ts, changes });
    for (const listener of this.listeners) listener(ts, changes);
  }

  /** Drops what no attempt that still runs has to be validated against. */
  private forget(): void {
    const [oldest] = this.running;
    if (oldest === undefined) this.history = [];
    else while (this.history.length > 0 && this.history[0]!.ts <= oldest.begun) this.history.shift();
  }

  private async permit(): Promise<void> {
    while (this.permits === 0) await new Promise<void>((admit) => this.queue.push(admit));
    this.permits--;
  }

  private nextTs(): bigint {
    const now = BigInt(Math.floor(this.options.now())) * 1_000_000n;
    return now > this.lastTs ? now : this.lastTs + 1n;
  }
}

function exhausted(change: Change | null): Error {
  const table = change === null ? "some table" : `the "${change.table}" table`;
  const source = change === null ? "" : `Another mutation changed the document with ID "${change.id}". `;
  return new SystemError(
    `Documents read from or written to ${table} changed while this mutation was being run and on every ` +
      `subsequent retry. ${source}See https://docs.convex.dev/error#1`,
  );
}

/** An error of the deployment and not of its functions: clients see it without "Uncaught". */
export class SystemError extends Error {}
