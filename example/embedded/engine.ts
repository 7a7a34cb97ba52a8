import type { GenericDocument, UserIdentity } from "convex/server";
import { convexToJson, jsonToConvex, type JSONValue, type Value } from "convex/values";
import { Clock } from "./clock.js";
import { Documents } from "./documents.js";
import {
  Functions,
  isFunction,
  typeOf,
  type Deployment,
  type Execution,
  type FunctionType,
} from "./functions.js";
import { canceled, cronWrites, newDocument, type Errand, type Job } from "./jobs.js";
import { failure, type Outcome } from "./outcomes.js";
import { conflicts, ReadSet, type Change } from "./reads.js";
import { Runtime, type FunctionPath, type Module, type Schema } from "./runtime.js";
import { Schedule } from "./schedule.js";
import { openStore, type Store } from "./store.js";
import type { Log } from "./surroundings.js";
import {
  SystemError,
  Transactions,
  type Attempt,
  type CommitListener,
  type Concurrency,
  type Write,
} from "./transactions.js";
import { asTheyCome, SeededTurns, type Turns } from "./turns.js";
import { Variables } from "./variables.js";

export { conflicts, ReadSet };
export type { Change, Concurrency, Log, Module, Outcome, Schema };

export interface Caller {
  identity: UserIdentity | null;
  isAdmin: boolean;
}

export interface FunctionCall {
  kind: FunctionType | "any";
  /** "" for the app. */
  componentPath: string;
  /** Such as "chat:send". */
  udfPath: string;
  args: Record<string, Value>;
}

export interface DeployedComponent {
  path: string;
  schema: Schema | null;
  /** By their paths, such as "chat" and "lib/x". */
  modules: ReadonlyMap<string, Module>;
}

export interface QueryCall {
  componentPath: string;
  udfPath: string;
  args: Record<string, Value>;
  journal: string | null;
}

export interface Violation {
  componentPath: string;
  tableName: string;
  error: string;
}

/** A deployment without its network: functions, documents, time. */
export interface Engine {
  run(call: FunctionCall, caller: Caller): Promise<Outcome>;
  /** All at one consistent snapshot, each with what it has read. */
  runQueries(
    queries: readonly QueryCall[],
    caller: Caller,
  ): Promise<{ ts: bigint; results: (Outcome & { reads: ReadSet; journal: string | null })[] }>;
  /** After each commit; changes are null when everything may have changed, as after a deploy. */
  onCommit(listener: CommitListener): () => void;
  /** HTTP actions. */
  fetch(path: string, init: RequestInit, identity?: UserIdentity | null): Promise<Response>;
  /** The first stored document that the new schemas refuse, in Convex's words; null when there is none. */
  violation(components: readonly DeployedComponent[]): Violation | null;
  deploy(components: readonly DeployedComponent[]): void;
  components(): readonly DeployedComponent[];
  tables(componentPath: string): string[];
  documents(componentPath: string, table: string): GenericDocument[];
  /** The app's environment variables. */
  readonly env: Map<string, string>;
  readonly concurrency: Readonly<Concurrency>;
  /** Whether a query or a mutation is what runs where this is asked. */
  inTransaction(): boolean;
  lastTs(): bigint;
  now(): number;
  /** Moves time forward and runs all that falls due on the way, in order; answers with the new time. */
  advance(ms: number): Promise<number>;
  close(): Promise<void>;
}

export interface EngineOptions {
  /** Where documents are kept; null for memory alone. */
  dataDir: string | null;
  env: Record<string, string>;
  siteUrl: string;
  cloudUrl: string;
  log: Log;
  /** Mutations that run at once take turns in an order that the seed decides. For tests. */
  seed?: number;
  /** Whether conflicts are looked for at all. For tests of the tests: without, updates are lost. */
  validate?: boolean;
}

export async function createEngine(options: EngineOptions): Promise<Engine> {
  const engine = new EmbeddedEngine(options);
  await engine.start();
  return engine;
}

class EmbeddedEngine implements Engine {
  readonly env: Variables;
  private readonly store: Store;
  private readonly clock: Clock;
  private readonly stored = new Documents();
  private readonly turns: Turns;
  private readonly functions: Functions;
  private readonly schedule: Schedule;
  private runtime!: Runtime;
  private transactions!: Transactions;
  private deployed: readonly DeployedComponent[] = [];
  private closing: Promise<void> | null = null;

  constructor(private readonly options: EngineOptions) {
    const { dataDir, env, log, seed } = options;
    this.store = openStore(dataDir, log);
    const { kept } = this.store;
    this.env = new Variables({ ...kept.env, ...env }, () => {
      this.store.env(Object.fromEntries(this.env));
      this.transactions.commitAll();
    });
    this.clock = new Clock(kept.clockOffset, (offset) => this.store.clockOffset(offset));
    for (const { component, document } of kept.documents) this.stored.load(component, document);
    for (const [component, nextId] of kept.nextIds) this.stored.reserveIds(component, nextId);
    this.turns = seed === undefined ? asTheyCome : new SeededTurns(seed);
    this.functions = new Functions(this.deployment());
    this.schedule = new Schedule({
      clock: this.clock,
      documents: this.stored,
      log,
      commit: (writes) => this.transactions.commit(writes),
      perform: (errand) => this.perform(errand),
    });
  }

  async start(): Promise<void> {
    this.runtime = await Runtime.start(this.functions);
    this.transactions = new Transactions(this.runtime, this.stored, {
      turns: this.turns,
      validate: this.options.validate ?? true,
      now: () => this.now(),
      lastTs: this.store.kept.lastTs,
      keep: (ts, changes) => this.store.commit(ts, changes),
    });
    this.transactions.onCommit((_ts, changes) => this.schedule.follow(changes ?? []));
  }

  async run(
    { kind, componentPath, udfPath, args }: FunctionCall,
    { identity, isAdmin }: Caller,
  ): Promise<Outcome> {
    const logLines: string[] = [];
    try {
      const { type, path } = this.resolve(kind, { componentPath, udfPath }, isAdmin);
      const { ts, value } = await this.execute(type, path, args, identity, logLines);
      return { ok: true, value, logLines, ts };
    } catch (error) {
      return { ...failure(error), logLines, ts: this.lastTs() };
    }
  }

  async runQueries(queries: readonly QueryCall[], { identity, isAdmin }: Caller) {
    const { ts, value } = await this.transactions.read(async (fork, ts) => {
      const results = [];
      for (const { componentPath, udfPath, args, journal } of queries) {
        const transaction = { fork: fork(), reads: new ReadSet() };
        const execution = { ...this.execution(identity, [], transaction), journal };
        const { logLines } = execution;
        const outcome = await this.outcome(async () => {
          const { path } = this.resolve("query", { componentPath, udfPath }, isAdmin);
          return this.functions.within(execution, () =>
            this.runtime.transaction(transaction.fork, "query", path, args),
          );
        });
        results.push({ ...outcome, logLines, ts, reads: transaction.reads, journal: execution.journal });
      }
      return results;
    });
    return { ts, results: value };
  }

  onCommit(listener: CommitListener): () => void {
    return this.transactions.onCommit((ts, changes) => {
      try {
        listener(ts, changes);
      } catch (error) {
        // The commit has happened, and the mutation must not seem to have failed.
        this.options.log.error("A listener to commits has failed:", error);
      }
    });
  }

  async fetch(path: string, init: RequestInit, identity: UserIdentity | null = null): Promise<Response> {
    if (!this.module("", "http")) {
      return new Response("This Convex deployment does not have HTTP actions enabled.", { status: 404 });
    }
    try {
      const execution = this.execution(identity, [], null);
      return await this.functions.within(execution, () => this.runtime.fetch(path, init));
    } catch (error) {
      const { errorMessage } = failure(error);
      this.options.log.error(errorMessage);
      return Response.json({ code: errorMessage, trace: "" }, { status: 500 });
    }
  }

  violation(components: readonly DeployedComponent[]): Violation | null {
    for (const { path, schema } of components) {
      if (schema === null) continue;
      const objection = this.runtime.objections(schema);
      for (const tableName of this.tables(path)) {
        for (const document of this.stored.in(path, tableName)) {
          const against = objection(document);
          if (against === null) continue;
          const error = `Document with ID "${document._id}" in table "${tableName}" does not match the schema: ${against}`;
          return { componentPath: path, tableName, error };
        }
      }
    }
    return null;
  }

  deploy(components: readonly DeployedComponent[]): void {
    const violation = this.violation(components);
    if (violation !== null) throw new Error(`Schema validation failed. ${violation.error}`);
    this.deployed = components;
    this.runtime.deploy(
      components.map(({ path, schema, modules }) => {
        const wrapped = new Map(
          [...modules].map(([name, module]) => [name, this.functions.wrapped(path, name, module)]),
        );
        return { path, schema, load: async (name: string) => wrapped.get(name) ?? notFound(name) };
      }),
    );
    this.transactions.commit(this.cronWrites());
    this.transactions.commitAll();
    this.schedule.resume();
  }

  components(): readonly DeployedComponent[] {
    return this.deployed;
  }

  tables(componentPath: string): string[] {
    return this.stored.tables(componentPath).filter((table) => !table.startsWith("_"));
  }

  documents(componentPath: string, table: string): GenericDocument[] {
    return this.stored.in(componentPath, table);
  }

  get concurrency(): Readonly<Concurrency> {
    return this.transactions.concurrency;
  }

  inTransaction(): boolean {
    return this.functions.inTransaction();
  }

  lastTs(): bigint {
    return this.transactions.lastTs;
  }

  now(): number {
    return this.clock.now();
  }

  advance(ms: number): Promise<number> {
    return this.schedule.advance(ms);
  }

  close(): Promise<void> {
    this.closing ??= this.schedule.close().then(() => {
      this.transactions.close();
      this.store.close();
    });
    return this.closing;
  }

  private async execute(
    type: FunctionType,
    path: FunctionPath,
    args: Record<string, Value>,
    identity: UserIdentity | null,
    logLines: string[],
  ): Promise<{ ts: bigint; value: JSONValue }> {
    switch (type) {
      case "query":
        return this.transactions.read((fork) => {
          const transaction = { fork: fork(), reads: new ReadSet() };
          const execution = this.execution(identity, logLines, transaction);
          return this.functions.within(execution, () =>
            this.runtime.transaction(transaction.fork, "query", path, args),
          );
        });
      case "mutation":
        return this.transactions.mutate("caller", (attempt) => {
          logLines.length = 0;
          return this.mutation(attempt, path, args, identity, logLines);
        });
      case "action": {
        const execution = this.execution(identity, logLines, null);
        const value = await this.functions.within(execution, () => this.runtime.action(path, args));
        return { ts: this.lastTs(), value: convexToJson(value) };
      }
    }
  }

  private mutation(
    attempt: Attempt,
    path: FunctionPath,
    args: Record<string, Value>,
    identity: UserIdentity | null,
    logLines: string[],
  ): Promise<JSONValue> {
    const execution = this.execution(identity, logLines, attempt);
    return this.functions.within(execution, () =>
      this.runtime.transaction(attempt.fork, "mutation", path, args),
    );
  }

  /** Runs a scheduled function: a mutation exactly once, an action at most once. */
  private async perform(errand: Errand): Promise<void> {
    const { component, id, args } = errand;
    const stands = () => errand.stands(this.stored.get(component, id));
    let error: string | null = null;
    try {
      const { type, path } = this.resolve("any", errand.target, true);
      if (type === "mutation") {
        await this.transactions.mutate("job", async (attempt) => {
          attempt.reads.document(component, id);
          if (!stands()) return;
          attempt.alongside = errand.ended(this.now(), null);
          await this.mutation(attempt, path, args, null, []);
        });
        return;
      }
      this.transactions.commit(errand.begun(this.now()));
      await this.execute(type, path, args, null, []);
    } catch (thrown) {
      error = failure(thrown).errorMessage;
      this.options.log.error(`Scheduled ${errand.target.udfPath} failed: ${error}`);
    }
    if (stands()) this.transactions.commit(errand.ended(this.now(), error));
  }

  /** Of all components, also of those that are not deployed any more. */
  private cronWrites(): Write[] {
    const paths = new Set([...this.deployed.map(({ path }) => path), ...this.stored.paths()]);
    return [...paths].flatMap((path) =>
      cronWrites(path, this.module(path, "crons")?.default, this.stored, this.now()),
    );
  }

  private execution(
    identity: UserIdentity | null,
    logLines: string[],
    transaction: Execution["transaction"],
  ): Execution {
    const begun = this.now();
    return {
      identity,
      logLines,
      // In a transaction time stands still.
      now: transaction === null ? () => this.now() : () => begun,
      transaction,
      turn: transaction === null ? asTheyCome.next : () => this.turns.next(),
      journal: null,
    };
  }

  private async outcome(call: () => Promise<JSONValue>) {
    try {
      return { ok: true as const, value: await call() };
    } catch (error) {
      return failure(error);
    }
  }

  /** @throws in Convex's words, when there is no such function for this caller. */
  private resolve(kind: FunctionType | "any", { componentPath, udfPath }: FunctionPath, isAdmin: boolean) {
    const [modulePath, name = "default"] = udfPath.split(":");
    const path = { componentPath, udfPath: `${modulePath!.replace(/\.js$/, "")}:${name}` };
    const found = this.module(componentPath, modulePath!.replace(/\.js$/, ""))?.[name];
    const type = isFunction(found) ? typeOf(found) : null;
    const visible = isAdmin || (componentPath === "" && isFunction(found) && found.isPublic);
    if (type === null || !visible) {
      throw new SystemError(
        `Could not find ${isAdmin ? "" : "public "}function for '${path.udfPath.replace(/:default$/, "")}'. ` +
          "Did you forget to run `npx convex dev` or `npx convex deploy`?",
      );
    }
    if (kind !== "any" && kind !== type) {
      throw new SystemError(
        `Trying to execute ${path.udfPath} as ${titled(kind)}, but it is defined as ${titled(type)}.`,
      );
    }
    return { type, path };
  }

  private module(componentPath: string, modulePath: string): Module | undefined {
    return this.deployed.find(({ path }) => path === componentPath)?.modules.get(modulePath);
  }

  private deployment(): Deployment {
    return {
      indexFields: (...index) => this.runtime.indexFields(...index),
      env: (component) => ({
        CONVEX_CLOUD_URL: this.options.cloudUrl,
        CONVEX_SITE_URL: this.options.siteUrl,
        ...(component === "" ? Object.fromEntries(this.env) : {}),
      }),
      call: async (type, path, args, identity) =>
        jsonToConvex((await this.execute(type, path, args, identity, [])).value),
      schedule: (component, job) => {
        const write = newDocument(this.stored, component, "_scheduled_functions", this.now(), job);
        this.transactions.commit([write]);
        return write.id;
      },
      cancel: (component, id) => {
        const job = this.stored.get(component, id) as Job | null;
        this.transactions.commit(canceled(component, job, this.now()));
      },
      siteUrl: this.options.siteUrl,
      log: this.options.log,
    };
  }
}

function titled(type: FunctionType): string {
  return type[0]!.toUpperCase() + type.slice(1);
}

function notFound(module: string): never {
  throw new Error(`Could not find module for: "${module}"`);
}
