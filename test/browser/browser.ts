/** The demo and a real browser, for the tests of this folder. */
import fs from "node:fs";
import path from "node:path";
import { chromium, type Browser, type BrowserContext, type Page } from "playwright-core";
import { startDemo, type RunningDemo } from "../../example/web/deployed.js";

export const CHROMIUM = "/usr/bin/chromium";
const SCREENSHOTS = path.resolve("test/browser/screenshots");

const FLAGS = [
  "--headless",
  "--no-sandbox",
  "--disable-gpu",
  "--disable-quic",
  "--no-first-run",
  "--disable-background-networking",
  "--disable-component-update",
  "--disable-sync",
];

/** Why there is nothing to test with; in CI that is a failure, and no reason. */
export function missingBrowser(): string | null {
  if (fs.existsSync(CHROMIUM)) return null;
  const reason = `${CHROMIUM} is not there: install Debian's chromium to run these tests.`;
  if (process.env["CI"]) throw new Error(reason);
  return reason;
}

export interface Stage {
  demo: RunningDemo;
  browser: Browser;
  close(): Promise<void>;
}

export async function openStage(): Promise<Stage> {
  const quiet = { ...console, log() {}, info() {}, warn() {} };
  const options = { port: 0, sitePort: 0, pagePort: 0, dataDir: null, log: quiet };
  const [starting, launching] = [
    startDemo(options),
    chromium.launch({ executablePath: CHROMIUM, args: FLAGS, timeout: 60_000 }),
  ];
  const [demo, browser] = await Promise.all([starting, launching]);
  const close = async () => {
    await browser.close();
    await demo.close();
  };
  return { demo, browser, close };
}

/** What pages have complained of since the last look. */
export const complaints: string[] = [];

interface Look {
  width?: number;
  theme?: "light" | "dark";
}

/** A browser of its own, in which somebody is signed in. */
export async function signIn({ demo, browser }: Stage, name: string, look: Look = {}): Promise<Page> {
  const { width = 1200, theme = "light" } = look;
  const context = await browser.newContext({
    viewport: { width, height: width < 600 ? 844 : 800 },
    colorScheme: theme,
    reducedMotion: "reduce",
  });
  context.setDefaultTimeout(15_000);
  const page = await openTab(context, demo.url);
  await page.getByRole("button", { name: new RegExp(name) }).click();
  await page.getByRole("button", { name: "Sign out" }).waitFor();
  return page;
}

/** One more tab of the same user. */
export async function anotherTab(page: Page): Promise<Page> {
  return await openTab(page.context(), page.url());
}

async function openTab(context: BrowserContext, url: string): Promise<Page> {
  const page = await context.newPage();
  page.on("console", (message) => {
    if (message.type() === "error" || message.type() === "warning") complaints.push(message.text());
  });
  page.on("pageerror", (error) => complaints.push(error.message));
  await page.goto(url);
  return page;
}

/** The one that the README shows: `DEMO_PICTURE=docs/demo.png` takes it anew. */
const PICTURE_OF_README = "paywall-wide-light";

/** Keeps what the page looks like, for people. */
export async function picture(page: Page, name: string): Promise<void> {
  fs.mkdirSync(SCREENSHOTS, { recursive: true });
  const file = path.join(SCREENSHOTS, `${name}.png`);
  await page.screenshot({ path: file });
  const asked = process.env["DEMO_PICTURE"];
  if (asked === undefined || name !== PICTURE_OF_README) return;
  fs.mkdirSync(path.dirname(asked), { recursive: true });
  fs.copyFileSync(file, asked);
}

/** Waits until a meter says so. */
export async function leftOf(page: Page, meter: string, text: string): Promise<void> {
  await page
    .getByRole("meter", { name: meter })
    .and(page.locator(`[aria-valuetext^="${text}"]`))
    .waitFor()
    .catch(async () => {
      const shown = await page.getByRole("meter", { name: meter }).getAttribute("aria-valuetext");
      throw new Error(`The meter of ${meter} says ${String(shown)}, and not ${text}.`);
    });
}

/** Presses a button that leads to where one pays, and there another one, which leads back. */
export async function checkOut(
  page: Page,
  button: string,
  outcome: "Pay" | "Let the card be declined" | "Give up",
): Promise<void> {
  await page.getByRole("button", { name: button }).click();
  await page.getByText("This is a demo: no money moves.").waitFor();
  await page.getByRole("button", { name: outcome }).click();
  await page.getByRole("button", { name: "Sign out" }).waitFor();
}

/** Chooses a model by its radio button, which is drawn by its label. */
export async function choose(page: Page, model: "Basic" | "Premium"): Promise<void> {
  await page.locator(".model", { hasText: model }).click();
}

/** Sends a message and waits for the end of its answer, which `stop` brings about at once. */
export async function ask(page: Page, text: string, { stop = false } = {}): Promise<void> {
  await page.getByRole("textbox", { name: "Message" }).fill(text);
  await page.getByRole("button", { name: "Send" }).click();
  const stopping = page.getByRole("button", { name: "Stop" });
  await stopping.waitFor();
  if (stop) await stopping.click();
  await page.getByRole("button", { name: "Send" }).waitFor();
}
