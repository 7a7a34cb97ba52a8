import type { ApiFromModules } from "convex/server";
import type * as app from "./app.js";

/** What code generation writes for an app of one module. */
export type Api = ApiFromModules<{ app: typeof app }>;
