import type { Catalog } from "../core/catalog.js";
import type { ComponentApi } from "../component/_generated/component.js";
import type { IdentifyContext } from "../client/contexts.js";
import { assertIdentity, type Identity } from "../client/identity.js";
import type { PastDuePolicy } from "../client/subscriptions.js";
import { Tally } from "../client/tally.js";
import type { WirePayments, WireTally } from "../wire/operations.js";
import type { Env } from "./answers.js";
import { actionsOf, type AutumnApi } from "./api.js";
import type { NewCustomerArgs, Requests, UpdateCustomerArgs } from "./requests.js";
import { Session, type Account, type Context, type FromBrowsers, type ReadContext } from "./session.js";

/** Who calls, as `identify` of `@useautumn/convex` says it. */
export interface AutumnIdentity {
  customerId: string;
  /** Kept on the customer's record when he begins. */
  customerData?: { name?: string | null; email?: string | null };
  /** The part of the customer that calls, if it has balances of its own. */
  entityId?: string;
  /** Whether he may buy and cancel from a browser. Absent: yes without an entity, no with one. */
  canManageBilling?: boolean;
}

type Identify = (ctx: IdentifyContext) => Promise<AutumnIdentity | null>;

interface CommonOptions {
  /** What sells; without it, only what costs nothing can be attached. */
  payments?: WirePayments;
  /** What records say of where they are: "live" unless told. */
  env?: Env;
}

/** As upstream's, with the catalog that is Autumn's dashboard there. */
export interface AutumnOptions {
  catalog: Catalog;
  identify: Identify;
  pastDue?: PastDuePolicy;
  env?: Env;
  /** Upstream's; there is no service to call, so it is not used. */
  secretKey?: string;
  /** The same. */
  url?: string;
}

export interface AutumnOverTallyOptions extends CommonOptions {
  /** Instead of the Tally's own. */
  identify?: Identify;
}

/** A Tally whose `identify` needs no arguments. */
type IdentifyingTally = WireTally & {
  identify: (ctx: IdentifyContext, scope: Record<string, never>) => Promise<Identity | null>;
};

/**
 * The class of `@useautumn/convex` over the app's own deployment: every call resolves to `{ data, error }`, in the
 * names and shapes of Autumn 1.2, and throws only if nobody is signed in. Calls act for whoever `identify` names.
 *
 * ```ts
 * export const autumn = new Autumn(components.tally, { catalog, identify });
 * export const { check, checkout, attach, createCustomer, listProducts } = autumn.api();
 * ```
 *
 * Whoever sells, or uses Tally's own verbs as well, passes his Tally:
 *
 * ```ts
 * export const autumn = new Autumn(tally, { payments });
 * ```
 *
 * Keep it out of the modules of functions that are metered by Tally's own verbs: it loads the wire protocol.
 */
export class Autumn {
  private readonly account: Account;
  private readonly identify: (ctx: IdentifyContext) => Promise<Identity | null>;

  constructor(component: ComponentApi, options: AutumnOptions);
  constructor(tally: IdentifyingTally, options?: AutumnOverTallyOptions);
  constructor(tally: WireTally, options: AutumnOverTallyOptions & { identify: Identify });
  constructor(
    given: ComponentApi | WireTally | IdentifyingTally,
    options: AutumnOptions | AutumnOverTallyOptions = {},
  ) {
    const { identify, env = "live" } = options;
    const tally =
      "catalog" in options ? tallyOf(given as ComponentApi, options) : (given as IdentifyingTally);
    this.account = { tally, payments: "payments" in options ? options.payments : undefined, env };
    this.identify = identify === undefined ? (ctx) => tally.identify(ctx, {}) : identifying(identify);
  }

  /** Records a use after the fact. */
  async track(ctx: Context, args: Requests["track"]) {
    return await (await this.session(ctx)).track(args);
  }
  /** Whether a feature can be used, or a product is had; works in queries too, but for `sendEvent`. */
  async check(ctx: ReadContext, args: Requests["check"]) {
    return await (await this.session(ctx)).check(args);
  }
  async attach(ctx: Context, args: Requests["attach"]) {
    return await (await this.session(ctx)).attach(args);
  }
  async checkout(ctx: Context, args: Requests["checkout"]) {
    return await (await this.session(ctx)).checkout(args);
  }
  async cancel(ctx: Context, args: Requests["cancel"]) {
    return await (await this.session(ctx)).cancel(args);
  }
  async setupPayment(ctx: Context, args: Requests["setupPayment"] = {}) {
    return await (await this.session(ctx)).setupPayment(args);
  }
  /** Sets how much of a feature is used. */
  async usage(ctx: Context, args: Requests["usage"]) {
    return await (await this.session(ctx)).usage(args);
  }
  async query(ctx: ReadContext, args: Requests["query"]) {
    return await (await this.session(ctx)).query(args);
  }

  customers = {
    get: async (ctx: ReadContext, args: Pick<Requests["createCustomer"], "expand"> = {}) =>
      (await this.session(ctx)).getCustomer(args),
    update: async (ctx: Context, args: UpdateCustomerArgs) => (await this.session(ctx)).updateCustomer(args),
    delete: async (ctx: Context) => (await this.session(ctx)).deleteCustomer(),
    /** With an `id`, whoever it names: for code that the app trusts. */
    create: async (ctx: Context, args: NewCustomerArgs = {}) => {
      const session = await this.session(ctx);
      return args.id === undefined ? await session.createCustomer(args) : await session.newCustomer(args);
    },
    billingPortal: async (ctx: Context, args: Requests["billingPortal"] = {}) =>
      (await this.session(ctx)).billingPortal(args),
  };

  entities = {
    get: async (ctx: ReadContext, entityId: string, args: { expand?: "invoices"[] } = {}) =>
      (await this.session(ctx)).getEntity({ ...args, entityId }),
    create: async (ctx: Context, args: Requests["createEntity"]) =>
      (await this.session(ctx)).createEntity(args),
    delete: async (ctx: Context, entityId: string) => (await this.session(ctx)).deleteEntity(entityId),
  };

  products = {
    get: async (ctx: ReadContext, productId: string) => (await this.session(ctx)).getProduct(productId),
    /** For anybody; to a customer it also says what he has. */
    list: async (ctx: ReadContext) => (await this.session(ctx)).listProducts(),
  };

  referrals = {
    createCode: async (ctx: Context, args: Requests["createReferralCode"]) =>
      (await this.session(ctx)).createReferralCode(args),
    redeemCode: async (ctx: Context, args: Requests["redeemReferralCode"]) =>
      (await this.session(ctx)).redeemReferralCode(args),
  };

  events = {
    list: async (ctx: ReadContext, args: Requests["listEvents"]) =>
      (await this.session(ctx)).listEvents(args),
    aggregate: async (ctx: ReadContext, args: Requests["aggregateEvents"]) =>
      (await this.session(ctx)).aggregateEvents(args),
  };

  /**
   * The actions that `autumn-js/react` calls, for browsers. `track` and `usage` let whoever is signed in say what
   * he has used, so they are left out unless asked for: `api({ also: ["track"] })`.
   */
  api<Name extends FromBrowsers = never>(options: { also?: readonly Name[] } = {}): AutumnApi<Name> {
    const { also = [] } = options;
    return actionsOf((ctx) => this.session(ctx, also), also);
  }

  private async session(
    ctx: ReadContext | Context,
    browser: readonly FromBrowsers[] | null = null,
  ): Promise<Session> {
    return new Session(this.account, ctx, await this.identify(ctx), browser);
  }
}

function tallyOf(component: ComponentApi, { catalog, identify, pastDue }: AutumnOptions): IdentifyingTally {
  return new Tally(component, {
    catalog,
    identify: identifying(identify),
    ...(pastDue !== undefined && { pastDue }),
  });
}

function identifying(identify: Identify): (ctx: IdentifyContext) => Promise<Identity | null> {
  return async (ctx) => {
    const named = await identify(ctx);
    // Upstream takes an id that is missing for nobody.
    if (named === null || named === undefined || !named.customerId) return null;
    const { customerId, customerData, entityId, canManageBilling } = named;
    const { name, email } = customerData ?? {};
    const identity: Identity = {
      customerId,
      ...(entityId !== undefined && { entityId }),
      ...(name && { name }),
      ...(email && { email }),
      ...(canManageBilling !== undefined && { canManageBilling }),
    };
    assertIdentity(identity);
    return identity;
  };
}
