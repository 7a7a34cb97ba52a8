import { defineApp } from "convex/server";
import tally from "../../../../src/component/convex.config.js";

const app = defineApp();
app.use(tally);

export default app;
