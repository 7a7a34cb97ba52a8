/** What the documents of the peers speak of, by their ids. */
import {
  defineCatalog,
  feature,
  featureItem,
  item,
  plan,
  priceItem,
  product,
} from "../../../../src/client/index.js";

const month = { interval: "month" } as const;

const messages = feature({ id: "messages", name: "Messages", type: "metered", eventNames: ["message_sent"] });
const apiCalls = feature({ id: "api_calls", name: "API calls", type: "single_use" });
const seats = feature({ id: "seats", name: "Seats", type: "continuous_use" });
const premiumModels = feature({ id: "premium_models", name: "Premium models", type: "boolean" });
const basic = feature({ id: "basic_messages", name: "Basic messages", type: "metered" });
const premium = feature({ id: "premium_messages", name: "Premium messages", type: "metered" });
const credits = feature({
  id: "usd_credits",
  name: "Credits",
  type: "credit_system",
  creditSchema: [
    { meteredFeatureId: basic.id, creditCost: 0.01 },
    { meteredFeatureId: premium.id, creditCost: 0.1 },
  ],
});

const free = plan({
  id: "free",
  name: "Free",
  autoEnable: true,
  items: [
    item({ featureId: messages.id, included: 100, reset: month }),
    item({ featureId: apiCalls.id, included: 50, reset: month }),
    item({ featureId: credits.id, included: 5, reset: month }),
    item({ featureId: seats.id, included: 3 }),
  ],
});
const pro = plan({
  id: "pro",
  name: "Pro",
  price: { amount: 10, interval: "month" },
  items: [
    item({ featureId: messages.id, included: 1000, reset: month }),
    item({ featureId: credits.id, included: 10, reset: month }),
    item({ featureId: seats.id, included: 3 }),
    item({ featureId: premiumModels.id }),
  ],
});
const team = plan({
  id: "team",
  name: "Team",
  price: { amount: 50, interval: "month" },
  items: [
    item({ featureId: messages.id, included: 5000, reset: month }),
    item({
      featureId: seats.id,
      included: 5,
      price: { amount: 10, billingMethod: "prepaid", billingUnits: 1, interval: "month" },
    }),
  ],
});
const extra = plan({
  id: "extra",
  name: "Extra",
  addOn: true,
  items: [item({ featureId: messages.id, included: 10, reset: month })],
});
const pack = product({
  id: "api-call-pack-1000",
  name: "1,000 API Calls",
  items: [priceItem({ price: 5 }), featureItem({ feature_id: apiCalls.id, included_usage: 1_000 })],
});

export const catalog = defineCatalog({
  features: [messages, apiCalls, seats, premiumModels, basic, premium, credits],
  plans: [free, pro, team, extra, pack],
});
