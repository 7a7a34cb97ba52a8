/** Plays a case once, from its start, and compares what comes of it with what it expects. */
import { catalogOf } from "./catalogs.js";
import { parseCase, type Case, type Operation, type OperationOf, type PlainOperation } from "./cases.js";
import type { Clock } from "./clock.js";
import { Deployment } from "./deployment.js";
import { mismatch, mismatches, type Mismatch } from "./expectations.js";
import { parseGrantCase } from "./grantCases.js";
import type { Modules } from "./interventions.js";
import { perform } from "./operations.js";
import { answerTo } from "./questions.js";
import { Subject } from "./subject.js";
import type { Answer } from "./wire.js";

/** `reversed`: grants are created the other way round. */
export type Play = (reversed: boolean) => Promise<Mismatch[]>;

/** Of `autumn.json`'s format. Throws `FormatError`. */
export function usagePlay(value: unknown, clock: Clock, modules: Modules): Play {
  const parsed = parseCase(value);
  return (reversed) => new UsagePlay(parsed, clock, reversed, modules).mismatches();
}

/** Of `openmeter.json`'s format. Throws `FormatError`. */
export function grantPlay(value: unknown, clock: Clock, modules: Modules): Play {
  const parsed = parseGrantCase(value);
  const { expect, derived = {} } = parsed;
  return async (reversed) => {
    const answer = await answerTo(parsed, clock, modules, reversed);
    const isUnexpected = answer.error === true && expect.error === undefined;
    return [
      ...(isUnexpected ? [mismatch("no error", "an error", "ops")] : []),
      ...mismatches(expect, answer, "expect"),
      ...mismatches(derived, answer, "derived"),
    ];
  };
}

/** No period of any length that begins here ends within an hour. */
const START = Date.parse("2026-01-15T10:20:30Z");

class UsagePlay {
  private readonly subject: Subject;
  private readonly found: Mismatch[] = [];

  constructor(
    private readonly parsed: Case,
    private readonly clock: Clock,
    private readonly reversed: boolean,
    modules: Modules,
  ) {
    const deployment = new Deployment(catalogOf(parsed, reversed), modules);
    this.subject = new Subject(deployment, parsed.setup);
  }

  async mismatches(): Promise<Mismatch[]> {
    this.clock.now = START;
    await this.subject.begin(this.reversed);
    let last: Answer = {};
    for (const [index, operation] of this.parsed.ops.entries()) {
      last = await this.perform(operation, `ops[${index}]`);
    }
    const { amount: _amount, at: _at, credits: _credits, ...expected } = this.parsed.expect;
    const { amount, at, credits } = last;
    const state = await this.subject.state(expected);
    return [...this.found, ...mismatches(this.parsed.expect, { amount, at, credits, ...state }, "expect")];
  }

  private async perform(operation: Operation, path: string): Promise<Answer> {
    if (operation.op === "repeat") {
      for (let time = 0; time < operation.times; time++) await this.perform(operation.of, `${path}.of`);
      return {};
    }
    if (operation.op === "parallel") {
      const { ops, expect } = operation;
      return await this.performAll(ops, expect, path);
    }
    const answer = await this.performPlain(operation, path);
    if (answer.ok === false && !expectsFailure(operation)) {
      this.found.push(mismatch("no error", answer.error, path));
    }
    return answer;
  }

  /** One after the other: what may run side by side has some order. */
  private async performAll(
    operations: readonly Operation[],
    expect: Record<string, number | undefined> | undefined,
    path: string,
  ): Promise<Answer> {
    const answers: Answer[] = [];
    for (const [index, operation] of operations.entries()) {
      const place = `${path}.ops[${index}]`;
      // Where failures are counted, they are expected.
      const isCounted = expect !== undefined && operation.op !== "parallel" && operation.op !== "repeat";
      answers.push(
        isCounted ? await this.performPlain(operation, place) : await this.perform(operation, place),
      );
    }
    const count = (is: (answer: Answer) => boolean) => answers.filter(is).length;
    const counts = {
      ok: count(({ ok }) => ok === true),
      failed: count(({ ok }) => ok === false),
      allowed: count(({ allowed }) => allowed === true),
      denied: count(({ allowed }) => allowed === false),
    };
    this.found.push(...mismatches(expect ?? {}, counts, `${path}.expect`));
    return counts;
  }

  private async performPlain(operation: PlainOperation, path: string): Promise<Answer> {
    // No two operations are at the same instant.
    this.clock.advanceTo(this.clock.now + 1);
    const answer = await perform(this.subject, operation);
    const expected = "expect" in operation ? operation.expect : undefined;
    this.found.push(...mismatches(expected ?? {}, answer, `${path}.expect`));
    return answer;
  }
}

function expectsFailure(operation: PlainOperation): boolean {
  const { expect = {} } = operation as OperationOf<"track">;
  return "error" in expect || "ok" in expect;
}
