import { convexTest } from "convex-test";
import { register } from "../../src/test.js";
import schema from "../../convex/schema.js";

const modules = import.meta.glob("../../convex/**/*.ts");

/** The app in `convex/`, with the component mounted and Convex's own transaction limits on. */
export function deployment() {
  const t = convexTest({ schema, modules, transactionLimits: true });
  register(t);
  return t;
}

export type Deployment = ReturnType<typeof deployment>;

/** `t` as a signed-in user. */
export function signedIn(t: Deployment, subject = "user_1") {
  return t.withIdentity({ subject, name: "Ada", email: "ada@example.com" });
}
