/** Everything that is wrong with a catalog, in words for the person who wrote it. */
import { amountProblem, decimalPlaces, PLACES } from "./arguments.js";
import type { Cost } from "./amounts.js";
import type { Feature } from "./catalog.js";
import type { PlanControl } from "./controlTerms.js";
import type { Item, Plan } from "./terms.js";
import { isTopUp } from "./topUps.js";
import { shown } from "./errors.js";
import { INTERVALS, lengthMs } from "./periods.js";

const ID = /^[A-Za-z0-9_-]{1,64}$/;
const FEATURE_TYPES = ["boolean", "metered", "credit_system"];
const TRIAL_UNITS = ["day", "month", "year"];
const BILLING_METHODS = ["prepaid", "usage_based"];
const LIMIT_INTERVALS = ["day", "week", "month", "year"];
const LIMIT_ANCHORS = ["billing_cycle", "utc"];
const TIER_BEHAVIORS = ["graduated", "volume"];
/** Rollovers of one grant at a time: with others they must fit into a row of 64 grants. */
const MAX_ROLLOVERS = 48;
/** Fifteen digits are exact in a double, whichever they are. */
const EXACT_DIGITS = 1e15;
const MONTH_MS = lengthMs({ interval: "month", count: 1 });

export function catalogProblems(features: readonly Feature[], plans: readonly Plan[]): string[] {
  const byId = new Map(features.map((feature) => [feature.id, feature]));
  return [
    ...duplicates(features, "feature"),
    ...duplicates(plans, "plan"),
    ...features.flatMap((feature) =>
      prefixed(`feature ${shown(feature.id)}`, featureProblems(feature, byId)),
    ),
    ...plans.flatMap((plan) => prefixed(`plan ${shown(plan.id)}`, planProblems(plan, byId))),
    ...defaultProblems(plans),
    ...precisionProblems(features, plans),
  ];
}

const prefixed = (about: string, problems: string[]) => problems.map((problem) => `${about}: ${problem}`);

function duplicates(things: readonly { id: string }[], kind: string): string[] {
  const ids = things.map(({ id }) => id);
  const repeated = new Set(ids.filter((id, index) => ids.indexOf(id) !== index));
  return [...repeated].map((id) => `${kind} ${shown(id)} is defined more than once`);
}

function idProblem(id: unknown): string[] {
  const isGood = typeof id === "string" && ID.test(id);
  return isGood ? [] : ["the id must be 1 to 64 letters, digits, _ or -"];
}

function featureProblems(feature: Feature, byId: ReadonlyMap<string, Feature>): string[] {
  const problems = idProblem(feature.id);
  if (!FEATURE_TYPES.includes(feature.type)) {
    problems.push(
      `type ${shown(feature.type)} is not supported; use boolean, metered (single_use, continuous_use) or credit_system`,
    );
  }
  if (feature.type === "credit_system" && feature.creditSchema.length === 0) {
    problems.push("a credit system needs a creditSchema: which features draw from it, at what cost");
  }
  const priced = feature.creditSchema.map(({ featureId }) => featureId);
  for (const [index, { featureId, creditAmount, featureAmount }] of feature.creditSchema.entries()) {
    const about = `cost of ${shown(featureId)}`;
    const member = byId.get(featureId);
    if (priced.indexOf(featureId) !== index) problems.push(`${about}: given twice`);
    if (member === undefined) problems.push(`${about}: no such feature`);
    else if (member.type === "credit_system")
      problems.push(`${about}: a credit system cannot draw from another`);
    else if (member.type === "boolean") problems.push(`${about}: a boolean feature is not used by amounts`);
    for (const amount of [creditAmount, featureAmount]) {
      const problem = amountProblem(amount) ?? (amount <= 0 ? "must be above 0" : null);
      if (problem !== null) problems.push(`${about}: ${problem}, got ${shown(amount)}`);
    }
  }
  return problems;
}

function planProblems(plan: Plan, byId: ReadonlyMap<string, Feature>): string[] {
  const problems = idProblem(plan.id);
  if (plan.price !== null) {
    problems.push(...notNegative(plan.price.amount, "price"), ...everyProblems(plan.price.every, "price"));
  }
  if (plan.autoEnable && (plan.price?.amount ?? 0) > 0) {
    problems.push("a default plan must be free: customers get it without paying");
  }
  if (plan.trial !== undefined && !TRIAL_UNITS.includes(plan.trial.unit)) {
    problems.push(`the trial must be counted in ${TRIAL_UNITS.join(", ")}, got ${shown(plan.trial.unit)}`);
  }
  if (plan.trial !== undefined && !(Number.isInteger(plan.trial.length) && plan.trial.length > 0)) {
    problems.push(`the trial's length must be a whole number above 0, got ${shown(plan.trial.length)}`);
  }
  for (const item of plan.items) {
    problems.push(...prefixed(`item ${shown(item.featureId)}`, itemProblems(item, byId)));
  }
  for (const control of plan.controls ?? []) {
    problems.push(...prefixed(`control of ${shown(control.featureId)}`, controlProblems(control, byId)));
  }
  if (plan.controls !== undefined && isTopUp(plan)) {
    problems.push("what is paid once is added to what the customer has, and controls nothing of it");
  }
  return problems;
}

function controlProblems(
  { featureId, usageLimit, spendLimit }: PlanControl,
  byId: ReadonlyMap<string, Feature>,
): string[] {
  const problems: string[] = [];
  const feature = byId.get(featureId);
  if (feature === undefined) problems.push("no such feature");
  if (feature?.type === "boolean") problems.push("a boolean feature is not used by amounts");
  if (usageLimit !== undefined) {
    const { max, interval, anchor = "utc" } = usageLimit;
    problems.push(...notNegative(max, "limit"));
    if (!LIMIT_INTERVALS.includes(interval))
      problems.push(`interval must be ${LIMIT_INTERVALS.join(", ")}, got ${shown(interval)}`);
    if (!LIMIT_ANCHORS.includes(anchor))
      problems.push(`anchor must be ${LIMIT_ANCHORS.join(" or ")}, got ${shown(anchor)}`);
  }
  if (spendLimit !== undefined) {
    const isPercent = typeof spendLimit === "object";
    problems.push(...notNegative(isPercent ? spendLimit.percent : spendLimit, "overage limit"));
  }
  return problems;
}

function itemProblems(item: Item, byId: ReadonlyMap<string, Feature>): string[] {
  const problems: string[] = [];
  const feature = byId.get(item.featureId);
  const included = amountProblem(item.included) ?? (item.included < 0 ? "must not be negative" : null);
  if (feature === undefined) problems.push("no such feature");
  if (included !== null) problems.push(`included ${included}, got ${shown(item.included)}`);
  if (item.unlimited && item.included !== 0)
    problems.push("either an included amount or unlimited, not both");
  if (feature?.type === "boolean" && (item.price ?? item.rollover)) {
    problems.push("a boolean feature has no price and no rollover of its own");
  }
  if (item.entityFeatureId !== undefined && byId.get(item.entityFeatureId)?.consumable !== false) {
    problems.push(
      `entityFeatureId ${shown(item.entityFeatureId)} must be a feature that is held (consumable: false)`,
    );
  }
  problems.push(...everyProblems(item.reset, "reset"));
  if (item.rollover !== undefined) problems.push(...rolloverProblems(item, item.rollover));
  if (item.price !== undefined) problems.push(...itemPriceProblems(item.price, item.included));
  return problems;
}

function everyProblems(every: Item["reset"], name: string): string[] {
  if (every === null) return [];
  const problems: string[] = [];
  if (!INTERVALS.includes(every.interval))
    problems.push(`${name} interval ${shown(every.interval)} is unknown`);
  if (!Number.isInteger(every.count) || every.count < 1 || every.count > 1000) {
    problems.push(`${name} interval count must be a whole number from 1 to 1000, got ${shown(every.count)}`);
  }
  return problems;
}

function rolloverProblems(item: Item, rollover: NonNullable<Item["rollover"]>): string[] {
  const problems: string[] = [];
  const { max, percent, months } = rollover;
  if (item.reset === null) problems.push("only an item that resets can roll over");
  else if (item.reset.interval === "minute")
    problems.push("an item that resets each minute cannot roll over");
  if (max !== undefined && percent !== undefined)
    problems.push("rollover: either max or maxPercentage, not both");
  if (max !== undefined && (amountProblem(max) !== null || max < 0)) {
    problems.push(`rollover max must be an amount of 0 or more, got ${shown(max)}`);
  }
  if (percent !== undefined && !(percent >= 0 && percent <= 100)) {
    problems.push(`rollover maxPercentage must be from 0 to 100, got ${shown(percent)}`);
  }
  if (months === undefined || item.reset === null) return problems;
  if (!Number.isInteger(months) || months < 1) {
    problems.push(`rollover must expire after a whole number of months, got ${shown(months)}`);
  } else if ((months * MONTH_MS) / lengthMs(item.reset) > MAX_ROLLOVERS) {
    problems.push(
      `would hold more than ${MAX_ROLLOVERS} rollovers at once: let them expire sooner, or use "forever" with a max`,
    );
  }
  return problems;
}

function itemPriceProblems(price: NonNullable<Item["price"]>, included: number): string[] {
  const problems = everyProblems(price.every, "price");
  if (!BILLING_METHODS.includes(price.billingMethod)) {
    problems.push(`billingMethod must be ${BILLING_METHODS.join(" or ")}, got ${shown(price.billingMethod)}`);
  }
  if (!TIER_BEHAVIORS.includes(price.tierBehavior)) {
    problems.push(`tierBehavior must be ${TIER_BEHAVIORS.join(" or ")}, got ${shown(price.tierBehavior)}`);
  }
  if (price.tiers.length === 0) problems.push("a price needs an amount or tiers");
  let from = included;
  for (const [index, tier] of price.tiers.entries()) {
    problems.push(...notNegative(tier.amount, "price"), ...notNegative(tier.flatAmount ?? 0, "flat amount"));
    const to = tier.to === "inf" ? Infinity : tier.to;
    if (!(to > from))
      problems.push(`tiers must go up: tier ${index + 1} ends at ${shown(tier.to)}, after ${from}`);
    from = to;
  }
  if (price.tiers.length > 0 && from !== Infinity) problems.push('the last tier must go to "inf"');
  if (amountProblem(price.billingUnits) !== null || price.billingUnits <= 0) {
    problems.push(`billing units must be above 0, got ${shown(price.billingUnits)}`);
  }
  if (
    price.maxPurchase !== undefined &&
    (amountProblem(price.maxPurchase) !== null || price.maxPurchase < 0)
  ) {
    problems.push(`maxPurchase must be an amount of 0 or more, got ${shown(price.maxPurchase)}`);
  }
  return problems;
}

function notNegative(amount: number, name: string): string[] {
  const problem = amountProblem(amount) ?? (amount < 0 ? "must not be negative" : null);
  return problem === null ? [] : [`${name} ${problem}, got ${shown(amount)}`];
}

function defaultProblems(plans: readonly Plan[]): string[] {
  const defaults = plans.filter((plan) => plan.autoEnable && !plan.addOn && !plan.archived);
  const groups = [...new Set(defaults.map(({ group }) => group))];
  return groups.flatMap((group) => {
    const ids = defaults.filter((plan) => plan.group === group).map(({ id }) => shown(id));
    if (ids.length < 2) return [];
    return [`group ${shown(group)} has ${ids.length} default plans (${ids.join(", ")}): only one can be`];
  });
}

/**
 * A pool's usage goes in steps as small as its costs. Where amount and step together need more
 * digits than a double has, a draw would be refused one day: better refuse the catalog now.
 */
function precisionProblems(features: readonly Feature[], plans: readonly Plan[]): string[] {
  return features.flatMap((system) => {
    const costs = system.creditSchema.filter(
      ({ creditAmount, featureAmount }) =>
        amountProblem(creditAmount) === null &&
        creditAmount > 0 &&
        amountProblem(featureAmount) === null &&
        featureAmount > 0,
    );
    const places = Math.max(0, ...costs.map(placesOf));
    const largest = Math.max(
      0,
      ...plans.flatMap(({ items }) =>
        items.filter((item) => item.featureId === system.id).map((item) => item.included),
      ),
    );
    if (amountProblem(largest) !== null || places === 0 || largest * 10 ** places <= EXACT_DIGITS) return [];
    return [
      `feature ${shown(system.id)}: ${largest} included and costs with ${places} decimal places cannot be exact together; use a larger unit or costs with fewer places`,
    ];
  });
}

/** Decimal places that prices at a cost can have: 9 where the ratio does not terminate. */
function placesOf({ creditAmount, featureAmount }: Cost): number {
  const scale = 10 ** Math.max(decimalPlaces(creditAmount), decimalPlaces(featureAmount));
  const [credits, units] = [Math.round(creditAmount * scale), Math.round(featureAmount * scale)];
  let rest = units / greatestDivisor(credits, units);
  let places = 0;
  for (; places < PLACES && rest > 1; places++) {
    // One decimal place is a factor of ten: of a two, of a five, or of both.
    const shared = greatestDivisor(rest, 10);
    if (shared === 1) return PLACES;
    rest /= shared;
  }
  return places;
}

const greatestDivisor = (a: number, b: number): number => (b === 0 ? a : greatestDivisor(b, a % b));
