/** The whole way of a purchase: from the page to where one pays, and back, in a real browser. */
import type { Page } from "playwright-core";
import { afterAll, afterEach, beforeAll, describe, expect, test } from "vitest";
import {
  anotherTab,
  checkOut,
  complaints,
  leftOf,
  missingBrowser,
  openStage,
  signIn,
  type Stage,
} from "./browser.js";
import { inspect } from "./screens.js";

const reason = missingBrowser();
if (reason !== null) console.warn(`Skipped: ${reason}`);

describe.skipIf(reason !== null)("buying in a browser", () => {
  let stage: Stage;
  const open: Page[] = [];
  /** Somebody's plans, on screen. */
  const plansOf = async (name: string) => {
    const page = await signIn(stage, name);
    open.push(page);
    await page.getByRole("link", { name: "Plans" }).click();
    await page.getByRole("heading", { name: "Studio" }).waitFor();
    return page;
  };
  /** As a provider might say: the demo's never does. */
  const payTooLittle = async (sessionId: string) => {
    const payment = { paymentId: "too_little", amount: 100, currency: "usd" };
    const args = { provision: { plans: [] }, provider: "demo", sessionId, result: "paid", payment };
    const call = { kind: "mutation" as const, componentPath: "tally", udfPath: "purchases:conclude", args };
    const outcome = await stage.demo.deployment.engine.run(call, { identity: null, isAdmin: true });
    expect(outcome.ok).toBe(true);
  };
  beforeAll(async () => void (stage = await openStage()));
  afterAll(async () => await stage.close());
  afterEach(async () => {
    for (const page of open.splice(0)) await page.context().close();
    expect(complaints.splice(0)).toEqual([]);
  });

  test("a card that is declined, and a checkout that is left, give nothing and say so", async () => {
    const cleo = await plansOf("Cleo");
    await checkOut(cleo, "Upgrade Pro", "Let the card be declined");
    await cleo.getByText("Declined: Pro, $20.00.").waitFor();
    await inspect(cleo, "declined");
    expect(await cleo.getByRole("button", { name: "Cancel plan" }).count()).toBe(0);

    await checkOut(cleo, "Buy $5 of AI credits", "Give up");
    await cleo.getByText("Not bought: $5 of AI credits, $5.00.").waitFor();
    await inspect(cleo, "abandoned");
    await cleo.getByRole("button", { name: "Dismiss" }).click();
    await cleo.getByText("Not bought").waitFor({ state: "detached" });
    await cleo.getByRole("link", { name: "Chat" }).click();
    await leftOf(cleo, "Messages", "5 of 5 left");
    await leftOf(cleo, "AI credits", "$0.50 of $0.50 left");
  });

  test("a checkout that is left open is the same one again, and can be paid then", async () => {
    const cleo = await plansOf("Cleo");
    await cleo.getByRole("button", { name: "Buy $5 of AI credits" }).click();
    await cleo.getByRole("link", { name: "Back to the app" }).click();
    await cleo.getByText("Not paid yet: $5 of AI credits, $5.00.").waitFor();
    await checkOut(cleo, "Buy $5 of AI credits", "Pay");
    await cleo.getByText("Paid: $5 of AI credits, $5.00.").waitFor();
    expect(await cleo.locator(".purchases li").count()).toBe(3);
  });

  test("a top-up that is bought in one tab is there in the other, which is not loaded again", async () => {
    const first = await plansOf("Ben");
    const second = await anotherTab(first);
    await second.getByRole("link", { name: "Chat" }).click();
    await leftOf(second, "AI credits", "$0.50 of $0.50 left");
    await second.evaluate("window.isTheSame = true");
    await checkOut(first, "Buy $5 of AI credits", "Pay");
    await leftOf(second, "AI credits", "$5.50 of $5.50 left");
    expect(await second.evaluate("window.isTheSame")).toBe(true);
  });

  test("a webhook that is delivered twice, and once more at once, credits once", async () => {
    const ben = await plansOf("Ben");
    await ben.getByRole("button", { name: "Buy $5 of AI credits" }).click();
    await ben.getByText("This is a demo: no money moves.").waitFor();
    await inspect(ben, "checkout");
    const deliveries = await ben.evaluate(async () => {
      const session = new URL(location.href).searchParams.get("session");
      const body = JSON.stringify({ session, outcome: "pay" });
      const deliver = async () => (await fetch("/tally/webhook", { method: "POST", body })).status;
      return [...(await Promise.all([deliver(), deliver()])), await deliver()];
    });
    expect(deliveries).toEqual([200, 200, 200]);
    await ben.getByRole("link", { name: "Back to the app" }).click();
    await ben.getByText("Paid: $5 of AI credits, $5.00.").waitFor();
    await ben.getByRole("link", { name: "Chat" }).click();
    await leftOf(ben, "AI credits", "$10.50 of $10.50 left");
  });

  test("a plan is bought, changed for the difference, cancelled and kept", async () => {
    const ada = await plansOf("Ada");
    await checkOut(ada, "Upgrade Pro", "Pay");
    await ada.getByText("Paid: Pro, $20.00.").waitFor();
    await ada.getByText(/renews each month, next on /).waitFor();
    await inspect(ada, "plan-bought");
    await ada.getByRole("link", { name: "Chat" }).click();
    await leftOf(ada, "Messages", "500 of 500 left");
    await ada.getByRole("link", { name: "Plans" }).click();

    await ada.getByRole("button", { name: "Upgrade Studio" }).click();
    await ada
      .getByRole("dialog", { name: "Upgrade to Studio" })
      .getByText("Remaining time of Studio")
      .waitFor();
    await inspect(ada, "plan-change");
    await ada.getByRole("button", { name: "Not now" }).click();
    await ada.getByRole("button", { name: "Upgrade Studio" }).click();
    await ada.getByRole("button", { name: /^Pay \$30/ }).click();
    await ada.getByRole("region", { name: "Current plan" }).getByText("Studio").waitFor();
    await ada.getByText("(change of plan)").waitFor();

    await ada.getByRole("button", { name: "Downgrade Pro" }).click();
    await ada.getByText(/^Begins on .*Nothing is charged now/).waitFor();
    await ada.getByRole("button", { name: "Confirm" }).click();
    await ada.getByText(/ends on .*; Pro follows\./).waitFor();
    await ada.getByText("Paid: Pro, $20.00.").waitFor();
    await ada.getByRole("button", { name: "Keep plan" }).click();
    await ada.getByText(/renews each month/).waitFor();

    await ada.getByRole("button", { name: "Cancel plan" }).click();
    await ada.getByText(/ends on .*; Free follows\./).waitFor();
    await inspect(ada, "plan-cancelled");
    await ada.getByRole("button", { name: "Keep plan" }).click();
    await ada.getByText(/renews each month/).waitFor();

    await ada.getByRole("button", { name: "Invoices and cards" }).click();
    await ada.getByText(/the demo’s has none, and sent you back/i).waitFor();
    expect(new URL(ada.url()).search).toBe("");
  });

  test("a workspace's checkout comes back to the workspace", async () => {
    const ada = await plansOf("Ada");
    await ada.getByRole("combobox", { name: "Account" }).selectOption({ label: "Northwind Labs (owner)" });
    await ada.getByText("For Northwind Labs.").waitFor();
    await checkOut(ada, "Upgrade Studio", "Pay");
    await ada.getByText("Paid: Studio, $50.00.").waitFor();
    await ada.getByText("For Northwind Labs.").waitFor();
    await ada.getByRole("region", { name: "Current plan" }).getByText("Studio").waitFor();
  });

  test("an operator sees what was bought, and a payment that is not what it should be, with why", async () => {
    const ben = await plansOf("Ben");
    await ben.getByRole("button", { name: "Buy $5 of AI credits" }).click();
    await ben.getByText("This is a demo: no money moves.").waitFor();
    const sessionId = new URL(ben.url()).searchParams.get("session") ?? "";
    await payTooLittle(sessionId);
    await ben.getByRole("link", { name: "Back to the app" }).click();
    await ben.getByText("Being looked at: $5 of AI credits").waitFor();

    const olga = await signIn(stage, "Olga");
    open.push(olga);
    await olga.getByRole("link", { name: "Operator" }).click();
    await olga.getByRole("heading", { name: "Payments to look at" }).waitFor();
    await olga.getByRole("button", { name: "ben", exact: true }).click();
    await olga.getByRole("heading", { name: "Ben Okafor" }).waitFor();
    await olga.locator(".customer .purchase-list li").nth(2).waitFor();
    await inspect(olga, "purchases");
  });

  test("a month later the plan is paid again, and what it gives is back", async () => {
    const ada = await plansOf("Ada");
    const renewal = ada.getByText(/renews each month, next on /);
    const before = await renewal.textContent();
    await ada.getByRole("button", { name: "+ 1 month" }).click();
    await expect.poll(() => renewal.textContent(), { timeout: 15_000 }).not.toBe(before);
    await ada.getByRole("link", { name: "Chat" }).click();
    await leftOf(ada, "Messages", "2,000 of 2,000 left");
  });
});
