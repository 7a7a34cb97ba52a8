/** The demo provider's checkout page. */
import { fromMinor } from "../core/money.js";
import type { Ordered } from "./provider.js";

/** What is bought for how much, and three ways out. */
export function demoPage(sessionId: string, order: Ordered, webhookUrl: string): Response {
  const { sold, status, trialDays, successUrl } = order;
  const price = trialDays === undefined ? priced(sold.total, sold.currency) : "Free trial";
  const line = ({ name, amount }: (typeof sold.lines)[number]) =>
    `<li><span>${escaped(name)}</span> <span>${escaped(priced(amount, sold.currency))}</span></li>`;
  const buttons = `
      <button data-outcome="pay">Pay ${escaped(price)}</button>
      <button data-outcome="decline">Let the card be declined</button>
      <button data-outcome="abandon">Give up</button>`;
  const body = `<!doctype html>
<html lang="en">
  <head>
    <meta charset="utf-8">
    <meta name="viewport" content="width=device-width">
    <title>Demo checkout</title>
    <link rel="icon" href="data:,">
    <style>
      :root { color-scheme: light dark; background: light-dark(#ffffff, #14181a); color: light-dark(#16201d, #e8edeb); }
      body { font: 1rem/1.5 system-ui, sans-serif; max-width: 24rem; margin: 4rem auto; padding: 0 1.25rem; }
      h1 { margin: 1.5rem 0 0.5rem; font-size: 1.375rem; line-height: 1.3; }
      ul { margin: 0 0 1.5rem; padding: 0; list-style: none; }
      li { display: flex; justify-content: space-between; gap: 1rem; padding: 0.375rem 0; }
      .total { border-top: 1px solid light-dark(#d0d7d4, #3b4448); font-weight: 600; }
      .demo, [role=alert] { padding: 0.5rem 0.75rem; border-radius: 0.5rem; }
      .demo { background: light-dark(#fff4e0, #33270f); color: light-dark(#8a4b00, #fbbf55); }
      [role=alert] { background: light-dark(#fdeceb, #3a1a18); color: light-dark(#b3261e, #ff9a92); }
      button { display: block; width: 100%; min-height: 2.75rem; margin: 0.5rem 0; font: inherit; cursor: pointer;
        border: 1px solid light-dark(#8a9692, #5c6966); border-radius: 0.625rem; background: none; color: inherit; }
      button[data-outcome=pay] { border-color: transparent; background: light-dark(#0f766e, #2dd4bf);
        color: light-dark(#ffffff, #06201c); font-weight: 600; }
      button:disabled { opacity: 0.6; cursor: default; }
      a { color: light-dark(#0f766e, #2dd4bf); }
    </style>
  </head>
  <body>
    <main>
      <p class="demo">This is a demo: no money moves.</p>
      <h1>${escaped(sold.name)}</h1>
      <ul>
        ${sold.lines.map(line).join("")}
        <li class="total"><span>${trialDays === undefined ? "Today" : "Today, and for the trial"}</span> <span>${escaped(price)}</span></li>
      </ul>
      ${status === "open" ? buttons : `<p role="status">This checkout is ${escaped(status)}.</p>`}
      <p role="alert" hidden>That did not work. Try again.</p>
      <p><a href="${escaped(successUrl)}">Back to the app</a></p>
    </main>
    <script>
      const { sessionId, webhookUrl, successUrl } = ${embedded({ sessionId, webhookUrl, successUrl })};
      const buttons = document.querySelectorAll("button");
      const wait = (isWaiting) => buttons.forEach((button) => { button.disabled = isWaiting; });
      for (const button of buttons) {
        button.addEventListener("click", async () => {
          wait(true);
          const body = JSON.stringify({ session: sessionId, outcome: button.dataset.outcome });
          const answer = await fetch(webhookUrl, { method: "POST", body }).catch(() => null);
          if (answer?.ok) return location.assign(successUrl);
          wait(false);
          document.querySelector("[role=alert]").hidden = false;
        });
      }
    </script>
  </body>
</html>
`;
  return new Response(body, {
    headers: { "content-type": "text/html; charset=utf-8", "cache-control": "no-store" },
  });
}

const priced = (minor: number, currency: string): string =>
  `${fromMinor(minor, currency)} ${currency.toUpperCase()}`;

const ENTITIES: Readonly<Record<string, string>> = {
  "&": "&amp;",
  "<": "&lt;",
  ">": "&gt;",
  '"': "&quot;",
  "'": "&#39;",
};
const escaped = (text: string): string => text.replace(/[&<>"']/g, (character) => ENTITIES[character] ?? "");

/** JSON that no text in it can end the script. */
const embedded = (value: Record<string, string>): string =>
  JSON.stringify(value)
    .replaceAll("<", "\\u003c")
    .replaceAll("\u2028", "\\u2028")
    .replaceAll("\u2029", "\\u2029");
