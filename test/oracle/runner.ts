/** Judges cases: each is played through the real component, twice, and compared with what it expects. */
import { Clock } from "./clock.js";
import { componentModules } from "./deployment.js";
import { differences, missingVerbs, type Difference } from "./differences.js";
import type { Mismatch } from "./expectations.js";
import type { Modules } from "./interventions.js";
import { FormatError, listAt, objectAt } from "./parsing.js";
import { grantPlay, usagePlay } from "./plays.js";
import { NoVerb } from "./verbs.js";

export interface Verdict {
  id: string;
  result: "passed" | "failed" | "skipped";
  /** What was expected and what came instead; or why it is skipped. */
  lines: string[];
}

/** Judges each case of a file. */
export async function judgeAll(file: unknown): Promise<Verdict[]> {
  const modules = await componentModules();
  const verdicts: Verdict[] = [];
  for (const value of listAt(file, "the file")) verdicts.push(await judge(value, modules));
  return verdicts;
}

export async function judge(value: unknown, modules: Modules): Promise<Verdict> {
  const clock = new Clock();
  let id = "?";
  try {
    const about = objectAt(value, "a case");
    id = String(about.id);
    const play =
      about.kind === undefined ? usagePlay(value, clock, modules) : grantPlay(value, clock, modules);
    const given = await play(false);
    const reversed = await play(true);
    return verdictOn(id, given, reversed, differenceOf(id));
  } catch (error) {
    if (error instanceof NoVerb) {
      return { id, result: "skipped", lines: [`no verb: ${missingVerbs[error.verb]}`] };
    }
    return { id, result: "failed", lines: [reasonOf(error)] };
  } finally {
    clock.restore();
  }
}

const differenceOf = (id: string): Difference | undefined =>
  Object.hasOwn(differences, id) ? differences[id] : undefined;

function reasonOf(error: unknown): string {
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
