import { jsonToConvex, type JSONValue, type Value } from "convex/values";
import { nextRun, type CronSchedule } from "./cron.js";
import type { Documents } from "./documents.js";
import { pathOf } from "./paths.js";
import { tableOfId, type StoredDocument } from "./reads.js";
import type { FunctionPath, Module } from "./runtime.js";
import type { Write } from "./transactions.js";

/*
 * What runs by itself is documents, so that it is kept, and commits, as they do: scheduled functions in
 * the table where Convex has them, and crons in one of this deployment's.
 */

/** Results of scheduled functions can be looked up for seven days, as in the backend. */
export const RESULTS_KEPT_MS = 7 * 86_400_000;

export type Job = Pick<StoredDocument, "_id" | "_creationTime"> & {
  /** A function of the same component, or the handle of another's. */
  name: string;
  args: [Record<string, Value>];
  scheduledTime: number;
  state: { kind: "pending" | "inProgress" | "success" | "canceled" } | { kind: "failed"; error: string };
  completedTime?: number;
};

export type CronJob = Pick<StoredDocument, "_id" | "_creationTime"> & {
  name: string;
  spec: string;
  nextTs: number;
};

interface CronSpec {
  name: string;
  args: JSONValue[];
  schedule: CronSchedule;
}

/** Something to run at its time, and what is written about it before and after. */
export interface Errand {
  component: string;
  id: string;
  at: number;
  isCron: boolean;
  target: FunctionPath;
  args: Record<string, Value>;
  /** Whether there is still something to run, or to write about: it may be canceled, or deployed away. */
  stands(document: StoredDocument | null): boolean;
  /** Written before an action runs, so that it never runs twice. */
  begun(now: number): Write[];
  /** Written with a mutation, so that it runs exactly once, or after an action or an error. */
  ended(now: number, error: string | null): Write[];
}

/** The errand that a document stands for; null when it is over. */
export function errandOf(component: string, document: StoredDocument): Errand | null {
  return tableOfId(document._id) === "_cron_jobs"
    ? cronErrand(component, document as CronJob)
    : jobErrand(component, document as Job);
}

function jobErrand(component: string, job: Job): Errand | null {
  if (job.state.kind !== "pending") return null;
  return {
    component,
    id: job._id,
    at: job.scheduledTime,
    isCron: false,
    target: pathOf({ name: job.name }, component),
    args: job.args[0],
    stands: (document) => document !== null && isUnfinished(document as Job),
    begun: () => [jobWrite(component, job, { kind: "inProgress" })],
    ended: (now, error) => [
      jobWrite(component, job, error === null ? { kind: "success" } : { kind: "failed", error }, now),
    ],
  };
}

function jobWrite(component: string, job: Job, state: Job["state"], completedTime?: number): Write {
  const after: Job = { ...job, state, ...(completedTime !== undefined && { completedTime }) };
  return { component, table: "_scheduled_functions", id: job._id, after };
}

function cronErrand(component: string, cron: CronJob): Errand {
  const { name, args, schedule } = JSON.parse(cron.spec) as CronSpec;
  const next = (now: number): Write[] => [
    {
      component,
      table: "_cron_jobs",
      id: cron._id,
      after: { ...cron, nextTs: nextRun(schedule, cron.nextTs, now) },
    },
  ];
  return {
    component,
    id: cron._id,
    at: cron.nextTs,
    isCron: true,
    target: pathOf({ name }, component),
    args: args.length === 0 ? {} : (jsonToConvex(args[0]!) as Record<string, Value>),
    stands: (document) => document !== null,
    begun: next,
    ended: next,
  };
}

function isUnfinished({ state }: Job): boolean {
  return state.kind === "pending" || state.kind === "inProgress";
}

/** A cancellation by an action; a function that is over stays as it is. */
export function canceled(component: string, job: Job | null, now: number): Write[] {
  return job !== null && isUnfinished(job) ? [jobWrite(component, job, { kind: "canceled" }, now)] : [];
}

/** A job that was running when the deployment went down: an action, which may have had its effects. */
export function interrupted(component: string, job: Job, now: number): Write[] {
  const error = "Transient error while executing action";
  return job.state.kind === "inProgress" ? [jobWrite(component, job, { kind: "failed", error }, now)] : [];
}

/** What a deploy writes of a component's crons: those that have not changed keep their time. */
export function cronWrites(
  component: string,
  module: Module | undefined,
  documents: Documents,
  now: number,
): Write[] {
  const specs = exportedCrons(module);
  const known = documents.in(component, "_cron_jobs") as CronJob[];
  const gone = known.filter(({ name, spec }) => specs[name] !== spec);
  const kept = new Set(known.filter((cron) => !gone.includes(cron)).map(({ name }) => name));
  return [
    ...gone.map(({ _id }) => ({ component, table: "_cron_jobs", id: _id, after: null })),
    ...Object.entries(specs)
      .filter(([name]) => !kept.has(name))
      .map(([name, spec]) => {
        const { schedule } = JSON.parse(spec) as CronSpec;
        return newDocument(documents, component, "_cron_jobs", now, {
          name,
          spec,
          nextTs: nextRun(schedule, null, now),
        });
      }),
  ];
}

/** The crons of a component's `crons` module, by name, each as JSON. */
function exportedCrons(module: Module | undefined): Record<string, string> {
  const exported = module?.default as { isCrons?: true; export(): string } | undefined;
  if (exported?.isCrons !== true) return {};
  const crons = JSON.parse(exported.export()) as Record<string, CronSpec>;
  return Object.fromEntries(Object.entries(crons).map(([name, spec]) => [name, JSON.stringify(spec)]));
}

/** An insert by the deployment itself. */
export function newDocument(
  documents: Documents,
  component: string,
  table: string,
  now: number,
  fields: Record<string, Value>,
): Write & { after: StoredDocument } {
  const id = documents.newId(component, table);
  const _creationTime = documents.newCreationTime(component, now);
  return { component, table, id, after: { ...fields, _id: id, _creationTime } };
}
