import { useScope } from "./account.js";
import type { MissingFeature } from "./Chat.js";
import { dayOf } from "./formats.js";
import { Offer } from "./Offer.js";
import { backFrom } from "./returns.js";
import { Paywall, useCustomer } from "./tally.js";

/** `pays` is the feature of which an offer has more. */
const words: Record<MissingFeature, { title: string; needed: number; pays: string }> = {
  messages: { title: "You have used all your messages", needed: 1, pays: "messages" },
  ai_tokens: { title: "Not enough AI tokens for an answer", needed: 20, pays: "ai_tokens" },
  premium_model: { title: "Not enough AI credits for the premium model", needed: 0.4, pays: "credits" },
};

/** What a refused message offers: the day on which it goes on, and what would let it go on now. */
export function OutOf({ featureId, model }: { featureId: MissingFeature; model: string }) {
  const scope = useScope();
  const { customer } = useCustomer(scope);
  const { title, needed, pays } = words[featureId];
  return (
    <Paywall
      featureId={featureId}
      requiredBalance={needed}
      scope={scope}
      className="paywall"
      successUrl={backFrom("checkout")}
    >
      {({ answer, plans }) => (
        <>
          <div role="alert">
            <h2>{title}</h2>
            <p>
              {answer.nextResetAt !== null && `More comes on ${dayOf(answer.nextResetAt)}. `}
              {customer?.canManageBilling
                ? "To go on now:"
                : `Only an owner of this workspace can buy more${model === "premium" ? " credits" : ""}.`}
            </p>
          </div>
          {customer?.canManageBilling && (
            <>
              <ul className="offers">
                {plans.map((offer) => (
                  <li key={offer.plan.id}>
                    <div>
                      <strong>{offer.plan.name}</strong> <span className="offer-price">{offer.price}</span>
                      <p>
                        {offer.items
                          .filter(({ item }) => item.featureId === pays)
                          .map(({ text }) => text)
                          .join(", ")}
                      </p>
                    </div>
                    <Offer offer={offer} />
                  </li>
                ))}
              </ul>
              <DemoPayments />
            </>
          )}
        </>
      )}
    </Paywall>
  );
}

/** Nobody is to think that this is a real one. */
export function DemoPayments() {
  return (
    <p className="demo-payments">
      <span className="badge">Demo</span> Payments are played: no money moves, and no card is asked for.
    </p>
  );
}
