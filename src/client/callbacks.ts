/** What an app is told of as it happens: right after the draw that crosses a threshold, or that leaves nothing. */
import type { GenericDataModel, GenericMutationCtx } from "convex/server";
import type { Crossing, ThresholdType, Watch } from "../core/alerts.js";
import { assertAmount, assertKeys, refuse } from "../core/arguments.js";
import type { Catalog, CatalogIds } from "../core/catalog.js";
import type { Refusal } from "../core/draws.js";
import type { MutationContext } from "./contexts.js";

/**
 * The very context that the verb was called with. Of a mutation: with `db`, and in its transaction. Of
 * an action: without. `runMutation` and `scheduler` do in both.
 */
export type CallbackContext<DataModel extends GenericDataModel = GenericDataModel> = Pick<
  GenericMutationCtx<DataModel>,
  "runQuery" | "runMutation" | "scheduler"
> &
  Partial<Pick<GenericMutationCtx<DataModel>, "db">>;

/** A threshold of balances: one balance is a customer's (or an entity's own) of one feature. */
export interface UsageAlert<Ids extends CatalogIds = CatalogIds> {
  /** Of this feature alone; of every one, unless told. */
  featureId?: Ids["metered"];
  /** Only of balances that this plan gives to. */
  planId?: Ids["plan"];
  /** In the feature's own unit, or a percentage of what is granted in the period. */
  threshold: number;
  /** What is to reach it: usage from below, or what remains from above. */
  thresholdType: ThresholdType;
}

/** A balance that has reached a threshold, as it was right after the draw, in its own unit. */
export interface ThresholdReached<FeatureId extends string = string> {
  customerId: string;
  /** Set if it is an entity's own balance. */
  entityId?: string;
  featureId: FeatureId;
  threshold: number;
  thresholdType: ThresholdType;
  granted: number;
  usage: number;
  remaining: number;
}

/** A feature (or a credit system that paid for one) of which nothing more can be drawn. */
export interface LimitReached<FeatureId extends string = string> {
  customerId: string;
  /** Set if the draw was on behalf of an entity. */
  entityId?: string;
  featureId: FeatureId;
  reason: Refusal;
}

/**
 * Called right after the draw that crosses, of whatever verb: before it below, after it at or beyond,
 * so exactly once for each crossing; a reset or refund arms it again. A use that is refused, repeated
 * or zero calls nothing, and neither does time.
 *
 * In a mutation in its transaction: if that fails, what the callback wrote is gone with the draw, and
 * if the callback throws, so does the verb. In an action right after the draw, which is charged by
 * then: at most once (not at all if the action dies in between), and what the callback throws is
 * logged. A hold that nobody settles is charged by a cron, which calls nothing.
 *
 * Write their return type, `Promise<void>`: they may then call functions whose types depend on Tally.
 */
export interface Callbacks<Ids extends CatalogIds = CatalogIds> {
  // Methods, so that an app may ask for its own data model: `ctx: CallbackContext<DataModel>`.
  /** A balance has reached one of the `usageAlerts`; of several at once the lowest first. */
  thresholdReached?(ctx: CallbackContext, reached: ThresholdReached<Ids["metered"]>): Promise<void>;
  /** Nothing more can be drawn of a feature, neither from what is granted nor beyond it. */
  limitReached?(ctx: CallbackContext, reached: LimitReached<Ids["metered"]>): Promise<void>;
}

const TYPES: readonly ThresholdType[] = ["usage", "usage_percentage", "remaining", "remaining_percentage"];

/** What is watched, and who is told. */
export class Watcher {
  readonly watch: Watch;

  /** Throws `invalid_argument`, `invalid_amount`, `feature_not_found`, `plan_not_found`. */
  constructor(
    catalog: Catalog,
    private readonly on: Callbacks,
    usageAlerts: readonly UsageAlert[] = [],
  ) {
    assertKeys(on, ["thresholdReached", "limitReached"], "on");
    for (const alert of usageAlerts) assertAlert(catalog, alert);
    if (usageAlerts.length > 0 !== (on.thresholdReached !== undefined)) {
      refuse("usageAlerts", "and on.thresholdReached go together", usageAlerts);
    }
    this.watch = { usageAlerts: [...usageAlerts], limits: on.limitReached !== undefined };
  }

  async tell(ctx: MutationContext, customerId: string, crossings: readonly Crossing[] = []): Promise<void> {
    for (const crossing of crossings) {
      try {
        await this.call(ctx as CallbackContext, customerId, crossing);
      } catch (error) {
        // An action's draw is charged: to fail now would have it made again, and charged twice.
        if (!("runAction" in ctx)) throw error;
        console.error(`A callback failed: ${crossing.kind} of "${crossing.reached.featureId}".`, error);
      }
    }
  }

  private async call(ctx: CallbackContext, customerId: string, crossing: Crossing): Promise<void> {
    if (crossing.kind === "threshold") {
      await this.on.thresholdReached?.(ctx, { customerId, ...crossing.reached });
    } else {
      await this.on.limitReached?.(ctx, { customerId, ...crossing.reached });
    }
  }
}

function assertAlert(catalog: Catalog, alert: UsageAlert): void {
  assertKeys(alert, ["featureId", "planId", "threshold", "thresholdType"], "usageAlerts");
  const { featureId, planId, threshold, thresholdType } = alert;
  if (featureId !== undefined && catalog.feature(featureId).type === "boolean") {
    refuse("usageAlerts featureId", "must be used by amounts", featureId);
  }
  if (planId !== undefined) catalog.plan(planId);
  assertAmount(threshold, "usageAlerts threshold");
  if (!TYPES.includes(thresholdType)) {
    refuse("usageAlerts thresholdType", `must be one of ${TYPES.join(", ")}`, thresholdType);
  }
}
