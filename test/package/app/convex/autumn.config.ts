import { feature, featureItem, priceItem, product } from "convex-tally";

export const messages = feature({
  id: "messages",
  name: "Messages",
  type: "single_use",
});

export const apiCalls = feature({
  id: "api_calls",
  name: "API Calls",
  type: "single_use",
});

export const free = product({
  id: "free",
  name: "Free",
  is_default: true,
  items: [
    featureItem({
      feature_id: messages.id,
      included_usage: 2,
      interval: "month",
    }),
    featureItem({
      feature_id: apiCalls.id,
      included_usage: 1,
      interval: "month",
    }),
  ],
});

export const paid = product({
  id: "paid",
  name: "Paid Plan",
  items: [
    priceItem({ price: 10, interval: "month" }),
    featureItem({
      feature_id: apiCalls.id,
      included_usage: 10_000,
      interval: "month",
    }),
  ],
});
