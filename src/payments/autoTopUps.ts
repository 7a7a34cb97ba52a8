/** Automatic top-ups, as customers and trusted code turn them on and off. */
import type { MutationContext, QueryContext } from "../client/contexts.js";
import { assertQuantities } from "../client/subscriptions.js";
import { versionOf } from "../client/versions.js";
import { assertAmount, assertCount, assertId, assertKeys, refuse } from "../core/arguments.js";
import type { AutoTopUpTerms } from "../core/autoTopUps.js";
import { shown } from "../core/errors.js";
import { fromMinor } from "../core/money.js";
import { orderOf } from "../core/orders.js";
import { isTopUp } from "../core/topUps.js";
import type { Facts, Shop } from "./facts.js";
import type { PaymentProvider } from "./provider.js";

/** "Buy 1,000 API calls when 100 are left, three times a month at most." */
export interface AutoTopUpArgs {
  /** The balance that is watched: the customer's own of this feature. */
  featureId: string;
  /** It is bought when what is left (less what is owed) is at most this, in the feature's own unit. */
  threshold: number;
  /** What is bought: something of the catalog that is paid once and adds to the feature. */
  planId?: string;
  /** The same, in the older vocabulary. */
  productId?: string;
  /** Units of it, by feature, where it is sold by units: what is included is among them. */
  quantities?: Record<string, number>;
  /** At most so many, 1 to 100, … */
  max: number;
  /** … in each of these, counted from when it was first turned on. */
  interval: AutoTopUpTerms["interval"];
}

export interface AutoTopUp extends AutoTopUpTerms {
  customerId: string;
  /** Paused: a payment was refused, and nothing is bought until it is resumed. */
  status: "on" | "paused" | "off";
  /** Why it is paused, or what its last request came to. */
  problem?: string;
  /** What each costs, in whole currency units: as it was when it was turned on. */
  amount: number;
  currency: string;
  /** So many were bought in the period that began `since`. */
  made: { since: number; count: number };
  /** One is being paid. */
  inFlight: boolean;
}

const OPTIONS = ["featureId", "threshold", "planId", "productId", "quantities", "max", "interval"];
const INTERVALS: readonly AutoTopUpTerms["interval"][] = ["hour", "day", "week", "month"];
const MAX_IN_INTERVAL = 100;

export class AutoTopUps {
  constructor(
    private readonly tally: Shop,
    private readonly provider: PaymentProvider,
    private readonly facts: Facts,
    private readonly currency: string,
  ) {}

  /** Throws `feature_not_found`, `plan_not_found`, `invalid_argument`, `invalid_amount`. */
  async set(ctx: MutationContext, customerId: string, args: AutoTopUpArgs): Promise<{ amount: number }> {
    assertKeys(args, OPTIONS, "autoTopUp");
    const { planId: named, productId, featureId, threshold, quantities, max, interval } = args;
    if ((named === undefined) === (productId === undefined))
      refuse("autoTopUp", "takes either planId or productId", named ?? productId);
    const plan = this.tally.catalog.plan(named ?? productId ?? "");
    this.tally.catalog.feature(featureId);
    const adds = plan.items.some((item) => item.featureId === featureId && !item.unlimited);
    if (!isTopUp(plan) || !adds || plan.archived)
      refuse("planId", `must be for sale, paid once, and add to ${shown(featureId)}`, plan.id);
    assertAmount(threshold, "threshold");
    assertCount(max, "max", 1, MAX_IN_INTERVAL);
    if (!INTERVALS.includes(interval)) refuse("interval", `must be one of ${INTERVALS.join(", ")}`, interval);
    if (quantities !== undefined) assertQuantities(quantities, plan);
    const { total, currency } = orderOf(plan, quantities, this.currency);
    if (total === 0) refuse("planId", "must cost something: what costs nothing needs no payment", plan.id);
    const { provision } = await this.facts.terms();
    await ctx.runMutation(this.tally.component.autoTopUps.set, {
      ...{ customerId, provision, featureId, threshold, planId: plan.id, quantities, max, interval },
      ...{ plan, version: await versionOf(plan), provider: this.provider.name, amount: total, currency },
    });
    return { amount: fromMinor(total, currency) };
  }

  /** Off, or on again as it was. Throws `invalid_argument` if there is none. */
  async turn(ctx: MutationContext, customerId: string, featureId: string, isOn: boolean): Promise<null> {
    assertId(featureId, "featureId");
    const { turn } = this.tally.component.autoTopUps;
    if (await ctx.runMutation(turn, { customerId, featureId, isOn })) return null;
    return refuse("featureId", "has no automatic top-up: turn it on with its terms first", featureId);
  }

  async list(ctx: QueryContext, customerId: string): Promise<AutoTopUp[]> {
    const found = await ctx.runQuery(this.tally.component.autoTopUps.list, { customerId });
    return found.map(viewOf);
  }

  async paused(ctx: QueryContext, page: { cursor?: string | null; limit?: number }) {
    const { listByStatus } = this.tally.component.autoTopUps;
    const of = { provider: this.provider.name, status: "paused" as const };
    const found = await ctx.runQuery(listByStatus, { ...of, ...page });
    return { page: found.page.map(viewOf), cursor: found.cursor };
  }
}

type Listed = Omit<AutoTopUp, "amount"> & { amount: number; version: string; provider: string };

function viewOf({ version: _, provider: _p, ...shown }: Listed & { dueAt?: number }): AutoTopUp {
  const { dueAt: _d, ...view } = shown;
  return { ...view, amount: fromMinor(view.amount, view.currency) };
}
