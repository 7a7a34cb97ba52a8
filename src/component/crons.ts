import { cronJobs } from "convex/server";
import { internal } from "./_generated/api.js";

const crons = cronJobs();

// Meters that only query follow within five minutes; off the hour, when all the world's crons run.
crons.cron("resets", "2-57/5 * * * *", internal.resets.sweep, {});

// A hold that nobody settled counts as used until then: late is safe.
crons.interval("reservations", { minutes: 1 }, internal.reservations.sweep, {});

export default crons;
