import { loadUnit, messageOf, type LoadedUnit } from "./analysis.js";
import type { AuthProvider } from "./auth.js";
import { ASK_TO_IMPORT, guarded, load, unpack, type Environment, type Push, type Unit } from "./bundles.js";
import type { DeployedComponent, Engine, Schema } from "./engine.js";
import { Refusal } from "./refusal.js";
import { temporaryFolder } from "./temporary-folder.js";

/** A push that was evaluated; it runs once it is finished. */
interface Staged {
  id: string;
  push: Push;
  components: DeployedComponent[];
  providers: AuthProvider[];
  analysis: Record<string, LoadedUnit["analysis"]>;
}

/** What `start_push` answers and `finish_push` gets back, as far as it is read here. */
export interface StartedPush {
  schemaChange: { schemaIds: Record<string, string> };
}

export interface EnvironmentChange {
  name: string;
  value: string | null;
}

/** Those of this process: which of them runs an `import()` is for them to say. */
const engines = new Set<Engine>();

Object.assign(globalThis, {
  [Symbol.for(ASK_TO_IMPORT)]: async (path: string) => {
    if (![...engines].some((engine) => engine.inTransaction())) return;
    throw new Error(`Can't dynamically import "${path}" in a query or mutation`);
  },
});

/**
 * What is deployed. Code comes in two steps, as the CLI sends it: a push is
 * evaluated and staged, the stored documents are checked against its schemas,
 * and then it is finished. Whatever fails on the way, the old code goes on.
 */
export class Deployment {
  private staged: Staged | null = null;
  private deployed: Staged | null = null;
  private pushes = 0;

  constructor(
    private readonly engine: Engine,
    private readonly urls: { CONVEX_CLOUD_URL: string; CONVEX_SITE_URL: string },
  ) {
    engines.add(engine);
  }

  close(): void {
    engines.delete(this.engine);
  }

  get providers(): readonly AuthProvider[] {
    return this.deployed?.providers ?? [];
  }

  /** @returns the answer to `start_push`, from which the CLI also generates code */
  start(push: Push): object {
    const staged = whilePushing(() => this.evaluate(push, this.engine.env));
    this.staged = staged;
    return {
      environmentVariables: {},
      externalDepsId: null,
      componentDefinitionPackages: {},
      appAuth: staged.providers,
      analysis: staged.analysis,
      app: checkedComponent(staged.analysis, "", ""),
      ...this.schemaChange(staged),
    };
  }

  /** @returns the answer to `evaluate_push`, which changes nothing */
  preview(push: Push): object {
    return this.schemaChange(whilePushing(() => this.evaluate(push, this.engine.env)));
  }

  /** @returns the answer to `wait_for_schema` */
  schemaStatus(started: StartedPush): object {
    const staged = this.stagedAs(started);
    if (!staged) return { type: "raceDetected" };
    const violation = this.engine.violation(staged.components);
    return violation ? { type: "failed", ...violation } : { type: "complete" };
  }

  /** @returns the answer to `finish_push` */
  finish(started: StartedPush, dryRun: boolean): object {
    if (dryRun) return difference([], []);
    const staged = this.stagedAs(started);
    if (!staged) throw new Refusal(409, "RaceDetected", "Schema was overwritten by another push.");
    const violation = this.engine.violation(staged.components);
    if (violation) throw new Refusal(400, "SchemaValidationFailed", pushing(violation.error));
    const before = this.deployed?.components ?? [];
    this.run(staged);
    this.staged = null;
    return difference(before, staged.components);
  }

  /**
   * Sets environment variables, or removes those whose value is null. Code reads
   * them when it is loaded as well, so the deployed push is loaded anew.
   */
  changeEnvironment(changes: EnvironmentChange[]): void {
    const next = changed(new Map(this.engine.env), changes);
    const reloaded = this.deployed && this.evaluate(this.deployed.push, next);
    changed(this.engine.env, changes);
    if (reloaded) this.run(reloaded);
  }

  private run(staged: Staged): void {
    this.deployed = staged;
    this.engine.deploy(staged.components);
  }

  private evaluate(push: Push, env: ReadonlyMap<string, string>): Staged {
    const visible = { ...Object.fromEntries(env), ...this.urls };
    const units = unpack(push, temporaryFolder("push"));
    const loaded = units.map((unit) => loadUnit(unit, visible));
    return {
      id: String(++this.pushes),
      push,
      analysis: Object.fromEntries(loaded.map(({ path, analysis }) => [path, analysis])),
      components: mounted(loaded, "", ""),
      providers: providersOf(units, visible),
    };
  }

  private stagedAs({ schemaChange }: StartedPush): Staged | null {
    return this.staged !== null && schemaChange.schemaIds[""] === this.staged.id ? this.staged : null;
  }

  private schemaChange({ id }: Staged): { schemaChange: object } {
    return { schemaChange: { allocatedComponentIds: {}, schemaIds: { "": id }, indexDiffs: {} } };
  }
}

function changed(env: Map<string, string>, changes: EnvironmentChange[]): Map<string, string> {
  for (const { name, value } of changes) {
    if (value === null) env.delete(name);
    else env.set(name, value);
  }
  return env;
}

/** One for each place where a component is mounted: two mounts have tables of their own. */
function mounted(units: LoadedUnit[], definition: string, place: string): DeployedComponent[] {
  const unit = units.find(({ path }) => path === definition);
  if (!unit) throw new Error(`The CLI did not upload ${definition}.`);
  return [
    {
      path: place,
      schema: (unit.schema?.default ?? null) as unknown as Schema | null,
      modules: unit.modules,
    },
    ...unit.analysis.definition.childComponents.flatMap((child) =>
      mounted(units, child.path, inside(place, child.name)),
    ),
  ];
}

/** The tree of mounts in the words of the protocol. */
function checkedComponent(analysis: Staged["analysis"], definition: string, place: string): object {
  const children = analysis[definition]?.definition.childComponents ?? [];
  return {
    definitionPath: definition,
    componentPath: place,
    args: {},
    childComponents: Object.fromEntries(
      children.map(({ name, path }) => [name, checkedComponent(analysis, path, inside(place, name))]),
    ),
    httpRoutes: { httpModuleRoutes: null, mounts: [] },
    exports: {},
  };
}

function inside(place: string, name: string): string {
  return place === "" ? name : `${place}/${name}`;
}

/** As in Convex, auth.config.ts may read no variable that is not set. */
function providersOf(units: Unit[], env: Environment): AuthProvider[] {
  const app = units.find(({ path }) => path === "");
  const config = app?.modules.find(({ path }) => path === "auth.config.js");
  if (!app || !config) return [];
  let missing: string | null = null;
  const strict = guarded(app, env, (name) => {
    if (env[name] !== undefined) return;
    missing = `Environment variable ${name} is used in auth config file but its value was not set`;
    throw new Error(missing);
  });
  try {
    const { default: exported } = load(app, config, strict) as { default?: { providers?: AuthProvider[] } };
    return exported?.providers ?? [];
  } catch (error) {
    // The CLI knows this code, and says how to set the variable.
    if (missing !== null) throw new Refusal(400, "AuthConfigMissingEnvironmentVariable", missing);
    throw new Refusal(400, "InvalidAuthConfig", `The pushed auth config is invalid: ${messageOf(error)}`);
  }
}

function whilePushing<T>(evaluate: () => T): T {
  try {
    return evaluate();
  } catch (error) {
    const code = error instanceof Refusal ? error.code : "InvalidModules";
    throw new Refusal(400, code, pushing(messageOf(error)));
  }
}

function pushing(message: string): string {
  return `Hit an error while pushing:\n${message}`;
}

/** What a push changed, in the words of the protocol: the CLI tells of it. */
function difference(before: DeployedComponent[], after: DeployedComponent[]): object {
  const isNew = ({ path }: DeployedComponent) => !before.some((component) => component.path === path);
  const componentDiffs = after.map((component) => [
    component.path,
    {
      diffType: { type: isNew(component) ? "create" : "modify" },
      moduleDiff: { added: [], removed: [] },
      udfConfigDiff: null,
      cronDiff: { added: [], updated: [], deleted: [] },
      indexDiff: { added_indexes: [], removed_indexes: [] },
      schemaDiff: null,
    },
  ]);
  return {
    authDiff: { added: [], removed: [] },
    definitionDiffs: {},
    componentDiffs: Object.fromEntries(componentDiffs),
  };
}
