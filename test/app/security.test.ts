/** What a browser can do to an app: ask about whoever is signed in, and nothing else. */
import { anyApi, type ApiFromModules, type FunctionReference } from "convex/server";
import { convexTest } from "convex-test";
import { v } from "convex/values";
import { describe, expect, test } from "vitest";
import { api, components, internal } from "../../convex/_generated/api.js";
import { tally } from "../../convex/billing.js";
import schema from "../../convex/schema.js";
import { defineCatalog, Tally, type Identity } from "../../src/client/index.js";
import { deployment, signedIn } from "./deployment.js";
import { shopOpen } from "./shop.js";
import { alter, registerInspected, stored } from "./stored.js";

shopOpen();

/** What Convex hangs on a registered function. */
interface Registered {
  isQuery?: boolean;
  isMutation?: boolean;
  isAction?: boolean;
  isPublic?: boolean;
  exportArgs: () => string;
}

function isRegistered(value: unknown): value is Registered {
  return typeof value === "function" && "exportArgs" in value;
}

/** The arguments that a function declares. */
function argumentsOf(registered: unknown): string[] {
  if (!isRegistered(registered)) throw new Error("This is no Convex function.");
  const { type, value } = JSON.parse(registered.exportArgs()) as { type: string; value?: object };
  return type === "object" ? Object.keys(value ?? {}) : [`anything: ${type}`];
}

const modules = import.meta.glob<Record<string, unknown>>(["../../convex/**/*.ts", "!**/convex.config.ts"], {
  eager: true,
});

/** Every function of the app, as `file:name`. */
const functions = Object.entries(modules).flatMap(([path, exports]) =>
  Object.entries(exports).flatMap(([name, value]) =>
    isRegistered(value)
      ? [[`${path.slice("../../convex/".length, -".ts".length)}:${name}`, value] as const]
      : [],
  ),
);
/** As convex-test writes them. */
const UNKNOWN_ID = "10000;messages";

const open = functions.filter(([, { isPublic }]) => isPublic === true);

function deployed() {
  const t = deployment();
  registerInspected(t);
  return t;
}

describe("what tally.api() gives to be exported", () => {
  const given = Object.entries(tally.api());

  test("is these five", () => {
    expect(given.map(([name]) => name).sort()).toEqual(["balances", "check", "customer", "events", "plans"]);
  });

  test.each(given)("%s is a public query and nothing else", (_, query) => {
    const { isQuery, isPublic, isMutation, isAction } = query as unknown as Registered;
    expect({ isQuery, isPublic, isMutation, isAction }).toEqual({ isQuery: true, isPublic: true });
  });

  test("takes no customer and no entity: a workspace, of which its members alone are let in", () => {
    expect(Object.fromEntries(given.map(([name, query]) => [name, argumentsOf(query)]))).toEqual({
      customer: ["workspaceId"],
      check: ["workspaceId", "featureId", "requiredBalance"],
      balances: ["workspaceId"],
      events: ["workspaceId", "featureId", "cursor", "limit"],
      plans: ["workspaceId"],
    });
  });

  test("takes the app's scope besides, and no more", () => {
    const scoped = new Tally(components.tally, {
      catalog: tally.catalog,
      scope: { workspaceId: v.string() },
      identify: () => Promise.resolve(null),
    });
    expect(Object.values(scoped.api()).map(argumentsOf)).toEqual([
      ["workspaceId"],
      ["workspaceId", "featureId", "requiredBalance"],
      ["workspaceId"],
      ["workspaceId", "featureId", "cursor", "limit"],
      ["workspaceId"],
    ]);
  });
});

describe("a visitor", () => {
  test("is told nothing about anybody", async () => {
    const t = deployed();
    await signedIn(t).mutation(api.chat.send, { text: "hello" });
    expect(await t.query(api.billing.customer, {})).toBeNull();
    expect(await t.query(api.billing.check, { featureId: "messages" })).toBeNull();
    expect(await t.query(api.billing.balances, {})).toBeNull();
    expect(await t.query(api.billing.events, {})).toBeNull();
  });

  test("is told which plans there are, none of them his", async () => {
    const plans = await deployed().query(api.billing.plans, {});
    expect(plans.map(({ id, current }) => [id, current])).toEqual([
      ["free", false],
      ["pro", false],
      ["studio", false],
      ["credit-pack-5", false],
    ]);
  });

  const correction = { customerId: "user_1", featureId: "messages", reason: "Why not", requestId: "r1" };

  /** Arguments with which each public function would do something for a user. */
  const calls: Record<string, Record<string, unknown>> = {
    "billing:customer": {},
    "billing:check": { featureId: "messages" },
    "billing:balances": {},
    "billing:events": {},
    "billing:plans": {},
    "chat:send": { text: "hello" },
    "chat:list": {},
    "chat:generate": { prompt: "hello" },
    "chat:ask": { model: "basic", prompt: "hello", requestId: "r1" },
    "chat:search": { words: "hello" },
    "emails:sendEmail": { to: "bob", body: "hello" },
    "emails:queueEmails": { to: ["bob"], body: "hello" },
    "usage:getUsage": { featureId: "messages" },
    "answers:ask": { model: "basic", text: "hello" },
    "answers:stop": { messageId: UNKNOWN_ID },
    "payments:checkout": { planId: "pro" },
    "payments:preview": { planId: "pro" },
    "payments:confirm": {},
    "payments:cancel": { planId: "pro" },
    "payments:resume": { planId: "pro" },
    "payments:portal": {},
    "payments:mine": {},
    "workspaces:mine": {},
    "operator:access": {},
    "operator:customers": { cursor: null },
    "operator:account": { customerId: "user_1" },
    "operator:events": { customerId: "user_1", cursor: null },
    "operator:purchases": { customerId: "user_1", cursor: null },
    "operator:quarantined": { cursor: null },
    "operator:give": { ...correction, amount: 5 },
    "operator:adjust": { ...correction, remaining: 5 },
    "operator:audit": { customerId: "user_1" },
    "operator:auditAll": { cursor: null },
  };

  test("finds no other public functions than those below", () => {
    expect(open.map(([name]) => name).sort()).toEqual(Object.keys(calls).sort());
  });

  test.each(open)("changes nothing by calling %s", async (name, { isQuery, isMutation }) => {
    const t = deployed();
    const before = await stored(t);
    const [file = "", exported = ""] = name.split(":");
    const reference: unknown = anyApi[file]?.[exported];
    const args = calls[name] ?? {};
    const called = isQuery
      ? t.query(reference as FunctionReference<"query">, args)
      : isMutation
        ? t.mutation(reference as FunctionReference<"mutation">, args)
        : t.action(reference as FunctionReference<"action">, args);
    await called.catch(() => undefined);
    expect(await stored(t)).toEqual(before);
    expect(await t.run((ctx) => ctx.db.query("messages").collect())).toEqual([]);
  });
});

/** Those that take a customer, after the guard. */
const ofOperators = open.filter(([name]) => /^operator:(?!access$)/.test(name));

describe("a public function of the app", () => {
  /** What would let a browser choose whom to charge, how much, or with what. */
  const telltale = ["customerId", "userId", "entityId", "value", "amount", "idempotencyKey"];

  const ofUsers = open.filter((one) => !ofOperators.includes(one));

  /** A plan may be bought for an entity of the payer's own account, by whoever manages its billing. */
  const ofEntities = ["payments:checkout", "payments:preview", "payments:cancel", "payments:resume"];

  test.each(ofUsers)("%s takes nothing that says whom to charge or how much", (name, registered) => {
    const told = argumentsOf(registered).filter((argument) => telltale.includes(argument));
    expect(told).toEqual(ofEntities.includes(name) ? ["entityId"] : []);
  });

  test("takes a plan only where it is bought, changed or cancelled", () => {
    const ofPlans = ofUsers.filter(([, registered]) => argumentsOf(registered).includes("planId"));
    expect(ofPlans.map(([name]) => name)).toEqual(ofEntities);
  });

  test("is never a track, a grant or a plan", () => {
    const names = ofUsers.map(([name]) => name.split(":")[1]?.toLowerCase() ?? "");
    expect(names.filter((name) => /track|consume|grant|attach|setplan|refund|give/.test(name))).toEqual([]);
  });

  test("is none of those that are for the app's own use", () => {
    const hidden = functions.filter(([, { isPublic }]) => isPublic !== true).map(([name]) => name);
    expect(hidden).toEqual(
      expect.arrayContaining(["credits:giveCredits", "credits:setPlan", "digests:writeDigest"]),
    );
  });

  test("takes no argument beside its own", async () => {
    const t = deployed();
    const send = signedIn(t).mutation(api.chat.send, { text: "hello", customerId: "user_2" } as never);
    await expect(send).rejects.toThrow(/Validator error/);
    expect((await stored(t)).customers).toEqual([]);
  });
});

describe("a signed-in user", () => {
  /** Bob has a name, a plan, a gift and uses that nobody else is to see. */
  async function withBob() {
    const t = deployed();
    await t.mutation(async (ctx) => {
      await tally.customers.create(ctx, { customerId: "bob", name: "Robert", email: "bob@example.com" });
      await tally.subscriptions.attach(ctx, { customerId: "bob", planId: "pro" });
      await tally.track(ctx, {
        customerId: "bob",
        featureId: "messages",
        value: 77,
        idempotencyKey: "bob-secret",
        properties: { topic: "bob-topic" },
      });
    });
    await t.mutation(internal.credits.giveCredits, { userId: "bob", amount: 33, ticket: "bob-ticket" });
    return t;
  }

  const queries = ["customer", "balances", "events"] as const;

  test.each(queries)("finds nothing of another customer in %s", async (name) => {
    const t = await withBob();
    await signedIn(t, "ada").mutation(api.chat.send, { text: "hello" });
    const answer: unknown = await signedIn(t, "ada").query(api.billing[name], {});
    expect(JSON.stringify(answer)).not.toMatch(/bob|robert|\b77\b|\b33\b|support|sorry/i);
  });

  test("has his own plan and not another customer's", async () => {
    const plans = await signedIn(await withBob(), "ada").query(api.billing.plans, {});
    expect(plans.filter(({ current }) => current).map(({ id }) => id)).toEqual(["free"]);
  });

  test("finds nothing of another customer though he has never written himself", async () => {
    const ada = signedIn(await withBob(), "ada");
    expect(await ada.query(api.billing.events, {})).toEqual({ page: [], cursor: null });
    expect(await ada.query(api.billing.check, { featureId: "messages" })).toMatchObject({
      granted: 5,
      usage: 0,
      data: { customer_id: "ada" },
    });
  });

  test("finds nothing of another whose id begins as his", async () => {
    const t = await withBob();
    expect(await signedIn(t, "bo").query(api.billing.events, {})).toEqual({ page: [], cursor: null });
    expect(await signedIn(t, "bo").query(api.billing.check, { featureId: "messages" })).toMatchObject({
      usage: 0,
    });
  });

  test("sees his own events without keys, reasons, actors and properties", async () => {
    const bob = signedIn(await withBob(), "bob");
    const found = await bob.query(api.billing.events, {});
    expect(JSON.stringify(found)).not.toMatch(/bob-secret|bob-topic|bob-ticket|support|sorry/i);
    expect(found?.page.map(({ kind, value }) => [kind, value])).toEqual([
      ["grant", 33],
      ["usage", 77],
      ["plan", 0],
      ["plan", 0],
    ]);
    const known = ["createdAt", "eventId", "featureId", "kind", "planId", "remaining", "uncovered", "value"];
    for (const event of found?.page ?? []) expect(known).toEqual(expect.arrayContaining(Object.keys(event)));
  });

  test("is shown his plan, however often it was changed", async () => {
    const t = await withBob();
    await t.mutation(async (ctx) => {
      for (let i = 0; i < 101; i++) {
        await tally.subscriptions.attach(ctx, { customerId: "bob", planId: "free" });
        await tally.subscriptions.attach(ctx, { customerId: "bob", planId: "pro" });
      }
    });
    expect(await signedIn(t, "bob").query(api.billing.customer, {})).toMatchObject({ planIds: ["pro"] });
  });

  test("sees his plan without whoever bills it", async () => {
    const t = await withBob();
    for (const subscription of (await stored(t)).subscriptions)
      await alter(t, subscription, { externalId: "sub_secret", revision: 4_711, returnedUntil: 4_712 });
    const customer = await signedIn(t, "bob").query(api.billing.customer, {});
    expect(customer).toMatchObject({
      planIds: ["pro"],
      subscriptions: [{ planId: "pro", status: "active" }],
    });
    expect(JSON.stringify(customer)).not.toMatch(/sub_secret|471[12]/);
  });

  test("is who his token says, whatever his name is", async () => {
    const t = await withBob();
    const mallory = t.withIdentity({ subject: "mallory", name: "bob", email: "bob@example.com" });
    expect(await mallory.query(api.billing.customer, {})).toMatchObject({
      customerId: "mallory",
      name: "bob",
      email: "bob@example.com",
      planIds: ["free"],
    });
  });
});

describe("one part of a customer", () => {
  const customerId = "user_1";

  /** Ten tokens for each seat; a signed-in user is the seat of his name. */
  const crowd = new Tally(components.tally, {
    catalog: defineCatalog({
      features: [
        { id: "seats", type: "metered", consumable: false },
        { id: "tokens", type: "metered" },
      ],
      plans: [
        {
          id: "team",
          autoEnable: true,
          items: [{ featureId: "tokens", included: 10, entityFeatureId: "seats" }],
        },
        {
          id: "power-seat",
          group: "of seats",
          price: { amount: 9, interval: "month" },
          items: [{ featureId: "tokens", included: 50 }],
        },
      ],
    }),
    identify: async (ctx): Promise<Identity | null> => {
      const user = await ctx.auth.getUserIdentity();
      return user && { customerId, entityId: user.subject };
    },
  });
  const { crowd: exported } = anyApi as unknown as ApiFromModules<{ crowd: ReturnType<typeof crowd.api> }>;

  async function seated(...entityIds: string[]) {
    const t = convexTest({
      schema,
      modules: {
        "../../convex/_generated/api.ts": () => Promise.resolve({}),
        "../../convex/crowd.ts": () => Promise.resolve(crowd.api()),
      },
    });
    registerInspected(t);
    await t.mutation(async (ctx) => {
      for (const entityId of entityIds)
        await crowd.entities.create(ctx, { customerId, entityId, featureId: "seats" });
    });
    return t;
  }

  test("sees no balance of another", async () => {
    const t = await seated("ada", "bob");
    const balances = await t.withIdentity({ subject: "ada" }).query(exported.balances, {});
    expect(balances?.map(({ entityId }) => entityId)).toEqual(["ada"]);
  });

  test("sees its balance, however many others there are", async () => {
    const t = await seated(...Array.from({ length: 250 }, (_, i) => `seat ${String(i).padStart(3, "0")}`));
    const balances = await t.withIdentity({ subject: "seat 249" }).query(exported.balances, {});
    expect(balances?.map(({ entityId }) => entityId)).toEqual(["seat 249"]);
  });

  test("sees no event of another, nor of the customer", async () => {
    const t = await seated("ada", "bob");
    await t.mutation(async (ctx) => {
      for (const [entityId, value] of [
        ["ada", 1],
        ["bob", 2],
        [undefined, 3],
      ] as const)
        await crowd.for(ctx, { customerId, entityId }).track({ featureId: "tokens", value });
    });
    const events = await t.withIdentity({ subject: "ada" }).query(exported.events, {});
    expect(events?.page.map(({ kind, value }) => [kind, value])).toEqual([
      ["usage", 1],
      ["plan", 0],
    ]);
  });

  test("sees its own plan beside the customer's, and another does not", async () => {
    const t = await seated("ada", "bob");
    await t.mutation((ctx) =>
      crowd.subscriptions.attach(ctx, { customerId, entityId: "ada", planId: "power-seat" }),
    );
    const plansOf = async (subject: string) =>
      (await t.withIdentity({ subject }).query(exported.customer, {}))?.planIds.sort();
    expect(await plansOf("ada")).toEqual(["power-seat", "team"]);
    expect(await plansOf("bob")).toEqual(["team"]);
  });

  test("that the customer does not have is refused", async () => {
    const t = await seated("ada");
    const check = t.withIdentity({ subject: "eve" }).query(exported.check, { featureId: "tokens" });
    await expect(check).rejects.toMatchObject({ data: { kind: "entity_not_found" } });
    const balances = t.withIdentity({ subject: "eve" }).query(exported.balances, {});
    await expect(balances).rejects.toMatchObject({ data: { kind: "entity_not_found" } });
  });
});

describe("an argument that identify may use", () => {
  /** Members of one workspace each: whoever asks for another is nobody there. */
  const workspaces = new Tally(components.tally, {
    catalog: tally.catalog,
    scope: { workspaceId: v.string() },
    identify: async (ctx, { workspaceId }): Promise<Identity | null> => {
      const user = await ctx.auth.getUserIdentity();
      return user?.subject === `member of ${workspaceId}` ? { customerId: workspaceId } : null;
    },
  });

  function deployedWorkspaces() {
    const t = convexTest({
      schema,
      modules: {
        "../../convex/_generated/api.ts": () => Promise.resolve({}),
        "../../convex/workspaces.ts": () => Promise.resolve(workspaces.api()),
      },
    });
    registerInspected(t);
    return t;
  }

  const { workspaces: exported } = anyApi as unknown as ApiFromModules<{
    workspaces: ReturnType<typeof workspaces.api>;
  }>;

  test("opens the workspace to its members", async () => {
    const t = deployedWorkspaces();
    const member = t.withIdentity({ subject: "member of red" });
    expect(await member.query(exported.balances, { workspaceId: "red" })).toHaveLength(4);
  });

  test("opens it to nobody else", async () => {
    const t = deployedWorkspaces();
    await t.mutation((ctx) => workspaces.customers.create(ctx, { customerId: "blue" }));
    const member = t.withIdentity({ subject: "member of red" });
    expect(await member.query(exported.balances, { workspaceId: "blue" })).toBeNull();
  });
});
