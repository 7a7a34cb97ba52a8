import { convexToJson, jsonToConvex, type JSONValue, type Value } from "convex/values";
import { functionsOf, messageOf } from "./analysis.js";
import type { Engine, Outcome } from "./engine.js";
import { Refusal } from "./refusal.js";

/** A query of the CLI's about the deployment itself. */
interface SystemQuery {
  udfPath: string;
  componentPath: string;
  args: Record<string, Value>;
}

export interface SystemServices {
  engine: Engine;
  cloudUrl: string;
  siteUrl: string;
}

type Answer = (services: SystemServices, query: SystemQuery) => unknown;

/** What the CLI asks, by the names under which Convex has it. */
const ANSWERS: Record<string, Answer> = {
  "_system/cli/convexUrl:cloudUrl": ({ cloudUrl }) => cloudUrl,
  "_system/cli/convexUrl:siteUrl": ({ siteUrl }) => siteUrl,
  "_system/cli/queryEnvironmentVariables": ({ engine }) =>
    [...engine.env].map(([name, value]) => ({ name, value })),
  "_system/cli/queryEnvironmentVariables:get": ({ engine }, { args }) => {
    const value = engine.env.get(String(args.name));
    return value === undefined ? null : { name: String(args.name), value };
  },
  "_system/cli/tables": ({ engine }, { componentPath }) =>
    page(engine.tables(componentPath).map((name) => ({ name }))),
  "_system/cli/tableData": tableData,
  "_system/cli/modules:apiSpec": apiSpec,
};

export function isSystemQuery(udfPath: string): boolean {
  return udfPath.startsWith("_system/");
}

/** For the admin alone. */
export function answerSystemQuery(services: SystemServices, query: SystemQuery): Outcome {
  const answer = ANSWERS[query.udfPath.replace(/:default$/, "")];
  const told = { logLines: [], ts: services.engine.lastTs() };
  if (!answer) {
    return { ok: false, errorMessage: `The embedded deployment has no ${query.udfPath}.`, ...told };
  }
  return { ok: true, value: (answer(services, query) ?? null) as JSONValue, ...told };
}

function tableData({ engine }: SystemServices, { componentPath, args }: SystemQuery): unknown {
  const { numItems } = args.paginationOpts as { numItems: number };
  const sign = args.order === "desc" ? -1 : 1;
  const documents = engine
    .documents(componentPath, String(args.table))
    .toSorted((a, b) => sign * (Number(a._creationTime) - Number(b._creationTime)));
  return page(documents.slice(0, numItems).map((document) => convexToJson(document as Value)));
}

function apiSpec({ engine }: SystemServices, { componentPath }: SystemQuery): unknown {
  const component = engine.components().find(({ path }) => path === componentPath);
  return [...(component?.modules ?? [])].flatMap(([file, module]) =>
    functionsOf(module).map(({ name, udfType, visibility, args, returns }) => ({
      identifier: `${file}.js:${name}`,
      functionType: udfType,
      visibility,
      args: JSON.parse(args) as unknown,
      returns: (JSON.parse(returns) as unknown) ?? { type: "any" },
    })),
  );
}

/** All at once: there is little, and the CLI asks for no more than it shows. */
function page(items: unknown[]): unknown {
  return { page: items, isDone: true, continueCursor: "" };
}

/** What a client sends as arguments: one object, in a list of one or bare. */
export function argumentsOf(args: JSONValue | undefined): Record<string, Value> {
  const bare = (Array.isArray(args) ? args[0] : args) ?? {};
  if (typeof bare !== "object" || Array.isArray(bare)) {
    throw new Refusal(400, "InvalidArguments", "The arguments of a function are one object.");
  }
  try {
    return jsonToConvex(bare) as Record<string, Value>;
  } catch (error) {
    throw new Refusal(400, "InvalidArguments", `The arguments are not Convex values: ${messageOf(error)}`);
  }
}
