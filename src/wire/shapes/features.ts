/** A feature of the catalog as each generation of clients reads it. */
import type { Catalog, Feature } from "../../core/catalog.js";
import type { Json } from "../operations.js";

/** Autumn's `Feature`, of 2.1 and later. */
export function currentFeature(feature: Feature): Record<string, Json> {
  const { id, name, type, consumable, archived, eventNames, creditSchema } = feature;
  return {
    id,
    name,
    type,
    consumable,
    archived,
    event_names: eventNames,
    credit_schema: currentCosts(creditSchema),
    display: { singular: name, plural: name },
  };
}

/** Autumn's feature types before 2.0. In a customer's features a credit system is one that is used up. */
export function legacyType({ type, consumable }: Feature): string {
  if (type === "metered") return consumable ? "single_use" : "continuous_use";
  return type;
}

/** Autumn's feature of 1.2. */
export function legacyFeature(feature: Feature): Record<string, Json> {
  const { id, name, archived, creditSchema } = feature;
  return {
    id,
    name,
    type: legacyType(feature),
    display: { singular: name, plural: name },
    // Its features have costs in today's words, its customers' features in words of their own.
    credit_schema: creditSchema.length === 0 ? null : currentCosts(creditSchema),
    archived,
  };
}

function currentCosts(creditSchema: Feature["creditSchema"]): Json {
  return creditSchema.map(({ featureId, creditAmount, featureAmount }) => ({
    metered_feature_id: featureId,
    credit_cost: creditAmount / featureAmount,
  }));
}

export function legacyCosts(creditSchema: Feature["creditSchema"]): Json {
  if (creditSchema.length === 0) return null;
  return creditSchema.map(({ featureId, creditAmount, featureAmount }) => ({
    feature_id: featureId,
    credit_amount: creditAmount / featureAmount,
  }));
}

export const isFlag = (catalog: Catalog, featureId: string): boolean =>
  catalog.features.get(featureId)?.type === "boolean";
