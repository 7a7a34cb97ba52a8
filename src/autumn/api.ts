/** The seventeen public actions of `@useautumn/convex`, as `autumn-js/react` calls them. */
import { actionGeneric, type RegisteredAction } from "convex/server";
import { requests, type Requests } from "./requests.js";
import type { Answers, Result } from "./answers.js";
import type { Calls, Context, FromBrowsers } from "./session.js";

type Actions = {
  [Name in keyof Requests]: RegisteredAction<"public", Requests[Name], Promise<Result<Answers[Name]>>>;
};

export type AutumnApi<Also extends FromBrowsers> = Omit<Actions, Exclude<FromBrowsers, Also>>;

export function actionsOf<Also extends FromBrowsers>(
  session: (ctx: Context) => Promise<Calls>,
  also: readonly Also[],
): AutumnApi<Also> {
  const action = <Name extends keyof Requests>(name: Name): Actions[Name] => {
    const handler = async (ctx: Context, args: Requests[Name]) => {
      const calls = await session(ctx);
      return await calls[name](args);
    };
    return actionGeneric({ args: requests[name], handler });
  };
  const names = (Object.keys(requests) as (keyof Requests)[]).filter(
    (name) => (name !== "track" && name !== "usage") || also.some((asked) => asked === name),
  );
  return Object.fromEntries(names.map((name) => [name, action(name)])) as unknown as AutumnApi<Also>;
}
