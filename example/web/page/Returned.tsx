import { useAction, useQuery } from "convex/react";
import { useEffect, useState } from "react";
import { api } from "../../../convex/_generated/api.js";
import { useScope } from "./account.js";
import { messageOf, moneyOf } from "./formats.js";
import { usePlanNames } from "./planNames.js";
import { cameBackFrom } from "./returns.js";
import { useCustomer } from "./tally.js";

type Status = "open" | "paid" | "failed" | "expired" | "quarantined";

/** What has become of a checkout, for whoever comes back from it: the server knows, and not the address. */
export function Returned() {
  const scope = useScope();
  const { customer } = useCustomer(scope);
  const [from, setFrom] = useState(cameBackFrom);
  const dismiss = () => setFrom(null);
  if (from === null || customer == null || !customer.canManageBilling) return null;
  return (
    <aside className="returned" aria-label="Your purchase">
      {from === "checkout" ? <Outcome /> : <NoPortal />}
      <button type="button" className="button quiet small" onClick={dismiss}>
        Dismiss
      </button>
    </aside>
  );
}

function Outcome() {
  const scope = useScope();
  const nameOf = usePlanNames();
  const purchases = useQuery(api.payments.mine, scope);
  const confirm = useAction(api.payments.confirm);
  const [problem, setProblem] = useState<string>();
  const { workspaceId } = scope;
  // Whoever is back before the provider's webhook need not wait for it.
  useEffect(() => {
    confirm({ workspaceId }).catch((error: unknown) => setProblem(messageOf(error)));
  }, [confirm, workspaceId]);

  const latest = purchases?.find(({ kind }) => kind === "plan" || kind === "top_up");
  if (problem !== undefined) return <p role="alert">{problem}</p>;
  if (latest === undefined) return <p role="status">Looking what has become of it…</p>;
  const status = latest.status as Status;
  const price = moneyOf(latest.amount, latest.currency);
  return (
    <p role={status === "paid" || status === "open" ? "status" : "alert"} data-status={status}>
      <strong>
        {titles[status]}: {nameOf(latest.planId)}, {price}.
      </strong>{" "}
      {words[status]}
    </p>
  );
}

const titles: Record<Status, string> = {
  open: "Not paid yet",
  paid: "Paid",
  failed: "Declined",
  expired: "Not bought",
  quarantined: "Being looked at",
};

const words: Record<Status, string> = {
  open: "Nothing is charged until you pay. If you have paid just now, this changes by itself.",
  paid: "It is on your account, in every tab.",
  failed: "Nothing was charged, and your account is as it was. You can try again.",
  expired: "You left before paying. Nothing was charged, and your account is as it was.",
  quarantined: "It was paid otherwise than expected, so nothing is credited until somebody has looked at it.",
};

function NoPortal() {
  return (
    <p role="status">
      Here a payment provider would show your invoices and cards. The demo’s has none, and sent you back.
    </p>
  );
}
