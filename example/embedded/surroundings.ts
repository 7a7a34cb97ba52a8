import { inspect } from "node:util";

/** Where lines for the operator go; as of `console`. */
export type Log = Pick<Console, "debug" | "error" | "info" | "log" | "warn">;

export interface Surroundings {
  now: () => number;
  env: Record<string, string>;
  /** A line of a function's console: kept for its caller, and shown to the operator. */
  print: (level: keyof Log, line: string) => void;
  /** Transactions are repeated when others come between: nothing that they do may reach outside. */
  isTransaction: boolean;
}

const RealDate = Date;

/** What a function finds on `globalThis` in the place of Node's own. */
export function surroundings({ now, env, print, isTransaction }: Surroundings): Record<string, unknown> {
  return {
    Date: dateAt(now),
    process: { env },
    console: consoleTo(print),
    ...(isTransaction && {
      fetch: async () => refuse("fetch()"),
      setTimeout: () => refuse("setTimeout"),
      setInterval: () => refuse("setInterval"),
      clearTimeout: () => undefined,
      clearInterval: () => undefined,
    }),
  };
}

function refuse(what: string): never {
  throw new Error(
    `Can't use ${what} in queries and mutations. Please consider using an action. ` +
      `See https://docs.convex.dev/functions/actions for more details.`,
  );
}

function dateAt(now: () => number): DateConstructor {
  return new Proxy(RealDate, {
    construct: (target, args, newTarget: DateConstructor) =>
      Reflect.construct(target, args.length === 0 ? [now()] : args, newTarget) as Date,
    apply: () => new RealDate(now()).toString(),
    get: (target, name) => (name === "now" ? now : (Reflect.get(target, name) as unknown)),
  });
}

function consoleTo(print: Surroundings["print"]): Console {
  const at =
    (level: keyof Log) =>
    (...values: unknown[]) => {
      const shown = values.map((value) => (typeof value === "string" ? `'${value}'` : inspect(value)));
      print(level, `[${level.toUpperCase()}] ${shown.join(" ")}`);
    };
  const levels = {
    debug: at("debug"),
    error: at("error"),
    info: at("info"),
    log: at("log"),
    warn: at("warn"),
  };
  return Object.assign(Object.create(console) as Console, levels);
}
