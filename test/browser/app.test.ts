/** The app as people use it: real tabs of a real browser, on an embedded deployment. */
import type { Page } from "playwright-core";
import { afterAll, afterEach, beforeAll, describe, expect, test } from "vitest";
import { signToken } from "../../example/embedded/keys.js";
import {
  anotherTab,
  ask,
  checkOut,
  choose,
  complaints,
  leftOf,
  missingBrowser,
  openStage,
  signIn,
  type Stage,
} from "./browser.js";
import { billingCalls, callFrom, hostileCalls, type Call } from "./hostile.js";
import { inspect, operatorScreens, userScreens } from "./screens.js";

const reason = missingBrowser();
if (reason !== null) console.warn(`Skipped: ${reason}`);

describe.skipIf(reason !== null)("in a browser", () => {
  let stage: Stage;
  const open: Page[] = [];
  const as = async (name: string) => {
    const page = await signIn(stage, name);
    open.push(page);
    return page;
  };
  beforeAll(async () => void (stage = await openStage()));
  afterAll(async () => await stage.close());
  afterEach(async () => {
    for (const page of open.splice(0)) await page.context().close();
    expect(complaints.splice(0)).toEqual([]);
  });

  test("every screen of a user keeps nobody out, in all its looks", async () => {
    const ada = await as("Ada");
    await userScreens(ada);
    await ada.getByRole("link", { name: "Skip to content" }).press("Enter");
    expect(await ada.evaluate("document.activeElement.id")).toBe("main");
    await ada.getByRole("heading", { name: "Plans and credits" }).waitFor();

    await ada.getByRole("button", { name: "Sign out" }).click();
    await ada.getByRole("heading", { name: "Who are you today?" }).waitFor();
    await inspect(ada, "sign-in");
  });

  test("two tabs of one user see one message", async () => {
    const first = await as("Ben");
    const second = await anotherTab(first);
    await leftOf(second, "Messages", "5 of 5 left");
    await ask(first, "Hello from the other tab");
    await leftOf(first, "Messages", "4 of 5 left");
    await leftOf(second, "Messages", "4 of 5 left");
    await second.getByText("Hello from the other tab", { exact: true }).waitFor();
  });

  test("the meter shows what is about to be used while one types", async () => {
    const ben = await as("Ben");
    await leftOf(ben, "Messages", "4 of 5 left");
    const pending = () => ben.locator(".meter").first().locator(".meter-pending").getAttribute("style");
    expect(await pending()).toBe("width: 0%;");
    await ben.getByRole("textbox", { name: "Message" }).fill("Hm");
    expect(await pending()).toBe("width: 20%;");
  });

  test("a stopped answer is charged for what it streamed, to the token", async () => {
    const cleo = await as("Cleo");
    await cleo.getByRole("textbox", { name: "Message" }).fill("Tell me all");
    await cleo.getByRole("button", { name: "Send" }).click();
    await cleo.locator(".message.assistant .message-text", { hasText: "stand-in" }).waitFor();
    await cleo.getByRole("button", { name: "Stop" }).click();
    const cost = cleo.getByText(/^Stopped\. Charged for what is written: \d+ tokens$/);
    await cost.waitFor();
    const tokens = Number(/\d+/.exec((await cost.textContent()) ?? "")?.[0]);
    expect(tokens).toBeGreaterThan(5);
    expect(tokens).toBeLessThan(90);
    const left = (2_000 - tokens).toLocaleString("en");
    await leftOf(cleo, "AI tokens", `${left} of 2,000 left`);
  });

  test("credits run out in the middle of an answer, and a top-up lets the other tab go on without a reload", async () => {
    const first = await as("Cleo");
    const second = await anotherTab(first);
    for (const page of [first, second]) await choose(page, "Premium");
    const paywall = (page: Page) =>
      page.getByRole("heading", { name: "Not enough AI credits for the premium model" });
    for (let asked = 0; asked < 4 && !(await paywall(first).isVisible()); asked++) {
      await ask(first, "What do you cost?");
    }
    await first
      .getByText(/^Too few credits to go on/)
      .first()
      .waitFor();
    await paywall(second).waitFor();
    await inspect(second, "paywall");
    await second.getByRole("textbox", { name: "Message" }).fill("And here?");
    const send = second.getByRole("button", { name: "Send" });
    expect(await send.isDisabled()).toBe(true);

    await checkOut(first, "Buy $5 of AI credits", "Pay");
    await first.getByText("Paid: $5 of AI credits, $5.00.").waitFor();
    await second.getByText("$5.00 of $5.00").waitFor();
    await second.getByText("never expires").waitFor();
    await paywall(second).waitFor({ state: "detached" });
    expect(await send.isEnabled()).toBe(true);
    await inspect(second, "topped-up");
  });

  test("a workspace has an allowance of its own, which its members share and its owner alone adds to", async () => {
    const [ada, ben] = [await as("Ada"), await as("Ben")];
    for (const page of [ada, ben]) {
      await page.getByRole("combobox", { name: "Account" }).selectOption({ label: labelIn(page, ada) });
    }
    await ask(ben, "Hello, team");
    await leftOf(ada, "Messages", "4 of 5 left");
    await ada.getByText("Hello, team", { exact: true }).waitFor();
    await ada.locator(".message-author", { hasText: "Ben Okafor" }).waitFor();

    await ben.getByRole("link", { name: "Plans" }).click();
    await ben.getByText(/managed by its owners/).waitFor();
    await ben.getByRole("heading", { name: "Pro" }).waitFor();
    expect(await ben.getByRole("button", { name: /Upgrade|Buy|Cancel/ }).count()).toBe(0);
    await inspect(ben, "plans-member");

    await ada.getByRole("link", { name: "Plans" }).click();
    await checkOut(ada, "Upgrade Pro", "Pay");
    await ada.getByText("Paid: Pro, $20.00.").waitFor();
    await ada.getByRole("button", { name: "Cancel plan" }).waitFor();
    await ben.getByText("renews each month").waitFor();
    expect(await ben.getByRole("button", { name: /Upgrade|Buy|Cancel|Downgrade/ }).count()).toBe(0);
    const { key, deployment } = stage.demo;
    const workspaceId = await ben.getByRole("combobox", { name: "Account" }).inputValue();
    const calls = billingCalls(workspaceId);
    expect(calls.length).toBeGreaterThan(1);
    for (const { status, errorMessage } of await callFrom(
      ben,
      deployment.url,
      await signToken(key, "ben"),
      calls,
    )) {
      expect(status).toBe("error");
      // It is he who is refused, and not what he asks for.
      expect(errorMessage).not.toMatch(/Validat/);
    }
    complaints.splice(0);
    await ada.getByRole("button", { name: "Cancel plan" }).click();
    await ada.getByRole("button", { name: "Keep plan" }).click();
    await ada.getByText("renews each month").waitFor();

    await ada.getByRole("link", { name: "Chat" }).click();
    await leftOf(ada, "Messages", "500 of 500 left");
    await ada.getByRole("combobox", { name: "Account" }).selectOption({ label: "Ada Moreau" });
    await leftOf(ada, "Messages", "4 of 5 left");
  });

  test("the operator's page is refused to a user, whatever he writes into the address", async () => {
    const ben = await as("Ben");
    expect(await ben.getByRole("link", { name: "Operator" }).count()).toBe(0);
    await ben.goto(`${stage.demo.url}#/operator`);
    await ben.getByRole("heading", { name: "This page is for operators" }).waitFor();
    expect(await ben.getByText("ada@example.com").count()).toBe(0);
    await inspect(ben, "refused");
  });

  test("an operator gives with a reason, which shows at the customer's at once, and the audit proves it", async () => {
    const [olga, ben] = [await as("Olga"), await as("Ben")];
    await olga.getByRole("link", { name: "Operator" }).click();
    await olga.getByRole("button", { name: /Ben Okafor/ }).click();
    await olga.getByRole("combobox", { name: "Feature" }).selectOption("messages");
    await olga.getByRole("spinbutton", { name: "Amount" }).fill("7");
    await olga.getByRole("textbox", { name: "Reason" }).fill("Ticket 42");
    await olga.getByRole("button", { name: "Apply" }).click();
    await olga.getByText("Ticket 42 — olga@example.com").waitFor();
    await leftOf(ben, "Messages", "11 of 12 left");

    const latest = olga.locator(".events > li").first();
    await ben.getByRole("textbox", { name: "Message" }).fill("What is held?");
    await ben.getByRole("button", { name: "Send" }).click();
    await olga.getByText(/^ai_tokens: \d+ held, \d+ reported, until /).waitFor();
    await olga.getByText("Nothing is held.").waitFor();
    await latest.getByText(/^ai_tokens$/).waitFor();
    await latest.getByText("1 draw").click();
    await latest.getByText(/^\d+ taken from g\d+ \(ai_tokens, free\)$/).waitFor();

    await olga.getByRole("combobox", { name: "What" }).selectOption("Set what is left");
    await olga.getByRole("combobox", { name: "Feature" }).selectOption("credits");
    await olga.getByRole("spinbutton", { name: "Amount" }).fill("0.25");
    await olga.getByRole("textbox", { name: "Reason" }).fill("Ticket 43");
    await olga.getByRole("button", { name: "Apply" }).click();
    await latest.getByText("Ticket 43 — olga@example.com").waitFor();
    await latest.getByText("remaining set to $0.25 · $0.25 left").waitFor();
    await leftOf(ben, "AI credits", "$0.25 of ");
    await olga.getByRole("button", { name: "Audit this customer" }).click();
    await olga.getByText(/^Proved by \d+ events/).waitFor();
    await olga.getByRole("button", { name: "Audit all" }).click();
    await olga.getByText("4 audited, 0 drifting.").waitFor();
    await operatorScreens(olga);
  });

  test("a hostile page gets nothing of others and nothing for itself, whatever it calls", async () => {
    const { key, deployment } = stage.demo;
    const { url } = deployment;
    const page = await as("Cleo");
    const [olga, cleo] = await Promise.all([
      signToken(key, "olga", { role: "operator" }),
      signToken(key, "cleo"),
    ]);
    const known = async () => {
      const about = (customerId: string, path: string): Call => ({
        kind: "query",
        path: `operator:${path}`,
        args: { customerId, ...(path === "events" && { cursor: null }) },
      });
      const calls = [...victims, "cleo"].flatMap((id) => [about(id, "account"), about(id, "events")]);
      return await callFrom(page, url, olga, calls);
    };
    const [workspace] = await callFrom(page, url, await signToken(key, "ada"), [
      { kind: "query", path: "workspaces:mine", args: {} },
    ]);
    const [{ workspaceId = "" } = {}] = workspace?.value as { workspaceId: string }[];
    const victims = ["ada", "ben", workspaceId];
    const before = await known();
    expect(before.map(({ status }) => status)).toEqual(before.map(() => "success"));

    const calls = hostileCalls(victims, workspaceId);
    expect(calls.length).toBeGreaterThan(300);
    for (const token of [null, cleo]) {
      const replies = await callFrom(page, url, token, calls);
      expect(replies.filter(({ status }) => status === "error").length).toBeGreaterThan(250);
      expect(JSON.stringify(replies.map(({ value }) => value))).not.toMatch(/example\.com|Northwind|team/);
    }
    expect(await known()).toEqual(before);
    complaints.splice(0);
  });

  test("the limit is reached, the paywall appears, and a month later the messages are back on screen", async () => {
    const ada = await as("Ada");
    await leftOf(ada, "Messages", "4 of 5 left");
    for (let left = 3; left >= 0; left--) {
      await ask(ada, "One more", { stop: true });
      await leftOf(ada, "Messages", `${left} of 5 left`);
    }
    await ada.getByRole("heading", { name: "You have used all your messages" }).waitFor();
    await ada.getByRole("button", { name: "Upgrade Pro" }).waitFor();
    await ada.getByRole("textbox", { name: "Message" }).fill("One more");
    expect(await ada.getByRole("button", { name: "Send" }).isDisabled()).toBe(true);

    await ada.getByRole("button", { name: "+ 1 day" }).click();
    await ada.getByRole("button", { name: "+ 1 month" }).click();
    await leftOf(ada, "Messages", "5 of 5 left");
    await ada.locator(".paywall").waitFor({ state: "detached" });
    expect(await ada.getByRole("button", { name: "Send" }).isEnabled()).toBe(true);
  });
});

/** Each is told his own role. */
const labelIn = (page: Page, owner: Page): string =>
  `Northwind Labs (${page === owner ? "owner" : "member"})`;
