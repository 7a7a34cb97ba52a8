import { describe, expect, test } from "vitest";
import { defineCatalog } from "../../src/core/catalog.js";
import {
  billingControls,
  plan,
  product,
  type BillingControlsDefinition,
} from "../../src/core/definitions.js";
import { refusal } from "./fixtures.js";

const features = [
  { id: "messages", type: "metered" },
  { id: "exports", type: "metered" },
  { id: "sso", type: "boolean" },
] as const;
const items = [{ featureId: "messages", included: 10, reset: { interval: "month" } }] as const;

const controlsIn = (billingControls: BillingControlsDefinition) =>
  defineCatalog({ features, plans: [{ id: "pro", items, billingControls }] }).plan("pro").controls;

/** Controls as a config in plain JavaScript may have them, whatever their types. */
const problemsOf = (billingControls: unknown, fields: object = {}) => {
  const pro = { id: "pro", items, billingControls, ...fields } as never;
  return (refusal(() => defineCatalog({ features, plans: [pro] })) as { problems?: string[] }).problems;
};

describe("a plan's controls", () => {
  test("are read as Autumn's config writes them", () => {
    expect(
      controlsIn({
        usage_limits: [
          { feature_id: "messages", enabled: true, limit: 10, interval: "day" },
          { feature_id: "exports", limit: 5, interval: "week", anchor: "utc" },
        ],
        spend_limits: [{ feature_id: "messages", enabled: true, overage_limit: 50 }],
        overage_allowed: [{ feature_id: "messages", enabled: true }],
      }),
    ).toEqual([
      {
        featureId: "messages",
        usageLimit: { max: 10, interval: "day" },
        spendLimit: 50,
        overageAllowed: true,
      },
      { featureId: "exports", usageLimit: { max: 5, interval: "week", anchor: "utc" } },
    ]);
  });

  test("are read in the spelling of code as well", () => {
    expect(
      controlsIn({
        usageLimits: [{ featureId: "messages", limit: 10, interval: "day" }],
        spendLimits: [
          { featureId: "exports", enabled: true, overageLimit: 20, limitType: "usage_percentage" },
        ],
        overageAllowed: [{ featureId: "exports", enabled: false }],
      }),
    ).toEqual([
      { featureId: "messages", usageLimit: { max: 10, interval: "day" } },
      { featureId: "exports", spendLimit: { percent: 20 }, overageAllowed: false },
    ]);
  });

  test("that are off are none, but that overage is forbidden is one", () => {
    expect(
      controlsIn({
        usage_limits: [{ feature_id: "messages", enabled: false, limit: 10, interval: "day" }],
        spend_limits: [{ feature_id: "messages", enabled: false, overage_limit: 50 }],
      }),
    ).toBeUndefined();
    expect(controlsIn({ overage_allowed: [{ feature_id: "messages", enabled: false }] })).toEqual([
      { featureId: "messages", overageAllowed: false },
    ]);
  });

  test("may be defined apart and shared, in either vocabulary", () => {
    const careful = billingControls({
      usage_limits: [{ feature_id: "messages", limit: 10, interval: "day" }],
    });
    const catalog = defineCatalog({
      messages: features[0],
      careful,
      pro: plan({ id: "pro", items, billingControls: careful }),
      old: product({ id: "old", items, billing_controls: careful }),
    });
    const expected = [{ featureId: "messages", usageLimit: { max: 10, interval: "day" } }];
    expect(catalog.plan("pro").controls).toEqual(expected);
    expect(catalog.plan("old").controls).toEqual(expected);
  });

  test("are none where none are given, so that a plan's version stays as it was", () => {
    expect(defineCatalog({ features, plans: [{ id: "pro", items }] }).plan("pro")).not.toHaveProperty(
      "controls",
    );
    expect(controlsIn({ usage_limits: [], spend_limits: [] })).toBeUndefined();
  });
});

describe("a catalog is refused, with the reason,", () => {
  const limit = { feature_id: "messages", limit: 10, interval: "day" };
  const spend = { feature_id: "messages", enabled: true, overage_limit: 10 };

  test.each<[string, unknown, string]>([
    [
      "that controls no feature",
      { usage_limits: [{ ...limit, feature_id: "nothing" }] },
      'control of "nothing": no such feature',
    ],
    ["that says of none which", { usage_limits: [{ limit: 10, interval: "day" }] }, "no such feature"],
    [
      "that limits what is on or off",
      { usage_limits: [{ ...limit, feature_id: "sso" }] },
      "a boolean feature is not used by amounts",
    ],
    ["of a limit below 0", { usage_limits: [{ ...limit, limit: -1 }] }, "limit must not be negative, got -1"],
    [
      "of a limit that is no number",
      { usage_limits: [{ ...limit, limit: NaN }] },
      "limit must be a finite number, got NaN",
    ],
    [
      "of a limit that is absent",
      { usage_limits: [{ feature_id: "messages", interval: "day" }] },
      "limit must be a number",
    ],
    [
      "of an unknown interval",
      { usage_limits: [{ ...limit, interval: "hour" }] },
      'interval must be day, week, month, year, got "hour"',
    ],
    [
      "of an unknown anchor",
      { usage_limits: [{ ...limit, anchor: "local" }] },
      'anchor must be billing_cycle or utc, got "local"',
    ],
    [
      "of two limits of one feature",
      { usage_limits: [limit, { ...limit, interval: "week" }] },
      "given twice",
    ],
    ["of two, one in each spelling", { usage_limits: [limit], usageLimits: [limit] }, "given twice"],
    [
      "of a spend limit below 0",
      { spend_limits: [{ ...spend, overage_limit: -1 }] },
      "overage limit must not be negative",
    ],
    [
      "of a spend limit of nothing",
      { spend_limits: [{ feature_id: "messages", enabled: true }] },
      "overage limit must be a finite number",
    ],
    [
      "of a spend limit of an unknown type",
      { spend_limits: [{ ...spend, limit_type: "money" }] },
      'limitType must be absolute or usage_percentage, got "money"',
    ],
    [
      "of a spend limit that is neither on nor off",
      { spend_limits: [{ ...spend, enabled: undefined }] },
      "enabled must be true or false",
    ],
    [
      "of overage that is neither allowed nor forbidden",
      { overage_allowed: [{ feature_id: "messages" }] },
      "enabled must be true or false",
    ],
    ["of a list that is none", { usage_limits: limit }, "must be a list"],
    ["of an entry that is none", { usage_limits: ["messages"] }, "must have entries of a feature each"],
    ["of controls that are none", "all", "must be an object of lists"],
    ["of a misspelt kind", { usageLimit: [limit] }, 'has no "usageLimit"'],
    ["of a misspelt field", { usage_limits: [{ ...limit, per: "day" }] }, 'has no "per"'],
  ])("%s", (_name, controls, expected) => {
    expect(problemsOf(controls)).toContainEqual(expect.stringContaining(expected));
  });

  test.each<[string, unknown, string]>([
    [
      "alerts",
      { usage_alerts: [{ feature_id: "messages", threshold: 80 }] },
      "usage_alerts is not supported; give Tally `usageAlerts` and `on.thresholdReached`",
    ],
    [
      "automatic top-ups",
      { autoTopups: [{ featureId: "messages", enabled: true }] },
      "autoTopups is not supported",
    ],
    [
      "filters",
      { usage_limits: [{ ...limit, filter: { properties: { model: "a" } } }] },
      "filter is not supported",
    ],
    [
      "overage that is not billed",
      { spend_limits: [{ ...spend, skip_overage_billing: true }] },
      "skip_overage_billing is not supported",
    ],
  ])("of what is not supported, rather than ignoring it: %s", (_name, controls, expected) => {
    expect(problemsOf(controls)).toEqual([expect.stringContaining(expected)]);
  });

  test("unless that is empty or off", () => {
    const controls: object = {
      usage_alerts: [],
      auto_topups: [{ feature_id: "messages", enabled: false }],
      spend_limits: [{ ...spend, skip_overage_billing: false }],
    };
    expect(controlsIn(controls)).toEqual([{ featureId: "messages", spendLimit: 10 }]);
  });

  test("of a top-up that controls anything: it is no plan that a customer has", () => {
    const topUp = { price: { amount: 5 }, items: [{ featureId: "messages", included: 10 }] };
    expect(problemsOf({ usage_limits: [limit] }, topUp)).toEqual([
      'plan "pro": what is paid once is added to what the customer has, and controls nothing of it',
    ]);
  });
});
