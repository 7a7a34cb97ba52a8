import type { WebSocket } from "ws";
import { ANYONE, type Authentication, type SignedIn } from "./auth.js";
import type { FunctionCall, Log, Outcome } from "./engine.js";
import {
  encodedTs,
  transition,
  type ActionRequest,
  type Authenticate,
  type ClientMessage,
  type MutationRequest,
  type ServerMessage,
  type StateVersion,
} from "./protocol.js";
import { Refusal } from "./refusal.js";
import type { Replays } from "./replays.js";
import { Subscriptions } from "./subscriptions.js";
import { argumentsOf, type SystemServices } from "./system.js";

const HEARTBEAT_MS = 15_000;

/** A client that is alive answers a ping; two in a row without an answer are its end. */
const SILENT_HEARTBEATS = 2;

/** Convex's limit for one socket. */
const PENDING_REQUESTS = 1_000;

export interface SyncServices extends SystemServices {
  authentication: Authentication;
  replays: Replays;
  log: Log;
  heartbeatMs?: number;
}

/** The protocol on one socket: keeps a client's queries current, and runs its mutations and actions. */
export class SyncSession {
  private sessionId: string | null = null;
  private caller: SignedIn = ANYONE;
  private readonly subscriptions: Subscriptions;

  /** What the client holds, once all that was sent has arrived. */
  private sent: StateVersion = { querySet: 0, identity: 0, ts: 0n };
  /** What it has asked for. */
  private asked = { querySet: 0, identity: 0 };

  private isUpdating = false;
  private isUpdateDue = false;

  private inbox = Promise.resolve();
  private mutations = Promise.resolve();
  private pending = 0;
  private silentHeartbeats = 0;

  constructor(
    private readonly socket: WebSocket,
    private readonly services: SyncServices,
  ) {
    this.subscriptions = new Subscriptions(services);
    const stopListening = services.engine.onCommit((ts, changes) => {
      this.subscriptions.committed(ts, changes);
      if (this.subscriptions.areStale) this.scheduleUpdate();
    });
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
        assertBase(message.baseVersion, this.asked.querySet);
        for (const change of message.modifications) {
          if (change.type === "Remove") this.subscriptions.remove(change.queryId);
          else this.subscriptions.add(change, this.componentOf(change.componentPath));
        }
        this.asked.querySet = message.newVersion;
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
    assertBase(message.baseVersion, this.asked.identity);
    try {
      this.caller = await this.callerOf(message);
    } catch (error) {
      if (!(error instanceof Refusal)) throw error;
      return this.refuseIdentity(error.message, true);
    }
    this.asked.identity = message.baseVersion + 1;
    this.subscriptions.invalidate();
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
    this.send({ type: "AuthError", error, baseVersion: this.asked.identity, authUpdateAttempted });
    this.socket.close();
  }

  /** @returns false after telling the client that its token has run out */
  private isSignedInStill(): boolean {
    if (Date.now() < this.caller.expiresAt) return true;
    this.refuseIdentity("Could not validate token: Token expired", false);
    return false;
  }

  private componentOf(path: string | undefined): string {
    if (path && !this.caller.isAdmin) {
      throw new Refusal(403, "Forbidden", "Only an admin can call the functions of a component.");
    }
    return path ?? "";
  }

  /** One after the other, in the client's order. */
  private mutate(request: MutationRequest): void {
    if (!this.isSignedInStill()) return;
    const { engine, replays } = this.services;
    const { caller, sessionId } = this;
    const { requestId } = request;
    const call = this.enqueue("mutation", request);
    const run = () => engine.run(call, caller);
    this.mutations = this.mutations.then(() =>
      this.guarded(async () => {
        const outcome = await (sessionId === null ? run() : replays.once(sessionId, requestId, run));
        this.pending--;
        const told = { type: "MutationResponse" as const, requestId };
        this.send(
          outcome.ok
            ? { ...told, ...success(outcome), ts: encodedTs(outcome.ts) }
            : { ...told, ...failure(outcome) },
        );
        // The client waits for a state that holds its write, whether or not it sees it there.
        this.scheduleUpdate();
      }),
    );
  }

  /** All at once. */
  private act(request: ActionRequest): void {
    if (!this.isSignedInStill()) return;
    const call = this.enqueue("action", request);
    void this.guarded(async () => {
      const outcome = await this.services.engine.run(call, this.caller);
      this.pending--;
      const told = { type: "ActionResponse" as const, requestId: request.requestId };
      this.send({ ...told, ...(outcome.ok ? success(outcome) : failure(outcome)) });
    });
  }

  private enqueue(kind: "mutation" | "action", request: MutationRequest | ActionRequest): FunctionCall {
    const { udfPath, args, componentPath } = request;
    const call = { kind, udfPath, args: argumentsOf(args), componentPath: this.componentOf(componentPath) };
    if (this.pending >= PENDING_REQUESTS) {
      throw new Refusal(
        429,
        "TooManyConcurrentMutations",
        `Too many concurrent mutations. Only up to ${PENDING_REQUESTS} pending mutations allowed on a single websocket.`,
      );
    }
    this.pending++;
    return call;
  }

  private scheduleUpdate(): void {
    this.isUpdateDue = true;
    if (this.isUpdating) return;
    this.isUpdating = true;
    const updates = () =>
      this.guarded(async () => {
        while (this.isOpen && (this.isUpdateDue || this.subscriptions.areStale)) await this.update();
        this.isUpdating = false;
      });
    // What comes in the same turn goes out in one transition.
    queueMicrotask(() => void updates());
  }

  /** Brings the client from the state that it holds to the present one. */
  private async update(): Promise<void> {
    this.isUpdateDue = false;
    if (!this.isSignedInStill()) return;
    const asked = { ...this.asked };
    const { ts, modifications } = await this.subscriptions.refresh(this.caller);
    const version = { ...asked, ts: ts > this.sent.ts ? ts : this.sent.ts };
    if (modifications.length === 0 && isSameVersion(version, this.sent)) return;
    this.send(transition(this.sent, version, modifications));
    this.sent = version;
  }

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

  /** An error of the client's ends its session for good; after one of ours it connects anew. */
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

function success({ value, logLines }: Extract<Outcome, { ok: true }>) {
  return { success: true as const, result: value, logLines };
}

function failure({ errorMessage, errorData, logLines }: Extract<Outcome, { ok: false }>) {
  const data = errorData === undefined ? {} : { errorData };
  return { success: false as const, result: errorMessage, logLines, ...data };
}

function isSameVersion(a: StateVersion, b: StateVersion): boolean {
  return a.querySet === b.querySet && a.identity === b.identity && a.ts === b.ts;
}
