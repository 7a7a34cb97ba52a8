import { randomUUID } from "node:crypto";
import { request } from "node:http";
import { ConvexError } from "convex/values";
import { beforeAll, describe, expect, test } from "vitest";
import { counters, notes, nowhere } from "./fixture.js";
import { WebSocket } from "ws";
import { Replays } from "../../example/embedded/replays.js";
import {
  eventually,
  httpClient,
  liveClient,
  received,
  recording,
  sent,
  serve,
  start,
  tokenFor,
  watch,
  type Served,
} from "./serving.js";

let served: Served;

beforeAll(async () => {
  served = await serve({ heartbeatMs: 200 });
});

describe("a subscription", () => {
  test("follows what others write, over any transport", async () => {
    const live = watch<number>(liveClient(served), counters.get, { name: "followed" });
    await eventually(() => expect(live.values).toEqual([0]));
    await liveClient(served).mutation(counters.add, { name: "followed", amount: 1 });
    await eventually(() => expect(live.values).toEqual([0, 1]));
    await httpClient(served).mutation(counters.add, { name: "followed", amount: 1 });
    await eventually(() => expect(live.values).toEqual([0, 1, 2]));
  });

  test("hears nothing of what it did not read", async () => {
    const client = liveClient(served);
    const other = watch<number>(client, counters.get, { name: "other" });
    const moved = watch<number>(client, counters.get, { name: "moved" });
    await eventually(() => expect([other.last(), moved.last()]).toEqual([0, 0]));
    for (let at = 1; at <= 3; at++) await client.mutation(counters.add, { name: "moved", amount: 1 });
    expect(moved.values).toEqual([0, 1, 2, 3]);
    expect(other.values).toEqual([0]);
  });

  test("ends when nobody wants it any more", async () => {
    const { frames, Recording } = recording();
    const client = liveClient(served, Recording);
    const seen: number[] = [];
    const stop = client.onUpdate(counters.get, { name: "left" }, (value) => seen.push(value as never));
    await eventually(() => expect(seen).toEqual([0]));
    stop();
    await eventually(() =>
      expect(received(frames, "Transition").at(-1)?.modifications).toEqual([
        { type: "QueryRemoved", queryId: 0 },
      ]),
    );
  });

  test("tells why its query fails", async () => {
    const client = liveClient(served);
    const failing = watch(client, counters.get, { name: 1 });
    await eventually(() => expect(failing.errors).toHaveLength(1));
    const missing = watch(client, nowhere.nothing);
    await eventually(() => expect(missing.errors[0]?.message).toMatch(/Could not find public function/));
  });

  test("starts each state where the last one ended, and the first at nothing", async () => {
    const { frames, Recording } = recording();
    const client = liveClient(served, Recording);
    const live = watch<number>(client, counters.get, { name: "chained" });
    await eventually(() => expect(live.values).toEqual([0]));
    await client.mutation(counters.add, { name: "chained", amount: 1 });
    const transitions = received(frames, "Transition");
    const starts = transitions.map(({ startVersion }) => startVersion);
    const ends = transitions.map(({ endVersion }) => endVersion);
    expect(starts).toEqual([{ querySet: 0, identity: 0, ts: "AAAAAAAAAAA=" }, ...ends.slice(0, -1)]);
    expect(starts.length).toBeGreaterThan(1);
  });
});

describe("a mutation", () => {
  test("is seen by whoever made it, as soon as it is done", async () => {
    const client = liveClient(served);
    const live = watch<number>(client, counters.get, { name: "own" });
    await eventually(() => expect(live.values).toEqual([0]));
    for (let at = 1; at <= 5; at++) {
      await client.mutation(counters.add, { name: "own", amount: 1 });
      expect(live.last()).toBe(at);
    }
  });

  test("runs after those that its client made before it", async () => {
    const client = liveClient(served);
    const amounts = [5, 1, 4, 2, 3];
    const results = await Promise.all(
      amounts.map((amount) => client.mutation(counters.add, { name: "ordered", amount })),
    );
    expect(results).toEqual([5, 6, 10, 12, 15]);
  });

  test("that fails brings its data, and those after it run", async () => {
    const client = liveClient(served);
    const failed = client.mutation(counters.add, { name: "over", amount: 101 });
    const next = client.mutation(counters.add, { name: "over", amount: 1 });
    const error = await failed.catch((reason) => reason);
    expect(error).toBeInstanceOf(ConvexError);
    expect(error.data).toEqual({ code: "LIMIT", limit: 100 });
    expect(await next).toBe(1);
  });

  test("is settled even if no query of its client has read what it wrote", async () => {
    expect(await liveClient(served).mutation(counters.add, { name: "unread", amount: 1 })).toBe(1);
  });
});

test("an action runs beside mutations, and its client sees what it wrote", async () => {
  const client = liveClient(served);
  const live = watch<number>(client, counters.get, { name: "acted" });
  const [first] = await Promise.all([
    client.action(counters.addTwice, { name: "acted" }),
    client.mutation(counters.add, { name: "beside", amount: 1 }),
  ]);
  expect(first).toBe(2);
  await eventually(() => expect(live.last()).toBe(2));
});

describe("pages", () => {
  test("stay without gaps as documents come between, also after the client was away", async () => {
    const text = (at: number) => `note ${at}`;
    const client = liveClient(served, tracked);
    for (let at = 0; at < 4; at++) await client.mutation(notes.write, { text: text(at) });
    type Page = { page: { text: string }[]; continueCursor: string };
    const paginationOpts = { numItems: 2, cursor: null as string | null, id: 1 };
    const first = watch<Page>(client, notes.page, { paginationOpts });
    await eventually(() => expect(first.values).toHaveLength(1));
    const second = watch<Page>(client, notes.page, {
      paginationOpts: { ...paginationOpts, cursor: first.last()!.continueCursor },
    });
    await eventually(() => expect(second.values).toHaveLength(1));
    const texts = () => [first, second].flatMap((page) => page.last()!.page.map((note) => note.text));
    expect(texts()).toEqual([3, 2, 1, 0].map(text));

    await client.mutation(notes.write, { text: text(4) });
    expect(texts()).toEqual([4, 3, 2, 1, 0].map(text));

    open.at(-1)!.terminate();
    await httpClient(served).mutation(notes.write, { text: text(5) });
    await eventually(() => expect(texts()).toEqual([5, 4, 3, 2, 1, 0].map(text)));
  });
});

describe("a connection that is lost", () => {
  test("after the commit and before the response: the mutation is replayed, and was made once", async () => {
    const { frames, Recording } = recording();
    const client = liveClient(served, Recording);
    const live = watch<number>(client, counters.get, { name: "once" });
    await eventually(() => expect(live.values).toEqual([0]));

    let lost = 0;
    const stop = served.engine.onCommit(() => {
      if (lost++ === 0) Recording.last!.terminate();
    });
    const value = await client.mutation(counters.add, { name: "once", amount: 1 });
    stop();

    const mutations = sent(frames, "Mutation");
    expect(mutations).toHaveLength(2);
    expect(mutations[1]).toEqual(mutations[0]);
    expect(lost).toBe(1);
    expect(value).toBe(1);
    expect(live.values).toEqual([0, 1]);
    expect(received(frames, "MutationResponse")).toHaveLength(1);
  });

  test("is found again, and subscriptions go on", async () => {
    const client = liveClient(served, tracked);
    const live = watch<number>(client, counters.get, { name: "back" });
    await eventually(() => expect(live.values).toEqual([0]));
    open.at(-1)!.terminate();
    await httpClient(served).mutation(counters.add, { name: "back", amount: 1 });
    await eventually(() => expect(live.last()).toBe(1));
  });
});

describe("replays", () => {
  const outcome = (value: number) => ({ ok: true as const, value, ts: 1n, logLines: [] });

  test("wait for the first run, wherever they come from", async () => {
    const replays = new Replays();
    let runs = 0;
    const run = async () => outcome(++runs);
    const both = await Promise.all([replays.once("s", 1, run), replays.once("s", 1, run)]);
    expect(both.map((one) => one.ok && one.value)).toEqual([1, 1]);
    expect(await replays.once("s", 2, run)).toMatchObject({ value: 2 });
    expect(await replays.once("t", 1, run)).toMatchObject({ value: 3 });
  });

  test("of what failed run again, since nothing was changed", async () => {
    const replays = new Replays();
    const failed = { ok: false as const, errorMessage: "no", ts: 1n, logLines: [] };
    expect(await replays.once("s", 1, async () => failed)).toBe(failed);
    expect(await replays.once("s", 1, async () => outcome(1))).toMatchObject({ value: 1 });
  });

  test("are remembered up to a limit, the latest", async () => {
    const replays = new Replays(2);
    for (const requestId of [1, 2, 3]) await replays.once("s", requestId, async () => outcome(requestId));
    expect(replays.size).toBe(2);
    expect(await replays.once("s", 3, async () => outcome(30))).toMatchObject({ value: 3 });
    expect(await replays.once("s", 1, async () => outcome(10))).toMatchObject({ value: 10 });
  });
});

describe("a socket", () => {
  test("hears a ping, and is let go when it no longer answers", async () => {
    const alive = await connected();
    const dead = await connected({ autoPong: false });
    const pings: unknown[] = [];
    alive.on("message", (data) => pings.push(JSON.parse(String(data))));
    await eventually(() => expect(dead.readyState).toBe(WebSocket.CLOSED));
    expect(pings).toContainEqual({ type: "Ping" });
    expect(alive.readyState).toBe(WebSocket.OPEN);
    alive.terminate();
  });

  test("that speaks another protocol is told so and closed, and others go on", async () => {
    const badArguments = `{"type":"Mutation","requestId":0,"udfPath":"counters:add","args":[7]}`;
    const badVersion = `{"type":"ModifyQuerySet","baseVersion":7}`;
    for (const message of ["{", "[]", `{"type":"Nonsense"}`, badVersion, badArguments]) {
      const socket = await connected();
      const answers: { type: string }[] = [];
      socket.on("message", (data) => answers.push(JSON.parse(String(data)) as { type: string }));
      socket.send(message);
      await eventually(() => expect(socket.readyState, message).toBe(WebSocket.CLOSED));
      expect(answers.map(({ type }) => type)).toContain("FatalError");
    }
    expect(await liveClient(served).mutation(counters.add, { name: "goes on", amount: 1 })).toBe(1);
  });

  test("reaches no component without the admin key", async () => {
    const socket = await connected();
    socket.send(JSON.stringify({ type: "Connect", sessionId: randomUUID() }));
    const call = { requestId: 0, udfPath: "books:put", componentPath: "shelf", args: [{ title: "x" }] };
    socket.send(JSON.stringify({ type: "Mutation", ...call }));
    await eventually(() => expect(socket.readyState).toBe(WebSocket.CLOSED));
    expect(served.engine.documents("shelf", "books")).toEqual([]);
  });

  test("may send what Convex takes, and no more", async () => {
    const socket = await connected();
    const closed = new Promise((resolve) => socket.on("close", resolve));
    socket.send("x".repeat(17 * 2 ** 20));
    expect(await closed).toBe(1009);
  });

  test("for another host, or for another path, is refused", async () => {
    expect(await upgradeStatus("/api/1.0.0/sync", { host: "evil.example" })).toBe(421);
    expect(await upgradeStatus("/api/other")).toBe(404);
  });

  test("finds no place among too many", async () => {
    const small = await start({ maxSockets: 1 });
    const first = new WebSocket(`${small.url.replace("http", "ws")}/api/sync`);
    await new Promise((resolve) => first.on("open", resolve));
    const second = new WebSocket(`${small.url.replace("http", "ws")}/api/sync`);
    const error = await new Promise<Error>((resolve) => second.on("error", resolve));
    expect(error.message).toContain("503");
    first.terminate();
  });
});

test("a subscription re-runs as its client signs in and out", async () => {
  const client = liveClient(served);
  const live = watch<{ author: string }>(client, notes.mine);
  await eventually(() => expect(live.last()?.author).toBe("nobody"));
  const token = await tokenFor(served, "ann");
  client.setAuth(async () => token);
  await eventually(() => expect(live.last()?.author).toBe("ann"));
  client.client.clearAuth();
  await eventually(() => expect(live.last()?.author).toBe("nobody"));
});

const open: WebSocket[] = [];

const tracked = class extends WebSocket {
  constructor(url: string) {
    super(url);
    open.push(this);
  }
};

async function connected(options: { autoPong?: boolean } = {}): Promise<WebSocket> {
  const socket = new WebSocket(`${served.url.replace("http", "ws")}/api/1.0.0/sync`, options);
  await new Promise((resolve) => socket.on("open", resolve));
  return socket;
}

function upgradeStatus(path: string, headers: Record<string, string> = {}): Promise<number | undefined> {
  const { hostname, port } = new URL(served.url);
  return new Promise((resolve, reject) => {
    const upgrade = {
      connection: "Upgrade",
      upgrade: "websocket",
      "sec-websocket-version": "13",
      "sec-websocket-key": "AAAAAAAAAAAAAAAAAAAAAA==",
    };
    request({ hostname, port, path, headers: { ...upgrade, ...headers } }, ({ statusCode }) =>
      resolve(statusCode),
    )
      .on("error", reject)
      .end();
  });
}
