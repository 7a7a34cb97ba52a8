import type { FunctionPath } from "./runtime.js";

/** How `convex/server` names a function: by one of the three. */
export interface Address {
  /** Of the caller's own component, such as "chat:send"; or a handle. */
  name?: string;
  /** Of a child component: "_reference/childComponent/<component>/<module, of several parts>/<function>". */
  reference?: string;
  functionHandle?: string;
}

const HANDLE = "function://";

export function handleOf({ componentPath, udfPath }: FunctionPath): string {
  return `${HANDLE}${componentPath};${udfPath}`;
}

/** The function that an address means in the mouth of a component's function. */
export function pathOf({ name, reference, functionHandle }: Address, caller: string): FunctionPath {
  const handle = functionHandle ?? (name?.startsWith(HANDLE) ? name : undefined);
  if (handle !== undefined) {
    const [componentPath, udfPath] = handle.slice(HANDLE.length).split(";");
    return { componentPath: componentPath!, udfPath: udfPath! };
  }
  if (name !== undefined) return { componentPath: caller, udfPath: name };
  const [, , child, ...rest] = reference!.split("/");
  const exported = rest.pop()!;
  return {
    componentPath: caller === "" ? child! : `${caller}/${child}`,
    udfPath: `${rest.join("/")}:${exported}`,
  };
}
