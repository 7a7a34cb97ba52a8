import fs from "node:fs";
import { createRequire } from "node:module";
import path from "node:path";

/** What the CLI uploads, as far as it is read here. */
export interface Push {
  /** The app's folder, such as `convex/`. */
  functions: string;
  dryRun: boolean;
  appDefinition: Definition & { changedModules: Bundle[] };
  componentDefinitions: (Definition & { definitionPath: string; functions: Bundle[] })[];
}

export interface Bundle {
  path: string;
  source: string;
  sourceMap?: string;
}

interface Definition {
  /** None for an app without convex.config.ts. */
  definition: Bundle | null;
  /** Paths of the components that it mounts. */
  dependencies: string[];
  schema: Bundle | null;
}

/** The app or a component that it mounts, unpacked to a folder. */
export interface Unit extends Definition {
  /** From the app's folder, as the CLI names it: `""` is the app. */
  path: string;
  folder: string;
  modules: Bundle[];
}

export type ModuleNamespace = Record<string, unknown>;

/** What deployed code sees as `process.env`. */
export type Environment = Record<string, string | undefined>;

const require = createRequire(import.meta.url);

/** @param folder a new one */
export function unpack(push: Push, folder: string): Unit[] {
  const units = unitsOf(push, folder);
  for (const unit of units) {
    write(unit, "package.json", '{ "type": "module" }');
    for (const bundle of [unit.definition, unit.schema, ...unit.modules]) {
      if (!bundle) continue;
      write(unit, bundle.path, asLoaded(bundle.source));
      if (bundle.sourceMap) write(unit, `${bundle.path}.map`, bundle.sourceMap);
    }
    writeMountedComponents(unit, units);
  }
  return units;
}

/**
 * Runs a bundle. Nothing else runs meanwhile: a required module cannot wait, so
 * `process.env` can be the deployment's for as long as it takes. It never holds
 * the secrets of the process that serves.
 */
export function load(unit: Unit, bundle: Bundle, env: Environment): ModuleNamespace {
  process.setSourceMapsEnabled(true);
  const served = process.env;
  process.env = env;
  try {
    return require(path.join(unit.folder, bundle.path)) as ModuleNamespace;
  } catch (error) {
    throw new UncaughtError(error, path.dirname(unit.folder));
  } finally {
    process.env = served;
  }
}

/**
 * An environment that is asked before a variable is read. Node reads variables
 * of its own while it loads; those are not the app's affair.
 */
export function guarded(unit: Unit, env: Environment, beforeRead: (name: string) => void): Environment {
  return new Proxy(env, {
    get(target, name) {
      if (new Error().stack?.includes(path.dirname(unit.folder))) beforeRead(String(name));
      return target[String(name)];
    },
  });
}

/** An error of deployed code, told as Convex tells it. */
class UncaughtError extends Error {
  constructor(cause: unknown, folder: string) {
    super(isTopLevelAwait(cause) ? "Top-level awaits in source files are unsupported" : told(cause, folder), {
      cause,
    });
  }
}

function isTopLevelAwait(error: unknown): boolean {
  return error instanceof Error && "code" in error && error.code === "ERR_REQUIRE_ASYNC_MODULE";
}

/** The error and where in the app it comes from; frames of Node and of this server tell the app nothing. */
function told(error: unknown, folder: string): string {
  if (!(error instanceof Error)) return `Uncaught ${String(error)}`;
  const frames = (error.stack ?? "")
    .split("\n")
    .filter((line) => /^\s+at /.test(line) && line.includes(folder))
    .map((line) => line.replaceAll("file://", "").replaceAll(folder, ".."));
  return [`Uncaught ${error.name}: ${error.message}`, ...frames].join("\n");
}

function unitsOf({ appDefinition, componentDefinitions }: Push, folder: string): Unit[] {
  const app = { ...appDefinition, path: "", modules: appDefinition.changedModules };
  const components = componentDefinitions.map((component) => ({
    ...component,
    path: component.definitionPath,
    modules: component.functions,
  }));
  // Source maps lead from a folder `out` of the project: from any sibling of it
  // they lead to the same names, which stack traces then show.
  return [app, ...components].map((unit, at) => ({ ...unit, folder: path.join(folder, `out-${at}`) }));
}

/**
 * The CLI makes a definition import what it mounts by an invented path, where a
 * deployment puts what `app.use()` wants to know of it.
 */
function writeMountedComponents(unit: Unit, units: Unit[]): void {
  for (const dependency of unit.dependencies) {
    const mounted = units.find(({ path }) => path === dependency);
    if (!mounted?.definition) throw new Error(`The CLI did not upload ${dependency}.`);
    const name = Buffer.from(dependency).toString("base64url");
    write(
      unit,
      `_componentDeps/${name}.js`,
      `import definition from ${JSON.stringify(path.join(mounted.folder, mounted.definition.path))};
export default {
  componentDefinitionPath: ${JSON.stringify(dependency)},
  defaultName: definition.export().name,
};`,
    );
  }
}

/**
 * The invented paths lack the extension that Node asks for, and an `import()`
 * has to ask first whether it may. esbuild wrote the source, so its imports of
 * other bundles look just like this.
 */
function asLoaded(source: string): string {
  return source
    .replace(/(["'])(\.\/_componentDeps\/[\w-]+)\1/g, "$1$2.js$1")
    .replace(
      /\bimport\(("\.{1,2}\/[^"]+")\)/g,
      `globalThis[Symbol.for("${ASK_TO_IMPORT}")]($1).then(() => import($1))`,
    );
}

/** The global function that an `import()` asks; the deployment defines it. */
export const ASK_TO_IMPORT = "embedded.askToImport";

function write(unit: Unit, file: string, content: string): void {
  const target = path.join(unit.folder, file);
  fs.mkdirSync(path.dirname(target), { recursive: true });
  fs.writeFileSync(target, content);
}
