import { expect } from "vitest";
import type { World } from "./deployed.js";

/** `refused`: answered `not_supported`, with what does it instead. `broken`: it fails by the client's or its documents' own fault. */
export type Result = "works" | "refused" | "broken";

/** One method of one client, against a deployment. */
export interface Case {
  /** The client, with its version. */
  client: string;
  method: string;
  result: Result;
  /** Why it does not work. */
  why?: string;
  /** Throws unless the result is as said. */
  run: (world: World) => Promise<void>;
}

/** What a client tells of a failure. */
export interface Failed {
  status: number | undefined;
  code: unknown;
  message: unknown;
}

/** Cases of one client. */
export function casesOf<Client>(
  client: string,
  connect: (world: World) => Client | Promise<Client>,
  failureOf: (call: () => Promise<unknown>) => Promise<Failed>,
) {
  const works = (method: string, run: (client: Client, world: World) => Promise<unknown>): Case => ({
    client,
    method,
    result: "works",
    run: async (world) => void (await run(await connect(world), world)),
  });
  const refused = (
    method: string,
    why: string,
    call: (client: Client, world: World) => Promise<unknown>,
  ): Case => ({
    client,
    method,
    result: "refused",
    why,
    run: async (world) => {
      const connected = await connect(world);
      const failure = await failureOf(() => call(connected, world));
      expect(failure).toMatchObject({ status: 400, code: "not_supported" });
      // It says what to do instead.
      expect(String(failure.message).length).toBeGreaterThan(20);
    },
  });
  return { works, refused };
}
