/** What looks wrong in src/core: each case fails, and says what was to be expected. */
import { describe, expect, test } from "vitest";
import { advance } from "../../src/core/advance.js";
import { defineCatalog } from "../../src/core/catalog.js";
import { changeControls } from "../../src/core/controls.js";
import { feature, item, plan } from "../../src/core/definitions.js";
import { draw } from "../../src/core/draws.js";
import { setGrants } from "../../src/core/grants.js";
import { restore } from "../../src/core/refunds.js";
import {
  ask,
  credits,
  FEB_28,
  grant,
  JAN_31,
  limit,
  MAR_31,
  messages,
  monthly,
  orCredits,
  row,
  scope,
  usageBased,
  used,
} from "./fixtures.js";

// A rule of the design, not a slip: every use is rounded up at 9 places, so the last of thirty is refused for 1e-8 credits.
test("ten credits at three messages each pay thirty single messages", () => {
  let rows = [credits(grant("a", { granted: 10 }))];
  let applied = 0;
  for (let n = 0; n < 30; n++) {
    const outcome = draw(rows, ask(1, { pools: orCredits(1, 3) }), "reject");
    rows = outcome.rows;
    applied += outcome.applied;
  }
  expect(applied).toBe(30);
});

describe("costs", () => {
  const withCredits = (included: number, creditAmount: number, featureAmount: number) => ({
    features: [
      feature({ id: "messages", type: "metered" }),
      feature({
        id: "pool",
        type: "credit_system",
        creditSchema: [{ meteredFeatureId: "messages", creditAmount, featureAmount }],
      }),
    ],
    plans: [plan({ id: "pro", items: [item({ featureId: "pool", included })] })],
  });

  test("that terminate are not taken for such that do not: 0.3 / 3 is 0.09999999999999999 in doubles", () => {
    expect(() => defineCatalog(withCredits(5_000_000, 0.3, 3))).not.toThrow();
    expect(() => defineCatalog(withCredits(5_000_000, 4.35, 100))).not.toThrow();
  });

  test("in whole credits are exact up to the largest amount", () => {
    expect(() => defineCatalog(withCredits(9_007_199_254_740_991, 1, 1))).not.toThrow();
  });
});

describe("setting usage by hand", () => {
  test("to nothing leaves nothing used, and nothing owed", () => {
    const both = messages(grant("a", { used: 10, reset: monthly }), grant("b", { used: 150 }));
    expect(used([setGrants(both, { usage: 0 }, undefined, JAN_31)])).toEqual({ a: 0, b: 0 });
  });
});

test("a debt that a later period has paid, and that has lapsed with it, is not given back", () => {
  const before = messages(grant("a", { carry: true, overage: usageBased, reset: monthly }));
  const paid = draw([before], ask(150), "cap");
  const later = [advance(paid.rows[0] ?? before, MAR_31).balance];
  expect(used(later)).toEqual({ a: 0 });
  const returned = restore(later, paid.draws, JAN_31, 150, scope({ now: MAR_31 }));
  expect(used(returned.rows)).toEqual({ a: 0 });
  expect(returned.lapsed).toBe(150);
});

describe("a spend limit by percentage", () => {
  test("is an amount: it has no more than 9 decimal places, so that no draw has", () => {
    const changed = changeControls(
      messages(grant("a", { granted: 100.1, reset: monthly, overage: usageBased })),
      { spendLimit: { percent: 33.333333333 } },
      JAN_31,
    );
    expect(changed.overage?.max).toBe(33.366666666);
  });

  test("is of what plans include, not of what was given besides", () => {
    const grants = [
      grant("plan", { granted: 10, reset: monthly, planId: "pro" }),
      grant("gift", { granted: 1000, reset: monthly, source: "grant" }),
    ];
    expect(changeControls(messages(...grants), { spendLimit: { percent: 50 } }, JAN_31).overage?.max).toBe(5);
  });
});

test("a limit that stays keeps its count, though the plan's periods begin at another instant now", () => {
  const before = row("messages", [grant("a", { reset: { ...monthly, anchor: FEB_28 } })], {
    limits: [limit(10, { used: 7 })],
  });
  const after = changeControls(before, { usageLimits: [{ max: 20, interval: "month" }] }, FEB_28 - 1);
  expect(after.limits?.[0]?.used).toBe(7);
});
