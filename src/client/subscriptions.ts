import type { ComponentApi } from "../component/_generated/component.js";
import {
  asObject,
  assertAmount,
  assertCount,
  assertFlag,
  assertId,
  assertInstant,
  assertKeys,
  refuse,
} from "../core/arguments.js";
import type { Catalog, CatalogIds } from "../core/catalog.js";
import type { Plan } from "../core/terms.js";
import type { ItemDefinition } from "../core/definitions.js";
import { shown, tallyError } from "../core/errors.js";
import type { MutationContext, QueryContext } from "./contexts.js";
import { assertCustomerPage, type PageArgs } from "./pages.js";
import { assertOwned, type Provenance } from "./provenance.js";
import { defaultPlans, versionOf } from "./versions.js";

export interface PlanArgs<PlanId extends string = string> extends Provenance {
  customerId: string;
  planId: PlanId;
  /** The part of the customer that has (or is to have) the plan for itself. */
  entityId?: string;
}

/** Now, or when the current plan's period ends. */
export type When = "now" | "period_end";

/**
 * A plan of the catalog takes the place of the one that the customer has in its group; add-ons and top-ups
 * are added, as often as they are attached. Usage starts afresh only when the plan costs more than the
 * one it replaces. What is to happen later is written into the balances now, and needs no cron.
 */
export interface AttachArgs<PlanId extends string = string> extends PlanArgs<PlanId> {
  /** Now, unless told; fewer units bought in advance of a plan that goes on, when its period ends. */
  when?: When;
  /** Units bought in advance, by feature: what is included is among them, and they come in whole packs. */
  quantities?: Record<string, number>;
  /** Other items than the plan's, for this customer. */
  items?: readonly ItemDefinition[];
  /** The plan's own trial, or one of another length; once for a customer (and a fingerprint) and plan. */
  trial?: boolean | { length: number; unit: "day" | "month" | "year" };
  /** What the app knows a person by, whatever his accounts. */
  fingerprint?: string;
  /** What was used counts against the new plan, though it costs more. */
  carryOverUsages?: boolean;
  /** What is left stays until it would have reset; what is owed counts against the new plan. */
  carryOverBalances?: boolean;
}

/**
 * What a plan gives whose payment is missing: all, or nothing any more after so many days; 3, unless
 * told. With 0, it stops at once.
 */
export type PastDuePolicy = "keep" | { suspendAfterDays: number };

/**
 * A payment for a plan is missing, or has come. What the plan gives stops when the policy says so, though
 * nothing runs then, and is back with the payment as if it had never stopped: what is used stays used.
 * Told again without `since`, it is still missing since the first time.
 */
export interface PastDueArgs<PlanId extends string = string> extends PlanArgs<PlanId> {
  pastDue: boolean;
  /**
   * Since when, in milliseconds; now, unless told. An instant to come is fine: given the end of the
   * paid period at each payment, the plan stops by itself should none follow.
   */
  since?: number;
}

/** Refuses a literal id that the catalog does not have. */
export type KnownPlan<Given extends string, Ids extends string> = string extends Given
  ? unknown
  : [Given] extends [Ids]
    ? unknown
    : { planId: Ids };

const DAY_MS = 24 * 60 * 60 * 1000;
const WHEN = ["now", "period_end"];
const ATTACH_OPTIONS = [
  "planId",
  "when",
  "quantities",
  "items",
  "trial",
  "fingerprint",
  "carryOverUsages",
  "carryOverBalances",
];

/** Customers' plans. */
export class Subscriptions<Ids extends CatalogIds> {
  constructor(
    private readonly component: ComponentApi,
    private readonly catalog: Catalog,
    /** @internal */
    readonly policy: PastDuePolicy = { suspendAfterDays: 3 },
  ) {
    if (policy === "keep") return;
    assertKeys(policy, ["suspendAfterDays"], "pastDue");
    assertCount(policy.suspendAfterDays, "pastDue.suspendAfterDays", 0, 365);
  }

  /**
   * Gives a customer a plan without payment. Throws `plan_not_found`, `entity_not_found`,
   * `idempotency_conflict`, and `invalid_argument` of a second trial.
   */
  async attach<Id extends string>(ctx: MutationContext, args: AttachArgs<Id> & KnownPlan<Id, Ids["plan"]>) {
    return await ctx.runMutation(this.component.subscriptions.attach, await this.attachment(args, "attach"));
  }

  /** What `attach` would end, and when the plan would begin; nothing is changed. */
  async preview<Id extends string>(ctx: QueryContext, args: AttachArgs<Id> & KnownPlan<Id, Ids["plan"]>) {
    return await ctx.runQuery(this.component.subscriptions.preview, await this.attachment(args, "preview"));
  }

  /** Ends a plan, when its period ends unless told; the default plan of its group follows. Throws `plan_not_found`. */
  async cancel<Id extends string>(
    ctx: MutationContext,
    args: PlanArgs<Id> & { when?: When } & KnownPlan<Id, Ids["plan"]>,
  ) {
    const given: PlanArgs & { when?: When } = args;
    assertOwned(given, ["planId", "when"], "subscriptions.cancel");
    const { when = "period_end" } = given;
    assertWhen(when);
    const successor = await this.successor(this.planOf(given.planId));
    return await ctx.runMutation(this.component.subscriptions.cancel, { ...given, when, successor });
  }

  /** Takes a cancellation or a scheduled change of a plan back, before its time. */
  async resume<Id extends string>(ctx: MutationContext, args: PlanArgs<Id> & KnownPlan<Id, Ids["plan"]>) {
    const given: PlanArgs = args;
    assertOwned(given, ["planId"], "subscriptions.resume");
    const successor = await this.successor(this.planOf(given.planId));
    return await ctx.runMutation(this.component.subscriptions.resume, { ...given, successor });
  }

  /** Notes that a payment is missing, or that it has come. Throws `plan_not_found`, `idempotency_conflict`. */
  async setPastDue<Id extends string>(
    ctx: MutationContext,
    args: PastDueArgs<Id> & KnownPlan<Id, Ids["plan"]>,
  ) {
    const given: PastDueArgs = args;
    assertOwned(given, ["planId", "pastDue", "since"], "subscriptions.setPastDue");
    const { pastDue, since, ...named } = given;
    if (typeof pastDue !== "boolean") refuse("pastDue", "must be true or false", pastDue);
    if (since !== undefined) assertInstant(since, "since");
    if (typeof named.planId !== "string") refuse("planId", "must be a string", named.planId);
    const { policy } = this;
    return await ctx.runMutation(this.component.pastDue.set, {
      ...named,
      pastDue: pastDue
        ? { since, ...(policy !== "keep" && { suspendAfterMs: policy.suspendAfterDays * DAY_MS }) }
        : null,
    });
  }

  /** The customer's subscriptions, ended ones included. */
  async list(ctx: QueryContext, args: { customerId: string } & PageArgs) {
    assertCustomerPage(args, [], "subscriptions.list");
    return await ctx.runQuery(this.component.subscriptions.list, args);
  }

  private async attachment(args: AttachArgs, verb: string) {
    assertOwned(args, ATTACH_OPTIONS, `subscriptions.${verb}`);
    const {
      planId,
      when,
      quantities,
      items,
      trial,
      fingerprint,
      carryOverUsages,
      carryOverBalances,
      ...rest
    } = args;
    const known = this.planOf(planId);
    const plan = items === undefined ? known : this.catalog.customized(known, items);
    if (when !== undefined) assertWhen(when);
    assertFlag(carryOverUsages, "carryOverUsages");
    assertFlag(carryOverBalances, "carryOverBalances");
    if (fingerprint !== undefined) assertId(fingerprint, "fingerprint");
    if (quantities !== undefined) assertQuantities(quantities, plan);
    const [length, successor] = [trialOf(trial, plan), await this.successor(plan)];
    return {
      ...rest,
      provision: { plans: await defaultPlans(this.catalog) },
      plan,
      version: await versionOf(plan),
      when,
      quantities,
      ...(items !== undefined && { custom: true as const }),
      ...(length !== undefined && { trial: { ...length, fingerprint } }),
      successor,
      carryOverUsages,
      carryOverBalances,
    };
  }

  private planOf(planId: unknown): Plan {
    if (typeof planId !== "string") refuse("planId", "must be a string", planId);
    return this.catalog.plan(planId);
  }

  private async successor(plan: Plan) {
    const successor = plan.addOn ? undefined : this.catalog.defaultOf(plan.group);
    return successor && { plan: successor, version: await versionOf(successor) };
  }
}

function assertWhen(when: unknown): void {
  if (!WHEN.some((known) => known === when)) refuse("when", `must be one of ${WHEN.join(", ")}`, when);
}

/** Throws `invalid_argument` of what a plan does not sell in advance. */
export function assertQuantities(quantities: Record<string, number>, plan: Plan): void {
  const prepaid = plan.items.filter(({ price }) => price?.billingMethod === "prepaid");
  for (const [featureId, quantity] of Object.entries(asObject(quantities, "quantities"))) {
    assertAmount(quantity, `quantities[${shown(featureId)}]`);
    if (prepaid.some((item) => item.featureId === featureId)) continue;
    throw tallyError(
      "invalid_argument",
      `quantities has ${shown(featureId)}, which plan "${plan.id}" does not sell in advance; it sells ${prepaid.map((item) => shown(item.featureId)).join(", ") || "nothing"}. Nothing was changed.`,
    );
  }
}

function trialOf(trial: AttachArgs["trial"], plan: Plan) {
  if (trial === undefined || trial === false) return undefined;
  if (trial === true) {
    if (plan.trial === undefined) {
      throw tallyError(
        "invalid_argument",
        `Plan "${plan.id}" has no trial: say how long, as { length, unit }. Nothing was changed.`,
      );
    }
    return { length: plan.trial.length, unit: plan.trial.unit };
  }
  assertKeys(trial, ["length", "unit"], "trial");
  assertCount(trial.length, "trial.length", 1, 1_000);
  if (!["day", "month", "year"].includes(trial.unit))
    refuse("trial.unit", "must be day, month or year", trial.unit);
  return trial;
}
