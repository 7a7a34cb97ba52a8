import {
  defineCatalog,
  feature,
  featureItem,
  item,
  plan,
  priceItem,
  product,
} from "../../../src/client/index.js";

const month = { interval: "month" } as const;

const messages = feature({ id: "messages", name: "Messages", type: "metered", eventNames: ["chat"] });
const words = feature({ id: "words", name: "Words", type: "metered", eventNames: ["chat"] });
const seats = feature({ id: "seats", name: "Seats", type: "metered", consumable: false });
const basic = feature({ id: "basic_model", name: "Basic model", type: "metered" });
const sso = feature({ id: "sso", name: "Single sign-on", type: "boolean" });
const credits = feature({
  id: "credits",
  name: "Credits",
  type: "credit_system",
  creditSchema: [{ meteredFeatureId: "basic_model", creditCost: 0.2 }],
});

const free = plan({
  id: "free",
  name: "Free",
  autoEnable: true,
  items: [
    item({ featureId: "messages", included: 10, reset: month }),
    item({ featureId: "words", included: 100, reset: month }),
    item({ featureId: "credits", included: 1, reset: month }),
    item({ featureId: "seats", included: 3 }),
  ],
});
const pro = plan({
  id: "pro",
  name: "Pro",
  price: { amount: 20, interval: "month" },
  items: [
    item({ featureId: "messages", included: 100, reset: month }),
    item({
      featureId: "words",
      included: 1_000,
      reset: month,
      price: { amount: 0.5, billingUnits: 100, billingMethod: "usage_based", interval: "month" },
    }),
    item({ featureId: "credits", included: 20, reset: month }),
    item({ featureId: "seats", included: 10 }),
    item({ featureId: "sso" }),
  ],
});
const team = plan({
  id: "team",
  name: "Team",
  price: { amount: 50, interval: "month" },
  items: [
    item({ featureId: "messages", included: 500, reset: month }),
    item({
      featureId: "seats",
      included: 5,
      price: { amount: 10, billingMethod: "prepaid", billingUnits: 1, interval: "month" },
    }),
    item({ featureId: "sso" }),
  ],
});
const boost = plan({
  id: "boost",
  name: "Boost",
  addOn: true,
  price: { amount: 5, interval: "month" },
  items: [item({ featureId: "messages", included: 50, reset: month })],
});
const topUp = product({
  id: "top_up",
  name: "Top-up",
  items: [priceItem({ price: 10 }), featureItem({ feature_id: "credits", included_usage: 100 })],
});
const sticker = plan({
  id: "sticker",
  name: "Sticker",
  addOn: true,
  items: [item({ featureId: "messages", included: 3, reset: month })],
});
const gift = product({
  id: "gift",
  name: "Gift",
  items: [priceItem({ price: 0 }), featureItem({ feature_id: "credits", included_usage: 100 })],
});

const starter = plan({
  id: "starter",
  name: "Starter",
  items: [item({ featureId: "messages", included: 25, reset: month })],
});
const trial = plan({
  id: "trial",
  name: "Trial",
  price: { amount: 30, interval: "month" },
  freeTrial: { durationLength: 7, durationType: "day", cardRequired: true },
  items: [item({ featureId: "messages", included: 30, reset: month })],
  archived: true,
});

export const catalog = defineCatalog({
  features: [messages, words, seats, basic, sso, credits],
  plans: [free, pro, team, boost, topUp, starter, trial, sticker, gift],
});
