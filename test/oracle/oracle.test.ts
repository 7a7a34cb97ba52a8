/** The files of cases in this folder, case by case; `npm run oracle -- FILE...` takes any other. */
import { beforeAll, describe, expect, test } from "vitest";
import { componentModules } from "./deployment.js";
import { differences, missingVerbs, type MissingVerb } from "./differences.js";
import type { Modules } from "./interventions.js";
import { listAt, objectAt } from "./parsing.js";
import { judge } from "./runner.js";

const files = Object.entries(import.meta.glob("./*.json", { eager: true, import: "default" })).map(
  ([path, file]) => ({
    path,
    cases: listAt(file, path).map((value) => ({ id: String(objectAt(value, path).id), value })),
  }),
);

/** A case may be a thousand uses, twice. */
const SLOWEST = { timeout: 30_000 };

let modules: Modules;
beforeAll(async () => {
  modules = await componentModules();
});

/** Why a case of the two files is skipped; undefined if it must not be. */
function reasonFor(id: string): string | undefined {
  const verb = (Object.keys(skipped) as MissingVerb[]).find((each) => skipped[each].includes(id));
  if (verb !== undefined) return `no verb: ${missingVerbs[verb]}`;
  return differences[id] && `differs: ${differences[id].differs}`;
}

describe.each(files)("$path", ({ cases }) => {
  test.for(cases)("$id", SLOWEST, async ({ value }, { skip }) => {
    const { id, result, lines } = await judge(value, modules);
    if (result === "skipped") {
      expect(lines).toEqual([reasonFor(id)]);
      skip(lines.join("; "));
    }
    expect(lines).toEqual([]);
  });
});

/** What of the two files asks for what has no verb: what is skipped besides fails. */
const skipped: Record<MissingVerb, readonly string[]> = {
  belowZero: ["lock-03", "lock-08"],
  topUp: ["topup-01", "topup-03", "topup-05", "topup-06", "topup-08"],
  alert: [
    "threshold-usage-highest",
    "threshold-percent-no-grants",
    "threshold-tie-percentage-wins",
    "threshold-balance-lowest",
    "threshold-balance-zero",
    "threshold-balance-with-overage",
  ],
  filter: [],
  order: [],
  resetOnDemand: [
    "reset-preserve-overage",
    "reset-usage-counters-restart",
    "reset-and-recurrence-same-instant",
    "entitlement-reset-preserve-overage",
    "entitlement-two-resets",
    "entitlement-grant-expires-at-reset-instant",
    "value-overage-after-empty-reset",
    "value-nine-daily-resets",
    "reset-at-snapshot-instant-rejected",
    "entitlement-reset-rejected-future",
    "entitlement-reset-rejected-same-minute",
    "entitlement-reset-anchor",
  ],
  latest: ["burn-latest-aggregation"],
  zone: ["period-first-is-truncated"],
  orderAlone: ["order-tie-breaks"],
};

test("every case that is listed as different is there", () => {
  const known = files.flatMap(({ cases }) => cases.map(({ id }) => id));
  expect(Object.keys(differences).filter((id) => !known.includes(id))).toEqual([]);
});

describe("the runner passes nothing that it has not checked", () => {
  const setup = {
    features: { messages: { type: "metered", usage: "consumable" } },
    plans: [{ id: "base", items: [{ row: "m", feature: "messages", included: 100, interval: "month" }] }],
    attach: [{ plan: "base" }],
  };
  const track = { op: "track", feature: "messages", value: 30 };
  const left = (remaining: number) => ({ balances: { messages: { remaining } } });
  const verdictOn = (changed: object) =>
    judge({ id: "x", source: "here", setup, ops: [track], expect: left(70), ...changed }, modules);

  test("what holds", async () => {
    expect(await verdictOn({})).toEqual({ id: "x", result: "passed", lines: [] });
  });

  test.each([
    ["another number", { expect: left(71) }, "expect.balances.messages.remaining: expected 71, got 70"],
    ["an operation", { ops: [{ op: "fly" }] }, 'ops[0]: unknown op "fly"'],
    ["a field of an operation", { ops: [{ ...track, colour: "red" }] }, "ops[0] is not understood"],
    ["a field of the setup", { setup: { ...setup, weather: "fair" } }, "setup is not understood"],
    ["an expectation", { expect: { colour: "red" } }, "expect is not understood"],
    ["an operation within others", { ops: [{ op: "parallel", ops: [{ op: "fly" }] }] }, "ops[0].ops[0]"],
    ["a kind of case", { kind: "guess" }, 'there is no kind "guess"'],
    ["a row", { expect: { balances: { messages: { rows: { q: { usage: 0 } } } } } }, "there is no row q"],
    ["a refusal", { ops: [{ ...track, value: 101, overage: "reject" }] }, 'got "insufficient_balance"'],
    ["a case that is listed needlessly", { id: "idem-03" }, "listed needlessly"],
  ])("%s that it does not expect fails the case", async (_what, changed, reason) => {
    const { result, lines } = await verdictOn(changed);
    expect(result).toBe("failed");
    expect(lines.join("\n")).toContain(reason);
  });

  test("what asks for what has no verb is skipped, whatever its id, and says why", async () => {
    const auto_topups = [{ feature: "messages", threshold: 1, quantity: 1, enabled: true }];
    expect(await verdictOn({ setup: { ...setup, controls: { auto_topups } } })).toEqual({
      id: "x",
      result: "skipped",
      lines: [`no verb: ${missingVerbs.topUp}`],
    });
  });

  test("an expectation within parallel operations", async () => {
    const check = { op: "check", feature: "messages", required: 200, expect: { allowed: true } };
    const { lines } = await verdictOn({
      ops: [track, { op: "parallel", ops: [check], expect: { denied: 1 } }],
    });
    expect(lines).toEqual(["ops[1].ops[0].expect.allowed: expected true, got false"]);
  });
});
