import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { advance } from "../../src/core/advance.js";
import { left, over } from "../../src/core/balances.js";
import { nextBoundary } from "../../src/core/periods.js";
import { dueDates, isAnchored, isCurrentWord, moveAnchor, takeBack } from "../../src/core/renewals.js";
import { defineCatalog } from "../../src/client/index.js";
import { DAY, FEB_28, grant, JAN_31, MAR_31, messages, monthly } from "./fixtures.js";

describe("word of a subscription", () => {
  test("counts unless a newer one was heard", () => {
    expect(isCurrentWord(undefined, 1)).toBe(true);
    expect(isCurrentWord(5, 5)).toBe(true);
    expect(isCurrentWord(5, 6)).toBe(true);
    expect(isCurrentWord(5, 4)).toBe(false);
  });

  test("that it is paid, is paid until the period's end and some days more", () => {
    const paid = { periodEnd: 1_000, pastDueAt: undefined };
    expect(dueDates("active", paid, 30, 500)).toEqual({ pastDueAt: 1_000, suspendsAt: 1_030 });
    expect(dueDates("trialing", paid, 0, 500)).toEqual({ pastDueAt: 1_000, suspendsAt: 1_000 });
    expect(dueDates("active", paid, undefined, 500)).toEqual({ pastDueAt: 1_000, suspendsAt: undefined });
  });

  test("that it is past due, is since the first time", () => {
    expect(dueDates("past_due", { periodEnd: 9_000, pastDueAt: 400 }, 30, 500)).toMatchObject({
      pastDueAt: 400,
      suspendsAt: 430,
    });
    expect(dueDates("past_due", { periodEnd: 9_000, pastDueAt: 800 }, 30, 500)).toMatchObject({
      pastDueAt: 500,
    });
    expect(dueDates("past_due", { periodEnd: 9_000, pastDueAt: undefined }, 30, 500)).toMatchObject({
      pastDueAt: 500,
    });
  });

  test("moves no period that is counted so already", () => {
    const { plans } = defineCatalog({
      features: [{ id: "messages", type: "metered" }],
      plans: [
        { id: "paid", price: { amount: 1, interval: "month" } },
        { id: "once", price: null },
      ],
    });
    const [paid, once] = [plans.get("paid")!, plans.get("once")!];
    expect(isAnchored(paid, JAN_31, FEB_28)).toBe(true);
    expect(isAnchored(paid, JAN_31, MAR_31)).toBe(true);
    expect(isAnchored(paid, JAN_31, FEB_28 + 1_000)).toBe(false);
    expect(isAnchored(once, JAN_31, FEB_28 + 1_000)).toBe(true);
  });
});

describe("an anchor that moves", () => {
  const resetsOf = (anchor: number, now: number) => {
    const before = advance(messages(grant("a", { reset: monthly, used: 40 })), now).balance;
    return moveAnchor(before, "plan", anchor, now).grants[0]?.reset;
  };

  test("by some days takes the boundary to come with it", () => {
    expect(resetsOf(JAN_31 + 4 * DAY, JAN_31 + 10 * DAY)).toMatchObject({ nextAt: Date.UTC(2026, 2, 4, 10) });
    expect(resetsOf(JAN_31 - 4 * DAY, JAN_31 + 10 * DAY)).toMatchObject({
      nextAt: Date.UTC(2026, 1, 27, 10),
    });
  });

  test("over now brings the boundary now, and not a month later", () => {
    const now = FEB_28 - DAY;
    const before = advance(messages(grant("a", { reset: monthly, used: 40 })), now).balance;
    const moved = moveAnchor(before, "plan", now - DAY, now);
    expect(moved.grants[0]?.reset?.nextAt).toBe(now);
    const { balance } = advance(moved, now);
    expect(balance.grants[0]).toMatchObject({
      used: 0,
      reset: { nextAt: nextBoundary({ ...monthly, anchor: now - DAY }, now) },
    });
  });

  test("leaves other plans' grants alone", () => {
    const before = messages(grant("a", { source: "other", reset: monthly }));
    expect(moveAnchor(before, "plan", JAN_31 + DAY, JAN_31)).toEqual(before);
  });

  test("by less than half a period adds no reset and loses none, whenever it moves", () => {
    fc.assert(
      fc.property(
        fc.integer({ min: -13, max: 13 }),
        fc.integer({ min: 0, max: 59 }),
        fc.integer({ min: 1, max: 86_399 }),
        (days, day, second) => {
          const now = JAN_31 + day * DAY + second * 1_000;
          const boundary = nextBoundary(monthly, now);
          const before = advance(messages(grant("a", { reset: monthly })), now).balance;
          const { nextAt = 0 } =
            moveAnchor(before, "plan", boundary + days * DAY, now).grants[0]?.reset ?? {};
          expect(nextAt).toBe(Math.max(now, boundary + days * DAY));
        },
      ),
    );
  });
});

describe("what is taken back", () => {
  test("of what is left is gone; what was spent is owed, and later credits pay it", () => {
    const row = messages(grant("pack", { used: 70 }));
    const { balance, taken } = takeBack(row, "pack", 50);
    expect(taken).toBe(50);
    expect(balance.grants[0]).toMatchObject({ granted: 50, used: 70, carry: true });
  });

  test("is paid at once by what else is left", () => {
    const row = messages(grant("pack", { used: 100 }), grant("other", { source: "gift" }));
    const { balance } = takeBack(row, "pack", 100);
    expect(balance.grants).toMatchObject([
      { id: "pack", granted: 0, used: 0 },
      { id: "other", granted: 100, used: 100 },
    ]);
  });

  test("of what was set lower by hand is owed as well", () => {
    const { balance, taken } = takeBack(messages(grant("pack", { granted: 30, used: 0 })), "pack", 100);
    expect(taken).toBe(30);
    expect(balance.grants[0]).toMatchObject({ granted: 0, used: 70, carry: true });
  });

  test("of a grant that is gone is nothing", () => {
    const row = messages(grant("other"));
    expect(takeBack(row, "pack", 100)).toEqual({ balance: row, taken: 0 });
  });

  test("and given again, in whatever parts, changes what is left (less what is owed) by just that", () => {
    const net = (row: ReturnType<typeof messages>) =>
      row.grants.reduce((sum, each) => sum + left(each).minus(over(each)).toNumber(), 0);
    fc.assert(
      fc.property(
        fc.integer({ min: 0, max: 150 }),
        fc.integer({ min: 0, max: 100 }),
        fc.array(fc.integer({ min: -60, max: 60 }), { maxLength: 6 }),
        (used, otherUsed, parts) => {
          let row = messages(grant("pack", { used }), grant("other", { source: "gift", used: otherUsed }));
          const before = net(row);
          let sum = 0;
          for (const part of parts) {
            row = takeBack(row, "pack", part).balance;
            sum += part;
          }
          expect(net(row)).toBe(before - sum);
          for (const each of row.grants) expect(each.granted).toBeGreaterThanOrEqual(0);
        },
      ),
    );
  });
});
