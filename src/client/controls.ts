import type { ComponentApi } from "../component/_generated/component.js";
import { assertAmount, assertFlag, assertId, assertKeys, refuse } from "../core/arguments.js";
import type { Catalog, CatalogIds } from "../core/catalog.js";
import type { UsageLimit } from "../core/controlTerms.js";
import type { MutationContext } from "./contexts.js";
import type { Known } from "./requests.js";
import { defaultPlans } from "./versions.js";

/**
 * Each control of an entity hides the customer's of the same kind, and that the plan's. What is absent
 * stays as it is; null takes a control away, so that the level below counts again.
 */
export interface ControlArgs<FeatureId extends string = string> {
  customerId: string;
  featureId: FeatureId;
  /** One part of the customer. */
  entityId?: string;
  /** Hard caps, each with its own counter; at most 8. Without any, none holds, whatever the levels below say. */
  usageLimits?: readonly UsageLimit[] | null;
  /**
   * The most overage, in units, or as a percentage of what the customer's main plans include, whichever
   * those are then. `"none"`: no limit, whatever the levels below say.
   */
  spendLimit?: number | { percent: number } | "none" | null;
  /** Whether use may go beyond what is granted, whatever the plan says. */
  overageAllowed?: boolean | null;
}

const OPTIONS = ["customerId", "featureId", "entityId", "usageLimits", "spendLimit", "overageAllowed"];
const INTERVALS = ["day", "week", "month", "year"];
const MAX_LIMITS = 8;

/** Customers' and entities' own controls. */
export class Controls<Ids extends CatalogIds> {
  constructor(
    private readonly component: ComponentApi,
    private readonly catalog: Catalog,
  ) {}

  /** Changes the limits of a feature. Throws `feature_not_found`, `entity_not_found`, `invalid_argument`, `invalid_amount`. */
  async set<Id extends string>(
    ctx: MutationContext,
    args: ControlArgs<Id> & Known<Id, Ids["metered"]>,
  ): Promise<null> {
    const given: ControlArgs = args;
    assertKeys(given, OPTIONS, "controls.set");
    const { customerId, featureId, entityId, usageLimits, spendLimit, overageAllowed } = given;
    assertId(customerId, "customerId");
    if (entityId !== undefined) assertId(entityId, "entityId");
    if (this.catalog.feature(featureId).type === "boolean")
      refuse("featureId", "must be used by amounts", featureId);
    if (overageAllowed !== null) assertFlag(overageAllowed, "overageAllowed");
    if (spendLimit != null && spendLimit !== "none") assertSpendLimit(spendLimit);
    if (usageLimits != null) assertLimits(usageLimits);
    return await ctx.runMutation(this.component.controls.set, {
      customerId,
      provision: { plans: await defaultPlans(this.catalog) },
      featureId,
      entityId,
      change: { usageLimits: usageLimits && [...usageLimits], spendLimit, overageAllowed },
    });
  }
}

function assertSpendLimit(limit: number | { percent: number }): void {
  if (typeof limit === "number") return assertAmount(limit, "spendLimit");
  assertKeys(limit, ["percent"], "spendLimit");
  assertAmount(limit.percent, "spendLimit.percent");
}

function assertLimits(limits: readonly UsageLimit[]): void {
  if (!Array.isArray(limits) || limits.length > MAX_LIMITS)
    refuse("usageLimits", `must be a list of at most ${MAX_LIMITS}`, limits);
  for (const limit of limits as readonly UsageLimit[]) {
    const { max, interval, anchor } = limit;
    assertKeys(limit, ["max", "interval", "anchor"], "usageLimits");
    assertAmount(max, "usageLimits max");
    if (!INTERVALS.includes(interval))
      refuse("usageLimits interval", `must be one of ${INTERVALS.join(", ")}`, interval);
    if (![undefined, "billing_cycle", "utc"].includes(anchor)) {
      refuse("usageLimits anchor", "must be billing_cycle or utc", anchor);
    }
  }
}
