/** What only clients of Autumn 1.2 ask, atmn 0.0.x above all: the rest of their calls have the names of today. */
import { z } from "zod";
import { id, operation, unsupported, type Call } from "../operations.js";

const CATALOG_IS_CODE =
  "The catalog is code: change it in the app's defineCatalog and deploy. Nothing was changed.";

/** Whether a push would make a new version. None does: what a push would change is refused. */
const hasCustomers = operation({
  body: z.object({ plan_id: id }),
  run: (call: Call, { plan_id: planId }: { plan_id: string }) =>
    Promise.resolve(call.tally.catalog.plan(planId)),
  current: ({ archived }) => ({ current_version: 1, will_version: false, archived }),
});

/** How many plans of the catalog give a feature, or pay for it with credits, and the name of the first. */
const featureDeletion = operation({
  body: z.object({ feature_id: id }),
  run: (call: Call, { feature_id: featureId }: { feature_id: string }) => {
    const { catalog } = call.tally;
    const pools = new Set(catalog.pools(featureId).map((pool) => pool.featureId));
    const plans = [...catalog.plans.values()];
    return Promise.resolve(plans.filter(({ items }) => items.some((item) => pools.has(item.featureId))));
  },
  current: (plans) => ({ totalCount: plans.length, productName: plans[0]?.name ?? null }),
});

export const formerOperations = {
  "plans.has_customers": hasCustomers,
  "plans.deletion_info": unsupported(CATALOG_IS_CODE),
  "features.deletion_info": featureDeletion,
  "migrations.create": unsupported(
    "Customers keep the version of a plan that they have: move one with billing.attach. Nothing was changed.",
  ),
  "customers.transfer": unsupported(
    "Plans are not moved from one entity to another: cancel the one, and attach the other. Nothing was changed.",
  ),
};
