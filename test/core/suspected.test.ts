/** What looks wrong in src/core: each case fails, and says what was to be expected. */
import { describe, expect, test } from "vitest";
import { advance } from "../../src/core/advance.js";
import { draw } from "../../src/core/draws.js";
import { changeGrants } from "../../src/core/plans.js";
import {
  ask,
  credits,
  DAY,
  grant,
  JAN_31,
  messages,
  monthly,
  orCredits,
  usageBased,
  used,
} from "./fixtures.js";

describe("a plan change", () => {
  test("keeps the count of what is held, overage and all: seven seats stay seven", () => {
    const seats = messages(grant("old", { source: "old", granted: 5, used: 7, overage: usageBased }));
    const incoming = [grant("new", { granted: 10 })];
    // The caller says keepsUsage for held features (and for consumables when unpaid): the two differ, core cannot tell.
    const { balance } = changeGrants(seats, {
      ending: new Set(["old"]),
      incoming,
      keepsUsage: true,
      now: JAN_31 + DAY,
    });
    expect(used([balance])).toEqual({ new: 7 });
  });

  test("keeps a carried debt, which closing the period does not charge", () => {
    const owing = messages(grant("old", { source: "old", used: 150, overage: usageBased, carry: true }));
    const { balance, closed } = changeGrants(owing, {
      ending: new Set(["old"]),
      incoming: [grant("new", { carry: true, overage: usageBased })],
      keepsUsage: true,
      now: JAN_31 + DAY,
    });
    expect(closed).toEqual([]);
    expect(used([balance])).toEqual({ new: 150 });
  });

  test("does not charge for what an unlimited plan had paid", () => {
    const unlimited = messages(grant("old", { source: "old", granted: 0, unlimited: true, used: 10_000 }));
    const { balance } = changeGrants(unlimited, {
      ending: new Set(["old"]),
      incoming: [grant("new", { reset: monthly, overage: usageBased })],
      keepsUsage: true,
      now: JAN_31 + DAY,
    });
    expect(advance(balance, monthly.nextAt).closed).toEqual([]);
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
