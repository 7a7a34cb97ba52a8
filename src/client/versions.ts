import type { Catalog } from "../core/catalog.js";
import type { Plan } from "../core/terms.js";

/** The default plans, as the component stores them. */
export async function defaultPlans(catalog: Catalog): Promise<{ version: string; plan: Plan }[]> {
  return await Promise.all(
    catalog.defaultPlans().map(async (plan) => ({ plan, version: await versionOf(plan) })),
  );
}

const hashes = new WeakMap<Plan, Promise<string>>();

/** The version of a plan's terms: the same terms have the same version, wherever they are defined. */
export function versionOf(plan: Plan): Promise<string> {
  const known = hashes.get(plan) ?? hash(canonical(plan));
  hashes.set(plan, known);
  return known;
}

async function hash(text: string): Promise<string> {
  const digest = await crypto.subtle.digest("SHA-256", new TextEncoder().encode(text));
  // 16 of the 32 bytes: no two plans of an app will ever share them, and every subscription stores them.
  return [...new Uint8Array(digest).slice(0, 16)].map((byte) => byte.toString(16).padStart(2, "0")).join("");
}

function canonical(value: unknown): string {
  if (Array.isArray(value)) return `[${value.map(canonical).join(",")}]`;
  if (typeof value !== "object" || value === null) return JSON.stringify(value);
  const fields = Object.entries(value).filter(([, field]) => field !== undefined);
  fields.sort(([a], [b]) => (a < b ? -1 : 1));
  return `{${fields.map(([name, field]) => `${JSON.stringify(name)}:${canonical(field)}`).join(",")}}`;
}
