import type { TestConvex } from "convex-test";
import type { GenericSchema, SchemaDefinition } from "convex/server";

type Schema = SchemaDefinition<GenericSchema, boolean>;

/** Schemas by the path where their component is mounted; "" is the app. */
export type Schemas = ReadonlyMap<string, Schema>;

const schemasByTest = new WeakMap<object, Map<string, Schema>>();

/**
 * Makes a `convexTest` ready for the recorder, which has to know the fields of
 * every index. Wrap before registering components:
 * `const t = recordable(convexTest(schema, modules), schema); register(t);`
 */
export function recordable<AppSchema extends Schema>(
  t: TestConvex<AppSchema>,
  schema: AppSchema,
): TestConvex<AppSchema> {
  const schemas = new Map<string, Schema>([["", schema]]);
  const wrapped: TestConvex<AppSchema> = {
    ...t,
    registerComponent(path, componentSchema, modules) {
      schemas.set(path, componentSchema);
      t.registerComponent(path, componentSchema, modules);
    },
    withIdentity(identity) {
      const identified = t.withIdentity(identity);
      schemasByTest.set(identified, schemas);
      return identified;
    },
  };
  schemasByTest.set(wrapped, schemas);
  return wrapped;
}

/** The schemas noted for a test made with `recordable`. */
export function schemasOf(t: object): Schemas {
  const schemas = schemasByTest.get(t);
  if (schemas === undefined) {
    throw new Error(
      "The recorder does not know this test's schemas: make it with recordable(convexTest(...), schema).",
    );
  }
  return schemas;
}

/** All fields that order an index, including those that Convex appends. */
export function indexFields(
  schemas: Schemas,
  component: string,
  table: string,
  index: string,
): readonly string[] {
  if (index === "by_id") {
    return ["_id"];
  }
  if (index === "by_creation_time") {
    return ["_creationTime", "_id"];
  }
  const indexes = schemas.get(component)?.tables[table]?.[" indexes"]() ?? [];
  const found = indexes.find((entry) => entry.indexDescriptor === index);
  if (found === undefined) {
    throw new Error(`No schema that was noted for "${component}" declares the index ${table}.${index}.`);
  }
  return [...found.fields, "_creationTime", "_id"];
}
