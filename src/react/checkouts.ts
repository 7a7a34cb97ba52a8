/** Buying: the app's own `checkout`, and the way to where the customer pays. */
import { asObject } from "../core/arguments.js";
import type { CatalogIds } from "../core/catalog.js";
import { tallyError, type TallyError } from "../core/errors.js";
import type { CheckoutResult } from "./references.js";

/** What is bought: a plan or a top-up of the catalog. */
export type CheckoutArgs<PlanId extends string = string> = (
  | { planId: PlanId; productId?: undefined }
  /** The same, as Autumn's clients name it. */
  | { productId: PlanId; planId?: undefined }
) & {
  /** Where the customer comes back to; this very page, unless told. */
  successUrl?: string;
  /** Units bought in advance, by feature. */
  quantities?: Record<string, number>;
  /** The part of the customer that is to have it for itself. */
  entityId?: string;
  /** Whether to go where he pays; otherwise the answer says where. True, unless told. */
  redirect?: boolean;
};

/** Refuses a literal id that the catalog does not have. */
export type KnownCheckout<Args, Ids extends CatalogIds> = Args extends { planId: infer Id }
  ? Refused<"planId", Id, Ids["plan"]>
  : Args extends { productId: infer Id }
    ? Refused<"productId", Id, Ids["plan"]>
    : unknown;
type Refused<Name extends string, Given, Ids> = string extends Given
  ? unknown
  : [Given] extends [Ids]
    ? unknown
    : Record<Name, Ids>;

/** Throws `not_supported` where the app exports no `checkout`, and whatever the checkout itself refuses with. */
export async function checkOut(
  send: ((args: Record<string, unknown>) => Promise<CheckoutResult>) | undefined,
  args: CheckoutArgs,
): Promise<CheckoutResult> {
  const { planId, productId, successUrl, redirect = true, ...rest } = asObject(args, "checkout");
  if (send === undefined) throw missing("checkout", "sell");
  const here = typeof window === "undefined" ? undefined : window.location.href;
  let result: CheckoutResult;
  try {
    result = await send({ ...rest, planId: planId ?? productId, successUrl: successUrl ?? here });
  } catch (error) {
    throw isMissing(error) ? missing("checkout", "sell") : error;
  }
  if (redirect && result.url != null) leaveFor(result.url);
  return result;
}

/** Whether a call failed because the app has no such function: its generated `api` has a name for any. */
export const isMissing = (error: unknown): boolean =>
  error instanceof Error && /Could not find (public )?function/.test(error.message);

const EXPORTS = {
  sell: [
    "export const { checkout } = payments.api()",
    "createTallyReact({ customer, balances, plans, checkout })",
  ],
  show: ["export const { customer, balances, plans } = tally.api()", "createTallyReact(api.billing)"],
} as const;

export function missing(name: string, what: keyof typeof EXPORTS): TallyError<"not_supported"> {
  const [exported, given] = EXPORTS[what];
  return tallyError(
    "not_supported",
    `The app gave createTallyReact no ${name}, or does not export it. Export it ("${exported}") and give it: ${given}.`,
  );
}

function leaveFor(url: string): void {
  const { protocol } = new URL(url, window.location.href);
  // Whoever makes the link must not be able to run a script here.
  if (protocol === "https:" || protocol === "http:") return window.location.assign(url);
  throw tallyError("payment_failed", `checkout answered with a link that is no page: ${protocol}`);
}
