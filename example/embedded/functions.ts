import { AsyncLocalStorage } from "node:async_hooks";
import { getFunctionAddress, type FunctionReference, type UserIdentity } from "convex/server";
import type { Value } from "convex/values";
import { pathOf, type Address } from "./paths.js";
import type { RangeRead, ReadSet } from "./reads.js";
import type { Fork, FunctionPath, Module } from "./runtime.js";
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
  /** Where the page of a paginated query ended before: it ends there again, so that pages stay gapless. */
  endCursor: string | null;
  /** Where it has ended now. */
  journal: string | null;
}

/** What functions need of the deployment around them. */
export interface Deployment {
  env(component: string): Record<string, string>;
  call(
    type: FunctionType,
    path: FunctionPath,
    args: Record<string, Value>,
    identity: UserIdentity | null,
  ): Promise<Value>;
  readonly siteUrl: string;
  readonly log: Log;
}

/** A function that runs. */
export interface Frame extends FunctionPath {
  execution: Execution;
  identity: UserIdentity | null;
  /** By the numbers under which it asks for their next documents. */
  queries: Map<number, RangeRead>;
}

interface ConvexFunction {
  isQuery?: boolean;
  isMutation?: boolean;
  isAction?: boolean;
  isPublic?: boolean;
  _handler: Handler;
}

type Handler = (ctx: Record<string, unknown>, args: unknown) => unknown;

interface Router {
  isRouter: true;
  lookup(path: string, method: string): [ConvexFunction, ...unknown[]] | null;
}

/** Runs functions within their executions: who calls, what time it is, what was read. */
export class Functions {
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

  /** The function that runs where this is asked. */
  running(): Frame | null {
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
