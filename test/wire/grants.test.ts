import { expect, test } from "vitest";
import { call, deploy, NOW, send } from "./deployment.js";

const messages = { customer_id: "ada", feature_id: "messages" };
const DAY = 24 * 60 * 60_000;

async function left(t: ReturnType<typeof deploy>, of: object = messages) {
  const { balance } = await call(t, "balances.check", of);
  return balance as Record<string, unknown>;
}

test("a balance is created with an amount, a reset and an end, once for its key", async () => {
  const t = deploy();
  const create = {
    ...messages,
    included_grant: 100,
    reset: { interval: "week" },
    expires_at: NOW + 30 * DAY,
  };
  expect(await call(t, "balances.create", create, { key: "gift" })).toEqual({
    success: true,
    message: "Balance created",
  });
  expect(await send(t, "balances.create", create, { key: "gift" })).toMatchObject({ status: 409 });
  const { breakdown } = await left(t);
  expect(breakdown).toMatchObject([
    {
      reset: { interval: "week", resets_at: NOW + 7 * DAY },
      expires_at: NOW + 30 * DAY,
      included_grant: 100,
    },
    { plan_id: "free" },
  ]);
});

test("a balance may never reset, or be without limit", async () => {
  const t = deploy();
  await call(t, "balances.create", { ...messages, included_grant: 5, reset: { interval: "one_off" } });
  expect(await left(t)).toMatchObject({ granted: 15 });
  await call(t, "balances.create", { ...messages, unlimited: true });
  expect(await left(t)).toMatchObject({ unlimited: true });
});

test("what is left, used or granted is set; and what is added comes on top of what is left or owed", async () => {
  const t = deploy();
  await call(t, "balances.track", { ...messages, value: 4 });
  await call(t, "balances.update", { ...messages, remaining: 2 });
  expect(await left(t)).toMatchObject({ remaining: 2, usage: 8 });
  await call(t, "balances.update", { ...messages, add_to_balance: 30 }, { key: "a" });
  expect(await send(t, "balances.update", { ...messages, add_to_balance: 30 }, { key: "a" })).toMatchObject({
    status: 409,
  });
  expect(await left(t)).toMatchObject({ remaining: 32 });
  await call(t, "balances.update", { ...messages, add_to_balance: -2 });
  expect(await left(t)).toMatchObject({ remaining: 30 });
  await call(t, "balances.update", { ...messages, usage: 1, interval: "month" });
  expect(await left(t)).toMatchObject({ remaining: 9, usage: 1 });
  await call(t, "balances.update", { ...messages, included_grant: 40 });
  expect(await left(t)).toMatchObject({ granted: 40, remaining: 39 });
  await call(t, "usage", { ...messages, value: 15 }, { version: "1.2" });
  expect(await left(t)).toMatchObject({ usage: 15 });
});

test("a balance outside of plans is deleted; a plan's is not", async () => {
  const t = deploy();
  await call(t, "balances.create", { ...messages, included_grant: 5 });
  const [loose, ofPlan] = (await left(t)).breakdown as { id: string; plan_id: string | null }[];
  expect([loose?.plan_id, ofPlan?.plan_id].sort()).toEqual(["free", null]);
  const planned = [loose, ofPlan].find((part) => part?.plan_id === "free");
  expect(await send(t, "balances.delete", { ...messages, balance_id: planned?.id })).toMatchObject({
    status: 409,
  });
  await call(t, "balances.delete", messages);
  expect(await left(t)).toMatchObject({ granted: 10 });
  expect(await send(t, "balances.delete", messages)).toMatchObject({
    status: 404,
    body: { code: "balance_not_found" },
  });
});

test.each([
  ["nothing to set", "update", {}],
  ["two things to set", "update", { remaining: 1, usage: 1 }],
  ["an amount that is none", "update", { remaining: "5" }],
  ["a rollover outside of plans", "create", { included_grant: 1, rollover: { max: 1 } }],
  ["an id of its own", "create", { included_grant: 1, balance_id: "mine" }],
  ["an interval that nothing has", "update", { remaining: 1, interval: "year" }],
  ["recalculation", "delete", { recalculate_balances: true }],
])("%s is refused, and changes nothing", async (_, verb, more) => {
  const t = deploy();
  await call(t, "balances.track", { ...messages, value: 4 });
  const before = await left(t);
  const refused = await send(t, `balances.${verb}`, { ...messages, ...more });
  expect(refused).toMatchObject({
    status: 400,
    body: { message: expect.stringMatching(/Nothing was changed\.$/) },
  });
  expect(await left(t)).toEqual(before);
});

test("setting what is used begins a customer who is not known, unless nothing of it can be", async () => {
  const t = deploy();
  expect(await send(t, "usage", { ...messages, feature_id: "nope", value: 3 })).toMatchObject({
    status: 404,
  });
  expect(await send(t, "customers.get", { customer_id: "ada" })).toMatchObject({ status: 404 });
  await call(t, "usage", { ...messages, value: 3 });
  expect(await left(t)).toMatchObject({ usage: 3, remaining: 7 });
});
