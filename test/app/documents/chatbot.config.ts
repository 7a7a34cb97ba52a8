/** A chatbot with two models, both paid from one pool of credits in dollars. */
import { feature, item, plan } from "../../../src/client/index.js";

export const messages = feature({ id: "messages", type: "metered", consumable: true });
export const premiumModels = feature({ id: "premium_models", type: "boolean" });
export const basicMessages = feature({ id: "basic_messages", type: "metered", consumable: true });
export const premiumMessages = feature({ id: "premium_messages", type: "metered", consumable: true });
export const dollars = feature({
  id: "dollars",
  type: "credit_system",
  creditSchema: [
    { meteredFeatureId: basicMessages.id, creditAmount: 1, featureAmount: 100 },
    { meteredFeatureId: premiumMessages.id, creditAmount: 10, featureAmount: 100 },
  ],
});

export const free = plan({
  id: "free",
  autoEnable: true,
  items: [
    item({ featureId: messages.id, included: 2, reset: { interval: "month" } }),
    item({ featureId: dollars.id, included: 5, reset: { interval: "month" } }),
  ],
});

export const pro = plan({
  id: "pro",
  price: { amount: 10, interval: "month" },
  items: [
    item({ featureId: messages.id, unlimited: true }),
    item({ featureId: dollars.id, included: 10, reset: { interval: "month" } }),
    item({ featureId: premiumModels.id }),
  ],
});
