/** Every method that a client's object has, by its name: `customers.get`. */
export function methodsOf(object: object, path: readonly string[] = []): string[] {
  const names = new Set<string>();
  for (let at = object; at !== Object.prototype; at = Object.getPrototypeOf(at) as object) {
    for (const name of Object.getOwnPropertyNames(at)) names.add(name);
  }
  return [...names].filter(isPublic).flatMap((name) => {
    const value = (object as Record<string, unknown>)[name];
    const at = [...path, name];
    if (typeof value === "function") return [at.join(".")];
    return typeof value === "object" && value !== null && path.length < 2 ? methodsOf(value, at) : [];
  });
}

const isPublic = (name: string) =>
  !["constructor", "options", "headers", "logger", "level"].includes(name) && !name.startsWith("_");
