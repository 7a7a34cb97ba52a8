import { useAction, useQuery } from "convex/react";
import { useState } from "react";
import { api } from "../../../convex/_generated/api.js";
import { useScope } from "./account.js";
import { dayOf, messageOf, momentOf, moneyOf } from "./formats.js";
import { Offer, usePaidPlan } from "./Offer.js";
import { usePlanNames } from "./planNames.js";
import { backFrom } from "./returns.js";
import { DemoPayments } from "./OutOf.js";
import { PricingTable, useCustomer } from "./tally.js";

export function Plans() {
  const scope = useScope();
  const { customer } = useCustomer(scope);
  return (
    <main id="main" className="plans-page" tabIndex={0}>
      <h1>Plans and credits</h1>
      <p className="lead">
        {customer === undefined || customer === null
          ? "\u00a0"
          : customer.canManageBilling
            ? `For ${customer.name ?? "your account"}. What costs more begins at once, what costs less with the next period; usage is never lost.`
            : `${customer.name ?? "This workspace"} is managed by its owners: they buy, change and cancel.`}
      </p>
      <DemoPayments />
      <CurrentPlan />
      <PricingTable
        scope={scope}
        className="pricing"
        locale="en"
        successUrl={backFrom("checkout")}
        loading={<p role="status">Loading the plans…</p>}
      >
        {(offer) => (
          <article className="plan" data-change={offer.change}>
            <h2>{offer.plan.name}</h2>
            <p className="plan-price">{offer.plan.price === null ? "No charge" : offer.price}</p>
            <ul>
              {offer.items.map(({ item, text }) => (
                <li key={item.featureId}>{text}</li>
              ))}
            </ul>
            <div className="plan-action">
              <Offer offer={offer} />
            </div>
          </article>
        )}
      </PricingTable>
      {customer?.canManageBilling && <Purchases />}
    </main>
  );
}

/** The plan that is paid for, and its way out. */
function CurrentPlan() {
  const scope = useScope();
  const { customer } = useCustomer(scope);
  const cancel = useAction(api.payments.cancel);
  const resume = useAction(api.payments.resume);
  const portal = useAction(api.payments.portal);
  const [problem, setProblem] = useState<string>();
  const [pending, setPending] = useState(false);
  const paid = usePaidPlan();
  const nameOf = usePlanNames();
  if (customer == null || paid === undefined) return null;
  const { planId, status, endsAt, paidUntil } = paid;
  const follows = customer.subscriptions.find(
    ({ status, group }) => status === "scheduled" && group === paid.group,
  );
  const perform = async (deed: () => Promise<unknown>) => {
    if (pending) return;
    setProblem(undefined);
    setPending(true);
    try {
      await deed();
    } catch (error) {
      setProblem(messageOf(error));
    }
    setPending(false);
  };
  const change = () => perform(() => (endsAt === undefined ? cancel : resume)({ ...scope, planId }));
  const leave = () =>
    perform(async () => {
      const { url } = await portal({ ...scope, returnUrl: backFrom("portal") });
      window.location.assign(url);
    });
  return (
    <section className="current-plan" aria-label="Current plan">
      <p>
        <strong>{nameOf(planId)}</strong>{" "}
        {status === "past_due"
          ? `was to be paid again${paidUntil === undefined ? "" : ` on ${dayOf(paidUntil)}`}, and was not.`
          : endsAt !== undefined
            ? `ends on ${dayOf(endsAt)}; ${nameOf(follows?.planId ?? "free")} follows.`
            : `renews each month${paidUntil === undefined ? "" : `, next on ${dayOf(paidUntil)}`}.`}
      </p>
      {customer.canManageBilling && (
        <div className="current-plan-actions">
          <button type="button" className="button" aria-disabled={pending} onClick={() => void leave()}>
            Invoices and cards
          </button>
          <button type="button" className="button" aria-disabled={pending} onClick={() => void change()}>
            {endsAt === undefined ? "Cancel plan" : "Keep plan"}
          </button>
        </div>
      )}
      {problem !== undefined && (
        <p className="problem" role="alert">
          {problem}
        </p>
      )}
    </section>
  );
}

/** What was bought, and what was not. */
function Purchases() {
  const purchases = useQuery(api.payments.mine, useScope());
  const nameOf = usePlanNames();
  if (purchases === undefined || purchases.length === 0) return null;
  return (
    <section className="purchases" aria-labelledby="purchases">
      <h2 id="purchases">Purchases</h2>
      <ul>
        {purchases.map(({ purchaseId, createdAt, planId, kind, status, amount, currency }) => (
          <li key={purchaseId}>
            <span className="purchase-name">
              {nameOf(planId)}
              {kind === "change" && <span className="purchase-kind"> (change of plan)</span>}
            </span>
            <span className="purchase-status" data-status={status}>
              {status === "paid" && amount === 0 ? "Done" : (statuses[status] ?? status)}
            </span>
            <span className="purchase-price">{moneyOf(amount, currency)}</span>
            <time dateTime={new Date(createdAt).toISOString()}>{momentOf(createdAt)}</time>
          </li>
        ))}
      </ul>
    </section>
  );
}

const statuses: Record<string, string> = {
  open: "Not paid yet",
  paid: "Paid",
  failed: "Declined",
  expired: "Abandoned",
  quarantined: "Being looked at",
};
