/** The demo provider's checkout page. */
import { fromMinor } from "../core/money.js";
import type { Ordered } from "./provider.js";

/** What is bought for how much, and three ways out. */
export function demoPage(sessionId: string, order: Ordered, webhookUrl: string): Response {
  const { sold, status, successUrl } = order;
  const price = order.trialDays === undefined ? priced(sold.total, sold.currency) : "Free trial";
  const lines = sold.lines.map(
    ({ name, amount }) => `<li>${escaped(name)}: ${priced(amount, sold.currency)}</li>`,
  );
  const isOpen = status === "open";
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
    <style>
      body { font: 1rem/1.5 system-ui, sans-serif; max-width: 26rem; margin: 3rem auto; padding: 0 1rem; }
      button { display: block; width: 100%; margin: 0.5rem 0; padding: 0.6rem; font: inherit; cursor: pointer; }
    </style>
  </head>
  <body>
    <main>
      <p>This is a demo: no money moves.</p>
      <h1>${escaped(sold.name)}</h1>
      <ul>${lines.join("")}</ul>
      <p><strong>${escaped(price)}</strong></p>
      ${isOpen ? buttons : `<p role="status">This checkout is ${escaped(status)}.</p>`}
      <p role="alert" hidden>That did not work. Try again.</p>
      <p><a href="${escaped(successUrl)}">Back to the app</a></p>
    </main>
    <script>
      const { sessionId, webhookUrl, successUrl } = ${embedded({ sessionId, webhookUrl, successUrl })};
      for (const button of document.querySelectorAll("button")) {
        button.addEventListener("click", async () => {
          const body = JSON.stringify({ session: sessionId, outcome: button.dataset.outcome });
          const answer = await fetch(webhookUrl, { method: "POST", body }).catch(() => null);
          if (answer?.ok) location.href = successUrl;
          else document.querySelector("[role=alert]").hidden = false;
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
