/** What a run's app sells: made up anew for each, around one of several themes. */
import type { Chance } from "./chance.js";
import type { Every } from "./model/calendar.js";
import type { Feature, Item, Plan, Price, Rollover, Terms } from "./terms.js";

export const THEMES = [
  "plain",
  "credits",
  "rollovers",
  "usage-based",
  "entities",
  "debts",
  "prepaid",
  "all",
] as const;
export type Theme = (typeof THEMES)[number];

const MONTH: Every = { interval: "month", count: 1 };

export function madeUp(chance: Chance): { theme: Theme; terms: Terms } {
  const theme = chance.pick(THEMES);
  const features = featuresOf(chance, theme);
  const item = (feature: Feature, size: number) => itemOf(chance, theme, feature, size);
  const items = (size: number) => chance.some(features, 0.75).flatMap((feature) => item(feature, size));
  const withMessages = (size: number) => {
    const others = items(size).filter(({ feature }) => feature !== "messages");
    const [messages] = features;
    return messages === undefined ? others : [...item(messages, size), ...others];
  };
  const plans: Plan[] = [
    { id: "free", group: "main", isDefault: true, items: withMessages(6) },
    { id: "hobby", group: "main", items: withMessages(8) },
    { id: "pro", group: "main", price: { amount: 20, every: MONTH }, items: withMessages(16) },
    {
      id: "max",
      group: "main",
      price: { amount: 50, every: chance.pick([MONTH, { interval: "year", count: 1 }]) },
      items: withMessages(30),
    },
    { id: "extra", group: "main", addOn: true, price: { amount: 5, every: MONTH }, items: items(5) },
    { id: "other", group: "side", price: { amount: 9, every: MONTH }, items: items(10) },
    {
      id: "pack",
      group: "packs",
      price: { amount: 7 },
      items: features.flatMap((each) => packOf(chance, each)),
    },
  ];
  return { theme, terms: { features, plans: plans.filter((plan) => plan.items.length > 0) } };
}

function featuresOf(chance: Chance, theme: Theme): Feature[] {
  const features: Feature[] = [{ id: "messages", kind: "consumable", events: ["chat"] }];
  if (theme !== "rollovers") features.push({ id: "tokens", kind: "consumable", events: ["chat", "draft"] });
  if (theme === "entities" || theme === "all" || theme === "plain")
    features.push({ id: "seats", kind: "held" });
  if (theme === "plain") features.push({ id: "sso", kind: "boolean" });
  if (theme === "credits" || theme === "all") {
    const cost = (feature: string) => ({
      feature,
      ...chance.pick([
        { credits: 1, units: 1 },
        { credits: 0.2, units: 1 },
        { credits: 3, units: 1 },
        { credits: 1, units: 3 },
        { credits: 7, units: 1000 },
        { credits: 0.25, units: 1.5 },
      ]),
    });
    features.push({ id: "credits", kind: "credits", costs: [cost("messages"), cost("tokens")] });
    if (chance.once(0.5)) features.push({ id: "gems", kind: "credits", costs: [cost("messages")] });
  }
  return features;
}

function itemOf(chance: Chance, theme: Theme, { id: feature, kind }: Feature, size: number): Item[] {
  const included = chance.pick([size, size, size * 2, size / 2, size + 0.5, 0]);
  if (kind === "boolean") return [{ feature, included: 0, unlimited: true }];
  if (chance.once(0.04))
    return [{ feature, included: 0, unlimited: true, every: kind === "held" ? undefined : MONTH }];
  const perEntity =
    theme === "entities" || theme === "all" ? chance.once(feature === "seats" ? 0 : 0.5) : false;
  const shared = perEntity ? { entityFeature: "seats" } : {};
  if (kind === "held") {
    if (chance.once(0.6)) return [{ feature, included: 3 }];
    const price = priceOf(chance, 3, chance.pick(["prepaid", "usage_based"]));
    // What is held may be paid for each month, or once.
    return [{ feature, included: 3, price: chance.once(0.5) ? { ...price, per: MONTH } : price }];
  }
  const every = chance.weighted<Every>([
    [6, MONTH],
    [1, { interval: "day", count: chance.whole(1, 3) }],
    [1, { interval: "week", count: chance.whole(1, 2) }],
    [1, { interval: "quarter", count: 1 }],
    [1, { interval: "year", count: 1 }],
    [1, { interval: "month", count: 2 }],
    [0.5, { interval: "hour", count: 6 }],
  ]);
  const isOneOff = chance.once(0.1);
  const item: Item = { feature, included, ...shared, ...(isOneOff ? {} : { every }) };
  if (isOneOff) return [item];
  const isMonthly = every.interval === "month" || every.interval === "quarter" || every.interval === "year";
  if ((theme === "rollovers" || theme === "all") && chance.once(0.85))
    item.rollover = rolloverOf(chance, size, isMonthly);
  if ((theme === "usage-based" || theme === "all") && chance.once(0.6))
    item.price = priceOf(chance, included, "usage_based");
  else if (theme === "prepaid" && chance.once(0.7)) item.price = priceOf(chance, included, "prepaid");
  if ((theme === "debts" || theme === "all") && chance.once(0.6)) item.carries = true;
  if (theme === "prepaid" && chance.once(0.3)) delete item.every;
  // Now and then the same feature twice in one plan, for ever and for the month.
  return chance.once(0.1) ? [item, { feature, included: size, ...shared }] : [item];
}

function rolloverOf(chance: Chance, size: number, isMonthly: boolean): Rollover {
  const cap = chance.pick<Rollover>([
    {},
    { max: size },
    { max: size * 2.5 },
    { percent: 50 },
    { percent: 33 },
  ]);
  const isForEver = !isMonthly || chance.once(0.3);
  if (!isForEver) return { ...cap, months: chance.whole(1, 4) };
  return Object.keys(cap).length === 0 ? { max: size } : cap;
}

function priceOf(chance: Chance, included: number, method: Price["method"]): Price {
  const tiers = chance.pick<Price["tiers"]>([
    [{ to: "inf", amount: 0.5 }],
    [
      { to: included + 10, amount: 1 },
      { to: "inf", amount: 0.25 },
    ],
    [
      { to: included + 5, amount: 2, flat: 3 },
      { to: included + 20, amount: 1.5 },
      { to: "inf", amount: 0.1, flat: 1 },
    ],
  ]);
  return {
    method,
    tiers,
    behavior: chance.pick(["graduated", "volume"]),
    packs: method === "prepaid" ? chance.pick([1, 10, 25]) : chance.pick([1, 1, 10, 0.5]),
    ...(method === "usage_based" && chance.once(0.4) && { max: chance.pick([5, 20, 12.5]) }),
  };
}

/** Bought once and kept. */
function packOf(chance: Chance, { id: feature, kind }: Feature): Item[] {
  if (kind === "boolean" || chance.once(0.4)) return [];
  const included = chance.pick([5, 20, 12.5]);
  return [
    chance.once(0.5)
      ? { feature, included }
      : { feature, included, price: priceOf(chance, included, "prepaid") },
  ];
}
