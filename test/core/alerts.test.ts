import { describe, expect, test } from "vitest";
import { crossings, type Crossing, type UsageAlert, type Watch } from "../../src/core/alerts.js";
import type { Balance } from "../../src/core/balances.js";
import { draw, type OnInsufficient } from "../../src/core/draws.js";
import type { Scope } from "../../src/core/order.js";
import {
  ask,
  credits,
  DAY,
  grant,
  JAN_31,
  limit,
  messages,
  monthly,
  orCredits,
  row,
  usageBased,
} from "./fixtures.js";

const usage = (threshold: number): UsageAlert => ({ threshold, thresholdType: "usage" });
const percent = (threshold: number): UsageAlert => ({ threshold, thresholdType: "usage_percentage" });
const remaining = (threshold: number): UsageAlert => ({ threshold, thresholdType: "remaining" });
const percentLeft = (threshold: number): UsageAlert => ({ threshold, thresholdType: "remaining_percentage" });

interface Drawn {
  units: number;
  watch?: Partial<Watch>;
  scope?: Partial<Scope>;
  onInsufficient?: OnInsufficient;
}

/** What a draw crosses, and the rows that it leaves. */
function drawn(rows: readonly Balance[], { units, watch, scope, onInsufficient = "cap" }: Drawn) {
  const asked = ask(units, scope);
  const { rows: after } = draw(rows, asked, onInsufficient);
  const crossed = crossings(rows, after, asked, { usageAlerts: [], limits: false, ...watch });
  return { crossed, after };
}

const thresholds = (crossed: readonly Crossing[]) =>
  crossed.flatMap((each) =>
    each.kind === "threshold" ? [`${each.reached.threshold} ${each.reached.thresholdType}`] : [],
  );
const limits = (crossed: readonly Crossing[]) =>
  crossed.flatMap(({ kind, reached }) =>
    kind === "limit" ? [`${reached.featureId}: ${"reason" in reached ? reached.reason : ""}`] : [],
  );

/** What each of several draws, one after the other, crosses of `alerts`. */
function inTurn(start: Balance, alerts: UsageAlert[], draws: number[]): string[][] {
  let rows: readonly Balance[] = [start];
  return draws.map((units) => {
    const { crossed, after } = drawn(rows, {
      units,
      watch: { usageAlerts: alerts },
      onInsufficient: "overflow",
    });
    rows = after;
    return thresholds(crossed);
  });
}

describe("a threshold", () => {
  test.each([
    ["usage", usage(80)],
    ["a percentage of usage", percent(80)],
    ["what remains", remaining(20)],
    ["a percentage of what remains", percentLeft(20)],
  ])("of %s is crossed by the one draw that reaches it", (_name, alert) => {
    const crossed = inTurn(messages(grant("g")), [alert], [79, 1, 1, 19]);
    expect(crossed.map(({ length }) => length)).toEqual([0, 1, 0, 0]);
  });

  test.each([
    ["usage", usage(80)],
    ["a percentage of usage", percent(80)],
    ["what remains", remaining(20)],
    ["a percentage of what remains", percentLeft(20)],
  ])("of %s is crossed by a draw that goes far beyond it", (_name, alert) => {
    expect(inTurn(messages(grant("g")), [alert], [79, 20]).map(({ length }) => length)).toEqual([0, 1]);
  });

  test("is armed again by what is given back", () => {
    expect(inTurn(messages(grant("g")), [percent(80)], [80, -1, 1, -80, 79, 1])).toEqual([
      ["80 usage_percentage"],
      [],
      ["80 usage_percentage"],
      [],
      [],
      ["80 usage_percentage"],
    ]);
  });

  test("is not crossed by giving back, though it is gone through", () => {
    const full = messages(grant("g", { used: 100 }));
    expect(inTurn(full, [usage(80), percent(80), remaining(20), percentLeft(20)], [-50])).toEqual([[]]);
  });

  test("is told of in the order in which usage reaches it, whatever its kind", () => {
    const alerts = [percent(100), remaining(30), usage(10), percentLeft(50), percent(80), usage(90)];
    expect(inTurn(messages(grant("g")), alerts, [100])).toEqual([
      [
        "10 usage",
        "50 remaining_percentage",
        "30 remaining",
        "80 usage_percentage",
        "90 usage",
        "100 usage_percentage",
      ],
    ]);
  });

  test("may lie in overage", () => {
    const overdrawn = messages(grant("g", { overage: usageBased }));
    expect(inTurn(overdrawn, [percent(150), usage(120)], [119, 1, 29, 1])).toEqual([
      [],
      ["120 usage"],
      [],
      ["150 usage_percentage"],
    ]);
  });

  test("is neither lost nor told twice in ten draws of a tenth", () => {
    const crossed = inTurn(
      messages(grant("g", { granted: 1 })),
      [percent(30), usage(0.7)],
      Array(10).fill(0.1),
    );
    expect(crossed.map(({ length }) => length)).toEqual([0, 0, 1, 0, 0, 0, 1, 0, 0, 0]);
  });

  test("of a percentage that no double is, is crossed at the very unit", () => {
    // A third of 3 at 33.3 %: 0.999 units.
    const alert = percent(33.3);
    expect(inTurn(messages(grant("g", { granted: 3 })), [alert], [0.998999999, 0.000000001])).toEqual([
      [],
      ["33.3 usage_percentage"],
    ]);
  });

  test("of a percentage is none of a balance that was granted nothing", () => {
    const payAsYouGo = messages(grant("g", { granted: 0, overage: usageBased }));
    expect(inTurn(payAsYouGo, [percent(80), percentLeft(20), usage(5)], [10])).toEqual([["5 usage"]]);
  });

  test("is none of an unlimited balance", () => {
    const endless = messages(grant("g", { unlimited: true, granted: 0 }));
    expect(inTurn(endless, [usage(5), remaining(0), percent(80)], [10])).toEqual([[]]);
  });

  test("is of all that is live in a balance together", () => {
    const rows = messages(
      grant("month", { reset: monthly }),
      grant("gift"),
      grant("later", { startsAt: JAN_31 + DAY }),
      grant("gone", { expiresAt: JAN_31 }),
    );
    expect(inTurn(rows, [percent(80)], [159, 1])).toEqual([[], ["80 usage_percentage"]]);
  });

  test("is told with the balance right after the draw", () => {
    const { crossed } = drawn([messages(grant("g", { used: 70.5 }))], {
      units: 10.1,
      watch: { usageAlerts: [percent(80)] },
    });
    expect(crossed).toEqual([
      {
        kind: "threshold",
        reached: {
          featureId: "messages",
          threshold: 80,
          thresholdType: "usage_percentage",
          granted: 100,
          usage: 80.6,
          remaining: 19.4,
        },
      },
    ]);
  });

  test("of a feature or a plan is told of no other", () => {
    const rows = [messages(grant("g", { planId: "free" }))];
    const alerts = [
      { ...percent(10), featureId: "credits" },
      { ...percent(20), planId: "pro" },
      { ...percent(30), featureId: "messages", planId: "free" },
    ];
    const { crossed } = drawn(rows, { units: 50, watch: { usageAlerts: alerts } });
    expect(thresholds(crossed)).toEqual(["30 usage_percentage"]);
  });
});

describe("several balances", () => {
  test("are each told of in their own unit: messages, and credits that paid the rest", () => {
    const { crossed } = drawn(
      [messages(grant("own", { granted: 10 })), credits(grant("pool", { granted: 5 }))],
      {
        units: 50,
        scope: { pools: orCredits(0.1) },
        watch: { usageAlerts: [percent(80)] },
      },
    );
    expect(crossed.map(({ reached }) => reached)).toMatchObject([
      { featureId: "messages", usage: 10, granted: 10 },
      { featureId: "credits", usage: 4, granted: 5, remaining: 1 },
    ]);
  });

  test("that were not drawn are not told of", () => {
    const { crossed } = drawn([messages(grant("own")), credits(grant("pool", { used: 90 }))], {
      units: 90,
      scope: { pools: orCredits(1) },
      watch: { usageAlerts: [percent(80)] },
    });
    expect(crossed.map(({ reached }) => reached.featureId)).toEqual(["messages"]);
  });

  test("of an entity and of its customer are two", () => {
    const rows = [
      row("messages", [grant("shared", { granted: 10 })]),
      row("messages", [grant("own", { granted: 10 })], { entityId: "seat_1" }),
    ];
    const { crossed } = drawn(rows, {
      units: 18,
      scope: { entityId: "seat_1" },
      watch: { usageAlerts: [percent(80)] },
    });
    expect(crossed.map(({ reached }) => reached)).toMatchObject([
      { featureId: "messages", usage: 8 },
      { featureId: "messages", usage: 10, entityId: "seat_1" },
    ]);
    expect(crossed[0]?.reached).not.toHaveProperty("entityId");
  });
});

describe("a limit", () => {
  const watch = { limits: true };
  const reached = (rows: readonly Balance[], drawing: Drawn) =>
    limits(drawn(rows, { watch, ...drawing }).crossed);

  test("is reached by the draw that leaves nothing, and by no other", () => {
    expect(reached([messages(grant("g"))], { units: 99.999999999 })).toEqual([]);
    expect(reached([messages(grant("g"))], { units: 100 })).toEqual(["messages: insufficient"]);
    expect(reached([messages(grant("g"))], { units: 300 })).toEqual(["messages: insufficient"]);
    expect(reached([messages(grant("g", { used: 99.999999999 }))], { units: 1 })).toEqual([
      "messages: insufficient",
    ]);
    expect(reached([messages(grant("g", { used: 100 }))], { units: 1 })).toEqual([]);
  });

  test("is not reached while overage goes on, and is where that ends", () => {
    const upTo = (max?: number) => [messages(grant("g", { overage: { ...usageBased, max } }))];
    expect(reached(upTo(), { units: 500 })).toEqual([]);
    expect(reached(upTo(20), { units: 119 })).toEqual([]);
    expect(reached(upTo(20), { units: 120 })).toEqual(["messages: insufficient"]);
  });

  test("says what it is: a usage limit, a spend limit", () => {
    const capped = row("messages", [grant("g")], { limits: [limit(10)] });
    expect(reached([capped], { units: 10 })).toEqual(["messages: usage_limit"]);
    const spending = row("messages", [grant("g")], { overage: { allowed: true, max: 5 } });
    expect(reached([spending], { units: 105 })).toEqual(["messages: spend_limit"]);
  });

  test("is none of what is unlimited", () => {
    expect(reached([messages(grant("g", { unlimited: true }))], { units: 1_000 })).toEqual([]);
  });

  test("of what goes below zero by itself is reached once, at zero", () => {
    const seats = messages(grant("g", { granted: 5 }));
    expect(reached([seats], { units: 7, onInsufficient: "overflow" })).toEqual(["messages: insufficient"]);
    const below = messages(grant("g", { granted: 5, used: 7 }));
    expect(reached([below], { units: 1, onInsufficient: "overflow" })).toEqual([]);
  });

  const scope = { pools: orCredits(0.1) };
  test("of a feature is not reached while credits pay on", () => {
    const rows = [messages(grant("own", { granted: 10 })), credits(grant("pool", { granted: 5 }))];
    expect(reached(rows, { units: 10, scope })).toEqual([]);
  });

  test("of credits is the credits', though a message took the last", () => {
    const rows = [messages(grant("own", { granted: 10, used: 10 })), credits(grant("pool", { granted: 5 }))];
    expect(reached(rows, { units: 50, scope })).toEqual(["credits: insufficient"]);
    expect(reached([credits(grant("pool", { granted: 5 }))], { units: 50, scope })).toEqual([
      "credits: insufficient",
    ]);
  });

  test("is reached of both by a draw that takes the last of both", () => {
    const rows = [messages(grant("own", { granted: 10 })), credits(grant("pool", { granted: 5 }))];
    expect(reached(rows, { units: 60, scope })).toEqual(["messages: insufficient", "credits: insufficient"]);
  });

  test("of use that credits pay for is the feature's own", () => {
    const rows = [row("messages", [], { limits: [limit(10)] }), credits(grant("pool"))];
    expect(reached(rows, { units: 10, scope })).toEqual(["messages: usage_limit"]);
  });

  test("is looked for though the next unit could not be stored exactly", () => {
    // 8,388,608.899999998 is no double.
    const fine = messages(grant("g", { granted: 9_000_000, used: 8_388_607.399999998 }));
    expect(reached([fine], { units: 0.5 })).toEqual([]);
    const large = messages(grant("g", { granted: 2 ** 53 - 1, used: 2 ** 53 - 3 }));
    expect(reached([large], { units: 1 })).toEqual([]);
    expect(reached([large], { units: 2 })).toEqual(["messages: insufficient"]);
  });
});

test("a draw of nothing crosses nothing", () => {
  const at = messages(grant("g", { used: 80 }));
  const watch = { usageAlerts: [percent(80), usage(80), remaining(20)], limits: true };
  expect(drawn([at], { units: 0, watch }).crossed).toEqual([]);
  expect(drawn([messages(grant("g", { used: 100 }))], { units: 5, watch }).crossed).toEqual([]);
});
