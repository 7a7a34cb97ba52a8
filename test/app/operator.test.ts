/** What whoever runs the app may see and do, and that nobody else can. */
import { anyApi, type FunctionReference } from "convex/server";
import { describe, expect, test } from "vitest";
import { api } from "../../convex/_generated/api.js";
import { deployment, signedIn, type Deployment } from "./deployment.js";
import { registerInspected, stored } from "./stored.js";

const asOperator = (t: Deployment) =>
  t.withIdentity({ subject: "olga", email: "olga@example.com", role: "operator" });

async function withAda() {
  const t = deployment();
  registerInspected(t);
  await t.withIdentity({ subject: "ada", name: "Ada" }).mutation(api.chat.send, { text: "hello" });
  return t;
}

const about = { customerId: "ada", featureId: "messages", reason: "She asked", requestId: "r1" };

const calls: Record<string, [kind: "query" | "mutation" | "action", args: Record<string, unknown>]> = {
  customers: ["query", { cursor: null }],
  account: ["query", { customerId: "ada" }],
  events: ["query", { customerId: "ada", cursor: null }],
  give: ["mutation", { ...about, amount: 5 }],
  adjust: ["mutation", { ...about, remaining: 5 }],
  audit: ["action", { customerId: "ada" }],
  auditAll: ["action", { cursor: null }],
};

describe("anybody but an operator", () => {
  const others: [who: string, claims: Record<string, string>][] = [
    ["a user", { subject: "ben" }],
    ["the customer himself", { subject: "ada" }],
    ["a user who is called operator", { subject: "operator", name: "operator" }],
    ["a user of another role", { subject: "ben", role: "Operator" }],
  ];

  test.each(Object.entries(calls))("is refused %s, and changes nothing", async (name, [kind, args]) => {
    const t = await withAda();
    const before = await stored(t);
    const reference: unknown = anyApi["operator"]?.[name];
    for (const [, claims] of others) {
      const other = t.withIdentity(claims);
      const called =
        kind === "query"
          ? other.query(reference as FunctionReference<"query">, args)
          : kind === "mutation"
            ? other.mutation(reference as FunctionReference<"mutation">, args)
            : other.action(reference as FunctionReference<"action">, args);
      await expect(called).rejects.toMatchObject({ data: { code: "FORBIDDEN" } });
    }
    expect(await stored(t)).toEqual(before);
  });

  test("is told that there is nothing for him", async () => {
    const t = await withAda();
    for (const [, claims] of others) {
      expect(await t.withIdentity(claims).query(api.operator.access, {})).toBe(false);
    }
    expect(await t.query(api.operator.access, {})).toBe(false);
  });
});

describe("an operator", () => {
  test("is let in", async () => {
    expect(await asOperator(await withAda()).query(api.operator.access, {})).toBe(true);
  });

  test("sees customers by page, and one of them grant by grant", async () => {
    const operator = asOperator(await withAda());
    const { page, cursor } = await operator.query(api.operator.customers, { cursor: null });
    expect(page).toMatchObject([{ customerId: "ada", name: "Ada" }]);
    expect(cursor).toBeNull();
    const account = await operator.query(api.operator.account, { customerId: "ada" });
    expect(account?.subscriptions).toMatchObject([{ planId: "free", status: "active" }]);
    const messages = account?.balances.find(({ featureId }) => featureId === "messages");
    expect(messages?.breakdown).toMatchObject([{ planId: "free", granted: 5, usage: 1, remaining: 4 }]);
  });

  test("sees what each event was drawn from", async () => {
    const operator = asOperator(await withAda());
    const { page } = await operator.query(api.operator.events, { customerId: "ada", cursor: null });
    expect(page[0]).toMatchObject({ kind: "usage", featureId: "messages", value: 1 });
    expect(page[0]?.draws).toMatchObject([{ amount: 1, units: 1 }]);
  });

  test("sees what is held while an answer is written", async () => {
    const t = await withAda();
    await signedIn(t, "ada").mutation(api.answers.ask, { model: "basic", text: "hello" });
    const account = await asOperator(t).query(api.operator.account, { customerId: "ada" });
    expect(account?.reservations).toMatchObject([{ featureId: "ai_tokens", value: 20 }]);
  });

  test("gives with a reason, once for a request, and the event says who it was", async () => {
    const operator = asOperator(await withAda());
    await operator.mutation(api.operator.give, { ...about, amount: 5 });
    await operator.mutation(api.operator.give, { ...about, amount: 5 });
    const { page } = await operator.query(api.operator.events, { customerId: "ada", cursor: null });
    expect(page.filter(({ kind }) => kind === "grant")).toMatchObject([
      { featureId: "messages", value: 5, reason: "She asked", actor: "olga@example.com" },
    ]);
  });

  test("sets what is left, and the audit proves it", async () => {
    const operator = asOperator(await withAda());
    await operator.mutation(api.operator.adjust, { ...about, remaining: 2 });
    const account = await operator.query(api.operator.account, { customerId: "ada" });
    expect(account?.balances.find(({ featureId }) => featureId === "messages")).toMatchObject({
      remaining: 2,
    });
    expect(await operator.action(api.operator.audit, { customerId: "ada" })).toMatchObject({ ok: true });
    expect(await operator.action(api.operator.auditAll, { cursor: null })).toMatchObject({
      page: [],
      audited: 1,
    });
  });

  test.each([
    ["an empty reason", { ...about, amount: 5, reason: "  " }],
    ["a negative amount", { ...about, amount: -5 }],
    ["an amount that is no number", { ...about, amount: Number.NaN }],
    ["a feature that is not there", { ...about, amount: 5, featureId: "mesages" }],
  ])("is refused %s, and nothing is changed", async (_, args) => {
    const t = await withAda();
    const before = await stored(t);
    await expect(asOperator(t).mutation(api.operator.give, args)).rejects.toThrow();
    expect(await stored(t)).toEqual(before);
  });
});
