import {
  actionGeneric,
  httpActionGeneric,
  internalActionGeneric,
  mutationGeneric,
  queryGeneric,
  type HttpRouter,
  type RegisteredAction,
  type RegisteredMutation,
  type RegisteredQuery,
} from "convex/server";
import { v, type ObjectType, type PropertyValidators } from "convex/values";
import type { IdentifyContext, MutationContext, QueryContext } from "../client/contexts.js";
import { assertIdentity, signedIn, type Identity } from "../client/identity.js";
import { assertPage, type PageArgs } from "../client/pages.js";
import type { Tally } from "../client/tally.js";
import { assertAmount, assertId, assertKeys, asObject, refuse } from "../core/arguments.js";
import { autoTopUpTerms } from "../core/autoTopUps.js";
import type { CatalogIds } from "../core/catalog.js";
import { isTallyError, shown, tallyError } from "../core/errors.js";
import { assertCurrency } from "../core/money.js";
import { sellingProblems } from "../core/orders.js";
import { assertOrigins, type Origins } from "../core/origins.js";
import { AutoTopUps, type AutoTopUp, type AutoTopUpArgs } from "./autoTopUps.js";
import {
  Checkouts,
  type Bought,
  type BuyArgs,
  type EndArgs,
  type Previewed,
  type TrustedBuyArgs,
} from "./checkouts.js";
import { Collections, type Collected } from "./collections.js";
import { Facts } from "./facts.js";
import type { PaymentProvider } from "./provider.js";
import { returnUrl } from "./returnUrls.js";

export interface PaymentsOptions {
  provider: PaymentProvider;
  /** The app's own origins: payers are sent back to these and to nowhere else. */
  allowedOrigins: Origins;
  /** In which all prices of the catalog are; "usd" unless told. */
  currency?: string;
  /** Where `registerRoutes` serves the webhook: "/tally" unless told. */
  path?: string;
}

type ArgsWith<Scope extends PropertyValidators, Args> = ObjectType<Scope> & Args;

/** A plan of the customer's, or of an entity of his. */
export interface HeldArgs {
  planId: string;
  entityId?: string;
}

/**
 * Actions that are safe to export to browsers: on the account of whoever is signed in, if he may manage its
 * billing (`canManageBilling`; absent: yes without an entity, no with one). Prices and what they give come from
 * the catalog on the server. (Code generation finds the types of an action only where it is called by its own
 * name: no alias.)
 */
export interface PaymentsApi<Scope extends PropertyValidators> {
  /** Where to pay; or done at once: `url` is null then. */
  checkout: RegisteredAction<"public", ArgsWith<Scope, BuyArgs>, Promise<Bought>>;
  /** What a checkout would cost, and when; nothing is changed. */
  preview: RegisteredAction<"public", ArgsWith<Scope, Omit<BuyArgs, "successUrl">>, Promise<Previewed>>;
  /** Asks the provider for what was just paid, for somebody who comes back from a checkout before the webhook does. */
  confirm: RegisteredAction<"public", ArgsWith<Scope, object>, Promise<{ credited: number }>>;
  /** Ends a plan with the period that is paid. */
  cancel: RegisteredAction<"public", ArgsWith<Scope, HeldArgs>, Promise<{ endsAt: number }>>;
  /** Takes a cancellation back. */
  resume: RegisteredAction<"public", ArgsWith<Scope, HeldArgs>, Promise<{ resumed: boolean }>>;
  /** The provider's page of invoices and means of payment. */
  portal: RegisteredAction<"public", ArgsWith<Scope, { returnUrl?: string }>, Promise<{ url: string }>>;
  /**
   * The most that usage of a feature beyond what is granted may cost in a period, in whole currency units; null
   * for no such limit. It only ever lowers what the plans and the app's own limits allow.
   */
  limitOverage: RegisteredMutation<"public", ArgsWith<Scope, OverageBudget>, Promise<null>>;
  /** Turns an automatic top-up on, on these terms. Answers what each will cost, in whole currency units. */
  autoTopUp: RegisteredMutation<"public", ArgsWith<Scope, AutoTopUpArgs>, Promise<{ amount: number }>>;
  /** Turns it on again, as it was: after a payment was refused, or after it was turned off. */
  resumeAutoTopUp: RegisteredMutation<"public", ArgsWith<Scope, { featureId: string }>, Promise<null>>;
  stopAutoTopUp: RegisteredMutation<"public", ArgsWith<Scope, { featureId: string }>, Promise<null>>;
  /** The automatic top-ups and how they stand; null if nobody is signed in who may see them. */
  autoTopUps: RegisteredQuery<"public", ArgsWith<Scope, object>, Promise<AutoTopUp[] | null>>;
}

/** A limit of what overage may cost. */
export interface OverageBudget {
  featureId: string;
  /** In whole currency units; null for none. */
  amount: number | null;
}

/** Functions of the app's own that take what is due while nobody is there. */
export interface PaymentsJobs {
  /** For a cron: asks for each charge of a period that is over, and buys each automatic top-up that is due. */
  collect: RegisteredAction<"internal", Record<string, never>, Promise<Collected>>;
  /** The automatic top-ups of one customer, at once: for `on.thresholdReached` to schedule. */
  topUp: RegisteredAction<"internal", { customerId: string }, Promise<Collected>>;
}

/**
 * What `Payments.for` answers: as the actions for browsers, on the account of a customer whom trusted code names;
 * an entity that it names is whose plan it is. Addresses to go back to are of the allowed origins, here too.
 */
export interface CustomerPayments {
  /** Where to pay; or done at once. Throws as `checkout` does. */
  buy(args: Omit<TrustedBuyArgs, "entityId">): Promise<Bought>;
  preview(args: Omit<TrustedBuyArgs, "entityId" | "successUrl">): Promise<Previewed>;
  /** Ends a plan with the period that is paid, or now: what is paid of it and not used is credited then. */
  cancel(args: Omit<EndArgs, "entityId">): Promise<{ endsAt: number }>;
  previewCancel(args: Omit<EndArgs, "entityId">): Promise<Previewed>;
  resume(args: { planId: string }): Promise<{ resumed: boolean }>;
  portal(args?: { returnUrl?: string }): Promise<{ url: string }>;
  /** As `portal`, for somebody who has never bought as well. */
  setUp(args?: { successUrl?: string }): Promise<{ url: string }>;
  /** This and those that follow are of the customer, whatever entity is named, and do in a mutation as well. */
  limitOverage(args: OverageBudget): Promise<null>;
  autoTopUp(args: AutoTopUpArgs): Promise<{ amount: number }>;
  resumeAutoTopUp(args: { featureId: string }): Promise<null>;
  stopAutoTopUp(args: { featureId: string }): Promise<null>;
  autoTopUps(): Promise<AutoTopUp[]>;
}

/** A deployment's own address; Convex sets it. */
declare const process: { env: Record<string, string | undefined> };

const PATH = /^(\/[A-Za-z0-9_-]+)+$/;
/** Far more than any event is. */
const MAX_BODY = 1_000_000;

/**
 * Sells the plans and top-ups of a catalog through a payment provider.
 *
 * ```ts
 * export const payments = new Payments(tally, {
 *   provider: stripe({ apiKey: "STRIPE_SECRET_KEY", webhookSecrets: "STRIPE_WEBHOOK_SECRET" }),
 *   allowedOrigins: ["https://app.example.com"],
 * });
 * export const { checkout, preview, confirm, cancel, resume, portal } = payments.api();
 * export const { collect } = payments.jobs();
 * ```
 *
 * Keep it in a module of its own, that no metered function imports.
 */
export class Payments<Ids extends CatalogIds, Scope extends PropertyValidators> {
  private readonly provider: PaymentProvider;
  private readonly origins: Origins;
  private readonly path: string;
  private readonly checkouts: Checkouts;
  /** In which everything is sold. */
  readonly currency: string;
  private readonly facts: Facts;
  private readonly collections: Collections;
  private readonly autoTopUps: AutoTopUps;

  /** Throws `invalid_argument` of prices that cannot be charged in the currency, and of origins that are none. */
  constructor(
    private readonly tally: Tally<Ids, Scope>,
    { provider, allowedOrigins, currency = "usd", path = "/tally" }: PaymentsOptions,
  ) {
    assertCurrency(currency);
    if (typeof allowedOrigins !== "function") assertOrigins(allowedOrigins);
    if (!PATH.test(path)) refuse("path", 'must be a path such as "/tally"', path);
    const problems = [...tally.catalog.plans.values()].flatMap((plan) => sellingProblems(plan, currency));
    if (problems.length > 0)
      throw tallyError("invalid_argument", `The catalog cannot be sold:\n  - ${problems.join("\n  - ")}`, {
        problems,
      });
    this.provider = provider;
    this.origins = allowedOrigins;
    this.path = path;
    this.currency = currency;
    this.facts = new Facts(tally, provider);
    this.collections = new Collections(tally, provider, this.facts, currency);
    this.autoTopUps = new AutoTopUps(tally, provider, this.facts, currency);
    this.checkouts = new Checkouts(tally, provider, this.facts, currency, () => `${siteUrl()}${path}`);
  }

  /** Actions for browsers. */
  api(): PaymentsApi<Scope> {
    const { scope } = this.tally;
    const bought = {
      planId: v.optional(v.string()),
      productId: v.optional(v.string()),
      quantities: v.optional(v.record(v.string(), v.number())),
      entityId: v.optional(v.string()),
    };
    const held = { planId: v.string(), entityId: v.optional(v.string()) };
    const checkout = actionGeneric({
      args: { ...scope, ...bought, successUrl: v.optional(v.string()) },
      handler: async (ctx, args) => {
        const payer = await this.payer(ctx, args);
        const successUrl = this.returnUrl(args.successUrl, "successUrl");
        return await this.checkouts.buy(ctx, payer, { ...boughtBy(args), successUrl });
      },
    });
    const preview = actionGeneric({
      args: { ...scope, ...bought },
      handler: async (ctx, args) =>
        await this.checkouts.preview(ctx, await this.payer(ctx, args), boughtBy(args)),
    });
    const confirm = actionGeneric({
      args: scope,
      handler: async (ctx, args) => await this.facts.confirm(ctx, await this.payer(ctx, args)),
    });
    const cancel = actionGeneric({
      args: { ...scope, ...held },
      handler: async (ctx, args) =>
        await this.checkouts.cancel(ctx, await this.payer(ctx, args), heldBy(args)),
    });
    const resume = actionGeneric({
      args: { ...scope, ...held },
      handler: async (ctx, args) =>
        await this.checkouts.resume(ctx, await this.payer(ctx, args), heldBy(args)),
    });
    const portal = actionGeneric({
      args: { ...scope, returnUrl: v.optional(v.string()) },
      handler: async (ctx, args) => {
        const payer = await this.payer(ctx, args);
        return await this.checkouts.portal(ctx, payer, this.returnUrl(args.returnUrl, "returnUrl"));
      },
    });
    const limitOverage = mutationGeneric({
      args: { ...scope, featureId: v.string(), amount: v.union(v.number(), v.null()) },
      handler: async (ctx, args) => {
        const { customerId } = await this.payer(ctx, args);
        const { featureId, amount } = args as ObjectType<Scope> & OverageBudget;
        return await this.limitOverage(ctx, customerId, { featureId, amount });
      },
    });
    return { checkout, preview, confirm, cancel, resume, portal, limitOverage, ...this.autoTopUpApi() };
  }

  private autoTopUpApi() {
    const { scope } = this.tally;
    const { planId, ...terms } = autoTopUpTerms;
    const sold = { planId: v.optional(planId), productId: v.optional(v.string()) };
    const named = { featureId: v.string() };
    const autoTopUp = mutationGeneric({
      args: { ...scope, ...terms, ...sold },
      handler: async (ctx, args) => {
        const { customerId } = await this.payer(ctx, args);
        return await this.autoTopUps.set(ctx, customerId, termsBy(args));
      },
    });
    const turned = (isOn: boolean) =>
      mutationGeneric({
        args: { ...scope, ...named },
        handler: async (ctx, args) => {
          const { customerId } = await this.payer(ctx, args);
          return await this.autoTopUps.turn(ctx, customerId, args.featureId, isOn);
        },
      });
    const autoTopUps = queryGeneric({
      args: scope,
      handler: async (ctx, args) => {
        const identity = await this.tally.identify(ctx, args as ObjectType<Scope>);
        if (identity === null || !mayPay(identity)) return null;
        return await this.autoTopUps.list(ctx, identity.customerId);
      },
    });
    return { autoTopUp, resumeAutoTopUp: turned(true), stopAutoTopUp: turned(false), autoTopUps };
  }

  /** What a cron of the app's runs, every few minutes: nothing is asked for without it. */
  jobs(): PaymentsJobs {
    const collect = internalActionGeneric({
      args: {},
      handler: async (ctx) => await this.collections.collect(ctx),
    });
    const topUp = internalActionGeneric({
      args: { customerId: v.string() },
      handler: async (ctx, { customerId }) => await this.collections.topUp(ctx, customerId),
    });
    return { collect, topUp };
  }

  /** Serves the provider's webhook, at `<path>/webhook`, and its pages if it has any, on the app's own HTTP routes. */
  registerRoutes(http: HttpRouter): void {
    http.route({
      path: `${this.path}/webhook`,
      method: "POST",
      handler: httpActionGeneric(async (ctx, request) => await this.receive(ctx, request)),
    });
    if (this.provider.page === undefined) return;
    http.route({
      path: `${this.path}/checkout`,
      method: "GET",
      handler: httpActionGeneric(async (ctx, request) => await this.page(ctx, request)),
    });
  }

  /** What a customer can do himself, for any of them: for trusted code, in an action. Throws `invalid_argument`, `not_supported`. */
  for(ctx: MutationContext, payer: Omit<Identity, "canManageBilling">): CustomerPayments {
    this.provider.assertEnabled?.();
    assertIdentity(payer);
    const { checkouts, autoTopUps } = this;
    const { customerId, entityId } = payer;
    return {
      buy: async ({ successUrl, ...args }) =>
        await checkouts.buy(ctx, payer, {
          ...args,
          entityId,
          successUrl: this.returnUrl(successUrl, "successUrl"),
        }),
      preview: async (args) => await checkouts.preview(ctx, payer, { ...args, entityId }),
      cancel: async (args) => await checkouts.cancel(ctx, payer, { ...args, entityId }),
      previewCancel: async (args) => await checkouts.previewCancel(ctx, payer, { ...args, entityId }),
      resume: async ({ planId }) => await checkouts.resume(ctx, payer, { planId, entityId }),
      portal: async ({ returnUrl } = {}) =>
        await checkouts.portal(ctx, payer, this.returnUrl(returnUrl, "returnUrl")),
      setUp: async ({ successUrl } = {}) =>
        await checkouts.setUp(ctx, payer, this.returnUrl(successUrl, "successUrl")),
      limitOverage: async (args) => await this.limitOverage(ctx, customerId, args),
      autoTopUp: async (args) => await autoTopUps.set(ctx, customerId, args),
      resumeAutoTopUp: async ({ featureId }) => await autoTopUps.turn(ctx, customerId, featureId, true),
      stopAutoTopUp: async ({ featureId }) => await autoTopUps.turn(ctx, customerId, featureId, false),
      autoTopUps: async () => await autoTopUps.list(ctx, customerId),
    };
  }

  /** A customer's purchases, the latest first: for trusted code. */
  async purchases(ctx: QueryContext, args: { customerId: string } & PageArgs) {
    assertPage(args, ["customerId"], "purchases");
    assertId(args.customerId, "customerId");
    return await ctx.runQuery(this.tally.component.purchases.list, args);
  }

  /** What was paid otherwise than expected and is credited to nobody, the latest first: for an operator. */
  async quarantined(ctx: QueryContext, args: PageArgs = {}) {
    assertPage(args, [], "quarantined");
    return await ctx.runQuery(this.tally.component.purchases.listByStatus, {
      ...args,
      status: "quarantined",
    });
  }

  /** Automatic top-ups that a refused payment has paused: for an operator. */
  async pausedAutoTopUps(ctx: QueryContext, args: PageArgs = {}) {
    assertPage(args, [], "pausedAutoTopUps");
    return await this.autoTopUps.paused(ctx, args);
  }

  /** Charges that are not paid, those that were refused or not answered first: for an operator. */
  async unpaid(ctx: QueryContext, args: PageArgs & { status?: "open" | "invoicing" } = {}) {
    assertPage(args, ["status"], "unpaid");
    const { status = "open", ...page } = args;
    return await ctx.runQuery(this.tally.component.charges.listByStatus, { ...page, status });
  }

  /** Asks for a charge no more. Answers false of one that is paid, being paid, or another customer's. */
  async waive(ctx: MutationContext, args: { customerId: string; chargeId: string }) {
    assertKeys(args, ["customerId", "chargeId"], "waive");
    assertId(args.customerId, "customerId");
    assertId(args.chargeId, "chargeId");
    return await ctx.runMutation(this.tally.component.invoices.waive, args);
  }

  /** Throws `unauthenticated` if nobody is signed in, or he may not manage the billing. */
  private async payer(ctx: IdentifyContext, args: Record<string, unknown>): Promise<Identity> {
    this.provider.assertEnabled?.();
    const identity = signedIn(await this.tally.identify(ctx, args as ObjectType<Scope>));
    if (mayPay(identity)) return identity;
    throw tallyError(
      "unauthenticated",
      "Whoever is signed in may not manage the billing of this account: ask somebody who may. Nothing was changed.",
    );
  }

  private async limitOverage(ctx: MutationContext, customerId: string, args: OverageBudget): Promise<null> {
    assertKeys(args, ["featureId", "amount"], "limitOverage");
    const { featureId, amount } = args;
    if (this.tally.catalog.feature(featureId).type === "boolean")
      refuse("featureId", "must be used by amounts", featureId);
    if (amount !== null) assertAmount(amount, "amount");
    const { provision } = await this.facts.terms();
    const change = { budget: amount };
    const { set } = this.tally.component.controls;
    return await ctx.runMutation(set, { customerId, provision, featureId, change });
  }

  private returnUrl(given: unknown, name: string): string {
    return returnUrl(given, typeof this.origins === "function" ? this.origins() : this.origins, name);
  }

  /** What does not come from the provider is refused; what cannot be stored now the provider is to send again. */
  private async receive(ctx: MutationContext, request: Request): Promise<Response> {
    try {
      this.provider.assertEnabled?.();
      const body = await request.text();
      if (body.length > MAX_BODY) return answer(413, "too large");
      const isRead = await this.facts.receive(ctx, { body, headers: request.headers });
      return isRead ? answer(200, "received") : answer(400, "not signed by the provider");
    } catch (error) {
      // Nothing of it is told to whoever sent it, and nothing that is not ours to the log.
      console.error(
        "A payment event was not applied, and is to come again.",
        isTallyError(error) ? error.data.message : error instanceof Error ? error.name : "",
      );
      return isTallyError(error, "not_supported") ? answer(501, "not enabled") : answer(500, "try again");
    }
  }

  private async page(ctx: QueryContext, request: Request): Promise<Response> {
    try {
      this.provider.assertEnabled?.();
    } catch {
      return answer(404, "not found");
    }
    const session = new URL(request.url).searchParams.get("session") ?? "";
    const order = await this.facts.orderOf(ctx, session);
    if (order === null) return answer(404, "not found");
    return this.provider.page?.(session, order, `${this.path}/webhook`) ?? answer(404, "not found");
  }
}

const mayPay = ({ canManageBilling, entityId }: Identity): boolean =>
  canManageBilling ?? entityId === undefined;

/** What of the arguments is about the top-up; the rest is the scope's. */
function termsBy(args: AutoTopUpArgs): AutoTopUpArgs {
  const { featureId, threshold, planId, productId, quantities, max, interval } = args;
  return { featureId, threshold, planId, productId, quantities, max, interval };
}

function siteUrl(): string {
  const url = process.env.CONVEX_SITE_URL;
  if (url !== undefined && url !== "") return url;
  throw tallyError("not_supported", "CONVEX_SITE_URL is not set: Convex sets it for every deployment.");
}

const answer = (status: number, text: string): Response =>
  new Response(text, { status, headers: { "content-type": "text/plain", "cache-control": "no-store" } });

/** What of the arguments is about what is bought; the rest is the scope's. */
function boughtBy({
  planId,
  productId,
  quantities,
  entityId,
}: Omit<BuyArgs, "successUrl">): Omit<BuyArgs, "successUrl"> {
  return { planId, productId, quantities, entityId };
}

function heldBy(args: HeldArgs): HeldArgs {
  const { planId, entityId } = asObject(args, "the call");
  if (typeof planId !== "string") refuse("planId", "must be a string", planId);
  if (entityId !== undefined) assertId(entityId, `entityId ${shown(entityId)}`);
  return { planId, entityId };
}
