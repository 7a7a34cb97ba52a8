/**
 * A deployment in memory that real Convex clients talk to: it speaks their protocol over a socket that is
 * no socket, runs the functions in convex-test, and sends each subscribed query anew when anything changed.
 */
import { ConvexReactClient } from "convex/react";
import { makeFunctionReference } from "convex/server";
import { ConvexError, convexToJson, jsonToConvex, type JSONValue, type Value } from "convex/values";
import type { Deployed } from "./app.js";

interface Add {
  type: "Add";
  queryId: number;
  udfPath: string;
  args: JSONValue[];
}
type Message =
  | {
      type: "ModifyQuerySet";
      newVersion: number;
      modifications: (Add | { type: "Remove"; queryId: number })[];
    }
  | { type: "Mutation" | "Action"; requestId: number; udfPath: string; args: JSONValue[] }
  | { type: "Connect" | "Authenticate" | "Event" };

interface Result {
  value?: JSONValue;
  error?: { message: string; data?: JSONValue };
}

export class Backend {
  /** Who is signed in, on every page. */
  subject: string | null = "ada";
  /** By how much the deployment's clock is ahead of this one; needs fake timers. */
  aheadMs = 0;
  /** Holds back what mutations have done until it is resolved. */
  gate: Promise<void> = Promise.resolve();
  /** Functions that fail, with what. */
  readonly failing = new Map<string, Error>();
  /** Every call of a mutation or action. */
  readonly calls: { path: string; args: unknown }[] = [];
  private readonly sockets = new Set<Socket>();
  private readonly clients: ConvexReactClient[] = [];
  private working: Promise<void> = Promise.resolve();
  private version = 0;

  constructor(readonly t: Deployed) {}

  /** A page of its own. */
  client(): ConvexReactClient {
    const client = new ConvexReactClient("https://tally.convex.cloud", {
      webSocketConstructor: socketOf(this),
      logger: false,
    });
    this.clients.push(client);
    return client;
  }

  /** All that was sent so far is done, and its answers have gone out. */
  async idle(): Promise<void> {
    let before;
    do {
      before = this.working;
      await before;
      await new Promise<void>((resolve) => setImmediate(resolve));
    } while (before !== this.working);
  }

  /** Runs all subscribed queries again, as after a write of somebody else's. */
  async refresh(): Promise<void> {
    this.enqueue(() => this.publish());
    await this.idle();
  }

  async close(): Promise<void> {
    await this.idle();
    await Promise.all(this.clients.map((client) => client.close()));
  }

  connect(socket: Socket): void {
    this.sockets.add(socket);
  }

  disconnect(socket: Socket): void {
    this.sockets.delete(socket);
  }

  receive(socket: Socket, message: Message): void {
    switch (message.type) {
      case "ModifyQuerySet":
        return this.enqueue(() => socket.modify(message, (add) => this.query(add)));
      case "Mutation":
      case "Action":
        return this.enqueue(() => this.write(socket, message));
      case "Connect":
      case "Authenticate":
      case "Event":
    }
  }

  private enqueue(work: () => Promise<void>): void {
    this.working = this.working.then(work);
  }

  private async write(socket: Socket, message: Message & { type: "Mutation" | "Action" }): Promise<void> {
    const { type, requestId, udfPath, args } = message;
    const kind = type === "Mutation" ? "mutation" : "action";
    this.calls.push({ path: udfPath, args: args[0] });
    const { value = null, error } = await this.run(kind, udfPath, args);
    await this.gate;
    this.version += 1;
    const outcome = error
      ? { success: false, result: error.message, ...(error.data !== undefined && { errorData: error.data }) }
      : { success: true, result: value };
    const ts = encoded(this.version);
    socket.answer({ type: `${type}Response`, requestId, logLines: [], ...outcome, ts });
    await this.publish();
  }

  private async publish(): Promise<void> {
    this.version += 1;
    for (const socket of this.sockets) await socket.publish(this.version, (add) => this.query(add));
  }

  private query({ udfPath, args }: Add): Promise<Result> {
    return this.run("query", udfPath, args);
  }

  private async run(kind: "query" | "mutation" | "action", path: string, args: JSONValue[]): Promise<Result> {
    const caller = this.subject === null ? this.t : this.t.withIdentity({ subject: this.subject });
    const given = jsonToConvex(args[0] ?? {}) as Record<string, Value>;
    const restore = this.turnClock();
    try {
      const failure = this.failing.get(path);
      if (failure !== undefined) throw failure;
      const value: unknown =
        kind === "query"
          ? await caller.query(makeFunctionReference<"query">(path), given)
          : kind === "mutation"
            ? await caller.mutation(makeFunctionReference<"mutation">(path), given)
            : await caller.action(makeFunctionReference<"action">(path), given);
      return { value: convexToJson((value ?? null) as Value) };
    } catch (thrown) {
      const error = thrown as Error;
      const isKnown = error instanceof ConvexError;
      return {
        error: {
          message: error.message,
          ...(isKnown && { data: convexToJson(error.data as Value) }),
        },
      };
    } finally {
      restore();
    }
  }

  /** Nothing else runs meanwhile: the deployment answers one call at a time. */
  private turnClock(): () => void {
    const here = Date.now;
    if (this.aheadMs === 0) return () => {};
    Date.now = () => here() + this.aheadMs;
    return () => {
      Date.now = here;
    };
  }
}

/** A constructor as the client calls it, which uses no more of a socket than ours has. */
function socketOf(backend: Backend): typeof WebSocket {
  return class extends Socket {
    constructor() {
      super(backend);
    }
  } as unknown as typeof WebSocket;
}

class Socket {
  onopen: (() => void) | null = null;
  onmessage: ((event: { data: string }) => void) | null = null;
  onclose: ((event: object) => void) | null = null;
  onerror: ((event: object) => void) | null = null;
  readyState = 1;
  private readonly queries = new Map<number, { add: Add; last: string }>();
  private querySet = 0;
  private version = 0;

  constructor(private readonly backend: Backend) {
    backend.connect(this);
    queueMicrotask(() => this.onopen?.());
  }

  send(data: string): void {
    this.backend.receive(this, JSON.parse(data) as Message);
  }

  close(): void {
    this.readyState = 3;
    this.backend.disconnect(this);
    queueMicrotask(() => this.onclose?.({ code: 1000, reason: "closed" }));
  }

  answer(message: object): void {
    if (this.readyState === 1) this.onmessage?.({ data: JSON.stringify(message) });
  }

  async modify(
    { newVersion, modifications }: Message & { type: "ModifyQuerySet" },
    run: (add: Add) => Promise<Result>,
  ): Promise<void> {
    const changes: object[] = [];
    for (const modification of modifications) {
      if (modification.type === "Remove") {
        this.queries.delete(modification.queryId);
        changes.push({ type: "QueryRemoved", queryId: modification.queryId });
      } else {
        changes.push(...(await this.update(modification, "", run)));
      }
    }
    this.transition({ querySet: newVersion, version: this.version }, changes);
  }

  /** Sends what has changed of what is subscribed to. */
  async publish(version: number, run: (add: Add) => Promise<Result>): Promise<void> {
    const changes: object[] = [];
    for (const { add, last } of this.queries.values()) changes.push(...(await this.update(add, last, run)));
    this.transition({ querySet: this.querySet, version }, changes);
  }

  private async update(add: Add, last: string, run: (add: Add) => Promise<Result>): Promise<object[]> {
    const { value, error } = await run(add);
    const now = JSON.stringify({ value, error });
    this.queries.set(add.queryId, { add, last: now });
    if (now === last) return [];
    const common = { queryId: add.queryId, logLines: [], journal: null };
    return error
      ? [{ type: "QueryFailed", ...common, errorMessage: error.message, errorData: error.data }]
      : [{ type: "QueryUpdated", ...common, value }];
  }

  private transition(next: { querySet: number; version: number }, modifications: object[]): void {
    const state = (querySet: number, version: number) => ({ querySet, identity: 0, ts: encoded(version) });
    const startVersion = state(this.querySet, this.version);
    [this.querySet, this.version] = [next.querySet, next.version];
    const endVersion = state(next.querySet, next.version);
    this.answer({ type: "Transition", startVersion, endVersion, modifications });
  }
}

/** As the protocol writes a timestamp: eight bytes, the lowest first. */
function encoded(version: number): string {
  const bytes = new Uint8Array(8);
  new DataView(bytes.buffer).setBigUint64(0, BigInt(version), true);
  return btoa(String.fromCharCode(...bytes));
}
