import { useAction, useQuery } from "convex/react";
import type { FunctionReturnType } from "convex/server";
import { useState } from "react";
import { api } from "../../../convex/_generated/api.js";
import type { OfferView } from "../../../src/react/index.js";
import { useScope } from "./account.js";
import { dayOf, dollarsOf, messageOf, momentOf, moneyOf } from "./formats.js";
import { usePlanNames } from "./planNames.js";
import { backFrom } from "./returns.js";
import { DemoPayments } from "./OutOf.js";
import { PricingTable, useCheckout, useCustomer } from "./tally.js";

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
              <Action offer={offer} />
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

/** What the provider bills. */
function usePaidPlan() {
  const { customer } = useCustomer(useScope());
  return customer?.subscriptions.find(
    ({ addOn, planId, status }) => !addOn && planId !== "free" && status !== "scheduled",
  );
}

/** A first plan and a top-up are bought at the checkout; a change of a plan that is paid is shown before it is made. */
function Action({ offer }: { offer: OfferView }) {
  const { customer } = useCustomer(useScope());
  const paid = usePaidPlan();
  const { plan, change, action } = offer;
  const scheduled = customer?.subscriptions.find(
    ({ planId, status }) => planId === plan.id && status === "scheduled",
  );
  if (scheduled !== undefined) return <span className="begins">Begins on {dayOf(scheduled.startsAt)}</span>;
  const isChange = change === "upgrade" || change === "downgrade" || change === "switch";
  if (paid === undefined || !isChange || !customer?.canManageBilling) return action;
  return <ChangePlan planId={plan.id} name={plan.name} change={change} />;
}

type Preview = FunctionReturnType<typeof api.payments.preview>;

interface ChangePlanProps {
  planId: string;
  name: string;
  change: "upgrade" | "downgrade" | "switch";
}

function ChangePlan({ planId, name, change }: ChangePlanProps) {
  const scope = useScope();
  const previewOf = useAction(api.payments.preview);
  const { checkout } = useCheckout(scope);
  const [preview, setPreview] = useState<Preview>();
  const [problem, setProblem] = useState<string>();
  const [pending, setPending] = useState(false);
  const perform = async (deed: () => Promise<void>) => {
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
  const show = () => perform(async () => setPreview(await previewOf({ ...scope, planId })));
  const confirm = () =>
    perform(async () => {
      await checkout({ planId, successUrl: backFrom("checkout") });
      setPreview(undefined);
    });
  return (
    <>
      {preview === undefined ? (
        <button type="button" className="button" aria-disabled={pending} onClick={() => void show()}>
          {labels[change]} <span className="visually-hidden">{name}</span>
        </button>
      ) : (
        <div className="preview" role="group" aria-label={`What changes with ${name}`}>
          <PreviewView preview={preview} />
          <div className="preview-actions">
            <button
              type="button"
              className="button primary"
              aria-disabled={pending}
              onClick={() => void confirm()}
            >
              {preview.total > 0 ? `Pay ${dollarsOf(preview.total)}` : "Confirm"}
            </button>
            <button type="button" className="button" onClick={() => setPreview(undefined)}>
              Not now
            </button>
          </div>
        </div>
      )}
      {problem !== undefined && (
        <p className="problem" role="alert">
          {problem}
        </p>
      )}
    </>
  );
}

const labels = { upgrade: "Upgrade", downgrade: "Downgrade", switch: "Switch" } as const;

function PreviewView({ preview: { lines, total, when, startsAt, next } }: { preview: Preview }) {
  return (
    <>
      {when === "period_end" ? (
        <p>Begins on {dayOf(startsAt)}, when what is paid is over. Nothing is charged now.</p>
      ) : (
        <dl>
          {lines.map(({ name, amount }) => (
            <div key={name}>
              <dt>{name}</dt>
              <dd>{dollarsOf(amount)}</dd>
            </div>
          ))}
          <div className="preview-total">
            <dt>Today</dt>
            <dd>{dollarsOf(total)}</dd>
          </div>
        </dl>
      )}
      {next !== null && (
        <p>
          Then {dollarsOf(next.total)} each month, from {dayOf(next.at)}.
        </p>
      )}
    </>
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
              {statuses[status] ?? status}
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
