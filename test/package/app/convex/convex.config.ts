import { defineApp } from "convex/server";
import tally from "convex-tally/convex.config";
import sameTally from "convex-tally/convex.config.js";

const app = defineApp();
app.use(tally);
app.use(sameTally, { name: "second" });

export default app;
