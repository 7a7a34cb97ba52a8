/** The curl commands of the peers' documents, with the address and the key of another deployment. */
import { readFileSync } from "node:fs";
import { expect } from "vitest";
import type { Case } from "./cases.js";
import { SECRET, type World } from "./deployed.js";

interface Request {
  document: string;
  path: string;
  headers: Record<string, string>;
  body: Record<string, unknown>;
}

const requests = JSON.parse(
  readFileSync(new URL("samples/documents.json", import.meta.url), "utf8"),
) as Request[];

export const client = "curl, as documented";

export const cases: readonly Case[] = requests.map(({ document, path, headers, body }) => ({
  client,
  method: document,
  result: "works",
  run: async (world: World) => {
    // Nobody's balance is known beforehand: what the documents call him is one customer for all of them.
    const customer_id = world.customer();
    const send = async () => {
      const answer = await fetch(world.url + path, {
        method: "POST",
        headers: { ...headers, Authorization: `Bearer ${SECRET}` },
        body: JSON.stringify({ ...body, customer_id }),
      });
      expect([answer.status, answer.headers.get("content-type")]).toEqual([200, "application/json"]);
      return (await answer.json()) as Record<string, unknown>;
    };
    // Without a version, the answer is the newest generation's.
    expect(await send()).toMatchObject(
      path === "/v1/check"
        ? { allowed: true, customer_id, balance: { remaining: 100, unlimited: false }, flag: null }
        : { customer_id, value: 1, balance: { remaining: 99 } },
    );
    if (path === "/v1/track") expect(await send()).toMatchObject({ balance: { remaining: 98 } });
  },
}));
