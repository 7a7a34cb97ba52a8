/** The app of `convex/`, pushed by the real CLI, through a billing year as its clients see it. */
import path from "node:path";
import { expect, test } from "vitest";
import { api } from "../../convex/_generated/api.js";
import { runCli } from "../../example/embedded/cli.js";
import { eventually, liveClient, PUSH, start, tokenFor, watch } from "./serving.js";

const root = path.resolve(import.meta.dirname, "../..");
const DAY = 86_400_000;

interface Usage {
  used: number;
  remaining: number;
  resetsAt: number;
}

test("each month's allowance comes back on its day, on the screen of whoever looks", async () => {
  const deployment = await start();
  const { succeeded, output } = await runCli(root, deployment, PUSH);
  expect(succeeded, output).toBe(true);
  const advance = async (ms: number) => {
    const answer = await fetch(`${deployment.url}/dev/clock`, {
      method: "POST",
      headers: { authorization: `Convex ${deployment.adminKey}` },
      body: JSON.stringify({ advanceMs: Math.ceil(ms) }),
    });
    return ((await answer.json()) as { now: number }).now;
  };
  const token = await tokenFor({ ...deployment, project: root }, "ann");
  const client = liveClient(deployment);
  client.setAuth(() => Promise.resolve(token));
  const meter = watch<Usage>(client, api.usage.getUsage, { featureId: "messages" });
  await eventually(() => expect(meter.last()).toMatchObject({ used: 0, remaining: 5 }));

  let now = await advance(0);
  const began = now;
  for (let month = 1; month <= 12; month++) {
    const count = (month % 5) + 1;
    for (let i = 0; i < count; i++) await client.mutation(api.chat.send, { text: `${month}.${i}` });
    await eventually(() => expect(meter.last()).toMatchObject({ used: count, remaining: 5 - count }));
    const { resetsAt } = meter.last()!;
    expect(resetsAt - now).toBeGreaterThanOrEqual(27 * DAY);
    now = await advance(resetsAt - now - 60_000);
    await eventually(() => expect(meter.last()).toMatchObject({ used: count }));
    // The screen follows with the sweep, within five minutes.
    now = await advance(6 * 60_000);
    await eventually(() => expect(meter.last()).toMatchObject({ used: 0, remaining: 5 }));
  }
  expect((now - began) / DAY).toBeGreaterThan(364);
  expect((now - began) / DAY).toBeLessThan(367);
}, 120_000);
