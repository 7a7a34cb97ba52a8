import { httpRouter } from "convex/server";
import { describe, expect, test, vi } from "vitest";
import { httpAction, type MeteredHttpAction } from "../../src/http/index.js";
import type { CatalogIds } from "../../src/core/catalog.js";
import { tally } from "./app/billing.js";
import { deploy, NOW, type Deployment } from "./deployment.js";

/** Whose requests bear which key. */
const keys: Record<string, { customerId: string; entityId?: string }> = {
  ada: { customerId: "ada" },
  "ada-1": { customerId: "ada", entityId: "key-1" },
  "ada-2": { customerId: "ada", entityId: "key-2" },
};

type Definition = MeteredHttpAction<(typeof tally)["catalog"]["ids"], "messages" | "words" | "basic_model">;

/** A deployment with one route, `/ask`. */
function serving(definition: Partial<Definition> & Pick<Definition, "handler">): Deployment {
  const http = httpRouter();
  const handler = httpAction(tally, {
    identify: (_ctx, request) => keys[request.headers.get("x-key") ?? ""] ?? null,
    meter: { featureId: "messages", value: 4 },
    ...definition,
  });
  http.route({ path: "/ask", method: "POST", handler });
  return deploy(() => Promise.resolve({ default: http }));
}

const ask = (t: Deployment, { key = "ada", body = "{}" } = {}) =>
  t.fetch("/ask", { method: "POST", headers: { "x-key": key }, body });

const limitsOf = ({ headers }: Response) =>
  Object.fromEntries([...headers].filter(([name]) => /^(ratelimit-|retry-after)/.test(name)));

async function usageOf(t: Deployment, featureId: "messages" | "words" = "messages") {
  const { usage } = await t.action((ctx) => tally.check(ctx, { customerId: "ada", featureId }));
  const held = await t.action((ctx) => tally.reservations.list(ctx, { customerId: "ada" }));
  return { usage, held: held.page.length };
}

const MONTH_SECONDS = String(31 * 24 * 3_600);

describe("a metered HTTP action", () => {
  test("charges what the handler counted, and tells what is left", async () => {
    const t = serving({
      handler: async (ctx) => {
        ctx.meter.add(1);
        await ctx.meter.report(3);
        return Response.json({ customer: ctx.identity.customerId }, { status: 201 });
      },
    });
    const response = await ask(t);
    expect(response.status).toBe(201);
    expect(await response.json()).toEqual({ customer: "ada" });
    expect(response.headers.get("content-type")).toMatch(/^application\/json/);
    expect(limitsOf(response)).toEqual({
      "ratelimit-limit": "10",
      "ratelimit-remaining": "7",
      "ratelimit-reset": MONTH_SECONDS,
    });
    expect(await usageOf(t)).toEqual({ usage: 3, held: 0 });
  });

  test("charges all that it held, if the handler counts nothing", async () => {
    const t = serving({ handler: () => new Response(null, { status: 204 }) });
    expect((await ask(t)).status).toBe(204);
    expect(await usageOf(t)).toEqual({ usage: 4, held: 0 });
  });

  test("charges what was counted, if the handler throws", async () => {
    const t = serving({
      handler: (ctx) => {
        ctx.meter.add(1);
        throw new Error("the model is down");
      },
    });
    await expect(ask(t)).rejects.toThrow("the model is down");
    expect(await usageOf(t)).toEqual({ usage: 1, held: 0 });
  });

  test("charges nothing, if it throws before it counted", async () => {
    const t = serving({ handler: () => Promise.reject(new Error("the model is down")) });
    await expect(ask(t)).rejects.toThrow("the model is down");
    expect(await usageOf(t)).toEqual({ usage: 0, held: 0 });
  });

  test("holds several features, and what the request says", async () => {
    const t = serving({
      meter: async (request) => {
        const { words } = (await request.json()) as { words: number };
        return [
          { featureId: "messages", value: 1 },
          { featureId: "words", value: words },
        ];
      },
      handler: async (ctx, request) => {
        ctx.meter.add(((await request.json()) as { words: number }).words / 2, "words");
        return new Response("done");
      },
    });
    expect(await (await ask(t, { body: '{"words": 40}' })).text()).toBe("done");
    expect(await usageOf(t, "messages")).toEqual({ usage: 1, held: 0 });
    expect(await usageOf(t, "words")).toEqual({ usage: 20, held: 0 });
  });

  test("holds nothing where its meter says so", async () => {
    const t = serving({ meter: () => null, handler: () => new Response("free") });
    const response = await ask(t);
    expect(await response.text()).toBe("free");
    expect(limitsOf(response)).toEqual({});
    expect(await usageOf(t)).toEqual({ usage: 0, held: 0 });
  });

  test("gives its handler the verbs of whoever calls", async () => {
    const t = serving({
      meter: () => null,
      handler: async (ctx) => {
        await ctx.consume({ featureId: "messages", value: 2 });
        return Response.json(await ctx.check({ featureId: "messages" }));
      },
    });
    expect(await (await ask(t)).json()).toMatchObject({ allowed: true, remaining: 8 });
  });
});

describe("whoever may not", () => {
  const handler = vi.fn(() => new Response("done"));

  test("is told 401 without a key that is known", async () => {
    const t = serving({ handler });
    const response = await ask(t, { key: "mallory" });
    expect(response.status).toBe(401);
    expect(response.headers.get("www-authenticate")).toBe("Bearer");
    expect(await response.json()).toEqual({ code: "unauthenticated", message: expect.any(String) });
    expect(handler).not.toHaveBeenCalled();
  });

  test("is told 402 where the plan does not include it", async () => {
    const t = serving({ handler, meter: { featureId: "words", value: 1 } });
    await t.action((ctx) => tally.subscriptions.attach(ctx, { customerId: "ada", planId: "team" }));
    const response = await ask(t);
    expect(response.status).toBe(402);
    expect(await response.json()).toEqual({
      code: "feature_not_included",
      message: expect.stringContaining("words"),
      featureId: "words",
      requiredBalance: 1,
      remaining: 0,
    });
    expect(handler).not.toHaveBeenCalled();
  });

  test("is told 402 where the balance is used up", async () => {
    const t = serving({ handler, meter: { featureId: "messages", value: 11 } });
    const response = await ask(t);
    expect(response.status).toBe(402);
    expect(await response.json()).toMatchObject({
      code: "insufficient_balance",
      requiredBalance: 11,
      remaining: 10,
    });
    expect(limitsOf(response)).toEqual({
      "ratelimit-limit": "10",
      "ratelimit-remaining": "10",
      "ratelimit-reset": MONTH_SECONDS,
    });
    expect(handler).not.toHaveBeenCalled();
    expect(await usageOf(t)).toEqual({ usage: 0, held: 0 });
  });

  test("is told 402 of what the handler could not consume", async () => {
    const t = serving({
      meter: () => null,
      handler: async (ctx) => {
        await ctx.consume({ featureId: "messages", value: 11 });
        return new Response("done");
      },
    });
    expect((await ask(t)).status).toBe(402);
  });

  test("is told 429 where a usage limit is reached, and when to come again", async () => {
    const t = serving({ handler: (ctx) => (ctx.meter.add(4), new Response("done")) });
    await t.action((ctx) =>
      tally.controls.set(ctx, {
        customerId: "ada",
        featureId: "messages",
        usageLimits: [
          { max: 5, interval: "day", anchor: "utc" },
          { max: 9, interval: "week", anchor: "utc" },
        ],
      }),
    );
    expect((await ask(t)).status).toBe(200);
    const response = await ask(t);
    expect(response.status).toBe(429);
    expect(await response.json()).toMatchObject({ code: "usage_limit_exceeded", featureId: "messages" });
    // Until midnight of Saturday, 14 March 2026.
    const untilMidnight = String(14.5 * 3_600);
    expect(limitsOf(response)).toEqual({
      "retry-after": untilMidnight,
      "ratelimit-remaining": "0",
      "ratelimit-reset": untilMidnight,
    });

    vi.setSystemTime(NOW + 14.5 * 3_600_000);
    expect((await ask(t)).status).toBe(200);
    // The week's limit refuses by now: until Monday, on which the day's will have reset too.
    expect(limitsOf(await ask(t))).toMatchObject({ "retry-after": String(24 * 3_600) });
    vi.setSystemTime(NOW + 38.5 * 3_600_000);
    expect((await ask(t)).status).toBe(402);
  });

  test("is told no time to come again where a limit never allows as much", async () => {
    const t = serving({ handler });
    await t.action((ctx) =>
      tally.controls.set(ctx, {
        customerId: "ada",
        featureId: "messages",
        usageLimits: [{ max: 3, interval: "day" }],
      }),
    );
    const response = await ask(t);
    expect(response.status).toBe(429);
    expect(limitsOf(response)).toEqual({ "ratelimit-remaining": "0" });
  });

  test.each([
    ["a meter that is wrong", { meter: { featureId: "messages", value: -1 } } as const],
    [
      "an identity that is none",
      { identify: () => ({ customerId: "" }) } satisfies Partial<MeteredHttpAction<CatalogIds, string>>,
    ],
    [
      "a meter that throws",
      {
        meter: () => {
          throw new Error("secret plans");
        },
      },
    ],
  ])("is told 400 of %s, and nothing of why if that is the app's own", async (_what, definition) => {
    const log = vi.spyOn(console, "error").mockImplementation(() => undefined);
    const t = serving({ handler, ...definition });
    const response = await ask(t);
    expect(response.status).toBe(400);
    expect(await response.text()).not.toContain("secret plans");
    expect(handler).not.toHaveBeenCalled();
    log.mockRestore();
  });
});

describe("an API key as an entity", () => {
  test("has an allowance of its own", async () => {
    const t = serving({ handler: (ctx) => (ctx.meter.add(2), new Response("done")) });
    const ada = { customerId: "ada" };
    await t.action(async (ctx) => {
      for (const entityId of ["key-1", "key-2"])
        await tally.entities.create(ctx, { ...ada, entityId, featureId: "seats" });
      await tally.controls.set(ctx, {
        ...ada,
        entityId: "key-1",
        featureId: "messages",
        usageLimits: [{ max: 4, interval: "day" }],
      });
    });
    const statuses = [];
    for (const key of ["ada-1", "ada-1", "ada-2", "ada-1", "ada-2"])
      statuses.push((await ask(t, { key })).status);
    expect(statuses).toEqual([200, 429, 200, 429, 200]);
    expect(await usageOf(t)).toEqual({ usage: 6, held: 0 });
  });

  test("of an entity that is gone is nobody's", async () => {
    const t = serving({ handler: () => new Response("done") });
    expect((await ask(t, { key: "ada-1" })).status).toBe(404);
  });
});

describe("a stream", () => {
  const chunk = (text: string) => new TextEncoder().encode(text);

  /** Counts 1 for each part, as it is sent. */
  const parts = (texts: string[], after?: () => void): Definition["handler"] => {
    return (ctx) => {
      let index = 0;
      const body = new ReadableStream<Uint8Array>({
        pull: (controller) => {
          const text = texts[index++];
          if (text === undefined) {
            after?.();
            return controller.close();
          }
          ctx.meter.add(1);
          controller.enqueue(chunk(text));
        },
      });
      return new Response(body, { status: 206, headers: { "content-type": "text/event-stream" } });
    };
  };

  test("is settled when it ends, at what was counted until then", async () => {
    const t = serving({ streams: true, handler: parts(["a", "b", "c"]) });
    const response = await ask(t);
    expect(response.status).toBe(206);
    expect(response.headers.get("content-type")).toBe("text/event-stream");
    expect(await response.text()).toBe("abc");
    expect(await usageOf(t)).toEqual({ usage: 3, held: 0 });
  });

  test("is settled at all that was held, if nothing was counted", async () => {
    const t = serving({ streams: true, handler: () => new Response("all of it") });
    expect(await (await ask(t)).text()).toBe("all of it");
    expect(await usageOf(t)).toEqual({ usage: 4, held: 0 });
  });

  test("that breaks is settled at what was counted", async () => {
    const broken = parts(["a"], () => {
      throw new Error("the model is down");
    });
    const t = serving({ streams: true, handler: broken });
    await expect(ask(t).then((response) => response.text())).rejects.toThrow();
    await vi.waitFor(async () => expect(await usageOf(t)).toEqual({ usage: 1, held: 0 }));
  });

  test("that its reader leaves is settled at what was counted, or at all that was held", async () => {
    for (const [count, usage] of [
      [true, 1],
      [false, 4],
    ] as const) {
      let left = false;
      const t = serving({
        streams: true,
        handler: (ctx) => {
          if (count) ctx.meter.add(1);
          const pull = (controller: ReadableStreamDefaultController) => controller.enqueue(chunk("a"));
          return new Response(new ReadableStream({ pull, cancel: () => void (left = true) }));
        },
      });
      const reader = (await ask(t)).body?.getReader();
      await reader?.read();
      await reader?.cancel();
      expect(left).toBe(true);
      expect(await usageOf(t)).toEqual({ usage, held: 0 });
    }
  });

  test("has no body at times, and is settled all the same", async () => {
    const t = serving({ streams: true, handler: () => new Response(null, { status: 204 }) });
    expect((await ask(t)).status).toBe(204);
    expect(await usageOf(t)).toEqual({ usage: 4, held: 0 });
  });

  test("that the handler does not begin is settled at what was counted", async () => {
    const t = serving({
      streams: true,
      handler: () => {
        throw new Error("the model is down");
      },
    });
    await expect(ask(t)).rejects.toThrow("the model is down");
    expect(await usageOf(t)).toEqual({ usage: 0, held: 0 });
  });
});
