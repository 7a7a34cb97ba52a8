/** The catalog's features. They are changed in code. */
import { z } from "zod";
import { id, operation, optional, unsupported, type Call } from "../operations.js";
import { currentFeature, legacyFeature } from "../shapes/features.js";

/** What to do instead of changing the catalog over the wire. */
export const CATALOG_IS_CODE =
  "The catalog lives in the app's code: change it in defineCatalog and deploy. Nothing was changed.";

const listBody = z.object({ include_archived: optional(z.boolean()) });

/** All features; to older clients those that are archived only if they ask. */
export const list = operation({
  body: listBody,
  run: ({ tally, version }: Call, body: z.output<typeof listBody>) => {
    const features = [...tally.catalog.features.values()];
    const isShown = version === "current" || body.include_archived === true;
    return Promise.resolve(features.filter(({ archived }) => isShown || !archived));
  },
  current: (features) => ({ list: features.map(currentFeature) }),
  legacy: (features) => ({ list: features.map(legacyFeature) }),
});

export const get = operation({
  body: z.object({ feature_id: id }),
  run: async ({ tally }: Call, { feature_id: featureId }: { feature_id: string }) =>
    await Promise.resolve(tally.catalog.feature(featureId)),
  current: currentFeature,
  legacy: legacyFeature,
});

export const featureOperations = {
  "features.list": list,
  "features.get": get,
  "features.create": unsupported(CATALOG_IS_CODE),
  "features.update": unsupported(CATALOG_IS_CODE),
  "features.delete": unsupported(CATALOG_IS_CODE),
};
