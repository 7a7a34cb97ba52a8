import { describe, expect, test } from "vitest";
import type { Draw } from "../../src/core/draws.js";
import { dated, joined } from "../../src/core/holds.js";
import { DAY, FEB_28, grant, JAN_31, limit, messages, monthly, row, usageBased } from "./fixtures.js";

const drawn = (grantId: string, amount: number, fields: Partial<Draw> = {}): Draw => ({
  grantId,
  amount,
  units: amount,
  ...fields,
});
const rows = [messages(grant("a"), grant("b"))];
const limited = [row("messages", [grant("a")], { limits: [limit(100)] })];

describe("draws one after the other", () => {
  const join = (earlier: Draw[], later: Draw[]) => joined(earlier, later, JAN_31, rows);

  test("of one grant and period are one, exactly", () => {
    expect(join([drawn("a", 0.1)], [drawn("a", 0.2)])).toEqual([drawn("a", 0.3)]);
  });

  test("of two grants stay two", () => {
    expect(join([drawn("a", 5)], [drawn("b", 3)])).toEqual([drawn("a", 5), drawn("b", 3)]);
  });

  test("that lapse at two instants stay two", () => {
    const [sooner, later] = [drawn("a", 5, { until: FEB_28 }), drawn("a", 3)];
    expect(join([sooner], [later])).toEqual([sooner, later]);
  });

  test("of two periods of a limit stay two", () => {
    const [earlier, later] = [drawn("a", 5, { at: FEB_28 - 1 }), drawn("a", 3)];
    expect(joined([earlier], [later], FEB_28, limited)).toEqual([earlier, later]);
  });

  test("of two periods of what is charged or owed stay two", () => {
    const [earlier, later] = [drawn("a", 5, { at: FEB_28 - 1 }), drawn("a", 3)];
    for (const fields of [{ overage: usageBased }, { carry: true as const }]) {
      const owed = [messages(grant("a", { reset: monthly, ...fields }))];
      expect(joined([earlier], [later], FEB_28, owed)).toEqual([earlier, later]);
      expect(joined([earlier], [later], FEB_28 - 1, owed)).toEqual([drawn("a", 8, { at: FEB_28 - 1 })]);
    }
  });

  test("before and after a limit was set stay two", () => {
    const late = [row("messages", [grant("a")], { limits: [limit(100, { since: JAN_31 + DAY })] })];
    const [earlier, later] = [drawn("a", 5, { at: JAN_31 }), drawn("a", 3)];
    expect(joined([earlier], [later], JAN_31 + DAY, late)).toEqual([earlier, later]);
  });

  test("from a grant that is gone since stay two", () => {
    const [earlier, later] = [drawn("gone", 5, { at: JAN_31 }), drawn("gone", 3)];
    expect(join([earlier], [later])).toEqual([drawn("gone", 8, { at: JAN_31 })]);
    expect(joined([earlier], [later], FEB_28, rows)).toEqual([earlier, later]);
  });

  test("are one only where the last meets the first", () => {
    expect(join([drawn("a", 1), drawn("b", 2)], [drawn("b", 3), drawn("a", 4)])).toEqual([
      drawn("a", 1),
      drawn("b", 5),
      drawn("a", 4),
    ]);
  });

  test("are those that there are, where one list is empty", () => {
    expect(join([], [drawn("a", 1)])).toEqual([drawn("a", 1)]);
    expect(join([drawn("a", 1)], [])).toEqual([drawn("a", 1)]);
  });
});

describe("a draw that is recorded later", () => {
  const recorded = (at: number, draw = drawn("a", 5)) => dated([draw], JAN_31, at);

  test("keeps the instant at which it was made", () => {
    expect(recorded(JAN_31 + 1)).toEqual([drawn("a", 5, { at: JAN_31 })]);
    expect(recorded(FEB_28, drawn("a", 5, { at: JAN_31 + DAY }))).toEqual([
      drawn("a", 5, { at: JAN_31 + DAY }),
    ]);
  });

  test("needs none of its own if it is recorded when it is made", () => {
    expect(recorded(JAN_31)).toEqual([drawn("a", 5)]);
    expect(recorded(FEB_28, drawn("a", 5, { at: FEB_28 }))).toEqual([drawn("a", 5)]);
  });
});
