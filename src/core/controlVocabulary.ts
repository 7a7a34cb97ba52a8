/** Translates `billingControls`, in either spelling, into a plan's terms. Judges nothing but form. */
import type { PlanControl, SpendLimit } from "./controlTerms.js";
import type { OverageAllowedDefinition, SpendLimitDefinition, UsageLimitDefinition } from "./definitions.js";
import { shown } from "./errors.js";

const SPELLINGS = {
  usageLimits: ["usageLimits", "usage_limits"],
  spendLimits: ["spendLimits", "spend_limits"],
  overageAllowed: ["overageAllowed", "overage_allowed"],
} as const;
type Kind = keyof typeof SPELLINGS;
const KINDS: readonly string[] = Object.values(SPELLINGS).flat();

const FIELDS: Record<Kind, readonly string[]> = {
  usageLimits: ["limit", "interval", "anchor"],
  spendLimits: ["overageLimit", "overage_limit", "limitType", "limit_type"],
  overageAllowed: [],
};

/** What Autumn knows and Tally does not, and what to do instead. */
const UNSUPPORTED: Readonly<Record<string, string>> = {
  usageAlerts: "give Tally `usageAlerts` and `on.thresholdReached`",
  autoTopups: "top up from the app, in `on.thresholdReached` of Tally",
  filter: "it would count some events of a feature only: define a feature for them",
  skipOverageBilling: "give the item no price, and allow overage",
};

/** Whether an export is `billingControls` of its own, for plans to share. */
export const isControls = (value: object): boolean => Object.keys(value).some((key) => KINDS.includes(key));

/** Adds to `problems` what is no control, is given twice, or is not supported. */
export function controlsOf(defined: unknown, problems: string[]): PlanControl[] {
  if (defined === undefined || defined === null) return [];
  if (!isObject(defined)) {
    problems.push(`billingControls must be an object of lists, got ${shown(defined)}`);
    return [];
  }
  refuseOthers(defined, KINDS, "billingControls", problems);
  const controls = new Map<string, PlanControl>();
  const controlOf = (featureId: string) => {
    const control = controls.get(featureId) ?? { featureId };
    controls.set(featureId, control);
    return control;
  };
  for (const [featureId, limit] of entriesOf<UsageLimitDefinition>(defined, "usageLimits", problems)) {
    if (limit.enabled === false) continue;
    const { limit: max, interval, anchor } = limit;
    controlOf(featureId).usageLimit = { max, interval, ...(anchor !== undefined && { anchor }) };
  }
  for (const [featureId, limit] of entriesOf<SpendLimitDefinition>(defined, "spendLimits", problems)) {
    if (limit.enabled === false) continue;
    controlOf(featureId).spendLimit = spendLimitOf(limit, `spend limit of ${shown(featureId)}`, problems);
  }
  for (const [featureId, { enabled }] of entriesOf<OverageAllowedDefinition>(
    defined,
    "overageAllowed",
    problems,
  )) {
    controlOf(featureId).overageAllowed = enabled;
  }
  return [...controls.values()];
}

function spendLimitOf(limit: SpendLimitDefinition, about: string, problems: string[]): SpendLimit {
  const amount = ("overageLimit" in limit ? limit.overageLimit : limit.overage_limit) ?? NaN;
  const type = limit.limitType ?? limit.limit_type ?? "absolute";
  if (!["absolute", "usage_percentage"].includes(type)) {
    problems.push(`${about}: limitType must be absolute or usage_percentage, got ${shown(type)}`);
  }
  return type === "usage_percentage" ? { percent: amount } : amount;
}

/** The entries of one kind, by feature: at most one of each. */
function entriesOf<Definition extends { enabled?: boolean }>(
  defined: object,
  kind: Kind,
  problems: string[],
): [featureId: string, entry: Definition][] {
  const entries = new Map<string, Definition>();
  for (const list of SPELLINGS[kind].map((name) => Reflect.get(defined, name) as unknown)) {
    if (list === undefined || list === null) continue;
    if (!Array.isArray(list)) problems.push(`billingControls.${kind} must be a list, got ${shown(list)}`);
    for (const entry of Array.isArray(list) ? (list as unknown[]) : []) {
      if (!isObject(entry)) {
        problems.push(`billingControls.${kind} must have entries of a feature each, got ${shown(entry)}`);
        continue;
      }
      const id: unknown = Reflect.get(entry, "featureId") ?? Reflect.get(entry, "feature_id");
      const about = `billingControls.${kind} of ${shown(id)}`;
      const { enabled } = entry as { enabled?: unknown };
      refuseOthers(entry, ["featureId", "feature_id", "enabled", ...FIELDS[kind]], about, problems);
      // Autumn has a spend limit off, and overage forbidden, unless told: too easily meant otherwise.
      if (typeof enabled !== "boolean" && (enabled !== undefined || kind !== "usageLimits"))
        problems.push(`${about}: enabled must be true or false, got ${shown(enabled)}`);
      if (entries.has(id as string)) problems.push(`${about}: given twice`);
      entries.set(id as string, entry as Definition);
    }
  }
  return [...entries];
}

/** Nothing is ignored: what would have no effect is a problem, unless it is empty or off anyway. */
function refuseOthers(given: object, known: readonly string[], about: string, problems: string[]): void {
  for (const [key, value] of Object.entries(given)) {
    if (known.includes(key) || isOff(value)) continue;
    const name = key.replace(/_(\w)/g, (_, letter: string) => letter.toUpperCase());
    const instead = UNSUPPORTED[name];
    problems.push(
      instead === undefined
        ? `${about} has no ${shown(key)}`
        : `${about}: ${key} is not supported; ${instead}`,
    );
  }
}

function isOff(value: unknown): boolean {
  if (value === undefined || value === null || value === false) return true;
  return (
    Array.isArray(value) && value.every((entry) => isObject(entry) && Reflect.get(entry, "enabled") === false)
  );
}

function isObject(value: unknown): value is object {
  return typeof value === "object" && value !== null;
}
