import { cronJobs } from "convex/server";
import { internal } from "./_generated/api.js";

const crons = cronJobs();

crons.interval("renew what the demo has sold", { hours: 6 }, internal.demo.renew, {});

export default crons;
