import { convexTest } from "convex-test";
import { defineSchema } from "convex/server";
import { registerInspected } from "../stored.js";

const schema = defineSchema({});

/** A deployment of the functions in this folder: each file is one small app. */
export function deploy() {
  const t = convexTest({
    schema,
    modules: {
      // convex-test finds the root of a tree of functions by this folder.
      "./_generated/api.ts": () => Promise.resolve({}),
      "./chatbot.ts": () => import("./chatbot.js"),
      "./images.ts": () => import("./images.js"),
      "./starter.ts": () => import("./starter.js"),
    },
    transactionLimits: true,
  });
  registerInspected(t);
  return t;
}

export type Deployed = ReturnType<typeof deploy>;

/** `t` as a signed-in user. */
export function user(t: Deployed, subject = "user_1") {
  return t.withIdentity({ subject });
}
