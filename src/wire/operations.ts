/** One call of the wire protocol: what it takes, what it does, and how each generation of clients reads the answer. */
import { z } from "zod";
import type { PropertyValidators } from "convex/values";
import type { MutationContext } from "../client/contexts.js";
import type { Tally } from "../client/tally.js";
import type { CatalogIds } from "../core/catalog.js";
import type { Payments } from "../payments/payments.js";
import { shown } from "../core/errors.js";
import { WireError } from "./failures.js";
import type { BillingOSOptions } from "./operations/billingos.js";
import type { Version } from "./versions.js";

export type Json = string | number | boolean | null | readonly Json[] | { readonly [key: string]: Json };

/** What of Tally the wire needs, whatever the catalog's ids. */
export type WireTally = Omit<
  Tally<CatalogIds, PropertyValidators>,
  "api" | "builders" | "customization" | "identify" | "scope"
>;

/** What of payments the wire needs. */
export type WirePayments = Pick<Payments<CatalogIds, PropertyValidators>, "currency" | "for" | "purchases">;

/** The account that the call is made in: trusted, unless whoever made it has put an identity in its arguments. */
export interface Call {
  /** An HTTP action's, an action's or a mutation's; a query's will do for what only reads. */
  ctx: MutationContext;
  tally: WireTally;
  /** Absent: nothing can be bought. */
  payments?: WirePayments;
  /** Which generation the client reads. */
  version: Version;
  /** From the `Idempotency-Key` header. */
  idempotencyKey?: string;
  /** Somebody's page has sent it, on his own account: he may do there what he pays for, and no more. */
  isBrowser?: boolean;
  /** What customers' records say of where they are. */
  env: "sandbox" | "live";
  /** Of BillingOS's operations. */
  billingos?: BillingOSOptions;
}

/** What a call does. `Body` is in the wire's own names; `Answer` is what the shapes are made of. */
interface Definition<Body, Answer> {
  body: z.ZodType<Body>;
  run: (call: Call, body: Body) => Promise<Answer>;
  /** As Autumn 2.1 and later answers. */
  current: (answer: Answer, call: Call) => Json;
  /** As Autumn 1.2 answered; as `current` unless told. */
  legacy?: (answer: Answer, call: Call) => Json;
  /** 200 unless told. */
  status?: 200 | 202;
}

/** What a route serves. */
export interface Served {
  /** Checks the body, does it, and shapes the answer for the call's version. Throws `invalid_inputs`. */
  answer: (call: Call, body: unknown) => Promise<Json>;
  status?: 200 | 202;
}

export type Operation<Body, Answer> = Served & Definition<Body, Answer>;

export function operation<Body, Answer>(definition: Definition<Body, Answer>): Operation<Body, Answer> {
  const { body, run, current, legacy = current } = definition;
  return {
    ...definition,
    answer: async (call, given) => {
      const answer = await run(call, parsed(body, given));
      return (call.version === "1.2" ? legacy : current)(answer, call);
    },
  };
}

/** Throws `invalid_inputs`, with the path of each value that is wrong. */
export function parsed<T>(type: z.ZodType<T>, given: unknown): T {
  const result = type.safeParse(given);
  if (result.success) return result.data;
  const problems = result.error.issues.slice(0, 5).map(({ path, message }) => {
    const value = path.reduce<unknown>(
      (at, key) => (at as Record<PropertyKey, unknown> | undefined)?.[key],
      given,
    );
    return `${path.length === 0 ? "the body" : path.map(String).join(".")}: ${message} (got ${shown(value)})`;
  });
  throw new WireError(400, "invalid_inputs", `${problems.join("; ")}. Nothing was changed.`);
}

/** An id as Tally takes it. */
export const id = z.string().min(1).max(255);

/** Clients send null for what they leave out: the same as if it were not there. */
export const optional = <T extends z.ZodType>(type: T) =>
  z.preprocess((value) => value ?? undefined, type.optional());

/** What is not done here, and what does it instead. */
export function unsupported(instead: string): Operation<unknown, never> {
  return operation<unknown, never>({
    body: z.unknown(),
    run: () => Promise.reject(new WireError(400, "not_supported", instead)),
    current: (answer) => answer,
  });
}
