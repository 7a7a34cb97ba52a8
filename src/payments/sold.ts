import type { Catalog } from "../core/catalog.js";
import type { Order } from "../core/orders.js";
import type { Plan } from "../core/terms.js";
import type { Sold } from "./provider.js";

/** An order in words for a payer. */
export function soldBy(plan: Plan, order: Order, catalog: Catalog): Sold {
  const { planId, currency, total, every } = order;
  const lines = order.lines.map((line) => {
    const { featureId, units } = line;
    if (featureId === undefined)
      return { ...line, name: plan.name, ...(plan.stripe && { priceId: plan.stripe.priceId }) };
    const feature = catalog.features.get(featureId)?.name ?? featureId;
    return { ...line, name: `${plan.name}: ${units ?? 0} ${feature}` };
  });
  return { planId, name: plan.name, currency, lines, total, every };
}
