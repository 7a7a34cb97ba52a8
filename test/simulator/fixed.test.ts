/** The same runs each time: what they once found stays found. */
import { expect, test } from "vitest";
import { simulate } from "./simulate.js";

test("10,000 steps from a seed that stays the same are as the model says", { timeout: 240_000 }, async () => {
  const { steps, report, seen } = await simulate({ seed: 1, steps: 10_000 });
  expect(report ?? "").toBe("");
  expect(steps).toBeGreaterThanOrEqual(10_000);
  // They have met what they are for: agreeing about nothing is no proof.
  expect(MET.filter((sight) => (seen.get(sight) ?? 0) < 5)).toEqual([]);
});

const MET = [
  ...[
    "pass",
    "create",
    "entity",
    "check",
    "track",
    "consume",
    "event",
    "send",
    "reserve",
    "report",
    "extend",
  ],
  ...["confirm", "release", "refund", "grant", "set", "revoke", "attach", "cancel", "resume", "control"],
  ...["sweep", "together", "leave"],
  ...["track: replayed", "track: idempotency_conflict", "track: usage_exceeded", "track: entity_not_found"],
  ...["consume: usage_exceeded", "confirm: replayed", "confirm: reservation_closed", "attach: replayed"],
  ...["bad: invalid_amount", "bad: invalid_argument", "bad: feature_not_found"],
  ...["a charge", "a debt", "overage", "a rollover", "a trial", "a plan that begins later"],
  ...["a hold that was swept", "a late confirmation", "a return to its grants", "a return that has lapsed"],
  ...["a use of several grants", "a use that is not covered", "a use without limit", "an entity's use"],
  ...["what is left of a plan"],
];
