import { useMutation } from "convex/react";
import { useState } from "react";
import { api } from "../../../convex/_generated/api.js";
import { useScope } from "./account.js";
import { dayOf, messageOf } from "./formats.js";
import { StandIn } from "./OutOf.js";
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
            ? `For ${customer.name ?? "your account"}. Changes take effect at once, and usage is never lost by them.`
            : `${customer.name ?? "This workspace"} is managed by its owners: they buy, change and cancel.`}
      </p>
      <StandIn />
      <CurrentPlan />
      <PricingTable
        scope={scope}
        className="pricing"
        locale="en"
        loading={<p role="status">Loading the plans…</p>}
      >
        {({ plan, change, price, items, action }) => (
          <article className="plan" data-change={change}>
            <h2>{plan.name}</h2>
            <p className="plan-price">{plan.price === null ? "No charge" : price}</p>
            <ul>
              {items.map(({ item, text }) => (
                <li key={item.featureId}>{text}</li>
              ))}
            </ul>
            <div className="plan-action">{action}</div>
          </article>
        )}
      </PricingTable>
    </main>
  );
}

/** The plan that is paid for, and its way out. */
function CurrentPlan() {
  const scope = useScope();
  const { customer } = useCustomer(scope);
  const cancel = useMutation(api.store.cancel);
  const resume = useMutation(api.store.resume);
  const [problem, setProblem] = useState<string>();
  const paid = customer?.products.find(
    ({ id, is_add_on, status }) => !is_add_on && id !== "free" && status !== "scheduled",
  );
  if (customer == null || paid === undefined) return null;
  const change = async (send: typeof cancel) => {
    setProblem(undefined);
    try {
      await send({ ...scope, planId: paid.id });
    } catch (error) {
      setProblem(messageOf(error));
    }
  };
  const endsAt = paid.canceled_at;
  return (
    <section className="current-plan" aria-label="Current plan">
      <p>
        <strong>{paid.name}</strong>{" "}
        {endsAt === null ? "renews each month." : `ends on ${dayOf(endsAt)}; the Free plan follows.`}
      </p>
      {customer.canManageBilling && (
        <button
          type="button"
          className="button"
          onClick={() => void change(endsAt === null ? cancel : resume)}
        >
          {endsAt === null ? "Cancel plan" : "Keep plan"}
        </button>
      )}
      {problem !== undefined && (
        <p className="problem" role="alert">
          {problem}
        </p>
      )}
    </section>
  );
}
