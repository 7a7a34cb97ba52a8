import { describe, expect, test } from "vitest";
import {
  addMonths,
  INTERVALS,
  intervalValidator,
  lastBoundary,
  lengthMs,
  monthsAfter,
  nextBoundary,
  type Interval,
} from "../../src/core/periods.js";

const instant = (iso: string) => Date.parse(iso);
const shown = (at: number) => new Date(at).toISOString().replace(/:00\.000Z$/, "");

const every = (interval: Interval, anchor: string, count = 1) => ({
  interval,
  count,
  anchor: instant(anchor),
});

/** The first `length` boundaries after `from`. */
function boundaries(recurrence: ReturnType<typeof every>, from: string, length: number): string[] {
  const found: string[] = [];
  let at = instant(from);
  while (found.length < length) {
    at = nextBoundary(recurrence, at);
    found.push(shown(at));
  }
  return found;
}

describe("monthly boundaries", () => {
  test("come back to the 31st after every shorter month", () => {
    expect(boundaries(every("month", "2026-01-31T10:00Z"), "2026-01-31T10:00Z", 5)).toEqual([
      "2026-02-28T10:00",
      "2026-03-31T10:00",
      "2026-04-30T10:00",
      "2026-05-31T10:00",
      "2026-06-30T10:00",
    ]);
  });

  test("fall on 29 February in a leap year", () => {
    expect(boundaries(every("month", "2028-01-31T10:00Z"), "2028-01-31T10:00Z", 2)).toEqual([
      "2028-02-29T10:00",
      "2028-03-31T10:00",
    ]);
  });

  test("stay on the 30th where a month has it", () => {
    expect(boundaries(every("month", "2026-01-30T10:00Z"), "2026-02-01T00:00Z", 2)).toEqual([
      "2026-02-28T10:00",
      "2026-03-30T10:00",
    ]);
  });

  test("keep the time of day to the millisecond", () => {
    const anchor = Date.UTC(2026, 0, 31, 23, 59, 59, 999);
    const recurrence = { interval: "month", count: 1, anchor } as const;
    expect(nextBoundary(recurrence, anchor)).toBe(Date.UTC(2026, 1, 28, 23, 59, 59, 999));
  });

  test("keep the time of day before 1970", () => {
    expect(addMonths(instant("1969-12-31T22:30Z"), -1)).toBe(instant("1969-11-30T22:30Z"));
  });

  test("are counted from the anchor across thousands of years", () => {
    const recurrence = every("month", "2026-01-31T10:00Z");
    expect(shown(nextBoundary(recurrence, instant("9998-02-01T00:00Z")))).toBe("9998-02-28T10:00");
    expect(shown(nextBoundary(recurrence, instant("9998-03-01T00:00Z")))).toBe("9998-03-31T10:00");
  });

  test("lie before the anchor too", () => {
    const recurrence = every("month", "2026-03-31T10:00Z");
    expect(shown(nextBoundary(recurrence, instant("2025-11-05T00:00Z")))).toBe("2025-11-30T10:00");
    expect(shown(lastBoundary(recurrence, instant("2025-11-05T00:00Z")))).toBe("2025-10-31T10:00");
  });

  test("may skip months", () => {
    expect(boundaries(every("month", "2026-01-31T10:00Z", 13), "2026-01-31T10:00Z", 2)).toEqual([
      "2027-02-28T10:00",
      "2028-03-31T10:00",
    ]);
  });
});

test.each<[Interval, number, string]>([
  ["minute", 1, "2026-01-31T10:01"],
  ["minute", 90, "2026-01-31T11:30"],
  ["hour", 1, "2026-01-31T11:00"],
  ["day", 1, "2026-02-01T10:00"],
  ["day", 30, "2026-03-02T10:00"],
  ["week", 1, "2026-02-07T10:00"],
  ["week", 2, "2026-02-14T10:00"],
  ["quarter", 1, "2026-04-30T10:00"],
  ["semi_annual", 1, "2026-07-31T10:00"],
  ["year", 1, "2027-01-31T10:00"],
  ["year", 3, "2029-01-31T10:00"],
])("every %s × %i after 31 January begins anew at %s", (interval, count, next) => {
  const recurrence = every(interval, "2026-01-31T10:00Z", count);
  expect(shown(nextBoundary(recurrence, recurrence.anchor))).toBe(next);
});

test("a year from 29 February comes back to it in the next leap year", () => {
  expect(boundaries(every("year", "2024-02-29T10:00Z"), "2024-02-29T10:00Z", 4)).toEqual([
    "2025-02-28T10:00",
    "2026-02-28T10:00",
    "2027-02-28T10:00",
    "2028-02-29T10:00",
  ]);
});

describe("a boundary instant", () => {
  const monthly = every("month", "2026-01-31T10:00Z");
  const boundary = instant("2026-02-28T10:00Z");

  test("belongs to the period that it opens", () => {
    expect(shown(nextBoundary(monthly, boundary))).toBe("2026-03-31T10:00");
    expect(shown(lastBoundary(monthly, boundary))).toBe("2026-02-28T10:00");
  });

  test("does not belong to the period before, which ends a millisecond earlier", () => {
    expect(shown(nextBoundary(monthly, boundary - 1))).toBe("2026-02-28T10:00");
    expect(shown(lastBoundary(monthly, boundary - 1))).toBe("2026-01-31T10:00");
  });
});

test("the last boundary before an anchor in the future is counted backwards", () => {
  expect(shown(lastBoundary(every("day", "2026-02-10T06:00Z"), instant("2026-02-01T05:59Z")))).toBe(
    "2026-01-31T06:00",
  );
});

test("a date beyond all dates breaks loudly", () => {
  expect(() => nextBoundary(every("month", "2026-01-31T10:00Z"), 8.64e15)).toThrow("a boundary is a date");
});

describe("what lasts some months from a boundary", () => {
  test("ends on the anchor's day, not on that of a clamped boundary", () => {
    const monthly = every("month", "2026-01-31T10:00Z");
    expect(shown(monthsAfter(monthly, instant("2026-02-28T10:00Z"), 1))).toBe("2026-03-31T10:00");
    expect(shown(monthsAfter(monthly, instant("2026-02-28T10:00Z"), 12))).toBe("2027-02-28T10:00");
  });

  test("ends on the boundary's own day where periods are not months", () => {
    const weekly = every("week", "2026-01-31T10:00Z");
    expect(shown(monthsAfter(weekly, instant("2026-02-07T10:00Z"), 1))).toBe("2026-03-07T10:00");
  });

  test("is clamped to a shorter month", () => {
    const daily = every("day", "2026-01-01T10:00Z");
    expect(shown(monthsAfter(daily, instant("2026-01-31T10:00Z"), 1))).toBe("2026-02-28T10:00");
  });
});

describe("lengths", () => {
  test("order intervals from the shortest to the longest", () => {
    const byLength = [...INTERVALS].sort(
      (a, b) => lengthMs({ interval: a, count: 1 }) - lengthMs({ interval: b, count: 1 }),
    );
    expect(byLength).toEqual(["minute", "hour", "day", "week", "month", "quarter", "semi_annual", "year"]);
  });

  test("put four weeks before a month, and thirty-one days after it", () => {
    const month = lengthMs({ interval: "month", count: 1 });
    expect(lengthMs({ interval: "week", count: 4 })).toBeLessThan(month);
    expect(lengthMs({ interval: "day", count: 31 })).toBeGreaterThan(month);
  });

  test("of four quarters, two half-years and a year are the same", () => {
    expect(lengthMs({ interval: "quarter", count: 4 })).toBe(lengthMs({ interval: "year", count: 1 }));
    expect(lengthMs({ interval: "semi_annual", count: 2 })).toBe(lengthMs({ interval: "year", count: 1 }));
  });
});

test("what the database takes as an interval is what the rules know", () => {
  expect(intervalValidator.members.map(({ value }) => value)).toEqual([...INTERVALS]);
});
