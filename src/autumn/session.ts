/** The calls of one caller: upstream's requests, answered here instead of by a service. */
import {
  canMutate,
  type IdentifyContext,
  type MutationContext,
  type QueryContext,
} from "../client/contexts.js";
import type { Identity } from "../client/identity.js";
import { assertKeys } from "../core/arguments.js";
import { shown } from "../core/errors.js";
import { failureOf, WireError } from "../wire/failures.js";
import type { Call } from "../wire/operations.js";
import { routed } from "../wire/routes.js";
import type { Answers, Customer, Entity, Product, Result, Succeeded } from "./answers.js";
import {
  OTHER_KEYS,
  requests,
  wireNames,
  type NewCustomerArgs,
  type Requests,
  type UpdateCustomerArgs,
} from "./requests.js";

export type ReadContext = IdentifyContext & QueryContext;
export type Context = IdentifyContext & MutationContext;

/** The app's own, as the wire's operations take it. */
export type Account = Pick<Call, "tally" | "payments" | "env">;

type Verb = "GET" | "POST" | "DELETE";
type Fields = Readonly<Record<string, unknown>>;

/** What lets a browser say how much was used. */
export type FromBrowsers = "track" | "usage";

/** Of each name that `api()` has. */
export type Calls = {
  [Name in keyof Requests]: (args: Requests[Name]) => Promise<Result<Answers[Name]>>;
};

interface Sent {
  method: Verb;
  path: string;
  body?: Fields;
  query?: Fields;
  /** From a browser only for whoever may manage the billing; to buy, only where something is sold. */
  billing?: "managed" | "bought";
}

export class Session implements Calls {
  constructor(
    private readonly account: Account,
    private readonly ctx: ReadContext | Context,
    private readonly identity: Identity | null,
    /** What a browser may say of what was used, if the arguments are whatever one has sent; null if they are not. */
    private readonly browser: readonly FromBrowsers[] | null,
  ) {}

  track = (args: Requests["track"]) =>
    this.send<Answers["track"]>("track", args, () => {
      const { value } = args;
      if (this.browser !== null && value !== undefined && !(value >= 0)) {
        throw refused(
          "invalid_inputs",
          `value must not be below 0 from a browser (got ${shown(value)}). Nothing was changed.`,
        );
      }
      return {
        ...this.post("track", this.use(args)),
        billing: args.entityData && "managed",
      };
    });

  check = (args: Requests["check"]) =>
    this.send<Answers["check"]>("check", args, () => {
      if (args.sendEvent === true && this.browser?.includes("track") === false) {
        throw refused("not_supported", "A browser may not send events: track in a function of the app.");
      }
      if (args.sendEvent === true && !canMutate(this.ctx)) {
        throw refused("not_supported", "A query changes nothing: send events from a mutation or an action.");
      }
      return {
        ...this.post("check", this.use(args)),
        billing: args.entityData && "managed",
      };
    });

  attach = (args: Requests["attach"]) =>
    this.send<Answers["attach"]>("attach", args, () => ({
      ...this.post("attach", this.bought(args)),
      billing: "bought",
    }));

  checkout = (args: Requests["checkout"]) => {
    // Upstream throws of these, in these words.
    if (args.productId === undefined && args.productIds === undefined)
      throw new Error("Must specify either productId or productIds");
    if (args.productId !== undefined && args.productIds !== undefined)
      throw new Error("Cannot specify both productId and productIds");
    return this.send<Answers["checkout"]>("checkout", args, () => ({
      ...this.post("checkout", this.bought(args)),
      billing: "bought",
    }));
  };

  cancel = (args: Requests["cancel"]) =>
    this.send<Answers["cancel"]>("cancel", args, () => ({
      ...this.post("cancel", args),
      billing: "managed",
    }));

  setupPayment = (args: Requests["setupPayment"]) =>
    this.send<Answers["setupPayment"]>("setupPayment", args, () => {
      const { openInNewTab: _where, ...rest } = args;
      return { ...this.post("setup_payment", rest), billing: "managed" };
    });

  billingPortal = (args: Requests["billingPortal"]) =>
    this.send<Answers["billingPortal"]>("billingPortal", args, () => ({
      ...this.post(`customers/${this.path()}/billing_portal`, args),
      billing: "managed",
    }));

  usage = (args: Requests["usage"]) =>
    this.send<Answers["usage"]>("usage", args, () => this.post("usage", this.use(args)));

  query = (args: Requests["query"]) =>
    this.send<Answers["query"]>("query", args, () => this.post("query", this.use(args)));

  listEvents = (args: Requests["listEvents"]) =>
    this.send<Answers["listEvents"]>("listEvents", args, () => this.post("events/list", this.own(args)));

  aggregateEvents = (args: Requests["aggregateEvents"]) =>
    this.send<Answers["aggregateEvents"]>("aggregateEvents", args, () =>
      this.post("events/aggregate", this.own(args)),
    );

  /** Begins the customer if he is new. */
  createCustomer = async ({ errorOnNotFound, ...args }: Requests["createCustomer"]) => {
    if (this.identity === null && errorOnNotFound === false) return NOBODY;
    const customer = await this.newCustomer(args);
    const { entityId, canManageBilling = entityId === undefined } = this.customer();
    if (this.browser === null || canManageBilling || customer.data === null || entityId === undefined)
      return customer;
    // A part of a customer sees what it has itself, and nothing of who is billed.
    const part = await this.getEntity({ entityId });
    if (part.data === null) return part;
    const { products, features } = part.data;
    return { ...customer, data: { ...customer.data, ...HIDDEN, products, features } };
  };

  newCustomer = ({ errorOnNotFound: _error, ...args }: NewCustomerArgs) =>
    this.send<Customer>(OTHER_KEYS.newCustomer, args, () => {
      const { expand, ...given } = args;
      const { customerId: id, name, email } = given.id === undefined ? this.customer() : NO_DETAILS;
      return {
        method: "POST",
        path: "customers",
        body: { id, name, email, ...given },
        query: { expand },
        billing: isLong(expand) ? "managed" : undefined,
      };
    });

  getCustomer = (args: { expand?: readonly string[] }) =>
    this.send<Customer>(OTHER_KEYS.expanded, args, () => this.get(`customers/${this.path()}`, args));

  updateCustomer = (args: UpdateCustomerArgs) =>
    this.send<Customer>(OTHER_KEYS.updateCustomer, args, () => ({
      method: "POST",
      path: `customers/${this.path()}`,
      body: args as Fields,
    }));

  deleteCustomer = () => this.send<Succeeded>([], {}, () => this.delete(`customers/${this.path()}`));

  createEntity = (args: Requests["createEntity"]) =>
    this.send<Answers["createEntity"]>("createEntity", args, () => ({
      method: "POST",
      path: `customers/${this.path()}/entities`,
      body: args,
      // A seat may cost something.
      billing: "managed",
    }));

  getEntity = ({ entityId, ...args }: { entityId: string; expand?: readonly string[] }) =>
    this.send<Entity>(OTHER_KEYS.expanded, args, () => {
      this.assertOwn(entityId);
      const path = `customers/${this.path()}/entities/${encodeURIComponent(entityId)}`;
      return { ...this.get(path, args), billing: isLong(args.expand) ? "managed" : undefined };
    });

  deleteEntity = (entityId: string) =>
    this.send<Succeeded>([], {}, () =>
      this.delete(`customers/${this.path()}/entities/${encodeURIComponent(entityId)}`),
    );

  /** What is for sale, and what of it the customer has if there is one. */
  listProducts = () =>
    this.send<Answers["listProducts"]>([], {}, () =>
      this.get("products_beta", {}, { customer_id: this.identity?.customerId }),
    );

  getProduct = (productId: string) =>
    this.send<Product>([], {}, () => this.get(`products/${encodeURIComponent(productId)}`, {}));

  createReferralCode = (args: Requests["createReferralCode"]) =>
    this.send<Answers["createReferralCode"]>("createReferralCode", args, () =>
      this.post("referrals/code", args),
    );

  redeemReferralCode = (args: Requests["redeemReferralCode"]) =>
    this.send<Answers["redeemReferralCode"]>("redeemReferralCode", args, () =>
      this.post("referrals/redeem", args),
    );

  /** Does what a request asks; throws only if nobody is signed in who would have to be. */
  private async send<Data>(
    takes: keyof Requests | readonly string[],
    args: object,
    ask: () => Sent,
  ): Promise<Result<Data>> {
    try {
      assertKeys(args, typeof takes === "string" ? Object.keys(requests[takes]) : takes, "the call");
      const { method, path, body = {}, query = {}, billing } = ask();
      if (billing !== undefined) this.assertBilling(billing);
      const route = routed(method, path, new URLSearchParams(textsOf(query)), wireNames(body));
      if (route === null) throw new WireError(404, "not_found", `There is no ${method} ${shown(path)}.`);
      // A query's context has no `runMutation`; nothing that reads calls it.
      const isBrowser = this.browser !== null;
      const call: Call = { ...this.account, ctx: this.ctx as Context, version: "1.2", isBrowser };
      const data = (await route.operation.answer(call, route.body)) as Data;
      return { data, error: null, statusCode: route.operation.status ?? 200 };
    } catch (error) {
      if (error instanceof Unidentified) throw error;
      const { status, code, message } = failureOf(error);
      return { data: null, error: { message, code }, statusCode: status };
    }
  }

  /** Of the customer: his own id, whatever the arguments say. */
  private post(path: string, args: Fields): Sent {
    const { customerId, name, email } = this.customer();
    const body = { ...args, customerId, customerData: { name, email } };
    return { method: "POST", path, body };
  }

  private get(path: string, { expand }: { expand?: readonly string[] }, query: Fields = {}): Sent {
    return { method: "GET", path, query: { ...query, expand } };
  }

  private delete(path: string): Sent {
    return { method: "DELETE", path };
  }

  /** A use is of the caller's own part unless trusted code names another. */
  private use(args: Fields & { entityId?: string }): Fields {
    this.assertOwn(args.entityId);
    return { ...args, entityId: args.entityId ?? this.customer().entityId };
  }

  private own({ customerId, ...args }: Fields & { customerId?: string }): Fields {
    if (customerId !== undefined && customerId !== this.customer().customerId) {
      throw refused(
        "invalid_inputs",
        `customerId ${shown(customerId)} is not whom identify() names: leave it out.`,
      );
    }
    return this.use(args);
  }

  /** Somebody who is a part of a customer asks for that part from a browser, and for no other. */
  private assertOwn(given: string | undefined): void {
    const { entityId } = this.customer();
    if (this.browser === null || entityId === undefined || given === undefined || given === entityId) return;
    throw new WireError(404, "entity_not_found", `Entity ${shown(given)} is not the caller's own.`);
  }

  private path(): string {
    return encodeURIComponent(this.customer().customerId);
  }

  private customer(): Identity {
    if (this.identity === null) throw new Unidentified();
    return this.identity;
  }

  /** What a browser may say of what it buys; all else is a server's to decide, such as what is paid for it. */
  private bought(args: Requests["checkout"]): Requests["checkout"] {
    const { reward, invoice, checkoutSessionParams, entityData } = args;
    const given = Object.entries({ reward, invoice, checkoutSessionParams, entityData });
    const [name] = given.find(([, value]) => value !== undefined && value !== false) ?? [];
    if (this.browser === null || name === undefined) return args;
    throw refused("not_supported", `A browser may not say ${name}: attach it in a function of the app.`);
  }

  private assertBilling(billing: "managed" | "bought"): void {
    if (this.browser === null) return;
    const { entityId, canManageBilling = entityId === undefined } = this.customer();
    if (!canManageBilling) {
      throw new WireError(
        403,
        "forbidden",
        "Whoever is signed in may not manage the billing of this account: ask somebody who may. Nothing was changed.",
      );
    }
    // Without payments, a browser could take for nothing what only a server may give.
    if (billing === "bought" && this.account.payments === undefined)
      throw refused("not_supported", "Nothing is sold to browsers here: give Autumn payments.");
  }
}

/** In upstream's words, which apps may look for. */
class Unidentified extends Error {
  constructor() {
    super("No customer identifier found for Autumn.identify()");
  }
}

const refused = (code: string, message: string): WireError => new WireError(400, code, message);

const NOBODY: Result<Customer> = { data: null, error: null, statusCode: 202 };
const HIDDEN = { email: null, fingerprint: null, stripe_id: null, metadata: {} };
const NO_DETAILS: Partial<Identity> = {};

const isLong = (list: readonly unknown[] | undefined): boolean => list !== undefined && list.length > 0;

function textsOf(query: Fields): Record<string, string> {
  const given = Object.entries(query).filter(([, value]) => value !== undefined);
  return Object.fromEntries(given.map(([name, value]) => [name, String(value)]));
}
