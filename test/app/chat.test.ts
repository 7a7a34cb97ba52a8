import { expect, test } from "vitest";
import { api, internal } from "../../convex/_generated/api.js";
import { deployment, signedIn, type Deployment } from "./deployment.js";

const usage = (t: Deployment, featureId: string) => signedIn(t).query(api.usage.getUsage, { featureId });

test("a message and its charge are one transaction", async () => {
  const t = deployment();
  await signedIn(t).mutation(api.chat.send, { text: "hello" });
  expect(await usage(t, "messages")).toMatchObject({ used: 1, remaining: 4 });
  expect(await signedIn(t).query(api.chat.list, {})).toMatchObject([{ author: "user", text: "hello" }]);
});

test("a message that the app refuses is not charged", async () => {
  const t = deployment();
  await expect(signedIn(t).mutation(api.chat.send, { text: " " })).rejects.toMatchObject({
    data: { code: "INVALID_INPUT" },
  });
  expect(await usage(t, "messages")).toMatchObject({ used: 0, remaining: 5 });
});

test("a message beyond the limit is neither charged nor written", async () => {
  const t = deployment();
  const ada = signedIn(t);
  for (let count = 0; count < 5; count++) await ada.mutation(api.chat.send, { text: "hello" });
  await expect(ada.mutation(api.chat.send, { text: "hello" })).rejects.toMatchObject({
    data: { kind: "usage_exceeded", featureId: "messages", remaining: 0, requiredBalance: 1 },
  });
  expect(await ada.query(api.chat.list, {})).toHaveLength(5);
});

test("nobody signed in sees no usage and writes no message", async () => {
  const t = deployment();
  expect(await t.query(api.usage.getUsage, { featureId: "messages" })).toMatchObject({ allowed: false });
  await expect(t.mutation(api.chat.send, { text: "hello" })).rejects.toMatchObject({
    data: { kind: "unauthenticated" },
  });
});

test("an answer of the model is charged by the tokens that it took", async () => {
  const t = deployment();
  expect(await signedIn(t).action(api.chat.generate, { prompt: "four" })).toMatchObject({
    tokens: 5,
    tokensLeft: 1_995,
  });
});

test("a model that fails is not charged", async () => {
  const t = deployment();
  await expect(signedIn(t).action(api.chat.generate, { prompt: "[fail]" })).rejects.toThrow("not available");
  expect(await usage(t, "ai_tokens")).toMatchObject({ used: 0 });
});

test("without tokens the model is not asked", async () => {
  const t = deployment();
  await signedIn(t).action(api.chat.generate, { prompt: "x".repeat(5_000) });
  await expect(signedIn(t).action(api.chat.generate, { prompt: "[fail]" })).rejects.toMatchObject({
    data: { code: "USAGE_EXCEEDED" },
  });
});

test("both models are paid from one pool of credits, each at its cost", async () => {
  const t = deployment();
  const ask = (model: "basic" | "premium", requestId: string) =>
    signedIn(t).mutation(api.chat.ask, { model, prompt: "why", requestId });
  await ask("basic", "1");
  await ask("premium", "2");
  expect(await usage(t, "credits")).toMatchObject({ granted: 0.5, used: 0.11, remaining: 0.39 });
  expect(await usage(t, "premium_model")).toMatchObject({ remaining: 3.9 });
});

test("a request that comes twice is charged once and answered from the first time", async () => {
  const t = deployment();
  const ask = (prompt: string) =>
    signedIn(t).mutation(api.chat.ask, { model: "premium", prompt, requestId: "1" });
  const first = await ask("why");
  expect(await ask("why, again")).toEqual(first);
  expect(await usage(t, "credits")).toMatchObject({ used: 0.1 });
  expect(await signedIn(t).query(api.chat.list, {})).toHaveLength(1);
});

test("a boolean feature comes with the plan that has it", async () => {
  const t = deployment();
  const search = () => signedIn(t).query(api.chat.search, { words: "ledgers" });
  await expect(search()).rejects.toMatchObject({ data: { code: "FEATURE_NOT_AVAILABLE" } });
  await t.mutation(internal.credits.setPlan, { userId: "user_1", planId: "pro" });
  expect(await search()).toEqual(["What the web says about ledgers"]);
});

test("emails are taken first and sent then", async () => {
  const t = deployment();
  const send = () => signedIn(t).action(api.emails.sendEmail, { to: "b@example.com", body: "hi" });
  expect(await send()).toEqual({ left: 2 });
  await send();
  await send();
  await expect(send()).rejects.toMatchObject({ data: { code: "USAGE_EXCEEDED" } });
});

test("a queue of emails is charged for each, or not at all", async () => {
  const t = deployment();
  const queue = (to: string[]) => signedIn(t).mutation(api.emails.queueEmails, { to, body: "hi" });
  await queue([]);
  await queue(["a@example.com", "b@example.com"]);
  expect(await usage(t, "emails")).toMatchObject({ used: 2, remaining: 1 });
  await expect(queue(["c@example.com", "d@example.com"])).rejects.toMatchObject({
    data: { kind: "usage_exceeded" },
  });
  expect(await usage(t, "emails")).toMatchObject({ used: 2, remaining: 1 });
  expect(await t.run((ctx) => ctx.db.query("outbox").take(10))).toHaveLength(2);
});

test("a gift of credits comes once for a ticket, and burns after the monthly credits", async () => {
  const t = deployment();
  const give = () => t.mutation(internal.credits.giveCredits, { userId: "user_1", amount: 5, ticket: "7" });
  expect(await give()).toEqual({ remaining: 5.5 });
  await give();
  await signedIn(t).mutation(api.chat.ask, { model: "premium", prompt: "why", requestId: "1" });
  const check = await signedIn(t).query(api.billing.check, { featureId: "credits" });
  expect(check?.breakdown).toMatchObject([
    { planId: "free", granted: 0.5, remaining: 0.4 },
    { granted: 5, remaining: 5 },
  ]);
});

test("a background job writes on a user's account, once a week", async () => {
  const t = deployment();
  const digest = () => t.mutation(internal.digests.writeDigest, { userId: "user_1", week: "2026-47" });
  expect(await digest()).toEqual({ written: true });
  expect(await digest()).toEqual({ written: false });
  expect(await usage(t, "messages")).toMatchObject({ used: 1 });
});
