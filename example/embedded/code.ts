import { isFunction, typeOf, type FunctionType } from "./functions.js";
import type { FunctionPath, Module, Schema } from "./runtime.js";
import { SystemError } from "./transactions.js";

/** The code of a component, as a push brings it. */
export interface DeployedComponent {
  /** "" for the app. */
  path: string;
  schema: Schema | null;
  /** By their paths, such as "chat" and "lib/x". */
  modules: ReadonlyMap<string, Module>;
}

/** What is deployed. */
export class Code {
  components: readonly DeployedComponent[] = [];

  module(componentPath: string, modulePath: string): Module | undefined {
    return moduleOf(this.components, componentPath, modulePath);
  }

  /** @throws in Convex's words, when there is no such function for this caller. */
  resolve(kind: FunctionType | "any", { componentPath, udfPath }: FunctionPath, isAdmin: boolean) {
    const [written, name = "default"] = udfPath.split(":");
    const modulePath = written!.replace(/\.js$/, "");
    const found = this.module(componentPath, modulePath)?.[name];
    const type = isFunction(found) ? typeOf(found) : null;
    const visible = isAdmin || (componentPath === "" && isFunction(found) && found.isPublic);
    if (type === null || !visible) {
      const shown = name === "default" ? modulePath : `${modulePath}:${name}`;
      throw new SystemError(
        `Could not find ${isAdmin ? "" : "public "}function for '${shown}'. ` +
          "Did you forget to run `npx convex dev` or `npx convex deploy`?",
      );
    }
    if (kind !== "any" && kind !== type) {
      throw new SystemError(
        `Trying to execute ${udfPath} as ${titled(kind)}, but it is defined as ${titled(type)}.`,
      );
    }
    return { type, path: { componentPath, udfPath: `${modulePath}:${name}` } };
  }
}

export function moduleOf(
  components: readonly DeployedComponent[],
  componentPath: string,
  modulePath: string,
): Module | undefined {
  return components.find(({ path }) => path === componentPath)?.modules.get(modulePath);
}

function titled(type: FunctionType): string {
  return type[0]!.toUpperCase() + type.slice(1);
}
