/** Autumn's `billing_controls` of a customer or an entity, as changes of Tally's controls. */
import { z } from "zod";
import { amountProblem } from "../core/arguments.js";
import type { ControlChange } from "../core/controlTerms.js";
import { WireError } from "./failures.js";
import { id, optional, type Call } from "./operations.js";
import type { Account } from "./shapes/accounts.js";
import { defaultPlans } from "../client/versions.js";

const amount = z
  .number()
  .refine((value) => value >= 0 && amountProblem(value) === null, "must be an amount of 0 or more");
const ofFeature = { feature_id: optional(id), enabled: optional(z.boolean()) };
const listed = <Entry extends z.ZodType>(entry: Entry) => optional(z.array(entry).max(200));

export const controlsField = optional(
  z.object({
    usage_limits: listed(
      z.object({
        ...ofFeature,
        limit: amount,
        interval: z.enum(["day", "week", "month", "year"]),
        anchor: optional(z.enum(["billing_cycle", "utc"])),
        filter: optional(z.unknown()),
      }),
    ),
    spend_limits: listed(
      z.object({
        ...ofFeature,
        limit_type: optional(z.enum(["absolute", "usage_percentage"])),
        overage_limit: optional(amount),
        skip_overage_billing: optional(z.boolean()),
      }),
    ),
    overage_allowed: listed(z.object(ofFeature)),
    auto_topups: listed(z.object(ofFeature)),
    usage_alerts: listed(z.object(ofFeature)),
  }),
);
type Given = NonNullable<z.output<typeof controlsField>>;

interface Change {
  featureId: string;
  change: ControlChange;
}

/** As many limits of one feature as a customer may have of his own. */
const MAX_LIMITS = 8;

/** Throws `not_supported` of what Tally does otherwise, and `feature_not_found`: before anything is changed. */
export function assertControls({ tally: { catalog } }: Call, given: Given): void {
  const { usage_limits: limits = [], spend_limits: spending = [], overage_allowed: allowed = [] } = given;
  const isOn = ({ enabled }: { enabled?: boolean }) => enabled !== false;
  refuseIf(given.auto_topups?.some(isOn), "auto_topups", "Top up from the app, in `on.thresholdReached`.");
  refuseIf(
    given.usage_alerts?.some(isOn),
    "usage_alerts",
    "Give Tally `usageAlerts` and `on.thresholdReached`.",
  );
  refuseIf(
    limits.some(({ filter }) => filter !== undefined),
    "usage_limits.filter",
    "Define a feature for the events that are to count.",
  );
  refuseIf(
    spending.some(({ skip_overage_billing: isFree }) => isFree === true),
    "spend_limits.skip_overage_billing",
    "Give the plan's item no price, and allow overage.",
  );
  for (const { feature_id: featureId } of [...limits, ...spending, ...allowed]) {
    refuseIf(featureId === undefined, "a control of all features", "Name its feature_id.");
    if (featureId !== undefined && catalog.feature(featureId).type === "boolean") {
      throw new WireError(
        400,
        "invalid_inputs",
        `feature_id "${featureId}" is on or off: nothing of it can be limited. Nothing was changed.`,
      );
    }
  }
  for (const each of spending.filter((limit) => limit.enabled === true)) {
    refuseIf(each.overage_limit === undefined, "a spend limit without overage_limit", "Say how much.");
  }
  const capped = limits.filter(isOn).map((limit) => limit.feature_id);
  refuseIf(
    capped.some((featureId) => capped.filter((each) => each === featureId).length > MAX_LIMITS),
    `more than ${MAX_LIMITS} usage_limits of a feature`,
    "Keep the strictest.",
  );
}

function refuseIf(isGiven: boolean | undefined, what: string, instead: string): void {
  if (isGiven !== true) return;
  throw new WireError(400, "not_supported", `${what} is not supported. ${instead} Nothing was changed.`);
}

/**
 * Makes a customer's own controls (or one entity's) what is given. A list that is given is all there is to be of
 * its kind, and one that is not stays as it is: as Autumn's.
 */
export async function setControls(
  call: Call,
  { customerId, entityId }: { customerId: string; entityId?: string },
  given: Given | undefined,
  balances: Account["balances"],
): Promise<void> {
  if (given === undefined) return;
  const changes = changesOf(
    given,
    balances.filter((row) => row.entityId === entityId),
  );
  if (changes.length === 0) return;
  const { ctx, tally } = call;
  const provision = { plans: await defaultPlans(tally.catalog) };
  await ctx.runMutation(tally.component.controls.setAll, { customerId, entityId, provision, changes });
}

function changesOf(given: Given, balances: Account["balances"]): Change[] {
  const { usage_limits: limits, spend_limits: spending, overage_allowed: allowed } = given;
  const changes = new Map<string, ControlChange>();
  const change = (featureId: string | undefined, of: ControlChange) => {
    if (featureId !== undefined) changes.set(featureId, { ...changes.get(featureId), ...of });
  };
  for (const { featureId, controls } of balances) {
    const { own } = controls ?? {};
    if (limits !== undefined && own?.usageLimits !== undefined) change(featureId, { usageLimits: null });
    if (spending !== undefined && own?.spendLimit !== undefined) change(featureId, { spendLimit: null });
    if (allowed !== undefined && own?.overageAllowed !== undefined)
      change(featureId, { overageAllowed: null });
  }
  for (const { feature_id: featureId, limit: max, interval, anchor } of (limits ?? []).filter(
    ({ enabled }) => enabled !== false,
  )) {
    const before = changes.get(featureId ?? "")?.usageLimits ?? [];
    const added = { max, interval, ...(anchor !== undefined && { anchor }) };
    change(featureId, { usageLimits: [...before, added] });
  }
  for (const { feature_id: featureId, enabled, limit_type: type, overage_limit: max } of spending ?? []) {
    if (enabled !== true || max === undefined) continue;
    change(featureId, { spendLimit: type === "usage_percentage" ? { percent: max } : max });
  }
  for (const { feature_id: featureId, enabled = false } of allowed ?? [])
    change(featureId, { overageAllowed: enabled });
  return [...changes].map(([featureId, of]) => ({ featureId, change: of }));
}
