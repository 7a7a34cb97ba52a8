import { afterEach, expect, test } from "vitest";
import { closeAll, engineOf, exampleApp, user, value } from "./deployed.js";

afterEach(closeAll);

test("the example app sends a message and charges it", async () => {
  const engine = await engineOf(exampleApp);
  await value(engine, "chat:send", { text: "Hello" }, user("ann"));
  expect(await value(engine, "chat:list", {}, user("ann"))).toEqual([{ author: "user", text: "Hello" }]);
  expect(await value(engine, "usage:getUsage", { featureId: "messages" }, user("ann"))).toMatchObject({
    used: 1,
    remaining: 4,
  });
});

test("an action's transactions commit while it runs", async () => {
  const engine = await engineOf(exampleApp);
  const answer = await value(engine, "chat:generate", { prompt: "Hello" }, user("ann"));
  expect(answer).toMatchObject({ text: "You said: Hello", tokens: 5, tokensLeft: 1_995 });
  expect(await value(engine, "chat:list", {}, user("ann"))).toEqual([
    { author: "assistant", text: "You said: Hello" },
  ]);
});
