import { useQuery } from "convex/react";
import type { FunctionReturnType } from "convex/server";
import { useState } from "react";
import { api } from "../../../convex/_generated/api.js";
import { momentOf, moneyOf } from "./formats.js";

type Purchase = FunctionReturnType<typeof api.operator.purchases>["page"][number];

/** What a customer has bought or tried to, for the operator. */
export function PurchasePage({ customerId, cursor }: { customerId: string; cursor: string | null }) {
  const [more, showMore] = useState(false);
  const found = useQuery(api.operator.purchases, { customerId, cursor });
  if (found === undefined) return <p role="status">Loading…</p>;
  if (found.page.length === 0 && cursor === null) return <p className="none">Nothing was bought.</p>;
  return (
    <>
      <PurchaseList purchases={found.page} />
      {found.cursor !== null && !more && <More onClick={() => showMore(true)} />}
      {found.cursor !== null && more && <PurchasePage customerId={customerId} cursor={found.cursor} />}
    </>
  );
}

/** What was paid otherwise than expected, by whomever: it waits for somebody to look at it. */
export function QuarantinePage({
  cursor,
  onChoose,
}: {
  cursor: string | null;
  onChoose: (id: string) => void;
}) {
  const [more, showMore] = useState(false);
  const found = useQuery(api.operator.quarantined, { cursor });
  if (found === undefined) return <p role="status">Loading…</p>;
  if (found.page.length === 0 && cursor === null)
    return <p className="none">No payment waits to be looked at.</p>;
  return (
    <>
      <PurchaseList purchases={found.page} onChoose={onChoose} />
      {found.cursor !== null && !more && <More onClick={() => showMore(true)} />}
      {found.cursor !== null && more && <QuarantinePage cursor={found.cursor} onChoose={onChoose} />}
    </>
  );
}

function More({ onClick }: { onClick: () => void }) {
  return (
    <button type="button" className="button" onClick={onClick}>
      Load more
    </button>
  );
}

function PurchaseList({ purchases, onChoose }: { purchases: Purchase[]; onChoose?: (id: string) => void }) {
  return (
    <ul className="purchase-list">
      {purchases.map((purchase) => (
        <li key={purchase.purchaseId} data-status={purchase.status}>
          <PurchaseView purchase={purchase} onChoose={onChoose} />
        </li>
      ))}
    </ul>
  );
}

function PurchaseView({ purchase, onChoose }: { purchase: Purchase; onChoose?: (id: string) => void }) {
  const { customerId, planId, kind, status, amount, currency, paid, createdAt, problem } = purchase;
  const { paidCurrency = currency, returned = 0, paymentId, provider } = purchase;
  return (
    <>
      <div className="purchase-line">
        <span className="badge" data-status={status}>
          {status}
        </span>
        <strong>{planId}</strong> <span className="purchase-kind">{kind.replace("_", "-")}</span>
        <span className="purchase-price">
          {paid === undefined ? `${moneyOf(amount, currency)} asked` : `${moneyOf(paid, paidCurrency)} paid`}
          {returned > 0 && ` · ${moneyOf(returned, paidCurrency)} returned`}
        </span>
        <time dateTime={new Date(createdAt).toISOString()}>{momentOf(createdAt)}</time>
      </div>
      {problem !== undefined && <p className="problem">{problem}</p>}
      <p className="mono">
        {provider}
        {paymentId !== undefined && ` · ${paymentId}`}
        {onChoose !== undefined && (
          <>
            {" · "}
            <button type="button" className="link" onClick={() => onChoose(customerId)}>
              {customerId}
            </button>
          </>
        )}
      </p>
    </>
  );
}
