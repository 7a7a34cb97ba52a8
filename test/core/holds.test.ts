import { describe, expect, test } from "vitest";
import type { Balance } from "../../src/core/balances.js";
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
  const recorded = (at: number, of: readonly Balance[], draw = drawn("a", 5)) =>
    dated([draw], JAN_31, at, of);

  test("needs no instant of its own where no period has ended", () => {
    expect(recorded(FEB_28 - 1, limited)).toEqual([drawn("a", 5)]);
  });

  test("keeps it where a limit has begun anew", () => {
    expect(recorded(FEB_28, limited)).toEqual([drawn("a", 5, { at: JAN_31 })]);
  });

  test("keeps it where a period has closed that is owed", () => {
    const owing = messages(grant("a", { reset: monthly, carry: true }));
    expect(recorded(FEB_28, [owing])).toEqual([drawn("a", 5, { at: JAN_31 })]);
  });

  test("keeps it where a period can end with its plan, and be charged", () => {
    const byUse = messages(grant("a", { reset: monthly, overage: usageBased }));
    expect(recorded(JAN_31 + 1, [byUse])).toEqual([drawn("a", 5, { at: JAN_31 })]);
    expect(recorded(JAN_31, [byUse])).toEqual([drawn("a", 5)]);
  });

  test("keeps it where a limit was set since", () => {
    const since = JAN_31 + DAY;
    const late = [row("messages", [grant("a")], { limits: [limit(100, { since })] })];
    expect(recorded(since + 1, late)).toEqual([drawn("a", 5, { at: JAN_31 })]);
    expect(recorded(since + 1, late, drawn("a", 5, { at: since }))).toEqual([drawn("a", 5)]);
  });

  test("needs none where a reset forgets it", () => {
    expect(recorded(FEB_28, [messages(grant("a", { reset: monthly }))])).toEqual([drawn("a", 5)]);
  });

  test("keeps it where its grant is gone", () => {
    expect(recorded(JAN_31 + DAY, rows, drawn("gone", 5))).toEqual([drawn("gone", 5, { at: JAN_31 })]);
  });

  test("forgets the instant that it had where that makes no difference any more", () => {
    expect(recorded(JAN_31 + DAY, limited, drawn("a", 5, { at: JAN_31 + 1 }))).toEqual([drawn("a", 5)]);
  });
});
