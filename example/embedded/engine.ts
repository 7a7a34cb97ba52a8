import type { GenericDocument, UserIdentity } from "convex/server";
import { jsonToConvex, type Value } from "convex/values";
import { Calls } from "./calls.js";
import { Clock } from "./clock.js";
import { Code, moduleOf, type DeployedComponent } from "./code.js";
import { Documents } from "./documents.js";
import { Functions, type FunctionType } from "./functions.js";
import { canceled, cronWrites, newDocument, type Job } from "./jobs.js";
import { failure, type Outcome } from "./outcomes.js";
import { conflicts, ReadSet, type Change } from "./reads.js";
import { Runtime, type Module, type Schema } from "./runtime.js";
import { Schedule } from "./schedule.js";
import { openStore } from "./store.js";
import type { Log } from "./surroundings.js";
import { SystemCalls, type Backend } from "./syscalls.js";
import { Transactions, type CommitListener, type Concurrency } from "./transactions.js";
import { asTheyCome, SeededTurns } from "./turns.js";
import { Variables } from "./variables.js";

export { conflicts, ReadSet };
export type { Change, Concurrency, DeployedComponent, Log, Module, Outcome, Schema };

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

/** @throws when the documents cannot be read, or convex-test is not the one that is known from inside. */
export async function createEngine(options: EngineOptions): Promise<Engine> {
  const { dataDir, env, siteUrl, cloudUrl, log, seed, validate = true } = options;
  const store = openStore(dataDir, log);
  const { kept } = store;
  const documents = new Documents();
  documents.apply(kept.documents);
  for (const [component, nextId] of kept.nextIds) documents.reserve(component, nextId);
  const clock = new Clock(kept.clockOffset, (offset) => store.clockOffset(offset));
  const turns = seed === undefined ? asTheyCome : new SeededTurns(seed);
  const variables = new Variables({ ...kept.env, ...env }, () => {
    store.env(Object.fromEntries(variables));
    transactions.commitAll();
  });
  const code = new Code();
  const functions: Functions = new Functions({
    siteUrl,
    log,
    env: (component) => ({
      CONVEX_CLOUD_URL: cloudUrl,
      CONVEX_SITE_URL: siteUrl,
      ...(component === "" ? Object.fromEntries(variables) : {}),
    }),
    call: async (type, path, args, identity) =>
      jsonToConvex((await calls.run({ type, path, args }, identity)).value),
  });
  const backend: Backend = {
    indexFields: (...index) => runtime.indexFields(...index),
    schedule: (component, job) => {
      const write = newDocument(documents, component, "_scheduled_functions", clock.now(), job);
      transactions.commit([write]);
      return write.id;
    },
    cancel: (component, id) => {
      const job = documents.get(component, id) as Job | null;
      transactions.commit(canceled(component, job, clock.now()));
    },
  };
  const syscalls = new SystemCalls(backend, () => functions.running());
  const runtime: Runtime = await Runtime.start(syscalls).catch((error: unknown) => {
    store.close();
    throw error;
  });
  const transactions = new Transactions(runtime, documents, {
    turns,
    validate,
    now: () => clock.now(),
    lastTs: kept.lastTs,
    keep: (ts, changes) => store.commit(ts, changes),
  });
  const calls: Calls = new Calls({ clock, code, documents, functions, log, runtime, transactions, turns });
  const schedule = new Schedule({
    clock,
    documents,
    log,
    commit: (writes) => transactions.commit(writes),
    perform: (errand) => calls.perform(errand),
  });
  transactions.onCommit((_ts, changes) => schedule.follow(changes ?? []));
  let closing: Promise<void> | null = null;

  const engine: Engine = {
    async run({ kind, componentPath, udfPath, args }, { identity, isAdmin }) {
      const logLines: string[] = [];
      try {
        const found = code.resolve(kind, { componentPath, udfPath }, isAdmin);
        return { ok: true, logLines, ...(await calls.run({ ...found, args }, identity, logLines)) };
      } catch (error) {
        return { ...failure(error), logLines, ts: transactions.lastTs };
      }
    },

    async runQueries(queries, { identity, isAdmin }) {
      const { ts, fork } = transactions.moment();
      const results = [];
      for (const { componentPath, udfPath, args, journal } of queries) {
        const reads = new ReadSet();
        const logLines: string[] = [];
        const execution = calls.execution(identity, { fork: fork(), reads }, logLines, journal);
        try {
          const found = code.resolve("query", { componentPath, udfPath }, isAdmin);
          const value = await calls.transaction({ ...found, args }, execution);
          results.push({ ok: true as const, value, logLines, ts, reads, journal: execution.journal });
        } catch (error) {
          results.push({ ...failure(error), logLines, ts, reads, journal: null });
        }
      }
      return { ts, results };
    },

    onCommit: (listener) =>
      transactions.onCommit((ts, changes) => {
        try {
          listener(ts, changes);
        } catch (error) {
          // The commit has happened, and the mutation must not seem to have failed.
          log.error("A listener to commits has failed:", error);
        }
      }),

    fetch: (path, init, identity = null) => calls.fetch(path, init, identity),

    violation(components) {
      for (const { path, schema } of components) {
        const objection = schema === null ? () => null : runtime.objections(schema);
        for (const tableName of engine.tables(path)) {
          for (const document of documents.in(path, tableName)) {
            const against = objection(document);
            if (against === null) continue;
            const which = `Document with ID "${document._id}" in table "${tableName}"`;
            return {
              componentPath: path,
              tableName,
              error: `${which} does not match the schema: ${against}`,
            };
          }
        }
      }
      return null;
    },

    deploy(components) {
      const violation = engine.violation(components);
      if (violation !== null) throw new Error(`Schema validation failed. ${violation.error}`);
      // Also of components that are not deployed any more.
      const paths = new Set([...components.map(({ path }) => path), ...documents.paths()]);
      const crons = [...paths].flatMap((path) =>
        cronWrites(path, moduleOf(components, path, "crons"), documents, clock.now()),
      );
      runtime.deploy(
        components.map(({ path, schema, modules }) => {
          const wrapped = [...modules].map(
            ([name, module]) => [name, functions.wrapped(path, name, module)] as const,
          );
          return { path, schema, modules: new Map(wrapped) };
        }),
      );
      code.components = components;
      transactions.commit(crons);
      transactions.commitAll();
      schedule.resume();
    },

    components: () => code.components,
    tables: (component) => documents.tables(component).filter((table) => !table.startsWith("_")),
    documents: (component, table) => documents.in(component, table),
    env: variables,
    concurrency: transactions.concurrency,
    inTransaction: () => functions.inTransaction(),
    lastTs: () => transactions.lastTs,
    now: () => clock.now(),
    advance: (ms) => schedule.advance(ms),

    close() {
      closing ??= schedule.close().then(() => {
        transactions.close();
        store.close();
      });
      return closing;
    },
  };
  return engine;
}
