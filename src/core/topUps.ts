import type { Plan } from "./terms.js";

/** Paid once and kept: it is added to what the customer has, and replaces no plan. */
export function isTopUp(plan: Pick<Plan, "price" | "items">): boolean {
  return plan.price !== null && plan.price.every === null && plan.items.every((item) => item.reset === null);
}
