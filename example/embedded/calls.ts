import type { UserIdentity } from "convex/server";
import { convexToJson, type JSONValue, type Value } from "convex/values";
import type { Clock } from "./clock.js";
import type { Code } from "./code.js";
import type { Documents } from "./documents.js";
import type { Execution, Functions, FunctionType } from "./functions.js";
import type { Errand } from "./jobs.js";
import { failure } from "./outcomes.js";
import { ReadSet } from "./reads.js";
import type { FunctionPath, Runtime } from "./runtime.js";
import type { Log } from "./surroundings.js";
import type { Transactions } from "./transactions.js";
import { asTheyCome, type Turns } from "./turns.js";

/** A function that is there, and what it is given. */
export interface Call {
  type: FunctionType;
  path: FunctionPath;
  args: Record<string, Value>;
}

/** Runs functions, each as its type is run. */
export class Calls {
  constructor(
    private readonly parts: {
      clock: Clock;
      code: Code;
      documents: Documents;
      functions: Functions;
      log: Log;
      runtime: Runtime;
      transactions: Transactions;
      turns: Turns;
    },
  ) {}

  /** @param logLines takes what the function prints, also when it throws */
  async run(
    call: Call,
    identity: UserIdentity | null,
    logLines: string[] = [],
  ): Promise<{ ts: bigint; value: JSONValue }> {
    const { transactions, runtime, functions } = this.parts;
    switch (call.type) {
      case "query": {
        const { ts, fork } = transactions.moment();
        const execution = this.execution(identity, { fork: fork(), reads: new ReadSet() }, logLines);
        return { ts, value: await this.transaction(call, execution) };
      }
      case "mutation":
        return transactions.mutate("caller", (attempt) => {
          logLines.length = 0;
          return this.transaction(call, this.execution(identity, attempt, logLines));
        });
      case "action": {
        const execution = this.execution(identity, null, logLines);
        const value = await functions.within(execution, () => runtime.action(call.path, call.args));
        return { ts: transactions.lastTs, value: convexToJson(value) };
      }
    }
  }

  /** A query or a mutation, in the fork of its execution. */
  transaction({ type, path, args }: Call, execution: Execution): Promise<JSONValue> {
    const { fork } = execution.transaction!;
    const udfType = type === "query" ? type : "mutation";
    return this.parts.functions.within(execution, () =>
      this.parts.runtime.transaction(fork, udfType, path, args),
    );
  }

  execution(
    identity: UserIdentity | null,
    transaction: Execution["transaction"],
    logLines: string[] = [],
    endCursor: string | null = null,
  ): Execution {
    const { clock, turns } = this.parts;
    const begun = clock.now();
    return {
      identity,
      logLines,
      // In a transaction time stands still.
      now: transaction === null ? () => clock.now() : () => begun,
      transaction,
      turn: transaction === null ? asTheyCome.next : () => turns.next(),
      endCursor,
      journal: null,
    };
  }

  /** An HTTP action. */
  async fetch(path: string, init: RequestInit, identity: UserIdentity | null): Promise<Response> {
    const { code, functions, runtime, log } = this.parts;
    if (code.module("", "http") === undefined) {
      return new Response("This Convex deployment does not have HTTP actions enabled.", { status: 404 });
    }
    try {
      return await functions.within(this.execution(identity, null), () => runtime.fetch(path, init));
    } catch (error) {
      const { errorMessage } = failure(error);
      log.error(errorMessage);
      return Response.json({ code: errorMessage, trace: "" }, { status: 500 });
    }
  }

  /** A scheduled function, and what became of it: a mutation exactly once, an action at most once. */
  async perform(errand: Errand): Promise<void> {
    const { clock, code, documents, log, transactions } = this.parts;
    const { component, id, args } = errand;
    const stands = () => errand.stands(documents.get(component, id));
    let error: string | null = null;
    try {
      const call = { ...code.resolve("any", errand.target, true), args };
      if (call.type === "mutation") {
        await transactions.mutate("job", async (attempt) => {
          attempt.reads.document(component, id);
          if (!stands()) return;
          attempt.alongside = errand.ended(clock.now(), null);
          await this.transaction(call, this.execution(null, attempt));
        });
        return;
      }
      transactions.commit(errand.begun(clock.now()));
      await this.run(call, null);
    } catch (thrown) {
      error = failure(thrown).errorMessage;
      log.error(`Scheduled ${errand.target.udfPath} failed: ${error}`);
    }
    if (stands()) transactions.commit(errand.ended(clock.now(), error));
  }
}
