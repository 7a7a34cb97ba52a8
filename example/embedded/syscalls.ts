import { jsonToConvex, type JSONValue, type Value } from "convex/values";
import type { Frame } from "./functions.js";
import { handleOf, pathOf, type Address } from "./paths.js";
import { RangeRead, tableOfQuery, type QueryJson, type StoredDocument } from "./reads.js";
import type { Syscalls } from "./runtime.js";

/** What system calls need of the deployment. */
export interface Backend {
  indexFields(component: string, table: string, index: string): string[] | null;
  /** For actions, which are in no transaction. */
  schedule(component: string, job: Record<string, Value>): string;
  cancel(component: string, id: string): void;
}

/** Answers the system calls of functions: notes what they read, and keeps what they schedule. */
export class SystemCalls implements Syscalls {
  constructor(
    private readonly backend: Backend,
    /** The function that calls; null for what convex-test calls by itself. */
    private readonly caller: () => Frame | null,
  ) {}

  sync(operation: string, json: string, usual: (operation: string, json: string) => string): string {
    const answer = usual(operation, json);
    const frame = this.caller();
    if (frame !== null && operation === "1.0/queryStream") {
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
    const frame = this.caller();
    if (frame === null) return usual(operation, json);
    const { execution, componentPath } = frame;
    await execution.turn();
    switch (operation) {
      case "1.0/get":
      case "1.0/shallowMerge":
      case "1.0/replace":
      case "1.0/remove": {
        const { id } = JSON.parse(json) as { id: unknown };
        if (typeof id === "string") execution.transaction?.reads.document(componentPath, id);
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
        page.endCursor ??= execution.endCursor;
        const answer = await usual(operation, JSON.stringify(page));
        execution.endCursor = null;
        execution.journal =
          page.endCursor ?? (JSON.parse(answer) as { continueCursor: string }).continueCursor;
        return answer;
      }
      case "1.0/count": {
        const { table: tableName } = JSON.parse(json) as { table: string };
        this.readRange(frame, { source: { type: "FullTableScan", tableName }, operators: [] }).sawAll();
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

  private readRange({ execution, componentPath }: Frame, query: QueryJson): RangeRead {
    const { source } = query;
    const index = source.type === "IndexRange" ? source.indexName.split(".")[1]! : "by_creation_time";
    const table = tableOfQuery(source);
    const fields = source.type === "Search" ? null : this.backend.indexFields(componentPath, table, index);
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
      // It comes in seconds.
      scheduledTime: ts * 1000,
      state: { kind: "pending" },
    };
    const database = execution.transaction?.fork.database(componentPath);
    return database?.insert("_scheduled_functions", job) ?? this.backend.schedule(componentPath, job);
  }

  private cancel({ execution, componentPath }: Frame, id: string): void {
    if (execution.transaction === null) return this.backend.cancel(componentPath, id);
    const { fork, reads } = execution.transaction;
    reads.document(componentPath, id);
    const database = fork.database(componentPath);
    // What is over stays as it is.
    if (database.get(undefined, id)?.completedTime !== undefined) return;
    database.patch(undefined, id, { state: { kind: "canceled" }, completedTime: execution.now() });
  }
}
