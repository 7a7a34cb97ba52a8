import { describe, expect, test } from "vitest";
import { statementOf } from "../../src/core/statements.js";
import {
  credits,
  daily,
  DAY,
  FEB_28,
  grant,
  JAN_31,
  MAR_31,
  messages,
  monthly,
  orCredits,
  scope,
} from "./fixtures.js";

describe("a statement", () => {
  test("tells the period of what resets first", () => {
    const rows = [messages(grant("a", { used: 30, reset: monthly }), grant("b", { reset: daily }))];
    expect(statementOf(rows, scope())).toEqual({
      at: JAN_31,
      granted: 200,
      usage: 30,
      remaining: 170,
      unlimited: false,
      from: JAN_31,
      to: JAN_31 + DAY,
    });
  });

  test("tells where a period began that follows a clamped one", () => {
    const rows = [messages(grant("a", { reset: { ...monthly, nextAt: MAR_31 } }))];
    expect(statementOf(rows, scope({ now: FEB_28 + DAY }))).toMatchObject({ from: FEB_28, to: MAR_31 });
  });

  test("of what does not reset begins with the first grant, and ends when one expires, if any does", () => {
    const old = grant("old", { createdAt: JAN_31 - 9 * DAY });
    const short = grant("short", { startsAt: JAN_31 - DAY, expiresAt: JAN_31 + DAY });
    expect(statementOf([messages(old)], scope())).toMatchObject({ from: JAN_31 - 9 * DAY, to: null });
    expect(statementOf([messages(old, short)], scope())).toMatchObject({
      from: JAN_31 - 9 * DAY,
      to: JAN_31 + DAY,
    });
  });

  test("counts credits in units of what is asked for", () => {
    const rows = [credits(grant("c", { granted: 10, used: 1 }))];
    expect(statementOf(rows, scope({ pools: orCredits(0.5) }))).toMatchObject({
      granted: 20,
      usage: 2,
      remaining: 18,
    });
  });

  test("of nothing is nothing, now", () => {
    expect(statementOf([], scope())).toMatchObject({ granted: 0, remaining: 0, from: JAN_31, to: null });
  });
});
