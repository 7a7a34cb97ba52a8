/**
 * Rules broken on purpose, one at a time: `npm run mutants` shows that a test of `npm test` notices
 * each. A list of rules, and not a tool that mutates syntax: it says of every rule that money rests
 * on, in its own words, which test keeps it. A test keeps each `from` where it is.
 */
export interface Mutation {
  /** What holds, and does not with the mutation. */
  rule: string;
  file: string;
  /** Occurs in the file once … */
  from: string;
  /** … and is replaced by this. */
  to: string;
  /** The tests that are tried before all others, since one of them should notice. */
  suites: readonly string[];
}

/** The mutations of one file. */
const of = (
  file: string,
  suites: readonly string[],
  rules: readonly [rule: string, from: string, to: string][],
): Mutation[] => rules.map(([rule, from, to]) => ({ rule, file, from, to, suites }));

const burnOrder = of(
  "src/core/order.ts",
  ["test/core/order.test.ts"],
  [
    ["burn order: rollovers first", "return [0, expiry,", "return [2, expiry,"],
    ["burn order: rollovers by expiry", "return [0, expiry,", "return [0, 0,"],
    ["burn order: the entity's before the customer's", "isCallersOwn ? 0 : 1,", "0,"],
    ["burn order: own before credits", "poolIndex === 0 ? 0 : 1,", "0,"],
    ["burn order: priority", "grant.priority ?? 0,", "0,"],
    ["burn order: resetting first", "grant.reset === undefined ? 1 : 0,", "0,"],
    ["burn order: shorter interval", "grant.reset === undefined ? 0 : lengthMs(grant.reset),", "0,"],
    ["burn order: sooner expiry", "    expiry,\n    entity,", "    0,\n    entity,"],
    ["burn order: entities by id", "    expiry,\n    entity,", '    expiry,\n    "",'],
    ["burn order: main plan before add-on", "grant.addOn === true ? 1 : 0,", "0,"],
    ["burn order: prepaid before usage-based", "grant.overage === undefined ? 0 : 1,", "0,"],
    ["burn order: the older first", "    grant.createdAt,\n    poolIndex,", "    0,\n    poolIndex,"],
    ["burn order: the id decides last", "    grant.id,\n  ];", '    "",\n  ];'],
    [
      "entity scope: another entity's balance never pays",
      "row.entityId === entityId;",
      "row.entityId !== undefined;",
    ],
    [
      "entity scope: an entity's own balance does not pay for the customer",
      "grant.perEntity === true :",
      "true :",
    ],
  ],
);

const drawing = of(
  "src/core/draws.ts",
  ["test/core/draws.test.ts", "test/core/controls.test.ts"],
  [
    [
      "an unlimited grant absorbs all",
      "this.order.find(({ grant }) => grant.unlimited)",
      "this.order.find(() => false)",
    ],
    [
      "what an unlimited grant pays counts in no limit",
      "return this.result(ZERO, true);",
      "this.count(this.asked, units);\n      return this.result(ZERO, true);",
    ],
    [
      "every grant is drawn to zero before any goes into overage",
      "for (const entry of this.order) this.drawFrom(entry, left(entry.grant));",
      "",
    ],
    [
      "a rollover never goes below zero",
      "this.order.filter(({ grant }) => grant.rolledFrom === undefined)",
      "this.order",
    ],
    [
      "refill of rollovers: a negative track never refills them",
      "burnOrder(rows, ask).filter(({ grant }) => grant.rolledFrom === undefined)",
      "burnOrder(rows, ask)",
    ],
    [
      "a negative track repays overage first",
      "for (const entry of order) refill(entry, over(entry.grant));",
      "",
    ],
    [
      "a negative track gives back no more than was used",
      "refill(entry, exact(entry.grant.used))",
      "refill(entry, exact(entry.grant.granted))",
    ],
    [
      "cap applies what fits and reject nothing",
      'this.rejects = onInsufficient === "reject"',
      "this.rejects = false",
    ],
    ["only overflow goes below zero", "if (!this.overflows) return;", ""],
    [
      "overage ends at the most that can be bought",
      "atLeastZero(exact(grant.overage.max).minus(over(grant)))",
      "exact(grant.overage.max)",
    ],
    [
      "a control forbids overage whatever the plan says",
      "governing?.overage?.allowed ?? grant.overage !== undefined",
      "grant.overage !== undefined",
    ],
    [
      "a spend limit holds overflow",
      "this.drawFrom(entry, this.withinBudget(entry, this.spendRoom(entry)))",
      "this.drawFrom(entry, undefined)",
    ],
    ["a spend limit counts what is owed already", "max.minus(total(spent))", "max"],
    [
      "limit counted twice: credits count in their own system's limits alone",
      "if (entry.row.featureId !== this.asked) this.count(entry.row.featureId, amount);",
      "this.count(entry.row.featureId, amount);",
    ],
    [
      "a credit system's limit counts the credits drawn",
      "if (entry.row.featureId !== this.asked) this.count(entry.row.featureId, amount);",
      "",
    ],
    [
      "a limit counts what is applied and not what is asked",
      "this.count(this.asked, units.minus(uncovered));",
      "this.count(this.asked, units);",
    ],
    ["the tightest limit binds", "rooms.reduce(smaller)", "rooms[0]"],
    ["dust goes back from its own pool", "if (drawn.entry.poolIndex !== poolIndex) continue;", ""],
    ["a pool keeps no dust", "    this.returnDust();", ""],
    [
      "a draw notes when it would have lapsed anyway",
      "const until = lapsesAt(entry.grant);",
      "const until = undefined;",
    ],
    [
      "seats that are paid for do not go below zero by default",
      "governing?.overage?.allowed === false || isPriced",
      "governing?.overage?.allowed === false",
    ],
  ],
);

const exactness = of(
  "src/core/amounts.ts",
  ["test/core/amounts.test.ts"],
  [
    [
      "rounding direction: an amount is rounded up",
      "RoundedUp.RM = Big.roundUp",
      "RoundedUp.RM = Big.roundDown",
    ],
    [
      "rounding direction: units that fit are rounded down",
      "RoundedDown.RM = Big.roundDown",
      "RoundedDown.RM = Big.roundUp",
    ],
    ["rounding is at 9 places", "RoundedUp.DP = PLACES", "RoundedUp.DP = PLACES - 1"],
    ["what a double cannot hold is refused and not rounded", "|| !new Exact(number).eq(amount)", ""],
  ],
);

const time = [
  ...of(
    "src/core/advance.ts",
    ["test/core/advance.test.ts", "test/core/plans.test.ts"],
    [
      [
        "collapsed idle periods: each boundary is applied in its order",
        "leavesATrace ? at : quietUntil(balance, at, until)",
        "until",
      ],
      [
        "collapsed idle periods: one that is skipped ends before what begins in it",
        "...balance.grants.flatMap(({ startsAt = 0 }) => (startsAt > at ? startsAt - 1 : []))",
        "Infinity",
      ],
      ["every boundary up to now is applied", "if (at > until) break;", "if (at >= until) break;"],
      [
        "a balance is never read as of before it was written",
        "const until = Math.max(now, balance.advancedAt);",
        "const until = now;",
      ],
      [
        "closed overage: what a period owes is fixed",
        "if (hasBegun) closePeriod(balance, grant, at, closed);",
        "",
      ],
      [
        "closed overage: what is fixed is forgotten",
        "(grant.carry === true ? over(grant) : ZERO)",
        "over(grant)",
      ],
      [
        "closed overage: a debt that is carried is not charged as well",
        "grant.overage === undefined || grant.carry === true ||",
        "grant.overage === undefined ||",
      ],
      [
        "closed overage: what was charged is not counted again in the next plan",
        "return isCharged ? used.minus(over(grant)) : used;",
        "return used;",
      ],
      [
        "free overage counts in the next plan",
        "const isCharged = grant.overage !== undefined &&",
        "const isCharged = true &&",
      ],
      [
        "a plan that ends owes what it has used beyond",
        "for (const grant of ended) closePeriod(balance, grant, grant.expiresAt ?? at, closed);",
        "",
      ],
      ["a reset rolls over what is left", "if (hasBegun) rollOver(balance, grant, at);", ""],
      [
        "rollover trim order: the soonest to expire first",
        "(a.expiresAt ?? Infinity) - (b.expiresAt ?? Infinity)",
        "(b.expiresAt ?? Infinity) - (a.expiresAt ?? Infinity)",
      ],
      [
        "rollover trim order: of those that expire together the older first",
        "|| a.createdAt - b.createdAt",
        "|| b.createdAt - a.createdAt",
      ],
      [
        "a rollover's cap holds for all rollovers of a grant together",
        "total(rolled.map(left)).minus(cap)",
        "left(rolled.at(-1)!).minus(cap)",
      ],
      [
        "percent of rollover is of what is granted",
        "exact(granted).times(rollover.percent).div(100)",
        "exact(granted)",
      ],
      [
        "a rollover expires so many months after its period and not after today",
        "monthsAfter(grant.reset, at, rollover.months)",
        "monthsAfter(grant.reset, until, rollover.months)",
      ],
      ["rollovers that move are capped by their new plan", "  capRollovers(balance, keeper);", ""],
      ["a debt is settled by the next period", "    settleDebt(next, at);", ""],
      [
        "what is used outlives a plan's scheduled end",
        "debtOf(grant) : uncharged(grant)",
        "debtOf(grant) : debtOf(grant)",
      ],
      [
        "a debt outlives a plan's scheduled end",
        "grant.reset?.nextAt === at ? debtOf(grant)",
        "grant.reset?.nextAt === at ? ZERO",
      ],
    ],
  ),
  ...of(
    "src/core/balances.ts",
    ["test/core/balances.test.ts"],
    [
      ["half-open: at its expiry a grant is gone", "now < (expiresAt ??", "now <= (expiresAt ??"],
      [
        "half-open: at its start a grant is there",
        "(startsAt ?? -Infinity) <= now",
        "(startsAt ?? -Infinity) < now",
      ],
      ["what is suspended pays for nothing", "&& now < (grant.suspendedAt ?? Infinity)", ""],
      ["a debt that is carried outlives the reset", "grant.carry === true && left(grant).eq(0)", "false"],
      ["nothing is beyond an unlimited grant", "grant.unlimited ? ZERO :", ""],
      ["a limit that counts other periods is stored", "=> [used, anchor])", "=> used)"],
    ],
  ),
  ...of(
    "src/core/periods.ts",
    ["test/core/periods.test.ts"],
    [
      ["a month that is too short ends on its last day", "Math.min(day, lastDay)", "day"],
      [
        "after a month that is too short the anchor's day comes back",
        "? new Date(recurrence.anchor).getUTCDate()",
        "? new Date(boundaryAt).getUTCDate()",
      ],
      [
        "half-open: a boundary belongs to the period that it opens",
        "boundary(recurrence, k) <= instant",
        "boundary(recurrence, k) < instant",
      ],
    ],
  ),
];

const givingBack = of(
  "src/core/refunds.ts",
  ["test/core/refunds.test.ts"],
  [
    [
      "hold across reset: what has lapsed comes back to nobody",
      "past.until !== undefined && scope.now >= past.until",
      "past.until === -1",
    ],
    [
      "hold across reset: at the instant of the reset it has lapsed",
      "scope.now >= past.until",
      "scope.now > past.until",
    ],
    ["LIFO return: the last draw goes back first", "of [...drawn].reverse()", "of [...drawn]"],
    [
      "a draw goes back to the very grant that paid",
      "findGrant(rows, past.grantId)",
      "findGrant(rows, rows[0]!.grants[0]!.id)",
    ],
    [
      "a limit counts back only in the period of the draw",
      "if (countsFrom(limit, scope.now) > drawnAt) continue;",
      "",
    ],
    [
      "what comes back to others in place of a grant that is gone is recorded",
      "[...draws, ...refilled.draws]",
      "draws",
    ],
    ["what stays of a draw is charged at the cost of its day", "priceOf(staying, rateOf(past))", "staying"],
    [
      "a debt that the next period has paid is not given back",
      "carry === true && reset !== undefined && at < lastBoundary(reset, now)",
      "false",
    ],
    [
      "closed overage: what comes back of it comes off its charge",
      "chargeOf(charges, past, at);",
      "chargeOf([], past, at);",
    ],
    [
      "closed overage: what comes off its charge comes back nowhere else",
      "? [null, past] : [off, rest]",
      "? [null, past] : [off, past]",
    ],
    ["closed overage: a charge is of the grant that was drawn", "charge.grantId === grantId &&", ""],
    ["closed overage: a charge is of the period of the draw", "at < charge.to &&", ""],
    ["closed overage: a draw that had lapsed is in no later charge", "&& charge.to <= until", ""],
    ["closed overage: the first charge after a draw is its own", ".sort((a, b) => a.to - b.to)[0]", "[0]"],
    [
      "closed overage: what is held goes back although it was charged",
      "reset === undefined ? [null, past] :",
      "",
    ],
    ["a debt is given back once", "if (isOlder && base > 0)", "if (false)"],
    ["never more comes back than is used", "partOf(past, atLeastZero(room))", "[past]"],
  ],
);

const holding = of(
  "src/core/holds.ts",
  ["test/core/holds.test.ts"],
  [
    [
      "hold across reset: a draw keeps the instant at which it was made",
      "at === recordedAt ? draw : { ...draw, at }",
      "draw",
    ],
    ["draws of two grants stay two", "last.grantId === next.grantId &&", ""],
    ["draws that lapse at two instants stay two", "last.until === next.until &&", ""],
    [
      "draws of two periods stay two",
      "isOnePeriod(rows, last.grantId, last.at ?? recordedAt, next.at ?? recordedAt)",
      "true",
    ],
    [
      "a limit's period is one of those that a draw was made in",
      "return rows.every(({ limits = [] }) => limits.every((limit) => countsFrom(limit, last) <= first));",
      "return true;",
    ],
    [
      "draws that a debt's period divides stay two",
      "if (isOwed && grant.reset !== undefined && lastBoundary(grant.reset, last) > first) return false;",
      "",
    ],
  ],
);

const granting = of(
  "src/core/grants.ts",
  ["test/core/grants.test.ts"],
  [
    [
      "where so much is to be left, nothing is owed",
      "for (const grant of chosen) refill(grant, over(grant));",
      "",
    ],
    [
      "less used gives back what is owed first",
      "of [over, ({ used }: Grant) => exact(used)]",
      "of [({ used }: Grant) => exact(used)]",
    ],
    ["a top-up merges only on equal terms", "haveEqualTerms(other, grant) &&", ""],
    ["a top-up does not merge into what is overdrawn", "&& other.used <= other.granted", ""],
    [
      "a debt is settled by a later grant",
      "settleDebt(added, Math.max(grant.createdAt, added.advancedAt));",
      "",
    ],
    [
      "a balance holds 64 grants",
      "balance.grants.length >= MAX_GRANTS",
      "balance.grants.length > MAX_GRANTS",
    ],
  ],
);

const pricing = of(
  "src/core/prices.ts",
  ["test/core/prices.test.ts"],
  [
    ["volume tiers price all units alike", 'price.tierBehavior === "volume"\n      ?', "false\n      ?"],
    ["volume tiers add the flat amount", "tier.flatAmount ?? 0", "0"],
    ["graduated tiers price each part at its own", "if (end.gt(from)) from = end;", ""],
    ["a pack that is begun is charged whole", "whole.plus(1)", "whole"],
    ["what is included is free", "graduated(price, units, exact(included))", "graduated(price, units, ZERO)"],
  ],
);

const planning = [
  ...of(
    "src/core/plans.ts",
    ["test/core/plans.test.ts", "test/app/plans.test.ts", "test/app/quantities.test.ts"],
    [
      [
        "free-switch reset: only a change that is paid for starts usage afresh",
        "costs(plan) > Math.max(",
        "costs(plan) >= Math.max(",
      ],
      [
        "free-switch reset: usage that is kept counts in the new plan",
        "(keepsUsage ? uncharged(grant) : ZERO)",
        "ZERO",
      ],
      [
        "a plan that is replaced owes what it has used beyond",
        "for (const grant of live) closePeriod(next, grant, now, closed);",
        "",
      ],
      [
        "free-switch reset: usage outlives a plan that no other follows",
        "given.length === 0)",
        "given.length < 0)",
      ],
      ["free-switch reset: a plan that comes back has its usage back", "|| grant.source === remainder,", ","],
      ["units that were bought once outlive the plan", "!(isBought(grant) && isCurrent(grant, now))", "true"],
      [
        "units that were bought once outlive a plan that ends with its period",
        "grant.rolledFrom !== undefined || isBought(grant)) continue;",
        "grant.rolledFrom !== undefined) continue;",
      ],
      [
        "what a plan includes of units bought once, it includes once",
        "if (!isThere || !isBought(grant)) return grant;",
        "return grant;",
      ],
      ["units that are paid for stay until the period's end", "more < 0) &&", "more < -1e9) &&"],
      ["units beyond what is included come in whole packs", ".round(0, 3)", ".round(0, 0)"],
      ["a period ends when none of a plan's items is cut short", "Math.max(...ends)", "Math.min(...ends)"],
      [
        "a change at the period's end leaves the other grants alone",
        "!change.ending.has(grant.source) ||",
        "",
      ],
      [
        "a change that is taken back leaves the end of the other grants",
        "grant.source !== change.resuming ||",
        "",
      ],
    ],
  ),
  ...of(
    "src/core/controls.ts",
    ["test/core/controls.test.ts", "test/core/draws.test.ts"],
    [
      [
        "a limit that is in force counts once",
        "used > 0 && !limits.some((limit) => limit.interval === interval)",
        "used > 0",
      ],
      [
        "of two plans' limits at one rate the calendar's holds, else the first",
        'a.anchor === "utc" && b.anchor !== "utc"',
        'a.anchor === "utc"',
      ],
      [
        "a limit counts from the plans' periods before a gift's",
        "ofPlans.length > 0 ? ofPlans : main",
        "main",
      ],
      [
        "an entity's limit follows its own periods before the customer's",
        "row.featureId === featureId && row.entityId === owner",
        "row.featureId === featureId",
      ],
      ["a limit of credits follows their own periods", "pools.slice(place, place + 1)", "[]"],
      ["a limit that is changed keeps its count", "before === undefined ? {", "true ? {"],
      [
        "what was drawn before a limit was set is none of its",
        "Math.max(lastBoundary(limit, now), limit.since ?? -Infinity)",
        "lastBoundary(limit, now)",
      ],
      [
        "a limit whose periods change has counted only since its own began",
        "...(since > lastBoundary(recurrence, now) && { since })",
        "",
      ],
      ["a limit counts whole periods after its first", "delete limit.since;", ""],
      [
        "a limit of a plan that is left counts on: coming back is no way to count from nothing",
        "const idle = isOwn ? [] :",
        "const idle = true ? [] :",
      ],
      [
        "a usage limit begins anew at its boundary",
        "Object.assign(limit, { used: 0, nextAt: nextBoundary(limit, until) })",
        "Object.assign(limit, { nextAt: nextBoundary(limit, until) })",
      ],
      ["a control of the entity's own hides the customer's", "if (!isPlans(own, control)) return own;", ""],
      ["of what plans say the stricter holds", "rateOfA.lt(rateOfB)", "rateOfA.gt(rateOfB)"],
      [
        "a customer's spend limit spans his entities",
        "governing.entityId === undefined || owners.includes(entityId)",
        "owners.includes(entityId)",
      ],
      [
        "an entity's own spend limit spans no other entity",
        "governing.entityId === undefined || owners.includes(entityId)",
        "true",
      ],
      [
        "an entity's own spend limit counts what the entity owes",
        "const owners = [undefined, governing.entityId];",
        "const owners = [undefined];",
      ],
      ["a spend limit spans no other feature", "=>\n      featureId === governing.featureId &&", "=>\n"],
    ],
  ),
];

const storing = [
  ...of(
    "src/component/usage.ts",
    ["test/app/customers.test.ts", "test/app/rollback.test.ts", "test/app/chat.test.ts"],
    [
      [
        "replay: a key that is repeated moves nothing",
        "if (idempotencyKey === undefined) return undefined;",
        "if (idempotencyKey !== null) return undefined;",
      ],
      [
        "a refused call leaves no record",
        'return { kind: "refused" as const, decision: answer(working.rows, ask) };',
        `const decision = answer(working.rows, ask);
      await recordRequest(ctx, customerId, { request, outcome, decision });
      return { kind: "refused" as const, decision };`,
      ],
      [
        "several uses of one call are all or nothing",
        "    working.applyDraw(outcome, ask, watch);\n",
        "    working.applyDraw(outcome, ask, watch);\n    await working.save(ctx, customerId, false);\n",
      ],
      ["a request of several counts on those before it", "    working.applyDraw(outcome, ask, watch);\n", ""],
    ],
  ),
  ...of(
    "src/component/events.ts",
    ["test/app/adjustments.test.ts", "test/app/refunds.test.ts"],
    [
      [
        "replay: a key that is repeated with another payload is a conflict",
        "COMPARED.filter((field) => event[field] !== call[field])",
        "COMPARED.filter(() => false)",
      ],
      [
        "another customer's event cannot be named",
        "event?.customerId === customerId &&",
        "event !== null &&",
      ],
    ],
  ),
  ...of(
    "src/component/grants.ts",
    ["test/app/customers.test.ts"],
    [
      [
        "replay: a grant that is repeated is given once",
        "if (idempotencyKey !== undefined) {",
        "if (idempotencyKey === null) {",
      ],
    ],
  ),
  ...of(
    "src/component/refunds.ts",
    ["test/app/refunds.test.ts"],
    [
      [
        "a refund is given at most once in sum",
        "nearest(total(returned.map(({ value }) => exact(-value))))",
        "0",
      ],
      [
        "a refund gives back both parts of a use that was confirmed late",
        "...less(event.draws, earlier), ...confirmed]",
        "...less(event.draws, earlier)]",
      ],
      [
        "replay: a refund that is repeated gives back nothing more",
        "if (repeated !== undefined) {",
        "if (repeated === null) {",
      ],
    ],
  ),
  ...of(
    "src/component/reservations.ts",
    ["test/app/reservations.test.ts", "test/app/settling-corners.test.ts"],
    [
      [
        "a hold that does not fit is refused",
        '\n        const outcome = draw(working.rows, ask, "reject");\n        if (outcome.uncovered > 0)',
        '\n        const outcome = draw(working.rows, ask, "cap");\n        if (outcome.uncovered === -1)',
      ],
      ["a hold that is repeated is the same hold", "if (isSame) return open;", ""],
      ["the sweep settles at the last report", "units ?? reservation.reported ?? 0", "units ?? 0"],
      [
        "a release charges what was reported",
        "settle(ctx, reservation, reservation.reported ?? 0,",
        "settle(ctx, reservation, 0,",
      ],
      ["no hold lives for more than a day", "Math.min(startedAt + MAX_TTL_MS, wanted)", "wanted"],
      [
        "a hold is swept only when it has expired",
        '.lte("expiresAt", now)',
        '.lte("expiresAt", now + MAX_TTL_MS)',
      ],
      [
        "a late confirmation charges only what is more",
        "exact(confirmed).minus(event.value)",
        "exact(confirmed)",
      ],
    ],
  ),
  ...of(
    "src/component/rows.ts",
    ["test/app/time.test.ts", "test/app/reservations.test.ts"],
    [
      [
        "closed overage: a charge is stored with the balance that closed its period",
        "for (const period of closed)",
        "for (const period of closed.slice(1))",
      ],
      [
        "entity scope: an unknown entity is an error",
        "if (entityId !== undefined) await getEntity(ctx, customerId, entityId);",
        "if (entityId !== undefined) await findEntity(ctx, customerId, entityId);",
      ],
    ],
  ),
  ...of(
    "src/component/rows.ts",
    ["test/app/entities.test.ts"],
    [
      [
        "entity scope: what is being removed pays for nobody",
        "row.removing === undefined || row.entityId === entityId",
        "true",
      ],
      [
        "an entity that is being removed has back what its holds give back",
        "row.removing === undefined || row.entityId === entityId",
        "row.removing === undefined",
      ],
    ],
  ),
  ...of(
    "src/component/workingRows.ts",
    ["test/app/entities.test.ts"],
    [["entity scope: an entity that is being removed is an error", " && !removing", ""]],
  ),
  ...of(
    "src/component/entities.ts",
    ["test/app/entities.test.ts"],
    [
      [
        "free-switch reset: an entity that comes back goes on with what it had used",
        "if (earlier !== null)",
        "if (earlier === undefined)",
      ],
      [
        "free-switch reset: an entity that comes in between is an heir as well",
        "...(before !== undefined && { inherits: before }),",
        "",
      ],
      ["an entity holds nothing of what it held before", "begun.filter((each) => each.consumable)", "begun"],
    ],
  ),
  ...of(
    "src/component/departures.ts",
    ["test/app/entities.test.ts"],
    [
      [
        "holds of an entity are settled before it goes",
        "if (!(await settleHolds(ctx, entity))) return false;",
        "",
      ],
      ["an entity's plans end with it, and no others", "if (held.entityId !== entityId) continue;", ""],
      [
        "closed overage: the periods of an entity close with it",
        "const after = endBalance(before, now);",
        "const after = { balance: { ...before, grants: [] }, closed: [] };",
      ],
    ],
  ),
  ...of(
    "src/component/planChanges.ts",
    ["test/app/entities.test.ts"],
    [
      [
        "free-switch reset: a plan counts the entities that are there",
        "if (held.length === 0) return;",
        "if (held.length >= 0) return;",
      ],
    ],
  ),
  ...of(
    "src/component/seats.ts",
    ["test/app/entities.test.ts"],
    [["a seat that was not counted does not come back", "if (!isCounted || outcome", "if (outcome"]],
  ),
  ...of(
    "src/component/refunds.ts",
    ["test/app/entities.test.ts"],
    [
      [
        "entity scope: another of the same id has back no more than it used",
        "entity._creationTime <= since",
        "true",
      ],
    ],
  ),
  ...of(
    "src/core/entities.ts",
    ["test/core/entities.test.ts"],
    [
      ["a seat is taken whole or not at all", 'policy === "overflow" ? "overflow" : "reject"', "policy"],
      ["usage that is charged with an entity's end is not kept", "used.minus(over(grant))", "used"],
      ["usage is resumed in its period alone", "<= earlier.endedAt", "<= now"],
    ],
  ),
  ...of(
    "src/component/workingRows.ts",
    ["test/app/time.test.ts", "test/app/customers.test.ts"],
    [
      [
        "closed overage: a charge is stored once, with the row that it is of",
        "changed.some((row) => rowKey(row) === rowKey(period))",
        "true",
      ],
    ],
  ),
  ...of(
    "src/component/planChanges.ts",
    ["test/app/plans.test.ts", "test/app/customers.test.ts"],
    [
      [
        "free-switch reset: what is held stays held",
        "item?.consumable === false || change.keepsUsage",
        "change.keepsUsage",
      ],
      [
        "what an entity gets of a plan is its own",
        "item.entityFeatureId === undefined) : arriving",
        "true) : arriving",
      ],
    ],
  ),
  ...of(
    "src/component/subscriptions.ts",
    [
      "test/app/plans.test.ts",
      "test/app/trials.test.ts",
      "test/app/switching.test.ts",
      "test/app/plan-keys.test.ts",
      "test/app/customers.test.ts",
    ],
    [
      ["a trial is had once", "if (why === null) return;", "if (why !== undefined) return;"],
      ["a trial is not paid for", "args.trial === undefined && isUpgrade(", "isUpgrade("],
      ["a trial ends with itself", "return Math.min(end, trialEndsAt ?? Infinity);", "return end;"],
      ["a trial that goes on ends all the same", "if (trialEndsAt !== undefined)", "if (trialEndsAt === 0)"],
      [
        "replay: a change of plans with a key happens once",
        "if (answered !== null) return { resumed",
        "if (answered === undefined) return { resumed",
      ],
      [
        "replay: a plan is not cancelled with the key that attached it",
        "value: 0, properties: asked });",
        "value: 0 });",
      ],
      ["a plan replaces only those of its group", "each.group === plan.group &&", ""],
      [
        "a free switch keeps the period",
        "startsAfresh ? now : Math.min(now,",
        "startsAfresh ? now : Math.max(now,",
      ],
    ],
  ),
];

const doors = [
  ...of(
    "src/client/requests.ts",
    ["test/app/security.test.ts", "test/app/bad-input.test.ts"],
    [
      [
        "an app's own use is never below zero",
        'assertAmount(value, "value", { negative: options.negative });',
        'assertAmount(value, "value", { negative: true });',
      ],
    ],
  ),
  ...of(
    "src/component/events.ts",
    ["test/app/security.test.ts"],
    [
      [
        "one entity's user does not see what the others did",
        "entityId === undefined || event.entityId === entityId",
        "true",
      ],
    ],
  ),
];

const selling = [
  ...of(
    "src/core/orders.ts",
    ["test/core/orders.test.ts", "test/payments/subscriptions.test.ts"],
    [
      [
        "selling: what was paid is what was expected",
        "if (paid.amount !== expected.amount)",
        "if (paid.amount < 0)",
      ],
      ["selling: in the expected currency", "if (paid.currency !== expected.currency)", "if (false)"],
      ["selling: what costs less waits", '? "now" : "period_end";\n  return', '? "now" : "now";\n  return'],
      [
        "selling: the rest of a period is credited at the old price",
        "0 - part(line.amount)",
        "0 - line.amount",
      ],
      ["selling: all of it goes back with the last of the money", "if (returned >= paid) return amount;", ""],
    ],
  ),
  ...of(
    "src/core/renewals.ts",
    ["test/core/renewals.test.ts", "test/payments/sync.test.ts"],
    [
      ["selling: an older word counts no more", "given >= known", "true"],
      ["selling: past due since the first time", "Math.min(now, pastDueAt ?? now)", "now"],
      [
        "selling: an anchor that moves takes the boundary with it",
        "return instant - before <= after - instant ? before : after;",
        "return after;",
      ],
      ["selling: what was spent of a refund is owed", "grant.carry = true;", ""],
    ],
  ),
  ...of(
    "src/component/purchases.ts",
    ["test/payments/abuses.test.ts", "test/payments/checkouts.test.ts", "test/payments/demo.test.ts"],
    [
      [
        "selling: what is paid is credited once",
        'if (status === "paid" || status === "quarantined") return { outcome: "unchanged" as const, purchaseId };',
        "",
      ],
      [
        "selling: an open session is used again",
        "const same = waiting.find(isSame);",
        "const same = waiting.find(() => false);",
      ],
      [
        "selling: one provider's session is a purchase of its own",
        "named?.provider === provider && named.sessionId === undefined",
        "named !== null",
      ],
    ],
  ),
  ...of(
    "src/component/settlements.ts",
    [
      "test/payments/abuses.test.ts",
      "test/payments/checkouts.test.ts",
      "test/payments/subscriptions.test.ts",
    ],
    [
      ["selling: a payment credits one purchase", "if (other !== null)", "if (other !== null && false)"],
      ["selling: a subscription is one customer's", "return isOthers ?", "return isOthers && false ?"],
    ],
  ),
  ...of(
    "src/component/credits.ts",
    ["test/payments/abuses.test.ts"],
    [
      [
        "selling: a refund takes the difference to those before",
        "exact(wanted).minus(credit.takenBack)",
        "exact(wanted)",
      ],
      [
        "selling: only the money of the period that goes on stops a plan",
        "|| held.paidUntil > paidUntil",
        "",
      ],
    ],
  ),
  ...of(
    "src/component/synced.ts",
    ["test/payments/sync.test.ts", "test/payments/abuses.test.ts", "test/payments/subscriptions.test.ts"],
    [
      [
        "selling: a plan whose money went back stays stopped",
        "if (periodEnd <= (held.returnedUntil ?? -Infinity)) continue;",
        "",
      ],
      [
        "selling: what another plan has taken the place of does not come back",
        "isEnded(known) && others.length > 0",
        "false",
      ],
      [
        "selling: a trial has not paid for a new allowance",
        'keepsUsage: word.status === "trialing" || ',
        "keepsUsage: ",
      ],
    ],
  ),
  ...of(
    "src/payments/returnUrls.ts",
    ["test/payments/checkouts.test.ts"],
    [
      [
        "selling: payers go back to an allowed origin",
        "allowed.includes(url.origin)",
        "allowed.some((origin) => given.startsWith(origin))",
      ],
    ],
  ),
  ...of(
    "src/payments/stripeFacts.ts",
    ["test/payments/abuses.test.ts", "test/payments/secrets.test.ts"],
    [
      [
        "selling: a webhook is signed",
        "if (isSigned === true) return eventIn(body);",
        "return eventIn(body);",
      ],
      ["selling: an old signature is a replay", "const TOLERANCE_S = 300;", "const TOLERANCE_S = 0;"],
      ["selling: disputes that are won take nothing", "!FREE.includes(status)", "true"],
    ],
  ),
  ...of(
    "src/payments/stripeErrors.ts",
    ["test/payments/abuses.test.ts", "test/payments/secrets.test.ts"],
    [["selling: errors say nothing in the provider's words", "SAYABLE.test(part)", "true"]],
  ),
  ...of(
    "src/payments/payments.ts",
    ["test/payments/checkouts.test.ts"],
    [
      [
        "selling: whoever may not manage the billing may not buy",
        "if (mayPay(identity)) return identity;",
        "return identity;",
      ],
    ],
  ),
  ...of(
    "src/payments/checkouts.ts",
    [
      "test/payments/checkouts.test.ts",
      "test/payments/abuses.test.ts",
      "test/payments/subscriptions.test.ts",
    ],
    [
      [
        "selling: what costs nothing is not bought any number of times",
        "if (order.total === 0) throw",
        "if (false) throw",
      ],
      ["selling: what is archived is not sold", "if (plan.archived) throw", "if (false) throw"],
      ["selling: one trial of a plan", "hadTrial ||", "false ||"],
      [
        "selling: what was to follow is taken back before more is charged",
        'if (when === "now" && standing.next !== null)',
        "if (false)",
      ],
    ],
  ),
];

const collecting = [
  ...of(
    "src/payments/collections.ts",
    ["test/payments/overage.test.ts"],
    [
      [
        "selling: a charge is asked for again under its own key",
        "idempotencyKey: `tally:charge:${chargeId}:${declined}`",
        "idempotencyKey: crypto.randomUUID()",
      ],
    ],
  ),
  ...of(
    "src/component/autoTopUps.ts",
    ["test/payments/autoTopUps.test.ts"],
    [
      [
        "selling: each automatic top-up of a period has a key of its own",
        "`tally:top_up:${held._id}:${since}:${number}`",
        "`tally:top_up:${held._id}`",
      ],
    ],
  ),
];

const wiring = [
  ...of(
    "src/http/keys.ts",
    ["test/wire/keys.test.ts"],
    [["wire: nobody calls without the secret", "if (!same.includes(true))", "if (false)"]],
  ),
  ...of(
    "src/wire/operations/repeats.ts",
    ["test/wire/uses.test.ts"],
    [["wire: a repeat is told as one", "if (!replayed) return;", "return;"]],
  ),
  ...of(
    "src/wire/operations/checks.ts",
    ["test/wire/uses.test.ts"],
    [["wire: a lock is taken once", "if (replayed) throw", "if (false) throw"]],
  ),
  ...of(
    "src/wire/operations/orders.ts",
    ["test/wire/billing.test.ts"],
    [["wire: a page sets no terms of what it buys", "if (isBrowser !== true) return;", "return;"]],
  ),
  ...of(
    "src/wire/operations/attachments.ts",
    ["test/wire/billing.test.ts"],
    [
      [
        "wire: what a page gets for nothing does not add up",
        "return isBrowser !== true ||",
        "return true ||",
      ],
    ],
  ),
  ...of(
    "src/autumn/session.ts",
    ["test/wire/autumn.test.ts"],
    [
      [
        "wire: nobody names another customer",
        "if (customerId !== undefined && customerId !== this.customer().customerId)",
        "if (false)",
      ],
    ],
  ),
  ...of(
    "src/wire/failures.ts",
    ["test/wire/hostile.test.ts"],
    [
      [
        "wire: a defect is no leave to go on",
        'status: 400,\n    code: "internal_error"',
        'status: 500,\n    code: "internal_error"',
      ],
    ],
  ),
];

export const mutations: readonly Mutation[] = [
  ...burnOrder,
  ...drawing,
  ...exactness,
  ...time,
  ...givingBack,
  ...holding,
  ...granting,
  ...pricing,
  ...planning,
  ...storing,
  ...doors,
  ...selling,
  ...collecting,
  ...wiring,
];
