import { useId } from "react";
import type { FeatureBalance } from "../../../src/react/index.js";
import { useScope } from "./account.js";
import { amountOf, dayOf } from "./formats.js";
import { BalanceBreakdown, useBalance, UsageMeter } from "./tally.js";

type MeteredId = "messages" | "ai_tokens" | "credits";

/** How much is left; `pending` is what is about to be used. */
export function Meter({ featureId, pending = 0 }: { featureId: MeteredId; pending?: number }) {
  const scope = useScope();
  return (
    <UsageMeter featureId={featureId} scope={scope} className="meter" loading={<MeterSkeleton />}>
      {(balance, { percent }) => <Reading balance={balance} percent={percent} pending={pending} />}
    </UsageMeter>
  );
}

function Reading({
  balance,
  percent,
  pending,
}: {
  balance: FeatureBalance;
  percent: number;
  pending: number;
}) {
  const labelId = useId();
  const { featureId, name, remaining, granted, usage, nextResetAt } = balance;
  const left = `${amountOf(featureId, remaining)} of ${amountOf(featureId, granted)} left`;
  const resets = nextResetAt === null ? "" : `Resets ${dayOf(nextResetAt)}`;
  const ahead = granted > 0 ? Math.min((100 * Math.min(pending, remaining)) / granted, 100 - percent) : 0;
  return (
    <>
      <div className="meter-head">
        <span id={labelId} className="meter-name">
          {name}
        </span>
        <span className="meter-left" aria-hidden>
          <strong>{amountOf(featureId, remaining)}</strong> of {amountOf(featureId, granted)}
          <span className="meter-word"> left</span>
        </span>
      </div>
      <div
        role="meter"
        className="meter-track"
        aria-labelledby={labelId}
        aria-valuemin={0}
        aria-valuemax={granted}
        aria-valuenow={Math.min(Math.max(usage, 0), granted)}
        aria-valuetext={`${left}. ${resets}`}
      >
        <div className="meter-used" style={{ width: `${percent}%` }} />
        <div className="meter-pending" style={{ width: `${ahead}%` }} />
      </div>
      <span className="meter-reset" aria-hidden>
        {resets}
      </span>
    </>
  );
}

function MeterSkeleton() {
  return (
    <>
      <div className="meter-head">
        <span className="skeleton" style={{ width: "6rem" }} />
      </div>
      <div className="meter-track" />
      <span className="meter-reset">&nbsp;</span>
    </>
  );
}

/** What the credits are made of: those of the plan, those that were bought, those that are left over. */
export function CreditGrants() {
  const scope = useScope();
  const balance = useBalance("credits", scope);
  // The meter above has said all of a single one.
  if (balance == null || balance.breakdown.length < 2) return null;
  return (
    <BalanceBreakdown featureId="credits" scope={scope} className="grants">
      {({ name, remaining, granted, nextResetAt, expiresAt }) => (
        <>
          <span className="grant-name">{name}</span>
          <span className="grant-left">
            {amountOf("credits", remaining)} of {amountOf("credits", granted)}
          </span>
          <span className="grant-until">
            {nextResetAt !== undefined
              ? `resets ${dayOf(nextResetAt)}`
              : expiresAt !== undefined
                ? `expires ${dayOf(expiresAt)}`
                : "never expires"}
          </span>
        </>
      )}
    </BalanceBreakdown>
  );
}
