import { Cron } from "croner";

/** When a cron runs, as `crons.export()` of `convex/server` tells it; all times are UTC. */
export type CronSchedule =
  | { type: "interval"; seconds?: number; minutes?: number; hours?: number }
  | { type: "hourly"; minuteUTC?: number }
  | { type: "daily"; hourUTC: number; minuteUTC?: number }
  | { type: "weekly"; dayOfWeek: string; hourUTC: number; minuteUTC?: number }
  | { type: "monthly"; day: number; hourUTC: number; minuteUTC?: number }
  | { type: "cron"; cron: string };

/**
 * The first run after an instant.
 * @param previous the run before; null for none yet, when an interval begins at once
 */
export function nextRun(schedule: CronSchedule, previous: number | null, after: number): number {
  if (schedule.type === "interval") {
    if (previous === null) return after;
    const { seconds = 0, minutes = 0, hours = 0 } = schedule;
    const period = ((hours * 60 + minutes) * 60 + seconds) * 1000;
    // Runs that were missed are not made up, as in the backend.
    return previous + period * Math.max(1, Math.floor((after - previous) / period) + 1);
  }
  // croner looks at whole seconds only, and strictly after.
  const next = cronOf(expression(schedule)).nextRun(new Date(after));
  if (next === null) throw new Error(`The cron ${JSON.stringify(schedule)} never runs.`);
  return next.getTime();
}

/** As many as there are crons: to read one takes as long as to run one. */
const known = new Map<string, Cron>();

function cronOf(expression: string): Cron {
  let cron = known.get(expression);
  if (cron === undefined) known.set(expression, (cron = new Cron(expression, { timezone: "UTC" })));
  return cron;
}

function expression(schedule: Exclude<CronSchedule, { type: "interval" }>): string {
  // The backend spreads crons without a minute over the hour; here they run on it.
  const minute = "minuteUTC" in schedule ? (schedule.minuteUTC ?? 0) : 0;
  switch (schedule.type) {
    case "hourly":
      return `${minute} * * * *`;
    case "daily":
      return `${minute} ${schedule.hourUTC} * * *`;
    case "weekly":
      return `${minute} ${schedule.hourUTC} * * ${schedule.dayOfWeek.slice(0, 3)}`;
    case "monthly":
      return `${minute} ${schedule.hourUTC} ${schedule.day} * *`;
    case "cron":
      return schedule.cron;
  }
}
