import { Fragment, useId, type ReactNode } from "react";
import type { CheckAnswer } from "../core/checkAnswers.js";
import { checkOf } from "./checks.js";
import type { BuyButtonProps, PaywallProps } from "./components.js";
import { useFormats, type Formats } from "./formats.js";
import type { Inside } from "./hooks.js";
import type { AnyScope } from "./references.js";
import { plansWith } from "./offers.js";
import { offerOf, PlanOffer } from "./PlanOffer.js";

export function paywall(
  { usePlans, useShown }: Inside,
  BuyButton: (props: BuyButtonProps<string, AnyScope>) => ReactNode,
) {
  return function Paywall(props: PaywallProps<string, AnyScope>): ReactNode {
    const {
      featureId,
      requiredBalance = 1,
      scope,
      className,
      locale,
      currency,
      successUrl,
      title,
      children,
    } = props;
    const shown = useShown(scope);
    const plans = usePlans(scope);
    const formats = useFormats(locale, currency);
    const titleId = useId();
    if (shown == null) return null;

    const { account, at } = shown;
    const answer = checkOf(account, featureId, requiredBalance, at);
    if (answer.allowed) return null;
    const { name, pools } = account.feature(featureId);
    const mayBuy = account.customer.canManageBilling;
    const selling = { BuyButton, scope, formats, mayBuy, successUrl };
    const paying = pools.map((pool) => pool.featureId);
    const offers = plansWith(plans ?? [], paying).map((plan) => offerOf(plan, plans ?? [], selling));
    return (
      <section
        aria-labelledby={children === undefined ? titleId : undefined}
        className={className}
        data-tally="paywall"
        data-reason={answer.reason}
      >
        {children?.({ answer, plans: offers }) ?? (
          <>
            <h2 id={titleId}>{title ?? titleOf(answer, name)}</h2>
            <p role="alert">{reasonOf(answer, name, formats)}</p>
            {offers.map((offer) => (
              <Fragment key={offer.plan.id}>
                <PlanOffer {...offer} />
              </Fragment>
            ))}
            {!mayBuy && offers.length > 0 && <p data-part="ask">Ask whoever manages billing.</p>}
          </>
        )}
      </section>
    );
  };
}

function titleOf({ reason }: CheckAnswer, name: string): string {
  return reason === "not_included" ? `${name} is not in your plan` : `You are out of ${name}`;
}

function reasonOf(answer: CheckAnswer, name: string, { amount, date }: Formats): string {
  const { reason, requiredBalance, remaining, nextResetAt } = answer;
  if (reason === "not_included") return `No plan or grant of yours includes ${name}.`;
  if (reason === "usage_limit") return `A usage limit of ${name} is reached.`;
  if (reason === "spend_limit") return `The spend limit of ${name} is reached.`;
  const reset = nextResetAt === null ? "" : ` More comes on ${date(nextResetAt)}.`;
  return `${amount(requiredBalance)} needed, ${amount(remaining)} left.${reset}`;
}
