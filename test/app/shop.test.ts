/** What the app sells: through a provider that is only played, and is off unless the deployment says otherwise. */
import { expect, test, vi } from "vitest";
import { api, components, internal } from "../../convex/_generated/api.js";
import { deployment, signedIn } from "./deployment.js";
import { buy, opened, PAGE, press, shopOpen } from "./shop.js";

shopOpen();

const PACK = { planId: "credit-pack-5" };

function operator(t: ReturnType<typeof deployment>) {
  return t.withIdentity({ subject: "olga", email: "olga@example.com", role: "operator" });
}

test("nothing is sold where the demo's payments are not turned on", async () => {
  vi.stubEnv("DEMO_PAYMENTS", "");
  const ada = signedIn(deployment());
  await expect(ada.action(api.payments.checkout, { planId: "pro" })).rejects.toThrow(/not enabled/);
});

test("a payer is sent back to the page, and to no other", async () => {
  const ada = signedIn(deployment());
  const goTo = (successUrl: string) => ada.action(api.payments.checkout, { planId: "pro", successUrl });
  await expect(goTo("https://evil.example/")).rejects.toThrow(/must be an address of/);
  expect((await goTo(`${PAGE}/?back=checkout#/plans`)).url).toContain("/tally/checkout?session=");
  expect((await goTo("http://localhost:5173/")).url).toContain("/tally/checkout?session=");
});

test("what was bought, declined and abandoned is told to whoever bought it, and the latest is first", async () => {
  const t = deployment();
  const [ada, ben] = [signedIn(t, "ada"), signedIn(t, "ben")];
  await press(t, await opened(ada, PACK), "decline");
  await press(t, await opened(ada, PACK), "abandon");
  await buy(t, ada, PACK);
  await opened(ada, { planId: "pro" });
  const mine = await ada.query(api.payments.mine, {});
  expect(mine.map(({ planId, status, amount }) => [planId, status, amount])).toEqual([
    ["pro", "open", 2_000],
    ["credit-pack-5", "paid", 500],
    ["credit-pack-5", "expired", 500],
    ["credit-pack-5", "failed", 500],
  ]);
  expect(await ben.query(api.payments.mine, {})).toEqual([]);
  expect(await t.query(api.payments.mine, {})).toEqual([]);
});

test("a member of a workspace is not told what its owner pays", async () => {
  const t = deployment();
  await t.mutation(internal.demo.seed, {});
  const [ada, ben] = [signedIn(t, "ada"), signedIn(t, "ben")];
  const workspaceId = (await ada.query(api.workspaces.mine, {}))[0]?.workspaceId;
  if (workspaceId === undefined) throw new Error("The demo has a workspace.");
  await buy(t, ada, { ...PACK, workspaceId });
  expect(await ada.query(api.payments.mine, { workspaceId })).toHaveLength(1);
  expect(await ben.query(api.payments.mine, { workspaceId })).toEqual([]);
});

test("an operator sees all purchases of a customer, and why one is not credited; nobody else does", async () => {
  const t = deployment();
  const ada = signedIn(t, "ada");
  await buy(t, ada, PACK);
  const sessionId = await opened(ada, PACK);
  await t.action((ctx) =>
    ctx.runMutation(components.tally.purchases.conclude, {
      provision: { plans: [] },
      provider: "demo",
      sessionId,
      result: "paid",
      payment: { paymentId: "too_little", amount: 100, currency: "usd" },
    }),
  );
  const olga = operator(t);
  const { page } = await olga.query(api.operator.purchases, { customerId: "ada", cursor: null });
  expect(page.map(({ status, paid }) => [status, paid])).toEqual([
    ["quarantined", 100],
    ["paid", 500],
  ]);
  expect(await olga.query(api.operator.quarantined, { cursor: null })).toMatchObject({
    page: [{ customerId: "ada", status: "quarantined", problem: expect.stringContaining("500") as string }],
    cursor: null,
  });
  expect(await ada.query(api.usage.getUsage, { featureId: "credits" })).toMatchObject({ granted: 5.5 });

  for (const other of [ada, t]) {
    const refusals = [
      other.query(api.operator.purchases, { customerId: "ada", cursor: null }),
      other.query(api.operator.quarantined, { cursor: null }),
    ];
    for (const refused of refusals)
      await expect(refused).rejects.toMatchObject({ data: { code: "FORBIDDEN" } });
  }
});

test("the demo's plans are paid again each month, until they are cancelled", async () => {
  vi.useFakeTimers({ toFake: ["Date"], now: Date.UTC(2026, 0, 31) });
  const t = deployment();
  const ada = signedIn(t, "ada");
  await buy(t, ada, { planId: "pro" });
  const paidUntil = async () =>
    (await ada.query(api.billing.customer, {}))?.subscriptions
      .filter(({ status }) => status !== "scheduled")
      .map(({ planId, status, paidUntil }) => [planId, status, paidUntil]);
  expect(await paidUntil()).toEqual([["pro", "active", Date.UTC(2026, 1, 28)]]);
  vi.setSystemTime(Date.UTC(2026, 1, 28, 3));
  expect(await paidUntil()).toEqual([["pro", "past_due", Date.UTC(2026, 1, 28)]]);
  for (let time = 0; time < 2; time++) await t.mutation(internal.demo.renew, {});
  expect(await paidUntil()).toEqual([["pro", "active", Date.UTC(2026, 2, 28)]]);

  await ada.action(api.payments.cancel, { planId: "pro" });
  vi.setSystemTime(Date.UTC(2026, 3, 2));
  await t.mutation(internal.demo.renew, {});
  expect(await paidUntil()).toEqual([["free", "active", undefined]]);
  vi.useRealTimers();
});
