import { describe, expect, test } from "vitest";
import type { Balance } from "../../src/core/balances.js";
import { burnOrder, type Scope } from "../../src/core/order.js";
import {
  credits,
  daily,
  FEB_28,
  grant,
  JAN_31,
  MAR_31,
  messages,
  monthly,
  orCredits,
  row,
  scope,
  usageBased,
} from "./fixtures.js";

const order = (rows: Balance[], fields: Partial<Scope> = {}) =>
  burnOrder(rows, scope(fields)).map(({ grant: { id } }) => id);
const seat = (...grants: Balance["grants"]) => row("messages", grants, { entityId: "seat" });

describe("rollovers burn first", () => {
  test("before everything else", () => {
    const rows = [messages(grant("a", { reset: daily, priority: -5 }), grant("rolled", { rolledFrom: "a" }))];
    expect(order(rows)).toEqual(["rolled", "a"]);
  });

  test("even where they are credits", () => {
    const rows = [messages(grant("a")), credits(grant("rolled", { rolledFrom: "c" }))];
    expect(order(rows, { pools: orCredits(2) })).toEqual(["rolled", "a"]);
  });

  test("the soonest to expire before the others, and those that never expire last", () => {
    const rows = [
      messages(
        grant("forever", { rolledFrom: "a", createdAt: 1 }),
        grant("later", { rolledFrom: "a", expiresAt: MAR_31 }),
        grant("sooner", { rolledFrom: "a", expiresAt: FEB_28 }),
      ),
    ];
    expect(order(rows)).toEqual(["sooner", "later", "forever"]);
  });

  test("of equal expiry: own before credits, then by age, then by id", () => {
    const rows = [
      credits(grant("credit", { rolledFrom: "c", createdAt: 1 })),
      messages(
        grant("b", { rolledFrom: "a" }),
        grant("a", { rolledFrom: "a" }),
        grant("older", { rolledFrom: "a", createdAt: JAN_31 - 1 }),
      ),
    ];
    expect(order(rows, { pools: orCredits(2) })).toEqual(["older", "a", "b", "credit"]);
  });

  test("of equal expiry and without an entity: the customer's before those of entities, by entity", () => {
    const rolled = (id: string) => grant(id, { rolledFrom: "a", perEntity: true });
    const rows = [
      row("messages", [rolled("b")], { entityId: "b" }),
      row("messages", [rolled("a")], { entityId: "a" }),
      messages(rolled("own")),
    ];
    expect(order(rows)).toEqual(["own", "a", "b"]);
  });
});

describe("then, each rule only where those before leave it open,", () => {
  test("the named entity's burn before the customer's", () => {
    const rows = [messages(grant("customer", { priority: -5 })), seat(grant("entity"))];
    expect(order(rows, { entityId: "seat" })).toEqual(["entity", "customer"]);
  });

  test("without an entity the customer's burn before those that each entity has", () => {
    const rows = [seat(grant("entity", { perEntity: true, priority: -5 })), messages(grant("customer"))];
    expect(order(rows)).toEqual(["customer", "entity"]);
  });

  test("the feature's own burn before credits", () => {
    const rows = [credits(grant("credit", { priority: -5 })), messages(grant("own"))];
    expect(order(rows, { pools: orCredits(2) })).toEqual(["own", "credit"]);
  });

  test("an entity's credits burn before the customer's own balance", () => {
    const rows = [messages(grant("customer")), row("credits", [grant("credit")], { entityId: "seat" })];
    expect(order(rows, { pools: orCredits(2), entityId: "seat" })).toEqual(["credit", "customer"]);
  });

  test("a lower priority burns first, and 0 is that of all who have none", () => {
    const rows = [
      messages(
        grant("late", { priority: 1, reset: daily }),
        grant("zero", { priority: 0, createdAt: JAN_31 + 1 }),
        grant("none"),
        grant("early", { priority: -1 }),
      ),
    ];
    expect(order(rows)).toEqual(["early", "none", "zero", "late"]);
  });

  test("what resets burns before what is given once", () => {
    const rows = [messages(grant("once", { expiresAt: FEB_28 }), grant("resets", { reset: monthly }))];
    expect(order(rows)).toEqual(["resets", "once"]);
  });

  test("a shorter interval burns before a longer one", () => {
    const every = (id: string, interval: "week" | "month" | "day", count: number) =>
      grant(id, { reset: { ...monthly, interval, count }, ...(id === "month" && { expiresAt: FEB_28 }) });
    const rows = [
      messages(every("month", "month", 1), every("5 weeks", "week", 5), every("30 days", "day", 30)),
    ];
    expect(order(rows)).toEqual(["30 days", "month", "5 weeks"]);
  });

  test("what expires sooner burns first, and what never does last", () => {
    const rows = [
      messages(
        grant("never"),
        grant("later", { expiresAt: MAR_31 }),
        grant("sooner", { expiresAt: FEB_28, addOn: true, overage: usageBased }),
      ),
    ];
    expect(order(rows)).toEqual(["sooner", "later", "never"]);
  });

  test("of entities' grants that are alike, those of the entity with the lower id burn first", () => {
    const each = (entityId: string, id: string) =>
      row("messages", [grant(id, { perEntity: true, ...(entityId === "a" && { addOn: true }) })], {
        entityId,
      });
    expect(order([each("b", "1"), each("a", "2")])).toEqual(["2", "1"]);
  });

  test("a main plan's burn before an add-on's", () => {
    const rows = [messages(grant("addOn", { addOn: true }), grant("main", { overage: usageBased }))];
    expect(order(rows)).toEqual(["main", "addOn"]);
  });

  test("what is prepaid burns before what is charged by use", () => {
    const rows = [
      messages(
        grant("byUse", { overage: usageBased, createdAt: JAN_31 - 1 }),
        grant("prepaid", { prepaid: true }),
      ),
    ];
    expect(order(rows)).toEqual(["prepaid", "byUse"]);
  });

  test("the older burns first", () => {
    const rows = [messages(grant("a", { createdAt: JAN_31 + 1 }), grant("b"))];
    expect(order(rows)).toEqual(["b", "a"]);
  });

  test("credit systems burn in the catalog's order", () => {
    const pools = [{ featureId: "messages" }, { featureId: "first" }, { featureId: "second" }];
    const rows = [row("second", [grant("a")]), row("first", [grant("b")])];
    expect(order(rows, { pools })).toEqual(["b", "a"]);
  });

  test("the id decides between grants that are alike in everything", () => {
    expect(order([messages(grant("b"), grant("a"), grant("c"))])).toEqual(["a", "b", "c"]);
  });
});

describe("no grant can pay", () => {
  test("that has not started or has expired", () => {
    const rows = [messages(grant("a", { startsAt: JAN_31 + 1 }), grant("b", { expiresAt: JAN_31 }))];
    expect(order(rows)).toEqual([]);
    expect(order(rows, { now: JAN_31 + 1 })).toEqual(["a"]);
  });

  test("of a feature that is no pool of the call", () => {
    expect(order([credits(grant("a"))])).toEqual([]);
  });

  test("of another entity", () => {
    expect(order([seat(grant("a", { perEntity: true }))], { entityId: "desk" })).toEqual([]);
  });

  test("of an entity alone, for the customer as a whole", () => {
    expect(order([seat(grant("own"), grant("ofPlan", { perEntity: true }))])).toEqual(["ofPlan"]);
  });
});

test("each grant comes with its row, its pool and the place of that pool", () => {
  const [held, paid] = [messages(grant("a")), credits(grant("b"))];
  const pools = orCredits(2);
  expect(burnOrder([paid, held], scope({ pools }))).toEqual([
    { grant: held.grants[0], row: held, pool: pools[0], poolIndex: 0 },
    { grant: paid.grants[0], row: paid, pool: pools[1], poolIndex: 1 },
  ]);
});
