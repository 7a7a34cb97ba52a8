import { AsyncLocalStorage } from "node:async_hooks";
import { getFunctionAddress, type FunctionReference, type UserIdentity } from "convex/server";
import { jsonToConvex, type JSONValue, type Value } from "convex/values";
import { RangeRead, tableOfQuery, type QueryJson, type ReadSet, type StoredDocument } from "./reads.js";
import type { Database, Fork, FunctionPath, Module, Syscalls } from "./runtime.js";
import { surroundings, type Log } from "./surroundings.js";

export type FunctionType = "query" | "mutation" | "action";

/** One call from outside with all the functions that it calls; a transaction, unless of an action. */
export interface Execution {
  identity: UserIdentity | null;
  logLines: string[];
  now: () => number;
  /** Null in actions, which see the database through transactions of others. */
  transaction: { fork: Fork; reads: ReadSet } | null;
  /** Before each system call. */
  turn: () => Promise<void>;
  /** Where the page of a paginated query ends: asked again, it ends there, so that pages stay gapless. */
  journal: string | null;
}

/** What functions need of the deployment around them. */
export interface Deployment {
  indexFields(component: string, table: string, index: string): string[] | null;
  env(component: string): Record<string, string>;
  call(
    type: FunctionType,
    path: FunctionPath,
    args: Record<string, Value>,
    identity: UserIdentity | null,
  ): Promise<Value>;
  schedule(component: string, job: Record<string, Value>): string;
  cancel(component: string, id: string): void;
  readonly siteUrl: string;
  readonly log: Log;
}

interface Frame extends FunctionPath {
  execution: Execution;
  identity: UserIdentity | null;
  queries: Map<number, RangeRead>;
}

interface ConvexFunction {
  isQuery?: boolean;
  isMutation?: boolean;
  isAction?: boolean;
  isHttp?: boolean;
  isPublic?: boolean;
  _handler: Handler;
}

type Handler = (ctx: Record<string, unknown>, args: unknown) => unknown;

interface Router {
  isRouter: true;
  lookup(path: string, method: string): [ConvexFunction, ...unknown[]] | null;
}

/** Runs functions within their executions: who calls, what time it is, what was read. */
export class Functions implements Syscalls {
  private readonly frames = new AsyncLocalStorage<Pick<Frame, "execution"> & Partial<Frame>>();

  /** The context of nobody: what a function sets going outside itself has none of the function's. */
  private readonly outside = AsyncLocalStorage.snapshot();

  constructor(private readonly deployment: Deployment) {}

  inTransaction(): boolean {
    return (this.frames.getStore()?.execution.transaction ?? null) !== null;
  }

  /** Whatever `body` runs belongs to the execution. */
  within<T>(execution: Execution, body: () => Promise<T>): Promise<T> {
    return this.outside(() => this.frames.run({ execution }, body));
  }

  /** The module with its functions as this deployment calls them. */
  wrapped(componentPath: string, modulePath: string, module: Module): Module {
    return Object.fromEntries(
      Object.entries(module).map(([name, value]) => [
        name,
        isFunction(value)
          ? this.wrap(value, { componentPath, udfPath: `${modulePath}:${name}` })
          : isRouter(value)
            ? this.wrapRouter(value)
            : value,
      ]),
    );
  }

  sync(operation: string, json: string, usual: (operation: string, json: string) => string): string {
    const answer = usual(operation, json);
    const frame = this.frame();
    if (frame?.execution.transaction && operation === "1.0/queryStream") {
      const { query } = JSON.parse(json) as { query: QueryJson };
      const { queryId } = JSON.parse(answer) as { queryId: number };
      frame.queries.set(queryId, this.readRange(frame, query));
    }
    return answer;
  }

  async async(
    operation: string,
    json: string,
    usual: (operation: string, json: string) => Promise<string>,
  ): Promise<string> {
    const frame = this.frame();
    if (frame === null) return usual(operation, json);
    const { execution, componentPath } = frame;
    await execution.turn();
    const transaction = execution.transaction;
    switch (operation) {
      case "1.0/get":
      case "1.0/shallowMerge":
      case "1.0/replace":
      case "1.0/remove": {
        const { id } = JSON.parse(json) as { id: unknown };
        if (typeof id === "string") transaction?.reads.document(componentPath, id);
        return usual(operation, json);
      }
      case "1.0/queryStreamNext": {
        const { queryId } = JSON.parse(json) as { queryId: number };
        const answer = await usual(operation, json);
        const { value, done } = JSON.parse(answer) as { value: JSONValue; done: boolean };
        const read = frame.queries.get(queryId);
        if (done) read?.sawEnd();
        else read?.saw(jsonToConvex(value) as StoredDocument);
        return answer;
      }
      case "1.0/queryPage": {
        const page = JSON.parse(json) as { query: QueryJson; endCursor?: string | null };
        this.readRange(frame, page.query).sawAll();
        page.endCursor ??= execution.journal;
        const answer = await usual(operation, JSON.stringify(page));
        execution.journal =
          page.endCursor ?? (JSON.parse(answer) as { continueCursor: string }).continueCursor;
        return answer;
      }
      case "1.0/count": {
        const { table } = JSON.parse(json) as { table: string };
        this.readRange(frame, {
          source: { type: "FullTableScan", tableName: table },
          operators: [],
        }).sawAll();
        return usual(operation, json);
      }
      case "1.0/schedule":
      case "1.0/actions/schedule":
        return JSON.stringify(this.schedule(frame, json));
      case "1.0/cancel_job":
      case "1.0/actions/cancel_job":
        this.cancel(frame, (JSON.parse(json) as { id: string }).id);
        return JSON.stringify({});
      default:
        return usual(operation, json);
    }
  }

  private frame(): Frame | null {
    const frame = this.frames.getStore();
    return frame?.queries === undefined ? null : (frame as Frame);
  }

  private wrap(fn: ConvexFunction, path: FunctionPath): ConvexFunction {
    const handler = fn._handler;
    return {
      ...fn,
      _handler: (ctx, args) => {
        const { execution, ...caller } = this.frames.getStore()!;
        // Who has signed in at the app is nobody in a component, and nobody in what a component calls.
        const known = caller.componentPath === undefined || caller.componentPath === path.componentPath;
        const identity = !known ? null : caller.queries === undefined ? execution.identity : caller.identity!;
        const frame: Frame = { ...path, execution, identity, queries: new Map() };
        return this.frames.run(frame, () => {
          // convex-test keeps what a handler assigns here for that handler.
          Object.assign(globalThis, this.surroundings(frame));
          const own = {
            auth: { getUserIdentity: async () => identity },
            ...(!fn.isQuery && !fn.isMutation && this.calls(frame)),
          };
          return handler({ ...ctx, ...own }, args);
        });
      },
    };
  }

  private wrapRouter(router: Router): Router {
    return {
      isRouter: true,
      lookup: (path, method) => {
        const found = router.lookup(path, method);
        if (found === null) return null;
        const [action, ...rest] = found;
        const wrapped = this.wrap(action, { componentPath: "", udfPath: `http:${method} ${path}` });
        const handler: Handler = (ctx, request) => {
          const { pathname, search } = new URL((request as Request).url);
          return wrapped._handler(
            ctx,
            new Request(this.deployment.siteUrl + pathname + search, request as Request),
          );
        };
        return [{ ...wrapped, _handler: handler }, ...rest];
      },
    };
  }

  private surroundings({ execution, componentPath, udfPath }: Frame): Record<string, unknown> {
    const { env, log } = this.deployment;
    return surroundings({
      now: execution.now,
      env: env(componentPath),
      isTransaction: execution.transaction !== null,
      print: (level, line) => {
        execution.logLines.push(line);
        log[level](`[CONVEX ${[componentPath, udfPath].filter(Boolean).join("/")}] ${line}`);
      },
    });
  }

  /** The transactions and actions that an action calls. */
  private calls({ componentPath, identity }: Frame) {
    const calling =
      (type: FunctionType) =>
      (
        reference: FunctionReference<FunctionType, "public" | "internal">,
        args: Record<string, Value> = {},
      ) => {
        const address = getFunctionAddress(reference) as Address;
        const path = pathOf(address, componentPath);
        return this.deployment.call(type, path, args, path.componentPath === componentPath ? identity : null);
      };
    return { runQuery: calling("query"), runMutation: calling("mutation"), runAction: calling("action") };
  }

  private readRange({ execution, componentPath }: Frame, query: QueryJson): RangeRead {
    const { source } = query;
    const index = source.type === "IndexRange" ? source.indexName.split(".")[1]! : "by_creation_time";
    const fields =
      source.type === "Search"
        ? null
        : this.deployment.indexFields(componentPath, tableOfQuery(source), index);
    const read = new RangeRead(query, fields);
    execution.transaction?.reads.range(componentPath, read);
    return read;
  }

  private schedule({ execution, componentPath }: Frame, json: string): string {
    const { ts, args, ...address } = JSON.parse(json) as Address & { ts: number; args: JSONValue };
    const target = pathOf(address, componentPath);
    const job = {
      name: target.componentPath === componentPath ? target.udfPath : handleOf(target),
      args: [jsonToConvex(args)],
      scheduledTime: ts * 1000,
      state: { kind: "pending" },
    };
    const database = this.databaseOf(execution, componentPath);
    return database?.insert("_scheduled_functions", job) ?? this.deployment.schedule(componentPath, job);
  }

  private cancel({ execution, componentPath }: Frame, id: string): void {
    const database = this.databaseOf(execution, componentPath);
    if (database === undefined) return this.deployment.cancel(componentPath, id);
    execution.transaction?.reads.document(componentPath, id);
    if (database.get(undefined, id)?.completedTime !== undefined) return;
    database.patch(undefined, id, { state: { kind: "canceled" }, completedTime: execution.now() });
  }

  private databaseOf({ transaction }: Execution, component: string): Database | undefined {
    return transaction?.fork.database(component);
  }
}

export type Address = { name?: string; reference?: string; functionHandle?: string };

export function handleOf({ componentPath, udfPath }: FunctionPath): string {
  return `function://${componentPath};${udfPath}`;
}

/** The function that an address means in the mouth of a component's function. */
export function pathOf({ name, reference, functionHandle }: Address, caller: string): FunctionPath {
  const handle = functionHandle ?? (name?.startsWith("function://") ? name : undefined);
  if (handle !== undefined) {
    const [componentPath, udfPath] = handle.slice("function://".length).split(";");
    return { componentPath: componentPath!, udfPath: udfPath! };
  }
  if (name !== undefined) return { componentPath: caller, udfPath: name };
  // "_reference/childComponent/<component>/<module, of several parts>/<function>"
  const [, , child, ...rest] = reference!.split("/");
  const functionName = rest.pop()!;
  return {
    componentPath: caller === "" ? child! : `${caller}/${child}`,
    udfPath: `${rest.join("/")}:${functionName}`,
  };
}

export function isFunction(value: unknown): value is ConvexFunction {
  return typeof value === "function" && "_handler" in value;
}

export function typeOf(fn: ConvexFunction): FunctionType | null {
  return fn.isQuery ? "query" : fn.isMutation ? "mutation" : fn.isAction ? "action" : null;
}

function isRouter(value: unknown): value is Router {
  return typeof value === "object" && value !== null && "isRouter" in value;
}
