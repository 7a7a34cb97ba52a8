/** A deployment for one case: the real component on convex-test, one customer, and the public client. */
import { convexTest } from "convex-test";
import {
  componentsGeneric,
  defineSchema,
  type GenericDataModel,
  type GenericMutationCtx,
  type GenericQueryCtx,
} from "convex/server";
import type { ComponentApi } from "../../src/component/_generated/component.js";
import { isTallyError, Tally, type Catalog, type ErrorKind } from "../../src/client/index.js";
import tallyTest from "../../src/test.js";
import { registerWithInterventions, type Modules } from "./interventions.js";

type MutationContext = GenericMutationCtx<GenericDataModel>;
type QueryContext = GenericQueryCtx<GenericDataModel>;

const { tally: component } = componentsGeneric() as unknown as { tally: ComponentApi };

export const CUSTOMER = "customer";

/** The app has no function of its own: convex-test finds its root by this path. */
const app: Modules = { "./convex/_generated/api.ts": () => Promise.resolve({}) };

/** Loads a module map beforehand: inside of a transaction convex-test lets nothing wait, not even Vite's loader. */
export async function loaded(modules: Modules): Promise<Modules> {
  const entries = Object.entries(modules).map(async ([path, load]) => {
    const module = await load();
    return [path, () => Promise.resolve(module)] as const;
  });
  return Object.fromEntries(await Promise.all(entries));
}

/** The component's modules, ready to be mounted many times over. */
export const componentModules = (): Promise<Modules> => loaded(tallyTest.modules);

export class Deployment {
  readonly tally: Tally;
  private readonly t;

  constructor(
    readonly catalog: Catalog,
    modules: Modules,
  ) {
    this.t = convexTest({ schema: defineSchema({}), modules: app, transactionLimits: true });
    registerWithInterventions(this.t, modules);
    this.tally = this.withCatalog(catalog);
  }

  /** The same deployment, after a push of another catalog. */
  withCatalog(catalog: Catalog): Tally {
    return new Tally(component, { catalog, identify: () => Promise.resolve(null) });
  }

  async mutate<Result>(verb: (ctx: MutationContext) => Promise<Result>): Promise<Result> {
    return await this.t.mutation(verb);
  }

  async query<Result>(verb: (ctx: QueryContext) => Promise<Result>): Promise<Result> {
    return await this.t.query(verb);
  }
}

/** The kind of a refusal. What is no refusal of Tally's is thrown on: a case cannot expect it. */
export function kindOf(error: unknown): ErrorKind {
  if (isTallyError(error)) return error.data.kind;
  throw error;
}
