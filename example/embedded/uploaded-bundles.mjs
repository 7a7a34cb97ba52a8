// @ts-check
import fs from "node:fs";
import path from "node:path";
import { pathToFileURL } from "node:url";

/**
 * What the CLI uploads, as far as it is read here.
 * @typedef {{ path: string, source: string, sourceMap?: string }} Bundle
 * @typedef {{ definition: Bundle, dependencies: string[], schema: Bundle | null }} Definition
 * @typedef {Definition & { changedModules: Bundle[] }} AppDefinition
 * @typedef {Definition & { definitionPath: string, functions: Bundle[] }} ComponentDefinition
 * @typedef {object} Push
 * @property {string} functions the app's folder, such as `convex/`
 * @property {AppDefinition} appDefinition
 * @property {ComponentDefinition[]} componentDefinitions
 */

/**
 * The app or a component that it mounts, unpacked to a folder.
 * @typedef {object} Unit
 * @property {string} path from the app's folder, as the CLI names it: `""` is the app
 * @property {string} source its folder in the project, for messages
 * @property {string} folder
 * @property {Bundle} definition
 * @property {string[]} dependencies paths of the units that it mounts
 * @property {Bundle | null} schema
 * @property {Bundle[]} modules
 */

/**
 * @param {Push} push
 * @param {string} project
 * @returns {Unit[]}
 */
export function unpack(push, project) {
  const units = unitsOf(push, project);
  for (const unit of units) {
    write(unit, "package.json", '{ "type": "module" }');
    writeBundles(unit);
    writeMountedComponents(unit, units);
  }
  return units;
}

/**
 * Runs a bundle.
 * @param {Unit} unit
 * @param {Bundle} bundle
 * @returns what it exports
 */
export async function load(unit, bundle) {
  process.setSourceMapsEnabled(true);
  try {
    return await import(urlOf(unit, bundle));
  } catch (error) {
    const file = path.join(unit.source, bundle.path);
    const reason = error instanceof Error ? error.stack : String(error);
    throw new Error(`${file} does not load: ${reason}`, { cause: error });
  }
}

/**
 * @param {Push} push
 * @param {string} project
 * @returns {Unit[]}
 */
function unitsOf({ functions, appDefinition, componentDefinitions }, project) {
  const app = {
    ...appDefinition,
    path: "",
    modules: appDefinition.changedModules,
  };
  const components = componentDefinitions.map((component) => ({
    ...component,
    path: component.definitionPath,
    modules: component.functions,
  }));
  return [app, ...components].map((unit) => ({
    ...unit,
    source: path.join(functions, unit.path),
    // Source maps lead from a folder `out` of the project: from a sibling of
    // it they lead to the same sources, which stack traces then name.
    folder: fs.mkdtempSync(path.join(project, "out-")),
  }));
}

/** @param {Unit} unit */
function writeBundles(unit) {
  for (const bundle of [unit.definition, unit.schema, ...unit.modules]) {
    if (!bundle) continue;
    write(unit, bundle.path, withExtensions(bundle.source));
    if (bundle.sourceMap) write(unit, `${bundle.path}.map`, bundle.sourceMap);
  }
}

/**
 * The CLI makes a definition import what it mounts by an invented path, where a
 * deployment puts what `app.use()` wants to know of it.
 * @param {Unit} unit
 * @param {Unit[]} units
 */
function writeMountedComponents(unit, units) {
  for (const dependency of unit.dependencies) {
    const mounted = units.find(({ path }) => path === dependency);
    if (!mounted) throw new Error(`The CLI did not upload ${dependency}.`);
    const name = Buffer.from(dependency).toString("base64url");
    write(
      unit,
      `_componentDeps/${name}.js`,
      `import definition from ${JSON.stringify(urlOf(mounted, mounted.definition))};
export default {
  componentDefinitionPath: ${JSON.stringify(dependency)},
  defaultName: definition.export().name,
};`,
    );
  }
}

/** @param {string} source whose invented paths lack the extension that Node asks for */
function withExtensions(source) {
  return source.replace(/(["'])(\.\/_componentDeps\/[\w-]+)\1/g, "$1$2.js$1");
}

/**
 * @param {Unit} unit
 * @param {string} file
 * @param {string} content
 */
function write(unit, file, content) {
  const target = path.join(unit.folder, file);
  fs.mkdirSync(path.dirname(target), { recursive: true });
  fs.writeFileSync(target, content);
}

/**
 * @param {Unit} unit
 * @param {Bundle} bundle
 */
function urlOf(unit, bundle) {
  return pathToFileURL(path.join(unit.folder, bundle.path)).href;
}
