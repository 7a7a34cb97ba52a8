/** What looks wrong in src/core: each case fails, and says what was to be expected. */
import { describe, expect, test } from "vitest";
import { advance } from "../../src/core/advance.js";
import { summarize } from "../../src/core/answers.js";
import type { Grant } from "../../src/core/balances.js";
import { defineCatalog } from "../../src/core/catalog.js";
import { feature, item, plan } from "../../src/core/definitions.js";
import { decide, draw } from "../../src/core/draws.js";
import { setGrants } from "../../src/core/grants.js";
import { changeGrants, type GrantChange } from "../../src/core/plans.js";
import { restore } from "../../src/core/refunds.js";
import {
  ask,
  credits,
  DAY,
  FEB_28,
  grant,
  JAN_31,
  limit,
  messages,
  monthly,
  orCredits,
  row,
  scope,
  usageBased,
  used,
} from "./fixtures.js";

const change = (fields: Partial<GrantChange>): GrantChange => ({
  ending: new Set(["old"]),
  incoming: [grant("new")],
  keepsUsage: true,
  keepsBalance: false,
  now: JAN_31 + DAY,
  nextGrantId: () => "next",
  ...fields,
});

describe("a plan change", () => {
  // keepsUsage is said for what is held, and for consumables when unpaid: the two differ, and core cannot tell.
  test("keeps the count of what is held, overage and all: seven seats stay seven", () => {
    const seats = messages(grant("old", { source: "old", granted: 5, used: 7, overage: usageBased }));
    const { balance } = changeGrants(seats, change({ incoming: [grant("new", { granted: 10 })] }));
    expect(used([balance])).toEqual({ new: 7 });
  });

  test("keeps a carried debt, which closing the period does not charge", () => {
    const owing = messages(grant("old", { source: "old", used: 150, overage: usageBased, carry: true }));
    const { balance, closed } = changeGrants(owing, change({}));
    expect(closed).toEqual([]);
    expect(used([balance])).toEqual({ new: 150 });
  });

  test("does not charge for what an unlimited plan had paid", () => {
    const unlimited = messages(grant("old", { source: "old", granted: 0, unlimited: true, used: 10_000 }));
    const incoming = [grant("new", { reset: monthly, overage: usageBased })];
    const { balance } = changeGrants(unlimited, change({ incoming }));
    expect(advance(balance, FEB_28).closed).toEqual([]);
  });

  test("that is scheduled hands the usage of a plan to its own heirs, not to those of another that ends with it", () => {
    const plans = messages(
      grant("a", { source: "a", used: 30, expiresAt: FEB_28 }),
      grant("b", { source: "b", used: 5, expiresAt: FEB_28 }),
      grant("a2", { source: "a2", startsAt: FEB_28, inherits: "a" }),
      grant("b2", { source: "b2", startsAt: FEB_28, inherits: "b" }),
    );
    expect(used([advance(plans, FEB_28).balance])).toEqual({ a2: 30, b2: 5 });
  });
});

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

test("a draw and a check give the same reason where nothing includes the feature", () => {
  const limited = [row("messages", [], { limits: [limit(1)] })];
  expect(decide(limited, ask(5)).reason).toBe("not_included");
  expect(draw(limited, ask(5), "reject").shortage).toBe("not_included");
});

// Both would follow if a draw from a grant that carries its debt lapsed at the reset (`until`) as far as it is
// within what was granted, and only the part beyond (the debt, a draw of its own) did not.
describe("a grant that carries its debt", () => {
  test("and was set above what it granted by hand gets back what was drawn from it", () => {
    const rows = [messages(grant("a", { used: -5, carry: true }))];
    const paid = draw(rows, ask(3), "cap");
    expect(used(restore(paid.rows, paid.draws, JAN_31, 3, scope()).rows)).toEqual({ a: -5 });
  });

  test("does not return what was used since the reset that has forgotten a draw", () => {
    const before = messages(grant("a", { carry: true, reset: monthly }));
    const paid = draw([before], ask(50), "cap");
    const fresh = [advance(paid.rows[0] ?? before, FEB_28).balance];
    const since = draw(fresh, ask(30, { now: FEB_28 }), "cap").rows;
    const returned = restore(since, paid.draws, JAN_31, 50, scope({ now: FEB_28 }));
    expect(used(returned.rows)).toEqual({ a: 30 });
    expect(returned.lapsed).toBe(50);
  });
});

test("amounts and costs are exact together up to fifteen digits, and not beyond", () => {
  // 8 999 999 999.000001 is no double: between 2^33 and 2^34 the next one is 0.0000019 away.
  const catalog = {
    features: [
      feature({ id: "tokens", type: "metered" }),
      feature({
        id: "pool",
        type: "credit_system",
        creditSchema: [{ meteredFeatureId: "tokens", creditCost: 0.000001 }],
      }),
    ],
    plans: [plan({ id: "pro", items: [item({ featureId: "pool", included: 9_000_000_000 })] })],
  };
  const rows = [row("pool", [grant("a", { granted: 9_000_000_000, used: 8_999_999_999 })])];
  const pools = [
    { featureId: "tokens" },
    { featureId: "pool", cost: { creditAmount: 0.000001, featureAmount: 1 } },
  ];
  expect(() => draw(rows, ask(1, { pools }), "reject")).toThrow("cannot be stored exactly");
  expect(() => defineCatalog(catalog)).toThrow("cannot be exact together");
});

describe("setting what is left by hand", () => {
  const summary = (...grants: Grant[]) =>
    summarize([setGrants(messages(...grants), { remaining: 20 }, undefined, JAN_31)], scope());

  test("sets what is shown as left, also beside a grant in overage", () => {
    expect(summary(grant("a", { used: 150, reset: monthly }), grant("b")).remaining).toBe(20);
  });

  test("gives what is more than was granted to a grant that stays, not to a rollover that soon expires", () => {
    const rollover = grant("r", { granted: 5, rolledFrom: "a", expiresAt: FEB_28 });
    const raised = setGrants(messages(rollover, grant("a")), { remaining: 500 }, undefined, JAN_31);
    expect(used([raised])).toEqual({ r: 0, a: -395 });
  });

  test("takes what is more than was granted from a grant that can be overdrawn, not from a rollover", () => {
    const rollover = grant("r", { granted: 5, rolledFrom: "a", expiresAt: FEB_28 });
    const lowered = setGrants(messages(rollover, grant("a")), { usage: 200 }, undefined, JAN_31);
    expect(used([lowered])).toEqual({ r: 5, a: 195 });
  });
});
