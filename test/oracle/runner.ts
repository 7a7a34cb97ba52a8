/** Replays cases through the real component, and judges them. */
import { catalogOf } from "./catalogs.js";
import { parseCase, type Operation, type PlainOperation } from "./cases.js";
import { Clock } from "./clock.js";
import { componentModules, Deployment } from "./deployment.js";
import { differences, type Difference } from "./differences.js";
import { mismatch, mismatches, type Mismatch } from "./expectations.js";
import { parseGrantCase } from "./grantCases.js";
import type { Modules } from "./interventions.js";
import { Subject } from "./operations.js";
import { FormatError, listAt, objectAt } from "./parsing.js";
import { answerTo } from "./questions.js";
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
  const about = objectAt(value, "a case");
  const id = String(about.id);
  const difference = Object.hasOwn(differences, id) ? differences[id] : undefined;
  const clock = new Clock(START);
  try {
    const play =
      about.kind === undefined ? usagePlay(value, clock, modules) : grantPlay(value, clock, modules);
    const [given, reversed] = [await play(false), await play(true)];
    return verdictOn(id, given, reversed, difference);
  } catch (error) {
    if (error instanceof NoVerb && difference && "noVerb" in difference) {
      return { id, result: "skipped", lines: [`no verb: ${difference.noVerb}`] };
    }
    return { id, result: "failed", lines: [reasonOf(error)] };
  } finally {
    clock.restore();
  }
}

/** Plays a case once; `reversed` creates its grants the other way round. */
type Play = (reversed: boolean) => Promise<Mismatch[]>;

function grantPlay(value: unknown, clock: Clock, modules: Modules): Play {
  const parsed = parseGrantCase(value);
  return async (reversed) => {
    const answer = await answerTo(parsed, clock, modules, reversed);
    const { expect, derived = {} } = parsed;
    const isRefused = answer.error === true && expect.error !== true && derived.error !== true;
    return [
      ...(isRefused ? [mismatch("no error", "error", "ops")] : []),
      ...mismatches(expect, answer, "expect"),
      ...mismatches(derived, answer, "derived"),
    ];
  };
}

function reasonOf(error: unknown): string {
  if (error instanceof NoVerb) return `no verb: ${error.message}`;
  if (error instanceof FormatError) return error.message;
  return error instanceof Error ? (error.stack ?? error.message).split("\n").slice(0, 4).join("\n") : "?";
}

function verdictOn(
  id: string,
  given: readonly Mismatch[],
  reversed: readonly Mismatch[],
  difference: Difference | undefined,
): Verdict {
  const lines = [...new Set([...given.map(lineOf), ...reversed.map(lineOf)])].map((line) =>
    given.some((each) => lineOf(each) === line) ? line : `${line} (grants created in reverse)`,
  );
  if (difference === undefined) return { id, result: lines.length === 0 ? "passed" : "failed", lines };
  if ("noVerb" in difference) {
    return { id, result: "failed", lines: ["listed needlessly: all that it asks for has a verb", ...lines] };
  }
  const isAt = (place: string) => (found: Mismatch) => found.path.startsWith(place);
  const needless = difference.at.filter((place) => !given.some(isAt(place)) || !reversed.some(isAt(place)));
  if (needless.length > 0) {
    return {
      id,
      result: "failed",
      lines: [...needless.map((at) => `listed needlessly: ${at} holds`), ...lines],
    };
  }
  const isListed = (found: Mismatch) => difference.at.some((place) => isAt(place)(found));
  if (![...given, ...reversed].every(isListed)) return { id, result: "failed", lines };
  return { id, result: "skipped", lines: [`differs: ${difference.differs}`] };
}

const lineOf = ({ path, expected, got }: Mismatch) => `${path}: expected ${expected}, got ${got}`;

function usagePlay(value: unknown, clock: Clock, modules: Modules): Play {
  const parsed = parseCase(value);
  return async (reversed) => {
    clock.now = START;
    const deployment = new Deployment(catalogOf(parsed, reversed), modules);
    const subject = new Subject(deployment, parsed.setup, clock);
    await subject.begin(reversed);
    const found: Mismatch[] = [];
    let last: Answer = {};
    for (const [index, operation] of parsed.ops.entries()) {
      last = await perform(subject, operation, `ops[${index}]`, found);
    }
    const { balances, entities, usage_limits, events, invoices, ...ofLast } = parsed.expect;
    const state = await subject.state({ balances, entities, usage_limits, events, invoices });
    found.push(...mismatches(parsed.expect, { ...state, ...pick(last, Object.keys(ofLast)) }, "expect"));
    return found;
  };
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
