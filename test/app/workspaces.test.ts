/** A workspace is a customer of its own: its members use what it has, and its owners buy. */
import { expect, test } from "vitest";
import { api, internal } from "../../convex/_generated/api.js";
import type { Id } from "../../convex/_generated/dataModel.js";
import { deployment, signedIn } from "./deployment.js";
import { buy, shopOpen } from "./shop.js";

shopOpen();

/** The people of the demo: Ada owns the workspace, Ben is a member of it, and Cleo is not. */
async function people() {
  const t = deployment();
  await t.mutation(internal.demo.seed, {});
  const [ada, ben, cleo] = ["ada", "ben", "cleo"].map((subject) => signedIn(t, subject));
  if (!ada || !ben || !cleo) throw new Error("Three people are three people.");
  const [workspace] = await ada.query(api.workspaces.mine, {});
  if (!workspace) throw new Error("The demo has a workspace.");
  return { t, ada, ben, cleo, workspaceId: workspace.workspaceId };
}

test("members are told of their workspaces, and of what they are in them", async () => {
  const { t, ada, ben, cleo } = await people();
  expect(await ada.query(api.workspaces.mine, {})).toMatchObject([{ name: "Northwind Labs", role: "owner" }]);
  expect(await ben.query(api.workspaces.mine, {})).toMatchObject([{ role: "member" }]);
  expect(await cleo.query(api.workspaces.mine, {})).toEqual([]);
  expect(await t.query(api.workspaces.mine, {})).toEqual([]);
});

test("the demo's people are there once, however often they are made", async () => {
  const { t, ada } = await people();
  await t.mutation(internal.demo.seed, {});
  expect(await ada.query(api.workspaces.mine, {})).toHaveLength(1);
});

test("what is used in a workspace is the workspace's, by all its members together", async () => {
  const { ada, ben, workspaceId } = await people();
  await ada.mutation(api.chat.send, { text: "hello", workspaceId });
  await ben.mutation(api.chat.send, { text: "hello", workspaceId });
  expect(await ada.query(api.usage.getUsage, { featureId: "messages", workspaceId })).toMatchObject({
    used: 2,
  });
  expect(await ada.query(api.usage.getUsage, { featureId: "messages" })).toMatchObject({ used: 0 });
});

test("a chat belongs to the account that pays for it", async () => {
  const { ada, ben, workspaceId } = await people();
  await ada.mutation(api.chat.send, { text: "for all", workspaceId });
  await ada.mutation(api.chat.send, { text: "for me" });
  const textsOf = async (chat: Promise<{ text: string }[]>) => (await chat).map(({ text }) => text);
  expect(await textsOf(ben.query(api.chat.list, { workspaceId }))).toEqual(["for all"]);
  expect(await textsOf(ada.query(api.chat.list, {}))).toEqual(["for me"]);
  expect(await textsOf(ben.query(api.chat.list, {}))).toEqual([]);
});

test("who is no member is nobody there", async () => {
  const { ada, cleo, workspaceId } = await people();
  await ada.mutation(api.chat.send, { text: "for us", workspaceId });
  expect(await cleo.query(api.billing.balances, { workspaceId })).toBeNull();
  expect(await cleo.query(api.chat.list, { workspaceId })).toEqual([]);
  const refusals = [
    cleo.mutation(api.chat.send, { text: "hello", workspaceId }),
    cleo.mutation(api.answers.ask, { model: "premium", text: "hello", workspaceId }),
    cleo.action(api.payments.checkout, { planId: "pro", workspaceId }),
  ];
  for (const refused of refusals) await expect(refused).rejects.toThrow(/sign/i);
});

test("a workspace that is not there lets nobody in", async () => {
  const { t, ada, workspaceId } = await people();
  await t.run(async (ctx) => await ctx.db.delete("workspaces", workspaceId));
  expect(await ada.query(api.billing.customer, { workspaceId })).toBeNull();
  expect(await ada.query(api.workspaces.mine, {})).toEqual([]);
});

test("another table's id is no workspace", async () => {
  const { ada } = await people();
  const messageId = await ada.mutation(api.chat.send, { text: "hello" });
  const workspaceId = messageId as string as Id<"workspaces">;
  await expect(ada.query(api.billing.customer, { workspaceId })).rejects.toThrow(/Validator/);
});

test("an owner buys for the workspace, and his own account has nothing of it", async () => {
  const { t, ada, ben, workspaceId } = await people();
  await buy(t, ada, { planId: "pro", workspaceId });
  expect(await ben.query(api.usage.getUsage, { featureId: "messages", workspaceId })).toMatchObject({
    granted: 500,
  });
  expect(await ada.query(api.usage.getUsage, { featureId: "messages" })).toMatchObject({ granted: 5 });
});

test("a member neither buys nor cancels nor resumes", async () => {
  const { t, ada, ben, workspaceId } = await people();
  await buy(t, ada, { planId: "pro", workspaceId });
  const attempts = [
    ben.action(api.payments.checkout, { planId: "credit-pack-5", workspaceId }),
    ben.action(api.payments.cancel, { planId: "pro", workspaceId }),
    ben.action(api.payments.resume, { planId: "pro", workspaceId }),
  ];
  for (const attempt of attempts) {
    await expect(attempt).rejects.toMatchObject({ data: { kind: "unauthenticated" } });
  }
  expect(await ada.query(api.usage.getUsage, { featureId: "credits", workspaceId })).toMatchObject({
    granted: 10,
  });
});

test("a top-up comes as often as it is bought", async () => {
  const { t, cleo } = await people();
  const credits = () => cleo.query(api.usage.getUsage, { featureId: "credits" });
  await buy(t, cleo, { planId: "credit-pack-5" });
  expect(await credits()).toMatchObject({ granted: 5.5 });
  await buy(t, cleo, { planId: "credit-pack-5" });
  expect(await credits()).toMatchObject({ granted: 10.5 });
});

test("a plan that is cancelled lasts until its period ends, and can be taken back before", async () => {
  const { t, cleo } = await people();
  const granted = async () => (await cleo.query(api.usage.getUsage, { featureId: "messages" })).granted;
  await buy(t, cleo, { planId: "pro" });
  await cleo.action(api.payments.cancel, { planId: "pro" });
  expect(await granted()).toBe(500);
  await cleo.action(api.payments.resume, { planId: "pro" });
  expect(await granted()).toBe(500);
});
