/// <reference types="vite/client" />
import type { TestConvex } from "convex-test";
import type { GenericSchema, SchemaDefinition } from "convex/server";
import schema from "./component/schema.js";

const modules = import.meta.glob(["./component/**/*.ts", "!**/convex.config.ts"]);

/**
 * Mounts the component in a suite that runs on convex-test.
 *
 * ```ts
 * const t = convexTest(schema, import.meta.glob("./**\/*.ts"));
 * register(t);
 * ```
 */
export function register<Schema extends GenericSchema>(
  t: TestConvex<SchemaDefinition<Schema, boolean>>,
  /** The name under which the app has mounted it. */
  name = "tally",
): void {
  t.registerComponent(name, schema, modules);
}

export default { register, schema, modules };
