/** A plan as it is offered, in tables and on paywalls. */
import { useId, type ReactNode } from "react";
import type { PlanView } from "../client/api.js";
import type { BuyButtonProps, OfferView, SellingProps } from "./components.js";
import { itemText, priceText, type Formats } from "./formats.js";
import type { AnyScope } from "./references.js";
import { changeOf, type PlanChange } from "./offers.js";

export const LABELS: Record<PlanChange, ReactNode> = {
  current: "Current plan",
  upgrade: "Upgrade",
  downgrade: "Downgrade",
  switch: "Switch",
  add: "Buy",
  choose: "Choose",
};

interface Selling extends SellingProps {
  BuyButton: (props: BuyButtonProps<string, AnyScope>) => ReactNode;
  scope?: AnyScope;
  formats: Formats;
  labels?: Partial<Record<PlanChange, ReactNode>>;
  /** Whether whoever is signed in may buy. */
  mayBuy: boolean;
}

export function offerOf(plan: PlanView, plans: readonly PlanView[], selling: Selling): OfferView {
  const { BuyButton, scope, formats, labels, mayBuy, successUrl } = selling;
  const change = changeOf(plan, plans);
  const label = labels?.[change] ?? LABELS[change];
  const isForSale = change !== "current" && mayBuy;
  return {
    plan,
    change,
    price: priceText(plan, formats),
    items: plan.items.map((item) => ({ item, text: itemText(item, formats) })),
    action: isForSale ? (
      <BuyButton planId={plan.id} scope={scope} successUrl={successUrl}>
        {label} <Hidden>{plan.name}</Hidden>
      </BuyButton>
    ) : (
      change === "current" && <span data-part="current">{label}</span>
    ),
  };
}

export function PlanOffer({ plan, change, price, items, action }: OfferView): ReactNode {
  const nameId = useId();
  return (
    <article
      aria-labelledby={nameId}
      aria-current={change === "current" || undefined}
      data-part="plan"
      data-plan={plan.id}
      data-change={change}
    >
      <h3 id={nameId}>{plan.name}</h3>
      {plan.description !== undefined && <p data-part="description">{plan.description}</p>}
      <p data-part="price">{price}</p>
      <ul>
        {items.map(({ item, text }, index) => (
          <li key={index} data-feature={item.featureId}>
            {text}
          </li>
        ))}
      </ul>
      {action}
    </article>
  );
}

/** Said and not shown: of several buttons, which one this is. */
function Hidden({ children }: { children: ReactNode }): ReactNode {
  return (
    <span
      style={{
        position: "absolute",
        width: 1,
        height: 1,
        overflow: "hidden",
        clipPath: "inset(50%)",
      }}
    >
      {children}
    </span>
  );
}
