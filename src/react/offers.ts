/** What a plan would be to the customer, by the price: the rule that the deployment decides by. */
import type { PlanView } from "../client/api.js";
import { isUpgrade } from "../core/plans.js";
import { isTopUp } from "../core/topUps.js";

export type PlanChange =
  /** He has it. */
  | "current"
  | "upgrade"
  | "downgrade"
  /** Another plan at the same price. */
  | "switch"
  /** Bought beside what he has: an add-on or a top-up. */
  | "add"
  /** Nothing is replaced: he has no plan of its group, or nobody is signed in. */
  | "choose";

export function changeOf(plan: PlanView, plans: readonly PlanView[]): PlanChange {
  if (isAdded(plan)) return "add";
  if (plan.current) return "current";
  const replaced = plans.filter((each) => each.current && !isAdded(each) && each.group === plan.group);
  if (replaced.length === 0) return "choose";
  if (isUpgrade(plan, replaced)) return "upgrade";
  return replaced.some((each) => isUpgrade(each, [plan])) ? "downgrade" : "switch";
}

const isAdded = (plan: PlanView): boolean => plan.addOn || isTopUp(plan);

/** Plans that would give more of what pays for a feature. */
export function plansWith(plans: readonly PlanView[], featureIds: readonly string[]): PlanView[] {
  return plans.filter((plan) => {
    const change = changeOf(plan, plans);
    const isMore = change !== "current" && change !== "downgrade";
    return isMore && plan.items.some(({ featureId }) => featureIds.includes(featureId));
  });
}
