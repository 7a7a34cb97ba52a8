/** An answer is paid for word by word: what is written is charged, whatever becomes of the rest. */
import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { api, internal } from "../../convex/_generated/api.js";
import type { Id } from "../../convex/_generated/dataModel.js";
import type { Model } from "../../convex/model.js";
import { deployment, signedIn, type Deployment } from "./deployment.js";

beforeEach(() => void vi.useFakeTimers());
afterEach(() => void vi.useRealTimers());

const usage = (t: Deployment, featureId: string) => signedIn(t).query(api.usage.getUsage, { featureId });
const ask = (t: Deployment, model: Model, text = "why?") =>
  signedIn(t).mutation(api.answers.ask, { model, text });

/** Lets answers be written, as fast as they can: the two minutes until they are given up do not pass. */
async function toTheEnd(t: Deployment) {
  for (let step = 0; step < 100; step++) {
    const chat = await signedIn(t).query(api.chat.list, {});
    if (!chat.some(({ answer }) => answer?.status === "streaming")) return;
    await vi.advanceTimersByTimeAsync(100);
  }
  throw new Error("The answer has no end.");
}

async function answerOf(t: Deployment, messageId: Id<"messages">) {
  const chat = await signedIn(t).query(api.chat.list, {});
  const { text, answer } = chat.find((message) => message.messageId === messageId) ?? {};
  if (text === undefined || answer === undefined) throw new Error("There is no such answer.");
  return { text, ...answer };
}

/** As the model writes them, without its pauses. */
const append = (t: Deployment, messageId: Id<"messages">, words: string) =>
  t.mutation(internal.answers.append, { messageId, words });

test("an answer is charged by the tokens of its words", async () => {
  const t = deployment();
  const messageId = await ask(t, "basic");
  await toTheEnd(t);
  const { text, status, tokens } = await answerOf(t, messageId);
  expect(status).toBe("done");
  expect(text).toContain("“why?”");
  expect(tokens).toBeGreaterThan(60);
  expect(await usage(t, "ai_tokens")).toMatchObject({ used: tokens });
  expect(await usage(t, "messages")).toMatchObject({ used: 1 });
});

test("a premium answer is paid from credits alone, ten cents for fifty tokens", async () => {
  const t = deployment();
  const messageId = await ask(t, "premium");
  await append(t, messageId, "twenty tokens, which ");
  await signedIn(t).mutation(api.answers.stop, { messageId });
  expect(await answerOf(t, messageId)).toMatchObject({ tokens: 6 });
  expect(await usage(t, "credits")).toMatchObject({ used: 0.012 });
  expect(await usage(t, "messages")).toMatchObject({ used: 0 });
  expect(await usage(t, "ai_tokens")).toMatchObject({ used: 0 });
});

test("the meter moves while an answer is written: words ahead are held, and given back at its end", async () => {
  const t = deployment();
  const messageId = await ask(t, "basic");
  expect(await usage(t, "ai_tokens")).toMatchObject({ used: 20 });
  await append(t, messageId, "x".repeat(84));
  expect(await usage(t, "ai_tokens")).toMatchObject({ used: 40 });
  await t.mutation(internal.answers.finish, { messageId, status: "done" });
  expect(await usage(t, "ai_tokens")).toMatchObject({ used: 21 });
});

test("a stopped answer is charged for what is written, at once, and writes no more", async () => {
  const t = deployment();
  const messageId = await ask(t, "basic");
  await append(t, messageId, "eight characters".slice(0, 8));
  await signedIn(t).mutation(api.answers.stop, { messageId });
  expect(await usage(t, "ai_tokens")).toMatchObject({ used: 2 });
  expect(await append(t, messageId, "more")).toBe(false);
  await toTheEnd(t);
  expect(await answerOf(t, messageId)).toMatchObject({ status: "stopped", text: "eight ch", tokens: 2 });
  expect(await usage(t, "ai_tokens")).toMatchObject({ used: 2 });
});

test("an answer that is stopped before its first word costs no tokens", async () => {
  const t = deployment();
  const messageId = await ask(t, "basic");
  await signedIn(t).mutation(api.answers.stop, { messageId });
  expect(await usage(t, "ai_tokens")).toMatchObject({ used: 0 });
});

test("nobody stops another's answer", async () => {
  const t = deployment();
  const messageId = await ask(t, "basic");
  const stop = signedIn(t, "user_2").mutation(api.answers.stop, { messageId });
  await expect(stop).rejects.toMatchObject({ data: { code: "NOT_FOUND" } });
  await expect(t.mutation(api.answers.stop, { messageId })).rejects.toMatchObject({
    data: { code: "NOT_FOUND" },
  });
  expect(await answerOf(t, messageId)).toMatchObject({ status: "streaming" });
});

test("a model that breaks off is paid for what it had written", async () => {
  const warned = vi.spyOn(console, "warn").mockReturnValue();
  const t = deployment();
  const messageId = await ask(t, "basic", "[fail]");
  await toTheEnd(t);
  const { status, tokens } = await answerOf(t, messageId);
  expect(status).toBe("failed");
  expect(tokens).toBeGreaterThan(0);
  expect(await usage(t, "ai_tokens")).toMatchObject({ used: tokens });
  expect(warned).toHaveBeenCalledOnce();
});

test("an answer ends where the credits end: nothing is owed and nothing is given away", async () => {
  const t = deployment();
  const first = await ask(t, "premium");
  await toTheEnd(t);
  const second = await ask(t, "premium");
  await toTheEnd(t);
  expect(await answerOf(t, first)).toMatchObject({ status: "done" });
  const { status, tokens } = await answerOf(t, second);
  expect(status).toBe("cut_off");
  const all = (await answerOf(t, first)).tokens + tokens;
  expect(await usage(t, "credits")).toMatchObject({ used: Number((all / 500).toFixed(3)) });
  await expect(ask(t, "premium")).rejects.toMatchObject({ data: { code: "USAGE_EXCEEDED" } });
});

test("a question that cannot be paid for is not asked: no message, no charge, nothing held", async () => {
  const t = deployment();
  for (let count = 0; count < 5; count++) await signedIn(t).mutation(api.chat.send, { text: "hello" });
  await expect(ask(t, "basic")).rejects.toMatchObject({ data: { kind: "usage_exceeded" } });
  expect(await signedIn(t).query(api.chat.list, {})).toHaveLength(5);
  expect(await usage(t, "ai_tokens")).toMatchObject({ used: 0 });
});

test("nor is one for which the tokens are missing: its message is not charged either", async () => {
  const t = deployment();
  await signedIn(t).action(api.chat.generate, { prompt: "x".repeat(3_970) });
  expect((await usage(t, "ai_tokens")).remaining).toBeLessThan(20);
  await expect(ask(t, "basic")).rejects.toMatchObject({ data: { code: "USAGE_EXCEEDED" } });
  expect(await usage(t, "messages")).toMatchObject({ used: 0 });
});

test("an answer that nobody finishes is settled after two minutes", async () => {
  const t = deployment();
  const messageId = await ask(t, "basic");
  await append(t, messageId, "four");
  // At once, so that whoever writes has no turn in between.
  vi.advanceTimersByTime(2 * 60_000);
  await vi.advanceTimersByTimeAsync(500);
  expect(await answerOf(t, messageId)).toMatchObject({ status: "failed", tokens: 1 });
  expect(await usage(t, "ai_tokens")).toMatchObject({ used: 1 });
});

test.each([
  ["nothing", "  "],
  ["a book", "x".repeat(2_001)],
])("who writes %s is told so, and pays nothing", async (_, text) => {
  const t = deployment();
  await expect(ask(t, "basic", text)).rejects.toMatchObject({ data: { code: "INVALID_INPUT" } });
  expect(await usage(t, "messages")).toMatchObject({ used: 0 });
});
