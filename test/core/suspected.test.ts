/** What looks wrong in src/core: each case fails, and says what was to be expected. */
import { expect, test } from "vitest";
import { draw } from "../../src/core/draws.js";
import { restore } from "../../src/core/refunds.js";
import { ask, credits, DAY, grant, JAN_31, messages, monthly, orCredits, scope, used } from "./fixtures.js";

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

// `until` is the expiry here, debt or not. What tells them apart is whether the grant was reset since the draw:
// only then (lastBoundary(grant.reset, now) > drawnAt) is a draw that has not lapsed a debt, and no more than `used` comes back.
test("a draw is given back whole where nothing was reset since, though its grant expires before its reset", () => {
  const rows = [messages(grant("a", { used: -5, carry: true, reset: monthly, expiresAt: JAN_31 + DAY }))];
  const paid = draw(rows, ask(3), "cap");
  const returned = restore(paid.rows, paid.draws, JAN_31, 3, scope());
  expect(used(returned.rows)).toEqual({ a: -5 });
});
