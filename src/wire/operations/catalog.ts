/** What `atmn` asks: the catalog is pulled as it is; a push of the same changes nothing, and of another is refused. */
import { z } from "zod";
import {
  featureDifferences,
  planDifferences,
  pushedFeature,
  pushedPlan,
  type Difference,
} from "../catalogs.js";
import { WireError } from "../failures.js";
import { operation, optional, type Call } from "../operations.js";

const pushBody = z.object({
  features: optional(z.array(pushedFeature).max(1_000)),
  plans: optional(z.array(pushedPlan).max(1_000)),
  rewards: optional(z.array(z.unknown())),
  referral_programs: optional(z.array(z.unknown())),
  skip_deletions: optional(z.boolean()),
  skip_feature_ids: optional(z.array(z.string())),
  skip_plan_ids: optional(z.array(z.string())),
});
type PushBody = z.output<typeof pushBody>;

/** How much of what differs one answer says. */
const MAX_DETAILS = 30;

function differencesOf({ tally: { catalog } }: Call, body: PushBody) {
  const { features = [], plans = [] } = body;
  const isAsked = (skipped: readonly string[] | undefined) => (difference: Difference) =>
    skipped?.includes(difference.id) !== true &&
    (body.skip_deletions !== true || difference.action !== "remove");
  return {
    features: featureDifferences(catalog, features).filter(isAsked(body.skip_feature_ids)),
    plans: planDifferences(catalog, plans, features).filter(isAsked(body.skip_plan_ids)),
  };
}

/** What a push would change, which is nothing where the config is the catalog's own. */
export const previewUpdate = operation({
  body: pushBody,
  run: async (call: Call, body: PushBody) => await Promise.resolve({ ...differencesOf(call, body), body }),
  current: ({ features, plans, body }) => ({
    feature_changes: features.map(({ id, action, details }) => ({
      feature_id: id,
      action,
      will_archive: false,
      blocked: action === "remove",
      blocked_reason: action === "remove" ? "in_code" : null,
      previous_attributes: null,
      details,
    })),
    plan_changes: plans.map(({ id, action, details }) => ({
      plan_id: id,
      action: PLAN_ACTIONS[action],
      versionable: false,
      will_archive: false,
      variants: [],
      other_versions: [],
      details,
    })),
    reward_changes: (body.rewards ?? []).map((reward) => ({ id: nameOf(reward), action: "create" })),
    referral_program_changes: (body.referral_programs ?? []).map((program) => ({
      id: nameOf(program),
      action: "create",
    })),
  }),
});

const PLAN_ACTIONS = { none: "none", create: "created", update: "updated", remove: "deleted" } as const;

function nameOf(given: unknown): string {
  const named = typeof given === "object" && given !== null && "id" in given ? given.id : undefined;
  return typeof named === "string" ? named : "";
}

/** Answers a push of the catalog itself; throws `not_supported`, saying what differs, of another. */
export const update = operation({
  body: pushBody,
  run: async (call: Call, body: PushBody) => {
    const { features, plans } = differencesOf(call, body);
    const details = [...features, ...plans].flatMap((difference) => difference.details);
    if ((body.rewards ?? []).length > 0)
      details.push("rewards are not supported: give what they give with grants");
    if ((body.referral_programs ?? []).length > 0)
      details.push("referral programs are not supported: give what they give with grants");
    if (details.length === 0) return await Promise.resolve({ features, plans });
    const shownDetails = details.slice(0, MAX_DETAILS).map((detail) => `\n  - ${detail}`);
    const more = details.length > MAX_DETAILS ? `\n  - and ${details.length - MAX_DETAILS} more` : "";
    throw new WireError(
      400,
      "not_supported",
      `The catalog lives in the app's code: change it in defineCatalog and deploy. It differs from what is pushed:${shownDetails.join("")}${more}\nNothing was changed.`,
    );
  },
  current: () => ({ features: [], plans: [], rewards: [], referral_programs: [] }),
});

const nothing = z.unknown();

/** Whose deployment it is, as the command line shows it. */
export const me = operation({
  body: nothing,
  run: async ({ env }: Call) => await Promise.resolve({ env }),
  current: ({ env }) => ({ id: "tally", name: "Tally", slug: "tally", env }),
});

export const catalogOperations = {
  "catalog.preview_update": previewUpdate,
  "catalog.update": update,
  "organization.me": me,
  "rewards.list": operation({
    body: nothing,
    run: async () => await Promise.resolve(null),
    current: () => ({ coupons: [], feature_grants: [] }),
  }),
  "referral_programs.list": operation({
    body: nothing,
    run: async () => await Promise.resolve(null),
    current: () => ({ list: [] }),
  }),
};
