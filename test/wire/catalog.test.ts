import { describe, expect, test } from "vitest";
import { call, deploy, send } from "./deployment.js";

const month = { interval: "month" };
const metered = { type: "metered", consumable: true };
/** The catalog of these tests as `atmn` sends a config of it. */
const features = [
  { feature_id: "messages", name: "Messages", ...metered, event_names: ["chat"] },
  { feature_id: "words", name: "Words", ...metered, event_names: ["chat"] },
  { feature_id: "seats", name: "Seats", type: "metered", consumable: false },
  { feature_id: "basic_model", name: "Basic model", ...metered },
  { feature_id: "sso", name: "Single sign-on", type: "boolean" },
  {
    feature_id: "credits",
    name: "Credits",
    type: "credit_system",
    credit_schema: [{ metered_feature_id: "basic_model", credit_cost: 0.2 }],
  },
];
const common = { group: "", add_on: false, auto_enable: false, licenses: [], price: null, free_trial: null };
const words = { feature_id: "words", included: 1_000, reset: month };
const pro = {
  ...common,
  plan_id: "pro",
  name: "Pro",
  price: { amount: 20, interval: "month" },
  items: [
    { feature_id: "messages", included: 100, reset: month },
    {
      ...words,
      price: { amount: 0.5, billing_units: 100, billing_method: "usage_based", interval: "month" },
    },
    { feature_id: "credits", included: 20, reset: month },
    { feature_id: "seats", included: 10 },
    { feature_id: "sso" },
  ],
};
const plans = [
  {
    ...common,
    plan_id: "free",
    name: "Free",
    auto_enable: true,
    items: [
      { feature_id: "messages", included: 10, reset: month },
      { feature_id: "words", included: 100, reset: month },
      { feature_id: "credits", included: 1, reset: month },
      { feature_id: "seats", included: 3 },
    ],
  },
  pro,
  {
    ...common,
    plan_id: "team",
    name: "Team",
    price: { amount: 50, interval: "month" },
    items: [
      { feature_id: "messages", included: 500, reset: month },
      {
        feature_id: "seats",
        included: 5,
        price: { amount: 10, billing_method: "prepaid", billing_units: 1, interval: "month" },
      },
      { feature_id: "sso" },
    ],
  },
  {
    ...common,
    plan_id: "boost",
    name: "Boost",
    add_on: true,
    price: { amount: 5, interval: "month" },
    items: [{ feature_id: "messages", included: 50, reset: month }],
  },
  {
    ...common,
    plan_id: "top_up",
    name: "Top-up",
    price: { amount: 10, interval: "one_off" },
    items: [{ feature_id: "credits", included: 100, reset: { interval: "one_off" } }],
  },
  {
    ...common,
    plan_id: "starter",
    name: "Starter",
    items: [{ feature_id: "messages", included: 25, reset: month }],
  },
  {
    ...common,
    plan_id: "sticker",
    name: "Sticker",
    add_on: true,
    items: [{ feature_id: "messages", included: 3, reset: month }],
  },
  {
    ...common,
    plan_id: "gift",
    name: "Gift",
    price: { amount: 0, interval: "one_off" },
    items: [{ feature_id: "credits", included: 100, reset: { interval: "one_off" } }],
  },
  {
    ...common,
    plan_id: "trial",
    name: "Trial",
    archived: true,
    price: { amount: 30, interval: "month" },
    free_trial: { duration_type: "day", duration_length: 7, card_required: true },
    items: [{ feature_id: "messages", included: 30, reset: month }],
  },
];
const same = { features, plans, rewards: [], referral_programs: [], skip_deletions: false };

interface Preview {
  feature_changes: { feature_id: string; action: string }[];
  plan_changes: { plan_id: string; action: string; variants: unknown[]; details: string[] }[];
}

async function preview(t: ReturnType<typeof deploy>, body: object) {
  const answer = (await call(t, "catalog.preview_update", body, { version: "2.2.0" })) as unknown as Preview;
  const of = (changes: { action: string }[], name: "feature_id" | "plan_id") =>
    changes
      .filter(({ action }) => action !== "none")
      .map((change) => `${change.action} ${Reflect.get(change, name) as string}`);
  return {
    answer,
    changes: [...of(answer.feature_changes, "feature_id"), ...of(answer.plan_changes, "plan_id")],
  };
}

describe("a push", () => {
  test("of the catalog itself changes nothing", async () => {
    const t = deploy();
    const { answer, changes } = await preview(t, same);
    expect(changes).toEqual([]);
    expect(answer.feature_changes).toHaveLength(6);
    expect(answer.plan_changes).toHaveLength(9);
    expect(answer.plan_changes[0]).toMatchObject({ plan_id: "free", action: "none", variants: [] });
    expect(await call(t, "catalog.update", same)).toEqual({
      features: [],
      plans: [],
      rewards: [],
      referral_programs: [],
    });
  });

  test("of another one is told what differs, and refused", async () => {
    const t = deploy();
    const [messages, ...others] = features;
    const other = {
      ...same,
      features: [{ ...messages, name: "Chats" }, ...others, { feature_id: "files", ...metered }],
      plans: plans
        .filter(({ plan_id }) => plan_id !== "boost")
        .map((plan) =>
          plan.plan_id === "pro"
            ? { ...plan, price: { amount: 25, interval: "month" }, items: [words] }
            : plan,
        ),
    };
    expect((await preview(t, other)).changes).toEqual([
      "update messages",
      "create files",
      "updated pro",
      "deleted boost",
    ]);
    const { status, body } = await send(t, "catalog.update", other);
    expect([status, body.code]).toEqual([400, "not_supported"]);
    for (const said of [
      'feature "messages": name is "Messages" in the app\'s code, "Chats" in what is pushed',
      'plan "pro": price.amount is 20 in the app\'s code, 25 in what is pushed',
      'plan "pro": items.messages is {',
      'plan "boost" is in the app\'s code, and not in what is pushed',
      "defineCatalog",
      "Nothing was changed.",
    ])
      expect(body.message).toContain(said);
    expect((await preview(t, same)).changes).toEqual([]);
  });

  test("may leave out what it does not mean to delete", async () => {
    const t = deploy();
    const some = { ...same, plans: [pro] };
    expect((await preview(t, { ...some, skip_deletions: true })).changes).toEqual([]);
    expect(
      (
        await preview(t, {
          ...some,
          skip_plan_ids: ["free", "team", "top_up", "starter", "sticker", "gift", "trial"],
        })
      ).changes,
    ).toEqual(["deleted boost"]);
  });

  test.each([
    [{ ...pro, items: [{ feature_id: "messages", included: 1 }] }, "reset"],
    [
      { ...pro, billing_controls: { auto_topups: [{ feature_id: "messages", enabled: true }] } },
      "auto_topups is not supported",
    ],
    [{ ...pro, free_trial: { duration_type: "day", duration_length: 3 } }, "trial"],
    [{ ...pro, add_on: true }, "addOn"],
    [{ ...pro, description: "The best" }, "description"],
  ])("tells a plan that differs by one term: %#", async (changed, term) => {
    const t = deploy();
    const pushed = { ...same, plans: plans.map((plan) => (plan.plan_id === "pro" ? changed : plan)) };
    const { answer, changes } = await preview(t, pushed);
    expect(changes).toEqual(["updated pro"]);
    expect(JSON.stringify(answer.plan_changes)).toContain(term);
  });

  test("of rewards is refused", async () => {
    const t = deploy();
    expect(await send(t, "catalog.update", { ...same, rewards: [{ id: "gift" }] })).toMatchObject({
      status: 400,
      body: { code: "not_supported", message: expect.stringContaining("rewards") },
    });
  });
});

test("the command line learns whose deployment it is, and that there are no rewards", async () => {
  const t = deploy();
  expect(await call(t, "organization/me", undefined, { method: "GET" })).toMatchObject({
    name: expect.any(String),
    slug: expect.any(String),
    env: "live",
  });
  expect(await call(t, "rewards.list", {})).toEqual({ coupons: [], feature_grants: [] });
  expect(await call(t, "referral_programs.list", {})).toEqual({ list: [] });
});

test.each([
  "rewards.create",
  "rewards.get",
  "rewards.update",
  "rewards.delete",
  "rewards.redeem",
  "referrals.create_code",
  "referrals.redeem_code",
  "referral_programs.create",
  "referral_programs.get",
  "referral_programs.update",
  "referral_programs.delete",
  "invoices.create",
  "invoices.insert",
  "invoices.list",
  "invoices.listTemplates",
  "invoices.pay",
  "invoices.reissue",
  "invoices.void",
  "keys.mint",
  "keys.refresh",
  "keys.revoke",
  "licenses.attach",
  "licenses.release",
  "logs.search",
  "platform.get_revenuecat_keys",
  "platform.link_revenuecat",
  "platform.sync_revenuecat",
  "sandboxes.create",
  "sandboxes.delete",
  "sandboxes.list",
  "sandboxes.reset",
  "customers.advance_test_clock",
])("%s is not supported, and says what is", async (path) => {
  const t = deploy();
  const { status, body } = await send(t, path);
  expect([status, body.code]).toEqual([400, "not_supported"]);
  expect(String(body.message).length).toBeGreaterThan(60);
});
