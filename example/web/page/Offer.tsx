import { useAction } from "convex/react";
import type { FunctionReturnType } from "convex/server";
import { useEffect, useId, useRef, useState } from "react";
import { api } from "../../../convex/_generated/api.js";
import type { OfferView } from "../../../src/react/index.js";
import { useScope } from "./account.js";
import { dayOf, dollarsOf, messageOf } from "./formats.js";
import { backFrom } from "./returns.js";
import { useCheckout, useCustomer } from "./tally.js";

/** What the provider bills. */
export function usePaidPlan() {
  const { customer } = useCustomer(useScope());
  return customer?.subscriptions.find(
    ({ addOn, planId, status }) => !addOn && planId !== "free" && status !== "scheduled",
  );
}

/** A first plan and a top-up are bought at the checkout; a change of a plan that is paid is shown before it is made. */
export function Offer({ offer }: { offer: OfferView }) {
  const { customer } = useCustomer(useScope());
  const paid = usePaidPlan();
  const { plan, change, action } = offer;
  const scheduled = customer?.subscriptions.find(
    ({ planId, status }) => planId === plan.id && status === "scheduled",
  );
  if (scheduled !== undefined) return <span className="begins">From {dayOf(scheduled.startsAt)}</span>;
  const isChange = change === "upgrade" || change === "downgrade" || change === "switch";
  if (paid === undefined || !isChange || !customer?.canManageBilling) return action;
  return <ChangePlan planId={plan.id} name={plan.name} change={change} />;
}

interface ChangePlanProps {
  planId: string;
  name: string;
  change: "upgrade" | "downgrade" | "switch";
}

function ChangePlan({ planId, name, change }: ChangePlanProps) {
  const scope = useScope();
  const previewOf = useAction(api.payments.preview);
  const [preview, setPreview] = useState<Preview>();
  const [problem, setProblem] = useState<string>();
  const [pending, setPending] = useState(false);
  const show = async () => {
    if (pending) return;
    setProblem(undefined);
    setPending(true);
    try {
      setPreview(await previewOf({ ...scope, planId }));
    } catch (error) {
      setProblem(messageOf(error));
    }
    setPending(false);
  };
  return (
    <>
      <button type="button" className="button" aria-disabled={pending} onClick={() => void show()}>
        {labels[change]} <span className="visually-hidden">{name}</span>
      </button>
      {problem !== undefined && (
        <p className="problem" role="alert">
          {problem}
        </p>
      )}
      {preview !== undefined && (
        <Confirmation
          {...{ planId, preview }}
          title={`${labels[change]} to ${name}`}
          onClose={() => setPreview(undefined)}
        />
      )}
    </>
  );
}

const labels = { upgrade: "Upgrade", downgrade: "Downgrade", switch: "Switch" } as const;

type Preview = FunctionReturnType<typeof api.payments.preview>;

interface ConfirmationProps {
  planId: string;
  title: string;
  preview: Preview;
  onClose: () => void;
}

/** What is paid, before it is. */
function Confirmation({ planId, title, preview, onClose }: ConfirmationProps) {
  const { checkout, pending } = useCheckout(useScope());
  const [problem, setProblem] = useState<string>();
  const dialog = useRef<HTMLDialogElement>(null);
  const titleId = useId();
  useEffect(() => dialog.current?.showModal(), []);
  const confirm = async () => {
    try {
      await checkout({ planId, successUrl: backFrom("checkout") });
      onClose();
    } catch (error) {
      setProblem(messageOf(error));
    }
  };
  return (
    <dialog ref={dialog} className="confirmation" aria-labelledby={titleId} onClose={onClose}>
      <h2 id={titleId}>{title}</h2>
      <Lines preview={preview} />
      {problem !== undefined && (
        <p className="problem" role="alert">
          {problem}
        </p>
      )}
      <div className="confirmation-actions">
        <button
          type="button"
          className="button primary"
          aria-disabled={pending}
          onClick={() => void confirm()}
        >
          {preview.total > 0 ? `Pay ${dollarsOf(preview.total)}` : "Confirm"}
        </button>
        <button type="button" className="button" onClick={onClose}>
          Not now
        </button>
      </div>
    </dialog>
  );
}

function Lines({ preview: { lines, total, when, startsAt, next } }: { preview: Preview }) {
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
          <div className="confirmation-total">
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
