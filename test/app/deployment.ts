import { convexTest } from "convex-test";
import { afterEach, expect } from "vitest";
import { components } from "../../convex/_generated/api.js";
import { register } from "../../src/test.js";
import schema from "../../convex/schema.js";

const modules = import.meta.glob("../../convex/**/*.ts");

/** The app in `convex/`, with the component mounted and Convex's own transaction limits on. */
export function deployment() {
  const t = convexTest({ schema, modules, transactionLimits: true });
  register(t);
  deployments.add(t);
  return t;
}

const deployments = new Set<Deployment>();

/** `t`, whose test is to store what no event proves. */
export function unproven(t: Deployment): Deployment {
  deployments.delete(t);
  return t;
}

/** Whatever a test has done to its customers, their events prove it. */
afterEach(async () => {
  for (const t of deployments) {
    deployments.delete(t);
    const { page } = await t.action((ctx) => ctx.runAction(components.tally.audits.list, { limit: 200 }));
    expect(page).toEqual([]);
  }
});

export type Deployment = ReturnType<typeof deployment>;

/** `t` as a signed-in user. */
export function signedIn(t: Deployment, subject = "user_1") {
  return t.withIdentity({ subject, name: "Ada", email: "ada@example.com" });
}
