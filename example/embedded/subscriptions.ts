import type { Caller, FunctionCall, Outcome } from "./engine.js";
import type { AddQuery, StateModification } from "./protocol.js";
import { conflicts, type Change, type ReadSet } from "./reads.js";
import { answerSystemQuery, argumentsOf, isSystemQuery, type SystemServices } from "./system.js";

interface Subscription {
  queryId: number;
  udfPath: string;
  componentPath: string;
  args: FunctionCall["args"];
  journal: string | null;
  /** What its result depends on; null when on anything. */
  reads: ReadSet | null;
  /** Whether it has to run before the client's next state. */
  isStale: boolean;
  /** What the client was told last. */
  told: string | null;
}

type Result = Outcome & { reads: ReadSet | null; journal: string | null };

/** The queries that one client wants kept current. */
export class Subscriptions {
  private readonly held = new Map<number, Subscription>();
  private removed: number[] = [];

  /** Since the last refresh began: its results may be from before them. */
  private commits: { ts: bigint; changes: readonly Change[] | null }[] = [];

  constructor(private readonly services: SystemServices) {}

  get areStale(): boolean {
    return [...this.held.values()].some(({ isStale }) => isStale);
  }

  add({ queryId, udfPath, args, journal }: AddQuery, componentPath: string): void {
    this.held.set(queryId, {
      ...{ queryId, udfPath, componentPath },
      args: argumentsOf(args),
      journal: journal ?? null,
      reads: null,
      isStale: true,
      told: null,
    });
  }

  remove(queryId: number): void {
    this.held.delete(queryId);
    this.removed.push(queryId);
  }

  /** Whoever asks is another now. */
  invalidate(): void {
    for (const subscription of this.held.values()) subscription.isStale = true;
  }

  /** A commit makes stale what has read what it changed. */
  committed(ts: bigint, changes: readonly Change[] | null): void {
    this.commits.push({ ts, changes });
    for (const subscription of this.held.values()) {
      if (touches(changes, subscription.reads)) subscription.isStale = true;
    }
  }

  /** Runs what is stale, all on one snapshot. @returns what the client does not know yet */
  async refresh(caller: Caller): Promise<{ ts: bigint; modifications: StateModification[] }> {
    const removals = this.removed.map((queryId) => ({ type: "QueryRemoved" as const, queryId }));
    const stale = [...this.held.values()].filter(({ isStale }) => isStale);
    this.removed = [];
    this.commits = [];
    for (const subscription of stale) subscription.isStale = false;

    const { ts, results } = await this.run(stale, caller);
    const news = stale.flatMap((subscription, at) => this.record(subscription, results[at]!, ts));
    return { ts, modifications: [...removals, ...news] };
  }

  private async run(stale: Subscription[], caller: Caller): Promise<{ ts: bigint; results: Result[] }> {
    const { engine } = this.services;
    if (stale.length === 0) return { ts: engine.lastTs(), results: [] };
    const isSystem = ({ udfPath }: Subscription) => caller.isAdmin && isSystemQuery(udfPath);
    const ofApp = stale.filter((subscription) => !isSystem(subscription));
    const { ts, results } = await engine.runQueries(ofApp, caller);
    const resultOf = (subscription: Subscription): Result =>
      isSystem(subscription)
        ? { ...answerSystemQuery(this.services, subscription), reads: null, journal: null }
        : results[ofApp.indexOf(subscription)]!;
    return { ts, results: stale.map(resultOf) };
  }

  /** @returns what the client does not know yet */
  private record(subscription: Subscription, result: Result, ts: bigint): StateModification[] {
    const { queryId } = subscription;
    subscription.reads = result.reads;
    if (result.ok) subscription.journal = result.journal;
    if (this.commits.some((commit) => commit.ts > ts && touches(commit.changes, result.reads))) {
      subscription.isStale = true;
    }
    // Meanwhile the client may have dropped it.
    if (this.held.get(queryId) !== subscription) return [];

    const content = contentOf(result);
    const telling = JSON.stringify(content);
    if (telling === subscription.told) return [];
    subscription.told = telling;
    return [{ ...content, queryId, logLines: result.logLines }];
  }
}

/** What makes one result another than the last. */
function contentOf(result: Result) {
  return result.ok
    ? { type: "QueryUpdated" as const, value: result.value, journal: result.journal }
    : {
        type: "QueryFailed" as const,
        errorMessage: result.errorMessage,
        ...(result.errorData === undefined ? {} : { errorData: result.errorData }),
        journal: null,
      };
}

function touches(changes: readonly Change[] | null, reads: ReadSet | null): boolean {
  return changes === null || reads === null || conflicts(reads, changes) !== null;
}
