import { describe, expect, test } from "vitest";
import { api, internal } from "../../convex/_generated/api.js";
import { deployment, signedIn } from "./deployment.js";

describe("the chat app", () => {
  test("a message and its charge are one transaction", async () => {
    const t = deployment();
    const ada = signedIn(t);
    expect(await ada.query(api.usage.getUsage, { featureId: "messages" })).toMatchObject({
      allowed: true,
      remaining: 5,
    });
    await ada.mutation(api.chat.send, { text: "hello" });
    expect(await ada.query(api.usage.getUsage, { featureId: "messages" })).toMatchObject({
      used: 1,
      remaining: 4,
    });
    await expect(ada.mutation(api.chat.send, { text: " " })).rejects.toThrow("Write something first");
    expect(await ada.query(api.usage.getUsage, { featureId: "messages" })).toMatchObject({
      used: 1,
      remaining: 4,
    });
    expect(await ada.query(api.chat.list, {})).toEqual([{ author: "user", text: "hello" }]);
    for (let i = 0; i < 4; i++) await ada.mutation(api.chat.send, { text: "again" });
    await expect(ada.mutation(api.chat.send, { text: "too many" })).rejects.toMatchObject({
      data: { kind: "usage_exceeded" },
    });
    expect(await ada.action(api.chat.generate, { prompt: "hi" })).toMatchObject({
      tokens: 4,
      tokensLeft: 1996,
    });
    expect(await ada.query(api.billing.balances, {})).toHaveLength(4);
    expect(await ada.query(api.billing.events, {})).toMatchObject({ page: expect.any(Array) });
    console.log(JSON.stringify(await ada.query(api.billing.check, { featureId: "premium_model" }), null, 1));
    console.log(
      JSON.stringify(
        await t.mutation(internal.credits.giveCredits, { userId: "user_1", amount: 5, ticket: "1" }),
        null,
        1,
      ),
    );
  });
});
