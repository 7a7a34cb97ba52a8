/** What trusted code can do to any customer: never exported to browsers. */
import { assertAmount } from "../core/amounts.js";
import { assertCount, assertId, assertInstant, assertKeys, assertText, refuse } from "../core/arguments.js";
import type { Catalog, CatalogIds } from "../core/catalog.js";
import { INTERVALS, type Interval } from "../core/periods.js";
import type { ComponentApi } from "../component/_generated/component.js";
import type { MutationContext, QueryContext } from "./contexts.js";
import { defaultPlans } from "./verbs.js";
import { versionOf } from "./versions.js";

export interface PageArgs {
  /** Where the last page ended. */
  cursor?: string | null;
  /** 1 to 200; 50 unless told. */
  limit?: number;
}

/** Who did it and why, kept with the event; and a key, with which a repeat does nothing. */
export interface Provenance {
  idempotencyKey?: string;
  /** At most 500 characters. */
  reason?: string;
  actor?: string;
}

export interface AttachArgs<PlanId extends string = string> extends Provenance {
  customerId: string;
  planId: PlanId;
  entityId?: string;
}

export interface GrantArgs<FeatureId extends string = string> extends Provenance {
  customerId: string;
  featureId: FeatureId;
  entityId?: string;
  /** Units granted, above 0; left out for a boolean or `unlimited` grant. */
  amount?: number;
  unlimited?: boolean;
  /** Milliseconds since 1970. */
  startsAt?: number;
  expiresAt?: number;
  /** Lower burns first; 0 unless told. */
  priority?: number;
  /** The amount comes anew at each interval. */
  reset?: { interval: Interval; intervalCount?: number };
}

export type KnownPlan<Given extends string, Ids extends string> = string extends Given
  ? unknown
  : [Given] extends [Ids]
    ? unknown
    : { planId: Ids };
type KnownFeature<Given extends string, Ids extends string> = string extends Given
  ? unknown
  : [Given] extends [Ids]
    ? unknown
    : { featureId: Ids };

export class Customers {
  constructor(
    private readonly component: ComponentApi,
    private readonly catalog: Catalog,
  ) {}

  /** The customer, begun with the default plans if he is new. His first use does the same. */
  async create(ctx: MutationContext, args: { customerId: string; name?: string; email?: string }) {
    assertKeys(args, ["customerId", "name", "email"], "customers.create");
    assertCustomer(args);
    const { customerId, ...details } = args;
    const provision = { plans: await defaultPlans(this.catalog), ...details };
    return await ctx.runMutation(this.component.customers.create, { customerId, provision });
  }

  /** The customer's record; null if he has never written. */
  async get(ctx: QueryContext, { customerId }: { customerId: string }) {
    assertId(customerId, "customerId");
    return await ctx.runQuery(this.component.customers.get, { customerId });
  }

  /** All customers, by id. */
  async list(ctx: QueryContext, args: PageArgs = {}) {
    return await ctx.runQuery(this.component.customers.list, pageOf(args));
  }

  /** Changes name and email; null takes one away. Throws `customer_not_found`. */
  async update(
    ctx: MutationContext,
    args: { customerId: string; name?: string | null; email?: string | null },
  ) {
    assertKeys(args, ["customerId", "name", "email"], "customers.update");
    assertCustomer(args);
    return await ctx.runMutation(this.component.customers.update, args);
  }

  /** Removes the customer and everything of his, in scheduled batches. Throws `customer_not_found`. */
  async remove(ctx: MutationContext, { customerId }: { customerId: string }) {
    assertId(customerId, "customerId");
    return await ctx.runMutation(this.component.removal.start, { customerId });
  }
}

export class Subscriptions<Ids extends CatalogIds> {
  constructor(
    private readonly component: ComponentApi,
    private readonly catalog: Catalog,
    private readonly customers: Customers,
  ) {}

  /**
   * Gives a customer a plan of the catalog without payment, in place of the one that he has in its
   * group. Usage starts afresh only when the plan costs more than the one it replaces.
   * Throws `plan_not_found`, `entity_not_found`, `idempotency_conflict`.
   */
  async attach<Id extends string>(ctx: MutationContext, args: AttachArgs<Id> & KnownPlan<Id, Ids["plan"]>) {
    const { customerId, planId, entityId, ...provenance } = args as AttachArgs;
    assertKeys(
      args,
      ["customerId", "planId", "entityId", "idempotencyKey", "reason", "actor"],
      "subscriptions.attach",
    );
    assertCustomer({ customerId });
    assertOwner(entityId, provenance);
    if (typeof planId !== "string") refuse("planId", "must be a string", planId);
    const plan = this.catalog.plan(planId);
    if ((await this.customers.get(ctx, { customerId })) === null)
      await this.customers.create(ctx, { customerId });
    return await ctx.runMutation(this.component.subscriptions.attach, {
      customerId,
      entityId,
      plan,
      version: await versionOf(plan),
      ...provenance,
    });
  }

  /** The customer's subscriptions, ended ones included. */
  async list(ctx: QueryContext, { customerId, ...page }: { customerId: string } & PageArgs) {
    assertId(customerId, "customerId");
    return await ctx.runQuery(this.component.subscriptions.list, { customerId, ...pageOf(page) });
  }
}

const GRANT_KEYS = [
  "customerId",
  "featureId",
  "entityId",
  "amount",
  "unlimited",
  "startsAt",
  "expiresAt",
  "priority",
  "reset",
  "idempotencyKey",
  "reason",
  "actor",
];

export class Grants<Ids extends CatalogIds> {
  constructor(
    private readonly component: ComponentApi,
    private readonly catalog: Catalog,
    private readonly customers: Customers,
  ) {}

  /**
   * Gives a customer an amount of a feature, or credits: a gift, a correction, a top-up paid
   * elsewhere. It merges into an earlier grant of equal terms. With `idempotencyKey` it is given once.
   * Throws `feature_not_found`, `invalid_amount`, `too_many_grants`, `idempotency_conflict`.
   */
  async grant<Id extends string>(
    ctx: MutationContext,
    args: GrantArgs<Id> & KnownFeature<Id, Ids["feature"]>,
  ) {
    const given = args as GrantArgs;
    assertKeys(given, GRANT_KEYS, "grants.grant");
    const { customerId, featureId, entityId, unlimited, startsAt, expiresAt, priority, reset, ...rest } =
      given;
    const { amount: _amount, ...provenance } = rest;
    assertCustomer({ customerId });
    assertOwner(entityId, provenance);
    if (typeof featureId !== "string") refuse("featureId", "must be a string", featureId);
    const endless = this.catalog.feature(featureId).type === "boolean" || unlimited === true;
    const amount = endless ? endlessAmount(given) : grantedAmount(given);
    if (startsAt !== undefined) assertInstant(startsAt, "startsAt");
    if (expiresAt !== undefined) assertExpiry(expiresAt, startsAt);
    if (priority !== undefined) assertCount(priority, "priority", -1000, 1000);
    const every =
      reset === undefined ? undefined : { interval: reset.interval, count: reset.intervalCount ?? 1 };
    if (every !== undefined) assertEvery(every);
    if ((await this.customers.get(ctx, { customerId })) === null)
      await this.customers.create(ctx, { customerId });
    return await ctx.runMutation(this.component.grants.grant, {
      customerId,
      featureId,
      entityId,
      amount,
      ...(endless && { unlimited: true as const }),
      startsAt,
      expiresAt,
      priority,
      reset: every,
      ...provenance,
    });
  }
}

function endlessAmount({ amount }: GrantArgs): number {
  if (amount !== undefined) refuse("amount", "must be left out of a boolean or unlimited grant", amount);
  return 0;
}

function grantedAmount({ amount }: GrantArgs): number {
  assertAmount(amount, "amount");
  if (amount === 0) refuse("amount", "must be above 0", amount);
  return amount;
}

function assertExpiry(expiresAt: unknown, startsAt: number | undefined): void {
  assertInstant(expiresAt, "expiresAt");
  if (expiresAt <= Math.max(Date.now(), startsAt ?? 0)) {
    refuse("expiresAt", "must be in the future, and after startsAt", new Date(expiresAt).toISOString());
  }
}

function assertEvery({ interval, count }: { interval: string; count: number }): void {
  if (!INTERVALS.some((known) => known === interval))
    refuse("reset.interval", `must be one of ${INTERVALS.join(", ")}`, interval);
  assertCount(count, "reset.intervalCount", 1, 1000);
}

export class Entities<Ids extends CatalogIds> {
  constructor(
    private readonly component: ComponentApi,
    private readonly catalog: Catalog,
    private readonly customers: Customers,
  ) {}

  /** Adds a part to a customer: a seat, a workspace. `featureId` is the feature that counts it. */
  async create<Id extends string>(
    ctx: MutationContext,
    args: { customerId: string; entityId: string; featureId: Id; name?: string } & KnownFeature<
      Id,
      Ids["feature"]
    >,
  ) {
    const {
      customerId,
      entityId,
      featureId,
      name,
    }: { customerId: string; entityId: string; featureId: string; name?: string } = args;
    assertKeys(args, ["customerId", "entityId", "featureId", "name"], "entities.create");
    assertCustomer({ customerId, ...(name !== undefined && { name }) });
    assertId(entityId, "entityId");
    if (this.catalog.feature(featureId).consumable) {
      refuse("featureId", "must be a feature that is held (consumable: false)", featureId);
    }
    if ((await this.customers.get(ctx, { customerId })) === null)
      await this.customers.create(ctx, { customerId });
    return await ctx.runMutation(this.component.entities.create, { customerId, entityId, featureId, name });
  }

  async list(ctx: QueryContext, { customerId, ...page }: { customerId: string } & PageArgs) {
    assertId(customerId, "customerId");
    return await ctx.runQuery(this.component.entities.list, { customerId, ...pageOf(page) });
  }
}

/** Lists balances and events of any customer. */
export class Lists {
  constructor(
    private readonly component: ComponentApi,
    private readonly catalog: Catalog,
  ) {}

  readonly balances = {
    /** A customer's balances, each in its own unit, as of now; before he begins, what he will begin with. */
    list: async (ctx: QueryContext, { customerId, ...page }: { customerId: string } & PageArgs) => {
      assertId(customerId, "customerId");
      return await ctx.runQuery(this.component.balances.list, {
        customerId,
        defaults: this.catalog.defaultPlans(),
        ...pageOf(page),
      });
    },
  };

  readonly events = {
    /** What moved a customer's amounts, the latest first. */
    list: async (ctx: QueryContext, args: { customerId: string; featureId?: string } & PageArgs) => {
      const { customerId, featureId, ...page } = args;
      assertId(customerId, "customerId");
      if (featureId !== undefined) assertId(featureId, "featureId");
      return await ctx.runQuery(this.component.events.list, { customerId, featureId, ...pageOf(page) });
    },
  };
}

function assertCustomer(args: { customerId: string; name?: string | null; email?: string | null }): void {
  assertId(args.customerId, "customerId");
  if (args.name != null) assertText(args.name, "name");
  if (args.email != null) assertText(args.email, "email");
}

function assertOwner(entityId: string | undefined, { idempotencyKey, reason, actor }: Provenance): void {
  if (entityId !== undefined) assertId(entityId, "entityId");
  if (idempotencyKey !== undefined) assertId(idempotencyKey, "idempotencyKey");
  if (reason !== undefined) assertText(reason, "reason");
  if (actor !== undefined) assertText(actor, "actor");
}

function pageOf(args: PageArgs): PageArgs {
  assertKeys(args, ["cursor", "limit"], "list");
  if (args.cursor != null) assertText(args.cursor, "cursor", 2_000);
  if (args.limit !== undefined) assertCount(args.limit, "limit", 1, 200);
  return args;
}
