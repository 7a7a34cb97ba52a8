/** Many short runs, one after the other, from one seed. */
import { componentModules } from "./inspection.js";
import { run, shrunk, Tally, type Failure } from "./runner.js";
import { reportOf } from "./report.js";
import type { Options } from "./session.js";

/** Long enough to get somewhere, short enough that the deployment, which is all in memory, stays fast. */
export const STEPS_OF_A_RUN = 120;

export interface Simulation {
  steps: number;
  runs: number;
  leftOut: Tally;
  /** What happened, and how often. */
  seen: Tally;
  /** Null if all went well. */
  failure: Failure | null;
  report: string | null;
}

export interface Settings extends Partial<Pick<Options, "fault">> {
  seed: number;
  steps: number;
  /** Told after every run. */
  progress?: (simulation: Simulation) => void;
  shrinkMs?: number;
}

export async function simulate({ seed, steps, progress, shrinkMs, fault }: Settings): Promise<Simulation> {
  const modules = await componentModules();
  const options: Options = { modules, ...(fault && { fault }) };
  const simulation: Simulation = {
    steps: 0,
    runs: 0,
    leftOut: new Tally(),
    seen: new Tally(),
    failure: null,
    report: null,
  };
  for (let index = 0; simulation.steps < steps; index++) {
    const { taken, leftOut, seen, failure } = await run(
      seed + index,
      Math.min(STEPS_OF_A_RUN, steps),
      options,
    );
    simulation.steps += taken;
    simulation.runs += 1;
    simulation.leftOut.add(leftOut);
    simulation.seen.add(seen);
    if (failure !== null) {
      const smallest = await shrunk(failure, options, { withinMs: shrinkMs });
      return { ...simulation, failure: smallest, report: reportOf(smallest, failure.steps.length) };
    }
    progress?.(simulation);
  }
  return simulation;
}
