import type { WebSocket } from "ws";
import { ANYONE, type Authentication, type SignedIn } from "./auth.js";
import type { FunctionCall, Log, Outcome } from "./engine.js";
import {
  encodedTs,
  transition,
  type ActionRequest,
  type AddQuery,
  type Authenticate,
  type ClientMessage,
  type MutationRequest,
  type ServerMessage,
  type StateModification,
  type StateVersion,
} from "./protocol.js";
import { conflicts, type Change, type ReadSet } from "./reads.js";
import { Refusal } from "./refusal.js";
import type { Replays } from "./replays.js";
import { answerSystemQuery, argumentsOf, isSystemQuery, type SystemServices } from "./system.js";

export const HEARTBEAT_MS = 15_000;

/** A client that is alive answers a ping; two unanswered ones in a row are its end. */
const SILENT_HEARTBEATS = 2;

/** Convex's limit for one socket. */
const PENDING_REQUESTS = 1_000;

export interface SyncServices extends SystemServices {
  authentication: Authentication;
  replays: Replays;
  log: Log;
  heartbeatMs?: number;
}

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

/** The protocol on one socket: keeps a client's subscriptions current, and runs its mutations and actions. */
export class SyncSession {
  private sessionId: string | null = null;
  private caller: SignedIn = ANYONE;
  private readonly subscriptions = new Map<number, Subscription>();
  private removed: number[] = [];

  /** What the client holds, once all that was sent has arrived. */
  private sent: StateVersion = { querySet: 0, identity: 0, ts: 0n };
  /** What it has asked for. */
  private querySet = 0;
  private identity = 0;

  private updating = false;
  private hasNews = false;
  /** Commits during an update: its results may be from before them. */
  private readonly commits: { ts: bigint; changes: readonly Change[] | null }[] = [];

  private inbox = Promise.resolve();
  private mutations = Promise.resolve();
  private pending = 0;
  private silentHeartbeats = 0;

  constructor(
    private readonly socket: WebSocket,
    private readonly services: SyncServices,
  ) {
    const stopListening = services.engine.onCommit((ts, changes) => this.onCommit(ts, changes));
    const heartbeat = setInterval(() => this.beat(), services.heartbeatMs ?? HEARTBEAT_MS);
    socket.on("message", (data) => {
      this.silentHeartbeats = 0;
      this.inbox = this.inbox.then(() => this.guarded(() => this.receive(parsed(String(data)))));
    });
    socket.on("pong", () => (this.silentHeartbeats = 0));
    // Whatever it was, `close` follows.
    socket.on("error", () => {});
    socket.on("close", () => {
      stopListening();
      clearInterval(heartbeat);
    });
  }

  private async receive(message: ClientMessage): Promise<void> {
    switch (message.type) {
      case "Connect":
        this.sessionId = message.sessionId;
        return;
      case "Authenticate":
        return await this.authenticate(message);
      case "ModifyQuerySet":
        assertBase(message.baseVersion, this.querySet);
        for (const change of message.modifications) {
          if (change.type === "Add") this.subscribe(change);
          else this.unsubscribe(change.queryId);
        }
        this.querySet = message.newVersion;
        return this.scheduleUpdate();
      case "Mutation":
        return this.mutate(message);
      case "Action":
        return this.act(message);
      case "Event":
        return;
      default:
        message satisfies never;
        throw new Refusal(400, "WSMessageInvalidJson", "Received a message of an unknown type.");
    }
  }

  private async authenticate(message: Authenticate): Promise<void> {
    assertBase(message.baseVersion, this.identity);
    try {
      this.caller = await this.callerOf(message);
    } catch (error) {
      if (!(error instanceof Refusal)) throw error;
      return this.refuseIdentity(error.message, true);
    }
    this.identity = message.baseVersion + 1;
    for (const subscription of this.subscriptions.values()) subscription.isStale = true;
    this.scheduleUpdate();
  }

  private async callerOf(message: Authenticate): Promise<SignedIn> {
    const { authentication } = this.services;
    switch (message.tokenType) {
      case "None":
        return ANYONE;
      case "User":
        return await authentication.ofToken(message.value);
      case "Admin":
        return authentication.ofAdminKey(message.value, message.impersonating ?? null);
    }
  }

  /** As in Convex, the socket closes: the client comes back with a better token, or with none. */
  private refuseIdentity(error: string, authUpdateAttempted: boolean): void {
    this.send({ type: "AuthError", error, baseVersion: this.identity, authUpdateAttempted });
    this.socket.close();
  }

  /** @returns false after telling the client that its token has run out */
  private isSignedInStill(): boolean {
    if (Date.now() < this.caller.expiresAt) return true;
    this.refuseIdentity("Could not validate token: Token expired", false);
    return false;
  }

  private subscribe({ queryId, udfPath, args, journal, componentPath }: AddQuery): void {
    this.subscriptions.set(queryId, {
      queryId,
      udfPath,
      componentPath: this.componentOf(componentPath),
      args: argumentsOf(args),
      journal: journal ?? null,
      reads: null,
      isStale: true,
      told: null,
    });
  }

  private unsubscribe(queryId: number): void {
    this.subscriptions.delete(queryId);
    this.removed.push(queryId);
  }

  private componentOf(path: string | undefined): string {
    if (path && !this.caller.isAdmin) {
      throw new Refusal(
        403,
        "Forbidden",
        "Only admin or system users can call functions on non-root components directly",
      );
    }
    return path ?? "";
  }

  // Mutations, in the client's order, and actions, all at once.

  private mutate({ requestId, udfPath, args, componentPath }: MutationRequest): void {
    if (!this.isSignedInStill()) return;
    const { engine, replays } = this.services;
    const { caller, sessionId } = this;
    const call = this.call("mutation", udfPath, args, componentPath);
    const run = () => engine.run(call, caller);
    this.enqueue();
    this.mutations = this.mutations.then(() =>
      this.guarded(async () => {
        const outcome = await (sessionId === null ? run() : replays.once(sessionId, requestId, run));
        this.pending--;
        this.send(
          outcome.ok
            ? { ...success(outcome), type: "MutationResponse", requestId, ts: encodedTs(outcome.ts) }
            : { ...failure(outcome), type: "MutationResponse", requestId },
        );
        // The client waits for a state that holds its write, whether or not it sees it there.
        this.scheduleUpdate();
      }),
    );
  }

  private act({ requestId, udfPath, args, componentPath }: ActionRequest): void {
    if (!this.isSignedInStill()) return;
    const call = this.call("action", udfPath, args, componentPath);
    this.enqueue();
    void this.guarded(async () => {
      const outcome = await this.services.engine.run(call, this.caller);
      this.pending--;
      this.send({
        ...(outcome.ok ? success(outcome) : failure(outcome)),
        type: "ActionResponse",
        requestId,
      });
    });
  }

  private call(
    kind: "mutation" | "action",
    udfPath: string,
    args: MutationRequest["args"],
    component: string | undefined,
  ): FunctionCall {
    return { kind, udfPath, args: argumentsOf(args), componentPath: this.componentOf(component) };
  }

  private enqueue(): void {
    if (this.pending >= PENDING_REQUESTS) {
      throw new Refusal(
        429,
        "TooManyConcurrentMutations",
        `Too many concurrent mutations. Only up to ${PENDING_REQUESTS} pending mutations allowed on a single websocket.`,
      );
    }
    this.pending++;
  }

  // Subscriptions.

  private onCommit(ts: bigint, changes: readonly Change[] | null): void {
    if (this.updating) this.commits.push({ ts, changes });
    let touched = false;
    for (const subscription of this.subscriptions.values()) {
      if (subscription.isStale || !touches(changes, subscription.reads)) continue;
      subscription.isStale = true;
      touched = true;
    }
    if (touched) this.scheduleUpdate();
  }

  private scheduleUpdate(): void {
    this.hasNews = true;
    if (this.updating) return;
    this.updating = true;
    // What comes in the same turn goes out in one transition.
    queueMicrotask(
      () =>
        void this.guarded(async () => {
          while (this.hasNews && this.isOpen) await this.update();
          this.updating = false;
        }),
    );
  }

  /** Brings the client from the state that it holds to the present one. */
  private async update(): Promise<void> {
    this.hasNews = false;
    if (!this.isSignedInStill()) return;
    const next = { querySet: this.querySet, identity: this.identity };
    const modifications: StateModification[] = this.removed
      .splice(0)
      .map((queryId) => ({ type: "QueryRemoved", queryId }));

    this.commits.length = 0;
    const stale = [...this.subscriptions.values()].filter(({ isStale }) => isStale);
    for (const subscription of stale) subscription.isStale = false;
    const { ts, results } = await this.run(stale);
    for (const [at, subscription] of stale.entries()) {
      const result = results[at];
      if (!result) throw new Error(`Query ${subscription.udfPath} has no result.`);
      const news = this.record(subscription, result, ts);
      if (news) modifications.push(news);
    }
    const version = { ...next, ts: ts > this.sent.ts ? ts : this.sent.ts };
    if (modifications.length === 0 && isSameVersion(version, this.sent)) return;
    this.send(transition(this.sent, version, modifications));
    this.sent = version;
  }

  /** All from one snapshot. */
  private async run(stale: Subscription[]): Promise<{ ts: bigint; results: Result[] }> {
    const { engine } = this.services;
    if (stale.length === 0) return { ts: engine.lastTs(), results: [] };
    const isSystem = ({ udfPath }: Subscription) => this.caller.isAdmin && isSystemQuery(udfPath);
    const app = await engine.runQueries(
      stale.filter((one) => !isSystem(one)),
      this.caller,
    );
    const results = app.results.values();
    return {
      ts: app.ts,
      results: stale.map((one) =>
        isSystem(one)
          ? { ...answerSystemQuery(this.services, one), reads: null, journal: null }
          : (results.next().value as Result),
      ),
    };
  }

  /** @returns what the client does not know yet */
  private record(subscription: Subscription, result: Result, ts: bigint): StateModification | null {
    const { queryId } = subscription;
    subscription.reads = result.reads;
    if (this.commits.some((commit) => commit.ts > ts && touches(commit.changes, result.reads))) {
      subscription.isStale = true;
      this.hasNews = true;
    }
    if (result.ok) subscription.journal = result.journal;
    // Meanwhile the client may have dropped it, or replaced it by another.
    if (this.subscriptions.get(queryId) !== subscription) return null;

    const { logLines } = result;
    const news: StateModification = result.ok
      ? { type: "QueryUpdated", queryId, value: result.value, logLines, journal: result.journal }
      : { ...failed(result), type: "QueryFailed", queryId, logLines, journal: null };
    const { logLines: _notCompared, ...content } = news;
    const telling = JSON.stringify(content);
    if (telling === subscription.told) return null;
    subscription.told = telling;
    return news;
  }

  // The socket.

  private get isOpen(): boolean {
    return this.socket.readyState === this.socket.OPEN;
  }

  private send(message: ServerMessage): void {
    if (this.isOpen) this.socket.send(JSON.stringify(message));
  }

  private beat(): void {
    if (++this.silentHeartbeats > SILENT_HEARTBEATS) return this.socket.terminate();
    this.send({ type: "Ping" });
    if (this.isOpen) this.socket.ping();
  }

  /** Errors of the client's end its session for good; after one of ours it connects anew. */
  private async guarded(work: () => Promise<void> | void): Promise<void> {
    try {
      if (this.isOpen) await work();
    } catch (error) {
      if (error instanceof Refusal) {
        this.send({ type: "FatalError", error: `${error.code}: ${error.message}` });
        this.socket.close();
      } else {
        this.services.log.error(error);
        this.socket.close(1011, "InternalServerError");
      }
    }
  }
}

type Result = Outcome & { reads: ReadSet | null; journal: string | null };

function parsed(text: string): ClientMessage {
  try {
    return JSON.parse(text) as ClientMessage;
  } catch (error) {
    throw new Refusal(400, "WSMessageInvalidJson", `Received Invalid JSON on websocket: ${String(error)}`);
  }
}

function assertBase(given: number, current: number): void {
  if (given === current) return;
  throw new Refusal(
    400,
    "BaseVersionMismatch",
    `Base version ${given} passed up doesn't match the current version ${current}`,
  );
}

function touches(changes: readonly Change[] | null, reads: ReadSet | null): boolean {
  return changes === null || reads === null || Boolean(conflicts(reads, changes));
}

function success({ value, logLines }: Extract<Outcome, { ok: true }>) {
  return { success: true as const, result: value, logLines };
}

function failure({ errorMessage, errorData, logLines }: Extract<Outcome, { ok: false }>) {
  return { success: false as const, result: errorMessage, logLines, ...data(errorData) };
}

function failed({ errorMessage, errorData }: Extract<Outcome, { ok: false }>) {
  return { errorMessage, ...data(errorData) };
}

function data<T>(errorData: T | undefined): { errorData?: T } {
  return errorData === undefined ? {} : { errorData };
}

function isSameVersion(a: StateVersion, b: StateVersion): boolean {
  return a.querySet === b.querySet && a.identity === b.identity && a.ts === b.ts;
}
