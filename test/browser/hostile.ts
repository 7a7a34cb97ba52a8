/** A page that calls everything that is exported, with what it should not get. */
import type { Page } from "playwright-core";

interface Registered {
  isPublic?: boolean;
  isQuery?: boolean;
  isMutation?: boolean;
  exportArgs: () => string;
}

const modules = import.meta.glob<Record<string, unknown>>(
  ["../../convex/**/*.ts", "!**/convex.config.ts", "!**/auth.config.ts"],
  { eager: true },
);

const isRegistered = (value: unknown): value is Registered =>
  typeof value === "function" && "exportArgs" in value;

export interface Call {
  kind: "query" | "mutation" | "action";
  path: string;
  args: Record<string, unknown>;
}

export interface Reply {
  status: "success" | "error";
  value?: unknown;
  errorMessage?: string;
}

/** As Convex writes what JSON has no number for. */
const NAN = { $float: "AAAAAAAA+H8=" };

/** Every public function, with each kind of argument that would be a hole. */
export function hostileCalls(victims: readonly string[], workspaceId: string): Call[] {
  return publicFunctions().flatMap(({ declared, ...call }) => {
    const usual = Object.fromEntries(
      declared.map((name) => [name, usualOf(name)]).filter(([, v]) => v !== undefined),
    );
    const numbers = declared.filter((name) => NUMBERS.includes(name));
    const foreign = victims.flatMap((victim) =>
      ["customerId", "userId", "entityId"].map((name) => ({ ...usual, [name]: victim })),
    );
    const amounts = [-5, NAN].flatMap((amount) => [
      ...numbers.map((name) => ({ ...usual, [name]: amount })),
      { ...usual, value: amount },
      { ...usual, amount },
    ]);
    const elsewhere = declared.includes("workspaceId") ? [{ ...usual, workspaceId }] : [];
    return [...foreign, ...amounts, ...elsewhere].map((args) => ({ ...call, args }));
  });
}

/** Every public function that spends a workspace's money or changes its plan, as its owner would call it. */
export function billingCalls(workspaceId: string): Call[] {
  return publicFunctions()
    .filter(({ path }) => BILLING.test(path))
    .map(({ declared, ...call }) => {
      const usual = declared.map((name) => [name, usualOf(name)] as const);
      return {
        ...call,
        args: { ...Object.fromEntries(usual.filter(([, v]) => v !== undefined)), workspaceId },
      };
    });
}

const BILLING = /:(checkout|portal|cancel|resume|buy|attach)$/;
const NUMBERS = ["requiredBalance", "limit", "amount", "remaining"];

function publicFunctions() {
  return Object.entries(modules).flatMap(([file, exports]) =>
    Object.entries(exports).flatMap(([name, value]) => {
      if (!isRegistered(value) || value.isPublic !== true) return [];
      const module = file.slice("../../convex/".length, -".ts".length);
      const kind = value.isQuery ? "query" : value.isMutation ? "mutation" : "action";
      const { value: args } = JSON.parse(value.exportArgs()) as { value: Record<string, unknown> };
      return [{ kind, path: `${module}:${name}`, declared: Object.keys(args) } as const];
    }),
  );
}

function usualOf(name: string): unknown {
  const usual: Record<string, unknown> = {
    featureId: "messages",
    text: "hello",
    prompt: "hello",
    model: "basic",
    requestId: "hostile",
    planId: "pro",
    words: "hello",
    to: "bob",
    body: "hello",
    reason: "because",
    cursor: null,
    amount: 5,
    remaining: 5,
  };
  return usual[name];
}

/** Sends calls from within a page, as any script there could. */
export async function callFrom(
  page: Page,
  url: string,
  token: string | null,
  calls: Call[],
): Promise<Reply[]> {
  return await page.evaluate(
    async ({ url, token, calls }) => {
      const replies: Reply[] = [];
      for (const { kind, path, args } of calls) {
        const response = await fetch(`${url}/api/${kind}`, {
          method: "POST",
          headers: {
            "content-type": "application/json",
            ...(token === null ? {} : { authorization: `Bearer ${token}` }),
          },
          body: JSON.stringify({ path, format: "convex_encoded_json", args: [args] }),
        });
        replies.push((await response.json()) as Reply);
      }
      return replies;
    },
    { url, token, calls },
  );
}
