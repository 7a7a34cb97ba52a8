/** A user's month with the app, told in a terminal. Every line that is printed was answered by the app. */
import assert from "node:assert/strict";
import { convexTest } from "convex-test";
import { api, internal } from "../convex/_generated/api.js";
import schema from "../convex/schema.js";
import { isTallyError } from "../src/client/index.js";
import tallyTest from "../src/test.js";
import { bold, dayOf, dim, meter, no, say, step, yes } from "./terminal.js";

const userId = "ada";

export async function walk(): Promise<void> {
  const modules = await loaded(import.meta.glob(["../convex/**/*.ts", "!**/convex.config.ts"]));
  const t = convexTest({ schema, modules, transactionLimits: true });
  t.registerComponent("tally", tallyTest.schema, await loaded(tallyTest.modules));
  const ada = t.withIdentity({ subject: userId, name: "Ada" });
  const usage = (featureId: string) => ada.query(api.usage.getUsage, { featureId });
  const showMeters = async () => {
    meter("messages", await usage("messages"));
    meter("AI credits", await usage("credits"), "$");
  };

  console.log(bold("Tally: usage limits inside your own Convex deployment"));
  say(dim("The functions of convex/, unchanged, on convex-test: no account, no network."));

  step("Ada signs in. Nothing is written, and her meters show what the free plan will give her");
  await showMeters();

  step("She writes. Each message and its charge are one transaction");
  for (const text of ["Hello!", "What is a semaphore?", "And a mutex?"])
    await ada.mutation(api.chat.send, { text });
  yes("3 messages stored, 3 charged");
  await showMeters();

  step("A message fails after it was charged: the charge is undone with it");
  await assert.rejects(ada.mutation(api.chat.send, { text: "  " }));
  no('An empty message: "Write something first."');
  assert.equal((await usage("messages")).remaining, 2);
  yes("still 2 messages left");

  step("She asks the premium model, from credits. Her network retries the same request twice");
  for (let attempt = 0; attempt < 3; attempt++) {
    await ada.mutation(api.chat.ask, { model: "premium", prompt: "Explain monads", requestId: "r1" });
  }
  assert.equal((await usage("credits")).remaining, 0.4);
  yes("3 requests with one key, charged once: $0.10");
  await showMeters();

  step("She reaches the limit");
  await ada.mutation(api.chat.send, { text: "One more" });
  await ada.mutation(api.chat.send, { text: "And another" });
  const refusal: unknown = await ada
    .mutation(api.chat.send, { text: "Too many" })
    .catch((error: unknown) => error);
  assert(isTallyError(refusal, "usage_exceeded"));
  no(refusal.data.message);
  assert.equal((await ada.query(api.chat.list, {})).filter(({ author }) => author === "user").length, 5);
  yes("the sixth message was not stored either");
  await showMeters();

  step("Support gives her $5 of credits, twice by mistake with the same ticket");
  for (let click = 0; click < 2; click++) {
    await t.mutation(internal.credits.giveCredits, { userId, amount: 5, ticket: "T-42" });
  }
  assert.equal((await usage("credits")).remaining, 5.4);
  yes("$5 given once; the monthly credits burn first, the gift does not reset");
  await showMeters();

  step("An AI answer takes as many tokens as it takes: check, work, then track");
  const { tokens, tokensLeft } = await ada.action(api.chat.generate, {
    prompt: "Write a haiku about ledgers",
  });
  yes(`${tokens} tokens used, ${tokensLeft} left`);

  step("A month passes. No cron has run: time itself resets the balances");
  const resetsAt = (await usage("messages")).resetsAt;
  assert(resetsAt !== null);
  await at(resetsAt, async () => {
    say(dim(`It is ${dayOf(Date.now())}.`));
    assert.equal((await usage("messages")).remaining, 5);
    await showMeters();
    await ada.mutation(api.chat.send, { text: "I am back" });
    yes("and she writes again");
  });

  step("Every unit is accounted for");
  const history = await ada.query(api.billing.events, { limit: 20 });
  for (const event of [...(history?.page ?? [])].reverse()) {
    const what = event.featureId ?? `plan ${event.planId ?? ""}`;
    const left = event.remaining === undefined ? "" : dim(`${event.remaining} left`);
    say(`${event.kind.padEnd(6)} ${what.padEnd(14)} ${String(event.value || "").padStart(4)}  ${left}`);
  }
  console.log(`\nNext: read ${bold("README.md")}, then ${bold("convex/chat.ts")}.`);
}

type Modules = Record<string, () => Promise<unknown>>;

/** Loads beforehand: inside of a transaction convex-test lets nothing wait, not even Vite's loader. */
async function loaded(modules: Modules): Promise<Modules> {
  const entries = Object.entries(modules).map(async ([path, load]) => {
    const module = await load();
    return [path, async () => module] as const;
  });
  return Object.fromEntries(await Promise.all(entries));
}

/** Runs `scene` with the clock set forward. */
async function at(instant: number, scene: () => Promise<void>): Promise<void> {
  const { now } = Date;
  const ahead = instant - now();
  Date.now = () => now() + ahead;
  try {
    await scene();
  } finally {
    Date.now = now;
  }
}
