/** Keys of the wire (`feature_id`) as JavaScript clients spell them (`featureId`), and back. */
import type { Json } from "./operations.js";

/** Records by the ids of features: the keys are nobody's to respell, what they hold is the protocol's. */
const BY_ID = new Set(["balances", "flags", "values", "total"]);
/** Records that are wholly somebody's own. */
const OWN = new Set(["metadata", "properties", "grouped_values", "filterBy"]);

export const camelCased = (value: Json): Json =>
  respelled(value, (key) => key.replace(/_([a-z0-9])/g, (_, letter: string) => letter.toUpperCase()));

export const snakeCased = (value: Json): Json =>
  respelled(value, (key) => key.replace(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`));

function respelled(value: Json, spell: (key: string) => string, isById = false): Json {
  if (typeof value !== "object" || value === null) return value;
  if (isList(value)) return value.map((one) => respelled(one, spell));
  return Object.fromEntries(
    Object.entries(value).map(([key, held]) => [
      isById ? key : spell(key),
      !isById && OWN.has(key) ? held : respelled(held, spell, !isById && BY_ID.has(key)),
    ]),
  );
}

const isList = (value: Json): value is readonly Json[] => Array.isArray(value);
