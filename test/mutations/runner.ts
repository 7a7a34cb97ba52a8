/** Tries every mutation, and prints which test noticed it. */
import { availableParallelism } from "node:os";
import { mutations, type Mutation } from "./mutations.js";
import { Workshop, type Verdict } from "./workshop.js";

/** After the suites that should notice, all others: the fastest first. */
const PROJECTS = ["core", "component", "app", "payments"].map((name) => [`--project=${name}`]);

type Tried = Mutation & { verdict: Verdict; seconds: number };

/** Tries the mutations whose rule contains `wanted`; answers whether a test noticed each. */
export async function tryMutations(project: string, wanted: string): Promise<boolean> {
  const chosen = mutations.filter(({ rule }) => rule.includes(wanted));
  const workshops: Workshop[] = [];
  process.once("exit", () => workshops.forEach((workshop) => workshop.remove()));
  process.once("SIGINT", () => process.exit(130));
  for (let n = 0; n < Math.min(2, availableParallelism(), chosen.length); n++) {
    workshops.push(new Workshop(project));
  }
  const progress = new Progress(chosen.length);
  const named = [...new Set(chosen.flatMap(({ suites }) => suites))];
  const unchanged = wanted === "" ? PROJECTS : [named];
  if (!(await passesUnchanged(workshops, unchanged, progress))) return false;
  const tried: Tried[] = [];
  const waiting = chosen.entries();
  await Promise.all(
    workshops.map(async (workshop) => {
      for (const [index, mutation] of waiting) {
        progress.begins(mutation.rule);
        const begun = Date.now();
        const verdict = await workshop.judgeMutation(mutation, [mutation.suites, ...PROJECTS]);
        tried[index] = { ...mutation, verdict, seconds: (Date.now() - begun) / 1000 };
        progress.ends(tried[index]);
      }
    }),
  );
  progress.clear();
  console.log(table(tried));
  const killed = tried.filter(({ verdict }) => verdict.result === "killed").length;
  console.log(`\n${killed} of ${tried.length} mutations are noticed`);
  return killed === tried.length && tried.length > 0;
}

/** A suite that fails without a mutation would be no proof with one. */
async function passesUnchanged(
  [first]: readonly Workshop[],
  stages: readonly (readonly string[])[],
  progress: Progress,
): Promise<boolean> {
  if (first === undefined) return true;
  progress.begins("without a mutation, all tests pass");
  const verdict = await first.judge(stages);
  progress.clear();
  if (verdict.result === "survived") return true;
  console.error(`Without a mutation, the tests fail already: ${noticed(verdict)}`);
  return false;
}

export function table(tried: readonly Tried[]): string {
  const lines = tried.map(({ rule, file, verdict, seconds }) =>
    [rule, file, noticed(verdict), seconds.toFixed(1)].map((cell) => cell.replaceAll("|", "\\|")).join(" | "),
  );
  const heads = ["| rule | file | noticed by | seconds |", "|---|---|---|---|"];
  return [...heads, ...lines.map((line) => `| ${line} |`)].join("\n");
}

function noticed(verdict: Verdict): string {
  if (verdict.result === "killed") return `${verdict.suite} › ${verdict.test}`;
  return verdict.result === "survived" ? "**nothing**" : `**undecided**: ${verdict.reason}`;
}

/** One line that says how far it is; where there is no terminal, a line for each mutation. */
class Progress {
  private done = 0;
  private readonly begun = Date.now();

  constructor(private readonly count: number) {}

  begins(rule: string): void {
    this.show(rule);
  }

  ends({ rule, verdict, seconds }: Tried): void {
    this.done++;
    if (!process.stderr.isTTY) {
      console.error(`${this.done}/${this.count} ${rule}: ${noticed(verdict)} (${seconds.toFixed(1)} s)`);
    }
  }

  clear(): void {
    if (process.stderr.isTTY) process.stderr.write("\r\u001b[K");
  }

  private show(what: string): void {
    if (!process.stderr.isTTY) return;
    const seconds = Math.round((Date.now() - this.begun) / 1000);
    const line = `${this.done} of ${this.count} · ${seconds} s · ${what}`;
    process.stderr.write(`\r\u001b[K${line.slice(0, (process.stderr.columns ?? 80) - 1)}`);
  }
}
