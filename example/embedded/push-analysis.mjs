// @ts-check
import { load, unpack } from "./uploaded-bundles.mjs";

/**
 * @typedef {import("./uploaded-bundles.mjs").Push} Push
 * @typedef {import("./uploaded-bundles.mjs").Unit} Unit
 */

/**
 * What `query()` and its kin return, as far as it is read here.
 * @typedef {object} RegisteredFunction
 * @property {true} [isQuery]
 * @property {true} [isMutation]
 * @property {true} [isAction]
 * @property {true} [isPublic]
 * @property {() => string} exportArgs the validator, as JSON
 * @property {() => string} exportReturns the same
 */

/**
 * @typedef {object} FunctionAnalysis
 * @property {string} name
 * @property {"Query" | "Mutation" | "Action"} udfType
 * @property {{ kind: "public" | "internal" }} visibility
 * @property {string} args a validator, as JSON
 * @property {string} returns the same
 *
 * @typedef {{ [step: string]: string | ReferenceTree }} ReferenceTree
 */

/**
 * Answers the CLI's `start_push` as a deployment does: by running what was
 * uploaded, and having what it exports describe itself.
 * @param {Push} push
 * @param {string} project
 */
export async function analyzePush(push, project) {
  /** @type {Record<string, object>} */
  const analysis = {};
  for (const unit of unpack(push, project)) {
    analysis[unit.path] = await analyzeUnit(unit);
  }
  return { analysis, ...nothingDeployed() };
}

/** @param {Unit} unit */
async function analyzeUnit(unit) {
  const definition = await load(unit, unit.definition);
  const schema = unit.schema && (await load(unit, unit.schema));
  const functions = await analyzeModules(unit);
  return {
    definition: {
      ...definition.default.export(),
      path: unit.path,
      exports: asBranch(publicReferences(functions)),
    },
    schema: schema && JSON.parse(inStoredOrder(schema.default.export())),
    functions,
    udfConfig: {
      serverVersion: "0.0.0",
      importPhaseRngSeed: null,
      importPhaseUnixTimestamp: null,
    },
  };
}

/** @param {Unit} unit */
async function analyzeModules(unit) {
  /** @type {Record<string, { functions: FunctionAnalysis[] }>} */
  const analysis = {};
  for (const bundle of unit.modules) {
    // Chunks that modules share are no modules of their own.
    if (bundle.path.startsWith("_deps/")) continue;
    const functions = registeredFunctions(await load(unit, bundle));
    analysis[bundle.path] = { functions };
  }
  return analysis;
}

/**
 * @param {Record<string, RegisteredFunction | null | undefined>} exported
 * @returns {FunctionAnalysis[]}
 */
function registeredFunctions(exported) {
  return Object.entries(exported).flatMap(([name, value]) => {
    const udfType = value && kindOf(value);
    if (!udfType) return [];
    return {
      name,
      udfType,
      visibility: { kind: value.isPublic ? "public" : "internal" },
      args: inStoredOrder(value.exportArgs()),
      returns: inStoredOrder(value.exportReturns()),
    };
  });
}

/** @param {RegisteredFunction} value */
function kindOf(value) {
  if (value.isQuery) return "Query";
  if (value.isMutation) return "Mutation";
  if (value.isAction) return "Action";
  return null;
}

/**
 * @param {Record<string, { functions: FunctionAnalysis[] }>} modules
 * @returns {ReferenceTree} by folder, module and name
 */
function publicReferences(modules) {
  /** @type {ReferenceTree} */
  const root = {};
  for (const [file, { functions }] of Object.entries(modules)) {
    const module = file.replace(/\.js$/, "");
    for (const { name, visibility } of functions) {
      if (visibility.kind === "internal") continue;
      let branch = root;
      for (const step of module.split("/")) {
        branch = /** @type {ReferenceTree} */ (branch[step] ??= {});
      }
      branch[name] = `_reference/function/${module}:${name}`;
    }
  }
  return root;
}

/**
 * @param {ReferenceTree} tree
 * @returns {object} the same in the words of the protocol
 */
function asBranch(tree) {
  const branch = Object.entries(tree).map(([step, node]) => [
    step,
    typeof node === "string" ? { type: "leaf", leaf: node } : asBranch(node),
  ]);
  return { type: "branch", branch };
}

/**
 * A deployment keeps the fields of an object validator sorted, and the CLI
 * writes types in the order that it is told.
 * @param {string} json a validator or a schema
 */
function inStoredOrder(json) {
  return JSON.stringify(JSON.parse(json), (_key, node) =>
    node?.type === "object" ? { ...node, value: sorted(node.value) } : node,
  );
}

/** @param {Record<string, unknown>} fields */
function sorted(fields) {
  return Object.fromEntries(Object.entries(fields).sort(([a], [b]) => (a < b ? -1 : 1)));
}

/** The part of the answer that tells of the deployment's state. */
function nothingDeployed() {
  return {
    environmentVariables: {},
    externalDepsId: null,
    componentDefinitionPackages: {},
    appAuth: [],
    app: {
      definitionPath: "",
      componentPath: "",
      args: {},
      childComponents: {},
      httpRoutes: { httpModuleRoutes: null, mounts: [] },
      exports: {},
    },
    schemaChange: { allocatedComponentIds: {}, schemaIds: {} },
  };
}
