import type { ComponentApi } from "../component/_generated/component.js";
import { assertId, assertKeys, assertText } from "../core/arguments.js";
import type { Catalog } from "../core/catalog.js";
import type { MutationContext, QueryContext } from "./contexts.js";
import { assertPage, type PageArgs } from "./pages.js";
import { defaultPlans } from "./versions.js";

interface Details {
  customerId: string;
  name?: string | null;
  email?: string | null;
}

/** Customers' records. */
export class Customers {
  constructor(
    private readonly component: ComponentApi,
    private readonly catalog: Catalog,
  ) {}

  /** The customer, begun with the default plans if he is new. His first use does the same. */
  async create(ctx: MutationContext, args: { customerId: string; name?: string; email?: string }) {
    assertDetails(args, "customers.create");
    const { customerId, ...details } = args;
    const provision = { plans: await defaultPlans(this.catalog), ...details };
    return await ctx.runMutation(this.component.customers.create, { customerId, provision });
  }

  /** The customer's record; null if he has never written. */
  async get(ctx: QueryContext, args: { customerId: string }) {
    assertCustomerId(args, "customers.get");
    return await ctx.runQuery(this.component.customers.get, args);
  }

  /** All customers, by id. */
  async list(ctx: QueryContext, args: PageArgs = {}) {
    assertPage(args, [], "customers.list");
    return await ctx.runQuery(this.component.customers.list, args);
  }

  /** Changes name and email; null takes one away. Throws `customer_not_found`. */
  async update(ctx: MutationContext, args: Details) {
    assertDetails(args, "customers.update");
    return await ctx.runMutation(this.component.customers.update, args);
  }

  /** Removes the customer and everything of his, in scheduled batches. Throws `customer_not_found`. */
  async remove(ctx: MutationContext, args: { customerId: string }) {
    assertCustomerId(args, "customers.remove");
    return await ctx.runMutation(this.component.removal.start, args);
  }
}

function assertCustomerId(args: { customerId: string }, verb: string): void {
  assertKeys(args, ["customerId"], verb);
  assertId(args.customerId, "customerId");
}

function assertDetails(args: Details, verb: string): void {
  assertKeys(args, ["customerId", "name", "email"], verb);
  assertId(args.customerId, "customerId");
  if (args.name != null) assertText(args.name, "name");
  if (args.email != null) assertText(args.email, "email");
}
