import type { Clock } from "./clock.js";
import type { Documents } from "./documents.js";
import { errandOf, interrupted, RESULTS_KEPT_MS, type Errand, type Job } from "./jobs.js";
import type { Change, StoredDocument } from "./reads.js";
import type { Log } from "./surroundings.js";
import type { Write } from "./transactions.js";

/** Above this, Node's timers fire at once. */
const LONGEST_TIMER_MS = 2 ** 31 - 1;
/**
 * While time is moved forward by more than a day, a cron runs no more often than this: a year of
 * minutes would take minutes. The backend as well leaves out runs that it is late for.
 */
const CRON_STRIDE_MS = 6 * 3_600_000;
/** A function that schedules itself at once, and again, would keep an advance from ever ending. */
const RUNS_PER_ADVANCE = 100_000;
/** For actions that still run; what they have not done by then they never will. */
const PATIENCE_AT_CLOSE_MS = 5_000;

const realSetTimeout = setTimeout;
const realClearTimeout = clearTimeout;

/** Runs what is due: as time passes, or in order while it is moved forward. */
export class Schedule {
  private readonly waiting = new Map<string, Errand>();
  private readonly running = new Map<string, Promise<void>>();
  /** Finished jobs, the earliest first, to be forgotten when nobody can ask for them any more. */
  private finished: { component: string; id: string; at: number }[] = [];
  private timer: NodeJS.Timeout | undefined;
  private advancing: Promise<unknown> | null = null;
  /** Not before there is code to run. */
  private open = false;

  constructor(
    private readonly deployment: {
      clock: Clock;
      documents: Documents;
      log: Log;
      commit: (writes: readonly Write[]) => void;
      /** Runs an errand's function and writes what became of it. */
      perform: (errand: Errand) => Promise<void>;
    },
  ) {}

  /** Takes up what a deployment that was stopped has left; once there is code to run it. */
  resume(): void {
    if (this.open) return;
    this.open = true;
    const { documents, clock, commit } = this.deployment;
    const now = clock.now();
    for (const component of documents.paths()) {
      const jobs = documents.in(component, "_scheduled_functions") as Job[];
      commit(jobs.flatMap((job) => interrupted(component, job, now)));
      for (const document of documents.in(component, "_scheduled_functions")) this.take(component, document);
      for (const document of documents.in(component, "_cron_jobs")) this.take(component, document);
    }
    this.finished.sort((a, b) => a.at - b.at);
    this.wake();
  }

  /** Follows the commits, in which errands come, change and go. */
  follow(changes: readonly Change[]): void {
    let changed = false;
    for (const { component, table, id, after } of changes) {
      if (table !== "_scheduled_functions" && table !== "_cron_jobs") continue;
      changed = true;
      this.waiting.delete(keyOf(component, id));
      if (after !== null) this.take(component, after);
    }
    if (changed) this.wake();
  }

  /** Moves time forward, and runs all that falls due on the way, one after the other. */
  async advance(ms: number): Promise<number> {
    if (!(ms >= 0 && ms < Infinity)) throw new Error(`Time moves forward by milliseconds, not by ${ms}.`);
    while (this.advancing !== null) await this.advancing.catch(() => {});
    this.advancing = this.advanceBy(ms);
    try {
      await this.advancing;
    } finally {
      this.advancing = null;
      this.wake();
    }
    return this.deployment.clock.now();
  }

  async close(): Promise<void> {
    this.open = false;
    realClearTimeout(this.timer);
    let patience: NodeJS.Timeout | undefined;
    const enough = new Promise<void>((resolve) => (patience = realSetTimeout(resolve, PATIENCE_AT_CLOSE_MS)));
    await Promise.race([this.idle(), enough]);
    realClearTimeout(patience);
  }

  private async advanceBy(ms: number): Promise<void> {
    const { clock } = this.deployment;
    const end = clock.now() + ms;
    const stride = ms > 86_400_000 ? CRON_STRIDE_MS : 0;
    const lastRun = new Map<string, number>();
    const dueAt = (errand: Errand) => {
      const last = lastRun.get(keyOf(errand.component, errand.id)) ?? -Infinity;
      return errand.isCron ? Math.max(errand.at, Math.min(last + stride, end)) : errand.at;
    };
    await this.idle();
    for (let runs = 0; ; runs++) {
      const next = this.earliest(dueAt);
      if (next === null || next.at > end) break;
      if (runs === RUNS_PER_ADVANCE) {
        throw new Error(
          `${runs} functions have run, and more are due: one may schedule itself without end. ` +
            `Time stands at ${new Date(clock.now()).toISOString()}.`,
        );
      }
      clock.moveTo(next.at);
      lastRun.set(keyOf(next.errand.component, next.errand.id), next.at);
      await this.start(next.errand);
    }
    clock.moveTo(end);
    this.forgetOldResults(end);
  }

  private async idle(): Promise<void> {
    while (this.running.size > 0) await Promise.all(this.running.values());
  }

  private readonly tick = (): void => {
    const now = this.deployment.clock.now();
    const due = [...this.waiting.values()].filter((errand) => errand.at <= now && !this.isRunning(errand));
    for (const errand of due.sort((a, b) => a.at - b.at)) void this.start(errand);
    this.forgetOldResults(now);
    this.wake();
  };

  private wake(): void {
    realClearTimeout(this.timer);
    if (!this.open || this.advancing !== null) return;
    const next = this.earliest(({ at }) => at);
    if (next === null) return;
    const delay = Math.max(0, next.at - this.deployment.clock.now());
    this.timer = realSetTimeout(this.tick, Math.min(delay, LONGEST_TIMER_MS));
  }

  private start(errand: Errand): Promise<void> {
    const key = keyOf(errand.component, errand.id);
    const run = this.deployment
      .perform(errand)
      .catch((error: unknown) => {
        // Nothing could be written of it. It waits for the next start, rather than to be tried at once.
        this.deployment.log.error(`${errand.target.udfPath} could not be run:`, error);
        this.waiting.delete(key);
      })
      .finally(() => {
        this.running.delete(key);
        this.wake();
      });
    this.running.set(key, run);
    return run;
  }

  private earliest(dueAt: (errand: Errand) => number): { errand: Errand; at: number } | null {
    let earliest: { errand: Errand; at: number } | null = null;
    for (const errand of this.waiting.values()) {
      const at = dueAt(errand);
      if (!this.isRunning(errand) && (earliest === null || at < earliest.at)) earliest = { errand, at };
    }
    return earliest;
  }

  private isRunning({ component, id }: Errand): boolean {
    return this.running.has(keyOf(component, id));
  }

  private take(component: string, document: StoredDocument): void {
    const errand = errandOf(component, document);
    if (errand !== null) this.waiting.set(keyOf(component, document._id), errand);
    const at = (document as Job).completedTime;
    if (at !== undefined) this.finished.push({ component, id: document._id, at });
  }

  private forgetOldResults(now: number): void {
    const old = this.finished.findIndex(({ at }) => at > now - RESULTS_KEPT_MS);
    const gone = this.finished.splice(0, old === -1 ? this.finished.length : old);
    this.deployment.commit(
      gone.map(({ component, id }) => ({ component, id, table: "_scheduled_functions", after: null })),
    );
  }
}

function keyOf(component: string, id: string): string {
  return `${component}/${id}`;
}
