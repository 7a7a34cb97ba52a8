import { anyApi, httpActionGeneric as httpAction, httpRouter } from "convex/server";

declare const process: { env: Record<string, string | undefined> };

const http = httpRouter();

/** Shaped as providers' webhooks are: what is signed is the body as it came, byte for byte. */
http.route({
  path: "/webhook",
  method: "POST",
  handler: httpAction(async (ctx, request) => {
    const body = await request.arrayBuffer();
    const key = await crypto.subtle.importKey(
      "raw",
      new TextEncoder().encode(process.env.TALLY_SECRET_KEY ?? ""),
      { name: "HMAC", hash: "SHA-256" },
      false,
      ["verify"],
    );
    const signature = Uint8Array.from(atob(request.headers.get("x-signature") ?? ""), (c) => c.charCodeAt(0));
    if (!(await crypto.subtle.verify("HMAC", key, signature, body))) {
      return new Response("bad signature", { status: 401 });
    }
    const { counter, amount } = JSON.parse(new TextDecoder().decode(body)) as {
      counter: string;
      amount: number;
    };
    const value = (await ctx.runMutation(anyApi.counters!.add!, { name: counter, amount })) as number;
    return new Response(String(value), { status: 202, headers: { "x-seen": new URL(request.url).search } });
  }),
});

http.route({
  path: "/me",
  method: "GET",
  handler: httpAction(async ({ auth }) => Response.json(await auth.getUserIdentity())),
});

export default http;
