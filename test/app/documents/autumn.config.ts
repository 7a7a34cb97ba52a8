/** A starter's plans in the older vocabulary: usage that comes back each month, and a pack that stays. */
import { feature, featureItem, pricedFeatureItem, priceItem, product } from "../../../src/client/index.js";

export const apiCalls = feature({ id: "api_calls", name: "API calls", type: "single_use" });
export const aiTokens = feature({ id: "ai_tokens", name: "AI tokens", type: "single_use" });
export const emails = feature({ id: "emails", name: "Emails", type: "single_use" });

export const hobby = product({
  id: "hobby",
  name: "Hobby",
  is_default: true,
  items: [
    featureItem({ feature_id: apiCalls.id, included_usage: 3, interval: "month" }),
    featureItem({ feature_id: aiTokens.id, included_usage: 100, interval: "month" }),
    featureItem({ feature_id: emails.id, included_usage: 2, interval: "month" }),
  ],
});

export const paid = product({
  id: "paid",
  name: "Paid",
  items: [
    priceItem({ price: 10, interval: "month" }),
    featureItem({ feature_id: apiCalls.id, included_usage: 10_000, interval: "month" }),
    featureItem({ feature_id: aiTokens.id, included_usage: 50_000, interval: "month" }),
  ],
});

export const payAsYouGo = product({
  id: "pay-as-you-go",
  name: "Paid, with overage",
  items: [
    priceItem({ price: 10, interval: "month" }),
    pricedFeatureItem({
      feature_id: apiCalls.id,
      included_usage: 10_000,
      interval: "month",
      price: 1,
      billing_units: 1_000,
      usage_model: "pay_per_use",
    }),
  ],
});

export const callPack = product({
  id: "call-pack",
  name: "1,000 API calls",
  items: [priceItem({ price: 5 }), featureItem({ feature_id: apiCalls.id, included_usage: 1_000 })],
});
