import { useId, useState, type ReactNode } from "react";
import type { PlanView } from "../client/api.js";
import type { BuyButtonProps, PricingTableProps } from "./components.js";
import { periodText, useFormats } from "./formats.js";
import type { Inside } from "./hooks.js";
import type { AnyScope } from "./references.js";
import { offerOf, PlanOffer } from "./PlanOffer.js";

type Every = NonNullable<NonNullable<PlanView["price"]>["every"]>;

export function pricingTable(
  { usePlans, useShown }: Inside,
  BuyButton: (props: BuyButtonProps<string, AnyScope>) => ReactNode,
) {
  return function PricingTable(props: PricingTableProps<string, AnyScope>): ReactNode {
    const { scope, className, locale, currency, successUrl, planIds, labels, loading, children } = props;
    const plans = usePlans(scope);
    const shown = useShown(scope);
    const formats = useFormats(locale, currency);
    const [chosen, choose] = useState<string>();
    if (plans === undefined) {
      return (
        <div className={className} data-tally="pricing-table" data-state="loading" aria-busy>
          {loading}
        </div>
      );
    }

    const listed = planIds?.flatMap((id) => plans.find((plan) => plan.id === id) ?? []) ?? plans;
    const periods = periodsOf(listed);
    const current = listed.find((plan) => plan.current && plan.price?.every)?.price?.every;
    const period = chosen ?? (current ? keyOf(current) : undefined) ?? [...periods.keys()][0];
    const isOffered = ({ price }: PlanView) => !price?.every || keyOf(price.every) === period;
    const mayBuy = shown?.account.customer.canManageBilling ?? true;
    const selling = { BuyButton, scope, formats, labels, mayBuy, successUrl };
    return (
      <div className={className} data-tally="pricing-table">
        {periods.size > 1 && <PeriodChoice periods={periods} period={period} choose={choose} />}
        <ul data-part="plans">
          {listed.filter(isOffered).map((plan) => {
            const offer = offerOf(plan, plans, selling);
            return <li key={plan.id}>{children?.(offer) ?? <PlanOffer {...offer} />}</li>;
          })}
        </ul>
      </div>
    );
  };
}

function PeriodChoice(props: {
  periods: ReadonlyMap<string, Every>;
  period: string | undefined;
  choose: (period: string) => void;
}): ReactNode {
  const { periods, period, choose } = props;
  const name = useId();
  return (
    <fieldset data-part="periods">
      <legend>Billing period</legend>
      {[...periods].map(([key, every]) => (
        <label key={key}>
          <input type="radio" name={name} value={key} checked={key === period} onChange={() => choose(key)} />{" "}
          {periodText(every)}
        </label>
      ))}
    </fieldset>
  );
}

const keyOf = ({ interval, count }: Every): string => `${count} ${interval}`;

function periodsOf(plans: readonly PlanView[]): Map<string, Every> {
  return new Map(
    plans.flatMap(({ price }) => (price?.every ? [[keyOf(price.every), price.every] as const] : [])),
  );
}
