/** Every screen, narrow and wide, light and dark: axe finds nothing serious, and people can look at them. */
import fs from "node:fs";
import { createRequire } from "node:module";
import type { AxeResults } from "axe-core";
import type { Locator, Page } from "playwright-core";
import { expect } from "vitest";
import { ask, choose, picture } from "./browser.js";

const axe = fs.readFileSync(createRequire(import.meta.url).resolve("axe-core/axe.min.js"), "utf8");

const looks = [
  { width: 1200, height: 800, theme: "light" },
  { width: 1200, height: 800, theme: "dark" },
  { width: 390, height: 844, theme: "light" },
  { width: 390, height: 844, theme: "dark" },
] as const;

/** Takes pictures of what a page shows, from `top` on if there is more, in all its looks; axe tries each width and each theme. */
export async function inspect(page: Page, name: string, top?: Locator): Promise<void> {
  for (const [index, { width, height, theme }] of looks.entries()) {
    await page.setViewportSize({ width, height });
    await page.emulateMedia({ colorScheme: theme });
    await top?.evaluate((element) => element.scrollIntoView());
    if (index === 0 || index === looks.length - 1) expect(await barriersOn(page)).toEqual([]);
    await picture(page, `${name}-${width < 600 ? "narrow" : "wide"}-${theme}`);
  }
  await page.setViewportSize(looks[0]);
}

/** What keeps people out, in their rules' names. */
async function barriersOn(page: Page): Promise<string[]> {
  if (!(await page.evaluate("'axe' in window"))) await page.evaluate(axe);
  const { violations, passes } = (await page.evaluate("axe.run()")) as AxeResults;
  expect(passes.length).toBeGreaterThan(10);
  const grave = violations.filter(({ impact }) => impact === "serious" || impact === "critical");
  return grave.flatMap(({ id, nodes }) => nodes.map(({ html }) => `${id}: ${html}`));
}

export async function userScreens(page: Page): Promise<void> {
  await page.getByRole("heading", { name: "Ask something" }).waitFor();
  await page.getByRole("meter").nth(2).waitFor();
  await inspect(page, "empty");
  await ask(page, "What happens when I press Stop?");
  await choose(page, "Premium");
  await ask(page, "How is a streamed answer charged?");
  await choose(page, "Basic");
  await page.getByRole("textbox", { name: "Message" }).fill("And in the other tab?");
  await inspect(page, "chat");
  await page.getByRole("link", { name: "Plans" }).click();
  await page.getByRole("heading", { name: "Pro" }).waitFor();
  await inspect(page, "plans");
}

export async function operatorScreens(page: Page): Promise<void> {
  await page.getByRole("link", { name: "Operator" }).click();
  await page.getByRole("button", { name: /Ada/ }).click();
  await page.getByRole("row").nth(3).waitFor();
  await page.locator(".events li").first().waitFor();
  await inspect(page, "operator");
  await page.getByRole("button", { name: /Ben/ }).click();
  await page.locator(".events summary").first().click();
  await page.locator(".events details[open]").waitFor();
  await inspect(page, "operator-events", page.getByRole("heading", { name: "Give or correct" }));
}
