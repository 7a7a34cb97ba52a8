import { AsyncLocalStorage } from "node:async_hooks";
import { readFileSync } from "node:fs";
import { createRequire } from "node:module";
import type { GenericSchema, SchemaDefinition } from "convex/server";
import { convexToJson, type JSONValue, type Value } from "convex/values";
import { convexTest } from "convex-test";
import type { Documents, Snapshot } from "./documents.js";
import { tableOfId, type StoredDocument } from "./reads.js";

/*
 * The one file that knows convex-test from inside. convex-test evaluates queries, validates, and calls
 * functions; what documents a function sees, what becomes of its writes and what a system call does is
 * decided elsewhere. Nothing of it is patched: each transaction gets a state of its own, and is run with
 * that state where convex-test keeps the state of a test. So several engines, and tests that use
 * convex-test itself, live in one process.
 */

const WRITTEN_FOR = "0.0.60";

export type Schema = SchemaDefinition<GenericSchema, boolean>;
export type Module = Readonly<Record<string, unknown>>;
export interface FunctionPath {
  componentPath: string;
  udfPath: string;
}

/** What answers the system calls of functions; `usual` is convex-test's own answer. */
export interface Syscalls {
  sync(operation: string, json: string, usual: ConvexGlobal["syscall"]): string;
  async(operation: string, json: string, usual: ConvexGlobal["asyncSyscall"]): Promise<string>;
}

/** The documents of one component, as one transaction sees and writes them. */
export interface Database {
  get(table: string | undefined, id: string): StoredDocument | null;
  insert(table: string, document: Record<string, Value>): string;
  /** Takes values in their JSON form. */
  patch(table: string | undefined, id: string, fields: Record<string, JSONValue>): void;
}

/** A private state of the deployment: a snapshot, and what is written over it. */
export interface Fork {
  database(component: string): Database;
  /** What the functions that have succeeded wrote: null where they deleted. */
  written(): { component: string; id: string; after: StoredDocument | null }[];
  readonly state: ConvexGlobal;
}

interface DatabaseFake extends Database {
  _schema: { tables: Map<string, { indexes: { indexDescriptor: string; fields: string[] }[] }> } | null;
  _documents: Record<string, StoredDocument>;
  _writes: Record<string, StoredDocument | null>[];
  _lastCreationTime: number;
  _validateId(table: string | undefined, id: string): void;
  _validate(table: string, document: Record<string, Value>): void;
  _generateId(table: string): string;
  _iterateDocs(table: string, visit: (document: StoredDocument) => void): void;
  commit(commitTs: bigint | null): void;
}

interface TransactionManager {
  _lastCommitTs: bigint;
}

interface ConvexGlobal {
  components: Record<string, { db: DatabaseFake; modules: (path: string) => Promise<Module> }>;
  transactionManager: TransactionManager;
  syscall(operation: string, json: string): string;
  asyncSyscall(operation: string, json: string): Promise<string>;
}

type DatabaseClass = new (schema: Schema | null, path: string) => DatabaseFake;
type ManagerClass = new (transactionLimits: boolean) => TransactionManager;
type ForkedClass = ReturnType<typeof forkedFrom>;

interface Accessor {
  query(handler: () => Promise<null>): Promise<null>;
  actionFromPath(path: FunctionPath, args: Record<string, Value>): Promise<Value>;
  fetch(path: string, init?: RequestInit): Promise<Response>;
}

/** What is used of convex-test, beside what it exports. */
const SHAPES = {
  "convexTest()": "query() actionFromPath() fetch()",
  "a test's state": "components transactionManager syscall() asyncSyscall()",
  "its transaction manager": "_lastCommitTs begin() commit() rollback()",
  "its database":
    "_schema _documents _writes _queryResults _lastCreationTime _validateId() _validate() _generateId() " +
    "_iterateDocs() _resolveQuerySource() get() insert() patch() commit() rollbackWrites() startTransaction()",
};
/** What convex-test lets a handler replace for itself alone. */
const OWN_GLOBALS = ["Date", "console", "process", "fetch", "setTimeout", "setInterval"];

export class Runtime {
  private readonly Database: DatabaseClass;
  private readonly Forked: ForkedClass;
  private readonly Manager: ManagerClass;
  private readonly usual: ConvexGlobal["asyncSyscall"];

  private constructor(
    private readonly accessor: Accessor,
    private readonly states: AsyncLocalStorage<ConvexGlobal>,
    private readonly state: ConvexGlobal,
    syscalls: Syscalls,
  ) {
    this.Database = state.components[""]!.db.constructor as DatabaseClass;
    this.Forked = forkedFrom(this.Database);
    this.Manager = state.transactionManager.constructor as ManagerClass;
    const { syscall, asyncSyscall } = state;
    this.usual = asyncSyscall;
    state.syscall = (operation, json) => syscalls.sync(operation, json, syscall);
    state.asyncSyscall = (operation, json) => syscalls.async(operation, json, asyncSyscall);
  }

  /** @throws when the installed convex-test is not built as this file takes it to be. */
  static async start(syscalls: Syscalls): Promise<Runtime> {
    const accessor = convexTest({
      modules: { "./convex/_generated/api.js": async () => ({}) },
    }) as unknown as Accessor;
    const seen: { storage: AsyncLocalStorage<ConvexGlobal>; state: ConvexGlobal }[] = [];
    const prototype = AsyncLocalStorage.prototype as { run: (store: unknown, ...rest: unknown[]) => unknown };
    const run = prototype.run;
    prototype.run = function (this: AsyncLocalStorage<ConvexGlobal>, store, ...rest) {
      if (isState(store)) seen.push({ storage: this, state: store });
      return run.call(this, store, ...rest);
    };
    let finished;
    try {
      finished = accessor.query(async () => null);
    } finally {
      prototype.run = run;
    }
    await finished;
    const found = seen[0];
    assertShapes(accessor, found?.state);
    return new Runtime(accessor, found!.storage, found!.state, syscalls);
  }

  deploy(
    components: readonly { path: string; schema: Schema | null; modules: ReadonlyMap<string, Module> }[],
  ): void {
    this.state.components = Object.fromEntries(
      components.map(({ path, schema, modules }) => [
        path,
        { db: new this.Database(schema, path), modules: async (name) => found(name, modules.get(name)) },
      ]),
    );
  }

  fork(snapshot: Snapshot, documents: Documents, lastTs: bigint): Fork {
    const databases = new Map<string, InstanceType<ForkedClass>>();
    const components: ConvexGlobal["components"] = {};
    for (const [path, { db, modules }] of Object.entries(this.state.components)) {
      const forked = new this.Forked(path, db._schema, snapshot, documents);
      databases.set(path, forked);
      components[path] = { db: forked, modules };
    }
    const transactionManager = new this.Manager(true);
    transactionManager._lastCommitTs = lastTs;
    return {
      state: { ...this.state, components, transactionManager },
      database: (path) => databases.get(path)!,
      written: () =>
        [...databases].flatMap(([component, { written }]) =>
          [...written].map(([id, after]) => ({ component, id, after })),
        ),
    };
  }

  /** Runs a query or a mutation in the fork, with arguments and result checked; answers in Convex's JSON. */
  transaction(
    { state }: Fork,
    udfType: "query" | "mutation",
    { componentPath, udfPath }: FunctionPath,
    args: Record<string, Value>,
  ): Promise<JSONValue> {
    const functionHandle = `function://${componentPath};${udfPath}`;
    const call = JSON.stringify({ udfType, functionHandle, args: convexToJson(args) });
    return this.states.run(state, async () => JSON.parse(await this.usual("1.0/runUdf", call)) as JSONValue);
  }

  action(path: FunctionPath, args: Record<string, Value>): Promise<Value> {
    return this.accessor.actionFromPath(path, args);
  }

  fetch(path: string, init: RequestInit): Promise<Response> {
    return this.accessor.fetch(path, init);
  }

  /** The fields that an index sorts by; null when there is no such index. */
  indexFields(component: string, table: string, index: string): string[] | null {
    if (index === "by_id") return ["_id"];
    if (index === "by_creation_time") return ["_creationTime", "_id"];
    const indexes = this.state.components[component]?.db._schema?.tables.get(table)?.indexes;
    const found = indexes?.find(({ indexDescriptor }) => indexDescriptor === index);
    return found === undefined ? null : [...found.fields, "_creationTime", "_id"];
  }

  /** Tells what a schema has against a stored document: null when it has nothing. */
  objections(schema: Schema): (document: StoredDocument) => string | null {
    const database = new this.Database(schema, "");
    return ({ _id, _creationTime, ...fields }) => {
      try {
        database._validate(tableOfId(_id), fields as Record<string, Value>);
        return null;
      } catch (error) {
        return (error as Error).message.replace(/^Validator error: /, "");
      }
    };
  }
}

/** A database whose committed documents are a snapshot, and whose commit keeps the writes for itself. */
function forkedFrom(Base: DatabaseClass) {
  return class ForkedDatabase extends Base {
    readonly written = new Map<string, StoredDocument | null>();
    private readonly committed: ReadonlyMap<string, ReadonlyMap<string, StoredDocument>>;

    constructor(
      private readonly path: string,
      schema: DatabaseFake["_schema"],
      snapshot: Snapshot,
      private readonly documents: Documents,
    ) {
      // The schema is exported already, once for all forks.
      super(null, path);
      this._schema = schema;
      this._lastCreationTime = documents.lastCreationTime(path);
      this.committed = snapshot.get(path) ?? new Map();
    }

    override get(table: string | undefined, id: string): StoredDocument | null {
      this._validateId(table, id);
      for (const level of this._writes.toReversed()) {
        const write = level[id];
        if (write !== undefined) return write;
      }
      return this.committed.get(tableOfId(id))?.get(id) ?? null;
    }

    override _iterateDocs(table: string, visit: (document: StoredDocument) => void): void {
      const written = new Set(this._writes.flatMap((level) => Object.keys(level)));
      for (const [id, document] of this.committed.get(table) ?? []) if (!written.has(id)) visit(document);
      for (const id of written) {
        const document = tableOfId(id) === table ? this.get(table, id) : null;
        if (document !== null) visit(document);
      }
    }

    override _generateId(table: string): string {
      return this.documents.newId(this.path, table);
    }

    override commit(commitTs: bigint | null): void {
      const outermost = this._writes.length === 1;
      const ids = Object.keys(this._writes.at(-1) ?? {});
      super.commit(commitTs);
      if (outermost) for (const id of ids) this.written.set(id, this._documents[id] ?? null);
    }
  };
}

function found(name: string, module: Module | undefined): Module {
  if (module === undefined) throw new Error(`Could not find module for: "${name}"`);
  return module;
}

function isState(store: unknown): store is ConvexGlobal {
  return (
    typeof store === "object" && store !== null && "components" in store && "transactionManager" in store
  );
}

function assertShapes(accessor: Accessor, state: ConvexGlobal | undefined): void {
  const found: Record<keyof typeof SHAPES, unknown> = {
    "convexTest()": accessor,
    "a test's state": state,
    "its transaction manager": state?.transactionManager,
    "its database": state?.components[""]?.db,
  };
  const differences = [
    ...Object.entries(SHAPES).flatMap(([what, members]) =>
      members
        .split(" ")
        .filter((member) => !has(found[what as keyof typeof SHAPES], member))
        .map((member) => `${member} of ${what}`),
    ),
    ...OWN_GLOBALS.filter((name) => !Object.getOwnPropertyDescriptor(globalThis, name)?.get).map(
      (name) => `a handler's own globalThis.${name}`,
    ),
  ];
  if (differences.length === 0) return;
  throw new Error(
    `The embedded deployment was written for convex-test ${WRITTEN_FOR}, and knows it from inside. ` +
      `The installed one (${installedVersion()}) lacks, or has otherwise: ${differences.join(", ")}. ` +
      `Install convex-test ${WRITTEN_FOR}, or bring example/embedded/runtime.ts up to the new one.`,
  );
}

/** @param member a method when it ends in "()" */
function has(value: unknown, member: string): boolean {
  if (typeof value !== "object" || value === null) return false;
  const name = member.replace("()", "");
  return (
    name in value && (typeof (value as Record<string, unknown>)[name] === "function") === (name !== member)
  );
}

function installedVersion(): string {
  const entry = createRequire(import.meta.url).resolve("convex-test");
  const manifest = JSON.parse(readFileSync(new URL("../package.json", `file://${entry}`), "utf8")) as {
    version: string;
  };
  return manifest.version;
}
