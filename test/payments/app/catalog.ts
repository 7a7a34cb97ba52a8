import {
  defineCatalog,
  feature,
  featureItem,
  item,
  plan,
  priceItem,
  product,
} from "../../../src/client/index.js";

const messages = feature({ id: "messages", name: "Messages", type: "metered" });
const seats = feature({ id: "seats", name: "Seats", type: "metered", consumable: false });
const calls = feature({ id: "api_calls", name: "API calls", type: "single_use" });
const sso = feature({ id: "sso", name: "Single sign-on", type: "boolean" });
const month = { interval: "month" } as const;

const free = plan({
  id: "free",
  autoEnable: true,
  items: [item({ featureId: "messages", included: 10, reset: month })],
});
const pro = plan({
  id: "pro",
  name: "Pro",
  price: { amount: 20, interval: "month" },
  items: [item({ featureId: "messages", included: 100, reset: month }), item({ featureId: "sso" })],
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
  ],
});
const yearly = plan({
  id: "pro_yearly",
  name: "Pro, yearly",
  price: { amount: 200, interval: "year" },
  items: [item({ featureId: "messages", included: 100, reset: month })],
});
const tried = plan({
  id: "tried",
  name: "Tried",
  group: "tried",
  price: { amount: 30, interval: "month" },
  freeTrial: { durationLength: 14, durationType: "day", cardRequired: true },
  items: [item({ featureId: "messages", included: 50, reset: month })],
});
const linked = plan({
  id: "linked",
  name: "Linked",
  group: "linked",
  price: { amount: 12, interval: "month" },
  stripe: { priceId: "price_linked" },
  items: [item({ featureId: "messages", included: 1, reset: month })],
});
const addOn = plan({
  id: "boost",
  name: "Boost",
  addOn: true,
  price: { amount: 5, interval: "month" },
  items: [item({ featureId: "messages", included: 50, reset: month })],
});
const freeAddOn = plan({
  id: "sticker",
  addOn: true,
  items: [item({ featureId: "messages", included: 3, reset: month })],
});
const metered = plan({
  id: "metered",
  group: "metered",
  items: [
    item({
      featureId: "messages",
      included: 0,
      price: { amount: 1, billingMethod: "usage_based", interval: "month" },
    }),
  ],
});
/** A thousandth of a dollar for each. */
const pennies = plan({
  id: "pennies",
  group: "pennies",
  items: [
    item({
      featureId: "api_calls",
      included: 0,
      price: { amount: 0.001, billingMethod: "usage_based", interval: "month" },
    }),
  ],
});
/** Seed 004, as it is published. */
const apiCallPack = product({
  id: "api-call-pack-1000",
  name: "1,000 API Calls",
  items: [priceItem({ price: 5 }), featureItem({ feature_id: calls.id, included_usage: 1_000 })],
});
const gift = product({
  id: "gift",
  items: [priceItem({ price: 0 }), featureItem({ feature_id: calls.id, included_usage: 1_000 })],
});
const retired = plan({ id: "retired", archived: true, price: { amount: 1, interval: "month" }, items: [] });

export const catalog = defineCatalog({
  features: [messages, seats, calls, sso],
  plans: [
    free,
    pro,
    team,
    yearly,
    tried,
    linked,
    addOn,
    freeAddOn,
    metered,
    pennies,
    apiCallPack,
    gift,
    retired,
  ],
});
