/** A customer as pages read him, in Tally's words and in those of Autumn's clients. */
import type { CatalogIds, Feature } from "../core/catalog.js";
import type { CheckData } from "../core/checkAnswers.js";
import type { CustomerView, SubscriptionView } from "../client/api.js";
import type { Account, FeatureBalance } from "./account.js";
import { checkOf } from "./checks.js";

/** A plan that he has, or (`scheduled`) is to have, as Autumn's clients name it. */
export interface CustomerProduct<PlanId extends string = string> {
  id: PlanId;
  name: string;
  group: string;
  status: SubscriptionView["status"];
  is_add_on: boolean;
  started_at: number;
  /** When it ends, where that is decided. */
  canceled_at: number | null;
}

/** A feature's balance, credits included, in its own unit, as Autumn's clients name it. */
export interface CustomerFeature<FeatureId extends string = string> extends CheckData {
  id: FeatureId;
  name: string;
  type: Feature["type"];
}

export interface Customer<Ids extends CatalogIds = CatalogIds> extends Omit<
  CustomerView<Ids>,
  "features" | "plans"
> {
  id: string;
  /** His plans, those that are to begin last. */
  products: CustomerProduct<Ids["plan"]>[];
  /** Every feature of the catalog; one that he has not is `allowed: false`, with nothing in it. */
  features: Record<Ids["feature"], CustomerFeature<Ids["feature"]>>;
  /** Those of the metered features and credit systems that he has. */
  balances: Partial<Record<Ids["metered"], FeatureBalance>>;
  /** The boolean features that he has. */
  flags: Partial<Record<Ids["feature"], true>>;
}

export function customerOf(account: Account, at: number): Customer {
  const { features, plans: _plans, ...view } = account.customer;
  const shown = features.map(({ id, name, type }) => ({
    id,
    name,
    type,
    balance: account.balance(id, at),
    data: checkOf(account, id, 1, at).data,
  }));
  const had = shown.filter(({ balance }) => balance.breakdown.length > 0);
  const isFlag = ({ type }: Pick<Feature, "type">) => type === "boolean";
  return {
    ...view,
    id: view.customerId,
    products: productsOf(account),
    features: Object.fromEntries(shown.map(({ id, name, type, data }) => [id, { ...data, id, name, type }])),
    balances: Object.fromEntries(had.filter((each) => !isFlag(each)).map(({ id, balance }) => [id, balance])),
    flags: Object.fromEntries(had.filter(isFlag).map(({ id }) => [id, true as const])),
  };
}

function productsOf(account: Account): CustomerProduct[] {
  const isScheduled = ({ status }: SubscriptionView) => Number(status === "scheduled");
  return [...account.customer.subscriptions]
    .sort((a, b) => isScheduled(a) - isScheduled(b))
    .map(({ planId, group, status, addOn, startsAt, endsAt }) => ({
      id: planId,
      name: account.planName(planId),
      group,
      status,
      is_add_on: addOn,
      started_at: startsAt,
      canceled_at: endsAt ?? null,
    }));
}
