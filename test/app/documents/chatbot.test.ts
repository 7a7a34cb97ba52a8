import { anyApi, type ApiFromModules } from "convex/server";
import { describe, expect, test } from "vitest";
import { tally } from "./chatbot.js";
import type * as chatbot from "./chatbot.js";
import { deploy, user, type Deployed } from "./deploy.js";

const { chatbot: app } = anyApi as unknown as ApiFromModules<{ chatbot: typeof chatbot }>;

const customerId = "user_1";

function messagesLeft(t: Deployed) {
  return t.query((ctx) => tally.check(ctx, { customerId, featureId: "messages" }));
}

describe("checking and tracking for a named customer", () => {
  test("answers while messages are left", async () => {
    const t = deploy();
    expect(await t.mutation(app.answer, { customerId, question: "why?" })).toBe("WHY?");
    expect(await messagesLeft(t)).toMatchObject({ allowed: true, usage: 1, remaining: 1 });
  });

  test("does not once they have run out", async () => {
    const t = deploy();
    await t.mutation(app.answer, { customerId, question: "why?" });
    await t.mutation(app.answer, { customerId, question: "how?" });
    expect(await t.mutation(app.answer, { customerId, question: "when?" })).toBeNull();
    expect(await messagesLeft(t)).toMatchObject({ allowed: false, usage: 2, remaining: 0 });
  });

  test("leaves other customers alone", async () => {
    const t = deploy();
    await t.mutation(app.answer, { customerId: "org_7", question: "why?" });
    expect(await messagesLeft(t)).toMatchObject({ usage: 0, remaining: 2 });
  });
});

describe("check, work, track", () => {
  test("uses one message for work that succeeds", async () => {
    const t = deploy();
    expect(await user(t).action(app.sendMessage, { text: "hello" })).toEqual({ sent: true });
    expect(await messagesLeft(t)).toMatchObject({ usage: 1 });
  });

  test("uses none for work that fails", async () => {
    const t = deploy();
    await expect(user(t).action(app.sendMessage, { text: "" })).rejects.toThrow("nothing to say");
    expect(await messagesLeft(t)).toMatchObject({ usage: 0, remaining: 2 });
  });

  test("does no work beyond the limit", async () => {
    const t = deploy();
    const ada = user(t);
    await ada.action(app.sendMessage, { text: "hello" });
    await ada.action(app.sendMessage, { text: "are you there?" });
    expect(await ada.action(app.sendMessage, { text: "" })).toEqual({ sent: false });
  });

  test("is without limit on a plan that says so", async () => {
    const t = deploy();
    await t.mutation(app.subscribe, { customerId });
    for (let i = 0; i < 5; i++) await user(t).action(app.sendMessage, { text: "hello" });
    expect(await messagesLeft(t)).toMatchObject({ allowed: true, unlimited: true, usage: 5 });
  });
});

describe("a feature that is on or off", () => {
  test("is off unless the plan has it", async () => {
    expect(await user(deploy()).query(app.canUsePremiumModels, {})).toBe(false);
  });

  test("is on with the plan", async () => {
    const t = deploy();
    await t.mutation(app.subscribe, { customerId });
    expect(await user(t).query(app.canUsePremiumModels, {})).toBe(true);
  });
});

describe("messages paid with credits", () => {
  test("start with five dollars, and ten on the paid plan", async () => {
    const t = deploy();
    const ada = user(t);
    expect(await ada.query(app.dollarsLeft, {})).toEqual({ left: 5, used: 0, included: 5 });
    await t.mutation(app.subscribe, { customerId });
    expect(await ada.query(app.dollarsLeft, {})).toEqual({ left: 10, used: 0, included: 10 });
  });

  test("cost two cents for two basic ones", async () => {
    const t = deploy();
    const ada = user(t);
    await ada.mutation(app.sendCredited, { kind: "basic_messages", count: 2 });
    expect(await ada.query(app.dollarsLeft, {})).toEqual({ left: 4.98, used: 0.02, included: 5 });
  });

  test("cost ten times as much for premium ones", async () => {
    const t = deploy();
    const ada = user(t);
    await ada.mutation(app.sendCredited, { kind: "premium_messages", count: 2 });
    expect(await ada.query(app.dollarsLeft, {})).toEqual({ left: 4.8, used: 0.2, included: 5 });
  });

  test("may be five basic ones while five cents are left", async () => {
    const t = deploy();
    const ada = user(t);
    await ada.mutation(app.sendCredited, { kind: "basic_messages", count: 495 });
    expect(await ada.query(app.dollarsLeft, {})).toMatchObject({ left: 0.05 });
    expect(await ada.query(app.canSend, { kind: "basic_messages", count: 5 })).toBe(true);
    expect(await ada.query(app.canSend, { kind: "basic_messages", count: 6 })).toBe(false);
  });

  test("may not be five basic ones with four cents", async () => {
    const t = deploy();
    const ada = user(t);
    await ada.mutation(app.sendCredited, { kind: "basic_messages", count: 496 });
    expect(await ada.query(app.dollarsLeft, {})).toMatchObject({ left: 0.04 });
    expect(await ada.query(app.canSend, { kind: "basic_messages", count: 5 })).toBe(false);
  });

  test("of both kinds are paid from the same pool", async () => {
    const t = deploy();
    const ada = user(t);
    await ada.mutation(app.sendCredited, { kind: "premium_messages", count: 49 });
    await ada.mutation(app.sendCredited, { kind: "basic_messages", count: 3 });
    expect(await ada.query(app.dollarsLeft, {})).toMatchObject({ left: 0.07 });
    expect(await ada.query(app.canSend, { kind: "premium_messages", count: 1 })).toBe(false);
    expect(await ada.query(app.canSend, { kind: "basic_messages", count: 7 })).toBe(true);
  });

  test("are shown in messages, each pool in its own unit", async () => {
    const t = deploy();
    const check = await t.query((ctx) => tally.check(ctx, { customerId, featureId: "premium_messages" }));
    expect(check).toMatchObject({ remaining: 50, breakdown: [{ featureId: "dollars", remaining: 5 }] });
  });
});
