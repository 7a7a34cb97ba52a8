/** Every screen, narrow and wide, light and dark: axe finds nothing serious, and people can look at them. */
import fs from "node:fs";
import { createRequire } from "node:module";
import type { AxeResults } from "axe-core";
import type { Page } from "playwright-core";
import { afterAll, afterEach, beforeAll, describe, expect, test } from "vitest";
import { complaints, missingBrowser, openStage, picture, signIn, type Stage } from "./browser.js";

const reason = missingBrowser();
if (reason !== null) console.warn(`Skipped: ${reason}`);

const axe = fs.readFileSync(createRequire(import.meta.url).resolve("axe-core/axe.min.js"), "utf8");

/** What keeps people out, in their rules' names. */
async function barriersOn(page: Page): Promise<string[]> {
  await page.evaluate(axe);
  const { violations } = (await page.evaluate("axe.run()")) as AxeResults;
  const grave = violations.filter(({ impact }) => impact === "serious" || impact === "critical");
  return grave.flatMap(({ id, nodes }) => nodes.map(({ html }) => `${id}: ${html}`));
}

async function ask(page: Page, text: string, model = "Basic") {
  await page.getByText(model, { exact: true }).or(page.locator(".model > span", { hasText: model })).first().click();
  await page.getByRole("textbox", { name: "Message" }).fill(text);
  await page.getByRole("button", { name: "Send" }).click();
  await page.getByRole("button", { name: "Stop" }).waitFor();
  await page.getByRole("button", { name: "Send" }).waitFor();
}

describe.skipIf(reason !== null)("the screens", () => {
  let stage: Stage;
  beforeAll(async () => void (stage = await openStage()), 60_000);
  afterAll(async () => await stage.close());
  afterEach(() => expect(complaints.splice(0)).toEqual([]));

  const looks = [
    { width: 1200, theme: "light" },
    { width: 1200, theme: "dark" },
    { width: 390, theme: "light" },
    { width: 390, theme: "dark" },
  ] as const;

  test("of a user keep nobody out", async () => {
    const ada = await signIn(stage, "Ada");
    await ask(ada, "What happens when I press Stop?");
    await ask(ada, "And who pays for this one?", "Premium");
    await ask(ada, "And this?", "Premium");
    await ask(ada, "Once more", "Premium");
    await ada.context().close();
    for (const look of looks) {
      const name = `${look.width < 600 ? "narrow" : "wide"}-${look.theme}`;
      const page = await signIn(stage, "Ada", look);
      await page.getByRole("log").waitFor();
      await page.getByRole("meter").first().waitFor();
      await page.getByRole("textbox", { name: "Message" }).fill("How much is left?");
      await page.waitForTimeout(300);
      expect(await barriersOn(page)).toEqual([]);
      await picture(page, `chat-${name}`);
      await page.getByRole("textbox", { name: "Message" }).fill("");
      await page.locator(".model > span", { hasText: "Premium" }).click();
      await page.locator(".paywall").waitFor();
      expect(await barriersOn(page)).toEqual([]);
      await picture(page, `paywall-${name}`);
      await page.getByRole("link", { name: "Plans" }).click();
      await page.getByRole("heading", { name: "Pro" }).waitFor();
      expect(await barriersOn(page)).toEqual([]);
      await picture(page, `plans-${name}`);
      await page.getByRole("button", { name: "Sign out" }).click();
      await page.getByRole("heading", { name: "Who are you today?" }).waitFor();
      expect(await barriersOn(page)).toEqual([]);
      await picture(page, `sign-in-${name}`);
      await page.context().close();
    }
    const cleo = await signIn(stage, "Cleo");
    await cleo.getByRole("heading", { name: "Ask something" }).waitFor();
    await cleo.getByRole("meter").first().waitFor();
    await picture(cleo, "empty-wide-light");
    await cleo.context().close();
  });

  test("of an operator keep nobody out", async () => {
    for (const look of looks) {
      const name = `${look.width < 600 ? "narrow" : "wide"}-${look.theme}`;
      const page = await signIn(stage, "Olga", look);
      await page.getByRole("link", { name: "Operator" }).click();
      await page.getByRole("button", { name: /Ada/ }).click();
      await page.getByRole("row").nth(3).waitFor();
      await page.getByText("usage").first().waitFor();
      expect(await barriersOn(page)).toEqual([]);
      await picture(page, `operator-${name}`);
      await page.context().close();
    }
  });
});
