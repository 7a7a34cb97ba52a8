import { defineSchema } from "convex/server";
import componentSchema from "../../src/component/schema.js";
import appSchema from "../../convex/schema.js";
import {
  createEngine,
  type Caller,
  type DeployedComponent,
  type Engine,
  type EngineOptions,
  type Module,
  type Schema,
} from "../../example/embedded/engine.js";
import type { Value } from "convex/values";

const appModules = byPath(
  "../../convex/",
  import.meta.glob<Module>(["../../convex/**/*.ts", "!**/convex.config.ts"], { eager: true }),
);
const tallyModules = byPath(
  "../../src/component/",
  import.meta.glob<Module>(["../../src/component/**/*.ts", "!**/convex.config.ts"], { eager: true }),
);

/** The example app with Tally, as a push of it would be. */
export const exampleApp: readonly DeployedComponent[] = [
  { path: "", schema: appSchema, modules: appModules },
  { path: "tally", schema: componentSchema, modules: tallyModules },
];

/** An app of these modules alone. */
export function app(modules: Record<string, Module>, schema: Schema = defineSchema({})): DeployedComponent[] {
  return [{ path: "", schema, modules: new Map(Object.entries(modules)) }];
}

const silent = () => {};
const open: Engine[] = [];

export async function engineOf(
  components: readonly DeployedComponent[],
  options: Partial<EngineOptions> = {},
): Promise<Engine> {
  const engine = await createEngine({
    dataDir: null,
    env: {},
    siteUrl: "http://127.0.0.1:3211",
    cloudUrl: "http://127.0.0.1:3210",
    log: { debug: silent, error: silent, info: silent, log: silent, warn: silent },
    ...options,
  });
  open.push(engine);
  engine.deploy(components);
  return engine;
}

/** For `afterEach`: a test leaves no timers behind. */
export async function closeAll(): Promise<void> {
  await Promise.all(open.splice(0).map((engine) => engine.close()));
}

export const admin: Caller = { identity: null, isAdmin: true };
export const anyone: Caller = { identity: null, isAdmin: false };

export function user(subject: string): Caller {
  return {
    identity: { subject, issuer: "https://test", tokenIdentifier: `https://test|${subject}` },
    isAdmin: false,
  };
}

export async function call(
  engine: Engine,
  function_: string,
  args: Record<string, Value> = {},
  caller: Caller = admin,
) {
  const [udfPath, componentPath = ""] = function_.split("@");
  return await engine.run({ kind: "any", componentPath, udfPath: udfPath!, args }, caller);
}

/** The call's value. */
export async function value(...call_: Parameters<typeof call>) {
  const outcome = await call(...call_);
  if (!outcome.ok) throw new Error(outcome.errorMessage);
  return outcome.value;
}

function byPath(root: string, modules: Record<string, Module>): Map<string, Module> {
  return new Map(
    Object.entries(modules).map(([path, module]) => [path.slice(root.length).replace(/\.ts$/, ""), module]),
  );
}
