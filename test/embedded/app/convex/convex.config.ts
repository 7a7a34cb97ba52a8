import { defineApp } from "convex/server";
import shelf from "./shelf/convex.config.js";

const app = defineApp();
app.use(shelf);

export default app;
