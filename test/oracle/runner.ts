/** Replays cases through the real component, and judges them. */
import { catalogOf } from "./catalogs.js";
import { parseCase, type Case, type Operation, type PlainOperation } from "./cases.js";
import { Clock } from "./clock.js";
import { componentModules, Deployment } from "./deployment.js";
import { differences, type Difference } from "./differences.js";
import { mismatch, mismatches, type Mismatch } from "./expectations.js";
import type { Modules } from "./interventions.js";
import { Subject } from "./operations.js";
import { FormatError, listAt, objectAt } from "./parsing.js";
import { stateOf } from "./state.js";
import { NoVerb } from "./verbs.js";
import type { Answer } from "./wire.js";

export interface Verdict {
  id: string;
  result: "passed" | "failed" | "skipped";
  /** What was expected and what came instead; or why it is skipped. */
  lines: string[];
}

/** Any day on which no period of any length ends. */
const START = Date.parse("2026-01-15T10:20:30Z");

/** Judges each case of a file. */
export async function judgeAll(file: unknown): Promise<Verdict[]> {
  const modules = await componentModules();
  const verdicts: Verdict[] = [];
  for (const value of listAt(file, "the file")) verdicts.push(await judge(value, modules));
  return verdicts;
}

export async function judge(value: unknown, modules: Modules): Promise<Verdict> {
  const id = String(objectAt(value, "a case").id);
  const difference = Object.hasOwn(differences, id) ? differences[id] : undefined;
  try {
    const parsed = parseCase(value);
    const found = [...(await play(parsed, false, modules)), ...(await play(parsed, true, modules))];
    return verdictOn(id, found, difference);
  } catch (error) {
    if (error instanceof NoVerb && difference && "noVerb" in difference) {
      return { id, result: "skipped", lines: [`no verb: ${difference.reason}`] };
    }
    return { id, result: "failed", lines: [reasonOf(error)] };
  }
}

function reasonOf(error: unknown): string {
  if (error instanceof NoVerb) return `no verb: ${error.message}`;
  if (error instanceof FormatError) return error.message;
  return error instanceof Error ? (error.stack ?? error.message) : "?";
}

function verdictOn(id: string, found: readonly Mismatch[], difference: Difference | undefined): Verdict {
  const lines = [
    ...new Set(found.map(({ path, expected, got }) => `${path}: expected ${expected}, got ${got}`)),
  ];
  if (difference === undefined) return { id, result: found.length === 0 ? "passed" : "failed", lines };
  if ("noVerb" in difference) {
    return { id, result: "failed", lines: ["listed needlessly: all that it asks for has a verb", ...lines] };
  }
  const { differs, reason } = difference;
  const isListed = ({ path }: Mismatch) => differs.some((place) => path.startsWith(place));
  const needless = differs.filter((place) => !found.some(({ path }) => path.startsWith(place)));
  if (needless.length > 0) {
    return {
      id,
      result: "failed",
      lines: [...needless.map((place) => `listed needlessly: ${place} holds`), ...lines],
    };
  }
  if (!found.every(isListed)) return { id, result: "failed", lines };
  return { id, result: "skipped", lines: [`differs: ${reason}`] };
}

/** Plays a case from its start, and compares. */
async function play(parsed: Case, reversed: boolean, modules: Modules): Promise<Mismatch[]> {
  const clock = new Clock(START);
  try {
    const deployment = new Deployment(catalogOf(parsed, reversed), modules);
    const subject = new Subject(deployment, parsed.setup);
    await subject.begin(reversed);
    const found: Mismatch[] = [];
    let last: Answer = {};
    for (const [index, operation] of parsed.ops.entries()) {
      const answer = await perform(subject, operation, `ops[${index}]`, found);
      last = answer;
    }
    const { balances, entities, usage_limits, events, invoices, ...ofLast } = parsed.expect;
    const state = await stateOf(deployment, subject.names, {
      balances,
      entities,
      usage_limits,
      events,
      invoices,
    });
    found.push(...mismatches(parsed.expect, { ...state, ...pick(last, Object.keys(ofLast)) }, "expect"));
    return found.map((each) => ({ ...each, path: each.path }));
  } finally {
    clock.restore();
  }
}

const pick = (answer: Answer, fields: readonly string[]): Answer =>
  Object.fromEntries(fields.map((field) => [field, answer[field]]));

async function perform(
  subject: Subject,
  operation: Operation,
  path: string,
  found: Mismatch[],
): Promise<Answer> {
  if (operation.op === "repeat") {
    for (let time = 0; time < operation.times; time++)
      await perform(subject, operation.of, `${path}.of`, found);
    return {};
  }
  if (operation.op === "parallel") {
    const answers: Answer[] = [];
    for (const [index, each] of operation.ops.entries()) {
      answers.push(
        await perform(subject, each, `${path}.ops[${index}]`, operation.expect === undefined ? found : []),
      );
    }
    const count = (is: (answer: Answer) => boolean) => answers.filter(is).length;
    const counts = {
      ok: count(({ ok }) => ok === true),
      failed: count(({ ok }) => ok === false),
      allowed: count(({ allowed }) => allowed === true),
      denied: count(({ allowed }) => allowed === false),
    };
    found.push(...mismatches(operation.expect ?? {}, counts, `${path}.expect`));
    return counts;
  }
  const answer = await subject.perform(operation);
  found.push(...expectedOf(operation, answer, path));
  return answer;
}

/** An operation that says nothing of an error must not fail. */
function expectedOf(operation: PlainOperation, answer: Answer, path: string): Mismatch[] {
  const expected = "expect" in operation ? (operation.expect ?? {}) : {};
  const found = mismatches(expected, answer, `${path}.expect`);
  if (answer.ok === false && !("error" in expected) && !("ok" in expected)) {
    found.push(mismatch("no error", answer.error, `${path}`));
  }
  return found;
}
