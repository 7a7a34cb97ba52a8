/** One pool of credits: a call costs one, a picture ten. */
import { feature, featureItem, product } from "../../../src/client/index.js";

export const apiCalls = feature({ id: "api_calls", name: "API calls", type: "single_use" });
export const imageGen = feature({ id: "image_gen", name: "Pictures", type: "single_use" });
export const credits = feature({
  id: "credits",
  name: "Credits",
  type: "credit_system",
  credit_schema: [
    { metered_feature_id: apiCalls.id, credit_cost: 1 },
    { metered_feature_id: imageGen.id, credit_cost: 10 },
  ],
});

export const starter = product({
  id: "starter",
  name: "Starter",
  is_default: true,
  items: [featureItem({ feature_id: credits.id, included_usage: 25, interval: "month" })],
});
