/** `npm run demo`: one command, one URL, and nothing left behind. It needs no browser. */
import { spawn, type ChildProcess } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, readdirSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { afterAll, afterEach, describe, expect, test } from "vitest";

const running: ChildProcess[] = [];
/** Its own, in which it may leave nothing. */
const folder = mkdtempSync(path.join(tmpdir(), "tally-demo-"));
afterEach(() => {
  for (const child of running.splice(0)) child.kill("SIGKILL");
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

/** @returns the one URL that it prints, once it is ready */
async function demo() {
  const args = ["example/embedded/run.mjs", "../web/demo", "--page-port", "0"];
  const child = spawn(process.execPath, args, {
    stdio: ["ignore", "pipe", "pipe"],
    env: { ...process.env, TMPDIR: folder },
  });
  running.push(child);
  let printed = "";
  for (const stream of [child.stdout, child.stderr]) {
    stream.setEncoding("utf8").on("data", (text: string) => (printed += text));
  }
  while (!printed.includes("Ctrl-C")) {
    if (child.exitCode !== null) throw new Error(printed);
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
  const urls = printed.match(/http:\S+/g) ?? [];
  expect(urls).toHaveLength(1);
  return { child, url: urls[0] ?? "" };
}

const post = (url: string, headers: Record<string, string>, body: object) =>
  fetch(url, {
    method: "POST",
    headers: { "content-type": "application/json", ...headers },
    body: JSON.stringify(body),
  });

describe("npm run demo", () => {
  test("serves the page, and tokens to the page alone; stopped, it leaves nothing behind", async () => {
    const { child, url } = await demo();
    expect(new URL(url).hostname).toBe("127.0.0.1");
    expect(await (await fetch(url)).text()).toContain("Tally demo");

    const own = { origin: new URL(url).origin };
    const tokens = `${url}demo/token`;
    expect((await post(tokens, own, { userId: "ada" })).status).toBe(200);
    expect((await post(tokens, own, { userId: "mallory" })).status).toBe(400);
    expect((await post(tokens, {}, { userId: "olga" })).status).toBe(403);
    expect((await post(tokens, { origin: "https://evil.example" }, { userId: "olga" })).status).toBe(403);
    expect((await post(`${url}demo/clock`, { origin: "null" }, { by: "month" })).status).toBe(403);
    expect((await post(`${url}demo/clock`, own, { by: "year" })).status).toBe(400);
    const clock = async (by: string) =>
      ((await (await post(`${url}demo/clock`, own, { by })).json()) as { now: number }).now;
    expect((await clock("day")) - Date.now()).toBeGreaterThan(86_000_000);

    child.kill("SIGTERM");
    const [code] = (await once(child, "exit")) as [number];
    expect(code).toBe(0);
    await expect(fetch(url)).rejects.toThrow();
    expect(readdirSync(folder)).toEqual([]);
  });
});
