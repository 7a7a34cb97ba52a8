/** Translates definitions of either vocabulary into the catalog's own shapes. Judges nothing but form. */
import type { Feature } from "./catalog.js";
import type { Item, Plan } from "./terms.js";
import { controlsOf, isControls } from "./controlVocabulary.js";
import type {
  CreditCost,
  DefinedInterval,
  DefinedRollover,
  DefinedTier,
  FeatureDefinition,
  ItemDefinition,
  PlanDefinition,
  ProductDefinition,
  ProductItemDefinition,
} from "./definitions.js";
import { shown } from "./errors.js";
import type { Interval } from "./periods.js";

export interface Definitions {
  features: FeatureDefinition[];
  plans: AnyPlanDefinition[];
}

/** A plan in either vocabulary, or in both at once. */
type AnyPlanDefinition = PlanDefinition & ProductDefinition;

/**
 * Finds the definitions in lists, in a module's exports, or in its default export. As Autumn's own
 * loader does, whatever has a known feature `type` is a feature and whatever else has an `id` is a plan.
 */
export function definitionsIn(config: object, problems: string[]): Definitions {
  if (!isObject(config)) {
    problems.push(`a catalog is { features, plans } or a module of definitions, got ${shown(config)}`);
    return { features: [], plans: [] };
  }
  if ("features" in config && Array.isArray(config.features)) {
    return {
      features: listIn<FeatureDefinition>(config, "features", problems),
      plans: [
        ...listIn<AnyPlanDefinition>(config, "plans", problems),
        ...listIn<AnyPlanDefinition>(config, "products", problems),
      ],
    };
  }
  if ("default" in config && isObject(config.default)) return definitionsIn(config.default, problems);
  const found: Definitions = { features: [], plans: [] };
  for (const [name, value] of Object.entries(config)) {
    if (!isObject(value) || Array.isArray(value)) continue;
    const isItem = "featureId" in value || "feature_id" in value || "price" in value || isControls(value);
    if ("type" in value && "id" in value) found.features.push(value as FeatureDefinition);
    else if ("id" in value) found.plans.push(value as AnyPlanDefinition);
    else if (!isItem)
      problems.push(`the export ${shown(name)} is neither a feature (no type) nor a plan (no id)`);
  }
  return found;
}

/** The objects of a list; what is none is a problem. */
function listIn<Definition>(config: object, name: string, problems: string[]): Definition[] {
  const list: unknown = Reflect.get(config, name);
  if (list === undefined) return [];
  if (!Array.isArray(list)) {
    problems.push(`${name} must be a list, got ${shown(list)}`);
    return [];
  }
  const isGood = (entry: unknown, index: number) => {
    if (!isObject(entry)) problems.push(`${name}[${index}] must be a definition, got ${shown(entry)}`);
    return isObject(entry);
  };
  return list.filter(isGood) as Definition[];
}

export function featureOf(definition: FeatureDefinition): Feature {
  return {
    id: definition.id,
    name: definition.name ?? definition.id,
    type:
      definition.type === "single_use" || definition.type === "continuous_use" ? "metered" : definition.type,
    consumable:
      definition.type === "metered" ? definition.consumable !== false : definition.type !== "continuous_use",
    eventNames: [...(definition.eventNames ?? [])],
    creditSchema: schemaOf(definition).map(costOf),
    archived: definition.archived === true,
  };
}

function schemaOf(definition: FeatureDefinition): readonly CreditCost[] {
  if (definition.type !== "credit_system") return [];
  return definition.creditSchema ?? definition.credit_schema ?? [];
}

function costOf(cost: CreditCost): Feature["creditSchema"][number] {
  if ("metered_feature_id" in cost) {
    return {
      featureId: cost.metered_feature_id,
      creditAmount: cost.credit_cost,
      featureAmount: cost.feature_amount ?? 1,
    };
  }
  return "creditCost" in cost
    ? { featureId: cost.meteredFeatureId, creditAmount: cost.creditCost, featureAmount: 1 }
    : {
        featureId: cost.meteredFeatureId,
        creditAmount: cost.creditAmount,
        featureAmount: cost.featureAmount ?? 1,
      };
}

export function planOf(
  definition: AnyPlanDefinition,
  features: ReadonlyMap<string, Feature>,
  problems: string[],
): Plan {
  const about = `plan ${shown(definition.id)}`;
  const items: Item[] = [];
  let price: Plan["price"] = definition.price
    ? {
        amount: definition.price.amount,
        every: everyOf(definition.price.interval, definition.price.intervalCount),
      }
    : null;
  for (const defined of listIn<ItemDefinition | ProductItemDefinition>(definition, "items", problems)) {
    if ("featureId" in defined) {
      items.push(itemOf(defined, features, about, problems));
    } else if (defined.feature_id !== undefined) {
      items.push(itemOf(modernItem(defined), features, about, problems));
    } else if (price === null) {
      price = { amount: defined.price ?? NaN, every: everyOf(defined.interval, defined.interval_count) };
    } else {
      problems.push(`${about} has two prices: keep one`);
    }
  }
  const trial = trialOf(definition);
  const wrong: string[] = [];
  const controls = controlsOf(definition.billingControls ?? definition.billing_controls, wrong);
  problems.push(...wrong.map((problem) => `${about}: ${problem}`));
  return {
    id: definition.id,
    name: definition.name ?? definition.id,
    ...(definition.description != null && { description: definition.description }),
    group: definition.group ?? "",
    addOn: definition.addOn ?? definition.is_add_on ?? false,
    autoEnable: definition.autoEnable ?? definition.is_default ?? false,
    price,
    items,
    ...(controls.length > 0 && { controls }),
    ...(trial && { trial }),
    ...(definition.stripe && { stripe: definition.stripe }),
    archived: definition.archived === true,
  };
}

function trialOf({ freeTrial, free_trial }: AnyPlanDefinition): Plan["trial"] {
  if (freeTrial) {
    return {
      length: freeTrial.durationLength,
      unit: freeTrial.durationType,
      cardRequired: freeTrial.cardRequired ?? false,
      uniqueFingerprint: freeTrial.uniqueFingerprint ?? false,
    };
  }
  if (!free_trial) return undefined;
  return {
    length: free_trial.length,
    unit: free_trial.duration,
    cardRequired: free_trial.card_required ?? false,
    uniqueFingerprint: free_trial.unique_fingerprint ?? false,
  };
}

function modernItem(defined: ProductItemDefinition): ItemDefinition {
  const isPriced = defined.price !== undefined || defined.tiers !== undefined;
  return {
    featureId: defined.feature_id ?? "",
    ...(defined.included_usage === "inf" ? { unlimited: true } : { included: defined.included_usage ?? 0 }),
    ...(defined.entity_feature_id !== undefined && { entityFeatureId: defined.entity_feature_id }),
    reset: { interval: defined.interval ?? null, intervalCount: defined.interval_count },
    ...(isPriced && {
      price: {
        ...(defined.price !== undefined && { amount: defined.price }),
        ...(defined.tiers && {
          tiers: defined.tiers.map(({ to, amount, flat_amount }) => ({
            to,
            amount,
            flatAmount: flat_amount,
          })),
        }),
        interval: defined.interval ?? null,
        intervalCount: defined.interval_count,
        billingUnits: defined.billing_units,
        billingMethod: defined.usage_model === "prepaid" ? "prepaid" : "usage_based",
      },
    }),
  };
}

function itemOf(
  defined: ItemDefinition,
  features: ReadonlyMap<string, Feature>,
  about: string,
  problems: string[],
): Item {
  if (defined.price?.amount !== undefined && defined.price.tiers !== undefined) {
    problems.push(
      `${about}: item ${shown(defined.featureId)}: a price has either an amount or tiers, not both`,
    );
  }
  const feature = features.get(defined.featureId);
  const consumable = feature?.consumable ?? true;
  const rollover = rolloverOf(defined.rollover);
  const price = priceOfItem(defined);
  const reset = defined.reset ?? defined.price;
  return {
    featureId: defined.featureId,
    included: defined.included ?? 0,
    unlimited: defined.unlimited === true || feature?.type === "boolean",
    consumable,
    // What is held is not given back by the calendar.
    reset: consumable ? everyOf(reset?.interval, reset?.intervalCount) : null,
    ...(defined.entityFeatureId !== undefined && { entityFeatureId: defined.entityFeatureId }),
    ...(rollover && { rollover }),
    ...(defined.carryOverage === true && { carryOverage: true }),
    ...(price && { price }),
  };
}

function priceOfItem({ price }: ItemDefinition): Item["price"] {
  if (!price) return undefined;
  const single: DefinedTier[] = price.amount === undefined ? [] : [{ to: "inf", amount: price.amount }];
  return {
    tiers: (price.tiers ?? single).map(({ to, amount, flatAmount }) => ({
      to,
      amount,
      ...(flatAmount !== undefined && { flatAmount }),
    })),
    tierBehavior: price.tierBehavior ?? "graduated",
    billingUnits: price.billingUnits ?? 1,
    billingMethod: price.billingMethod ?? "usage_based",
    ...(price.maxPurchase != null && { maxPurchase: price.maxPurchase }),
    every: everyOf(price.interval, price.intervalCount),
  };
}

function rolloverOf(defined: DefinedRollover | null | undefined): Item["rollover"] {
  if (!defined) return undefined;
  const expires = defined.expiryDurationType === "month" || defined.expiryDurationLength !== undefined;
  return {
    ...(defined.max != null && { max: defined.max }),
    ...(defined.maxPercentage != null && { percent: defined.maxPercentage }),
    ...(expires && defined.expiryDurationType !== "forever" && { months: defined.expiryDurationLength ?? 1 }),
  };
}

function everyOf(
  interval: DefinedInterval | undefined,
  count = 1,
): { interval: Interval; count: number } | null {
  if (interval == null || interval === "one_off") return null;
  return { interval, count };
}

function isObject(value: unknown): value is object {
  return typeof value === "object" && value !== null;
}
