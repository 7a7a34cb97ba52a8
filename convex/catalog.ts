import { defineCatalog, feature, featureItem, item, plan, priceItem, product } from "../src/client/index.js";

const messages = feature({ id: "messages", name: "Messages", type: "single_use" });
const tokens = feature({ id: "ai_tokens", name: "AI tokens", type: "single_use" });
const emails = feature({ id: "emails", name: "Emails", type: "single_use" });
const basicModel = feature({ id: "basic_model", name: "Basic model", type: "metered", consumable: true });
const premiumModel = feature({
  id: "premium_model",
  name: "Premium model",
  type: "metered",
  consumable: true,
});
const webSearch = feature({ id: "web_search", name: "Web search", type: "boolean" });
/** In dollars: a basic message costs one cent, a premium one ten. */
const credits = feature({
  id: "credits",
  name: "AI credits",
  type: "credit_system",
  creditSchema: [
    { meteredFeatureId: basicModel.id, creditCost: 0.01 },
    { meteredFeatureId: premiumModel.id, creditCost: 0.1 },
  ],
});

const free = plan({
  id: "free",
  name: "Free",
  autoEnable: true,
  items: [
    item({ featureId: messages.id, included: 5, reset: { interval: "month" } }),
    item({ featureId: tokens.id, included: 2_000, reset: { interval: "month" } }),
    item({ featureId: emails.id, included: 3, reset: { interval: "day" } }),
    item({ featureId: credits.id, included: 0.5, reset: { interval: "month" } }),
  ],
});

const pro = plan({
  id: "pro",
  name: "Pro",
  price: { amount: 20, interval: "month" },
  items: [
    item({ featureId: messages.id, included: 500, reset: { interval: "month" } }),
    item({ featureId: tokens.id, included: 200_000, reset: { interval: "month" } }),
    item({ featureId: emails.id, included: 100, reset: { interval: "day" } }),
    item({
      featureId: credits.id,
      included: 10,
      reset: { interval: "month" },
      rollover: { max: 20, expiryDurationType: "month", expiryDurationLength: 3 },
    }),
    item({ featureId: webSearch.id }),
  ],
});

const studio = plan({
  id: "studio",
  name: "Studio",
  price: { amount: 50, interval: "month" },
  items: [
    item({ featureId: messages.id, included: 2_000, reset: { interval: "month" } }),
    item({ featureId: tokens.id, included: 1_000_000, reset: { interval: "month" } }),
    item({ featureId: emails.id, included: 500, reset: { interval: "day" } }),
    item({ featureId: credits.id, included: 30, reset: { interval: "month" } }),
    item({ featureId: webSearch.id }),
  ],
});

const creditPack = product({
  id: "credit-pack-5",
  name: "$5 of AI credits",
  items: [priceItem({ price: 5 }), featureItem({ feature_id: credits.id, included_usage: 5 })],
});

export const catalog = defineCatalog({
  features: [messages, tokens, emails, basicModel, premiumModel, webSearch, credits],
  plans: [free, pro, studio, creditPack],
});
