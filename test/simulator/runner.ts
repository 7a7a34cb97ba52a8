/** Runs from seeds, and what is left of one that fails when all that does not matter is taken away. */
import { madeUp } from "./catalogs.js";
import { Chance } from "./chance.js";
import type { Difference } from "./comparison.js";
import { beginning, Generator } from "./generator.js";
import { Session, type Options } from "./session.js";
import type { Step } from "./steps.js";
import type { Terms } from "./terms.js";

export interface Failure {
  seed: number;
  terms: Terms;
  start: number;
  /** The last of them fails. */
  steps: Step[];
  differences: Difference[];
  hasTwin: boolean;
}

export interface Run {
  taken: number;
  /** Why steps were not taken, and how often. */
  leftOut: Tally;
  /** What happened, and how often. */
  seen: Tally;
  failure: Failure | null;
}

/** How often something was. */
export class Tally extends Map<string, number> {
  count(name: string, times = 1): void {
    this.set(name, (this.get(name) ?? 0) + times);
  }

  add(other: Tally): void {
    for (const [name, times] of other) this.count(name, times);
  }
}

/** Every so many runs one has a twin, which is looked at all the time. */
const TWIN_EVERY = 16;

/** One run: a catalog, a beginning, and so many steps. */
export async function run(seed: number, steps: number, options: Options): Promise<Run> {
  const chance = new Chance(seed);
  const { terms } = madeUp(chance);
  const start = beginning(chance);
  const hasTwin = seed % TWIN_EVERY === 0;
  const generator = new Generator(chance);
  const done: Step[] = [];
  const [leftOut, seen] = [new Tally(), new Tally()];
  const session = new Session(terms, start, { ...options, hasTwin });
  try {
    for (let count = 0; count < steps; count++) {
      const step = count === steps - 1 ? LAST : generator.next(session.world);
      const taken = await session.take(step);
      if (taken.kind === "left out") leftOut.count(taken.reason);
      else done.push(step);
      if (taken.kind === "agreed") for (const sight of taken.seen) seen.count(sight);
      if (taken.kind === "failed") {
        const { differences } = taken;
        return {
          taken: done.length,
          leftOut,
          seen,
          failure: { seed, terms, start, steps: done, differences, hasTwin },
        };
      }
    }
  } finally {
    session.end();
  }
  return { taken: done.length, leftOut, seen, failure: null };
}

/** What every run ends with: all that time has done is stored, and all charges with it. */
const LAST: Step = { do: "sweep", what: "resets", times: 1 };

/** How the same steps fail; null if they do not. */
async function replay(
  { terms, start, hasTwin }: Pick<Failure, "terms" | "start" | "hasTwin">,
  steps: readonly Step[],
  options: Options,
): Promise<{ steps: Step[]; differences: Difference[] } | null> {
  const session = new Session(terms, start, { ...options, hasTwin, auditEvery: 1 });
  try {
    for (const [index, step] of steps.entries()) {
      const taken = await session.take(step);
      if (taken.kind === "failed")
        return { steps: steps.slice(0, index + 1), differences: taken.differences };
    }
    return null;
  } finally {
    session.end();
  }
}

/** Takes steps away, many at a time and then one by one, as long as it still fails in the same way. */
export async function shrunk(
  failure: Failure,
  options: Options,
  { withinMs = 20_000 }: { withinMs?: number } = {},
): Promise<Failure> {
  const until = performance.now() + withinMs;
  const kind = kindOf(failure.differences);
  let smallest = failure;
  if (failure.hasTwin && kind !== kindOf([{ what: "(j)", expected: 0, got: 0 }])) {
    const alone = { ...failure, hasTwin: false };
    if ((await replay(alone, failure.steps, options)) !== null) smallest = alone;
  }
  for (
    let size = Math.ceil(smallest.steps.length / 2);
    size >= 1;
    size = size === 1 ? 0 : Math.ceil(size / 2)
  ) {
    for (
      let from = smallest.steps.length - 1 - size;
      from > -size && performance.now() < until;
      from -= size
    ) {
      const steps = smallest.steps.filter((_, index) => index < from || index >= from + size);
      const failed = await replay(smallest, steps, options);
      if (failed !== null && kindOf(failed.differences) === kind) smallest = { ...smallest, ...failed };
    }
  }
  const merged = await replay(smallest, withOnePass(smallest.steps), options);
  return merged !== null && kindOf(merged.differences) === kind ? { ...smallest, ...merged } : smallest;
}

/** Times that pass one after the other, as one. */
function withOnePass(steps: readonly Step[]): Step[] {
  return steps.reduce<Step[]>((merged, step) => {
    const last = merged.at(-1);
    if (step.do !== "pass" || last?.do !== "pass") return [...merged, step];
    return [...merged.slice(0, -1), { do: "pass", ms: last.ms + step.ms }];
  }, []);
}

/** What of a difference stays the same when ids and amounts do not. */
function kindOf([first]: readonly Difference[]): string {
  return (first?.what ?? "").replace(/[^a-z()]+.*$/i, "");
}
