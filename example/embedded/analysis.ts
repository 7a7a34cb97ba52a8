import { guarded, load, type Bundle, type Environment, type ModuleNamespace, type Unit } from "./bundles.js";

/** What `query()` and its kin return, as far as it is read here. */
interface RegisteredFunction {
  isQuery?: true;
  isMutation?: true;
  isAction?: true;
  isPublic?: true;
  /** The validator, as JSON. */
  exportArgs(): string;
  /** The same. */
  exportReturns(): string;
}

export interface FunctionAnalysis {
  name: string;
  udfType: "Query" | "Mutation" | "Action";
  visibility: { kind: "public" | "internal" };
  /** A validator, as JSON. */
  args: string;
  /** The same. */
  returns: string;
}

/** What a component's definition exports of itself, as far as it is read here. */
interface ExportedDefinition {
  childComponents: { name: string; path: string }[];
}

export interface UnitAnalysis {
  definition: ExportedDefinition & Record<string, unknown>;
  schema: object | null;
  functions: Record<string, { functions: FunctionAnalysis[] }>;
  udfConfig: object;
}

/** A unit as it runs. */
export interface LoadedUnit {
  path: string;
  /** Its default export is what `defineSchema` returned. */
  schema: { default: { export(): string } } | null;
  /** By path without extension. */
  modules: ReadonlyMap<string, ModuleNamespace>;
  analysis: UnitAnalysis;
}

type ReferenceTree = { [step: string]: string | ReferenceTree };

/** Runs what was uploaded, and has what it exports describe itself. */
export function loadUnit(unit: Unit, env: Environment): LoadedUnit {
  const definition = unit.definition && load(unit, unit.definition, env);
  const schema = unit.schema && (loadSchema(unit, unit.schema) as unknown as LoadedUnit["schema"]);
  const modules = new Map(
    unit.modules.filter(isModule).map((bundle) => [bundle.path, loadModule(unit, bundle, env)]),
  );
  const functions = Object.fromEntries(
    [...modules].map(([file, module]) => [file, { functions: functionsOf(module) }]),
  );
  return {
    path: unit.path,
    schema,
    modules: new Map([...modules].map(([file, module]) => [withoutExtension(file), module])),
    analysis: {
      definition: {
        ...(definition ? exported(definition) : APP_WITHOUT_CONFIG),
        path: unit.path,
        exports: asBranch(publicReferences(functions)),
      },
      schema: schema && (JSON.parse(inStoredOrder(schema.default.export())) as object),
      functions,
      udfConfig: { serverVersion: "0.0.0", importPhaseRngSeed: null, importPhaseUnixTimestamp: null },
    },
  };
}

const APP_WITHOUT_CONFIG = { definitionType: { type: "app" }, childComponents: [], httpMounts: {} };

/** Chunks that modules share are no modules of their own, and who may sign in is asked apart. */
function isModule({ path }: Bundle): boolean {
  return !path.startsWith("_deps/") && path !== "auth.config.js";
}

function loadSchema(unit: Unit, bundle: Bundle): ModuleNamespace {
  const env = guarded(unit, {}, () => {
    throw new Error("Environment variables unsupported when evaluating schema");
  });
  try {
    return load(unit, bundle, env);
  } catch (error) {
    throw new Error(`Hit an error while evaluating your schema:\n${messageOf(error)}`, { cause: error });
  }
}

function loadModule(unit: Unit, bundle: Bundle, env: Environment): ModuleNamespace {
  try {
    return load(unit, bundle, env);
  } catch (error) {
    // Convex's own words, line break included.
    throw new Error(
      `Loading the pushed modules encountered the following\n    error:\nFailed to analyze ${bundle.path}: ${messageOf(error)}`,
      { cause: error },
    );
  }
}

function exported(definition: ModuleNamespace): ExportedDefinition {
  return (definition.default as { export(): ExportedDefinition }).export();
}

/** The functions that a module registers, in its order. */
export function functionsOf(module: ModuleNamespace): FunctionAnalysis[] {
  return Object.entries(module).flatMap(([name, value]) => {
    const registered = value as RegisteredFunction | null | undefined;
    const udfType = registered && kindOf(registered);
    if (!udfType) return [];
    return {
      name,
      udfType,
      visibility: { kind: registered.isPublic ? "public" : "internal" },
      args: inStoredOrder(registered.exportArgs()),
      returns: inStoredOrder(registered.exportReturns()),
    };
  });
}

function kindOf(value: RegisteredFunction): FunctionAnalysis["udfType"] | null {
  if (typeof value.exportArgs !== "function") return null;
  if (value.isQuery) return "Query";
  if (value.isMutation) return "Mutation";
  return value.isAction ? "Action" : null;
}

/** By folder, module and name. */
function publicReferences(modules: UnitAnalysis["functions"]): ReferenceTree {
  const root: ReferenceTree = {};
  for (const [file, { functions }] of Object.entries(modules)) {
    const module = withoutExtension(file);
    for (const { name, visibility } of functions) {
      if (visibility.kind === "internal") continue;
      let branch = root;
      for (const step of module.split("/")) branch = (branch[step] ??= {}) as ReferenceTree;
      branch[name] = `_reference/function/${module}:${name}`;
    }
  }
  return root;
}

/** The tree in the words of the protocol. */
function asBranch(tree: ReferenceTree): object {
  const branch = Object.entries(tree).map(([step, node]) => [
    step,
    typeof node === "string" ? { type: "leaf", leaf: node } : asBranch(node),
  ]);
  return { type: "branch", branch };
}

/**
 * A deployment keeps the fields of an object validator sorted, and the CLI
 * writes types in the order that it is told.
 * @param json a validator or a schema
 */
function inStoredOrder(json: string): string {
  return JSON.stringify(JSON.parse(json), (_key, node: unknown) =>
    isObjectValidator(node) ? { ...node, value: sorted(node.value) } : node,
  );
}

function isObjectValidator(node: unknown): node is { type: "object"; value: Record<string, unknown> } {
  return typeof node === "object" && node !== null && "type" in node && node.type === "object";
}

function sorted(fields: Record<string, unknown>): Record<string, unknown> {
  return Object.fromEntries(Object.entries(fields).sort(([a], [b]) => (a < b ? -1 : 1)));
}

function withoutExtension(file: string): string {
  return file.replace(/\.[cm]?js$/, "");
}

export function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
