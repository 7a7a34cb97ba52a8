import type { ReactNode } from "react";
import type { Account } from "./account.js";
import type { BalanceBreakdownProps, GrantView } from "./components.js";
import { grantText, useFormats, type GrantPart } from "./formats.js";
import type { Inside } from "./hooks.js";
import type { AnyScope } from "./references.js";

export function balanceBreakdown({ useShown }: Inside) {
  return function BalanceBreakdown(props: BalanceBreakdownProps<string, AnyScope>): ReactNode {
    const { featureId, scope, className, locale, empty, loading, children } = props;
    const shown = useShown(scope);
    const formats = useFormats(locale);
    if (shown === null) return null;
    const common = { className, "data-tally": "balance-breakdown" };
    if (shown === undefined) {
      return (
        <div {...common} data-state="loading" aria-busy>
          {loading}
        </div>
      );
    }

    const { account, at } = shown;
    const balance = account.balance(featureId, at);
    const grants = balance.breakdown.map((part) => ({
      ...part,
      name: nameOf(part, account),
      text: grantText(part, formats),
    }));
    if (grants.length === 0) {
      return (
        <p {...common} data-state="empty">
          {empty ?? `No ${balance.name}`}
        </p>
      );
    }
    const rendered = children ?? defaultGrant(account, featureId);
    return (
      <ul {...common} aria-label={balance.name}>
        {grants.map((grant) => (
          <li key={grant.grantId} data-part="grant" data-feature={grant.featureId}>
            {rendered(grant)}
          </li>
        ))}
      </ul>
    );
  };
}

function nameOf({ planId, rollover }: GrantPart, account: Account): string {
  if (planId === undefined) return "Extra";
  const name = account.planName(planId);
  return rollover ? `${name}, left over` : name;
}

/** A grant of credits says so: its amounts are not in the unit of the feature. */
const defaultGrant =
  (account: Account, featureId: string) =>
  (grant: GrantView): ReactNode => (
    <>
      <span data-part="name">
        {grant.name}
        {grant.featureId !== featureId && ` (${account.feature(grant.featureId).name})`}
      </span>
      {": "}
      <span data-part="text">{grant.text}</span>
    </>
  );
