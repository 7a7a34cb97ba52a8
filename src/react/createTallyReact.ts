import type { CatalogIds } from "../core/catalog.js";
import { balanceBreakdown } from "./BalanceBreakdown.js";
import { buyButton } from "./BuyButton.js";
import type { Components } from "./components.js";
import { gate } from "./Gate.js";
import { hooksOf, type Hooks } from "./hooks.js";
import { paywall } from "./Paywall.js";
import { pricingTable } from "./PricingTable.js";
import type { AnyScope, ApiOf, BillingApi, IdsIn, ScopeIn } from "./references.js";
import { usageMeter } from "./UsageMeter.js";

export interface TallyReact<Ids extends CatalogIds = CatalogIds, Scope = AnyScope>
  extends Hooks<Ids, Scope>, Components<Ids, Scope> {}

/**
 * Hooks and components over the functions of `tally.api()` that an app exports. Call it once, in a module
 * of its own; what it gives needs no provider beside `ConvexProvider`. The catalog's ids come with the types.
 *
 * ```ts
 * export const { useCustomer, useCheck, UsageMeter, Gate } = createTallyReact(api.billing);
 * ```
 *
 * An app that sells has its `checkout` in another module: then give it each of them, as in
 * `createTallyReact({ customer, balances, plans, checkout })`.
 *
 * Where the app's generated types cannot carry them: `createTallyReact<typeof tally>(api.billing)`, with
 * an `import type` of `tally`.
 */
export function createTallyReact<Api extends BillingApi>(api: Api): TallyReact<IdsIn<Api>, ScopeIn<Api>>;
export function createTallyReact<Tally extends { api(): object }>(
  api: BillingApi,
): TallyReact<IdsIn<ApiOf<Tally>>, ScopeIn<ApiOf<Tally>>>;
export function createTallyReact(api: BillingApi): object {
  const inside = hooksOf(api);
  const { useShown: _useShown, ...hooks } = inside;
  const BuyButton = buyButton(inside);
  const components: Components = {
    UsageMeter: usageMeter(inside),
    BalanceBreakdown: balanceBreakdown(inside),
    Gate: gate(inside),
    Paywall: paywall(inside, BuyButton),
    PricingTable: pricingTable(inside, BuyButton),
    BuyButton,
  };
  return { ...hooks, ...components };
}
