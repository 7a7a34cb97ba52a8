import { AsyncLocalStorage } from "node:async_hooks";
import { jsonToConvex } from "convex/values";
import type { JSONValue } from "convex/values";
import { Frame } from "./frame.js";
import type { SerializedQuery } from "./frame.js";
import type { StoredDocument } from "./interval.js";

/** What Convex's runtime, and convex-test in its place, offers to functions. */
interface Syscalls {
  syscall(operation: string, args: string): string;
  asyncSyscall(operation: string, args: string): Promise<string>;
  jsSyscall(operation: string, args: Record<string, unknown>): unknown;
}

/** A syscall under way: the frame that it happens in, and what it asks for. */
interface Call {
  frame: Frame;
  original: Syscalls;
  operation: string;
  args: string;
}

/**
 * The frame of the function call that is running. Kept per asynchronous
 * context, so calls that run in parallel cannot write into each other's.
 */
const currentFrame = new AsyncLocalStorage<Frame>();

let isInstalled = false;

/** Runs an operation inside a Convex function, noting what it does in `frame`. */
export async function recordInto(frame: Frame, operation: () => Promise<unknown>): Promise<void> {
  install();
  await currentFrame.run(frame, operation);
}

/** Wraps the syscalls once per process; without a frame they pass unchanged. */
function install(): void {
  if (isInstalled) {
    return;
  }
  isInstalled = true;
  const runtime = globalThis as unknown as { Convex: Syscalls };
  const original = runtime.Convex;
  runtime.Convex = {
    syscall: (operation, args) => {
      const result = original.syscall(operation, args);
      if (operation === "1.0/queryStream") {
        const { query } = JSON.parse(args) as { query: SerializedQuery };
        const { queryId } = JSON.parse(result) as { queryId: number };
        currentFrame.getStore()?.open(queryId, query);
      }
      return result;
    },
    asyncSyscall: (operation, args) => {
      const frame = currentFrame.getStore();
      const record = recorders[operation] ?? pass;
      return frame === undefined
        ? original.asyncSyscall(operation, args)
        : record({ frame, original, operation, args });
    },
    jsSyscall: (operation, args) => original.jsSyscall(operation, args),
  };
}

const recorders: Record<string, (call: Call) => Promise<string>> = {
  "1.0/get": recordGet,
  "1.0/queryStreamNext": recordRow,
  "1.0/queryPage": recordPage,
  "1.0/insert": recordInsert,
  "1.0/shallowMerge": recordChange,
  "1.0/replace": recordChange,
  "1.0/remove": recordChange,
  "1.0/schedule": recordSchedule,
  "1.0/runUdf": recordFunction,
};

function pass({ original, operation, args }: Call): Promise<string> {
  return original.asyncSyscall(operation, args);
}

async function recordGet(call: Call): Promise<string> {
  const result = await pass(call);
  const { id } = JSON.parse(call.args) as { id: string };
  call.frame.readPoint(await componentPath(call.original), id);
  return result;
}

async function recordRow(call: Call): Promise<string> {
  const result = await pass(call);
  const { queryId } = JSON.parse(call.args) as { queryId: number };
  const { value, done } = JSON.parse(result) as {
    value: JSONValue;
    done: boolean;
  };
  const row = done ? null : toDocument(value);
  call.frame.advance(await componentPath(call.original), queryId, row);
  return result;
}

async function recordPage(call: Call): Promise<string> {
  const result = await pass(call);
  const { query } = JSON.parse(call.args) as { query: SerializedQuery };
  const { page, isDone } = JSON.parse(result) as {
    page: JSONValue[];
    isDone: boolean;
  };
  const component = await componentPath(call.original);
  call.frame.readPage(component, query, page.map(toDocument), isDone);
  return result;
}

async function recordInsert(call: Call): Promise<string> {
  const result = await pass(call);
  const { _id: id } = JSON.parse(result) as { _id: string };
  const component = await componentPath(call.original);
  call.frame.write(component, id, null, await peek(call.original, id));
  return result;
}

/** There are no blind writes: Convex reads a document before changing it. */
async function recordChange(call: Call): Promise<string> {
  const { id } = JSON.parse(call.args) as { id: string };
  const component = await componentPath(call.original);
  const before = await peek(call.original, id);
  const result = await pass(call);
  call.frame.readPoint(component, id);
  call.frame.write(component, id, before, await peek(call.original, id));
  return result;
}

async function recordSchedule(call: Call): Promise<string> {
  const result = await pass(call);
  call.frame.scheduled += 1;
  return result;
}

async function recordFunction(call: Call): Promise<string> {
  const { name, udfType } = JSON.parse(call.args) as {
    name?: string;
    udfType: string;
  };
  // Only a call inside one component goes by name; others go by reference.
  call.frame.crossings += name === undefined ? 1 : 0;
  const child = new Frame(call.frame.schemas);
  // A query of a stale snapshot leaves nothing in its caller's read set.
  const tracksReads = udfType !== "snapshotQuery";
  let committed = false;
  try {
    const result = await currentFrame.run(child, () => pass(call));
    committed = true;
    return result;
  } finally {
    call.frame.absorb(child, { committed, tracksReads });
  }
}

async function componentPath(original: Syscalls): Promise<string> {
  const result = await original.asyncSyscall("1.0/getFunctionMetadata", "{}");
  return (JSON.parse(result) as { componentPath: string }).componentPath;
}

/**
 * Looks at a document without noting it as read. The transaction's metrics do count it: costs are
 * measured without a recorder.
 */
async function peek(original: Syscalls, id: string): Promise<StoredDocument | null> {
  const result = await original.asyncSyscall("1.0/get", JSON.stringify({ id }));
  const document = JSON.parse(result) as JSONValue;
  return document === null ? null : toDocument(document);
}

function toDocument(json: JSONValue): StoredDocument {
  return jsonToConvex(json) as StoredDocument;
}
