/** The simulator itself: it finds what is broken on purpose, and shows little more than that. */
import { beforeAll, describe, expect, test } from "vitest";
import { Chance } from "./chance.js";
import { componentModules, type Modules } from "./inspection.js";
import { boundaryAfter, boundaryUpTo, monthsLater } from "./model/calendar.js";
import { nano, plain, scaledDown, scaledUp } from "./model/amounts.js";
import { run } from "./runner.js";
import { simulate } from "./simulate.js";
import type { Step } from "./steps.js";

const SLOW = { timeout: 120_000 };

let modules: Modules;
beforeAll(async () => {
  modules = await componentModules();
});

/** The deployment is told something else than the model. */
const broken = async (fault: (step: Step) => Step, seed = 1) => {
  const { failure, report } = await simulate({ seed, steps: 3_000, shrinkMs: 5_000, fault });
  return { steps: failure?.steps ?? [], report: report ?? "nothing was found" };
};

const A_RUN_WITH_CHARGES = 50;

describe("a deployment that", () => {
  test("forgets keys charges a repeat twice: two uses show it", SLOW, async () => {
    const { steps, report } = await broken((step) =>
      step.do === "track" ? { ...step, uses: step.uses.map(({ key: _, ...use }) => use) } : step,
    );
    expect(report).toContain("FAILED: seed ");
    expect(steps.length).toBeLessThanOrEqual(3);
  });

  test("never sweeps its balances is found by a charge that is missing", SLOW, async () => {
    const withoutCron = (step: Step): Step =>
      step.do === "sweep" && step.what === "resets" ? { do: "pass", ms: 0 } : step;
    const { steps } = await broken(withoutCron, A_RUN_WITH_CHARGES);
    // Nothing waits for the cron but the charges of what nobody has used since.
    expect(steps.at(-1)).toMatchObject({ do: "sweep", what: "resets" });
  });

  test("caps where it is to refuse is found by one use", SLOW, async () => {
    const { steps } = await broken((step) =>
      step.do === "consume" ? { ...step, do: "track", uses: step.uses } : step,
    );
    expect(steps.length).toBeLessThanOrEqual(2);
  });

  test("gives back a thousandth too much is found by one refund", SLOW, async () => {
    const { steps } = await broken((step) =>
      step.do === "refund" && step.value !== undefined && step.value >= 0.01
        ? { ...step, value: Number((step.value - 0.001).toFixed(9)) }
        : step,
    );
    expect(steps.length).toBeLessThanOrEqual(4);
    expect(steps.at(-1)).toMatchObject({ do: "refund" });
  });

  test("keeps a rolled back mutation is found", SLOW, async () => {
    const { steps } = await broken((step) => (step.do === "together" ? { ...step, throws: false } : step));
    expect(steps.length).toBeLessThanOrEqual(2);
  });

  test("never sweeps its holds is found by one that nobody settles", SLOW, async () => {
    const { steps } = await broken((step) =>
      step.do === "sweep" && step.what === "holds" ? { do: "pass", ms: 0 } : step,
    );
    expect(steps.length).toBeLessThanOrEqual(5);
    expect(steps.at(-1)).toMatchObject({ do: "sweep", what: "holds" });
  });
});

describe("a run", () => {
  test("is the same from the same seed", SLOW, async () => {
    const twice = [await run(7, 40, { modules }), await run(7, 40, { modules })];
    expect(twice[0]).toEqual(twice[1]);
    expect(twice[0]?.taken).toBeGreaterThan(20);
  });
});

describe("the model's own arithmetic", () => {
  test("reads and writes what doubles show", () => {
    const shown = [0, 1, -1, 0.1, -0.3, 1e-9, 123_456.789012345, 999_999.000000001];
    expect(shown.map((amount) => plain(nano(amount)))).toEqual(shown);
    expect(nano(0.1) + nano(0.2)).toBe(nano(0.3));
  });

  test("rounds away from zero, or towards it", () => {
    expect([scaledUp(10n, 1n, 3n), scaledDown(10n, 1n, 3n)]).toEqual([4n, 3n]);
    expect([scaledUp(-10n, 1n, 3n), scaledDown(-10n, 1n, 3n)]).toEqual([-4n, -3n]);
    expect([scaledUp(9n, 1n, 3n), scaledDown(9n, 1n, 3n)]).toEqual([3n, 3n]);
  });

  const at = (text: string) => Date.parse(text);
  const monthly = { interval: "month", count: 1 } as const;

  test("counts months from the anchor, and ends them where they end", () => {
    const anchor = at("2024-01-31T09:30:00Z");
    const ends = ["2024-02-29T09:30:00Z", "2024-03-31T09:30:00Z", "2024-04-30T09:30:00Z"].map(at);
    expect(boundaryAfter(monthly, anchor, anchor)).toBe(ends[0]);
    expect(boundaryAfter(monthly, anchor, ends[0] ?? 0)).toBe(ends[1]);
    expect(boundaryAfter(monthly, anchor, (ends[2] ?? 0) - 1)).toBe(ends[2]);
    expect(boundaryUpTo(monthly, anchor, (ends[1] ?? 0) - 1)).toBe(ends[0]);
    expect(boundaryUpTo(monthly, anchor, at("2023-02-28T09:29:59Z"))).toBe(at("2023-01-31T09:30:00Z"));
  });

  test("knows leap years", () => {
    expect(monthsLater(at("2024-02-29T00:00:00Z"), 12)).toBe(at("2025-02-28T00:00:00Z"));
    expect(monthsLater(at("2096-02-29T00:00:00Z"), 48)).toBe(at("2100-02-28T00:00:00Z"));
    expect(monthsLater(at("1999-12-31T23:59:59.999Z"), 2)).toBe(at("2000-02-29T23:59:59.999Z"));
  });

  test("makes up the same from the same seed", () => {
    const [a, b] = [new Chance(5), new Chance(5)];
    const drawn = (chance: Chance) => Array.from({ length: 50 }, () => chance.whole(1, 6));
    expect(drawn(a)).toEqual(drawn(b));
    expect(new Set(drawn(a)).size).toBe(6);
  });
});
